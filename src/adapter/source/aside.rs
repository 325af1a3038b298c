//! Files that others wrote or mounted, read beside the walk.
//!
//! Decides that only regular files are read, and one of them once at a time: a pipe without a writer, or a mount that
//! stalls, must stop neither the walk nor the way back. Depends on files and the runtime's threads.

use std::io::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

/// Reads one file, again and again.
#[derive(Debug, Clone, Default)]
pub struct Aside {
    /// A reading is out. One that never comes back holds its thread, so there is no second one.
    out: Arc<AtomicBool>,
}

/// Says that a reading is over, however it ended.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Aside {
    /// Its whole text, and when it was written last.
    pub(super) async fn read(&self, path: &Path, largest: u64) -> Result<(String, SystemTime)> {
        let path = path.to_owned();
        self.run(move || {
            // The time is looked at first, so that text which is written meanwhile counts as older than it is, never newer.
            let written = path.metadata()?.modified()?;
            Ok((crate::adapter::files::read_text(&path, largest)?, written))
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        // A thread that hangs in a dead mount stays. One for each file can be borne, one for each reading could not.
        if self.out.swap(true, Ordering::AcqRel) {
            return Err(Error::other("it is still being read: does its mount answer?"));
        }
        let over = Over(Arc::clone(&self.out));
        let job = move || {
            let _over = over;
            job()
        };
        tokio::task::spawn_blocking(job).await.map_err(Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test]
    async fn a_reading_that_stalls_stops_nothing_and_takes_one_thread() {
        let (go_on, stalled) = mpsc::channel::<()>();
        let aside = Aside::default();
        let limit = Duration::from_millis(20);
        let first = aside.run(move || stalled.recv().map_err(Error::other));
        assert!(tokio::time::timeout(limit, first).await.is_err(), "the caller gives up in time");
        for _ in 0..3 {
            assert!(aside.run(|| Ok(())).await.unwrap_err().to_string().contains("still being read"));
        }
        drop(go_on);
        let later = async {
            while aside.run(|| Ok(())).await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), later).await.unwrap();
    }
}

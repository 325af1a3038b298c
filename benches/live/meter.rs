//! What a process took, read from /proc while it runs.

use std::collections::BTreeMap;
use std::fs::{read_dir, read_to_string};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(10);

/// What it took.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// The most memory that it ever had resident (the kernel's own high-water mark).
    pub peak_kib: u64,
    /// Time on a processor, all threads, in nanoseconds by thread id: a thread that ended keeps its last reading.
    cpu: BTreeMap<String, u64>,
}

impl Taken {
    /// Time on a processor.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu.values().sum())
    }
}

/// Reads along until the process is gone or it is stopped.
pub struct Meter {
    over: Arc<AtomicBool>,
    reader: JoinHandle<Taken>,
}

impl Meter {
    pub fn of(id: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let reader = spawn(move || {
            let mut taken = Taken::default();
            while !told.load(Ordering::Relaxed) && read(id, &mut taken).is_some() {
                sleep(EVERY);
            }
            taken
        });
        Self { over, reader }
    }

    /// The last reading.
    pub fn stop(self) -> Taken {
        self.over.store(true, Ordering::Relaxed);
        let taken = self.reader.join().unwrap();
        assert!(taken.peak_kib > 0 && !taken.cpu.is_empty(), "/proc told nothing: {taken:?}");
        taken
    }
}

/// None: it is gone.
fn read(id: u32, taken: &mut Taken) -> Option<()> {
    let status = read_to_string(format!("/proc/{id}/status")).ok()?;
    // A process that ended and was not waited for yet has no memory left to tell of.
    let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let mark = mark.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
    taken.peak_kib = taken.peak_kib.max(mark.unwrap_or(0));
    for thread in read_dir(format!("/proc/{id}/task")).ok()?.flatten() {
        let Ok(text) = read_to_string(thread.path().join("schedstat")) else { continue };
        if let Some(nanoseconds) = text.split(' ').next().and_then(|n| n.parse().ok()) {
            taken.cpu.insert(thread.file_name().to_string_lossy().into_owned(), nanoseconds);
        }
    }
    Some(())
}

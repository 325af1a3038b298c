//! Watches: every later change in order, a little late; they may end or break at any time, or be too old.

use super::state::{Kind, State};
use super::world::World;
use andante::model::api_error::ApiError;
use andante::run::ports::{Watch, WatchEvent};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How a watch comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchEnd {
    /// The server closes it.
    Closed,
    /// The connection breaks.
    Broken,
    /// The server says that its place in history is gone.
    Gone,
}

/// How often the server says that nothing happened.
const BOOKMARK: Duration = Duration::from_secs(60);

/// One watch of one kind.
pub(crate) struct SimWatch {
    world: World,
    kind: Kind,
    cursor: u64,
    initial: VecDeque<Value>,
    late: Duration,
    bookmark: Instant,
    end: (Instant, WatchEnd),
    over: bool,
}

impl SimWatch {
    /// A watch of everything after `version`; from nowhere it begins with what is there.
    pub(crate) fn open(
        world: &World,
        kind: Kind,
        version: &str,
        late: Duration,
        end: (Instant, WatchEnd),
    ) -> Result<Self, ApiError> {
        let nowhere = matches!(version, "" | "0");
        let (initial, cursor) = world.with(|s| {
            let cursor = if nowhere { s.version } else { version.parse().unwrap_or(0) };
            (if nowhere { present(s, kind) } else { VecDeque::new() }, cursor)
        });
        if cursor == 0 {
            return Err(ApiError::Invalid(format!("invalid resource version {version:?}")));
        }
        if world.with(|s| cursor < s.compacted) {
            return Err(ApiError::Gone);
        }
        let bookmark = Instant::now() + BOOKMARK;
        Ok(Self { world: world.clone(), kind, cursor, initial, late, bookmark, end, over: false })
    }

    /// The next change that this watch has not seen: its version, when it is delivered, and what it says.
    fn upcoming(&self) -> Option<(u64, Instant, WatchEvent)> {
        self.world.with(|s| {
            let from = s.history.partition_point(|e| e.version <= self.cursor);
            let entry = s.history.iter().skip(from).find(|e| e.kind == self.kind)?;
            let object = Value::clone(&entry.object);
            let change = if entry.deleted { WatchEvent::Deleted(object) } else { WatchEvent::Now(object) };
            Some((entry.version, self.world.start + entry.at + self.late, change))
        })
    }
}

fn present(state: &mut State, kind: Kind) -> VecDeque<Value> {
    match kind {
        Kind::Service => state.service.iter().map(|s| Value::clone(s)).collect(),
        Kind::Revision => state.revisions.values().map(|r| r.object.clone()).collect(),
    }
}

impl Watch for SimWatch {
    async fn next(&mut self) -> Option<Result<WatchEvent, ApiError>> {
        if self.over {
            return None;
        }
        if let Some(object) = self.initial.pop_front() {
            return Some(Ok(WatchEvent::Now(object)));
        }
        loop {
            let upcoming = self.upcoming();
            let (end_at, end) = self.end;
            let wake = upcoming.as_ref().map_or(self.bookmark, |(_, at, _)| *at).min(end_at);
            if upcoming.is_some() {
                sleep_until(wake).await;
            } else {
                tokio::select! {
                    biased;
                    () = self.world.bell.notified() => continue,
                    () = sleep_until(wake) => {}
                }
            }
            if Instant::now() >= end_at {
                self.over = true;
                return match end {
                    WatchEnd::Closed => None,
                    WatchEnd::Broken => Some(Err(ApiError::Unreachable("connection reset by peer".into()))),
                    WatchEnd::Gone => Some(Err(ApiError::Gone)),
                };
            }
            if let Some((version, _, change)) = upcoming {
                self.cursor = version;
                return Some(Ok(change));
            }
            self.bookmark = Instant::now() + BOOKMARK;
            self.cursor = self.world.with(|s| s.version);
            return Some(Ok(WatchEvent::Bookmark(self.cursor.to_string())));
        }
    }
}

//! Follows objects by watch: one read to start, then only what changes; reads again when the watch lost its place.
//!
//! Decides when to read, to watch and to pause after a failure. A missed event loses no decision, because machines decide by
//! the state of the world and not by its changes. Depends on the ports and the runtime's timer.

pub(crate) mod service;

use crate::model::api_error::ApiError;
use crate::run::ports::{List, Watch, WatchEvent};
use backon::BackoffBuilder;
use futures_util::stream::{self, Stream};
use serde_json::Value;
use std::time::Duration;

/// News of what is followed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// Everything there is.
    All(Vec<Value>),
    /// One object as it is now.
    Now(Value),
    /// One object is gone.
    Deleted(Value),
    /// A watch is open again.
    Fine,
    /// Something failed; it is tried again.
    Trouble(ApiError),
}

/// How objects are read and watched.
pub(crate) trait Watchable {
    type Watch: Watch;
    fn read(&self) -> impl Future<Output = Result<List, ApiError>>;
    fn watch(&self, version: &str) -> impl Future<Output = Result<Self::Watch, ApiError>>;
}

enum WatchState<W> {
    Read,
    Open(String),
    Following(W, String),
}

struct State<'a, S: Watchable> {
    source: &'a S,
    place: WatchState<S::Watch>,
    delays: backon::ExponentialBackoff,
    pause: Option<Duration>,
    /// How many watches in a row ended without having said anything.
    empty: u32,
}

/// The pauses after failures: from 0.2 s, doubling, to 10 s at most. With jitter, because all runs that lost one API server
/// would otherwise come back to it in step.
pub(crate) fn delays() -> backon::ExponentialBackoff {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(10))
        .with_factor(2.0)
        .without_max_times()
        .with_jitter()
        .build()
}

fn version_of(object: &Value) -> Option<String> {
    object.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned)
}

/// Follows `source`, from a version that is known already or from a first read. The stream never ends.
pub(crate) fn follow<S: Watchable>(source: &S, from: Option<String>) -> impl Stream<Item = News> + '_ {
    let place = from.map_or(WatchState::Read, WatchState::Open);
    stream::unfold(State { source, place, delays: delays(), pause: None, empty: 0 }, |mut state| async move {
        loop {
            if let Some(pause) = state.pause.take() {
                tokio::time::sleep(pause).await;
            }
            let place = std::mem::replace(&mut state.place, WatchState::Read);
            let (next, news) = advance(state.source, place).await;
            state.place = next;
            match &news {
                Some(News::Trouble(error)) => {
                    let asked = match error {
                        ApiError::Server { retry_after, .. } => *retry_after,
                        _ => None,
                    };
                    let own = state.delays.next().unwrap_or(Duration::from_secs(10));
                    // A server that asks for an hour is not obeyed to the letter: the patience above us is shorter.
                    state.pause = Some(asked.unwrap_or(own).clamp(Duration::from_millis(50), Duration::from_secs(30)));
                }
                Some(News::Now(_) | News::Deleted(_)) => (state.delays, state.empty) = (delays(), 0),
                Some(News::All(_) | News::Fine) if state.empty < 2 => state.delays = delays(),
                Some(News::All(_) | News::Fine) => {}
                // A bookmark: the watch lives.
                None if matches!(state.place, WatchState::Following(..)) => state.empty = 0,
                None => {
                    // Now and then a watch ends; one that ends at once, again and again, must not be opened at full speed.
                    state.empty += 1;
                    if state.empty >= 2 {
                        state.pause = state.delays.next();
                    }
                }
            }
            if let Some(news) = news {
                return Some((news, state));
            }
        }
    })
}

async fn advance<S: Watchable>(source: &S, place: WatchState<S::Watch>) -> (WatchState<S::Watch>, Option<News>) {
    match place {
        WatchState::Read => match source.read().await {
            Ok(list) => (WatchState::Open(list.version), Some(News::All(list.items))),
            Err(error) => (WatchState::Read, Some(News::Trouble(error))),
        },
        WatchState::Open(version) => match source.watch(&version).await {
            Ok(watch) => (WatchState::Following(watch, version), Some(News::Fine)),
            // 410: etcd has compacted that version away. Only a new list tells what was missed.
            Err(ApiError::Gone) => (WatchState::Read, None),
            Err(error) => (WatchState::Open(version), Some(News::Trouble(error))),
        },
        WatchState::Following(mut watch, version) => match watch.next().await {
            Some(Ok(WatchEvent::Now(object))) => {
                let version = version_of(&object).unwrap_or(version);
                (WatchState::Following(watch, version), Some(News::Now(object)))
            }
            Some(Ok(WatchEvent::Deleted(object))) => {
                let version = version_of(&object).unwrap_or(version);
                (WatchState::Following(watch, version), Some(News::Deleted(object)))
            }
            // A bookmark moves the place on where nothing changes, so that a quiet Service's version does not grow too old.
            Some(Ok(WatchEvent::Bookmark(version))) => (WatchState::Following(watch, version), None),
            Some(Err(ApiError::Gone)) => (WatchState::Read, None),
            Some(Err(error)) => (WatchState::Open(version), Some(News::Trouble(error))),
            // The server ends watches by itself from time to time.
            None => (WatchState::Open(version), None),
        },
    }
}

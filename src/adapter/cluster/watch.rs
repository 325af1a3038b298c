//! A watch: a stream of changes that may be quiet, but not dead.
//!
//! Decides when a stream is over. The server is asked to send a bookmark now and then and to end the stream after some
//! minutes; one that does neither has died on the way, and TCP alone would not tell for a quarter of an hour. A silent
//! watch ends like one that the server closed: asking for the next one finds out, within a call's limit, whether the
//! server lives.

use super::Kube;
use super::call::{Call, encoded, lost};
use super::failure::{self, ApiRequest};
use crate::model::api_error::ApiError;
use crate::run::ports::{Watch, WatchEvent};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a watch may last: between these, so that those of many runs do not all end at once.
const SECONDS: std::ops::Range<u64> = 210..270;
/// So much of the buffer is kept for the next event.
const USUAL: usize = 64 << 10;
/// The largest event that is read; etcd does not hold a larger object.
const LARGEST: usize = 16 << 20;

/// A stream of changes of one kind of object.
#[derive(Debug)]
pub struct ObjectWatch {
    asked: ApiRequest,
    /// None when it is over.
    body: Option<Body>,
    buffer: Vec<u8>,
    /// Up to here the buffer holds no end of line.
    searched: usize,
    silence: Duration,
    heard: Instant,
    until: Instant,
}

impl Kube {
    /// Opens a watch. `path` has a query already.
    pub(super) async fn watch(&self, asked: ApiRequest, path: &str, version: &str) -> Result<ObjectWatch, ApiError> {
        let seconds = fastrand::u64(SECONDS);
        let path = format!(
            "{path}&watch=true&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={seconds}",
            encoded(version)
        );
        // The limit of a call covers the beginning of the answer alone, since its end comes in minutes.
        let call = Call { asked, path, body: None };
        let body = self.open(&call).await?;
        let now = Instant::now();
        Ok(ObjectWatch {
            asked: call.asked,
            body: Some(body),
            buffer: Vec::new(),
            searched: 0,
            silence: self.silence,
            heard: now,
            until: now + Duration::from_secs(seconds) + self.silence,
        })
    }
}

impl Watch for ObjectWatch {
    /// May be dropped and called again without losing anything: all state is in the watch.
    async fn next(&mut self) -> Option<Result<WatchEvent, ApiError>> {
        loop {
            if let Some(line) = self.line() {
                let change = self.change(&line);
                if change.is_err() {
                    self.body = None;
                    self.buffer.clear();
                }
                return Some(change);
            }
            // Two ends: of the silence, and of a stream that goes on although it was asked to end.
            let deadline = (self.heard + self.silence).min(self.until);
            let frame = timeout_at(deadline, self.body.as_mut()?.frame()).await;
            self.heard = Instant::now();
            let broken = match frame {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                    if self.buffer.len() <= LARGEST {
                        continue;
                    }
                    Some(ApiError::Unreachable(format!("{}: an event is too large to be one", self.asked)))
                }
                Ok(Some(Err(error))) => Some(lost(&self.asked, &error)),
                Ok(None) if !self.buffer.is_empty() => {
                    Some(ApiError::Unreachable(format!("{}: the watch broke off within an event", self.asked)))
                }
                Ok(None) | Err(_) => None,
            };
            // Dropping the body closes the connection: it is of no use any more.
            self.body = None;
            self.buffer.clear();
            return broken.map(Err);
        }
    }
}

impl ObjectWatch {
    /// Takes a whole line out of the buffer; empty ones are skipped.
    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(end) = rest.iter().position(|b| *b == b'\n') else {
                self.searched = self.buffer.len();
                return None;
            };
            let line: Vec<u8> = self.buffer.drain(..=self.searched + end).collect();
            // One large object would else be paid for as long as the watch lasts.
            self.buffer.shrink_to(USUAL);
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                return Some(line);
            }
        }
    }

    fn change(&self, line: &[u8]) -> Result<WatchEvent, ApiError> {
        let unreadable = || ApiError::Unreachable(format!("{}: an event of the watch cannot be read", self.asked));
        let mut event: Value = serde_json::from_slice(line).map_err(|_| unreadable())?;
        let object = event.get_mut("object").map(Value::take).unwrap_or_default();
        match event.get("type").and_then(Value::as_str) {
            Some("ADDED" | "MODIFIED") => Ok(WatchEvent::Now(object)),
            Some("DELETED") => Ok(WatchEvent::Deleted(object)),
            Some("BOOKMARK") => {
                let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                version.map(|v| WatchEvent::Bookmark(v.to_owned())).ok_or_else(unreadable)
            }
            Some("ERROR") => Err(failure::of_event(&self.asked, &object)),
            _ => Err(unreadable()),
        }
    }
}

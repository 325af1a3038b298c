//! What is to go wrong, and when.

use serde_json::Value;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub at: Instant,
    /// As RBAC calls it: get, list, watch, create, patch, update, delete.
    pub verb: &'static str,
    /// Path and query.
    pub path: String,
    pub body: String,
}

impl Asked {
    pub(super) fn of(method: &str, path: &str, body: &[u8]) -> Self {
        let verb = match method {
            "POST" => "create",
            "PATCH" => "patch",
            "PUT" => "update",
            "DELETE" => "delete",
            _ if path.contains("watch=true") || path.contains("watch=1") => "watch",
            _ if is_collection(path) => "list",
            _ => "get",
        };
        Self { at: Instant::now(), verb, path: path.to_owned(), body: String::from_utf8_lossy(body).into_owned() }
    }

    /// The record that a patch writes, if it writes one.
    pub fn record(&self) -> Option<Value> {
        let patch: Value = serde_json::from_str(&self.body).ok()?;
        let writes = |op: &&Value| {
            op["op"] != "test" && op["path"].as_str().is_some_and(|p| p.ends_with("/andante.dev~1rollout"))
        };
        let text = patch.as_array()?.iter().find(writes)?["value"].as_str()?.to_owned();
        serde_json::from_str(&text).ok()
    }
}

/// `.../namespaces/NAMESPACE/RESOURCE` is a list, one segment more is an object.
fn is_collection(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let mut after = path.split('/').skip_while(|part| *part != "namespaces").skip(2).filter(|part| !part.is_empty());
    after.next().is_some() && after.next().is_none()
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The API server's own kind of error answer; nothing is forwarded.
    Answer(u16),
    /// The same with `Retry-After`.
    Busy(u16, u32),
    /// The connection is reset; nothing is forwarded.
    Reset,
    /// Nothing is forwarded, and nothing is ever answered.
    Silence,
    /// Forwarded, it takes effect, and the answer never arrives.
    LoseAnswer,
    /// A watch is answered by one event: ERROR, 410.
    Expired,
    /// Held before it is forwarded, or after it took effect, until the gate is opened or shut.
    Hold(Point, Gate),
}

/// On which side of a request's effect it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    Before,
    After,
}

/// Which requests.
#[derive(Debug, Clone)]
pub struct When {
    verb: &'static str,
    parts: Vec<String>,
    skip: usize,
    times: usize,
}

impl When {
    /// The next request with this verb.
    pub fn next(verb: &'static str) -> Self {
        Self { verb, parts: vec![], skip: 0, times: 1 }
    }

    /// Only those with this text in path or body.
    pub fn with(mut self, part: &str) -> Self {
        self.parts.push(part.to_owned());
        self
    }

    /// The n-th of them, counted from 1 and from now; those that an earlier fault took do not count.
    pub fn nth(mut self, n: usize) -> Self {
        self.skip = n - 1;
        self
    }

    /// So many in a row.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// True if there is nothing left of it (or it never ends).
    pub(super) fn is_over(&self) -> bool {
        self.times == 0 || self.times > 1_000_000
    }

    /// True if it is the turn of this one; counts it.
    pub(super) fn takes(&mut self, seen: &Asked) -> bool {
        let fits = (self.verb == "any" || self.verb == seen.verb)
            && self.parts.iter().all(|part| seen.path.contains(part) || seen.body.contains(part));
        if !fits || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nobody,
    Waiting,
    Open,
    Shut,
}

/// Where a held request waits for the test.
#[derive(Debug, Clone)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    pub(super) fn new() -> Self {
        Self(Arc::new((Mutex::new(State::Nobody), Condvar::new())))
    }

    /// Waits until a request stands at the gate; panics if none comes.
    pub fn reached(&self, within: Duration) {
        let (state, changed) = &*self.0;
        let guard = state.lock().unwrap();
        let (guard, _) = changed.wait_timeout_while(guard, within, |s| *s == State::Nobody).unwrap();
        assert_ne!(*guard, State::Nobody, "no request came to the gate within {within:?}");
    }

    /// Lets the request (or its answer) pass, and all later ones.
    pub fn open(&self) {
        self.set(State::Open);
    }

    /// Drops the request (or its answer).
    pub fn shut(&self) {
        self.set(State::Shut);
    }

    fn set(&self, to: State) {
        *self.0.0.lock().unwrap() = to;
        self.0.1.notify_all();
    }

    /// Stands at the gate; true if the request may pass.
    pub(super) fn pass(&self) -> bool {
        let (state, changed) = &*self.0;
        let mut guard = state.lock().unwrap();
        if *guard == State::Nobody {
            *guard = State::Waiting;
            changed.notify_all();
        }
        let guard = changed.wait_while(guard, |s| *s == State::Waiting).unwrap();
        *guard == State::Open
    }
}

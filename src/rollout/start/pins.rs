//! Whose users are named next, where many Services are followed.
//!
//! Decides that it is done at once, one after the other, and how soon again. Depends on names and time.

use super::due::ServiceKey;
use crate::model::name::Namespace;
use crate::model::time::after;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A Service is named once in so long at most, so that two who disagree about its split write no faster than that.
const REST: Duration = Duration::from_secs(60);

/// What came of naming users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinCame {
    /// They are by name.
    Pinned,
    /// It cannot be done as it stands: when something about it changes.
    Left,
    /// Its namespace is suspended: when that ends.
    Held,
    /// It failed: later.
    Later,
}

/// The Services whose users are to be named. It holds names alone; what is done is decided anew when it is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct PinQueue {
    due: BTreeMap<ServiceKey, Timestamp>,
    /// Those that were named a short while ago, and until when they rest.
    rest: BTreeMap<ServiceKey, Timestamp>,
    /// Those whose write was refused, and of which that was said.
    refused: BTreeSet<ServiceKey>,
}

impl PinQueue {
    /// A Service was seen, and is due or not.
    pub(crate) fn seen(&mut self, key: ServiceKey, is_due: bool, now: Timestamp) {
        if !is_due {
            self.due.remove(&key);
            return;
        }
        let at = self.rest.get(&key).copied().unwrap_or(now).max(now);
        self.due.entry(key).or_insert(at);
    }

    /// All that are due.
    pub(crate) fn all(&mut self, keys: Vec<ServiceKey>, now: Timestamp) {
        let there: BTreeSet<&ServiceKey> = keys.iter().collect();
        self.due.retain(|key, _| there.contains(key));
        for key in keys {
            self.seen(key, true, now);
        }
    }

    /// A Service is gone.
    pub(crate) fn gone(&mut self, key: &ServiceKey) {
        self.due.remove(key);
        self.rest.remove(key);
        self.refused.remove(key);
    }

    /// A write was refused; true if it is the first time since its users were named or it was made.
    pub(crate) fn refused(&mut self, key: &ServiceKey) -> bool {
        self.refused.insert(key.clone())
    }

    /// These namespaces are not suspended.
    pub(crate) fn lifted(&mut self, is_of: impl Fn(&Namespace) -> bool, now: Timestamp) {
        let held = self.due.iter_mut().filter(|(key, at)| **at == Timestamp::MAX && is_of(&key.namespace));
        held.for_each(|(_, at)| *at = now);
    }

    /// Whose turn it is.
    pub(crate) fn next(&self, now: Timestamp) -> Option<ServiceKey> {
        let first = self.due.iter().min_by_key(|(_, at)| **at);
        first.filter(|(_, at)| **at <= now).map(|(key, _)| key.clone())
    }

    /// When the next one's turn is; none: of nobody that is known.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        self.due.values().min().copied().filter(|at| *at < Timestamp::MAX)
    }

    /// A turn was taken.
    pub(crate) fn took(&mut self, key: &ServiceKey, came: PinCame, now: Timestamp) {
        let at = match came {
            PinCame::Pinned => {
                self.rest.retain(|_, until| *until > now);
                self.rest.insert(key.clone(), after(now, REST));
                self.refused.remove(key);
                None
            }
            PinCame::Left => None,
            PinCame::Held => Some(Timestamp::MAX),
            PinCame::Later => Some(after(now, REST)),
        };
        match at {
            Some(at) => self.due.insert(key.clone(), at),
            None => self.due.remove(key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn key(name: &str) -> ServiceKey {
        ServiceKey { namespace: "shop".parse().unwrap(), name: name.parse().unwrap() }
    }

    #[test]
    fn each_has_one_turn_and_whoever_disagrees_makes_it_one_a_minute() {
        let mut queue = PinQueue::default();
        queue.all(vec![key("a"), key("b")], at(0));
        assert_eq!(queue.next(at(0)), Some(key("a")));
        queue.took(&key("a"), PinCame::Pinned, at(0));
        // What our own write made of it.
        queue.seen(key("a"), false, at(0));
        assert_eq!(queue.next(at(0)), Some(key("b")));
        queue.took(&key("b"), PinCame::Left, at(0));
        assert_eq!((queue.next(at(0)), queue.at()), (None, None));
        // Its next event.
        queue.seen(key("b"), true, at(1));
        assert_eq!(queue.next(at(1)), Some(key("b")));
        queue.gone(&key("b"));
        queue.seen(key("a"), true, at(5));
        assert_eq!((queue.next(at(59)), queue.at(), queue.next(at(60))), (None, Some(at(60)), Some(key("a"))));
        queue.took(&key("a"), PinCame::Later, at(60));
        queue.seen(key("a"), true, at(61));
        assert_eq!((queue.next(at(119)), queue.next(at(120))), (None, Some(key("a"))));
        queue.all(vec![], at(120));
        assert_eq!(queue.at(), None);
    }

    #[test]
    fn a_refusal_is_said_once_until_it_is_over() {
        let mut queue = PinQueue::default();
        queue.seen(key("a"), true, at(0));
        assert_eq!((queue.refused(&key("a")), queue.refused(&key("b"))), (true, true));
        queue.took(&key("a"), PinCame::Later, at(0));
        assert_eq!(
            (queue.next(at(60)), queue.refused(&key("a"))),
            (Some(key("a")), false),
            "tried again, and not said"
        );
        queue.took(&key("a"), PinCame::Pinned, at(60));
        assert!(queue.refused(&key("a")));
        queue.gone(&key("a"));
        assert!(queue.refused(&key("a")));
    }

    #[test]
    fn what_a_namespace_holds_waits_for_its_end() {
        let mut queue = PinQueue::default();
        queue.seen(key("a"), true, at(0));
        queue.took(&key("a"), PinCame::Held, at(0));
        queue.seen(key("a"), true, at(1));
        assert_eq!((queue.next(at(9999)), queue.at()), (None, None));
        queue.lifted(|of| of.as_str() == "other", at(2));
        assert_eq!(queue.next(at(2)), None);
        queue.lifted(|of| of.as_str() == "shop", at(2));
        assert_eq!(queue.next(at(2)), Some(key("a")));
    }
}

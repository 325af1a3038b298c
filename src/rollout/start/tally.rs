//! What is remarkable about the Services that are followed: those whose declaration cannot be acted on, and those whose rollout should
//! be over.
//!
//! Decides that only what is remarkable is kept, because a thousand Services are too much to hold. Depends on what is seen of one.

use super::due::{Glance, ServiceKey};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The remarkable ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StartTally {
    unreadable: BTreeSet<ServiceKey>,
    /// Until when rollouts that are under way are to be over.
    open: BTreeMap<ServiceKey, Timestamp>,
}

impl StartTally {
    /// A Service was seen.
    pub(crate) fn seen(&mut self, seen: &Glance) {
        self.gone(&seen.key);
        if seen.unreadable {
            self.unreadable.insert(seen.key.clone());
        }
        if let Some(deadline) = seen.deadline {
            self.open.insert(seen.key.clone(), deadline);
        }
    }

    /// A Service is gone.
    pub(crate) fn gone(&mut self, key: &ServiceKey) {
        self.unreadable.remove(key);
        self.open.remove(key);
    }

    /// All that is remarkable now.
    pub(crate) fn all(&mut self, seen: &[Glance]) {
        *self = Self::default();
        for one in seen {
            self.seen(one);
        }
    }

    /// How many declarations cannot be acted on.
    pub(crate) fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    /// How many rollouts are past their deadline.
    pub(crate) fn overdue(&self, now: Timestamp) -> usize {
        self.open.values().filter(|deadline| **deadline < now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seen(name: &str, unreadable: bool, deadline: Option<i64>) -> Glance {
        let key = ServiceKey { namespace: "shop".parse().unwrap(), name: name.parse().unwrap() };
        Glance { key, wish: None, unreadable, deadline: deadline.map(at), unnamed: false }
    }

    #[test]
    fn only_what_is_remarkable_now_counts() {
        let mut tally = StartTally::default();
        tally.all(&[seen("a", true, None), seen("b", false, Some(10)), seen("c", true, Some(20))]);
        assert_eq!(
            (tally.unreadable(), tally.overdue(at(10)), tally.overdue(at(11)), tally.overdue(at(21))),
            (2, 0, 1, 2)
        );
        tally.seen(&seen("a", false, None));
        tally.seen(&seen("b", false, Some(30)));
        assert_eq!((tally.unreadable(), tally.overdue(at(21))), (1, 1));
        tally.gone(&seen("c", true, None).key);
        assert_eq!(tally.unreadable(), 0);
        tally.all(&[]);
        assert_eq!(tally, StartTally::default());
    }
}

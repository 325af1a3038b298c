//! How many pods the users of a Revision wanted over time.
//!
//! Decides what a peak, a lull and a sleep say of the pods that users need: the mean over the autoscaler's own window, because
//! it looks at its peaks for some seconds only, and what was noted for good would stay as high as one of them. It may use
//! observed revisions.

use crate::model::observed::Revision;
use crate::model::ready::{Pods, pods};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// What was seen of one Revision while its part of users was the same. A look counts until the next one: the watch brings one
/// whenever the autoscaler wants another number, so nothing has to be asked in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// The Revision's uid, and the percent of users that it had.
    of: Option<(String, i64)>,
    /// When each number of pods began to be wanted.
    looks: VecDeque<(Timestamp, u32)>,
}

impl Demand {
    /// Takes a look at a Revision that has so many percent of users, who want so many pods; none: that is not known now. Another
    /// Revision or another part of users begins anew; so does one that sleeps: whoever wakes it is all that is known of users.
    pub(crate) fn look(&mut self, revision: &Revision, percent: i64, wanted: Option<u32>, now: Timestamp) {
        let is_same = self.of.as_ref().is_some_and(|(uid, had)| *uid == revision.uid && *had == percent);
        if !is_same || pods(revision) == Pods::Asleep {
            *self = Self { of: Some((revision.uid.clone(), percent)), looks: VecDeque::new() };
        }
        let Some(wanted) = wanted.filter(|_| pods(revision) != Pods::Asleep) else { return };
        match self.looks.back_mut() {
            Some((at, there)) if *at >= now => *there = wanted,
            Some((_, there)) if *there == wanted => {}
            _ => self.looks.push_back((now, wanted)),
        }
        let from = begins(revision.scaling.window, now);
        while self.looks.get(1).is_some_and(|(at, _)| at.as_millisecond() <= from) {
            self.looks.pop_front();
        }
    }

    /// The pods that users wanted on an average of the last window, rounded up; of what was seen, where that is less, and of one
    /// look what it showed. 0 where nothing is known, or nobody comes.
    pub(crate) fn over(&self, window: Duration, now: Timestamp) -> u32 {
        let (from, to) = (begins(window, now), now.as_millisecond());
        let ends = self.looks.iter().skip(1).map(|(at, _)| at.as_millisecond()).chain([to]);
        let (mut pods, mut time) = (0_u128, 0_u128);
        for ((at, wanted), end) in self.looks.iter().zip(ends) {
            let lasted = u128::try_from(end - at.as_millisecond().max(from)).unwrap_or_default();
            pods += u128::from(*wanted) * lasted;
            time += lasted;
        }
        if time == 0 {
            return self.looks.back().map_or(0, |(_, wanted)| *wanted);
        }
        u32::try_from(pods.div_ceil(time)).unwrap_or(u32::MAX)
    }
}

/// When the window that ends now began, in milliseconds.
fn begins(window: Duration, now: Timestamp) -> i64 {
    now.as_millisecond().saturating_sub(i64::try_from(window.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const WINDOW: Duration = Duration::from_secs(60);

    fn stable(actual: i64) -> Revision {
        let active = if actual > 0 { ("True", "") } else { ("False", "NoTraffic") };
        Revision::from_json(&json!({"metadata": {"name": "s1", "uid": "u"}, "status": {"actualReplicas": actual,
            "desiredReplicas": actual, "conditions": [{"type": "Ready", "status": "True"},
                {"type": "Active", "status": active.0, "reason": active.1}]}}))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What was seen of a stable that has a pod: from which second on it wanted how many.
    fn seen(looks: &[(i64, u32)]) -> Demand {
        let mut demand = Demand::default();
        for (second, wanted) in looks {
            demand.look(&stable(1), 100, Some(*wanted), at(*second));
        }
        demand
    }

    #[test]
    fn one_look_is_what_it_shows_and_nothing_is_nothing() {
        assert_eq!(Demand::default().over(WINDOW, at(5)), 0);
        assert_eq!((seen(&[(0, 3)]).over(WINDOW, at(0)), seen(&[(0, 3)]).over(WINDOW, at(500))), (3, 3));
        let mut unknown = seen(&[(0, 3)]);
        unknown.look(&stable(1), 100, None, at(10));
        assert_eq!(unknown.over(WINDOW, at(20)), 3, "what is not known changes nothing");
    }

    #[test]
    fn a_panic_of_ten_seconds_is_no_measure() {
        let peak = seen(&[(0, 3), (50, 9)]);
        assert_eq!(peak.over(WINDOW, at(60)), 4);
        let over = seen(&[(0, 3), (50, 9), (60, 3)]);
        assert_eq!((over.over(WINDOW, at(100)), over.over(WINDOW, at(120))), (4, 3));
    }

    #[test]
    fn a_load_that_stays_is_known_after_a_window() {
        let grown = seen(&[(0, 3), (100, 9)]);
        assert_eq!((grown.over(WINDOW, at(130)), grown.over(WINDOW, at(160))), (6, 9));
    }

    #[test]
    fn a_lull_of_five_seconds_is_no_sleep() {
        assert_eq!(seen(&[(0, 3), (55, 0)]).over(WINDOW, at(60)), 3);
        assert_eq!(seen(&[(0, 3), (5, 0)]).over(WINDOW, at(10)), 2, "of what was seen");
    }

    #[test]
    fn who_sleeps_needs_nothing_and_is_measured_from_its_waking() {
        let mut demand = seen(&[(0, 3)]);
        demand.look(&stable(0), 100, Some(0), at(50));
        assert_eq!(demand.over(WINDOW, at(55)), 0);
        demand.look(&stable(1), 100, Some(3), at(100));
        assert_eq!(demand.over(WINDOW, at(102)), 3);
    }

    #[test]
    fn another_part_of_users_or_another_revision_begins_anew() {
        let mut demand = seen(&[(0, 9)]);
        demand.look(&stable(1), 50, Some(2), at(50));
        assert_eq!(demand.over(WINDOW, at(55)), 2);
        let another = Revision { uid: "another".into(), ..stable(1) };
        demand.look(&another, 50, Some(5), at(60));
        assert_eq!(demand.over(WINDOW, at(61)), 5);
    }

    proptest! {
        #[test]
        fn it_is_bounded_by_what_was_seen_and_grows_with_it(
            looks in proptest::collection::vec((0_i64..30, 0_u32..50, 0_u32..9), 1..30),
            rest in 0_i64..90,
        ) {
            let (mut low, mut high, mut second) = (Demand::default(), Demand::default(), 0);
            for (pause, wanted, more) in &looks {
                second += pause;
                low.look(&stable(1), 100, Some(*wanted), at(second));
                low.look(&stable(1), 100, Some(*wanted), at(second));
                high.look(&stable(1), 100, Some(wanted + more), at(second));
            }
            let now = at(second + rest);
            let (of_low, of_high) = (low.over(WINDOW, now), high.over(WINDOW, now));
            prop_assert!(of_low <= of_high);
            let wanted = || looks.iter().map(|(_, wanted, _)| *wanted);
            prop_assert!(wanted().min().unwrap() <= of_low && of_low <= wanted().max().unwrap());
            prop_assert!(low.looks.len() <= looks.len());
            // After a whole window of the same, that is all that counts.
            let last = wanted().next_back().unwrap();
            prop_assert_eq!(low.over(WINDOW, at(second + 60)), last);
        }
    }
}

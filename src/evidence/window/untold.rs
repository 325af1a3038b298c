//! Answers whose status is not told: by a gateway that makes its cluster anew, or by a source that leaves some out.
//!
//! Decides which windows tell failures. Envoy counts answers by status together with a cluster, and Kourier makes the cluster of a
//! revision anew whenever the revision's addresses change: what is counted by status begins anew with the next answer, and what was
//! sent and answered goes on. Nobody knows how the answers of that window ended, so it is left out for both arms (one of them alone
//! would be compared with another time of the other's), and the next begins there; what came and what waits is
//! known. Totals tell nothing: the classes of a revision may have begun anew before anyone looked, so that growth is compared with growth. Where it does not add up again and again, the source
//! does not tell every status. Depends on readings.

use super::{Arm, ArmSeen, ArmsSeen};
use crate::evidence::classes::StatusCounts;
use crate::evidence::counts::Counts;
use crate::evidence::reading::{Counters, Pair, torn};
use serde::{Deserialize, Serialize};

/// Of the last eight windows with answers so many without their status are too many. Pods that start one after the other make fewer:
/// three in 21 seconds were measured, of which a reading each ten seconds sees two or three.
const MANY: u32 = 4;

/// The last eight windows of a stratum in which answers came, the newest in the lowest bit: set where their status was not told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct UntoldWindows(u8);

impl UntoldWindows {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    pub(super) fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// True if the newest is one of them.
    pub(super) fn is_last(self) -> bool {
        self.0 & 1 == 1
    }

    /// After another window.
    fn then(self, is_untold: bool) -> Self {
        Self((self.0 << 1) | u8::from(is_untold))
    }

    /// How many of them there are.
    pub(super) fn count(self) -> u32 {
        self.0.count_ones()
    }

    fn too_many(self) -> bool {
        self.count() >= MANY
    }

    /// Why nothing is believed where they are too many.
    pub(super) fn words() -> String {
        format!(
            "in {MANY} of 8 windows it told no status, or not of all that was answered: failures could not be seen; does the scrape \
             keep every class of the counters by status, and do both count the same requests?"
        )
    }
}

impl ArmsSeen {
    /// True if the status of what was answered since is not told of either arm.
    pub(super) fn is_untold(&self, pair: &Pair, restarted: bool) -> bool {
        self.arms(pair, restarted).any(|(old, new)| old.is_untold(new))
    }

    /// After another reading, which is not closed yet. True if what it tells by status may be believed.
    pub(super) fn believes_statuses(&mut self, pair: &Pair, restarted: bool) -> bool {
        let is_untold = self.is_untold(pair, restarted);
        let grew = self.arms(pair, restarted).any(|(old, new)| new.completed > old.counters.completed);
        // A few less than were answered may be what came while the process wrote. Those of a source that leaves some out never come.
        let whole = self.arms(pair, restarted).all(|(old, new)| new.untold <= old.untold_before);
        if is_untold || grew && whole {
            self.falls.untold = self.falls.untold.then(is_untold);
        }
        !self.falls.untold.too_many()
    }

    /// What each arm that is told of counted before, and what it counts now.
    fn arms<'a>(&'a self, pair: &'a Pair, restarted: bool) -> impl Iterator<Item = (ArmSeen, &'a Counters)> {
        let both = [(&self.stable, &pair.stable), (&self.candidate, &pair.candidate)];
        both.into_iter().filter_map(move |(old, new)| {
            let old = old.clone().filter(|_| !restarted).unwrap_or_else(ArmSeen::zero);
            Some((old, new.as_ref()?))
        })
    }
}

impl ArmSeen {
    fn is_untold(&self, new: &Counters) -> bool {
        let answered = new.completed.saturating_sub(self.counters.completed);
        let none_told = answered > 0 && new.told() <= self.counters.told();
        let is_apart = new.untold.abs_diff(self.untold_before) > torn(new.completed);
        // Of a long history a whole window is a small part. No process writes for as long as a tenth of a window.
        let jumped = new.untold.abs_diff(self.counters.untold) > torn(answered).max(answered / 10);
        none_told || is_apart || jumped || self.is_cluster_anew(new)
    }

    /// Answers by status are counted from here on.
    #[must_use]
    pub(super) fn told_from_here(self) -> Self {
        Self { untold_before: self.counters.untold, ..self }
    }
}

impl Arm {
    /// What came and what waits, and nothing of what became of the rest.
    #[must_use]
    pub(super) fn without_ends(self) -> Self {
        // Where the source does not tell what was sent, what came is what has a status.
        let arrived = if self.flight.is_some() { self.arrived } else { 0 };
        let statuses = self.statuses.map(|_| StatusCounts::default());
        Self { counts: Counts::default(), arrived, latency: None, statuses, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Growth, Memory};
    use super::*;
    use crate::evidence::reading::Reading;
    use jiff::Timestamp;

    /// All that were answered, those with a status, and failures and client errors among these.
    type Totals = [u64; 4];

    fn counters([completed, told, failed, client_errors]: Totals) -> Counters {
        let statuses = Some(StatusCounts { client_errors, grpc_failed: None });
        let (sent, active, untold) = (Some(completed), Some(0), completed - told);
        Counters { sent, active, completed, untold, failed, statuses, ..Counters::default() }
    }

    fn reading(second: i64, stable: Totals, candidate: Totals) -> Reading {
        let pair = Pair { stable: Some(counters(stable)), candidate: Some(counters(candidate)) };
        Reading { at: Timestamp::from_second(second).unwrap(), strata: [("g".to_owned(), pair)].into() }
    }

    /// What each reading after the first adds: requests, failures and client errors of stable and of the candidate; none: it is not
    /// believed. The record keeps what is known in between.
    fn windows(readings: &[(Totals, Totals)]) -> Vec<Option<[[u64; 3]; 2]>> {
        let brief = |growth: &Growth| {
            [&growth.stable, &growth.candidate].map(|arm| {
                let client_errors = arm.statuses.map_or(0, |statuses| statuses.client_errors);
                [arm.counts.requests, arm.counts.failures, client_errors]
            })
        };
        let mut memory = Memory::open(&reading(0, readings[0].0, readings[0].1), None);
        let mut second = 0;
        let mut next = |(stable, candidate): &(Totals, Totals)| {
            second += 10;
            let reading = reading(second, *stable, *candidate);
            let grown = memory.trust(&reading).ok().map(|()| brief(&memory.close(&reading)[0]));
            memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
            grown
        };
        readings[1..].iter().map(&mut next).collect()
    }

    const LEFT_OUT: Option<[[u64; 3]; 2]> = Some([[0; 3]; 2]);

    #[test]
    fn classes_that_began_anew_before_anyone_looked_are_no_riddle() {
        let seen = windows(&[
            ([4257, 0, 0, 0], [69, 53, 0, 0]),
            ([4357, 100, 2, 3], [84, 68, 1, 0]),
            ([4457, 200, 2, 4], [99, 83, 1, 0]),
        ]);
        assert_eq!(seen, [Some([[100, 2, 3], [15, 1, 0]]), Some([[100, 0, 1], [15, 0, 0]])]);
    }

    /// As was measured: 104 answers, of which 9 had failed; then two pods, with five answers; then three.
    #[test]
    fn a_window_in_which_the_cluster_is_made_anew_is_left_out_and_no_history_becomes_growth() {
        let seen = windows(&[
            ([500, 500, 5, 50], [104, 100, 9, 2]),
            ([600, 600, 6, 51], [104, 0, 0, 0]),
            ([700, 700, 7, 52], [109, 5, 0, 0]),
            ([800, 800, 8, 53], [129, 17, 3, 0]),
            ([900, 900, 9, 54], [149, 19, 4, 0]),
            ([1000, 1000, 10, 55], [159, 29, 5, 0]),
        ]);
        let whole = |requests, failures| Some([[100, 1, 1], [requests, failures, 0]]);
        // From 5 to 17 of 20 none falls, and 8 are missing, which may be what came while the process wrote. From 17 to 19 of 20 18 are.
        assert_eq!(seen, [LEFT_OUT, whole(5, 0), whole(12, 3), LEFT_OUT, whole(10, 1)]);
    }

    #[test]
    fn classes_that_pass_what_they_were_are_seen_to_have_begun_anew_however_long_the_history_is() {
        let million = 1_000_000;
        let seen = windows(&[
            ([million, 300, 5, 0], [10, 10, 0, 0]),
            ([million + 600, 400, 6, 0], [20, 20, 0, 0]),
            ([million + 1200, 1000, 12, 0], [30, 30, 0, 0]),
        ]);
        assert_eq!(seen, [LEFT_OUT, Some([[600, 6, 0], [10, 0, 0]])]);
    }

    #[test]
    fn a_candidate_that_fails_all_right_after_its_classes_began_anew_is_found() {
        let seen = windows(&[
            ([500, 500, 0, 0], [100, 100, 0, 0]),
            ([600, 600, 0, 0], [150, 20, 20, 0]),
            ([700, 700, 0, 0], [200, 70, 70, 0]),
            ([800, 800, 0, 0], [250, 120, 120, 0]),
        ]);
        let failing = Some([[100, 0, 0], [50, 50, 0]]);
        assert_eq!(seen, [LEFT_OUT, failing, failing]);
    }

    #[test]
    fn what_came_and_what_hangs_is_known_while_the_cluster_is_made_anew() {
        let read = |second: i64, sent: u64, [completed, told, failed, fours]: Totals| {
            let mut reading = reading(second, [1000, 1000, 0, 0], [completed, told, failed, fours]);
            let candidate = reading.strata.get_mut("g").and_then(|pair| pair.candidate.as_mut()).unwrap();
            (candidate.sent, candidate.active) = (Some(sent), Some(sent - completed));
            reading
        };
        let mut memory = Memory::open(&read(0, 100, [100, 100, 0, 0]), None);
        memory.close(&read(10, 200, [140, 140, 0, 0]));
        let grown = memory.close(&read(20, 300, [150, 3, 3, 0]));
        let candidate = &grown[0].candidate;
        assert_eq!((candidate.counts, candidate.arrived), (Counts::default(), 100));
        let flight = candidate.flight.unwrap();
        assert_eq!((flight.arrived, flight.active, flight.unanswered, flight.at_opening), (200, 150, 150, 0));
        assert_eq!(memory.ended(), None, "the process goes on");
    }

    #[test]
    fn what_is_never_told_is_found_also_where_answers_are_few() {
        let mute = |n: u64| ([n * 100, n * 100, 0, 0], [n, 0, 0, 0]);
        let seen = windows(&(10..20).map(mute).collect::<Vec<_>>());
        assert_eq!(seen[..3], [LEFT_OUT; 3]);
        assert!(seen[3..].iter().all(Option::is_none), "{seen:?}");
        // With pauses of any length between the answers.
        let rare = |n: u64| ([n / 20, 0, 0, 0], [0; 4]);
        let seen = windows(&(0..200).map(rare).collect::<Vec<_>>());
        assert!(seen[..79].iter().all(|window| *window == LEFT_OUT), "{seen:?}");
        assert!(seen[79..].iter().all(Option::is_none), "{seen:?}");
    }

    #[test]
    fn a_class_that_is_never_told_is_found_where_it_is_one_of_many() {
        // A fifth, and a twentieth, which is less than may come while a process writes.
        for (missing, soon) in [(20, 4), (5, 12)] {
            let part = |n: u64| ([n * 100, n * 100, 0, 0], [n * 100, n * (100 - missing), 0, 0]);
            let seen = windows(&(0..30).map(part).collect::<Vec<_>>());
            assert!(seen[soon..].iter().all(Option::is_none), "{missing}: {seen:?}");
        }
    }

    #[test]
    fn it_is_over_where_answers_add_up_again() {
        let mut readings: Vec<(Totals, Totals)> = (0..6).map(|n| ([n * 100, 0, 0, 0], [0; 4])).collect();
        readings.extend((1..12).map(|n| ([500 + n * 100, n * 100, 0, 0], [0; 4])));
        let seen = windows(&readings);
        let first = seen.iter().rposition(Option::is_none).unwrap() + 1;
        assert!((6..14).contains(&first), "{seen:?}");
        assert!(seen[first..].iter().all(|window| *window == Some([[100, 0, 0], [0; 3]])), "{seen:?}");
    }

    #[test]
    fn what_came_while_the_process_wrote_is_counted_once() {
        let seen = windows(&[([100, 100, 0, 0], [0; 4]), ([200, 193, 0, 0], [0; 4]), ([300, 300, 3, 0], [0; 4])]);
        assert_eq!(seen, [Some([[93, 0, 0], [0; 3]]), Some([[107, 3, 0], [0; 3]])]);
    }

    #[test]
    fn a_process_that_begins_anew_is_one_whatever_its_classes_were() {
        let seen = windows(&[([900, 500, 5, 0], [90, 0, 0, 0]), ([60, 60, 2, 1], [8, 8, 1, 0])]);
        assert_eq!(seen, [Some([[60, 2, 1], [8, 1, 0]])]);
    }
}

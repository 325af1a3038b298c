//! Gateways that end, or begin anew, and take with them what they have in flight.
//!
//! Nobody counts what becomes of those requests, so that a candidate which keeps its requests hanging looked, as soon as its gateway
//! ended, like one that answers them. Decides what is remembered instead. A process that is gone stays as it was read last. To the
//! comparisons of a step its requests are in flight still, at both revisions, which met its end alike; and those of the candidate that
//! had no answer may all hang, for as long as the walk lasts. One that was only away goes on where it was. Depends on readings.

use super::{Arm, ArmSeen, ArmsSeen, Growth, Memory};
use crate::evidence::flight::Flight;
use crate::evidence::reading::Reading;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A stratum that is gone for so long does not come back. If it does, it only opens.
const GONE: SignedDuration = SignedDuration::from_mins(10);

/// What all that ended had in flight, together: a split is the same at every gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EndedGateways {
    #[serde(rename = "b")]
    stable: Flight,
    #[serde(rename = "c")]
    candidate: Flight,
}

impl EndedGateways {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// With what was known of this one when it was read last.
    #[must_use]
    pub(super) fn with(self, seen: &ArmsSeen) -> Self {
        let known = |arm: &Option<ArmSeen>| arm.as_ref().and_then(ArmSeen::flight);
        let (stable, candidate) = (known(&seen.stable), known(&seen.candidate));
        // Where stable's may be of before the windows opened nobody knows how many of those that came since waited.
        let compared = candidate.is_some() && stable.is_some_and(|stable| stable.at_opening == 0);
        let of = |flight: Option<Flight>| {
            let flight = flight.unwrap_or_default();
            Flight { fresh: 0, ..if compared { flight } else { flight.earlier() } }
        };
        Self { stable: self.stable.plus(of(stable)), candidate: self.candidate.plus(of(candidate)) }
    }

    /// The windows of a step open: all of it is of before.
    #[must_use]
    pub(super) fn earlier(self) -> Self {
        Self { stable: self.stable.earlier(), candidate: self.candidate.earlier() }
    }
}

impl Memory {
    /// Pods come and go while a bake lasts. What they counted is in the sums, so that of their last counters nothing but what was in
    /// flight is of use.
    pub(super) fn forget_gone(&mut self, reading: &Reading) {
        let ended = &mut self.ended;
        self.strata.retain(|name, base| {
            base.gone = if reading.strata.contains_key(name) { None } else { base.gone.or(Some(reading.at)) };
            let stays = base.gone.is_none_or(|since| reading.at.duration_since(since) < GONE);
            if !stays {
                *ended = ended.with(base);
            }
            stays
        });
    }

    /// What gateways had in flight that are not there any more, as one that counts nothing; none where all go on.
    pub fn ended(&self) -> Option<Growth> {
        let away = self.strata.values().filter(|seen| seen.gone.is_some());
        let ended = away.fold(self.ended, EndedGateways::with);
        let arm = |flight| Arm { flight: Some(flight), ..Arm::default() };
        (!ended.is_none()).then(|| Growth { stable: arm(ended.stable), candidate: arm(ended.candidate) })
    }

    /// Requests of the candidate that may hang at a gateway that is gone.
    pub fn hang_unseen(&self) -> u64 {
        self.ended().and_then(|ended| ended.candidate.flight).map_or(0, |flight| flight.unanswered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::reading::{Counters, Pair};
    use jiff::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Of each gateway: sent to stable and in flight there, the same of the candidate.
    fn reading(second: i64, gateways: &[(&str, [u64; 4])]) -> Reading {
        let counters = |sent: u64, active: u64| {
            let completed = sent - active;
            Some(Counters { sent: Some(sent), active: Some(active), completed, ..Counters::default() })
        };
        let pair = |[b, b_active, c, c_active]: [u64; 4]| Pair {
            stable: counters(b, b_active),
            candidate: counters(c, c_active),
        };
        let strata = gateways.iter().map(|(name, counts)| ((*name).to_owned(), pair(*counts))).collect();
        Reading { at: at(second), strata }
    }

    fn flights(growth: &Growth) -> [Flight; 2] {
        [growth.stable.flight.unwrap(), growth.candidate.flight.unwrap()]
    }

    fn loaded(memory: &Memory) -> Memory {
        serde_json::from_str(&serde_json::to_string(memory).unwrap()).unwrap()
    }

    /// Windows open with 3 and 1 in flight; by the next reading 700 and 300 more came, of which 2 and 40 wait.
    fn hanging() -> Memory {
        let mut memory = Memory::open(&reading(0, &[("g", [900, 3, 100, 1]), ("h", [1, 0, 1, 0])]), None);
        memory.close_knowing(&reading(10, &[("g", [1600, 5, 400, 41]), ("h", [2, 0, 2, 0])]), Some(at(0)));
        assert_eq!(memory.ended(), None, "all go on");
        memory
    }

    #[test]
    fn a_gateway_that_is_gone_stays_as_it_was_read_last() {
        let mut memory = hanging();
        let growths = memory.close_knowing(&reading(20, &[("h", [5, 0, 5, 0])]), Some(at(10)));
        assert_eq!(growths.len(), 1, "it counts nothing");
        let known = |memory: &Memory| flights(&memory.ended().unwrap());
        let [stable, candidate] = known(&memory);
        assert_eq!((stable.arrived, stable.active, stable.at_opening), (700, 5, 0), "what came before had ended");
        assert_eq!((candidate.arrived, candidate.active, candidate.at_opening), (300, 41, 1));
        assert_eq!(memory.hang_unseen(), 41);
        // A record keeps it; and it is as much after it is forgotten.
        memory = loaded(&memory);
        for minute in 1..12 {
            memory.close_knowing(&reading(20 + 60 * minute, &[("h", [5, 0, 5, 0])]), None);
            assert_eq!(known(&memory), [stable, candidate], "{minute}");
        }
        assert!(!memory.strata.contains_key("g"));
        // The next step: who hangs there still does, but came before.
        memory.begin_step();
        let [stable, candidate] = known(&loaded(&memory));
        assert_eq!((stable.at_most().requests, candidate.at_most().requests), (0, 0));
        assert_eq!((candidate.unanswered, memory.hang_unseen()), (41, 41));
    }

    #[test]
    fn one_that_was_only_away_goes_on() {
        let mut memory = hanging();
        memory.close(&reading(20, &[("h", [5, 0, 5, 0])]));
        assert_eq!(memory.hang_unseen(), 41);
        let growths = memory.close(&reading(30, &[("g", [1700, 6, 500, 60]), ("h", [6, 0, 6, 0])]));
        assert_eq!((memory.ended(), flights(&growths[0])[1].arrived), (None, 400));
        // The same where windows opened while it was away: nothing of it was lost, and it only opens.
        memory.close(&reading(40, &[("h", [7, 0, 7, 0])]));
        let mut memory = Memory::open(&reading(50, &[("h", [8, 0, 8, 0])]), Some(&memory));
        assert_eq!((memory.hang_unseen(), flights(&memory.ended().unwrap())[1].arrived), (60, 0));
        let growths = memory.close(&reading(60, &[("g", [1800, 6, 600, 70]), ("h", [9, 0, 9, 0])]));
        assert_eq!((memory.ended(), growths[0].candidate.counts.requests), (None, 0));
        let growths = memory.close(&reading(70, &[("g", [1900, 6, 700, 70]), ("h", [9, 0, 9, 0])]));
        let [_, candidate] = flights(&growths[0]);
        assert_eq!((candidate.arrived, candidate.at_opening, candidate.fresh), (100, 70, 0), "it came after the mark");
    }

    #[test]
    fn one_that_begins_anew_ended_before() {
        let mut memory = hanging();
        let growths = memory.close_knowing(&reading(20, &[("g", [50, 1, 40, 2]), ("h", [5, 0, 5, 0])]), Some(at(10)));
        assert_eq!(flights(&growths[0])[1].active, 2);
        assert_eq!((memory.hang_unseen(), flights(&memory.ended().unwrap())[1].arrived), (41, 300));
        // Once more, and while windows were shut.
        let memory = Memory::open(&reading(30, &[("g", [1, 0, 1, 0]), ("h", [6, 0, 6, 0])]), Some(&memory));
        assert_eq!((memory.hang_unseen(), flights(&memory.ended().unwrap())[1].arrived), (43, 0));
        assert_eq!(loaded(&memory), memory);
    }

    /// Ten seconds after the windows opened nobody knows what was in flight already, so it is no comparison.
    #[test]
    fn one_that_ended_too_soon_tells_nothing_of_what_came_since() {
        let mut memory = Memory::open(&reading(0, &[("g", [900, 300, 100, 30])]), None);
        memory.close_knowing(&reading(10, &[("g", [1600, 300, 400, 70])]), None);
        memory.close_knowing(&reading(20, &[("h", [0, 0, 0, 0])]), Some(at(10)));
        let [stable, candidate] = flights(&memory.ended().unwrap());
        assert_eq!((stable.arrived, candidate.arrived, memory.hang_unseen()), (0, 0, 70));
        // One that began since is known as long after it was first seen, and not as long after the windows opened.
        let at_opening = |memory: &mut Memory, second: i64, settled: i64| {
            let n = second.unsigned_abs() * 10;
            let growths = memory.close_knowing(&reading(second, &[("h", [n, 100, n, 100])]), Some(at(settled)));
            flights(&growths[0])[0].at_opening
        };
        let mut memory = Memory::open(&reading(0, &[("g", [900, 300, 100, 30])]), None);
        memory.close_knowing(&reading(20, &[("h", [200, 100, 200, 100])]), Some(at(0)));
        assert_eq!(at_opening(&mut memory, 30, 10), 100);
        assert_eq!(at_opening(&mut memory, 50, 30), 0);
    }
}

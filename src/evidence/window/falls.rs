//! Counters that fall: a process that began anew, or several that answer behind one address in turn.
//!
//! Decides which of the two it is. A process that begins anew falls once. Where two or more are asked in turn, each with a history
//! of its own, counters fall again within a few readings, and what lies between two of them is no growth of anything: with four
//! gateways behind one address a candidate of five times the failures was promoted in 22 % of rollouts. Depends on readings.

use super::untold::UntoldWindows;
use super::{ArmSeen, ArmsSeen, Memory, same_edges};
use crate::evidence::reading::{Counters, NoReading, Pair, Reading};
use serde::{Deserialize, Serialize};

/// A second fall within so many readings is no restart, and as many without one are wanted until it is over. Two processes that
/// are asked by chance fall every fourth reading.
const SOON: u8 = 8;

/// What is known of a stratum's falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Falls {
    /// For so many readings more another fall would be too soon.
    #[serde(rename = "n")]
    soon: u8,
    /// One came too soon.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    again: bool,
    /// Windows in which answers had no status.
    #[serde(rename = "u", default, skip_serializing_if = "UntoldWindows::is_none")]
    pub(super) untold: UntoldWindows,
}

impl Falls {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// After another reading. True if what it says may be believed.
    fn believed(&mut self, fell: bool) -> bool {
        if fell {
            self.again |= self.soon > 0;
            self.soon = SOON;
        } else {
            self.soon = self.soon.saturating_sub(1);
            self.again &= self.soon > 0;
        }
        !self.again
    }
}

fn in_turn() -> String {
    format!(
        "its counters fell twice within {SOON} readings: probably several processes answer behind one address in turn (or one \
         begins anew again and again); name each process by an address of its own, or a source that tells them apart"
    )
}

impl ArmsSeen {
    /// True if the process of either arm began anew: one counts for both.
    pub(super) fn restarted(&self, pair: &Pair) -> bool {
        let restarted = |old: &Option<ArmSeen>, new: &Option<Counters>| {
            old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| old.fell(new) && !old.is_cluster_anew(new))
        };
        restarted(&self.stable, &pair.stable) || restarted(&self.candidate, &pair.candidate)
    }
}

impl ArmSeen {
    /// True if a counter is below what it was.
    fn fell(&self, new: &Counters) -> bool {
        let old = &self.counters;
        let latency = old.latency.as_ref().zip(new.latency.as_ref()).is_some_and(|(old, new)| {
            same_edges(old, new) && old.iter().zip(new).any(|((_, old), (_, new))| new < old)
        });
        let statuses = old.statuses.zip(new.statuses).is_some_and(|(old, new)| new.fell(old));
        let answers = new.completed < old.completed || new.told() < old.told() || new.failed < old.failed;
        answers || self.fell_sent(new) || latency || statuses
    }

    fn fell_sent(&self, new: &Counters) -> bool {
        self.counters.sent.zip(new.sent).is_some_and(|(old, new)| new < old)
    }

    /// True if what was sent and answered goes on and what is counted by status fell: the gateway made its cluster of this revision
    /// anew, as Kourier does whenever the revision's addresses change.
    pub(super) fn is_cluster_anew(&self, new: &Counters) -> bool {
        let goes_on = new.completed >= self.counters.completed && !self.fell_sent(new);
        goes_on && new.untold > self.counters.untold && self.fell(new)
    }
}

impl Memory {
    /// Whether windows may be made of this reading; it is not closed yet. If not, the next window begins with it.
    pub fn trust(&mut self, reading: &Reading) -> Result<(), NoReading> {
        // A reading of no later time is no news.
        if reading.at <= self.at {
            return Ok(());
        }
        let mut doubt = None;
        for (name, pair) in &reading.strata {
            let Some(seen) = self.strata.get_mut(name) else { continue };
            let restarted = seen.restarted(pair);
            let is_told = seen.believes_statuses(pair, restarted);
            if !seen.falls.believed(restarted) {
                doubt = doubt.or_else(|| Some((name, in_turn())));
            } else if !is_told {
                doubt = doubt.or_else(|| Some((name, UntoldWindows::words())));
            }
        }
        let Some((name, text)) = doubt else { return Ok(()) };
        let from = if name.is_empty() { "the source".to_owned() } else { name.clone() };
        self.close(reading);
        Err(NoReading::Broken { from, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::reading::{Counters, Pair};
    use jiff::Timestamp;

    /// Of one stratum, `n` answers of stable and a tenth as many of the candidate.
    fn reading(second: i64, n: u64) -> Reading {
        let counters = |n| Some(Counters { sent: Some(n), active: Some(0), completed: n, ..Counters::default() });
        let pair = Pair { stable: counters(n), candidate: counters(n / 10) };
        Reading { at: Timestamp::from_second(second).unwrap(), strata: [("edge".to_owned(), pair)].into() }
    }

    /// Which of the readings after the first are believed.
    fn believed(counts: &[u64]) -> Vec<bool> {
        let mut memory = Memory::open(&reading(0, counts[0]), None);
        let mut second = 0;
        let mut next = |n: &u64| {
            second += 10;
            let reading = reading(second, *n);
            let trusted = memory.trust(&reading).is_ok();
            if trusted {
                memory.close(&reading);
            }
            // A record keeps what is known.
            memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
            trusted
        };
        counts[1..].iter().map(&mut next).collect()
    }

    #[test]
    fn two_processes_in_turn_are_found_out_at_the_second_fall() {
        assert_eq!(believed(&[5000, 90, 5010, 100, 5020, 110]), [true, true, false, false, false]);
        assert_eq!(believed(&[9000, 5000, 90, 9010]), [true, false, false]);
    }

    #[test]
    fn a_restart_now_and_then_is_one() {
        let mut counts = vec![500, 600, 20];
        counts.extend((1..9).map(|n| 20 + n * 10));
        counts.extend([5, 15]);
        assert!(believed(&counts).iter().all(|believed| *believed), "{counts:?}");
    }

    #[test]
    fn it_is_over_after_as_many_readings_without_a_fall() {
        let mut counts = vec![5000, 90, 5010, 100];
        counts.extend((1..=9).map(|n| 100 + n));
        let seen = believed(&counts);
        assert_eq!(seen, [true, true, false, false, false, false, false, false, false, false, true, true]);
    }

    #[test]
    fn the_same_reading_again_is_no_fall() {
        let mut memory = Memory::open(&reading(0, 100), None);
        for _ in 0..20 {
            assert!(memory.trust(&reading(0, 7)).is_ok());
        }
    }
}

//! In which of its pods the candidate's failures stand, where a source counts each pod by itself (queue-proxy): one that is ill is told
//! from a release that is.
//!
//! Decides when that is said, and nothing about traffic: users of an ill pod fail whatever ails it. It counts by itself what was read
//! while windows were open, all of them, so after a crash it begins anew. Gateways count for all pods together, and tell nothing of this.
//! It may use readings.

use crate::evidence::Counts;
use crate::evidence::counts::real;
use crate::evidence::reading::{Counters, Reading};
use std::collections::BTreeMap;

/// That failures of equal pods all fall to one of them is less likely than this when it is said.
const CHANCE: f64 = 0.01;

/// One pod.
#[derive(Debug, Clone, Copy, Default)]
struct PodSeen {
    /// What it counted when it was read last.
    last: Counts,
    /// What that grew by while windows were open.
    grown: Counts,
}

/// The candidate's pods, by the name that the source has for each.
#[derive(Debug, Clone, Default)]
pub(super) struct PodFailures(BTreeMap<String, PodSeen>);

impl PodFailures {
    /// Windows open with this reading.
    pub(super) fn open(&mut self, reading: &Reading) {
        for (name, now) in pods(reading) {
            self.0.entry(name.clone()).or_default().last = now;
        }
    }

    /// A window closes with this one. A pod that appears only opens, as everywhere.
    pub(super) fn close(&mut self, reading: &Reading) {
        for (name, now) in pods(reading) {
            let first = PodSeen { last: now, ..PodSeen::default() };
            let seen = self.0.entry(name.clone()).or_insert(first);
            // What fell is a process that began anew.
            let fell = now.requests < seen.last.requests || now.failures < seen.last.failures;
            let before = if fell { Counts::default() } else { seen.last };
            let (requests, failures) = (now.requests - before.requests, now.failures - before.failures);
            *seen = PodSeen { last: now, grown: seen.grown.plus(Counts::new(requests, failures)) };
        }
    }

    /// That all failures stand in one of several pods, if they do and that is no chance.
    pub(super) fn words(&self) -> Option<String> {
        let whole = self.0.values().fold(Counts::default(), |sum, seen| sum.plus(seen.grown));
        let (name, ill) = self.0.iter().find(|(_, seen)| seen.grown.failures > 0)?;
        let served = self.0.values().filter(|seen| seen.grown.requests > 0).count();
        if ill.grown.failures < whole.failures || served < 2 {
            return None;
        }
        // Each failure falls to it by its part of the requests, and to any one of them as well.
        let by_chance = real(u64::try_from(served).unwrap_or(u64::MAX)).ln()
            + real(whole.failures) * (real(ill.grown.requests) / real(whole.requests)).ln();
        (by_chance <= CHANCE.ln()).then(|| {
            format!(
                "; of {served} pods {name} has all {} failures that were read of them: that pod may be ill, and not the release",
                whole.failures
            )
        })
    }
}

/// The candidate's pods that count for themselves.
fn pods(reading: &Reading) -> impl Iterator<Item = (&String, Counts)> {
    let alone = |(name, candidate): (_, &Counters)| (name, Counts::new(candidate.told(), candidate.failed));
    let of_candidate = reading.strata.iter().filter(|(_, pair)| pair.stable.is_none());
    of_candidate.filter_map(|(name, pair)| Some((name, pair.candidate.as_ref()?))).map(alone)
}

#[cfg(test)]
mod tests {
    use super::super::tests::at;
    use super::*;
    use crate::evidence::reading::Pair;

    /// What each pod of the candidate has counted, beside one of stable's and a gateway.
    fn reading(pods: &[(&str, u64, u64)]) -> Reading {
        let counters = |completed, failed| Some(Counters { completed, failed, ..Counters::default() });
        let pod =
            |(name, n, k): &(&str, u64, u64)| ((*name).to_owned(), Pair { stable: None, candidate: counters(*n, *k) });
        let others = [
            ("old".to_owned(), Pair { stable: counters(900, 70), candidate: None }),
            ("gateway".to_owned(), Pair { stable: counters(9, 9), candidate: counters(9, 9) }),
        ];
        Reading { at: at(0), strata: pods.iter().map(pod).chain(others).collect() }
    }

    fn after(readings: &[&[(&str, u64, u64)]]) -> Option<String> {
        let mut pods = PodFailures::default();
        pods.open(&reading(readings[0]));
        for next in &readings[1..] {
            pods.close(&reading(next));
        }
        pods.words()
    }

    #[test]
    fn the_pod_that_has_all_failures_is_named() {
        let words = after(&[
            &[("a", 100, 7), ("b", 0, 0), ("c", 0, 0)],
            &[("a", 200, 7), ("b", 90, 6), ("c", 80, 0)],
            // One begins anew, another one appears and has counted where nobody looked.
            &[("a", 300, 7), ("b", 50, 8), ("c", 90, 0), ("d", 40, 9)],
            &[("a", 300, 7), ("b", 10, 2), ("c", 99, 0), ("d", 50, 9)],
        ]);
        let wanted =
            "; of 4 pods b has all 16 failures that were read of them: that pod may be ill, and not the release";
        assert_eq!(words.as_deref(), Some(wanted));
    }

    #[test]
    fn nothing_is_said_of_several_of_one_alone_or_of_chance() {
        for pods in [
            // Two of them.
            [("a", 100, 5), ("b", 100, 1)],
            // The other one has nobody.
            [("a", 100, 9), ("b", 0, 0)],
            // Three of three fall to one of two every fourth time.
            [("a", 100, 3), ("b", 100, 0)],
            // Nearly all requests are its own.
            [("a", 9900, 20), ("b", 100, 0)],
            // None fails.
            [("a", 100, 0), ("b", 100, 0)],
        ] {
            assert_eq!(after(&[&[("a", 0, 0), ("b", 0, 0)], &pods]), None, "{pods:?}");
        }
        assert!(after(&[&[("a", 0, 0), ("b", 0, 0)], &[("a", 100, 9), ("b", 100, 0)]]).is_some());
    }
}

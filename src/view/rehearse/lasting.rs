//! Requests that take their time. Decides when each ends, and how many of quick ones are on their way at any moment. It uses no
//! other module.

use std::collections::BTreeMap;
use std::time::Duration;

/// Requests that end at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// Answered well.
    pub good: u64,
    /// Failed, and those of them that the source tells.
    pub failed: u64,
    pub told: u64,
    /// Streams, which were answered long ago.
    pub streams: u64,
    /// Given up by their clients.
    pub gone: u64,
}

/// What is still to end, by its moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Lasting(BTreeMap<Duration, Ends>);

impl Lasting {
    /// These end then.
    pub(super) fn push(&mut self, at: Duration, ends: Ends) {
        if ends == Ends::default() {
            return;
        }
        let known = self.0.entry(at).or_default();
        known.good += ends.good;
        known.failed += ends.failed;
        known.told += ends.told;
        known.streams += ends.streams;
        known.gone += ends.gone;
    }

    /// Takes what has ended until then.
    pub(super) fn until(&mut self, until: Duration) -> Vec<Ends> {
        let mut ended = Vec::new();
        while let Some(first) = self.0.first_entry().filter(|first| *first.key() <= until) {
            ended.push(first.remove());
        }
        ended
    }
}

/// The mean, in seconds, of lognormal times with this median and deviation of the logarithm.
pub(super) fn mean(median: Duration, spread: f64) -> f64 {
    median.as_secs_f64() * (spread * spread / 2.0).exp()
}

/// The part of what was on its way `passed` seconds ago that still is, where it takes `mean` seconds on average.
// As if times were exponential: lognormal ones of the same mean have as many on their way, and how long each of these has been
// there is of no account to whoever sees only how many they are.
pub(super) fn still_flying(passed: f64, mean: f64) -> f64 {
    if mean <= 0.0 { 0.0 } else { (-passed / mean).exp() }
}

/// The part of what came within the last `passed` seconds that is on its way at their end.
pub(super) fn flying(passed: f64, mean: f64) -> f64 {
    if mean <= 0.0 || passed <= 0.0 { 0.0 } else { mean / passed * (1.0 - (-passed / mean).exp()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_together_is_taken_once() {
        let seconds = Duration::from_secs;
        let mut lasting = Lasting::default();
        lasting.push(seconds(5), Ends { good: 2, ..Ends::default() });
        lasting.push(seconds(3), Ends { gone: 1, ..Ends::default() });
        lasting.push(seconds(5), Ends { failed: 1, told: 1, ..Ends::default() });
        lasting.push(seconds(1), Ends::default());
        assert_eq!(lasting.until(seconds(3)), [Ends { gone: 1, ..Ends::default() }]);
        assert_eq!(lasting.until(seconds(9)), [Ends { good: 2, failed: 1, told: 1, ..Ends::default() }]);
        assert_eq!(lasting.until(seconds(99)), []);
    }

    /// As many as arrive in a mean time are on their way, whatever the ticks.
    #[test]
    fn littles_law_holds() {
        let mean = mean(Duration::from_millis(60), 0.8);
        assert!((mean - 0.0826).abs() < 1e-4);
        for tick in [0.02, 0.1, 1.0, 5.0] {
            let mut on_its_way = 0.0;
            for _ in 0..2000 {
                on_its_way = on_its_way * still_flying(tick, mean) + 100.0 * tick * flying(tick, mean);
            }
            assert!((on_its_way - 100.0 * mean).abs() < 0.01, "{tick}: {on_its_way}");
        }
        assert!(still_flying(1.0, 0.0) + flying(1.0, 0.0) == 0.0);
    }
}

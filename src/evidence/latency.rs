//! Is the candidate slower than stable? The comparison of [`super::comparison`], at every edge of a histogram.
//!
//! "Failed" means "took longer than an edge" here. Decides by the mean over edges, which is an e-value whatever the
//! dependence between edges. With a margin of `m` edges the candidate is counted above the edge that comes `m` later than
//! stable's, so that a candidate that is slower by less is no worse. Nothing is interpolated inside a bucket, because a
//! verdict may rest on counts alone.

use super::comparison::Comparison;
use super::counts::Table;
use super::logs::log_mean;
use super::nats::{Nats, Trouble};
use serde::{Deserialize, Serialize};

/// So many edges are compared at most, the lowest ones, because the sums stand in the record.
// Envoy's histogram, with 19 finite edges, is compared whole.
const MOST_EDGES: usize = 24;

/// How long answers took in one window: the growth of a histogram.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// All answers.
    pub total: u64,
    /// Finite upper edges in microseconds, rising, and how many answers took longer.
    pub above: Vec<(u64, u64)>,
}

impl Histogram {
    /// Answers that took longer than an edge; none if it is not an edge.
    fn above(&self, edge: u64) -> Option<u64> {
        self.above.iter().find(|(at, _)| *at == edge).map(|(_, n)| *n)
    }

    /// Answers that took longer than the first edge at or above `limit`; that edge, and all of them. None if there is no
    /// such edge.
    pub fn beyond(&self, limit: u64) -> Option<(u64, u64)> {
        self.above.iter().copied().find(|(edge, _)| *edge >= limit)
    }

    /// With so many slow answers fewer, at each edge as far as it has them, and as many good ones more.
    #[must_use]
    pub(super) fn without_slow(&self, slow: u64) -> Self {
        Self { total: self.total, above: self.above.iter().map(|(edge, n)| (*edge, n.saturating_sub(slow))).collect() }
    }

    /// Both added, at the edges that both have.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let both = |(edge, n): &(u64, u64)| other.above(*edge).map(|more| (*edge, n.saturating_add(more)));
        Self { total: self.total.saturating_add(other.total), above: self.above.iter().filter_map(both).collect() }
    }
}

/// Evidence that the candidate is slower, a sum for each pair of edges that is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Answers of the candidate that were compared.
    #[serde(default)]
    answers: u64,
    /// Stable's edge, the candidate's, and the sums.
    pairs: Vec<(u64, u64, Comparison)>,
}

impl Latency {
    /// For histograms with these finite edges, rising.
    fn new(edges: &[u64], margin: usize) -> Self {
        let pairs = edges.iter().zip(edges.iter().skip(margin)).take(MOST_EDGES);
        let pairs = pairs.map(|(stable, candidate)| (*stable, *candidate, Comparison::default())).collect();
        Self { answers: 0, pairs }
    }

    /// Adds a window of one stratum. The edges are those of the first one; edges that a later histogram does not have say
    /// nothing.
    pub fn add(&mut self, stable: &Histogram, candidate: &Histogram, margin: usize) -> Result<(), Trouble> {
        // The first window fixes the edges: a sum over windows must be about the same question in each.
        if self.pairs.is_empty() {
            let edges: Vec<u64> = stable.above.iter().map(|(edge, _)| *edge).collect();
            *self = Self::new(&edges, margin);
        }
        self.answers = self.answers.saturating_add(candidate.total);
        for (at_stable, at_candidate, sums) in &mut self.pairs {
            if let (Some(slow_b), Some(slow_c)) = (stable.above(*at_stable), candidate.above(*at_candidate)) {
                sums.add(Table::of(candidate.total, stable.total, slow_c, slow_b))?;
            }
        }
        Ok(())
    }

    /// Answers of the candidate that were compared.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// `ln E`; zero if there is nothing to compare at.
    pub fn ln_e(&self) -> f64 {
        let logs: Vec<f64> = self.pairs.iter().map(|(.., sums)| sums.ln_e()).collect();
        if logs.is_empty() { 0.0 } else { log_mean(&logs) }
    }

    /// Where the evidence is strongest: the candidate's edge, in microseconds.
    pub fn loudest(&self) -> Option<u64> {
        let of = |pair: &&(u64, u64, Comparison)| Nats::floor(pair.2.ln_e()).unwrap_or_default();
        self.pairs.iter().max_by_key(of).map(|(_, edge, _)| *edge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [u64; 5] = [5_000, 10_000, 25_000, 50_000, 100_000];

    fn histogram(total: u64, above: [u64; 5]) -> Histogram {
        Histogram { total, above: EDGES.into_iter().zip(above).collect() }
    }

    fn after(margin: usize, stable: &Histogram, candidate: &Histogram) -> f64 {
        let mut latency = Latency::default();
        latency.add(stable, candidate, margin).unwrap();
        latency.ln_e()
    }

    #[test]
    fn slower_is_found_and_slower_within_the_margin_is_not() {
        let stable = histogram(900, [800, 400, 100, 10, 1]);
        let same = histogram(100, [89, 44, 11, 1, 0]);
        let slower = histogram(100, [100, 89, 44, 11, 1]);
        let far = histogram(100, [100, 100, 100, 89, 44]);
        assert!(after(0, &stable, &same) < 1.0);
        assert!(after(0, &stable, &slower) > 4.7);
        assert!(after(1, &stable, &slower) < 1.0);
        assert!(after(1, &stable, &far) > 4.7);
    }

    #[test]
    fn edges_that_differ_and_margins_beyond_the_last_edge_say_nothing() {
        let other = Histogram { total: 100, above: vec![(7, 100)] };
        assert!(after(0, &histogram(100, [0; 5]), &other).abs() < 1e-12);
        assert!(after(5, &histogram(100, [9; 5]), &histogram(100, [50; 5])).abs() < 1e-12);
        assert!(Latency::default().ln_e().abs() < 1e-12);
    }

    #[test]
    fn a_limit_is_taken_up_to_the_next_edge() {
        let histogram = histogram(100, [90, 50, 20, 4, 1]);
        assert_eq!(histogram.beyond(20_000), Some((25_000, 20)));
        assert_eq!(histogram.beyond(25_000), Some((25_000, 20)));
        assert_eq!(histogram.beyond(100_001), None);
    }
}

//! Is the candidate slower than stable? The comparison of [`super::comparison`], at every edge of a histogram.
//!
//! "Failed" means "took longer than an edge" here. Decides by the mean over edges, which is an e-value whatever the
//! dependence between edges. What is no worse is a matter of the [`Margin`]: up to so many times stable's odds of taking longer,
//! at every edge; or, with a margin of `m` edges, no higher odds of taking longer than the edge that comes `m` later than
//! stable's. Nothing is interpolated inside a bucket, because a verdict may rest on counts alone. That a materially slower
//! candidate is *excluded* is another question: [`acceptance`].

mod acceptance;
mod margin;
mod outlook;

pub use margin::Margin;
pub use outlook::LatencyOutlook;

use super::clustering::SlowClustering;
use super::counts::Table;
use super::logs::log_mean;
use super::nats::{Nats, Trouble};
use super::starts::Starts;
use acceptance::EdgeSums;
use serde::{Deserialize, Serialize};

/// So many edges are compared at most, because the sums stand in the record: of more of them every second, or third.
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
    pairs: Vec<(u64, u64, Starts)>,
    /// At the same pairs, against a materially slower candidate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<EdgeSums>,
}

impl Latency {
    /// For histograms with these finite edges, rising.
    fn new(edges: &[u64], margin: Margin) -> Self {
        let pairs: Vec<_> = edges.iter().zip(edges.iter().skip(margin.shift())).collect();
        let pairs = pairs.iter().step_by(pairs.len().div_ceil(MOST_EDGES).max(1));
        let pairs = pairs.map(|(stable, candidate)| (**stable, **candidate, Starts::default())).collect();
        Self { answers: 0, pairs, accepted: vec![] }
    }

    /// Adds one stratum of the window that is open. The edges are those of the first one; edges that a later histogram does not have say
    /// nothing.
    pub fn add(&mut self, stable: &Histogram, candidate: &Histogram, margin: Margin) -> Result<(), Trouble> {
        self.add_clustered(stable, candidate, margin, &SlowClustering::none())
    }

    /// The same, where slow answers come together as told.
    pub(super) fn add_clustered(
        &mut self,
        stable: &Histogram,
        candidate: &Histogram,
        margin: Margin,
        slow: &SlowClustering,
    ) -> Result<(), Trouble> {
        // The first window fixes the edges: a sum over windows must be about the same question in each.
        if self.pairs.is_empty() {
            let edges: Vec<u64> = stable.above.iter().map(|(edge, _)| *edge).collect();
            *self = Self::new(&edges, margin);
        }
        self.answers = self.answers.saturating_add(candidate.total);
        for (at_stable, at_candidate, sums) in &mut self.pairs {
            if let (Some(slow_b), Some(slow_c)) = (stable.above(*at_stable), candidate.above(*at_candidate)) {
                let table = Table::of(candidate.total, stable.total, slow_c, slow_b);
                sums.add_beyond(table, margin.no_worse(), slow.at(*at_stable))?;
            }
        }
        Ok(())
    }

    /// The window closes.
    pub fn close(&mut self) -> Result<(), Trouble> {
        self.pairs.iter_mut().try_for_each(|(.., sums)| sums.close())
    }

    /// Adds what the same window proves, stable and candidate of each stratum, after [`Self::add`] for each of them. `foreign`: so
    /// many of all that was ever counted of the candidate are others' at most.
    pub(super) fn prove(
        &mut self,
        strata: &[(&Histogram, &Histogram)],
        foreign: u64,
        margin: Margin,
        slow: &SlowClustering,
    ) -> Result<(), Trouble> {
        self.accepted.resize_with(self.pairs.len(), EdgeSums::default);
        for ((at_stable, at_candidate, _), sums) in self.pairs.iter().zip(&mut self.accepted) {
            let table = |(stable, candidate): &(&Histogram, &Histogram)| {
                let (slow_b, slow_c) = (stable.above(*at_stable)?, candidate.above(*at_candidate)?);
                Some(Table::of(candidate.total, stable.total, slow_c, slow_b))
            };
            let tables: Vec<_> = strata.iter().filter_map(table).collect();
            sums.add(&tables, foreign, margin, slow.for_it(*at_stable))?;
        }
        Ok(())
    }

    /// `ln` of the evidence against a materially slower candidate where there is least of it, and the candidate's edge there, in
    /// microseconds; none if nothing was compared.
    pub(super) fn ln_accepted(&self, margin: Margin, slow: &SlowClustering) -> Option<(f64, u64)> {
        let at = self.pairs.iter().zip(&self.accepted);
        let all = at.filter_map(|((at, edge, _), sums)| Some((sums.ln_e(margin.material(), slow.for_it(*at))?, *edge)));
        // What is no number is below everything, so that it is seen.
        all.min_by(|a, b| b.0.is_nan().cmp(&a.0.is_nan()).then(a.0.total_cmp(&b.0)))
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
        let of = |pair: &&(u64, u64, Starts)| Nats::floor(pair.2.ln_e()).unwrap_or_default();
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
        by(Margin::Edges(margin), stable, candidate)
    }

    fn by(margin: Margin, stable: &Histogram, candidate: &Histogram) -> f64 {
        let mut latency = Latency::default();
        latency.add(stable, candidate, margin).unwrap();
        latency.close().unwrap();
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

    /// One edge further is ten times the odds at some of these edges, so that a margin of one edge hides it; odds do not.
    #[test]
    fn slower_by_an_edge_is_beyond_the_odds_and_slower_within_them_is_not() {
        let stable = histogram(9000, [8000, 4000, 1000, 100, 10]);
        let slower = histogram(1000, [1000, 890, 440, 110, 11]);
        let within = histogram(1000, [915, 520, 150, 14, 1]);
        assert!(after(0, &stable, &within) > 4.7 && after(1, &stable, &slower) < 0.0);
        assert!(by(Margin::default(), &stable, &within) < 0.0);
        assert!(by(Margin::default(), &stable, &slower) > 4.7);
    }

    #[test]
    fn of_many_edges_some_are_compared_up_to_the_last() {
        let edges: Vec<u64> = (1..=100).collect();
        let latency = Latency::new(&edges, Margin::default());
        let at: Vec<u64> = latency.pairs.iter().map(|(edge, ..)| *edge).collect();
        assert_eq!((at.len(), at[1], at.last()), (20, 6, Some(&96)));
        assert_eq!(Latency::new(&edges[..24], Margin::default()).pairs.len(), 24);
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

//! How fast a candidate as quick as stable will be told from a materially slower one.
//!
//! Decides an expectation: the mean of the evidence of [`super::acceptance`], from how stable's answers fell between the edges. Depends on the
//! same formulas.

use super::acceptance::KnownAtEdge;
use super::{Histogram, Margin};
use crate::evidence::counts::real;
use std::time::Duration;

/// Stable's times, and what was expected so far of the windows that compare them.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyOutlook {
    margin: Margin,
    edges: Vec<ExpectedAtEdge>,
    /// Answers of the candidate's users and of stable.
    answers: (f64, f64),
    /// In so many seconds.
    seconds: f64,
}

/// What is expected at one edge.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ExpectedAtEdge {
    /// The candidate's edge, in microseconds.
    edge: u64,
    /// Parts of stable's answers beyond its edge and beyond the candidate's.
    at: f64,
    later: f64,
    /// Others' answers beyond the candidate's edge a second.
    others: f64,
    /// Answers of the candidate beyond it so far, and the evidence against the odds.
    slow: f64,
    against_odds: f64,
}

impl LatencyOutlook {
    /// From stable's answers; none where latency is not compared, or nothing is known of them.
    pub fn new(margin: Margin, stable: &Histogram) -> Option<Self> {
        if !margin.compares() || stable.total == 0 {
            return None;
        }
        let part = |slow: u64| real(slow.min(stable.total)) / real(stable.total);
        let later = stable.above.iter().skip(margin.shift());
        let edges = stable.above.iter().zip(later).map(|((_, at), (edge, later))| ExpectedAtEdge {
            edge: *edge,
            at: part(*at),
            later: part(*later),
            others: 0.0,
            slow: 0.0,
            against_odds: 0.0,
        });
        Some(Self { margin, edges: edges.collect(), answers: (0.0, 0.0), seconds: 0.0 })
    }

    /// The same beside others at the candidate's own address, whose answers took so long in so much time.
    #[must_use]
    pub fn beside(mut self, others: &Histogram, over: Duration) -> Self {
        for at in &mut self.edges {
            at.others = real(others.above(at.edge).unwrap_or_default()) / over.as_secs_f64().max(1e-3);
        }
        self
    }

    /// Expects so many answers of the candidate's users and of stable in so many seconds. Others' quick answers prove nothing.
    pub(in crate::evidence) fn expect(&mut self, candidate: f64, stable: f64, seconds: f64) {
        for at in &mut self.edges {
            let others = at.others * seconds;
            let slow = candidate * at.later + others;
            let all = candidate + others;
            let part = if all > 0.0 { slow / all } else { 0.0 };
            at.slow += slow;
            at.against_odds += gain((all, part), (stable, at.at), self.margin);
        }
        self.answers = (self.answers.0 + candidate, self.answers.1 + stable);
        self.seconds += seconds;
    }

    /// `ln` of the evidence that is expected at the edge that has least.
    pub(in crate::evidence) fn ln_accepted(&self) -> f64 {
        let (users, n_b) = self.answers;
        let known = |at: &ExpectedAtEdge| KnownAtEdge {
            against_odds: at.against_odds,
            candidate: (users + at.others * self.seconds, at.slow),
            stable: (n_b, n_b * (1.0 - at.at)),
        };
        self.edges.iter().map(|at| known(at).ln_e(self.margin.material())).fold(f64::INFINITY, f64::min)
    }
}

/// Mean growth of the conditional acceptance: how much likelier these parts (of so many answers) are if the candidate's odds are at the margin
/// than if they were material, each at its likeliest.
fn gain((n_c, p_c): (f64, f64), (n_b, p_b): (f64, f64), margin: Margin) -> f64 {
    let all = n_c + n_b;
    if n_c <= 0.0 || n_b <= 0.0 {
        return 0.0;
    }
    let (share, p) = (n_c / all, (n_c * p_c + n_b * p_b) / all);
    let [(near_c, near_b), (far_c, far_b)] = [margin.no_worse(), margin.material()].map(|odds| parts(share, p, odds));
    let likelier = |n: f64, part: f64, near: f64, far: f64| {
        let term = |part: f64, x: f64, y: f64| if part > 0.0 && y > 0.0 { part * (x / y).ln() } else { 0.0 };
        n * (term(part, near, far) + term(1.0 - part, 1.0 - near, 1.0 - far))
    };
    likelier(n_c, p_c, near_c, far_c) + likelier(n_b, p_b, near_b, far_b)
}

/// The parts of the candidate and of stable if the candidate's odds are so many times stable's, it has this share, and both together
/// have `p`: stable's is the positive root of `(1 - s)(o - 1) q^2 + (s o + 1 - s - p (o - 1)) q - p = 0`.
fn parts(share: f64, p: f64, odds: f64) -> (f64, f64) {
    let (a, b) = ((1.0 - share) * (odds - 1.0), share * odds + 1.0 - share - p * (odds - 1.0));
    let q = 2.0 * p / (b + (b * b + 4.0 * a * p).sqrt());
    (odds * q / (1.0 - q + odds * q), q)
}

#[cfg(test)]
mod tests {
    use super::super::acceptance::against;
    use super::*;
    use crate::evidence::clustering::Phi;
    use crate::evidence::counts::Table;

    #[test]
    fn what_is_expected_is_what_comes_of_such_counts() {
        for (table, margin) in [
            (Table::of(5000, 5000, 500, 500), Margin::default()),
            (Table::of(1000, 9000, 100, 900), Margin::default()),
            (Table::of(5000, 5000, 2500, 2500), Margin::default()),
            (Table::of(2000, 8000, 1800, 7200), Margin::default()),
            (Table::of(4000, 6000, 80, 600), Margin::default()),
        ] {
            let exact = against(table, margin, Phi::ONE).unwrap().value();
            let of = |counts: crate::evidence::Counts| (real(counts.requests), counts.rate());
            let mean = gain(of(table.candidate), of(table.stable), margin);
            // The conditional test knows the totals, which costs it half a logarithm or so.
            assert!((mean - exact).abs() < 0.7 && mean > 5.0, "{mean} {exact}");
        }
        assert!(gain((100.0, 0.0), (100.0, 0.0), Margin::default()).abs() < 1e-12);
        assert!(gain((100.0, 1.0), (100.0, 1.0), Margin::default()).abs() < 1e-12);
        assert!(gain((0.0, 0.5), (100.0, 0.5), Margin::default()).abs() < 1e-12);
    }

    #[test]
    fn some_hundred_answers_tell() {
        // A median of 60 ms, with Envoy's edges about it.
        let stable = Histogram {
            total: 10_000,
            above: vec![(25_000, 8630), (50_000, 5900), (100_000, 2610), (250_000, 370), (500_000, 40)],
        };
        let mut outlook = LatencyOutlook::new(Margin::default(), &stable).unwrap();
        let mut needed = 0;
        while outlook.ln_accepted() < 20.0_f64.ln() {
            outlook.expect(10.0, 10.0, 1.0);
            needed += 10;
        }
        assert!((150..400).contains(&needed), "{needed}");
        assert_eq!(LatencyOutlook::new(Margin::Off, &stable), None);
        assert_eq!(LatencyOutlook::new(Margin::default(), &Histogram::default()), None);
        // With a margin of edges it is looked for at the edge that comes later.
        let mut edges = LatencyOutlook::new(Margin::Edges(1), &stable).unwrap();
        edges.expect(f64::from(needed), f64::from(needed), 1.0);
        assert!(edges.ln_accepted() > outlook.ln_accepted());
        // A monitor that asks once a second and takes longer than any of stable's leaves no decision beside ten of users.
        let monitor = Histogram { total: 60, above: stable.above.iter().map(|(edge, _)| (*edge, 60)).collect() };
        let mut beside =
            LatencyOutlook::new(Margin::default(), &stable).unwrap().beside(&monitor, Duration::from_secs(60));
        (0..1000).for_each(|_| beside.expect(10.0, 10.0, 1.0));
        assert!(beside.ln_accepted() < 0.0, "{}", beside.ln_accepted());
    }
}

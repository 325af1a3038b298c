//! Everything that the evidence of a rollout adds up to: small, whole numbers, saved in the record.
//!
//! Decides what a window adds to which sum, and what the sums say. Depends on the single tests.

use super::acceptance;
use super::comparison::Comparison;
use super::counts::{Counts, Table};
use super::latency::{Histogram, Latency};
use super::logs::log_sum;
use super::nats::{Nats, Trouble};
use super::objective::{ObjectiveState, ObjectiveWatch};
use super::rules::Rules;
use super::sharing;
use super::window::{Arm, Growth};
use serde::{Deserialize, Serialize};

/// Weights of failures and latency in the comparison.
// Weights that sum to 1 keep one error for both: a weighted mean of e-values is one. The objective is not in it, because
// it tests against something else: in an incident of both arms six failures of fifty requests would be enough for it.
const WEIGHTS: [f64; 2] = [0.6, 0.4];

/// The sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Windows that were judged.
    windows: u64,
    /// What was counted in them: the candidate, stable.
    candidate: Counts,
    stable: Counts,
    /// More failures than stable.
    failures: Comparison,
    /// Slower than stable; none if latency is not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    /// The source tells how long answers take.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    timed: bool,
    /// Against a materially worse candidate.
    acceptance: Nats,
    /// The objective for failures.
    objective: ObjectiveWatch,
    /// The objective for latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tail: Option<ObjectiveWatch>,
    /// Requests of the candidate that were judged at this step.
    step: u64,
    /// Requests of candidate and stable whose fall is being tested, and the percents that they should fall to.
    fall: (u64, u64),
    percents: (u8, u8),
    /// The counts that showed that requests do not fall as the split says, until others show that they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fell_wrong: Option<(u64, u64)>,
    /// What was counted while users were on their way from one split to another: the candidate, stable.
    #[serde(default, skip_serializing_if = "is_nothing")]
    moving: (Counts, Counts),
}

fn is_nothing(counts: &(Counts, Counts)) -> bool {
    *counts == <(Counts, Counts)>::default()
}

/// What a window is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Users were on their way from one split to another, and Knative's own probes are in it: it can break the candidate's
    /// objective, and nothing else.
    Moving,
    /// Failures count, how long answers took does not yet.
    Cold,
    /// Everything counts.
    Warm,
}

/// One of the two objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Failures.
    Failures,
    /// Latency.
    Latency,
}

impl Sums {
    /// Nothing counted yet.
    pub fn new(rules: &Rules) -> Self {
        // Latency has its weight before anything is known, whether the source has a histogram or not: weights that were
        // chosen after a look at the data would not keep the error.
        let latency = rules.margin.map(|_| Latency::default());
        Self { latency, tail: rules.tail.map(|_| ObjectiveWatch::default()), ..Self::default() }
    }

    /// With these counts alone.
    pub fn of_counts(counts: Table) -> Self {
        Self { candidate: counts.candidate, stable: counts.stable, ..Self::default() }
    }

    /// A step begins: requests fall anew. `percents` of candidate and stable.
    pub fn step(&mut self, percents: (u8, u8)) {
        (self.step, self.fall, self.percents, self.fell_wrong) = (0, (0, 0), percents, None);
    }

    /// Everyone is on the candidate from now on: the objective is judged anew, with nothing of the ramp.
    pub fn bake(&mut self) {
        self.objective = ObjectiveWatch::default();
        self.tail = self.tail.map(|_| ObjectiveWatch::default());
    }

    /// Adds one window.
    pub fn add(&mut self, growths: &[Growth], window: Window, rules: &Rules) -> Result<(), Trouble> {
        // Once everyone is on the candidate, requests that still end at stable came there by no split. They are neither a
        // control nor an excuse.
        let alone = self.percents.0 > 0 && self.percents.1 == 0;
        let of_stable = |counts: Counts| if alone { Counts::default() } else { counts };
        let table = |g: &Growth| Table { stable: of_stable(g.stable.counts), candidate: g.candidate.counts };
        let whole = growths.iter().map(table).fold(Table::default(), Table::plus);
        if window == Window::Moving {
            // The window belongs to neither split, so the test of the split cannot use it.
            return if self.fell_wrong.is_some() { Ok(()) } else { self.add_moving(whole, rules) };
        }
        let warm = window == Window::Warm;
        self.timed |= growths.iter().any(|g| g.stable.latency.is_some());
        if self.falls_wrong(growths) {
            // More than the split is being counted. The window is left out by its totals, whatever failed in it.
            return Ok(());
        }
        self.step = self.step.saturating_add(whole.candidate.requests);
        self.windows += 1;
        self.candidate = self.candidate.plus(whole.candidate);
        self.stable = self.stable.plus(whole.stable);
        for growth in growths {
            self.failures.add(table(growth))?;
            self.acceptance = self.acceptance.plus(acceptance::window(table(growth), rules.tolerated_odds)?);
            if let (true, Some(latency), Some(margin)) = (warm && !alone, &mut self.latency, rules.margin)
                && let (Some(stable), Some(candidate)) = (&growth.stable.latency, &growth.candidate.latency)
            {
                latency.add(stable, candidate, margin)?;
            }
        }
        self.objective.add(whole, rules.objective, rules.broken_at())?;
        if let (true, Some(watch), Some(tail)) = (warm, &mut self.tail, rules.tail) {
            let sum = |arm: fn(&Growth) -> &Arm| {
                growths.iter().map(|g| slow(arm(g).latency.as_ref(), tail.within)).fold(Counts::default(), Counts::plus)
            };
            let window = Table { stable: of_stable(sum(|g| &g.stable)), candidate: sum(|g| &g.candidate) };
            watch.add(window, tail.part, rules.broken_at())?;
        }
        Ok(())
    }

    /// A window between two splits is held against the objectives alone. The comparison supposes that both arms met the
    /// same times in the same proportion: where a split changed and an incident began in one window, they did not.
    fn add_moving(&mut self, whole: Table, rules: &Rules) -> Result<(), Trouble> {
        self.moving = (self.moving.0.plus(whole.candidate), self.moving.1.plus(whole.stable));
        self.objective.add(whole, rules.objective, rules.broken_at())
    }

    /// Windows that were judged.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// What was counted in them.
    pub fn judged(&self) -> Table {
        Table { stable: self.stable, candidate: self.candidate }
    }

    /// What was counted in them, and between two splits.
    pub fn counted(&self) -> Table {
        let (candidate, stable) = self.moving;
        Table { stable: self.stable.plus(stable), candidate: self.candidate.plus(candidate) }
    }

    /// Answers of the candidate whose time was compared; none if time is not compared, or the source does not tell it.
    pub fn timed(&self) -> Option<u64> {
        self.latency.as_ref().filter(|_| self.timed).map(Latency::answers)
    }

    /// Requests of the candidate that were judged at this step.
    pub fn at_step(&self) -> u64 {
        self.step
    }

    /// Adds to the test of the split, and says whether it is false now. Once it was, it is tested anew until new counts
    /// speak for it.
    fn falls_wrong(&mut self, growths: &[Growth]) -> bool {
        for growth in growths {
            let (candidate, stable) = self.fall;
            self.fall =
                (candidate.saturating_add(growth.candidate.arrived), stable.saturating_add(growth.stable.arrived));
        }
        let ((candidate, stable), (of_candidate, of_stable)) = (self.fall, self.percents);
        let ln_e = sharing::between((stable, of_stable), (candidate, of_candidate));
        if ln_e >= -sharing::ALPHA.ln() {
            self.fell_wrong = Some(std::mem::take(&mut self.fall));
        } else if ln_e < 0.0 {
            self.fell_wrong = None;
        }
        self.fell_wrong.is_some()
    }

    /// The percents that candidate and stable should have at this step.
    pub fn percents(&self) -> (u8, u8) {
        self.percents
    }

    /// Requests of candidate and stable that show that they do not fall as the split says, while that is so.
    pub fn fell_wrong(&self) -> Option<(u64, u64)> {
        self.fell_wrong
    }

    /// `ln E` that the candidate is worse than stable: failures and latency together, one error for both.
    pub fn ln_worse(&self) -> f64 {
        match &self.latency {
            None => self.failures.ln_e(),
            Some(latency) => log_sum(&[WEIGHTS[0].ln() + self.failures.ln_e(), WEIGHTS[1].ln() + latency.ln_e()]),
        }
    }

    /// `ln E` for failures and, if it is compared, for latency with the edge (in microseconds) where it is strongest.
    pub fn parts(&self) -> (f64, Option<(f64, u64)>) {
        let latency = self.latency.as_ref().and_then(|l| Some((l.ln_e(), l.loudest()?)));
        (self.failures.ln_e(), latency)
    }

    /// `ln E` against a materially worse candidate.
    pub fn ln_accepted(&self, rules: &Rules) -> f64 {
        acceptance::ln_e(self.acceptance, self.candidate, rules.tolerated_rate)
    }

    /// How the objectives stand, the worst first, with what the worst has counted of the candidate and its `ln E`.
    pub fn objective(&self, rules: &Rules) -> (ObjectiveState, Which, Counts, f64) {
        let needed = rules.broken_at();
        let of = |watch: &ObjectiveWatch, limit, which| {
            (watch.standing(limit, needed), which, watch.candidate(), watch.ln_candidate(limit))
        };
        let failures = of(&self.objective, rules.objective, Which::Failures);
        let latency = self.tail.as_ref().zip(rules.tail).map(|(watch, tail)| of(watch, tail.part, Which::Latency));
        // Worst first: what breaks an objective must not hide behind the other one.
        let rank = |standing| match standing {
            ObjectiveState::Kept => 0,
            ObjectiveState::Shared => 1,
            ObjectiveState::Leaning => 2,
            ObjectiveState::Broken => 3,
        };
        match latency {
            Some(latency) if rank(latency.0) > rank(failures.0) => latency,
            _ => failures,
        }
    }
}

/// Answers, and those that took longer than a limit (taken up to the next edge). Nothing where there is no such edge.
fn slow(histogram: Option<&Histogram>, limit: u64) -> Counts {
    let found = histogram.and_then(|h| h.beyond(limit).map(|(_, slow)| Counts::new(h.total, slow)));
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::rules::Tail;
    use super::super::rules::tests::rules;
    use super::*;
    use proptest::prelude::*;

    fn growth(table: Table, latency: Option<[Histogram; 2]>) -> Growth {
        let [stable, candidate] = latency.map_or([None, None], |h| h.map(Some));
        Growth { stable: Arm::new(table.stable, stable), candidate: Arm::new(table.candidate, candidate) }
    }

    const EDGES: [u64; 3] = [10_000, 100_000, 1_000_000];

    fn histogram(total: u64, above: [u64; 3]) -> Histogram {
        Histogram { total, above: EDGES.into_iter().zip(above).collect() }
    }

    fn sums(rules: &Rules) -> Sums {
        let mut sums = Sums::new(rules);
        sums.step((50, 50));
        sums
    }

    #[test]
    fn the_two_comparisons_share_one_error() {
        let mut both = sums(&rules());
        let table = Table::of(500, 500, 5, 5);
        both.add(&[growth(table, None)], Window::Warm, &rules()).unwrap();
        let mut alone = Sums::new(&Rules { margin: None, ..rules() });
        alone.step((50, 50));
        alone.add(&[growth(table, None)], Window::Warm, &rules()).unwrap();
        let expected = (0.6 * alone.ln_worse().exp() + 0.4).ln();
        assert!((both.ln_worse() - expected).abs() < 1e-9);
    }

    #[test]
    fn warm_up_counts_for_failures_alone() {
        let slow = [histogram(500, [400, 0, 0]), histogram(500, [500, 450, 10])];
        let mut cold = sums(&rules());
        cold.add(&[growth(Table::of(500, 500, 0, 0), Some(slow.clone()))], Window::Cold, &rules()).unwrap();
        assert!(cold.ln_worse().abs() < 1e-9 && cold.counted().candidate.requests == 500);
        let mut warm = sums(&rules());
        warm.add(&[growth(Table::of(500, 500, 0, 0), Some(slow))], Window::Warm, &rules()).unwrap();
        assert!(warm.ln_worse() > rules().worse_at());
        assert_eq!(warm.parts().1.unwrap().1, 100_000);
    }

    #[test]
    fn windows_of_a_false_split_are_left_out() {
        let mut sums = sums(&rules());
        sums.add(&[growth(Table::of(900, 100, 400, 0), None)], Window::Warm, &rules()).unwrap();
        assert_eq!((sums.windows(), sums.at_step(), sums.fell_wrong()), (0, 0, Some((900, 100))));
        // It ends when requests fall as they should again, and the next window is judged.
        sums.add(&[growth(Table::of(500, 500, 0, 0), None)], Window::Warm, &rules()).unwrap();
        assert_eq!((sums.windows(), sums.at_step(), sums.fell_wrong()), (1, 500, None));
    }

    #[test]
    fn an_objective_for_latency_is_watched_beside_the_other() {
        let rules = Rules { tail: Some(Tail { part: 0.01, within: 90_000 }), ..rules() };
        let mut sums = sums(&rules);
        let slow = [histogram(500, [400, 2, 0]), histogram(500, [400, 30, 0])];
        sums.add(&[growth(Table::of(500, 500, 0, 0), Some(slow))], Window::Warm, &rules).unwrap();
        let (standing, which, counts, _) = sums.objective(&rules);
        assert_eq!((standing, which, counts), (ObjectiveState::Broken, Which::Latency, Counts::new(500, 30)));
    }

    #[test]
    fn the_bake_is_judged_by_itself() {
        let mut sums = sums(&rules());
        for _ in 0..50 {
            sums.add(&[growth(Table::of(500, 500, 0, 0), None)], Window::Warm, &rules()).unwrap();
        }
        sums.bake();
        sums.step((100, 0));
        sums.add(&[growth(Table::of(400, 0, 20, 0), None)], Window::Warm, &rules()).unwrap();
        assert_eq!(sums.objective(&rules()).0, ObjectiveState::Broken);
    }

    #[test]
    fn in_the_bake_stable_is_neither_a_control_nor_an_excuse() {
        let mut sums = sums(&rules());
        sums.bake();
        sums.step((100, 0));
        // A request that hung at stable when everyone left it, and somebody who asks stable's own address.
        sums.add(&[growth(Table::of(400, 1, 0, 1), None)], Window::Warm, &rules()).unwrap();
        sums.add(
            &[growth(Table::of(400, 5000, 40, 0), Some([histogram(5000, [0; 3]), histogram(400, [400; 3])]))],
            Window::Warm,
            &rules(),
        )
        .unwrap();
        assert_eq!(sums.objective(&rules()).0, ObjectiveState::Broken);
        assert!(sums.ln_worse() < 1.0, "nothing is compared");
    }

    proptest! {
        #[test]
        fn saved_and_loaded_at_any_window_it_is_the_same(
            windows in proptest::collection::vec((0..300_u64, 0..300_u64, 0..9_u64, 0..9_u64), 1..12), cut in 0..12_usize,
        ) {
            let rules = Rules { tail: Some(Tail { part: 0.01, within: 90_000 }), ..rules() };
            let (mut straight, mut resumed) = (sums(&rules), sums(&rules));
            for (i, (n_c, n_b, k_c, k_b)) in windows.into_iter().enumerate() {
                let table = Table::of(n_c, n_b, k_c, k_b);
                let histograms = [histogram(n_b, [n_b, n_b / 2, 0]), histogram(n_c, [n_c, n_c / 3, 0])];
                let growths = [growth(table, Some(histograms)), growth(Table::of(n_b, n_c, k_b, k_c), None)];
                straight.add(&growths, Window::Warm, &rules).unwrap();
                if i == cut {
                    resumed = serde_json::from_str(&serde_json::to_string(&resumed).unwrap()).unwrap();
                }
                let turned: Vec<Growth> = growths.into_iter().rev().collect();
                resumed.add(&turned, Window::Warm, &rules).unwrap();
            }
            prop_assert_eq!(&straight, &resumed);
            prop_assert_eq!(straight.ln_worse().to_bits(), resumed.ln_worse().to_bits());
        }
    }
}

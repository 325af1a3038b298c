//! What an owner wants of a candidate, and how sure the verdicts are to be.
//!
//! Decides the defaults, and the evidence that each verdict needs. How often verdicts err with the defaults is simulated:
//! docs/evidence-figures.md. Depends on the form of a margin.

use super::clustering::Phi;
use super::latency::Margin;
use crate::model::time::human;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happens when the objective is broken where there is no stable left to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnObjective {
    /// Back to stable.
    Rollback,
    /// Traffic stays, the rollout ends open.
    Hold,
}

/// What happens when the evidence has not decided by the deadline, or there is none to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnInconclusive {
    /// Back to stable.
    Rollback,
    /// Traffic stays, the rollout ends open.
    Hold,
    /// On to the end, bake included.
    Promote,
}

/// An objective for latency: at most this part of the answers may take longer than that.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// Between 0 and 1: 0.01 for "p99".
    pub part: f64,
    /// In microseconds, at most 2^53.
    pub within: u64,
}

/// The rules by which evidence is judged.
///
/// How counts become a verdict:
///
/// ```
/// use andante::evidence::sums::Window;
/// use andante::evidence::window::{Arm, Growth};
/// use andante::evidence::{Counts, Rules, Sums};
///
/// let rules = Rules::default();
/// // What one gateway counted between two readings, at a step of 50 %.
/// let window = |failed| Growth {
///     stable: Arm::new(Counts::new(500, 0), None),
///     candidate: Arm::new(Counts::new(500, failed), None),
/// };
/// let judged = |failures: &[u64]| {
///     let mut sums = Sums::new(&rules);
///     sums.step((50, 50));
///     for failed in failures {
///         sums.add(&[window(*failed)], Window::Warm, &rules)?;
///     }
///     Ok((sums.ln_worse() >= rules.worse_at(), sums.ln_accepted(&rules) >= rules.accepted_at()))
/// };
/// // Twenty failures beside none of stable's: worse (ten would do if it were known that they do not come together). One failure is
/// // nothing yet, in either direction.
/// assert_eq!(judged(&[20])?, (true, false));
/// assert_eq!(judged(&[1])?, (false, false));
/// // Where nothing fails, 4,534 clean requests exclude a candidate that is materially worse.
/// assert_eq!(judged(&[0; 9])?, (false, false));
/// assert_eq!(judged(&[0; 10])?, (false, true));
/// # Ok::<(), andante::evidence::Trouble>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "RuleOptions", rename_all = "kebab-case")]
pub struct Rules {
    /// How often at most a candidate that is no worse is rolled back by the comparison; between 0 and 1.
    pub alpha: f64,
    /// How often at most a materially worse one is promoted; between 0 and 1.
    pub beta: f64,
    /// The failure rate that may not be exceeded; between 0 and 1.
    pub objective: f64,
    /// The latency objective, if there is one.
    pub tail: Option<Tail>,
    /// The failure rate below which a difference does not matter; above 0, below 1.
    pub tolerated_rate: f64,
    /// Materially worse means at least so many times stable's odds of failure; above 1.
    pub tolerated_odds: f64,
    /// How much slower the candidate may be, or that latency is not compared.
    pub margin: Margin,
    /// The candidate may have so many times stable's odds of client errors (4xx), from 1 to 1000; none: they are not compared.
    pub client_error_margin: Option<f64>,
    /// Failures come so many at a time; none: as stable's windows show.
    pub clustering: Option<Phi>,
    /// Requests of the candidate that a step must have seen.
    pub min_requests: u64,
    /// Time between two readings; shorter when the first step begins.
    #[serde(with = "human")]
    pub every: Duration,
    /// How long windows of a step count for failures alone, from when it is served.
    #[serde(with = "human")]
    pub warm_up: Duration,
    /// How long after a split is served its windows stay shut, because what came before it ends by then; none: as long as
    /// stable's slowest request ever took, by the source's histogram.
    #[serde(with = "human::option")]
    pub longest_answer: Option<Duration>,
    /// Time that passes, beside `every`, between a bad answer and the moment when users are off the candidate.
    #[serde(with = "human")]
    pub lag: Duration,
    /// The last step needs no proof that the candidate is not materially worse.
    pub accept_without: bool,
    /// A stable that misses the objective already ends the walk before anyone is moved; else no worse than stable will do.
    pub strict_objective: bool,
    /// What happens when the objective is broken at 100 %.
    pub on_objective: OnObjective,
    /// What happens when there is no decision.
    pub on_inconclusive: OnInconclusive,
    /// How long readings may fail in a row before that is no decision.
    #[serde(with = "human")]
    pub patience: Duration,
}

/// Rules as they are asked for: what is absent has its default, and two of them follow from the others.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the field of the same name of Rules")]
pub struct RuleOptions {
    pub alpha: f64,
    pub beta: f64,
    pub objective: f64,
    pub tail: Option<Tail>,
    /// None: a tenth of the objective.
    pub tolerated_rate: Option<f64>,
    pub tolerated_odds: f64,
    pub margin: Margin,
    pub client_error_margin: Option<f64>,
    pub clustering: Option<Phi>,
    /// None: 10, or none at all where no proof is wanted.
    pub min_requests: Option<u64>,
    #[serde(with = "human")]
    pub every: Duration,
    #[serde(with = "human")]
    pub warm_up: Duration,
    #[serde(with = "human::option")]
    pub longest_answer: Option<Duration>,
    #[serde(with = "human")]
    pub lag: Duration,
    pub accept_without: bool,
    pub strict_objective: bool,
    pub on_objective: OnObjective,
    pub on_inconclusive: OnInconclusive,
    #[serde(with = "human")]
    pub patience: Duration,
}

impl Default for RuleOptions {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            alpha: rules.alpha,
            beta: rules.beta,
            objective: rules.objective,
            tail: rules.tail,
            tolerated_rate: None,
            tolerated_odds: rules.tolerated_odds,
            margin: rules.margin,
            client_error_margin: rules.client_error_margin,
            clustering: rules.clustering,
            min_requests: None,
            every: rules.every,
            warm_up: rules.warm_up,
            longest_answer: rules.longest_answer,
            lag: rules.lag,
            accept_without: rules.accept_without,
            strict_objective: rules.strict_objective,
            on_objective: rules.on_objective,
            on_inconclusive: rules.on_inconclusive,
            patience: rules.patience,
        }
    }
}

impl From<RuleOptions> for Rules {
    fn from(options: RuleOptions) -> Self {
        let least = if options.accept_without { 0 } else { 10 };
        Self {
            alpha: options.alpha,
            beta: options.beta,
            objective: options.objective,
            tail: options.tail,
            tolerated_rate: options.tolerated_rate.unwrap_or(options.objective / 10.0),
            tolerated_odds: options.tolerated_odds,
            margin: options.margin,
            client_error_margin: options.client_error_margin,
            clustering: options.clustering,
            min_requests: options.min_requests.unwrap_or(least),
            every: options.every,
            warm_up: options.warm_up,
            longest_answer: options.longest_answer,
            lag: options.lag,
            accept_without: options.accept_without,
            strict_objective: options.strict_objective,
            on_objective: options.on_objective,
            on_inconclusive: options.on_inconclusive,
            patience: options.patience,
        }
    }
}

/// The defaults of the command line.
impl Default for Rules {
    fn default() -> Self {
        Self {
            // Both are ceilings for any rollout. Simulated, at most 0.39 % of healthy releases went back as worse, crashes
            // of the walk included, and at most 1.7 % of releases with three times the odds were promoted.
            alpha: 0.01,
            beta: 0.05,
            objective: 0.01,
            tail: None,
            // A tenth of the objective.
            tolerated_rate: 0.001,
            tolerated_odds: 3.0,
            margin: Margin::default(),
            // Somewhat more of them may be meant: a stricter validation, a route that is gone.
            client_error_margin: Some(2.0),
            clustering: None,
            min_requests: 10,
            every: Duration::from_secs(10),
            // Cold starts are slow, and no fault of the release.
            warm_up: Duration::from_secs(30),
            longest_answer: None,
            lag: Duration::from_secs(5),
            accept_without: false,
            strict_objective: false,
            on_objective: OnObjective::Rollback,
            on_inconclusive: OnInconclusive::Rollback,
            patience: Duration::from_secs(120),
        }
    }
}

impl Rules {
    /// What is out of its range, or which two contradict each other.
    pub fn check(&self) -> Result<(), String> {
        let parts = [
            ("alpha", self.alpha),
            ("beta", self.beta),
            ("objective", self.objective),
            ("tolerated rate", self.tolerated_rate),
            ("latency objective", self.tail.map_or(0.5, |tail| tail.part)),
        ];
        if let Some((name, value)) = parts.into_iter().find(|(_, value)| !(*value > 0.0 && *value < 1.0)) {
            return Err(format!("the {name} is {value}: a part is above 0 and below 1 (100 %)"));
        }
        if !(self.tolerated_odds > 1.0 && self.tolerated_odds <= 1000.0) {
            return Err(format!("tolerated odds of {}: a number above 1, at most 1000", self.tolerated_odds));
        }
        self.margin.check().map_err(|what| format!("a latency margin: {what}"))?;
        if self.client_error_margin.is_some_and(|odds| !(1.0..=1000.0).contains(&odds)) {
            return Err("a margin for client errors is a number from 1 to 1000".to_owned());
        }
        if self.every < Duration::from_secs(1) {
            return Err("time between two readings: at least 1s".to_owned());
        }
        if self.tail.is_some_and(|tail| tail.within == 0) {
            return Err("a latency objective: no answer takes no time".to_owned());
        }
        if self.tolerated_rate > self.objective {
            return Err(format!(
                "--tolerated-rate {} % is above --objective {} %: a rate that may not be exceeded cannot be tolerated",
                self.tolerated_rate * 100.0,
                self.objective * 100.0
            ));
        }
        Ok(())
    }

    /// `ln(1/alpha)`: the evidence that the comparison needs.
    pub fn worse_at(&self) -> f64 {
        // Ville's inequality: evidence against what is true ever reaches 1/alpha with a probability of at most alpha.
        -self.alpha.ln()
    }

    /// The evidence that breaks one objective. Two objectives share the error.
    pub fn broken_at(&self) -> f64 {
        let objectives: f64 = if self.tail.is_some() { 2.0 } else { 1.0 };
        objectives.ln() - self.alpha.ln()
    }

    /// `ln(1/beta)`: the evidence that an acceptance needs.
    pub fn accepted_at(&self) -> f64 {
        -self.beta.ln()
    }

    /// The settings on which sums depend, as a text. Sums under other settings are not taken up again.
    pub fn fingerprint(&self) -> String {
        // Thresholds and times are not in it: they say when a sum is enough, and change no sum.
        let margin = if self.margin.compares() { self.margin.to_string() } else { "-".to_owned() };
        let tail = self.tail.map_or_else(|| "-".to_owned(), |t| format!("{}<={}", t.part, t.within));
        let clients = self.client_error_margin.map_or_else(|| "-".to_owned(), |odds| odds.to_string());
        let together = self.clustering.map_or_else(|| "auto".to_owned(), |phi| phi.get().to_string());
        // `s1`: sums that begin at each window. Builds before had one sum over all of them.
        format!("o{} m{margin} f{} t{tail} c{clients} k{together} s1", self.tolerated_odds, self.objective)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn rules() -> Rules {
        Rules::default()
    }

    #[test]
    fn sums_know_the_settings_that_they_were_made_under() {
        let mut other = rules();
        other.alpha = 0.05;
        assert_eq!(other.fingerprint(), rules().fingerprint(), "a threshold changes no sum");
        for change in [
            (|r| r.tolerated_odds = 2.0) as fn(&mut Rules),
            |r| r.margin = Margin::Off,
            |r| r.margin = Margin::Edges(1),
            |r| r.margin = Margin::Odds(2.0),
            |r| r.client_error_margin = None,
            |r| r.clustering = Some(Phi::ONE),
            |r| r.objective = 0.02,
            |r| r.tail = Some(Tail { part: 0.01, within: 500_000 }),
        ] {
            let mut other = rules();
            change(&mut other);
            assert_ne!(other.fingerprint(), rules().fingerprint());
        }
    }

    #[test]
    fn two_objectives_share_the_error() {
        let mut two = rules();
        two.tail = Some(Tail { part: 0.01, within: 1 });
        assert!((two.broken_at() - 200.0_f64.ln()).abs() < 1e-12);
        assert!((rules().broken_at() - 100.0_f64.ln()).abs() < 1e-12);
    }
}

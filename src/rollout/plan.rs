//! The plan: every step of a walk, made before the first write, so that nothing is left to decide but verdicts.
//!
//! Decides the steps from a style and its settings. Depends on percents only.
//!
//! ```
//! use andante::rollout::plan::{BadPlan, Plan, PlanOptions, Style};
//! use std::time::Duration;
//!
//! let minutes = |n: u64| Duration::from_secs(60 * n);
//! let mut options = PlanOptions {
//!     style: Style::Canary,
//!     steps: vec![],                // the style's own: 1, 5, 25, 50, 100 %
//!     dwell: Some(minutes(2)),
//!     bake: Some(minutes(5)),
//!     to: "100".parse()?,
//!     approve: vec!["50".parse()?], // a person is asked before half of the users are moved
//!     approval_timeout: minutes(30),
//! };
//! let plan = Plan::new(&options)?;
//! let percents: Vec<u8> = plan.steps.iter().map(|step| step.percent.get()).collect();
//! assert_eq!(percents, [1, 5, 25, 50, 100]);
//! assert!(plan.step(4).is_some_and(|step| step.approval));
//! // The last step bakes instead of dwelling: four dwells and the bake.
//! assert_eq!(plan.shortest(), minutes(4 * 2 + 5));
//!
//! // Steps rise; another order is refused before anything is written.
//! options.steps = vec!["50".parse()?, "5".parse()?];
//! assert!(matches!(Plan::new(&options), Err(BadPlan::Order(..))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::model::percent::Percent;
use crate::model::time::human;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A classic style of rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// A few growing steps.
    Canary,
    /// Equal steps.
    Linear,
    /// Each step goes as far as the evidence so far allows.
    Budget,
    /// Prove the candidate by its tag, switch everyone in one write, keep stable for the bake.
    BlueGreen,
    /// Everyone at once.
    AllAtOnce,
}

/// One move: what to write, and what must hold before the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Percents of what stable had at the start.
    pub percent: Percent,
    /// How long to stay, counted from when the split is served. Whole milliseconds.
    #[serde(rename = "dwell_ms", with = "millis")]
    pub dwell: Duration,
    /// A person must approve before this step is written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
}

/// What a walk was asked to do, before anything is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlanOptions {
    /// The style.
    pub style: Style,
    /// Steps in percent; empty for the style's own.
    pub steps: Vec<Percent>,
    /// Time at each step but the last; none: the style's usual one ([`Style::usual_dwell`]).
    #[serde(with = "human::option", skip_serializing_if = "Option::is_none")]
    pub dwell: Option<Duration>,
    /// Time at the end, with the way back kept open; none: the style's usual one ([`Style::usual_bake`]).
    #[serde(with = "human::option", skip_serializing_if = "Option::is_none")]
    pub bake: Option<Duration>,
    /// Where to stop.
    pub to: Percent,
    /// Steps that need an approval, by their percent.
    pub approve: Vec<Percent>,
    /// How long an approval is waited for.
    #[serde(with = "human")]
    pub approval_timeout: Duration,
}

/// The defaults of `walk`.
impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            style: Style::Canary,
            steps: Vec::new(),
            dwell: None,
            bake: None,
            to: Percent::FULL,
            approve: Vec::new(),
            approval_timeout: Duration::from_secs(30 * 60),
        }
    }
}

/// The complete list of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The style.
    pub style: Style,
    /// The steps, rising, the last one at [`Plan::to`].
    pub steps: Vec<Step>,
    /// Time to watch at 100 % before the end.
    #[serde(rename = "bake_ms", with = "millis")]
    pub bake: Duration,
    /// How long an approval is waited for.
    #[serde(rename = "approval_timeout_ms", with = "millis")]
    pub approval_timeout: Duration,
    /// The rollout is over at its last step, though that is below 100 %: the goal declares this share.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
}

/// A wish that no plan fulfils.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    /// Steps must rise.
    #[error("the steps must rise: {1} comes after {0}")]
    Order(Percent, Percent),
    /// Nothing below 1 % or above 100 % can be a step.
    #[error("a step of 0 % moves nobody: the first step is at least 1 %")]
    Zero,
    /// `--to` must be a place to go to.
    #[error("--to must be between 1 and 100")]
    To,
    /// An approval for a step that does not exist.
    #[error("there is no step of {0} to approve; the steps are {1}")]
    NoSuchStep(Percent, String),
    /// A style with one switch has no steps to name.
    #[error("--style {0} switches everyone at once and takes no --steps and no --to below 100")]
    OneSwitch(&'static str),
}

impl Style {
    /// The steps that the style has by itself.
    fn own_steps(self) -> Vec<i64> {
        match self {
            Self::Canary => vec![1, 5, 25, 50, 100],
            Self::Linear => (1..=5).map(|n| n * 20).collect(),
            Self::Budget => vec![1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 100],
            Self::BlueGreen | Self::AllAtOnce => vec![100],
        }
    }

    /// How long it stays at each step but the last where nothing else is asked for. By budget the evidence sets the pace, so
    /// a dwell only has to outlast the cold start of a step's pods.
    pub fn usual_dwell(self) -> Duration {
        Duration::from_secs(if self.by_budget() { 30 } else { 120 })
    }

    /// How long it watches at 100 % where nothing else is asked for; all at once means to be over at once.
    pub fn usual_bake(self) -> Duration {
        if self == Self::AllAtOnce { Duration::ZERO } else { Duration::from_secs(300) }
    }

    /// True if everyone is moved in one write, so that nothing can be compared.
    pub fn is_one_switch(self) -> bool {
        matches!(self, Self::BlueGreen | Self::AllAtOnce)
    }

    /// True if each step goes as far as the evidence so far allows.
    pub fn by_budget(self) -> bool {
        self == Self::Budget
    }

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Linear => "linear",
            Self::Budget => "budget",
            Self::BlueGreen => "blue-green",
            Self::AllAtOnce => "all-at-once",
        }
    }
}

impl Plan {
    /// Makes the plan, or says which part of the wish cannot be.
    pub fn new(wish: &PlanOptions) -> Result<Self, BadPlan> {
        if wish.to.is_zero() {
            return Err(BadPlan::To);
        }
        if wish.style.is_one_switch() && (!wish.steps.is_empty() || wish.to < Percent::FULL) {
            return Err(BadPlan::OneSwitch(wish.style.name()));
        }
        let mut percents = wish.steps.clone();
        if percents.is_empty() {
            percents = wish.style.own_steps().into_iter().filter_map(|n| n.try_into().ok()).collect();
        }
        if percents.iter().any(|p| p.is_zero()) {
            return Err(BadPlan::Zero);
        }
        if let Some((a, b)) = percents.iter().zip(percents.iter().skip(1)).find(|(a, b)| a >= b) {
            return Err(BadPlan::Order(*a, *b));
        }
        percents.retain(|p| *p < wish.to);
        percents.push(wish.to);
        if let Some(missing) = wish.approve.iter().find(|p| !percents.contains(p)) {
            let known = percents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(BadPlan::NoSuchStep(*missing, known));
        }
        let last = percents.len() - 1;
        let dwell = wish.dwell.unwrap_or_else(|| wish.style.usual_dwell());
        let bake = wish.bake.unwrap_or_else(|| wish.style.usual_bake());
        let steps = percents
            .into_iter()
            .enumerate()
            .map(|(i, percent)| Step {
                percent,
                dwell: if i == last && percent == Percent::FULL { Duration::ZERO } else { dwell },
                approval: wish.approve.contains(&percent),
            })
            .collect();
        Ok(Self { style: wish.style, steps, bake, approval_timeout: wish.approval_timeout, declared: false })
    }

    /// The same for a goal that declares this share for its end: steps above it are cut, and what would bake at 100 % is watched
    /// for as long at the share. A walk that was asked to stop below it stops there, and is not over.
    #[must_use]
    pub fn ending_at(&self, share: Percent) -> Self {
        if share.is_zero() || share >= Percent::FULL || self.declared || self.to() < share {
            return self.clone();
        }
        let mut steps: Vec<Step> = self.steps.iter().take_while(|step| step.percent < share).cloned().collect();
        let cut = self.steps.get(steps.len());
        let dwell = cut.map_or(Duration::ZERO, |step| step.dwell).max(self.bake);
        // Who is to approve a step above the share is never asked, but where that is the only one: a switch stays one.
        let approval = cut.is_some_and(|step| step.approval && (step.percent == share || steps.is_empty()));
        steps.push(Step { percent: share, dwell, approval });
        Self { steps, bake: Duration::ZERO, declared: true, ..self.clone() }
    }

    /// True if both revisions have users for a while, so that they can be compared.
    pub fn compares(&self) -> bool {
        self.steps.first().is_some_and(|s| s.percent < Percent::FULL)
    }

    /// Where the walk ends, in percents of what stable had.
    pub fn to(&self) -> Percent {
        self.steps.last().map_or(Percent::FULL, |s| s.percent)
    }

    /// The step with this number, counted from 1.
    pub fn step(&self, number: usize) -> Option<&Step> {
        number.checked_sub(1).and_then(|i| self.steps.get(i))
    }

    /// Dwell and bake together: the shortest time that the walk can take, approvals aside. Steps by the budget may all be
    /// passed over but one.
    pub fn shortest(&self) -> Duration {
        let dwells = self.steps.iter().map(|s| s.dwell);
        let least = if self.style.by_budget() { dwells.max().unwrap_or_default() } else { dwells.sum() };
        least + self.bake
    }
}

/// Durations as whole milliseconds.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(duration: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(value: i64) -> Percent {
        value.try_into().unwrap()
    }

    fn wish(style: Style, steps: &[i64], to: i64) -> PlanOptions {
        PlanOptions {
            style,
            steps: steps.iter().map(|n| p(*n)).collect(),
            dwell: Some(Duration::from_secs(120)),
            bake: Some(Duration::from_secs(300)),
            to: p(to),
            approve: vec![],
            approval_timeout: Duration::from_secs(1800),
        }
    }

    #[test]
    fn a_plan_ends_at_the_share_that_a_goal_declares() {
        let cut = |plan: &Plan, share: i64| {
            let cut = plan.ending_at(p(share));
            assert_eq!(cut.ending_at(p(share)), cut, "once is enough");
            let last = cut.steps.last().unwrap().clone();
            (percents(&cut), last.dwell.as_secs(), last.approval, cut.declared, cut.bake.as_secs())
        };
        let canary = Plan::new(&PlanOptions { approve: vec![p(50)], ..wish(Style::Canary, &[], 100) }).unwrap();
        assert_eq!(cut(&canary, 30), (vec![1, 5, 25, 30], 300, false, true, 0));
        assert_eq!(cut(&canary, 50), (vec![1, 5, 25, 50], 300, true, true, 0));
        assert_eq!(cut(&Plan::new(&wish(Style::BlueGreen, &[], 100)).unwrap(), 30), (vec![30], 300, false, true, 0));
        let asked = Plan::new(&PlanOptions { approve: vec![p(100)], ..wish(Style::BlueGreen, &[], 100) }).unwrap();
        assert!(cut(&asked, 30).2, "the switch is to be approved");
        // All users, or less than the share because a person asked to stop there.
        assert_eq!(canary.ending_at(Percent::FULL), canary);
        let held = Plan::new(&wish(Style::Canary, &[], 25)).unwrap();
        assert_eq!(held.ending_at(p(30)), held);
        assert!(held.ending_at(p(25)).declared);
    }

    fn percents(plan: &Plan) -> Vec<u8> {
        plan.steps.iter().map(|s| s.percent.get()).collect()
    }

    #[test]
    fn styles_have_their_own_steps() {
        for (style, steps) in [
            (Style::Canary, vec![1, 5, 25, 50, 100]),
            (Style::Linear, vec![20, 40, 60, 80, 100]),
            (Style::Budget, vec![1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 100]),
            (Style::BlueGreen, vec![100]),
            (Style::AllAtOnce, vec![100]),
        ] {
            assert_eq!(percents(&Plan::new(&wish(style, &[], 100)).unwrap()), steps);
        }
    }

    #[test]
    fn to_cuts_the_plan() {
        assert_eq!(percents(&Plan::new(&wish(Style::Canary, &[], 30)).unwrap()), [1, 5, 25, 30]);
        assert_eq!(percents(&Plan::new(&wish(Style::Canary, &[10, 20], 100)).unwrap()), [10, 20, 100]);
        assert_eq!(Plan::new(&wish(Style::Canary, &[], 30)).unwrap().to(), p(30));
    }

    #[test]
    fn the_last_step_bakes_instead_of_dwelling() {
        let plan = Plan::new(&wish(Style::Canary, &[50], 100)).unwrap();
        assert_eq!(plan.steps[1].dwell, Duration::ZERO);
        assert_eq!(plan.shortest(), Duration::from_secs(420));
    }

    #[test]
    fn bad_wishes_are_refused() {
        assert_eq!(Plan::new(&wish(Style::Canary, &[5, 5], 100)), Err(BadPlan::Order(p(5), p(5))));
        assert_eq!(Plan::new(&wish(Style::Canary, &[50, 5], 100)), Err(BadPlan::Order(p(50), p(5))));
        assert_eq!(Plan::new(&wish(Style::Canary, &[0, 5], 100)), Err(BadPlan::Zero));
        assert_eq!(Plan::new(&wish(Style::Canary, &[], 0)), Err(BadPlan::To));
        assert_eq!(Plan::new(&wish(Style::BlueGreen, &[5], 100)), Err(BadPlan::OneSwitch("blue-green")));
        let mut approve = wish(Style::Canary, &[], 100);
        approve.approve = vec![p(26)];
        assert!(Plan::new(&approve).unwrap_err().to_string().contains("no step of 26 %"));
    }
}

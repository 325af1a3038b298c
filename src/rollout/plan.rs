//! The plan: every step of a walk, made before the first write, so that nothing is left to decide but verdicts.
//!
//! Decides the steps from a style and its settings.
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
//!     ..PlanOptions::default()
//! };
//! options.approve = vec!["50".parse()?]; // a person is asked before half of the users are moved
//! let plan = Plan::new(&options)?;
//! let percents: Vec<u8> = plan.steps.iter().map(|step| step.percent.get()).collect();
//! assert_eq!(percents, [1, 5, 25, 50, 100]);
//! assert!(plan.step(4).is_some_and(|step| step.approval));
//! // The last step bakes instead of dwelling: four dwells and the bake.
//! assert_eq!(plan.shortest(), minutes(4 * 2 + 5));
//!
//! // A step may have a time of its own, and stable a part of its users until the bake is over.
//! options.steps = vec!["5@10m".parse()?, "50".parse()?];
//! options.keep_stable = "5".parse()?;
//! let kept = Plan::new(&options)?;
//! let percents: Vec<u8> = kept.steps.iter().map(|step| step.percent.get()).collect();
//! assert_eq!((percents, kept.bakes_at()), (vec![5, 50, 95, 100], Some(3)));
//! assert_eq!(kept.shortest(), minutes(10 + 2 + 5));
//!
//! // Steps rise; another order is refused before anything is written.
//! options.steps = vec!["50".parse()?, "5".parse()?];
//! assert!(matches!(Plan::new(&options), Err(BadPlan::Order(..))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asked;
mod bake;

pub use asked::{AskedStep, BadStep};
use bake::MOST_KEPT;

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
    /// Steps in percent, each with a time of its own if it has one; empty for the style's own.
    pub steps: Vec<AskedStep>,
    /// Time at each step without one of its own, but the last; none: the style's usual one ([`Style::usual_dwell`]).
    #[serde(with = "human::option", skip_serializing_if = "Option::is_none")]
    pub dwell: Option<Duration>,
    /// Time at the end, with the way back kept open; none: the style's usual one ([`Style::usual_bake`]).
    #[serde(with = "human::option", skip_serializing_if = "Option::is_none")]
    pub bake: Option<Duration>,
    /// The part of stable's users, in percent, that stays there until the bake is over, 0 to 20; 0: none.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep_stable: Percent,
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
            keep_stable: Percent::ZERO,
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
    /// Time to watch at the end of the steps, before the end.
    #[serde(rename = "bake_ms", with = "millis")]
    pub bake: Duration,
    /// The part of stable's users, in percent, that stays there for the bake, so that both can be compared: the step before the
    /// last one bakes then, and the last one moves these. Absent in the record where it is 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keep: Percent,
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
    /// The last step has no time of its own.
    #[error("{0}@...: the last step has no time of its own, because that is the bake: give it by --bake")]
    LastTime(u8),
    /// More than may be kept.
    #[error(
        "--keep-stable {0}: between 0 (none) and {MOST_KEPT}, since what is kept for the bake is a control and no step"
    )]
    KeepsTooMuch(u8),
    /// A step between the split that bakes and the last one.
    #[error("a step of {0} lies above the {1} at which the walk bakes: leave it away, or let --keep-stable keep less")]
    AboveBake(Percent, Percent),
    /// Nothing to keep stable for.
    #[error("--keep-stable keeps stable for the bake, and there is none: give --bake a time")]
    KeepsForNoBake,
    /// A style with one switch has no steps to name.
    #[error("--style {0} switches everyone at once and takes no --steps and no --to below 100")]
    OneSwitch(&'static str),
}

impl Style {
    // Each method names every style, so that the compiler asks for a new one here.

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
        Duration::from_secs(match self {
            Self::Budget => 30,
            Self::Canary | Self::Linear | Self::BlueGreen | Self::AllAtOnce => 120,
        })
    }

    /// How long it watches at 100 % where nothing else is asked for; all at once means to be over at once.
    pub fn usual_bake(self) -> Duration {
        match self {
            Self::AllAtOnce => Duration::ZERO,
            Self::Canary | Self::Linear | Self::Budget | Self::BlueGreen => Duration::from_secs(300),
        }
    }

    /// True if everyone is moved in one write, so that nothing can be compared.
    pub fn is_one_switch(self) -> bool {
        match self {
            Self::BlueGreen | Self::AllAtOnce => true,
            Self::Canary | Self::Linear | Self::Budget => false,
        }
    }

    /// True if each step goes as far as the evidence so far allows.
    pub fn by_budget(self) -> bool {
        match self {
            Self::Budget => true,
            Self::Canary | Self::Linear | Self::BlueGreen | Self::AllAtOnce => false,
        }
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
        let bake = wish.bake.unwrap_or_else(|| wish.style.usual_bake());
        let keep = wish.kept(bake)?;
        let asked = wish.asked_steps()?;
        let mut percents: Vec<Percent> = asked.iter().map(|step| step.percent).filter(|p| *p < wish.to).collect();
        percents.push(wish.to);
        if !keep.is_zero() {
            bake::keep(&mut percents, keep)?;
        }
        if let Some(missing) = wish.approve.iter().find(|p| !percents.contains(p)) {
            let known = percents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(BadPlan::NoSuchStep(*missing, known));
        }
        let own = |percent: Percent| asked.iter().find(|step| step.percent == percent).and_then(|step| step.dwell);
        let dwell = wish.dwell.unwrap_or_else(|| wish.style.usual_dwell());
        let step = |percent: Percent| Step {
            percent,
            dwell: own(percent).unwrap_or(dwell),
            approval: wish.approve.contains(&percent),
        };
        let steps = percents.into_iter().map(step).collect();
        let mut plan =
            Self { style: wish.style, steps, bake, keep, approval_timeout: wish.approval_timeout, declared: false };
        plan.begin_bake(own)?;
        Ok(plan)
    }

    /// The same for a goal that declares this share for its end: steps above it are cut, and what would bake at 100 % is watched
    /// for as long at the share. A walk that was asked to stop below it stops there, and is not over.
    #[must_use]
    pub fn ending_at(&self, share: Percent) -> Self {
        if share.is_zero() || share >= Percent::FULL || self.declared || self.to() < share {
            return self.clone();
        }
        let walked = self.steps.iter().take(self.before_bake());
        let mut steps: Vec<Step> = walked.take_while(|step| step.percent < share).cloned().collect();
        let cut = self.steps.get(steps.len());
        let dwell = cut.map_or(Duration::ZERO, |step| step.dwell).max(self.bake);
        // Who is to approve a step above the share is never asked, but where that is the only one: a switch stays one.
        let approval = cut.is_some_and(|step| step.approval && (step.percent <= share || steps.is_empty()));
        steps.push(Step { percent: share, dwell, approval });
        // Stable keeps its part for good.
        Self { steps, bake: Duration::ZERO, keep: Percent::ZERO, declared: true, ..self.clone() }
    }

    /// True if both revisions have users for a while before the bake, so that they can be compared.
    pub fn compares(&self) -> bool {
        self.before_bake() > 0
    }

    /// Where the walk ends, in percents of what stable had.
    pub fn to(&self) -> Percent {
        self.steps.last().map_or(Percent::FULL, |s| s.percent)
    }

    /// The step with this number, counted from 1.
    pub fn step(&self, number: usize) -> Option<&Step> {
        number.checked_sub(1).and_then(|i| self.steps.get(i))
    }

    /// Dwell and bake together: the shortest time that the walk can take, approvals aside.
    pub fn shortest(&self) -> Duration {
        self.shortest_after(0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(percent: &Percent) -> bool {
    percent.is_zero()
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
mod tests;

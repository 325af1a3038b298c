//! The plan as it is typed: one set of flags for `walk`, `roll-out`, `plan` and `rehearse`.
//!
//! Decides defaults of flags alone; [`crate::rollout::plan`] decides what a style usually does.

use super::duration;
use crate::model::percent::Percent;
use crate::rollout::plan::{AskedStep, PlanOptions, Style};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// The plan's flags, shared by `walk` and `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanFlags {
    /// Style of the rollout.
    #[arg(long, value_enum, default_value_t = StyleArg::Canary, help_heading = "Plan")]
    pub style: StyleArg,
    /// Steps in percent of what stable has, rising; else the style's own. P@TIME is a step that is stayed at for so long at
    /// least, instead of --dwell.
    #[arg(long, value_name = "P[@TIME],P...", value_delimiter = ',', help_heading = "Plan")]
    pub steps: Vec<AskedStep>,
    /// How long to stay at each step at least, counted from when it is served; else 2m, and 30s for budget.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Plan")]
    pub dwell: Option<Duration>,
    /// How long to watch at 100 % before the way back is given up; else 5m, and 0s for all-at-once.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Plan")]
    pub bake: Option<Duration>,
    /// For the bake leave this part of users on stable (at most 20; 5 is enough), so that both are compared on; the rest moves
    /// when the bake has ended well. 0: everyone bakes, and the objective alone is watched.
    #[arg(long, value_name = "PERCENT", default_value = "0", help_heading = "Plan")]
    pub keep_stable: Percent,
    /// Stop at this percentage with the rollout open; the next walk goes on from there.
    #[arg(long, value_name = "PERCENT", default_value = "100", help_heading = "Plan")]
    pub to: Percent,
    /// Steps (by their percentage) that a person must approve first.
    #[arg(long, value_name = "P,P,...", value_delimiter = ',', help_heading = "Plan")]
    pub approve: Vec<Percent>,
    /// How long an approval is waited for before rolling back.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration, help_heading = "Plan")]
    pub approval_timeout: Duration,
}

impl PlanFlags {
    /// The plan's part of a goal.
    pub fn options(&self) -> PlanOptions {
        PlanOptions {
            style: self.style.into(),
            steps: self.steps.clone(),
            dwell: self.dwell,
            bake: self.bake,
            keep_stable: self.keep_stable,
            to: self.to,
            approve: self.approve.clone(),
            approval_timeout: self.approval_timeout,
        }
    }
}

/// A style on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StyleArg {
    /// 1, 5, 25, 50, 100 %.
    Canary,
    /// 20, 40, 60, 80, 100 %.
    Linear,
    /// As far as the evidence so far allows, from 1 to 50 %, then 100 %; needs --evidence.
    Budget,
    /// Prove by the tag, switch everyone in one write, bake.
    BlueGreen,
    /// Everyone at once.
    AllAtOnce,
}

impl From<StyleArg> for Style {
    fn from(style: StyleArg) -> Self {
        match style {
            StyleArg::Canary => Self::Canary,
            StyleArg::Linear => Self::Linear,
            StyleArg::Budget => Self::Budget,
            StyleArg::BlueGreen => Self::BlueGreen,
            StyleArg::AllAtOnce => Self::AllAtOnce,
        }
    }
}

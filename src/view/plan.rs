//! Every split that a rollout would write, in order, before anything is written.
//!
//! Decides words only: the splits come from [`crate::rollout::splits`] and the refusals from
//! [`crate::machine::stage::admit`], so a plan promises what the machines would do. It may use pure modules only.

mod compose;
pub(crate) mod lines;

pub(crate) use compose::{PlanQuestion, compose};

use crate::model::name::{RevisionName, ServiceName};
use crate::model::split::Split;
use crate::rollout::plan::Style;
use serde::Serialize;

/// Two placeholders: one stands for the revision that is ready now where that is not known, the other for the one that
/// is still to be made. Both are printed in angle brackets, which no name has.
const NOW: &str = "now.placeholder";
const NEW: &str = "new.placeholder";

/// A rollout as it would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Preview {
    /// The Service.
    pub service: String,
    /// The style.
    pub style: Style,
    /// The revision that users are walked away from.
    pub stable: String,
    /// The revision that users are walked to.
    pub candidate: String,
    /// The entry that is walked follows latest.
    pub follows_latest: bool,
    /// The rollout that it goes on with, if one is open.
    pub goes_on_with: Option<String>,
    /// The moves, in order.
    pub moves: Vec<Move>,
    /// What is written instead of the rest when a gate fails.
    pub rollback: Vec<PlannedTarget>,
    /// Dwell and bake of the moves to come, in milliseconds.
    pub shortest_ms: u64,
    /// What would refuse it as things are now.
    pub refusals: Vec<String>,
    /// A name that one of the tags needs, of which is to be asked who has it before it is known what would be refused.
    #[serde(skip)]
    pub unasked: Option<String>,
    /// What the owner should know.
    pub warnings: Vec<String>,
}

/// One write, or the end without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Move {
    /// `stage`, `candidate`, `step`, `finish` or `hold`.
    pub kind: &'static str,
    /// The number of a step, counted from 1.
    pub step: Option<usize>,
    /// Percents of what stable had.
    pub percent: Option<u8>,
    /// The candidate's share of all users.
    pub share: Option<u8>,
    /// The whole split; empty where nothing is written.
    pub traffic: Vec<PlannedTarget>,
    /// How long it stays at least, in milliseconds.
    pub stay_ms: Option<u64>,
    /// So many pods of the candidate come first, as users need them now; 0 where that is not known, or the Service sleeps.
    pub pods: Option<u32>,
    /// A person must approve first.
    pub approval: bool,
    /// It is written already.
    pub done: bool,
    /// What else is to be known, in a few words.
    pub note: String,
}

/// One entry of a split, placeholders in angle brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PlannedTarget {
    /// The revision; `latest` where the entry follows latest.
    pub revision: String,
    /// Its share.
    pub percent: u8,
    /// Its tag.
    pub tag: Option<String>,
}

/// A revision's name as it is shown.
fn shown(service: &ServiceName, name: &RevisionName) -> String {
    match name.as_str() {
        NOW => format!("<{service}-now>"),
        NEW => format!("<{service}-new>"),
        name => name.to_owned(),
    }
}

fn entries(service: &ServiceName, split: &Split) -> Vec<PlannedTarget> {
    let entry = |t: &crate::model::split::TrafficTarget| PlannedTarget {
        revision: t.revision().map_or_else(|| "latest".to_owned(), |name| shown(service, name)),
        percent: t.percent.get(),
        tag: t.tag.as_ref().map(ToString::to_string),
    };
    split.targets().iter().map(entry).collect()
}

#[cfg(test)]
mod tests;

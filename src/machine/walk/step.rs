//! The split of one step.
//!
//! Decides whether Knative would take it (docs/protocol.md, rule 6). It may use the record and the world.

use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::percent::Percent;
use crate::model::split::Split;
use crate::rollout::record::Record;
/// The split of one step, or the foreign target that would keep Knative from taking it.
pub(super) fn step_split(
    world: &World,
    record: &Record,
    candidate: &RevisionName,
    percent: Percent,
) -> Result<Split, String> {
    let split = record.start.at(candidate, percent, &record.tags);
    match split.revisions().into_iter().find(|name| !world.serves(name)) {
        Some(name) => Err(format!(
            "{name} is not Ready ({}), and Knative takes a split whole or not at all: mend it or remove its target",
            world
                .revision(name)
                .map_or_else(|| "it does not exist".to_owned(), crate::model::observed::Revision::complaint)
        )),
        None => Ok(split),
    }
}

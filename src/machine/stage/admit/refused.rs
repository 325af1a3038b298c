//! What is refused of a start, whatever is to be staged: one list for whoever begins and for `plan`, which promises by it.
//!
//! Decides in which order it is told. What a tag needs that may not be there yet is asked for after it, because only a
//! write needs it ([`crate::machine::clash::ahead`]). It may use the record's tags, splits and the world.

use super::tags::tags_are_free;
use super::targets::targets_are_ready;
use crate::machine::clash::owner_clashes;
use crate::machine::world::World;
use crate::model::observed::Service;
use crate::model::outcome::Outcome;
use crate::rollout::splits::{Start, Tags};

/// Refused before the first write. `world`: none where nobody looked which revisions are there.
pub(crate) fn refused(
    tags: &Tags,
    start: &Start,
    world: Option<&World>,
    service: &Service,
) -> Result<(), Box<Outcome>> {
    tags_are_free(tags, start, service)?;
    owner_clashes(&start.split, service)?;
    world.map_or(Ok(()), |world| targets_are_ready(start, world, service))
}

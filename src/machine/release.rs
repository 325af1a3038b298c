//! Whether two Revisions are one release: the same bytes from the same template.
//!
//! Decides that without what a rollout set on either, which is no part of what made it. It may use the record and observed
//! revisions.

use crate::model::bytes::{are_other_bytes, digest_of};
use crate::model::making::runs_alike;
use crate::model::observed::Revision;
use crate::rollout::record::Record;

/// True if two Revisions run the same bytes from the same template.
pub(super) fn is_same_release(one: &Revision, other: &Revision) -> bool {
    let means = other.digest.as_deref().and_then(digest_of);
    one.image == other.image
        && !are_other_bytes(one.digest.as_deref(), means)
        && runs_alike(&one.template, &other.template)
}

/// The Revision as its owner has it: a floor or a cap of a rollout is no part of what makes it.
pub(super) fn without_bounds(revision: &Revision, record: Option<&Record>) -> Revision {
    let known = record.and_then(|record| record.capacity.as_deref());
    let template = known.map_or_else(|| revision.template.clone(), |known| known.undone(revision));
    Revision { template, ..revision.clone() }
}

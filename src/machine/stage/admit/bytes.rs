//! Equal words, other bytes: a tag that moved on makes another candidate of the same template (rule 5).
//!
//! Decides when a registry has to be asked what an image means, and what follows from its answer. It may use pure modules
//! only.

use super::Admission;
use crate::model::bytes::{Meaning, are_other_bytes, digest_of};
use crate::model::event::{Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Revision;
use crate::model::template::serving_image;
use serde_json::Value;

/// What the wanted image means now, as far as that decides anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedBytes {
    /// The digest, if it is known.
    pub(super) digest: Option<String>,
}

impl WantedBytes {
    /// What is known of the template's image, where one of these revisions could be confused with it. Err: this
    /// reference has to be asked for first.
    pub(super) fn of<'a>(
        admission: &Admission<'_>,
        template: &Value,
        ran: impl IntoIterator<Item = &'a RevisionName>,
        log: &mut Log,
    ) -> Result<Self, String> {
        let (world, unknown) = (admission.world, Self { digest: None });
        // A reference with a digest means itself, and Knative resolves the rest when it makes a Revision.
        let Some(reference) = serving_image(template).filter(|image| digest_of(image).is_none()) else {
            return Ok(unknown);
        };
        // Only what ran under the same words can be confused with it.
        let under_it = |r: &Revision| r.image.as_deref() == Some(reference) && r.digest.is_some();
        if !ran.into_iter().filter_map(|name| world.revision(name)).any(under_it) {
            return Ok(unknown);
        }
        match world.images.get(reference) {
            None => Err(reference.to_owned()),
            Some(Meaning::Digest(digest)) => Ok(Self { digest: Some(digest.clone()) }),
            Some(Meaning::Nothing) => {
                log.once(
                    Topic::Note,
                    format!("the registry has no {reference} any more; what ran under it is compared by name"),
                );
                Ok(unknown)
            }
            Some(Meaning::Unknown(why)) => {
                log.once(
                    Topic::Note,
                    format!("whether {reference} still means the same bytes cannot be told: {why}; name it by digest to be sure"),
                );
                Ok(unknown)
            }
        }
    }

    /// True if a revision is known to run other bytes.
    pub(super) fn differ_from(&self, revision: Option<&Revision>) -> bool {
        are_other_bytes(revision.and_then(|r| r.digest.as_deref()), self.digest.as_deref())
    }
}

//! The same run comes again although its rollout is over: it was killed between its rollback and its last line, or Tekton tries
//! its task once more.
//!
//! Decides that it ends as it did. A run that asks for the same again asks against what other runs found, not against what it
//! found itself: else each retry would walk users to a candidate that evidence spoke against, or write over the template of
//! somebody who took the wheel. It may use the record and observed objects.

use super::{Stage, Want};
use crate::machine::standing::{Moved, moved};
use crate::model::observed::Service;
use crate::model::template::{TemplateChange, says_the_same};
use crate::rollout::owner::OwnerKind;
use crate::rollout::record::{EditOf, Phase, Record};

impl Stage {
    /// True if this record is the end of what is asked for now, by the same run. A person has no run that could tell one try from
    /// the next.
    pub(super) fn is_own_end(&self, record: &Record, service: &Service) -> bool {
        let owner = &self.claimant.asker.owner;
        let is_of_run = record.owner == *owner && owner.kind != OwnerKind::Person;
        // Whoever wants what serves looks at what stands there, each time.
        if record.phase != Phase::RolledBack || !is_of_run || self.goal.want == Want::Serving {
            return false;
        }
        // The template is the editor's by now, and says nothing about what was asked for.
        if record.edited == Some(EditOf::Template) {
            return true;
        }
        // Nor does one that was put back; what was asked for by its name is told by that.
        if record.restored {
            return match &self.goal.want {
                Want::Template(change) => change.image.is_none() || change.image == record.image,
                Want::Revision(Some(name)) => record.candidate.as_ref() == Some(name),
                Want::Revision(None) | Want::Latest | Want::Serving => true,
            };
        }
        match &self.goal.want {
            Want::Template(change) if change.image.is_some() => change.image == record.image,
            Want::Template(change) => self.goal.again && wrote_it(change, record, service),
            Want::Revision(Some(name)) => self.goal.again && record.candidate.as_ref() == Some(name),
            Want::Serving => false,
            Want::Latest | Want::Revision(None) => {
                self.goal.again && record.candidate.is_some() && record.candidate == service.latest_created
            }
        }
    }
}

/// True if what stands there is what that rollout staged, and says what is asked for.
fn wrote_it(change: &TemplateChange, record: &Record, service: &Service) -> bool {
    let plain = TemplateChange { again: None, ..change.clone() };
    record.candidate.is_some()
        && record.candidate == service.latest_created
        && moved(record, service) == Moved::No
        && plain.apply(&service.template).is_ok_and(|wanted| says_the_same(&service.template, &wanted))
}

//! A run that comes again: after a kill, or as the next of many short calls.
//!
//! Decides whether it goes on with the candidate that is there, and what is said if it cannot. It may use pure modules
//! only.

use super::bytes::WantedBytes;
use super::{Admission, Begin, end};
use crate::machine::claim::Claim;
use crate::machine::outcomes::{on_its_way, staged};
use crate::machine::stage::Want;
use crate::machine::standing::{Moved, is_staging_template, moved, outcome_of, who_moved};
use crate::model::event::{Log, Topic};
use crate::model::outcome::Code;
use crate::model::template::{fingerprint, says_the_same};
use crate::rollout::owner::OwnerKind;
use crate::rollout::record::{Phase, Record};

/// The same run came again, or the next of many short calls. None: begin anew.
pub(super) fn resume(admission: Admission<'_>, record: &Record, log: &mut Log) -> Option<Begin> {
    let Admission { goal, claim, world, service, now, .. } = admission;
    let same = match &goal.want {
        Want::Template(change) => {
            let wanted = change.apply(&service.template);
            // The change is the same if it makes the template of then, or (where it changes what stands there) the one
            // that stands now.
            change.image == record.image
                && wanted.is_ok_and(|t| {
                    record.template == Some(fingerprint(&t))
                        || says_the_same(&service.template, &t)
                        || change.again.is_some()
                })
        }
        Want::Revision(None) => true,
        // The same run goes on with what it took up; a later one means what stands there now.
        Want::Latest => claim == Claim::Resume || record.candidate == service.latest_created,
        Want::Serving => record.reverts,
        Want::Revision(Some(name)) => record.candidate.as_ref() == Some(name),
    };
    if !same && claim == Claim::TakeOver {
        return None;
    }
    if moved(record, service) == Moved::Traffic {
        let what = format!(
            "{} changed the traffic of {} meanwhile; nothing was written",
            who_moved(service, true),
            service.name
        );
        let next = format!(
            "`andante settle {}` closes the record and leaves traffic as it is, then begin anew",
            service.called()
        );
        return Some(end(outcome_of(Code::TakenOver, what, service).next(next)));
    }
    let person = record.owner.kind == OwnerKind::Person;
    // A run that was killed goes on with what it staged; whoever asks anew means what the image means now.
    if same
        && (person || claim == Claim::TakeOver)
        && let Want::Template(change) = &goal.want
        && let Ok(template) = change.apply(&service.template)
    {
        match WantedBytes::of(&admission, &template, &record.candidate, log) {
            Err(image) => return Some(Begin::Look(image)),
            Ok(bytes) => {
                if bytes.differ_from(record.candidate.as_ref().and_then(|name| world.revision(name))) {
                    return None;
                }
            }
        }
    }
    // This comes before the question what was asked for, because the template is the editor's by now and says nothing
    // about that.
    let edited = moved(record, service) == Moved::Template && is_staging_template(record);
    if edited && (same || !person) {
        return Some(Begin::Edited(Box::new(record.clone())));
    }
    if !same {
        // A person may change their mind while nobody is on the candidate; a run that changes it is misconfigured.
        if person && matches!(record.phase, Phase::Staging | Phase::Staged | Phase::Interrupted) {
            return None;
        }
        let candidate = record.candidate.as_ref().map_or_else(|| "its candidate".to_owned(), ToString::to_string);
        let what = format!(
            "this run already rolls out {candidate} (rollout {}) and cannot change to something else",
            record.id
        );
        return Some(end(
            outcome_of(Code::BadState, what, service).next(format!("`andante settle {}` first", service.called()))
        ));
    }
    if record.phase == Phase::Staging {
        log.once(Topic::Claim, format!("going on with rollout {}", record.id));
        let mut record = record.clone();
        record.deadline = record.deadline.max(crate::model::time::after(now, goal.deadline + goal.hold_for));
        // What stopped it is over.
        (record.outcome, record.reason, record.ending) = (None, None, None);
        return Some(Begin::Write { record: Box::new(record), split: None, template: None, what: "resumed".into() });
    }
    if !matches!(record.phase, Phase::Staged | Phase::Interrupted) {
        return Some(end(on_its_way(record, service)));
    }
    Some(end(staged(world, service, record, true)))
}

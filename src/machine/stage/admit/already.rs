//! What is asked for is what users are on already.
//!
//! Decides whether that is an end, a way back from an older rollout, something to wait for, or no success at all; `revert`
//! decides whether the template has to follow. It may use pure modules only.

use super::revert::revert;
use super::{Admission, Begin, end, wait_for};
use crate::machine::claim::Claim;
use crate::machine::outcomes::UNCHANGED;
use crate::machine::release::{is_same_release, without_bounds};
use crate::machine::standing::{Moved, moved, outcome_of};
use crate::machine::unserved::nobody_is_served;
use crate::model::name::RevisionName;
use crate::model::observed::{Revision, Service};
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Serving, shares_are_served};
use crate::model::split::Split;
use crate::rollout::declaration::charge::in_care;
use crate::rollout::owner::OwnerKind;
use crate::rollout::record::{Phase, Record};
use serde_json::Value;

/// Stable is what is wanted. `asked` is the template that a release of it would write; none where a revision was named.
pub(super) fn already(admission: &Admission<'_>, mut fresh: Record, asked: Option<&Value>) -> Begin {
    let Admission { claim, world, service, .. } = *admission;
    let stable = fresh.start.stable.clone();
    let running = world.revision(&stable);
    if let Some(why) = nobody_is_served(&fresh.start.pinned(), service, world) {
        return end(broken_already(service, &why));
    }
    if fresh.start.beside().is_some() {
        // An earlier goal's code has a part of the users, and what is wanted is what the others are on. From now on that is what
        // there was before, else the next rollout, or a second way back, would bring the share of then back.
        fresh.start = fresh.start.united();
        let split = fresh.start.restored(None, &fresh.tags);
        fresh.phase = Phase::RolledBack;
        fresh.outcome = Some(Code::Done);
        fresh.reason = Some(format!("{stable} serves this already; everyone is on it again"));
        let what = format!("everyone back to {stable}, which serves this already");
        return Begin::Write { record: Box::new(fresh), split: Some(split), template: None, what };
    }
    if let Some(revert) = asked.and_then(|asked| revert(admission, &fresh, asked)) {
        return revert;
    }
    if matches!(claim, Claim::TakeOver | Claim::Resume) {
        // Stable runs what is wanted now, so the candidate that was staged before only has to go.
        let split = fresh.start.restored(None, &fresh.tags);
        fresh.phase = Phase::RolledBack;
        fresh.outcome = Some(Code::Done);
        fresh.reason = Some(format!("{stable} serves this already; the older rollout is rolled back"));
        let what = format!("back to {stable}, which serves this already");
        return Begin::Write { record: Box::new(fresh), split: Some(split), template: None, what };
    }
    // A way back that was written and never served leaves users elsewhere than the split says.
    if let Serving::NotYet(why) | Serving::Blocked(why) = shares_are_served(service) {
        return wait_for(service, &format!("users do not have the split of its spec.traffic yet ({why})"));
    }
    let known = world.record().and_then(Result::ok).map(|r| r.intent);
    let mut outcome = unchanged(service, &stable, running);
    let newest = service.latest_created.as_ref().and_then(|name| world.revision(name));
    // Nothing is said of a template that makes the same.
    let same = |newest: &Revision, running: &Revision| {
        let of_owner = |revision| without_bounds(revision, admission.record);
        is_same_release(&of_owner(newest), &of_owner(running))
    };
    if let Some(waits) = newest.filter(|newest| running.is_none_or(|running| !same(newest, running))) {
        outcome.next =
            format!("{}; the Service's template is that of {}, which reaches nobody", outcome.next, waits.name);
    }
    if let Some(named) = in_care(service).then(|| by_name(service)).flatten() {
        // An edit of the template would reach them at once. What follows latest is the owner's shape, which this record keeps.
        outcome.what = format!("{stable} already serves this; in care its users have it by name from now on");
        outcome.traffic = Some(named.clone());
        let (phase, ended, candidate) = (Phase::Finished, Some(Code::Done), Some(stable));
        let record = Box::new(Record { phase, outcome: ended, candidate, ..fresh });
        return Begin::Note { record, split: Some(named), outcome: Box::new(outcome) };
    }
    if fresh.owner.kind == OwnerKind::Person || known.is_some_and(|intent| intent >= fresh.intent) {
        return end(outcome);
    }
    // Nothing moves, but the intent stays: an older run that finishes building last must not undo this one.
    // A record that somebody's edit overtook would tell the end of its rollout of a split that it never wrote.
    let true_still = world.record().and_then(Result::ok).filter(|r| moved(r, service) == Moved::No);
    let mut noted = true_still.unwrap_or_else(|| Record {
        phase: Phase::Finished,
        outcome: Some(Code::Done),
        candidate: Some(stable.clone()),
        ..fresh.clone()
    });
    noted.intent = noted.intent.max(fresh.intent);
    Begin::Note { record: Box::new(noted), split: None, outcome: Box::new(outcome) }
}

/// The same split by name; none where nobody follows latest, or where it is not known what that is.
fn by_name(service: &Service) -> Option<Split> {
    let split = service.split.as_ref().ok()?;
    Some(split.by_name(service.latest_ready.as_ref()?)).filter(|named| named != split)
}

/// What is asked for is what is there, and that serves nobody: no success, and no release of this run's.
fn broken_already(service: &Service, why: &str) -> Outcome {
    let what = format!("{} runs what is asked for already, and {why}; nothing was written", service.name);
    outcome_of(Code::BadState, what, service)
        .next("stage what mends it, or --again for a new revision of the same (where a Secret or a quota was mended)")
}

fn unchanged(service: &Service, revision: &RevisionName, running: Option<&Revision>) -> Outcome {
    let digest = running.and_then(|r| r.digest.clone().or_else(|| r.image.clone()));
    let runs = digest.clone().unwrap_or_else(|| "an unknown image".into());
    let mut outcome =
        outcome_of(Code::Done, format!("{revision} already serves this: it runs {runs}; nothing was written"), service)
            .word(UNCHANGED)
            .next("--again makes a new revision of it");
    outcome.candidate = Some(revision.clone());
    outcome.digest = digest;
    outcome
}

//! What is asked for serves, and the Service's template is another one: after a rollback the rejected one, or one that
//! waits.
//!
//! Decides when a release of what serves is a revert, and the write that begins it: the template of what serves, without a
//! name, with users pinned. Never latest yet: until the new revision is Ready that means the rejected one (docs/protocol.md,
//! rule 9). It may use pure modules only.

use super::{Admission, Begin};
use crate::machine::claim::Claim;
use crate::machine::clash;
use crate::machine::finish::good_split;
use crate::machine::next::Next;
use crate::machine::release::{is_same_release, without_bounds};
use crate::machine::stage::{StageGoal, Want};
use crate::machine::standing::{Moved, moved};
use crate::model::making::runs_alike;
use crate::model::observed::{Revision, Truth};
use crate::model::outcome::Code;
use crate::model::ready::is_current;
use crate::model::template::{BadChange, TemplateChange, fingerprint, says_the_same};
use crate::rollout::declaration::charge::in_care;
use crate::rollout::owner::OwnerKind;
use crate::rollout::record::{Phase, Record};
use serde_json::Value;

/// How a revert begins. None: there is none to make. `asked` is the template that stands there, with what was asked for in
/// it.
pub(super) fn revert(admission: &Admission<'_>, fresh: &Record, asked: &Value) -> Option<Begin> {
    let Admission { world, service, record, claim, goal: StageGoal { want, .. }, .. } = *admission;
    let stable = &fresh.start.stable;
    let running = &without_bounds(world.revision(stable)?, record);
    // A run that comes again after its own good end has no newer word than whoever changed the template since.
    let is_own = |r: &&Record| r.owner.uid == fresh.owner.uid && r.owner.kind != OwnerKind::Person;
    let has_said_so = *want != Want::Serving && record.filter(is_own).is_some_and(|r| r.phase == Phase::Finished);
    if has_said_so || !is_current(service) {
        return None;
    }
    let newest = service.latest_created.as_ref()?;
    let follows = fresh.start.followed_latest() && fresh.start.follows_alone();
    let is_pinned = follows && service.split.as_ref() != Ok(&good_split(&fresh.start, newest, true, service));
    if newest == stable {
        let is_latest = service.latest_ready.as_ref() == Some(stable) && !in_care(service);
        // Users of an open rollout are taken back by name first, as by any way back.
        return (claim == Claim::Free && is_pinned && is_latest).then(|| follow_again(fresh));
    }
    let made = world.revision(newest).map(|made| without_bounds(made, record));
    let made = made.as_ref();
    if !is_pinned && made.is_some_and(|made| made.serves() && is_same_release(made, running)) {
        return None;
    }
    // What somebody else wrote since our last write is theirs: it gives way only to just what was asked for.
    let is_theirs = *want != Want::Serving && record.is_none_or(|r| moved(r, service) != Moved::No);
    let wanted = if runs_alike(&running.template, asked) {
        asked
    } else if is_theirs || !running.template.get("spec").is_some_and(Value::is_object) {
        return None;
    } else {
        &running.template
    };
    let split = fresh.start.staging(&fresh.tags);
    // A way back is never withheld because a tag cannot be had.
    if claim != Claim::Free && matches!(clash::ahead(&split, &fresh.tags, world, service), Some(Next::End(_))) {
        return None;
    }
    let template = written(wanted, &service.template, made, admission).ok()?;
    let mut record = fresh.clone();
    record.reverts = true;
    record.template = Some(fingerprint(template.as_ref().unwrap_or(&service.template)));
    let what = match &template {
        Some(_) => format!("users pinned to {stable}, the template is put back to what it runs in the same write"),
        None => format!("users pinned to {stable}, the template is what it runs already"),
    };
    Some(Begin::Write { record: Box::new(record), split: Some(split), template, what })
}

/// The template to write; none where the one that stands there makes what is wanted.
fn written(
    wanted: &Value,
    present: &Value,
    made: Option<&Revision>,
    admission: &Admission<'_>,
) -> Result<Option<Value>, BadChange> {
    if !says_the_same(present, wanted) {
        return Ok(Some(wanted.clone()));
    }
    // What failed once is not waited for again: an equal template makes no revision, so it is told apart.
    let failed = made.is_none_or(|made| made.truth("Ready") == Truth::False);
    let again = TemplateChange { again: Some(admission.goal.id.to_string()), ..TemplateChange::default() };
    failed.then(|| again.apply(wanted)).transpose()
}

/// The template is what serves, and the owner is pinned only because we pinned them: latest means what they are on.
fn follow_again(fresh: &Record) -> Begin {
    let mut record = fresh.clone();
    record.reverts = true;
    record.phase = Phase::Finished;
    record.candidate = Some(fresh.start.stable.clone());
    record.outcome = Some(Code::Done);
    let what = format!("latest is {} and is followed again", fresh.start.stable);
    Begin::Write { record: Box::new(record), split: Some(fresh.start.split.clone()), template: None, what }
}

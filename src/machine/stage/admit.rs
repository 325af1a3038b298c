//! How a rollout begins: what is stable, what is the candidate, and whether there is anything to do at all.
//!
//! Decides everything that can be refused before the first write (docs/protocol.md, rules 2, 4 and 6), because a
//! refusal then leaves nothing to clean up. It may use pure modules only.

use crate::machine::claim::Claim;
use crate::machine::outcomes::finished_below;
use crate::machine::release::{is_same_release, without_bounds};
use crate::machine::stage::named::{is_to_be_named, name_is_free, warn_of_taken_name};
use crate::machine::stage::room::anew;
use crate::machine::stage::{StageGoal, Want};
use crate::machine::standing::{Moved, moved, outcome_of};
use crate::machine::unserved::nobody_is_served;
use crate::machine::world::World;
use crate::model::event::Log;
use crate::model::event::Topic;
use crate::model::name::RevisionName;
use crate::model::observed::{Revision, Service};
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::ready::{Serving, is_current, shares_are_served};
use crate::model::split::Split;
use crate::model::template::{TemplateChange, fingerprint, says_at_least, says_the_same};
use crate::model::time::after;
use crate::rollout::capacity::Capacity;
use crate::rollout::plan::Plan;
use crate::rollout::record::{Record, Rejected};
use crate::rollout::splits::Start;
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

mod already;
mod bytes;
mod kept;
mod refused;
mod resume;
mod revert;
#[cfg(test)]
mod samples;
mod start;
mod tags;
mod targets;

use already::already;
use bytes::WantedBytes;
pub(crate) use refused::refused;
use resume::resume;
pub(crate) use start::{fresh_start, inherited_start};
pub(crate) use tags::{no_tag_fits, tags_are_free, without_our_tags};
use targets::lacks_room;
pub(crate) use targets::targets_are_ready;

/// So late a process of an older rollout may still write a bound.
const LATE: Duration = Duration::from_secs(120);

/// The bounds that an older rollout left standing: this one puts back what the owner had. What its users needed is still true only
/// if they were never anywhere else.
fn inherited_bounds(old: &Record, fresh: &Record, world: &World, now: Timestamp) -> Option<Box<Capacity>> {
    let fresh_end = now < after(old.step_at, LATE);
    let all = old.phase.is_open() || fresh_end;
    let mut capacity = old.capacity.as_ref()?.inherited(all, |name| world.revision(name))?;
    if !old.phase.is_open() || old.start.stable != fresh.start.stable {
        capacity.pods = 0;
    }
    Some(Box::new(capacity))
}

/// How a rollout begins, or why it does not.
pub(crate) enum Begin {
    /// It ends here; nothing was or will be written.
    End(Box<Outcome>),
    /// Equal words may hide other bytes: what the image means is asked first.
    Look(String),
    /// This rollout was begun, and somebody else wrote the template since.
    Edited(Box<Record>),
    /// What decides is on its way.
    Wait {
        /// What is waited for, for the log.
        what: String,
        /// The end if it has not come by the deadline.
        late: Box<Outcome>,
    },
    /// There is nothing to do, but the run's intent is to be noted in the record, or users are to be named; the template stays.
    Note {
        /// The record to leave.
        record: Box<Record>,
        /// The split by name, where users follow latest in care.
        split: Option<Split>,
        /// The end after that.
        outcome: Box<Outcome>,
    },
    /// The write that begins the rollout.
    Write {
        /// The record to leave.
        record: Box<Record>,
        /// The split to write.
        split: Option<Split>,
        /// The template to write.
        template: Option<Value>,
        /// For the log.
        what: String,
    },
}

fn end(outcome: Outcome) -> Begin {
    Begin::End(Box::new(outcome))
}

/// What is looked at when a rollout begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admission<'a> {
    /// What is to be staged.
    pub goal: &'a StageGoal,
    /// Free, resume or take over.
    pub claim: Claim,
    /// The record that stands there.
    pub record: Option<&'a Record>,
    /// The same where its rollout is over at the share that this very goal declares.
    pub reached: Option<&'a Record>,
    /// All that is known.
    pub world: &'a World,
    /// The Service in it.
    pub service: &'a Service,
    /// The time.
    pub now: Timestamp,
}

/// Decides how to begin. `blank` makes the record of a rollout that begins from a split.
pub(crate) fn begin(admission: Admission<'_>, blank: impl Fn(Start) -> Record, log: &mut Log) -> Begin {
    let Admission { goal, claim, record, world, service, .. } = admission;
    let split = match &service.split {
        Ok(split) => split,
        Err(error) => {
            let what = format!("spec.traffic of {}: {error}", service.name);
            return end(outcome_of(Code::BadState, what, service));
        }
    };
    let goes_on = |record: &Record| match claim {
        Claim::Resume => true,
        // A short call by a newer owner goes on where the last one left off, or no share would ever be passed.
        Claim::TakeOver => {
            let is_of = |walked: &Plan, plan: &Plan| {
                *walked == if walked.declared { plan.ending_at(walked.to()) } else { plan.clone() }
            };
            let by_its_plan = |plan: &Plan| record.plan.as_ref().is_none_or(|walked| is_of(walked, plan));
            goal.goes_on.as_ref().is_some_and(by_its_plan)
        }
        _ => false,
    };
    if let Some(record) = record.filter(|r| goes_on(r))
        && let Some(answer) = resume(admission, record, log)
    {
        return answer;
    }
    // Nothing below may be concluded from a status of an older generation: somebody's template may have been written
    // already, and `latestCreatedRevisionName` still name the revision before it (seen for up to 2 s).
    if !is_current(service) {
        return wait_for(service, "Knative has not taken up the present spec yet");
    }
    let inherited = inherited_start(goal.stable.as_ref(), claim, record, world, split);
    let begins_anew = inherited.is_none();
    let start = match inherited.map_or_else(|| fresh_start(goal.stable.as_ref(), record, service, split), Ok) {
        Ok(start) => start,
        // The revision that users were being walked away from is known. It is Ready again as soon as there is room, or as the cap
        // of a way back that was killed has worked.
        Err(outcome) => {
            return lacks_room(record, world, split).map_or_else(|| end(*outcome), |why| wait_for(service, &why));
        }
    };
    if let Err(outcome) = refused(&goal.tags, &start, Some(world), service) {
        return end(*outcome);
    }
    // To pin what is not served yet would move users (rule 6); an inherited start brings them back and need not wait.
    // Where users have nothing that serves them, nothing can be moved, and a release may be what mends that.
    if begins_anew
        && nobody_is_served(&start.pinned(), service, world).is_none()
        && let Serving::NotYet(why) | Serving::Blocked(why) = shares_are_served(service)
    {
        return wait_for(service, &format!("users do not have the split of its spec.traffic yet ({why})"));
    }
    let mut fresh = blank(start);
    if let Some(old) = record {
        // Rejected candidates and the newest intent outlive the rollout (rule 2).
        fresh.capacity = inherited_bounds(old, &fresh, world, admission.now);
        fresh.rejected.clone_from(&old.rejected);
        fresh.intent = fresh.intent.max(old.intent);
        if claim == Claim::TakeOver {
            log.once(Topic::Claim, format!("taking over from {} (rollout {})", old.owner, old.id));
        }
    }
    match &goal.want {
        Want::Template(change) => from_template(admission, change, fresh, log),
        Want::Revision(name) => from_revision(admission, name.as_ref(), fresh),
        Want::Latest => match service.latest_created.as_ref().filter(|name| world.revision(name).is_some()) {
            Some(latest) => from_revision(admission, Some(latest), fresh),
            None => wait_for(service, "the revision of the present template has not been seen yet"),
        },
        Want::Serving => {
            fresh.image = world.revision(&fresh.start.stable).and_then(|serves| serves.image.clone());
            already(&admission, fresh, Some(&service.template))
        }
    }
}

/// Waits, and if it is in vain ends with nothing written.
fn wait_for(service: &Service, why: &str) -> Begin {
    let late = outcome_of(
        Code::BadState,
        format!("a rollout of {} cannot begin: at the deadline {why}; nothing was written", service.name),
        service,
    );
    let next = format!("`andante status {}` and `kubectl describe ksvc` show what Knative waits for", service.called());
    Begin::Wait { what: format!("{}: {why}; waiting", service.name), late: Box::new(late.next(next)) }
}

fn from_template(admission: Admission<'_>, change: &TemplateChange, mut fresh: Record, log: &mut Log) -> Begin {
    let Admission { goal, world, service, .. } = admission;
    let stable = fresh.start.stable.clone();
    let named = change.with_free_name(|name| world.revision(name).is_some());
    let template = match named.apply(&service.template) {
        Ok(template) => template,
        Err(error) => return end(outcome_of(Code::BadInput, error.to_string(), service)),
    };
    let print = fingerprint(&template);
    // What the cluster itself fills in cannot be told from what a file took away, unless the last write was of this very
    // template and nobody changed anything since.
    let wrote_it = world.record().and_then(Result::ok).is_some_and(|r| {
        // A template that made no revision left stable the newest.
        let newest = r.candidate.as_ref().unwrap_or(&r.start.stable);
        service.latest_created.as_ref() == Some(newest)
            && r.template.as_ref() == Some(&print)
            && moved(&r, service) == Moved::No
    });
    let same = says_the_same(&service.template, &template) || (wrote_it && says_at_least(&service.template, &template));
    let newest = service.latest_created.as_ref().and_then(|name| world.revision(name));
    let (mut template, mut same, mut moved_on) = (template, same, String::new());
    if !goal.again {
        let ran = fresh.rejected.iter().map(|r| &r.revision).chain([&stable]).chain(&service.latest_created);
        let bytes = match WantedBytes::of(&admission, &template, ran, log) {
            Ok(bytes) => bytes,
            Err(image) => return Begin::Look(image),
        };
        let stands =
            |r: &&Rejected| r.stands(world.serves(&r.revision)) && !bytes.differ_from(world.revision(&r.revision));
        let before = fresh.rejected.iter().filter(stands).find(|r| {
            r.template.as_ref() == Some(&print)
                || (change.is_image_alone() && r.image.is_some() && r.image == change.image)
                || (same && service.latest_created.as_ref() == Some(&r.revision))
        });
        if let Some(before) = before {
            let what =
                format!("{} was rolled back at {}: {}; nothing was written", before.revision, before.at, before.reason);
            return end(
                outcome_of(Code::RejectedBefore, what, service).next("mend it, or try the same again with --again")
            );
        }
        let serves_it = |name: &RevisionName| {
            let running = world.revision(name);
            let says_it = (same && service.latest_created.as_ref() == Some(name))
                || (change.is_image_alone() && running.is_some_and(|r| r.image.is_some() && r.image == change.image));
            says_it && !bytes.differ_from(running)
        };
        if serves_it(&stable) {
            return already(&admission, fresh, Some(&template));
        }
        // A run that comes again has nothing to do; one whose source moved on meanwhile has.
        if let Some(reached) = admission.reached.filter(|r| r.candidate.as_ref().is_some_and(&serves_it)) {
            return end(finished_below(reached, service));
        }
        if same && bytes.differ_from(newest) {
            // An equal template makes no revision, so it is told apart by what its image means.
            let told_apart = TemplateChange { digest: bytes.digest.clone(), ..named.clone() };
            template = match told_apart.apply(&service.template) {
                Ok(template) => template,
                Err(error) => return end(outcome_of(Code::BadInput, error.to_string(), service)),
            };
            same = false;
            moved_on = format!("; its image means {} now", bytes.digest.unwrap_or_default());
        }
    }
    let (template, same) = match anew(&named, goal, admission.record, world, service).filter(|_| same) {
        Some(template) => (template, false),
        None => (template, same && !is_to_be_named(change, service)),
    };
    if let Err(outcome) = name_is_free(change, world, service, !same) {
        return Begin::End(outcome);
    }
    if !same {
        warn_of_taken_name(change, &named, log);
    }
    fresh.template = Some(fingerprint(&template));
    let split = fresh.start.staging(&fresh.tags);
    let what = if same {
        "users pinned to stable; the template is there already".to_owned()
    } else {
        format!("users pinned to {stable}, template patched in the same write{moved_on}")
    };
    Begin::Write { record: Box::new(fresh), split: Some(split), template: (!same).then_some(template), what }
}

fn from_revision(admission: Admission<'_>, name: Option<&RevisionName>, mut fresh: Record) -> Begin {
    let Admission { goal, world, service, .. } = admission;
    let pinned = fresh.start.pinned();
    let beside = fresh.start.beside().cloned();
    let chosen = match name {
        Some(name) => world.revision(name),
        // Of an earlier goal's code that has a part of the users everyone may be next.
        None => newest_idle(&fresh, &pinned, world).or_else(|| world.revision(beside.as_ref()?)),
    };
    let Some(revision) = chosen else {
        let what = match name {
            Some(name) => format!("there is no revision {name} of {}", service.name),
            None => {
                format!("no ready revision of {} that is newer than {} serves 0 %", service.name, fresh.start.stable)
            }
        };
        let code = if name.is_some() { Code::BadInput } else { Code::BadState };
        return end(outcome_of(code, what, service).next("make one with --image, or name one with --revision"));
    };
    let candidate = revision.name.clone();
    if candidate == fresh.start.stable {
        return already(&admission, fresh, None);
    }
    if let Some(reached) = admission.reached.filter(|r| r.candidate.as_ref() == Some(&candidate)) {
        return end(finished_below(reached, service));
    }
    if !pinned.share(&candidate).is_zero() && beside.as_ref() != Some(&candidate) {
        let what = format!("{candidate} serves {} already; nothing was written", pinned.share(&candidate));
        return end(outcome_of(Code::BadState, what, service));
    }
    if !goal.again
        && let Some(before) =
            fresh.rejected.iter().find(|r| is_rejected_one(r, revision, &admission) && r.stands(revision.serves()))
    {
        let what = format!("{candidate} was rolled back at {}: {}; nothing was written", before.at, before.reason);
        return end(outcome_of(Code::RejectedBefore, what, service).next("try it again with --again"));
    }
    fresh.image.clone_from(&revision.image);
    // The template that stands there made it: its name, if it has one, is no taken one.
    if service.latest_created.as_ref() == Some(&candidate) {
        fresh.template = Some(fingerprint(&service.template));
    }
    if revision.serves() {
        fresh.candidate = Some(candidate.clone());
        let split = fresh.start.at(&candidate, Percent::ZERO, &fresh.tags);
        let what = format!("users pinned to {}, {candidate} taken up at 0 %", fresh.start.stable);
        return Begin::Write { record: Box::new(fresh), split: Some(split), template: None, what };
    }
    if service.latest_created.as_ref() == Some(&candidate) {
        // A revision that is not Ready yet would block a split that names it; one that follows latest does not wait for
        // it.
        let split = fresh.start.staging(&fresh.tags);
        let what = format!("users pinned to {}, waiting for {candidate}", fresh.start.stable);
        return Begin::Write { record: Box::new(fresh), split: Some(split), template: None, what };
    }
    let late = outcome_of(Code::NeverReady, "the revision was not Ready at the deadline; nothing was written", service);
    Begin::Wait { what: format!("{candidate}: {}", revision.complaint()), late: Box::new(late) }
}

/// True if this revision is a candidate that was rejected: by its name, or because the rejected template, which was put back, stands
/// there again and makes the same of it.
fn is_rejected_one(rejected: &Rejected, revision: &Revision, admission: &Admission<'_>) -> bool {
    let Admission { record, world, service, .. } = *admission;
    let of_owner = |revision| without_bounds(revision, record);
    let same = || match world.revision(&rejected.revision) {
        Some(before) => is_same_release(&of_owner(before), &of_owner(revision)),
        None => rejected.template == Some(fingerprint(&service.template)),
    };
    let again = record.is_some_and(|record| record.restored) && service.latest_created.as_ref() == Some(&revision.name);
    rejected.revision == revision.name || again && same()
}

/// The newest ready revision that serves nobody and is newer than stable: an older one would be a rollback by accident.
fn newest_idle<'a>(fresh: &Record, pinned: &Split, world: &'a World) -> Option<&'a Revision> {
    // Creation times are whole seconds, so the generation decides first.
    let age = |r: &Revision| (r.configuration_generation, r.created);
    let stable = world.revision(&fresh.start.stable).map(age);
    world
        .revisions
        .values()
        .filter(|r| r.serves() && pinned.share(&r.name).is_zero() && Some(age(r)) > stable)
        .max_by_key(|r| age(r))
}

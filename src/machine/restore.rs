//! The template follows users back (`--restore-template`): after a way back it is still the rejected candidate's, so the next edit
//! would begin from that.
//!
//! Decides whether it is put back to what serves, in a write of its own after the one that took users back, and when an owner who
//! followed latest follows it again (docs/protocol.md, rule 9). What somebody else wrote stays as it is. It may use the record,
//! splits and observed objects.

use crate::machine::capacity::{BoundTries, EveryoneComes, caps_alone};
use crate::machine::clash;
use crate::machine::finish::newer_than;
use crate::machine::goal_write::{NewTemplate, asks_first};
use crate::machine::migration::refused_name;
use crate::machine::next::Next;
use crate::machine::outcomes::{LAST_WAIT, denied, ended_before};
use crate::machine::release::{is_same_release, without_bounds};
use crate::machine::standing::{Claimant, Moved, is_writers, moved, who_moved};
use crate::machine::world::World;
use crate::machine::write::order;
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Log, Topic};
use crate::model::making::runs_alike;
use crate::model::name::RevisionName;
use crate::model::observed::{PIPELINE, Revision, Service};
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Serving, is_current, serving};
use crate::model::template::fingerprint;
use crate::model::time::after;
use crate::model::writers::FIELD_MANAGER;
use crate::rollout::declaration::charge::in_care;
use crate::rollout::declaration::read::Stated;
use crate::rollout::goal::CapacityGoal;
use crate::rollout::goal_status::StatusSeen;
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::only_ready;
use jiff::Timestamp;
use std::time::Duration;

/// How long the revision of the template that was put back may take to be Ready, where latest is to be followed again. Users are where
/// they belong meanwhile, and `settle` goes on from there.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// What is looked at once users are back.
#[derive(Debug, Clone, Copy)]
pub(super) struct AfterBack<'a> {
    pub(super) claimant: &'a Claimant,
    pub(super) bounds: &'a BoundTries,
    pub(super) world: &'a World,
    pub(super) service: &'a Service,
    pub(super) record: &'a Record,
    pub(super) now: Timestamp,
}

/// What a machine does about the template at the end of a way back.
#[derive(Debug)]
pub(super) struct Restore {
    wanted: bool,
    capacity: CapacityGoal,
    /// A short call leaves what has to be waited for to the next one.
    hurries: bool,
    began: Option<Timestamp>,
    /// The way back was served once.
    served: bool,
    /// Since when the template is what serves, as far as this process saw.
    stood_at: Option<Timestamp>,
    /// Since when latest is followed again, likewise.
    followed_at: Option<Timestamp>,
    /// What was decided last is a write of this.
    writes: bool,
    /// What the API server refused it with.
    refused: Option<Code>,
    /// What came of it and does not stand in the record, in a sentence.
    said: String,
}

impl Restore {
    pub(super) fn new(wanted: bool, capacity: &CapacityGoal, hurries: bool) -> Self {
        Self {
            wanted,
            capacity: capacity.clone(),
            hurries,
            began: None,
            served: false,
            stood_at: None,
            followed_at: None,
            writes: false,
            refused: None,
            said: String::new(),
        }
    }

    /// What is to be done next about the template; none: nothing more.
    pub(super) fn next(&mut self, back: &AfterBack<'_>, log: &mut Log) -> Option<Next> {
        self.writes = false;
        if !self.wanted || self.refused.is_some() {
            return None;
        }
        match self.decided(back, log) {
            Ok(next) => {
                self.writes = matches!(next, Next::Write(_));
                Some(next)
            }
            Err(said) => {
                self.said = said;
                None
            }
        }
    }

    /// The same end, with what there is to say of the template and does not stand in the record.
    pub(super) fn said(&self, mut outcome: Outcome) -> Outcome {
        if !self.said.is_empty() {
            outcome.what = format!("{}; {}", outcome.what, self.said);
        }
        outcome
    }

    /// True if the write that the API server refused was of this: users are back, so how the rollout ended is known.
    pub(super) fn is_denied(&mut self, error: &ApiError) -> bool {
        // The next write may be somebody else's, so whose it is is decided anew.
        let writes = std::mem::take(&mut self.writes);
        if writes {
            self.refused = Some(denied(error).code);
            self.said = format!("the template is not what serves, or latest is not followed again: {error}");
        }
        writes
    }

    /// The code by which it was refused, for whoever asks for nothing else.
    pub(super) fn refusal(&self) -> Option<Code> {
        // Nothing that was typed is to blame.
        self.refused.map(|code| if code == Code::BadInput { Code::NotPermitted } else { code })
    }

    /// The end where the runner stops in the middle: users are back, and how the rollout ended stands in its record.
    pub(super) fn stopped(&self, world: &World, why: &Outcome) -> Option<Outcome> {
        self.began?;
        let (record, service) = (world.record().and_then(Result::ok)?, world.service()?);
        let mut outcome = ended_before(&record, service);
        outcome.what = format!("{}; this process stopped before all was done: {}", outcome.what, why.what);
        (record.phase == Phase::RolledBack).then_some(outcome)
    }

    /// What is to be done, or why nothing is.
    fn decided(&mut self, back: &AfterBack<'_>, log: &mut Log) -> Result<Next, String> {
        let AfterBack { bounds, world, service, record, now, .. } = *back;
        if record.phase == Phase::Interrupted {
            let why = "the template stays the candidate's, because the same run may start again";
            return Err(format!("{why}; {} puts it back", by_settle(service)));
        }
        let ended = record.ended_as();
        if record.phase != Phase::RolledBack || matches!(ended, Code::CouldNotRestore | Code::TakenOver) {
            return Err(String::new());
        }
        if !is_writers(record, world) || moved(record, service) == Moved::Traffic {
            // Another process of this rollout has put it back, and says so.
            let present = world.record().and_then(Result::ok).filter(|present| present.id == record.id);
            let why = "the template stays as it is, because somebody else wrote since";
            return Err(if present.is_some_and(|p| p.restored) { String::new() } else { why.to_owned() });
        }
        // Who lost users has no use for its floor while this lasts.
        let of_candidate = record.candidate.as_ref().and_then(|lost| bounds_of(record, lost));
        if let Some(due) = of_candidate.and_then(|of| bounds.giving_back(&of, world, |_| false, now)) {
            return Ok(due.next("", log));
        }
        let began = *self.began.get_or_insert(now);
        self.served |= serving(service) == Serving::Yes;
        // A cap is of use until the way back is served, and this may last for minutes in which stable may have to grow.
        let caps = caps_alone(record).filter(|_| self.served);
        if let Some(due) = caps.and_then(|caps| bounds.giving_back(&caps, world, |_| false, now)) {
            return Ok(due.next("", log));
        }
        // What an earlier goal ended with is what the template was when this rollout began.
        let home = record.start.beside().unwrap_or(&record.start.stable);
        let Some(running) = world.revision(home).map(|running| without_bounds(running, Some(record))) else {
            return Err(format!("the template stays as it is, because {home} is gone"));
        };
        if runs_alike(&running.template, &service.template) {
            return self.follow(back, &running, log);
        }
        // Users come first: the template is not touched before they have what the way back gives them.
        if !self.served {
            let why = format!("the template is not put back before users are; {} does it then", by_settle(service));
            return self.wait(after(began, LAST_WAIT), back, why);
        }
        // Once is enough: whoever writes it again after that is not fought.
        if record.restored || !is_candidates(record, service) {
            return Err(format!("the template is left as {} wrote it", who_wrote(record, service)));
        }
        if let Some(why) = another_goal(record, service) {
            return Err(format!("the template stays as it is, because {why}"));
        }
        put_back(back, &running)
    }

    /// The template is what serves. Whoever followed latest follows it again, once that is Ready and the same.
    fn follow(&mut self, back: &AfterBack<'_>, running: &Revision, log: &mut Log) -> Result<Next, String> {
        let AfterBack { bounds, world, service, record, now, .. } = *back;
        let home = &running.name;
        if !may_follow(record, service) {
            return Err(if record.restored {
                String::new()
            } else {
                format!("the template is what {home} runs already")
            });
        }
        if record.follows_again() {
            let until = after(*self.followed_at.get_or_insert(now), LAST_WAIT);
            return match serving(service) {
                Serving::Yes => Err(String::new()),
                Serving::NotYet(why) | Serving::Blocked(why) => {
                    self.wait(until, back, format!("that is not confirmed as served yet ({why})"))
                }
            };
        }
        let since = *self.stood_at.get_or_insert(now);
        let until = after(since, READY_WITHIN);
        let later = |why: String| {
            format!("traffic stays by name, because {why}; {} follows latest once that is so", by_settle(service))
        };
        if world.signal.is_some() {
            return Err(later("this process was stopped before latest was known to be the same".to_owned()));
        }
        let newest = service.latest_created.as_ref().filter(|_| is_current(service));
        let Some(made) = newest.and_then(|name| world.revision(name)) else {
            return self.wait(until, back, later("Knative has not taken up the template yet".to_owned()));
        };
        let name = &made.name;
        if newer_than(name, service).is_some() || !world.serves(name) {
            return self.wait(until, back, later(format!("{name} is not Ready yet ({})", made.complaint())));
        }
        let made = without_bounds(made, Some(record));
        if name != home {
            if !is_same_release(running, &made) {
                return Err(format!("traffic stays by name, because {name} does not run what {home} runs"));
            }
            let record = &signed(back);
            let comes = EveryoneComes { goal: &self.capacity, bounds, record, world, service, since, now };
            match comes.pods_first(running, &made, log) {
                Ok(None) => {}
                Ok(Some(why)) => return Err(later(why)),
                Err(next) if self.hurries && matches!(*next, Next::Wait { .. }) => {
                    return Err(later(format!("the pods of {name} are not there yet")));
                }
                Err(next) => return Ok(*next),
            }
        }
        let Some(safe) = only_ready(&record.start.finished(name, true), name, |name| world.serves(name)) else {
            return Err(later("a target of somebody else's is not Ready".to_owned()));
        };
        let mut next = signed(back);
        // From now on that is what the owner has.
        (next.start.stable, next.start.latest) = (name.clone(), name.clone());
        next.left_out = safe.left_out;
        if let Some(capacity) = &mut next.capacity {
            capacity.received = Some(now);
        }
        let what = format!("{name} is Ready and runs what users are on: latest is followed again");
        order(service, next, Some(safe.split), None, Event::new(Topic::Traffic, what))
            .map(|order| Next::Write(Box::new(order)))
            .map_err(|error| later(error.to_string()))
    }

    /// Waits until then, where there is time for that.
    fn wait(&self, until: Timestamp, back: &AfterBack<'_>, why: String) -> Result<Next, String> {
        let waits = back.now < until && back.world.signal.is_none() && !self.hurries;
        if waits { Ok(Next::wait(Some(until))) } else { Err(why) }
    }
}

fn by_settle(service: &Service) -> String {
    format!("`andante settle {} --restore-template`", service.called())
}

/// The write that puts the template back, users as they are.
fn put_back(back: &AfterBack<'_>, running: &Revision) -> Result<Next, String> {
    let AfterBack { world, service, record, .. } = *back;
    let (mut next, mut split) = (signed(back), None);
    if may_follow(record, service) {
        // What latest will be has to be reachable, or its min-scale would not count (rule 4).
        let staging = record.start.staging(&record.tags);
        match clash::ahead(&staging, &record.tags, world, service) {
            Some(Next::End(_)) => {}
            Some(look) => return Ok(look),
            None => {
                if let Some(safe) = only_ready(&staging, &record.start.stable, |name| world.serves(name)) {
                    // This split has all that the owner had, so what is left out of it is all that is left out.
                    next.left_out = safe.left_out;
                    split = Some(safe.split);
                }
            }
        }
    }
    let template = NewTemplate::of(world, service, running.template.clone()).restoring();
    let what = Event::new(Topic::Stage, format!("the template is put back to what {} runs", running.name));
    let order = order(service, next, split, Some(template), what)
        .map_err(|error| format!("the template is not put back: {error}"))?;
    let asks = asks_first(world, service, record.goal.as_ref(), &running.template, &order);
    Ok(asks.unwrap_or_else(|| Next::Write(Box::new(order))))
}

/// The record of a write of this: signed, and of the goal that was rejected.
fn signed(back: &AfterBack<'_>) -> Record {
    let mut next = back.record.clone();
    back.claimant.sign(&mut next);
    next.goal.clone_from(&back.record.goal);
    // Nobody is moved by it, so whoever began before and comes to stage only now is no older one.
    next.intent = back.record.intent;
    next.restored = true;
    next
}

/// True if its owner followed latest and may do so again. In care every end is by name.
fn may_follow(record: &Record, service: &Service) -> bool {
    record.start.followed_latest() && record.start.follows_alone() && !in_care(service)
}

/// True if the template that stands there is what this rollout took its candidate from, so that nobody wrote another one since.
fn is_candidates(record: &Record, service: &Service) -> bool {
    let made_it = match &record.candidate {
        // A template that comes under a name which is taken makes no revision, and is somebody's all the same.
        Some(_) if refused_name(service).is_some() => false,
        Some(candidate) => is_current(service) && service.latest_created.as_ref() == Some(candidate),
        // It made none.
        None => record.template.is_some() && moved(record, service) == Moved::No,
    };
    made_it || record.template.as_ref() == Some(&fingerprint(&service.template))
}

/// Who wrote the template that stands there. Who changed the Service last is ourselves, unless that was after our last write.
fn who_wrote(record: &Record, service: &Service) -> String {
    if moved(record, service) == Moved::Template {
        return who_moved(service, false);
    }
    let theirs = service.last_writer(|writer| writer.manager != FIELD_MANAGER && writer.template);
    theirs.map_or_else(|| "somebody".to_owned(), |writer| writer.manager.clone())
}

/// Why what is declared is none of this rollout's: a template is part of a goal, and whoever declared another one wants this one.
fn another_goal(record: &Record, service: &Service) -> Option<String> {
    let declared = match Stated::of_service(service).read() {
        Ok(declared) => declared,
        Err(_) if record.goal.is_none() && !service.annotations.contains_key(PIPELINE) => return None,
        Err(_) => return Some(format!("what {} declares cannot be read", service.name)),
    };
    let seen = StatusSeen::of(service);
    let waits = declared.in_charge.is_some() && seen.goal().is_some_and(|goal| *goal != declared.id);
    let other = record.goal.as_ref().is_some_and(|goal| goal.declared != declared.id);
    (waits || other).then(|| format!("{} declares another goal by now", service.name))
}

/// The record with the bounds of this revision alone; none where there are none.
fn bounds_of(record: &Record, name: &RevisionName) -> Option<Record> {
    let mut of = record.clone();
    let bounds = &mut of.capacity.as_deref_mut()?.bounds;
    bounds.retain(|bound| bound.revision == *name);
    (!bounds.is_empty()).then_some(of)
}

#[cfg(test)]
mod tests;

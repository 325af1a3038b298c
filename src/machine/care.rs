//! Into care and out of it: `adopt` and `detach`, and what is declared in between: `declare`. A Service is in care while it names who is in charge; from then on its users
//! are by name, and nobody but that one moves them.
//!
//! Each is one fenced write that moves nobody, and does nothing where nothing is to be done. This file decides what they do
//! alike; [`adopt`], [`declare`] and [`detach`] decide what is written. It may use pure modules only.

pub mod adopt;
pub(crate) mod declare;
pub mod detach;
mod shape;

use crate::machine::next::{Look, Next, Order, Written};
use crate::machine::outcomes::{LAST_WAIT, absent, denied, unreadable, unserved};
use crate::machine::standing::outcome_of;
use crate::machine::world::{Presence, World};
use crate::model::api_error::ApiError;
use crate::model::event::{Log, Topic};
use crate::model::name::ServiceName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Serving, is_current, serving, shares_are_served};
use crate::model::time::after;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::read::{Declaration, Stated};
use crate::rollout::record::Record;
use jiff::Timestamp;

/// After how many answered writes it is said that somebody takes them back.
const TRIES: u32 = 3;

/// What both do alike: look, write, and wait until what was written is served.
#[derive(Debug, Default)]
struct Hand {
    /// Writes that were answered.
    answered: u32,
    /// A write may have been made.
    wrote: bool,
    denied: Option<Outcome>,
    ended_at: Option<Timestamp>,
}

impl Hand {
    /// The Service, or what comes before there is one to decide about.
    fn look<'a>(&self, name: &ServiceName, world: &'a World) -> Result<&'a Service, Next> {
        if let Some(denied) = &self.denied {
            return Err(Next::end(denied.clone()));
        }
        match &world.target {
            Presence::Unknown => Err(Next::Look(Look::Service)),
            Presence::Absent => Err(Next::end(absent(name, world))),
            Presence::Seen(service) if service.deleting => {
                Err(Next::end(Outcome::new(Code::BadState, format!("Service {name} is being deleted"))))
            }
            Presence::Seen(_) if !world.listed => Err(Next::wait(None)),
            Presence::Seen(service) => Ok(service.as_ref()),
        }
    }

    fn write(&self, order: Order, world: &World, service: &Service) -> Next {
        if world.signal.is_some() {
            let what = if self.wrote {
                "stopped by a signal before all was written"
            } else {
                "stopped by a signal; nothing was written"
            };
            return Next::end(outcome_of(Code::Interrupted, what, service).next("run the same again"));
        }
        if self.answered >= TRIES {
            let what = format!("what is written on {} is taken back at once, {TRIES} times by now", service.name);
            let next =
                "look who does: the annotation andante.dev/kept of the Service, its managedFields, admission policies";
            return Next::end(outcome_of(Code::TakenOver, what, service).next(next));
        }
        Next::Write(Box::new(order))
    }

    fn written(&mut self, written: &Written, world: &World) {
        self.answered += u32::from(*written == Written::Yes);
        self.wrote |= matches!(written, Written::Yes | Written::Unsure(_));
        let Written::Denied(error) = written else { return };
        let mut outcome = denied_in_care(error);
        outcome.traffic = world.service().and_then(|service| service.split.as_ref().ok()).cloned();
        self.denied = Some(outcome);
    }

    /// Everything is as it is to be: the end, once what was written is served.
    fn over(&mut self, end: Outcome, world: &World, service: &Service, now: Timestamp) -> Next {
        let until = after(*self.ended_at.get_or_insert(now), LAST_WAIT);
        let mut end = end;
        if self.wrote && serving(service) != Serving::Yes {
            if now < until && world.signal.is_none() {
                return Next::wait(Some(until));
            }
            unserved(&mut end, world, service);
        }
        Next::end(end)
    }
}

/// The end of a write that the API server, or a policy of `config/care`, refused.
pub(crate) fn denied_in_care(error: &ApiError) -> Outcome {
    let mut outcome = denied(error);
    if matches!(error, ApiError::Invalid(_)) {
        // Nothing that was typed is wrong: it is what the Service, or a policy, does not let through.
        outcome.ends_as(if error.forbids_declaring() { Code::NotPermitted } else { Code::BadState });
        outcome = outcome.next("docs/care.md says who may declare, and what holds in care");
    }
    outcome
}

/// What the Service would declare with these parts beside those that it declares already; the end where that cannot be.
fn would_declare(service: &Service, declares: &[(DeclaredPart, String)]) -> Result<Declaration, Box<Outcome>> {
    let mut declaring = service.clone();
    declaring.annotations.extend(declares.iter().map(|(part, text)| (part.annotation().to_owned(), text.clone())));
    let bad = |what: String| Box::new(outcome_of(Code::BadInput, format!("{what}; nothing was written"), service));
    let declared = Stated::of_service(&declaring).read().map_err(|faults| {
        let faults = faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ");
        bad(format!("what {} would declare cannot be read: {faults}", service.name))
    })?;
    if declared.in_charge.is_none() {
        let next = format!("name who is in charge with --pipeline: {}", DeclaredPart::Pipeline.allowed());
        return Err(Box::new(bad(format!("nobody would be in charge of {}", service.name)).next(next)));
    }
    Ok(declared)
}

/// The record, of a rollout that is over; the end where it is not, or cannot be read.
fn at_rest(world: &World, service: &Service) -> Result<Option<Record>, Box<Outcome>> {
    let record = world.record().transpose().map_err(|error| Box::new(unreadable(&error, service)))?;
    let Some(open) = record.as_ref().filter(|record| record.phase.is_open()) else { return Ok(record) };
    let what =
        format!("{} has an open rollout of {} (rollout {}); nothing was written", open.owner, service.name, open.id);
    let next =
        format!("wait for its end; `andante control abort {0}` or `andante settle {0}` ends it now", service.called());
    Err(Box::new(outcome_of(Code::Busy, what, service).next(next)))
}

/// Users have what `spec.traffic` asks for: only then is it known what a write changes for them.
fn is_served(service: &Service) -> Result<(), Box<Outcome>> {
    let why = match shares_are_served(service) {
        Serving::Yes if is_current(service) => return Ok(()),
        Serving::Yes => "Knative has not taken up the present spec".to_owned(),
        Serving::NotYet(why) | Serving::Blocked(why) => why,
    };
    let what =
        format!("users of {} do not have the split of its spec.traffic yet ({why}); nothing was written", service.name);
    let next = format!("try again in a moment; `andante status {}` shows what Knative waits for", service.called());
    Err(Box::new(outcome_of(Code::BadState, what, service).next(next)))
}

/// The end of a dry run, which says line by line what would be written.
fn only_said(lines: Vec<String>, service: &Service, log: &mut Log) -> Next {
    for line in lines {
        log.once(Topic::Note, line);
    }
    Next::end(outcome_of(Code::Done, "a dry run: nothing was written, and nobody would be moved", service))
}

/// What of a Service's annotation would be another one.
fn changed(name: &str, before: Option<&String>, after: Option<&str>) -> String {
    let quoted = |text: &str| format!("`{text}`");
    let or = |text: Option<&str>| text.map_or_else(|| "absent".to_owned(), quoted);
    format!("annotation {name}: {} -> {}", or(before.map(String::as_str)), or(after))
}

//! The first deployment: there is nobody to protect yet, so the first revision serves everyone as soon as it is ready,
//! and that is said plainly. Decides what is created or patched, and when it counts as deployed. It may use pure
//! modules only.

use super::admit::fresh_start;
use super::named::{is_to_be_named, name_is_free, taken_words, warn_of_taken_name};
use super::room::given_up;
use super::{Stage, Want};
use crate::machine::goal_write::{NewTemplate, asks_first};
use crate::machine::migration::refused_name;
use crate::machine::next::Next;
use crate::machine::others;
use crate::machine::outcomes::{CREATED, LAST_WAIT, LOOK_ELSEWHERE, absent, missing, pinned_in_care};
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::machine::write::{order, template_order, while_latest_stands};
use crate::model::event::Log;
use crate::model::event::{Event, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::{Service, Truth};
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::podwords::lies_outside;
use crate::model::ready::{Pods, Serving, is_current, pods, serving};
use crate::model::template::{TemplateChange, fingerprint, says_the_same};
use crate::model::time::after;
use crate::rollout::declaration::charge::in_care;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use serde_json::{Value, json};

impl Stage {
    pub(super) fn absent(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        let name = &self.goal.service;
        // A creation that failed leaves nothing that could have been deleted: it is tried again.
        if self.seen {
            return Next::end(Outcome::new(Code::TakenOver, format!("Service {name} was deleted")));
        }
        if world.signal.is_some() {
            return Next::end(Outcome::new(Code::Interrupted, "stopped by a signal; nothing was written"));
        }
        if self.claimant.has_goal() {
            let what =
                format!("{}, so there is nothing that declares a goal; nothing was written", missing(name, world));
            return Next::end(Outcome::new(Code::BadState, what).next(LOOK_ELSEWHERE));
        }
        let Want::Template(change) = &self.goal.want else {
            // A revision that is to be taken up is of a Service that is there.
            return Next::end(absent(name, world));
        };
        // It is tried again as long as it fails, which is not for ever: what answers "exists" to a creation may show nothing.
        if now >= self.deadline(now) {
            let what = format!("{}, and it could not be created before the deadline", missing(name, world));
            return Next::end(Outcome::new(Code::BadState, what).next(LOOK_ELSEWHERE));
        }
        let mut object = self.goal.manifest.clone().unwrap_or_else(
            || json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {}, "spec": {}}),
        );
        let bare = json!({"spec": {"containers": [{}]}});
        let present = object.pointer("/spec/template").cloned().unwrap_or(bare);
        let template = match change.with_free_name(|_| false).apply(&present) {
            Ok(template) => template,
            Err(error) => return Next::end(Outcome::new(Code::BadInput, error.to_string())),
        };
        if template.pointer("/spec/containers/0/image").and_then(Value::as_str).is_none() {
            return Next::end(Outcome::new(
                Code::BadInput,
                format!("{}, and no --image to create it with", missing(name, world)),
            ));
        }
        if let Value::Object(whole) = &mut object {
            if let Value::Object(metadata) = whole.entry("metadata").or_insert_with(|| json!({})) {
                metadata.insert("name".into(), json!(name));
            }
            if let Value::Object(spec) = whole.entry("spec").or_insert_with(|| json!({})) {
                spec.insert("template".into(), template);
                // Without traffic Knative sends everyone to the newest ready revision, and there is no other revision
                // yet.
                spec.remove("traffic");
            }
        }
        self.began.get_or_insert(now);
        log.once(
            Topic::Stage,
            format!(
                "{} yet: first deployment, created and serving everyone as soon as it is ready",
                missing(name, world)
            ),
        );
        self.first = true;
        Next::Create(Box::new(object))
    }

    /// Deploys to a Service without a ready revision: there is nobody to protect, so the first one goes live at once.
    pub(super) fn first_deployment(&mut self, world: &World, service: &Service, now: Timestamp, log: &mut Log) -> Next {
        if world.signal.is_some() {
            return Next::end(outcome_of(
                Code::Interrupted,
                "stopped by a signal before the first revision was ready",
                service,
            ));
        }
        if now >= self.deadline(now) && !self.first {
            return Next::end(outcome_of(Code::NeverReady, "nothing could be written before the deadline", service));
        }
        // The server fills in and respells our template; a template other than that one is somebody else's.
        if let Some(ours) = &self.first_template {
            if *ours != service.template {
                let what = format!(
                    "{} changed the template of {} during its first deployment; this run writes nothing more",
                    crate::machine::standing::who_moved(service, false),
                    service.name
                );
                let next = "settle with them who writes the template, then run the same again";
                return Next::end(outcome_of(Code::TakenOver, what, service).next(next));
            }
        } else if let Want::Template(change) = &self.goal.want {
            let named = change.with_free_name(|name| world.revision(name).is_some());
            let wanted = match named.apply(&service.template) {
                Ok(wanted) => wanted,
                Err(error) => return Next::end(Outcome::new(Code::BadInput, error.to_string())),
            };
            // A name that was refused goes, also where nothing else changes.
            let renamed =
                is_to_be_named(change, service) || (named.revision_name.is_none() && refused_name(service).is_some());
            let made = service.latest_created.as_ref().and_then(|name| world.revision(name));
            let useless = made.filter(|_| is_current(service)).is_some_and(|made| {
                made.truth("Ready") == Truth::False && (given_up(made) || lies_outside(&made.complaint()))
            });
            let same = says_the_same(&service.template, &wanted);
            // What an earlier try lacked may be there by now, and Knative asks for it again only after a long while.
            let anew = TemplateChange { again: Some(self.goal.id.to_string()), ..named.clone() };
            let wanted = match anew.apply(&service.template).ok().filter(|_| same && useless) {
                Some(anew) => anew,
                None => wanted,
            };
            if renamed || !same || useless {
                if let Err(outcome) = name_is_free(change, world, service, true) {
                    return Next::End(outcome);
                }
                warn_of_taken_name(change, &named, log);
                others::say(service, log);
                others::say_outside(service, log);
                log.once(
                    Topic::Stage,
                    format!(
                        "{} has no ready revision: first deployment, serving everyone as soon as it is ready",
                        service.name
                    ),
                );
                self.first = true;
                let what = Event::new(Topic::Stage, "template patched");
                let (owner, goal) = (&self.claimant.asker.owner, self.claimant.rollout_goal(service));
                let template = NewTemplate::of(world, service, wanted.clone());
                let order = template_order(service, template, goal.clone(), (owner, now), what);
                return asks_first(world, service, goal.as_ref(), &wanted, &order)
                    .unwrap_or_else(|| Next::Write(Box::new(order)));
            }
        }
        self.first = true;
        if let Some(name) = refused_name(service) {
            return Next::end(outcome_of(Code::BadState, taken_words(name), service).next("then run the same again"));
        }
        let latest = service.latest_created.as_ref().and_then(|name| world.revision(name));
        let state = match latest {
            Some(revision) => match self.with_pods(pods(revision), &revision.name.clone(), world, now) {
                Ok(state) => state,
                Err(next) => return next,
            },
            None => Pods::Coming("no revision yet".into()),
        };
        let down = matches!(state, Pods::Down(_)) && is_current(service);
        if let Pods::NoRoom(lack) = &state {
            self.lack_of_room = Some(lack.clone());
        }
        let complaint = match state {
            Pods::Down(why) | Pods::NoRoom(why) | Pods::Coming(why) => why,
            Pods::Up | Pods::Asleep => "its route is being made".into(),
        };
        if self.lasting(down, now) || now >= self.deadline(now) {
            let what = format!("the first revision of {} never became ready: {complaint}", service.name);
            return Next::end(
                outcome_of(Code::NeverReady, what, service).next("mend the image or its settings and run again"),
            );
        }
        self.say_waits("first revision", &complaint, log);
        self.wait(now)
    }

    /// True while this run is a first deployment. Where users were named on an earlier revision meanwhile, which became ready
    /// late, the one that was asked for has nobody: it is a candidate as any.
    pub(super) fn ends_as_first(&mut self, service: &Service) -> bool {
        let asked_for = service.latest_ready.as_ref().filter(|ready| service.latest_created.as_ref() == Some(ready));
        if let (Some(ready), Ok(split)) = (asked_for, &service.split)
            && is_current(service)
            && split.by_name(ready).share(ready) != Percent::FULL
        {
            self.first = false;
        }
        self.first
    }

    /// The first revision is ready. A record is left behind, so that an older run that arrives later knows (rule 2).
    pub(super) fn first_done(
        &mut self,
        service: &Service,
        before: Option<&Record>,
        ready: &RevisionName,
        now: Timestamp,
    ) -> Next {
        // An earlier revision that became ready late is not what was asked for.
        let newest = is_current(service) && service.latest_created.as_ref() == Some(ready);
        if !newest || serving(service) != Serving::Yes {
            return if now >= self.deadline(now) {
                Next::end(outcome_of(Code::Inconclusive, format!("{ready} is ready, but its route is not"), service))
            } else {
                self.wait(now)
            };
        }
        // Whoever follows may have named its users meanwhile: the owner's shape is the one from before.
        let split = service.split.clone().unwrap_or_else(|_| crate::model::split::Split::all_latest());
        let start = fresh_start(None, before, service, &split);
        let Ok(start) = start else {
            return Next::end(Self::deployed(service, ready));
        };
        let mut record = self.blank(start, service, now);
        record.phase = Phase::Finished;
        record.candidate = Some(ready.clone());
        if let Want::Template(change) = &self.goal.want {
            record.template = change.apply(&service.template).ok().map(|t| fingerprint(&t));
        }
        record.outcome = Some(Code::Done);
        // The next template would reach everyone at once.
        let named = service.split.as_ref().ok().filter(|_| in_care(service)).map(|split| split.by_name(ready));
        let is_named = named.is_some();
        match order(service, record, named, None, Event::new(Topic::Stage, format!("{ready} serves everyone"))) {
            Ok(order) if is_named => Next::Write(Box::new(while_latest_stands(service, order))),
            Ok(order) => Next::Write(Box::new(order)),
            Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
        }
    }

    /// The last write is made: the end, and where it named users only once that is served.
    pub(super) fn first_over(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp) -> Next {
        let until = after(self.last.written(now), LAST_WAIT);
        let named = record.split != record.start.split;
        if named && serving(service) != Serving::Yes && now < until && world.signal.is_none() {
            return Next::wait(Some(until));
        }
        Next::end(Self::deployed(service, &record.start.stable).next(pinned_in_care(record, service)))
    }

    fn deployed(service: &Service, ready: &RevisionName) -> Outcome {
        let url = service.url.as_deref().unwrap_or("no address yet");
        let mut outcome =
            outcome_of(Code::Done, format!("first deployment: {ready} serves everyone at {url}"), service)
                .word(CREATED);
        outcome.candidate = Some(ready.clone());
        outcome
    }
}

#[cfg(test)]
mod tests;

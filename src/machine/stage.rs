//! Staging: a candidate is made (or taken up), proved ready at 0 %, and tagged by name; nobody is sent to it.
//!
//! Decides rules 4, 5, 10 and 11 (docs/protocol.md) step by step. `admit` decides how a rollout begins, and
//! `machine::rollback` what is written when it fails. It may use pure modules only.

use crate::machine::capacity::{BoundTries, Demand};
use crate::machine::claim::Claim;
use crate::machine::clash;
use crate::machine::last_split::LastSplit;
use crate::machine::lost::Lost;
use crate::machine::next::{BoundOrder, GiveUp, Look, Machine, Next, Written};
use crate::machine::others;
use crate::machine::outcomes::{refused, taken_over, waits_its_turn};
use crate::machine::restore::Restore;
use crate::machine::rollback::Why;
use crate::machine::stage::admit::{Admission, Begin, begin, no_tag_fits};
use crate::machine::stage::write::begin_next;
use crate::machine::standing::{Claimant, Moved, Standing, is_staging_template, moved, outcome_of};
use crate::machine::unserved::UnservedUsers;
use crate::machine::world::{Presence, World};
use crate::machine::write::{order, while_latest_stands};
use crate::model::event::Log;
use crate::model::event::{Event, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::time::after;
use crate::rollout::control::Control;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

pub(crate) mod admit;
mod bounds;
mod closing;
mod edited;
mod first;
mod goal;
mod goal_now;
mod mending;
mod named;
mod own_end;
mod prove;
mod revert;
mod room;
mod write;

pub use goal::{StageGoal, Want};

/// When the pods of a candidate that does not come up are first asked why; the pause doubles from there. Its Revision
/// may say nothing of a crash or of an image that cannot be pulled for ten minutes (seen on Knative 1.23).
const ASK_PODS_FIRST: Duration = Duration::from_secs(3);
/// The longest pause between two such questions: ten minutes of waiting are some fifty questions and not two hundred.
const ASK_PODS_AT_MOST: Duration = Duration::from_secs(12);

/// The staging machine.
#[derive(Debug)]
pub struct Stage {
    goal: StageGoal,
    claimant: Claimant,
    began: Option<Timestamp>,
    /// The candidate, once its lineage is proved.
    candidate: Option<RevisionName>,
    down_since: Option<Timestamp>,
    /// Whether users have anything that serves them.
    unserved: UnservedUsers,
    /// Since when a candidate is Ready that may take a broken stable's place.
    candidate_since: Option<Timestamp>,
    ask_pods_at: Option<Timestamp>,
    ask_pods_pause: Duration,
    /// What the candidate said last when it lacked room.
    lack_of_room: Option<String>,
    /// That its containers were not made yet when its pods were last asked, in words.
    being_made: Option<String>,
    /// The template of a first deployment as the server answered it.
    first_template: Option<Value>,
    /// The end once the intent of a run that has nothing to do is noted.
    noted: Option<Outcome>,
    failed: Option<Why>,
    /// The last write, until users have it.
    last: LastSplit,
    denied: Option<Outcome>,
    /// This is a first deployment, and its first revision is waited for.
    first: bool,
    /// The Service was there when this process looked.
    seen: bool,
    /// What became of bounds.
    bounds: BoundTries,
    /// What users of stable wanted meanwhile.
    demand: Demand,
    /// What is done about the template once users are back.
    restore: Restore,
}

impl Stage {
    /// A machine that has not looked yet.
    pub fn new(goal: StageGoal, claimant: Claimant) -> Self {
        Self {
            bounds: BoundTries::new(goal.capacity.within),
            restore: Restore::new(goal.restore_template, &goal.capacity, goal.goes_on.is_some()),
            goal,
            claimant,
            began: None,
            candidate: None,
            down_since: None,
            unserved: UnservedUsers::default(),
            candidate_since: None,
            ask_pods_at: None,
            ask_pods_pause: ASK_PODS_FIRST,
            lack_of_room: None,
            being_made: None,
            first_template: None,
            noted: None,
            failed: None,
            last: LastSplit::default(),
            denied: None,
            first: false,
            seen: false,
            demand: Demand::default(),
        }
    }

    /// What users of stable wanted while the candidate came up, for a walk of the same process.
    pub(crate) fn demand(&self) -> &Demand {
        &self.demand
    }

    fn lost<'a>(&'a self, world: &'a World, service: &'a Service, now: Timestamp) -> Lost<'a> {
        Lost { claimant: &self.claimant, bounds: &self.bounds, world, service, now }
    }

    pub(super) fn deadline(&self, now: Timestamp) -> Timestamp {
        after(self.began.unwrap_or(now), self.goal.deadline)
    }

    pub(super) fn wait(&self, now: Timestamp) -> Next {
        let moments = [
            Some(self.deadline(now)),
            self.down_since.map(|since| after(since, self.goal.grace)),
            self.unserved.settles(self.goal.grace),
            self.last.awaited(),
            self.ask_pods_at,
        ];
        // Waiting for a past moment would be spinning: it was acted on already, or cannot be (no right to ask for
        // pods).
        Next::wait(moments.into_iter().flatten().filter(|at| *at > now).min())
    }

    pub(super) fn blank(&self, start: crate::rollout::splits::Start, service: &Service, now: Timestamp) -> Record {
        let image = match &self.goal.want {
            Want::Template(change) => change.image.clone(),
            Want::Revision(_) | Want::Latest | Want::Serving => None,
        };
        let begun = self.claimant.begin(self.goal.id.clone(), start, self.goal.tags.clone(), service, now);
        Record { deadline: after(now, self.goal.deadline + self.goal.hold_for), image, ..begun }
    }

    /// True once `down` has lasted for the grace.
    pub(super) fn lasting(&mut self, down: bool, now: Timestamp) -> bool {
        if !down {
            self.down_since = None;
            return false;
        }
        now >= after(*self.down_since.get_or_insert(now), self.goal.grace)
    }

    fn outside(
        &mut self,
        world: &World,
        service: &Service,
        record: Option<&Record>,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if world.signal.is_some() {
            return Next::end(outcome_of(Code::Interrupted, "stopped by a signal; nothing was written", service));
        }
        if let Some(end) = self.ends_by_goal(record, service) {
            return Next::End(end);
        }
        let Some(claim) = self.claimant.claim(record, world, service, now) else {
            return record.map_or(Next::Look(Look::Service), |r| Next::Look(Look::Liveness(r.owner.clone())));
        };
        if let Some(end) = refused(claim, record, service) {
            return Next::end(end);
        }
        if claim == Claim::Wait {
            return waits_its_turn(record, service, self.deadline(now), now, log);
        }
        if service.latest_ready.is_none() {
            return self.first_deployment(world, service, now, log);
        }
        if self.ends_as_first(service)
            && let Some(ready) = service.latest_ready.clone()
        {
            return self.first_done(service, record, &ready, now);
        }
        if let Some(record) = record.filter(|r| self.is_own_end(r, service)) {
            return self.own_end(world, service, record, now, log);
        }
        let blank = |start| self.blank(start, service, now);
        let reached = record
            .filter(|r| r.ended_below().is_some() && self.claimant.works_for(r) && moved(r, service) != Moved::Traffic);
        let admission = Admission { goal: &self.goal, claim, record, reached, world, service, now };
        match begin(admission, blank, log) {
            Begin::End(outcome) => self.over(*outcome, record, world, service, now, log),
            Begin::Look(image) => Next::Look(Look::Image(image)),
            Begin::Edited(record) => self.edited(world, service, &record, now),
            Begin::Wait { what, late } => {
                if now >= self.deadline(now) {
                    return Next::end(*late);
                }
                log.once(Topic::Wait, what);
                self.wait(now)
            }
            Begin::Note { mut record, split, outcome } => {
                record.writer.clone_from(&self.claimant.writer);
                self.claimant.mark_goal(&mut record);
                self.noted = Some(*outcome);
                let what = match &split {
                    Some(split) => format!("users stay where they are, by name: {split}"),
                    None => "this run's intent is noted; nothing else is written".to_owned(),
                };
                let named = split.is_some();
                match order(service, *record, split, None, Event::new(Topic::Claim, what)) {
                    Ok(order) if named => Next::Write(Box::new(while_latest_stands(service, order))),
                    Ok(order) => Next::Write(Box::new(order)),
                    Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
                }
            }
            Begin::Write { mut record, split, template, what } => {
                if let Some(next) = split.as_ref().and_then(|s| clash::ahead(s, &record.tags, world, service)) {
                    return next;
                }
                // A note that did not get through is no longer the end.
                self.noted = None;
                others::say(service, log);
                others::say_outside(service, log);
                self.claimant.sign(&mut record);
                begin_next(world, service, *record, split, template, Event::new(Topic::Stage, what))
            }
        }
    }

    fn ours(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp, log: &mut Log) -> Next {
        if let Some(outcome) = self.noted.clone() {
            return self.over(outcome, Some(record), world, service, now, log);
        }
        self.look_at_demand(world, service, record, now);
        // Nobody is on the candidate yet, so the tag is all that has to go.
        if matches!(record.phase, Phase::Staging | Phase::Staged)
            && moved(record, service) == Moved::No
            && let Some(clash) = clash::seen(service, &record.tags)
        {
            let why =
                Why::blameless(Code::BadState, format!("nobody was moved, the tag is taken back: {}", clash.words()));
            return self.fail(world, service, record, &why, now);
        }
        if let Some(next) = self.uncap(world, service, record, now, log) {
            return next;
        }
        match record.phase {
            Phase::Staged => return self.settled(world, service, record, now),
            Phase::Finished if self.first => return self.first_over(world, service, record, now),
            Phase::Finished if moved(record, service) != Moved::Traffic => {
                return self.mended(world, service, record, now, log);
            }
            Phase::Staging | Phase::Finished => {}
            _ => return self.gone_back(world, service, record, now, log),
        }
        // The candidate is what our own template makes (rule 5): with another template it would be somebody else's.
        let moved = moved(record, service);
        if moved != Moved::Traffic
            && let Some(next) = self.by_goal(world, service, record, now, log)
        {
            return next;
        }
        match moved {
            Moved::Traffic => return Next::end(taken_over(service, "")),
            Moved::Template if is_staging_template(record) => return self.edited(world, service, record, now),
            Moved::Template | Moved::No => {}
        }
        if let Some(signal) = world.signal.filter(|_| !record.is_stopped()) {
            // One write, so that nobody waits for a staging that is gone.
            let reason = world.stopped_by(signal);
            let what = Event::new(Topic::Stage, format!("{reason}; the record says so"));
            let (outcome, ending) = (Some(Code::Interrupted), world.ending);
            let stopped = Record { outcome, ending, reason: Some(reason), ..record.clone() };
            return match order(service, stopped, None, None, what) {
                Ok(order) => Next::Write(Box::new(order)),
                Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
            };
        }
        if world.signal.is_some() {
            let what = "stopped by a signal; nobody was moved, the candidate stays at 0 %";
            return Next::end(
                outcome_of(Code::Interrupted, what, service)
                    .next(format!("run the same again to go on, or `andante settle {}`", service.called())),
            );
        }
        let control = Control::on(service, &record.id);
        if let Some(abort) = &control.abort {
            self.failed.get_or_insert(Why::new(Code::Aborted, format!("aborted by {}", abort.by)));
        }
        // A reason to go back stays, even if the candidate becomes ready meanwhile (ARCHITECTURE.md, rule 4).
        if let Some(why) = self.failed.clone() {
            return self.fail(world, service, record, &why, now);
        }
        self.watch_stable(record, service, world, now, log);
        match self.prove(world, service, record, now, log) {
            Err(next) => next,
            Ok(candidate) => {
                if let Some(next) = self.mend(world, service, record, &candidate, now) {
                    return next;
                }
                if let Some(next) = self.revert(world, service, record, &candidate, now, log) {
                    return next;
                }
                self.tag_by_name(service, record, &candidate, now)
            }
        }
    }
}

impl Machine for Stage {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        if let Some(denied) = self.denied.clone() {
            return Next::end(denied);
        }
        if let Some(end) = no_tag_fits(&self.goal.service) {
            return Next::end(end);
        }
        self.began.get_or_insert(now);
        let service = match &world.target {
            Presence::Unknown => return Next::Look(Look::Service),
            Presence::Absent => return self.absent(world, now, log),
            Presence::Seen(service) => service.as_ref(),
        };
        self.seen = true;
        if service.deleting {
            return Next::end(Outcome::new(Code::BadState, format!("Service {} is being deleted", service.name)));
        }
        if !world.listed {
            return self.wait(now);
        }
        let record = match world.record().transpose() {
            Ok(record) => record,
            Err(error) => return self.lost(world, service, now).unread(&error, log),
        };
        match self.claimant.standing(record) {
            Standing::Ours(record) => self.ours(world, service, &record, now, log),
            Standing::Noted(own) => self.ours(world, service, &own, now, log),
            Standing::Followed(done) => self.done_before(service, &done),
            Standing::Lost(newer) => self.lost(world, service, now).to(newer.as_deref(), log),
            Standing::Outside(record) => self.outside(world, service, record.as_deref(), now, log),
        }
    }

    fn written(&mut self, written: &Written, world: &World, _: Timestamp, _: &mut Log) {
        if *written == Written::Yes && self.first {
            self.first_template = world.service().map(|s| s.template.clone());
        }
        if *written == Written::Yes {
            self.wrote(world);
        }
        if let Written::Denied(error) = written {
            self.refused(error, world);
        }
    }

    fn unanswered(&mut self, record: &Record, world: &World) {
        self.claimant.unanswered(record, world);
    }

    fn bounded(&mut self, order: &BoundOrder, written: &Written, world: &World, now: Timestamp, log: &mut Log) {
        self.bounds.bounded(order, written, world, now, log);
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        self.stopped(world, why)
    }
}

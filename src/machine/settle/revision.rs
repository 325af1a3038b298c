//! To a revision by name, and back to stable where the record that names it is lost.
//!
//! Decides what the start of a rollout was, where nothing or not enough is written down. It may use the record, splits and
//! the world.

use super::Settle;
use crate::machine::migration::{is_ours, taken_name};
use crate::machine::next::{Next, Order};
use crate::machine::rollback::{Why, roll_back};
use crate::machine::standing::{Moved, moved, outcome_of};
use crate::machine::world::World;
use crate::machine::write::sure_order;
use crate::model::event::{Event, Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::percent::Percent;
use crate::model::split::{Split, TrafficTarget};
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::{BadStart, Salvaged, Start, only_ready};
use jiff::Timestamp;

impl Settle {
    /// Back to stable as the tags in the split tell, because there is no record that could.
    pub(super) fn salvage(
        &self,
        found: Salvaged,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Result<Order, String> {
        let latest = service.latest_ready.clone().unwrap_or_else(|| found.stable.clone());
        let start = Start::new(found.split, latest, Some(&found.stable)).map_err(|e| e.to_string())?;
        let (id, tags) = (self.goal.id.clone(), self.goal.tags.clone());
        let mut record = self.claimant.begin(id, start, tags, service, now);
        record.candidate = found.candidate;
        let who = &self.claimant.asker.owner;
        let reason = format!("asked for by {who}; the record was lost, the tags in spec.traffic tell what stable is");
        let why = Why::blameless(Code::RolledBack, reason);
        roll_back(world, service, &record, &why, self.size, now).map_err(|e| e.why)
    }

    /// Everyone to the revision that was named. One that serves and is not Ready for want of pods is capped first.
    pub(super) fn go_to_revision(
        &mut self,
        record: Option<Record>,
        name: &RevisionName,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let bad = |why: String| Next::end(outcome_of(Code::BadState, why, service));
        let Some(revision) = world.revision(name) else {
            return bad(format!("there is no revision {name} of {}; nothing was written", service.name));
        };
        let to = match self.started(record, name, service, now) {
            Ok(to) => to,
            Err(why) => return bad(why),
        };
        if revision.serves() {
            let order = self.order_to(to, name, world, service, now);
            return order.map_or_else(bad, |order| Next::Write(Box::new(order)));
        }
        let opened = self.open_way(&to, name, world, service, now).or_else(|| self.uncap(&to, world, now, log));
        let what = if self.noted { "nobody was moved" } else { "nothing was written" };
        opened.unwrap_or_else(|| bad(format!("{name} is not Ready ({}); {what}", revision.complaint())))
    }

    /// The record that this begins from, with the start as it is now.
    fn started(
        &self,
        record: Option<Record>,
        name: &RevisionName,
        service: &Service,
        now: Timestamp,
    ) -> Result<Record, String> {
        let ours = record.as_ref().filter(|r| moved(r, service) != Moved::Traffic);
        let start = if let Some(record) = ours {
            record.start.clone()
        } else {
            let split = service.split.clone().map_err(|e| e.to_string())?;
            let latest = service.latest_ready.clone().unwrap_or_else(|| name.clone());
            match Start::new(split.clone(), latest.clone(), None) {
                Ok(start) => start,
                // Several revisions serve and one was named, so everyone goes to that one.
                Err(_) => self.flattened(&split, &latest, name).map_err(|e| e.to_string())?,
            }
        };
        let begun = || {
            let (id, tags) = (self.goal.id.clone(), self.goal.tags.clone());
            // Nobody goes on with it if it comes to nothing.
            let (phase, outcome) = (Phase::RolledBack, Some(Code::RolledBack));
            let reason = Some(format!("settling to {name} came to nothing; nobody was moved"));
            let begun = self.claimant.begin(id, start.clone(), tags, service, now);
            Record { phase, outcome, reason, ..begun }
        };
        let mut next = Record { start: start.clone(), ..record.unwrap_or_else(begun) };
        self.claimant.sign(&mut next);
        Ok(next)
    }

    fn order_to(
        &self,
        mut next: Record,
        name: &RevisionName,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Result<Order, String> {
        let start = next.start.clone();
        let safe = only_ready(&start.finished(name, false).pinned(&start.latest), name, |n| world.serves(n))
            .ok_or_else(|| "a target that serves users is not Ready; nothing was written".to_owned())?;
        next.phase = Phase::Finished;
        next.candidate = Some(name.clone());
        next.outcome = Some(Code::Done);
        next.reason = Some(format!("settled to {name} by {}", self.claimant.asker.owner));
        next.step_at = now;
        next.left_out = safe.left_out;
        next.accept(name);
        let what =
            Event::new(Topic::Traffic, format!("everyone whom {} served to {name}: {}", next.start.stable, safe.split));
        let taken = taken_name(world, service, &next);
        sure_order(service, next, safe.split, taken, self.size, what).map_err(|e| e.to_string())
    }

    /// A start in which everyone is on `name`; the owner's 0 % tags stay.
    fn flattened(&self, split: &Split, latest: &RevisionName, name: &RevisionName) -> Result<Start, BadStart> {
        let theirs = |t: &&TrafficTarget| t.percent.is_zero() && t.tag.is_some() && !is_ours(t, &self.goal.tags);
        let tagged = split.targets().iter().filter(theirs).cloned();
        let all = [TrafficTarget::named(name, Percent::FULL, None)].into_iter().chain(tagged).collect();
        let flat = Split::new(all).map_err(|_| BadStart::Ambiguous(split.clone()))?;
        Start::new(flat, latest.clone(), Some(name))
    }
}

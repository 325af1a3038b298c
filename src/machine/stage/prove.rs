//! Which revision the candidate is (by lineage, rule 5), and whether its pods are there (rule 11).
//!
//! Decides when the candidate is proved, and when its time is over. It may use observed objects and the record.

use super::named::taken_words;
use super::{ASK_PODS_AT_MOST, ASK_PODS_FIRST, Stage};
use crate::machine::capacity::waits_for_pods;
use crate::machine::migration::refused_name;
use crate::machine::next::{Look, Next};
use crate::machine::rollback::Why;
use crate::machine::world::World;
use crate::model::event::Log;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::ready::{Pods, is_current, pods};
use crate::model::time::{after, words};
use crate::rollout::record::Record;
use jiff::Timestamp;

impl Stage {
    /// Finds the candidate by lineage and waits until its pods are there.
    pub(super) fn prove(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Result<RevisionName, Next> {
        let candidate = match record.candidate.clone().or_else(|| self.candidate.clone()) {
            Some(name) => name,
            None => self.lineage(world, service, record, now)?,
        };
        self.candidate = Some(candidate.clone());
        let state = world.revision(&candidate).map_or_else(|| Pods::Down("it does not exist".into()), pods);
        let state = self.with_pods(state, &candidate, world, now)?;
        let is_down = matches!(state, Pods::Down(_));
        let lasting = self.lasting(is_down, now);
        let why = self.never_ready(&candidate, &state, lasting, now);
        let (Pods::Down(complaint) | Pods::NoRoom(complaint) | Pods::Coming(complaint)) = state else {
            return Ok(candidate);
        };
        if !is_down && world.revision(&candidate).is_some_and(|made| waits_for_pods(record, made)) {
            return Ok(candidate);
        }
        if let Some(why) = why {
            self.failed = Some(why.clone());
            return Err(self.fail(world, service, record, &why, now));
        }
        self.say_waits(&candidate.to_string(), &complaint, log);
        Err(self.wait(now))
    }

    /// Asks the pods themselves every few seconds while waiting, because conditions are slow to tell why pods do not
    /// come.
    pub(super) fn with_pods(
        &mut self,
        state: Pods,
        candidate: &RevisionName,
        world: &World,
        now: Timestamp,
    ) -> Result<Pods, Next> {
        // While room is lacking, a container that fails meanwhile is of interest, too.
        let (Pods::Coming(_) | Pods::NoRoom(_)) = state else {
            self.ask_pods_at = None;
            self.ask_pods_pause = ASK_PODS_FIRST;
            return Ok(state);
        };
        let said = world.pods.as_ref().filter(|p| p.revision == *candidate);
        self.being_made = said.and_then(|p| p.being_made.clone());
        let heard = said.map(|p| p.at).filter(|heard| self.ask_pods_at.is_some_and(|due| due <= *heard));
        if let Some(heard) = heard {
            // A slow start is not asked about every three seconds for ten minutes.
            self.ask_pods_pause = (self.ask_pods_pause * 2).min(ASK_PODS_AT_MOST);
            self.ask_pods_at = Some(after(heard, self.ask_pods_pause));
        }
        let due = *self.ask_pods_at.get_or_insert(after(now, ASK_PODS_FIRST));
        if now >= due && said.is_none_or(|p| !p.forbidden) {
            return Err(Next::Look(Look::Pods(candidate.clone())));
        }
        Ok(match said.and_then(|p| p.trouble.clone()) {
            Some(trouble) if trouble.lacks_room => Pods::NoRoom(trouble.words),
            Some(trouble) => Pods::Down(trouble.words),
            None => state,
        })
    }

    /// The revision that our template made: the Configuration has observed our generation, and the revision carries the
    /// Configuration's generation (rule 5).
    pub(super) fn lineage(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
    ) -> Result<RevisionName, Next> {
        let timeout = |me: &mut Self| {
            if now < me.deadline(now) {
                return me.wait(now);
            }
            let complaint =
                service.conditions.get("ConfigurationsReady").map(|c| format!("{}: {}", c.reason, c.message));
            let reason =
                format!("no revision appeared within {}: {}", words(me.goal.deadline), complaint.unwrap_or_default());
            let why = Why::new(Code::NeverReady, reason);
            me.failed = Some(why.clone());
            me.fail(world, service, record, &why, now)
        };
        // Until the Configuration has observed our generation, it still names the revision of an older template as
        // created last.
        if !is_current(service) {
            return Err(timeout(self));
        }
        if let Some(name) = refused_name(service) {
            // No time mends that. The way back takes the name out, because no split is migrated while it stands there.
            let why = Why::blameless(Code::BadState, taken_words(name));
            self.failed = Some(why.clone());
            return Err(self.fail(world, service, record, &why, now));
        }
        let Some(created) = service.latest_created.clone() else { return Err(timeout(self)) };
        let Some(revision) = world.revision(&created) else { return Err(timeout(self)) };
        let Some(generation) = world.configuration_generation else { return Err(Next::Look(Look::Configuration)) };
        if revision.configuration_generation.is_some_and(|g| g < generation) {
            return Err(timeout(self));
        }
        if created == record.start.stable {
            // The template is spelt in another way and means the same, so Knative makes no new revision of it.
            let reason = format!("{created} serves this already: the template makes no new revision");
            let why = Why::blameless(Code::Done, reason);
            self.failed = Some(why.clone());
            return Err(self.fail(world, service, record, &why, now));
        }
        Ok(created)
    }
}

//! A signal that leaves users where they are. Decides that the record says so, because whoever reads it later must not
//! wait for a walk that is gone. It may use the record and observed objects.

use super::scene::Scene;
use super::{Walk, write};
use crate::machine::next::Next;
use crate::machine::standing::outcome_of;
use crate::machine::world::{Signal, World};
use crate::machine::write::order;
use crate::model::event::{Event, Topic};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::record::{Phase, Record};

impl Walk {
    /// The write that marks the record. A short call leaves none: the next one goes on, as after any other end of it.
    pub(super) fn stop(&self, signal: Signal, scene: &Scene<'_>) -> Next {
        let (service, record) = (scene.service, scene.record);
        if self.goal.once {
            let what = format!("stopped by {}; traffic stays where it is", signal.name());
            let mut outcome = outcome_of(Code::Interrupted, what, service).next(ways(&service.called()));
            outcome.rollout = Some(record.id.clone());
            return Next::end(outcome);
        }
        let mut held = self.with_evidence(record);
        held.phase = Phase::Held;
        held.outcome = Some(Code::Interrupted);
        held.ending = scene.world.ending;
        let reason = scene.world.stopped_by(signal);
        let what = Event::new(Topic::Wait, format!("held where it is: {reason}"));
        held.reason = Some(reason);
        write(order(service, held, None, None, what), service)
    }

    /// The end where the record could not be marked: it says still that somebody walks.
    pub(super) fn unmarked(&self, world: &World, signal: Signal, why: &Outcome) -> Outcome {
        let called = world.service().map_or_else(|| self.goal.service.to_string(), Service::called);
        let what = format!(
            "stopped by {}; traffic stays where it is, and its record could not be marked, so others take this walk for \
             alive until its deadline: {}",
            signal.name(),
            why.what,
        );
        let mut outcome = Outcome::new(Code::Interrupted, what).next(ways(&called));
        outcome.traffic.clone_from(&why.traffic);
        outcome
    }
}

/// What a person can do with a rollout that stays where it is.
fn ways(called: &str) -> String {
    format!("`andante walk {called}` goes on, `andante settle {called}` rolls back")
}

/// The phase in which a walk goes on that a signal stopped: the one that it was in.
pub(super) fn phase_before(record: &Record) -> Phase {
    let baked = record.plan.as_ref().is_some_and(|plan| plan.is_past_proof(record.step));
    match record.phase {
        Phase::Held if record.is_stopped() && baked => Phase::Baking,
        Phase::Held if record.is_stopped() => Phase::Walking,
        phase => phase,
    }
}

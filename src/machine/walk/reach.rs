//! The candidate's own address cannot be reached from here, and nobody was moved yet.
//!
//! A terminal that does not know the cluster's names, or a Service without a public address, says nothing of the candidate. It
//! stays staged, for a walk from elsewhere or by another way. Where users were moved already it is the want of a decision
//! ([`Walk::undecided`]). It may use the scene.

use super::scene::Scene;
use super::{Walk, write};
use crate::machine::next::Next;
use crate::machine::standing::outcome_of;
use crate::machine::write::order;
use crate::model::event::{Event, Topic};
use crate::model::outcome::{Code, Outcome};
use crate::rollout::record::Phase;

impl Walk {
    /// The write that leaves the candidate as this walk found it, once the patience is over. A short call leaves the record
    /// to the next one.
    pub(super) fn leave_staged(&self, scene: &Scene<'_>) -> Option<Next> {
        let why = self.probing.out_of_reach().filter(|_| scene.record.step == 0)?;
        if self.goal.once {
            return Some(Next::end(not_reached(scene, why)));
        }
        let mut staged = scene.record.clone();
        staged.phase = Phase::Staged;
        let what = Event::new(Topic::Stage, format!("{} stays staged: {why}", scene.candidate));
        Some(write(order(scene.service, staged, None, None, what), scene.service))
    }
}

/// The end after that.
pub(super) fn not_reached(scene: &Scene<'_>, why: &str) -> Outcome {
    let Scene { service, record, candidate, .. } = scene;
    let what = format!("{candidate}: {why}; that is no fault of its own: nobody was moved, and it stays staged");
    let next = format!(
        "walk where its name resolves (in a pod), or name a way there (`--via gateway`, `--via http://HOST:PORT`): `andante walk {}` goes on from here",
        service.called()
    );
    let mut outcome = outcome_of(Code::Unreachable, what, service).next(next);
    outcome.candidate = Some((*candidate).clone());
    outcome.rollout = Some(record.id.clone());
    outcome
}

//! The questions that the walk asks while it waits. They are drawn up after the decision, so that deciding twice asks
//! for the same. It may use the judge, the gates and the probes.

use super::Walk;
use super::scene::Scene;
use crate::evidence::probe::ProbeRequest;
use crate::machine::next::{Next, Question};
use crate::model::event::{Log, Topic};

impl Walk {
    /// Adds to a wait what is due: the candidate's address, a reading of the evidence, what gates ask. `probe`: the
    /// candidate's address may be asked.
    pub(super) fn asking(&self, next: Next, scene: &Scene<'_>, probe: bool, log: &mut Log) -> Next {
        let Next::Wait { until, .. } = next else { return next };
        let now = scene.now;
        let judge = self.judge.as_ref().filter(|_| scene.record.step > 0);
        let probe = if probe { self.due_probe(scene) } else { None };
        if probe.is_some() && self.probing.is_wake() {
            log.once(Topic::Check, "the candidate sleeps; waking it by its own address");
        }
        let reading = judge.filter(|judge| judge.is_due(now)).map(|judge| Question::Reading(judge.arms().clone()));
        let mut moments = vec![until];
        if let Some(judge) = judge {
            let decides_at = Some(self.decides_at(scene.record)).filter(|at| *at > now);
            moments.extend([decides_at, judge.next_moment(now), judge.patience_ends(now)]);
        }
        moments.extend(self.gates.iter().map(|gate| gate.next_moment(scene)));
        let gates = self.gates.iter().filter_map(|gate| gate.due(scene));
        let ask = [probe.map(Question::Probe), reading].into_iter().flatten().chain(gates).collect();
        Next::Wait { until: moments.into_iter().flatten().min(), ask }
    }

    /// The question to the candidate's own address that is due now. Nothing is asked where users are counted, because
    /// requests of ours would be counted as theirs.
    pub(super) fn due_probe(&self, scene: &Scene<'_>) -> Option<ProbeRequest> {
        let url = self.candidate_url(scene)?;
        self.probing.due(Some(&url), scene.now)
    }

    /// Looks whether the candidate is up, so that a waking call is asked for only if it sleeps.
    pub(super) fn look_at_candidate(&mut self, scene: &Scene<'_>) {
        let url = self.candidate_url(scene);
        self.probing.look(url.as_deref(), scene.world.revision(scene.candidate), scene.now);
    }

    fn candidate_url(&self, scene: &Scene<'_>) -> Option<String> {
        let (service, tag) = (scene.service, &scene.record.tags.candidate);
        let asks = !self.counts_users(scene.record);
        asks.then(|| self.goal.address.of(service.tag_url(tag), &service.name, tag))?
    }
}

//! The rollout's part of a status: owner, progress, requests of people, foreign edits, and what is waited for.
//!
//! Decides what of the record is worth saying. It may use the record, ownership and the world.

use super::Called;
use super::holder::{Holder, Life, dead_words, life};
use super::waits::{Waits, waits};
use crate::evidence::{Counts, Missed};
use crate::machine::standing::{Moved, lost_to_edit, moved, who_moved};
use crate::machine::world::World;
use crate::model::name::RolloutId;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::percent::Percent;
use crate::model::split::TrafficTarget;
use crate::rollout::control::{Approval, Control, ControlRequest};
use crate::rollout::owner::Liveness;
use crate::rollout::plan::Plan;
use crate::rollout::record::{EditOf, Phase, Record, Rejected};
use jiff::Timestamp;
use serde::Serialize;

/// The last rollout of a Service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Rollout {
    /// Its identity.
    pub id: RolloutId,
    /// Where it stands.
    pub phase: Phase,
    /// It is not over: somebody has to go on or settle it.
    pub open: bool,
    /// Raised by every write.
    pub epoch: u64,
    /// When it came to this step or phase.
    pub since: Timestamp,
    /// Who holds it.
    pub owner: Holder,
    /// The revision that users are walked away from.
    pub stable: String,
    /// The revision that users are walked to.
    pub candidate: Option<String>,
    /// The image as it was asked for.
    pub image: Option<String>,
    /// How far it is; none before a walk began.
    pub progress: Option<Progress>,
    /// The plan; none before a walk began.
    pub plan: Option<Plan>,
    /// The percentage at which it is over, as its goal declares; none where that is everyone, or where it is not over.
    pub ended_below: Option<Percent>,
    /// What is waited for; none once it is over.
    pub waits: Option<Waits>,
    /// What the evidence said when it was last saved (at most a minute ago, while a walk goes on).
    pub evidence: Option<EvidenceStatus>,
    /// What the owner's own counters said when they were last saved: each row in words.
    pub compared: Vec<String>,
    /// What people asked of it.
    pub requests: Requests,
    /// Somebody edited the spec since the rollout's last write.
    pub edit: Option<Edit>,
    /// Why nobody goes on with it at the moment although it is open and not at rest.
    pub left: Option<String>,
    /// Targets of others that a rollback had to leave out.
    pub left_out: Vec<TrafficTarget>,
    /// Candidates that were rolled back.
    pub rejected: Vec<Rejected>,
    /// How it ended, in a word.
    pub outcome: Option<Code>,
    /// Why it ended.
    pub reason: Option<String>,
}

/// What was counted, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct EvidenceStatus {
    /// In words: counts of both, the evidence, what decides.
    pub said: String,
    /// Requests and failures of stable.
    pub stable: Counts,
    /// Requests and failures of the candidate.
    pub candidate: Counts,
    /// What stable misses of the objectives, if that is told; then the candidate is to be no worse than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
}

/// How far a walk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Progress {
    /// Steps written.
    pub step: usize,
    /// Steps in all.
    pub of: usize,
    /// Percent of what stable had that the present step gives to the candidate.
    pub percent: Percent,
    /// The candidate's share of all users at this step.
    pub share: Percent,
}

/// What people asked of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Requests {
    /// Approved steps.
    pub approved: Vec<Approval>,
    /// Dwell and ramp are stopped.
    pub pause: Option<ControlRequest>,
    /// It is to go back.
    pub abort: Option<ControlRequest>,
    /// It is to go on without dwell and approvals.
    pub promote: Option<ControlRequest>,
}

/// A foreign edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Edit {
    /// What was edited.
    pub of: EditOf,
    /// Who, as far as the API server knows.
    pub by: String,
}

/// Explains a record.
pub(super) fn explain(record: &Record, world: &World, service: &Service, called: &Called, now: Timestamp) -> Rollout {
    let control = Control::on(service, &record.id);
    let alive = world.liveness_of(&record.owner).unwrap_or(Liveness::Unknown);
    let life = life(record, alive, now);
    Rollout {
        id: record.id.clone(),
        phase: record.phase,
        open: record.phase.is_open(),
        epoch: record.epoch,
        since: record.step_at,
        owner: Holder {
            kind: record.owner.kind,
            name: record.owner.name.clone(),
            uid: record.owner.uid.clone(),
            intent: record.intent,
            deadline: record.deadline,
            life,
        },
        stable: record.start.stable.to_string(),
        candidate: record.candidate.as_ref().map(ToString::to_string),
        image: record.image.clone(),
        progress: record.plan.as_ref().map(|plan| progress(record, plan)),
        plan: record.plan.clone(),
        ended_below: record.ended_below(),
        waits: waits(record, &control, life, world, service, called, now),
        evidence: record.evidence.as_ref().map(|saved| EvidenceStatus {
            said: saved.said.clone(),
            stable: saved.counted().stable,
            candidate: saved.counted().candidate,
            missed: saved.missed().copied(),
        }),
        compared: record.compared.iter().flat_map(|kept| &kept.rows).map(|row| row.said.clone()).collect(),
        requests: Requests {
            approved: control.approved,
            pause: control.pause,
            abort: control.abort,
            promote: control.promote,
        },
        edit: edit(record, service),
        left: left(record, service, life),
        left_out: record.left_out.clone(),
        rejected: record.rejected.clone(),
        outcome: record.outcome,
        reason: reason(record),
    }
}

/// Why it ended, and whether the template followed users back.
fn reason(record: &Record) -> Option<String> {
    let put_back = record.restored && record.phase == Phase::RolledBack;
    let then = if put_back { "; the template was put back" } else { "" };
    record.reason.as_ref().map(|reason| format!("{reason}{then}"))
}

fn progress(record: &Record, plan: &Plan) -> Progress {
    let percent = plan.step(record.step).map_or(Percent::ZERO, |s| s.percent);
    let candidate = record.candidate.as_ref().unwrap_or(&record.start.stable);
    Progress { step: record.step, of: plan.steps.len(), percent, share: record.start.share_of(candidate, percent) }
}

/// A foreign edit since the last write. After the end the spec is the owner's to edit, and that is nothing to report.
fn edit(record: &Record, service: &Service) -> Option<Edit> {
    if let Some(lost) = lost_to_edit(record, service) {
        return Some(Edit { of: lost.of, by: lost.by });
    }
    let template = record.phase.is_open() && moved(record, service) == Moved::Template;
    template.then(|| Edit { of: EditOf::Template, by: who_moved(service, false) })
}

/// Why nobody goes on with an open rollout.
fn left(record: &Record, service: &Service, life: Life) -> Option<String> {
    let lost = lost_to_edit(record, service).map(|lost| lost.to_string());
    let stopped = || record.reason.clone().filter(|_| record.is_stopped());
    lost.or_else(|| life.is_dead().then(|| dead_words(life).to_owned())).or_else(stopped)
}

/// True for a phase in which somebody is at work, so that a reader would wait for them.
pub(super) fn moves(phase: Phase) -> bool {
    matches!(phase, Phase::Staging | Phase::Walking | Phase::Baking)
}

/// A phase as people read it.
pub(crate) fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Staging => "staging",
        Phase::Staged => "staged",
        Phase::Walking => "walking",
        Phase::Baking => "baking",
        Phase::Held => "held",
        Phase::Interrupted => "interrupted",
        Phase::Finished => "finished",
        Phase::RolledBack => "rolled back",
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{explained, walking, with};
    use super::*;
    use crate::evidence::Saved;
    use crate::evidence::Table;
    use crate::evidence::compare::{CompareRow, KeptRows, RowEvidence};
    use serde_json::json;

    #[test]
    fn a_foreign_edit_names_its_author() {
        let mut object = with(&walking(), 5);
        object["metadata"]["generation"] = json!(99);
        object["metadata"]["annotations"]["serving.knative.dev/lastModifier"] = json!("kim");
        assert_eq!(
            explained(&object, None).rollout.unwrap().edit,
            Some(Edit { of: EditOf::Template, by: "kim".into() })
        );
        object["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
        assert_eq!(
            explained(&object, None).rollout.unwrap().edit,
            Some(Edit { of: EditOf::Traffic, by: "kim".into() })
        );
        let mut over = walking();
        over.phase = Phase::Finished;
        let mut object = with(&over, 5);
        object["metadata"]["generation"] = json!(99);
        assert_eq!(explained(&object, None).rollout.unwrap().edit, None);
    }

    #[test]
    fn rows_are_what_was_saved_last() {
        let row: CompareRow = "orders: bad=b_{revision} total=t_{revision}".parse().unwrap();
        let mut record = walking();
        record.compared =
            Some(Box::new(KeptRows::new(1, &[(&RowEvidence::new(row), "orders: nothing compared yet".into())])));
        let status = explained(&with(&record, 5), None);
        assert!(
            super::super::lines::lines(&status, super::super::samples::at(60))
                .contains(&"compared   orders: nothing compared yet".to_owned())
        );
        assert_eq!(status.rollout.unwrap().compared, ["orders: nothing compared yet"]);
    }

    #[test]
    fn evidence_is_what_was_saved_last() {
        let mut record = walking();
        record.evidence = Some(Box::new(Saved::of_counts(Table::of(90, 910, 1, 2))));
        let evidence = explained(&with(&record, 5), None).rollout.unwrap().evidence.unwrap();
        assert_eq!((evidence.stable, evidence.candidate), (Counts::new(910, 2), Counts::new(90, 1)));
        assert!(explained(&with(&walking(), 5), None).rollout.unwrap().evidence.is_none());
    }

    #[test]
    fn progress_counts_percents_of_what_stable_had() {
        let rollout = explained(&with(&walking(), 5), None).rollout.unwrap();
        let progress = rollout.progress.unwrap();
        assert_eq!((progress.step, progress.of, progress.percent.get(), progress.share.get()), (1, 3, 1, 1));
    }
}

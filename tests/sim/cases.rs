//! Every kind of rollout, whatever happens: stage, walk, rollback and settle.

use super::exhaustive::{Case, exhaust};
use super::fault::Crash;
use super::rollout::{Job, Looks, plan};
use andante::machine::settle::To;
use andante::model::outcome::Code;
use serde_json::{Value, json};

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn walk(probe: bool) -> Job {
    Job::Walk(plan(&[10, 50, 100], 5, 5, None), Looks { probe, ..Looks::default() })
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

fn shared() -> Value {
    json!([{"revisionName": "hello-00002", "percent": 80}, {"revisionName": "hello-00001", "percent": 20, "tag": "old"}])
}

#[test]
fn stage_whatever_happens() {
    exhaust(&Case {
        name: "stage",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: stage("ok:2"),
        code: Code::Done,
        leaves: "hello-00001#stable=100 hello-00002#candidate=0",
    });
}

#[test]
fn first_deployment_whatever_happens() {
    exhaust(&Case {
        name: "first deployment",
        traffic: latest(),
        images: &[],
        before: vec![],
        job: stage("ok:1"),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn a_candidate_that_never_starts_whatever_happens() {
    exhaust(&Case {
        name: "never ready",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: stage("crash-start:2"),
        code: Code::NeverReady,
        leaves: "hello-00001=100",
    });
}

#[test]
fn a_candidate_whose_pods_alone_tell_whatever_happens() {
    exhaust(&Case {
        name: "crash that only pods tell",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: stage("crash-unseen:2"),
        code: Code::NeverReady,
        leaves: "hello-00001=100",
    });
}

#[test]
fn taking_up_whatever_happens() {
    exhaust(&Case {
        name: "take up",
        traffic: json!([{"revisionName": "hello-00001", "percent": 100}]),
        images: &["ok:1", "ok:2"],
        before: vec![],
        job: Job::TakeUp(None),
        code: Code::Done,
        leaves: "hello-00001#stable=100 hello-00002#candidate=0",
    });
}

#[test]
fn taking_up_what_the_template_made_whatever_happens() {
    exhaust(&Case {
        name: "take up latest",
        traffic: json!([{"revisionName": "hello-00001", "percent": 100}]),
        images: &["ok:1", "slow:2-20"],
        before: vec![],
        job: Job::Latest,
        code: Code::Done,
        leaves: "hello-00001#stable=100 hello-00002#candidate=0",
    });
}

#[test]
fn walk_whatever_happens() {
    exhaust(&Case {
        name: "walk",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None)],
        job: walk(true),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn walk_beside_a_pinned_third_whatever_happens() {
    exhaust(&Case {
        name: "walk beside a third",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("ok:3"), None)],
        job: walk(false),
        code: Code::Done,
        leaves: "hello-00003=80 hello-00001#old=20",
    });
}

#[test]
fn rollback_on_probes_whatever_happens() {
    exhaust(&Case {
        name: "rollback on probes",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("flaky-probe:3-20"), None)],
        job: Job::Walk(plan(&[10, 50, 100], 20, 60, None), Looks { probe: true, ..Looks::default() }),
        code: Code::RolledBack,
        leaves: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
    });
}

#[test]
fn rollback_on_dying_pods_whatever_happens() {
    exhaust(&Case {
        name: "rollback on dying pods",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("crash-later:2-25"), None)],
        job: Job::Walk(plan(&[10, 50, 100], 20, 60, None), Looks::default()),
        code: Code::RolledBack,
        leaves: "hello-00001=100",
    });
}

#[test]
fn rollback_on_restarts_whatever_happens() {
    exhaust(&Case {
        name: "rollback on restarts",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("restarts:2-25"), None)],
        job: Job::Walk(plan(&[10, 50, 100], 30, 90, None), Looks { restarts: true, ..Looks::default() }),
        code: Code::RolledBack,
        leaves: "hello-00001=100 hello-00002#candidate=0",
    });
}

fn on_evidence() -> Job {
    Job::Walk(plan(&[10, 50, 100], 5, 5, None), Looks { probe: true, evidence: true, ..Looks::default() })
}

#[test]
fn walk_on_evidence_whatever_happens() {
    exhaust(&Case {
        name: "walk on evidence",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None)],
        job: on_evidence(),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn rollback_on_evidence_whatever_happens() {
    exhaust(&Case {
        name: "rollback on evidence",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("flaky-probe:3-50"), None)],
        job: Job::Walk(plan(&[10, 50, 100], 30, 60, None), Looks { evidence: true, ..Looks::default() }),
        code: Code::Worse,
        leaves: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
    });
}

#[test]
fn walk_by_a_gate_whatever_happens() {
    exhaust(&Case {
        name: "walk by a gate",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None)],
        job: Job::Walk(plan(&[10, 50, 100], 5, 5, None), Looks { gates: true, ..Looks::default() }),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn rollback_by_a_gate_whatever_happens() {
    exhaust(&Case {
        name: "rollback by a gate",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("flaky-probe:3-20"), None)],
        job: Job::Walk(plan(&[10, 50, 100], 30, 60, None), Looks { gates: true, ..Looks::default() }),
        code: Code::GateFailed,
        leaves: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
    });
}

/// Each look of a short life is at another moment, and what stands in the record is all that the next process knows.
#[test]
fn walk_by_counters_whatever_happens() {
    exhaust(&Case {
        name: "walk by counters",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None)],
        job: Job::Walk(plan(&[10, 50, 100], 5, 5, None), Looks { compare: true, ..Looks::default() }),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn rollback_by_counters_whatever_happens() {
    exhaust(&Case {
        name: "rollback by counters",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("flaky-probe:3-20"), None)],
        job: Job::Walk(plan(&[10, 50, 100], 30, 60, None), Looks { compare: true, ..Looks::default() }),
        code: Code::Worse,
        leaves: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
    });
}

#[test]
fn settle_in_mid_walk_whatever_happens() {
    exhaust(&Case {
        name: "settle in mid-walk",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("ok:3"), None), (walk(false), Some(Crash::After(7)))],
        job: Job::Settle { to: None, any: false },
        code: Code::Done,
        leaves: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
    });
}

#[test]
fn settle_after_the_end_whatever_happens() {
    exhaust(&Case {
        name: "settle after the end",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None), (walk(false), None)],
        job: Job::Settle { to: Some(To::Stable), any: false },
        code: Code::Done,
        leaves: "hello-00001=100 hello-00002#candidate=0",
    });
}

#[test]
fn settle_forward_whatever_happens() {
    exhaust(&Case {
        name: "settle to the candidate",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None), (walk(false), Some(Crash::After(7)))],
        job: Job::Settle { to: Some(To::Candidate), any: false },
        code: Code::Done,
        leaves: "latest=100",
    });
}

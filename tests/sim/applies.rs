//! A file is applied, whatever happens: every call of it is killed before and after it takes effect, hit by every fault and
//! overtaken by edits. Nobody in care meets what it says before a walk proved it.

use super::exhaustive::{Case, exhaust};
use super::rollout::{Job, Looks, plan};
use andante::model::outcome::Code;
use serde_json::{Value, json};

const IN_CARE: Job = Job::Apply { image: "ok:2", pipeline: Some("slow-walk") };

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

#[test]
fn a_file_whatever_happens() {
    exhaust(&Case {
        name: "apply out of care",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: Job::Apply { image: "ok:2", pipeline: None },
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn a_file_that_declares_for_the_first_time_whatever_happens() {
    exhaust(&Case {
        name: "apply into care",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: IN_CARE,
        code: Code::Done,
        leaves: "hello-00001=100",
    });
}

#[test]
fn a_file_of_a_mixed_split_whatever_happens() {
    exhaust(&Case {
        name: "apply into care, a mixed split",
        traffic: json!([{"revisionName": "hello-00001", "percent": 20, "tag": "old"}, {"latestRevision": true, "percent": 80},
            {"latestRevision": true, "percent": 0, "tag": "preview"}]),
        images: &["ok:1", "ok:3"],
        before: vec![],
        job: IN_CARE,
        code: Code::Done,
        leaves: "hello-00001#old=20 hello-00002=80 latest#preview=0",
    });
}

#[test]
fn a_file_in_care_after_a_rollout_whatever_happens() {
    let staged = Job::Stage { image: "ok:3".into(), again: false };
    let walked = Job::Walk(plan(&[50, 100], 2, 2, None), Looks::default());
    exhaust(&Case {
        name: "apply in care",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(Job::Adopt("slow-walk"), None), (staged, None), (walked, None)],
        job: IN_CARE,
        code: Code::Done,
        leaves: "hello-00002=100",
    });
}

/// Nothing is there: it is made, and made once.
#[test]
fn a_file_that_makes_its_service_whatever_happens() {
    exhaust(&Case {
        name: "apply that creates",
        traffic: latest(),
        images: &[],
        before: vec![],
        job: Job::Apply { image: "ok:1", pipeline: Some("slow-walk") },
        code: Code::Done,
        leaves: "latest=100",
    });
}

//! What is known about runs and people.

use super::script::{Reply, Server};
use andante::model::ending::Ending;
use andante::rollout::owner::{Liveness, Owner, OwnerKind};
use serde_json::{Value, json};

fn owner(kind: OwnerKind, name: &str) -> Owner {
    Owner { kind, name: name.into(), uid: "u1".into() }
}

fn run(uid: &str, condition: (&str, &str)) -> Value {
    json!({"metadata": {"uid": uid, "creationTimestamp": "2026-01-02T03:04:05Z"},
        "status": {"conditions": [{"type": condition.0, "status": condition.1}]}})
}

#[tokio::test]
async fn a_run_lives_until_the_cluster_says_otherwise() {
    use OwnerKind::{Job, PipelineRun, TaskRun};
    let missing = json!({"kind": "Status", "reason": "NotFound", "details": {"name": "r"}});
    let no_kind = json!({"kind": "Status", "reason": "NotFound", "details": {}});
    let cases = [
        (PipelineRun, Reply::json(200, &run("u1", ("Succeeded", "Unknown"))), Liveness::Running),
        (PipelineRun, Reply::json(200, &run("u1", ("Succeeded", "False"))), Liveness::Done),
        (TaskRun, Reply::json(200, &run("u1", ("Succeeded", "True"))), Liveness::Done),
        (TaskRun, Reply::json(200, &run("other", ("Succeeded", "Unknown"))), Liveness::Gone),
        (TaskRun, Reply::json(200, &json!({"metadata": {"uid": "u1"}})), Liveness::Running),
        (Job, Reply::json(200, &run("u1", ("Complete", "True"))), Liveness::Done),
        (Job, Reply::json(200, &run("u1", ("Failed", "True"))), Liveness::Done),
        (Job, Reply::json(200, &run("u1", ("Suspended", "True"))), Liveness::Running),
        (Job, Reply::json(404, &missing), Liveness::Gone),
        (PipelineRun, Reply::json(404, &no_kind), Liveness::Unknown),
        (PipelineRun, Reply::json(403, &json!({"kind": "Status", "reason": "Forbidden"})), Liveness::Unknown),
        (PipelineRun, Reply::json(500, &json!({})), Liveness::Unknown),
    ];
    for (kind, reply, expected) in cases {
        let server = Server::start(vec![reply.clone()]).await;
        assert_eq!(server.kube().liveness(&owner(kind, "ci/r")).await, expected, "{kind:?} {reply:?}");
    }
}

#[tokio::test]
async fn one_bad_moment_does_not_make_it_unknown_whether_a_run_lives() {
    let lives = Reply::json(200, &run("u1", ("Succeeded", "Unknown")));
    let server = Server::start(vec![Reply::json(500, &json!({})), Reply::json(429, &json!({})), lives]).await;
    assert_eq!(server.kube().liveness(&owner(OwnerKind::PipelineRun, "ci/r")).await, Liveness::Running);
    // What no time mends is not asked twice.
    let forbidden = json!({"kind": "Status", "reason": "Forbidden"});
    let server = Server::start(vec![Reply::json(403, &forbidden); 3]).await;
    assert_eq!(server.kube().liveness(&owner(OwnerKind::PipelineRun, "ci/r")).await, Liveness::Unknown);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn runs_are_asked_for_in_their_own_groups() {
    let answer = Reply::json(200, &run("u1", ("Succeeded", "Unknown")));
    let server = Server::start(vec![answer; 3]).await;
    let kube = server.kube();
    for kind in [OwnerKind::PipelineRun, OwnerKind::TaskRun, OwnerKind::Job] {
        let created = kube.run_created(&owner(kind, "ci/r.1")).await;
        assert_eq!(created, Ok("2026-01-02T03:04:05Z".parse().unwrap()));
    }
    let lines: Vec<String> = server.seen().into_iter().map(|s| s.line).collect();
    assert_eq!(
        lines,
        [
            "GET /apis/tekton.dev/v1/namespaces/ci/pipelineruns/r.1",
            "GET /apis/tekton.dev/v1/namespaces/ci/taskruns/r.1",
            "GET /apis/batch/v1/namespaces/ci/jobs/r.1"
        ]
    );
}

#[tokio::test]
async fn a_record_cannot_send_us_elsewhere() {
    let server = Server::start(vec![]).await;
    let kube = server.kube();
    for name in ["ci/../../secrets/x", "r", "ci/r?watch=true", "/r", ""] {
        assert_eq!(kube.liveness(&owner(OwnerKind::Job, name)).await, Liveness::Unknown);
    }
    assert_eq!(kube.liveness(&owner(OwnerKind::Person, "kim@host")).await, Liveness::Unknown);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn who_we_are_is_what_the_cluster_says_or_else_the_file() {
    let said = json!({"status": {"userInfo": {"username": "kim@example.org"}}});
    let server = Server::start(vec![Reply::json(201, &said), Reply::json(403, &json!({}))]).await;
    let kube = server.kube();
    assert_eq!(kube.who_am_i().await.as_deref(), Some("kim@example.org"));
    assert_eq!(kube.who_am_i().await.as_deref(), Some("kim"));
    assert_eq!(server.seen()[0].line, "POST /apis/authentication.k8s.io/v1/selfsubjectreviews");
}

#[tokio::test]
async fn a_config_map_is_its_data() {
    let map = json!({"data": {"a": "b"}});
    let server = Server::start(vec![Reply::json(200, &map), Reply::json(200, &json!({}))]).await;
    let kube = server.kube();
    let system = "andante-system".parse().unwrap();
    assert_eq!(kube.config_map(&system, "andante-defaults").await.unwrap(), json!({"a": "b"}));
    assert_eq!(kube.config_map(&system, "andante-defaults").await.unwrap(), json!({}));
    assert_eq!(server.seen()[0].line, "GET /api/v1/namespaces/andante-system/configmaps/andante-defaults");
}

/// What `settle` says of its run is what the run's own task said, and why a task is ended is read from that task alone.
#[tokio::test]
async fn the_tasks_of_a_run_are_read_one_by_one_and_only_of_this_very_run() {
    let now = "2026-01-02T04:00:00Z".parse().unwrap();
    let hello = "hello".parse().unwrap();
    let children = json!({"metadata": {"uid": "u1"}, "status": {"pipelineSpec": {"finally": [{"name": "settle"}]},
        "childReferences": [
            {"kind": "TaskRun", "name": "r-roll-out", "pipelineTaskName": "roll-out"},
            {"kind": "TaskRun", "name": "r-settle", "pipelineTaskName": "settle"}]}});
    let task = json!({"metadata": {"uid": "u2"}, "spec": {"status": "TaskRunCancelled"}, "status": {
        "completionTime": "2026-01-02T03:04:05Z",
        "conditions": [{"type": "Succeeded", "status": "False", "reason": "StepFailed"}],
        "results": [{"name": "outcome", "value": "rejected-before"}, {"name": "message", "value": "it was rolled back"}]}});
    let replies = vec![Reply::json(200, &children), Reply::json(200, &task), Reply::json(403, &json!({}))];
    let server = Server::start(replies).await;
    let kube = server.kube();
    let told = kube.told(&owner(OwnerKind::PipelineRun, "ci/r"), &hello, now).await.unwrap();
    assert_eq!((told.task.as_str(), told.word(), told.failed), ("roll-out", "rejected-before", true));
    assert_eq!(told.words(), "it was rolled back");
    assert_eq!(kube.told(&owner(OwnerKind::PipelineRun, "ci/r"), &hello, now).await, None, "no right");
    assert_eq!(kube.told(&owner(OwnerKind::TaskRun, "ci/r"), &hello, now).await, None, "it has no tasks beside it");
    let lines: Vec<String> = server.seen().into_iter().map(|s| s.line).collect();
    assert_eq!(
        lines[..2],
        [
            "GET /apis/tekton.dev/v1/namespaces/ci/pipelineruns/r".to_owned(),
            "GET /apis/tekton.dev/v1/namespaces/ci/taskruns/r-roll-out".to_owned(),
        ]
    );
    let server = Server::start(vec![Reply::json(200, &task), Reply::json(200, &task)]).await;
    let own = Owner { uid: "u2".into(), ..owner(OwnerKind::TaskRun, "ci/r-roll-out") };
    assert_eq!(server.kube().ending(&own, now).await, Some(Ending::Cancelled));
    assert_eq!(server.kube().ending(&owner(OwnerKind::TaskRun, "ci/r-roll-out"), now).await, None, "another run's");
}

//! The binding as it is shipped: `config/binding` on a real kubelet, within the memory that it is given there.

use super::start::{annotate, place, runs, status};
use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

/// So many small runs there are, and so many large ones of about so many bytes each.
const CROWD: (usize, usize, usize) = (600, 30, 150_000);

/// Runs of other Services, which are listed and followed, and never work.
fn crowd(space: &Space) {
    let (small, large, bytes) = CROWD;
    let metadata = |name: String| json!({"name": name, "labels": {"andante.dev/service": "another"}});
    let container = json!({"name": "c", "image": "dev.local/andante-shell:v1"});
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
    let jobs = (0..small).map(|n| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(format!("small-{n}")),
        "spec": {"suspend": true, "template": pod}})
    });
    let step = json!({"name": "step", "image": "dev.local/andante-shell:v1", "script": "#!/bin/sh\nexit 0\n"});
    let task = json!({"name": "task", "taskSpec": {"description": "x".repeat(bytes), "steps": [step]}});
    let runs = (0..large).map(|n| {
        json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": metadata(format!("large-{n}")),
        "spec": {"status": "PipelineRunPending", "pipelineSpec": {"tasks": [task]}}})
    });
    let all: Vec<Value> = jobs.chain(runs).collect();
    for some in all.chunks(100) {
        space.kubectl_with(&["create", "-f", "-"], &json!({"apiVersion": "v1", "kind": "List", "items": some})).good();
    }
}

/// The pod's container, as the kubelet tells: how often it was started again, and how it ended before.
fn container(home: &Space) -> (i64, Value) {
    let pods = home.list("pod", "app.kubernetes.io/name=andante-start");
    let container = &pods[0]["status"]["containerStatuses"][0];
    (container["restartCount"].as_i64().unwrap(), container["lastState"].clone())
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_deployment_starts_what_is_declared_within_its_memory() {
    let space = place("binding");
    crowd(&space);
    let home = Space::new("binding-home");
    home.kubectl(&["label", "namespace", &home.namespace, "pod-security.kubernetes.io/enforce=restricted"]).good();
    let _installed = Installed::new(&home, "binding", "andante-system", |object| {
        if object["kind"] == "Deployment" {
            // What other tests declare is theirs.
            let args = object["spec"]["template"]["spec"]["containers"][0]["args"].as_array_mut().unwrap();
            args.push(json!(format!("--namespace={}", space.namespace)));
            args.push(json!(format!("--system-namespace={}", home.namespace)));
        }
    });
    eventually("the Deployment is there", LONG, || {
        (home.get("deployment", "andante-start")["status"]["availableReplicas"] == 1).then_some(())
    });
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    eventually("it is noted that the goal serves", LONG, || {
        let annotations = space.service("hello")["metadata"]["annotations"].clone();
        annotations["andante.dev/goal-status"].as_str().filter(|text| text.contains("reached")).map(drop)
    });
    for (at, note) in ["a", "b", "c"].into_iter().enumerate() {
        annotate(&space, &format!("andante.dev/params={{note: {note}}}"));
        eventually("a run for it", SHORT, || (runs(&space, "pipelinerun").len() == at + 1).then_some(()));
    }
    eventually("the end of the last one is noted", LONG, || (status(&space)["phase"] == "done").then_some(()));
    // Listed once more, by a new process on the same node.
    home.kubectl(&["rollout", "restart", "deployment/andante-start"]).good();
    home.kubectl(&["rollout", "status", "deployment/andante-start", "--timeout=120s"]).good();
    annotate(&space, "andante.dev/params={note: d}");
    eventually("a run for it", LONG, || (runs(&space, "pipelinerun").len() == 4).then_some(()));
    holds_for("it lives", Duration::from_secs(20), || container(&home).0 == 0);
    assert_eq!(container(&home), (0, json!({})), "it was ended by its limit");
}

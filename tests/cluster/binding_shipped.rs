//! `config/binding` as it is shipped: a Deployment in a restricted namespace that starts what is declared, and one command that takes
//! it away again.

use super::start::{annotate, place, runs, status};
use super::support::*;
use serde_json::json;
use std::time::Duration;

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_binding_is_installed_starts_runs_and_is_taken_away() {
    let (space, home) = (place("binding"), Space::new("binding-home"));
    home.kubectl(&["label", "namespace", &home.namespace, "pod-security.kubernetes.io/enforce=restricted"]).good();
    let installed = Installed::new(&home, "binding", "andante-system", |object| {
        if object["kind"] == "Deployment" {
            // It would start what other tests declare; its table is where it is.
            let arguments = object["spec"]["template"]["spec"]["containers"][0]["args"].as_array_mut().unwrap();
            arguments.push(json!(format!("--namespace={}", space.namespace)));
            arguments.push(json!(format!("--system-namespace={}", home.namespace)));
        }
    });
    home.kubectl(&["rollout", "status", "deployment/andante-start", "--timeout=120s"]).good();
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    eventually("it was looked at", LONG, || (!annotation(&space, "andante.dev/goal-status").is_empty()).then_some(()));
    assert_eq!((status(&space)["phase"].as_str(), runs(&space, "pipelinerun").len()), (Some("reached"), 0));
    annotate(&space, "andante.dev/params={note: a}");
    eventually("a run", LONG, || (runs(&space, "pipelinerun").len() == 1).then_some(()));
    let said = eventually("its end is noted", LONG, || Some(status(&space)).filter(|said| said["phase"] == "done"));
    // It answers, and has not been started anew.
    let pods = home.list("pods", "app.kubernetes.io/name=andante-start");
    let state = &pods[0]["status"]["containerStatuses"][0];
    assert_eq!((pods.len(), &state["ready"], &state["restartCount"]), (1, &json!(true), &json!(0)));

    installed.take_away(&home);
    eventually("nobody is left", LONG, || {
        home.list("pods", "app.kubernetes.io/name=andante-start").is_empty().then_some(())
    });
    // Runs and what stands on Services stay, and nothing is started any more.
    annotate(&space, "andante.dev/params={note: b}");
    holds_for("nothing is started", Duration::from_secs(8), || runs(&space, "pipelinerun").len() == 1);
    assert_eq!(status(&space), said);
}

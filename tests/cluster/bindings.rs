//! The other binding: Knative Eventing tells of changes, Tekton Triggers makes TaskRuns of `andante start` of them, and of a push one
//! that declares its commit. With the manifests of `config` as they are, on the real ones.

use super::start::{STATUS, annotate, place, runs, status};
use super::support::*;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

const REPOSITORY: &str = "https://git.example.com/shop.git";
const SECRET: &str = "the words of the webhook";

/// The namespace of the installation, as restricted as it is shipped, and what is installed there for `space` alone.
fn eventing(space: &Space, name: &str) -> (Space, Installed) {
    triggers_and_eventing();
    let home = Space::new(name);
    home.kubectl(&["label", "namespace", &home.namespace, "pod-security.kubernetes.io/enforce=restricted"]).good();
    let installed = Installed::new(&home, "binding-eventing", "andante-system", |object| {
        if object["kind"] == "ApiServerSource" {
            object["spec"]["namespaceSelector"] =
                json!({"matchLabels": {"kubernetes.io/metadata.name": space.namespace}});
        }
        if object["kind"] == "CronJob" {
            // It would start what other tests declare.
            object["spec"]["suspend"] = json!(true);
            let pod = &mut object["spec"]["jobTemplate"]["spec"]["template"]["spec"];
            pod["containers"][0]["args"]
                .as_array_mut()
                .unwrap()
                .push(json!(format!("--namespace={}", space.namespace)));
        }
    });
    listens(&home, "andante-start");
    eventually("the source watches", LONG, || {
        (condition(&home.get("apiserversource", "andante-services"), "Ready").0 == "True").then_some(())
    });
    (home, installed)
}

/// TaskRuns of `andante start`, those that are over first told well.
#[track_caller]
fn looks(home: &Space) -> usize {
    let looks = home.list("taskrun", "app.kubernetes.io/name=andante-start");
    for look in &looks {
        let (over, _, why) = condition(look, "Succeeded");
        assert_ne!(over, "False", "{}: {why}", look["metadata"]["name"]);
    }
    looks.len()
}

/// Waits until nothing has been looked at for so long that nothing is under way; how many looks there were.
#[track_caller]
fn quiet(home: &Space) -> usize {
    let mut seen = (looks(home), std::time::Instant::now());
    eventually("nobody looks any more", LONG, || {
        let now = looks(home);
        if now != seen.0 {
            seen = (now, std::time::Instant::now());
        }
        let works = home.list("taskrun", "app.kubernetes.io/name=andante-start");
        let works = works.iter().any(|look| condition(look, "Succeeded").0 != "True");
        (!works && seen.1.elapsed() > Duration::from_secs(8)).then_some(seen.0)
    })
}

/// Waits for the run number `number` of the Service, which is the last one, and noted.
#[track_caller]
fn one_run(space: &Space, home: &Space, number: usize, what: &str) {
    eventually(&format!("a run for {what}"), LONG, || (runs(space, "pipelinerun").len() >= number).then_some(()));
    quiet(home);
    let all = runs(space, "pipelinerun");
    assert_eq!(all.len(), number, "{what}: {all:?}");
    let noted = status(space);
    assert!(all.contains(&noted["run"].as_str().unwrap().to_owned()), "{what}: {noted}");
}

/// Waits until the first look found that the goal serves.
#[track_caller]
fn reached(space: &Space) {
    eventually("it is noted that the goal serves", LONG, || {
        let noted = space.service("hello")["metadata"]["annotations"][STATUS].as_str()?.to_owned();
        noted.contains("reached").then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_event_of_a_changed_goal_starts_one_run() {
    let space = place("events");
    let (home, _installed) = eventing(&space, "events-home");
    space.serve(&sample("hello", "v1"));
    assert_eq!(looks(&home), 0, "nobody is in charge");
    annotate(&space, "andante.dev/pipeline=ship-it");
    reached(&space);
    quiet(&home);
    assert_eq!(runs(&space, "pipelinerun").len(), 0);

    annotate(&space, "andante.dev/params={note: a}");
    one_run(&space, &home, 1, "kubectl annotate");

    // What is not about the goal is looked at, and nothing comes of it.
    let before = quiet(&home);
    annotate(&space, "team.example.com/note=x");
    space.kubectl(&["label", "ksvc/hello", "team=blue"]).good();
    eventually("it was looked at", LONG, || (looks(&home) > before).then_some(()));
    let before = quiet(&home);
    assert_eq!(runs(&space, "pipelinerun").len(), 1, "an edit that is not about the goal");

    // A whole rollout is writes of ours and statuses of Knative's: nobody even looks.
    let image = "dev.local/andante-sample:v2";
    let roll_out = ["roll-out", "hello", "--image", image, "--steps", "50,100", "--dwell", "1s", "--bake", "1s"];
    space.andante(&roll_out).ended(0).ends_with("finished");
    let after = quiet(&home);
    assert_eq!((after, runs(&space, "pipelinerun").len()), (before, 1), "own writes");

    // Who takes a part away owns nothing afterwards.
    annotate(&space, "andante.dev/params-");
    one_run(&space, &home, 2, "a part that is taken away");
    // An image by kubectl apply. Users are by name since the rollout.
    space.merge("ksvc", "hello", &of_version("v3")).good();
    one_run(&space, &home, 3, "an image");

    // How runs ended is noted by whoever comes by.
    let run = status(&space)["run"].as_str().unwrap().to_owned();
    eventually("the run is over", LONG, || {
        (condition(&space.get("pipelinerun", &run), "Succeeded").0 == "True").then_some(())
    });
    home.kubectl(&["create", "job", "now", "--from=cronjob/andante-catch-up"]).good();
    eventually("its end is noted", LONG, || (status(&space)["phase"] == "done").then_some(()));
    eventually("the pass is over", LONG, || (condition(&home.get("job", "now"), "Complete").0 == "True").then_some(()));
    assert_eq!(runs(&space, "pipelinerun").len(), 3);
}

/// A push event as GitHub sends it, signed with `secret`.
fn push(at: &str, branch: &str, commit: &str, secret: &str) {
    let body =
        json!({"ref": format!("refs/heads/{branch}"), "before": "0".repeat(40), "after": commit, "deleted": false,
        "repository": {"full_name": "kim/shop", "clone_url": REPOSITORY}})
        .to_string();
    let mut digest = Command::new("openssl");
    let signed = run(digest.args(["dgst", "-sha256", "-hmac", secret]), Some(body.clone()), SHORT).good().out;
    let signature = signed.trim().rsplit(' ').next().unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n\
         X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_push_declares_its_commit_and_one_run_is_started() {
    let space = place("push");
    let (home, _installed) = eventing(&space, "push-home");
    let secret = format!("--from-literal=secret={SECRET}");
    space.kubectl(&["create", "secret", "generic", "andante-push", &secret]).good();
    let _declares = Installed::new(&space, "push.yaml", "default", |_| ());
    let at = listens(&space, "andante-push");
    let (first, second) = ("1".repeat(40), "2".repeat(40));
    let declared = sample("hello", "v1")
        .annotation("andante.dev/pipeline", "ship-it")
        .annotation("andante.dev/source", REPOSITORY)
        .annotation("andante.dev/source-revision", &first);
    space.serve(&declared);
    reached(&space);
    // Whoever declares by the shipped Role may do so where that needs a right of its own.
    let _care = Care::install(&space, "care", |_| {});
    take_effect(&space, "hello");
    let revision = || annotation(&space, "andante.dev/source-revision");
    let declares = || {
        let all = space.list("taskrun", "triggers.tekton.dev/eventlistener=andante-push");
        all.iter().map(|run| condition(run, "Succeeded").0).collect::<Vec<_>>()
    };

    // What nobody signed, and a push to another branch, are no declaration.
    push(&at, "main", &second, "other words");
    push(&at, "try", &second, SECRET);
    holds_for("nothing is declared", Duration::from_secs(6), || declares().is_empty() && revision() == first);

    push(&at, "main", &second, SECRET);
    eventually("the commit is declared", LONG, || (revision() == second).then_some(()));
    one_run(&space, &home, 1, "a push");
    let run = space.get("pipelinerun", status(&space)["run"].as_str().unwrap());
    assert!(
        run["spec"]["params"].as_array().unwrap().contains(&json!({"name": "andante-git-revision", "value": second})),
        "{}",
        run["spec"]
    );
    let owner = &run["metadata"]["labels"]["andante.dev/service"];
    assert_eq!(owner, "hello");

    // The same push once more says nothing new.
    push(&at, "main", &second, SECRET);
    eventually("both are over", LONG, || (declares() == ["True", "True"]).then_some(()));
    one_run(&space, &home, 1, "the same push");
    let writer = |service: &Value| {
        let all = service["metadata"]["managedFields"].as_array().unwrap().clone();
        all.iter().any(|entry| entry["manager"] == "andante-declare")
    };
    assert!(writer(&space.service("hello")), "a wish is told from what a rollout writes");
}

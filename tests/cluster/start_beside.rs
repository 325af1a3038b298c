//! What goes with starting: how many runs are kept, what a namespace suspends, and what is told to whoever scrapes.

use super::rights::account;
use super::start::{annotate, place, runs, status};
use super::support::*;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// The rules of the account that is shipped.
fn shipped_rules() -> Vec<Value> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/binding/rbac.yaml")).unwrap();
    let objects = text.split("\n---\n").map(|part| serde_saphyr::from_str::<Value>(part).unwrap());
    let role = objects.into_iter().find(|object| object["kind"] == "ClusterRole").unwrap();
    role["rules"].as_array().unwrap().clone()
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_no_more_finished_runs_are_kept_than_are_wanted() {
    let space = place("start-keep");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    // Anybody's run that is over, with our label: it is not ours to delete.
    let params = json!([{"name": "service", "value": "x"}]);
    space.apply(&json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {"name": "hello-0123456789ab", "labels": {"andante.dev/service": "hello"}},
        "spec": {"pipelineRef": {"name": "ship-it"}, "params": params}}));
    let may = |rules: Vec<Value>| account(&space, &Value::Array(rules));
    let file = may(shipped_rules());
    let start = |note: &str, file: &str| {
        annotate(&space, &format!("andante.dev/params={{note: {note}}}"));
        let flags =
            ["start", "hello", "--keep", "1", "--wait", "--system-namespace", &space.namespace, "--kubeconfig", file];
        let ran = space.andante(&flags).ended(0).ends_with("ended well");
        (status(&space)["run"].as_str().unwrap().to_owned(), ran.whole())
    };
    let (a, _) = start("a", &file);
    let (b, said) = start("b", &file);
    assert!(!said.contains("beyond the newest"), "one finished run is kept: {said}");
    let (c, said) = start("c", &file);
    assert!(said.contains(&format!("finished pipelineruns of hello beyond the newest 1 are deleted: {a}")), "{said}");
    let mut kept = vec![b.clone(), c.clone(), "hello-0123456789ab".to_owned()];
    kept.sort();
    assert_eq!(runs(&space, "pipelinerun"), kept);
    // Without the right they stay, and the start is none the worse for it.
    let rules = shipped_rules().into_iter().filter(|rule| rule["verbs"] != json!(["delete"])).collect();
    let (_, said) = start("d", &may(rules));
    assert!(said.contains("beyond the newest 1 stay: ") && said.contains("delete"), "{said}");
    assert!(runs(&space, "pipelinerun").contains(&b));
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_namespace_that_is_suspended_starts_nothing_and_holds_a_walk() {
    let space = place("start-suspended");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    let suspend = |word: &str| {
        space
            .kubectl(&["annotate", "--overwrite", "namespace", &space.namespace, &format!("andante.dev/suspend{word}")])
            .good();
    };
    // A walk that is on its way takes no step, and goes on when it may.
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]).ended(0);
    suspend("=a sale");
    let mut walk = space.start(&["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "0s"]);
    walk.line(
        &format!("suspended: a sale: no step until andante.dev/suspend is taken off namespace {}", space.namespace),
        SHORT,
    );
    holds_for("nobody is moved", Duration::from_secs(5), || {
        space.service("hello")["spec"]["traffic"][0]["percent"] == 100
    });
    space.andante(&["status", "hello"]).ended(0).says("andante.dev/suspend away from its namespace: suspended: a sale");
    // What is declared meanwhile waits with whoever follows, and comes as soon as it may.
    let mut follower = space.start(&["start", "--all", "--follow", "--debounce", "200ms"]);
    follower.line("following", SHORT);
    annotate(&space, "andante.dev/params={note: a}");
    follower.line("is suspended by andante.dev/suspend of its namespace (a sale)", SHORT);
    holds_for("nothing is started", Duration::from_secs(4), || runs(&space, "pipelinerun").is_empty());
    suspend("-");
    eventually("its run is there at once", Duration::from_secs(4), || {
        (runs(&space, "pipelinerun").len() == 1).then_some(())
    });
    walk.line("resumed; the dwell begins anew", LONG);
    assert_eq!(walk.wait(LONG).code, 0);
    space.answers("hello", "v2", 5);
    follower.signal("TERM");
    follower.wait(SHORT);
    // Who may not read the namespace walks by what the Service says, and says so.
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v1"]).ended(0);
    suspend("=true");
    let role =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tasks/walk-traffic/support/rbac.yaml")).unwrap();
    let role = role.split("\n---\n").map(|part| serde_saphyr::from_str::<Value>(part).unwrap());
    let rules = role.into_iter().find(|object| object["kind"] == "Role").unwrap()["rules"].clone();
    let rules = rules.as_array().unwrap().iter().filter(|rule| rule["resources"] != json!(["namespaces"])).cloned();
    let file = account(&space, &Value::Array(rules.collect()));
    let walk = ["walk", "hello", "--steps", "100", "--bake", "0s", "--kubeconfig", &file];
    space.andante(&walk).ended(0).says("whether the namespace is suspended cannot be read here (optional right)");
}

/// What stands at this path of a port of this machine.
fn page(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn whoever_follows_tells_its_figures() {
    let space = place("start-figures");
    for name in ["hello", "world"] {
        space.serve(&sample(name, "v1").annotation("andante.dev/pipeline", "ship-it"));
    }
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut follower = space.start(&[
        "start",
        "--all",
        "--follow",
        "--debounce",
        "200ms",
        "--max-running",
        "1",
        &format!("--metrics=127.0.0.1:{port}"),
    ]);
    follower.line("following", SHORT);
    let reads = |figures: &[&str]| {
        eventually(&format!("{figures:?}"), LONG, || {
            let page = page(port, "/metrics")?;
            figures.iter().all(|figure| page.contains(&format!("\n{figure}\n"))).then_some(())
        });
    };
    reads(&[
        "andante_start_goals_pending 0",
        "andante_start_runs_started_total 0",
        "andante_start_declarations_unreadable 0",
    ]);
    assert!(page(port, "/healthz").unwrap().starts_with("HTTP/1.1 200 "));
    assert!(page(port, "/").unwrap().starts_with("HTTP/1.1 404 "));
    eventually("both were looked at", SHORT, || {
        let seen = |name: &str| space.service(name)["metadata"]["annotations"][super::start::STATUS].is_string();
        (seen("hello") && seen("world")).then_some(())
    });
    // One works and fails, the other one waits for its turn.
    for name in ["hello", "world"] {
        let params = "andante.dev/params={code: '1', sleep: '5'}";
        space.kubectl(&["annotate", "--overwrite", &format!("ksvc/{name}"), params]).good();
    }
    reads(&["andante_start_goals_pending 1", "andante_start_runs_working 1", "andante_start_runs_started_total 1"]);
    reads(&[
        "andante_start_runs_failed_total 1",
        "andante_start_goals_pending 0",
        "andante_start_runs_started_total 2",
    ]);
    annotate(&space, "andante.dev/traffic=0");
    reads(&["andante_start_declarations_unreadable 1"]);
    annotate(&space, "andante.dev/traffic-");
    reads(&["andante_start_declarations_unreadable 0", "andante_start_rollouts_overdue 0"]);
    follower.signal("TERM");
    assert_eq!(follower.wait(SHORT).code, 0);
}

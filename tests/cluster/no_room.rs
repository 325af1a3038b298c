//! No room for pods, of a quota or of the node: users' load makes revisions not Ready that serve, Knative then takes no split,
//! and the way back is open all the same.

use super::capacity::{bounds, names};
use super::support::*;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// What lets no more than two pods in.
#[derive(Clone, Copy)]
enum Wall {
    Quota,
    /// A resource that only the pods of the test of this name ask for, so that nobody else finds the node full.
    Node(&'static str),
}

impl Wall {
    /// A Service of which each pod bears one request at a time, which takes as long as that, and takes a seat if that is the wall.
    fn service(self, space: &Space, seats_now: u32) -> Sample {
        let mut stable = sample("hello", "v1").env("LATENCY", "100ms");
        stable.object["spec"]["template"]["spec"]["containerConcurrency"] = json!(1);
        if let Self::Node(of) = self {
            seats(space, of, Some(seats_now));
            let one = json!({format!("example.com/seats-{of}"): "1"});
            stable.object["spec"]["template"]["spec"]["containers"][0]["resources"] =
                json!({"limits": one, "requests": one});
        }
        stable
    }

    /// No third pod from now on.
    fn close(self, space: &Space) {
        match self {
            Self::Quota => space
                .apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
                "spec": {"hard": {"pods": "2"}}})),
            Self::Node(of) => seats(space, of, Some(2)),
        }
    }

    /// Waits until load wants more pods than there is room for.
    fn is_felt(self, space: &Space) {
        match self {
            Self::Quota => lacks_room(space, "hello-00001"),
            Self::Node(_) => is_full(space),
        }
    }
}

/// A Service of which each pod bears one request at a time, with users at 50 % of a candidate, and no room for a third pod.
fn at_half(name: &str, wall: Wall) -> (Space, Running, [Value; 2]) {
    let space = Space::new(name);
    space.serve(&wall.service(&space, 2));
    space.stage("hello", "v2");
    let before = of_both(&space);
    let mut walk = space.start(&["walk", "hello", "--steps", "50,100", "--dwell", "5m", "--bake", "5m"]);
    walk.line("step 1 of 2 is served", LONG);
    wall.close(&space);
    (space, walk, before)
}

/// How many seats the node has for the test of this name; None: the resource is gone.
fn seats(space: &Space, of: &str, seats: Option<u32>) {
    let path = format!("/status/capacity/example.com~1seats-{of}");
    let patch = match seats {
        Some(n) => json!([{"op": "add", "path": path, "value": n.to_string()}]),
        None => json!([{"op": "remove", "path": path}]),
    };
    let node = space.kubectl(&["get", "nodes", "-o", "name"]).good().out;
    space.kubectl(&["patch", node.trim(), "--subresource=status", "--type=json", "-p", &patch.to_string()]).good();
    let Some(seats) = seats else { return };
    // The scheduler goes by what is allocatable, which the kubelet sets with its next report: until then a pod finds a seat that is gone.
    eventually("the kubelet reports the seats", LONG, || {
        let path = format!("jsonpath={{.status.allocatable.example\\.com/seats-{of}}}");
        let told = space.kubectl(&["get", node.trim(), "-o", &path]).good().out;
        (told.trim() == seats.to_string()).then_some(())
    });
}

fn lacks_room(space: &Space, revision: &str) {
    let ready = || condition(&space.get("revision", revision), "Ready").0;
    eventually("it lacks room", LONG, || (ready() != "True").then_some(()));
    assert!(pods(space, revision) > 0, "and serves");
}

/// Pods of both find no node, of which Knative makes nothing: their Revisions stay Ready, and splits are taken as ever.
fn is_full(space: &Space) {
    eventually("pods of both wait for a node", LONG, || {
        let waits = |revision: &str| {
            let list = space.list("pods", &format!("serving.knative.dev/revision={revision}"));
            list.iter().any(|pod| condition(pod, "PodScheduled").1 == "Unschedulable")
        };
        (waits("hello-00001") && waits("hello-00002")).then_some(())
    });
    for revision in ["hello-00001", "hello-00002"] {
        assert_eq!(condition(&space.get("revision", revision), "Ready").0, "True", "{revision}");
    }
}

/// Users are back within five seconds of `decided`.
fn is_back(space: &Space, decided: Timestamp) {
    eventually("users are back", LONG, || space.served("hello").starts_with("hello-00001 100").then_some(()));
    let took = Timestamp::now().duration_since(decided);
    eprintln!("FIGURES users are back {took} after the decision");
    assert!(took.as_secs_f64() < 5.0, "{took}");
}

/// Room again: nothing of ours is left, and no pod of stable was replaced.
fn nothing_is_left(space: &Space, wall: Wall, before: &[Value; 2], pods_of_stable: &[String]) {
    let still = names(space, "hello-00001");
    assert!(pods_of_stable.iter().all(|pod| still.contains(pod)), "{pods_of_stable:?}, {still:?}");
    match wall {
        Wall::Quota => drop(space.kubectl(&["delete", "resourcequota", "few"]).good()),
        Wall::Node(of) => seats(space, of, None),
    }
    space.andante(&["settle", "hello"]).ended(0);
    assert_eq!(&[bounds(space, "hello-00001"), bounds(space, "hello-00002")], before, "what the owner had is back");
}

fn of_both(space: &Space) -> [Value; 2] {
    [bounds(space, "hello-00001"), bounds(space, "hello-00002")]
}

fn aborted(name: &str, wall: Wall) {
    let (space, walk, before) = at_half(name, wall);
    let stable = names(&space, "hello-00001");
    let load = Load::start(&space, &["hello"], 60, Duration::from_secs(120));
    wall.is_felt(&space);
    let decided = Timestamp::now();
    space.andante(&["control", "abort", "hello"]).ended(0);
    is_back(&space, decided);
    let ran = walk.wait(LONG).ended(15);
    if let Wall::Quota = wall {
        ran.says("max-scale of hello-00001: ");
    }
    drop(load);
    nothing_is_left(&space, wall, &before, &stable);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn alone_a_full_quota_closes_no_way_back() {
    aborted("room-quota", Wall::Quota);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_full_node_closes_no_way_back() {
    aborted("room-node", Wall::Node("abort"));
}

/// The walk is gone; whoever settles opens the way too.
fn settled(name: &str, wall: Wall) {
    let (space, walk, before) = at_half(name, wall);
    let stable = names(&space, "hello-00001");
    let load = Load::start(&space, &["hello"], 60, Duration::from_secs(120));
    wall.is_felt(&space);
    walk.kill();
    let decided = Timestamp::now();
    let settle = space.start(&["settle", "hello"]);
    is_back(&space, decided);
    settle.wait(LONG).ended(0);
    drop(load);
    nothing_is_left(&space, wall, &before, &stable);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_settle_finds_a_way_back_through_a_full_quota() {
    settled("room-settle", Wall::Quota);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_settle_finds_a_way_back_on_a_full_node() {
    settled("room-node-settle", Wall::Node("settle"));
}

/// A candidate that fails under the same load, judged by what users met.
fn judged(name: &str, wall: Wall) {
    let space = Space::new(name);
    let mut stable = wall.service(&space, 20);
    // Enough for all users at once, so that no more are wanted whatever a rush made the autoscaler think before.
    stable.object["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] = json!("6");
    space.serve(&stable);
    // The walk looks for others for a minute before its first step, and the wall has to be felt before the candidate fails.
    let ill = (Timestamp::now().as_second() + 120).to_string();
    let settings = [format!("INCIDENT_AT={ill}"), "INCIDENT_FOR=10m".to_owned(), "INCIDENT_RATE=0.6".to_owned()];
    let image = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
    let stage: Vec<&str> = image.into_iter().chain(settings.iter().flat_map(|s| ["--set-env", s])).collect();
    space.andante(&stage).ended(0);
    let before = of_both(&space);
    let load = Load::start(&space, &["hello"], 12, Duration::from_secs(260));
    let mut walk =
        space.start(&quick(&["--evidence", "gateway", "--steps", "50,100", "--dwell", "5m", "--objective", "30%"]));
    walk.line("step 1 of 2 is served", LONG);
    wall.close(&space);
    // A pod of each is lost and finds no room any more; those that are left bear what half of the users ask.
    let lost = ["hello-00001", "hello-00002"].map(|revision| names(&space, revision).remove(0));
    space.kubectl(&[&["delete", "pod", "--wait=false"][..], &[&lost[0], &lost[1]]].concat()).good();
    let pods_of_stable: Vec<_> = names(&space, "hello-00001").into_iter().filter(|pod| *pod != lost[0]).collect();
    let more = Load::start(&space, &["hello"], 30, Duration::from_secs(220));
    wall.is_felt(&space);
    let felt = Timestamp::now();
    let decided = walk.line("traffic: back to", Duration::from_secs(150));
    assert!(decided > felt, "the incident began before there was no room: {decided} is before {felt}");
    is_back(&space, decided);
    let ran = walk.wait(LONG);
    assert!([23, 24].contains(&ran.code), "{}", ran.whole());
    drop((load, more));
    nothing_is_left(&space, wall, &before, &pods_of_stable);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_evidence_finds_a_way_back_through_a_full_quota() {
    judged("room-evidence", Wall::Quota);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_evidence_finds_a_way_back_on_a_full_node() {
    judged("room-node-evidence", Wall::Node("evidence"));
}

/// Only stable wants more pods than there is room for: the candidate is well, and users come back all the same.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_stable_alone_lacks_room_and_the_way_back_is_open() {
    let space = Space::new("room-stable");
    let mut stable = sample("hello", "v1").env("LATENCY", "100ms");
    stable.object["spec"]["template"]["spec"]["containerConcurrency"] = json!(1);
    space.serve(&stable);
    // The candidate answers at once, so that one pod bears all its users.
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", "LATENCY=1ms"]).ended(0);
    let (before, pods_of_stable) = (of_both(&space), names(&space, "hello-00001"));
    let mut walk = space.start(&["walk", "hello", "--steps", "50,100", "--dwell", "5m", "--bake", "5m"]);
    walk.line("step 1 of 2 is served", LONG);
    space.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
        "spec": {"hard": {"pods": "2"}}}));
    let load = Load::start(&space, &["hello"], 60, Duration::from_secs(120));
    lacks_room(&space, "hello-00001");
    let decided = Timestamp::now();
    space.andante(&["control", "abort", "hello"]).ended(0);
    is_back(&space, decided);
    walk.wait(LONG).ended(15);
    drop(load);
    nothing_is_left(&space, Wall::Quota, &before, &pods_of_stable);
}

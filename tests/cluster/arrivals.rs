//! Users who do not come by the Service's own address: through a DomainMapping, or from inside the cluster. The gateway
//! passes their requests through itself, and they must be counted once, for the revision that answers.

use super::support::*;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;

const RATE: u32 = 50;
/// One step at half of all, long enough to be counted at several readings.
const HALF: [&str; 8] = ["--evidence", "gateway", "--steps", "50,100", "--dwell", "70s", "--deadline", "10m"];

/// How far apart the load's moments and those of readings may lie: a request is sent before the gateway counts it, an instant
/// lies within the reading that it is of, and windows open with the first reading after the step is served.
const APART: SignedDuration = SignedDuration::from_millis(500);

/// Walks to half of all while this load asks, and holds what the walk says was counted against what the load sent. That can be no
/// more exact than the windows' ends are known, [`APART`] at each: what arrives while no window is open is not counted.
#[track_caller]
fn counted_once(space: &Space, load: Load) {
    std::thread::sleep(Duration::from_secs(2));
    let mut walk = space.start(&quick(&HALF));
    let opened = walk.line("step 1 of 2 is served", LONG);
    // The first save is a minute after the step, and says what it saves.
    walk.line("hello-00002 failed 0 of ", LONG);
    let saved = eventually("what was counted is saved", LONG, || {
        Some(space.record("hello")).filter(|record| record["evidence"]["sums"]["windows"].as_u64() > Some(0))
    });
    walk.signal("INT");
    let ran = walk.wait(LONG).ended(19);
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    let closed: Timestamp = saved["evidence"]["counters"]["at"].as_str().unwrap().parse().unwrap();
    let line = ran.lines.iter().find(|line| line.contains("hello-00002 failed 0 of ")).unwrap();
    for (arm, said, version) in [("stable", "hello-00001 0 of ", "v1"), ("candidate", "hello-00002 failed 0 of ", "v2")]
    {
        let printed = line.split(said).nth(1).and_then(|rest| rest.split(' ').next()).and_then(|n| n.parse().ok());
        let printed: u64 = printed.unwrap_or_else(|| panic!("no count of {arm}: {line}"));
        let sent = |from: Timestamp, to: Timestamp| {
            let users = hits.iter().filter(|h| h.version.as_deref() == Some(version));
            users.filter(|h| h.at >= from && h.at < to).count() as u64
        };
        let (least, most) = (sent(opened + APART, closed - APART), sent(opened - APART, closed + APART));
        // Knative's own probes fall into a window only where it takes longer to serve a split than a reading lasts.
        let moving = &saved["evidence"]["sums"]["moving"][usize::from(arm == "stable")][0];
        let users = printed - moving.as_u64().unwrap_or(0);
        eprintln!("FIGURES arrivals {}: {arm} {printed} printed, {least} to {most} sent", space.namespace);
        assert!((least..=most).contains(&users), "{arm}: {users} counted, users sent {least} to {most}: {line}");
        assert_eq!(saved["evidence"]["sums"][arm][0].as_u64(), Some(users), "what is printed is what is saved");
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_users_of_a_domain_mapping_are_counted_once() {
    let space = Space::new("mapped");
    space.serve(&sample("hello", "v1"));
    let domain = format!("{}.example.org", space.namespace);
    space.apply(&json!({"apiVersion": "networking.internal.knative.dev/v1alpha1", "kind": "ClusterDomainClaim",
        "metadata": {"name": domain}, "spec": {"namespace": space.namespace}}));
    space.apply(&json!({"apiVersion": "serving.knative.dev/v1beta1", "kind": "DomainMapping",
        "metadata": {"name": domain},
        "spec": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello"}}}));
    eventually("the domain answers", LONG, || space.cluster.ask(&domain, "/").filter(|a| a.status == 200));
    space.stage("hello", "v2");
    let gateway = space.cluster.gateway.clone();
    let load = Load::at(&space, &gateway, &[("hello", domain.clone())], RATE, Duration::from_secs(200));
    counted_once(&space, load);
    // The claim is of the whole cluster.
    space.kubectl(&["delete", "clusterdomainclaim", &domain]).good();
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_users_from_inside_the_cluster_are_counted_once() {
    let space = Space::new("inside");
    let mut inside = sample("hello", "v1");
    inside.object["metadata"]["labels"] = json!({"networking.knative.dev/visibility": "cluster-local"});
    space.apply(&inside.object);
    space.settled("hello");
    let host = format!("hello.{}.svc.cluster.local", space.namespace);
    // The gateway's own port for the inside.
    let gateway = space.cluster.gateway.replace(":8080", ":8081");
    space.stage("hello", "v2");
    let load = Load::at(&space, &gateway, &[("hello", host)], RATE, Duration::from_secs(200));
    counted_once(&space, load);
}

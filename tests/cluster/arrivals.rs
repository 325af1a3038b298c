//! Users who do not come by the Service's own address: through a DomainMapping, or from inside the cluster. The gateway
//! passes their requests through itself, and they must be counted once, for the revision that answers.

use super::support::*;
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

const RATE: u32 = 50;
/// One step at half of all, long enough to be counted at several readings.
const HALF: [&str; 8] = ["--evidence", "gateway", "--steps", "50,100", "--dwell", "70s", "--deadline", "10m"];

/// Walks to half of all while this load asks, and holds what the record says was counted against what the load sent.
#[track_caller]
fn counted_once(space: &Space, load: Load) {
    std::thread::sleep(Duration::from_secs(2));
    let mut walk = space.start(&quick(&HALF));
    walk.line("step 1 of 2 is served", LONG);
    // The first save is a minute after the step.
    let saved = eventually("what was counted is saved", LONG, || {
        Some(space.record("hello")).filter(|record| record["evidence"]["sums"]["windows"].as_u64() > Some(0))
    });
    walk.signal("INT");
    walk.wait(LONG).ended(19);
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    let (sums, counters) = (&saved["evidence"]["sums"], &saved["evidence"]["counters"]);
    let until: Timestamp = counters["at"].as_str().unwrap().parse().unwrap();
    let from: Timestamp = saved["step_at"].as_str().unwrap().parse().unwrap();
    for (arm, version) in [("stable", "v1"), ("candidate", "v2")] {
        let counted = sums[arm][0].as_u64().unwrap();
        let users = hits.iter().filter(|h| h.version.as_deref() == Some(version));
        let got = users.filter(|h| h.at > from && h.at < until).count() as u64;
        // Windows open with the first reading after the step is served, at most some seconds later.
        assert!(counted <= got + 5, "{arm}: {counted} counted, users sent {got}");
        assert!(counted * 10 >= got * 8, "{arm}: {counted} counted, users sent {got}");
        assert_eq!(sums[arm][1], 0, "no user of {arm} met a failure");
    }
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn users_of_a_domain_mapping_are_counted_once() {
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
#[ignore = "needs a cluster: make test-cluster"]
fn long_users_from_inside_the_cluster_are_counted_once() {
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

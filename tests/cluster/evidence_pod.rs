//! Evidence as pods see it: the image as it is shipped asks the gateway's pods, with the Roles that are shipped and no more.

use super::evidence_sources::Granted;
use super::pod::{ended, pod, restricted};
use super::support::*;
use std::time::Duration;

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_pod_walks_on_the_gateways_evidence_with_the_role_that_is_shipped_and_not_without() {
    let place = restricted("pod-evidence");
    place.target.serve(&sample("hello", "v1"));
    let staging = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", "ERROR_RATE=0.2"];
    pod(&place, "stage", "run-1", &staging);
    ended(&place, "stage", 0);
    let before = place.target.split("hello");
    let walk = quick(&["--evidence", "gateway", "--style", "budget"]);
    let load = Load::start(&place.target, &["hello"], 100, Duration::from_secs(300));
    pod(&place, "denied", "run-1", &walk);
    let denied = ended(&place, "denied", 20);
    for part in
        ["may not list endpointslices.discovery.k8s.io in namespace kourier-system", "config/gateway-metrics.yaml"]
    {
        assert!(denied.contains(part), "{denied}");
    }
    assert_eq!(place.target.split("hello"), before, "nobody was moved");
    let _granted = Granted::to(&place.steps, "andante", "gateway-metrics.yaml");
    // A binding takes effect within a moment.
    std::thread::sleep(Duration::from_secs(2));
    pod(&place, "walk", "run-1", &walk);
    let said = ended(&place, "walk", 23);
    assert!(said.contains("worse than stable"), "{said}");
    assert!(place.target.split("hello").starts_with("hello-00001 100"), "{}", place.target.split("hello"));
    place.target.answers("hello", "v1", 5);
    let hits = load.stop();
    let bad = hits.iter().filter(|hit| !hit.is_good()).count();
    assert!(bad > 0 && bad <= 60, "{bad} bad answers: {}", summary(&hits));
}

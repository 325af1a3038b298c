//! A second networking layer, net-gateway-api with Contour: who serves is found, what its Envoys count is what users met, and calls
//! of gRPC are judged by their own status.

use super::evidence_sources::{Granted, Reader, growth};
use super::rights::{account, least};
use super::support::*;
use andante::evidence::reading::{Counters, NoReading, Pair};
use serde_json::json;
use std::time::Duration;

const CLASS: (&str, &str) = ("networking.knative.dev/ingress.class", "gateway-api.ingress.networking.knative.dev");
const BUDGET: [&str; 4] = ["--evidence", "gateway", "--style", "budget"];
const NAMED: &str = "evidence: net-gateway-api with Contour: gateways contour-external/envoy-knative-external and \
                     contour-internal/envoy-knative-local, 2 pods";

/// A Service of that layer with stable `v1` and a staged `v2` that has this setting, and the address of the outer gateway.
fn staged(test: &str, stable: Sample, setting: &str) -> (Space, String) {
    contour();
    let space = Space::new(test);
    let gateway = outer(&space);
    space.apply(&stable.annotation(CLASS.0, CLASS.1).object);
    space.settled("hello");
    let edge = Cluster { gateway: gateway.clone(), ..space.cluster.clone() };
    let host = space.host("hello");
    eventually("hello answers at Contour's gateway", LONG, || edge.ask(&host, "/").filter(|a| a.status == 200));
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", setting];
    space.andante(&stage).ended(0);
    (space, gateway)
}

/// The pod behind the outer gateway's Service: there is no load balancer.
fn outer(space: &Space) -> String {
    let mut command = space.cluster.kubectl();
    let pod = "jsonpath={.subsets[0].addresses[0].ip}:{.subsets[0].ports[?(@.name=='http-80')].port}";
    let output =
        command.args(["get", "endpoints", "-n", "contour-external", "envoy-knative-external", "-o", pod]).output();
    let address = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(address.split(':').all(|part| !part.is_empty()) && address.contains(':'), "{address:?}");
    address
}

/// A Service whose container speaks HTTP/2 without TLS, as those of gRPC do.
fn calls() -> Sample {
    let mut sample = sample("hello", "v1");
    sample.object["spec"]["template"]["spec"]["containers"][0]["ports"] =
        json!([{"name": "h2c", "containerPort": 8080}]);
    sample
}

/// One revision's counters at a gateway.
type Arm = fn(&Pair) -> Option<&Counters>;

fn stable(pair: &Pair) -> Option<&Counters> {
    pair.stable.as_ref()
}

fn candidate(pair: &Pair) -> Option<&Counters> {
    pair.candidate.as_ref()
}

/// What came between of an arm over all gateways: sent, answered, failed, and answers in the histogram.
fn grown(before: &[Pair], after: &[Pair], arm: Arm) -> (u64, u64, u64, u64) {
    before.iter().zip(after).fold((0, 0, 0, 0), |sum, (before, after)| {
        let Some(after) = arm(after) else { return sum };
        let more = growth(arm(before), Some(after));
        (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2, sum.3 + more.3)
    })
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_contours_gateways_count_what_users_met() {
    let (space, gateway) = staged("contour-counts", sample("hello", "v1"), "ERROR_RATE=0.2");
    space.andante(&["walk", "hello", "--steps", "50", "--to", "50", "--dwell", "1s"]).ended(0).ends_with("held");
    let reader = Reader::gateway(&space, &space.cluster.kubeconfig);
    let read = || reader.try_read().unwrap().strata.into_values().collect::<Vec<_>>();
    // Probes of the split are over, and histograms, which Envoy refreshes every five seconds, are whole.
    std::thread::sleep(Duration::from_secs(8));
    let before = read();
    assert_eq!(before.len(), 2, "the inner gateway knows both revisions as well");
    let hits = Load::through(&space, &gateway, &["hello"], 100, Duration::from_secs(8)).join();
    std::thread::sleep(Duration::from_secs(8));
    let after = read();
    let of = |version: &str, bad: bool| {
        let seen = hits.iter().filter(|h| h.version.as_deref() == Some(version) && (!bad || h.status == 500));
        u64::try_from(seen.count()).unwrap()
    };
    assert!(of("v2", true) > 30 && of("v1", false) > 250, "{}", summary(&hits));
    // Where a user gave up first the gateway sent that request all the same.
    if hits.iter().all(|hit| hit.status > 0) {
        for (version, arm) in [("v1", stable as Arm), ("v2", candidate)] {
            let wanted = (of(version, false), of(version, false), of(version, true), of(version, false));
            assert_eq!(grown(&before, &after, arm), wanted, "{version}: {}", summary(&hits));
        }
    }
}

/// Walks on evidence of whoever serves; Contour's gateway is what that turns out to be.
fn judged(space: &Space, load: Load, name: &str) -> Judged {
    let judged = Judged::of(space, load, &BUDGET, || {});
    judged.figures(name);
    judged.ran.clone().says(NAMED).says("the source tells of hello-00001: ");
    judged
}

/// Bad answers, by the candidate itself. On a machine out of breath a user may give up first, whoever was asked.
fn answered_badly(judged: &Judged) -> usize {
    judged.hits.iter().filter(|hit| hit.status > 0 && !hit.is_good()).count()
}

/// It went back by what was counted, soon, and few met it.
fn went_back(space: &Space, judged: &Judged, most: usize) {
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    let bad = answered_badly(judged);
    assert!(bad > 0 && bad <= most, "{}", summary(&judged.hits));
    assert!(judged.late() < Duration::from_secs(2), "users off the candidate {:?} after the reading", judged.late());
}

fn users(space: &Space, gateway: &str) -> Load {
    Load::through(space, gateway, &["hello"], 100, Duration::from_secs(280))
}

fn callers(space: &Space, gateway: &str) -> Load {
    Load::calls(space, gateway, "hello", 100, Duration::from_secs(280))
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_good_release_is_promoted_by_contours_counters() {
    let (space, gateway) = staged("contour-good", sample("hello", "v1"), "ERROR_RATE=0");
    let judged = judged(&space, users(&space, &gateway), "contour-good");
    judged.ran.clone().ended(0).ends_with("finished").says("evidence against 3 times the odds of failure");
    assert_eq!(answered_badly(&judged), 0, "{}", summary(&judged.hits));
    assert_eq!(space.split("hello"), "latest 100");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_release_that_always_fails_goes_back_by_contours_counters() {
    let (space, gateway) = staged("contour-fails", sample("hello", "v1"), "ERROR_RATE=1");
    let judged = judged(&space, users(&space, &gateway), "contour-fails");
    // The objective, where the split was slow to be served: until then nothing is compared.
    assert!([23, 24].contains(&judged.ran.code), "{}", judged.ran.whole());
    went_back(&space, &judged, 60);
}

/// Every answer is a 200; what each call came to stands in its own status.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_calls_of_grpc_that_fail_within_a_200_send_users_back() {
    let (space, gateway) = staged("calls-fail", calls().env("CALL_STATUS", "13"), "ERROR_RATE=1");
    let judged = judged(&space, callers(&space, &gateway), "calls-fail");
    judged.ran.clone().ended(23).says("worse than stable: fails gRPC calls").says("gRPC calls of hello-00001: ");
    assert!(judged.hits.iter().all(|hit| [0, 200].contains(&hit.status)), "{}", summary(&judged.hits));
    assert!(judged.hits.iter().any(|hit| hit.call.as_deref() == Some("13")), "{}", summary(&judged.hits));
    // Until a split is served the objective alone acts, and it speaks of no calls.
    went_back(&space, &judged, 100);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_calls_of_grpc_that_are_answered_are_promoted() {
    let (space, gateway) = staged("calls-good", calls(), "ERROR_RATE=0");
    let judged = judged(&space, callers(&space, &gateway), "calls-good");
    judged.ran.clone().ended(0).ends_with("finished").says("gRPC calls of hello-00001: ");
    assert_eq!(answered_badly(&judged), 0, "{}", summary(&judged.hits));
    assert_eq!(space.split("hello"), "latest 100");
}

/// Nothing is begun where nobody knows how to read who serves.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_layer_that_is_not_known_ends_the_walk_before_it_begins() {
    let space = Space::new("unknown-layer");
    space.apply(&sample("hello", "v1").annotation(CLASS.0, "istio.ingress.networking.knative.dev").object);
    let ran = space.andante(&["walk", "hello", "--evidence", "gateway"]).ended(2);
    assert!(
        ran.last().contains("hello is served by Istio") && ran.last().contains("--evidence-metrics"),
        "{}",
        ran.last()
    );
    assert_eq!(ran.lines.len(), 1, "{}", ran.whole());
}

/// The steps' own Role and those that are shipped for this layer are all that a walk needs; without them its pods are not found.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_contours_gateways_are_found_by_the_roles_that_are_shipped() {
    let (space, _) = staged("contour-roles", sample("hello", "v1"), "ERROR_RATE=0");
    let file = account(&space, &least());
    let reader = || Reader::gateway(&space, &file);
    let denied = reader().try_read().unwrap_err();
    assert!(matches!(denied, NoReading::Forbidden(_)), "{denied}");
    let denied = denied.to_string();
    for part in ["endpointslices.discovery.k8s.io in namespace contour-", "config/gateway-metrics-contour.yaml"] {
        assert!(denied.contains(part), "{denied}");
    }
    let _granted = Granted::to(&space, "stepper", "gateway-metrics-contour.yaml");
    let reader = reader();
    // A binding takes effect within a moment.
    let strata = eventually("the pods are found", SHORT, || reader.try_read().ok()).strata;
    assert!(strata.values().all(|pair| pair.stable.as_ref().is_some_and(|counters| counters.sent.is_some())));
    let mut walk = space.start(&["walk", "hello", "--evidence", "gateway", "--kubeconfig", &file]);
    walk.line(NAMED, LONG);
    walk.kill();
}

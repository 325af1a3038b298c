//! What sources of evidence tell is what users met: Kourier's Envoy itself, and a real Prometheus that scrapes it.

use super::rights::{account, least};
use super::support::*;
use andante::adapter::cluster::{Connect, Kube};
use andante::adapter::env::Environment;
use andante::adapter::source::{
    CountersFrom, EvidenceSource, Fetch, Gateway, GatewayPlace, HttpCredentials, Prometheus, WhoseGateway,
};
use andante::evidence::reading::{Arms, Counters, NoReading, Pair, Reading};
use andante::evidence::series::{Dialect, Preset};
use andante::run::ports::Source;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5);

/// A source, read from a test that is no async one.
pub(super) struct Reader {
    runtime: tokio::runtime::Runtime,
    evidence: EvidenceSource,
    arms: Arms,
}

impl Reader {
    fn new(space: &Space, from: impl FnOnce() -> CountersFrom) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let from = {
            let _inside = runtime.enter();
            from()
        };
        let arms = Arms {
            namespace: space.namespace.parse().unwrap(),
            stable: "hello-00001".parse().unwrap(),
            candidate: "hello-00002".parse().unwrap(),
        };
        Self {
            runtime,
            evidence: EvidenceSource { from, gates: None, limit: LIMIT, patience: Duration::from_secs(60) },
            arms,
        }
    }

    /// The gateway of whatever serves `hello`.
    pub(super) fn gateway(space: &Space, kubeconfig: &str) -> Self {
        Self::new(space, || {
            let (kubeconfig, namespace) = (Some(PathBuf::from(kubeconfig)), Some(space.namespace.parse().unwrap()));
            let settings = Connect { kubeconfig, namespace, ..Connect::default() };
            let kube = Kube::connect(&settings, &Environment::invented([], Path::new("/nowhere"))).unwrap();
            let whose = WhoseGateway::Serves("hello".parse().unwrap());
            let fetch = Fetch::new(None, HttpCredentials::None, LIMIT).unwrap();
            CountersFrom::Gateway(Box::new(Gateway::new(kube, whose, GatewayPlace::default(), fetch)))
        })
    }

    fn prometheus(space: &Space, server: &PrometheusServer) -> Self {
        Self::new(space, || {
            let fetch = Fetch::new(None, HttpCredentials::None, LIMIT).unwrap();
            let dialect = Dialect::preset(Preset::Kourier);
            CountersFrom::Prometheus(Box::new(Prometheus::new(fetch, &server.url(), dialect).unwrap()))
        })
    }

    pub(super) fn try_read(&self) -> Result<Reading, NoReading> {
        self.runtime.block_on(self.evidence.read(&self.arms))
    }

    /// The only stratum's pair.
    #[track_caller]
    fn read(&self) -> Pair {
        let reading = self.try_read().unwrap();
        assert_eq!(reading.strata.len(), 1, "{reading:?}");
        reading.strata.into_values().next().unwrap()
    }
}

/// What came between: sent, answered, failed, and answers in the histogram.
pub(super) fn growth(before: Option<&Counters>, after: Option<&Counters>) -> (u64, u64, u64, u64) {
    let zero = Counters { sent: Some(0), ..Counters::default() };
    let (before, after) = (before.unwrap_or(&zero), after.unwrap());
    let whole = |c: &Counters| c.latency.as_ref().and_then(|l| l.last()).map_or(0, |(_, n)| *n);
    (
        after.sent.unwrap() - before.sent.unwrap(),
        after.completed - before.completed,
        after.failed - before.failed,
        whole(after) - whole(before),
    )
}

/// Two revisions with half of the users each; the newer one has this setting.
fn halves(space: &Space, setting: &str) {
    space.serve(&sample("hello", "v1"));
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", setting];
    space.andante(&stage).ended(0);
    space.andante(&["walk", "hello", "--steps", "50", "--to", "50", "--dwell", "1s"]).ended(0).ends_with("held");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_gateway_and_prometheus_count_what_users_met() {
    let space = Space::new("counted");
    halves(&space, "ERROR_RATE=0.2");
    let pod = space.cluster.gateway.replace(":8080", ":9000");
    let server = PrometheusServer::start("counted", &[pod], "1s");
    let (gateway, prometheus) =
        (Reader::gateway(&space, &space.cluster.kubeconfig), Reader::prometheus(&space, &server));
    // Knative's probes of the split are over, and the histogram, which Envoy refreshes every five seconds, is whole.
    std::thread::sleep(Duration::from_secs(8));
    let before = gateway.read();
    let hits = Load::start(&space, &["hello"], 100, Duration::from_secs(10)).join();
    std::thread::sleep(Duration::from_secs(8));
    let after = gateway.read();
    let of = |version: &str, bad: bool| {
        let seen = hits.iter().filter(|h| h.version.as_deref() == Some(version) && (!bad || h.status == 500));
        u64::try_from(seen.count()).unwrap()
    };
    assert!(of("v2", true) > 40 && of("v1", false) > 300, "{}", summary(&hits));
    // On a machine out of breath a user may give up first: the gateway sent that request all the same, to either.
    let silent = u64::try_from(hits.iter().filter(|h| h.status == 0).count()).unwrap();
    let (stable, candidate) = (
        growth(before.stable.as_ref(), after.stable.as_ref()),
        growth(before.candidate.as_ref(), after.candidate.as_ref()),
    );
    let wanted = |version| (of(version, false), of(version, false), of(version, true), of(version, false));
    if silent == 0 {
        assert_eq!((stable, candidate), (wanted("v1"), wanted("v2")));
    }
    let more = |(sent, completed, failed, timed): (u64, u64, u64, u64), version| {
        let (all, bad) = (of(version, false), of(version, true));
        let unheard = |counted: u64, heard: u64| counted.checked_sub(heard).expect("what users met was counted");
        assert!(unheard(failed, bad) <= silent && unheard(timed, all) <= silent);
        unheard(completed, all).max(unheard(sent, all))
    };
    assert!(more(stable, "v1") + more(candidate, "v2") <= silent, "{stable:?} {candidate:?} {}", summary(&hits));
    assert_eq!(prometheus.read(), after, "Prometheus tells the same counters");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_is_never_answered_was_sent_all_the_same() {
    let space = Space::new("unanswered");
    // Longer than users wait.
    halves(&space, "LATENCY=10s");
    let gateway = Reader::gateway(&space, &space.cluster.kubeconfig);
    std::thread::sleep(Duration::from_secs(12));
    let before = gateway.read();
    let hits = Load::start(&space, &["hello"], 20, Duration::from_secs(10)).join();
    std::thread::sleep(Duration::from_secs(1));
    let after = gateway.read();
    let silent = hits.iter().filter(|h| h.status == 0).count();
    let (sent, completed, failed, _) = growth(before.candidate.as_ref(), after.candidate.as_ref());
    let lost = sent - completed - after.candidate.as_ref().unwrap().active.unwrap();
    assert!(silent > 50, "{}", summary(&hits));
    assert!(lost >= u64::try_from(silent).unwrap() && failed <= 2, "{sent} {completed} {failed} {lost} {silent}");
}

/// Kourier makes the Envoy cluster of a revision anew whenever its pods change. Counters by status begin anew with that, as they are
/// made with the first answer; those of requests go on.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_counters_by_status_that_begin_anew_with_pods_are_no_broken_source() {
    let space = Space::new("new-pods");
    // Without the activator in between, whose address does not change with pods.
    space.serve(&sample("hello", "v1").template_annotation("autoscaling.knative.dev/target-burst-capacity", "0"));
    space.stage("hello", "v2");
    let gateway = Reader::gateway(&space, &space.cluster.kubeconfig);
    Load::start(&space, &["hello"], 50, Duration::from_secs(4)).join();
    std::thread::sleep(Duration::from_secs(2));
    let before = gateway.read().stable.unwrap();
    assert!(before.completed >= 200);
    let pods = json!({"metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "2"}}});
    space.merge("revision", "hello-00001", &pods).good();
    eventually("two pods", LONG, || {
        (space.get("revision", "hello-00001")["status"]["actualReplicas"] == 2).then_some(())
    });
    std::thread::sleep(Duration::from_secs(3));
    Load::start(&space, &["hello"], 5, Duration::from_secs(3)).join();
    let after = gateway.try_read().unwrap().strata.into_values().next().unwrap().stable.unwrap();
    assert!(after.completed >= before.completed + 15, "{before:?} {after:?}");
}

/// What docs/evidence-sources.md says of requests that no user made.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_knatives_probes_of_a_split_are_in_the_counters_and_a_record_brings_none() {
    let space = Space::new("no-users");
    halves(&space, "ERROR_RATE=0");
    let gateway = Reader::gateway(&space, &space.cluster.kubeconfig);
    let quiet = Duration::from_secs(8);
    std::thread::sleep(quiet);
    let grown = |before: &Pair, after: &Pair| {
        let stable = growth(before.stable.as_ref(), after.stable.as_ref());
        let candidate = growth(before.candidate.as_ref(), after.candidate.as_ref());
        (stable.1 + candidate.1, stable.2 + candidate.2)
    };
    let before = gateway.read();
    space
        .merge("ksvc", "hello", &json!({"metadata": {"annotations": {"example.com/note": "as a record is saved"}}}))
        .good();
    space.settled("hello");
    std::thread::sleep(quiet);
    let noted = gateway.read();
    assert_eq!(grown(&before, &noted), (0, 0), "an annotation is no other split");
    let mut traffic = space.service("hello")["spec"]["traffic"].clone();
    for target in traffic.as_array_mut().unwrap() {
        let percent = target["percent"].as_u64().unwrap_or_default();
        if percent > 0 {
            let stable = target["revisionName"] == "hello-00001";
            target["percent"] = json!(if stable { 60 } else { 40 });
        }
    }
    space.merge("ksvc", "hello", &json!({"spec": {"traffic": traffic}})).good();
    space.settled("hello");
    std::thread::sleep(quiet);
    let (probes, failed) = grown(&noted, &gateway.read());
    println!("probes of one write: {probes}");
    assert!((1..=120).contains(&probes) && failed == 0, "{probes} probes, {failed} failed");
}

/// Roles that are shipped in a file of `config`, for an account of this test.
pub(super) struct Granted<'a>(&'a Space, String);

impl<'a> Granted<'a> {
    pub(super) fn to(space: &'a Space, account: &str, file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let subject = "name: andante\n    namespace: default";
        assert!(text.contains(subject));
        let text = text
            .replace("andante-gateway-metrics", &format!("{}-metrics", space.namespace))
            .replace(subject, &format!("name: {account}\n    namespace: {}", space.namespace));
        let granted = Self(space, space.file("role.yaml", &text));
        assert!(granted.kubectl("apply").status().unwrap().success());
        granted
    }

    fn kubectl(&self, verb: &str) -> Command {
        let mut command = self.0.cluster.kubectl();
        command.args([verb, "-f", &self.1]);
        command
    }
}

impl Drop for Granted<'_> {
    fn drop(&mut self) {
        drop(self.kubectl("delete").output());
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_gateways_pods_are_found_by_the_role_that_is_shipped_and_not_without() {
    let space = Space::new("gateway-role");
    halves(&space, "ERROR_RATE=0");
    let file = account(&space, &least());
    let denied = Reader::gateway(&space, &file).try_read().unwrap_err();
    assert!(matches!(denied, NoReading::Forbidden(_)), "{denied}");
    let denied = denied.to_string();
    for part in [
        "stepper may not list endpointslices.discovery.k8s.io in namespace kourier-system",
        "config/gateway-metrics.yaml",
    ] {
        assert!(denied.contains(part), "{denied}");
    }
    let _granted = Granted::to(&space, "stepper", "gateway-metrics.yaml");
    let reader = Reader::gateway(&space, &file);
    // A binding takes effect within a moment.
    let pair = eventually("the pods are found", SHORT, || reader.try_read().ok());
    let pair = pair.strata.values().next().unwrap();
    assert!(pair.candidate.as_ref().is_some_and(|c| c.sent > Some(0)));
}

/// The steps' own Role and the gateway's are all that a walk on evidence needs; without the second nobody is moved.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_walk_on_evidence_needs_both_roles_and_no_more() {
    let space = Space::new("both-roles");
    space.serve(&sample("hello", "v1"));
    let file = account(&space, &least());
    space.stage("hello", "v2");
    let before = space.split("hello");
    let flags = ["--evidence", "gateway", "--style", "budget", "--kubeconfig", &file];
    let denied = space.andante(&quick(&flags)).ended(20);
    assert!(denied.last().contains("config/gateway-metrics.yaml"), "{}", denied.last());
    assert_eq!(space.split("hello"), before, "nobody was moved");
    let _granted = Granted::to(&space, "stepper", "gateway-metrics.yaml");
    Judged::walk(&space, 100, &flags).ran.ended(0).ends_with("finished");
    assert_eq!(space.split("hello"), "latest 100");
}

//! The API server reads well and takes no write: an admission webhook that must be asked, and cannot be.

use super::support::*;
use serde_json::json;
use std::time::{Duration, Instant};

const STAY: [&str; 10] = ["walk", "hello", "--steps", "50,100", "--dwell", "8s", "--bake", "1m", "--patience", "15s"];

/// A webhook for updates of Services in this namespace that nobody answers. It goes when this value does.
struct DeadWebhook<'a>(&'a Space);

impl<'a> DeadWebhook<'a> {
    fn put_up(space: &'a Space) -> Self {
        space.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": space.namespace},
            "webhooks": [{
                "name": "nobody.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail", "timeoutSeconds": 2, "clientConfig": {"url": "https://127.0.0.1:9/"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.namespace}},
                "rules": [{"apiGroups": ["serving.knative.dev"], "apiVersions": ["*"], "operations": ["UPDATE"],
                    "resources": ["services"]}]
            }]
        }));
        let hook = Self(space);
        eventually("the webhook is asked", LONG, || {
            (space.merge("ksvc", "hello", &json!({"metadata": {"labels": {"a": "b"}}})).code != 0).then_some(())
        });
        hook
    }
}

impl Drop for DeadWebhook<'_> {
    fn drop(&mut self) {
        let mut command = self.0.cluster.kubectl();
        drop(command.args(["delete", "validatingwebhookconfiguration", &self.0.namespace]).output());
    }
}

/// A walk at 50 %, through a proxy that counts.
fn at_half(space: &Space, proxy: &FaultProxy) -> Running {
    space.serve(&sample("hello", "v1"));
    space.start_as("run", &["stage", "hello", "--image", "dev.local/andante-sample:v2"]).wait(LONG).ended(0);
    let mut walk = proxy.andante(space, "run", &STAY);
    walk.line("step 1 of 2 is served", LONG);
    walk
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_step_that_cannot_be_written_ends_the_walk_within_its_patience() {
    let (space, proxy) = (Space::new("no-writes"), FaultProxy::start());
    let walk = at_half(&space, &proxy);
    let _hook = DeadWebhook::put_up(&space);
    let (began, before) = (Instant::now(), proxy.count("patch"));
    let ended =
        walk.wait(LONG).ended(21).says("the webhook nobody.example.com could not be asked (connection refused)");
    ended.ends_with("traffic now: hello-00001 50 % (tag stable), hello-00002 50 % (tag candidate)");
    assert!(began.elapsed() < Duration::from_secs(8 + 15 + 10), "{:?}", began.elapsed());
    let writes = proxy.count("patch") - before;
    assert!(writes <= 12, "{writes} writes in {:?}", began.elapsed());
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_way_back_that_cannot_be_written_asks_for_a_person() {
    let (space, proxy) = (Space::new("no-way-back"), FaultProxy::start());
    let walk = at_half(&space, &proxy);
    let hook = DeadWebhook::put_up(&space);
    let began = Instant::now();
    space.kubectl(&["delete", "revision", "hello-00002", "--wait=true"]).good();
    let ended = walk.wait(LONG).ended(22).says("the way back could not be written");
    ended.ends_with("traffic now: hello-00001 50 % (tag stable), hello-00002 50 % (tag candidate)");
    assert!(began.elapsed() < Duration::from_secs(15 + 15), "{:?}", began.elapsed());
    drop(hook);
    // Once the webhook is gone the brake works.
    eventually("settled", LONG, || {
        (space.start_as("run", &["settle", "hello", "--to", "stable"]).wait(LONG).code == 0).then_some(())
    });
    space.answers("hello", "v1", 5);
}

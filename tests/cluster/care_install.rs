//! Care at admission as it is shipped: one command for the whole cluster, one takes it away, and what stays behind.
//!
//! It looks at everybody's Services, so nothing else may run beside it: `make test-full` comes to it at the end, and
//! `tests/with-cluster cargo test --test cluster -- --ignored care_install` runs it by itself.

use super::support::*;
use serde_json::json;

fn folder(name: &str) -> String {
    format!("{}/config/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Takes the policies away also where the test fails.
struct Shipped;

impl Drop for Shipped {
    fn drop(&mut self) {
        let mut command = Cluster::get().kubectl();
        let gone = ["delete", "--ignore-not-found", "--wait=false", "--request-timeout=20s", "-k", &folder("care")];
        drop(run(command.args(gone), None, LONG));
    }
}

#[test]
#[ignore = "needs a cluster that nobody else uses meanwhile: make test-full"]
fn alone_long_care_comes_and_goes_by_one_command() {
    let (space, other) = (Space::new("care-install"), Space::new("care-install-too"));
    let there = space.kubectl(&["get", "validatingadmissionpolicies", "andante-care", "--ignore-not-found"]).good();
    assert_eq!(there.out, "", "care is installed on this cluster already, and this test would take it away");
    for space in [&space, &other] {
        space.serve(&declared("hello", "v1"));
    }
    space.serve(&sample("plain", "v1"));
    let to = |revision: &str| json!({"spec": {"traffic": [{"revisionName": revision, "percent": 100}]}}).to_string();
    let dry = || {
        let patch = ["patch", "ksvc", "hello", "--type=merge", "--dry-run=server", "-p", &to("hello-00001")];
        let done = space.kubectl(&patch);
        (done.code == 0, done.err.contains("moved by its rollouts alone"))
    };
    let shipped = Shipped;
    space.kubectl(&["apply", "-k", &folder("care")]).good();
    // In every namespace, and who is not in care is as before.
    for space in [&space, &other] {
        take_effect(space, "hello");
    }
    space.merge("ksvc", "plain", &of_version("v2")).good();
    space.answers("plain", "v2", 3);
    patched(&space, &of_version("v2")).good();
    space.ready("hello-00002");
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.stage("hello", "v3");
    // The other variant over it, and the first one again.
    space.kubectl(&["apply", "-k", &folder("care-warn")]).good();
    eventually("a split is warned of", SHORT, || (dry() == (true, true)).then_some(()));
    space.kubectl(&["apply", "-k", &folder("care")]).good();
    eventually("a split is refused", SHORT, || (dry() == (false, true)).then_some(()));
    // Somebody got the right meanwhile.
    space.kubectl(&["create", "rolebinding", "declare", "--clusterrole", "andante-declare", "--user", "kim"]).good();
    // `kubectl auth can-i` asks for something else where nothing serves the resource.
    let asked = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": "kim",
        "resourceAttributes": {"namespace": space.namespace, "verb": "create", "group": "andante.dev", "resource": "declarations"}}});
    let may = || space.kubectl_with(&["create", "-o", "jsonpath={.status.allowed}", "-f", "-"], &asked).out == "true";
    eventually("kim may declare", SHORT, || may().then_some(()));

    space.kubectl(&["delete", "-k", &folder("care")]).good();
    let left = space.kubectl(&["get", "--ignore-not-found", "-o", "name", "-k", &folder("care")]).good();
    assert_eq!(left.out, "");
    eventually("a split is nobody's business", SHORT, || (dry() == (true, false)).then_some(()));
    // What stays behind: pinned users, annotations that nothing keeps any more, and a binding that binds nothing.
    assert!(space.split("hello").starts_with("hello-00001 100"), "{}", space.split("hello"));
    let names = ["andante.dev/pipeline", "andante.dev/rollout", "andante.dev/progress", "andante.dev/kept"];
    assert!(names.iter().all(|name| !annotation(&space, name).is_empty()));
    for name in names {
        space.kubectl(&["annotate", "ksvc", "hello", &format!("{name}-")]).good();
        assert_eq!(annotation(&space, name), "", "{name}");
    }
    eventually("kim may not", SHORT, || (!may()).then_some(()));
    space.kubectl(&["delete", "rolebinding", "declare"]).good();
    space.kubectl(&["delete", "--ignore-not-found", "-k", &folder("care-warn")]).good();
    drop(shipped);
}

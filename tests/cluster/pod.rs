//! The binary as it is shipped, in a pod: static, restricted, with the README's own Role and nothing else.

use super::support::*;
use serde_json::{Value, json};

/// The Role that the README tells people to bind.
fn readmes_role() -> Value {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("kind: Role\n").expect("the README has a Role");
    let (yaml, _) = rest.split_once("```").expect("it ends");
    let mut role: Value = serde_saphyr::from_str(yaml).expect("it is YAML");
    role["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    role["kind"] = json!("Role");
    role
}

/// Where steps run and where they act. The sample's own pods are not restricted ones, so the steps have a namespace of
/// their own, which admits nothing less.
pub(super) struct Place {
    pub(super) steps: Space,
    pub(super) target: Space,
}

pub(super) fn restricted(name: &str) -> Place {
    let (steps, target) = (Space::new(&format!("{name}-steps")), Space::new(name));
    let label = format!("namespace/{}", steps.namespace);
    steps.kubectl(&["label", &label, "pod-security.kubernetes.io/enforce=restricted"]).good();
    steps.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "andante"}}));
    target.apply(&readmes_role());
    target.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "andante"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "andante"},
        "subjects": [{"kind": "ServiceAccount", "name": "andante", "namespace": steps.namespace}]
    }));
    Place { steps, target }
}

/// Runs the image with these arguments as a pod of the run `run`.
pub(super) fn pod(place: &Place, name: &str, run: &str, arguments: &[&str]) {
    let arguments = [arguments, &["-n", &place.target.namespace]].concat();
    place.steps.apply(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "serviceAccountName": "andante", "restartPolicy": "Never", "terminationGracePeriodSeconds": 10,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "step", "image": image(), "imagePullPolicy": "IfNotPresent", "args": arguments,
                "env": [
                    {"name": "ANDANTE_PIPELINE_RUN", "value": run},
                    {"name": "ANDANTE_PIPELINE_RUN_UID", "value": format!("uid-{run}")}
                ],
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}
                }
            }]
        }
    }));
}

fn exit_code(place: &Place, name: &str) -> Option<i64> {
    let pod = place.steps.find("pod", name)?;
    pod.pointer("/status/containerStatuses/0/state/terminated/exitCode").and_then(Value::as_i64)
}

fn log(place: &Place, name: &str) -> String {
    place.steps.kubectl(&["logs", name]).out
}

pub(super) fn ended(place: &Place, name: &str, code: i64) -> String {
    eventually("the pod has ended", LONG, || exit_code(place, name));
    let log = log(place, name);
    assert_eq!(exit_code(place, name), Some(code), "{log}");
    log
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_restricted_pod_with_the_readmes_role_rolls_out() {
    let place = restricted("pod");
    pod(&place, "first", "run-1", &["stage", "hello", "--image", "dev.local/andante-sample:v1"]);
    assert!(ended(&place, "first", 0).contains("first deployment"));
    pod(&place, "second", "run-2", &["stage", "hello", "--image", "dev.local/andante-sample:v2"]);
    assert!(ended(&place, "second", 0).contains("staged hello-00002"));
    // No --via: in a pod the candidate is asked by the cluster's own name for its tag.
    let walk =
        ["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "1s", "--probe", "/", "--probe-body", "v2"];
    pod(&place, "third", "run-2", &walk);
    let said = ended(&place, "third", 0);
    assert!(said.contains("finished: hello-00002"), "{said}");
    place.target.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_pod_that_is_deleted_takes_users_back_before_it_goes() {
    let place = restricted("pod-deleted");
    place.target.serve(&sample("hello", "v1"));
    pod(&place, "stage", "run-1", &["stage", "hello", "--image", "dev.local/andante-sample:v2"]);
    ended(&place, "stage", 0);
    pod(
        &place,
        "walk",
        "run-1",
        &["walk", "hello", "--steps", "50,100", "--dwell", "60s", "--deadline", "5m", "--bake", "1s"],
    );
    eventually("half of the users are moved", LONG, || {
        place.target.served("hello").contains("hello-00002 50").then_some(())
    });
    let asked = std::time::Instant::now();
    place.steps.kubectl(&["delete", "pod", "walk", "--wait=true"]).good();
    let took = asked.elapsed();
    assert!(took < std::time::Duration::from_secs(10), "the pod was killed rather than out by itself: {took:?}");
    assert!(place.target.split("hello").starts_with("hello-00001 100"), "{}", place.target.split("hello"));
    assert_eq!(place.target.record("hello")["phase"], "interrupted");
    place.target.answers("hello", "v1", 5);
}

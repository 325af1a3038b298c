//! The image as a node pulls it: by digest, for any user, with nothing to write to.

use super::support::*;
use serde_json::{Value, json};

/// A pod that runs the image once, as the user that is named, and its end: exit code and log.
fn run_as(space: &Space, name: &str, user: Option<u32>, arguments: &[&str]) -> (i64, String) {
    let mut context = json!({
        "runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}
    });
    if let Some(user) = user {
        context["runAsUser"] = json!(user);
        context["runAsGroup"] = json!(0);
    }
    space.apply(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": false,
            "containers": [{
                "name": "step", "image": image(), "command": ["andante"], "args": arguments, "securityContext": context
            }]
        }
    }));
    let code = eventually("the pod has ended", LONG, || {
        let pod = space.find("pod", name)?;
        pod.pointer("/status/containerStatuses/0/state/terminated/exitCode").and_then(Value::as_i64)
    });
    (code, space.kubectl(&["logs", name]).out)
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_image_is_pulled_by_digest_and_runs_as_any_user() {
    let space = Space::new("image");
    space
        .kubectl(&["label", &format!("namespace/{}", space.namespace), "pod-security.kubernetes.io/enforce=restricted"])
        .good();
    for (name, user) in [("own", None), ("any", Some(1_000_660_000))] {
        let (code, said) = run_as(&space, name, user, &["--version"]);
        assert_eq!((code, said.trim()), (0, concat!("andante ", env!("CARGO_PKG_VERSION"))), "as user {user:?}");
    }
    // Nobody said where a cluster is, and nothing in the image does.
    let (code, said) = run_as(&space, "lost", Some(1_000_660_000), &["status", "hello", "-n", "default"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("no cluster"), "{said}");
    let pulled = space.kubectl(&["get", "events", "-o", "jsonpath={.items[*].message}"]).good().out;
    assert!(pulled.contains(image()), "{pulled}");
}

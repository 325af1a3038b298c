//! Care at admission: what is not in care, or not a person's edit, goes on as if there were no policies.

use super::support::*;
use serde_json::{Value, json};

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

/// First deployments, and Services that never became ready, in care: nobody's users are anywhere.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_who_never_served_is_as_it_was() {
    let (space, _care) = in_care("care-first", "care");
    // The first deployment by a file, with a split of its own, and by us.
    space.serve(
        &declared("named", "v1").revision("named-a").traffic(json!([{"revisionName": "named-a", "percent": 100}])),
    );
    assert_eq!(space.split("named"), "named-a 100");
    let file = space.file("first.json", &declared("ours", "v1").object.to_string());
    space.andante(&["roll-out", "ours", "--from-file", &file]).ended(0).says("first deployment");
    assert_eq!(space.split("ours"), "ours-00001 100", "no edit of its template reaches anybody by itself");
    space.answers("ours", "v1", 3);
    // What does not become ready is edited until it does.
    space.apply(&declared("sick", "crash").object);
    eventually("there is a revision", SHORT, || space.find("revision", "sick-00001"));
    let patch = json!({"spec": {"traffic": latest(), "template": of_version("v1")["spec"]["template"]}});
    space.merge("ksvc", "sick", &patch).good();
    let service = space.settled("sick");
    assert!(service["metadata"]["annotations"]["andante.dev/kept"].is_null());
    assert_eq!(space.split("sick"), "latest 100");
    space.answers("sick", "v1", 3);
    // Ways of deleting.
    space.kubectl(&["delete", "ksvc", "sick"]).good();
    space.kubectl(&["delete", "ksvc", "hello", "--cascade=foreground", "--timeout=60s"]).good();
}

/// A Service without any annotation, and one with some of ours that is in nobody's care.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_who_is_not_in_care_is_as_knative_does_it() {
    let (space, _care) = in_care("care-none", "care");
    space.serve(&sample("plain", "v1"));
    space.serve(&sample("some", "v1").annotation("andante.dev/image-repository", "registry.example.com/a"));
    for name in ["plain", "some"] {
        space.merge("ksvc", name, &of_version("v2")).good();
        space.answers(name, "v2", 5);
        let back = json!({"spec": {"traffic": [{"revisionName": format!("{name}-00001"), "percent": 100}]}});
        space.merge("ksvc", name, &back).good();
        space.answers(name, "v1", 5);
        space.merge("ksvc", name, &json!({"spec": {"traffic": null}})).good();
        assert_eq!(space.split(name), "latest 100");
    }
    let some = space.service("some");
    assert!(some["metadata"]["annotations"]["andante.dev/kept"].is_null());
}

/// A policy that cannot be evaluated refuses writes in care, and no other one.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_policy_that_fails_blocks_nobody_out_of_care() {
    let space = Space::new("care-fails");
    space.serve(&declared("hello", "v1"));
    space.serve(&sample("plain", "v1"));
    let _care = Care::install(&space, "care", |object| {
        let variables = object.pointer_mut("/spec/variables").and_then(Value::as_array_mut);
        for variable in variables.into_iter().flatten() {
            if variable["name"] == "foreign" {
                variable["expression"] = json!("int(object.kind) > 0");
            }
        }
    });
    let write = |name: &str| {
        space.kubectl(&["patch", "ksvc", name, "--type=merge", "--dry-run=server", "-p", &of_version("v2").to_string()])
    };
    eventually("the policies take effect", SHORT, || (write("hello").code != 0).then_some(()));
    let refused = write("hello");
    assert!(refused.err.contains("andante-care"), "{}", refused.err);
    space.merge("ksvc", "plain", &of_version("v2")).good();
    space.answers("plain", "v2", 5);
    space.kubectl(&["label", "ksvc", "plain", "a=b"]).good();
    space.serve(&sample("new", "v1"));
    // Nor does it hold up what Knative reports of a Service in care.
    space.kubectl(&["delete", "revision", "hello-00001", "--wait=false"]).good();
    eventually("Knative reports that it is gone", LONG, || {
        (condition(&space.service("hello"), "Ready").0 != "True").then_some(())
    });
    space.kubectl(&["delete", "ksvc", "hello"]).good();
}

/// One command installs each variant and one takes it away; the server takes the files as they are.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_shipped_files_are_taken_as_they_are() {
    let space = Space::new("care-files");
    for (folder, actions) in [("care", r#"["Deny"]"#), ("care-warn", r#"["Warn","Audit"]"#)] {
        let folder = format!("{}/config/{folder}", env!("CARGO_MANIFEST_DIR"));
        let shown = space.kubectl(&["apply", "--dry-run=server", "-o", "json", "-k", &folder]).good();
        let shown: Value = serde_json::from_str(&shown.out).unwrap();
        let items = shown["items"].as_array().unwrap();
        let split = items.iter().find(|item| {
            item["kind"] == "ValidatingAdmissionPolicyBinding" && item["metadata"]["name"] == "andante-care-split"
        });
        assert_eq!(split.unwrap()["spec"]["validationActions"].to_string(), actions);
        assert_eq!(items.len(), 7);
        space.kubectl(&["delete", "--dry-run=client", "-k", &folder]).good();
    }
}

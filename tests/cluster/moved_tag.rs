//! The same reference with other bytes, on a real registry, resolved by Knative itself.

use super::support::*;
use std::process::Command;

/// Where the bundled cluster's own registry is, and what it has from the start.
pub(super) const REGISTRY: &str = "10.96.0.50:5000";

/// Pushes the sample under a reference; each format of its manifest has another digest.
pub(super) fn push(to: &str, format: &str) {
    let mut copy = Command::new("skopeo");
    copy.args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"]);
    copy.args(["--format", format]).arg(format!("docker://{REGISTRY}/andante-sample:base"));
    let done = copy.arg(format!("docker://{to}")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_tag_that_moved_on_is_another_candidate() {
    let space = Space::new("moved-tag");
    let image = format!("{REGISTRY}/{}/app:live", space.namespace);
    push(&image, "v2s2");
    let mut hello = sample("hello", "v1");
    hello.object["spec"]["template"]["spec"]["containers"][0]["image"] = image.as_str().into();
    space.apply(&hello.object);
    space.settled("hello");
    let runs = |revision: &str| {
        let digest = space.get("revision", revision)["status"]["containerStatuses"][0]["imageDigest"].clone();
        digest.as_str().unwrap_or_else(|| panic!("{revision} has no digest")).to_owned()
    };
    let stage = ["stage", "hello", "--image", image.as_str()];

    // The same bytes: nothing to do, and the digest is named.
    let said = space.start_as("first", &stage).wait(LONG).ended(0).says("already serves this");
    assert!(said.last().contains(&runs("hello-00001")), "{}", said.last());

    push(&image, "oci");
    let staged = space.start_as("second", &stage).wait(LONG).ended(0).ends_with("staged hello-00002");
    let now = runs("hello-00002");
    assert_ne!(now, runs("hello-00001"));
    assert!(staged.last().contains(&now), "{}", staged.last());
    let (_, digest) = now.rsplit_once('@').unwrap();
    staged.says(&format!("its image means {digest} now"));
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #candidate");
}

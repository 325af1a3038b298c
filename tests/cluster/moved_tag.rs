//! The same reference with other bytes, on a real registry, resolved by Knative itself.

use super::support::*;

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_tag_that_moved_on_is_another_candidate() {
    let space = Space::new("moved-tag");
    let image = format!("{}/{}/app:live", registry(), space.namespace);
    push_sample(&image, "v2s2");
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

    push_sample(&image, "oci");
    let staged = space.start_as("second", &stage).wait(LONG).ended(0).ends_with("staged hello-00002");
    let now = runs("hello-00002");
    assert_ne!(now, runs("hello-00001"));
    assert!(staged.last().contains(&now), "{}", staged.last());
    let (_, digest) = now.rsplit_once('@').unwrap();
    staged.says(&format!("its image means {digest} now"));
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #candidate");
}

//! Care at admission: whoever operates a Service from outside (`ExternalOperation`) is kept from nothing; handing it over, and taking
//! it back, is declaring.

use super::care_declare::{as_kim, kim};
use super::support::*;
use serde_json::{Value, json};

fn in_charge(who: &str) -> Value {
    json!({"metadata": {"annotations": {"andante.dev/pipeline": who}}})
}

fn to(revision: &str) -> Value {
    json!({"spec": {"traffic": [{"revisionName": revision, "percent": 100}]}})
}

/// A patch that is refused; what is said.
#[track_caller]
fn refused(done: Done) -> String {
    assert_ne!(done.code, 0, "it passed: {}", done.out);
    done.err
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_whoever_acts_outside_is_kept_from_nothing() {
    let (space, _care) = in_care("care-outside", "care");
    kim(&space);
    let outside = in_charge("ExternalOperation");
    assert!(refused(as_kim(&space, &outside)).contains("kim may not declare"));
    // While a rollout is open it stays with who began it.
    space.stage("hello", "v2");
    patched(&space, &outside).good();
    assert_eq!(annotation(&space, "andante.dev/pipeline"), "slow-walk");
    let kept = annotation(&space, "andante.dev/kept");
    assert!(kept.contains("dropped or changed andante.dev/pipeline: as before"), "{kept}");
    space.andante(&["settle", "hello"]).ended(0);
    // Handing over is no way to move users.
    let mut both = to("hello-00002");
    both["metadata"] = outside["metadata"].clone();
    let said = refused(patched(&space, &both));
    assert!(said.contains("the care of slow-walk"), "{said}");
    patched(&space, &outside).good();
    assert_eq!(annotation(&space, "andante.dev/pipeline"), "ExternalOperation");
    assert!(space.split("hello").starts_with("hello-00001 100"), "users stay: {}", space.split("hello"));

    // Somebody outside who may not declare: a split by name, one that follows latest, a template, and what is declared, too, since
    // nothing is started on the strength of it.
    as_kim(&space, &to("hello-00002")).good();
    assert_eq!(space.split("hello"), "hello-00002 100");
    space.answers("hello", "v2", 5);
    as_kim(&space, &json!({"spec": {"traffic": null}})).good();
    assert_eq!(space.split("hello"), "latest 100");
    as_kim(&space, &of_version("v3")).good();
    space.answers("hello", "v3", 5);
    as_kim(&space, &json!({"metadata": {"annotations": {"andante.dev/params": "{style: canary}"}}})).good();
    assert_eq!(annotation(&space, "andante.dev/kept"), kept, "nothing more was kept");
    space
        .kubectl_with(&["create", "--as=kim", "-f", "-"], &{
            let mut mine = declared("mine", "v1").object;
            mine["metadata"]["annotations"]["andante.dev/pipeline"] = json!("ExternalOperation");
            mine
        })
        .good();
    // A rollout that somebody runs all the same ends as out of care.
    space.settled("hello");
    let walk = ["--style", "all-at-once", "--bake", "1s"];
    let rolled = space.andante(&[&["roll-out", "hello", "--image", "dev.local/andante-sample:v1"], &walk[..]].concat());
    rolled.ended(0).says("hello is operated from outside");
    assert_eq!(space.split("hello"), "latest 100");
    space.settled("hello");

    // Taking it back is declaring, and from then on users are kept.
    assert!(refused(as_kim(&space, &in_charge("slow-walk"))).contains("kim may not declare"));
    patched(&space, &in_charge("slow-walk")).good();
    assert!(refused(as_kim(&space, &to("hello-00002"))).contains("moved by its rollouts alone"));
    as_kim(&space, &of_version("v2")).good();
    space.ready("hello-00005");
    space.answers("hello", "v1", 5);
}

//! What becomes of what kn keeps in a template.

use super::super::{TemplateChange, fingerprint, says_at_least, says_the_same};
use serde_json::{Value, json};

const USER_IMAGE: &str = "client.knative.dev/user-image";

fn change(image: &str) -> TemplateChange {
    TemplateChange { image: Some(image.into()), ..TemplateChange::default() }
}

/// As kn 1.15 makes it by `kn service create hello --image r.io/shop:1`.
fn made_by_kn(image: &str) -> Value {
    json!({"metadata": {"annotations": {USER_IMAGE: image, "client.knative.dev/updateTimestamp": "2026-11-29T10:00:00Z"}},
        "spec": {"containers": [{"name": "user-container", "image": image}]}})
}

fn told(template: &Value) -> Option<&str> {
    template.pointer("/metadata/annotations/client.knative.dev~1user-image")?.as_str()
}

#[test]
fn kn_tells_the_image_that_was_rolled_out() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    for (image, expected) in [
        ("r.io/shop:2".to_owned(), "r.io/shop:2".to_owned()),
        ("r.io:5000/shop".to_owned(), "r.io:5000/shop".to_owned()),
        (format!("r.io:5000/shop:2@{digest}"), "r.io:5000/shop:2".to_owned()),
        (format!("r.io:5000/shop@{digest}"), String::new()),
    ] {
        let new = change(&image).apply(&made_by_kn("r.io/shop:1")).unwrap();
        assert_eq!(told(&new), Some(expected.as_str()), "{image}");
        // The same change again is no change, and the way back is exact.
        assert_eq!(change(&image).apply(&new).unwrap(), new);
        assert_eq!(change("r.io/shop:1").apply(&new).unwrap(), made_by_kn("r.io/shop:1"));
    }
    // Where kn pinned the image, its name changes with it all the same.
    let mut pinned = made_by_kn("r.io/shop:1");
    pinned["spec"]["containers"][0]["image"] = json!(format!("r.io/shop@{digest}"));
    assert_eq!(told(&change("r.io/shop:2").apply(&pinned).unwrap()), Some("r.io/shop:2"));
}

#[test]
fn what_is_not_there_is_not_added() {
    let bare = json!({"spec": {"containers": [{"image": "r.io/shop:1"}]}});
    assert_eq!(
        change("r.io/shop:2").apply(&bare).unwrap(),
        json!({"spec": {"containers": [{"image": "r.io/shop:2"}]}})
    );
    let other = json!({"metadata": {"annotations": {"a": "b"}}, "spec": {"containers": [{"image": "r.io/shop:1"}]}});
    let new = change("r.io/shop:2").apply(&other).unwrap();
    assert_eq!(new["metadata"], json!({"annotations": {"a": "b"}}));
    // A file that says it keeps saying it, of the image that it is rolled out with.
    let file = TemplateChange { file: Some(made_by_kn("r.io/shop:1")), ..change("r.io/shop:3") };
    assert_eq!(told(&file.apply(&bare).unwrap()), Some("r.io/shop:3"));
    let file = TemplateChange { file: Some(bare), ..change("r.io/shop:3") };
    assert_eq!(told(&file.apply(&made_by_kn("r.io/shop:1")).unwrap()), None);
}

#[test]
fn of_several_containers_kn_describes_the_first() {
    let mut two = made_by_kn("r.io/shop:1");
    two["spec"]["containers"] = json!([
        {"name": "shop", "image": "r.io/shop:1"}, {"name": "proxy", "image": "r.io/proxy:1", "ports": [{"containerPort": 80}]}]);
    for (container, expected) in [("shop", "r.io/x:2"), ("proxy", "r.io/shop:1")] {
        let change = TemplateChange { container: Some(container.into()), ..change("r.io/x:2") };
        assert_eq!(told(&change.apply(&two).unwrap()), Some(expected), "{container}");
    }
    let serving = change("r.io/proxy:2").apply(&two).unwrap();
    assert_eq!(told(&serving), Some("r.io/shop:1"), "the one with the port is not the first");
}

#[test]
fn an_image_that_stays_changes_nothing() {
    // As an Andante of before left it: kn tells another image, which is no reason for a revision.
    let mut stale = made_by_kn("r.io/shop:1");
    stale["spec"]["containers"][0]["image"] = json!("r.io/shop:2");
    let again = change("r.io/shop:2").apply(&stale).unwrap();
    assert_eq!((&again, fingerprint(&again)), (&stale, fingerprint(&stale)));
    let file = TemplateChange { file: Some(made_by_kn("r.io/shop:1")), ..change("r.io/shop:2") };
    let wanted = file.apply(&stale).unwrap();
    assert_eq!(told(&wanted), Some("r.io/shop:2"));
    assert!(says_the_same(&stale, &wanted) && says_at_least(&stale, &wanted));
}

#[test]
fn what_kn_writes_for_itself_is_no_difference() {
    let bare = json!({"spec": {"containers": [{"name": "user-container", "image": "r.io/shop:1"}]}});
    let mut later = made_by_kn("r.io/shop:1");
    later["metadata"]["annotations"]["client.knative.dev/updateTimestamp"] = json!("2026-11-29T12:00:00Z");
    for wanted in [&made_by_kn("r.io/shop:1"), &bare] {
        assert!(says_the_same(&later, wanted), "{wanted}");
    }
    assert!(says_the_same(&bare, &later), "kn's own marks are no wish of the file's");
    let mut scaled = later.clone();
    scaled["metadata"]["annotations"]["autoscaling.knative.dev/max-scale"] = json!("3");
    assert!(!says_the_same(&scaled, &made_by_kn("r.io/shop:1")));
}

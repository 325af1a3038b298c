//! A directory of Services on a real API server: what is written, what is refused with whose name, and that nobody in care meets
//! what no walk proved.

use super::support::*;
use serde_json::{Value, json};
use std::fs;

const QUICK: [&str; 4] = ["--style", "all-at-once", "--bake", "1s"];

/// A directory of this test with these Services.
pub(super) fn folder(space: &Space, name: &str, files: &[(&str, &Value)]) -> String {
    let path = space.file(name, "");
    fs::remove_file(&path).unwrap();
    fs::create_dir_all(&path).unwrap();
    for (file, object) in files {
        fs::write(format!("{path}/{file}"), object.to_string()).unwrap();
    }
    path
}

/// What `apply -o json` tells of one Service.
fn told(ran: &Ran, name: &str) -> Value {
    let whole: Value = serde_json::from_str(ran.last()).unwrap();
    let services = whole["services"].as_array().unwrap();
    services.iter().find(|row| row["service"] == name).unwrap_or_else(|| panic!("{name} is not in {whole:#}")).clone()
}

fn revisions(space: &Space) -> usize {
    space.list("revision", "").len()
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn one_bad_file_changes_nothing() {
    let space = Space::new("apply-bad");
    space.serve(&sample("hello", "v1"));
    let before = space.service("hello")["metadata"]["resourceVersion"].clone();
    let good = sample("hello", "v2").object;
    let mut slip = sample("other", "v1").object;
    slip["spec"]["template"]["spec"]["containerConcurency"] = json!(1);
    // Strict field validation, Knative's own webhook, and a file that cannot be read.
    let mut denied = sample("other", "v1").object;
    denied["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "K_SERVICE", "value": "x"}]);
    for (name, bad, said) in [("slip", &slip, "containerConcurency"), ("denied", &denied, "K_SERVICE")] {
        let files = folder(&space, name, &[("a.json", &good), ("b.json", bad)]);
        let ran = space.andante(&["apply", &files, "--take-over", "kubectl-client-side-apply"]).ended(2);
        assert!(ran.whole().contains(said) && ran.whole().contains("nothing was written"), "{}", ran.whole());
    }
    let files = folder(&space, "unread", &[("a.json", &good)]);
    fs::write(format!("{files}/b.yaml"), "a: 1\na: 2\n").unwrap();
    let ran = space.andante(&["apply", &files]).ended(2);
    assert!(ran.whole().contains("line 2"), "{}", ran.whole());
    assert_eq!(space.service("hello")["metadata"]["resourceVersion"], before);
    assert!(space.find("ksvc", "other").is_none());
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn what_others_wrote_is_a_conflict_with_their_names() {
    let space = Space::new("apply-conflict");
    space.serve(&sample("hello", "v1"));
    let wanted = sample("hello", "v2").object;
    let files = folder(&space, "files", &[("hello.json", &wanted)]);
    // kubectl made it, and says otherwise.
    let ran = space.andante(&["apply", &files]).ended(14);
    ran.says("spec.template.spec.containers (`kubectl-client-side-apply`)")
        .says("--take-over kubectl-client-side-apply");
    // What is equal is no quarrel, whoever wrote it: the files own it from then on.
    let same = folder(&space, "same", &[("hello.json", &sample("hello", "v1").object)]);
    let before = space.generation("hello");
    let ran = space.andante(&["apply", &same, "-o", "json"]).ended(0);
    assert_eq!(told(&ran, "hello")["state"], "taken over");
    assert_eq!((space.generation("hello"), revisions(&space)), (before, 1));
    space.andante(&["apply", &files]).ended(0);
    space.settled("hello");
    // A GitOps tool takes it over by force, and is named.
    let theirs = sample("hello", "v3").object;
    let force = ["apply", "--server-side", "--force-conflicts", "--field-manager=flux", "-f", "-"];
    space.kubectl_with(&force, &theirs).good();
    space.andante(&["apply", &files]).ended(14).says("spec.template.spec.containers (`flux`)");
    space.andante(&["apply", &files, "--take-over", "flux"]).ended(0);
    assert_eq!(
        space.settled("hello")["spec"]["template"]["spec"]["containers"][0]["image"],
        "dev.local/andante-sample:v2"
    );
    // What people add is drift: it stays, and is named.
    space.kubectl(&["label", "ksvc", "hello", "team=blue"]).good();
    let annotated =
        json!({"spec": {"template": {"metadata": {"annotations": {"autoscaling.knative.dev/max-scale": "3"}}}}});
    patched(&space, &annotated).good();
    let ran = space.andante(&["apply", &files]).ended(0);
    ran.says("metadata.labels.team (`kubectl-label`)");
    let ran = space.andante(&["apply", &files, "-o", "json"]).ended(0);
    let drift = told(&ran, "hello")["drift"].to_string();
    assert!(drift.contains("max-scale") && drift.contains("kims-editor"), "{drift}");
    // A rollout's own image is Andante's, and the file's word counts again.
    space.settled("hello");
    space.andante(&[&["roll-out", "hello", "--image", "dev.local/andante-sample:v3"], &QUICK[..]].concat()).ended(0);
    space.andante(&["apply", &files]).ended(0).says("changed (template)");
}

/// Whoever exports and applies changes nothing, whoever made the Service and whatever a rollout left on it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_was_exported_changes_nothing_when_it_is_applied() {
    let space = Space::new("apply-back");
    space.serve(&sample("made", "v1").env("A", "1"));
    space.serve(&sample("walked", "v1"));
    space.serve(&sample("adopted", "v1"));
    space.andante(&[&["roll-out", "walked", "--image", "dev.local/andante-sample:v2"], &QUICK[..]].concat()).ended(0);
    space.andante(&["adopt", "adopted", "--pipeline", "ship-it"]).ended(0);
    let names = ["adopted", "made", "walked"];
    let standing = || {
        names.map(|name| {
            let service = space.settled(name);
            let ours = service["metadata"]["annotations"].as_object().unwrap().clone();
            (service["metadata"]["generation"].clone(), service["spec"].clone(), ours)
        })
    };
    let (before, made) = (standing(), revisions(&space));
    let files = space.file("exported", "");
    fs::remove_file(&files).unwrap();
    space.andante(&["export", "--all", "-o", &files]).ended(0);
    for _ in 0..2 {
        space.andante(&["apply", &files]).ended(0);
        assert_eq!((standing(), revisions(&space)), (before.clone(), made));
    }
    let ran = space.andante(&["apply", &files, "-o", "json"]).ended(0);
    assert!(names.iter().all(|name| told(&ran, name)["state"] == "unchanged"), "{}", ran.whole());
    let again = space.andante(&["export", "--all", "-o", &files]).ended(0);
    assert!(again.lines.iter().all(|line| line.ends_with(": unchanged")), "{}", again.whole());
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn what_has_no_file_is_deleted_by_its_hash_alone() {
    let space = Space::new("apply-prune");
    space.serve(&sample("theirs", "v1").min_scale(0));
    let [one, other] = ["one", "other"].map(|name| sample(name, "v1").min_scale(0).object);
    let files = folder(&space, "files", &[("one.json", &one), ("other.json", &other)]);
    space.andante(&["apply", &files, "--set", "shop"]).ended(0).says("created");
    fs::remove_file(format!("{files}/other.json")).unwrap();
    let ran = space.andante(&["apply", &files, "--set", "shop", "--dry-run"]).ended(0);
    let line = ran.lines.iter().find(|line| line.contains("--prune=")).expect("a hash").clone();
    assert!(line.contains("without a file: other;"), "{line}");
    let hash = line.split_once("--prune=").unwrap().1.split(' ').next().unwrap().to_owned();
    space.andante(&["apply", &files, "--set", "shop", "--prune", "000000000000"]).ended(3);
    space.andante(&["apply", &files]).ended(0).never_says("--prune=");
    assert!(space.find("ksvc", "other").is_some());
    space.andante(&["apply", &files, "--set", "shop", "--prune", &hash]).ended(0).says("deleted: other");
    eventually("it is gone", LONG, || space.find("ksvc", "other").is_none().then_some(()));
    assert!(space.find("ksvc", "theirs").is_some() && space.find("ksvc", "one").is_some());
    space.andante(&["apply", &files, "--set", "shop", "--prune", &hash]).ended(3);
}

/// A Service that comes into care by its file follows latest: it is adopted first. No policies are needed for that.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn nobody_in_care_meets_what_a_file_says() {
    let space = Space::new("apply-care");
    for name in ["hello", "control"] {
        space.serve(&sample(name, "v1"));
    }
    let wanted = declared("hello", "v2").object;
    let files = folder(&space, "files", &[("hello.json", &wanted)]);
    let take_over = ["apply", &files, "--take-over", "kubectl-client-side-apply"];
    let load = Load::start(&space, &["hello", "control"], 20, LONG);
    let dry = space.andante(&[&take_over[..], &["--dry-run"]].concat()).ended(0);
    dry.says("adopted first");
    assert_eq!(space.split("hello"), "latest 100", "nothing was written");
    space.andante(&take_over).ended(0).says("andante start hello");
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.ready("hello-00002");
    // The record survives files, theirs and ours; a split of a file is left out.
    let record = space.record("hello");
    let split = json!([{"latestRevision": true, "percent": 100}, {"latestRevision": true, "percent": 0, "tag": "x"}]);
    let third = declared("hello", "v3").traffic(split).annotation("andante.dev/rollout", "{}").object;
    let again = folder(&space, "again", &[("hello.json", &third)]);
    space.andante(&["apply", &again]).ended(0).says("spec.traffic of the file is left out");
    space.ready("hello-00003");
    assert_eq!((space.split("hello"), space.record("hello")), ("hello-00001 100".to_owned(), record));
    let hits = load.stop();
    for version in ["v2", "v3"] {
        nobody_saw(&whole(&hits, "hello"), version);
    }
    no_error_of_ours(&hits, "hello", "control");
    // What waits is walked, and then nothing waits.
    space.andante(&[&["roll-out", "hello", "--revision", "latest"], &QUICK[..]].concat()).ended(0);
    space.answers("hello", "v3", 5);
    space.andante(&["apply", &again]).ended(0).never_says("andante start");
}

/// Killed exactly before and after the adoption and the write of the file, and started again: it ends as if it had never been.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_apply_killed_at_its_writes_goes_on() {
    let (space, proxy) = (Space::new("apply-kill"), FaultProxy::start());
    // Of the file's own writes the dry runs are none.
    let writes = ["?fieldManager=andante&", "?force="];
    let cases = writes.iter().flat_map(|write| [(write, Point::Before), (write, Point::After)]);
    for (at, (write, point)) in cases.enumerate() {
        let name = format!("hello-{at}");
        space.serve(&sample(&name, "v1"));
        let files = folder(&space, &name, &[("a.json", &declared(&name, "v2").object)]);
        let arguments = ["apply", &files, "--take-over", "kubectl-client-side-apply"];
        let gate = proxy.hold(When::next("patch").with(write), point);
        let first = proxy.andante(&space, "run", &arguments);
        gate.reached(LONG);
        assert_eq!(first.kill().code, -1, "killed");
        gate.shut();
        proxy.behave();
        proxy.andante(&space, "run", &arguments).wait(LONG).ended(0).ends_with("andante start");
        space.ready(&format!("{name}-00002"));
        assert_eq!(space.split(&name), format!("{name}-00001 100"), "{write} {point:?}");
        assert_eq!(space.list("revision", &format!("serving.knative.dev/service={name}")).len(), 2);
        assert_eq!(space.service(&name)["metadata"]["annotations"]["andante.dev/pipeline"], "slow-walk");
    }
    proxy.all_went_wrong();
}

/// The same where it makes a Service, and where it deletes one that has no file any more; what stands before in the order is written
/// and is not written twice.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_apply_killed_at_a_creation_and_at_a_deletion_goes_on() {
    let space = Space::new("apply-kill-more");
    for (point, side) in [(Point::Before, "before"), (Point::After, "after")] {
        let [old, new, gone] = ["a-old", "b-new", "c-gone"].map(|name| format!("{name}-{side}"));
        let file = |name: &str, version: &str| sample(name, version).min_scale(0).object;
        let (first, third) = (file(&old, "v1"), file(&gone, "v1"));
        let files = folder(&space, &format!("first-{side}"), &[("a.json", &first), ("c.json", &third)]);
        space.andante(&["apply", &files, "--set", side]).ended(0);
        space.settled(&old);
        let (changed, added) = (file(&old, "v2"), file(&new, "v1"));
        let files = folder(&space, &format!("then-{side}"), &[("a.json", &changed), ("b.json", &added)]);
        let killed = |arguments: &[&str], when: When| {
            let proxy = FaultProxy::start();
            let gate = proxy.hold(when, point);
            let first = proxy.andante(&space, "run", arguments);
            gate.reached(LONG);
            assert_eq!(first.kill().code, -1, "killed");
            gate.shut();
            proxy.all_went_wrong();
            proxy.behave();
            proxy.andante(&space, "run", arguments).wait(LONG)
        };
        let applies = ["apply", &files, "--set", side];
        killed(&applies, When::next("patch").with("?force=").with(&format!("/services/{new}"))).ended(0);
        space.settled(&new);
        space.settled(&old);
        for (name, revisions) in [(&old, 2), (&new, 1)] {
            let selector = format!("serving.knative.dev/service={name}");
            assert_eq!(space.list("revision", &selector).len(), revisions, "{name}");
        }
        let ran = space.andante(&[&applies[..], &["--dry-run"]].concat()).ended(0);
        let line = ran.lines.iter().find(|line| line.contains("--prune=")).expect("a hash").clone();
        let hash = line.split_once("--prune=").unwrap().1.split(' ').next().unwrap().to_owned();
        let prunes = [&applies[..], &["--prune", &hash]].concat();
        // A deletion that took effect leaves nothing of that hash: whoever comes again is told so, and deletes nothing else.
        let again = killed(&prunes, When::next("delete").with(&format!("/services/{gone}")));
        again.ended(if point == Point::Before { 0 } else { 3 });
        eventually("it is gone", LONG, || space.find("ksvc", &gone).is_none().then_some(()));
        assert!(space.find("ksvc", &old).is_some() && space.find("ksvc", &new).is_some());
    }
}

/// The split was a file's before the Service was in care; a file that no longer names it must not give it away.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_split_that_was_a_files_stays_in_care() {
    let space = Space::new("apply-split");
    let named = json!([{"revisionName": "hello-00001", "percent": 100}]);
    space.andante(&["apply", &folder(&space, "first", &[("a.json", &sample("hello", "v1").object)])]).ended(0);
    space.settled("hello");
    let with_split = sample("hello", "v1").traffic(named).object;
    space.andante(&["apply", &folder(&space, "named", &[("a.json", &with_split)])]).ended(0).says("traffic");
    space.settled("hello");
    space.andante(&["apply", &folder(&space, "care", &[("a.json", &declared("hello", "v2").object)])]).ended(0);
    space.ready("hello-00002");
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.answers("hello", "v1", 5);
}

/// With the policies, an account may declare or not, and what is kept at admission is no difference that lasts.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn with_policies_it_goes_the_same_way() {
    let (space, _care) = in_care("apply-policies", "care");
    let files = folder(&space, "files", &[("hello.json", &declared("hello", "v2").object)]);
    let take_over = ["apply", &files, "--take-over", "kubectl-client-side-apply"];
    space.andante(&take_over).ended(0);
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.ready("hello-00002");
    let before = space.generation("hello");
    let ran = space.andante(&["apply", &files, "-o", "json"]).ended(0);
    assert_eq!((told(&ran, "hello")["state"].clone(), space.generation("hello")), (json!("unchanged"), before));
}

/// docs/git.md: from kn on day one to Git and back, as it stands there.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_page_leads_from_kn_to_git_and_back() {
    let program = kn();
    let space = Space::new("git-page");
    let newcomer = Newcomer::new(&space).has("kn", program);
    let of = |heading: &str| blocks("docs/git.md", heading);
    let types = |heading: &str, version: &str| {
        for block in of(heading) {
            newcomer.types(&block);
        }
        space.answers("hello", version, 5);
    };
    types("## Day one", "v1");
    types("## Into Git", "v1");
    assert_eq!(revisions(&space), 1, "neither the adoption nor the first apply made a revision");
    types("## A release is a commit", "v2");
    types("## Somebody edits the cluster", "v2");
    types("## Back", "v3");
    let annotations = space.service("hello")["metadata"]["annotations"].clone();
    assert!(!annotations.to_string().contains("andante.dev/"), "{annotations:#}");
}

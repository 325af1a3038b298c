use super::*;
use crate::model::observed::RECORD;
use crate::rollout::record::Phase;
use crate::rollout::record::tests::record;
use serde_json::{Value, json};

const PIPELINE: &str = "andante.dev/pipeline";

fn file(annotations: Value, image: &str) -> Value {
    json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "hello", "namespace": "shop", "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}}})
}

fn wanted(object: Value) -> WantedService {
    WantedService::of(object, None).unwrap()
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

fn named(revision: &str) -> Value {
    json!([{"revisionName": revision, "latestRevision": false, "percent": 100}])
}

/// What stands in the cluster: the first revision serves.
fn live(annotations: Value, image: &str, traffic: Value) -> Value {
    json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "hello", "namespace": "shop", "uid": "u", "generation": 1, "resourceVersion": "7",
            "annotations": annotations, "managedFields": []},
        "spec": {"template": {"spec": {"containers": [{"name": "user-container", "image": image}]}}, "traffic": traffic},
        "status": {"observedGeneration": 1, "latestCreatedRevisionName": "hello-00001", "latestReadyRevisionName": "hello-00001"}})
}

/// The same with another image, as a dry run tells it.
fn stored(live: &Value, annotations: Value, image: &str) -> Value {
    let mut stored = live.clone();
    stored["metadata"]["annotations"] = annotations;
    stored["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    stored
}

fn by(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "serving.knative.dev/v1", "fieldsV1": fields})
}

fn owned(manager: &str, field: &str) -> OwnedField {
    OwnedField { manager: manager.to_owned(), field: field.to_owned() }
}

fn foreseen(wanted: &WantedService, live: Option<&Value>, stored: &Value, overruled: Vec<OwnedField>) -> Foreseen {
    let body = wanted.body(live);
    wanted.foreseen(DryRun { live, body, stored, overruled }, &[])
}

#[test]
fn of_a_file_only_what_its_owner_says_is_sent() {
    let mut object = file(
        json!({PIPELINE: "slow", "andante.dev/goal-status": "{}", "andante.dev/kept": "x", "team": "blue",
            "serving.knative.dev/lastModifier": "kim", "kubectl.kubernetes.io/last-applied-configuration": "{}"}),
        "i:1",
    );
    object["spec"]["template"]["metadata"] =
        json!({"annotations": {"client.knative.dev/updateTimestamp": "t", "a": "b"}, "labels": {"l": "m"}});
    let of = WantedService::of(object, Some("git/shop")).unwrap();
    let body = of.body(None);
    let annotations = json!({PIPELINE: "slow", "team": "blue", "andante.dev/applied-set": "git/shop"});
    assert_eq!(body["metadata"]["annotations"], annotations);
    assert_eq!(body["spec"]["template"]["metadata"], json!({"annotations": {"a": "b"}, "labels": {"l": "m"}}));
    assert_eq!(body["metadata"].get("resourceVersion"), None, "there is nothing to be fenced");
    let body = of.body(Some(&live(json!({}), "i:1", latest())));
    assert_eq!((&body["metadata"]["uid"], &body["metadata"]["resourceVersion"]), (&json!("u"), &json!("7")));
    let marked = json!({"andante.dev/applied-set": "git/shop"});
    let body = wanted(file(json!({}), "i:1")).body(Some(&live(marked.clone(), "i:1", latest())));
    assert_eq!(body["metadata"]["annotations"], marked, "who names no set leaves the mark");
}

/// A commit that a push declared, and another one in the file: whoever has two sources of truth is told, and goes back to neither.
#[test]
fn what_was_declared_beside_the_files_is_no_rollouts_to_be_taken_over() {
    use crate::model::writers::{DECLARE_MANAGER, FIELD_MANAGER};
    let at = |commit: &str| json!({PIPELINE: "slow", "andante.dev/source": "https://git.example.com/a", "andante.dev/source-revision": commit});
    let (live, wanted) = (live(at("new"), "i:1", named("hello-00001")), wanted(file(at("old"), "i:1")));
    let field = ".metadata.annotations.andante.dev/source-revision";
    let by = |manager: &str| {
        foreseen(&wanted, Some(&live), &stored(&live, at("old"), "i:1"), vec![owned(manager, field)]).conflicts
    };
    assert_eq!(by(DECLARE_MANAGER), [owned(DECLARE_MANAGER, field)]);
    assert_eq!(by(FIELD_MANAGER), [], "what an adoption declared is Andante's own");
}

#[test]
fn every_fault_of_what_a_file_declares_is_told() {
    let object = file(json!({"andante.dev/traffic": "0", "andante.dev/piplines": "x"}), "placeholder.invalid/x");
    assert_eq!(WantedService::of(object, None).unwrap_err().len(), 3);
}

#[test]
fn a_split_is_left_to_the_walk() {
    let mut object = file(json!({PIPELINE: "slow"}), "i:2");
    object["spec"]["traffic"] = named("hello-00009");
    let of = wanted(object);
    let stands = live(json!({}), "i:1", named("hello-00001"));
    assert_eq!(of.body(Some(&stands))["spec"].get("traffic"), None, "what somebody else owns stays by itself");
    assert!(foreseen(&of, Some(&stands), &stands, vec![]).leaves_split);
    assert_eq!(of.body(None)["spec"].get("traffic"), None, "a first deployment");
    // What a file owned before it was in care would go with it, and everyone to latest.
    let mut applied = stands;
    applied["metadata"]["managedFields"] = json!([by("andante-apply", "Apply", json!({"f:spec": {"f:traffic": {}}}))]);
    assert_eq!(of.body(Some(&applied))["spec"]["traffic"], named("hello-00001"));
}

#[test]
fn out_of_care_the_file_splits_unless_a_rollout_is_on() {
    let mut object = file(json!({}), "i:2");
    object["spec"]["traffic"] = named("hello-00001");
    let of = wanted(object);
    let with = |record: Option<String>| {
        let annotations = record.map_or(json!({}), |text| json!({RECORD: text}));
        of.body(Some(&live(annotations, "i:1", latest())))["spec"].get("traffic").cloned()
    };
    assert_eq!(with(None), Some(named("hello-00001")));
    let text = |phase| crate::rollout::record::Record { phase, ..record() }.to_text().unwrap();
    assert_eq!(with(Some(text(Phase::Finished))), Some(named("hello-00001")));
    assert_eq!(with(Some(text(Phase::Walking))), None);
    assert_eq!(with(Some("garbled".to_owned())), None, "it may be an open one");
}

#[test]
fn what_was_built_stays_where_the_file_has_a_placeholder() {
    let source = json!({PIPELINE: "build", "andante.dev/source": "https://git.example.com/s.git"});
    let of = wanted(file(source.clone(), "placeholder.invalid/hello"));
    let image = |body: &Value| body["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(image(&of.body(None)), "placeholder.invalid/hello", "the first deployment waits for its build");
    assert_eq!(image(&of.body(Some(&live(source, "r.io/hello:1", latest())))), "r.io/hello:1");
}

#[test]
fn kn_is_told_the_new_image() {
    let of = wanted(file(json!({}), "i:2"));
    let mut stands = live(json!({}), "i:1", latest());
    let kept = |stands: &Value| of.body(Some(stands))["spec"]["template"].pointer("/metadata/annotations").cloned();
    assert_eq!(kept(&stands), None);
    stands["spec"]["template"]["metadata"] = json!({"annotations": {"client.knative.dev/user-image": "i:1"}});
    assert_eq!(kept(&stands), Some(json!({"client.knative.dev/user-image": "i:2"})));
}

#[test]
fn an_equal_value_is_no_quarrel_and_another_one_is() {
    let of = wanted(file(json!({}), "i:2"));
    let stands = live(json!({}), "i:1", latest());
    let containers = || vec![owned("kn", ".spec.template.spec.containers")];
    let found = foreseen(&of, Some(&stands), &stored(&stands, json!({}), "i:1"), containers());
    assert_eq!((found.conflicts, found.taken, found.force), (vec![], containers(), true), "what kn made, exported");
    let changed = stored(&stands, json!({}), "i:2");
    let found = foreseen(&of, Some(&stands), &changed, containers());
    assert_eq!((found.conflicts, found.taken), (containers(), vec![]));
    let ours = vec![owned("andante", ".spec.template.spec.containers")];
    assert_eq!(foreseen(&of, Some(&stands), &changed, ours).conflicts, vec![], "a rollout's own write is taken over");
    let kns = vec![owned("kn", ".spec.template.metadata.annotations.client.knative.dev/user-image")];
    assert_eq!(foreseen(&of, Some(&stands), &changed, kns).conflicts, vec![]);
    let dry = DryRun { live: Some(&stands), body: json!({}), stored: &changed, overruled: containers() };
    assert_eq!(of.foreseen(dry, &["kn".to_owned()]).conflicts, vec![], "it is to be taken over");
}

#[test]
fn a_field_is_found_though_its_name_has_dots() {
    let object = json!({"metadata": {"annotations": {"andante.dev/pipeline": "a", "andante.dev/pipeline-was": "b"}},
        "spec": {"list": [{"name": "x"}]}});
    let at = |field: &str| super::owned::at(&object, field);
    assert_eq!(at(".metadata.annotations.andante.dev/pipeline"), Some(&json!("a")));
    assert_eq!(at(".metadata.annotations.andante.dev/pipeline-was"), Some(&json!("b")));
    assert_eq!(at(".metadata.annotations.andante.dev/p"), None);
    assert_eq!(at(".spec.list[name=\"x\"].image"), None, "what lies in a list is not looked for");
}

#[test]
fn what_would_be_another_one_is_named() {
    let of = wanted(file(json!({PIPELINE: "slow", "team": "b"}), "i:2"));
    let stands = live(
        json!({"andante.dev/rollout": "r", "serving.knative.dev/lastModifier": "kim"}),
        "i:1",
        named("hello-00001"),
    );
    let same = foreseen(&of, Some(&stands), &stands, vec![]);
    assert!(same.is_there() && same.parts.is_empty(), "{same:?}");
    let annotations = json!({PIPELINE: "slow", "team": "b", "andante.dev/rollout": "r", "andante.dev/kept": "k"});
    let found = foreseen(&of, Some(&stands), &stored(&stands, annotations, "i:2"), vec![]);
    assert_eq!((found.change, found.parts), (ApplyChange::Changed, vec!["template", "declaration", "annotations"]));
    let mut ours = stands.clone();
    ours["metadata"]["managedFields"] = json!([by("andante-apply", "Apply", json!({"f:spec": {}}))]);
    assert_eq!(foreseen(&of, Some(&stands), &ours, vec![]).change, ApplyChange::Owned);
    assert_eq!(foreseen(&of, None, &stands, vec![]).change, ApplyChange::Created);
}

/// Nobody may meet what is applied in care before a walk proved it.
#[test]
fn users_who_follow_latest_in_care_are_named_first() {
    let of = wanted(file(json!({PIPELINE: "slow"}), "i:2"));
    let adopts = |annotations: Value, traffic: Value, ready: bool| {
        let mut stands = live(annotations.clone(), "i:1", traffic);
        if !ready {
            stands["status"] = json!({});
        }
        let mut declared = annotations;
        declared[PIPELINE] = json!("slow");
        foreseen(&of, Some(&stands), &stored(&stands, declared, "i:2"), vec![]).adopts
    };
    // A commit that the file names is not reached by being declared.
    let declares = |annotations: Value| {
        let of = wanted(file(json!({PIPELINE: "slow", "andante.dev/params": "{a: b}"}), "i:2"));
        let stands = live(annotations, "i:1", latest());
        let found = foreseen(&of, Some(&stands), &stored(&stands, json!({PIPELINE: "slow"}), "i:2"), vec![]);
        (found.adopts, found.declares.len())
    };
    assert_eq!(declares(json!({PIPELINE: "slow"})), (true, 0), "as it stands there");
    assert_eq!(declares(json!({})), (true, 2));
    assert_eq!(declares(json!({PIPELINE: "slow", "andante.dev/traffic": "0"})), (true, 2), "the file mends it");
    assert!(adopts(json!({}), latest(), true), "the file declares it for the first time");
    assert!(adopts(json!({PIPELINE: "slow"}), latest(), true), "somebody set the annotation by hand");
    assert!(!adopts(json!({}), named("hello-00001"), true));
    assert!(!adopts(json!({}), latest(), false), "it never had users");
    let stands = live(json!({PIPELINE: "slow"}), "i:1", latest());
    assert!(!foreseen(&of, Some(&stands), &stands, vec![]).adopts, "nothing new stands in it");
    let plain = wanted(file(json!({}), "i:2"));
    let stands = live(json!({}), "i:1", latest());
    assert!(
        !foreseen(&plain, Some(&stands), &stored(&stands, json!({}), "i:2"), vec![]).adopts,
        "out of care it is Knative's"
    );
}

#[test]
fn who_walks_what_changed() {
    let walker = |annotations: Value, traffic: Value| {
        let stands = live(annotations.clone(), "i:1", traffic);
        let of = wanted(file(annotations.clone(), "i:2"));
        foreseen(&of, Some(&stands), &stored(&stands, annotations, "i:2"), vec![]).walker
    };
    let pinned = || named("hello-00001");
    assert_eq!(walker(json!({PIPELINE: "slow"}), pinned()), Walker::Start);
    assert_eq!(walker(json!({PIPELINE: "ExternalOperation"}), pinned()), Walker::RollOut);
    assert_eq!(walker(json!({PIPELINE: "slow", "andante.dev/suspend": "true"}), pinned()), Walker::Nobody);
    assert_eq!(walker(json!({}), pinned()), Walker::RollOut, "a rollout left its users by name");
    assert_eq!(walker(json!({}), latest()), Walker::Nobody, "Knative serves it by itself");
    // Nothing changes, and the newest revision waits: whoever was to walk it never came to it.
    let of = wanted(file(json!({}), "i:2"));
    let mut waits = live(json!({}), "i:2", pinned());
    waits["status"]["latestCreatedRevisionName"] = json!("hello-00002");
    assert_eq!(foreseen(&of, Some(&waits), &waits, vec![]).walker, Walker::RollOut);
    let candidate = Some("hello-00002".parse().unwrap());
    let begun = crate::rollout::record::Record { phase: Phase::RolledBack, candidate, ..record() };
    waits["metadata"]["annotations"] = json!({RECORD: begun.to_text().unwrap()});
    assert_eq!(foreseen(&of, Some(&waits), &waits, vec![]).walker, Walker::Nobody, "a rollout has dealt with it");
    waits["metadata"]["generation"] = json!(2);
    assert_eq!(foreseen(&of, Some(&waits), &waits, vec![]).walker, Walker::RollOut, "Knative has not taken it up yet");
}

/// A commit is nothing that a revision shows, and the file that names it is applied already.
#[test]
fn what_was_declared_and_never_started_is_started_by_whoever_comes_again() {
    let walker = |annotations: &Value, status: Option<Value>, traffic: Value| {
        let mut stands = live(annotations.clone(), "i:1", traffic);
        if let Some(status) = status {
            stands["metadata"]["annotations"]["andante.dev/goal-status"] = json!(status.to_string());
        }
        foreseen(&wanted(file(annotations.clone(), "i:1")), Some(&stands), &stands, vec![]).walker
    };
    let goal = |annotations: &Value| {
        let stands = live(annotations.clone(), "i:1", named("hello-00001"));
        crate::rollout::declaration::read::Stated::of_json(&stands).read().unwrap().id
    };
    let built = json!({PIPELINE: "build", "andante.dev/source": "https://git.example.com/s.git", "andante.dev/source-revision": "v2"});
    let serves = || named("hello-00001");
    let another = || Some(json!({"goal": "0123456789ab", "run": "hello-1", "phase": "done"}));
    assert_eq!(walker(&built, another(), serves()), Walker::Start);
    assert_eq!(walker(&built, None, serves()), Walker::Start, "it was made, and nobody has looked");
    let begun = |made: bool| Some(json!({"goal": goal(&built), "run": "hello-1", "made": made, "phase": "started"}));
    assert_eq!(walker(&built, begun(false), serves()), Walker::Start, "it was named and not made");
    assert_eq!(walker(&built, begun(true), serves()), Walker::Nobody);
    let mut suspended = built.clone();
    suspended["andante.dev/suspend"] = json!("true");
    assert_eq!(walker(&suspended, another(), serves()), Walker::Nobody);
    // Without a source what serves tells.
    let plain = json!({PIPELINE: "slow"});
    assert_eq!(walker(&plain, another(), serves()), Walker::Nobody);
    let half =
        || json!([{"revisionName": "hello-00001", "percent": 50}, {"revisionName": "hello-00000", "percent": 50}]);
    assert_eq!(walker(&plain, another(), half()), Walker::Start, "the other half is to come");
    assert_eq!(walker(&json!({PIPELINE: "slow", "andante.dev/traffic": "50"}), another(), half()), Walker::Nobody);
}

#[test]
fn drift_is_what_owners_and_people_wrote_beside_the_file() {
    let of = wanted(file(json!({}), "i:1"));
    let mut stands = live(json!({}), "i:1", latest());
    let annotations = json!({"f:team": {}, "f:andante.dev/params": {}, "f:client.knative.dev/x": {}, ".": {}});
    stands["metadata"]["managedFields"] = json!([
        by("andante-apply", "Apply", json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}})),
        by("kubectl-edit", "Update", json!({"f:metadata": {"f:annotations": annotations, "f:labels": {"f:a": {}}, "f:finalizers": {}},
            "f:spec": {"f:traffic": {}, "f:template": {"f:spec": {"f:containers": {}, "f:timeoutSeconds": {}}}}})),
        by("andante", "Update", json!({"f:metadata": {"f:annotations": {"f:andante.dev/rollout": {}, "f:andante.dev/source": {}, "f:other": {}}},
            "f:spec": {"f:traffic": {}}})),
        {"manager": "controller", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]);
    let named = |stands: &Value| -> Vec<String> {
        foreseen(&of, Some(stands), stands, vec![]).drift.iter().map(ToString::to_string).collect()
    };
    let mut found = vec![
        "metadata.annotations.andante.dev/source (`andante`)",
        "metadata.annotations.andante.dev/params (`kubectl-edit`)",
        "metadata.annotations.team (`kubectl-edit`)",
        "metadata.labels.a (`kubectl-edit`)",
        "spec.template.spec.timeoutSeconds (`kubectl-edit`)",
        "spec.traffic (`kubectl-edit`)",
    ];
    assert_eq!(named(&stands), found);
    stands["metadata"]["annotations"] = json!({PIPELINE: "slow"});
    found.retain(|field| !field.starts_with("spec.traffic"));
    assert_eq!(named(&stands), found, "in care the split is the walk's");
}

#[test]
fn a_refusal_says_whose_it_is() {
    let denied = |why: &str| refusal(&ApiError::Invalid(why.to_owned()));
    assert_eq!(denied("x (webhook y)").code, Code::BadInput);
    assert_eq!(denied("kim may not declare what runs").code, Code::NotPermitted);
    let quarrel = refusal(&ApiError::Conflict(vec![owned("kn", ".spec.template.spec.containers")]));
    assert_eq!((quarrel.code, quarrel.word), (Code::TakenOver, "taken-over"));
    assert!(
        quarrel.line().contains("spec.template.spec.containers (`kn`)") && quarrel.line().contains("--take-over kn")
    );
}

//! Files of Services as the API server gives them.

#![expect(clippy::disallowed_methods, reason = "files of these tests alone")]

use super::*;
use crate::adapter::env::Environment;
use crate::model::observed::RECORD;
use crate::model::outcome::Code;
use crate::model::yaml;
use crate::rollout::record::tests::record;
use crate::rollout::record::{Phase, Record};
use proptest::prelude::*;
use serde_json::json;

const LAST: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The file where the server fills in what is usual.
fn canon(live: &Value, handover: Handover) -> GitFile {
    let mut draft = Draft::of(live.clone(), handover);
    while draft.question().is_some() {
        draft.answered(&live["spec"]["template"]);
    }
    draft.file()
}

/// A Service in the middle of its life, of which nobody's file said anything.
fn service() -> Value {
    json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "hello", "namespace": "shop", "uid": "u", "resourceVersion": "9", "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"team": "blue"},
            "annotations": {"serving.knative.dev/creator": "kim", "serving.knative.dev/lastModifier": "sam"},
            "managedFields": [{"manager": "kn", "operation": "Update", "fieldsV1": {"f:spec": {}}}]},
        "spec": {
            "template": {"metadata": {"creationTimestamp": null, "annotations": {"client.knative.dev/updateTimestamp": "t"}},
                "spec": {"containerConcurrency": 0, "timeoutSeconds": 300, "enableServiceLinks": false,
                    "containers": [{"name": "user-container", "image": "example.com/hello:v1", "resources": {},
                        "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}}}]}},
            "traffic": [{"latestRevision": true, "percent": 100}]},
        "status": {"latestCreatedRevisionName": "hello-00002"}})
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut live = service();
    change(&mut live);
    live
}

fn said(file: &GitFile) -> Vec<String> {
    file.remarks.iter().map(|remark| format!("{}: {}", remark.place.join("."), remark.text)).collect()
}

fn split() -> Value {
    json!([{"revisionName": "hello-00001", "latestRevision": false, "percent": 90},
        {"revisionName": "hello-00002", "latestRevision": false, "percent": 10, "tag": "candidate"}])
}

#[test]
fn what_machines_added_is_gone() {
    let file = canon(&service(), Handover::AsItIs);
    let wanted = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata:\n  name: hello\n  namespace: shop\n  labels:\n    \
                  team: blue\nspec:\n  template:\n    spec:\n      containers:\n      - image: example.com/hello:v1\n";
    assert_eq!(printed(&file.object, &file.remarks), wanted);
    assert_eq!(file.notes, [""; 0]);
}

/// `ANDANTE_BLESS=1 cargo test --lib view::export` writes them anew.
#[test]
fn the_files_of_three_services_are_these() {
    for name in ["plain", "declared", "volumes"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export");
        let live = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let file = canon(&serde_json::from_str(&live).unwrap(), Handover::AsItIs);
        let text = printed(&file.object, &file.remarks);
        let golden = folder.join(format!("{name}.yaml"));
        if Environment::of_process().variable("ANDANTE_BLESS").is_some() {
            std::fs::write(&golden, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(&golden).unwrap(), "{}", golden.display());
        assert_eq!(yaml::objects(&text, 1 << 20), Ok(vec![file.object]));
    }
}

#[test]
fn a_cluster_with_defaults_of_its_own_keeps_what_differs() {
    let live = service();
    let mut draft = Draft::of(live.clone(), Handover::AsItIs);
    let asked = draft.question().unwrap();
    assert_eq!(asked.pointer("/spec/timeoutSeconds"), None);
    let mut stored = live["spec"]["template"].clone();
    stored["spec"]["timeoutSeconds"] = json!(60);
    draft.answered(&stored);
    assert_eq!(draft.question().unwrap().pointer("/spec/timeoutSeconds"), Some(&json!(300)));
    draft.answered(&live["spec"]["template"]);
    assert_eq!(draft.question(), None);
    let file = draft.file();
    assert_eq!(file.object["spec"]["template"]["spec"]["timeoutSeconds"], json!(300));
    assert_eq!(said(&file), ["spec.template.spec.timeoutSeconds: kept: without it this cluster would fill in 60"]);
    // What is filled in elsewhere comes of any write.
    let mut draft = Draft::of(live.clone(), Handover::AsItIs);
    let mut stored = live["spec"]["template"].clone();
    stored["spec"]["idleTimeoutSeconds"] = json!(60);
    draft.answered(&stored);
    assert_eq!(draft.question(), None);
    assert!(draft.file().notes[0].contains("the next write of any kind makes a revision"));
}

#[test]
fn without_an_answer_everything_stays() {
    let mut draft = Draft::of(service(), Handover::AsItIs);
    draft.unanswered("not permitted".into());
    assert_eq!(draft.question(), None);
    let file = draft.file();
    assert_eq!(file.object["spec"]["template"]["spec"]["containerConcurrency"], json!(0));
    assert_eq!(file.notes, ["whole, since the server did not show what it fills in: not permitted"]);
    // A server that says something else each time is not asked for ever.
    let mut draft = Draft::of(service(), Handover::AsItIs);
    let mut times = 0;
    while let Some(mut stored) = draft.question() {
        times += 1;
        stored["spec"]["timeoutSeconds"] = json!(300);
        if times > 1 {
            stored["spec"]["containerConcurrency"] = json!(0);
        }
        draft.answered(&stored);
    }
    assert!(times <= QUESTIONS);
}

#[test]
fn a_template_with_a_name_is_whole() {
    let live = with(|live| live["spec"]["template"]["metadata"]["name"] = json!("hello-r1"));
    let draft = Draft::of(live, Handover::AsItIs);
    assert_eq!(draft.question(), None);
    let file = draft.file();
    assert_eq!(file.object["spec"]["template"]["metadata"], json!({"name": "hello-r1"}));
    assert_eq!(file.object["spec"]["template"]["spec"]["timeoutSeconds"], json!(300));
    assert!(said(&file)[0].starts_with("spec.template.metadata.name: the revision's own name"));
}

#[test]
fn what_the_last_apply_named_stays_where_leaving_it_out_would_do_harm() {
    let live = with(|live| {
        live["metadata"]["annotations"][LAST] = json!(live.to_string());
        live["spec"]["traffic"] = split();
        live["metadata"]["annotations"]["andante.dev/pipeline"] = json!("roll-out");
    });
    let file = canon(&live, Handover::AsItIs);
    // The file that was applied said `latest`, so an apply that says nothing would bring that back.
    assert_eq!(file.object["spec"]["traffic"].as_array().unwrap().len(), 2);
    assert_eq!(file.object["metadata"]["annotations"]["serving.knative.dev/creator"], "kim");
    let template = &file.object["spec"]["template"];
    assert_eq!(template["metadata"]["annotations"], json!({"client.knative.dev/updateTimestamp": "t"}));
    assert_eq!(template["spec"]["enableServiceLinks"], json!(false));
    assert_eq!(template["spec"]["timeoutSeconds"], Value::Null, "the server fills it in again");
    assert!(file.notes[0].starts_with("traffic is kept, though a walk writes it"), "{:?}", file.notes);
}

#[test]
fn a_split_is_the_owners_or_the_walks() {
    let file = canon(&with(|live| live["spec"]["traffic"] = split()), Handover::AsItIs);
    let wanted = json!([{"revisionName": "hello-00001", "percent": 90}, {"revisionName": "hello-00002", "percent": 10, "tag": "candidate"}]);
    assert_eq!(file.object["spec"]["traffic"], wanted);
    assert_eq!(said(&file), ["spec.traffic: names revisions of this cluster: another one has to have them first"]);
    let file = canon(
        &with(|live| {
            live["spec"]["traffic"] = split();
            live["metadata"]["annotations"]["andante.dev/pipeline"] = json!("roll-out");
        }),
        Handover::AsItIs,
    );
    assert_eq!(file.object["spec"].get("traffic"), None);
    assert!(
        printed(&file.object, &file.remarks)
            .ends_with("\n  # traffic is left out: a walk writes it, and an apply without it leaves it as it is\n")
    );
}

fn rollout(change: impl FnOnce(&mut Record)) -> Value {
    let mut record = record();
    record.candidate = Some("hello-00002".parse().unwrap());
    change(&mut record);
    with(|live| {
        live["spec"]["traffic"] = split();
        live["metadata"]["annotations"][RECORD] = json!(record.to_text().unwrap());
    })
}

#[test]
fn in_the_middle_of_a_rollout_the_file_says_so() {
    let file = canon(&rollout(|record| record.phase = Phase::Walking), Handover::AsItIs);
    assert_eq!(file.object["metadata"].get("annotations"), None);
    assert_eq!(file.object["spec"].get("traffic"), None, "a walk writes it");
    let wanted = "exported in the middle of rollout r1 to hello-00002: the template is the one that stands, and users may still go \
                  back from it";
    assert_eq!(file.notes, [wanted]);
    assert!(printed(&file.object, &file.remarks).starts_with(&format!("# {wanted}\napiVersion:")));
    let file = canon(
        &rollout(|record| {
            record.phase = Phase::RolledBack;
            record.outcome = Some(Code::Worse);
        }),
        Handover::AsItIs,
    );
    assert_eq!(
        file.notes,
        ["this template made hello-00002, which did not pass (worse): users stayed on, or went back to, s1"]
    );
    assert!(file.object["spec"].get("traffic").is_some(), "it is the owner's again");
    let file = canon(&with(|live| live["metadata"]["annotations"][RECORD] = json!("{}")), Handover::AsItIs);
    assert!(file.notes[0].starts_with("whether a rollout goes on is not known: "));
    assert!(canon(&rollout(|record| record.phase = Phase::Finished), Handover::AsItIs).notes.is_empty());
}

#[test]
fn a_pipeline_is_handed_over_and_back() {
    let annotations = |file: &GitFile| file.object["metadata"]["annotations"].clone();
    let declared = with(|live| {
        live["metadata"]["annotations"] = json!({"andante.dev/pipeline": "roll-out", "andante.dev/rollout-x": "1"});
    });
    let out = canon(&declared, Handover::External);
    let handed = json!({"andante.dev/pipeline": "ExternalOperation", "andante.dev/pipeline-was": "roll-out"});
    assert_eq!(annotations(&out), handed);
    // Twice is once, and the way back is the way back.
    let again = with(|live| live["metadata"]["annotations"] = handed.clone());
    assert_eq!(annotations(&canon(&again, Handover::External)), handed);
    assert_eq!(annotations(&canon(&again, Handover::AsItIs)), handed);
    assert_eq!(annotations(&canon(&again, Handover::Back)), json!({"andante.dev/pipeline": "roll-out"}));
    assert_eq!(annotations(&canon(&declared, Handover::Back)), json!({"andante.dev/pipeline": "roll-out"}));
    let never = with(|live| live["metadata"]["annotations"] = json!({"andante.dev/pipeline": "ExternalOperation"}));
    assert!(canon(&never, Handover::Back).notes[0].contains("names no other: it is left so"));
    assert!(canon(&service(), Handover::External).notes[0].contains("there is nothing to hand over"));
}

#[test]
fn an_image_by_digest_is_kept_and_called() {
    let digest = "example.com/hello@sha256:aa";
    let file = canon(
        &with(|live| {
            live["spec"]["template"]["spec"]["containers"][0]["image"] = json!(digest);
            live["spec"]["template"]["metadata"]["annotations"]["client.knative.dev/user-image"] =
                json!("example.com/hello:v1");
        }),
        Handover::AsItIs,
    );
    assert_eq!(file.object["spec"]["template"]["spec"]["containers"][0]["image"], digest);
    assert_eq!(
        said(&file),
        ["spec.template.spec.containers.0.image: kept by digest, as it runs; its user named example.com/hello:v1"]
    );
}

#[test]
fn an_image_that_is_built_from_the_source_is_called_so() {
    let of = |container: Option<&str>, image: &str| {
        let live = with(|live| {
            live["metadata"]["annotations"] = json!({"andante.dev/source": "https://git.example.com/shop.git"});
            if let Some(name) = container {
                live["metadata"]["annotations"]["andante.dev/container"] = json!(name);
            }
            live["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        });
        said(&canon(&live, Handover::AsItIs))
    };
    let wanted = "spec.template.spec.containers.0.image: built from the declared source: after the next build, an apply of this \
                  file brings this one back";
    assert_eq!(of(None, "i:1"), [wanted]);
    assert_eq!(of(Some("user-container"), "i:1"), [wanted]);
    assert_eq!(of(Some("other"), "i:1"), [""; 0]);
    assert_eq!(of(None, "placeholder.invalid/shop"), [""; 0]);
}

/// One of several values, or nothing.
fn maybe(values: &[Value]) -> impl Strategy<Value = Option<Value>> + use<> {
    proptest::option::of(proptest::sample::select(values.to_vec()))
}

prop_compose! {
    /// A Service with anything that is usual, held, ours, or nobody's, or without it.
    fn any_service()(
        annotations in proptest::collection::btree_map(
            proptest::sample::select(vec!["andante.dev/pipeline", "andante.dev/rollout", "andante.dev/kept", "andante.dev/params",
                "serving.knative.dev/creator", "client.knative.dev/x", "team", LAST]), "[a-z {}:]{0,6}", 0..5),
        marks in proptest::collection::btree_map(
            proptest::sample::select(vec!["andante.dev/again", "client.knative.dev/nonce", "autoscaling.knative.dev/min-scale"]), "[a-z0-9]{0,3}", 0..3),
        managers in maybe(&[json!([]),
            json!([{"manager": "kn", "operation": "Update", "fieldsV1": {"f:spec": {"f:traffic": {}}}}]),
            json!([{"manager": "git", "operation": "Apply", "fieldsV1": {"f:spec": {"f:traffic": {}, "f:template": {"f:spec": {"f:enableServiceLinks": {}}}}}}])]),
        traffic in maybe(&[json!([]), json!([{"latestRevision": true, "percent": 100}]), split()]),
        name in maybe(&[json!("hello-r1"), json!("")]),
        seconds in maybe(&[json!(300), json!(60)]),
        links in maybe(&[json!(false), json!(true)]),
        probe in maybe(&[json!({"successThreshold": 1, "tcpSocket": {"port": 0}}), json!({"httpGet": {"port": 0}, "successThreshold": 1}),
            json!({"grpc": {"service": ""}}), json!({"exec": {"command": []}})]),
        mounts in maybe(&[json!([{"name": "v", "readOnly": true}]), json!([])]),
        resources in maybe(&[json!({}), json!({"limits": {"cpu": "1"}})]),
        several in any::<bool>(),
    ) -> Value {
        let mut container = json!({"name": "user-container", "image": "i@sha256:aa"});
        for (key, value) in [("readinessProbe", probe), ("volumeMounts", mounts), ("resources", resources)] {
            if let Some(value) = value { container[key] = value; }
        }
        let mut spec = json!({"containers": [container]});
        if several { spec["containers"].as_array_mut().unwrap().push(json!({"name": "side", "image": "j", "resources": {}})); }
        for (key, value) in [("timeoutSeconds", seconds), ("enableServiceLinks", links)] {
            if let Some(value) = value { spec[key] = value; }
        }
        let mut live = json!({"metadata": {"name": "hello", "uid": "u", "annotations": annotations},
            "spec": {"template": {"metadata": {"annotations": marks, "creationTimestamp": null}, "spec": spec}}, "status": {}});
        if let Some(name) = name { live["spec"]["template"]["metadata"]["name"] = name; }
        if let Some(traffic) = traffic { live["spec"]["traffic"] = traffic; }
        if let Some(managers) = managers { live["metadata"]["managedFields"] = managers; }
        live
    }
}

proptest! {
    #[test]
    fn a_file_of_a_file_is_the_file(
        live in any_service(),
        handover in proptest::sample::select(vec![Handover::AsItIs, Handover::External, Handover::Back]),
    ) {
        let file = canon(&live, handover);
        let again = canon(&file.object, handover);
        prop_assert_eq!(&again.object, &file.object);
        let text = printed(&file.object, &file.remarks);
        prop_assert_eq!(yaml::objects(&text, 1 << 20), Ok(vec![file.object.clone()]), "{}", text);
        for gone in ["/status", "/metadata/uid", "/metadata/managedFields", "/spec/template/metadata/creationTimestamp"] {
            prop_assert_eq!(file.object.pointer(gone), None);
        }
    }
}

//! Templates from a file: what it says is what shall be, its revision's name included.

use super::fault::Script;
use super::rollout::{Job, Theatre, asker};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use serde_json::{Value, json};

/// A file's template.
fn template(name: Option<&str>, spec: &Value) -> Value {
    let mut template = json!({"metadata": {"annotations": {}}, "spec": {"containers": [{"image": "ok:1"}]}});
    if let Some(name) = name {
        template["metadata"]["name"] = json!(name);
    }
    for (key, value) in spec.as_object().unwrap() {
        template["spec"][key] = value.clone();
    }
    template
}

/// Stages one file after the other, on a Service whose template was written by hand.
fn stage(live: Value, files: Vec<Value>) -> (Vec<Outcome>, Value, Vec<String>) {
    stage_where(None, live, files)
}

/// The same on a cluster with this default of `timeoutSeconds`.
fn stage_where(timeout: Option<u64>, live: Value, files: Vec<Value>) -> (Vec<Outcome>, Value, Vec<String>) {
    simulate(async move {
        let mut theatre = Theatre::new(3);
        theatre.calm = true;
        let world = theatre.world.clone();
        world.with(|s| s.timeout = timeout);
        let mut object = world.plain("ok:1");
        object["spec"]["template"] = live;
        world.deploy(&object).await;
        let mut ends = Vec::new();
        for (at, file) in files.into_iter().enumerate() {
            let label = format!("run{}", ["a", "b", "c"][at]);
            let asker = asker(&label, at as u64 + 1, IfBusy::Supersede);
            ends.push(theatre.process(&label, &asker, &Job::File(file), Script::default()).await.unwrap());
        }
        let template = world.service().unwrap()["spec"]["template"].clone();
        (ends, template, theatre.sink.lines())
    })
}

#[test]
fn a_file_that_only_takes_a_field_away_makes_a_revision() {
    let live = template(None, &json!({"containerConcurrency": 10, "timeoutSeconds": 60}));
    let file = template(None, &json!({"timeoutSeconds": 60}));
    let (ends, template, _) = stage(live, vec![file]);
    assert_eq!(ends[0].code, Code::Done, "{}", ends[0].line());
    assert_eq!(ends[0].word, "staged", "{}", ends[0].line());
    assert_eq!(template["spec"].get("containerConcurrency"), None);
    assert_eq!(template["spec"]["timeoutSeconds"], 60);
}

#[test]
fn a_file_that_says_what_is_there_makes_none() {
    let live = template(None, &json!({"timeoutSeconds": 60}));
    let (ends, _, _) = stage(live.clone(), vec![live]);
    assert_eq!(ends[0].word, "unchanged", "{}", ends[0].line());
}

/// What the cluster fills in looks like something that the file lost. The write shows that it is not, and is remembered.
#[test]
fn a_cluster_with_defaults_of_its_own_is_found_out_once() {
    let file = template(None, &json!({}));
    let (ends, template, lines) = stage_where(Some(600), file.clone(), vec![file.clone(), file]);
    assert_eq!(template["spec"]["timeoutSeconds"], 600);
    assert_eq!(ends[0].code, Code::Done, "{}", ends[0].line());
    assert!(ends[0].what.contains("the template makes no new revision"), "{}", ends[0].line());
    assert_eq!(ends[1].word, "unchanged", "{}", ends[1].line());
    let patched = |run: &str| lines.iter().any(|line| line.contains(run) && line.contains("template patched"));
    assert!(patched("runa") && !patched("runb"), "{lines:#?}");
}

#[test]
fn the_files_name_for_its_revision_is_used_once() {
    let live = template(None, &json!({}));
    let named = |seconds: u64| template(Some("hello-r6"), &json!({"timeoutSeconds": seconds}));
    let (ends, _, lines) = stage(live.clone(), vec![named(60), named(70)]);
    let candidate = |end: &Outcome| end.candidate.as_ref().map(ToString::to_string).unwrap_or_default();
    assert_eq!((ends[0].code, candidate(&ends[0])), (Code::Done, "hello-r6".to_owned()), "{}", ends[0].line());
    assert_eq!(ends[1].code, Code::Done, "{}", ends[1].line());
    assert_eq!(candidate(&ends[1]), "hello-00003", "{}", ends[1].line());
    let said = "the file names its revision hello-r6, which is there already: Knative names the new one";
    assert!(lines.iter().any(|line| line.contains(said)), "{lines:#?}");
}

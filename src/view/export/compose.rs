//! Puts the file together.
//!
//! Decides which fields of the object stand in it, and what is said of each choice. It may use records.

use super::held::Held;
use super::split::{Said, said};
use super::{Draft, GitFile, Handover, Proof, Remark};
use crate::model::filled_in::ONCE;
use crate::model::kn;
use crate::model::observed::RECORD;
use crate::model::template::serving_container;
use crate::rollout::declaration::charge::EXTERNAL;
use crate::rollout::declaration::image::is_placeholder;
use crate::rollout::declaration::part::{DeclaredPart, PIPELINE_WAS};
use crate::rollout::declaration::whose::{Whose, is_stamp, whose};
use crate::rollout::record::{Phase, Record};
use serde_json::{Map, Value, json};

/// Who is in charge of a Service.
const PIPELINE: &str = DeclaredPart::Pipeline.annotation();
/// What is built.
const SOURCE: &str = DeclaredPart::Source.annotation();
/// Which container runs it.
const CONTAINER: &str = DeclaredPart::Container.annotation();

/// How somebody takes a field out of what kubectl remembers, without a write of the field.
const FORGET: &str = "take it out of this file and run `kubectl apply set-last-applied -f FILE`";

/// The file of a draft.
pub(super) fn file(draft: &Draft) -> GitFile {
    let mut page = Page::default();
    let held = Held::of(&draft.live);
    let walked = page.rollout(&draft.live, &held) || declared(&draft.live, PIPELINE).is_some();
    let metadata = page.metadata(draft, &held);
    let template = page.template(draft, &held);
    // What a newer Knative has there is kept as it is.
    let mut spec: Map<String, Value> = fields(draft.live.get("spec"));
    spec.insert("template".to_owned(), template);
    spec.remove("traffic");
    if let Some(traffic) = page.traffic(&draft.live, walked, &held) {
        spec.insert("traffic".to_owned(), traffic);
    }
    let version = draft.live.get("apiVersion").and_then(Value::as_str).unwrap_or("serving.knative.dev/v1");
    let object = json!({"apiVersion": version, "kind": "Service", "metadata": metadata, "spec": spec});
    GitFile { object, remarks: page.remarks, notes: page.notes }
}

fn fields(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn declared<'a>(object: &'a Value, annotation: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(annotation)?.as_str()
}

/// What is said beside the object.
#[derive(Default)]
struct Page {
    remarks: Vec<Remark>,
    notes: Vec<String>,
}

impl Page {
    /// A comment.
    fn remark(&mut self, place: &[&str], text: impl Into<String>) {
        let place = place.iter().map(|step| (*step).to_owned()).collect();
        self.remarks.push(Remark { place, text: text.into() });
    }

    /// A comment that is also said to whoever exports.
    fn aloud(&mut self, place: &[&str], text: impl Into<String>) {
        let text = text.into();
        self.notes.push(text.clone());
        self.remark(place, text);
    }

    /// What the rollout's record means for the file; true while a rollout is not over.
    fn rollout(&mut self, live: &Value, held: &Held) -> bool {
        let record = match declared(live, RECORD).map(Record::parse) {
            None => return false,
            Some(Err(error)) => {
                self.aloud(&[], format!("whether a rollout goes on is not known: {error}"));
                return true;
            }
            Some(Ok(record)) => record,
        };
        let revision = record.candidate.as_ref().map(|name| format!(" to {name}")).unwrap_or_default();
        if record.phase.is_open() {
            self.aloud(
                &[],
                format!(
                    "exported in the middle of rollout {}{revision}: the template is the one that stands, and users may still go \
                     back from it",
                    record.id
                ),
            );
            if held.says(&["metadata", "annotations", RECORD]) {
                self.notes.push(format!(
                    "the last apply named {RECORD}, so an apply of this file takes the record away: wait for the rollout's end"
                ));
            }
            return true;
        }
        let newest = live.pointer("/status/latestCreatedRevisionName").and_then(Value::as_str);
        if let Some(candidate) = record.candidate.as_ref().filter(|name| Some(name.as_str()) == newest)
            && record.phase == Phase::RolledBack
            && record.ended_as().blames()
        {
            self.aloud(
                &[],
                format!(
                    "this template made {candidate}, which did not pass ({}): users stayed on, or went back to, {}",
                    record.ended_as().word(),
                    record.start.stable
                ),
            );
        }
        false
    }

    fn metadata(&mut self, draft: &Draft, held: &Held) -> Value {
        let live = &draft.live;
        let mut annotations = fields(live.pointer("/metadata/annotations"));
        annotations.retain(|name, _| match whose(name) {
            Whose::Owners => true,
            Whose::Note => false,
            Whose::Knatives => held.says(&["metadata", "annotations", name]),
        });
        for name in annotations.keys().filter(|name| whose(name) == Whose::Knatives) {
            self.remark(
                &["metadata", "annotations", name],
                format!("kept: the last apply named it, and Knative refuses an apply without it; to lose it {FORGET}"),
            );
        }
        self.hand_over(&mut annotations, draft.handover);
        let mut metadata = Map::new();
        for name in ["name", "namespace", "labels"] {
            let value = live.pointer("/metadata").and_then(|all| all.get(name));
            metadata.extend(value.filter(|value| !is_nothing(value)).map(|value| (name.to_owned(), value.clone())));
        }
        if !annotations.is_empty() {
            metadata.insert("annotations".to_owned(), Value::Object(annotations));
        }
        let owner = live.pointer("/metadata/ownerReferences/0");
        if let Some(owner) = owner {
            let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            self.aloud(&["metadata"], format!("left out: it belongs to {} {}", text("kind"), text("name")));
        }
        Value::Object(metadata)
    }

    /// Changes who is in charge, as it was asked for.
    fn hand_over(&mut self, annotations: &mut Map<String, Value>, handover: Handover) {
        let pipeline = annotations.get(PIPELINE).cloned();
        let external = pipeline.as_ref().and_then(Value::as_str).map(str::trim) == Some(EXTERNAL);
        match (handover, pipeline) {
            (Handover::External, None) => {
                self.notes.push(format!("{PIPELINE} is not declared, so there is nothing to hand over"));
            }
            (Handover::External, Some(pipeline)) if !external => {
                annotations.insert(PIPELINE.to_owned(), json!(EXTERNAL));
                annotations.insert(PIPELINE_WAS.to_owned(), pipeline);
            }
            (Handover::Back, _) if external => match annotations.remove(PIPELINE_WAS) {
                Some(before) => {
                    annotations.insert(PIPELINE.to_owned(), before);
                }
                None => self.notes.push(format!(
                    "{PIPELINE} is {EXTERNAL} and {PIPELINE_WAS} names no other: it is left so; write the one that you mean"
                )),
            },
            // It is as it is wanted.
            _ => {}
        }
    }

    fn template(&mut self, draft: &Draft, held: &Held) -> Value {
        let mut template = draft.bare().template;
        self.stamps(&mut template, held);
        if let Some(Value::Object(spec)) = template.get_mut("spec")
            && spec.get(ONCE) == Some(&json!(false))
            && !held.says(&["spec", "template", "spec", ONCE])
        {
            spec.remove(ONCE);
        }
        if let Value::Object(whole) = &mut template {
            if let Some(Value::Object(metadata)) = whole.get_mut("metadata") {
                metadata.retain(|_, value| !is_nothing(value));
            }
            if whole.get("metadata").is_some_and(is_nothing) {
                whole.remove("metadata");
            }
        }
        self.images(&template, &draft.live);
        self.proof(draft);
        template
    }

    /// Takes stamps out of the template where that changes nothing.
    fn stamps(&mut self, template: &mut Value, held: &Held) {
        for kind in ["annotations", "labels"] {
            let Some(Value::Object(all)) = template.get_mut("metadata").and_then(|metadata| metadata.get_mut(kind))
            else {
                continue;
            };
            all.retain(|name, _| !is_stamp(name) || held.says(&["spec", "template", "metadata", kind, name]));
            for name in all.keys().filter(|name| is_stamp(name)) {
                self.remark(
                    &["spec", "template", "metadata", kind, name],
                    format!(
                        "kept: the last apply named it, and an apply without it makes a revision; to lose it {FORGET}"
                    ),
                );
            }
        }
    }

    fn images(&mut self, template: &Value, live: &Value) {
        let built = built(template, live);
        let kept = live.pointer("/spec/template").and_then(kn::kept_image);
        for kind in ["containers", "initContainers"] {
            let list = template.get("spec").and_then(|spec| spec.get(kind)).and_then(Value::as_array);
            for (at, container) in list.into_iter().flatten().enumerate() {
                let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
                let ours = kind == "containers" && built == Some(at);
                let place = ["spec", "template", "spec", kind, &at.to_string(), "image"];
                if ours && !is_placeholder(image) {
                    self.remark(
                        &place,
                        "built from the declared source: after the next build, an apply of this file brings this one back",
                    );
                }
                if image.contains('@') {
                    let text = match kept.filter(|_| kind == "containers" && at == kn::DESCRIBED) {
                        Some(kept) => format!("kept by digest, as it runs; its user named {kept}"),
                        None => "kept by digest, as it runs".to_owned(),
                    };
                    self.remark(&place, text);
                }
            }
        }
    }

    /// What the server's answers mean for the fields that it fills in.
    fn proof(&mut self, draft: &Draft) {
        match &draft.proof {
            Proof::Open | Proof::Given => {}
            Proof::Named => self.remark(
                &["spec", "template", "metadata", "name"],
                "the revision's own name: the template is whole, since Knative fills nothing into one that keeps its name; a change \
                 needs another name, or none",
            ),
            Proof::Missing(why) => self.aloud(
                &["spec", "template"],
                format!("whole, since the server did not show what it fills in: {why}"),
            ),
            Proof::Drifts => self.aloud(
                &["spec", "template"],
                "this cluster's defaults have changed since it was written: the next write of any kind makes a revision",
            ),
        }
        for (pointer, value) in &draft.instead {
            let place = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
            let place = ["spec", "template"].into_iter().map(str::to_owned).chain(place).collect();
            let value =
                if value.is_object() || value.is_array() { "something else".to_owned() } else { value.to_string() };
            self.remarks.push(Remark { place, text: format!("kept: without it this cluster would fill in {value}") });
        }
    }

    fn traffic(&mut self, live: &Value, walked: bool, held: &Held) -> Option<Value> {
        let place = ["spec", "traffic"];
        match said(live.pointer("/spec/traffic"), walked, held) {
            Said::Usual => None,
            Said::TheWalks => {
                self.remark(
                    &place,
                    "traffic is left out: a walk writes it, and an apply without it leaves it as it is",
                );
                None
            }
            Said::Held(split) => {
                self.aloud(
                    &place,
                    format!(
                        "traffic is kept, though a walk writes it: the last apply named it, and an apply without it would send everyone \
                         to the newest revision; to leave it to the walk {FORGET}"
                    ),
                );
                Some(split)
            }
            Said::Owners(split) => {
                let names =
                    split.as_array().is_some_and(|list| list.iter().any(|entry| entry.get("revisionName").is_some()));
                if names {
                    self.remark(&place, "names revisions of this cluster: another one has to have them first");
                }
                Some(split)
            }
        }
    }
}

/// Which container runs what is built from the declared source; none where no source is declared.
fn built(template: &Value, live: &Value) -> Option<usize> {
    declared(live, SOURCE)?;
    let list = template.pointer("/spec/containers")?.as_array()?;
    match declared(live, CONTAINER) {
        Some(name) => {
            // Knative's own name of an only container is left out of a file.
            let called = |c: &Value| c.get("name").and_then(Value::as_str).unwrap_or("user-container") == name.trim();
            list.iter().position(called)
        }
        None => serving_container(list),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

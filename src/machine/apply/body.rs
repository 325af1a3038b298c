//! What is sent of a file.
//!
//! Decides what the file may say (what machines note is not its to say), and what is put in its place from what stands there: a split
//! that a walk is in charge of, an image that was built, the name under which kn shows an image. It may use declarations and records.

use super::owned;
use crate::machine::write::put_split;
use crate::model::kn;
use crate::model::observed::{PIPELINE, RECORD};
use crate::model::split::Split;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::declaration::image::is_placeholder;
use crate::rollout::declaration::part::{APPLIED_SET, DeclaredPart};
use crate::rollout::declaration::read::Stated;
use crate::rollout::declaration::whose::{Whose, is_stamp, whose};
use crate::rollout::record::Record;
use serde_json::{Map, Value, json};

/// A Service as its file wants it.
#[derive(Debug, Clone)]
pub struct WantedService {
    /// What whoever applies it should know, in sentences.
    pub notes: Vec<String>,
    object: Value,
    /// The container whose image the file does not know, because it is built.
    built: Option<String>,
}

fn fields<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    value.get_mut(name).and_then(Value::as_object_mut)
}

/// The annotation of this name.
pub(super) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

/// A walk is in charge of the split: the Service is in care, or has a rollout that is not over.
pub(super) fn is_walked(object: &Value) -> bool {
    // A record that cannot be read may be one of an open rollout.
    let open = |text: &str| Record::parse(text).map_or(true, |record| record.phase.is_open());
    annotation(object, PIPELINE).is_some() || annotation(object, RECORD).is_some_and(open)
}

/// The container of this name.
fn container<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let list = object.pointer("/spec/template/spec/containers")?.as_array()?;
    // Knative gives an only container its usual name.
    list.iter().find(|c| c.get("name").and_then(Value::as_str).unwrap_or("user-container") == name)
}

impl WantedService {
    /// Takes it out of a file; `set`: what it is marked as a part of. An error is every fault of what it declares.
    pub fn of(mut object: Value, set: Option<&str>) -> Result<Self, Vec<Fault>> {
        let declared = Stated::of_json(&object).read()?;
        if let Some(metadata) = fields(&mut object, "metadata")
            && let Some(Value::Object(annotations)) = metadata.get_mut("annotations")
        {
            annotations.retain(|name, _| whose(name) == Whose::Owners);
        }
        if let Some(set) = set {
            mark(&mut object, set);
        }
        for name in ["annotations", "labels"] {
            let template = object.pointer_mut("/spec/template/metadata");
            if let Some(all) = template.and_then(|metadata| fields(metadata, name)) {
                all.retain(|name, _| !is_stamp(name));
            }
        }
        let placeholder = declared.image.as_deref().is_some_and(is_placeholder);
        let built = declared.container.filter(|_| placeholder && declared.source.is_some());
        Ok(Self { notes: declared.notes, object, built })
    }

    /// What the file declares, part by part.
    pub(super) fn declares(&self) -> Vec<(DeclaredPart, String)> {
        let said = |part: DeclaredPart| Some((part, annotation(&self.object, part.annotation())?.to_owned()));
        DeclaredPart::ALL.into_iter().filter_map(said).collect()
    }

    /// True if the file names a split that a walk is in charge of instead.
    pub(super) fn leaves_split(&self, live: Option<&Value>) -> bool {
        let walked = is_walked(&self.object) || live.is_some_and(is_walked);
        let said = self.object.pointer("/spec/traffic");
        walked && said.is_some() && Split::from_json(said) != Ok(Split::all_latest())
    }

    /// What is sent over what stands there; none: nothing does.
    pub fn body(&self, live: Option<&Value>) -> Value {
        let mut body = self.object.clone();
        if is_walked(&body) || live.is_some_and(is_walked) {
            leave_split(&mut body, live);
        }
        let Some(live) = live else { return body };
        if let Some(metadata) = fields(&mut body, "metadata") {
            // The version fences what was concluded from this object; the uid keeps one that is gone from being made again.
            for name in ["uid", "resourceVersion"] {
                metadata.extend(
                    live.pointer("/metadata").and_then(|of| of.get(name)).map(|v| (name.to_owned(), v.clone())),
                );
            }
        }
        // Who names no set leaves the mark of the last one.
        if let (None, Some(set)) = (annotation(&body, APPLIED_SET), annotation(live, APPLIED_SET)) {
            mark(&mut body, set);
        }
        self.keep_built(&mut body, live);
        show_image(&mut body, live);
        body
    }

    /// Puts what was built in the place of what stands for it.
    fn keep_built(&self, body: &mut Value, live: &Value) {
        let Some(name) = &self.built else { return };
        let image = container(live, name).and_then(|c| c.get("image")).cloned();
        let list = body.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
        let place =
            list.into_iter().flatten().find(|c| c.get("image").and_then(Value::as_str).is_some_and(is_placeholder));
        if let (Some(image), Some(Value::Object(place))) = (image, place) {
            place.insert("image".to_owned(), image);
        }
    }
}

/// Notes of which set a file is.
fn mark(object: &mut Value, set: &str) {
    let Some(metadata) = fields(object, "metadata") else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    if let Value::Object(annotations) = annotations {
        annotations.insert(APPLIED_SET.to_owned(), json!(set));
    }
}

/// Leaves the split as it stands. Who owns it and does not name it gives it away, and everyone would go to latest.
fn leave_split(body: &mut Value, live: Option<&Value>) {
    let Some(spec) = fields(body, "spec") else { return };
    let stands = live.filter(|live| owned::owns_split(live)).and_then(|live| live.pointer("/spec/traffic"));
    put_split(spec, stands.cloned());
}

/// Where kn keeps the name of an image, it is told the new one.
fn show_image(body: &mut Value, live: &Value) {
    let kept = |object: &Value| object.pointer("/spec/template/metadata/annotations")?.get(kn::USER_IMAGE).cloned();
    let image = |object: &Value| {
        object.pointer("/spec/template/spec/containers")?.get(kn::DESCRIBED)?.get("image")?.as_str().map(str::to_owned)
    };
    let (Some(mut kept), Some(wanted)) = (kept(live), image(body)) else { return };
    if image(live).as_ref() != Some(&wanted) {
        kept = json!(kn::user_image(&wanted));
    }
    let Some(template) = body.pointer_mut("/spec/template").and_then(Value::as_object_mut) else { return };
    let metadata = template.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(kn::USER_IMAGE.to_owned(), kept);
        }
    }
}

//! Changes of a Service's template: image, environment, a whole file; and whether two templates mean the same.
//!
//! Decides what the new template is. It works on the API's own JSON, because whatever is not understood here has to be
//! written back unchanged. Depends on `serde_json` and names.

use crate::model::filled_in::{Filled, ONCE, filled_in};
use crate::model::kn;
use crate::model::name::RevisionName;
use crate::model::nothing::says_nothing;
use serde_json::{Map, Value, json};

/// The annotation that makes a template differ from an equal one (`--again`).
// An equal template raises no generation of the Configuration, so Knative makes no Revision of it.
pub const AGAIN: &str = "andante.dev/again";

/// The annotation that makes a template differ from an equal one whose image meant other bytes.
pub const DIGEST: &str = "andante.dev/image-digest";

/// What is to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateChange {
    /// The image of the container.
    pub image: Option<String>,
    /// Which container; none: the only one, or the one with a port.
    pub container: Option<String>,
    /// Variables to set.
    pub env: Vec<(String, String)>,
    /// A template that replaces the present one.
    pub file: Option<Value>,
    /// A name for the new revision.
    pub revision_name: Option<RevisionName>,
    /// Make a new revision even if nothing else changes; the value tells one time from another.
    pub again: Option<String>,
    /// The digest that the image means now, where an equal template stands for other bytes.
    pub digest: Option<String>,
}

/// A change that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadChange {
    /// The template has no container to change.
    #[error("the template has no containers")]
    NoContainer,
    /// No container has this name.
    #[error("there is no container `{0}`; there are: {1}")]
    NoSuchContainer(String, String),
    /// More than one container could be meant.
    #[error("which container? --container is one of: {0}")]
    WhichContainer(String),
}

impl TemplateChange {
    /// True if the change is the serving container's image and nothing else, so that equal references with equal bytes
    /// mean an equal candidate.
    pub fn is_image_alone(&self) -> bool {
        self.image.is_some()
            && self.container.is_none()
            && self.env.is_empty()
            && self.file.is_none()
            && self.again.is_none()
    }

    /// The name that the file gives to the new revision.
    pub fn name_in_file(&self) -> Option<RevisionName> {
        // One that is no name was refused with the goal.
        self.file.as_ref()?.pointer("/metadata/name")?.as_str()?.parse().ok()
    }

    /// The same change, with the file's name for the new revision if no revision has it yet. Knative makes no second one
    /// of a name and leaves the Route blocked instead.
    #[must_use]
    pub fn with_free_name(&self, exists: impl Fn(&RevisionName) -> bool) -> Self {
        let own = self.revision_name.clone();
        Self { revision_name: own.or_else(|| self.name_in_file().filter(|name| !exists(name))), ..self.clone() }
    }

    /// The new template, without a name unless one was given: Knative refuses a changed template that keeps its name.
    pub fn apply(&self, present: &Value) -> Result<Value, BadChange> {
        let mut template = match &self.file {
            Some(file) => with_kept(file, present),
            None => present.clone(),
        };
        // The new image, where it is one, and whether it is of the container that kn describes.
        let mut new_image = None;
        if self.image.is_some() || !self.env.is_empty() {
            let (index, container) = self.container(&mut template)?;
            if let Some(image) = &self.image {
                let before = container.insert("image".into(), json!(image));
                new_image = (before.as_ref() != Some(&json!(image))).then_some((image, index == kn::DESCRIBED));
            }
            for (name, value) in &self.env {
                set_env(container, name, value);
            }
        }
        if let Value::Object(whole) = &mut template {
            let metadata = whole.entry("metadata").or_insert_with(|| json!({}));
            if let Value::Object(metadata) = metadata {
                // With the old name the webhook denies the write: "Saw the following changes without a name change".
                metadata.remove("name");
                if let Some(name) = &self.revision_name {
                    metadata.insert("name".into(), json!(name));
                }
                if let (Some(Value::Object(annotations)), Some((image, described))) =
                    (metadata.get_mut("annotations"), new_image)
                {
                    // It spoke of the image from before.
                    annotations.remove(DIGEST);
                    if described {
                        kn::follow_image(annotations, image);
                    }
                }
                for (annotation, value) in [(AGAIN, &self.again), (DIGEST, &self.digest)] {
                    let Some(value) = value else { continue };
                    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
                    if let Value::Object(annotations) = annotations {
                        annotations.insert(annotation.into(), json!(value));
                    }
                }
                if metadata.is_empty() {
                    whole.remove("metadata");
                }
            }
        }
        Ok(template)
    }

    /// The container that is to change, and its place in the list.
    fn container<'a>(&self, template: &'a mut Value) -> Result<(usize, &'a mut Map<String, Value>), BadChange> {
        let list = template
            .pointer_mut("/spec/containers")
            .and_then(Value::as_array_mut)
            .filter(|list| !list.is_empty())
            .ok_or(BadChange::NoContainer)?;
        // The name that Knative's webhook gives to a container without one (revision_defaults.go).
        let name = |c: &Value| c.get("name").and_then(Value::as_str).unwrap_or("user-container").to_owned();
        let names = list.iter().map(name).collect::<Vec<_>>().join(", ");
        let index = match &self.container {
            Some(wanted) => list
                .iter()
                .position(|c| name(c) == *wanted)
                .ok_or_else(|| BadChange::NoSuchContainer(wanted.clone(), names))?,
            None => serving_container(list).ok_or(BadChange::WhichContainer(names))?,
        };
        let container = list.get_mut(index).and_then(Value::as_object_mut).ok_or(BadChange::NoContainer)?;
        Ok((index, container))
    }
}

/// The image of the container that serves: the only one, or the one with a port.
pub fn serving_image(template: &Value) -> Option<&str> {
    let list = template.pointer("/spec/containers")?.as_array()?;
    list.get(serving_container(list)?)?.get("image")?.as_str()
}

/// Which of several containers serves. Exactly one has a port, else Knative refuses the template (`k8s_validation.go`,
/// `validateContainersPorts`).
pub fn serving_container(list: &[Value]) -> Option<usize> {
    let with_port = |c: &Value| c.get("ports").and_then(Value::as_array).is_some_and(|p| !p.is_empty());
    if list.len() == 1 { Some(0) } else { list.iter().position(with_port) }
}

fn set_env(container: &mut Map<String, Value>, name: &str, value: &str) {
    // The whole entry is replaced: Kubernetes refuses one that has both `value` and `valueFrom`.
    let entry = json!({"name": name, "value": value});
    let list = container.entry("env").or_insert_with(|| json!([]));
    let Value::Array(list) = list else {
        *list = json!([entry]);
        return;
    };
    match list.iter_mut().find(|e| e.get("name").and_then(Value::as_str) == Some(name)) {
        Some(present) => *present = entry,
        None => list.push(entry),
    }
}

fn with_kept(file: &Value, present: &Value) -> Value {
    let mut template = file.clone();
    // A file that does not speak of it leaves it as it is: Knative would not fill it in again, so writing the file would change it.
    let kept = present.pointer("/spec").and_then(|spec| spec.get(ONCE));
    if let (Some(kept), Some(Value::Object(spec))) = (kept, template.get_mut("spec")) {
        spec.entry(ONCE).or_insert_with(|| kept.clone());
    }
    // Our own marks tell equal templates apart; taking one off would make a revision of what did not change.
    let same_image = serving_image(file) == serving_image(present);
    for mark in [AGAIN, DIGEST].into_iter().filter(|mark| *mark == AGAIN || same_image) {
        let annotation = format!("/metadata/annotations/{}", mark.replace('/', "~1"));
        let Some(value) = present.pointer(&annotation) else { continue };
        let Value::Object(whole) = &mut template else { continue };
        let metadata = whole.entry("metadata").or_insert_with(|| json!({}));
        let annotations = metadata.as_object_mut().map(|m| m.entry("annotations").or_insert_with(|| json!({})));
        if let Some(Value::Object(annotations)) = annotations {
            annotations.entry(mark).or_insert_with(|| value.clone());
        }
    }
    template
}

/// True if `live` says what `wanted` says and nothing else, but for what Knative usually fills in: a live template has
/// more fields than the file that made it. The name of the template does not count, nor what kn keeps in it for itself.
pub fn says_the_same(live: &Value, wanted: &Value) -> bool {
    covers(&meant(live), &meant(wanted), &Filled::Usual(String::new()))
}

/// True if `live` says everything that `wanted` says, whatever else it says: enough where `wanted` is known to have made
/// `live`, since a cluster may have defaults of its own.
pub fn says_at_least(live: &Value, wanted: &Value) -> bool {
    covers(&meant(live), &meant(wanted), &Filled::Anything)
}

fn covers(live: &Value, wanted: &Value, filled: &Filled) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            let said = wanted.iter().all(|(key, value)| {
                live.get(key).map_or_else(|| says_nothing(key, value), |l| covers(l, value, &filled.inside(key)))
            });
            said && live.iter().all(|(key, value)| wanted.contains_key(key) || filled_in(value, &filled.inside(key)))
        }
        // Defaults add fields to objects and no entries to lists, so a list of another length is another list.
        (Value::Array(live), Value::Array(wanted)) => {
            let entry = filled.inside("[]");
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(l, w)| covers(l, w, &entry))
        }
        _ => live == wanted,
    }
}

/// What whoever wrote the template meant by it: neither its name nor what kn notes in it.
fn meant(template: &Value) -> Value {
    let mut template = template.clone();
    kn::take_marks(&mut template);
    unnamed(&template)
}

/// The template without its name and without fields that carry nothing.
fn unnamed(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(Value::Object(metadata)) = template.get_mut("metadata") {
        metadata.remove("name");
        // Go's encoder writes `creationTimestamp: null` into every template that it makes.
        metadata.remove("creationTimestamp");
        if metadata.is_empty()
            && let Value::Object(whole) = &mut template
        {
            whole.remove("metadata");
        }
    }
    template
}

/// A fingerprint of a template, its name aside: 64 bit FNV-1a over its JSON, whose keys are sorted. It tells templates
/// apart for people's convenience, it protects nothing.
pub fn fingerprint(template: &Value) -> String {
    let text = unnamed(template).to_string();
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;

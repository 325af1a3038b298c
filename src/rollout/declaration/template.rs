//! What the template of a Service says for its owner: its containers, and the one form of all templates that mean the same.
//!
//! Decides what in a stored template is nobody's wish: kn's stamps and pins, our own marks, the name of the revision, fields that
//! say nothing, and the image of the container that is built. What the server filled in stays, because it is stored, and
//! changes only when somebody writes. Depends on JSON, kn's stamps and references.

use super::image::pins;
use super::part::PREFIX;
use crate::model::kn;
use crate::model::nothing::says_nothing;
use crate::model::template::serving_container;
use serde_json::{Map, Value, json};

/// The name that Knative gives to a container without one.
const UNNAMED: &str = "user-container";

/// The list of containers; empty where there is none.
pub(super) fn containers(template: &Value) -> &[Value] {
    template.pointer("/spec/containers").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The name of a container.
pub(super) fn name_of(container: &Value) -> &str {
    container.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()).unwrap_or(UNNAMED)
}

/// Every image of the template with the name of its container and, for those that serve, their place in the list.
pub(super) fn images(template: &Value) -> impl Iterator<Item = (Option<usize>, &str, &str)> {
    let init = template.pointer("/spec/initContainers").and_then(Value::as_array).into_iter().flatten();
    let all = containers(template).iter().enumerate().map(|(at, c)| (Some(at), c)).chain(init.map(|c| (None, c)));
    all.filter_map(|(at, container)| Some((at, name_of(container), container.get("image")?.as_str()?)))
}

/// Which container gets the image: the one of this name, else the one that serves.
pub(super) fn built(template: &Value, name: Option<&str>) -> Option<usize> {
    let list = containers(template);
    match name {
        Some(name) => list.iter().position(|container| name_of(container) == name),
        None => serving_container(list),
    }
}

/// The one form of all templates that mean the same. `built`: the container whose image comes from a source. `kn_may_pin`: an
/// image by digest may be kn's pin.
pub(super) fn canonical(template: &Value, built: Option<usize>, kn_may_pin: bool) -> Value {
    let named = kn::kept_image(template).filter(|_| kn_may_pin);
    let mut template = template.clone();
    if let Some(Value::Array(list)) = template.pointer_mut("/spec/containers") {
        for (at, container) in list.iter_mut().enumerate() {
            let Value::Object(fields) = container else { continue };
            if built == Some(at) {
                fields.remove("image");
            } else if let (kn::DESCRIBED, Some(named)) = (at, named)
                && fields.get("image").and_then(Value::as_str).is_some_and(|image| pins(image, named))
            {
                fields.insert("image".to_owned(), json!(named));
            }
        }
    }
    if let Some(Value::Object(metadata)) = template.get_mut("metadata") {
        // Which name the revision has is no wish for other code: ours are without one.
        metadata.remove("name");
        for map in ["annotations", "labels"] {
            if let Some(Value::Object(map)) = metadata.get_mut(map) {
                map.retain(|name, _| !kn::is_mark(name) && !name.starts_with(PREFIX));
            }
        }
    }
    meant(template)
}

/// Without fields that say nothing. The entries of a list stay, because their places count.
fn meant(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, meant(value)));
            Value::Object(fields.filter(|(name, value)| !says_nothing(name, value)).collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(meant).collect()),
        value => value,
    }
}

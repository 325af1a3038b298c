//! What the command-line client of Knative, kn, writes into a template for itself.
//!
//! Decides what becomes of it where the image changes, and that it is no part of what an owner wants. Depends on `serde_json`.

use serde_json::{Map, Value, json};

/// What an annotation or a label of kn's begins with.
const MARK: &str = "client.knative.dev/";
/// The annotation that keeps the image as its user named it. kn shows it instead of the image (`kn service describe`), which it
/// may have pinned to a digest meanwhile.
pub(crate) const USER_IMAGE: &str = "client.knative.dev/user-image";

/// True for the name of an annotation or a label that kn keeps for itself.
pub(crate) fn is_mark(name: &str) -> bool {
    name.starts_with(MARK)
}

/// Which container [`USER_IMAGE`] speaks of: kn takes the first one, with a port or without
/// (`pkg/serving/revision_template.go`, v0.42: `return &revisionSpec.Containers[0]`).
pub(crate) const DESCRIBED: usize = 0;

/// Lets kn tell the new image of the container that it describes. An annotation that is not there is not added: it is how kn
/// knows that it is to pin the image.
pub(super) fn follow_image(annotations: &mut Map<String, Value>, image: &str) {
    if let Some(kept) = annotations.get_mut(USER_IMAGE) {
        *kept = json!(user_image(image));
    }
}

/// The image of the container that kn describes, as its user named it; none where kn keeps none, or only a digest named it.
pub(crate) fn kept_image(template: &Value) -> Option<&str> {
    let kept = template.get("metadata")?.get("annotations")?.get(USER_IMAGE)?.as_str()?;
    (!kept.is_empty() && !kept.contains('@')).then_some(kept)
}

/// The name that kn keeps for an image: without the digest, and empty where the digest is the only thing that names it
/// (`UpdateUserImageAnnotation` of a Service that is created so; kn then shows the image itself).
pub(crate) fn user_image(image: &str) -> &str {
    let Some((name, _)) = image.split_once('@') else { return image };
    // A colon before the last slash is a port's.
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') { name } else { "" }
}

/// Takes kn's annotations away: neither when it last changed something nor what its user called the image is wanted by whoever
/// compares templates.
pub(super) fn take_marks(template: &mut Value) {
    let Some(Value::Object(metadata)) = template.get_mut("metadata") else { return };
    let Some(Value::Object(annotations)) = metadata.get_mut("annotations") else { return };
    annotations.retain(|name, _| !is_mark(name));
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

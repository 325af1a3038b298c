//! What a Revision was made of: the template behind it, and the image that it runs.
//!
//! Decides which of a Revision's annotations and labels came from its template, and when two templates run alike. Depends on
//! `serde_json` and templates.

use crate::model::template::says_the_same;
use serde_json::{Map, Value, json};

/// What Knative's webhooks and controllers write on a Revision beside what its template says.
// knative/serving:pkg/apis/serving/register.go; set by pkg/reconciler/configuration and pkg/reconciler/labeler.
const OF_KNATIVE: [&str; 14] = [
    "creator",
    "lastModifier",
    "lastPinned",
    "routes",
    "route",
    "routingState",
    "routingStateModified",
    "configuration",
    "configurationGeneration",
    "configurationUID",
    "service",
    "serviceUID",
    "updater",
    "revisionUID",
];

/// The template that makes the same Revision again, without a name.
pub(super) fn template_of(revision: &Value) -> Value {
    let mut metadata = Map::new();
    for kind in ["annotations", "labels"] {
        let all = revision.pointer(&format!("/metadata/{kind}")).and_then(Value::as_object);
        let own: Map<String, Value> = all
            .into_iter()
            .flatten()
            .filter(|(key, _)| !is_of_knative(key))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if !own.is_empty() {
            metadata.insert(kind.to_owned(), Value::Object(own));
        }
    }
    let spec = revision.get("spec").cloned().unwrap_or_default();
    if metadata.is_empty() { json!({"spec": spec}) } else { json!({"metadata": metadata, "spec": spec}) }
}

fn is_of_knative(key: &str) -> bool {
    key.strip_prefix("serving.knative.dev/").is_some_and(|name| OF_KNATIVE.contains(&name))
}

/// The digest reference that a container of a Revision runs: by its name, or the first where there is none.
pub(super) fn running_digest(revision: &Value, container: Option<&Value>) -> Option<String> {
    let list = revision.pointer("/status/containerStatuses")?.as_array()?;
    let text = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let name = container.and_then(|c| text(c, "name"));
    let named = list.iter().find(|status| name.is_some() && text(status, "name") == name);
    text(named.or_else(|| list.first())?, "imageDigest")
}

/// True if two templates make the same of everything that runs. One may be older than a default of Knative's.
pub(crate) fn runs_alike(one: &Value, other: &Value) -> bool {
    let (one, other) = (unmarked(one), unmarked(other));
    one.get("spec").is_some_and(Value::is_object) && (says_the_same(&one, &other) || says_the_same(&other, &one))
}

/// Without the marks that tell one time from another and nothing about what runs.
fn unmarked(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(Value::Object(annotations)) = template.pointer_mut("/metadata/annotations") {
        annotations.retain(|key, _| !key.starts_with("andante.dev/") && !key.starts_with("client.knative.dev/"));
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(name: &str, digest: &str, annotations: &Value) -> Value {
        json!({"metadata": {"name": name, "annotations": annotations,
                "labels": {"serving.knative.dev/configurationGeneration": "1", "team": "blue"}},
            "spec": {"containerConcurrency": 0, "containers": [{"name": "user-container", "image": "i:1"}]},
            "status": {"containerStatuses": [{"name": "user-container", "imageDigest": digest}]}})
    }

    #[test]
    fn a_template_is_what_knative_did_not_add() {
        let made = revision(
            "s1",
            "i@sha256:aa",
            &json!({"serving.knative.dev/creator": "kim", "serving.knative.dev/routingStateModified": "t",
                "serving.knative.dev/progress-deadline": "90s", "autoscaling.knative.dev/min-scale": "2"}),
        );
        assert_eq!(
            template_of(&made),
            json!({"metadata": {"labels": {"team": "blue"}, "annotations": {
                    "serving.knative.dev/progress-deadline": "90s", "autoscaling.knative.dev/min-scale": "2"}},
                "spec": {"containerConcurrency": 0, "containers": [{"name": "user-container", "image": "i:1"}]}})
        );
    }

    #[test]
    fn marks_of_a_time_make_no_difference_and_a_setting_does() {
        let of = |annotations: Value| template_of(&revision("s", "i@sha256:aa", &annotations));
        let one = of(json!({"client.knative.dev/updateTimestamp": "1", "andante.dev/again": "r1"}));
        assert!(runs_alike(&one, &of(json!({"andante.dev/again": "r2"}))));
        assert!(!runs_alike(&one, &of(json!({"autoscaling.knative.dev/min-scale": "2"}))));
    }

    #[test]
    fn a_default_of_a_newer_knative_makes_no_difference_and_a_value_does() {
        let old = json!({"spec": {"containers": [{"image": "i:1"}]}});
        let new = json!({"spec": {"timeoutSeconds": 300, "containers": [{"image": "i:1", "resources": {}}]}});
        assert!(runs_alike(&old, &new) && runs_alike(&new, &old));
        let slow = json!({"spec": {"timeoutSeconds": 60, "containers": [{"image": "i:1"}]}});
        assert!(!runs_alike(&old, &slow) && !runs_alike(&Value::Null, &Value::Null), "nothing is known of either");
    }
}

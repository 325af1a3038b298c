//! Who else writes a Service, as its metadata tells: field managers, and an object that owns it as its controller.
//!
//! Decides who is likely to write again by itself; that a person's own tools do not. Depends on times and JSON.

use crate::model::kn::USER_IMAGE;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt;

/// The field manager under which every write of ours is made: who wrote last is seen by it.
pub const FIELD_MANAGER: &str = "andante";
/// The field manager under which files are applied (`andante apply`). It is another one, because an apply takes away what its
/// manager owns and the file no longer names: a split or an image of a rollout's must not go so.
pub const APPLY_MANAGER: &str = "andante-apply";
/// The field manager under which an owner's wish is written that did not come in a file (`andante declare`). It is another one, because
/// who looks at field managers alone (`config/binding-eventing`) has to tell a wish from what a rollout notes.
pub const DECLARE_MANAGER: &str = "andante-declare";

/// A field of an object, and who owns it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedField {
    /// The field manager.
    pub manager: String,
    /// The field, as the API server writes it: `.spec.template.spec.containers`.
    pub field: String,
}

impl fmt::Display for OwnedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (`{}`)", self.field.trim_start_matches('.'), self.manager)
    }
}

/// Who wrote a field, as the API server remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldWriter {
    /// The field manager's name.
    pub manager: String,
    /// When it last wrote.
    pub time: Option<Timestamp>,
    /// It owns `spec.traffic`.
    pub traffic: bool,
    /// It owns part of `spec.template`.
    pub template: bool,
    /// It owns the list of containers.
    pub containers: bool,
    /// It owns the annotation in which kn keeps an image's name.
    pub kept_image: bool,
    /// It wrote by server-side apply.
    pub applied: bool,
}

/// The object that owns another one as its controller: what it declares is what the other one is made to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerRef {
    /// Group and version of its API.
    pub api: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str).filter(|t| !t.is_empty())
}

impl FieldWriter {
    /// Everyone whom the API server remembers as a writer of the spec.
    pub(crate) fn all(object: &Value) -> Vec<Self> {
        let list = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            // Knative's controllers write the status under names of their own; who wrote the spec is what is asked here.
            .filter(|m| text(m, "subresource").is_none())
            .filter_map(|m| {
                Some(Self {
                    manager: text(m, "manager")?.to_owned(),
                    time: text(m, "time").and_then(|t| t.parse().ok()),
                    traffic: m.pointer("/fieldsV1/f:spec/f:traffic").is_some(),
                    template: m.pointer("/fieldsV1/f:spec/f:template").is_some(),
                    containers: m.pointer("/fieldsV1/f:spec/f:template/f:spec/f:containers").is_some(),
                    kept_image: m
                        .pointer("/fieldsV1/f:spec/f:template/f:metadata/f:annotations")
                        .is_some_and(|owned| owned.get(format!("f:{USER_IMAGE}")).is_some()),
                    applied: text(m, "operation") == Some("Apply"),
                })
            })
            .collect()
    }

    /// True for who updates without being asked: a controller by its name, or whoever wrote last after a rollout of ours
    /// did (`ours`: when). The tools of people write when somebody types, and ours when a rollout does.
    // A name is all that the API server keeps beside one time for each manager: how often somebody wrote, it does not tell.
    pub(crate) fn updates_by_itself(&self, ours: Option<Timestamp>) -> bool {
        if self.applied || self.manager == FIELD_MANAGER || self.has_name_of_hands() {
            return false;
        }
        let name = self.manager.to_ascii_lowercase();
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        self.wrote_after(ours) || words.any(|word| CONTROLLERS.iter().any(|known| word.starts_with(known)))
    }

    /// True for a tool of people's that updated after a rollout of ours wrote (`ours`: when). A pipeline or a schedule that runs
    /// `kubectl apply` has the same name, and would write again.
    pub(crate) fn updated_by_hand_after(&self, ours: Option<Timestamp>) -> bool {
        !self.applied && self.has_name_of_hands() && self.wrote_after(ours)
    }

    fn has_name_of_hands(&self) -> bool {
        let name = self.manager.to_ascii_lowercase();
        name.split(|c: char| !c.is_ascii_alphanumeric()).next().is_some_and(|word| HANDS.contains(&word))
    }

    fn wrote_after(&self, ours: Option<Timestamp>) -> bool {
        ours.is_some_and(|ours| self.time.is_some_and(|time| time > ours))
    }
}

/// First words of the names under which people's own tools write: `kubectl-client-side-apply`, `kubectl-edit`, `kn`, `oc`.
const HANDS: [&str; 4] = ["kubectl", "kn", "oc", "k9s"];

/// How words begin in the names of what writes again and again: by level (`kustomize-controller`, `argocd-controller`,
/// `KServe`'s `manager`), or with each release of its own (`helm`, `Terraform`).
const CONTROLLERS: [&str; 13] = [
    "controller",
    "operator",
    "manager",
    "reconciler",
    "argocd",
    "flux",
    "fleet",
    "crossplane",
    "helm",
    "terraform",
    "hashicorp",
    "pulumi",
    "kapp",
];

impl ControllerRef {
    pub(super) fn of(object: &Value) -> Option<Self> {
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
        // At most one is the controller: the API server refuses a second.
        let owner = owners.iter().find(|owner| owner["controller"] == true)?;
        let field = |name| text(owner, name).unwrap_or("?").to_owned();
        Some(Self { api: field("apiVersion"), kind: field("kind"), name: field("name") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn updates(manager: &str, operation: &str, ours: Option<&str>) -> bool {
        let object = json!({"metadata": {"managedFields": [{"manager": manager, "operation": operation,
            "time": "2026-01-01T00:00:05Z", "fieldsV1": {"f:spec": {"f:template": {}}}}]}});
        FieldWriter::all(&object)[0].updates_by_itself(ours.map(|t| t.parse().unwrap()))
    }

    #[test]
    fn controllers_are_told_from_peoples_tools() {
        let names =
            ["argocd-application-controller", "helm-controller", "Helm", "manager", "camel-k-operator", "Terraform"];
        for name in names {
            assert!(updates(name, "Update", None), "{name}");
            assert!(!updates(name, "Apply", None), "{name}: who applies is named as such");
        }
        let people =
            ["kubectl", "kubectl-client-side-apply", "kubectl-edit", "kubectl-patch", "kn", "oc", "k9s", "andante"];
        for name in people {
            assert!(!updates(name, "Update", None), "{name}");
            assert!(
                !updates(name, "Update", Some("2026-01-01T00:00:00Z")),
                "{name}: people may write after us, which has words of its own"
            );
        }
    }

    #[test]
    fn an_unknown_tool_is_named_once_it_wrote_after_us() {
        assert!(!updates("deploy-bot", "Update", None), "it made the Service, perhaps, and that was all");
        assert!(!updates("deploy-bot", "Update", Some("2026-01-01T00:00:05Z")));
        assert!(updates("deploy-bot", "Update", Some("2026-01-01T00:00:04Z")));
    }

    #[test]
    fn of_several_owners_the_controller_counts() {
        let owner = |kind: &str, controller: Value| json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": kind, "name": "m", "controller": controller});
        let of = |owners: Value| ControllerRef::of(&json!({"metadata": {"ownerReferences": owners}}));
        assert_eq!(of(json!([owner("Group", json!(null)), owner("Other", json!(false))])), None);
        let found = of(json!([owner("Group", json!(null)), owner("InferenceService", json!(true))])).unwrap();
        assert_eq!((found.kind.as_str(), found.name.as_str()), ("InferenceService", "m"));
        assert_eq!(ControllerRef::of(&json!({})), None);
    }
}

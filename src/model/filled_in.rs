//! What Knative fills into a template where its author said nothing (`revision_defaults.go` and the schema of the Service).
//!
//! Decides which fields of a live template need not be the file's. Anything else that the file does not say was taken out
//! of it, so it is a change. A cluster may have other defaults (config-defaults): then the write shows that they change
//! nothing. Depends on `serde_json`.

use crate::model::kn;
use crate::model::nothing::says_nothing;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Which fields a live template may have beyond those that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filled {
    /// Any.
    Anything,
    /// What Knative usually fills in at this place of the template.
    Usual(String),
}

impl Filled {
    /// The same question about a field of an object, or (`[]`) about an entry of a list.
    pub(super) fn inside(&self, key: &str) -> Self {
        match self {
            Self::Anything => Self::Anything,
            Self::Usual(path) => Self::Usual(format!("{path}.{key}")),
        }
    }
}

/// The field that Knative fills into a Service that is created, and never again.
pub(crate) const ONCE: &str = "enableServiceLinks";

/// Fields with the one value that Knative gives them, by the end of their place in the template.
fn usual(path: &str) -> Option<Value> {
    let value = match path.strip_prefix(".spec.")? {
        "timeoutSeconds" => json!(300),
        "containerConcurrency" => json!(0),
        ONCE => json!(false),
        field => match field.strip_prefix("containers.[].").or_else(|| field.strip_prefix("initContainers.[]."))? {
            "ports.[].protocol" => json!("TCP"),
            "resources" => json!({}),
            // A file that is not made for writing to cannot be written to.
            "volumeMounts.[].readOnly" => json!(true),
            "readinessProbe.successThreshold" | "readinessProbe.timeoutSeconds" => json!(1),
            "readinessProbe.failureThreshold" => json!(3),
            "readinessProbe.tcpSocket.port" => json!(0),
            // Go's encoder writes a port that nobody named as 0, and the schema gives a gRPC probe an empty service.
            field if field.ends_with("Probe.httpGet.port") => json!(0),
            field if field.ends_with("Probe.grpc.service") => json!(""),
            _ => return None,
        },
    };
    Some(value)
}

/// True if a field that the file does not have says nothing of its own.
pub(super) fn filled_in(live: &Value, filled: &Filled) -> bool {
    let Filled::Usual(path) = filled else { return true };
    if let Some(name) = path.strip_prefix(".metadata.annotations.").or_else(|| path.strip_prefix(".metadata.labels.")) {
        // Marks of this tool and of kn, which tell one time from another and nothing about what runs.
        return name.starts_with("andante.dev/") || kn::is_mark(name);
    }
    let field = path.rsplit('.').next().unwrap_or(path);
    match live {
        live if says_nothing(field, live) => true,
        // One that is empty was not filled in: it may mean another thing than none.
        Value::Object(map) if !map.is_empty() => map.iter().all(|(key, value)| filled_in(value, &filled.inside(key))),
        Value::String(text) if path.ends_with("ontainers.[].name") => {
            is_numbered(text, "user-container") || is_numbered(text, "init-container")
        }
        // References, and the service that a gRPC probe asks about, have an empty name where none is given.
        Value::String(text) if text.is_empty() => true,
        _ => usual(path).as_ref() == Some(live),
    }
}

/// A template without what Knative fills into it again at every write, as far as its usual values go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bare {
    /// The template that is left.
    pub template: Value,
    /// What was taken out, as JSON pointers into the template.
    pub taken: BTreeSet<String>,
}

impl Bare {
    /// Takes it out, but for what lies at or below the pointers of `kept`.
    pub(crate) fn of(template: &Value, kept: &BTreeSet<String>) -> Self {
        let mut bare = Self { template: template.clone(), taken: BTreeSet::new() };
        let place = Place { path: String::new(), pointer: String::new() };
        if let Value::Object(fields) = &mut bare.template {
            take_inside(fields, &place, kept, &mut bare.taken);
        }
        bare
    }
}

/// A place in a template: as [`usual`] names it, and as a JSON pointer.
struct Place {
    path: String,
    pointer: String,
}

impl Place {
    fn field(&self, key: &str) -> Self {
        let step = key.replace('~', "~0").replace('/', "~1");
        Self { path: format!("{}.{key}", self.path), pointer: format!("{}/{step}", self.pointer) }
    }

    fn entry(&self, at: usize) -> Self {
        Self { path: format!("{}.[]", self.path), pointer: format!("{}/{at}", self.pointer) }
    }
}

/// Takes the usual values out of an object; true if something was taken and nothing is left.
fn take_inside(
    fields: &mut Map<String, Value>,
    place: &Place,
    kept: &BTreeSet<String>,
    taken: &mut BTreeSet<String>,
) -> bool {
    let keys: Vec<String> = fields.keys().cloned().collect();
    let before = taken.len();
    for key in keys {
        let inner = place.field(&key);
        let Some(value) = fields.get_mut(&key) else { continue };
        let mut below = BTreeSet::new();
        if is_taken(value, &inner, kept, &mut below) {
            fields.remove(&key);
            taken.insert(inner.pointer);
        } else {
            taken.append(&mut below);
        }
    }
    fields.is_empty() && taken.len() > before
}

/// True if the whole value is what Knative fills in; else `below` gets what was taken out of it.
fn is_taken(value: &mut Value, place: &Place, kept: &BTreeSet<String>, below: &mut BTreeSet<String>) -> bool {
    // It is filled in where a Service is created, and at no other write.
    if kept.contains(&place.pointer) || place.path == format!(".spec.{ONCE}") {
        return false;
    }
    if usual(&place.path).as_ref() == Some(value) {
        return true;
    }
    match value {
        Value::Object(fields) => take_inside(fields, place, kept, below),
        Value::Array(list) => {
            let alone = list.len() == 1;
            for (at, entry) in list.iter_mut().enumerate() {
                let Value::Object(fields) = entry else { continue };
                let inner = place.entry(at);
                let name = inner.field("name");
                let usual_name = match inner.path.as_str() {
                    ".spec.containers.[]" => "user-container",
                    ".spec.initContainers.[]" => "init-container",
                    _ => "",
                };
                // Of several containers each is easier to read with its name.
                let named_so = !usual_name.is_empty() && fields.get("name").and_then(Value::as_str) == Some(usual_name);
                if alone && named_so && !kept.contains(&name.pointer) {
                    fields.remove("name");
                    below.insert(name.pointer);
                }
                // An entry of which nothing would be left says by being there that it is meant.
                let (whole, mut of_it) = (fields.clone(), BTreeSet::new());
                if take_inside(fields, &inner, kept, &mut of_it) {
                    *fields = whole;
                } else {
                    below.append(&mut of_it);
                }
            }
            false
        }
        _ => false,
    }
}

/// One container has the name itself, several have numbers at their ends.
fn is_numbered(name: &str, usual: &str) -> bool {
    let Some(rest) = name.strip_prefix(usual) else { return false };
    rest.strip_prefix('-').map_or(rest.is_empty(), |n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(template: Value) -> (Value, Vec<String>) {
        let bare = Bare::of(&template, &BTreeSet::new());
        (bare.template, bare.taken.into_iter().collect())
    }

    #[test]
    fn what_knative_fills_in_again_is_taken_out() {
        let stored = json!({"spec": {"containerConcurrency": 0, "timeoutSeconds": 300, "enableServiceLinks": false,
            "containers": [{"name": "user-container", "image": "i", "resources": {},
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}}}]}});
        let (left, taken) = bare(stored);
        let wanted = json!({"spec": {"enableServiceLinks": false,
            "containers": [{"image": "i", "ports": [{"containerPort": 8080}]}]}});
        assert_eq!(left, wanted);
        assert_eq!(
            taken,
            [
                "/spec/containerConcurrency",
                "/spec/containers/0/name",
                "/spec/containers/0/ports/0/protocol",
                "/spec/containers/0/readinessProbe",
                "/spec/containers/0/resources",
                "/spec/timeoutSeconds"
            ]
        );
    }

    #[test]
    fn what_an_owner_said_stays() {
        let said = json!({"metadata": {"annotations": {"a": ""}}, "spec": {"containerConcurrency": 1, "timeoutSeconds": 60,
            "volumes": [{"name": "v", "emptyDir": {}}],
            "containers": [
                {"name": "user-container", "image": "i", "env": [{"name": "E", "value": ""}],
                 "resources": {"limits": {"cpu": "1"}}, "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                 "ports": [{"protocol": "TCP"}]},
                {"name": "user-container-0", "image": "j"}]}});
        assert_eq!(bare(said.clone()), (said, vec![]));
    }

    #[test]
    fn of_a_probe_only_what_is_usual_goes() {
        let of = |probe: Value| {
            let template = json!({"spec": {"containers": [{"image": "i", "readinessProbe": probe}]}});
            bare(template).0.pointer("/spec/containers/0/readinessProbe").cloned()
        };
        let http = json!({"httpGet": {"path": "/", "port": 0}, "successThreshold": 1, "periodSeconds": 5});
        assert_eq!(of(http), Some(json!({"httpGet": {"path": "/"}, "periodSeconds": 5})));
        assert_eq!(of(json!({"grpc": {"port": 9, "service": ""}})), Some(json!({"grpc": {"port": 9}})));
        assert_eq!(
            of(json!({"tcpSocket": {"port": 8080}, "successThreshold": 1})),
            Some(json!({"tcpSocket": {"port": 8080}}))
        );
        assert_eq!(of(json!({"tcpSocket": {"port": 0}, "periodSeconds": 9})), Some(json!({"periodSeconds": 9})));
    }

    #[test]
    fn what_is_to_be_kept_is_kept() {
        let template = json!({"spec": {"timeoutSeconds": 300, "containers": [{"name": "user-container", "image": "i",
            "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}}}]}});
        let kept = ["/spec/containers/0/readinessProbe", "/spec/containers/0/name"].map(String::from).into();
        let bare = Bare::of(&template, &kept);
        assert_eq!(bare.taken, BTreeSet::from(["/spec/timeoutSeconds".to_owned()]));
        assert_eq!(bare.template["spec"]["containers"], template["spec"]["containers"]);
    }
}

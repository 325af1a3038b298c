//! What Knative fills into a template where its author said nothing (`revision_defaults.go` and the schema of the Service).
//!
//! Decides which fields of a live template need not be the file's. Anything else that the file does not say was taken out
//! of it, so it is a change. A cluster may have other defaults (config-defaults): then the write shows that they change
//! nothing. Depends on `serde_json`.

use crate::model::kn;
use serde_json::{Value, json};

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

/// Fields with the one value that Knative gives them, by the end of their place in the template.
fn usual(path: &str) -> Option<Value> {
    let value = match path.strip_prefix(".spec.")? {
        "timeoutSeconds" => json!(300),
        "containerConcurrency" => json!(0),
        "enableServiceLinks" => json!(false),
        field => match field.strip_prefix("containers.[].").or_else(|| field.strip_prefix("initContainers.[]."))? {
            "ports.[].protocol" => json!("TCP"),
            // A file that is not made for writing to cannot be written to.
            "volumeMounts.[].readOnly" => json!(true),
            "readinessProbe.successThreshold" | "readinessProbe.timeoutSeconds" => json!(1),
            "readinessProbe.failureThreshold" => json!(3),
            "readinessProbe.tcpSocket.port" => json!(0),
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
    match live {
        Value::Null => true,
        Value::Object(map) => map.iter().all(|(key, value)| filled_in(value, &filled.inside(key))),
        Value::Array(list) => list.is_empty(),
        Value::String(text) if path.ends_with("ontainers.[].name") => {
            is_numbered(text, "user-container") || is_numbered(text, "init-container")
        }
        // References, and the service that a gRPC probe asks about, have an empty name where none is given.
        Value::String(text) if text.is_empty() => true,
        _ => usual(path).as_ref() == Some(live),
    }
}

/// One container has the name itself, several have numbers at their ends.
fn is_numbered(name: &str, usual: &str) -> bool {
    let Some(rest) = name.strip_prefix(usual) else { return false };
    rest.strip_prefix('-').map_or(rest.is_empty(), |n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

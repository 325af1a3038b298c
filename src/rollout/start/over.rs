//! When a run is over, and how it went: by the signs that its row of the table names.
//!
//! Decides how a sign is written and looked for. Depends on JSON.

use crate::model::api_kind::ApiKind;
use crate::rollout::goal_status::RunName;
use serde_json::Value;
use std::time::Duration;

/// The longest sentence of a run that is repeated, in characters.
const LONGEST: usize = 300;

/// Something in a run's status that means it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndSign {
    /// A condition has this answer: `Succeeded=True`.
    Condition {
        /// Its type.
        kind: String,
        /// Its answer.
        status: String,
    },
    /// A field has this text: `status.phase=Succeeded`.
    Field {
        /// As a JSON pointer.
        pointer: String,
        /// The text.
        text: String,
    },
}

impl EndSign {
    /// Reads `TYPE=STATUS` of a condition, or `status.FIELD=TEXT`.
    pub fn read(text: &str) -> Result<Self, String> {
        let (left, right) = text.split_once('=').ok_or("it is not of the form TYPE=STATUS or status.FIELD=TEXT")?;
        let (left, right) = (left.trim(), right.trim());
        if left.is_empty() || right.is_empty() {
            return Err("it is not of the form TYPE=STATUS or status.FIELD=TEXT".to_owned());
        }
        Ok(if left.starts_with("status.") {
            Self::Field { pointer: format!("/{}", left.replace('.', "/")), text: right.to_owned() }
        } else {
            Self::Condition { kind: left.to_owned(), status: right.to_owned() }
        })
    }

    /// A condition's sign.
    pub(super) fn condition(kind: &str, status: &str) -> Self {
        Self::Condition { kind: kind.to_owned(), status: status.to_owned() }
    }

    /// What the run says of it, if the sign is there.
    fn seen(&self, run: &Value) -> Option<String> {
        match self {
            Self::Condition { kind, status } => {
                let list = run.pointer("/status/conditions").and_then(Value::as_array)?;
                let text = |c: &Value, field: &str| c.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
                let found = list.iter().find(|c| text(c, "type") == *kind && text(c, "status") == *status)?;
                let (reason, message) = (text(found, "reason"), text(found, "message"));
                Some(match (reason.is_empty(), message.is_empty()) {
                    (false, false) => format!("{reason}: {message}"),
                    _ => reason + &message,
                })
            }
            Self::Field { pointer, text } => {
                let found = run.pointer(pointer).and_then(Value::as_str)?;
                (found == text).then(|| found.to_owned())
            }
        }
    }
}

/// A kind of run, and when one of it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKind {
    /// The kind.
    pub kind: ApiKind,
    /// Signs that it ended well.
    pub done: Vec<EndSign>,
    /// Signs that it failed.
    pub failed: Vec<EndSign>,
    /// How long a run may take, as far as the table says.
    pub longest: Duration,
}

impl RunKind {
    /// A run of this kind as it is now; none of what has no name that a run of ours could have.
    pub fn seen(&self, run: &Value) -> Option<RunSeen> {
        RunSeen::of(run, &self.done, &self.failed)
    }
}

/// How a run goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It runs, or waits to.
    Running,
    /// It ended well; what it says.
    Done(String),
    /// It failed; what it says.
    Failed(String),
}

impl RunState {
    /// True if it is over.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Running)
    }
}

/// A run as it was seen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSeen {
    /// Its name.
    pub name: RunName,
    /// How it goes.
    pub state: RunState,
}

impl RunSeen {
    /// Reads a run; none of what has no name that a run of ours could have.
    fn of(run: &Value, done: &[EndSign], failed: &[EndSign]) -> Option<Self> {
        let name = run.pointer("/metadata/name")?.as_str()?.parse().ok()?;
        // A failure first: some kinds tell of their end and of how it was in two conditions.
        let failed = failed.iter().find_map(|sign| sign.seen(run)).map(|said| RunState::Failed(short(&said)));
        let state =
            failed.or_else(|| done.iter().find_map(|sign| sign.seen(run)).map(|said| RunState::Done(short(&said))));
        Some(Self { name, state: state.unwrap_or(RunState::Running) })
    }
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_run_is_over_when_a_sign_is_there() {
        let read = |text: &str| EndSign::read(text).unwrap();
        let (done, failed) = ([read("Succeeded=True"), read("status.phase=Succeeded")], [read("Succeeded = False")]);
        let of = |status: Value| {
            RunSeen::of(&json!({"metadata": {"name": "r"}, "status": status}), &done, &failed).unwrap().state
        };
        let condition = |status: &str| {
            json!({"conditions": [{"type": "Other", "status": "True"},
            {"type": "Succeeded", "status": status, "reason": "Why", "message": "so\nit  is"}]})
        };
        assert_eq!(of(json!(null)), RunState::Running);
        assert_eq!(of(condition("Unknown")), RunState::Running);
        assert_eq!(of(condition("True")), RunState::Done("Why: so it is".into()));
        assert_eq!(of(condition("False")), RunState::Failed("Why: so it is".into()));
        assert_eq!(of(json!({"phase": "Succeeded"})), RunState::Done("Succeeded".into()));
        assert_eq!(of(json!({"phase": "Running"})), RunState::Running);
        assert!(RunSeen::of(&json!({"metadata": {"name": "No Name"}}), &done, &failed).is_none());
    }

    #[test]
    fn what_is_no_sign_is_refused() {
        for bad in ["", "Succeeded", "=True", "Succeeded="] {
            assert!(EndSign::read(bad).is_err(), "{bad}");
        }
    }
}

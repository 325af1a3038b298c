//! Conditions of a status: an answer of three, a reason, a sentence, and since when.

use super::time;
use serde_json::{Value, json};
use std::time::Duration;

/// A condition without its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cond {
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Cond {
    pub(crate) fn yes() -> Self {
        Self { status: "True", reason: String::new(), message: String::new() }
    }

    pub(crate) fn no(reason: &str, message: impl Into<String>) -> Self {
        Self { status: "False", reason: reason.into(), message: message.into() }
    }

    pub(crate) fn maybe(reason: &str, message: impl Into<String>) -> Self {
        Self { status: "Unknown", reason: reason.into(), message: message.into() }
    }

    pub(crate) fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub(crate) fn is_false(&self) -> bool {
        self.status == "False"
    }

    /// The sum of a living set: one False beats Unknown, and the deciding one lends its words.
    pub(crate) fn all<'a>(parts: impl IntoIterator<Item = &'a Self> + Clone) -> Self {
        let bad = parts.clone().into_iter().find(|c| c.is_false());
        bad.or_else(|| parts.into_iter().find(|c| !c.is_true())).cloned().unwrap_or_else(Self::yes)
    }
}

/// Writes conditions into `status.conditions`; a transition time changes with the answer alone.
pub(crate) fn put(status: &mut Value, conditions: &[(&str, &Cond)], at: Duration) {
    let old = status.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let list: Vec<Value> = conditions
        .iter()
        .map(|(kind, cond)| {
            let before = old.iter().find(|c| c["type"] == **kind && c["status"] == cond.status);
            let since = before.map_or_else(|| json!(time::text(at)), |c| c["lastTransitionTime"].clone());
            let mut object = json!({"type": kind, "status": cond.status, "lastTransitionTime": since});
            if !cond.reason.is_empty() {
                object["reason"] = json!(cond.reason);
            }
            if !cond.message.is_empty() {
                object["message"] = json!(cond.message);
            }
            if *kind == "Active" {
                object["severity"] = json!("Info");
            }
            object
        })
        .collect();
    status["conditions"] = Value::Array(list);
}

#[test]
fn false_beats_unknown_and_times_follow_the_answer() {
    let (no, maybe, yes) = (Cond::no("Bad", "x"), Cond::maybe("Later", ""), Cond::yes());
    assert_eq!(Cond::all([&yes, &maybe, &no]), no);
    assert_eq!(Cond::all([&yes, &maybe]), maybe);
    assert!(Cond::all([&yes, &yes]).is_true());
    let mut status = json!({});
    put(&mut status, &[("Ready", &yes)], Duration::from_secs(1));
    put(&mut status, &[("Ready", &yes)], Duration::from_secs(9));
    assert_eq!(status["conditions"][0]["lastTransitionTime"], "2026-01-01T00:00:01Z");
    put(&mut status, &[("Ready", &no)], Duration::from_secs(9));
    assert_eq!(status["conditions"][0]["lastTransitionTime"], "2026-01-01T00:00:09Z");
}

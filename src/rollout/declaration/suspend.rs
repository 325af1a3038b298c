//! Whether anything may be started: annotation `andante.dev/suspend`, of a Service or of its namespace.
//!
//! Decides that only `false` says no, and that a word which could mean either is refused. It is no part of a goal: it says when,
//! not what. Depends on the names of annotations.

use super::part::DeclaredPart;
use crate::model::observed::Service;
use serde_json::Value;
use std::fmt;

/// The longest reason, in characters.
pub(crate) const LONGEST: usize = 1024;

/// Nothing is started, and rollouts hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// Why, in the words of whoever said so.
    pub reason: Option<String>,
}

impl Suspended {
    /// What a Service says of itself; none where nobody is in charge of it, or where it cannot be read.
    pub fn of_service(service: &Service) -> Option<Self> {
        let text = |part: DeclaredPart| service.annotations.get(part.annotation());
        text(DeclaredPart::Pipeline)?;
        Self::read(text(DeclaredPart::Suspend)?).ok().flatten()
    }

    /// What a namespace's annotations say for all of its Services; none where that cannot be read.
    pub fn of_namespace(annotations: &Value) -> Option<Self> {
        let text = annotations.get(DeclaredPart::Suspend.annotation()).and_then(Value::as_str)?;
        Self::read(text).ok().flatten()
    }

    /// Reads the annotation; none: it says that nothing is suspended.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        if text.chars().count() > LONGEST {
            return Err(format!("it is longer than {LONGEST} characters"));
        }
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(Self { reason: None })),
            "false" => Ok(None),
            "" => Err("it is empty".to_owned()),
            "yes" | "no" | "on" | "off" | "y" | "n" | "1" | "0" => Err("it could be a reason or an answer".to_owned()),
            _ => Ok(Some(Self { reason: Some(text.to_owned()) })),
        }
    }
}

/// `suspended`, and why where that was said.
impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "suspended: {reason}"),
            None => f.write_str("suspended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_service_that_names_who_is_in_charge_is_suspended() {
        let of = |annotations: serde_json::Value| {
            let service = json!({"metadata": {"name": "s", "uid": "u", "generation": 1, "annotations": annotations}});
            Suspended::of_service(&Service::from_json(&service).unwrap()).map(|suspended| suspended.to_string())
        };
        let (pipeline, suspend) = (DeclaredPart::Pipeline.annotation(), DeclaredPart::Suspend.annotation());
        assert_eq!(of(json!({pipeline: "p", suspend: "true"})).as_deref(), Some("suspended"));
        assert_eq!(of(json!({pipeline: "p", suspend: "a sale"})).as_deref(), Some("suspended: a sale"));
        for other in [json!({suspend: "true"}), json!({pipeline: "p"}), json!({pipeline: "p", suspend: "no"})] {
            assert_eq!(of(other.clone()), None, "{other}");
        }
    }

    #[test]
    fn a_namespace_suspends_by_itself() {
        let of =
            |text: &str| Suspended::of_namespace(&json!({"andante.dev/suspend": text})).map(|said| said.to_string());
        assert_eq!((of("true").as_deref(), of("a sale").as_deref()), (Some("suspended"), Some("suspended: a sale")));
        assert_eq!((of("false"), of("no"), Suspended::of_namespace(&json!({}))), (None, None, None));
    }

    #[test]
    fn only_true_and_words_suspend() {
        let of = |text| Suspended::read(text).map(|read| read.map(|suspended| suspended.reason));
        for text in ["true", "True", " true\n"] {
            assert_eq!(of(text), Ok(Some(None)), "{text}");
        }
        assert_eq!(of("False"), Ok(None));
        assert_eq!(of("sale until Monday"), Ok(Some(Some("sale until Monday".to_owned()))));
        for bad in ["", " ", "no", "Off", "1", &"x".repeat(LONGEST + 1)] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}

//! Whether anything may be started: annotation `andante.dev/suspend`, of a Service or of its namespace.
//!
//! Decides that only `false` says no, and that a word which could mean either is refused. It is no part of a goal: it says when,
//! not what. Depends on nothing.

/// The longest reason, in characters.
pub(crate) const LONGEST: usize = 1024;

/// Nothing is started, and rollouts hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// Why, in the words of whoever said so.
    pub reason: Option<String>,
}

impl Suspended {
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

#[cfg(test)]
mod tests {
    use super::*;

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

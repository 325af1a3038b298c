//! Names as types: parsed once at the edge, so that no function below has to doubt a string.
//!
//! Decides which texts are a name of each kind. Depends on nothing but `std` and serde.
//!
//! ```
//! use andante::model::name::{RevisionName, Tag};
//!
//! let revision: RevisionName = "hello-00002".parse()?;
//! assert_eq!(revision.as_str(), "hello-00002");
//! let error = "Candidate".parse::<Tag>().unwrap_err();
//! assert!(error.to_string().starts_with("`Candidate` is not a traffic tag: lower-case letters"));
//! # Ok::<(), andante::model::name::BadName>(())
//! ```

/// A name that breaks the rule of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a {kind}: {rule}")]
pub struct BadName {
    kind: &'static str,
    value: String,
    rule: &'static str,
}

impl BadName {
    /// A refusal of `value`, with at most its first 200 characters.
    pub(crate) fn new(kind: &'static str, value: &str, rule: &'static str) -> Self {
        // The value may be anything that somebody piped in, and the refusal stands in a log line and in a Tekton result.
        let mut shown: String = value.chars().take(200).collect();
        if shown.len() < value.len() {
            shown.push_str("...");
        }
        Self { kind, value: shown, rule }
    }
}

/// At most `max` characters of lower-case letters, digits and `-`, first (if `letter_first`) a letter, last not `-`.
fn is_label(text: &str, letter_first: bool, max: usize) -> bool {
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    bytes.len() <= max
        && (if letter_first { first.is_ascii_lowercase() } else { alnum(first) })
        && alnum(last)
        && bytes.iter().all(|&b| alnum(b) || b == b'-')
}

/// A dotted name of labels, at most 253 characters (RFC 1123 subdomain).
fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|label| is_label(label, false, 63))
}

/// A text that keeps a rule: parsed, printed and (de)serialised as text.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        // serde goes through the check, too: a record that was edited by hand cannot bring a bad name in.
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::name::BadName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::model::name::BadName::new($kind, text, $rule))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::model::name::BadName;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use name_type;

name_type! {
    /// The name of a Knative Service (DNS-1035 label: it becomes a host name).
    ServiceName, "Service name", "lower-case letters, digits and `-`, starting with a letter, at most 63 characters",
    |t| is_label(t, true, 63)
}
name_type! {
    /// The name of a Kubernetes namespace (RFC 1123 label).
    Namespace, "namespace", "lower-case letters, digits and `-`, at most 63 characters",
    |t| is_label(t, false, 63)
}
name_type! {
    /// The name of a Revision (RFC 1123 subdomain).
    RevisionName, "Revision name", "lower-case letters, digits, `-` and `.`, at most 253 characters",
    is_subdomain
}
name_type! {
    /// A traffic tag (DNS-1035 label, as Knative's webhook demands: it becomes part of a host name).
    Tag, "traffic tag", "lower-case letters, digits and `-`, starting with a letter, at most 63 characters",
    |t| is_label(t, true, 63)
}
name_type! {
    /// The identity of one rollout of one Service.
    RolloutId, "rollout id", "lower-case letters, digits and `-`, at most 63 characters",
    |t| is_label(t, false, 63)
}
name_type! {
    /// What tells one declared goal of a Service from another.
    GoalId, "goal id", "12 lower-case hexadecimal digits",
    |t| t.len() == 12 && t.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_the_webhooks_rule() {
        for good in ["a", "hello", "a-1", "x9"] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "A", "a.b", "a-", "-a", "a b", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn revisions_may_have_dots_and_digits_first() {
        for good in ["hello-00001", "1a", "a.b"] {
            assert!(good.parse::<RevisionName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "a..b", "a_b", "he llo", &"a".repeat(254)] {
            assert!(bad.parse::<RevisionName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_names_value_kind_and_rule() {
        let error = "Hello".parse::<ServiceName>().unwrap_err().to_string();
        assert_eq!(
            error,
            "`Hello` is not a Service name: lower-case letters, digits and `-`, starting with a letter, at most 63 characters"
        );
    }

    #[test]
    fn serde_refuses_what_parse_refuses() {
        assert!(serde_json::from_str::<Tag>("\"no good\"").is_err());
        assert_eq!(serde_json::to_string(&"ok".parse::<Tag>().unwrap()).unwrap(), "\"ok\"");
    }
}

//! Which annotations of a Service are its owner's to say.
//!
//! Decides by names alone. An annotation of ours that nobody knows here is taken for a note of a process, since a file in Git
//! must not bring yesterday's notes back.

use super::part::{DeclaredPart, PIPELINE_WAS, PREFIX};
use crate::model::kn;

/// The annotation in which `kubectl apply` keeps the file that it applied last.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Who made the Service and who changed it last, as Knative's webhook writes it. It refuses whoever takes one away.
const NOTED_BY_KNATIVE: [&str; 2] = ["serving.knative.dev/creator", "serving.knative.dev/lastModifier"];

/// Whose an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The owner's: it stands in the file.
    Owners,
    /// A note of kubectl's, kn's or ours: gone, and an apply that takes it away does no harm.
    Note,
    /// A note of Knative's webhook: gone where an apply does not take it away.
    Knatives,
}

/// Whose an annotation of a Service is.
pub(crate) fn whose(name: &str) -> Whose {
    if NOTED_BY_KNATIVE.contains(&name) {
        return Whose::Knatives;
    }
    let declares = || DeclaredPart::of_annotation(name).is_some() || name == PIPELINE_WAS;
    if name == LAST_APPLIED || kn::is_mark(name) || (name.starts_with(PREFIX) && !declares()) {
        return Whose::Note;
    }
    Whose::Owners
}

/// True for an annotation or a label of a template that tells one time from another and nothing about what runs.
pub(crate) fn is_stamp(name: &str) -> bool {
    name.starts_with(PREFIX) || kn::is_mark(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_declares_is_the_owners_and_every_other_note_is_not() {
        for name in
            ["andante.dev/pipeline", "andante.dev/suspend", "andante.dev/image-repository", PIPELINE_WAS, "team"]
        {
            assert_eq!(whose(name), Whose::Owners, "{name}");
        }
        for name in [
            "andante.dev/rollout",
            "andante.dev/control",
            "andante.dev/goal-status",
            "andante.dev/progress",
            "andante.dev/kept",
            "andante.dev/break-glass",
            "client.knative.dev/user-image",
            LAST_APPLIED,
        ] {
            assert_eq!(whose(name), Whose::Note, "{name}");
        }
        assert_eq!(whose("serving.knative.dev/creator"), Whose::Knatives);
        assert_eq!(whose("serving.knative.dev/rollout-duration"), Whose::Owners);
    }
}

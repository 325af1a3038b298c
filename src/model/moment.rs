//! The moments of a Service's life with us that are posted as Kubernetes Events, where `kubectl describe` shows them.
//!
//! Decides which moments these are, and the words by which an Event's reader sorts them: reason, action, warning or not. Depends on
//! outcomes.

use crate::model::outcome::{BUILD_FAILED, Code, Outcome, TASK_FAILED};

/// A moment that is worth an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A rollout began: users are by name, and a candidate is made or taken up.
    RolloutBegan,
    /// The candidate is proved and tagged, at 0 %.
    CandidateReady,
    /// A walk began, or went on as another run's.
    WalkBegan,
    /// A step was written.
    StepTaken,
    /// A step waits for a person.
    ApprovalNeeded,
    /// A person holds the walk.
    Paused,
    /// The Service says that nothing is to move.
    Suspended,
    /// Knative would not take the next step.
    StepBlocked,
    /// Somebody changed the template in mid-walk.
    TemplateWaits,
    /// Users are sent back.
    GoingBack,
    /// What is declared cannot be read, or not be acted on.
    DeclarationUnreadable,
    /// The run that the goal names was made.
    RunStarted,
    /// It ended well.
    RunDone,
    /// It failed.
    RunFailed,
    /// A command ended, with this word and this code.
    Ended(&'static str, Code),
}

/// Words of ends that tell whoever looks at the Service nothing: nothing happened, or an earlier moment has said it.
const QUIET: [&str; 6] = ["unchanged", "untouched", "not-due", "passed", "staged", "unknown"];

impl Moment {
    /// The moment of an end; none where it tells nothing about the Service.
    pub fn of_end(outcome: &Outcome) -> Option<Self> {
        // What was typed wrongly concerns whoever typed it.
        let quiet = QUIET.contains(&outcome.word) || outcome.code == Code::BadInput;
        (!quiet).then_some(Self::Ended(outcome.word, outcome.code))
    }

    /// The reason: one word in camel case; that of an end is its outcome's word.
    pub fn reason(self) -> String {
        match self {
            Self::Ended(word, _) => camel_case(word),
            // The variants' names are an interface: docs/status.md lists them, and a test holds it to them.
            named => format!("{named:?}"),
        }
    }

    /// What was being done.
    pub fn action(self) -> &'static str {
        match self {
            Self::RolloutBegan | Self::CandidateReady => "Stage",
            Self::WalkBegan | Self::StepTaken | Self::TemplateWaits => "Walk",
            Self::ApprovalNeeded | Self::Paused | Self::Suspended | Self::StepBlocked => "Wait",
            Self::GoingBack => "GoBack",
            Self::DeclarationUnreadable => "ReadDeclaration",
            Self::RunStarted | Self::RunDone | Self::RunFailed => "Start",
            Self::Ended(..) => "End",
        }
    }

    /// Somebody should look at it.
    pub fn warns(self) -> bool {
        match self {
            Self::StepBlocked | Self::GoingBack | Self::DeclarationUnreadable | Self::RunFailed => true,
            // `settle` ends well where it tells how a run failed.
            Self::Ended(word, code) => code != Code::Done || [BUILD_FAILED, TASK_FAILED].contains(&word),
            _ => false,
        }
    }
}

/// `rolled-back` as `RolledBack`.
fn camel_case(word: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    word.split('-').map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::WORDS;

    const NAMED: [Moment; 14] = [
        Moment::RolloutBegan,
        Moment::CandidateReady,
        Moment::WalkBegan,
        Moment::StepTaken,
        Moment::ApprovalNeeded,
        Moment::Paused,
        Moment::Suspended,
        Moment::StepBlocked,
        Moment::TemplateWaits,
        Moment::GoingBack,
        Moment::DeclarationUnreadable,
        Moment::RunStarted,
        Moment::RunDone,
        Moment::RunFailed,
    ];

    #[test]
    fn the_documentation_lists_them() {
        let page = include_str!("../../docs/status.md");
        for moment in NAMED {
            let kind = if moment.warns() { "Warning" } else { "Normal" };
            let row = format!("| `{}` | {kind} | ", moment.reason());
            assert!(page.contains(&row), "docs/status.md has no `{row}`");
        }
        for quiet in QUIET {
            assert!(page.contains(&format!("`{quiet}`")), "docs/status.md does not name {quiet}");
        }
    }

    #[test]
    fn an_end_is_called_by_its_outcome() {
        let end = |word: &'static str, code| Moment::of_end(&Outcome::new(code, "x").word(word));
        let told = |word, code| end(word, code).map(|moment| (moment.reason(), moment.warns()));
        assert_eq!(told("finished", Code::Done), Some(("Finished".into(), false)));
        assert_eq!(told("rolled-back", Code::RolledBack), Some(("RolledBack".into(), true)));
        assert_eq!(told("could-not-restore", Code::CouldNotRestore), Some(("CouldNotRestore".into(), true)));
        assert_eq!(told("settled", Code::Done), Some(("Settled".into(), false)));
        assert_eq!(told("build-failed", Code::Done), Some(("BuildFailed".into(), true)));
        assert_eq!(told("not-due", Code::Done), None);
        assert_eq!(told("bad-input", Code::BadInput), None);
    }

    /// The API server takes at most 128 characters of each, and people read them in a narrow column.
    #[test]
    fn reasons_are_short_words_of_their_own() {
        let words = WORDS.iter().map(|(word, _)| *word).chain(Code::ALL.into_iter().map(Code::word));
        let ends = words.map(|word| Moment::Ended(word, Code::Done));
        for moment in ends.chain(NAMED) {
            let reason = moment.reason();
            let fits = reason.len() <= 22 && reason.bytes().all(|b| b.is_ascii_alphanumeric());
            assert!(fits && reason.starts_with(|c: char| c.is_ascii_uppercase()), "{reason}");
        }
        assert_eq!(Moment::StepTaken.reason(), "StepTaken");
        for quiet in QUIET {
            assert!(WORDS.iter().any(|(word, _)| *word == quiet), "{quiet}");
        }
    }
}

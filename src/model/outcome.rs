//! How a command ended: the one enum behind exit codes, results and the last line.
//!
//! Depends on splits only. The table in the README is printed from [`Code::ALL`] and checked by a test.

use crate::model::name::{RevisionName, RolloutId};
use crate::model::split::Split;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Exit codes: part of the interface, since they are what Tekton shows. 1, 9, 137, 143 and 255 are avoided, because
/// runtimes and shells use them for other things.
// Tekton's entrypoint exits with 1 for a step that it skipped, whose time was up or whose results were too long, with 9 for
// one that was cancelled by file, and with 255 for a child that a signal killed (Go reports -1 there). 137 and 143 are
// SIGKILL and SIGTERM (tektoncd/pipeline:cmd/entrypoint/main.go, pkg/entrypoint/entrypointer.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// It is done: finished, held, staged, or there was nothing to do.
    Done = 0,
    /// Bad input; nothing was written.
    BadInput = 2,
    /// The Service is in a state from which this cannot begin; nothing was written, or it was taken back.
    BadState = 3,
    /// Rolled back because a gate said so.
    RolledBack = 10,
    /// The candidate never became ready; traffic was not touched.
    NeverReady = 11,
    /// Rolled back because no decision was reached by the deadline.
    Inconclusive = 12,
    /// A newer run was here or took over, or another goal is declared by now.
    Superseded = 13,
    /// Somebody else edited the Service; nothing was written over it.
    TakenOver = 14,
    /// A person aborted it; rolled back.
    Aborted = 15,
    /// Nobody approved in time; rolled back.
    NotApproved = 16,
    /// The same candidate was rolled back before.
    RejectedBefore = 17,
    /// Somebody else holds the Service.
    Busy = 18,
    /// A signal ended it; the last line says what traffic is.
    Interrupted = 19,
    /// A permission is missing.
    NotPermitted = 20,
    /// The cluster did not answer for too long, or before anyone was moved the candidate's address could not be reached.
    Unreachable = 21,
    /// Users could not be brought back: a person is needed.
    CouldNotRestore = 22,
    /// Rolled back because the comparison found the candidate worse than stable.
    Worse = 23,
    /// The candidate breaks the objective, stable does not.
    ObjectiveBroken = 24,
    /// A gate of the owner's own failed.
    GateFailed = 25,
    /// The record of a rollout that had begun was garbled, removed or replaced; traffic is as it was.
    RecordLost = 26,
    /// Nobody acts on the rollout at the moment, so nobody does what was asked.
    Unattended = 27,
    /// The run that was started failed.
    RunFailed = 28,
    /// The registry has the image already, and that was to be an error.
    Exists = 30,
    /// The registry did not answer, or refused.
    Registry = 31,
    /// The registry has no such image.
    NoImage = 32,
    /// A defect of Andante.
    Internal = 70,
}

impl Code {
    /// Every code, in order.
    pub const ALL: [Self; 26] = [
        Self::Done,
        Self::BadInput,
        Self::BadState,
        Self::RolledBack,
        Self::NeverReady,
        Self::Inconclusive,
        Self::Superseded,
        Self::TakenOver,
        Self::Aborted,
        Self::NotApproved,
        Self::RejectedBefore,
        Self::Busy,
        Self::Interrupted,
        Self::NotPermitted,
        Self::Unreachable,
        Self::CouldNotRestore,
        Self::Worse,
        Self::ObjectiveBroken,
        Self::GateFailed,
        Self::RecordLost,
        Self::Unattended,
        Self::RunFailed,
        Self::Exists,
        Self::Registry,
        Self::NoImage,
        Self::Internal,
    ];

    /// The code of this word; none of a word that only a newer Andante knows.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }

    /// The word that results and JSON carry.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::BadInput => "bad-input",
            Self::BadState => "bad-state",
            Self::RolledBack => "rolled-back",
            Self::NeverReady => "never-ready",
            Self::Inconclusive => "inconclusive",
            Self::Superseded => "superseded",
            Self::TakenOver => "taken-over",
            Self::Aborted => "aborted",
            Self::NotApproved => "not-approved",
            Self::RejectedBefore => "rejected-before",
            Self::Busy => "busy",
            Self::Interrupted => "interrupted",
            Self::NotPermitted => "not-permitted",
            Self::Unreachable => "unreachable",
            Self::CouldNotRestore => "could-not-restore",
            Self::Worse => "worse",
            Self::ObjectiveBroken => "objective-broken",
            Self::GateFailed => "gate-failed",
            Self::RecordLost => "record-lost",
            Self::Unattended => "unattended",
            Self::RunFailed => "run-failed",
            Self::Exists => "exists",
            Self::Registry => "registry",
            Self::NoImage => "no-image",
            Self::Internal => "internal",
        }
    }

    /// What it means and where traffic is, for the table.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done: finished, held, staged, or nothing to do",
            Self::BadInput => "bad input; nothing was written",
            Self::BadState => {
                "the Service is in a state from which this cannot begin; nothing was written, or it was taken back"
            }
            Self::RolledBack => "probes, pods or the served split failed; users are back on stable",
            Self::NeverReady => "the candidate never became ready; traffic was not touched",
            Self::Inconclusive => {
                "no decision by the deadline, or none to be had; users are on stable unless `--on-inconclusive hold`"
            }
            Self::Superseded => {
                "a newer run was here or took over, or another goal is declared by now; this one writes nothing more"
            }
            Self::TakenOver => "somebody else edited the Service; nothing was written over it",
            Self::Aborted => "a person aborted it; users are back on stable",
            Self::NotApproved => "nobody approved in time; users are back on stable",
            Self::RejectedBefore => "the same candidate was rolled back before; `--again` tries it again",
            Self::Busy => "somebody else holds the Service; nothing was written",
            Self::Interrupted => "a signal ended it; the last line says what traffic is now",
            Self::NotPermitted => "a permission is missing; the message names it",
            Self::Unreachable => {
                "the cluster did not answer for too long, or before the first step the candidate's address could not be reached from here; traffic is as it was last written"
            }
            Self::CouldNotRestore => {
                "users could not be brought back to stable, or where `settle --to` says: a person is needed"
            }
            Self::Worse => "the comparison found the candidate worse than stable; users are back on stable",
            Self::ObjectiveBroken => {
                "the candidate breaks the objective and stable does not; users are back on stable unless `--on-objective hold`"
            }
            Self::GateFailed => "a gate of the owner's own failed, or `check` did; users are on stable",
            Self::RecordLost => {
                "the rollout's record was garbled, removed or replaced; traffic stays: `settle --to stable`"
            }
            Self::Unattended => {
                "`control`: nobody walks the rollout now, traffic stays as it is; the message names what does act"
            }
            Self::RunFailed => "`start --wait`: the run that was started failed; its last words are in the message",
            Self::Exists => "the image is in the registry already (`image --if-exists fail`)",
            Self::Registry => "the registry did not answer, refused, or limits requests; the message says which",
            Self::NoImage => "the registry has no such image",
            Self::Internal => "a defect of Andante",
        }
    }

    /// True for an end for which the candidate is blamed: the same candidate is refused next time.
    pub fn blames(self) -> bool {
        use Code::{Aborted, GateFailed, Inconclusive, NeverReady, ObjectiveBroken, RolledBack, Worse};
        matches!(self, RolledBack | NeverReady | Inconclusive | Aborted | Worse | ObjectiveBroken | GateFailed)
    }

    /// True for an end after which users are back where they were.
    pub fn went_back(self) -> bool {
        // A candidate that never became ready had no users, so there was nothing to take back.
        self.blames() && self != Self::NeverReady || matches!(self, Self::NotApproved | Self::Interrupted)
    }

    /// The number.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A code is written as its word, in records and in JSON.
impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// A word that only a newer Andante knows is read as [`Code::RolledBack`]: that one claims nothing good of the candidate.
impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(Self::of_word(&word).unwrap_or(Self::RolledBack))
    }
}

/// Words of ends that are no code's own, and what each means: most are kinds of `done`, the last ones tell of a whole run and
/// come from `settle`.
pub const WORDS: [(&str, &str); 20] = [
    ("finished", "the candidate has what stable had"),
    ("created", "there was no Service, or none that was Ready: its first revision serves everyone"),
    ("staged", "a candidate is ready at 0 %; nobody was moved"),
    ("held", "users stay where `to` says, with the rollout open"),
    ("not-due", "a short call (`once`) found nothing that is due yet"),
    ("passed", "`check`: the candidate's own address answered well"),
    ("unchanged", "nothing to do: what is asked for serves already"),
    (
        "reverted",
        "what is asked for serves already, and the Service's template is it again: traffic is as it was, or follows latest again (in care: on that by name)",
    ),
    ("started", "`start`: the run that the goal names was made"),
    ("declared", "`declare`: what was given is declared on the Service, and nothing is started by it"),
    ("adopted", "`adopt`: the Service names who is in charge, and users are by name where they were"),
    ("detached", "`detach`: nothing of Andante's is left on the Service, and users are where they were"),
    ("applied", "`apply`: every file is written; `changed` and `start` name what is to be walked"),
    ("settled", "`settle`: an unfinished rollout was taken back to stable"),
    ("untouched", "`settle`: there is no rollout of this run, and what its tasks said cannot be read"),
    ("cancelled", "the run was cancelled; users are back on stable"),
    ("timed-out", "the run's time, or that of its task or step, was up; users are back on stable"),
    (BUILD_FAILED, "a task failed before anything was rolled out, and it is none of Andante's; `message` names it"),
    (TASK_FAILED, "another task of the run failed; `message` names it; what was unfinished is taken back"),
    ("unknown", "the step has not ended, or was killed before it could say how"),
];

/// The word of a run of which a task failed before anything was rolled out.
pub const BUILD_FAILED: &str = "build-failed";
/// The word of a run of which another task failed.
pub const TASK_FAILED: &str = "task-failed";

/// The word of an end, if it is one that says something.
pub fn known_word(word: &str) -> Option<&'static str> {
    let own = Code::of_word(word).map(Code::word);
    let others = || WORDS.iter().map(|(known, _)| *known).find(|known| *known == word && *known != "unknown");
    own.or_else(others)
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Exit code and kind.
    pub code: Code,
    /// The word for results: one of [`WORDS`], or the code's own.
    pub word: &'static str,
    /// What happened, in a sentence without a full stop.
    pub what: String,
    /// What traffic is now, as far as known.
    pub traffic: Option<Split>,
    /// What to do next; empty if nothing.
    pub next: String,
    /// The candidate's revision, if there is one.
    pub candidate: Option<RevisionName>,
    /// The image that the candidate (or the running revision) runs, by digest where Knative has resolved one. It is kept as
    /// Knative tells it: it may hold what the grammar of references here refuses.
    pub digest: Option<String>,
    /// The rollout.
    pub rollout: Option<RolloutId>,
}

impl Outcome {
    /// An outcome with its code's own word.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self {
            code,
            word: code.word(),
            what: what.into(),
            traffic: None,
            next: String::new(),
            candidate: None,
            digest: None,
            rollout: None,
        }
    }

    /// From here on it is this code, with the code's own word: whoever sets the code alone leaves a result that says another thing.
    pub fn ends_as(&mut self, code: Code) {
        (self.code, self.word) = (code, code.word());
    }

    /// The same with another word.
    #[must_use]
    pub fn word(mut self, word: &'static str) -> Self {
        self.word = word;
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// The last line: what happened, what traffic is now, what to do next.
    pub fn line(&self) -> String {
        let mut line = self.what.clone();
        if let Some(traffic) = &self.traffic {
            line = format!("{line}; traffic now: {traffic}");
        }
        if !self.next.is_empty() {
            line = format!("{line}; next: {}", self.next);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_avoid_what_shells_and_runtimes_use() {
        let mut numbers: Vec<u8> = Code::ALL.iter().map(|c| c.number()).collect();
        assert!(numbers.iter().all(|n| ![1, 9, 126, 127, 128, 137, 143, 255].contains(n)));
        numbers.dedup();
        assert_eq!(numbers.len(), Code::ALL.len());
    }
}

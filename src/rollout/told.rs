//! What the other tasks of a run said before its `finally`: the run's results are `finally`'s, and a pipeline's outcome is
//! what its deciding task said.
//!
//! Decides which words are believed. Depends on outcomes and endings.

use crate::model::ending::Ending;
use crate::model::outcome::{BUILD_FAILED, TASK_FAILED, known_word};

/// How a task of the run ended, as far as can be told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEnd {
    /// It said this word, as the result `outcome`.
    Said(&'static str),
    /// It was ended from outside and said nothing.
    Ended(Ending),
    /// It failed and said nothing: a task that stages or walks.
    Silent,
    /// A task that is none of ours failed before anything was rolled out.
    BuildFailed,
    /// A task that is none of ours failed after that.
    TaskFailed,
}

/// What the task that decided the run's end said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The task's name in the pipeline.
    pub task: String,
    /// How it ended.
    pub end: TaskEnd,
    /// It failed.
    pub failed: bool,
    /// What it said, or what Tekton says of it; may be empty.
    pub message: String,
}

impl TaskEnd {
    /// The end that a task's own result `outcome` tells of; none for a word that this Andante does not know.
    pub fn said(word: &str) -> Option<Self> {
        known_word(word).map(Self::Said)
    }
}

impl Told {
    /// The word for results where no rollout of the run tells another one.
    pub fn word(&self) -> &'static str {
        match self.end {
            TaskEnd::Said(word) => word,
            TaskEnd::Ended(ending) => ending.word(),
            TaskEnd::BuildFailed => BUILD_FAILED,
            TaskEnd::Silent | TaskEnd::TaskFailed => TASK_FAILED,
        }
    }

    /// The word for a rollout that the task left unfinished, where it says more than that it was settled.
    pub fn word_of_unfinished(&self) -> Option<&'static str> {
        (self.failed && self.end != TaskEnd::Silent).then(|| self.word())
    }

    /// In a sentence without a full stop.
    pub fn words(&self) -> String {
        let Self { task, message, .. } = self;
        match self.end {
            TaskEnd::Said(_) if !message.is_empty() => message.clone(),
            TaskEnd::Said(word) => format!("the task {task} ended with {word}"),
            TaskEnd::Ended(ending) => format!("the task {task} did not end by itself; {}", ending.words()),
            _ if message.is_empty() => format!("the task {task} failed"),
            _ => format!("the task {task} failed: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(end: TaskEnd, message: &str) -> Told {
        Told { task: "build".into(), end, failed: true, message: message.into() }
    }

    #[test]
    fn every_end_has_a_word_and_a_sentence() {
        for (end, word, words) in [
            (TaskEnd::said("rejected-before").unwrap(), "rejected-before", "why"),
            (
                TaskEnd::Ended(Ending::Cancelled),
                "cancelled",
                "the task build did not end by itself; the run was cancelled",
            ),
            (TaskEnd::BuildFailed, "build-failed", "the task build failed: why"),
            (TaskEnd::TaskFailed, "task-failed", "the task build failed: why"),
            (TaskEnd::Silent, "task-failed", "the task build failed: why"),
        ] {
            let told = told(end, "why");
            assert_eq!((told.word(), told.words().as_str()), (word, words));
        }
        assert_eq!(told(TaskEnd::Silent, "").words(), "the task build failed");
        assert_eq!(told(TaskEnd::Silent, "").word_of_unfinished(), None, "it is settled, that is all");
    }

    #[test]
    fn a_word_that_is_not_known_is_not_repeated() {
        assert_eq!(TaskEnd::said("unknown"), None);
        assert_eq!(TaskEnd::said(""), None);
        assert_eq!(TaskEnd::said("unchanged"), Some(TaskEnd::Said("unchanged")));
    }
}

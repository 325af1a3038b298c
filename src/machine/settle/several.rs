//! The end of settling several Services of one run.
//!
//! Decides which of their ends is the run's, and in which order they are told: the worst first, since a result has little room.

use super::others::UNTOUCHED;
use crate::machine::outcomes::UNCHANGED;
use crate::model::name::ServiceName;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::told::Told;
use std::cmp::Reverse;

/// Words of ends with which all is well.
const GOOD: [&str; 8] = [UNCHANGED, "finished", "created", "reverted", "staged", "held", "not-due", "applied"];

/// How bad an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// There was nothing to do.
    Nothing,
    /// It went well.
    Good,
    /// Users are back, or nobody was moved.
    Bad,
    /// Settling itself failed.
    Failed,
}

impl Weight {
    fn of(outcome: &Outcome) -> Self {
        match outcome.word {
            _ if outcome.code != Code::Done => Self::Failed,
            UNCHANGED => Self::Nothing,
            word if GOOD.contains(&word) => Self::Good,
            _ => Self::Bad,
        }
    }
}

/// The end of all, where the run's deciding task said this.
pub fn together(mut ends: Vec<(ServiceName, Outcome)>, told: Option<&Told>) -> Outcome {
    ends.sort_by_cached_key(|(name, outcome)| (Reverse(Weight::of(outcome)), name.clone()));
    let Some((_, worst)) = ends.first() else {
        let none = || (UNTOUCHED, "this run rolled nothing out".to_owned());
        let (word, what) = told.map_or_else(none, |told| (told.word(), told.words()));
        return Outcome::new(Code::Done, what).word(word);
    };
    let all = ends.iter().map(|(name, outcome)| format!("{name}: {}", outcome.what)).collect::<Vec<_>>().join("; ");
    let failed = ends.iter().filter(|(_, outcome)| outcome.code != Code::Done && !outcome.next.is_empty());
    let next = failed.map(|(_, outcome)| outcome.next.as_str()).collect::<Vec<_>>().join(", ");
    // A task that is none of these failed, though they went well.
    let (word, what) = match told.filter(|told| told.failed && Weight::of(worst) < Weight::Bad) {
        Some(told) => (told.word(), format!("{}; {all}", told.words())),
        None => (worst.word, all),
    };
    Outcome::new(worst.code, what).word(word).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::told::TaskEnd;

    fn end(name: &str, code: Code, word: &'static str) -> (ServiceName, Outcome) {
        (name.parse().unwrap(), Outcome::new(code, format!("{word} it is")).word(word).next("do this"))
    }

    #[test]
    fn the_worst_end_is_the_runs_and_is_told_first() {
        let ends = vec![
            end("a", Code::Done, UNCHANGED),
            end("b", Code::Done, "finished"),
            end("c", Code::Done, "worse"),
            end("d", Code::Done, "created"),
        ];
        let all = together(ends.clone(), None);
        assert_eq!((all.code, all.word), (Code::Done, "worse"));
        assert_eq!(all.what, "c: worse it is; b: finished it is; d: created it is; a: unchanged it is");
        assert_eq!(all.next, "", "nothing is to be done for what was brought to rest");
        let failed = together([ends, vec![end("e", Code::CouldNotRestore, "could-not-restore")]].concat(), None);
        assert_eq!(
            (failed.code, failed.word, failed.next.as_str()),
            (Code::CouldNotRestore, "could-not-restore", "do this")
        );
        assert!(failed.what.starts_with("e: could-not-restore it is; c: "), "{}", failed.what);
        assert_eq!(
            together(vec![end("a", Code::Done, UNCHANGED), end("b", Code::Done, "finished")], None).word,
            "finished"
        );
    }

    #[test]
    fn where_nothing_was_rolled_out_its_tasks_say_how_the_run_ended() {
        let told = |word: &'static str, failed| Told {
            task: "apply".into(),
            end: TaskEnd::Said(word),
            failed,
            message: "two conflicts".into(),
        };
        let refused = together(Vec::new(), Some(&told("taken-over", true)));
        assert_eq!((refused.code, refused.word, refused.what.as_str()), (Code::Done, "taken-over", "two conflicts"));
        assert_eq!(together(Vec::new(), None).word, UNTOUCHED);
        // What went well does not hide a task that failed after it; what went badly says more than that.
        let after = together(vec![end("a", Code::Done, "finished")], Some(&told("task-failed", true)));
        assert_eq!((after.word, after.what.as_str()), ("task-failed", "two conflicts; a: finished it is"));
        assert_eq!(together(vec![end("a", Code::Done, "worse")], Some(&told("task-failed", true))).word, "worse");
        assert_eq!(together(vec![end("a", Code::Done, "finished")], Some(&told("applied", false))).word, "finished");
    }
}

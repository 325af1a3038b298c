//! What a run says at its end is what is there.

use super::{entries, entries_of, ours, record};
use crate::sim::story::Story;
use andante::model::observed::PROGRESS;
use andante::model::outcome::Code;
use andante::rollout::progress::progress;
use andante::rollout::record::Phase;

/// Phase and traffic at the moment of the end are those that the outcome tells of.
pub(crate) fn said(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    for ended in &story.ended {
        let Some(outcome) = &ended.outcome else { continue };
        let last = story.log.writes.iter().rev().find(|w| w.at <= ended.at);
        let Some(last) = last else { continue };
        if outcome.code == Code::Internal {
            wrong.push(format!("{} ended with a defect: {}", ended.run, outcome.line()));
        }
        // What somebody else did since is theirs to tell.
        if last.who.run.as_ref() != Some(&ended.run) {
            continue;
        }
        let phase = record(&last.after).map(|r| r.phase);
        let fits = match (outcome.code, outcome.word) {
            (Code::Done, "finished" | "reverted") => phase == Some(Phase::Finished),
            (Code::Done, "staged") => phase == Some(Phase::Staged),
            (Code::Done, "held") => phase == Some(Phase::Held),
            // Of a first deployment there is nothing to go back to, and no record.
            (Code::NeverReady, _) => matches!(phase, None | Some(Phase::RolledBack)),
            (Code::RolledBack | Code::Aborted | Code::Inconclusive | Code::NotApproved, _) => {
                phase == Some(Phase::RolledBack)
            }
            _ => true,
        };
        if !fits {
            wrong.push(format!("{} says {:?} {}, the record says {phase:?}", ended.run, outcome.code, outcome.word));
        }
        if let Some(split) = &outcome.traffic {
            let (told, is) = (entries_of(&serde_json::to_value(split).unwrap()), entries(&last.after));
            // A run that lost the cluster or its right, or was stopped before its last write was confirmed, tells what it last
            // saw.
            let knows = !matches!(outcome.code, Code::Unreachable | Code::Interrupted | Code::NotPermitted);
            if told != is && knows {
                wrong.push(format!("{} says traffic is {told:?}, it is {is:?}", ended.run));
            }
        }
    }
    wrong
}

/// What a write of ours leaves for people and other programs to read is what its record says; where there is no room, nothing.
pub(crate) fn line(story: &Story) -> Vec<String> {
    let said = |write: &serde_json::Value| write["metadata"]["annotations"][PROGRESS].as_str().map(str::to_owned);
    let lines = ours(story).iter().filter_map(|our| Some((our, said(&our.write.after)?)));
    let wrong = lines.filter(|(our, said)| *said != progress(&our.record));
    wrong
        .map(|(our, said)| format!("write {} leaves `{said}`, wanted `{}`", our.number, progress(&our.record)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_before_is_seen() {
        let story = |line: &str| {
            let fixture = walk().accept(Some("w"), |o| o["metadata"]["annotations"][PROGRESS] = line.into());
            super::line(&fixture.story()).len()
        };
        assert_eq!(story("staging since yesterday"), 1);
        let record = record(&walk().story().log.writes.last().unwrap().after).unwrap();
        assert_eq!(story(&progress(&record)), 0);
    }
    use crate::sim::check::fixture::{finished, walk};
    use andante::model::outcome::Outcome;
    use serde_json::json;

    #[test]
    fn the_truth_passes() {
        let done = Outcome::new(Code::Done, "done").word("finished");
        let story = finished(json!([{"revisionName": "s2", "percent": 100}])).ends("w", done).story();
        assert_eq!(said(&story), Vec::<String>::new());
    }

    #[test]
    fn untruth_is_seen() {
        let done = Outcome::new(Code::Done, "done").word("finished");
        assert_eq!(said(&walk().ends("w", done).story()).len(), 1);
        let mut busy = Outcome::new(Code::Busy, "busy");
        busy.traffic = Some(andante::model::split::Split::all_latest());
        assert_eq!(said(&walk().ends("w", busy).story()).len(), 1);
        assert_eq!(said(&walk().ends("w", Outcome::new(Code::Internal, "oh")).story()).len(), 1);
    }
}

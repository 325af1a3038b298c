//! The rollout's record: everything a later process needs to go on, undo or explain, in one annotation of the Service.
//!
//! Decides how the record is written and read, and its bound of 16 KiB. The record stays after the end, so that an older
//! run that arrives later knows of it. Depends on names, splits, the plan, the evidence's saved form and serde.

mod epoch;
mod of_goal;
mod phase;
mod rejected;
mod room;

pub use epoch::epoch_of;
pub use of_goal::RolloutGoal;
pub use phase::Phase;
pub use rejected::{EditOf, Rejected};

use crate::evidence::Saved;
use crate::evidence::compare::KeptRows;
use crate::model::ending::Ending;
use crate::model::name::{RevisionName, RolloutId};
use crate::model::outcome::Code;
use crate::model::percent::Percent;
use crate::model::split::{Split, TrafficTarget};
use crate::rollout::capacity::Capacity;
use crate::rollout::owner::Owner;
use crate::rollout::plan::Plan;
use crate::rollout::splits::{Start, Tags};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The largest record that is written, in bytes.
// Knative copies a Service's annotations to its Configuration and its Route, and from there to the Ingress, and all
// annotations of an object together may have 256 KiB.
pub const MAX_BYTES: usize = 16 * 1024;
/// The record format that this program reads and writes.
pub const FORMAT: u32 = 1;
/// How many rejected candidates are remembered: the record has a bound, so the list needs one.
const MAX_REJECTED: usize = 5;

/// The state of a rollout, as it stands on the Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The format, [`FORMAT`].
    pub format: u32,
    /// The rollout's identity.
    pub id: RolloutId,
    /// Raised by every write. A writer that finds another epoch than its own last one stops, because somebody else wrote.
    // There is no lease beside it, because a lock in another object does not fence a write of this one (rule 1).
    pub epoch: u64,
    /// The process that wrote last.
    pub writer: String,
    /// Who runs the rollout.
    pub owner: Owner,
    /// The declared goal that it works for; none where its run was given none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<RolloutGoal>,
    /// When the newest run that was here began.
    pub intent: Timestamp,
    /// When the owner is to be held for dead.
    pub deadline: Timestamp,
    /// Where it stands.
    pub phase: Phase,
    /// `metadata.generation` after the last write; another one means that somebody else edited the spec.
    // Known before the write is sent: the API server raises it by one where the spec changes, and annotations leave it.
    pub generation: i64,
    /// `spec.traffic` as it was last written.
    pub split: Split,
    /// What the owner had.
    pub start: Start,
    /// Our two tags.
    pub tags: Tags,
    /// The revision that is walked to, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<RevisionName>,
    /// The image as it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Fingerprint of the template that was staged, without its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What serves is released again: the template goes back to stable's, and nobody is walked anywhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reverts: bool,
    /// The template was put back to what serves, by a write after the one that took users back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restored: bool,
    /// The plan, once a walk began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// How often a plan was begun: a walk of another run or plan is another attempt, one that goes on after a crash is not.
    #[serde(default)]
    pub attempt: u32,
    /// How many steps of the plan are written.
    #[serde(default)]
    pub step: usize,
    /// When the last step (or phase) was written.
    pub step_at: Timestamp,
    /// When a wait for an approval began, if one was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_since: Option<Timestamp>,
    /// The pods that users need, and the bounds that were set for it; none where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Box<Capacity>>,
    /// The evidence so far, with the counters of its own instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Saved>>,
    /// What the owner's own counters said so far, with those of the same instant: some 350 bytes a row, of at most five, and some
    /// 80 a series, of at most forty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Box<KeptRows>>,
    /// Targets of others that a rollback had to leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<TrafficTarget>,
    /// Candidates that were rolled back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
    /// How it ended, so that a restarted process ends in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Code>,
    /// Why its run was ended from outside, where that is why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Why it ended, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What somebody else edited, where that ended it and more than `spec.traffic` is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<EditOf>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// A record that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// A newer Andante wrote it.
    #[error(
        "the record has format {0}, this program knows {FORMAT}: use the newer andante, or `andante settle --discard-record`"
    )]
    Format(u64),
    /// It was damaged or edited by hand.
    #[error(
        "the annotation andante.dev/rollout cannot be read ({0}): repair it, or `andante settle --to stable` (users go back by the tags in spec.traffic), or `andante settle --discard-record` (traffic stays)"
    )]
    Unreadable(String),
    /// It would not fit.
    #[error("the record would be {0} bytes, more than {MAX_BYTES}: remove traffic targets that are no longer needed")]
    TooLarge(usize),
}

impl Record {
    /// How it ended. A record that does not say is read as one that was rolled back, which claims nothing good.
    pub fn ended_as(&self) -> Code {
        self.outcome.unwrap_or(Code::RolledBack)
    }

    /// It was closed because somebody else moved traffic: what users have is what that one wrote. A template that somebody
    /// else wrote leaves users where this rollout had them.
    pub fn leaves_traffic(&self) -> bool {
        self.outcome == Some(Code::TakenOver) && self.edited != Some(EditOf::Template)
    }

    /// The percentage at which it ended for good, where its goal declares one below 100 and its split is still that.
    pub fn ended_below(&self) -> Option<Percent> {
        let plan = self.plan.as_ref().filter(|plan| plan.declared && self.phase == Phase::Finished)?;
        let of_candidate = self.candidate.as_ref().filter(|name| **name != self.start.stable)?;
        let both = [of_candidate, &self.start.stable].iter().all(|name| !self.split.share(name).is_zero());
        both.then(|| plan.to())
    }

    /// The owner who followed latest follows it again, and others of theirs beside, who did so.
    pub fn follows_again(&self) -> bool {
        // A rollout names them all or none, so whoever is on latest shows that the entry that is walked is.
        self.start.followed_latest() && self.split.latest_share() >= self.start.whole()
    }

    /// A signal ended the process that was at it, and users stayed where they were: whoever comes next goes on from there.
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Staging | Phase::Held) && self.outcome == Some(Code::Interrupted)
    }

    /// Nobody is at it although it is open, because its last process has done its part, or was stopped by a signal.
    pub fn rests(&self) -> bool {
        matches!(self.phase, Phase::Staged | Phase::Held | Phase::Interrupted) || self.is_stopped()
    }

    /// Reads the annotation's text.
    pub fn parse(text: &str) -> Result<Self, BadRecord> {
        let unreadable = |e: serde_json::Error| BadRecord::Unreadable(e.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
        // The format is looked at before anything else: a newer record is not damaged, and must not be repaired by hand.
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => match serde_json::from_value::<Self>(value) {
                Ok(record) if record.epoch >= epoch::BOUND => Err(BadRecord::Unreadable("an epoch without end".into())),
                read => read.map_err(unreadable),
            },
            Some(format) => Err(BadRecord::Format(format)),
            None => Err(BadRecord::Unreadable("no format".into())),
        }
    }

    /// The annotation's text, at most [`MAX_BYTES`].
    pub fn to_text(&self) -> Result<String, BadRecord> {
        let text = serde_json::to_string(self).map_err(|e| BadRecord::Unreadable(e.to_string()))?;
        if text.len() > MAX_BYTES { Err(BadRecord::TooLarge(text.len())) } else { Ok(text) }
    }

    /// Forgets that this revision was rejected, because it serves now.
    pub fn accept(&mut self, serves: &RevisionName) {
        self.rejected.retain(|r| r.revision != *serves);
    }

    /// Remembers the candidate as rejected.
    pub fn reject(&mut self, reason: &str, at: Timestamp) {
        let Some(revision) = self.candidate.clone() else { return };
        // One entry a revision, the newest last: a candidate that is tried again does not push the others out.
        self.rejected.retain(|r| r.revision != revision);
        self.rejected.push(Rejected {
            revision,
            image: self.image.clone(),
            template: self.template.clone(),
            reason: reason.to_owned(),
            at,
            never_ready: self.outcome == Some(Code::NeverReady),
        });
        let surplus = self.rejected.len().saturating_sub(MAX_REJECTED);
        self.rejected.drain(..surplus);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::evidence::{LeftOut, Table};
    use crate::rollout::owner::OwnerKind;

    /// A record in the middle of nothing in particular.
    pub(crate) fn record() -> Record {
        let zero = Timestamp::from_second(0).unwrap();
        Record {
            format: FORMAT,
            id: "r1".parse().unwrap(),
            epoch: 1,
            writer: "w".into(),
            owner: Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() },
            goal: None,
            intent: zero,
            deadline: zero,
            phase: Phase::Staging,
            generation: 2,
            split: Split::all_latest(),
            start: Start::new(Split::all_latest(), "s1".parse().unwrap(), None).unwrap(),
            tags: Tags { candidate: "candidate".parse().unwrap(), stable: "stable".parse().unwrap() },
            candidate: Some("s2".parse().unwrap()),
            image: Some("i:2".into()),
            template: None,
            reverts: false,
            restored: false,
            plan: None,
            attempt: 0,
            step: 0,
            step_at: zero,
            approval_since: None,
            capacity: None,
            evidence: None,
            compared: None,
            left_out: vec![],
            rejected: vec![],
            outcome: None,
            ending: None,
            reason: None,
            edited: None,
        }
    }

    #[test]
    fn an_end_is_kept_as_its_word_and_one_that_is_not_known_claims_nothing_good() {
        let mut ended = record();
        ended.outcome = Some(Code::NotApproved);
        let text = ended.to_text().unwrap();
        assert!(text.contains(r#""outcome":"not-approved""#), "{text}");
        assert_eq!(Record::parse(&text).unwrap().ended_as(), Code::NotApproved);
        let newer = text.replace("not-approved", "of-next-year");
        assert_eq!(Record::parse(&newer).unwrap().ended_as(), Code::RolledBack);
        ended.outcome = None;
        assert_eq!(ended.ended_as(), Code::RolledBack);
    }

    #[test]
    fn text_round_trips() {
        let record = record();
        assert_eq!(Record::parse(&record.to_text().unwrap()).unwrap(), record);
    }

    #[test]
    fn only_an_edit_of_traffic_leaves_users_elsewhere() {
        let mut record = record();
        assert!(!record.leaves_traffic());
        record.outcome = Some(Code::TakenOver);
        let of_before = record.to_text().unwrap();
        assert!(!of_before.contains("edited") && Record::parse(&of_before).unwrap().leaves_traffic(), "{of_before}");
        record.edited = Some(EditOf::Template);
        let text = record.to_text().unwrap();
        assert!(text.contains(r#""edited":"template""#) && !Record::parse(&text).unwrap().leaves_traffic(), "{text}");
    }

    #[test]
    fn foreign_formats_and_rubbish_are_refused_with_a_way_out() {
        assert_eq!(Record::parse("{\"format\":2}"), Err(BadRecord::Format(2)));
        for bad in ["", "{}", "[]", "{\"format\":1}", "null"] {
            let error = Record::parse(bad).unwrap_err().to_string();
            assert!(error.contains("--discard-record"), "{error}");
        }
    }

    #[test]
    fn a_record_that_would_hurt_the_api_server_is_refused() {
        let mut record = record();
        record.reason = Some("x".repeat(MAX_BYTES));
        assert!(matches!(record.to_text(), Err(BadRecord::TooLarge(_))));
    }

    #[test]
    fn evidence_gives_way_where_there_is_no_room() {
        let mut record = record();
        record.evidence = Some(Box::new(Saved::of_counts(Table::default())));
        assert_eq!(record.clone().fitting(), (record.clone(), LeftOut::Nothing));
        let room = MAX_BYTES - record.to_text().unwrap().len();
        record.reason = Some("x".repeat(room));
        assert!(record.to_text().is_err());
        let (fitting, left_out) = record.fitting();
        assert!(fitting.evidence.is_none() && fitting.to_text().is_ok());
        assert_eq!(left_out, LeftOut::All);
    }

    #[test]
    fn one_that_did_not_become_ready_is_rejected_until_it_is() {
        let mut record = record();
        record.outcome = Some(Code::NeverReady);
        record.reject("slow", Timestamp::from_second(1).unwrap());
        record.outcome = Some(Code::Worse);
        record.candidate = Some("s3".parse().unwrap());
        record.reject("worse", Timestamp::from_second(2).unwrap());
        let text = record.to_text().unwrap();
        let read = Record::parse(&text).unwrap();
        let stands: Vec<_> = read.rejected.iter().map(|r| (r.stands(false), r.stands(true))).collect();
        assert_eq!(stands, [(true, false), (true, true)]);
        // An older Andante did not say why: what it rejected stays so.
        let older = Record::parse(&text.replace(",\"never_ready\":true", "")).unwrap();
        assert!(older.rejected.iter().all(|r| r.stands(true)));
    }

    #[test]
    fn rejections_are_bounded_and_unique() {
        let mut record = record();
        for i in 0..9 {
            record.candidate = Some(format!("s{}", i / 2).parse().unwrap());
            record.reject("bad", Timestamp::from_second(i).unwrap());
        }
        let names: Vec<_> = record.rejected.iter().map(|r| r.revision.as_str()).collect();
        assert_eq!(names, ["s0", "s1", "s2", "s3", "s4"]);
    }
}

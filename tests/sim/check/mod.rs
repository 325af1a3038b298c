//! The rules that every story must keep. Each rule is a function over what was accepted and what users got; each has a
//! test of its own that shows that it can fail.

pub(crate) mod ends;
pub(crate) mod evidence;
pub(crate) mod exposure;
pub(crate) mod fixture;
pub(crate) mod gates;
pub(crate) mod order;
pub(crate) mod owners;
pub(crate) mod pace;
pub(crate) mod said;
pub(crate) mod share;
pub(crate) mod start;

use super::story::{Story, Write};
use andante::model::observed::RECORD;
use andante::model::outcome::Code;
use andante::rollout::record::{Phase, Record};
use serde_json::Value;

/// A rule: what is wrong with a story, one sentence each.
pub(crate) type Rule = fn(&Story) -> Vec<String>;

/// All rules.
pub(crate) const RULES: [(&str, Rule); 18] = [
    ("percents sum to 100", share::sums),
    ("the candidate's share is what the record's step allows", share::written),
    ("users never meet more of the candidate than was allowed so far", share::met),
    ("never up after a rollback", share::never_up_again),
    ("nobody meets code that nobody was sent to", exposure::exposure),
    ("one writer an epoch, and who was overtaken is silent", order::order),
    ("nobody's edit is written over", order::never_over_an_edit),
    ("the record says what was written with it", order::record_is_true),
    ("a rollout starts from what was there", start::start),
    ("steps, dwell and approvals are kept", pace::pace),
    ("what others own stays", owners::owners),
    ("a finished rollout is the goal", ends::finished),
    ("a rolled-back one is what was there before", ends::rolled_back),
    ("nobody rests on what is not Ready", ends::rest),
    ("the last line is true", said::said),
    ("the line for people is the record's", said::line),
    ("evidence counts nobody twice", evidence::evidence),
    ("no step without a pass of the gate that was asked at the step before", gates::gates),
];

/// Everything that is wrong with a story.
pub(crate) fn all(story: &Story) -> Vec<String> {
    RULES.iter().flat_map(|(name, rule)| rule(story).into_iter().map(move |w| format!("{name}: {w}"))).collect()
}

/// The record on an object, if it can be read.
pub(crate) fn record(service: &Value) -> Option<Record> {
    let text = service.pointer("/metadata/annotations").and_then(|a| a[RECORD].as_str())?;
    Record::parse(text).ok()
}

/// One entry of `spec.traffic`; without a name it follows latest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) name: Option<String>,
    pub(crate) percent: i64,
    pub(crate) tag: Option<String>,
}

impl Entry {
    /// With a name: what it meant where latest was `latest`.
    pub(crate) fn resolved(&self, latest: &str) -> Self {
        Self { name: Some(self.name.clone().unwrap_or_else(|| latest.to_owned())), ..self.clone() }
    }
}

/// The entries of an object's `spec.traffic`.
pub(crate) fn entries(service: &Value) -> Vec<Entry> {
    let list = service.pointer("/spec/traffic").cloned().unwrap_or_default();
    entries_of(&list)
}

/// The entries of a list of targets.
pub(crate) fn entries_of(list: &Value) -> Vec<Entry> {
    let text = |t: &Value, field: &str| t[field].as_str().filter(|s| !s.is_empty()).map(str::to_owned);
    let entry = |t: &Value| Entry {
        name: text(t, "revisionName"),
        percent: t["percent"].as_i64().unwrap_or(0),
        tag: text(t, "tag"),
    };
    list.as_array().into_iter().flatten().map(entry).collect()
}

/// Where the owner's split stood at the start, by entries, and which of them is walked.
pub(crate) fn started(record: &Record) -> (Vec<Entry>, usize) {
    (entries_of(&serde_json::to_value(&record.start.split).unwrap()), record.start.main)
}

/// The percent of stable's whole that a step takes, reckoned apart from the library.
pub(crate) fn part(whole: i64, step: i64) -> i64 {
    if whole == 0 || step == 0 { 0 } else { (whole * step / 100).max(1) }
}

/// What the owner gave the entry that is walked, and what an earlier rollout that ended below 100 % left beside it.
pub(crate) fn whole(record: &Record) -> i64 {
    let (list, main) = started(record);
    let beside = record.start.beside.and_then(|at| list.get(at)).map_or(0, |e| e.percent);
    list.get(main).map_or(100, |e| e.percent) + beside
}

/// The revision's share in a list; latest counts as `latest`.
pub(crate) fn share(list: &[Entry], revision: &str, latest: Option<&str>) -> i64 {
    let means = |e: &Entry| e.name.as_deref().or(latest) == Some(revision);
    list.iter().filter(|e| means(e)).map(|e| e.percent).sum()
}

/// One of our writes, with the record that it left.
#[derive(Debug, Clone)]
pub(crate) struct Ours {
    pub(crate) number: usize,
    pub(crate) write: Write,
    pub(crate) record: Record,
    pub(crate) before: Option<Record>,
}

/// Our writes, in order. Records are parsed once a story: many rules look at them.
pub(crate) fn ours(story: &Story) -> &[Ours] {
    story.ours.get_or_init(|| {
        let writes = story.writes().iter().enumerate().filter(|(_, w)| w.who.run.is_some());
        writes
            .filter_map(|(i, write)| {
                let before = write.before.as_deref().and_then(record);
                let record = record(&write.after)?;
                Some(Ours { number: story.prologue + i, write: write.clone(), record, before })
            })
            .collect()
    })
}

/// It is over, and users are where they were.
pub(crate) fn went_back(record: &Record) -> bool {
    matches!(record.phase, Phase::RolledBack | Phase::Interrupted) && !could_not(record) && !closed(record)
}

/// The record was only closed: somebody else had moved traffic, and it stays as they left it.
pub(crate) fn closed(record: &Record) -> bool {
    record.leaves_traffic()
}

/// It is over, and users could not be brought back.
pub(crate) fn could_not(record: &Record) -> bool {
    record.outcome == Some(Code::CouldNotRestore)
}

//! What happened in a simulation, kept for the checks: every accepted write, and what users got when.

use super::api::Who;
use super::check::Ours;
use andante::model::outcome::Outcome;
use serde_json::Value;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// What was true when a write was accepted, whatever the status said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) latest_ready: Option<String>,
    pub(crate) latest_created: Option<String>,
    /// The template that the Configuration made its newest revision of; none while it lags.
    pub(crate) template: Option<Value>,
    /// Revisions that were Ready.
    pub(crate) ready: BTreeSet<String>,
}

/// An accepted write of the Service.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// When whoever wrote it sent it; a busy server may take it up much later.
    pub(crate) sent: Duration,
    pub(crate) at: Duration,
    pub(crate) who: Who,
    pub(crate) before: Option<Rc<Value>>,
    pub(crate) after: Rc<Value>,
    pub(crate) truth: Truth,
}

/// What users of the main address get from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) at: Duration,
    /// Revisions and percents; empty while there is no Service.
    pub(crate) split: Vec<(String, i64)>,
}

/// One answer of a tag's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probed {
    pub(crate) at: Duration,
    pub(crate) by: String,
    pub(crate) tag: String,
    pub(crate) revision: Option<String>,
    pub(crate) status: Option<u16>,
}

/// One answer of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gated {
    pub(crate) asked: Duration,
    pub(crate) at: Duration,
    pub(crate) by: String,
    pub(crate) passes: bool,
}

/// What is noted as it happens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) writes: Vec<Write>,
    pub(crate) served: Vec<Served>,
    pub(crate) probes: Vec<Probed>,
    /// Processes that have a gate, and what it answered.
    pub(crate) has_gate: BTreeSet<String>,
    pub(crate) gates: Vec<Gated>,
    /// Revisions that somebody deleted.
    pub(crate) deleted: Vec<(Duration, String)>,
}

/// A run that ended: by itself with an outcome, or killed.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) run: String,
    pub(crate) at: Duration,
    pub(crate) outcome: Option<Outcome>,
}

/// A whole simulation, at rest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    pub(crate) log: Log,
    /// How many of the writes made the scene, before anybody walked.
    pub(crate) prologue: usize,
    pub(crate) ended: Vec<Ended>,
    /// The Service at the end.
    pub(crate) service: Option<Rc<Value>>,
    /// Revisions that are Ready at the end.
    pub(crate) ready: BTreeSet<String>,
    /// Our writes with their records, once a rule has asked for them.
    pub(crate) ours: OnceCell<Vec<Ours>>,
}

impl Story {
    /// The writes after the scene was set.
    pub(crate) fn writes(&self) -> &[Write] {
        &self.log.writes[self.prologue..]
    }

    /// What users got from the time on when the scene was set.
    pub(crate) fn served(&self) -> impl Iterator<Item = &Served> {
        let begin = self.writes().first().map_or(Duration::ZERO, |w| w.at);
        let first = self.log.served.iter().rposition(|s| s.at <= begin).unwrap_or(0);
        self.log.served.iter().skip(first)
    }
}

/// The entries of `spec.traffic` in short: revision (or `latest`), percent, tag.
pub(crate) fn brief(service: &Value) -> String {
    let list = service.pointer("/spec/traffic").and_then(Value::as_array).cloned().unwrap_or_default();
    let entry = |t: &Value| {
        let name = t["revisionName"].as_str().unwrap_or("latest");
        let tag = t["tag"].as_str().map(|t| format!("#{t}")).unwrap_or_default();
        format!("{name}{tag}={}", t["percent"])
    };
    list.iter().map(entry).collect::<Vec<_>>().join(" ")
}

impl Story {
    /// Everything in lines, for a person who looks for the defect.
    pub(crate) fn print(&self) -> String {
        let mut lines: Vec<(Duration, String)> = vec![];
        for (i, w) in self.log.writes.iter().enumerate() {
            let by = w.who.run.as_deref().unwrap_or(&w.who.user);
            let record = super::check::record(&w.after);
            let record = record.map_or_else(String::new, |r| {
                let candidate = r.candidate.as_ref().map_or("-", |c| c.as_str());
                format!(" [{} e{} {:?} step {} candidate {candidate}]", r.id, r.epoch, r.phase, r.step)
            });
            lines.push((w.at, format!("write {i} by {by}: {}{record}", brief(&w.after))));
        }
        for s in &self.log.served {
            let split: Vec<_> = s.split.iter().map(|(name, percent)| format!("{name}={percent}")).collect();
            lines.push((s.at, format!("  users get {}", split.join(" "))));
        }
        for (at, name) in &self.log.deleted {
            lines.push((*at, format!("  {name} is deleted")));
        }
        for e in &self.ended {
            let how = e.outcome.as_ref().map_or("killed".into(), |o| format!("{:?} {}: {}", o.code, o.word, o.line()));
            lines.push((e.at, format!("run {} ends: {how}", e.run)));
        }
        lines.sort_by_key(|(at, _)| *at);
        let mut text: String = lines.iter().map(|(at, l)| format!("{:>9.3} {l}\n", at.as_secs_f64())).collect();
        text.push_str(&format!(
            "at rest: {}; ready: {:?}\n",
            self.service.as_ref().map_or("gone".into(), |s| brief(s)),
            self.ready
        ));
        text
    }
}

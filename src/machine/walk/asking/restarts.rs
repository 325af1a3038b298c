//! The gate on restarts: containers of the candidate that ended with an error, or were killed for memory, while users were
//! being walked to it.
//!
//! A revision stays Ready while one pod of several crashes and comes back (seen on Knative 1.23: 130 of 12,000 requests
//! failed, and nothing else told), so the pods themselves are asked. Stable's pods are the control: what befalls both, such
//! as a node that fails, is no fault of the candidate's. The right to list pods is optional; without it a line says so.

use super::super::scene::Scene;
use super::AskingGate;
use crate::machine::next::{Heard, Question};
use crate::machine::rollback::Why;
use crate::model::api_error::ApiError;
use crate::model::event::{Log, Topic};
use crate::model::outcome::Code;
use crate::model::time::after;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest time between two looks at the pods.
const EVERY: Duration = Duration::from_secs(30);
/// The shortest: pods are asked at once when a revision's count of ready pods moved, since that is how a crash shows.
const AT_ONCE: Duration = Duration::from_secs(3);
/// So many pods of an arm are remembered; more are not seen in one list anyway.
const MOST: usize = 500;

/// How many of a pod's containers ended badly so far, and how the last one did.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PodEnds {
    pod: String,
    ends: u64,
    last: String,
}

/// What was seen of one revision's pods.
#[derive(Debug, Clone, Default)]
struct ArmEnds {
    /// The ends that each pod had when it was seen last.
    known: BTreeMap<String, u64>,
    /// Bad ends since the first look.
    counted: u64,
    /// Pods at the last look.
    pods: u64,
    /// How the last bad end was.
    last: Option<String>,
}

/// The gate.
#[derive(Debug)]
pub(super) struct Restarts {
    /// So many more bad ends than stable's pods predict send users back.
    limit: u32,
    stable: ArmEnds,
    candidate: ArmEnds,
    looked: bool,
    out: bool,
    forbidden: bool,
    asked: Option<Timestamp>,
    /// Ready pods of both arms, as their Revisions told last.
    ready: (i64, i64),
    /// The same when the pods were asked last.
    ready_then: (i64, i64),
}

impl Restarts {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            stable: ArmEnds::default(),
            candidate: ArmEnds::default(),
            looked: false,
            out: false,
            forbidden: false,
            asked: None,
            ready: (0, 0),
            ready_then: (0, 0),
        }
    }

    /// When the pods are asked next; none: now, or never.
    fn moment(&self) -> Option<Timestamp> {
        let pause = if self.ready == self.ready_then { EVERY } else { AT_ONCE };
        self.asked.map(|asked| after(asked, pause))
    }

    fn is_silent(&self) -> bool {
        self.out || self.forbidden
    }

    /// How many more containers of the candidate ended badly than its pods would have had, had they been stable's.
    fn excess(&self) -> f64 {
        let real = |n: u64| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        let a_pod = real(self.stable.counted) / real(self.stable.pods.max(1));
        real(self.candidate.counted) - a_pod * real(self.candidate.pods.max(1))
    }
}

impl AskingGate for Restarts {
    fn see(&mut self, scene: &Scene<'_>) {
        let actual = |name| scene.world.revision(name).map_or(0, |revision| revision.actual);
        self.ready = (actual(&scene.record.start.stable), actual(scene.candidate));
    }

    fn due(&self, scene: &Scene<'_>) -> Option<Question> {
        let due = !self.is_silent() && self.moment().is_none_or(|at| scene.now >= at);
        let (stable, candidate) = (&scene.record.start.stable, scene.candidate);
        due.then(|| Question::Pods { stable: stable.clone(), candidate: candidate.clone() })
    }

    fn next_moment(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        self.moment().filter(|at| !self.is_silent() && *at > scene.now)
    }

    fn asked(&mut self, question: &Question, now: Timestamp) {
        if matches!(question, Question::Pods { .. }) {
            (self.out, self.asked, self.ready_then) = (true, Some(now), self.ready);
        }
    }

    fn heard(&mut self, heard: &Heard, _: Timestamp, log: &mut Log) {
        let Heard::Pods(answer) = heard else { return };
        self.out = false;
        match answer {
            Ok(pods) => {
                self.stable.see(&pods.stable, self.looked);
                let before = self.candidate.counted;
                self.candidate.see(&pods.candidate, self.looked);
                self.looked = true;
                if let Some(last) = self.candidate.last.as_ref().filter(|_| self.candidate.counted > before) {
                    log.say(Topic::Check, format!("a container of the candidate ended: {last}"));
                }
            }
            Err(ApiError::Forbidden(why)) => {
                self.forbidden = true;
                log.once(
                    Topic::Note,
                    format!("restarts are not judged, pods cannot be listed here (optional right): {why}"),
                );
            }
            // The next look tells what this one did not: nothing is lost, since pods keep their counts.
            Err(_) => {}
        }
    }

    fn begin(&mut self) {}

    fn failed(&self) -> Option<Why> {
        if self.excess() < f64::from(self.limit) {
            return None;
        }
        let (bad, stable) = (self.candidate.counted, self.stable.counted);
        let last = self.candidate.last.as_deref().unwrap_or("no last words");
        let containers = if bad == 1 { "1 container".to_owned() } else { format!("{bad} containers") };
        let of = |pods: u64| if pods == 1 { "1 pod".to_owned() } else { format!("{pods} pods") };
        Some(Why::new(
            Code::RolledBack,
            format!(
                "{containers} of the candidate ended with an error in {} (the last: {last}), of stable {stable} in {}",
                of(self.candidate.pods),
                of(self.stable.pods)
            ),
        ))
    }

    fn missing(&self) -> Option<String> {
        None
    }

    /// A short call does not wait for it: with each call its counts begin anew, so one look tells nothing.
    fn has_answered(&self) -> bool {
        true
    }
}

impl ArmEnds {
    /// Takes a list of pods. What they had when they were seen first is not counted, unless the pod itself is new.
    fn see(&mut self, pods: &[Value], looked: bool) {
        let seen: Vec<PodEnds> = pods.iter().filter_map(ends_of).collect();
        self.pods = u64::try_from(seen.len()).unwrap_or(u64::MAX);
        for pod in seen {
            let before = self.known.insert(pod.pod, pod.ends).or(if looked { Some(0) } else { None });
            let more = before.map_or(0, |before| pod.ends.saturating_sub(before));
            if more > 0 {
                self.counted = self.counted.saturating_add(more);
                self.last = Some(pod.last);
            }
        }
        while self.known.len() > MOST {
            self.known.pop_first();
        }
    }
}

/// The bad ends of one pod. A pod that is being deleted, preempted or evicted is none of its program's faults: its
/// containers end with 143 or 137 because somebody ends them.
fn ends_of(pod: &Value) -> Option<PodEnds> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).filter(|t| !t.is_empty());
    if pod.pointer("/metadata/deletionTimestamp").is_some() || text("/status/reason").is_some() {
        return None;
    }
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    let ended: Vec<(u64, String)> = statuses.into_iter().flatten().filter_map(bad_ends).collect();
    let ends = ended.iter().map(|(ends, _)| ends).sum();
    let last = ended.into_iter().next_back().map(|(_, last)| last).unwrap_or_default();
    Some(PodEnds { pod: text("/metadata/uid").or_else(|| text("/metadata/name"))?.to_owned(), ends, last })
}

/// How often a container ended badly, taken that it always ended as it did last; none if it ended well or never.
fn bad_ends(status: &Value) -> Option<(u64, String)> {
    let ended = ["/state/terminated", "/lastState/terminated"].iter().find_map(|p| status.pointer(p))?;
    let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
    let reason = ended.get("reason").and_then(Value::as_str).unwrap_or("Error");
    if code == 0 && reason != "OOMKilled" {
        return None;
    }
    let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
    // The end of one that does not run again yet is not among its restarts.
    let waits = status.pointer("/state/running").is_none();
    let name = status.get("name").and_then(Value::as_str).unwrap_or("?");
    Some((restarts.saturating_add(u64::from(waits)), format!("{name}, exit code {code}, {reason}")))
}

#[cfg(test)]
mod tests;

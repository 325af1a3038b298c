//! The gate on restarts: containers of the candidate that ended with an error, or were killed for memory, while users
//! were being walked to it.
//!
//! A revision stays Ready while one pod of several crashes and comes back (seen on Knative 1.23: 130 of 12,000 requests
//! failed, and nothing else told), so the pods themselves are asked. Stable's pods are the control: what befalls both,
//! such as a node that fails, is no fault of the candidate's. The right to list pods is optional; without it a line
//! says so. Decides which ends count, and how many more than stable's pods predict send users back. It may use the
//! scene and the pods as the API shows them.

use super::super::scene::Scene;
use super::AskingGate;
use crate::machine::next::{Heard, PodsOfBoth, Question};
use crate::machine::rollback::Why;
use crate::model::api_error::ApiError;
use crate::model::event::{Log, Topic};
use crate::model::outcome::Code;
use crate::model::ready::{Pods, pods};
use crate::model::time::after;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest time between two looks at the pods.
const EVERY: Duration = Duration::from_secs(30);
/// The shortest: pods are asked at once when a revision's count of ready pods moved, since that is how a crash shows.
const AT_ONCE: Duration = Duration::from_secs(3);
/// How long it is not asked again where it was not permitted: a token may have been renewed meanwhile.
const FORBIDDEN: Duration = Duration::from_secs(300);
/// A list of pods holds at most so many; a shorter one is complete.
const PAGE: usize = 50;
/// How many containers of an arm are remembered at most.
const MOST: usize = 2000;
/// What the kubelet says of containers whose node went away under them: no fault of their program.
const NODE_LOST: [&str; 2] = ["Unknown", "ContainerStatusUnknown"];

/// One container of a pod: how often it has ended so far, and how it did last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ContainerEnds {
    /// The pod's uid and the container's name.
    id: (String, String),
    /// When its pod was made (RFC 3339 in UTC, so that texts compare as times do).
    created: String,
    ends: u64,
    /// How it ended last, if that was an error of its own.
    bad: Option<String>,
}

/// What was seen of one revision's pods.
#[derive(Debug, Clone, Default)]
struct ArmEnds {
    /// The most ends that each container was seen with.
    known: BTreeMap<(String, String), u64>,
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
    /// How many more bad ends than stable's pods predict send users back.
    limit: u32,
    stable: ArmEnds,
    candidate: ArmEnds,
    /// Bad ends that the candidate's pods would have had, had they been stable's.
    expected: f64,
    /// When the youngest pod of the first look was made; none before that look.
    first: Option<String>,
    out: bool,
    forbidden: bool,
    asked: Option<Timestamp>,
    /// Ready pods of both arms, as their Revisions told last.
    ready: (i64, i64),
    /// The same when the pods were asked last.
    ready_then: (i64, i64),
    /// The candidate wants pods and has none: why is told by the pods alone, and soon.
    is_down: bool,
}

impl Restarts {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            stable: ArmEnds::default(),
            candidate: ArmEnds::default(),
            expected: 0.0,
            first: None,
            out: false,
            forbidden: false,
            asked: None,
            ready: (0, 0),
            ready_then: (0, 0),
            is_down: false,
        }
    }

    /// When the pods are asked next; none: now, or never.
    fn moment(&self) -> Option<Timestamp> {
        let pause = match (self.forbidden, self.ready == self.ready_then && !self.is_down) {
            (true, _) => FORBIDDEN,
            (false, true) => EVERY,
            (false, false) => AT_ONCE,
        };
        self.asked.map(|asked| after(asked, pause))
    }

    /// Takes one look at the pods of both.
    fn look(&mut self, pods: &PodsOfBoth) {
        let first = self.first.clone();
        let stable = self.stable.see(&pods.stable, first.as_deref());
        let candidate = self.candidate.see(&pods.candidate, first.as_deref());
        self.expected += real(stable) / real(self.stable.pods.max(1)) * real(self.candidate.pods);
        self.candidate.counted = self.candidate.counted.saturating_add(candidate);
        self.stable.counted = self.stable.counted.saturating_add(stable);
        if self.first.is_none() {
            let made =
                pods.stable.iter().chain(&pods.candidate).filter_map(|pod| text(pod, "/metadata/creationTimestamp"));
            self.first = Some(made.max().unwrap_or_default().to_owned());
        }
    }
}

fn real(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

impl AskingGate for Restarts {
    fn judges_by(&self) -> &'static str {
        "restarts"
    }

    fn see(&mut self, scene: &Scene<'_>) {
        let actual = |name| scene.world.revision(name).map_or(0, |revision| revision.actual);
        self.ready = (actual(&scene.record.start.stable), actual(scene.candidate));
        self.is_down = scene.world.revision(scene.candidate).is_some_and(|r| matches!(pods(r), Pods::Down(_)));
    }

    fn due(&self, scene: &Scene<'_>) -> Option<Question> {
        let due = !self.out && self.moment().is_none_or(|at| scene.now >= at);
        let (stable, candidate) = (&scene.record.start.stable, scene.candidate);
        due.then(|| Question::Pods { stable: stable.clone(), candidate: candidate.clone() })
    }

    fn next_moment(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        self.moment().filter(|at| !self.out && *at > scene.now)
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
                self.forbidden = false;
                let before = self.candidate.counted;
                self.look(pods);
                if let Some(last) = self.candidate.last.as_ref().filter(|_| self.candidate.counted > before) {
                    log.say(Topic::Check, format!("a container of the candidate ended: {last}"));
                }
            }
            Err(ApiError::Forbidden(why)) => {
                self.forbidden = true;
                let lacks = "restarts are not judged, pods cannot be listed here (optional right)";
                log.once(Topic::Note, format!("{lacks}: {why}"));
            }
            // The next look tells what this one did not: nothing is lost, since pods keep their counts.
            Err(_) => {}
        }
    }

    fn begin(&mut self) {}

    fn failed(&self) -> Option<Why> {
        if real(self.candidate.counted) - self.expected < f64::from(self.limit) {
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

    /// Nobody waits for it: it speaks when there is something to say.
    fn has_answered(&self) -> bool {
        true
    }
}

impl ArmEnds {
    /// Takes a list of pods; how many bad ends are new in it. What a pod had behind it when it was seen first is not
    /// counted, unless the pod itself is younger than those of the `first` look: a list is cut, so an old pod may turn
    /// up late.
    fn see(&mut self, pods: &[Value], first: Option<&str>) -> u64 {
        let seen: Vec<ContainerEnds> = pods.iter().filter(|pod| is_its_own(pod)).flat_map(containers).collect();
        self.pods = u64::try_from(pods.iter().filter(|pod| is_its_own(pod)).count()).unwrap_or(u64::MAX);
        let mut new = 0_u64;
        for container in &seen {
            let is_new = first.is_some_and(|first| container.created.as_str() > first);
            let before = self.known.get(&container.id).copied();
            let more = container.ends.saturating_sub(before.unwrap_or(if is_new { 0 } else { container.ends }));
            let most = self.known.entry(container.id.clone()).or_default();
            *most = (*most).max(container.ends);
            if let Some(bad) = container.bad.as_ref().filter(|_| more > 0) {
                new = new.saturating_add(more);
                self.last = Some(bad.clone());
            }
        }
        // A container that a complete list does not hold is gone for good.
        if pods.len() < PAGE {
            self.known.retain(|id, _| seen.iter().any(|container| container.id == *id));
        }
        while self.known.len() > MOST {
            self.known.pop_first();
        }
        new
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|t| !t.is_empty())
}

/// False for a pod that is being deleted, preempted or evicted: its containers end with 143 (SIGTERM) or 137 (SIGKILL)
/// because somebody ends them.
fn is_its_own(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_none() && text(pod, "/status/reason").is_none()
}

fn containers(pod: &Value) -> Vec<ContainerEnds> {
    let uid = text(pod, "/metadata/uid").or_else(|| text(pod, "/metadata/name")).unwrap_or_default();
    let created = text(pod, "/metadata/creationTimestamp").unwrap_or_default();
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten();
    statuses.map(|status| of_container(uid, created, status)).collect()
}

/// The ends of one container. Kubernetes tells how often it was started again and how it ended last; an end that no
/// start followed yet is not among the restarts.
fn of_container(uid: &str, created: &str, status: &Value) -> ContainerEnds {
    let ended = ["/state/terminated", "/lastState/terminated"].iter().find_map(|p| status.pointer(p));
    let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
    let waits = ended.is_some() && status.pointer("/state/running").is_none();
    let name = text(status, "/name").unwrap_or("?");
    let bad = ended.and_then(|ended| {
        let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
        let reason = text(ended, "/reason").unwrap_or("Error");
        let error = (code != 0 || reason == "OOMKilled") && !NODE_LOST.contains(&reason);
        error.then(|| format!("{name}, exit code {code}, {reason}"))
    });
    let ends = restarts.saturating_add(u64::from(waits));
    ContainerEnds { id: (uid.to_owned(), name.to_owned()), created: created.to_owned(), ends, bad }
}

#[cfg(test)]
mod tests;

//! A moment of a Service as a Kubernetes Event (`events.k8s.io/v1`).
//!
//! Decides the Event's form, its bounds and its name. The name is made of what happened, so that whoever tells the same once more, a
//! restarted process or the run's `finally`, finds it there. Depends on the record and observed Services.

use crate::model::moment::Moment;
use crate::model::name::{Namespace, ServiceName};
use crate::model::observed::Service;
use crate::rollout::goal_status::{GoalPhase, GoalStatus, cut};
use crate::rollout::hashed::digits;
use crate::rollout::record::Record;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// The API's version.
pub const API: &str = "events.k8s.io/v1";
/// Who reports, as a qualified name.
const CONTROLLER: &str = "andante.dev/andante";
/// So long a note may be, in bytes, and a reporter's name (kubernetes/kubernetes: pkg/apis/core/validation/events.go).
const LONGEST_NOTE: usize = 1024;
/// The longest name of a reporter.
const LONGEST_INSTANCE: usize = 128;
/// So long a process stays at its end for what was not posted yet.
pub const STAYS: Duration = Duration::from_secs(1);

/// What is to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The Service.
    service: ServiceName,
    /// Its namespace; none where nobody told.
    pub namespace: Option<Namespace>,
    /// Its uid: `kubectl describe` shows the Events of this one object.
    uid: String,
    moment: Moment,
    note: String,
    /// What tells it from others of its kind; none where the words alone do, for this process.
    key: Option<String>,
    at: Timestamp,
    /// So long the process may stay for it at its end.
    pub stays: Duration,
}

impl Posting {
    /// A moment of a Service, in these words. `record`: that of the rollout whose moment it is, if it is one's.
    pub fn new(service: &Service, moment: Moment, text: &str, record: Option<&Record>, at: Timestamp) -> Self {
        let key = record.map(|record| {
            // An end is told by whoever ends, in words of his own; in the middle of a step the words tell what it is.
            let words = if matches!(moment, Moment::Ended(..)) { "" } else { text };
            json!([record.id, record.attempt, record.step_at, words]).to_string()
        });
        Self {
            service: service.name.clone(),
            namespace: service.namespace.clone(),
            uid: service.uid.clone(),
            moment,
            note: text.to_owned(),
            key,
            at,
            stays: STAYS,
        }
    }

    /// The same, for which the process may stay so long at its end.
    #[must_use]
    pub fn within(self, stays: Duration) -> Self {
        Self { stays, ..self }
    }

    /// What this status says that was written now; none where it says nothing new.
    pub fn of_status(service: &Service, status: &GoalStatus, at: Timestamp) -> Option<Self> {
        let moment = match status.phase {
            GoalPhase::Started if status.made && status.run.is_some() => Moment::RunStarted,
            GoalPhase::Done => Moment::RunDone,
            GoalPhase::Failed => Moment::RunFailed,
            GoalPhase::Unreadable => Moment::DeclarationUnreadable,
            GoalPhase::Started | GoalPhase::Reached | GoalPhase::Other => return None,
        };
        let key = Some(status.text(&service.uid));
        Some(Self { key, ..Self::new(service, moment, &status.reason, None, at) })
    }

    /// The Event's name. `instance`: who reports.
    fn name(&self, instance: &str) -> String {
        let own = json!([instance, self.note]).to_string();
        let key = self.key.as_ref().unwrap_or(&own);
        let text = json!([self.uid, self.moment.reason(), key]).to_string();
        format!("{}.{}", self.service, digits(&text, 8))
    }

    /// The Event, for this namespace, and its name.
    pub fn event(&self, namespace: &Namespace, instance: &str) -> (String, Value) {
        let name = self.name(instance);
        let event = json!({
            "apiVersion": API,
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            // A MicroTime: six digits, no more and no less.
            "eventTime": self.at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            "type": if self.moment.warns() { "Warning" } else { "Normal" },
            "reason": self.moment.reason(),
            "action": self.moment.action(),
            "note": within(&self.note, LONGEST_NOTE),
            "regarding": {
                "apiVersion": "serving.knative.dev/v1", "kind": "Service",
                "namespace": namespace, "name": self.service, "uid": self.uid,
            },
            "reportingController": CONTROLLER,
            "reportingInstance": within(instance, LONGEST_INSTANCE),
        });
        (name, event)
    }
}

/// One line of at most so many bytes.
fn within(text: &str, bytes: usize) -> String {
    let mut line = cut(text, bytes);
    while line.len() > bytes {
        line.pop();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Code;
    use crate::rollout::record::tests::record;

    fn service(uid: &str) -> Service {
        Service::from_json(
            &json!({"metadata": {"name": "hello", "namespace": "shop", "uid": uid, "generation": 1}, "spec": {}}),
        )
        .unwrap()
    }

    fn name(moment: Moment, text: &str, record: Option<&Record>, instance: &str) -> String {
        Posting::new(&service("u"), moment, text, record, Timestamp::UNIX_EPOCH).name(instance)
    }

    #[test]
    fn an_event_is_of_the_service_and_has_the_form_that_the_api_server_wants() {
        let at = "2026-11-30T11:02:00.5Z".parse().unwrap();
        let posting = Posting::new(&service("u"), Moment::StepTaken, "25 % to hello-00002", None, at);
        let (name, event) = posting.event(&"shop".parse().unwrap(), "pod-1");
        assert!(name.starts_with("hello.") && name.len() == "hello.".len() + 16, "{name}");
        let wanted = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name, "namespace": "shop"},
            "eventTime": "2026-11-30T11:02:00.500000Z", "type": "Normal", "reason": "StepTaken", "action": "Walk",
            "note": "25 % to hello-00002",
            "regarding": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "namespace": "shop", "name": "hello", "uid": "u"},
            "reportingController": "andante.dev/andante", "reportingInstance": "pod-1",
        });
        assert_eq!(event, wanted);
    }

    #[test]
    fn what_happened_names_it_whoever_tells() {
        let (record, step) = (record(), Moment::StepTaken);
        let first = name(step, "1 %", Some(&record), "pod-1");
        assert_eq!(first, name(step, "1 %", Some(&record), "pod-2"), "a restarted process tells the same");
        let later = Record { step_at: "2026-01-01T00:00:00Z".parse().unwrap(), ..record.clone() };
        let again = Record { attempt: 7, ..record.clone() };
        for other in [
            name(step, "5 %", Some(&record), "pod-1"),
            name(Moment::GoingBack, "1 %", Some(&record), "pod-1"),
            name(step, "1 %", Some(&later), "pod-1"),
            name(step, "1 %", Some(&again), "pod-1"),
        ] {
            assert_ne!(first, other);
        }
        let end = Moment::Ended("rolled-back", Code::RolledBack);
        let walks = name(end, "rolled back: worse", Some(&record), "pod-1");
        assert_eq!(walks, name(end, "rolled back by then", Some(&record), "pod-2"), "the run's `finally` tells it too");
        // Of no rollout: two runs that are refused in the same words are two.
        let busy = Moment::Ended("busy", Code::Busy);
        assert_ne!(name(busy, "busy", None, "pod-1"), name(busy, "busy", None, "pod-2"));
        assert_eq!(name(busy, "busy", None, "pod-1"), name(busy, "busy", None, "pod-1"));
        let of_another = Posting::new(&service("v"), step, "1 %", Some(&record), Timestamp::UNIX_EPOCH);
        assert_ne!(first, of_another.name("pod-1"), "a Service that was made again is another one");
    }

    #[test]
    fn an_event_has_bounds() {
        for text in ["ä\n", "a", "漢"] {
            let posting =
                Posting::new(&service("u"), Moment::GoingBack, &text.repeat(2000), None, Timestamp::UNIX_EPOCH);
            let (_, event) = posting.event(&"shop".parse().unwrap(), &"p".repeat(500));
            let (note, instance) = (event["note"].as_str().unwrap(), event["reportingInstance"].as_str().unwrap());
            assert!(note.len() <= LONGEST_NOTE && note.len() > LONGEST_NOTE - 4, "{}", note.len());
            assert!(!note.contains('\n') && instance.len() == LONGEST_INSTANCE);
            assert_eq!(event["type"], "Warning");
        }
    }

    #[test]
    fn a_status_is_posted_where_it_says_something_new() {
        let status = |phase, made| {
            let run = crate::rollout::goal_status::StartedRun { kind: None, name: "hello-1".parse().unwrap() };
            GoalStatus { run: Some(run), made, ..GoalStatus::new(phase, "why", Some(Timestamp::UNIX_EPOCH)) }
        };
        let moment = |phase, made| {
            Posting::of_status(&service("u"), &status(phase, made), Timestamp::UNIX_EPOCH).map(|posting| posting.moment)
        };
        assert_eq!(moment(GoalPhase::Started, true), Some(Moment::RunStarted));
        assert_eq!(moment(GoalPhase::Started, false), None, "it is named, and not made yet");
        assert_eq!(moment(GoalPhase::Failed, true), Some(Moment::RunFailed));
        assert_eq!(moment(GoalPhase::Done, true), Some(Moment::RunDone));
        assert_eq!(moment(GoalPhase::Reached, true), None, "a thousand Services are adopted without a word");
        let unreadable = Posting::of_status(&service("u"), &status(GoalPhase::Unreadable, true), Timestamp::UNIX_EPOCH);
        let unreadable = unreadable.unwrap();
        assert_eq!(unreadable.event(&"shop".parse().unwrap(), "x").1["type"], "Warning");
        let other = GoalStatus { reason: "another fault".into(), ..status(GoalPhase::Unreadable, true) };
        let other = Posting::of_status(&service("u"), &other, Timestamp::UNIX_EPOCH).unwrap();
        assert_ne!(unreadable.name("x"), other.name("x"), "one for each change of the status");
    }
}

//! Questions to the candidate's own address during a step: first a waking call if it sleeps, then probes in a row.
//!
//! Decides which question is next and when, whether the row of answers passes, and for how long an address that cannot be
//! reached from here is no answer: our own inability is not the candidate's fault. It may use probes and observed
//! revisions; time is an argument.

use crate::evidence::probe::{Answer, Probe, ProbeRequest, ProbeRow, counted};
use crate::evidence::verdict::Verdict;
use crate::model::event::Log;
use crate::model::event::Topic;
use crate::model::observed::Revision;
use crate::model::ready::{Pods, pods};
use crate::model::time::{after, words};
use jiff::Timestamp;
use std::time::Duration;

/// How long one waking call may take: a cold start is behind it.
const WAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time between two waking calls.
const WAKE_PAUSE: Duration = Duration::from_secs(2);
/// How often an address that cannot be reached from here is tried before we go on without waking.
const WAKE_TRIES: u32 = 3;

/// What is being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenQuestion {
    Nothing,
    Wake,
    Probe,
}

/// Questions and answers of one step.
#[derive(Debug, Clone)]
pub(super) struct Probing {
    probe: Option<Probe>,
    row: ProbeRow,
    asking: OpenQuestion,
    wake: bool,
    wake_failures: u32,
    next_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    /// Since when the address cannot be reached from here.
    out_since: Option<Timestamp>,
    /// Why it was out of reach for longer than the patience.
    out_of_reach: Option<String>,
}

impl Probing {
    /// No questions asked yet.
    pub(super) fn new(probe: Option<Probe>) -> Self {
        Self {
            probe,
            row: ProbeRow::default(),
            asking: OpenQuestion::Nothing,
            wake: true,
            wake_failures: 0,
            next_at: None,
            failed_at: None,
            out_since: None,
            out_of_reach: None,
        }
    }

    /// A step begins: the row is empty again; `wake` asks for a waking call if the candidate sleeps.
    pub(super) fn begin(&mut self, wake: bool, now: Timestamp) {
        self.row = ProbeRow::default();
        self.wake = wake;
        self.wake_failures = 0;
        self.next_at = Some(now);
        self.failed_at = None;
        (self.out_since, self.out_of_reach) = (None, None);
    }

    /// When a probe of this step failed last, or could not be made: a dwell counts from there, so that a candidate that
    /// comes and goes is never taken for a healthy one.
    pub(super) fn failed_at(&self) -> Option<Timestamp> {
        self.failed_at
    }

    /// True while a question is out.
    pub(super) fn is_asking(&self) -> bool {
        self.asking != OpenQuestion::Nothing
    }

    /// True if the next question is a waking call.
    pub(super) fn is_wake(&self) -> bool {
        self.wake
    }

    /// True while a waking call is out or due.
    pub(super) fn is_waking(&self) -> bool {
        self.wake && (self.asking == OpenQuestion::Wake || self.wake_failures > 0)
    }

    /// Looks at the candidate once a question is due: one that is up needs no waking.
    pub(super) fn look(&mut self, url: Option<&str>, candidate: Option<&Revision>, now: Timestamp) {
        let asleep = candidate.is_some_and(|r| pods(r) == Pods::Asleep);
        if self.is_due(now) && url.is_some() && !asleep {
            self.wake = false;
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        !self.is_asking() && self.next_at.is_none_or(|at| now >= at)
    }

    /// The question that is due, if none is out.
    pub(super) fn due(&self, url: Option<&str>, now: Timestamp) -> Option<ProbeRequest> {
        let url = url.filter(|_| self.is_due(now))?.to_owned();
        if self.wake {
            // Any request wakes a revision, because Knative holds it until a pod is there; so the path does not matter.
            return Some(ProbeRequest { url, path: "/".into(), timeout: WAKE_TIMEOUT, form: None });
        }
        let probe = self.probe.as_ref()?;
        Some(ProbeRequest { url, path: probe.path.clone(), timeout: probe.timeout, form: None })
    }

    /// The question that was due is out.
    pub(super) fn asked(&mut self) {
        self.asking = if self.wake { OpenQuestion::Wake } else { OpenQuestion::Probe };
    }

    /// An answer came.
    pub(super) fn answered(&mut self, answer: &Answer, now: Timestamp, log: &mut Log) {
        match (self.asking, &self.probe) {
            (OpenQuestion::Wake, _) => self.woken(answer, now, log),
            (OpenQuestion::Probe, Some(probe)) => {
                self.next_at = Some(after(now, probe.interval));
                if let Answer::Unreachable(why) = answer {
                    let since = *self.out_since.get_or_insert(now);
                    let patience = words(probe.patience);
                    log.once(
                        Topic::Check,
                        format!("{why}: that says nothing of the candidate; its address is tried for {patience}"),
                    );
                    self.row.interrupt();
                    self.failed_at = Some(now);
                    if now >= after(since, probe.patience) {
                        let what = format!("its address could not be reached from here for {patience}: {why}");
                        self.out_of_reach = Some(what);
                    }
                    self.asking = OpenQuestion::Nothing;
                    return;
                }
                if self.out_since.take().is_some() {
                    log.say(Topic::Check, "the candidate's address can be reached again");
                }
                self.out_of_reach = None;
                let judged = probe.judge(answer);
                if let Err(why) = &judged {
                    self.failed_at = Some(now);
                    log.say(Topic::Check, format!("probe of {} failed: {why}", probe.path));
                }
                self.row.add(judged);
            }
            (OpenQuestion::Probe, None) | (OpenQuestion::Nothing, _) => {}
        }
        self.asking = OpenQuestion::Nothing;
    }

    fn woken(&mut self, answer: &Answer, now: Timestamp, log: &mut Log) {
        match answer {
            // Any status shows that a pod answered; whether it is a good one is for the probes to say.
            Answer::Http { status, .. } => {
                log.say(Topic::Check, format!("the candidate is awake (status {status})"));
                self.wake = false;
                self.next_at = Some(now);
            }
            Answer::Silent(why) | Answer::Unreachable(why) => {
                self.wake_failures += 1;
                self.next_at = Some(after(now, WAKE_PAUSE));
                if self.wake_failures >= WAKE_TRIES {
                    log.say(
                        Topic::Note,
                        format!("the candidate could not be woken from here ({why}); its first users start it cold"),
                    );
                    self.wake = false;
                }
            }
        }
    }

    /// True if nothing more has to be asked before the next step.
    pub(super) fn passed(&self) -> bool {
        !self.wake && self.probe.as_ref().is_none_or(|p| self.row.verdict(p) == Verdict::Pass)
    }

    /// Why the candidate failed its probes, if it did.
    pub(super) fn failed(&self) -> Option<String> {
        match self.row.verdict(self.probe.as_ref()?) {
            Verdict::Fail(why) => Some(why),
            _ => None,
        }
    }

    /// Why there is no verdict and none to be waited for: the address cannot be reached from here.
    pub(super) fn out_of_reach(&self) -> Option<&str> {
        self.out_of_reach.as_deref()
    }

    /// What has to come before the next step, in words that stay the same while we wait.
    pub(super) fn wanted(&self) -> String {
        match &self.probe {
            Some(probe) if !self.wake => format!("{} of {} must pass in a row", counted(probe.passes), probe.path),
            _ => "the candidate is being woken".to_owned(),
        }
    }

    /// When the next question is due, if none is out.
    pub(super) fn next_moment(&self, now: Timestamp) -> Option<Timestamp> {
        if self.asking != OpenQuestion::Nothing || (!self.wake && self.probe.is_none()) {
            return None;
        }
        self.next_at.filter(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn revision(actual: i64) -> Revision {
        Revision::from_json(&json!({
            "metadata": {"name": "r"},
            "status": {"actualReplicas": actual, "desiredReplicas": actual,
                "conditions": [{"type": "Ready", "status": "True"}]}
        }))
        .unwrap()
    }

    /// What is asked of the candidate in this state; it is out then.
    fn ask(probing: &mut Probing, candidate: &Revision, now: Timestamp) -> Option<ProbeRequest> {
        probing.look(Some("http://c"), Some(candidate), now);
        let due = probing.due(Some("http://c"), now);
        assert_eq!(due, probing.due(Some("http://c"), now), "asked twice, the same answer");
        if due.is_some() {
            probing.asked();
        }
        due
    }

    fn ok() -> Answer {
        Answer::Http { status: 200, headers: vec![], body: String::new(), latency: Duration::ZERO }
    }

    #[test]
    fn a_sleeper_is_woken_first_and_only_then_probed() {
        let mut log = Log::default();
        let mut probing = Probing::new(None);
        probing.begin(true, at(0));
        assert!(!probing.passed());
        let question = ask(&mut probing, &revision(0), at(0)).unwrap();
        assert_eq!(question.timeout, WAKE_TIMEOUT);
        assert!(probing.is_waking());
        assert!(ask(&mut probing, &revision(0), at(0)).is_none(), "one at a time");
        probing.answered(&ok(), at(1), &mut log);
        assert!(probing.passed());
    }

    #[test]
    fn one_that_is_up_needs_no_waking() {
        let mut probing = Probing::new(None);
        probing.begin(true, at(0));
        assert!(ask(&mut probing, &revision(1), at(0)).is_none());
        assert!(probing.passed());
    }

    #[test]
    fn an_address_out_of_reach_is_no_failed_probe_and_not_waited_for_without_end() {
        let (mut log, probe) = (Log::default(), Probe { passes: 2, failures: 2, ..Probe::default() });
        let out = Answer::Unreachable("no such name".into());
        let mut probing = Probing::new(Some(probe));
        probing.begin(false, at(0));
        let mut say = |probing: &mut Probing, answer: &Answer, second: i64| {
            assert!(ask(probing, &revision(1), at(second)).is_some(), "asked at {second}");
            probing.answered(answer, at(second), &mut log);
        };
        say(&mut probing, &ok(), 0);
        for second in 1..60 {
            say(&mut probing, &out, second);
            assert_eq!((probing.failed(), probing.out_of_reach()), (None, None), "at {second}");
        }
        // One answer, and the patience begins anew; passes in a row do, too.
        say(&mut probing, &ok(), 60);
        assert!(!probing.passed());
        for second in 61..121 {
            say(&mut probing, &out, second);
            assert_eq!(probing.out_of_reach(), None, "at {second}");
        }
        say(&mut probing, &out, 121);
        let why = "its address could not be reached from here for 1m: no such name";
        assert_eq!((probing.failed(), probing.out_of_reach()), (None, Some(why)));
        probing.begin(false, at(122));
        assert_eq!(probing.out_of_reach(), None);
        // It hides no failure: what failed before still did.
        let bad = Answer::Http { status: 500, headers: vec![], body: String::new(), latency: Duration::ZERO };
        for (second, answer) in [(122, &bad), (123, &out), (124, &bad)] {
            say(&mut probing, answer, second);
        }
        assert!(probing.failed().is_some());
    }

    #[test]
    fn an_address_out_of_reach_does_not_hold_the_walk_for_ever() {
        let mut log = Log::default();
        let mut probing = Probing::new(None);
        probing.begin(true, at(0));
        for i in 0..3_i64 {
            let now = at(i * 5);
            assert!(ask(&mut probing, &revision(0), now).is_some());
            probing.answered(&Answer::Unreachable("no such name".into()), now, &mut log);
        }
        assert!(probing.passed());
    }
}

//! One rehearsal: a machine, driven through virtual time to its end.
//!
//! Decides what wakes the machine: its own moments, answers, readings, a split that is served, pods that go or come. It
//! does the runner's part ([`crate::run`]) without a network, and says what came of it. It may use the machines.

use super::behaviour::Behaviour;
use super::chance::Chance;
use super::knative::Knative;
use super::traffic::Gateways;
use crate::evidence::probe::{Answer, ProbeRequest};
use crate::evidence::reading::{NoReading, Reading};
use crate::machine::next::{Heard, Machine, Next, Question};
use crate::machine::standing::Claimant;
use crate::model::event::Log;
use crate::model::event::{Event, Topic};
use crate::model::name::BadName;
use crate::model::outcome::{Code, Outcome};
use crate::model::time::{after, before};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a reading takes.
const READS_IN: Duration = Duration::from_millis(20);
/// How often pods are looked at, where they are rehearsed.
const SCALES: Duration = Duration::from_millis(500);
/// How many decisions in a row without time passing show a machine that never waits.
const MOST_STILL: u32 = 10_000;

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Played {
    /// The lines, as the walk would have logged them.
    pub lines: Vec<(Timestamp, Event)>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// Requests that the candidate failed, answered with a 4xx or never.
    pub bad: u64,
    /// How many more these are than stable would have failed of them, incidents and ill pods aside; below 0 by luck, or where the
    /// candidate is better.
    pub extra: f64,
    /// Requests that waited for a pod for longer than half a second, and the longest wait; none where pods were not rehearsed.
    pub waited: Option<(u64, Duration)>,
}

struct Rehearsal<C> {
    knative: Knative,
    traffic: Gateways<C>,
    began: Timestamp,
    now: Timestamp,
    /// What was asked, and when the answer comes.
    question: Option<(Timestamp, Answer)>,
    reading: Option<Timestamp>,
    died: bool,
    lines: Vec<(Timestamp, Event)>,
}

/// Plays a walk of a Service that was just staged by `hold`. `process` makes the machine of the run's process of that
/// name: a second one if the first dies.
pub(crate) fn play<M: Machine, C: Chance>(
    process: impl Fn(&str) -> M,
    hold: &Claimant,
    service: &str,
    behaviour: Behaviour,
    chance: C,
    began: Timestamp,
) -> Result<Played, BadName> {
    let revisions = [format!("{service}-00001").parse()?, format!("{service}-00002").parse()?];
    let mut knative = Knative::staged(hold, "rehearsal".parse()?, &service.parse()?, revisions, began)?;
    knative.serves_after(behaviour.serves_after);
    let mut me = Rehearsal {
        knative,
        traffic: Gateways::new(behaviour, chance),
        began,
        now: began,
        question: None,
        reading: None,
        died: false,
        lines: Vec::new(),
    };
    let mut log = Log::default();
    let mut still = 0;
    let mut machine = process("walk");
    let outcome = loop {
        if me.dies() {
            machine = process("walk-again");
        }
        let next = machine.decide(me.knative.world(me.now), me.now, &mut log);
        me.say(&mut log);
        let before = me.now;
        match next {
            Next::End(outcome) => break *outcome,
            Next::Write(order) => me.knative.take(&order, &mut machine, me.now, &mut log),
            Next::Bound(order) => me.knative.take_bound(&order, &mut machine, me.now, &mut log),
            Next::Wait { until, ask } => {
                for question in ask {
                    machine.asked(&question, me.now);
                    match question {
                        Question::Probe(request) => me.question = Some(me.answer(&request)),
                        Question::Reading(_) => me.reading = Some(after(me.now, READS_IN)),
                        // A rehearsal has neither gates of an owner nor pods that could be listed.
                        Question::Gate(_) | Question::Counters(_) | Question::Pods { .. } => {}
                    }
                }
                me.wait(&mut machine, until, &mut log);
            }
            Next::Look(_) | Next::Create(_) => still = MOST_STILL,
        }
        me.say(&mut log);
        still = if me.now > before { 0 } else { still + 1 };
        if still >= MOST_STILL {
            break Outcome::new(Code::Internal, "the walk asks for something that a rehearsal does not have");
        }
    };
    me.lines.push((me.now, Event::new(Topic::End, outcome.line())));
    let (bad, extra, waited) = (me.traffic.bad(), me.traffic.extra(), me.traffic.waits());
    if let Some((waited, longest)) = waited {
        let longest = longest.as_secs_f64();
        let text = format!("rehearsed: {waited} requests waited over 0.5 s for a pod, the longest {longest:.1} s");
        me.lines.push((me.now, Event::new(Topic::Note, text)));
    }
    Ok(Played { lines: me.lines, outcome, took: since(began, me.now), bad, extra, waited })
}

fn since(began: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(began)).unwrap_or_default()
}

impl<C: Chance> Rehearsal<C> {
    fn say(&mut self, log: &mut Log) {
        self.lines.extend(log.take().into_iter().map(|said| (self.now, said)));
    }

    /// What the candidate's own address will answer, and when.
    fn answer(&mut self, request: &ProbeRequest) -> (Timestamp, Answer) {
        let starts = self.traffic.poke();
        let behaviour = self.traffic.behaviour();
        if self.traffic.is_on(behaviour.down.as_ref()) {
            let silent =
                Answer::Silent(format!("no whole answer within {}", crate::model::time::words(request.timeout)));
            return (after(self.now, request.timeout), silent);
        }
        let slower = if self.traffic.is_late() { 1.0 } else { behaviour.slower };
        let latency = behaviour.latency.mul_f64(slower) + starts;
        // Users meet something else than health: a candidate that fails requests may well call itself healthy.
        (after(self.now, latency), Answer::Http { status: 200, headers: vec![], body: String::new(), latency })
    }

    /// Lets time pass until something wakes the machine.
    fn wait<M: Machine>(&mut self, machine: &mut M, until: Option<Timestamp>, log: &mut Log) {
        let answer = self.question.as_ref().map(|(at, _)| *at);
        let own = [until, answer, self.reading].into_iter().flatten().min();
        self.pass(own);
        let next = self.now;
        if let Some((_, answer)) = self.question.take_if(|(at, _)| *at <= next) {
            machine.heard(Heard::Probe(answer), next, log);
        }
        if self.reading.take_if(|at| *at <= next).is_some() {
            machine.heard(Heard::Reading(self.read()), next, log);
        }
    }

    /// Lets time pass until this moment, or until something changes before it.
    fn pass(&mut self, until: Option<Timestamp>) {
        let served = self.knative.due().filter(|due| *due > self.now);
        let change = self.traffic.next_change().map(|change| after(self.began, change)).filter(|at| *at > self.now);
        // The autoscaler is at work all the time.
        let pods = self.traffic.scales().map(|_| after(self.now, SCALES));
        let next = [until, served, change, pods].into_iter().flatten().min();
        // Without any moment nothing would ever happen; an hour later the deadline has passed at least.
        self.now = next.unwrap_or_else(|| after(self.now, Duration::from_secs(3600))).max(self.now);
        self.traffic.floors(self.knative.floors());
        self.traffic.pass(since(self.began, self.now));
        self.knative.scale(self.traffic.scales());
        self.traffic.split(self.knative.share(self.now));
        self.knative.pods(!self.traffic.is_on(self.traffic.behaviour().down.as_ref()));
    }

    /// The process dies if it is time to: what it knew and what it had asked is lost, and users go on. True once it is
    /// back.
    fn dies(&mut self) -> bool {
        let crash = self.traffic.behaviour().crash.filter(|_| !self.died);
        let Some((crash, at)) = crash.zip(self.traffic.since_moved()).filter(|(crash, at)| *at >= crash.from) else {
            return false;
        };
        let back = after(self.now, (crash.from + crash.lasts.unwrap_or_default()).saturating_sub(at));
        self.died = true;
        (self.question, self.reading) = (None, None);
        self.lines.push((self.now, Event::new(Topic::Note, "rehearsed: the process of the walk dies")));
        while self.now < back {
            self.pass(Some(back));
        }
        self.lines.push((self.now, Event::new(Topic::Note, "rehearsed: its run's next process begins")));
        true
    }

    fn read(&self) -> Result<Reading, NoReading> {
        if self.traffic.is_on(self.traffic.behaviour().outage.as_ref()) {
            let (from, text) = ("the rehearsed gateway".to_owned(), "an outage".to_owned());
            return Err(NoReading::Unreachable { from, text });
        }
        let behaviour = self.traffic.behaviour();
        let at = before(self.now, behaviour.lag + behaviour.skew);
        Ok(Reading { at, strata: self.traffic.reading() })
    }
}

/// When a rehearsal begins: at midnight, so that its lines show how long it has been going on.
pub(crate) fn midnight() -> Timestamp {
    Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_hours(24 * 365 * 50)).unwrap_or(Timestamp::UNIX_EPOCH)
}

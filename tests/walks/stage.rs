//! The world of a script: what is there, and what happens in it.

use super::users;
use andante::evidence::gate::Measured;
use andante::evidence::probe::Answer;
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::next::{GiveUp, Heard, Look, Machine, Next, Order, PodsOfBoth, Question, Written};
use andante::machine::standing::Claimant;
use andante::machine::walk::Walk;
use andante::machine::world::{NamespaceSaid, Signal, World};
use andante::model::api_error::ApiError;
use andante::model::event::{Event, Log, Topic};
use andante::model::moment::Moment;
use andante::model::name::GoalId;
use andante::model::observed::{CONTROL, PROGRESS, RECORD};
use andante::model::outcome::{Code, Outcome};
use andante::rollout::control::{Approval, Control, ControlRequest};
use andante::rollout::owner::{Liveness, Owner, OwnerKind};
use andante::rollout::record::{Phase, Record};
use andante::rollout::splits::Start;
use andante::view::rehearse::Knative;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

fn owner() -> Owner {
    Owner { kind: OwnerKind::PipelineRun, name: "shop/release-7".into(), uid: "u7".into() }
}

pub(super) fn walker(process: &str) -> Claimant {
    let intent = "2026-01-01T10:00:00Z".parse().unwrap();
    Claimant::new(Asker { owner: owner(), intent, if_busy: IfBusy::Fail, force: false }, process.to_owned())
}

/// The world of a script: a Service with a staged candidate `hello-2`, beside stable `hello-1`.
pub(super) struct Stage {
    pub(super) knative: Knative,
    /// How often a container of the candidate ended with an error.
    restarts: u64,
    /// New pods of the candidate get their image.
    pulls: bool,
    status: u16,
    /// The candidate's address cannot be reached.
    out_of_reach: bool,
    /// What whoever is asked by the owner's gates answers.
    gate: Measured,
    pub(super) now: Timestamp,
    began: Timestamp,
    pub(super) out: String,
    pub(super) done: bool,
    pub(super) log: Log,
    pub(super) walks: u32,
    users: users::Users,
    /// The run that walks, once another one has taken over.
    pub(super) newer: Option<Owner>,
    /// The next write gets no answer; whether it arrives.
    unanswered: Option<bool>,
    /// The goal that was walked for last.
    pub(super) goal: Option<GoalId>,
    /// What is posted as Kubernetes Events.
    events: Vec<(Moment, String)>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let began = walker("stage").asker.intent;
        let revisions = ["hello-1", "hello-2"].map(|name| name.parse().unwrap());
        let (id, service) = ("r7".parse().unwrap(), "hello".parse().unwrap());
        Self {
            knative: Knative::staged(&walker("stage"), id, &service, revisions, began).unwrap(),
            restarts: 0,
            pulls: true,
            status: 200,
            out_of_reach: false,
            gate: Measured::Number(0.0),
            now: began,
            began,
            out: String::new(),
            done: false,
            log: Log::default(),
            walks: 0,
            users: users::Users::default(),
            newer: None,
            unanswered: None,
            goal: None,
            events: vec![],
        }
    }

    /// Time passes.
    pub(super) fn pass(&mut self, until: Timestamp) {
        let time = Duration::try_from(until.duration_since(self.now)).unwrap_or_default();
        self.users.come(time.as_secs_f64(), &self.knative.world(self.now).service().unwrap().served);
        self.now = self.now.max(until);
    }

    pub(super) fn signal(&mut self, signal: Option<Signal>) {
        self.knative.world(self.now).signal = signal;
    }

    /// A person edits the object.
    fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        self.knative.edit(self.now, |object| {
            object["metadata"]["annotations"]["serving.knative.dev/lastModifier"] = json!("kim");
            change(object);
        });
    }

    fn say(&mut self) {
        for Event { topic, text, moment } in self.log.take() {
            self.line(topic.word(), &text);
            self.events.extend(moment.map(|moment| (moment, text)));
        }
    }

    /// What whoever looks at the Service itself sees: the Events so far, and the line of its annotation.
    fn describe(&mut self) {
        for (moment, text) in std::mem::take(&mut self.events) {
            let kind = if moment.warns() { "Warning" } else { "Normal" };
            self.line(&format!("event: {kind} {} ({})", moment.reason(), moment.action()), &text);
        }
        let annotations = &self.knative.world(self.now).service().unwrap().annotations;
        let line = annotations.get(PROGRESS).cloned().unwrap_or_default();
        self.line(PROGRESS, &line);
    }

    fn line(&mut self, topic: &str, text: &str) {
        let at = self.now.duration_since(self.began);
        let at = humantime::format_duration(Duration::try_from(at).unwrap()).to_string();
        writeln!(self.out, "  {at:>9}  {topic}: {text}").unwrap();
    }

    fn control(&mut self, change: impl Fn(&mut Control, ControlRequest)) {
        let world = self.knative.world(self.now);
        let record = world.record().unwrap().unwrap();
        let control = world.service().unwrap().annotations.get(CONTROL);
        let mut control = Control::parse(control.map(String::as_str), &record.id);
        change(&mut control, ControlRequest { by: "kim".into(), at: self.now, attempt: record.attempt });
        self.edit(|object| {
            object["metadata"]["annotations"][CONTROL] = json!(serde_json::to_string(&control).unwrap());
        });
    }

    /// A newer run begins its own rollout, with users pinned where they are.
    fn begin_another(&mut self) {
        let world = self.knative.world(self.now);
        let old = world.record().unwrap().unwrap();
        let start = match old.phase {
            Phase::Finished => {
                Start::new(world.service().unwrap().split.clone().unwrap(), "hello-2".parse().unwrap(), None)
            }
            _ => Ok(old.start.clone()),
        };
        let owner = Owner { kind: OwnerKind::PipelineRun, name: "shop/release-8".into(), uid: "u8".into() };
        let (id, writer) = ("r8".parse().unwrap(), "another".to_owned());
        let (epoch, phase, intent) = (old.epoch + 1, Phase::Staging, self.now);
        let (start, step_at) = (start.unwrap(), self.now);
        let new =
            Record { id, writer, owner, epoch, phase, intent, start, step_at, outcome: None, reason: None, ..old };
        self.edit(|object| object["metadata"]["annotations"][RECORD] = json!(new.to_text().unwrap()));
    }

    /// A second process of the same run finds that what it wants is served, and notes so.
    fn note_intent(&mut self) {
        let old = self.knative.world(self.now).record().unwrap().unwrap();
        let new = Record { writer: "another".to_owned(), epoch: old.epoch + 1, intent: self.now, ..old };
        self.edit(|object| object["metadata"]["annotations"][RECORD] = json!(new.to_text().unwrap()));
    }

    /// Something happens.
    pub(super) fn happen(&mut self, what: &str) {
        match what.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["users", rate, "a", "second"] => self.users.rate = rate.parse().unwrap(),
            [name, "fails", part] => self.users.fails(name, part),
            [name, "loses", part] => self.users.loses(name, part),
            [name, "keeps", part, "waiting"] => self.users.keeps(name, part),
            ["the", "gateway", "ends"] => self.users.end_gateway(),
            [name, "takes", time] => self.users.takes(name, time),
            ["counters", how] => (*how).clone_into(&mut self.users.how),
            ["gate", "says", "nothing"] => self.gate = Measured::Nothing("no series".into()),
            ["gate", "is", "silent"] => self.gate = Measured::Unanswered("timed out".into()),
            ["gate", "says", number] => self.gate = Measured::Number(number.parse().unwrap()),
            ["containers", "end", "badly"] => self.restarts += 1,
            ["pods", "up"] => self.knative.pods(true),
            ["pods", "down"] => self.knative.pods(false),
            ["image", "cannot", "be", "pulled"] => self.pulls = false,
            ["address", "out", "of", "reach"] => self.out_of_reach = true,
            ["address", "within", "reach"] => self.out_of_reach = false,
            ["answers", status] => self.status = status.parse().unwrap(),
            ["knative", "stalls"] => self.knative.serves_after(Duration::MAX),
            ["the", "gateway", "runs", "ahead"] => self.knative.runs_ahead(),
            ["knative", "serves"] => self.knative.serves_after(Duration::ZERO),
            ["approve", step] => {
                let step = step.parse().unwrap();
                self.control(|c, request| c.approved.push(Approval { step, request }));
            }
            ["pause"] => self.control(|c, request| c.pause = Some(request)),
            ["resume"] => self.control(|c, _| c.pause = None),
            ["abort"] => self.control(|c, request| c.abort = Some(request)),
            ["promote"] => self.control(|c, request| c.promote = Some(request)),
            // Nobody goes on until the next walk begins.
            ["killed"] => self.done = true,
            // The one that walked is gone; whoever walks next is of another run.
            ["another", "run"] => {
                self.done = true;
                self.newer = Some(Owner { name: "shop/release-8".into(), uid: "u8".into(), ..owner() });
                self.knative.world(self.now).liveness = Some((owner().uid, Liveness::Done));
            }
            ["describe"] => self.describe(),
            ["sigterm"] => self.signal(Some(Signal::Terminate)),
            ["ctrl-c"] => self.signal(Some(Signal::Interrupt)),
            ["another", "process", "notes", "its", "intent"] => self.note_intent(),
            ["another", "rollout", "begins"] => self.begin_another(),
            ["the", "next", "write", "gets", "no", "answer,", "and", "another", "rollout", "begins"] => {
                self.unanswered = Some(true);
            }
            ["the", "next", "write", "never", "arrives,", "and", "another", "rollout", "begins"] => {
                self.unanswered = Some(false);
            }
            ["traffic", "edited"] => {
                self.edit(|o| o["spec"]["traffic"] = json!([{"revisionName": "hello-1", "percent": 100}]));
            }
            // Of our own, those that declare.
            ["annotation", name] => self.edit(|o| {
                o["metadata"]["annotations"].as_object_mut().unwrap().remove(&format!("andante.dev/{name}"));
            }),
            ["annotation", name, value @ ..] => {
                let (name, value) = (format!("andante.dev/{name}"), value.join(" "));
                self.edit(|o| o["metadata"]["annotations"][name] = json!(value));
            }
            ["template", "edited"] => self.edit(|o| {
                o["spec"]["template"] = json!({"spec": {"containers": [{"image": "shop/hello:8"}]}});
                o["status"]["latestCreatedRevisionName"] = json!("hello-3");
            }),
            other => panic!("the script says {other:?}"),
        }
    }

    /// Everything that is asked is answered at once; true if anything was.
    fn answer(&mut self, walk: &mut Walk, next: &Next) -> bool {
        let Next::Wait { ask, .. } = next else { return false };
        for question in ask {
            let heard = match question {
                Question::Probe(_) if self.out_of_reach => {
                    Heard::Probe(Answer::Unreachable("cannot connect to candidate-hello: no such name".into()))
                }
                Question::Probe(_) => {
                    let (headers, body, latency) = (vec![], String::new(), Duration::from_millis(5));
                    Heard::Probe(Answer::Http { status: self.status, headers, body, latency })
                }
                Question::Reading(arms) => Heard::Reading(self.users.counted(arms, self.now)),
                Question::Counters(asked) => Heard::Counters(self.users.compared(&asked.1, self.now)),
                Question::Gate(asked) => {
                    assert_eq!(asked.1.candidate.as_str(), "hello-2");
                    Heard::Gate(self.gate.clone())
                }
                Question::Pods { .. } => Heard::Pods(Ok(PodsOfBoth {
                    stable: vec![pod("hello-1-a", 0)],
                    candidate: if self.pulls {
                        vec![pod("hello-2-a", self.restarts), pod("hello-2-b", 0)]
                    } else {
                        vec![unpulled("hello-2-c")]
                    },
                })),
            };
            walk.asked(question, self.now);
            walk.heard(heard, self.now, &mut self.log);
        }
        !ask.is_empty()
    }

    /// No answer comes to a write, and whoever reads again finds a newer run's record.
    fn leave_unanswered(&mut self, order: &Order, arrives: bool, walk: &mut Walk) {
        let before = self.knative.world(self.now).clone();
        if arrives {
            self.knative.take(order, &mut Deaf, self.now, &mut Log::default());
        }
        let written = Written::Unsure(ApiError::Unreachable("no answer within 10s".into()));
        self.log.say(Topic::Api, "not sure whether the write took effect; looking");
        walk.written(&written, &before, self.now, &mut self.log);
        walk.unanswered(order.record.as_ref().unwrap(), &before);
        self.begin_another();
    }

    /// Lets the machine go on until it waits beyond `until`, or ends.
    pub(super) fn run(&mut self, walk: &mut Walk, until: Timestamp) {
        for _ in 0..20_000 {
            if self.done {
                self.pass(until);
                return;
            }
            let next = walk.decide(self.knative.world(self.now), self.now, &mut self.log);
            self.say();
            let again = walk.decide(self.knative.world(self.now), self.now, &mut self.log);
            assert_eq!(next, again, "asked twice, it says another thing:\n{}", self.out);
            assert_eq!(self.log.take(), [], "asked twice, it says more:\n{}", self.out);
            if let Next::Wait { until: Some(until), .. } = &next {
                assert!(*until > self.now, "it waits for {until}, which is past, at {}:\n{}", self.now, self.out);
            }
            if self.answer(walk, &next) {
                continue;
            }
            match next {
                Next::Write(order) => match self.unanswered.take() {
                    Some(arrives) => self.leave_unanswered(&order, arrives, walk),
                    None => self.knative.take(&order, walk, self.now, &mut self.log),
                },
                Next::Bound(order) => self.knative.take_bound(&order, walk, self.now, &mut self.log),
                Next::Wait { until: Some(wake), .. } if wake <= until => self.pass(wake),
                Next::Wait { .. } => {
                    self.pass(until);
                    return;
                }
                Next::End(outcome) => {
                    let line = format!("exit {} ({}): {}", outcome.code.number(), outcome.word, outcome.line());
                    self.line("end", &line);
                    self.events.extend(Moment::of_end(&outcome).map(|moment| (moment, outcome.line())));
                    self.done = true;
                }
                // Nobody suspends it.
                Next::Look(Look::Namespace) => {
                    let said = NamespaceSaid { at: self.now, suspended: None, unread: false };
                    self.knative.world(self.now).namespace_said = Some(said);
                }
                Next::Look(_) | Next::Create(_) => panic!("a walk of its own run has nothing to look up"),
            }
        }
        panic!("the machine never waits:\n{}", self.out);
    }
}

/// A process that hears nothing.
struct Deaf;

impl Machine for Deaf {
    fn decide(&mut self, _: &World, _: Timestamp, _: &mut Log) -> Next {
        Next::wait(None)
    }
    fn written(&mut self, _: &Written, _: &World, _: Timestamp, _: &mut Log) {}
    fn give_up(&self, _: &World, _: GiveUp) -> Outcome {
        Outcome::new(Code::Internal, "it only writes")
    }
}

/// A pod whose container ended with 3 so many times.
fn pod(name: &str, restarts: u64) -> Value {
    let last = if restarts > 0 { json!({"terminated": {"exitCode": 3, "reason": "Error"}}) } else { json!({}) };
    json!({"metadata": {"name": name}, "status": {"containerStatuses": [{"name": "user-container",
        "restartCount": restarts, "state": {"running": {}}, "lastState": last}]}})
}

/// A pod whose image cannot be pulled.
fn unpulled(name: &str) -> Value {
    json!({"metadata": {"name": name}, "status": {"containerStatuses": [{"name": "user-container", "restartCount": 0,
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"shop/hello:2\""}}}]}})
}

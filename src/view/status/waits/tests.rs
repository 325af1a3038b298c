use super::super::samples::{asked_by_kim, at, explained, walking, with};
use super::*;
use crate::evidence::Rules;
use crate::evidence::probe::Answer;
use crate::evidence::probe::Probe;
use crate::evidence::reading::Counters;
use crate::evidence::reading::Pair;
use crate::evidence::reading::Reading;
use crate::machine::claim::Asker;
use crate::machine::claim::IfBusy;
use crate::machine::next::Heard;
use crate::machine::next::Machine;
use crate::machine::next::Next;
use crate::machine::next::Question;
use crate::machine::next::Written;
use crate::machine::standing::Claimant;
use crate::machine::walk::Walk;
use crate::machine::walk::WalkGoal;
use crate::machine::world::NamespaceSaid;
use crate::model::event::Log;
use crate::model::outcome::Code;
use crate::rollout::capacity::CapacityMode;
use crate::rollout::control::ControlRequest;
use crate::rollout::declaration::read::Stated;
use crate::rollout::declaration::suspend::Suspended;
use crate::rollout::goal::{CapacityGoal, Goal, GoalOptions, WalkOptions};
use crate::rollout::plan::PlanOptions;
use crate::rollout::plan::Style;
use crate::rollout::record::RolloutGoal;
use crate::view::status::explain;
use crate::view::status::samples::called;
use crate::view::status::samples::world;
use serde_json::{Value, json};
use std::time::Duration;

mod held;

fn waits(record: &Record, control: Option<&Control>) -> Waits {
    explained(&with(record, record.generation), control).rollout.unwrap().waits.unwrap()
}

#[test]
fn the_next_move_is_due_when_the_dwell_after_serving_is_over() {
    let waits = waits(&walking(), None);
    // Step written at 10, served by the Route's word at 12 (whole seconds, so 13), dwell 120.
    assert_eq!((waits.kind, waits.next_step, waits.until), ("time", Some(2), Some(at(133))));
    assert!(!waits.needs_approval);
}

#[test]
fn an_approval_is_named_with_its_command() {
    let mut record = walking();
    record.step = 2;
    let early = waits(&record, None);
    assert_eq!((early.kind, early.needs_approval), ("time", true));
    record.approval_since = Some(at(100));
    let now = waits(&record, None);
    assert_eq!(now.kind, "approval");
    assert_eq!(now.until, Some(at(1900)));
    assert_eq!(now.command.unwrap(), "andante control approve hello -n demo --rollout r1 --step 3");
    let mut control = Control::of(record.id.clone());
    control.approved.push(crate::rollout::control::Approval { step: 3, request: asked_by_kim() });
    assert!(!waits(&record, Some(&control)).needs_approval);
}

#[test]
fn people_come_before_time() {
    let record = walking();
    let mut control = Control::of(record.id.clone());
    control.promote = Some(asked_by_kim());
    let promoted = waits(&record, Some(&control));
    assert_eq!((promoted.next_step, promoted.until), (Some(3), Some(at(13))));
    control.pause = Some(asked_by_kim());
    assert_eq!(waits(&record, Some(&control)).text, "somebody to resume: paused by kim");
    control.abort = Some(asked_by_kim());
    assert_eq!(waits(&record, Some(&control)).kind, "rollback");
}

#[test]
fn a_suspended_service_waits_for_whoever_suspended_it() {
    let mut object = with(&walking(), 5);
    object["metadata"]["annotations"]["andante.dev/suspend"] = json!("a sale");
    let of = |object: &Value| explained(object, None).rollout.unwrap().waits.unwrap();
    assert_ne!(of(&object).kind, "suspended", "nobody is in charge");
    object["metadata"]["annotations"]["andante.dev/pipeline"] = json!("build-it");
    let waits = of(&object);
    assert_eq!(
        (waits.kind, waits.text.as_str()),
        ("suspended", "somebody to take andante.dev/suspend away: suspended: a sale")
    );
    assert_eq!(waits.command.as_deref(), Some("kubectl annotate ksvc hello -n demo andante.dev/suspend-"));
    // So may its namespace, whose word comes after its own.
    object["metadata"]["annotations"]["andante.dev/suspend"] = json!("false");
    let mut world = world(&object, None);
    let suspended = Suspended::read("true").unwrap();
    world.namespace_said = Some(NamespaceSaid { at: at(50), suspended, unread: false });
    let waits = explain(&world, &called(), at(60)).unwrap().rollout.unwrap().waits.unwrap();
    assert_eq!(waits.text, "somebody to take andante.dev/suspend away from its namespace: suspended");
    assert_eq!(waits.command.as_deref(), Some("kubectl annotate namespace demo andante.dev/suspend-"));
}

/// A walk that is watched from outside: the real machine on a Service that serves every split at once, and what
/// `status` says of it in the meantime.
struct Watched {
    walk: Walk,
    object: Value,
    control: Option<Control>,
    now: i64,
    /// What the candidate's own address answers.
    status: u16,
}

impl Watched {
    fn new(record: &Record, judge: Option<Rules>, probe: Option<Probe>) -> Self {
        let asker = Asker { owner: record.owner.clone(), intent: record.intent, if_busy: IfBusy::Fail, force: false };
        let capacity = CapacityGoal { mode: CapacityMode::Off, ..CapacityGoal::default() };
        let options = WalkOptions { probe, judge, restarts: None, capacity, ..WalkOptions::default() };
        let options = GoalOptions { service: "hello".parse().unwrap(), candidate: None, walk: Some(options) };
        let goal = WalkGoal::of(&Goal::new(options).unwrap(), &"demo".parse().unwrap(), true).unwrap();
        let goal = WalkGoal { plan: record.plan.clone().unwrap(), ..goal };
        let asked = record.goal.as_ref().map(|goal| goal.asked.clone());
        let walk = Walk::new(goal, Claimant::new(asker, record.writer.clone()).against(asked));
        Self { walk, object: with(record, record.generation), control: None, now: 12, status: 200 }
    }

    fn world(&self) -> World {
        world(&self.object, self.control.as_ref())
    }

    /// What `status` says now.
    fn waits(&self) -> Waits {
        explain(&self.world(), &called(), at(self.now)).unwrap().rollout.unwrap().waits.unwrap()
    }

    /// A thousand healthy requests a second, as the split tells.
    fn reading(&self) -> Reading {
        let seconds = u64::try_from(self.now).unwrap();
        let counters =
            |n: u64| Counters { sent: Some(n), active: Some(0), completed: n, failed: 0, ..Counters::default() };
        let share = self.world().record().unwrap().unwrap().split.share(&"hello-00002".parse().unwrap());
        let candidate = seconds * 10 * u64::from(share.get());
        let pair = Pair { stable: Some(counters(seconds * 1000 - candidate)), candidate: Some(counters(candidate)) };
        Reading { at: at(self.now), strata: [("g".to_owned(), pair)].into() }
    }

    /// What is asked at this second is answered, and what is written is served; the step that was taken, if one was.
    fn second(&mut self) -> Option<usize> {
        let mut log = Log::default();
        for _ in 0..10 {
            match self.walk.decide(&self.world(), at(self.now), &mut log) {
                Next::Wait { ask, .. } if ask.is_empty() => break,
                Next::Wait { ask, .. } => {
                    for question in ask {
                        let heard = match &question {
                            Question::Probe(_) => Heard::Probe(Answer::Http {
                                status: self.status,
                                headers: vec![],
                                body: String::new(),
                                latency: Duration::ZERO,
                            }),
                            Question::Reading(_) => Heard::Reading(Ok(self.reading())),
                            Question::Gate(_) | Question::Counters(_) | Question::Pods { .. } => {
                                panic!("no gate was named")
                            }
                        };
                        self.walk.asked(&question, at(self.now));
                        self.walk.heard(heard, at(self.now), &mut log);
                    }
                }
                Next::Write(order) => {
                    let step = self.world().record().unwrap().unwrap().step;
                    let record = order.record.clone().unwrap();
                    self.object = with(&record, record.generation);
                    let since = at(self.now).to_string();
                    self.object["status"]["conditions"][0]["lastTransitionTime"] = json!(since);
                    self.walk.written(&Written::Yes, &self.world(), at(self.now), &mut log);
                    if record.step != step {
                        return Some(record.step);
                    }
                }
                other => panic!("at {}: {other:?}", self.now),
            }
        }
        self.now += 1;
        None
    }

    /// Lets time pass to this second, without a step.
    fn until(&mut self, second: i64) {
        while self.now < second {
            assert_eq!(self.second(), None, "no step before second {second}");
        }
    }

    /// Plays until the next step is taken; what `status` said just before, when it was taken, and which it was.
    fn next_step(&mut self) -> (Waits, i64, usize) {
        for _ in 0..3000 {
            let said = self.waits();
            if let Some(step) = self.second() {
                return (said, self.now, step);
            }
        }
        panic!("no step within 3000 s");
    }

    fn paused(&mut self, second: i64) {
        let mut control = Control::of("r1".parse().unwrap());
        control.pause = Some(ControlRequest { at: at(second), ..asked_by_kim() });
        self.control = Some(control);
    }
}

fn probe() -> Probe {
    Probe {
        path: "/healthz".into(),
        status: None,
        body: None,
        header: None,
        max_latency: None,
        passes: 1,
        failures: 3,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        patience: Duration::from_secs(60),
    }
}

#[test]
fn a_plain_step_is_taken_when_and_as_it_was_said() {
    let mut watched = Watched::new(&walking(), None, None);
    watched.now = 13;
    let (said, taken, step) = watched.next_step();
    assert_eq!((said.next_step, said.up_to_step, said.until), (Some(step), Some(step), Some(at(taken))));
}

#[test]
fn a_step_with_a_time_of_its_own_and_the_rest_after_a_bake_are_taken_when_and_as_it_was_said() {
    let mut record = walking();
    let steps = vec!["1@4m".parse().unwrap(), "50@30s".parse().unwrap()];
    let keep_stable = 5.try_into().unwrap();
    record.plan = Some(Plan::new(&PlanOptions { steps, keep_stable, ..PlanOptions::default() }).unwrap());
    let mut watched = Watched::new(&record, None, None);
    let mut came = watched.now;
    for (number, stays, after) in [(2, 240, "the dwell"), (3, 30, "the dwell"), (4, 300, "the bake")] {
        let (said, taken, step) = watched.next_step();
        assert_eq!((step, said.next_step, said.up_to_step), (number, Some(number), Some(number)));
        assert!(said.text.ends_with(&format!("after {after} and its gates")), "{}", said.text);
        // Knative's condition carries whole seconds and is rounded up.
        assert!(
            (stays..=stays + 2).contains(&(taken - came)) && at(taken + 1) >= said.until.unwrap(),
            "{taken}: {said:?}"
        );
        came = taken;
    }
    let end = watched.waits();
    assert_eq!((end.text.as_str(), end.next_step), ("the end, after the bake and its gates", None));
    assert!(end.until.unwrap() <= at(came + 2), "it does not bake once more: {end:?}");
}

#[test]
fn after_a_resume_the_step_is_taken_when_it_was_said() {
    let mut watched = Watched::new(&walking(), None, None);
    watched.until(40);
    watched.paused(40);
    watched.until(90);
    assert_eq!(watched.waits().kind, "resume");
    let control = watched.control.as_mut().unwrap();
    control.pause = None;
    control.resumed = Some(ControlRequest { at: at(90), ..asked_by_kim() });
    let (said, taken, step) = watched.next_step();
    assert_eq!((said.until, said.next_step), (Some(at(taken)), Some(step)));
    assert_eq!(taken, 90 + 120, "the dwell began anew");
}

#[test]
fn after_a_failed_probe_the_step_is_taken_no_earlier_than_was_said_and_the_wait_is_explained() {
    let mut watched = Watched::new(&walking(), None, Some(probe()));
    watched.until(60);
    watched.status = 500;
    watched.until(66);
    watched.status = 200;
    let said = watched.waits().until.unwrap();
    watched.until(140);
    let status = explain(&watched.world(), &called(), at(watched.now)).unwrap();
    let line =
        super::super::lines::lines(&status, at(watched.now)).into_iter().find(|l| l.starts_with("waits for")).unwrap();
    assert!(line.ends_with("a gate or a failed probe holds it"), "{line}");
    let (_, taken, step) = watched.next_step();
    assert!(at(taken) > said && step == 2, "said {said}, taken at {taken}");
}

#[test]
fn a_walk_by_budget_goes_no_further_and_no_earlier_than_was_said() {
    let mut record = walking();
    let plan = PlanOptions {
        style: Style::Budget,
        steps: vec![],
        dwell: Some(Duration::from_secs(30)),
        bake: Some(Duration::from_secs(300)),
        keep_stable: Percent::ZERO,
        to: Percent::FULL,
        approve: vec![],
        approval_timeout: Duration::from_secs(1800),
    };
    record.plan = Some(Plan::new(&plan).unwrap());
    let mut watched = Watched::new(&record, Some(Rules::default()), None);
    let mut passed_over = 0;
    for _ in 0..12 {
        let before = watched.world().record().unwrap().unwrap().step;
        let (said, taken, step) = watched.next_step();
        let (first, last) = (said.next_step.unwrap(), said.up_to_step.unwrap());
        assert!((first..=last).contains(&step), "step {step} was taken, {first} to {last} were said: {}", said.text);
        // The walk saw its split served itself; Knative's condition carries whole seconds and is rounded up.
        assert!(at(taken + 1) >= said.until.unwrap(), "step {step} was taken at {taken}: {said:?}");
        passed_over += step - before - 1;
        if step == record.plan.as_ref().unwrap().steps.len() {
            assert!(passed_over > 0, "the walk passed no step over, so this shows nothing");
            return;
        }
    }
    panic!("no end");
}

#[test]
fn an_approval_that_a_walk_by_budget_waits_for_is_named() {
    let mut record = walking();
    let plan = PlanOptions { style: Style::Budget, approve: vec![10.try_into().unwrap()], ..PlanOptions::default() };
    let plan = Plan::new(&plan).unwrap();
    let at_ten = plan.steps.iter().position(|s| s.approval).unwrap() + 1;
    record.plan = Some(plan);
    let before = waits(&record, None);
    assert!(before.text.contains("at most step 6 (10 %), which needs an approval"), "{}", before.text);
    assert!(!before.needs_approval && before.up_to_step == Some(at_ten));
    record.approval_since = Some(at(100));
    let now = waits(&record, None);
    assert_eq!((now.kind, now.next_step, now.needs_approval), ("approval", Some(at_ten), true));
    assert_eq!(now.command.unwrap(), "andante control approve hello -n demo --rollout r1 --step 6");
}

#[test]
fn a_persons_clock_that_runs_ahead_puts_nothing_off() {
    let mut control = Control::of("r1".parse().unwrap());
    control.resumed = Some(ControlRequest { at: at(6000), ..asked_by_kim() });
    assert_eq!(waits(&walking(), Some(&control)).until, Some(at(60 + 120)));
}

#[test]
fn after_a_foreign_edit_nobody_is_waited_for() {
    let mut object = with(&walking(), 9);
    object["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
    object["metadata"]["annotations"]["serving.knative.dev/lastModifier"] = json!("kim");
    let waits = explained(&object, None).rollout.unwrap().waits.unwrap();
    assert_eq!((waits.kind, waits.next_step, waits.until), ("nobody", None, None));
    assert_eq!(waits.text, "nobody: kim changed the traffic, and the walk writes nothing more");
    let mut watched = Watched::new(&walking(), None, None);
    watched.object = object;
    let next = watched.walk.decide(&watched.world(), at(60), &mut Log::default());
    assert!(matches!(next, Next::End(outcome) if outcome.code == Code::TakenOver));
}

#[test]
fn what_is_declared_meanwhile_is_noted_as_the_walk_takes_it() {
    let declared = |record: &Record, pipeline: &str, traffic: &str| {
        let mut object = with(record, record.generation);
        object["metadata"]["annotations"]["andante.dev/pipeline"] = json!(pipeline);
        object["metadata"]["annotations"]["andante.dev/traffic"] = json!(traffic);
        object
    };
    let mut record = walking();
    let goal = Stated::of_json(&declared(&record, "build-it", "100")).read().unwrap().id;
    record.goal = Some(RolloutGoal { asked: goal.clone(), declared: goal });
    let mut watched = Watched::new(&record, None, None);
    let notes = |watched: &Watched| explain(&watched.world(), &called(), at(watched.now)).unwrap().notes;
    watched.object = declared(&record, "build-it", "100");
    watched.until(60);
    assert_eq!(notes(&watched), [""; 0], "it is the goal");
    // A slip: no step for as long as it stands there, though the dwell is over.
    watched.object = declared(&record, "build-it", "0");
    watched.until(300);
    let said = notes(&watched).concat();
    assert!(said.contains("cannot be read") && said.ends_with("takes no step until it can be read"), "{said}");
    watched.object = declared(&record, "another", "100");
    let said = notes(&watched).concat();
    assert!(said.contains("by now") && said.ends_with("a walk for that goal takes users back"), "{said}");
    match watched.walk.decide(&watched.world(), at(watched.now), &mut Log::default()) {
        Next::Write(order) => assert_eq!(order.record.unwrap().phase, Phase::RolledBack),
        other => panic!("{other:?}"),
    }
}

mod lives;

use super::super::declared::Declaration;
use super::super::samples::object;
use super::*;
use crate::rollout::declaration::read::Stated;
use crate::rollout::owner::{Owner, OwnerKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NOW: &str = "2026-11-30T04:00:00Z";

/// One Service, and what is known beside it.
struct Scene {
    object: Value,
    runs: Vec<RunSeen>,
    again: bool,
    suspended: Option<Suspended>,
}

impl Scene {
    fn new(annotations: Value) -> Self {
        Self { object: object(annotations), runs: Vec::new(), again: false, suspended: None }
    }

    fn declared(&self) -> Result<Declaration, Vec<Fault>> {
        Stated::of_json(&self.object).read()
    }

    fn goal(&self) -> GoalStatus {
        let goal = Some(self.declared().unwrap().id);
        let reason = "what serves is what is declared: nothing had to be started".to_owned();
        GoalStatus { goal, ..GoalStatus::new(GoalPhase::Reached, reason, NOW.parse().ok()) }
    }

    fn annotate(&mut self, name: &str, value: &str) {
        self.object["metadata"]["annotations"][name] = json!(value);
    }

    fn mark(&mut self, status: &GoalStatus) {
        let uid = self.object["metadata"]["uid"].as_str().unwrap().to_owned();
        self.annotate(GOAL_STATUS, &status.text(&uid));
    }

    fn seen(&mut self, name: &RunName, state: RunState) {
        self.runs = vec![RunSeen { name: name.clone(), state }];
    }

    fn decide(&self) -> StartDecision {
        let service = Service::from_json(&self.object).unwrap();
        decide(&StartQuestion {
            service: &service,
            declared: &self.declared(),
            namespace: &"shop".parse().unwrap(),
            namespace_suspends: self.suspended.as_ref(),
            runs: &self.runs,
            table: &Ok(RunTable::shipped()),
            again: self.again,
            now: NOW.parse().unwrap(),
        })
    }

    fn idle(&self) -> String {
        match self.decide() {
            StartDecision::Nothing(idle) => idle.words("hello"),
            other => panic!("{other:?}"),
        }
    }

    /// The run that is to be made, and what is noted once it is.
    fn started(&self) -> (RunName, GoalStatus) {
        match self.decide() {
            StartDecision::Start(making, notes) => (making.name, notes.after),
            other => panic!("{other:?}"),
        }
    }

    /// What is noted before it is.
    fn named(&self) -> GoalStatus {
        match self.decide() {
            StartDecision::Start(_, notes) => notes.before.expect("it is not named yet"),
            other => panic!("{other:?}"),
        }
    }

    fn marks(&self) -> GoalStatus {
        match self.decide() {
            StartDecision::Mark(status, _) => status,
            other => panic!("{other:?}"),
        }
    }
}

fn with(params: &str) -> Scene {
    Scene::new(json!({"andante.dev/pipeline": "p", "andante.dev/params": params}))
}

#[test]
fn what_serves_at_the_first_look_is_reached() {
    let mut scene = with("{}");
    let status = scene.marks();
    assert_eq!(status, scene.goal());
    scene.mark(&status);
    assert_eq!(scene.idle(), "hello has reached its goal, so nothing is started");
    // An edit made before the first look is started; one that Knative is at is looked at again.
    let mut edited = with("{}");
    edited.object["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
    edited.object["status"]["latestCreatedRevisionName"] = json!("hello-00002");
    assert!(edited.started().0.as_str().starts_with("hello-"));
    edited.object["status"]["observedGeneration"] = json!(1);
    assert!(edited.idle().contains("has not taken up hello"), "{}", edited.idle());
    // What is built first does not wait for an image that will never be there.
    edited.annotate("andante.dev/source", "https://git.example.com/hello.git");
    edited.object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("placeholder.invalid/hello");
    edited.started();
}

#[test]
fn another_goal_is_started_once_and_marked() {
    let mut scene = with("{a: x}");
    scene.mark(&GoalStatus { goal: Some("0123456789ab".parse().unwrap()), ..scene.goal() });
    let (name, status) = scene.started();
    assert_eq!(status.goal, Some(scene.declared().unwrap().id));
    assert_eq!(status.reason, format!("Pipeline p (tekton.dev/v1) was started as PipelineRun {name}"));
    assert_eq!(scene.started().0, name, "whoever asks at the same moment names the same");
    // Named, and whoever did so was ended before it was made: whatever else is asked, it is made under that name.
    let named = scene.named();
    assert_eq!((named.made, named.run.as_ref().map(|run| &run.name)), (false, Some(&name)));
    scene.mark(&named);
    for again in [false, true] {
        scene.again = again;
        let StartDecision::Start(making, notes) = scene.decide() else { panic!("{:?}", scene.decide()) };
        assert_eq!((making.name, notes), (name.clone(), StartNotes { before: None, after: status.clone() }));
        // Made, and ended before that was noted.
        scene.seen(&name, RunState::Running);
        let marked = scene.marks();
        assert_eq!((marked.made, marked.phase, &marked.run), (true, GoalPhase::Started, &status.run));
        scene.runs.clear();
    }
    scene.again = false;
    // A slip that is mended forgets nothing of it.
    scene.annotate("andante.dev/traffic", "0");
    let StartDecision::Post(_, Some(slip)) = scene.decide() else { panic!("{:?}", scene.decide()) };
    scene.mark(&slip);
    scene.object["metadata"]["annotations"].as_object_mut().unwrap().remove("andante.dev/traffic");
    assert_eq!(scene.started().0, name);
    scene.seen(&name, RunState::Running);
    scene.mark(&status);
    assert_eq!(scene.idle(), format!("PipelineRun {name} was started for this goal of hello, and runs"));
    scene.runs.clear();
    assert_eq!(
        scene.idle(),
        format!("PipelineRun {name} was started for this goal of hello"),
        "a run that is gone is not made again"
    );
    scene.seen(&name, RunState::Failed("Failed: x".into()));
    let failed = scene.marks();
    assert_eq!((failed.phase, failed.reason.as_str()), (GoalPhase::Failed, "its run failed: Failed: x"));
    scene.mark(&failed);
    assert!(scene.idle().ends_with("and failed: Failed: x"));
    scene.runs.clear();
    assert!(scene.idle().contains("was started"), "what was seen of its end stays");
}

#[test]
fn another_run_is_asked_for_in_two_ways() {
    let mut scene = with("{a: x}");
    scene.mark(&GoalStatus { goal: Some("0123456789ab".parse().unwrap()), ..scene.goal() });
    let (first, status) = scene.started();
    scene.mark(&status);
    scene.again = true;
    scene.seen(&first, RunState::Running);
    assert_eq!(
        scene.idle(),
        format!("PipelineRun {first} of this goal of hello has not ended, so no other one is started")
    );
    scene.seen(&first, RunState::Failed(String::new()));
    let (second, status) = scene.started();
    assert_ne!(first, second);
    scene.mark(&status);
    assert_ne!(scene.started().0, second, "a third one");
    // By an annotation: each word once.
    scene.again = false;
    scene.runs.clear();
    scene.annotate(ASKED_AGAIN, "try 2");
    let (third, status) = scene.started();
    assert_eq!(status.again.as_deref(), Some("try 2"));
    scene.mark(&status);
    assert!(scene.idle().contains(third.as_str()));
    scene.annotate(ASKED_AGAIN, "try 3");
    scene.started();
    // A word that stands there already asks for nothing when the goal changes.
    let mut other = with("{a: w}");
    other.annotate(ASKED_AGAIN, "old");
    let status = other.marks();
    other.mark(&status);
    assert!(other.idle().contains("has reached"));
    // Reached without a run, and one is wanted all the same.
    other.again = true;
    other.started();
}

#[test]
fn nothing_is_started_where_nobody_is_to_act() {
    assert!(Scene::new(json!({})).idle().contains("names nobody who is in charge (andante.dev/pipeline)"));
    let outside =
        Scene::new(json!({"andante.dev/pipeline": "ExternalOperation", "serving.knative.dev/lastModifier": "argo"}));
    assert_eq!(
        outside.idle(),
        "hello is operated from outside (andante.dev/pipeline is ExternalOperation): whoever does that (last changed by argo) \
         is expected to act, and nothing is started"
    );
    let mut scene = with("{}");
    scene.annotate("andante.dev/suspend", "a sale");
    assert_eq!(scene.idle(), "hello is suspended by andante.dev/suspend of it (a sale), so nothing is started");
    let mut scene = with("{}");
    scene.suspended = Some(Suspended { reason: None });
    scene.again = true;
    assert_eq!(scene.idle(), "hello is suspended by andante.dev/suspend of its namespace, so nothing is started");
    let mut scene = with("{}");
    scene.object["metadata"]["deletionTimestamp"] = json!(NOW);
    assert_eq!(scene.idle(), "hello is being deleted, so nothing is started");
}

#[test]
fn a_slip_is_posted_once_and_starts_nothing_when_it_is_mended() {
    let mut scene = with("{a: x}");
    let before = GoalStatus { run: Some(StartedRun { kind: None, name: "hello-1".parse().unwrap() }), ..scene.goal() };
    scene.mark(&before);
    scene.annotate("andante.dev/traffic", "0");
    let StartDecision::Post(faults, Some(status)) = scene.decide() else { panic!("{:?}", scene.decide()) };
    assert_eq!(faults.len(), 1);
    assert_eq!((&status.goal, &status.run, status.phase), (&before.goal, &before.run, GoalPhase::Unreadable));
    assert!(status.reason.contains("andante.dev/traffic"), "{}", status.reason);
    scene.mark(&status);
    let StartDecision::Post(_, None) = scene.decide() else { panic!("it is said already") };
    scene.object["metadata"]["annotations"].as_object_mut().unwrap().remove("andante.dev/traffic");
    let mended = scene.marks();
    assert_eq!((&mended.goal, &mended.run, mended.phase), (&before.goal, &before.run, GoalPhase::Started));
    // An unknown kind is one as well, and shows the row to add.
    let unknown = Scene::new(
        json!({"andante.dev/pipeline": "a.dev/v1/Flow/f", "andante.dev/goal-status": "{\"phase\":\"started\",\"goal\":\"0123456789ab\"}"}),
    );
    let StartDecision::Post(faults, Some(_)) = unknown.decide() else { panic!("{:?}", unknown.decide()) };
    assert!(faults[0].allowed.contains("{apiVersion: a.dev/v1, kind: Flow, makes: CustomRun}"), "{}", faults[0]);
    // Nothing of ours stands on a Service that declares nothing.
    let mut bare = Scene::new(json!({"andante.dev/rollout": "{}"}));
    bare.object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("placeholder.invalid/x");
    let StartDecision::Post(_, None) = bare.decide() else { panic!("{:?}", bare.decide()) };
}

/// Nobody would build it: it is told, and said on the Service itself.
#[test]
fn a_source_that_nobody_is_in_charge_of_is_posted() {
    let mut scene = Scene::new(json!({"andante.dev/source": "https://git.example.com/hello.git"}));
    let StartDecision::Post(faults, Some(status)) = scene.decide() else { panic!("{:?}", scene.decide()) };
    assert!(faults[0].why.contains("nobody is in charge of building it"), "{}", faults[0]);
    assert_eq!((status.phase, &status.goal, &status.run), (GoalPhase::Unreadable, &None, &None));
    assert!(status.reason.contains("add andante.dev/pipeline"), "{}", status.reason);
    scene.mark(&status);
    let StartDecision::Post(_, None) = scene.decide() else { panic!("it is said already") };
}

#[test]
fn a_garbled_status_ends_nothing() {
    let mut scene = with("{}");
    scene.annotate(GOAL_STATUS, "what?");
    assert_eq!(scene.marks().phase, GoalPhase::Reached);
    scene.object["status"]["traffic"] = json!([{"revisionName": "hello-00000", "percent": 100}]);
    scene.object["spec"]["traffic"] = json!([{"revisionName": "hello-00000", "percent": 100}]);
    let first = scene.started().0;
    scene.annotate(GOAL_STATUS, "who?");
    assert_ne!(scene.started().0, first);
}

#[test]
fn a_goal_that_comes_back_never_meets_a_run_of_before() {
    let mut scene = with("{a: x}");
    let first = scene.marks();
    scene.mark(&first);
    // Named, made, and whoever did so was ended; the owner goes back, and declares the same once more.
    scene.annotate("andante.dev/params", "{a: w}");
    let (given_up, _) = scene.started();
    let named = scene.named();
    scene.mark(&named);
    scene.annotate("andante.dev/params", "{a: x}");
    let (back, status) = scene.started();
    scene.mark(&status);
    scene.annotate("andante.dev/params", "{a: w}");
    let names = [given_up, back, scene.started().0];
    assert_eq!(BTreeSet::from(names.clone()).len(), 3, "{names:?}");
}

#[test]
fn a_copy_of_a_service_was_never_acted_on() {
    let mut scene = with("{a: x}");
    scene.mark(&GoalStatus { goal: Some("0123456789ab".parse().unwrap()), ..scene.goal() });
    let (_, status) = scene.started();
    scene.mark(&status);
    assert!(scene.idle().contains("was started for this goal"));
    // The same object in another place, or restored there: what serves tells, as at any first look.
    scene.object["metadata"]["uid"] = json!("uid-2");
    assert_eq!(scene.marks().phase, GoalPhase::Reached);
    scene.object["spec"]["traffic"] = json!([{"revisionName": "hello-00000", "percent": 100}]);
    scene.object["status"]["traffic"] = scene.object["spec"]["traffic"].clone();
    let (name, fresh) = scene.started();
    assert_ne!(Some(&name), status.run.as_ref().map(|run| &run.name));
    scene.mark(&fresh);
    assert!(scene.idle().contains(name.as_str()));
}

#[test]
fn a_run_that_noted_itself_is_not_started_once_more_for_the_word_that_asked_for_it() {
    let mut scene = with("{a: x}");
    scene.annotate(ASKED_AGAIN, "try 2");
    scene.mark(&GoalStatus { goal: Some("0123456789ab".parse().unwrap()), ..scene.goal() });
    // Whoever started it was ended, and the run wrote first.
    let service = Service::from_json(&scene.object).unwrap();
    let owner = Owner { kind: OwnerKind::PipelineRun, name: "shop/hello-1".into(), uid: "r".into() };
    let goal = scene.declared().unwrap().id;
    scene.mark(&GoalStatus::of_run(&goal, &owner, &service, NOW.parse().unwrap()).unwrap());
    assert_eq!(scene.idle(), "PipelineRun hello-1 was started for this goal of hello");
}

/// What happens to a Service and its followers.
#[derive(Debug, Clone)]
enum Happens {
    /// The owner declares this goal.
    Edit(u8),
    /// Somebody looks and does what is due; killed after so many of its writes: name, make, note.
    Look(usize),
    /// All runs that were noted as made are removed.
    Pruned,
}

proptest! {
    // Each story reads a declaration at every step.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn each_change_of_the_goal_starts_exactly_one_run(
        story in proptest::collection::vec(
            prop_oneof![(0u8..3).prop_map(Happens::Edit), (0usize..4).prop_map(Happens::Look), Just(Happens::Pruned)], 0..40)
    ) {
        let mut scene = with("{goal: '0'}");
        let status = scene.marks();
        scene.mark(&status);
        let (mut goal, mut acted) = (0, 0);
        let mut open: Option<RunName> = None;
        let mut made: Vec<RunName> = Vec::new();
        let (mut named, mut skipped) = (0, 0);
        for happens in story {
            match happens {
                Happens::Edit(to) => {
                    goal = to;
                    scene.annotate("andante.dev/params", &format!("{{goal: '{to}'}}"));
                }
                Happens::Pruned => scene.runs.retain(|run| Some(&run.name) == open.as_ref()),
                Happens::Look(writes) => {
                    if goal != acted && writes > 0 {
                        // One that was named and never made is given up with its goal.
                        skipped += usize::from(open.as_ref().is_some_and(|run| !made.contains(run)));
                        (named, acted, open) = (named + 1, goal, None);
                    }
                    match scene.decide() {
                        StartDecision::Start(making, notes) => {
                            let to_name = usize::from(notes.before.is_some());
                            if let Some(before) = notes.before.filter(|_| writes >= 1) {
                                scene.mark(&before);
                                open = Some(making.name.clone());
                            }
                            if writes > to_name {
                                prop_assert!(!made.contains(&making.name), "{} was there", making.name);
                                made.push(making.name.clone());
                                scene.runs.push(RunSeen { name: making.name, state: RunState::Running });
                            }
                            if writes > to_name + 1 {
                                scene.mark(&notes.after);
                                open = None;
                            }
                        }
                        StartDecision::Mark(status, _) if writes > 0 => {
                            scene.mark(&status);
                            open = None;
                        }
                        _ => {}
                    }
                }
            }
            let waits = usize::from(open.as_ref().is_some_and(|run| !made.contains(run)));
            prop_assert_eq!(made.len() + skipped + waits, named);
        }
    }
}

use super::super::declared::Declaration;
use super::super::run_name::RunName;
use super::super::samples::object;
use super::*;
use crate::rollout::declaration::read::Stated;
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
        GoalStatus { goal, run: None, phase: GoalPhase::Reached, reason, time: Some(NOW.parse().unwrap()), again: None }
    }

    fn annotate(&mut self, name: &str, value: &str) {
        self.object["metadata"]["annotations"][name] = json!(value);
    }

    fn mark(&mut self, status: &GoalStatus) {
        self.annotate(GOAL_STATUS, &status.text());
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

    fn started(&self) -> (RunName, GoalStatus) {
        match self.decide() {
            StartDecision::Start(making, status) => (making.name, status),
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
    // Made, and ended before it was noted.
    scene.seen(&name, RunState::Running);
    assert_eq!(scene.marks(), status);
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

/// What happens to a Service and its followers.
#[derive(Debug, Clone)]
enum Happens {
    /// The owner declares this goal.
    Edit(u8),
    /// Somebody looks and does what is due.
    Look,
    /// Somebody looks, makes the run, and is killed before it is noted.
    Killed,
    /// All runs are removed.
    Pruned,
}

proptest! {
    // Each story reads a declaration at every step.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn each_change_of_the_goal_starts_exactly_one_run(
        story in proptest::collection::vec(
            prop_oneof![(0u8..3).prop_map(Happens::Edit), Just(Happens::Look), Just(Happens::Killed), Just(Happens::Pruned)], 0..40)
    ) {
        let mut scene = with("{goal: '0'}");
        let status = scene.marks();
        scene.mark(&status);
        let (mut goal, mut acted) = (0, 0);
        // Made and not noted since the last note.
        let mut open: BTreeSet<u8> = BTreeSet::new();
        let (mut made, mut there, mut expected) = (0, BTreeSet::new(), 0);
        for happens in story {
            match happens {
                Happens::Edit(to) => {
                    goal = to;
                    scene.annotate("andante.dev/params", &format!("{{goal: '{to}'}}"));
                }
                // A run is there as long as it works, so that only noted ones are removed.
                Happens::Pruned if open.is_empty() => there.clear(),
                Happens::Pruned => {}
                look => {
                    if goal != acted && open.insert(goal) {
                        expected += 1;
                    }
                    let StartDecision::Start(making, status) = scene.decide() else { continue };
                    if there.insert(making.name.clone()) {
                        made += 1;
                    }
                    if matches!(look, Happens::Look) {
                        scene.mark(&status);
                        acted = goal;
                        open.clear();
                    }
                }
            }
            prop_assert_eq!(made, expected);
        }
        let noted = StatusSeen::of(scene.object["metadata"]["annotations"][GOAL_STATUS].as_str());
        prop_assert!(noted.status().is_some());
    }
}

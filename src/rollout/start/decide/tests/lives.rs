//! What stands on a Service where no run is named, and what could not be made.

use super::*;

/// `andante adopt`, or a first look after care was left, says of a goal that it is reached, and names no run.
#[test]
fn a_goal_that_is_declared_after_another_adoption_never_meets_a_run_of_before() {
    let mut scene = with("{a: x}");
    let mut names = BTreeSet::new();
    for at in ["2026-11-30T04:00:00Z", "2026-11-30T05:00:00Z"] {
        scene.annotate("andante.dev/params", "{a: x}");
        let adopted = GoalStatus { time: at.parse().ok(), ..scene.goal() };
        scene.mark(&adopted);
        scene.annotate("andante.dev/params", "{a: w}");
        names.insert(scene.started().0);
    }
    // Nothing stands there after care was left; what is declared then, and does not serve, is another start in another state.
    for generation in [2, 3] {
        let mut bare = with("{a: w}");
        bare.object["spec"]["traffic"] = json!([{"revisionName": "hello-00000", "percent": 100}]);
        bare.object["status"]["traffic"] = bare.object["spec"]["traffic"].clone();
        for place in ["/metadata/generation", "/status/observedGeneration"] {
            *bare.object.pointer_mut(place).unwrap() = json!(generation);
        }
        names.insert(bare.started().0);
    }
    assert_eq!(names.len(), 4, "{names:?}");
}

#[test]
fn what_could_not_be_made_is_said_once_and_made_by_whoever_comes_next() {
    let mut scene = with("{a: x}");
    scene.mark(&GoalStatus { goal: Some("0123456789ab".parse().unwrap()), ..scene.goal() });
    let (name, after) = scene.started();
    let named = scene.named();
    scene.mark(&named);
    let said = |scene: &Scene, why: &str| not_made(&Service::from_json(&scene.object).unwrap(), &after, why);
    let status = said(&scene, "denied: exceeded quota").expect("nothing says so yet");
    assert_eq!((status.phase, status.made), (GoalPhase::Failed, false));
    assert_eq!(status.reason, format!("PipelineRun {name} cannot be made: denied: exceeded quota"));
    scene.mark(&status);
    assert_eq!(said(&scene, "denied: exceeded quota"), None);
    assert!(said(&scene, "not permitted").is_some());
    // It is tried again under its name, without a note before; whoever made it meanwhile is met.
    let StartDecision::Start(making, notes) = scene.decide() else { panic!("{:?}", scene.decide()) };
    assert_eq!((making.name, notes), (name.clone(), StartNotes { before: None, after: after.clone() }));
    scene.seen(&name, RunState::Running);
    let found = scene.marks();
    assert_eq!((found.phase, found.made, &found.run), (GoalPhase::Started, true, &after.run));
}

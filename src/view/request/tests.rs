use super::*;
use crate::model::split::Split;
use crate::rollout::owner::OwnerKind;
use crate::view::status::samples::{asked_by_kim, at, called, walking, with};

fn service(record: &Record, control: Option<&Control>) -> Service {
    let mut object = with(record, 5);
    if let Some(control) = control {
        object["metadata"]["annotations"][CONTROL] = json!(serde_json::to_string(control).unwrap());
    }
    Service::from_json(&object).unwrap()
}

fn wish(action: Action) -> ControlWish {
    ControlWish { action, rollout: None }
}

fn asked(record: &Record, control: Option<&Control>, wish: &ControlWish) -> Result<Steered, Refusal> {
    steer(&service(record, control), record, Liveness::Unknown, wish, "lee", at(60), &called())
}

/// The requests that a patch leaves behind.
fn left(steered: &Steered) -> Control {
    let patch = steered.patch.as_ref().unwrap().as_array().unwrap();
    let last = patch.last().unwrap();
    assert_eq!(last["path"], POINTER);
    serde_json::from_str(last["value"].as_str().unwrap()).unwrap()
}

#[test]
fn a_request_is_written_to_its_own_annotation_and_fenced_by_the_old_text() {
    let mut old = Control::of("r1".parse().unwrap());
    old.pause = Some(asked_by_kim());
    let record = walking();
    let steered = asked(&record, Some(&old), &wish(Action::Promote)).unwrap();
    let patch = steered.patch.clone().unwrap();
    let ops: Vec<_> = patch.as_array().unwrap().iter().map(|o| (&o["op"], &o["path"])).collect();
    assert_eq!(
        serde_json::to_value(ops).unwrap(),
        json!([["test", "/metadata/uid"], ["test", POINTER], ["add", POINTER]])
    );
    assert_eq!(patch[1]["value"], serde_json::to_string(&old).unwrap());
    assert_eq!(left(&steered).pause, old.pause);
    assert!(steered.next.contains("resume"), "{}", steered.next);
}

#[test]
fn no_requests_before_are_tested_as_absent() {
    let patch = asked(&walking(), None, &wish(Action::Pause)).unwrap().patch.unwrap();
    assert_eq!(patch[1], json!({"op": "test", "path": POINTER, "value": null}));
}

#[test]
fn an_absent_map_of_annotations_is_made() {
    let mut bare = service(&walking(), None);
    bare.annotations.clear();
    let patch = patch(&bare, None, &Control::of("r1".parse().unwrap())).unwrap();
    assert_eq!(patch[1], json!({"op": "test", "path": "/metadata/annotations", "value": null}));
    assert_eq!(patch[2], json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
}

#[test]
fn asking_twice_writes_nothing_and_says_so() {
    for (action, words) in [
        (Action::Pause, "pause was asked already by lee"),
        (Action::Abort, "abort was asked already by lee"),
        (Action::Promote, "promote was asked already by lee"),
        (Action::Approve(Some(3)), "step 3 (100 %) was approved already by lee"),
    ] {
        let first = asked(&walking(), None, &wish(action)).unwrap();
        let again = asked(&walking(), Some(&left(&first)), &wish(action)).unwrap();
        assert_eq!(again.patch, None);
        assert!(again.what.starts_with(words), "{}", again.what);
    }
    let resumed = asked(&walking(), None, &wish(Action::Resume)).unwrap();
    assert_eq!((resumed.patch, resumed.what.as_str()), (None, "it was not paused"));
}

#[test]
fn a_pause_is_taken_back() {
    let paused = left(&asked(&walking(), None, &wish(Action::Pause)).unwrap());
    let resumed = asked(&walking(), Some(&paused), &wish(Action::Resume)).unwrap();
    assert_eq!(left(&resumed).pause, None);
    assert!(resumed.what.starts_with("resumed; it was paused by lee"), "{}", resumed.what);
}

#[test]
fn only_a_step_to_come_that_needs_it_is_approved() {
    let refused = |record: &Record, step| asked(record, None, &wish(Action::Approve(step))).unwrap_err();
    let mut record = walking();
    let needs_none = refused(&record, None);
    assert_eq!(needs_none.to_string(), "step 2 (50 %) needs no approval; nothing was written");
    assert_eq!(needs_none.next, "steps to come that need an approval: 3 (100 %)");
    assert!(refused(&record, Some(9)).to_string().contains("the plan has 3 steps"));
    assert!(refused(&record, Some(0)).to_string().contains("no step 0"));
    assert!(refused(&record, Some(1)).to_string().contains("taken already"));
    record.step = 2;
    let approved = asked(&record, None, &wish(Action::Approve(None))).unwrap();
    assert_eq!(approved.what, "step 3 (100 %) approved by lee");
    record.phase = Phase::Held;
    assert!(refused(&record, Some(3)).to_string().contains("its walk has not begun"));
    record.plan = None;
    record.phase = Phase::Staged;
    assert!(refused(&record, Some(1)).next.contains("andante walk hello -n demo"));
}

#[test]
fn another_rollout_or_none_that_is_open_is_refused() {
    let other = ControlWish { action: Action::Abort, rollout: Some("r9".parse().unwrap()) };
    let refusal = asked(&walking(), None, &other).unwrap_err();
    assert_eq!(refusal.to_string(), "the rollout on hello is r1, not r9; nothing was written");
    let mut over = walking();
    over.phase = Phase::RolledBack;
    let refusal = asked(&over, None, &wish(Action::Pause)).unwrap_err();
    assert_eq!(refusal.to_string(), "rollout r1 is over (rolled back); nothing was written");
}

#[test]
fn requests_of_an_earlier_rollout_do_not_survive() {
    let mut old = Control::of("r0".parse().unwrap());
    old.abort = Some(asked_by_kim());
    let steered = asked(&walking(), Some(&old), &wish(Action::Pause)).unwrap();
    let new = left(&steered);
    assert_eq!((new.rollout.to_string().as_str(), new.abort), ("r1", None));
}

#[test]
fn a_staging_obeys_an_abort_itself_and_is_gone_on_with_by_staging() {
    let mut staging = walking();
    staging.phase = Phase::Staging;
    let abort = asked(&staging, None, &wish(Action::Abort)).unwrap();
    assert_eq!((abort.attended, abort.next.as_str()), (true, "the staging goes back as soon as it sees this"));
    assert!(asked(&staging, None, &wish(Action::Pause)).unwrap().next.contains("the walk that follows"));
    staging.deadline = at(30);
    let dead = asked(&staging, None, &wish(Action::Abort)).unwrap();
    assert!(dead.next.contains("the next `andante stage hello -n demo ...`"), "{}", dead.next);
}

#[test]
fn nobody_to_obey_is_said() {
    let mut record = walking();
    record.deadline = at(30);
    let dead = asked(&record, None, &wish(Action::Abort)).unwrap();
    assert!(dead.patch.is_some() && !dead.attended);
    assert!(dead.next.contains("nobody acts on it now") && dead.next.contains("andante settle"), "{}", dead.next);
    let mut rests = walking();
    rests.phase = Phase::Staged;
    let rests = asked(&rests, None, &wish(Action::Abort)).unwrap();
    assert!(!rests.attended && rests.next.contains("nobody walks at the moment"), "{}", rests.next);
    // A run that staged has a walk to come.
    let mut staged = walking();
    (staged.phase, staged.owner.kind) = (Phase::Staged, OwnerKind::PipelineRun);
    let staged = asked(&staged, None, &wish(Action::Abort)).unwrap();
    assert!(staged.attended && staged.next.contains("the next walk of its run"), "{}", staged.next);
}

#[test]
fn a_rollout_that_ctrl_c_stopped_has_nobody_to_obey_and_keeps_its_plan() {
    let mut record = walking();
    (record.phase, record.outcome, record.step) = (Phase::Held, Some(Code::Interrupted), 2);
    for action in [Action::Abort, Action::Pause, Action::Promote, Action::Approve(None)] {
        let steered = asked(&record, None, &wish(action)).unwrap();
        assert!(!steered.attended, "{action:?}");
        for acts in ["`andante walk hello -n demo`", "`andante settle hello -n demo`"] {
            assert!(steered.next.contains(acts), "{}", steered.next);
        }
    }
    record.phase = Phase::Staging;
    let staging = asked(&record, None, &wish(Action::Abort)).unwrap();
    assert!(!staging.attended && staging.next.contains("nobody stages"), "{}", staging.next);
}

/// A process that was killed leaves no trace, so what acts is named all the same.
#[test]
fn an_abort_that_perhaps_nobody_sees_names_what_acts() {
    let steered = asked(&walking(), None, &wish(Action::Abort)).unwrap();
    assert!(steered.attended && steered.next.contains("`andante settle hello -n demo` rolls back"), "{}", steered.next);
}

#[test]
fn after_an_edit_that_ends_the_walk_nothing_is_asked() {
    let mut moved = service(&walking(), None);
    moved.generation += 1;
    moved.split = Ok(Split::all_latest());
    let refused = |service: &Service, record: &Record| {
        steer(service, record, Liveness::Running, &wish(Action::Abort), "lee", at(60), &called()).unwrap_err()
    };
    let refusal = refused(&moved, &walking());
    assert_eq!(refusal.code, Code::Unattended);
    assert!(refusal.to_string().contains("somebody changed the traffic"), "{refusal}");
    assert!(refusal.next.contains("`andante settle hello -n demo`"), "{}", refusal.next);
    // The record of a Service that was deleted and made again.
    let mut anew = service(&walking(), None);
    anew.generation = 1;
    assert!(refused(&anew, &walking()).to_string().contains("made the Service anew"));
}

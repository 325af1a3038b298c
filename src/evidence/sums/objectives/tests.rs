use super::super::Window;
use super::super::tests::{growth, sums};
use super::*;
use crate::evidence::rules::Tail;
use crate::evidence::rules::tests::rules;

/// As many as pods that start cold fail, of 300 requests a second at half of all: the objective is not broken by them, once in the ramp and
/// once in the bake, and a release that fails so often all the time is found by what comes after them.
#[test]
fn just_after_a_step_a_few_failures_break_no_objective() {
    let rules = rules();
    let broken = |just: Option<u64>, windows: &[u64], alone: bool| {
        let mut sums = sums(&rules);
        if alone {
            sums.bake();
            sums.step((100, 0));
        }
        let of_stable = if alone { 0 } else { 1500 };
        for failed in windows {
            sums.just_moved(just);
            sums.add(&[growth(Table::of(1500, of_stable, *failed, 0), None)], Window::Moving, &rules).unwrap();
        }
        (sums.objective(&rules).state == ObjectiveState::Broken, sums.spared(), sums.excused())
    };
    for alone in [false, true] {
        assert_eq!(broken(Some(37), &[37], alone), (false, 37, 0));
        assert_eq!(broken(None, &[37], alone), (true, 0, 0));
        assert_eq!(broken(Some(37), &[37, 37, 37], alone), (true, 37, 0), "in a rollout so many and no more");
        assert!(broken(Some(37), &[300], alone).0, "what fails often is found by the rest");
    }
    let mut ramp = sums(&rules);
    ramp.just_moved(Some(37));
    ramp.add(&[growth(Table::of(1500, 1500, 37, 0), None)], Window::Moving, &rules).unwrap();
    ramp.bake();
    assert_eq!(ramp.spared(), 0, "the last step moves as many users as all before it");
}

/// Twice as many as it allows, which a look at stable left open, goes on to be told at the steps; what only begins there is an incident.
#[test]
fn what_a_look_at_stable_left_open_is_told_by_its_windows() {
    let rules = rules();
    let walk = |before: Option<Counts>| {
        let mut sums = sums(&rules);
        if let Some(seen) = before {
            sums.leans_to_miss(seen);
        }
        let both = growth(Table::of(500, 500, 10, 10), None);
        let states: Vec<_> = (0..40)
            .map(|_| {
                sums.add(std::slice::from_ref(&both), Window::Warm, &rules).unwrap();
                sums.objective(&rules).state
            })
            .collect();
        (sums.missed().copied(), states.contains(&ObjectiveState::Shared), states.last().copied())
    };
    let (missed, shared, last) = walk(Some(Counts::new(1200, 17)));
    assert!(missed.is_some_and(|missed| missed.failed.is_some() && missed.limit(&rules) > 0.05), "{missed:?}");
    assert_eq!((shared, last), (false, Some(ObjectiveState::Kept)));
    assert_eq!(walk(None), (None, true, Some(ObjectiveState::Shared)));
    // It is told of stable alone, and stands in the record.
    let mut sums = sums(&rules);
    sums.leans_to_miss(Counts::new(1200, 17));
    sums.add(&[growth(Table::of(500, 500, 200, 5), None)], Window::Warm, &rules).unwrap();
    assert_eq!(sums.missed(), None);
    let text = serde_json::to_string(&sums).unwrap();
    assert!(text.contains(r#""untold":[1700,22]"#), "{text}");
    assert_eq!(serde_json::from_str::<Sums>(&text).unwrap().untold, Some(Counts::new(1700, 22)));
}

#[test]
fn one_objective_that_is_missed_leaves_the_other_as_it_is() {
    let rules = Rules { tail: Some(Tail { part: 0.01, within: 90_000 }), ..rules() };
    let mut sums = sums(&rules);
    let (failed, slow, within) = (Some(Counts::new(2000, 60)), Some(Counts::new(2000, 90)), Some(90_000));
    sums.misses(Missed { failed: None, slow, within });
    sums.leans_to_miss(Counts::new(1200, 17));
    sums.misses(Missed { failed, slow: None, within: None });
    assert_eq!((sums.missed(), sums.untold), (Some(&Missed { failed, slow, within }), None));
}

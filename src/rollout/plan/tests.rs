//! The plan: styles, wishes that no plan fulfils, and how long it takes.

use super::*;

fn p(value: i64) -> Percent {
    value.try_into().unwrap()
}

fn wish(style: Style, steps: &[i64], to: i64) -> PlanOptions {
    PlanOptions {
        style,
        steps: steps.iter().map(|n| p(*n).into()).collect(),
        dwell: Some(Duration::from_secs(120)),
        bake: Some(Duration::from_secs(300)),
        keep_stable: Percent::ZERO,
        to: p(to),
        approve: vec![],
        approval_timeout: Duration::from_secs(1800),
    }
}

#[test]
fn a_plan_ends_at_the_share_that_a_goal_declares() {
    let cut = |plan: &Plan, share: i64| {
        let cut = plan.ending_at(p(share));
        assert_eq!(cut.ending_at(p(share)), cut, "once is enough");
        let last = cut.steps.last().unwrap().clone();
        (percents(&cut), last.dwell.as_secs(), last.approval, cut.declared, cut.bake.as_secs())
    };
    let canary = Plan::new(&PlanOptions { approve: vec![p(50)], ..wish(Style::Canary, &[], 100) }).unwrap();
    assert_eq!(cut(&canary, 30), (vec![1, 5, 25, 30], 300, false, true, 0));
    assert_eq!(cut(&canary, 50), (vec![1, 5, 25, 50], 300, true, true, 0));
    assert_eq!(cut(&Plan::new(&wish(Style::BlueGreen, &[], 100)).unwrap(), 30), (vec![30], 300, false, true, 0));
    let asked = Plan::new(&PlanOptions { approve: vec![p(100)], ..wish(Style::BlueGreen, &[], 100) }).unwrap();
    assert!(cut(&asked, 30).2, "the switch is to be approved");
    // All users, or less than the share because a person asked to stop there.
    assert_eq!(canary.ending_at(Percent::FULL), canary);
    let held = Plan::new(&wish(Style::Canary, &[], 25)).unwrap();
    assert_eq!(held.ending_at(p(30)), held);
    assert!(held.ending_at(p(25)).declared);
}

fn percents(plan: &Plan) -> Vec<u8> {
    plan.steps.iter().map(|s| s.percent.get()).collect()
}

#[test]
fn styles_have_their_own_steps() {
    for (style, steps) in [
        (Style::Canary, vec![1, 5, 25, 50, 100]),
        (Style::Linear, vec![20, 40, 60, 80, 100]),
        (Style::Budget, vec![1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 100]),
        (Style::BlueGreen, vec![100]),
        (Style::AllAtOnce, vec![100]),
    ] {
        assert_eq!(percents(&Plan::new(&wish(style, &[], 100)).unwrap()), steps);
    }
}

#[test]
fn to_cuts_the_plan() {
    assert_eq!(percents(&Plan::new(&wish(Style::Canary, &[], 30)).unwrap()), [1, 5, 25, 30]);
    assert_eq!(percents(&Plan::new(&wish(Style::Canary, &[10, 20], 100)).unwrap()), [10, 20, 100]);
    assert_eq!(Plan::new(&wish(Style::Canary, &[], 30)).unwrap().to(), p(30));
}

#[test]
fn the_last_step_bakes_instead_of_dwelling() {
    let plan = Plan::new(&wish(Style::Canary, &[50], 100)).unwrap();
    assert_eq!(plan.steps[1].dwell, Duration::ZERO);
    assert_eq!(plan.shortest(), Duration::from_secs(420));
}

#[test]
fn bad_wishes_are_refused() {
    assert_eq!(Plan::new(&wish(Style::Canary, &[5, 5], 100)), Err(BadPlan::Order(p(5), p(5))));
    assert_eq!(Plan::new(&wish(Style::Canary, &[50, 5], 100)), Err(BadPlan::Order(p(50), p(5))));
    assert_eq!(Plan::new(&wish(Style::Canary, &[0, 5], 100)), Err(BadPlan::Zero));
    assert_eq!(Plan::new(&wish(Style::Canary, &[], 0)), Err(BadPlan::To));
    assert_eq!(Plan::new(&wish(Style::BlueGreen, &[5], 100)), Err(BadPlan::OneSwitch("blue-green")));
    let mut approve = wish(Style::Canary, &[], 100);
    approve.approve = vec![p(26)];
    assert!(Plan::new(&approve).unwrap_err().to_string().contains("no step of 26 %"));
}

fn steps(wish: &PlanOptions) -> Vec<(u8, u64, bool)> {
    let plan = Plan::new(wish).unwrap();
    plan.steps.iter().map(|step| (step.percent.get(), step.dwell.as_secs(), step.approval)).collect()
}

fn timed(texts: &[&str]) -> PlanOptions {
    let steps = texts.iter().map(|text| text.parse().unwrap()).collect();
    PlanOptions { steps, ..wish(Style::Canary, &[], 100) }
}

#[test]
fn a_step_may_have_a_time_of_its_own() {
    let asked = timed(&["1", "5@10m", "25", "50@1h", "100"]);
    let of = |seconds: [u64; 4]| {
        let dwells = [1, 5, 25, 50].into_iter().zip(seconds).map(|(percent, dwell)| (percent, dwell, false));
        dwells.chain([(100, 0, false)]).collect::<Vec<_>>()
    };
    assert_eq!(steps(&asked), of([120, 600, 120, 3600]));
    assert_eq!(Plan::new(&asked).unwrap().shortest().as_secs(), 120 + 600 + 120 + 3600 + 300);
    assert_eq!(Plan::new(&asked).unwrap().shortest_after(3).as_secs(), 3600 + 300);
    // Where a walk stops, users stay as long as at a step; a goal's share is watched for the bake at least.
    assert_eq!(steps(&PlanOptions { to: p(5), ..asked.clone() }), [(1, 120, false), (5, 600, false)]);
    assert_eq!(Plan::new(&asked).unwrap().ending_at(p(50)).step(4).unwrap().dwell.as_secs(), 3600);
    // By the budget a step is stayed at as long as it says, if the evidence stops there.
    let budget = Plan::new(&PlanOptions { style: Style::Budget, ..asked }).unwrap();
    assert_eq!(budget.shortest().as_secs(), 3600 + 300, "all but the last one before the bake may be passed over");
}

#[test]
fn the_last_step_has_no_time_but_the_bake() {
    for bad in [&["5", "100@1h"][..], &["100@1h"]] {
        let error = Plan::new(&timed(bad)).unwrap_err();
        assert_eq!(error, BadPlan::LastTime(100));
        assert!(error.to_string().contains("--bake"), "{error}");
        assert!(Plan::new(&PlanOptions { to: p(50), ..timed(bad) }).is_err(), "wherever it stops");
    }
    let kept = PlanOptions { keep_stable: p(5), ..timed(&["5", "95@1h"]) };
    assert_eq!(Plan::new(&kept), Err(BadPlan::LastTime(95)));
    assert_eq!(Plan::new(&timed(&["5@1m", "5@2m"])), Err(BadPlan::Order(p(5), p(5))), "a step twice");
    assert_eq!(Plan::new(&timed(&["0@1m", "5"])), Err(BadPlan::Zero));
}

fn keeping(style: Style, steps: &[i64], percent: i64) -> PlanOptions {
    PlanOptions { keep_stable: p(percent), ..wish(style, steps, 100) }
}

#[test]
fn stable_may_keep_a_part_for_the_bake() {
    let plan = Plan::new(&keeping(Style::Canary, &[10, 50], 5)).unwrap();
    assert_eq!(percents(&plan), [10, 50, 95, 100]);
    assert_eq!((plan.bakes_at(), plan.before_bake(), plan.to()), (Some(3), 2, Percent::FULL));
    assert_eq!(
        [2, 3, 4].map(|n| (plan.is_past_proof(n), plan.closes(n))),
        [(false, false), (true, false), (true, true)]
    );
    assert_eq!([0, 2, 3, 4].map(|n| plan.promoted_to(n)), [3, 3, 4, 4]);
    assert_eq!([0, 2, 3, 4].map(|n| plan.shortest_after(n).as_secs()), [540, 300, 0, 0], "one bake");
    let all = Plan::new(&wish(Style::Canary, &[10, 50], 100)).unwrap();
    assert_eq!((plan.without_kept(), all.without_kept()), (all.clone(), all.clone()));
    assert_eq!((all.bakes_at(), all.before_bake(), all.closes(3)), (Some(3), 2, false));
    assert_eq!([0, 2, 3].map(|n| all.promoted_to(n)), [3, 3, 3]);
    // A step of the same share is the one that bakes.
    assert_eq!(percents(&Plan::new(&keeping(Style::Linear, &[], 20)).unwrap()), [20, 40, 60, 80, 100]);
    assert_eq!(percents(&Plan::new(&keeping(Style::BlueGreen, &[], 3)).unwrap()), [97, 100]);
    assert!(!Plan::new(&keeping(Style::BlueGreen, &[], 3)).unwrap().compares(), "nothing before the bake");
}

#[test]
fn who_approves_the_end_does_so_before_the_bake() {
    for asked in [100, 95] {
        let wish = PlanOptions { approve: vec![p(asked)], ..keeping(Style::Canary, &[50], 5) };
        assert_eq!(steps(&wish), [(50, 120, false), (95, 0, true), (100, 0, false)], "{asked}");
        let all = Plan::new(&wish).unwrap().without_kept();
        assert_eq!(all.steps.last().map(|step| (step.percent, step.approval)), Some((p(100), true)));
    }
}

#[test]
fn nobody_is_kept_where_nothing_bakes() {
    assert_eq!(Plan::new(&keeping(Style::AllAtOnce, &[], 5)).map(|plan| percents(&plan)), Ok(vec![95, 100]));
    let no_bake = PlanOptions { bake: None, ..keeping(Style::AllAtOnce, &[], 5) };
    assert_eq!(Plan::new(&no_bake), Err(BadPlan::KeepsForNoBake));
    let stops = PlanOptions { to: p(50), ..keeping(Style::Canary, &[], 5) };
    let stops = Plan::new(&stops).unwrap();
    assert_eq!((percents(&stops), stops.bakes_at(), stops.keep), (vec![1, 5, 25, 50], None, Percent::ZERO));
    assert_eq!(Plan::new(&keeping(Style::Canary, &[], 21)), Err(BadPlan::KeepsTooMuch(21)));
    assert_eq!(Plan::new(&keeping(Style::Canary, &[50, 97], 5)), Err(BadPlan::AboveBake(p(97), p(95))));
    let shared = Plan::new(&keeping(Style::Canary, &[], 5)).unwrap();
    for (share, wanted) in [(30, vec![1, 5, 25, 30]), (97, vec![1, 5, 25, 50, 97])] {
        let ends = shared.ending_at(p(share));
        let last = ends.steps.last().unwrap().dwell.as_secs();
        assert_eq!((percents(&ends), last, ends.bakes_at(), ends.keep), (wanted, 300, None, Percent::ZERO));
    }
}

#[test]
fn a_plan_without_either_is_written_as_it_was_before() {
    let plan = Plan::new(&wish(Style::Canary, &[50], 100)).unwrap();
    let text = r#"{"style":"canary","steps":[{"percent":50,"dwell_ms":120000},{"percent":100,"dwell_ms":0}],"bake_ms":300000,"approval_timeout_ms":1800000}"#;
    assert_eq!(serde_json::to_string(&plan).unwrap(), text);
    assert_eq!(serde_json::from_str::<Plan>(text).unwrap(), plan);
    let kept = Plan::new(&keeping(Style::Canary, &[50], 5)).unwrap();
    let text = serde_json::to_string(&kept).unwrap();
    assert!(text.contains(r#","keep":5,"#), "{text}");
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), kept);
    // What nobody writes does not stop whoever reads it.
    let odd: Plan = serde_json::from_str(&text.replace(r#"{"percent":50,"dwell_ms":120000},"#, "")).unwrap();
    assert_eq!(Plan { steps: vec![], ..odd }.bakes_at(), None);
}

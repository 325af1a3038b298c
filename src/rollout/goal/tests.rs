use super::*;
use crate::evidence::probe::Probe;
use crate::evidence::{Rules, Tail};
use crate::model::percent::Percent;
use crate::rollout::plan::{PlanOptions, Style};
use crate::rollout::splits::TagOptions;
use proptest::prelude::*;
use serde_json::json;

fn of(value: serde_json::Value) -> Result<Goal, String> {
    serde_json::from_value(value).map_err(|e| e.to_string())
}

#[test]
fn what_is_absent_has_the_command_lines_defaults() {
    let goal = of(json!({"service": "hello", "candidate": {"image": "i:2"}, "walk": {}})).unwrap();
    let (candidate, walk, plan) = (goal.candidate().unwrap(), goal.walk().unwrap(), goal.plan().unwrap());
    assert_eq!((candidate.tags.clone(), candidate.ready_within), (TagOptions::default(), Duration::from_secs(600)));
    assert_eq!((walk.deadline, walk.restarts, walk.judge.clone()), (Duration::from_secs(3300), Some(2), None));
    assert_eq!((plan.style, plan.steps.len(), plan.bake), (Style::Canary, 5, Duration::from_secs(300)));
}

/// As the flags do it: `--objective 10%` tolerates 1 %, and where no proof is wanted no number of requests is.
#[test]
fn rules_that_follow_from_others_follow_in_a_file_as_well() {
    let rules = |judge: serde_json::Value| {
        of(json!({"service": "hello", "walk": {"judge": judge}})).unwrap().walk().unwrap().judge.clone().unwrap()
    };
    assert!((rules(json!({"objective": 0.1})).tolerated_rate - 0.01).abs() < 1e-12);
    assert!((rules(json!({"objective": 0.0005})).tolerated_rate - 0.00005).abs() < 1e-12);
    assert_eq!(rules(json!({"accept-without": true})).min_requests, 0);
    assert_eq!(rules(json!({})), Rules::default());
}

#[test]
fn what_does_not_fit_together_is_no_goal() {
    for (value, wanted) in [
        (json!({"candidate": {"tags": {"candidate": "x", "stable": "x"}}}), "must differ"),
        (json!({"candidate": {"revision-name": "other-1"}}), "--revision-name must begin with `hello-`"),
        (json!({"candidate": {"revision": "newest", "image": "i:2"}}), "--revision takes up a revision as it is"),
        (json!({"walk": {"plan": {"style": "budget"}}}), "--style budget goes by evidence"),
        (json!({"walk": {"plan": {"steps": [50, 5]}}}), "the steps must rise"),
        (json!({"walk": {"plan": {"dwell": "1h"}}}), "lengthen --deadline or shorten --dwell or --bake"),
        (json!({"walk": {"judge": {"objective": 0.001, "tolerated-rate": 0.1}}}), "is above --objective"),
        (json!({"walk": {"judge": {"alpha": 1.5}}}), "the alpha is 1.5"),
        (json!({"walk": {"probe": {"path": ".evil.example/x"}}}), "a path begins with `/`"),
        (json!({"walk": {"probe": {"path": "/", "header": ["X Y", "v"]}}}), "`X Y` is not a header name"),
        (json!({"candidate": {"image": "a b"}}), "--image: not an image reference"),
        (json!({"walk": {"restarts": 0}}), "--restarts must be between 1 and 1000"),
        (json!({"walk": {"probe": {"path": "/", "passes": 0}}}), "--probe-passes must be between"),
        (json!({"walk": {"gates": ["nothing"]}}), "has no name"),
        (json!({"walk": {"dwel": "1m"}}), "unknown field `dwel`"),
        (json!({"walk": {"deadline": "soon"}}), "expected number"),
    ] {
        let mut whole = json!({"service": "hello"});
        whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        let error = of(whole).unwrap_err();
        assert!(error.contains(wanted), "{value}: {error}");
    }
}

fn plans() -> impl Strategy<Value = PlanOptions> {
    let styles = prop_oneof![
        Just(Style::Canary),
        Just(Style::Linear),
        Just(Style::Budget),
        Just(Style::BlueGreen),
        Just(Style::AllAtOnce)
    ];
    let time = || proptest::option::of((0..600_u64).prop_map(Duration::from_secs));
    (styles, proptest::collection::btree_set(1..100_i64, 0..4), time(), time(), 1..1800_u64).prop_map(
        |(style, steps, dwell, bake, timeout)| PlanOptions {
            style,
            steps: if style.is_one_switch() {
                vec![]
            } else {
                steps.into_iter().map(|n| n.try_into().unwrap()).collect()
            },
            dwell,
            bake,
            keep_stable: Percent::ZERO,
            to: Percent::FULL,
            approve: vec![],
            approval_timeout: Duration::from_secs(timeout),
        },
    )
}

fn walks() -> impl Strategy<Value = WalkOptions> {
    let gates = prop_oneof![
        Just(vec![]),
        Just(vec![
            "errors: promql sum(rate(x{code=~\"5..\"}[1m])) / (a > 0) <= 0.5".parse().unwrap(),
            "depth: promql a in 0.5..1".parse().unwrap(),
            "load test: http https://judge/x?a=b".parse().unwrap(),
            "said: http http://judge /a/0 == \"all good\"".parse().unwrap(),
            "time: http http://judge /p99 <= 250".parse().unwrap(),
        ])
    ];
    let probe = proptest::option::of((1..5_u32, proptest::option::of("[a-z \"]{0,9}")).prop_map(|(passes, body)| {
        Probe { passes, body, header: Some(("X-Version".to_owned(), "v2".to_owned())), ..Probe::default() }
    }));
    let rules =
        (1..100_u64, 0.001..0.5_f64, proptest::option::of(1e-9..1.0_f64)).prop_map(|(every, objective, tail)| Rules {
            every: Duration::from_secs(every),
            tolerated_rate: objective / 7.0,
            tail: tail.map(|part| Tail { part, within: every * 1001 }),
            objective,
            ..Rules::default()
        });
    (plans(), gates, probe, proptest::option::of(1..9_u32), any::<bool>(), rules).prop_map(
        |(plan, gates, probe, restarts, once, rules)| WalkOptions {
            plan,
            deadline: Duration::from_secs(100_000),
            probe,
            gates,
            restarts,
            once,
            restore_template: once,
            judge: Some(rules),
            address: once.then_some(AddressKind::Cluster),
            on_term: if once { OnTerm::Hold } else { OnTerm::Rollback },
            ..WalkOptions::default()
        },
    )
}

proptest! {
    /// Kept as JSON and read back it is the same goal, plan included.
    #[test]
    fn a_goal_that_is_written_and_read_is_the_same(walk in walks(), image in "[a-z]{1,8}", again in any::<bool>()) {
        let candidate = CandidateOptions {
            image: Some(image),
            again,
            env: vec![("A".to_owned(), "b=c".to_owned())],
            manifest: Some(json!({"spec": {"template": {"spec": {"containers": [{}]}}}})),
            ..CandidateOptions::default()
        };
        let options = GoalOptions { service: "hello".parse().unwrap(), candidate: Some(candidate), walk: Some(walk) };
        let goal = Goal::new(options).unwrap();
        let text = serde_json::to_string(&goal).unwrap();
        prop_assert_eq!(serde_json::from_str::<Goal>(&text).unwrap(), goal, "{}", text);
    }
}

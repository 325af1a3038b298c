//! The goals of the simulated processes.

use super::rollout::Looks;
use andante::evidence::Rules;
use andante::evidence::gate::Patience;
use andante::evidence::probe::Probe;
use andante::machine::settle::{SettleGoal, To};
use andante::machine::walk::WalkGoal;
use andante::rollout::goal::{Goal, GoalOptions, WalkOptions};
use andante::rollout::plan::{Plan, PlanOptions};
use andante::rollout::splits::Tags;
use std::time::Duration;

pub(super) fn tags() -> Tags {
    Tags { candidate: "candidate".parse().unwrap(), stable: "stable".parse().unwrap() }
}

pub(super) fn rollout_id(label: &str) -> andante::model::name::RolloutId {
    label.replace(['/', '.', '@'], "-").trim_matches('-').parse().unwrap()
}

pub(super) fn walk_goal(plan: &Plan, looks: Looks) -> WalkGoal {
    let probe = looks.probe.then(|| Probe {
        path: "/".into(),
        status: None,
        body: None,
        header: None,
        max_latency: None,
        passes: 2,
        failures: 3,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(3),
        patience: Duration::from_secs(30),
    });
    let gates = if looks.gates { vec!["failing: promql x < 0.5".parse().unwrap()] } else { vec![] };
    let row = "orders: bad=bad{rev=\"{revision}\"} total=all{rev=\"{revision}\"}";
    let compare = if looks.compare { vec![row.parse().unwrap()] } else { vec![] };
    // The story's own plan takes the place of this one.
    let short = PlanOptions { dwell: Some(Duration::ZERO), bake: Some(Duration::ZERO), ..PlanOptions::default() };
    let options = WalkOptions {
        plan: short,
        deadline: Duration::from_secs(600),
        serve_within: Duration::from_secs(60),
        probe,
        judge: looks.evidence.then(rules),
        gates,
        compare,
        gate_patience: Patience { every: Duration::from_secs(2), failures: 2, errors: 6 },
        restarts: looks.restarts.then_some(2),
        ..WalkOptions::default()
    };
    let options = GoalOptions { service: "hello".parse().unwrap(), candidate: None, walk: Some(options) };
    let goal = WalkGoal::of(&Goal::new(options).unwrap(), &"ns".parse().unwrap(), false).unwrap();
    WalkGoal { plan: plan.clone(), ..goal }
}

/// Rules under which a story of minutes decides.
fn rules() -> Rules {
    Rules {
        objective: 0.2,
        tolerated_rate: 0.1,
        margin: andante::evidence::Margin::Off,
        min_requests: 5,
        every: Duration::from_secs(2),
        warm_up: Duration::ZERO,
        lag: Duration::from_secs(2),
        patience: Duration::from_secs(60),
        ..Rules::default()
    }
}

pub(super) fn settle_goal(label: &str, rollout: Option<String>, to: Option<To>) -> SettleGoal {
    let (service, id) = ("hello".parse().unwrap(), rollout_id(label));
    SettleGoal { service, rollout, to, discard: false, tags: tags(), id, run_began: None, restore_template: false }
}

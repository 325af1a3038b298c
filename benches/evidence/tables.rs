//! Whole rollouts: what they cost and how they end.

use super::nulls::rules;
use super::parallel::{each, mean_and_p95, part};
use super::rollout::{End, Run, Setting, play};
use super::runs;
use andante::evidence::Rules;
use andante::model::percent::Percent;
use andante::rollout::plan::{Plan, PlanOptions, Style};
use std::time::Duration;

fn plan(style: Style, dwell: u64) -> Plan {
    Plan::new(&PlanOptions {
        style,
        steps: vec![],
        dwell: Some(Duration::from_secs(dwell)),
        bake: Some(Duration::from_secs(300)),
        to: Percent::FULL,
        approve: vec![],
        approval_timeout: Duration::from_secs(1800),
        ..PlanOptions::default()
    })
    .unwrap()
}

/// A failure rate with so many times the odds.
fn times(p: f64, odds: f64) -> f64 {
    if odds.is_infinite() { 1.0 } else { odds * p / (1.0 - p + odds * p) }
}

/// Stands for a candidate that fails at just the tolerated rate, beside a stable that never does.
const TOLERATED: f64 = -1.0;

struct Row {
    style: Style,
    lambda: f64,
    stable: f64,
    objective: f64,
    every: u64,
    candidate: f64,
    called: &'static str,
    crashes: usize,
}

fn row(seed: u64, row: &Row) -> Vec<Run> {
    let dwell = if row.style == Style::Budget { 30 } else { 120 };
    let every = Duration::from_secs(row.every);
    let rules = Rules { objective: row.objective, tolerated_rate: row.objective / 10.0, every, ..rules() };
    let setting = Setting {
        lambda: row.lambda,
        stable_fails: row.stable,
        candidate_fails: row.candidate,
        plan: plan(row.style, dwell),
        rules,
        crashes: row.crashes,
    };
    let null = (row.candidate - row.stable).abs() < 1e-12;
    let runs = if null { runs() } else { runs() / 10 };
    let played = each(runs, seed, |rng| play(rng, &setting));
    let of = |end| part(played.iter().filter(|r| r.end == end).count(), played.len());
    let (bad, bad95) = mean_and_p95(played.iter().map(|r| r.bad as f64).collect());
    let (time, time95) = mean_and_p95(played.iter().map(|r| r.seconds).collect());
    println!(
        "| {} | {} | {} %, {} % | {} s | {} | {} | {} | {} | {} | {bad:.0} ({bad95:.0}) | {time:.0} ({time95:.0}) | {} |",
        row.style.name(),
        row.lambda,
        row.stable * 100.0,
        row.objective * 100.0,
        row.every,
        row.called,
        of(End::Worse),
        of(End::Broken),
        of(End::Promoted),
        of(End::Undecided),
        played.len(),
    );
    // Three times the odds, and at least the tolerated rate: materially worse.
    let promoted = played.iter().filter(|r| r.end == End::Promoted).count() as f64 / played.len() as f64;
    if matches!(row.called, "x3" | "tolerated rate") {
        let error = (0.05 * 0.95 / played.len() as f64).sqrt();
        assert!(promoted <= 0.05 + 3.0 * error, "promoted more often than promised: {promoted}");
    }
    if null {
        let alarms = played.iter().filter(|r| r.end == End::Worse).count() as f64 / played.len() as f64;
        let limit = if row.crashes > 0 { 0.02 } else { 0.01 };
        assert!(
            alarms <= limit + 3.0 * (limit / played.len() as f64).sqrt(),
            "more false alarms than promised: {alarms}"
        );
    }
    played
}

fn head() {
    println!(
        "| style | requests/s | stable fails, objective | reading every | candidate | worse | objective | promoted | undecided | bad requests, mean (p95) | seconds, mean (p95) | runs |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
}

/// The settings of the table.
pub(crate) fn print() {
    println!(
        "## Rollouts (bad requests: the candidate's failures until the last step is written or users are back; the bake is not in it)"
    );
    head();
    let inf = f64::INFINITY;
    let mut seed = 1000;
    for style in [Style::Budget, Style::Canary] {
        for (lambda, p, objective, every, odds) in [
            (10.0, 0.0, 0.01, 10, &[1.0, TOLERATED, inf] as &[f64]),
            (10.0, 0.001, 0.01, 10, &[1.0, 3.0, 10.0, inf]),
            (100.0, 0.0, 0.01, 10, &[1.0, TOLERATED, inf]),
            (100.0, 0.001, 0.01, 10, &[1.0, 2.0, 3.0, 5.0, 50.0, inf]),
            (100.0, 0.01, 0.1, 2, &[1.0, 2.0, 3.0, 25.0, inf]),
            (1000.0, 0.001, 0.01, 10, &[1.0, 3.0, inf]),
            (1000.0, 0.01, 0.02, 10, &[1.0, 2.0]),
        ] {
            for odds in odds {
                let called: &'static str = match *odds {
                    o if o.is_infinite() => "fails all",
                    o if o < 0.0 => "tolerated rate",
                    1.0 => "same",
                    2.0 => "x2",
                    3.0 => "x3",
                    5.0 => "x5",
                    10.0 => "x10",
                    25.0 => "x25 (20 %)",
                    _ => "x50",
                };
                let candidate = if *odds < 0.0 { objective / 10.0 } else { times(p, *odds) };
                let _ = row(seed, &Row { style, lambda, stable: p, objective, every, candidate, called, crashes: 0 });
                seed += 1;
            }
        }
    }
}

/// The same with crashes in mid-walk.
pub(crate) fn crashes() {
    println!(
        "## Rollouts whose process dies in mid-walk, once and five times: what was saved is taken up, what came since is one \
         window"
    );
    let settings = [
        (Style::Budget, 0.001, 1.0, "same"),
        (Style::Canary, 0.001, 1.0, "same"),
        (Style::Budget, 0.001, 3.0, "x3"),
        (Style::Budget, 0.001, 10.0, "x10"),
        (Style::Budget, 0.01, 1.0, "same"),
    ];
    for crashes in [1, 5] {
        println!("\n{crashes} within 400 s\n");
        head();
        for (i, setting) in settings.into_iter().enumerate() {
            crashed(2000 + 10 * (crashes as u64 - 1) + i as u64, setting, crashes);
        }
    }
}

fn crashed(seed: u64, (style, p, odds, called): (Style, f64, f64, &'static str), crashes: usize) {
    let objective = if p > 0.005 { 0.02 } else { 0.01 };
    let candidate = times(p, odds);
    let _ = row(seed, &Row { style, lambda: 100.0, stable: p, objective, every: 10, candidate, called, crashes });
}

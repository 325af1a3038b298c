//! False alarms: releases that are no worse, looked at after every window.

use super::parallel::{binomial, each, part};
use super::runs;
use andante::evidence::latency::Histogram;
use andante::evidence::starts::Starts;
use andante::evidence::sums::Window;
use andante::evidence::window::{Arm, Growth};
use andante::evidence::{Counts, Margin, Rules, Sums, Table};
use rand::rngs::SmallRng;
use rand_distr::{Distribution, LogNormal};
use std::time::Duration;

/// Shares of a ramp in percent, 30 windows each.
const RAMP: [u8; 4] = [5, 20, 50, 80];
const WINDOWS: usize = 30;

/// The defaults of the command line; latency counts from the first window.
pub(crate) fn rules() -> Rules {
    Rules { warm_up: Duration::ZERO, ..Rules::default() }
}

/// One window in which both arms fail with probability `p`.
fn window(rng: &mut SmallRng, n: u64, share: f64, p: f64) -> Table {
    let n_c = binomial(rng, n, share);
    Table::of(n_c, n - n_c, binomial(rng, n_c, p), binomial(rng, n - n_c, p))
}

/// The highest `E` along the ramp, as its logarithm.
fn highest(rng: &mut SmallRng, n: u64, p: f64, incidents: bool) -> f64 {
    let mut evidence = Starts::default();
    let mut highest = 0.0_f64;
    for i in 0..RAMP.len() * WINDOWS {
        let share = f64::from(RAMP[i / WINDOWS]) / 100.0;
        // Two incidents of both arms.
        let p = match i {
            40..=42 if incidents => 0.2,
            80..=81 if incidents => 0.5,
            _ => p,
        };
        evidence.add(window(rng, n, share, p)).unwrap();
        evidence.close().unwrap();
        highest = highest.max(evidence.ln_e());
    }
    highest
}

pub(crate) fn print() {
    let runs = runs();
    println!("## False alarms of the comparison, 120 windows on the ramp 5/20/50/80 %, {runs} runs each");
    println!("| requests a window | failure rate | alpha 5 % | alpha 1 % |\n|---|---|---|---|");
    let settings = [
        (1000, 0.001, false),
        (1000, 0.01, false),
        (1000, 0.1, false),
        (1000, 0.001, true),
        (20, 0.01, false),
        (10_000, 0.001, false),
    ];
    for (seed, (n, p, incidents)) in settings.into_iter().enumerate() {
        let highest = each(runs, seed as u64 + 1, |rng| highest(rng, n, p, incidents));
        let alarms = |alpha: f64| highest.iter().filter(|e| **e >= -alpha.ln()).count();
        let with = if incidents { ", two shared incidents" } else { "" };
        println!(
            "| {n} | {} %{with} | {} | {} |",
            p * 100.0,
            part(alarms(0.05), highest.len()),
            part(alarms(0.01), highest.len())
        );
        assert!(alarms(0.01) as f64 <= 0.01 * highest.len() as f64 * 1.3, "more false alarms than alpha");
    }
    latency();
}

/// Knative's edges in milliseconds.
const EDGES: [f64; 14] =
    [5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0];

/// A histogram of `n` answers around a median of 60 ms, `slower` times that.
fn histogram(rng: &mut SmallRng, n: u64, slower: f64) -> Histogram {
    let law = LogNormal::new((60.0 * slower).ln(), 0.8).unwrap();
    let mut above = EDGES.map(|edge| ((edge * 1000.0) as u64, 0_u64));
    for _ in 0..n {
        let time = law.sample(rng);
        for (count, edge) in above.iter_mut().zip(EDGES) {
            count.1 += u64::from(time > edge);
        }
    }
    Histogram { total: n, above: above.to_vec() }
}

/// Requests of the candidate until failures and latency together cross, at a share of 10 %; none within `windows`.
fn slower_found(rng: &mut SmallRng, slower: f64, margin: usize, windows: usize) -> Option<u64> {
    let rules = Rules { margin: Margin::Edges(margin), ..rules() };
    let mut sums = Sums::new(&rules);
    sums.step((10, 90));
    for _ in 0..windows {
        let n_c = binomial(rng, 300, 0.1);
        let arm = |n, histogram| Arm::new(Counts::new(n, 0), Some(histogram));
        let growth = Growth {
            stable: arm(300 - n_c, histogram(rng, 300 - n_c, 1.0)),
            candidate: arm(n_c, histogram(rng, n_c, slower)),
        };
        sums.add(&[growth], Window::Warm, &rules).unwrap();
        if sums.ln_worse() >= rules.worse_at() {
            return Some(sums.counted().candidate.requests);
        }
    }
    None
}

fn latency() {
    println!(
        "\n## Latency (lognormal, median 60 ms, sigma 0.8, edges of 5, 10, 25, 50, 75, 100, 250 ms and so on, margins of edges, share 10 %, alpha 1 %, both comparisons in one), 60 windows of 300"
    );
    println!(
        "| candidate | margin in edges | found | candidate's requests until then, mean | runs |\n|---|---|---|---|---|"
    );
    let settings = [(1.0, 0), (1.0, 1), (1.1, 0), (1.2, 0), (1.5, 0), (2.0, 0), (1.5, 1), (2.0, 1), (3.0, 1), (5.0, 1)];
    for (seed, (slower, margin)) in settings.into_iter().enumerate() {
        let null = slower < 1.05;
        let runs = if null { runs() } else { runs() / 20 };
        let found = each(runs, 100 + seed as u64, |rng| slower_found(rng, slower, margin, 60));
        let hits: Vec<f64> = found.iter().flatten().map(|n| *n as f64).collect();
        let mean = hits.iter().sum::<f64>() / hits.len() as f64;
        let mean = if null || hits.is_empty() { "-".to_owned() } else { format!("{mean:.0}") };
        println!("| x{slower} | {margin} | {} | {mean} | {runs} |", part(hits.len(), found.len()));
        assert!(!null || hits.len() as f64 <= 0.013 * found.len() as f64, "more false alarms than alpha");
    }
}

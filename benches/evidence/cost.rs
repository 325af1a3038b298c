//! What a window costs.

use super::nulls::rules;
use andante::evidence::latency::Histogram;
use andante::evidence::sums::Window;
use andante::evidence::window::{Arm, Growth};
use andante::evidence::{Counts, Sums};
use std::hint::black_box;
use std::time::Instant;

/// One window of `n` requests at a share of a tenth and `p` failures, with a histogram of `edges` edges.
fn growth(n: u64, p: f64, edges: u64) -> Growth {
    let arm = |n: u64| {
        let above = (1..=edges).map(|e| (e * 10_000, n - n * e / (edges + 1))).collect();
        Arm::new(Counts::new(n, (n as f64 * p) as u64), Some(Histogram { total: n, above }))
    };
    Growth { stable: arm(n - n / 10), candidate: arm(n / 10) }
}

pub(crate) fn print() {
    println!("## CPU time of one window, median of 31");
    println!("| requests | failures | edges | microseconds a window | 1,000 targets, in ms |\n|---|---|---|---|---|");
    let rules = rules();
    for (n, p, edges) in [
        (100, 0.01, 0),
        (1000, 0.001, 0),
        (1000, 0.001, 18),
        (10_000, 0.01, 18),
        (100_000, 0.01, 18),
        (1_000_000, 0.01, 18),
        (1_000_000, 0.5, 18),
    ] {
        let window = [growth(n, p, edges)];
        let mut times: Vec<f64> = (0..31)
            .map(|_| {
                let began = Instant::now();
                for _ in 0..10 {
                    let mut sums = Sums::new(&rules);
                    sums.step((10, 90));
                    sums.add(black_box(&window), Window::Warm, &rules).unwrap();
                    black_box((sums.ln_worse(), sums.ln_accepted(&rules)));
                }
                began.elapsed().as_secs_f64() * 1e6 / 10.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("| {n} | {} % | {edges} | {:.0} | {:.1} |", p * 100.0, times[15], times[15]);
    }
}

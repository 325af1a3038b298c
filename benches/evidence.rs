//! What the evidence's error guarantees and its speed come to, by simulation with fixed seeds.
//!
//! `make bench-evidence` runs everything; `ANDANTE_RUNS` sets how many rollouts a setting gets where nothing is wrong with
//! the candidate (20,000), a tenth of it where something is. The rollouts are judged by the walk's own judge; the users and
//! the gateway are simulated: exact binomial and Poisson numbers.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
// A benchmark is about real time.
#![allow(clippy::disallowed_methods)]

#[path = "evidence/cost.rs"]
mod cost;
#[path = "evidence/detection.rs"]
mod detection;
#[path = "evidence/late.rs"]
mod late;
#[path = "evidence/nulls.rs"]
mod nulls;
#[path = "evidence/parallel.rs"]
mod parallel;
#[path = "evidence/peeking.rs"]
mod peeking;
#[path = "evidence/rollout.rs"]
mod rollout;
#[path = "evidence/skew.rs"]
mod skew;
#[path = "evidence/tables.rs"]
mod tables;
#[path = "evidence/violations.rs"]
mod violations;

use std::time::Instant;

fn main() {
    let only = std::env::var("ANDANTE_ONLY").unwrap_or_default();
    let parts: [(&str, fn()); 9] = [
        ("cost", cost::print),
        ("peeking", peeking::print),
        ("nulls", nulls::print),
        ("detection", detection::print),
        ("skew", skew::print),
        ("late", late::print),
        ("rollouts", tables::print),
        ("crash", tables::crashes),
        ("violations", violations::print),
    ];
    for (name, part) in parts {
        if only.is_empty() || only == name {
            let began = Instant::now();
            part();
            println!("({name}: {:.0} s)\n", began.elapsed().as_secs_f64());
        }
    }
}

/// How many runs a setting gets in which nothing is wrong.
fn runs() -> u64 {
    std::env::var("ANDANTE_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

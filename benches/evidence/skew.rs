//! Where the guarantee breaks: arms that are read at different instants, during an incident of both.

use super::parallel::{binomial, each, part};
use super::runs;
use andante::evidence::Table;
use andante::evidence::starts::Starts;

/// Requests a second, the candidate's share, the failure rate outside the incident.
const RATE: u64 = 100;
const SHARE: f64 = 0.2;
const BASE: f64 = 0.001;

pub(crate) fn print() {
    let runs = runs() / 20;
    println!(
        "## Skew: a shared incident of 60 s at 20 %, the candidate's counters read later than stable's, alpha 1 %, {runs} runs each"
    );
    println!("| window | skew | false alarms |\n|---|---|---|");
    for (seed, (window, skew)) in
        [(30, 0), (30, 1), (30, 2), (30, 5), (30, 10), (10, 0), (10, 2), (10, 5), (120, 10)].into_iter().enumerate()
    {
        let alarms = each(runs, 500 + seed as u64, |rng| {
            let seconds = 600_usize;
            let failing = |t: usize| if (200..260).contains(&t) { 0.2 } else { BASE };
            // Counters by the second.
            let mut counted = Vec::with_capacity(seconds);
            for t in 0..seconds {
                let n_c = binomial(rng, RATE, SHARE);
                let table =
                    Table::of(n_c, RATE - n_c, binomial(rng, n_c, failing(t)), binomial(rng, RATE - n_c, failing(t)));
                counted.push(table);
            }
            let mut evidence = Starts::default();
            let mut alarm = false;
            let mut at = 0;
            while at + window + skew <= seconds {
                let sum =
                    |from: usize| counted[from..from + window].iter().copied().fold(Table::default(), Table::plus);
                let (candidate, stable) = (sum(at + skew).candidate, sum(at).stable);
                evidence.add(Table { stable, candidate }).unwrap();
                evidence.close().unwrap();
                alarm |= evidence.ln_e() >= -0.01_f64.ln();
                at += window;
            }
            alarm
        });
        println!("| {window} s | {skew} s | {} |", part(alarms.iter().filter(|a| **a).count(), alarms.len()));
    }
}

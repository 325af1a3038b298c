//! How many requests of the candidate it takes until the comparison crosses, beside what theory expects.

use super::parallel::{binomial, each, mean_and_p95};
use super::runs;
use andante::evidence::Table;
use andante::evidence::starts::Starts;

pub(crate) fn print() {
    let runs = (runs() / 20).max(400);
    println!(
        "## Requests of the candidate until it is found to be worse (alpha 1 %), {runs} runs each, windows of 1000"
    );
    println!("| stable fails | odds | share | mean | ln(1/alpha)/g | ratio |\n|---|---|---|---|---|---|");
    for (seed, (p, odds, share)) in [
        (0.001, 5.0, 0.05),
        (0.001, 5.0, 0.5),
        (0.001, 3.0, 0.5),
        (0.01, 3.0, 0.5),
        (0.01, 2.0, 0.5),
        (0.001, 10.0, 0.05),
    ]
    .into_iter()
    .enumerate()
    {
        let worse: f64 = odds * p / (1.0 - p + odds * p);
        let found = each(runs, 300 + seed as u64, |rng| {
            let mut evidence = Starts::default();
            let mut requests = 0;
            while evidence.ln_e() < -0.01_f64.ln() && requests < 1_000_000 {
                let n_c = binomial(rng, 1000, share);
                evidence
                    .add(Table::of(n_c, 1000 - n_c, binomial(rng, n_c, worse), binomial(rng, 1000 - n_c, p)))
                    .unwrap();
                evidence.close().unwrap();
                requests += n_c;
            }
            requests as f64
        });
        let spread =
            (found.iter().map(|n| n * n).sum::<f64>() / found.len() as f64).sqrt() / (found.len() as f64).sqrt();
        let (mean, _) = mean_and_p95(found);
        let pi: f64 = share * odds / (share * odds + 1.0 - share);
        let gain = (share * worse + (1.0 - share) * p) / share
            * (pi * (pi / share).ln() + (1.0 - pi) * ((1.0 - pi) / (1.0 - share)).ln());
        let theory = -0.01_f64.ln() / gain;
        println!(
            "| {} % | x{odds} | {} % | {mean:.0} | {theory:.0} | {:.2} |",
            p * 100.0,
            share * 100.0,
            mean / theory
        );
        // Only where the answer takes more than five windows is the overshoot of a window small.
        assert!((mean - 3.0 * spread) / theory <= 1.6 || theory < 5.0 * 1000.0 * share, "slower than expected");
    }
}

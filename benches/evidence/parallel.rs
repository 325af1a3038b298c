//! Runs on all cores, each with a seed of its own: the result does not depend on how many cores there are.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand_distr::{Binomial, Distribution, Poisson};

/// The results of runs `0..n`, in order.
pub(crate) fn each<T: Send>(n: u64, seed: u64, run: impl Fn(&mut SmallRng) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let part = |thread: u64| {
        let run = &run;
        move || {
            let mine = (0..n).filter(move |i| i % threads == thread);
            mine.map(|i| (i, run(&mut SmallRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(i)))))
                .collect::<Vec<_>>()
        }
    };
    let mut all: Vec<(u64, T)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|thread| scope.spawn(part(thread))).collect();
        handles.into_iter().flat_map(|h| h.join().unwrap()).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, result)| result).collect()
}

pub(crate) fn binomial(rng: &mut SmallRng, n: u64, p: f64) -> u64 {
    Binomial::new(n, p.clamp(0.0, 1.0)).unwrap().sample(rng)
}

pub(crate) fn poisson(rng: &mut SmallRng, mean: f64) -> u64 {
    if mean <= 0.0 { 0 } else { Poisson::new(mean).unwrap().sample(rng) as u64 }
}

/// A part of runs in percent, with its Monte Carlo error (one standard deviation).
pub(crate) fn part(hits: usize, runs: usize) -> String {
    let p = hits as f64 / runs.max(1) as f64;
    let error = (p * (1.0 - p) / runs.max(1) as f64).sqrt();
    format!("{:.2} ± {:.2} %", p * 100.0, error * 100.0)
}

/// Mean and 95th percentile.
pub(crate) fn mean_and_p95(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let at = (values.len() as f64 * 0.95) as usize;
    (mean, values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default())
}

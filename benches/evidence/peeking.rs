//! Is the harness itself right? Two tests that are known to fail when they are looked at again and again.

use super::parallel::{binomial, each, part};
use rand::Rng;
use rand::rngs::SmallRng;

pub(crate) fn print() {
    println!("## What peeking does to other tests, nothing wrong with the candidate");
    let rejected = each(2000, 7, mann_whitney);
    let hits = rejected.iter().filter(|r| **r).count();
    println!(
        "Mann-Whitney at 5 %, looked at after every observation, 10,000 an arm: {} (published: 66 of 100)",
        part(hits, 2000)
    );
    assert!((0.60..=0.75).contains(&(hits as f64 / 2000.0)), "the harness does not peek as it should");
    for (nominal, z) in [(0.05, 1.645), (0.01, 2.326)] {
        let rejected = each(2000, 8, |rng| z_test(rng, z));
        let hits = rejected.iter().filter(|r| **r).count();
        println!(
            "One-sided z-test at {} %, looked at every 10 s of a ramp 5/20/50/80 % at 100/s and 1 % failures: {}",
            nominal * 100.0,
            part(hits, 2000)
        );
    }
}

/// Looks after every pair of observations from the first four on; ranks by a tree over quantised values.
fn mann_whitney(rng: &mut SmallRng) -> bool {
    const CELLS: usize = 1 << 16;
    let (mut tree_a, mut tree_b) = (vec![0_u32; CELLS + 1], vec![0_u32; CELLS + 1]);
    let add = |tree: &mut Vec<u32>, cell: usize| {
        let mut i = cell + 1;
        while i <= CELLS {
            tree[i] += 1;
            i += i & i.wrapping_neg();
        }
    };
    let below = |tree: &[u32], cell: usize| {
        let (mut i, mut sum) = (cell, 0_u64);
        while i > 0 {
            sum += u64::from(tree[i]);
            i -= i & i.wrapping_neg();
        }
        sum
    };
    // Pairs in which a is above b, ties by halves.
    let mut doubled = 0_i64;
    for n in 1..=10_000_u64 {
        let (a, b): (usize, usize) = (rng.random_range(0..CELLS), rng.random_range(0..CELLS));
        add(&mut tree_a, a);
        let ties = below(&tree_b, a + 1) - below(&tree_b, a);
        doubled += (2 * below(&tree_b, a) + ties).cast_signed();
        add(&mut tree_b, b);
        let ties = below(&tree_a, b + 1) - below(&tree_a, b);
        doubled += (2 * (n - below(&tree_a, b + 1)) + ties).cast_signed();
        if n >= 4 {
            let pairs = (n * n) as f64;
            let spread = (pairs * (2 * n + 1) as f64 / 12.0).sqrt();
            if ((doubled as f64 - pairs) / 2.0).abs() > 1.96 * spread {
                return true;
            }
        }
    }
    false
}

fn z_test(rng: &mut SmallRng, z: f64) -> bool {
    let (mut n, mut k) = ([0_u64; 2], [0_u64; 2]);
    for look in 0..120 {
        let share = [0.05, 0.2, 0.5, 0.8][look / 30];
        let of_candidate = binomial(rng, 1000, share);
        for (arm, more) in [(0, of_candidate), (1, 1000 - of_candidate)] {
            n[arm] += more;
            k[arm] += binomial(rng, more, 0.01);
        }
        let pooled = (k[0] + k[1]) as f64 / (n[0] + n[1]) as f64;
        let spread = (pooled * (1.0 - pooled) * (1.0 / n[0] as f64 + 1.0 / n[1] as f64)).sqrt();
        if spread > 0.0 && (k[0] as f64 / n[0] as f64 - k[1] as f64 / n[1] as f64) / spread > z {
            return true;
        }
    }
    false
}

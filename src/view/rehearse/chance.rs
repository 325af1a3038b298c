//! Exact draws: how many requests come, and how many of them meet a fate. Decides to approximate nothing by a normal
//! law, because the rare ones decide a rollout. It uses no other module.

/// A source of chance.
pub(crate) trait Chance {
    /// A number that is evenly spread over `[0, 1)`.
    fn unit(&mut self) -> f64;

    /// Another source, independent of this one from now on.
    fn fork(&mut self) -> Self;
}

/// How many of `n` independent trials succeed, each with probability `p`. Counts the trials between successes, which
/// are geometric; takes time in proportion to the smaller of successes and failures.
pub(crate) fn binomial(chance: &mut impl Chance, n: u64, p: f64) -> u64 {
    if p > 0.5 {
        return n - binomial(chance, n, 1.0 - p);
    }
    if p <= 0.0 || p.is_nan() {
        return 0;
    }
    let never = (-p).ln_1p();
    let (mut at, mut successes) = (0_u64, 0_u64);
    loop {
        // `ln_1p` keeps the digits of a tiny probability, which `ln(1 - p)` would lose.
        let skipped = (-chance.unit()).ln_1p() / never;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
        let skipped = skipped as u64;
        at = at.saturating_add(skipped).saturating_add(1);
        if at > n {
            return successes;
        }
        successes += 1;
    }
}

/// How many independent arrivals come where `mean` are expected: the exponential times between them, counted.
pub(crate) fn poisson(chance: &mut impl Chance, mean: f64) -> u64 {
    let mut passed = 0.0;
    let mut arrivals = 0;
    loop {
        passed -= (-chance.unit()).ln_1p();
        if passed > mean || mean.is_nan() {
            return arrivals;
        }
        arrivals += 1;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A generator with a seed (`SplitMix64`).
    pub(crate) struct Seeded(pub(crate) u64);

    impl Chance for Seeded {
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
        }

        fn fork(&mut self) -> Self {
            Self(self.unit().to_bits())
        }
    }

    /// Compares the frequencies of `draws` draws with the law's probabilities by chi-square; its value over its
    /// degrees.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn misfit(draws: usize, law: &[f64], mut draw: impl FnMut() -> u64) -> f64 {
        let mut seen = vec![0_u64; law.len() + 1];
        for _ in 0..draws {
            let n = usize::try_from(draw()).unwrap().min(law.len());
            seen[n] += 1;
        }
        let rest = 1.0 - law.iter().sum::<f64>();
        let cells = law.iter().copied().chain([rest]).zip(seen).filter(|(p, _)| p * draws as f64 >= 5.0);
        let terms: Vec<f64> = cells.map(|(p, n)| (n as f64 - p * draws as f64).powi(2) / (p * draws as f64)).collect();
        terms.iter().sum::<f64>() / (terms.len() - 1) as f64
    }

    #[test]
    fn draws_follow_their_laws() {
        let mut chance = Seeded(7);
        for (n, p) in [(40_u64, 0.02_f64), (40, 0.3), (40, 0.93), (7, 0.5)] {
            let mut law = Vec::new();
            let mut choose = 1.0_f64;
            for k in 0..=n {
                #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
                {
                    law.push(choose * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32));
                    choose *= (n - k) as f64 / (k + 1) as f64;
                }
            }
            // Over its degrees of freedom (10 to 25) chi-square exceeds 2.2 about once in a thousand.
            let found = misfit(40_000, &law, || binomial(&mut chance, n, p));
            assert!(found < 2.2, "binomial {n} {p}: {found}");
        }
        for mean in [0.3, 4.0, 25.0_f64] {
            let mut law = vec![(-mean).exp()];
            for k in 1..60_u32 {
                law.push(law[law.len() - 1] * mean / f64::from(k));
            }
            let found = misfit(40_000, &law, || poisson(&mut chance, mean));
            assert!(found < 2.2, "poisson {mean}: {found}");
        }
    }

    #[test]
    fn what_is_certain_is_certain() {
        let mut chance = Seeded(1);
        assert_eq!(
            [binomial(&mut chance, 9, 0.0), binomial(&mut chance, 9, 1.0), binomial(&mut chance, 0, 0.5)],
            [0, 9, 0]
        );
        assert_eq!([poisson(&mut chance, 0.0), poisson(&mut chance, -1.0), poisson(&mut chance, f64::NAN)], [0, 0, 0]);
        assert_eq!(binomial(&mut chance, 9, f64::NAN), 0);
    }
}

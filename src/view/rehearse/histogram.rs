//! The gateway's histogram of times: its edges, and how lognormal times fall between them. Decides no time; it uses no other
//! module.

/// Upper edges of the gateway's histogram in milliseconds, as Envoy has them.
pub(super) const EDGES_MS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];
/// Milliseconds as whole microseconds.
pub(super) fn microseconds(ms: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the edges above")]
    return (ms * 1e3) as u64;
}

/// The part of lognormal times with this median (ms) and spread that falls into each bucket.
pub(super) fn bucket_law(median: f64, spread: f64) -> Vec<f64> {
    let below = |edge: f64| normal((edge / median).ln() / spread);
    let mut last = 0.0;
    let cumulative = EDGES_MS.iter().map(|edge| below(*edge)).chain([1.0]);
    cumulative.map(|sum| sum - std::mem::replace(&mut last, sum)).map(|part| part.max(0.0)).collect()
}

/// The standard normal distribution function: Abramowitz and Stegun 7.1.26 for erf, error below 1.5e-7.
pub(super) fn normal(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let upper = 0.5 * poly * (-z * z).exp();
    if x >= 0.0 { 1.0 - upper } else { upper }
}

//! Faults that begin late: what remembering a clean past costs, beside evidence that is begun at each window.

use super::parallel::{binomial, each, part};
use super::runs;
use andante::evidence::comparison::Comparison;
use andante::evidence::starts::Starts;
use andante::evidence::sums::Window;
use andante::evidence::window::{Arm, Growth};
use andante::evidence::{Counts, Rules, Sums, Table};
use rand::rngs::SmallRng;

/// `1/alpha`.
const NEEDED: f64 = 100.0;
/// Windows of ten seconds after the fault began in which it has to be found.
const PATIENCE: usize = 400;

/// Half of the users are on the candidate; windows of ten seconds.
struct Setting {
    rate: u64,
    base: f64,
    odds: f64,
    /// Clean windows before the fault.
    clean: usize,
}

/// What was found, and how long after the fault began, with the failures of the candidate since then.
#[derive(Clone, Copy, Default)]
struct Found {
    windows: usize,
    failed: u64,
}

/// One sum over all windows, and sums that begin at each.
fn walk(rng: &mut SmallRng, setting: &Setting, windows: usize) -> [Option<Found>; 2] {
    let (mut one, mut starts) = (Comparison::default(), Starts::default());
    let worse = setting.odds * setting.base / (1.0 - setting.base + setting.odds * setting.base);
    let (mut found, mut failed) = ([None; 2], 0);
    for window in 0..windows {
        let n_c = binomial(rng, setting.rate * 10, 0.5);
        let n_b = setting.rate * 10 - n_c;
        let late = window >= setting.clean;
        let k_c = binomial(rng, n_c, if late { worse } else { setting.base });
        let table = Table::of(n_c, n_b, k_c, binomial(rng, n_b, setting.base));
        failed += if late { k_c } else { 0 };
        one.add(table).unwrap();
        starts.add(table).unwrap();
        starts.close().unwrap();
        let now = Found { windows: (window + 1).saturating_sub(setting.clean), failed };
        for (found, ln_e) in found.iter_mut().zip([one.ln_e(), starts.ln_e()]) {
            if ln_e >= NEEDED.ln() {
                found.get_or_insert(now);
            }
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    found
}

/// Mean time and failures of those that were found after the fault began.
fn words(found: impl Iterator<Item = Option<Found>>) -> String {
    let found: Vec<Found> = found.flatten().filter(|f| f.windows > 0).collect();
    let mean = |of: fn(&Found) -> f64| found.iter().map(of).sum::<f64>() / found.len().max(1) as f64;
    format!("{:.0} s, {:.0}", mean(|f| f.windows as f64 * 10.0), mean(|f| f.failed as f64))
}

pub(crate) fn print() {
    nulls();
    late();
    bake();
}

fn nulls() {
    let runs = runs();
    println!(
        "## Faults that begin late. False alarms first: half of the users on the candidate, windows of 10 s, alpha 1 %, {runs} runs each\n"
    );
    println!(
        "| requests/s | both fail | windows | one sum over all of them | sums that begin at each |\n|---|---|---|---|---|"
    );
    for (seed, (rate, base, windows)) in
        [(10, 0.001, 360), (100, 0.001, 72), (100, 0.001, 360), (100, 0.01, 72), (100, 0.01, 360)]
            .into_iter()
            .enumerate()
    {
        let setting = Setting { rate, base, odds: 1.0, clean: 0 };
        let found = each(runs, 700 + seed as u64, |rng| walk(rng, &setting, windows));
        let alarms = |which: usize| found.iter().filter(|f| f[which].is_some()).count();
        println!(
            "| {rate} | {} % | {windows} | {} | {} |",
            base * 100.0,
            part(alarms(0), found.len()),
            part(alarms(1), found.len())
        );
        assert!(alarms(1) as f64 <= 0.01 * found.len() as f64 * 1.3, "more false alarms than alpha");
    }
}

fn late() {
    let runs = (runs() / 50).max(100);
    println!(
        "\nUntil it is found, from the first bad window on: time and failed requests of the candidate, mean of {runs} runs:\n"
    );
    println!(
        "| requests/s | stable fails | candidate | after clean | one sum | sums that begin at each window |\n|---|---|---|---|---|---|"
    );
    let mut seed = 720;
    for (rate, base) in [(100, 0.001), (100, 0.01), (1000, 0.01)] {
        for odds in [3.0, 5.0, 20.0] {
            for minutes in [0, 5, 30] {
                seed += 1;
                let setting = Setting { rate, base, odds, clean: minutes * 6 };
                let found = each(runs, seed, |rng| walk(rng, &setting, setting.clean + PATIENCE));
                let [one, starts] = [0, 1].map(|which: usize| words(found.iter().map(|f| f[which])));
                println!("| {rate} | {} % | x{odds} | {minutes} min | {one} | {starts} |", base * 100.0);
            }
        }
    }
}

/// Everyone is on the candidate, which fails a thousandth; then more. One bet over the whole bake beside bets that begin at each window.
fn bake() {
    let rules = Rules::default();
    println!("\nIn the bake, objective 1 %, 100 requests a second, a candidate that fails 0.1 % and then more:\n");
    println!("| fails | after clean | one bet over the bake | bets that begin at each window |\n|---|---|---|---|");
    for (seed, (rate, minutes)) in [(0.02, 0), (0.02, 30), (0.05, 0), (0.05, 30), (1.0, 30)].into_iter().enumerate() {
        let found = each((runs() / 50).max(100), 760 + seed as u64, |rng| jump(rng, &rules, rate, minutes * 6));
        let [one, starts] = [0, 1].map(|which: usize| words(found.iter().map(|f| f[which])));
        println!("| {} % | {minutes} min | {one} | {starts} |", rate * 100.0);
    }
    let alarms = each(runs() / 10, 770, |rng| {
        // The objective itself, for an hour: the worst of what keeps it.
        let mut sums = baking(&rules);
        (0..360).any(|_| {
            let window = Counts::new(1000, binomial(rng, 1000, rules.objective));
            add(&mut sums, window, &rules);
            sums.ln_broken(&rules).0 >= rules.broken_at()
        })
    });
    let alarms = part(alarms.iter().filter(|a| **a).count(), alarms.len());
    println!("\nA candidate that fails just 1 % is found to break it in {alarms} of bakes of an hour.");
}

fn baking(rules: &Rules) -> Sums {
    let mut sums = Sums::new(rules);
    sums.bake();
    sums.step((100, 0));
    sums
}

fn add(sums: &mut Sums, window: Counts, rules: &Rules) {
    let growth = Growth { stable: Arm::new(Counts::default(), None), candidate: Arm::new(window, None) };
    sums.add(&[growth], Window::Warm, rules).unwrap();
}

fn jump(rng: &mut SmallRng, rules: &Rules, rate: f64, clean: usize) -> [Option<Found>; 2] {
    let mut sums = baking(rules);
    let (mut whole, mut failed, mut found) = (Counts::default(), 0, [None; 2]);
    for window in 0..clean + PATIENCE {
        let late = window >= clean;
        let counts = Counts::new(1000, binomial(rng, 1000, if late { rate } else { 0.001 }));
        failed += if late { counts.failures } else { 0 };
        whole = whole.plus(counts);
        add(&mut sums, counts, rules);
        let now = Found { windows: (window + 1).saturating_sub(clean), failed };
        for (found, ln_e) in found.iter_mut().zip([bet(whole, rules.objective), sums.ln_broken(rules).0]) {
            if ln_e >= rules.broken_at() {
                found.get_or_insert(now);
            }
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    found
}

/// The bet over all that was counted, against this limit.
fn bet(counts: Counts, limit: f64) -> f64 {
    let (failed, rest) = (counts.failures as f64, (counts.requests - counts.failures) as f64);
    let e = |q: f64| (failed * (q / limit).ln() + rest * ((-q).ln_1p() - (-limit).ln_1p())).exp();
    let rates = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0].map(|m| m * limit);
    (rates.into_iter().map(e).sum::<f64>() / 7.0).ln()
}

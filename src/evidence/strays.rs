//! Others at the candidate's own address who are so rare that nobody need have seen them.
//!
//! A look of a minute before the first step misses somebody who asks every thirty seconds by chance in one of seven cases, and
//! at one user a second two of his failures are what a candidate that fails often looks like. So others are always reckoned
//! with. How often they may fail is bounded by what the candidate fails at all, since theirs are among its failures: they come
//! no more often than all of these and [`MORE`] more did, in the time since the look began, at the moment at which that was
//! least. Before the first step that is what was seen of others. While users are few it falls with each minute without
//! failures, and later failures of many users do not raise it.
//!
//! What it takes from the evidence: let strangers' failures come at a rate of `mu` (a Poisson process). One that is put among
//! the candidate's requests multiplies a window's `e` for the odds ratio `psi` by at most `c = psi/(1 + (psi - 1) s)`, where `s` is
//! the candidate's part of the window's requests without its failures. For let `W(k)` be the sum over all sets of `k` failed requests, each
//! weighed by `psi` to the number of the candidate's among them: by the place of the new request's failure,
//! `W'(k + 1) (k + 1) = (n_c + 1) psi W(k) + n_b R`, and `R >= W(k)` is the same sum with one request of stable's made one of the
//! candidate's. So `E(psi^X)` grows by `1 + (psi - 1)(n_c + 1)/(n + 1)` at least, and `s` is no more than `(n_c + 1)/(n + 1)` however
//! many there are of them. Divided by phi it is `c^(1/phi)`. As `c^K` has the mean `exp((c - 1) mu t)` over their number `K` in a window
//! of `t`, `e exp(-(c - 1) mu t)` has a mean of at most 1 again, given all that came before. So a window's evidence is less by `(c - 1) mu t`, in
//! windows without failures as well, and no failure is left out. At one user of a hundred that is much for high odds and little for a candidate that fails
//! everything; at half of the users `c` is below 2, so it is little for all. `s` has none of the strangers' failures in it, so they cannot choose `c`.
//!
//! `mu` itself is estimated, so this is no bound with a stated error. By Poisson's law others who come at a
//! steady rate are taken for less than half of that after a look of a minute in at most 9 % of rollouts, after one of twenty seconds in
//! at most 45 % (four in a hundred seconds, that is; more often, less); it takes luck besides to be found "worse" by it.
//!
//! The other way round, where a materially worse candidate is to be excluded, one such failure divides a window's evidence by at most
//! `c` for the tolerated odds, where `s` has all that failed in it as well. As `c^-K` has the mean `exp(-(1 - 1/c) mu t)`, so much is
//! added, with a `mu` that is hardly too large: from the time in which users were few.

use super::clustering::Phi;
use super::counts::{Counts, Table, real};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many failures more than were counted may have been expected, of a hundred seconds or all of the time, whichever is longer.
// A rate that is twice in a hundred seconds is reckoned with, however short the look was; with more a candidate that fails everything
// would be found a reading later.
const MORE: u64 = 2;
const LEAST_TIME: u64 = 100_000;
/// No look is longer, in milliseconds: 35 years.
const LONGEST_LOOK: u64 = 1 << 40;
/// Up to this share, in percent, the candidate's failures tell of strangers...
const FEW: u8 = 5;
/// ...what they do at shares that are so many times larger.
const TIMES: u64 = 10;

/// What bounds how often others' requests to the candidate fail. Written as a list, some 40 bytes of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 8]", into = "[u64; 8]")]
pub struct Strays {
    /// Milliseconds that the candidate was watched for, the look before the first step included; 0: there was none.
    watched: u64,
    /// Failures of the candidate in that time, whosoever they were.
    failed: u64,
    /// The least that the bound has been: failures in a million seconds.
    least: u64,
    /// Milliseconds with few users or none, the failures in that time, and the sum of shares (percent times milliseconds).
    few: (u64, u64, u64),
    /// Failures that are expected at most in windows where they could break the objective (in millionths), and those of them that were
    /// not held against it.
    objective: (u64, u64),
}

impl From<[u64; 8]> for Strays {
    fn from([watched, failed, least, few, failed_of_few, shares, expected, excused]: [u64; 8]) -> Self {
        let few = (few.min(LONGEST_LOOK), failed_of_few.min(LONGEST_LOOK), shares);
        Self { watched: watched.min(LONGEST_LOOK), failed, least, few, objective: (expected, excused) }
    }
}

impl From<Strays> for [u64; 8] {
    fn from(strays: Strays) -> Self {
        let (few, failed, shares) = strays.few;
        [strays.watched, strays.failed, strays.least, few, failed, shares, strays.objective.0, strays.objective.1]
    }
}

impl Strays {
    /// After a look at the candidate before any user was on it, in which so many requests failed.
    pub fn seen(failed: u64, over: Duration) -> Self {
        let mut strays = Self::default();
        // What failed before there were users gives nothing back later: whoever it was may have stopped.
        strays.look(failed, over);
        strays
    }

    /// True if the candidate was never watched.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// These, or the other ones where the candidate was never watched.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_nothing() { other } else { self }
    }

    /// The candidate was watched for so much longer, and so many of its requests failed; nothing where nobody watched it before users
    /// came, because all that fails might be theirs.
    pub(super) fn watch(&mut self, failed: u64, window: Duration) {
        if !self.is_nothing() {
            self.look(failed, window);
        }
    }

    fn look(&mut self, failed: u64, window: Duration) {
        let before = self.watched;
        self.watched = before.saturating_add(millis(window)).min(LONGEST_LOOK);
        self.failed = self.failed.saturating_add(failed).min(LONGEST_LOOK);
        if self.watched == 0 {
            return;
        }
        let rate = |n: u64, over: u64| n.saturating_mul(1_000_000_000).div_ceil(over);
        let now = rate(self.failed, self.watched).saturating_add(rate(MORE, self.watched.max(LEAST_TIME)));
        self.least = if before == 0 { now } else { self.least.min(now) };
    }

    /// So many of the candidate's requests failed in a window in which it should have had this share of users, in percent.
    pub(super) fn at_share(&mut self, percent: u8, failed: u64, window: Duration) {
        if percent <= FEW && self.watched > 0 {
            self.few.0 = self.few.0.saturating_add(millis(window)).min(LONGEST_LOOK);
            self.few.1 = self.few.1.saturating_add(failed).min(LONGEST_LOOK);
            self.few.2 = self.few.2.saturating_add(millis(window).saturating_mul(u64::from(percent)));
        }
    }

    /// How many failures of others are expected in a window at most; 0 where the candidate was never watched before.
    pub(super) fn expected(&self, window: Duration) -> f64 {
        real(self.least) / 1e6 * window.as_secs_f64()
    }

    /// How many are expected in a window with this share at least: one deviation less than what failed while users were few, who were
    /// at most a tenth of what they are now.
    pub(super) fn expected_at_least(&self, percent: u8, window: Duration) -> f64 {
        let (time, failed, shares) = self.few;
        if time == 0 || shares.saturating_mul(TIMES) > time.saturating_mul(u64::from(percent)) {
            return 0.0;
        }
        surely(real(failed)) * window.as_secs_f64() * 1000.0 / real(time)
    }

    /// How many failures of a window are not held against the objective: where strangers could make half of what it allows. Beyond
    /// what is expected by two deviations and one it is the candidate's.
    pub(super) fn excused(&mut self, candidate: Counts, objective: f64, expected: f64) -> u64 {
        if expected <= 0.0 || expected < objective * real(candidate.requests) / 2.0 {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above 0; too much is cut")]
        let more = (expected * 1e6).ceil() as u64;
        self.objective.0 = self.objective.0.saturating_add(more).min(LONGEST_LOOK);
        let mean = real(self.objective.0) / 1e6;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above 0; too much is cut")]
        let most = (mean + 2.0 * mean.sqrt() + 1.0) as u64;
        let excused = most.saturating_sub(self.objective.1).min(candidate.failures);
        self.objective.1 = self.objective.1.saturating_add(excused);
        excused
    }
}

/// So many come at least where so many came: one deviation less.
pub(crate) fn surely(came: f64) -> f64 {
    (came - came.sqrt()).max(0.0)
}

/// What is added to the acceptance of a window (`ln`) because of as many failures of strangers, who made it smaller.
pub(super) fn made_smaller(expected: f64, odds: f64, share: f64, phi: Phi) -> f64 {
    (1.0 - 1.0 / most_of_one(odds, share.min(1.0), phi)) * expected
}

/// By how much one failure of a stranger can multiply the evidence for an odds ratio of `psi`, where the candidate has this part
/// of the requests without its failures.
pub(super) fn most_of_one(psi: f64, share: f64, phi: Phi) -> f64 {
    (psi / (1.0 + (psi - 1.0) * share)).powf(1.0 / phi.get())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The least part that the candidate has of what did not fail, over strata; 1 where nothing can be compared.
pub(super) fn least_share(strata: impl Iterator<Item = Table>) -> f64 {
    let share = |t: Table| {
        let clean = t.candidate.requests - t.candidate.failures;
        real(clean) / real(clean.saturating_add(t.stable.requests))
    };
    strata.filter(|t| t.stable.requests > 0).map(share).fold(1.0, f64::min)
}

/// The largest part that the candidate has, over strata, with all that failed anywhere as if it were its; none where there is not
/// one stratum with requests of both.
pub(super) fn most_share(strata: impl Iterator<Item = Table>) -> Option<f64> {
    let share = |t: Table| {
        let all = t.candidate.requests.saturating_add(t.stable.requests);
        real(t.candidate.requests.saturating_add(t.failures())) / real(all)
    };
    strata.filter(|t| t.stable.requests > 0 && t.candidate.requests > 0).map(share).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::comparison::{GRID, exact};
    use super::super::logs::{ln_choose, log_sum};
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_bound_is_what_failed_and_two_more_when_that_was_least() {
        let per_minute = |strays: &Strays| strays.expected(seconds(60));
        let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-3, "{found} {wanted}");
        assert!(per_minute(&Strays::default()).abs() < 1e-12, "nobody looked");
        let mut strays = Strays::seen(0, seconds(60));
        near(per_minute(&strays), 1.2);
        near(per_minute(&Strays::seen(0, seconds(20))), 1.2);
        strays.watch(0, seconds(120));
        near(per_minute(&strays), 2.0 / 3.0);
        // Whoever fails later was not there, or is a user.
        strays.watch(50, seconds(60));
        near(per_minute(&strays), 2.0 / 3.0);
        near(per_minute(&Strays::seen(6, seconds(60))), 7.2);
        let text = serde_json::to_string(&strays).unwrap();
        assert_eq!((text.as_str(), serde_json::from_str(&text).ok()), ("[240000,50,11112,0,0,0,0,0]", Some(strays)));
    }

    /// Over all that users and strangers may do in a window, weighted as they do it: no more than 1, and not far below it at a small
    /// share, so nothing is given away there.
    #[test]
    fn with_strangers_the_mean_is_one_at_most() {
        for (n_c, n_b, k, mean) in [(3_u64, 60_u64, 4_u64, 0.4_f64), (12, 12, 5, 1.5), (1, 99, 2, 0.2)] {
            for phi in [Phi::ONE, Phi::of(2.0)] {
                for psi in GRID {
                    let expectation = |off: bool| {
                        let mut logs = vec![];
                        for x in k.saturating_sub(n_b)..=k.min(n_c) {
                            let ways = ln_choose(n_c, x) + ln_choose(n_b, k - x) - ln_choose(n_c + n_b, k);
                            for strangers in 0..40_u64 {
                                let table = Table::of(n_c + strangers, n_b, x + strangers, k - x);
                                let come = real(strangers) * mean.ln() - mean - libm::lgamma(real(strangers) + 1.0);
                                let one = most_of_one(psi, least_share(std::iter::once(table)), phi);
                                let less = if off { (one - 1.0) * mean } else { 0.0 };
                                let ln_e = if table.is_mute() { 0.0 } else { exact(table, 1.0, psi) / phi.get() };
                                logs.push(ways + come + ln_e - less);
                            }
                        }
                        log_sum(&logs).exp()
                    };
                    let (with, without) = (expectation(true), expectation(false));
                    assert!(with <= 1.0 + 1e-9, "{n_c} {n_b} {psi}: {with}");
                    if phi == Phi::ONE {
                        assert!(without > 1.0, "{n_c} {n_b} {psi}: {without}");
                        assert!(n_b < 60 || psi > 5.0 || with > 0.5, "{n_c} {n_b} {psi}: {with}");
                    }
                }
            }
        }
    }

    /// The other direction, with as many strangers as are reckoned with: against odds of three, at odds of three, no more than 1.
    #[test]
    fn what_they_take_from_an_acceptance_is_given_back_and_no_more() {
        let odds = 3.0;
        for (n_c, n_b, k, mean) in [(30_u64, 30_u64, 3_u64, 0.4_f64), (50, 150, 2, 1.0), (12, 12, 5, 1.5)] {
            let z = super::super::conditional::ln_z(Table::of(n_c, n_b, 0, k), odds);
            let mut logs = vec![];
            for x in k.saturating_sub(n_b)..=k.min(n_c) {
                let law = ln_choose(n_c, x) + ln_choose(n_b, k - x) + real(x) * odds.ln() - z;
                for strangers in 0..40_u64 {
                    let table = Table::of(n_c + strangers, n_b, x + strangers, k - x);
                    let come = real(strangers) * mean.ln() - mean - libm::lgamma(real(strangers) + 1.0);
                    let share = most_share(std::iter::once(table)).unwrap();
                    logs.push(law + come - exact(table, 1.0, odds) + made_smaller(mean, odds, share, Phi::ONE));
                }
            }
            let expectation = log_sum(&logs).exp();
            assert!(expectation <= 1.0 + 1e-9 && expectation > 0.6, "{n_c} {n_b}: {expectation}");
        }
        assert_eq!(most_share(std::iter::once(Table::of(0, 90, 0, 5))), None);
    }

    #[test]
    fn what_failed_while_users_were_few_is_expected_at_ten_times_their_share() {
        let mut strays = Strays::seen(2, seconds(60));
        let at_least = |strays: &Strays, percent| strays.expected_at_least(percent, seconds(60));
        assert!(at_least(&strays, 50).abs() < 1e-12, "whoever failed in the look may have stopped");
        strays.at_share(1, 2, seconds(60));
        strays.at_share(5, 2, seconds(60));
        strays.at_share(25, 40, seconds(60));
        assert!(at_least(&strays, 25).abs() < 1e-12, "a mean share of three");
        assert!((at_least(&strays, 30) - surely(4.0) / 2.0).abs() < 1e-9);
        assert!(Strays::default().expected_at_least(50, seconds(60)).abs() < 1e-12);
    }

    /// Two a minute are three in a hundred of one user a second; of fifty they are nothing.
    #[test]
    fn the_objective_forgives_them_where_they_could_make_half_of_what_it_allows() {
        let mut strays = Strays::seen(0, seconds(60));
        let mut excused = |requests, failed| strays.excused(Counts::new(requests, failed), 0.01, 0.2);
        assert_eq!([excused(10, 1), excused(10, 1), excused(500, 3)], [1, 1, 0]);
        assert_eq!((excused(10, 8), excused(10, 8)), (1, 0), "a candidate's own are more than that");
    }

    #[test]
    fn the_larger_the_share_the_less_a_stranger_can_do() {
        let one = |share| most_of_one(100.0, share, Phi::ONE);
        assert!((one(0.0) - 100.0).abs() < 1e-9 && one(0.01) < 51.0 && one(0.5) < 2.0 && (one(1.0) - 1.0).abs() < 1e-9);
        assert!((most_of_one(100.0, 0.0, Phi::of(2.0)) - 10.0).abs() < 1e-9);
        // Failures are no part of it, and of several gateways the least counts.
        let share = |tables: &[Table]| least_share(tables.iter().copied());
        assert!((share(&[Table::of(30, 90, 20, 5)]) - 0.1).abs() < 1e-9);
        assert!(share(&[Table::of(30, 90, 20, 5), Table::of(5, 95, 5, 0)]).abs() < 1e-9);
        assert!((share(&[Table::of(9, 0, 3, 0)]) - 1.0).abs() < 1e-9, "nothing to compare with");
    }
}

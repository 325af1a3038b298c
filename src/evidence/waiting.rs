//! Does the candidate keep its requests waiting? Counts of what has *ended* know nothing of a request that hangs until its
//! client gives up, minutes later, so what is in flight is judged by itself.
//!
//! **Worse than stable.** At each reading, the requests that arrived since the windows of the step opened are compared as
//! [`super::comparison`] compares failures, "failed" being "still in flight". What was in flight at the opening is taken off
//! the candidate's and nothing off stable's, so the candidate has at least what is counted for it and stable at most; the
//! evidence rises with the first and falls with the second, so it is at most what the exact numbers would give. Given how
//! many arrived at both arms and how many wait, random assignment then makes its mean at most 1 if the candidate keeps
//! nobody longer than stable does, however long answers take. *One* reading's evidence, that is: the same waiting request
//! is in many readings, so values of two readings are not independent, and their product would be no evidence at all. They
//! are summed with weights that are fixed before anything is read: the `j`-th reading of the `i`-th step has
//! `1/(i (i+1)) 1/(j (j+1))`, which add up to 1 over all pairs there could ever be. The sum never falls; its mean at the end
//! of time is at most 1 whatever the dependence (a reading that never comes, because the walk went on or back, only leaves
//! out a value that is not negative); so by Markov's inequality it ever exceeds `1/a` with a probability of at most `a`. It
//! is a part of the one sum with failures and latency ([`super::sums`]): the conditional mean of its end is a martingale
//! that is never below it, so Ville's inequality holds for the whole.
//!
//! While requests from before the split still end, failures cannot be compared by windows, which count what ends. Those among what
//! arrived since can, in just this way: "failed until now" is what "still in flight" is otherwise, and everything that was in flight at
//! the opening may be among the candidate's failures. So a candidate that fails at once need not be borne until the others have ended.
//!
//! **Accepted** is the candidate only if it is excluded that a share of its requests of the tolerated rate hangs beyond what
//! stable's do. Waiting is never added to failures: added to both arms it would dilute their odds. Three ways exclude it, and
//! they share the error:
//!
//! - The bet of [`super::bound`] against "at least so many of the requests hang". What hangs is in flight at every later
//!   reading, or was when its gateway was read last, so the least that was so since some reading bounds how many of the requests until
//!   then hang. A bound
//!   from above only weakens the bet, which is anytime-valid in the number of requests. Requests that were answered and go
//!   on as streams are none of these.
//! - Where answers take long enough for some to be in flight at any moment, beside stable: three times stable's odds of
//!   waiting are excluded *and*, by the bet, half as many again as the tolerated rate. (If fewer than three times stable's
//!   odds wait, and the tolerated rate more than stable's share does, at least one and a half times that rate waits.)
//! - Where much waits at both, half as many again as stable's odds are excluded: slow answers hide a small excess from
//!   whatever looks at what is in flight, and a share of what waits at stable is all that can be told.
//!
//! The two that look beside stable do so in two ways, which share their error. Of one reading, with that reading's weight:
//! there the candidate has all that is in flight; from stable's what was in flight at the opening is taken off unless it is
//! known to have ended. And over readings that are apart, so far that whatever was in flight at stable at one of them has
//! ended by the next: what came in between was assigned by itself, so given all that was before, its evidence has a mean of at
//! most 1 again, and those values may be multiplied, over all steps. The candidate has all that is in flight there, too, what
//! hangs since long ago included, and stable what came since and is unanswered. Without this a service of slow answers and few
//! users could not be told from one that hangs within any hour: one look sees only so many requests.
//!
//! A gateway that ended, or began anew, counts as one that stands still ([`super::window`]): "in flight" is "in flight now, or when
//! its gateway was read last", of requests that came by then. A request's gateway, and when that ends, do not depend on its arm, so all
//! of the above holds for that as well. Readings that are apart leave such a gateway out, as they leave out what came before.
//!
//! It depends on the single tests.

use super::acceptance;
use super::bound::ln_bet;
use super::clustering::Phi;
use super::cold;
use super::comparison::Comparison;
use super::counts::{Counts, Table, real};
use super::flight::Flight;
use super::logs::{log_mean, log_sum};
use super::nats::{Nats, Trouble};
use super::strays::least_share;
use super::window::Growth;
use serde::{Deserialize, Serialize};

/// So many readings are looked back at for the least that was in flight.
// A minute with the usual interval. The least of more readings is lower, and the requests until then are fewer.
const RECENT: usize = 6;
/// Parts of the error of an acceptance: the bet; three times the odds with a bet, and one and a half times the odds, of one reading;
/// the same over readings that are apart.
const PARTS: [f64; 5] = [0.7, 0.075, 0.075, 0.075, 0.075];
/// The odds of the latter two.
const ODDS: [f64; 2] = [3.0, 1.5];

/// How failures are compared while requests from before the split still end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Early {
    /// But for so many at most, that pods which start cold may have failed.
    pub most: u64,
    /// Divided as failures come.
    pub phi: Phi,
    /// So many are expected to be strangers' at most from one reading to the next.
    pub strays: f64,
}

/// What is known of requests that wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// `ln` of the weighted sum over readings; none: no reading could be compared yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<Nats>,
    /// The step, in the order of the walk, and the reading within it; both count from 1.
    place: (u32, u32),
    /// The last readings: requests of the candidate that had ended by then, and those that were unanswered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    recent: Vec<(u64, u64)>,
    /// `ln` of the evidence against so many times stable's odds of waiting ([`ODDS`]) at the last reading.
    #[serde(default, skip_serializing_if = "are_none")]
    against: [Nats; 2],
    /// The same over readings that were apart, multiplied.
    #[serde(default, skip_serializing_if = "are_none")]
    apart: [Nats; 2],
    /// What arrived and what waits of it, at the last reading: the candidate, stable.
    #[serde(default, skip_serializing_if = "is_empty")]
    last: (Counts, Counts),
    /// Others' requests to the candidate that may be in flight.
    #[serde(default, skip_serializing_if = "is_zero")]
    others: u64,
    /// Requests of the candidate that may hang where nobody looks: at gateways that were gone when counters were lost.
    #[serde(rename = "unseen", default, skip_serializing_if = "is_zero")]
    hang_unseen: u64,
    /// The same with those at gateways that are gone by the last reading.
    #[serde(skip)]
    unseen: u64,
}

/// Both arms where both are told: the candidate, stable.
fn both(growth: &Growth) -> Option<(Flight, Flight)> {
    growth.candidate.flight.zip(growth.stable.flight)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn are_none(against: &[Nats; 2]) -> bool {
    *against == [Nats::ZERO; 2]
}

fn is_empty(last: &(Counts, Counts)) -> bool {
    *last == <(Counts, Counts)>::default()
}

impl InFlight {
    /// True if no step has begun.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// True once the source has told of requests in flight.
    pub(super) fn is_told(&self) -> bool {
        !self.recent.is_empty()
    }

    /// The counters are lost that tell of gateways that are gone: so many of the candidate's requests may hang there.
    pub(super) fn forgets(&mut self, hang_unseen: u64) {
        self.hang_unseen = self.hang_unseen.saturating_add(hang_unseen);
    }

    /// A step begins: other requests are looked at.
    pub(super) fn step(&mut self) {
        self.place = (self.place.0.saturating_add(1), 0);
        (self.against, self.last, self.others) = Default::default();
    }

    /// A reading is looked at, whatever it says: its weight is used up.
    pub(super) fn look(&mut self) {
        self.place = (self.place.0.max(1), self.place.1.saturating_add(1));
    }

    /// Adds what a reading tells, after [`Self::look`]. `ended`: gateways that are gone. `proved`: requests of the candidate that have
    /// ended and prove something. `others`: how many more requests may have come that are nobody's. Strata whose source tells nothing
    /// of this are left out.
    pub(super) fn add(
        &mut self,
        growths: &[Growth],
        ended: Option<&Growth>,
        proved: u64,
        others: u64,
    ) -> Result<(), Trouble> {
        self.compare(growths, ended, others, None)?;
        let mut against = [Nats::ZERO; 2];
        for (candidate, stable) in growths.iter().chain(ended).filter_map(both) {
            let shorter = Table { stable: stable.at_least(), candidate: candidate.at_most() };
            for (sum, odds) in against.iter_mut().zip(ODDS) {
                *sum = sum.plus(acceptance::window(shorter, odds)?);
            }
        }
        let told = growths.iter().filter_map(|growth| growth.candidate.flight);
        let Some(unanswered) = told.map(|flight| flight.unanswered).reduce(u64::saturating_add) else { return Ok(()) };
        let unseen = ended.and_then(|ended| ended.candidate.flight).map_or(0, |flight| flight.unanswered);
        self.unseen = self.hang_unseen.saturating_add(unseen);
        self.against = against;
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        }
        self.recent.push((proved, unanswered.saturating_add(self.unseen)));
        Ok(())
    }

    /// Adds a reading to those that are apart: all that was in flight at stable at the last one of them, or when the windows opened,
    /// has ended since, and the mark was set then.
    pub(super) fn add_apart(&mut self, growths: &[Growth]) -> Result<(), Trouble> {
        for (candidate, stable) in growths.iter().filter_map(both) {
            let table = Table { stable: stable.fresh_unanswered(), candidate: candidate.fresh_at_most() };
            for (product, odds) in self.apart.iter_mut().zip(ODDS) {
                *product = product.plus(acceptance::window(table, odds)?);
            }
        }
        Ok(())
    }

    /// Adds to the comparison alone, after [`Self::look`]. While requests from before the split still end (`draining`), failures
    /// among what arrived since are compared in the same way, because windows cannot be yet.
    pub(super) fn compare(
        &mut self,
        growths: &[Growth],
        ended: Option<&Growth>,
        others: u64,
        failures: Option<Early>,
    ) -> Result<(), Trouble> {
        let draining = failures.is_some();
        let others = if draining { others } else { self.others.saturating_add(others) };
        self.others = if draining { 0 } else { others };
        let (mut longer, mut failed) = (Comparison::default(), Comparison::default());
        let (mut wait, mut fail) = (Table::default(), Table::default());
        let mut share = 1.0_f64;
        for (candidate, stable) in growths.iter().chain(ended).filter_map(both) {
            let table = Table { stable: stable.at_most(), candidate: candidate.at_least() }.without_failures(others);
            longer.add(table)?;
            wait = wait.plus(table);
            if let Some(Early { most, phi, .. }) = failures {
                let table = Table { stable: stable.failed_at_most(), candidate: candidate.failed_at_least() };
                let users = table.without_failures(others);
                // They are counted since the step began, so what is excused of them is as well.
                let table = users.without_failures(cold::excusable(users.candidate).min(most));
                failed.add_beyond(table, 1.0, phi)?;
                fail = fail.plus(table);
                share = share.min(least_share(std::iter::once(table)));
            }
        }
        if let Some(Early { phi, strays, .. }) = failures {
            failed.less_strays(strays * f64::from(self.place.1), share, phi)?;
        }
        self.last = (wait.candidate, wait.stable);
        // Which outcomes are looked at is known before: the mean of both, or one.
        let (ln_e, mute) = if draining {
            (log_mean(&[longer.ln_e(), failed.ln_e()]), wait.is_mute() && fail.is_mute())
        } else {
            (longer.ln_e(), wait.is_mute())
        };
        if !mute {
            let more = self.ln_weight() + ln_e;
            let sum = self.sum.map_or(more, |sum| log_sum(&[sum.value(), more]));
            self.sum = Some(Nats::floor(sum)?);
        }
        Ok(())
    }

    /// `ln` of the weight of the present reading.
    fn ln_weight(&self) -> f64 {
        let of = |n: u32| (f64::from(n.max(1)) * (f64::from(n.max(1)) + 1.0)).ln();
        -of(self.place.0) - of(self.place.1)
    }

    /// `ln E` that the candidate keeps requests longer than stable; negative infinity before anything was compared.
    pub fn ln_worse(&self) -> f64 {
        self.sum.map_or(f64::NEG_INFINITY, Nats::value)
    }

    /// `ln E` that no share of `rate` of the candidate's requests hangs beyond what stable's do. It is accepted at `1/beta`.
    pub fn ln_accepted(&self, rate: f64) -> f64 {
        let against = self.against.map(|ln| self.ln_weight() + ln.value());
        let bet = self.ln_bet(ODDS[0] / (ODDS[0] - 1.0) * rate);
        let [apart_of_many, apart_of_slow] = self.apart.map(Nats::value);
        [self.ln_bet(rate), against[0].min(bet), against[1], apart_of_many.min(bet), apart_of_slow]
            .into_iter()
            .zip(PARTS)
            .map(|(ln, part)| part.ln() + ln)
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// The best bet of the last readings: of the requests until one of them hang at most as many as were unanswered at each
    /// one since.
    fn ln_bet(&self, rate: f64) -> f64 {
        let mut least = u64::MAX;
        let mut best = f64::NEG_INFINITY;
        for (requests, unanswered) in self.recent.iter().rev() {
            least = least.min(*unanswered);
            best = best.max(ln_bet(real(least.min(*requests)), real(*requests), rate.min(0.999)));
        }
        best
    }

    /// Requests of the candidate that may hang where nobody looks: at gateways that are gone.
    pub(super) fn unseen(&self) -> u64 {
        self.unseen
    }

    /// What came since the windows of the step opened and what of it waits at least, of the candidate; of stable at most.
    pub fn last(&self) -> Table {
        Table { candidate: self.last.0, stable: self.last.1 }
    }
}

#[cfg(test)]
mod tests;

//! What the sums say: that the candidate is worse, of which part that is, and what is excluded of it. Decides the weights of the
//! parts. It may use the sums that it is of.

use super::{InFlight, Sums};
use crate::evidence::logs::log_sum;
use crate::evidence::rules::Rules;
use crate::evidence::statuses::Statuses;

/// Weight of requests that wait in the comparison, and of failures and latency in the rest.
// Weights that sum to 1 keep one error for all: a weighted mean of e-values is one. The objective is not in it, because
// it tests against something else: in an incident of both arms six failures of fifty requests would be enough for it.
// What hangs is loud (a tenth of the error costs it some two nats), so that little is taken from the others.
const WAITING: f64 = 0.1;
/// Weight of what the status of answers tells beside failures: client errors and gRPC, half of it each.
// Loud as well: a candidate that answers 404 to everything tells some 3 nats a request, as many as its twentieth costs it. It
// costs failures and latency a ninth of their weight, 0.12 nats.
const STATUSES: f64 = 0.1;
const WEIGHTS: [f64; 2] = [0.6, 0.4];

impl Sums {
    /// `ln E` that the candidate is worse than stable: failures, latency, waiting and statuses together, one error for all.
    pub fn ln_worse(&self) -> f64 {
        let ended = match &self.latency {
            None => self.failures.ln_e(),
            Some(latency) => log_sum(&[WEIGHTS[0].ln() + self.failures.ln_e(), WEIGHTS[1].ln() + latency.ln_e()]),
        };
        let statuses = STATUSES.ln() + self.statuses.ln_worse();
        log_sum(&[(1.0 - WAITING - STATUSES).ln() + ended, WAITING.ln() + self.waiting.ln_worse(), statuses])
    }

    /// What the status of answers tells beside failures.
    pub fn statuses(&self) -> &Statuses {
        &self.statuses
    }

    /// True if it is more than half of the evidence that the candidate is worse.
    pub fn is_by_status(&self) -> bool {
        STATUSES.ln() + self.statuses.ln_worse() > self.ln_worse() - std::f64::consts::LN_2
    }

    /// The counters are lost that tell of gateways that are gone: so many of the candidate's requests may hang there.
    pub(in crate::evidence) fn forgets(&mut self, hang_unseen: u64) {
        self.waiting.forgets(hang_unseen);
    }

    /// Requests of the candidate that may hang where nobody looks: at gateways that are gone.
    pub fn unseen(&self) -> u64 {
        self.waiting.unseen()
    }

    /// What is known of requests that wait; none before the first step.
    pub fn waiting(&self) -> Option<&InFlight> {
        Some(&self.waiting).filter(|waiting| !waiting.is_nothing())
    }

    /// `ln E` for failures and, if it is compared, for latency with the edge (in microseconds) where it is strongest.
    pub fn parts(&self) -> (f64, Option<(f64, u64)>) {
        let latency = self.latency.as_ref().and_then(|l| Some((l.ln_e(), l.loudest()?)));
        (self.failures.ln_e(), latency)
    }

    /// `ln E` against a candidate that lets more hang than stable does, where the source tells what waits.
    pub fn ln_waits_no_longer(&self, rules: &Rules) -> Option<f64> {
        self.waiting().filter(|waiting| waiting.is_told()).map(|waiting| waiting.ln_accepted(rules.tolerated_rate))
    }

    /// `ln E` against a materially slower candidate where there is least of it, and the edge there (in microseconds), where times
    /// were compared.
    pub fn ln_no_slower(&self, rules: &Rules) -> Option<(f64, u64)> {
        self.latency.as_ref()?.ln_accepted(rules.margin, &self.slow)
    }
}

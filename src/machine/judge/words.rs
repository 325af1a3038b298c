//! What the judge says, for people: counts of both arms, the evidence, what decides, and why. Decides words only. It
//! may use sums and rules.

use super::Judge;
use crate::evidence::counts::Counts;
use crate::evidence::statuses::StatusOutcome;
use crate::evidence::{Missed, Rules, Strangers, Sums, Table};
use crate::model::name::RevisionName;
use jiff::SignedDuration;
use std::time::Duration;

/// A number with two or three digits that matter.
pub(super) fn number(value: f64) -> String {
    if value.is_nan() {
        return "not a number".to_owned();
    }
    if value >= 1e6 {
        return "over 1000000".to_owned();
    }
    let text = match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v >= 0.01 => format!("{v:.2}"),
        v if v > 0.0 => return format!("{v:.1e}"),
        _ => "0".to_owned(),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Evidence given as its logarithm. Its size is cut at e^20, which is far above a million, where [`number`] says no
/// more.
pub(in crate::machine) fn evidence(ln: f64) -> String {
    number(ln.min(20.0).exp())
}

/// `0.31 %`.
pub(super) fn percent(rate: f64) -> String {
    format!("{} %", number(rate * 100.0))
}

/// A span of time in whole seconds.
pub(super) fn seconds(span: SignedDuration) -> String {
    self::span(Duration::from_secs(span.as_secs().unsigned_abs()))
}

/// A span of time as people write it.
pub(super) fn span(span: Duration) -> String {
    crate::model::time::words(span)
}

pub(super) fn of(counts: Counts) -> String {
    format!("{} of {} ({})", counts.failures, counts.requests, percent(counts.rate()))
}

/// What stable misses: `41 of 1800 (2.28 %) failed, at most 1 % wanted`.
pub(super) fn missed(missed: &Missed, rules: &Rules) -> String {
    let failed =
        missed.failed.map(|counts| format!("{} failed, at most {} wanted", of(counts), percent(rules.objective)));
    let slow = missed.slow.zip(rules.tail).map(|(counts, tail)| {
        let within = number(micros(tail.within) / 1000.0);
        format!("{} slower than {within} ms, at most {} wanted", of(counts), percent(tail.part))
    });
    failed.into_iter().chain(slow).collect::<Vec<_>>().join("; ")
}

/// What the objectives are where stable missed them.
pub(crate) fn instead(missed: &Missed, rules: &Rules, stable: &RevisionName) -> String {
    let failed = missed.failed.map(|_| format!("{} may fail", percent(missed.limit(rules))));
    let slow = missed
        .slow
        .zip(rules.tail)
        .map(|(_, tail)| format!("{} may be so slow", percent(missed.part(tail.part, rules))));
    format!(
        "for this rollout it is to be no worse than {stable}: the comparison judges, and at 100 %, where there is nothing to compare with, \
         {} ({} times its odds)",
        failed.into_iter().chain(slow).collect::<Vec<_>>().join(", "),
        number(rules.tolerated_odds)
    )
}

/// What was counted of the candidate before the windows of its steps opened: told apart, because not all of it is of users, and what ends
/// then may have come under the split before.
pub(super) fn between(sums: &Sums, also: &str) -> String {
    let Counts { requests, failures } = sums.between().candidate;
    if requests == 0 {
        return String::new();
    }
    format!(
        " ({also}{failures} of {requests} while a split was on its way or earlier requests ended, Knative's own probes among them)"
    )
}

/// What an outcome is called.
pub(super) fn status_name(outcome: StatusOutcome) -> &'static str {
    match outcome {
        StatusOutcome::ClientErrors => "4xx",
        StatusOutcome::GrpcFailed => "gRPC",
    }
}

/// `812 of 900 beside 3 of 8100`: the candidate, stable.
fn beside(counted: Table) -> String {
    let (c, b) = (counted.candidate, counted.stable);
    format!("{} of {} beside {} of {}", c.failures, c.requests, b.failures, b.requests)
}

impl Judge {
    /// Counts of both arms, and the evidence that the candidate is worse.
    pub fn words(&self) -> String {
        let Some(sums) = &self.sums else { return "nothing counted yet".to_owned() };
        let counted = sums.counted();
        let (failures, latency) = sums.parts();
        let slower = latency.map_or_else(String::new, |(ln, edge)| {
            // Where nothing speaks against the candidate, no edge says anything.
            let at = if ln > 0.0 { format!(" at {} ms", number(micros(edge) / 1000.0)) } else { String::new() };
            format!(", slower {}{at}", evidence(ln))
        });
        let waiting = sums.waiting().map(|w| (w.ln_worse(), w.last())).filter(|(ln, _)| *ln > 0.0);
        let waiting = waiting.map_or_else(String::new, |(ln, last)| {
            let (c, b) = (last.candidate, last.stable);
            format!(
                ", waiting {} ({} of {} beside {} of {})",
                evidence(ln),
                c.failures,
                c.requests,
                b.failures,
                b.requests
            )
        });
        let statuses = sums.statuses().loudest().map_or_else(String::new, |(outcome, ln, counted)| {
            let name = status_name(outcome);
            let together = sums.statuses().together(outcome, &self.rules).and_then(|phi| phi.words(name));
            let together = together.map_or_else(String::new, |how| format!("; {how}"));
            format!(", {name} {} ({}{together})", evidence(ln), beside(counted))
        });
        let others = sums.strangers().map(Strangers::failed).filter(|n| *n > 0);
        let others = others.map_or_else(String::new, |n| format!(" (others at its address may have {n} of these)"));
        let cold = Some(sums.excused()).filter(|n| *n > 0);
        let cold =
            cold.map_or_else(String::new, |n| format!(" ({n} of these just after a step, which are not compared)"));
        let between = between(sums, "and ");
        let together = sums.clustered(&self.rules).map_or_else(String::new, |how| format!("; {how}"));
        format!(
            "{} failed {}{others}{cold}{between}, {} {}; evidence of worse {} (failures {}{slower}{waiting}{statuses}{together}; {} decides)",
            self.arms.candidate,
            of(counted.candidate),
            self.arms.stable,
            of(counted.stable),
            evidence(sums.ln_worse()),
            evidence(failures),
            evidence(self.worse_at()),
        )
    }

    /// What the evidence says, with the part that decides next.
    pub fn summary(&self) -> String {
        self.sums.as_ref().map_or_else(|| self.words(), |sums| self.accepted(sums))
    }

    /// Too little was counted at this step. Before a window has closed nobody knows whether anything was.
    pub(super) fn few(&self, windows: bool, candidate: u64) -> String {
        let (of, least) = (&self.arms.candidate, self.rules.min_requests);
        match candidate {
            _ if !windows && self.drain.ends(&self.rules).is_some() && self.mixed => {
                "what came before this step's split has not ended yet".to_owned()
            }
            _ if !windows => "the first window of this step has not closed yet".to_owned(),
            0 => format!("no request to {of} has been counted at this step"),
            n => format!("{n} requests to {of} were counted at this step, at least {least} wanted"),
        }
    }

    pub(super) fn missplit(&self, (candidate, stable): (u64, u64), percents: (u8, u8)) -> String {
        let (of_candidate, of_stable) = percents;
        let all = f64::from(of_candidate) + f64::from(of_stable);
        let total = candidate.saturating_add(stable);
        format!(
            "{} got {candidate} of {total} requests ({}), {} were asked for: traffic does not fall as the split says (or \
             others use its own address); nothing is judged until it does",
            self.arms.candidate,
            percent(Counts::new(total, candidate).rate()),
            percent(f64::from(of_candidate) / all)
        )
    }

    /// The comparison, and the evidence that the candidate is not materially worse.
    pub(super) fn accepted(&self, sums: &Sums) -> String {
        format!("{}; {}", self.words(), self.exclusion(sums))
    }

    fn exclusion(&self, sums: &Sums) -> String {
        let needed = self.rules.accepted_at();
        // What is excluded is not told each time, and before failures are there is time for it.
        let told = |ln: &f64| *ln < needed && sums.ln_accepted(&self.rules) >= needed;
        let slower =
            sums.ln_no_slower(&self.rules).filter(|(ln, _)| told(ln)).map_or_else(String::new, |(ln, edge)| {
                format!(
                    "; evidence against {} times the odds of taking longer than {} ms {}, {} needed",
                    number(self.rules.margin.material()),
                    number(micros(edge) / 1000.0),
                    evidence(ln),
                    evidence(needed)
                )
            });
        let unseen = Some(sums.unseen()).filter(|n| *n > 0);
        let unseen = unseen.map_or_else(String::new, |n| format!(" ({n} may, whose gateway pod ended)"));
        let waits = sums.ln_waits_no_longer(&self.rules).filter(told).map_or_else(String::new, |ln| {
            format!(
                "; evidence against {} more that hang{unseen} {}, {} needed",
                percent(self.rules.tolerated_rate),
                evidence(ln),
                evidence(needed)
            )
        });
        let leans = if sums.leans() { "; no last step while the evidence of worse grows" } else { "" };
        format!(
            "evidence against {} times the odds of failure (and {} or more) {}, {} needed{waits}{slower}{leans}",
            number(self.rules.tolerated_odds),
            percent(self.rules.tolerated_rate),
            evidence(sums.ln_accepted(&self.rules)),
            evidence(self.rules.accepted_at())
        ) + &self.statuses_not_excluded(sums)
    }
}

/// Microseconds as a number; an edge is far below 2^53.
pub(super) fn micros(edge: u64) -> f64 {
    crate::evidence::counts::real(edge.min(1 << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_12, "1.2e-4"),
            (0.05, "0.05"),
            (3.0, "3"),
            (9.5, "9.5"),
            (12.345, "12.3"),
            (100.0, "100"),
            (1234.5, "1234"),
            (5e9, "over 1000000"),
            (f64::NAN, "not a number"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(percent(0.003_1), "0.31 %");
        assert_eq!(evidence(1e9), "over 1000000");
    }
}

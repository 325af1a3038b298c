//! Flags that say how evidence is judged.
//!
//! Decides defaults, and which numbers make sense together; [`crate::evidence`] judges by them.

use super::duration;
use crate::evidence::{Margin, OnInconclusive, OnObjective, Phi, RuleOptions, Rules, Tail, clustering};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Flags of the judge.
#[derive(Debug, Clone, Args)]
pub struct JudgeArgs {
    /// The part of requests that may fail.
    #[arg(long, value_name = "PART", default_value = "1%", value_parser = part, help_heading = "Judgement")]
    pub objective: f64,
    /// The latency that is wanted, for example p99<=500ms (taken up to the next edge of the histogram).
    #[arg(long, value_name = "pN<=TIME", value_parser = tail, help_heading = "Judgement")]
    pub latency_objective: Option<Tail>,
    /// How much slower than stable the candidate may be: `odds:N`, at each edge of the histogram up to N times stable's odds of
    /// taking longer; a number, by so many edges; `off`, latency is not compared.
    #[arg(long, value_name = "MARGIN", default_value = "odds:1.5", value_parser = margin, help_heading = "Judgement")]
    pub latency_margin: Margin,
    /// The candidate may have so many times stable's odds of answering 4xx, and in any case as many as the objective lets fail,
    /// for example odds:3; `off`: they are not compared, and a release that answers 404 to everything is promoted.
    #[arg(long, value_name = "odds:TIMES", default_value = "odds:2", value_parser = client_error_margin, help_heading = "Judgement")]
    pub client_error_margin: ClientErrorMargin,
    /// How many failures have one cause, as a rule: evidence counts them as one. From 1 (failures are independent) to 100;
    /// `auto`: as many as stable's own failures show.
    #[arg(long, value_name = "N", default_value = "auto", value_parser = together, help_heading = "Judgement")]
    pub clustering: Together,
    /// A failure rate below this does not matter, whatever stable's is; else a tenth of the objective.
    #[arg(long, value_name = "PART", value_parser = part, help_heading = "Judgement")]
    pub tolerated_rate: Option<f64>,
    /// A candidate with fewer than so many times stable's odds of failure may be promoted.
    #[arg(long, value_name = "TIMES", default_value_t = 3.0, value_parser = odds, help_heading = "Judgement")]
    pub tolerated_odds: f64,
    /// How often at most a release that is no worse than stable is rolled back by the comparison.
    #[arg(long, value_name = "PART", default_value = "1%", value_parser = part, help_heading = "Judgement")]
    pub alpha: f64,
    /// How often at most a materially worse release is promoted.
    #[arg(long, value_name = "PART", default_value = "5%", value_parser = part, help_heading = "Judgement")]
    pub beta: f64,
    /// Requests of the candidate that each step must have seen; else 10, and 0 with --accept-without-evidence.
    #[arg(long, value_name = "N", help_heading = "Judgement")]
    pub min_requests: Option<u64>,
    /// Take the last step also if a materially worse candidate is not excluded.
    #[arg(long, help_heading = "Judgement")]
    pub accept_without_evidence: bool,
    /// Stop before anyone is moved if stable misses an objective already; else the candidate is to be no worse than stable then.
    #[arg(long, help_heading = "Judgement")]
    pub strict_objective: bool,
    /// What a broken objective does at 100 %, where there is no stable to compare with.
    #[arg(long, value_enum, default_value_t = OnObjectiveArg::Rollback, help_heading = "Judgement")]
    pub on_objective: OnObjectiveArg,
    /// What is done if there is no decision by the deadline (`promote`: less the bake, and five minutes or a tenth), or no
    /// evidence to be had.
    #[arg(long, value_enum, default_value_t = OnInconclusiveArg::Rollback, help_heading = "Judgement")]
    pub on_inconclusive: OnInconclusiveArg,
    /// Time between two readings; a quarter of it, at least 1s, when the first step begins.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = every, help_heading = "Judgement")]
    pub evidence_every: Duration,
    /// How far readings are behind, and a split takes to be served: the budget's exposure counts it.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration, help_heading = "Judgement")]
    pub evidence_lag: Duration,
    /// How long readings may fail in a row before that counts as no decision, and how old counters may be: longer than two
    /// scrapes of a Prometheus, or two writes of a file.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, help_heading = "Judgement")]
    pub evidence_patience: Duration,
    /// How long latency is not judged after each step is served. In windows that begin in its first third up to 5 % of the
    /// candidate's requests may fail without being held against it, ten in a rollout, or an eighth of a second's requests if that is more; all
    /// else counts.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration, help_heading = "Judgement")]
    pub warm_up: Duration,
    /// How long the slowest requests take, time-outs among them: each step is judged from so long after it is served, when
    /// all that came before it has ended; else as long as the source's histogram ever saw of stable, two minutes at most.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Judgement")]
    pub longest_answer: Option<Duration>,
}

/// How many times stable's odds of client errors are no worse; none: they are not compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClientErrorMargin(pub Option<f64>);

/// How many failures come at a time; none: as stable shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Together(pub Option<Phi>);

/// What a broken objective does at 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnObjectiveArg {
    /// Back to stable.
    Rollback,
    /// Leave traffic where it is.
    Hold,
}

/// What no decision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnInconclusiveArg {
    /// Back to stable.
    Rollback,
    /// Leave traffic where it is.
    Hold,
    /// On to the last step, probes, gates and approvals excepted, early enough for the bake to end by the deadline.
    Promote,
}

impl JudgeArgs {
    /// The rules, or which two flags do not fit together.
    pub fn rules(&self) -> Result<Rules, String> {
        let rules = Rules::from(RuleOptions {
            alpha: self.alpha,
            beta: self.beta,
            objective: self.objective,
            tail: self.latency_objective,
            tolerated_rate: self.tolerated_rate,
            tolerated_odds: self.tolerated_odds,
            margin: self.latency_margin,
            client_error_margin: self.client_error_margin.0,
            clustering: self.clustering.0,
            min_requests: self.min_requests,
            every: self.evidence_every,
            warm_up: self.warm_up,
            longest_answer: self.longest_answer,
            lag: self.evidence_lag,
            accept_without: self.accept_without_evidence,
            strict_objective: self.strict_objective,
            on_objective: match self.on_objective {
                OnObjectiveArg::Rollback => OnObjective::Rollback,
                OnObjectiveArg::Hold => OnObjective::Hold,
            },
            on_inconclusive: match self.on_inconclusive {
                OnInconclusiveArg::Rollback => OnInconclusive::Rollback,
                OnInconclusiveArg::Hold => OnInconclusive::Hold,
                OnInconclusiveArg::Promote => OnInconclusive::Promote,
            },
            patience: self.evidence_patience,
        });
        rules.check().map(|()| rules)
    }
}

/// `1%`, `0.5 %` or `0.005`: above 0, below 1.
pub(super) fn part(text: &str) -> Result<f64, String> {
    super::reject_unresolved(text)?;
    let (digits, scale) = text.trim().strip_suffix('%').map_or((text, 1.0), |digits| (digits, 100.0));
    let value: f64 = digits.trim().parse().map_err(|_| "not a part, for example `1%` or `0.01`".to_owned())?;
    let part = value / scale;
    if part > 0.0 && part < 1.0 { Ok(part) } else { Err("a part is above 0 and below 1 (100 %)".to_owned()) }
}

/// `p99<=500ms`.
fn tail(text: &str) -> Result<Tail, String> {
    super::reject_unresolved(text)?;
    let bad = || "not of the form pN<=TIME, for example p99<=500ms".to_owned();
    let (quantile, time) = text.strip_prefix('p').and_then(|rest| rest.split_once("<=")).ok_or_else(bad)?;
    let quantile: f64 = quantile.trim().parse().map_err(|_| bad())?;
    if !(quantile > 0.0 && quantile < 100.0) {
        return Err("a percentile is above 0 and below 100".to_owned());
    }
    let within = duration(time.trim())?.as_micros();
    if within == 0 {
        return Err("no answer takes no time".to_owned());
    }
    // Rounding takes away what the division adds behind the digits that were typed.
    let part = ((100.0 - quantile) * 1e7).round() / 1e9;
    Ok(Tail { part, within: u64::try_from(within).map_err(|_| bad())? })
}

fn margin(text: &str) -> Result<Margin, String> {
    super::reject_unresolved(text)?;
    text.parse()
}

/// `odds:2`, or `off`.
fn client_error_margin(text: &str) -> Result<ClientErrorMargin, String> {
    super::reject_unresolved(text)?;
    if text == "off" {
        return Ok(ClientErrorMargin(None));
    }
    match text.strip_prefix("odds:").and_then(|times| times.trim().parse().ok()) {
        Some(times) if (1.0..=1000.0).contains(&times) => Ok(ClientErrorMargin(Some(times))),
        _ => Err("odds: and a number from 1 to 1000, for example `odds:2`, or `off`".to_owned()),
    }
}

fn together(text: &str) -> Result<Together, String> {
    super::reject_unresolved(text)?;
    if text == "auto" {
        return Ok(Together(None));
    }
    match text.parse() {
        Ok(factor) if (1.0..=clustering::MOST).contains(&factor) => Ok(Together(Some(Phi::of(factor)))),
        _ => Err("a number from 1 to 100, or `auto`".to_owned()),
    }
}

fn odds(text: &str) -> Result<f64, String> {
    super::reject_unresolved(text)?;
    match text.parse() {
        Ok(odds) if odds > 1.0 && odds <= 1000.0 => Ok(odds),
        _ => Err("a number above 1, at most 1000".to_owned()),
    }
}

fn every(text: &str) -> Result<Duration, String> {
    let every = duration(text)?;
    if every < Duration::from_secs(1) { Err("at least 1s".to_owned()) } else { Ok(every) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        judge: JudgeArgs,
    }

    fn rules(typed: &[&str]) -> Result<Rules, String> {
        <Alone as clap::Parser>::try_parse_from([&["andante"], typed].concat()).unwrap().judge.rules()
    }

    #[test]
    fn what_is_not_typed_is_the_default_everywhere() {
        assert_eq!(rules(&[]), Ok(Rules::default()));
        let trusting = rules(&["--accept-without-evidence", "--objective", "10%"]).unwrap();
        assert_eq!((trusting.min_requests, trusting.accept_without), (0, true));
        assert!((trusting.tolerated_rate - 0.01).abs() < 1e-12);
        assert!(rules(&["--tolerated-rate", "2%"]).unwrap_err().contains("is above --objective"));
    }

    #[test]
    fn parts_are_percents_or_fractions() {
        for (text, value) in [("1%", 0.01), ("0.5 %", 0.005), ("0.02", 0.02), ("99.9%", 0.999)] {
            assert!((part(text).unwrap() - value).abs() < 1e-12, "{text}");
        }
        for bad in ["", "0", "1", "100%", "-1%", "NaN", "inf", "1e999", "x%", "$(params.objective)"] {
            assert!(part(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn latency_objectives_are_percentiles() {
        assert_eq!(tail("p99<=500ms"), Ok(Tail { part: 0.01, within: 500_000 }));
        assert_eq!(tail("p99.9 <= 2s"), Ok(Tail { part: 0.001, within: 2_000_000 }));
        for bad in ["p99", "99<=1s", "p100<=1s", "p0<=1s", "pNaN<=1s", "p99<=0s", "p99<=fast", "p99<1s"] {
            assert!(tail(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn margins_odds_and_intervals_have_bounds() {
        assert_eq!((margin("off"), margin("2")), (Ok(Margin::Off), Ok(Margin::Edges(2))));
        assert_eq!(margin("odds:2.5"), Ok(Margin::Odds(2.5)));
        assert!(margin("11").is_err() && margin("odds:0.5").is_err() && margin("$(params.margin)").is_err());
        assert_eq!(client_error_margin("odds:2.5"), Ok(ClientErrorMargin(Some(2.5))));
        for bad in ["2", "odds:", "odds:0.5", "odds:NaN", "odds:1001", "", "$(params.client-error-margin)"] {
            assert!(client_error_margin(bad).is_err(), "{bad}");
        }
        assert_eq!((together("auto"), together("3")), (Ok(Together(None)), Ok(Together(Some(Phi::of(3.0))))));
        assert!(["0.9", "101", "NaN", "", "threes"].into_iter().all(|bad| together(bad).is_err()));
        assert!(odds("1").is_err() && odds("NaN").is_err() && odds("1.5").is_ok());
        assert!(every("999ms").is_err() && every("1s").is_ok());
    }
}

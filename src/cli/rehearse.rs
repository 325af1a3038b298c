//! Flags of `rehearse`: a plan, its judge, and how a made-up service behaves.
//!
//! Decides how spells, incidents and parts are written; [`crate::view::rehearse`] plays them.

use super::{CapacityArgs, JudgeArgs, Output, PlanFlags, duration};
use crate::cli::CommandArgs;
use crate::view::rehearse::{
    AtItsAddress, Behaviour, Burst, ColdStart, GatewayEnds, Incident, PodFaults, PodKind, Spell, Streams,
};
use clap::Args;
use std::time::Duration;

/// Flags of `rehearse`.
#[derive(Debug, Clone, Args)]
pub struct RehearseArgs {
    /// Plan.
    #[command(flatten)]
    pub plan: PlanFlags,
    /// Judge.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Pods before users; counts only with --pods.
    #[command(flatten)]
    pub capacity: CapacityArgs,
    /// When the walk must be over; else rolled back.
    #[arg(long, value_name = "TIME", default_value = "55m", value_parser = duration, help_heading = "Time")]
    pub deadline: Duration,
    /// How long a fault of the candidate's pods must last to be believed.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Time")]
    pub grace: Duration,
    /// How the service behaves.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Rehearse so many times and print a table; else once, and print the walk.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Rehearsal")]
    pub runs: Option<u32>,
    /// The same seed is the same rehearsal; run I of several has seed SEED + I.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Rehearsal")]
    pub seed: u64,
    /// How lines are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text, help_heading = "Rehearsal")]
    pub output: Output,
}

impl CommandArgs for RehearseArgs {
    fn output(&self) -> Output {
        self.output
    }
}

/// How a made-up service behaves. Times of what happens are counted from when the first users are moved.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// Requests a second.
    #[arg(long, value_name = "N", default_value_t = 100.0, value_parser = rate, help_heading = "Service")]
    pub rate: f64,
    /// The part of stable's requests that fails.
    #[arg(long, value_name = "PART", default_value = "0.1%", value_parser = portion, help_heading = "Service")]
    pub errors: f64,
    /// The candidate's odds of failure are so many times stable's.
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = factor, help_heading = "Service")]
    pub candidate_odds: f64,
    /// The part of the candidate's requests that fails, instead of --candidate-odds.
    #[arg(long, value_name = "PART", value_parser = portion, conflicts_with = "candidate_odds", help_heading = "Service")]
    pub candidate_errors: Option<f64>,
    /// The part of what stable does not fail that it answers with a 4xx.
    #[arg(long, value_name = "PART", default_value = "0", value_parser = portion, help_heading = "Service")]
    pub client_errors: f64,
    /// The same of the candidate; else as stable. These answers are counted as bad requests.
    #[arg(long, value_name = "PART", value_parser = portion, help_heading = "Service")]
    pub candidate_client_errors: Option<f64>,
    /// The part of the candidate's requests that is never answered.
    #[arg(long, value_name = "PART", default_value = "0", value_parser = portion, help_heading = "Service")]
    pub candidate_hangs: f64,
    /// The candidate takes so many times stable's time to answer.
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = factor, help_heading = "Service")]
    pub candidate_slower: f64,
    /// The median of the time that stable takes (lognormal).
    #[arg(long, value_name = "TIME", default_value = "60ms", value_parser = duration, help_heading = "Service")]
    pub latency: Duration,
    /// The deviation of that time's logarithm.
    #[arg(long, value_name = "N", default_value_t = 0.8, value_parser = factor, help_heading = "Service")]
    pub latency_spread: f64,
    /// Good answers take just so long, instead of --latency (the candidate's --candidate-slower times that).
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Service")]
    pub answers: Option<Duration>,
    /// Failures take just so long, as time-outs do; else they come at once.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Service")]
    pub failures_take: Option<Duration>,
    /// This part of the good answers begins at once and goes on as a stream for so long, for example 100%:2h.
    #[arg(long, value_name = "PART:TIME", value_parser = streams, help_heading = "Service")]
    pub streams: Option<Streams>,
    /// After how long the client of an unanswered request gives up.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration, help_heading = "Service")]
    pub client_timeout: Duration,
    /// How many requests in a row, of one revision, fail or pass together, as those that one pod or connection has at once; as many fail
    /// as --errors and --candidate-odds say, N at a time, and as many have a 4xx as --client-errors says. 1: each by itself.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000), help_heading = "Service")]
    pub clusters: u64,
    /// The part of failures that the source of evidence tells; it counts the others as good answers.
    #[arg(long, value_name = "PART", default_value = "100%", value_parser = portion, help_heading = "Service")]
    pub failures_told: f64,
    /// Each pod of both revisions, one for every ten requests a second, fails everything for TIME once in EVERY on average, by
    /// chance; for example 10s/24h.
    #[arg(long, value_name = "TIME/EVERY", value_parser = pod_faults, help_heading = "Service")]
    pub pod_faults: Option<PodFaults>,
    /// The candidate fails everything for TIME in every EVERY; when it does so first is by chance. For example 10s/10m.
    #[arg(long, value_name = "TIME/EVERY", value_parser = burst, help_heading = "Service")]
    pub burst: Option<Burst>,
    /// The candidate is as good as stable for so long; only then it fails, hangs and is slow as --candidate-odds,
    /// --candidate-errors, --candidate-hangs and --candidate-slower say.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Service")]
    pub late: Option<Duration>,
    /// Others ask the candidate's own address so many times a second, from before the walk on, and this part of theirs
    /// fails (0 if not told), for example 1:100%; or all are answered with a 4xx (1:4xx), or take so long (1:2s).
    #[arg(long, value_name = "RATE[:PART|4xx|TIME]", value_parser = strangers, help_heading = "Service")]
    pub strangers: Option<AtItsAddress>,
    /// After each step up, this part of the requests of the users whom it moved fails for a while: pods come later than
    /// users, for example 5s:5%.
    #[arg(long, value_name = "FOR:PART", value_parser = cold_start, help_heading = "Service")]
    pub cold_start: Option<ColdStart>,
    /// Pods that need so long to start and bear so many requests a second each, made by Knative's autoscaler; how many requests
    /// waited for one is said at the end. For example 4s:20; without it there are always enough.
    #[arg(long, value_name = "STARTS:BEARS", value_parser = pods, conflicts_with = "gateways", help_heading = "Service")]
    pub pods: Option<PodKind>,
    /// Both revisions fail this part of their requests for a while, for example 2m+30s:20%.
    #[arg(long, value_name = "FROM+FOR:PART", value_parser = incident, help_heading = "Service")]
    pub incident: Option<Incident>,
    /// Every pod of the candidate is gone, for a while (30s+20s) or for good (30s); 0s: it never was ready for users.
    #[arg(long, value_name = "FROM[+FOR]", value_parser = spell, help_heading = "Service")]
    pub candidate_down: Option<Spell>,
    /// The walk's process dies; its run's next one goes on after a while (30s+20s) or at once (30s).
    #[arg(long, value_name = "FROM[+FOR]", value_parser = spell, help_heading = "Service")]
    pub crash: Option<Spell>,
    /// The source of evidence does not answer.
    #[arg(long, value_name = "FROM[+FOR]", value_parser = spell, help_heading = "Service")]
    pub outage: Option<Spell>,
    /// Pods of the gateway, each of which counts for itself.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100), help_heading = "Service")]
    pub gateways: u32,
    /// So many pods of the gateway end, one after the other, and others begin: nobody counts what becomes of the requests that are in
    /// flight there. For example 4m+30s:3, or 4m for one.
    #[arg(long, value_name = "FROM[+EVERY:TIMES]", value_parser = gateway_ends, help_heading = "Service")]
    pub gateway_ends: Option<GatewayEnds>,
    /// How old counters are when they are read.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration, help_heading = "Service")]
    pub metric_lag: Duration,
    /// How much older the candidate's counters are: two processes that are scraped at two moments.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration, help_heading = "Service")]
    pub metric_skew: Duration,
    /// How long it takes until a split that was written is served.
    #[arg(long, value_name = "TIME", default_value = "400ms", value_parser = duration, help_heading = "Service")]
    pub serves_after: Duration,
}

impl ServiceArgs {
    /// The behaviour.
    pub fn behaviour(&self) -> Behaviour {
        let odds = self.candidate_odds;
        // The candidate's odds are so many times stable's, because the judge compares odds; so many times a rate could
        // be above 100 %.
        let times = odds * self.errors / (1.0 - self.errors + odds * self.errors);
        Behaviour {
            rate: self.rate,
            errors: self.errors,
            candidate_errors: self.candidate_errors.unwrap_or(times),
            client_errors: self.client_errors,
            candidate_client_errors: self.candidate_client_errors.unwrap_or(self.client_errors),
            hanging: self.candidate_hangs,
            gives_up: self.client_timeout,
            latency: self.latency,
            spread: self.latency_spread,
            slower: self.candidate_slower,
            answers: self.answers,
            failures_take: self.failures_take,
            streams: self.streams,
            together: self.clusters,
            told: self.failures_told,
            strangers: self.strangers,
            pod_faults: self.pod_faults,
            burst: self.burst,
            late: self.late,
            cold: self.cold_start,
            pods: self.pods,
            incident: self.incident,
            down: self.candidate_down,
            crash: self.crash,
            outage: self.outage,
            gateways: self.gateways,
            gateway_ends: self.gateway_ends,
            lag: self.metric_lag,
            skew: self.metric_skew,
            serves_after: self.serves_after,
        }
    }
}

/// `20%`, `0.2`, `0` or `100%`.
fn portion(text: &str) -> Result<f64, String> {
    super::reject_unresolved(text)?;
    let (digits, scale) = text.trim().strip_suffix('%').map_or((text, 1.0), |digits| (digits, 100.0));
    match digits.trim().parse::<f64>().map(|value| value / scale) {
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        _ => Err("a part from 0 to 1, or a percentage, for example `20%`".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    super::reject_unresolved(text)?;
    match text.parse() {
        Ok(rate) if (0.0..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("requests a second, from 0 to 100000".to_owned()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    super::reject_unresolved(text)?;
    match text.parse() {
        Ok(factor) if factor > 0.0 && factor <= 1e6 => Ok(factor),
        _ => Err("a number above 0, at most 1000000".to_owned()),
    }
}

/// `FROM+FOR` or `FROM`.
fn spell(text: &str) -> Result<Spell, String> {
    let (from, lasts) = text.split_once('+').map_or((text, None), |(from, lasts)| (from, Some(lasts)));
    Ok(Spell { from: duration(from.trim())?, lasts: lasts.map(|lasts| duration(lasts.trim())).transpose()? })
}

/// `FROM+FOR:PART`.
fn incident(text: &str) -> Result<Incident, String> {
    let (when, part) = text.rsplit_once(':').ok_or("not of the form FROM+FOR:PART, for example 2m+30s:20%")?;
    Ok(Incident { spell: spell(when)?, errors: portion(part)? })
}

/// `FROM+EVERY:TIMES`, or `FROM` for one.
fn gateway_ends(text: &str) -> Result<GatewayEnds, String> {
    let Some((from, again)) = text.split_once('+') else {
        return Ok(GatewayEnds { from: duration(text.trim())?, every: Duration::ZERO, times: 1 });
    };
    let (every, times) = again.split_once(':').ok_or("not of the form FROM+EVERY:TIMES, for example 4m+30s:3")?;
    let times = times.trim().parse().map_err(|_| "TIMES is no number, for example 4m+30s:3")?;
    Ok(GatewayEnds { from: duration(from.trim())?, every: duration(every.trim())?, times })
}

/// `FOR:PART`.
fn cold_start(text: &str) -> Result<ColdStart, String> {
    let (lasts, part) = text.rsplit_once(':').ok_or("not of the form FOR:PART, for example 5s:5%")?;
    Ok(ColdStart { lasts: duration(lasts.trim())?, errors: portion(part)? })
}

/// `STARTS:BEARS`.
fn pods(text: &str) -> Result<PodKind, String> {
    let (starts, bears) = text.rsplit_once(':').ok_or("not of the form STARTS:BEARS, for example 4s:20")?;
    Ok(PodKind { starts: duration(starts.trim())?, bears: factor(bears.trim())? })
}

/// `PART:TIME`.
fn streams(text: &str) -> Result<Streams, String> {
    let (part, lasts) = text.split_once(':').ok_or("not of the form PART:TIME, for example 100%:2h")?;
    Ok(Streams { part: portion(part)?, lasts: duration(lasts.trim())? })
}

/// `RATE[:PART|4xx|TIME]`.
fn strangers(text: &str) -> Result<AtItsAddress, String> {
    let (often, what) = text.rsplit_once(':').unwrap_or((text, "0"));
    let well = AtItsAddress { rate: rate(often.trim())?, errors: 0.0, refused: false, takes: Duration::ZERO };
    match (what.trim(), portion(what), duration(what.trim())) {
        ("4xx", ..) => Ok(AtItsAddress { refused: true, ..well }),
        (_, Ok(errors), _) => Ok(AtItsAddress { errors, ..well }),
        (.., Ok(takes)) => Ok(AtItsAddress { takes, ..well }),
        _ => Err("not of the form RATE[:PART|4xx|TIME], for example 1:100%, 1:4xx or 1:2s".to_owned()),
    }
}

/// `TIME/EVERY`: how long, and how long from one beginning to the next.
fn again(text: &str, example: &str) -> Result<(Duration, Duration), String> {
    let (lasts, every) = text.split_once('/').ok_or(format!("not of the form TIME/EVERY, for example {example}"))?;
    let (lasts, every) = (duration(lasts.trim())?, duration(every.trim())?);
    if lasts.is_zero() || every <= lasts {
        return Err(format!("TIME must be above 0 and EVERY longer than TIME, for example {example}"));
    }
    Ok((lasts, every))
}

fn pod_faults(text: &str) -> Result<PodFaults, String> {
    again(text, "10s/24h").map(|(lasts, every)| PodFaults { lasts, every })
}

fn burst(text: &str) -> Result<Burst, String> {
    again(text, "10s/10m").map(|(lasts, every)| Burst { lasts, every })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ServiceArgs,
    }

    fn well(rate: f64) -> AtItsAddress {
        AtItsAddress { rate, errors: 0.0, refused: false, takes: Duration::ZERO }
    }

    fn behaviour(line: &[&str]) -> Behaviour {
        Line::try_parse_from([&["x"], line].concat()).unwrap().args.behaviour()
    }

    #[test]
    fn odds_are_not_rates() {
        let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        close(behaviour(&["--errors", "50%", "--candidate-odds", "3"]).candidate_errors, 0.75);
        close(behaviour(&["--errors", "0", "--candidate-odds", "3"]).candidate_errors, 0.0);
        close(behaviour(&["--errors", "100%"]).candidate_errors, 1.0);
        close(behaviour(&["--candidate-errors", "20%"]).candidate_errors, 0.2);
    }

    #[test]
    fn spells_and_incidents_are_written_with_a_plus() {
        let seconds = Duration::from_secs;
        assert_eq!(spell("1m+30s"), Ok(Spell { from: seconds(60), lasts: Some(seconds(30)) }));
        assert_eq!(spell("0s"), Ok(Spell { from: seconds(0), lasts: None }));
        let found = incident("2m + 30s : 20%").unwrap();
        assert_eq!(found, Incident { spell: Spell { from: seconds(120), lasts: Some(seconds(30)) }, errors: 0.2 });
        for bad in ["", "30", "30s+", "+30s", "30s+1"] {
            assert!(spell(bad).is_err(), "{bad}");
        }
        assert!(incident("2m+30s").is_err() && incident("2m:101%").is_err());
        assert_eq!(cold_start("5s:5%"), Ok(ColdStart { lasts: seconds(5), errors: 0.05 }));
        assert_eq!(strangers("0.5:100%"), Ok(AtItsAddress { errors: 1.0, ..well(0.5) }));
        assert_eq!(streams("5%:2h"), Ok(Streams { part: 0.05, lasts: seconds(7200) }));
        assert!(streams("5%").is_err() && streams("x:2h").is_err() && streams("5%:2").is_err());
        assert!(strangers("x").is_err() && strangers("-1:5%").is_err() && strangers("1:x").is_err());
        let ends = |from, every, times| Ok(GatewayEnds { from: seconds(from), every: seconds(every), times });
        assert_eq!((gateway_ends("4m+30s:3"), gateway_ends("90s")), (ends(240, 30, 3), ends(90, 0, 1)));
        for bad in ["", "4", "4m+", "4m+30s", "4m+30s:x", "4m+30s:-1", "4m+30:3"] {
            assert!(gateway_ends(bad).is_err(), "{bad}");
        }
        assert!(cold_start("5s").is_err() && cold_start("5:5%").is_err() && cold_start("5s:x").is_err());
        assert_eq!(strangers("2"), Ok(well(2.0)));
        assert_eq!(strangers("2:4xx"), Ok(AtItsAddress { refused: true, ..well(2.0) }));
        assert_eq!(strangers("2:3s"), Ok(AtItsAddress { takes: Duration::from_secs(3), ..well(2.0) }));
        assert_eq!(pod_faults("10s/24h"), Ok(PodFaults { lasts: seconds(10), every: seconds(86_400) }));
        assert_eq!(burst("10s / 10m"), Ok(Burst { lasts: seconds(10), every: seconds(600) }));
        for bad in ["", "10s", "10/24h", "10s/", "/24h", "10s/10s", "1h/1m", "0s/1m"] {
            assert!(pod_faults(bad).is_err() && burst(bad).is_err(), "{bad}");
        }
        assert!(burst("10s").unwrap_err().contains("for example 10s/10m"));
        assert_eq!(pods("4s:20"), Ok(PodKind { starts: seconds(4), bears: 20.0 }));
        assert!(pods("4s").is_err() && pods("4s:0").is_err() && pods("4:20").is_err());
        for bad in ["-1%", "NaN", "x", "1.1"] {
            assert!(portion(bad).is_err(), "{bad}");
        }
    }
}

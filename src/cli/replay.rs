//! Flags of a replay: which requests are asked of both revisions, how fast, and what is tolerated.
//!
//! Decides defaults and bounds; [`crate::evidence::replay`] reads the file's text and judges.

use super::judge::part;
use crate::evidence::replay::ReplayRules;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Flags of a replay.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Ask stable and the candidate the same requests, in pairs, at their own addresses, and compare their answers: a list with
    /// `[METHOD] /path` a line and its headers indented below, or a HAR that a browser saved.
    #[arg(long, value_name = "FILE", help_heading = "Replay")]
    pub replay: Option<PathBuf>,
    /// How many pairs of requests are judged; the file is begun anew as often as that takes.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000), help_heading = "Replay")]
    pub replay_pairs: u64,
    /// How many pairs a second are asked at most, from 0.1 to 100; answers that take long slow it down.
    #[arg(long, value_name = "N", default_value = "5", value_parser = rate, help_heading = "Replay")]
    pub replay_rate: f64,
    /// Methods that may be sent, in capitals. What changes something (POST) is then sent to both, again and again.
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        default_value = "GET,HEAD",
        value_parser = method,
        help_heading = "Replay"
    )]
    pub replay_methods: Vec<String>,
    /// The part of such requests that the candidate alone may answer worse: that it is not more is a condition of passing.
    #[arg(long, value_name = "PART", default_value = "5%", value_parser = part, help_heading = "Replay")]
    pub replay_tolerated: f64,
    /// The candidate is the slower one of a pair if it takes more than so many times as long; `off`: times are not compared.
    #[arg(long, value_name = "TIMES", default_value = "1.5", value_parser = slower, help_heading = "Replay")]
    pub replay_slower: Slower,
}

/// How many times as long makes the slower one of a pair; none: times are not compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slower(pub Option<f64>);

impl ReplayArgs {
    /// By what pairs are judged.
    ///
    /// # Errors
    /// Too few pairs for what is tolerated, or more than can be asked by the deadline.
    pub fn rules(&self, deadline: Duration) -> Result<ReplayRules, String> {
        let rules =
            ReplayRules { tolerated: self.replay_tolerated, slower: self.replay_slower.0, ..ReplayRules::default() };
        let (pairs, least) = (self.replay_pairs, rules.least_pairs());
        if pairs < least {
            return Err(format!(
                "--replay-pairs {pairs} can never show that at most {} % are answered worse: that takes {least} pairs at least",
                self.replay_tolerated * 100.0
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
        let takes = Duration::from_secs_f64(pairs as f64 / self.replay_rate);
        if takes >= deadline {
            let (takes, deadline) = (takes.as_secs(), humantime::format_duration(deadline));
            return Err(format!(
                "--replay-pairs {pairs} at --replay-rate {} take {takes} s or more, and --deadline is {deadline}",
                self.replay_rate
            ));
        }
        Ok(rules)
    }

    /// Time from the beginning of one pair to that of the next.
    pub fn every(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.replay_rate)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    super::reject_unresolved(text)?;
    match text.parse() {
        Ok(rate) if (0.1..=100.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0.1 to 100".to_owned()),
    }
}

fn method(text: &str) -> Result<String, String> {
    super::reject_unresolved(text)?;
    if text.is_empty() || text.len() > 20 || !text.chars().all(|c| c.is_ascii_uppercase() || c == '-') {
        return Err("a method is written in capitals, for example GET".to_owned());
    }
    Ok(text.to_owned())
}

fn slower(text: &str) -> Result<Slower, String> {
    super::reject_unresolved(text)?;
    match text.parse() {
        _ if text == "off" => Ok(Slower(None)),
        Ok(times) if (1.0..=1000.0).contains(&times) => Ok(Slower(Some(times))),
        _ => Err("a number from 1 to 1000, or `off`".to_owned()),
    }
}

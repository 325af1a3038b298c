//! Events as lines on standard output: for people, or one JSON object each. The only place that prints.
//!
//! Decides the form of a line. It may use events and `std`.

use crate::cli::Output;
use crate::model::event::Event;
use crate::model::outcome::Outcome;
use crate::run::ports::Sink;
use jiff::Timestamp;
use serde_json::json;
use std::io::Write;

/// Prints events to standard output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    output: Output,
}

impl Lines {
    /// Prints in this form.
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    /// Prints the outcome as JSON, where JSON is wanted; as text it was the last line already.
    pub(super) fn outcome(self, outcome: &Outcome) {
        if self.output == Output::Json {
            line(
                &json!({
                    "outcome": outcome.word,
                    "code": outcome.code.number(),
                    "text": outcome.what,
                    "traffic": outcome.traffic,
                    "next": outcome.next,
                    "candidate": outcome.candidate,
                    "digest": outcome.digest,
                    "rollout": outcome.rollout,
                })
                .to_string(),
            );
        }
    }
}

impl Sink for Lines {
    fn say(&mut self, at: Timestamp, said: &Event) {
        match self.output {
            Output::Text => {
                let time = at.strftime("%H:%M:%S");
                line(&format!("{time} {:<9}{}", format!("{}:", said.topic.word()), clean(&said.text)));
            }
            Output::Json => line(&json!({"at": at, "topic": said.topic, "text": said.text}).to_string()),
        }
    }
}

/// Text of the cluster may hold control characters; a log line must not obey them.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Prints a line. A reader that went away is no reason to stop a rollout.
pub(super) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Prints a file as it is.
pub(super) fn raw(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Prints a line for a person; false if nobody reads any more.
pub(super) fn show(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", clean(text)).and_then(|()| out.flush()).is_ok()
}

/// Prints a line to standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", clean(text));
}

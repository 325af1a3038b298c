//! What happened, as data. How it is printed is the sink's affair ([`crate::ports::Sink`]).

use serde::Serialize;

/// What an event is about; the first word of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Who holds the rollout.
    Claim,
    /// Making the candidate.
    Stage,
    /// Whether a split is served, pods are there, addresses answer.
    Check,
    /// A move of traffic.
    Traffic,
    /// Waiting for time, a person or an answer.
    Wait,
    /// Something that the owner should know and that stops nothing.
    Note,
    /// The API server or the network.
    Api,
    /// The end.
    End,
}

impl Topic {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Stage => "stage",
            Self::Check => "check",
            Self::Traffic => "traffic",
            Self::Wait => "wait",
            Self::Note => "note",
            Self::Api => "api",
            Self::End => "end",
        }
    }
}

/// One event: one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// What it is about.
    pub topic: Topic,
    /// A sentence without a full stop.
    pub text: String,
}

impl Said {
    /// An event.
    pub fn new(topic: Topic, text: impl Into<String>) -> Self {
        Self { topic, text: text.into() }
    }
}

//! What happened, as data, and the log that holds it until somebody prints it.
//!
//! Decides which lines are repeated; the sink ([`crate::run::ports::Sink`]) decides how they are printed. Depends on moments and
//! serde.

use crate::model::moment::Moment;
use serde::Serialize;
use std::collections::BTreeSet;

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
    /// Pods that are wanted before users come.
    Pods,
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
            Self::Pods => "pods",
            Self::Wait => "wait",
            Self::Note => "note",
            Self::Api => "api",
            Self::End => "end",
        }
    }
}

/// One event: one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// What it is about.
    pub topic: Topic,
    /// A sentence without a full stop.
    pub text: String,
    /// Where it is worth a Kubernetes Event on the Service, too: which moment it is.
    #[serde(skip)]
    pub moment: Option<Moment>,
}

impl Event {
    /// An event.
    pub fn new(topic: Topic, text: impl Into<String>) -> Self {
        Self { topic, text: text.into(), moment: None }
    }

    /// The same, worth a Kubernetes Event.
    #[must_use]
    pub fn at(self, moment: impl Into<Option<Moment>>) -> Self {
        Self { moment: moment.into(), ..self }
    }
}

/// Takes lines, and remembers which of them need not be said again.
#[derive(Debug, Default)]
pub struct Log {
    lines: Vec<Event>,
    // Machines decide by level: asked again with the same world they say the same again, many times a minute.
    said: BTreeSet<String>,
}

impl Log {
    /// Says it.
    pub fn say(&mut self, topic: Topic, text: impl Into<String>) {
        self.add(Event::new(topic, text));
    }

    /// Says it, with the moment that it is.
    pub fn add(&mut self, event: Event) {
        self.lines.push(event);
    }

    /// Says it unless it was said before.
    pub fn once(&mut self, topic: Topic, text: impl Into<String>) {
        self.add_once(Event::new(topic, text));
    }

    /// Says it, with the moment that it is, unless it was said before.
    pub fn add_once(&mut self, event: Event) {
        if self.said.insert(format!("{}:{}", event.topic.word(), event.text)) {
            self.add(event);
        }
    }

    /// Says it unless something of the same kind was said before.
    pub fn once_of(&mut self, topic: Topic, kind: &str, text: impl Into<String>) {
        if self.said.insert(format!("{}:{kind}", topic.word())) {
            self.say(topic, text);
        }
    }

    /// Takes the lines out.
    pub fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_said_once() {
        let mut log = Log::default();
        log.once(Topic::Wait, "a");
        log.once(Topic::Wait, "a");
        log.once(Topic::Wait, "b");
        assert_eq!(log.take().len(), 2);
    }
}

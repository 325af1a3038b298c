//! Kubernetes Events beside the lines of a command.
//!
//! Decides who posts them, and that a missing right to is one line of the log at most. It may use every room.

use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Kube, Poster};
use crate::adapter::env::Environment;
use crate::cli::{EventsArg, EventsArgs};
use crate::model::event::{Event, Topic};
use crate::rollout::posting::Posting;
use crate::run::ports::runs::PostsEvents;
use crate::run::ports::{Clock, Sink};
use jiff::Timestamp;

/// Whoever posts them, if they are wanted.
pub(super) fn poster(args: &EventsArgs, kube: &Kube, environment: &Environment) -> Poster {
    match args.events {
        EventsArg::On => Poster::new(kube, environment.host()),
        EventsArg::Off => Poster::silent(),
    }
}

/// Lines go where they went, and Events to whoever posts them.
pub(super) struct Posts<'a> {
    pub(super) lines: &'a mut dyn Sink,
    pub(super) poster: &'a Poster,
}

impl Posts<'_> {
    /// Says once why nothing is posted. It is known some time after the first one, so it is said before the next line.
    fn say_refusal(&mut self) {
        if let Some(said) = refusal(self.poster) {
            self.lines.say(SystemClock.now(), &said);
        }
    }
}

impl Sink for Posts<'_> {
    fn say(&mut self, at: Timestamp, said: &Event) {
        self.say_refusal();
        self.lines.say(at, said);
    }

    fn post(&mut self, posting: Posting) {
        self.poster.post(posting);
    }
}

/// The line that no Event is posted, and why; once.
pub(super) fn refusal(poster: &Poster) -> Option<Event> {
    let why = poster.refusal()?;
    Some(Event::new(Topic::Note, format!("no Kubernetes Events are posted (--events off asks for none): {why}")))
}

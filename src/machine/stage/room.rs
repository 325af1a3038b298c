//! A candidate that does not come up: what is its own fault, and what only the want of room for its pods.
//!
//! Decides that a candidate without room waits for as long as it may take at all, because somebody (or a cluster's autoscaler)
//! may make room, and that it is never blamed for it. It may use what pods and conditions say.

use super::{Stage, StageGoal};
use crate::machine::rollback::Why;
use crate::machine::world::World;
use crate::model::event::{Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::{Service, Truth};
use crate::model::outcome::Code;
use crate::model::ready::Pods;
use crate::model::template::TemplateChange;
use crate::model::time::words;
use jiff::Timestamp;
use serde_json::Value;

impl Stage {
    /// Why the candidate is given up now, if it is. `lasting`: its trouble has lasted for the grace.
    pub(super) fn never_ready(
        &mut self,
        candidate: &RevisionName,
        state: &Pods,
        lasting: bool,
        now: Timestamp,
    ) -> Option<Why> {
        if let Pods::NoRoom(lack) = state {
            self.lack_of_room = Some(lack.clone());
        } else if matches!(state, Pods::Up | Pods::Asleep) {
            self.lack_of_room = None;
        }
        let over = now >= self.deadline(now);
        let within = words(self.goal.deadline);
        match state {
            Pods::Up | Pods::Asleep => None,
            Pods::NoRoom(lack) => {
                let reason = format!("{candidate} found no room within {within}: {lack}; the same may be tried again");
                over.then(|| Why::blameless(Code::NeverReady, reason))
            }
            // Knative gives a revision up for good after its own deadline, and takes its pods away: no room comes any more.
            Pods::Down(complaint) if lasting && complaint.starts_with(GAVE_UP) && self.lack_of_room.is_some() => {
                let lack = self.lack_of_room.as_deref().unwrap_or_default();
                let reason = format!(
                    "{candidate} found no room: {lack}; Knative gave it up after its own deadline (the template's annotation `serving.knative.dev/progress-deadline` makes that longer)"
                );
                Some(Why::blameless(Code::NeverReady, reason))
            }
            Pods::Down(complaint) if lasting => {
                Some(Why::new(Code::NeverReady, format!("{candidate} does not become ready: {complaint}")))
            }
            Pods::Down(complaint) | Pods::Coming(complaint) => over
                .then(|| Why::new(Code::NeverReady, format!("{candidate} was not ready within {within}: {complaint}"))),
        }
    }

    /// Says what is waited for, and where that is room, for how long.
    pub(super) fn say_waits(&self, who: &str, complaint: &str, log: &mut Log) {
        let text = if self.lack_of_room.as_deref() == Some(complaint) {
            format!("{who} lacks room: {complaint}; waiting for it, for {} at most", words(self.goal.deadline))
        } else {
            format!("{who}: {complaint}")
        };
        log.once(Topic::Wait, text);
    }
}

/// The template that makes a new revision of what stands there, where Knative has given up the one that it made: pods of that
/// one never come any more, however much room there is by now.
pub(super) fn anew(change: &TemplateChange, goal: &StageGoal, world: &World, service: &Service) -> Option<Value> {
    let made = service.latest_created.as_ref().and_then(|name| world.revision(name))?;
    let ready = made.conditions.get("Ready").filter(|c| c.truth == Truth::False && c.reason == GAVE_UP);
    let change = TemplateChange { again: Some(goal.id.to_string()), ..change.clone() };
    ready.and_then(|_| change.apply(&service.template).ok())
}

/// What Knative says of a revision that it no longer waits for.
const GAVE_UP: &str = "ProgressDeadlineExceeded";

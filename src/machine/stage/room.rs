//! A candidate that does not come up: what is its own fault, and what only the want of room for its pods, or of something else
//! that it does not hold itself.
//!
//! Decides that a candidate without room waits for as long as it may take at all, because somebody (or a cluster's autoscaler)
//! may make room, and that it is never blamed for it; nor for an image that is not in its registry, may not be pulled, or lacks a
//! Secret, though that is not waited for; nor for containers that a node could not make until the deadline. It may use what pods
//! and conditions say.

use super::{Stage, StageGoal, Want};
use crate::machine::rollback::Why;
use crate::machine::world::World;
use crate::model::event::{Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::{Revision, Service, Truth};
use crate::model::outcome::Code;
use crate::model::podwords::lies_outside;
use crate::model::ready::{Pods, pods};
use crate::model::template::TemplateChange;
use crate::model::time::words;
use crate::rollout::record::Record;
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
                // The pods are gone by then; what they said last tells why.
                let made = self.being_made.as_deref().filter(|_| complaint.starts_with(GAVE_UP));
                Some(self.not_ready(format!("{candidate} does not become ready: {complaint}"), complaint, made))
            }
            Pods::Down(complaint) | Pods::Coming(complaint) => {
                let made = self.being_made.as_deref().filter(|_| matches!(state, Pods::Coming(_)));
                let what = || format!("{candidate} was not ready within {within}: {complaint}");
                over.then(|| self.not_ready(what(), complaint, made))
            }
        }
    }

    /// The end of one that is not ready. What lies outside of it may be mended without any change of it, as what keeps a node
    /// from making its containers (`made`).
    fn not_ready(&self, what: String, complaint: &str, made: Option<&str>) -> Why {
        if !lies_outside(complaint) && made.is_none() {
            return Why::new(Code::NeverReady, what);
        }
        let what = made.map_or_else(|| what.clone(), |made| format!("{what}; {made}"));
        let again = "that lies outside of it, so once it is mended the same may be tried again";
        // A new revision is needed for that, and Knative makes no second one of a name.
        let name = match &self.goal.want {
            Want::Template(change) => change.revision_name.as_ref(),
            Want::Revision(_) | Want::Latest | Want::Serving => None,
        };
        let how = name.map_or_else(String::new, |name| format!(" with another --revision-name than {name}, or none"));
        Why::blameless(Code::NeverReady, format!("{what}; {again}{how}"))
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

/// The template that makes a new revision of what stands there, where the one that it made is of no use any more: Knative has
/// given it up, so that pods of it never come, or a rollout of it has ended because it did not become ready. In the second case
/// what it lacked may be there by now, but Knative asks a registry again only after up to 1000 s, and the kubelet after five
/// minutes, while a new revision asks at once.
pub(super) fn anew(
    change: &TemplateChange,
    goal: &StageGoal,
    record: Option<&Record>,
    world: &World,
    service: &Service,
) -> Option<Value> {
    let made = service.latest_created.as_ref().and_then(|name| world.revision(name))?;
    let ended = record.is_some_and(|r| {
        !r.phase.is_open() && r.ended_as() == Code::NeverReady && r.candidate.as_ref() == Some(&made.name)
    });
    // One that lacks room starts by itself.
    let useless = given_up(made) || (ended && !made.serves() && !matches!(pods(made), Pods::NoRoom(_)));
    let change = TemplateChange { again: Some(goal.id.to_string()), ..change.clone() };
    useless.then(|| change.apply(&service.template).ok())?
}

/// True for a revision that Knative no longer waits for.
pub(super) fn given_up(made: &Revision) -> bool {
    made.conditions.get("Ready").is_some_and(|c| c.truth == Truth::False && c.reason == GAVE_UP)
}

/// What Knative says of a revision that it no longer waits for.
const GAVE_UP: &str = "ProgressDeadlineExceeded";

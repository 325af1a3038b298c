//! A walk takes its steps one by one, stays as long as the plan says, and asks whom it must.

use super::{Ours, ours};
use crate::sim::story::Story;
use andante::model::observed::CONTROL;
use andante::rollout::control::Control;
use andante::rollout::record::Phase;
use std::time::Duration;

/// The last write that reached a step, and when users got it.
struct Reached {
    step: usize,
    phase: Phase,
    at: Duration,
}

/// What people had asked for when a write was made.
pub(super) fn control(our: &Ours) -> Control {
    let text =
        our.write.before.as_deref().and_then(|o| o.pointer("/metadata/annotations")).and_then(|a| a[CONTROL].as_str());
    Control::parse(text, &our.record.id)
}

/// Steps rise one by one, after their dwell, with their approvals; the end comes after the bake.
pub(crate) fn pace(story: &Story) -> Vec<String> {
    let (mut wrong, mut reached, mut rollout) = (vec![], None::<Reached>, String::new());
    for our in ours(story) {
        let (record, at) = (&our.record, our.write.at);
        // Who takes over may walk to something else, by another plan.
        let same = our.before.as_ref().is_some_and(|b| b.plan == record.plan && b.candidate == record.candidate);
        if rollout != record.id.as_str() || !same {
            (reached, rollout) = (None, record.id.to_string());
        }
        let Some(plan) = &record.plan else { continue };
        let control = control(our);
        let promoted = control.promoted(record.attempt).is_some();
        let walks = matches!(record.phase, Phase::Walking | Phase::Baking | Phase::Held | Phase::Finished);
        if !walks {
            // Interrupted: the same plan begins anew.
            reached = None;
            continue;
        }
        let (before, since) = reached.as_ref().map_or((0, None), |r| (r.step, Some(r.at)));
        let stayed = since.map(|s| at.saturating_sub(s));
        if record.step > before {
            if record.step > before + 1 && !promoted && reached.is_some() {
                wrong.push(format!("write {} goes from step {before} to {}", our.number, record.step));
            }
            // Whom stable kept for the bake are moved after it, promoted or not.
            let bakes = plan.closes(record.step) && reached.is_some();
            let dwell = if bakes { Some(plan.bake) } else { plan.step(before).map(|s| s.dwell) };
            if let (Some(dwell), Some(stayed), false) = (dwell, stayed, promoted && !bakes)
                && stayed < dwell
            {
                wrong.push(format!(
                    "write {} leaves step {before} after {stayed:?}, {dwell:?} were planned",
                    our.number
                ));
            }
            let approval = plan.step(record.step).is_some_and(|s| s.approval);
            if approval && !promoted && control.approval(record.step, record.attempt).is_none() {
                wrong.push(format!("write {} takes step {} without an approval", our.number, record.step));
            }
        } else if record.step < before {
            wrong.push(format!("write {} goes from step {before} back to {}", our.number, record.step));
        }
        let was_at_end = reached.as_ref().is_some_and(|r| r.phase == Phase::Baking);
        // A bake keeps the way back open; where stable is gone there is none to be kept.
        let way_back = our.write.truth.ready.contains(record.start.stable.as_str());
        if let (Phase::Finished, true, Some(stayed), false) = (record.phase, was_at_end, stayed, promoted)
            && stayed < plan.bake
            && !plan.closes(record.step)
            && way_back
        {
            wrong.push(format!("write {} ends the bake after {stayed:?}, {:?} were planned", our.number, plan.bake));
        }
        if reached.as_ref().is_none_or(|r| r.step != record.step || r.phase != record.phase) {
            let begun = reached.filter(|r| r.step == record.step).map_or(at, |r| r.at);
            reached = Some(Reached { step: record.step, phase: record.phase, at: begun });
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::check::fixture::{Fixture, finished, walk};
    use serde_json::json;

    fn end() -> serde_json::Value {
        json!([{"revisionName": "s2", "percent": 100}])
    }

    #[test]
    fn a_good_walk_passes() {
        assert_eq!(pace(&finished(end()).story()), Vec::<String>::new());
    }

    #[test]
    fn a_skipped_step_is_seen() {
        let story = Fixture::plain()
            .split("w", &[("s1", 90), ("s2", 10)], |r| (r.phase, r.step) = (Phase::Walking, 1))
            .split("w", &[("s1", 0), ("s2", 100)], |r| r.step = 3)
            .story();
        assert_eq!(pace(&story).len(), 1);
    }

    #[test]
    fn a_short_dwell_and_a_short_bake_are_seen() {
        let mut story = walk().story();
        story.log.writes[2].at -= Duration::from_secs(3);
        assert_eq!(pace(&story).len(), 1);
        let mut story = finished(end()).story();
        story.log.writes[4].at -= Duration::from_secs(3);
        assert_eq!(pace(&story).len(), 1);
        story.ours.take();
        story.log.writes[4].truth.ready.remove("s1");
        assert_eq!(pace(&story), Vec::<String>::new(), "there is no stable to go back to");
    }

    #[test]
    fn a_missing_approval_is_seen() {
        let story = walk().split("w", &[("s1", 0), ("s2", 100)], |r| {
            r.step = 3;
            r.plan.as_mut().unwrap().steps[2].approval = true;
        });
        // The plan itself may not change in mid-walk; give it to every write.
        let mut story = story.story();
        for write in &mut story.log.writes {
            for object in [Some(&mut write.after), write.before.as_mut()].into_iter().flatten() {
                let mut new = serde_json::Value::clone(object);
                if let Some(mut record) = crate::sim::check::record(&new) {
                    record.plan.as_mut().unwrap().steps[2].approval = true;
                    new["metadata"]["annotations"][andante::model::observed::RECORD] = json!(record.to_text().unwrap());
                    *object = std::rc::Rc::new(new);
                }
            }
        }
        assert_eq!(pace(&story), ["write 3 takes step 3 without an approval"]);
    }

    #[test]
    fn a_step_back_is_seen() {
        let story = walk().split("w", &[("s1", 90), ("s2", 10)], |r| r.step = 1).story();
        assert_eq!(pace(&story).len(), 1);
    }
}

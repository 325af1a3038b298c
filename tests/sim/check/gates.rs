//! A gate of the owner's is heard: the last thing that it said before a further step, or before the end, was sent, is a pass,
//! asked for since the step before was written.

use super::ours;
use super::pace::control;
use crate::sim::story::Story;
use andante::rollout::record::Phase;
use std::time::Duration;

/// Steps beyond the first and good ends of processes that have a gate.
pub(crate) fn gates(story: &Story) -> Vec<String> {
    let (mut wrong, mut since) = (vec![], Duration::ZERO);
    for our in ours(story) {
        let (record, Some(before)) = (&our.record, &our.before) else { continue };
        let run = our.write.who.run.as_deref().unwrap_or_default();
        let on = before.id == record.id && before.step > 0 && matches!(before.phase, Phase::Walking | Phase::Baking);
        let goes_on = on && (record.step > before.step || record.phase == Phase::Finished);
        let promoted = control(our).promoted(record.attempt).is_some();
        if goes_on && !promoted && story.log.has_gate.contains(run) {
            let last = story.log.gates.iter().rfind(|gated| gated.by == run && gated.at <= our.write.sent);
            if !last.is_some_and(|gated| gated.passes && gated.asked >= since) {
                wrong.push(format!("write {} goes on after {last:?}, the step before was at {since:?}", our.number));
            }
        }
        if record.step != before.step {
            since = our.write.at;
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::check::fixture::walk;
    use crate::sim::story::Gated;

    #[test]
    fn a_step_without_a_pass_is_seen() {
        let mut story = walk().story();
        let [second, third] = [1, 2].map(|i| story.log.writes[i].at);
        assert_eq!(gates(&story), Vec::<String>::new(), "there is no gate");
        story.log.has_gate.insert("w".into());
        assert_eq!(gates(&story).len(), 1, "it was never asked");
        let gated = |asked, passes| Gated { asked, at: third, by: "w".into(), passes };
        for (asked, passes, wrong) in [(second, true, 0), (second, false, 1), (Duration::ZERO, true, 1)] {
            story.log.gates = vec![gated(asked, passes)];
            assert_eq!(gates(&story).len(), wrong, "{asked:?} {passes}");
        }
        story.log.gates = vec![gated(second, true), gated(second, false)];
        assert_eq!(gates(&story).len(), 1, "the last one counts");
    }
}

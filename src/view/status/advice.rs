//! What a person can do next.
//!
//! Decides words only. It may use the record and the status.

use super::{Called, RevisionStatus, Status};
use crate::rollout::record::{Phase, Record};

/// What to do next. `unserved`: why users have nothing that serves them, if so.
pub(super) fn next(status: &Status, record: Option<&Record>, unserved: Option<&str>, called: &Called) -> Vec<String> {
    let here = &called.words;
    if let Some(why) = &status.unreadable {
        return vec![why.clone()];
    }
    let (Some(record), Some(rollout)) = (record, &status.rollout) else {
        return unserved.map_or_else(
            || vec![format!("`andante stage {here} --image REF` begins a rollout")],
            |why| vec![mends(why, here)],
        );
    };
    if !rollout.open {
        return match unserved {
            Some(why) => without_users_served(status, record, why, here),
            None => after_the_end(status, record, here),
        };
    }
    // After a foreign edit of traffic no walk writes any more (rule 3), so this comes before everything that a walk
    // could do.
    if rollout.edit.as_ref().is_some_and(|edit| edit.of == "traffic") {
        return vec![format!("`andante settle {here}` closes the rollout and leaves traffic as it is")];
    }
    if rollout.owner.life.is_dead() {
        let goes_on = format!("`andante walk {here}` takes it over and goes on");
        let ends = format!("`andante settle {here}` rolls back");
        return if record.phase == Phase::Staging { vec![ends] } else { vec![goes_on, ends] };
    }
    let settles = format!("`andante settle {here}` rolls back");
    match record.phase {
        Phase::Staging => vec![format!("wait; {settles}")],
        Phase::Staged | Phase::Held => vec![format!("`andante walk {here}` goes on"), settles],
        Phase::Interrupted => vec![settles],
        _ => match rollout.waits.as_ref().and_then(|w| w.command.clone()) {
            Some(command) => vec![format!("`{command}`"), format!("`andante control abort {here}` rolls back")],
            None => vec![format!("nothing; `andante control pause|abort|promote {here}` steers it")],
        },
    }
}

/// The command that helps where users have nothing that serves them.
fn mends(why: &str, here: &str) -> String {
    format!(
        "`andante roll-out {here} --image REF` with what mends it: {why}, so it gets everyone as soon as it is Ready"
    )
}

/// After the end of a rollout: the way back where that would serve, and a release that mends.
fn without_users_served(status: &Status, record: &Record, why: &str, here: &str) -> Vec<String> {
    let stable = &record.start.stable;
    let stands = |r: &&RevisionStatus| r.name == stable.as_str() && matches!(r.pods, "up" | "asleep");
    let back = status.revisions.iter().find(stands);
    back.map(|_| format!("`andante settle {here} --to stable` goes back to {stable}, which is Ready"))
        .into_iter()
        .chain([mends(why, here)])
        .collect()
}

fn after_the_end(status: &Status, record: &Record, here: &str) -> Vec<String> {
    let mut next = Vec::new();
    let rolled_back = record.phase == Phase::RolledBack;
    let pinned = status.asked.as_ref().is_some_and(|split| split.latest_share().is_zero());
    if rolled_back && pinned && record.start.followed_latest() {
        next.push(
            "traffic stays pinned by name until a rollout ends well, so a plain `kn service update` reaches nobody"
                .to_owned(),
        );
        next.push(format!("`andante stage {here} --image REF` with a mended image"));
    }
    for target in &record.left_out {
        next.push(format!("restore what was left out, once it is Ready: {target}"));
    }
    if next.is_empty() {
        let first = record.candidate.as_ref() == Some(&record.start.stable);
        next.push(if rolled_back || first {
            format!("`andante stage {here} --image REF` begins the next one")
        } else {
            format!("nothing; `andante settle {here} --to stable` would still roll back")
        });
    }
    next
}

#[cfg(test)]
mod tests {
    use super::super::Life;
    use super::super::samples::{at, explained, walking, with};
    use super::*;

    #[test]
    fn a_dead_owner_is_said_plainly() {
        let mut record = walking();
        record.deadline = at(20);
        let status = explained(&with(&record, 5), None);
        let rollout = status.rollout.unwrap();
        assert_eq!(rollout.owner.life, Life::Overdue);
        assert_eq!(rollout.waits.unwrap().text, "the next run, or `andante settle hello -n demo`");
        assert_eq!(status.next.len(), 2, "{:?}", status.next);
    }

    #[test]
    fn after_a_rollback_the_pin_is_explained() {
        let mut record = walking();
        record.phase = Phase::RolledBack;
        let status = explained(&with(&record, 5), None);
        assert!(status.next[0].contains("pinned by name"), "{:?}", status.next);
        record.phase = Phase::Finished;
        let status = explained(&with(&record, 5), None);
        assert!(status.next[0].contains("--to stable"), "{:?}", status.next);
    }
}

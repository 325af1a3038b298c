//! Where a rollout stands, in one line: annotation `andante.dev/progress`, for people and other programs.
//!
//! Decides what the line says: only what is so from this write of the record to the next one, because it is written with the record
//! and never by itself. So it tells nothing of dwells, evidence or pods, and of the split what was written, not what is served. Nothing
//! of ours reads it. Depends on the record.

use crate::model::name::RevisionName;
use crate::rollout::goal_status::cut;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;

/// The longest line, in characters.
const LONGEST: usize = 300;

/// The line for this record. It begins with the phase, as the record calls it.
pub fn progress(record: &Record) -> String {
    let (since, stable) = (time(record.step_at), &record.start.stable);
    let candidate = record.candidate.as_ref().map_or("a new revision", RevisionName::as_str);
    let line = match record.phase {
        Phase::Staging => format!("staging since {since}: users are on {stable}"),
        Phase::Staged => format!("staged {candidate} at 0 % since {since}: users are on {stable}"),
        Phase::Walking => format!("walking to {candidate}: {} since {since}{}", share(record), step(record)),
        Phase::Baking => format!("baking {candidate}: {} since {since}{}", share(record), step(record)),
        Phase::Held => format!("held at {} of {candidate} since {since}{}", share(record), step(record)),
        Phase::Interrupted => format!("interrupted at {since}: {}", record.split),
        Phase::Finished => format!("finished at {since}: {}", record.split),
        // Somebody else had moved traffic: this rollout took nobody anywhere.
        Phase::RolledBack if record.leaves_traffic() => format!("closed at {since}: {}", record.split),
        Phase::RolledBack => format!("rolled-back at {since}: {}", record.split),
    };
    let line = match record.approval_since {
        Some(asked) => format!("{line}; an approval was asked for at {}", time(asked)),
        None => line,
    };
    // The word of the outcome comes before the reason, which may be cut.
    let line = match record.outcome.filter(|_| !record.phase.is_open() || record.rests()) {
        Some(code) => format!("{line}; {}", code.word()),
        None => line,
    };
    match &record.reason {
        Some(reason) => cut(&format!("{line}: {reason}"), LONGEST),
        None => cut(&line, LONGEST),
    }
}

/// The candidate's share of all users, as it was written last.
fn share(record: &Record) -> String {
    record.candidate.as_ref().map(|candidate| record.split.share(candidate)).unwrap_or_default().to_string()
}

/// Which step of the plan that is.
fn step(record: &Record) -> String {
    let steps = record.plan.as_ref().map(|plan| plan.steps.len());
    steps.map(|steps| format!(", step {} of {steps}", record.step)).unwrap_or_default()
}

/// Whole seconds are enough for a line.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Code;
    use crate::model::split::Split;
    use crate::rollout::plan::{Plan, PlanOptions};
    use crate::rollout::record::EditOf;
    use crate::rollout::record::tests::record;

    fn of(change: impl FnOnce(&mut Record)) -> String {
        let mut record = record();
        record.step_at = "2026-11-30T11:02:00.123Z".parse().unwrap();
        record.plan = Some(Plan::new(&PlanOptions::default()).unwrap());
        change(&mut record);
        progress(&record)
    }

    fn split(stable: u8, candidate: u8) -> Split {
        serde_json::from_value(serde_json::json!([
            {"revisionName": "s1", "percent": stable}, {"revisionName": "s2", "percent": candidate}
        ]))
        .unwrap()
    }

    #[test]
    fn each_phase_has_its_line() {
        assert_eq!(of(|_| ()), "staging since 2026-11-30T11:02:00Z: users are on s1");
        let staged = of(|r| r.phase = Phase::Staged);
        assert_eq!(staged, "staged s2 at 0 % since 2026-11-30T11:02:00Z: users are on s1");
        let walking = |r: &mut Record| {
            (r.phase, r.step, r.split) = (Phase::Walking, 3, split(75, 25));
        };
        assert_eq!(of(walking), "walking to s2: 25 % since 2026-11-30T11:02:00Z, step 3 of 5");
        let asked = of(|r| {
            walking(r);
            r.approval_since = Some("2026-11-30T11:04:00Z".parse().unwrap());
        });
        assert_eq!(
            asked,
            "walking to s2: 25 % since 2026-11-30T11:02:00Z, step 3 of 5; an approval was asked for at 2026-11-30T11:04:00Z"
        );
        let baking = of(|r| (r.phase, r.step, r.split) = (Phase::Baking, 5, split(0, 100)));
        assert_eq!(baking, "baking s2: 100 % since 2026-11-30T11:02:00Z, step 5 of 5");
        let held = of(|r| {
            walking(r);
            r.phase = Phase::Held;
        });
        assert_eq!(held, "held at 25 % of s2 since 2026-11-30T11:02:00Z, step 3 of 5");
    }

    #[test]
    fn an_end_says_how_and_why() {
        let finished = of(|r| (r.phase, r.outcome) = (Phase::Finished, Some(Code::Done)));
        assert_eq!(finished, "finished at 2026-11-30T11:02:00Z: latest 100 %; done");
        let back = |r: &mut Record| {
            (r.phase, r.outcome, r.split) = (Phase::RolledBack, Some(Code::Worse), split(100, 0));
            r.reason = Some("worse than\nstable".into());
        };
        assert_eq!(of(back), "rolled-back at 2026-11-30T11:02:00Z: s1 100 %, s2 0 %; worse: worse than stable");
        let closed = of(|r| {
            back(r);
            r.outcome = Some(Code::TakenOver);
        });
        assert!(closed.starts_with("closed at 2026-11-30T11:02:00Z: s1 100 %, s2 0 %; taken-over: "), "{closed}");
        let of_template = of(|r| {
            back(r);
            (r.outcome, r.edited) = (Some(Code::TakenOver), Some(EditOf::Template));
        });
        assert!(of_template.starts_with("rolled-back at "), "{of_template}");
        let stopped = of(|r| {
            (r.phase, r.outcome) = (Phase::Held, Some(Code::Interrupted));
            r.reason = Some("stopped by Ctrl-C".into());
        });
        assert!(stopped.ends_with("step 0 of 5; interrupted: stopped by Ctrl-C"), "{stopped}");
    }

    #[test]
    fn the_line_has_a_bound_and_is_one() {
        let long = of(|r| {
            (r.phase, r.outcome) = (Phase::RolledBack, Some(Code::GateFailed));
            r.reason = Some("ä\n".repeat(5000));
        });
        assert_eq!(long.chars().count(), LONGEST);
        assert!(!long.contains('\n') && long.contains("; gate-failed: "), "{long}");
    }
}

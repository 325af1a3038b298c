//! A status as a few aligned lines for a person.
//!
//! Decides words and order.

use super::rollout::{Rollout, moves, word};
use super::times::{clock, moment};
use super::{Life, RevisionStatus, Role, Status, dead_words};
use crate::evidence::{Counts, Missed};
use crate::model::outcome::Code;
use crate::rollout::owner::OwnerKind;
use crate::rollout::record::{EditOf, Phase};
use jiff::Timestamp;

/// How wide the first column is: the longest labels, such as `waits for`, have nine letters, and two spaces follow.
const LABEL: usize = 11;
/// How many rejected candidates are printed; JSON has all.
const MAX_REJECTED: usize = 2;

/// The status in lines, `now` for words such as "in 2m".
pub(crate) fn lines(status: &Status, now: Timestamp) -> Vec<String> {
    let mut lines = vec![headline(status)];
    if let Some(rollout) = &status.rollout {
        lines.extend(about(rollout, now));
    }
    lines.extend(status.revisions.iter().map(side));
    lines.extend(traffic(status, now));
    if let Some(rollout) = &status.rollout {
        lines.extend(progress(rollout, now));
        lines.extend(events(rollout));
    }
    for c in status.conditions.iter().filter(|c| c.status == "False") {
        lines.push(row("condition", &format!("{} is False: {} {}", c.kind, c.reason, c.message)));
    }
    lines.extend(status.notes.iter().map(|note| row("note", note)));
    for (i, next) in status.next.iter().enumerate() {
        lines.push(row(if i == 0 { "next" } else { "" }, next));
    }
    lines
}

fn row(label: &str, text: &str) -> String {
    format!("{label:<LABEL$}{text}").trim_end().to_owned()
}

fn headline(status: &Status) -> String {
    let name = format!("{} in {}", status.service, status.namespace);
    match (&status.rollout, &status.unreadable) {
        (Some(rollout), _) => format!("{name}: rollout {} {}", rollout.id, stand(rollout)),
        (None, Some(_)) => format!("{name}: the record of its rollout cannot be read"),
        (None, None) => format!("{name}: no rollout"),
    }
}

fn stand(rollout: &Rollout) -> String {
    let phase = word(rollout.phase);
    let at = match &rollout.progress {
        Some(p) if rollout.phase != Phase::Interrupted => {
            format!("{phase}, step {} of {} ({})", p.step, p.of, p.percent)
        }
        _ => phase.to_owned(),
    };
    match (&rollout.left, &rollout.reason) {
        (Some(why), _) if moves(rollout.phase) => format!("was {at}, and nobody goes on: {why}"),
        (_, Some(reason)) if rollout.open => format!("is {at}: {reason}"),
        (_, None) if rollout.open => format!("is {at}"),
        (_, Some(reason)) => format!("{}: {reason}", ended(rollout)),
        (_, None) => ended(rollout),
    }
}

/// How it ended; the outcome's word where it says more than the phase.
fn ended(rollout: &Rollout) -> String {
    if let Some(share) = rollout.ended_below {
        return format!("{} at {share}, as its goal declares", word(rollout.phase));
    }
    match rollout.outcome {
        Some(outcome) if rollout.phase == Phase::RolledBack && !matches!(outcome, Code::RolledBack | Code::Done) => {
            format!("{} ({})", word(rollout.phase), outcome.word())
        }
        _ => word(rollout.phase).to_owned(),
    }
}

fn about(rollout: &Rollout, now: Timestamp) -> Vec<String> {
    let owner = &rollout.owner;
    let name = match owner.kind {
        OwnerKind::Person => owner.name.clone(),
        kind => format!("{kind:?} {}", owner.name),
    };
    let life = match owner.life {
        Life::Over => format!("since {}", moment(rollout.since, now)),
        Life::Resting => format!("has left; it is kept until {}", moment(owner.deadline, now)),
        Life::Running => format!("runs; deadline {}", moment(owner.deadline, now)),
        Life::Presumed => format!("deadline {}", moment(owner.deadline, now)),
        Life::Gone => format!(
            "its run object is gone: if its pod is gone as well, nobody acts any more; deadline {}",
            moment(owner.deadline, now)
        ),
        Life::Done | Life::Overdue => {
            format!("DEAD: {} (deadline {})", dead_words(owner.life), moment(owner.deadline, now))
        }
    };
    vec![row("owner", &format!("{name}, {life}"))]
}

fn side(side: &RevisionStatus) -> String {
    let label = match side.role {
        Role::Stable => "stable",
        Role::Candidate => "candidate",
        Role::Other => "also",
    };
    let mut text = format!("{} {} %, {}", side.name, side.percent, pods(side));
    if let (Role::Candidate, Some(image)) = (side.role, &side.image) {
        text.push_str(", ");
        text.push_str(image);
    }
    row(label, &text)
}

/// The bounds that the rollout set.
fn bounds(side: &RevisionStatus) -> String {
    let value = |bound: &&'static str| match *bound {
        "max-scale" => format!(", max-scale {} of this rollout", side.max_scale.unwrap_or_default()),
        bound => format!(", {bound} {} of this rollout", side.min_scale),
    };
    side.set_by_rollout.iter().map(value).collect()
}

/// A revision's pods in a few words.
pub(super) fn pods(side: &RevisionStatus) -> String {
    match (side.pods, &side.why) {
        ("up", _) => {
            let pods = if side.actual == 1 { "pod" } else { "pods" };
            format!("up ({} {pods}{})", side.actual, bounds(side))
        }
        ("coming", _) if side.actual > 0 => {
            format!("{} of {} pods are up{}", side.actual, side.desired, bounds(side))
        }
        (word, Some(why)) => format!("{word} ({why})"),
        (word, None) => word.to_owned(),
    }
}

fn traffic(status: &Status, now: Timestamp) -> Vec<String> {
    let Some(asked) = &status.asked else { return Vec::new() };
    let agreement = &status.serving;
    if agreement.served {
        let since = agreement.since.map(|t| format!(", since {}", moment(t, now))).unwrap_or_default();
        return vec![row("traffic", &format!("{asked}")), row("served", &format!("the same{since}"))];
    }
    let shares = status.served.iter().map(|s| {
        let tag = s.tag.as_ref().map(|t| format!(" (tag {t})")).unwrap_or_default();
        format!("{} {} %{tag}", s.revision, s.percent)
    });
    let shares: Vec<String> = shares.collect();
    let served = if shares.is_empty() { "nothing".to_owned() } else { shares.join(", ") };
    let verb = if agreement.blocked { "REFUSED by Knative" } else { "not yet" };
    let why = agreement.why.as_deref().unwrap_or_default();
    vec![row("asked", &asked.to_string()), row("served", &served), row("", &format!("{verb}: {why}"))]
}

fn progress(rollout: &Rollout, now: Timestamp) -> Vec<String> {
    let Some(waits) = &rollout.waits else { return Vec::new() };
    let mut lines = vec![row("since", &moment(rollout.since, now))];
    let until = match waits.until {
        Some(until) if until <= now && waits.kind == "time" => {
            format!("; due since {}, a gate or a failed probe holds it", clock(until))
        }
        Some(until) if until <= now => format!("; due since {}", clock(until)),
        Some(until) if waits.kind == "approval" => format!("; rolled back at {}", moment(until, now)),
        Some(until) => format!("; due {} at the earliest", moment(until, now)),
        None => String::new(),
    };
    lines.push(row("waits for", &format!("{}{until}", waits.text)));
    if let Some(evidence) = &rollout.evidence {
        lines.push(row("evidence", &evidence.said));
        if let Some(missed) = &evidence.missed {
            lines.push(row("objective", &no_worse(missed, &rollout.stable)));
        }
    }
    lines.extend(rollout.compared.iter().map(|said| row("compared", said)));
    lines
}

/// The objective where stable misses its own.
fn no_worse(missed: &Missed, stable: &str) -> String {
    let of = |what, counts: Option<Counts>| counts.map(|c| format!("{} of {} {what}", c.failures, c.requests));
    let parts = [of("failed", missed.failed), of("were too slow", missed.slow)];
    let had = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!("no worse than {stable}, which misses its own ({had})")
}

fn events(rollout: &Rollout) -> Vec<String> {
    let mut lines = Vec::new();
    let requests = &rollout.requests;
    for (verb, request) in [("pause", &requests.pause), ("abort", &requests.abort), ("promote", &requests.promote)] {
        if let (Some(request), true) = (request, rollout.open) {
            lines.push(row("request", &format!("{verb} by {} at {}", request.by, clock(request.at))));
        }
    }
    if rollout.open {
        let step = rollout.progress.as_ref().map_or(0, |p| p.step);
        for approval in requests.approved.iter().filter(|a| a.step > step) {
            let (by, at) = (&approval.request.by, clock(approval.request.at));
            lines.push(row("approved", &format!("step {} by {by} at {at}", approval.step)));
        }
    }
    if let Some(edit) = &rollout.edit {
        let (what, effect) = match edit.of {
            EditOf::Traffic => ("changed the traffic", "the walk writes nothing more"),
            EditOf::Service => ("made the Service anew", "the walk writes nothing more"),
            EditOf::Template => ("changed the template", "it reaches nobody until it is staged"),
        };
        lines.push(row("edited", &format!("{} {what}: {effect}", edit.by)));
    }
    for target in &rollout.left_out {
        lines.push(row("left out", &format!("{target}, because it was not Ready")));
    }
    for rejected in rollout.rejected.iter().rev().take(MAX_REJECTED) {
        lines.push(row("rejected", &format!("{} at {}: {}", rejected.revision, clock(rejected.at), rejected.reason)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::samples::{asked_by_kim, at, explained, service, walking, with};
    use super::*;
    use crate::rollout::control::Control;
    use serde_json::json;

    fn text(status: &Status) -> String {
        lines(status, at(60)).join("\n")
    }

    #[test]
    fn a_walk_in_the_middle() {
        let expected = "\
hello in demo: rollout r1 is walking, step 1 of 3 (1 %)
owner      kim, deadline 1970-01-01 00:55:00 UTC (in 54m)
stable     hello-00001 99 %, up (1 pod)
candidate  hello-00002 1 %, up (1 pod), dev.local/hello-00002
traffic    hello-00001 99 % (tag stable), hello-00002 1 % (tag candidate)
served     the same, since 1970-01-01 00:00:12 UTC (48s ago)
since      1970-01-01 00:00:10 UTC (50s ago)
waits for  step 2 (50 %), after the dwell and its gates; due 1970-01-01 00:02:13 UTC (in 1m 13s) at the earliest
next       nothing; `andante control pause|abort|promote hello -n demo` steers it";
        assert_eq!(text(&explained(&with(&walking(), 5), None)), expected);
    }

    #[test]
    fn a_service_without_a_rollout() {
        let expected = "\
hello in demo: no rollout
asked      latest 100 %
served     nothing
           not yet: status.traffic is not the split asked for yet
next       `andante stage hello -n demo --image REF` begins a rollout";
        assert_eq!(text(&explained(&service(json!({})), None)), expected);
    }

    #[test]
    fn a_rollout_that_nobody_goes_on_with_is_no_walk() {
        let headline = |object: &serde_json::Value| text(&explained(object, None)).lines().next().unwrap().to_owned();
        let mut edited = with(&walking(), 6);
        edited["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
        assert_eq!(
            headline(&edited),
            "hello in demo: rollout r1 was walking, step 1 of 3 (1 %), and nobody goes on: somebody changed the traffic"
        );
        assert!(!text(&explained(&edited, None)).contains("due"), "no step comes");
        // A Service that was deleted and made again with its annotations begins its generations anew.
        let anew = text(&explained(&with(&walking(), 1), None));
        assert!(anew.starts_with("hello in demo: rollout r1 was walking"), "{anew}");
        assert!(anew.contains("somebody made the Service anew") && !anew.contains("due"), "{anew}");
        let mut dead = walking();
        dead.deadline = at(30);
        assert!(headline(&with(&dead, 5)).contains("was walking, step 1 of 3 (1 %), and nobody goes on: its deadline"));
    }

    #[test]
    fn ctrl_c_is_told_and_who_goes_on() {
        let mut record = walking();
        (record.outcome, record.reason) = (Some(Code::Interrupted), Some("stopped by Ctrl-C".into()));
        record.phase = Phase::Held;
        let held = text(&explained(&with(&record, 5), None));
        assert!(
            held.starts_with("hello in demo: rollout r1 is held, step 1 of 3 (1 %): stopped by Ctrl-C\n"),
            "{held}"
        );
        assert!(held.contains("next       `andante walk hello -n demo` goes on"), "{held}");
        (record.phase, record.plan) = (Phase::Staging, None);
        let staging = text(&explained(&with(&record, 5), None));
        let headline = "hello in demo: rollout r1 was staging, and nobody goes on: stopped by Ctrl-C\n";
        assert!(staging.starts_with(headline), "{staging}");
        assert!(staging.contains("`andante settle hello -n demo` rolls back"), "{staging}");
    }

    #[test]
    fn an_end_tells_why() {
        let mut record = walking();
        record.phase = Phase::RolledBack;
        record.outcome = Some(Code::Aborted);
        record.reason = Some("aborted by kim".into());
        record.reject("aborted by kim", at(55));
        let text = text(&explained(&with(&record, 5), None));
        assert!(text.starts_with("hello in demo: rollout r1 rolled back (aborted): aborted by kim\n"), "{text}");
        assert!(text.contains("rejected   hello-00002 at 1970-01-01 00:00:55 UTC: aborted by kim"), "{text}");
        assert!(!text.contains("waits for"), "{text}");
        record.restored = true;
        let restored = self::text(&explained(&with(&record, 5), None));
        assert!(restored.contains(": aborted by kim; the template was put back\n"), "{restored}");
    }

    #[test]
    fn requests_and_a_dead_owner_are_shown() {
        let mut record = walking();
        record.deadline = at(30);
        let mut control = Control::of(record.id.clone());
        control.pause = Some(asked_by_kim());
        let text = text(&explained(&with(&record, 5), Some(&control)));
        assert!(text.contains("request    pause by kim at 1970-01-01 00:00:50 UTC"), "{text}");
        assert!(text.contains("owner      kim, DEAD: its deadline has passed"), "{text}");
    }
}

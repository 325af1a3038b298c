//! The walk's gates: one list of the questions about a scene whose answer sends users back or keeps the next step from being taken.
//! What is no such question (a write that is not served, a record without room) is named in ARCHITECTURE.md.
//!
//! Decides nothing that it does not return: a gate is a function of the scene and of what the walk remembers, and
//! asking it twice changes nothing. A new gate is a row of [`GATES`] and the state that it judges. An *alarm* is judged
//! at every decision, because users may be on the candidate at any moment; a *step* verdict counts only once the split
//! is served, and in the order of the list, because what stands earlier explains the wait better.

use super::Walk;
use super::goal_gates::{goal_unread, namespace_unread, of_older_goal, suspended};
use super::pod_gates::{pods_missing, pods_never_came, pods_short};
use super::scene::Scene;
use super::waiting::Waiting;
use crate::evidence::OnInconclusive;
use crate::evidence::verdict::Verdict;
use crate::machine::clash::seen;
use crate::machine::course::{blocker, stay};
use crate::machine::judge::Advice;
use crate::machine::rollback::Why;
use crate::machine::world::Signal;
use crate::model::outcome::Code;
use crate::model::podwords::lies_outside;
use crate::model::ready::{Pods, pods};
use crate::model::time::{after, words};
use crate::rollout::goal::OnTerm;
use crate::rollout::record::Phase;
use jiff::Timestamp;
use std::time::Duration;

/// What a gate says of the next step.
pub(super) type StepVerdict = Verdict<Waiting, Why>;

/// One gate.
struct WalkGate {
    /// Why users go back, if they must.
    alarm: fn(&Walk, &Scene<'_>) -> Option<Why>,
    /// Whether the next step may be taken; the time is since when the present one is served.
    step: fn(&Walk, &Scene<'_>, Timestamp) -> StepVerdict,
}

impl WalkGate {
    /// A gate that only sends back.
    const fn alarm(alarm: fn(&Walk, &Scene<'_>) -> Option<Why>) -> Self {
        Self { alarm, step: |_, _, _| Verdict::Pass }
    }

    /// A gate that only holds.
    const fn step(step: fn(&Walk, &Scene<'_>, Timestamp) -> StepVerdict) -> Self {
        Self { alarm: |_, _| None, step }
    }
}

/// All gates, in the order in which their reasons are told.
const GATES: [WalkGate; 22] = [
    WalkGate::alarm(terminated),
    WalkGate::alarm(aborted),
    WalkGate::alarm(stable_is_gone),
    WalkGate::alarm(name_is_taken),
    WalkGate::alarm(ill),
    WalkGate { alarm: pods_never_came, step: pods_short },
    WalkGate::step(paused),
    WalkGate::step(suspended),
    WalkGate::step(goal_unread),
    WalkGate::step(dwelling),
    WalkGate::step(question_is_due),
    WalkGate { alarm: probes_failed, step: probes_missing },
    WalkGate::step(not_ready_now),
    WalkGate { alarm: asking_failed, step: asking_missing },
    WalkGate { alarm: evidence_against, step: evidence_missing },
    WalkGate::alarm(of_older_goal),
    WalkGate::alarm(out_of_time),
    WalkGate::step(unapproved),
    WalkGate::step(blocked),
    WalkGate::step(namespace_unread),
    WalkGate::step(last_look),
    // After the last look: windows are shut already, and the candidate is asked on while its pods come.
    WalkGate::step(pods_missing),
];

impl Walk {
    /// Why users go back now, if anything says so.
    pub(super) fn alarm(&self, scene: &Scene<'_>) -> Option<Why> {
        GATES.iter().find_map(|gate| (gate.alarm)(self, scene))
    }

    /// The first gate that keeps the next step from being taken, if one does.
    pub(super) fn holds_back(&self, scene: &Scene<'_>, served: Timestamp) -> StepVerdict {
        let verdicts = GATES.iter().map(|gate| (gate.step)(self, scene, served));
        verdicts.into_iter().find(|verdict| *verdict != Verdict::Pass).unwrap_or(Verdict::Pass)
    }
}

/// SIGTERM in a pod takes users back (rule 12), because nobody else may come after a pipeline's end. A short call is
/// followed by the next one, so it leaves them where they are.
fn terminated(walk: &Walk, scene: &Scene<'_>) -> Option<Why> {
    let back = !walk.goal.once && walk.goal.on_term == OnTerm::Rollback;
    let signal = scene.world.signal.filter(|signal| back && *signal == Signal::Terminate)?;
    Some(Why::new(Code::Interrupted, scene.world.stopped_by(signal)))
}

fn aborted(_: &Walk, scene: &Scene<'_>) -> Option<Why> {
    let abort = scene.control.abort.as_ref()?;
    Some(Why::new(Code::Aborted, format!("aborted by {}", abort.by)))
}

fn stable_is_gone(_: &Walk, scene: &Scene<'_>) -> Option<Why> {
    let stable = &scene.record.start.stable;
    let gone = scene.world.revision(stable).is_none() && !scene.record.split.share(stable).is_zero();
    gone.then(|| Why::new(Code::CouldNotRestore, format!("{stable} was deleted")))
}

/// Knative serves no split with a tag whose name somebody else has; the candidate has nothing to answer for.
fn name_is_taken(_: &Walk, scene: &Scene<'_>) -> Option<Why> {
    let clash = seen(scene.service, &scene.record.tags)?;
    // Before the first step this is no rollback but a rollout that cannot begin.
    let code = if scene.record.step == 0 { Code::BadState } else { Code::RolledBack };
    Some(Why::blameless(code, clash.words()))
}

fn ill(walk: &Walk, scene: &Scene<'_>) -> Option<Why> {
    let failing = walk.failing.as_ref()?;
    let reason = format!("{}: {failing}", scene.candidate);
    // No room for its pods, an image that cannot be pulled any more, or somebody who deleted it: the same candidate may be
    // tried again.
    let Some(revision) = scene.world.revision(scene.candidate).filter(|r| !r.deleting) else {
        return Some(Why::blameless(Code::RolledBack, reason));
    };
    if let Some(said) = walk.pods_say.as_ref().filter(|said| lies_outside(said) && revision.actual == 0) {
        return Some(Why::blameless(Code::RolledBack, format!("{reason}; {said}; that lies outside of it")));
    }
    let outside = lies_outside(failing) || matches!(pods(revision), Pods::NoRoom(_));
    Some(if outside { Why::blameless(Code::RolledBack, reason) } else { Why::new(Code::RolledBack, reason) })
}

fn probes_failed(walk: &Walk, scene: &Scene<'_>) -> Option<Why> {
    let reason = walk.probing.failed()?;
    Some(Why::new(Code::RolledBack, format!("{}: {reason}", scene.candidate)))
}

fn asking_failed(walk: &Walk, _: &Scene<'_>) -> Option<Why> {
    walk.gates.iter().find_map(|gate| gate.failed())
}

fn evidence_against(walk: &Walk, scene: &Scene<'_>) -> Option<Why> {
    walk.evidence_against(scene.record)
}

/// The deadline, or a decision that does not come in time. Where the owner's policy is to hold, users who are on the
/// candidate already stay there: that is no way back ([`Walk::without_decision`]). So do they where both revisions lack pods, as
/// far as time alone speaks: everyone on stable would be worse off.
fn out_of_time(walk: &Walk, scene: &Scene<'_>) -> Option<Why> {
    let (record, now, policy) = (scene.record, scene.now, walk.on_inconclusive());
    if walk.holds_for_room(scene) {
        return None;
    }
    let undecided = walk.undecided(record, now).filter(|_| policy == OnInconclusive::Rollback);
    let holds = record.step > 0 && policy == OnInconclusive::Hold;
    let late = || (now >= record.deadline && !holds).then(|| walk.late(record.step));
    undecided.or_else(late).map(|reason| Why::blameless(Code::Inconclusive, reason))
}

fn paused(_: &Walk, scene: &Scene<'_>, _: Timestamp) -> StepVerdict {
    match &scene.control.pause {
        Some(pause) => Verdict::Wait(Waiting::Paused { by: pause.by.clone(), at: pause.at }),
        None => Verdict::Pass,
    }
}

/// How long the step is stayed at, and until when. A probe that failed meanwhile, or pods that were gone, make the dwell
/// begin anew, because a candidate that comes and goes must not be taken for a healthy one.
fn dwell(walk: &Walk, scene: &Scene<'_>, served: Timestamp) -> (Duration, Timestamp) {
    let stay = stay(&walk.goal.plan, scene.record, scene.is_promoted());
    let failed = walk.probing.failed_at().filter(|_| !walk.last_look);
    let anew = failed.max(walk.health.back());
    (stay, after(anew.map_or(served, |anew| anew.max(served)), stay))
}

fn dwelling(walk: &Walk, scene: &Scene<'_>, served: Timestamp) -> StepVerdict {
    let (stay, until) = dwell(walk, scene, served);
    let hurried = walk.promoted_anyway && scene.record.phase != Phase::Baking;
    if scene.now < until && !hurried { Verdict::Wait(Waiting::Dwell { stay, until }) } else { Verdict::Pass }
}

/// A question that is due or out is answered first, because the last look before users are moved has to be a fresh one.
fn question_is_due(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> StepVerdict {
    let open = walk.probing.is_asking() || walk.due_probe(scene).is_some();
    if open { Verdict::Wait(Waiting::Answer) } else { Verdict::Pass }
}

/// No probe is sent while windows are counted, so only those of the last look count then. Where the owner goes on without a
/// decision, an address that is out of reach is not waited for.
fn probes_missing(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> StepVerdict {
    let unreached = walk.promoted_anyway && walk.probing.out_of_reach().is_some();
    let count = (!walk.judges(scene.record) || walk.last_look) && !unreached;
    if count && !walk.probing.passed() { Verdict::Wait(Waiting::Probes(walk.probing.wanted())) } else { Verdict::Pass }
}

fn not_ready_now(walk: &Walk, _: &Scene<'_>, _: Timestamp) -> StepVerdict {
    if walk.health.is_ill() { Verdict::Wait(Waiting::Ready) } else { Verdict::Pass }
}

fn asking_missing(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> StepVerdict {
    match walk.gate_missing(scene.record.step, scene.is_promoted()) {
        Some(missing) => Verdict::Wait(Waiting::Gate(missing)),
        None => Verdict::Pass,
    }
}

fn evidence_missing(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> StepVerdict {
    match walk.advice(scene) {
        Advice::Go(_) => Verdict::Pass,
        Advice::Wait(why) => Verdict::Wait(Waiting::Evidence(why)),
    }
}

fn unapproved(walk: &Walk, scene: &Scene<'_>, served: Timestamp) -> StepVerdict {
    let Some((step, next)) = walk.next_step(scene) else { return Verdict::Pass };
    let approved = scene.is_promoted() || scene.control.approval(step, scene.record.attempt).is_some();
    if !next.approval || approved {
        return Verdict::Pass;
    }
    let patience = walk.goal.plan.approval_timeout;
    match scene.record.approval_since {
        None => Verdict::Wait(Waiting::ApprovalUnasked { step, since: dwell(walk, scene, served).1 }),
        Some(asked) if scene.now >= after(asked, patience) => Verdict::Fail(Why::new(
            Code::NotApproved,
            format!("nobody approved step {step} within {}", words(patience)),
        )),
        Some(asked) => Verdict::Wait(Waiting::Approval { step, until: after(asked, patience) }),
    }
}

fn blocked(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> StepVerdict {
    let Some((step, next)) = walk.next_step(scene) else { return Verdict::Pass };
    match blocker(scene.world, scene.service, scene.record, next.percent) {
        Some(blocker) => Verdict::Wait(Waiting::Blocked { step, blocker }),
        None => Verdict::Pass,
    }
}

/// Asks the candidate's own address once more before a move, with the windows shut, so that no probe is counted as a
/// user.
fn last_look(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> StepVerdict {
    if walk.needs_look(scene.record) { Verdict::Wait(Waiting::LastLook) } else { Verdict::Pass }
}

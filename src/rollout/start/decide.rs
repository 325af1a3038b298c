//! Whether a run is due for a Service's goal.
//!
//! Decides by what is there, never by what changed: whoever asks again with the same world gets the same answer, and one that
//! fell out in the middle is made good by the next. Depends on the other modules of this room.

use super::contract::Contract;
use super::declared::{Declaration, DeclaredPart, Fault, InCharge, PREFIX, Suspended, is_placeholder};
use super::making::Making;
use super::mark::ASKED_AGAIN;
use super::over::{RunSeen, RunState};
use super::run_name::StartOf;
use super::serving::{WhatServes, serving};
use super::table::RunTable;
use crate::model::name::Namespace;
use crate::model::observed::{CONTROL, GOAL_STATUS, PROGRESS, RECORD, Service};
use crate::rollout::goal_status::{GoalPhase, GoalStatus, RunName, StartedRun, StatusSeen, asked_again};
use jiff::Timestamp;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct StartQuestion<'a> {
    /// The Service.
    pub service: &'a Service,
    /// What it declares, or every fault of it.
    pub declared: &'a Result<Declaration, Vec<Fault>>,
    /// Its namespace.
    pub namespace: &'a Namespace,
    /// What its namespace says of suspension.
    pub namespace_suspends: Option<&'a Suspended>,
    /// Runs of it that were seen; those that were not are unknown, not gone.
    pub runs: &'a [RunSeen],
    /// How runs are made.
    pub table: &'a Result<RunTable, Fault>,
    /// Another run is wanted for a goal that had one.
    pub again: bool,
    /// The time.
    pub now: Timestamp,
}

/// Why nothing is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idle {
    /// Nobody is in charge.
    Nobody,
    /// The Service is being deleted.
    Deleting,
    /// It is suspended: by what, and why.
    Suspended(&'static str, Option<String>),
    /// Somebody outside is expected to act; who changed the Service last.
    External(Option<String>),
    /// The goal is reached, and nothing had to be started for it.
    Reached,
    /// The goal's run was started, and how it goes, as far as it is known.
    Started(StartedRun, Option<RunState>),
    /// Knative is still at the first revision that is looked at.
    Unsettled,
    /// Another run was wanted, and the goal's run has not ended.
    StillRuns(StartedRun),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartDecision {
    /// Nothing.
    Nothing(Idle),
    /// Only this status is to be written.
    Mark(GoalStatus, Idle),
    /// This run is to be made, between two notes.
    Start(Box<Making>, StartNotes),
    /// It cannot be acted on. The status says so on the Service; none: it says so already, or nothing of ours is to stand there.
    Post(Vec<Fault>, Option<GoalStatus>),
}

/// What is noted about a start. The name stands on the Service before a run has it: so nobody meets a run that nobody knows of,
/// neither who comes after a crash nor who declares a goal again that was given up meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartNotes {
    /// Before the run is made; none: it stands there already.
    pub before: Option<GoalStatus>,
    /// When it is made.
    pub after: GoalStatus,
}

/// What is to be done for this Service.
pub fn decide(asked: &StartQuestion<'_>) -> StartDecision {
    let service = asked.service;
    if service.deleting {
        return StartDecision::Nothing(Idle::Deleting);
    }
    let declared = match asked.declared {
        Ok(declared) => declared,
        Err(faults) => return unreadable(service, faults.clone(), asked.now),
    };
    let Some(in_charge) = &declared.in_charge else { return StartDecision::Nothing(Idle::Nobody) };
    let by_namespace = asked.namespace_suspends.map(|suspended| ("its namespace", suspended));
    if let Some((by, suspended)) = declared.suspended.as_ref().map(|suspended| ("it", suspended)).or(by_namespace) {
        return StartDecision::Nothing(Idle::Suspended(by, suspended.reason.clone()));
    }
    if *in_charge == InCharge::ExternalOperation {
        return StartDecision::Nothing(Idle::External(service.last_modifier().map(str::to_owned)));
    }
    let seen = StatusSeen::of(service);
    let status = seen.status();
    let word = asked_again(service);
    let same = status.filter(|status| status.goal.as_ref() == Some(&declared.id));
    if let Some(status) = same {
        // Whatever else is asked: what was begun comes first.
        if !status.made && status.run.is_some() {
            return begun(asked, declared, in_charge, status);
        }
        // A word that stood there when the goal was acted on asked for that.
        let by_word = word.is_some() && word != status.again;
        if !asked.again && !by_word {
            return acted_on(status, asked);
        }
        if let Some(run) = &status.run
            && asked.runs.iter().any(|seen| seen.name == run.name && !seen.state.is_over())
        {
            return StartDecision::Nothing(Idle::StillRuns(run.clone()));
        }
    } else if status.and_then(|status| status.goal.as_ref()).is_none() && !asked.again {
        // The first look: what serves already need not be brought there. One that cannot be read is no look of ours.
        let placeholder = declared.image.as_deref().is_some_and(is_placeholder);
        match if placeholder { WhatServes::Other } else { serving(service, declared.share) } {
            WhatServes::Present => {
                let reason = "what serves is what is declared: nothing had to be started".to_owned();
                let reached = GoalStatus::new(GoalPhase::Reached, reason, Some(asked.now));
                let reached = GoalStatus { goal: Some(declared.id.clone()), again: word, ..reached };
                return StartDecision::Mark(reached, Idle::Reached);
            }
            WhatServes::Unsettled => return StartDecision::Nothing(Idle::Unsettled),
            WhatServes::Other => {}
        }
    }
    start(asked, declared, in_charge, &seen, word)
}

/// The goal was acted on: how far it is.
fn acted_on(status: &GoalStatus, asked: &StartQuestion<'_>) -> StartDecision {
    let Some(run) = &status.run else {
        let idle = Idle::Reached;
        if status.phase == GoalPhase::Unreadable {
            let reason = "what is declared can be read again, and serves".to_owned();
            let mended = GoalStatus { phase: GoalPhase::Reached, reason, time: Some(asked.now), ..status.clone() };
            return StartDecision::Mark(mended, idle);
        }
        return StartDecision::Nothing(idle);
    };
    let state = asked.runs.iter().find(|seen| seen.name == run.name).map(|seen| seen.state.clone());
    let idle = Idle::Started(run.clone(), state.clone());
    let (phase, reason) = match state {
        Some(RunState::Done(said)) => (GoalPhase::Done, sentence("its run ended well", &said)),
        Some(RunState::Failed(said)) => (GoalPhase::Failed, sentence("its run failed", &said)),
        Some(RunState::Running) if !status.made => (GoalPhase::Started, format!("{} was started", called(run))),
        // What an older look wrote of its end stays true.
        _ if status.phase != GoalPhase::Unreadable => return StartDecision::Nothing(idle),
        _ => (GoalPhase::Started, "what is declared can be read again, and was started".to_owned()),
    };
    if phase == status.phase && status.made {
        return StartDecision::Nothing(idle);
    }
    StartDecision::Mark(GoalStatus { made: true, phase, reason, time: Some(asked.now), ..status.clone() }, idle)
}

/// The run was named, and whoever did so may have been ended before it was made.
fn begun(
    asked: &StartQuestion<'_>,
    declared: &Declaration,
    in_charge: &InCharge,
    status: &GoalStatus,
) -> StartDecision {
    match &status.run {
        Some(run) if !asked.runs.iter().any(|seen| seen.name == run.name) => {
            made_so(asked, declared, in_charge, run.name.clone(), status)
        }
        _ => acted_on(status, asked),
    }
}

fn start(
    asked: &StartQuestion<'_>,
    declared: &Declaration,
    in_charge: &InCharge,
    seen: &StatusSeen,
    word: Option<String>,
) -> StartDecision {
    let service = asked.service;
    let same = seen.goal() == Some(&declared.id);
    // The first run of a goal is one run, whoever asks for it and how.
    let attempt = match &word {
        _ if !same => "",
        Some(word) if !asked.again => word,
        _ => "again",
    };
    let before = seen.before(service);
    let start = StartOf { service: &service.name, uid: &service.uid, goal: &declared.id, before: &before, attempt };
    let Some(name) = start.name() else { return StartDecision::Nothing(Idle::Unsettled) };
    let status = GoalStatus::new(GoalPhase::Started, "", None);
    made_so(asked, declared, in_charge, name, &GoalStatus { goal: Some(declared.id.clone()), again: word, ..status })
}

/// A run of this name is to be made. `status`: what stands there of it, or is to.
fn made_so(
    asked: &StartQuestion<'_>,
    declared: &Declaration,
    in_charge: &InCharge,
    name: RunName,
    status: &GoalStatus,
) -> StartDecision {
    let (service, now) = (asked.service, asked.now);
    let row = match asked.table {
        Ok(table) => table.row(in_charge),
        Err(fault) => Err(fault.clone()),
    };
    let row = match row {
        Ok(row) => row,
        Err(fault) => return unreadable(service, vec![fault], now),
    };
    let kind = row.run_kind().kind;
    let run = StartedRun { kind: Some(kind.clone()), name: name.clone() };
    let noted = |made: bool, verb: &str| GoalStatus {
        made,
        phase: GoalPhase::Started,
        reason: format!("{in_charge} {verb} as {kind} {name}"),
        run: Some(run.clone()),
        time: Some(now),
        ..status.clone()
    };
    let (before, after) = (noted(false, "is being started"), noted(true, "was started"));
    // Where its name stands already it is enough, whatever was said of it since: why it could not be made stays until it is.
    let before = (status.run.as_ref() != Some(&run)).then_some(before);
    let contract = Contract::of(&service.name, asked.namespace, declared);
    let making = Making::new(name, row, in_charge, contract, service);
    StartDecision::Start(Box::new(making), StartNotes { before, after })
}

/// A run that was named could not be made: that is said on the Service, and its name stays, so that whoever comes next tries again.
/// None: it says so already.
pub fn not_made(service: &Service, after: &GoalStatus, why: &str) -> Option<GoalStatus> {
    let run = after.run.as_ref().map(called).unwrap_or_default();
    let reason = format!("{run} cannot be made: {why}");
    let status = GoalStatus { made: false, phase: GoalPhase::Failed, reason, ..after.clone() };
    let said = StatusSeen::of(service).status().is_some_and(|before| before.says_the_same(&status));
    (!said).then_some(status)
}

/// What cannot be acted on is said on the Service, beside what was acted on before: a slip that is mended starts nothing.
pub fn unreadable(service: &Service, faults: Vec<Fault>, now: Timestamp) -> StartDecision {
    // On a Service that declares nothing, nothing of ours is written.
    let ours = |name: &str| [RECORD, CONTROL, PROGRESS, GOAL_STATUS, ASKED_AGAIN].contains(&name);
    if !service.annotations.keys().any(|name| name.starts_with(PREFIX) && !ours(name)) {
        return StartDecision::Post(faults, None);
    }
    let reason = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let before = StatusSeen::of(service);
    let mut status = before.status().cloned().unwrap_or(GoalStatus::new(GoalPhase::Unreadable, "", None));
    (status.phase, status.reason) = (GoalPhase::Unreadable, reason);
    let said = before.status().is_some_and(|before| before.says_the_same(&status));
    status.time = Some(now);
    StartDecision::Post(faults, (!said).then_some(status))
}

fn sentence(what: &str, said: &str) -> String {
    if said.is_empty() { what.to_owned() } else { format!("{what}: {said}") }
}

impl Idle {
    /// In a sentence; `service`: what it is called.
    pub fn words(&self, service: &str) -> String {
        let pipeline = DeclaredPart::Pipeline.annotation();
        match self {
            Self::Nobody => format!("{service} names nobody who is in charge ({pipeline}), so nothing is started"),
            Self::Deleting => format!("{service} is being deleted, so nothing is started"),
            Self::Suspended(by, None) => format!(
                "{service} is suspended by {} of {by}, so nothing is started",
                DeclaredPart::Suspend.annotation()
            ),
            Self::Suspended(by, Some(why)) => {
                format!(
                    "{service} is suspended by {} of {by} ({why}), so nothing is started",
                    DeclaredPart::Suspend.annotation()
                )
            }
            Self::External(last) => {
                let who = last.as_ref().map(|last| format!(" (last changed by {last})")).unwrap_or_default();
                format!(
                    "{service} is operated from outside ({pipeline} is ExternalOperation): whoever does that{who} is expected to act, and nothing is started"
                )
            }
            Self::Reached => format!("{service} has reached its goal, so nothing is started"),
            Self::Started(run, state) => {
                let run = called(run);
                match state {
                    None => format!("{run} was started for this goal of {service}"),
                    Some(RunState::Running) => format!("{run} was started for this goal of {service}, and runs"),
                    Some(RunState::Done(said)) => {
                        sentence(&format!("{run} was started for this goal of {service}, and ended well"), said)
                    }
                    Some(RunState::Failed(said)) => {
                        sentence(&format!("{run} was started for this goal of {service}, and failed"), said)
                    }
                }
            }
            Self::Unsettled => {
                format!(
                    "Knative has not taken up {service} as it stands, so whether its goal is reached cannot be said yet; nothing is started"
                )
            }
            Self::StillRuns(run) => {
                format!("{} of this goal of {service} has not ended, so no other one is started", called(run))
            }
        }
    }
}

/// A run's kind and name.
pub fn called(run: &StartedRun) -> String {
    run.kind.as_ref().map_or_else(|| format!("run {}", run.name), |kind| format!("{kind} {}", run.name))
}

#[cfg(test)]
mod tests;

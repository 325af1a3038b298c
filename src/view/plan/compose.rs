//! Composes the preview from what was seen.
//!
//! Decides which moves are still to come where a rollout is open already. It may use splits, plans, the record, and
//! what the machines refuse.

use super::{Move, NEW, NOW, PlannedTarget, Preview, entries, shown};
use crate::machine::capacity::{ArmDemand, most_wanted, pods_for};
use crate::machine::claim::Claim;
use crate::machine::clash::ahead;
use crate::machine::finish::good_split;
use crate::machine::next::{Look, Next};
use crate::machine::stage::admit::{fresh_start, inherited_start, refused, tags_are_free, targets_are_ready};
use crate::machine::standing::{Moved, moved, outcome_of, who_moved};
use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::split::Split;
use crate::model::time::words;
use crate::rollout::declaration::charge::in_care;
use crate::rollout::plan::PlanOptions;
use crate::rollout::plan::{Plan, Step};
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::{Start, Tags};
use crate::view::status::{phase_word, rollout_duration};
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanQuestion {
    /// The plan that is asked about; none: that of the open rollout, else the usual one.
    pub plan: Option<Plan>,
    /// Our two tags.
    pub tags: Tags,
    /// Which revision is stable, where the split leaves a choice.
    pub stable: Option<RevisionName>,
    /// The Service comes from a file: which revisions are there and Ready is not known.
    pub from_file: bool,
}

/// What the walk would go on with: an open rollout whose traffic nobody else touched.
struct Open<'a> {
    record: &'a Record,
    candidate: Option<RevisionName>,
    /// The percentage that is reached.
    at: Percent,
}

/// The preview, or why there is none.
pub(crate) fn compose(asked: &PlanQuestion, world: &World, service: &Service) -> Result<Preview, Box<Outcome>> {
    let bad = |what: String| Box::new(outcome_of(Code::BadState, what, service));
    let record = world.record().transpose().map_err(|e| bad(e.to_string()))?;
    let split = service.split.as_ref().map_err(|e| bad(format!("spec.traffic of {}: {e}", service.name)))?;
    let mut service = service.clone();
    if asked.from_file && service.latest_ready.is_none() {
        service.latest_ready = placeholder(NOW);
    }
    if service.latest_ready.is_none() {
        let what =
            format!("{} has no ready revision: its first one is deployed at once, no split is written", service.name);
        return Err(Box::new(outcome_of(Code::Done, what, &service).word("first-deployment")));
    }
    let open = record.as_ref().filter(|r| r.phase.is_open() && moved(r, &service) != Moved::Traffic).map(open);
    // A rollout that is held begins its next walk by another plan.
    let walks = |record: &Record| matches!(record.phase, Phase::Walking | Phase::Baking | Phase::Interrupted);
    let own = open.as_ref().filter(|open| walks(open.record)).and_then(|open| open.record.plan.clone());
    let is_own = asked.plan.is_none() && own.is_some();
    let plan = asked.plan.clone().or(own).map_or_else(|| Plan::new(&PlanOptions::default()), Ok);
    let plan = plan.map_err(|e| bad(e.to_string()))?;
    let start = match &open {
        Some(open) => open.record.start.clone(),
        None => inherited_start(asked.stable.as_ref(), Claim::Free, record.as_ref(), world, split)
            .map_or_else(|| fresh_start(asked.stable.as_ref(), record.as_ref(), &service, split), Ok)?,
    };
    let tags = open.as_ref().map_or(&asked.tags, |o| &o.record.tags);
    // A file does not tell which revisions are there, so nothing can be refused for their sake.
    let known = Some(world).filter(|_| !asked.from_file);
    let mut refusals = Vec::new();
    let mut unasked = None;
    if open.is_none() {
        // A tag of the owner's that is in the way would be in a split twice, which Knative refuses, so no split can be
        // composed at all.
        tags_are_free(tags, &start, &service)?;
        refusals.extend(refused(tags, &start, known, &service).err().map(|o| o.line()));
        match known.and_then(|world| ahead(&start.staging(tags), tags, world, &service)) {
            Some(Next::Look(Look::Name(name))) => unasked = Some(name),
            Some(Next::End(clash)) => refusals.push(clash.line()),
            _ => {}
        }
    } else if let Some(world) = known {
        refusals.extend(targets_are_ready(&start, world, &service).err().map(|o| o.line()));
    }
    let new = placeholder(NEW).ok_or_else(|| bad("a placeholder is no name".to_owned()))?;
    let candidate = open.as_ref().and_then(|o| o.candidate.clone()).unwrap_or(new);
    let pods = pods_wanted(world, &start, record.as_ref());
    let writer = MoveWriter { service: &service, start: &start, tags, candidate: &candidate, plan: &plan, pods };
    let moves = writer.moves(open.as_ref());
    let shortest = millis(plan.shortest_after(moves.iter().filter(|m| m.done && m.step.is_some()).count()));
    let mut warnings = warnings(asked, &plan, record.as_ref(), &service, &candidate);
    if tags.are_shortened(&service.name) {
        warnings.push(format!(
            "the tags are `{}` and `{}`: with `candidate` and `stable` a host name would be longer than 63 characters",
            tags.candidate, tags.stable
        ));
    }
    if is_own {
        warnings.push("this is the open rollout's own plan; a flag of the plan shows another one".to_owned());
    }
    Ok(Preview {
        service: service.name.to_string(),
        style: plan.style,
        stable: shown(&service.name, &start.stable),
        candidate: shown(&service.name, &candidate),
        follows_latest: start.followed_latest(),
        goes_on_with: open
            .as_ref()
            .map(|o| format!("{} by {}, {}", o.record.id, o.record.owner, phase_word(o.record.phase))),
        moves,
        rollback: entries(&service.name, &start.restored(Some(&candidate), tags)),
        shortest_ms: shortest,
        refusals,
        unasked,
        warnings,
    })
}

/// The pods that all users need, as far as stable shows it now.
fn pods_wanted(world: &World, start: &Start, record: Option<&Record>) -> u32 {
    let known = record.filter(|r| r.phase.is_open()).and_then(|r| r.capacity.as_deref());
    match (known, world.revision(&start.stable)) {
        (Some(known), _) if known.pods > 0 => known.pods,
        (known, Some(stable)) => most_wanted(known, &[ArmDemand::now(known, stable, Percent::FULL)]),
        (_, None) => 0,
    }
}

fn placeholder(text: &str) -> Option<RevisionName> {
    text.parse().ok()
}

fn open(record: &Record) -> Open<'_> {
    let at = match record.phase {
        Phase::Walking | Phase::Baking | Phase::Held => {
            record.plan.as_ref().and_then(|p| p.step(record.step)).map_or(Percent::ZERO, |s| s.percent)
        }
        // An interrupted walk begins at its first step again, and a staged one has not begun.
        _ => Percent::ZERO,
    };
    Open { record, candidate: record.candidate.clone(), at }
}

/// Writes moves down.
struct MoveWriter<'a> {
    service: &'a Service,
    start: &'a Start,
    tags: &'a Tags,
    candidate: &'a RevisionName,
    plan: &'a Plan,
    /// So many pods all users need.
    pods: u32,
}

impl MoveWriter<'_> {
    fn entries(&self, split: &Split) -> Vec<PlannedTarget> {
        entries(&self.service.name, split)
    }

    fn moves(&self, open: Option<&Open<'_>>) -> Vec<Move> {
        let mut moves = vec![self.stage(open.is_some()), self.candidate(open)];
        let at = open.map_or(Percent::ZERO, |o| o.at);
        for (i, step) in self.plan.steps.iter().enumerate() {
            moves.push(self.step(i + 1, step, step.percent <= at));
        }
        moves.push(if self.plan.to() < Percent::FULL { self.hold() } else { self.finish() });
        moves
    }

    fn stage(&self, done: bool) -> Move {
        Move {
            kind: "stage",
            traffic: self.entries(&self.start.staging(self.tags)),
            done,
            note: "with the new template, in one write; not for a revision that is there already".to_owned(),
            ..plain()
        }
    }

    fn candidate(&self, open: Option<&Open<'_>>) -> Move {
        Move {
            kind: "candidate",
            traffic: self.entries(&self.start.at(self.candidate, Percent::ZERO, self.tags)),
            done: open.is_some_and(|o| o.record.phase != Phase::Staging),
            note: "once it is Ready, by name".to_owned(),
            ..plain()
        }
    }

    fn step(&self, number: usize, step: &Step, done: bool) -> Move {
        let (keep, bakes) = (self.plan.keep, self.plan.bakes_at() == Some(number));
        let (stay, does) = match bakes {
            true if keep.is_zero() => (self.plan.bake, format!("bakes {}", words(self.plan.bake))),
            true => (self.plan.bake, format!("bakes {} beside {keep} on stable", words(self.plan.bake))),
            false if self.plan.closes(number) => (step.dwell, "the rest, once the bake has ended well".to_owned()),
            false => (step.dwell, format!("stays {}", words(step.dwell))),
        };
        let approval = if step.approval {
            format!("after an approval (waited for {} at most), then ", words(self.plan.approval_timeout))
        } else {
            String::new()
        };
        let pods = match pods_for(self.pods, step.percent) {
            0 | 1 => String::new(),
            pods => format!("{pods} pods of the candidate come first; "),
        };
        Move {
            kind: "step",
            step: Some(number),
            percent: Some(step.percent.get()),
            share: Some(self.start.share_at(step.percent).get()),
            traffic: self.entries(&self.start.at(self.candidate, step.percent, self.tags)),
            stay_ms: Some(millis(stay)),
            pods: Some(pods_for(self.pods, step.percent)),
            approval: step.approval,
            done,
            note: format!("{pods}{approval}{does}"),
        }
    }

    fn finish(&self) -> Move {
        let note = match (self.start.followed_latest(), in_care(self.service)) {
            (true, true) => "by name, as in care; `andante detach` gives latest back",
            (true, false) => {
                "follows latest again, as the owner had it; stays pinned by name if a newer template waits by then"
            }
            (false, _) => "pinned by name, as the owner had it",
        };
        let split = good_split(self.start, self.candidate, self.start.followed_latest(), self.service);
        Move { kind: "finish", traffic: self.entries(&split), note: note.to_owned(), ..plain() }
    }

    fn hold(&self) -> Move {
        let note = format!("stops at {} with the rollout open; the next walk goes on", self.plan.to());
        Move { kind: "hold", note, ..plain() }
    }
}

fn plain() -> Move {
    Move {
        kind: "",
        step: None,
        percent: None,
        share: None,
        traffic: Vec::new(),
        stay_ms: None,
        pods: None,
        approval: false,
        done: false,
        note: String::new(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn warnings(
    asked: &PlanQuestion,
    plan: &Plan,
    record: Option<&Record>,
    service: &Service,
    candidate: &RevisionName,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if asked.from_file {
        let unknown = "whether its revisions are there and Ready, and who has the names that its tags need";
        warnings.push(format!("from a file: {unknown}, was not looked at"));
    }
    if service.latest_ready.as_ref().is_some_and(|name| name.as_str() == NOW) {
        warnings
            .push(format!("the file does not tell which revision is ready now: <{}-now> stands for it", service.name));
    }
    if candidate.as_str() == NEW {
        warnings.push(format!("<{}-new> stands for the revision that staging makes or takes up", service.name));
    }
    if let Some(record) = record.filter(|r| r.phase.is_open()) {
        match moved(record, service) {
            Moved::No => {}
            Moved::Template => warnings.push(format!(
                "{} changed the template: it reaches nobody, and the end stays pinned by name",
                who_moved(service, false)
            )),
            Moved::Traffic => warnings.push(format!(
                "rollout {} by {} is open, but {} changed the traffic: `andante settle {}` closes it first",
                record.id,
                record.owner,
                who_moved(service, true),
                service.name
            )),
        }
    }
    if plan.style.is_one_switch() {
        let (during, no) =
            if plan.keep.is_zero() { ("the objective", "") } else { ("a comparison", " before the bake") };
        warnings.push(format!(
            "one switch: judged by probes before, by the candidate's pods and (with --evidence) {during} during the bake; it promises no comparison with stable{no}"
        ));
    }
    if plan.style.by_budget() {
        warnings.push(
            "by the exposure budget: steps are passed over as far as the evidence allows; the walk needs --evidence"
                .to_owned(),
        );
    }
    let compared = record.filter(|r| r.phase.is_open()).and_then(|r| r.compared.as_deref());
    warnings.extend(compared.map(|kept| {
        let names: Vec<&str> = kept.rows.iter().map(|row| row.name.as_str()).collect();
        format!(
            "counters of yours are compared: {}; the last step waits until each has compared anything",
            names.join(", ")
        )
    }));
    warnings.extend(rollout_duration(service));
    warnings
}

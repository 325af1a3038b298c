//! `stage`, `check`, `walk`, `roll-out` and `settle`: goals for the machines, and the ports they run against.

use super::source::source;
use super::{Stop, asker, connect, owner};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{KnativeService, Kube};
use crate::adapter::env::Environment;
use crate::adapter::manifest;
use crate::adapter::prober::{HttpProber, Travel};
use crate::adapter::signal;
use crate::adapter::source::EvidenceSource;
use crate::cli::{
    AddressArg, CandidateArgs, CheckArgs, ClusterArgs, EvidenceFrom, GateArgs, OnTermArg, ProbeArgs, RollOutArgs,
    SettleArgs, StageArgs, StyleArg, TagArgs, TakeUp, WalkArgs,
};
use crate::command::report::Lines;
use crate::evidence::Rules;
use crate::evidence::probe::Address;
use crate::machine::check::{Check, CheckGoal};
use crate::machine::claim::{Asker, IfBusy};
use crate::machine::next::Machine;
use crate::machine::outcomes::STAGED;
use crate::machine::settle::{Settle, SettleGoal, To};
use crate::machine::stage::{Stage, StageGoal, Want};
use crate::machine::standing::Claimant;
use crate::machine::walk::{GateGoal, JudgeGoal, OnTerm, Walk, WalkGoal};
use crate::machine::world::Signal;
use crate::model::event::{Event, Topic};
use crate::model::name::RolloutId;
use crate::model::outcome::{Code, Outcome};
use crate::model::template::TemplateChange;
use crate::rollout::owner::OwnerKind;
use crate::rollout::plan::Plan;
use crate::rollout::splits::Tags;
use crate::run::ports::{Clock, Ports, Sink};
use crate::run::{Limits, run};
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long a failure to start must last to be believed in `roll-out`, where the walk's own grace is shorter.
const STAGE_GRACE: Duration = Duration::from_secs(20);

/// `andante stage`.
pub(super) async fn stage(args: &StageArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let times = Times { deadline: args.deadline, grace: args.grace, hold_for: args.hold_for };
    let goal = stage_goal(&args.cluster, &args.candidate, times, environment)?;
    let kube = connect(&args.cluster, environment)?;
    let asker = asker(&args.owner, &kube, environment).await?;
    drive_alone(&mut Stage::new(goal, claimant(asker)), &args.cluster, &kube, lines).await
}

/// `andante walk`.
pub(super) async fn walk(args: &WalkArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let (plan, rules) = (plan(args)?, rules(args)?);
    let prober = prober(&args.probe)?;
    let kube = connect(&args.cluster, environment)?;
    let goal = walk_goal(args, plan, rules, environment, &kube);
    let source = source(args, &kube)?;
    let asker = asker(&args.owner, &kube, environment).await?;
    let work = Work { kube: &kube, args: &args.cluster, prober: &prober, source: &source, signals: &mut listen()? };
    Ok(work.drive(&mut Walk::new(goal, claimant(asker)), lines).await)
}

/// `andante roll-out`: staging and the walk in one process, so that a signal finds whoever works at that moment, and one
/// exit code and one set of results say how it ended.
pub(super) async fn roll_out(
    args: &RollOutArgs,
    environment: &Environment,
    lines: &mut Lines,
) -> Result<Outcome, Stop> {
    let walk = &args.walk;
    let times = Times {
        deadline: args.ready_within,
        // A start is slower to judge than a revision that was ready.
        grace: walk.grace.max(STAGE_GRACE),
        hold_for: walk.deadline,
    };
    // Everything that can be wrong with the walk is found before anything is staged.
    let stage = stage_goal(&walk.cluster, &args.candidate, times, environment)?;
    let (plan, rules, prober) = (plan(walk)?, rules(walk)?, prober(&walk.probe)?);
    let kube = connect(&walk.cluster, environment)?;
    let goal = walk_goal(walk, plan, rules, environment, &kube);
    let source = source(walk, &kube)?;
    let asker = asker(&walk.owner, &kube, environment).await?;
    let mut signals = listen()?;
    let staging = Work {
        kube: &kube,
        args: &walk.cluster,
        prober: &prober,
        source: &EvidenceSource::nothing(),
        signals: &mut signals,
    };
    let mut between = Between { lines, end: None };
    let staged = staging.drive(&mut Stage::new(stage, claimant(asker.clone())), &mut between).await;
    let end = between.end.take();
    if staged.word != STAGED {
        if let Some((at, said)) = end {
            lines.say(at, &said);
        }
        return Ok(staged);
    }
    lines.say(SystemClock.now(), &Event::new(Topic::Stage, staged.what));
    let walking = Work { kube: &kube, args: &walk.cluster, prober: &prober, source: &source, signals: &mut signals };
    Ok(walking.drive(&mut Walk::new(goal, claimant(asker)), lines).await)
}

/// `andante check`.
pub(super) async fn check(args: &CheckArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let probe = args.probe.probe().ok_or_else(|| Stop::bad_input("there is nothing to check: name a --probe PATH"))?;
    let prober = prober(&args.probe)?;
    let kube = connect(&args.cluster, environment)?;
    let goal = CheckGoal {
        service: args.cluster.service.clone(),
        tag: args.tag.clone(),
        probe,
        address: address(&args.probe, environment, &kube),
        deadline: args.deadline,
        grace: args.grace,
    };
    let owner = owner(environment)?;
    let work = Work {
        kube: &kube,
        args: &args.cluster,
        prober: &prober,
        source: &EvidenceSource::nothing(),
        signals: &mut listen()?,
    };
    Ok(work.drive(&mut Check::new(goal, owner), lines).await)
}

/// The three times of staging.
struct Times {
    deadline: Duration,
    grace: Duration,
    hold_for: Duration,
}

/// The goal of staging, with everything checked that can be without a cluster.
fn stage_goal(
    cluster: &ClusterArgs,
    args: &CandidateArgs,
    times: Times,
    environment: &Environment,
) -> Result<StageGoal, Stop> {
    let service = cluster.service.clone();
    if args.tags.candidate_tag == args.tags.stable_tag {
        return Err(Stop::bad_input("--candidate-tag and --stable-tag must differ"));
    }
    if let Some(name) = &args.revision_name
        && !name.as_str().starts_with(&format!("{service}-"))
    {
        return Err(Stop::bad_input(format!("--revision-name must begin with `{service}-`")));
    }
    if args.need_image && args.image.is_none() {
        return Err(Stop::bad_input("--need-image, and there is no --image: whoever builds it named none"));
    }
    let file = args.from_file.as_deref().map(|path| manifest::read_for_staging(path, service.as_str()));
    let file = file.transpose().map_err(Stop::bad_input)?;
    let id = new_id();
    let change = TemplateChange {
        image: args.image.clone(),
        container: args.container.clone(),
        env: args.set_env.clone(),
        file: file.as_ref().and_then(|f| f.pointer("/spec/template")).cloned(),
        revision_name: args.revision_name.clone(),
        again: args.again.then(|| id.to_string()),
    };
    let makes = change.image.is_some() || !change.env.is_empty() || change.file.is_some();
    let want = match &args.revision {
        _ if makes => Want::Template(Box::new(change)),
        Some(TakeUp::Named(name)) => Want::Revision(Some(name.clone())),
        // An image that a build did not name is no wish for whatever revision lies about.
        None if environment.run().map_err(Stop::bad_input)?.is_some() => {
            return Err(Stop::bad_input(
                "nothing says what to stage: give an --image (an empty one counts as none), --set-env, --from-file, or \
                 --revision NAME|newest",
            ));
        }
        Some(TakeUp::Newest) | None => Want::Revision(None),
    };
    Ok(StageGoal {
        service,
        want,
        manifest: file,
        stable: args.stable.clone(),
        tags: tags(&args.tags),
        again: args.again,
        deadline: times.deadline,
        grace: times.grace,
        hold_for: times.hold_for,
        id,
    })
}

/// The plan of a walk, if its times fit.
fn plan(args: &WalkArgs) -> Result<Plan, Stop> {
    let plan = args.plan.plan().map_err(Stop::bad_input)?;
    if args.once { Ok(plan) } else { fitting(plan, args.deadline) }
}

/// The plan, if the deadline leaves it time.
pub(super) fn fitting(plan: Plan, deadline: Duration) -> Result<Plan, Stop> {
    if plan.shortest() >= deadline {
        let (least, deadline) = (crate::model::time::words(plan.shortest()), crate::model::time::words(deadline));
        return Err(Stop::bad_input(format!(
            "dwell and bake alone take {least}, the deadline is {deadline}: lengthen --deadline or shorten --dwell or --bake"
        )));
    }
    Ok(plan)
}

/// The rules of judgement, if there is evidence to judge.
fn rules(args: &WalkArgs) -> Result<Option<Rules>, Stop> {
    let rules = args.judge.rules().map_err(Stop::bad_input)?;
    if args.source.evidence == EvidenceFrom::None {
        if args.plan.style == StyleArg::Budget {
            return Err(Stop::bad_input("--style budget goes by evidence: name a source with --evidence"));
        }
        return Ok(None);
    }
    Ok(Some(rules))
}

/// The owner's own gates, if there are any.
fn gates(args: &GateArgs, kube: &Kube) -> Option<GateGoal> {
    let goal =
        || GateGoal { gates: args.gates.clone(), patience: args.patience(), namespace: kube.namespace().clone() };
    (!args.gates.is_empty()).then(goal)
}

/// The goal of a walk.
fn walk_goal(args: &WalkArgs, plan: Plan, rules: Option<Rules>, environment: &Environment, kube: &Kube) -> WalkGoal {
    WalkGoal {
        service: args.cluster.service.clone(),
        plan,
        deadline: args.deadline,
        grace: args.grace,
        serve_within: args.serve_within,
        probe: args.probe.probe(),
        address: address(&args.probe, environment, kube),
        on_term: match args.on_term {
            OnTermArg::Rollback => OnTerm::Rollback,
            OnTermArg::Hold => OnTerm::Hold,
        },
        once: args.once,
        judge: rules.map(|rules| JudgeGoal { rules, namespace: kube.namespace().clone() }),
        gates: gates(&args.gates, kube),
        restarts: args.restarts.0,
    }
}

/// Which address of the candidate is asked: in a pod the cluster's own, where nothing else is said.
fn address(args: &ProbeArgs, environment: &Environment, kube: &Kube) -> Address {
    let in_cluster = args.address.map_or(environment.in_pod() && args.via.is_none(), |a| a == AddressArg::Cluster);
    if in_cluster { Address::Cluster(kube.namespace().clone()) } else { Address::Public }
}

/// `andante settle`.
pub(super) async fn settle(args: &SettleArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let to = match args.to.as_deref() {
        None => None,
        Some("stable") => Some(To::Stable),
        Some("candidate") => Some(To::Candidate),
        Some(name) => Some(To::Revision(name.parse().map_err(Stop::bad_input)?)),
    };
    let kube = connect(&args.cluster, environment)?;
    let owner = owner(environment)?;
    // A settling run does not queue: whoever else writes loses the epoch.
    let run_began = kube.run_created(&owner).await;
    let asker = Asker { owner, intent: SystemClock.now(), if_busy: IfBusy::Fail, force: true };
    let goal = SettleGoal {
        service: args.cluster.service.clone(),
        rollout: args.rollout.clone(),
        to,
        discard: args.discard_record,
        tags: tags(&args.tags),
        id: new_id(),
        run_began,
    };
    let mut hold = claimant(asker);
    if hold.asker.owner.kind != OwnerKind::Person {
        // `finally` speaks for its own run, whose intent is in the record already.
        hold.asker.intent = jiff::Timestamp::MIN;
    }
    drive_alone(&mut Settle::new(goal, hold), &args.cluster, &kube, lines).await
}

/// Drives a machine that asks the candidate nothing and reads no counters.
async fn drive_alone(
    machine: &mut impl Machine,
    args: &ClusterArgs,
    kube: &Kube,
    lines: &mut Lines,
) -> Result<Outcome, Stop> {
    let (prober, source) = (nothing_to_probe()?, EvidenceSource::nothing());
    let work = Work { kube, args, prober: &prober, source: &source, signals: &mut listen()? };
    Ok(work.drive(machine, lines).await)
}

/// What one machine after another works with.
struct Work<'a> {
    kube: &'a Kube,
    args: &'a ClusterArgs,
    prober: &'a HttpProber,
    source: &'a EvidenceSource,
    /// The process's only ones: a signal that comes between two machines is the next one's.
    signals: &'a mut UnboundedReceiver<Signal>,
}

impl Work<'_> {
    async fn drive<M: Machine, S: Sink>(self, machine: &mut M, sink: &mut S) -> Outcome {
        let service: KnativeService = self.kube.service(self.args.service.clone());
        let limits = Limits { patience: self.args.patience, ..Limits::default() };
        let ports = Ports { cluster: &service, prober: self.prober, source: self.source, clock: &SystemClock };
        run(machine, ports, sink, self.signals, limits).await
    }
}

fn listen() -> Result<UnboundedReceiver<Signal>, Stop> {
    signal::listen().map_err(|e| Stop::new(Code::Internal, format!("signals: {e}")))
}

/// Passes lines on and keeps the end back: that of staging is none if a walk follows.
struct Between<'a> {
    lines: &'a mut Lines,
    end: Option<(Timestamp, Event)>,
}

impl Sink for Between<'_> {
    fn say(&mut self, at: Timestamp, said: &Event) {
        if said.topic == Topic::End {
            self.end = Some((at, said.clone()));
        } else {
            self.lines.say(at, said);
        }
    }
}

fn tags(args: &TagArgs) -> Tags {
    Tags { candidate: args.candidate_tag.clone(), stable: args.stable_tag.clone() }
}

fn claimant(asker: Asker) -> Claimant {
    Claimant::new(asker, random(12))
}

fn new_id() -> RolloutId {
    // Letters and digits alone: always a valid id.
    random(8).parse().unwrap_or_else(|_| unreachable!("a word of lower-case letters is a rollout id"))
}

/// A word of lower-case letters that tells processes apart; it is not a secret.
fn random(length: usize) -> String {
    (0..length).map(|_| fastrand::lowercase()).collect()
}

fn nothing_to_probe() -> Result<HttpProber, Stop> {
    HttpProber::new(&Travel::default()).map_err(Stop::bad_input)
}

fn prober(args: &ProbeArgs) -> Result<HttpProber, Stop> {
    let via = args.via.as_deref().map(str::parse).transpose();
    let via = via.map_err(|e| Stop::bad_input(format!("--via: {e}")))?;
    HttpProber::new(&Travel { via, ca_file: args.ca_file.clone() }).map_err(Stop::bad_input)
}

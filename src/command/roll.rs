//! `stage`, `check`, `walk` and `roll-out`: goals for the machines, and the ports they run against.
//!
//! Decides which adapters a machine runs against, and what a run has to say before it may stage anything. It may use
//! every room; the machines decide all the rest.

use super::posts::{Posts, poster};
use super::replay::replay;
use super::source::source;
use super::{Stop, asker, connect, owner};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{KnativeService, Kube, Poster};
use crate::adapter::env::Environment;
use crate::adapter::manifest;
use crate::adapter::prober::{GatewayDoor, HttpProber, Travel, Way};
use crate::adapter::signal;
use crate::adapter::source::EvidenceSource;
use crate::cli::{
    AddressArg, CandidateArgs, CheckArgs, ClusterArgs, ProbeArgs, RollOutArgs, StageArgs, TagArgs, WalkArgs,
};
use crate::command::report::Lines;
use crate::evidence::probe::Address;
use crate::machine::check::{Check, CheckGoal};
use crate::machine::claim::Asker;
use crate::machine::next::Machine;
use crate::machine::outcomes::STAGED;
use crate::machine::stage::{Stage, StageGoal};
use crate::machine::standing::Claimant;
use crate::machine::walk::{Walk, WalkGoal};
use crate::machine::world::Signal;
use crate::model::event::{Event, Topic};
use crate::model::name::RolloutId;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::goal::CandidateOptions;
use crate::rollout::goal::Goal;
use crate::rollout::goal::{GoalOptions, TakeUp};
use crate::rollout::splits::Tags;
use crate::run::granted::Granted;
use crate::run::ports::{Clock, Cluster, Ports, Sink};
use crate::run::{Limits, run};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// `andante stage`.
pub(super) async fn stage(args: &StageArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let times = Times { ready_within: args.deadline, grace: args.grace, hold_for: args.hold_for };
    let candidate = candidate(&args.cluster, &args.candidate, args.declared.declared, &times, environment, lines)?;
    let candidate = CandidateOptions { capacity: args.pods.goal(), ..candidate };
    let goal = goal(&args.cluster, Some(candidate), None)?;
    let kube = connect(&args.cluster, environment)?;
    let asker = asker(&args.owner, &args.cluster, &kube, environment, lines).await?;
    let mut stage = Stage::new(staging(&goal)?, claimant(asker).against(args.owner.goal()));
    let poster = poster(&args.events, &kube, environment);
    drive_alone(&mut stage, &args.cluster, (&kube, poster), environment, lines).await
}

/// `andante walk`.
pub(super) async fn walk(args: &WalkArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let goal = goal(&args.cluster, None, Some(args))?;
    let kube = connect(&args.cluster, environment)?;
    let prober = prober(&args.probe, &kube)?;
    let goal = walking(&goal, environment, &kube)?;
    let source = source(args, &kube, lines).await?;
    let asker = asker(&args.owner, &args.cluster, &kube, environment, lines).await?;
    let poster = poster(&args.events, &kube, environment);
    let work = Work {
        cluster: &service(&kube, &args.cluster, environment),
        args: &args.cluster,
        prober: &prober,
        source: &source,
        poster: &poster,
        signals: &mut listen()?,
    };
    let outcome = work.drive(&mut Walk::new(goal, claimant(asker).against(args.owner.goal())), lines).await;
    poster.close().await;
    Ok(outcome)
}

/// `andante roll-out`: staging and the walk in one process, so that a signal finds the machine that works at that
/// moment, and one exit code and one set of results say how it ended.
pub(super) async fn roll_out(
    args: &RollOutArgs,
    environment: &Environment,
    lines: &mut Lines,
) -> Result<Outcome, Stop> {
    let walk = &args.walk;
    let usual = CandidateOptions::default();
    let times = Times { ready_within: args.ready_within, grace: usual.grace, hold_for: usual.hold_for };
    // Everything that can be wrong with the walk is found before anything is staged.
    let candidate = candidate(&walk.cluster, &args.candidate, walk.declared.declared, &times, environment, lines)?;
    let goal = goal(&walk.cluster, Some(candidate), Some(walk))?;
    let kube = connect(&walk.cluster, environment)?;
    let prober = prober(&walk.probe, &kube)?;
    let (stage, goal) = (staging(&goal)?, walking(&goal, environment, &kube)?);
    let source = source(walk, &kube, lines).await?;
    let asker = asker(&walk.owner, &walk.cluster, &kube, environment, lines).await?;
    let declared = walk.owner.goal();
    let mut signals = listen()?;
    // What staging was granted counts for the walk, too.
    let service = service(&kube, &walk.cluster, environment);
    let cluster = &Granted::new(&service);
    let poster = poster(&walk.events, &kube, environment);
    let staging = Work {
        cluster,
        args: &walk.cluster,
        prober: &prober,
        source: &EvidenceSource::nothing(),
        poster: &poster,
        signals: &mut signals,
    };
    let mut between = Between { lines, end: None, notes: Vec::new(), walks: false };
    // It lives on beside the walk, for what it has seen.
    let mut stage = Box::new(Stage::new(stage, claimant(asker.clone()).against(declared.clone())));
    let staged = staging.drive(stage.as_mut(), &mut between).await;
    between.walks = true;
    if staged.word != STAGED {
        if let Some((at, said)) = between.end.take() {
            between.say(at, &said);
        }
        poster.close().await;
        return Ok(staged);
    }
    between.say(SystemClock.now(), &Event::new(Topic::Stage, staged.what));
    let signals = &mut signals;
    let walking = Work { cluster, args: &walk.cluster, prober: &prober, source: &source, poster: &poster, signals };
    let mut walk = Walk::new(goal, claimant(asker).against(declared)).knowing(stage.demand());
    let outcome = walking.drive(&mut walk, &mut between).await;
    poster.close().await;
    Ok(outcome)
}

/// `andante check`.
pub(super) async fn check(args: &CheckArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let probe = args.probe.probe().map_err(Stop::bad_input)?;
    let replay = replay(args, lines).map_err(Stop::bad_input)?;
    if probe.is_none() && replay.is_none() {
        return Err(Stop::bad_input("there is nothing to check: name a --probe PATH, or a --replay FILE"));
    }
    let kube = connect(&args.cluster, environment)?;
    let prober = prober(&args.probe, &kube)?;
    let goal = CheckGoal {
        service: args.cluster.service.clone(),
        tag: args.tag.clone(),
        probe,
        replay,
        address: address(&args.probe, environment, &kube),
        deadline: args.deadline,
        grace: args.grace,
    };
    let owner = owner(environment)?;
    let work = Work {
        cluster: &service(&kube, &args.cluster, environment),
        args: &args.cluster,
        prober: &prober,
        source: &EvidenceSource::nothing(),
        // It changes nothing.
        poster: &Poster::silent(),
        signals: &mut listen()?,
    };
    Ok(work.drive(&mut Check::new(goal, owner), lines).await)
}

/// The three times of staging.
struct Times {
    ready_within: Duration,
    grace: Duration,
    hold_for: Duration,
}

/// The goal, with everything checked that can be without a cluster.
fn goal(cluster: &ClusterArgs, candidate: Option<CandidateOptions>, walk: Option<&WalkArgs>) -> Result<Goal, Stop> {
    let walk = walk.map(WalkArgs::options).transpose().map_err(Stop::bad_input)?;
    Goal::new(GoalOptions { service: cluster.service.clone(), candidate, walk }).map_err(Stop::bad_input)
}

fn staging(goal: &Goal) -> Result<StageGoal, Stop> {
    StageGoal::of(goal, new_id()).ok_or_else(|| Stop::new(Code::Internal, "a goal without a candidate"))
}

fn walking(goal: &Goal, environment: &Environment, kube: &Kube) -> Result<WalkGoal, Stop> {
    let walk = WalkGoal::of(goal, kube.namespace(), environment.in_pod());
    walk.ok_or_else(|| Stop::new(Code::Internal, "a goal without a walk"))
}

/// The candidate's part of a goal: its file is read, and a run says what it wants. `declared`: what the Service says counts, so
/// that its template does where nothing else is given.
fn candidate(
    cluster: &ClusterArgs,
    args: &CandidateArgs,
    declared: bool,
    times: &Times,
    environment: &Environment,
    lines: &mut Lines,
) -> Result<CandidateOptions, Stop> {
    if args.need_image && args.image.is_none() {
        return Err(Stop::bad_input("--need-image, and there is no --image: whoever builds it named none"));
    }
    let file = args.from_file.as_deref().map(|path| manifest::read_for_staging(path, cluster.service.as_str()));
    let file = file.transpose().map_err(Stop::bad_input)?;
    for note in file.iter().flat_map(|file| &file.notes) {
        lines.say(SystemClock.now(), &Event::new(Topic::Note, note.clone()));
    }
    let mut candidate = CandidateOptions {
        image: args.image.clone(),
        container: args.container.clone(),
        env: args.set_env.clone(),
        manifest: file.map(|file| file.object),
        revision_name: args.revision_name.clone(),
        revision: args.revision.clone(),
        again: args.again,
        stable: args.stable.clone(),
        tags: args.tags.options(),
        ready_within: times.ready_within,
        grace: times.grace,
        hold_for: times.hold_for,
        ..CandidateOptions::default()
    };
    // A missing image must not mean a wish for some revision that lies about: a build may have failed to name it.
    let says_nothing = candidate.revision.is_none() && !candidate.changes_the_template();
    if says_nothing && declared {
        candidate.revision = Some(TakeUp::Latest);
    } else if says_nothing && environment.run().map_err(Stop::bad_input)?.is_some() {
        return Err(Stop::bad_input(
            "nothing says what to stage: give an --image (an empty one counts as none), --set-env, --from-file, or \
             --revision NAME|newest|latest, or --declared",
        ));
    }
    Ok(candidate)
}

/// Which address of the candidate is asked: in a pod the cluster's own, where nothing else is said.
fn address(args: &ProbeArgs, environment: &Environment, kube: &Kube) -> Address {
    let in_cluster = args.address.map_or(environment.in_pod() && args.via.is_none(), |a| a == AddressArg::Cluster);
    if in_cluster { Address::Cluster(kube.namespace().clone()) } else { Address::Public }
}

/// Drives a machine that asks the candidate nothing and reads no counters.
pub(super) async fn drive_alone(
    machine: &mut dyn Machine,
    args: &ClusterArgs,
    (kube, poster): (&Kube, Poster),
    environment: &Environment,
    lines: &mut dyn Sink,
) -> Result<Outcome, Stop> {
    let (prober, source) = (nothing_to_probe()?, EvidenceSource::nothing());
    let cluster = &service(kube, args, environment);
    let signals = &mut listen()?;
    let work = Work { cluster, args, prober: &prober, source: &source, poster: &poster, signals };
    let outcome = work.drive(machine, lines).await;
    poster.close().await;
    Ok(outcome)
}

/// What one machine after another works with.
struct Work<'a, C> {
    cluster: &'a C,
    args: &'a ClusterArgs,
    prober: &'a HttpProber,
    source: &'a EvidenceSource,
    /// It outlives them, for what they posted last.
    poster: &'a Poster,
    /// The process's only ones: a signal that comes between two machines is the next one's.
    signals: &'a mut UnboundedReceiver<Signal>,
}

/// The Service, whose images' meaning is asked of their registries.
fn service(kube: &Kube, args: &ClusterArgs, environment: &Environment) -> KnativeService {
    kube.service(args.service.clone()).asking_registries(environment).of_task(environment.task_run())
}

impl<C: Cluster> Work<'_, C> {
    // One runner for all machines and sinks, because a copy of it for each would be the largest part of the program.
    async fn drive(self, machine: &mut dyn Machine, lines: &mut dyn Sink) -> Outcome {
        let limits = Limits { patience: self.args.patience, ..Limits::default() };
        let ports = Ports { cluster: self.cluster, prober: self.prober, source: self.source, clock: &SystemClock };
        run(machine, ports, &mut Posts { lines, poster: self.poster }, self.signals, limits).await
    }
}

fn listen() -> Result<UnboundedReceiver<Signal>, Stop> {
    signal::listen().map_err(|e| Stop::new(Code::Internal, format!("signals: {e}")))
}

/// Passes the lines of two machines on as those of one process. The end of staging is kept back, because it is none if a walk
/// follows; a note that staging made already is not made again.
struct Between<'a> {
    lines: &'a mut Lines,
    end: Option<(Timestamp, Event)>,
    notes: Vec<String>,
    /// Staging is over.
    walks: bool,
}

impl Sink for Between<'_> {
    fn say(&mut self, at: Timestamp, said: &Event) {
        match said.topic {
            Topic::End if !self.walks => self.end = Some((at, said.clone())),
            Topic::Note if self.walks && self.notes.contains(&said.text) => {}
            topic => {
                if topic == Topic::Note && !self.walks {
                    self.notes.push(said.text.clone());
                }
                self.lines.say(at, said);
            }
        }
    }
}

/// The two tags, which must differ.
pub(super) fn tags(args: &TagArgs, cluster: &ClusterArgs) -> Result<Tags, Stop> {
    args.options().of(&cluster.service).map_err(Stop::bad_input)
}

pub(super) fn claimant(asker: Asker) -> Claimant {
    Claimant::new(asker, random(12))
}

pub(super) fn new_id() -> RolloutId {
    // A word of letters is always a valid id.
    random(8).parse().unwrap_or_else(|_| unreachable!("a word of lower-case letters is a rollout id"))
}

/// A word of lower-case letters that tells processes apart; it is not a secret.
fn random(length: usize) -> String {
    (0..length).map(|_| fastrand::lowercase()).collect()
}

/// The Service in front of Kourier's gateway that knows every host.
const DOOR: (&str, &str) = ("kourier-system", "kourier-internal");

/// The way that `--via` names; `gateway` is found by this connection.
fn way(via: Option<&str>, kube: &Kube) -> Result<Way, Stop> {
    let Some(via) = via else { return Ok(Way::ByName) };
    let bad = |error: &dyn std::fmt::Display| Stop::bad_input(format!("--via: {error}"));
    let named = match via.strip_prefix("gateway") {
        Some("") => Some(DOOR),
        Some(named) => named.strip_prefix('=').and_then(|named| named.split_once('/')),
        None => None,
    };
    let Some((namespace, service)) = named else { return Ok(Way::Address(via.parse().map_err(|e| bad(&e))?)) };
    let namespace = namespace.parse().map_err(|e| bad(&e))?;
    let service = service.parse().map_err(|e| bad(&e))?;
    Ok(Way::Gateway(Arc::new(GatewayDoor::new(kube.clone(), namespace, service))))
}

fn nothing_to_probe() -> Result<HttpProber, Stop> {
    HttpProber::new(&Travel::default()).map_err(Stop::bad_input)
}

fn prober(args: &ProbeArgs, kube: &Kube) -> Result<HttpProber, Stop> {
    let way = way(args.via.as_deref(), kube)?;
    HttpProber::new(&Travel { way, ca_file: args.ca_file.clone() }).map_err(Stop::bad_input)
}

//! `stage`, `walk` and `settle`: goals for the machines, and the ports they run against.

use super::{Stop, asker, connect, owner};
use crate::cli::{AddressArg, ClusterArgs, OnTermArg, ProbeArgs, SettleArgs, StageArgs, TagArgs, WalkArgs};
use crate::clock::SystemClock;
use crate::cluster::{KnativeService, Kube};
use crate::env::Environment;
use crate::hold::Hold;
use crate::layout::Tags;
use crate::machine::Machine;
use crate::manifest;
use crate::name::RolloutId;
use crate::outcome::{Code, Outcome};
use crate::owner::{Asker, IfBusy, OwnerKind};
use crate::ports::{Clock, NoSource, Ports};
use crate::probe::Address;
use crate::prober::{HttpProber, Travel};
use crate::report::Lines;
use crate::run::{Limits, run};
use crate::settle::{Settle, SettleGoal, To};
use crate::signal;
use crate::stage::{Stage, StageGoal, Want};
use crate::template::Change;
use crate::walk::{OnTerm, Walk, WalkGoal};

/// `andante stage`.
pub(super) async fn stage(args: &StageArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let service = args.cluster.service.clone();
    if args.tags.candidate_tag == args.tags.stable_tag {
        return Err(Stop::bad_input("--candidate-tag and --stable-tag must differ"));
    }
    if let Some(name) = &args.revision_name
        && !name.as_str().starts_with(&format!("{service}-"))
    {
        return Err(Stop::bad_input(format!("--revision-name must begin with `{service}-`")));
    }
    let file = args.from_file.as_deref().map(|path| manifest::read_for_staging(path, service.as_str()));
    let file = file.transpose().map_err(Stop::bad_input)?;
    let id = new_id();
    let change = Change {
        image: args.image.clone(),
        container: args.container.clone(),
        env: args.set_env.clone(),
        file: file.as_ref().and_then(|f| f.pointer("/spec/template")).cloned(),
        revision_name: args.revision_name.clone(),
        again: args.again.then(|| id.to_string()),
    };
    let makes = change.image.is_some() || !change.env.is_empty() || change.file.is_some();
    let want = if makes { Want::Template(Box::new(change)) } else { Want::Revision(args.revision.clone()) };
    let kube = connect(&args.cluster, environment)?;
    let asker = asker(&args.owner, &kube, environment).await?;
    let goal = StageGoal {
        service,
        want,
        manifest: file,
        stable: args.stable.clone(),
        tags: tags(&args.tags),
        again: args.again,
        deadline: args.deadline,
        grace: args.grace,
        hold_for: args.hold_for,
        id,
    };
    drive(&mut Stage::new(goal, hold(asker)), &args.cluster, &kube, &nothing_to_probe()?, lines).await
}

/// `andante walk`.
pub(super) async fn walk(args: &WalkArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let plan = args.plan.plan().map_err(Stop::bad_input)?;
    if !args.once && plan.shortest() >= args.deadline {
        let (least, deadline) = (crate::ending::words(plan.shortest()), crate::ending::words(args.deadline));
        return Err(Stop::bad_input(format!(
            "dwell and bake alone take {least}, the deadline is {deadline}: lengthen --deadline or shorten --dwell or --bake"
        )));
    }
    let prober = prober(&args.probe)?;
    let kube = connect(&args.cluster, environment)?;
    let asker = asker(&args.owner, &kube, environment).await?;
    let in_cluster =
        args.probe.address.map_or(environment.in_pod() && args.probe.via.is_none(), |a| a == AddressArg::Cluster);
    let goal = WalkGoal {
        service: args.cluster.service.clone(),
        plan,
        deadline: args.deadline,
        grace: args.grace,
        serve_within: args.serve_within,
        probe: args.probe.probe(),
        address: if in_cluster { Address::Cluster(kube.namespace().clone()) } else { Address::Public },
        on_term: match args.on_term {
            OnTermArg::Rollback => OnTerm::Rollback,
            OnTermArg::Hold => OnTerm::Hold,
        },
        once: args.once,
    };
    drive(&mut Walk::new(goal, hold(asker)), &args.cluster, &kube, &prober, lines).await
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
    let asker = Asker { owner, intent: SystemClock.now(), if_busy: IfBusy::Fail, force: true };
    let goal = SettleGoal {
        service: args.cluster.service.clone(),
        rollout: args.rollout.clone(),
        to,
        discard: args.discard_record,
        tags: tags(&args.tags),
        id: new_id(),
    };
    let mut hold = hold(asker);
    if hold.asker.owner.kind != OwnerKind::Person {
        // `finally` speaks for its own run, whose intent is in the record already.
        hold.asker.intent = jiff::Timestamp::MIN;
    }
    drive(&mut Settle::new(goal, hold), &args.cluster, &kube, &nothing_to_probe()?, lines).await
}

async fn drive<M: Machine>(
    machine: &mut M,
    args: &ClusterArgs,
    kube: &Kube,
    prober: &HttpProber,
    lines: &mut Lines,
) -> Result<Outcome, Stop> {
    let service: KnativeService = kube.service(args.service.clone());
    let mut signals = signal::listen().map_err(|e| Stop::new(Code::Internal, format!("signals: {e}")))?;
    let limits = Limits { patience: args.patience, ..Limits::default() };
    let ports = Ports { cluster: &service, prober, source: &NoSource, clock: &SystemClock };
    Ok(run(machine, ports, lines, &mut signals, limits).await)
}

fn tags(args: &TagArgs) -> Tags {
    Tags { candidate: args.candidate_tag.clone(), stable: args.stable_tag.clone() }
}

fn hold(asker: Asker) -> Hold {
    Hold::new(asker, random(12))
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

//! `adopt` and `detach`: goals for the machines that take a Service into care and out of it.
//!
//! Decides whose tags and names are used. [`crate::machine::care`] decides all the rest. It may use every room.

use super::patient::answered_within;
use super::posts::poster;
use super::roll::{claimant, drive_alone, new_id};
use super::{Stop, connect, owner};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Kube, Poster};
use crate::adapter::env::Environment;
use crate::cli::{AdoptArgs, ClusterArgs, DetachArgs};
use crate::command::report::Lines;
use crate::machine::apply::refusal;
use crate::machine::care::adopt::{Adopt, AdoptGoal};
use crate::machine::care::detach::{Detach, DetachGoal, IfMoves};
use crate::machine::claim::{Asker, IfBusy};
use crate::machine::next::{Machine, Next};
use crate::machine::world::World;
use crate::model::event::Log;
use crate::model::name::ServiceName;
use crate::model::observed::Revision;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::owner::Owner;
use crate::rollout::splits::Tags;
use crate::run::ports::{Clock, Cluster};
use crate::run::watch::service::see_service;
use jiff::Timestamp;
use std::time::Duration;

/// `andante adopt`.
pub(super) async fn adopt(args: &AdoptArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let service = &args.cluster.service;
    let goal = adopting(service, args.declaration.declares().map_err(Stop::bad_input)?, args.dry_run);
    let (kube, owner) = hold(&args.cluster, environment).await?;
    let poster = if args.dry_run { Poster::silent() } else { poster(&args.events, &kube, environment) };
    drive_alone(&mut adoption(goal, owner), &args.cluster, (&kube, poster), environment, lines).await
}

fn adopting(service: &ServiceName, declares: Vec<(DeclaredPart, String)>, dry_run: bool) -> AdoptGoal {
    AdoptGoal {
        service: service.clone(),
        declares,
        tags: Tags::usual(service),
        id: new_id(),
        dry_run,
        names_only: false,
    }
}

fn adoption(goal: AdoptGoal, owner: Owner) -> Adopt {
    // No run is made to be an older one by this, because nothing is rolled out.
    Adopt::new(goal, claimant(asker(owner, Timestamp::UNIX_EPOCH)))
}

/// Adopts a Service before its file is applied; `declares`: what that is to declare of it.
pub(super) async fn adopt_by(
    args: &ClusterArgs,
    kube: &Kube,
    declares: Vec<(DeclaredPart, String)>,
    environment: &Environment,
    lines: &mut Lines,
) -> Result<(), Box<Outcome>> {
    let owner = owner(environment).map_err(|Stop(outcome)| outcome)?;
    let mut machine = adoption(adopting(&args.service, declares, false), owner);
    match drive_alone(&mut machine, args, (kube, Poster::silent()), environment, lines).await {
        Ok(outcome) if outcome.code == Code::Done => Ok(()),
        Ok(outcome) => Err(Box::new(outcome)),
        Err(Stop(outcome)) => Err(outcome),
    }
}

/// Names users of a Service that is in care already, and says nothing of its goal.
pub(super) fn naming(service: &ServiceName, owner: Owner) -> Adopt {
    adoption(AdoptGoal { names_only: true, ..adopting(service, Vec::new(), false) }, owner)
}

/// Whether that could be done, as it is now. Nothing is written.
pub(super) async fn would_adopt(
    cluster: &impl Cluster,
    service: &ServiceName,
    declares: Vec<(DeclaredPart, String)>,
    patience: Duration,
    environment: &Environment,
) -> Result<(), Box<Outcome>> {
    let owner = owner(environment).map_err(|Stop(outcome)| outcome)?;
    let mut world = World::of(cluster.namespace().cloned());
    let looked = answered_within(patience, async || {
        see_service(&mut world, &cluster.service().await?)?;
        world.see_revisions(cluster.revisions().await?.items.iter().filter_map(|o| Revision::from_json(o).ok()));
        Ok(())
    });
    looked.await.map_err(|error| Box::new(refusal(&error)))?;
    let next =
        adoption(adopting(service, declares, true), owner).decide(&world, SystemClock.now(), &mut Log::default());
    match next {
        Next::End(outcome) if outcome.code != Code::Done => Err(outcome),
        _ => Ok(()),
    }
}

/// `andante detach`.
pub(super) async fn detach(args: &DetachArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let service = &args.cluster.service;
    let goal = DetachGoal {
        service: service.clone(),
        if_moves: match (args.restore_template, args.leave_pinned) {
            (true, _) => IfMoves::RestoreTemplate,
            (_, true) => IfMoves::LeavePinned,
            _ => IfMoves::Refuse,
        },
        tags: Tags::usual(service),
        id: new_id(),
        dry_run: args.dry_run,
    };
    let (kube, owner) = hold(&args.cluster, environment).await?;
    let claimant = claimant(asker(owner, SystemClock.now()));
    let poster = if args.dry_run { Poster::silent() } else { poster(&args.events, &kube, environment) };
    drive_alone(&mut Detach::new(goal, claimant), &args.cluster, (&kube, poster), environment, lines).await
}

/// The cluster, whose clock counts, and who writes.
async fn hold(args: &ClusterArgs, environment: &Environment) -> Result<(Kube, Owner), Stop> {
    let kube = connect(args, environment)?;
    kube.set_clock().await;
    Ok((kube, owner(environment)?))
}

/// Whoever is at it with an open rollout is not overtaken.
fn asker(owner: Owner, intent: Timestamp) -> Asker {
    Asker { owner, intent, if_busy: IfBusy::Fail, force: false }
}

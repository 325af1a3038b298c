//! `adopt` and `detach`: goals for the machines that take a Service into care and out of it.
//!
//! Decides whose tags and names are used. [`crate::machine::care`] decides all the rest. It may use every room.

use super::posts::poster;
use super::roll::{claimant, drive_alone, new_id};
use super::{Stop, connect, owner};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Kube, Poster};
use crate::adapter::env::Environment;
use crate::cli::{AdoptArgs, ClusterArgs, DetachArgs};
use crate::command::report::Lines;
use crate::machine::care::adopt::{Adopt, AdoptGoal};
use crate::machine::care::detach::{Detach, DetachGoal, IfMoves};
use crate::machine::claim::{Asker, IfBusy};
use crate::model::outcome::Outcome;
use crate::rollout::owner::Owner;
use crate::rollout::splits::Tags;
use crate::run::ports::Clock;
use jiff::Timestamp;

/// `andante adopt`.
pub(super) async fn adopt(args: &AdoptArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let service = &args.cluster.service;
    let goal = AdoptGoal {
        service: service.clone(),
        declares: args.declares().map_err(Stop::bad_input)?,
        tags: Tags::usual(service),
        id: new_id(),
        dry_run: args.dry_run,
    };
    let (kube, owner) = hold(&args.cluster, environment).await?;
    // No run is made to be an older one by this, because nothing is rolled out.
    let claimant = claimant(asker(owner, Timestamp::UNIX_EPOCH));
    let poster = if args.dry_run { Poster::silent() } else { poster(&args.events, &kube, environment) };
    drive_alone(&mut Adopt::new(goal, claimant), &args.cluster, (&kube, poster), environment, lines).await
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

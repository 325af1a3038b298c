//! `andante control`: one fenced write of the annotation of requests.
//!
//! Decides how often a refused write is tried again. [`crate::view::request`] decides what is written.

use super::{absent, called, failed, look_at_service, patiently};
use crate::adapter::clock::SystemClock;
use crate::adapter::env::Environment;
use crate::cli::{ActionArg, ControlArgs};
use crate::command::report;
use crate::command::{Stop, connect};
use crate::machine::outcomes::unreadable;
use crate::model::api_error::ApiError;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::owner::Liveness;
use crate::run::ports::{Clock, Cluster};
use crate::run::watch::delays;
use crate::view::request::{Action, ControlWish, Steered, steer};
use std::time::Duration;

/// How often a write is tried while others are faster or its answer is lost.
const TRIES: usize = 8;

/// Asks it, and says what happens next.
pub(super) async fn control(args: &ControlArgs, environment: &Environment) -> Result<Outcome, Stop> {
    let wish = ControlWish { action: action(args)?, rollout: args.rollout.clone() };
    let kube = connect(&args.cluster, environment)?;
    let cluster = kube.service(args.cluster.service.clone());
    let called = called(&args.cluster, &kube);
    // The first question also finds out whether there is a cluster at all; who we are may then stay unknown.
    patiently(&args.cluster, async || ignore_absence(cluster.service().await)).await?;
    let by = kube.who_am_i().await.unwrap_or_else(|| environment.person());
    let mut pauses = delays();
    for _ in 0..TRIES {
        let world = look_at_service(&cluster, &args.cluster).await?;
        let Some(service) = world.service() else { return Err(absent(&args.cluster, &kube)) };
        let record = match world.record() {
            Some(Ok(record)) => record,
            Some(Err(error)) => return Err(Stop(Box::new(unreadable(&error, service)))),
            None => {
                let outcome = Outcome::new(Code::BadState, format!("there is no rollout on {}", service.name));
                return Err(Stop(Box::new(
                    outcome.next(format!("`andante stage {} --image REF` begins one", called.words)),
                )));
            }
        };
        let alive = world.liveness_of(&record.owner).unwrap_or(Liveness::Unknown);
        let steered = steer(service, &record, alive, &wish, &by, SystemClock.now(), &called)
            .map_err(|refusal| Stop(Box::new(Outcome::new(refusal.code, refusal.to_string()).next(refusal.next))))?;
        let Some(patch) = &steered.patch else { return Ok(answer(steered, "unchanged")) };
        match cluster.patch_service(patch).await {
            Ok(_) => return Ok(answer(steered, "asked")),
            Err(error @ (ApiError::Refused(_) | ApiError::Server { .. } | ApiError::Unreachable(_))) => {
                report::complain(&format!("andante: {error}; looking again"));
                tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(1))).await;
            }
            Err(error) => {
                let Stop(mut outcome) = failed(&error);
                if wish.action == Action::Abort {
                    // A request is an annotation of its own, for which there may be no room; the brake needs none.
                    outcome.next = format!("`andante settle {} --to stable` takes users back at once", called.words);
                }
                return Err(Stop(outcome));
            }
        }
    }
    Err(Stop::new(
        Code::Unreachable,
        format!("{TRIES} writes in a row did not get through; look again with `andante status {}`", called.words),
    ))
}

fn ignore_absence<T>(result: Result<T, ApiError>) -> Result<(), ApiError> {
    match result {
        Ok(_) | Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn action(args: &ControlArgs) -> Result<Action, Stop> {
    if args.step.is_some() && args.action != ActionArg::Approve {
        return Err(Stop::bad_input("--step belongs to `approve` alone"));
    }
    Ok(match args.action {
        ActionArg::Pause => Action::Pause,
        ActionArg::Resume => Action::Resume,
        ActionArg::Approve => Action::Approve(args.step),
        ActionArg::Abort => Action::Abort,
        ActionArg::Promote => Action::Promote,
    })
}

fn answer(steered: Steered, word: &'static str) -> Outcome {
    let what = format!("rollout {}: {}", steered.rollout, steered.what);
    let mut outcome = if steered.attended {
        Outcome::new(Code::Done, what).word(word)
    } else {
        // What was asked is noted, but nobody is there to do it.
        Outcome::new(Code::Unattended, what)
    };
    outcome.rollout = Some(steered.rollout.clone());
    outcome.next(steered.next)
}

//! `status`, `watch`, `control` and `plan`: for people. An answer goes to standard output, and the reason for a missing
//! one to standard error; with `--output json` both are one JSON object a line on standard output.
//!
//! Decides how long a question to the cluster may take. It may use every room.

mod control;
mod plan;
mod watch;

use super::patient::answered;
use super::{Stop, connect};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{KnativeService, Kube};
use crate::adapter::env::Environment;
use crate::cli::{ClusterArgs, ControlArgs, Output, PlanArgs, StatusArgs, WatchArgs};
use crate::command::report::{self, Lines};
use crate::machine::outcomes::LOOK_ELSEWHERE;
use crate::machine::world::{NamespaceSaid, World};
use crate::model::api_error::ApiError;
use crate::model::observed::{PIPELINE, Revision};
use crate::model::outcome::{Code, Outcome};
use crate::rollout::declaration::suspend::Suspended;
use crate::rollout::owner::OwnerKind;
use crate::run::ports::{Clock, Cluster};
use crate::run::watch::service::see_service;
use crate::view::status::{self, Called, Status};
use jiff::Timestamp;

/// `andante status`.
pub(super) async fn status(args: &StatusArgs, environment: &Environment) -> Code {
    let output = args.cluster.output;
    finish(output, look_and_tell(&args.cluster, environment).await)
}

/// `andante watch`.
pub(super) async fn watch(args: &WatchArgs, environment: &Environment) -> Code {
    finish(args.cluster.output, watch::watch(args, environment).await)
}

/// `andante control`.
pub(super) async fn control(args: &ControlArgs, environment: &Environment) -> Code {
    let ended = control::control(args, environment).await;
    finish(args.cluster.output, ended.map(|outcome| tell(args.cluster.output, &outcome)))
}

/// `andante plan`.
pub(super) async fn plan(args: &PlanArgs, environment: &Environment) -> Code {
    finish(args.cluster.output, plan::plan(args, environment).await)
}

/// What a command that ended early says.
fn finish(output: Output, ended: Result<Code, Stop>) -> Code {
    match ended {
        Ok(code) => code,
        Err(Stop(outcome)) if outcome.code == Code::Done => tell(output, &outcome),
        Err(Stop(outcome)) => {
            if output == Output::Text {
                report::complain(&format!("andante: {}", outcome.line()));
            }
            Lines::new(output).outcome(&outcome);
            outcome.code
        }
    }
}

/// Prints an outcome that is the answer.
fn tell(output: Output, outcome: &Outcome) -> Code {
    if output == Output::Text {
        report::show(&outcome.line());
    }
    Lines::new(output).outcome(outcome);
    outcome.code
}

async fn look_and_tell(args: &ClusterArgs, environment: &Environment) -> Result<Code, Stop> {
    let kube = connect(args, environment)?;
    let cluster = kube.service(args.service.clone());
    let world = look(&cluster, args).await?;
    let now = SystemClock.now();
    let Some(status) = status::explain(&world, &called(args, &kube), now) else { return Err(absent(args, &kube)) };
    match args.output {
        Output::Text => {
            for line in status::lines::lines(&status, now) {
                report::show(&line);
            }
        }
        Output::Json => report::line(&json_of(&status, now)),
    }
    Ok(Code::Done)
}

/// A status with its time, as one line of JSON.
fn json_of(status: &Status, now: Timestamp) -> String {
    let mut value = serde_json::to_value(status).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("at".to_owned(), now.to_string().into());
    }
    value.to_string()
}

/// One look at everything: the Service, its Revisions, and whether a run that holds it still runs.
async fn look(cluster: &KnativeService, args: &ClusterArgs) -> Result<World, Stop> {
    let mut world = look_at_service(cluster, args).await?;
    let list = patiently(args, async || cluster.revisions().await).await?;
    world.see_revisions(list.items.iter().filter_map(|o| Revision::from_json(o).ok()));
    Ok(world)
}

/// One look at the Service and its owner.
async fn look_at_service(cluster: &KnativeService, args: &ClusterArgs) -> Result<World, Stop> {
    let mut world = World::default();
    let object = match patiently(args, async || cluster.service().await).await {
        Err(Stop(outcome)) if outcome.word == ABSENT => return Ok(world),
        object => object?,
    };
    see_service(&mut world, &object).map_err(|e| failed(&e))?;
    ask_beside(cluster, &mut world).await;
    Ok(world)
}

/// Asks what an open rollout may wait for beside its Service: whether the run that holds it still runs, and whether the namespace is
/// suspended. Neither right is needed.
async fn ask_beside(cluster: &impl Cluster, world: &mut World) {
    if let Some(Ok(record)) = world.record()
        && record.phase.is_open()
    {
        if record.owner.kind != OwnerKind::Person {
            world.liveness = Some((record.owner.uid.clone(), cluster.liveness(&record.owner).await));
        }
        if world.service().is_some_and(|service| service.annotations.contains_key(PIPELINE))
            && let Ok(annotations) = cluster.namespace_annotations().await
        {
            let suspended = Suspended::of_namespace(&annotations);
            world.namespace_said = Some(NamespaceSaid { at: SystemClock.now(), suspended, unread: false });
        }
    }
}

/// Asks until there is an answer, for a short while.
async fn patiently<T>(args: &ClusterArgs, call: impl AsyncFnMut() -> Result<T, ApiError>) -> Result<T, Stop> {
    answered(args, call).await.map_err(|error| failed(&error))
}

/// The word of an outcome that says: not there.
const ABSENT: &str = "absent";

/// What a failed question means.
pub(super) fn failed(error: &ApiError) -> Stop {
    let code = match error {
        ApiError::Forbidden(_) | ApiError::Withdrawn(_) => Code::NotPermitted,
        ApiError::NotFound(_) | ApiError::NoKind(_) => {
            return Stop(Box::new(Outcome::new(Code::BadState, error.to_string()).word(ABSENT)));
        }
        ApiError::Invalid(_) | ApiError::Exists(_) => Code::BadState,
        _ => Code::Unreachable,
    };
    Stop::new(code, error.to_string())
}

/// There is none there. Whoever asks about a Service has one in mind, so the namespace is more likely wrong than the
/// Service missing.
pub(super) fn absent(args: &ClusterArgs, kube: &Kube) -> Stop {
    let what = format!("there is no Service {} in namespace {}", args.service, kube.namespace());
    let next = if args.namespace.is_some() {
        LOOK_ELSEWHERE.to_owned()
    } else {
        format!(
            "name its namespace with -n: {} is only where nothing else is said; \
             `kubectl get services.serving.knative.dev --all-namespaces` lists them all",
            kube.namespace()
        )
    };
    Stop(Box::new(Outcome::new(Code::BadState, what).next(next)))
}

/// How the Service is named in commands that are proposed: with the flags that were needed to get here.
fn called(args: &ClusterArgs, kube: &Kube) -> Called {
    Called { namespace: kube.namespace().to_string(), words: words(args) }
}

fn words(args: &ClusterArgs) -> String {
    let flags = [
        args.namespace.as_ref().map(|namespace| format!(" -n {namespace}")),
        args.kubeconfig.as_ref().map(|file| format!(" --kubeconfig {}", file.display())),
        args.context.as_ref().map(|context| format!(" --context {context}")),
    ];
    flags.into_iter().flatten().fold(args.service.to_string(), |words, flag| words + &flag)
}

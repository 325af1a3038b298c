//! Does what was decided: makes the run, then marks the Service.
//!
//! Decides what an answer of the API server means here: a run that is there already is the one that was wanted, if it is of this
//! Service; a mark that is refused means that somebody was faster. It may use every room.

use super::look::Looked;
use crate::adapter::cluster::Kube;
use crate::cli::{OlderArg, StartArgs};
use crate::model::api_error::ApiError;
use crate::model::observed::Service;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::start::decide::{Idle, StartDecision, called, unreadable};
use crate::rollout::start::making::{MadeRun, Making};
use crate::rollout::start::mark::mark;
use crate::rollout::start::older::{Cancelling, older};
use crate::rollout::start::status::{GoalStatus, StartedRun};
use crate::run::ports::Cluster;
use serde_json::Value;

/// What came of it.
pub(super) enum Acted {
    /// Nothing was to be done.
    Nothing(Idle),
    /// The status alone was written.
    Marked(Idle),
    /// A run was made (or was there), and the Service marked.
    Started {
        /// The run.
        run: StartedRun,
        /// A sentence.
        what: String,
        /// What the owner should know.
        notes: Vec<String>,
    },
    /// What would be made.
    Dry(Value, Vec<String>),
    /// It cannot be acted on; the Service says so.
    Faults(Vec<Fault>),
    /// Somebody was faster: to be looked at again.
    Overtaken,
}

/// Does what is to be done about what was looked at.
pub(super) async fn act(args: &StartArgs, kube: &Kube, looked: &Looked, again: bool) -> Result<Acted, ApiError> {
    match looked.decide(again) {
        StartDecision::Nothing(idle) => Ok(Acted::Nothing(idle)),
        StartDecision::Mark(_, idle) if args.dry_run => Ok(Acted::Nothing(idle)),
        StartDecision::Mark(status, idle) => {
            Ok(if note(kube, &looked.service, &status).await? { Acted::Marked(idle) } else { Acted::Overtaken })
        }
        StartDecision::Post(faults, status) => post(args, kube, &looked.service, faults, status).await,
        StartDecision::Start(making, status) => match prepare(kube, &making).await? {
            Ok(made) if args.dry_run => Ok(Acted::Dry(made.object, made.notes)),
            Ok(made) => make(args, kube, looked, &making, made, &status).await,
            Err(faults) => match unreadable(&looked.service, faults, status.time.unwrap_or_default()) {
                StartDecision::Post(faults, status) => post(args, kube, &looked.service, faults, status).await,
                _ => Ok(Acted::Overtaken),
            },
        },
    }
}

async fn post(
    args: &StartArgs,
    kube: &Kube,
    service: &Service,
    faults: Vec<Fault>,
    status: Option<GoalStatus>,
) -> Result<Acted, ApiError> {
    if let Some(status) = status.filter(|_| !args.dry_run)
        && !note(kube, service, &status).await?
    {
        return Ok(Acted::Overtaken);
    }
    Ok(Acted::Faults(faults))
}

/// Reads what is run, and makes the object of it.
async fn prepare(kube: &Kube, making: &Making) -> Result<Result<MadeRun, Vec<Fault>>, ApiError> {
    let Some((kind, name)) = making.reads() else { return Ok(making.object(None)) };
    match kube.object(&kind, name).await {
        Ok(named) => Ok(making.object(Some(&named))),
        Err(ApiError::NotFound(_)) => Ok(Err(vec![making.not_there()])),
        Err(error) => Err(error),
    }
}

async fn make(
    args: &StartArgs,
    kube: &Kube,
    looked: &Looked,
    making: &Making,
    made: MadeRun,
    status: &GoalStatus,
) -> Result<Acted, ApiError> {
    let run = StartedRun { kind: Some(made.kind.kind.clone()), name: making.name.clone() };
    let service = &looked.service;
    let what = match kube.create_object(&made.kind, making.name.as_str(), &made.object).await {
        Ok(_) => format!("{}: started {} as {}", service.name, making.in_charge, called(&run)),
        Err(ApiError::Exists(_)) => {
            let there = kube.object(&made.kind, making.name.as_str()).await;
            if !there.is_ok_and(|there| is_of(&there, &service.uid)) {
                let what = format!("{} is there, and is no run of Service {}", called(&run), service.name);
                return Err(ApiError::Invalid(what));
            }
            format!("{}: {} was started already as {}", service.name, making.in_charge, called(&run))
        }
        Err(error) => return Err(error),
    };
    if !note(kube, service, status).await? {
        return Ok(Acted::Overtaken);
    }
    let mut notes = made.notes;
    if args.older == OlderArg::Cancel
        && let Some(cancelling) = older(service, &looked.namespace, &looked.runs)
    {
        notes.push(cancel(kube, looked, &cancelling).await);
    }
    Ok(Acted::Started { run, what, notes })
}

/// Cancels the run of the goal before. The right to is optional: it ends as superseded by itself, only later.
async fn cancel(kube: &Kube, looked: &Looked, cancelling: &Cancelling) -> String {
    let run = called(&cancelling.run);
    let kind = cancelling.run.kind.as_deref().unwrap_or_default();
    let Some((kind, ..)) = looked.table.as_ref().ok().and_then(|table| table.signs(kind)) else {
        return format!("{run} of the goal before goes on: the table has no row for its kind");
    };
    match kube.merge_object(&kind, cancelling.run.name.as_str(), &cancelling.patch).await {
        Ok(_) => format!("{run} of the goal before is cancelled, because it has not staged yet"),
        Err(error) => format!("{run} of the goal before goes on: {error}"),
    }
}

/// True for a run that this Service owns.
fn is_of(run: &Value, uid: &str) -> bool {
    let owners = run.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|owner| owner.get("uid").and_then(Value::as_str) == Some(uid))
}

/// Writes the status; false if the Service is not as it was read.
async fn note(kube: &Kube, service: &Service, status: &GoalStatus) -> Result<bool, ApiError> {
    match kube.service(service.name.clone()).patch_service(&mark(service, status)).await {
        Ok(_) => Ok(true),
        Err(ApiError::Refused(_) | ApiError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

//! What is read before anything is started: the table of run templates, the Service, its namespace, the run that was started last.
//!
//! Decides which of it is optional. It may use every room.

use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::Kube;
use crate::cli::ClusterArgs;
use crate::command::Stop;
use crate::command::patient::{answered, answered_within};
use crate::command::people::failed;
use crate::model::api_error::ApiError;
use crate::model::name::Namespace;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::declaration::fault::Fault;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::read::{Declaration, Stated};
use crate::rollout::declaration::suspend::Suspended;
use crate::rollout::goal_status::StatusSeen;
use crate::rollout::start::decide::{StartDecision, StartQuestion, decide};
use crate::rollout::start::over::RunSeen;
use crate::rollout::start::table::{RUNS, RunTable};
use crate::rollout::start::whose::is_of;
use crate::run::ports::{Clock, Cluster};
use serde_json::Value;
use std::time::Duration;

/// A Service as it was looked at once, and everything that a decision needs beside it.
pub(super) struct Looked {
    pub(super) service: Service,
    pub(super) namespace: Namespace,
    pub(super) declared: Result<Declaration, Vec<Fault>>,
    pub(super) suspended: Option<Suspended>,
    pub(super) runs: Vec<RunSeen>,
    pub(super) table: Result<RunTable, Fault>,
}

impl Looked {
    /// What is to be done now.
    pub(super) fn decide(&self, again: bool) -> StartDecision {
        decide(&StartQuestion {
            service: &self.service,
            declared: &self.declared,
            namespace: &self.namespace,
            namespace_suspends: self.suspended.as_ref(),
            runs: &self.runs,
            table: &self.table,
            again,
            now: SystemClock.now(),
        })
    }
}

/// The installation's table; where there is no installation, the rows that Andante comes with.
pub(super) async fn table(limit: Duration, kube: &Kube, system: &Namespace) -> Result<RunTable, Stop> {
    match answered_within(limit, async || kube.config_map(system, RUNS).await).await {
        Ok(data) => Ok(RunTable::of_data(&data, format!("ConfigMap {RUNS} in namespace {system}"))),
        Err(ApiError::NotFound(_)) => Ok(RunTable::shipped()),
        Err(ApiError::Forbidden(why)) => {
            // Made by other rows than the operator's, a run would have another account.
            let what = format!("how runs are made is not known: {why}");
            let next = format!(
                "ask for the right to get ConfigMap {RUNS} in namespace {system} (config/binding/runs-reader.yaml)"
            );
            Err(Stop(Box::new(Outcome::new(Code::NotPermitted, what).next(next))))
        }
        Err(error) => Err(failed(&error)),
    }
}

/// Looks at a Service and what is beside it.
pub(super) async fn look(cluster: &ClusterArgs, kube: &Kube, table: &RunTable) -> Result<Looked, ApiError> {
    let client = kube.service(cluster.service.clone());
    let object = answered(cluster, async || client.service().await).await?;
    let service = Service::from_json(&object).map_err(|error| ApiError::Invalid(error.to_string()))?;
    let mut declared = Stated::of_json(&object).read();
    let in_charge = declared.as_ref().is_ok_and(|declared| declared.in_charge.is_some());
    let (mut suspended, mut own) = (None, Ok(table.clone()));
    let mut runs = Vec::new();
    // Where nobody is in charge, nothing beside it is read: no right to it is needed.
    if in_charge {
        match namespace_suspends(cluster, kube).await? {
            Ok(by) => suspended = by,
            Err(fault) => declared = Err(vec![fault]),
        }
        own = own_table(cluster, kube, table).await?;
        runs = seen(cluster, kube, table, &service).await?;
    }
    Ok(Looked { service, namespace: kube.namespace().clone(), declared, suspended, runs, table: own })
}

/// The run that the Service names, if it is there. One that may not be read is no absent one: another would be started beside it.
async fn seen(
    cluster: &ClusterArgs,
    kube: &Kube,
    table: &RunTable,
    service: &Service,
) -> Result<Vec<RunSeen>, ApiError> {
    let status = StatusSeen::of(service).into_status();
    let Some((made, run)) = status.and_then(|status| Some((status.made, status.run?))) else { return Ok(Vec::new()) };
    let Some(of) = run.kind.as_deref().and_then(|kind| table.run_kind(kind)) else { return Ok(Vec::new()) };
    match answered(cluster, async || kube.object(&of.kind, run.name.as_str()).await).await {
        // A stranger that has the name which one of ours was to have is not it.
        Ok(object) if !made && !is_of(&object, &service.uid) => Ok(Vec::new()),
        Ok(object) => Ok(of.seen(&object).into_iter().collect()),
        Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The table as far as the namespace chooses from it.
async fn own_table(cluster: &ClusterArgs, kube: &Kube, table: &RunTable) -> Result<Result<RunTable, Fault>, ApiError> {
    match answered(cluster, async || kube.config_map(kube.namespace(), RUNS).await).await {
        // The installation's own namespace holds the table itself.
        Ok(_) if table.lies_in(kube.namespace().as_str()) => Ok(Ok(table.clone())),
        Ok(data) => Ok(table.clone().chosen_by(&data)),
        Err(ApiError::NotFound(_)) => Ok(Ok(table.clone())),
        Err(error) => Err(error),
    }
}

/// What the namespace says of suspension. Whoever starts runs has to know.
async fn namespace_suspends(cluster: &ClusterArgs, kube: &Kube) -> Result<Result<Option<Suspended>, Fault>, ApiError> {
    let annotations = answered(cluster, async || kube.namespace_annotations().await).await?;
    let part = DeclaredPart::Suspend;
    let Some(text) = annotations.get(part.annotation()).and_then(Value::as_str) else { return Ok(Ok(None)) };
    Ok(Suspended::read(text).map_err(|why| Fault::of_namespace(part, text, why)))
}

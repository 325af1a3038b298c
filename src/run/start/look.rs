//! What is read before anything is started: the Service, its namespace, the run that was started last.
//!
//! Decides which of it is optional. Depends on the ports.

use crate::model::api_error::ApiError;
use crate::model::name::{Namespace, ServiceName};
use crate::model::observed::Service;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::read::{Declaration, Stated};
use crate::rollout::declaration::suspend::Suspended;
use crate::rollout::goal_status::StatusSeen;
use crate::rollout::start::decide::{StartDecision, StartQuestion, decide};
use crate::rollout::start::over::RunSeen;
use crate::rollout::start::table::{RUNS, RunTable};
use crate::rollout::start::whose::is_of;
use crate::run::asking::answered_within;
use crate::run::ports::runs::Runs;
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// A Service as it was looked at once, and everything that a decision needs beside it.
#[derive(Debug)]
pub struct Looked {
    /// The Service.
    pub service: Service,
    /// Its namespace.
    pub namespace: Namespace,
    /// What it declares.
    pub declared: Result<Declaration, Vec<Fault>>,
    /// What its namespace says of suspension.
    pub suspended: Option<Suspended>,
    /// Its runs, as far as they were looked at.
    pub runs: Vec<RunSeen>,
    /// How runs are made.
    pub table: Result<RunTable, Fault>,
}

impl Looked {
    /// What is to be done now.
    pub fn decide(&self, again: bool, now: Timestamp) -> StartDecision {
        decide(&StartQuestion {
            service: &self.service,
            declared: &self.declared,
            namespace: &self.namespace,
            namespace_suspends: self.suspended.as_ref(),
            runs: &self.runs,
            table: &self.table,
            again,
            now,
        })
    }
}

/// Looks at a Service and what is beside it.
pub async fn look(
    patience: Duration,
    cluster: &impl Runs,
    name: &ServiceName,
    table: &RunTable,
) -> Result<Looked, ApiError> {
    let object = answered_within(patience, async || cluster.service(name).await).await?;
    let service = Service::from_json(&object).map_err(|error| ApiError::Invalid(error.to_string()))?;
    let mut declared = Stated::of_json(&object).read();
    let in_charge = declared.as_ref().is_ok_and(|declared| declared.in_charge.is_some());
    let (mut suspended, mut own) = (None, Ok(table.clone()));
    let mut runs = Vec::new();
    // Where nobody is in charge, nothing beside it is read: no right to it is needed.
    if in_charge {
        match namespace_suspends(patience, cluster).await? {
            Ok(by) => suspended = by,
            Err(fault) => declared = Err(vec![fault]),
        }
        own = own_table(patience, cluster, table).await?;
        runs = seen(patience, cluster, table, &service).await?;
    }
    Ok(Looked { service, namespace: cluster.namespace().clone(), declared, suspended, runs, table: own })
}

/// The run that the Service names, if it is there. One that may not be read is no absent one: another would be started beside it.
async fn seen(
    patience: Duration,
    cluster: &impl Runs,
    table: &RunTable,
    service: &Service,
) -> Result<Vec<RunSeen>, ApiError> {
    let status = StatusSeen::of(service).into_status();
    let Some((made, run)) = status.and_then(|status| Some((status.made, status.run?))) else { return Ok(Vec::new()) };
    let Some(of) = run.kind.as_deref().and_then(|kind| table.run_kind(kind)) else { return Ok(Vec::new()) };
    match answered_within(patience, async || cluster.object(&of.kind, run.name.as_str()).await).await {
        // A stranger that has the name which one of ours was to have is not it.
        Ok(object) if !made && !is_of(&object, &service.uid) => Ok(Vec::new()),
        Ok(object) => Ok(of.seen(&object).into_iter().collect()),
        Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The table as far as the namespace chooses from it.
async fn own_table(
    patience: Duration,
    cluster: &impl Runs,
    table: &RunTable,
) -> Result<Result<RunTable, Fault>, ApiError> {
    match answered_within(patience, async || cluster.config_map(RUNS).await).await {
        // The installation's own namespace holds the table itself.
        Ok(_) if table.lies_in(cluster.namespace().as_str()) => Ok(Ok(table.clone())),
        Ok(data) => Ok(table.clone().chosen_by(&data)),
        Err(ApiError::NotFound(_)) => Ok(Ok(table.clone())),
        Err(error) => Err(error),
    }
}

/// What the namespace says of suspension. Whoever starts runs has to know.
pub(super) async fn namespace_suspends(
    patience: Duration,
    cluster: &impl Runs,
) -> Result<Result<Option<Suspended>, Fault>, ApiError> {
    let annotations = answered_within(patience, async || cluster.namespace_annotations().await).await?;
    let part = DeclaredPart::Suspend;
    let Some(text) = annotations.get(part.annotation()).and_then(Value::as_str) else { return Ok(Ok(None)) };
    Ok(Suspended::read(text).map_err(|why| Fault::of_namespace(part, text, why)))
}

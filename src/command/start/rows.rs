//! The installation's table of run templates.
//!
//! Decides what stands in for it where there is none, and that one which may not be read has no substitute. It may use every room.

use crate::adapter::cluster::Kube;
use crate::command::Stop;
use crate::command::patient::answered_within;
use crate::command::people::failed;
use crate::model::api_error::ApiError;
use crate::model::name::Namespace;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::start::table::{RUNS, RunTable};
use std::time::Duration;

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

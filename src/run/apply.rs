//! A file's way into the cluster: look, dry run, write.
//!
//! Decides how often that is tried again, and nothing about the file: each try begins with a new look, so that an answer that was
//! lost is found out by what stands there. It may use the ports and `machine`.

use super::watch::delays;
use crate::machine::apply::{DryRun, Foreseen, WantedService, conflict, refusal};
use crate::model::api_error::ApiError;
use crate::model::outcome::{Code, Outcome};
use crate::run::ports::{ApplyCall, Cluster};
use backon::ExponentialBackoff;
use std::time::Duration;
use tokio::time::Instant;

/// So often a Service is adopted before it is said that users follow latest again each time.
const ADOPTIONS: u32 = 3;

/// How long failures are borne.
struct ApplyTries {
    until: Instant,
    pauses: ExponentialBackoff,
}

impl ApplyTries {
    fn new(patience: Duration) -> Self {
        Self { until: Instant::now() + patience, pauses: delays() }
    }

    /// Waits, if another try may help; else the end.
    async fn after(&mut self, error: ApiError) -> Result<(), Box<Outcome>> {
        let moved = matches!(error, ApiError::Refused(_) | ApiError::Conflict(_));
        let pause = self.pauses.next().unwrap_or_default();
        if !(moved || error.is_passing()) || Instant::now() + pause > self.until {
            return Err(Box::new(refusal(&error)));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// One look, and what a dry run shows.
async fn look<C: Cluster>(cluster: &C, wanted: &WantedService, take_over: &[String]) -> Result<Foreseen, ApiError> {
    let live = match cluster.service().await {
        Ok(object) => Some(object),
        Err(ApiError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    if live.as_ref().is_some_and(|live| live.pointer("/metadata/deletionTimestamp").is_some()) {
        return Err(ApiError::Refused("it is being deleted".to_owned()));
    }
    let body = wanted.body(live.as_ref());
    let dry = |force| ApplyCall { force, dry: true };
    let (stored, overruled) = match cluster.apply_service(&body, dry(false)).await {
        Ok(stored) => (stored, Vec::new()),
        // What would be stored tells whether anybody's field would get another value.
        Err(ApiError::Conflict(fields)) => (cluster.apply_service(&body, dry(true)).await?, fields),
        Err(error) => return Err(error),
    };
    Ok(wanted.foreseen(DryRun { live: live.as_ref(), body, stored: &stored, overruled }, take_over))
}

/// What would become of a Service. Nothing is written.
pub async fn foresee<C: Cluster>(
    cluster: &C,
    wanted: &WantedService,
    take_over: &[String],
    patience: Duration,
) -> Result<Foreseen, Box<Outcome>> {
    let mut tries = ApplyTries::new(patience);
    loop {
        match look(cluster, wanted, take_over).await {
            Ok(foreseen) => return Ok(foreseen),
            Err(error) => tries.after(error).await?,
        }
    }
}

/// Writes a file; where users follow latest in care, `adopt` comes first, as was foreseen. The answer is what the last look foresaw.
pub async fn apply<C: Cluster>(
    cluster: &C,
    wanted: &WantedService,
    take_over: &[String],
    patience: Duration,
    mut adopt: impl AsyncFnMut(&Foreseen) -> Result<(), Box<Outcome>>,
) -> Result<Foreseen, Box<Outcome>> {
    let (mut tries, mut adoptions) = (ApplyTries::new(patience), 0);
    loop {
        let foreseen = match look(cluster, wanted, take_over).await {
            Ok(foreseen) => foreseen,
            Err(error) => {
                tries.after(error).await?;
                continue;
            }
        };
        if !foreseen.conflicts.is_empty() {
            return Err(Box::new(conflict(&foreseen.conflicts)));
        }
        if foreseen.adopts {
            if adoptions == ADOPTIONS {
                let what = "users follow latest again after each adoption, so the file is not written";
                return Err(Box::new(Outcome::new(Code::TakenOver, what)));
            }
            adoptions += 1;
            adopt(&foreseen).await?;
            continue;
        }
        if foreseen.is_there() {
            return Ok(foreseen);
        }
        let call = ApplyCall { force: foreseen.force, dry: false };
        match cluster.apply_service(&foreseen.body, call).await {
            Ok(_) => return Ok(foreseen),
            Err(error) => tries.after(error).await?,
        }
    }
}

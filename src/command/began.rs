//! When the run of this process began: of two runs that want the same Service the one that began later wins (docs/protocol.md,
//! rule 2), so one bad moment of the API server must not decide it.
//!
//! Decides how long that is asked for, what counts where it cannot be read, and what is said then. It may use every room.

use super::patient::answered_within;
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::cli::ClusterArgs;
use crate::command::report::Lines;
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Topic};
use crate::model::time::before;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::run::ports::{Clock, Sink};
use jiff::Timestamp;
use std::time::Duration;

/// The longest that it is asked for, since nothing else is done meanwhile and no signal is heard: an API server that does not
/// answer at all is the rollout's to wait for.
const LONGEST: Duration = Duration::from_secs(30);

/// When the run was created; a failure that may pass is borne for a while.
pub(super) async fn run_began(cluster: &ClusterArgs, kube: &Kube, owner: &Owner) -> Result<Timestamp, ApiError> {
    answered_within(cluster.patience.min(LONGEST), async || kube.run_created(owner).await).await
}

/// That it cannot be read, and what would mend it.
fn unread(owner: &Owner, error: &ApiError) -> (String, &'static str) {
    let (why, mends) = match error {
        ApiError::Forbidden(_) | ApiError::Withdrawn(_) => {
            ("cannot be read", "the right to get it (README, \"Rights\") or --intent-at mends that")
        }
        ApiError::NotFound(_) | ApiError::NoKind(_) => {
            ("is not known: its object is not there (any more)", "--intent-at mends that")
        }
        _ => ("was not answered", "--intent-at says it without asking"),
    };
    (format!("when {owner} was created {why} ({error})"), mends)
}

/// The intent of a run that cannot be read: when its pod began, which needs no right. Of two such runs the one whose pod
/// began later wins, which is mostly the newer one; this moment would make whoever is slowest the newest.
pub(super) fn intent_without_run(
    owner: &Owner,
    error: &ApiError,
    environment: &Environment,
    lines: &mut Lines,
) -> Timestamp {
    let now = SystemClock.now();
    let (intent, counts) = match environment.began_ago() {
        Some(ago) if environment.in_pod() => (before(now, ago), "its pod's start counts instead"),
        Some(ago) => (before(now, ago), "this process's start counts instead"),
        None => (now, "this moment counts instead"),
    };
    let (unread, mends) = unread(owner, error);
    let what = format!(
        "{unread}; {counts}, {intent:.0}: an older run whose pod began later would win over a newer one; {mends}"
    );
    lines.say(now, &Event::new(Topic::Note, what));
    intent
}

/// When the run that settles began. Its pod's start is no help here: a `finally` begins after everything else. `says`: it
/// decides what is done, so a line says that it is not known.
pub(super) async fn of_settling(
    cluster: &ClusterArgs,
    kube: &Kube,
    owner: &Owner,
    says: bool,
    lines: &mut Lines,
) -> Option<Timestamp> {
    let error = match run_began(cluster, kube, owner).await {
        Ok(began) => return Some(began),
        Err(error) => error,
    };
    if says && owner.kind != OwnerKind::Person {
        let (unread, _) = unread(owner, &error);
        let what = format!("{unread}: a rollout of another run that may still go on is left alone");
        lines.say(SystemClock.now(), &Event::new(Topic::Note, what));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_a_run_and_an_answer_that_are_missing_are_told_apart() {
        let owner = Owner { kind: OwnerKind::PipelineRun, name: "ci/r".into(), uid: "u".into() };
        let said = |error| unread(&owner, &error).0;
        for (error, words) in [
            (ApiError::Forbidden("x".into()), "cannot be read (not permitted: x)"),
            (ApiError::NotFound("x".into()), "is not known: its object is not there (any more) (not found: x)"),
            (ApiError::Unreachable("x".into()), "was not answered (no answer from the API server: x)"),
        ] {
            assert_eq!(said(error), format!("when PipelineRun ci/r was created {words}"));
        }
    }
}

//! Waits for the end of a run that was started.
//!
//! Decides the exit code. When a run is over, its row of the table says. It may use the watches and the runtime's timer.

use super::look::{Looked, look};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Kube, ObjectWatch, Selection};
use crate::cli::{ClusterArgs, StartArgs};
use crate::command::Stop;
use crate::command::people::failed;
use crate::model::api_error::ApiError;
use crate::model::outcome::{Code, Outcome};
use crate::model::time::after;
use crate::rollout::start::decide::called;
use crate::rollout::start::over::{EndSign, RunSeen, RunState};
use crate::rollout::start::status::StartedRun;
use crate::rollout::start::table::RunTable;
use crate::run::ports::{Clock, List};
use crate::run::watch::{News, Watchable, follow};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::Value;

/// Objects of one kind that are followed.
pub(super) struct Objects<'a> {
    pub(super) kube: &'a Kube,
    pub(super) of: Selection,
}

impl Watchable for Objects<'_> {
    type Watch = ObjectWatch;
    async fn read(&self) -> Result<List, ApiError> {
        self.kube.list_objects(&self.of, Some).await
    }
    async fn watch(&self, version: &str) -> Result<ObjectWatch, ApiError> {
        self.kube.watch_objects(&self.of, version).await
    }
}

/// How a run ended.
pub(super) struct Waited {
    pub(super) outcome: Outcome,
    /// The Service as it was looked at, with what was seen of the run.
    pub(super) looked: Looked,
}

/// Waits until the run is over.
pub(super) async fn wait(
    args: &StartArgs,
    cluster: &ClusterArgs,
    kube: &Kube,
    table: &RunTable,
    run: &StartedRun,
) -> Result<Waited, Stop> {
    let signs = run.kind.as_deref().and_then(|kind| table.signs(kind));
    let Some((kind, done, bad)) = signs else {
        return Err(Stop::new(Code::BadState, format!("the table has no row that says when {} is over", called(run))));
    };
    let of =
        Selection { kind, namespace: Some(kube.namespace().clone()), label: None, name: Some(run.name.to_string()) };
    let objects = Objects { kube, of };
    let mut news = follow(&objects, None).boxed_local();
    let mut since: Option<Timestamp> = None;
    while let Some(news) = news.next().await {
        let now = SystemClock.now();
        let gone = || Outcome::new(Code::RunFailed, format!("{} was removed before it was over", called(run)));
        let ended = match news {
            News::Trouble(error) if !error.is_passing() => return Err(failed(&error)),
            News::Trouble(error) => {
                if now >= after(*since.get_or_insert(now), args.patience) {
                    return Err(failed(&error));
                }
                continue;
            }
            News::Fine => None,
            News::Deleted(_) => Some((gone(), None)),
            News::All(list) => match list.first() {
                Some(object) => over(object, run, done, bad),
                None => Some((gone(), None)),
            },
            News::Now(object) => over(&object, run, done, bad),
        };
        since = None;
        if let Some((outcome, seen)) = ended {
            // Marked by whoever waited: with what stands on the Service now.
            let mut looked = look(cluster, kube, table).await.map_err(|error| failed(&error))?;
            looked.runs.extend(seen);
            return Ok(Waited { outcome, looked });
        }
    }
    Err(Stop::new(Code::Internal, "a watch that never ends has ended"))
}

/// How it ended, if it has.
fn over(object: &Value, run: &StartedRun, done: &[EndSign], bad: &[EndSign]) -> Option<(Outcome, Option<RunSeen>)> {
    let seen = RunSeen::of(object, done, bad)?;
    let tell = |what: &str, said: &str| {
        if said.is_empty() { format!("{} {what}", called(run)) } else { format!("{} {what}: {said}", called(run)) }
    };
    let outcome = match &seen.state {
        RunState::Running => return None,
        RunState::Done(said) => Outcome::new(Code::Done, tell("ended well", said)).word("finished"),
        RunState::Failed(said) => {
            Outcome::new(Code::RunFailed, tell("failed", said)).next("`--again` starts another one")
        }
    };
    Some((outcome, Some(seen)))
}

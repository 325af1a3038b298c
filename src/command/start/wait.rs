//! Waits for the end of a run that was started.
//!
//! Decides the exit code. When a run is over, its row of the table says; of one that is gone, what stands on the Service. It may use
//! the watches and the runtime's timer.

use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Kube, ObjectWatch, Selection};
use crate::command::Stop;
use crate::command::people::failed;
use crate::model::api_error::ApiError;
use crate::model::name::ServiceName;
use crate::model::outcome::{Code, Outcome};
use crate::model::time::after;
use crate::rollout::goal_status::StartedRun;
use crate::rollout::start::decide::called;
use crate::rollout::start::gone;
use crate::rollout::start::over::{RunSeen, RunState};
use crate::rollout::start::table::RunTable;
use crate::run::ports::{Clock, List};
use crate::run::start::act::Actor;
use crate::run::start::look::{Looked, look};
use crate::run::watch::{News, Watchable, follow};
use futures_util::StreamExt;
use jiff::Timestamp;
use std::time::Duration;

/// Objects of one kind that are followed.
struct Objects<'a> {
    kube: &'a Kube,
    of: Selection,
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

/// Waits until the run is over or gone, and notes its end on the Service.
pub(super) async fn wait(
    actor: &Actor<'_, Kube, SystemClock>,
    patience: Duration,
    table: &RunTable,
    (service, run): (&ServiceName, &StartedRun),
) -> Result<Outcome, Stop> {
    let kube = actor.cluster;
    let Some(kind) = run.kind.as_deref().and_then(|kind| table.run_kind(kind)) else {
        return Err(Stop::new(Code::BadState, format!("the table has no row that says when {} is over", called(run))));
    };
    let name = Some(run.name.to_string());
    let of = Selection { kind: kind.kind.clone(), namespace: Some(kube.namespace().clone()), labels: None, name };
    let objects = Objects { kube, of };
    let mut news = follow(&objects, None).boxed_local();
    let mut since: Option<Timestamp> = None;
    while let Some(news) = news.next().await {
        let now = SystemClock.now();
        let (object, gone) = match news {
            News::Trouble(error) if !error.is_passing() => return Err(failed(&error)),
            News::Trouble(error) => {
                if now >= after(*since.get_or_insert(now), patience) {
                    return Err(failed(&error));
                }
                continue;
            }
            News::Fine => (None, false),
            News::Deleted(object) => (Some(object), true),
            News::All(list) => {
                let gone = list.is_empty();
                (list.into_iter().next(), gone)
            }
            News::Now(object) => (Some(object), false),
        };
        since = None;
        let over = object.and_then(|object| kind.seen(&object)).filter(|seen| seen.state.is_over());
        if over.is_some() || gone {
            return end(actor, table, (service, run), over).await;
        }
    }
    Err(Stop::new(Code::Internal, "a watch that never ends has ended"))
}

/// How it ended: as was seen, else as the Service says.
async fn end(
    actor: &Actor<'_, Kube, SystemClock>,
    table: &RunTable,
    (service, run): (&ServiceName, &StartedRun),
    seen: Option<RunSeen>,
) -> Result<Outcome, Stop> {
    let was_seen = seen.is_some();
    // Noted by whoever waited: with what stands on the Service now. That it cannot be noted changes nothing of it.
    let looked = match look(actor.options.patience, actor.cluster, service, table).await {
        Err(error) if !was_seen && !matches!(error, ApiError::NotFound(_)) => return Err(failed(&error)),
        looked => looked.ok(),
    };
    let told = |looked: &Looked| gone::ended(&looked.service, &looked.namespace, run);
    let state = seen.map(|seen| seen.state).or_else(|| looked.as_ref().and_then(told));
    let Some(state) = state else {
        return Ok(Outcome::new(Code::RunFailed, format!("{} was removed before it was over", called(run))));
    };
    if let Some(mut looked) = looked {
        looked.runs = vec![RunSeen { name: run.name.clone(), state: state.clone() }];
        actor.note_end(&looked, run).await;
    }
    let tell = |what: &str, said: &str| {
        let run = called(run);
        let what = if was_seen { format!("{run} {what}") } else { format!("{run} was removed, and {what} before") };
        if said.is_empty() { what } else { format!("{what}: {said}") }
    };
    Ok(match state {
        RunState::Running => Outcome::new(Code::Internal, tell("runs", "")),
        RunState::Done(said) => Outcome::new(Code::Done, tell("ended well", &said)).word("finished"),
        RunState::Failed(said) => {
            Outcome::new(Code::RunFailed, tell("failed", &said)).next("`--again` starts another one")
        }
    })
}

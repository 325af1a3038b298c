//! Does what was decided: names the run on the Service, makes it, and notes that it is made.
//!
//! Decides what an answer of the API server means here: a run that is there already is the one that was wanted, if it is of this
//! Service; a note that is refused means that somebody was faster. Depends on the ports.

use super::look::Looked;
use crate::model::api_error::ApiError;
use crate::model::observed::Service;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::goal_status::{GoalStatus, RunName, StartedRun};
use crate::rollout::posting::Posting;
use crate::rollout::start::decide::{Idle, StartDecision, StartNotes, called, not_made, unreadable};
use crate::rollout::start::keep::Keep;
use crate::rollout::start::making::{MadeRun, Making};
use crate::rollout::start::mark::{mark, marked};
use crate::rollout::start::older::{Cancelling, older};
use crate::rollout::start::whose::is_of;
use crate::run::asking::answered_within;
use crate::run::ports::Clock;
use crate::run::ports::runs::{PostsEvents, Runs};
use serde_json::Value;
use std::time::Duration;

/// What came of it.
#[derive(Debug)]
pub enum Acted {
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
    /// Somebody was faster: to be looked at again. The run that was to be made, whose name may stand there all the same where an
    /// answer was lost.
    Overtaken(Option<RunName>),
}

/// How it is acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActOptions {
    /// Nothing is written.
    pub dry_run: bool,
    /// A run for an older goal that has not staged yet is cancelled.
    pub cancel_older: bool,
    /// How many finished runs are kept.
    pub keep: Keep,
    /// How long a call may fail.
    pub patience: Duration,
}

/// Who acts, where, and by which clock.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a, R, K> {
    /// How.
    pub options: ActOptions,
    /// Where.
    pub cluster: &'a R,
    /// The time.
    pub clock: &'a K,
    /// Who posts what stands there then.
    pub poster: &'a dyn PostsEvents,
}

impl<R: Runs, K: Clock> Actor<'_, R, K> {
    /// Does what is to be done about what was looked at.
    pub async fn act(&self, looked: &Looked, again: bool) -> Result<Acted, ApiError> {
        let service = &looked.service;
        match looked.decide(again, self.clock.now()) {
            StartDecision::Nothing(idle) => Ok(Acted::Nothing(idle)),
            StartDecision::Mark(_, idle) if self.options.dry_run => Ok(Acted::Nothing(idle)),
            StartDecision::Mark(status, idle) => {
                let noted = self.note(service, &status).await?;
                Ok(if noted { Acted::Marked(idle) } else { Acted::Overtaken(None) })
            }
            StartDecision::Post(faults, status) => self.post(service, faults, status).await,
            StartDecision::Start(making, notes) => match self.prepare(&making).await? {
                Ok(made) if self.options.dry_run => Ok(Acted::Dry(made.object, made.notes)),
                Ok(made) => self.make(looked, &making, made, &notes).await,
                Err(faults) => match unreadable(service, faults, notes.after.time.unwrap_or_default()) {
                    StartDecision::Post(faults, status) => self.post(service, faults, status).await,
                    _ => Ok(Acted::Overtaken(None)),
                },
            },
        }
    }

    /// Notes how this run ended, as far as that was seen. Nothing else is done: whoever waited for a run asked for no other one.
    pub async fn note_end(&self, looked: &Looked, run: &StartedRun) {
        if let StartDecision::Mark(status, _) = looked.decide(false, self.clock.now())
            && status.run.as_ref() == Some(run)
        {
            // That it cannot be noted changes nothing of it.
            let _ = self.note(&looked.service, &status).await;
        }
    }

    /// Asks within the patience that there is.
    pub(super) async fn answered<T>(&self, call: impl AsyncFnMut() -> Result<T, ApiError>) -> Result<T, ApiError> {
        answered_within(self.options.patience, call).await
    }

    async fn post(&self, service: &Service, faults: Vec<Fault>, status: Option<GoalStatus>) -> Result<Acted, ApiError> {
        if let Some(status) = status.filter(|_| !self.options.dry_run)
            && !self.note(service, &status).await?
        {
            return Ok(Acted::Overtaken(None));
        }
        Ok(Acted::Faults(faults))
    }

    /// Reads what is run, and makes the object of it.
    async fn prepare(&self, making: &Making) -> Result<Result<MadeRun, Vec<Fault>>, ApiError> {
        let Some((kind, name)) = making.reads() else { return Ok(making.object(None)) };
        match self.answered(async || self.cluster.object(&kind, name).await).await {
            Ok(named) => Ok(making.object(Some(&named))),
            Err(ApiError::NotFound(_)) => Ok(Err(vec![making.not_there()])),
            Err(error) => Err(error),
        }
    }

    async fn make(
        &self,
        looked: &Looked,
        making: &Making,
        made: MadeRun,
        notes: &StartNotes,
    ) -> Result<Acted, ApiError> {
        let run = StartedRun { kind: Some(made.kind.kind.clone()), name: making.name.clone() };
        let mut service = looked.service.clone();
        if let Some(before) = &notes.before {
            if !self.note(&service, before).await? {
                return Ok(Acted::Overtaken(Some(run.name)));
            }
            service = marked(&service, before);
        }
        let Some(what) = self.created(&service, making, &made, notes).await? else {
            return Ok(Acted::Overtaken(Some(run.name)));
        };
        let mut said = made.notes;
        // Its name stands there, so whoever looks next notes the rest.
        if let Err(error) = self.note(&service, &notes.after).await {
            said.push(format!("that {} is made is noted later: {error}", called(&run)));
        }
        if self.options.cancel_older
            && let Some(cancelling) = older(&looked.service, &looked.namespace, &looked.runs)
        {
            said.push(self.cancel(looked, &cancelling).await);
        }
        said.extend(self.keep(looked, &made.kind).await);
        Ok(Acted::Started { run, what, notes: said })
    }

    /// Makes the run, or finds it there; in a sentence. None: somebody removed it in between.
    async fn created(
        &self,
        service: &Service,
        making: &Making,
        made: &MadeRun,
        notes: &StartNotes,
    ) -> Result<Option<String>, ApiError> {
        let (name, run) = (making.name.as_str(), format!("{} {}", made.kind.kind, making.name));
        let create = async || self.cluster.create_object(&made.kind, name, &made.object).await;
        match self.answered(create).await {
            Ok(_) => Ok(Some(format!("{}: started {} as {run}", service.name, making.in_charge))),
            Err(ApiError::Exists(_)) => {
                match self.answered(async || self.cluster.object(&made.kind, name).await).await {
                    Ok(there) if is_of(&there, &service.uid) => {
                        Ok(Some(format!("{}: {} was started already as {run}", service.name, making.in_charge)))
                    }
                    Ok(_) => {
                        let what = format!("{run} is there, and is no run of Service {}", service.name);
                        Err(self.refused(service, notes, ApiError::Invalid(what)).await)
                    }
                    Err(ApiError::NotFound(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(self.refused(service, notes, error).await),
        }
    }

    /// Says on the Service why its run cannot be made, unless that passes by itself. That it cannot be said either changes nothing.
    async fn refused(&self, service: &Service, notes: &StartNotes, error: ApiError) -> ApiError {
        if let Some(status) = not_made(service, &notes.after, &error.to_string()).filter(|_| !error.is_passing()) {
            let _ = self.note(service, &status).await;
        }
        error
    }

    /// Cancels the run of the goal before. The right to is optional: it ends as superseded by itself, only later.
    async fn cancel(&self, looked: &Looked, cancelling: &Cancelling) -> String {
        let run = called(&cancelling.run);
        let kind = cancelling.run.kind.as_deref().unwrap_or_default();
        let Some(of) = looked.table.as_ref().ok().and_then(|table| table.run_kind(kind)) else {
            return format!("{run} of the goal before goes on: the table has no row for its kind");
        };
        let name = cancelling.run.name.as_str();
        // The Service may name a run that somebody else made, or whatever an editor of its annotations wrote there.
        match self.cluster.object(&of.kind, name).await {
            Ok(there) if is_of(&there, &looked.service.uid) => {}
            Ok(_) => {
                return format!("{run} of the goal before goes on: it was not started for {}", looked.service.name);
            }
            Err(error) => return format!("{run} of the goal before goes on: {error}"),
        }
        match self.cluster.merge_object(&of.kind, name, &cancelling.patch).await {
            Ok(_) => format!("{run} of the goal before is cancelled, because it has not staged yet"),
            Err(error) => format!("{run} of the goal before goes on: {error}"),
        }
    }

    /// Writes the status; false if the Service is not as it was read.
    async fn note(&self, service: &Service, status: &GoalStatus) -> Result<bool, ApiError> {
        let patch = mark(service, status);
        match self.answered(async || self.cluster.patch_service(&service.name, &patch).await).await {
            Ok(_) => {
                // What stands there now is told beside it.
                if let Some(posting) = Posting::of_status(service, status, self.clock.now()) {
                    self.poster.post(posting);
                }
                Ok(true)
            }
            Err(ApiError::Refused(_) | ApiError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

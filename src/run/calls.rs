//! The runner's calls of the API server.
//!
//! Decides how long a call may last after a signal, and that the effect of a write is known before anything else is decided:
//! a write without an answer may have been made or not, and repeated blindly it could be made twice (rule 1). Depends on the
//! ports, the world and the runtime's timer.

mod namespace;

use super::{BOUNDS_AFTER_SIGNAL, CALL_AFTER_SIGNAL, ENDING_WITHIN, ReadCall, Runner};
use crate::machine::next::{BoundOrder, BoundWrite, GiveUp, Look, Order, Written};
use crate::machine::world::{PodsSaid, Presence, Signal};
use crate::model::api_error::ApiError;
use crate::model::bytes::Meaning;
use crate::model::event::{Event, Topic};
use crate::model::observed::Revision;
use crate::model::podwords::{being_made, trouble};
use crate::rollout::record::Record;
use crate::run::asking::holder_of;
use crate::run::ports::{Clock, Cluster, Sink};
use futures_util::future::pending;
use std::pin::pin;
use std::time::Duration;

/// What shows that a write was made.
#[derive(Debug, Clone, Copy)]
pub(super) enum WriteTrace<'a> {
    /// The record that it leaves, if it leaves one.
    Order(&'a Order),
    /// A Service that is there.
    Service,
}

impl<C: Cluster, K: Clock, S: Sink> Runner<'_, C, K, S> {
    /// One call, cut short if a signal comes: the answer is then unknown.
    async fn call<T>(&mut self, call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let mut call = pin!(call);
        loop {
            let left = self.signalled.map(|since| {
                let all = crate::model::time::after(since, self.limits.after_signal).duration_since(self.clock.now());
                Duration::try_from(all).unwrap_or_default().min(CALL_AFTER_SIGNAL)
            });
            let limit = async { if let Some(left) = left { tokio::time::sleep(left).await } else { pending().await } };
            tokio::select! {
                biased;
                result = call.as_mut() => return result,
                Some(signal) = self.signals.recv(), if self.is_patient() => self.signal(signal),
                () = limit => return Err(ApiError::Unreachable("cut short after a signal".into())),
            }
            // Whoever signals twice waits for no answer.
            if !self.is_patient() {
                return Err(ApiError::Unreachable("cut short after a second signal".into()));
            }
        }
    }

    fn written(&mut self, result: Result<serde_json::Value, ApiError>) -> Written {
        match result {
            Ok(object) => {
                self.fine(ReadCall::Get);
                self.takes_writes();
                self.refusals = 0;
                // Our own write comes back before the watch shows it: without this look we would decide by the old world.
                match self.see(&object) {
                    Ok(()) => Written::Yes,
                    Err(_) => Written::Unsure(ApiError::Unreachable("an answer that is no Service".into())),
                }
            }
            Err(ApiError::Refused(_)) => {
                // It was looked at: the API server takes writes, though not this one.
                self.takes_writes();
                self.refusals += 1;
                Written::Refused
            }
            Err(error) if error.is_passing() => Written::Unsure(error),
            Err(error) => Written::Denied(error),
        }
    }

    fn takes_writes(&mut self) {
        if self.writes.worked() {
            self.log.say(Topic::Api, "the API server takes writes again");
        }
    }

    pub(super) async fn write(&mut self, order: &Order) -> Written {
        let cluster = self.cluster;
        let result = self.call(cluster.patch_service(&order.patch)).await;
        self.written(result)
    }

    pub(super) async fn create(&mut self, object: &serde_json::Value) -> Written {
        let cluster = self.cluster;
        match self.call(cluster.create_service(object)).await {
            // Somebody was faster, or our own earlier try took effect: look. One that shows nobody is counted, and not met at
            // once again.
            Err(ApiError::Exists(_)) => {
                self.refusals += 1;
                if self.refusals > 1 {
                    self.pause(Duration::from_secs(1)).await;
                }
                Written::Refused
            }
            result => self.written(result),
        }
    }

    /// Sets a bound of a Revision. Whatever the answer, what stands there is known afterwards as well as it can be. When it is
    /// tried again is the machine's: it looks at everything else meanwhile.
    pub(super) async fn bound(&mut self, order: &BoundOrder) -> Written {
        let cluster = self.cluster;
        let result = self.call(cluster.patch_revision(&order.revision, &order.patch)).await;
        let error = match result {
            Ok(object) => {
                if let Ok(revision) = Revision::from_json(&object) {
                    self.world.see_revision(revision);
                }
                self.bounds.worked();
                self.log.say(order.what.topic, order.what.text.clone());
                return Written::Yes;
            }
            Err(error) => error,
        };
        if error.is_passing() {
            self.log.once(Topic::Api, error.to_string());
        }
        let over = order.kind != BoundWrite::Floor && self.bound_fails(&error);
        let revisions = self.call(cluster.revisions()).await;
        if let Ok(list) = revisions {
            self.world.see_revisions(list.items.iter().filter_map(|object| Revision::from_json(object).ok()));
        }
        match error {
            error if over => Written::Denied(error),
            ApiError::Refused(_) => Written::Refused,
            error if error.is_passing() => Written::Unsure(error),
            error => Written::Denied(error),
        }
    }

    /// A bound could not be written once more. True if that has been so for as long as anybody is patient; after a signal the
    /// process is to end and say so.
    fn bound_fails(&mut self, error: &ApiError) -> bool {
        let now = self.clock.now();
        self.bounds.failed(error, now);
        let patience = self.signalled.map_or(self.limits.patience, |_| BOUNDS_AFTER_SIGNAL);
        self.bounds.ends(patience).is_some_and(|end| now >= end)
    }

    pub(super) fn note(&mut self, written: &Written, what: &Event) {
        match written {
            Written::Yes => self.log.add(what.clone()),
            Written::Refused => self.log.say(Topic::Api, "the Service changed in the meantime; looking again"),
            // Whoever is not permitted has done nothing; every try says so in the same words.
            Written::Unsure(error @ ApiError::Withdrawn(_)) => {
                self.log.once(Topic::Api, format!("the write was refused ({error}); trying again"));
            }
            Written::Unsure(error) => {
                self.log.say(Topic::Api, format!("not sure whether the write took effect ({error}); looking"));
            }
            Written::Denied(_) => {}
        }
    }

    /// After a write whose effect is not known for certain, the world is read again before anything is decided.
    pub(super) async fn read_again(&mut self, written: &Written) -> Result<(), GiveUp> {
        match written {
            Written::Yes | Written::Denied(_) => Ok(()),
            Written::Refused => self.read_service().await,
            Written::Unsure(error) => {
                self.writes.failed(error, self.clock.now());
                let pause = self.writes.pause(error, self.limits.patience, self.clock.now());
                self.pause(pause).await;
                self.read_service().await
            }
        }
    }

    /// A write without an answer that is seen to have been made was taken; whoever waits for hours then has no write to be
    /// impatient about.
    pub(super) fn took_effect(&mut self, written: &Written, made: WriteTrace<'_>) {
        if !matches!(written, Written::Unsure(_)) {
            return;
        }
        let there = self.world.record().and_then(Result::ok);
        let (made, what) = match made {
            // Nothing tells a write without a record from none: the next one counts.
            WriteTrace::Order(Order { record, what, .. }) => {
                let is_ours =
                    |ours: &Record| there.as_ref().is_some_and(|r| r.writer == ours.writer && r.epoch >= ours.epoch);
                (record.as_ref().is_some_and(is_ours), Some(what))
            }
            WriteTrace::Service => (self.world.service().is_some(), None),
        };
        if made {
            self.takes_writes();
            if let Some(what) = what {
                self.post(what, self.clock.now());
            }
        }
    }

    /// The pause before a call is tried again; a signal cuts it short.
    async fn pause(&mut self, pause: Duration) {
        if !self.is_patient() {
            return;
        }
        // After a signal there are 4.5 s for everything, and the usual pauses would take all of it.
        let pause = if self.signalled.is_some() { pause.min(Duration::from_millis(200)) } else { pause };
        tokio::select! {
            biased;
            Some(signal) = self.signals.recv() => self.signal(signal),
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn pause_reads(&mut self, error: &ApiError) {
        let (patience, now) = (self.limits.patience, self.clock.now());
        let pause = self.patience_for(ReadCall::Get, error).pause(error, patience, now);
        self.pause(pause).await;
    }

    /// Reads the Service until it is known, within the patience.
    pub(super) async fn read_service(&mut self) -> Result<(), GiveUp> {
        loop {
            if let Some(why) = self.time_is_up(self.clock.now()) {
                return Err(why);
            }
            let cluster = self.cluster;
            match self.call(cluster.service()).await {
                Ok(object) => {
                    self.fine(ReadCall::Get);
                    return self.see(&object);
                }
                Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => {
                    self.fine(ReadCall::Get);
                    self.world.target = Presence::Absent;
                    return Ok(());
                }
                Err(error) => {
                    self.trouble(ReadCall::Get, &error)?;
                    self.flush(self.clock.now());
                    self.pause_reads(&error).await;
                }
            }
        }
    }

    pub(super) async fn look(&mut self, look: Look) -> Result<(), GiveUp> {
        match look {
            Look::Service => self.read_service().await,
            Look::Liveness(owner) => {
                let cluster = self.cluster;
                let asked = async { Ok(cluster.liveness(&owner).await) };
                let alive = self.call(asked).await.unwrap_or(crate::rollout::owner::Liveness::Unknown);
                if alive == crate::rollout::owner::Liveness::Unknown {
                    self.log.once(
                        Topic::Note,
                        format!("whether {owner} still runs cannot be read here; its own deadline in the record tells instead"),
                    );
                }
                self.world.liveness = Some((owner.uid, alive));
                Ok(())
            }
            Look::Pods(revision) => {
                let cluster = self.cluster;
                let answer = self.call(cluster.pods(&revision)).await;
                // The right is optional, so no failure of this call is trouble: the Revision's conditions still speak.
                let forbidden = matches!(answer, Err(ApiError::Forbidden(_)));
                if forbidden {
                    self.log.once(
                        Topic::Note,
                        "pods cannot be listed here (optional right); only the revision's conditions speak",
                    );
                }
                let pods = answer.unwrap_or_default();
                let (trouble, being_made) = (trouble(&pods), being_made(&pods));
                self.world.pods = Some(PodsSaid { revision, at: self.clock.now(), trouble, being_made, forbidden });
                Ok(())
            }
            Look::Image(reference) => {
                let cluster = self.cluster;
                let template = self.world.service().map(|s| s.template.clone()).unwrap_or_default();
                let asked = async { Ok(cluster.meaning(&reference, &template).await) };
                let said = self.call(asked).await.unwrap_or_else(|e| Meaning::Unknown(e.to_string()));
                self.world.images.insert(reference, said);
                Ok(())
            }
            Look::Namespace => self.look_at_namespace().await,
            Look::Name(name) => {
                let (cluster, service) = (self.cluster, self.world.service().map(|service| service.name.clone()));
                let holder =
                    holder_of(service.as_ref(), async |kind| self.call(cluster.named(kind, &name)).await).await;
                self.world.names.insert(name, holder);
                Ok(())
            }
            Look::Stored(patch) => {
                let cluster = self.cluster;
                match self.call(cluster.would_store(&patch)).await {
                    Ok(object) => {
                        self.fine(ReadCall::Get);
                        self.world.foretell(&patch, Some(&object));
                    }
                    Err(error) if error.is_passing() => {
                        self.trouble(ReadCall::Get, &error)?;
                        self.pause_reads(&error).await;
                    }
                    // The Service moved, as where a write is refused.
                    Err(ApiError::Refused(_)) => {
                        self.refusals += 1;
                        return self.read_service().await;
                    }
                    Err(error) => {
                        self.log.once(
                            Topic::Note,
                            format!("what will be stored of the template cannot be asked by a dry run ({error}); if it is another goal than its words say, andante.dev/goal-status names that with a later write"),
                        );
                        self.world.foretell(&patch, None);
                    }
                }
                Ok(())
            }
            Look::Configuration => {
                let cluster = self.cluster;
                match self.call(cluster.configuration()).await {
                    Ok(object) => {
                        self.fine(ReadCall::Get);
                        self.world.configuration_generation =
                            object.pointer("/metadata/generation").and_then(serde_json::Value::as_i64);
                        Ok(())
                    }
                    // It appears a moment after its Service.
                    Err(error @ (ApiError::NotFound(_) | ApiError::NoKind(_))) => {
                        self.pause_reads(&error).await;
                        Ok(())
                    }
                    Err(error) => {
                        self.trouble(ReadCall::Get, &error)?;
                        self.pause_reads(&error).await;
                        Ok(())
                    }
                }
            }
        }
    }

    /// Asks once, when SIGTERM has come, why the run is ended: the way back says so in its one write, and after a plain cancel
    /// nothing else is left that could.
    pub(super) async fn learn_ending(&mut self) {
        if self.world.signal != Some(Signal::Terminate) || self.asked_ending || !self.is_patient() {
            return;
        }
        self.asked_ending = true;
        let cluster = self.cluster;
        let asked = self.call(async { Ok(cluster.ending().await) });
        if let Ok(Ok(ending)) = tokio::time::timeout(ENDING_WITHIN, asked).await {
            self.world.ending = ending;
        }
    }
}

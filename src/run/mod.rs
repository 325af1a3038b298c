//! The runner: drives one machine against the ports. It watches, waits, writes when told to, and feeds back what came of
//! it.
//!
//! This room decides how long to be patient and when to read again, and nothing about traffic: a machine that is asked with
//! the world as it is needs no memory of how it came about. The room may use `machine` and what is below it, and the
//! runtime's timer; the ports are [`ports`]. Begin reading with [`run`], then `watch`. [`start`] is no machine: it makes the run that a goal
//! names, in a few calls.

pub mod apply;
pub mod asking;
mod calls;
pub(crate) mod granted;
mod patience;
pub mod ports;
mod saying;
pub mod start;
pub(crate) mod watch;

use crate::machine::next::Heard;
use crate::machine::next::PodsOfBoth;
use crate::machine::next::Question;
use crate::machine::next::{GiveUp, Machine, Next, Written};
use crate::machine::outcomes::with_digest;
use crate::machine::world::{Signal, World};
use crate::model::api_error::ApiError;
use crate::model::event::{Log, Topic};
use crate::model::outcome::Outcome;
use crate::run::ports::{Clock, Cluster, Ports, Prober, Sink, Source};
use crate::run::watch::service::{Revisions, Services, revision_news, see_service, service_news};
use crate::run::watch::{News, follow};
use calls::WriteTrace;
use futures_util::StreamExt;
use futures_util::future::{LocalBoxFuture, pending};
use futures_util::stream::{FuturesUnordered, LocalBoxStream};
use granted::Granted;
use jiff::Timestamp;
use patience::CallPatience;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How patient the runner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long the API server may fail in a row.
    pub patience: Duration,
    /// How long everything may take after the first signal: out before Tekton's grace ends.
    pub after_signal: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // Kubernetes kills a pod's processes 30 s after SIGTERM, and Tekton has no field for that time (its pod spec sets
        // none, pkg/pod/pod.go). A promise of five seconds holds with shorter ones too: one write, a look, the results.
        Self { patience: Duration::from_secs(120), after_signal: Duration::from_millis(4500) }
    }
}

/// A call that is in the air when a signal comes may take this much longer, within what is left of the time. It is a third
/// of that time, so that a server that hangs leaves some for the way back.
const CALL_AFTER_SIGNAL: Duration = Duration::from_millis(1500);
/// So long bounds that are given back may fail after a signal: users are where they are to be, and the end is to be said.
const BOUNDS_AFTER_SIGNAL: Duration = Duration::from_secs(2);
/// So long the answer to why the run is ended is waited for, before users are taken back: a server that cannot say it in
/// this time has more to do with the way back.
const ENDING_WITHIN: Duration = Duration::from_millis(500);
/// So many writes in a row may be refused because the object moved, before we admit that we cannot get through. A refusal
/// is followed by a look and a new decision at once, so a Service that somebody edits all the time would never let go.
const MAX_REFUSALS: u32 = 30;

/// What woke the runner.
enum Woke {
    Service(News),
    Revisions(News),
    Heard(Heard),
    Signal(Signal),
    Time,
}

/// How something is read. Each has a right of its own, and what one is told says nothing of what another lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadCall {
    /// A GET.
    Get,
    /// What follows the Service.
    Service,
    /// What follows the Revisions.
    Revisions,
}

/// What was asked and is not answered yet; a machine asks nothing of a kind twice before it has heard of it.
type Out<'a> = FuturesUnordered<LocalBoxFuture<'a, Heard>>;

/// Puts a question to whom it concerns.
fn put<'a, C: Cluster, P: Prober, E: Source>(
    question: Question,
    (cluster, prober, source): (&'a C, &'a P, &'a E),
) -> LocalBoxFuture<'a, Heard> {
    match question {
        Question::Pods { stable, candidate } => Box::pin(async move {
            let both = async {
                let (stable, candidate) = (cluster.pods(&stable).await?, cluster.pods(&candidate).await?);
                Ok(PodsOfBoth { stable, candidate })
            };
            Heard::Pods(both.await)
        }),
        Question::Probe(request) => Box::pin(async move { Heard::Probe(prober.ask(&request).await) }),
        Question::Reading(arms) => Box::pin(async move { Heard::Reading(source.read(&arms).await) }),
        Question::Counters(asked) => Box::pin(async move { Heard::Counters(source.count(&asked.0, &asked.1).await) }),
        Question::Gate(asked) => Box::pin(async move { Heard::Gate(source.measure(&asked.0, &asked.1).await) }),
    }
}

struct Runner<'a, C, K, S> {
    cluster: &'a C,
    clock: &'a K,
    sink: &'a mut S,
    signals: &'a mut UnboundedReceiver<Signal>,
    limits: Limits,
    world: World,
    log: Log,
    /// Of reads and watches.
    reads: CallPatience,
    /// Of each [`ReadCall`] whose right is gone: a walk that sees the Service and not the candidate must not go on for ever.
    rights: [CallPatience; 3],
    /// Of writes: the API server may read well and write nothing.
    writes: CallPatience,
    /// Of bounds that open the way back or are given back.
    bounds: CallPatience,
    signalled: Option<Timestamp>,
    signals_seen: u32,
    /// It was asked why the run is ended.
    asked_ending: bool,
    refusals: u32,
}

/// Drives `machine` to its end.
pub async fn run<M: Machine + ?Sized, C: Cluster, P: Prober, E: Source, K: Clock, S: Sink>(
    machine: &mut M,
    ports: Ports<'_, C, P, E, K>,
    sink: &mut S,
    signals: &mut UnboundedReceiver<Signal>,
    limits: Limits,
) -> Outcome {
    let Ports { cluster, prober, source, clock } = ports;
    let cluster = &Granted::new(cluster);
    let (services, revisions) = (Services(cluster), Revisions(cluster));
    let mut service_feed: Option<LocalBoxStream<'_, News>> = None;
    let mut revision_feed: LocalBoxStream<'_, News> = follow(&revisions, None).boxed_local();
    let mut out = Out::new();
    let mut me = Runner::new(cluster, clock, sink, signals, limits);
    let outcome = loop {
        me.learn_ending().await;
        let now = clock.now();
        if let Some(why) = me.time_is_up(now) {
            break machine.give_up(&me.world, why);
        }
        let next = machine.decide(&me.world, now, &mut me.log);
        me.flush(now);
        match next {
            Next::End(outcome) => break *outcome,
            Next::Write(order) => {
                let written = me.write(&order).await;
                me.note(&written, &order.what);
                machine.written(&written, &me.world, clock.now(), &mut me.log);
                if let (Written::Unsure(_), Some(record)) = (&written, &order.record) {
                    machine.unanswered(record, &me.world);
                }
                if let Err(why) = me.read_again(&written).await {
                    break machine.give_up(&me.world, why);
                }
                me.took_effect(&written, WriteTrace::Order(&order));
            }
            Next::Create(object) => {
                let written = me.create(&object).await;
                machine.written(&written, &me.world, clock.now(), &mut me.log);
                if let Err(why) = me.read_again(&written).await {
                    break machine.give_up(&me.world, why);
                }
                me.took_effect(&written, WriteTrace::Service);
            }
            Next::Bound(order) => {
                let written = me.bound(&order).await;
                machine.bounded(&order, &written, &me.world, clock.now(), &mut me.log);
            }
            Next::Look(look) => {
                if let Err(why) = me.look(look).await {
                    break machine.give_up(&me.world, why);
                }
            }
            Next::Wait { until, ask } => {
                for question in ask {
                    machine.asked(&question, now);
                    out.push(put(question, (cluster, prober, source)));
                }
                // Opened at the first wait and not before: a machine that ends at its first look needs no watch, and one
                // that waits has read the Service, so that the watch goes on from there without a second read.
                if service_feed.is_none() {
                    let version = me.world.service().map(|s| s.resource_version.clone());
                    service_feed = Some(follow(&services, version).boxed_local());
                }
                let woke = me.wait(until, service_feed.as_mut(), &mut revision_feed, &mut out).await;
                match woke {
                    Woke::Service(news) => {
                        if let Err(why) = me.service_news(news) {
                            break machine.give_up(&me.world, why);
                        }
                    }
                    Woke::Revisions(news) => {
                        if let Err(why) = me.revision_news(news) {
                            break machine.give_up(&me.world, why);
                        }
                    }
                    Woke::Heard(heard) => machine.heard(heard, clock.now(), &mut me.log),
                    Woke::Signal(signal) => me.signal(signal),
                    // Nothing tells us when a holder's run ends, so it is read anew with each look.
                    Woke::Time => me.world.liveness = None,
                }
            }
        }
        me.flush(clock.now());
    };
    me.say_end(&outcome, clock.now());
    with_digest(outcome, &me.world)
}

impl<'a, C: Cluster, K: Clock, S: Sink> Runner<'a, C, K, S> {
    /// One that has not looked yet.
    fn new(
        cluster: &'a C,
        clock: &'a K,
        sink: &'a mut S,
        signals: &'a mut UnboundedReceiver<Signal>,
        limits: Limits,
    ) -> Self {
        Self {
            cluster,
            clock,
            sink,
            signals,
            limits,
            world: World::of(cluster.namespace().cloned()),
            log: Log::default(),
            reads: CallPatience::new(),
            rights: [CallPatience::new(), CallPatience::new(), CallPatience::new()],
            writes: CallPatience::new(),
            bounds: CallPatience::new(),
            signalled: None,
            signals_seen: 0,
            asked_ending: false,
            refusals: 0,
        }
    }

    /// Why the runner stops the machine, if it has to.
    fn time_is_up(&self, now: Timestamp) -> Option<GiveUp> {
        let passed = |since: Option<Timestamp>, limit: Duration| {
            since.is_some_and(|s| now >= crate::model::time::after(s, limit))
        };
        if !self.is_patient() || passed(self.signalled, self.limits.after_signal) {
            // A way back that is not permitted is no lack of time: it says what to mend.
            return Some(self.writes.withdrawn().unwrap_or(GiveUp::Signal));
        }
        let patience = self.limits.patience;
        let reads = "the API server did not answer properly";
        let silent = [&self.reads].into_iter().chain(&self.rights).find_map(|r| r.over(reads, patience, now));
        let refuses = "the API server took no write, although it could be read,";
        if let Some(why) = silent.or_else(|| self.writes.over(refuses, patience, now)) {
            return Some(why);
        }
        if self.refusals > MAX_REFUSALS {
            let why = match self.world.service() {
                Some(_) => "the Service keeps changing",
                None => "the Service exists, and yet none can be read",
            };
            return Some(GiveUp::Unreachable(format!("{MAX_REFUSALS} writes in a row were refused because {why}")));
        }
        None
    }

    /// A second signal means that nobody wants to wait, not even for a rollback.
    fn is_patient(&self) -> bool {
        self.signals_seen < 2
    }

    fn signal(&mut self, signal: Signal) {
        self.signals_seen += 1;
        self.world.signal = Some(signal);
        let now = self.clock.now();
        self.signalled.get_or_insert(now);
        self.log.say(Topic::Note, format!("{} received", signal.name()));
    }

    /// A read was answered.
    fn fine(&mut self, reader: ReadCall) {
        let again = self.rights.get_mut(reader as usize).is_some_and(CallPatience::worked);
        if self.reads.worked() || again {
            self.log.say(Topic::Api, "the API server answers again");
        }
    }

    /// A read failed: borne for a while if it may pass.
    fn trouble(&mut self, reader: ReadCall, error: &ApiError) -> Result<(), GiveUp> {
        if !error.is_passing() {
            return Err(GiveUp::Api(error.clone()));
        }
        let now = self.clock.now();
        self.patience_for(reader, error).failed(error, now);
        self.log.once(Topic::Api, error.to_string());
        Ok(())
    }

    /// Whose patience it is that this failure tries.
    fn patience_for(&mut self, reader: ReadCall, error: &ApiError) -> &mut CallPatience {
        match (error, self.rights.get_mut(reader as usize)) {
            (ApiError::Withdrawn(_), Some(rights)) => rights,
            _ => &mut self.reads,
        }
    }

    fn see(&mut self, object: &serde_json::Value) -> Result<(), GiveUp> {
        see_service(&mut self.world, object).map_err(GiveUp::Api)
    }

    /// Bears trouble that may pass, for as long as the patience lasts.
    fn folded(&mut self, reader: ReadCall, result: Result<(), ApiError>) -> Result<(), GiveUp> {
        match result {
            Ok(()) => {
                self.fine(reader);
                Ok(())
            }
            Err(error) => self.trouble(reader, &error),
        }
    }

    fn service_news(&mut self, news: News) -> Result<(), GiveUp> {
        let result = service_news(&mut self.world, news);
        self.folded(ReadCall::Service, result)
    }

    fn revision_news(&mut self, news: News) -> Result<(), GiveUp> {
        let result = revision_news(&mut self.world, news);
        self.folded(ReadCall::Revisions, result)
    }

    /// Waits for the first of: news, an answer, a signal, the time. Dropping the rest loses nothing, because feeds keep
    /// their place and questions stay out.
    async fn wait(
        &mut self,
        until: Option<Timestamp>,
        services: Option<&mut LocalBoxStream<'_, News>>,
        revisions: &mut LocalBoxStream<'_, News>,
        out: &mut Out<'_>,
    ) -> Woke {
        let signalled = self.signalled.map(|since| crate::model::time::after(since, self.limits.after_signal));
        let patience = self.limits.patience;
        let own = [&self.reads, &self.writes].into_iter().chain(&self.rights).map(|calls| calls.ends(patience));
        let until = own.chain([signalled, until]).flatten().min();
        let pause = until.map(|t| Duration::try_from(t.duration_since(self.clock.now())).unwrap_or_default());
        let timer = async {
            match pause {
                // A timer fires a little early or late; a day is long enough for any single wait.
                Some(pause) => {
                    tokio::time::sleep(pause.clamp(Duration::from_millis(1), Duration::from_secs(86_400))).await;
                }
                None => pending().await,
            }
        };
        let service = async {
            match services {
                Some(feed) => feed.next().await,
                None => pending().await,
            }
        };
        // In this order: a signal never waits behind a busy watch, and an answer is judged with the newest world.
        tokio::select! {
            biased;
            Some(signal) = self.signals.recv() => Woke::Signal(signal),
            Some(news) = service => Woke::Service(news),
            Some(news) = revisions.next() => Woke::Revisions(news),
            Some(heard) = out.next() => Woke::Heard(heard),
            () = timer => Woke::Time,
        }
    }
}

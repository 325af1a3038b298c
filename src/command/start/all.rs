//! `andante start --all`: every Service, once; with `--follow` for as long as the process lives.
//!
//! Decides what is followed: one list and one watch of Services, and of each kind of run that the table makes. A restart loses
//! nothing, because what is due is what is there and not what changed. It may use every room.

mod feeds;

use super::act::{Acted, Actor};
use super::look::{look, table};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::adapter::signal;
use crate::cli::StartArgs;
use crate::command::patient::answered_within;
use crate::command::people::failed;
use crate::command::report::Lines;
use crate::command::{Stop, reach};
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Topic};
use crate::model::outcome::Code;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::start::decide::{Idle, StartDecision};
use crate::rollout::start::due::{ServiceKey, key_of, wish};
use crate::rollout::start::over::RunKind;
use crate::rollout::start::queue::{Came, NextTurn, RunKey, RunLook, StartQueue};
use crate::rollout::start::table::RunTable;
use crate::run::ports::{Clock, Sink};
use crate::run::watch::{News, follow};
use feeds::{Wished, Working, run_of, runs, seen, services, wish_of, wished, working};
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The longest time without a look at the clock.
const LONGEST: Duration = Duration::from_secs(3600);

/// Whoever looks after all Services.
struct Follower<'a> {
    args: &'a StartArgs,
    kube: Kube,
    table: Result<RunTable, Fault>,
    /// The kinds of run that are followed.
    kinds: Vec<RunKind>,
    /// Kinds of which was said that they are not, and why.
    unfollowed: BTreeSet<String>,
    queue: StartQueue,
    lines: Lines,
    /// The first failure, for the exit code of a single pass.
    worst: Option<Code>,
    /// The last trouble that was told of.
    trouble: Option<String>,
    /// Services were read once.
    begun: bool,
}

/// `andante start --all`.
pub(super) async fn all(args: &StartArgs, environment: &Environment) -> Result<Code, Stop> {
    let kube = reach(&args.reach, args.namespace.as_ref(), environment)?;
    let rows = table(args.reach.patience, &kube, &args.system_namespace).await?;
    let mut follower = Follower {
        args,
        kube,
        kinds: Vec::new(),
        unfollowed: BTreeSet::new(),
        table: Ok(rows),
        // Nothing of a single pass rests.
        queue: StartQueue::new(
            if args.follow { args.debounce } else { Duration::ZERO },
            args.max_running,
            args.most_of_one(),
        ),
        lines: Lines::new(args.output),
        worst: None,
        trouble: None,
        begun: false,
    };
    follower.runs().await?;
    if args.follow { follower.follow().await } else { follower.once().await }
}

impl Follower<'_> {
    /// Counts the runs that work now, and leaves kinds out that the cluster does not have, or that may not be read.
    async fn runs(&mut self) -> Result<(), Stop> {
        let kinds = self.table.as_ref().map(RunTable::run_kinds).unwrap_or_default();
        for kind in kinds {
            let of = runs(&kind, self.args.namespace.as_ref());
            let asked = async || self.kube.list_objects(&of, |object| working(&kind, &object)).await;
            match answered_within(self.args.reach.patience, asked).await {
                Ok(list) => {
                    self.queue.all_runs(
                        &kind.kind.kind,
                        list.items.iter().filter_map(run_of).collect(),
                        SystemClock.now(),
                    );
                    self.kinds.push(kind);
                }
                Err(ApiError::NoKind(_)) => {}
                Err(ApiError::Forbidden(why)) => {
                    self.say(format!(
                        "{} that work already are not counted, and the end of others is looked for once a minute: {why}",
                        kind.kind.resource
                    ));
                    self.unfollowed.insert(kind.kind.kind);
                }
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok(())
    }

    /// One pass.
    async fn once(mut self) -> Result<Code, Stop> {
        let of = services(self.args.namespace.as_ref());
        let asked = async || self.kube.list_objects(&of, |object| wished(&object, &self.table)).await;
        let list = answered_within(self.args.reach.patience, asked).await.map_err(|error| failed(&error))?;
        self.queue.all(list.items.iter().filter_map(wish_of).collect(), SystemClock.now());
        let mut taken = BTreeSet::new();
        while let NextTurn::Act(key) = self.queue.next(SystemClock.now()) {
            self.turn(&key).await;
            // One more look where somebody was faster; what failed is for the next pass.
            if !taken.insert(key.clone()) {
                self.queue.gone(&key);
            }
        }
        if self.queue.waiting() > 0 {
            let (waiting, running) = (self.queue.waiting(), self.queue.running());
            self.say(format!(
                "{waiting} wait for the next pass; {running} runs work, at most {} may, {} of one namespace",
                self.args.max_running,
                self.args.most_of_one()
            ));
        }
        Ok(self.worst.unwrap_or(Code::Done))
    }

    /// For as long as the process lives.
    async fn follow(mut self) -> Result<Code, Stop> {
        let mut signals = signal::listen().map_err(|e| Stop::new(Code::Internal, format!("signals: {e}")))?;
        let kube = self.kube.clone();
        let namespace = self.args.namespace.as_ref();
        let objects = Wished { kube: &kube, of: services(namespace), table: self.table.clone() };
        let working: Vec<Working<'_>> = self
            .kinds
            .iter()
            .map(|kind| Working { kube: &kube, of: runs(kind, namespace), kind: kind.clone() })
            .collect();
        let mut services = follow(&objects, None).boxed_local();
        let each =
            working.iter().enumerate().map(|(at, runs)| follow(runs, None).map(move |news| (at, news)).boxed_local());
        let mut working_now = stream::select_all(each);
        loop {
            // What is known already comes before the next turn, so that an edit that was taken back starts nothing.
            while let Some(Some(news)) = services.next().now_or_never() {
                self.hear_services(news)?;
            }
            while let Some(Some((at, news))) = working_now.next().now_or_never() {
                self.hear_runs(at, news);
            }
            let now = SystemClock.now();
            let pause = match self.queue.next(now) {
                NextTurn::Act(key) => {
                    if signals.try_recv().is_ok() {
                        return Ok(Code::Done);
                    }
                    self.turn(&key).await;
                    continue;
                }
                NextTurn::Look(run) => {
                    self.look_at(&run).await;
                    continue;
                }
                NextTurn::Wait(None) => LONGEST,
                NextTurn::Wait(Some(at)) => Duration::try_from(at.duration_since(now)).unwrap_or_default().min(LONGEST),
            };
            tokio::select! {
                biased;
                _ = signals.recv() => return Ok(Code::Done),
                Some(news) = services.next() => self.hear_services(news)?,
                Some((at, news)) = working_now.next(), if !working.is_empty() => self.hear_runs(at, news),
                () = tokio::time::sleep(pause.max(Duration::from_millis(5))) => {}
            }
        }
    }

    fn hear_services(&mut self, news: News) -> Result<(), Stop> {
        let now = SystemClock.now();
        match news {
            News::All(list) => {
                self.queue.all(list.iter().filter_map(wish_of).collect(), now);
                if !std::mem::replace(&mut self.begun, true) {
                    self.say(format!("following: something is to be done for {} Services", self.queue.waiting()));
                }
            }
            News::Now(object) => {
                if let Some(key) = key_of(&object) {
                    let wish = wish(&object, &self.table, false, now);
                    self.queue.seen(key, wish, now);
                }
            }
            News::Deleted(object) => {
                if let Some(key) = key_of(&object) {
                    self.queue.gone(&key);
                }
            }
            News::Fine => self.fine(),
            News::Trouble(error) if !self.begun && !error.is_passing() => return Err(failed(&error)),
            News::Trouble(error) => self.troubled(&error),
        }
        Ok(())
    }

    fn hear_runs(&mut self, at: usize, news: News) {
        let now = SystemClock.now();
        let Some(kind) = self.kinds.get(at) else { return };
        match news {
            News::All(list) => {
                self.queue.all_runs(&kind.kind.kind, list.iter().filter_map(run_of).collect(), now);
            }
            News::Now(object) => {
                if let Some((run, service, over)) = seen(kind, &object) {
                    self.queue.run_seen(run, service, over, now);
                }
            }
            News::Deleted(object) => {
                if let Some((run, service, _)) = seen(kind, &object) {
                    self.queue.run_seen(run, service, true, now);
                }
            }
            News::Fine => self.fine(),
            News::Trouble(error) => self.troubled(&error),
        }
    }

    /// Asks for a run whose kind is not followed.
    async fn look_at(&mut self, key: &RunKey) {
        let (kind, namespace, name) = key;
        let of = self.table.as_ref().ok().and_then(|table| table.run_kind(kind));
        let came = match of.zip(namespace.parse().ok()) {
            None => RunLook::Over,
            Some((of, namespace)) => match self.kube.of_namespace(namespace).object(&of.kind, name).await {
                Ok(object) if of.seen(&object).is_some_and(|seen| !seen.state.is_over()) => RunLook::Works,
                Ok(_) | Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => RunLook::Over,
                Err(ApiError::Forbidden(why)) => {
                    if self.unfollowed.insert(format!("{kind} unread")) {
                        let most = of.longest.as_secs() / 60;
                        self.say(format!(
                            "each {kind} counts as at work for {most} minutes, because it cannot be read: {why}"
                        ));
                    }
                    RunLook::Unknown(of.longest)
                }
                Err(error) => {
                    self.troubled(&error);
                    RunLook::Works
                }
            },
        };
        self.queue.looked(key, &came, SystemClock.now());
    }

    /// A run of this kind was started: whether its end will be news.
    fn is_followed(&mut self, kind: &str) -> bool {
        let followed = self.kinds.iter().any(|of| of.kind.kind == kind);
        if !followed && self.unfollowed.insert(kind.to_owned()) {
            self.say(format!("whether a {kind} is over is looked for once a minute, because the table did not make any when this began"));
        }
        followed
    }

    /// Looks at one Service and does what is due.
    async fn turn(&mut self, key: &ServiceKey) {
        let kube = self.kube.of_namespace(key.namespace.clone());
        let came = self.came(key, &kube).await;
        self.queue.took(key, came, SystemClock.now());
    }

    async fn came(&mut self, key: &ServiceKey, kube: &Kube) -> Came {
        // Read anew each time: its operator edits it without starting anybody again.
        match table(Duration::ZERO, &self.kube, &self.args.system_namespace).await {
            Ok(table) => self.table = Ok(table),
            Err(Stop(outcome)) => return self.failed(key, outcome.code, &outcome.line()),
        }
        let Ok(table) = self.table.clone() else { return Came::Later };
        let mut cluster = self.args.cluster(key.name.clone());
        cluster.patience = Duration::ZERO;
        let looked = match look(&cluster, kube, &table).await {
            Ok(looked) => looked,
            Err(ApiError::NotFound(_)) => return Came::Done,
            Err(error) => return self.failed_call(key, &error),
        };
        // An edit since may have made a run due where none was.
        if let (true, StartDecision::Start(making, _)) = (self.queue.is_full(&key.namespace), looked.decide(false)) {
            return Came::Full(making.name.to_string());
        }
        let actor = Actor { args: self.args, cluster: &cluster, kube };
        match actor.act(&looked, false).await {
            Ok(Acted::Started { run, what, notes }) => {
                self.say(format!("{}/{what}", key.namespace));
                for note in notes {
                    self.say(format!("{key}: {note}"));
                }
                let kind = run.kind.clone().unwrap_or_default();
                let followed = self.is_followed(&kind);
                Came::Started((kind, key.namespace.to_string(), run.name.to_string()), followed)
            }
            Ok(Acted::Dry(object, _)) => {
                let run = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
                self.say(format!("{key}: {kind} {run} would be started"));
                Came::Done
            }
            Ok(Acted::Marked(idle)) => {
                self.say(format!("{}/{}", key.namespace, idle.words(key.name.as_str())));
                Came::Done
            }
            // The Service tells nothing of its namespace's end of suspension, so it is looked at again.
            Ok(Acted::Nothing(Idle::Suspended("its namespace", why))) => {
                self.say(format!(
                    "{}/{}",
                    key.namespace,
                    Idle::Suspended("its namespace", why).words(key.name.as_str())
                ));
                Came::Later
            }
            Ok(Acted::Nothing(_)) => Came::Done,
            Ok(Acted::Faults(faults)) => {
                let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
                // What is named may come into being without a word from the Service.
                self.failed(key, Code::BadInput, &said.join("; "))
            }
            Ok(Acted::Overtaken(_)) => Came::Again,
            Err(error) => self.failed_call(key, &error),
        }
    }

    fn failed(&mut self, key: &ServiceKey, code: Code, why: &str) -> Came {
        self.worst.get_or_insert(code);
        self.say(format!("{key}: {why}"));
        Came::Later
    }

    fn failed_call(&mut self, key: &ServiceKey, error: &ApiError) -> Came {
        let Stop(outcome) = failed(error);
        self.failed(key, outcome.code, &outcome.line())
    }

    fn troubled(&mut self, error: &ApiError) {
        let text = error.to_string();
        if self.trouble.as_ref() != Some(&text) {
            self.lines.say(SystemClock.now(), &Event::new(Topic::Api, format!("{text}; trying again")));
            self.trouble = Some(text);
        }
    }

    fn fine(&mut self) {
        if self.trouble.take().is_some() {
            self.lines.say(SystemClock.now(), &Event::new(Topic::Api, "the API server answers again"));
        }
    }

    fn say(&mut self, text: String) {
        self.lines.say(SystemClock.now(), &Event::new(Topic::Note, text));
    }
}

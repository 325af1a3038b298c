//! `andante start --all`: every Service, once; with `--follow` for as long as the process lives.
//!
//! Decides what is followed: one list and one watch of Services, and of each kind of run that the table makes. A restart loses
//! nothing, because what is due is what is there and not what changed. It may use every room.

mod counted;
mod feeds;
mod names;
mod shown;

use super::options;
use super::rows::table;
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Kube, Poster};
use crate::adapter::env::Environment;
use crate::adapter::metrics::MetricsPort;
use crate::adapter::signal;
use crate::cli::StartArgs;
use crate::command::patient::answered_within;
use crate::command::people::failed;
use crate::command::posts::{poster, refusal};
use crate::command::report::Lines;
use crate::command::{Stop, owner, reach};
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Topic};
use crate::model::outcome::Code;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::owner::Owner;
use crate::rollout::start::decide::{Idle, StartDecision};
use crate::rollout::start::due::{ServiceKey, glance, key_of};
use crate::rollout::start::over::{RunKind, RunState};
use crate::rollout::start::pins::PinQueue;
use crate::rollout::start::queue::{Came, NextTurn, StartQueue};
use crate::rollout::start::table::RunTable;
use crate::run::ports::{Clock, Sink};
use crate::run::start::act::{Acted, Actor};
use crate::run::start::look::look;
use crate::run::watch::{News, follow};
use feeds::{Glanced, Spaces, Working, glance_of, glanced, run_of, runs, seen, services, spaces, suspends};
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::Value;
use shown::Shown;
use std::collections::BTreeSet;
use std::time::Duration;

/// The longest time without a look at the clock: that it comes round shows that it lives.
const LONGEST: Duration = Duration::from_secs(60);

/// Whoever looks after all Services.
struct Follower<'a> {
    args: &'a StartArgs,
    kube: Kube,
    poster: &'a Poster,
    table: Result<RunTable, Fault>,
    /// The kinds of run that are followed.
    kinds: Vec<RunKind>,
    /// Kinds of which was said that they are not, and why.
    unfollowed: BTreeSet<String>,
    /// Namespaces are followed, so that the end of a suspension is news.
    spaces: bool,
    queue: StartQueue,
    /// Those whose users are to be named.
    unnamed: PinQueue,
    /// Who names them.
    owner: Owner,
    /// What others may see of it.
    shown: &'a Shown,
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
    let rest = if args.follow { args.debounce } else { Duration::ZERO };
    let shown = Shown::new();
    let poster = poster(&args.events, &kube, environment);
    // Before anything is asked: an address that cannot be had is a slip of whoever typed it.
    let port = match args.metrics {
        Some(at) => Some(MetricsPort::open(at).await.map_err(|why| shown::no_port(at, &why))?),
        None => None,
    };
    let work = async {
        let rows = table(args.reach.patience, &kube, &args.system_namespace).await?;
        let mut follower = Follower {
            args,
            kube,
            poster: &poster,
            kinds: Vec::new(),
            unfollowed: BTreeSet::new(),
            table: Ok(rows),
            spaces: true,
            // Nothing of a single pass rests.
            unnamed: PinQueue::default(),
            owner: owner(environment)?,
            queue: StartQueue::new(rest, args.max_running, args.most_of_one()),
            shown: &shown,
            lines: Lines::new(args.output),
            worst: None,
            trouble: None,
            begun: false,
        };
        follower.runs().await?;
        if args.follow { follower.follow().await } else { follower.once().await }
    };
    let ended = match port {
        None => work.await,
        Some(port) => tokio::select! {
            biased;
            ended = work => ended,
            never = port.serve(|path| shown.page(path, SystemClock.now())) => match never {},
        },
    };
    poster.close().await;
    ended
}

impl Follower<'_> {
    /// One pass.
    async fn once(mut self) -> Result<Code, Stop> {
        let of = services(self.args.namespace.as_ref());
        let asked = async || self.kube.list_objects(&of, |object| glanced(&object, &self.table)).await;
        let list = answered_within(self.args.reach.patience, asked).await.map_err(|error| failed(&error))?;
        self.see_all(&list.items);
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
        let objects = Glanced { kube: &kube, of: services(namespace), table: self.table.clone() };
        let working: Vec<Working<'_>> = self
            .kinds
            .iter()
            .map(|kind| Working { kube: &kube, of: runs(kind, namespace), kind: kind.clone() })
            .collect();
        let mut services = follow(&objects, None).boxed_local();
        let each =
            working.iter().enumerate().map(|(at, runs)| follow(runs, None).map(move |news| (at, news)).boxed_local());
        let mut working_now = stream::select_all(each);
        let named = Spaces { kube: &kube, of: spaces(namespace) };
        let mut spaces = follow(&named, None).boxed_local();
        loop {
            // What is known already comes before the next turn, so that an edit that was taken back starts nothing.
            while let Some(Some(news)) = services.next().now_or_never() {
                self.hear_services(news)?;
            }
            while let Some(Some((at, news))) = working_now.next().now_or_never() {
                self.hear_runs(at, news);
            }
            self.shown.counts(&self.queue);
            if self.name_next().await && signals.try_recv().is_ok() {
                return Ok(Code::Done);
            }
            let now = SystemClock.now();
            let pause =
                match self.queue.next(now) {
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
                    NextTurn::Wait(turn) => turn.into_iter().chain(self.unnamed.at()).min().map_or(LONGEST, |at| {
                        Duration::try_from(at.duration_since(now)).unwrap_or_default().min(LONGEST)
                    }),
                };
            tokio::select! {
                biased;
                _ = signals.recv() => return Ok(Code::Done),
                Some(news) = services.next() => self.hear_services(news)?,
                Some((at, news)) = working_now.next(), if !working.is_empty() => self.hear_runs(at, news),
                Some(news) = spaces.next(), if self.spaces => self.hear_spaces(news),
                () = tokio::time::sleep(pause.max(Duration::from_millis(5))) => {}
            }
        }
    }

    fn hear_services(&mut self, news: News) -> Result<(), Stop> {
        let now = SystemClock.now();
        match news {
            News::All(list) => {
                self.see_all(&list);
                if !std::mem::replace(&mut self.begun, true) {
                    self.say(format!("following: something is to be done for {} Services", self.queue.waiting()));
                }
            }
            News::Now(object) => {
                if let Some(seen) = glance(&object, &self.table, false, now) {
                    self.shown.seen(&seen);
                    self.unnamed.seen(seen.key.clone(), seen.unnamed, now);
                    self.queue.seen(seen.key, seen.wish, now);
                }
            }
            News::Deleted(object) => {
                if let Some(key) = key_of(&object) {
                    self.shown.gone(&key);
                    self.unnamed.gone(&key);
                    self.queue.gone(&key);
                }
            }
            News::Fine => self.fine(),
            News::Trouble(error) if !self.begun && !error.is_passing() => return Err(failed(&error)),
            News::Trouble(error) => self.troubled(&error),
        }
        Ok(())
    }

    /// All Services, at one moment.
    fn see_all(&mut self, list: &[Value]) {
        let seen: Vec<_> = list.iter().filter_map(glance_of).collect();
        self.shown.all(&seen);
        let unnamed = seen.iter().filter(|seen| seen.unnamed).map(|seen| seen.key.clone());
        self.unnamed.all(unnamed.collect(), SystemClock.now());
        let wishes = seen.into_iter().filter_map(|seen| Some((seen.key, seen.wish?)));
        self.queue.all(wishes.collect(), SystemClock.now());
    }

    /// What was suspended with its namespace has its turn when that ends.
    fn hear_spaces(&mut self, news: News) {
        let now = SystemClock.now();
        match news {
            News::All(list) => self.lifted(|of| !list.iter().any(|name| name == of.as_str()), now),
            News::Now(object) if suspends(&object).is_none() => {
                let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                self.lifted(|of| of.as_str() == name, now);
            }
            News::Now(_) | News::Deleted(_) => {}
            News::Fine => self.fine(),
            News::Trouble(ApiError::Forbidden(why)) => {
                self.spaces = false;
                self.say(format!(
                    "whether the suspension of a namespace has ended is looked for every few minutes: {why}"
                ));
                self.lifted(|_| true, now);
            }
            News::Trouble(error) => self.troubled(&error),
        }
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

    /// Looks at one Service and does what is due.
    async fn turn(&mut self, key: &ServiceKey) {
        if let Some(said) = refusal(self.poster) {
            self.lines.say(SystemClock.now(), &said);
        }
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
        let looked = match look(Duration::ZERO, kube, &key.name, &table).await {
            Ok(looked) => looked,
            Err(ApiError::NotFound(_)) => return Came::Done,
            Err(error) => return self.failed_call(key, &error),
        };
        // An edit since may have made a run due where none was.
        if let (true, StartDecision::Start(making, _)) =
            (self.queue.is_full(&key.namespace), looked.decide(false, SystemClock.now()))
        {
            return Came::Full(making.name.to_string());
        }
        let actor = Actor {
            options: options(self.args, Duration::ZERO),
            cluster: kube,
            clock: &SystemClock,
            poster: self.poster,
        };
        match actor.act(&looked, false).await {
            Ok(Acted::Started { run, what, notes }) => {
                self.shown.started();
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
                if let Idle::Started(_, Some(RunState::Failed(_))) = &idle {
                    self.shown.failed();
                }
                self.say(format!("{}/{}", key.namespace, idle.words(key.name.as_str())));
                Came::Done
            }
            // The Service tells nothing of the end of it: its namespace does, or it is looked at again.
            Ok(Acted::Nothing(Idle::Suspended("its namespace", why))) => {
                self.say(format!(
                    "{}/{}",
                    key.namespace,
                    Idle::Suspended("its namespace", why).words(key.name.as_str())
                ));
                if self.spaces { Came::Held } else { Came::Later }
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

//! `andante watch`: a line whenever something changes, until the rollout is over or nobody looks any more.
//!
//! Decides what counts as a change and when to stop. It may use the watches, the runtime's timer and the status.

mod failing;

use super::{absent, ask_beside, called, failed, json_of};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::adapter::signal;
use crate::cli::{Output, WatchArgs};
use crate::command::report;
use crate::command::{Stop, connect};
use crate::machine::world::{Presence, World};
use crate::model::api_error::ApiError;
use crate::model::outcome::{Code, Outcome};
use crate::model::time::after;
use crate::run::granted::Granted;
use crate::run::ports::Clock;
use crate::run::watch::service::{Revisions, Services, revision_news, service_news};
use crate::run::watch::{News, follow};
use crate::view::status::glance::glance;
use crate::view::status::until_done::{UntilDone, WatchEnd};
use crate::view::status::{Called, Status, explain};
use failing::{Failing, Feed};
use futures_util::StreamExt;
use jiff::Timestamp;
use std::time::Duration;

/// How often it is asked whether a run that holds the Service still runs.
const LIFE: Duration = Duration::from_secs(30);

/// Watches until it is over.
pub(super) async fn watch(args: &WatchArgs, environment: &Environment) -> Result<Code, Stop> {
    let kube = connect(&args.cluster, environment)?;
    let service = kube.service(args.cluster.service.clone());
    let cluster = Granted::new(&service);
    let mut signals = signal::listen().map_err(|e| Stop::new(Code::Internal, format!("signals: {e}")))?;
    let (services, revisions) = (Services(&cluster), Revisions(&cluster));
    let (mut services, mut revisions) = (follow(&services, None).boxed_local(), follow(&revisions, None).boxed_local());
    let mut me = Watching::new(args, &kube);
    loop {
        let now = SystemClock.now();
        if me.failing.is_news(now) {
            report::complain("andante: the API server does not answer as it should; trying again");
        }
        if me.life_is_due(now) {
            ask_beside(&cluster, &mut me.world).await;
        }
        if let Some(code) = me.look(now)? {
            return Ok(code);
        }
        let pause = me.pause(SystemClock.now());
        tokio::select! {
            // The branches are tried in this order, so that Ctrl-C never waits behind busy watches.
            biased;
            _ = signals.recv() => return Ok(Code::Done),
            Some(news) = services.next() => me.hear(news, Feed::Service)?,
            Some(news) = revisions.next() => me.hear(news, Feed::Revisions)?,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Watching<'a> {
    args: &'a WatchArgs,
    kube: &'a Kube,
    called: Called,
    world: World,
    shown: Option<Status>,
    last: String,
    /// When, and by which owner, it was last asked whether the owner lives.
    life: Option<(Timestamp, String)>,
    failing: Failing,
    until_done: UntilDone,
    /// It was said that no rollout is open.
    told: bool,
    seen: bool,
}

impl<'a> Watching<'a> {
    fn new(args: &'a WatchArgs, kube: &'a Kube) -> Self {
        Self {
            args,
            kube,
            called: called(&args.cluster, kube),
            world: World::default(),
            shown: None,
            last: String::new(),
            life: None,
            failing: Failing::default(),
            until_done: UntilDone::new(args.rollout.clone()),
            told: false,
            seen: false,
        }
    }

    fn hear(&mut self, news: News, of: Feed) -> Result<(), Stop> {
        let heard = match of {
            Feed::Service => service_news(&mut self.world, news),
            Feed::Revisions => revision_news(&mut self.world, news),
        };
        match heard {
            Ok(()) => {
                if self.failing.works(of) {
                    report::complain("andante: the API server answers again");
                }
                Ok(())
            }
            Err(error) => self.trouble(&error, of),
        }
    }

    fn trouble(&mut self, error: &ApiError, of: Feed) -> Result<(), Stop> {
        let now = SystemClock.now();
        if !error.is_passing() {
            return Err(failed(error));
        }
        let since = self.failing.fails(of, now);
        if now >= after(since, self.args.cluster.patience) { Err(failed(error)) } else { Ok(()) }
    }

    /// A new owner is asked after at once, the same one now and then.
    fn life_is_due(&mut self, now: Timestamp) -> bool {
        let Some(Ok(record)) = self.world.record() else { return false };
        let due = match &self.life {
            Some((at, uid)) => *uid != record.owner.uid || now >= after(*at, LIFE),
            None => true,
        };
        if due {
            self.life = Some((now, record.owner.uid));
        }
        due
    }

    /// Shows what is new; the code if it is over.
    fn look(&mut self, now: Timestamp) -> Result<Option<Code>, Stop> {
        match (&self.world.target, self.world.listed) {
            (Presence::Unknown, _) | (Presence::Seen(_), false) => return Ok(None),
            (Presence::Absent, _) if !self.seen || self.args.until_done => {
                return Err(absent(&self.args.cluster, self.kube));
            }
            (Presence::Absent, _) => {
                let gone = format!("Service {} is gone", self.args.cluster.service);
                return Ok(self.show(now, gone, None));
            }
            (Presence::Seen(_), true) => {}
        }
        self.seen = true;
        let Some(status) = explain(&self.world, &self.called, now) else { return Ok(None) };
        if self.shown.as_ref() != Some(&status)
            && let Some(code) = self.show(now, glance(&status), Some(&status))
        {
            return Ok(Some(code));
        }
        let end = if self.args.until_done { self.end(&status, now)? } else { None };
        self.shown = Some(status);
        Ok(end)
    }

    /// Prints a line unless it is the last one again; a code if nobody reads.
    fn show(&mut self, now: Timestamp, text: String, status: Option<&Status>) -> Option<Code> {
        let read = match (self.args.cluster.output, status) {
            (Output::Json, Some(status)) => report::show(&json_of(status, now)),
            (Output::Json, None) | (Output::Text, _) if self.last == text => true,
            (Output::Json, None) => report::show(&serde_json::json!({"at": now, "gone": true}).to_string()),
            (Output::Text, _) => report::show(&format!("{} {text}", now.strftime("%H:%M:%S"))),
        };
        self.last = text;
        if read { None } else { Some(Code::Done) }
    }

    /// The code of the rollout that is meant, once it is over; says once if there is none yet.
    fn end(&mut self, status: &Status, now: Timestamp) -> Result<Option<Code>, Stop> {
        let ended = self.until_done.look(status, now);
        if ended.is_none()
            && !self.told
            && let Some(waits) = self.until_done.waits_for(status)
        {
            self.told = true;
            report::complain(&format!("andante: {waits}"));
        }
        match ended {
            Some(WatchEnd { code, why: Some(why) }) => {
                let next = format!("`andante status {}` says what stands there", self.called.words);
                Err(Stop(Box::new(Outcome::new(code, why).next(next))))
            }
            ended => Ok(ended.map(|end| end.code)),
        }
    }

    /// How long nothing can change without news: until the owner's deadline, or the next question after its life.
    fn pause(&self, now: Timestamp) -> Duration {
        let deadline = match self.world.record() {
            Some(Ok(record)) if record.phase.is_open() => Some(record.deadline).filter(|at| *at > now),
            _ => None,
        };
        let until = [deadline, self.until_done.until(), self.failing.next(), Some(after(now, LIFE))]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now);
        // A moment that is past already must not make this loop spin.
        Duration::try_from(until.duration_since(now)).unwrap_or_default().max(Duration::from_millis(10))
    }
}

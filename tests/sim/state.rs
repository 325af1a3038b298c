//! Everything that the cluster knows, its queue of things to come, and its history for watches.

use super::configuration::Configuration;
use super::revision::Revision;
use super::route::{Ingress, Route};
use super::scale::Bounds;
use super::starts::RunStore;
use super::story::{Log, Served};
use andante::model::ending::Ending;
use andante::rollout::owner::Liveness;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Something that will happen by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// Controllers look at their objects.
    Service,
    Configuration,
    Route,
    /// The gateways take this generation of the ingress; then it is reported.
    Program(u64),
    Report(u64),
    /// The next thing in a revision's life (by uid: a name may be used again).
    Revision(String, u64, Life),
}

/// Steps of a revision's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    Resolve,
    Start,
    Fail,
    Deadline,
    /// Which death it is: a crash loop has many.
    Die(u32),
    Return(u32),
    Sleep,
    Wake,
    /// The autoscaler looks.
    Scale,
}

/// What kind of object a change was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Service,
    Revision,
}

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) version: u64,
    pub(crate) at: Duration,
    pub(crate) kind: Kind,
    pub(crate) deleted: bool,
    pub(crate) object: Rc<Value>,
}

/// The whole cluster.
pub(crate) struct State {
    pub(crate) rng: fastrand::Rng,
    start: Instant,
    pub(crate) name: String,
    /// etcd's revision: one counter for all objects.
    pub(crate) version: u64,
    uids: u64,
    pub(crate) service: Option<Rc<Value>>,
    pub(crate) configuration: Option<Configuration>,
    pub(crate) route: Route,
    pub(crate) ingress: Ingress,
    pub(crate) revisions: BTreeMap<String, Revision>,
    /// Those that were deleted.
    pub(crate) buried: BTreeMap<String, Revision>,
    pub(crate) history: Vec<Entry>,
    /// Watches from an older version are told that it is gone.
    pub(crate) compacted: u64,
    queue: BinaryHeap<Reverse<(Duration, u64, Due)>>,
    queued: BTreeSet<Due>,
    order: u64,
    pub(crate) liveness: BTreeMap<String, Liveness>,
    /// How often an image was pushed under its reference, where that is more than once.
    pub(crate) pushes: BTreeMap<String, u32>,
    /// The registry answers.
    pub(crate) registry_answers: bool,
    /// Images whose new revisions crash at their start, whatever older ones do (a Secret that is gone since).
    pub(crate) broken: BTreeSet<String>,
    /// Why runs are ended from outside, as Tekton would say it.
    pub(crate) ending: Option<Ending>,
    /// Runs may list pods: an optional right.
    pub(crate) pods_readable: bool,
    /// Knative's controllers do nothing more.
    pub(crate) stalled: bool,
    /// Services of Kubernetes that are somebody else's.
    pub(crate) foreign: BTreeSet<String>,
    /// Revisions of other Services, which nobody who rolls out this one can see.
    pub(crate) foreign_revisions: BTreeSet<String>,
    /// Runs may get such Services: an optional right.
    pub(crate) names_readable: bool,
    /// `revision-timeout-seconds` of config-defaults, where the cluster sets it.
    pub(crate) timeout: Option<u64>,
    /// Dry runs are answered; false where some webhook does not take them.
    pub(crate) dry_runs: bool,
    /// How many were asked for.
    pub(crate) asked_dry: usize,
    /// So many pods all users together want.
    pub(crate) pods_wanted: i64,
    /// How long pods take that a floor makes start from zero, beyond the autoscaler's own time.
    pub(crate) cold_start: Duration,
    /// So many pods there is room for; none: for any number.
    pub(crate) room: Option<i64>,
    /// Runs may patch Revisions: an optional right.
    pub(crate) revisions_writable: bool,
    /// A creation is refused because the Service exists, and a read finds none.
    pub(crate) exists_unseen: bool,
    /// What becomes of bounds that are written.
    pub(crate) bounds: Bounds,
    pub(crate) log: Log,
    /// Runs that were started.
    pub(crate) run_store: RunStore,
    /// The namespace's annotations.
    pub(crate) namespace: Value,
    /// Runs may read them: an optional right.
    pub(crate) namespace_readable: bool,
}

impl State {
    pub(crate) fn new(name: &str, seed: u64, start: Instant) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            start,
            name: name.to_owned(),
            version: 100,
            uids: 0,
            service: None,
            configuration: None,
            route: Route::default(),
            ingress: Ingress::default(),
            revisions: BTreeMap::new(),
            buried: BTreeMap::new(),
            history: vec![],
            compacted: 0,
            queue: BinaryHeap::new(),
            queued: BTreeSet::new(),
            order: 0,
            liveness: BTreeMap::new(),
            pushes: BTreeMap::new(),
            registry_answers: true,
            broken: BTreeSet::new(),
            ending: None,
            pods_readable: true,
            stalled: false,
            foreign: BTreeSet::new(),
            foreign_revisions: BTreeSet::new(),
            names_readable: true,
            timeout: None,
            dry_runs: true,
            asked_dry: 0,
            pods_wanted: 1,
            cold_start: Duration::ZERO,
            room: None,
            revisions_writable: true,
            exists_unseen: false,
            bounds: Bounds::default(),
            log: Log::default(),
            run_store: RunStore::default(),
            namespace: serde_json::json!({}),
            namespace_readable: true,
        }
    }

    /// Virtual time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn fresh_uid(&mut self) -> u64 {
        self.uids += 1;
        self.uids
    }

    /// How often an image was pushed under this reference.
    pub(crate) fn pushes(&self, image: &str) -> u32 {
        self.pushes.get(image).copied().unwrap_or(1)
    }

    /// Other bytes are pushed under a reference.
    pub(crate) fn push_again(&mut self, image: &str) {
        *self.pushes.entry(image.to_owned()).or_insert(1) += 1;
    }

    /// Raises the version of the store.
    pub(crate) fn bump(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// A controller's delay: mostly short, at times half a second.
    pub(crate) fn lag(&mut self) -> Duration {
        let most = match self.rng.u8(..100) {
            0..80 => 40,
            80..97 => 200,
            _ => 500,
        };
        Duration::from_millis(self.rng.u64(0..=most))
    }

    /// Lets `due` happen after a controller's delay. What is queued already is not queued twice.
    pub(crate) fn soon(&mut self, due: Due) {
        let lag = self.lag();
        self.after(lag, due);
    }

    /// Lets `due` happen after `wait`.
    pub(crate) fn after(&mut self, wait: Duration, due: Due) {
        if self.queued.insert(due.clone()) {
            self.order += 1;
            self.queue.push(Reverse((self.now() + wait, self.order, due)));
        }
    }

    /// When the next thing happens.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, ..))| self.start + *at)
    }

    /// Does everything that is due now. True if anything was.
    pub(crate) fn run_due(&mut self) -> bool {
        let mut any = false;
        while self.queue.peek().is_some_and(|Reverse((at, ..))| *at <= self.now()) {
            let Some(Reverse((_, _, due))) = self.queue.pop() else { break };
            self.queued.remove(&due);
            any = true;
            if self.stalled {
                continue;
            }
            match due {
                Due::Service => self.reconcile_service(),
                Due::Configuration => self.reconcile_configuration(),
                Due::Route => self.reconcile_route(),
                Due::Program(generation) => self.program(generation),
                Due::Report(generation) => self.report(generation),
                Due::Revision(name, uid, life) => self.live(&name, uid, life),
            }
        }
        any
    }

    /// Adds a change to the history.
    pub(crate) fn publish(&mut self, kind: Kind, deleted: bool, object: Rc<Value>) {
        let (version, at) = (self.version, self.now());
        self.history.push(Entry { version, at, kind, deleted, object });
    }

    /// Notes what users get from now on, if it is something else.
    pub(crate) fn note_served(&mut self) {
        let split = self.ingress.served();
        if self.log.served.last().is_none_or(|last| last.split != split) {
            let at = self.now();
            self.log.served.push(Served { at, split });
        }
    }
}

//! The shared cluster: one state, a bell for everyone who waits for a change, and the pump that lets things happen.

use super::api::Who;
use super::state::State;
use super::story::{Ended, Story};
use super::time::SimClock;
use andante::rollout::owner::{Liveness, Owner};
use serde_json::{Value, json};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// A cluster with one Service, shared by everybody in one `LocalSet`.
#[derive(Clone)]
pub(crate) struct World {
    state: Rc<RefCell<State>>,
    pub(crate) bell: Rc<Notify>,
    pub(crate) start: Instant,
    name: String,
}

impl World {
    /// An empty cluster whose things happen as `seed` says. Must be called inside a `LocalSet`.
    pub(crate) fn new(name: &str, seed: u64) -> Self {
        let start = Instant::now();
        let world = Self {
            state: Rc::new(RefCell::new(State::new(name, seed, start))),
            bell: Rc::new(Notify::new()),
            start,
            name: name.to_owned(),
        };
        tokio::task::spawn_local(world.clone().pump());
        world
    }

    /// Lets things happen when they are due.
    async fn pump(self) {
        loop {
            let next = self.state.borrow().next_due();
            match next {
                None => self.bell.notified().await,
                Some(at) => tokio::select! {
                    biased;
                    () = self.bell.notified() => {}
                    () = sleep_until(at) => {}
                },
            }
            self.with(State::run_due);
        }
    }

    /// Does something to the state, and rings if that changed anything.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let before = (state.version, state.next_due());
        let result = act(&mut state);
        if (state.version, state.next_due()) != before {
            self.bell.notify_waiters();
        }
        result
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn clock(&self) -> SimClock {
        SimClock::new(self.start)
    }

    /// A Service of one container, not yet created.
    pub(crate) fn plain(&self, image: &str) -> Value {
        json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {"name": self.name, "namespace": "ns", "annotations": {"example.com/team": "blue"}},
            "spec": {"template": {"metadata": {"annotations": {}}, "spec": {"containers": [{"image": image}]}}},
        })
    }

    /// Creates a Service as a person would, and waits until it is at rest.
    pub(crate) async fn deploy(&self, object: &Value) {
        self.with(|s| s.create_service(&Who::kim(), object)).unwrap();
        sleep(Duration::from_secs(10)).await;
    }

    /// The Service as it is now.
    pub(crate) fn service(&self) -> Option<Rc<Value>> {
        self.with(|s| s.service.clone())
    }

    /// What users of the main address get now.
    pub(crate) fn served_now(&self) -> Vec<(String, i64)> {
        self.with(|s| s.ingress.served())
    }

    /// What is known of an owner from now on.
    pub(crate) fn set_liveness(&self, owner: &Owner, alive: Liveness) {
        self.with(|s| s.liveness.insert(owner.uid.clone(), alive));
    }

    /// The scene is set: what is written from now on is judged.
    pub(crate) fn scene_is_set(&self) -> usize {
        self.with(|s| s.log.writes.len())
    }

    /// The whole story so far, to be judged.
    pub(crate) fn story(&self, prologue: usize, ended: Vec<Ended>) -> Story {
        self.with(|s| Story {
            log: s.log.clone(),
            prologue,
            ended,
            service: s.service.clone(),
            ready: s.revisions.values().filter(|r| r.ready().is_true()).map(|r| r.name.clone()).collect(),
            ours: OnceCell::new(),
        })
    }
}

/// Runs a simulation to its end on a paused clock of its own.
pub(crate) fn simulate<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

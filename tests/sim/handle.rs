//! What one process sees of the cluster: the `Cluster` port with latency, faults and the places where it is killed.

use super::api::Who;
use super::fault::{Crash, Fault, Script};
use super::image::digest;
use super::state::{Kind, State};
use super::watch::{SimWatch, WatchEnd};
use super::world::World;
use andante::model::api_error::ApiError;
use andante::model::bytes::{Meaning, digest_of};
use andante::model::ending::Ending;
use andante::model::name::{RevisionName, ServiceName};
use andante::model::writers::APPLY_MANAGER;
use andante::rollout::owner::{Liveness, Owner};
use andante::run::ports::{ApplyCall, Cluster, List, NamedKind};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

/// What a 409 means where nothing was to be written.
const CONFLICT_OF_A_READ: Fault = Fault::Status { status: 409, after: false, retry_after: None };

/// The time limit of one call.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// One process's way to the API server. Clones are the same process.
#[derive(Clone)]
pub(crate) struct Handle {
    world: World,
    who: Who,
    name: ServiceName,
    script: Rc<RefCell<Script>>,
    calls: Rc<Cell<usize>>,
    verbs: Rc<RefCell<BTreeMap<&'static str, usize>>>,
    dead: Rc<Cell<bool>>,
    killed: Rc<Notify>,
}

impl Handle {
    /// A process called `run`, whose calls go wrong as `script` says.
    pub(crate) fn new(world: &World, run: &str, script: Script) -> Self {
        Self {
            world: world.clone(),
            who: Who {
                user: "system:serviceaccount:ns:andante".into(),
                manager: "andante".into(),
                run: Some(run.into()),
            },
            name: world.name().parse().unwrap(),
            script: Rc::new(RefCell::new(script)),
            calls: Rc::default(),
            verbs: Rc::default(),
            dead: Rc::default(),
            killed: Rc::new(Notify::new()),
        }
    }

    /// Resolves when the process is to be killed: its task must be dropped then.
    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }

    /// How many calls it made.
    pub(crate) fn calls(&self) -> usize {
        self.calls.get()
    }

    /// How many of each verb.
    pub(crate) fn verbs(&self) -> BTreeMap<&'static str, usize> {
        self.verbs.borrow().clone()
    }

    async fn die(&self) {
        self.dead.set(true);
        self.killed.notify_one();
        std::future::pending::<()>().await;
    }

    /// Lets `effect` happen after a while, whether or not anybody still waits for its answer.
    fn send<T: 'static>(
        &self,
        wait: Duration,
        effect: impl FnOnce(&mut State) -> Result<T, ApiError> + 'static,
    ) -> oneshot::Receiver<Result<T, ApiError>> {
        let (answer, receiver) = oneshot::channel();
        let world = self.world.clone();
        tokio::task::spawn_local(async move {
            sleep(wait).await;
            answer.send(world.with(effect)).ok();
        });
        receiver
    }

    /// One call, with all that may happen to it. Also says what becomes of a watch that it opens.
    pub(crate) async fn call<T: 'static>(
        &self,
        verb: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, ApiError> + 'static,
    ) -> Result<(T, Option<(WatchEnd, Duration)>), ApiError> {
        if self.dead.get() {
            self.die().await;
        }
        let call = self.calls.get() + 1;
        self.calls.set(call);
        *self.verbs.borrow_mut().entry(verb).or_default() += 1;
        let (there, back) = self.world.with(|s| (s.rng.u64(1..12), s.rng.u64(1..12)));
        let (there, back) = (Duration::from_millis(there), Duration::from_millis(back));
        let (crash, fault) = {
            let mut script = self.script.borrow_mut();
            (script.crash, script.fault(verb, call, self.world.start.elapsed()))
        };
        // Only a write can be overtaken. A conflict is a refusal of the write, and of a read a server's bad moment.
        let fault = fault.filter(|f| verb == "patch services" || !matches!(f, Fault::Raced { .. } | Fault::Redeclared));
        let fault = fault.filter(|f| verb != "create services" || *f != Fault::Conflict);
        let fault =
            fault.map(|f| if f == Fault::Conflict && verb != "patch services" { CONFLICT_OF_A_READ } else { f });
        if crash == Some(Crash::Before(call)) {
            sleep(there).await;
            self.die().await;
        }
        let begun = Instant::now();
        let silence = || Err(ApiError::Unreachable("no answer within 10 s".into()));
        let result = match fault {
            Some(Fault::Raced { traffic }) => {
                let raced = move |s: &mut State| {
                    s.race(traffic);
                    effect(s)
                };
                self.send(there, raced).await.unwrap_or_else(|_| silence())
            }
            Some(Fault::Redeclared) => {
                let raced = move |s: &mut State| {
                    s.redeclare();
                    effect(s)
                };
                self.send(there, raced).await.unwrap_or_else(|_| silence())
            }
            None | Some(Fault::Watch(..)) => self.send(there, effect).await.unwrap_or_else(|_| silence()),
            Some(Fault::Late(wait)) => {
                drop(self.send(wait, effect));
                tokio::time::sleep_until(begun + LIMIT).await;
                silence()
            }
            Some(fault) => {
                let after = matches!(
                    fault,
                    Fault::Status { after: true, .. } | Fault::Reset { after: true } | Fault::Silence { after: true }
                );
                if after {
                    self.send(there, effect).await.ok();
                } else {
                    sleep(there).await;
                }
                if let (Fault::Silence { .. }, None) = (fault, crash) {
                    tokio::time::sleep_until(begun + LIMIT).await;
                }
                Err(error(fault))
            }
        };
        if crash == Some(Crash::After(call)) {
            self.die().await;
        }
        sleep(back).await;
        let end = match fault {
            Some(Fault::Watch(end, after)) => Some((end, after)),
            _ => None,
        };
        result.map(|value| (value, end))
    }

    async fn watch(&self, verb: &'static str, kind: Kind, version: &str) -> Result<SimWatch, ApiError> {
        let (late, life) = self.world.with(|s| (s.rng.u64(0..40), s.rng.u64(240..560)));
        let ((), end) = self.call(verb, |_| Ok(())).await?;
        let life = self.script.borrow().watches_last.unwrap_or(Duration::from_secs(life));
        let (end, after) = end.unwrap_or((WatchEnd::Closed, life));
        SimWatch::open(&self.world, kind, version, Duration::from_millis(late), (Instant::now() + after, end))
    }
}

fn error(fault: Fault) -> ApiError {
    match fault {
        Fault::Conflict => ApiError::Refused("Operation cannot be fulfilled".into()),
        Fault::Slower(wait) => {
            ApiError::Server { status: 429, text: "too many requests".into(), retry_after: Some(wait) }
        }
        Fault::Status { status, retry_after, .. } => {
            ApiError::Server { status, text: "the server is out of sorts".into(), retry_after }
        }
        Fault::Denied => ApiError::Forbidden("patch services.serving.knative.dev".into()),
        Fault::Silence { .. } => ApiError::Unreachable("no answer within 10 s".into()),
        Fault::Reset { .. } | Fault::Late(_) | Fault::Watch(..) | Fault::Raced { .. } | Fault::Redeclared => {
            ApiError::Unreachable("connection reset by peer".into())
        }
    }
}

impl Cluster for Handle {
    type Watch = SimWatch;

    async fn service(&self) -> Result<Value, ApiError> {
        self.call("get services", |s| s.get_service()).await.map(|(v, _)| v)
    }

    async fn create_service(&self, object: &Value) -> Result<Value, ApiError> {
        let (who, object) = (self.who.clone(), object.clone());
        let create = move |s: &mut State| {
            if s.exists_unseen {
                Err(ApiError::Exists("services hello".into()))
            } else {
                s.create_service(&who, &object)
            }
        };
        self.call("create services", create).await.map(|(v, _)| v)
    }

    async fn patch_service(&self, patch: &Value) -> Result<Value, ApiError> {
        let (who, patch, sent) = (self.who.clone(), patch.clone(), self.world.start.elapsed());
        let write = move |s: &mut State| {
            let known = s.log.writes.len();
            let written = s.patch_service(&who, &patch)?;
            s.log.writes.iter_mut().skip(known).for_each(|write| write.sent = sent);
            Ok(written)
        };
        self.call("patch services", write).await.map(|(v, _)| v)
    }

    async fn would_store(&self, patch: &Value) -> Result<Value, ApiError> {
        let (who, patch) = (self.who.clone(), patch.clone());
        self.call("dry-run services", move |s| s.would_store(&who, &patch)).await.map(|(v, _)| v)
    }

    async fn apply_service(&self, object: &Value, call: ApplyCall) -> Result<Value, ApiError> {
        // What a file writes is no rollout's write.
        let who = Who { manager: APPLY_MANAGER.into(), run: None, ..self.who.clone() };
        let (object, verb) = (object.clone(), if call.dry { "dry-run services" } else { "patch services" });
        let how = (call.force, call.dry);
        self.call(verb, move |s| s.apply_service(&who, &object, how)).await.map(|(v, _)| v)
    }

    async fn patch_revision(&self, name: &RevisionName, patch: &Value) -> Result<Value, ApiError> {
        let (name, patch) = (name.as_str().to_owned(), patch.clone());
        self.call("patch revisions", move |s| s.patch_revision(&name, &patch)).await.map(|(v, _)| v)
    }

    async fn watch_service(&self, version: &str) -> Result<SimWatch, ApiError> {
        self.watch("watch services", Kind::Service, version).await
    }

    async fn revisions(&self) -> Result<List, ApiError> {
        let list = |s: &mut State| {
            let items = s.revisions.values().map(|r| r.object.clone()).collect();
            Ok(List { items, version: s.version.to_string() })
        };
        self.call("list revisions", list).await.map(|(v, _)| v)
    }

    async fn watch_revisions(&self, version: &str) -> Result<SimWatch, ApiError> {
        self.watch("watch revisions", Kind::Revision, version).await
    }

    async fn configuration(&self) -> Result<Value, ApiError> {
        let get = |s: &mut State| {
            let name = s.name.clone();
            s.configuration.as_ref().map(|c| c.render(&name)).ok_or(ApiError::NotFound("configurations".into()))
        };
        self.call("get configurations", get).await.map(|(v, _)| v)
    }

    async fn pods(&self, name: &RevisionName) -> Result<Vec<Value>, ApiError> {
        let name = name.as_str().to_owned();
        let list = move |s: &mut State| {
            let may = s.pods_readable.then_some(()).ok_or_else(|| ApiError::Forbidden("list pods".into()));
            may.map(|()| s.revisions.get(&name).map(|r| r.pods(s.now())).unwrap_or_default())
        };
        self.call("list pods", list).await.map(|(v, _)| v)
    }

    async fn meaning(&self, image: &str, _: &Value) -> Meaning {
        let image = image.to_owned();
        let get = move |s: &mut State| Ok(s.registry_answers.then(|| digest(&image, s.pushes(&image))));
        match self.call("head manifests", get).await {
            Ok((Some(reference), _)) => digest_of(&reference).map_or(Meaning::Nothing, |d| Meaning::Digest(d.into())),
            Ok((None, _)) => Meaning::Unknown("connection refused".into()),
            Err(error) => Meaning::Unknown(error.to_string()),
        }
    }

    async fn named(&self, kind: NamedKind, name: &str) -> Result<Value, ApiError> {
        let name = name.to_owned();
        let get = move |s: &mut State| {
            if kind != NamedKind::KnativeService && !s.names_readable {
                return Err(ApiError::Forbidden(format!("get {name}")));
            }
            let there = kind == NamedKind::Service && s.foreign.contains(&name);
            there.then(|| serde_json::json!({"metadata": {"name": name}})).ok_or(ApiError::NotFound(name))
        };
        self.call("get names", get).await.map(|(v, _)| v)
    }

    async fn namespace_annotations(&self) -> Result<Value, ApiError> {
        let get = |s: &mut State| {
            s.namespace_readable.then(|| s.namespace.clone()).ok_or(ApiError::Forbidden("get namespaces ns".into()))
        };
        self.call("get namespaces", get).await.map(|(v, _)| v)
    }

    async fn ending(&self) -> Option<Ending> {
        self.call("get runs", |s: &mut State| Ok(s.ending)).await.ok().and_then(|(ending, _)| ending)
    }

    async fn liveness(&self, owner: &Owner) -> Liveness {
        let uid = owner.uid.clone();
        let get = move |s: &mut State| Ok(s.liveness.get(&uid).copied().unwrap_or(Liveness::Unknown));
        self.call("get owners", get).await.map_or(Liveness::Unknown, |(v, _)| v)
    }
}

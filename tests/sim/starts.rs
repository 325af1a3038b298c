//! The model of what `start` meets: runs that somebody makes, that work for a while and are over, and that go with their Service.

use super::check;
use super::fault::Script;
use super::handle::Handle;
use super::state::State;
use super::time::{self, SimClock};
use super::world::World;
use andante::machine::care::adopt::{Adopt, AdoptGoal};
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::standing::Claimant;
use andante::model::api_error::ApiError;
use andante::model::api_kind::ApiKind;
use andante::model::name::{Namespace, ServiceName};
use andante::model::observed::Service;
use andante::rollout::goal_status::StatusSeen;
use andante::rollout::owner::{Owner, OwnerKind};
use andante::rollout::posting::Posting;
use andante::rollout::splits::Tags;
use andante::rollout::start::keep::Keep;
use andante::rollout::start::pins::PinCame;
use andante::rollout::start::table::RunTable;
use andante::run::asking::PATIENCE;
use andante::run::ports::Cluster;
use andante::run::ports::runs::{PostsEvents, Runs};
use andante::run::start::act::{ActOptions, Acted, Actor};
use andante::run::start::look::look;
use andante::run::start::pin::pin;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

/// How long a run works.
pub(crate) const WORKS: Duration = Duration::from_secs(40);

/// A run that was made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) at: Duration,
    pub(crate) name: String,
    pub(crate) goal: String,
    /// The Service's uid.
    pub(crate) uid: String,
}

/// All runs, by name.
#[derive(Debug, Default)]
pub(crate) struct RunStore {
    objects: BTreeMap<String, (Duration, Value)>,
    pub(crate) made: Vec<Made>,
    /// What must never be.
    pub(crate) wrong: Vec<String>,
}

/// What a version of the Service says of the run that it names.
pub(crate) fn named(service: &Value) -> Option<String> {
    let status = StatusSeen::of(&Service::from_json(service).ok()?).into_status()?;
    status.run.map(|run| run.name.to_string())
}

impl State {
    /// What a run looks like now.
    fn run_now(&self, made: Duration, object: &Value) -> Value {
        let mut run = object.clone();
        if self.now() >= made + WORKS {
            run["status"] = json!({"conditions": [{"type": "Succeeded", "status": "True"}]});
        }
        run
    }

    /// Runs go with their Service.
    fn collect_runs(&mut self) {
        let uid = self.service.as_ref().map(|service| service["metadata"]["uid"].clone());
        self.run_store
            .objects
            .retain(|_, (_, run)| Some(&run["metadata"]["ownerReferences"][0]["uid"]) == uid.as_ref());
    }

    /// All runs as they are now.
    pub(crate) fn runs_now(&mut self) -> Vec<Value> {
        self.collect_runs();
        self.run_store.objects.values().map(|(made, run)| self.run_now(*made, run)).collect()
    }

    fn get_run(&mut self, name: &str) -> Result<Value, ApiError> {
        self.collect_runs();
        let found = self.run_store.objects.get(name).map(|(made, run)| self.run_now(*made, run));
        found.ok_or_else(|| ApiError::NotFound(format!("pipelineruns {name}")))
    }

    fn create_run(&mut self, object: &Value) -> Result<Value, ApiError> {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        if self.get_run(&name).is_ok() {
            return Err(ApiError::Exists(format!("pipelineruns {name}")));
        }
        let (at, number) = (self.now(), self.fresh_uid());
        let mut run = object.clone();
        run["metadata"]["uid"] = json!(format!("run-{number}"));
        run["metadata"]["creationTimestamp"] = json!(time::text(at));
        let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let made = Made {
            at,
            name: name.clone(),
            goal: text("/metadata/labels/andante.dev~1goal"),
            uid: text("/metadata/ownerReferences/0/uid"),
        };
        if !self.log.writes.iter().any(|write| named(&write.after).as_ref() == Some(&name)) {
            self.run_store.wrong.push(format!("{name} is made before the Service names it"));
        }
        if self.run_store.made.iter().any(|before| before.name == name) {
            self.run_store.wrong.push(format!("{name} is made twice"));
        }
        self.run_store.made.push(made);
        self.run_store.objects.insert(name, (at, run.clone()));
        self.bump();
        Ok(run)
    }

    fn delete_run(&mut self, name: &str, uid: &str) -> Result<(), ApiError> {
        let run = self.get_run(name)?;
        if run["metadata"]["uid"] != uid {
            return Err(ApiError::Refused(format!("pipelineruns {name}")));
        }
        let service = self.service.clone().unwrap_or_default();
        let mut wrong = vec![];
        if run["status"].is_null() {
            wrong.push("works");
        }
        if named(&service).as_deref() == Some(name) {
            wrong.push("is the one that the Service names");
        }
        let open = check::record(&service).filter(|record| record.phase.is_open());
        if open.is_some_and(|record| record.owner.name == format!("ns/{name}")) {
            wrong.push("has an open rollout");
        }
        self.run_store.wrong.extend(wrong.into_iter().map(|why| format!("{name} is deleted, which {why}")));
        self.run_store.objects.remove(name);
        self.bump();
        Ok(())
    }
}

/// What a process of `start` sees of the cluster.
#[derive(Clone)]
pub(crate) struct Starter {
    pub(crate) handle: Handle,
    namespace: Namespace,
}

impl Runs for Starter {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    async fn service(&self, _: &ServiceName) -> Result<Value, ApiError> {
        self.handle.service().await
    }

    async fn patch_service(&self, _: &ServiceName, patch: &Value) -> Result<Value, ApiError> {
        self.handle.patch_service(patch).await
    }

    async fn namespace_annotations(&self) -> Result<Value, ApiError> {
        Cluster::namespace_annotations(&self.handle).await
    }

    async fn config_map(&self, name: &str) -> Result<Value, ApiError> {
        let error = ApiError::NotFound(format!("configmaps {name}"));
        self.handle.call("get configmaps", |_| Err(error)).await.map(|(v, _)| v)
    }

    async fn object(&self, kind: &ApiKind, name: &str) -> Result<Value, ApiError> {
        let (pipeline, name) = (kind.kind == "Pipeline", name.to_owned());
        let get = move |s: &mut State| if pipeline { Ok(json!({"spec": {}})) } else { s.get_run(&name) };
        self.handle.call("get objects", get).await.map(|(v, _)| v)
    }

    async fn create_object(&self, _: &ApiKind, _: &str, object: &Value) -> Result<Value, ApiError> {
        let object = object.clone();
        self.handle.call("create runs", move |s| s.create_run(&object)).await.map(|(v, _)| v)
    }

    async fn merge_object(&self, _: &ApiKind, name: &str, _: &Value) -> Result<Value, ApiError> {
        // A run that is cancelled is over some time later, as any.
        let name = name.to_owned();
        self.handle.call("patch runs", move |s| s.get_run(&name)).await.map(|(v, _)| v)
    }

    async fn labelled(
        &self,
        kind: &ApiKind,
        _: &str,
        kept: impl Fn(Value) -> Option<Value>,
    ) -> Result<Vec<Value>, ApiError> {
        if kind.kind == "Revision" {
            return Ok(self.handle.revisions().await?.items.into_iter().filter_map(kept).collect());
        }
        let list = self.handle.call("list runs", |s| Ok(s.runs_now())).await.map(|(v, _)| v)?;
        Ok(list.into_iter().filter_map(kept).collect())
    }

    async fn delete_object(&self, _: &ApiKind, name: &str, uid: &str) -> Result<(), ApiError> {
        let (name, uid) = (name.to_owned(), uid.to_owned());
        self.handle.call("delete runs", move |s| s.delete_run(&name, &uid)).await.map(drop)
    }
}

/// Events are told to nobody here.
#[derive(Debug)]
struct Unposted;

impl PostsEvents for Unposted {
    fn post(&self, _: Posting) {}
}

/// One process of `start` that was ended by itself: what it came to, and how many calls it made.
pub(crate) struct Began {
    pub(crate) came: Option<Result<Acted, ApiError>>,
    pub(crate) calls: usize,
}

/// The shipped table. Reading it costs more than a whole start.
static TABLE: OnceLock<RunTable> = OnceLock::new();

/// Looks and acts once, and again where somebody was faster; none if it is killed.
pub(crate) async fn start(world: &World, label: &str, script: Script, keep: usize) -> Began {
    let starter = Starter { handle: Handle::new(world, label, script), namespace: "ns".parse().unwrap() };
    let clock: SimClock = world.clock();
    let options = ActOptions { dry_run: false, cancel_older: true, keep: Keep::Newest(keep), patience: PATIENCE };
    let actor = Actor { options, cluster: &starter, clock: &clock, poster: &Unposted };
    let (table, name): (_, ServiceName) = (TABLE.get_or_init(RunTable::shipped), world.name().parse().unwrap());
    let work = async {
        for _ in 0..5 {
            let looked = look(PATIENCE, &starter, &name, table).await?;
            match actor.act(&looked, false).await? {
                Acted::Overtaken(_) => {}
                acted => return Ok(acted),
            }
        }
        Ok(Acted::Overtaken(None))
    };
    let came = tokio::select! {
        biased;
        () = starter.handle.killed() => None,
        came = work => Some(came),
    };
    Began { came, calls: starter.handle.calls() }
}

/// Names users once, as whoever follows does when they see the Service; none if it is killed.
pub(crate) async fn name_users(
    world: &World,
    label: &str,
    script: Script,
) -> (Option<Result<PinCame, ApiError>>, usize) {
    let starter = Starter { handle: Handle::new(world, label, script), namespace: "ns".parse().unwrap() };
    let clock: SimClock = world.clock();
    let name: ServiceName = world.name().parse().unwrap();
    let id: String = (0..8).map(|_| fastrand::lowercase()).collect();
    let goal = AdoptGoal {
        service: name.clone(),
        declares: vec![],
        tags: Tags::usual(&name),
        id: id.parse().unwrap(),
        dry_run: false,
        names_only: true,
    };
    let owner = Owner { kind: OwnerKind::Person, name: label.into(), uid: label.into() };
    let asker = Asker { owner, intent: Timestamp::UNIX_EPOCH, if_busy: IfBusy::Fail, force: false };
    let machine = Adopt::new(goal, Claimant::new(asker, id));
    let came = tokio::select! {
        biased;
        () = starter.handle.killed() => None,
        came = pin(&starter, &name, machine, &clock) => Some(came.map(|(came, _)| came)),
    };
    (came, starter.handle.calls())
}

/// A Service that serves and declares a pipeline, looked at once.
pub(crate) async fn declared(world: &World) {
    world.deploy(&world.plain("ok:1")).await;
    world.declare("pipeline", Some("ship-it"));
    start(world, "first", Script::default(), 10).await;
}

/// A version of the Service, and when it began.
pub(crate) fn versions(world: &World) -> Vec<(Duration, Rc<Value>)> {
    world.with(|s| s.log.writes.iter().map(|write| (write.at, write.after.clone())).collect())
}

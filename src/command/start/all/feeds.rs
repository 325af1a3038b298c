//! What is followed where all Services are: the Services, each kind of run, and namespaces, of every object only what a turn needs.
//!
//! Decides what is kept of an object. It may use every room.

use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Kube, ObjectWatch, Selection};
use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::name::Namespace;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::declaration::suspend::Suspended;
use crate::rollout::start::due::{Glance, ServiceKey, glance};
use crate::rollout::start::over::RunKind;
use crate::rollout::start::queue::RunKey;
use crate::rollout::start::table::RunTable;
use crate::rollout::start::whose::{selector, service_of};
use crate::run::ports::{Clock, List};
use crate::run::watch::Watchable;
use serde_json::{Value, json};

/// Which run this is, whose, and whether it is over; none of what was not started for a Service.
pub(super) fn seen(kind: &RunKind, object: &Value) -> Option<(RunKey, ServiceKey, bool)> {
    let (seen, service) = (kind.seen(object)?, service_of(object)?);
    let key = (kind.kind.kind.clone(), service.namespace.to_string(), seen.name.to_string());
    Some((key, service, seen.state.is_over()))
}

/// The run in a few words, if it works.
pub(super) fn working(kind: &RunKind, object: &Value) -> Option<Value> {
    let (key, service, over) = seen(kind, object)?;
    (!over).then(|| json!([key, service.namespace, service.name]))
}

/// The runs of Services, of this namespace or of all.
pub(super) fn runs(kind: &RunKind, namespace: Option<&Namespace>) -> Selection {
    let labels = Some(selector(None));
    Selection { kind: kind.kind.clone(), namespace: namespace.cloned(), labels, name: None }
}

/// A run that works and whose it is, of its few words.
pub(super) fn run_of(words: &Value) -> Option<(RunKey, ServiceKey)> {
    let (key, namespace, name) = serde_json::from_value(words.clone()).ok()?;
    Some((key, ServiceKey { namespace, name }))
}

/// All Services, of this namespace or of all.
pub(super) fn services(namespace: Option<&Namespace>) -> Selection {
    let kind = ApiKind::usual("serving.knative.dev/v1", "Service");
    Selection { kind, namespace: namespace.cloned(), labels: None, name: None }
}

/// What is to be known of a Service, in a few words; none where that is nothing.
pub(super) fn glanced(object: &Value, table: &Result<RunTable, Fault>) -> Option<Value> {
    let Glance { key, wish, unreadable, deadline, unnamed } = glance(object, table, true, SystemClock.now())?;
    let nothing = wish.is_none() && !unreadable && deadline.is_none() && !unnamed;
    (!nothing).then(|| json!([key.namespace, key.name, wish, unreadable, deadline, unnamed]))
}

/// The same of those words.
pub(super) fn glance_of(words: &Value) -> Option<Glance> {
    let (namespace, name, wish, unreadable, deadline, unnamed) = serde_json::from_value(words.clone()).ok()?;
    Some(Glance { key: ServiceKey { namespace, name }, wish, unreadable, deadline, unnamed })
}

/// All Services, each at a glance.
pub(super) struct Glanced<'a> {
    pub(super) kube: &'a Kube,
    pub(super) of: Selection,
    pub(super) table: Result<RunTable, Fault>,
}

impl Watchable for Glanced<'_> {
    type Watch = ObjectWatch;
    async fn read(&self) -> Result<List, ApiError> {
        self.kube.list_objects(&self.of, |object| glanced(&object, &self.table)).await
    }
    async fn watch(&self, version: &str) -> Result<ObjectWatch, ApiError> {
        self.kube.watch_objects(&self.of, version).await
    }
}

/// This namespace, or all.
pub(super) fn spaces(namespace: Option<&Namespace>) -> Selection {
    let name = namespace.map(ToString::to_string);
    Selection { kind: ApiKind::usual("v1", "Namespace"), namespace: None, labels: None, name }
}

/// The name of a namespace that is suspended.
pub(super) fn suspends(object: &Value) -> Option<Value> {
    let annotations = object.pointer("/metadata/annotations");
    annotations.and_then(Suspended::of_namespace)?;
    object.pointer("/metadata/name").cloned()
}

/// Namespaces; those that are suspended are kept.
pub(super) struct Spaces<'a> {
    pub(super) kube: &'a Kube,
    pub(super) of: Selection,
}

impl Watchable for Spaces<'_> {
    type Watch = ObjectWatch;
    async fn read(&self) -> Result<List, ApiError> {
        self.kube.list_objects(&self.of, |object| suspends(&object)).await
    }
    async fn watch(&self, version: &str) -> Result<ObjectWatch, ApiError> {
        self.kube.watch_objects(&self.of, version).await
    }
}

/// Runs that work.
pub(super) struct Working<'a> {
    pub(super) kube: &'a Kube,
    pub(super) of: Selection,
    pub(super) kind: RunKind,
}

impl Watchable for Working<'_> {
    type Watch = ObjectWatch;
    async fn read(&self) -> Result<List, ApiError> {
        self.kube.list_objects(&self.of, |object| working(&self.kind, &object)).await
    }
    async fn watch(&self, version: &str) -> Result<ObjectWatch, ApiError> {
        self.kube.watch_objects(&self.of, version).await
    }
}

//! What starting a run needs of the API server, in one namespace.

use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::name::{Namespace, ServiceName};
use crate::rollout::posting::Posting;
use serde_json::Value;
use std::fmt::Debug;

/// The API server, as far as the runs of one namespace's Services are concerned. Every call is one attempt.
pub trait Runs {
    /// The namespace of all of it.
    fn namespace(&self) -> &Namespace;
    /// GET of a Service.
    fn service(&self, name: &ServiceName) -> impl Future<Output = Result<Value, ApiError>>;
    /// PATCH of a Service with a JSON patch.
    fn patch_service(&self, name: &ServiceName, patch: &Value) -> impl Future<Output = Result<Value, ApiError>>;
    /// The annotations of the namespace.
    fn namespace_annotations(&self) -> impl Future<Output = Result<Value, ApiError>>;
    /// The data of the namespace's own ConfigMap of this name.
    fn config_map(&self, name: &str) -> impl Future<Output = Result<Value, ApiError>>;
    /// GET of an object.
    fn object(&self, kind: &ApiKind, name: &str) -> impl Future<Output = Result<Value, ApiError>>;
    /// POST of an object.
    fn create_object(
        &self,
        kind: &ApiKind,
        name: &str,
        object: &Value,
    ) -> impl Future<Output = Result<Value, ApiError>>;
    /// PATCH of an object by a merge patch.
    fn merge_object(&self, kind: &ApiKind, name: &str, patch: &Value) -> impl Future<Output = Result<Value, ApiError>>;
    /// LIST of the objects that this label selector chooses; of each what `kept` makes of it.
    fn labelled(
        &self,
        kind: &ApiKind,
        labels: &str,
        kept: impl Fn(Value) -> Option<Value>,
    ) -> impl Future<Output = Result<Vec<Value>, ApiError>>;
    /// DELETE of the object that has this name and this uid.
    fn delete_object(&self, kind: &ApiKind, name: &str, uid: &str) -> impl Future<Output = Result<(), ApiError>>;
}

/// Takes what is worth a Kubernetes Event; nobody waits for it.
pub trait PostsEvents: Debug {
    /// Posts it, some time.
    fn post(&self, posting: Posting);
}

//! The adapter behind [`Runs`]: objects of any kind, in the namespace that is used.
//!
//! Decides nothing. Depends on requests and the ports.

use super::{Kube, Selection};
use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::name::{Namespace, ServiceName};
use crate::run::ports::Cluster;
use crate::run::ports::runs::Runs;
use serde_json::Value;

impl Runs for Kube {
    fn namespace(&self) -> &Namespace {
        Self::namespace(self)
    }

    async fn service(&self, name: &ServiceName) -> Result<Value, ApiError> {
        Self::service(self, name.clone()).service().await
    }

    async fn patch_service(&self, name: &ServiceName, patch: &Value) -> Result<Value, ApiError> {
        Self::service(self, name.clone()).patch_service(patch).await
    }

    async fn namespace_annotations(&self) -> Result<Value, ApiError> {
        Self::namespace_annotations(self).await
    }

    async fn config_map(&self, name: &str) -> Result<Value, ApiError> {
        Self::config_map(self, Self::namespace(self), name).await
    }

    async fn object(&self, kind: &ApiKind, name: &str) -> Result<Value, ApiError> {
        Self::object(self, kind, name).await
    }

    async fn create_object(&self, kind: &ApiKind, name: &str, object: &Value) -> Result<Value, ApiError> {
        Self::create_object(self, kind, name, object).await
    }

    async fn merge_object(&self, kind: &ApiKind, name: &str, patch: &Value) -> Result<Value, ApiError> {
        Self::merge_object(self, kind, name, patch).await
    }

    async fn labelled(
        &self,
        kind: &ApiKind,
        labels: &str,
        kept: impl Fn(Value) -> Option<Value>,
    ) -> Result<Vec<Value>, ApiError> {
        let namespace = Some(Self::namespace(self).clone());
        let of = Selection { kind: kind.clone(), namespace, labels: Some(labels.to_owned()), name: None };
        Ok(self.list_objects(&of, kept).await?.items)
    }

    async fn delete_object(&self, kind: &ApiKind, name: &str, uid: &str) -> Result<(), ApiError> {
        Self::delete_object(self, kind, name, uid).await
    }
}

//! What the API server has granted this process: a refusal of what it allowed before may pass.
//!
//! A role binding that is deleted and made again, or a token that is replaced, takes a right away for some seconds, and a walk
//! that ended at the first 401 or 403 would leave users on the candidate. A right that was never there is not waited for.
//! Decides which of the two a refusal is, by kind of call: to read is not to write. Depends on the ports.

use super::ports::{Cluster, List, NamedKind};
use crate::model::api_error::ApiError;
use crate::model::bytes::Meaning;
use crate::model::ending::Ending;
use crate::model::name::{Namespace, RevisionName};
use crate::rollout::owner::{Liveness, Owner};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What a right is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    GetService,
    CreateService,
    PatchService,
    WatchService,
    PatchRevisions,
    ListRevisions,
    WatchRevisions,
    GetConfiguration,
    ListPods,
}

/// An API server, and what it has granted so far. One that is wrapped once more answers as the inner one does, so that several
/// machines of one process may share what was granted.
#[derive(Debug)]
pub(crate) struct Granted<'a, C> {
    cluster: &'a C,
    had: RefCell<BTreeSet<Need>>,
}

impl<'a, C> Granted<'a, C> {
    /// Nothing was granted yet.
    pub(crate) fn new(cluster: &'a C) -> Self {
        Self { cluster, had: RefCell::default() }
    }

    /// Notes what was granted, and tells a right that is gone from one that never was. Calls come boxed: each layer would else
    /// hold the whole call twice.
    async fn note<T>(&self, need: Need, call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let answer = call.await;
        match &answer {
            Err(ApiError::Forbidden(text)) if self.had.borrow().contains(&need) => {
                return Err(ApiError::Withdrawn(text.clone()));
            }
            // Who may is asked before anything else, so every other judgement of the request shows that it was granted.
            Ok(_)
            | Err(
                ApiError::NotFound(_)
                | ApiError::Exists(_)
                | ApiError::Refused(_)
                | ApiError::Conflict(_)
                | ApiError::Invalid(_)
                | ApiError::Gone,
            ) => {
                self.had.borrow_mut().insert(need);
            }
            Err(_) => {}
        }
        answer
    }
}

impl<C: Cluster> Cluster for Granted<'_, C> {
    type Watch = C::Watch;

    fn namespace(&self) -> Option<&Namespace> {
        self.cluster.namespace()
    }

    async fn service(&self) -> Result<Value, ApiError> {
        self.note(Need::GetService, Box::pin(self.cluster.service())).await
    }

    async fn create_service(&self, object: &Value) -> Result<Value, ApiError> {
        self.note(Need::CreateService, Box::pin(self.cluster.create_service(object))).await
    }

    async fn patch_service(&self, patch: &Value) -> Result<Value, ApiError> {
        self.note(Need::PatchService, Box::pin(self.cluster.patch_service(patch))).await
    }

    async fn would_store(&self, patch: &Value) -> Result<Value, ApiError> {
        self.note(Need::PatchService, Box::pin(self.cluster.would_store(patch))).await
    }

    async fn patch_revision(&self, name: &RevisionName, patch: &Value) -> Result<Value, ApiError> {
        self.note(Need::PatchRevisions, Box::pin(self.cluster.patch_revision(name, patch))).await
    }

    async fn watch_service(&self, version: &str) -> Result<C::Watch, ApiError> {
        self.note(Need::WatchService, Box::pin(self.cluster.watch_service(version))).await
    }

    async fn revisions(&self) -> Result<List, ApiError> {
        self.note(Need::ListRevisions, Box::pin(self.cluster.revisions())).await
    }

    async fn watch_revisions(&self, version: &str) -> Result<C::Watch, ApiError> {
        self.note(Need::WatchRevisions, Box::pin(self.cluster.watch_revisions(version))).await
    }

    async fn configuration(&self) -> Result<Value, ApiError> {
        self.note(Need::GetConfiguration, Box::pin(self.cluster.configuration())).await
    }

    async fn pods(&self, name: &RevisionName) -> Result<Vec<Value>, ApiError> {
        self.note(Need::ListPods, Box::pin(self.cluster.pods(name))).await
    }

    async fn meaning(&self, image: &str, template: &Value) -> Meaning {
        self.cluster.meaning(image, template).await
    }

    async fn named(&self, kind: NamedKind, name: &str) -> Result<Value, ApiError> {
        self.cluster.named(kind, name).await
    }

    // Optional, so it is not waited for where it was taken away.
    async fn namespace_annotations(&self) -> Result<Value, ApiError> {
        self.cluster.namespace_annotations().await
    }

    async fn ending(&self) -> Option<Ending> {
        self.cluster.ending().await
    }

    async fn liveness(&self, owner: &Owner) -> Liveness {
        self.cluster.liveness(owner).await
    }
}

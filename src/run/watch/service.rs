//! The two things that are followed of a target, the Service itself and its Revisions, and how news of them changes what is
//! known.
//!
//! Decides that a Service that is not there is a state and no failure. Depends on the ports and the world.

use super::{News, Watchable};
use crate::machine::world::World;
use crate::model::api_error::ApiError;
use crate::model::observed::{Revision, Service};
use crate::run::ports::{Cluster, List};
use serde_json::Value;

/// The Service.
pub(crate) struct Services<'a, C>(pub(crate) &'a C);
/// Its Revisions.
pub(crate) struct Revisions<'a, C>(pub(crate) &'a C);

impl<C: Cluster> Watchable for Services<'_, C> {
    type Watch = C::Watch;
    async fn read(&self) -> Result<List, ApiError> {
        match self.0.service().await {
            Ok(object) => {
                let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                Ok(List { version: version.unwrap_or_default().to_owned(), items: vec![object] })
            }
            // From version 0 a watch begins with what there is, so that a Service that is made meanwhile is not missed.
            Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => Ok(List { items: vec![], version: "0".into() }),
            Err(error) => Err(error),
        }
    }
    async fn watch(&self, version: &str) -> Result<C::Watch, ApiError> {
        self.0.watch_service(version).await
    }
}

impl<C: Cluster> Watchable for Revisions<'_, C> {
    type Watch = C::Watch;
    async fn read(&self) -> Result<List, ApiError> {
        self.0.revisions().await
    }
    async fn watch(&self, version: &str) -> Result<C::Watch, ApiError> {
        self.0.watch_revisions(version).await
    }
}

/// Takes a Service as the API wrote it.
pub(crate) fn see_service(world: &mut World, object: &Value) -> Result<(), ApiError> {
    let service = Service::from_json(object).map_err(|e| ApiError::Invalid(e.to_string()))?;
    world.see_service(service);
    Ok(())
}

/// Takes news of the Service; trouble is handed back.
pub(crate) fn service_news(world: &mut World, news: News) -> Result<(), ApiError> {
    match news {
        News::Trouble(error) => return Err(error),
        News::Fine => {}
        News::Now(object) => see_service(world, &object)?,
        News::Deleted(object) => world.lose_service(object.pointer("/metadata/uid").and_then(Value::as_str)),
        News::All(list) => match list.first() {
            Some(object) => see_service(world, object)?,
            None => world.lose_service(None),
        },
    }
    Ok(())
}

/// Takes news of the Revisions; trouble is handed back.
pub(crate) fn revision_news(world: &mut World, news: News) -> Result<(), ApiError> {
    match news {
        News::Trouble(error) => return Err(error),
        News::Fine => {}
        News::Now(object) => {
            // A Revision that cannot be read is as good as none, and must not stop the walk of two others.
            if let Ok(revision) = Revision::from_json(&object) {
                world.see_revision(revision);
            }
        }
        News::Deleted(object) => {
            if let Ok(revision) = Revision::from_json(&object) {
                world.revisions.remove(&revision.name);
            }
        }
        News::All(list) => world.see_revisions(list.iter().filter_map(|o| Revision::from_json(o).ok())),
    }
    Ok(())
}

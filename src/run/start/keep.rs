//! Deletes finished runs of a Service that are more than are kept, when one more was made.
//!
//! Decides that they are listed first, the Service is read then, and only then one is deleted: a run that somebody names meanwhile is
//! seen to be named. What cannot be done of it is a sentence. Depends on the ports.

use super::act::Actor;
use super::look::Looked;
use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::observed::Service;
use crate::rollout::start::due::ServiceKey;
use crate::rollout::start::keep::{Keep, OldRun, finished, spared, surplus};
use crate::rollout::start::whose::selector;
use crate::run::ports::Clock;
use crate::run::ports::runs::Runs;
use serde_json::Value;

impl<R: Runs, K: Clock> Actor<'_, R, K> {
    /// Deletes what is too much of this kind; what came of it, in a sentence, if anything was to be done.
    pub(super) async fn keep(&self, looked: &Looked, kind: &ApiKind) -> Option<String> {
        let Keep::Newest(most) = self.options.keep else { return None };
        let name = &looked.service.name;
        let what = format!("finished {} of {name} beyond the newest {most}", kind.resource);
        match self.too_many(looked, kind, most).await {
            Ok(old) => self.delete(kind, &old).await.map(|came| match came {
                Ok(names) => format!("{what} are deleted: {names}"),
                Err(error) => format!("{what} stay: {error}"),
            }),
            Err(error) => Some(format!("{what} are not looked for: {error}")),
        }
    }

    async fn too_many(&self, looked: &Looked, kind: &ApiKind, most: usize) -> Result<Vec<OldRun>, ApiError> {
        let (name, uid) = (&looked.service.name, &looked.service.uid);
        let Some(of) = looked.table.as_ref().ok().and_then(|table| table.run_kind(&kind.kind)) else {
            return Ok(Vec::new());
        };
        let key = ServiceKey { namespace: looked.namespace.clone(), name: name.clone() };
        let labels = selector(Some(name));
        let kept = |run: Value| finished(&of, &run, &key, uid);
        let list = match self.answered(async || self.cluster.labelled(kind, &labels, kept).await).await {
            // What was just made is of it, so there is such a kind.
            Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => return Ok(Vec::new()),
            list => list?,
        };
        let old = surplus(&list, most);
        if old.is_empty() {
            return Ok(old);
        }
        let object = match self.answered(async || self.cluster.service(name).await).await {
            // They go with it.
            Err(ApiError::NotFound(_)) => return Ok(Vec::new()),
            object => object?,
        };
        let service = Service::from_json(&object).map_err(|error| ApiError::Invalid(error.to_string()))?;
        Ok(spared(old, &service, uid, &looked.namespace))
    }

    /// The names of those that are gone then; none where nothing was to be deleted.
    async fn delete(&self, kind: &ApiKind, old: &[OldRun]) -> Option<Result<String, ApiError>> {
        let mut names = Vec::new();
        for OldRun { name, uid, .. } in old {
            match self.answered(async || self.cluster.delete_object(kind, name, uid).await).await {
                // Somebody else deleted it, and perhaps it is another one by now.
                Ok(()) | Err(ApiError::NotFound(_) | ApiError::Refused(_)) => names.push(name.as_str()),
                Err(error) => return Some(Err(error)),
            }
        }
        (!names.is_empty()).then(|| Ok(names.join(", ")))
    }
}

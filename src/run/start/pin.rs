//! Names users of a Service in care: looks, and makes the one write that [`crate::machine::care::adopt`] decides.
//!
//! Decides what an answer means here: whoever was faster has an event of their own, so nothing is asked again. Depends on the ports
//! and that machine.

use super::look::namespace_suspends;
use crate::machine::care::adopt::Adopt;
use crate::machine::next::{Machine, Next};
use crate::machine::world::World;
use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::event::Log;
use crate::model::name::ServiceName;
use crate::model::observed::{Revision, Service};
use crate::rollout::declaration::read::Stated;
use crate::rollout::start::pin::is_due;
use crate::rollout::start::pins::PinCame;
use crate::run::ports::Clock;
use crate::run::ports::runs::Runs;
use serde_json::Value;
use std::time::Duration;

/// Names users, if that is still due and can be done now; what was written, in a sentence. Each call is one attempt.
///
/// # Errors
///
/// A call that failed, but for a Service that is gone and a write that somebody was faster than.
pub async fn pin(
    cluster: &impl Runs,
    name: &ServiceName,
    mut machine: Adopt,
    clock: &impl Clock,
) -> Result<(PinCame, Option<String>), ApiError> {
    let left = Ok((PinCame::Left, None));
    let object = match cluster.service(name).await {
        Ok(object) => object,
        Err(ApiError::NotFound(_)) => return left,
        Err(error) => return Err(error),
    };
    let Ok(service) = Service::from_json(&object) else { return left };
    if !is_due(&service, &Stated::of_json(&object).read()) {
        return left;
    }
    match namespace_suspends(Duration::ZERO, cluster).await? {
        Ok(None) => {}
        Ok(Some(_)) | Err(_) => return Ok((PinCame::Held, None)),
    }
    let mut world = World::of(Some(cluster.namespace().clone()));
    world.see_service(service);
    let kind = ApiKind::usual("serving.knative.dev/v1", "Revision");
    let revisions =
        cluster.labelled(&kind, &format!("serving.knative.dev/service={name}"), |object| Some(light(object))).await?;
    world.see_revisions(revisions.iter().filter_map(|object| Revision::from_json(object).ok()));
    let Next::Write(order) = machine.decide(&world, clock.now(), &mut Log::default()) else { return left };
    match cluster.patch_service(name, &order.patch).await {
        Ok(_) => Ok((PinCame::Pinned, Some(order.what.text))),
        Err(ApiError::Refused(_) | ApiError::NotFound(_)) => left,
        Err(error) => Err(error),
    }
}

/// A Revision without its longest part that nothing is decided by: there may be a thousand.
fn light(mut object: Value) -> Value {
    if let Some(fields) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        fields.remove("managedFields");
    }
    object
}

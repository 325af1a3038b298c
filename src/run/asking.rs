//! Questions to the API server that are asked outside of a rollout, too.
//!
//! Decides how long one is asked again while what failed may pass, and what answers about a name come to. Depends on the
//! ports and the runtime's timer.

use super::watch::delays;
use crate::machine::world::NameHolder;
use crate::model::api_error::ApiError;
use crate::model::name::ServiceName;
use crate::run::ports::NamedKind;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// A person who asks a question wants to know soon that nobody answers.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Asks until there is an answer, for so long at most; what no time mends ends it at once.
pub(crate) async fn answered_within<T>(
    limit: Duration,
    mut call: impl AsyncFnMut() -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    // The first answer of an API server may set the clock.
    let began = Instant::now();
    let mut pauses = delays();
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let pause = pauses.next().unwrap_or(PATIENCE);
        if !error.is_passing() || began.elapsed() + pause > limit {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Who has a name that the placeholder of a tag of `service` needs; `get` asks for the object of that name. The rights are
/// optional, so no failure of these calls is trouble: what cannot be read now shows once Knative tries.
pub(crate) async fn holder_of(
    service: Option<&ServiceName>,
    mut get: impl AsyncFnMut(NamedKind) -> Result<Value, ApiError>,
) -> NameHolder {
    let placeholder = get(NamedKind::Service).await;
    if let Ok(object) = &placeholder {
        let ours = service.is_some_and(|service| owning_route(object) == Some(service.as_str()));
        return if ours { NameHolder::Nobody } else { NameHolder::Other("a Service") };
    }
    // One that is not ready yet has no placeholder yet, and would then be the one that cannot have it.
    if get(NamedKind::KnativeService).await.is_ok() {
        return NameHolder::Other("a Knative Service");
    }
    if matches!(placeholder, Err(ApiError::NotFound(_))) {
        return NameHolder::Nobody;
    }
    match get(NamedKind::Route).await {
        Ok(_) => NameHolder::Other("a Route"),
        Err(_) => NameHolder::Unknown,
    }
}

/// The Route that owns a placeholder.
fn owning_route(object: &Value) -> Option<&str> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
    let route = owners.iter().find(|o| o["kind"] == "Route" && o["controller"] == true)?;
    route["name"].as_str()
}

//! Questions to the API server outside of a rollout: asked again while what failed may pass.
//!
//! Decides how long. Depends on the ports and the runtime's timer.

use super::watch::delays;
use crate::model::api_error::ApiError;
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

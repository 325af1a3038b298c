//! Questions to the API server outside of a rollout, as long as the flags say.
//!
//! Decides how long a command is patient. It may use every room.

pub(super) use crate::run::asking::answered_within;

use crate::cli::ClusterArgs;
use crate::model::api_error::ApiError;
use crate::run::asking::PATIENCE;

/// Asks until there is an answer, for a short while.
pub(super) async fn answered<T>(
    args: &ClusterArgs,
    call: impl AsyncFnMut() -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    answered_within(PATIENCE.min(args.patience), call).await
}

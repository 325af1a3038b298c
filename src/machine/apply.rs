//! A Service's file on its way into the cluster (`andante apply`): what is sent of it, and what a dry run of that showed.
//!
//! ```text
//! file -> WantedService -> body (with what stands there) -> dry run -> Foreseen: who would be overruled, what would change, who walks it
//! ```
//!
//! Decides what of a file is its owner's to say, whose fields it may take over, and that a template never reaches users of a Service
//! in care: where they follow latest, the Service is adopted first. A split is left to the walk while one is in charge of it. It
//! may use declarations, records and observed objects.

mod body;
mod foreseen;
mod owned;
pub(crate) mod prune;
#[cfg(test)]
mod tests;

pub use body::WantedService;
pub use foreseen::{ApplyChange, DryRun, Foreseen, Walker};

use crate::machine::outcomes::denied;
use crate::model::api_error::ApiError;
use crate::model::outcome::{Code, Outcome};
use crate::model::writers::OwnedField;

/// What a refusal of the API server means for a file.
pub fn refusal(error: &ApiError) -> Outcome {
    let mut outcome = denied(error);
    match error {
        ApiError::Conflict(fields) => return conflict(fields),
        // A Service that is not there is made, so what is not there is its namespace.
        ApiError::NotFound(_) => {
            outcome = Outcome::new(Code::BadState, error.to_string()).next("is there such a namespace?");
        }
        ApiError::Refused(_) => {
            outcome = Outcome::new(Code::Busy, format!("{error}, each time")).next("run the same again");
        }
        error if error.forbids_declaring() => outcome.ends_as(Code::NotPermitted),
        _ => {}
    }
    outcome
}

/// The end of a file that would change what others own.
pub fn conflict(fields: &[OwnedField]) -> Outcome {
    let named: Vec<String> = fields.iter().map(ToString::to_string).collect();
    let what = format!("the file says otherwise than others who wrote it: {}", named.join(", "));
    let managers: Vec<&str> = fields.iter().map(|field| field.manager.as_str()).collect();
    let next = format!(
        "take their change into the file (`andante export` shows it), or take the fields over once with --take-over {}",
        managers.first().copied().unwrap_or_default()
    );
    Outcome::new(Code::TakenOver, what).next(next)
}

//! Makes the run that a Service's goal names: looks, does what [`crate::rollout::start`] decides, and keeps no more finished runs than
//! are wanted.
//!
//! Decides in which order the calls are made. A run is named on the Service before it is made: who is killed between the two is made
//! good by whoever asks next, and no run is there that nobody knows of. Depends on the ports and the runtime's timer.

pub mod act;
mod keep;
pub mod look;
pub mod pin;

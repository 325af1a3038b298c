//! The statistics of a walk: what counts of requests say about a candidate beside stable, with bounded error.
//!
//! Everything here is arithmetic on counts: no clock, no input or output. Evidence is a sum of whole numbers ([`Nats`]), so
//! it does not depend on the order in which gateways are added, and it is the same bit for bit after it was saved and
//! loaded. What cannot be computed is [`Trouble`], which never speaks for a candidate. The formulas are e-values: each is
//! valid however often one looks, whatever the traffic, the steps and the moment of stopping (Ville's inequality).
//! Depends on readings and serde only.

mod acceptance;
mod bound;
pub mod comparison;
mod conditional;
pub(crate) mod counts;
pub mod exposition;
pub mod forecast;
pub mod gate;
pub mod latency;
mod logs;
mod nats;
pub(crate) mod objective;
pub mod probe;
pub(crate) mod ramp;
pub mod reading;
pub(crate) mod rules;
mod saved;
pub mod series;
mod sharing;
pub mod sums;
pub(crate) mod verdict;
pub mod window;

pub use counts::{Counts, Table};
pub use nats::{Nats, Trouble};
pub use rules::{OnInconclusive, OnObjective, Rules, Tail};
pub use saved::{LeftOut, Saved};
pub use sums::Sums;

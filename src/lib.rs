//! Andante: safe rollouts of Knative Services.
//!
//! ```text
//! goal -> plan -> step -> gate -> verdict -> traffic write      and the record beside it
//! ```
//!
//! Pure modules decide: they take values and the time, and return values. Effects live in adapters behind the small
//! traits of [`ports`], and one runner ([`run`]) drives the machines. `ARCHITECTURE.md` is the map.

pub mod control;
pub mod event;
pub mod layout;
pub mod name;
pub mod observed;
pub mod outcome;
pub mod owner;
pub mod percent;
pub mod plan;
pub mod ports;
pub mod probe;
pub mod record;
pub mod split;
pub mod verdict;

//! Andante: safe rollouts of Knative Services.
//!
//! ```text
//! goal -> plan -> step -> gate -> verdict -> traffic write      and the record beside it
//! ```
//!
//! Pure modules decide: they take values and the time, and return values. Effects live in adapters behind the small
//! traits of [`ports`], and one runner ([`run`]) drives the machines. `ARCHITECTURE.md` is the map.

pub mod api_error;
mod begin;
pub mod check;
pub mod checkout;
pub mod claim;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod command;
pub mod control;
pub mod counting;
mod ending;
pub mod env;
pub mod event;
pub mod evidence;
pub mod exposition;
mod feed;
pub mod files;
pub mod gate;
pub mod health;
pub mod hold;
pub mod image;
pub mod judge;
pub mod layout;
pub mod machine;
pub mod manifest;
pub mod moves;
pub mod name;
pub mod observed;
pub mod outcome;
pub mod owner;
pub mod percent;
pub mod plan;
pub mod podwords;
pub mod ports;
pub mod preview;
pub mod probe;
pub mod prober;
pub mod proof;
mod proxy;
pub mod reading;
pub mod ready;
pub mod record;
pub mod reference;
pub mod registry;
pub mod rehearse;
pub mod report;
pub mod run;
pub mod settle;
pub mod signal;
pub mod source;
pub mod split;
pub mod stage;
pub mod status;
pub mod steer;
pub mod tekton;
pub mod template;
mod time;
pub mod tls;
pub mod verdict;
pub mod walk;
pub mod world;

/// The field manager under which every write is made.
pub const FIELD_MANAGER: &str = "andante";

//! Adapters: the only places with effects. Each implements a port of [`crate::run::ports`] or reads one kind of thing.
//!
//! This room decides how bytes become values, with bounds and with errors that may be printed, and nothing about a rollout.
//! The room may use `run` (the ports) and what is below it. Begin reading with [`cluster`], which alone knows the API
//! client.

pub mod checkout;
pub mod clock;
pub mod cluster;
pub(crate) mod content;
pub mod env;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod manifest;
pub mod metrics;
pub mod prober;
mod proxy;
pub mod registry;
pub mod signal;
pub mod source;
pub mod tekton;
pub mod tls;

//! Whether Kubernetes Events are posted.
//!
//! Decides syntax and default alone; [`crate::model::moment`] decides what an Event is posted for.

use clap::{Args, ValueEnum};

/// Whether Kubernetes Events are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EventsArg {
    /// They are, where there is a right to it.
    On,
    /// None is.
    Off,
}

/// Flags of whoever changes a Service.
#[derive(Debug, Clone, Args)]
pub struct EventsArgs {
    /// Kubernetes Events on the Service, as `kubectl describe` shows them. The right to post them is optional; without it none is
    /// posted, and nothing else changes.
    #[arg(long, value_enum, value_name = "on|off", default_value_t = EventsArg::On, hide_possible_values = true, help_heading = "Cluster")]
    pub events: EventsArg,
}

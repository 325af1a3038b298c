//! Andante: safe rollouts of Knative Services.
//!
//! ```text
//! goal -> plan -> step -> gate -> verdict -> traffic write      and the record beside it
//! ```
//!
//! The crate is a house of rooms, and each room may use only those below it (`tests/architecture.rs` holds the table):
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`command`] | a subcommand's goal from what was typed, its adapters, its exit code |
//! | [`cli`] | what was typed: clap's structs, nothing resolved |
//! | [`adapter`] | effects: the API server, HTTP, files, the clock, signals |
//! | [`view`] | what people see: `status`, `goal`, `plan`, `control`, `rehearse`; a Service as a file for Git (pure) |
//! | [`run`] | the runner that drives one machine, and the ports it drives it against |
//! | [`machine`] | the decisions: stage, walk, settle, check, into care and out of it (pure) |
//! | [`rollout`] | what a rollout is: its plan, record, owner, splits, and what a Service declares (pure) |
//! | [`evidence`], [`image`] | what counters and gates say; where an image goes (pure) |
//! | [`model`] | the values that everything shares: names, percents, splits, what was observed (pure) |
//!
//! `ARCHITECTURE.md` is the map; `docs/walkthrough.md` follows one rollout through it.

pub mod adapter;
pub mod cli;
pub mod command;
pub mod evidence;
pub mod image;
pub mod machine;
pub mod model;
pub mod rollout;
pub mod run;
pub mod view;

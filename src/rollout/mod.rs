//! What a rollout is: what a Service declares, its plan, its owner, the run that is started for it, every split that it may write, and the record that keeps all of it.
//!
//! This room decides the shape of what is declared, written and kept; the machines decide when it is written. The room may use
//! `evidence` (which a record saves) and `model`, and what is declared `image` as well. Begin reading with [`splits`] and [`plan`], then [`record`].

pub mod capacity;
pub mod control;
pub mod declaration;
pub mod goal;
pub mod goal_status;
pub(crate) mod hashed;
pub mod owner;
pub mod plan;
pub mod posting;
pub mod progress;
pub mod record;
pub mod splits;
pub mod start;
pub mod told;

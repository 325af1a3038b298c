//! What a rollout is: its plan, its owner, every split that it may write, and the record that keeps all of it.
//!
//! Decides the shape of what is written and kept; when it is written is the machines' affair. It may use `evidence` (which
//! a record saves) and `model`. Begin reading with [`splits`] and [`plan`], then [`record`].

pub mod control;
pub mod owner;
pub mod plan;
pub mod record;
pub mod splits;

//! The machines: given the world and the time, what to say and what to do next.
//!
//! [`stage`], [`walk`], [`settle`], `check` and those of [`care`] are machines ([`next::Machine`]). A machine decides by level, not by
//! edge: asked again with the same world it gives the same answer, so a lost answer, a restart or a missed event never
//! loses a decision. This room decides everything about traffic and performs nothing. It may use `rollout`, `evidence`
//! and `model`. Begin reading with [`next`], then [`walk`]; every write is built in `write`.

pub(crate) mod against;
pub mod apply;
mod by_goal;
pub(crate) mod capacity;
pub mod care;
pub(crate) mod check;
pub mod claim;
pub(crate) mod clash;
pub(crate) mod course;
pub(crate) mod finish;
pub mod foretold;
mod goal_write;
mod health;
pub mod judge;
mod last_split;
mod lost;
mod migration;
pub mod next;
pub(crate) mod others;
pub(crate) mod outcomes;
mod probing;
mod release;
pub(crate) mod replaying;
mod restore;
mod rollback;
pub mod settle;
pub mod stage;
pub mod standing;
mod unanswered;
pub(crate) mod unserved;
pub mod walk;
pub mod world;
mod write;

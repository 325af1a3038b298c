//! A rehearsal: the real walk and the real judge, on a virtual clock, against a service that is made up.
//!
//! Decides nothing about rollouts: it plays Knative, the gateway and the users, so that an owner can see what a plan
//! costs before anybody is moved. Chance comes from outside, so that the same seed is the same rehearsal. Golden walks
//! and the benchmark of decisions use the same [`Knative`]. It may use the machines.

mod behaviour;
mod chance;
mod histogram;
mod knative;
mod lasting;
mod patch;
mod play;
mod pods;
mod table;
mod traffic;

pub(crate) use behaviour::{
    AtItsAddress, Behaviour, Burst, ColdStart, GatewayEnds, Incident, PodFaults, Spell, Streams,
};
pub(crate) use chance::Chance;
pub use knative::Knative;
pub(crate) use play::{Played, midnight, play};
pub(crate) use pods::PodKind;
pub use table::{Mean, OutcomeRow, RehearsalTable};

//! A rehearsal: the real walk and the real judge, on a virtual clock, against a service that is made up.
//!
//! Decides nothing about rollouts: it plays Knative, the gateway and the users, so that an owner can see what a plan costs
//! before anybody is moved. Chance comes from outside, so that the same seed is the same rehearsal. Depends on machines.

mod chance;
mod knative;
mod play;
mod table;
mod traffic;

pub use chance::{Chance, binomial, poisson};
pub use play::{Played, midnight, play};
pub use table::{Mean, OutcomeRow, RehearsalTable};
pub use traffic::{Behaviour, Incident, Spell, Traffic};

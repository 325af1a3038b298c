//! The statistics of a walk: what counts of requests say about a candidate beside stable, with bounded error.
//!
//! This room decides what counters, probes and the owner's gates say of a candidate, and nothing about traffic. Everything
//! here is arithmetic on what was told: no clock, no input or output. Evidence is kept in whole numbers ([`Nats`]), so it
//! does not depend on the order in which the gateways of a window are added, and it is the same bit for bit after it was saved
//! and loaded. It does depend on the order of windows, because it asks since when something is wrong ([`starts`]).
//! What cannot be computed is [`Trouble`], which never speaks for a candidate. The formulas are e-values: each is valid
//! however often one looks, whatever the traffic, the steps and the moment of stopping (Ville's inequality). A test that is
//! meant for one look is not: looked at again and again it alarms in 18 to 64 % of rollouts in which nothing is wrong
//! (docs/evidence-figures.md).
//!
//! The room may use `model` only. Begin reading with [`reading`], then [`window`], [`comparison`], [`starts`] and [`sums`]; the owner's
//! own questions are in [`gate`].
//!
//! ```
//! use andante::evidence::starts::Starts;
//! use andante::evidence::{Rules, Table};
//!
//! // Three windows: requests of the candidate and of stable, failures of the candidate and of stable.
//! let windows = [Table::of(50, 950, 1, 2), Table::of(52, 948, 3, 1), Table::of(49, 951, 2, 0)];
//! let mut evidence = Starts::default();
//! for window in windows {
//!     evidence.add(window)?;
//!     evidence.close()?;
//! }
//! // E is e^10.6, about 41,000. If the candidate were no worse, E would ever reach 100 in at most 1 of 100 rollouts.
//! assert!((evidence.ln_e() - 10.617).abs() < 0.001);
//! assert!(evidence.ln_e() >= Rules::default().worse_at());
//!
//! // An incident that hits both alike says nothing against the candidate.
//! let mut shared = Starts::default();
//! shared.add(Table::of(500, 500, 100, 100))?;
//! shared.close()?;
//! assert!(shared.ln_e() < 0.0);
//! # Ok::<(), andante::evidence::Trouble>(())
//! ```

mod acceptance;
mod bound;
mod change;
pub mod classes;
pub mod clustering;
pub(crate) mod cold;
pub mod compare;
pub mod comparison;
mod conditional;
pub(crate) mod counts;
pub mod exposition;
pub mod flight;
pub mod forecast;
pub mod gate;
pub mod grpc;
pub mod latency;
mod lean;
mod logs;
pub(crate) mod missed;
mod nats;
pub(crate) mod objective;
pub mod probe;
pub(crate) mod ramp;
pub mod reading;
pub mod replay;
pub(crate) mod rules;
mod saved;
pub mod series;
mod sharing;
pub mod starts;
pub mod statuses;
mod strangers;
pub(crate) mod strays;
pub mod sums;
pub(crate) mod verdict;
mod waiting;
pub mod window;

pub use clustering::{Clustering, Phi};
pub use counts::{Counts, Table};
pub use latency::Margin;
pub use missed::Missed;
pub use nats::{Nats, Trouble};
pub use rules::{OnInconclusive, OnObjective, RuleOptions, Rules, Tail};
pub use saved::{LeftOut, Saved};
pub use strangers::Strangers;
pub use strays::Strays;
pub use sums::Sums;

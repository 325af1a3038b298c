//! Starting what a Service names: from its declaration to the one run that is made for its goal.
//!
//! ```text
//! declaration + goal-status + what serves -> nothing | mark | a run and mark | post what cannot be read
//! ```
//!
//! Decides whether a run is due, what it is called, what it looks like and when it is over. It does nothing: a command makes it and
//! marks the Service. Depends on declarations (through `declared` alone) and the model. Begin reading with [`decide`], then
//! [`table`] and [`making`].

mod broken;
pub(crate) mod contract;
pub mod decide;
mod declared;
pub mod due;
pub(crate) mod gone;
pub mod keep;
pub mod making;
pub(crate) mod mark;
pub(crate) mod older;
pub mod over;
pub(crate) mod pin;
pub mod pins;
pub(crate) mod queue;
pub mod row;
mod run_name;
mod serving;
pub mod table;
pub(crate) mod tally;
pub(crate) mod whose;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod samples;

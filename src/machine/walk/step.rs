//! The split of one step: [`crate::machine::course`] decides it, since `status` says the same of it.

pub(super) use crate::machine::course::step_split;

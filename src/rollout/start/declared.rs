//! What is used here of a declaration, named once.

pub(super) use crate::rollout::declaration::charge::{ApiVersion, InCharge, ObjectKind};
pub(super) use crate::rollout::declaration::fault::Fault;
pub(super) use crate::rollout::declaration::image::{DeclaredRepository, is_placeholder};
pub(super) use crate::rollout::declaration::params::{CONTRACT, ParamValue, Params};
pub(super) use crate::rollout::declaration::part::{DeclaredPart, PREFIX};
pub(super) use crate::rollout::declaration::read::{Declaration, Stated};
pub(super) use crate::rollout::declaration::source::SourceRevision;
pub(super) use crate::rollout::declaration::suspend::Suspended;

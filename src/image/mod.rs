//! Where a build's image goes, and how it is deployed: the decisions behind `andante image`.
//!
//! ```text
//! repository (parameter, Service, namespace, installation) + name template + tag of the commit -> reference
//! ```
//!
//! Pure: what the cluster, the checkout and the registry say are arguments.

pub mod built;
pub(crate) mod commit;
pub(crate) mod defaults;
pub(crate) mod plan;
pub mod reference;
pub mod tag;
pub mod template;

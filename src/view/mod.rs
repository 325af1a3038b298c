//! What people see and ask: `status`, `goal`, `plan`, `control`, the rehearsal of a walk, Services as files for Git, and what becomes of such files.
//!
//! Decides words and tables, never traffic. Its rules come from the machines, so that a view cannot say another thing
//! than the machine does. It is pure, and may use `machine` and what is below it. Begin reading with `status`.

pub(crate) mod apply;
pub(crate) mod export;
pub mod figures;
pub(crate) mod goal;
pub(crate) mod plan;
pub mod rehearse;
pub(crate) mod request;
pub(crate) mod status;

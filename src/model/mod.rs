//! The values that every room shares: names, percents, a whole split, and objects as they were observed.
//!
//! This room decides what a valid value is, and nothing else. A value that exists is valid, because it was parsed once, at
//! the edge. The room may use no other room. Begin reading with [`split`], then [`observed`] and `ready`.

pub mod api_error;
pub mod api_kind;
pub mod bytes;
pub mod ending;
pub mod event;
pub(crate) mod filled_in;
pub(crate) mod kn;
pub(crate) mod making;
pub mod moment;
pub mod name;
pub(crate) mod nothing;
pub mod observed;
pub mod outcome;
pub mod percent;
pub(crate) mod podwords;
pub(crate) mod ready;
pub mod scaling;
pub(crate) mod signal;
pub mod split;
pub mod template;
pub(crate) mod time;
pub mod writers;
pub(crate) mod yaml;

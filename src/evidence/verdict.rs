//! The answer of a gate, with the numbers it used, in words for a person.

/// What a gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Pass(String),
    /// Not yet.
    Wait(String),
    /// Go back.
    Fail(String),
}

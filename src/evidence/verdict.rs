//! The answer of a gate, with the numbers it used.

/// What a gate says. `W` is the reason to wait, `F` the reason to go back: words for a person, or a type where somebody
/// else decides what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<W = String, F = String> {
    /// Go on.
    Pass,
    /// Not yet.
    Wait(W),
    /// Go back.
    Fail(F),
}

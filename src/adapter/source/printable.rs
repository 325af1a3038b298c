//! What may be printed of a text that somebody else wrote.

/// Somebody else's text, as it may stand in a line of ours.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

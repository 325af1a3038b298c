//! The part of somebody else's text that may be printed. Decides which characters, and how many. Depends on nothing.

/// Somebody else's text, as it may stand in a line of ours.
pub(super) fn printable(text: &str) -> String {
    // Control characters can move a terminal's cursor and rewrite lines above; a line break would look like one of ours.
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

//! YAML as lines: what is made from our own files keeps their comments and their form. Our files indent by two.

/// The number of spaces at the beginning.
pub(crate) fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// True for a line that belongs to what began `depth` spaces in.
fn is_below(line: &str, depth: usize) -> bool {
    line.trim().is_empty() || indent(line) > depth
}

/// Where the lines below the one at `at` end.
pub(crate) fn end_of(lines: &[&str], at: usize) -> usize {
    let depth = indent(lines[at]);
    (at + 1..lines.len()).find(|i| !is_below(lines[*i], depth)).unwrap_or(lines.len())
}

/// The lines of a key that is `depth` spaces in, its own included; empty if it is not there.
pub(crate) fn section<'a>(lines: &[&'a str], key: &str, depth: usize) -> Vec<&'a str> {
    let begins = |line: &&str| {
        indent(line) == depth && line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
    };
    lines.iter().position(begins).map_or_else(Vec::new, |at| lines[at..end_of(lines, at)].to_vec())
}

/// The same lines, moved by so many spaces.
pub(crate) fn moved(lines: &[&str], by: isize) -> String {
    let mut text = String::new();
    for line in lines {
        if !line.is_empty() {
            text.push_str(&" ".repeat(indent(line).checked_add_signed(by).expect("not beyond the margin")));
            text.push_str(line.trim_start());
        }
        text.push('\n');
    }
    text
}

#[test]
fn sections_are_found_and_moved() {
    let lines: Vec<&str> = "a:\n  b:\n    - c\n    # d\n  e: f\ng: h".lines().collect();
    assert_eq!(section(&lines, "b", 2), ["  b:", "    - c", "    # d"]);
    assert_eq!(section(&lines, "e", 2), ["  e: f"]);
    assert!(section(&lines, "h", 0).is_empty());
    assert_eq!(moved(&section(&lines, "b", 2), -2), "b:\n  - c\n  # d\n");
}

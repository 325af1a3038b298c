//! The tree that an index stands for.
//!
//! Decides its name, by making the same objects that `git write-tree` would, so that the index can be compared with a commit
//! without reading a single tree. Pure.

use super::Format;
use super::index::IndexEntry;

/// The name of the tree of these entries, which are in the index's order.
pub(super) fn name(entries: &[IndexEntry<'_>], format: Format) -> Vec<u8> {
    below(entries, 0, format)
}

/// The tree of entries that share the first `depth` bytes of their paths. The index's order of whole paths is the order
/// in which a tree lists its parts, because a directory sorts as if its name ended with `/`.
fn below(entries: &[IndexEntry<'_>], depth: usize, format: Format) -> Vec<u8> {
    let mut content = Vec::new();
    let mut rest = entries;
    while let Some((first, after)) = rest.split_first() {
        let path = first.path.get(depth..).unwrap_or_default();
        match path.iter().position(|b| *b == b'/') {
            Some(slash) if slash + 1 < path.len() => {
                let part = path.get(..slash).unwrap_or_default();
                let with_slash = path.get(..=slash).unwrap_or_default();
                let inside = |e: &&IndexEntry<'_>| e.path.get(depth..).is_some_and(|p| p.starts_with(with_slash));
                let count = rest.iter().take_while(inside).count().max(1);
                let (directory, after) = rest.split_at(count.min(rest.len()));
                push(&mut content, 0o40000, part, &below(directory, depth + slash + 1, format));
                rest = after;
            }
            _ => {
                // A directory that is not checked out stands as one entry, with a slash at its end.
                push(&mut content, first.mode, path.strip_suffix(b"/").unwrap_or(path), first.name);
                rest = after;
            }
        }
    }
    format.name("tree", &content)
}

fn push(content: &mut Vec<u8>, mode: u32, part: &[u8], name: &[u8]) {
    content.extend_from_slice(format!("{mode:o} ").as_bytes());
    content.extend_from_slice(part);
    content.push(0);
    content.extend_from_slice(name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::files::hex;

    #[test]
    fn the_empty_tree_has_gits_name() {
        assert_eq!(hex(&name(&[], Format::Sha1)), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        assert_eq!(hex(&name(&[], Format::Sha256)), "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321");
    }
}

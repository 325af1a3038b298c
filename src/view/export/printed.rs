//! A value as YAML that people read and Git keeps: one way to write each value, keys in one order, comments above what they
//! speak of.
//!
//! Decides quotes, order and indentation. Every reader of YAML 1.1 and 1.2 must read the value that was printed, so a text
//! stands without quotes only where no rule of either could make something else of it. Depends on `serde_json`.

use super::Remark;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The keys that come first in any object, in this order; the others follow by the alphabet.
const FIRST: [&str; 8] = ["apiVersion", "kind", "metadata", "name", "namespace", "labels", "annotations", "image"];

/// Words that some reader takes for a boolean or for nothing, in lower case.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// The object as one document, with its remarks as comments. A remark about a field that is not there stands at the end of
/// the object that it would be in.
pub(crate) fn printed(object: &Value, remarks: &[Remark]) -> String {
    let mut printer = Printer { remarks, out: String::new() };
    let mut path = Vec::new();
    printer.comments(&path, 0);
    match object {
        Value::Object(fields) if !fields.is_empty() => printer.fields(fields, 0, &mut path, false),
        Value::Array(list) if !list.is_empty() => printer.entries(list, 0, &mut path),
        other => {
            printer.scalar(other, 0);
        }
    }
    printer.out
}

struct Printer<'a> {
    remarks: &'a [Remark],
    out: String,
}

impl Printer<'_> {
    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n(' ', depth));
    }

    fn comments(&mut self, path: &[String], depth: usize) {
        let remarks = self.remarks;
        for remark in remarks.iter().filter(|remark| remark.place == path) {
            self.indent(depth);
            self.out.push_str("# ");
            // Names in it come from the cluster; a line break would end the comment.
            self.out.extend(remark.text.chars().map(|c| if is_printable(c) { c } else { ' ' }));
            self.out.push('\n');
        }
    }

    /// The fields of an object; `begun`: the first one stands behind a dash already.
    fn fields(&mut self, fields: &Map<String, Value>, depth: usize, path: &mut Vec<String>, mut begun: bool) {
        let mut keys: Vec<&String> = fields.keys().collect();
        keys.sort_by_key(|key| (FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()), key.as_str()));
        for key in keys {
            let Some(value) = fields.get(key) else { continue };
            path.push(key.clone());
            if !begun {
                self.comments(path, depth);
                self.indent(depth);
            }
            begun = false;
            self.out.push_str(&text(key));
            self.out.push(':');
            match value {
                Value::Object(inner) if !inner.is_empty() => {
                    self.out.push('\n');
                    self.fields(inner, depth + 2, path, false);
                }
                Value::Array(list) if !list.is_empty() => {
                    self.out.push('\n');
                    self.entries(list, depth, path);
                }
                other => {
                    self.out.push(' ');
                    self.scalar(other, depth + 2);
                }
            }
            path.pop();
        }
        self.absent(fields, path, depth);
    }

    /// What is said of fields that are not there.
    fn absent(&mut self, fields: &Map<String, Value>, path: &[String], depth: usize) {
        let remarks = self.remarks;
        let mut said: Vec<&[String]> = Vec::new();
        for remark in remarks {
            let Some((key, parent)) = remark.place.split_last() else { continue };
            if parent == path && !fields.contains_key(key) && !said.contains(&remark.place.as_slice()) {
                said.push(&remark.place);
                self.comments(&remark.place, depth);
            }
        }
    }

    fn entries(&mut self, list: &[Value], depth: usize, path: &mut Vec<String>) {
        for (at, value) in list.iter().enumerate() {
            path.push(at.to_string());
            self.comments(path, depth);
            match value {
                Value::Object(fields) if !fields.is_empty() => {
                    // A comment about the first field cannot stand behind the dash.
                    self.first_comments(fields, path, depth);
                    self.indent(depth);
                    self.out.push_str("- ");
                    self.fields(fields, depth + 2, path, true);
                }
                Value::Array(inner) if !inner.is_empty() => {
                    self.indent(depth);
                    self.out.push_str("-\n");
                    self.entries(inner, depth + 2, path);
                }
                other => {
                    self.indent(depth);
                    self.out.push_str("- ");
                    self.scalar(other, depth + 2);
                }
            }
            path.pop();
        }
    }

    fn first_comments(&mut self, fields: &Map<String, Value>, path: &mut Vec<String>, depth: usize) {
        let first = FIRST.iter().find(|key| fields.contains_key(**key)).copied();
        let Some(first) = first.or_else(|| fields.keys().map(String::as_str).min()) else { return };
        path.push(first.to_owned());
        self.comments(path, depth);
        path.pop();
    }

    /// A value of one line, or a text of several, and the end of its line. `depth` is that of the text's lines.
    fn scalar(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(said) if is_block(said) => {
                // `-`: without it the text would end with a line break.
                self.out.push_str(if said.ends_with('\n') { "|\n" } else { "|-\n" });
                for line in said.lines() {
                    if !line.is_empty() {
                        self.indent(depth);
                    }
                    self.out.push_str(line);
                    self.out.push('\n');
                }
            }
            Value::String(said) => {
                self.out.push_str(&text(said));
                self.out.push('\n');
            }
            other => {
                self.out.push_str(&other.to_string());
                self.out.push('\n');
            }
        }
    }
}

/// A text in one line.
fn text(said: &str) -> String {
    if is_plain(said) { said.to_owned() } else { quoted(said) }
}

/// True where no reader could make anything else of the text without quotes.
fn is_plain(said: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-./@+=".contains(c);
    // Digits and signs begin numbers, times and dates; everything else that is special begins with another character.
    said.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !WORDS.contains(&said.to_ascii_lowercase().as_str())
        && said.split(' ').all(|word| !word.is_empty() && !word.starts_with('-'))
        // A colon is a field's only before a space or at the end.
        && said.split([' ', ':']).all(|part| !part.is_empty() && part.chars().all(inside))
}

/// True for a text of several lines that reads best as they are.
fn is_block(said: &str) -> bool {
    let whole = said.strip_suffix('\n').unwrap_or(said);
    // The first line tells the indentation, spaces at ends of lines are lost by editors, and several line breaks at the end need
    // care of their own: all of that is quoted.
    whole.contains('\n')
        && !whole.starts_with([' ', '\t', '\n'])
        && !whole.ends_with('\n')
        && whole.lines().all(|line| !line.ends_with([' ', '\t']))
        && whole.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
}

/// In quotes, with escapes.
fn quoted(said: &str) -> String {
    let mut out = String::with_capacity(said.len() + 2);
    out.push('"');
    for c in said.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            // YAML's `\U` takes the character itself, where JSON would have the two halves of a pair.
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// A character that may stand in a document as it is: no control, and none that ends a line or marks an order of bytes.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        && !('\u{fdd0}'..='\u{fdef}').contains(&c)
        && u32::from(c) & 0xfffe != 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml;
    use proptest::prelude::*;
    use serde_json::json;

    fn remark(place: &[&str], text: &str) -> Remark {
        Remark { place: place.iter().map(|step| (*step).to_owned()).collect(), text: text.to_owned() }
    }

    #[test]
    fn one_value_is_written_in_one_way() {
        let object = json!({"spec": {"empty": {}, "none": [], "list": [{"name": "a", "value": "1"}, {"value": "x", "b": [1, "b"]}, [2]],
            "number": -5, "part": 0.5, "yes": true, "nothing": null}, "kind": "Service", "apiVersion": "v1"});
        let wanted = "apiVersion: v1\nkind: Service\nspec:\n  empty: {}\n  list:\n  - name: a\n    value: \"1\"\n  - b:\n    - 1\n    - b\n    value: x\n  -\n    - 2\n  none: []\n  nothing: null\n  number: -5\n  part: 0.5\n  \"yes\": true\n";
        assert_eq!(printed(&object, &[]), wanted);
        assert_eq!(yaml::objects(&printed(&object, &[]), 1 << 20), Ok(vec![object]));
    }

    #[test]
    fn comments_stand_above_what_they_speak_of() {
        let object = json!({"spec": {"list": [{"image": "i", "name": "web"}]}});
        let remarks = [
            remark(&[], "the whole\nof it"),
            remark(&["spec", "traffic"], "left out"),
            remark(&["spec", "list", "0", "image"], "by digest"),
            remark(&["spec", "list", "0", "name"], "called so"),
        ];
        let wanted = "# the whole of it\nspec:\n  list:\n  # called so\n  - name: web\n    # by digest\n    image: i\n  # left out\n";
        assert_eq!(printed(&object, &remarks), wanted);
    }

    #[test]
    fn quotes_stand_where_a_reader_could_take_it_for_something_else() {
        for plain in
            ["a", "hello world", "registry.example.com:5000/hello:v1", "/healthz", "app=web", "a:b", "e3", "inf"]
        {
            assert_eq!(text(plain), plain);
        }
        for other in [
            "",
            " a",
            "a ",
            "a  b",
            "1",
            "0x1f",
            "1e3",
            "+1",
            "-",
            "- a",
            "a - b",
            "a -b",
            "~",
            "null",
            "Yes",
            "y",
            "a: b",
            "a:",
            "a #b",
            "#",
            "*a",
            "&a",
            "!a",
            "{}",
            "[a]",
            "a, b",
            "%a",
            "@a",
            "`a",
            "'a",
            "2026-01-01",
            "12:30",
            "=",
            "<<",
            "?",
            "a\tb",
            "\u{feff}",
            "é",
        ] {
            assert!(text(other).starts_with('"'), "{other:?} is written {}", text(other));
        }
    }

    #[test]
    fn lines_are_written_as_lines() {
        let object = json!({"args": ["one\n  two\n\nthree\n", "one\ntwo", " one\ntwo", "one\n\n", "one \ntwo", "\n"]});
        let wanted = "args:\n- |\n  one\n    two\n\n  three\n- |-\n  one\n  two\n- \" one\\ntwo\"\n- \"one\\n\\n\"\n- \"one \\ntwo\"\n- \"\\n\"\n";
        assert_eq!(printed(&object, &[]), wanted);
        assert_eq!(yaml::objects(wanted, 1 << 20), Ok(vec![object]));
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9_./:@=+ -]{0,12}",
            "[-+~!&*?|>%@`'\"#,:{}\\[\\]<=. a0\n\t]{0,8}",
            "([ \tab#:-]{0,5}\n){0,4}[ab -]{0,3}",
            any::<String>(),
            proptest::sample::select(vec![
                "yes", "No", "null", "~", "0400", "1_000", ".5", "1:30", "0o7", "<<", "---", "...", "true"
            ])
            .prop_map(str::to_owned),
        ]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any_text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((any_text(), inner), 0..5).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(value in any_value(), comment in any_text()) {
            let object = json!({"value": value});
            let remarks = [remark(&[], &comment), remark(&["value"], &comment), remark(&["other"], &comment)];
            let text = printed(&object, &remarks);
            prop_assert_eq!(yaml::objects(&text, 1 << 20), Ok(vec![object]), "{}", text);
        }
    }
}

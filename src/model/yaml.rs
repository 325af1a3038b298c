//! What a text says: YAML or JSON, several documents, lists, anchors and merge keys.
//!
//! Decides what a file or an annotation says, as kubectl reads it, with bounds; what kubectl would guess at (a key that is set
//! twice) is refused with its line and field. Depends on the YAML library's events and on [`scalar`].

mod json;
mod scalar;

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use std::collections::{BTreeMap, BTreeSet};

/// How deep objects and lists may lie in each other: no API object comes near it.
const MAX_DEPTH: usize = 100;

/// All objects of a text, those of lists among them, at most `room` bytes of them by way of aliases.
pub(crate) fn objects(text: &str, room: usize) -> Result<Vec<Value>, String> {
    let mut objects = Vec::new();
    for document in documents(text, room)? {
        flatten(document, &mut objects)?;
    }
    Ok(objects)
}

/// The one value of a text, at most `room` bytes of it by way of aliases; nothing at all is null.
pub(crate) fn value(text: &str, room: usize) -> Result<Value, String> {
    let mut documents = documents(text, room)?;
    let value = documents.pop().unwrap_or_default();
    if documents.is_empty() { Ok(value) } else { Err("it holds more than one document".to_owned()) }
}

/// A `kind: List` is what its items are.
fn flatten(object: Value, into: &mut Vec<Value>) -> Result<(), String> {
    match object {
        // An empty document, as a line `---` at the end makes one.
        Value::Null => Ok(()),
        Value::Object(mut fields) => {
            let is_list = fields.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
            match fields.get_mut("items").map(Value::take) {
                Some(Value::Array(items)) if is_list => items.into_iter().try_for_each(|item| flatten(item, into)),
                items => {
                    if let Some(items) = items {
                        fields.insert("items".to_owned(), items);
                    }
                    into.push(Value::Object(fields));
                    Ok(())
                }
            }
        }
        _ => Err("it holds something that is no object".to_owned()),
    }
}

fn documents(text: &str, room: usize) -> Result<Vec<Value>, String> {
    // What begins as JSON is read as JSON, whose texts have escapes that YAML's have not; what only looks like it
    // (`{a: yes}`) is YAML, and so is what sets a field twice: there it is refused with its line.
    if text.trim_start().starts_with('{')
        && let Some(values) = json::documents(text)
    {
        return Ok(values);
    }
    let mut reader = Loader { events: Parser::new_from_str(text), anchors: BTreeMap::new(), room, path: Vec::new() };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::DocumentEnd => reader.anchors.clear(),
            Event::StreamEnd => break,
            event => documents.push(reader.node(event, &span, 0)?),
        }
    }
    Ok(documents)
}

/// Makes values of the parser's events.
struct Loader<I> {
    events: I,
    /// What each anchor stands for, once its node is complete.
    anchors: BTreeMap<usize, Value>,
    /// How many bytes aliases may still copy: a few lines of them can stand for more than any memory.
    room: usize,
    /// The field that is read, for errors.
    path: Vec<String>,
}

impl<'a, I: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> Loader<I> {
    /// The next event that is no comment.
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, String> {
        let next = self.events.find(|next| next.as_ref().map_or(true, |(event, _)| is_data(event)));
        next.transpose().map_err(|error| format!("line {}: {}", error.marker().line(), error.info()))
    }

    fn must(&mut self) -> Result<(Event<'a>, Span), String> {
        self.next()?.ok_or_else(|| "it ends in the middle".to_owned())
    }

    fn bad(&self, span: &Span, why: &str) -> String {
        let at = if self.path.is_empty() { String::new() } else { format!(", {}", self.path.join(".")) };
        format!("line {}{at}: {why}", span.start.line())
    }

    /// The node that this event begins.
    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(self.bad(span, "objects and lists lie too deep in each other"));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let value = scalar_value(&text, plain, tag.as_deref()).map_err(|why| self.bad(span, &why))?;
                (value, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.only_tag(tag.as_deref(), "seq", span)?;
                let mut list = Vec::new();
                loop {
                    let (event, span) = self.must()?;
                    if event == Event::SequenceEnd {
                        break (Value::Array(list), anchor);
                    }
                    self.path.push(list.len().to_string());
                    list.push(self.node(event, &span, depth + 1)?);
                    self.path.pop();
                }
            }
            Event::MappingStart(_, anchor, tag) => {
                self.only_tag(tag.as_deref(), "map", span)?;
                (Value::Object(self.mapping(depth)?), anchor)
            }
            Event::Alias(anchor) => {
                // A node's anchor is known once the node is complete.
                let known = self.anchors.get(&anchor);
                let value = known.ok_or_else(|| self.bad(span, "this alias stands for something that contains it"))?;
                let (size, height) = measure(value);
                let value = value.clone();
                if depth + height > MAX_DEPTH {
                    return Err(self.bad(span, "objects and lists lie too deep in each other"));
                }
                let left = self.room.checked_sub(size);
                self.room = left.ok_or_else(|| {
                    self.bad(span, "with its aliases written out the file is larger than any object can be")
                })?;
                (value, 0)
            }
            _ => return Err(self.bad(span, "a value is expected here")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn mapping(&mut self, depth: usize) -> Result<Map<String, Value>, String> {
        let mut map = Map::new();
        let mut said = BTreeSet::new();
        loop {
            let (event, span) = self.must()?;
            if event == Event::MappingEnd {
                return Ok(map);
            }
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = if merges { Value::Null } else { self.node(event, &span, depth + 1)? };
            if merges {
                let (event, span) = self.must()?;
                let alias = matches!(event, Event::Alias(_));
                let value = self.node(event, &span, depth + 1)?;
                self.merge(&mut map, value, alias, &span)?;
                continue;
            }
            let key = match key {
                Value::String(key) => key,
                Value::Bool(key) => key.to_string(),
                Value::Number(key) if key.is_i64() => key.to_string(),
                _ => return Err(self.bad(&span, "a field's name is a text: put it in quotes")),
            };
            self.path.push(key.clone());
            // kubectl takes the last one and says nothing.
            if !said.insert(key.clone()) {
                return Err(self.bad(&span, "this field is set twice"));
            }
            let (event, span) = self.must()?;
            let value = self.node(event, &span, depth + 1)?;
            map.insert(key, value);
            self.path.pop();
        }
    }

    /// `<<` takes over fields: those that follow it win over them, and they over those before it, as for kubectl.
    fn merge(&self, map: &mut Map<String, Value>, value: Value, alias: bool, span: &Span) -> Result<(), String> {
        match value {
            Value::Object(fields) => {
                map.extend(fields);
                Ok(())
            }
            // Of several the first wins.
            Value::Array(list) if !alias && list.iter().all(Value::is_object) => {
                list.into_iter().rev().try_for_each(|fields| self.merge(map, fields, false, span))
            }
            _ => Err(self.bad(span, "`<<` takes an object or a list of objects")),
        }
    }

    fn only_tag(&self, tag: Option<&Tag>, wanted: &str, span: &Span) -> Result<(), String> {
        match tag {
            Some(tag) if tag.core_suffix() != Some(wanted) => Err(self.bad(span, &unknown(tag))),
            _ => Ok(()),
        }
    }
}

fn is_data(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd
    )
}

fn scalar_value(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Value, String> {
    match tag {
        None if plain => scalar::plain(text),
        None => Ok(Value::String(text.to_owned())),
        Some(tag) => match tag.core_suffix() {
            Some(name) => scalar::tagged(text, name),
            // A lone `!` says that the text is meant as it stands.
            None if tag.original() == "!" => Ok(Value::String(text.to_owned())),
            None => Err(unknown(tag)),
        },
    }
}

fn unknown(tag: &Tag) -> String {
    format!("the tag {} is not read here: write the value itself", tag.original())
}

/// About how many bytes a value has, and how deep it is.
fn measure(value: &Value) -> (usize, usize) {
    let inside = |all: &mut dyn Iterator<Item = (usize, usize)>| {
        all.fold((1, 1), |(size, height), (more, below)| (size + more, height.max(below + 1)))
    };
    match value {
        Value::String(text) => (text.len() + 1, 0),
        Value::Array(list) => inside(&mut list.iter().map(measure)),
        Value::Object(map) => inside(&mut map.iter().map(|(key, value)| {
            let (size, height) = measure(value);
            (size + key.len() + 1, height)
        })),
        _ => (1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Vec<Value>, String> {
        objects(text, 1 << 20)
    }

    /// Each line was made by sigs.k8s.io/yaml 1.6.0; the cluster tests compare the same lines with kubectl.
    #[test]
    fn what_kubectl_reads_is_read() {
        let lines: Vec<Value> = include_str!("../../tests/adapters/kubectl-reads.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(lines.len() > 150);
        for line in lines {
            let text = line["yaml"].as_str().unwrap();
            assert_eq!(read(text), Ok(vec![line["json"].clone()]), "{text}");
        }
    }

    #[test]
    fn documents_and_lists_are_so_many_objects() {
        let (a, b) = (json!({"kind": "A"}), json!({"kind": "B"}));
        assert_eq!(read("---\nkind: A\n---\n# nothing\n---\nkind: B\n---\n"), Ok(vec![a.clone(), b.clone()]));
        let list = "kind: List\nitems:\n- kind: A\n- kind: ServiceList\n  items: [{kind: B}]\n";
        assert_eq!(read(list), Ok(vec![a.clone(), b.clone()]));
        assert_eq!(read("{\"kind\": \"A\"}\n{\"kind\": \"B\"}"), Ok(vec![a.clone(), b]));
        assert_eq!(read("{kind: A}"), Ok(vec![a]));
        assert_eq!(read("{\"kind\": \"\\ud83d\\ude00\"}"), Ok(vec![json!({"kind": "\u{1f600}"})]));
        // A kind of one's own may have items.
        let own = json!({"kind": "Menu", "items": [{"kind": "A"}]});
        assert_eq!(read("kind: Menu\nitems: [{kind: A}]"), Ok(vec![own]));
        assert_eq!(read(""), Ok(vec![]));
    }

    #[test]
    fn a_text_may_be_any_one_value() {
        let of = |text| value(text, 1 << 10);
        assert_eq!(of("a: [x, 'y']"), Ok(json!({"a": ["x", "y"]})));
        assert_eq!(of("{\"a\": \"b\"}\n"), Ok(json!({"a": "b"})));
        assert_eq!(of("x"), Ok(json!("x")));
        assert_eq!(of(""), Ok(Value::Null));
        assert_eq!(of("a: 1\n---\nb: 2\n").unwrap_err(), "it holds more than one document");
    }

    #[test]
    fn what_is_refused_is_said_with_line_and_field() {
        for (text, said) in [
            ("a:\n  b: 1\n  b: 2\n", "line 3, a.b: this field is set twice"),
            ("{\"a\": [{\"b\": 1,\n  \"b\": 2}]}", "line 2, a.0.b: this field is set twice"),
            ("{\"kind\": \"A\"}\n{\"a\": 1, \"a\": 1}", "line 2"),
            ("a:\n- x: .nan\n", "line 2, a.0.x: `.nan` is no number that JSON can say"),
            ("a: !mine x\n", "line 1, a: the tag !mine is not read here: write the value itself"),
            ("a: !!binary aGk=\n", "line 1, a: the tag !!binary is not read here"),
            ("~: x\n", "line 1: a field's name is a text: put it in quotes"),
            ("? [a]\n: x\n", "line 1: a field's name is a text"),
            ("1.5: x\n", "line 1: a field's name is a text"),
            ("a: &x [*x]\n", "line 1, a.0: this alias stands for something that contains it"),
            ("a: {<<: 1}\n", "line 1, a: `<<` takes an object or a list of objects"),
            ("a: *x\n", "line 1: "),
            ("a: [1\n", "line 1: unclosed bracket"),
            ("- a\n", "it holds something that is no object"),
            ("text", "it holds something that is no object"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.starts_with(said), "{text}: {why}");
        }
    }

    #[test]
    fn a_few_lines_cannot_stand_for_more_than_any_object() {
        let line = |n: usize, times: usize| match n.checked_sub(1) {
            None => "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(),
            Some(before) => format!("a{n}: &a{n} [{}]\n", vec![format!("*a{before}"); times].join(", ")),
        };
        let wide: String = (0..12).map(|n| line(n, 10)).collect();
        assert!(read(&wide).unwrap_err().contains("larger than any object can be"));
        let deep: String = (0..300).map(|n| line(n, 1)).collect();
        assert!(read(&deep).unwrap_err().contains("too deep"));
        assert!(read(&format!("a: {}{}", "[".repeat(150), "]".repeat(150))).unwrap_err().contains("too deep"));
    }
}

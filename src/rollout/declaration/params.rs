//! Parameters that an owner declares: annotation `andante.dev/params`, and those of a resolver.
//!
//! Decides which texts are parameters: texts and lists of texts, of bounded size, none under a name that a run is given by
//! Andante itself. Depends on names and YAML.

use crate::model::name::name_type;
use crate::model::yaml;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Names that begin so are Andante's: what a started run is told of its Service and goal. Nobody may declare one.
pub const CONTRACT: &str = "andante-";
/// The longest text of all parameters, in bytes.
pub(crate) const LONGEST: usize = 16 * 1024;
/// So many parameters there may be.
pub(crate) const MOST: usize = 64;
/// So many characters one text may have.
pub(crate) const LONGEST_TEXT: usize = 4096;
/// So many texts one list may have.
pub(crate) const LONGEST_LIST: usize = 128;

name_type! {
    /// The name of a parameter, as Tekton takes it.
    ParamName, "name of a parameter", "letters, digits, `-`, `_` and `.`, starting with a letter or `_`, at most 100 characters",
    |t| t.len() <= 100
        && t.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// One text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

impl ParamValue {
    /// As one text: a list is JSON, as Tekton wants a result that is a list and a Job a variable.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(list) => serde_json::json!(list).to_string(),
        }
    }
}

/// Parameters by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<ParamName, ParamValue>);

impl Params {
    /// Reads the annotation; an error is every reason why it cannot be read.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        if text.len() > LONGEST {
            return Err(vec![format!("it has {} bytes, and at most {LONGEST} are read", text.len())]);
        }
        let value = yaml::value(text, LONGEST).map_err(|why| vec![why])?;
        let Value::Object(map) = value else { return Err(vec![format!("it is {} and no map", kind(&value))]) };
        let mut whys: Vec<String> = map
            .keys()
            // Tekton takes `A` and `a` for one name.
            .filter(|name| name.to_ascii_lowercase().starts_with(CONTRACT))
            .map(|name| format!("`{name}` is told by Andante itself: no declared name begins with `{CONTRACT}`"))
            .collect();
        match Self::of_map(map) {
            Ok(params) if whys.is_empty() => Ok(params),
            Ok(_) => Err(whys),
            Err(more) => {
                whys.extend(more);
                Err(whys)
            }
        }
    }

    /// True if a switch of a step is declared, by its name or in the list of more flags.
    pub fn switches(&self, name: &str) -> bool {
        let on = |(declared, value): (&ParamName, &ParamValue)| match value {
            ParamValue::Text(text) if declared.as_str() == name => text == "true",
            ParamValue::List(list) if declared.as_str() == "flags" => list
                .iter()
                .filter_map(|word| word.strip_prefix("--"))
                .any(|word| word.strip_prefix(name).is_some_and(|value| matches!(value, "" | "=true"))),
            _ => false,
        };
        self.iter().any(on)
    }

    /// Reads the parameters of a resolver: a map, or Tekton's list of `{name, value}`.
    pub(super) fn of_resolver(value: Value) -> Result<Self, Vec<String>> {
        let list = match value {
            Value::Object(map) => return Self::of_map(map),
            Value::Array(list) => list,
            other => return Err(vec![format!("`params` is {} and no map", kind(&other))]),
        };
        let mut map = Map::new();
        for entry in list {
            let pair = match entry {
                Value::Object(mut fields) if fields.len() == 2 => fields.remove("name").zip(fields.remove("value")),
                _ => None,
            };
            let Some((Value::String(name), value)) = pair else {
                return Err(vec!["an entry of `params` is not {name, value}".to_owned()]);
            };
            if map.insert(name.clone(), value).is_some() {
                return Err(vec![format!("`{name}` is there twice in `params`")]);
            }
        }
        Self::of_map(map)
    }

    fn of_map(map: Map<String, Value>) -> Result<Self, Vec<String>> {
        let mut whys = Vec::new();
        if map.len() > MOST {
            whys.push(format!("it has {} parameters, and at most {MOST} are taken", map.len()));
        }
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        let mut params = BTreeMap::new();
        for (name, value) in map {
            if let Some(other) = seen.insert(name.to_ascii_lowercase(), name.clone()) {
                whys.push(format!("`{other}` and `{name}` are one name for Tekton"));
            }
            let read = value_of(value).map_err(|why| format!("`{name}` {why}"));
            match (name.parse::<ParamName>(), read) {
                (Ok(name), Ok(value)) => {
                    params.insert(name, value);
                }
                (name, value) => {
                    whys.extend(name.err().map(|error| error.to_string()));
                    whys.extend(value.err());
                }
            }
        }
        if whys.is_empty() { Ok(Self(params)) } else { Err(whys) }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ParamName, &ParamValue)> {
        self.0.iter()
    }
}

fn value_of(value: Value) -> Result<ParamValue, String> {
    match value {
        Value::String(text) => Ok(ParamValue::Text(bounded(text)?)),
        Value::Array(list) if list.len() > LONGEST_LIST => {
            Err(format!("has {} texts, and at most {LONGEST_LIST} are taken", list.len()))
        }
        Value::Array(list) => {
            let text = |value| match value {
                Value::String(text) => bounded(text),
                other => Err(format!("holds {}: put it in quotes if a text is meant", kind(&other))),
            };
            list.into_iter().map(text).collect::<Result<_, _>>().map(ParamValue::List)
        }
        other => Err(format!("is {}: put it in quotes if a text is meant", kind(&other))),
    }
}

fn bounded(text: String) -> Result<String, String> {
    match text.chars().count() {
        characters if characters > LONGEST_TEXT => {
            Err(format!("has a text of {characters} characters, and at most {LONGEST_TEXT} are taken"))
        }
        _ => Ok(text),
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(true) => "true (YAML reads yes, on and y so)",
        Value::Bool(false) => "false (YAML reads no, off and n so)",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// For people, in one line.
impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&super::fault::shown(text)),
            Self::List(list) => f.write_str(&super::fault::shown(&list.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_and_lists_of_texts_in_yaml_or_json() {
        let wanted = json!({"style": "canary", "steps": ["5", "25"], "note": "", "none": []});
        for text in [
            r#"{"style":"canary","steps":["5","25"],"note":"","none":[]}"#,
            "style: canary\nsteps:\n- '5'\n- \"25\"\nnote: ''\nnone: []\n",
            "{none: [], note: \"\", steps: ['5', '25'], style: canary}",
        ] {
            assert_eq!(serde_json::to_value(Params::read(text).unwrap()).unwrap(), wanted, "{text}");
        }
        assert!(Params::read("{}").unwrap().is_empty());
    }

    #[test]
    fn a_switch_is_declared_by_its_name_or_in_the_list() {
        let says = |text: &str| Params::read(text).unwrap().switches("restore-template");
        for on in [
            "{restore-template: 'true'}",
            "{flags: [--once, --restore-template]}",
            "{flags: [--restore-template=true]}",
        ] {
            assert!(says(on), "{on}");
        }
        for off in [
            "{}",
            "{restore-template: 'false'}",
            "{flags: [--restore-template=false]}",
            "{flags: [--restore-templates]}",
        ] {
            assert!(!says(off), "{off}");
        }
    }

    #[test]
    fn every_reason_is_told() {
        let long = format!("{{a: '{}'}}", "x".repeat(LONGEST_TEXT + 1));
        let many = format!("{{{}}}", (0..=MOST).map(|n| format!("p{n}: x")).collect::<Vec<_>>().join(", "));
        let list = format!("{{a: [{}]}}", vec!["x"; LONGEST_LIST + 1].join(","));
        for (text, whys) in [
            ("", vec!["it is nothing and no map"]),
            ("canary", vec!["it is a text and no map"]),
            ("[a]", vec!["it is a list and no map"]),
            (
                "{1: x, steps: [5, a], deadline: 10, deep: {a: b}, quiet: no}",
                vec![
                    "`1` is not a name of a parameter",
                    "`deadline` is a number: put it in quotes",
                    "`deep` is an object",
                    "`quiet` is false (YAML reads no",
                    "`steps` holds a number: put it in quotes",
                ],
            ),
            (
                "{andante-goal: x, Andante-y: z, a: b}",
                vec!["`Andante-y` is told by Andante itself", "`andante-goal` is told by Andante itself"],
            ),
            ("{a: x, A: z}", vec!["`A` and `a` are one name for Tekton"]),
            ("{a: x, a: z}", vec!["line 1, a: this field is set twice"]),
            (&long, vec!["`a` has a text of 4097 characters"]),
            (&many, vec!["it has 65 parameters"]),
            (&list, vec!["`a` has 129 texts"]),
            ("a: 'x", vec!["line 1"]),
        ] {
            let found = Params::read(text).unwrap_err();
            assert_eq!(found.len(), whys.len(), "{text}: {found:?}");
            for (found, why) in found.iter().zip(whys) {
                assert!(found.starts_with(why), "{text}: {found}");
            }
        }
        assert!(Params::read(&" ".repeat(LONGEST + 1)).unwrap_err()[0].contains("at most 16384 are read"));
    }

    #[test]
    fn a_resolvers_list_is_one_of_names_and_values() {
        for bad in [
            json!("x"),
            json!([1]),
            json!([{"name": "a"}]),
            json!([{"name": "a", "value": "b", "c": 1}]),
            json!([{"name": "a", "value": 1}]),
            json!([{"name": "a", "value": "b"}, {"name": "a", "value": "c"}]),
        ] {
            assert_eq!(Params::of_resolver(bad.clone()).unwrap_err().len(), 1, "{bad}");
        }
    }
}

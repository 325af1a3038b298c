//! Who is in charge of getting to the goal: annotation `andante.dev/pipeline`.
//!
//! Decides which texts name somebody, that the short forms and the long ones are one value, and when a Service is in care by them.
//! Whether such a kind can be started is not asked here. Depends on names, parameters and YAML.

use super::params::Params;
use crate::model::name::name_type;
use crate::model::observed::{PIPELINE, Service};
use crate::model::yaml;
use serde_json::{Map, Value, json};
use std::fmt;

/// The longest text that is read, in bytes.
pub(crate) const LONGEST: usize = 16 * 1024;

name_type! {
    /// An API with its version: `tekton.dev/v1`, `v1`.
    ApiVersion, "apiVersion", "VERSION or GROUP/VERSION in lower-case letters, digits, `-` and, in the group, `.`",
    |t| match t.split_once('/') {
        Some((group, version)) => is_dns(group) && is_version(version),
        None => is_version(t),
    }
}
name_type! {
    /// A kind of object: `Pipeline`.
    ObjectKind, "kind", "letters and digits, starting with an upper-case letter, at most 63 characters",
    |t| t.len() <= 63 && t.starts_with(|c: char| c.is_ascii_uppercase()) && t.bytes().all(|b| b.is_ascii_alphanumeric())
}
name_type! {
    /// The name of an object.
    ObjectName, "name of an object", "lower-case letters, digits, `-` and `.`, at most 253 characters",
    is_dns
}
name_type! {
    /// A resolver of Tekton's: `git`, `hub`, `bundles`, `cluster`.
    ResolverName, "resolver", "lower-case letters, digits and `-`, at most 63 characters",
    |t| t.len() <= 63 && is_dns(t) && !t.contains('.')
}

fn is_version(text: &str) -> bool {
    is_dns(text) && !text.contains('.') && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_dns(text: &str) -> bool {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.len() <= 63
            && label.starts_with(alnum)
            && label.ends_with(alnum)
            && label.chars().all(|c| alnum(c) || c == '-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// The word for: somebody or something outside.
pub(crate) const EXTERNAL: &str = "ExternalOperation";
/// The kind that a name alone is of.
const USUAL: &str = "Pipeline";
/// The kinds whose API need not be written.
const KNOWN: [(&str, &str); 3] = [("Pipeline", "tekton.dev/v1"), ("Task", "tekton.dev/v1"), ("CronJob", "batch/v1")];

/// Who is in charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InCharge {
    /// An object of the Service's namespace, from which a run is made.
    Named {
        /// Its API.
        api: ApiVersion,
        /// Its kind.
        kind: ObjectKind,
        /// Its name.
        name: ObjectName,
    },
    /// An object that Tekton's remote resolution finds.
    Resolved {
        /// Its API.
        api: ApiVersion,
        /// Its kind.
        kind: ObjectKind,
        /// Who finds it.
        resolver: ResolverName,
        /// What the resolver is told.
        params: Params,
    },
    /// Somebody or something outside: nothing is started.
    ExternalOperation,
}

impl InCharge {
    /// Reads the annotation; an error is every reason why it cannot be read.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        if text.len() > LONGEST {
            return Err(vec![format!("it has {} bytes, and at most {LONGEST} are read", text.len())]);
        }
        let text = text.trim();
        if text == EXTERNAL {
            return Ok(Self::ExternalOperation);
        }
        // As a name it would be a Pipeline's, and the slip would start it.
        let sounds = text.chars().filter(char::is_ascii_alphabetic).collect::<String>();
        if sounds.eq_ignore_ascii_case(EXTERNAL) {
            return Err(vec![format!("the word is {EXTERNAL}")]);
        }
        // No name has one of these, so what has one is meant as an object.
        if text.contains(['{', ':', '\n']) {
            Self::of_object(text)
        } else {
            Self::of_words(text).map_err(|why| vec![why])
        }
    }

    fn of_words(text: &str) -> Result<Self, String> {
        // An API's group is followed by a slash of its own.
        let mut words = text.rsplitn(3, '/');
        let name = words.next().unwrap_or_default();
        let kind = words.next().unwrap_or(USUAL);
        let api = match words.next() {
            Some(api) => api,
            None => known(kind).ok_or_else(|| match kind.parse::<ObjectKind>() {
                Ok(_) => format!("the API of kind `{kind}` is not known here: write APIVERSION/{kind}/NAME"),
                Err(error) => error.to_string(),
            })?,
        };
        let bad = |error: crate::model::name::BadName| error.to_string();
        let (api, kind) = (api.parse().map_err(bad)?, kind.parse().map_err(bad)?);
        Ok(Self::Named { api, kind, name: name.parse().map_err(bad)? })
    }

    fn of_object(text: &str) -> Result<Self, Vec<String>> {
        let value = yaml::value(text, LONGEST).map_err(|why| vec![why])?;
        let Value::Object(mut fields) = value else { return Err(vec!["it is no object".to_owned()]) };
        let mut whys = Vec::new();
        let api = text_of(&mut fields, "apiVersion", &mut whys);
        let kind = text_of(&mut fields, "kind", &mut whys);
        let resolver = fields.contains_key("resolver");
        let place = text_of(&mut fields, if resolver { "resolver" } else { "name" }, &mut whys);
        let params = if resolver { fields.remove("params") } else { None };
        let params = params.map_or_else(|| Ok(Params::default()), Params::of_resolver);
        let params = params.unwrap_or_else(|more| {
            whys.extend(more);
            Params::default()
        });
        let beside = if resolver { "resolver" } else { "name" };
        whys.extend(fields.keys().map(|field| format!("the field `{field}` has no meaning beside `{beside}`")));
        let api = parsed::<ApiVersion>(api, &mut whys);
        let kind = parsed::<ObjectKind>(kind, &mut whys);
        let named = if resolver {
            let resolver = parsed::<ResolverName>(place, &mut whys);
            resolver.zip(api).zip(kind).map(|((resolver, api), kind)| Self::Resolved { api, kind, resolver, params })
        } else {
            let name = parsed::<ObjectName>(place, &mut whys);
            name.zip(api).zip(kind).map(|((name, api), kind)| Self::Named { api, kind, name })
        };
        named.filter(|_| whys.is_empty()).ok_or(whys)
    }

    /// The one form of all texts that mean the same, as JSON.
    pub fn canonical(&self) -> Value {
        match self {
            Self::Named { api, kind, name } => json!({"apiVersion": api, "kind": kind, "name": name}),
            Self::Resolved { api, kind, resolver, params } => {
                json!({"apiVersion": api, "kind": kind, "resolver": {"name": resolver, "params": params}})
            }
            Self::ExternalOperation => json!({"kind": EXTERNAL}),
        }
    }

    /// In one short text, as the annotation can say it; with a resolver, kind and resolver.
    pub fn short(&self) -> String {
        match self {
            Self::Named { api, kind, name } => format!("{api}/{kind}/{name}"),
            Self::Resolved { api, kind, resolver, .. } => format!("{api}/{kind} by resolver {resolver}"),
            Self::ExternalOperation => EXTERNAL.to_owned(),
        }
    }
}

/// True if a Service is in care: it names who is in charge, and that is nobody outside. The policies of `config/care` ask the same.
// What cannot be read is somebody whom a slip hides, so users are kept for them.
pub(crate) fn in_care(service: &Service) -> bool {
    let named = service.annotations.get(PIPELINE);
    named.is_some_and(|text| InCharge::read(text) != Ok(InCharge::ExternalOperation))
}

/// True if the Service says that somebody or something outside acts.
pub(crate) fn is_operated_outside(service: &Service) -> bool {
    service.annotations.get(PIPELINE).is_some_and(|text| InCharge::read(text) == Ok(InCharge::ExternalOperation))
}

/// The API of a kind that need not name it.
fn known(kind: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == kind).map(|(_, api)| *api)
}

/// A field that must be there and be a text; else why it is not.
fn text_of(fields: &mut Map<String, Value>, field: &str, whys: &mut Vec<String>) -> Option<String> {
    match fields.remove(field) {
        Some(Value::String(text)) => Some(text),
        Some(_) => {
            whys.push(format!("the field `{field}` is no text"));
            None
        }
        None => {
            whys.push(format!("the field `{field}` is missing"));
            None
        }
    }
}

fn parsed<T: std::str::FromStr<Err: fmt::Display>>(text: Option<String>, whys: &mut Vec<String>) -> Option<T> {
    let read: Result<T, _> = text?.parse();
    read.map_err(|error| whys.push(error.to_string())).ok()
}

/// For people.
impl fmt::Display for InCharge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { api, kind, name } => write!(f, "{kind} {name} ({api})"),
            Self::Resolved { api, kind, resolver, .. } => write!(f, "{kind} found by resolver {resolver} ({api})"),
            Self::ExternalOperation => f.write_str(EXTERNAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> InCharge {
        InCharge::read(text).unwrap()
    }

    #[test]
    fn one_pipeline_has_many_spellings() {
        let named = read("build-it");
        assert_eq!(named.canonical(), json!({"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "name": "build-it"}));
        for text in [
            " build-it\n",
            "Pipeline/build-it",
            "tekton.dev/v1/Pipeline/build-it",
            r#"{"apiVersion":"tekton.dev/v1","kind":"Pipeline","name":"build-it"}"#,
            "{kind: Pipeline, name: build-it, apiVersion: tekton.dev/v1}",
            "name: build-it\nkind: Pipeline # ours\napiVersion: 'tekton.dev/v1'\n",
        ] {
            assert_eq!(read(text), named, "{text}");
        }
        assert_eq!(read("ExternalOperation"), InCharge::ExternalOperation);
        assert_eq!(read("CronJob/nightly").short(), "batch/v1/CronJob/nightly");
        assert_eq!(read("v1/Pod/a.b").to_string(), "Pod a.b (v1)");
        assert_eq!(read("argoproj.io/v1alpha1/Workflow/w").short(), "argoproj.io/v1alpha1/Workflow/w");
        assert_eq!(InCharge::read(&read("a/b/C/d").short()), Ok(read("a/b/C/d")));
    }

    #[test]
    fn a_service_is_in_care_of_whoever_is_named_and_of_nobody_outside() {
        let of = |annotations: Value| {
            let object = json!({"metadata": {"name": "s", "uid": "u", "generation": 1, "annotations": annotations}});
            in_care(&Service::from_json(&object).unwrap())
        };
        assert!(!of(json!({})) && !of(json!({"andante.dev/traffic": "50"})));
        for (text, is) in [
            ("build-it", true),
            ("Workflow/x", true),
            ("", true),
            ("external-operation", true),
            (EXTERNAL, false),
            (" ExternalOperation\n", false),
        ] {
            assert_eq!(of(json!({PIPELINE: text})), is, "{text}");
            let object =
                json!({"metadata": {"name": "s", "uid": "u", "generation": 1, "annotations": {PIPELINE: text}}});
            assert_eq!(is_operated_outside(&Service::from_json(&object).unwrap()), !is, "{text}");
        }
    }

    #[test]
    fn a_resolver_may_be_told_as_tekton_writes_it() {
        let map =
            "apiVersion: tekton.dev/v1\nkind: Pipeline\nresolver: git\nparams: {url: 'https://g/x', path: [a, b]}";
        let list = "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: git, params: \
                    [{name: path, value: [a, b]}, {name: url, value: 'https://g/x'}]}";
        assert_eq!(read(map), read(list));
        let wanted = json!({"name": "git", "params": {"path": ["a", "b"], "url": "https://g/x"}});
        assert_eq!(read(map).canonical()["resolver"], wanted);
    }

    #[test]
    fn what_names_nobody_is_told_with_every_reason() {
        for (text, whys) in [
            ("", vec!["`` is not a name of an object"]),
            ("Build", vec!["`Build` is not a name of an object"]),
            ("Workflow/x", vec!["the API of kind `Workflow` is not known here: write APIVERSION/Workflow/NAME"]),
            ("pipeline/x", vec!["`pipeline` is not a kind"]),
            ("tekton.dev/v1/Pipeline/", vec!["`` is not a name of an object"]),
            ("/Pipeline/x", vec!["`` is not a apiVersion"]),
            ("external-operation", vec!["the word is ExternalOperation"]),
            ("{kind: Pipeline}", vec!["the field `apiVersion` is missing", "the field `name` is missing"]),
            (
                "{apiVersion: 1, kind: p, name: X, also: a}",
                vec![
                    "the field `apiVersion` is no text",
                    "the field `also` has no meaning",
                    "`p` is not a kind",
                    "`X` is not",
                ],
            ),
            (
                "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: git, name: x}",
                vec!["the field `name` has no meaning beside `resolver`"],
            ),
            ("{apiVersion: v1, kind: P, name: x, params: {}}", vec!["the field `params` has no meaning beside `name`"]),
            ("a: b: c", vec!["line 1"]),
            ("[a:", vec!["line 1"]),
        ] {
            let found = InCharge::read(text).unwrap_err();
            assert_eq!(found.len(), whys.len(), "{text}: {found:?}");
            for (found, why) in found.iter().zip(whys) {
                assert!(found.starts_with(why), "{text}: {found}");
            }
        }
        assert!(InCharge::read(&"a".repeat(LONGEST + 1)).unwrap_err()[0].contains("at most 16384 are read"));
    }
}

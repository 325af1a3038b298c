//! The published schema (docs/declaration.schema.json) against the reader: what the one takes, the other takes.
//!
//! Held so for each annotation by itself, over valid texts and texts that differ from one by a few slips. Two things a schema
//! cannot say are left out: names of parameters that differ in case alone, and the whole grammar of an image's repository, of
//! which the schema says less (what the reader takes, the schema takes).

mod pattern;

use super::*;
use crate::model::yaml;
use pattern::found;
use proptest::prelude::*;
use serde_json::{Map, json};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/declaration.schema.json")).unwrap()
}

/// True if a value is as a schema says. A keyword that is not known here is a fault of this test.
fn valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let Value::Object(keywords) = schema else { return schema == &json!(true) };
    let one = |schema: &Value| valid(root, schema, value);
    let length = value.as_str().map(|text| text.chars().count());
    let fields = value.as_object();
    let entries = value.as_array();
    let at_most =
        |count: Option<usize>, limit: &Value| count.is_none_or(|count| count as u64 <= limit.as_u64().unwrap());
    keywords.iter().all(|(keyword, is)| match keyword.as_str() {
        "$schema" | "title" | "description" | "$defs" | "contentMediaType" => true,
        "$ref" => one(root.pointer(is.as_str().unwrap().strip_prefix('#').unwrap()).unwrap()),
        "type" => match is.as_str().unwrap() {
            "string" => value.is_string(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            other => panic!("type {other}"),
        },
        "const" => value == is,
        "pattern" => value.as_str().is_none_or(|text| found(is.as_str().unwrap(), text)),
        "not" => !one(is),
        "anyOf" => is.as_array().unwrap().iter().any(one),
        "allOf" => is.as_array().unwrap().iter().all(one),
        "minLength" => length.is_none_or(|length| length as u64 >= is.as_u64().unwrap()),
        "maxLength" => at_most(length, is),
        "maxProperties" => at_most(fields.map(Map::len), is),
        "maxItems" => at_most(entries.map(Vec::len), is),
        "items" => entries.is_none_or(|entries| entries.iter().all(|entry| valid(root, is, entry))),
        "required" => {
            let there = |name: &Value| fields.is_none_or(|fields| fields.contains_key(name.as_str().unwrap()));
            is.as_array().unwrap().iter().all(there)
        }
        "properties" => {
            let as_said =
                |(name, is): (&String, &Value)| fields.and_then(|f| f.get(name)).is_none_or(|v| valid(root, is, v));
            is.as_object().unwrap().iter().all(as_said)
        }
        "additionalProperties" => {
            let named = |name: &String| schema["properties"].get(name).is_some();
            fields.is_none_or(|fields| fields.iter().all(|(name, value)| named(name) || valid(root, is, value)))
        }
        "propertyNames" => fields.is_none_or(|fields| fields.keys().all(|name| valid(root, is, &json!(name)))),
        "dependentRequired" => is.as_object().unwrap().iter().all(|(name, needs)| {
            let there = |name: &str| fields.is_some_and(|fields| fields.contains_key(name));
            !there(name) || needs.as_array().unwrap().iter().all(|need| there(need.as_str().unwrap()))
        }),
        "contentSchema" => {
            value.as_str().is_none_or(|text| yaml::value(text, 1 << 14).is_ok_and(|content| valid(root, is, &content)))
        }
        other => panic!("keyword {other}"),
    })
}

/// What the annotation of a part means to the schema.
fn schema_takes(part: DeclaredPart, text: &str) -> bool {
    let root = schema();
    valid(&root, &root["properties"][part.annotation()], &json!(text))
}

/// What it means to the reader, whatever stands beside it.
fn reader_takes(part: DeclaredPart, text: &str) -> bool {
    match part {
        DeclaredPart::Pipeline => InCharge::read(text).is_ok(),
        DeclaredPart::Params => Params::read(text).is_ok(),
        DeclaredPart::Source => GitUrl::read(text).is_ok(),
        DeclaredPart::SourceRevision => SourceRevision::read(text).is_ok(),
        DeclaredPart::SourcePath => SourcePath::read(text).is_ok(),
        DeclaredPart::ImageRepository => DeclaredRepository::read(text, Some("hello"), None).is_ok(),
        DeclaredPart::Container => text.parse::<ContainerName>().is_ok(),
        DeclaredPart::Traffic => share(text).is_ok(),
        DeclaredPart::Suspend => Suspended::read(text).is_ok(),
    }
}

/// Texts of each kind that may stand there.
fn good(part: DeclaredPart) -> &'static [&'static str] {
    match part {
        DeclaredPart::Pipeline => &[
            "build-it",
            "a.b-c.d0",
            "Task/build",
            "CronJob/nightly",
            "argoproj.io/v1alpha1/Workflow/w",
            "v1/Pod/p",
            "ExternalOperation",
            "{apiVersion: tekton.dev/v1, kind: Pipeline, name: build-it}",
            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\"}",
            "apiVersion: tekton.dev/v1\nkind: Pipeline\nresolver: git\nparams: {url: 'https://g/x', path: [a, b]}",
            "{apiVersion: tekton.dev/v1, kind: Task, resolver: hub, params: [{name: a, value: b}]}",
            "{apiVersion: tekton.dev/v1, kind: Task, resolver: hub}",
        ],
        DeclaredPart::Params => &[
            "{}",
            "{style: canary, steps: ['5', '25']}",
            "a_B.c-1: x\n_b: []\n",
            "{\"x\":\"\",\"y\":[\"\"]}",
            "{and: x, andante: z}",
        ],
        DeclaredPart::Source => &[
            "https://git.example.com/team/shop.git",
            "HTTP://10.0.0.1:8080//x",
            "ssh://git@git.example.com:22/shop",
            "ssh://h/x:y",
            "git://h/x",
            "git@git.example.com:team/shop.git",
            "https://[fd00::1]:80/shop",
        ],
        DeclaredPart::SourceRevision => {
            &["3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d", "main", "refs/heads/feature/x", "v1.2.3", "a-b_c@d"]
        }
        DeclaredPart::SourcePath => &[".", "services/shop", "./a//b/", "a b/..c", "a.."],
        DeclaredPart::ImageRepository => {
            &["registry.example.com/team", "team/{service}", "r.io/{namespace}-{service}", "localhost:5000/x/"]
        }
        DeclaredPart::Container => &["web", "user-container", "a", "0"],
        DeclaredPart::Traffic => &["1", "100", "50%", "05", "7 %"],
        DeclaredPart::Suspend => &["true", "True", "false", "a sale until Monday", "no more"],
    }
}

/// A valid text with some slips.
fn slips() -> impl Strategy<Value = (DeclaredPart, String)> {
    let slip = (any::<prop::sample::Index>(), 0..3_u8, "[ -~\n]|[a-zA-Z0-9/:.@{}\\[\\]'-]|ä");
    let text = (0..DeclaredPart::ALL.len(), any::<prop::sample::Index>(), proptest::collection::vec(slip, 0..4));
    text.prop_map(|(part, which, slips)| {
        let part = DeclaredPart::ALL[part];
        let mut text: Vec<char> = which.get(good(part)).chars().collect();
        for (at, how, with) in slips {
            let at = at.index(text.len() + 1);
            match how {
                0 => text.splice(at..at, with.chars()).for_each(drop),
                1 if at < text.len() => text[at] = with.chars().next().unwrap(),
                _ if at < text.len() => {
                    text.remove(at);
                }
                _ => {}
            }
        }
        // Around a text space means nothing to the reader; the schema is of texts without it.
        (part, text.into_iter().collect::<String>().trim().to_owned())
    })
}

/// Names that are one for Tekton, which a schema cannot say.
fn differ_in_case(text: &str) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Object(fields) => {
                let names: std::collections::BTreeSet<String> =
                    fields.keys().map(|name| name.to_ascii_lowercase()).collect();
                names.len() < fields.len() || fields.values().any(within)
            }
            // A resolver's list of parameters names them so.
            Value::Array(list) => {
                let names: Vec<String> =
                    list.iter().filter_map(|entry| Some(entry.get("name")?.as_str()?.to_ascii_lowercase())).collect();
                names.iter().enumerate().any(|(at, name)| names[..at].contains(name))
            }
            _ => false,
        }
    }
    yaml::value(text, 1 << 14).is_ok_and(|value| within(&value))
}

#[test]
fn the_examples_are_what_both_take() {
    for part in DeclaredPart::ALL {
        for text in good(part) {
            assert!(reader_takes(part, text) && schema_takes(part, text), "{part:?}: {text}");
        }
    }
    let root = schema();
    let names: Vec<&String> = root["properties"].as_object().unwrap().keys().collect();
    let mut wanted = DeclaredPart::ALL.map(DeclaredPart::annotation);
    wanted.sort_unstable();
    assert_eq!(names, wanted);
}

#[test]
fn what_belongs_together_is_said_by_both() {
    let root = schema();
    for (annotations, takes) in [
        (json!({"andante.dev/pipeline": "p", "andante.dev/source": "https://h/x"}), true),
        (json!({"andante.dev/source": "https://h/x"}), false),
        (json!({"andante.dev/pipeline": "p", "andante.dev/source-path": "a"}), false),
        (json!({"andante.dev/pipeline": "p", "andante.dev/source-revision": "a"}), false),
        (json!({"andante.dev/traffic": 50}), false),
        (json!({"team.example.com/x": "y"}), true),
    ] {
        let containers = json!([{"name": "web", "image": "registry.example.com/web:1"}]);
        let service = json!({"metadata": {"name": "hello", "annotations": annotations},
            "spec": {"template": {"spec": {"containers": containers}}}});
        assert_eq!(Stated::of_json(&service).read().is_ok(), takes, "{annotations}");
        assert_eq!(valid(&root, &root, &annotations), takes, "{annotations}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_schema_takes_what_the_reader_takes((part, text) in slips()) {
        let (reader, schema) = (reader_takes(part, &text), schema_takes(part, &text));
        match part {
            DeclaredPart::ImageRepository => prop_assert!(!reader || schema, "{:?}", text),
            DeclaredPart::Pipeline | DeclaredPart::Params if differ_in_case(&text) => {}
            _ => prop_assert_eq!(reader, schema, "{:?}: {:?}", part, text),
        }
    }
}

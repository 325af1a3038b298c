//! What may happen to a Service without meaning another goal.

use super::put;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What encoders, kn and our own writes do to a Service without meaning another goal.
#[derive(Debug, Clone)]
pub(super) enum Noise {
    Name(String),
    Stamp(String),
    Label(String),
    Mark(&'static str, String),
    Null(&'static [&'static str], &'static str),
    Empty(&'static [&'static str], &'static str, Value),
    ServiceAnnotation(String),
    Suspend,
    Split,
    Status,
}

pub(super) fn noise() -> impl Strategy<Value = Noise> {
    let null = prop_oneof![
        Just((&["metadata"][..], "creationTimestamp")),
        Just((&["spec"][..], "securityContext")),
        Just((&["metadata"][..], "ownerReferences")),
        Just((&[][..], "extra")),
    ];
    let empty = prop_oneof![
        Just((&["metadata"][..], "ownerReferences", json!([]))),
        Just((&["spec"][..], "tolerations", json!([]))),
        Just((&["spec"][..], "nodeSelector", json!({}))),
        Just((&["spec"][..], "resources", json!({"limits": {}, "requests": {}, "claims": null}))),
    ];
    prop_oneof![
        "[a-z]{1,9}".prop_map(|name| Noise::Name(format!("hello-{name}"))),
        "[a-zA-Z]{1,9}".prop_map(Noise::Stamp),
        "[a-zA-Z]{1,9}".prop_map(Noise::Label),
        (prop_oneof![Just("andante.dev/again"), Just("andante.dev/image-digest")], "\\PC{0,9}")
            .prop_map(|(n, v)| Noise::Mark(n, v)),
        null.prop_map(|(at, name)| Noise::Null(at, name)),
        empty.prop_map(|(at, name, value)| Noise::Empty(at, name, value)),
        "\\PC{0,20}".prop_map(Noise::ServiceAnnotation),
        Just(Noise::Suspend),
        Just(Noise::Split),
        Just(Noise::Status),
    ]
}

pub(super) fn disturb(service: &mut Value, noise: &Noise) {
    let within = |names: &[&'static str]| [&["spec", "template"], names].concat();
    match noise {
        Noise::Name(name) => put(service, &within(&["metadata"]), "name", json!(name)),
        Noise::Stamp(name) => {
            put(service, &within(&["metadata", "annotations"]), &format!("client.knative.dev/{name}"), json!("x"));
        }
        Noise::Label(name) => {
            put(service, &within(&["metadata", "labels"]), &format!("client.knative.dev/{name}"), json!("x"));
        }
        Noise::Mark(name, value) => put(service, &within(&["metadata", "annotations"]), name, json!(value)),
        Noise::Null(names, name) => put(service, &within(names), name, Value::Null),
        Noise::Empty(names, name, value) => put(service, &within(names), name, value.clone()),
        Noise::ServiceAnnotation(text) => {
            for name in ["andante.dev/rollout", "andante.dev/goal-status", "team.example.com/note"] {
                put(service, &["metadata", "annotations"], name, json!(text));
            }
        }
        Noise::Suspend => put(service, &["metadata", "annotations"], "andante.dev/suspend", json!("a reason")),
        Noise::Split => put(service, &["spec"], "traffic", json!([{"revisionName": "hello-1", "percent": 100}])),
        Noise::Status => put(service, &[], "status", json!({"observedGeneration": 7})),
    }
}

//! Service manifests from files. Beside kubeconfig files these are all the YAML that is read.
//!
//! Decides which object of a file is meant and what of it may be used: a Service, without what a server set, and not its
//! traffic, because the walk writes that. Depends on `serde_json`, [`yaml`] and the names of our annotations.

use crate::adapter::files;
use crate::model::observed::{CONTROL, PROGRESS, RECORD};
use crate::model::yaml;
use serde_json::{Map, Value, json};
use std::path::Path;

mod folder;
mod texts;

pub(crate) use folder::{ServiceFile, read_services};

/// The largest file that is read, in bytes: etcd's default limit of a request is 1.5 MiB, so no larger object can be stored.
const MAX_BYTES: u64 = 1536 * 1024;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadManifest {
    /// It cannot be read.
    #[error("{file}: {why}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// It holds something else.
    #[error("{0}: not a Knative Service (apiVersion serving.knative.dev/v1, kind Service)")]
    NotAService(String),
    /// It speaks of another Service.
    #[error("{file} is of Service `{found}`, not of `{wanted}`")]
    OtherName {
        /// The file.
        file: String,
        /// The name in it.
        found: String,
        /// The name wanted.
        wanted: String,
    },
    /// It holds more than one that is meant.
    #[error("{file} holds Service `{name}` {times} times: leave one")]
    Several {
        /// The file.
        file: String,
        /// The Service.
        name: String,
        /// How often it is there.
        times: usize,
    },
    /// A field is read as something else than the text that the API takes.
    #[error("{file}: {field} is {found}, and a text is needed: put it in quotes")]
    NoText {
        /// The file.
        file: String,
        /// Where.
        field: String,
        /// What it is read as.
        found: &'static str,
    },
    /// It cannot be applied as it is.
    #[error("{file}: {why}")]
    Unfit {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// It says how traffic is split.
    #[error("{0} holds spec.traffic, which is the rollout's to write: remove it from the file")]
    Traffic(String),
}

/// A manifest that may be staged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForStaging {
    /// The Service, without what is not the file's to say.
    pub object: Value,
    /// What was left out of the file, in sentences.
    pub notes: Vec<String>,
}

/// Reads the manifest of `service`.
pub(crate) fn read_named(path: &Path, service: &str) -> Result<Value, BadManifest> {
    choose(read(path)?, &path.display().to_string(), service).map(|(object, _)| object)
}

/// Reads a manifest whose template is to be staged under `service`.
pub(crate) fn read_for_staging(path: &Path, service: &str) -> Result<ForStaging, BadManifest> {
    let file = path.display().to_string();
    let (mut object, others) = choose(read(path)?, &file, service)?;
    let mut notes = Vec::new();
    if !others.is_empty() {
        notes.push(format!("{file} also holds {}: only Service {service} is taken from it", others.join(", ")));
    }
    let mut dropped = drop_what_servers_set(&mut object);
    // What Knative writes where nobody says how traffic is split.
    if object.pointer("/spec/traffic") == Some(&json!([{"latestRevision": true, "percent": 100}]))
        && let Some(Value::Object(spec)) = object.get_mut("spec")
    {
        spec.remove("traffic");
        dropped.push("spec.traffic (all to latest)".to_owned());
    }
    // Staging pins users itself (rule 4); a split in the file would be another opinion about the same list.
    if object.pointer("/spec/traffic").is_some() {
        return Err(BadManifest::Traffic(file));
    }
    if let Some((field, found)) = texts::other_than_text(&object) {
        return Err(BadManifest::NoText { file, field, found });
    }
    if !dropped.is_empty() {
        notes.push(format!("{file}: {} left out, because the server sets it", dropped.join(", ")));
    }
    Ok(ForStaging { object, notes })
}

/// All objects of a YAML or JSON file.
fn read(path: &Path) -> Result<Vec<Value>, BadManifest> {
    let bad = |why: String| BadManifest::Read { file: path.display().to_string(), why };
    let text = files::read_named(path, MAX_BYTES).map_err(|e| bad(e.to_string()))?;
    yaml::objects(&text, usize::try_from(MAX_BYTES).unwrap_or(usize::MAX)).map_err(bad)
}

/// The Service that is meant, and what else the file holds, in words.
fn choose(objects: Vec<Value>, file: &str, service: &str) -> Result<(Value, Vec<String>), BadManifest> {
    let field =
        |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_service = |object: &Value| {
        field(object, "/apiVersion").starts_with("serving.knative.dev/") && field(object, "/kind") == "Service"
    };
    let name = |object: &Value| field(object, "/metadata/name");
    let (mut meant, others): (Vec<_>, Vec<_>) =
        objects.into_iter().partition(|object| is_service(object) && name(object) == service);
    let times = meant.len();
    match meant.pop() {
        Some(object) if times == 1 => {
            let called = |object: &Value| format!("{} `{}`", field(object, "/kind"), name(object));
            Ok((object, others.iter().map(called).collect()))
        }
        Some(_) => Err(BadManifest::Several { file: file.to_owned(), name: service.to_owned(), times }),
        None => {
            let found: Vec<_> = others.iter().filter(|object| is_service(object)).map(name).collect();
            if found.is_empty() {
                return Err(BadManifest::NotAService(file.to_owned()));
            }
            let found = found.join("`, `");
            Err(BadManifest::OtherName { file: file.to_owned(), found, wanted: service.to_owned() })
        }
    }
}

/// Fields of `metadata` that only a server sets. With some of them a creation is refused, with `resourceVersion` for ever.
const SET_BY_SERVERS: [&str; 8] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// Takes away what an export of a live object has and a file cannot say. The answer names it.
fn drop_what_servers_set(object: &mut Value) -> Vec<String> {
    let mut dropped = Vec::new();
    // Go's encoder writes `creationTimestamp: null` into everything that it makes, so null is worth no word.
    let mut take = |fields: Option<&mut Value>, name: &str, called: String| {
        let taken = fields.and_then(Value::as_object_mut).and_then(|fields: &mut Map<_, _>| fields.remove(name));
        if taken.is_some_and(|taken| !taken.is_null()) {
            dropped.push(called);
        }
    };
    for name in SET_BY_SERVERS {
        take(object.get_mut("metadata"), name, format!("metadata.{name}"));
    }
    // The record belongs to one object of one cluster.
    for name in [RECORD, CONTROL, PROGRESS] {
        take(object.pointer_mut("/metadata/annotations"), name, format!("annotation {name}"));
    }
    take(object.pointer_mut("/spec/template/metadata"), "creationTimestamp", "its template's creationTimestamp".into());
    take(Some(object), "status", "status".into());
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_has_no_end_is_no_manifest() {
        let error = read_for_staging(Path::new("/dev/zero"), "hello").unwrap_err().to_string();
        assert_eq!(error, format!("/dev/zero: it has more than {MAX_BYTES} bytes"));
    }

    fn staged(text: &str) -> Result<ForStaging, String> {
        let folder = std::env::temp_dir().join(format!("andante-manifest-{}-{}", std::process::id(), text.len()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("hello.yaml");
        fs::write(&path, text).unwrap();
        let short = |text: String| text.replace(&path.display().to_string(), "FILE");
        let read = read_for_staging(&path, "hello").map_err(|e| short(e.to_string()));
        fs::remove_dir_all(&folder).unwrap();
        read.map(|read| ForStaging { notes: read.notes.into_iter().map(short).collect(), ..read })
    }

    fn service(more: &str) -> String {
        format!("apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: hello}}\n{more}")
    }

    #[test]
    fn an_export_of_a_live_object_loses_what_the_server_set() {
        let read = staged(
            "apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ''}\nitems:\n- apiVersion: serving.knative.dev/v1\n  \
             kind: Service\n  metadata:\n    name: hello\n    uid: 1234\n    resourceVersion: '77'\n    generation: 3\n    \
             creationTimestamp: 2026-01-01T00:00:00Z\n    managedFields: [{manager: kubectl}]\n    labels: {team: blue}\n    \
             annotations: {andante.dev/rollout: '{}', mine: a}\n  spec:\n    template: {metadata: {creationTimestamp: null}, \
             spec: {containers: [{image: i}]}}\n    traffic: [{latestRevision: true, percent: 100}]\n  status: {x: 1}\n",
        )
        .unwrap();
        let wanted = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {"name": "hello", "labels": {"team": "blue"}, "annotations": {"mine": "a"}},
            "spec": {"template": {"metadata": {}, "spec": {"containers": [{"image": "i"}]}}}
        });
        assert_eq!(read.object, wanted);
        assert_eq!(
            read.notes,
            ["FILE: metadata.uid, metadata.resourceVersion, metadata.generation, metadata.creationTimestamp, \
              metadata.managedFields, annotation andante.dev/rollout, status, spec.traffic (all to latest) left out, \
              because the server sets it"]
        );
    }

    #[test]
    fn the_one_service_of_a_file_is_taken_and_the_rest_is_named() {
        let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\n";
        let read = staged(&format!("{other}{}", service("spec: {}\n"))).unwrap();
        assert_eq!(read.notes, ["FILE also holds ConfigMap `c`: only Service hello is taken from it"]);
        assert_eq!(read.object["metadata"]["name"], "hello");
        let twice = format!("{}---\n{}", service(""), service(""));
        assert_eq!(staged(&twice).unwrap_err(), "FILE holds Service `hello` 2 times: leave one");
        assert!(staged(other).unwrap_err().contains("not a Knative Service"));
        let split = service("spec: {traffic: [{revisionName: hello-1, percent: 100}]}\n");
        assert!(staged(&split).unwrap_err().contains("which is the rollout's to write"));
    }

    #[test]
    fn a_text_that_yaml_reads_as_something_else_is_named_with_its_field() {
        for (more, said) in [
            (
                "spec: {template: {spec: {containers: [{image: i}, {image: i, env: [{name: A, value: yes}]}]}}}",
                "spec.template.spec.containers[1].env[0].value is true (YAML reads yes, on and y so)",
            ),
            (
                "spec: {template: {metadata: {annotations: {autoscaling.knative.dev/min-scale: 1}}}}",
                "spec.template.metadata.annotations.autoscaling.knative.dev/min-scale is a number",
            ),
            (
                "spec: {template: {spec: {containers: [{args: [-v, 010]}]}}}",
                "spec.template.spec.containers[0].args[1] is a number",
            ),
        ] {
            let said = format!("FILE: {said}, and a text is needed: put it in quotes");
            assert_eq!(staged(&service(more)).unwrap_err(), said);
        }
    }
}

//! Service manifests from files. Beside kubeconfig files these are all the YAML that is read.
//!
//! Decides what may be in a manifest: a Service, and not its traffic, because the walk writes that. Depends on `serde_json`
//! and the YAML reader.

use serde_json::Value;
use std::path::Path;

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
    /// It says how traffic is split.
    #[error("{0} holds spec.traffic, which is the rollout's to write: remove it from the file")]
    Traffic(String),
}

/// Reads one Service from a YAML or JSON file.
pub(crate) fn read(path: &Path) -> Result<Value, BadManifest> {
    let file = path.display().to_string();
    let bad = |why: String| BadManifest::Read { file: file.clone(), why };
    let size = std::fs::metadata(path).map_err(|e| bad(e.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(bad(format!("{size} bytes, at most {MAX_BYTES} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    let value: Value = serde_saphyr::from_str(&text).map_err(|e| bad(first_line(&e.to_string())))?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    if !field("apiVersion").starts_with("serving.knative.dev/") || field("kind") != "Service" {
        return Err(BadManifest::NotAService(file));
    }
    Ok(value)
}

/// Reads the manifest of `service`.
pub(crate) fn read_named(path: &Path, service: &str) -> Result<Value, BadManifest> {
    let value = read(path)?;
    let file = path.display().to_string();
    let found = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if found != service {
        return Err(BadManifest::OtherName { file, found: found.to_owned(), wanted: service.to_owned() });
    }
    Ok(value)
}

/// Reads a manifest whose template is to be staged under `service`.
pub(crate) fn read_for_staging(path: &Path, service: &str) -> Result<Value, BadManifest> {
    let value = read_named(path, service)?;
    let file = path.display().to_string();
    // Staging pins users itself (rule 4); a split in the file would be another opinion about the same list.
    if value.pointer("/spec/traffic").is_some() {
        return Err(BadManifest::Traffic(file));
    }
    Ok(value)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

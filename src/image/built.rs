//! The digest of an image that was just built, from what builders leave behind. Decides which texts tell it.
//!
//! A digest file holds a digest (buildah, podman, kaniko) or references by digest, one a line (ko, kaniko); BuildKit
//! leaves a JSON object. An OCI layout names its images in `index.json`. Pure: files are read elsewhere.

use crate::name::BadName;
use crate::reference::{BadReference, Digest, Reference, Repository};
use serde::Deserialize;
use serde_json::Value;

/// What a builder left behind tells no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDigest {
    /// It is empty: the builder did not come so far.
    #[error("it is empty: was the image pushed?")]
    Empty,
    /// A line is neither a digest nor a reference.
    #[error("{0}")]
    Digest(#[from] BadName),
    /// A line is no reference.
    #[error("{0}")]
    Reference(#[from] BadReference),
    /// A reference without a digest.
    #[error("`{0}` has no digest")]
    Undigested(String),
    /// Images of another repository.
    #[error("it names the repository {found}, but this image belongs to {wanted}")]
    Elsewhere {
        /// The repository that it names.
        found: String,
        /// Ours.
        wanted: String,
    },
    /// More than one image.
    #[error("it names {0} different images, and nothing says which one is meant")]
    Several(usize),
    /// Not what it should be.
    #[error("it is not {0}")]
    NotA(&'static str),
}

/// The digest that a digest file tells; references in it must be of `repository`.
pub fn of_file(text: &str, repository: &Repository) -> Result<Digest, NoDigest> {
    let text = text.trim();
    if text.starts_with('{') {
        let not = NoDigest::NotA("BuildKit's metadata (JSON with \"containerimage.digest\")");
        let value: Value = serde_json::from_str(text).map_err(|_| not.clone())?;
        let digest = value.get("containerimage.digest").and_then(Value::as_str).ok_or(not)?;
        return Ok(digest.parse()?);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut found: Vec<Digest> = lines.map(|line| of_line(line, repository)).collect::<Result<_, _>>()?;
    found.sort();
    found.dedup();
    one(found)
}

fn of_line(line: &str, repository: &Repository) -> Result<Digest, NoDigest> {
    if !line.contains(['@', '/']) {
        return Ok(line.parse()?);
    }
    let reference: Reference = line.parse()?;
    if reference.repository != *repository {
        let (found, wanted) = (reference.repository.to_string(), repository.to_string());
        return Err(NoDigest::Elsewhere { found, wanted });
    }
    reference.digest.ok_or_else(|| NoDigest::Undigested(line.chars().take(200).collect()))
}

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
struct Descriptor {
    digest: String,
    #[serde(default)]
    annotations: serde_json::Map<String, Value>,
}

/// The digest that an OCI layout's `index.json` tells: of its only image, or of the one that is called `tag` there.
pub fn of_layout(index: &[u8], tag: Option<&str>) -> Result<Digest, NoDigest> {
    let index: Index = serde_json::from_slice(index)
        .map_err(|_| NoDigest::NotA("the index of an OCI layout (JSON with manifests)"))?;
    let called = |d: &&Descriptor| {
        let name = d.annotations.get("org.opencontainers.image.ref.name").and_then(Value::as_str);
        // A builder may write the whole reference there.
        name.zip(tag).is_some_and(|(name, tag)| name == tag || name.ends_with(&format!(":{tag}")))
    };
    let named: Vec<&Descriptor> = index.manifests.iter().filter(called).collect();
    let meant = if named.is_empty() { index.manifests.iter().collect() } else { named };
    let mut found: Vec<Digest> = meant.into_iter().map(|d| d.digest.parse()).collect::<Result<_, _>>()?;
    found.sort();
    found.dedup();
    one(found)
}

fn one(mut found: Vec<Digest>) -> Result<Digest, NoDigest> {
    match found.len() {
        0 | 1 => found.pop().ok_or(NoDigest::Empty),
        several => Err(NoDigest::Several(several)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const B: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn file(text: &str) -> Result<String, String> {
        let repository = "gcr.io/stuff/hello".parse::<Reference>().unwrap().repository;
        of_file(text, &repository).map(|d| d.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_builders_write_is_read() {
        for text in [
            A.to_owned(),
            format!("{A}\n"),
            format!("gcr.io/stuff/hello@{A}"),
            format!("gcr.io/stuff/hello:v1@{A}\ngcr.io/stuff/hello:v2@{A}\n"),
            format!("{{\"containerimage.digest\": \"{A}\", \"image.name\": \"x\"}}"),
        ] {
            assert_eq!(file(&text), Ok(A.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_tells_nothing_is_told() {
        for (text, said) in [
            (String::new(), "it is empty: was the image pushed?"),
            (" \n".into(), "it is empty"),
            ("sha256:12".into(), "`sha256:12` is not a digest: 64 lower-case"),
            ("latest".into(), "`latest` is not a digest"),
            (format!("{A}\n{B}"), "it names 2 different images"),
            ("gcr.io/stuff/hello:v1".into(), "`gcr.io/stuff/hello:v1` has no digest"),
            (
                format!("gcr.io/stuff/hello-1a2b@{A}"),
                "it names the repository gcr.io/stuff/hello-1a2b, but this image \
                belongs to gcr.io/stuff/hello",
            ),
            ("{}".into(), "it is not BuildKit's metadata"),
            ("{".into(), "it is not BuildKit's metadata"),
        ] {
            let error = file(&text).unwrap_err();
            assert!(error.starts_with(said), "{text:?}: {error}");
        }
    }

    fn layout(manifests: &Value, tag: Option<&str>) -> Result<String, String> {
        let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests}).to_string();
        of_layout(index.as_bytes(), tag).map(|d| d.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_layout_tells_its_only_image_or_the_one_of_this_tag() {
        let named = |digest: &str, name: &str| {
            serde_json::json!({"digest": digest,
            "annotations": {"org.opencontainers.image.ref.name": name}})
        };
        let only = serde_json::json!([{"digest": A}]);
        assert_eq!(layout(&only, Some("v1")), Ok(A.to_owned()));
        let two = serde_json::json!([named(A, "v1"), named(B, "gcr.io/x:v2")]);
        assert_eq!(layout(&two, Some("v1")), Ok(A.to_owned()));
        assert_eq!(layout(&two, Some("v2")), Ok(B.to_owned()));
        assert!(layout(&two, Some("v3")).unwrap_err().starts_with("it names 2 different images"));
        assert!(layout(&two, None).is_err());
        assert!(layout(&serde_json::json!([]), None).unwrap_err().starts_with("it is empty"));
        assert!(of_layout(b"[]", None).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
            let _ = of_layout(&bytes, Some("v1"));
            let _ = file(&text);
        }
    }
}

//! The digest of an image that was just built, from what builders leave behind.
//!
//! Decides which texts tell a digest. A digest file holds a digest (buildah, podman, kaniko) or references by digest, one a
//! line (ko, kaniko); BuildKit leaves a JSON object. An OCI layout names its images in `index.json`. A file that is none of
//! these may be a secret that was given by mistake, so its text is not repeated. Pure: files are read elsewhere.

use crate::image::reference::{Digest, Reference, Repository};
use crate::model::name::BadName;
use serde::Deserialize;
use serde_json::Value;

/// Why the files of a builder tell no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDigest {
    /// It is empty: the builder did not come so far.
    #[error("it is empty: was the image pushed?")]
    Empty,
    /// The text in the digest's place is no digest.
    #[error("{0}")]
    Digest(#[from] BadName),
    /// A line is neither a digest nor a reference.
    #[error("its line {0} is neither a digest (sha256:...) nor a reference with one")]
    Line(usize),
    /// A reference without a digest.
    #[error("the reference in its line {0} has no digest")]
    Undigested(usize),
    /// The only image has a name, and it is not ours.
    #[error("its image is called {found:?}, but this one {wanted:?}: --digest says what is meant")]
    Called {
        /// What it is called there.
        found: String,
        /// Our tag.
        wanted: String,
    },
    /// Images of other repositories alone.
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

/// The digest that a digest file tells of an image of `repository`; a build of several images (ko) names all of them.
pub fn of_file(text: &str, repository: &Repository) -> Result<Digest, NoDigest> {
    let text = text.trim();
    if text.starts_with('{') {
        let not = NoDigest::NotA("BuildKit's metadata (JSON with \"containerimage.digest\")");
        let value: Value = serde_json::from_str(text).map_err(|_| not.clone())?;
        let digest = value.get("containerimage.digest").and_then(Value::as_str).ok_or(not)?;
        return Ok(digest.parse()?);
    }
    let lines = text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty());
    let (mut found, mut elsewhere) = (Vec::new(), None);
    for (line, number) in lines {
        match of_line(line, number, repository) {
            Ok(digest) => found.push(digest),
            // A list may name images of other repositories as well: that is refused only where none of them is ours.
            Err(error @ NoDigest::Elsewhere { .. }) => elsewhere = Some(error),
            Err(error) => return Err(error),
        }
    }
    match elsewhere {
        Some(error) if found.is_empty() => Err(error),
        _ => one(found),
    }
}

fn of_line(line: &str, number: usize, repository: &Repository) -> Result<Digest, NoDigest> {
    // Without these two it can only be a bare digest; `sha256:...` alone would also pass for a short name with a tag.
    if !line.contains(['@', '/']) {
        return line.parse().map_err(|_| NoDigest::Line(number));
    }
    let reference: Reference = line.parse().map_err(|_| NoDigest::Line(number))?;
    let digest = reference.digest.ok_or(NoDigest::Undigested(number))?;
    if reference.repository != *repository {
        let (found, wanted) = (reference.repository.to_string(), repository.to_string());
        return Err(NoDigest::Elsewhere { found, wanted });
    }
    Ok(digest)
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

impl Descriptor {
    /// Its name; a builder may write the whole reference there.
    fn name(&self) -> Option<&str> {
        self.annotations.get("org.opencontainers.image.ref.name").and_then(Value::as_str)
    }
}

/// The digest that an OCI layout's `index.json` tells: of the image that is called `tag` there, else of the only one
/// without a name. A layout may still hold the image of an earlier build.
pub fn of_layout(index: &[u8], tag: Option<&str>) -> Result<Digest, NoDigest> {
    let index: Index = serde_json::from_slice(index)
        .map_err(|_| NoDigest::NotA("the index of an OCI layout (JSON with manifests)"))?;
    let called = |name: &str, tag: &str| name == tag || name.ends_with(&format!(":{tag}"));
    let is_named = |d: &&Descriptor| d.name().zip(tag).is_some_and(|(name, tag)| called(name, tag));
    let may_be_meant = |d: &&Descriptor| tag.is_none() || d.name().is_none();
    let all = || index.manifests.iter();
    let mut meant: Vec<&Descriptor> = all().filter(is_named).collect();
    // A lone image under another name is not taken: it may be what an earlier build left there.
    if meant.is_empty() {
        meant = all().filter(may_be_meant).collect();
    }
    if meant.is_empty() {
        let others: Vec<&str> = all().filter_map(Descriptor::name).collect();
        return Err(match (others.as_slice(), tag) {
            ([], _) | (_, None) => NoDigest::Empty,
            ([other], Some(tag)) => NoDigest::Called { found: other.chars().take(200).collect(), wanted: tag.into() },
            (others, _) => NoDigest::Several(others.len()),
        });
    }
    one(meant.into_iter().map(|d| d.digest.parse()).collect::<Result<_, _>>()?)
}

fn one(mut found: Vec<Digest>) -> Result<Digest, NoDigest> {
    // Builders name the same image once for each of its tags.
    found.sort();
    found.dedup();
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
            ("sha256:12".into(), "its line 1 is neither a digest (sha256:...) nor a reference with one"),
            (format!("{A}\n\nlatest"), "its line 3 is neither a digest"),
            (format!("a b/c\n{A}"), "its line 1 is neither a digest"),
            (format!("{A}\n{B}"), "it names 2 different images"),
            ("gcr.io/stuff/hello:v1".into(), "the reference in its line 1 has no digest"),
            (format!("gcr.io/stuff/hello@{A}\ngcr.io/stuff/hello@{B}"), "it names 2 different images"),
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

    #[test]
    fn a_build_of_several_images_names_ours_among_them() {
        let several = format!("gcr.io/stuff/other@{B}\ngcr.io/stuff/hello:v1@{A}\ngcr.io/stuff/third@{B}\n");
        assert_eq!(file(&several), Ok(A.to_owned()));
        let error = file(&format!("gcr.io/stuff/other@{B}\ngcr.io/stuff/third@{B}\n")).unwrap_err();
        assert!(error.starts_with("it names the repository gcr.io/stuff/third, but this image"), "{error}");
    }

    #[test]
    fn a_secret_that_was_given_by_mistake_is_not_repeated() {
        for secret in
            ["s3cret", "s3cret/with-slash", "kim:s3cret@host", "-----BEGIN KEY-----\ns3cret/+==", "{\"s3cret\": 1}"]
        {
            let error = file(secret).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
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
        let earlier = serde_json::json!([named(A, "v1")]);
        assert_eq!(
            layout(&earlier, Some("v2")).unwrap_err(),
            "its image is called \"v1\", but this one \"v2\": --digest says what is meant"
        );
        assert_eq!(layout(&earlier, None), Ok(A.to_owned()), "no tag is known: nothing says that it is another");
        let beside = serde_json::json!([named(A, "v1"), {"digest": B}]);
        assert_eq!(layout(&beside, Some("v2")), Ok(B.to_owned()));
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

//! The digest of an image that was just built, from what builders leave behind.
//!
//! Decides which texts tell a digest. A digest file holds a digest (buildah, podman, kaniko) or references by digest, one a
//! line (ko, kaniko); BuildKit leaves a JSON object. An OCI layout names its images in `index.json`. Wherever a builder
//! names what it built, the image of another repository is not taken. A file that is none of these may be a secret that was
//! given by mistake, so its text is not repeated. Pure: files are read elsewhere.

mod layout;
mod metadata;

pub use layout::of_layout;

use crate::image::reference::{Digest, Reference, Repository};
use crate::model::name::BadName;

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
    #[error(
        "it names the repository {found}, but this image belongs to {wanted}; if that one is meant, --digest says so"
    )]
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
        return metadata::of_metadata(text, repository);
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
        return Err(elsewhere(&reference.repository, repository));
    }
    Ok(digest)
}

fn elsewhere(found: &Repository, wanted: &Repository) -> NoDigest {
    NoDigest::Elsewhere { found: found.to_string(), wanted: wanted.to_string() }
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
        for secret in [
            "s3cret",
            "s3cret/with-slash",
            "kim:s3cret@host",
            "-----BEGIN KEY-----\ns3cret/+==",
            "{\"s3cret\": 1}",
            "{\"auths\": {\"s3cret\": {\"auth\": \"s3cret\"}}}",
        ] {
            let error = file(secret).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = file(&text);
        }
    }
}

//! The metadata that BuildKit leaves: one JSON object of a build, or of each target of `bake`.
//!
//! Decides which of the builds in it is ours. Depends on references.

use super::{NoDigest, elsewhere, one};
use crate::image::reference::{Digest, Reference, Repository};
use serde_json::{Map, Value};

/// A build, as far as it matters.
struct TargetBuild<'a> {
    digest: &'a str,
    /// What was to be pushed, separated by commas; empty where nothing was named.
    names: &'a str,
}

/// The digest of our image. Names are compared as references: a short one is Docker Hub's, as everywhere.
pub(super) fn of_metadata(text: &str, repository: &Repository) -> Result<Digest, NoDigest> {
    let not = || {
        NoDigest::NotA("BuildKit's metadata (JSON with \"containerimage.digest\", or with one such object a target)")
    };
    let whole: Map<String, Value> = serde_json::from_str(text).map_err(|_| not())?;
    let builds: Vec<TargetBuild<'_>> = match build(&whole) {
        Some(build) => vec![build],
        None => whole.values().filter_map(Value::as_object).filter_map(build).collect(),
    };
    if builds.is_empty() {
        return Err(not());
    }
    let (mut ours, mut unnamed, mut foreign) = (Vec::new(), Vec::new(), None);
    for TargetBuild { digest, names } in builds {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        // A name that cannot be read may be anything, and is not repeated.
        let named: Vec<Repository> = names
            .map(|name| name.parse::<Reference>().map(|reference| reference.repository).map_err(|_| not()))
            .collect::<Result<_, _>>()?;
        match named.first() {
            None => unnamed.push(digest.parse()?),
            Some(_) if named.contains(repository) => ours.push(digest.parse()?),
            Some(first) => foreign = Some(elsewhere(first, repository)),
        }
    }
    // Beside targets that are named, one without a name may be anything: a test, or a base of the others.
    match foreign {
        Some(error) if ours.is_empty() => Err(error),
        _ => one(if ours.is_empty() { unnamed } else { ours }),
    }
}

fn build(object: &Map<String, Value>) -> Option<TargetBuild<'_>> {
    let digest = object.get("containerimage.digest")?.as_str()?;
    Some(TargetBuild { digest, names: object.get("image.name").and_then(Value::as_str).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const A: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const B: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn read(metadata: &Value) -> Result<String, String> {
        let repository = "gcr.io/stuff/hello".parse::<Reference>().unwrap().repository;
        of_metadata(&metadata.to_string(), &repository).map(|d| d.to_string()).map_err(|e| e.to_string())
    }

    fn build(digest: &str, names: &str) -> Value {
        json!({
            "buildx.build.provenance": {"buildType": "x"}, "buildx.build.ref": "b/b0/x",
            "containerimage.config.digest": B, "containerimage.descriptor": {"digest": digest, "size": 1},
            "containerimage.digest": digest, "image.name": names,
        })
    }

    #[test]
    fn a_build_of_ours_is_taken_and_anothers_is_not() {
        let bare = json!({"containerimage.digest": A});
        for metadata in
            [bare, build(A, ""), build(A, "gcr.io/stuff/hello:v1"), build(A, "docker.io/x/y:v1, gcr.io/stuff/hello:v1")]
        {
            assert_eq!(read(&metadata), Ok(A.to_owned()), "{metadata}");
        }
        for (names, found) in [
            ("gcr.io/stuff/other:v1", "gcr.io/stuff/other"),
            ("gcr.io/stuff/hello/worker:v1,x", "gcr.io/stuff/hello/worker"),
            ("hello:v1", "docker.io/library/hello"),
        ] {
            let said = format!(
                "it names the repository {found}, but this image belongs to gcr.io/stuff/hello; if that one is meant"
            );
            let error = read(&build(A, names)).unwrap_err();
            assert!(error.starts_with(&said), "{error}");
        }
    }

    #[test]
    fn of_the_targets_of_a_bake_ours_is_taken() {
        let ours = build(A, "gcr.io/stuff/hello:v1");
        let other = build(B, "gcr.io/stuff/other:v1");
        let warnings = json!([{"vertex": "sha256:0"}]);
        for (bake, said) in [
            (json!({"app": ours, "buildx.build.warnings": warnings}), Ok(A)),
            (json!({"app": ours, "other": other}), Ok(A)),
            (json!({"app": ours, "debug": {"containerimage.digest": B}}), Ok(A)),
            (json!({"app": {"containerimage.digest": A}}), Ok(A)),
            (json!({"app": other}), Err("it names the repository gcr.io/stuff/other, but")),
            (
                json!({"base": {"containerimage.digest": A}, "app": other}),
                Err("it names the repository gcr.io/stuff/other"),
            ),
            (json!({"a": ours, "b": build(B, "gcr.io/stuff/hello:v2")}), Err("it names 2 different images")),
            (
                json!({"a": {"containerimage.digest": A}, "b": {"containerimage.digest": B}}),
                Err("it names 2 different"),
            ),
        ] {
            let found = read(&bake);
            match said {
                Ok(digest) => assert_eq!(found.as_deref(), Ok(digest), "{bake}"),
                Err(said) => assert!(found.unwrap_err().starts_with(said), "{bake}"),
            }
        }
    }

    #[test]
    fn what_is_no_metadata_is_told_without_its_content() {
        let repository = "gcr.io/stuff/hello".parse::<Reference>().unwrap().repository;
        for text in [
            "{",
            "{}",
            "{\"a\": {}, \"b\": []}",
            "{\"containerimage.digest\": 1}",
            "{\"app\": {\"containerimage.digest\": null}}",
            &build(A, "s3cret s3cret").to_string(),
        ] {
            let error = of_metadata(text, &repository).unwrap_err().to_string();
            assert!(error.starts_with("it is not BuildKit's metadata") && !error.contains("s3cret"), "{text}: {error}");
        }
    }
}

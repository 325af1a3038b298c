//! The images of an OCI layout, as its `index.json` names them.
//!
//! Decides which one is meant. A layout is a folder that builds share: beside the image of this build it may hold those of
//! earlier builds and of other repositories. Depends on references.

use super::{NoDigest, elsewhere, one};
use crate::image::reference::{Digest, ImageTag, Reference, Repository};
use serde::Deserialize;
use serde_json::Value;

/// Where builders write an image's name: containerd's (BuildKit) is a whole reference, the specification's often a tag
/// alone.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

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

/// What an image is called in the layout.
#[derive(Debug, Default)]
struct NameInLayout<'a> {
    /// The name as it stands there, for people.
    name: Option<&'a str>,
    repository: Option<Repository>,
    tag: Option<String>,
}

impl Descriptor {
    fn called(&self) -> NameInLayout<'_> {
        let mut called = NameInLayout::default();
        for name in NAMES.iter().filter_map(|key| self.annotations.get(*key)?.as_str()).filter(|name| !name.is_empty())
        {
            called.name = called.name.or(Some(name));
            // A text that is a tag is no short name of Docker Hub's here: that is what builders write.
            match name.parse::<ImageTag>().is_err().then(|| name.parse::<Reference>()) {
                Some(Ok(whole)) => {
                    called.repository = called.repository.or(Some(whole.repository));
                    called.tag = called.tag.or_else(|| whole.tag.map(|tag| tag.to_string()));
                }
                // What is neither is a name that ours is not.
                Some(Err(_)) | None => called.tag = called.tag.or_else(|| Some(name.to_owned())),
            }
        }
        called
    }
}

impl NameInLayout<'_> {
    /// How surely it is the image of this repository and tag; `None`: it is another one. An image by another tag is an
    /// earlier build's.
    fn fits(&self, repository: &Repository, tag: Option<&str>) -> Option<u8> {
        let ours = match &self.repository {
            Some(named) if named != repository => return None,
            named => named.is_some(),
        };
        match (tag, self.tag.as_deref()) {
            (Some(wanted), Some(tag)) if wanted == tag => Some(if ours { 3 } else { 2 }),
            (Some(_), Some(_)) => None,
            (_, None) | (None, _) => Some(u8::from(ours)),
        }
    }
}

/// The digest that an OCI layout's `index.json` tells: of the image that is called as ours, else of one that has our tag for
/// a name, else of the only one without a name. Where no tag is known, of the only one that is no other repository's.
pub fn of_layout(index: &[u8], repository: &Repository, tag: Option<&str>) -> Result<Digest, NoDigest> {
    let index: Index = serde_json::from_slice(index)
        .map_err(|_| NoDigest::NotA("the index of an OCI layout (JSON with manifests)"))?;
    let all: Vec<(&Descriptor, NameInLayout<'_>)> =
        index.manifests.iter().map(|image| (image, image.called())).collect();
    let fits = |called: &NameInLayout<'_>| called.fits(repository, tag);
    if let Some(best) = all.iter().filter_map(|(_, called)| fits(called)).max() {
        let meant = all.iter().filter(|(_, called)| fits(called) == Some(best));
        return one(meant.map(|(image, _)| image.digest.parse()).collect::<Result<_, _>>()?);
    }
    let foreign = all.iter().filter_map(|(_, called)| called.repository.as_ref()).find(|named| *named != repository);
    let is_foreign = |called: &NameInLayout<'_>| called.repository.as_ref().is_some_and(|named| named != repository);
    let others: Vec<&str> = all.iter().filter(|(_, called)| !is_foreign(called)).filter_map(|(_, c)| c.name).collect();
    Err(match (others.as_slice(), tag, foreign) {
        ([other], Some(tag), _) => NoDigest::Called { found: other.chars().take(200).collect(), wanted: tag.into() },
        ([], _, Some(found)) => elsewhere(found, repository),
        ([], _, None) => NoDigest::Empty,
        (others, _, _) => NoDigest::Several(others.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const A: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const B: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn layout(manifests: &Value, tag: Option<&str>) -> Result<String, String> {
        let index = json!({"schemaVersion": 2, "manifests": manifests}).to_string();
        let repository = "gcr.io/stuff/hello".parse::<Reference>().unwrap().repository;
        of_layout(index.as_bytes(), &repository, tag).map(|d| d.to_string()).map_err(|e| e.to_string())
    }

    fn named(digest: &str, name: &str) -> Value {
        json!({"digest": digest, "annotations": {"org.opencontainers.image.ref.name": name}})
    }

    /// As BuildKit writes it.
    fn whole(digest: &str, name: &str) -> Value {
        let tag = name.rsplit(':').next().unwrap();
        json!({"digest": digest, "annotations": {
            "io.containerd.image.name": name, "org.opencontainers.image.created": "t", "org.opencontainers.image.ref.name": tag}})
    }

    #[test]
    fn a_layout_tells_its_only_image_or_the_one_of_this_tag() {
        let only = json!([{"digest": A}]);
        assert_eq!(layout(&only, Some("v1")), Ok(A.to_owned()));
        let two = json!([named(A, "v1"), named(B, "gcr.io/stuff/hello:v2")]);
        assert_eq!(layout(&two, Some("v1")), Ok(A.to_owned()));
        assert_eq!(layout(&two, Some("v2")), Ok(B.to_owned()));
        assert!(layout(&two, Some("v3")).unwrap_err().starts_with("it names 2 different images"));
        let earlier = json!([named(A, "v1")]);
        assert_eq!(
            layout(&earlier, Some("v2")).unwrap_err(),
            "its image is called \"v1\", but this one \"v2\": --digest says what is meant"
        );
        assert_eq!(layout(&earlier, None), Ok(A.to_owned()), "no tag is known: nothing says that it is another");
        let beside = json!([named(A, "v1"), {"digest": B}]);
        assert_eq!(layout(&beside, Some("v2")), Ok(B.to_owned()));
        assert!(layout(&json!([named(A, "v1"), named(B, "v2")]), None).is_err());
        assert!(layout(&json!([]), None).unwrap_err().starts_with("it is empty"));
        let repository = "gcr.io/stuff/hello".parse::<Reference>().unwrap().repository;
        assert!(of_layout(b"[]", &repository, None).is_err());
    }

    #[test]
    fn an_image_of_another_repository_is_not_taken() {
        let said =
            "it names the repository gcr.io/stuff/other, but this image belongs to gcr.io/stuff/hello; if that one";
        for foreign in [named(B, "gcr.io/stuff/other:v1"), whole(B, "gcr.io/stuff/other:v1")] {
            for tag in [Some("v1"), Some("v2"), None] {
                let error = layout(&json!([foreign]), tag).unwrap_err();
                assert!(error.starts_with(said), "{foreign} {tag:?}: {error}");
                for ours in [named(A, "v1"), named(A, "gcr.io/stuff/hello:v1"), whole(A, "gcr.io/stuff/hello:v1")] {
                    let both = layout(&json!([foreign, ours]), tag);
                    assert_eq!(both.is_ok(), tag != Some("v2"), "{foreign} {ours} {tag:?}: {both:?}");
                    assert!(both.is_err() || both == Ok(A.to_owned()), "{both:?}");
                }
            }
        }
        assert!(layout(&json!([named(A, "hello:v1")]), Some("v1")).unwrap_err().contains("docker.io/library/hello"));
    }

    #[test]
    fn of_two_images_by_name_ours_has_our_name() {
        // The tag alone could be anybody's.
        for other in [named(B, "v1"), json!({"digest": B})] {
            for ours in [named(A, "gcr.io/stuff/hello:v1"), whole(A, "gcr.io/stuff/hello:v1")] {
                assert_eq!(layout(&json!([other, ours]), Some("v1")), Ok(A.to_owned()), "{other} {ours}");
                assert_eq!(layout(&json!([ours, other]), None), Ok(A.to_owned()), "{other} {ours}");
            }
        }
        // Of two of ours without a tag nothing says which one is meant.
        let two = json!([whole(A, "gcr.io/stuff/hello:v1"), whole(B, "gcr.io/stuff/hello:v2")]);
        assert!(layout(&two, None).unwrap_err().starts_with("it names 2 different images"));
        assert_eq!(layout(&two, Some("v2")), Ok(B.to_owned()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), name in ".{0,40}") {
            let repository = "gcr.io/stuff/hello".parse::<Reference>().unwrap().repository;
            let _ = of_layout(&bytes, &repository, Some("v1"));
            let _ = layout(&json!([named(A, &name), whole(B, &name)]), Some("v1"));
        }
    }
}

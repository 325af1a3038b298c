//! Where the goal's image goes, and the image that stands for one which is not built yet.
//!
//! Decides that a declared repository is what `andante image` would take, by asking the same rules, and which reference is the
//! placeholder. Depends on [`crate::image`].

use crate::image::defaults::{ImageSettings, NAME_TEMPLATE, Origin, Setting, TAG};
use crate::image::plan::{Build, compose};
use crate::image::reference::Reference;
use crate::image::template::Values;
use std::fmt;

/// The host of images that stand for "what is built from the source". A name under `.invalid` can never be registered
/// (RFC 2606), so no node can pull one by accident.
pub const PLACEHOLDER: &str = "placeholder.invalid";

/// A repository as declared: text with `{service}` and `{namespace}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredRepository(String);

impl DeclaredRepository {
    /// Reads the annotation of this Service.
    pub fn read(text: &str, service: Option<&str>, namespace: Option<&str>) -> Result<Self, String> {
        let text = text.trim();
        let setting = |value: &str, origin| Setting { value: value.to_owned(), origin };
        let settings = ImageSettings {
            repository: setting(text, Origin::Annotation(service.unwrap_or("service").to_owned())),
            name: setting(NAME_TEMPLATE, Origin::BuiltIn),
            tag: setting(TAG, Origin::BuiltIn),
            notes: Vec::new(),
        };
        // A file need not say in which namespace it is; any name shows whether the text is a template of a repository.
        let values = Values {
            service: Some(service.unwrap_or("service")),
            namespace: Some(namespace.unwrap_or("namespace")),
            ..Values::default()
        };
        let build = Build { values, built: true, ..Build::default() };
        match compose(&settings, &build) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The repository as it was declared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeclaredRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True for an image that stands for one which is built from the source.
pub fn is_placeholder(image: &str) -> bool {
    let host = image.split('/').next().unwrap_or(image).split(':').next().unwrap_or(image);
    host.eq_ignore_ascii_case(PLACEHOLDER)
}

/// True if `pinned` is what kn makes of `named` when it pins it: the same repository, by digest alone.
pub(super) fn pins(pinned: &str, named: &str) -> bool {
    let (Ok(pinned), Ok(named)) = (pinned.parse::<Reference>(), named.parse::<Reference>()) else { return false };
    pinned.digest.is_some() && pinned.tag.is_none() && named.digest.is_none() && pinned.repository == named.repository
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_what_image_takes() {
        for text in ["registry.example.com/team", " team/{service} ", "r.io/{namespace}-{service}", "localhost:5000/x/"]
        {
            let read = DeclaredRepository::read(text, Some("hello"), None).unwrap();
            assert_eq!(read.as_str(), text.trim());
        }
        for (text, why) in [
            ("", "it is empty"),
            ("https://r.io/team", "a repository is not a URL"),
            ("r.io/team:1", "a repository has neither tag nor digest"),
            ("r.io/{commit}", "there is no variable `{commit}` here"),
            ("r.io/Team", "make no repository"),
        ] {
            let found = DeclaredRepository::read(text, Some("hello"), Some("shop")).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }

    #[test]
    fn a_placeholder_is_one_by_its_host() {
        for image in [
            "placeholder.invalid/hello",
            "Placeholder.Invalid/x:1",
            "placeholder.invalid",
            "placeholder.invalid:5000/x",
        ] {
            assert!(is_placeholder(image), "{image}");
        }
        for image in
            ["hello", "r.io/placeholder.invalid/x", "placeholder.invalid.example.com/x", "x.placeholder.invalid/y", ""]
        {
            assert!(!is_placeholder(image), "{image}");
        }
    }

    #[test]
    fn kn_pins_a_tag_to_a_digest_of_the_same_repository() {
        let digest = format!("@sha256:{}", "ab".repeat(32));
        for (pinned, named, yes) in [
            ("r.io/a", "r.io/a:1", true),
            ("index.docker.io/library/redis", "redis", true),
            ("r.io/a:1", "r.io/a:1", false),
            ("r.io/b", "r.io/a:1", false),
        ] {
            assert_eq!(pins(&format!("{pinned}{digest}"), named), yes, "{pinned} {named}");
            assert!(!pins(pinned, named), "{pinned} {named}");
        }
        assert!(!pins(&format!("r.io/a{digest}"), &format!("r.io/a{digest}")));
    }
}

//! Image references: `[host[:port]/]path[:tag][@digest]`.
//!
//! Decides which texts are references and what the one full form of each is, exactly as the container tools' common
//! library (`github.com/distribution/reference`) does, short names of Docker Hub included: `redis` is
//! `docker.io/library/redis`. A host with an underscore is refused: the library refuses it where there is a port or an upper-case
//! letter, and elsewhere turns it into a path without a host, so that no node could pull the image, although some builders
//! (those of go-containerregistry) push it. Depends on names.

mod digest;
mod domain;
mod path;
pub(crate) mod tag;

pub use digest::{Algorithm, Digest};
pub use domain::Domain;
pub use path::RepositoryPath;
pub use tag::ImageTag;

use crate::model::name::BadName;
use std::fmt;
use std::str::FromStr;

/// The registry of names without a host, by its present and its former name.
pub(crate) const DOCKER_HUB: &str = "docker.io";
pub(crate) const DOCKER_HUB_BEFORE: &str = "index.docker.io";
/// Why a host with an underscore is refused; the rule of hosts alone would not say that others see it otherwise.
const UNDERSCORE: &str = "it has a `_`, and the library by which Kubernetes and the container tools read references takes none in a \
                          host, although some builders push there: give the registry a name without it";
/// The path of Docker Hub's official images.
const OFFICIAL: &str = "library/";

/// A text that is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// There is nothing.
    #[error("an image reference is empty")]
    Empty,
    /// Digits that could be an image's id.
    #[error("64 hexadecimal digits are an image's id, not a reference: write NAME@sha256:... for a digest")]
    Identifier,
    /// A URL.
    #[error("an image reference is not a URL: leave out `{0}://`")]
    Scheme(String),
    /// One of its parts breaks its rule.
    #[error("not an image reference: {0}")]
    Part(#[from] BadName),
}

/// A repository of a registry: what a reference names before tag and digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// Host and port.
    pub domain: Domain,
    /// The path below it.
    pub path: RepositoryPath,
}

/// An image reference in its full form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The repository.
    pub repository: Repository,
    /// The tag.
    pub tag: Option<ImageTag>,
    /// The digest, which counts where both are there.
    pub digest: Option<Digest>,
}

impl Repository {
    /// The repository with a tag.
    pub fn tagged(self, tag: ImageTag) -> Reference {
        Reference { repository: self, tag: Some(tag), digest: None }
    }

    /// The repository with a digest: what deploys.
    pub fn by_digest(self, digest: Digest) -> Reference {
        Reference { repository: self, tag: None, digest: Some(digest) }
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        if text.is_empty() {
            return Err(BadReference::Empty);
        }
        // The library refuses these too: `docker run` would take them for the id of an image that is already there.
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(BadReference::Identifier);
        }
        if let Some((scheme, _)) = text.split_once("://")
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Err(BadReference::Scheme(scheme.to_owned()));
        }
        // The host is split off first, because its port has a colon, too.
        let (domain, rest) = split_domain(text);
        if domain.contains('_') {
            return Err(BadName::new("registry host", domain, UNDERSCORE).into());
        }
        // Neither a path nor a tag has an `@`, a path has no `:`.
        let (rest, digest) = rest.split_once('@').map_or((rest, None), |(rest, digest)| (rest, Some(digest)));
        let (path, tag) = rest.split_once(':').map_or((rest, None), |(path, tag)| (path, Some(tag)));
        let path =
            if domain == DOCKER_HUB && !path.contains('/') { format!("{OFFICIAL}{path}") } else { path.to_owned() };
        Ok(Self {
            repository: Repository { domain: domain.parse()?, path: path.parse()? },
            tag: tag.map(str::parse).transpose()?,
            digest: digest.map(str::parse).transpose()?,
        })
    }
}

/// The host, and what follows it. The first part is a host if it has a dot, a port or an upper-case letter, which no name of
/// a user on Docker Hub has, or if it is `localhost`.
fn split_domain(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((DOCKER_HUB_BEFORE, rest)) => (DOCKER_HUB, rest),
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) || has_upper_case(first) => {
            (first, rest)
        }
        _ => (DOCKER_HUB, text),
    }
}

fn has_upper_case(text: &str) -> bool {
    text.chars().any(char::is_uppercase)
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Docker's file of credentials, as `docker login`, Kubernetes' image pull Secrets and Tekton write it.
//!
//! Decides which entry is meant for a repository: the one with the longest path that contains it, else the host's. An entry
//! that cannot be read is the fault of those alone whom it is meant for.
//! Depends on files and references; never prints what it read.

use super::DOCKER_HUB_HOST;
use super::credentials::Credentials;
use crate::adapter::files;
use crate::image::reference::{DOCKER_HUB, DOCKER_HUB_BEFORE, Domain, Repository, RepositoryPath};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// The files of a directory that may be it, the one that Docker writes first.
const NAMES: [&str; 2] = ["config.json", ".dockerconfigjson"];
/// The user name that stands for "the password is a token", as Docker writes it for registries with identity tokens.
const TOKEN_USER: &str = "<token>";

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDockerConfig {
    /// There is none.
    #[error("there is neither config.json nor .dockerconfigjson in {}", .0.display())]
    None(PathBuf),
    /// It cannot be read.
    #[error("{}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The entry that is meant for this registry cannot be read.
    #[error("the `auth` of the Docker config for {0} is not base64 of NAME:PASSWORD: log in anew")]
    Entry(Domain),
}

/// The credentials of a file.
#[derive(Clone, Default)]
pub struct DockerConfig {
    entries: Vec<(String, Credentials)>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    // Tools write `null` where they have nothing to say.
    auths: Option<BTreeMap<String, Value>>,
    cred_helpers: Option<BTreeMap<String, Value>>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl DockerConfig {
    /// Reads the file of a directory; a file may be named itself.
    pub fn read(place: &Path) -> Result<Self, BadDockerConfig> {
        let path = match look_at(place)? {
            Some(found) if found.is_dir() => in_directory(place)?,
            _ => place.to_owned(),
        };
        let bad = |why: String| BadDockerConfig::Read { path: path.clone(), why };
        let bytes = files::read(&path, LARGEST).map_err(|e: io::Error| bad(e.to_string()))?;
        Self::parse(&bytes).map_err(|why| bad(why.to_owned()))
    }

    /// Reads the file of a directory, if there is one.
    pub fn read_if_there(directory: &Path) -> Result<Self, BadDockerConfig> {
        if look_at(directory)?.is_none() {
            return Ok(Self::default());
        }
        match Self::read(directory) {
            Err(BadDockerConfig::None(_)) => Ok(Self::default()),
            read => read,
        }
    }

    /// Whether the credentials for a repository can be read, if there are any.
    pub fn check(&self, repository: &Repository) -> Result<(), BadDockerConfig> {
        match self.credentials(&repository.domain, &repository.path) {
            Credentials::Unreadable => Err(BadDockerConfig::Entry(repository.domain.clone())),
            _ => Ok(()),
        }
    }

    /// Takes another file's credentials as well; of two for the same place the later ones count, if they can be read.
    pub fn add(&mut self, other: Self) {
        for (key, credentials) in other.entries {
            if credentials == Credentials::Unreadable && self.entries.iter().any(|(known, _)| *known == key) {
                continue;
            }
            self.entries.retain(|(known, _)| *known != key);
            self.entries.push((key, credentials));
        }
        self.helpers.extend(other.helpers);
        self.store = other.store.or_else(|| self.store.take());
    }

    /// The file in a pull Secret, as the API shows it: in base64.
    pub fn of_secret(data: &str) -> Option<Self> {
        Self::parse(&base64::engine::general_purpose::STANDARD.decode(data).ok()?).ok()
    }

    /// A parser's own complaint would quote the file.
    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let file: File = serde_json::from_slice(bytes).map_err(|_| "it is not a Docker config (JSON with auths)")?;
        let mut entries = Vec::new();
        for (key, entry) in file.auths.unwrap_or_default() {
            let entry = serde_json::from_value::<Option<DockerEntry>>(entry).map(Option::unwrap_or_default);
            // What stands there for another registry ends nothing: it is an error where it is needed.
            let credentials = entry.ok().and_then(DockerEntry::credentials).unwrap_or(Credentials::Unreadable);
            // `docker login` with a store leaves empty entries.
            if credentials != Credentials::None {
                entries.push((normal(&key), credentials));
            }
        }
        let helpers = file.cred_helpers.unwrap_or_default().into_iter();
        let helpers = helpers.filter_map(|(key, helper)| Some((normal(&key), helper.as_str()?.to_owned()))).collect();
        Ok(Self { entries, helpers, store: file.creds_store.filter(|s| !s.is_empty()) })
    }

    /// The credentials for a repository.
    pub(super) fn credentials(&self, domain: &Domain, path: &RepositoryPath) -> Credentials {
        let whole = format!("{}/{path}", normal(domain.as_str()));
        let contains = |key: &str| {
            // A host alone is a path too.
            whole.strip_prefix(key).is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
        };
        let best = self.entries.iter().filter(|(key, _)| contains(key)).max_by_key(|(key, _)| key.len());
        if let Some((_, credentials)) = best {
            return credentials.clone();
        }
        let helper = self.helpers.iter().find(|(key, _)| contains(key)).map(|(_, helper)| helper);
        helper.or(self.store.as_ref()).map_or(Credentials::None, |helper| Credentials::Helper(helper.clone()))
    }
}

impl DockerEntry {
    /// `None`: it cannot be read.
    fn credentials(self) -> Option<Credentials> {
        let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        if let Some(token) = said(self.registrytoken) {
            return Some(Credentials::Bearer(token));
        }
        if let Some(token) = said(self.identitytoken) {
            return Some(Credentials::Identity(token));
        }
        let (user, password) = if let Some(auth) = said(self.auth) {
            // Some writers leave the padding out.
            let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            let bytes = GeneralPurpose::new(&STANDARD, lenient).decode(auth.trim()).ok()?;
            // Docker's own reader cuts zero bytes off the password, too.
            let text = String::from_utf8(bytes).ok()?;
            let (user, password) = text.split_once(':')?;
            (user.to_owned(), password.trim_end_matches('\0').to_owned())
        } else {
            (self.username.unwrap_or_default(), self.password.unwrap_or_default())
        };
        Some(match user.as_str() {
            "" => Credentials::None,
            TOKEN_USER => Credentials::Identity(password),
            _ => Credentials::Password(user, password),
        })
    }
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerConfig").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// What is at a path; `None`: nothing. A path that may not be looked at is an error, because something may be there.
fn look_at(path: &Path) -> Result<Option<Metadata>, BadDockerConfig> {
    match path.metadata() {
        Ok(found) => Ok(Some(found)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(BadDockerConfig::Read { path: path.to_owned(), why: e.to_string() }),
    }
}

fn in_directory(directory: &Path) -> Result<PathBuf, BadDockerConfig> {
    for path in NAMES.map(|name| directory.join(name)) {
        if look_at(&path)?.is_some() {
            return Ok(path);
        }
    }
    Err(BadDockerConfig::None(directory.to_owned()))
}

/// Keys were URLs once, of the protocol's version below the host, and Docker Hub has several names.
fn normal(key: &str) -> String {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest).trim_end_matches('/');
    let (host, path) = key.find('/').map_or((key, ""), |slash| key.split_at(slash));
    // Only as the whole path: `gcr.io/stuff/v2` is a repository, and not all of `gcr.io/stuff`.
    let path = if ["/v1", "/v2"].contains(&path) { "" } else { path };
    let host = if [DOCKER_HUB_BEFORE, DOCKER_HUB_HOST].contains(&host) { DOCKER_HUB } else { host };
    format!("{}{path}", host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::reference::Reference;
    use proptest::prelude::*;

    fn of(config: &str, image: &str) -> Credentials {
        let repository = image.parse::<Reference>().unwrap().repository;
        DockerConfig::parse(config.as_bytes()).unwrap().credentials(&repository.domain, &repository.path)
    }

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::Password(user.into(), password.into())
    }

    #[test]
    fn the_entry_that_fits_best_is_taken() {
        // kim:s3cret, kim:a:b, hub:h
        let config = r#"{"auths": {"gcr.io": {"auth": "a2ltOnMzY3JldA=="}, "https://gcr.io/v2/": {},
            "gcr.io/stuff/": {"auth": "a2ltOmE6Yg"}, "https://index.docker.io/v1/": {"username": "hub", "password": "h"},
            "r:5000": {"identitytoken": "i"}, "b.io": {"registrytoken": "t"}, "c.io": {"auth": "PHRva2VuPjppMg=="}}}"#;
        for (image, expected) in [
            ("gcr.io/x", password("kim", "s3cret")),
            ("GCR.io/x", password("kim", "s3cret")),
            ("gcr.io/stuff/x", password("kim", "a:b")),
            ("gcr.io/stuffed/x", password("kim", "s3cret")),
            ("redis", password("hub", "h")),
            ("r:5000/x", Credentials::Identity("i".into())),
            ("b.io/x", Credentials::Bearer("t".into())),
            ("c.io/x", Credentials::Identity("i2".into())),
            ("r:5001/x", Credentials::None),
            ("gcr.io.evil.com/x", Credentials::None),
        ] {
            assert_eq!(of(config, image), expected, "{image}");
        }
    }

    #[test]
    fn a_path_that_looks_like_a_version_is_a_path() {
        let config =
            r#"{"auths": {"gcr.io/stuff/v2": {"auth": "a2ltOnMzY3JldA=="}, "r.io/v2/": {"auth": "a2ltOmE6Yg"}}}"#;
        assert_eq!(of(config, "gcr.io/stuff/v2"), password("kim", "s3cret"));
        assert_eq!(of(config, "gcr.io/stuff/x"), Credentials::None, "another repository");
        assert_eq!(of(config, "r.io/x"), password("kim", "a:b"));
    }

    #[test]
    fn null_is_nothing() {
        let config = r#"{"auths": {"a.io": null, "b.io": {"auth": null, "identitytoken": null},
            "c.io": {"auth": null, "username": "u", "password": "p"}}, "credHelpers": {"d.io": null}, "credsStore": null}"#;
        for image in ["a.io/x", "b.io/x", "d.io/x"] {
            assert_eq!(of(config, image), Credentials::None, "{image}");
        }
        assert_eq!(of(config, "c.io/x"), password("u", "p"));
        assert_eq!(of(r#"{"auths": null, "credHelpers": null}"#, "a.io/x"), Credentials::None);
    }

    #[test]
    fn programs_that_would_know_are_named() {
        let config = r#"{"auths": {"a.io": {}}, "credHelpers": {"gcr.io": "gcloud"}, "credsStore": "desktop"}"#;
        assert!(matches!(of(config, "gcr.io/x"), Credentials::Helper(h) if h == "gcloud"));
        assert!(matches!(of(config, "a.io/x"), Credentials::Helper(h) if h == "desktop"));
    }

    #[test]
    fn what_cannot_be_read_is_told_without_its_content() {
        for bad in ["", "[]x", "s3cret", r#"{"auths": "s3cret"}"#] {
            let said = DockerConfig::parse(bad.as_bytes()).unwrap_err();
            assert!(!said.contains("s3cret"), "{said}");
        }
        let repository = "a.io/x".parse::<Reference>().unwrap().repository;
        for bad in [r#"{"auth": "s3cret!"}"#, r#"{"auth": "czNjcmV0"}"#, r#"{"auth": 5}"#, r#""s3cret""#] {
            let config = DockerConfig::parse(format!(r#"{{"auths": {{"a.io": {bad}}}}}"#).as_bytes()).unwrap();
            let said = config.check(&repository).unwrap_err().to_string();
            assert_eq!(said, "the `auth` of the Docker config for a.io is not base64 of NAME:PASSWORD: log in anew");
        }
        let shown = format!(
            "{:?} {:?}",
            of(r#"{"auths":{"a.io":{"username":"u","password":"pw"}}}"#, "a.io/x"),
            DockerConfig::parse(b"{}").unwrap()
        );
        assert_eq!(shown, "Credentials DockerConfig { entries: 0, .. }");
    }

    #[test]
    fn what_cannot_be_read_is_the_fault_of_its_own_registry() {
        let config = r#"{"auths": {"a.io": {"auth": "garbage"}, "b.io": {"auth": "a2ltOnMzY3JldA=="}, "c.io": 7,
            "a.io/stuff": {"auth": "a2ltOmE6Yg"}}, "credHelpers": {"d.io": 7, "e.io": "gcloud"}}"#;
        for (image, expected) in [
            ("b.io/x", password("kim", "s3cret")),
            ("a.io/stuff/x", password("kim", "a:b")),
            ("a.io/x", Credentials::Unreadable),
            ("c.io/x", Credentials::Unreadable),
            ("d.io/x", Credentials::None),
            ("e.io/x", Credentials::Helper("gcloud".into())),
        ] {
            let of = of(config, image);
            assert!(of == expected, "{image}: {of:?}");
        }
        // Of several pull Secrets for one registry, one that can be read counts, in either order.
        let parsed = |text: &str| DockerConfig::parse(text.as_bytes()).unwrap();
        let (good, bad) = (r#"{"auths": {"a.io": {"username": "u", "password": "p"}}}"#, r#"{"auths": {"a.io": 1}}"#);
        let repository = "a.io/x".parse::<Reference>().unwrap().repository;
        for (first, second) in [(good, bad), (bad, good)] {
            let mut config = parsed(first);
            config.add(parsed(second));
            assert_eq!(config.check(&repository), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), key in ".{0,40}") {
            let _ = DockerConfig::parse(&bytes);
            let _ = normal(&key);
        }
    }
}

//! The source that an owner declares: repository, revision, folder.
//!
//! Decides which texts are each of them, so that whoever clones is handed nothing that its own tools would take for an option,
//! another protocol or a password. Depends on commits and hosts.

use crate::image::commit::Commit;
use crate::image::reference::Domain;
use std::fmt;

/// The longest address, revision or folder, in characters.
pub(crate) const LONGEST: usize = 1024;
/// Why an address with an account is refused.
const ACCOUNT: &str =
    "it holds an account, which everybody who may read the Service would see: credentials belong in a Secret";

/// What the goal's code is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredSource {
    /// The repository.
    pub url: GitUrl,
    /// The revision; none: the newest of the repository's default branch.
    pub revision: Option<SourceRevision>,
    /// The folder; none: the whole repository.
    pub path: Option<SourcePath>,
}

/// The address of a repository, scheme and host in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitUrl(String);

/// A commit, or a name of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceRevision {
    /// A commit, by its whole hash.
    Commit(Commit),
    /// A branch or a tag: another commit may have the name tomorrow, and nobody tells the Service.
    Name(String),
}

/// A folder of a repository, its parts joined by one `/` each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePath(String);

impl GitUrl {
    /// Reads an address.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = line(text)?;
        if text.contains(char::is_whitespace) {
            return Err("it holds a space".to_owned());
        }
        let (before, host, path) = if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = scheme.to_ascii_lowercase();
            if !matches!(scheme.as_str(), "https" | "http" | "ssh" | "git") {
                return Err(format!("`{scheme}` is no protocol that is cloned from"));
            }
            let (authority, path) = rest.split_once('/').ok_or("it names no repository on its host")?;
            let (account, host) = match authority.rsplit_once('@') {
                Some((account, host)) => (Some(account), host),
                None => (None, authority),
            };
            let account = match account {
                // The name is part of the address there; a key is what proves it.
                Some(user) if scheme == "ssh" && is_user(user) => format!("{user}@"),
                Some(_) => return Err(ACCOUNT.to_owned()),
                None => String::new(),
            };
            (format!("{scheme}://{account}"), host, format!("/{path}"))
        } else {
            let (authority, path) = text.split_once(':').ok_or("it is no address")?;
            let (user, host) = authority.split_once('@').ok_or("it is no address")?;
            if !is_user(user) {
                return Err(format!("`{user}` is no user's name"));
            }
            (format!("{user}@"), host, format!(":{path}"))
        };
        if path.trim_matches(['/', ':']).is_empty() {
            return Err("it names no repository on its host".to_owned());
        }
        if path.contains('#') {
            return Err("it holds a `#`: a revision has an annotation of its own".to_owned());
        }
        let host: Domain = host.parse().map_err(|error: crate::model::name::BadName| error.to_string())?;
        Ok(Self(format!("{before}{}{path}", host.as_str().to_ascii_lowercase())))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SourceRevision {
    /// Reads a revision.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = line(text)?;
        if let Ok(commit) = text.parse() {
            return Ok(Self::Commit(commit));
        }
        // What git takes for a name (git-check-ref-format).
        let bad = |c: char| c.is_whitespace() || "~^:?*[\\".contains(c);
        let part = |part: &str| {
            part.is_empty() || part.starts_with('.') || part.rsplit_once('.').is_some_and(|(_, end)| end == "lock")
        };
        if text.contains(bad)
            || text.contains("..")
            || text.contains("@{")
            || text.ends_with('.')
            || text.split('/').any(part)
        {
            return Err("git takes no such name".to_owned());
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// The revision as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Commit(commit) => commit.as_str(),
            Self::Name(name) => name,
        }
    }

    /// True if it looks like the first digits of a commit's hash, by which no git server gives one out.
    pub fn looks_shortened(&self) -> bool {
        match self {
            Self::Commit(_) => false,
            Self::Name(name) => {
                (7..40).contains(&name.len())
                    && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                    && name.bytes().any(|b| b.is_ascii_digit())
            }
        }
    }
}

impl SourcePath {
    /// Reads a folder; none is the whole repository (`.`).
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        let text = line(text)?;
        if text.starts_with('/') {
            return Err("it does not begin at the repository's own folder: leave the first `/` away".to_owned());
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.contains(&"..") {
            return Err("it leaves the repository".to_owned());
        }
        Ok(if parts.is_empty() { None } else { Some(Self(parts.join("/"))) })
    }

    /// The folder as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One line of bounded length that no program takes for an option.
fn line(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().count() > LONGEST {
        return Err(format!("it is longer than {LONGEST} characters"));
    }
    if text.starts_with('-') {
        return Err("it begins with `-`, as an option does".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("it is more than one line".to_owned());
    }
    if text.contains("$(") {
        return Err("it holds a variable `$(...)`, which nobody fills in here".to_owned());
    }
    Ok(text)
}

fn is_user(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SourceRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_repositories() {
        for (text, read) in [
            ("https://git.example.com/team/shop.git", "https://git.example.com/team/shop.git"),
            (" HTTPS://Git.Example.com:8443/Team/Shop\n", "https://git.example.com:8443/Team/Shop"),
            ("http://git.shop.svc.cluster.local/shop.git", "http://git.shop.svc.cluster.local/shop.git"),
            ("ssh://git@git.example.com:22/shop", "ssh://git@git.example.com:22/shop"),
            ("git://git.example.com/shop", "git://git.example.com/shop"),
            ("git@GitHub.com:team/shop.git", "git@github.com:team/shop.git"),
            ("http://[fd00::1]:80/shop", "http://[fd00::1]:80/shop"),
        ] {
            assert_eq!(GitUrl::read(text).unwrap().as_str(), read);
        }
        for (text, why) in [
            ("", "it is empty"),
            ("shop", "it is no address"),
            ("host:shop", "it is no address"),
            ("ext::sh", "it is no address"),
            ("ext::sh -c id", "it holds a space"),
            ("file:///srv/shop", "`file` is no protocol"),
            ("ext://h/x", "`ext` is no protocol"),
            ("https://git.example.com", "it names no repository"),
            ("https://git.example.com/", "it names no repository"),
            ("https://kim:secret@git.example.com/shop", "it holds an account"),
            ("https://token@git.example.com/shop", "it holds an account"),
            ("ssh://kim:secret@git.example.com/shop", "it holds an account"),
            ("ssh://-oProxyCommand=x@h/shop", "it holds an account"),
            ("https://git.example.com/shop#main", "it holds a `#`"),
            ("https:///shop", "`` is not a registry host"),
            ("--upload-pack=x", "it begins with `-`"),
            ("-x@h:y", "it begins with `-`"),
            ("git@h:", "it names no repository"),
            ("https://h/a\nb", "it is more than one line"),
            ("https://h/$(params.x)", "it holds a variable"),
            ("https://h/a b", "it holds a space"),
        ] {
            let found = GitUrl::read(text).unwrap_err();
            assert!(found.starts_with(why), "{text}: {found}");
        }
        assert!(GitUrl::read(&format!("https://h/{}", "x".repeat(LONGEST))).is_err());
    }

    #[test]
    fn a_commit_is_told_from_a_name() {
        let hash = "3F2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";
        assert_eq!(SourceRevision::read(hash).unwrap().as_str(), hash.to_ascii_lowercase());
        assert!(matches!(SourceRevision::read(hash), Ok(SourceRevision::Commit(_))));
        for (name, shortened) in [
            ("main", false),
            ("refs/heads/feature/x", false),
            ("v1.2.3", false),
            ("3f2a9c1", true),
            ("deadbeef", false),
        ] {
            let read = SourceRevision::read(name).unwrap();
            assert_eq!((read.clone(), read.looks_shortened()), (SourceRevision::Name(name.to_owned()), shortened));
        }
        for bad in ["", "a b", "a..b", "a~1", "HEAD^", "a:b", "-x", "a//b", "/a", "a/", ".a", "a.lock", "x@{1}", "a."] {
            assert!(SourceRevision::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_folder_has_many_spellings() {
        for (text, read) in
            [("services/shop", "services/shop"), ("./services//shop/", "services/shop"), ("a b", "a b"), ("..a", "..a")]
        {
            assert_eq!(SourcePath::read(text).unwrap().unwrap().as_str(), read);
        }
        for text in [".", "./", "./."] {
            assert_eq!(SourcePath::read(text), Ok(None));
        }
        for bad in ["", "/a", "a/../b", "..", "-a"] {
            assert!(SourcePath::read(bad).is_err(), "{bad}");
        }
    }
}

//! Where the repository, the name's template and the tag's style come from.
//!
//! Decides the order: the parameter, the Service's annotation, the namespace's ConfigMap, the installation's, else what
//! is built in. Each setting is looked for by itself, and the search ends when no place has anything more to say. A
//! repository as a parameter ends the search, because a build that says where its image goes needs neither a cluster nor a
//! right; the other settings are flags or built in then. A place that may not be read is not a place where nothing is set:
//! for the repository it is an error, for the others a note. Pure: what the places hold is an argument.

use crate::image::reference::Digest;
use crate::model::name::{Namespace, ServiceName};
use std::collections::BTreeMap;
use std::fmt;

/// The ConfigMap of defaults, in the Service's namespace and in the installation's. Its name is fixed, so that a Role can
/// grant the right to read this one object.
pub(crate) const CONFIG_MAP: &str = "andante-defaults";
/// The annotation of a Service that names its repository.
pub(crate) const ANNOTATION: &str = "andante.dev/image-repository";
/// The template of names where nobody says another one.
pub(crate) const NAME_TEMPLATE: &str = "{service}";
/// The tag's style where nobody says another one.
pub(crate) const TAG: &str = "full";

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The repository, or the part of it that comes before the name.
    Repository,
    /// The template of the name.
    NameTemplate,
    /// The style or template of the tag.
    Tag,
}

impl Key {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Repository, Self::NameTemplate, Self::Tag];

    /// Its key in a ConfigMap.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Repository => "image-repository",
            Self::NameTemplate => "image-name-template",
            Self::Tag => "image-tag",
        }
    }

    /// Its flag.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Repository => "--repository",
            Self::NameTemplate => "--name-template",
            Self::Tag => "--tag",
        }
    }
}

/// An object that may hold settings, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rung {
    /// The Service.
    Service,
    /// The ConfigMap of its namespace.
    Namespace,
    /// The ConfigMap of the installation.
    Installation,
}

/// What was found at a rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The object's annotations or data.
    Object(BTreeMap<String, String>),
    /// There is no such object.
    Absent,
    /// The cluster does not know such objects; its words.
    NoKind(String),
    /// It may not be read; why, and what would allow it.
    Forbidden(String),
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag.
    Flag(&'static str),
    /// An annotation of this Service (`namespace/name`).
    Annotation(String),
    /// A ConfigMap of this namespace.
    ConfigMap(Namespace),
    /// Nobody said.
    BuiltIn,
    /// Nobody was asked.
    Unasked,
}

/// A setting and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its text, without space around it, never empty.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl Setting {
    /// Its text for people: without the account that a URL may hold, which is a secret.
    pub(crate) fn shown(text: &str) -> String {
        let Some((before, after)) = text.rsplit_once('@') else { return text.to_owned() };
        // `name@sha256:...` is no account, and its digest is what people have to see.
        if after.parse::<Digest>().is_ok() {
            return text.to_owned();
        }
        let scheme = before.find("://").and_then(|at| before.get(..at + 3)).unwrap_or_default();
        format!("{scheme}...@{after}")
    }
}

/// The settings of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageSettings {
    /// The repository's template.
    pub repository: Setting,
    /// The name's template.
    pub name: Setting,
    /// The tag's style.
    pub tag: Setting,
    /// What the owner of a ConfigMap should know.
    pub notes: Vec<String>,
}

/// What flags say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// `--repository`.
    pub repository: Option<String>,
    /// `--name-template`.
    pub name: Option<String>,
    /// `--tag`.
    pub tag: Option<String>,
}

/// There is no repository, or it cannot be known which one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undecided {
    /// In one line.
    pub what: String,
    /// Every place, what was found there, and how to set it.
    pub places: Vec<String>,
    /// True if a missing right is why.
    pub forbidden: bool,
}

/// The search, one rung after another.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    flags: Flags,
    service: ServiceName,
    namespace: Namespace,
    installation: Namespace,
    seen: Vec<(Rung, Lookup)>,
}

impl Flags {
    fn get(&self, key: Key) -> Option<&str> {
        match key {
            Key::Repository => self.repository.as_deref(),
            Key::NameTemplate => self.name.as_deref(),
            Key::Tag => self.tag.as_deref(),
        }
    }

    /// The settings, if the flags alone decide: they name a repository.
    pub(crate) fn alone(&self) -> Option<ImageSettings> {
        self.repository.is_some().then(|| self.settings(|_| None, &Origin::Unasked, Vec::new()))
    }

    fn settings(&self, found: impl Fn(Key) -> Option<Setting>, unsaid: &Origin, notes: Vec<String>) -> ImageSettings {
        let setting = |key: Key, built_in: &str| {
            let flag = self.get(key).map(|value| Setting { value: value.to_owned(), origin: Origin::Flag(key.flag()) });
            let built_in = || Setting { value: built_in.to_owned(), origin: unsaid.clone() };
            flag.or_else(|| found(key)).unwrap_or_else(built_in)
        };
        ImageSettings {
            repository: setting(Key::Repository, ""),
            name: setting(Key::NameTemplate, NAME_TEMPLATE),
            tag: setting(Key::Tag, TAG),
            notes,
        }
    }
}

impl Search {
    /// A search for one Service's settings.
    pub(crate) fn new(flags: Flags, service: ServiceName, namespace: Namespace, installation: Namespace) -> Self {
        Self { flags, service, namespace, installation, seen: Vec::new() }
    }

    /// Where to look next; `None`: [`Self::decide`].
    pub(crate) fn next(&self) -> Option<Rung> {
        // Each look costs a request and a right, so a place is looked at only while some setting is still open.
        let is_open = |key: &Key| self.flags.get(*key).is_none() && self.found(*key).is_none();
        let is_clear = self.found(Key::Repository).is_none() || !self.hidden_before(Key::Repository);
        if self.flags.repository.is_some() || !is_clear || !Key::ALL.iter().any(is_open) {
            return None;
        }
        let rungs = [Rung::Service, Rung::Namespace, Rung::Installation];
        // A Service of the installation's own namespace has one ConfigMap.
        let rungs = if self.namespace == self.installation { &rungs[..2] } else { &rungs[..] };
        rungs.get(self.seen.len()).copied()
    }

    /// Takes what was found at the rung that [`Self::next`] named.
    pub(crate) fn take(&mut self, rung: Rung, look: Lookup) {
        self.seen.push((rung, look));
    }

    /// The settings, or what stands in their way.
    pub(crate) fn decide(&self) -> Result<ImageSettings, Undecided> {
        let repository = self.found(Key::Repository);
        let forbidden = self.hidden_before(Key::Repository);
        if self.flags.repository.is_none() && (forbidden || repository.is_none()) {
            return Err(self.undecided(repository.as_ref(), forbidden));
        }
        Ok(self.flags.settings(|key| self.found(key), &Origin::BuiltIn, self.notes()))
    }

    fn found(&self, key: Key) -> Option<Setting> {
        self.seen.iter().find_map(|(rung, look)| self.setting(key, *rung, look))
    }

    fn setting(&self, key: Key, rung: Rung, look: &Lookup) -> Option<Setting> {
        let Lookup::Object(texts) = look else { return None };
        let name = match (rung, key) {
            (Rung::Service, Key::Repository) => ANNOTATION,
            (Rung::Service, _) => return None,
            _ => key.word(),
        };
        // ConfigMaps are often written with a newline at the end, and an empty value says nothing.
        let value = texts.get(name)?.trim();
        (!value.is_empty()).then(|| Setting { value: value.to_owned(), origin: self.origin(rung) })
    }

    /// True if a place that goes before the one that says it, or any where none does, may not be read.
    fn hidden_before(&self, key: Key) -> bool {
        let before = self.seen.iter().take_while(|(rung, look)| self.setting(key, *rung, look).is_none());
        before.into_iter().any(|(_, look)| matches!(look, Lookup::Forbidden(_)))
    }

    fn origin(&self, rung: Rung) -> Origin {
        match rung {
            Rung::Service => Origin::Annotation(format!("{}/{}", self.namespace, self.service)),
            Rung::Namespace => Origin::ConfigMap(self.namespace.clone()),
            Rung::Installation => Origin::ConfigMap(self.installation.clone()),
        }
    }

    /// Keys that look like settings and are none, and places that had no say.
    fn notes(&self) -> Vec<String> {
        let is_known = |name: &str| Key::ALL.iter().any(|key| key.word() == name);
        let notes = self.seen.iter().flat_map(|(rung, look)| match look {
            Lookup::Object(texts) if *rung != Rung::Service => {
                let unknown = texts.keys().filter(|name| name.starts_with("image-") && !is_known(name));
                unknown.map(|name| format!("{} has a key {name:?}, which nothing reads", self.origin(*rung))).collect()
            }
            Lookup::Object(_) | Lookup::Absent => Vec::new(),
            Lookup::NoKind(_) => vec![self.place(*rung, look)],
            Lookup::Forbidden(_) => {
                vec![format!("{}; name and tag are as if it said nothing", self.place(*rung, look))]
            }
        });
        notes.collect()
    }

    fn undecided(&self, found: Option<&Setting>, forbidden: bool) -> Undecided {
        let mut places = vec!["--repository was not given".to_owned()];
        places.extend(self.seen.iter().map(|(rung, look)| self.place(*rung, look)));
        let what = match (found, forbidden) {
            (Some(found), _) => format!(
                "{} names the image repository {:?}, but a place that goes before it may not be read",
                found.origin,
                Setting::shown(&found.value)
            ),
            (None, true) => "no image repository was found, and not every place may be read".to_owned(),
            (None, false) => "no image repository is set".to_owned(),
        };
        Undecided { what, places, forbidden }
    }

    fn place(&self, rung: Rung, look: &Lookup) -> String {
        let (namespace, service) = (&self.namespace, &self.service);
        let (here, noun, object, set) = match rung {
            Rung::Service => (
                namespace,
                "annotation",
                format!("Service {namespace}/{service}"),
                format!("kubectl annotate ksvc {service} -n {namespace} {ANNOTATION}=REPOSITORY"),
            ),
            Rung::Namespace => (namespace, "key", format!("ConfigMap {namespace}/{CONFIG_MAP}"), String::new()),
            Rung::Installation => {
                (&self.installation, "key", format!("ConfigMap {}/{CONFIG_MAP}", self.installation), String::new())
            }
        };
        let name = if rung == Rung::Service { ANNOTATION } else { Key::Repository.word() };
        let create = format!("kubectl create configmap {CONFIG_MAP} -n {here} --from-literal={name}=REPOSITORY");
        let patch =
            format!("kubectl patch configmap {CONFIG_MAP} -n {here} -p '{{\"data\":{{\"{name}\":\"REPOSITORY\"}}}}'");
        match look {
            Lookup::Object(texts) if texts.get(name).is_some_and(|v| !v.trim().is_empty()) => {
                format!("{object} has the {noun} {name}")
            }
            Lookup::Object(_) => {
                let set = if rung == Rung::Service { set } else { patch };
                format!("{object} has no {noun} {name}; to set it: {set}")
            }
            Lookup::Absent if rung == Rung::Service => format!("there is no {object} yet that could be annotated"),
            Lookup::Absent => format!("there is no {object}; to make it: {create}"),
            Lookup::NoKind(why) => format!("there can be no {object}: {why}; is Knative Serving installed there?"),
            // The Role must stand in the installation's namespace, where no pipeline's own is.
            Lookup::Forbidden(why) if rung == Rung::Installation => {
                format!("{object} may not be read: {why}; config/defaults-reader.yaml has it")
            }
            Lookup::Forbidden(why) => format!("{object} may not be read: {why}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Annotation(service) => write!(f, "annotation {ANNOTATION} of Service {service}"),
            Self::ConfigMap(namespace) => write!(f, "ConfigMap {namespace}/{CONFIG_MAP}"),
            Self::BuiltIn => f.write_str("built in"),
            Self::Unasked => f.write_str("built in; with --repository the cluster is not asked"),
        }
    }
}

#[cfg(test)]
mod tests;

//! Where the repository, the name's template and the tag's style come from.
//!
//! Decides the order: the parameter, the Service's annotation, the namespace's ConfigMap, the installation's. Looking
//! ends at the first place that names a repository; each other setting comes from the nearest of the places looked at,
//! else it is the built-in one. So a parameter costs no request, and nobody needs a right to what does not matter. A
//! place that may not be read is not a place where nothing is set. Pure: what the places hold is told.

use crate::name::{Namespace, ServiceName};
use std::collections::BTreeMap;
use std::fmt;

/// The ConfigMap of defaults, in the Service's namespace and in the installation's.
pub const CONFIG_MAP: &str = "andante-defaults";
/// The annotation of a Service that names its repository.
pub const ANNOTATION: &str = "andante.dev/image-repository";
/// What a name is built from where nobody says.
pub const NAME_TEMPLATE: &str = "{service}";
/// The tag's style where nobody says.
pub const TAG: &str = "full";

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The repository, or the part of it that comes before the name.
    Repository,
    /// The template of the name.
    NameTemplate,
    /// The style or template of the tag.
    Tag,
}

impl Key {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Repository, Self::NameTemplate, Self::Tag];

    /// Its key in a ConfigMap.
    pub fn word(self) -> &'static str {
        match self {
            Self::Repository => "image-repository",
            Self::NameTemplate => "image-name-template",
            Self::Tag => "image-tag",
        }
    }

    /// Its flag.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Repository => "--repository",
            Self::NameTemplate => "--name-template",
            Self::Tag => "--tag",
        }
    }
}

/// An object that may hold settings, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// The Service.
    Service,
    /// The ConfigMap of its namespace.
    Namespace,
    /// The ConfigMap of the installation.
    Installation,
}

/// What was found at a rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The object's annotations or data.
    Object(BTreeMap<String, String>),
    /// There is no such object.
    Absent,
    /// It may not be read; why, and what would allow it.
    Forbidden(String),
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag(&'static str),
    /// An annotation of this Service (`namespace/name`).
    Annotation(String),
    /// A ConfigMap of this namespace.
    ConfigMap(Namespace),
    /// Nobody said.
    BuiltIn,
}

/// A setting and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its text, without space around it, never empty.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// The settings of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
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
pub struct Flags {
    /// `--repository`.
    pub repository: Option<String>,
    /// `--name-template`.
    pub name: Option<String>,
    /// `--tag`.
    pub tag: Option<String>,
}

/// There is no repository, or it cannot be known which one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// In one line.
    pub what: String,
    /// Every place, what was found there, and how to set it.
    pub places: Vec<String>,
    /// True if a missing right is why.
    pub forbidden: bool,
}

/// The search, one rung after another.
#[derive(Debug, Clone)]
pub struct Search {
    flags: Flags,
    service: ServiceName,
    namespace: Namespace,
    installation: Namespace,
    seen: Vec<(Rung, Look)>,
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
    pub fn alone(&self) -> Option<Settings> {
        self.repository.is_some().then(|| self.settings(|_| None, Vec::new()))
    }

    fn settings(&self, found: impl Fn(Key) -> Option<Setting>, notes: Vec<String>) -> Settings {
        let setting = |key: Key, built_in: &str| {
            let flag = self.get(key).map(|value| Setting { value: value.to_owned(), origin: Origin::Flag(key.flag()) });
            let built_in = || Setting { value: built_in.to_owned(), origin: Origin::BuiltIn };
            flag.or_else(|| found(key)).unwrap_or_else(built_in)
        };
        Settings {
            repository: setting(Key::Repository, ""),
            name: setting(Key::NameTemplate, NAME_TEMPLATE),
            tag: setting(Key::Tag, TAG),
            notes,
        }
    }
}

impl Search {
    /// A search for one Service's settings.
    pub fn new(flags: Flags, service: ServiceName, namespace: Namespace, installation: Namespace) -> Self {
        Self { flags, service, namespace, installation, seen: Vec::new() }
    }

    /// Where to look next; `None`: [`Self::decide`].
    pub fn next(&self) -> Option<Rung> {
        if self.found(Key::Repository).is_some() || self.flags.repository.is_some() {
            return None;
        }
        let rungs = [Rung::Service, Rung::Namespace, Rung::Installation];
        // A Service of the installation's own namespace has one ConfigMap.
        let rungs = if self.namespace == self.installation { &rungs[..2] } else { &rungs[..] };
        rungs.get(self.seen.len()).copied()
    }

    /// Takes what was found at the rung that [`Self::next`] named.
    pub fn take(&mut self, rung: Rung, look: Look) {
        self.seen.push((rung, look));
    }

    /// The settings, or what stands in their way.
    pub fn decide(&self) -> Result<Settings, Undecided> {
        let repository = self.found(Key::Repository);
        let forbidden = self.seen.iter().any(|(_, look)| matches!(look, Look::Forbidden(_)));
        if self.flags.repository.is_none() && (forbidden || repository.is_none()) {
            return Err(self.undecided(repository.as_ref(), forbidden));
        }
        Ok(self.flags.settings(|key| self.found(key), self.notes()))
    }

    fn found(&self, key: Key) -> Option<Setting> {
        self.seen.iter().find_map(|(rung, look)| {
            let Look::Object(texts) = look else { return None };
            let name = if *rung == Rung::Service { ANNOTATION } else { key.word() };
            if *rung == Rung::Service && key != Key::Repository {
                return None;
            }
            let value = texts.get(name)?.trim();
            (!value.is_empty()).then(|| Setting { value: value.to_owned(), origin: self.origin(*rung) })
        })
    }

    fn origin(&self, rung: Rung) -> Origin {
        match rung {
            Rung::Service => Origin::Annotation(format!("{}/{}", self.namespace, self.service)),
            Rung::Namespace => Origin::ConfigMap(self.namespace.clone()),
            Rung::Installation => Origin::ConfigMap(self.installation.clone()),
        }
    }

    /// Keys that look like settings and are none.
    fn notes(&self) -> Vec<String> {
        let maps = self.seen.iter().filter(|(rung, _)| *rung != Rung::Service);
        let unknown = maps.flat_map(|(rung, look)| {
            let Look::Object(texts) = look else { return Vec::new() };
            let is_known = |name: &str| Key::ALL.iter().any(|key| key.word() == name);
            let unknown = texts.keys().filter(|name| name.starts_with("image-") && !is_known(name));
            unknown.map(|name| format!("{} has a key {name:?}, which nothing reads", self.origin(*rung))).collect()
        });
        unknown.collect()
    }

    fn undecided(&self, found: Option<&Setting>, forbidden: bool) -> Undecided {
        let mut places = vec!["--repository was not given".to_owned()];
        places.extend(self.seen.iter().map(|(rung, look)| self.place(*rung, look)));
        let what = match (found, forbidden) {
            (Some(found), _) => format!(
                "{} names the image repository {:?}, but a place that goes before it may not be read",
                found.origin, found.value
            ),
            (None, true) => "no image repository was found, and not every place may be read".to_owned(),
            (None, false) => "no image repository is set".to_owned(),
        };
        Undecided { what, places, forbidden }
    }

    fn place(&self, rung: Rung, look: &Look) -> String {
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
            Look::Object(texts) if texts.get(name).is_some_and(|v| !v.trim().is_empty()) => {
                format!("{object} has the {noun} {name}")
            }
            Look::Object(_) => {
                let set = if rung == Rung::Service { set } else { patch };
                format!("{object} has no {noun} {name}; to set it: {set}")
            }
            Look::Absent if rung == Rung::Service => format!("there is no {object} yet that could be annotated"),
            Look::Absent => format!("there is no {object}; to make it: {create}"),
            Look::Forbidden(why) => format!("{object} may not be read: {why}"),
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
        }
    }
}

#[cfg(test)]
mod tests;

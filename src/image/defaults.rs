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
mod tests {
    use super::*;

    fn object(pairs: &[(&str, &str)]) -> Look {
        Look::Object(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    /// Asks the rungs in order, as the command does, and how many were asked.
    fn search(flags: Flags, looks: [Look; 3]) -> (usize, Result<Settings, Undecided>) {
        let mut search =
            Search::new(flags, "hello".parse().unwrap(), "shop".parse().unwrap(), "andante-system".parse().unwrap());
        let mut looks = looks.into_iter();
        let mut asked = 0;
        while let Some(rung) = search.next() {
            search.take(rung, looks.next().unwrap());
            asked += 1;
        }
        (asked, search.decide())
    }

    fn said(settings: &Settings) -> [String; 3] {
        [&settings.repository, &settings.name, &settings.tag].map(|s| format!("{} ({})", s.value, s.origin))
    }

    const MAP: &str = "ConfigMap shop/andante-defaults";

    #[test]
    fn the_nearest_place_wins_and_ends_the_search() {
        let cluster = object(&[("image-repository", "gcr.io/cluster"), ("image-tag", "short")]);
        let namespace = object(&[("image-repository", "gcr.io/shop\n"), ("image-name-template", "{namespace}")]);
        let service = object(&[(ANNOTATION, "gcr.io/hello"), ("image-tag", "no annotation of ours")]);
        let built_in = ["{service} (built in)".to_owned(), "full (built in)".to_owned()];

        let flag = Flags { repository: Some("gcr.io/flag".into()), ..Flags::default() };
        let (asked, found) = search(flag.clone(), [service.clone(), namespace.clone(), cluster.clone()]);
        let found = found.unwrap();
        assert_eq!((asked, &said(&found)[0]), (0, &"gcr.io/flag (--repository)".to_owned()));
        assert_eq!(flag.alone(), Some(found));

        let (asked, found) = search(Flags::default(), [service, namespace.clone(), cluster.clone()]);
        let [repository, rest @ ..] = said(&found.unwrap());
        let expected = format!("gcr.io/hello (annotation {ANNOTATION} of Service shop/hello)");
        assert_eq!((asked, repository, rest), (1, expected, built_in));

        let (asked, found) = search(Flags::default(), [object(&[]), namespace, cluster.clone()]);
        let expected = [format!("gcr.io/shop ({MAP})"), format!("{{namespace}} ({MAP})"), "full (built in)".into()];
        assert_eq!((asked, said(&found.unwrap())), (2, expected));

        // Each setting of its own: the namespace's tag beside the installation's repository.
        let (asked, found) = search(Flags::default(), [Look::Absent, object(&[("image-tag", "branch")]), cluster]);
        let system = "ConfigMap andante-system/andante-defaults";
        let expected = [format!("gcr.io/cluster ({system})"), "{service} (built in)".into(), format!("branch ({MAP})")];
        assert_eq!((asked, said(&found.unwrap())), (3, expected));
    }

    #[test]
    fn flags_go_before_everything_one_by_one() {
        let flags = Flags { name: Some("x".into()), tag: Some("short".into()), repository: None };
        let map = object(&[("image-repository", "gcr.io/shop"), ("image-name-template", "y"), ("image-tag", "full")]);
        let (_, found) = search(flags, [Look::Absent, map, Look::Absent]);
        let expected = [format!("gcr.io/shop ({MAP})"), "x (--name-template)".into(), "short (--tag)".into()];
        assert_eq!(said(&found.unwrap()), expected);
    }

    #[test]
    fn nothing_set_lists_every_place_and_how_to_set_it() {
        let (asked, found) = search(
            Flags::default(),
            [object(&[]), object(&[("image-repository", " "), ("image-repo", "x")]), Look::Absent],
        );
        let undecided = found.unwrap_err();
        assert_eq!((asked, undecided.what.as_str(), undecided.forbidden), (3, "no image repository is set", false));
        assert_eq!(
            undecided.places,
            [
                "--repository was not given",
                "Service shop/hello has no annotation andante.dev/image-repository; to set it: kubectl annotate ksvc \
                 hello -n shop andante.dev/image-repository=REPOSITORY",
                "ConfigMap shop/andante-defaults has no key image-repository; to set it: kubectl patch configmap \
                 andante-defaults -n shop -p '{\"data\":{\"image-repository\":\"REPOSITORY\"}}'",
                "there is no ConfigMap andante-system/andante-defaults; to make it: kubectl create configmap \
                 andante-defaults -n andante-system --from-literal=image-repository=REPOSITORY",
            ]
        );
    }

    #[test]
    fn a_place_that_may_not_be_read_is_not_one_where_nothing_is_set() {
        let no = || Look::Forbidden("kim may not get it".into());
        let map = object(&[("image-repository", "gcr.io/shop")]);
        let (asked, found) = search(Flags::default(), [no(), map.clone(), no()]);
        let undecided = found.unwrap_err();
        assert!(undecided.forbidden && asked == 2);
        assert_eq!(
            undecided.what,
            "ConfigMap shop/andante-defaults names the image repository \"gcr.io/shop\", but a place that goes before \
             it may not be read"
        );
        assert_eq!(undecided.places[1], "Service shop/hello may not be read: kim may not get it");
        let (_, found) = search(Flags::default(), [Look::Absent, Look::Absent, no()]);
        let undecided = found.unwrap_err();
        assert!(undecided.forbidden && undecided.what.starts_with("no image repository was found, and not every"));
        // What comes after the place that decides does not matter.
        assert!(search(Flags::default(), [Look::Absent, map, no()]).1.is_ok());
    }

    #[test]
    fn a_key_that_nothing_reads_is_noted() {
        let map = object(&[("image-repository", "gcr.io/shop"), ("image-tags", "short"), ("other", "x")]);
        let (_, found) = search(Flags::default(), [Look::Absent, map, Look::Absent]);
        assert_eq!(found.unwrap().notes, [format!("{MAP} has a key \"image-tags\", which nothing reads")]);
    }

    #[test]
    fn the_installations_own_namespace_has_one_config_map() {
        let system: Namespace = "andante-system".parse().unwrap();
        let mut search = Search::new(Flags::default(), "hello".parse().unwrap(), system.clone(), system);
        for rung in [Rung::Service, Rung::Namespace] {
            assert_eq!(search.next(), Some(rung));
            search.take(rung, Look::Absent);
        }
        assert_eq!(search.next(), None);
    }
}

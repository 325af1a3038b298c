//! One image's reference, composed from its settings and its commit.
//!
//! Decides what is refused before anything is built, because a wrong reference would show only when the image is pushed.
//! Depends on settings, templates, tags and references.

use super::defaults::{ImageSettings, Origin, Setting};
use super::tag::{self, BadTag, Made};
use super::template::{BadTemplate, Template, Values, Variable};
use crate::image::reference::{BadReference, Reference, Repository};
use std::fmt;

/// So many digits of a commit's hash tell commits apart. With fewer digits two commits of one repository may share an image.
pub(crate) const TELLING: usize = 12;

/// Where the image goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImagePlan {
    /// Its repository.
    pub repository: Repository,
    /// Its tag; `None` where no commit is known and none is needed.
    pub tag: Option<Made>,
    /// The tag says which commit it is of, by at least [`TELLING`] digits.
    pub tells_commit: bool,
    /// What the owner should know.
    pub notes: Vec<String>,
}

/// A setting that is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blamed {
    /// Which one.
    pub what: &'static str,
    /// Its text.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
}

/// Settings that make no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadImagePlan {
    /// A setting is no template, or a value of it is unknown.
    #[error("{0}: {1}")]
    Template(Box<Blamed>, BadTemplate),
    /// A setting is empty, or holds what belongs elsewhere.
    #[error("{0}: {1}")]
    Setting(Box<Blamed>, &'static str),
    /// Together they are no repository.
    #[error("{repository} and {name} make no repository: {error}")]
    Repository {
        /// The repository.
        repository: Box<Blamed>,
        /// The name.
        name: Box<Blamed>,
        /// What is wrong.
        error: Box<BadReference>,
    },
    /// Defaults of many Services that give all of them one image: built by one, it would be taken for the other's.
    #[error(
        "{repository} and {name} give every Service the same image: put {{service}} into one of them or into the tag; \
         where one image is meant, say so by --name-template, --repository or the Service's annotation"
    )]
    Shared {
        /// The repository.
        repository: Box<Blamed>,
        /// The name.
        name: Box<Blamed>,
    },
    /// There is no tag to be made.
    #[error("{0}: {1}")]
    Tag(Box<Blamed>, BadTag),
    /// The tag needs the commit, and nothing says it.
    #[error(
        "no commit is known: give --commit HASH (a git-clone Task's result `commit`), or --source DIR of a checkout"
    )]
    NoCommit,
    /// The tag needs the branch, and nothing says it.
    #[error("{0} needs the branch, and no branch is known ({1}): give --branch NAME")]
    NoBranch(Box<Blamed>, String),
}

impl fmt::Display for Blamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} ({})", self.what, self.value, self.origin)
    }
}

impl Setting {
    /// The setting as the one to blame, with the text that it has now.
    #[expect(clippy::unnecessary_box_returns, reason = "an error is small when it is boxed")]
    fn blamed(&self, what: &'static str, value: &str) -> Box<Blamed> {
        Box::new(Blamed { what, value: Self::shown(value), origin: self.origin.to_string() })
    }
}

/// True if the settings use the namespace's name.
pub(crate) fn needs_namespace(settings: &ImageSettings) -> bool {
    let uses = |template: Result<Template, BadTemplate>| {
        template.is_ok_and(|template| template.uses(|v| v == Variable::Namespace))
    };
    uses(Template::of_name(&settings.repository.value))
        || uses(Template::of_name(&settings.name.value))
        || uses(tag::style(&settings.tag.value))
}

/// What is known of the build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Build<'a> {
    /// What templates may use.
    pub values: Values<'a>,
    /// Why there is no branch, where there is none.
    pub no_branch: &'a str,
    /// Its tree is not what was committed.
    pub dirty: bool,
    /// `--strict`.
    pub strict: bool,
    /// The image is built and its digest known: it needs no tag to be deployed.
    pub built: bool,
}

/// Composes the reference.
pub(crate) fn compose(settings: &ImageSettings, build: &Build<'_>) -> Result<ImagePlan, BadImagePlan> {
    let mut notes = settings.notes.clone();
    let repository = repository(settings, &build.values)?;
    let tag = tag(&settings.tag, build, &mut notes)?;
    let tells = |v| matches!(v, Variable::Commit(digits) if digits.is_none_or(|n| n >= TELLING));
    if is_shared(settings) {
        let repository = settings.repository.blamed("repository", &settings.repository.value);
        return Err(BadImagePlan::Shared {
            repository,
            name: settings.name.blamed("name template", &settings.name.value),
        });
    }
    let tells_commit = tag::style(&settings.tag.value).is_ok_and(|template| template.uses(tells));
    Ok(ImagePlan { repository, tag, tells_commit, notes })
}

/// True if defaults for many Services do not tell them apart. A flag or a Service's own annotation is meant as it stands.
fn is_shared(settings: &ImageSettings) -> bool {
    let names = [&settings.repository, &settings.name];
    let templates = names.map(|setting| Template::of_name(&setting.value)).into_iter();
    // A flag or an annotation is one Service's own: there one image for all cannot be a mistake of many.
    names.iter().all(|setting| matches!(setting.origin, Origin::ConfigMap(_)))
        && !templates
            .chain([tag::style(&settings.tag.value)])
            .any(|template| template.is_ok_and(|template| template.uses(|v| v == Variable::Service)))
}

fn repository(settings: &ImageSettings, values: &Values<'_>) -> Result<Repository, BadImagePlan> {
    let base = filled("repository", &settings.repository, values)?;
    // One slash at the end is how people write a folder.
    let base = base.strip_suffix('/').unwrap_or(&base);
    let name = filled("name template", &settings.name, values)?;
    let of_base = |rule| Err(BadImagePlan::Setting(settings.repository.blamed("repository", base), rule));
    let of_name = |rule| Err(BadImagePlan::Setting(settings.name.blamed("name template", &name), rule));
    if base.is_empty() {
        return of_base("it is empty");
    }
    if base.contains("://") {
        return of_base("a repository is not a URL: leave out what stands before the host");
    }
    // A colon in the first part is a port's.
    let path = base.split_once('/').map_or("", |(_, path)| path);
    if path.contains(':') || base.contains('@') {
        return of_base("a repository has neither tag nor digest");
    }
    if name.is_empty() {
        return of_name("it gives an empty name");
    }
    if name.contains([':', '@']) {
        return of_name("a name has neither tag nor digest: --tag says the tag");
    }
    let whole = format!("{base}/{name}").parse();
    whole.map(|reference: Reference| reference.repository).map_err(|error| BadImagePlan::Repository {
        repository: settings.repository.blamed("repository", base),
        name: settings.name.blamed("name", &name),
        error: Box::new(error),
    })
}

fn filled(what: &'static str, setting: &Setting, values: &Values<'_>) -> Result<String, BadImagePlan> {
    let filled = Template::of_name(&setting.value).and_then(|template| template.fill(values));
    filled.map_err(|error| BadImagePlan::Template(setting.blamed(what, &setting.value), error))
}

fn tag(setting: &Setting, build: &Build<'_>, notes: &mut Vec<String>) -> Result<Option<Made>, BadImagePlan> {
    let blamed = || setting.blamed("tag", &setting.value);
    let template = tag::style(&setting.value).map_err(|error| BadImagePlan::Tag(blamed(), error.into()))?;
    let names_commit = template.uses(|v| matches!(v, Variable::Commit(_)));
    // An image whose digest is known is deployed by it, so that a tag without a commit would be of no use.
    if names_commit && build.values.commit.is_none() {
        return if build.built { Ok(None) } else { Err(BadImagePlan::NoCommit) };
    }
    if build.values.branch.is_none() && template.uses(|v| v == Variable::Branch) {
        return Err(BadImagePlan::NoBranch(blamed(), build.no_branch.to_owned()));
    }
    let made = tag::make(&template, &build.values, build.dirty, build.strict);
    let made = made.map_err(|error| BadImagePlan::Tag(blamed(), error))?;
    if let Some(was) = &made.was {
        notes.push(format!("`{was}` is no tag and became `{}`", made.tag));
    }
    if !names_commit {
        notes.push(format!("the tag `{}` does not name the commit: another commit's image may have it", made.tag));
    }
    Ok(Some(made))
}

#[cfg(test)]
mod tests {
    use super::super::defaults::Flags;
    use super::*;
    use proptest::prelude::*;

    const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

    fn settings(repository: &str, name: &str, tag: &str) -> ImageSettings {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let repository = Some(repository.to_owned());
        Flags { repository, name: given(name), tag: given(tag) }.alone().unwrap()
    }

    fn build() -> Build<'static> {
        let values = Values { service: Some("hello"), namespace: Some("shop"), branch: None, commit: Some(COMMIT) };
        Build { values, no_branch: "the head is detached", ..Build::default() }
    }

    fn composed(repository: &str, name: &str, tag: &str) -> String {
        match compose(&settings(repository, name, tag), &build()) {
            Ok(plan) => plan.repository.tagged(plan.tag.unwrap().tag).to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn repository_name_and_tag_make_a_reference() {
        for (repository, name, tag, expected) in [
            ("gcr.io/stuff", "", "", format!("gcr.io/stuff/hello:{COMMIT}")),
            ("gcr.io/stuff/", "", "short", "gcr.io/stuff/hello:3f2a9c1d5e6f".into()),
            ("gcr.io", "{namespace}-{service}", "v1", "gcr.io/shop-hello:v1".into()),
            ("localhost:5000", "", "v1", "localhost:5000/hello:v1".into()),
            ("registry/{namespace}", "mono/{service}", "v1", "docker.io/registry/shop/mono/hello:v1".into()),
            ("{namespace}.registry.example.com", "thing", "v1", "shop.registry.example.com/thing:v1".into()),
            ("stuff", "", "v1", "docker.io/stuff/hello:v1".into()),
            ("[::1]:5000/a", "", "{service}-{commit:7}", "[::1]:5000/a/hello:hello-3f2a9c1".into()),
        ] {
            assert_eq!(composed(repository, name, tag), expected);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_rule_and_its_origin() {
        for (repository, name, tag, said) in [
            ("gcr.io/stuff:v1", "", "", "repository \"gcr.io/stuff:v1\" (--repository): a repository has neither tag"),
            ("/", "", "", "repository \"\" (--repository): it is empty"),
            (
                "https://gcr.io",
                "",
                "",
                "repository \"https://gcr.io\" (--repository): a repository is not a URL: leave out what stands before",
            ),
            (
                "https://kim:pw@gcr.io/x",
                "",
                "",
                "repository \"https://...@gcr.io/x\" (--repository): a repository is not a",
            ),
            (
                "git+ssh://kim:p/w@gcr.io",
                "",
                "",
                "repository \"git+ssh://...@gcr.io\" (--repository): a repository is not",
            ),
            (
                "kim:p/w@gcr.io/x",
                "",
                "",
                "repository \"...@gcr.io/x\" (--repository): a repository has neither tag nor",
            ),
            ("gcr.io/{x}:pw@y", "", "", "repository \"...@y\" (--repository): there is no variable `{x}`"),
            (
                "gcr.io/Stuff",
                "",
                "",
                "repository \"gcr.io/Stuff\" (--repository) and name \"hello\" (built in; with --repository the cluster is not asked) make no repository: not an image reference: `Stuff/hello` is not a repository path",
            ),
            ("gcr.io", "{service}:v1", "", "name template \"hello:v1\" (--name-template): a name has neither tag"),
            ("gcr.io", "{servise}", "", "name template \"{servise}\" (--name-template): there is no variable"),
            (
                "gcr.io",
                "",
                "branch",
                "tag \"branch\" (--tag) needs the branch, and no branch is known (the head is \
                detached): give --branch NAME",
            ),
            ("gcr.io", "", "{date}", "tag \"{date}\" (--tag): there is no variable `{date}` here"),
            ("gcr.io", "", "--", "tag \"--\" (--tag): `--` cannot become a tag"),
        ] {
            let found = composed(repository, name, tag);
            assert!(found.starts_with(said), "{found}");
        }
    }

    #[test]
    fn a_commit_is_needed_unless_the_image_is_built() {
        let mut build = build();
        build.values.commit = None;
        let settings = settings("gcr.io/stuff", "", "");
        assert_eq!(compose(&settings, &build), Err(BadImagePlan::NoCommit));
        build.built = true;
        assert_eq!(compose(&settings, &build).unwrap().tag, None);
    }

    #[test]
    fn notes_say_what_changed_and_what_is_not_of_this_commit() {
        let mut build = build();
        build.values.branch = Some("a/b");
        let plan = compose(&settings("gcr.io/stuff", "", "{branch}"), &build).unwrap();
        assert_eq!(
            plan.notes,
            [
                "`a/b` is no tag and became `a-b`",
                "the tag `a-b` does not name the commit: another commit's image may have it"
            ]
        );
        assert_eq!(compose(&settings("gcr.io/stuff", "", ""), &build).unwrap().notes, [""; 0]);
    }

    #[test]
    fn a_tag_tells_its_commit_by_enough_digits() {
        for (tag, tells) in [
            ("", true),
            ("short", true),
            ("{commit:12}", true),
            ("{commit:11}", false),
            ("v1", false),
            ("{service}", false),
        ] {
            assert_eq!(compose(&settings("gcr.io/stuff", "", tag), &build()).unwrap().tells_commit, tells, "{tag}");
        }
    }

    #[test]
    fn defaults_of_many_services_tell_them_apart() {
        let map = || Origin::ConfigMap("shop".parse().unwrap());
        let annotation = Origin::Annotation("shop/hello".into());
        let flag = Origin::Flag("--name-template");
        for (repository, name, tag, origins, shared) in [
            ("gcr.io/mono", "thing", "full", [map(), map()], true),
            ("gcr.io/{namespace}", "thing", "full", [map(), map()], true),
            ("gcr.io/{service}", "thing", "full", [map(), map()], false),
            ("gcr.io/mono", "{service}", "full", [map(), map()], false),
            ("gcr.io/mono", "thing", "{service}-{commit}", [map(), map()], false),
            ("gcr.io/mono", "thing", "full", [annotation, map()], false),
            ("gcr.io/mono", "thing", "full", [map(), flag], false),
        ] {
            let mut settings = settings(repository, name, tag);
            [settings.repository.origin, settings.name.origin] = origins;
            let composed = compose(&settings, &build()).map_err(|error| error.to_string());
            assert_eq!(composed.is_err(), shared, "{composed:?}");
            if let Err(error) = composed {
                assert!(error.contains("give every Service the same image: put {service} into one of them"), "{error}");
                assert!(error.contains("\"thing\" (ConfigMap shop/andante-defaults)"), "{error}");
            }
        }
    }

    #[test]
    fn the_namespace_is_needed_where_a_template_says_so() {
        for (repository, name, tag, needed) in [
            ("gcr.io/stuff", "", "", false),
            ("gcr.io/{namespace}", "", "", true),
            ("gcr.io", "{namespace}", "", true),
            ("gcr.io", "", "{namespace}-{commit}", true),
            ("gcr.io", "{broken", "", false),
        ] {
            assert_eq!(needs_namespace(&settings(repository, name, tag)), needed);
        }
    }

    proptest! {
        #[test]
        fn what_is_composed_is_a_reference(repository in "[a-zA-Z0-9./:_{}@-]{1,40}", name in "[a-z/{}.:-]{0,20}") {
            if let Ok(plan) = compose(&settings(&repository, &name, "short"), &build()) {
                let reference = plan.repository.tagged(plan.tag.unwrap().tag);
                prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
            }
        }
    }
}

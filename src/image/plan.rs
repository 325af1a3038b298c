//! One image's reference, composed from its settings and its commit.
//!
//! Decides what is refused before anything is built, because a wrong reference would show only when the image is pushed; and
//! that a repository whose last part holds `{service}` is whole: the name that is built in is not appended to it, since it
//! stands there already. One that somebody set is, because it was asked for. Depends on settings, templates, tags and references.

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
    /// The repository holds the Service's name, and none was appended.
    pub holds_name: bool,
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
    /// By itself it is no repository.
    #[error("{0} makes no repository: {1}")]
    Whole(Box<Blamed>, Box<BadReference>),
    /// A template needs the namespace, and nothing says it.
    #[error(
        "{0} needs the namespace, and nothing says it: give -n NAMESPACE (a cluster's context would say it, but {1})"
    )]
    NoNamespace(Box<Blamed>, String),
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

/// The setting that uses the namespace's name, if one does.
pub(crate) fn needs_namespace(settings: &ImageSettings) -> Option<Box<Blamed>> {
    let ImageSettings { repository, name, tag, .. } = settings;
    let templates = [
        ("repository", repository, Template::of_name(&repository.value)),
        ("name template", name, Template::of_name(&name.value)),
        ("tag", tag, tag::style(&tag.value)),
    ];
    let uses = |template: Result<Template, BadTemplate>| {
        template.is_ok_and(|template| template.uses(|v| v == Variable::Namespace))
    };
    let found = templates.into_iter().find_map(|(what, setting, template)| uses(template).then_some((what, setting)));
    found.map(|(what, setting)| setting.blamed(what, &setting.value))
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
    Ok(ImagePlan { repository, tag, holds_name: holds_name(settings), tells_commit, notes })
}

/// True if the repository's last part says which Service it is of, and nobody set a name to be appended. The host alone is no
/// such part: an image has a name below it.
fn holds_name(settings: &ImageSettings) -> bool {
    let base = settings.repository.value.strip_suffix('/').unwrap_or(&settings.repository.value);
    let last = base.rsplit_once('/').map(|(_, last)| Template::of_name(last));
    matches!(settings.name.origin, Origin::BuiltIn | Origin::Unasked)
        && last.is_some_and(|last| last.is_ok_and(|last| last.uses(|v| v == Variable::Service)))
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
    if holds_name(settings) {
        let whole = base.parse().map(|reference: Reference| reference.repository);
        let blamed = || settings.repository.blamed("repository", base);
        return whole.map_err(|error| BadImagePlan::Whole(blamed(), Box::new(error)));
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
mod tests;

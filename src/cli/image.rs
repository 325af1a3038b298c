//! Flags of `image`.
//!
//! Decides syntax and defaults; [`crate::image`] decides what an image is called.

use super::{ClusterArgs, Output, ResultsArgs, duration, plain};
use crate::cli::{CommandArgs, DeclaredArgs, StepResults};
use crate::image::commit::Commit;
use crate::image::reference::{Digest, Reference};
use crate::model::name::{BadName, Namespace};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// The results that `image` declares, with their neutral values: they name a build, no rollout.
pub const IMAGE_RESULTS: [(&str, &str); 7] = [
    ("image", ""),
    ("repository", ""),
    ("tag", ""),
    ("digest-reference", ""),
    ("digest", ""),
    ("exists", "unknown"),
    ("message", ""),
];

/// Flags of `image`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ImageArgs {
    /// A question about an image that has a reference already.
    #[command(subcommand)]
    pub question: Option<ImageQuestion>,
    /// Cluster.
    #[command(flatten)]
    pub cluster: Option<ClusterArgs>,
    /// Where images go: `gcr.io/stuff`, also with {service} and {namespace} (one whose last part holds {service} is whole:
    /// only a name template adds to it); else the Service's annotation andante.dev/image-repository, else image-repository of ConfigMap andante-defaults in the Service's namespace, else
    /// in the installation's. With this flag the cluster is not asked, nor for name and tag.
    #[arg(long, value_name = "REPO", value_parser = trimmed, help_heading = "Where it goes")]
    pub repository: Option<String>,
    /// The name below the repository, with {service} and {namespace}; else (without --repository) image-name-template of
    /// the ConfigMaps, else {service}, if the last part of the repository does not hold it.
    #[arg(long, value_name = "TEMPLATE", value_parser = trimmed, help_heading = "Where it goes")]
    pub name_template: Option<String>,
    /// The installation's namespace.
    #[arg(long, value_name = "NAME", default_value = "andante-system", help_heading = "Where it goes")]
    pub system_namespace: Namespace,
    /// The commit's whole hash, such as a git-clone Task's result.
    #[arg(long, value_name = "HASH", help_heading = "Tag")]
    pub commit: Option<Commit>,
    /// A checkout: says commit and branch, and whether its tracked files are those of the commit. No git is needed.
    #[arg(long, value_name = "DIR", help_heading = "Tag")]
    pub source: Option<PathBuf>,
    /// The branch, for tags that name it; else the checkout's.
    #[arg(long, value_name = "NAME", value_parser = trimmed, help_heading = "Tag")]
    pub branch: Option<String>,
    /// `full` (the commit's whole hash), `short` (its first 12 digits), `branch` (branch and short hash), or a template
    /// with {commit}, {commit:N}, {branch}, {service}, {namespace}; else (without --repository) image-tag of the
    /// ConfigMaps, else full.
    #[arg(long, value_name = "STYLE", value_parser = trimmed, help_heading = "Tag")]
    pub tag: Option<String>,
    /// Refuse what is no valid tag. Else each run of characters that a tag may not hold becomes `-`, leading `.` and `-`
    /// go, and a branch is cut to fit 128 characters.
    #[arg(long, help_heading = "Tag")]
    pub strict: bool,
    /// What to do about a checkout whose tracked files are not those of its commit.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Dirty::Refuse, help_heading = "Tag")]
    pub dirty: Dirty,
    /// The built image's digest: adds the reference by digest, which is what deploys.
    #[arg(long, value_name = "DIGEST", value_parser = digest, help_heading = "After the build")]
    pub digest: Option<Digest>,
    /// A regular file in which the builder left the digest (buildah, kaniko, ko, BuildKit and its `bake`); of several images,
    /// that of this repository. The image of another repository is refused.
    #[arg(long, value_name = "FILE", help_heading = "After the build")]
    pub digest_file: Option<PathBuf>,
    /// An OCI layout that the builder left: the image of this repository and tag, or of this tag, or the only one without a
    /// name. The image of another repository is refused.
    #[arg(long, value_name = "DIR", help_heading = "After the build")]
    pub oci_layout: Option<PathBuf>,
    /// Ask the registry whether this commit's image is there, and what to do if it is. `ignore` asks nothing; `skip` says
    /// so in the result exists (`unknown` where the registry refuses, as many do before the first push); `fail` ends with
    /// exit code 30.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = IfExists::Ignore, help_heading = "Registry")]
    pub if_exists: IfExists,
    /// Registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// What is not given.
    #[command(flatten)]
    pub declared: DeclaredArgs,
    /// Print where each part comes from, to standard error.
    #[arg(long, help_heading = "Results")]
    pub explain: bool,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for ImageArgs {
    fn output(&self) -> Output {
        self.cluster.as_ref().map_or(Output::Text, |cluster| cluster.output)
    }

    fn asks(&self) -> Option<(&DeclaredArgs, &ClusterArgs)> {
        Some((&self.declared, self.cluster.as_ref()?))
    }

    fn declared_results() -> StepResults {
        &IMAGE_RESULTS
    }
}

/// How a registry is asked.
#[derive(Debug, Clone, Args)]
pub struct RegistryArgs {
    /// Directory of a Docker config.json or .dockerconfigjson with credentials; else DOCKER_CONFIG, ~/.docker.
    /// Credential helpers are not run.
    #[arg(long, value_name = "DIR", help_heading = "Registry")]
    pub docker_config: Option<PathBuf>,
    /// Certificates (PEM) to believe beside the system's: a file, or a directory of files `*.crt`.
    #[arg(long, value_name = "FILE", help_heading = "Registry")]
    pub ca_file: Option<PathBuf>,
    /// Speak plain HTTP. Else TLS is spoken, and plain HTTP only with localhost and with loopback, private and
    /// link-local addresses that do not speak TLS, never through a proxy.
    #[arg(long, help_heading = "Registry")]
    pub plain_http: bool,
}

/// A question about an image.
#[derive(Debug, Clone, Subcommand)]
pub enum ImageQuestion {
    /// Ask the registry for the digest of a reference.
    ///
    /// Of an image for several platforms it is the digest of the index, which is also what Knative deploys.
    Resolve(Box<ResolveArgs>),
}

/// Flags of `image resolve`.
#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// The image; without tag and digest, its tag `latest`.
    #[arg(value_name = "REF")]
    pub reference: Reference,
    /// Registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
    /// How lines are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text, help_heading = "Results")]
    pub output: Output,
    /// How long one request may take.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Registry")]
    pub request_timeout: Duration,
    /// How long the registry may fail in a row before this gives up.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, help_heading = "Registry")]
    pub patience: Duration,
}

/// What to do about an image that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IfExists {
    /// Do not ask.
    Ignore,
    /// Say so: the build can be skipped.
    Skip,
    /// End with exit code 30.
    Fail,
}

/// What to do about a tree that is not what was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dirty {
    /// End with an error: no commit describes this image.
    Refuse,
    /// Add `-dirty` to the tag.
    Mark,
}

/// A text without the space around it, which results of other Tasks may have.
fn trimmed(text: &str) -> Result<String, String> {
    Ok(plain(text)?.trim().to_owned())
}

/// A digest; results of other Tasks may end with a newline.
fn digest(text: &str) -> Result<Digest, BadName> {
    text.trim().parse()
}

//! What is to be staged, as it is typed.
//!
//! Decides that an image may be a reference at all; the cluster decides whether it is one.

use super::{pair, plain};
use crate::model::name::{RevisionName, Tag};
use crate::rollout::goal::{CandidateOptions, TakeUp};
use crate::rollout::splits::TagOptions;
use clap::Args;
use std::path::PathBuf;

/// What is to be staged, beside whom.
#[derive(Debug, Clone, Args)]
pub struct CandidateArgs {
    /// The image that the new revision runs.
    #[arg(long, value_name = "REF", value_parser = image, help_heading = "Candidate")]
    pub image: Option<String>,
    /// Refuse to stage without an --image (an empty one counts as none), as where a build should have named one.
    #[arg(long, help_heading = "Candidate")]
    pub need_image: bool,
    /// Which container gets it; else the only one, or the one with a port.
    #[arg(long, value_name = "NAME", value_parser = plain, help_heading = "Candidate")]
    pub container: Option<String>,
    /// Set environment variables of the container (repeatable; several may follow one flag).
    #[arg(long = "set-env", value_name = "K=V", value_parser = pair, num_args = 0.., help_heading = "Candidate")]
    pub set_env: Vec<(String, String)>,
    /// Take the whole template from a Service manifest (YAML or JSON).
    #[arg(long, value_name = "FILE", help_heading = "Candidate")]
    pub from_file: Option<PathBuf>,
    /// Name of the new revision (must begin with SERVICE-); else Knative names it.
    #[arg(long, value_name = "NAME", help_heading = "Candidate")]
    pub revision_name: Option<RevisionName>,
    /// Take up a revision that is there already and change no template: its name, `newest` for the newest ready one that
    /// serves 0 %, or `latest` for the one that the Service's present template made, ready or not yet. Where neither --image,
    /// --set-env nor --from-file is given, --declared means `latest`, and at a terminal `newest` is meant; a run must say it.
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["image", "container", "set_env", "from_file", "revision_name"],
        help_heading = "Candidate"
    )]
    pub revision: Option<TakeUp>,
    /// Try a candidate again that serves already or was rolled back before.
    #[arg(long, help_heading = "Candidate")]
    pub again: bool,
    /// Which revision users are on, where traffic is split over several.
    #[arg(long, value_name = "REVISION", help_heading = "Traffic")]
    pub stable: Option<RevisionName>,
    /// Tags.
    #[command(flatten)]
    pub tags: TagArgs,
}

/// Names of the two tags that a rollout owns while it lasts.
#[derive(Debug, Clone, Args)]
pub struct TagArgs {
    /// Tag of the candidate; else `candidate`, or `c` where the Service's name has 54 to 61 characters.
    #[arg(long, value_name = "TAG", help_heading = "Traffic")]
    pub candidate_tag: Option<Tag>,
    /// Tag that keeps stable reachable; else `stable`, or `s` where the Service's name has 54 to 61 characters.
    #[arg(long, value_name = "TAG", help_heading = "Traffic")]
    pub stable_tag: Option<Tag>,
}

impl TagArgs {
    /// The tags' part of a goal.
    pub fn options(&self) -> TagOptions {
        TagOptions { candidate: self.candidate_tag.clone(), stable: self.stable_tag.clone() }
    }
}

/// An image reference that is at least plausible; the full grammar is Knative's to judge.
fn image(text: &str) -> Result<String, String> {
    super::reject_unresolved(text)?;
    CandidateOptions::check_image(text)?;
    Ok(text.to_owned())
}

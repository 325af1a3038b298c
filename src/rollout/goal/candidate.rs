//! What is to be staged, beside whom, and within which limits.

use super::{BadGoal, CapacityGoal};
use crate::model::name::{BadName, RevisionName, ServiceName};
use crate::model::time::human;
use crate::rollout::splits::TagOptions;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Which revision is taken up. Revisions are named after their Service, so none is called `newest` or `latest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TakeUp {
    /// The newest ready one that serves 0 %.
    Newest,
    /// The one that the present template made, ready or not yet: what Knative calls the latest created one.
    Latest,
    /// The one with this name.
    Named(RevisionName),
}

impl FromStr for TakeUp {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        match text {
            "newest" => Ok(Self::Newest),
            "latest" => Ok(Self::Latest),
            _ => text.parse().map(Self::Named),
        }
    }
}

impl TryFrom<String> for TakeUp {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<TakeUp> for String {
    fn from(take_up: TakeUp) -> Self {
        take_up.to_string()
    }
}

impl fmt::Display for TakeUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("newest"),
            Self::Latest => f.write_str("latest"),
            Self::Named(name) => name.fmt(f),
        }
    }
}

/// The candidate: a changed template, or a revision that is there already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CandidateOptions {
    /// The image that the new revision runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Which container gets it; none: the only one, or the one with a port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Environment variables to set, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// A whole Service whose template is taken; it is also what is created where there is no Service yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Value>,
    /// The name of the new revision; none: Knative names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_name: Option<RevisionName>,
    /// A revision that is taken up instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<TakeUp>,
    /// A rolled-back or equal candidate is tried again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Which revision users are on, where the split leaves a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable: Option<RevisionName>,
    /// The two tags of the rollout; what is absent goes by the length of the Service's name ([`crate::rollout::splits::Tags::usual`]).
    pub tags: TagOptions,
    /// How long the candidate may take to be ready.
    #[serde(with = "human")]
    pub ready_within: Duration,
    /// How long a failure must last to be believed.
    #[serde(with = "human")]
    pub grace: Duration,
    /// How long the staged candidate is kept for its owner's walk before others may take over.
    #[serde(with = "human")]
    pub hold_for: Duration,
    /// Which pods come before everyone is sent to what a revert made; where a walk follows, its own say it.
    pub capacity: CapacityGoal,
}

/// The defaults of `stage`.
impl Default for CandidateOptions {
    fn default() -> Self {
        Self {
            image: None,
            container: None,
            env: Vec::new(),
            manifest: None,
            revision_name: None,
            revision: None,
            again: false,
            stable: None,
            tags: TagOptions::default(),
            ready_within: Duration::from_secs(600),
            grace: Duration::from_secs(20),
            hold_for: Duration::from_secs(3600),
            capacity: CapacityGoal::default(),
        }
    }
}

impl CandidateOptions {
    /// True if it makes a new revision.
    pub fn changes_the_template(&self) -> bool {
        let file = self.manifest.as_ref().is_some_and(|m| m.pointer("/spec/template").is_some());
        self.image.is_some() || !self.env.is_empty() || file
    }

    /// An image reference that is at least plausible; the full grammar is Knative's to judge.
    pub fn check_image(text: &str) -> Result<(), &'static str> {
        if text.is_empty() || text.len() > 512 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("not an image reference");
        }
        Ok(())
    }

    pub(super) fn check(&self, service: &ServiceName) -> Result<(), BadGoal> {
        self.tags.of(service)?;
        if let Some(name) = &self.revision_name
            && !name.as_str().starts_with(&format!("{service}-"))
        {
            return Err(BadGoal::RevisionName { service: service.clone(), name: name.clone() });
        }
        if let Some(name) = self.manifest.as_ref().and_then(|m| m.pointer("/spec/template/metadata/name")?.as_str()) {
            let what = "spec.template.metadata.name of the file";
            let bad = |why: String| BadGoal::Value { what, why };
            name.parse::<RevisionName>().map_err(|e| bad(e.to_string()))?;
            if !name.starts_with(&format!("{service}-")) {
                return Err(bad(format!("`{name}` must begin with `{service}-`")));
            }
        }
        if let Some(image) = &self.image {
            Self::check_image(image).map_err(|why| BadGoal::Value { what: "--image", why: why.to_owned() })?;
        }
        let changes = self.changes_the_template() || self.container.is_some() || self.revision_name.is_some();
        if self.revision.is_some() && changes {
            return Err(BadGoal::TakesUpAndChanges);
        }
        Ok(())
    }
}

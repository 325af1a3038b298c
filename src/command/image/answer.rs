//! The answers of `image`: in results, for people, as JSON. Decides that a reference stands alone on standard output.
//! It may use what was composed and the report.

use super::source::CommitSource;
use crate::adapter::tekton::{BadResult, Results};
use crate::cli::Output;
use crate::command::report;
use crate::image::defaults::{ImageSettings, Setting};
use crate::image::plan::ImagePlan;
use crate::image::reference::{Digest, Repository};
use crate::model::outcome::{Code, Outcome};
use serde_json::json;

/// What is known so far; empty where nothing is.
#[derive(Debug, Default)]
pub(super) struct ImageAnswer {
    pub(super) image: String,
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
    pub(super) digest_reference: String,
    /// `None`: nobody asked, or there was no answer.
    pub(super) exists: Option<bool>,
    pub(super) notes: Vec<String>,
    origins: Vec<PartOrigin>,
}

/// One part and where it comes from.
#[derive(Debug)]
struct PartOrigin {
    part: &'static str,
    value: String,
    from: String,
}

impl ImageAnswer {
    /// Takes a reference that was composed.
    pub(super) fn take(&mut self, settings: &ImageSettings, source: &CommitSource, plan: &ImagePlan) {
        self.repository = plan.repository.to_string();
        if let Some(tag) = &plan.tag {
            self.tag = tag.tag.to_string();
            self.image = plan.repository.clone().tagged(tag.tag.clone()).to_string();
        }
        self.notes.extend(source.notes.iter().chain(&plan.notes).cloned());
        let mut part = |part, setting: &Setting| self.origin(part, &setting.value, &setting.origin.to_string());
        part("repository", &settings.repository);
        part("name", &settings.name);
        part("tag", &settings.tag);
        if plan.holds_name
            && let Some(name) = self.origins.iter_mut().find(|origin| origin.part == "name")
        {
            "in the repository already: nothing is appended to it".clone_into(&mut name.from);
        }
        if let Some((commit, from)) = source.commit.as_ref().zip(source.commit_from.as_ref()) {
            self.origin("commit", commit.as_str(), from);
        }
        if let Some((branch, from)) = source.branch.as_ref().zip(source.branch_from.as_ref()) {
            self.origin("branch", branch, from);
        }
    }

    /// Takes the digest.
    pub(super) fn digest(&mut self, repository: &Repository, digest: Digest, from: Option<String>) {
        self.digest = digest.to_string();
        self.digest_reference = repository.clone().by_digest(digest).to_string();
        if self.image.is_empty() {
            self.image.clone_from(&self.digest_reference);
        }
        if let Some(from) = from {
            let digest = self.digest.clone();
            self.origin("digest", &digest, &from);
        }
    }

    fn origin(&mut self, part: &'static str, value: &str, from: &str) {
        self.origins.push(PartOrigin { part, value: value.to_owned(), from: from.to_owned() });
    }

    /// The reference that is most exact.
    pub(super) fn best(&self) -> String {
        if self.digest_reference.is_empty() { self.image.clone() } else { self.digest_reference.clone() }
    }

    fn exists(&self) -> &'static str {
        match self.exists {
            None => "unknown",
            Some(true) => "true",
            Some(false) => "false",
        }
    }

    /// Writes the results, or none of them if they do not fit.
    pub(super) fn write(&self, results: &mut Results, message: &str) -> Result<(), BadResult> {
        let values = [
            ("image", self.image.as_str()),
            ("repository", &self.repository),
            ("tag", &self.tag),
            ("digest-reference", &self.digest_reference),
            ("digest", &self.digest),
            ("exists", self.exists()),
        ];
        results.set_all(&values)?;
        results.set_text("message", message)
    }

    /// Prints everything.
    pub(super) fn print(&self, output: Output, explain: bool, outcome: &Outcome) {
        if output == Output::Json {
            report::line(&self.json(outcome));
            return;
        }
        if explain {
            let width = self.origins.iter().map(|o| o.value.chars().count()).max().unwrap_or_default();
            for PartOrigin { part, value, from } in &self.origins {
                report::complain(&format!("{:<12}{value:<width$}  {from}", format!("{part}:")));
            }
        }
        for note in &self.notes {
            report::complain(&format!("andante: note: {note}"));
        }
        if outcome.code == Code::Done {
            let (reference, said) = (self.best(), outcome.line());
            if said != reference {
                report::complain(&format!("andante: {said}"));
            }
            report::show(&reference);
        } else {
            // Every place that was looked at has a line of its own.
            for (i, line) in outcome.line().split('\n').enumerate() {
                report::complain(&if i == 0 { format!("andante: {line}") } else { format!("  {line}") });
            }
        }
    }

    fn json(&self, outcome: &Outcome) -> String {
        let from: serde_json::Map<String, serde_json::Value> =
            self.origins.iter().map(|o| (o.part.to_owned(), json!({"value": o.value, "from": o.from}))).collect();
        json!({
            "outcome": outcome.word,
            "code": outcome.code.number(),
            "text": outcome.what,
            "next": outcome.next,
            "image": self.image,
            "repository": self.repository,
            "tag": self.tag,
            "digest": self.digest,
            "digest-reference": self.digest_reference,
            "exists": self.exists,
            "from": from,
            "notes": self.notes,
        })
        .to_string()
    }
}

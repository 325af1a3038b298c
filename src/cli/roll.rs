//! Flags of `stage`, `walk` and `settle`.

use super::{
    ClusterArgs, EvidenceFrom, GateArgs, JudgeArgs, OwnerArgs, ProbeArgs, ResultsArgs, SourceArgs, duration, pair,
    plain,
};
use crate::cli::CommandArgs;
use crate::cli::Output;
use crate::model::name::{RevisionName, Tag};
use crate::model::percent::Percent;
use crate::rollout::goal::{AddressKind, OnTerm, TakeUp, WalkOptions};
use crate::rollout::plan::{PlanOptions, Style};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Flags of `stage`.
#[derive(Debug, Clone, Args)]
pub struct StageArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Ownership.
    #[command(flatten)]
    pub owner: OwnerArgs,
    /// Candidate.
    #[command(flatten)]
    pub candidate: CandidateArgs,
    /// How long the candidate may take to be ready.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, help_heading = "Time")]
    pub deadline: Duration,
    /// How long a failure must last to be believed.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration, help_heading = "Time")]
    pub grace: Duration,
    /// How long the staged candidate is kept for this owner's walk before others may take over.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration, help_heading = "Time")]
    pub hold_for: Duration,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for StageArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.results)
    }
}

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
    /// Take up a revision that is there already and change no template: its name, or `newest` for the newest ready one that
    /// serves 0 %. At a terminal `newest` is meant where neither --image, --set-env nor --from-file is given; a run must say it.
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
    /// Tag of the candidate.
    #[arg(long, value_name = "TAG", default_value = "candidate", help_heading = "Traffic")]
    pub candidate_tag: Tag,
    /// Tag that keeps stable reachable.
    #[arg(long, value_name = "TAG", default_value = "stable", help_heading = "Traffic")]
    pub stable_tag: Tag,
}

/// A style on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StyleArg {
    /// 1, 5, 25, 50, 100 %.
    Canary,
    /// 20, 40, 60, 80, 100 %.
    Linear,
    /// As far as the evidence so far allows, from 1 to 50 %, then 100 %; needs --evidence.
    Budget,
    /// Prove by the tag, switch everyone in one write, bake.
    BlueGreen,
    /// Everyone at once.
    AllAtOnce,
}

/// What SIGTERM does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnTermArg {
    /// Back to stable.
    Rollback,
    /// Leave traffic where it is.
    Hold,
}

/// The plan's flags, shared by `walk` and `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanFlags {
    /// Style of the rollout.
    #[arg(long, value_enum, default_value_t = StyleArg::Canary, help_heading = "Plan")]
    pub style: StyleArg,
    /// Steps in percent of what stable has, rising; else the style's own.
    #[arg(long, value_name = "P,P,...", value_delimiter = ',', help_heading = "Plan")]
    pub steps: Vec<Percent>,
    /// How long to stay at each step at least, counted from when it is served; else 2m, and 30s for budget.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Plan")]
    pub dwell: Option<Duration>,
    /// How long to watch at 100 % before the way back is given up; else 5m, and 0s for all-at-once.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Plan")]
    pub bake: Option<Duration>,
    /// Stop at this percentage with the rollout open; the next walk goes on from there.
    #[arg(long, value_name = "PERCENT", default_value = "100", help_heading = "Plan")]
    pub to: Percent,
    /// Steps (by their percentage) that a person must approve first.
    #[arg(long, value_name = "P,P,...", value_delimiter = ',', help_heading = "Plan")]
    pub approve: Vec<Percent>,
    /// How long an approval is waited for before rolling back.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration, help_heading = "Plan")]
    pub approval_timeout: Duration,
}

impl PlanFlags {
    /// The plan's part of a goal.
    pub fn options(&self) -> PlanOptions {
        PlanOptions {
            style: self.style.into(),
            steps: self.steps.clone(),
            dwell: self.dwell,
            bake: self.bake,
            to: self.to,
            approve: self.approve.clone(),
            approval_timeout: self.approval_timeout,
        }
    }
}

impl From<StyleArg> for Style {
    fn from(style: StyleArg) -> Self {
        match style {
            StyleArg::Canary => Self::Canary,
            StyleArg::Linear => Self::Linear,
            StyleArg::Budget => Self::Budget,
            StyleArg::BlueGreen => Self::BlueGreen,
            StyleArg::AllAtOnce => Self::AllAtOnce,
        }
    }
}

impl From<OnTermArg> for OnTerm {
    fn from(on_term: OnTermArg) -> Self {
        match on_term {
            OnTermArg::Rollback => Self::Rollback,
            OnTermArg::Hold => Self::Hold,
        }
    }
}

/// Flags of `walk`.
#[derive(Debug, Clone, Args)]
pub struct WalkArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Ownership.
    #[command(flatten)]
    pub owner: OwnerArgs,
    /// Plan.
    #[command(flatten)]
    pub plan: PlanFlags,
    /// Probe.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// Where evidence is read.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How it is judged.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// The owner's own gates.
    #[command(flatten)]
    pub gates: GateArgs,
    /// Back when so many more containers of the candidate than of stable, pod for pod, ended with an error or for want of
    /// memory; `off` looks at no pods.
    #[arg(long, value_name = "N|off", default_value = "2", value_parser = restarts, help_heading = "Gates")]
    pub restarts: RestartsArg,
    /// When the walk must be over; else rolled back.
    #[arg(long, value_name = "TIME", default_value = "55m", value_parser = duration, help_heading = "Time")]
    pub deadline: Duration,
    /// How long a fault of the candidate's pods must last to be believed.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Time")]
    pub grace: Duration,
    /// How long a written split may take until it is served.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, help_heading = "Time")]
    pub serve_within: Duration,
    /// What SIGTERM does (a pod is being deleted); Ctrl-C always holds.
    #[arg(long, value_enum, default_value_t = OnTermArg::Rollback, help_heading = "Time")]
    pub on_term: OnTermArg,
    /// Do what is due now and exit, saying when the next move is due.
    #[arg(long, help_heading = "Time")]
    pub once: bool,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for WalkArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.results)
    }
}

impl WalkArgs {
    /// The walk's part of a goal, or which two flags do not fit together. Whoever calls `via` another address means the
    /// public name.
    pub fn options(&self) -> Result<WalkOptions, String> {
        let rules = self.judge.rules()?;
        let public = self.probe.via.as_ref().map(|_| AddressKind::Public);
        Ok(WalkOptions {
            plan: self.plan.options(),
            deadline: self.deadline,
            grace: self.grace,
            serve_within: self.serve_within,
            probe: self.probe.probe(),
            address: self.probe.address.map(AddressKind::from).or(public),
            on_term: self.on_term.into(),
            once: self.once,
            judge: Some(rules).filter(|_| self.source.evidence != EvidenceFrom::None),
            gates: self.gates.gates.clone(),
            gate_patience: self.gates.patience(),
            restarts: self.restarts.0,
        })
    }
}

/// How many restarts are too many; none: nobody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartsArg(pub Option<u32>);

fn restarts(text: &str) -> Result<RestartsArg, String> {
    if text == "off" {
        return Ok(RestartsArg(None));
    }
    let limit = text.parse().ok().filter(|n| (1..=1000).contains(n));
    limit.map(|n| RestartsArg(Some(n))).ok_or_else(|| "a whole number from 1 to 1000, or `off`".to_owned())
}

/// Flags of `roll-out`: what `stage` takes, and what `walk` takes.
#[derive(Debug, Clone, Args)]
pub struct RollOutArgs {
    /// Candidate.
    #[command(flatten)]
    pub candidate: CandidateArgs,
    /// How long the candidate may take to be ready, before the walk.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, help_heading = "Time")]
    pub ready_within: Duration,
    /// Walk.
    #[command(flatten)]
    pub walk: WalkArgs,
}

impl CommandArgs for RollOutArgs {
    fn output(&self) -> Output {
        self.walk.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.walk.results)
    }
}

/// Flags of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Ask the target with this tag; else the candidate of the rollout that is open.
    #[arg(long, value_name = "TAG", help_heading = "Traffic")]
    pub tag: Option<Tag>,
    /// Probe.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// When the answer must be there.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration, help_heading = "Time")]
    pub deadline: Duration,
    /// How long a fault of the candidate's pods must last to be believed.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Time")]
    pub grace: Duration,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for CheckArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.results)
    }
}

/// Flags of `settle`.
#[derive(Debug, Clone, Args)]
pub struct SettleArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Only this rollout (its id, or the uid of the run that owns it); another one is left alone. `any`: whoever's it is,
    /// as at a terminal. In a pod: this run's own.
    #[arg(long, value_name = "ID", value_parser = plain)]
    pub rollout: Option<String>,
    /// Where to: `stable`, `candidate`, or a revision's name. Without it an unfinished rollout goes back to stable, a
    /// finished one stays.
    #[arg(long, value_name = "WHERE", value_parser = plain)]
    pub to: Option<String>,
    /// Remove a record that cannot be read; traffic stays as it is.
    #[arg(long)]
    pub discard_record: bool,
    /// Tags.
    #[command(flatten)]
    pub tags: TagArgs,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for SettleArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.results)
    }
}

/// An image reference that is at least plausible; the full grammar is Knative's to judge.
fn image(text: &str) -> Result<String, String> {
    super::reject_unresolved(text)?;
    if text.is_empty() || text.len() > 512 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("not an image reference".into());
    }
    Ok(text.to_owned())
}

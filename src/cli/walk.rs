//! Flags of `walk`, and the walk's part of a goal that they make.
//!
//! Decides how flags become the walk's part of a goal; [`crate::rollout::goal`] checks it.

use super::{
    CapacityArgs, ClusterArgs, CommandArgs, DeclaredArgs, EventsArgs, EvidenceFrom, GateArgs, JudgeArgs, Output,
    OwnerArgs, PlanFlags, ProbeArgs, ResultsArgs, SourceArgs, duration,
};
use crate::rollout::goal::{AddressKind, OnTerm, WalkOptions};
use crate::rollout::plan::Plan;
use clap::{Args, ValueEnum};
use std::time::Duration;

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
    /// Pods before users.
    #[command(flatten)]
    pub capacity: CapacityArgs,
    /// When the walk must be over; else rolled back.
    // Tekton ends a TaskRun after an hour by default, and the walk has to be over before that.
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
    /// After a way back the template becomes again that of the revision that serves, in a second write, unless somebody else wrote
    /// it since; whoever followed latest follows it again once that is Ready and the same (in care users stay by name).
    #[arg(long, help_heading = "Traffic")]
    pub restore_template: bool,
    /// Do what is due now and exit, saying when the next move is due.
    #[arg(long, help_heading = "Time")]
    pub once: bool,
    /// What is not given.
    #[command(flatten)]
    pub declared: DeclaredArgs,
    /// Events.
    #[command(flatten)]
    pub events: EventsArgs,
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

    fn asks(&self) -> Option<(&DeclaredArgs, &ClusterArgs)> {
        Some((&self.declared, &self.cluster))
    }
}

impl WalkArgs {
    /// The walk's part of a goal, or which two flags do not fit together. Whoever calls `via` another address means the
    /// public name.
    pub fn options(&self) -> Result<WalkOptions, String> {
        // What is wrong with the plan is said first; the goal makes it again.
        let plan = self.plan.options();
        Plan::new(&plan).map_err(|e| e.to_string())?;
        let rules = self.judge.rules()?;
        let public = self.probe.via.as_ref().map(|_| AddressKind::Public);
        Ok(WalkOptions {
            plan,
            deadline: self.deadline,
            grace: self.grace,
            serve_within: self.serve_within,
            probe: self.probe.probe()?,
            address: self.probe.address.map(AddressKind::from).or(public),
            on_term: self.on_term.into(),
            once: self.once,
            restore_template: self.restore_template,
            judge: Some(rules).filter(|_| self.source.evidence != EvidenceFrom::None),
            gates: self.gates.gates.clone(),
            compare: self.gates.compare.clone(),
            gate_patience: self.gates.patience(),
            capacity: self.capacity.goal(),
            restarts: self.restarts.0,
        })
    }
}

/// What SIGTERM does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnTermArg {
    /// Back to stable.
    Rollback,
    /// Leave traffic where it is.
    Hold,
}

impl From<OnTermArg> for OnTerm {
    fn from(on_term: OnTermArg) -> Self {
        match on_term {
            OnTermArg::Rollback => Self::Rollback,
            OnTermArg::Hold => Self::Hold,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::rollout::plan::PlanOptions;

    fn typed(arguments: &[&str]) -> Command {
        let arguments = [&["andante"], arguments].concat();
        Cli::of_arguments(arguments.into_iter().map(Into::into)).unwrap().command
    }

    #[test]
    fn what_is_not_typed_is_the_default_everywhere() {
        let usual = WalkOptions::default();
        let Command::Walk(walk) = typed(&["walk", "hello"]) else { panic!("walk") };
        assert_eq!(walk.options(), Ok(usual.clone()));
        let Command::RollOut(both) = typed(&["roll-out", "hello"]) else { panic!("roll-out") };
        assert_eq!(both.walk.options(), Ok(usual.clone()));
        let Command::Rehearse(made_up) = typed(&["rehearse"]) else { panic!("rehearse") };
        assert_eq!((made_up.deadline, made_up.grace), (usual.deadline, usual.grace));
        assert_eq!(made_up.plan.options(), PlanOptions::default());
        let Command::Plan(plan) = typed(&["plan", "hello"]) else { panic!("plan") };
        assert_eq!(plan.plan.options(), PlanOptions::default());
    }
}

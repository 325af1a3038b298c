//! The command line: what was typed, nothing resolved.
//!
//! Decides syntax, and which texts are valid values, because an error about a flag must be said before anything is
//! done. `command` decides what a default means and what is then done. It may use clap, `view`, `machine`, `image` and
//! what is below them, for the types that a text is parsed into. Begin reading with [`Cli`].

mod apply;
mod candidate;
mod capacity;
mod care;
mod check;
mod cluster;
mod declaration;
mod declared;
mod events;
mod export;
mod gates;
mod given;
mod goal;
mod image;
mod judge;
mod people;
mod plan;
mod probe;
mod rehearse;
mod replay;
mod results;
mod roll_out;
mod settle;
mod source;
mod stage;
mod start;
mod walk;

pub use apply::{APPLY_RESULTS, ApplyArgs};
pub use candidate::{CandidateArgs, TagArgs};
pub use capacity::{CapacityArg, CapacityArgs, PodsArgs};
pub use care::{AdoptArgs, DetachArgs};
pub use check::CheckArgs;
pub use cluster::{ClusterArgs, ReachArgs};
pub use declaration::{DeclarationArgs, DeclareArgs};
pub use declared::{DeclaredArgs, DeclaredFlags, GoalArg};
pub use events::{EventsArg, EventsArgs};
pub use export::ExportArgs;
pub use gates::GateArgs;
pub use goal::{GOAL_RESULTS, GoalArgs};
pub use image::{Dirty, IMAGE_RESULTS, IfExists, ImageArgs, ImageQuestion, RegistryArgs, ResolveArgs};
pub use judge::{JudgeArgs, OnInconclusiveArg, OnObjectiveArg};
pub use people::{ActionArg, ControlArgs, PlanArgs, StatusArgs, WatchArgs};
pub use plan::{PlanFlags, StyleArg};
pub use probe::{AddressArg, ProbeArgs};
pub use rehearse::{RehearseArgs, ServiceArgs};
pub use replay::{ReplayArgs, Slower};
pub use results::{RESULTS, ResultsArgs, StepResults};
pub use roll_out::RollOutArgs;
pub use settle::SettleArgs;
pub use source::{EvidenceFrom, PresetArg, SourceArgs};
pub use stage::StageArgs;
pub use start::{OlderArg, StartArgs};
pub use walk::{OnTermArg, RestartsArg, WalkArgs};

use crate::model::name::GoalId;
use crate::model::outcome::Code;
use crate::model::time::LONGEST;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use std::ffi::OsString;
use std::time::Duration;

/// Safe rollouts of Knative Services: stage a revision at 0 %, walk users to it on evidence, settle from any state.
#[derive(Debug, Parser)]
#[command(name = "andante", version, after_help = exit_codes(), max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The arguments as they were typed.
    #[arg(skip)]
    pub typed: Vec<OsString>,
}

impl Cli {
    /// Reads the arguments, the program's own name first. Where one holds an unresolved `$(...)`, that is what is wrong,
    /// whatever else its flag would have said about it. What says nothing (`--dwell=`) counts as not given.
    pub fn of_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        // Tekton leaves `$(...)` as it stands where a result was never written, and runs the step all the same. This
        // comes before clap, because clap would find another fault in such a value.
        for (i, argument) in arguments.iter().enumerate().skip(1) {
            let text = argument.to_string_lossy();
            if let Err(why) = reject_unresolved(&text) {
                let before = arguments.get(i - 1).map(|a| a.to_string_lossy());
                let before = before.filter(|a| a.starts_with('-') && *a != "--" && !text.starts_with('-'));
                let before = before.map(|flag| format!("{flag} ")).unwrap_or_default();
                return Err(Self::command().error(ErrorKind::InvalidValue, format!("`{before}{text}` {why}")));
            }
        }
        let cli = Self::try_parse_from(given::given(&Self::command(), arguments.clone()))?;
        Ok(Self { typed: arguments, ..cli })
    }
}

/// What every subcommand's flags tell, whichever it is.
pub trait CommandArgs {
    /// How lines are printed.
    fn output(&self) -> Output;
    /// Where a Tekton step's results go, if those of a rollout are declared.
    fn results(&self) -> Option<&ResultsArgs> {
        None
    }
    /// The results that it declares where it has a flag for their place.
    fn declared_results() -> StepResults
    where
        Self: Sized,
    {
        &RESULTS
    }
    /// It is about several Services, whose results need more room than one's, and no second step reports them again.
    fn is_of_several(&self) -> bool {
        false
    }
    /// Where what is not given comes from, and which Service may say it.
    fn asks(&self) -> Option<(&DeclaredArgs, &ClusterArgs)> {
        None
    }
}

/// Makes the enum of subcommands: a new one is a line here.
macro_rules! subcommands {
    ($($(#[$help:meta])* $name:ident($args:ty),)*) => {
        /// The subcommands; each is a step of a rollout, or a question about one.
        #[derive(Debug, Subcommand)]
        pub enum Command {
            $($(#[$help])* $name(Box<$args>),)*
        }

        impl Command {
            /// What its flags tell, whichever it is.
            pub fn args(&self) -> &dyn CommandArgs {
                match self {
                    $(Self::$name(args) => args.as_ref(),)*
                }
            }

            /// The results that the subcommand of this name declares; none where it declares none, or where there is no such
            /// subcommand.
            pub fn results_of(name: &str) -> Option<StepResults> {
                let cli = Cli::command();
                cli.find_subcommand(name)?.get_arguments().find(|flag| flag.get_id() == "results")?;
                // `roll-out` is typed, `RollOut` stands here.
                let typed = name.replace('-', "");
                $(if stringify!($name).eq_ignore_ascii_case(&typed) {
                    return Some(<$args>::declared_results());
                })*
                None
            }
        }
    };
}

subcommands! {
    /// Say where a build's image goes: repository, name and tag from defaults; its digest once it is built.
    ///
    /// Prints the reference, alone on standard output. Nothing is sent anywhere unless a default has to be read from the cluster, or the registry is
    /// asked with --if-exists.
    Image(ImageArgs),
    /// Make (or take up) a candidate: ready, tagged, at 0 %, nobody sent to it.
    Stage(StageArgs),
    /// Ask the candidate's own address, move nobody: does it answer as it must?
    ///
    /// Writes nothing. Exits with 25 if the candidate fails, with 12 if nothing could be said by the deadline.
    Check(CheckArgs),
    /// Move users to the staged candidate step by step; back at once when a gate fails.
    Walk(WalkArgs),
    /// Stage, check and walk in one: what `stage` and then `walk` would do.
    ///
    /// The probe must pass at the candidate's own address before anybody is moved. The same run, started again, goes on
    /// where it was.
    RollOut(RollOutArgs),
    /// Bring a Service to rest from any state: roll back, finish, or leave.
    Settle(SettleArgs),
    /// Say what is going on, once.
    ///
    /// With `--output json`: one object, described in docs/status.md.
    Status(StatusArgs),
    /// Show a rollout as it goes on.
    ///
    /// One line for each change; `>` before a percentage: asked for, not served yet. With `--output json`: the object of
    /// `status` for each change.
    Watch(WatchArgs),
    /// Steer a running rollout: pause, resume, approve, abort, promote.
    ///
    /// The request is written beside the rollout's record, with the name of whoever asked; the process that walks obeys it.
    Control(ControlArgs),
    /// Say what a Service declares: who is in charge, from which source, with which share of the users at the end.
    ///
    /// Prints the goal id and each part with the place that it comes from (docs/goal.md). A declaration that cannot be read
    /// ends with 2, and every fault of it is told. With `--output json`: one object.
    Goal(GoalArgs),
    /// Make the run that a Service names for its goal, unless it was made: once for each goal.
    ///
    /// The run is marked on the Service (annotation andante.dev/goal-status). Nothing to do is no failure: the last line says why.
    /// A declaration that cannot be acted on ends with 2, and the Service says so (docs/start.md). With `--all --follow` it stays
    /// and starts what changes.
    Start(StartArgs),
    /// Change what a Service in care declares: the commit that a push brought, a share, a parameter.
    ///
    /// Declaring annotations are written and nothing else, in one fenced write that moves nobody and starts nothing: `start` does,
    /// or whoever follows. What cannot be declared ends with 2, and every fault of it is told (docs/goal.md).
    Declare(DeclareArgs),
    /// Take a Service into care: say who is in charge, and pin its users by name, in one write.
    ///
    /// Nobody is moved and nothing is started: what serves counts as what is declared. The shape of its traffic is kept for `detach`.
    /// A declaration that cannot be read ends with 2, and every fault of it is told. docs/care.md says what holds from then on.
    Adopt(AdoptArgs),
    /// Take a Service out of care: everything of Andante's goes, and traffic gets the shape back that its owner had.
    ///
    /// Only where that moves nobody; else it ends with 3 and names the ways out.
    Detach(DetachArgs),
    /// Show every split that would be written; writes nothing.
    ///
    /// Where a rollout is open, its own plan is shown unless another one is asked for. Exits with 3 if the rollout would be
    /// refused as things are.
    Plan(PlanArgs),
    /// Play a walk against a made-up service, without a cluster: see what a plan costs before anybody is moved.
    ///
    /// Prints the walk as it would be logged, or with --runs a table of how walks end, what they cost and how long they
    /// take, each figure with its error. The walk and its judge are the real ones; users, gateway and time are made up.
    Rehearse(RehearseArgs),
    /// Write Services as files for Git: what their owners said, without what machines added.
    ///
    /// Applied to the Services that they were made of, the files make no revision and move nobody. Nothing is written to the
    /// cluster: dry runs show which defaults it fills in. docs/export.md says what is left out.
    Export(ExportArgs),
    /// Apply a directory of Services: every file is tried by a dry run first, and one that is bad keeps all from being written.
    ///
    /// A server-side apply that conflicts with what others wrote and names them. Users of Services in care stay where they are, and
    /// spec.traffic is left to their walks. The last line says which Services are to be walked (docs/git.md).
    Apply(ApplyArgs),
}

/// Whose rollout this is, and what to do if somebody else is at it.
#[derive(Debug, Clone, Args)]
pub struct OwnerArgs {
    /// When somebody else holds the Service: in a pod `supersede` (if our run began later), else `fail`.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Ownership")]
    pub if_busy: Option<Busy>,
    /// When this run began (RFC 3339); else its creationTimestamp, else now.
    #[arg(long, value_name = "TIME", value_parser = timestamp, help_heading = "Ownership")]
    pub intent_at: Option<Timestamp>,
    /// Go ahead although a newer run was here.
    #[arg(long, help_heading = "Ownership")]
    pub force: bool,
    /// Only as long as the Service declares this goal (`andante goal` prints its id): before users are moved another one ends
    /// this, afterwards users go back. With `--if-busy supersede` it goes before whoever works for another goal, whoever began later.
    /// `none`: nothing is compared, with --declared either.
    #[arg(long, value_name = "ID", value_parser = declared::goal, help_heading = "Ownership")]
    pub goal: Option<GoalArg>,
}

impl OwnerArgs {
    /// The goal that the run is of.
    pub fn goal(&self) -> Option<GoalId> {
        self.goal.as_ref().and_then(|goal| goal.0.clone())
    }
}

/// How lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// One line an event, for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do about a target that somebody else holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Busy {
    /// Wait until it is free.
    Wait,
    /// Give up at once.
    Fail,
    /// Take it over if our intent is newer.
    Supersede,
}

impl From<Busy> for crate::machine::claim::IfBusy {
    fn from(busy: Busy) -> Self {
        match busy {
            Busy::Wait => Self::Wait,
            Busy::Fail => Self::Fail,
            Busy::Supersede => Self::Supersede,
        }
    }
}

/// A duration as humantime writes it (`90s`, `2m 30s`), at most 31 days.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    reject_unresolved(text)?;
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err("more than 31 days (`M` is a month, `m` a minute)".into()),
        Err(error) => Err(format!("{error}; write it like `90s` or `2m 30s`")),
    }
}

/// An RFC 3339 time.
fn timestamp(text: &str) -> Result<Timestamp, String> {
    reject_unresolved(text)?;
    text.parse().map_err(|_| "not an RFC 3339 time such as 2026-01-31T12:00:00Z".into())
}

/// A text that Tekton was to fill in and did not is a mistake, never a value.
pub(crate) fn reject_unresolved(text: &str) -> Result<(), String> {
    if text.contains("$(") {
        return Err(
            "holds an unresolved Tekton variable `$(...)`: the parameter or result that it names does not exist".into(),
        );
    }
    Ok(())
}

/// Any text without an unresolved variable.
pub(crate) fn plain(text: &str) -> Result<String, String> {
    reject_unresolved(text)?;
    Ok(text.to_owned())
}

/// `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    reject_unresolved(text)?;
    let (key, value) = text.split_once('=').ok_or("not of the form KEY=VALUE")?;
    let ok = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if key.is_empty() || !key.chars().all(ok) || key.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("`{key}` is not the name of an environment variable"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// The table of exit codes for `--help`.
fn exit_codes() -> String {
    let rows = Code::ALL.iter().map(|c| format!("  {:>3}  {}", c.number(), c.meaning()));
    format!("Exit codes:\n{}", rows.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_subcommand_tells_its_own_results() {
        assert_eq!(Command::results_of("image"), Some(IMAGE_RESULTS.as_slice()));
        assert_eq!(Command::results_of("goal"), Some(GOAL_RESULTS.as_slice()));
        assert_eq!(Command::results_of("apply"), Some(APPLY_RESULTS.as_slice()));
        for rolls in ["stage", "check", "walk", "roll-out", "settle"] {
            assert_eq!(Command::results_of(rolls), Some(RESULTS.as_slice()), "{rolls}");
        }
        assert_eq!([Command::results_of("status"), Command::results_of("rollout")], [None, None]);
    }

    #[test]
    fn unresolved_variables_are_never_values() {
        assert!(duration("$(params.dwell)").unwrap_err().contains("unresolved"));
        assert!(pair("A=$(params.a)").unwrap_err().contains("unresolved"));
        assert!(plain("$(tasks.x.results.y)").is_err());
    }

    #[test]
    fn durations_have_a_bound() {
        assert_eq!(duration("2m 30s"), Ok(Duration::from_secs(150)));
        assert!(duration("2M").unwrap_err().contains("month"));
        assert!(duration("5").is_err());
    }

    #[test]
    fn pairs_need_a_name() {
        assert_eq!(pair("A=b=c"), Ok(("A".into(), "b=c".into())));
        for bad in ["A", "=b", "1A=b", "A B=c"] {
            assert!(pair(bad).is_err(), "{bad}");
        }
    }
}

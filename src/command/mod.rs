//! The commands: from what was typed to goals, ports and an exit code.
//!
//! Decides what defaults mean here (in a pod, at a terminal). Depends on everything else; nothing depends on it.

mod image;
mod people;
mod rehearse;
mod report;
mod roll;
mod source;

use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Connect, Kube};
use crate::adapter::env::Environment;
use crate::adapter::tekton::{Results, directory};
use crate::cli::{Cli, ClusterArgs, Command, Output, OwnerArgs};
use crate::command::report::Lines;
use crate::machine::claim::{Asker, IfBusy};
use crate::model::event::{Event, Topic};
use crate::model::name::RevisionName;
use crate::model::name::RolloutId;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::owner::{Owner, OwnerKind};
use crate::run::ports::{Clock, Sink};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A command that ends before it begins.
#[derive(Debug)]
struct Stop(Box<Outcome>);

impl Stop {
    fn new(code: Code, what: impl Into<String>) -> Self {
        Self(Box::new(Outcome::new(code, what)))
    }

    fn bad_input(error: impl std::fmt::Display) -> Self {
        Self::new(Code::BadInput, error.to_string())
    }
}

pub use image::RESULTS as IMAGE_RESULTS;

/// The results that every rolling step declares, with their neutral values.
pub const RESULTS: [(&str, &str); 5] =
    [("outcome", "unknown"), ("revision", ""), ("digest", ""), ("rollout", ""), ("message", "")];

/// Runs one command to its end.
pub async fn run(cli: Cli) -> Code {
    let environment = Environment::of_process();
    let output = match &cli.command {
        Command::Image(args) => args.cluster.as_ref().map_or(Output::Text, |cluster| cluster.output),
        Command::Stage(args) => args.cluster.output,
        Command::Check(args) => args.cluster.output,
        Command::Walk(args) => args.cluster.output,
        Command::RollOut(args) => args.walk.cluster.output,
        Command::Settle(args) => args.cluster.output,
        Command::Status(args) => args.cluster.output,
        Command::Watch(args) => args.cluster.output,
        Command::Control(args) => args.cluster.output,
        Command::Plan(args) => args.cluster.output,
        Command::Rehearse(args) => args.output,
    };
    let mut lines = Lines::new(output);
    let results = match &cli.command {
        Command::Stage(args) => Some(&args.results),
        Command::Check(args) => Some(&args.results),
        Command::Walk(args) => Some(&args.results),
        Command::RollOut(args) => Some(&args.walk.results),
        Command::Settle(args) => Some(&args.results),
        Command::Image(_)
        | Command::Status(_)
        | Command::Watch(_)
        | Command::Control(_)
        | Command::Plan(_)
        | Command::Rehearse(_) => None,
    };
    let mut results = results.and_then(|args| begin_results(args.results.as_deref(), &mut lines));
    let ended = match cli.command {
        Command::Image(args) => return image::image(&args, &environment).await,
        Command::Stage(args) => roll::stage(&args, &environment, &mut lines).await,
        Command::Check(args) => roll::check(&args, &environment, &mut lines).await,
        Command::Walk(args) => roll::walk(&args, &environment, &mut lines).await,
        Command::RollOut(args) => roll::roll_out(&args, &environment, &mut lines).await,
        Command::Settle(args) => roll::settle(&args, &environment, &mut lines).await,
        Command::Status(args) => return people::status(&args, &environment).await,
        Command::Watch(args) => return people::watch(&args, &environment).await,
        Command::Control(args) => return people::control(&args, &environment).await,
        Command::Plan(args) => return people::plan(&args, &environment).await,
        Command::Rehearse(args) => match rehearse::rehearse(&args, &mut lines) {
            Ok(code) => return code,
            Err(stop) => Err(stop),
        },
    };
    let outcome = ended.unwrap_or_else(|Stop(outcome)| {
        lines.say(SystemClock.now(), &Event::new(Topic::End, outcome.line()));
        *outcome
    });
    if let Some(results) = &mut results {
        write_results(results, &outcome, &mut lines);
    }
    lines.outcome(&outcome);
    outcome.code
}

/// Arguments that cannot be read: a step that declares results still has to write them.
pub fn not_begun(arguments: &[OsString], error: &clap::Error) {
    const ROLLING: [&str; 5] = ["stage", "check", "walk", "roll-out", "settle"];
    let declared: &[(&str, &str)] = match arguments.get(1).and_then(|a| a.to_str()) {
        Some("image") => &image::RESULTS,
        Some(name) if ROLLING.contains(&name) => &RESULTS,
        _ => return,
    };
    let named = results_place(arguments);
    let text = error.to_string();
    let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    // What is wrong with the arguments is on the screen already; a result that cannot be written adds nothing.
    if let Ok(Some(mut results)) = Results::begin(&directory(named.as_deref(), declared), declared) {
        // Where no outcome is declared, none is written.
        let _ = results.set("outcome", Code::BadInput.word());
        let _ = results.set_text("message", what);
    }
}

/// What `--results PATH` or `--results=PATH` names, among arguments that cannot be read as a whole.
fn results_place(arguments: &[OsString]) -> Option<PathBuf> {
    let flags = || arguments.iter().take_while(|argument| *argument != "--");
    let joined = flags().map(|argument| argument.to_str()?.strip_prefix("--results=").map(PathBuf::from));
    let apart = flags().zip(flags().skip(1)).map(|(flag, path)| (flag == "--results").then(|| path.into()));
    joined.chain(apart).flatten().filter(|path: &PathBuf| !path.as_os_str().is_empty()).last()
}

fn begin_results(place: Option<&Path>, lines: &mut Lines) -> Option<Results> {
    match Results::begin(&directory(place, &RESULTS), &RESULTS) {
        Ok(results) => results,
        Err(error) => {
            lines.say(SystemClock.now(), &Event::new(Topic::Note, error.to_string()));
            None
        }
    }
}

fn write_results(results: &mut Results, outcome: &Outcome, lines: &mut Lines) {
    let values = [
        ("outcome", outcome.word),
        ("revision", outcome.candidate.as_ref().map_or("", RevisionName::as_str)),
        ("digest", outcome.digest.as_deref().unwrap_or_default()),
        ("rollout", outcome.rollout.as_ref().map_or("", RolloutId::as_str)),
    ];
    let written = values.into_iter().try_for_each(|(name, value)| results.set(name, value));
    if let Err(error) = written.and_then(|()| results.set_text("message", &outcome.what)) {
        // The rollout is what counts; a result that does not fit must not change how it ends.
        lines.say(SystemClock.now(), &Event::new(Topic::Note, error.to_string()));
    }
}

/// Connects as the flags and the environment say.
fn connect(args: &ClusterArgs, environment: &Environment) -> Result<Kube, Stop> {
    let settings = Connect {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespace: args.namespace.clone(),
        call_limit: args.request_timeout,
        ..Connect::default()
    };
    Kube::connect(&settings, environment).map_err(Stop::bad_input)
}

/// Who acts: the run that this pod belongs to, else the person at the terminal.
fn owner(environment: &Environment) -> Result<Owner, Stop> {
    let run = environment.run().map_err(Stop::bad_input)?;
    Ok(run.unwrap_or_else(|| {
        let name = environment.person();
        Owner { kind: OwnerKind::Person, uid: name.clone(), name }
    }))
}

/// Who asks, since when, and how insistently.
async fn asker(args: &OwnerArgs, kube: &Kube, environment: &Environment) -> Result<Asker, Stop> {
    let owner = owner(environment)?;
    let intent = match args.intent_at {
        Some(at) => at,
        None if owner.kind == OwnerKind::Person => SystemClock.now(),
        None => kube.run_created(&owner).await.unwrap_or_else(|| SystemClock.now()),
    };
    let default = if owner.kind == OwnerKind::Person { IfBusy::Fail } else { IfBusy::Supersede };
    let if_busy = args.if_busy.map_or(default, IfBusy::from);
    Ok(Asker { owner, intent, if_busy, force: args.force })
}

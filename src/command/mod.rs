//! The commands: from what was typed to goals, ports and an exit code.
//!
//! Decides what defaults mean here (in a pod, at a terminal), and which adapters stand behind the ports. It may use
//! every other room, and only `main` uses it. Begin reading with [`run`].

mod apply;
mod began;
mod care;
mod declare;
mod declared;
mod export;
mod goal;
mod image;
mod patient;
mod people;
mod posts;
mod rehearse;
mod replay;
mod report;
mod roll;
mod settle;
mod source;
mod start;

use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Connect, Kube};
use crate::adapter::env::Environment;
use crate::adapter::tekton::{ONE_STEP, Results, directory};
use crate::cli::{Cli, ClusterArgs, Command, OwnerArgs, RESULTS, ReachArgs, StepResults};
use crate::command::report::Lines;
use crate::machine::claim::{Asker, IfBusy};
use crate::model::event::{Event, Topic};
use crate::model::name::RolloutId;
use crate::model::name::{Namespace, RevisionName};
use crate::model::outcome::{Code, Outcome};
use crate::model::time::words;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::run::ports::{Clock, Sink};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

pub use rehearse::rehearsed;

/// How a subcommand ended.
enum Ended {
    /// As a step of a rollout: its outcome goes into results, the last line and the exit code.
    Step(Result<Outcome, Stop>),
    /// As a question, which has said itself what it found.
    Question(Code),
}

impl From<Result<Outcome, Stop>> for Ended {
    fn from(ended: Result<Outcome, Stop>) -> Self {
        Self::Step(ended)
    }
}

impl From<Code> for Ended {
    fn from(code: Code) -> Self {
        Self::Question(code)
    }
}

impl From<Result<Code, Stop>> for Ended {
    fn from(ended: Result<Code, Stop>) -> Self {
        ended.map_or_else(|stop| Self::Step(Err(stop)), Self::Question)
    }
}

/// The list of subcommands: what was typed, and who does it.
async fn perform(command: Command, environment: &Environment, lines: &mut Lines) -> Ended {
    match command {
        Command::Image(args) => image::image(&args, environment).await.into(),
        Command::Stage(args) => roll::stage(&args, environment, lines).await.into(),
        Command::Check(args) => roll::check(&args, environment, lines).await.into(),
        Command::Walk(args) => Box::pin(roll::walk(&args, environment, lines)).await.into(),
        // Boxed, because it holds two machines' ways at once and would else be the largest part of every command.
        Command::RollOut(args) => Box::pin(roll::roll_out(&args, environment, lines)).await.into(),
        Command::Settle(args) => settle::settle(&args, environment, lines).await.into(),
        Command::Status(args) => people::status(&args, environment).await.into(),
        Command::Watch(args) => people::watch(&args, environment).await.into(),
        Command::Control(args) => people::control(&args, environment).await.into(),
        Command::Goal(args) => goal::goal(&args, environment).await.into(),
        Command::Start(args) => start::start(&args, environment).await.into(),
        Command::Declare(args) => declare::declare(&args, environment, lines).await.into(),
        Command::Adopt(args) => care::adopt(&args, environment, lines).await.into(),
        Command::Detach(args) => care::detach(&args, environment, lines).await.into(),
        Command::Plan(args) => people::plan(&args, environment).await.into(),
        Command::Export(args) => export::export(&args, environment).await.into(),
        Command::Apply(args) => apply::apply(&args, environment, lines).await.into(),
        Command::Rehearse(args) => rehearse::rehearse(&args, lines).into(),
    }
}

/// Runs one command to its end.
pub async fn run(cli: Cli) -> Code {
    let environment = Environment::of_process();
    let args = cli.command.args();
    let mut lines = Lines::new(args.output());
    let mut results = args.results().and_then(|args| begin_results(args.results.as_deref(), &mut lines));
    if args.is_of_several() {
        results = results.map(|results| results.with_room(ONE_STEP));
    }
    let typed = cli.typed.clone();
    let ended = match declared::complete(cli, &environment, &mut lines).await {
        Ok(cli) => Box::pin(perform(cli.command, &environment, &mut lines)).await,
        Err(Stop(outcome)) if results.is_none() && results_of(&typed).is_some_and(|names| names != RESULTS) => {
            report::complain(&format!("andante: {}", outcome.line()));
            write_message(&typed, &outcome.line());
            Ended::Question(outcome.code)
        }
        Err(stop) => Ended::Step(Err(stop)),
    };
    let ended = match ended {
        Ended::Step(ended) => ended,
        Ended::Question(code) => return code,
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

/// The results that the subcommand of these arguments declares; none where it declares none.
fn results_of(arguments: &[OsString]) -> Option<StepResults> {
    Command::results_of(arguments.get(1)?.to_str()?)
}

/// Writes the results of a step whose arguments cannot be read: it declares them, so it still has to write them.
pub fn not_begun(arguments: &[OsString], error: &clap::Error) {
    let text = error.to_string();
    write_message(arguments, text.lines().next().unwrap_or_default().trim_start_matches("error: "));
}

/// Every declared result, of which the message alone says something.
fn write_message(arguments: &[OsString], what: &str) {
    let Some(declared) = results_of(arguments) else { return };
    let named = results_place(arguments);
    // The screen shows it already; a result that cannot be written adds nothing.
    if let Ok(Some(mut results)) = Results::begin(&directory(named.as_deref(), declared), declared) {
        // `image` and `goal` declare no outcome, so none is written then.
        let _ = results.set("outcome", Code::BadInput.word());
        let _ = results.set_text("message", what);
    }
}

/// What `--results PATH` or `--results=PATH` names, among arguments that cannot be read as a whole.
fn results_place(arguments: &[OsString]) -> Option<PathBuf> {
    // Words after `--` are no flags.
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
        // A result that does not fit must not change how a rollout ends.
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
    connect_to(&settings, environment)
}

/// The same for a command that is about many Services.
fn reach(args: &ReachArgs, namespace: Option<&Namespace>, environment: &Environment) -> Result<Kube, Stop> {
    let settings = Connect {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespace: namespace.cloned(),
        call_limit: args.request_timeout,
        ..Connect::default()
    };
    connect_to(&settings, environment)
}

/// Connects as these settings and the environment say.
fn connect_to(settings: &Connect, environment: &Environment) -> Result<Kube, Stop> {
    Kube::connect(settings, environment).map_err(Stop::bad_input)
}

/// Who acts: the run that this pod belongs to, else the person at the terminal.
fn owner(environment: &Environment) -> Result<Owner, Stop> {
    let run = environment.run().map_err(Stop::bad_input)?;
    Ok(run.unwrap_or_else(|| {
        let name = environment.person();
        Owner { kind: OwnerKind::Person, uid: name.clone(), name }
    }))
}

/// Says whose clock counts, where this machine's is another one.
fn say_clock(lines: &mut Lines) {
    let Some(ahead) = SystemClock::ahead() else { return };
    let by = words(Duration::from_secs(ahead.unsigned_abs().as_secs()));
    let how = if ahead.is_negative() { "behind" } else { "ahead of" };
    let what = format!("this machine's clock is {by} {how} the API server's; every time here is the server's");
    lines.say(SystemClock.now(), &Event::new(Topic::Note, what));
}

/// Who asks, since when, and how insistently.
async fn asker(
    args: &OwnerArgs,
    cluster: &ClusterArgs,
    kube: &Kube,
    environment: &Environment,
    lines: &mut Lines,
) -> Result<Asker, Stop> {
    let owner = owner(environment)?;
    // The intent is as old as the run, not as its build or this pod, so that the newest push wins (docs/protocol.md,
    // rule 2).
    let intent = match args.intent_at {
        Some(at) => {
            kube.set_clock().await;
            at
        }
        None if owner.kind == OwnerKind::Person => {
            // A person whose clock runs ahead would else hold the newest intent for as long.
            kube.set_clock().await;
            SystemClock.now()
        }
        None => match began::run_began(cluster, kube, &owner).await {
            Ok(created) => created,
            Err(error) => began::intent_without_run(&owner, &error, environment, lines),
        },
    };
    say_clock(lines);
    // A person is told that somebody is at it; a newer run takes over, because its intent is newer.
    let default = if owner.kind == OwnerKind::Person { IfBusy::Fail } else { IfBusy::Supersede };
    let if_busy = args.if_busy.map_or(default, IfBusy::from);
    Ok(Asker { owner, intent, if_busy, force: args.force })
}

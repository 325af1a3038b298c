//! `andante start`: makes the run that a Service's goal names, and marks the Service.
//!
//! Decides what is said, and the exit code; [`crate::rollout::start`] decides whether a run is due and what it looks like, and
//! [`crate::run::start`] makes it. It may use every room.

mod all;
mod rows;
mod wait;

use super::people::{absent, failed};
use super::posts::poster;
use super::report;
use super::{Stop, connect};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Kube, Poster};
use crate::adapter::env::Environment;
use crate::cli::{ClusterArgs, OlderArg, Output, StartArgs};
use crate::command::report::Lines;
use crate::model::api_error::ApiError;
use crate::model::name::ServiceName;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::goal_status::{StartedRun, StatusSeen};
use crate::rollout::start::decide::{Idle, called};
use crate::rollout::start::table::RunTable;
use crate::run::asking::PATIENCE;
use crate::run::start::act::{ActOptions, Acted, Actor};
use crate::run::start::look::{Looked, look};
use serde_json::{Value, json};
use std::time::Duration;

/// How often it is looked again where somebody else was faster.
const TRIES: usize = 5;

/// How the flags say that it is acted, with this patience.
fn options(args: &StartArgs, patience: Duration) -> ActOptions {
    let cancel_older = args.older == OlderArg::Cancel;
    ActOptions { dry_run: args.dry_run, cancel_older, keep: args.keep, patience }
}

/// `andante start`.
pub(super) async fn start(args: &StartArgs, environment: &Environment) -> Code {
    let ended = match &args.service {
        Some(service) => one(args, service, environment).await,
        None => all::all(args, environment).await,
    };
    match ended {
        Ok(code) => code,
        Err(Stop(outcome)) => refuse(args.output, &outcome),
    }
}

/// Says why it ended early.
fn refuse(output: Output, outcome: &Outcome) -> Code {
    if output == Output::Text {
        for (at, line) in outcome.line().split('\n').enumerate() {
            report::complain(&if at == 0 { format!("andante: {line}") } else { format!("  {line}") });
        }
    }
    Lines::new(output).outcome(outcome);
    outcome.code
}

async fn one(args: &StartArgs, service: &ServiceName, environment: &Environment) -> Result<Code, Stop> {
    let cluster = args.cluster(service.clone());
    let kube = connect(&cluster, environment)?;
    let poster = poster(&args.events, &kube, environment);
    let ended = acted(args, &cluster, (&kube, &poster)).await;
    poster.close().await;
    ended
}

async fn acted(args: &StartArgs, cluster: &ClusterArgs, (kube, poster): (&Kube, &Poster)) -> Result<Code, Stop> {
    let service = &cluster.service;
    // Sets the clock as well: the status tells a time.
    let table = rows::table(args.reach.patience, kube, &args.system_namespace).await?;
    let patience = PATIENCE.min(args.reach.patience);
    let actor = Actor { options: options(args, patience), cluster: kube, clock: &SystemClock, poster };
    let mut named = None;
    for _ in 0..TRIES {
        let looked = match look(patience, kube, service, &table).await {
            Err(ApiError::NotFound(_)) => return Err(absent(cluster, kube)),
            looked => looked.map_err(|error| failed(&error))?,
        };
        // Another run was asked for once: where it stands there by now, it is the one.
        let run = StatusSeen::of(&looked.service).into_status().and_then(|status| status.run);
        let again = args.again && (named.is_none() || run.map(|run| run.name) != named);
        match actor.act(&looked, again).await.map_err(|error| failed(&error))? {
            // What was read is not so any more.
            Acted::Overtaken(run) => named = run.or(named),
            acted => {
                let started = tell(args, kube, &looked, acted)?;
                return finish(args, &actor, &table, (service, started)).await;
            }
        }
    }
    let what = format!("{service} changed {TRIES} times while it was looked at");
    Err(Stop(Box::new(Outcome::new(Code::TakenOver, what).next("ask again when whoever edits it is done"))))
}

/// Says what was done; the run that there is for the goal.
fn tell(args: &StartArgs, kube: &Kube, looked: &Looked, acted: Acted) -> Result<Option<StartedRun>, Stop> {
    let (outcome, started) = match acted {
        Acted::Dry(object, notes) => {
            for note in &notes {
                report::complain(&format!("andante: {note}"));
            }
            match args.output {
                Output::Text => {
                    let text = serde_json::to_string_pretty(&object).unwrap_or_default();
                    text.lines().for_each(|line| {
                        report::show(line);
                    });
                }
                Output::Json => report::line(&object.to_string()),
            }
            return Ok(None);
        }
        Acted::Faults(faults) => {
            let what = format!("what Service {} declares cannot be acted on", looked.service.name);
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let text = if lines.len() == 1 {
                format!("{what}: {}", lines.concat())
            } else {
                format!("{what}:\n{}", lines.join("\n"))
            };
            return Err(Stop::new(Code::BadInput, text));
        }
        Acted::Nothing(Idle::StillRuns(run)) => {
            let what = Idle::StillRuns(run).words(looked.service.name.as_str());
            return Err(Stop(Box::new(Outcome::new(Code::Busy, what).next("wait for its end, or cancel it"))));
        }
        Acted::Nothing(idle) | Acted::Marked(idle) => {
            let run = match &idle {
                Idle::Started(run, _) => Some(run.clone()),
                _ => None,
            };
            let next = match &idle {
                Idle::Started(_, Some(state)) if state.is_over() => {
                    format!(
                        "`andante start {} -n {} --again` starts another one",
                        looked.service.name,
                        kube.namespace()
                    )
                }
                _ => String::new(),
            };
            (Outcome::new(Code::Done, idle.words(looked.service.name.as_str())).word("unchanged").next(next), run)
        }
        Acted::Started { run, what, notes } => {
            for note in &notes {
                report::complain(&format!("andante: {note}"));
            }
            (Outcome::new(Code::Done, what).word("started"), Some(run))
        }
        Acted::Overtaken(_) => return Ok(None),
    };
    show(args.output, &outcome, started.as_ref());
    Ok(started)
}

/// Waits for the run, if that is wanted.
async fn finish(
    args: &StartArgs,
    actor: &Actor<'_, Kube, SystemClock>,
    table: &RunTable,
    (service, run): (&ServiceName, Option<StartedRun>),
) -> Result<Code, Stop> {
    let Some(run) = run.filter(|_| args.wait) else { return Ok(Code::Done) };
    report::complain(&format!("andante: waiting for {}", called(&run)));
    let outcome = wait::wait(actor, args.reach.patience, table, (service, &run)).await?;
    if outcome.code == Code::Done {
        show(args.output, &outcome, Some(&run));
        return Ok(Code::Done);
    }
    Err(Stop(Box::new(outcome)))
}

fn show(output: Output, outcome: &Outcome, run: Option<&StartedRun>) {
    let run = run.map_or(Value::Null, |run| json!({"kind": run.kind, "name": run.name}));
    match output {
        Output::Text => {
            report::show(&outcome.line());
        }
        Output::Json => report::line(
            &json!({"outcome": outcome.word, "code": outcome.code.number(), "text": outcome.what, "next": outcome.next, "run": run})
                .to_string(),
        ),
    }
}

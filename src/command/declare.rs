//! `andante declare`: another declaration on a Service that has one.
//!
//! Decides how often a refused write is tried again; [`crate::machine::care::declare`] decides what is written. It may use every room.

use super::patient::answered;
use super::people::{absent, failed};
use super::{Stop, connect};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::cli::DeclareArgs;
use crate::command::report::Lines;
use crate::machine::care::declare::{Declaring, declare as declaring};
use crate::machine::care::denied_in_care;
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Topic};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::run::ports::{Clock, Cluster, Sink};
use crate::run::watch::delays;
use std::time::Duration;

/// How often a write is tried while others are faster or its answer is lost.
const TRIES: usize = 8;

/// Declares it, and says what comes of it.
pub(super) async fn declare(args: &DeclareArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let declares = args.declaration.declares().map_err(Stop::bad_input)?;
    if declares.is_empty() {
        return Err(Stop::bad_input(
            "nothing is given that could be declared: name a part of it, such as --source-revision",
        ));
    }
    let kube = connect(&args.cluster, environment)?;
    let cluster = kube.service(args.cluster.service.clone());
    let mut say = |topic: Topic, text: String| lines.say(SystemClock.now(), &Event::new(topic, text));
    let mut pauses = delays();
    for _ in 0..TRIES {
        let service = look(args, &kube).await?;
        let Declaring { patch, changes, notes, mut end } = declaring(&service, &declares).map_err(Stop)?;
        for note in notes {
            say(Topic::Note, note);
        }
        let tried = match patch {
            Some(_) if args.dry_run => {
                for change in changes {
                    say(Topic::Note, change);
                }
                end = Outcome::new(Code::Done, "a dry run: nothing was written");
                Ok(())
            }
            Some(patch) => cluster.declare(&patch).await.map(drop),
            None => Ok(()),
        };
        match tried {
            Ok(()) => {
                say(Topic::End, end.line());
                return Ok(end);
            }
            // Somebody else declared meanwhile, or nobody knows whether this was written: what stands there says.
            Err(error @ (ApiError::Refused(_) | ApiError::Server { .. } | ApiError::Unreachable(_))) => {
                say(Topic::Note, format!("{error}; looking again"));
                tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(1))).await;
            }
            Err(error) => return Err(Stop(Box::new(denied_in_care(&error)))),
        }
    }
    let what = format!("{TRIES} writes in a row did not get through to {}", args.cluster.service);
    Err(Stop(Box::new(Outcome::new(Code::Unreachable, what).next("run the same again"))))
}

async fn look(args: &DeclareArgs, kube: &Kube) -> Result<Service, Stop> {
    let cluster = kube.service(args.cluster.service.clone());
    match answered(&args.cluster, async || cluster.service().await).await {
        Err(ApiError::NotFound(_)) => Err(absent(&args.cluster, kube)),
        Err(error) => Err(failed(&error)),
        Ok(object) => Service::from_json(&object).map_err(|error| Stop::new(Code::BadState, error.to_string())),
    }
}

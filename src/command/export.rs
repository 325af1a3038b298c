//! `andante export`: Services as files for Git. Everything is read before the first file is written.
//!
//! Decides who is asked, and which failures leave a file complete instead of missing. [`crate::view::export`] decides what stands
//! in a file. It may use every room.

use super::patient::answered_within;
use super::people::failed;
use super::{Stop, reach};
use crate::adapter::cluster::{KnativeService, Kube};
use crate::adapter::env::Environment;
use crate::adapter::folder::{Put, put_all};
use crate::cli::ExportArgs;
use crate::command::report;
use crate::model::api_error::ApiError;
use crate::model::name::ServiceName;
use crate::model::outcome::{Code, Outcome};
use crate::run::ports::Cluster;
use crate::view::export::{Draft, printed};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// A person who asks a question wants to know soon that nobody answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Service's file, as text.
struct FileText {
    service: String,
    text: String,
}

/// Writes the files, or prints them.
pub(super) async fn export(args: &ExportArgs, environment: &Environment) -> Code {
    match of_services(args, environment).await {
        Ok(()) => Code::Done,
        Err(Stop(outcome)) => {
            report::complain(&format!("andante: {}", outcome.line()));
            outcome.code
        }
    }
}

async fn of_services(args: &ExportArgs, environment: &Environment) -> Result<(), Stop> {
    let kube = reach(&args.reach, args.namespace.as_ref(), environment)?;
    let mut written = Vec::new();
    for object in objects(args, &kube).await? {
        written.extend(write(args, &kube, object).await?);
    }
    if let Some(folder) = &args.output_dir {
        return put(folder, &written);
    }
    let texts: Vec<&str> = written.iter().map(|file| file.text.as_str()).collect();
    report::raw(&texts.join("---\n"));
    Ok(())
}

fn patience(args: &ExportArgs) -> Duration {
    PATIENCE.min(args.reach.patience)
}

/// The Services that are meant, by name.
async fn objects(args: &ExportArgs, kube: &Kube) -> Result<Vec<Value>, Stop> {
    if args.all {
        let all = answered_within(patience(args), async || kube.services(Some).await).await;
        let mut all = all.map_err(|e| failed(&e))?;
        all.sort_by(|one, other| name(one).cmp(name(other)));
        if all.is_empty() {
            report::complain(&format!("andante: there is no Service in namespace {}", kube.namespace()));
        }
        return Ok(all);
    }
    let mut objects = Vec::new();
    for service in args.services.iter().collect::<BTreeSet<_>>() {
        let cluster = kube.service(service.clone());
        let object = answered_within(patience(args), async || cluster.service().await).await;
        objects.push(object.map_err(|error| match error {
            ApiError::NotFound(_) => absent(service, kube),
            error => failed(&error),
        })?);
    }
    Ok(objects)
}

fn absent(service: &ServiceName, kube: &Kube) -> Stop {
    let what = format!("there is no Service {service} in namespace {}; nothing was written", kube.namespace());
    let next = "name its namespace with -n, or take all that are there with --all";
    Stop(Box::new(Outcome::new(Code::BadState, what).next(next)))
}

fn name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

/// One Service as a file; none of one that is on its way out while all are asked for.
async fn write(args: &ExportArgs, kube: &Kube, object: Value) -> Result<Option<FileText>, Stop> {
    let service: ServiceName = name(&object).parse().map_err(Stop::bad_input)?;
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        let what = format!("Service {service} is being deleted");
        if args.all {
            report::complain(&format!("andante: {what}, so there is no file of it"));
            return Ok(None);
        }
        return Err(Stop::new(Code::BadState, format!("{what}; nothing was written")));
    }
    let cluster = kube.service(service.clone());
    let mut draft = Draft::of(object, args.handover());
    ask(args, &cluster, &mut draft).await?;
    let file = draft.file();
    for note in &file.notes {
        report::complain(&format!("andante: {service}: {note}"));
    }
    Ok(Some(FileText { service: service.to_string(), text: printed(&file.object, &file.remarks) }))
}

/// Asks the server what it fills in, by dry runs, until nothing is left to be asked.
async fn ask(args: &ExportArgs, cluster: &KnativeService, draft: &mut Draft) -> Result<(), Stop> {
    while let Some(template) = draft.question() {
        let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
        match answered_within(patience(args), async || cluster.would_store(&patch).await).await {
            Ok(stored) => draft.answered(stored.pointer("/spec/template").unwrap_or(&Value::Null)),
            // A file that says more than it had to is a good file.
            Err(
                error @ (ApiError::Forbidden(_) | ApiError::Withdrawn(_) | ApiError::Invalid(_) | ApiError::Refused(_)),
            ) => {
                draft.unanswered(error.to_string());
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(())
}

/// Writes the files and says what became of each.
fn put(folder: &Path, written: &[FileText]) -> Result<(), Stop> {
    let files: Vec<(String, String)> =
        written.iter().map(|file| (format!("{}.yaml", file.service), file.text.clone())).collect();
    let puts = put_all(folder, &files).map_err(Stop::bad_input)?;
    for ((name, _), put) in files.iter().zip(&puts) {
        let word = match put {
            Put::New => "new",
            Put::Changed => "changed",
            Put::Same => "unchanged",
        };
        report::show(&format!("{}: {word}", folder.join(name).display()));
    }
    Ok(())
}

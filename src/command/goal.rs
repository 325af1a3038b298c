//! `andante goal`: what a Service declares, from one look at the cluster or from a file. Writes nothing.
//!
//! Decides which results it has, and that a declaration which cannot be read is a mistake of its owner's, told whole.
//! [`crate::rollout::declaration`] decides what is declared, [`crate::view::goal`] how it is shown, [`handed`] what a run makes of
//! it that was given some of its parameters. It may use every room.

mod handed;

use super::patient::answered;
use super::people::{absent, failed};
use super::report;
use super::{Stop, connect};
use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::adapter::manifest;
use crate::adapter::tekton::{BadResult, Results, directory};
use crate::cli::{ClusterArgs, GOAL_RESULTS, GoalArgs, Output};
use crate::model::api_error::ApiError;
use crate::model::name::ServiceName;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::declaration::charge::InCharge;
use crate::rollout::declaration::fault::Fault;
use crate::rollout::declaration::image::DeclaredRepository;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::read::{Declaration, Stated};
use crate::rollout::declaration::source::{SourcePath, SourceRevision};
use crate::rollout::declaration::suspend::Suspended;
use crate::run::ports::Cluster;
use crate::view::goal::GoalSeen;
use serde_json::{Value, json};
use std::path::Path;

/// Why there is no goal to be told.
enum NoGoal {
    /// The declaration cannot be read.
    Faults(Vec<Fault>),
    /// Something else.
    Stopped(Stop),
}

impl From<Stop> for NoGoal {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// A Service, and what is known beside it.
struct FoundService {
    object: Value,
    namespace: Option<String>,
    suspended: Option<Suspended>,
    notes: Vec<String>,
}

/// `andante goal`.
pub(super) async fn goal(args: &GoalArgs, environment: &Environment) -> Code {
    let mut results = match begin(args) {
        Ok(results) => results,
        Err(stop) => return refuse(args.cluster.output, None, &stop.0),
    };
    match tell(args, environment, results.as_mut()).await {
        Ok(()) => Code::Done,
        Err(no) => {
            let (faults, outcome) = match no {
                NoGoal::Faults(faults) => {
                    let outcome = Outcome::new(Code::BadInput, unreadable(&args.cluster.service, &faults));
                    (Some(faults), outcome)
                }
                NoGoal::Stopped(Stop(outcome)) => (None, *outcome),
            };
            if let Some(results) = &mut results {
                // The log has the reason as well, so a result that cannot be written adds nothing.
                let _ = results.set_text("message", &outcome.line());
            }
            refuse(args.cluster.output, faults.as_deref(), &outcome)
        }
    }
}

/// Every declared result with its neutral value, where this is a step.
fn begin(args: &GoalArgs) -> Result<Option<Results>, Stop> {
    let place = args.results.results.as_deref();
    let declared = if handed::asks(args) { handed::results(args) } else { GOAL_RESULTS.to_vec() };
    let directory = directory(place, &declared);
    if place.is_some() && !directory.is_dir() {
        return Err(Stop::bad_input(format!("--results: there is no directory {}", directory.display())));
    }
    Results::begin(&directory, &declared).map_err(Stop::bad_input)
}

async fn tell(args: &GoalArgs, environment: &Environment, results: Option<&mut Results>) -> Result<(), NoGoal> {
    if handed::asks(args) {
        return handed::tell(args, environment, results).await;
    }
    let found = find(args, environment).await?;
    let declared = Stated::of_json(&found.object).read().map_err(NoGoal::Faults)?;
    if let Some(results) = results {
        // A step that reads an empty result would build or move something else than was declared.
        write(results, &declared).map_err(Stop::bad_input)?;
    }
    let seen = GoalSeen {
        service: args.cluster.service.as_str(),
        namespace: found.namespace.as_deref(),
        of_file: args.file.is_some(),
        declared: &declared,
        namespace_suspended: found.suspended.as_ref(),
        notes: &found.notes,
    };
    match args.cluster.output {
        Output::Text => {
            for line in seen.lines() {
                report::show(&line);
            }
        }
        Output::Json => report::line(&seen.json().to_string()),
    }
    Ok(())
}

async fn find(args: &GoalArgs, environment: &Environment) -> Result<FoundService, NoGoal> {
    if let Some(file) = &args.file {
        let object = of_file(args, file)?;
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).map(str::to_owned);
        return Ok(FoundService { object, namespace, suspended: None, notes: Vec::new() });
    }
    let kube = connect(&args.cluster, environment)?;
    let object = of_cluster(&args.cluster, &kube).await?.ok_or_else(|| absent(&args.cluster, &kube))?;
    let mut notes = Vec::new();
    let suspended = namespace_suspends(args, &kube, &mut notes).await?;
    Ok(FoundService { object, namespace: Some(kube.namespace().to_string()), suspended, notes })
}

/// The Service as a file has it.
fn of_file(args: &GoalArgs, file: &Path) -> Result<Value, Stop> {
    let mut object = manifest::read_named(file, args.cluster.service.as_str()).map_err(Stop::bad_input)?;
    let namespace = args.cluster.namespace.as_ref();
    if let (Some(namespace), Some(metadata)) = (namespace, object.get_mut("metadata").and_then(Value::as_object_mut)) {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    Ok(object)
}

/// The Service as the cluster has it, if it is there.
async fn of_cluster(cluster: &ClusterArgs, kube: &Kube) -> Result<Option<Value>, Stop> {
    let service = kube.service(cluster.service.clone());
    match answered(cluster, async || service.service().await).await {
        Ok(object) => Ok(Some(object)),
        Err(ApiError::NotFound(_)) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// What the namespace says of suspension. The right to read it is optional: most runs do without.
async fn namespace_suspends(
    args: &GoalArgs,
    kube: &Kube,
    notes: &mut Vec<String>,
) -> Result<Option<Suspended>, NoGoal> {
    let part = DeclaredPart::Suspend;
    let annotations = match answered(&args.cluster, async || kube.namespace_annotations().await).await {
        Ok(annotations) => annotations,
        Err(ApiError::Forbidden(why)) => {
            notes.push(format!("whether the namespace is suspended is not known: {why}"));
            return Ok(None);
        }
        Err(error) => return Err(failed(&error).into()),
    };
    let Some(text) = annotations.get(part.annotation()).and_then(Value::as_str) else { return Ok(None) };
    Suspended::read(text).map_err(|why| NoGoal::Faults(vec![Fault::of_namespace(part, text, why)]))
}

fn write(results: &mut Results, declared: &Declaration) -> Result<(), BadResult> {
    let source = declared.source.as_ref();
    let params = serde_json::to_string(&declared.params).unwrap_or_default();
    let share = declared.share.get().to_string();
    let pipeline = declared.in_charge.as_ref().map(InCharge::short).unwrap_or_default();
    let revision = source.and_then(|source| source.revision.as_ref());
    // A build's folder; where nobody names one, it is the whole repository.
    let path = source.map(|source| source.path.as_ref().map_or(".", SourcePath::as_str));
    let values = [
        ("goal", declared.id.as_str()),
        ("git-url", source.map(|source| source.url.as_str()).unwrap_or_default()),
        ("git-revision", revision.map(SourceRevision::as_str).unwrap_or_default()),
        ("context", path.unwrap_or_default()),
        ("repository", declared.image_repository.as_ref().map(DeclaredRepository::as_str).unwrap_or_default()),
        ("container", declared.container.as_deref().unwrap_or_default()),
        ("traffic", &share),
        ("pipeline", &pipeline),
        ("params", &params),
    ];
    results.set_all(&values)?;
    results.set_text("message", &format!("goal {}", declared.id))
}

/// Every fault, each on a line of its own.
pub(super) fn unreadable(service: &ServiceName, faults: &[Fault]) -> String {
    match faults {
        [one] => format!("what Service {service} declares cannot be read: {one}"),
        many => {
            let lines: Vec<String> = many.iter().map(ToString::to_string).collect();
            format!("what Service {service} declares cannot be read ({} faults):\n{}", many.len(), lines.join("\n"))
        }
    }
}

/// Says why there is no goal.
fn refuse(output: Output, faults: Option<&[Fault]>, outcome: &Outcome) -> Code {
    match output {
        Output::Text => {
            for (at, line) in outcome.line().split('\n').enumerate() {
                report::complain(&if at == 0 { format!("andante: {line}") } else { format!("  {line}") });
            }
        }
        Output::Json => report::line(
            &json!({
                "outcome": outcome.word,
                "code": outcome.code.number(),
                "text": outcome.what,
                "next": outcome.next,
                "faults": faults.unwrap_or_default(),
            })
            .to_string(),
        ),
    }
    outcome.code
}

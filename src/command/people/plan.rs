//! `andante plan`: the splits of a rollout, from a file or from one look at the cluster. Writes nothing.
//!
//! Decides what a file without a status lacks. [`crate::view::plan`] decides what is shown.

use super::{absent, look};
use crate::adapter::env::Environment;
use crate::adapter::manifest;
use crate::cli::{Output, PlanArgs};
use crate::command::report;
use crate::command::roll::tags;
use crate::command::{Stop, connect};
use crate::machine::world::World;
use crate::model::outcome::Code;
use crate::rollout::plan::Plan;
use crate::rollout::plan::PlanOptions;
use crate::run::asking::holder_of;
use crate::run::ports::Cluster;
use crate::run::watch::service::see_service;
use crate::view::plan::{PlanQuestion, Preview, compose, lines::lines};
use serde_json::{Value, json};

/// Shows the plan; the code says whether it could begin now.
pub(super) async fn plan(args: &PlanArgs, environment: &Environment) -> Result<Code, Stop> {
    let asked = PlanQuestion {
        tags: tags(&args.tags, &args.cluster)?,
        plan: asked_plan(&args.plan.options())?,
        stable: args.stable.clone(),
        from_file: args.file.is_some(),
    };
    let preview = if let Some(file) = &args.file {
        let object = manifest::read_named(file, args.cluster.service.as_str()).map_err(Stop::bad_input)?;
        let mut world = World::default();
        see_service(&mut world, &identified(object)).map_err(Stop::bad_input)?;
        composed(&asked, &world)?
    } else {
        let kube = connect(&args.cluster, environment)?;
        let cluster = kube.service(args.cluster.service.clone());
        let mut world = look(&cluster, &args.cluster).await?;
        if world.service().is_none() {
            return Err(absent(&args.cluster, &kube));
        }
        let mut preview = composed(&asked, &world)?;
        while let Some(name) = preview.unasked.take() {
            let get = async |kind| cluster.named(kind, &name).await;
            let holder = holder_of(Some(&args.cluster.service), get).await;
            world.names.insert(name, holder);
            preview = composed(&asked, &world)?;
        }
        preview
    };
    match args.cluster.output {
        Output::Text => {
            for line in lines(&preview) {
                report::show(&line);
            }
        }
        Output::Json => report::line(&json_of(&preview)),
    }
    Ok(if preview.refusals.is_empty() { Code::Done } else { Code::BadState })
}

fn composed(asked: &PlanQuestion, world: &World) -> Result<Preview, Stop> {
    let Some(service) = world.service() else { return Err(Stop::new(Code::Internal, "a Service that was not seen")) };
    compose(asked, world, service).map_err(Stop)
}

/// The plan that the flags ask for; none where they say nothing but what is usual.
fn asked_plan(options: &PlanOptions) -> Result<Option<Plan>, Stop> {
    let says_something = *options != PlanOptions::default();
    says_something.then(|| Plan::new(options)).transpose().map_err(Stop::bad_input)
}

fn json_of(preview: &Preview) -> String {
    serde_json::to_value(preview).unwrap_or_default().to_string()
}

/// Gives a manifest an identity and a generation, which it lacks where no cluster has seen it. No write comes of it, so
/// any values do.
fn identified(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.entry("uid").or_insert(json!("none"));
        metadata.entry("generation").or_insert(json!(1));
    }
    object
}

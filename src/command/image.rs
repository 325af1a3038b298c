//! `andante image` and `andante image resolve`: what was typed, the checkout, the cluster's defaults and the registry,
//! brought together. [`crate::image`] decides what a reference is made of; this file decides which question is asked,
//! and whether a build is needed.
//!
//! The reference alone goes to standard output, and everything else goes to standard error, so that a shell may write
//! `$(andante image ...)` for a reference; with `--output json` everything is one object on standard output.

mod answer;
mod ask;
mod built;
mod defaults;
mod source;

use super::{Stop, connect};
use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::adapter::tekton::{BadResult, Results, directory};
use crate::cli::{ClusterArgs, IMAGE_RESULTS, IfExists, ImageArgs, ImageQuestion, Output, ResolveArgs};
use crate::image::defaults::ImageSettings;
use crate::image::plan::{BadImagePlan, Build, ImagePlan, TELLING, compose, needs_namespace};
use crate::image::reference::Reference;
use crate::image::template::Values;
use crate::model::outcome::{Code, Outcome};
use answer::ImageAnswer;
use ask::NoAnswer;
use std::path::Path;

/// `andante image`.
pub(super) async fn image(args: &ImageArgs, environment: &Environment) -> Code {
    let mut answer = ImageAnswer::default();
    let (output, ended) = match (&args.question, &args.cluster) {
        (Some(ImageQuestion::Resolve(args)), _) => (
            args.output,
            with_results(args.results.results.as_deref(), &mut answer, async |answer| {
                resolve(args, environment, answer).await
            })
            .await,
        ),
        (None, Some(cluster)) => (
            cluster.output,
            with_results(args.results.results.as_deref(), &mut answer, async |answer| {
                name(args, cluster, environment, answer).await
            })
            .await,
        ),
        (None, None) => (Output::Text, Err(Stop::bad_input("no SERVICE was given"))),
    };
    let outcome = ended.unwrap_or_else(|Stop(outcome)| *outcome);
    answer.print(output, args.explain, &outcome);
    outcome.code
}

/// Every declared result first, then the work, then what came of it. A result that does not fit is an error, because
/// the build and the deployment that read it would go on with nothing.
async fn with_results(
    place: Option<&Path>,
    answer: &mut ImageAnswer,
    work: impl AsyncFnOnce(&mut ImageAnswer) -> Result<Outcome, Stop>,
) -> Result<Outcome, Stop> {
    let directory = directory(place, &IMAGE_RESULTS);
    if place.is_some() && !directory.is_dir() {
        return Err(Stop::bad_input(format!("--results: there is no directory {}", directory.display())));
    }
    let unwritten = |error: BadResult| Stop::bad_input(format!("{error}, in {}", directory.display()));
    let mut results = Results::begin(&directory, &IMAGE_RESULTS).map_err(unwritten)?;
    let ended = work(answer).await;
    if let Some(results) = &mut results {
        let what = match &ended {
            Ok(outcome) => outcome.line(),
            Err(Stop(outcome)) => outcome.line(),
        };
        if let Err(error) = answer.write(results, &what) {
            let stop = unwritten(error);
            // The message tells readers of the results why the others are empty; one error is enough.
            let _ = results.set_text("message", &stop.0.what);
            return Err(stop);
        }
    }
    ended
}

async fn name(
    args: &ImageArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
    answer: &mut ImageAnswer,
) -> Result<Outcome, Stop> {
    let built = built::Built::given(args)?;
    if built.is_some() && args.if_exists != IfExists::Ignore {
        return Err(Stop::bad_input(
            "--if-exists asks whether the image is built, --digest, --digest-file and --oci-layout say that it is: give one",
        ));
    }
    let source = source::CommitSource::read(args, environment)?;
    let (settings, kube) = defaults::find(args, cluster, environment).await?;
    let namespace = namespace(cluster, environment, &settings, kube.as_ref())?;
    let build = Build {
        values: Values {
            service: Some(cluster.service.as_str()),
            namespace: namespace.as_deref(),
            branch: source.branch.as_deref(),
            commit: source.commit.as_ref().map(crate::image::commit::Commit::as_str),
        },
        no_branch: source.no_branch,
        dirty: source.dirty,
        strict: args.strict,
        built: built.is_some(),
    };
    let plan = compose(&settings, &build).map_err(Stop::bad_input)?;
    answer.take(&settings, &source, &plan);
    if let Some(built) = built {
        let digest = built.digest(&plan)?;
        answer.digest(&plan.repository, digest, Some(built.origin()));
    }
    match args.if_exists {
        IfExists::Ignore => Ok(Outcome::new(Code::Done, answer.best())),
        _ if source.dirty => {
            answer.exists = Some(false);
            answer.notes.push("an image of a changed tree is never taken for one that is built already".into());
            Ok(Outcome::new(Code::Done, format!("{} is to be built", answer.image)))
        }
        // A tag that does not tell commits apart could pass another commit's image off as this one's.
        IfExists::Skip if !plan.tells_commit => {
            answer.exists = Some(false);
            answer.notes.push(format!(
                "a tag without {TELLING} digits of the commit or more does not tell commits apart: nothing is taken for built"
            ));
            Ok(Outcome::new(Code::Done, format!("{} is to be built", answer.image)))
        }
        wanted => exists(args, cluster, environment, &plan, wanted, answer).await,
    }
}

/// The namespace's name, where a template asks for it.
fn namespace(
    cluster: &ClusterArgs,
    environment: &Environment,
    settings: &ImageSettings,
    kube: Option<&Kube>,
) -> Result<Option<String>, Stop> {
    let Some(blamed) = needs_namespace(settings) else { return Ok(None) };
    let named = cluster.namespace.clone().or_else(|| kube.map(|kube| kube.namespace().clone()));
    // Nothing is asked of the cluster for it: the context says it, or the pod.
    let of_context = || connect(cluster, environment).map(|kube| kube.namespace().clone());
    let named = named.map_or_else(of_context, Ok);
    let named = named.map_err(|Stop(outcome)| Stop::bad_input(BadImagePlan::NoNamespace(blamed, outcome.what)))?;
    Ok(Some(named.to_string()))
}

async fn exists(
    args: &ImageArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
    plan: &ImagePlan,
    wanted: IfExists,
    answer: &mut ImageAnswer,
) -> Result<Outcome, Stop> {
    let Some(tag) = &plan.tag else {
        return Err(Stop::new(Code::Internal, "an image without a tag was to be asked for"));
    };
    let reference = plan.repository.clone().tagged(tag.tag.clone());
    let asking =
        ask::RegistryQuestion { registry: &args.registry, limit: cluster.request_timeout, patience: cluster.patience };
    let found = match asking.digest(&reference, environment).await {
        // The first build makes the repository, and a push that is not allowed says so itself.
        Err(NoAnswer::Denied(why)) if wanted == IfExists::Skip => {
            return Ok(Outcome::new(
                Code::Done,
                format!("{reference} is to be built, whether it is there is not known: {why}"),
            ));
        }
        found => found?,
    };
    answer.exists = Some(found.is_some());
    let Some(digest) = found else {
        return Ok(Outcome::new(Code::Done, format!("{reference} is not in the registry: it is to be built")));
    };
    answer.digest(&plan.repository, digest, None);
    let there = format!("{reference} is built already, as {}", answer.digest);
    if wanted == IfExists::Fail {
        return Err(Stop::new(Code::Exists, there));
    }
    Ok(Outcome::new(Code::Done, there).next(format!("skip the build and deploy {}", answer.digest_reference)))
}

async fn resolve(args: &ResolveArgs, environment: &Environment, answer: &mut ImageAnswer) -> Result<Outcome, Stop> {
    let mut reference: Reference = args.reference.clone();
    if reference.tag.is_none() && reference.digest.is_none() {
        // Container tools read a reference without a tag in this way.
        reference.tag = "latest".parse().ok();
    }
    answer.image = reference.to_string();
    answer.repository = reference.repository.to_string();
    answer.tag = reference.tag.as_ref().map(ToString::to_string).unwrap_or_default();
    let asking =
        ask::RegistryQuestion { registry: &args.registry, limit: args.request_timeout, patience: args.patience };
    let found = asking.digest(&reference, environment).await?;
    answer.exists = Some(found.is_some());
    let digest = found.ok_or_else(|| Stop::new(Code::NoImage, format!("the registry has no {reference}")))?;
    answer.digest(&reference.repository, digest, None);
    Ok(Outcome::new(Code::Done, answer.best()))
}

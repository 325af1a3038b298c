//! What a call takes from its Service where it is not given (`--declared`).
//!
//! Decides which part of a declaration counts before anything is done: the parameters and the container where somebody is in
//! charge, and the goal that the run began with. [`crate::cli`] decides which flags they say. It may use every room.

use super::goal::unreadable;
use super::patient::answered_within;
use super::people::failed;
use super::report::{self, Lines};
use super::{Stop, connect};
use crate::adapter::clock::SystemClock;
use crate::adapter::env::Environment;
use crate::cli::{Cli, ClusterArgs, DeclaredFlags};
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Topic};
use crate::model::name::GoalId;
use crate::model::observed::{RECORD, Service};
use crate::rollout::declaration::params::Params;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::read::Stated;
use crate::rollout::owner::Owner;
use crate::rollout::record::Record;
use crate::run::ports::{Clock, Cluster, Sink};

/// The same call with what it was not given.
pub(super) async fn complete(cli: Cli, environment: &Environment, lines: &mut Lines) -> Result<Cli, Stop> {
    let Some((asks, cluster)) = cli.command.args().asks() else { return Ok(cli) };
    if !asks.reads() && asks.otherwise.is_empty() {
        return Ok(cli);
    }
    let mut declared = nothing(environment);
    if asks.reads() {
        declared = look(cluster, environment).await?;
    }
    let (completed, taken) = cli.completed(asks, &declared).map_err(Stop::bad_input)?;
    if !taken.is_empty() {
        let what = format!("as {} declares: {}", cluster.service, taken.join(" "));
        // What a question prints is its answer alone.
        match cli.command.args().results() {
            Some(_) => lines.say(SystemClock.now(), &Event::new(Topic::Note, what)),
            None => report::complain(&what),
        }
    }
    Ok(completed)
}

fn nothing(environment: &Environment) -> DeclaredFlags {
    DeclaredFlags { params: Params::default(), container: None, goal: Ok(None), in_pod: environment.in_pod() }
}

async fn look(cluster: &ClusterArgs, environment: &Environment) -> Result<DeclaredFlags, Stop> {
    let nothing = nothing(environment);
    let kube = connect(cluster, environment)?;
    let port = kube.service(cluster.service.clone());
    let object = match answered_within(cluster.patience, async || port.service().await).await {
        Ok(object) => object,
        // What is not there declares nothing; whether that is an error is for what follows to say.
        Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => return Ok(nothing),
        Err(error) => return Err(failed(&error)),
    };
    let service = Service::from_json(&object).map_err(Stop::bad_input)?;
    let text = |part: DeclaredPart| service.annotations.get(part.annotation()).map(String::as_str);
    if text(DeclaredPart::Pipeline).is_none() {
        return Ok(nothing);
    }
    // A slip elsewhere is told by what it concerns: a walk whose users are on the candidate holds, and does not end here.
    let params = text(DeclaredPart::Params).map(Params::read).transpose();
    let params = params.map_err(|whys| {
        let place = DeclaredPart::Params.annotation();
        Stop::bad_input(format!("annotation {place} of {} cannot be read: {}", cluster.service, whys.join("; ")))
    })?;
    let container = text(DeclaredPart::Container).map(|text| text.trim().to_owned()).filter(|name| !name.is_empty());
    let owner = environment.run().map_err(Stop::bad_input)?;
    Ok(DeclaredFlags { params: params.unwrap_or_default(), container, goal: goal(&service, owner.as_ref()), ..nothing })
}

/// The goal as it was when the run began: that of its own rollout, where one of its tasks began one already, else what is
/// declared now.
fn goal(service: &Service, owner: Option<&Owner>) -> Result<Option<GoalId>, String> {
    let record = service.annotations.get(RECORD).and_then(|text| Record::parse(text).ok());
    if let Some(own) = record.filter(|record| owner.is_some_and(|owner| owner.uid == record.owner.uid)) {
        return Ok(own.goal.map(|goal| goal.asked));
    }
    let declared = Stated::of_service(service).read().map_err(|faults| unreadable(&service.name, &faults))?;
    Ok(declared.in_charge.map(|_| declared.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::owner::OwnerKind;
    use serde_json::json;

    #[test]
    fn a_run_is_of_the_goal_that_it_began_with() {
        let service = |pipeline: &str, record: Option<&str>| {
            let mut annotations = json!({"andante.dev/pipeline": pipeline});
            if let Some(record) = record {
                annotations[RECORD] = json!(record);
            }
            Service::from_json(
                &json!({"metadata": {"name": "s", "uid": "u", "generation": 1, "annotations": annotations},
                "spec": {"template": {"spec": {"containers": [{"image": "i:1"}]}}}}),
            )
            .unwrap()
        };
        let run = Owner { kind: OwnerKind::PipelineRun, name: "ns/r".into(), uid: "run".into() };
        let declared = goal(&service("p", None), Some(&run)).unwrap().unwrap();
        let mut record = crate::rollout::record::tests::record();
        record.owner = run.clone();
        let asked: GoalId = "0123456789ab".parse().unwrap();
        record.goal = Some(crate::rollout::record::RolloutGoal { asked: asked.clone(), declared: asked.clone() });
        let text = record.to_text().unwrap();
        assert_eq!(goal(&service("p", Some(&text)), Some(&run)), Ok(Some(asked)), "its own rollout says it");
        let other = Owner { uid: "other".into(), ..run.clone() };
        assert_eq!(goal(&service("p", Some(&text)), Some(&other)), Ok(Some(declared)));
        record.goal = None;
        let text = record.to_text().unwrap();
        assert_eq!(goal(&service("p", Some(&text)), Some(&run)), Ok(None), "it began without one");
        assert!(goal(&service("no such name", None), Some(&run)).unwrap_err().contains("cannot be read"));
    }
}

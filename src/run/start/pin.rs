//! Names users of a Service in care: looks, and makes the one write that [`crate::machine::care::adopt`] decides.
//!
//! Decides what an answer means here: whoever was faster has an event of their own, so nothing is asked again. Depends on the ports
//! and that machine.

use super::look::namespace_suspends;
use crate::machine::care::adopt::Adopt;
use crate::machine::next::{Machine, Next};
use crate::machine::world::World;
use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::event::Log;
use crate::model::name::{RevisionName, ServiceName};
use crate::model::observed::{RECORD, Revision, Service};
use crate::rollout::declaration::read::Stated;
use crate::rollout::record::Record;
use crate::rollout::start::pin::is_due;
use crate::rollout::start::pins::PinCame;
use crate::run::ports::Clock;
use crate::run::ports::runs::Runs;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Names users, if that is still due and can be done now; what was written, in a sentence. Each call is one attempt.
///
/// # Errors
///
/// A call that failed, but for a Service that is gone and a write that somebody was faster than.
pub async fn pin(
    cluster: &impl Runs,
    name: &ServiceName,
    mut machine: Adopt,
    clock: &impl Clock,
) -> Result<(PinCame, Option<String>), ApiError> {
    let left = Ok((PinCame::Left, None));
    let object = match cluster.service(name).await {
        Ok(object) => object,
        Err(ApiError::NotFound(_)) => return left,
        Err(error) => return Err(error),
    };
    let Ok(service) = Service::from_json(&object) else { return left };
    if !is_due(&service, &Stated::of_json(&object).read()) {
        return left;
    }
    match namespace_suspends(Duration::ZERO, cluster).await? {
        Ok(None) => {}
        Ok(Some(_)) | Err(_) => return Ok((PinCame::Held, None)),
    }
    let (asked_for, latest) = (asked_for(&service), service.latest_ready.clone());
    let mut world = World::of(Some(cluster.namespace().clone()));
    world.see_service(service);
    let kind = ApiKind::usual("serving.knative.dev/v1", "Revision");
    let revisions = cluster
        .labelled(&kind, &format!("serving.knative.dev/service={name}"), |object| light(object, &asked_for))
        .await?;
    world.see_revisions(revisions.iter().filter_map(|object| Revision::from_json(object).ok()));
    let Next::Write(order) = machine.decide(&world, clock.now(), &mut Log::default()) else {
        // That a revision is Ready again may be no event of its Service.
        let is_down = latest.is_some_and(|latest| !world.serves(&latest));
        return Ok((if is_down { PinCame::Later } else { PinCame::Left }, None));
    };
    match cluster.patch_service(name, &order.patch).await {
        Ok(_) => Ok((PinCame::Pinned, Some(order.what.text))),
        Err(ApiError::Refused(_) | ApiError::NotFound(_)) => left,
        Err(error) => Err(error),
    }
}

/// The revisions that naming can ask for: those that have users or may, and those that the last rollout left bounds on.
fn asked_for(service: &Service) -> BTreeSet<RevisionName> {
    let mut names: BTreeSet<_> = service.latest_ready.iter().chain(&service.latest_created).cloned().collect();
    let record = service.annotations.get(RECORD).and_then(|text| Record::parse(text).ok());
    let (now, before) = (service.split.as_ref().ok(), record.as_ref().map(|record| &record.start.split));
    names.extend(now.into_iter().chain(before).flat_map(|split| split.revisions()).cloned());
    if let Some(record) = record {
        names.extend(record.capacity.into_iter().flat_map(|capacity| capacity.bounds).map(|bound| bound.revision));
        names.extend(record.candidate.into_iter().chain([record.start.stable]));
    }
    names
}

/// One of these revisions, without the long parts that nothing is decided by. A Service may have a thousand, and whoever follows has
/// little memory.
fn light(mut object: Value, asked_for: &BTreeSet<RevisionName>) -> Option<Value> {
    let name = object.pointer("/metadata/name")?.as_str()?;
    if !asked_for.iter().any(|asked| asked.as_str() == name) {
        return None;
    }
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    for list in ["/spec/containers", "/spec/initContainers"] {
        let containers = object.pointer_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            container.remove("env");
        }
    }
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::record::tests::record;
    use serde_json::json;

    #[test]
    fn of_a_thousand_revisions_those_are_kept_that_can_be_asked_for_and_not_whole() {
        let last = Record { candidate: Some("of-record".parse().unwrap()), ..record() };
        let service = Service::from_json(&json!({
            "metadata": {"name": "hello", "uid": "u", "generation": 2, "annotations": {RECORD: last.to_text().unwrap()}},
            "spec": {"traffic": [{"latestRevision": true, "percent": 100}, {"revisionName": "tagged", "percent": 0, "tag": "old"}]},
            "status": {"latestCreatedRevisionName": "created", "latestReadyRevisionName": "ready"}
        }))
        .unwrap();
        let asked_for = asked_for(&service);
        let revision = |name: &str| {
            json!({"metadata": {"name": name, "uid": name, "managedFields": [{"manager": "controller"}]},
                "spec": {"containers": [{"image": "i:1", "env": [{"name": "A", "value": "long"}]}]},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
        };
        let old = (0..1000).map(|at| format!("old-{at}"));
        let needed = ["tagged", "created", "ready", "of-record", last.start.stable.as_str()].map(str::to_owned);
        let kept: Vec<Value> =
            old.chain(needed.clone()).filter_map(|name| light(revision(&name), &asked_for)).collect();
        let names: Vec<&str> = kept.iter().map(|object| object["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, needed);
        for object in &kept {
            assert_eq!(object["metadata"].get("managedFields"), None);
            assert_eq!(object["spec"]["containers"], json!([{"image": "i:1"}]));
            assert!(Revision::from_json(object).unwrap().serves(), "what decides is still there");
        }
    }
}

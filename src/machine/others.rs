//! Who else writes the Service and may write a release back: an object that owns it, appliers, updaters.
//!
//! Decides words only: nobody is refused for it, because only the owner knows whether the two get along. It may use observed
//! objects and what they declare.

use crate::model::event::{Log, Topic};
use crate::model::observed::{PIPELINE, Service};
use crate::model::writers::{ControllerRef, FIELD_MANAGER, FieldWriter};
use crate::rollout::declaration::charge::is_operated_outside;

/// Says before the first write who else writes.
pub(super) fn say(service: &Service, log: &mut Log) {
    for line in other_writers(service) {
        log.once(Topic::Note, line);
    }
}

/// Says before the first write that somebody outside is expected to act. Nobody is refused for it: whoever writes may be just that
/// one.
pub(super) fn say_outside(service: &Service, log: &mut Log) {
    if let Some(line) = outside(service) {
        log.once(Topic::Note, line);
    }
}

fn outside(service: &Service) -> Option<String> {
    is_operated_outside(service).then(|| {
        let who = service.last_modifier().map(|last| format!(", last changed by {last}")).unwrap_or_default();
        format!(
            "{} is operated from outside ({PIPELINE} is ExternalOperation{who}): whoever does that is expected to act, and this is taken for theirs",
            service.name
        )
    })
}

/// Everyone who may write a release back, a sentence each; empty where nobody is known to.
pub(crate) fn other_writers(service: &Service) -> Vec<String> {
    let applier =
        |of: fn(&FieldWriter) -> bool| service.last_writer(|w| w.applied && of(w) && w.manager != FIELD_MANAGER);
    let (containers, traffic) = (applier(|w| w.containers), applier(|w| w.traffic));
    let named: Vec<&str> = containers.into_iter().chain(traffic).map(|w| w.manager.as_str()).collect();
    let ours = service.last_writer(|w| w.manager == FIELD_MANAGER && (w.template || w.traffic)).and_then(|w| w.time);
    let updates = |w: &&FieldWriter| (w.template || w.traffic) && w.updates_by_itself(ours);
    let unnamed = || service.writers.iter().filter(|w| !named.contains(&w.manager.as_str()));
    let updaters = unnamed().filter(updates);
    let by_hand = |w: &&FieldWriter| (w.template || w.traffic) && w.updated_by_hand_after(ours);
    service
        .controller
        .iter()
        .map(|owner| owned(owner, service))
        .chain(containers.map(|w| applies_containers(&w.manager, service)))
        .chain(traffic.map(|w| applies_traffic(&w.manager, service)))
        .chain(updaters.map(|w| updating(w, service)))
        .chain(unnamed().filter(by_hand).map(|w| updated_by_hand(w, service)))
        .collect()
}

/// That an object owns this Service as its controller, and what to do about it; none where none does.
pub(super) fn owned_by_controller(service: &Service) -> Option<String> {
    service.controller.as_ref().map(|owner| owned(owner, service))
}

fn owned(owner: &ControllerRef, service: &Service) -> String {
    let ControllerRef { api, kind, name } = owner;
    let group = api.split('/').next().unwrap_or_default();
    let remedy = match group {
        // Its reconciler writes template and traffic whenever either differs, and knows no pause (kserve/kserve:
        // pkg/controller/v1beta1/inferenceservice/reconcilers/knative/ksvc_reconciler.go).
        "serving.kserve.io" => {
            "it has no pause: walk by its own `canaryTrafficPercent` of the InferenceService, or deploy the model in a Service of its own"
        }
        _ => {
            "change the image there, or tell it (an annotation or setting of its own, where it has one) to leave this Service's spec.template and spec.traffic alone"
        }
    };
    format!(
        "{kind} {name} ({api}) owns {} as its controller and may write template and split back at any time; {remedy}",
        service.name
    )
}

/// Knative declares the containers one unit for server-side apply, so nobody can own the image alone, and their next apply
/// conflicts with us or undoes us.
fn applies_containers(manager: &str, service: &Service) -> String {
    format!(
        "`{manager}` applies the containers of {} (server-side apply): its next apply will conflict with this image or take it back; let it change the image and use `andante stage {} --revision NAME`",
        service.name,
        service.called()
    )
}

fn applies_traffic(manager: &str, service: &Service) -> String {
    format!(
        "`{manager}` applies the traffic of {} (server-side apply): its next apply will conflict with a rollout's split or take it back; leave spec.traffic out of what it applies",
        service.name
    )
}

fn updating(writer: &FieldWriter, service: &Service) -> String {
    let (of, remedy) = match (writer.template, writer.traffic) {
        (true, false) => (
            "the template",
            format!("let it change the image and use `andante stage {} --revision NAME`", service.called()),
        ),
        (false, true) => ("the traffic", "have it leave spec.traffic alone".to_owned()),
        _ => ("template and traffic", "have it leave both alone".to_owned()),
    };
    let at = writer.time.map(|time| format!(", last at {time}")).unwrap_or_default();
    format!(
        "`{}` writes {of} of {} (plain update{at}): its next write may take a release back; {remedy}",
        writer.manager, service.name
    )
}

/// A person's own write is no news to that person; what a schedule does under the same name is.
fn updated_by_hand(writer: &FieldWriter, service: &Service) -> String {
    let of = match (writer.template, writer.traffic) {
        (true, false) => "the template",
        (false, true) => "the traffic",
        _ => "template and traffic",
    };
    let at = writer.time.map(|time| format!(", at {time}")).unwrap_or_default();
    format!(
        "`{}` wrote {of} of {} after the last rollout's write{at}: if that was no person but a pipeline or a schedule, its next write may take a release back",
        writer.manager, service.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn lines(managers: Value, owners: Value) -> Vec<String> {
        let object = json!({"metadata": {"name": "hello", "namespace": "demo", "uid": "u", "generation": 1,
            "managedFields": managers, "ownerReferences": owners}});
        other_writers(&Service::from_json(&object).unwrap())
    }

    fn wrote(manager: &str, operation: &str, spec: Value) -> Value {
        json!({"manager": manager, "operation": operation, "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": spec}})
    }

    #[test]
    fn whoever_acts_on_what_is_operated_from_outside_is_told() {
        let said = |annotations: Value| {
            let metadata =
                json!({"name": "hello", "namespace": "demo", "uid": "u", "generation": 1, "annotations": annotations});
            outside(&Service::from_json(&json!({"metadata": metadata})).unwrap())
        };
        let told = said(json!({PIPELINE: "ExternalOperation", "serving.knative.dev/lastModifier": "kim"})).unwrap();
        assert_eq!(
            told,
            "hello is operated from outside (andante.dev/pipeline is ExternalOperation, last changed by kim): whoever does that is \
             expected to act, and this is taken for theirs"
        );
        for annotations in [json!({}), json!({PIPELINE: "canary"}), json!({PIPELINE: ""})] {
            assert_eq!(said(annotations.clone()), None, "{annotations}");
        }
    }

    #[test]
    fn a_controller_that_owns_it_is_named_with_what_helps() {
        let owner = |api: &str, kind: &str| json!([{"apiVersion": api, "kind": kind, "name": "m", "controller": true}]);
        let kserve = lines(json!([]), owner("serving.kserve.io/v1beta1", "InferenceService"));
        assert!(kserve[0].starts_with("InferenceService m (serving.kserve.io/v1beta1) owns hello as its controller"));
        assert!(kserve[0].contains("`canaryTrafficPercent`"), "{kserve:?}");
        let other = lines(json!([]), owner("camel.apache.org/v1", "Integration"));
        assert!(other[0].contains("leave this Service's spec.template and spec.traffic alone"), "{other:?}");
        assert_eq!(lines(json!([]), json!([])), Vec::<String>::new());
    }

    #[test]
    fn whoever_writes_again_is_named_once_and_people_are_not() {
        let containers = json!({"f:template": {"f:spec": {"f:containers": {}}}});
        let people = json!([
            wrote("kubectl-client-side-apply", "Update", containers.clone()),
            wrote("kn", "Update", json!({"f:traffic": {}})),
            wrote("andante", "Update", json!({"f:traffic": {}}))
        ]);
        assert_eq!(lines(people, json!([])), Vec::<String>::new());
        // A schedule that runs kubectl is no person.
        let later = |manager: &str| {
            let mut last = wrote(manager, "Update", containers.clone());
            last["time"] = json!("2026-01-01T00:00:01Z");
            lines(json!([last, wrote("andante", "Update", json!({"f:traffic": {}}))]), json!([]))
        };
        let said = later("kubectl-client-side-apply");
        assert_eq!(
            said,
            [
                "`kubectl-client-side-apply` wrote the template of hello after the last rollout's write, at 2026-01-01T00:00:01Z: if that was \
              no person but a pipeline or a schedule, its next write may take a release back"
            ]
        );
        assert!(later("deploy-bot")[0].contains("plain update"), "it has words of its own");
        // One that applies and has an older entry of plain updates.
        let both = json!([
            wrote("argocd-controller", "Apply", containers.clone()),
            wrote("argocd-controller", "Update", json!({"f:template": {}}))
        ]);
        let said = lines(both, json!([]));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("`argocd-controller` applies the containers of hello"), "{said:?}");
        let traffic = lines(json!([wrote("kustomize-controller", "Apply", json!({"f:traffic": {}}))]), json!([]));
        assert!(traffic[0].contains("leave spec.traffic out"), "{traffic:?}");
        let updates = lines(json!([wrote("helm-controller", "Update", containers)]), json!([]));
        assert_eq!(updates.len(), 1);
        assert!(updates[0].contains("writes the template of hello (plain update, last at 2026-01-01"), "{updates:?}");
        assert!(updates[0].contains("`andante stage hello -n demo --revision NAME`"), "{updates:?}");
    }
}

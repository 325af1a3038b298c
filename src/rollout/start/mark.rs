//! The write that says on a Service what was started: a JSON patch of one annotation.
//!
//! Decides what has to be as it was: the object, the status that was read, and every declaring annotation that was acted on. A
//! declaration changes without a new generation, so the generation would not tell. Depends on observed Services.

use super::declared::DeclaredPart;
use crate::model::observed::{GOAL_STATUS, Service};
use crate::rollout::goal_status::GoalStatus;
use serde_json::{Value, json};

/// The annotation by which whoever has no command line asks for another run of the same goal.
pub(crate) const ASKED_AGAIN: &str = crate::model::template::AGAIN;

/// The patch.
pub(crate) fn mark(service: &Service, status: &GoalStatus) -> Value {
    let test = |name: &str| {
        let value = service.annotations.get(name);
        // What must not be there is tested as null, which passes only where it is absent.
        json!({"op": "test", "path": pointer(name), "value": value})
    };
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": service.uid})];
    if service.annotations.is_empty() {
        patch.push(json!({"op": "test", "path": "/metadata/annotations", "value": null}));
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    } else {
        patch.extend(DeclaredPart::ALL.into_iter().map(|part| test(part.annotation())));
        patch.push(test(GOAL_STATUS));
    }
    patch.push(json!({"op": "add", "path": pointer(GOAL_STATUS), "value": status.text(&service.uid)}));
    Value::Array(patch)
}

/// The Service as that write leaves it, as far as a later one looks at it.
pub(crate) fn marked(service: &Service, status: &GoalStatus) -> Service {
    let mut service = service.clone();
    service.annotations.insert(GOAL_STATUS.to_owned(), status.text(&service.uid));
    service
}

fn pointer(annotation: &str) -> String {
    format!("/metadata/annotations/{}", annotation.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{object, service};
    use super::*;
    use crate::rollout::goal_status::GoalPhase;

    #[test]
    fn a_mark_tests_what_it_acted_on() {
        let status = GoalStatus::new(GoalPhase::Reached, "x", None);
        let declared = json!({"andante.dev/pipeline": "p", "mine": "m"});
        let patch = mark(&service(declared.clone()), &status);
        let tests: Vec<&Value> = patch.as_array().unwrap().iter().filter(|o| o["op"] == "test").collect();
        assert_eq!(tests.len(), 11);
        assert_eq!(tests.iter().filter(|o| o["value"].is_null()).count(), 9);
        assert_eq!(tests[10]["path"], "/metadata/annotations/andante.dev~1goal-status");
        // The API server takes a test against null for: absent. The library of this test does not, so those are left out here.
        let rest: Vec<Value> = patch.as_array().unwrap().iter().filter(|o| !o["value"].is_null()).cloned().collect();
        let apply = |annotations: Value| {
            let mut object = object(annotations);
            let operations: json_patch::Patch = serde_json::from_value(json!(rest)).unwrap();
            json_patch::patch(&mut object, &operations).ok().map(|()| object["metadata"]["annotations"].clone())
        };
        let with = |name: &str, value: &str| {
            let mut annotations = declared.clone();
            annotations[name] = json!(value);
            annotations
        };
        assert_eq!(apply(declared.clone()), Some(with("andante.dev/goal-status", &status.text("uid-1"))));
        assert_eq!(apply(with("andante.dev/pipeline", "q")), None);
        let last = patch.as_array().unwrap().last().unwrap();
        assert_eq!(
            last,
            &json!({"op": "add", "path": "/metadata/annotations/andante.dev~1goal-status", "value": status.text("uid-1")})
        );
        let bare = mark(&service(json!({})), &status);
        assert_eq!(bare[1], json!({"op": "test", "path": "/metadata/annotations", "value": null}));
    }
}

//! Another declaration on a Service that has one: what a push wants built next, or a person with no `kubectl`.
//!
//! Decides what is written, which is declaring annotations and nothing else, and what forbids it. Nobody is moved and nothing is
//! started by it; whoever starts what is declared sees a goal like any other. It looks at the Service alone, so that whoever may get
//! and patch that one needs no more. It may use the declaration and observed objects.

use super::{changed, would_declare};
use crate::machine::goal_write::{declared_tests, pointer};
use crate::machine::outcomes::UNCHANGED;
use crate::machine::standing::outcome_of;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::declaration::part::DeclaredPart;
use serde_json::{Value, json};

/// The word of a good end.
const DECLARED: &str = "declared";

/// What comes of it.
#[derive(Debug)]
pub(crate) struct Declaring {
    /// The write; none: all of it is declared already.
    pub patch: Option<Value>,
    /// What changes, a line each.
    pub changes: Vec<String>,
    /// What the owner should know.
    pub notes: Vec<String>,
    /// The end, once the write is made.
    pub end: Outcome,
}

/// What is to be written so that this is declared, beside what is declared already.
pub(crate) fn declare(service: &Service, declares: &[(DeclaredPart, String)]) -> Result<Declaring, Box<Outcome>> {
    if service.deleting {
        let what = format!("Service {} is being deleted", service.name);
        return Err(Box::new(outcome_of(Code::BadState, what, service)));
    }
    let here = service.called();
    if !service.annotations.contains_key(DeclaredPart::Pipeline.annotation()) {
        let what = format!("nobody is in charge of {}, so nothing would come of it; nothing was written", service.name);
        let next = format!("`andante adopt {here} --pipeline NAME` says who is, and pins its users");
        return Err(Box::new(outcome_of(Code::BadState, what, service).next(next)));
    }
    let declared = would_declare(service, declares)?;
    let differs = |(part, text): &&(DeclaredPart, String)| service.annotations.get(part.annotation()) != Some(text);
    let new: Vec<_> = declares.iter().filter(differs).map(|(part, text)| (part.annotation(), text)).collect();
    let changes: Vec<String> =
        new.iter().map(|(name, text)| changed(name, service.annotations.get(*name), Some(text))).collect();
    if new.is_empty() {
        let what = format!("{} declares this already; there is nothing to do", service.name);
        let end = outcome_of(Code::Done, what, service).word(UNCHANGED);
        return Ok(Declaring { patch: None, changes, notes: declared.notes, end });
    }
    // What stands beside it was read with it: another declaration in between is read again, and judged as a whole.
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": service.uid})];
    patch.extend(declared_tests(service));
    patch.extend(new.iter().map(|(name, text)| json!({"op": "add", "path": pointer(name), "value": text})));
    let what = format!("declared on {}, whose goal is {} now: {}", service.name, declared.id, changes.join("; "));
    let next = format!("`andante start {here}` starts what gets it there, where nobody follows {}", service.name);
    let end = outcome_of(Code::Done, what, service).word(DECLARED).next(next);
    Ok(Declaring { patch: Some(Value::Array(patch)), changes, notes: declared.notes, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";
    const NEW: &str = "4f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

    fn service(annotations: &Value) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "hello", "namespace": "shop", "uid": "u", "generation": 3, "annotations": annotations},
            "spec": {"template": {"spec": {"containers": [{"image": "placeholder.invalid/hello"}]}}}
        }))
        .unwrap()
    }

    fn built(revision: &str) -> Service {
        service(&json!({"andante.dev/pipeline": "build-it", "andante.dev/source": "https://git.example.com/hello.git",
            "andante.dev/source-revision": revision, "team": "blue"}))
    }

    fn revision(text: &str) -> [(DeclaredPart, String); 1] {
        [(DeclaredPart::SourceRevision, text.to_owned())]
    }

    #[test]
    fn a_commit_is_declared_in_one_write_that_rests_on_all_that_was_read() {
        let declaring = declare(&built(OLD), &revision(NEW)).unwrap();
        let patch = declaring.patch.unwrap();
        let (tests, writes): (Vec<&Value>, Vec<&Value>) =
            patch.as_array().unwrap().iter().partition(|op| op["op"] == "test");
        assert_eq!(
            writes,
            [&json!({"op": "add", "path": "/metadata/annotations/andante.dev~1source-revision", "value": NEW})]
        );
        assert_eq!(tests.len(), 1 + DeclaredPart::ALL.len());
        assert!(tests.contains(&&json!({"op": "test", "path": "/metadata/uid", "value": "u"})));
        // Another push in between is seen by its commit, and by nothing of a rollout: neither record nor generation is tested.
        assert!(tests.iter().any(|op| op["value"] == OLD));
        assert_eq!((declaring.end.code, declaring.end.word), (Code::Done, "declared"));
        assert!(declaring.end.what.contains(&format!("andante.dev/source-revision: `{OLD}` -> `{NEW}`")));
    }

    #[test]
    fn what_is_declared_already_is_not_written() {
        let declaring = declare(&built(NEW), &revision(NEW)).unwrap();
        assert_eq!((declaring.patch, declaring.end.word), (None, UNCHANGED));
    }

    #[test]
    fn what_cannot_be_declared_is_refused_before_anything_is_written() {
        let refused = |service: &Service, text: &str| *declare(service, &revision(text)).unwrap_err();
        let out = refused(&service(&json!({"andante.dev/source": "https://git.example.com/hello.git"})), NEW);
        assert_eq!(out.code, Code::BadState);
        assert!(out.next.contains("`andante adopt hello -n shop --pipeline NAME`"), "{}", out.next);
        // A push of another repository's commit to a Service without one.
        let sourceless = refused(&service(&json!({"andante.dev/pipeline": "canary"})), NEW);
        assert!(sourceless.code == Code::BadInput && sourceless.what.contains("there is no andante.dev/source"));
        let bad = refused(&built(OLD), "-x y");
        assert!(bad.code == Code::BadInput && bad.what.contains("nothing was written"), "{}", bad.what);
    }
}

//! What the API server would store of a template that a write of ours is about to carry: the answer to a dry run of that write.
//!
//! A template is part of a goal, and a file or an older revision says less than what Knative stores of it. So which goal is
//! declared with it is known by the server alone, and it has to stand in the very write that carries the template: a process that
//! is killed right after that write sets nothing right. Decides when such an answer speaks of the write at hand. It may use
//! observed objects.

use crate::model::observed::Service;
use crate::model::writers::FieldWriter;
use serde_json::Value;

/// Where a patch has the template.
pub(super) const TEMPLATE: &str = "/spec/template";

/// What was heard of one template, written over one generation of the Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foretold {
    generation: i64,
    /// As it is to be written.
    template: Value,
    /// As it would be stored, and who would have written which fields then; none: the server does not say.
    stored: Option<(Value, Vec<FieldWriter>)>,
}

/// The template that a patch writes.
fn template_in(patch: &Value) -> Option<&Value> {
    patch.as_array()?.iter().find(|op| op["path"] == TEMPLATE && op["op"] != "test").map(|op| &op["value"])
}

impl Foretold {
    /// What a dry run of this write answered; none where the write has no template.
    pub(super) fn of(service: &Service, patch: &Value, answer: Option<&Value>) -> Option<Self> {
        let stored = answer.and_then(|object| Some((object.pointer(TEMPLATE)?.clone(), FieldWriter::all(object))));
        Some(Self { generation: service.generation, template: template_in(patch)?.clone(), stored })
    }

    /// True if it speaks of the write of this template over what stands there.
    pub(super) fn is_of(&self, service: &Service, template: &Value) -> bool {
        self.generation == service.generation && self.template == *template
    }

    /// The Service as it would be stored, if the server says. Annotations are those that stand there now: setting one raises no
    /// generation.
    pub(super) fn stored(&self, service: &Service) -> Option<Service> {
        let (template, writers) = self.stored.clone()?;
        Some(Service { template, writers, ..service.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_speaks_of_one_template_over_one_generation() {
        let service = |generation: i64| {
            let object = json!({"metadata": {"name": "s", "uid": "u", "generation": generation}});
            Service::from_json(&object).unwrap()
        };
        let [said, other] = ["i:1", "i:2"].map(|image| json!({"spec": {"containers": [{"image": image}]}}));
        let patch =
            json!([{"op": "test", "path": TEMPLATE, "value": other}, {"op": "add", "path": TEMPLATE, "value": said}]);
        let answer = json!({"spec": {"template": {"spec": {"timeoutSeconds": 300}}}});
        let heard = Foretold::of(&service(3), &patch, Some(&answer)).unwrap();
        assert!(heard.is_of(&service(3), &said));
        assert!(!heard.is_of(&service(4), &said) && !heard.is_of(&service(3), &other));
        assert_eq!(heard.stored(&service(3)).unwrap().template, answer["spec"]["template"]);
        let silent = Foretold::of(&service(3), &patch, None).unwrap();
        assert!(silent.is_of(&service(3), &said) && silent.stored(&service(3)).is_none());
        assert_eq!(Foretold::of(&service(3), &json!([]), Some(&answer)), None);
    }
}

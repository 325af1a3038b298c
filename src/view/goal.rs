//! The declared goal of a Service: as aligned lines for a person, and as JSON.
//!
//! Decides words and order, and how it is told where each part comes from. It may use the declaration alone.

use crate::rollout::declaration::charge::InCharge;
use crate::rollout::declaration::image::DeclaredRepository;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::read::Declaration;
use crate::rollout::declaration::source::{SourcePath, SourceRevision};
use crate::rollout::declaration::suspend::Suspended;
use serde_json::{Value, json};

/// How wide the first column is: the longest labels, such as `suspended`, have nine letters, and two spaces follow.
const LABEL: usize = 11;
/// The widest value after which the place where it comes from is aligned.
const VALUE: usize = 48;

/// A goal as it was read, and from where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoalSeen<'a> {
    /// The Service's name.
    pub service: &'a str,
    /// Its namespace, as far as it is known.
    pub namespace: Option<&'a str>,
    /// It stands in a file, and no server has seen it.
    pub of_file: bool,
    /// What it declares.
    pub declared: &'a Declaration,
    /// What its namespace says of suspension.
    pub namespace_suspended: Option<&'a Suspended>,
    /// What is known beside the declaration.
    pub notes: &'a [String],
}

/// One line of the list.
struct Line {
    label: &'static str,
    value: String,
    from: String,
}

impl GoalSeen<'_> {
    /// The goal in lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: goal {}{}", self.name(), self.declared.id, self.which())];
        let table = self.table();
        let widths = table.iter().map(|line| line.value.chars().count()).filter(|width| *width <= VALUE);
        let width = widths.max().unwrap_or_default();
        lines.extend(table.iter().map(|Line { label, value, from }| {
            format!("{label:<LABEL$}{value:<width$}  {from}").trim_end().to_owned()
        }));
        lines.extend(self.all_notes().map(|note| format!("{:<LABEL$}{note}", "note")));
        lines
    }

    /// The goal as one JSON object.
    pub(crate) fn json(&self) -> Value {
        let declared = self.declared;
        let pipeline = declared.in_charge.as_ref().map(|in_charge| {
            let mut pipeline = in_charge.canonical();
            if let Some(fields) = pipeline.as_object_mut() {
                fields.insert("params".to_owned(), json!(declared.params));
            }
            pipeline
        });
        let source = declared.source.as_ref().map(|source| {
            json!({
                "url": source.url.as_str(),
                "revision": source.revision.as_ref().map(SourceRevision::as_str),
                "path": source.path.as_ref().map(SourcePath::as_str),
            })
        });
        let suspend = self.suspended().map(|(by, suspended)| json!({"by": by, "reason": suspended.reason}));
        let from: serde_json::Map<String, Value> =
            DeclaredPart::ALL.into_iter().map(|part| (key(part).to_owned(), json!(self.from(part)))).collect();
        json!({
            "service": self.service,
            "namespace": self.namespace,
            "of": if self.of_file { "file" } else { "cluster" },
            "id": declared.id,
            "pipeline": pipeline,
            "source": source,
            "imageRepository": declared.image_repository.as_ref().map(DeclaredRepository::as_str),
            "container": declared.container,
            "image": declared.image,
            "traffic": declared.share,
            "suspend": suspend,
            "from": from,
            "notes": self.all_notes().collect::<Vec<_>>(),
        })
    }

    fn name(&self) -> String {
        self.namespace.map_or_else(|| self.service.to_owned(), |namespace| format!("{} in {namespace}", self.service))
    }

    fn which(&self) -> &'static str {
        if self.of_file { " of the file" } else { "" }
    }

    fn table(&self) -> Vec<Line> {
        let declared = self.declared;
        let mut table = Vec::new();
        let mut line = |label, value: String, part| table.push(Line { label, value, from: self.from(part) });
        let in_charge =
            declared.in_charge.as_ref().map_or_else(|| "nobody: as Knative does it".to_owned(), InCharge::to_string);
        line("in charge", in_charge, DeclaredPart::Pipeline);
        for (at, (name, value)) in declared.params.iter().enumerate() {
            line(if at == 0 { "params" } else { "" }, format!("{name} = {value}"), DeclaredPart::Params);
        }
        if let Some(source) = &declared.source {
            let or = |text: Option<String>, usual: &str| text.unwrap_or_else(|| usual.to_owned());
            line("source", source.url.to_string(), DeclaredPart::Source);
            let revision = source.revision.as_ref().map(ToString::to_string);
            line("revision", or(revision, "of the default branch"), DeclaredPart::SourceRevision);
            let path = source.path.as_ref().map(ToString::to_string);
            line("folder", or(path, "the whole repository"), DeclaredPart::SourcePath);
        }
        if declared.source.is_some() || declared.image_repository.is_some() {
            let repository = declared.image_repository.as_ref().map(ToString::to_string);
            let usual = "as ConfigMap andante-defaults says";
            line("image to", repository.unwrap_or_else(|| usual.to_owned()), DeclaredPart::ImageRepository);
        }
        if let Some(container) = &declared.container {
            line("container", container.clone(), DeclaredPart::Container);
        }
        line("traffic", format!("{} at the end", declared.share), DeclaredPart::Traffic);
        let suspended = self.suspended().map_or_else(
            || "no".to_owned(),
            |(_, suspended)| suspended.reason.as_ref().map_or_else(|| "yes".to_owned(), |why| format!("yes: {why}")),
        );
        line("suspended", suspended, DeclaredPart::Suspend);
        if declared.source.is_none()
            && let Some(image) = &declared.image
        {
            table.push(Line { label: "image", value: image.clone(), from: "template".to_owned() });
        }
        table
    }

    /// Who suspended it: the Service's own word comes first.
    fn suspended(&self) -> Option<(&'static str, &Suspended)> {
        let own = self.declared.suspended.as_ref().map(|suspended| ("service", suspended));
        own.or_else(|| self.namespace_suspended.map(|suspended| ("namespace", suspended)))
    }

    /// Where a part comes from.
    fn from(&self, part: DeclaredPart) -> String {
        let annotation = part.annotation();
        if part == DeclaredPart::Suspend
            && let Some(("namespace", _)) = self.suspended()
        {
            return format!("annotation {annotation} of the namespace");
        }
        if self.declared.says(part) {
            return format!("annotation {annotation}");
        }
        match part {
            DeclaredPart::Container if self.declared.container.is_some() => "template: it serves".to_owned(),
            _ => "not declared".to_owned(),
        }
    }

    fn all_notes(&self) -> impl Iterator<Item = String> {
        let of_file = "the id compares with those of other files alone: a server fills in what a file does not say";
        let file = self.of_file.then(|| of_file.to_owned());
        self.declared.notes.iter().chain(self.notes).cloned().chain(file)
    }
}

/// A part's name in JSON.
fn key(part: DeclaredPart) -> &'static str {
    match part {
        DeclaredPart::Pipeline => "pipeline",
        DeclaredPart::Params => "params",
        DeclaredPart::Source => "source",
        DeclaredPart::SourceRevision => "revision",
        DeclaredPart::SourcePath => "path",
        DeclaredPart::ImageRepository => "imageRepository",
        DeclaredPart::Container => "container",
        DeclaredPart::Traffic => "traffic",
        DeclaredPart::Suspend => "suspend",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::declaration::read::Stated;

    fn seen(annotations: Value, of_file: bool, namespace: Option<&Suspended>) -> (Vec<String>, Value) {
        let object = json!({"metadata": {"name": "hello", "annotations": annotations},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1"}]}}}});
        let declared = Stated::of_json(&object).read().unwrap();
        let id = declared.id.to_string();
        let notes = ["a note".to_owned()];
        let seen = GoalSeen {
            service: "hello",
            namespace: Some("shop").filter(|_| !of_file),
            of_file,
            declared: &declared,
            namespace_suspended: namespace,
            notes: &notes,
        };
        (seen.lines().into_iter().map(|line| line.replace(&id, "ID")).collect(), seen.json())
    }

    #[test]
    fn a_service_without_a_declaration_says_what_that_means() {
        let (lines, json) = seen(json!({}), false, None);
        assert_eq!(
            lines,
            [
                "hello in shop: goal ID",
                "in charge  nobody: as Knative does it  not declared",
                "container  web                         template: it serves",
                "traffic    100 % at the end            not declared",
                "suspended  no                          not declared",
                "image      registry.example.com/web:1  template",
                "note       a note",
            ]
        );
        assert_eq!((&json["pipeline"], &json["source"], &json["suspend"]), (&Value::Null, &Value::Null, &Value::Null));
        assert_eq!(
            (&json["traffic"], &json["container"], &json["of"]),
            (&json!(100), &json!("web"), &json!("cluster"))
        );
    }

    #[test]
    fn every_part_is_told_with_its_place() {
        let declared = json!({
            "andante.dev/pipeline": "build-it", "andante.dev/params": "{style: canary, steps: ['5', '25']}",
            "andante.dev/source": "https://git.example.com/a-long-team-name/shop-of-the-whole-world.git",
            "andante.dev/source-path": "services/hello", "andante.dev/traffic": "10", "andante.dev/suspend": "a sale",
        });
        let (lines, json) = seen(declared, true, Some(&Suspended { reason: None }));
        assert_eq!(
            lines,
            [
                "hello: goal ID of the file",
                "in charge  Pipeline build-it (tekton.dev/v1)   annotation andante.dev/pipeline",
                "params     steps = 5, 25                       annotation andante.dev/params",
                "           style = canary                      annotation andante.dev/params",
                "source     https://git.example.com/a-long-team-name/shop-of-the-whole-world.git  annotation andante.dev/source",
                "revision   of the default branch               not declared",
                "folder     services/hello                      annotation andante.dev/source-path",
                "image to   as ConfigMap andante-defaults says  not declared",
                "container  web                                 template: it serves",
                "traffic    10 % at the end                     annotation andante.dev/traffic",
                "suspended  yes: a sale                         annotation andante.dev/suspend",
                "note       no commit is declared, so that the default branch is meant: a push to it cannot be seen, and nothing starts",
                "note       a note",
                "note       the id compares with those of other files alone: a server fills in what a file does not say",
            ]
        );
        assert_eq!(
            json["pipeline"],
            json!({"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "name": "build-it",
                "params": {"style": "canary", "steps": ["5", "25"]}})
        );
        let url = "https://git.example.com/a-long-team-name/shop-of-the-whole-world.git";
        assert_eq!(json["source"], json!({"url": url, "revision": null, "path": "services/hello"}));
        assert_eq!(json["suspend"], json!({"by": "service", "reason": "a sale"}));
        assert_eq!(json["from"]["traffic"], "annotation andante.dev/traffic");
    }

    #[test]
    fn a_namespace_suspends_what_is_in_it() {
        let (lines, json) = seen(json!({}), false, Some(&Suspended { reason: None }));
        assert!(
            lines.iter().any(|line| line.starts_with("suspended  yes ") && line.ends_with("suspend of the namespace"))
        );
        assert_eq!(json["suspend"], json!({"by": "namespace", "reason": null}));
    }
}

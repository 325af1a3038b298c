//! One row of the table of run templates: what a declaration may name, and what is made of it.
//!
//! Decides what a row may say, and what is usual where it says nothing. Depends on YAML, kinds and signs of an end.

use super::contract::WORDS;
use super::declared::{ApiVersion, ObjectKind};
use super::over::EndSign;
use crate::model::api_kind::ApiKind;
use crate::model::yaml;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The longest row that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// What is made of what a declaration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Makes {
    /// A PipelineRun of a Pipeline.
    PipelineRun,
    /// A TaskRun of a Task.
    TaskRun,
    /// A `CustomRun` of a custom task.
    CustomRun,
    /// A Job from a CronJob's template.
    Job,
    /// An object from the row's template.
    Template {
        /// Its kind.
        kind: ApiKind,
        /// Where a list of parameters is put, as a JSON pointer; none: nowhere.
        parameters: Option<String>,
    },
}

impl Makes {
    /// What Tekton and Kubernetes know.
    pub(super) const KNOWN: [Self; 4] = [Self::PipelineRun, Self::TaskRun, Self::CustomRun, Self::Job];

    /// The kind of the runs that are made.
    pub(super) fn run_kind(&self) -> ApiKind {
        match self {
            Self::PipelineRun => ApiKind::usual("tekton.dev/v1", "PipelineRun"),
            Self::TaskRun => ApiKind::usual("tekton.dev/v1", "TaskRun"),
            Self::CustomRun => ApiKind::usual("tekton.dev/v1beta1", "CustomRun"),
            Self::Job => ApiKind::usual("batch/v1", "Job"),
            Self::Template { kind, .. } => kind.clone(),
        }
    }

    /// The sign of its end that is usual, of a good or of a bad one.
    pub(super) fn sign(&self, well: bool) -> Option<EndSign> {
        match self {
            Self::Job => Some(EndSign::condition(if well { "Complete" } else { "Failed" }, "True")),
            Self::Template { .. } => None,
            _ => Some(EndSign::condition("Succeeded", if well { "True" } else { "False" })),
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The API of what is named.
    pub api: ApiVersion,
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name, where the row is for one alone.
    pub name: Option<String>,
    /// The resolvers of Tekton's by which it may be found; none: it is in the Service's namespace, named by its name.
    pub resolvers: Option<Vec<String>>,
    /// Runs may be made.
    pub enabled: bool,
    /// What is made.
    pub makes: Makes,
    /// The account of the run's pods; none: what the cluster gives.
    pub account: Option<String>,
    /// How long the run may take, as its kind wants it; none: as long as its kind lets it.
    pub timeouts: Option<Value>,
    /// Its workspaces.
    pub workspaces: Vec<Value>,
    /// Words of the contract that are given under their own name too, where what is named has such a parameter.
    pub plain: Vec<&'static str>,
    /// What the run has beside all that.
    pub template: Map<String, Value>,
    /// Signs that it ended well.
    pub done: Vec<EndSign>,
    /// Signs that it failed.
    pub failed: Vec<EndSign>,
}

impl RunRow {
    /// Reads a row; an error is every reason why it cannot be read.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        if text.len() > LONGEST {
            return Err(vec![format!("it has {} bytes, and at most {LONGEST} are read", text.len())]);
        }
        match yaml::value(text, LONGEST) {
            Ok(Value::Object(fields)) => Fields { fields, whys: Vec::new() }.row(),
            Ok(_) => Err(vec!["it is no object".to_owned()]),
            Err(why) => Err(vec![why]),
        }
    }

    /// The kind of the runs that are made.
    pub fn run_kind(&self) -> ApiKind {
        self.makes.run_kind()
    }

    /// So long a run may take; none where the row does not say.
    pub(super) fn longest(&self) -> Option<Duration> {
        let timeouts = self.timeouts.as_ref()?;
        let text = timeouts.get("pipeline").unwrap_or(timeouts).as_str()?;
        humantime::parse_duration(text).ok()
    }

    /// The kind of the object that has to be read before a run can be made; none where its name is enough.
    pub fn reads(&self) -> Option<ApiKind> {
        let by_name =
            self.resolvers.is_none() && matches!(self.makes, Makes::PipelineRun | Makes::TaskRun | Makes::Job);
        by_name.then(|| ApiKind::usual(self.api.as_str(), self.kind.as_str()))
    }
}

/// The fields of a row that are not read yet.
struct Fields {
    fields: Map<String, Value>,
    whys: Vec<String>,
}

impl Fields {
    fn row(mut self) -> Result<RunRow, Vec<String>> {
        let api = self.needed("apiVersion").and_then(|text| self.parsed(&text));
        let kind = self.needed("kind").and_then(|text| self.parsed(&text));
        let name = self.text("name");
        let resolvers = self.fields.contains_key("resolvers").then(|| self.texts("resolvers"));
        let enabled = match self.fields.remove("enabled") {
            None | Some(Value::Bool(true)) => true,
            Some(Value::Bool(false)) => false,
            Some(_) => self.wrong("enabled", "true or false", true),
        };
        let makes = self.makes();
        let account = self.text("account");
        let timeouts = self.timeouts(makes.as_ref());
        let workspaces = self.workspaces();
        let plain = self.plain();
        let template = self.template();
        let (done, failed) = (self.signs("done", makes.as_ref()), self.signs("failed", makes.as_ref()));
        if let Some(Makes::Template { .. }) = &makes {
            for (field, given) in [
                ("account", account.is_some()),
                ("timeouts", timeouts.is_some()),
                ("workspaces", !workspaces.is_empty()),
            ] {
                if given {
                    self.whys.push(format!(
                        "`{field}` belongs into `template`, because only the template knows where it goes"
                    ));
                }
            }
            if done.is_empty() || failed.is_empty() {
                self.whys.push("`done` and `failed` are missing: nobody would know when a run is over".to_owned());
            }
        }
        if makes == Some(Makes::Job) && !workspaces.is_empty() {
            self.whys.push("`workspaces` has no meaning for a Job".to_owned());
        }
        if name.is_some() && resolvers.is_some() {
            self.whys.push("`name` has no meaning beside `resolvers`".to_owned());
        }
        self.whys.extend(self.fields.keys().map(|field| format!("the field `{field}` has no meaning")));
        let (Some(api), Some(kind), Some(makes), true) = (api, kind, makes, self.whys.is_empty()) else {
            return Err(self.whys);
        };
        Ok(RunRow {
            api,
            kind,
            name,
            resolvers,
            enabled,
            makes,
            account,
            timeouts,
            workspaces,
            plain,
            template,
            done,
            failed,
        })
    }

    fn wrong<T>(&mut self, field: &str, what: &str, instead: T) -> T {
        self.whys.push(format!("the field `{field}` is not {what}"));
        instead
    }

    fn text(&mut self, field: &str) -> Option<String> {
        match self.fields.remove(field)? {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => self.wrong(field, "a text", None),
        }
    }

    fn needed(&mut self, field: &str) -> Option<String> {
        if !self.fields.contains_key(field) {
            self.whys.push(format!("the field `{field}` is missing"));
        }
        self.text(field)
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, text: &str) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.whys.push(error.to_string())).ok()
    }

    fn texts(&mut self, field: &str) -> Vec<String> {
        let list = match self.fields.remove(field) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => return self.wrong(field, "a list of texts", Vec::new()),
        };
        let texts: Option<Vec<String>> = list.iter().map(|entry| entry.as_str().map(str::to_owned)).collect();
        texts.unwrap_or_else(|| self.wrong(field, "a list of texts", Vec::new()))
    }

    fn makes(&mut self) -> Option<Makes> {
        const WORDS: &str =
            "PipelineRun, TaskRun, CustomRun, Job or an object {apiVersion, kind, resource, parameters}";
        match self.fields.remove("makes") {
            Some(Value::String(word)) => match word.as_str() {
                "PipelineRun" => Some(Makes::PipelineRun),
                "TaskRun" => Some(Makes::TaskRun),
                "CustomRun" => Some(Makes::CustomRun),
                "Job" => Some(Makes::Job),
                _ => self.wrong("makes", WORDS, None),
            },
            Some(Value::Object(fields)) => {
                let mut inner = Self { fields, whys: Vec::new() };
                let api: Option<ApiVersion> = inner.needed("apiVersion").and_then(|text| inner.parsed(&text));
                let kind: Option<ObjectKind> = inner.needed("kind").and_then(|text| inner.parsed(&text));
                let resource = inner.text("resource");
                let parameters = inner.text("parameters");
                if parameters.as_ref().is_some_and(|path| !path.starts_with("spec.")) {
                    inner.wrong("parameters", "a place such as spec.arguments.parameters", ());
                }
                let parameters = parameters.map(|path| format!("/{}", path.replace('.', "/")));
                let plural = |text: &String| {
                    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                };
                if resource.as_ref().is_some_and(|resource| !plural(resource)) {
                    inner.wrong("resource", "the plural of a kind in lower-case letters", ());
                }
                inner.whys.extend(inner.fields.keys().map(|field| format!("the field `{field}` has no meaning")));
                self.whys.extend(inner.whys.into_iter().map(|why| format!("makes: {why}")));
                let (api, kind) = api.zip(kind)?;
                let usual = ApiKind::usual(api.as_str(), kind.as_str());
                let kind = ApiKind { resource: resource.unwrap_or(usual.resource), ..usual };
                Some(Makes::Template { kind, parameters })
            }
            _ => self.wrong("makes", WORDS, None),
        }
    }

    fn timeouts(&mut self, makes: Option<&Makes>) -> Option<Value> {
        let found = self.fields.remove("timeouts")?;
        // As Go reads a duration, because Tekton does.
        let go = |text: &str| {
            text.bytes().all(|b| b.is_ascii_digit() || b"hms".contains(&b)) && humantime::parse_duration(text).is_ok()
        };
        let is_time = |value: &Value| value.as_str().is_some_and(go);
        match (makes, &found) {
            (Some(Makes::PipelineRun), Value::Object(map))
                if map
                    .iter()
                    .all(|(name, time)| matches!(name.as_str(), "pipeline" | "tasks" | "finally") && is_time(time)) =>
            {
                Some(found)
            }
            (Some(Makes::PipelineRun), _) => {
                self.wrong("timeouts", "an object {pipeline, tasks, finally} of times such as 1h30m", None)
            }
            (_, time) if is_time(time) => Some(found),
            _ => self.wrong("timeouts", "a time such as 1h30m", None),
        }
    }

    fn workspaces(&mut self) -> Vec<Value> {
        match self.fields.remove("workspaces") {
            None => Vec::new(),
            Some(Value::Array(list)) if list.iter().all(|w| w.get("name").is_some_and(Value::is_string)) => list,
            Some(_) => self.wrong("workspaces", "a list of workspaces as Tekton writes them", Vec::new()),
        }
    }

    fn plain(&mut self) -> Vec<&'static str> {
        let mut plain = Vec::new();
        for text in self.texts("plain") {
            match WORDS.into_iter().find(|word| *word == text) {
                Some(word) => plain.push(word),
                None => self.whys.push(format!("`{text}` in `plain` is none of: {}", WORDS.join(", "))),
            }
        }
        plain
    }

    /// What the run has beside everything else: labels, annotations and a spec. Its name, namespace and owner are not for it to say.
    fn template(&mut self) -> Map<String, Value> {
        let template = match self.fields.remove("template") {
            None => return Map::new(),
            Some(Value::Object(template)) => template,
            Some(_) => return self.wrong("template", "an object {metadata, spec}", Map::new()),
        };
        for (field, value) in &template {
            let fine = match (field.as_str(), value) {
                ("metadata", Value::Object(metadata)) => {
                    let texts = |map: &Value| map.as_object().is_some_and(|map| map.values().all(Value::is_string));
                    metadata.iter().all(|(field, map)| matches!(field.as_str(), "labels" | "annotations") && texts(map))
                }
                ("spec", Value::Object(_)) => true,
                _ => false,
            };
            if !fine {
                let why = format!(
                    "`template.{field}` has no meaning: it may hold metadata.labels, metadata.annotations and spec"
                );
                self.whys.push(why);
            }
        }
        template
    }

    fn signs(&mut self, field: &str, makes: Option<&Makes>) -> Vec<EndSign> {
        let texts = self.texts(field);
        let mut signs = Vec::new();
        for text in &texts {
            match EndSign::read(text) {
                Ok(sign) => signs.push(sign),
                Err(why) => self.whys.push(format!("`{text}` in `{field}`: {why}")),
            }
        }
        if signs.is_empty() {
            signs.extend(makes.and_then(|makes| makes.sign(field == "done")));
        }
        signs
    }
}

/// The row that would have to be added for a kind, as an example in one line.
pub(super) fn example(api: &ApiVersion, kind: &ObjectKind, resolver: Option<&str>) -> String {
    let name = kind.as_str().to_ascii_lowercase();
    let makes = match kind.as_str() {
        "Pipeline" => "PipelineRun",
        "Task" => "TaskRun",
        "CronJob" => "Job",
        _ => "CustomRun",
    };
    match resolver {
        Some(resolver) => {
            format!(
                "{name}-by-{resolver}: \"{{apiVersion: {api}, kind: {kind}, resolvers: [{resolver}], makes: {makes}}}\""
            )
        }
        None => format!("{name}: \"{{apiVersion: {api}, kind: {kind}, makes: {makes}}}\""),
    }
}

/// A row's template as an object.
pub(super) fn base(row: &RunRow) -> Value {
    let mut object = json!({"metadata": {}, "spec": {}});
    if let Value::Object(fields) = &mut object {
        fields.extend(row.template.clone());
    }
    object
}

#[cfg(test)]
mod tests;

//! The object of a run.
//!
//! Decides what of it comes from where: name, namespace, labels and owner from the Service, account, timeouts and workspaces from
//! the row, parameters from contract and declaration. Nothing that a declaration says becomes anything but a parameter or the
//! name of what is run. Depends on rows and contracts.

use super::contract::Contract;
use super::declared::{CONTRACT, DeclaredPart, Fault, InCharge};
use super::row::{Makes, RunRow, base};
use super::table::place_of_charge;
use crate::model::api_kind::ApiKind;
use crate::model::observed::Service;
use crate::rollout::goal_status::RunName;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The label that names the Service of a run.
pub const OF_SERVICE: &str = "andante.dev/service";
/// The label that names the goal of a run.
pub const OF_GOAL: &str = "andante.dev/goal";

/// A run that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Making {
    /// Its name.
    pub name: RunName,
    /// The row that says how.
    pub row: RunRow,
    /// What it is a run of.
    pub in_charge: InCharge,
    pub(super) contract: Contract,
    /// The Service's uid.
    pub(super) uid: String,
}

/// A run as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeRun {
    /// Its kind.
    pub kind: ApiKind,
    /// The object.
    pub object: Value,
    /// What the owner should know.
    pub notes: Vec<String>,
}

impl Making {
    /// A run of this Service.
    pub(super) fn new(
        name: RunName,
        row: &RunRow,
        in_charge: &InCharge,
        contract: Contract,
        service: &Service,
    ) -> Self {
        Self { name, row: row.clone(), in_charge: in_charge.clone(), contract, uid: service.uid.clone() }
    }

    /// What has to be read before the object can be made: its kind and name.
    pub fn reads(&self) -> Option<(ApiKind, &str)> {
        match &self.in_charge {
            InCharge::Named { name, .. } => Some((self.row.reads()?, name.as_str())),
            InCharge::Resolved { .. } | InCharge::ExternalOperation => None,
        }
    }

    /// What the Service's owner reads where that is not there.
    pub fn not_there(&self) -> Fault {
        Fault {
            place: place_of_charge(),
            found: self.in_charge.short(),
            why: format!("there is no {} in namespace {}", self.in_charge, self.word("namespace")),
            allowed: "make it there, or name another one".to_owned(),
        }
    }

    /// The object; `named`: what was to be read.
    pub fn object(&self, named: Option<&Value>) -> Result<MadeRun, Vec<Fault>> {
        let kind = self.row.run_kind();
        let mut notes = Vec::new();
        let mut object = match &self.row.makes {
            Makes::PipelineRun | Makes::TaskRun | Makes::CustomRun => self.tekton(named, &mut notes)?,
            Makes::Job => self.job(named)?,
            Makes::Template { parameters, .. } => self.template(parameters.as_deref()),
        };
        set(&mut object, "/apiVersion", json!(kind.api));
        set(&mut object, "/kind", json!(kind.kind));
        set(&mut object, "/metadata/name", json!(self.name));
        set(&mut object, "/metadata/namespace", json!(self.word("namespace")));
        let labels = [
            (OF_SERVICE, self.word("service")),
            (OF_GOAL, self.word("goal")),
            ("app.kubernetes.io/managed-by", "andante"),
        ];
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        if let Some(metadata) = metadata {
            let map = metadata.entry("labels").or_insert_with(|| json!({}));
            if let Some(map) = map.as_object_mut() {
                map.extend(labels.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
            }
            // Gone with the Service; but a Service that is deleted does not wait for its runs.
            let owner = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": self.word("service"),
                "uid": self.uid, "controller": false, "blockOwnerDeletion": false});
            metadata.insert("ownerReferences".to_owned(), json!([owner]));
        }
        Ok(MadeRun { kind, object, notes })
    }

    fn word(&self, word: &str) -> &str {
        self.contract.value(word).unwrap_or_default()
    }

    fn tekton(&self, named: Option<&Value>, notes: &mut Vec<String>) -> Result<Value, Vec<Fault>> {
        let has = named.map(declared_params);
        let plain: Vec<&str> = match &has {
            Some(has) => self.row.plain.iter().copied().filter(|word| has.iter().any(|p| p.name == *word)).collect(),
            None => Vec::new(),
        };
        let params = self.contract.params(&plain);
        if let Some(has) = &has {
            self.compare(has, &params, notes)?;
        }
        let mut object = base(&self.row);
        let run = &self.row.makes;
        let (reference, account, time) = match run {
            Makes::PipelineRun => ("/spec/pipelineRef", "/spec/taskRunTemplate/serviceAccountName", "/spec/timeouts"),
            Makes::TaskRun => ("/spec/taskRef", "/spec/serviceAccountName", "/spec/timeout"),
            _ => ("/spec/customRef", "/spec/serviceAccountName", "/spec/timeout"),
        };
        let refers = match &self.in_charge {
            InCharge::Named { api, kind, name } if *run == Makes::CustomRun => {
                json!({"apiVersion": api, "kind": kind, "name": name})
            }
            InCharge::Named { name, .. } => json!({"name": name}),
            InCharge::Resolved { resolver, params, .. } => {
                let params: Vec<Value> =
                    params.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
                json!({"resolver": resolver, "params": params})
            }
            InCharge::ExternalOperation => Value::Null,
        };
        set(&mut object, reference, refers);
        set(&mut object, "/spec/params", Value::Array(params));
        if let Some(name) = &self.row.account {
            set(&mut object, account, json!(name));
        }
        if let Some(timeouts) = &self.row.timeouts {
            set(&mut object, time, timeouts.clone());
        }
        if !self.row.workspaces.is_empty() {
            set(&mut object, "/spec/workspaces", json!(self.row.workspaces));
        }
        Ok(object)
    }

    /// Holds what is given against what is wanted: a run that lacks a parameter would fail at once.
    fn compare(&self, has: &[DeclaredParam], given: &[Value], notes: &mut Vec<String>) -> Result<(), Vec<Fault>> {
        // Tekton takes `A` and `a` for one name.
        let given: BTreeSet<String> =
            given.iter().filter_map(|param| param.get("name")?.as_str()).map(str::to_ascii_lowercase).collect();
        let missing: Vec<Fault> = has
            .iter()
            .filter(|param| param.required && !given.contains(&param.name.to_ascii_lowercase()))
            .map(|param| Fault {
                place: format!("annotation {}", DeclaredPart::Params.annotation()),
                found: self.contract.declared_names().collect::<Vec<_>>().join(", "),
                why: format!("{} wants the parameter `{}`, which has no default", self.in_charge, param.name),
                allowed: format!("add it, such as {{{}: '...'}}", param.name),
            })
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let unknown: Vec<&str> = self
            .contract
            .declared_names()
            .filter(|name| !has.iter().any(|p| p.name.eq_ignore_ascii_case(name)))
            .collect();
        if !unknown.is_empty() {
            notes.push(format!(
                "{} has no parameter {}: nothing reads what is declared for it",
                self.in_charge,
                unknown.join(", ")
            ));
        }
        Ok(())
    }

    fn job(&self, named: Option<&Value>) -> Result<Value, Vec<Fault>> {
        let template = named.and_then(|cronjob| cronjob.pointer("/spec/jobTemplate"));
        let Some(template) = template else { return Err(vec![self.not_there()]) };
        let mut object = base(&self.row);
        for map in ["labels", "annotations"] {
            let own =
                template.pointer(&format!("/metadata/{map}")).and_then(Value::as_object).cloned().unwrap_or_default();
            let ours =
                object.pointer(&format!("/metadata/{map}")).and_then(Value::as_object).cloned().unwrap_or_default();
            let both: serde_json::Map<String, Value> = own.into_iter().chain(ours).collect();
            if !both.is_empty() {
                set(&mut object, &format!("/metadata/{map}"), Value::Object(both));
            }
        }
        let mut spec = template.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        spec.extend(self.row.template.get("spec").and_then(Value::as_object).cloned().unwrap_or_default());
        if let Some(fields) = object.as_object_mut() {
            fields.insert("spec".to_owned(), Value::Object(spec));
        }
        let variables = self
            .contract
            .variables(&format!("annotation {}", DeclaredPart::Params.annotation()))
            .map_err(|f| vec![f])?;
        for list in ["/spec/template/spec/initContainers", "/spec/template/spec/containers"] {
            for container in object.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let Some(container) = container.as_object_mut() else { continue };
                let env = container.entry("env").or_insert_with(|| json!([]));
                let Some(env) = env.as_array_mut() else { continue };
                // Two of one name would be a riddle; what the run is told goes before what its template says.
                env.retain(|variable| !variables.iter().any(|ours| ours.get("name") == variable.get("name")));
                env.extend(variables.iter().cloned());
            }
        }
        if let Some(name) = &self.row.account {
            set(&mut object, "/spec/template/spec/serviceAccountName", json!(name));
        }
        let seconds =
            self.row.timeouts.as_ref().and_then(Value::as_str).and_then(|text| humantime::parse_duration(text).ok());
        if let Some(seconds) = seconds {
            set(&mut object, "/spec/activeDeadlineSeconds", json!(seconds.as_secs()));
        }
        Ok(object)
    }

    fn template(&self, parameters: Option<&str>) -> Value {
        let mut object = base(&self.row);
        let name = match &self.in_charge {
            InCharge::Named { name, .. } => name.as_str(),
            InCharge::Resolved { .. } | InCharge::ExternalOperation => "",
        };
        let words: Vec<(String, &str)> = [("{name}".to_owned(), name)]
            .into_iter()
            .chain(self.contract.words().map(|(word, value)| (format!("{{{word}}}"), value)))
            .collect();
        if let Some(spec) = object.get_mut("spec") {
            fill(spec, &words);
        }
        if let Some(place) = parameters {
            set(&mut object, place, Value::Array(self.contract.params(&[])));
        }
        object
    }
}

/// A parameter that what is run declares.
struct DeclaredParam {
    name: String,
    required: bool,
}

fn declared_params(named: &Value) -> Vec<DeclaredParam> {
    let list = named.pointer("/spec/params").and_then(Value::as_array);
    let param = |param: &Value| {
        let name = param.get("name")?.as_str()?.to_owned();
        let required = param.get("default").is_none() && !name.to_ascii_lowercase().starts_with(CONTRACT);
        Some(DeclaredParam { name, required })
    };
    list.into_iter().flatten().filter_map(param).collect()
}

/// Puts the value there, through objects that are made where they are missing.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for field in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        let Some(fields) = place.as_object_mut() else { return };
        place = fields.entry(field).or_insert(Value::Null);
    }
    *place = value;
}

/// Fills words into texts, each text once: what a value holds is no word any more.
fn fill(value: &mut Value, words: &[(String, &str)]) {
    match value {
        Value::String(text) => *text = filled(text, words),
        Value::Array(list) => list.iter_mut().for_each(|entry| fill(entry, words)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, words)),
        _ => {}
    }
}

fn filled(text: &str, words: &[(String, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    'text: while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        for (word, value) in words {
            if let Some(after) = from.strip_prefix(word.as_str()) {
                out.push_str(value);
                rest = after;
                continue 'text;
            }
        }
        out.push('{');
        rest = from.get(1..).unwrap_or_default();
    }
    out + rest
}

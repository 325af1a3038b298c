//! What every run is told of its Service and goal, beside what the owner declared: the contract.
//!
//! Decides the names and where they go: parameters for Tekton, environment variables for a Job. They have a prefix of their own,
//! because Tekton puts parameters into task specs that never asked for them. Depends on declarations.

use super::declared::{
    CONTRACT, Declaration, DeclaredPart, DeclaredRepository, Fault, ParamValue, Params, SourceRevision,
};
use crate::model::name::{Namespace, ServiceName};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What environment variables of the contract begin with.
const VARIABLE: &str = "ANDANTE_";
/// What those of declared parameters begin with: a declaration may not set `PATH`.
const DECLARED_VARIABLE: &str = "ANDANTE_PARAM_";

/// The words of the contract, without their prefix.
pub(crate) const WORDS: [&str; 8] =
    ["service", "namespace", "goal", "git-url", "git-revision", "context", "repository", "container"];
/// What is of the declared source, and of no other one.
const OF_SOURCE: [&str; 2] = ["git-revision", "context"];

/// The contract of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contract {
    /// In the order of [`WORDS`]; empty where nothing is declared.
    values: [String; WORDS.len()],
    declared: Params,
}

impl Contract {
    /// What a run for this goal is told.
    pub(crate) fn of(service: &ServiceName, namespace: &Namespace, declaration: &Declaration) -> Self {
        let source = declaration.source.as_ref();
        let revision = source.and_then(|source| source.revision.as_ref());
        // A build's folder; where nobody names one, it is the whole repository.
        let path = source.map(|source| source.path.as_ref().map_or(".", |path| path.as_str()));
        let values = [
            service.to_string(),
            namespace.to_string(),
            declaration.id.to_string(),
            source.map(|source| source.url.as_str()).unwrap_or_default().to_owned(),
            revision.map(SourceRevision::as_str).unwrap_or_default().to_owned(),
            path.unwrap_or_default().to_owned(),
            declaration.image_repository.as_ref().map(DeclaredRepository::as_str).unwrap_or_default().to_owned(),
            // The one that serves is nobody's word: whoever builds finds it for himself.
            declaration.container.clone().filter(|_| declaration.says(DeclaredPart::Container)).unwrap_or_default(),
        ];
        Self { values, declared: declaration.params.clone() }
    }

    /// The value of a word.
    pub(super) fn value(&self, word: &str) -> Option<&str> {
        self.words().find(|(known, _)| *known == word).map(|(_, value)| value)
    }

    /// What is declared for a parameter of a run that was not given it, where `given_url` is the repository that it was given.
    pub(crate) fn declared_for(&self, name: &str, given_url: &str) -> Option<ParamValue> {
        let own =
            |name: &str| self.declared.iter().find(|(declared, _)| declared.as_str() == name).map(|(_, value)| value);
        let url = match own("git-url") {
            Some(ParamValue::Text(url)) if !url.is_empty() => Some(url.as_str()),
            _ => self.value("git-url"),
        };
        // Another repository has neither that one's commits nor its folders, wherever they are declared.
        if !given_url.is_empty() && url != Some(given_url) && OF_SOURCE.contains(&name) {
            return None;
        }
        if let Some(value) = own(name) {
            return Some(value.clone());
        }
        // `andante image` reads the declared repository itself: here it would count as typed, and no rule of the operator's for
        // names and tags would hold (docs/goal.md).
        let word = self.value(name).filter(|value| name != "repository" && !value.is_empty());
        word.map(|value| ParamValue::Text(value.to_owned()))
    }

    /// Every word and its value.
    pub(super) fn words(&self) -> impl Iterator<Item = (&'static str, &str)> {
        WORDS.into_iter().zip(self.values.iter().map(String::as_str))
    }

    /// Every name that the owner declared.
    pub(super) fn declared_names(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().map(|(name, _)| name.as_str())
    }

    /// All parameters, in Tekton's form. `plain`: words that are given under their own name too, where they have a value and the
    /// owner declares no such name.
    pub(super) fn params(&self, plain: &[&str]) -> Vec<Value> {
        let own = self.words().map(|(word, value)| json!({"name": format!("{CONTRACT}{word}"), "value": value}));
        let plain =
            self.words().filter(|(word, value)| plain.contains(word) && !value.is_empty() && !self.declares(word));
        let plain = plain.map(|(word, value)| json!({"name": word, "value": value}));
        let declared = self.declared.iter().map(|(name, value)| json!({"name": name, "value": value}));
        own.chain(plain).chain(declared).collect()
    }

    /// All parameters as environment variables; an error where two would be one.
    pub(super) fn variables(&self, place: &str) -> Result<Vec<Value>, Fault> {
        let mut variables: Vec<Value> = self
            .words()
            .map(|(word, value)| json!({"name": format!("{VARIABLE}{}", shouted(word)), "value": literal(value)}))
            .collect();
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (name, value) in self.declared.iter() {
            let variable = format!("{DECLARED_VARIABLE}{}", shouted(name.as_str()));
            if let Some(other) = seen.insert(variable.clone(), name.as_str()) {
                return Err(Fault {
                    place: place.to_owned(),
                    found: format!("{other}, {name}"),
                    why: format!("for a Job both are the variable {variable}"),
                    allowed: "give one of them another name".to_owned(),
                });
            }
            variables.push(json!({"name": variable, "value": literal(&value.text())}));
        }
        Ok(variables)
    }

    fn declares(&self, name: &str) -> bool {
        self.declared_names().any(|declared| declared.eq_ignore_ascii_case(name))
    }
}

/// A name as environment variables are written.
fn shouted(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// A value that Kubernetes leaves as it is. It expands `$(NAME)` in variables, so that whoever declares could else have a Secret
/// of the template put into a value of their own; `$$` stands for `$` there.
fn literal(value: &str) -> String {
    value.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::super::samples::declared;
    use super::*;

    fn contract(annotations: Value) -> Contract {
        Contract::of(&"hello".parse().unwrap(), &"shop".parse().unwrap(), &declared(annotations))
    }

    #[test]
    fn a_run_is_told_the_contract_and_what_was_declared() {
        let told = contract(json!({
            "andante.dev/pipeline": "p", "andante.dev/params": "{style: canary, steps: ['5', '25'], context: mine}",
            "andante.dev/source": "https://git.example.com/hello.git", "andante.dev/image-repository": "registry.example.com/shop"}));
        let goal = told.value("goal").unwrap().to_owned();
        assert_eq!(
            Value::Array(told.params(&["service", "git-url", "git-revision", "context"])),
            json!([
                {"name": "andante-service", "value": "hello"}, {"name": "andante-namespace", "value": "shop"},
                {"name": "andante-goal", "value": goal},
                {"name": "andante-git-url", "value": "https://git.example.com/hello.git"},
                {"name": "andante-git-revision", "value": ""}, {"name": "andante-context", "value": "."},
                {"name": "andante-repository", "value": "registry.example.com/shop"},
                {"name": "andante-container", "value": ""},
                {"name": "service", "value": "hello"}, {"name": "git-url", "value": "https://git.example.com/hello.git"},
                {"name": "context", "value": "mine"}, {"name": "steps", "value": ["5", "25"]}, {"name": "style", "value": "canary"},
            ])
        );
    }

    #[test]
    fn another_repository_has_nothing_of_the_declared_one() {
        let told = contract(json!({"andante.dev/pipeline": "p", "andante.dev/source": "https://x/a.git",
            "andante.dev/params": "{context: services/hello, git-revision: v1, dockerfile: Containerfile}"}));
        let text = |name: &str, url: &str| told.declared_for(name, url).map(|value| value.text());
        for url in ["", "https://x/a.git"] {
            assert_eq!(text("context", url).as_deref(), Some("services/hello"));
            assert_eq!(text("git-revision", url).as_deref(), Some("v1"));
        }
        assert_eq!((text("context", "https://x/b.git"), text("git-revision", "https://x/b.git")), (None, None));
        assert_eq!(text("dockerfile", "https://x/b.git").as_deref(), Some("Containerfile"));
        // A repository that is declared as a parameter is the declared one.
        let told = contract(json!({"andante.dev/pipeline": "p", "andante.dev/source": "https://x/a.git",
            "andante.dev/params": "{git-url: 'https://x/b.git', context: b}"}));
        assert!(told.declared_for("context", "https://x/b.git").is_some());
        assert!(told.declared_for("context", "https://x/a.git").is_none());
    }

    #[test]
    fn a_job_is_told_by_its_environment() {
        let told =
            contract(json!({"andante.dev/pipeline": "CronJob/p", "andante.dev/params": "{a.b: x, list: [v, w]}"}));
        let variables = told.variables("here").unwrap();
        assert_eq!(variables.len(), WORDS.len() + 2);
        assert_eq!(variables[0], json!({"name": "ANDANTE_SERVICE", "value": "hello"}));
        assert_eq!(variables[3], json!({"name": "ANDANTE_GIT_URL", "value": ""}));
        assert_eq!(variables[8], json!({"name": "ANDANTE_PARAM_A_B", "value": "x"}));
        assert_eq!(variables[9], json!({"name": "ANDANTE_PARAM_LIST", "value": r#"["v","w"]"#}));
        let asks = contract(
            json!({"andante.dev/pipeline": "CronJob/p", "andante.dev/params": "{url: 'https://x/?$(PASSWORD)$'}"}),
        );
        assert_eq!(asks.variables("here").unwrap()[8]["value"], "https://x/?$$(PASSWORD)$$");
        let named = contract(json!({"andante.dev/pipeline": "CronJob/p", "andante.dev/container": "web"}));
        assert_eq!(named.variables("here").unwrap()[7], json!({"name": "ANDANTE_CONTAINER", "value": "web"}));
        let twice = contract(json!({"andante.dev/pipeline": "CronJob/p", "andante.dev/params": "{a.b: x, a-b: w}"}));
        assert!(twice.variables("here").unwrap_err().why.contains("ANDANTE_PARAM_A_B"));
    }
}

//! PipelineRuns that andante may belong to: real objects with a real uid and creation time.

use super::wait::{SHORT, eventually};
use super::{LONG, Running, Space, condition};
use serde_json::{Value, json};

/// A PipelineRun in a test's namespace.
#[derive(Debug, Clone)]
pub struct Run {
    pub name: String,
    pub uid: String,
}

impl Run {
    /// One that is pending: it counts as running, and needs no pod.
    pub fn pending(space: &Space, name: &str) -> Self {
        Self::create(space, name, &json!("PipelineRunPending"))
    }

    /// One that ran a step and is over.
    pub fn over(space: &Space, name: &str) -> Self {
        let run = Self::create(space, name, &Value::Null);
        eventually(&format!("PipelineRun {name} is over"), LONG, || {
            (condition(&space.get("pipelinerun", name), "Succeeded").0 == "True").then_some(())
        });
        run
    }

    fn create(space: &Space, name: &str, status: &Value) -> Self {
        let step = json!({"name": "step", "image": "dev.local/andante-shell:v1", "script": "#!/bin/sh\nexit 0\n"});
        let mut object = json!({
            "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": name},
            "spec": {"pipelineSpec": {"tasks": [{"name": "task", "taskSpec": {"steps": [step]}}]}}
        });
        if !status.is_null() {
            object["spec"]["status"] = status.clone();
        }
        space.kubectl_with(&["create", "-f", "-"], &object).good();
        let uid = space.get("pipelinerun", name)["metadata"]["uid"].as_str().unwrap().to_owned();
        Self { name: name.to_owned(), uid }
    }

    /// Cancels it and waits until it is over.
    pub fn cancel(&self, space: &Space) {
        space.merge("pipelinerun", &self.name, &json!({"spec": {"status": "Cancelled"}})).good();
        eventually(&format!("PipelineRun {} is cancelled", self.name), SHORT, || {
            (condition(&space.get("pipelinerun", &self.name), "Succeeded").0 == "False").then_some(())
        });
    }

    /// Starts `andante` as a step of this run.
    pub fn andante(&self, space: &Space, arguments: &[&str]) -> Running {
        let environment = [
            ("ANDANTE_PIPELINE_RUN", self.name.as_str()),
            ("ANDANTE_PIPELINE_RUN_UID", self.uid.as_str()),
            ("ANDANTE_RUN_NAMESPACE", space.namespace.as_str()),
        ];
        space.start_with(arguments, &environment)
    }
}

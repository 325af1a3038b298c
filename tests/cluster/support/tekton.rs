//! Runs of our Pipelines and Tasks on the real Tekton, as a user makes them: the files as they are shipped, an account
//! with the shipped Role, and a run that names parameters.

use super::image::image;
use super::repository::tools;
use super::space::{Space, condition};
use super::wait::{LONG, eventually};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Long enough for a whole pipeline on a busy machine.
pub const PIPELINE: Duration = Duration::from_secs(300);

/// Installs a package of the catalog (`pipelines/canary`) and what its account may do.
#[track_caller]
pub fn install(space: &Space, package: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(package);
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    for file in [folder.join(format!("{name}.yaml")), folder.join("support/rbac.yaml")] {
        if file.exists() {
            space.kubectl(&["apply", "-f", file.to_str().unwrap()]).good();
        }
    }
}

/// The same with the images of a cluster as the Pipeline's own, as `kustomization.yaml` names them: a run needs none of them.
#[track_caller]
pub fn install_with_images(space: &Space, package: &str) {
    install(space, package);
    let name = package.rsplit_once('/').unwrap().1;
    let mut pipeline = catalog(&format!("{package}/{name}.yaml"));
    for param in pipeline["spec"]["params"].as_array_mut().unwrap() {
        let named = tools().into_iter().find(|(name, _)| param["name"] == *name).map(|(_, image)| image);
        if let Some(image) = named.or_else(|| (param["name"] == "andante-image").then(|| image().to_owned())) {
            param["default"] = json!(image);
        }
    }
    space.apply(&pipeline);
}

/// A run to be made.
#[derive(Debug, Clone)]
pub struct Wish {
    object: Value,
}

/// A run of a Pipeline under the account `andante`, with our own image.
pub fn pipeline(name: &str, params: &[(&str, &str)]) -> Wish {
    let mut all: Vec<Value> = params.iter().map(|(n, v)| json!({"name": n, "value": v})).collect();
    all.push(json!({"name": "andante-image", "value": image()}));
    Wish {
        object: json!({
            "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {},
            "spec": {
                "pipelineRef": {"name": name}, "params": all,
                "taskRunTemplate": {"serviceAccountName": "andante"},
                "timeouts": {"pipeline": "3h", "tasks": "2h50m", "finally": "10m"}
            }
        }),
    }
}

impl Wish {
    /// Sets part of the spec, by JSON pointer.
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.object["spec"].pointer_mut(parent).unwrap()[key] = value;
        self
    }

    /// Gives a parameter, or another value for it.
    pub fn param(mut self, name: &str, value: &str) -> Self {
        let params = self.object["spec"]["params"].as_array_mut().unwrap();
        params.retain(|param| param["name"] != name);
        params.push(json!({"name": name, "value": value}));
        self
    }

    /// Gives a parameter that is a list.
    pub fn list(mut self, name: &str, values: &[&str]) -> Self {
        self.object["spec"]["params"].as_array_mut().unwrap().push(json!({"name": name, "value": values}));
        self
    }

    /// Makes it.
    #[track_caller]
    pub fn start<'a>(mut self, space: &'a Space, name: &str) -> PipelineRun<'a> {
        self.object["metadata"]["name"] = json!(name);
        space.kubectl_with(&["create", "-f", "-"], &self.object).good();
        PipelineRun { space, name: name.to_owned() }
    }
}

/// A PipelineRun that goes on.
#[derive(Debug, Clone)]
pub struct PipelineRun<'a> {
    pub space: &'a Space,
    pub name: String,
}

/// One that is over.
#[derive(Debug, Clone)]
pub struct Over {
    pub object: Value,
    /// `True` or `False`.
    pub succeeded: String,
    pub reason: String,
    pub message: String,
    /// What each task's pod said, while there were pods: `TASK: LINE`.
    pub log: String,
}

impl PipelineRun<'_> {
    pub fn object(&self) -> Value {
        self.space.get("pipelinerun", &self.name)
    }

    /// Waits for its end.
    #[track_caller]
    pub fn over(&self) -> Over {
        let object = eventually(&format!("{} is over", self.name), PIPELINE, || {
            let object = self.object();
            ["True", "False"].contains(&condition(&object, "Succeeded").0.as_str()).then_some(object)
        });
        let (succeeded, reason, message) = condition(&object, "Succeeded");
        let log = self.log();
        eprintln!("{}: {succeeded} {reason}: {message}\n{log}", self.name);
        Over { object, succeeded, reason, message, log }
    }

    /// Its pods, in the order in which they were made.
    pub fn pods(&self) -> Vec<Value> {
        let mut pods = self.space.list("pod", &format!("tekton.dev/pipelineRun={}", self.name));
        pods.sort_by_key(|pod| pod["metadata"]["creationTimestamp"].as_str().unwrap().to_owned());
        pods
    }

    /// The pod of a task, once there is one.
    pub fn pod(&self, task: &str) -> Option<Value> {
        let mut pods = self.pods();
        pods.retain(|p| {
            p["metadata"]["labels"]["tekton.dev/pipelineTask"] == task && p["metadata"]["deletionTimestamp"].is_null()
        });
        pods.pop()
    }

    /// What its steps have said so far. Tekton's own line comes from another container, at any place.
    pub fn log(&self) -> String {
        let mut text = String::new();
        for pod in self.pods() {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let task = pod["metadata"]["labels"]["tekton.dev/pipelineTask"].as_str().unwrap_or("?");
            let said = self.space.kubectl(&["logs", name, "--all-containers"]).out;
            let steps = said.lines().filter(|line| !line.ends_with("Entrypoint initialization"));
            text.extend(steps.map(|line| format!("{task}: {line}\n")));
        }
        text
    }

    /// The TaskRun of a task.
    pub fn task(&self, task: &str) -> Option<Value> {
        let selector = format!("tekton.dev/pipelineRun={},tekton.dev/pipelineTask={task}", self.name);
        self.space.list("taskrun", &selector).pop()
    }

    /// Waits until the split of a Service holds this text. A run that is over before is shown, with the last that its steps said:
    /// the pods of a run that was cut short are gone a moment later.
    #[track_caller]
    pub fn serves(&self, service: &str, text: &str) {
        let mut said = String::new();
        eventually(&format!("{service} serves {text}"), LONG, || {
            let (succeeded, reason, message) = condition(&self.object(), "Succeeded");
            let now = self.log();
            if !now.is_empty() {
                said = now;
            }
            let serves = self.space.served(service).contains(text);
            let over = ["True", "False"].contains(&succeeded.as_str());
            assert!(serves || !over, "{service} never served {text}. {reason}: {message}\n{said}");
            serves.then_some(())
        });
    }

    /// Asks for its end: `Cancelled`, `CancelledRunFinally`, `StoppedRunFinally`.
    #[track_caller]
    pub fn end(&self, how: &str) {
        self.space.merge("pipelinerun", &self.name, &json!({"spec": {"status": how}})).good();
    }
}

impl Over {
    /// The run ended well.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.succeeded, "True", "{}: {}\n{}", self.reason, self.message, self.log);
        self
    }

    /// The run failed.
    #[track_caller]
    pub fn bad(self) -> Self {
        assert_eq!(self.succeeded, "False", "{}: {}\n{}", self.reason, self.message, self.log);
        self
    }

    /// One of its results.
    pub fn result(&self, name: &str) -> Option<String> {
        let results = self.object["status"]["results"].as_array()?;
        results.iter().find(|r| r["name"] == name)?["value"].as_str().map(str::to_owned)
    }

    /// Its log has this line.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.log.contains(text), "nobody said `{text}`\n{}", self.log);
        self
    }

    /// A result is this.
    #[track_caller]
    pub fn gives(self, name: &str, value: &str) -> Self {
        assert_eq!(self.result(name).as_deref(), Some(value), "result {name}: {}", self.object["status"]["results"]);
        self
    }
}

/// A TaskRun to its end.
#[track_caller]
pub fn task_run(space: &Space, name: &str, spec: &Value) -> Value {
    space.apply(&json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": name}, "spec": spec}));
    let run = eventually(&format!("TaskRun {name} is over"), PIPELINE, || {
        let run = space.get("taskrun", name);
        ["True", "False"].contains(&condition(&run, "Succeeded").0.as_str()).then_some(run)
    });
    let pod = run["status"]["podName"].as_str().unwrap_or_default();
    let said = space.kubectl(&["logs", pod, "--all-containers"]).out;
    eprintln!("{name}: {:?}\n{said}", condition(&run, "Succeeded"));
    run
}

/// An object of a file of the catalog: the Role of a name in `FILE#NAME`, else the first one.
#[track_caller]
pub fn catalog(path: &str) -> Value {
    let (path, role) = path.split_once('#').map_or((path, None), |(path, role)| (path, Some(role)));
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut objects = text.split("\n---\n").map(|part| serde_saphyr::from_str::<Value>(part).unwrap());
    let is_it = |object: &Value| role.is_none_or(|role| object["kind"] == "Role" && object["metadata"]["name"] == role);
    objects.find(is_it).unwrap_or_else(|| panic!("{path} has no Role {role:?}"))
}

/// The exit code and the result of a name of a TaskRun.
pub fn exit_code(task_run: &Value) -> Option<i64> {
    task_run.pointer("/status/steps/0/terminated/exitCode").and_then(Value::as_i64)
}

/// A result of a TaskRun.
pub fn task_result(task_run: &Value, name: &str) -> Option<String> {
    let results = task_run.pointer("/status/results")?.as_array()?;
    results.iter().find(|r| r["name"] == name)?["value"].as_str().map(str::to_owned)
}

/// Waits until the split of a Service holds this text.
#[track_caller]
pub fn served_becomes(space: &Space, service: &str, text: &str) {
    eventually(&format!("{service} serves {text}"), LONG, || {
        space.find("ksvc", service).is_some_and(|_| space.served(service).contains(text)).then_some(())
    });
}

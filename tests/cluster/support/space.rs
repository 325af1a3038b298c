//! A namespace for one test: nothing in it disturbs another test, and nothing is left of it when the test was good.

use super::andante::{Ran, Running};
use super::api;
use super::cluster::{Answer, Cluster};
use super::kubectl::{Done, run};
use super::sample::Sample;
use super::wait::{LONG, eventually};
use super::watch::Watch;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What every namespace of these tests is labelled with.
const LABEL: &str = "andante.dev/test";

/// A namespace of its own.
#[derive(Debug)]
pub struct Space {
    pub namespace: String,
    pub cluster: &'static Cluster,
    began: Instant,
}

impl Space {
    /// Makes `andante-test-NAME-SUFFIX`.
    pub fn new(name: &str) -> Self {
        let cluster = Cluster::get();
        let suffix: String = (0..5).map(|_| fastrand::lowercase()).collect();
        let space = Self { namespace: format!("andante-test-{name}-{suffix}"), cluster, began: Instant::now() };
        let object = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": space.namespace, "labels": {LABEL: name}}});
        space.kubectl_with(&["create", "-f", "-"], &object).good();
        space
    }

    /// kubectl in this namespace.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> Done {
        let mut command = self.cluster.kubectl();
        run(command.args(["-n", &self.namespace]).args(arguments), None, LONG)
    }

    /// kubectl with an object on its standard input (`apply -f -`).
    #[track_caller]
    pub fn kubectl_with(&self, arguments: &[&str], object: &Value) -> Done {
        let mut command = self.cluster.kubectl();
        run(command.args(["-n", &self.namespace]).args(arguments), Some(object.to_string()), LONG)
    }

    /// An object, or None if there is none.
    #[track_caller]
    pub fn find(&self, kind: &str, name: &str) -> Option<Value> {
        if let Some(path) = api::path(&self.namespace, kind) {
            return api::read(&format!("{path}/{name}"));
        }
        let done = self.kubectl(&["get", kind, name, "-o", "json", "--ignore-not-found"]).good();
        (!done.out.trim().is_empty()).then(|| serde_json::from_str(&done.out).unwrap())
    }

    /// An object that must be there.
    #[track_caller]
    pub fn get(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name).unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// All objects of a kind with a label.
    #[track_caller]
    pub fn list(&self, kind: &str, selector: &str) -> Vec<Value> {
        let list = match api::path(&self.namespace, kind) {
            Some(path) => api::read(&format!("{path}?labelSelector={selector}")).unwrap(),
            None => {
                serde_json::from_str(&self.kubectl(&["get", kind, "-l", selector, "-o", "json"]).good().out).unwrap()
            }
        };
        list["items"].as_array().unwrap().clone()
    }

    /// The Service.
    #[track_caller]
    pub fn service(&self, name: &str) -> Value {
        self.get("ksvc", name)
    }

    /// `kubectl apply` of an object.
    #[track_caller]
    pub fn apply(&self, object: &Value) {
        self.kubectl_with(&["apply", "-f", "-"], object).good();
    }

    /// `kubectl patch --type=merge`.
    #[track_caller]
    pub fn merge(&self, kind: &str, name: &str, patch: &Value) -> Done {
        self.kubectl(&["patch", kind, name, "--type=merge", "-p", &patch.to_string()])
    }

    /// Applies a Service and waits until it is Ready and the gateway answers with `version`.
    #[track_caller]
    pub fn serve(&self, sample: &Sample) {
        self.apply(&sample.object);
        let name = sample.object["metadata"]["name"].as_str().unwrap();
        self.settled(name);
        eventually(&format!("{name} answers at the gateway"), LONG, || self.ask(name).filter(|a| a.status == 200));
    }

    /// Waits until the Service is Ready for its present spec.
    #[track_caller]
    pub fn settled(&self, name: &str) -> Value {
        eventually(&format!("{name} is Ready"), LONG, || {
            let service = self.service(name);
            let observed = service["status"]["observedGeneration"] == service["metadata"]["generation"];
            (observed && condition(&service, "Ready").0 == "True").then_some(service)
        })
    }

    /// Waits until a revision is Ready.
    #[track_caller]
    pub fn ready(&self, revision: &str) {
        eventually(&format!("{revision} is Ready"), LONG, || {
            let found = self.find("revision", revision)?;
            (condition(&found, "Ready").0 == "True").then_some(())
        });
    }

    /// The split in `spec.traffic`: `hello-00001 95 #stable, hello-00002 5 #candidate, latest 0 #qa`.
    #[track_caller]
    pub fn split(&self, name: &str) -> String {
        split(&self.service(name)["spec"]["traffic"])
    }

    /// The split in `status.traffic`, in the same form.
    #[track_caller]
    pub fn served(&self, name: &str) -> String {
        split(&self.service(name)["status"]["traffic"])
    }

    /// The rollout's record.
    #[track_caller]
    pub fn record(&self, name: &str) -> Value {
        record(&self.service(name)).unwrap_or_else(|| panic!("{name} has no record"))
    }

    /// What `spec.traffic` and the template are fenced by: it changes with every write to the spec.
    #[track_caller]
    pub fn generation(&self, name: &str) -> i64 {
        self.service(name)["metadata"]["generation"].as_i64().unwrap()
    }

    /// Follows a Service from now on.
    pub fn watch(&self, name: &str) -> Watch {
        Watch::start(&self.namespace, "ksvc", name)
    }

    /// Follows a pod from now on.
    pub fn watch_pod(&self, name: &str) -> Watch {
        Watch::start(&self.namespace, "pod", name)
    }

    /// The public host of a Service, or (as `TAG-NAME`) of one of its tags.
    pub fn host(&self, name: &str) -> String {
        format!("{name}.{}.{}", self.namespace, self.cluster.domain)
    }

    /// Asks a Service (or `TAG-NAME`) once.
    pub fn ask(&self, name: &str) -> Option<Answer> {
        self.cluster.ask(&self.host(name), "/")
    }

    /// One request for a path of a Service (or of `TAG-NAME`).
    pub fn ask_for(&self, name: &str, path: &str) -> Option<Answer> {
        self.cluster.ask(&self.host(name), path)
    }

    /// The version that answers at a Service (or `TAG-NAME`); None: no answer, or not the application's.
    pub fn version(&self, name: &str) -> Option<String> {
        self.ask(name).filter(|a| a.status == 200).and_then(|a| a.version)
    }

    /// Waits until `times` answers in a row are of this version.
    #[track_caller]
    pub fn answers(&self, name: &str, version: &str, times: usize) {
        eventually(&format!("{name} answers {version}, {times} times in a row"), LONG, || {
            (0..times).all(|_| self.version(name).as_deref() == Some(version)).then_some(())
        });
    }

    /// A file for this test alone.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", self.namespace));
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs `andante` in this namespace to its end (at most three minutes).
    #[track_caller]
    pub fn andante(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).wait(Duration::from_secs(180))
    }

    /// Starts `andante` in this namespace. An `ANDANTE_*` variable makes it part of a run: [`Self::start_as`].
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, &[])
    }

    /// Starts `andante` with variables of its own.
    pub fn start_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        let mut all = arguments.to_vec();
        all.extend(["--namespace", &self.namespace]);
        Running::start(&all, environment)
    }

    /// Starts `andante` as the PipelineRun `run`, which has the uid `run-uid`; whether it exists is another matter.
    pub fn start_as(&self, run: &str, arguments: &[&str]) -> Running {
        let uid = format!("{run}-uid");
        let environment = [
            ("ANDANTE_PIPELINE_RUN", run),
            ("ANDANTE_PIPELINE_RUN_UID", uid.as_str()),
            ("ANDANTE_RUN_NAMESPACE", self.namespace.as_str()),
        ];
        self.start_with(arguments, &environment)
    }

    /// `andante stage NAME --image sample:VERSION`, which must go well; the candidate's revision.
    #[track_caller]
    pub fn stage(&self, name: &str, version: &str) -> String {
        let image = format!("dev.local/andante-sample:{version}");
        self.andante(&["stage", name, "--image", &image]).ended(0).ends_with("staged");
        self.record(name)["candidate"].as_str().unwrap().to_owned()
    }

    /// Which tests make the suite long: a line each in `cluster-times` (target/tmp).
    fn note_time(&self) {
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cluster-times");
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(file) {
            drop(writeln!(file, "{:6.1} s {test}", self.began.elapsed().as_secs_f64()));
        }
    }

    fn dump(&self) {
        eprintln!("---- {} is left as it is; what is in it:", self.namespace);
        let pictures: [&[&str]; 6] = [
            &["get", "ksvc", "-o", "yaml"],
            &["get", "revisions,routes,configurations"],
            &["get", "revisions", "-o", "jsonpath={range .items[*]}{.metadata.name}{\": \"}{.status}{\"\\n\"}{end}"],
            &["get", "pods", "-o", "wide"],
            &["get", "podautoscalers"],
            &["get", "events", "--sort-by=.lastTimestamp"],
        ];
        for arguments in pictures {
            let mut command = self.cluster.kubectl();
            let output = command.args(["-n", &self.namespace, "--request-timeout=20s"]).args(arguments).output();
            if let Ok(output) = output {
                let text = String::from_utf8_lossy(&output.stdout);
                eprintln!("-- kubectl {}\n{text}{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
            }
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.note_time();
        if std::thread::panicking() {
            self.dump();
            return;
        }
        let mut command = self.cluster.kubectl();
        command.args(["delete", "namespace", &self.namespace, "--wait=false", "--request-timeout=20s"]);
        drop(command.output());
        for entry in std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&self.namespace) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
        // Nobody asks these pods any more: they need not wait for late requests.
        let mut command = self.cluster.kubectl();
        command.args(["delete", "pods", "--all", "-n", &self.namespace, "--wait=false", "--grace-period=1"]);
        drop(command.args(["--request-timeout=20s"]).output());
    }
}

/// A condition's status, reason and message.
pub fn condition(object: &Value, kind: &str) -> (String, String, String) {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|c| c["type"] == kind);
    let text = |field: &str| found.and_then(|c| c[field].as_str()).unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

/// The record on a Service.
pub fn record(service: &Value) -> Option<Value> {
    let text = service["metadata"]["annotations"]["andante.dev/rollout"].as_str()?;
    Some(serde_json::from_str(text).expect("the record is JSON"))
}

/// A list of traffic targets in one line.
pub fn split(traffic: &Value) -> String {
    let targets = traffic.as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |target: &Value| {
        let name = match target["revisionName"].as_str() {
            Some(name) if target["latestRevision"] != true => name,
            Some(name) => &format!("latest={name}"),
            None => "latest",
        };
        let tag = target["tag"].as_str().map(|t| format!(" #{t}")).unwrap_or_default();
        format!("{name} {}{tag}", target["percent"].as_i64().unwrap_or(0))
    };
    targets.iter().map(one).collect::<Vec<_>>().join(", ")
}

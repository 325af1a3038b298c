//! Optional parts of the bundled cluster, and manifests of `config` that need them: under a test's own names, since other tests
//! share the cluster.

use super::cluster::Cluster;
use super::image::image;
use super::kubectl::run;
use super::space::{Space, condition};
use super::wait::{LONG, eventually};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// Starts Tekton Triggers and Knative Eventing where the bundled cluster runs (built at first: minutes). Another cluster has to have
/// them.
pub fn triggers_and_eventing() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| start(&["triggers", "eventing"]));
}

/// The same of a second networking layer.
pub fn contour() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| start(&["contour"]));
}

fn start(parts: &[&str]) {
    if std::env::var_os("ANDANTE_TESTBED_STATE").is_some() {
        let testbed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/cluster");
        let started = run(Command::new(testbed).arg("part").args(parts), None, Duration::from_secs(1800));
        eprintln!("{}", started.good().err);
    }
}

/// Objects of manifests, until this is dropped.
#[derive(Debug)]
pub struct Installed {
    objects: Vec<Value>,
    namespace: String,
}

impl Installed {
    /// Applies what `kubectl kustomize` makes of a folder of `config`, or a file there, each object changed by `change`. `home` is the
    /// namespace that the manifests call by `called`; what belongs to no namespace gets a name of its own.
    #[track_caller]
    pub fn new(home: &Space, place: &str, called: &str, change: impl Fn(&mut Value)) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(place);
        let text = if path.is_dir() {
            run(Cluster::get().kubectl().arg("kustomize").arg(&path), None, LONG).good().out
        } else {
            std::fs::read_to_string(&path).unwrap()
        };
        let text = text.replace(called, &home.namespace).replace("registry.example.com/andante:0.1.0", image());
        let object = |text: &str| {
            let mut object: Value = serde_saphyr::from_str(text).unwrap();
            let kind = object["kind"].as_str().unwrap().to_owned();
            if kind.starts_with("ClusterRole") {
                object["metadata"]["name"] = own(&object["metadata"]["name"], home);
                if kind.ends_with("Binding") {
                    object["roleRef"]["name"] = own(&object["roleRef"]["name"], home);
                }
            }
            change(&mut object);
            object
        };
        let objects: Vec<Value> =
            text.split("\n---\n").map(object).filter(|object| object["kind"] != "Namespace").collect();
        let installed = Self { objects, namespace: home.namespace.clone() };
        home.kubectl_with(&["create", "-f", "-"], &installed.list()).good();
        installed
    }

    fn list(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "List", "items": self.objects})
    }

    /// `kubectl delete` of the same manifests; nothing of them is left.
    #[track_caller]
    pub fn take_away(&self, home: &Space) {
        home.kubectl_with(&["delete", "--timeout=60s", "-f", "-"], &self.list()).good();
        let left = home.kubectl_with(&["get", "--ignore-not-found", "-o", "name", "-f", "-"], &self.list()).good();
        assert_eq!(left.out, "");
    }
}

fn own(name: &Value, home: &Space) -> Value {
    json!(format!("{}-{}", name.as_str().unwrap(), home.namespace))
}

impl Drop for Installed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Who listened tells more than what it left.
            let mut logs = Cluster::get().kubectl();
            logs.args([
                "logs",
                "-n",
                &self.namespace,
                "-l",
                "app.kubernetes.io/managed-by=EventListener",
                "--tail=200",
            ]);
            if let Ok(output) = logs.output() {
                eprintln!("-- listeners\n{}", String::from_utf8_lossy(&output.stdout));
            }
        }
        // Those of the namespace go with it.
        let cluster: Vec<&Value> = self.objects.iter().filter(|o| o["metadata"]["namespace"].is_null()).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": cluster});
        let mut command = Cluster::get().kubectl();
        let gone = ["delete", "--ignore-not-found", "--wait=false", "--request-timeout=20s", "-f", "-"];
        drop(run(command.args(gone), Some(list.to_string()), LONG));
    }
}

/// Waits until an `EventListener` takes events; the address (`host:port`) that it takes them at.
#[track_caller]
pub fn listens(home: &Space, name: &str) -> String {
    eventually(&format!("EventListener {name} listens"), LONG, || {
        let listener = home.get("eventlistener", name);
        (condition(&listener, "Available").0 == "True" && condition(&listener, "Ready").0 == "True").then_some(())
    });
    let service = home.get("service", &format!("el-{name}"));
    format!("{}:8080", service["spec"]["clusterIP"].as_str().unwrap())
}

//! The policies of `config/care` as a test installs them: under names of its own and for its own namespace alone, since
//! other tests share the cluster.

use super::api::{path, send};
use super::cluster::Cluster;
use super::kubectl::{Done, run};
use super::sample::Sample;
use super::space::Space;
use super::wait::{LONG, SHORT, eventually};
use serde_json::{Value, json};
use std::path::Path;

/// Policies that hold for one namespace, until this is dropped.
#[derive(Debug)]
pub struct Care {
    objects: Vec<Value>,
    /// The ClusterRole of those who may declare.
    pub role: String,
}

/// A Service `hello` that answers v1, in care of `slow-walk`, and the policies of a folder of `config`.
#[track_caller]
pub fn in_care(name: &str, folder: &str) -> (Space, Care) {
    let space = Space::new(name);
    space.serve(&declared("hello", "v1"));
    let care = Care::install(&space, folder, |_| {});
    take_effect(&space, "hello");
    (space, care)
}

/// A Service in care of `slow-walk`.
pub fn declared(name: &str, version: &str) -> Sample {
    super::sample(name, version).annotation("andante.dev/pipeline", "slow-walk")
}

impl Care {
    /// Applies the objects of `config/FOLDER`, each changed by `change`.
    #[track_caller]
    pub fn install(space: &Space, folder: &str, change: impl Fn(&mut Value)) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(folder);
        let mut build = Cluster::get().kubectl();
        let text = run(build.arg("kustomize").arg(folder), None, LONG).good().out;
        let own = |name: &Value| json!(format!("{}-{}", name.as_str().unwrap(), space.namespace));
        let object = |text: &str| {
            let mut object: Value = serde_saphyr::from_str(text).unwrap();
            object["metadata"]["name"] = own(&object["metadata"]["name"]);
            if object["kind"].as_str().unwrap().ends_with("PolicyBinding") {
                object["spec"]["policyName"] = own(&object["spec"]["policyName"]);
                let here = json!({"matchLabels": {"kubernetes.io/metadata.name": space.namespace}});
                object["spec"]["matchResources"] = json!({"namespaceSelector": here});
            }
            change(&mut object);
            object
        };
        let objects: Vec<Value> = text.split("\n---\n").map(object).collect();
        let care = Self { objects, role: format!("andante-declare-{}", space.namespace) };
        space.kubectl_with(&["create", "-f", "-"], &care.list()).good();
        care
    }

    fn list(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "List", "items": self.objects})
    }
}

/// Waits until the API server has taken the policies up; `name` is a Service in care that has served.
#[track_caller]
pub fn take_effect(space: &Space, name: &str) {
    let dry = |patch: &Value| {
        space.kubectl(&[
            "patch",
            "ksvc",
            name,
            "--type=merge",
            "--dry-run=server",
            "-o",
            "json",
            "-p",
            &patch.to_string(),
        ])
    };
    eventually("the policies take effect", SHORT, || {
        let away = json!([{"revisionName": format!("{name}-99999"), "percent": 100}]);
        let refused = dry(&json!({"spec": {"traffic": away}})).err.contains("moved by its rollouts alone");
        let kept = dry(&glass(space, name)).out.contains("used by");
        (refused && kept).then_some(())
    });
}

/// A write that uses a broken glass up, which shows that the mutating policy is there.
fn glass(space: &Space, name: &str) -> Value {
    let present = space.generation(name).to_string();
    let template = json!({"metadata": {"annotations": {"a": "b"}}});
    json!({"metadata": {"annotations": {"andante.dev/break-glass": present}}, "spec": {"template": template}})
}

impl Drop for Care {
    fn drop(&mut self) {
        let mut command = Cluster::get().kubectl();
        let gone = ["delete", "--ignore-not-found", "--wait=false", "--request-timeout=20s", "-f", "-"];
        drop(run(command.args(gone), Some(self.list().to_string()), LONG));
    }
}

/// `kubectl patch --type=merge` of `hello` by a tool that knows nothing of rollouts.
#[track_caller]
pub fn patched(space: &Space, patch: &Value) -> Done {
    let text = patch.to_string();
    space.kubectl(&["patch", "ksvc", "hello", "--type=merge", "--field-manager=kims-editor", "-p", &text])
}

/// The same as one request and no process, so that it follows at once on what was there before.
#[track_caller]
pub fn at_once(space: &Space, patch: &Value) -> Result<Value, String> {
    let path = format!("{}/hello?fieldManager=kims-editor", path(&space.namespace, "ksvc").unwrap());
    send("PATCH", &path, "application/merge-patch+json", patch)
}

/// `kubectl replace`, again where Knative's own report came between its GET and its PUT.
#[track_caller]
pub fn replaced(space: &Space, object: &Value) -> Done {
    eventually("nothing comes between", SHORT, || {
        let done = space.kubectl_with(&["replace", "-f", "-"], object);
        (!done.err.contains("the object has been modified")).then_some(done)
    })
}

/// A new template: the sample at another version.
pub fn image(version: &str) -> Value {
    let container = json!({"image": format!("dev.local/andante-sample:{version}")});
    json!({"spec": {"template": {"spec": {"containers": [container]}}}})
}

/// An annotation of `hello`; empty: there is none.
#[track_caller]
pub fn annotation(space: &Space, name: &str) -> String {
    space.service("hello")["metadata"]["annotations"][name].as_str().unwrap_or_default().to_owned()
}

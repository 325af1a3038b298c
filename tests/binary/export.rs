//! `export`: what is wrong with the words that were typed, and a cluster that answers as Knative does: files are written all or
//! none.

use super::server::{Request, serve};
use super::{Ran, andante, scratch};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// An API server with these Services, which fills in one default.
struct Server {
    kubeconfig: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(name: &str, services: Vec<Value>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let kubeconfig = serve(name, "shop", "", move |request| {
            log.lock().unwrap().push(request.line());
            answer(request, &services)
        });
        Self { kubeconfig, asked }
    }

    fn export(&self, arguments: &[&str]) -> Ran {
        andante(&[&["export", "--kubeconfig", &self.kubeconfig], arguments].concat())
    }
}

fn answer(request: &Request, services: &[Value]) -> (u16, Value) {
    let Some(rest) = request.path.strip_prefix("/apis/serving.knative.dev/v1/namespaces/shop/services") else {
        return (404, json!({"kind": "Status", "code": 404}));
    };
    if rest.is_empty() {
        return (200, json!({"kind": "ServiceList", "metadata": {"resourceVersion": "1"}, "items": services}));
    }
    let name = rest.trim_start_matches('/');
    let Some(service) = services.iter().find(|s| s["metadata"]["name"] == name) else {
        return (404, json!({"kind": "Status", "code": 404, "details": {"name": name}}));
    };
    if request.method == "GET" {
        return (200, service.clone());
    }
    assert!(request.query.contains("dryRun=All"), "{} would write", request.line());
    let mut stored = service.clone();
    stored["spec"]["template"] = request.json()[0]["value"].clone();
    let spec = &mut stored["spec"]["template"]["spec"];
    if spec["timeoutSeconds"].is_null() {
        spec["timeoutSeconds"] = json!(300);
    }
    (200, stored)
}

fn service(name: &str, image: &str) -> Value {
    json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "uid": "u", "managedFields": [{"manager": "kn", "operation": "Update"}]},
        "spec": {"template": {"spec": {"timeoutSeconds": 300, "containerConcurrency": 0, "containers": [{"image": image}]}},
            "traffic": [{"latestRevision": true, "percent": 100}]}, "status": {}})
}

/// What a file is with the defaults of [`Server`]: it fills in one of the two usual values.
fn text(name: &str, image: &str) -> String {
    format!(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n  template:\n    spec:\n      \
         containerConcurrency: 0\n      containers:\n      - image: {image}\n"
    )
}

#[test]
fn which_services_has_to_be_said_once() {
    for arguments in
        [&["export"][..], &["export", "--all", "hello"], &["export", "hello", "--pipeline", "--external-operation"]]
    {
        let ran = andante(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
    }
    assert_eq!(andante(&["export", "Hello"]).code, 2);
    let ran = andante(&["export", "hello"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.starts_with("andante: no cluster: "), "{}", ran.stderr);
}

#[test]
fn documents_go_to_standard_output() {
    let server = Server::start("documents", vec![service("b", "i:1"), service("a", "i:2")]);
    let ran = server.export(&["--all"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout, format!("{}---\n{}", text("a", "i:2"), text("b", "i:1")));
    assert_eq!(server.export(&["b", "b"]).stdout, text("b", "i:1"));
    let asked = server.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|line| line.starts_with("GET ") || line.contains("dryRun=All")), "{asked:#?}");
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_are_written_all_or_none() {
    let server = Server::start("files", vec![service("a", "i:2"), service("b", "i:1")]);
    let folder = scratch("export").join("shop");
    let _ = fs::remove_dir_all(&folder);
    let out = folder.to_str().unwrap();
    // One is missing, so that nothing is written, the folder included.
    let ran = server.export(&["a", "c", "-o", out]);
    let said = "andante: there is no Service c in namespace shop; nothing was written; next: name its namespace with -n, or take all \
                that are there with --all\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (3, said));
    assert!(!folder.exists());
    let ran = server.export(&["--all", "-o", out]);
    assert_eq!((ran.code, ran.stdout), (0, format!("{out}/a.yaml: new\n{out}/b.yaml: new\n")));
    assert_eq!(fs::read_to_string(folder.join("a.yaml")).unwrap(), text("a", "i:2"));
    fs::write(folder.join("b.yaml"), "old").unwrap();
    let ran = server.export(&["--all", "-o", out]);
    assert_eq!(ran.stdout, format!("{out}/a.yaml: unchanged\n{out}/b.yaml: changed\n"));
    // One cannot be written, so that none is.
    fs::remove_file(folder.join("b.yaml")).unwrap();
    fs::create_dir(folder.join("b.yaml")).unwrap();
    fs::write(folder.join("a.yaml"), "old").unwrap();
    let ran = server.export(&["--all", "-o", out]);
    let said = format!(
        "andante: {out}/b.yaml cannot be written: something stands there that is not a regular file; nothing was written\n"
    );
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr), (2, "", said));
    assert_eq!(fs::read_to_string(folder.join("a.yaml")).unwrap(), "old");
    assert_eq!(names(&folder), ["a.yaml", "b.yaml"]);
}

#[test]
fn who_is_being_deleted_is_no_file() {
    let mut leaving = service("b", "i:1");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let server = Server::start("leaving", vec![service("a", "i:2"), leaving]);
    let ran = server.export(&["--all"]);
    assert_eq!((ran.code, ran.stdout), (0, text("a", "i:2")));
    assert_eq!(ran.stderr, "andante: Service b is being deleted, so there is no file of it\n");
    let ran = server.export(&["b"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (3, "andante: Service b is being deleted; nothing was written\n"));
}

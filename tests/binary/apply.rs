//! `apply`: a directory of Services against a cluster that answers as Knative does. What cannot be written keeps all from being
//! written, and what was written is told.

use super::server::{Request, serve};
use super::{Ran, andante, scratch};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

/// What stands in the cluster, and what was asked of it.
#[derive(Default)]
struct Cluster {
    services: BTreeMap<String, Value>,
    asked: Vec<String>,
    /// The write of this Service is refused for want of a right.
    denied: &'static str,
    /// So often revisions are not to be had.
    trouble: u32,
    /// When the first is written, the second is of this set by somebody else's apply.
    remarks: Option<[&'static str; 3]>,
}

/// An API server with these Services.
struct Server {
    kubeconfig: String,
    cluster: Arc<Mutex<Cluster>>,
}

impl Server {
    fn start(name: &str, services: &[Value]) -> Self {
        let named = services.iter().map(|s| (s["metadata"]["name"].as_str().unwrap().to_owned(), s.clone()));
        let cluster = Arc::new(Mutex::new(Cluster { services: named.collect(), ..Cluster::default() }));
        let shared = Arc::clone(&cluster);
        let kubeconfig = serve(name, "shop", "", move |request| {
            let mut cluster = shared.lock().unwrap();
            cluster.asked.push(request.line());
            answer(request, &mut cluster)
        });
        Self { kubeconfig, cluster }
    }

    fn apply(&self, arguments: &[&str]) -> Ran {
        andante(&[&["apply", "--kubeconfig", &self.kubeconfig, "--patience", "2s"], arguments].concat())
    }

    /// The names that were written or deleted since the last look, in order.
    fn writes(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.cluster.lock().unwrap().asked);
        let writes = asked.into_iter().filter(|line| !line.starts_with("GET ") && !line.contains("dryRun=All"));
        writes
            .map(|line| {
                line.split('?').next().unwrap().replace("/apis/serving.knative.dev/v1/namespaces/shop/services/", "")
            })
            .collect()
    }

    fn image(&self, name: &str) -> Value {
        self.cluster.lock().unwrap().services[name]["spec"]["template"]["spec"]["containers"][0]["image"].clone()
    }
}

fn answer(request: &Request, cluster: &mut Cluster) -> (u16, Value) {
    if request.path == "/apis/serving.knative.dev/v1/namespaces/shop/revisions" {
        if cluster.trouble > 0 {
            cluster.trouble -= 1;
            return (500, json!({"kind": "Status", "code": 500, "reason": "InternalError"}));
        }
        let ready = json!({"metadata": {"name": "a-00001", "uid": "r"}, "spec": {},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        return (200, json!({"kind": "RevisionList", "metadata": {"resourceVersion": "1"}, "items": [ready]}));
    }
    let Some(rest) = request.path.strip_prefix("/apis/serving.knative.dev/v1/namespaces/shop/services") else {
        return (404, json!({"kind": "Status", "code": 404}));
    };
    let name = rest.trim_start_matches('/').to_owned();
    let absent = (404, json!({"kind": "Status", "code": 404, "details": {"name": name}}));
    match request.method.as_str() {
        "GET" if name.is_empty() => {
            let items: Vec<&Value> = cluster.services.values().collect();
            (200, json!({"kind": "ServiceList", "metadata": {"resourceVersion": "1"}, "items": items}))
        }
        "GET" => cluster.services.get(&name).map_or(absent, |service| (200, service.clone())),
        "DELETE" => cluster.services.remove(&name).map_or(absent, |_| (200, json!({"kind": "Status"}))),
        "PATCH" => {
            let query = &request.query;
            assert!(query.contains("fieldManager=andante-apply&fieldValidation=Strict"), "{query}");
            let answer = applied(&request.json(), query.contains("force=true"), cluster.services.get(&name));
            if answer.0 == 200 && !query.contains("dryRun=All") {
                if cluster.denied == name {
                    return (403, json!({"kind": "Status", "code": 403, "message": "User \"kim\" cannot patch"}));
                }
                if let Some([_, other, set]) = cluster.remarks.filter(|[written, ..]| *written == name) {
                    let theirs = cluster.services.get_mut(other).unwrap();
                    theirs["metadata"]["annotations"]["andante.dev/applied-set"] = json!(set);
                }
                cluster.services.insert(name, answer.1.clone());
            }
            answer
        }
        _ => panic!("{}", request.line()),
    }
}

/// What a server-side apply makes of it: the containers belong to whoever set the image last.
fn applied(body: &Value, force: bool, live: Option<&Value>) -> (u16, Value) {
    let image = |of: &Value| of["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    if image(body) == "not an image" {
        let message = "admission webhook \"validation.webhook.serving.knative.dev\" denied the request: validation failed: bad image";
        return (400, json!({"kind": "Status", "code": 400, "message": message}));
    }
    let mut stored = body.clone();
    stored["metadata"]["uid"] = json!("u");
    stored["metadata"]["managedFields"] = json!([owner("andante-apply", "Apply")]);
    stored["spec"]["template"]["spec"]["containers"][0]["name"] = json!("user-container");
    if stored["spec"].get("traffic").is_none() {
        stored["spec"]["traffic"] =
            live.map_or(json!([{"latestRevision": true, "percent": 100}]), |l| l["spec"]["traffic"].clone());
    }
    let Some(live) = live else { return (200, stored) };
    let manager = live["metadata"]["managedFields"][0]["manager"].as_str().unwrap();
    if manager != "andante-apply" && !force {
        let cause = json!({"reason": "FieldManagerConflict", "field": ".spec.template.spec.containers",
            "message": format!("conflict with \"{manager}\" using serving.knative.dev/v1")});
        return (
            409,
            json!({"kind": "Status", "code": 409, "reason": "Conflict", "details": {"name": "x", "causes": [cause]}}),
        );
    }
    for field in ["generation", "resourceVersion"] {
        stored["metadata"][field] = live["metadata"][field].clone();
    }
    stored["status"] = live["status"].clone();
    (200, stored)
}

fn owner(manager: &str, operation: &str) -> Value {
    json!({"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}}})
}

/// A Service that somebody made.
fn service(name: &str, image: &str, manager: &str) -> Value {
    json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "generation": 1, "resourceVersion": "7",
            "managedFields": [owner(manager, if manager == "andante-apply" { "Apply" } else { "Update" })]},
        "spec": {"template": {"spec": {"containers": [{"name": "user-container", "image": image}]}},
            "traffic": [{"latestRevision": true, "percent": 100}]},
        "status": {"observedGeneration": 1}})
}

fn text(name: &str, image: &str) -> String {
    format!(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      containers:\n      \
         - image: {image}\n"
    )
}

/// A directory with these files.
fn folder(name: &str, files: &[(&str, String)]) -> String {
    let path = scratch(name);
    fs::remove_dir_all(&path).unwrap();
    fs::create_dir_all(&path).unwrap();
    for (file, text) in files {
        fs::write(path.join(file), text).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    for (arguments, said) in [
        (&["apply"][..], "required"),
        (&["apply", "x", "--prune", "a"], "--set"),
        (&["apply", "x", "--set", "a b"], "no spaces"),
        (&["apply", "$(params.dir)"], "unresolved"),
    ] {
        let ran = andante(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn what_changed_is_written_and_told() {
    let server = Server::start(
        "apply",
        &[service("a", "i:1", "andante-apply"), service("b", "i:1", "kn"), service("c", "i:1", "andante")],
    );
    let files = [
        ("a.yaml", text("a", "i:1")),
        ("b.yaml", text("b", "i:1")),
        ("c.yaml", text("c", "i:2")),
        ("d.yml", text("d", "i:1")),
    ];
    let folder = folder("apply", &files);
    let dry = server.apply(&[&folder, "--dry-run"]);
    assert_eq!((dry.code, dry.stderr.as_str()), (0, ""));
    let lines: Vec<String> = dry.stdout.lines().map(|line| line.replace(&folder, "DIR")).collect();
    assert_eq!(
        lines,
        [
            "SERVICE  STATE               FILE",
            "a        unchanged           DIR/a.yaml",
            "b        taken over          DIR/b.yaml",
            "c        changed (template)  DIR/c.yaml",
            "d        created             DIR/d.yml",
            "b: the files own from now on, with the values that they have: spec.template.spec.containers (`kn`)",
            "a dry run: 1 created, 1 changed, 1 taken over, 1 unchanged; nothing was written",
        ]
    );
    assert_eq!(server.writes(), Vec::<String>::new());
    let ran = server.apply(&[&folder]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.ends_with("applied: 1 created, 1 changed, 1 taken over, 1 unchanged\n"), "{}", ran.stdout);
    assert_eq!(server.writes(), ["PATCH b", "PATCH c", "PATCH d"]);
    assert_eq!(server.image("c"), "i:2");
    let again = server.apply(&[&folder, "-o", "json"]);
    let told: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((again.code, &told["outcome"], &told["written"]), (0, &json!("unchanged"), &json!([])));
    assert_eq!(told["services"][3]["state"], "unchanged");
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[test]
fn one_that_is_bad_keeps_all_from_being_written() {
    let server = Server::start("apply-bad", &[service("a", "i:1", "andante-apply"), service("b", "i:1", "kn")]);
    let good = ("a.yaml", text("a", "i:2"));
    // A conflict, with its owner and the ways out.
    let quarrel = folder("apply-conflict", &[good.clone(), ("b.yaml", text("b", "i:2"))]);
    let ran = server.apply(&[&quarrel]);
    assert_eq!(ran.code, 14, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("b        conflict"), "{}", ran.stdout);
    assert!(
        ran.stderr
            .contains("b: the file says otherwise than others who wrote it: spec.template.spec.containers (`kn`)"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("nothing was written") && ran.stderr.contains("--take-over kn"), "{}", ran.stderr);
    // Knative refuses one.
    let refused = folder("apply-refused", &[good.clone(), ("b.yaml", text("b", "not an image"))]);
    let ran = server.apply(&[&refused]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("b: denied: validation failed: bad image"), "{}", ran.stderr);
    // Two cannot be read.
    let slips = [
        good,
        ("b.yaml", "a: 1\na: 2\n".to_owned()),
        ("c.yaml", text("c", "i").replace("  name: c", "  name: c\n  labels: {a: 1}")),
    ];
    let ran = server.apply(&[&folder("apply-slips", &slips)]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.starts_with("andante: 2 faults, so nothing was written:\n  "), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("b.yaml: line 2") && ran.stderr.contains("metadata.labels.a is a number"),
        "{}",
        ran.stderr
    );
    assert_eq!(server.writes(), Vec::<String>::new());
    assert_eq!(server.image("a"), "i:1");
    // It is meant.
    let ran = server.apply(&[&quarrel, "--take-over", "kn"]);
    assert_eq!((ran.code, server.image("b")), (0, json!("i:2")), "{}", ran.stderr);
}

#[test]
fn a_write_that_fails_among_others_is_told_with_them() {
    let server = Server::start("apply-half", &[]);
    server.cluster.lock().unwrap().denied = "b";
    let folder =
        folder("apply-half", &[("a.yaml", text("a", "i")), ("b.yaml", text("b", "i")), ("c.yaml", text("c", "i"))]);
    let ran = server.apply(&[&folder]);
    assert_eq!(ran.code, 20, "{}", ran.stderr);
    assert!(ran.stderr.contains("written before: a; not tried: c"), "{}", ran.stderr);
    server.cluster.lock().unwrap().denied = "";
    server.writes();
    let ran = server.apply(&[&folder]);
    assert_eq!((ran.code, server.writes()), (0, vec!["PATCH b".to_owned(), "PATCH c".to_owned()]), "{}", ran.stderr);
}

#[test]
fn what_has_no_file_any_more_is_deleted_by_the_hash_that_named_it() {
    let server = Server::start("apply-prune", &[service("theirs", "i", "kn")]);
    let both = folder("apply-prune", &[("a.yaml", text("a", "i")), ("b.yaml", text("b", "i"))]);
    assert_eq!(server.apply(&[&both, "--set", "shop"]).code, 0);
    fs::remove_file(format!("{both}/b.yaml")).unwrap();
    server.writes();
    let ran = server.apply(&[&both, "--set", "shop"]);
    let named = ran.stdout.lines().find(|line| line.starts_with("of set shop")).unwrap().to_owned();
    assert!(named.starts_with("of set shop and without a file: b; --prune="), "{named}");
    assert_eq!(server.apply(&[&both]).stdout.find("--prune="), None, "without a set nothing is looked for");
    let wrong = server.apply(&[&both, "--set", "shop", "--prune", "0123"]);
    assert_eq!(wrong.code, 3, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("means others than are there now"), "{}", wrong.stderr);
    assert_eq!(server.writes(), Vec::<String>::new());
    let hash = named.split_once("--prune=").unwrap().1.split(' ').next().unwrap().to_owned();
    let ran = server.apply(&[&both, "--set", "shop", "--prune", &hash]);
    assert_eq!((ran.code, server.writes()), (0, vec!["DELETE b".to_owned()]), "{}", ran.stderr);
    assert!(ran.stdout.ends_with("; deleted: b\n"), "{}", ran.stdout);
    let left: Vec<String> = server.cluster.lock().unwrap().services.keys().cloned().collect();
    assert_eq!(left, ["a", "theirs"]);
    assert_eq!(server.apply(&[&both, "--set", "shop", "--prune", &hash]).code, 3, "a second time it means nobody");
}

/// Ready, and users follow latest.
fn serving(name: &str, image: &str) -> Value {
    let mut service = service(name, image, "andante-apply");
    let revision = format!("{name}-00001");
    let conditions =
        ["ConfigurationsReady", "Ready", "RoutesReady"].map(|kind| json!({"type": kind, "status": "True"}));
    service["status"] = json!({"observedGeneration": 1, "conditions": conditions,
        "latestCreatedRevisionName": revision, "latestReadyRevisionName": revision,
        "traffic": [{"revisionName": revision, "latestRevision": true, "percent": 100}]});
    service
}

#[test]
fn a_bad_moment_of_the_api_server_is_no_reason_against_an_adoption() {
    let server = Server::start("apply-adopts", &[serving("a", "i:1")]);
    server.cluster.lock().unwrap().trouble = 1;
    let declares = text("a", "i:2").replace("  name: a", "  name: a\n  annotations: {andante.dev/pipeline: ship-it}");
    let ran = server.apply(&[&folder("apply-adopts", &[("a.yaml", declares)]), "--dry-run"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("it is adopted first"), "{}", ran.stdout);
    assert_eq!(server.cluster.lock().unwrap().trouble, 0);
}

/// Its file moved to another directory, whose apply comes while this one still writes.
#[test]
fn what_is_of_another_set_by_the_time_of_the_deletion_stays() {
    let server = Server::start("apply-moved", &[]);
    let both = folder("apply-moved", &[("a.yaml", text("a", "i:1")), ("b.yaml", text("b", "i:1"))]);
    assert_eq!(server.apply(&[&both, "--set", "shop"]).code, 0);
    fs::remove_file(format!("{both}/b.yaml")).unwrap();
    fs::write(format!("{both}/a.yaml"), text("a", "i:2")).unwrap();
    let dry = server.apply(&[&both, "--set", "shop", "--dry-run"]);
    let hash = dry.stdout.split_once("--prune=").unwrap().1.split(' ').next().unwrap().to_owned();
    server.cluster.lock().unwrap().remarks = Some(["a", "b", "another"]);
    server.writes();
    let ran = server.apply(&[&both, "--set", "shop", "--prune", &hash]);
    assert_eq!((ran.code, server.writes()), (3, vec!["PATCH a".to_owned()]), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was deleted; written: a"), "{}", ran.stderr);
    assert!(server.cluster.lock().unwrap().services.contains_key("b"));
}

#[test]
fn results_name_what_is_to_be_walked() {
    let mut pinned = service("a", "i:1", "andante-apply");
    pinned["spec"]["traffic"] = json!([{"revisionName": "a-00001", "percent": 100}]);
    let server = Server::start("apply-results", &[pinned]);
    let declares = |who: &str| {
        text("b", "i").replace("  name: b", &format!("  name: b\n  annotations: {{andante.dev/pipeline: {who}}}"))
    };
    let files = |who: &str| [("a.yaml", text("a", "i:2")), ("b.yaml", declares(who))];
    let results = scratch("apply-results-out");
    let read = |name: &str| fs::read_to_string(results.join(name)).unwrap();
    let named = folder("apply-results", &files("ship-it"));
    let ran = server.apply(&[&named, "--results", results.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("next: `andante roll-out a -n shop --revision latest`, `andante start b -n shop`"),
        "{}",
        ran.stdout
    );
    let told = ["outcome", "changed", "start", "count"].map(read);
    assert_eq!(told, ["applied", r#"["a"]"#, r#"["b"]"#, "2"]);
    // Nothing was read, and nothing is to be walked.
    let ran = server.apply(&["/nowhere", "--results", results.to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let told = ["outcome", "changed", "start", "count"].map(read);
    assert_eq!(told, ["bad-input", "[]", "[]", "0"]);
    assert!(read("message").contains("/nowhere"), "{}", read("message"));
}

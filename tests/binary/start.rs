//! `start`: what its flags refuse, and what it says where no cluster answers, or where one answers as scripted.

use super::server::{Request, kubeconfig, serve};
use super::start_again::{declared, exists, name_of_run};
use super::{andante, expect, file};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

const RUNS: &str = "/api/v1/namespaces/andante-system/configmaps/andante-runs";

/// Answers by `METHOD path`, whatever its query, in order; and what was asked, with bodies.
pub(super) type Answers = Vec<(&'static str, u16, Value)>;
pub(super) type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// An API server that answers so, and knows of nothing else; the path of its kubeconfig.
pub(super) fn server(name: &str, answers: Answers) -> (String, Asked) {
    let asked = Asked::default();
    let kept = asked.clone();
    let answer = move |request: &Request| {
        let what = format!("{} {}", request.method, request.path);
        let mut kept = kept.lock().unwrap();
        kept.push((what.clone(), request.json()));
        let missing = json!({"kind": "Status", "reason": "NotFound", "details": {"name": "x"}});
        // The first time the first of its answers, and so on; the last one again and again.
        let times = kept.iter().filter(|(asked, _)| *asked == what).count();
        let known: Vec<_> = answers.iter().filter(|(known, ..)| *known == what).collect();
        let found = known.get(times - 1).or(known.last()).copied();
        found.map_or((404, missing), |(_, status, answer)| (*status, answer.clone()))
    };
    (serve(name, "shop", "", answer), asked)
}

/// A Service that serves, and whose declaration was never looked at.
pub(super) fn service(annotations: Value, serves: &str) -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "hello", "namespace": "shop", "uid": "uid-1", "generation": 1, "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1"}]}},
            "traffic": [{"revisionName": serves, "percent": 100}]},
        "status": {"observedGeneration": 1, "latestCreatedRevisionName": "hello-00002",
            "latestReadyRevisionName": "hello-00002", "traffic": [{"revisionName": serves, "percent": 100}]},
    })
}

pub(super) const SERVICE: &str = "GET /apis/serving.knative.dev/v1/namespaces/shop/services/hello";
pub(super) const PATCH: &str = "PATCH /apis/serving.knative.dev/v1/namespaces/shop/services/hello";
const NAMESPACE: &str = "GET /api/v1/namespaces/shop";
pub(super) const PIPELINE: &str = "GET /apis/tekton.dev/v1/namespaces/shop/pipelines/ship-it";
pub(super) const LIST: &str = "GET /apis/tekton.dev/v1/namespaces/shop/pipelineruns";
pub(super) const CREATE: &str = "POST /apis/tekton.dev/v1/namespaces/shop/pipelineruns";
const EVENTS: &str = "POST /apis/events.k8s.io/v1/namespaces/shop/events";

pub(super) fn place() -> (&'static str, u16, Value) {
    (NAMESPACE, 200, json!({"metadata": {"name": "shop"}}))
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    for (arguments, said) in [
        (&["start"][..], "required"),
        (&["start", "hello", "--all"], "cannot be used with"),
        (&["start", "hello", "--follow"], "cannot be used with"),
        (&["start", "--follow"], "--all"),
        (&["start", "--all", "--wait"], "cannot be used with"),
        (&["start", "--all", "--again"], "cannot be used with"),
        (&["start", "hello", "--wait", "--dry-run"], "cannot be used with"),
        (&["start", "--all", "--max-running", "0"], "a number from 1 to 10000"),
        // clap asks for no flag that cannot go with what was given, so each of them refuses a name.
        (&["start", "hello", "--max-running", "1"], "cannot be used with"),
        (&["start", "hello", "--max-running-per-namespace", "1"], "cannot be used with"),
        (&["start", "hello", "--debounce", "1s"], "cannot be used with"),
        (&["start", "--max-running-per-namespace", "1"], "--all"),
        (&["start", "hello", "-n", "No"], "is not a namespace"),
        (&["start", "hello", "--keep", "0"], "a number from 1 to 1000, or `all`"),
        (&["start", "hello", "--keep", "none"], "a number from 1 to 1000, or `all`"),
        (&["start", "--all", "--metrics", "127.0.0.1:0"], "--follow"),
        (&["start", "hello", "--metrics", "127.0.0.1:0"], "cannot be used with"),
        (&["start", "--all", "--follow", "--metrics", "9090"], "an address and a port, such as 0.0.0.0:9090"),
    ] {
        let ran = andante(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn without_a_cluster_it_says_so() {
    let no = "andante: no cluster: give --kubeconfig, set KUBECONFIG, or run in a pod with a service account\n";
    expect(&["start", "hello"], 2, "", no);
    expect(&["start", "--all"], 2, "", no);
    let file = file("start-nobody", &kubeconfig(1, "shop"));
    for arguments in [&["start", "hello"][..], &["start", "--all"]] {
        let ran = andante(&[arguments, &["--kubeconfig", &file, "--patience", "300ms"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (21, ""), "{}", ran.stderr);
        assert!(
            ran.stderr.starts_with("andante: no answer from the API server: get configmaps andante-runs"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_run_is_made_and_then_noted() {
    let declared = json!({"andante.dev/pipeline": "ship-it", "andante.dev/params": "{style: canary}"});
    let pipeline = json!({"spec": {"params": [{"name": "service"}, {"name": "style"}]}});
    let answers = vec![
        (SERVICE, 200, service(declared.clone(), "hello-00001")),
        place(),
        (PIPELINE, 200, pipeline),
        (CREATE, 201, json!({})),
        (PATCH, 200, json!({})),
    ];
    let (kubeconfig, asked) = server("start-makes", answers);
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let run = ran.stdout.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(ran.stdout, format!("hello: started Pipeline ship-it (tekton.dev/v1) as PipelineRun {run}\n"));
    let seen = asked.lock().unwrap().clone();
    let order: Vec<&str> = seen.iter().map(|(what, _)| what.as_str()).filter(|what| *what != EVENTS).collect();
    let own = "GET /api/v1/namespaces/shop/configmaps/andante-runs";
    // Named before it is made: no run is there that nobody knows of.
    assert_eq!(order, [&format!("GET {RUNS}"), SERVICE, NAMESPACE, own, PIPELINE, PATCH, CREATE, PATCH, LIST]);
    let text = |at: usize| seen[at].1.as_array().unwrap().last().unwrap()["value"].as_str().unwrap().to_owned();
    assert!(text(5).contains(&format!("\"run\":\"{run}\"")) && text(5).contains("\"made\":false"), "{}", text(5));
    assert_eq!(seen[7].1.as_array().unwrap()[10]["value"], text(5), "the second note tests the first one");
    let made = &seen[6].1;
    assert_eq!((&made["metadata"]["name"], &made["spec"]["pipelineRef"]["name"]), (&json!(run), &json!("ship-it")));
    let noted = text(7);
    assert!(noted.contains(&format!("\"run\":\"{run}\"")) && noted.contains("\"phase\":\"started\""), "{noted}");

    // The same once more, with what was noted.
    let mut marked = declared.clone();
    marked["andante.dev/goal-status"] = json!(noted);
    let (kubeconfig, asked) = server("start-noted", vec![(SERVICE, 200, service(marked, "hello-00001")), place()]);
    expect(
        &["start", "hello", "--kubeconfig", &kubeconfig],
        0,
        &format!("PipelineRun {run} was started for this goal of hello\n"),
        "",
    );
    assert!(asked.lock().unwrap().iter().all(|(what, _)| what.starts_with("GET ")));

    // A dry run makes nothing, and prints what would be made.
    let pipeline = json!({"spec": {"params": [{"name": "service"}, {"name": "style"}]}});
    let answers = vec![(SERVICE, 200, service(declared, "hello-00001")), place(), (PIPELINE, 200, pipeline)];
    let (kubeconfig, asked) = server("start-dry", answers);
    let ran = andante(&["start", "hello", "--dry-run", "--kubeconfig", &kubeconfig]);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), *made);
    assert!(asked.lock().unwrap().iter().all(|(what, _)| what.starts_with("GET ")));
}

/// What was posted, as reason and type, and whether the command said anything about it.
fn posted(name: &str, flags: &[&str], declared: Value, events: (u16, Value)) -> (Vec<(String, String)>, i32, String) {
    let answers = vec![
        (SERVICE, 200, service(declared, "hello-00001")),
        place(),
        (PIPELINE, 200, json!({"spec": {}})),
        (CREATE, 201, json!({})),
        (PATCH, 200, json!({})),
        (EVENTS, events.0, events.1),
    ];
    let (kubeconfig, asked) = server(name, answers);
    let ran = andante(&[&["start", "hello", "--kubeconfig", &kubeconfig], flags].concat());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let asked = asked.lock().unwrap().clone();
    let bodies = asked.iter().filter(|(what, _)| what == EVENTS).map(|(_, body)| body);
    (bodies.map(|body| (text(&body["reason"]), text(&body["type"]))).collect(), ran.code, ran.stderr)
}

#[test]
fn what_is_started_and_what_cannot_be_read_is_told_on_the_service_where_that_is_permitted() {
    let event = |reason: &str, kind: &str| vec![(reason.to_owned(), kind.to_owned())];
    let (told, code, said) = posted("start-event", &[], declared(), (201, json!({})));
    assert_eq!((told, code, said.as_str()), (event("RunStarted", "Normal"), 0, ""));
    let slip = json!({"andante.dev/pipeline": "ship-it", "andante.dev/traffic": "0"});
    let (told, code, _) = posted("start-event-slip", &[], slip, (201, json!({})));
    assert_eq!((told, code), (event("DeclarationUnreadable", "Warning"), 2));
    // Whoever may not, or is told not to, starts it all the same, and says nothing of it.
    let forbidden = json!({"kind": "Status", "reason": "Forbidden", "message": "User \"kim\" cannot"});
    let (told, code, said) = posted("start-event-forbidden", &[], declared(), (403, forbidden));
    assert_eq!((told.len(), code, said.as_str()), (1, 0, ""));
    let (told, code, said) = posted("start-event-off", &["--events", "off"], declared(), (201, json!({})));
    assert_eq!((told, code, said.as_str()), (vec![], 0, ""));
}

#[test]
fn what_serves_already_is_noted_and_nothing_is_made() {
    let declared = json!({"andante.dev/pipeline": "ship-it"});
    let answers = vec![(SERVICE, 200, service(declared, "hello-00002")), place(), (PATCH, 200, json!({}))];
    let (kubeconfig, _) = server("start-reached", answers);
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig, "-o", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &told["outcome"], &told["run"]), (0, &json!("unchanged"), &Value::Null));
    assert_eq!(told["text"], "hello has reached its goal, so nothing is started");
}

#[test]
fn what_cannot_be_acted_on_is_posted_and_told() {
    let declared = json!({"andante.dev/pipeline": "a.dev/v1/Flow/f"});
    let answers = vec![(SERVICE, 200, service(declared, "hello-00001")), place(), (PATCH, 200, json!({}))];
    let (kubeconfig, asked) = server("start-unknown", answers);
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    let row = "flow: \"{apiVersion: a.dev/v1, kind: Flow, makes: CustomRun}\"";
    assert!(ran.stderr.contains(row) && ran.stderr.contains("ConfigMap andante-runs"), "{}", ran.stderr);
    let posted =
        asked.lock().unwrap().iter().any(|(what, body)| what == PATCH && body.to_string().contains("unreadable"));
    assert!(posted, "the Service says so");

    // A Pipeline that is not there.
    let declared = json!({"andante.dev/pipeline": "ship-it"});
    let answers = vec![(SERVICE, 200, service(declared, "hello-00001")), place(), (PATCH, 200, json!({}))];
    let (kubeconfig, _) = server("start-missing", answers);
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("there is no Pipeline ship-it (tekton.dev/v1) in namespace shop"), "{}", ran.stderr);
}

#[test]
fn what_is_there_already_is_taken_for_the_run_only_if_it_is_one() {
    let (kubeconfig, _) = server("start-exists", exists());
    // Gone again whenever it is looked for: it is looked anew, and nothing is claimed.
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 14, "{}", ran.stderr);
    assert!(!ran.stderr.contains("is no run of"), "{}", ran.stderr);
    // Not to be read: that is said, and not that it is somebody else's.
    let name = name_of_run("start-exists-dry", &declared());
    let there: &'static str = format!("GET /apis/tekton.dev/v1/namespaces/shop/pipelineruns/{name}").leak();
    let forbidden = json!({"kind": "Status", "reason": "Forbidden", "message": "User \"kim\" cannot"});
    let answers = [exists(), vec![(there, 403, forbidden)]].concat();
    let (kubeconfig, _) = server("start-exists-forbidden", answers);
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 20, "{}", ran.stderr);
    assert!(ran.stderr.contains("kim may not get pipelineruns"), "{}", ran.stderr);
}

#[test]
fn an_address_that_cannot_be_had_is_refused_before_anything_is_asked() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (kubeconfig, asked) = server("start-metrics", Vec::new());
    let ran = andante(&["start", "--all", "--follow", "--metrics", &address, "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    let said = format!("andante: --metrics {address}: nothing can be listened for there: ");
    assert!(ran.stderr.starts_with(&said) && ran.stderr.contains("a port that is free"), "{}", ran.stderr);
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn a_service_that_is_not_there_and_one_that_nobody_is_in_charge_of() {
    let (kubeconfig, _) = server("start-absent", Vec::new());
    let ran = andante(&["start", "hello", "-n", "shop", "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("there is no Service hello in namespace shop"), "{}", ran.stderr);
    let (kubeconfig, asked) = server("start-nobody-in-charge", vec![(SERVICE, 200, service(json!({}), "hello-00001"))]);
    let said = "hello names nobody who is in charge (andante.dev/pipeline), so nothing is started\n";
    expect(&["start", "hello", "--kubeconfig", &kubeconfig], 0, said, "");
    assert_eq!(asked.lock().unwrap().len(), 2, "nothing beside the table and the Service is read");
}

#[test]
fn an_answer_that_was_lost_makes_no_second_run() {
    let declared = json!({"andante.dev/pipeline": "ship-it"});
    let trouble = json!({"kind": "Status", "reason": "InternalError"});
    let exists = json!({"kind": "Status", "reason": "AlreadyExists", "details": {"name": "x"}});
    // What the name will be, a dry run tells.
    let seen = vec![(SERVICE, 200, service(declared, "hello-00001")), place(), (PIPELINE, 200, json!({"spec": {}}))];
    let (kubeconfig, _) = server("start-lost-dry", seen.clone());
    let dry = andante(&["start", "hello", "--dry-run", "--kubeconfig", &kubeconfig]);
    let mut run: Value = serde_json::from_str(&dry.stdout).unwrap();
    let name = run["metadata"]["name"].as_str().unwrap().to_owned();
    let there: &'static str = format!("GET /apis/tekton.dev/v1/namespaces/shop/pipelineruns/{name}").leak();
    let more = [
        (CREATE, 500, trouble.clone()),
        (CREATE, 409, exists),
        (there, 200, run.clone()),
        (PATCH, 500, trouble),
        (PATCH, 200, json!({})),
    ];
    let (kubeconfig, asked) = server("start-lost", [seen.clone(), more.to_vec()].concat());
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    let said = format!("hello: Pipeline ship-it (tekton.dev/v1) was started already as PipelineRun {name}\n");
    assert_eq!((ran.code, ran.stdout, ran.stderr), (0, said, String::new()));
    let sent: Vec<Value> =
        asked.lock().unwrap().iter().filter(|(what, _)| what == CREATE).map(|(_, body)| body.clone()).collect();
    assert!(sent.iter().all(|object| object["metadata"]["name"] == name.as_str()), "{sent:?}");
    // The same name under another Service's hand is no run of this one.
    run["metadata"]["ownerReferences"][0]["uid"] = json!("another");
    let exists = json!({"kind": "Status", "reason": "AlreadyExists", "details": {"name": "x"}});
    let (kubeconfig, _) = server(
        "start-lost-other",
        [seen, vec![(PATCH, 200, json!({})), (CREATE, 409, exists), (there, 200, run)]].concat(),
    );
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
}

//! `start`: what its flags refuse, and what it says where no cluster answers, or where one answers as scripted.

use super::{andante, expect, file};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

const RUNS: &str = "/api/v1/namespaces/andante-system/configmaps/andante-runs";

/// Answers by `METHOD path`, whatever its query, in order; and what was asked, with bodies.
type Answers = Vec<(&'static str, u16, Value)>;
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// An API server that answers so, and knows of nothing else; the path of its kubeconfig.
fn server(name: &str, answers: Answers) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Asked::default();
    let kept = asked.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut reader = BufReader::new(connection.try_clone().unwrap());
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let line: Vec<&str> = first.split_whitespace().collect();
            let what = format!("{} {}", line[0], line[1].split('?').next().unwrap());
            kept.lock().unwrap().push((what.clone(), serde_json::from_slice(&body).unwrap_or_default()));
            let missing = json!({"kind": "Status", "reason": "NotFound", "details": {"name": "x"}});
            // The first time the first of its answers, and so on; the last one again and again.
            let times = kept.lock().unwrap().iter().filter(|(asked, _)| *asked == what).count();
            let known: Vec<_> = answers.iter().filter(|(known, ..)| *known == what).collect();
            let found = known.get(times - 1).or(known.last()).copied();
            let (status, answer) = found.map_or((404, missing), |(_, status, answer)| (*status, answer.clone()));
            let answer = answer.to_string();
            write!(
                connection,
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                answer.len()
            )
            .ok();
        }
    });
    (file(name, &server_of(port)), asked)
}

/// A Service that serves, and whose declaration was never looked at.
fn service(annotations: Value, serves: &str) -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "hello", "namespace": "shop", "uid": "uid-1", "generation": 1, "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1"}]}},
            "traffic": [{"revisionName": serves, "percent": 100}]},
        "status": {"observedGeneration": 1, "latestCreatedRevisionName": "hello-00002",
            "latestReadyRevisionName": "hello-00002", "traffic": [{"revisionName": serves, "percent": 100}]},
    })
}

const SERVICE: &str = "GET /apis/serving.knative.dev/v1/namespaces/shop/services/hello";
const PATCH: &str = "PATCH /apis/serving.knative.dev/v1/namespaces/shop/services/hello";
const NAMESPACE: &str = "GET /api/v1/namespaces/shop";
const PIPELINE: &str = "GET /apis/tekton.dev/v1/namespaces/shop/pipelines/ship-it";
const CREATE: &str = "POST /apis/tekton.dev/v1/namespaces/shop/pipelineruns";

fn place() -> (&'static str, u16, Value) {
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
        (&["start", "hello", "-n", "No"], "is not a namespace"),
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
    let file = file("start-nobody", &server_of(1));
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

/// A kubeconfig of a cluster at this port.
fn server_of(port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
         clusters: [{{name: c, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u, namespace: shop}}}}]\n\
         users: [{{name: u, user: {{token: not-a-secret}}}}]\n"
    )
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
    let order: Vec<&str> = seen.iter().map(|(what, _)| what.as_str()).collect();
    let own = "GET /api/v1/namespaces/shop/configmaps/andante-runs";
    assert_eq!(order, [&format!("GET {RUNS}"), SERVICE, NAMESPACE, own, PIPELINE, CREATE, PATCH]);
    let made = &seen[5].1;
    assert_eq!((&made["metadata"]["name"], &made["spec"]["pipelineRef"]["name"]), (&json!(run), &json!("ship-it")));
    let noted = seen[6].1.as_array().unwrap().last().unwrap()["value"].as_str().unwrap().to_owned();
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
    let declared = json!({"andante.dev/pipeline": "ship-it"});
    let exists = json!({"kind": "Status", "reason": "AlreadyExists", "details": {"name": "x"}});
    let (kubeconfig, asked) = server(
        "start-exists",
        vec![
            (SERVICE, 200, service(declared, "hello-00001")),
            place(),
            (PIPELINE, 200, json!({"spec": {}})),
            (CREATE, 409, exists),
            (PATCH, 200, json!({})),
        ],
    );
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("is there, and is no run of Service hello"), "{}", ran.stderr);
    assert!(!asked.lock().unwrap().iter().any(|(what, _)| what == PATCH));
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
    let (kubeconfig, _) = server("start-lost-other", [seen, vec![(CREATE, 409, exists), (there, 200, run)]].concat());
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
}

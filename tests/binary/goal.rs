//! `goal` from a file: no cluster, exact output, results, every fault.

use super::{andante, expect, file, scratch};
use serde_json::{Value, json};
use std::fs;

const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

fn manifest(annotations: &str, image: &str) -> String {
    format!(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata:\n  name: hello\n  annotations:\n    \
         serving.knative.dev/creator: kim\n{annotations}spec:\n  template:\n    spec:\n      containers:\n        - image: {image}\n"
    )
}

fn declared() -> String {
    let annotations = format!(
        "    andante.dev/pipeline: build-it\n    andante.dev/params: |\n      style: canary\n      steps: ['5', '25']\n    \
         andante.dev/source: https://git.example.com/shop.git\n    andante.dev/source-revision: {COMMIT}\n    \
         andante.dev/source-path: services/hello\n    andante.dev/traffic: '50'\n"
    );
    manifest(&annotations, "placeholder.invalid/hello")
}

#[test]
fn what_a_file_declares_is_told_part_by_part() {
    let path = file("goal.yaml", &declared());
    let expected = format!(
        "\
hello: goal ID of the file
in charge  Pipeline build-it (tekton.dev/v1)         annotation andante.dev/pipeline
params     steps = 5, 25                             annotation andante.dev/params
           style = canary                            annotation andante.dev/params
source     https://git.example.com/shop.git          annotation andante.dev/source
revision   {COMMIT}  annotation andante.dev/source-revision
folder     services/hello                            annotation andante.dev/source-path
image to   as ConfigMap andante-defaults says        not declared
container  user-container                            template: it serves
traffic    50 % at the end                           annotation andante.dev/traffic
suspended  no                                        not declared
note       the id compares with those of other files alone: a server fills in what a file does not say
"
    );
    let ran = andante(&["goal", "hello", "-f", &path]);
    let id = ran.stdout.split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(id.len(), 12, "{id}");
    expect(&["goal", "hello", "-f", &path], 0, &expected.replace("ID", &id), "");
    let told: Value = serde_json::from_str(&andante(&["goal", "hello", "-f", &path, "-o", "json"]).stdout).unwrap();
    let params = json!({"style": "canary", "steps": ["5", "25"]});
    let pipeline = json!({"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "name": "build-it", "params": params});
    let source = json!({"url": "https://git.example.com/shop.git", "revision": COMMIT, "path": "services/hello"});
    assert_eq!((&told["id"], &told["pipeline"], &told["source"]), (&json!(id), &pipeline, &source));
    assert_eq!((&told["imageRepository"], &told["container"]), (&Value::Null, &json!("user-container")));
    assert_eq!((&told["traffic"], &told["suspend"], &told["of"]), (&json!(50), &Value::Null, &json!("file")));
    // Another spelling of the same is the same.
    let spelt = declared().replace("build-it", "tekton.dev/v1/Pipeline/build-it").replace("'50'", "\"50%\"");
    let again = andante(&["goal", "hello", "-f", &file("goal-spelt.yaml", &spelt)]);
    assert!(again.stdout.starts_with(&format!("hello: goal {id} of the file\n")), "{}", again.stdout);
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let annotations = "    andante.dev/source: https://git.example.com/shop.git\n    andante.dev/trafic: '10'\n";
    let path = file("goal-faults.yaml", &manifest(annotations, "registry.example.com/hello:1"));
    let faults = [
        "annotation andante.dev/trafic is `10`: nothing reads it; andante.dev/traffic was probably meant; call it \
         andante.dev/traffic, or take it away",
        "annotation andante.dev/source is `https://git.example.com/shop.git`: nobody is in charge of building it, because there \
         is no andante.dev/pipeline; add andante.dev/pipeline (ExternalOperation where something outside builds it), or take the \
         source away",
    ];
    let expected =
        format!("andante: what Service hello declares cannot be read (2 faults):\n  {}\n  {}\n", faults[0], faults[1]);
    expect(&["goal", "hello", "-f", &path], 2, "", &expected);
    let ran = andante(&["goal", "hello", "-f", &path, "-o", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &told["outcome"], &told["code"]), (2, &json!("bad-input"), &json!(2)));
    assert_eq!(told["faults"][0]["place"], "annotation andante.dev/trafic");
    assert_eq!((&told["faults"][1]["found"], told["faults"].as_array().unwrap().len()), (&annotation_source(), 2));
    let lone = manifest("    andante.dev/traffic: '0'\n", "registry.example.com/hello:1");
    let expected = "andante: what Service hello declares cannot be read: annotation andante.dev/traffic is `0`: nobody would ever \
                    be sent to the goal's code; write a whole percentage from 1 to 100\n";
    expect(&["goal", "hello", "-f", &file("goal-lone.yaml", &lone)], 2, "", expected);
}

fn annotation_source() -> Value {
    json!("https://git.example.com/shop.git")
}

#[test]
fn a_goal_is_handed_on_as_results() {
    let results = |test: &str, text: &str| {
        let place = scratch(test);
        let path = file(&format!("{test}.yaml"), text);
        let ran = andante(&["goal", "hello", "-f", &path, "--results", place.to_str().unwrap()]);
        let read = move |name: &str| fs::read_to_string(place.join(name)).unwrap();
        (ran, read)
    };
    let (ran, read) = results("goal-results", &declared());
    assert_eq!(ran.code, 0, "{ran:?}");
    for (name, value) in [
        ("git-url", "https://git.example.com/shop.git"),
        ("git-revision", COMMIT),
        ("context", "services/hello"),
        ("repository", ""),
        ("container", "user-container"),
        ("traffic", "50"),
        ("pipeline", "tekton.dev/v1/Pipeline/build-it"),
        ("params", r#"{"steps":["5","25"],"style":"canary"}"#),
        ("message", &format!("goal {}", read("goal"))),
    ] {
        assert_eq!(read(name), value, "{name}");
    }
    // Without a source there is nothing to be built.
    let (_, read) = results("goal-results-none", &manifest("", "registry.example.com/hello:1"));
    assert_eq!(
        (read("git-url"), read("context"), read("pipeline"), read("params")),
        (String::new(), String::new(), String::new(), "{}".into())
    );
    // What does not fit is an error, because half of it would be another goal.
    let long = declared().replace("style: canary", &format!("style: {}", "x".repeat(1000)));
    let (ran, read) = results("goal-results-long", &long);
    assert_eq!((ran.code, read("git-url")), (2, String::new()), "{ran:?}");
    assert!(ran.stderr.contains("the result params has ") && read("message").contains("bytes too many"), "{ran:?}");
    let (ran, read) =
        results("goal-results-fault", &manifest("    andante.dev/traffic: all\n", "registry.example.com/hello:1"));
    assert_eq!((ran.code, read("goal"), read("params")), (2, String::new(), "{}".into()));
    assert!(read("message").contains("annotation andante.dev/traffic is `all`"), "{}", read("message"));
}

/// The results of the step of a pipeline that was given some of its parameters.
#[test]
fn a_run_takes_what_it_was_not_given_from_what_is_declared() {
    let path = file("goal-given.yaml", &declared());
    let results = scratch("goal-given");
    let place = results.display().to_string();
    let asked = [
        "goal",
        "-f",
        &path,
        "--given=goal=",
        "--given=git-url=",
        "--given=git-revision=main",
        "--given=context=",
        "--given=style=",
        "--given=dockerfile=",
        "--list=build-args",
        "--otherwise=dockerfile=Dockerfile",
        "--otherwise=build-args=--none",
        "--results",
        &place,
        "--",
        "hello",
    ];
    let ran = andante(&asked);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let line = |name: &str| ran.stdout.lines().find(|line| line.split(' ').next() == Some(name)).unwrap().to_owned();
    assert_eq!(line("git-url"), "git-url       declared      https://git.example.com/shop.git");
    assert_eq!(line("git-revision"), "git-revision  given");
    assert_eq!(line("dockerfile"), "dockerfile    not declared  Dockerfile");
    let told: Value = serde_json::from_str(&andante(&["goal", "hello", "-f", &path, "-o", "json"]).stdout).unwrap();
    for (name, value) in [
        ("goal", told["id"].as_str().unwrap()),
        ("git-url", "https://git.example.com/shop.git"),
        ("git-revision", "main"),
        ("context", "services/hello"),
        ("style", "canary"),
        ("dockerfile", "Dockerfile"),
        ("build-args", r#"["--none"]"#),
    ] {
        assert_eq!(fs::read_to_string(results.join(name)).unwrap(), value, "{name}");
    }
    // More words are the list, dashes and all.
    let more = [&asked[..], &["--build-arg=A=1", "--squash"]].concat();
    assert_eq!(andante(&more).code, 0);
    assert_eq!(fs::read_to_string(results.join("build-args")).unwrap(), r#"["--build-arg=A=1","--squash"]"#);
    // What nobody says is said to be missing, and a list is no text.
    let missing = andante(&["goal", "hello", "-f", &path, "--given=image="]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("the parameter image is not given, and hello declares none"), "{missing:?}");
    let list = andante(&["goal", "hello", "-f", &path, "--given=steps="]);
    assert!(list.stderr.contains("`steps` is a list, and one text is taken there"), "{list:?}");
    // Where nobody is in charge nothing is declared for a run, and a slip is nobody's fault.
    let nobody = manifest(
        "    andante.dev/trafic: '10'\n    andante.dev/params: '{style: linear}'\n",
        "registry.example.com/hello:1",
    );
    let path = file("goal-nobody.yaml", &nobody);
    let ran = andante(&[
        "goal",
        "hello",
        "-f",
        &path,
        "--given=style=",
        "--given=goal=",
        "--otherwise=style=canary",
        "--otherwise=goal=",
    ]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "style         not declared  canary\ngoal          not declared\n"),
        "{ran:?}"
    );
}

//! Manifests: they are read as kubectl reads them, and what a file says is what shall be.

use super::support::*;
use serde_json::{Value, json};

/// Numbers of any size are compared as JSON's readers in Go do: what is no 64 bit integer is a float.
fn as_go_reads(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => json!(number.as_f64()),
        Value::Array(list) => list.iter().map(as_go_reads).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), as_go_reads(value))).collect(),
        other => other.clone(),
    }
}

/// The table that the unit test of the reader reads, line by line through kubectl itself.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_table_of_what_kubectl_reads_is_what_kubectl_reads() {
    let space = Space::new("kubectl-reads");
    let lines: Vec<Value> = include_str!("../adapters/kubectl-reads.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let documents: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let yaml = line["yaml"].as_str().unwrap().trim_end_matches('\n').replace('\n', "\n  ");
            format!("---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: line-{at}}}\nspec:\n  {yaml}\n")
        })
        .collect();
    let file = space.file("table.yaml", &documents.concat());
    let read = space.kubectl(&["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", &file]).good();
    let read: Vec<Value> = serde_json::Deserializer::from_str(&read.out).into_iter().collect::<Result<_, _>>().unwrap();
    let read: Vec<&Value> = match read.as_slice() {
        [list] if list["kind"] == "List" => list["items"].as_array().unwrap().iter().collect(),
        all => all.iter().collect(),
    };
    assert_eq!(read.len(), lines.len());
    for (line, object) in lines.iter().zip(read) {
        assert_eq!(as_go_reads(&object["spec"]), as_go_reads(&line["json"]), "{}", line["yaml"]);
    }
}

const MANIFEST: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: ledger}
  data: {ledger: empty}
- apiVersion: serving.knative.dev/v1
  kind: Service
  metadata:
    name: hello
  spec:
    template:
      metadata:
        annotations: {autoscaling.knative.dev/min-scale: '1'}
      spec:
        containerConcurrency: 010
        enableServiceLinks: no
        timeoutSeconds: 1_20
        volumes:
        - name: ledger
          configMap: {name: ledger, defaultMode: 0400}
        containers:
        - name: app
          image: dev.local/andante-sample:v1
          env:
          - &greeting {name: GREETING, value: 'yes'}
          - {<<: *greeting, name: FAREWELL}
          volumeMounts:
          - {name: ledger, mountPath: /ledger}
";

/// The whole file is sent as kubectl sends it; a field that it loses is lost, and then it says what is there.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_file_for_kubectl_makes_what_kubectl_makes_and_a_field_less_is_a_release() {
    let space = Space::new("as-kubectl");
    space.apply(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ledger"}, "data": {"ledger": "empty"}}),
    );
    let file = space.file("hello.yaml", MANIFEST);
    let applied = space.kubectl(&["create", "--dry-run=server", "-o", "json", "-f", &file]);
    let applied: Vec<Value> =
        serde_json::Deserializer::from_str(&applied.out).into_iter().map_while(Result::ok).collect();
    let applied = applied
        .iter()
        .flat_map(|o| o["items"].as_array().cloned().unwrap_or_else(|| vec![o.clone()]))
        .find(|o| o["kind"] == "Service")
        .expect("kubectl shows the Service that it would make");

    let ran = space.andante(&["stage", "hello", "--from-file", &file]).ended(0);
    ran.says("also holds ConfigMap `ledger`: only Service hello is taken from it").ends_with("first deployment");
    let template = space.service("hello")["spec"]["template"].clone();
    assert_eq!(template, applied["spec"]["template"]);
    assert_eq!(template.pointer("/spec/volumes/0/configMap/defaultMode"), Some(&json!(256)));
    assert_eq!(template.pointer("/spec/containerConcurrency"), Some(&json!(8)));
    assert_eq!(template.pointer("/spec/containers/0/env/1/value"), Some(&json!("yes")));
    space.andante(&["stage", "hello", "--from-file", &file]).ended(0).ends_with("nothing was written");

    // As GitOps has it: the file loses a line and nothing else.
    let less = MANIFEST.replace("        containerConcurrency: 010\n", "");
    let file = space.file("hello.yaml", &less);
    space.andante(&["stage", "hello", "--from-file", &file]).ended(0).ends_with("staged hello-00002");
    let template = space.service("hello")["spec"]["template"].clone();
    assert_eq!(template.pointer("/spec/containerConcurrency"), Some(&json!(0)), "the default again");
    assert_eq!(template.pointer("/spec/enableServiceLinks"), Some(&json!(false)));
    space.andante(&["settle", "hello", "--to", "candidate"]).ended(0);
    space.andante(&["stage", "hello", "--from-file", &file]).ended(0).ends_with("nothing was written");
}

/// An export is a file as well: what the server set is left out, and the Service can be made of it anew.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_export_makes_the_service_anew() {
    let space = Space::new("export");
    space.serve(&sample("hello", "v1"));
    let export = space.kubectl(&["get", "ksvc", "hello", "-o", "yaml"]).good().out;
    assert!(export.contains("resourceVersion") && export.contains("status:"), "{export}");
    let file = space.file("export.yaml", &export);
    let ran = space.andante(&["stage", "hello", "--from-file", &file]).ended(0);
    ran.says("metadata.resourceVersion").ends_with("nothing was written");
    space.kubectl(&["delete", "ksvc", "hello", "--wait"]).good();
    space.andante(&["stage", "hello", "--from-file", &file]).ended(0).ends_with("first deployment");
    space.answers("hello", "v1", 3);
}

/// A revision's name in the file is used while it is free.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_revision_has_the_name_that_its_file_gives_it() {
    let space = Space::new("file-names-it");
    let named = |version: &str, name: &str| sample("hello", version).revision(name).object.to_string();
    let file = space.file("hello.yaml", &named("v1", "hello-r5"));
    space.andante(&["stage", "hello", "--from-file", &file]).ended(0).ends_with("first deployment: hello-r5");
    let file = space.file("hello.yaml", &named("v2", "hello-r6"));
    space.andante(&["stage", "hello", "--from-file", &file]).ended(0).ends_with("staged hello-r6");
    space.andante(&["settle", "hello", "--to", "candidate"]).ended(0);
    // Whoever applies the file afterwards (a whole one, since Knative fills nothing into a template that keeps its name)
    // makes no revision and moves nobody.
    let mut whole = sample("hello", "v2").object;
    whole["spec"]["template"] = space.service("hello")["spec"]["template"].clone();
    assert_eq!(whole.pointer("/spec/template/metadata/name"), Some(&json!("hello-r6")));
    space.apply(&whole);
    assert_eq!(space.settled("hello")["status"]["latestCreatedRevisionName"], "hello-r6");
    space.answers("hello", "v2", 3);
    // A file that changes and keeps the name.
    let file = space.file("hello.yaml", &named("v1", "hello-r6"));
    let ran = space.andante(&["stage", "hello", "--from-file", &file]).ended(0);
    ran.says("the file names its revision hello-r6, which is there already").ends_with("staged hello-0000");
    let wrong = space.file("wrong.yaml", &named("v1", "other-r1"));
    space.andante(&["stage", "hello", "--from-file", &wrong]).ended(2).ends_with("must begin with `hello-`");
}

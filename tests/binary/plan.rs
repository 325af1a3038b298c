//! `plan` from a file: no cluster, exact output.

use super::{andante, expect, file, scratch};

const MANIFEST: &str = "\
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: hello
spec:
  template:
    spec:
      containers:
        - image: example.com/hello:1
";

/// As `kubectl get ksvc -o yaml` prints it, with a third pinned revision under somebody's tag.
const RUNNING: &str = "\
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: hello
  uid: 6f8a0c2e
  generation: 3
  annotations:
    serving.knative.dev/rollout-duration: 60s
spec:
  template:
    spec:
      containers:
        - image: example.com/hello:1
  traffic:
    - latestRevision: true
      percent: 80
    - revisionName: hello-00001
      latestRevision: false
      percent: 20
      tag: old
status:
  observedGeneration: 3
  latestReadyRevisionName: hello-00003
  latestCreatedRevisionName: hello-00003
";

#[test]
fn a_manifest_that_no_cluster_has_seen() {
    let manifest = file("manifest.yaml", MANIFEST);
    let expected = "\
hello: a canary rollout; nothing is written by this
stable     <hello-now>; the owner's entry follows latest
candidate  <hello-new>

stage      <hello-now> 100 % (tag stable), latest 0 % (tag candidate)
           with the new template, in one write; not for a revision that is there already
candidate  <hello-now> 100 % (tag stable), <hello-new> 0 % (tag candidate)
           once it is Ready, by name
step 1     <hello-now> 90 % (tag stable), <hello-new> 10 % (tag candidate)
           stays 1m
step 2     <hello-now> 0 % (tag stable), <hello-new> 100 % (tag candidate)
           after an approval (waited for 30m at most), then bakes 5m
finish     latest 100 %
           follows latest again, as the owner had it; stays pinned by name if a newer template waits by then
rollback   <hello-now> 100 %, <hello-new> 0 % (tag candidate)
           instead of what is still to come, whenever a gate fails

time       at least 6m, staging, gates and approvals aside
note       from a file: whether its revisions are there and Ready, and who has the names that its tags need, was not looked at
note       the file does not tell which revision is ready now: <hello-now> stands for it
note       <hello-new> stands for the revision that staging makes or takes up
";
    let arguments = ["plan", "hello", "-f", &manifest, "--steps", "10,100", "--dwell", "1m", "--approve", "100"];
    expect(&arguments, 0, expected, "");
}

#[test]
fn a_running_service_as_kubectl_prints_it() {
    let manifest = file("running.yaml", RUNNING);
    let expected = "\
hello: a blue-green rollout; nothing is written by this
stable     hello-00003; the owner's entry follows latest
candidate  <hello-new>

stage      hello-00003 80 % (tag stable), latest 0 % (tag candidate), hello-00001 20 % (tag old)
           with the new template, in one write; not for a revision that is there already
candidate  hello-00003 80 % (tag stable), <hello-new> 0 % (tag candidate), hello-00001 20 % (tag old)
           once it is Ready, by name
step 1     hello-00003 0 % (tag stable), <hello-new> 80 % (tag candidate), hello-00001 20 % (tag old)
           bakes 5m
finish     latest 80 %, hello-00001 20 % (tag old)
           follows latest again, as the owner had it; stays pinned by name if a newer template waits by then
rollback   hello-00003 80 %, hello-00001 20 % (tag old), <hello-new> 0 % (tag candidate)
           instead of what is still to come, whenever a gate fails

time       at least 5m, staging, gates and approvals aside
note       from a file: whether its revisions are there and Ready, and who has the names that its tags need, was not looked at
note       <hello-new> stands for the revision that staging makes or takes up
note       one switch: judged by probes before, by the candidate's pods and (with --evidence) the objective during the bake; it promises no comparison with stable
note       serving.knative.dev/rollout-duration is 60s: Knative itself ramps entries that follow latest, by time alone
";
    expect(&["plan", "hello", "-f", &manifest, "--style", "blue-green"], 0, expected, "");
}

#[test]
fn json_has_every_split_as_values() {
    let manifest = file("json.yaml", RUNNING);
    let ran = andante(&["plan", "hello", "-f", &manifest, "--to", "25", "-o", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let preview: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let kinds: Vec<_> = preview["moves"].as_array().unwrap().iter().map(|m| m["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["stage", "candidate", "step", "step", "step", "hold"]);
    assert_eq!(preview["moves"][4]["share"], 20, "25 % of the 80 % that stable has");
    for step in preview["moves"].as_array().unwrap().iter().filter(|m| m["kind"] != "hold") {
        let percents = step["traffic"].as_array().unwrap().iter().map(|t| t["percent"].as_u64().unwrap());
        assert_eq!(percents.sum::<u64>(), 100);
    }
}

#[test]
fn files_that_cannot_be_planned_for() {
    let two = RUNNING.replace("      tag: old\n", "");
    let two = file("two.yaml", &two);
    let ran = andante(&["plan", "hello", "-f", &two]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(ran.stderr.contains("more than one target serves users"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--stable REVISION"), "{}", ran.stderr);
    assert_eq!(andante(&["plan", "hello", "-f", &two, "--stable", "hello-00003"]).code, 0);

    let tag = file("tag.yaml", &RUNNING.replace("tag: old", "tag: candidate"));
    let ran = andante(&["plan", "hello", "-f", &tag]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("the tag `candidate` is the owner's already"), "{}", ran.stderr);
    assert_eq!(andante(&["plan", "hello", "-f", &tag, "--candidate-tag", "next"]).code, 0);

    let sum = file("sum.yaml", &RUNNING.replace("percent: 20", "percent: 30"));
    let ran = andante(&["plan", "hello", "-f", &sum]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("the traffic targets sum to 110, not to 100"), "{}", ran.stderr);

    let manifest = file("other.yaml", MANIFEST);
    expect(
        &["plan", "bye", "-f", &manifest],
        2,
        "",
        &format!("andante: {manifest} is of Service `hello`, not of `bye`\n"),
    );
    let deployment = file("deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\n");
    let not_one = "not a Knative Service (apiVersion serving.knative.dev/v1, kind Service)";
    expect(&["plan", "hello", "-f", &deployment], 2, "", &format!("andante: {deployment}: {not_one}\n"));
    let missing = scratch("plan").join("missing").display().to_string();
    let said = format!("andante: {missing}: No such file or directory (os error 2)\n");
    expect(&["plan", "hello", "-f", &missing], 2, "", &said);
    let broken = file("broken.yaml", "a: [1\n");
    let ran = andante(&["plan", "hello", "-f", &broken]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.starts_with(&format!("andante: {broken}: ")), "{}", ran.stderr);
}

/// `candidate-NAME` would be longer than a label of a host name may be.
#[test]
fn a_long_name_has_short_tags_and_the_longest_none() {
    let of = |length: usize| {
        let name = "a".repeat(length);
        let manifest = file(&format!("long-{length}.yaml"), &MANIFEST.replace("hello", &name));
        (name.clone(), andante(&["plan", &name, "-f", &manifest]), manifest)
    };
    let (_, usual, _) = of(53);
    assert!(usual.stdout.contains("(tag candidate)") && !usual.stdout.contains("the tags are"), "{}", usual.stdout);
    for length in [54, 61] {
        let (name, short, manifest) = of(length);
        assert_eq!(short.code, 0, "{}", short.stderr);
        assert!(short.stdout.contains("(tag c)") && short.stdout.contains("(tag s)"), "{}", short.stdout);
        let note = "note       the tags are `c` and `s`: with `candidate` and `stable` a host name would be longer than 63 characters";
        assert!(short.stdout.contains(note), "{}", short.stdout);
        let own = andante(&["plan", &name, "-f", &manifest, "--candidate-tag", "x", "--stable-tag", "y"]);
        assert!(own.stdout.contains("(tag x)") && !own.stdout.contains("the tags are"), "{}", own.stdout);
    }
    let (_, none, _) = of(62);
    assert_eq!(none.code, 2, "{}", none.stdout);
    assert!(none.stderr.contains("no tag fits beside a Service name of 62 characters"), "{}", none.stderr);
}

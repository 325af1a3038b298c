//! The bundled cluster's Python where a mistake hurts only now and then: what it forgives, what it writes down.

#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

use std::process::Command;

/// What a few lines of Python beside the testbed's modules say.
fn python(lines: &str) -> String {
    let testbed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed");
    let ran = Command::new("python3")
        .args(["-B", "-c", lines])
        .current_dir(testbed)
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/images"))
        .env("ANDANTE_TESTBED_STATE", concat!(env!("CARGO_TARGET_TMPDIR"), "/testbed"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// Pods end while the cluster is taken down: between the moment when a group is listed and that when it is looked into, it goes.
#[test]
fn groups_of_pods_may_vanish_while_their_processes_are_looked_for() {
    let said = python(
        r#"
import os, pathlib, shutil, tempfile
from testbed import network

base = pathlib.Path(tempfile.mkdtemp())
pods = base / network.CGROUP / "pods"
for name, pid in [("first", 11), ("gone", 12), ("last", 13)]:
    (pods / name / "container").mkdir(parents=True)
    (pods / name / "container" / "cgroup.procs").write_text("%d\n" % pid)
scan = os.scandir

class Listed:
    def __init__(self, entries):
        self.entries = iter(list(entries))
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def __iter__(self):
        return self.entries
    def __next__(self):
        return next(self.entries)

def vanishing(path="."):
    with scan(path) as found:
        found = Listed(found)
    if not isinstance(path, int) and os.fspath(path) == os.fspath(pods):
        shutil.rmtree(pods / "gone", ignore_errors=True)
    return found

os.scandir = vanishing
network.hierarchies = lambda: [base]
try:
    print(sorted(network.cgroup_pids()), (pods / "gone").exists())
finally:
    os.scandir = scan
    shutil.rmtree(base)
"#,
    );
    assert_eq!(said, "[11, 13] False");
}

/// Once a registry's image has the ID of a preloaded one, a kubelet that verifies credentials refuses the preloaded one to every
/// pod after it.
#[test]
fn the_kubelet_takes_preloaded_images_whoever_pulled_the_same_bytes() {
    let said = python(
        r#"
import json, pathlib
from testbed import components, images

images.socket = lambda: "/run/none.sock"
print(json.dumps(components.kubelet_config(pathlib.Path("/state"))))
"#,
    );
    let config: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(config["imagePullCredentialsVerificationPolicy"], "NeverVerify");
    assert_eq!(config["kind"], "KubeletConfiguration");
}

/// Optional parts say of which release they are, are built of the commands that their modules pin, and are no part of what `up` brings.
#[test]
fn optional_parts_are_what_their_modules_pin_and_the_cluster_knows_nothing_of_them() {
    let said = python(
        r#"
from testbed import build, images, manifests, parts, state

# Names of images hold it, and nothing is built here.
build.go_version = lambda: "go"
for name, of in sorted(parts.OPTIONAL.items()):
    pinned, commands = [], []
    for source in of.sources:
        text = (state.ROOT / source.build / "go.mod").read_text()
        assert "\t%s %s" % (source.module, source.version) in text, source.module
        pinned += [line.strip() for line in text.splitlines() if "/cmd/" in line]
        commands += [source.package(command) for command in source.commands]
    print(name, sorted(pinned) == sorted(commands), name in build.PARTS, len(parts.plan(name)) == len(commands))
    assert not set(parts.table(name)) & set(images.by_source())

pod = {"containers": [{"image": "ko://knative.dev/eventing/cmd/controller", "resources": {"limits": {"cpu": 1, "memory": 2}},
    "env": [{"name": "A", "value": "ko://knative.dev/eventing/cmd/auth_proxy"}]}]}
deployment = {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": pod}}}
(made,) = manifests.fitted(deployment, parts.table("eventing"), parts.NOT_BUILT)["spec"]["template"]["spec"]["containers"]
print(made["image"] == images.ref("eventing", "controller"), made["env"][0]["value"], made["resources"])
found = {"tekton-pipelines/tekton-pipelines-controller": True, "tekton-pipelines/tekton-triggers-webhook": False}
print(parts.deployments("triggers", found))
"#,
    );
    let wanted = "contour True False True\neventing True False True\ntriggers True False True\n\
        True dev.local/not-built:v0 {'limits': {'memory': 2}}\n{'tekton-pipelines/tekton-triggers-webhook': False}";
    assert_eq!(said, wanted);
}

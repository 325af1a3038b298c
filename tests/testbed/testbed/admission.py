"""Asks a Tekton release whether it takes an object, without any cluster.

etcd, kube-apiserver and the release's own webhook run for as long as the
question takes, on ports of their own: so the schemas of the release's CRDs, its
defaults and its validation all have their say, and the cluster beside it has
nothing to do with it. Nothing is stored: every question is a dry run.
"""

import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import time

import yaml

from . import build
from .api import Api, Refused
from .components import asked
from .manifests import TEKTON, Loader
from .state import Problem

# Release: the part with its webhook, and the directory with its go.mod.
RELEASES = {"1.12": ("tekton-1.12", "tekton-1.12"), "1.15": ("tekton", "knative")}
SPACE = "tekton-pipelines"
SERVICE = "tekton-pipelines-webhook"
TOKEN = "for-the-loopback-only"
# Objects that a release's webhook, or the server on its behalf, looks at.
KINDS = {
    "CustomResourceDefinition",
    "ConfigMap",
    "Secret",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
}


def ask(release, files):
    """(file, object, complaint or None) of every object in the files, as they are answered."""
    part, folder = RELEASES[release]
    objects = [(file, thing) for file in files for thing in documents(file)]
    with contextlib.ExitStack() as stack:
        client = server(part, folder, stack)
        for file, thing in objects:
            yield file, shown(thing), complaint(client, thing)


def documents(file):
    """The objects in a file."""
    try:
        things = [t for t in yaml.load_all(pathlib.Path(file).read_text(), Loader=Loader) if t]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as why:
        raise Problem("%s: %s" % (file, why))
    if not things or not all(isinstance(t, dict) and t.get("kind") and t.get("apiVersion") for t in things):
        raise Problem("%s: not (only) Kubernetes objects" % file)
    return things


def shown(thing):
    """An object's kind and name, for people."""
    meta = thing.get("metadata", {})
    return "%s/%s" % (thing["kind"], meta.get("name") or meta.get("generateName", "") + "...")


def complaint(client, thing):
    """Why an object is not taken; None where it is."""
    # The only namespace that is there.
    thing = dict(thing, metadata=dict(thing.get("metadata", {}), namespace="default"))
    try:
        client.create(thing, "?dryRun=All&fieldValidation=Strict")
    except LookupError as why:
        return "this server has no such kind: " + on_one_line(why)
    except Refused as why:
        return on_one_line(why)
    return None


def on_one_line(text):
    """A complaint without its line breaks."""
    return " ".join(str(text).split())


def free_ports(count):
    """Ports of the loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def server(part, folder, stack):
    """An API server with a release's CRDs and webhook; all of it ends with the stack."""
    home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="andante-admission-")))
    etcd, peer, port, hook, probes = free_ports(5)

    def start(name, command, well, env=None):
        log = home / (name + ".log")
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [str(c) for c in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=home,
                env=dict(os.environ, HOME=str(home), **(env or {})),
                start_new_session=True,
            )
        stack.callback(end, process)
        limit = time.monotonic() + 60
        while not well():
            if process.poll() is not None or time.monotonic() > limit:
                tail = log.read_text(errors="replace").splitlines()[-12:]
                raise Problem("%s is not well:\n%s" % (name, "\n".join(tail)))
            time.sleep(0.1)

    address = "http://127.0.0.1:%d" % etcd
    between = "http://127.0.0.1:%d" % peer
    start(
        "etcd",
        [build.which("etcd"), "--data-dir", home / "etcd", "--unsafe-no-fsync"]
        + ["--listen-client-urls", address, "--advertise-client-urls", address]
        + ["--listen-peer-urls", between, "--initial-advertise-peer-urls", between]
        + ["--initial-cluster", "default=" + between],
        lambda: asked("127.0.0.1", etcd, "/health"),
    )
    key = home / "accounts.key"
    build.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)])
    (home / "tokens.csv").write_text('%s,admin,admin,"system:masters"\n' % TOKEN)
    # Its certificate is self-made at each start, and it is on the loopback.
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    bearer = {"Authorization": "Bearer " + TOKEN}
    start(
        "kube-apiserver",
        [build.binary("kubernetes", "kube-apiserver"), "--etcd-servers=" + address]
        + ["--bind-address=127.0.0.1", "--secure-port=%d" % port, "--cert-dir=%s" % (home / "pki")]
        + ["--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.97.0.0/24"]
        + ["--authorization-mode=RBAC", "--token-auth-file=%s" % (home / "tokens.csv")]
        + ["--service-account-issuer=https://kubernetes.default.svc"]
        + ["--service-account-key-file=%s" % key, "--service-account-signing-key-file=%s" % key],
        lambda: asked("127.0.0.1", port, "/readyz", trusting, 5, bearer),
    )
    client = Api(TOKEN, address=("127.0.0.1", port), context=trusting)
    apply_all(client, objects(folder, hook))
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "it",
                "cluster": {"server": "https://127.0.0.1:%d" % port, "insecure-skip-tls-verify": True},
            }
        ],
        "users": [{"name": "it", "user": {"token": TOKEN}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    (home / "kubeconfig").write_text(json.dumps(config))
    env = {
        "SYSTEM_NAMESPACE": SPACE,
        "KUBECONFIG": str(home / "kubeconfig"),
        "CONFIG_LEADERELECTION_NAME": "config-leader-election-webhook",
        "CONFIG_FEATURE_FLAGS_NAME": "feature-flags",
        "WEBHOOK_PORT": str(hook),
        "PROBES_PORT": str(probes),
        "METRICS_DOMAIN": "tekton.dev/pipeline",
    }
    start("webhook", [build.binary(part, "webhook")], lambda: answers(client), env)
    return client


def end(process):
    """Ends a process of ours, and waits until it is gone."""
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def objects(folder, port):
    """What the release brings, with its webhook at a port of the loopback."""
    config = build.module_dirs(folder, [TEKTON])[TEKTON] / "config"
    things = [
        thing
        for file in sorted(config.glob("*.yaml")) + sorted((config / "300-crds").glob("*.yaml"))
        for thing in yaml.load_all(file.read_text(), Loader=Loader)
        if thing and thing["kind"] in KINDS
    ]

    for thing in things:
        if thing["metadata"]["name"] == "config-observability":
            # Else it listens on a port that may be somebody's.
            thing["data"]["metrics-protocol"] = "none"

    def moved(value):
        if isinstance(value, list):
            return [moved(v) for v in value]
        if not isinstance(value, dict):
            return value
        value = {k: moved(v) for k, v in value.items()}
        if value.get("name") == SERVICE and "namespace" in value:
            value["port"] = port
        return value

    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": SERVICE, "namespace": SPACE},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
    ] + [moved(thing) for thing in things]


def apply_all(client, things):
    """Applies objects; the webhook's own registration last, as it does not run yet."""
    for thing in sorted(things, key=lambda t: t["kind"].endswith("WebhookConfiguration")):
        for attempt in range(50):
            try:
                client.apply(thing)
                break
            except (LookupError, Refused) as why:
                if attempt == 49:
                    raise Problem("%s: %s" % (shown(thing), why))
                client.kinds.clear()
                time.sleep(0.2)


def answers(client):
    """Whether the webhook has its say: it takes what is good and refuses what is not."""
    good = {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": "check"},
        "spec": {"steps": [{"name": "a", "image": "x", "command": ["x"]}]},
    }
    bad = dict(good, spec={"steps": [{"name": "a"}, {"name": "a"}]})
    # One version each way: stored is v1, and a StepAction has to be converted.
    action = {
        "apiVersion": "tekton.dev/v1beta1",
        "kind": "StepAction",
        "metadata": {"name": "check"},
        "spec": {"image": "x", "command": ["x"]},
    }
    try:
        if complaint(client, good) or complaint(client, action):
            return False
        said = complaint(client, bad)
    except OSError:
        return False
    return said is not None and "admission webhook" in said

"""Optional parts of the cluster: built and started when somebody asks for them, gone with the cluster.

Neither `up` nor what is counted as the cluster itself knows of them, so that `make demo` and `make test` pay nothing for what
only long tests need. A part is a module of its own beside the others: its commands become images, and its manifests are read
from the module, as the cluster's own are.
"""

import fcntl
import json

from . import build, images, manifests
from .state import cache_dir, read_json, state_dir, write


class Part:
    """What a part is made of."""

    def __init__(self, module, version, files, commands, spaces, asked, left_out=()):
        self.module = module
        # As in its go.mod.
        self.version = version
        self.files = files
        self.commands = commands
        # Namespaces, and how the names of the part's own Deployments there begin.
        self.spaces = spaces
        # An object that its webhook takes once it answers.
        self.asked = asked
        # Objects of no use here, by kind and name.
        self.left_out = set(left_out)


OPTIONAL = {
    # What takes events (of git servers, of Knative Eventing) and makes runs of them.
    "triggers": Part(
        "github.com/tektoncd/triggers",
        "v0.37.0",
        ["config", "config/interceptors"],
        ["controller", "eventlistenersink", "interceptors", "webhook"],
        {"tekton-pipelines": "tekton-triggers-"},
        {
            "apiVersion": "triggers.tekton.dev/v1beta1",
            "kind": "TriggerTemplate",
            "metadata": {"name": "andante-check", "namespace": "default"},
            "spec": {"resourcetemplates": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}]},
        },
    ),
    # What watches objects and tells of them: of Knative Eventing the core alone, without brokers and channels, and of its sources
    # the one that watches the API server.
    "eventing": Part(
        "knative.dev/eventing",
        "v0.50.0",
        [
            "config/core/100-namespace.yaml",
            "config/core/200-eventing-serviceaccount.yaml",
            "config/core/200-webhook-serviceaccount.yaml",
            "config/core/200-pingsource-mt-adapter-serviceaccount.yaml",
            "config/core/200-job-sink-serviceaccount.yaml",
            "config/core/200-request-reply-serviceaccount.yaml",
            "config/core/roles",
            "config/core/resources",
            "config/core/configmaps",
            "third_party/eventing-integrations-latest",
            "config/core/webhooks",
            "config/core/deployments/controller.yaml",
            "config/core/deployments/webhook.yaml",
        ],
        ["apiserver_receive_adapter", "controller", "webhook"],
        {"knative-eventing": "eventing-"},
        {
            "apiVersion": "sources.knative.dev/v1",
            "kind": "ApiServerSource",
            "metadata": {"name": "andante-check", "namespace": "default"},
            "spec": {"resources": [{"apiVersion": "v1", "kind": "Pod"}], "sink": {"uri": "http://127.0.0.1"}},
        },
        # It asks about every workload of every namespace, and would refuse them all while its webhook is away.
        [("MutatingWebhookConfiguration", "sinkbindings.webhook.sources.knative.dev")],
    ),
}

# Where a manifest names a command that is not built: nothing that is used here runs it.
NOT_BUILT = "dev.local/not-built:v0"


def part(name):
    """The part of this name."""
    return OPTIONAL[name]


def ensure(name):
    """Builds the part, unless the cache holds it. One at a time, and apart from what changes the cluster: it takes minutes."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with open(cache_dir() / ("part-%s.lock" % name), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        build.ensure([name])


def table(name):
    """Image names by what the part's manifests call them."""
    of = part(name)
    return {"ko://%s/cmd/%s" % (of.module, command): images.ref(name, command) for command in of.commands}


def plan(name):
    """The part's images, as calls of `images.load`."""
    calls = []
    for command in part(name).commands:
        image = images.ref(name, command)
        entrypoint = "/ko-app/" + command
        calls.append(([image], [(entrypoint, build.binary(name, command), 0o755)], entrypoint, image))
    return calls


def objects(name):
    """The part's objects, as this cluster wants them."""
    of, found = part(name), table(name)
    folder = build.module_dirs(name, [of.module])[of.module]
    things = [manifests.fitted(t, found, NOT_BUILT) for t in manifests.of_files(folder, of.files)]
    return [t for t in things if (t["kind"], t["metadata"]["name"]) not in of.left_out]


def identity(name, things):
    """What tells a part that was started from one that would be started now."""
    return build.digest(build.key(name), json.dumps(things, sort_keys=True))


def started():
    """Which parts were started in this cluster, and from what."""
    return read_json(state_dir() / "parts.json", {})


def note(name, of):
    """Notes that a part came to its end of starting."""
    write(state_dir() / "parts.json", json.dumps(dict(started(), **{name: of}), sort_keys=True))


def deployments(name, found):
    """Of the Deployments in the part's namespaces, those that are the part's, with whether each is available."""
    prefixes = [space + "/" + prefix for space, prefix in part(name).spaces.items()]
    return {n: ready for n, ready in found.items() if n.startswith(tuple(prefixes))}

"""Optional parts of the cluster: built and started when somebody asks for them, gone with the cluster.

Neither `up` nor what is counted as the cluster itself knows of them, so that `make demo` and `make test` pay nothing for what
only long tests need. A part is a module of its own beside the others: its commands become images, and its manifests are read
from the module, as the cluster's own are.
"""

import fcntl
import json

from . import build, images, manifests
from .state import cache_dir, read_json, state_dir, write


class Source:
    """A Go module that a part is made of. Which folder pins it is the name of what is built of it, too."""

    def __init__(self, build, module, version, files, commands):
        self.build = build
        self.module = module
        # As in its go.mod.
        self.version = version
        # What is applied of it; a directory stands for its files.
        self.files = files
        # What becomes images: the folders of its `cmd`.
        self.commands = commands

    def package(self, command):
        """A command as Go calls it."""
        return "%s/cmd/%s" % (self.module, command)

    def image(self, command):
        """The image of a command."""
        return images.ref(self.build, command)


class Part:
    """What a part is made of."""

    def __init__(self, sources, spaces, asked=None, left_out=(), made=(), fit=None, called=None):
        self.sources = sources
        # Namespaces, and how the names of the part's own Deployments there begin.
        self.spaces = spaces
        # An object that its webhook takes once it answers, where it has one.
        self.asked = asked
        # Objects of no use here, by kind and name.
        self.left_out = set(left_out)
        # Deployments that the part's own make, by namespace and name.
        self.made = set(made)
        # Changes an object in place, beside what is done to those of the cluster.
        self.fit = fit
        # Other names that manifests have for an image, and the package whose it is.
        self.called = called or {}

    def said(self):
        """Its modules with their versions."""
        return ", ".join("%s %s" % (of.module, of.version) for of in self.sources)


def fit_contour(thing):
    """Makes Contour's provisioner take the images that are here, and one Envoy a Gateway be enough."""
    if thing["kind"] == "Deployment" and thing["metadata"]["name"] == "contour-gateway-provisioner":
        (container,) = thing["spec"]["template"]["spec"]["containers"]
        container["args"] += ["--contour-image=" + container["image"], "--envoy-image=" + images.ref("envoy")]
    if thing["kind"] == "ContourDeployment":
        envoy = thing["spec"]["envoy"]
        envoy["deployment"]["replicas"] = 1
        # There is nothing here that gives a load balancer its address.
        envoy["networkPublishing"] = {"type": "ClusterIPService"}
        for amounts in envoy["resources"].values():
            amounts.pop("cpu")


# The outer and the inner one, by namespace and name.
GATEWAYS = [("contour-external", "knative-external"), ("contour-internal", "knative-local")]

OPTIONAL = {
    # What takes events (of git servers, of Knative Eventing) and makes runs of them.
    "triggers": Part(
        [
            Source(
                "triggers",
                "github.com/tektoncd/triggers",
                "v0.37.0",
                ["config", "config/interceptors"],
                ["controller", "eventlistenersink", "interceptors", "webhook"],
            )
        ],
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
        [
            Source(
                "eventing",
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
            )
        ],
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
    # A second networking layer beside Kourier, for Services of its class: Knative's for the Gateway API (without its webhook, which
    # only looks at its ConfigMap), and Contour, whose provisioner makes a Contour and an Envoy for each of the two Gateways. Names and settings are those that
    # the layer ships for Contour.
    "contour": Part(
        [
            Source(
                "net-gateway-api",
                "knative.dev/net-gateway-api",
                "v0.48.0",
                [
                    "config/200-clusterrole.yaml",
                    "config/300-controller.yaml",
                    "third_party/gateway-api",
                    "third_party/contour",
                ],
                ["controller"],
            ),
            Source(
                "contour",
                "github.com/projectcontour/contour",
                "v1.33.8",
                ["examples/contour/01-crds.yaml", "examples/gateway-provisioner"],
                ["contour"],
            ),
        ],
        {
            "knative-serving": "net-gateway-api-",
            "projectcontour": "",
            "contour-external": "",
            "contour-internal": "",
        },
        made=["%s/%s" % (space, kind + name) for space, name in GATEWAYS for kind in ("contour-", "envoy-")],
        fit=fit_contour,
        called={"ghcr.io/projectcontour/contour:v1.33.8": "github.com/projectcontour/contour/cmd/contour"},
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
        build.ensure([of.build for of in part(name).sources])


def table(name):
    """Image names by what the part's manifests call them."""
    of = part(name)
    packages = {source.package(command): source.image(command) for source in of.sources for command in source.commands}
    found = {"ko://" + package: image for package, image in packages.items()}
    found.update({called: packages[package] for called, package in of.called.items()})
    return found


def plan(name):
    """The part's images, as calls of `images.load`."""
    calls = []
    for source in part(name).sources:
        for command in source.commands:
            image = source.image(command)
            entrypoint = "/ko-app/" + command
            files = [(entrypoint, build.binary(source.build, command), 0o755)]
            # Where pods of others' making look for it.
            files.append(("/bin/" + command, "-> " + entrypoint, 0o777))
            calls.append(([image], files, entrypoint, image))
    return calls


def objects(name):
    """The part's objects, as this cluster wants them."""
    of, found, things = part(name), table(name), []
    for source in of.sources:
        folder = build.module_dirs(source.build, [source.module])[source.module]
        for thing in manifests.of_files(folder, source.files):
            thing = manifests.fitted(thing, found, NOT_BUILT)
            if of.fit:
                of.fit(thing)
            things.append(thing)
    return [t for t in things if (t["kind"], t["metadata"]["name"]) not in of.left_out]


def identity(name, things):
    """What tells a part that was started from one that would be started now."""
    return build.digest(*[build.key(of.build) for of in part(name).sources], json.dumps(things, sort_keys=True))


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

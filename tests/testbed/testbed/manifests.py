"""The objects of the cluster, read from the modules' own directories.

Nothing of Knative's, Kourier's or Tekton's manifests is kept here: they come
from the very modules that the binaries are built from. Image names are
replaced, and what a node of two cores cannot bear is taken away.
"""

import yaml

from . import build, components, images, servers

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

SERVING = "knative.dev/serving"
KOURIER = "knative.dev/net-kourier"
NETWORKING = "knative.dev/networking"
CACHING = "knative.dev/caching"
TEKTON = "github.com/tektoncd/pipeline"

# What is applied, module by module; a directory stands for its files.
FILES = [
    (SERVING, "config/core/100-namespace.yaml"),
    (SERVING, "config/core/200-serviceaccount.yaml"),
    (SERVING, "config/core/200-roles"),
    (SERVING, "config/core/300-resources"),
    (NETWORKING, "config"),
    (CACHING, "config"),
    (SERVING, "config/core/configmaps"),
    (SERVING, "config/core/webhooks"),
    (SERVING, "config/core/300-knativecertificate.yaml"),
    (SERVING, "config/core/999-cache.yaml"),
    (SERVING, "config/core/deployments"),
    (KOURIER, "config"),
    (TEKTON, "config/100-namespace"),
    (TEKTON, "config/300-crds"),
    (TEKTON, "config"),
    (TEKTON, "config/resolvers"),
]

# Not needed with one node, or of no use without a metrics server.
LEFT_OUT = {"HorizontalPodAutoscaler", "PodDisruptionBudget"}

# Keys that are set in ConfigMaps, over what the manifests say.
SETTINGS = {
    ("knative-serving", "config-network"): {
        "ingress-class": "kourier.ingress.networking.knative.dev",
    },
    ("knative-serving", "config-domain"): {"example.com": ""},
    # Else Pod Security "restricted" refuses what Tekton adds to a pod, whatever its steps say.
    ("tekton-pipelines", "feature-flags"): {"set-security-context": "true"},
}


def read():
    """All objects, in no order that matters."""
    dirs = build.module_dirs(build.KNATIVE_MODULE, [SERVING, KOURIER, NETWORKING, CACHING])
    dirs.update(build.module_dirs("knative", [TEKTON]))
    table = images.by_source()
    things = []
    for module, name in FILES:
        things += [fitted(thing, table) for thing in of_files(dirs[module], [name])]
    return things + servers.objects()


def of_files(folder, names):
    """The objects of some files and directories of a module."""
    for name in names:
        path = folder / name
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
            for thing in yaml.load_all(file.read_text(), Loader=Loader):
                if thing and thing.get("kind") not in LEFT_OUT:
                    yield thing


def fitted(thing, table, not_built=None):
    """The object as this cluster wants it; `not_built` stands for a command that the table has no image for."""

    def replace(value):
        if isinstance(value, dict):
            return {k: replace(v) for k, v in value.items()}
        if isinstance(value, list):
            return [replace(v) for v in value]
        if isinstance(value, str):
            if value in table:
                return table[value]
            if value.startswith("ko://"):
                return table[value] if not_built is None else not_built
            if value.startswith("docker.io/envoyproxy/envoy:"):
                return images.ref("envoy")
            if "/chainguard/busybox@" in value:
                return images.shell_ref()
        return value

    thing = replace(thing)
    meta = thing["metadata"]
    settings = SETTINGS.get((meta.get("namespace"), meta["name"]))
    if thing["kind"] == "ConfigMap" and settings:
        thing.setdefault("data", {}).update(settings)
    if thing["kind"] == "Deployment":
        for container in thing["spec"]["template"]["spec"]["containers"]:
            fit_container(container)
    return thing


def fit_container(container):
    """Takes away what two cores, or an image without a shell, cannot bear."""
    for amounts in container.get("resources", {}).values():
        # Limits too: without a request, a limit counts as one.
        amounts.pop("cpu", None)
    # Nobody needs the memory that less frequent garbage collections take, and everybody the cores.
    env = container.setdefault("env", [])
    if not any(variable["name"] == "GOGC" for variable in env):
        env.append({"name": "GOGC", "value": str(components.GC_PERCENT)})
    # Kourier's gateway calls curl in a shell there, and its image has neither.
    container.get("lifecycle", {}).pop("preStop", None)
    # Its image has the one binary, and no init of its own to collect children.
    if container.get("command", [])[:2] == ["/sbin/tini", "--"]:
        container["command"] = container["command"][2:]
    probe = container.get("readinessProbe")
    if probe:
        # What is ready is to be seen at once: the start waits for it.
        probe.pop("initialDelaySeconds", None)
        probe["periodSeconds"] = min(probe.get("periodSeconds", 10), 2)
        probe["failureThreshold"] = max(probe.get("failureThreshold", 3), 5)


def is_gateway(thing):
    """Whether it is Envoy, which must not start before the name server."""
    return thing["kind"] == "Deployment" and thing["metadata"]["name"] == "3scale-kourier-gateway"


def waves(things):
    """The objects in the order in which they can be applied."""
    first = {"Namespace", "CustomResourceDefinition"}
    # A webhook that is named before it runs refuses what it is to check, so
    # what it checks goes before; and its process looks for it at its start.
    hooks = {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
    groups = [[], [], [], []]
    for thing in things:
        kind = thing["kind"]
        number = 0 if kind in first else 2 if kind in hooks else 3 if kind == "Deployment" else 1
        groups[number].append(thing)
    return groups

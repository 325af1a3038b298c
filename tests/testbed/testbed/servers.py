"""The cluster's own small servers: names, images and commits.

CoreDNS answers for the cluster's names. The registry takes what builds push,
and kubelet and Knative pull from it. The git server holds the repositories that
pipelines fetch from, and takes pushes. Image and git server ask nobody who they
are: nothing outside the machine reaches them.
"""

from . import images
from .state import DNS_IP, GIT_IP, REGISTRY_IP

SPACE = "andante-testbed"
REPOSITORIES = "/srv/git"
GIT_URL = "git://" + GIT_IP

COREFILE = """\
cluster.local:8053 in-addr.arpa:8053 {
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa {
        ttl 5
    }
}
# A name outside does not exist. Refusing it instead would make Envoy's resolver
# give up. In a block of its own, as template answers before kubernetes does.
.:8053 {
    errors
    template ANY ANY . {
        rcode NXDOMAIN
    }
}
"""

LOCKED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def objects():
    """All of them."""
    return (
        coredns()
        + [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}]
        + registry()
        + git()
    )


def server(meta, labels, address, ports, pod):
    """A Deployment of one pod, and its Service at a fixed address."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"clusterIP": address, "selector": labels, "ports": ports},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "selector": {"matchLabels": labels},
                # What it keeps lives with its pod: there must never be two.
                "strategy": {"type": "Recreate"},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]


def keeper(name, address, port, container, folder):
    """A server that keeps files in a folder for as long as its pod lives."""
    labels = {"app": name}
    container = dict(
        container,
        name=name,
        ports=[{"name": name, "containerPort": port}],
        securityContext=LOCKED,
        volumeMounts=[{"name": "data", "mountPath": folder}, {"name": "tmp", "mountPath": "/tmp"}],
    )
    pod = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532},
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
    }
    ports = [{"name": name, "port": port, "targetPort": port}]
    return server({"name": name, "namespace": SPACE}, labels, address, ports, pod)


REGISTRY_CONFIG = """\
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /var/lib/registry}, delete: {enabled: true}}
http: {addr: ":5000"}
"""


def registry():
    """Debian's docker-registry, by plain HTTP."""
    image, _, entrypoint = images.registry()
    config = {"name": "registry", "namespace": SPACE}
    container = {
        "image": image,
        "command": [entrypoint, "serve", "/etc/registry/config.yml"],
        "readinessProbe": {"httpGet": {"path": "/v2/", "port": 5000}, "periodSeconds": 2},
    }
    made = keeper("registry", REGISTRY_IP, 5000, container, "/var/lib/registry")
    pod = made[-1]["spec"]["template"]["spec"]
    pod["volumes"].append({"name": "config", "configMap": {"name": "registry"}})
    pod["containers"][0]["volumeMounts"].append({"name": "config", "mountPath": "/etc/registry"})
    data = {"config.yml": REGISTRY_CONFIG}
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": config, "data": data}] + made


def git():
    """Git's own daemon, which also takes pushes."""
    command = ["git", "daemon", "--reuseaddr", "--export-all", "--enable=receive-pack"]
    container = {
        "image": images.GIT,
        "command": command + ["--base-path=" + REPOSITORIES],
        "readinessProbe": {"tcpSocket": {"port": 9418}, "periodSeconds": 2},
    }
    return keeper("git", GIT_IP, 9418, container, REPOSITORIES)


def coredns():
    """The cluster's name server."""
    space, name = "kube-system", "coredns"
    labels = {"k8s-app": "kube-dns"}
    meta = {"name": name, "namespace": space, "labels": labels}
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    container = {
        "name": name,
        "image": images.ref("coredns"),
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 8053, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 8053, "protocol": "TCP"},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": 8181},
            "periodSeconds": 1,
            "failureThreshold": 5,
        },
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080},
            "initialDelaySeconds": 30,
            "failureThreshold": 6,
        },
        "securityContext": LOCKED,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    pod = {
        "serviceAccountName": name,
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": name}}],
    }
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"}
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 8053},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 8053},
    ]
    service, deployment = server(meta, labels, DNS_IP, ports, pod)
    service["metadata"] = dict(meta, name="kube-dns")
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": dict(meta)},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "system:coredns"},
            "rules": rules,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "system:coredns"},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": space}],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": dict(meta), "data": {"Corefile": COREFILE}},
        service,
        deployment,
    ]

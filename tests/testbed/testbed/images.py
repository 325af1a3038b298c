"""Packs binaries as container images and puts them into containerd.

No registry is needed: an image is written as a docker archive (one layer, all
times zero, so the same content has the same digest) straight into `ctr`.
"""

import hashlib
import http.client
import json
import os
import pathlib
import platform
import re
import subprocess
import tarfile
import tempfile
import threading

import layer

from . import build
from .state import REGISTRY, REGISTRY_IP, Problem, read_json, state_dir, write

# Raised when the form of the images below changes.
FORM = "1"

USER = "65532:65532"
SAMPLE = "dev.local/andante-sample"
SHELL = "dev.local/andante-shell:v1"
BUILDER = "dev.local/andante-builder:v1"
GIT = "dev.local/andante-git:v1"
BASE = REGISTRY + "/andante-sample:base"
SAMPLES = {
    "plain": "",
    "v1": "VERSION=v1\n",
    "v2": "VERSION=v2\n",
    "v3": "VERSION=v3\n",
    "crash": "VERSION=crash\nCRASH_ON_START=cannot open the ledger\n",
}


def socket():
    """The socket of the cluster's own containerd."""
    return state_dir() / "containerd" / "containerd.sock"


def ctr(*args):
    """The `ctr` command line for the namespace that the kubelet uses."""
    return ["ctr", "--address", str(socket()), "--namespace", "k8s.io"] + list(args)


def with_usual(files):
    """An image's files, with what Go's programs and shells expect to find."""
    usual = [("tmp", None, 0o1777), ("etc", None, 0o755), ("var/run/ko", None, 0o755)]
    return layer.tar(usual + list(files))


def architecture():
    """The machine's architecture by the name that images use."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def archive(refs, files, entrypoint, target, env=(), user=USER):
    """Writes one image under all its names, as a docker archive, to a stream."""
    content = with_usual(files)
    config = {
        "architecture": architecture(),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": user,
            "Entrypoint": [entrypoint],
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/ko-app", "KO_DATA_PATH=/var/run/ko"] + list(env),
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "andante testbed"}],
    }
    config = json.dumps(config, sort_keys=True).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": name + ".json", "RepoTags": list(refs), "Layers": ["layer.tar"]}]
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for path, data in [
            ("layer.tar", content),
            (name + ".json", config),
            ("manifest.json", json.dumps(manifest).encode()),
        ]:
            layer.add(tar, path, data)
    return name


_guard = threading.Lock()


def loaded():
    """What was put into containerd: image name to the hash of its content."""
    return read_json(state_dir() / "images.json", {})


def load(refs, files, entrypoint, identity, env=(), user=USER):
    """Imports an image, unless the same one is there under these names."""
    with _guard:
        if all(loaded().get(ref) == identity for ref in refs):
            return False
    process = subprocess.Popen(
        ctr("images", "import", "-"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        archive(refs, files, entrypoint, process.stdin, env, user)
        process.stdin.close()
    except BrokenPipeError:
        pass
    text = process.stdout.read().decode(errors="replace")
    if process.wait() != 0:
        raise Problem("cannot import %s: %s" % (refs[0], text.strip()))
    with _guard:
        table = loaded()
        table.update({ref: identity for ref in refs})
        write(state_dir() / "images.json", json.dumps(table, indent=1, sort_keys=True))
    return True


def ref(part, command=None):
    """The image name of a built command."""
    name = "-".join(filter(None, [part, command]))
    return "dev.local/%s:%s" % (name, build.digest(build.key(part), FORM))


def by_source():
    """Image names by what Knative's and Tekton's manifests call them."""
    serving = build.knative("serving")
    table = {"ko://knative.dev/net-kourier/cmd/kourier": ref(build.knative("kourier"))}
    for command in build.SERVING:
        table["ko://knative.dev/serving/cmd/" + command] = ref(serving, command)
    for command in build.TEKTON:
        table["ko://github.com/tektoncd/pipeline/cmd/" + command] = ref("tekton", command)
    return table


def libraries(path):
    """The shared libraries that a dynamic binary needs, with its loader."""
    return sorted(set(re.findall(r"(/\S+)", build.run(["ldd", str(path)]))))


def dynamic(*paths):
    """Files of an image for binaries of this machine, with what they need."""
    needed = {library for path in paths for library in libraries(path)}
    return [(p, os.path.realpath(p), 0o755) for p in sorted(needed | set(paths))]


def shell_ref():
    """The image of the shell that Tekton runs scripts with."""
    return SHELL


def shell_files():
    """A shell and the usual small commands."""
    files = [("/bin/busybox", "/bin/busybox", 0o755)]
    for applet in build.run(["/bin/busybox", "--list"]).split():
        if applet != "busybox":
            files.append(("/bin/" + applet, "-> busybox", 0o777))
    return files


def content(files):
    """A short name for the sum of an image's files."""
    parts = [FORM]
    for path, source, mode in files:
        if isinstance(source, str) and source.startswith("/"):
            source = pathlib.Path(source)
        parts += [path, source, mode]
    return build.digest(*parts)


def registry():
    """Name, files and entrypoint of the registry's image."""
    binary = build.which("docker-registry")
    files = dynamic(binary)
    return "dev.local/registry:" + content(files), files, binary


def git():
    """Files of the image with git: its server, and for steps that clone."""
    core = "/usr/lib/git-core/"
    files = dynamic(build.which("git"), core + "git-daemon")
    for name in ("git", "git-upload-pack", "git-receive-pack"):
        files.append((core + name, "-> " + build.which("git"), 0o777))
    # Each pod works on what another user's pod may have made.
    files.append(("/etc/gitconfig", b"[safe]\n\tdirectory = *\n", 0o644))
    files.append(("/etc/passwd", b"git:x:65532:65532::/tmp:/bin/sh\n", 0o644))
    files.append(("/usr/share/git-core/templates", None, 0o755))
    return shell_files() + files


def builder():
    """Files of the image that builds images: buildah, as Debian has it."""
    policy = {"default": [{"type": "insecureAcceptAnything"}]}
    return (
        shell_files()
        + dynamic(build.which("buildah"))
        + [
            ("/etc/containers/policy.json", json.dumps(policy).encode(), 0o644),
            ("/etc/passwd", b"root:x:0:0::/root:/bin/sh\n", 0o644),
            ("/var/tmp", None, 0o1777),
            ("/root", None, 0o755),
        ]
    )


def plan(which=None):
    """Every image of the cluster itself, as calls of `load`.

    In the order in which the start needs them.
    """
    calls = []

    def command(image, path, entrypoint):
        calls.append(([image], [(entrypoint, path, 0o755)], entrypoint, image))

    command(ref("pause"), build.binary("pause"), "/pause")
    command(ref("coredns"), build.binary("coredns"), "/ko-app/coredns")
    serving, kourier = build.knative("serving"), build.knative("kourier")
    for name in ["webhook", "controller", "autoscaler", "activator"]:
        command(ref(serving, name), build.binary(serving, name), "/ko-app/" + name)
    command(ref(kourier), build.binary(kourier, "kourier"), "/ko-app/kourier")
    envoy = build.binary("envoy")
    files = [("/usr/local/bin/envoy", envoy, 0o755)]
    files += [(p, os.path.realpath(p), 0o755) for p in libraries(envoy)]
    calls.append(([ref("envoy")], files, "/usr/local/bin/envoy", ref("envoy")))
    for name in ["webhook", "controller", "events", "resolvers"]:
        command(ref("tekton", name), build.binary("tekton", name), "/ko-app/" + name)
    image, files, entrypoint = registry()
    calls.append(([image], files, entrypoint, image))
    files = git()
    calls.append(([GIT], files, build.which("git"), content(files), ["HOME=/tmp"]))
    command(ref(serving, "queue"), build.binary(serving, "queue"), "/ko-app/queue")
    for name in ["entrypoint", "nop", "workingdirinit", "sidecarlogresults"]:
        command(ref("tekton", name), build.binary("tekton", name), "/ko-app/" + name)
    return calls


def sample(tag):
    """Files and entrypoint of one of the sample's images."""
    files = [
        ("/ko-app/sample", build.binary("sample"), 0o755),
        ("/etc/sample.env", SAMPLES[tag].encode(), 0o644),
    ]
    return files, "/ko-app/sample"


def extras():
    """The images for users of the cluster: the sample, and a small shell."""
    calls = []
    for tag, text in SAMPLES.items():
        identity = build.digest(build.key("sample"), text, FORM)
        calls.append((["%s:%s" % (SAMPLE, tag)], *sample(tag), identity))
    files = shell_files()
    calls.append(([SHELL], files, "/bin/sh", content(files)))
    files = builder()
    calls.append(([BUILDER], files, build.which("buildah"), content(files), (), "0:0"))
    return calls


def pushed(image):
    """Whether the registry has an image."""
    name, _, tag = image[len(REGISTRY) + 1 :].rpartition(":")
    link = http.client.HTTPConnection(REGISTRY_IP, int(REGISTRY.rpartition(":")[2]), timeout=5)
    try:
        link.request("HEAD", "/v2/%s/manifests/%s" % (name, tag))
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def push(image, files, entrypoint):
    """Packs an image and pushes it to the cluster's registry."""
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        archive([image], files, entrypoint, file)
        file.flush()
        command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]
        build.run(command + ["docker-archive:" + file.name, "docker://" + image])


def load_binary(image, path, texts=(), entrypoint=None):
    """Packs one static binary, with text files beside it, and imports it."""
    path = pathlib.Path(path)
    entrypoint = entrypoint or "/ko-app/" + path.name
    files = [(entrypoint, path, 0o755)]
    parts = [path, entrypoint, FORM]
    for text in texts:
        where, equals, content = text.partition("=")
        if not equals or not where.startswith("/"):
            raise Problem("--file wants /PATH=CONTENT, not %r" % text)
        files.append((where, content.encode(), 0o644))
        parts.append(text)
    return load([image], files, entrypoint, build.digest(*parts))

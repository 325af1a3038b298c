"""Where things live, what was started, and who may touch it.

Everything that a running cluster owns lies under one state directory, which
carries a marker file: without it nothing is ever removed there. A process is
known by its pid together with the time it was started at, so that a pid that
the system gave to somebody else meanwhile is never signalled.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

NODE = "andante"
BRIDGE = "andante0"
# The node's address is the bridge's: it exists on every machine alike, and
# nothing outside the machine reaches what listens on it.
NODE_IP = "10.244.0.1"
POD_CIDR = "10.244.0.0/24"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
DNS_IP = "10.96.0.10"
# Where images are pushed to and pulled from. By address and not by name: the
# node does not ask the cluster's name server, and Knative and others take
# private addresses for plain HTTP.
REGISTRY_IP = "10.96.0.50"
REGISTRY = REGISTRY_IP + ":5000"
GIT_IP = "10.96.0.51"
CGROUP = "andante-testbed"

# Away from the usual ports, so that a developer's own etcd or cluster on the
# same machine stays out of the way.
PORTS = {
    "etcd": 12379,
    "etcd-peer": 12380,
    "apiserver": 16443,
    "kcm": 16257,
    "scheduler": 16259,
    "kubelet": 16250,
    "kubelet-healthz": 16248,
    "proxy-healthz": 16256,
    "proxy-metrics": 16249,
}


KNATIVES = ["0.50", "0.48"]
# The line of Knative Serving that the cluster runs.
KNATIVE = os.environ.get("ANDANTE_TESTBED_KNATIVE") or KNATIVES[0]


class Problem(Exception):
    """Something that went wrong and that a person can act on."""

    code = 1


class Unsupported(Problem):
    """This machine cannot run the cluster at all."""

    code = 3

    def __init__(self, missing):
        super().__init__(
            "The bundled cluster cannot run here: %s.\n"
            "Without it these still work: `cargo test` without the cluster "
            "tests, `andante plan`, and the simulator. A cluster of your own "
            "does as well: set KUBECONFIG to one that has Knative Serving."
            % missing
        )


def cache_dir():
    """The directory of built binaries, outside the work tree."""
    own = os.environ.get("ANDANTE_TESTBED_CACHE")
    if own:
        return pathlib.Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base).absolute() / "andante-testbed"


def state_dir():
    """The directory of the running cluster."""
    return pathlib.Path(
        os.environ.get("ANDANTE_TESTBED_STATE") or "/var/lib/andante-testbed"
    ).absolute()


MARKER = ".andante-testbed"


def make_state():
    """Creates the state directory, refusing one that belongs to others."""
    state = state_dir()
    if state.exists() and not (state / MARKER).exists() and any(state.iterdir()):
        raise Problem("%s is not empty and not ours: set ANDANTE_TESTBED_STATE" % state)
    for sub in ("logs", "pids", "conf", "pki"):
        (state / sub).mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    (state / MARKER).touch()
    return state


_begin = time.monotonic()


def say(text):
    """One line of progress, with the seconds since the command began."""
    print("[%6.1fs] %s" % (time.monotonic() - _begin, text), file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked():
    """Holds the lock that lets only one command change the cluster."""
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    # Beside the state directory rather than in it: `down` removes that one.
    name = str(state_dir()).strip("/").replace("/", "-") + ".lock"
    with open(cache / name, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command works on this cluster: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write(path, text, mode=0o600):
    """Writes a file whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(path.name + ".tmp%d" % os.getpid())
    temp.write_text(text)
    temp.chmod(mode)
    temp.rename(path)


def read_json(path, default=None):
    """A JSON file's value, or the default where it is absent or torn."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return default


def boot_id():
    """Differs after each start of the machine."""
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid):
    """When a process was started, in clock ticks; None when it is gone."""
    try:
        text = pathlib.Path("/proc/%d/stat" % pid).read_text()
    except (OSError, ValueError):
        return None
    fields = text.rpartition(")")[2].split()
    # A zombie has ended: its parent has just not asked yet.
    return None if fields[0] in "ZX" else int(fields[19])


def record(name, pid):
    """Remembers a started process."""
    write(
        state_dir() / "pids" / (name + ".json"),
        json.dumps({"pid": pid, "start": start_time(pid), "boot": boot_id()}),
    )


def running(name):
    """The pid of a recorded process that still lives, else None."""
    entry = read_json(state_dir() / "pids" / (name + ".json"))
    if not entry or entry["start"] is None or entry["boot"] != boot_id():
        return None
    return entry["pid"] if start_time(entry["pid"]) == entry["start"] else None


def recorded():
    """The names of all processes that were ever started and not forgotten."""
    return sorted(p.stem for p in (state_dir() / "pids").glob("*.json"))


def stop(names, patience=5.0):
    """Ends recorded processes: asked first, forced after `patience` seconds."""
    pids = {}
    for name in names:
        pid = running(name)
        if pid:
            pids[name] = pid
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + patience
    forced = False
    while any(running(name) for name in pids):
        if time.monotonic() > end:
            if forced:
                raise Problem("cannot end %s" % ", ".join(n for n in pids if running(n)))
            for name in pids:
                pid = running(name)
                if pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            forced, end = True, time.monotonic() + 10
        time.sleep(0.05)
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            (state_dir() / "pids" / (name + ".json")).unlink()

"""The cluster's traces in the kernel: bridge, firewall, cgroups, mounts.

Each is noted, or bears a name of ours, so that the removal finds what was made
and nothing else.
"""

import contextlib
import ipaddress
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from .build import run, which
from .state import (
    BRIDGE,
    CGROUP,
    NODE_IP,
    POD_CIDR,
    PORTS,
    SERVICE_CIDR,
    Problem,
    Unsupported,
    boot_id,
    read_json,
    state_dir,
    write,
)

CHAIN = "ANDANTE-TESTBED"
# What kubelet, kube-proxy and the CNI plugins name their chains.
OURS = re.compile(r"^(KUBE|CNI|ANDANTE)-")
FAMILIES = ["iptables", "ip6tables"]
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}
# What kubelet and kube-proxy set to their own liking.
THEIRS = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/conf/all/route_localnet",
]
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def check_machine():
    """Says what this machine lacks, before anything is changed."""
    if os.uname().sysname != "Linux":
        raise Unsupported("it needs Linux, and this is %s" % os.uname().sysname)
    if os.geteuid() != 0:
        raise Unsupported("it needs root (namespaces, mounts, firewall rules)")
    if not controllers():
        raise Unsupported("cgroups with cpu, memory and pids are not mounted under %s" % CGROUPS)
    if "overlay" not in pathlib.Path("/proc/filesystems").read_text().split():
        with contextlib.suppress(OSError):
            subprocess.run(["modprobe", "overlay"], capture_output=True)
        if "overlay" not in pathlib.Path("/proc/filesystems").read_text().split():
            raise Unsupported("the kernel has no overlayfs")
    probe = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True)
    if probe.returncode != 0:
        raise Unsupported("namespaces cannot be made: %s" % probe.stderr.decode().strip())


def check_free():
    """Says what on this machine stands in the way of a new cluster."""
    for name, port in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                raise Problem("port %d (%s) is in use by another process" % (port, name))
    routes = json.loads(run(["ip", "-json", "route", "show"]) or "[]")
    for route in routes:
        if route["dst"] == "default" or route.get("dev") == BRIDGE:
            continue
        there = ipaddress.ip_network(route["dst"], strict=False)
        for cidr in (POD_CIDR, SERVICE_CIDR):
            if there.overlaps(ipaddress.ip_network(cidr)):
                raise Problem("the machine's route to %s overlaps with the cluster's %s" % (there, cidr))
    if "KUBE-SERVICES" in chains("iptables").get("nat", []):
        raise Problem(
            "another kube-proxy has its rules (KUBE-SERVICES) on this machine; "
            "two would undo each other's"
        )


def controllers():
    """The cgroup directories in which the cluster gets one of its own."""
    if (CGROUPS / "cgroup.controllers").exists():
        have = (CGROUPS / "cgroup.controllers").read_text().split()
        return [CGROUPS] if {"cpu", "memory", "pids"} <= set(have) else []
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.split()[0] == "cgroup":
            found.append(pathlib.Path(left.split()[4]))
    names = {n for p in found for n in p.name.split(",")}
    return sorted(set(found)) if {"cpu", "memory", "pids"} <= names else []


def hierarchies():
    """Every cgroup mount: runc makes directories even where nothing is counted."""
    found = set()
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.split()[0] in ("cgroup", "cgroup2"):
            found.add(pathlib.Path(left.split()[4]))
    return sorted(found)


def make_cgroups():
    """Creates the cgroup under which all pods run."""
    for base in controllers():
        if (base / "cgroup.controllers").exists():
            for name in (base / "cgroup.controllers").read_text().split():
                with contextlib.suppress(OSError):
                    (base / "cgroup.subtree_control").write_text("+" + name)
        own = base / CGROUP
        own.mkdir(exist_ok=True)
        if (own / "cgroup.controllers").exists():
            for name in (own / "cgroup.controllers").read_text().split():
                with contextlib.suppress(OSError):
                    (own / "cgroup.subtree_control").write_text("+" + name)
        # An empty set of processors lets no process in.
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (own / name).exists() and not (own / name).read_text().strip():
                with contextlib.suppress(OSError):
                    (own / name).write_text((base / name).read_text())


def cgroup_pids():
    """Every process of every pod."""
    pids = set()
    for base in hierarchies():
        # Groups of pods that end vanish under the walk, which os.walk forgives and Path.rglob does not.
        for path, _, _ in os.walk(base / CGROUP):
            with contextlib.suppress(OSError):
                pids |= {int(p) for p in pathlib.Path(path, "cgroup.procs").read_text().split()}
    return pids - {0}


def remove_cgroups():
    """Ends all that is in our cgroups, and removes them."""
    end = time.monotonic() + 15
    while True:
        for pid in cgroup_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        left = []
        for base in hierarchies():
            if not (base / CGROUP).exists():
                continue
            for path, _, _ in os.walk(base / CGROUP, topdown=False):
                try:
                    os.rmdir(path)
                except FileNotFoundError:
                    pass
                except OSError:
                    left.append(path)
        if not left:
            return
        if time.monotonic() > end:
            raise Problem("cgroups cannot be removed: %s" % ", ".join(left[:5]))
        time.sleep(0.1)


def chains(command):
    """The firewall's own chains by table."""
    found = {}
    table = None
    saved = subprocess.run([which(command + "-save") or command + "-save"], capture_output=True)
    for line in saved.stdout.decode(errors="replace").splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":") and line.split()[1] == "-":
            found.setdefault(table, []).append(line[1:].split()[0])
    return found


def up():
    """Makes bridge, firewall chain and cgroup, noting what was there before."""
    path = state_dir() / "before.json"
    before = read_json(path)
    if not before or before["boot"] != boot_id():
        with contextlib.suppress(OSError):
            subprocess.run(["modprobe", "br_netfilter"], capture_output=True)
        before = {"boot": boot_id(), "chains": {f: chains(f) for f in FAMILIES}, "sysctls": {}}
        for name in list(SYSCTLS) + THEIRS:
            with contextlib.suppress(OSError):
                before["sysctls"][name] = (pathlib.Path("/proc/sys") / name).read_text().strip()
        before["paths"] = [p for p in FOREIGN if os.path.exists(p)]
        write(path, json.dumps(before))
    for name, value in SYSCTLS.items():
        knob = pathlib.Path("/proc/sys") / name
        try:
            if knob.read_text().strip() != value:
                knob.write_text(value)
        except OSError as why:
            raise Unsupported("the kernel setting %s cannot be set to %s (%s)" % (name, value, why))
    if not pathlib.Path("/sys/class/net", BRIDGE).exists():
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    prefix = POD_CIDR.partition("/")[2]
    run(["ip", "addr", "replace", "%s/%s" % (NODE_IP, prefix), "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    # Where the machine's firewall drops what it forwards, as Docker sets it,
    # pods could not talk to each other.
    tables = ["iptables", "-w"]
    if CHAIN not in chains("iptables").get("filter", []):
        run(tables + ["-N", CHAIN])
        run(tables + ["-A", CHAIN, "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT"])
    if subprocess.run(tables + ["-C", "FORWARD", "-j", CHAIN], capture_output=True).returncode:
        run(tables + ["-I", "FORWARD", "1", "-j", CHAIN])
    make_cgroups()


# Directories that kubelet and containerd make at fixed places of their own.
FOREIGN = [
    "/run/containerd/s",
    "/run/containerd/runc",
    "/run/containerd",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/opt/cni/bin",
    "/opt/cni",
    "/etc/cni/net.d",
    "/etc/cni",
    "/var/lib/cni/results",
    "/var/lib/cni",
]


def remove_firewall(before):
    """Removes the chains that came since the start, and every jump to them."""
    for family in FAMILIES:
        command = [family, "-w"]
        old = before.get("chains", {}).get(family, {})
        for table, names in chains(family).items():
            gone = {n for n in names if OURS.match(n) and n not in old.get(table, [])}
            if not gone:
                continue
            listed = run(command + ["-t", table, "-S"])
            script = ["*" + table]
            for line in listed.splitlines():
                words = line.split()
                target = re.search(r" -[jg] (\S+)", line)
                if words[0] == "-A" and words[1] not in gone and target and target[1] in gone:
                    script.append("-D" + line[2:])
            script += ["-F " + n for n in sorted(gone)] + ["-X " + n for n in sorted(gone)]
            restore = [which(family + "-restore") or family + "-restore", "-w", "--noflush"]
            done = subprocess.run(
                restore, input="\n".join(script + ["COMMIT", ""]).encode(), capture_output=True
            )
            if done.returncode:
                raise Problem("firewall chains stay behind: %s" % done.stderr.decode())


def mounts():
    """Mount points under the state directory, the deepest first."""
    prefix = str(state_dir()) + "/"
    points = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point.startswith(prefix):
            points.append(point)
    return points[::-1]


def unmount():
    """Takes away every mount under the state directory."""
    for _ in range(20):
        points = mounts()
        if not points:
            return
        for point in points:
            subprocess.run(["umount", point], capture_output=True)
        time.sleep(0.1)
    for point in mounts():
        subprocess.run(["umount", "--lazy", point], capture_output=True)
    if mounts():
        raise Problem("still mounted: %s" % ", ".join(mounts()[:5]))


def forget_pods():
    """Removes what the CNI library remembers of our pods, at a place of its own."""
    sandboxes = state_dir() / "containerd/root/io.containerd.grpc.v1.cri/sandboxes"
    ours = {p.name for p in sandboxes.glob("*")}
    results = pathlib.Path("/var/lib/cni/results")
    network = "andante-"
    for file in results.glob(network + "*-eth0"):
        ours.add(file.name[len(network) : -len("-eth0")])
    for pod in ours:
        for name in (network + pod + "-eth0", "cni-loopback-" + pod + "-lo"):
            with contextlib.suppress(FileNotFoundError):
                (results / name).unlink()


def down():
    """Removes what `up` and the components left in the kernel."""
    forget_pods()
    before = read_json(state_dir() / "before.json", {})
    ports = subprocess.run(
        ["ip", "-json", "link", "show", "master", BRIDGE], capture_output=True
    ).stdout.decode()
    for link in json.loads(ports or "[]"):
        if link.get("ifname"):
            subprocess.run(["ip", "link", "delete", link["ifname"]], capture_output=True)
    if pathlib.Path("/sys/class/net", BRIDGE).exists():
        run(["ip", "link", "delete", BRIDGE])
    remove_firewall(before)
    if before.get("boot") == boot_id():
        for name, value in before.get("sysctls", {}).items():
            with contextlib.suppress(OSError):
                (pathlib.Path("/proc/sys") / name).write_text(value)
    logs = pathlib.Path("/var/log/containers")
    if logs.is_dir():
        for link in logs.iterdir():
            if link.is_symlink() and os.readlink(link).startswith(str(state_dir()) + "/"):
                link.unlink()
    with contextlib.suppress(OSError):
        if "/var/lib/kubelet" not in before.get("paths", ["/var/lib/kubelet"]):
            pathlib.Path("/var/lib/kubelet/device-plugins/kubelet.sock").unlink()
    for path in FOREIGN:
        if path not in before.get("paths", FOREIGN):
            # Empty or not ours.
            with contextlib.suppress(OSError):
                os.rmdir(path)

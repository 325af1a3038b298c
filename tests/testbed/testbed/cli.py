"""The subcommands, and the order in which a cluster starts and ends."""

import argparse
import concurrent.futures
import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sys
import threading
import time

from . import admission, build, components, images, network, parts, servers, state
from .api import Api, Refused
from .state import Problem, locked, say, state_dir

# Raised when the same binaries and manifests are started in another way.
FORM = "1"

DEPLOYMENTS_LATE = 90


def identity(things):
    """What tells a running cluster from one that would be started now."""
    sources = sorted((state.ROOT / "testbed").glob("*.py"))
    settings = [p for p in sources if p.name in ("components.py", "network.py", "state.py")]
    return build.digest(
        FORM, *[build.key(p) for p in build.RUNNING], json.dumps(things, sort_keys=True), *settings
    )


def shown_kubeconfig():
    """The line that a person, or a shell, takes."""
    return "export KUBECONFIG=%s" % shlex.quote(str(components.kubeconfig()))


def api():
    """The API as the cluster's administrator."""
    return Api(components.token())


SPACES = ["kube-system", "knative-serving", "kourier-system"]
SPACES += ["tekton-pipelines", "tekton-pipelines-resolvers", servers.SPACE]


def deployments(client, spaces=SPACES):
    """Each Deployment of some namespaces, the cluster's own, with whether it is available."""
    found = {}
    for space in spaces:
        listed = client.call("GET", "/apis/apps/v1/namespaces/%s/deployments" % space)
        for item in listed["items"]:
            status = item.get("status", {})
            ready = (
                status.get("availableReplicas", 0) >= item["spec"].get("replicas", 1)
                and status.get("observedGeneration", 0) >= item["metadata"]["generation"]
            )
            found["%s/%s" % (space, item["metadata"]["name"])] = ready
    return found


def webhooks(client):
    """Each webhook configuration with whether it has its authority by now."""
    found = {}
    for kind in ("mutating", "validating"):
        path = "/apis/admissionregistration.k8s.io/v1/%swebhookconfigurations" % kind
        for item in client.call("GET", path)["items"]:
            found["%s %s" % (kind, item["metadata"]["name"])] = all(
                h["clientConfig"].get("caBundle") for h in item.get("webhooks", [])
            )
    return found


def gateway(client):
    """The address of Envoy's pod, None while it has none."""
    path = "/api/v1/namespaces/kourier-system/pods?labelSelector=app%3D3scale-kourier-gateway"
    for pod in client.call("GET", path)["items"]:
        if pod["metadata"].get("deletionTimestamp"):
            continue
        if pod.get("status", {}).get("podIP"):
            return pod["status"]["podIP"]
    return None


def gateway_answers(client):
    """Whether Envoy takes requests where the load goes."""
    address = gateway(client)
    if not address:
        return False
    with contextlib.suppress(OSError):
        socket.create_connection((address, 8080), timeout=2).close()
        return components.asked(address, 8081, "/ready", headers={"Host": "internalkourier"})
    return False


def report():
    """Every part of the cluster with whether it is well."""
    found = {name: components.healthy(name) for name in components.ORDER}
    if found["etcd"] and found["kube-apiserver"]:
        # Short, as a server whose etcd just went holds every question back.
        client = Api(components.token(), timeout=4)
        try:
            node = client.call("GET", "/api/v1/nodes/" + state.NODE)
            found["node"] = any(
                c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"]
            )
            found.update(deployments(client))
            found.update(webhooks(client))
            found["gateway"] = gateway_answers(client)
        except (Refused, OSError, KeyError) as why:
            found["api (%s)" % why] = False
    return found


def fully_up(expected=True):
    """Whether all is well, and this cluster was once started completely."""
    if expected and not (state_dir() / "READY").exists():
        return False
    return all(report().values())


def apply(client, things, pool, seconds=60):
    """Applies objects at once; those that wait for others, again until they can."""
    end = time.monotonic() + seconds
    wanting = list(things)
    while True:
        failed = []

        def one(thing):
            try:
                client.apply(thing)
            except (LookupError, Refused, OSError) as why:
                # 404: its kind or namespace is not there yet; 500: its webhook.
                if isinstance(why, Refused) and why.status not in (404, 403, 409, 429, 500, 503):
                    raise Problem("%s %s: %s" % (thing["kind"], thing["metadata"]["name"], why))
                failed.append((thing, why))

        list(pool.map(one, wanting))
        if not failed:
            return
        if time.monotonic() > end:
            thing, why = failed[0]
            raise Problem("%s %s: %s" % (thing["kind"], thing["metadata"]["name"], why))
        client.kinds.clear()
        wanting = [thing for thing, _ in failed]
        time.sleep(0.3)


def fresh(things):
    """Starts a cluster where there is none."""
    from . import manifests

    network.check_free()
    folder = state.make_state()
    state.write(folder / "identity", identity(things))
    components.configure()
    network.up()
    for name in ("containerd", "etcd", "kube-apiserver"):
        components.start(name)
    components.wait("containerd")
    failed = []

    def import_all():
        try:
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                for done in pool.map(lambda c: images.load(*c), images.plan() + images.extras()):
                    pass
            say("images imported")
        except Exception as why:  # Told to the caller by the waiting thread.
            failed.append(why)

    importer = threading.Thread(target=import_all, daemon=True)
    importer.start()
    components.wait("kube-apiserver")
    say("the API answers")
    for name in components.ORDER:
        components.start(name)
    client = api()
    groups = manifests.waves(things)
    early = [t for t in groups[3] if not manifests.is_gateway(t)]
    late = [t for t in groups[3] if manifests.is_gateway(t)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for group in (groups[0], groups[1], groups[2], early):
            apply(client, group, pool)
        say("%d objects applied" % (len(things) - len(late)))
        end = time.monotonic() + DEPLOYMENTS_LATE
        pending = "everything"
        while True:
            if failed:
                raise failed[0]
            try:
                available = deployments(client)
                if late and available.get("kube-system/coredns"):
                    apply(client, late, pool)
                    late = []
                    say("names resolve; Envoy starts")
                    continue
                pending = [n for n, ready in available.items() if not ready]
                if not pending:
                    pending = [n for n, ready in webhooks(client).items() if not ready]
                if not pending and not late:
                    if gateway_answers(client) and checked(client) and not importer.is_alive():
                        break
                    pending = ["the gateway, Knative's webhook or the images"]
            except (OSError, Refused):
                pass
            if time.monotonic() > end:
                raise Problem("not available in time: %s" % (", ".join(pending) or "the gateway"))
            time.sleep(0.3)
    for name in components.ORDER:
        components.wait(name)
    stock()
    ready()


def stock():
    """Puts the sample into the registry, as a base for images to be built on."""
    if images.pushed(images.BASE):
        return
    images.push(images.BASE, *images.sample("plain"))
    say("pushed %s" % images.BASE)


def checked(client):
    """Whether Knative and Tekton would take an object now (nothing is made)."""
    service = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "andante-check", "namespace": "default"},
        "spec": {"template": {"spec": {"containers": [{"image": images.SAMPLE + ":v1"}]}}},
    }
    run = {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "metadata": {"name": "andante-check", "namespace": "default"},
        "spec": {"taskSpec": {"steps": [{"name": "a", "image": "x", "command": ["x"]}]}},
    }
    try:
        for thing, plural in ((service, "services"), (run, "taskruns")):
            path = "/apis/%s/namespaces/default/%s?dryRun=All" % (thing["apiVersion"], plural)
            client.call("POST", path, thing)
        return True
    except (Refused, OSError):
        return False


def ready():
    """Notes that the start came to its end."""
    state.write(state_dir() / "READY", "%s\n" % time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def repair():
    """Starts what ended, and again what hangs; whether all was well soon after."""
    dead = [name for name in components.ORDER if not state.running(name)]
    if dead:
        say("starting again what ended: %s" % ", ".join(dead))
        network.up()
        revive(dead)
    begin = time.monotonic()
    good, again = 0, False
    while time.monotonic() - begin < 40:
        # Twice in a row: the node's and the pods' states lag behind.
        good = good + 1 if fully_up() else 0
        if good >= 2:
            return True
        if not again and time.monotonic() - begin > 10:
            again = True
            stuck = [name for name in components.ORDER if not components.healthy(name)]
            if stuck:
                say("starting again what does not answer: %s" % ", ".join(stuck))
                state.stop(stuck, patience=1)
                revive(stuck)
        time.sleep(1)
    return False


def revive(names):
    """Starts components in their order, waiting for those that others need."""
    for name in components.ORDER:
        if name in names:
            components.start(name)
            if name in ("containerd", "etcd", "kube-apiserver"):
                with contextlib.suppress(Problem):
                    components.wait(name, 20)


def remove():
    """Takes the cluster away, with everything that it made."""
    if not (state_dir() / state.MARKER).exists():
        return False
    with contextlib.suppress(FileNotFoundError):
        (state_dir() / "READY").unlink()
    # First those that would start again what is ended after them.
    # None of them has anything to finish: their data goes as well.
    state.stop([n for n in components.ORDER[::-1] if n != "containerd"], patience=1)
    # Now, as the record of a shim's socket goes when the shim does.
    sockets = list(components.shim_sockets())
    for pid in components.shims():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    network.remove_cgroups()
    state.stop(["containerd"])
    for path in sockets:
        with contextlib.suppress(OSError):
            os.unlink(path)
    network.unmount()
    network.down()
    components.remove_files()
    return True


def up(_):
    """Brings the cluster up, or does nothing where it is up."""
    network.check_machine()
    with locked():
        build.packages()
        build.ensure()
        from . import manifests

        things = manifests.read()
        if (state_dir() / state.MARKER).exists():
            wanted = identity(things)
            same = (state_dir() / "identity").exists() and (
                (state_dir() / "identity").read_text() == wanted
            )
            whole = (state_dir() / "READY").exists()
            # Its processes, mounts and interfaces are gone, and its files tell
            # of containers that no longer are.
            before = state.read_json(state_dir() / "before.json", {})
            booted = before.get("boot") == state.boot_id()
            dead = [name for name in components.ORDER if not state.running(name)]
            if same and whole and booted and (not dead and fully_up() or repair()):
                # The sample may have changed since; the cluster need not.
                for call in images.extras():
                    if images.load(*call):
                        say("loaded %s" % call[0][0])
                stock()
                say("the cluster is up")
                print(shown_kubeconfig())
                return 0
            why = "does not get well"
            if not booted:
                why = "is from before this machine's last start"
            elif not same:
                why = "was built from something else"
            elif not whole:
                why = "was never started completely"
            say("the cluster that is here %s: it is replaced" % why)
            remove()
        say("starting a new cluster")
        fresh(things)
        say("the cluster is up")
    print(shown_kubeconfig())
    return 0


def down(_):
    """Removes the cluster."""
    with locked():
        if remove():
            say("the cluster is gone")
        else:
            say("there is no cluster")
    return 0


def status(_):
    """Prints how each part does."""
    if not (state_dir() / state.MARKER).exists():
        print("no cluster in %s" % state_dir())
        return 1
    found = report()
    for name in parts.started() if found.get("kube-apiserver") else []:
        with contextlib.suppress(OSError, Refused, Problem):
            found.update(parts.deployments(name, deployments(api(), parts.part(name).spaces)))
    for name, well in found.items():
        print("%-4s %s" % ("ok" if well else "BAD", name))
    whole = (state_dir() / "READY").exists()
    if not whole:
        print("BAD  start (never came to its end)")
    return 0 if whole and all(found.values()) else 1


def part(args):
    """Starts optional parts, or does nothing where they are up."""
    here()
    if not (state_dir() / "READY").exists():
        raise Problem("the cluster was never started completely: `cluster up` comes first")
    for name in args.name:
        parts.ensure(name)
    with locked():
        for name in args.name:
            start_part(name)
    return 0


def unavailable(client, name):
    """Deployments of an optional part that are not available, or not there; the part itself where it has none."""
    own = parts.deployments(name, deployments(client, parts.part(name).spaces))
    missing = parts.part(name).made.difference(own)
    return [n for n, ready in own.items() if not ready] + sorted(missing) if own else [name]


def start_part(name):
    """Loads the images of an optional part, applies its objects and waits until it answers."""
    from . import manifests

    client = api()
    things = parts.objects(name)
    wanted = parts.identity(name, things)
    if parts.started().get(name) == wanted and not unavailable(client, name):
        say("%s is up" % name)
        return
    for call in parts.plan(name):
        images.load(*call)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for group in manifests.waves(things):
            apply(client, group, pool)
    say("%s (%s): %d objects applied" % (name, parts.part(name).said(), len(things)))
    end = time.monotonic() + DEPLOYMENTS_LATE
    while True:
        pending = ["everything"]
        with contextlib.suppress(OSError, LookupError, Refused, Problem):
            pending = unavailable(client, name) or [n for n, ready in webhooks(client).items() if not ready]
            if not pending:
                pending = ["its webhook"]
                if parts.part(name).asked:
                    client.create(parts.part(name).asked, "?dryRun=All")
                break
        if time.monotonic() > end:
            raise Problem("%s is not available in time: %s" % (name, ", ".join(pending)))
        time.sleep(0.3)
    parts.note(name, wanted)
    say("%s is up" % name)


def make(_):
    """Builds what the cluster runs, and starts nothing."""
    with locked():
        build.packages()
        made = build.ensure()
    say("built: %s" % (", ".join(made) or "nothing, all of it is in the cache"))
    return 0


def env(_):
    """Prints what tests need to know, as lines for a shell."""
    here()
    address = gateway(api())
    if not address:
        raise Problem("the gateway has no address: is the cluster up?")
    for name, value in [
        ("KUBECONFIG", components.kubeconfig()),
        ("ANDANTE_KUBECTL", build.binary("kubernetes", "kubectl")),
        ("ANDANTE_VEGETA", only("load")),
        ("ANDANTE_TKN", only("tkn")),
        ("ANDANTE_GATEWAY", "http://%s:8080" % address),
        ("ANDANTE_REGISTRY", state.REGISTRY),
        ("ANDANTE_SAMPLE_BASE", images.BASE),
        ("ANDANTE_BUILDER_IMAGE", images.BUILDER),
        ("ANDANTE_GIT_IMAGE", images.GIT),
        ("ANDANTE_GIT_URL", servers.GIT_URL),
        ("ANDANTE_TESTBED_STATE", state_dir()),
    ]:
        print("export %s=%s" % (name, shlex.quote(str(value))))
    return 0


def only(part):
    """The path of a part's one command."""
    (found,) = list(build.directory(part).iterdir())
    return found


def here():
    """Refuses to go on where no cluster was started."""
    if not (state_dir() / state.MARKER).exists():
        raise Problem("no cluster in %s: start it with `cluster up`" % state_dir())


def load_image(args):
    """Puts an image of one's own into the cluster."""
    here()
    with locked():
        new = images.load_binary(args.ref, args.binary, args.file, args.entrypoint)
    say("%s %s" % (args.ref, "loaded" if new else "is there already"))
    return 0


def repository(args):
    """Makes an empty repository on the git server, and prints its address."""
    here()
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", args.name):
        raise Problem("a repository's name has small letters, digits and . _ -, not %r" % args.name)
    path = "%s/%s.git" % (servers.REPOSITORIES, args.name)
    kubectl = [str(build.binary("kubernetes", "kubectl")), "--kubeconfig", str(components.kubeconfig())]
    inside = ["exec", "--namespace", servers.SPACE, "deployment/git", "--"]
    build.run(kubectl + inside + ["git", "init", "--quiet", "--bare", "--initial-branch=main", path])
    print("%s/%s.git" % (servers.GIT_URL, args.name))
    return 0


def ask_admission(args):
    """Asks a Tekton release about files; says what it takes and what not, and why."""
    part = admission.RELEASES[args.tekton][0]
    with locked():
        build.packages()
        build.ensure([part, "kubernetes"])
    denied = 0
    for file, thing, complaint in admission.ask(args.tekton, args.file):
        denied += complaint is not None
        print("%s: %s: %s" % (file, thing, "denied: " + complaint if complaint else "admitted"), flush=True)
    return 1 if denied else 0


def restart(args):
    """Restarts one component."""
    here()
    with locked():
        components.restart(args.component)
        components.wait(args.component)
    return 0


def hurt(args):
    """Sends a component a signal, for tests of what comes of it."""
    pid = state.running(args.component)
    if not pid:
        raise Problem("%s does not run" % args.component)
    os.kill(pid, getattr(signal, "SIG" + args.signal.upper().replace("SIG", "", 1)))
    return 0


def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="cluster", description="A real single-node cluster with Knative, Kourier and Tekton."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, call, text):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(call=call)
        return command

    add("up", up, "bring the cluster up (built before: within a minute)")
    add("down", down, "remove the cluster and everything that it made")
    add("status", status, "show how each part does; exit 0 if all is well")
    add("build", make, "build what the cluster runs, and start nothing")
    command = add("part", part, "build and start optional parts (minutes at first); `down` removes them with the cluster")
    command.add_argument("name", nargs="+", choices=sorted(parts.OPTIONAL), metavar="PART", help=", ".join(sorted(parts.OPTIONAL)))
    add("env", env, "print `export` lines with what tests need")
    command = add("load-image", load_image, "pack one static binary as an image and load it")
    command.add_argument("ref", metavar="REF", help="for example dev.local/thing:v1")
    command.add_argument("binary", metavar="BINARY")
    command.add_argument("--file", action="append", default=[], metavar="/PATH=CONTENT")
    command.add_argument("--entrypoint", metavar="/PATH", help="where the binary goes in the image")
    command = add("repository", repository, "make an empty git repository and print its address")
    command.add_argument("name", metavar="NAME")
    command = add("admission", ask_admission, "ask a Tekton release whether it admits what is in files")
    command.add_argument("--tekton", choices=sorted(admission.RELEASES), default="1.12")
    command.add_argument("file", nargs="+", metavar="FILE")
    command = add("restart", restart, "end one component and start it again")
    command.add_argument("component", choices=components.ORDER, metavar="COMPONENT")
    command = add("signal", hurt, "send a signal (STOP, CONT, KILL) to one component")
    command.add_argument("signal", metavar="SIGNAL")
    command.add_argument("component", choices=components.ORDER, metavar="COMPONENT")
    args = parser.parse_args(argv)
    if state.KNATIVE not in state.KNATIVES:
        parser.error("ANDANTE_TESTBED_KNATIVE is one of %s" % ", ".join(state.KNATIVES))
    # A root shell that came from a user's has these often not.
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
    try:
        return args.call(args)
    except Problem as why:
        print("error: %s" % why, file=sys.stderr)
        return why.code
    except Refused as why:
        print("error: the cluster's API refused: %s" % why, file=sys.stderr)
        return 1
    except PermissionError as why:
        print("error: %s: the cluster is root's" % why, file=sys.stderr)
        return 1
    except OSError as why:
        print("error: %s" % why, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130

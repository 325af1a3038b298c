"""A few calls of the Kubernetes API, by the standard library alone.

Starting kubectl for every object costs seconds on two cores; one kept-open
connection per thread applies hundreds of objects in that time.
"""

import http.client
import json
import ssl
import threading
import urllib.parse

from .state import NODE_IP, PORTS, state_dir

MANAGER = "andante-testbed"


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status, text):
        super().__init__("%d: %s" % (status, text))
        self.status = status


class Api:
    """A server's API, as its administrator; the cluster's where nothing else is said."""

    def __init__(self, token, timeout=20, address=(NODE_IP, PORTS["apiserver"]), context=None):
        self.token = token
        self.timeout = timeout
        self.address = address
        self.context = context or ssl.create_default_context(cafile=str(state_dir() / "pki" / "ca.crt"))
        self.local = threading.local()
        self.kinds = {}

    def call(self, method, path, body=None, content="application/json"):
        """One request; the answer's JSON. Sent again when an idle connection was closed."""
        data = None if body is None else json.dumps(body)
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": content}
        for attempt in (0, 1):
            link = getattr(self.local, "link", None)
            if link is None:
                link = self.local.link = http.client.HTTPSConnection(
                    *self.address, timeout=self.timeout, context=self.context
                )
            try:
                link.request(method, path, data, headers)
                answer = link.getresponse()
                text = answer.read().decode(errors="replace")
                break
            except (http.client.HTTPException, OSError) as why:
                link.close()
                self.local.link = None
                if attempt or isinstance(why, TimeoutError):
                    raise
        if answer.status >= 300:
            try:
                text = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                pass
            raise Refused(answer.status, text[:600])
        try:
            return json.loads(text)
        except ValueError:
            return text

    def collection(self, thing):
        """The address of all objects like one, by its kind; LookupError while unknown."""
        version, kind = thing["apiVersion"], thing["kind"]
        if (version, kind) not in self.kinds:
            root = "/api/" if version == "v1" else "/apis/"
            try:
                listed = self.call("GET", root + version)["resources"]
            except Refused as why:
                raise LookupError("%s %s: %s" % (version, kind, why))
            for entry in listed:
                if "/" not in entry["name"]:
                    self.kinds[version, entry["kind"]] = (
                        root + version,
                        entry["name"],
                        entry["namespaced"],
                    )
        if (version, kind) not in self.kinds:
            raise LookupError("%s %s" % (version, kind))
        base, plural, namespaced = self.kinds[version, kind]
        meta = thing["metadata"]
        space = "/namespaces/" + meta.get("namespace", "default") if namespaced else ""
        return "%s%s/%s" % (base, space, plural)

    def path(self, thing):
        """The address of an object."""
        return "%s/%s" % (self.collection(thing), urllib.parse.quote(thing["metadata"]["name"]))

    def create(self, thing, query=""):
        """Makes one object."""
        return self.call("POST", self.collection(thing) + query, thing)

    def apply(self, thing):
        """Server-side apply of one object."""
        query = "?fieldManager=%s&force=true" % MANAGER
        return self.call(
            "PATCH", self.path(thing) + query, thing, "application/apply-patch+yaml"
        )

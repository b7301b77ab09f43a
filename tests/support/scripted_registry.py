#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry on loopback that keeps to the distribution specification, except where a profile says otherwise.

As a program (prints its port, then its second origin's port, on one line; ends on SIGTERM):

    scripted_registry.py [--profile FILE|NAME] [--log FILE] [--seed LAYOUT_TREE] [--tls CERT KEY [CLIENT_CA]] [--port N]

As a module: ScriptedRegistry(profile).start(), .port, .store, .log, .stop().

A profile is a JSON file of tests/data/registry (README.md there describes every key): `options` say what the registry can do,
`rules` what goes wrong. GET /_/state, /_/begun, /_/most and /_/log, POST /_/clear and /_/release are for tests and are not logged.
"""
import argparse
import base64
import hashlib
import json
import os
import re
import secrets
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from httpd import Hangup, Response, Server  # noqa: E402
from pull_limit import PullLimit  # noqa: E402

PROFILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "registry")

INDEX_TYPES = {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
MANIFEST_TYPES = INDEX_TYPES | {"application/vnd.oci.image.manifest.v1+json",
                                "application/vnd.docker.distribution.manifest.v2+json"}
OCI_INDEX = "application/vnd.oci.image.index.v1+json"

NAME = r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
ROUTES = [(re.compile("^/v2/" + pattern + "$"), name) for pattern, name in (
    ("", "ping"),
    ("_catalog", "catalog"),
    (NAME + r"/tags/list", "tags"),
    (NAME + r"/manifests/(?P<ref>[^/]+)", "manifest"),
    (NAME + r"/blobs/uploads/", "uploads"),
    (NAME + r"/blobs/uploads/(?P<upload>[^/]+)", "upload"),
    (NAME + r"/blobs/(?P<digest>[^/]+)", "blob"),
    (NAME + r"/referrers/(?P<digest>[^/]+)", "referrers"),
)]
DIGEST = re.compile(r"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$")
TAG = re.compile(r"^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$")


def digest_of(data, like="sha256:"):
    algorithm = like.split(":")[0]
    return algorithm + ":" + hashlib.new(algorithm, data).hexdigest()


class Store:
    """What the registry holds. Content is bytes, or the path of a file (a seeded layout)."""

    def __init__(self):
        self.lock = threading.RLock()
        self.content = {}    # digest -> bytes or path
        self.blobs = {}      # repository -> set of digests
        self.manifests = {}  # repository -> {digest: media type}
        self.tags = {}       # repository -> {tag: digest}
        self.uploads = {}    # id -> bytearray
        self.writes = 0

    def get(self, digest):
        data = self.content[digest]
        if isinstance(data, str):
            with open(data, "rb") as f:
                return f.read()
        return data

    def put_blob(self, repository, data, digest=None):
        digest = digest or digest_of(data)
        with self.lock:
            self.content[digest] = data
            self.blobs.setdefault(repository, set()).add(digest)
        return digest

    def put_manifest(self, repository, data, media_type, digest=None, tag=None):
        digest = digest or digest_of(data)
        with self.lock:
            self.content[digest] = data
            self.manifests.setdefault(repository, {})[digest] = media_type
            if tag:
                self.tags.setdefault(repository, {})[tag] = digest
        return digest

    def has_blob(self, repository, digest):
        return digest in self.blobs.get(repository, ()) or digest in self.manifests.get(repository, ())

    def seed_layout(self, repository, folder):
        """Takes an image layout in as a repository: blobs stay in their files."""
        with open(os.path.join(folder, "index.json"), "rb") as f:
            index = json.load(f)
        todo = list(index["manifests"])
        for entry in todo:
            digest = entry["digest"]
            path = os.path.join(folder, "blobs", *digest.split(":"))
            if not os.path.exists(path):
                continue  # sparse
            with open(path, "rb") as f:
                data = f.read()
            media_type = entry.get("mediaType") or json.loads(data).get("mediaType")
            tag = entry.get("annotations", {}).get("org.opencontainers.image.ref.name") if entry in index["manifests"] else None
            self.put_manifest(repository, data, media_type, digest, tag)
            document = json.loads(data)
            todo += document.get("manifests", [])
            for part in [document.get("config")] + (document.get("layers") or []):
                if part and os.path.exists(os.path.join(folder, "blobs", *part["digest"].split(":"))):
                    self.content[part["digest"]] = os.path.join(folder, "blobs", *part["digest"].split(":"))
                    self.blobs.setdefault(repository, set()).add(part["digest"])

    def seed_tree(self, root):
        for folder, folders, files in os.walk(root):
            if "index.json" in files:
                self.seed_layout(os.path.relpath(folder, root), folder)
                folders[:] = []

    def state(self):
        """Copies: requests go on meanwhile."""
        with self.lock:
            return {"tags": {r: dict(t) for r, t in self.tags.items()}, "manifests": {r: sorted(m) for r, m in self.manifests.items()},
                    "blobs": {r: sorted(b) for r, b in self.blobs.items()}, "uploads": len(self.uploads)}

    def delete_manifest(self, repository, digest):
        """And the tags that name it. False: somebody else was faster."""
        with self.lock:
            if self.manifests[repository].pop(digest, None) is None:
                return False
            self.tags[repository] = {t: d for t, d in self.tags.get(repository, {}).items() if d != digest}
            return True


class Rule:
    """One thing that goes wrong: which requests it matches, from which occurrence on, how many times."""

    def __init__(self, number, spec):
        match = spec.get("match", {})
        known = {"method", "path", "nth", "count", "per_path", "header", "no_header", "origin"}
        unknown = set(match) - known
        if unknown:
            raise ValueError("rule %d: unknown match keys %s" % (number, sorted(unknown)))
        method = match.get("method")
        self.methods = None if method is None else {method} if isinstance(method, str) else set(method)
        self.path = re.compile(match.get("path", ""))
        self.nth = match.get("nth", 1)
        self.count = match.get("count", 1)
        self.per_path = match.get("per_path", False)
        self.headers = {name.lower(): re.compile(value) for name, value in match.get("header", {}).items()}
        self.no_headers = [name.lower() for name in match.get("no_header", [])]
        self.origin = match.get("origin", "main")
        self.action = spec["action"]
        self.name = spec.get("name", "%d:%s" % (number, self.action["type"]))
        self.seen = {}
        self.lock = threading.Lock()

    def fires(self, request, origin):
        if origin != self.origin or self.methods and request.method not in self.methods:
            return False
        if not self.path.search(request.target):
            return False
        if any(not p.search(request.header(n, "")) for n, p in self.headers.items()):
            return False
        if any(request.header(n) is not None for n in self.no_headers):
            return False
        with self.lock:
            key = request.path if self.per_path else None
            n = self.seen[key] = self.seen.get(key, 0) + 1
        return n >= self.nth and (self.count == 0 or n < self.nth + self.count)


def load_profile(profile):
    if profile is None:
        return {}
    if isinstance(profile, dict):
        return profile
    path = profile if os.path.sep in profile or profile.endswith(".json") else os.path.join(PROFILES, profile + ".json")
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def error(status, code, message, headers=None):
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Response(status, body, {"Content-Type": "application/json", **(headers or {})})


class Auth:
    """Basic and Bearer logins. Tokens are random, kept here with their scopes and the moment they end."""

    def __init__(self, options):
        self.kind = options.get("type")
        self.options = options
        self.tokens = {}
        self.refresh = {options["refresh_token"]: True} if options.get("refresh_token") else {}
        self.lock = threading.Lock()

    def allowed(self, request, repository, actions):
        """None when the request may pass, else the answer."""
        if not self.kind:
            return None
        sent = request.header("authorization", "")
        if self.kind == "basic":
            return None if self._basic_ok(sent) else self._challenge('Basic realm="test"')
        scope = "repository:%s:%s" % (repository, ",".join(actions)) if repository else ""
        token = self.tokens.get(sent[7:]) if sent.lower().startswith("bearer ") else None
        if token and token["end"] > time.monotonic() and self._covers(token["scopes"], repository, actions):
            return None
        realm = self.options.get("realm", "{self}/token")
        text = 'Bearer realm="%s",service="%s"' % (fill(realm, request), self.options.get("service", "scripted"))
        if scope:
            text += ',scope="%s"' % scope
        if token:
            text += ',error="%s"' % ("insufficient_scope" if token["end"] > time.monotonic() else "invalid_token")
        return self._challenge(text)

    def _covers(self, scopes, repository, actions):
        if repository is None or not self.options.get("enforce_scopes", True):
            return True
        return all((repository, action) in scopes for action in actions)

    def _challenge(self, text):
        return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": text})

    def _basic_ok(self, sent):
        want = "%s:%s" % (self.options.get("user", "user"), self.options.get("pass", "pass"))
        try:
            return sent.lower().startswith("basic ") and base64.b64decode(sent[6:]).decode() == want
        except ValueError:
            return False

    def token_request(self, request):
        """The token service, in both forms (GET with Basic, POST with a form)."""
        forms = self.options.get("forms", ["GET", "POST"])
        if request.method not in forms:
            return error(405, "UNSUPPORTED", "this token service has no %s" % request.method)
        fields, known = request.query, False
        if request.method == "POST":
            from urllib.parse import parse_qsl
            fields = dict(parse_qsl(request.body.decode("utf-8", "replace")))
            known = fields.get("refresh_token") in self.refresh or (
                fields.get("username") == self.options.get("user") and fields.get("password") == self.options.get("pass"))
        elif request.header("authorization"):
            known = self._basic_ok(request.header("authorization"))
            if not known:
                return error(401, "UNAUTHORIZED", "wrong user name or password")
        if not known and not (request.method == "GET" and self.options.get("anonymous_pull")):
            return error(401, "UNAUTHORIZED", "wrong user name or password")
        raw = fields.get("scope", "")
        if request.method == "GET":
            from urllib.parse import parse_qsl, urlsplit
            raw = " ".join(v for k, v in parse_qsl(urlsplit(request.target).query) if k == "scope")
        granted, rights = set(), self.options.get("grant", ["pull", "push", "delete"]) if known else ["pull"]
        for scope in raw.split():
            parts = scope.split(":")
            if len(parts) >= 3 and parts[0] == "repository":
                granted |= {(":".join(parts[1:-1]), a) for a in parts[-1].split(",") if a in rights}
        token = secrets.token_hex(24)
        if self.options.get("jwt"):  # a token that says what it is good for
            access = [{"type": "repository", "name": n, "actions": sorted(a for m, a in granted if m == n)} for n in sorted({n for n, _ in granted})]
            parts = ({"alg": "none", "typ": "JWT"}, {"access": access, "jti": token})
            token = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + ".x"
        life = self.options.get("expires_in", 300)
        with self.lock:
            self.tokens[token] = {"scopes": granted, "end": time.monotonic() + life}
        body = {self.options.get("token_field", "token"): token}
        if self.options.get("say_expires", True):
            body["expires_in"] = life
        if request.method == "POST" and fields.get("access_type") == "offline":
            body["refresh_token"] = self.options.get("refresh_token", "refresh-" + token[:8])
        return Response(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def fill(text, request):
    """{self} and {other} in a profile's texts are this registry's two origins."""
    registry = request.server.registry
    return (text.replace("{self}", registry.main.origin).replace("{other}", registry.other.origin)
            .replace("{other_port}", str(registry.other.port)).replace("{path}", request.target))


class ScriptedRegistry:
    def __init__(self, profile=None, log_path=None, tls=None, port=0, canaries=()):
        spec = load_profile(profile)
        unknown = set(spec) - {"about", "options", "rules"}
        if unknown:
            raise ValueError("profile: unknown keys %s" % sorted(unknown))
        self.options = spec.get("options", {})
        self.rules = [Rule(i, rule) for i, rule in enumerate(spec.get("rules", []))]
        self.auth = Auth(self.options.get("auth", {}))
        self.store = Store()
        self.pulls = PullLimit(**self.options["pulls"]) if "pulls" in self.options else None
        self.log = []
        self.begun = []  # requests that came, answered or not
        self.at_once = self.most = 0  # requests in hand, and the most of them
        self.canaries = list(canaries) + self.options.get("canaries", [])
        self._log_file = open(log_path, "a", encoding="utf-8", buffering=1) if log_path else None
        self._log_lock = threading.Lock()
        self._let_go = threading.Semaphore(0)
        self.main = Server(lambda r: self._app(r, "main"), port=port, tls=tls, after=self._after)
        self.other = Server(lambda r: self._app(r, "other"), tls=tls, after=self._after)
        self.main.registry = self.other.registry = self
        self.port = self.main.port
        self.host = "127.0.0.1:%d" % self.port

    def start(self):
        self.main.start()
        self.other.start()
        return self

    def stop(self):
        self.main.stop()
        self.other.stop()
        if self._log_file:
            self._log_file.close()
            self._log_file = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- the log ---

    def _after(self, request, response, failure):
        if request.path.startswith("/_/"):
            return
        everything = [request.target] + list(request.headers.values())
        if self.canaries and request._body:
            everything.append(request._body[:65536].decode("latin-1"))
        line = {"origin": "main" if request.server is self.main else "other", "method": request.method,
                "path": request.target, "headers": sorted(request.headers), "has_authorization": "authorization" in request.headers,
                "auth": request.header("authorization", "").split(" ")[0], "range": request.header("range"),
                "status": response.status, "sent": response.sent, "received": len(request._body or b""),
                "rule": getattr(request, "rule", None), "time": round(request.answered or time.monotonic(), 6)}
        if self.main.tls:
            line["client_cert"] = request.client_cert
        if self.canaries:
            line["canary"] = any(c in text for c in self.canaries for text in everything)
        if failure:
            line["failure"] = failure
        with self._log_lock:
            self.log.append(line)
            if self._log_file:
                self._log_file.write(json.dumps(line) + "\n")

    def settle(self):
        self.main.settle()
        self.other.settle()

    def clear_log(self):
        self.settle()
        with self._log_lock:
            self.log.clear()
            self.begun.clear()
            self.most = 0

    def requests(self, method=None, path=None, origin=None):
        """The logged requests that match, in the order of their answers; a line may be written later than what its answer brought about."""
        self.settle()
        with self._log_lock:
            lines = sorted(self.log, key=lambda l: l["time"])
        return [l for l in lines if (method is None or l["method"] == method)
                and (path is None or re.search(path, l["path"])) and (origin is None or l["origin"] == origin)]

    def write_requests(self):
        return [l for l in self.requests() if l["method"] in ("POST", "PUT", "PATCH", "DELETE") and "/token" not in l["path"]]

    # --- rules ---

    def _app(self, request, origin):
        if request.path.startswith("/_/"):
            return self._control(request)
        with self._log_lock:
            self.begun.append([request.method, request.target])
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            return self._answer(request, origin)
        finally:
            with self._log_lock:
                self.at_once -= 1

    def _answer(self, request, origin):
        for rule in self.rules:
            if rule.fires(request, origin):
                request.rule = rule.name
                return self._misbehave(request, origin, dict(rule.action))
        return self._behave(request, origin)

    def _behave(self, request, origin, **how):
        if request.path == "/token":
            return self.auth.token_request(request)
        if origin == "other" and request.path.startswith("/elsewhere/"):
            return self._elsewhere(request)
        return self._route(request, **how)

    def _elsewhere(self, request):
        """The second origin serves any content by its place on the first: /elsewhere/v2/..., without a login."""
        request.path = request.path[len("/elsewhere"):]
        for pattern, name in ROUTES:
            match = pattern.match(request.path)
            if match and name in ("blob", "manifest"):
                return getattr(self, "_do_" + name)(request, **match.groupdict())
        return error(404, "NAME_UNKNOWN", "nothing here")

    def _misbehave(self, request, origin, action):
        kind = action.pop("type")
        handler = getattr(self, "_fault_" + kind, None)
        if handler is None:
            raise ValueError("unknown action " + kind)
        return handler(request, origin, action)

    def _fault_status(self, request, origin, a):
        body = a.get("body", '{"errors":[{"code":"UNKNOWN","message":"scripted"}]}')
        headers = {n: fill(v, request) for n, v in a.get("headers", {}).items()}
        headers.setdefault("Content-Type", "application/json")
        return Response(a["status"], fill(body, request).encode(), headers)

    def _fault_drop(self, request, origin, a):
        if a.get("after_request_bytes") is not None:
            data = request.read_some(a["after_request_bytes"])
            if a.get("keep"):
                upload = self.store.uploads.get(request.path.rsplit("/", 1)[-1])
                if upload is not None:
                    upload += data
        raise Hangup(reset=a.get("reset", False))

    def _fault_reset(self, request, origin, a):
        response = self._behave(request, origin)
        response.cut_after, response.cut_reset = a.get("body_bytes", 0), True
        return response

    def _fault_truncate(self, request, origin, a):
        response = self._behave(request, origin)
        response.cut_after, response.cut_reset = a.get("body_bytes", 0), False
        return response

    def _fault_wrong_bytes(self, request, origin, a):
        response = self._behave(request, origin)
        data = bytearray(response.body)
        if data:
            at = a.get("offset", len(data) // 2) % len(data)
            data[at] ^= a.get("xor", 1)
            response.body = bytes(data)
        return response

    def _fault_wrong_size(self, request, origin, a):
        response = self._behave(request, origin)
        delta = a.get("delta", 1)
        body = response.body + b"\0" * delta if delta > 0 else response.body[:delta]
        response.body, response.length = body, len(body)
        if request.method == "HEAD" or a.get("header_only"):
            response.headers["Content-Length"] = str(response.length + (delta if request.method == "HEAD" else 0))
        return response

    def _fault_delay(self, request, origin, a):
        request.server.held_up(request, lambda: time.sleep(a["ms"] / 1000))
        then = a.get("then")
        return self._misbehave(request, origin, dict(then)) if then else self._behave(request, origin)

    def _fault_hold(self, request, origin, a):
        request.server.held_up(request, lambda: self._let_go.acquire(timeout=120))
        return self._behave(request, origin)

    def _fault_drip(self, request, origin, a):
        response = self._behave(request, origin)
        response.drip = (a.get("bytes", 1024), a.get("ms", 20) / 1000)
        return response

    def _fault_redirect(self, request, origin, a):
        default = "{other}/elsewhere{path}" if a.get("to", "other") == "other" else "{self}{path}"
        return Response(a.get("status", 307), b"", {"Location": fill(a.get("location", default), request)})

    def _fault_header_flood(self, request, origin, a):
        response = self._behave(request, origin)
        response.raw_headers = ["X-Flood-%d: %s" % (i, "f" * a.get("width", 100)) for i in range(a.get("lines", 10000))]
        return response

    def _fault_headers(self, request, origin, a):
        response = self._behave(request, origin)
        for name in a.get("drop", []):
            for present in list(response.headers):
                if present.lower() == name.lower():
                    del response.headers[present]
        for name, value in a.get("set", {}).items():
            for present in list(response.headers):
                if present.lower() == name.lower():
                    del response.headers[present]
            response.headers[name] = fill(value, request)
        if "status" in a:
            response.status = a["status"]
        return response

    def _fault_ignore_range(self, request, origin, a):
        request.headers.pop("range", None)
        return self._behave(request, origin)

    def _fault_body(self, request, origin, a):
        response = self._behave(request, origin)
        response.status = a.get("status", response.status if response.status < 300 else 200)
        response.body = fill(a["body"], request).encode()
        response.length = len(response.body)
        for name, value in a.get("headers", {}).items():
            response.headers[name] = value
        return response

    def _fault_endless(self, request, origin, a):
        piece = (a.get("piece", "x") * 65536)[:65536].encode()
        total = a.get("bytes", 1 << 33)
        headers = {"Content-Type": a.get("content_type", "application/json")}
        return Response(a.get("status", 200), (piece for _ in range(total // 65536)), headers)

    def _fault_pretend(self, request, origin, a):
        """Says 201 and keeps nothing."""
        return self._behave(request, origin, keep=False)

    def _fault_reserialise(self, request, origin, a):
        """Says 201 and keeps the manifest written anew: other bytes under the tag and under the digest."""
        response = self._behave(request, origin)
        match = ROUTES[3][0].match(request.path)
        if response.status == 201 and match:
            digest = digest_of(request.body)
            self.store.content[digest] = json.dumps(json.loads(request.body), indent=3).encode()
        return response

    def _fault_half_delete(self, request, origin, a):
        """docker-registry, when a tag of the repository is being written: the manifest is gone, its tags still name it, and the answer is 500."""
        m = re.fullmatch(r"/v2/(.+)/manifests/(sha256:[0-9a-f]+)", request.path.partition("?")[0])
        if request.method != "DELETE" or m is None or self.store.manifests.get(m.group(1), {}).pop(m.group(2), None) is None:
            return self._behave(request, origin)
        return error(500, "UNKNOWN", "invalid checksum digest format")

    def _fault_no_digest_check(self, request, origin, a):
        return self._behave(request, origin, check=False)

    # --- the distribution API ---

    def _control(self, request):
        if request.path == "/_/state":
            return Response(200, json.dumps(self.store.state()).encode())
        if request.path == "/_/begun":
            with self._log_lock:
                return Response(200, json.dumps(self.begun).encode())
        if request.path == "/_/most":
            return Response(200, json.dumps(self.most).encode())
        if request.path == "/_/release":
            self._let_go.release()
            return Response(204)
        self.settle()
        if request.path == "/_/settle":
            return Response(204)
        if request.path == "/_/log":
            with self._log_lock:
                return Response(200, "".join(json.dumps(l) + "\n" for l in self.log).encode())
        if request.path == "/_/clear":
            self.clear_log()
            return Response(204)
        return Response(404)

    def _route(self, request, **how):
        for pattern, name in ROUTES:
            match = pattern.match(request.path)
            if not match:
                continue
            fields = match.groupdict()
            actions = ["pull"] if request.method in ("GET", "HEAD") and name != "upload" else ["pull", "push"]
            if request.method == "DELETE" and name != "upload":
                actions = ["delete"]
            refusal = self.auth.allowed(request, fields.get("name"), actions)
            if refusal:
                return refusal
            how = how if name in ("manifest", "upload", "uploads") else {}
            if name == "manifest" and self.pulls:
                return self.pulls.answer(request, lambda: self._do_manifest(request, **fields, **how))
            return getattr(self, "_do_" + name)(request, **fields, **how)
        return error(404, "NAME_UNKNOWN", "no such place")

    def _do_ping(self, request):
        return Response(200, b"{}", {"Content-Type": "application/json", "Docker-Distribution-Api-Version": "registry/2.0"})

    def _page(self, request, items, make):
        """Answers a list in pages, with `n` and `last` as asked and never more than the profile's page size."""
        last = request.query.get("last")
        items = sorted(items)
        if last is not None:
            items = [i for i in items if i > last]
        n = int(request.query["n"]) if request.query.get("n", "").isdigit() else 0
        limit = self.options.get("page_size", 0)
        n = min(n, limit) if n and limit else n or limit
        headers = {"Content-Type": "application/json"}
        if n and len(items) > n:
            items = items[:n]
            headers["Link"] = '<%s?last=%s&n=%d>; rel="next"' % (request.path, items[-1], n)
        return Response(200, json.dumps(make(items)).encode(), headers)

    def _do_catalog(self, request):
        names = set(self.store.manifests) | set(self.store.tags)
        return self._page(request, names, lambda page: {"repositories": page})

    def _do_tags(self, request, name):
        if name not in self.store.manifests:
            return error(404, "NAME_UNKNOWN", "repository name not known to registry")
        return self._page(request, self.store.tags.get(name, {}), lambda page: {"name": name, "tags": page})

    def _send_content(self, request, digest, media_type):
        data = self.store.get(digest)
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest, "Accept-Ranges": "bytes"}
        asked = request.header("range")
        if self.options.get("head_404") and request.method == "HEAD":
            return error(404, "MANIFEST_UNKNOWN", "HEAD is not supported here")
        if asked and request.method == "GET" and not self.options.get("ignore_range"):
            match = re.match(r"^bytes=(\d*)-(\d*)$", asked)
            first = int(match.group(1)) if match and match.group(1) else None
            final = int(match.group(2)) if match and match.group(2) else None
            if first is None and final is not None:
                first, final = max(0, len(data) - final), None
            if first is None or first >= len(data) or final is not None and final < first:
                return error(416, "RANGE_INVALID", "range not satisfiable", {"Content-Range": "bytes */%d" % len(data)})
            final = len(data) - 1 if final is None else min(final, len(data) - 1)
            headers["Content-Range"] = "bytes %d-%d/%d" % (first, final, len(data))
            return Response(206, data[first:final + 1], headers)
        return Response(200, data, headers)

    def _do_blob(self, request, name, digest):
        if not DIGEST.match(digest):
            return error(400, "DIGEST_INVALID", "malformed digest")
        if not self.store.has_blob(name, digest):
            return error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if request.method in ("GET", "HEAD"):
            return self._send_content(request, digest, "application/octet-stream")
        if request.method == "DELETE" and self.options.get("deletes", True):
            self.store.blobs.get(name, set()).discard(digest)
            return Response(202)
        return error(405, "UNSUPPORTED", "the operation is unsupported")

    def _do_uploads(self, request, name, keep=True, check=True):
        if request.method != "POST":
            return error(405, "UNSUPPORTED", "the operation is unsupported")
        mount, source = request.query.get("mount"), request.query.get("from")
        how = self.options.get("mount", "ok")
        if mount and how == "ok" and (self.store.has_blob(source, mount) if source else self.options.get("anonymous_mount")
                                      and mount in self.store.content):
            if keep:
                with self.store.lock:
                    self.store.blobs.setdefault(name, set()).add(mount)
            return Response(201, b"", {"Location": "/v2/%s/blobs/%s" % (name, mount), "Docker-Content-Digest": mount})
        if mount and how == "refuse":
            return error(403, "DENIED", "mounts are not allowed")
        digest = request.query.get("digest")
        if digest and self.options.get("single_post"):
            return self._finish(name, request.body, digest, keep, check)
        upload = secrets.token_hex(12)
        self.store.uploads[upload] = bytearray()
        return Response(202, b"", self._upload_headers(request, name, upload))

    def _upload_headers(self, request, name, upload):
        size = len(self.store.uploads[upload])
        location = fill(self.options.get("upload_location", "/v2/{name}/blobs/uploads/{upload}?_state=x"), request)
        headers = {"Location": location.replace("{name}", name).replace("{upload}", upload),
                   "Range": "0-%d" % max(0, size - 1), "Docker-Upload-UUID": upload}
        if self.options.get("chunk_min"):
            headers["OCI-Chunk-Min-Length"] = str(self.options["chunk_min"])
        return headers

    def _do_upload(self, request, name, upload, keep=True, check=True):
        data = self.store.uploads.get(upload)
        if data is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        if request.method == "GET":
            return Response(204, b"", self._upload_headers(request, name, upload))
        if request.method == "DELETE":
            del self.store.uploads[upload]
            return Response(204)
        if request.method == "PATCH":
            return self._chunk(request, name, upload, data)
        if request.method != "PUT":
            return error(405, "UNSUPPORTED", "the operation is unsupported")
        if self.options.get("put_max") is not None and len(request.body) > self.options["put_max"]:
            return error(413, "SIZE_INVALID", "request body is too large")
        data += request.body
        answer = self._finish(name, bytes(data), request.query.get("digest", ""), keep, check)
        if answer.status == 201:
            self.store.uploads.pop(upload, None)
        return answer

    def _chunk(self, request, name, upload, data):
        span = re.match(r"^(\d+)-(\d+)$", request.header("content-range", ""))
        if span and int(span.group(1)) != len(data):
            return Response(416, b"", self._upload_headers(request, name, upload))
        limit = self.options.get("chunk_max")
        if limit and len(request.body) > limit:
            return error(416, "SIZE_INVALID", "request body is too large", self._upload_headers(request, name, upload))
        taken = request.body
        if self.options.get("chunk_take"):  # accepts only part of what was sent
            taken = taken[:self.options["chunk_take"]]
        data += taken
        return Response(202, b"", self._upload_headers(request, name, upload))

    def _finish(self, name, data, digest, keep, check):
        if not DIGEST.match(digest):
            return error(400, "DIGEST_INVALID", "malformed digest")
        if check and digest_of(data, digest) != digest:
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        if keep:
            self.store.put_blob(name, data, digest)
        return Response(201, b"", {"Location": "/v2/%s/blobs/%s" % (name, digest), "Docker-Content-Digest": digest})

    def _do_manifest(self, request, name, ref, keep=True, check=True):
        digest = ref if ":" in ref else self.store.tags.get(name, {}).get(ref)
        if ":" in ref and not DIGEST.match(ref) or ":" not in ref and not TAG.match(ref):
            return error(400, "DIGEST_INVALID" if ":" in ref else "TAG_INVALID", "malformed reference")
        if request.method == "PUT":
            return self._put_manifest(request, name, ref, keep, check)
        unknown = error(404, "MANIFEST_UNKNOWN", "manifest unknown to registry")
        media_type = digest and self.store.manifests.get(name, {}).get(digest)
        if media_type is None:
            return unknown
        if request.method in ("GET", "HEAD"):
            return self._send_content(request, digest, media_type)
        if request.method != "DELETE" or not self.options.get("deletes", True):
            return error(405, "UNSUPPORTED", "the operation is unsupported")
        if ":" not in ref:
            if not self.options.get("tag_deletes", True):
                return error(405, "UNSUPPORTED", "the operation is unsupported")
            return Response(202) if self.store.tags[name].pop(ref, None) else unknown
        return Response(202) if self.store.delete_manifest(name, digest) else unknown

    def _put_manifest(self, request, name, ref, keep, check):
        data = request.body
        if len(data) > self.options.get("manifest_max", 4 << 20):
            return error(413, "SIZE_INVALID", "manifest too large")
        try:
            document = json.loads(data)
        except ValueError:
            return error(400, "MANIFEST_INVALID", "not JSON")
        media_type = (request.header("content-type") or "").split(";")[0].strip() or document.get("mediaType")
        if media_type not in MANIFEST_TYPES or document.get("mediaType", media_type) != media_type:
            return error(400, "MANIFEST_INVALID", "media type %s" % media_type)
        digest = digest_of(data, ref if ":" in ref else "sha256:")
        if check and ":" in ref and digest != ref:
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        missing = self._missing_children(name, document)
        if missing:
            return error(400, *missing)
        headers = {"Location": "/v2/%s/manifests/%s" % (name, digest), "Docker-Content-Digest": digest}
        if document.get("subject") and self.options.get("referrers_api", True):
            headers["OCI-Subject"] = document["subject"]["digest"]
        if keep:
            self.store.put_manifest(name, data, media_type, digest, None if ":" in ref else ref)
        return Response(201, b"", headers)

    def _missing_children(self, name, document):
        for child in document.get("manifests", []) or []:
            if not self.options.get("sparse", True) and child["digest"] not in self.store.manifests.get(name, {}):
                return "MANIFEST_UNKNOWN", "manifest unknown to registry: " + child["digest"]
        for part in [document.get("config")] + (document.get("layers") or []):
            if part and not part.get("urls") and not self.store.has_blob(name, part["digest"]):
                return "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry: " + part["digest"]
        return None

    def _do_referrers(self, request, name, digest):
        if not self.options.get("referrers_api", True):
            return Response(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        found = []
        for candidate, media_type in list(self.store.manifests.get(name, {}).items()):
            data = self.store.get(candidate)
            document = json.loads(data)
            if (document.get("subject") or {}).get("digest") != digest:
                continue
            entry = {"mediaType": media_type, "digest": candidate, "size": len(data)}
            kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType")
            if kind:
                entry["artifactType"] = kind
            if document.get("annotations"):
                entry["annotations"] = document["annotations"]
            found.append(entry)
        headers = {"Content-Type": OCI_INDEX}
        wanted = request.query.get("artifactType")
        if wanted and self.options.get("referrers_filter", True):
            found = [e for e in found if e.get("artifactType") == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        found.sort(key=lambda e: e["digest"])
        size, start = self.options.get("referrers_page", 0), int(request.query.get("start", 0))
        if size and len(found) > start + size:
            headers["Link"] = '<%s?start=%d>; rel="next"' % (request.path, start + size)
        if size:
            found = found[start:start + size]
        body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}
        return Response(200, json.dumps(body).encode(), headers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile")
    parser.add_argument("--log")
    parser.add_argument("--seed", help="a tree of image layouts, <repository>/index.json, taken in at start")
    parser.add_argument("--tls", nargs="+", metavar="FILE", help="certificate, key, and the CA of client certificates")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--canary", action="append", default=[], help="a secret whose appearance in a request is logged")
    args = parser.parse_args()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    registry = ScriptedRegistry(args.profile, args.log, args.tls, args.port, args.canary)
    if args.seed:
        registry.store.seed_tree(args.seed)
    registry.start()
    print(registry.port, registry.other.port, flush=True)
    done.wait()
    registry.stop()


if __name__ == "__main__":
    main()

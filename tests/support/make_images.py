#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds real OCI and Docker images, indexes and artifacts without a network, the same bytes every time.

    app = image([layer_of_files({"etc/motd": b"hello"})])
    write_layout("layout", {"1.0": app})
    push(RegistryClient("http://127.0.0.1:5000"), "team/app", "1.0", app)

As a program:

    make_images.py layout FOLDER [--count N | --big BYTES | --sample] [--repositories N]     a tree of layouts, one per repository
    make_images.py push URL      [the same]                                                  into a registry
"""
import argparse
import concurrent.futures
import hashlib
import http.client
import io
import json
import os
import random
import re
import socket
import ssl
import sys
import tarfile
import threading
import zlib
from urllib.parse import quote, urljoin, urlsplit

OCI = {
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "index": "application/vnd.oci.image.index.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
}
DOCKER = {
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "index": "application/vnd.docker.distribution.manifest.list.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


def digest_of(data, algorithm="sha256"):
    return algorithm + ":" + hashlib.new(algorithm, data).hexdigest()


def to_json(document):
    return json.dumps(document, separators=(",", ":")).encode()


class Blob:
    """A config or layer: its bytes, media type, and (a layer) the digest of its uncompressed tar."""

    def __init__(self, data, media_type, diff_id=None):
        self.data = data
        self.media_type = media_type
        self.diff_id = diff_id
        self.digest = digest_of(data)

    def descriptor(self, **extra):
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data), **extra}


class Node:
    """A manifest or index: its exact bytes, the blobs it names and its children."""

    def __init__(self, document, media_type, blobs=(), children=(), algorithm="sha256"):
        self.document = document
        self.data = to_json(document)
        self.media_type = media_type
        self.blobs = list(blobs)
        self.children = list(children)
        self.digest = digest_of(self.data, algorithm)
        self.size = len(self.data)

    def descriptor(self, **extra):
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **extra}

    def walk(self):
        """Every manifest below and including this one, children first, each once."""
        seen = set()

        def visit(node):
            if node.digest in seen:
                return
            seen.add(node.digest)
            for child in node.children:
                yield from visit(child)
            yield node

        yield from visit(self)

    def all_blobs(self):
        found = {}
        for node in self.walk():
            for blob in node.blobs:
                found.setdefault(blob.digest, blob)
        return found

    def content(self):
        """digest -> bytes of everything, manifests as well."""
        out = {d: b.data for d, b in self.all_blobs().items()}
        out.update({n.digest: n.data for n in self.walk()})
        return out


# --- layers ---

def gzip_of(data, level=6):
    """gzip with time 0 and no name: the same bytes every time."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9)
    body = packer.compress(data) + packer.flush()
    tail = (zlib.crc32(data) & 0xFFFFFFFF).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + body + tail


def layer_of_tar(tar, types=OCI, level=6):
    return Blob(gzip_of(tar, level), types["layer"], digest_of(tar))


def _tar_info(name, mode, size=0):
    info = tarfile.TarInfo(name)
    info.mode, info.size = mode, size
    return info


def layer_of_files(files, types=OCI, level=6):
    """files: path -> bytes (a file), str (the target of a symbolic link) or None (a folder)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(files):
            value = files[name]
            if value is None:
                info = _tar_info(name, 0o755)
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif isinstance(value, str):
                info = _tar_info(name, 0o777)
                info.type, info.linkname = tarfile.SYMTYPE, value
                tar.addfile(info)
            else:
                tar.addfile(_tar_info(name, 0o644, len(value)), io.BytesIO(value))
    return layer_of_tar(out.getvalue(), types, level)


def layer_of_folder(folder, types=OCI, level=6):
    """A layer of everything under `folder`: owner 0, time 0, names in order."""
    out = io.BytesIO()

    def plain(info):
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = 0
        return info

    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for base, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(folders + files):
                path = os.path.join(base, name)
                tar.add(path, os.path.relpath(path, folder), recursive=False, filter=plain)
    return layer_of_tar(out.getvalue(), types, level)


def random_bytes(seed, size):
    return random.Random("layer:%s" % (seed,)).randbytes(size)


def random_layer(seed, size, types=OCI):
    """A layer whose one file is `size` seeded random bytes: real tar+gzip, stored (random bytes do not shrink)."""
    return layer_of_files({"data/%s.bin" % re.sub(r"[^A-Za-z0-9._-]", "_", str(seed)): random_bytes(seed, size)}, types, 0)


# --- images, indexes, artifacts ---

def image(layers, types=OCI, platform="linux/amd64", annotations=None, labels=None, subject=None, extra=None, created="1970-01-01T00:00:00Z"):
    os_name, _, rest = platform.partition("/")
    arch, _, variant = rest.partition("/")
    config = {"architecture": arch, "os": os_name, "created": created,
              "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/sh"]},
              "rootfs": {"type": "layers", "diff_ids": [l.diff_id for l in layers]},
              "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "make_images"} for _ in layers]}
    if variant:
        config["variant"] = variant
    if labels:
        config["config"]["Labels"] = labels
    config = Blob(to_json(config), types["config"])
    layers = [Blob(l.data, types["layer"], l.diff_id) if l.media_type in (OCI["layer"], DOCKER["layer"]) else l for l in layers]
    document = {"schemaVersion": 2, "mediaType": types["manifest"], "config": config.descriptor(),
                "layers": [l.descriptor() for l in layers]}
    if subject:
        document["subject"] = subject.descriptor()
    if annotations:
        document["annotations"] = annotations
    document.update(extra or {})
    node = Node(document, types["manifest"], [config] + layers)
    node.platform = {"architecture": arch, "os": os_name, **({"variant": variant} if variant else {})}
    return node


def index(children, types=OCI, annotations=None, subject=None, extra=None):
    entries = []
    for child in children:
        platform = getattr(child, "platform", None)
        entries.append(child.descriptor(**({"platform": platform} if platform else {})))
    document = {"schemaVersion": 2, "mediaType": types["index"], "manifests": entries}
    if subject:
        document["subject"] = subject.descriptor()
    if annotations:
        document["annotations"] = annotations
    document.update(extra or {})
    return Node(document, types["index"], (), children)


def artifact(artifact_type, layers=(), config=None, subject=None, annotations=None):
    """layers: pairs of media type and bytes. Without a config the empty one of the specification is used."""
    config = Blob(config[1], config[0]) if config else Blob(b"{}", EMPTY_TYPE)
    blobs = [Blob(data, media_type) for media_type, data in layers] or [Blob(b"{}", EMPTY_TYPE)]
    document = {"schemaVersion": 2, "mediaType": OCI["manifest"], "artifactType": artifact_type,
                "config": config.descriptor(), "layers": [b.descriptor() for b in blobs]}
    if subject:
        document["subject"] = subject.descriptor()
    if annotations:
        document["annotations"] = annotations
    return Node(document, OCI["manifest"], {b.digest: b for b in [config] + blobs}.values())


def helm_chart(name, version, files=None):
    """What `helm push` makes: a config of the chart's metadata and one layer, the chart's .tgz."""
    meta = {"apiVersion": "v2", "name": name, "version": version, "type": "application", "description": "A chart of %s" % name}
    chart = {name + "/Chart.yaml": "".join("%s: %s\n" % item for item in meta.items()).encode()}
    chart.update({name + "/" + path: data for path, data in (files or {"values.yaml": b"replicas: 1\n"}).items()})
    config = Blob(to_json(meta), "application/vnd.cncf.helm.config.v1+json")
    layer = Blob(layer_of_files(chart).data, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    document = {"schemaVersion": 2, "config": config.descriptor(), "layers": [layer.descriptor()],
                "annotations": {"org.opencontainers.image.title": name, "org.opencontainers.image.version": version}}
    return Node(document, OCI["manifest"], [config, layer])


def signature(subject, seed="key"):
    payload = to_json({"critical": {"image": {"docker-manifest-digest": subject.digest}, "type": "test signature"}})
    return artifact("application/vnd.example.signature.v1", [("application/vnd.example.signature.payload.v1+json", payload)],
                    subject=subject, annotations={"example.signature": hashlib.sha256(payload + str(seed).encode()).hexdigest()})


def sbom(subject, packages=("base-files", "libc6")):
    document = to_json({"spdxVersion": "SPDX-2.3", "name": subject.digest, "packages": [{"name": p} for p in packages]})
    return artifact("application/spdx+json", [("application/spdx+json", document)], subject=subject)


def cosign_signature(subject):
    """The older way to hang a signature onto an image: an image under the tag sha256-<hex>.sig. Returns (tag, node)."""
    payload = to_json({"critical": {"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": subject.digest},
                                    "type": "cosign container image signature"}, "optional": None})
    layer = Blob(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
    config = Blob(to_json({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer.digest]}}),
                  OCI["config"])
    sig = {"dev.cosignproject.cosign/signature": hashlib.sha256(payload).hexdigest()}
    document = {"schemaVersion": 2, "mediaType": OCI["manifest"], "config": config.descriptor(),
                "layers": [layer.descriptor(annotations=sig)]}
    return subject.digest.replace(":", "-") + ".sig", Node(document, OCI["manifest"], [config, layer])


def cnab(images, name="bundle", version="1.0.0"):
    """A CNAB bundle as an index: the bundle's config manifest, an invocation image and component images."""
    config = Blob(to_json({"schemaVersion": "v1.0.0", "name": name, "version": version, "invocationImages": [], "images": {}}),
                  "application/vnd.cnab.config.v1+json")
    # docker-registry wants a config and layers that exist; the bundle's JSON is both, as the CNAB tools do it.
    document = {"schemaVersion": 2, "mediaType": OCI["manifest"], "config": config.descriptor(), "layers": [config.descriptor()]}
    first = Node(document, OCI["manifest"], [config])
    entries = [first.descriptor(annotations={"io.cnab.manifest.type": "config"})]
    for i, child in enumerate(images):
        kind = "invocation" if i == 0 else "component"
        entries.append(child.descriptor(annotations={"io.cnab.manifest.type": kind}))
    document = {"schemaVersion": 2, "mediaType": OCI["index"], "manifests": entries,
                "annotations": {"io.cnab.runtime_version": "v1.0.0", "io.docker.app.format": "cnab",
                                "org.opencontainers.artifactType": "application/vnd.cnab.manifest.v1"}}
    return Node(document, OCI["index"], (), [first] + list(images))


def fallback_index(referrers):
    """The index that stands under the tag sha256-<hex> where a registry has no referrers API."""
    entries = []
    for node in referrers:
        extra = {}
        if node.document.get("artifactType"):
            extra["artifactType"] = node.document["artifactType"]
        if node.document.get("annotations"):
            extra["annotations"] = node.document["annotations"]
        entries.append(node.descriptor(**extra))
    return Node({"schemaVersion": 2, "mediaType": OCI["index"], "manifests": entries}, OCI["index"], (), referrers)


# --- sets of images ---

def small_images(count, unique_bytes=66_000_000, repositories=50, seed="small"):
    """`count` images that share a base of three layers and bring `unique_bytes` in all: (repository, tag, node) each."""
    base = [random_layer("%s-base-%d" % (seed, i), size) for i, size in enumerate((3 << 20, 512 << 10, 64 << 10))]
    # A tar is a multiple of 10,240 bytes, and 1,536 of them are its header and end.
    share = (unique_bytes - sum(len(l.data) for l in base)) // max(1, count) - 1300
    own = max(1, round(share / 10240)) * 10240 - 1536
    for i in range(count):
        node = image(base + [random_layer("%s-%d" % (seed, i), own)], labels={"number": str(i)})
        yield "small/app%03d" % (i % repositories), "v%d" % (i // repositories), node


def big_image(size=150 << 20, seed="big", layers=3):
    return image([random_layer("%s-%d" % (seed, i), size // layers) for i in range(layers)])


def sample_set(version=1, types=OCI):
    """One of each kind, in two versions that share their base: list of (repository, tag, node), referrers untagged (None)."""
    base = layer_of_files({"etc": None, "etc/os-release": b"ID=sample\n", "bin/sh": random_bytes("sh", 60000)}, types)
    app = image([base, layer_of_files({"app/main": random_bytes("app%d" % version, 30000)}, types)], types)
    arms = image([random_layer("arm64-%d" % version, 20000, types)], types, "linux/arm64/v8")
    multi = index([app, arms], types)
    chart = helm_chart("shop", "0.%d.0" % version)
    sign, bill = signature(multi), sbom(app)
    tag, old_sign = cosign_signature(app)
    return [("sample/base", "1", image([base], types)), ("sample/app", "v%d" % version, app), ("sample/app", "latest", app),
            ("sample/multi", "v%d" % version, multi), ("charts/shop", "0.%d.0" % version, chart),
            ("sample/cnab", "v%d" % version, cnab([app, arms])),
            ("sample/multi", None, sign), ("sample/app", None, bill), ("sample/app", tag, old_sign)]


# --- layouts ---

def write_layout(folder, images, source_names=None):
    """images: tag -> node, or list of (tag or None, node). Writes an image layout; tags go into index.json."""
    pairs = list(images.items()) if isinstance(images, dict) else list(images)
    os.makedirs(os.path.join(folder, "blobs", "sha256"), exist_ok=True)
    with open(os.path.join(folder, "oci-layout"), "w", encoding="utf-8") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    path = os.path.join(folder, "index.json")
    index_json = {"schemaVersion": 2, "mediaType": OCI["index"], "manifests": []}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            index_json = json.load(f)
    for tag, node in pairs:
        for digest, data in node.content().items():
            algorithm, name = digest.split(":")
            os.makedirs(os.path.join(folder, "blobs", algorithm), exist_ok=True)
            blob = os.path.join(folder, "blobs", algorithm, name)
            if not os.path.exists(blob):
                with open(blob, "wb") as f:
                    f.write(data)
        entries = index_json["manifests"]
        if tag is not None:
            entries[:] = [e for e in entries if e.get("annotations", {}).get(REF_NAME) != tag]
            entries.append(node.descriptor(annotations={REF_NAME: tag}))
        elif all(e["digest"] != node.digest for e in entries):
            entries.append(node.descriptor())
    with open(path, "wb") as f:
        f.write(to_json(index_json))


def write_tree(root, triples):
    """One layout per repository under `root`."""
    by_repository = {}
    for repository, tag, node in triples:
        by_repository.setdefault(repository, []).append((tag, node))
    for repository, pairs in by_repository.items():
        write_layout(os.path.join(root, repository), pairs)


# --- a small registry client of its own, so that tests do not depend on what they test ---

class RegistryError(Exception):
    def __init__(self, status, text):
        super().__init__("%d %s" % (status, text))
        self.status = status


class RegistryClient:
    """Threads may share it; each has its own connection. Logs in by Basic or by a token, as challenged."""

    def __init__(self, url, user=None, password=None, ca=None):
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self.https = parts.scheme == "https"
        self.host, self.port = parts.hostname, parts.port or (443 if self.https else 80)
        self.name = "%s:%d" % (self.host, self.port)
        self.user, self.password = user, password
        self.context = ssl.create_default_context(cafile=ca) if self.https else None
        self._local = threading.local()
        self._tokens = {}

    def _connection(self):
        conn = getattr(self._local, "conn", None)
        if conn is None:
            kind = http.client.HTTPSConnection if self.https else http.client.HTTPConnection
            extra = {"context": self.context} if self.https else {}
            conn = self._local.conn = kind(self.host, self.port, timeout=60, **extra)
            conn.connect()
            conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return conn

    def _once(self, method, path, body, headers):
        for attempt in (0, 1):
            conn = self._connection()
            try:
                conn.request(method, path, body, headers)
                answer = conn.getresponse()
                return answer.status, answer.headers, answer.read()
            except (http.client.HTTPException, OSError):
                conn.close()
                self._local.conn = None
                if attempt:
                    raise

    def _login(self, challenge, key):
        import base64
        basic = "Basic " + base64.b64encode(("%s:%s" % (self.user, self.password)).encode()).decode()
        if challenge.lower().startswith("basic"):
            self._tokens[key] = basic
            return
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = urlsplit(fields["realm"])
        kind = http.client.HTTPSConnection if realm.scheme == "https" else http.client.HTTPConnection
        conn = kind(realm.hostname, realm.port, timeout=30, **({"context": self.context} if realm.scheme == "https" else {}))
        query = "service=%s&scope=%s" % (quote(fields.get("service", "")), quote(fields.get("scope", "")))
        conn.request("GET", realm.path + "?" + query, headers={"Authorization": basic} if self.user else {})
        answer = conn.getresponse()
        body = json.loads(answer.read())
        self._tokens[key] = "Bearer " + (body.get("token") or body.get("access_token"))
        conn.close()

    def call(self, method, path, body=None, headers=None, want=(200, 201, 202, 204, 206)):
        if path.startswith("http"):
            parts = urlsplit(path)
            path = parts.path + ("?" + parts.query if parts.query else "")
        key = (re.sub(r"/(manifests|blobs|tags|referrers)/.*", "", path), method in ("GET", "HEAD"))
        headers = dict(headers or {})
        for _ in range(2):
            if key in self._tokens:
                headers["Authorization"] = self._tokens[key]
            status, got, data = self._once(method, path, body, headers)
            if status != 401 or "WWW-Authenticate" not in got:
                break
            self._login(got["WWW-Authenticate"], key)
        if want and status not in want:
            raise RegistryError(status, "%s %s: %s" % (method, path, data[:300].decode("utf-8", "replace")))
        return status, got, data

    def has_blob(self, repository, digest):
        return self.call("HEAD", "/v2/%s/blobs/%s" % (repository, digest), want=None)[0] == 200

    def put_blob(self, repository, data, digest=None, mount_from=None):
        digest = digest or digest_of(data)
        query = "?mount=%s&from=%s" % (digest, mount_from) if mount_from else ""
        status, headers, _ = self.call("POST", "/v2/%s/blobs/uploads/%s" % (repository, query), b"", want=(201, 202))
        if status == 201:
            return digest
        location = urljoin(self.url + "/", headers["Location"])
        location += ("&" if "?" in location else "?") + "digest=" + digest
        self.call("PUT", location, data, {"Content-Type": "application/octet-stream"}, want=(201, 204))
        return digest

    def put_manifest(self, repository, reference, data, media_type):
        return self.call("PUT", "/v2/%s/manifests/%s" % (repository, reference), data, {"Content-Type": media_type}, want=(201,))

    def manifest(self, repository, reference):
        """(digest, media type, bytes), or None when it is not there."""
        accept = ", ".join(list(OCI.values())[:2] + list(DOCKER.values())[:2])
        status, headers, data = self.call("GET", "/v2/%s/manifests/%s" % (repository, reference), headers={"Accept": accept}, want=None)
        if status == 404:
            return None
        if status != 200:
            raise RegistryError(status, "manifest %s:%s" % (repository, reference))
        algorithm = reference.split(":")[0] if ":" in reference else "sha256"
        return digest_of(data, algorithm), headers["Content-Type"], data

    def blob(self, repository, digest):
        status, _, data = self.call("GET", "/v2/%s/blobs/%s" % (repository, digest), want=None)
        return data if status == 200 else None

    def tags(self, repository):
        status, _, data = self.call("GET", "/v2/%s/tags/list?n=1000" % repository, want=None)
        return sorted(json.loads(data).get("tags") or []) if status == 200 else []

    def repositories(self):
        return json.loads(self.call("GET", "/v2/_catalog?n=1000")[2])["repositories"]

    def delete_manifest(self, repository, digest):
        return self.call("DELETE", "/v2/%s/manifests/%s" % (repository, digest), want=(202,))


def push(client, repository, tag, node, have=None):
    """Pushes an image with all it needs. `have`: digests already in that repository, kept up to date."""
    have = have if have is not None else set()
    for digest, blob in node.all_blobs().items():
        if (repository, digest) not in have:
            client.put_blob(repository, blob.data, digest)
            have.add((repository, digest))
    for child in node.walk():
        if child is not node and (repository, child.digest) not in have:
            client.put_manifest(repository, child.digest, child.data, child.media_type)
            have.add((repository, child.digest))
    _, headers, _ = client.put_manifest(repository, tag or node.digest, node.data, node.media_type)
    have.add((repository, node.digest))
    subject = node.document.get("subject")
    if subject and "OCI-Subject" not in headers:
        list_referrer(client, repository, subject["digest"], node)


_referrers_lock = threading.Lock()


def list_referrer(client, repository, subject, node):
    """Adds a referrer to the index under the fallback tag, as the specification asks of clients of older registries."""
    tag = subject.replace(":", "-")
    with _referrers_lock:
        old = client.manifest(repository, tag)
        document = json.loads(old[2]) if old else json.loads(fallback_index([]).data)
        entry = json.loads(fallback_index([node]).data)["manifests"][0]
        if all(e["digest"] != node.digest for e in document["manifests"]):
            document["manifests"].append(entry)
        client.put_manifest(repository, tag, to_json(document), OCI["index"])


def push_all(client, triples, workers=8):
    have, first, busy, writing = set(), {}, {}, {}
    lock = threading.Lock()

    def one(triple):
        repository, tag, node = triple
        for digest, blob in node.all_blobs().items():
            with lock:
                source = first.setdefault(digest, repository)
                mine = busy.setdefault(digest, threading.Lock())
            with mine:  # docker-registry may lose one of two uploads of the same blob at the same time
                if (repository, digest) not in have:
                    client.put_blob(repository, blob.data, digest, source if source != repository else None)
                    have.add((repository, digest))
        with lock:
            alone = writing.setdefault(repository, threading.Lock())
        with alone:  # nor does it take a manifest while what that names is written once more
            push(client, repository, tag, node, have)

    tagged_first = sorted(triples, key=lambda t: t[1] is None)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(one, t) for t in tagged_first]:
            done.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("how", choices=["layout", "push"])
    parser.add_argument("where", help="a folder, or http://HOST:PORT")
    parser.add_argument("--count", type=int, help="this many small images")
    parser.add_argument("--big", type=int, help="one image of this many bytes")
    parser.add_argument("--sample", action="store_true", help="one of each kind (default)")
    parser.add_argument("--repositories", type=int, default=50)
    parser.add_argument("--docker", action="store_true", help="Docker media types in the sample")
    args = parser.parse_args()
    if args.count:
        triples = list(small_images(args.count, repositories=args.repositories))
    elif args.big:
        triples = [("big/image", "v1", big_image(args.big))]
    else:
        triples = sample_set(types=DOCKER if args.docker else OCI)
    if args.how == "layout":
        write_tree(args.where, triples)
    else:
        push_all(RegistryClient(args.where), triples)
    for repository, tag, node in triples:
        print("%s%s%s" % (repository, ":" + tag if tag else "@", "" if tag else node.digest), node.digest)
    return 0


if __name__ == "__main__":
    sys.exit(main())

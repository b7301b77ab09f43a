#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that has any number of blobs and keeps none: content follows from a number. For measuring memory.

    synthetic_registry.py [--images N] [--layers M] [--delay-ms D] [--empty]

Image k is synthetic/img<k>:v1 with M layers of its own; layer i is 64 bytes long. What is uploaded is hashed, and only its digest and
size are remembered. --empty starts without images. Prints its port; GET /_/requests gives the number of requests.
"""
import argparse
import hashlib
import json
import os
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "support"))
from httpd import Response, Server  # noqa: E402

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PATH = re.compile(r"^/v2/([a-z0-9/._-]+)/(blobs/uploads/|blobs/uploads/[0-9a-f]+|blobs/sha256:[0-9a-f]{64}|manifests/[^/]+)$")


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer_bytes(number):
    return b"synthetic layer %-48d" % number


class Registry:
    def __init__(self, image_count, layers, delay):
        self.delay = delay
        self.count = 0
        self.content = {}    # digest -> bytes, or the number of a layer
        self.manifests = {}  # (repository, reference) -> digest
        self.uploaded = {}   # digest -> size: what was hashed and thrown away
        self.uploads = 0
        for k in range(image_count):
            self._make_image(k, layers)

    def _make_image(self, k, layers):
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "number": k,
                             "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        entries = []
        for number in range(k * layers, (k + 1) * layers):
            digest = sha256(layer_bytes(number))
            self.content[digest] = number
            entries.append({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 64})
        self.content[sha256(config)] = config
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": entries, "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(config), "size": len(config)}}).encode()
        digest = sha256(manifest)
        self.content[digest] = manifest
        for reference in ("v1", digest):
            self.manifests["synthetic/img%d" % k, reference] = digest

    def app(self, request):
        if request.path == "/_/requests":
            return Response(200, b"%d" % self.count)
        self.count += 1
        if self.delay:
            time.sleep(self.delay)
        match = PATH.match(request.path)
        if not match:
            return Response(200 if request.path == "/v2/" else 404, b"{}")
        repository, what = match.groups()
        if what.startswith("manifests/"):
            return self._manifest(request, repository, what[10:])
        if what == "blobs/uploads/":
            self.uploads += 1
            return Response(202, b"", {"Location": "/v2/%s/blobs/uploads/%x" % (repository, self.uploads), "Range": "0-0"})
        if what.startswith("blobs/uploads/"):
            return self._upload(request, repository)
        return self._blob(request, what[6:])

    def _upload(self, request, repository):
        if request.method != "PUT":
            return Response(202 if request.method == "PATCH" else 204, b"", {"Location": request.target})
        digest = sha256(request.body)
        if digest != request.query.get("digest"):
            return Response(400, b"{}")
        self.uploaded[digest] = len(request.body)
        return Response(201, b"", {"Location": "/v2/%s/blobs/%s" % (repository, digest), "Docker-Content-Digest": digest})

    def _blob(self, request, digest):
        value = self.content.get(digest)
        if value is None and digest in self.uploaded:
            value = bytes(self.uploaded[digest])  # never read in full: a probe asks for one byte
        if value is None:
            return Response(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}')
        data = layer_bytes(value) if isinstance(value, int) else value
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
        match = re.match(r"^bytes=(\d+)-(\d*)$", request.header("range", ""))
        if match:
            first, last = int(match.group(1)), int(match.group(2) or len(data) - 1)
            last = min(last, len(data) - 1)
            headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, len(data))
            return Response(206, data[first:last + 1], headers)
        return Response(200, data, headers)

    def _manifest(self, request, repository, reference):
        if request.method == "PUT":
            digest = sha256(request.body)
            self.content[digest] = request.body
            self.manifests[repository, reference] = self.manifests[repository, digest] = digest
            return Response(201, b"", {"Docker-Content-Digest": digest, "Location": request.target})
        digest = self.manifests.get((repository, reference))
        if digest is None:
            return Response(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown to registry"}]}')
        return Response(200, self.content[digest], {"Content-Type": MANIFEST, "Docker-Content-Digest": digest})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--layers", type=int, default=1000)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--empty", action="store_true")
    args = parser.parse_args()
    registry = Registry(0 if args.empty else args.images, args.layers, args.delay_ms / 1000)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    server = Server(registry.app).start()
    print(server.port, flush=True)
    done.wait()
    server.stop()


if __name__ == "__main__":
    main()

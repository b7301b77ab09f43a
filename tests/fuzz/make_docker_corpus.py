#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of corpus/docker_archive anew (findings beside them stay). The seeds are committed; this shows where they come from."""
import bz2
import gzip
import hashlib
import io
import json
import os
import tarfile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "docker_archive")
MT = "application/vnd.docker."
OCI = "application/vnd.oci.image."


def hexof(data):
    return hashlib.sha256(data).hexdigest()


def digest(data):
    return "sha256:" + hexof(data)


def to_json(value):
    return json.dumps(value, separators=(",", ":")).encode()


def blob(kind, data, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


def tar_of(members, form=tarfile.USTAR_FORMAT):
    """(name, bytes) is a file, (name, "->x") a symbolic link, (name, "=>x") a hard link, (name, None) a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, value in members:
            info = tarfile.TarInfo(name)
            if isinstance(value, bytes):
                info.size = len(value)
            elif value is None:
                info.type = tarfile.DIRTYPE
            else:
                info.type = tarfile.SYMTYPE if value.startswith("->") else tarfile.LNKTYPE
                info.linkname = value[2:]
            tar.addfile(info, io.BytesIO(value) if isinstance(value, bytes) else None)
    return out.getvalue()


def config(*layers):
    return to_json({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [digest(l) for l in layers]}})


def put(name, data):
    os.makedirs(HERE, exist_ok=True)
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)


def main():
    one, two = b"layer one", b"layer two"
    cfg = config(one, two, one)
    element = {"Config": hexof(cfg) + ".json", "RepoTags": ["x.example/a:1"], "Layers": ["1/layer.tar", "2/layer.tar", "3/layer.tar"]}
    old = [("1", None), ("1/layer.tar", one), ("2/layer.tar", two), ("3/layer.tar", "->../1/layer.tar"), (hexof(cfg) + ".json", cfg),
           ("manifest.json", to_json([element])), ("repositories", b"{}")]
    put("old", tar_of(old))
    put("old-gnu-hardlink", tar_of([(n, "=>1/layer.tar" if n[0] == "3" else v) for n, v in old], tarfile.GNU_FORMAT))
    put("old-gz", gzip.compress(tar_of(old), mtime=0))
    put("old-bz2", bz2.compress(tar_of(old)))
    small = config(two)
    second = {"Config": "c2", "RepoTags": ["x.example/b:1"], "Layers": ["2/layer.tar"]}
    put("old-two", tar_of(old[:-2] + [("c2", small), ("manifest.json", to_json([element, second]))]))
    packed = gzip.compress(two, mtime=0)
    path = lambda d: "blobs/sha256/" + hexof(d)  # noqa: E731
    sources = {digest(packed): blob(OCI + "layer.v1.tar+gzip", packed, annotations={"a": "b"})}
    put("sources", tar_of([(path(small), small), (path(packed), packed),
                           ("manifest.json", to_json([{"Config": path(small), "RepoTags": None, "Layers": [path(packed)], "LayerSources": sources}]))]))
    foreign = {digest(two): blob(MT + "image.rootfs.foreign.diff.tar.gzip", b"far", urls=["https://x.example/l"])}
    put("foreign", tar_of([("c", small), ("manifest.json", to_json([{"Config": "c", "Layers": ["gone"], "LayerSources": foreign}]))]))
    manifest = to_json({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": blob(OCI + "config.v1+json", small),
                        "layers": [blob(OCI + "layer.v1.tar+gzip", packed)]})
    index = to_json({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [blob(OCI + "manifest.v1+json", manifest)]})
    blobs = [(path(d), d) for d in (manifest, small, packed)]
    layout = ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    listed = lambda *entries: ("index.json", to_json({"schemaVersion": 2, "manifests": list(entries)}))  # noqa: E731
    name = lambda n: {"annotations": {"org.opencontainers.image.ref.name": n, "io.containerd.image.name": "x.example/b:" + n}}  # noqa: E731
    put("layout", tar_of([layout, listed(blob(OCI + "manifest.v1+json", manifest))] + blobs))
    put("layout-index", tar_of(blobs + [(path(index), index), listed(blob(OCI + "index.v1+json", index, **name("v")), blob(
        OCI + "manifest.v1+json", manifest, **name("1"))), layout], tarfile.PAX_FORMAT))
    put("layout-index-gz", gzip.compress(tar_of([layout, listed(blob(OCI + "index.v1+json", index))] + blobs + [(path(index), index)]), mtime=0))
    put("layout-link", tar_of([layout, listed(blob(OCI + "manifest.v1+json", manifest))] + blobs[:2] + [(path(packed), "->../../l"), ("l", packed)]))
    put("layout-missing", tar_of([layout, listed(blob(OCI + "manifest.v1+json", manifest))] + blobs[:2]))
    put("layout-empty", tar_of([layout, listed()] + old))
    put("loop", tar_of([("a", "->b"), ("b", "->a"), ("manifest.json", b'[{"Config":"a","Layers":[]}]')]))
    put("out", tar_of([("a", "->../../etc/passwd"), ("manifest.json", b'[{"Config":"a","Layers":[]}]')]))
    put("cut-gz", gzip.compress(tar_of(old), mtime=0)[:200])
    put("document", to_json([element, second]))
    put("document-sources", to_json([{"Config": "c", "RepoTags": None, "Layers": ["l"], "LayerSources": {**sources, **foreign}}]))
    put("document-case", b'[{"Config":"c","config":"d"}]')


if __name__ == "__main__":
    main()

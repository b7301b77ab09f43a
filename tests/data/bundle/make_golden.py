#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden bundles beside this file, by docs/bundle-format.md alone: nothing of the programs is used. The tests then demand that
the programs write the very same bytes. full.tar is the first bundle of a chain, next.tar builds on it and uses every field of the format.

Usage: make_golden.py            writes full.tar, full.json, next.tar, next.json here
       make_golden.py --check    only compares; exit status 1 when a file differs
"""
import hashlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
KINDS = ["manifest", "config", "layer"]


def digest(data, algorithm="sha256"):
    return algorithm + ":" + hashlib.new(algorithm, data).hexdigest()


def text(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# ---- tar ----

def octal(value, digits):
    return b"%0*o" % (digits, value)


def header(name, size, kind=b"0", prefix=b""):
    h = name.ljust(100, b"\0") + b"000644 \0" + b"000000 \0" + b"000000 \0"
    if size < 8 ** 11:
        h += octal(size, 11) + b" "
    elif size < 8 ** 12:
        h += octal(size, 12)
    else:
        h += b"\x80" + size.to_bytes(11, "big")
    h += b"00000000000 " + b" " * 8 + kind + bytes(100) + b"ustar\x0000" + bytes(64) + b"000000 \0" + b"000000 \0" + prefix.ljust(155, b"\0")
    h = h.ljust(512, b"\0")
    return h[:148] + octal(sum(h), 6) + b"\0 " + h[156:]


def record(key, value):
    length = len(key) + len(value) + 3
    while len(b"%d" % (length + len(b"%d" % length))) != len(b"%d" % length):
        length += 1
    length += len(b"%d" % length)
    return b"%d %s=%s\n" % (length, key, value)


def member_header(path, size):
    """One block, or three when a pax header has to stand before it: for the name of a SHA-512 blob, or 8 GiB and more."""
    name, prefix, records = path.encode(), b"", b""
    if len(name) > 100:
        records += record(b"path", name)
        prefix, name = name.rsplit(b"/", 1)
    if size >= 8 ** 11:
        records += record(b"size", b"%d" % size)
    if not records:
        return header(name, size)
    if prefix:
        extended = header((b"PaxHeader/" + name)[:97], len(records), b"x", prefix)
    else:
        folder, base = name.rsplit(b"/", 1)
        extended = header(folder + b"/PaxHeader/" + base, len(records), b"x")
    return extended + padded(records) + header(name[:98] if prefix else name, size, b"0", prefix)


def padded(data):
    return data + bytes(-len(data) % 512)


# ---- bundle.json ----

def array(key, lines):
    return '"%s":[\n%s],\n' % (key, "".join(",\n".join(lines) + "\n" if lines else ""))


def image_line(im, with_status=True):
    parts = ['"repository":' + text(im["repository"]), '"tag":' + text(im["tag"]), '"digest":' + text(im["digest"]), '"mediaType":' + text(im["mediaType"])]
    if "children" in im:
        parts.append('"children":' + text(im["children"]))
    if "original" in im:
        parts.append('"original":' + text(im["original"]))
    if with_status:
        parts.append('"status":' + text(im["status"]))
    return "{" + ",".join(parts + ['"source":' + text(im["source"]), '"size":%d' % im["size"]]) + "}"


def snapshot_of(images):
    lines = ["\t".join([i["repository"], i["tag"], i["digest"], i["mediaType"], ",".join(i.get("children", []))]) + "\n"
             for i in sorted(images, key=image_order) if i["status"] != "removed"]
    return digest("".join(lines).encode())


def image_order(im):
    return im["repository"].encode(), im["tag"].encode(), im["digest"] if not im["tag"] else ""


def index_json(images):
    lines = ['{"mediaType":%s,"digest":%s,"size":%d,"annotations":{"io.containerd.image.name":%s,"org.opencontainers.image.ref.name":%s}}' %
             (text(i["mediaType"]), text(i["digest"]), i["size"], text(i["source"]), text(i["repository"] + ":" + i["tag"]))
             for i in images if i["tag"] and i["status"] in ("new", "changed")]
    return ('{"schemaVersion":2,"mediaType":"%s","manifests":[\n' % INDEX + "".join(",\n".join(lines) + "\n" if lines else "") + "]}\n").encode()


def blob_line(b, numbers):
    line = '{"digest":%s,"size":%d,"mediaType":%s,"kind":%s,"repositories":%s,"travel":' % (
        text(b["digest"]), b["size"], text(b["mediaType"]), text(b["kind"]), text(sorted(numbers[r] for r in b["repositories"])))
    if "from" in b:
        return line + '"assumed","from":%s}' % text(sorted(numbers[r] for r in b["from"]))
    return line + '"carried","volume":1}'


def bundle_json(bundle):
    images = sorted(bundle["images"], key=image_order)
    blobs = sorted(bundle["blobs"], key=lambda b: (KINDS.index(b["kind"]), b["digest"]))
    holes = sorted(bundle["holes"], key=lambda h: tuple(h[k].encode() for k in ("repository", "tag", "source", "reason")))
    repositories = sorted({r for b in blobs for r in b["repositories"] + b.get("from", [])}, key=str.encode)
    numbers = {r: i for i, r in enumerate(repositories)}
    index = index_json(images)
    carried = [b for b in blobs if "from" not in b]
    out = "{\n\"bundleVersion\":1,\n\"site\":%s,\n\"chain\":%s,\n\"sequence\":%d,\n" % (text(bundle["site"]), text(bundle["chain"]), bundle["sequence"])
    out += '"parent":%s,\n"snapshot":%s,\n"features":[],\n"tool":%s,\n' % (text(bundle["parent"]), text(snapshot_of(images)), text(bundle["tool"]))
    out += array("bases", [text(b) for b in sorted(bundle["bases"])])
    out += array("repositories", [text(r) for r in repositories])
    out += array("images", [image_line(i) for i in images])
    out += array("holes", ['{"repository":%s,"tag":%s,"source":%s,"reason":%s}' % tuple(text(h[k]) for k in ("repository", "tag", "source", "reason"))
                           for h in holes])
    out += array("blobs", [blob_line(b, numbers) for b in blobs])
    out += '"volumes":[\n{"volume":1,"blobs":%d,"bytes":%d,"members":[{"name":"index.json","size":%d,"digest":"%s"}]}\n]\n}\n' % (
        len(carried), sum(b["size"] for b in carried), len(index), digest(index))
    return out.encode(), index, [b["digest"] for b in carried]


def bundle_tar(document, index, carried, contents):
    sig = ('{"digest":"%s","signatures":[]}' % digest(document)).encode().ljust(16384)
    out = b""
    for name, data in [("oci-layout", OCI_LAYOUT), ("bundle.json", document), ("bundle.sig", sig), ("index.json", index)]:
        out += member_header(name, len(data)) + padded(data)
    for d in carried:
        out += member_header("blobs/" + d.replace(":", "/"), len(contents[d])) + padded(contents[d])
    return out + bytes(1024)


# ---- the two examples ----

class Contents(dict):
    def add(self, data, media_type, algorithm="sha256"):
        d = digest(data, algorithm)
        self[d] = data
        return {"mediaType": media_type, "digest": d, "size": len(data)}

    def image(self, config, *layers, extra=""):
        return self.add(('{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]%s}' % (
            MANIFEST, text(config), ",".join(text(layer) for layer in layers), extra)).encode(), MANIFEST)

    def index(self, *children, extra=""):
        return self.add(('{"schemaVersion":2,"mediaType":"%s","manifests":[%s]%s}' % (
            INDEX, ",".join(text(c) for c in children), extra)).encode(), INDEX)


def line(repository, tag, what, status, source, **more):
    return dict(what, repository=repository, tag=tag, status=status, source=source, **more)


def blob(what, kind, *repositories, **more):
    return dict(what, kind=kind, repositories=list(repositories), **more)


def examples():
    c = Contents()
    one = c.add(b"layer one\n", LAYER)
    conf_a = c.add(b'{"architecture":"amd64","os":"linux"}', CONFIG)
    a = c.image(conf_a, one)
    full = {
        "site": "plant-7", "sequence": 1, "parent": None, "bases": [], "tool": "regexport 0.1.0", "holes": [],
        "images": [line("lab/held", "1", a, "new", "registry.example/lab/held:1"), line("team/app", "1.0", a, "new", "registry.example/team/app:1.0"),
                   line("team/app", "edge", a, "new", "registry.example/team/app:edge"), line("team/app", "old", a, "new", "registry.example/team/app:old")],
        "blobs": [blob(one, "layer", "lab/held", "team/app"), blob(conf_a, "config", "lab/held", "team/app"), blob(a, "manifest", "lab/held", "team/app")],
    }
    full["chain"] = hashlib.sha256(("plant-7\n" + snapshot_of(full["images"])).encode()).hexdigest()[:32]
    first = bundle_json(full)

    two = c.add(b"layer two\n", LAYER, "sha512")
    conf_b = c.add(b'{"architecture":"arm64","os":"linux"}', CONFIG)
    b = c.image(conf_b, one, two)
    elsewhere = {"mediaType": MANIFEST, "digest": digest(b"not chosen"), "size": 10}
    multi = c.index(b, elsewhere)
    original = digest(b"the index before it was pruned")
    pruned = c.index(b, extra=',"annotations":{"io.regferry.pruned-from":"%s"}' % original)
    note = c.image(conf_b, two, extra=',"subject":%s' % text(multi))
    both = ["mirror/multi", "team/app"]
    following = {
        "site": "plant-7", "chain": full["chain"], "sequence": 2, "parent": digest(first[0]), "bases": [snapshot_of(full["images"])],
        "tool": "regexport 0.1.0",
        "images": [line("lab/held", "1", a, "held", "registry.example/lab/held:1"),
                   line("mirror/multi", "", note, "new", "registry.example/multi@" + note["digest"]),
                   line("mirror/multi", "1", multi, "new", "registry.example/multi:1", children=[b["digest"]]),
                   line("mirror/pruned", "1", pruned, "new", "registry.example/multi:1", original=original),
                   line("team/app", "1.0", a, "unchanged", "registry.example/team/app:1.0"),
                   line("team/app", "edge", b, "changed", "registry.example/team/app:edge"),
                   line("team/app", "old", a, "removed", "registry.example/team/app:old")],
        "holes": [{"repository": "lab/held", "tag": "1", "source": "registry.example/lab/held:1", "reason": "the registry answers 503"},
                  {"repository": "lab/gone", "tag": "", "source": "registry.example/lab/gone", "reason": "no such \"repository\" \u00fc"}],
        "blobs": [blob(note, "manifest", "mirror/multi"), blob(multi, "manifest", "mirror/multi"), blob(pruned, "manifest", "mirror/pruned"),
                  blob(b, "manifest", "mirror/multi", "mirror/pruned", "team/app"), blob(conf_b, "config", "mirror/pruned", *both),
                  blob(two, "layer", "mirror/pruned", *both), blob(one, "layer", "mirror/pruned", *both, **{"from": ["lab/held", "team/app"]})],
    }
    second = bundle_json(following)
    return {"full.json": first[0], "full.tar": bundle_tar(*first, c), "next.json": second[0], "next.tar": bundle_tar(*second, c)}


def main():
    differ = 0
    for name, data in examples().items():
        path = os.path.join(HERE, name)
        if "--check" in sys.argv:
            with open(path, "rb") as f:
                differ |= f.read() != data
        else:
            with open(path, "wb") as f:
                f.write(data)
    return differ


if __name__ == "__main__":
    sys.exit(main())

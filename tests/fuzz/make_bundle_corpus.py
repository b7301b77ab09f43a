#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of bundle_json, bundle_file and snapshot anew from tests/data/bundle (findings beside them stay)."""
import hashlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data", "bundle")
sys.path.insert(0, DATA)
import make_golden as golden  # noqa: E402


def put(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def unescape(field):
    if field == r"\e":
        return ""
    text = re.sub(r"\\(x[0-9a-f]{2}|.)", lambda m: "\n" if m[1] == "n" else chr(int(m[1][1:], 16)) if len(m[1]) == 3 else m[1], field)
    return text.replace("@NUL@", "\0").replace("@LONG@", " " * 65450).replace("@FULL@", " " * 65000)


def edits(base):
    with open(os.path.join(DATA, "edits.table"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    for name, edit, code, _why, find, replace in rows:
        # All that is accepted, and of the rest what changes the shape of the document.
        if code == "OK" or "key" in edit or "line" in edit or "comma" in edit or "unknown" in edit:
            if "@LONG@" in replace or "@FULL@" in replace:
                continue
            text = base[name].replace(unescape(find).encode(), unescape(replace).encode().replace(b"@@", b"\xc3\x28"), 1)
            yield re.sub(r"[^a-z0-9]+", "-", edit), text


def snapshot_file(site, images, blobs, closures):
    lines = ['{"snapshotVersion":1,"site":"%s","snapshot":"%s","blobs":%d,"images":%d}' % (site, golden.snapshot_of(images), len(blobs), len(images))]
    lines += ['{"digest":"%s","size":%d,"kind":"%s","mediaType":"%s"}' % (b["digest"], b["size"], b["kind"], b["mediaType"]) for b in blobs]
    lines += ['{"image":%s,"closure":%s}' % (golden.image_line(i, False), json.dumps(c, separators=(",", ":"))) for i, c in zip(images, closures)]
    return ("\n".join(lines + ['{"end":true}']) + "\n").encode()


def main():
    base = golden.examples()
    for name, text in edits({"full": base["full.json"], "next": base["next.json"]}):
        put("bundle_json", name, text)
    for name in ("full", "next"):
        put("bundle_json", name, base[name + ".json"])
        put("bundle_file", name + ".tar", base[name + ".tar"])
        # bundle.json, NUL, and what stands behind bundle.sig
        tar, document = base[name + ".tar"], base[name + ".json"]
        behind = 1024 + 512 + len(golden.padded(document)) + 512 + 16384
        put("bundle_file", name + ".wrapped", document + b"\0" + tar[behind:])
    doc = json.loads(base["next.json"])
    images = [i for i in doc["images"] if i["status"] != "removed"]
    blobs = doc["blobs"]
    text = snapshot_file("plant-7", images, blobs, [list(range(k % len(blobs) + 1)) for k in range(len(images))])
    put("snapshot", "next", b"+" + text)
    put("snapshot", "next-with-checksum", b" " + text + ("sha256:%s\n" % hashlib.sha256(text).hexdigest()).encode())
    put("snapshot", "empty", b"+" + snapshot_file("a", [], [], []))
    put("snapshot", "end-only", b'+{"end":true}\n')


if __name__ == "__main__":
    main()

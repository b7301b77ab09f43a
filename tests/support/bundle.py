# SPDX-License-Identifier: Apache-2.0
"""A second reader of the bundle format, written from docs/bundle-format.md and sharing nothing with the programs: what they write
has to satisfy it. Bundle(path) checks the whole file and raises AssertionError at the first thing that is not as it has to be."""
import hashlib
import json
import os
import re

BLOCK = 512
SIG_SIZE = 16384
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def need(condition, text, *values):
    if not condition:
        raise AssertionError(text % values if values else text)


class Member:
    def __init__(self, name, header_at, at, size):
        self.name, self.header_at, self.at, self.size = name, header_at, at, size
        self.end = at + (size + BLOCK - 1) // BLOCK * BLOCK


def _number(field):
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
    text = field.rstrip(b"\0 ")
    return int(text, 8) if text else 0


def _pax(data):
    found = {}
    while data:
        length = int(data[:data.index(b" ")])
        key, _, value = data[data.index(b" ") + 1:length - 1].partition(b"=")
        found[key.decode()] = value.decode()
        data = data[length:]
    return found


def members_of(file):
    """The members of a tar, by its headers alone; ends at the two zero blocks, which must be the end of the file."""
    found, at, extra, start = [], 0, {}, None
    total = os.fstat(file.fileno()).st_size
    while True:
        file.seek(at)
        header = file.read(BLOCK)
        need(len(header) == BLOCK, "the tar ends inside a header at %d", at)
        if header == bytes(BLOCK):
            need(file.read(BLOCK) == bytes(BLOCK), "one zero block only, at %d", at)
            need(at + 2 * BLOCK == total, "bytes after the end blocks: %d of %d", at + 2 * BLOCK, total)
            return found
        start = at if start is None else start
        need(header[257:263] == b"ustar\0", "no ustar header at %d", at)
        checksum = sum(header[:148]) + 8 * 32 + sum(header[156:])
        need(_number(header[148:156]) == checksum, "wrong checksum of the header at %d", at)
        size, kind = _number(header[124:136]), header[156:157]
        if kind == b"x":
            file.seek(at + BLOCK)
            extra = _pax(file.read(size))
            at += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK
            continue
        need(kind in (b"0", b"\0"), "member type %r at %d", kind, at)
        for name, where in (("owner", slice(108, 116)), ("group", slice(116, 124)), ("time", slice(136, 148))):
            need(_number(header[where]) == 0, "%s is not 0 at %d", name, at)
        need(not header[157:257].strip(b"\0") and not header[265:329].strip(b"\0"), "a link or owner name at %d", at)
        name = extra.get("path") or header[:100].rstrip(b"\0").decode()
        prefix = header[345:500].rstrip(b"\0").decode()
        if prefix and "path" not in extra:
            name = prefix + "/" + name
        member = Member(name, start, at + BLOCK, int(extra.get("size", size)))
        need(member.end <= total, "%s passes the end of the file", name)
        file.seek(member.at + member.size)
        need(not file.read(member.end - member.at - member.size).strip(b"\0"), "padding after %s is not zero", name)
        found.append(member)
        at, extra, start = member.end, {}, None


class Bundle:
    def __init__(self, path):
        self.path = str(path)
        self.size = os.path.getsize(self.path)
        with open(self.path, "rb") as file:
            self.members = members_of(file)
            self._file = file
            self._check()
        self._file = None

    def read(self, member):
        with open(self.path, "rb") as file:
            file.seek(member.at)
            return file.read(member.size)

    def _bytes(self, member):
        self._file.seek(member.at)
        return self._file.read(member.size)

    def _check(self):
        names = [m.name for m in self.members]
        need(names[:4] == ["oci-layout", "bundle.json", "bundle.sig", "index.json"], "members begin with %s", names[:4])
        need(len(set(names)) == len(names), "a member is there twice")
        need(json.loads(self._bytes(self.members[0])) == {"imageLayoutVersion": "1.0.0"}, "oci-layout")
        raw = self._bytes(self.members[1])
        self.id = hashlib.sha256(raw).hexdigest()
        self.doc = json.loads(raw, object_pairs_hook=_no_duplicates)
        need(all(len(line) <= 65536 for line in raw.split(b"\n")), "a line of bundle.json passes 64 KiB")
        need(self.doc["bundleVersion"] == 1, "bundleVersion")
        need(self.doc["features"] == (["repair"] if "repairs" in self.doc else []), "features")
        sig = self._bytes(self.members[2])
        need(len(sig) == SIG_SIZE, "bundle.sig has %d bytes", len(sig))
        need(json.loads(sig) == {"digest": "sha256:" + self.id, "signatures": []}, "bundle.sig does not fit bundle.json")
        self._check_name()
        self._check_blobs(names[4:])
        self._check_index()

    def _check_name(self):
        name = os.path.basename(self.path)
        if re.search(r"-\d{6}-[0-9a-f]{12}-\d+of\d+\.tar$", name):
            want = "%s-%06d-%s-1of1.tar" % (self.doc["site"], self.doc["sequence"], self.id[:12])
            need(name == want, "the file is named %s, wanted %s", name, want)

    def _check_blobs(self, names):
        blobs = self.doc["blobs"]
        self.blobs = {b["digest"]: b for b in blobs}
        need(len(self.blobs) == len(blobs), "a blob is listed twice")
        self.carried = [b["digest"] for b in blobs if b["travel"] == "carried"]
        self.assumed = [b["digest"] for b in blobs if b["travel"] == "assumed"]
        order = {"manifest": 0, "config": 1, "layer": 2}
        need(blobs == sorted(blobs, key=lambda b: (order[b["kind"]], b["digest"])), "blobs are not in order")
        need(names == ["blobs/" + d.replace(":", "/") for d in self.carried], "members and carried blobs differ")
        repositories = self.doc["repositories"]
        for blob, member in zip([self.blobs[d] for d in self.carried], self.members[4:]):
            need(member.size == blob["size"], "%s has %d bytes, %d said", blob["digest"], member.size, blob["size"])
            algorithm, hexits = blob["digest"].split(":")
            need(hashlib.new(algorithm, self._bytes(member)).hexdigest() == hexits, "%s has other bytes", member.name)
            need(blob["repositories"] and all(0 <= r < len(repositories) for r in blob["repositories"]), "repositories")

    def _check_index(self):
        index = json.loads(self._bytes(self.members[3]), object_pairs_hook=_no_duplicates)
        need(index["schemaVersion"] == 2 and index["mediaType"] == OCI_INDEX, "index.json")
        self.index = {e["annotations"]["org.opencontainers.image.ref.name"]: e for e in index["manifests"]}
        want = {"%s:%s" % (i["repository"], i["tag"]): i["digest"] for i in self.images("new", "changed") if i["tag"]}
        need({n: e["digest"] for n, e in self.index.items()} == want, "index.json and images differ")
        if "repairs" in self.doc:
            need(all(i["status"] == "unchanged" for i in self.doc["images"]), "a repair changes an image")
        if not self.doc["bases"]:
            need(not self.assumed, "a full bundle assumes blobs")

    def images(self, *statuses):
        return [i for i in self.doc["images"] if not statuses or i["status"] in statuses]

    def names(self, *statuses):
        return sorted("%s:%s" % (i["repository"], i["tag"]) if i["tag"] else "%s@%s" % (i["repository"], i["digest"])
                      for i in self.images(*statuses))

    def carried_bytes(self):
        return sum(self.blobs[d]["size"] for d in self.carried)

    def boundaries(self):
        """Every offset where a header or a content starts or ends."""
        found = {0, self.size}
        for m in self.members:
            found |= {m.header_at, m.at, m.at + m.size, m.end}
        return sorted(found)


def _no_duplicates(pairs):
    found = dict(pairs)
    need(len(found) == len(pairs), "a key is there twice: %s", [k for k, _ in pairs])
    return found

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damage anywhere in a bundle is found before any write: truncation at every boundary, 200 random bit flips, foreign files."""
import os
import random
import shutil
import tarfile
import io

from common import Case, DAMAGED, images, main, references

FLIPS = int(os.environ.get("RF_FLIPS", "200"))


class Damage(Case):
    def setUp(self):
        super().setUp()
        sample = images.sample_set(1)
        source = self.scripted("source", seed=self.seed(sample))
        self.bundle = self.new_bundle("--host", source.host_flag(), *references(source, sample))
        self.far = self.scripted("far")
        self.to = ["--host", self.far.host_flag(), "--to", self.far.host]
        self.copy = self.work("copy", os.path.basename(self.bundle.path))

    def refused(self, note, *options):
        result = self.importer("apply", *self.to, *options, self.copy, status=range(0, 256))
        if result.status != DAMAGED:
            self.fail("%s: wanted status %d\n%s" % (note, DAMAGED, result.text()))
        if self.far.write_requests():
            self.fail("%s: something was written: %s" % (note, self.far.write_requests()[:3]))
        return result

    def test_truncated_at_each_boundary(self):
        points = set()
        for at in self.bundle.boundaries():
            points |= {p for p in (at - 1, at, at + 1) if 0 <= p < self.bundle.size}
        for at in sorted(points):
            shutil.copyfile(self.bundle.path, self.copy)
            os.truncate(self.copy, at)
            self.refused("cut at byte %d of %d" % (at, self.bundle.size))

    def test_bit_flips(self):
        chance = random.Random(20)
        with open(self.bundle.path, "rb") as f:
            good = bytearray(f.read())
        # Half of them over the whole file, half in everything that is not a blob's content: headers, frame, documents.
        frame = [i for a, b in self.frame_spans() for i in range(a, b)]
        for n in range(FLIPS):
            at = chance.randrange(len(good)) if n % 2 else chance.choice(frame)
            bit = 1 << chance.randrange(8)
            good[at] ^= bit
            with open(self.copy, "wb") as f:
                f.write(good)
            good[at] ^= bit
            self.refused("bit %d of byte %d" % (bit, at))

    def frame_spans(self):
        members = self.bundle.members
        spans = [(0, members[3].end)]
        for m in members[4:]:
            spans += [(m.header_at, m.at), (m.at + m.size, m.end)]
        return spans + [(members[-1].end, self.bundle.size)]

    def test_more_than_the_bundle(self):
        with open(self.bundle.path, "rb") as f:
            good = f.read()
        for note, data in (("a byte after", good + b"\0"), ("a block after", good + bytes(512)), ("twice", good + good),
                           ("a byte before", b"\0" + good)):
            with open(self.copy, "wb") as f:
                f.write(data)
            self.refused(note)

    def test_stream_writes_no_manifest_of_a_damaged_bundle(self):
        """--stream uploads blobs while it reads, but manifests and tags wait for the last verified byte."""
        with open(self.bundle.path, "rb") as f:
            data = bytearray(f.read())
        data[self.bundle.members[-1].at + 10] ^= 1
        with open(self.copy, "wb") as f:
            f.write(data)
        self.importer("apply", *self.to, "--stream", self.copy, status=DAMAGED)
        self.assertEqual(self.far.requests("PUT", "/manifests/"), [])
        self.assertEqual(self.far.state()["tags"], {})

    def test_foreign_files(self):
        with open(self.bundle.path, "rb") as f:
            head = f.read(2000)
        foreign = io.BytesIO()
        with tarfile.open(fileobj=foreign, mode="w") as tar:
            info = tarfile.TarInfo("../../etc/evil")
            info.size = 4
            tar.addfile(info, io.BytesIO(b"evil"))
        layout = self.work("layout.tar")
        with tarfile.open(layout, "w") as tar:
            tar.add(self.seed(images.sample_set(1)) + "/sample/app", ".")
        with open(layout, "rb") as f:
            layout = f.read()
        for note, data in (("empty", b""), ("text", b"hello, this is no bundle\n" * 100), ("zeros", bytes(20480)), ("gzip", b"\x1f\x8b\x08" + head),
                           ("foreign tar", foreign.getvalue()), ("another layout's tar", layout), ("only the head", head)):
            with open(self.copy, "wb") as f:
                f.write(data)
            for action in ("inspect", "verify", "apply"):
                args = self.to if action == "apply" else []
                result = self.importer(action, *args, self.copy, status=range(0, 256))
                self.assertEqual(result.status, DAMAGED, "%s of %s\n%s" % (action, note, result.text()))
                self.assertIn(self.copy, result.err, "the file is named")
        self.assertEqual(self.far.requests(), [], "nobody was asked anything")

    def test_not_a_regular_file(self):
        os.mkfifo(self.work("fifo"))
        os.symlink(self.bundle.path, self.work("link"))
        for name in ("fifo", "home", "absent"):
            result = self.importer("verify", self.work(name), status=range(1, 9), timeout=10)
            self.assertIn(self.work(name), result.err)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Same input, same base, same place in the chain: the same bytes, whatever the parallelism, the order of arguments, or the way out."""
import os

from common import Case, Bundle, images, main, references, PARTIAL, FAILED
from harness import file_digest, program, run


class SameBytes(Case):
    def setUp(self):
        super().setUp()
        self.first, self.second = images.sample_set(1), images.sample_set(2)
        self.source = self.scripted("source", seed=self.seed(self.first + self.second))
        self.hosts = ["--host", self.source.host_flag()]

    def pair(self, name, *options, order=lambda refs: refs):
        """A full and an incremental bundle, from a state folder of its own."""
        refs = order(references(self.source, self.first))
        full = self.new_bundle(*self.hosts, *options, *refs, state=name + "-state", out=name)
        more = self.new_bundle(*self.hosts, *options, *order(references(self.source, self.first + self.second)), state=name + "-state", out=name)
        return [(os.path.basename(b.path), file_digest(b.path)) for b in (full, more)]

    def test_parallel(self):
        one = self.pair("one", "--parallel", "1")
        self.assertEqual(one, self.pair("eight", "--parallel", "8"))
        self.assertEqual(one, self.pair("plain"))
        self.assertEqual(one, self.pair("reverse", order=lambda refs: refs[::-1]))
        self.assertEqual(one, self.pair("twice", order=lambda refs: refs + refs[:2]))

    def test_standard_output(self):
        wanted = self.pair("file")
        for i, (parallel, triples) in enumerate((("1", self.first), ("8", self.first + self.second))):
            path = self.work("stream", wanted[i][0])
            with open(path, "wb") as out:
                result = run([program("regexport"), "create", "--state", self.work("stream-state"), "-o", "-", "--parallel", parallel,
                              *self.hosts, *references(self.source, triples)], env=self.env, stdout=out)
            self.expect(result, 0)
            Bundle(path)
            self.assertEqual(file_digest(path), wanted[i][1])

    def test_where_it_runs_is_not_inside(self):
        """Another home, another folder, another time: the same bytes."""
        one = self.pair("one")
        self.env = dict(self.env, HOME=self.work.folder("another-home"), TZ="Asia/Tokyo", USER="somebody", HOSTNAME="elsewhere")
        self.assertEqual(one, self.pair("two"))

    def test_blob_lost_while_streaming_ends_the_run(self):
        """On standard output a layer that fails for good cannot become a hole any more."""
        layer = self.first[1][2].blobs[-1].digest
        lossy = self.scripted("lossy", {"rules": [{"match": {"method": "GET", "path": layer, "count": 0}, "action": {"type": "status", "status": 404}}]},
                              seed=self.seed(self.first, "lossy-seed"))
        with open(self.work("lost.tar"), "wb") as out:
            result = run([program("regexport"), "create", "--state", self.work("lossy-state"), "-o", "-", "--host", lossy.host_flag(),
                          *references(lossy, self.first)], env=self.env, stdout=out)
        self.expect(result, (FAILED, PARTIAL))
        if result.status == FAILED:
            self.assertIn(layer, result.err)
        history = run([program("regexport"), "history", "--state", self.work("lossy-state")], env=self.env)
        self.assertNotIn("000001-", history.out)


class Again(Case):
    def test_byte_for_byte(self):
        first, second = images.sample_set(1), images.sample_set(2)
        source = self.scripted("source", seed=self.seed(first + second))
        hosts = ["--host", source.host_flag()]
        made = [self.new_bundle(*hosts, *references(source, first)), self.new_bundle(*hosts, *references(source, first + second))]
        for bundle in made:
            self.export("--again", "sha256:" + bundle.id, *hosts, out="again")
            again = self.work("again", os.path.basename(bundle.path))
            self.assertEqual(file_digest(again), file_digest(bundle.path))
        # A short, unique beginning of the id is enough; an unknown one is named.
        self.export("--again", made[0].id[:12], *hosts, out="again-short")
        self.assertEqual([os.path.basename(p) for p in self.bundles("again-short")], [os.path.basename(made[0].path)])
        result = self.export("--again", "sha256:" + "0" * 64, *hosts, out="none", status=(1, 2))
        self.assertIn("0" * 64, result.err)

    def test_existing_files_are_not_overwritten(self):
        sample = images.sample_set(1)
        source = self.scripted("source", seed=self.seed(sample))
        hosts = ["--host", source.host_flag()]
        bundle = self.new_bundle(*hosts, *references(source, sample))
        with open(bundle.path, "r+b") as f:
            f.write(b"X")
        before = file_digest(bundle.path)
        result = self.export("--again", "sha256:" + bundle.id, *hosts, status=range(0, 9))
        self.assertEqual(file_digest(bundle.path), before, "an existing file is never overwritten")
        self.assertNotEqual(result.status, 0, "a file of that name with other bytes is not a success")


if __name__ == "__main__":
    main()

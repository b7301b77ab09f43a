#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One bad image is a hole, not a lost run: the rest travels, exit status 3 says so, the hole keeps what the far side has."""
import glob
import os
import re
import subprocess

from common import Case, DONE, PARTIAL, FAILED, Bundle, check_all, images, main, references, tagged
from harness import program, run, start_process, stop_process, wait_for


def rule(path, status=404, method=("GET",), **more):
    return {"match": {"method": list(method), "path": path, "count": 0, **more}, "action": {"type": "status", "status": status}}


class Holes(Case):
    def setUp(self):
        super().setUp()
        self.sample = images.sample_set(1)

    def source(self, *rules):
        return self.scripted("source", {"rules": list(rules)}, seed=self.seed(self.sample))

    def holes_of(self, source, *extra):
        bundle = self.new_bundle("--host", source.host_flag(), *references(source, self.sample), *extra, status=PARTIAL)
        holes = sorted("%s:%s" % (h["repository"], h["tag"]) for h in bundle.doc["holes"])
        return bundle, holes

    def test_unknown_tag(self):
        source = self.source()
        bundle, holes = self.holes_of(source, source.host + "/sample/app:absent")
        self.assertEqual(holes, ["sample/app:absent"])
        self.assertEqual(bundle.names("new"), sorted("%s:%s" % t[:2] for t in tagged(self.sample)))
        self.assertIn("sample/app:absent", bundle.result.err)

    def test_layer_that_the_plan_misses(self):
        layer = self.sample[4][2].blobs[-1].digest  # the chart's
        bundle, holes = self.holes_of(self.source(rule(layer, 404, ("GET", "HEAD"))))
        self.assertEqual(holes, ["charts/shop:0.1.0"])
        self.assertNotIn(layer, bundle.blobs)

    def test_layer_that_fails_while_writing(self):
        """HEAD finds it, GET does not: the plan is laid out again without the image, what was fetched is kept."""
        layer = self.sample[4][2].blobs[-1].digest
        source = self.source(rule(layer, 404))
        bundle, holes = self.holes_of(source)
        self.assertEqual(holes, ["charts/shop:0.1.0"])
        self.assertNotIn(layer, bundle.blobs)
        fetched = [l["path"] for l in source.requests("GET", "/blobs/") if l["status"] in (200, 206)]
        self.assertEqual(len(fetched), len(set(fetched)), "nothing is fetched twice")

    def test_layer_with_wrong_bytes(self):
        layer = self.sample[4][2].blobs[-1].digest
        source = self.scripted("source", {"rules": [{"match": {"method": "GET", "path": layer, "count": 0}, "action": {"type": "wrong_bytes"}}]},
                               seed=self.seed(self.sample))
        bundle, holes = self.holes_of(source)
        self.assertEqual(holes, ["charts/shop:0.1.0"])
        self.assertIn(layer, bundle.result.err)

    def test_a_registry_that_goes_away_makes_no_hole(self):
        """The network fails in the middle: the run ends and can be resumed, it does not carry what is left over."""
        big = images.image([images.random_layer("gone", 24 << 20)])
        seed = self.seed([("big/image", "1", big), *self.sample], "gone-seed")
        first = self.scripted("first", {"rules": [{"match": {"method": "GET", "path": big.blobs[-1].digest, "count": 0},
                                                   "action": {"type": "drip", "bytes": 1 << 18, "ms": 30}}]}, seed=seed)

        def command(registry):
            return [program("regexport"), "create", "--state", self.work("state"), "-o", self.work("out"), "--host",
                    "reg=near.example,hostname=%s,tls=disabled" % registry.host, "near.example/big/image:1", "near.example/sample/base:1"]

        process = start_process(command(first), env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for("a part of the layer", lambda: any(re.search(big.blobs[-1].digest + " [1-9]", open(path, encoding="ascii").read())
                                                    for path in glob.glob(self.work("out", "*.journal"))))
        stop_process(first.process)
        err = process.communicate(timeout=120)[1].decode()
        stop_process(process)
        self.assertEqual(process.returncode, FAILED, err)
        self.assertIn("goes on from here", err)
        self.assertEqual([n for n in os.listdir(self.work("out")) if n.endswith(".tar")], [])
        second = self.scripted("second", seed=seed)
        self.expect(run(command(second), env=self.env), DONE)
        again = [l["range"] or "" for l in second.requests("GET", big.blobs[-1].digest)]
        self.assertTrue(again and all(re.match(r"bytes=[1-9]", r) for r in again), again)

    def test_a_shared_layer_makes_all_its_images_holes(self):
        layer = self.sample[0][2].blobs[-1].digest  # the base layer
        bundle, holes = self.holes_of(self.source(rule(layer, 404)))
        self.assertEqual(holes, ["sample/app:latest", "sample/app:v1", "sample/base:1", "sample/cnab:v1", "sample/multi:v1"])
        self.assertEqual(bundle.names("new"), ["charts/shop:0.1.0"])

    def test_bundle_with_a_hole_is_applied(self):
        source = self.source()
        bundle, _ = self.holes_of(source, source.host + "/sample/app:absent")
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        for action in ("plan", "apply"):  # each says that something was to come and does not
            result = self.importer(action, *to, bundle.path, status=PARTIAL)
            self.assertRegex(result.out, r"(?m)^hole +sample/app:absent")
            self.assertIn("the connected side could not fetch 1 image ", result.err)
        check_all(far.client, tagged(self.sample))

    def test_a_hole_holds_the_old_line(self):
        """An image that cannot be fetched this time stays at the far side as the last bundle brought it."""
        second = images.sample_set(2)
        seed = self.seed(self.sample + second)
        source = self.scripted("good", seed=seed)
        bad_layer = second[1][2].blobs[-1].digest
        app = "/sample/app:%s=sample/app:current"
        full = self.new_bundle("--host", source.host_flag(), source.host + app % "v1", source.host + "/charts/shop:0.1.0")
        bad = self.scripted("bad", {"rules": [rule(bad_layer, 404, ("GET", "HEAD"))]}, seed=seed)
        more = self.new_bundle("--host", bad.host_flag(), bad.host + app % "v2", bad.host + "/charts/shop:0.2.0", status=PARTIAL)
        held = more.images("held")
        self.assertEqual([(i["repository"], i["tag"], i["digest"]) for i in held], [("sample/app", "current", self.sample[1][2].digest)])
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        self.apply(full, *to)
        self.apply(more, *to, status=PARTIAL)
        check_all(far.client, [("sample/app", "current", self.sample[1][2]), ("charts/shop", "0.2.0", second[4][2])])

        # When the image can be fetched again, it goes.
        later = self.new_bundle("--host", source.host_flag(), source.host + app % "v2", source.host + "/charts/shop:0.2.0")
        self.assertEqual(later.names("changed"), ["sample/app:current"])
        self.apply(later, *to)
        check_all(far.client, [("sample/app", "current", second[1][2])])

    def test_nothing_but_holes(self):
        source = self.source()
        result = self.export("--host", source.host_flag(), source.host + "/no/where:1", status=(FAILED, PARTIAL))
        self.assertIn("/no/where:1", result.err)
        for path in self.bundles():
            self.assertEqual(Bundle(path).images(), [])


if __name__ == "__main__":
    main()

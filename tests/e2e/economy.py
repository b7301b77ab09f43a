#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is not needed is not asked for: requests are counted where they arrive."""
import json
import os
import re

from common import Case, images, main, references


class Economy(Case):
    def test_nothing_changed(self):
        """One HEAD per tag, one referrers request per image when asked for, and a bundle of a line per image."""
        sample = list(images.small_images(40, unique_bytes=4_000_000, repositories=8))
        source = self.scripted("source", seed=self.seed(sample))
        refs = ["--host", source.host_flag(), *references(source, sample)]
        full = self.new_bundle(*refs)
        source.clear_log()
        same = self.new_bundle(*refs)
        log = [l for l in source.requests() if l["path"] != "/v2/"]
        self.assertEqual({(l["method"], bool(re.search("/manifests/v", l["path"]))) for l in log}, {("HEAD", True)}, log[:5])
        self.assertEqual(len(log), len(sample))
        self.assertEqual(same.names("unchanged"), full.names("new"))
        self.assertEqual(same.doc["blobs"], [])
        line = max(len(json.dumps(i)) for i in same.doc["images"])
        self.assertLess(same.size, 65536 + len(sample) * (line + 10))

        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        self.apply(full, *to)
        far.clear_log()
        self.apply(same, *to)
        self.assertEqual(far.write_requests(), [])

        source.clear_log()
        self.new_bundle("--referrers", *refs, state="export-state")
        asked = source.requests(path="/referrers/")
        self.assertLessEqual(len(asked), len({n.digest for _, _, n in sample}))

    def test_first_export_asks_once(self):
        """Each manifest and blob is fetched once, however many images share it; layers are looked at once by HEAD."""
        sample = list(images.small_images(30, unique_bytes=4_000_000, repositories=6))
        source = self.scripted("source", seed=self.seed(sample))
        bundle = self.new_bundle("--host", source.host_flag(), *references(source, sample))
        gets = [l["path"].rsplit("/", 1)[-1] for l in source.requests("GET", "/(blobs|manifests)/")]
        self.assertEqual(len([g for g in gets if g.startswith("sha256:")]), len({g for g in gets if g.startswith("sha256:")}), "fetched twice")
        layers = [d for d in bundle.carried if bundle.blobs[d]["kind"] == "layer"]
        heads = source.requests("HEAD", "/blobs/")
        self.assertLessEqual(len(heads), len(layers))
        sent = sum(l["sent"] for l in source.requests("GET", "/blobs/"))
        self.assertLessEqual(sent, sum(bundle.blobs[d]["size"] for d in bundle.carried))

    def test_import_uploads_once_and_mounts(self):
        sample = list(images.small_images(20, unique_bytes=4_000_000, repositories=5))
        source = self.scripted("source", seed=self.seed(sample))
        bundle = self.new_bundle("--host", source.host_flag(), *references(source, sample))
        far = self.scripted("far")
        self.apply(bundle, "--host", far.host_flag(), "--to", far.host)
        received = sum(l["received"] for l in far.requests(path="/blobs/uploads/"))
        self.assertLessEqual(received, bundle.carried_bytes(), "no byte goes up twice")
        self.assertTrue([l for l in far.requests("POST", "mount=") if l["status"] == 201])

    def test_stats_agree_with_the_log(self):
        sample = images.sample_set(1)
        source = self.scripted("source", seed=self.seed(sample))
        bundle = self.new_bundle("--stats", "--host", source.host_flag(), *references(source, sample))
        text = bundle.result.err + bundle.result.out
        self.assertRegex(text, r"\b%d\b" % len(source.requests()), "the number of requests is printed")
        far = self.scripted("far")
        result = self.apply(bundle, "--stats", "--host", far.host_flag(), "--to", far.host)
        self.assertRegex(result.err + result.out, r"\b%d\b" % len(far.requests()))

    def test_plan_moves_nothing(self):
        sample = images.sample_set(1)
        source = self.scripted("source", seed=self.seed(sample))
        result = self.export("--host", source.host_flag(), "--output", "json", *references(source, sample), action="plan")
        plan = json.loads(result.out)
        self.assertTrue(plan)
        layers = {b.digest for _, _, n in sample for b in n.blobs[1:]}
        self.assertFalse([l for l in source.requests("GET", "/blobs/") if l["path"].rsplit("/", 1)[-1] in layers], "a plan fetches no layer")
        self.assertEqual(self.bundles(), [])
        self.assertFalse(os.path.exists(self.work("out")))

    def test_base_and_full(self):
        first, second = images.sample_set(1), images.sample_set(2)
        source = self.scripted("source", seed=self.seed(first + second))
        hosts = ["--host", source.host_flag()]
        full = self.new_bundle(*hosts, *references(source, first))
        again = self.new_bundle("--full", *hosts, *references(source, first + second))
        self.assertEqual((again.assumed, again.doc["bases"]), ([], []))
        based = self.new_bundle("--base", full.doc["snapshot"], *hosts, *references(source, first + second))
        self.assertEqual(based.doc["bases"], [full.doc["snapshot"]])
        self.assertTrue(based.assumed)
        # A bundle file is a base as well, without any state.
        from_file = self.new_bundle("--base", full.path, *hosts, *references(source, first + second), state="fresh-state")
        self.assertEqual(set(from_file.carried), set(based.carried))


if __name__ == "__main__":
    main()

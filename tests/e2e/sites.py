#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One policy file for several sites: each gets its steps and platforms, and its bundles go where the file says."""
import json
import os

from common import Bundle, Case, FAILED, PARTIAL, USAGE, images, main

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "policy")


def layer(name):
    return images.random_layer(name, 3000)


class Sites(Case):
    def setUp(self):
        super().setUp()
        self.children = {a: images.image([layer(a)], platform="linux/" + a) for a in ("amd64", "arm64")}
        self.app = images.index(list(self.children.values()))
        self.tool = images.image([layer("tool")])
        root = self.seed([("app", "1", self.app), ("tool", "1", self.tool)])
        self.file = self.work("ferry.yml")
        with open(self.file, "w", encoding="utf-8") as f:
            f.write("""version: 1
sync:
- {source: 'ocidir://%s/app', type: repository, target: 'ocidir://%s/app'}
- {source: 'ocidir://%s/tool:1', type: image, target: 'ocidir://%s/tool:1'}
sites:
- {name: plant, to: 'ocidir://%s', platforms: [linux/arm64], sources: ['.*/app']}
- {name: office, to: 'ocidir://%s'}
""" % (root, self.work("synced"), root, self.work("synced"), self.work("plant"), self.work("office")))

    def blobs(self, site, repository):
        folder = os.path.join(self.work(site), repository, "blobs", "sha256")
        return set("sha256:" + n for n in os.listdir(folder)) if os.path.isdir(folder) else None

    def test_each_site_gets_its_own(self):
        for site in ("plant", "office"):
            bundle = self.new_bundle("-c", self.file, "--site", site, state="export-" + site, out="out-" + site)
            self.assertEqual(bundle.doc["site"], site)
            self.importer("apply", "-c", self.file, "--site", site, bundle.path, state="import-" + site)
        arm, amd = self.children["arm64"].digest, self.children["amd64"].digest
        self.assertIn(arm, self.blobs("plant", "app"))
        self.assertNotIn(amd, self.blobs("plant", "app"))
        self.assertIsNone(self.blobs("plant", "tool"))
        self.assertTrue({arm, amd} <= self.blobs("office", "app"))
        self.assertIn(self.tool.digest, self.blobs("office", "tool"))

    def test_to_goes_before_the_file(self):
        bundle = self.new_bundle("-c", self.file, "--site", "plant")
        self.importer("apply", "-c", self.file, "--site", "plant", "--to", "ocidir://" + self.work("other"), bundle.path)
        self.assertIsNone(self.blobs("plant", "app"))
        self.assertIsNotNone(self.blobs("other", "app"))

    def test_another_site_is_refused(self):
        self.assert_one_line(self.export("-c", self.file, "--site", "plan", status=USAGE), "it has plant, office")
        self.assert_one_line(self.export("-c", self.file, status=USAGE), "--site site", "it has plant, office")
        bundle = self.new_bundle("-c", self.file, "--site", "plant")
        self.assert_one_line(self.importer("apply", "-c", self.file, "--site", "plan", bundle.path, status=USAGE), "it has plant, office")
        self.assertEqual(self.importer("apply", "-c", self.file, "--site", "office", bundle.path, status=(6,)).out, "")

    def test_config_prints_what_was_understood(self):
        whole = self.program("regexport", "config", "-c", self.file).out
        self.assertEqual(whole, self.program("regimport", "config", "-c", self.file).out)
        self.assertIn("sites:\n- name: plant\n", whole)
        printed = self.work("printed.yml")
        with open(printed, "w", encoding="utf-8") as f:
            f.write(whole)
        self.assertEqual(self.program("regexport", "config", "-c", printed).out, whole, "it can be read again")
        one = self.program("regexport", "config", "-c", self.file, "--site", "plant").out
        self.assertEqual((one.count("- source:"), one.count("  - linux/arm64\n")), (1, 2))
        self.program("regexport", "config", status=USAGE)
        for name in sorted(n for n in os.listdir(SAMPLES) if n.endswith(".yml")):
            self.program("regimport", "config", "-c", os.path.join(SAMPLES, name))

    def test_bundle_says_how_bundles_are_written(self):
        """out, sparse and strict of the file; the command line goes before each."""
        with open(self.file, encoding="utf-8") as f:
            text = f.read()
        def write(file, more):
            with open(file, "w", encoding="utf-8") as f:
                f.write(text + more)
        write(self.file, "bundle: {out: '%s', sparse: prune, strict: true}\n" % self.work("told"))
        plain = ["-c", self.file, "--site", "plant"]
        def digest(folder, state, *args, **how):
            self.export(*plain, *args, state=state, **how)
            path, = self.bundles(folder)
            return Bundle(path).doc["images"][0]["digest"]
        pruned = digest("told", "a", out=None)
        self.assertNotEqual(pruned, self.app.digest, "an index of what is chosen")
        self.assertIn(pruned, self.export(*plain, action="plan", state="plan").out, "what the plan says is what the run does")
        self.assertEqual(digest("given", "b", out="given"), pruned)
        self.assertEqual(digest("kept", "c", "--sparse", "keep", out="kept"), self.app.digest)
        self.assertEqual(len(self.bundles("told")), 1)
        absent = "ocidir://%s:none=gone:1" % self.work("absent")
        self.assertIn("--strict", self.export(*plain, absent, state="d", out="strict", status=FAILED).err)
        self.assertEqual(self.bundles("strict"), [])
        self.export(*plain, absent, "--strict=false", state="e", out="holes", status=PARTIAL)
        write(self.file, "bundle: {sparse: no}\n")
        self.assert_one_line(self.export(*plain, state="f", status=USAGE), "bundle.sparse", "keep or prune")

    def test_regsync_reads_the_same_file(self):
        if not os.path.exists(os.path.join(os.environ["RF_BIN"], "regsync")):
            self.skipTest("regsync is not built")
        self.program("regsync", "once", "-c", self.file)
        with open(os.path.join(self.work("synced"), "app", "index.json"), encoding="utf-8") as f:
            self.assertEqual([e["digest"] for e in json.load(f)["manifests"]], [self.app.digest])
        for name in sorted(n for n in os.listdir(SAMPLES) if n.endswith(".yml")):
            self.program("regsync", "config", "-c", os.path.join(SAMPLES, name))


if __name__ == "__main__":
    main()

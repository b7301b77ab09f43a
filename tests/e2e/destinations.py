#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a destination is called: a layout by any of its names, from any working folder; and what is said when none is named."""
import json
import os

from common import Case, REFUSED, USAGE, images, main

KEEP_NONE = "retain:\n  graceTime: 0s\n  rules:\n  - keepNone: true\n"


class Destinations(Case):
    def setUp(self):
        super().setUp()
        nodes = [("app", str(n), images.image([images.random_layer("app%d" % n, 2000)])) for n in range(3)]
        root = self.seed(nodes)
        self.config = self.work("ferry.yml")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("version: 1\n" + KEEP_NONE)
        refs = ["ocidir://%s:%s=app:%s" % (os.path.join(root, "app"), t, t) for _, t, _ in nodes]
        self.first = self.new_bundle("-c", self.config, *refs)
        self.second = self.new_bundle("-c", self.config, *refs[:2])

    def known_by(self):
        with open(self.work("import-state", "applied.json"), encoding="utf-8") as f:
            return {b["to"] for b in json.load(f)["bundles"]}

    def test_a_layout_by_any_name(self):
        there = self.work.folder("there")
        os.symlink(there, self.work("link"))
        self.importer("apply", "--to", "ocidir://far/./images/", self.first.path, cwd=there)
        self.importer("apply", "--to", "ocidir://images", self.second.path, cwd=os.path.join(there, "far"))
        whole = os.path.join(there, "far", "images")
        self.assertEqual(self.known_by(), {"ocidir://" + whole})
        names = (("ocidir://far//images", there), ("ocidir://" + whole + "/", "/"), ("ocidir://../far/images", os.path.join(there, "far")),
                 ("ocidir://../there/far/images", there), ("ocidir://link/../there/far/images", self.work.path))
        for name, cwd in names:
            # no name gets past the rule against older bundles, and what was applied is known
            self.importer("apply", "--to", name, self.first.path, cwd=cwd, status=REFUSED)
            self.assertEqual(self.prune(name, cwd)["letGo"], 1, name)
        self.importer("apply", "--to", "ocidir://link/far/images", self.first.path, cwd=self.work.path)  # a link is a name of its own
        # the same words from another folder name another layout, of which nothing is known
        self.program("regimport", "prune", "--plan", "--state", self.work("import-state"), "--to", "ocidir://far/images", cwd=self.work.path, status=USAGE)

    def prune(self, name, cwd):
        result = self.program("regimport", "prune", "--plan", "--state", self.work("import-state"), "--to", name, "--output", "json", cwd=cwd)
        return json.loads(result.out)

    def test_no_destination(self):
        with open(self.work("sites.yml"), "w", encoding="utf-8") as f:
            f.write("version: 1\nsites:\n- {name: here, to: 'ocidir://%s'}\n- {name: there}\n" % self.work("here"))
        for args, said in (([], "write REGISTRY.*or ocidir://PATH$"), (["-c", self.config], "or ocidir://PATH$"),
                           (["-c", self.work("sites.yml")], "or --site, for what the policy file says"),
                           (["-c", self.work("sites.yml"), "--site", "there"], 'or "to" in the site')):
            self.assertRegex(self.importer("plan", *args, self.first.path, status=USAGE).err.strip(), "--to is missing: .*" + said)


if __name__ == "__main__":
    main()

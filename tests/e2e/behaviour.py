#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What else both programs promise: JSON for scripts, --stream, --check, images that left the list, order of bundles, full disks, locks."""
import json
import os
import subprocess

from common import BUSY, GROUND, NO_SPACE, Case, check_all, images, main, references, tagged
from harness import program, run, start_process, stop_process, wait_for


class Behaviour(Case):
    def setUp(self):
        super().setUp()
        # `latest` is in both and would be that of version two.
        self.first, self.second = ([t for t in images.sample_set(v) if t[1] != "latest"] for v in (1, 2))
        self.source = self.scripted("source", seed=self.seed(self.first + self.second))
        self.chart = next(n for r, _, n in self.first if r == "charts/shop")
        self.hosts = ["--host", self.source.host_flag()]

    def far_side(self, name="far", profile=None):
        far = self.scripted(name, profile)
        return far, ["--host", far.host_flag(), "--to", far.host]

    def test_json_for_scripts(self):
        """--output json gives one JSON document on stdout, whatever the command, with the ids and digests in it."""
        refs = references(self.source, self.first)
        plan = self.export("--output", "json", *self.hosts, *refs, action="plan").json()
        bundle = self.new_bundle("--output", "json", *self.hosts, *refs)
        made = bundle.result.json()
        self.assertIn(bundle.id, json.dumps(made))
        self.assertIn(bundle.id, json.dumps(plan), "a plan knows the bundle that it would make")
        history = self.export("--output", "json", action="history").json()
        self.assertIn(bundle.id, json.dumps(history))
        far, to = self.far_side()
        for action, args in (("inspect", []), ("verify", []), ("plan", to), ("apply", to)):
            result = self.importer(action, "--output", "json", *args, bundle.path)
            self.assertIn(bundle.id, json.dumps(result.json()), action)
        check_all(far.client, tagged(self.first))

    def test_json_tells_of_missing_ground(self):
        self.new_bundle(*self.hosts, *references(self.source, self.first))
        more = self.new_bundle(*self.hosts, *references(self.source, self.first + self.second))
        _, to = self.far_side()
        result = self.apply(more, "--output", "json", *to, status=GROUND)
        text = json.dumps(result.json())
        for digest in more.assumed:
            self.assertIn(digest, text)

    def test_stream(self):
        """One pass over a slow medium: the same result."""
        bundle = self.new_bundle(*self.hosts, *references(self.source, self.first))
        far, to = self.far_side()
        self.apply(bundle, "--stream", *to)
        check_all(far.client, tagged(self.first))

    def test_check_blobs_and_manifests(self):
        """An unchanged image that lost a blob at the far side: found by default, passed over with --check manifests."""
        self.apply(self.new_bundle(*self.hosts, *references(self.source, self.first)), *self.far_side()[1])
        full = self.bundles()[0]
        far, to = self.far_side("far-two")
        self.importer("apply", *to, full, state="two")
        same = self.new_bundle(*self.hosts, *references(self.source, self.first))
        victim = self.chart.blobs[-1].digest
        far.client.call("DELETE", "/v2/charts/shop/blobs/" + victim, want=(202,))
        far.clear_log()
        result = self.apply(same, *to, state="two", status=GROUND)
        self.assertIn(victim, result.out + result.err)
        self.assertIn("charts/shop:0.1.0", result.out + result.err)
        self.assertEqual(far.write_requests(), [])
        self.apply(same, *to, "--check", "manifests", state="two")

    def test_removed_images(self):
        """What left the list is told, and stays at the far side: deleting is not part of applying."""
        far, to = self.far_side()
        self.apply(self.new_bundle(*self.hosts, *references(self.source, self.first)), *to)
        fewer = [t for t in self.first if t[0] != "charts/shop"]
        bundle = self.new_bundle(*self.hosts, *references(self.source, fewer))
        self.assertEqual(bundle.names("removed"), ["charts/shop:0.1.0"])
        self.apply(bundle, *to)
        check_all(far.client, tagged(self.first))
        self.assertEqual([l for l in far.requests() if l["method"] == "DELETE"], [])

    def test_bundles_in_any_order_and_by_twos(self):
        """Content decides: a later bundle whose ground is there goes first; several on one command line go one after the other."""
        app = self.source.host + "/sample/app:%s=app:%s"
        one = self.new_bundle(*self.hosts, app % ("v1", "a"))
        two = self.new_bundle(*self.hosts, app % ("v1", "a"), self.source.host + "/charts/shop:0.1.0=chart:1")
        three = self.new_bundle(*self.hosts, app % ("v1", "a"), self.source.host + "/charts/shop:0.1.0=chart:1", app % ("v2", "b"))
        far, to = self.far_side()
        self.apply(one, *to)
        result = self.apply(three, *to, status=(0, GROUND))
        self.assertEqual(result.status, GROUND, "the chart of bundle two is part of the state that three describes")
        self.importer("apply", *to, two.path, three.path)
        check_all(far.client, [("app", "a", self.first[1][2]), ("app", "b", self.second[1][2]), ("chart", "1", self.chart)])

    def test_full_disk(self):
        """No room: said by its own status, nothing stands under the final name, and with room the same command finishes."""
        small = self.work.folder("small")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", small], capture_output=True, check=False).returncode != 0:
            self.skipTest("no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=False)
        args = [program("regexport"), "create", "--state", self.work("state"), "-o", os.path.join(small, "out"), *self.hosts,
                *references(self.source, self.first)]
        result = self.expect(run(args, env=self.env), NO_SPACE)
        self.assert_one_line(result, "free|space", "small")
        self.assertEqual([n for base, _, names in os.walk(small) for n in names if n.endswith(".tar")], [])
        subprocess.run(["mount", "-o", "remount,size=10m", small], check=True)
        self.expect(run(args, env=self.env), 0)

    def test_disk_that_fills_up_at_the_far_side(self):
        small = self.work.folder("small")
        bundle = self.new_bundle(*self.hosts, *references(self.source, self.first))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", small], capture_output=True, check=False).returncode != 0:
            self.skipTest("no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=False)
        to = ["--to", "ocidir://" + os.path.join(small, "far")]
        self.apply(bundle, *to, status=NO_SPACE)
        for base, _, names in os.walk(small):
            if "index.json" in names:
                with open(os.path.join(base, "index.json"), encoding="utf-8") as f:
                    self.assertEqual(json.load(f)["manifests"], [], "no tag of what is not there")
        subprocess.run(["mount", "-o", "remount,size=10m", small], check=True)
        self.apply(bundle, *to)

    def test_two_imports_at_once(self):
        bundle = self.new_bundle(*self.hosts, *references(self.source, self.first))
        _, to = self.far_side("far", {"rules": [{"match": {"count": 0, "path": "^/v2/"}, "action": {"type": "delay", "ms": 150}}]})
        args = [program("regimport"), "apply", "--state", self.work("state"), "--allow-unsigned", *to, bundle.path]
        process = start_process(args, env=self.env)
        try:
            wait_for("the first to take its lock", lambda: os.path.exists(os.path.join(self.work("state"), "lock")), 10)
            self.expect(run(args, env=self.env), BUSY)
        finally:
            stop_process(process)


if __name__ == "__main__":
    main()

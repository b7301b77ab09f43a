#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""regimport killed before each of its calls that change files, with layouts as destination: no tag moves before the tag step, each tag is old or new and
whole, a rerun finishes, and a rollback brings everything back. The same for rollback. One thing at a time, so that every run takes the same steps."""
import json
import os
import shutil

from common import Case, check_layout, images, main
from harness import program, run


class KillLayouts(Case):
    def setUp(self):
        super().setUp()
        layer = lambda name: images.random_layer(name, 700)
        base = layer("base")
        one = [("app", "now", images.image([base, layer("one")])), ("app", "old", images.image([base, layer("old")]))]
        two = [("app", "now", images.image([base, layer("two")])), one[1], ("new/lib", "1", images.image([base, layer("lib")]))]
        self.far, self.state = self.work("far"), self.work("state")
        self.old, self.new = ({(r, t): n for r, t, n in state} for state in (one, two))
        made = []
        for n, triples in enumerate((one, two)):
            root = self.seed(triples, "seed%d" % n)
            made.append(self.new_bundle(*["ocidir://%s:%s=%s:%s" % (os.path.join(root, r), t, r, t) for r, t, _ in triples]))
        self.bundle = made[1]
        self.killing = dict(self.env, LD_PRELOAD=os.path.join(os.path.dirname(program("regimport")), "tests", "e2e", "libkill_at.so"))
        # the checkers of memory want to be first, and are not
        self.killing["ASAN_OPTIONS"] = ":".join(filter(None, (self.env.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        self.expect(run(self.command("apply", "--allow-unsigned", made[0].path), env=self.env), 0)

    def command(self, action, *args):
        return [program("regimport"), action, "--state", self.state, "--parallel", "1", "--to", "ocidir://" + self.far, *args]

    def keep(self, name):
        """What is there now, for restore()."""
        for folder in (self.far, self.state):
            shutil.copytree(folder, self.work(name + os.path.basename(folder)))

    def restore(self, name):
        for folder in (self.far, self.state):
            shutil.rmtree(folder)
            shutil.copytree(self.work(name + os.path.basename(folder)), folder)

    def tags(self):
        found = {}
        for where, _, names in os.walk(self.far):
            if "index.json" not in names:
                continue
            with open(os.path.join(where, "index.json"), encoding="utf-8") as f:
                for entry in json.load(f)["manifests"]:
                    tag = entry.get("annotations", {}).get(images.REF_NAME)
                    if tag:
                        found[(os.path.relpath(where, self.far), tag)] = entry["digest"]
        return found

    def check(self, wanted, note):
        self.assertEqual(self.tags(), {k: n.digest for k, n in wanted.items()}, note)
        for (repository, tag), node in wanted.items():
            check_layout(os.path.join(self.far, repository), tag, node)

    def check_tags(self, before, after, note):
        """Each is old or new and whole; as soon as one is new, all of all images is there."""
        now, moved = self.tags(), 0
        for key in set(before) | set(after):
            old, new = before.get(key), after.get(key)
            node = new if now.get(key) == (new and new.digest) else old
            self.assertEqual(now.get(key), node and node.digest, "%s: %s is neither old nor new" % (note, key))
            moved += node is new and old is not new
            if node:
                check_layout(os.path.join(self.far, key[0]), key[1], node)
        for (repository, _), node in (after.items() if moved else ()):
            for digest in node.content():
                self.assertTrue(os.path.exists(os.path.join(self.far, repository, "blobs", *digest.split(":"))), "%s: %s lacks %s" % (note, repository, digest))
        return moved

    def sweep(self, command, before, after, behind=None):
        """Kills `command` at every step; `before` and `after` are the tags that it leads from and to."""
        moving = len([k for k in set(before) | set(after) if before.get(k) != after.get(k)])
        seen, most = {"old": 0, "mixed": 0, "new": 0}, 0
        self.keep("keep-")
        for at in range(1, 1000):
            if at > 1:
                self.restore("keep-")
            result = run(command, env=dict(self.killing, RF_KILL_AT=str(at)))
            if result.status == 0:
                break
            self.assertEqual(result.status, -9, result.text())
            note = "killed before call %d" % at
            moved = self.check_tags(before, after, note)
            self.assertGreaterEqual(moved, most, note + ": fewer tags moved than a step before")
            most = moved
            seen["old" if moved == 0 else "new" if moved == moving else "mixed"] += 1
            self.expect(run(command, env=self.env), 0, note)
            self.check(after, note)
            if behind:
                behind(note)
        self.assertEqual(result.status, 0, "it never ended")
        self.check(after, "undisturbed")
        self.assertGreater(seen["old"], 5)
        self.assertGreater(seen["mixed"], 0)
        print("\nkilled before each of %d calls: %s" % (at - 1, ", ".join("%d times %s tags" % (n, k) for k, n in seen.items())))

    def test_apply(self):
        def rollback(note):
            self.expect(run(self.command("rollback"), env=self.env), 0, note)
            self.check(self.old, note + ", and rolled back")
        self.sweep(self.command("apply", "--allow-unsigned", self.bundle.path), self.old, self.new, behind=rollback)

    def test_rollback(self):
        self.expect(run(self.command("apply", "--allow-unsigned", self.bundle.path), env=self.env), 0)
        self.sweep(self.command("rollback"), self.new, self.old)


if __name__ == "__main__":
    main()

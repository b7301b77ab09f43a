#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""regimport killed at 50 points: no tag moves before everything below it is there, each tag is wholly old or new, a rerun finishes."""
import hashlib
import json
import os
import shutil

from common import Case, check_all, closure_ok, images, main, references, tagged
from harness import program, run, tree_of

POINTS = int(os.environ.get("RF_KILLS", "50"))


class KillImport(Case):
    def two_bundles(self):
        self.first, second = images.sample_set(1), images.sample_set(2)
        source = self.scripted("source", seed=self.seed(self.first + second))
        hosts = ["--host", source.host_flag()]
        # `latest` moves with the second bundle.
        app = source.host + "/sample/app:%s=sample/app:latest"
        images_one = [r for r in references(source, self.first) if not r.endswith("app:latest")]
        images_two = [r for r in references(source, second) if not r.endswith("app:latest")]
        full = self.new_bundle(*hosts, *images_one, app % "v1")
        more = self.new_bundle(*hosts, *images_one, *images_two, app % "v2")
        self.final = {(r, t): n for r, t, n in tagged(self.first) + tagged(second)}
        self.before = {(r, t): n for r, t, n in tagged(self.first)}
        return full, more

    def test_registry(self):
        full, more = self.two_bundles()
        slow = {"rules": [{"match": {"count": 0, "path": "^/v2/"}, "action": {"type": "delay", "ms": 3}}]}
        took = None
        killed = seen_old = seen_new = 0
        for point in range(-1, POINTS):
            shutil.rmtree(self.work("state"), ignore_errors=True)
            with self.scripted_now("far%d" % point, slow) as far:
                to = ["--host", far.host_flag(), "--to", far.host]
                command = [program("regimport"), "apply", "--state", self.work("state"), "--allow-unsigned", *to]
                self.expect(run(command + [full.path], env=self.env), 0)
                if point < 0:
                    took = self.expect(run(command + [more.path], env=self.env), 0).seconds
                    continue
                result = run(command + [more.path], env=self.env, kill_after=took * (point + 0.5) / POINTS)
                killed += result.status == -9
                if result.status == 0:
                    took = min(took, result.seconds)  # this machine has become faster
                note = "killed after %.3f of %.3f s" % (result.seconds, took)
                moved = self.check_tags(far, note)
                seen_new += moved > 0
                seen_old += moved == 0
                self.expect(run(command + [more.path], env=self.env), 0, note)
                check_all(far.client, [(r, t, n) for (r, t), n in self.final.items()])
        self.assertGreater(killed, POINTS // 2, "most runs were really killed")
        self.assertGreater(seen_old, 0, "some were killed before the tags")

    def scripted_now(self, name, profile):
        from harness import ScriptedRegistry
        return ScriptedRegistry(self.work.folder(name), profile)

    def check_tags(self, far, note):
        """Every tag has its old or its new digest and everything below it. Returns how many have moved."""
        tags, moved = far.state()["tags"], 0
        for (repository, tag), node in self.final.items():
            now, old = tags.get(repository, {}).get(tag), self.before.get((repository, tag))
            self.assertIn(now, (None if old is None else old.digest, node.digest), "%s: %s:%s is neither old nor new" % (note, repository, tag))
            moved += now == node.digest and (old is None or old.digest != node.digest)
            if now:
                closure_ok(far.client, repository, tag)
        if moved:  # tags come last: everything of every image must be there by then
            for (repository, _), node in self.final.items():
                closure_ok(far.client, repository, node.digest)
        return moved

    def test_layout_tree(self):
        full, more = self.two_bundles()
        far, keep = self.work("far"), self.work("keep")
        command = [program("regimport"), "apply", "--state", self.work("state"), "--allow-unsigned", "--to", "ocidir://" + far]
        self.expect(run(command + [full.path], env=self.env), 0)
        shutil.copytree(far, keep)
        shutil.copytree(self.work("state"), self.work("keep-state"))
        took = self.expect(run(command + [more.path], env=self.env), 0).seconds
        wanted = self.content_of(far)
        for point in range(POINTS):
            for name in (far, self.work("state")):
                shutil.rmtree(name)
            shutil.copytree(keep, far)
            shutil.copytree(self.work("keep-state"), self.work("state"))
            result = run(command + [more.path], env=self.env, kill_after=took * (point + 0.5) / POINTS)
            note = "killed after %.4f of %.4f s" % (result.seconds, took)
            self.check_layouts(far, note)
            self.expect(run(command + [more.path], env=self.env), 0, note)
            now = self.content_of(far)
            differ = {n: (now.get(n), wanted.get(n)) for n in set(now) | set(wanted) if now.get(n) != wanted.get(n)}
            self.assertEqual(differ, {}, note + ": not as after an undisturbed run")

    def content_of(self, far):
        """Every file by its bytes; index.json by what it lists, since tags are set in parallel and carry the time."""
        found = {n: v for n, v in tree_of(far).items() if not n.endswith(".lock")}
        for name in found:
            if name.endswith("index.json"):
                with open(os.path.join(far, name), encoding="utf-8") as f:
                    entries = json.load(f)["manifests"]
                for entry in entries:
                    entry.get("annotations", {}).pop("org.opencontainers.image.created", None)
                found[name] = sorted(json.dumps(e, sort_keys=True) for e in entries)
        return found

    def check_layouts(self, far, note):
        for name in tree_of(far):
            path = os.path.join(far, name)
            with open(path, "rb") as f:
                data = f.read()
            if "/blobs/" in name:
                algorithm, hexits = name.split("/")[-2:]
                if len(hexits) in (64, 128):
                    self.assertEqual(hashlib.new(algorithm, data).hexdigest(), hexits, "%s: %s has other bytes" % (note, name))
            elif name.endswith("index.json"):
                for entry in json.loads(data)["manifests"]:
                    self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), "blobs", *entry["digest"].split(":"))),
                                    "%s: %s lists what is not there" % (note, name))


if __name__ == "__main__":
    main()

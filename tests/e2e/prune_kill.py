#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""regimport prune killed at every step, at a registry and in layouts: what stays is whole, a rerun ends where an uninterrupted run does, and no image is deleted whose
tag had not been away for the grace time."""
import json
import os
import shutil
import unittest

from common import Case, DONE, closure_ok, images, main
from harness import program, run, tree_of
import kill_at
from kill_steps import Killing, copy_of  # noqa: E402

RULES = "version: 1\nretain:\n  graceTime: %s\n  rules:\n  - keepNone: true\n"


class Killed(Case):
    """Two bundles, of which the second selects less; and a third, so that what a tag left in the second can go."""
    grace = "0s"

    def setUp(self):
        super().setUp()
        layer = lambda name: images.random_layer(name, 500)
        base = layer("base")
        image = lambda name, **how: images.image([base, layer(name)], **how)
        multi = images.index([image("m" + a, platform="linux/" + a) for a in ("amd64", "arm64")])
        self.a, self.b = image("a"), image("b")
        self.goes = {("app", "1"): image("1"), ("app", "2"): image("2"), ("app", "multi"): multi}
        self.stays = {("app", "now"): self.b, ("app", "3"): image("3")}
        self.signed = images.signature(self.goes["app", "1"])
        self.sign_kept = images.signature(self.b)

    def make(self):
        first = [(r, t, n) for (r, t), n in {**self.goes, **self.stays, ("app", "now"): self.a}.items()]
        config = self.work("ferry.yml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(RULES % self.grace)
        for number, triples in enumerate((first, list((r, t, n) for (r, t), n in self.stays.items()), None)):
            triples = triples or [(r, t, n) for (r, t), n in self.stays.items()]
            root = self.seed(triples + [("app", None, n) for n in (self.signed, self.sign_kept)
                                        if n is self.sign_kept and number or n is self.signed and not number], "seed%d" % number)
            refs = ["ocidir://%s/%s:%s=%s:%s" % (root, r, t, r, t) for r, t, _ in triples]
            how = ["--as-of", "2026-01-01"] if number == 2 else []
            bundle = self.new_bundle("-c", config, "--referrers", *how, *refs, out="out%d" % number)
            self.expect(run(self.command("apply", "--allow-unsigned", bundle.path), env=self.env), DONE)
            self.last = bundle
        candidates = {(c["repository"], c["tag"], c["digest"]) for c in self.last.doc["candidates"]}
        self.assertIn(("app", "", self.a.digest), candidates, "what the tag left")

    def command(self, action, *args):
        return [program("regimport"), action, "--state", self.work("state"), "--parallel", "1", *self.to, *args]

    def age(self):
        """The grace time passes. Returns what waited."""
        folder, waited = self.work("state"), set()
        for name in os.listdir(folder):
            if name.startswith("prune-"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as f:
                    doc = json.load(f)
                for m in doc["waiting"]:
                    m["untagged"] = "2020-01-01T00:00:00Z"
                    waited.add(m["digest"])
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(doc, f)
        return waited

    def remembered(self):
        """What the state has as there."""
        for name in os.listdir(self.work("state")):
            if name.startswith("prune-"):
                with open(os.path.join(self.work("state"), name), encoding="utf-8") as f:
                    return {image.rpartition("@")[2] for image in json.load(f)["brought"]["images"]}
        return None

    def gone(self):
        """Every manifest that is to go in the end."""
        nodes = [self.a, self.signed, *self.goes.values(), *self.goes["app", "multi"].children]
        return {n.digest for n in nodes}

    def check_whole(self, note):
        for (repository, tag), node in self.stays.items():
            self.assertEqual(self.tags().get(tag), node.digest, note)
            self.check_image(repository, node.digest)
        self.check_image("app", self.sign_kept.digest)

    def sweep_to_the_end(self):
        """Without a grace time: whatever moment it is killed at, the same command again finishes."""
        self.make()
        keep = self.save()
        self.expect(run(self.command("prune"), env=self.env), DONE)
        end = self.picture()
        self.assertEqual(self.manifests() & self.gone(), set())
        known = self.remembered()
        self.assertEqual(known & self.gone(), set())
        self.assertEqual(set(self.tags()), {t for _, t in self.stays})
        steps = 0
        for note in self.kill_each(keep):
            steps += 1
            self.check_whole(note)
            self.expect(run(self.command("prune"), env=self.env), DONE, note)
            self.check_whole(note)
            self.assertEqual((self.picture(), self.remembered()), (end, known), note)
        print("\n%d moments" % steps)
        self.assertGreater(steps, 10)

    def sweep_with_grace(self):
        """With a grace time: killed, then run again later. Only what had lost its tag by then is deleted, the rest waits from then on."""
        self.make()
        keep = self.save()
        early = 0
        for note in self.kill_each(keep):
            self.check_whole(note)
            self.assertEqual(self.manifests() & self.gone(), self.gone(), note + ": nothing is deleted early")
            tagged = set(self.tags().values())
            self.age()
            self.expect(run(self.command("prune"), env=self.env), DONE, note)
            there = self.manifests()
            for (_, tag), node in self.goes.items():
                if node.digest in tagged:
                    self.assertIn(node.digest, there, "%s: %s had its tag until now" % (note, tag))
                else:
                    early += 1
            self.check_whole(note)
            self.assertEqual(set(self.tags()), {t for _, t in self.stays}, note)
            self.age()
            self.expect(run(self.command("prune"), env=self.env), DONE, note)
            self.assertEqual((self.manifests() | self.remembered()) & self.gone(), set(), note)
            self.check_whole(note)
        self.assertGreater(early, 0)


class Registry(Killed):
    profile = {}
    sides = (False, True)

    def setUp(self):
        super().setUp()
        self.far = self.enter(Killing(self.profile))
        self.client = images.RegistryClient("http://" + self.far.host)
        self.to = ["--host", "reg=%s,tls=disabled" % self.far.host, "--to", self.far.host]

    def save(self):
        shutil.copytree(self.work("state"), self.work("keep-state"))
        return copy_of(self.far.store)

    def kill_each(self, keep):
        for at in range(1, 400):
            for late in self.sides:
                self.far.store = copy_of(keep)
                shutil.rmtree(self.work("state"))
                shutil.copytree(self.work("keep-state"), self.work("state"))
                self.far.arm(at, late)
                result = run(self.command("prune"), env=self.env, on_start=lambda p: setattr(self.far, "victim", p.pid))
                self.far.at = 0
                if result.status == 0:
                    return
                self.assertEqual(result.status, -9, result.text())
                yield "killed %s request %d" % ("after" if late else "before", at)
        self.fail("it never ended")

    def tags(self):
        return {t: d for t, d in self.far.store.tags.get("app", {}).items() if not t.startswith("sha256-")}

    def manifests(self):
        return set(self.far.store.manifests.get("app", {}))

    def check_image(self, repository, digest):
        closure_ok(self.client, repository, digest)

    def picture(self):
        return self.tags(), self.manifests()

    def test_to_the_end(self):
        self.sweep_to_the_end()


class RegistryByDigest(Registry):
    """It deletes no tags, only manifests: a tag goes by way of an empty image."""
    profile = {"options": {"tag_deletes": False}}
    sides = (True,)

    def manifests(self):
        return super().manifests() & (self.gone() | {n.digest for n in (*self.stays.values(), self.sign_kept)})


class RegistryGrace(Registry):
    grace = "1h"
    test_to_the_end = None

    def test_with_grace(self):
        self.sweep_with_grace()


@unittest.skipUnless(kill_at.available(), "ptrace is forbidden here")
class Layout(Killed):
    def setUp(self):
        super().setUp()
        self.far = self.work("far")
        self.to = ["--to", "ocidir://" + self.far]
        self.env["ASAN_OPTIONS"] = "detect_leaks=0"  # the leak check of sanitizer builds needs ptrace itself

    def save(self):
        for name, folder in (("state", self.work("state")), ("far", self.far)):
            shutil.copytree(folder, self.work("keep-" + name))
        return None

    def kill_each(self, _keep):
        for at in range(1, 400):
            for late in (False, True):
                for name, folder in (("state", self.work("state")), ("far", self.far)):
                    shutil.rmtree(folder)
                    shutil.copytree(self.work("keep-" + name), folder)
                status, seen = kill_at.run_killed(self.command("prune"), self.env, at, late)
                if status == 0:
                    self.assertLess(seen, at)
                    return
                self.assertEqual(status, -9)
                yield "killed %s change %d" % ("after" if late else "before", at)
        self.fail("it never ended")

    def index(self):
        with open(os.path.join(self.far, "app", "index.json"), encoding="utf-8") as f:
            return json.load(f)["manifests"]

    def tags(self):
        named = {e.get("annotations", {}).get("org.opencontainers.image.ref.name"): e["digest"] for e in self.index()}
        return {t: d for t, d in named.items() if t and not t.startswith("sha256-")}

    def manifests(self):
        return {"sha256:" + name for name in os.listdir(os.path.join(self.far, "app", "blobs", "sha256"))}

    def check_image(self, repository, digest):
        self.program("regctl", "manifest", "get", "ocidir://%s/%s@%s" % (self.far, repository, digest), "--format", "raw-body")
        doc = json.loads(open(os.path.join(self.far, repository, "blobs", *digest.split(":")), encoding="utf-8").read())
        for entry in doc.get("manifests", []):
            self.check_image(repository, entry["digest"])
        for blob in ([doc["config"]] if "config" in doc else []) + doc.get("layers", []):
            self.assertEqual(os.path.getsize(os.path.join(self.far, repository, "blobs", *blob["digest"].split(":"))), blob["size"])

    def picture(self):
        return tree_of(self.far)

    def test_to_the_end(self):
        self.sweep_to_the_end()


@unittest.skipUnless(kill_at.available(), "ptrace is forbidden here")
class LayoutGrace(Layout):
    grace = "1h"
    test_to_the_end = None

    def test_with_grace(self):
        self.sweep_with_grace()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""regimport killed at each request in turn, before the registry acts on it and after: no tag moves before the tag step, each tag is old or new and whole,
a rerun finishes. The same for rollback. One request at a time, so that every run takes the same steps."""
import copy
import os
import shutil
import signal
import time

from common import Case, check_all, closure_ok, images, main
from harness import program, run
from httpd import Hangup
from scripted_registry import ScriptedRegistry, Store


class Killing(ScriptedRegistry):
    """Kills its client at request number `at`: before it acts on it, or after, instead of answering."""

    def __init__(self, profile=None):
        self.at = self.count = 0
        self.after, self.victim = False, None
        super().__init__(profile)

    def arm(self, at, after):
        self.at, self.after, self.count, self.victim = at, after, 0, None

    def _app(self, request, origin):
        if not request.path.startswith("/v2/"):
            return super()._app(request, origin)
        self.count += 1
        if self.count != self.at:
            return super()._app(request, origin)
        if self.after:
            super()._app(request, origin)
        end = time.monotonic() + 60
        while self.victim is None and time.monotonic() < end:
            time.sleep(0.001)
        os.kill(self.victim, signal.SIGKILL)
        raise Hangup()


def copy_of(store):
    """Another registry's memory with the same in it; content is never changed in place."""
    fresh = Store()
    fresh.content = dict(store.content)
    for name in ("blobs", "manifests", "tags", "uploads"):
        setattr(fresh, name, copy.deepcopy(getattr(store, name)))
    return fresh


class KillSteps(Case):
    def setUp(self):
        super().setUp()
        layer = lambda name: images.random_layer(name, 700)
        base = layer("base")
        one = [("app", "now", images.image([base, layer("one")])), ("app", "old", images.image([base, layer("old")]))]
        two = [("app", "now", images.image([base, layer("two")])), one[1],
               ("new/multi", "1", images.index([images.image([base, layer("m" + a)], platform="linux/" + a) for a in ("amd64", "arm64")]))]
        self.states, self.bundles_made = (one, two), []
        for n, triples in enumerate(self.states):
            root = self.seed(triples, "seed%d" % n)
            self.bundles_made.append(self.new_bundle(*["ocidir://%s:%s=%s:%s" % (os.path.join(root, r), t, r, t) for r, t, _ in triples]))

    def command(self, action, *args):
        return [program("regimport"), action, "--state", self.work("state"), "--parallel", "1",
                "--host", "reg=%s,tls=disabled" % self.far.host, "--to", self.far.host, *args]

    def sweep(self, command, before, after, sides=(False, True)):
        """Kills `command` at every step, from the same beginning; `before` and `after` are the tags that it leads from and to."""
        keep = copy_of(self.far.store)
        shutil.copytree(self.work("state"), self.work("keep-state"))
        moving = {k for k in set(before) | set(after) if before.get(k) != after.get(k)}
        steps = seen_old = seen_mixed = seen_new = 0
        for at in range(1, 400):
            for late in sides:
                self.far.store = copy_of(keep)
                shutil.rmtree(self.work("state"))
                shutil.copytree(self.work("keep-state"), self.work("state"))
                self.far.arm(at, late)
                result = run(command, env=self.env, on_start=lambda p: setattr(self.far, "victim", p.pid))
                self.far.at = 0
                if result.status == 0:
                    self.assertLess(self.far.count, at)
                    self.assertGreater(seen_old, 5)
                    self.assertGreater(seen_mixed + seen_new, 0)
                    print("\n%d steps, killed before or after: %d times all tags were old, %d times some, %d times all new"
                          % (steps, seen_old, seen_mixed, seen_new))
                    return
                self.assertEqual(result.status, -9, result.text())
                note = "killed %s request %d" % ("after" if late else "before", at)
                moved = self.check_tags(before, after, note)
                seen_old, seen_mixed, seen_new = (seen_old + (moved == 0), seen_mixed + (0 < moved < len(moving)), seen_new + (moved == len(moving)))
                self.expect(run(command, env=self.env), 0, note)
                self.assertEqual(self.tags(), {k: n.digest for k, n in after.items()}, note)
                check_all(self.client, [(r, t, n) for (r, t), n in after.items()])
            steps += 1
        self.fail("it never ended")

    def tags(self):
        return {(r, t): d for r, tags in self.far.store.tags.items() for t, d in tags.items()}

    def check_tags(self, before, after, note):
        now, moved = self.tags(), 0
        for key in set(before) | set(after):
            old, new = (n.get(key) and n[key].digest for n in (before, after))
            # a tag that is on its way out may point to an empty image for a moment, where registries delete by digest only
            if now.get(key) not in (old, new) and not (new is None and not self.far.options.get("tag_deletes", True)):
                self.fail("%s: %s is %s, neither old nor new" % (note, key, now.get(key)))
            moved += now.get(key) == new and old != new
            if now.get(key):
                closure_ok(self.client, *key)
        if moved:  # tags come last: by then all of every image is there
            for (repository, _), node in after.items():
                closure_ok(self.client, repository, node.digest)
        return moved

    def start(self, profile=None):
        self.far = self.enter(Killing(profile))
        self.client = images.RegistryClient("http://" + self.far.host)
        self.old, self.new = ({(r, t): n for r, t, n in state} for state in self.states)
        self.expect(run(self.command("apply", "--allow-unsigned", self.bundles_made[0].path), env=self.env), 0)

    def test_apply(self):
        self.start()
        self.sweep(self.command("apply", "--allow-unsigned", self.bundles_made[1].path), self.old, self.new)

    def test_apply_streamed(self):
        self.start()
        self.sweep(self.command("apply", "--stream", "--allow-unsigned", self.bundles_made[1].path), self.old, self.new, sides=(True,))

    def test_rollback(self):
        self.start()
        self.expect(run(self.command("apply", "--allow-unsigned", self.bundles_made[1].path), env=self.env), 0)
        self.sweep(self.command("rollback"), self.new, self.old)

    def test_rollback_by_empty_images(self):
        self.start({"options": {"tag_deletes": False}})
        self.expect(run(self.command("apply", "--allow-unsigned", self.bundles_made[1].path), env=self.env), 0)
        self.sweep(self.command("rollback"), self.new, self.old, sides=(True,))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""regexport killed at 50 points: no half bundle ever stands under a final name, and the same command again gives the same bytes."""
import glob
import os
import re
import shutil
import subprocess

from common import Case, images, main, references, Bundle
from harness import file_digest, program, run, start_process, stop_process, wait_for

POINTS = int(os.environ.get("RF_KILLS", "50"))


class KillExport(Case):
    def setUp(self):
        super().setUp()
        self.sample = images.sample_set(1) + [("big/one", "1", images.image([images.random_layer("kill-%d" % i, 400_000) for i in range(4)]))]
        # Answers take a while, so that the points fall into every phase.
        self.source = self.scripted("source", {"rules": [
            {"match": {"method": "GET", "path": "/blobs/", "count": 0}, "action": {"type": "drip", "bytes": 40_000, "ms": 4}},
            {"match": {"count": 0}, "action": {"type": "delay", "ms": 3}}]}, seed=self.seed(self.sample))
        self.args = ["--host", self.source.host_flag(), *references(self.source, self.sample)]

    def command(self, *extra):
        return [program("regexport"), "create", "--state", self.work("state"), "-o", self.work("out"), *extra, *self.args]

    def forget(self):
        shutil.rmtree(self.work("state"), ignore_errors=True)
        shutil.rmtree(self.work("out"), ignore_errors=True)

    def test_killed_anywhere(self):
        wanted = self.new_bundle(*self.args, state="undisturbed-state", out="undisturbed")
        name, digest = os.path.basename(wanted.path), file_digest(wanted.path)
        took = min(self.expect(run(self.command(), env=self.env), 0).seconds for _ in range(2) if self.forget() is None)
        killed, fetched_again = 0, 0
        for point in range(POINTS):
            self.forget()
            result = run(self.command(), env=self.env, kill_after=took * (point + 0.5) / POINTS)
            killed += result.status == -9
            if result.status == 0:
                took = min(took, result.seconds)  # this machine has become faster
            if result.status == 0 or "carried " in result.out:
                continue  # it had told its end; the same command again is a new bundle then
            note = "killed after %.3f of %.3f s" % (result.seconds, took)
            found = [n for n in (os.listdir(self.work("out")) if os.path.isdir(self.work("out")) else []) if n.endswith(".tar")]
            for tar in found:
                self.assertEqual(file_digest(self.work("out", tar)), digest, note + ": a half bundle under its final name")
            self.source.clear_log()
            self.expect(run(self.command(), env=self.env), 0, note)
            self.check_final(name, digest, note)
            fetched_again += sum(l["sent"] for l in self.source.requests("GET", "/blobs/") if "failure" not in l)
        self.assertGreater(killed, POINTS // 2, "most runs were really killed")
        whole = wanted.carried_bytes()
        self.assertLess(fetched_again / POINTS, whole, "a rerun goes on where the killed run stopped")

    def check_final(self, name, digest, note):
        names = os.listdir(self.work("out"))
        self.assertEqual(names, [name], note + ": wanted the one bundle and nothing beside it")
        self.assertEqual(file_digest(self.work("out", name)), digest, note + ": other bytes than an undisturbed run")
        history = run([program("regexport"), "history", "--state", self.work("state")], env=self.env)
        self.expect(history, 0, note)
        self.assertEqual(len(re.findall(r"\b%s[0-9a-f]{52}\b" % name.rsplit("-", 2)[1], history.out)), 1, note + "\n" + history.text())

    def test_resumed_within_a_blob(self):
        """A rerun asks for the rest of a large blob, not for all of it."""
        big = images.image([images.random_layer("resume", 24 << 20)])
        source = self.scripted("slow", {"rules": [{"match": {"method": "GET", "path": "/blobs/", "count": 0},
                                                   "action": {"type": "drip", "bytes": 1 << 18, "ms": 30}}]}, seed=self.seed([("big/image", "1", big)], "slow-seed"))
        command = [program("regexport"), "create", "--state", self.work("state"), "-o", self.work("out"), "--host", source.host_flag(), source.host + "/big/image:1"]
        layer = big.blobs[-1]
        process = start_process(command, env=self.env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for("the journal to tell of a part of the layer", lambda: any(
            re.search(layer.digest + r" [1-9]", open(path, encoding="ascii").read()) for path in glob.glob(self.work("out", "*.journal"))))
        process.kill()
        stop_process(process)
        source.clear_log()
        self.expect(run(command, env=self.env), 0)
        bundle = Bundle(self.bundles()[0])
        self.assertEqual(bundle.names("new"), ["big/image:1"])
        # An answer to the killed run may be logged late: it is marked by its broken connection.
        again = [l for l in source.requests("GET", "/blobs/") if layer.digest in l["path"] and "failure" not in l]
        self.assertTrue(again and all(re.match(r"bytes=[1-9]", l["range"] or "") for l in again), again)
        self.assertLessEqual(sum(l["sent"] for l in again), len(layer.data) - 1)

    def test_the_recorded_plan_is_resumed(self):
        """Tags are as they were when the killed run resolved them; --replan looks again."""
        run(self.command(), env=self.env, kill_after=0.25)
        if not os.path.isdir(self.work("state")):
            self.skipTest("killed before anything was recorded")
        partial = [n for n in os.listdir(self.work("out"))] if os.path.isdir(self.work("out")) else []
        newer = images.image([images.random_layer("moved", 5000)])
        images.push(self.source.client, "sample/app", "latest", newer)
        self.expect(run(self.command(), env=self.env), 0)
        old = dict((i["repository"] + ":" + i["tag"], i["digest"]) for i in Bundle(self.bundles()[0]).images())
        if any(n.endswith(".partial") for n in partial):
            self.assertNotEqual(old["sample/app:latest"], newer.digest)
        shutil.rmtree(self.work("state"))
        shutil.rmtree(self.work("out"))
        run(self.command(), env=self.env, kill_after=0.25)
        self.expect(run(self.command("--replan"), env=self.env), 0)
        new = dict((i["repository"] + ":" + i["tag"], i["digest"]) for i in Bundle(self.bundles()[0]).images())
        self.assertEqual(new["sample/app:latest"], newer.digest)


if __name__ == "__main__":
    main()

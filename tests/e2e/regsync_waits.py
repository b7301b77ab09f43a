# SPDX-License-Identifier: Apache-2.0
"""regsync and rate limits: who waits holds nobody up, an index near the limit, what a check says of what goes along; and settings that cannot be used."""
import json
import signal

from common import harness, images, main
from regsync import FAILED, NEEDED, OK, Sync, lines_of, small
from regsync_server import Running, metric


def left(remaining, limit=100):
    """A registry that says so, whatever is pulled."""
    said = {"RateLimit-Limit": "%d;w=21600" % limit, "RateLimit-Remaining": "%d;w=21600" % remaining}
    return {"about": "so many pulls left", "rules": [{"match": {"method": ["GET", "HEAD"], "path": "/v2/", "count": 0},
                                                      "action": {"type": "headers", "set": said}}]}


class Waits(Sync):
    def steps(self, a, b, c):
        """The first waits for ever, the second is of another registry."""
        return [{"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image", "interval": "1s", "ratelimit": {"min": 19}},
                {"source": c.host + "/other", "target": b.host + "/other", "type": "repository", "interval": "1s"}]

    def three(self, remaining=7, limit=100):
        a = self.scripted("a", left(remaining, limit), self.seed([("app", "1", small("w-app"))], "seed-a"))
        c = self.scripted("c", None, self.seed([("other", "1", small("w-other"))], "seed-c"))
        return a, self.scripted("b"), c

    def test_once(self):
        a, b, c = self.three()
        config = self.config(self.steps(a, b, c), (a, b, c))
        with open(self.work("log"), "wb") as log:
            process = harness.start_process([harness.program("regsync"), "once", "-c", config], env=self.env, stderr=log)
        self.addCleanup(harness.stop_process, process)
        harness.wait_for("the other step", lambda: "other" in b.state()["tags"])
        process.send_signal(signal.SIGTERM)
        self.assertNotEqual(process.wait(15 * harness.SLOW), 0)
        with open(self.work("log"), encoding="utf-8") as f:
            told = [l.get("msg") for l in lines_of(f.read())]
        self.assertEqual(told[:3], ["Image sync needed", "Delaying for rate limit", "Image sync needed"])
        self.assertNotIn("app", b.state()["tags"])

    def test_the_first_failure_ends_the_waiting(self):
        a, b, c = self.three()
        steps = self.steps(a, b, c)
        steps[1]["source"] = c.host + "/none"
        done = self.sync(self.config(steps, (a, b, c)), "--abort-on-error", status=FAILED)
        self.assertEqual(len([l[None] for l in done.log if l.get(None)]), 1, done.err)
        self.assertNotIn("Failed to sync", self.messages(done))

    def test_server(self):
        a, b, c = self.three()
        config = self.config(self.steps(a, b, c), (a, b, c))
        s = Running(self, config, "--listen", ":0")
        s.wait_line("Delaying for rate limit")
        s.wait("the schedule of the other step", lambda: metric(s.page("/metrics")[2], "regsync_step_runs_total", step="1") >= 3)
        told = json.loads(s.page("/status")[2])["steps"]
        self.assertEqual([t["step"] for t in told], [0, 1])
        self.assertEqual((told[0]["running"], told[0]["runs"]), (True, 0))
        # A file without the step that waits: it is over, and the rest goes on.
        self.config(self.steps(a, b, c)[1:], (a, b, c))
        s.process.send_signal(signal.SIGHUP)
        s.wait_line("Configuration reloaded")
        began = metric(s.page("/metrics")[2], "regsync_step_runs_total", step="0")
        s.wait("the new file", lambda: metric(s.page("/metrics")[2], "regsync_step_runs_total", step="0") >= began + 2)
        status, seconds = s.stop()
        self.assertEqual(status, OK, s.text())
        self.assertLess(seconds, 15 * harness.SLOW)
        self.assertNotIn("ERROR", s.text())

    def test_a_reload_lets_the_waiting_step_go(self):
        a, b, c = self.three()
        steps = self.steps(a, b, c)
        config = self.config(steps, (a, b, c))
        s = Running(self, config)
        s.wait_line("Delaying for rate limit")
        steps[0]["ratelimit"] = {"min": 2}
        self.config(steps, (a, b, c))
        s.process.send_signal(signal.SIGHUP)
        s.wait("the step that waited", lambda: "app" in b.state()["tags"])
        s.stop()

    def test_many_steps_that_wait(self):
        """Threads are bounded by what waits, and the order of steps is kept."""
        a, b, c = self.three()
        first, last = self.steps(a, b, c)
        steps = [dict(first, target="%s/app%d:1" % (b.host, i)) for i in range(100)] + [last]
        s = Running(self, self.config(steps, (a, b, c)))
        s.wait("the last step", lambda: "other" in b.state()["tags"], seconds=60)
        needed = [l["target"] for l in lines_of(s.text()) if l.get("msg") == "Image sync needed"]
        self.assertEqual(needed[:100], ["%s/app%d:1" % (b.host, i) for i in range(100)])
        self.assertLess(s.stop()[1], 15 * harness.SLOW)

    def test_more_than_the_whole_limit(self):
        a, b, c = self.three(7, 10)
        s = Running(self, self.config(self.steps(a, b, c)[:1], (a, b, c)))
        told = s.wait_line("ratelimit.min is above the whole limit of the source, nothing is copied")[0]
        self.assertEqual((told["level"], told["step-min"], told["source-limit"]), ("WARN", "19", "10"))
        self.assertRegex(told["step"], r"regsync\.yml:1:[0-9]+: sync\[0\]$")
        s.stop()

    def test_an_index_near_the_limit(self):
        multi = images.index([small("near%d" % i, "linux/arch%d" % i) for i in range(12)])
        a = self.scripted("a", {"about": "counts", "options": {"pulls": {"limit": 20, "remaining": 20}}, "rules": []},
                          self.seed([("app", "1", multi)]))
        b = self.scripted("b")
        step = {"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image", "ratelimit": {"min": 15}}
        done = self.sync(self.config([step], (a, b)), "-v", "debug")
        self.assertEqual([l["source-remain"] for l in done.log if l.get("msg") == "Rate limit passed"], ["20", "19"])
        harness.check_all(b.client, [("app", "1", multi)])

    def test_the_whole_limit_is_to_be_left(self):
        """One image for each window, an index and one of its images, too."""
        multi = images.index([small("hub1"), small("hub2", "linux/arm64")])
        for more in ({}, {"platform": "linux/arm64"}):
            a = self.scripted("a%d" % len(more), {"about": "counts", "options": {"pulls": {"limit": 100, "remaining": 100}}, "rules": []},
                              self.seed([("app", "1", multi)], "seed%d" % len(more)))
            b = self.scripted("b%d" % len(more))
            step = {"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image", "ratelimit": {"min": 100}, **more}
            self.assertNotIn("Delaying for rate limit", self.messages(self.sync(self.config([step], (a, b)))))
            self.assertIn("1", b.state()["tags"]["app"])


class Checks(Sync):
    def check(self, config, needed, outcome):
        told = self.sync(config, "--output", "json", "--exit-code", command="check", status=NEEDED if needed else OK)
        self.assertEqual(told.json()["needed"], needed, told.text())
        self.assertEqual([i["outcome"] for i in told.json()["steps"][0]["images"]], [outcome])
        return told

    def test_what_goes_along(self):
        app = images.index([small("along"), small("along2", "linux/arm64")])
        sign = images.artifact("application/x.sign", [("text/plain", b"signed")], subject=app)
        note = images.artifact("application/x.note", [("text/plain", b"of the signature")], subject=sign)
        tag = "sha256-%s.sig" % app.digest.split(":")[1]
        old = images.artifact("application/x.old", [("text/plain", b"old")])
        a, b = self.two(seed=[("app", "1", app), ("app", tag, old)])
        step = {"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image", "referrers": True, "digestTags": True}
        config = self.config([step], (a, b))
        self.check(config, 1, "needed")
        self.sync(config)
        told = self.check(config, 0, "unchanged")
        self.assertIn("Image refreshing", self.messages(told))  # as upstream says it, which does not look
        for more in (sign, note):
            images.push(a.client, "app", None, more)
            self.check(config, 1, "refreshNeeded")
            self.sync(config)
            self.check(config, 0, "unchanged")
        images.push(a.client, "app", tag, images.artifact("application/x.old", [("text/plain", b"newer")]))
        self.check(config, 1, "refreshNeeded")
        self.sync(config)
        self.check(config, 0, "unchanged")
        # Elsewhere, and not there yet.
        step.update(referrerTarget=b.host + "/signatures", digestTags=False)
        config = self.config([step], (a, b))
        self.check(config, 1, "refreshNeeded")
        self.sync(config)
        self.check(config, 0, "unchanged")
        step.update(forceRecursive=True)
        self.check(self.config([step], (a, b)), 0, "mayDiffer")

    def test_hooks_are_no_matter(self):
        a, b = self.two(seed=[("app", "1", small("hk"))])
        step = {"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image", "hooks": {"pre": {"type": "command", "params": ["false"]}}}
        config = self.config([step], (a, b))
        self.assertEqual(self.messages(self.sync(config, command="check"), "WARN"), [])
        self.assertEqual(self.messages(self.sync(config), "WARN"), ["Hooks are only run with --hooks"])


class Settings(Sync):
    def test_a_bad_certificate_stops_its_registry_alone(self):
        a, b = self.two(seed=[("app", "1", small("cert"))])
        steps = [{"source": "bad.example/app:1", "target": b.host + "/bad:1", "type": "image"},
                 {"source": a.host + "/app", "target": b.host + "/app", "type": "repository"},
                 {"source": a.host, "target": "bad.example/below", "type": "registry"}]
        config = self.config(steps, (a, b))
        with open(config, encoding="utf-8") as f:
            text = json.load(f)
        text["creds"].insert(1, {"registry": "bad.example", "regcert": "no certificate"})
        with open(config, "w", encoding="utf-8") as f:
            json.dump(text, f, indent=1)
        done = self.sync(config, status=FAILED)
        warned = self.line(done, "Settings of the registry cannot be used")
        self.assertEqual((warned["level"], warned["registry"]), ("WARN", "bad.example"))
        lines = [l[None] for l in done.log if None in l]
        self.assertEqual(len(lines), 2, done.err)
        for line in lines:
            self.assertRegex(line, r"regsync\.yml:8:3: creds\[1\]: .*regcert: not in PEM form")
        self.assertIn("app", b.state()["tags"])
        self.assertIn("regcert", self.sync(config, "--strict", status=FAILED).err)

    def test_words_about_keys(self):
        a, b = self.two(seed=[("app", "v1", small("keys"))])
        step = {"source": a.host + "/app", "target": b.host + "/app", "type": "repository", "parallel": 2, "tags": {"allow": [None, "v1"]}}
        config = self.config([step], (a, b))
        done = self.sync(config)
        told = self.line(done, "Unknown key in the configuration is passed over")
        self.assertEqual((told["key"], told["belongs-to"]), ("parallel", "defaults"))
        self.assertEqual(self.line(done, "Empty element of a list is passed over")["in"], "sync[0].tags.allow[0]")
        self.assertEqual(set(b.state()["tags"]["app"]), {"v1"})
        self.assertIn('it belongs to "defaults"', self.sync(config, "--strict", status=FAILED).err)

    def test_a_registry_that_takes_no_sparse_index(self):
        multi = images.index([small("sp1"), small("sp2", "linux/arm64")])
        a, b = self.two(None, "sparse-refused", [("app", "1", multi)])
        step = {"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image", "platforms": ["linux/amd64"]}
        done = self.sync(self.config([step], (a, b)), status=FAILED)
        self.assertIn("leave `platforms` out", done.err)
        self.assertNotIn("pruned", done.err)

    def test_steps_keep_their_numbers_in_shares(self):
        a, b = self.two(seed=[("r%d" % i, "1", small("n%d" % i)) for i in range(6)])
        steps = [{"source": "%s/r%d" % (a.host, i), "target": "%s/r%d" % (b.host, i), "type": "repository", "interval": "1m"} for i in range(6)]
        config = self.config(steps, (a, b))
        servers = [Running(self, config, "--listen", ":0", "--shard", "%d/2" % k) for k in (1, 2)]
        for s in servers:
            s.wait("the file", lambda s=s: s.page("/status")[0] == 200)
        pages = [json.loads(s.page("/status")[2])["steps"] for s in servers]
        told = {t["step"]: t["source"] for page in pages for t in page}
        self.assertEqual(told, {i: "%s/r%d" % (a.host, i) for i in range(6)})
        for s, page in zip(servers, pages):
            text = s.page("/metrics")[2]
            for t in page:
                self.assertIsNotNone(metric(text, "regsync_step_runs_total", step=str(t["step"]), source=t["source"]))
            s.stop()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""regsync server: first pass, schedule, reload, stop, pages for watchers, hooks, shares; and that it neither grows nor leaves descriptors open."""
import http.client
import json
import os
import re
import signal
import sys
import threading
import time

from common import harness, images, main
from regsync import FAILED, OK, Sync, lines_of, small

sys.path.insert(0, os.path.join(harness.ROOT, "tests", "support"))
from httpd import Response, Server  # noqa: E402


class Running:
    """A server started by a test; ends with it."""

    program_name = "regsync"

    def __init__(self, case, config, *args):
        self.log_path = case.work("server-%d.log" % len(os.listdir(case.work("."))))
        with open(self.log_path, "wb") as log:
            self.process = harness.start_process([harness.program(self.program_name), "server", "-c", config, "-v", "debug", *args],
                                                 env=case.env, stderr=log, stdout=log)
        case.addCleanup(harness.stop_process, self.process)

    def text(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def wait(self, what, check, seconds=30):
        def look():
            if self.process.poll() is not None:
                raise AssertionError("the server has ended before %s\n%s" % (what, self.text()))
            return check()
        try:
            return harness.wait_for(what, look, seconds)
        except AssertionError as e:
            raise AssertionError("%s\n%s" % (e, self.text())) from None

    def wait_line(self, message, count=1, **how):
        return self.wait(message, lambda: [l for l in lines_of(self.text()) if l.get("msg") == message][count - 1:], **how)

    def stop(self, number=signal.SIGTERM):
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(30 * harness.SLOW)
        return status, time.monotonic() - began

    @property
    def address(self):
        return self.wait_line("Listening")[0]["address"]

    def page(self, path, method="GET"):
        host, port = self.address.rsplit(":", 1)
        c = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            c.request(method, path)
            r = c.getresponse()
            return r.status, r.getheader("Content-Type"), r.read().decode("utf-8")
        finally:
            c.close()

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def memory(self):
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def metric(text, name, **labels):
    for line in text.splitlines():
        if re.split("[{ ]", line)[0] == name and all('%s="%s"' % pair in line for pair in labels.items()):
            return int(line.rsplit(" ", 1)[1])
    return None


class Serving(Sync):
    def step(self, a, b, name, **more):
        return {"source": "%s/%s" % (a.host, name), "target": "%s/%s" % (b.host, name), "type": "repository", "interval": "1s", **more}

    def test_first_pass_then_schedule_then_stop(self):
        one, two = small("one"), small("two")
        a, b = self.two(seed=[("app", "1", one)])
        images.push(b.client, "app", "0", two)
        config = self.config([self.step(a, b, "app"), {"source": a.host + "/app:1", "target": b.host + "/b:1", "type": "image"},
                              {**self.step(a, b, "app"), "target": b.host + "/never", "schedule": "0 0 30 2 *"}], (a, b))
        s = Running(self, config, "--listen", ":0")
        self.assertEqual(s.wait_line("Schedule has no time that ever comes")[0]["target"], b.host + "/never")
        self.assertEqual(s.wait_line("No schedule or interval found, ignoring")[0]["level"], "ERROR")
        s.wait("the first pass", lambda: b.state()["tags"].get("app", {}).get("1") == one.digest)
        self.assertEqual(s.wait_line("Scheduled task")[0]["source"], a.host + "/app")
        s.wait("the step without schedule", lambda: "b" in b.state()["tags"])
        images.push(a.client, "app", "1", two)
        s.wait("the schedule", lambda: b.state()["tags"]["app"]["1"] == two.digest)
        s.wait_line("Running task", 2)
        status, seconds = s.stop()
        self.assertEqual(status, OK, s.text())
        self.assertLess(seconds, 15 * harness.SLOW)
        self.assertIn("Stopping server", s.text())

    def test_reload(self):
        a, b = self.two(seed=[("one", "1", small("r1")), ("two", "1", small("r2"))])
        config = self.config([self.step(a, b, "one")], (a, b))
        s = Running(self, config, "--listen", "127.0.0.1:0")
        s.wait("three runs", lambda: (metric(s.page("/metrics")[2], "regsync_step_runs_total", step="0") or 0) >= 3)
        with open(config, "w", encoding="utf-8") as f:
            f.write("sync: [\n")
        s.process.send_signal(signal.SIGHUP)
        told = s.wait_line("Failed to reload the configuration, the old one stays in force")[0]
        self.assertIn("regsync.yml:", told["error"])
        before = s.text().count("Running task")
        s.wait("the old file at work", lambda: s.text().count("Running task") > before)
        self.config([self.step(a, b, "one"), self.step(a, b, "two")], (a, b))
        s.process.send_signal(signal.SIGHUP)
        s.wait_line("Configuration reloaded")
        s.wait("the new step", lambda: "two" in b.state()["tags"])
        s.wait("numbers of both", lambda: metric(s.page("/metrics")[2], "regsync_step_runs_total", step="1"))
        text = s.page("/metrics")[2]
        self.assertGreaterEqual(metric(text, "regsync_step_runs_total", step="0"), 3)  # what was known is kept
        self.assertEqual(metric(text, "regsync_reloads_total"), 1)
        self.assertEqual(metric(text, "regsync_failed_reloads_total"), 1)
        self.assertEqual(s.stop(signal.SIGINT)[0], OK)

    def test_steps_that_cannot_be_run(self):
        """They are errors of the server, told once, and the others run; in a file that is read again they leave the old one in force."""
        good = small("sv-good")
        a, b = self.two(seed=[("app", "1", good)])
        steps = [self.step(a, b, "app"), {**self.step(a, b, "app"), "target": b.host + "/late", "schedule": "daily"},
                 {**self.step(a, b, "app"), "target": b.host + "/never", "interval": 5},
                 {**self.step(a, b, "app"), "target": b.host + "/nowhere", "schedule": "CRON_TZ=No/Where 0 6 * * *"}]
        config = self.config(steps, (a, b))
        s = Running(self, config)
        s.wait_line("Running task", 2)
        wrong = [l["error"] for l in s.wait_line("Failed to schedule cron")]
        self.assertRegex(wrong[0], r"^%s:1:[0-9]+: sync\[1\]\.schedule: .*5 fields" % re.escape(config))
        self.assertRegex(wrong[1], r"^%s:1:[0-9]+: sync\[3\]\.schedule: .*No/Where" % re.escape(config))
        self.assertEqual([l for l in lines_of(s.text()) if l.get("level") == "WARN"], [])
        self.assertEqual(set(b.state()["tags"]), {"app", "late", "nowhere"})  # the first pass knows no schedules
        self.config(steps[:3], (a, b))
        s.process.send_signal(signal.SIGHUP)
        told = s.wait_line("Failed to reload the configuration, the old one stays in force")[0]
        self.assertIn("sync[2].interval", told["error"])
        self.assertEqual(s.stop()[0], FAILED)
        told = [l[None] for l in lines_of(s.text()) if None in l]
        self.assertEqual([re.search(r"sync\[[0-9]\]\.[a-z]+", l).group(0) for l in told], ["sync[2].interval", "sync[1].schedule", "sync[3].schedule"])

    def test_a_folder_of_layouts(self):
        good, late = small("sv-tree"), small("sv-late")
        images.write_tree(self.work.folder("disk"), [("team/app", "1", good)])
        b = self.scripted("b")
        s = Running(self, self.config([{"source": "ocidir://" + self.work("disk"), "target": b.host, "type": "registry", "interval": "1s"}], (b,)), "--listen", ":0")
        s.wait("the first pass", lambda: b.state()["tags"].get("team/app", {}).get("1") == good.digest)
        images.write_layout(self.work.folder("new"), [("1", late)])
        os.rename(self.work("new"), self.work("disk/new"))
        s.wait("what came later", lambda: b.state()["tags"].get("new", {}).get("1") == late.digest)
        runs = lambda: metric(s.page("/metrics")[2], "regsync_step_runs_total", step="0") or 0
        before = runs()
        s.wait("the end of a run", lambda: runs() > before)  # none is reading there now
        os.rename(self.work("disk"), self.work("away"))
        s.wait_line("Failed to list source repositories")
        os.rename(self.work("away"), self.work("disk"))
        self.assertEqual(s.stop()[0], FAILED)
        self.assertEqual([l[None].split(": ")[-1] for l in lines_of(s.text()) if None in l], ["no such folder"])

    def test_pages(self):
        rule = {"about": "limits", "rules": [{"match": {"path": "/manifests/", "count": 0}, "action": {
            "type": "headers", "set": {"RateLimit-Limit": "200;w=21600", "RateLimit-Remaining": "150;w=21600"}}}]}
        a, b = self.two(rule, None, [("app", "1", small("m1")), ("app", "2", small("m2"))])
        config = self.config([self.step(a, b, "app"), self.step(a, b, "none")], (a, b))
        s = Running(self, config, "--listen", ":0")
        s.wait_line("Running task")
        s.wait("a success", lambda: metric(s.page("/metrics")[2], "regsync_step_last_success_timestamp_seconds", step="0"))
        s.wait("a failure", lambda: metric(s.page("/metrics")[2], "regsync_step_errors_total", step="1"))
        status, content_type, text = s.page("/metrics")
        self.assertEqual((status, content_type), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertEqual(metric(text, "regsync_step_copies_total", source=a.host + "/app"), 2)
        self.assertEqual(metric(text, "regsync_step_ratelimit_remaining", step="0"), 150)
        self.assertGreater(metric(text, "regsync_step_moved_bytes_total", step="0"), 6000)
        self.assertGreater(metric(text, "regsync_step_requests_total", step="0"), 10)
        self.assertGreaterEqual(metric(text, "regsync_step_errors_total", step="1"), 1)
        self.assertIsNone(metric(text, "regsync_step_last_success_timestamp_seconds", step="1"))
        self.check_openmetrics(text)
        self.assertEqual(s.page("/healthz")[0], 200)
        told = json.loads(s.page("/status")[2])
        self.assertEqual([t["copies"] for t in told["steps"]], [2, 0])
        self.assertEqual(told["steps"][0]["rateLimit"], {"remaining": 150, "limit": 200})
        self.assertEqual(s.page("/nothing")[0], 404)
        self.assertEqual(s.page("/metrics", "PUT")[0], 405)
        status, _ = s.stop()
        self.assertEqual(status, FAILED)  # a step failed all the time
        self.assertIn("none", [l[None] for l in lines_of(s.text()) if None in l][0])

    def check_openmetrics(self, text):
        """Each family's lines stand together behind its TYPE, counters end in _total, no sample comes twice."""
        family, kind, seen, samples = None, None, set(), set()
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ")
                self.assertNotIn(family, seen)
                seen.add(family)
            elif line.startswith("# UNIT "):
                self.assertTrue(line.split(" ")[2] == family and family.endswith("_" + line.split(" ")[3]), line)
            elif not line.startswith("#"):
                name = line.split("{")[0].split(" ")[0]
                suffix = {"counter": "_total", "info": "_info", "gauge": ""}[kind]
                self.assertEqual(name, family + suffix, line)
                self.assertNotIn(line.rsplit(" ", 1)[0], samples)
                samples.add(line.rsplit(" ", 1)[0])

    def test_stop_in_the_middle_of_a_copy(self):
        big = images.image([images.random_layer("slow", 3_000_000)])
        a, b = self.two({"about": "slow", "rules": [{"match": {"method": "GET", "path": "/blobs/", "count": 0},
                                                     "action": {"type": "drip", "bytes": 20000, "ms": 200}}]}, None, [("app", "1", big)])
        s = Running(self, self.config([self.step(a, b, "app")], (a, b)))
        s.wait_line("Copy layer")
        status, seconds = s.stop()
        self.assertLess(seconds, 15 * harness.SLOW)
        self.assertEqual(status, OK, s.text())
        self.assertEqual(b.state()["tags"].get("app", {}), {})

    def test_hooks(self):
        posted, lock = [], threading.Lock()

        def app(request):
            with lock:
                posted.append((request.method, request.path, json.loads(request.body)))
            return Response(500 if request.path == "/broken" else 204)

        listener = Server(app)
        listener.start()
        self.addCleanup(listener.stop)
        image = small("hooked")
        a, b = self.two(seed=[("app", "1", image)])
        hooks = {"pre": {"type": "command", "params": ["sh", "-c", "cat >> %s" % self.work("pre.json")]},
                 "post": {"type": "webhook", "params": [listener.origin + "/post"]},
                 "unchanged": {"type": "webhook", "params": [listener.origin + "/same"]}}
        config = self.config([self.step(a, b, "app", hooks=hooks)], (a, b))
        quiet = self.sync(config)
        self.assertEqual(self.messages(quiet, "WARN"), ["Hooks are only run with --hooks"])
        self.assertEqual((posted, os.path.exists(self.work("pre.json"))), ([], False))
        self.sync(config, "--hooks")
        self.assertEqual([(m, p) for m, p, _ in posted], [("POST", "/same")])
        images.push(a.client, "app", "1", small("hooked again"))
        self.sync(config, "--hooks")
        _, path, facts = posted[-1]
        self.assertEqual((path, facts["outcome"], facts["target"]), ("/post", "copied", b.host + "/app:1"))
        with open(self.work("pre.json"), encoding="utf-8") as f:
            self.assertEqual(json.loads(f.read())["hook"], "pre")
        # Before a copy a failure keeps the image; behind it, it is told of.
        images.push(a.client, "app", "1", image)
        hooks["pre"]["params"] = ["false"]
        before = b.state()["tags"]
        self.sync(self.config([self.step(a, b, "app", hooks=hooks)], (a, b)), "--hooks", status=FAILED)
        self.assertEqual(b.state()["tags"], before)
        hooks["pre"]["params"], hooks["post"]["params"] = ["true"], [listener.origin + "/broken"]
        done = self.sync(self.config([self.step(a, b, "app", hooks=hooks)], (a, b)), "--hooks")
        self.assertIn("status 500", self.line(done, "Hook failed")["error"])
        self.assertEqual(b.state()["tags"]["app"], {"1": image.digest})

    def test_shares_do_everything_once(self):
        triples = [("r%02d" % i, "1", small("s%d" % i)) for i in range(16)]
        a, b = self.two(seed=triples)
        config = self.config([self.step(a, b, name) for name, _, _ in triples], (a, b))
        first = self.sync(config, "--shard", "1/2")
        some = set(b.state()["tags"])
        second = self.sync(config, "--shard", "2/2")
        told = [l["source"] for r in (first, second) for l in r.log if l.get("msg") == "Image sync needed"]
        self.assertEqual(sorted(told), ["%s/%s:1" % (a.host, name) for name, _, _ in triples])
        self.assertTrue(0 < len(some) < 16)
        harness.check_all(b.client, triples)
        puts = [r["path"] for r in b.requests("PUT", "/manifests/1$")]
        self.assertEqual(len(puts), len(set(puts)))

    def test_flat(self):
        """The short form of tests/soak/regsync_soak.py."""
        triples = [("app", "v%d" % i, small("f%d" % i)) for i in range(40)]
        a, b = self.two(seed=triples)
        s = Running(self, self.config([self.step(a, b, "app")], (a, b)), "--listen", ":0")
        s.wait_line("Running task", 2)
        s.wait("the first copies", lambda: len(b.state()["tags"].get("app", {})) == 40)
        s.page("/metrics")
        runs = metric(s.page("/metrics")[2], "regsync_step_runs_total", step="0")
        memory, descriptors = s.memory(), s.descriptors()
        for _ in range(5):
            s.process.send_signal(signal.SIGHUP)
            s.page("/metrics")
            time.sleep(0.2)
        s.wait("more runs", lambda: metric(s.page("/metrics")[2], "regsync_step_runs_total", step="0") >= runs + 4)
        s.wait("descriptors that were given back", lambda: s.descriptors() <= descriptors + 4)
        if harness.SLOW == 1:  # sanitizers keep what is freed
            self.assertLess(s.memory(), memory + 4000, s.text()[-2000:])
        self.assertEqual(s.stop()[0], OK)


if __name__ == "__main__":
    main()

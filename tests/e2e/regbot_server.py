# SPDX-License-Identifier: Apache-2.0
"""regbot server: schedules without a first pass, reload, stop, pages for watchers; and that it neither grows nor leaves descriptors open."""
import json
import signal
import time

from common import harness, main
import regsync_server
from regbot import FAILED, OK, Bot, dated
from regsync_server import Running, metric


class Server(Running):
    program_name = "regbot"


class Serves(Bot):
    check_openmetrics = regsync_server.Serving.check_openmetrics

    def serve(self, config, *args):
        return Server(self, config, *args)

    def test_schedule_then_stop(self):
        """Nothing runs at the start; a script without a time is told of; none runs beside itself."""
        config = self.config([{"script": "print('tick')", "interval": "1s"}, {"name": "never", "script": "print('never')"},
                              {"name": "bad", "script": "print('bad')", "schedule": "61 * * * *"},
                              {"name": "later", "script": "print('later')", "schedule": "@yearly"},
                              {"name": "slow", "script": "print('begin') local t = os.time() while os.time() < t + 30 do end", "interval": "1s"}])
        s = self.serve(config, "--listen", ":0")
        self.assertEqual(s.wait_line("No schedule or interval found, ignoring")[0]["script"], "never")
        self.assertEqual(s.wait_line("Failed to schedule cron")[0]["script"], "bad")
        self.assertEqual(s.wait_line("Scheduled task")[0]["script"], "s0")
        self.assertNotIn("Running task", [l for l in s.text().splitlines()[:8]])
        s.wait("two runs", lambda: s.page("/metrics")[2] and (metric(s.page("/metrics")[2], "regbot_script_runs_total", script="s0") or 0) >= 2)
        self.assertEqual(metric(s.page("/metrics")[2], "regbot_script_running", script="slow"), 1)
        self.assertIn("tick\n", s.text())
        self.assertEqual(metric(s.page("/metrics")[2], "regbot_script_runs_total", script="later"), 0)
        status, seconds = s.stop()
        self.assertEqual(status, OK, s.text())
        self.assertLess(seconds, 15 * harness.SLOW)  # of the half minute that a script would take
        text = s.text()
        self.assertIn("Stopping server", text)
        self.assertNotIn("never\n", text.replace("script=never\n", ""))
        self.assertNotIn("\nlater\n", text)
        self.assertEqual(text.count("begin\n"), 1)

    def test_reload(self):
        registry = self.scripted("r", None, self.seed([("app", "1", dated("x"))]))
        one = {"name": "one", "script": "tag.ls('%s/app')" % registry.host, "interval": "1s"}
        config = self.config([one], [registry])
        s = self.serve(config, "--listen", "127.0.0.1:0")
        runs = lambda: metric(s.page("/metrics")[2], "regbot_script_runs_total", script="one") or 0
        s.wait("three runs", lambda: runs() >= 3)
        with open(config, "w", encoding="utf-8") as f:
            f.write("scripts: [\n")
        s.process.send_signal(signal.SIGHUP)
        self.assertIn("regbot.yml:", s.wait_line("Failed to reload the configuration, the old one stays in force")[0]["error"])
        before = len(registry.requests("GET", "/tags/list"))
        s.wait("the old file at work", lambda: len(registry.requests("GET", "/tags/list")) > before)
        self.config([{"name": "two", "script": "error('two')", "interval": "1s"}, one], [registry])
        s.process.send_signal(signal.SIGHUP)
        s.wait_line("Configuration reloaded")
        s.wait("numbers of both", lambda: metric(s.page("/metrics")[2], "regbot_script_failed_runs_total", script="two"))
        text = s.page("/metrics")[2]
        self.assertGreaterEqual(metric(text, "regbot_script_runs_total", script="one"), 3)  # what was known is kept
        self.assertEqual((metric(text, "regbot_reloads_total"), metric(text, "regbot_failed_reloads_total")), (1, 1))
        self.assertEqual(s.stop(signal.SIGINT)[0], FAILED)
        self.assertIn("script two: <string>:1: two", s.text())

    def test_pages(self):
        registry = self.scripted("r", None, self.seed([("app", str(n), dated("p%d" % n)) for n in range(4)]))
        delete = "local t = tag.ls('%s/app') tag.delete('%s/app:' .. t[#t])" % (registry.host, registry.host)
        config = self.config([{"name": 'a "name"', "script": delete, "interval": "1h"}, {"script": "while true do end", "interval": "1s", "timeout": "200ms"},
                              {"name": "dup", "script": delete, "interval": "1s"}, {"name": "dup", "script": "", "interval": "1s"}], [registry])
        s = self.serve(config, "--listen", ":0")
        s.wait("a deletion", lambda: metric(s.page("/metrics")[2], "regbot_script_writes_total", script="dup", kind="tagsDeleted"))
        s.wait("a timeout", lambda: metric(s.page("/metrics")[2], "regbot_script_timeouts_total", script="s1"))
        status, content_type, text = s.page("/metrics")
        self.assertEqual((status, content_type), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
        self.assertTrue(text.endswith("# EOF\n"))
        self.check_openmetrics(text)
        self.assertGreaterEqual(metric(text, "regbot_script_requests_total", script="dup"), 2)
        self.assertGreaterEqual(metric(text, "regbot_script_calls_total", script="dup"), 2)
        self.assertEqual(metric(text, "regbot_script_runs_total", script='a \\"name\\"'), 0)
        self.assertIsNotNone(metric(text, "regbot_script_runs_total", script="dup#2"))
        self.assertIsNone(metric(text, "regbot_script_last_success_timestamp_seconds", script="s1"))
        told = json.loads(s.page("/status")[2])
        self.assertEqual((told["program"], [t["script"] for t in told["scripts"]]), ("regbot", ['a "name"', "s1", "dup", "dup#2"]))
        self.assertGreaterEqual(told["scripts"][2]["tagsDeleted"], 1)
        self.assertEqual((s.page("/healthz")[0], s.page("/nothing")[0], s.page("/metrics", "PUT")[0]), (200, 404, 405))
        s.stop()

    def test_dry_run(self):
        registry = self.scripted("r", None, self.seed([("app", "1", dated("x"))]))
        config = self.config([{"script": "tag.delete('%s/app:1')" % registry.host, "interval": "1s"}], [registry])
        s = self.serve(config, "--dry-run")
        told = s.wait_line("Dry run, nothing was written", 2)[0]
        self.assertEqual((told["script"], told["would-be"]), ("s0", "1 tag deleted"))
        s.stop()
        self.assertEqual(registry.write_requests(), [])

    def test_flat(self):
        registry = self.scripted("r", None, self.seed([("app", str(n), dated("f%d" % n)) for n in range(20)]))
        text = "for _, t in ipairs(tag.ls('%s/app')) do manifest.head('%s/app:' .. t) end" % (registry.host, registry.host)
        s = self.serve(self.config([{"script": text, "interval": "1s"}, {"script": "error('x')", "interval": "1s"}], [registry]), "--listen", ":0")
        runs = lambda: metric(s.page("/metrics")[2], "regbot_script_runs_total", script="s0") or 0
        s.wait("two runs", lambda: runs() >= 2)
        memory, descriptors, before = s.memory(), s.descriptors(), runs()
        for _ in range(5):
            s.process.send_signal(signal.SIGHUP)
            s.page("/metrics")
            time.sleep(0.2)
        s.wait("more runs", lambda: runs() >= before + 4)
        s.wait("descriptors that were given back", lambda: s.descriptors() <= descriptors + 4)
        if harness.SLOW == 1:  # sanitizers keep what is freed
            self.assertLess(s.memory(), memory + 4000, s.text()[-2000:])
        with open("/proc/%d/task/%d/children" % (s.process.pid, s.process.pid), encoding="utf-8") as f:
            children = f.read().split()
        self.assertLessEqual(len(children), 2, "boxes that were not ended, or not waited for")
        s.stop()


if __name__ == "__main__":
    main()

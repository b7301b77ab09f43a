# SPDX-License-Identifier: Apache-2.0
"""regbot once, check and run: the samples, dry run, time, memory, several scripts at once, failures, and scripts that are killed in the middle."""
import json
import os
import pty
import re
import signal
import subprocess
import textwrap
import time

from common import Case, harness, images, main
from regsync import lines_of

OK, FAILED = 0, 1
SAMPLES = os.path.join(harness.ROOT, "samples", "regbot")


def dated(seed, created=0, **labels):
    """A small image made so many seconds after 2024 began."""
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1704067200 + created))
    return images.image([images.random_layer("%s-layer" % seed, 2000)], labels={"seed": seed, **labels}, created=text)


def days_ago(days):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86400))


class Bot(Case):
    def config(self, scripts, registries=(), defaults=None, name="regbot.yml"):
        """Scripts are texts or dictionaries; JSON is YAML, too."""
        creds = [{"registry": r.host, "tls": "disabled"} for r in registries]
        made = [{"name": "s%d" % i, **(s if isinstance(s, dict) else {"script": s})} for i, s in enumerate(scripts)]
        for s in made:
            s["script"] = textwrap.dedent(s["script"])
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"version": 1, "creds": creds, "defaults": defaults or {}, "scripts": made}, f)
        return path

    def bot(self, command, *args, status=OK, **how):
        result = self.program("regbot", command, *args, status=status, timeout=60, **how)
        result.log = lines_of(result.err)
        return result

    def once(self, config, *args, **how):
        return self.bot("once", "-c", config, *args, **how)

    def script(self, text, *args, registries=(), options=(), **how):
        """A script from a file of its own, without a configuration file."""
        path = self.work("script.lua")
        with open(path, "w", encoding="utf-8") as f:
            f.write(textwrap.dedent(text))
        hosts = [w for r in registries for w in ("--host", r.host_flag())]
        return self.bot("run", *hosts, *options, path, *args, **how)

    def messages(self, result, level=None):
        return [l["msg"] for l in result.log if None not in l and (level is None or l["level"] == level)]

    def line(self, result, message):
        found = [l for l in result.log if l.get("msg") == message]
        self.assertTrue(found, "no line %r\n%s" % (message, result.text()))
        return found[0]

    def tags(self, registry, repository):
        try:
            return set(registry.client.tags(repository))
        except images.RegistryError:
            return set()

    def hosts(self, **names):
        """Options that send the names of a sample to the test's registries."""
        return [w for name, r in names.items() for w in ("--host", "reg=%s,hostname=%s,tls=disabled" % (name.replace("__", ":").replace("_", "."), r.host))]


class Samples(Bot):
    def dry_then_once(self, sample, hosts, writes_to):
        """The dry run first: it writes nothing and sums up. Then the real one."""
        path = os.path.join(SAMPLES, sample)
        before = [(r, len(r.write_requests())) for r in writes_to]
        dry = self.once(path, "--dry-run", *hosts)
        for r, n in before:
            self.assertEqual(len(r.write_requests()), n, dry.text())
        self.bot("check", "-c", path)
        return dry, self.once(path, *hosts)

    def test_talk(self):
        upstream = [("library/alpine", t, dated("alpine" + t)) for t in ("3.9", "3.18", "3.19", "3.20", "3.20.1", "edge", "latest", "3")]
        upstream += [("library/debian", t, dated("debian" + t)) for t in ("12.7", "9.1", "12.10", "bookworm")]
        label = "org.opencontainers.image.created"
        own = [("team/app", "ci-1", dated("ci1", **{label: days_ago(40)})), ("team/app", "ci-2", dated("ci2", **{label: days_ago(31)})),
               ("team/app", "ci-3", dated("ci3", **{label: days_ago(2)})), ("team/app", "ci-4", dated("no label")),
               ("team/app", "v1", dated("v1", **{label: days_ago(400)}))]
        hub, near = self.scripted("hub", None, self.seed(upstream)), self.scripted("near", None, self.seed(own, "own"))
        dry, done = self.dry_then_once("talk.yml", self.hosts(docker_io=hub, registry__5000=near), [hub, near])
        self.assertEqual(self.line(dry, "Dry run, nothing was written")["would-be"], "2 tags deleted, 6 images copied")
        tags = near.state()["tags"]
        wanted = {(r, t): n.digest for r, t, n in upstream}
        self.assertEqual(tags["library/alpine"], {t: wanted["library/alpine", t] for t in ("3.20", "3.19", "3.18")})
        self.assertEqual(tags["library/debian"], {t: wanted["library/debian", t] for t in ("12.10", "12.7", "9.1")})
        self.assertEqual(set(tags["team/app"]), {"ci-3", "ci-4", "v1"})
        copied = [t for t in upstream if t[1] in tags[t[0]]]
        harness.check_all(near.client, copied + own[2:])
        said = [l["message"] for l in done.log if l.get("msg") == "User script message"]
        self.assertIn("Copy library/alpine:3.20 to registry:5000/library/alpine:3.20", [m.replace("docker.io/", "") for m in said])
        self.assertEqual(len(said), 6 + 1 + 2)
        self.assertEqual(hub.write_requests(), [])

    def test_talk_waits_for_the_rate_limit(self):
        rule = {"about": "little left", "rules": [{"match": {"path": "/manifests/", "count": 0}, "action": {
            "type": "headers", "set": {"RateLimit-Limit": "200;w=21600", "RateLimit-Remaining": "12;w=21600"}}}]}
        hub = self.scripted("hub", rule, self.seed([("library/alpine", "3.20", dated("a")), ("library/debian", "12.7", dated("d"))]))
        near = self.scripted("near", None, self.seed([("team/app", "v1", dated("v1"))], "own"))
        with open(os.path.join(SAMPLES, "talk.yml"), encoding="utf-8") as f:
            text = f.read().replace("timeout: 59m", "timeout: 2s")
        path = self.work("talk.yml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        done = self.once(path, *self.hosts(docker_io=hub, registry__5000=near), status=FAILED)
        self.assertEqual(self.line(done, "Delaying for ratelimit")["level"], "INFO")
        self.assertEqual(self.line(done, "Error running script")["script"], "mirror minor versions")
        self.assertEqual([r for r in near.write_requests()], [])

    def test_keep_newest(self):
        triples = [("team/app", "build-%d" % n, dated("b%d" % n, (n * 7919) % 13 * 3600)) for n in range(1, 14)]
        triples += [("team/app", "v1", dated("old release", -10**6)), ("team/app", "build-x", dated("no number"))]
        registry = self.docker_registry("near")
        images.push_all(registry.client, triples)
        registry.mark()
        dry, _ = self.dry_then_once("keep-newest.yml", self.hosts(registry_example_org=registry), [registry])
        self.assertEqual(self.line(dry, "Dry run, nothing was written")["would-be"], "3 tags deleted")
        newest = sorted(range(1, 14), key=lambda n: -((n * 7919) % 13))[:10]
        self.assertEqual(self.tags(registry, "team/app"), {"build-%d" % n for n in newest} | {"v1", "build-x"})
        harness.check_all(registry.client, [t for t in triples if t[1] in self.tags(registry, "team/app")])

    def test_old_sprints(self):
        def sprint(name, n, **labels):
            return dated(name, **{"com.example.sprint": str(n)}, **labels)
        triples = [("team/app", "s%d" % n, sprint("app%d" % n, n)) for n in range(40, 48)]
        triples += [("team/app", "v3", sprint("release", 40)), ("team/app", "plain", dated("plain")), ("team/worker", "a", sprint("w12", 12)),
                    ("team/worker", "b", sprint("w9", 9)), ("team/worker", "c", sprint("w10", 10))]
        registry = self.scripted("near", None, self.seed(triples))
        self.dry_then_once("old-sprints.yml", self.hosts(registry_example_org=registry), [registry])
        self.assertEqual(self.tags(registry, "team/app"), {"s45", "s46", "s47", "v3", "plain"})
        self.assertEqual(self.tags(registry, "team/worker"), {"a", "c"})

    def test_follow_upstream(self):
        both = [("library/alpine", t, dated("alpine" + t)) for t in ("3.18", "3.19", "3.20")] + [("library/busybox", "1", dated("b1"))]
        mirrored = [(r.replace("library", "mirror"), t, n) for r, t, n in both]
        mirrored += [("mirror/alpine", "2.6", dated("dropped")), ("mirror/alpine", "bkup-3.18", dated("backup"))]
        hub, near = self.scripted("hub", None, self.seed(both)), self.scripted("near", None, self.seed(mirrored, "own"))
        hosts = self.hosts(registry_example_org=near, docker_io=hub)
        self.dry_then_once("follow-upstream.yml", hosts, [hub, near])
        self.assertEqual(self.tags(near, "mirror/alpine"), {"3.18", "3.19", "3.20", "bkup-3.18"})
        self.assertEqual(self.tags(near, "mirror/busybox"), {"1"})
        # More than the cap, and an original that cannot be read: nothing goes.
        for n in range(6):
            images.push(near.client, "mirror/alpine", "0.%d" % n, mirrored[0][2])
        near.clear_log()
        path = os.path.join(SAMPLES, "follow-upstream.yml")
        done = self.once(path, *hosts, status=FAILED)
        self.assertIn("6 tags would go, more than 5: nothing is deleted", done.err)
        self.assertEqual(near.write_requests(), [])
        # The other mirror was looked at all the same.
        images.push(near.client, "mirror/busybox", "0.1", mirrored[0][2])
        self.once(path, *hosts, status=FAILED)
        self.assertEqual(self.tags(near, "mirror/busybox"), {"1"})
        near.clear_log()
        gone = self.scripted("gone")
        self.once(path, *self.hosts(registry_example_org=near, docker_io=gone), status=FAILED)
        self.assertEqual(near.write_requests(), [])

    def test_kubernetes(self):
        with open(os.path.join(SAMPLES, "kubernetes-cronjob.yml"), encoding="utf-8") as f:
            first, job = re.split(r"(?m)^---\n", f.read())
        path = self.work("inner.yml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(re.sub("(?m)^    ", "", first.split("  regbot.yml: |\n", 1)[1]))
        self.bot("check", "--strict", "-c", path)
        registry = self.scripted("near", None, self.seed([("team/app", "branch-a", images.image([], created=days_ago(9))), (
            "team/app", "branch-b", images.image([], created=days_ago(2))), ("team/app", "main", images.image([], created=days_ago(99)))]))
        self.once(path, *self.hosts(registry_example_org=registry))
        self.assertEqual(self.tags(registry, "team/app"), {"branch-b", "main"})
        words = json.loads(re.search(r"args: (\[.*\])", job).group(1))
        words[words.index("-c") + 1] = path
        self.assertIn("accepts 0 arg(s)", self.program("regbot", *words, "unexpected", status=FAILED).err)

    def test_systemd_unit(self):
        with open(os.path.join(SAMPLES, "regbot.service"), encoding="utf-8") as f:
            lines = [l.strip() for l in f if l.strip() and not l.startswith("#")]
        self.assertEqual([l for l in lines if l.startswith("[")], ["[Unit]", "[Service]", "[Install]"])
        self.assertTrue(all(l.startswith("[") or "=" in l for l in lines))
        words = dict(l.split("=", 1) for l in lines if "=" in l)["ExecStart"].split()[1:]
        words[words.index("-c") + 1] = os.path.join(SAMPLES, "talk.yml")
        self.assertIn("accepts 0 arg(s)", self.program("regbot", *words, "unexpected", status=FAILED).err)


class DryRun(Bot):
    def test_everything_that_writes(self):
        """Every function that writes, upstream's three that it lets through among them: the log of requests proves that none did."""
        one = dated("one")
        registry = self.scripted("r", None, self.seed([("app", "1", one), ("app", "2", dated("two"))]))
        self.program("regctl", "image", "export", "--host", registry.host_flag(), registry.host + "/app:1", self.work("in.tar"))
        layout = self.work.folder("layout")
        images.write_layout(layout, {"1": one})
        before = harness.tree_of(layout)
        registry.clear_log()
        done = self.script("""
            local r, layout, tar, out = ...
            tag.delete(r .. "/app:2")
            local m = manifest.get(r .. "/app:1")
            manifest.put(m, r .. "/app:new")
            m:put(r .. "/app:newer")
            m:delete()
            blob.put(r .. "/app", "some bytes")
            image.copy(r .. "/app:1", r .. "/copy:1", { digestTags = true })
            image.copy(r .. "/app:1", layout .. ":2")
            image.importTar(r .. "/app:imported", tar)
            tag.copy(r .. "/app:1", r .. "/app:same")
            tag.delete(layout .. ":1")
            blob.delete(r .. "/app", m.layers[1].digest)
            manifest.delete(manifest.head(layout .. ":1"))
            image.exportTar(r .. "/app:1", out)
            reference.close(reference.new(layout))
            print("end")
        """, registry.host, "ocidir://" + layout, self.work("in.tar"), self.work("out.tar"), registries=[registry], options=["--dry-run"])
        self.assertEqual(done.out, "end\n")
        self.assertEqual(registry.write_requests(), [])
        self.assertEqual(harness.tree_of(layout), before)
        self.assertFalse(os.path.exists(self.work("out.tar")))
        summary = self.line(done, "Dry run, nothing was written")["would-be"]
        self.assertEqual(summary, "2 tags deleted, 2 manifests deleted, 1 blob deleted, 2 manifests put, 1 blob put, 2 images copied, "
                                  "1 tag copied, 1 image imported, 1 image exported")
        self.assertIn("Copy image", self.messages(done))
        self.assertIn("Delete tag", self.messages(done))
        self.assertIn("Delete manifest", self.messages(done))

    def test_sum_of_all_scripts(self):
        registry = self.scripted("r", None, self.seed([("app", "1", dated("one"))]))
        text = "tag.delete('%s/app:1')" % registry.host
        done = self.once(self.config([text, "error('no')", text], [registry]), "--dry-run", status=FAILED)
        self.assertEqual(self.line(done, "Dry run, nothing was written")["would-be"], "2 tags deleted")
        self.assertEqual(registry.write_requests(), [])
        self.assertNotIn("Dry run, nothing was written", self.messages(self.once(self.config(["print(1)"]))))


class Runs(Bot):
    def test_failures_leave_the_others_alone(self):
        config = self.config([{"name": "broken", "script": "local x = 1\nerror('first')"}, "print('second')", "x = nil + 1", "print(x)"])
        done = self.once(config, status=FAILED)
        self.assertEqual(done.out, "second\nnil\n")
        self.assertEqual([l[None] for l in done.log if None in l],
                         ["script broken: <string>:2: first", "script s2: <string>:1: attempt to perform arithmetic on a nil value"])
        runtime = [l for l in done.log if l.get("msg") == "Runtime error from script"]
        self.assertEqual([(l["level"], l["script"], l["error"]) for l in runtime][0], ("ERROR", "broken", "<string>:2: first"))
        self.assertEqual(self.messages(done, "WARN").count("Error running script"), 2)
        self.assertNotIn("Traceback of script", self.messages(done))
        told = self.line(self.once(config, "-v", "debug", status=FAILED), "Traceback of script")
        self.assertEqual(told["script"], "broken")
        self.assertIn("stack traceback", told["traceback"])

    def test_timeouts(self):
        registry = self.scripted("slow", {"about": "slow", "rules": [{"match": {"path": "/tags/list", "count": 0},
                                                                      "action": {"type": "delay", "ms": 1500}}]}, self.seed([("app", "1", dated("x"))]))
        config = self.config([
            {"name": "loop", "script": "while true do end", "timeout": "300ms"},
            {"name": "caught", "script": "while true do pcall(function() while true do end end) end", "timeout": "300ms"},
            {"name": "pattern", "script": "string.find(string.rep('a', 5000), string.rep('.-', 12) .. 'b')", "timeout": "300ms"},
            {"name": "calls", "script": "while true do tag.ls('%s/app') end" % registry.host},
            {"name": "fine", "script": "print('fine')"},
        ], [registry], {"timeout": "5s"})
        began = time.monotonic()
        done = self.once(config, status=FAILED)
        self.assertLess(time.monotonic() - began, 40 * harness.SLOW)
        self.assertEqual(done.out, "fine\n")
        failed = {l["script"]: l["error"] for l in done.log if l.get("msg") == "Error running script"}
        self.assertEqual(set(failed), {"loop", "caught", "pattern", "calls"})
        self.assertEqual(failed["loop"], "<string>:1: script ran longer than its timeout")
        self.assertLessEqual(len(registry.requests("GET", "/tags/list")), 5)

    def test_memory(self):
        bomb = "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 1000) .. i end"
        done = self.once(self.config([bomb, "print('after')"]), "--memory", "8MiB", status=FAILED)
        self.assertIn("not enough memory", done.err)
        self.assertEqual(done.out, "after\n")
        some = "local t = {} for i = 1, 20000 do t[i] = string.rep('x', 1000) .. i end print(#t)"
        self.assertEqual(self.once(self.config([some])).out, "20000\n")
        self.once(self.config([some]), "--memory", "8MiB", status=FAILED)
        self.assertIn("--memory", self.once(self.config([some]), "--memory", "1k", status=FAILED).err)

    def test_parallel(self):
        """Scripts wait beside each other; copies only as many at once as the file says."""
        triples = [("app", "t%d" % i, images.image([images.random_layer("p%d" % i, 30000)])) for i in range(6)]
        slow = {"about": "slow blobs", "rules": [{"match": {"method": "GET", "path": "/blobs/", "count": 0}, "action": {"type": "delay", "ms": 1000}}]}
        a, b = self.scripted("a", slow, self.seed(triples)), self.scripted("b")
        sleepy = "image.copy('%s/app:t%d', '%s/app:t%d') print('%d')"
        config = self.config([sleepy % (a.host, i, b.host, i, i) for i in range(6)], [a, b], {"parallel": 2})
        done = self.once(config, "-v", "debug")
        self.assertEqual(sorted(done.out.split()), list("012345"))
        harness.check_all(b.client, triples)
        began = [n for n, l in enumerate(done.log) if l.get("msg") == "Starting script"]
        ended = [n for n, l in enumerate(done.log) if l.get("msg") == "Finished script"]
        self.assertLess(began[5], ended[0], "all scripts had begun before the first one ended")
        one = self.once(self.config([sleepy % (a.host, i, b.host, i, i) for i in range(3)], [a, b]), "-v", "debug")
        self.assertEqual(one.out, "0\n1\n2\n")
        self.assertEqual([l["msg"] for l in one.log if l.get("msg") in ("Starting script", "Finished script")], ["Starting script", "Finished script"] * 3)

    def test_killed_in_the_middle(self):
        """A script, and regbot itself, ended while it copies: no tag that names something half there; a second run finishes."""
        triples = [("app", "t%d" % i, images.image([images.random_layer("k%d" % i, 200_000)])) for i in range(4)]
        slow = {"about": "slow", "rules": [{"match": {"method": "GET", "path": "/blobs/", "count": 0}, "action": {"type": "drip", "bytes": 20000, "ms": 80}}]}
        a, b = self.scripted("a", slow, self.seed(triples)), self.scripted("b")
        text = """
            for _, t in ipairs(tag.ls('%s/app')) do
              image.copy('%s/app:' .. t, '%s/app:' .. t)
            end
        """ % (a.host, a.host, b.host)
        config = self.config([{"script": text, "timeout": "500ms"}], [a, b])
        self.once(config, status=FAILED)
        self.consistent(b, triples)
        config = self.config([text], [a, b])
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            with open(self.work("killed.log"), "wb") as log:
                process = harness.start_process([harness.program("regbot"), "once", "-c", config], env=self.env, stderr=log, stdout=log)
            self.addCleanup(harness.stop_process, process)
            seen = b.begun("POST", "/uploads/")
            harness.wait_for("an upload", lambda: process.poll() is not None or b.begun("POST", "/uploads/") > seen, 20)
            boxes = self.boxes(process)
            process.send_signal(number)
            self.assertNotEqual(process.wait(20 * harness.SLOW), 0)
            self.assertEqual(len(boxes), 1)
            harness.wait_for("the box to end", lambda: self.ended(boxes[0]))
            self.consistent(b, triples)
        self.once(config)
        harness.check_all(b.client, triples)

    def test_killed_script(self):
        """The process of a script is ended from outside: the script has failed, the others run."""
        config = self.config([{"name": "victim", "script": "print('here') while true do end"}, "print('after')"])
        with open(self.work("out.log"), "wb") as log:
            process = harness.start_process([harness.program("regbot"), "once", "-c", config], env=self.env, stderr=log, stdout=log)
        self.addCleanup(harness.stop_process, process)
        box = int(harness.wait_for("a box", lambda: self.boxes(process))[0])
        time.sleep(0.1)
        os.kill(box, signal.SIGKILL)
        self.assertEqual(process.wait(10 * harness.SLOW), FAILED)
        with open(self.work("out.log"), encoding="utf-8") as f:
            text = f.read()
        self.assertIn("after\n", text)
        self.assertRegex(text, r"(?m)^script victim: ")

    def consistent(self, registry, triples):
        have = registry.state()["tags"].get("app", {})
        harness.check_all(registry.client, [t for t in triples if t[1] in have])
        self.assertTrue(set(have) <= {t for _, t, _ in triples})

    def boxes(self, process):
        with open("/proc/%d/task/%d/children" % (process.pid, process.pid), encoding="utf-8") as f:
            return f.read().split()

    def ended(self, pid):
        """Gone, or dead and not yet waited for by whoever waits for orphans."""
        try:
            with open("/proc/%s/stat" % pid, encoding="utf-8") as f:
                return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            return True

    def test_nothing_of_the_program_reaches_a_script(self):
        self.env["CANARY"], self.env["ALLOWED"] = "secret", "fine"
        config = self.config(["print(os.getenv('CANARY'), os.getenv('ALLOWED'), io, debug, os.execute)"])
        self.assertEqual(self.once(config).out, "nil\tnil\tnil\tnil\tnil\n")
        self.assertEqual(self.once(config, "--env", "ALLOWED", "--env", "NOT_SET").out, "nil\tfine\tnil\tnil\tnil\n")
        unsafe = self.once(self.config(["print(type(io), type(debug), type(os.execute), os.getenv('CANARY'))"]), "--unsafe-libs")
        self.assertEqual(unsafe.out, "table\ttable\tfunction\tnil\n")
        self.assertEqual(self.messages(unsafe, "WARN"), ["Scripts run without walls (--unsafe-libs)"])
        unsafe = self.once(self.config(["print(1)"]), "--unsafe-libs", "--dry-run")
        self.assertIn("--dry-run does not hold back", self.messages(unsafe, "WARN")[0])
        walls = self.once(self.config(["io.open('x')"]), status=FAILED)
        self.assertIn("docs/lua-api.md", self.line(walls, "Runtime error from script")["error"])

    def test_terminal(self):
        """What registries say must not steer a terminal; into a pipe it goes as it is."""
        text = "print('a\\27[31mb\\tc\\nd\\0e', '\u00e4')"
        config = self.config([text])
        self.assertEqual(self.once(config).out, "a\x1b[31mb\tc\nd\0e\t\u00e4\n")
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        process = harness.start_process([harness.program("regbot"), "once", "-c", config], env=self.env, stdin=subprocess.DEVNULL, stdout=slave)
        self.addCleanup(harness.stop_process, process)
        os.close(slave)
        self.assertEqual(process.wait(10 * harness.SLOW), OK)
        self.assertEqual(re.sub(" +", "\t", os.read(master, 1000).decode().replace("\r", "")), "a\\x1b[31mb\tc\nd\\x00e\t\u00e4\n")

    def test_modules(self):
        for folder, text in (("one", "return { who = 'one' }"), ("two", "return { who = 'two' }")):
            with open(os.path.join(self.work.folder(folder), "mod.lua"), "w", encoding="utf-8") as f:
                f.write(text)
        config = self.config(["print(require('mod').who)"])
        self.assertIn("module 'mod' not found", self.once(config, status=FAILED).err)
        gone = self.once(config, "--lua-path", self.work("none"), status=FAILED)
        self.assertEqual(self.line(gone, "Folder for modules is not there")["folder"], self.work("none"))
        self.assertEqual(self.once(config, "--lua-path", self.work("two"), "--lua-path", self.work("one")).out, "two\n")
        # As upstream's image sets it; an option puts it aside.
        self.env["LUA_PATH"] = "?;?.lua;%s/?;%s/?.lua;;/a?b/?.lua" % (self.work("one"), self.work("one"))
        self.assertEqual(self.once(config).out, "one\n")
        self.assertEqual(self.once(config, "--lua-path", self.work("two")).out, "two\n")
        del self.env["LUA_PATH"]
        self.assertEqual(self.once(self.config(["print(require('json').encode({1}), tostring(require('semver')('1.2')))"])).out, "[1]\t1.2.0\n")


class Check(Bot):
    def test_positions(self):
        path = self.work("bad.yml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("scripts:\n- name: fine\n  script: print(1)\n- name: broken\n  script: |\n    local x = 1\n    if x then\n"
                    "- name: never\n  schedule: 61 * * * *\n  script: print(2)\n- script: x = = 2\n")
        done = self.bot("check", "-c", path, status=FAILED)
        lines = done.out.splitlines()
        self.assertEqual(len(lines), 3, done.text())
        self.assertRegex(lines[0], r"^%s:5:11: script broken: <string>:3: 'end' expected \(to close 'if' at line 2\) near <eof>$" % re.escape(path))
        self.assertRegex(lines[1], r"^%s:10:11: script never: schedule: " % re.escape(path))
        self.assertRegex(lines[2], r"^%s:11:11: script scripts\[3\]: <string>:1: unexpected symbol near '='$" % re.escape(path))
        self.assertEqual(done.err, "3 of 4 scripts cannot be run\n")

    def test_strict_refuses_before_any_is_begun(self):
        config = self.config(["print('begun')", {"name": "broken", "script": "if"}, {"name": "second", "script": "x = = 1"}])
        done = self.once(config, "--strict", status=FAILED)
        self.assertEqual(done.out, "")
        told = [l["error"] for l in done.log if l.get("msg") == "Script cannot be run"]
        self.assertEqual(len(told), 2)
        self.assertIn("script broken: <string>:1: unexpected symbol near <eof>", told[0])
        self.assertIn("2 of 3 scripts cannot be run: ", done.err)
        self.assertEqual(self.once(config, status=FAILED).out, "begun\n")
        self.assertIn("2 of 3 scripts", self.bot("server", "-c", config, "--strict", status=FAILED).err)
        steering = self.config([{"name": "red\x1b[31m", "script": "if"}])
        self.assertIn("script red\\x1b[31m: ", self.bot("check", "-c", steering, status=FAILED).out)
        self.assertEqual(self.once(self.config(["print('fine')"]), "--strict").out, "fine\n")

    def test_runs_nothing_and_asks_nobody(self):
        registry = self.scripted("r", None, self.seed([("app", "1", dated("x"))]))
        config = self.config(["print('run')", "tag.delete('%s/app:1')" % registry.host], [registry])
        done = self.bot("check", "-c", config)
        self.assertEqual(done.out, "")
        self.assertEqual(self.messages(done), ["Scripts can be run"])
        self.assertEqual(self.line(done, "Scripts can be run")["scripts"], "2")
        self.assertEqual(registry.requests(), [])
        self.assertEqual(self.messages(self.bot("check", "-c", self.config([])), "WARN"), ["Scripts can be run"])

    def test_bad_files(self):
        for text, cause in (("scripts: {a: b}", "scripts: a list is wanted"), ("scripts: [", "bad.yml:"), ("scripts:\n- {script: [a]}", "scripts[0].script"),
                            ("scripts:\n- {script: a, timeout: 5}", "scripts[0].timeout"), ("version: 7", "unsupported config version: 7")):
            path = self.work("bad.yml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            for command in ("once", "check", "server"):
                self.assertIn(cause, self.bot(command, "-c", path, status=FAILED).err)
        with open(path, "w", encoding="utf-8") as f:
            f.write("scripts:\n- {name: a, script: print(1), shedule: x}\n")
        done = self.once(path)
        self.assertEqual((done.out, self.messages(done, "WARN")), ("1\n", ["Unknown key in the configuration is passed over"]))
        self.assertIn('did you mean "schedule"', self.once(path, "--strict", status=FAILED).err)
        self.assertIn("no-such.yml", self.once(self.work("no-such.yml"), status=FAILED).err)
        self.assertIn('required flag(s) "config" not set', self.program("regbot", "once", status=FAILED).err)


class RunFile(Bot):
    def test_arguments(self):
        done = self.script("#!/usr/bin/env regbot\nprint(..., select('#', ...), arg[1], arg[2], #arg)\nprint(arg[0]:match('[^/]*$'))", "a", "--", "-b", "c d")
        self.assertEqual(done.out, "a\t3\ta\t-b\t3\nscript.lua\n")
        done = self.script("print(#arg, ...)")
        self.assertEqual(done.out, "0\n")
        done = self.bot("run", "-", "x", stdin=b"print(arg[0], ...)")
        self.assertEqual(done.out, "stdin\tx\n")

    def test_errors(self):
        done = self.script("\nlocal function f() error('here') end\nf()", status=FAILED)
        self.assertEqual([l[None] for l in done.log if None in l], [self.work("script.lua") + ":2: here"])
        done = self.script("if", status=FAILED)
        self.assertIn(self.work("script.lua") + ":1: unexpected symbol near <eof>", done.err)
        done = self.script("while true do end", options=["--timeout", "300ms"], status=FAILED)
        self.assertIn("script ran longer than its timeout", done.err)
        self.assertIn("no-such.lua", self.bot("run", "no-such.lua", status=FAILED).err)
        self.assertIn("requires at least 1 arg(s)", self.bot("run", status=FAILED).err)

    def test_with_a_file(self):
        registry = self.scripted("r", None, self.seed([("app", "1", dated("x")), ("app", "2", dated("y"))]))
        config = self.config(["error('not run')"], [registry], {"timeout": "300ms"})
        done = self.script("print(table.concat(tag.ls(...), ','))", registry.host + "/app", options=["-c", config])
        self.assertEqual(done.out, "1,2\n")
        self.assertIn("timeout", self.script("while true do end", options=["-c", config], status=FAILED).err)


if __name__ == "__main__":
    main()

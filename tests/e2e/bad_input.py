#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind: one line that names the operand, the cause and the next step; the right status; nothing written."""
import os
import socket

from common import Case, DAMAGED, FAILED, PARTIAL, USAGE, BUSY, images, main, references
from harness import program, run, start_process, stop_process, wait_for


class BadInput(Case):
    def setUp(self):
        super().setUp()
        self.sample = images.sample_set(1)

    def bad(self, name, args, status, *parts):
        with self.subTest(" ".join(args)[:120]):
            before = set(os.listdir(self.work.path))
            result = run([program(name), *args], env=self.env, timeout=30)
            self.expect(result, status)
            self.assert_one_line(result, *parts)
            self.assertEqual(result.out, "")
            self.assertEqual({n for n in os.listdir(self.work.path)} - before, set(), "something was written")

    def file(self, name, text):
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def test_usage(self):
        out = ["-o", self.work("never"), "--state", self.work("never-state")]
        for name in ("regexport", "regimport"):
            self.bad(name, ["--no-such-option"], USAGE, "--no-such-option", "--help")
            self.bad(name, ["no-such-command"], USAGE, "no-such-command", "--help")
            self.bad(name, [], USAGE, "--help")
        self.bad("regexport", ["create", *out, "--no-such-option", "x:1"], USAGE, "--no-such-option")
        self.bad("regexport", ["create", *out], USAGE, "-c|reference")
        self.bad("regexport", ["create", *out, "--parallel", "many", "x:1"], USAGE, "--parallel", "many")
        self.bad("regexport", ["create", *out, "--parallel", "0", "x:1"], USAGE, "--parallel")
        self.bad("regexport", ["create", *out, "--platform", "a/b/c/d/e", "x:1"], USAGE, "a/b/c/d/e")
        self.bad("regexport", ["create", *out, "--sparse", "maybe", "x:1"], USAGE, "maybe", "keep", "prune")
        self.bad("regexport", ["create", *out, "--site", "Bad Site", "x:1"], USAGE, "Bad Site")
        self.bad("regexport", ["create", *out, "--host", "reg=x,unknown=1", "x:1"], USAGE, "unknown")
        self.bad("regexport", ["create", "--state", self.work("never-state"), "-o"], USAGE, "-o")
        self.bad("regimport", ["apply", "--state", self.work("never-state"), "--to", "x:5000"], USAGE, "BUNDLE|bundle")
        self.bad("regimport", ["apply", "--state", self.work("never-state"), self.work("absent.tar")], (USAGE, DAMAGED, FAILED), "--to|absent.tar")

    def test_references(self):
        out = ["-o", self.work("never"), "--state", self.work("never-state")]
        for reference in ("UPPER/Case", "a b:1", "x:", "x@sha256:123", "reg.example/x:" + "t" * 129, "", "http://reg.example/x:1", "../x:1"):
            self.bad("regexport", ["create", *out, reference], USAGE, "reference|invalid")

    def test_yaml(self):
        out = ["-o", self.work("never"), "--state", self.work("never-state")]
        broken = self.file("broken.yml", "version: 1\nsync:\n  - source: a\n   target: b\n")
        self.bad("regexport", ["create", *out, "-c", broken], USAGE, "broken.yml", r"\b[34]\b")
        wrong = self.file("wrong.yml", "version: 1\nsync:\n  - source: a/b:1\n    target: c/d:1\n    type: nonsense\n")
        self.bad("regexport", ["create", *out, "-c", wrong], USAGE, "wrong.yml:5", "image, repository")
        self.bad("regexport", ["create", *out, "-c", self.work("absent.yml")], (USAGE, FAILED), "absent.yml", "(?i)no such file")
        self.bad("regexport", ["create", *out, "-c", self.work("home")], (USAGE, FAILED), "home")
        deep = self.file("deep.yml", "[" * 200_000)
        self.bad("regexport", ["create", *out, "-c", deep], USAGE, "deep.yml")
        bomb = self.file("bomb.yml", "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            "%s: &%s [%s]\n" % (b, b, ",".join(["*" + a] * 9)) for a, b in zip("abcdefghi", "bcdefghij")))
        self.bad("regexport", ["create", *out, "-c", bomb], USAGE, "bomb.yml")
        binary = self.work("binary.yml")
        with open(binary, "wb") as f:
            f.write(bytes(range(256)))
        self.bad("regexport", ["create", *out, "-c", binary], USAGE, "binary.yml")
        version = self.file("version.yml", "version: 99\n")
        self.bad("regexport", ["create", *out, "-c", version], USAGE, "version.yml", "99")
        pattern = self.file("pattern.yml", "version: 1\nsync:\n  - source: a/b\n    target: c/d\n    type: repository\n    tags:\n      allow: [\"(\"]\n")
        self.bad("regexport", ["create", *out, "-c", pattern], USAGE, "pattern.yml")

    def one_image(self, *args, status, parts):
        """Errors of a registry: the one image is the whole request, so it fails (or is a hole), and no bundle has it."""
        result = run([program("regexport"), "create", "--state", self.work("state"), "-o", self.work("out"), *args], env=self.env, timeout=60)
        self.expect(result, status)
        for part in parts:
            self.assertRegex(result.err, part, result.text())
        self.assertNotIn("\n\n", result.err)
        for path in self.bundles():
            self.fail("a bundle was written: %s\n%s" % (path, result.text()))

    def test_registries(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        bad = (FAILED, PARTIAL)
        self.one_image("--host", "reg=127.0.0.1:%d,tls=disabled" % port, "127.0.0.1:%d/x/y:1" % port, status=bad, parts=["127.0.0.1:%d" % port, "x/y:1"])
        self.one_image("no-such-host.invalid/x/y:1", status=bad, parts=["no-such-host.invalid"])
        source = self.scripted("source", seed=self.seed(self.sample))
        self.one_image("--host", source.host_flag(), source.host + "/no/such:1", status=bad, parts=[source.host + "/no/such:1", "404|not found|unknown"])
        self.one_image("--host", source.host_flag(), source.host + "/sample/app:no", status=bad, parts=["sample/app:no"])
        locked = self.scripted("locked", "basic", seed=self.seed(self.sample, "locked-seed"))
        self.one_image("--host", locked.host_flag(user="carrier") + ",pass=wrong-one", locked.host + "/sample/app:v1", status=bad,
                       parts=[locked.host, "401|denied|unauthorized|password"])
        self.one_image("--host", locked.host_flag(), locked.host + "/sample/app:v1", status=bad, parts=[locked.host, "401|login|denied|unauthorized"])

    def test_own_authority_is_needed(self):
        import harness
        authority = harness.Authority(self.work.folder("ca"))
        source = self.scripted("source", seed=self.seed(self.sample), tls=authority)
        self.one_image("--host", "reg=" + source.host, source.host + "/sample/app:v1", status=(FAILED, PARTIAL), parts=[source.host, "certificate"])
        stranger = harness.Authority(self.work.folder("stranger"))
        self.one_image("--host", "reg=%s,ca-file=%s" % (source.host, stranger.cert), source.host + "/sample/app:v1", status=(FAILED, PARTIAL), parts=["certificate"])
        self.export("--host", source.host_flag(), source.host + "/sample/app:v1", out="good", state="good-state")
        self.export("--host", "reg=%s,tls=insecure" % source.host, source.host + "/sample/app:v1", out="insecure", state="insecure-state")

    def test_bundles(self):
        text = self.file("text.tar", "hello\n")
        to = ["--to", "ocidir://" + self.work("never")]
        common = ["--state", self.work("never-state"), "--allow-unsigned"]
        self.bad("regimport", ["apply", *common, *to, text], DAMAGED, "text.tar")
        self.bad("regimport", ["apply", *common, *to, self.work("absent.tar")], (FAILED, DAMAGED), "absent.tar", "(?i)no such file")
        self.bad("regimport", ["verify", *common, self.work("home")], (FAILED, DAMAGED), "home")

    def test_unsigned_bundles_need_the_flag(self):
        source = self.scripted("source", seed=self.seed(self.sample))
        bundle = self.new_bundle("--host", source.host_flag(), source.host + "/sample/app:v1")
        far = self.scripted("far")
        args = [program("regimport"), "apply", "--state", self.work("state"), "--host", far.host_flag(), "--to", far.host, bundle.path]
        result = run(args, env=self.env)
        self.expect(result, 6)
        self.assert_one_line(result, "--allow-unsigned")
        self.assertEqual(far.requests(), [])
        result = run(args + ["--allow-unsigned"], env=self.env)
        self.expect(result, 0)
        self.assertRegex(result.err, "(?i)WARN.*signature", "it is said loudly")

    def test_another_site(self):
        source = self.scripted("source", seed=self.seed(self.sample))
        bundle = self.new_bundle("--site", "berlin", "--host", source.host_flag(), source.host + "/sample/app:v1")
        self.assertTrue(os.path.basename(bundle.path).startswith("berlin-000001-"))
        self.assertEqual(bundle.doc["site"], "berlin")

    def test_older_is_refused(self):
        first, second = self.sample, images.sample_set(2)
        source = self.scripted("source", seed=self.seed(first + second))
        hosts = ["--host", source.host_flag()]
        app = source.host + "/sample/app:%s=app:current"
        old = self.new_bundle(*hosts, app % "v1")
        new = self.new_bundle("--full", *hosts, app % "v2")
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        self.apply(old, *to)
        self.apply(new, *to)
        far.clear_log()
        result = self.apply(old, *to, status=6)
        self.assertIn("--allow-older", result.err)
        self.assertEqual(far.write_requests(), [])
        self.apply(old, *to, "--allow-older")
        self.assertEqual(far.state()["tags"]["app"]["current"], first[1][2].digest)

    def test_busy(self):
        """Two runs on one state folder: one works, the other says so and does nothing."""
        slow = self.scripted("slow", "slow-drip", seed=self.seed([("big/image", "1", images.big_image(8 << 20))]))
        args = ["create", "--state", self.work("state"), "-o", self.work("out"), "--host", slow.host_flag(), slow.host + "/big/image:1"]
        first = start_process([program("regexport"), *args], env=self.env)
        try:
            wait_for("the first run to begin", lambda: slow.begun("GET", "/blobs/"), 10)
            result = run([program("regexport"), *args], env=self.env)
            self.expect(result, BUSY)
            self.assert_one_line(result, "state")
        finally:
            stop_process(first)

    def test_interrupted(self):
        """Ctrl-C leaves a state that goes on, and says so by its status."""
        import signal
        import time
        slow = self.scripted("slow", "slow-drip", seed=self.seed([("big/image", "1", images.big_image(12 << 20))]))
        args = ["create", "--state", self.work("state"), "-o", self.work("out"), "--host", slow.host_flag(), slow.host + "/big/image:1"]
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            slow.clear_log()
            process = start_process([program("regexport"), *args], env=self.env)
            try:
                wait_for("a transfer", lambda: slow.begun("GET", "/blobs/"), 10)
                time.sleep(0.1)
                process.send_signal(number)
                self.assertEqual(process.wait(30), status)
            finally:
                stop_process(process)
            self.assertEqual(self.bundles(), [])
        self.expect(run([program("regexport"), *args], env=self.env), 0)

    def test_help(self):
        for name, commands in (("regexport", ("plan", "create", "history")), ("regimport", ("inspect", "verify", "plan", "apply"))):
            top = self.program(name, "--help")
            for command in commands:
                self.assertIn(command, top.out)
                text = self.program(name, command, "--help").out
                self.assertRegex(text, "(?i)example", "%s %s --help has no example" % (name, command))
            self.program(name, "--version" if "--version" in top.out else "version" if "version" in top.out else "--help")

    def test_closed_stdout(self):
        result = run(["/bin/sh", "-c", '"$0" --help | true; exit 0', program("regexport")], env=self.env)
        self.assertEqual(result.status, 0)
        result = run(["/bin/sh", "-c", '"$0" --help >/dev/full', program("regexport")], env=self.env)
        self.assertNotEqual(result.status, 0, "a full disk behind stdout is an error")


if __name__ == "__main__":
    main()

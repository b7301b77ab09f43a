#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A result that cannot be written: the disk behind stdout is full, stdout is closed, its reader has gone away. Each command that prints ends with the same
status and the same one line, however much it prints."""
import json
import os
import re
import subprocess

from common import NO_SPACE, Case, images, main
from harness import program
import regctl_seeds

LOG = re.compile(r'^(time=\S+ )?level=|^\{"')  # talk, not the line of an error
UPSTREAM = ("regctl", "regsync", "regbot")

# What has no result.
SILENT = {"regctl": {"artifact put", "blob copy", "blob delete", "config set", "image copy", "image create", "image delete", "image import", "index add",
                     "index create", "index delete", "manifest delete", "registry logout", "registry set", "repo copy", "tag delete", "registry login"}}
# These run until they are stopped.
SERVERS = {"regsync": {"server"}, "regbot": {"server"}}


def commands(name):
    """The commands of a program, by its own tables."""
    text = subprocess.run([program(name), "--help-markdown"], capture_output=True, check=True).stdout.decode()
    return {re.sub(r" [\[A-Z].*| bash\|.*", "", line[len("### `" + name) + 1:].rstrip("`")) for line in text.splitlines() if line.startswith("### `")}


class LostOutput(Case):
    def setUp(self):
        super().setUp()
        self.walked = {}

    # --- one command ---

    def spawn(self, argv, stdout, stdin=b""):
        """(status, lines of stderr that are no log). stdout None: closed."""
        def close():
            if stdout is None:
                os.close(1)
        done = subprocess.run(argv, env=self.env, input=stdin, stdout=stdout, stderr=subprocess.PIPE, preexec_fn=close, timeout=60, check=False)
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        return done.returncode, [l for l in lines if l.strip() and not LOG.match(l)]

    def into(self, what, argv, stdin=b""):
        if what == "full":
            with open("/dev/full", "wb") as full:
                return self.spawn(argv, full, stdin)
        if what == "closed":
            return self.spawn(argv, None, stdin)
        reader, writer = os.pipe()
        os.close(reader)
        try:
            return self.spawn(argv, writer, stdin)
        finally:
            os.close(writer)

    def check(self, name, command, *args, stdin=b"", status=0):
        """It prints something when it can; else it says so. Each run must have something to print."""
        self.walked.setdefault(name, set()).add(command)
        argv = [program(name), *command.split(), *args]
        done = subprocess.run(argv, env=self.env, input=stdin, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, (argv, done))
        self.assertTrue(done.stdout, "%s %s has no result" % (name, command))
        no_space = 1 if name in UPSTREAM else NO_SPACE
        for what, wanted, cause in (("full", no_space, "No space left on device"), ("closed", 1, "Bad file descriptor"), ("gone", 1, None)):
            with self.subTest(program=name, command=" ".join((command, *args)), stdout=what):
                found, lines = self.into(what, argv, stdin)
                self.assertEqual(found, status or wanted, lines)
                if status:
                    lines = lines[1:]  # its own
                if cause:
                    self.assertEqual(len(lines), 1, lines)
                    self.assertRegex(lines[0], "the result could not be written to stdout: " + cause + "$")
                else:
                    self.assertEqual(lines, [])

    def complete(self, name):
        silent = SILENT.get(name, set()) | SERVERS.get(name, set())
        self.assertEqual(commands(name) - self.walked[name] - silent, set(), "%s: neither walked here nor known to be silent" % name)
        self.assertEqual(silent - commands(name), set(), "%s has these no more" % name)

    def common(self, name):
        self.check(name, "", "--help")
        self.check(name, "version")
        self.check(name, "completion", "bash")

    def write(self, name, value):
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(value if isinstance(value, str) else json.dumps(value))
        return path

    def layouts(self, count=1):
        """So many images in layouts; gives the folder."""
        root = self.work.folder("layouts")
        images.write_tree(root, [("app", "v%d" % i, images.image([images.random_layer("l%d" % i, 100)], labels={"n": str(i)})) for i in range(count)])
        return root

    # --- both sides of the gap ---

    def test_regexport(self):
        root = self.layouts(40)  # more than any buffer
        state, site = ["--state", self.work("state")], "ocidir://%s/app" % root
        policy = self.write("ferry.yml", {"version": 1, "sync": [{"source": site, "target": "r.example/app", "type": "repository"}]})
        where = ["-o", self.work("out")]
        self.check("regexport", "plan", *state, site)
        self.check("regexport", "plan", *state, site + ":v1")
        self.check("regexport", "plan", *state, "--output", "json", site)
        self.check("regexport", "create", *state, *where, "--full", site)
        self.check("regexport", "create", *state, "-o", "-", "--full", site)
        for tag in range(12):
            self.program("regexport", "create", *state, *where, "--full", site + ":v%d" % tag)
        self.check("regexport", "history", *state)
        self.check("regexport", "history", "--state", self.work("none"))
        self.check("regexport", "config", "-c", policy)
        first = self.new_bundle(site, state="two", out="first")
        self.apply(first, "--to", "ocidir://" + self.work("far"), "--receipt", self.work("receipt.json"))
        self.check("regexport", "record", "--state", self.work("two"), self.work("receipt.json"))
        self.common("regexport")
        self.complete("regexport")

    def test_regimport(self):
        site = "ocidir://%s/app" % self.layouts(40)
        bundle = self.new_bundle(site + ":v1", site + ":v2", out="one").path
        more = self.new_bundle(site, out="two").path
        far = ["--state", self.work("import-state"), "--to", "ocidir://" + self.work("far")]
        policy = self.write("ferry.yml", {"version": 1, "retain": {"rules": [{"repositories": ["app"], "keepNone": True}]}})
        open_to_all = "--allow-unsigned"
        for command in ("inspect", "verify"):
            self.check("regimport", command, *([open_to_all] if command == "verify" else []), bundle)
            self.check("regimport", command, *([open_to_all] if command == "verify" else []), "--output", "json", more)
        self.check("regimport", "request", open_to_all, *far, more)
        self.check("regimport", "request", open_to_all, *far, "-o", self.work("request.json"), more)
        self.check("regimport", "plan", open_to_all, *far, bundle)
        self.check("regimport", "apply", open_to_all, *far, bundle)
        self.apply(more, *far[2:])
        self.check("regimport", "plan", open_to_all, *far, "--output", "json", more)
        self.check("regimport", "inventory", *far)
        self.check("regimport", "inventory", *far, "-o", self.work("inventory.json"))
        self.check("regimport", "prune", "--plan", *far)
        self.check("regimport", "rollback", "--plan", *far)
        self.check("regimport", "config", "-c", policy)
        self.common("regimport")
        self.complete("regimport")

    # --- regctl ---

    def test_regctl(self):
        triples = regctl_seeds.app()
        nodes = {t: n for _, t, n in triples if t}
        source = self.scripted("source", {"options": {"pulls": {"limit": 9999, "remaining": 9999}}}, seed=self.seed(triples))
        repo = source.host + "/team/app"
        layers, other = ([b.digest for b in nodes[t].blobs] for t in ("b1", "b2"))
        self.program("regctl", "registry", "set", source.host, "--tls", "disabled", "--skip-check")

        def walk(command, *args, **how):
            self.check("regctl", command, *args, **how)
        for command in ("image manifest", "image inspect", "image digest", "image export", "manifest get", "manifest head", "artifact tree"):
            walk(command, repo + ":v1")
        walk("image manifest", "--format", "raw-body", repo + ":v2")
        walk("artifact list", repo + ":v2")
        walk("artifact get", repo + ":a1")
        walk("image export", repo + ":v1", "-")
        walk("image get-file", repo + ":v1", "app/version")
        walk("image check-base", repo + ":v1", "--base", repo + ":b1")
        walk("image ratelimit", repo + ":v1")
        walk("manifest diff", repo + ":v1", repo + ":v2")
        walk("manifest put", "--by-digest", repo, stdin=nodes["b1"].data)
        walk("blob get", repo, layers[0])
        walk("blob get-file", repo, layers[-1], "base/release")
        walk("blob head", repo, layers[0])
        walk("blob put", repo, stdin=b"text")
        walk("blob diff-config", repo, layers[0], repo, other[0])
        walk("blob diff-layer", repo, layers[-1], repo, other[-1])
        walk("digest", stdin=b"text")
        walk("tag ls", repo)
        walk("repo ls", source.host)
        walk("registry config")
        self.program("regctl", "registry", "login", source.host, "-u", "me", "--pass", "x", "--skip-check")
        walk("registry whoami", source.host)
        walk("config get")
        self.common("regctl")
        self.complete("regctl")

    # --- runners ---

    def test_runners(self):
        root = self.layouts(3)
        sync = self.write("sync.yml", {"version": 1, "sync": [{"source": "ocidir://%s/app" % root, "target": "ocidir://%s/copy" % root, "type": "repository"}]})
        self.check("regsync", "config", "-c", sync)
        self.check("regsync", "once", "--output", "json", "-c", sync)
        self.check("regsync", "check", "--output", "json", "-c", sync)
        self.common("regsync")
        self.complete("regsync")
        talk = "for i = 1, 2000 do print('line ' .. i) end"
        self.check("regbot", "run", self.write("talk.lua", talk))
        self.check("regbot", "once", "-c", self.write("bot.yml", {"version": 1, "scripts": [{"name": "talk", "script": talk}]}))
        self.check("regbot", "check", "-c", self.write("bad.yml", {"version": 1, "scripts": [{"name": "bad", "script": "for"}]}), status=1)
        self.common("regbot")
        self.complete("regbot")


if __name__ == "__main__":
    main()

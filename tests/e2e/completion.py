#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Completion at the TAB key: what `regctl __complete` answers with real and hostile registries, and the scripts in real shells."""
import json
import os
import pty
import re
import select
import shlex
import shutil
import socket
import time
import unittest

from common import Case, harness, images, main
from harness import program, run, start_process, stop_process
from httpd import Response, Server

SECRET = "hunter2-canary"


class Terminal:
    """A shell on a terminal of its own: types, and waits for what comes."""

    def __init__(self, argv, env, cwd):
        self.master, slave = pty.openpty()
        self.process = start_process(argv, stdin=slave, stdout=slave, stderr=slave, env={**env, "TERM": "dumb"}, cwd=cwd, start_new_session=True)
        os.close(slave)
        self.seen = ""

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, wait=0.1):
        if select.select([self.master], [], [], wait)[0]:
            try:
                self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
            except OSError:
                pass

    def expect(self, pattern, seconds=10):
        end = time.monotonic() + seconds * harness.SLOW
        while not (found := re.search(pattern, self.seen)):
            if time.monotonic() > end:
                raise AssertionError("waited in vain for %r; the terminal shows\n%r" % (pattern, self.seen))
            self.read()
        self.seen = self.seen[found.end():]
        return found

    def close(self):
        """Shells at a terminal do not end by TERM."""
        self.type("\x03\x15exit\n")
        stop_process(self.process, wait=1)
        os.close(self.master)


class Completion(Case):
    def setUp(self):
        super().setUp()
        self.registry = self.docker_registry("registry")
        node = images.image([images.layer_of_files({"a": b"a"})])
        for repository, tag in (("team/app", "v1.0"), ("team/app", "v1.1"), ("team/app", "latest"), ("team/base", "1"), ("tools/busybox", "stable")):
            images.push(self.registry.client, repository, tag, node)
        self.config = self.work("regctl.json")
        self.write_config({self.registry.host: {"tls": "disabled"},
                           "secret.example.org": {"user": "somebody", "pass": SECRET}})
        self.env["REGCTL_CONFIG"] = self.config
        self.env["PATH"] = harness.BIN + ":" + self.env["PATH"]

    def write_config(self, hosts):
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump({"hosts": hosts}, f)

    def ask(self, *words, options=(), limit=10):
        """(flags, candidates) for the words behind the program's name."""
        result = run([program("regctl"), "__complete", *options], env=self.env, cwd=self.work.path,
                     stdin=b"".join(w.encode() + b"\0" for w in words))
        self.assertEqual((result.status, result.err), (0, ""), result.text())
        self.assertLess(result.seconds, limit * harness.SLOW, result.text())
        self.assertNotIn(SECRET, result.out)
        lines = result.out.splitlines()
        return (lines[0] if lines else None), lines[1:]

    # --- what is answered ---

    def test_repositories_and_tags(self):
        host = self.registry.host
        self.assertEqual(self.ask("tag", "ls", host + "/te"), (":", [host + "/team/app", host + "/team/base"]))
        self.assertEqual(self.ask("image", "copy", "alpine", host + "/to"), (": nospace", [host + "/tools/busybox:"]))
        tags = [host + "/team/app:" + t for t in ("latest", "v1.0", "v1.1")]
        self.assertEqual(self.ask("image", "copy", host + "/team/app:"), (":", tags))
        self.assertEqual(self.ask("tag", "delete", "--ignore-missing", host + "/team/app:v"), (":", tags[1:]))
        self.assertEqual(self.ask("tag", "ls", host + "/team/app", "--last", "v"), (":", ["v1.0", "v1.1"]))
        self.assertEqual(self.ask("repo", "copy", host + "/team/b"), (":", [host + "/team/base"]))
        self.assertEqual(self.ask("tag", "ls", host + "/team/app:"), (":", []), "a repository has no tag")
        self.assertEqual(self.ask("image", "copy", host + "/team/app@"), (":", []))

    def test_registries_by_name(self):
        flags, names = self.ask("tag", "ls", "")
        self.assertEqual(flags, ": nospace")
        self.assertIn(self.registry.host + "/\tregistry", names)
        self.assertIn("secret.example.org/\tregistry", names)
        self.assertEqual(self.ask("repo", "ls", "127.", options=["--no-descriptions"]), (":", [self.registry.host]))

    def test_host_on_the_line(self):
        """What --host says of a registry counts, before the command and behind it."""
        self.write_config({})
        host, flag = self.registry.host, self.registry.host_flag()
        for words in (["--host", flag, "tag", "ls", host + "/tools"], ["tag", "--host=" + flag, "ls", host + "/tools"],
                      ["tag", "ls", "--host", flag, host + "/tools"]):
            self.assertEqual(self.ask(*words), (":", [host + "/tools/busybox"]), words)
        self.assertEqual(self.ask("tag", "ls", "--host", flag + ",pass=" + SECRET + ",user=x", host + "/team/b")[1], [host + "/team/base"])

    def test_layouts(self):
        run([program("regctl"), "image", "copy", self.registry.host + "/team/app:v1.0", "ocidir://layouts/app:one"], env=self.env, cwd=self.work.path)
        self.assertEqual(self.ask("tag", "ls", "ocidir://lay"), (": nospace", ["ocidir://layouts/"]))
        self.assertEqual(self.ask("image", "inspect", "ocidir://layouts/"), (": nospace", ["ocidir://layouts/app:"]))
        self.assertEqual(self.ask("image", "inspect", "ocidir://layouts/app:"), (":", ["ocidir://layouts/app:one"]))

    def test_silent_when_nothing_answers(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(8)
            host = "127.0.0.1:%d" % listener.getsockname()[1]
            self.write_config({host: {"tls": "disabled"}})
            for word in (host + "/", host + "/team/app:"):
                flags, names = self.ask("image", "inspect", word)
                self.assertEqual(names, [])
                self.assertIn(flags, (None, ":", ": nospace"))
            gone = listener.getsockname()[1]
        self.assertEqual(self.ask("image", "inspect", "127.0.0.1:%d/x:" % gone)[1], [])
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("{ no JSON")
        self.assertEqual(self.ask("image", "inspect", self.registry.host + "/x:")[1], [])
        result = run([program("regctl"), "__complete"], env=self.env, stdin=b"")
        self.assertEqual((result.status, result.out, result.err), (0, "", ""))

    def test_hostile_names(self):
        """Names that are none go into no command line."""
        evil = ["ok", "$(touch pwned)", "a;b", "x y", "`id`", "\x1b[31mred", "tab\there", "line\nfeed", "../up", "-rf", "a" * 129]

        def app(request):
            key = "tags" if "/tags/" in request.path else "repositories"
            body = json.dumps({"name": "r", key: evil}).encode()
            return Response(200, body, {"Content-Type": "application/json"})

        server = Server(app)
        server.start()
        self.addCleanup(server.stop)
        host = "127.0.0.1:%d" % server.port
        self.write_config({host: {"tls": "disabled"}})
        self.assertEqual(self.ask("tag", "ls", host + "/"), (":", [host + "/" + "a" * 129, host + "/ok"]))
        self.assertEqual(self.ask("image", "inspect", host + "/r:"), (":", [host + "/r:ok"]))

    # --- shells ---

    def script(self, shell, *options):
        result = run([program("regctl"), "completion", shell, *options], env=self.env)
        self.assertEqual((result.status, result.err), (0, ""))
        path = self.work("regctl." + shell)
        with open(path, "w", encoding="utf-8") as f:
            f.write(result.out)
        return path

    def bash(self, line, breaks=None):
        """COMPREPLY for a line with the cursor at its end, in the way bash cuts it."""
        words = [w for w in re.findall(r"[:=]|\"[^\"]*\"?|[^\s:=]+" if breaks is None else r"\S+", line)]
        if line.endswith(" "):
            words.append("")
        text = "source %s\n%sCOMP_LINE=%s COMP_POINT=%d COMP_WORDS=(%s) COMP_CWORD=%d\n_regctl regctl\nprintf '%%s\\n' \"${COMPREPLY[@]}\"\n" % (
            self.script("bash"), "" if breaks is None else "COMP_WORDBREAKS=%s\n" % shlex.quote(breaks), shlex.quote(line), len(line),
            " ".join(map(shlex.quote, words)), len(words) - 1)
        result = run(["bash", "--norc", "-c", text], env=self.env, cwd=self.work.path)
        self.assertEqual((result.status, result.err), (0, ""), result.text())
        return [l for l in result.out.splitlines() if l]

    def test_bash_words(self):
        host = self.registry.host
        port = str(self.registry.port)
        self.assertEqual(self.bash("regctl image co"), ["copy"])
        self.assertEqual(self.bash("regctl tag ls %s/te" % host), [port + "/team/app", port + "/team/base"])
        self.assertEqual(self.bash("regctl image inspect %s/team/app:v" % host), ["v1.0", "v1.1"])
        self.assertEqual(self.bash("regctl image inspect %s/team/app:v" % host, breaks=" \t\n"),
                         [host + "/team/app:v1.0", host + "/team/app:v1.1"])
        self.assertEqual(self.bash("regctl image copy --platform=linux/arm6"), ["linux/arm64"])
        self.assertEqual(self.bash("regctl image copy --platform linux/arm6"), ["linux/arm64"])
        self.assertEqual(self.bash('regctl image inspect "%s/team/app:v1.1' % host), [host + "/team/app:v1.1"])
        for name in ("a tar.tar", "b.tar"):
            open(self.work(name), "w", encoding="utf-8").close()
        self.assertEqual(self.bash("regctl image import x:y a"), ["a tar.tar"])
        self.assertEqual(self.bash("regctl nosuch "), [])

    def test_bash_at_a_terminal(self):
        terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], {**self.env, "PS1": "ready> "}, self.work.path)
        self.addCleanup(terminal.close)
        terminal.type("bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; source %s; echo so${x}urced\n" % self.script("bash"))
        terminal.expect("sourced")
        terminal.expect("ready> $")
        terminal.type("regctl image dig\t")
        terminal.expect("image digest ")
        terminal.type("%s/to\t" % self.registry.host)
        terminal.expect(re.escape("%s/tools/busybox:" % self.registry.host))
        terminal.type("\t")
        terminal.expect("stable ")
        terminal.type("\n")
        terminal.expect("sha256:[0-9a-f]{64}")

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        for options in ((), ("--no-descriptions",)):
            path = self.script("zsh", *options)
            harness.tool("zsh", "-n", path)
            terminal = Terminal(["zsh", "-f", "-i"], {**self.env, "PS1": "ready> "}, self.work.path)
            terminal.type("unsetopt zle_bracketed_paste prompt_sp prompt_cr; autoload -U compinit; compinit -u -D; source %s; echo so${x}urced\n" % path)
            terminal.expect("sourced")
            terminal.expect("ready> ")
            terminal.type("regctl image dig\t")
            terminal.expect("digest ")
            terminal.type("%s/to\t" % self.registry.host)
            terminal.expect("ols/busybox:")
            terminal.type("\t")
            terminal.expect("stable")
            terminal.type("\n")
            terminal.expect("sha256:[0-9a-f]{64}")
            terminal.close()

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish(self):
        path = self.script("fish")
        harness.tool("fish", "-n", path)
        host = self.registry.host

        def complete(line):
            result = run(["fish", "-N", "-c", "source %s; complete -C %s" % (path, shlex.quote(line))], env=self.env, cwd=self.work.path)
            self.assertEqual((result.status, result.err), (0, ""), result.text())
            return result.out.splitlines()

        self.assertEqual(complete("regctl image co"), ["copy\tcopy or retag an image"])
        self.assertEqual(complete("regctl "), [l for l in complete("regctl ") if "\t" in l])
        self.assertEqual(complete("regctl tag ls %s/te" % host), [host + "/team/app", host + "/team/base"])
        self.assertEqual(complete("regctl image inspect %s/team/app:v1.1" % host), [host + "/team/app:v1.1"])
        self.assertEqual(complete("regctl image copy --platform=linux/arm6"), ["--platform=linux/arm64"])
        open(self.work("b.tar"), "w", encoding="utf-8").close()
        self.assertEqual(complete("regctl image import x:y b."), ["b.tar"])


if __name__ == "__main__":
    main()

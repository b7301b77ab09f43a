#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`cmake --install` into a temporary root: programs that run there, manual pages that formatters accept, completions that shells accept,
each where a system looks for it, and nothing else."""
import os
import re
import shutil
import subprocess

from common import Case, harness, main
from harness import run

KNOWN = ("regctl", "regexport", "regimport")
SYNTAX = {"bash": ("bash", "-n"), "zsh": ("zsh", "-n"), "fish": ("fish", "-n")}


class Install(Case):
    def setUp(self):
        super().setUp()
        root = self.work.folder("root")
        self.expect(run(["cmake", "--install", harness.BIN, "--prefix", "/usr"], env={**self.env, "DESTDIR": root}, timeout=120), 0)
        self.usr = os.path.join(root, "usr")
        self.programs = sorted(n[:-2] for n in os.listdir(os.path.join(self.usr, "share", "man", "man1")))
        self.assertLessEqual(set(KNOWN), set(self.programs))

    def path(self, *parts):
        path = os.path.join(self.usr, *parts)
        self.assertTrue(os.path.isfile(path), path + " is not there")
        return path

    def read(self, *parts):
        with open(self.path(*parts), encoding="utf-8") as f:
            return f.read()

    def commands(self, program):
        """Every command that the help shows, as "regctl image copy"."""
        found, todo = [], [[]]
        while todo:
            words = todo.pop()
            text = self.expect(run([self.path("bin", program), *words, "--help"], env=self.env), 0).out
            found.append(" ".join([program, *words]))
            listed = re.search(r"^Commands:\n((?:  .*\n)+)", text, re.M)
            for name in re.findall(r"^  ([a-z][a-z-]*)  ", listed.group(1), re.M) if listed else ():
                todo.append([*words, name])
        return found

    def formatted(self, page):
        """The page as text; formatters have nothing to say against it."""
        text = None
        if shutil.which("mandoc"):
            self.assertEqual(run(["mandoc", "-Tlint", "-Wwarning", page]).out, "")
            text = run(["mandoc", "-Tutf8", page]).out
        if shutil.which("groff"):
            result = run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou", page])
            self.assertEqual((result.status, result.err), (0, ""))
            text = text or result.out
        return re.sub(".\x08", "", text) if text else None

    def test_programs(self):
        for program in self.programs:
            result = self.expect(run([self.path("bin", program), "version"], env=self.env), 0)
            self.assertIn("0.", result.out)

    def test_without_libcurl(self):
        """It is loaded at the first request: what makes none works, what makes one says what is missing."""
        if b"libcurl.so.4" in subprocess.run(["readelf", "-d", self.path("bin", "regctl")], capture_output=True, check=True).stdout:
            self.skipTest("libcurl is linked")
        with open(os.path.join(self.work.folder("no-curl"), "libcurl.so.4"), "wb") as f:
            f.write(b"no library\n" + bytes(4096))
        env = {**self.env, "LD_LIBRARY_PATH": self.work("no-curl")}
        self.expect(run([self.path("bin", "regctl"), "version"], env=env), 0)
        result = self.expect(run([self.path("bin", "regctl"), "tag", "ls", "127.0.0.1:1/x"], env=env), 1)
        self.assertEqual(result.err, "the HTTP library does not start: libcurl.so.4 is not installed, or is another version\n")

    def test_manual_pages(self):
        for program in self.programs:
            page = self.path("share", "man", "man1", program + ".1")
            source = self.read("share", "man", "man1", program + ".1")
            self.assertRegex(source, r'\n\.TH %s 1 "\d{4}-\d\d-\d\d" ' % program.upper())
            for line in source.splitlines():
                if line.startswith((".", "'")):
                    self.assertRegex(line, r'^\.(\\"|TH|SH|SS|PP|TP|IP|RS|RE|nf|fi)( |$)', program)
            text = self.formatted(page)
            commands = self.commands(program)
            for command in commands:
                if not any(other.startswith(command + " ") for other in commands):
                    self.assertRegex(source, r'\n\.SS "%s[ "]' % re.escape(command.replace("-", "\\-")))
            if text:
                self.assertNotIn("\\f", text)
                for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXAMPLES"):
                    self.assertRegex(text, "(?m)^%s$" % section)
                self.assertIn("--host", text)

    def test_completions(self):
        for program in self.programs:
            for shell, path in (("bash", ("bash-completion", "completions", program)), ("zsh", ("zsh", "site-functions", "_" + program)),
                                ("fish", ("fish", "vendor_completions.d", program + ".fish"))):
                made = run([self.path("bin", program), "completion", shell], env=self.env).out
                self.assertEqual(self.read("share", *path), made)
                if shutil.which(shell):
                    self.expect(run([*SYNTAX[shell], self.path("share", *path)], env=self.env), 0)
        answer = run([self.path("bin", "regexport"), "__complete"], env=self.env, stdin=b"create\0--sparse\0\0")
        self.assertEqual(answer.out, ":\nkeep\nprune\n")

    def test_nothing_else(self):
        names = "|".join(KNOWN + ("regsync", "regbot"))
        allowed = re.compile(r"^(bin/(%s)|share/man/man1/(%s)\.1|share/bash-completion/completions/(%s)|share/zsh/site-functions/_(%s)|"
                             r"share/fish/vendor_completions\.d/(%s)\.fish)$" % ((names,) * 5))
        for base, _, files in os.walk(self.usr):
            for name in files:
                self.assertRegex(os.path.relpath(os.path.join(base, name), self.usr), allowed)


if __name__ == "__main__":
    main()

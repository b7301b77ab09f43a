#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README's tour is true: samples/demo/tour.py runs every command of it, and each line that the page shows is said by the programs."""
import os
import re
import sys

from common import Case, main, run

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# What differs with the images, or from run to run.
CHANGING = [(r"sha256:[0-9a-f]{64}", "DIGEST"), (r"\b[0-9a-f]{64}\b", "HEX"), (r"-[0-9a-f]{12}-", "-ID-"), (r"chain [0-9a-f]{32}", "chain ID"),
            (r"\b[0-9]+(\.[0-9]+)? [kMGT]?B\b", "SIZE"), (r"\b[0-9]+ bytes", "SIZE"), (r"time=\S+ ", ""), (r"regexport [0-9]+\.[0-9]+\.[0-9]+", "regexport VERSION")]


def plain(line):
    for pattern, name in CHANGING:
        line = re.sub(pattern, name, line)
    return " ".join(line.split())


def commands(text):
    """(command, its output lines) of lines that begin with "$ "."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def of_readme():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        tour = f.read().split("\n## Five minutes\n")[1].split("\n## ")[0]
    return commands("\n".join(re.findall(r"```console\n(.*?)```", tour, re.S)))


def missing(shown, said):
    """The first line that is shown and not said, in this order; a line "…" stands for any, "…" at an end for the rest of a line."""
    at, said = 0, [plain(l) for l in said]
    for line in (plain(l) for l in shown):
        if line in ("…", ""):
            continue
        begin = line[:-1].rstrip() if line.endswith("…") else None
        while at < len(said) and not (said[at].startswith(begin) if begin is not None else said[at] == line):
            at += 1
        if at == len(said):
            return line
        at += 1
    return None


class Tour(Case):
    def test_the_page_shows_what_is_said(self):
        env = dict(os.environ)
        result = self.expect(run([sys.executable, os.path.join(ROOT, "samples", "demo", "tour.py"), "--made"], env=env, timeout=100), 0)
        said = {}
        for command, lines in commands(result.out):
            said.setdefault(command, lines)
        shown = of_readme()
        self.assertGreater(len(shown), 10)
        for command, lines in shown:
            self.assertIn(command, said, "a command of the README that the tour does not run")
            line = missing(lines, said[command])
            if line is not None:
                self.fail("the README shows under `%s`\n  %s\nbut it says\n  %s" % (command, line, "\n  ".join(plain(l) for l in said[command])))
        self.assertIn("echo status $?", "".join(said))

    def test_what_is_missing_is_found(self):
        said = ["level=WARN msg=x more", "bundle    sha256:%s, 1.2 MB" % ("a" * 64), "end"]
        self.assertIsNone(missing(["level=WARN msg=x …", "bundle    sha256:%s, 13.4 kB" % ("b" * 64), "…", "end"], said))
        self.assertEqual(missing(["end", "level=WARN msg=x more"], said), "level=WARN msg=x more")
        self.assertEqual(missing(["ending"], said), "ending")


if __name__ == "__main__":
    main()

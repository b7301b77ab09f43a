# SPDX-License-Identifier: Apache-2.0
"""What the source checks share: our C files, and their text without comments."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def c_files(names):
    """The files named, or all .c and .h of the repository that are not ignored, as paths from its root."""
    if names:
        return [os.path.relpath(os.path.abspath(n), ROOT) for n in names]
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*.c", "*.h"], cwd=ROOT,
                         check=True, capture_output=True, text=True).stdout
    return [f for f in sorted(set(out.split("\n"))) if f and os.path.isfile(os.path.join(ROOT, f))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def blank(text, strings=False):
    """The text with comments (and the insides of strings) turned into blanks, every line in its place."""
    def keep(match):
        token = match.group()
        if token[0] in "\"'":
            return token if not strings else token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return TOKEN.sub(keep, text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def finish(problems):
    """Prints "file:line: text" for each problem and ends the program."""
    for path, line, text in sorted(set(problems)):
        print(f"{path}:{line}: {text}")
    sys.exit(1 if problems else 0)

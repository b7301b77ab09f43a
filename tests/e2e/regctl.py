#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""regctl's golden cases: tests/data/regctl/README.md describes their form.

    regctl.py [GROUP|FILE]...      RF_UPDATE_GOLDEN=1 writes what was seen into the files
"""
import collections
import glob
import json
import os
import re
import shlex
import sys
import tarfile
import unittest

from common import harness, images
from harness import DockerRegistry, ScriptedRegistry, Workspace, clean_env, program, run
import regctl_seeds

DATA = os.path.join(harness.ROOT, "tests", "data", "regctl")
UPDATE = bool(os.environ.get("RF_UPDATE_GOLDEN"))
KINDS = (("ping", r"^/v2/$"), ("catalog", r"^/v2/_catalog"), ("token", r"^/token"), ("tags", r"/tags/list"), ("referrers", r"/referrers/"),
         ("manifests", r"/manifests/"), ("uploads", r"/blobs/uploads/"), ("blobs", r"/blobs/"))


class Step:
    def __init__(self, command, line):
        self.command, self.line = command, line
        self.stdin, self.out, self.err = [], [], []
        self.status = 0
        self.traffic = {}  # "=" or "=2", with the kind of registry behind it where it is for that one only -> requests

    def lines(self):
        made = ["$ " + self.command]
        made += ["<~" if l is None else "< " + l if l else "<" for l in self.stdin]
        made += [">~" if l is None else ">..." if l is ... else "> " + l if l else ">" for l in self.out]
        made += ["! " + l if l else "!" for l in self.err]
        made += ["[%d]" % self.status] if self.status else []
        made += [(mark + " " + seen).rstrip() for mark, seen in sorted(self.traffic.items())]
        return made


def read_case(path):
    """(head lines as written, settings, steps)."""
    head, settings, steps = [], {}, []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not steps and not line.startswith("$ "):
                head.append(line)
                if line and not line.startswith("#"):
                    key, _, value = line.partition(" ")
                    if key not in ("registry", "registry2", "seed", "layout", "host"):
                        raise ValueError("%s:%d: unknown head line %r" % (path, number, key))
                    if key == "host":
                        settings.setdefault(key, []).append(value)
                    else:
                        settings[key] = value.split()
                continue
            read_step_line(path, number, line, steps)
    return head, settings, steps


def read_step_line(path, number, line, steps):
    if line.startswith("$ "):
        steps.append(Step(line[2:], number))
        return
    step, text = steps[-1], line[2:] if line[1:2] == " " else line[1:]
    if line == "" or line.startswith("#"):
        step.out_end = True
    elif line in ("<~", ">~"):
        (step.stdin if line[0] == "<" else step.out).append(None)
    elif line == ">...":
        step.out.append(...)
    elif line[0] in "<>!":
        {"<": step.stdin, ">": step.out, "!": step.err}[line[0]].append(text)
    elif line[0] == "=":
        mark, requests = re.fullmatch(r"(=2?(?:\[[a-z-]+\])?)(?: (.*))?", line).groups()
        step.traffic[mark] = requests or ""
    elif re.fullmatch(r"\[\d+\]", line):
        step.status = int(line[1:-1])
    else:
        raise ValueError("%s:%d: %r" % (path, number, line))


def to_text(lines):
    if lines and lines[-1] is None:
        return "\n".join(lines[:-1])
    return "".join(l + "\n" for l in lines)


def to_lines(text):
    if not text:
        return []
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines + [None]


def matches(want, seen):
    """Line by line; {*} is anything within a line, "..." as the last one is anything behind it."""
    if want and want[-1] is ...:
        want, seen = want[:-1], seen[:len(want) - 1]
    if len(want) != len(seen):
        return False
    for w, s in zip(want, seen):
        if w is None or s is None:
            if w is not s:
                return False
        elif "{*}" in w:
            if not re.fullmatch(".*".join(map(re.escape, w.split("{*}"))), s):
                return False
        elif w != s:
            return False
    return True


def summary(requests):
    counts = collections.Counter()
    for method, path in requests:
        kind = next((name for name, pattern in KINDS if re.search(pattern, path)), path)
        counts[(method, kind)] += 1
    return ", ".join("%s %s %d" % (m, k, n) for (m, k), n in sorted(counts.items(), key=lambda i: (i[0][1], i[0][0])))


class Run:
    """One case on one registry."""

    def __init__(self, settings, registry):
        self.work = Workspace("regctl")
        self.kind = (registry or "").partition(":")[0]
        self.exits = [self.work.close]
        self.reg = self.reg2 = None
        self.names = {"dir": self.work.path}
        self.hosts = {}
        triples = [t for name in settings.get("seed", []) + settings.get("layout", []) for t in regctl_seeds.SEEDS[name]()]
        self.names.update({"d:" + k: v for k, v in regctl_seeds.digests(triples).items()})
        try:
            self.start(settings, registry)
        except BaseException:
            self.close()
            raise
        self.env = clean_env(self.work.folder("home"), TMPDIR=self.work.folder("tmp"))
        self.write_config(settings.get("host", []))

    def start(self, settings, registry):
        seed = [t for name in settings.get("seed", []) for t in regctl_seeds.SEEDS[name]()]
        if registry:
            self.reg = self.open(registry, "reg", seed)
        if settings.get("registry2"):
            self.reg2 = self.open(settings["registry2"][0], "reg2", [])
        for name in settings.get("layout", []):
            images.write_tree(os.path.join(self.work.path, "layout"), regctl_seeds.SEEDS[name]())

    def open(self, kind, name, seed):
        kind, _, profile = kind.partition(":")
        if kind == "scripted":
            own = os.path.join(DATA, profile + ".json")
            tree = None
            if seed:
                tree = self.work.folder(name + "-seed")
                images.write_tree(tree, seed)
            place = ScriptedRegistry(self.work.folder(name), own if os.path.exists(own) and profile else profile or None, tree)
        else:
            place = DockerRegistry(self.work.folder(name), delete=kind != "docker-nodelete")
        place.__enter__()
        self.exits.append(lambda: place.__exit__(None, None, None))
        self.names[name] = place.host
        self.hosts[place.host] = {"tls": "disabled", "hostname": place.host}
        if kind != "scripted" and seed:
            images.push_all(place.client, seed, workers=1)  # docker-registry may lose one of two uploads of a blob at once
        return place

    def write_config(self, more):
        for line in more:
            name, _, text = line.partition(" ")
            self.hosts.setdefault(self.fill(name), {}).update(json.loads(self.fill(text)))
        folder = os.path.join(self.env["HOME"], ".regctl")
        os.makedirs(folder)
        with open(os.open(os.path.join(folder, "config.json"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            json.dump({"hosts": self.hosts}, f)

    def close(self):
        for leave in reversed(self.exits):
            leave()
        self.exits = []

    def fill(self, text):
        return re.sub(r"\{([a-z0-9]+(?::[^{}]+)?)\}", lambda m: self.names.get(m.group(1), m.group(0)), text)

    def unfill(self, text):
        """The run's own values, back to their names: longest first. The time of log lines is no one's."""
        text = re.sub(r"^time=\S+ ", "time={*} ", text, flags=re.M)
        for name, value in sorted(self.names.items(), key=lambda i: -len(i[1])):
            if not name.startswith("d:"):
                text = text.replace(value, "{%s}" % name)
        return text

    @staticmethod
    def begin(place):
        if isinstance(place, ScriptedRegistry):
            place.clear_log()
        elif place:
            place.mark()

    @staticmethod
    def seen(place):
        if isinstance(place, ScriptedRegistry):
            return summary((l["method"], l["path"]) for l in place.requests())
        return summary((m, p) for m, p, _ in place.requests()) if place else None

    def builtin(self, words, stdin):
        path = os.path.join(self.work.path, words[1])
        if words[0] == "cat":
            with open(path, encoding="utf-8") as f:
                return f.read()
        if words[0] == "ls":
            found = []
            for base, _, files in os.walk(path):
                found += [os.path.relpath(os.path.join(base, f), path) for f in files]
            return "".join(f + "\n" for f in sorted(found))
        if words[0] == "tar":
            with tarfile.open(path) as tar:
                return "".join("%s\n" % m.name for m in tar)
        if words[0] == "write":
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
                f.write(stdin)
            return ""
        if words[0] == "rm":
            os.remove(path)
            return ""
        raise ValueError("unknown command %r" % words[0])

    def step(self, step):
        """A step as it was seen."""
        words = shlex.split(self.fill(step.command))
        stdin = self.fill(to_text(step.stdin))
        seen = Step(step.command, step.line)
        seen.stdin = step.stdin
        if words[0] != "regctl":
            seen.out = to_lines(self.unfill(self.builtin(words, stdin)))
            return seen
        self.begin(self.reg)
        self.begin(self.reg2)
        result = run([program("regctl"), *words[1:]], env=self.env, stdin=stdin.encode(), cwd=self.work.path)
        seen.out, seen.err = to_lines(self.unfill(result.out)), to_lines(self.unfill(result.err))
        seen.status = result.status
        if self.reg:
            seen.traffic["="] = self.seen(self.reg)
        if self.reg2:
            seen.traffic["=2"] = self.seen(self.reg2)
        return seen

    def wanted_requests(self, step, mark):
        """None: they are not looked at."""
        return step.traffic.get("%s[%s]" % (mark, self.kind), step.traffic.get(mark))


def differences(run_, want, seen):
    out = [l if l in (None, ...) else run_.unfill(run_.fill(l)) for l in want.out]
    err = [None if l is None else run_.unfill(run_.fill(l)) for l in want.err]
    found = []
    if not matches(out, seen.out):
        found.append("stdout")
    if not matches(err, seen.err):
        found.append("stderr")
    if want.status != seen.status:
        found.append("status")
    for mark, requests in seen.traffic.items():
        if run_.wanted_requests(want, mark) not in (None, requests):
            found.append("requests " + mark)
    return found


def merged(run_, want, seen):
    """What is written to the file: names of digests and {*} stay where they still hold."""
    kept = Step(want.command, want.line)
    kept.stdin, kept.status = want.stdin, seen.status
    for attr in ("out", "err"):
        old, new = getattr(want, attr), getattr(seen, attr)
        filled = [l if l in (None, ...) else run_.unfill(run_.fill(l)) for l in old]
        setattr(kept, attr, old if matches(filled, new) else name_digests(run_, new))
    kept.traffic = dict(want.traffic)
    for mark, requests in seen.traffic.items():
        if not want.traffic and not want.out and not want.err:
            kept.traffic[mark] = requests
        elif run_.wanted_requests(want, mark) not in (None, requests):
            kept.traffic["%s[%s]" % (mark, run_.kind) if len(run_.kinds) > 1 else mark] = requests
    return kept


def name_digests(run_, lines):
    names = {}
    for key, value in run_.names.items():
        if key.startswith("d:"):
            names.setdefault(value, "{%s}" % key)
    return [l if l is None else re.sub(r"sha256:[0-9a-f]{64}", lambda m: names.get(m.group(0), m.group(0)), l) for l in lines]


class Golden(unittest.TestCase):
    maxDiff = None

    def check(self, path):
        head, settings, steps = read_case(path)
        self.assertTrue(steps, "no steps")
        for registry in settings.get("registry", [None]):
            with self.subTest(registry=registry):
                self.check_on(path, head, settings, registry, steps)

    def check_on(self, path, head, settings, registry, steps):
        run_ = Run(settings, registry)
        run_.kinds = settings.get("registry", [None])
        self.addCleanup(run_.close)
        new, wrong = [], []
        for step in steps:
            seen = run_.step(step)
            found = differences(run_, step, seen)
            if found:
                wrong.append("%s:%d: other %s\n--- wanted\n%s\n--- seen\n%s" % (
                    os.path.relpath(path, harness.ROOT), step.line, ", ".join(found), "\n".join(step.lines()), "\n".join(seen.lines())))
            new.append(merged(run_, step, seen))
        run_.close()
        if UPDATE:
            write_case(path, head, new)
            steps[:] = new
        elif wrong:
            self.fail("\n\n".join(wrong))


def write_case(path, head, steps):
    while head and not head[-1]:
        head.pop()
    text = "\n".join(head) + "\n" + "".join("\n" + "\n".join(s.lines()) + "\n" for s in steps)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def add_cases(paths):
    for path in paths:
        name = os.path.relpath(path, DATA)[:-len(".case")]
        setattr(Golden, "test_" + re.sub(r"[^a-z0-9]+", "_", name.lower()), lambda self, path=path: self.check(path))


def main():
    wanted = sys.argv[1:] or ["."]
    paths = []
    for word in wanted:
        paths += [word] if os.path.isfile(word) else glob.glob(os.path.join(DATA, word, "**", "*.case"), recursive=True)
    if not paths:
        raise SystemExit("no cases: " + " ".join(wanted))
    add_cases(sorted(set(map(os.path.abspath, paths))))
    unittest.main(argv=[sys.argv[0]])


if __name__ == "__main__":
    main()

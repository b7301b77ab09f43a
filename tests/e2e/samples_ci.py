#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The scripts of samples/ci against real registries; that the pipelines call them as they want to be called; and that the image of the
Containerfile would have what the programs need."""
import json
import os
import re
import shutil
import subprocess
import unittest

from common import Case, check_image, harness, images, main
from harness import run

SAMPLES = os.path.join(harness.ROOT, "samples", "ci")


def sample(name):
    with open(os.path.join(SAMPLES, name), encoding="utf-8") as f:
        return f.read()


class Scripts(Case):
    def setUp(self):
        super().setUp()
        self.staging, self.production = self.docker_registry("staging"), self.docker_registry("production")
        self.env["PATH"] = harness.BIN + ":" + self.env["PATH"]
        self.env["REGCTL_CONFIG"] = self.work("regctl.json")
        with open(self.env["REGCTL_CONFIG"], "w", encoding="utf-8") as f:
            json.dump({"hosts": {r.host: {"tls": "disabled"} for r in (self.staging, self.production)}}, f)
        self.node = self.image("one")
        images.push(self.staging.client, "team/app", "build-42", self.node)

    def image(self, content):
        return images.index([images.image([images.layer_of_files({"app": content.encode()})], platform=p) for p in ("linux/amd64", "linux/arm64")])

    def script(self, name, *args, status=0, **env):
        return self.expect(run([os.path.join(SAMPLES, name), *args], env={**self.env, **env}), status)

    def test_retag(self):
        image = self.staging.host + "/team/app:build-42"
        self.staging.mark()
        result = self.script("retag.sh", image, "1.4", "latest")
        self.assertEqual(result.out, "".join("%s/team/app:%s %s\n" % (self.staging.host, t, self.node.digest) for t in ("1.4", "latest")))
        self.assertEqual([p for m, p, _ in self.staging.requests() if "/blobs/" in p], [], "a layer was looked at")
        for tag in ("1.4", "latest"):
            check_image(self.staging.client, "team/app", tag, self.node)
        self.assertIn("not found", self.script("retag.sh", self.staging.host + "/team/app:nosuch", "x", status=1).err)
        self.script("retag.sh", image, status=2)

    def test_promote(self):
        source, target = self.staging.host + "/team/app:build-42", self.production.host + "/shop/app:1.4.2"
        sbom = images.sbom(self.node)
        kind = sbom.document.get("artifactType") or sbom.document["config"]["mediaType"]
        self.assertIn("has no artifact of type", self.script("promote.sh", source, target, status=1, NEEDS=kind).err)
        images.push(self.staging.client, "team/app", None, sbom)
        self.assertIn("the tests ran on", self.script("promote.sh", source, target, status=1, DIGEST="sha256:" + "0" * 64).err)
        self.assertEqual(self.production.client.repositories(), [], "something was pushed")
        result = self.script("promote.sh", source, target, NEEDS=kind, DIGEST=self.node.digest)
        self.assertEqual(result.out, "%s %s\n" % (target, self.node.digest))
        check_image(self.production.client, "shop/app", "1.4.2", self.node)
        check_image(self.production.client, "shop/app", sbom.digest, sbom)
        self.script("promote.sh", source, target, NEEDS=kind)
        self.script("promote.sh", source, status=2)

    def test_clean_tags(self):
        repository = self.staging.host + "/team/app"
        for number in (2, 9, 10, 100):
            images.push(self.staging.client, "team/app", "build-%d" % number, self.image(str(number)))
        for tag in ("1.4.2", "build-42-rc", "rebuild-1"):
            images.push(self.staging.client, "team/app", tag, self.node)
        tags = set(self.staging.client.tags("team/app"))
        gone = ["build-10", "build-9", "build-2"]
        result = self.script("clean-tags.sh", repository, "build-[0-9]+", "2")
        self.assertEqual(result.out, "".join("would delete %s:%s\n" % (repository, t) for t in gone))
        self.assertEqual(set(self.staging.client.tags("team/app")), tags)
        result = self.script("clean-tags.sh", repository, "build-[0-9]+", "2", "--delete")
        self.assertEqual(result.out, "".join("deleted %s:%s\n" % (repository, t) for t in gone))
        self.assertEqual(set(self.staging.client.tags("team/app")), tags - set(gone))
        check_image(self.staging.client, "team/app", "build-42", self.node)
        self.assertEqual(self.script("clean-tags.sh", repository, "build-[0-9]+", "2", "--delete").out, "")
        for wrong in (("x",), (repository, "p", "many"), (repository, "p", "1", "--force"), (repository, "p", "")):
            self.script("clean-tags.sh", *wrong, status=2)
        self.script("clean-tags.sh", repository + "/nosuch", "build", "1", "--delete", status=1)

    def test_cleaning_where_nothing_can_be_deleted(self):
        registry = self.docker_registry("keeper", delete=False)
        images.push(registry.client, "team/app", "build-1", self.node)
        result = run([os.path.join(SAMPLES, "clean-tags.sh"), registry.host + "/team/app", "build-[0-9]+", "0", "--delete"],
                     env={**self.env, "REGCTL_CONFIG": self.one_host(registry)})
        self.assertNotEqual(result.status, 0, result.text())
        self.assertEqual(registry.client.tags("team/app"), ["build-1"])

    def one_host(self, registry):
        path = self.work("one.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"hosts": {registry.host: {"tls": "disabled"}}}, f)
        return path


class Files(unittest.TestCase):
    def test_scripts_are_in_order(self):
        for name in sorted(os.listdir(SAMPLES)):
            if not name.endswith(".sh"):
                continue
            path = os.path.join(SAMPLES, name)
            self.assertTrue(os.access(path, os.X_OK), name)
            harness.tool("sh", "-n", path)
            if shutil.which("shellcheck"):
                harness.tool("shellcheck", path)

    def test_pipelines_call_what_there_is(self):
        usage = {n: re.search(r'usage: \$\{0##\*/\} (.*)" >&2', sample(n)).group(1) for n in os.listdir(SAMPLES) if n.endswith(".sh")}
        for name in ("gitlab-ci.yml", "github-workflow.yml"):
            text, seen = sample(name), set()
            for script, rest in re.findall(r"samples/ci/([\w.-]+)(.*)", text):
                least = len([w for w in usage[script].split() if not w.startswith("[")])
                words = re.findall(r"\"[^\"]*\"|'[^']*'|\S+", rest)
                self.assertGreaterEqual(len(words), least, "%s: %s%s" % (name, script, rest))
                seen.add(script)
            self.assertEqual(seen, set(usage), name)
            for line in text.splitlines():
                self.assertNotIn("\t", line)
            try:
                import yaml
            except ImportError:
                continue
            self.assertIsInstance(yaml.safe_load(text), dict)


class Containerfile(unittest.TestCase):
    def setUp(self):
        text = re.sub(r"(?m)^#.*\n", "", sample("Containerfile")).replace("\\\n", " ")
        self.stages = []
        for line in filter(None, map(str.strip, text.splitlines())):
            word, rest = line.split(None, 1)
            self.assertIn(word, {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}, line)
            if word == "FROM":
                self.stages.append([])
            self.stages[-1].append((word, rest))

    def values(self, stage, word):
        return [rest for w, rest in self.stages[stage] if w == word]

    def packages(self, stage):
        found = re.search(r"apt-get install (.*?)(&&|$)", " ".join(self.values(stage, "RUN"))).group(1).split()
        return {w for w in found if not w.startswith("-")}

    def test_form(self):
        self.assertEqual(len(self.stages), 2)
        for stage in (0, 1):
            self.assertRegex(self.values(stage, "FROM")[0], r"^docker\.io/library/debian:12-slim( AS build)?$")
        self.assertRegex(self.values(1, "USER")[-1], r"^[1-9][0-9]*:[1-9][0-9]*$")
        self.assertEqual(json.loads(self.values(1, "ENTRYPOINT")[0]), ["/usr/bin/regctl"])
        self.assertIsInstance(json.loads(self.values(1, "CMD")[0]), list)
        self.assertEqual(self.values(1, "COPY"), ["--from=build /out/usr /usr"])
        for words in self.values(0, "RUN") + self.values(1, "RUN"):
            subprocess.run(["sh", "-n", "-c", words], check=True)

    def test_build_stage_has_what_dev_installs(self):
        with open(os.path.join(harness.ROOT, "dev"), encoding="utf-8") as f:
            dev = set(re.search(r"packages=\((.*?)\)", f.read(), re.S).group(1).split())
        needed = {p for p in dev if p.endswith("-dev") and "clang" not in p} | {"gcc", "cmake", "ninja-build", "pkg-config"}
        self.assertLessEqual(needed, self.packages(0))

    @unittest.skipUnless(shutil.which("dpkg") and shutil.which("readelf"), "needs dpkg and readelf")
    def test_last_stage_has_the_libraries(self):
        needed = {"libcurl.so.4"}  # loaded at the first request
        for name in (n for n in os.listdir(harness.BIN) if n in ("regctl", "regexport", "regimport", "regsync", "regbot")):
            out = harness.tool("readelf", "-d", os.path.join(harness.BIN, name))
            needed |= {n for n in re.findall(r"NEEDED.*\[(.*)\]", out) if not re.match(r"(lib(asan|ubsan|tsan|c|m|gcc_s)\.so|ld-)", n)}
        for library in sorted(needed):
            owners = subprocess.run(["dpkg", "-S", "*/" + library], capture_output=True, text=True, check=False).stdout
            names = {line.split(":")[0] for line in owners.splitlines()}
            self.assertTrue(names & self.packages(1), "%s, of %s, is not installed" % (library, ", ".join(sorted(names))))


if __name__ == "__main__":
    main()

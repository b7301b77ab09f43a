# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/lua-api.md, each run by regbot against a registry of its own: what they print is what the page says."""
import os
import re

from common import Case, ScriptedRegistry, harness, images, main

PAGE = os.path.join(harness.ROOT, "docs", "lua-api.md")


def examples():
    """(heading, text) of each block in Lua."""
    heading, block, found = "", None, []
    with open(PAGE, encoding="utf-8") as f:
        for line in f:
            if block is not None and line.startswith("```"):
                found.append((heading, "".join(block)))
                block = None
            elif block is not None:
                block.append(line)
            elif line.startswith("```lua"):
                block = []
            elif line.startswith("#"):
                heading = line.strip("# \n")
    return found


def image(seed, platform="linux/amd64"):
    return images.image([images.random_layer(seed, 3000)], platform=platform, labels={"team": "blue"}, created="2020-01-02T03:04:05Z")


def seeds():
    first = image("v1.0")
    both = images.index([image("amd"), image("arm", "linux/arm64")])
    sbom = images.artifact("application/vnd.example.sbom", subject=first)
    return [("team/app", "v1.0", first), ("team/app", "v1.1", image("v1.1")), ("team/app", "v2.0", both),
            ("team/app", "sbom", sbom), ("team/tools", "1", image("tools"))]


class Examples(Case):
    def example(self, number, text, *options):
        """(result, lines that the page says, requests that wrote) of one example."""
        name = "%d%s" % (number, "-dry" if options else "")
        folder = self.work.folder("run-" + name)
        with ScriptedRegistry(self.work.folder("registry-" + name), None, self.tree) as registry:
            text = text.replace("registry.example.org", registry.host).replace("LAYOUT", os.path.join(folder, "layout"))
            with open(os.path.join(folder, "example.lua"), "w", encoding="utf-8") as f:
                f.write(text)
            result = self.program("regbot", "run", *options, "--host", registry.host_flag(), "example.lua", status=(0, 1), cwd=folder)
            return result, re.findall(r"^--> (.*)$", text, re.M), registry.write_requests()

    def setUp(self):
        super().setUp()
        self.tree = self.seed(seeds())

    def test_every_example_prints_what_the_page_says(self):
        found = examples()
        self.assertGreater(len(found), 20)
        for number, (heading, text) in enumerate(found):
            with self.subTest("%s: %s" % (heading, text.splitlines()[0])):
                result, wanted, _ = self.example(number, text)
                self.assertEqual(result.status, 0, result.text())
                self.assertEqual(result.out.splitlines(), wanted, result.text())

    def test_no_example_writes_in_a_dry_run(self):
        for number, (heading, text) in enumerate(examples()):
            if re.search(r"put|delete|copy|Tar", text):
                with self.subTest("%s: %s" % (heading, text.splitlines()[0])):
                    result, _, wrote = self.example(number, text, "--dry-run")
                    self.assertEqual(wrote, [], result.text())
                    self.assertEqual(os.listdir(self.work("run-%d-dry" % number)), ["example.lua"])

    def test_every_function_has_an_example(self):
        text = "\n".join(t for _, t in examples())
        for name in ("reference.new", "repo.ls", "repo.each", "repo.exists", "tag.ls", "tag.each", "tag.delete", "tag.copy", "manifest.get",
                     "manifest.getList", "manifest.head", ":put(", ":delete(", ":descriptor(", ":config(", ":export(", ":ratelimit(", "image.config",
                     "image.copy", "image.exportTar", "image.importTar", "image.ratelimitWait", "image.created", "image.platforms", "image.get",
                     "blob.get", "blob.head", "blob.put", "blob.delete", ":read(", "referrer.ls", ":close("):
            self.assertIn(name, text)


if __name__ == "__main__":
    main()

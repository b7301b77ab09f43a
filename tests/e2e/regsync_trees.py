# SPDX-License-Identifier: Apache-2.0
"""A folder of layouts as a registry: filled by one regsync, carried, read by another; and what a folder may hold that is no repository."""
import json
import os
import resource
import shutil
import sys

from common import harness, images, main
from regsync import FAILED, Sync, small


class Tree(Sync):
    def tree_step(self, folder, target, **more):
        return {"source": "ocidir://" + self.work(folder), "target": target, "type": "registry", **more}

    def state_of(self, registry):
        """Tags, manifests and blobs, without the order in which they came."""
        state = registry.state()
        return state["tags"], {r: set(m) for r, m in state["manifests"].items()}, {r: set(b) for r, b in state["blobs"].items()}

    def content(self):
        app, multi = small("tree-app"), images.index([small("tree-amd"), small("tree-arm", "linux/arm64")])
        sign, bill = images.signature(multi), images.sbom(app)
        tag, old_sign = images.cosign_signature(app)
        triples = [("team/app", t, small("tree" + t)) for t in ("1.0", "1.1", "edge")]
        triples += [("team/app", "2.0", app), ("team/app", tag, old_sign), ("team/app", None, bill), ("team/app", None, images.signature(bill)),
                    ("team/app/plugin", "1", small("tree-plugin")), ("multi", "1", multi), ("multi", "again", multi), ("multi", None, sign),
                    ("charts/shop", "1.2.3", images.helm_chart("shop", "1.2.3"))]
        return triples


class Trees(Tree):
    def test_a_carried_disk_is_a_poor_mans_bundle(self):
        triples = self.content()
        a, b = self.two(seed=triples)
        how = {"referrers": True, "digestTags": True}
        out = self.config([{"source": a.host, "target": "ocidir://" + self.work("disk/all"), "type": "registry", **how}], (a,), name="out.yml")
        self.sync(out)
        self.assertEqual(self.messages(self.sync(out, command="check"), "INFO").count("Image sync needed"), 0)
        shutil.move(self.work("disk"), self.work("carried"))
        back = self.config([self.tree_step("carried/all", b.host, **how)], (b,), name="back.yml")
        before = harness.tree_of(self.work("carried"))
        looked = self.sync(back, "--exit-code", command="check", status=2)
        self.assertIn("Image sync needed", self.messages(looked))
        self.assertEqual(b.state()["tags"], {})
        self.sync(back)
        self.assertEqual(self.state_of(a), self.state_of(b))
        self.assertEqual(harness.tree_of(self.work("carried")), before)  # a disk may be read-only
        quiet = self.sync(back, command="check")
        self.assertNotIn("Image sync needed", self.messages(quiet))
        # The next disk brings what is new, and takes no name away.
        images.push(a.client, "team/app", "edge", small("tree-edge2"))
        images.push(a.client, "new/one", "1", small("tree-new"))
        shutil.move(self.work("carried"), self.work("disk"))
        self.sync(out)
        shutil.move(self.work("disk"), self.work("carried"))
        self.sync(back)
        self.assertEqual(a.state()["tags"], b.state()["tags"])

    def test_between_trees(self):
        """What repositories share is on the disk once, whatever was copied before; few files are open however many there are."""
        base = images.random_layer("shared base", 100_000)
        triples = [("r%03d" % i, "1", images.image([base], labels={"n": str(i)})) for i in range(60)]
        images.write_tree(self.work.folder("from"), triples)
        config = self.config([self.tree_step("from/", "ocidir://%s/to/" % self.work("."), repos={"deny": ["r05."]})])
        done = self.sync(config, on_start=lambda p: resource.prlimit(p.pid, resource.RLIMIT_NOFILE, (110, 110)))
        self.assertNotIn("//r", "".join(l.get("source", "").split("://", 1)[-1] for l in done.log))
        for repository, tag, node in triples[:50]:
            harness.check_layout(self.work("to", repository), tag, node)
        self.assertEqual(sorted(os.listdir(self.work("to"))), [r for r, _, _ in triples[:50]])
        blob = os.stat(self.work("to/r042/blobs/sha256", base.digest.split(":")[1]))
        self.assertEqual(blob.st_nlink, 50)
        self.assertEqual(self.messages(self.sync(config)), [])

    def test_filters_platforms_and_kinds(self):
        triples = self.content()
        images.write_tree(self.work.folder("from"), triples)
        b = self.scripted("b")
        step = self.tree_step("from", b.host + "/all", repos={"allow": ["team/.*", "multi"]}, tags={"semverRange": [">=1.1"]}, platforms=["linux/amd64"])
        self.sync(self.config([step], (b,)))
        tags = {r: set(t) for r, t in b.state()["tags"].items()}
        self.assertEqual(tags, {"all/team/app": {"1.1", "2.0"}})
        # Only what is missing, and what came of it.
        step.update(tags={}, target=b.host + "/more")
        config = self.config([step], (b,))
        self.sync(config, "--missing")
        told = json.loads(self.sync(config, "--output", "json", command="check").out)
        self.assertEqual((told["needed"], told["failed"]), (0, 0))
        step.update(repos={"deny": [".*"]})
        self.assertEqual(self.messages(self.sync(self.config([step], (b,)))), ["No matching repositories found"])


class Hostile(Tree):
    def test_what_is_no_repository_is_told_and_the_rest_is_done(self):
        good = small("hostile-good")
        triples = [("good", "1", good), ("next/to/it", "1", good)]
        images.write_tree(self.work.folder("from"), triples)
        for odd in ("Upper", "a b", "deep/" + "/".join(["x"] * 130)):
            images.write_layout(self.work.folder("from", odd), [("1", good)])
        images.write_layout(self.work.folder("elsewhere"), [("1", good)])
        os.symlink(self.work("elsewhere"), self.work("from/linked"))
        os.symlink("..", self.work("from/loop"))
        os.mkfifo(self.work("from/pipe"))
        images.write_layout(self.work.folder("from/broken"), [("1", good)])
        with open(self.work("from/broken/index.json"), "w", encoding="utf-8") as f:
            f.write("{")
        b = self.scripted("b")
        config = self.config([self.tree_step("from", b.host, repos={"deny": []}), {"source": b.host + "/good:1", "target": b.host + "/second:1", "type": "image"}], (b,))
        done = self.sync(config, status=FAILED)
        warned = {l["source"].split("/from/")[1][:12]: l["reason"] for l in done.log if l.get("msg") == "Folder left out"}
        self.assertEqual(set(warned), {"Upper", "a b", "linked", "loop", "deep/x/x/x/x"})
        self.assertEqual(len([l for l in done.log if None in l]), 1, done.text())
        self.assertRegex(done.text(), r"(?m)^%s:1:[0-9]+: sync\[0\]: .*/from/broken" % config)
        self.assertEqual(b.state()["tags"], {r: {"1": good.digest} for r in ("good", "next/to/it", "second")})

    def test_folders_that_are_not_there(self):
        b = self.scripted("b")
        os.makedirs(self.work("empty/below"))
        images.write_layout(self.work.folder("single"), [("1", small("hostile-single"))])
        steps = [self.tree_step(n, b.host) for n in ("none", "empty", "single", "single:1")]
        done = self.sync(self.config(steps, (b,)), status=FAILED)
        told = [l[None] for l in done.log if None in l]
        for i, why in enumerate((": no such folder", ": no folder below it is an image layout", ": no folder below it is an image layout")):
            self.assertIn("sync[%d]: " % i, told[i])
            self.assertTrue(told[i].endswith(why), told[i])
        self.assertIn("sync[3].source: a tag or digest has no place", told[3])
        self.assertEqual(b.state()["tags"], {})

    def as_nobody(self, *argv):
        """To root nothing is closed."""
        drop = "import os, sys; os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"
        os.chmod(self.work("."), 0o755)
        return harness.run([sys.executable, "-c", drop, *argv] if os.geteuid() == 0 else argv, env=self.env)

    def test_closed_folders(self):
        good = small("hostile-closed")
        images.write_tree(self.work.folder("from"), [("good", "1", good), ("closed/app", "1", good), ("closed", "1", good)])
        os.chmod(self.work("from/closed"), 0)
        self.addCleanup(os.chmod, self.work("from/closed"), 0o755)
        b = self.scripted("b")
        config = self.config([self.tree_step("from", b.host)], (b,))
        os.chmod(config, 0o644)
        if self.as_nobody(harness.program("regsync"), "version").status != 0:
            self.skipTest("the program cannot be run by others")
        done = self.as_nobody(harness.program("regsync"), "once", "-c", config)
        self.assertEqual(done.status, FAILED, done.text())
        self.assertRegex(done.text(), r"(?m)^%s:1:[0-9]+: sync\[0\]: .*/from/closed: " % config)
        self.assertEqual(b.state()["tags"], {"good": {"1": good.digest}})


if __name__ == "__main__":
    main()

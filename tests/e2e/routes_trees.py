# SPDX-License-Identifier: Apache-2.0
"""A folder of layouts as the source of both routes: regsync once, and regexport create with regimport apply. Both targets end equal."""
import json
import os
import shutil

from common import PARTIAL, images, main
from regsync import small
from routes import Both


class Trees(Both):
    def setUp(self):
        super().setUp()
        self.to = self.straight.host

    def fill(self, triples, folder="disk"):
        """As another regsync leaves it: with lists of referrers and digest tags."""
        a = self.scripted("filler-%d" % len(os.listdir(self.work("."))), None, self.seed(triples))
        how = {"type": "registry", "referrers": True, "digestTags": True}
        self.sync(self.config([{"source": a.host, "target": "ocidir://" + self.work(folder), **how}], (a,), name="fill.yml"))
        return a

    def content(self):
        app, multi = small("rt-app"), images.index([small("rt-amd"), small("rt-arm", "linux/arm64")])
        tag, old_sign = images.cosign_signature(app)
        return [("team/app", "1", app), ("team/app", "2", multi), ("team/app", tag, old_sign), ("team/app", None, images.sbom(app)),
                ("other/app", "1", small("rt-other")), ("multi", "1", multi), ("multi", None, images.signature(multi)),
                ("charts/shop", "1.2.3", images.helm_chart("shop", "1.2.3"))]

    def step(self, folder="disk", **more):
        return {"source": "ocidir://" + self.work(folder), "target": self.to + "/all", "type": "registry", **more}

    def test_both_routes_end_equal(self):
        self.fill(self.content())
        config = self.config([self.step(referrers=True, digestTags=True)], (self.straight,))
        state = self.both(config)
        self.assertEqual(set(state["tags"]), {"all/" + r for r in ("team/app", "other/app", "multi", "charts/shop")})
        sources = {i["source"].rsplit(":", 1)[0] for i in self.carried.doc["images"] if i.get("tag")}
        self.assertEqual(sources, {"ocidir://disk/" + r for r in ("team/app", "other/app", "multi", "charts/shop")})
        self.assertNotIn(self.work("."), json.dumps(self.carried.doc))
        # What has changed on the next disk, beside a repository whose name comes first.
        self.fill([("alpha/app", "1", small("rt-alpha")), ("team/app", "3", small("rt-3"))])
        self.both(config)
        new = {(i["repository"], i["tag"]) for i in self.carried.doc["images"] if i["status"] == "new"}
        self.assertEqual(new, {("all/alpha/app", "1"), ("all/team/app", "3")})

    def test_filters(self):
        self.fill(self.content())
        config = self.config([self.step(repos={"allow": [".*/app", "multi"], "deny": ["other/.*"]}, tags={"allow": ["[0-9]+"]}, platforms=["linux/arm64"])],
                             (self.straight,))
        self.assertEqual({r: set(t) for r, t in self.both(config)["tags"].items()}, {"all/team/app": {"1", "2"}, "all/multi": {"1"}})

    def test_again(self):
        self.fill(self.content())
        os.makedirs(self.work("second"))
        shutil.copytree(self.work("disk"), self.work("second/disk"))
        images.write_layout(self.work("second/disk/team/app"), [("x", small("rt-second"))])
        steps = [self.step(referrers=True), dict(self.step("second/disk"), target=self.to + "/second")]
        config = self.config(steps, (self.straight,))
        bundle = self.new_bundle("-c", config)
        names = {(i["repository"].split("/")[0], i["source"].split("/")[2]) for i in bundle.doc["images"]}
        self.assertEqual(names, {("all", "disk"), ("second", "disk-2")})
        with open(bundle.path, "rb") as f:
            before = f.read()
        os.remove(bundle.path)
        again = self.new_bundle("--again", bundle.id)
        with open(again.path, "rb") as f:
            self.assertEqual(f.read(), before)

    def test_what_cannot_be_read_is_held(self):
        self.fill(self.content())
        config = self.config([self.step()], (self.straight,))
        self.bundle(config)
        before = self.bundled.state()["tags"]
        index = self.work("disk/team/app/index.json")
        with open(index, encoding="utf-8") as f:
            text = f.read()
        with open(index, "w", encoding="utf-8") as f:
            f.write("{")
        images.write_layout(self.work("disk/Upper"), [("1", small("rt-upper"))])
        bundle = self.bundle(config, status=PARTIAL)
        self.assertEqual([(h["repository"], h["source"]) for h in bundle.doc["holes"]], [("all/team/app", "ocidir://disk/team/app")])
        self.assertNotIn(self.work("."), json.dumps(bundle.doc))
        self.assertEqual({i["status"] for i in bundle.doc["images"]}, {"held", "unchanged"})
        with open(index, "w", encoding="utf-8") as f:
            f.write(text)
        # A disk that is not there takes nothing from the site.
        other = self.scripted("other", None, self.seed([("lib", "1", small("rt-lib"))], "lib"))
        config = self.config([self.step(), {"source": other.host + "/lib", "target": self.to + "/lib", "type": "repository"}], (self.straight, other))
        for change in (lambda: os.rename(self.work("disk"), self.work("gone")), lambda: os.makedirs(self.work("disk"))):
            change()
            bundle = self.bundle(config, status=PARTIAL)
            self.assertEqual({i["status"] for i in bundle.doc["images"] if i["repository"] != "lib"}, {"held"})
            self.assertIn("all/team/app", {h["repository"] for h in bundle.doc["holes"]})
            self.assertNotIn(self.work("."), json.dumps(bundle.doc))
            images.push(other.client, "lib", "2", small("rt-lib2"))
        self.assertEqual(self.bundled.state()["tags"], {**before, "lib": {"1": small("rt-lib").digest, "2": small("rt-lib2").digest}})

    def test_plan(self):
        self.fill(self.content())
        config = self.config([self.step(repos={"allow": ["multi"]})], (self.straight,))
        done = self.export("-c", config, "--output", "json", action="plan")
        self.assertEqual([i["repository"] for i in json.loads(done.out)["images"]], ["all/multi"])


if __name__ == "__main__":
    main()

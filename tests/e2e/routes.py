# SPDX-License-Identifier: Apache-2.0
"""One policy file, two ways: regsync once, and regexport create with regimport apply. Both targets end equal, whatever the steps say."""
import json
import os

from common import PARTIAL, images, main
from regsync import FAILED, OK, Sync, lines_of, small


class Both(Sync):
    def setUp(self):
        super().setUp()
        self.straight, self.bundled = self.scripted("straight"), self.scripted("bundled")

    def bundle(self, config, **how):
        bundle = self.new_bundle("-c", config, "--site", "plant-7", "-v", "info", **how)
        self.apply(bundle, "--host", self.bundled.host_flag(), "--to", self.bundled.host, status=PARTIAL if bundle.doc["holes"] else OK)
        return bundle

    def both(self, config, status=OK):
        """The state of the two, which is one."""
        done = self.sync(config, status=status)
        bundle = self.bundle(config, status=OK if status == OK else PARTIAL)
        one, other = self.straight.state(), self.bundled.state()
        for what in ("tags", "manifests"):
            self.assertEqual(one[what], other[what])
        blobs = {r: sorted(b) for r, b in one["blobs"].items()}
        self.assertEqual(blobs, {r: sorted(b) for r, b in other["blobs"].items()})
        self.done, self.carried, self.bundled_log = done, bundle, lines_of(bundle.result.err)
        return one

    def told(self, log, message):
        """The lines of a message without what is only the time."""
        return [{k: v for k, v in l.items() if k not in ("time",)} for l in log if l.get("msg") == message]


class Routes(Both):
    def test_repositories_and_images(self):
        app, multi = small("app"), images.index([small("m-amd"), small("m-arm", "linux/arm64")])
        inner = images.index([small("n-riscv", "linux/riscv64"), small("n-arm", "linux/arm64")])
        inner.platform = {"os": "linux", "architecture": "arm64"}
        sign, bill = images.signature(multi), images.sbom(app)
        tag, old_sign = images.cosign_signature(app)
        triples = [("team/app", t, n) for t, n in (("1.0.0", small("a1")), ("1.1.0", app), ("2.0.0", multi), ("edge", small("ae")), ("test", small("at")))]
        triples += [("team/app", tag, old_sign), ("team/app", None, sign), ("team/app", None, bill), ("team/one", "1", multi),
                    ("team/some", "1", images.index([small("s-amd"), small("s-arm", "linux/arm64")])),
                    ("team/nested", "1", images.index([small("n-amd"), inner])),
                    ("charts/shop", "1.2.3", images.helm_chart("shop", "1.2.3"))]
        a, to = self.scripted("a", None, self.seed(triples)), self.straight.host
        steps = [{"source": a.host + "/team/app", "target": to + "/mirror/app", "type": "repository", "referrers": True, "digestTags": True,
                  "tags": {"semverRange": [">=1.1.0"]}, "tagSets": [{"allow": ["ed.*"]}]},
                 {"source": a.host + "/team/one:1", "target": to + "/mirror/one:stable", "type": "image", "platform": "linux/arm64"},
                 {"source": a.host + "/team/one:1", "target": to + "/mirror/untold", "type": "image"},
                 {"source": a.host + "/team/some:1", "target": to + "/mirror/some:1", "type": "image", "platforms": ["linux/amd64"]},
                 {"source": a.host + "/team/nested:1", "target": to + "/mirror/nested:1", "type": "image", "platform": "linux/arm64"},
                 {"source": a.host + "/charts/shop", "target": to + "/mirror/shop", "type": "repository"}]
        config = self.config(steps, (a, self.straight))
        first = self.both(config)
        self.assertEqual(set(first["tags"]), {"mirror/" + n for n in ("app", "one", "untold", "some", "nested", "shop")})
        self.assertEqual(set(first["tags"]["mirror/app"]), {"1.1.0", "2.0.0", "edge", tag})
        self.assertEqual(set(first["tags"]["mirror/untold"]), {"latest"})
        # And once more, with what has changed since.
        images.push(a.client, "team/app", "edge", small("ae2"))
        images.push(a.client, "team/app", "2.1.0", small("a21"))
        images.push(a.client, "charts/shop", "1.3.0", images.helm_chart("shop", "1.3.0"))
        second = self.both(config)
        self.assertEqual(set(second["tags"]["mirror/shop"]), {"1.2.3", "1.3.0"})

    def test_registries(self):
        app, multi = small("reg-app"), images.index([small("reg-amd"), small("reg-arm", "linux/arm64")])
        tag, old_sign = images.cosign_signature(app)
        triples = [("x%d/app" % i, t, small("reg%d%s" % (i, t))) for i in range(7) for t in ("1", "2-rc")]
        triples += [("tools/cli", "1", app), ("tools/cli", tag, old_sign), ("tools/cli", None, images.sbom(app)), ("tools/multi", "1", multi)]
        a, to = self.scripted("a", "paged-2", self.seed(triples)), self.straight.host
        names = {"source": a.host, "target": to + "/all", "type": "registry", "repos": {"allow": ["x[0-5]/.*"], "deny": ["x3/app"]},
                 "tags": {"deny": [".*-rc"]}}
        rest = {"source": a.host, "target": to, "type": "registry", "repos": {"allow": ["tools/.*"]}, "referrers": True, "digestTags": True,
                "platforms": ["linux/arm64"]}
        config = self.config([names, rest], (a, self.straight))
        state = self.both(config)
        self.assertEqual(set(state["tags"]), {"all/x%d/app" % i for i in (0, 1, 2, 4, 5)} | {"tools/cli", "tools/multi"})
        self.assertEqual(state["tags"]["all/x0/app"], {"1": triples[0][2].digest})
        self.assertEqual(state["tags"]["tools/cli"], {"1": app.digest, tag: old_sign.digest})
        images.push(a.client, "x0/app", "3", small("reg03"))
        images.push(a.client, "tools/new", "1", small("reg-new"))
        self.assertIn("tools/new", self.both(config)["tags"])

    def test_registry_that_fails_in_part(self):
        """What cannot be listed is a hole: the site keeps what it has."""
        triples = [("app", "1", small("part1")), ("lib", "1", small("part2"))]
        fails = {"about": "lists that are refused later", "rules": [
            {"match": {"path": "/v2/app/tags/list", "nth": 3, "count": 0}, "action": {"type": "status", "status": 403}},
            {"match": {"path": "/v2/_catalog", "nth": 9, "count": 0}, "action": {"type": "status", "status": 403}}]}
        a, to = self.scripted("a", fails, self.seed(triples)), self.straight.host
        steps = [{"source": a.host, "target": to + "/all", "type": "registry"},
                 {"source": a.host + "/lib:1", "target": to + "/one:1", "type": "image"}]
        config = self.config(steps, (a, self.straight))
        self.both(config)
        images.push(a.client, "lib", "2", small("part3"))
        for left_out in ({"all/app"}, {"all", "all/app", "all/lib"}):
            state = self.both(config, FAILED)
            self.assertEqual({h["repository"] for h in self.carried.doc["holes"]}, left_out)
            self.assertNotIn("removed", {i["status"] for i in self.carried.doc["images"]})
            self.assertEqual(set(state["tags"]["all/lib"]), {"1", "2"})
            images.push(a.client, "lib", "3", small("part4"))

    def test_media_types_referrers_and_external_layers(self):
        app, other = small("ref-app"), small("ref-other")
        sign, bill = images.signature(app), images.sbom(app)
        sign_of_bill, far = images.signature(bill), images.sbom(app, ("far",))
        far_sign = images.signature(far)
        tag, old_sign = images.cosign_signature(app)
        chart = images.helm_chart("shop", "1.0.0")
        foreign = images.random_layer("foreign", 4000)
        layered = images.image([images.random_layer("own", 2000), foreign])
        entry = layered.document["layers"][1]
        entry["urls"] = ["https://x.example/layer"]
        layered = images.Node(layered.document, layered.media_type, layered.blobs)
        triples = [("app", "1", app), ("app", "chart", chart), ("app", None, sign), ("app", None, bill), ("app", None, sign_of_bill),
                   ("app", tag, old_sign), ("sigs", "app", app), ("sigs", None, far), ("sigs", None, far_sign), ("app", "other", other),
                   ("layered", "1", layered)]
        a, to = self.scripted("a", None, self.seed(triples)), self.straight.host
        image = {"source": a.host + "/app:1", "type": "image", "referrers": True}

        def step(name, **more):
            return dict(image, target="%s/%s:1" % (to, name), **more)

        steps = [step("all", digestTags=True), step("none", referrers=False), step("tags", referrers=False, digestTags=True),
                 step("bills", referrerFilters=[{"artifactType": "application/spdx+json"}]),
                 step("signs", referrerFilters=[{"annotations": {"example.signature": ""}}, {"artifactType": "no/such"}]),
                 # Two steps for one image, each with its own referrers.
                 step("joined", referrerFilters=[{"artifactType": "application/spdx+json"}]),
                 step("joined", referrerFilters=[{"annotations": {"example.signature": ""}}]),
                 step("from", referrerSource=a.host + "/sigs", digestTags=True),
                 step("to", referrerTarget=to + "/to-referrers"),
                 step("both", referrerSource=a.host + "/sigs", referrerTarget=to + "/both-referrers"),
                 {"source": a.host + "/app", "target": to + "/kinds", "type": "repository",
                  "mediaTypes": ["application/vnd.oci.image.index.v1+json"]},
                 {"source": a.host + "/layered:1", "target": to + "/without:1", "type": "image"},
                 {"source": a.host + "/layered:1", "target": to + "/with:1", "type": "image", "includeExternal": True}]
        state = self.both(self.config(steps, (a, self.straight)))
        has = {r: set(m) for r, m in state["manifests"].items()}
        self.assertEqual(has["all"], {n.digest for n in (app, sign, bill, sign_of_bill, old_sign)})
        self.assertEqual(has["none"], {app.digest})
        self.assertEqual(has["tags"], {app.digest, old_sign.digest})
        self.assertEqual(has["bills"], {app.digest, bill.digest})
        self.assertEqual(has["signs"], {app.digest, sign.digest})
        self.assertEqual(has["joined"], {app.digest, bill.digest, sign.digest})
        self.assertEqual(has["from"], {app.digest, far.digest, far_sign.digest, old_sign.digest})
        self.assertEqual(has["to"], {app.digest})
        self.assertEqual(has["to-referrers"], {n.digest for n in (sign, bill, sign_of_bill)})
        self.assertEqual(has["both-referrers"], {far.digest, far_sign.digest})
        self.assertNotIn("kinds", state["tags"])
        skipped = self.told(self.bundled_log, "Skipping unsupported media type")
        self.assertEqual(skipped, self.told(self.done.log, "Skipping unsupported media type"))
        self.assertEqual(len(skipped), 4)
        self.assertNotIn(foreign.digest, state["blobs"]["without"])
        self.assertIn(foreign.digest, state["blobs"]["with"])

    def test_slow_referrers_and_hints(self):
        app = small("slow-app")
        bill = images.sbom(app)
        triples = [("app", "1", app), ("app", "bill", bill), ("app", "v1", small("slow-v1")), ("app", "v10", small("slow-v10"))]
        a, to = self.scripted("a", {"about": "no list", "options": {"referrers_api": False}}, self.seed(triples)), self.straight.host
        image = {"source": a.host + "/app:1", "target": to + "/lost:1", "type": "image", "referrers": True}
        steps = [image, dict(image, target=to + "/found:1", referrerSlow=True),
                 {"source": a.host + "/app", "target": to + "/app", "type": "repository", "tags": {"allow": ["v1|bi.*"]}},
                 {"source": a.host + "/app", "target": to + "/nothing", "type": "repository", "tags": {"allow": ["none.*"]}}]
        state = self.both(self.config(steps, (a, self.straight)))
        self.assertIn(bill.digest, state["manifests"]["found"])
        self.assertNotIn(bill.digest, state["manifests"]["lost"])
        hint = self.told(self.bundled_log, "Filter matches whole names only")
        self.assertEqual(hint, self.told(self.done.log, "Filter matches whole names only"))
        self.assertEqual([(h["pattern"], h["example"]) for h in hint], [("v1|bi.*", "v10")])
        self.assertEqual([l["available"] for l in self.told(self.bundled_log, "No matching tags found")], ["4"])

    def test_layouts(self):
        multi, app = images.index([small("lay-amd"), small("lay-arm", "linux/arm64")]), small("lay-app")
        tag, old_sign = images.cosign_signature(app)
        images.write_tree(self.work.folder("from"), [("team/app", "1", multi), ("team/app", "2", app), ("team/app", tag, old_sign),
                                                     ("team/app", None, images.sbom(app)),
                                                     ("team/part", "1", images.index([small("lay-p1"), small("lay-p2", "linux/arm64")]))])
        source, to = "ocidir://%s/team/app" % self.work("from"), self.straight.host
        steps = [{"source": source, "target": to + "/mirror/app", "type": "repository", "referrers": True, "digestTags": True,
                  "tags": {"allow": ["[0-9]+"]}},
                 {"source": source + ":1", "target": to + "/one:1", "type": "image", "platform": "linux/arm64"},
                 {"source": "ocidir://%s/team/part:1" % self.work("from"), "target": to + "/some:1", "type": "image", "platforms": ["linux/amd64"]}]
        state = self.both(self.config(steps, (self.straight,)))
        self.assertEqual(set(state["tags"]["mirror/app"]), {"1", "2", tag})

    def layout(self, folder):
        """What a layout has: names, and blobs. An import lists untagged referrers by themselves, too; a copy does so in their list alone."""
        with open(os.path.join(folder, "index.json"), encoding="utf-8") as f:
            entries = json.load(f)["manifests"]
        names = {e.get("annotations", {}).get("org.opencontainers.image.ref.name"): e["digest"] for e in entries}
        names.pop(None, None)
        return names, set(os.listdir(os.path.join(folder, "blobs", "sha256")))

    def test_to_layouts(self):
        multi, app = images.index([small("to-amd"), small("to-arm", "linux/arm64")]), small("to-app")
        tag, old_sign = images.cosign_signature(app)
        bill = images.sbom(app)
        triples = [("team/app", "1", multi), ("team/app", "2", app), ("team/app", tag, old_sign), ("team/app", None, bill), ("x/lib", "1", small("to-lib"))]
        a, to = self.scripted("a", None, self.seed(triples)), "ocidir://" + self.work("one")
        steps = [{"source": a.host + "/team/app", "target": to + "/app", "type": "repository", "referrers": True, "digestTags": True,
                  "tags": {"allow": ["[0-9]+"]}},
                 {"source": a.host + "/team/app:1", "target": to + "/arm:1", "type": "image", "platform": "linux/arm64"},
                 {"source": a.host, "target": to, "type": "registry", "repos": {"allow": ["x/.*"]}}]
        config = self.config(steps, (a,))
        self.sync(config)
        self.apply(self.new_bundle("-c", config), "--to", "ocidir://" + self.work("other"))
        for repository in ("app", "arm", "x/lib"):
            self.assertEqual(self.layout(self.work("one", repository)), self.layout(self.work("other", repository)))
        self.assertIn(bill.digest.split(":")[1], self.layout(self.work("other/app"))[1])


if __name__ == "__main__":
    main()

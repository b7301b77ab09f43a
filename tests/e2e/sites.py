#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One policy file for several sites: each gets its steps and platforms, and its bundles go where the file says."""
import json
import os

from common import Bundle, Case, FAILED, PARTIAL, REFUSED, USAGE, check_image, images, main

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "policy")


def layer(name):
    return images.random_layer(name, 3000)


class Sites(Case):
    def setUp(self):
        super().setUp()
        self.children = {a: images.image([layer(a)], platform="linux/" + a) for a in ("amd64", "arm64")}
        self.app = images.index(list(self.children.values()))
        self.tool = images.image([layer("tool")])
        root = self.seed([("app", "1", self.app), ("tool", "1", self.tool)])
        self.file = self.work("ferry.yml")
        with open(self.file, "w", encoding="utf-8") as f:
            f.write("""version: 1
sync:
- {source: 'ocidir://%s/app', type: repository, target: 'ocidir://%s/app'}
- {source: 'ocidir://%s/tool:1', type: image, target: 'ocidir://%s/tool:1'}
sites:
- {name: plant, to: 'ocidir://%s', platforms: [linux/arm64], sources: ['.*/app']}
- {name: office, to: 'ocidir://%s'}
""" % (root, self.work("synced"), root, self.work("synced"), self.work("plant"), self.work("office")))

    def blobs(self, site, repository):
        folder = os.path.join(self.work(site), repository, "blobs", "sha256")
        return set("sha256:" + n for n in os.listdir(folder)) if os.path.isdir(folder) else None

    def test_each_site_gets_its_own(self):
        for site in ("plant", "office"):
            bundle = self.new_bundle("-c", self.file, "--site", site, state="export-" + site, out="out-" + site)
            self.assertEqual(bundle.doc["site"], site)
            self.importer("apply", "-c", self.file, "--site", site, bundle.path, state="import-" + site)
        arm, amd = self.children["arm64"].digest, self.children["amd64"].digest
        self.assertIn(arm, self.blobs("plant", "app"))
        self.assertNotIn(amd, self.blobs("plant", "app"))
        self.assertIsNone(self.blobs("plant", "tool"))
        self.assertTrue({arm, amd} <= self.blobs("office", "app"))
        self.assertIn(self.tool.digest, self.blobs("office", "tool"))

    def test_to_goes_before_the_file(self):
        bundle = self.new_bundle("-c", self.file, "--site", "plant")
        self.importer("apply", "-c", self.file, "--site", "plant", "--to", "ocidir://" + self.work("other"), bundle.path)
        self.assertIsNone(self.blobs("plant", "app"))
        self.assertIsNotNone(self.blobs("other", "app"))

    def test_another_site_is_refused(self):
        self.assert_one_line(self.export("-c", self.file, "--site", "plan", status=USAGE), "it has plant, office")
        self.assert_one_line(self.export("-c", self.file, status=USAGE), "--site site", "it has plant, office")
        bundle = self.new_bundle("-c", self.file, "--site", "plant")
        self.assert_one_line(self.importer("apply", "-c", self.file, "--site", "plan", bundle.path, status=USAGE), "it has plant, office")
        self.assertEqual(self.importer("apply", "-c", self.file, "--site", "office", bundle.path, status=(6,)).out, "")

    def test_config_prints_what_was_understood(self):
        whole = self.program("regexport", "config", "-c", self.file).out
        self.assertEqual(whole, self.program("regimport", "config", "-c", self.file).out)
        self.assertIn("sites:\n- name: plant\n", whole)
        printed = self.work("printed.yml")
        with open(printed, "w", encoding="utf-8") as f:
            f.write(whole)
        self.assertEqual(self.program("regexport", "config", "-c", printed).out, whole, "it can be read again")
        one = self.program("regexport", "config", "-c", self.file, "--site", "plant").out
        self.assertEqual((one.count("- source:"), one.count("  - linux/arm64\n")), (1, 1))
        self.assertEqual(one.split("\nsites:\n")[1], "- name: plant\n  to: ocidir://%s\n" % self.work("plant"))
        self.program("regexport", "config", status=USAGE)
        for name in sorted(n for n in os.listdir(SAMPLES) if n.endswith(".yml")):
            self.program("regimport", "config", "-c", os.path.join(SAMPLES, name))

    def test_bundle_says_how_bundles_are_written(self):
        """out, sparse and strict of the file; the command line goes before each."""
        with open(self.file, encoding="utf-8") as f:
            text = f.read()
        def write(file, more):
            with open(file, "w", encoding="utf-8") as f:
                f.write(text + more)
        write(self.file, "bundle: {out: '%s', sparse: prune, strict: true}\n" % self.work("told"))
        plain = ["-c", self.file, "--site", "plant"]
        def digest(folder, state, *args, **how):
            self.export(*plain, *args, state=state, **how)
            path, = self.bundles(folder)
            return Bundle(path).doc["images"][0]["digest"]
        pruned = digest("told", "a", out=None)
        self.assertNotEqual(pruned, self.app.digest, "an index of what is chosen")
        self.assertIn(pruned, self.export(*plain, action="plan", state="plan").out, "what the plan says is what the run does")
        self.assertEqual(digest("given", "b", out="given"), pruned)
        self.assertEqual(digest("kept", "c", "--sparse", "keep", out="kept"), self.app.digest)
        self.assertEqual(len(self.bundles("told")), 1)
        absent = "ocidir://%s:none=gone:1" % self.work("absent")
        self.assertIn("--strict", self.export(*plain, absent, state="d", out="strict", status=FAILED).err)
        self.assertEqual(self.bundles("strict"), [])
        self.export(*plain, absent, "--strict=false", state="e", out="holes", status=PARTIAL)
        write(self.file, "bundle: {sparse: no}\n")
        self.assert_one_line(self.export(*plain, state="f", status=USAGE), "bundle.sparse", "keep or prune")

    def test_regsync_reads_the_same_file(self):
        if not os.path.exists(os.path.join(os.environ["RF_BIN"], "regsync")):
            self.skipTest("regsync is not built")
        self.program("regsync", "once", "-c", self.file)
        with open(os.path.join(self.work("synced"), "app", "index.json"), encoding="utf-8") as f:
            self.assertEqual([e["digest"] for e in json.load(f)["manifests"]], [self.app.digest])
        for name in sorted(n for n in os.listdir(SAMPLES) if n.endswith(".yml")):
            self.program("regsync", "config", "-c", os.path.join(SAMPLES, name))

NESTED = {"rules": [{"match": {"path": "^/v2/[^/]+/[^/]+/[^/]+/(blobs|manifests|tags)/", "count": 0},
                     "action": {"type": "status", "status": 400, "body": '{"errors":[{"code":"NAME_INVALID","message":"invalid repository name"}]}'}}]}


class Mapping(Case):
    """Three sites of one file, each with names of its own and a history of its own."""

    def setUp(self):
        super().setUp()
        self.near = self.docker_registry("near")
        base = layer("base")
        self.brought = {}
        for name in ("library/alpine", "team/web/front", "team/web/back", "team/tool"):
            self.brought[name, "1"] = images.image([base, layer(name)])
        self.push(self.brought)
        self.config = self.work("ferry.yml")
        self.paths = "paths: [{from: 'library/(.*)', to: 'base/$1'}, {from: 'team/(.*)', to: 'apps/$1'}]"
        self.plant, self.quay = self.docker_registry("plant"), self.scripted("quay", NESTED)
        self.write()

    def push(self, brought):
        images.push_all(self.near.client, [(r, t, n) for (r, t), n in brought.items()])

    def write(self, more=""):
        hosts = "".join("- {registry: '%s', tls: disabled}\n" % r.host for r in (self.near, self.plant, self.quay))
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("version: 1\ncreds:\n%ssync:\n- {source: '%s', type: registry, target: 'any.example'}\n" % (hosts, self.near.host))
            f.write("sites:\n- {name: plant, to: '%s', %s}\n" % (self.plant.host, self.paths))
            f.write("- {name: quay, to: '%s/org', maxDepth: 1}\n- {name: ship, to: 'ocidir://%s'}\n%s" % (self.quay.host, self.work("ship"), more))

    def carry(self, site, *args, **how):
        bundle = self.new_bundle("-c", self.config, "--site", site, *args, state="export-" + site, out="out-" + site, **how)
        self.importer("apply", "-c", self.config, "--site", site, bundle.path, state="import-" + site)
        return bundle

    NAMES = {"plant": {"library/alpine": "base/alpine", "team/web/front": "apps/web/front", "team/web/back": "apps/web/back", "team/tool": "apps/tool"},
             "quay": {"library/alpine": "library-alpine", "team/web/front": "team-web-front", "team/web/back": "team-web-back", "team/tool": "team-tool"}}

    def check(self, site, keys):
        for name, tag in keys:
            far, node = self.NAMES.get(site, {}).get(name, name), self.brought[name, tag]
            if site == "ship":
                with open(os.path.join(self.work("ship"), far, "index.json"), encoding="utf-8") as f:
                    entries = json.load(f)["manifests"]
                self.assertIn((tag, node.digest), [(e["annotations"]["org.opencontainers.image.ref.name"], e["digest"]) for e in entries])
            elif site == "quay":
                check_image(self.quay.client, "org/" + far, tag, node)
            else:
                check_image(self.plant.client, far, tag, node)

    def test_three_sites_with_histories_of_their_own(self):
        first = list(self.brought)
        full = {site: self.carry(site) for site in ("plant", "quay", "ship")}
        for site, bundle in full.items():
            self.assertEqual((bundle.doc["site"], bundle.doc["sequence"], bundle.doc["bases"]), (site, 1, []))
            self.assertEqual({i["repository"] for i in bundle.doc["images"]}, {self.NAMES.get(site, {}).get(r, r) for r, _ in first})
            self.check(site, first)
        # the ship misses a version that the others get
        self.brought["team/tool", "2"] = images.image([layer("base"), layer("tool2")])
        self.push({("team/tool", "2"): self.brought["team/tool", "2"]})
        self.carry("plant")
        self.carry("quay")
        self.brought["library/alpine", "2"] = images.image([layer("base"), layer("alpine2")])
        self.push({("library/alpine", "2"): self.brought["library/alpine", "2"]})
        more = {site: self.carry(site) for site in ("plant", "quay", "ship")}
        self.assertEqual(more["plant"].names("new"), ["base/alpine:2"])
        self.assertEqual(more["quay"].names("new"), ["library-alpine:2"])
        self.assertEqual(sorted(more["ship"].names("new")), ["library/alpine:2", "team/tool:2"])
        for site, bundle in more.items():
            self.assertEqual(bundle.doc["sequence"], 2 if site == "ship" else 3)
            self.assertIn(layer("base").digest, bundle.assumed)
            self.check(site, self.brought)

    def test_other_names_move_images(self):
        self.carry("plant")
        self.paths = "paths: [{from: 'library/(.*)', to: 'base/$1'}, {from: 'team/(.*)', to: 'services/$1'}], maxDepth: 2"
        self.write()
        plan = self.export("-c", self.config, "--site", "plant", action="plan", state="export-plant").out
        self.plant.mark()
        bundle = self.carry("plant")
        moved = ["services/tool:1", "services/web-back:1", "services/web-front:1"]
        self.assertEqual(sorted(bundle.names("new")), moved)
        self.assertEqual(sorted(bundle.names("removed")), ["apps/tool:1", "apps/web/back:1", "apps/web/front:1"])
        self.assertEqual(bundle.names("unchanged"), ["base/alpine:1"])
        for name in moved + ["apps/tool:1"]:
            self.assertIn(name, plan)
        layers = {d for n in self.brought.values() for d in n.all_blobs()}
        self.assertFalse(layers & set(bundle.carried), "no layer travels twice")
        mounts = [r for r in self.plant.write_requests() if "mount=" in json.dumps(r)]
        self.assertTrue(mounts, "what is there is mounted")
        for name, far in (("team/tool", "services/tool"), ("team/web/front", "services/web-front"), ("library/alpine", "base/alpine")):
            check_image(self.plant.client, far, "1", self.brought[name, "1"])
        check_image(self.plant.client, "apps/tool", "1", self.brought["team/tool", "1"])  # the old name stays until a prune
        # and goes with one, when a rule lets it go
        self.write("retain: {graceTime: 0s, rules: [{repositories: ['apps/.*'], keepNone: true}]}\n")
        bundle = self.carry("plant")
        self.assertEqual({(c["repository"], c["tag"]) for c in bundle.doc["candidates"]}, {("apps/tool", "1"), ("apps/web/back", "1"), ("apps/web/front", "1")})
        self.program("regimport", "prune", "-c", self.config, "--site", "plant", "--state", self.work("import-plant"), "--confirm-delete", "3")
        self.assertEqual(self.plant.client.call("GET", "/v2/apps/tool/manifests/1", want=(404,))[0], 404)
        for name, far in (("team/tool", "services/tool"), ("team/web/front", "services/web-front"), ("library/alpine", "base/alpine")):
            check_image(self.plant.client, far, "1", self.brought[name, "1"])

    def test_an_image_that_cannot_be_had_keeps_its_old_name(self):
        self.carry("plant")
        self.near.client.call("DELETE", "/v2/team/tool/manifests/" + self.brought["team/tool", "1"].digest)
        tool = self.brought.pop(("team/tool", "1"))
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        step = "- {source: '%s/team/tool:1', type: image, target: 'any.example/team/tool:1'}\n" % self.near.host
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text.replace("sync:\n", "sync:\n" + step).replace("apps/$1", "services/$1"))
        bundle = self.new_bundle("-c", self.config, "--site", "plant", state="export-plant", status=PARTIAL)
        self.assertEqual([(h["repository"], h["tag"]) for h in bundle.doc["holes"]], [("services/tool", "1")])
        self.assertEqual(bundle.names("held"), ["apps/tool:1"])
        self.assertEqual(sorted(bundle.names("removed")), ["apps/web/back:1", "apps/web/front:1"])
        self.importer("apply", "-c", self.config, "--site", "plant", bundle.path, state="import-plant", status=PARTIAL)
        check_image(self.plant.client, "apps/tool", "1", tool)
        self.push({("team/tool", "1"): tool})
        bundle = self.carry("plant")
        self.assertEqual((bundle.names("new"), bundle.names("removed")), (["services/tool:1"], ["apps/tool:1"]))
        check_image(self.plant.client, "services/tool", "1", tool)

    def test_a_registry_that_cannot_be_listed(self):
        """All that came from it stands, under the names of the site."""
        self.carry("plant")
        shut = self.scripted("shut", {"rules": [{"match": {"path": "_catalog", "count": 0}, "action": {"type": "status", "status": 404}}]})
        with open(self.config, encoding="utf-8") as f:
            text = f.read().replace("'%s', tls" % self.near.host, "'%s', hostname: '%s', tls" % (self.near.host, shut.host))
        other = "- {source: 'ocidir://%s', type: image, target: 'any.example/other:1'}\n" % os.path.join(self.seed([("other", "1", images.image([layer("other")]))]), "other:1")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text.replace("sync:\n", "sync:\n" + other).replace("target: 'any.example'}", "target: 'any.example/team'}"))
        bundle = self.new_bundle("-c", self.config, "--site", "plant", state="export-plant", status=PARTIAL, out="later")
        self.assertEqual(sorted(bundle.names("held")), ["apps/tool:1", "apps/web/back:1", "apps/web/front:1", "base/alpine:1"])
        self.assertEqual((bundle.names("new"), bundle.names("removed")), (["other:1"], []))

    def test_two_of_a_kind(self):
        """Two images for one name are refused with both; tags of two repositories may come together."""
        self.push({("team/web-front", "1"): images.image([layer("other")]), ("team/web-back", "2"): images.image([layer("other2")])})
        quay = ["-c", self.config, "--site", "quay"]
        self.assert_one_line(self.export(*quay, action="plan", status=FAILED), "team/web/front:1", "team/web-front:1", "differ", "team-web-front:1")
        self.push({("team/web-front", "1"): self.brought["team/web/front", "1"]})
        bundle = self.new_bundle(*quay)
        self.assertEqual({(i["repository"], i["tag"]) for i in bundle.doc["images"] if "-web-" in i["repository"]},
                         {("team-web-front", "1"), ("team-web-back", "1"), ("team-web-back", "2")})

    def test_names_that_cannot_be(self):
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text.replace("to: 'apps/$1'", "to: 'apps//$1'"))
        plant = ["-c", self.config, "--site", "plant"]
        bundle = self.new_bundle(*plant, status=PARTIAL)
        self.assertEqual(bundle.names("new"), ["base/alpine:1"])
        self.assertIn('the paths rule {from: "team/(.*)", to: "apps//$1"} makes "apps//tool" of "team/tool"', bundle.result.text())
        told = self.export(*plant, "%s/team/tool:1" % self.near.host, status=USAGE, out="none")
        self.assert_one_line(told, "makes \"apps//tool\" of \"team/tool\"", "SOURCE=PATH")

    def test_a_registry_without_nested_names(self):
        nested = self.new_bundle("-c", self.config, "--site", "ship")
        refused = self.importer("apply", "-c", self.config, "--to", self.quay.host, nested.path, status=(FAILED, PARTIAL, REFUSED))
        self.assertIn("invalid repository name", refused.text())
        self.carry("quay")
        self.check("quay", self.brought)

    def test_what_a_site_keeps(self):
        """A site's own rules come beside those of the file; where it prunes by such a file, regimport has to know the site."""
        for n in (2, 3, 4):
            for name in ("team/tool", "library/alpine"):
                self.push({(name, str(n)): images.image([layer("base"), layer("%s %d" % (name, n))])})
        self.write("retain:\n  graceTime: 0s\n  rules: [{repositories: ['.*'], tags: ['4']}]\n")
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        text = text.replace("{name: ship,", "{name: ship, retain: {protect: ['library/alpine:1'], rules: [{repositories: ['team/.*'], tags: ['3']}]}, bundle: {out: '%s'},"
                            % self.work("usb"))
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)
        ship = ["-c", self.config, "--site", "ship"]
        printed = self.program("regexport", "config", *ship).out
        self.assertEqual(printed, self.program("regimport", "config", *ship).out)
        for part in ("- name: ship.rules[0]\n", "out: " + self.work("usb"), "- library/alpine:1\n"):
            self.assertIn(part, printed)
        self.assertNotIn("plant", printed.split("sites:")[1])
        with open(self.work("printed.yml"), "w", encoding="utf-8") as f:
            f.write(printed)
        self.assertEqual(self.program("regexport", "config", "-c", self.work("printed.yml"), "--site", "ship").out, printed)
        self.export(*ship, out=None)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text.replace("type: registry,", "type: registry, repos: {allow: ['team/web/.*']},"))
        self.export(*ship, out=None)
        first, second = self.bundles("usb")
        gone = {(c["repository"], c["tag"]) for c in Bundle(second).doc["candidates"]}
        self.assertEqual({n for r, n in gone if r == "library/alpine"}, {"2", "3"})
        self.assertEqual({n for r, n in gone if r == "team/tool"}, {"1", "2"})
        for path in (first, second):
            self.importer("apply", *ship, path)
        told = self.program("regimport", "prune", "-c", self.config, "--state", self.work("import-state"), "--to", "ocidir://" + self.work("ship"), status=USAGE)
        self.assert_one_line(told, "--site is missing")
        plan = self.program("regimport", "prune", "--plan", *ship, "--state", self.work("import-state"), "--output", "json")
        self.assertEqual({(i["repository"], i["tag"]) for i in json.loads(plan.out)["images"] if i["fate"] == "letGo"}, gone)

class Samples(Case):
    """The samples for a single site, three sites and a strict one, as they are; only their registries are other machines."""

    def setUp(self):
        super().setUp()
        base = layer("base")
        self.apps = {v: images.index([images.image([base, layer("app%s-%s" % (v, a))], platform="linux/" + a) for a in ("amd64", "arm64")])
                     for v in ("1.0", "2.0", "2.1", "2.2")}
        self.nginx = images.index([images.image([base, layer("nginx-" + a)], platform="linux/" + a) for a in ("amd64", "arm64", "s390x")])
        self.near = self.docker_registry("near")
        self.push({("library/nginx", "1.27"): self.nginx})
        self.push({("team/app", v): n for v, n in self.apps.items()})

    def push(self, brought):
        images.push_all(self.near.client, [(r, t, n) for (r, t), n in brought.items()])

    def hosts(self, **more):
        names = {"docker.io": self.near, "quay.io": self.near, "registry.example": self.near, **more}
        return [arg for name, at in names.items() for arg in ("--host", "reg=%s,hostname=%s,tls=disabled" % (name, at.host))]

    def carry(self, sample, site, *args, hosts=(), status=0, **how):
        bundle = self.new_bundle("-c", os.path.join(SAMPLES, sample), *(["--site", site] if site else []), *self.hosts(), state="near-%s" % site, **how)
        bundle.apply = self.importer("apply", "-c", os.path.join(SAMPLES, sample), *(["--site", site] if site else []), *hosts, *args, bundle.path,
                                     state="far-%s" % site, status=status)
        return bundle

    def test_three_sites(self):
        plant, quay = self.docker_registry("plant"), self.scripted("quay", NESTED)
        far = self.hosts(**{"registry.plant:5000": plant, "quay.office.example": quay})
        bundle = self.carry("three-sites.yml", "plant-7", hosts=far)
        self.assertEqual(bundle.names(), ["base/nginx:1.27", "team/app:2.0", "team/app:2.1", "team/app:2.2"])
        arm = [n for n in self.nginx.children if n.platform["architecture"] == "arm64"]
        self.assertTrue({n.digest for n in self.nginx.children} & set(bundle.blobs) == {arm[0].digest})
        self.assertEqual(sorted(plant.client.repositories()), ["mirror/base/nginx", "mirror/team/app"])
        check_image(plant.client, "mirror/base/nginx", arm[0].digest, arm[0])
        bundle = self.carry("three-sites.yml", "office", hosts=far)
        self.assertEqual(sorted({i["repository"] for i in bundle.doc["images"]}), ["library-nginx", "team-app"])
        check_image(quay.client, "mirror/team-app", "2.2", self.apps["2.2"])
        to = ["--to", "ocidir://" + self.work("ship")]
        self.carry("three-sites.yml", "ship", *to)
        with open(os.path.join(self.work("ship"), "team", "app", "index.json"), encoding="utf-8") as f:
            entries = json.load(f)["manifests"]
        self.assertEqual(len(entries), 3)
        self.assertFalse({e["digest"] for e in entries} & {n.digest for n in self.apps.values()}, "indexes of one platform")
        self.assertEqual(os.listdir(self.work("ship")), ["team"])
        # versions go at the source: the ship keeps two, the plant five
        self.push({("team/app", "3.0"): self.apps["2.2"]})
        for v in ("2.0", "2.1"):
            self.near.client.call("DELETE", "/v2/team/app/manifests/" + self.apps[v].digest)
        self.assertEqual(self.carry("three-sites.yml", "plant-7", hosts=far).doc["candidates"], [])
        self.assertEqual([(c["tag"], c["rule"]) for c in self.carry("three-sites.yml", "ship", *to).doc["candidates"]],
                         [("2.0", "retain rule ship.rules[0]")])

    def test_a_single_site(self):
        for tag in ("3.18", "3.20", "3.20-rc1"):
            self.push({("library/alpine", tag): self.nginx})
        self.push({("team/app", "v" + v): n for v, n in self.apps.items()})
        bundle = self.carry("single.yml", None, "--prune", "--to", "ocidir://" + self.work("far"))
        self.assertEqual(bundle.names(), ["library/alpine:3.20", "team/app:v1.0", "team/app:v2.0", "team/app:v2.1", "team/app:v2.2"])
        printed = self.program("regexport", "config", "-c", os.path.join(SAMPLES, "single.yml")).out
        self.assertIn("bundle:\n  out: /media/out\n", printed)

    def test_a_strict_site(self):
        """Root is not accepted; without all that is selected there is no bundle."""
        vault = self.docker_registry("vault")
        bundle = self.carry("strict-site.yml", "vault", hosts=self.hosts(**{"registry.vault:5000": vault}), status=PARTIAL)
        self.assertIn("runs as root", bundle.apply.text())
        self.assertEqual(vault.client.repositories(), [])
        blob = self.near.blob_file(self.apps["2.2"].children[0].digest)
        os.remove(blob)
        told = self.export("-c", os.path.join(SAMPLES, "strict-site.yml"), "--site", "vault", *self.hosts(), "--full", state="other", out="none", status=FAILED)
        self.assertIn("--strict", told.err)
        self.assertEqual(self.bundles("none"), [])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pruning: what both sides let go loses its tag, then its manifests; what is in use, moved, needed or beyond the cap stays."""
import json
import os
import re
import shutil

from common import Case, DONE, FAILED, GROUND, PARTIAL, REFUSED, USAGE, images, main
from harness import tree_of
from scripted_registry import ScriptedRegistry

KEEP_NONE = "retain:\n  graceTime: 0s\n  rules:\n  - keepNone: true\n"
HOUR = KEEP_NONE.replace("0s", "1h")


def layer(name, size=3000):
    return images.random_layer(name, size)


class Pruning(Case):
    """A few images, a place for them, and what is done with both."""
    def setUp(self):
        super().setUp()
        base = layer("base", 9000)
        self.images = {("app", str(n)): images.image([base, layer("app%d" % n)], created="2026-01-0%dT00:00:00Z" % n) for n in range(1, 6)}
        self.images["lib", "1"] = images.image([base, layer("lib")])
        self.images["tool", "1"] = images.index([images.image([base, layer("tool-" + a)], platform="linux/" + a) for a in ("amd64", "arm64")])
        self.root = self.seed([(r, t, n) for (r, t), n in self.images.items()])
        self.far = self.work("far")
        self.to = ["--to", "ocidir://" + self.far]

    # --- both sides ---

    def config(self, retain, name="ferry.yml"):
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("version: 1\n" + retain)
        return path

    def bundle(self, keys, retain=KEEP_NONE, *args, **how):
        """A bundle that selects these images, carried over and applied."""
        config = self.config(retain)
        refs = ["ocidir://%s:%s=%s:%s" % (os.path.join(self.root, r), t, r, t) for r, t in keys]
        bundle = self.new_bundle("-c", config, *args, *refs, **how)
        self.apply(bundle, *self.to)
        return bundle

    def two(self, first, second, retain=KEEP_NONE):
        self.bundle(first, retain)
        return self.bundle(second, retain)

    def prune(self, *args, status=DONE, state="import-state"):
        return self.program("regimport", "prune", "--state", self.work(state), *self.to, *args, "--output", "json", status=status)

    def tags(self, repository):
        path = os.path.join(self.far, repository, "index.json")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            entries = json.load(f)["manifests"]
        return sorted(e["annotations"]["org.opencontainers.image.ref.name"] for e in entries
                      if "org.opencontainers.image.ref.name" in e.get("annotations", {}))

    def has_blob(self, repository, digest):
        return os.path.exists(os.path.join(self.far, repository, "blobs", *digest.split(":")))

    def digest(self, *key):
        return self.images[key].digest

    def fates(self, result):
        return {"%s:%s" % (i["repository"], i["tag"]): i["fate"] for i in json.loads(result.out)["images"]}

    def reasons(self, result):
        return {"%s:%s" % (i["repository"], i["tag"]): i["reason"] for i in json.loads(result.out)["images"]}

    def age(self, state="import-state"):
        """Two hours pass."""
        folder = self.work(state)
        for name in os.listdir(folder):
            if name.startswith("prune-"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as f:
                    doc = json.load(f)
                for m in doc["waiting"]:
                    m["untagged"] = "2020-01-01T00:00:00Z"
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(doc, f)

    def move(self, n, *args, status=DONE):
        """A bundle in which app:latest is image number n; beside it app:stable is image 5 always."""
        node = self.images["app", str(n)]
        root = self.seed([("app", "latest", node), ("app", "stable", self.images["app", "5"])], "moved%d" % len(self.bundles()))
        refs = ["ocidir://%s/app:%s=app:%s" % (root, t, t) for t in ("latest", "stable")]
        bundle = self.new_bundle("-c", self.config(*args or (KEEP_NONE,)), *refs)
        self.apply(bundle, *self.to, status=status)
        return bundle

    def left(self, bundle):
        return [(c["tag"], c["digest"], c["rule"]) for c in bundle.doc["candidates"]]


class Prune(Pruning):
    # --- layouts ---

    def test_a_rule_for_other_names_is_told(self):
        config = self.config("retain:\n  rules:\n  - {repositories: ['near/.*'], keepSemver: 1}\n  - {repositories: [app], keepSemver: 1}\n")
        told = self.export("-c", config, "ocidir://%s:1=app:1" % os.path.join(self.root, "app"), action="plan").err
        self.assertEqual(told.count("A retain rule is for no repository"), 1, told)
        self.assertIn("near/.*", told)

    def test_plan_says_what_the_run_does(self):
        app = [("app", str(n)) for n in range(1, 6)]
        last = self.two(app, app[3:], "retain:\n  graceTime: 0s\n  rules:\n  - {repositories: [app], keepSemver: 3, name: three}\n")
        self.assertEqual([(c["repository"], c["tag"], c["rule"]) for c in last.doc["candidates"]],
                         [("app", "1", "retain rule three"), ("app", "2", "retain rule three")])
        before = tree_of(self.far)
        plan = self.prune("--plan")
        self.assertEqual(tree_of(self.far), before, "a plan writes nothing")
        done = self.prune()
        self.assertEqual(self.fates(plan), self.fates(done))
        self.assertEqual([(m["digest"], m["due"]) for m in json.loads(plan.out)["manifests"]],
                         [(m["digest"], m["deleted"]) for m in json.loads(done.out)["manifests"]])
        self.assertEqual(json.loads(plan.out)["deleted"], json.loads(done.out)["deleted"])
        self.assertEqual(self.tags("app"), ["3", "4", "5"])
        self.assertFalse(self.has_blob("app", self.digest("app", "1")))
        self.assertGreater(json.loads(done.out)["freedBytes"], 6000)
        again = self.prune()
        self.assertEqual(set(self.fates(again).values()), {"gone"})
        self.assertEqual(json.loads(again.out)["letGo"], 0)

    def test_the_same_rules_on_both_sides(self):
        """What the connected side's rules keep is no candidate, but counts among the last three here as there; what is gone takes nobody's place."""
        app = [("app", str(n)) for n in range(1, 6)]
        rules = "retain:\n  graceTime: 0s\n  rules:\n  - {repositories: [app], keepSemver: %d}\n"
        self.two(app, app[4:], rules % 3)
        same = self.config(rules % 3, "same.yml")
        self.assertEqual(self.fates(self.prune("--plan", "-c", same)), {"app:1": "letGo", "app:2": "letGo"})
        more = self.config(rules % 4, "more.yml")
        self.assertEqual(self.fates(self.prune("--plan", "-c", more)), {"app:1": "letGo", "app:2": "kept"})
        self.prune("-c", same)
        self.assertEqual(self.tags("app"), ["3", "4", "5"])
        # somebody deletes app:4: of those that are left three stay, app:3 among them
        self.program("regctl", "tag", "delete", "ocidir://%s/app:4" % self.far)
        self.assertEqual(self.fates(self.prune("--plan", "-c", same)), {"app:1": "gone", "app:2": "gone"})

    def test_apply_and_plan_with_prune(self):
        self.bundle([("app", "1"), ("app", "2")])
        config = self.config(KEEP_NONE)
        bundle = self.new_bundle("-c", config, "ocidir://%s:2=app:2" % os.path.join(self.root, "app"))
        plan = self.importer("plan", *self.to, "--prune", bundle.path)
        self.assertIn("would go  app:1", plan.out)
        self.assertEqual(self.tags("app"), ["1", "2"])
        done = self.importer("apply", *self.to, "--prune", bundle.path)
        self.assertIn("let go    app:1", done.out)
        self.assertEqual(self.tags("app"), ["2"])

    def test_without_rules_nothing_goes(self):
        self.two([("app", "1"), ("app", "2")], [("app", "2")], "")
        result = self.prune()
        self.assertFalse(json.loads(result.out)["rules"])
        self.assertEqual(self.tags("app"), ["1", "2"])

    def test_grace_time(self):
        self.two([("app", "1"), ("app", "2")], [("app", "2")], HOUR)
        result = json.loads(self.prune().out)
        self.assertEqual((result["letGo"], result["deleted"]), (1, 0))
        self.assertEqual(self.tags("app"), ["2"])
        self.assertTrue(self.has_blob("app", self.digest("app", "1")))
        self.program("regctl", "image", "inspect", "ocidir://%s@%s" % (os.path.join(self.far, "app"), self.digest("app", "1")))
        again = self.prune()
        self.assertEqual(self.fates(again), {"app:1": "waiting"})
        self.age()
        result = json.loads(self.prune().out)
        self.assertEqual((result["letGo"], result["deleted"]), (0, 1))
        self.assertFalse(self.has_blob("app", self.digest("app", "1")))

    def test_lost_state_restarts_the_grace_time(self):
        last = self.two([("app", "1"), ("app", "2")], [("app", "2")], HOUR)
        self.prune()
        shutil.rmtree(self.work("import-state"))
        self.assert_one_line(self.prune(status=USAGE), "no bundle is remembered")
        self.apply(last, *self.to)
        result = self.prune()
        self.assertEqual((self.fates(result), json.loads(result.out)["deleted"]), ({"app:1": "letGo"}, 0))
        self.assertTrue(self.has_blob("app", self.digest("app", "1")))
        self.age()
        self.assertEqual(json.loads(self.prune().out)["deleted"], 1)

    def test_in_use(self):
        keys = [("app", "1"), ("app", "2"), ("app", "3"), ("app", "4"), ("tool", "1"), ("lib", "1")]
        last = self.two(keys, [("app", "4"), ("lib", "1")])
        child = self.images["tool", "1"].children[0].digest
        config_digest = json.loads(self.images["app", "3"].data)["config"]["digest"]
        lists = []
        for name, text in (("pods.txt", "registry.plant:5000/app:1 docker-pullable://registry.plant/tool@%s\n" % child),
                           ("ids.json", json.dumps({"imageID": config_digest}))):
            lists += ["--in-use", self.work(name)]
            with open(self.work(name), "w", encoding="utf-8") as f:
                f.write(text)
        result = self.prune(*lists)
        self.assertEqual(self.fates(result), {"app:1": "kept", "app:2": "letGo", "app:3": "kept", "tool:1": "kept"})
        self.assertEqual((self.tags("app"), self.tags("tool")), (["1", "3", "4"], ["1"]))
        with open(self.work("empty.txt"), "w", encoding="utf-8") as f:
            f.write("\n")
        before = tree_of(self.far)
        self.assert_one_line(self.prune("--in-use", self.work("empty.txt"), status=USAGE), "names no image")
        self.prune("--in-use", self.work("absent.txt"), status=(FAILED, USAGE))
        self.assertEqual(tree_of(self.far), before)

    def test_this_side_has_its_say(self):
        self.two([("app", "1"), ("app", "2"), ("app", "3")], [("app", "3")])
        own = self.config("retain:\n  graceTime: 1h\n  rules:\n  - tags: ['1']\n", "own.yml")
        result = self.prune("-c", own)
        self.assertEqual(self.fates(result), {"app:1": "kept", "app:2": "letGo"})
        self.assertIn("this side: retain.rules[0].tags", self.reasons(result)["app:1"])
        self.assertEqual(json.loads(result.out)["deleted"], 0, "the longer grace time counts")
        self.assertEqual(self.tags("app"), ["1", "3"])

    def test_moved_tag_and_shared_digest(self):
        self.images["app", "one"] = self.images["app", "1"]
        images.write_tree(self.root, [("app", "one", self.images["app", "1"])])
        keys = [("app", "1"), ("app", "one"), ("app", "2"), ("app", "3")]
        self.two(keys, [("app", "one"), ("app", "3")])
        self.program("regctl", "image", "copy", "ocidir://%s:5" % os.path.join(self.root, "app"), "ocidir://%s:2" % os.path.join(self.far, "app"))
        result = self.prune()
        self.assertEqual(self.fates(result), {"app:1": "letGo", "app:2": "kept"})
        self.assertIn(self.digest("app", "5"), self.reasons(result)["app:2"])
        self.assertEqual(self.tags("app"), ["2", "3", "one"])
        self.assertTrue(self.has_blob("app", self.digest("app", "1")), "the other tag needs it")
        self.assertEqual(self.fates(self.prune())["app:1"], "gone")

    def test_what_bundles_did_not_bring(self):
        """A bundle that never arrived; somebody else brought the same image."""
        config = self.config(KEEP_NONE)
        def ref(n):
            return "ocidir://%s:%s=app:%s" % (os.path.join(self.root, "app"), n, n)
        self.bundle([("app", "1")])
        self.new_bundle("-c", config, ref(1), ref(2))
        self.program("regctl", "image", "copy", "ocidir://%s:2" % os.path.join(self.root, "app"), "ocidir://%s:2" % os.path.join(self.far, "app"))
        third = self.new_bundle("-c", config, ref(1))
        self.apply(third, *self.to)
        result = self.prune()
        self.assertEqual(self.fates(result), {"app:2": "kept"})
        self.assertEqual(self.tags("app"), ["1", "2"])

    def test_what_was_refused_is_somebody_elses(self):
        """This side's policy refused an image; later somebody put it there all the same."""
        strict = self.config("policy:\n  script: |\n    function accept(image)\n      return image.tag ~= '2', 'not 2'\n    end\n", "own.yml")
        config = self.config(KEEP_NONE)
        def refs(*tags):
            return ["ocidir://%s:%s=app:%s" % (os.path.join(self.root, "app"), t, t) for t in tags]
        self.importer("apply", *self.to, "-c", strict, self.new_bundle("-c", config, *refs("1", "2", "3")).path, status=PARTIAL)
        self.program("regctl", "image", "copy", "ocidir://%s:2" % os.path.join(self.root, "app"), "ocidir://%s:2" % os.path.join(self.far, "app"))
        self.apply(self.new_bundle("-c", config, *refs("1")), *self.to)
        self.assertEqual(self.fates(self.prune()), {"app:2": "kept", "app:3": "letGo"})
        self.assertEqual(self.tags("app"), ["1", "2"])

    def test_a_hole_is_not_given_up(self):
        self.bundle([("app", "1"), ("app", "2"), ("lib", "1")])
        config = self.config(KEEP_NONE)
        os.rename(os.path.join(self.root, "lib"), os.path.join(self.root, "away"))
        refs = ["ocidir://%s/%s=%s" % (self.root, name, name) for name in ("app:2", "lib:1")]
        bundle = self.new_bundle("-c", config, *refs, status=PARTIAL)
        self.assertEqual([(c["repository"], c["tag"]) for c in bundle.doc["candidates"]], [("app", "1")])
        self.apply(bundle, *self.to, status=PARTIAL)
        self.assertEqual(self.fates(self.prune()), {"app:1": "letGo"})
        self.assertEqual((self.tags("app"), self.tags("lib")), (["2"], ["1"]))

    def test_cap(self):
        app = [("app", str(n)) for n in range(1, 6)]
        self.two(app, app[4:], KEEP_NONE.replace("rules", "maxDelete: 50%\n  rules"))
        before = tree_of(self.far)
        result = self.prune(status=REFUSED)
        self.assertIn("4 of 5 images", result.err)
        self.prune("--confirm-delete", "4", status=REFUSED)
        self.assertEqual(tree_of(self.far), before)

    def test_an_emptied_section_deletes_nothing(self):
        self.two([("app", "1"), ("lib", "1"), ("tool", "1")], [("app", "1")])
        before = tree_of(self.far)
        result = self.prune(status=REFUSED)
        self.assertIn("--confirm-delete 2", result.err)
        self.assertTrue(json.loads(result.out)["needsConfirmation"])
        self.prune("--confirm-delete", "3", status=REFUSED)
        self.assertEqual(tree_of(self.far), before)
        done = json.loads(self.prune("--confirm-delete", "2").out)
        self.assertEqual((done["letGo"], done["deleted"]), (2, 4), "an index and its two images, an image")
        self.assertEqual((self.tags("lib"), self.tags("tool")), ([], []))
        self.assertEqual(os.listdir(os.path.join(self.far, "tool", "blobs", "sha256")), [])

    def test_referrers(self):
        """A signature goes with its image, and stays with it."""
        source = self.work.folder("signed")
        images.write_tree(source, [("app", n, self.images["app", n]) for n in ("1", "2", "3")])
        signed = {}
        for n in ("1", "2", "3"):
            self.program("regctl", "artifact", "put", "--artifact-type", "application/x.signature", "--file-media-type", "text/plain",
                         "--subject", "ocidir://%s/app:%s" % (source, n), stdin=("signature of " + n).encode())
            listed = json.loads(self.program("regctl", "artifact", "list", "ocidir://%s/app:%s" % (source, n), "--format", "body").out)
            signed[n] = listed["manifests"][0]["digest"]
        def refs(*tags):
            return ["--referrers"] + ["ocidir://%s/app:%s=app:%s" % (source, t, t) for t in tags]
        keep = self.config("retain:\n  graceTime: 0s\n  rules:\n  - tags: ['2']\n")
        self.apply(self.new_bundle("-c", keep, *refs("1", "2", "3")), *self.to)
        self.apply(self.new_bundle("-c", keep, *refs("3")), *self.to)
        result = self.prune()
        self.assertEqual([self.has_blob("app", signed[n]) for n in ("1", "2", "3")], [False, True, True], result.out)
        self.assertEqual([self.has_blob("app", self.digest("app", n)) for n in ("1", "2", "3")], [False, True, True])

    def test_ages_are_measured_against_as_of(self):
        rules = "retain:\n  graceTime: 0s\n  rules:\n  - newerThan: 72h\n"
        app = [("app", str(n)) for n in range(1, 6)]
        self.bundle(app, rules)
        second = self.bundle(app[4:], rules, "--as-of", "2026-01-05")
        self.assertEqual(second.doc["asOf"], "2026-01-05T00:00:00Z")
        self.assertEqual([c["tag"] for c in second.doc["candidates"]], ["1", "2"])
        own = self.config(rules, "own.yml")
        result = self.prune("-c", own)
        self.assertEqual((self.fates(result), second.result.err.count("WARN"), "yet to reach" in result.err), ({"app:1": "letGo", "app:2": "letGo"}, 0, False))

    def test_a_time_that_lies_ahead_is_told(self):
        """A slip, or the clock of one side: everything is too old then."""
        ahead = self.bundle([("app", "1")], KEEP_NONE.replace("keepNone: true", "newerThan: 72h"), "--as-of", "2999-01-01")
        self.assertRegex(ahead.result.err, "WARN.*--as-of lies ahead.*asOf=2999-01-01T00:00:00Z")
        self.assertRegex(self.prune("--plan").err, "WARN.*yet to reach.*asOf=2999-01-01T00:00:00Z")

    # --- what a tag left ---

    def check_what_a_tag_left(self, there):
        """app:latest was 1, is 2, will be 3: its old image goes, but not while a rollback would want it."""
        one, two, three = (self.digest("app", str(n)) for n in (1, 2, 3))
        self.move(1)
        second = self.move(2)
        self.assertEqual(self.left(second), [("", one, "retain.rules[0]; left by its tag (latest)")])
        result = self.prune()
        item = json.loads(result.out)["images"][0]
        self.assertEqual((item["tag"], item["digest"], item["fate"]), ("", one, "kept"))
        self.assertIn("rollback", item["reason"])
        self.program("regimport", "rollback", "--state", self.work("import-state"), *self.to)
        self.assertTrue(there(one))
        self.apply(second, *self.to)
        third = self.move(3)
        self.assertEqual([c[1] for c in self.left(third)], sorted([one, two]))
        plan, done = self.prune("--plan"), json.loads(self.prune().out)
        self.assertEqual([(i["digest"], i["fate"]) for i in json.loads(plan.out)["images"]], [(i["digest"], i["fate"]) for i in done["images"]])
        self.assertEqual({i["digest"]: i["fate"] for i in done["images"]}, {one: "letGo", two: "kept"})
        self.assertEqual((there(one), there(two), there(three)), (False, True, True))
        self.assertEqual(done["letGo"], 1)
        # the way back of the last bundle is open; the one behind it is not, and says so before anything moves
        self.program("regimport", "rollback", "--state", self.work("import-state"), *self.to)
        self.assertEqual({i["digest"]: i["fate"] for i in json.loads(self.prune().out)["images"]}, {one: "gone"})
        first = os.path.basename(self.bundles()[0]).split("-")[-2]
        self.apply(third, *self.to)
        refused = self.program("regimport", "rollback", first, "--state", self.work("import-state"), *self.to, status=GROUND)
        self.assertIn("lacks what 1 tag would go back to", refused.err)
        self.assertIn("--allow-older", refused.err)
        self.assertEqual(self.program("regctl", "image", "digest", *self.to[:-2], self.to[-1] + "/app:latest").out.strip(), three, "nothing is half done")
        self.assertTrue(there(three))

    def test_what_a_tag_left(self):
        self.check_what_a_tag_left(lambda digest: self.has_blob("app", digest))

    def test_what_a_tag_left_in_a_registry(self):
        far = self.docker_registry("registry")
        self.to = ["--host", far.host_flag(), "--to", far.host + "/plant"]
        self.check_what_a_tag_left(lambda digest: far.client.manifest("plant/app", digest) is not None)

    def test_the_plan_behind_a_bundle_that_moves_a_tag(self):
        one, two = self.digest("app", "1"), self.digest("app", "2")
        self.move(1)
        self.move(2)
        root = self.seed([("app", "latest", self.images["app", "3"])], "third")
        bundle = self.new_bundle("-c", self.config(KEEP_NONE), "ocidir://%s/app:latest=app:latest" % root)
        plan = self.importer("plan", *self.to, "--prune", bundle.path).out
        done = self.importer("apply", *self.to, "--prune", bundle.path).out
        for digest, would, did in ((one, "would go", "let go"), (two, "kept", "kept"), (self.digest("app", "5"), "would go", "let go")):
            self.assertRegex(plan, r"%s +app(:stable )?@?%s" % (would, digest))
            self.assertRegex(done, r"%s +app(:stable )?@?%s" % (did, digest))
        self.assertIn("images    2 would be let go, 1 kept", plan)
        self.assertIn("images    2 let go, 1 kept", done)
        self.assertEqual((self.tags("app"), self.has_blob("app", one), self.has_blob("app", two)), (["latest"], False, True))

    def test_what_a_tag_left_waits_for_its_time(self):
        """And in a layout no collection takes it before, nor what a rollback needs."""
        one, two = self.digest("app", "1"), self.digest("app", "2")
        for n in (1, 2, 3):
            self.move(n, HOUR)
        result = json.loads(self.prune().out)
        self.assertEqual((result["letGo"], result["deleted"]), (1, 0))
        # regctl collects garbage after it has written
        self.program("regctl", "image", "copy", "ocidir://%s:4" % os.path.join(self.root, "app"), "ocidir://%s:mine" % os.path.join(self.far, "app"))
        self.assertEqual((self.has_blob("app", one), self.has_blob("app", two)), (True, True))
        self.age()
        self.assertEqual(json.loads(self.prune().out)["deleted"], 1)
        self.assertEqual((self.has_blob("app", one), self.has_blob("app", two)), (False, True))

    def test_what_a_state_does_not_know(self):
        """A state from a backup saw the first and the last of four bundles. What it says is kept, as nothing it knows brought it, is kept: in a layout too."""
        one, two, three = (self.digest("app", str(n)) for n in (1, 2, 3))
        self.images["app", "9"] = images.image([layer("nine")])
        images.write_tree(self.root, [("app", "9", self.images["app", "9"])])
        self.bundle([("app", "9")])
        shutil.copytree(self.work("import-state"), self.work("backup"))
        for n in (1, 2, 3):
            self.move(n)
        root = self.seed([("app", "latest", self.images["app", "4"])], "last")
        bundle = self.new_bundle("-c", self.config(KEEP_NONE), "ocidir://%s/app:latest=app:latest" % root)
        self.apply(bundle, *self.to, state="backup")
        result = self.prune("--confirm-delete", "1", state="backup")
        kept = [i["digest"] for i in json.loads(result.out)["images"] if i["fate"] == "kept" and not i["tag"]]
        self.assertTrue({one, two, three} & set(kept), result.out)
        self.assertGreater(json.loads(result.out)["deleted"], 0)
        self.assertEqual([d for d in kept if not self.has_blob("app", d)], [])

    def test_what_a_tag_left_has_other_names(self):
        """Another tag, a rule, a protected name, a list of what is in use: each is enough."""
        root = self.seed([("app", "latest", self.images["app", "1"]), ("app", "first", self.images["app", "1"])], "named")
        self.apply(self.new_bundle("-c", self.config(KEEP_NONE), *["ocidir://%s/app:%s=app:%s" % (root, t, t) for t in ("latest", "first")]), *self.to)
        second = self.move(2)
        self.assertEqual([(t, d) for t, d, _ in self.left(second)], [("first", self.digest("app", "1"))], "that name decides")
        protect = "retain:\n  graceTime: 0s\n  protect: ['app:latest']\n  rules:\n  - keepNone: true\n"
        self.assertEqual(self.left(self.move(3, protect))[0][0], "first")
        newest = "retain:\n  graceTime: 0s\n  rules:\n  - keepNewest: 4\n"
        self.assertEqual([d for t, d, _ in self.left(self.move(4, newest)) if not t], [], "5 and 4 are newer than 2, 3 is the third")
        fifth = self.move(1)
        self.assertEqual(sorted(d for t, d, _ in self.left(fifth) if not t), sorted(self.digest("app", str(n)) for n in (2, 3, 4)))
        own = self.config("retain:\n  graceTime: 0s\n  protect: ['app:latest']\n  rules:\n  - keepNone: true\n", "own.yml")
        reasons = [i["reason"] for i in json.loads(self.prune("-c", own, "--plan").out)["images"] if not i["tag"]]
        self.assertEqual(reasons, ["this side: retain.protect"] * 3)
        with open(self.work("pods"), "w", encoding="utf-8") as f:
            f.write("# of the night shift\n%s\n" % self.digest("app", "2")[7:20])
        result = self.prune("--in-use", self.work("pods"))
        fates = {i["digest"]: i["fate"] for i in json.loads(result.out)["images"] if not i["tag"]}
        self.assertEqual(fates, {self.digest("app", "2"): "kept", self.digest("app", "3"): "letGo", self.digest("app", "4"): "kept"})
        self.assertEqual([self.has_blob("app", self.digest("app", str(n))) for n in (1, 2, 3, 4, 5)], [True, True, False, True, True])

    # --- messages ---

    def test_the_number_is_asked_for_once(self):
        self.two([("app", "1"), ("lib", "1")], [("app", "1")])
        state = ["--state", self.work("import-state"), *self.to]
        def text(*args, status=DONE):
            return self.program("regimport", "prune", *state, *args, status=status)
        self.assertIn("confirm   lib has no selected image any more", text("--plan").out)
        asked = text(status=REFUSED)
        self.assertIn("confirm   lib", asked.out)
        self.assert_one_line(asked, "emptied or misspelt; nothing was deleted; if it is meant, --confirm-delete 1")
        self.assert_one_line(text("--confirm-delete", "2", status=REFUSED), "the plan has 1; nothing was deleted; look at it first")
        self.assert_one_line(text("--plan", "--confirm-delete", "2", status=REFUSED), "--confirm-delete 2: the plan has 1")
        self.assert_one_line(text("--confirm-delete", "all", status=USAGE), "--confirm-delete all: not a number of images")
        self.assertNotIn("confirm ", text("--plan", "--confirm-delete", "1").out)
        done = text("--confirm-delete", "1").out
        self.assertNotIn("confirm ", done)
        self.assertIn("images    1 let go, 0 kept, 0 waiting, 0 gone already", done)
        self.assertRegex(done, r"space     \S+ ?\S* freed, 4 blobs")
        self.assertIn("images    0 let go, 0 kept, 0 waiting, 1 gone already", text().out)

    def test_a_plan_tells_of_the_cap(self):
        app = [("app", str(n)) for n in range(1, 6)]
        self.two(app, app[4:], KEEP_NONE.replace("rules", "maxDelete: 3\n  rules"))
        plan = self.prune("--plan", status=REFUSED)
        self.assertIn("4 of 5 images would be let go, the bundle allows 3 (maxDelete)", json.loads(plan.out)["refused"])
        self.assert_one_line(plan, "maxDelete")
        # the number does not open the cap, so it is not asked for
        self.bundle([("lib", "1")], KEEP_NONE.replace("rules", "maxDelete: 3\n  rules"))
        text = self.program("regimport", "prune", "--state", self.work("import-state"), *self.to, "--confirm-delete", "5", status=REFUSED)
        self.assertNotIn("confirm ", text.out)
        self.assertEqual(self.tags("app"), ["1", "2", "3", "4", "5"])

    def test_a_section_that_is_no_section(self):
        """Misspelt it is refused, emptied it has no say and that is told, without rules it keeps all."""
        self.two([("app", "1"), ("app", "2")], [("app", "2")])
        state, before = ["--state", self.work("import-state"), *self.to], tree_of(self.far)
        def text(own, status=DONE):
            return self.program("regimport", "prune", "--plan", *state, "-c", self.config(own, "own.yml"), status=status)
        self.assert_one_line(text("retian:\n  rules: []\n", USAGE), r'own.yml:2:1: unknown key "retian"; did you mean "retain"')
        self.assert_one_line(text("retain:\n  rule: []\n", USAGE), r'own.yml:3:3: unknown key "rule" in retain; did you mean "rules"')
        self.assertIn("own rules none in this side's file", text("retain:\n").out)
        self.assertIn("images    0 would be let go, 1 kept", text("retain: {rules: []}\n").out)
        self.assertIn("own rules 1; what they do not let go stays", text(KEEP_NONE).out)
        self.assertEqual(tree_of(self.far), before)

    def test_lists_that_are_none(self):
        self.two([("app", "1"), ("app", "2")], [("app", "2")])
        before = tree_of(self.far)
        for name, data, words in (("empty", b"", "it names no image"), ("noise", b"\x00\x01\xff noise", "it names no image"),
                                  ("error", b"The connection to the server localhost:8080 was refused - did you specify the right host or port?\n", "it names no image"),
                                  ("comments", b"# registry/app:1\n", "it names no image"), ("no-pods", b'{"apiVersion": "v1", "items": []}', "it names no image"),
                                  ("utf16", "app:1\n".encode("utf-16"), "it is UTF-16")):
            with open(self.work(name), "wb") as f:
                f.write(data)
            self.assert_one_line(self.prune("--in-use", self.work(name), status=USAGE), "--in-use .*%s: %s" % (name, words))
        os.mkdir(self.work("folder"))
        self.assert_one_line(self.prune("--in-use", self.work("folder"), status=FAILED), "--in-use .*folder: .*[Ii]s a directory")
        self.assert_one_line(self.prune("--in-use", self.work("nowhere"), status=USAGE), "--in-use .*nowhere: no such file")
        self.assertEqual(tree_of(self.far), before)
        # an older bundle's rules, or a state of another site
        self.assert_one_line(self.prune(state="other-state", status=USAGE), "no bundle is remembered as applied to ocidir://")

    def test_lists_as_tools_print_them(self):
        """Each keeps app:1 alone of five images."""
        app = [("app", str(n)) for n in range(1, 6)]
        self.two(app, app[4:])
        digest, config = self.digest("app", "1"), json.loads(self.images["app", "1"].data)["config"]["digest"]
        pods = {"apiVersion": "v1", "kind": "List", "items": [{"metadata": {"name": "a", "annotations": {"last-applied": json.dumps({"image": "reg/x:9"})}}, "spec": {
            "containers": [{"image": "registry.plant:5000/app:1"}]}, "status": {"containerStatuses": [{"image": "sha256:" + "0" * 64, "imageID": "registry.plant:5000/app@" + digest}]}}]}
        lists = {"kubectl -o json": json.dumps(pods, indent=2), "kubectl on one line": json.dumps(pods), "slashes escaped": json.dumps(pods).replace("/", "\\/"),
                 "crictl images -o json": json.dumps({"images": [{"id": config, "repoTags": [], "repoDigests": []}]}),
                 "crictl images": "IMAGE                     TAG   IMAGE ID        SIZE\nregistry.plant:5000/app   1     0123456789abc   3kB\n",
                 "docker images -q": config[7:19] + "\n", "docker ps": "CONTAINER ID   IMAGE   COMMAND\n5c0c0c0c0c0c   registry.plant/app:1   \"sh\"\n",
                 "podman --no-trunc": config[7:] + "\n", "a list": "# what runs here\n\ufeff\nregistry.plant/app:1  # the only one\n", "with a mark": "\ufeffapp:1\r\n"}
        for name, text in lists.items():
            with open(self.work("list"), "w", encoding="utf-8", newline="") as f:
                f.write(text)
            self.assertEqual(self.fates(self.prune("--plan", "--in-use", self.work("list"))),
                             {"app:1": "kept", "app:2": "letGo", "app:3": "letGo", "app:4": "letGo"}, name)
        plan = self.program("regimport", "prune", "--plan", "--state", self.work("import-state"), *self.to, "--in-use", "-", "--in-use", self.work("list"), stdin=b"app:2\n")
        self.assertIn("in use    2 digests, names and ids in 2 lists", plan.out)
        self.assertIn("kept      app:2", plan.out)

    # --- registries ---

    def test_registry(self):
        far = self.docker_registry("registry")
        self.to = ["--host", far.host_flag(), "--to", far.host + "/plant"]
        self.two([("app", "1"), ("app", "2"), ("app", "3"), ("tool", "1"), ("lib", "1")], [("app", "3"), ("lib", "1")], HOUR)
        text = self.program("regimport", "prune", "--state", self.work("import-state"), *self.to, "--plan")
        self.assertIn("its own garbage collection", text.out)
        self.prune("--confirm-delete", "3")
        self.assertEqual(sorted(far.client.tags("plant/app")), ["3"])
        self.assertIsNotNone(far.client.manifest("plant/app", self.digest("app", "1")))
        self.age()
        self.assertEqual(json.loads(self.prune().out)["deleted"], 5)
        for repository, digest in (("app", self.digest("app", "1")), ("tool", self.images["tool", "1"].children[0].digest)):
            self.assertIsNone(far.client.manifest("plant/" + repository, digest))
        self.assertIsNotNone(far.client.manifest("plant/app", self.digest("app", "3")))

    def test_what_is_asked_for(self):
        """Each manifest and configuration once by its digest, whoever wants it, and each tag once; in whatever order answers come, the lists are the same."""
        far = self.enter(ScriptedRegistry({}))
        self.to = ["--host", "reg=%s,tls=disabled" % far.host, "--to", far.host]
        self.images["app", "one"] = self.images["app", "1"]
        images.write_tree(self.root, [("app", "one", self.images["app", "1"])])
        keys = [("app", str(n)) for n in range(1, 6)] + [("app", "one"), ("tool", "1"), ("lib", "1")]
        self.two(keys, [("app", "5"), ("tool", "1")])
        own = self.config("retain:\n  rules:\n  - {labels: {no: such}, keepNewest: 1}\npolicy:\n  script: |\n    function keep(image)\n"
                          "      return image.tag == '2', 'the second'\n    end\n", "own.yml")
        far.clear_log()
        plan = self.prune("--plan", "-c", own, "--parallel", "1").out
        asked = ["%s %s" % (r["method"], r["path"]) for r in far.requests() if not r["path"].endswith("/v2/")]
        self.assertGreater(len(asked), 15)
        self.assertEqual(sorted(p for p in set(asked) if asked.count(p) > 1), [])
        again = self.prune("--plan", "-c", own, "--parallel", "16").out
        self.assertEqual(*(re.sub('"untagged":"[^"]*"', "", text) for text in (again, plan)))
        self.assertEqual({"%s:%s" % (i["repository"], i["tag"]): i["fate"] for i in json.loads(plan)["images"]},
                         {"app:1": "letGo", "app:2": "kept", "app:3": "letGo", "app:4": "letGo", "app:one": "letGo", "lib:1": "kept"})

    def empty_image(self, far):
        """What a tag of app is pointed to before it is deleted, where a registry deletes by digest only."""
        config = images.Blob(b'{"architecture":"amd64","os":"linux","config":{"Labels":{"delete-tag":"1","delete-id":"0"}},"rootfs":{"type":"layers","diff_ids":[]}}',
                             images.OCI["config"])
        empty = images.to_json({"schemaVersion": 2, "mediaType": images.OCI["manifest"],
                                "config": config.descriptor(),
                                "layers": [{"mediaType": images.OCI["layer"], "digest": images.digest_of(b"{}"), "size": 2}]})
        for data in (config.data, b"{}"):
            far.store.put_blob("app", data)
        return empty

    def test_a_registry_that_deletes_a_tag_late(self):
        """The run that asked for it was killed and the next one was done already: the tag names an empty image then, and goes."""
        far = self.enter(ScriptedRegistry({"options": {"tag_deletes": False}}))
        self.to = ["--host", "reg=%s,tls=disabled" % far.host, "--to", far.host]
        self.two([("app", "1"), ("app", "2")], [("app", "2")])
        empty = self.empty_image(far)
        answer = far._do_manifest

        def answer_late(request, name, ref, **how):
            response = answer(request, name, ref, **how)
            if request.method == "DELETE" and ref == self.digest("app", "1"):
                far.store.put_manifest("app", empty, images.OCI["manifest"], tag="1")
            return response

        far._do_manifest = answer_late
        self.prune()
        self.assertEqual(sorted(far.store.tags["app"]), ["1", "2"])
        self.prune()
        self.assertEqual(sorted(far.store.tags["app"]), ["2"])

    def test_a_tag_that_is_being_deleted_still(self):
        """By a registry that carries out late what a killed run asked for, between the look at the tag and its deleting."""
        far = self.enter(ScriptedRegistry({"options": {"tag_deletes": False}}))
        self.to = ["--host", "reg=%s,tls=disabled" % far.host, "--to", far.host]
        self.two([("app", "1"), ("app", "2")], [("app", "2")])
        empty, answer, asked = self.empty_image(far), far._do_manifest, []

        def answer_once(request, name, ref, **how):
            response = answer(request, name, ref, **how)
            if ref == "1" and request.method == "GET" and not asked:
                asked.append(far.store.put_manifest("app", empty, images.OCI["manifest"], tag="1"))
            return response

        far._do_manifest = answer_once
        self.prune()
        self.assertEqual((len(asked), sorted(far.store.tags["app"])), (1, ["2"]))

    def test_registry_that_does_not_delete(self):
        far = self.docker_registry("registry", delete=False)
        self.to = ["--host", far.host_flag(), "--to", far.host]
        self.two([("app", "1"), ("app", "2")], [("app", "2")])
        result = self.prune(status=FAILED)
        self.assertIn("app:1", result.err)
        self.assertEqual(sorted(far.client.tags("app")), ["1", "2"])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The destination changed meanwhile, a real registry with a cache of blobs as it is installed: what is gone is named, nothing is called a success that
is none, and it can be repaired."""
import json
import os
import shutil

from common import GROUND, PARTIAL, check_all, images, main
from lineage import Lineage, read


class FarSide(Lineage):
    def setUp(self):
        super().setUp()
        self.registry = self.docker_registry("registry", cache=True)
        self.there = ["--host", self.registry.host_flag(), "--to", self.registry.host]

    def check(self, triples):
        check_all(self.registry.client, triples)

    def digest_of(self, repository, tag):
        got = self.registry.client.manifest(repository, tag)
        return got and got[0]

    def rollback(self, *args, **how):
        return self.program("regimport", "rollback", "--state", self.work("import-state"), *self.there, *args, **how)

    def delete(self, repository, node):
        self.registry.client.call("DELETE", "/v2/%s/manifests/%s" % (repository, node.digest), want=(202,))

    def repair(self, bundle):
        """The way over the connected side."""
        path, _ = self.ask(bundle, *self.there)
        repair = self.answer(path)
        self.apply(repair, *self.there)
        return repair

    # --- garbage collection ---

    def test_a_registry_that_remembers_what_it_collected(self):
        """Its cache says that blobs and manifests are there, its disk has them no more: it answers a manifest with 201 and cannot give it."""
        one = self.state_bundle(1)
        self.apply(one, *self.there)
        app, lib = self.brought[0][0][2], self.brought[0][1][2]
        self.delete("app", app)
        self.registry.collect_garbage()
        self.assertFalse(os.path.exists(self.registry.blob_file(app.digest)))
        result = self.apply(one, *self.there, status=PARTIAL)
        self.assertIn("refused   app:1", result.out)
        self.assertIn("restart", result.out + result.err)
        self.assertIsNone(self.digest_of("app", "1"), "no tag points to what is not there")
        self.assertIn('"partial":true', open(self.work("import-state", "applied.json"), encoding="utf-8").read())
        self.check([("lib", "1", lib)])
        self.registry.restart()
        self.apply(one, *self.there)
        self.check(self.brought[0])

    def test_collected_ground_behind_a_cache(self):
        """HEAD still finds what the next bundle builds on. It is read, so it is missed; the repair brings it."""
        one, two = self.state_bundle(1), self.state_bundle(2)
        self.apply(one, *self.there)
        app = self.brought[0][0][2]
        self.delete("app", app)
        self.registry.collect_garbage()
        layer = app.blobs[2].digest
        self.assertIn(layer, two.assumed)
        self.assertFalse(os.path.exists(self.registry.blob_file(layer)))
        self.registry.mark()
        result = self.apply(two, *self.there, status=GROUND)
        self.assertIn(layer, result.out)
        self.assertEqual(self.registry.write_requests(), [])
        self.registry.restart()
        self.repair(two)
        self.apply(two, *self.there)
        self.check(self.brought[0] + self.brought[1])

    def test_a_policy_reads_what_was_collected(self):
        """The script asks for a configuration that the registry announces and cannot give: missing ground like any other, to be asked for."""
        one, two = self.state_bundle(1), self.state_bundle(2)
        self.apply(one, *self.there)
        app = self.brought[0][0][2]
        config = app.blobs[0].digest
        os.unlink(self.registry.blob_file(config))
        policy = self.work("policy.yml")
        with open(policy, "w", encoding="utf-8") as f:
            f.write("policy:\n  script: function accept(image) return true end\n")
        for action in ("plan", "apply"):
            result = self.importer(action, "-c", policy, *self.there, two.path, status=GROUND)
            self.assertIn(config, result.out)
        path, _ = self.ask(two, "-c", policy, *self.there)
        self.assertEqual({m["missing"] for m in read(path)["missing"]}, {config})
        repair = self.answer(path)
        self.registry.restart()
        self.apply(repair, *self.there)
        self.apply(two, "-c", policy, *self.there)
        self.check(self.brought[0] + self.brought[1])

    def test_complete_only_takes_what_is_whole(self):
        bundles = self.four()
        self.apply(bundles[0], *self.there)
        result = self.importer("plan", "--complete-only", *self.there, bundles[2].path, status=PARTIAL)
        result = self.apply(bundles[2], "--complete-only", *self.there, status=PARTIAL)
        self.assertIn("missing   for app:2", result.out)
        self.check(self.brought[0] + [t for t in self.brought[2] if t[0] == "tool"])
        for tag in ("2", "3"):
            self.assertIsNone(self.digest_of("app", tag))
        self.repair(bundles[2])
        self.apply(bundles[2], "--complete-only", *self.there)
        self.check(self.brought[0] + self.brought[1] + self.brought[2])

    # --- losses ---

    def test_rebuilt_from_nothing(self):
        bundles = self.four()
        for bundle in bundles:
            self.apply(bundle, *self.there)
        self.registry.stop()
        shutil.rmtree(os.path.join(self.registry.folder, "storage"))
        self.registry.start()
        result = self.apply(bundles[3], *self.there, status=GROUND)
        for repository, tag, _ in self.everything[:-1]:
            self.assertIn("missing   for %s:%s" % (repository, tag), result.out)
        self.apply(bundles[3], "--complete-only", *self.there, status=GROUND)
        self.repair(bundles[3])
        self.apply(bundles[3], *self.there)
        self.check(self.everything)

    def test_lost_blobs(self):
        """Files that went from the disk, of an image that does not change: named by image, and brought again, although the cache knows them."""
        one, same = self.state_bundle(1), self.state_bundle(2)
        self.apply(one, *self.there)
        lib = self.brought[0][1][2]
        lost = lib.blobs[2].digest
        os.unlink(self.registry.blob_file(lost))
        result = self.apply(same, *self.there, status=GROUND)
        self.assertIn("missing   for lib:1", result.out)
        self.assertIn(lost, result.out)
        path, _ = self.ask(same, *self.there)
        self.assertEqual([m["missing"] for m in read(path)["missing"]], [lost])
        self.assertEqual(sorted(self.answer(path).carried), [lost])
        self.importer("apply", *self.there, self.bundles()[-1], same.path)
        self.check(self.brought[0] + self.brought[1])
        os.unlink(self.registry.blob_file(lost))
        self.apply(one, "--allow-older", *self.there)  # what a bundle carries is just sent again
        self.check(self.brought[0])

    # --- tags ---

    def test_tags_moved_by_others(self):
        bundles = [self.new_bundle(self.reference(("app", n, None)).rpartition("=")[0] + "=app:now") for n in ("1", "2")]
        self.apply(bundles[0], *self.there)
        other = images.image([images.random_layer("other", 500)])
        images.push(self.registry.client, "app", "now", other)
        result = self.importer("plan", *self.there, bundles[1].path)
        said = "tag app:now %s " + other.digest + ", not brought by us"
        self.assertIn(said % "has", result.out)
        self.assertEqual(self.digest_of("app", "now"), other.digest)
        result = self.apply(bundles[1], "--output", "json", *self.there)
        self.assertEqual(result.json()["foreign"], [{"image": "app:now", "digest": other.digest}])
        self.assertIn("Overwriting tags", result.err)
        self.check([("app", "now", self.brought[1][0][2])])
        self.rollback()
        self.check([("app", "now", other)])

    def test_lists_of_referrers(self):
        """A registry without the referrers API lists them under a tag: what this import listed itself is nobody else's, what others listed is."""
        near, app = self.docker_registry("near"), self.brought[0][0][2]
        images.push(near.client, "app", "1", app)
        listed = app.digest.replace(":", "-")
        sources = ["--host", near.host_flag(), "--referrers"] + ["%s/app:%s=app:%s" % (near.host, t, t) for t in ("1", listed)]

        def refer(registry, node):
            images.push(registry.client, "app", None, node)
            images.list_referrer(registry.client, "app", app.digest, node)

        for node in (images.sbom(app), images.signature(app)):
            refer(near, node)
        result = self.apply(self.new_bundle(*sources), *self.there)
        self.assertNotIn("foreign", result.out)
        self.assertNotIn("Overwriting", result.err)
        self.assertEqual(self.digest_of("app", listed), near.client.manifest("app", listed)[0])
        listed_here = self.digest_of("app", listed)
        more, theirs = images.sbom(app, ("more",)), images.signature(app, "of the far side")
        refer(near, more)
        refer(self.registry, theirs)
        before = self.digest_of("app", listed)
        bundle = self.new_bundle(*sources)
        plan = self.importer("plan", "--output", "json", *self.there, bundle.path).json()
        self.assertEqual((plan["merged"], plan["foreign"]), ([{"image": "app:" + listed, "others": 1}], []))
        self.assertEqual(self.digest_of("app", listed), before)
        result = self.apply(bundle, *self.there)
        self.assertIn("merged    tag app:%s keeps 1 referrer that others listed here, beside those of the bundle" % listed, result.out)
        self.assertNotIn("Overwriting", result.err)
        self.assertRegex(result.out, r"tags      %d set" % plan["tagsSet"])

        def names():
            return [e["digest"] for e in json.loads(self.registry.client.manifest("app", listed)[2])["manifests"]]

        def near_names():
            return {e["digest"] for e in json.loads(near.client.manifest("app", listed)[2])["manifests"]}

        self.assertEqual(sorted(names()), sorted(near_names() | {theirs.digest}))
        # The same once more writes nothing under it; what the connected side takes out goes, theirs stays.
        merged = self.digest_of("app", listed)
        result = self.apply(self.new_bundle(*sources), *self.there)
        self.assertEqual(self.digest_of("app", listed), merged)
        self.assertIn("tags      0 set", result.out)
        document = json.loads(near.client.manifest("app", listed)[2])
        document["manifests"] = [e for e in document["manifests"] if e["digest"] != more.digest]
        near.client.put_manifest("app", listed, images.to_json(document), images.OCI["index"])
        self.apply(self.new_bundle(*sources), *self.there)
        self.assertEqual(sorted(names()), sorted(near_names() | {theirs.digest}))
        self.assertNotIn(more.digest, names())
        self.rollback()
        self.assertEqual(self.digest_of("app", listed), merged)
        self.rollback(bundle.id)
        self.assertEqual(self.digest_of("app", listed), merged)
        self.rollback("none")
        self.assertIsNone(self.digest_of("app", listed))
        self.check([("app", None, theirs)])

    def test_tags_deleted_by_others(self):
        one = self.state_bundle(1)
        self.apply(one, *self.there)
        self.delete("app", self.brought[0][0][2])
        self.apply(one, *self.there)
        self.check(self.brought[0])

    # --- the way back ---

    def test_rollback(self):
        """The new tag is deleted without its image; the moved one is what it was; again changes nothing."""
        bundles = [self.new_bundle(*[self.reference(("app", n, None)).rpartition("=")[0] + "=app:" + tag for n, tag in pairs])
                   for pairs in ((("1", "now"),), (("2", "now"), ("2", "two")), (("3", "now"), ("2", "two")))]
        for bundle in bundles:
            self.apply(bundle, *self.there)
        nodes = {t[1]: t[2] for t in self.everything if t[0] == "app"}
        self.registry.mark()
        self.rollback("--plan")
        self.assertEqual(self.registry.write_requests(), [])
        self.rollback()
        self.check([("app", "now", nodes["2"]), ("app", "two", nodes["2"])])
        self.rollback()
        self.check([("app", "now", nodes["2"]), ("app", "two", nodes["2"])])
        self.rollback(bundles[0].id)
        self.check([("app", "now", nodes["1"])])
        self.assertIsNone(self.digest_of("app", "two"))
        self.check([("app", None, nodes["2"])])
        for bundle in bundles[1:]:
            self.apply(bundle, *self.there)
        self.check([("app", "now", nodes["3"]), ("app", "two", nodes["2"])])

    def test_rollback_where_nothing_is_deleted(self):
        self.registry.stop()
        self.registry.delete = False
        self.registry.start()
        for bundle in (self.state_bundle(1), self.state_bundle(2)):
            self.apply(bundle, *self.there)
        result = self.rollback(status=PARTIAL)
        self.assertIn("refused   app:2", result.out)
        self.check(self.brought[0] + self.brought[1])

    def test_rollback_to_what_was_collected(self):
        """Old images lose their tags when a bundle moves them, and then a collection may take them."""
        bundles = [self.new_bundle(self.reference(("app", n, None)).rpartition("=")[0] + "=app:now") for n in ("1", "2")]
        for bundle in bundles:
            self.apply(bundle, *self.there)
        self.registry.collect_garbage(untagged=True)
        self.registry.restart()
        self.registry.mark()
        result = self.rollback(status=GROUND)
        self.assertIn("lacking   app:now", result.out)
        self.assertEqual(self.registry.write_requests(), [])
        self.apply(bundles[0], "--allow-older", *self.there)
        self.check([("app", "now", self.brought[0][0][2])])


if __name__ == "__main__":
    main()

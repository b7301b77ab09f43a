#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pruning comes to an end: what was deleted is never asked for again, and not remembered for ever; what comes back is an image like any other."""
import glob
import json
import os
import shutil

from common import images, main
from harness import tree_of
from scripted_registry import ScriptedRegistry
import prune
from prune import HOUR, KEEP_NONE


class Ends(prune.Pruning):
    def memory(self):
        """What the state remembers as there, and what waits."""
        names = glob.glob(os.path.join(self.work("import-state"), "prune-*.json"))
        self.assertEqual(len(names), 1)
        with open(names[0], encoding="utf-8") as f:
            doc = json.load(f)
        return set(doc.get("brought", {}).get("images", [])), {m["digest"] for m in doc["waiting"]}, os.path.getsize(names[0])

    def one(self, *tags, retain=KEEP_NONE):
        return self.bundle([("app", t) for t in tags], retain)

    def fate(self, *args, digest):
        result = json.loads(self.prune(*args).out)
        return [i["fate"] for i in result["images"] if i["digest"] == digest], result["deleted"]

    # --- nothing is asked for twice ---

    def check_asked(self, profile=None):
        far = self.enter(ScriptedRegistry(profile or {}))
        self.to = ["--host", "reg=%s,tls=disabled" % far.host, "--to", far.host]
        own = ["-c", self.config("retain:\n  rules:\n  - {repositories: [lib], keepNewest: 1}\n  - keepNone: true\n", "own.yml")]
        def asked(*args):
            far.clear_log()
            result = self.prune(*args, *own)
            return result, ["%s %s" % (r["method"], r["path"]) for r in far.requests() if not r["path"].endswith("/v2/")]
        self.bundle([("app", str(n)) for n in range(1, 6)] + [("tool", "1"), ("lib", "1")], HOUR)
        self.bundle([("app", "5"), ("lib", "1")], HOUR)
        self.prune(*own, "--confirm-delete", "5")
        self.age()
        done, _ = asked()
        self.assertEqual(json.loads(done.out)["deleted"], 7)
        for again in (asked("--plan"), asked()):
            self.assertEqual((set(self.fates(again[0]).values()), again[1]), ({"gone"}, []))
        # by the next bundle as well, and in one run without a grace time
        self.bundle([("lib", "1")])
        first, said = asked("--confirm-delete", "1")
        self.assertEqual((json.loads(first.out)["letGo"], json.loads(first.out)["deleted"]), (1, 1))
        for n in range(1, 5):
            self.assertFalse([l for l in said if l.endswith("/" + str(n)) or self.digest("app", str(n)) in l], said)
        self.assertEqual(asked()[1], [])
        self.assertEqual(self.memory()[:2], ({"lib@" + self.digest("lib", "1")}, set()))

    def test_nothing_is_asked_for_twice(self):
        self.check_asked()

    def test_nothing_is_asked_for_twice_where_tags_are_not_deleted(self):
        self.check_asked({"options": {"tag_deletes": False}})

    def test_docker_registry(self):
        far = self.docker_registry("registry")
        self.to = ["--host", far.host_flag(), "--to", far.host + "/plant"]
        self.one("1", "2")
        self.one("2")
        self.assertEqual(json.loads(self.prune().out)["deleted"], 1)
        self.assertEqual(self.memory()[0], {"plant/app@" + self.digest("app", "2")})
        self.assertEqual(self.fate(digest=self.digest("app", "1")), (["gone"], 0))
        self.one("1", "2")
        self.one("2", retain=HOUR)
        self.assertEqual(self.fate(digest=self.digest("app", "1")), (["letGo"], 0))
        self.assertEqual(sorted(far.client.tags("plant/app")), ["2"])

    def test_a_delete_that_did_nothing(self):
        """A registry says yes and has the manifest still: that is not forgotten."""
        far = self.enter(ScriptedRegistry({"rules": [{"match": {"method": "DELETE", "path": "/manifests/sha256:"}, "action": {"type": "status", "status": 202}}]}))
        self.to = ["--host", "reg=%s,tls=disabled" % far.host, "--to", far.host]
        self.one("1", "2")
        self.one("2")
        one = self.digest("app", "1")
        self.assertEqual(self.fate(digest=one), (["letGo"], 1))
        self.assertIn(one, far.store.manifests["app"])
        self.assertIn("app@" + one, self.memory()[0])
        self.assertEqual(self.fate(digest=one), (["letGo"], 1))
        self.assertNotIn(one, far.store.manifests["app"])
        self.assertEqual(self.memory()[0], {"app@" + self.digest("app", "2")})

    # --- what is remembered does not grow ---

    def test_fifty_rounds(self):
        """Each with a new tag, one that goes and one that moves."""
        nodes = [images.image([prune.layer("round%d" % n, 400)]) for n in range(52)]
        sizes = []
        for n in range(1, 51):
            chosen = {"v%d" % n: nodes[n], "v%d" % (n + 1): nodes[n + 1], "latest": nodes[n + 1]}
            root = self.seed([("app", t, node) for t, node in chosen.items()], "round%d" % n)
            refs = ["ocidir://%s/app:%s=app:%s" % (root, t, t) for t in chosen]
            bundle = self.new_bundle("-c", self.config(KEEP_NONE), *refs, out="out%d" % n)
            self.apply(bundle, *self.to, "--prune")
            shutil.rmtree(root)
            sizes.append(self.memory()[2])
        self.assertLess(max(sizes[25:]), max(sizes[2:25]) * 1.1, sizes)
        there, waits, _ = self.memory()
        self.assertEqual((there, waits), ({"app@" + nodes[n].digest for n in (50, 51)}, set()))
        self.assertEqual(self.tags("app"), ["latest", "v50", "v51"])
        self.assertFalse(any(self.has_blob("app", node.digest) for node in nodes[:50]))

    # --- what comes back ---

    def test_what_comes_again(self):
        """It was deleted; a later bundle brings it, and a later one yet lets it go: its grace time begins then."""
        one = self.digest("app", "1")
        self.one("1", "2")
        self.one("2")
        self.assertEqual(self.fate(digest=one), (["letGo"], 1))
        self.one("1", "2", retain=HOUR)
        self.assertEqual(self.fate(digest=one), ([], 0))
        self.one("2", retain=HOUR)
        self.assertEqual(self.fate(digest=one), (["letGo"], 0))
        self.assertTrue(self.has_blob("app", one))
        self.age()
        self.assertEqual(self.fate(digest=one), (["waiting"], 1))
        self.assertEqual(self.fate(digest=one), (["gone"], 0))

    def test_what_comes_again_unseen(self):
        """No run stood between its coming and its going."""
        one = self.digest("app", "1")
        first = self.one("1", "2")
        self.one("2")
        self.prune()
        self.one("1", "2")
        last = self.one("2")
        self.assertEqual(self.fate(digest=one), (["letGo"], 1))
        # and by a bundle that is old
        self.assertEqual(self.fate(digest=one), (["gone"], 0))
        self.apply(first, *self.to, "--allow-older")
        self.apply(last, *self.to)
        self.assertEqual(self.tags("app"), ["1", "2"])
        self.assertEqual(self.fate(digest=one), (["letGo"], 1))
        self.assertEqual(self.tags("app"), ["2"])

    def test_a_tag_that_comes_back_to_what_waits(self):
        """The tag leaves the image, returns to it and leaves it again: an index, and what is below it, wait from then on."""
        self.images["app", "1"] = self.images["tool", "1"]
        one = self.digest("app", "1")
        for n in (1, 2, 3):
            self.move(n, HOUR)
        self.assertEqual(self.fate(digest=one), (["letGo"], 0))
        self.age()
        for n in (1, 4, 5):
            self.move(n, HOUR)
        self.assertEqual(self.fate(digest=one), (["waiting"], 0))
        self.assertTrue(all(self.has_blob("app", d) for d in (one, *(c.digest for c in self.images["tool", "1"].children))))
        self.assertEqual(self.fate(digest=one), (["waiting"], 0))
        self.age()
        self.assertEqual(self.fate(digest=one)[1], 5, "with 2 and 4")
        self.assertFalse(any(self.has_blob("app", d) for d in (one, *(c.digest for c in self.images["tool", "1"].children))))

    def test_a_rollback_brings_it_back(self):
        """What waited had its tag again for a while: its time begins anew, and no record of it is lost."""
        one = self.digest("app", "1")
        first, second, third = (self.move(n, HOUR) for n in (1, 2, 3))
        self.assertEqual(self.fate(digest=one), (["letGo"], 0))
        self.age()
        self.program("regimport", "rollback", "--state", self.work("import-state"), *self.to, first.id)
        self.apply(second, *self.to)
        self.apply(third, *self.to)
        self.assertEqual(self.fate(digest=one), (["waiting"], 0))
        self.assertTrue(self.has_blob("app", one))
        self.age()
        self.assertEqual(self.fate(digest=one), (["waiting"], 1))
        # and what is deleted cannot be gone back to, which is said before a tag moves
        before = tree_of(self.far)
        self.program("regimport", "rollback", "--state", self.work("import-state"), *self.to, first.id, status=5)
        self.assertEqual(tree_of(self.far), before)

    def test_what_a_rollback_needs_is_remembered(self):
        one = self.digest("app", "1")
        self.move(1)
        self.move(2)
        self.assertEqual(self.fate(digest=one), (["kept"], 0))
        self.assertIn("app@" + one, self.memory()[0])
        self.program("regimport", "rollback", "--state", self.work("import-state"), *self.to)
        self.assertTrue(self.has_blob("app", one))

    # --- when what is remembered is wrong ---

    def test_a_place_that_is_not_there(self):
        """A disk that was not mounted: nothing is found, and nothing is forgotten for that."""
        one = self.digest("app", "1")
        self.one("1", "2")
        self.one("2")
        os.rename(self.far, self.far + "-away")
        self.assertEqual(self.fate(digest=one), (["gone"], 0))
        shutil.rmtree(self.far, ignore_errors=True)
        os.rename(self.far + "-away", self.far)
        self.assertEqual(self.fate(digest=one), (["letGo"], 1))
        self.assertEqual(self.tags("app"), ["2"])

    def test_without_a_memory(self):
        """A file of an earlier version, a damaged one or none: all is asked for once more."""
        one = self.digest("app", "1")
        self.one("1", "2")
        self.one("2")
        self.prune()
        root = os.path.join(self.root, "app")
        path = glob.glob(os.path.join(self.work("import-state"), "prune-*.json"))[0]
        for text in ('{"pruneVersion":1,"waiting":[]}', '{"pruneVersion":1,"waiting":[],"brought":{"images":["x"]}}', None):
            # somebody put it there by hand: as long as it is remembered as deleted it is theirs
            self.program("regctl", "image", "copy", "ocidir://%s:1" % root, "ocidir://%s/app:1" % self.far)
            self.assertEqual(self.fate(digest=one), (["gone"], 0))
            self.assertEqual(self.tags("app"), ["1", "2"])
            os.unlink(path)
            if text is not None:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
            self.assertEqual(self.fate(digest=one), (["letGo"], 1))
            self.assertEqual(self.tags("app"), ["2"])


if __name__ == "__main__":
    main()

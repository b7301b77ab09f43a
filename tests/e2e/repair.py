#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lost bundles and lost content: what is missing is named, asked for, and brought by a bundle of exactly those bytes."""
import json
import os
import re
import shutil

from common import Bundle, FAILED, GROUND, PARTIAL, REFUSED, USAGE, check_all, check_layout, images, main
from harness import tree_of
from lineage import Lineage, SITE, layer, nodes_of, read


class Repair(Lineage):
    # --- a lost bundle ---

    def test_one_of_four_is_lost(self):
        bundles = self.four()
        for bundle in bundles[:2]:
            self.apply(bundle, *self.to())
        lost, last = bundles[2:]
        before = tree_of(self.far)
        refused = self.apply(last, *self.to(), status=GROUND)
        self.assertIn("regimport request", refused.err)
        path, result = self.ask(last)
        self.assertEqual(tree_of(self.far), before, "asking writes nothing")
        request = read(path)
        self.assertEqual((request["site"], request["bundle"], request["sequence"]), (SITE, "sha256:" + last.id, 4))
        self.assertEqual([k["snapshot"] for k in request["known"]], [bundles[1].doc["snapshot"]])
        self.assertEqual(request["known"][0]["lacks"], [])

        repair = self.answer(path)
        self.assertEqual(sorted(repair.carried), sorted(lost.carried), "exactly what the lost bundle had")
        self.assertEqual(repair.carried_bytes(), lost.carried_bytes())
        print("\n%d bytes were lost in %d blobs, the repair carries %d in %d; files of %d and %d bytes"
              % (lost.carried_bytes(), len(lost.carried), repair.carried_bytes(), len(repair.carried), lost.size, repair.size))
        self.assertEqual((repair.doc["repairs"], repair.doc["features"]), ("sha256:" + last.id, ["repair"]))
        self.assertEqual(repair.doc["snapshot"], last.doc["snapshot"])

        result = self.apply(repair, *self.to())
        for repository, tag in (("app", "3"), ("app", "4"), ("tool", "1")):
            self.assertNotIn('"%s"' % tag, open(os.path.join(self.far, repository, "index.json")).read() if os.path.exists(
                os.path.join(self.far, repository, "index.json")) else "", "a repair changes no tag")
        self.apply(last, *self.to())
        self.check_far(self.everything)
        self.apply(repair, *self.to())  # again, and later: no harm

    def test_repair_is_beside_the_chain(self):
        """The next bundle follows the last one of the chain; the history shows the repair; it can be written anew."""
        bundles = self.four()
        for bundle in bundles[:2]:
            self.apply(bundle, *self.to())
        path, _ = self.ask(bundles[3])
        repair = self.answer(path)
        again = self.answer(path, out="again", state="export-state")
        self.assertEqual((again.id, again.size), (repair.id, repair.size), "the same request gives the same bundle")
        self.assertRegex(repair.result.out, r"(?m)^unchanged app:3 sha256:\w+ from \S+ by request %s, asked for$" % re.escape(path))
        self.assertNotIn("not asked for", repair.result.out)
        self.export("--again", repair.id, out="anew")
        self.assertEqual([Bundle(p).id for p in self.bundles("anew")], [repair.id])
        history = json.loads(self.export("--output", "json", action="history").out)["bundles"]
        self.assertEqual([b.get("repairs") for b in history if b["id"] == "sha256:" + repair.id][:1], ["sha256:" + bundles[3].id])
        self.brought.append([("app", "5", images.image([layer("app5")]))])
        images.write_tree(self.root, self.brought[4])
        five = self.state_bundle(5)
        self.assertEqual((five.doc["sequence"], five.doc["parent"]), (5, "sha256:" + bundles[3].id))
        self.apply(repair, *self.to())
        self.apply(bundles[3], *self.to())
        self.apply(five, *self.to())
        self.check_far(self.everything + self.brought[4])

    def test_nothing_is_missing(self):
        bundles = self.four()
        self.apply(bundles[0], *self.to())
        path, result = self.ask(bundles[1])
        self.assertIn("nothing is missing", result.out + result.err)
        self.assertFalse(os.path.exists(path))

    def test_registry_that_lost_content(self):
        """Blobs and manifests that were there are asked for by name, and come alone."""
        bundles = self.four()
        far = self.docker_registry("registry")
        to = ["--host", far.host_flag(), "--to", far.host + "/plant"]
        for bundle in bundles[:3]:
            self.apply(bundle, *to)
        lib, app3 = self.brought[0][1][2], self.brought[2][0][2]
        base, own = lib.blobs[1].digest, lib.blobs[2].digest
        far.client.call("DELETE", "/v2/plant/lib/blobs/%s" % own, want=(202,))
        far.client.call("DELETE", "/v2/plant/app/manifests/%s" % app3.digest, want=(202,))
        self.apply(bundles[3], *to, status=GROUND)
        path, _ = self.ask(bundles[3], *to)
        missing = read(path)["missing"]
        self.assertEqual(sorted((m["repository"], m["missing"]) for m in missing), sorted([("lib", own), ("app", app3.digest)]))
        repair = self.answer(path)
        self.assertEqual(sorted(repair.carried), sorted([own, app3.digest]), "what is below the manifest is there")
        self.assertIn(base, repair.assumed)
        self.apply(repair, *to)
        self.apply(bundles[3], *to)
        check_all(far.client, [("plant/" + r, t, n) for r, t, n in self.everything])

    def test_what_came_by_another_way(self):
        """The base has a layer in app; at the destination only lib has it any more, which has it of a bundle that was taken back."""
        shared, far = layer("shared"), self.work("far-ways")
        app, lib = ("app", "1", images.image([shared])), ("lib", "1", images.image([shared, layer("lib own")]))
        root = self.seed([app, lib], "ways")
        refs = ["ocidir://%s:1=%s:1" % (os.path.join(root, r), r) for r in ("app", "lib")]
        one = self.new_bundle("--site", SITE, refs[0], state="ways-state", out="ways-out")
        two = self.new_bundle("--site", SITE, *refs, state="ways-state", out="ways-out")
        to = ["--to", "ocidir://" + far]
        self.apply(one, *to)
        self.apply(two, *to)
        self.program("regimport", "rollback", "--state", self.work("import-state"), *to)
        for digest in (app[2].digest, shared.digest):
            os.unlink(os.path.join(far, "app", "blobs", *digest.split(":")))
        self.apply(two, *to, status=GROUND)
        path, _ = self.ask(two, *to)
        repair = self.answer(path, out="ways-repair", state="ways-state")
        self.assertEqual(repair.carried, [app[2].digest])
        self.apply(repair, *to)
        self.apply(two, *to)
        for repository, tag, node in (app, lib):
            check_layout(os.path.join(far, repository), tag, node)

    def test_destination_rebuilt_from_nothing(self):
        bundles = self.four()
        for bundle in bundles:
            self.apply(bundle, *self.to())
        shutil.rmtree(self.far)
        path, _ = self.ask(bundles[3])
        repair = self.answer(path)
        wanted = set().union(*[nodes_of(n) for _, _, n in self.everything]) - set(bundles[3].carried)
        self.assertEqual(set(repair.carried), wanted)
        self.importer("apply", *self.to(), repair.path, bundles[3].path)
        self.check_far(self.everything)

    def test_a_source_that_is_gone(self):
        """What cannot be had any more is a hole with its reason; the rest travels; --strict wants all."""
        bundles = self.four()
        for bundle in bundles[:2]:
            self.apply(bundle, *self.to())
        path, _ = self.ask(bundles[3])
        gone = self.brought[2][1][2].children[0].blobs[2].digest
        shutil.rmtree(os.path.join(self.root, "tool"))
        strict = self.export("--request", path, "--strict", out="strict", status=FAILED)
        self.assertIn("--strict", strict.err)
        self.assertEqual(self.bundles("strict"), [])
        repair = self.answer(path, status=PARTIAL)
        self.assertEqual([(h["repository"], h["tag"]) for h in repair.doc["holes"]], [("tool", "1")])
        self.assertNotIn(gone, repair.blobs)
        self.apply(repair, *self.to())
        self.apply(bundles[3], *self.to(), status=GROUND)

    def test_layer_that_fails_while_writing(self):
        """HEAD finds it, GET does not: the repair is laid out again without the images that need it."""
        bundles = []
        source = self.scripted("source", {"rules": []}, seed=self.root)
        refs = lambda n: ["%s/%s:%s" % (source.host, r, t) for more in self.brought[:n] for r, t, _ in more]
        for n in range(1, 5):
            bundles.append(self.new_bundle("--host", source.host_flag(), *refs(n)))
        for bundle in bundles[:2]:
            self.apply(bundle, *self.to())
        path, _ = self.ask(bundles[3])
        tool = self.brought[2][1][2].children[0].blobs[2].digest
        bad = self.scripted("bad", {"rules": [{"match": {"method": "GET", "path": tool, "count": 0}, "action": {"type": "status", "status": 404}}]},
                            seed=self.root)
        host = "reg=%s,hostname=%s,tls=disabled" % (source.host, bad.host)
        repair = self.answer(path, "--host", host, status=PARTIAL)
        self.assertEqual([(h["repository"], h["tag"]) for h in repair.doc["holes"]], [("tool", "1")])
        self.assertIn(tool, repair.doc["holes"][0]["reason"])
        self.apply(repair, *self.to())

    def test_requests_that_are_not_ours(self):
        bundles = self.four()
        path, _ = self.ask(bundles[3])
        other = self.export("--request", path, "--site", "elsewhere", state="other-state", status=REFUSED)
        self.assertIn("site site", other.err)
        unknown = self.export("--request", path, state="fresh-state", status=REFUSED)
        self.assertIn(bundles[3].id, unknown.err)
        text = open(path).read()
        lie = read(path)["missing"][0]["missing"]
        with open(self.work("lie.json"), "w") as f:
            f.write(text.replace('"missing":"%s"' % lie, '"missing":"sha256:%s"' % ("0" * 64), 1))
        self.export("--request", self.work("lie.json"), status=REFUSED)
        self.export("--request", bundles[0].path, status=FAILED)
        self.export("--request", path, "--full", status=USAGE)

    def test_strict(self):
        """What would be a hole ends the run: nothing has the final name, nothing is recorded."""
        absent = "ocidir://%s:9=app:9" % os.path.join(self.root, "app")
        refs = [self.reference(t) for t in self.everything]
        result = self.export("--strict", absent, *refs, status=FAILED)
        self.assertIn("app:9", result.err)
        self.assertEqual(self.bundles(), [])
        self.assertEqual(json.loads(self.export("--output", "json", action="history").out)["bundles"], [])
        self.new_bundle(absent, *refs, status=PARTIAL)
        self.new_bundle("--strict", *refs)

if __name__ == "__main__":
    main()

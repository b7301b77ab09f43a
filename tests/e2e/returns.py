#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What comes back from a site, receipts and inventories, is taken into the history and built on."""
import json
import os

from common import FAILED, PARTIAL, REFUSED, USAGE, check_all, images, main
from harness import closure, tree_of
from lineage import Lineage, layer, nodes_of, read


class Returns(Lineage):
    def test_receipts(self):
        bundles = [self.state_bundle(1), self.state_bundle(2)]
        receipt = self.work("receipt.json")
        self.apply(bundles[0], *self.to(), "--receipt", receipt)
        told = read(receipt)
        self.assertEqual((told["bundle"], told["snapshot"]), ("sha256:" + bundles[0].id, bundles[0].doc["snapshot"]))
        self.assertEqual({(i["repository"], i["tag"], i["result"]) for i in told["images"]}, {("app", "1", "present"), ("lib", "1", "present")})
        self.assertEqual(told["counts"]["tagsSet"], 2)
        kept = os.listdir(self.work("import-state", "receipts"))
        self.assertEqual(len(kept), 1, "one stays in the state")

        none = self.export("--base", "confirmed", *map(self.reference, self.everything), status=FAILED)
        self.assertIn("regexport record", none.err)
        for _ in range(2):  # twice is once
            self.export(receipt, action="record")
        history = json.loads(self.export("--output", "json", action="history").out)["bundles"]
        self.assertEqual([b["confirmed"] is not None for b in history], [True, False])
        third = self.state_bundle(3, "--base", "confirmed")
        self.assertEqual(third.doc["bases"], [bundles[0].doc["snapshot"]], "not what was sent last")
        self.apply(third, *self.to())
        self.check_far(self.everything[:5])

        other = self.export(receipt, "--site", "elsewhere", action="record", state="other-state", status=REFUSED)
        self.assertIn("site site", other.err)
        self.export(receipt, action="record", state="fresh-state", status=REFUSED)
        text = open(receipt).read()
        with open(self.work("lie.json"), "w") as f:
            f.write(text.replace(bundles[0].doc["snapshot"], bundles[1].doc["snapshot"]))
        self.export(self.work("lie.json"), action="record", status=REFUSED)
        before = tree_of(self.work("far"))
        nowhere = self.apply(third, *self.to(), "--receipt", self.work("nowhere") + "/receipt.json", status=USAGE)
        self.assertIn("there is no folder", nowhere.err)
        self.assertEqual(tree_of(self.work("far")), before, "nothing is written when the receipt could not be")
        for action in (["prune", "--plan"], ["inventory"], ["rollback", "--plan"]):  # a slip in the name is no other site's licence
            other = self.program("regimport", *action, "--site", "nosuch", "--state", self.work("import-state"), *self.to(), status=USAGE)
            self.assertIn("what is remembered there is of site site, not of nosuch; check --site and --state", other.err)
        folder = self.work.folder("receipts")
        self.apply(third, *self.to(), "--receipt", folder)
        self.assertEqual(os.listdir(folder), [os.path.basename(third.path).replace("-1of1.tar", ".receipt.json")])

    def test_refused_images_are_left_out_of_the_base(self):
        """A registry that takes no indexes: the receipt names the image, and the next bundle carries it again."""
        far = self.scripted("far", {"rules": [{"match": {"method": "PUT", "path": "/tool/manifests/", "count": 0},
                                                "action": {"type": "status", "status": 400}}]})
        to = ["--host", far.host_flag(), "--to", far.host]
        third = self.state_bundle(3)
        receipt = self.work("receipt.json")
        self.apply(third, *to, "--receipt", receipt, status=PARTIAL)
        refused = [i for i in read(receipt)["images"] if i["result"] == "refused"]
        self.assertEqual([(i["repository"], i["tag"], i["by"]) for i in refused], [("tool", "1", "destination")])
        self.assertTrue(refused[0]["reason"])
        self.export(receipt, action="record")
        fourth = self.state_bundle(4, "--base", "confirmed")
        self.assertEqual(fourth.names("new"), ["app:4", "tool:1"])
        self.assertEqual(nodes_of(self.brought[2][1][2]) & set(fourth.assumed), {self.brought[0][0][2].blobs[1].digest})

    def test_inventory_of_a_registry(self):
        bundles = self.four()
        far = self.docker_registry("registry")
        to = ["--host", far.host_flag(), "--to", far.host + "/plant"]
        self.apply(bundles[0], *to)
        self.apply(bundles[1], *to)
        stranger = images.image([layer("stranger")])
        images.push(far.client, "plant/app", "strange", stranger)
        lib = self.brought[0][1][2]
        far.client.call("DELETE", "/v2/plant/lib/blobs/%s" % lib.blobs[2].digest, want=(202,))
        path = self.work("inventory.json")
        self.inventory(*to, "-o", path)
        told = read(path)
        self.assertEqual({(i["image"]["repository"], i["image"]["tag"]) for i in told["images"]}, {("app", "1"), ("app", "2"), ("app", "strange")})
        self.assertEqual([(u["repository"], u["tag"]) for u in told["unwhole"]], [("lib", "1")])
        claimed = {b["digest"] for b in told["blobs"]}
        self.assertNotIn(lib.blobs[2].digest, claimed)
        for i in told["images"]:
            self.assertIn(i["image"]["digest"], {told["blobs"][n]["digest"] for n in i["blobs"]})
            closure(far.client, "plant/" + i["image"]["repository"], i["image"]["tag"])

        fourth = self.state_bundle(4, "--base", path, out="on-inventory", state="third-state")
        wanted = set().union(*[nodes_of(n) for _, _, n in self.everything])
        self.assertEqual(set(fourth.carried), wanted - claimed)
        self.assertEqual(fourth.names("removed"), [], "what others brought is not ours to remove")
        self.apply(fourth, *to, "--allow-older")
        check_all(far.client, [("plant/" + r, t, n) for r, t, n in self.everything])

        self.export(path, action="record")
        self.export(path, "--site", "elsewhere", action="record", state="other-state", status=REFUSED)
        named = self.state_bundle(4, "--base", told["snapshot"][7:17], out="named")
        self.assertEqual(named.carried, fourth.carried)

    def test_inventory_of_layouts(self):
        bundles = self.four()
        for bundle in bundles[:3]:
            self.apply(bundle, *self.to())
        child = self.brought[2][1][2].children[1]
        os.unlink(os.path.join(self.far, "tool", "blobs", *child.blobs[2].digest.split(":")))
        path = self.work("inventory.json")
        self.inventory(*self.to(), "-o", path)
        told = read(path)
        tool = [i["image"] for i in told["images"] if i["image"]["repository"] == "tool"]
        self.assertEqual([t.get("children") for t in tool], [[self.brought[2][1][2].children[0].digest]], "the child that is whole")
        absent = self.inventory(*self.to(), "--repository", "nope")
        self.assertIn('msg="Repository is not at the destination" repository=nope', absent.err)
        scoped = self.inventory(*self.to(), "--repository", "lib")
        self.assertEqual([i["image"]["repository"] for i in json.loads(scoped.out)["images"]], ["lib"])
        lost = self.inventory(*self.to(), state="fresh", status=USAGE)
        self.assertIn("--repository", lost.err)
        fourth = self.state_bundle(4, "--base", path, out="on-inventory", state="third-state")
        self.assertIn(child.blobs[2].digest, fourth.carried)
        self.apply(fourth, *self.to(), "--allow-older")
        self.check_far(self.everything)

if __name__ == "__main__":
    main()

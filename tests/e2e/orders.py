#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All 24 orders of four bundles: each bundle is applied where its ground is, and refused for the right reason where not; bases that add up."""
import itertools
from concurrent.futures import ThreadPoolExecutor

from common import DONE, GROUND, REFUSED, images, main
from lineage import Lineage, nodes_of


class Orders(Lineage):
    def simulate(self, doc, have, last):
        """(status, images that come) of applying a bundle where `have` says which blobs are in which repository."""
        nodes = {n.digest: n for _, _, n in self.everything}
        if last and doc["sequence"] < last:
            return REFUSED
        names = doc["repositories"]
        for b in doc["blobs"]:
            places = {names[i] for i in b.get("from", []) + b["repositories"]}
            if b["travel"] == "assumed" and not any(b["digest"] in have.get(p, ()) for p in places):
                return GROUND
        for i in doc["images"]:
            if i["status"] in ("unchanged", "held") and not nodes_of(nodes[i["digest"]]) <= have.get(i["repository"], set()):
                return GROUND
        for i in doc["images"]:
            if i["status"] in ("new", "changed"):
                have.setdefault(i["repository"], set()).update(nodes_of(nodes[i["digest"]]))
        return DONE

    def one_order(self, bundles, order, name):
        nodes = {n.digest: n for _, _, n in self.everything}
        far, state = self.work(name), self.work(name + "-state")
        have, last, tags, seen, lacking = {}, 0, {}, set(), []
        for k in itertools.chain(order, lacking):  # once more what was refused for its ground: it may be there now
            doc = bundles[k].doc
            want = self.simulate(doc, have, last)
            self.apply(bundles[k], *self.to(far), state=state, status=want)
            seen.add(want)
            if want == GROUND and k not in lacking:
                lacking.append(k)
            if want == DONE:
                last = doc["sequence"]
                tags.update({(i["repository"], i["tag"]): i["digest"] for i in doc["images"] if i["status"] != "removed"})
        self.check_far([(r, t, nodes[d]) for (r, t), d in tags.items()], far)
        return seen

    def state_of(self, bundle):
        nodes = {n.digest: n for _, _, n in self.everything}
        return [(i["repository"], i["tag"], nodes[i["digest"]]) for i in bundle.doc["images"] if i["status"] != "removed"]

    def all_orders(self, bundles):
        """All that was seen. Several at once: most of the time is waiting for the disk."""
        with ThreadPoolExecutor(4) as pool:
            return set().union(*pool.map(lambda o: self.one_order(bundles, o, "far-%d%d%d%d" % o), itertools.permutations(range(4))))

    def test_24_orders_of_a_chain(self):
        self.assertEqual(self.all_orders(self.four()), {DONE, GROUND})

    def test_one_command_for_all(self):
        """However a shell lists them: those of one chain go in its order, each onto the ground that the one before has laid."""
        bundles = self.four()
        far = self.work("together")
        done = self.importer("apply", "-v", "info", *self.to(far), *(bundles[k].path for k in (3, 1, 0, 2)), state="together-state")
        self.assertIn("The bundles are taken in the order of their chain", done.err)
        self.check_far(self.state_of(bundles[3]), far)

    def test_24_orders_with_overlap(self):
        """The last one builds on the first: it needs none of those between."""
        bundles = [self.state_bundle(n) for n in range(1, 4)]
        bundles.append(self.state_bundle(4, "--base", bundles[0].id))
        self.assertEqual(bundles[3].doc["bases"], [bundles[0].doc["snapshot"]])
        self.assertEqual(self.all_orders(bundles), {DONE, GROUND, REFUSED})

    def test_cumulative(self):
        """Two sites' worth of bases: what either has counts as there."""
        bundles = self.four()
        side = self.new_bundle(self.reference(self.brought[2][1]), "--full", state="side-state", out="side")
        both = self.state_bundle(4, "--base", bundles[0].path, "--base", side.path, out="both", state="third-state")
        self.assertEqual(sorted(both.doc["bases"]), sorted([bundles[0].doc["snapshot"], side.doc["snapshot"]]))
        wanted = set().union(*[nodes_of(n) for _, _, n in self.everything])
        there = set(bundles[0].carried) | set(side.carried)
        self.assertEqual(set(both.carried), wanted - there)
        self.apply(bundles[0], *self.to())
        self.apply(side, *self.to(), "--allow-older", state="side-import")
        self.apply(both, *self.to(), "--allow-older")
        self.check_far(self.everything)

if __name__ == "__main__":
    main()

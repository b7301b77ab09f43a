# SPDX-License-Identifier: Apache-2.0
"""regsync: images that are copied at once share the blobs that are on their way to one registry."""
from common import harness, images, main
from regsync import FAILED, OK, Sync, lines_of
from regsync_server import Running

MANY = 8


def trickle(path):
    """200 KB a second."""
    return {"match": {"method": "GET", "path": path, "count": 0}, "action": {"type": "drip", "bytes": 20_000, "ms": 100 * harness.SLOW}}


class Shared(Sync):
    def family(self, size, n=MANY):
        """Images with one layer in common and one of their own."""
        common = images.random_layer("shared-common", size)
        return common, [images.image([common, images.random_layer("shared-%d" % i, 3000)], labels={"seed": str(i)}) for i in range(n)]

    def steps(self, a, b, target, n=MANY, **more):
        return [{"source": "%s/app:%d" % (a.host, i), "target": "%s/%s" % (b.host, target % i), "type": "image", **more} for i in range(n)]

    def targets(self, family, target):
        return [(*(target % i).split(":"), image) for i, image in enumerate(family)]

    def seeded(self, name, family, *rules):
        seed = self.seed([("app", str(i), image) for i, image in enumerate(family)], "seed-" + name)
        return self.scripted(name, {"about": "slow", "rules": list(rules)}, seed)

    def gets(self, registry, blob):
        return len(registry.requests("GET", "/blobs/" + blob.digest))

    def test_one_layer_goes_once(self):
        common, family = self.family(20 << 20)
        a = self.docker_registry("a")
        images.push_all(a.client, [("app", str(i), image) for i, image in enumerate(family)])
        for target, mounted in (("app:%d", 0), ("app%d:1", MANY - 1)):
            b = self.docker_registry("b%d" % mounted)
            a.mark()
            self.sync(self.config(self.steps(a, b, target), (a, b), {"parallel": MANY}))
            harness.check_all(b.client, self.targets(family, target))
            self.assertEqual(len([r for r in a.requests() if r[0] == "GET" and common.digest in r[1]]), 1)
            writes = [r for r in b.write_requests() if common.digest.split(":")[1] in r[1]]
            self.assertEqual([r[2] for r in writes if r[0] == "PUT" and "/uploads/" in r[1]], [201])
            self.assertEqual([r[2] for r in writes if r[0] == "POST" and "mount=" in r[1]], [201] * mounted)

    def test_the_next_one_takes_over(self):
        """The first upload fails for good; of the others one moves the layer, and the rest finds it."""
        common, family = self.family(60_000)
        for k, target in enumerate(("app:%d", "app%d:1")):
            a = self.seeded("a%d" % k, family, trickle(common.digest))
            b = self.scripted("b%d" % k, {"about": "refuses once", "rules": [{"match": {"method": "PUT", "path": common.digest.split(":")[1]},
                                                                             "action": {"type": "status", "status": 400}}]})
            done = self.sync(self.config(self.steps(a, b, target), (a, b), {"parallel": MANY}), status=FAILED)
            self.assertEqual(self.messages(done).count("Failed to copy image"), 1, done.err)
            self.assertEqual(self.gets(a, common), 2)
            self.assertEqual(sum(len(tags) for tags in b.state()["tags"].values()), MANY - 1)

    def test_a_registry_that_does_not_mount(self):
        """It gets the layer once for each repository."""
        common, family = self.family(60_000)
        for how in ("refuse", "ignore"):
            a = self.seeded("a-" + how, family, trickle(common.digest))
            b = self.scripted("b-" + how, {"about": "no mounts", "options": {"mount": how}, "rules": []})
            self.sync(self.config(self.steps(a, b, "app%d:1"), (a, b), {"parallel": MANY}))
            harness.check_all(b.client, self.targets(family, "app%d:1"))
            self.assertEqual(self.gets(a, common), MANY)

    def test_two_that_wait_for_each_other(self):
        x, y = images.random_layer("cross-x", 100_000), images.random_layer("cross-y", 100_000)
        family = [images.image(layers, labels={"seed": str(i)}) for i, layers in enumerate(([x, y], [y, x], [x, y], [y, x]))]
        a = self.seeded("a", family, trickle("/blobs/"))
        for k, target in enumerate(("app:%d", "app%d:1")):
            b = self.scripted("b%d" % k)
            self.sync(self.config(self.steps(a, b, target, 4), (a, b), {"parallel": 4}))
            harness.check_all(b.client, self.targets(family, target))
        self.assertEqual((self.gets(a, x), self.gets(a, y)), (2, 2))

    def test_blobs_on_their_way_hold_no_pulls(self):
        """Two pulls were made when the third image comes to its turn, and none is about to be made, however long the first one's layer takes."""
        family = [images.image([images.random_layer("pulls-%d" % i, size)], labels={"seed": str(i)}) for i, size in enumerate((300_000, 3000, 3000))]
        a = self.scripted("a", {"about": "counts", "options": {"pulls": {"limit": 20, "remaining": 20}}, "rules": [trickle("/blobs/")]},
                          self.seed([("app", str(i), image) for i, image in enumerate(family)]))
        b = self.scripted("b")
        done = self.sync(self.config(self.steps(a, b, "app:%d", 3, ratelimit={"min": 17}), (a, b), {"parallel": 2}))
        self.assertNotIn("Delaying for rate limit", self.messages(done))

    def test_a_stop_ends_the_waiting(self):
        common, family = self.family(4_000_000)
        a, b = self.seeded("a", family, trickle(common.digest)), self.scripted("b")
        s = Running(self, self.config(self.steps(a, b, "app%d:1", interval="1h"), (a, b), {"parallel": MANY}))
        s.wait("all of them", lambda: sum(l.get("msg") == "Copy layer" and l["layer"] == common.digest for l in lines_of(s.text())) == MANY)
        status, seconds = s.stop()
        self.assertEqual(status, OK, s.text())
        self.assertLess(seconds, 5 * harness.SLOW)
        self.assertEqual(b.state()["tags"], {})


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""regsync server, SIGHUP in the middle of copies: what begins at once, what is waited for, what is left, and that nothing is done twice."""
import json
import signal

from common import harness, images, main
from regsync import OK, Sync, lines_of, small
from regsync_server import Running, metric

def large(seed):
    return images.image([images.random_layer(seed, 100_000)], labels={"seed": seed})


def slow(*those):
    """Their layers do not come before the registry is told to release one."""
    digests = "|".join(i.document["layers"][0]["digest"] for i in those)
    return {"about": "some layers are held", "rules": [{"match": {"method": "GET", "path": "/blobs/(%s)" % digests, "count": 0}, "action": {"type": "hold"}}]}


class Reload(Sync):
    def serve(self, steps, *registries, defaults=None):
        self.registries, self.defaults = registries, defaults
        return Running(self, self.config(steps, registries, defaults), "--listen", ":0")

    def reload(self, server, steps):
        count = server.text().count("Configuration reloaded")
        self.config(steps, self.registries, self.defaults)
        server.process.send_signal(signal.SIGHUP)
        server.wait_line("Configuration reloaded", count + 1)

    def tags(self, registry, name):
        return registry.state()["tags"].get(name, {})

    def layer_gets(self, registry, image):
        return len(registry.requests("GET", "/blobs/" + image.document["layers"][0]["digest"]))

    def wait_copy(self, server, *those):
        """Until a layer of one of them is on its way."""
        digests = [i.document["layers"][0]["digest"] for i in those]
        server.wait("a long copy", lambda: any(l.get("msg") == "Copy layer" and l["layer"] in digests for l in lines_of(server.text())))

    def step(self, source, target, **more):
        return {"source": source, "target": target, "type": "repository", "interval": "1h", **more}

    def test_the_new_file_begins_beside_a_long_copy(self):
        one, two = large("rl-one"), small("rl-two")
        for defaults in ({}, {"parallel": 2}):
            n = len(defaults)
            a = self.scripted("a%d" % n, slow(one), self.seed([("slow", "1", one), ("slow", "2", two), ("app", "1", small("rl-app"))], "seed%d" % n))
            b = self.scripted("b%d" % n)
            steps = [self.step(a.host + "/slow", b.host + "/slow")]
            s = self.serve(steps, a, b, defaults=defaults)
            self.wait_copy(s, one)
            steps.append(self.step(a.host + "/app", b.host + "/app"))
            self.reload(s, steps)
            s.wait("the new step", lambda: "app" in b.state()["tags"])
            self.assertEqual(self.tags(b, "slow"), {})
            self.assertEqual(s.wait_line("Step is still running by the file before, its turn comes after that")[0]["task"],
                             "repository %s/slow %s/slow" % (a.host, b.host))
            self.assertEqual([t["running"] for t in json.loads(s.page("/status")[2])["steps"]], [True, False])
            a.release()
            # The copy is brought to its end, the rest of the step is the new file's, and nothing is fetched twice.
            s.wait("the step that ran", lambda: self.tags(b, "slow") == {"1": one.digest, "2": two.digest}, seconds=20)
            s.wait("its numbers", lambda: metric(s.page("/metrics")[2], "regsync_step_copies_total", step="0") == 2)
            self.assertEqual([self.layer_gets(a, i) for i in (one, two)], [1, 1])
            self.assertEqual(s.stop()[0], OK, s.text())

    def test_a_step_that_is_gone_ends_after_its_image(self):
        one, two = large("gone-one"), small("gone-two")
        a, b = self.two(slow(one), None, [("slow", "1", one), ("slow", "2", two), ("app", "1", small("gone-app"))])
        s = self.serve([self.step(a.host + "/slow", b.host + "/slow")], a, b)
        self.wait_copy(s, one)
        self.reload(s, [self.step(a.host + "/app", b.host + "/app", interval="1s")])
        a.release()
        s.wait("the image under way", lambda: self.tags(b, "slow") == {"1": one.digest})
        s.wait_line("Running task", 3)
        self.assertEqual((self.tags(b, "slow"), self.layer_gets(a, two)), ({"1": one.digest}, 0))
        self.assertEqual(s.stop()[0], OK)

    def test_a_run_by_the_schedule_is_taken_up(self):
        """Tags that the target has, but changed: the first pass alone would pass them over until the schedule comes again."""
        new = [large("again%d" % i) for i in range(3)]
        a, b = self.two(slow(*new[:2]), None, [("slow", str(i), small("was%d" % i)) for i in range(3)])
        steps = [self.step(a.host + "/slow", b.host + "/slow", interval="2s")]
        s = self.serve(steps, a, b)
        s.wait("the first pass", lambda: len(self.tags(b, "slow")) == 3)
        for i, image in enumerate(new):
            images.push(a.client, "slow", str(i), image)
        self.wait_copy(s, *new)
        steps[0]["interval"] = "1h"
        self.reload(s, steps)
        a.release()
        a.release()
        s.wait("all of them", lambda: self.tags(b, "slow") == {str(i): image.digest for i, image in enumerate(new)}, seconds=20)
        self.assertEqual([self.layer_gets(a, i) for i in new], [1, 1, 1])
        self.assertEqual(s.stop()[0], OK)

    def test_who_waits_for_a_place_goes_to_the_new_file(self):
        """One copy at a time: the second step's turn would come after the first one's copy."""
        one = large("place-one")
        a, b = self.two(slow(one), None, [("slow", "1", small("place-was")), ("app", "1", small("place-app"))])
        steps = [self.step(a.host + "/slow", b.host + "/slow", interval="1s"), self.step(a.host + "/app", b.host + "/app", interval="1s")]
        s = self.serve(steps, a, b)
        s.wait("the first pass", lambda: set(b.state()["tags"]) == {"slow", "app"})
        images.push(a.client, "slow", "1", one)
        self.wait_copy(s, one)
        changed = small("place-changed")
        images.push(a.client, "app", "1", changed)
        s.wait("who waits", lambda: any(l.get("msg") == "Image sync needed" and l["source"] == a.host + "/app:1"
                                        for l in lines_of(s.text()[s.text().rindex("/slow:1"):])))
        self.reload(s, steps)
        s.wait("the second step", lambda: self.tags(b, "app") == {"1": changed.digest})
        self.assertNotEqual(self.tags(b, "slow"), {"1": one.digest})
        a.release()
        s.wait("the first step", lambda: self.tags(b, "slow") == {"1": one.digest})
        status, seconds = s.stop()
        self.assertEqual(status, OK, s.text())
        self.assertLess(seconds, 15 * harness.SLOW)

    def test_many_reloads_in_one_copy(self):
        """None is refused, none leaves anything behind, and a stop is obeyed with all of them waiting."""
        one, two = large("many-one"), large("many-two")
        a, b = self.two(slow(one, two), None, [("slow", "1", one), ("slow", "2", two), ("app", "1", small("many-app"))])
        steps = [self.step(a.host + "/slow", b.host + "/slow"), self.step(a.host + "/app", b.host + "/app")]
        s = self.serve(steps, a, b)
        self.wait_copy(s, one)
        for k in range(12):
            self.reload(s, steps)
            if k == 1:
                memory, descriptors = s.memory(), s.descriptors()
        self.assertEqual(self.tags(b, "slow"), {})
        s.wait("descriptors that were given back", lambda: s.descriptors() <= descriptors + 4)
        a.release()
        s.wait("the step that ran", lambda: self.tags(b, "slow").get("1") == one.digest)
        if harness.SLOW == 1:  # sanitizers keep what is freed
            self.assertLess(s.memory(), memory + 4000)
        self.assertNotIn("Failed to reload", s.text())
        self.wait_copy(s, two)
        self.reload(s, steps)
        s.wait_line("Step is still running by the file before, its turn comes after that", 12)
        self.assertLess(s.stop()[1], 15 * harness.SLOW)
        self.assertEqual((self.layer_gets(a, one), list(self.tags(b, "slow"))), (1, ["1"]))


if __name__ == "__main__":
    main()

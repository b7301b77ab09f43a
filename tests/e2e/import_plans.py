#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What regimport plan announces is what apply then does: compared with apply's report, with the registry's log and with the disk; and what is refused before
anything is written."""
import json
import os
import subprocess
import unittest

from common import Case, DONE, GROUND, NO_SPACE, PARTIAL, REFUSED, images, main, references, tagged

NUMBERS = ("blobsSent", "bytesSent", "blobsMounted", "bytesMounted", "blobsThere", "manifestsPut", "manifestsThere", "tagsSet", "tagsRight")


def documents(text):
    """Plans with --prune print two documents, one behind the other."""
    found, decoder = [], json.JSONDecoder()
    while text.strip():
        value, end = decoder.raw_decode(text.strip())
        found.append(value)
        text = text.strip()[end:]
    return found


class ImportPlans(Case):
    def plan_and_apply(self, bundle, *args, status=DONE):
        plan = self.importer("plan", "--output", "json", *args, bundle.path, status=status).json()
        applied = self.importer("apply", "--output", "json", *args, bundle.path, status=status).json()
        self.assertEqual({n: plan[n] for n in NUMBERS}, {n: applied[n] for n in NUMBERS})
        self.assertEqual([(i["repository"], i["tag"], i["verdict"], i["side"], i["rule"]) for i in plan["images"]],
                         [(i["repository"], i["tag"], i["verdict"], i["side"], i["rule"]) for i in applied["images"]])
        return plan, applied

    def two_bundles(self):
        first, second = images.sample_set(1), images.sample_set(2)
        source = self.scripted("source", seed=self.seed(first + second))
        refs = lambda sample: ["--referrers", "--host", source.host_flag(), *references(source, sample)]
        return self.new_bundle(*refs(first)), self.new_bundle(*refs(first + second))

    # --- numbers ---

    def test_registry(self):
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        full, more = self.two_bundles()
        for bundle, name in ((full, "full"), (more, "more"), (more, "again")):
            with self.subTest(name):
                far.clear_log()
                plan = self.importer("plan", "--output", "json", *to, bundle.path).json()
                self.assertEqual(far.write_requests(), [])
                far.clear_log()
                applied = self.importer("apply", "--output", "json", *to, bundle.path).json()
                log = far.requests()
                self.assertEqual({n: plan[n] for n in NUMBERS}, {n: applied[n] for n in NUMBERS})
                self.assertEqual(plan["requests"], applied["requests"])
                self.assertEqual(applied["requests"], len(log))
                self.assertEqual(plan["pulls"], len([l for l in log if l["method"] == "GET" and "/manifests/" in l["path"]]))
                self.assertEqual(plan["bytesSent"], sum(l["received"] for l in log if l["method"] == "PUT" and "/blobs/uploads/" in l["path"]))
                self.assertEqual(plan["blobsMounted"], len([l for l in log if "mount=" in l["path"] and l["status"] == 201]))
        self.assertGreater(full.carried_bytes(), 0)
        # what refers to something is put again, in case it is not listed as that
        self.assertEqual((plan["blobsSent"], plan["manifestsPut"], plan["tagsSet"]), (0, 1, 0))

    def test_docker_registry(self):
        far = self.docker_registry("far")
        to = ["--host", far.host_flag(), "--to", far.host + "/mirror"]
        base, one = images.random_layer("base", 5000), images.random_layer("one", 700)
        triples = [("app", "1", images.image([base, one])), ("lib", "1", images.image([base])), ("app", "2", images.image([base, images.random_layer("two", 700)]))]
        root = self.seed(triples)
        refs = ["ocidir://%s:%s=%s:%s" % (os.path.join(root, r), t, r, t) for r, t, _ in triples]
        for n in (2, 3):
            plan, _ = self.plan_and_apply(self.new_bundle(*refs[:n]), *to)
        self.assertEqual((plan["blobsSent"], plan["blobsThere"], plan["tagsSet"], plan["tagsRight"]), (2, 1, 1, 2))

    def test_lists_of_referrers(self):
        """Without the referrers API putting a referrer makes a list, which may be the one that the bundle carries: it is counted as written all the same."""
        source, far = self.docker_registry("source"), self.docker_registry("far")
        to = ["--host", far.host_flag(), "--to", far.host + "/mirror"]
        first = images.sample_set(1)
        for bundle, sample in zip(self.two_bundles(), (first, first + images.sample_set(2))):
            self.apply(bundle, "--host", source.host_flag(), "--to", source.host, state="source-state")
            carried = self.new_bundle("--digest-tags", "--host", source.host_flag(), *references(source, tagged(sample)), state="lists-state", out="lists")
            plan, _ = self.plan_and_apply(carried, *to)
        self.assertTrue([i for i in carried.images() if i["tag"].startswith("sha256-")])
        again, _ = self.plan_and_apply(carried, *to)
        self.assertGreater(again["manifestsThere"], plan["manifestsThere"])
        self.assertEqual((again["blobsSent"], again["tagsSet"]), (0, 0))

    def test_what_is_not_mounted_is_said(self):
        far = self.scripted("far")
        base = images.random_layer("base", 50000)
        root = self.seed([("app", "1", images.image([base])), ("lib", "1", images.image([base]))])
        bundle = self.new_bundle(*["ocidir://%s:1=%s:1" % (os.path.join(root, r), r) for r in ("app", "lib")])
        result = self.importer("plan", "--host", far.host_flag(), "--to", far.host, bundle.path)
        self.assertRegex(result.out, r"to send   2 blobs, \S+ \S+; 2 mounted")
        self.assertRegex(result.out, r"mounts    what \S+ does not mount is sent too: up to \S+ kB more")
        self.assertRegex(result.out, r"space     %s needs \S+ kB; a registry does not say what it has" % far.host)

    def test_layouts(self):
        far = self.work("far")
        to = ["--to", "ocidir://" + far]
        full, more = self.two_bundles()
        for bundle in (full, more, more):
            before = self.disk(far)
            plan, _ = self.plan_and_apply(bundle, *to)
            room = plan["space"][0]
            grown = self.disk(far) - before
            self.assertLessEqual(grown - 65536 * (before == 0), room["needed"], "no more than was announced (and the folders)")
            self.assertLess(room["needed"], grown + 500_000)
            self.assertGreater(room["free"], room["needed"])
        self.assertEqual((plan["blobsSent"], plan["blobsMounted"], plan["tagsSet"]), (0, 0, 0))

    def disk(self, folder):
        """Bytes that files take, each counted once however many names it has."""
        seen = {}
        for where, _, names in os.walk(folder):
            for name in names:
                st = os.stat(os.path.join(where, name))
                seen[st.st_ino] = st.st_blocks * 512
        return sum(seen.values())

    # --- room ---

    def small_disk(self, name, kilobytes):
        folder = self.work.folder(name)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dk" % kilobytes, "none", folder], capture_output=True, check=False)
        if done.returncode != 0:
            raise unittest.SkipTest("no file system can be mounted here")
        self.addCleanup(lambda: subprocess.run(["umount", folder], check=False))
        return folder

    def big_bundle(self):
        """A layer of 300 kB that two repositories share."""
        base = images.random_layer("base", 300_000)
        root = self.seed([("app", "1", images.image([base])), ("lib/deep", "1", images.image([base, images.random_layer("lib", 100)]))])
        return self.new_bundle(*["ocidir://%s:1=%s:1" % (os.path.join(root, r), r) for r in ("app", "lib/deep")])

    def test_too_little_room(self):
        bundle, disk = self.big_bundle(), self.small_disk("disk", 256)
        to = ["--to", "ocidir://" + os.path.join(disk, "not", "there", "yet")]
        plan = self.importer("plan", *to, bundle.path, status=NO_SPACE)
        self.assertRegex(plan.out, r"space     \S+/disk/not/there/yet\S*: needs \S+ kB, \S+ kB free: \d+ bytes short")
        self.assert_one_line(plan, r"\d+ bytes short; nothing was written; make room there")
        told = self.importer("plan", "--output", "json", *to, bundle.path, status=NO_SPACE).json()["space"]
        self.assertEqual(len(told), 2)
        self.assertGreater(told[0]["needed"], told[0]["free"])
        result = self.apply(bundle, *to, status=NO_SPACE)
        self.assert_one_line(result, r"\d+ bytes short; nothing was written; make room there")
        self.assertEqual(os.listdir(disk), [])

    def test_room_for_one_copy(self):
        """The second repository has the layer by another name of the same file."""
        bundle, disk = self.big_bundle(), self.small_disk("disk", 420)
        to = ["--to", "ocidir://" + disk]
        plan, _ = self.plan_and_apply(bundle, *to)
        self.assertEqual(plan["blobsMounted"], 1)
        self.assertLess(plan["space"][0]["needed"], 400_000)
        free = os.statvfs(disk)
        self.assertLess(free.f_bavail * free.f_frsize, 120_000)
        plan, _ = self.plan_and_apply(bundle, *to)  # what is there needs no room
        self.assertLess(plan["space"][0]["needed"], 20_000)

    def test_a_repository_on_another_disk(self):
        """A mount of it cannot be a second name there: its bytes count."""
        bundle, far = self.big_bundle(), self.work.folder("far")
        disk = self.small_disk("far/lib", 256)
        result = self.apply(bundle, "--to", "ocidir://" + far, status=NO_SPACE)
        self.assertIn("far/lib", result.err)
        self.assertEqual(os.listdir(disk), [])
        self.assertEqual(os.listdir(far), ["lib"])

    def test_no_room_for_the_state(self):
        """A registry as destination: nothing of it is asked, but the map of old tags must have its place before tags move."""
        bundle, disk, far = self.big_bundle(), self.small_disk("disk", 16), self.scripted("far")
        with open(os.path.join(disk, "full"), "wb") as f:
            f.write(bytes(12 << 10))
        args = ["--state", os.path.join(disk, "state"), "--allow-unsigned", "--host", far.host_flag(), "--to", far.host, bundle.path]
        for action in ("plan", "apply"):
            result = self.program("regimport", action, *args, status=NO_SPACE)
            self.assert_one_line(result, r"disk/state: \d+ bytes are needed", r"--state DIR")
        self.assertEqual(far.write_requests(), [])

    # --- limits ---

    def limited(self, name, options=None, rules=()):
        """A registry with the first state, that counts pulls."""
        far = self.scripted(name, {"options": options or {}, "rules": list(rules)}, seed=self.first)
        return far, ["--host", far.host_flag(), "--to", far.host]

    def test_limits(self):
        full, more = self.two_bundles()
        self.first = self.work("first")
        self.apply(full, "--to", "ocidir://" + self.first, state="first-state")
        ample, to = self.limited("ample", {"pulls": {"limit": 5000, "remaining": 4000}})
        plan = self.importer("plan", "--output", "json", *to, more.path).json()
        self.assertEqual(plan["rateLimit"]["limit"], 5000)
        self.assertLess(plan["rateLimit"]["remaining"], 4000)
        pulls = plan["pulls"]
        ample.clear_log()
        self.apply(more, *to)
        self.assertEqual(len(ample.requests("GET", "/manifests/")), pulls)
        self.assertEqual(len(ample.requests()), plan["requests"])

        # Some of them are made before it can be known what is left; then nothing is written any more.
        for state, action in (("planned", "plan"), ("applied", "apply")):
            scarce, to = self.limited("scarce-" + action, {"pulls": {"limit": 5000, "remaining": pulls - 1}})
            result = self.importer(action, *to, more.path, state=state, status=REFUSED)
            self.assert_one_line(result, r"grants \d+ more pulls, this takes \d+: \d+ too few; nothing was written; apply when the limit is renewed")
            self.assertEqual(scarce.write_requests(), [])
            if action == "plan":
                self.assertRegex(result.out, r"limit     \S+ grants \d+ more pulls of 5000: \d+ too few\n")

        # Near the limit it looks ahead itself, which takes some too: the plan has them.
        near, to = self.limited("near", {"pulls": {"limit": 5000, "remaining": 2 * pulls}})
        self.apply(more, *to, state="near")
        self.assertLessEqual(len(near.requests("GET", "/manifests/")), 2 * pulls)

        # More than it ever grants: waiting would not help.
        says = {"match": {"count": 0, "path": "/manifests/"}, "action": {"type": "headers", "set": {"RateLimit-Limit": "6;w=21600", "RateLimit-Remaining": "5;w=21600"}}}
        never, to = self.limited("never", rules=[says])
        plan = self.importer("plan", "--output", "json", *to, more.path, state="never").json()
        self.assertEqual(plan["rateLimit"], {"remaining": 5, "limit": 6})
        never.clear_log()
        result = self.apply(more, *to, state="never")
        self.assertIn("ever grants at once", result.err)
        self.assertEqual(len(never.requests("GET", "/manifests/")), plan["pulls"])
        self.assertEqual(len(never.requests()), plan["requests"])

    # --- verdicts ---

    def layouts(self, triples, name="seed"):
        root = self.seed(triples, name)
        return {(r, t): "ocidir://%s:%s=%s:%s" % (os.path.join(root, r), t, r, t) for r, t, _ in triples}

    def policy(self, script):
        path = self.work("policy.yml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("policy:\n  script: |\n" + "".join("    %s\n" % line for line in script.splitlines()))
        return path

    def test_every_image_has_its_verdict(self):
        layer = images.random_layer
        base = layer("base", 3000)
        triples = [(r, t, images.image([base, layer(r + t, 500)])) for r, t in
                   (("same", "1"), ("same", "2"), ("gone", "1"), ("moves", "1"), ("fresh", "1"), ("root", "1"), ("old", "1"))]
        other = images.image([base, layer("moved", 500)])
        refs = self.layouts(triples)
        moved = self.layouts([("moves", "1", other)], "seed-2")[("moves", "1")]
        to = ["--to", "ocidir://" + self.work("far")]
        first = [refs[k] for k in (("same", "1"), ("same", "2"), ("gone", "1"), ("moves", "1"))]
        self.apply(self.new_bundle(*first), *to)
        second = first[:2] + [moved, refs[("fresh", "1")], refs[("root", "1")], refs[("old", "1")]]
        carry = self.policy("function carry(i)\n  if i.repository == 'old' then return false, 'too old' end\n  return true\nend")
        bundle = self.new_bundle("-c", carry, *second)
        accept = self.policy("function accept(i)\n  if i.repository == 'root' then return false, 'runs as root' end\n  return true\nend")
        plan, _ = self.plan_and_apply(bundle, "-c", accept, *to, status=PARTIAL)
        found = {"%s:%s" % (i["repository"], i["tag"]): (i["status"], i["verdict"], i["side"], i["rule"]) for i in plan["images"]}
        self.assertEqual(found, {
            "same:1": ("unchanged", "unchanged", "far", "accept"), "same:2": ("unchanged", "unchanged", "far", "accept"),
            "gone:1": ("removed", "removed", "near", "not selected any more"), "moves:1": ("changed", "taken", "far", "accept"),
            "fresh:1": ("new", "taken", "far", "accept"), "root:1": ("new", "refused", "far", "accept: runs as root")})
        self.assertEqual([(r["repository"], r["side"], r["rule"]) for r in plan["notCarried"]], [("old", "near", "carry: too old")])
        had = [i["tagHad"] for i in plan["images"] if i["repository"] == "moves"]
        self.assertEqual(had, [triples[3][2].digest])

    def test_text(self):
        layer = images.random_layer
        triples = [("app", str(n), images.image([layer("app%d" % n, 500)])) for n in range(4)]
        refs = self.layouts(triples)
        to = ["--to", "ocidir://" + self.work("far")]
        first = [refs[("app", str(n))] for n in range(3)]
        self.apply(self.new_bundle(*first), *to)
        bundle = self.new_bundle(*first[:2], refs[("app", "3")])
        text = self.importer("plan", *to, bundle.path).out
        self.assertIn("unchanged 2 images, there with all they need (--all lists them)", text)
        self.assertNotIn("unchanged app", text)
        self.assertRegex(text, r"removed   app:2 .*: not selected there any more; it stays here\n")
        text = self.importer("plan", "--check", "manifests", *to, bundle.path).out
        self.assertIn("unchanged 2 images, there with their manifests (--all lists them)", text)
        text = self.importer("plan", "--all", *to, bundle.path).out
        self.assertEqual(text.count("unchanged app:"), 2)
        self.assertNotIn("--all", text)
        index = os.path.join(self.work("far"), "app", "index.json")
        with open(index, encoding="utf-8") as f:
            document = json.load(f)
        document["manifests"] = [m for m in document["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] != "1"]
        with open(index, "w", encoding="utf-8") as f:
            json.dump(document, f)
        text = self.importer("plan", *to, bundle.path).out
        self.assertRegex(text, r"unchanged app:1 .*; its tag is not there\n")
        plan, _ = self.plan_and_apply(bundle, *to)
        self.assertEqual((plan["tagsSet"], plan["tagsRight"]), (2, 1))

    def test_ground_that_is_missing(self):
        full, more = self.two_bundles()
        far = self.scripted("far")
        told = self.importer("plan", "--output", "json", "--host", far.host_flag(), "--to", far.host, more.path, status=GROUND).json()
        lacking = {(i["repository"], i["tag"]) for i in told["images"] if i.get("verdict") == "lacking"}
        self.assertTrue(lacking)
        self.assertEqual({"%s:%s" % k for k in lacking if k[1]}, {m["image"] for m in told["missing"] if "@" not in m["image"]})

    def test_a_repair_bundle(self):
        """It brings bytes for another bundle, and says nothing of images."""
        full, more = self.two_bundles()
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        request = self.work("request.json")
        self.importer("request", *to, "-o", request, more.path)
        source = [a for a in full.result.argv if a.startswith("reg=")]
        repair = self.new_bundle("--request", request, "--host", *source)
        plan = self.importer("plan", "--output", "json", *to, repair.path).json()
        applied = self.importer("apply", "--output", "json", *to, repair.path).json()
        self.assertEqual({n: plan[n] for n in NUMBERS}, {n: applied[n] for n in NUMBERS})
        self.assertEqual((plan["requests"], plan["tagsSet"]), (applied["requests"], 0))
        self.assertGreater(plan["blobsSent"], 0)
        self.assertEqual([i for i in plan["images"] if "verdict" in i], [])
        self.assertNotIn("unchanged", self.importer("plan", *to, repair.path).out.replace(" unchanged, ", ""))
        self.plan_and_apply(more, *to)

    # --- pruning ---

    def test_what_would_be_pruned(self):
        layer = images.random_layer
        triples = [("app", str(n), images.image([layer("app%d" % n, 500)])) for n in range(5)]
        refs = self.layouts(triples)
        to = ["--to", "ocidir://" + self.work("far")]
        rules = self.work("rules.yml")
        with open(rules, "w", encoding="utf-8") as f:
            f.write("retain:\n  graceTime: 0s\n  rules:\n    - repositories: [app]\n      tags: ['3']\n")
        keys = [("app", str(n)) for n in range(5)]
        self.apply(self.new_bundle("-c", rules, *[refs[k] for k in keys[:4]]), *to)
        bundle = self.new_bundle("-c", rules, *[refs[k] for k in keys[2:]])
        plan = documents(self.importer("plan", "--prune", "--output", "json", *to, bundle.path).out)
        done = documents(self.importer("apply", "--prune", "--output", "json", *to, bundle.path).out)
        fates = [[(i["repository"], i["tag"], i["fate"], i["reason"]) for i in d[1]["images"]] for d in (plan, done)]
        self.assertEqual(*fates)
        self.assertEqual({f[1] for f in fates[0] if f[2] == "letGo"}, {"0", "1"})
        for key in ("letGo", "graceSeconds", "rules", "needsConfirmation"):
            self.assertEqual(plan[1][key], done[1][key])
        self.assertEqual({n: plan[0][n] for n in NUMBERS}, {n: done[0][n] for n in NUMBERS})


class SeveralBundles(Case):
    """Of several bundles each is planned as the destination is by then: what apply of the same command line reports, bundle by bundle."""
    small_disk = ImportPlans.small_disk

    def setUp(self):
        super().setUp()
        layer = images.random_layer
        base, extra = layer("base", 9000), layer("extra", 4000)
        image = lambda name, *more: images.image([base, *more, layer(name, 500)])
        multi = images.index([image("m" + a) for a in ("amd64", "arm64")])
        one, two, three = image("one"), image("two", extra), image("three", extra)
        steps = ({("app", "latest"): one, ("app", "1"): one, ("tool", "1"): multi, ("old", "1"): image("old")},
                 {("app", "latest"): two, ("app", "1"): one, ("app", "2"): two, ("tool", "1"): multi, ("lib/x", "1"): image("lib", extra)},
                 {("app", "latest"): three, ("app", "2"): two, ("app", "3"): three, ("tool", "1"): multi, ("lib/x", "1"): three})
        rules = self.work("rules.yml")
        with open(rules, "w", encoding="utf-8") as f:
            f.write("retain:\n  graceTime: 0s\n  rules:\n    - keepNone: true\n")
        self.three = []
        root = self.work.folder("seed")
        for step in steps:
            images.write_tree(root, [(r, t, node) for (r, t), node in step.items()])
            self.three.append(self.new_bundle("-c", rules, *["ocidir://%s:%s=%s:%s" % (os.path.join(root, r), t, r, t) for r, t in step]))

    def compare(self, *args, bundles=None, status=DONE, requests=True):
        paths = [b.path for b in reversed(bundles or self.three)]
        plan = self.importer("plan", "--output", "json", *args, *paths, status=status)
        planned = documents(plan.out)
        applied = documents(self.importer("apply", "--output", "json", *args, *paths, status=status).out)
        self.assertEqual(len(planned), len(applied))
        for n, (p, a) in enumerate(zip(planned, applied)):
            if "letGo" in p:
                continue  # of pruning
            with self.subTest(bundle=n):
                numbers = (*NUMBERS, "requests") if requests and "requests" in a else NUMBERS
                self.assertEqual({k: p.get(k) for k in numbers}, {k: a.get(k) for k in numbers})
                self.assertEqual(*[[(i["repository"], i["tag"], i.get("verdict"), i.get("side"), i.get("rule"), i.get("tagHad")) for i in d["images"]] for d in (p, a)])
                self.assertEqual(*[d.get("foreign") for d in (p, a)])
        return plan, planned, applied

    def test_registry(self):
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host + "/mirror"]
        plan, planned, _ = self.compare(*to)
        self.assertNotIn("were not applied", plan.err)
        self.assertEqual([p["tagsSet"] for p in planned], [4, 3, 3])
        log = far.requests("PUT", "/blobs/uploads/")
        self.assertEqual(sum(p["bytesSent"] for p in planned), sum(l["received"] for l in log))
        self.compare(*to, "--allow-older")

    def test_a_plan_writes_nothing(self):
        far = self.scripted("far")
        self.importer("plan", "--host", far.host_flag(), "--to", far.host, *[b.path for b in self.three])
        self.assertEqual(far.write_requests(), [])
        self.assertFalse(os.path.exists(os.path.join(self.work("import-state"), "applied.json")))
        self.assertEqual(os.listdir(os.path.join(self.work("import-state"), "bundles")), [])

    def test_docker_registry(self):
        far = self.docker_registry("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        self.apply(self.three[0], *to)
        self.compare(*to, bundles=self.three[1:])

    def test_layouts(self):
        disk = self.small_disk("far", 4000)
        _, planned, _ = self.compare("--to", "ocidir://" + disk, requests=False)
        rooms = [p["space"][0] for p in planned]
        self.assertEqual([a["free"] - b["free"] for a, b in zip(rooms, rooms[1:])], [r["needed"] for r in rooms[:2]])
        self.assertLess(rooms[2]["needed"], rooms[0]["needed"])

    def test_ground_that_none_of_them_brings(self):
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        for action in ("plan", "apply"):
            result = self.importer(action, *to, *[b.path for b in self.three[1:]], state=action, status=GROUND)
            self.assertIn("lacks what this bundle builds on", result.err)

    def test_what_a_policy_refuses(self):
        """It is no missing ground of those that come behind."""
        far = self.scripted("far")
        with open(self.work("accept.yml"), "w", encoding="utf-8") as f:
            f.write("policy:\n  script: |\n    function accept(i)\n      return i.repository ~= 'tool', 'no tools'\n    end\n")
        self.compare("-c", self.work("accept.yml"), "--host", far.host_flag(), "--to", far.host, status=PARTIAL)

    def test_pruning_behind(self):
        to = ["--to", "ocidir://" + self.work("far")]
        plan, planned, applied = self.compare(*to, "--prune", "--confirm-delete", "2", requests=False)
        self.assertEqual(len(planned), 4)
        fates = [{(i["repository"], i["tag"], i["digest"]): i["fate"] for i in d[3]["images"]} for d in (planned, applied)]
        self.assertEqual(*fates)
        self.assertEqual({(r, t): f for (r, t, _), f in fates[0].items() if t}, {("app", "1"): "letGo", ("old", "1"): "letGo"})

    def test_a_repair_before(self):
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        request = self.work("request.json")
        self.importer("request", *to, "-o", request, self.three[1].path)
        repair = self.new_bundle("--request", request)
        self.compare(*to, bundles=[repair, *self.three[1:]])

    def test_what_it_grants(self):
        """Pulls that those before take are not there any more."""
        far = self.scripted("far", {"options": {"pulls": {"limit": 5000, "remaining": 4000}}})
        to = ["--host", far.host_flag(), "--to", far.host]
        planned = documents(self.importer("plan", "--output", "json", *to, *[b.path for b in self.three]).out)
        left = [p["rateLimit"]["remaining"] for p in planned]
        self.assertTrue(all(a - b >= p["pulls"] for a, b, p in zip(left, left[1:], planned)), left)


if __name__ == "__main__":
    main()

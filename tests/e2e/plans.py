#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a plan of an export says and create does: the rule of each image, the requests that count, the room, and refusals before anything is begun."""
import json
import os
import re
import signal
import subprocess
import unittest

from common import FAILED, NO_SPACE, PARTIAL, REFUSED, Case, images, main, references
from harness import program, start_process, stop_process, wait_for

KINDS = {("HEAD", "manifests"): "manifestHead", ("GET", "manifests"): "manifestGet", ("HEAD", "blobs"): "blobHead", ("GET", "blobs"): "blobGet",
         ("GET", "referrers"): "referrers", ("GET", "tags"): "tagList", ("GET", "_catalog"): "catalog"}


def pulls(remaining):
    return {"options": {"pulls": {"limit": 100, "remaining": remaining}}}


def few(count):
    """So many small images of one repository."""
    return [("app", "v%d" % i, images.image([images.random_layer("few-%d" % i, 100)], labels={"n": str(i)})) for i in range(count)]


class Plans(Case):
    def config(self, steps, **more):
        path = self.work("ferry.yml")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"version": 1, "sync": steps, **more}, f, indent=1)
        return path

    def plan(self, *args, status=0, **how):
        return self.export("--output", "json", *args, action="plan", status=status, **how).json()

    @staticmethod
    def rules(doc):
        return {"%s:%s" % (i["repository"], i["tag"] or "") if i["tag"] else i["digest"]: i.get("rule") for i in doc["images"]}

    # --- rules ---

    def test_rules_of_a_policy_file(self):
        app = {t: images.image([images.random_layer(t, 100)], labels={"tag": t}) for t in ("1.0", "2.0", "edge", "old")}
        lib = images.image([images.random_layer("lib", 100)])
        sig, (cosign_tag, cosign) = images.signature(lib), images.cosign_signature(lib)
        source = self.scripted("source", seed=self.seed([("team/app", t, n) for t, n in app.items()] +
                                                        [("lib", "1", lib), ("lib", None, sig), ("lib", cosign_tag, cosign)]))
        steps = [{"source": source.host + "/team/app", "target": "r.example/app", "type": "repository",
                  "tags": {"semverRange": [">=1"]}, "tagSets": [{"allow": ["edge", "old"]}]},
                 {"source": source.host + "/lib:1", "target": "r.example/lib:1", "type": "image", "referrers": True, "digestTags": True}]
        policy = {"script": "function carry(i) return i.labels.tag ~= 'old', 'too old' end"}
        args = ["-c", self.config(steps, policy=policy), "--host", source.host_flag()]
        doc = self.plan(*args)
        rules = self.rules(doc)
        self.assertEqual(doc["policyFile"], self.work("ferry.yml"))
        with open(self.work("ferry.yml"), encoding="utf-8") as f:
            line = 1 + [l.strip() for l in f].index("{", 1)
        self.assertEqual(rules["app:1.0"], {"by": "sync[0]", "line": line, "how": "tags: semverRange >=1", "verdict": "carry: yes"})
        self.assertEqual(rules["app:edge"]["how"], "tagSets[0]: allow edge allow old")
        self.assertEqual({k: rules["lib:1"][k] for k in ("by", "how")}, {"by": "sync[1]", "how": "named"})
        self.assertEqual({k: rules[sig.digest][k] for k in ("by", "how", "of")}, {"by": "sync[1]", "how": "referrer", "of": "lib:1"})
        self.assertEqual({k: rules["lib:" + cosign_tag][k] for k in ("how", "of")}, {"how": "digest tag", "of": "lib:1"})
        text = self.export(*args, action="plan").out
        self.assertRegex(text, r"(?m)^new       app:1\.0 sha256:\w+ from \S+ by sync\[0\] \(\S+ferry\.yml:%d\), tags: semverRange >=1, carry: yes$" % line)
        bundle = self.new_bundle("--output", "json", *args)
        self.assertEqual(self.rules(bundle.result.json()), rules, "what decided is the same for both")
        for word in (b"sync[", b"ferry.yml", b"semverRange"):
            with open(bundle.path, "rb") as f:
                self.assertNotIn(word, f.read(1 << 20), "no bundle says it")
        # a second plan: what is gone, and why
        source.client.call("DELETE", "/v2/team/app/manifests/edge", want=(202,))
        steps[0]["tags"]["deny"] = [r"2\..*"]
        later = self.rules(self.plan("-c", self.config(steps[:1], policy=policy, retain={"rules": [{"repositories": ["app"], "keepSemver": 5}]}), "--host", source.host_flag()))
        self.assertEqual(later["app:1.0"]["how"], r"tags: semverRange >=1 deny 2\..*")
        self.assertEqual(later["app:edge"]["how"], "the tag is gone at its source")
        self.assertEqual(later["app:2.0"]["how"], "the tag is not taken any more")
        self.assertEqual(later["lib:1"]["how"], "nothing wants it any more")
        self.assertEqual(later[sig.digest]["how"], "it goes with no image that is wanted, and is not named itself")
        self.assertTrue(all(re.match("let go by|the retain rules keep it", r["verdict"]) for n, r in later.items() if n != "app:1.0"), later)

    def test_rules_of_holes(self):
        one, two = (images.image([images.random_layer(n, 100)]) for n in ("one", "two"))
        first = self.scripted("first", seed=self.seed([("app", "1", one)]))
        bundle = self.new_bundle("--host", first.host_flag(), first.host + "/app:1=app:1")
        self.assertEqual(bundle.names("new"), ["app:1"])
        bad = self.scripted("bad", "blob-missing", self.seed([("app", "1", two), ("app", "2", two)], "seed-two"))
        doc = self.plan("--host", bad.host_flag(), bad.host + "/app:1=app:1", first.host + "/app:1=app:2", "--host", first.host_flag(), status=PARTIAL)
        self.assertEqual(self.rules(doc)["app:1"], {"by": "command line", "how": "stays for the hole", "of": "app:1"})

    def test_what_wanted_a_hole(self):
        """A hole says which step of which file wanted it: in the plan, in the report, in JSON, in the failure that --strict makes of it."""
        source = self.scripted("source", seed=self.seed([("app", "1", images.image([images.random_layer("one", 100)]))]))
        path = self.config([{"source": source.host + "/app", "target": "r.example/app", "type": "repository"},
                            {"source": source.host + "/lib:2", "target": "r.example/lib:2", "type": "image"},
                            {"source": source.host + "/none", "target": "r.example/none", "type": "repository", "tags": {"allow": ["1"]}}])
        with open(path, encoding="utf-8") as f:
            lines = [n for n, text in enumerate(f, 1) if text.strip() == "{"][1:]
        args = ["-c", path, "--host", source.host_flag()]
        doc = self.plan(*args, status=PARTIAL)
        wanted = {("lib", "2"): {"by": "sync[1]", "line": lines[1], "how": "named"}, ("none", ""): {"by": "sync[2]", "line": lines[2]}}
        self.assertEqual({(h["repository"], h["tag"]): h["rule"] for h in doc["holes"]}, wanted)
        place = r"by sync\[1\] \(%s:%d\)" % (re.escape(path), lines[1])
        line = r"(?m)^hole      lib:2 from \S+/lib:2 %s, named: \S" % place
        self.assertRegex(self.export(*args, action="plan", status=PARTIAL).out, line)
        strict = self.export("--strict", *args, status=FAILED)
        self.assert_one_line(strict, "2 images could not be had", r"/lib:2 %s: \S" % place)
        bundle = self.new_bundle(*args, status=PARTIAL)
        self.assertRegex(bundle.result.out, line)
        self.assertNotIn(b"sync[", open(bundle.path, "rb").read(), "no bundle says it")
        anew = self.export("--again", bundle.id, *args[2:], out="anew", status=PARTIAL)
        self.assertRegex(anew.out, r"(?m)^new       app:1 sha256:\w+ from \S+ by --again, carried again$")
        self.assertRegex(anew.out, r"(?m)^hole      lib:2 from \S+/lib:2 by --again, as recorded: \S")

    # --- requests ---

    def counted(self, source):
        """The requests that came, by kind: without logins."""
        found = {}
        for line in source.requests():
            match = re.search(r"/(manifests|blobs|referrers|tags|_catalog)\b", line["path"])
            if match and line["status"] != 401:
                kind = KINDS[line["method"], match.group(1)]
                found[kind] = found.get(kind, 0) + 1
        return found

    def compare(self, source, *args):
        """A plan, then the run: what was announced is what comes."""
        source.clear_log()
        doc = self.plan(*args)
        planned = next(r for r in doc["requests"] if r["registry"] == source.host)
        self.assertEqual(planned["countedByPlan"], self.counted(source).get("manifestGet", 0))
        source.clear_log()
        bundle = self.new_bundle("--output", "json", *args)
        made = bundle.result.json()
        sent = next(r for r in made["requests"] if r["registry"] == source.host)
        self.assertEqual(self.counted(source), planned["byKind"])
        self.assertEqual(sent["byKind"], planned["byKind"])
        self.assertEqual(sent["requests"], planned["requests"])
        self.assertEqual((sent["counted"], planned["counted"]), (planned["counted"], planned["byKind"].get("manifestGet", 0)))
        for key in ("id", "snapshot", "size", "carriedBlobs", "carriedBytes", "assumedBlobs", "counts", "images", "holes"):
            self.assertEqual(made[key], doc[key], key)
        self.assertEqual(doc["size"], os.path.getsize(bundle.path))
        self.assertGreaterEqual(doc["space"][0]["needed"], doc["size"])
        return planned, bundle

    def test_requests_are_as_announced(self):
        first, second = images.sample_set(1), images.sample_set(2)
        source = self.scripted("source", pulls(90), self.seed(first + second))
        args = ["--host", source.host_flag(), "--referrers", "--digest-tags"]
        planned, _ = self.compare(source, *args, *references(source, first))
        self.assertEqual(planned["counted"], 0, "manifests are kept")
        self.assertEqual((planned["limit"], planned["left"]), (100, 90 - planned["countedByPlan"]))
        self.compare(source, *args, *references(source, first + second))
        planned, bundle = self.compare(source, *args, *references(source, first + second))
        self.assertEqual(bundle.names("new") + bundle.names("changed"), [])
        self.assertNotIn("blobGet", planned["byKind"])

    def test_requests_with_a_login_and_lists(self):
        sample = few(12)
        profile = {"options": {"auth": {"type": "bearer", "user": "u", "pass": "p"}, "page_size": 3}}
        source = self.scripted("source", profile, self.seed(sample))
        steps = [{"source": source.host, "target": "r.example", "type": "registry"}]
        self.compare(source, "-c", self.config(steps), "--host", source.host_flag(user="u", **{"pass": "p"}))

    def test_requests_without_head(self):
        """Each tag is read by GET, and that counts each time."""
        sample = few(5)
        source = self.scripted("source", "head-refused", self.seed(sample))
        planned, _ = self.compare(source, "--host", source.host_flag(), *references(source, sample))
        self.assertEqual(planned["counted"], 5)

    def test_tags_that_are_read_by_get_each_time(self):
        """Planning itself fitted, and the run behind it will not: said behind the plan."""
        sample = few(5)
        profile = pulls(12)
        profile["rules"] = [{"match": {"method": "HEAD", "path": "/manifests/", "count": 0}, "action": {"type": "status", "status": 404}}]
        source = self.scripted("source", profile, self.seed(sample))
        args = ["--host", source.host_flag(), *references(source, sample)]
        result = self.export(*args, action="plan", status=REFUSED)
        self.assert_one_line(result, "create sends 5 requests that count, and 2 are left", "3 too few")
        self.assertRegex(result.out, r"(?m)^limit     5 requests that count, 2 of 100 left at 127\S+; planning took 10$")

    # --- limits ---

    def limited(self, remaining, count=6, name="source"):
        sample = few(count)
        source = self.scripted(name, pulls(remaining), self.seed(sample, name + "-seed"))
        return source, ["--host", source.host_flag(), *references(source, sample)]

    def test_too_few_pulls(self):
        source, args = self.limited(5)
        for action in ("plan", "create"):
            source.clear_log()
            result = self.export(*args, action=action, status=REFUSED)
            self.assert_one_line(result, r"127\.0\.0\.1:\d+: at least 6 requests that count are needed", r"and 5 of 100 are left", "1 too few",
                                 r"log in for a higher limit, or let create wait")
            self.assertEqual(self.counted(source), {"manifestHead": 6}, "none is spent")
            self.assertFalse(os.path.exists(self.work("out")))
        source, args = self.limited(6, name="enough")
        self.new_bundle(*args)

    def test_too_few_pulls_below_an_index(self):
        """What is below an index is known when it is read: it is not begun, and what was read is kept."""
        index = images.index([images.image([images.random_layer(str(i), 50)], platform="linux/arm/v%d" % i) for i in range(5, 9)])
        source = self.scripted("source", pulls(4), self.seed([("app", "1", index)]))
        args = ["--host", source.host_flag(), source.host + "/app:1"]
        self.assert_one_line(self.export(*args, status=REFUSED), "at least 4 requests that count are needed", "and 3 of 100 are left")
        self.assertEqual(self.counted(source), {"manifestHead": 1, "manifestGet": 1})
        more = self.scripted("more", pulls(4), self.seed([("app", "1", index)], "seed-two"))
        self.new_bundle("--host", more.host_flag(), more.host + "/app:1")

    def test_a_plan_leaves_what_a_step_wants_left(self):
        source, _ = self.limited(10)
        steps = [{"source": source.host + "/app", "target": "r.example/app", "type": "repository", "ratelimit": {"min": 5}}]
        args = ["-c", self.config(steps), "--host", source.host_flag()]
        result = self.export(*args, action="plan", status=REFUSED)
        self.assert_one_line(result, "ratelimit.min is to leave 5: 1 too few", "regexport create waits for more")
        # create reads what it may, then waits; the same command goes on later
        process = start_process([program("regexport"), "create", "--state", self.work("export-state"), "-o", self.work("out"), *args],
                                env=self.env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            line = process.stderr.readline()
            self.assertRegex(line, r"Delaying for rate limit.*source-remain=5 source-limit=100 step-min=5 sleep=5m0s")
            self.assertEqual(self.counted(source)["manifestGet"], 5)
            process.send_signal(signal.SIGINT)
            wait_for("the end", lambda: process.poll() is not None, 10)
            self.assertEqual(process.returncode, 130)
        finally:
            stop_process(process)
        self.assertFalse(os.path.exists(self.work("out")))
        steps[0]["ratelimit"]["min"] = 4
        self.new_bundle("-c", self.config(steps), "--host", source.host_flag())

    def test_a_limit_that_can_never_be_kept(self):
        source, _ = self.limited(10)
        steps = [{"source": source.host + "/app", "target": "r.example/app", "type": "repository", "ratelimit": {"min": 100}}]
        result = self.export("-c", self.config(steps), "--host", source.host_flag(), status=REFUSED)
        self.assert_one_line(result, "ratelimit.min has to be below the limit")

    # --- room ---

    def test_no_disk_holds_it(self):
        """A layer that is said to have 1 PiB: nothing of it is fetched, and nothing is written."""
        layer = images.random_layer("huge", 100)
        node = images.image([layer])
        size = 1 << 50
        document = json.loads(node.data)
        document["layers"][0]["size"] = size
        data = json.dumps(document).encode()
        source = self.scripted("source", {"rules": [{"match": {"method": "HEAD", "path": "/blobs/" + layer.digest, "count": 0},
                                                     "action": {"type": "headers", "set": {"Content-Length": str(size)}}}]},
                               self.seed([("app", "small", node)]))
        source.client.call("PUT", "/v2/app/manifests/huge", body=data, headers={"Content-Type": document["mediaType"]}, want=(201,))
        source.clear_log()
        args = ["--host", source.host_flag(), source.host + "/app:huge"]
        text = self.export(*args, action="plan", status=NO_SPACE)
        self.assert_one_line(text, r"\d+ bytes are needed and \d+ are free there: \d+ bytes short; nothing was written; make room there")
        self.assertRegex(text.out, r"(?m)^space     \S+: needs 1\.1 PB, .* free: \d+ bytes short$")
        space = self.plan("-o", self.work("out"), *args, status=NO_SPACE)["space"][0]
        self.assertGreater(space["needed"], size)
        self.assertGreater(space["needed"], space["free"])
        self.assertEqual(space["path"], self.work("out"))
        self.assert_one_line(self.export(*args, status=NO_SPACE), r"\d+ bytes short; nothing was written")
        self.assertFalse(os.path.exists(self.work("out")))
        self.assertEqual(source.requests("GET", "/blobs/" + layer.digest), [])
        self.new_bundle("--host", source.host_flag(), source.host + "/app:small")

    def small_disk(self, name, size):
        folder = self.work.folder(name)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", folder], capture_output=True, check=False).returncode != 0:
            raise unittest.SkipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        return folder

    def test_a_small_disk(self):
        sample = images.sample_set(1)
        source = self.scripted("source", seed=self.seed(sample))
        disk = self.small_disk("disk", "100k")
        args = ["--state", self.work("state"), "-o", os.path.join(disk, "not", "yet"), "--host", source.host_flag(), *references(source, sample)]
        plan = self.program("regexport", "plan", *args, status=NO_SPACE)
        short = int(re.search(r"(\d+) bytes short; nothing was written", plan.err).group(1))
        self.assertEqual(len(re.findall(r"(?m)^space ", plan.out)), 2, "the state is on another disk")
        self.program("regexport", "create", *args, status=NO_SPACE)
        self.assertEqual(os.listdir(disk), [])
        self.assertEqual(os.listdir(self.work("state", "pending")), [], "nothing is left to be taken up")
        subprocess.run(["mount", "-o", "remount,size=%d" % (100 * 1024 + short + 65536), disk], check=True)
        self.program("regexport", "plan", *args)
        self.program("regexport", "create", *args)

    def test_no_room_for_manifests(self):
        """The state's disk: said before the first manifest is read."""
        sample = few(40)
        source = self.scripted("source", seed=self.seed(sample))
        disk = self.small_disk("disk", "128k")
        args = ["--state", os.path.join(disk, "state"), "-o", self.work("out"), "--host", source.host_flag(), *references(source, sample)]
        result = self.program("regexport", "create", *args, status=NO_SPACE)
        self.assert_one_line(result, r"disk/state: \d+ bytes are needed for manifests", r"\d+ bytes short", r"--state DIR")
        self.assertEqual(source.requests("GET", "/manifests/"), [])
        self.assertFalse(os.path.exists(self.work("out")))


if __name__ == "__main__":
    main()

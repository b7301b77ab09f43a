#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scripts in the section `policy` decide what is carried and what is accepted: the samples as they are, verdicts in plans, bundles, reports and receipts."""
import json
import os

from common import Case, FAILED, GROUND, PARTIAL, USAGE, check_layout, images, main

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "policy")
OLD, NEW = "2025-06-01T00:00:00Z", "2026-02-03T04:05:06Z"


def image(name, created=NEW, user=None, labels=None, layers=(), platform="linux/amd64"):
    """An image that says when it was made, and perhaps for which user."""
    made = images.image([*layers, images.random_layer(name, 2000)], platform=platform)
    config = json.loads(made.blobs[0].data)
    config["created"] = created
    config["config"].update({k: v for k, v in (("User", user), ("Labels", labels)) if v is not None})
    blob = images.Blob(images.to_json(config), made.blobs[0].media_type)
    node = images.Node(dict(made.document, config=blob.descriptor()), made.media_type, [blob] + made.blobs[1:])
    node.platform = made.platform
    return node


class PolicyLua(Case):
    def setUp(self):
        super().setUp()
        self.far = self.work("far")

    def registry(self, triples):
        """A source that the samples know as registry.example."""
        near = self.scripted("near", seed=self.seed(triples))
        return ["--host", "reg=registry.example,hostname=%s,tls=disabled" % near.host]

    def policy(self, script, name="policy.yml", timeout="20s", **more):
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("".join("%s: %s\n" % item for item in more.items()))
            f.write("policy:\n  timeout: %s\n  script: |\n" % timeout + "".join("    %s\n" % line for line in script.splitlines()))
        return path

    def layout(self, triples, name="seed"):
        """References to layouts of these images."""
        root = self.seed(triples, name)
        return ["ocidir://%s:%s=%s:%s" % (os.path.join(root, r), t, r, t) for r, t, _ in triples]

    def to(self):
        return ["--to", "ocidir://" + self.far]

    def refused(self, bundle):
        return {"%s:%s" % (r["repository"], r["tag"]) if r["tag"] else r["digest"]: r["reason"] for r in bundle.doc.get("refused", [])}

    def there(self, triples):
        for repository, tag, node in triples:
            check_layout(os.path.join(self.far, repository), tag, node)

    def tags(self, repository):
        path = os.path.join(self.far, repository, "index.json")
        if not os.path.exists(path):
            return set()
        with open(path, encoding="utf-8") as f:
            return {m.get("annotations", {}).get(images.REF_NAME) for m in json.load(f)["manifests"]}

    # --- the connected side ---

    def test_sample_newer_than(self):
        host = self.registry([("team/app", "old", image("old", OLD)), ("team/app", "new", image("new")),
                              ("team/app", "both", images.index([image("a", OLD), image("b", NEW, platform="linux/arm64")])),
                              ("team/app", "chart", images.helm_chart("chart", "1"))])
        sample = os.path.join(SAMPLES, "newer-than.yml")
        plan = self.program("regexport", "plan", "--state", self.work("state"), "-c", sample, *host)
        self.assertRegex(plan.out, r"refused +team/app:old sha256:\w+ from registry.example/team/app:old by carry: made 2025-06-01T00:00:00Z, before 2026-01-01")
        self.assertIn(", 2 refused", plan.out)
        told = json.loads(self.program("regexport", "plan", "--output", "json", "--state", self.work("state"), "-c", sample, *host).out)
        self.assertEqual([(r["tag"], r["by"]) for r in told["refused"]], [("chart", "policy"), ("old", "policy")])
        bundle = self.new_bundle("-c", sample, *host)
        self.assertEqual(bundle.names("new"), ["team/app:both", "team/app:new"])
        self.assertEqual(self.refused(bundle), {"team/app:chart": "carry: it does not say when it was made",
                                                "team/app:old": "carry: made 2025-06-01T00:00:00Z, before 2026-01-01"})
        again = self.new_bundle("--again", bundle.id[:12], *host, out="again")
        self.assertEqual(again.id, bundle.id)

    def test_sample_signed(self):
        """What refers to an image comes along with it, or stays away with it."""
        whole, half, bare, old_style = (image(n) for n in ("whole", "half", "bare", "old-style"))
        tag, cosign = images.cosign_signature(old_style)
        triples = [("team/app", "whole", whole), ("team/app", "half", half), ("team/app", "bare", bare), ("team/app", "old-style", old_style),
                   ("team/app", None, images.signature(whole)), ("team/app", None, images.sbom(whole)),
                   ("team/app", None, images.signature(half)), ("team/app", tag, cosign), ("team/app", None, images.sbom(old_style))]
        host = self.registry(triples)
        sample = os.path.join(SAMPLES, "signed.yml")
        bundle = self.new_bundle("-c", sample, *host)
        self.assertEqual({(i["tag"], i["digest"]) for i in bundle.images("new")},
                         {("whole", whole.digest), ("old-style", old_style.digest), (tag, cosign.digest), ("", triples[4][2].digest),
                          ("", triples[5][2].digest), ("", triples[8][2].digest)})
        self.assertEqual(self.refused(bundle), {"team/app:half": "carry: no SBOM", "team/app:bare": "carry: no signature",
                                                triples[6][2].digest: "it refers to team/app:half: carry: no SBOM"})
        self.assertNotIn(bare.digest, bundle.blobs)

    def test_refused_later(self):
        """The site keeps what it has under a name that is refused now; the base stays what it was."""
        first, second, other = image("first", labels={"ok": "1"}), image("second"), image("other", labels={"ok": "1"})
        policy = self.policy("function carry(i)\n  return i.labels.ok == '1', 'no label'\nend")
        one = self.new_bundle("-c", policy, *self.layout([("app", "1", first), ("lib", "1", other)]))
        self.assertNotIn("refused", one.doc)
        plain = self.new_bundle(*self.layout([("app", "1", first), ("lib", "1", other)]), state="plain-state", out="plain")
        self.assertEqual(one.id, plain.id, "a policy that lets all through changes no byte")
        two = self.new_bundle("-c", policy, *self.layout([("app", "1", second), ("lib", "1", other)], "seed2"))
        self.assertEqual(self.refused(two), {"app:1": "carry: no label"})
        self.assertEqual([(i["repository"], i["digest"], i["status"]) for i in two.images()],
                         [("app", first.digest, "held"), ("lib", other.digest, "unchanged")])
        self.apply(one, *self.to())
        self.apply(two, *self.to())
        self.there([("app", "1", first), ("lib", "1", other)])

    def test_carry_fails_closed(self):
        triples = [("app", str(n), image("app%d" % n)) for n in range(3)]
        policy = self.policy("function carry(image)\n  if image.tag == '1' then return image.nothing.x end\n  return true\nend")
        result = self.new_bundle("-c", policy, *self.layout(triples), status=PARTIAL)
        self.assertEqual(result.names("new"), ["app:0", "app:2"])
        reason = self.refused(result)["app:1"]
        self.assertRegex(reason, r"carry failed: .*policy.yml:5: attempt to index a nil value \(field 'nothing'\)")
        self.assertIn("the policy failed for 1 image", result.result.err)
        strict = self.export("-c", policy, "--strict", *self.layout(triples, "strict"), state="strict-state", out="strict", status=FAILED)
        self.assertIn("--strict", strict.err)

    def test_broken_script(self):
        """Nothing is read or written."""
        policy = self.policy("function carry(image)\n  return tru e\nend")
        result = self.export("-c", policy, "registry.invalid/app:1", status=USAGE)
        self.assert_one_line(result, "policy.yml:5:")
        self.assertFalse(os.path.exists(self.work("export-state")))
        self.assertEqual(self.bundles(), [])
        nothing = self.policy("x = 1")
        self.assert_one_line(self.export("-c", nothing, "registry.invalid/app:1", status=USAGE), "carry, accept and keep")

    def test_box(self):
        """The function has nothing of the program's."""
        policy = self.policy("function carry(image)\n  assert(not io and not debug and not os.execute and not os.getenv('HOME'))\n"
                             "  print('seen', image.name)\n  return true\nend")
        self.new_bundle("-c", policy, *self.layout([("app", "1", image("app"))]), "-v", "info")

    # --- the disconnected side ---

    def test_sample_no_root(self):
        user, root, number = image("user", user="1000:1000"), image("root"), image("number", user="0:0")
        both = images.index([image("a", user="app"), image("b", user="root", platform="linux/arm64")])
        good = images.index([image("c", user="app"), image("d", user="65534", platform="linux/arm64")])
        triples = [("team/app", t, n) for t, n in (("user", user), ("root", root), ("number", number), ("both", both), ("good", good))]
        host = self.registry(triples)
        sample = os.path.join(SAMPLES, "no-root.yml")
        bundle = self.new_bundle("-c", sample, *host)
        self.assertEqual(len(bundle.names("new")), 5, "there is no carry() in it")
        plan = self.importer("plan", "-c", sample, *self.to(), bundle.path, status=PARTIAL)
        self.assertIn("refused   team/app:both here, by accept: runs as root on linux/arm64\n", plan.out)
        self.assertFalse(os.path.exists(self.far))
        receipt = self.work("receipt.json")
        done = self.apply(bundle, "-c", sample, *self.to(), "--receipt", receipt, "--output", "json", status=PARTIAL)
        refused = {r["image"]: (r["by"], r["reason"]) for r in json.loads(done.out)["refused"]}
        self.assertEqual(refused, {"team/app:root": ("policy", "accept: runs as root on linux/amd64"),
                                   "team/app:number": ("policy", "accept: runs as root on linux/amd64"),
                                   "team/app:both": ("policy", "accept: runs as root on linux/arm64")})
        self.assertEqual(self.tags("team/app"), {"user", "good"})
        self.there([("team/app", "user", user), ("team/app", "good", good)])
        with open(receipt, encoding="utf-8") as f:
            told = {i["tag"]: (i["result"], i.get("by")) for i in json.load(f)["images"]}
        self.assertEqual(told, {"user": ("present", None), "good": ("present", None), "root": ("refused", "policy"),
                                "number": ("refused", "policy"), "both": ("refused", "policy")})
        for blob in (root.digest, root.blobs[1].digest, both.children[0].blobs[1].digest):
            self.assertFalse(os.path.exists(os.path.join(self.far, "team/app/blobs", blob.replace(":", "/"))), "not needed")

    ROOT = "function accept(i)\n  return i.labels.ok == '1', 'no label'\nend"

    def test_no_missing_ground_now_or_later(self):
        base = images.random_layer("base", 9000)
        bad, good = image("bad", layers=[base]), image("good", layers=[base], labels={"ok": "1"})
        alone = image("alone")
        third = image("third", layers=[base], labels={"ok": "1"})
        first = [("app", "bad", bad), ("lib", "good", good), ("alone", "1", alone)]
        policy = self.policy(self.ROOT)
        one = self.new_bundle(*self.layout(first))
        two = self.new_bundle(*self.layout(first + [("lib", "third", third)], "seed2"))
        self.assertIn(base.digest, two.assumed)
        for stream in ([], ["--stream"]):
            self.far = self.work("far" + "".join(stream))
            state = "state" + "".join(stream)
            receipt = self.work(state + ".json")
            self.apply(one, "-c", policy, *self.to(), *stream, state=state, status=PARTIAL)
            self.there([("lib", "good", good)])
            self.assertFalse(os.path.exists(os.path.join(self.far, "alone")), "nothing is to go there")
            again = self.apply(two, "-c", policy, *self.to(), "--receipt", receipt, *stream, state=state, status=PARTIAL)
            self.assertIn("refused   app:bad here, by accept: no label (earlier; the image is not here)\n", again.out)
            self.assertIn("regexport record of the receipt and create --base confirmed carries them again", again.err)
            self.there([("lib", "good", good), ("lib", "third", third)])
            # also where nobody asks any more
            self.assertIn("refused   app:bad here, by accept: no label (earlier; the image is not here)\n",
                          self.apply(two, *self.to(), state=state, status=PARTIAL).out)
        # nothing is remembered: then it is missing
        self.apply(two, "-c", policy, *self.to(), state="fresh", status=GROUND)
        # what was refused is carried again where the receipt says so, and taken when the policy has changed
        self.export(receipt, action="record")
        three = self.new_bundle(*self.layout(first + [("lib", "third", third)], "seed3"), "--base", "confirmed")
        self.assertEqual(three.names("new"), ["alone:1", "app:bad"])
        self.assertIn(base.digest, three.assumed)
        self.apply(three, "-c", self.policy("function accept()\n  return true\nend", "lax.yml"), *self.to(), state=state)
        self.there([("app", "bad", bad), ("alone", "1", alone), ("lib", "good", good)])

    def test_blobs_of_a_refused_image(self):
        """What an accepted image shares with a refused one of an earlier bundle is missing, is asked for, and comes."""
        shared = images.random_layer("shared", 5000)
        bad, good = image("bad", layers=[shared]), image("good", layers=[shared], labels={"ok": "1"})
        policy = self.policy(self.ROOT)
        one = self.new_bundle(*self.layout([("app", "1", bad)]))
        two = self.new_bundle(*self.layout([("app", "1", bad), ("app", "2", good)], "seed2"))
        self.apply(one, "-c", policy, *self.to(), status=PARTIAL)
        missing = self.apply(two, "-c", policy, *self.to(), status=GROUND)
        self.assertNotIn("missing   for app:1", missing.out)
        path = self.work("request.json")
        self.importer("request", "-c", policy, *self.to(), "-o", path, two.path)
        with open(path, encoding="utf-8") as f:
            told = json.load(f)
        self.assertEqual({m["missing"] for m in told["missing"]}, {shared.digest})
        self.assertEqual([(r["tag"], r["reason"]) for r in told["refused"]], [("1", "accept: no label (earlier; the image is not here)")])
        repair = self.new_bundle("--request", path)
        self.apply(repair, "-c", policy, *self.to())
        self.apply(two, "-c", policy, *self.to(), status=PARTIAL)
        self.there([("app", "2", good)])
        self.assertEqual(self.tags("app") - {None}, {"2"})

    def test_unchanged_is_read_at_the_destination(self):
        bad, good, new = image("bad"), image("good", labels={"ok": "1"}), image("new", labels={"ok": "1"})
        far = self.docker_registry("far")
        to = ["--host", far.host_flag(), "--to", far.host + "/plant"]
        one = self.new_bundle(*self.layout([("app", "1", bad), ("app", "2", good)]))
        two = self.new_bundle(*self.layout([("app", "1", bad), ("app", "2", good), ("app", "3", new)], "seed2"))
        self.apply(one, *to)
        policy = self.policy(self.ROOT)
        done = self.apply(two, "-c", policy, *to, status=PARTIAL)
        self.assertIn("refused   app:1 here, by accept: no label\n", done.out)
        for tag, node in (("1", bad), ("2", good), ("3", new)):
            self.assertEqual(images.digest_of(far.client.manifest("plant/app", tag)[2]), node.digest, "its tag is left alone")

    def test_referrers_of_the_refused(self):
        """They stay away with their image, on the far side too."""
        app, other = image("app"), image("other", labels={"ok": "1"})
        triples = [("app", "1", app), ("app", None, images.sbom(app)), ("app", "2", other), ("app", None, images.sbom(other))]
        near = self.scripted("near", seed=self.seed(triples))
        bundle = self.new_bundle("--host", near.host_flag(), "--referrers", near.host + "/app:1=app:1", near.host + "/app:2=app:2")
        policy = self.policy("function accept(image)\n  return image.labels.ok == '1' and #image.referrers == 1, 'no label'\nend")
        done = self.apply(bundle, "-c", policy, *self.to(), status=PARTIAL)
        self.assertIn("refused   app@%s here, by it refers to app:1: accept: no label\n" % triples[1][2].digest, done.out)
        self.there([("app", "2", other)])
        self.assertFalse(os.path.exists(os.path.join(self.far, "app/blobs", triples[1][2].digest.replace(":", "/"))))
        self.assertTrue(os.path.exists(os.path.join(self.far, "app/blobs", triples[3][2].digest.replace(":", "/"))))

    def test_accept_fails_closed(self):
        good, bad = image("good"), image("bad")
        bundle = self.new_bundle(*self.layout([("app", "1", good), ("app", "2", bad)]))
        policy = self.policy("function accept(image)\n  if image.tag == '2' then while true do end end\n  return true\nend", timeout="2s")
        done = self.apply(bundle, "-c", policy, *self.to(), status=PARTIAL)
        self.assertRegex(done.out, "refused   app:2 here, by accept failed: .*timeout")
        self.there([("app", "1", good)])
        self.assertEqual(self.tags("app"), {"1"})
        broken = self.policy("function accept(", "broken.yml")
        self.far = self.work("elsewhere")
        self.assert_one_line(self.apply(bundle, "-c", broken, *self.to(), state="other", status=USAGE), r"broken.yml:5: ")
        self.assertFalse(os.path.exists(self.far) or os.path.exists(self.work("other")))

    def test_both_sides(self):
        """The bundle says what the connected side refused, and the far side shows both."""
        near, both, far = image("near"), image("both", labels={"near": "1", "far": "1"}), image("far", labels={"near": "1"})
        policy = self.policy("function carry(i)\n  return i.labels.near == '1', 'not near'\nend\n"
                             "function accept(i)\n  return i.labels.far == '1', 'not far'\nend")
        bundle = self.new_bundle("-c", policy, *self.layout([("app", "near", near), ("app", "both", both), ("app", "far", far)]))
        shown = self.program("regimport", "inspect", bundle.path).out
        self.assertIn("refused   app:near on the connected side, by carry: not near\n", shown)
        done = self.apply(bundle, "-c", policy, *self.to(), status=PARTIAL)
        self.assertIn("refused   app:near on the connected side, by carry: not near\n", done.out)
        self.assertIn("refused   app:far here, by accept: not far\n", done.out)
        self.assertEqual(self.tags("app"), {"both"})

    # --- retention ---

    def fates(self, result):
        return {i["tag"]: (i["fate"], i["reason"]) for i in json.loads(result.out)["images"]}

    def test_sample_keep_label(self):
        marked, plain, stays = image("marked", labels={"io.example.keep": "true"}), image("plain"), image("stays")
        host = self.registry([("team/app", "1.0", marked), ("team/app", "1.1", plain), ("team/app", "2.0", stays)])
        sample = os.path.join(SAMPLES, "keep-label.yml")
        with open(sample, encoding="utf-8") as f:
            everything = f.read().replace("tags:", "x-tags:").replace("keep(", "no_keep(").replace("function no_keep", "function carry() return true end function no_keep")
        with open(self.work("all.yml"), "w", encoding="utf-8") as f:
            f.write(everything)
        one = self.new_bundle("-c", self.work("all.yml"), *host)
        self.assertEqual(len(one.names("new")), 3)
        self.apply(one, *self.to())
        two = self.new_bundle("-c", sample, *host)
        self.assertEqual([(c["tag"], c["rule"].split("; ")[-1]) for c in two.doc["candidates"]], [("1.1", "keep: no label io.example.keep")])
        self.apply(two, *self.to())
        done = self.importer_prune("-c", sample)
        self.assertEqual({t: f[0] for t, f in self.fates(done).items()}, {"1.1": "letGo"})
        self.assertEqual(self.tags("team/app") - {None}, {"1.0", "2.0"})

    def importer_prune(self, *args, **how):
        return self.program("regimport", "prune", "--state", self.work("import-state"), *self.to(), *args, "--output", "json", **how)

    def test_keep_of_the_far_side(self):
        """Both sides have to let go; what keep() fails on stays."""
        marked, plain, odd, stays = image("marked", labels={"keep": "1"}), image("plain"), image("odd"), image("stays")
        near = self.policy("function carry()\n  return true\nend", retain="{graceTime: 0s, rules: [{keepNone: true}]}")
        triples = [("app", "marked", marked), ("app", "plain", plain), ("app", "odd", odd), ("app", "stays", stays)]
        self.apply(self.new_bundle("-c", near, *self.layout(triples)), *self.to())
        two = self.new_bundle("-c", near, *self.layout(triples[3:], "seed2"))
        self.assertEqual([c["tag"] for c in two.doc["candidates"]], ["marked", "odd", "plain"])
        self.apply(two, *self.to())
        far = self.policy("function keep(image)\n  if image.tag == 'odd' then error('odd') end\n"
                          "  return image.labels.keep == '1', 'not marked'\nend", "far.yml")
        fates = self.fates(self.importer_prune("-c", far))
        self.assertEqual(fates["marked"], ("kept", "this side: keep"))
        self.assertRegex(fates["odd"][1], "this side: keep failed: .*far.yml:5: odd")
        self.assertEqual(fates["odd"][0], "kept")
        self.assertIn("this side: keep: not marked", fates["plain"][1])
        self.assertEqual(self.tags("app") - {None}, {"marked", "odd", "stays"})


if __name__ == "__main__":
    main()

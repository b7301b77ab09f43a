#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scripts in the section `policy` decide what is carried and what is accepted: the samples as they are, verdicts in plans, bundles, reports and receipts."""
import json
import os

from common import Case, DONE, FAILED, GROUND, PARTIAL, USAGE, check_layout, images, main

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

    def policy(self, script, name="policy.yml", **more):
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("".join("%s: %s\n" % item for item in more.items()))
            f.write("policy:\n  timeout: 500ms\n  script: |\n" + "".join("    %s\n" % line for line in script.splitlines()))
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
        self.assertIn("the policy failed for 1 images", result.result.err)
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


if __name__ == "__main__":
    main()

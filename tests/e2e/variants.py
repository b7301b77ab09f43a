#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sparse and pruned indexes, platform selection, referrers, digest tags, artifacts."""
import json
import os

from common import Case, DONE, PARTIAL, FAILED, check_all, check_image, check_layout, harness, images, main, references, tagged


def multi_image(version=1):
    parts = [images.image([images.random_layer("%s-%d" % (p, version), 9000)], platform=p)
             for p in ("linux/amd64", "linux/arm64/v8", "linux/s390x")]
    return images.index(parts), parts


class Platforms(Case):
    def setUp(self):
        super().setUp()
        self.index, self.parts = multi_image()
        self.sample = [("multi/app", "1", self.index)]
        self.source = self.docker_registry("source")
        images.push_all(self.source.client, self.sample)
        self.args = ["--host", self.source.host_flag(), "--platform", "linux/amd64", self.source.host + "/multi/app:1"]

    def only_amd64(self, bundle):
        amd = self.parts[0]
        carried = set(bundle.carried)
        self.assertLessEqual(set(amd.content()), carried)
        for other in self.parts[1:]:
            self.assertFalse(set(other.all_blobs()) & carried, "nothing of other platforms is carried")
        return amd

    def test_keep_on_a_layout_and_a_registry_that_takes_it(self):
        bundle = self.new_bundle(*self.args)
        amd = self.only_amd64(bundle)
        self.assertEqual(bundle.images()[0]["digest"], self.index.digest, "the index keeps its bytes")
        far = self.work("far")
        self.apply(bundle, "--to", "ocidir://" + far)
        with open(os.path.join(far, "multi/app/index.json"), encoding="utf-8") as f:
            self.assertEqual(json.load(f)["manifests"][0]["digest"], self.index.digest)
        for digest, data in amd.content().items():
            with open(os.path.join(far, "multi/app/blobs", *digest.split(":")), "rb") as f:
                self.assertEqual(f.read(), data)
        scripted = self.scripted("far-registry")
        self.apply(bundle, "--host", scripted.host_flag(), "--to", scripted.host, state="second-state")
        self.assertEqual(scripted.state()["tags"]["multi/app"]["1"], self.index.digest)
        check_image(scripted.client, "multi/app", amd.digest, amd)

    def test_keep_where_it_is_refused(self):
        """Reported for the image, with the next step; its tag stays, other images arrive."""
        other = images.image([images.random_layer("other", 3000)])
        images.push(self.source.client, "other/app", "1", other)
        bundle = self.new_bundle(*self.args, self.source.host + "/other/app:1")
        far = self.docker_registry("far")
        older, _ = multi_image(0)
        images.push(far.client, "multi/app", "1", older)
        result = self.apply(bundle, "--host", far.host_flag(), "--to", far.host, status=PARTIAL)
        self.assertIn("multi/app:1", result.err + result.out)
        self.assertIn("--sparse prune", result.err + result.out, "the next step is named")
        check_image(far.client, "multi/app", "1", older)
        check_image(far.client, "other/app", "1", other)

    def test_prune(self):
        bundle = self.new_bundle(*self.args, "--sparse", "prune")
        amd = self.only_amd64(bundle)
        image = bundle.images()[0]
        self.assertNotEqual(image["digest"], self.index.digest)
        far = self.docker_registry("far")
        self.apply(bundle, "--host", far.host_flag(), "--to", far.host)
        digest, media_type, data = far.client.manifest("multi/app", "1")
        self.assertEqual((digest, media_type), (image["digest"], self.index.media_type))
        pruned = json.loads(data)
        self.assertEqual([m["digest"] for m in pruned["manifests"]], [amd.digest])
        self.assertEqual(pruned["manifests"][0], self.index.document["manifests"][0], "the child's entry is unchanged")
        self.assertIn(self.index.digest, data.decode(), "the old digest stands as an annotation")
        check_image(far.client, "multi/app", amd.digest, amd)

    def test_plan_shows_the_pruned_digest(self):
        result = self.export(*self.args, "--sparse", "prune", action="plan")
        bundle = self.new_bundle(*self.args, "--sparse", "prune")
        self.assertIn(bundle.images()[0]["digest"], result.out)
        self.assertIn(self.index.digest, result.out)

    def test_platform_that_is_not_there(self):
        result = self.export("--host", self.source.host_flag(), "--platform", "linux/riscv64", self.source.host + "/multi/app:1",
                             status=(FAILED, PARTIAL))
        self.assertIn("riscv64", result.err)

    def test_two_platforms(self):
        bundle = self.new_bundle(*self.args, "--platform", "linux/arm64")
        self.assertLessEqual(set(self.parts[0].content()) | set(self.parts[1].content()), set(bundle.carried))
        self.assertFalse(set(self.parts[2].all_blobs()) & set(bundle.carried))


class Referrers(Case):
    def sources(self):
        sample = images.sample_set(1)
        with_api = self.scripted("with-api", seed=self.seed(sample, "api-seed"))
        fallback = self.docker_registry("fallback")
        images.push_all(fallback.client, sample)
        layouts = self.seed(sample, "layouts")
        return sample, with_api, fallback, layouts

    def test_both_ways(self):
        """From a registry with the referrers API and from one without, to both kinds."""
        sample, with_api, fallback, _ = self.sources()
        signature, bill = sample[6][2], sample[7][2]
        subject, app = sample[3][2], sample[1][2]
        for source in (with_api, fallback):
            name = "api" if source is with_api else "fallback"
            bundle = self.new_bundle("--host", source.host_flag(), "--referrers", source.host + "/sample/multi:v1", source.host + "/sample/app:v1",
                                     state=name + "-state", out=name + "-out")
            digests = {i["digest"] for i in bundle.images()}
            self.assertLessEqual({signature.digest, bill.digest}, digests, name)
            self.assertLessEqual(set(signature.content()) | set(bill.content()), set(bundle.carried))
            far_api, far_old = self.scripted("far-" + name), self.docker_registry("far-old-" + name)
            for i, far in enumerate((far_api, far_old)):
                self.apply(bundle, "--host", far.host_flag(), "--to", far.host, state="%s-%d" % (name, i))
                check_image(far.client, "sample/multi", signature.digest, signature)
                check_image(far.client, "sample/app", bill.digest, bill)
            _, _, body = far_api.client.call("GET", "/v2/sample/multi/referrers/" + subject.digest)
            self.assertEqual([m["digest"] for m in json.loads(body)["manifests"]], [signature.digest])
            for repository, about, what in (("sample/multi", subject, signature), ("sample/app", app, bill)):
                found = far_old.client.manifest(repository, about.digest.replace(":", "-"))
                self.assertIsNotNone(found, "the fallback tag is kept where there is no referrers API")
                entries = json.loads(found[2])["manifests"]
                self.assertEqual([e["digest"] for e in entries], [what.digest])
                self.assertEqual(entries[0].get("artifactType"), what.document["artifactType"])

    def test_not_without_being_asked(self):
        sample, with_api, _, _ = self.sources()
        bundle = self.new_bundle("--host", with_api.host_flag(), with_api.host + "/sample/multi:v1")
        self.assertNotIn(sample[6][2].digest, bundle.blobs)
        self.assertEqual(with_api.requests(path="/referrers/"), [])

    def test_layout(self):
        sample, _, _, layouts = self.sources()
        bundle = self.new_bundle("--referrers", "ocidir://%s/sample/multi:v1=sample/multi:v1" % layouts)
        far = self.work("far")
        self.apply(bundle, "--to", "ocidir://" + far)
        check_layout(os.path.join(far, "sample/multi"), "v1", sample[3][2])
        path = os.path.join(far, "sample/multi/blobs", *sample[6][2].digest.split(":"))
        with open(path, "rb") as f:
            self.assertEqual(f.read(), sample[6][2].data)

    def test_digest_tags(self):
        sample = images.sample_set(1)
        source, far = self.docker_registry("source"), self.docker_registry("far")
        images.push_all(source.client, sample)
        bundle = self.new_bundle("--host", source.host_flag(), "--digest-tags", source.host + "/sample/app:v1")
        tag, signature = sample[8][1], sample[8][2]
        self.assertIn("sample/app:" + tag, bundle.names("new"))
        self.apply(bundle, "--host", far.host_flag(), "--to", far.host)
        check_all(far.client, [("sample/app", tag, signature)])

    def test_new_signature_on_an_unchanged_image(self):
        sample = images.sample_set(1)
        source, far = self.docker_registry("source"), self.docker_registry("far")
        images.push_all(source.client, sample)
        refs = ["--host", source.host_flag(), "--referrers", source.host + "/sample/multi:v1"]
        to = ["--host", far.host_flag(), "--to", far.host]
        self.apply(self.new_bundle(*refs), *to)
        late = images.signature(sample[3][2], "second key")
        images.push(source.client, "sample/multi", None, late)
        more = self.new_bundle(*refs)
        self.assertEqual(set(more.carried), set(late.content()) - set(sample[6][2].content()))
        self.apply(more, *to)
        entries = json.loads(far.client.manifest("sample/multi", sample[3][2].digest.replace(":", "-"))[2])["manifests"]
        self.assertEqual({e["digest"] for e in entries}, {late.digest, sample[6][2].digest})

    def test_a_ring_of_referrers_ends(self):
        """Referrers of referrers that are many, and pages that name themselves, come to an end."""
        base = images.image([images.random_layer("ring", 1000)])
        chain, last = [], base
        for i in range(30):
            last = images.signature(last, i)
            chain.append(("ring/app", None, last))
        source = self.scripted("source", seed=self.seed([("ring/app", "1", base)] + chain))
        self.export("--host", source.host_flag(), "--referrers", source.host + "/ring/app:1", status=(DONE, PARTIAL), timeout=30)
        loop = self.scripted("loop", {"rules": [{"match": {"path": "/referrers/", "count": 0}, "action": {
            "type": "headers", "set": {"Link": "</v2/ring/app/referrers/%s?again=1>; rel=\"next\"" % base.digest}}}]}, seed=self.seed([("ring/app", "1", base)], "loop-seed"))
        self.export("--host", loop.host_flag(), "--referrers", loop.host + "/ring/app:1", state="loop", out="loop-out", status=(FAILED, PARTIAL), timeout=30)
        self.assertLess(len(loop.requests(path="/referrers/")), 20)


class Nested(Case):
    def test_nested_index_and_large_algorithm(self):
        inner, _ = multi_image(3)
        outer = images.index([inner, images.image([images.random_layer("flat", 2000)])])
        sample = [("nested/app", "1", outer)]
        source = self.scripted("source", seed=self.seed(sample))
        far = self.scripted("far")
        self.apply(self.new_bundle("--host", source.host_flag(), *references(source, sample)), "--host", far.host_flag(), "--to", far.host)
        check_all(far.client, sample)

    def test_order_of_writes(self):
        """Blobs before the manifests that name them, children before parents, tags last of all."""
        sample = images.sample_set(1)
        source = self.scripted("source", seed=self.seed(sample))
        bundle = self.new_bundle("--host", source.host_flag(), *references(source, sample))
        far = self.scripted("far", "sparse-refused")
        self.apply(bundle, "--host", far.host_flag(), "--to", far.host)
        puts = [l["path"].rsplit("/", 1)[-1] for l in far.requests("PUT", "/manifests/")]
        by_tag = [i for i, p in enumerate(puts) if not p.startswith("sha256:")]
        by_digest = [i for i, p in enumerate(puts) if p.startswith("sha256:")]
        self.assertTrue(by_tag and by_digest and min(by_tag) > max(by_digest), puts)
        uploads = [l["time"] for l in far.requests("PUT", "/blobs/uploads/")]
        tags = [l["time"] for l in far.requests("PUT", "/manifests/") if "sha256:" not in l["path"]]
        self.assertLess(max(uploads), min(tags))
        check_all(far.client, tagged(sample))
        # read back by digest and by tag
        for repository, tag, node in tagged(sample):
            for reference in (tag, node.digest):
                self.assertTrue(far.requests("GET", "/v2/%s/manifests/%s$" % (repository, reference)), "%s:%s is read back" % (repository, reference))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is no image - a CNAB bundle, a Helm chart - on every way there is, and back: the same bytes under the same digests at each station."""
import json

from common import Case, check_all, images, main
from harness import check_layout, closure, tool


def sample():
    parts = [images.image([images.random_layer("cnab-%d" % i, 3_000)], platform=p) for i, p in enumerate(("linux/amd64", "linux/arm64"))]
    chart = images.helm_chart("shop", "0.1.0")
    return [("team/bundle", "1.0.0", images.cnab(parts)), ("charts/shop", "0.1.0", chart), ("charts/shop", None, images.signature(chart))]


class Artifacts(Case):
    def setUp(self):
        super().setUp()
        self.sample = sample()
        self.tagged = [t for t in self.sample if t[1]]
        self.near, self.far = self.docker_registry("near"), self.docker_registry("far")
        images.push_all(self.near.client, self.sample, workers=1)
        self.hosts = [w for r in (self.near, self.far) for w in ("--host", r.host_flag())]

    def regctl(self, *args, **how):
        return self.program("regctl", *self.hosts, *args, **how)

    def digest_is(self, ref, node):
        self.assertEqual(self.regctl("image", "digest", ref).out.strip(), node.digest, ref)

    def test_they_are_what_they_seem(self):
        """An index without platforms of its own beside images, and a manifest whose config is no image's."""
        bundle, chart = self.sample[0][2], self.sample[1][2]
        self.assertIn("io.cnab.runtime_version", json.dumps(bundle.document))
        self.assertEqual(chart.document["config"]["mediaType"], "application/vnd.cncf.helm.config.v1+json")
        got = self.regctl("manifest", "get", self.near.host + "/charts/shop:0.1.0", "--format", "{{.Config.MediaType}}").out
        self.assertEqual(got, chart.document["config"]["mediaType"])

    def test_registry_layout_tar_registry(self):
        for repository, tag, node in self.tagged:
            name = repository.replace("/", "-")
            layout, second, path = "ocidir://%s:%s" % (self.work(name), tag), "ocidir://%s:x" % self.work(name + "-2"), self.work(name + ".tar")
            self.regctl("image", "copy", "%s/%s:%s" % (self.near.host, repository, tag), layout)
            self.digest_is(layout, node)
            check_layout(self.work(name), tag, node)
            self.regctl("image", "export", layout, path)
            self.regctl("image", "import", second, path)
            self.digest_is(second, node)
            self.regctl("image", "import", "%s/%s:%s" % (self.far.host, repository, tag), path)
            self.digest_is("%s/%s:%s" % (self.far.host, repository, tag), node)
            self.regctl("image", "copy", second, "%s/back/%s:%s" % (self.far.host, repository, tag))
        check_all(self.far.client, self.tagged + [("back/" + r, t, n) for r, t, n in self.tagged])

    def test_tar_from_registry_packed(self):
        """Straight out of a registry, through gzip."""
        for repository, tag, node in self.tagged:
            path = self.work(repository.replace("/", "-") + ".tgz")
            self.regctl("image", "export", "--compress", "%s/%s:%s" % (self.near.host, repository, tag), path)
            self.regctl("image", "import", "%s/%s:%s" % (self.far.host, repository, tag), path)
        check_all(self.far.client, self.tagged)

    def test_export_and_import(self):
        """Over the gap in a bundle, with referrers, and by regctl out of what came."""
        refs = ["%s/%s:%s" % (self.near.host, r, t) for r, t, _ in self.tagged]
        bundle = self.new_bundle(*self.hosts[:2], "--referrers", *refs)
        self.apply(bundle, *self.hosts[2:], "--to", self.far.host)
        check_all(self.far.client, self.tagged)
        for repository, tag, node in self.tagged:
            target = "ocidir://%s:%s" % (self.work("out", repository), tag)
            self.regctl("image", "copy", "--referrers", "%s/%s:%s" % (self.far.host, repository, tag), target)
            self.digest_is(target, node)
            check_layout(self.work("out", repository), tag, node)
            # The file itself is a place as well.
            self.digest_is("ocifile://%s:%s:%s" % (bundle.path, repository, tag), node)
            self.regctl("image", "copy", "ocifile://%s:%s:%s" % (bundle.path, repository, tag), "%s/again/%s:%s" % (self.far.host, repository, tag))
        check_all(self.far.client, [("again/" + r, t, n) for r, t, n in self.tagged])
        signature = self.sample[2][2]
        self.assertTrue(closure(self.far.client, "charts/shop", signature.digest))
        self.assertIn(signature.digest.replace(":", "/"), tool("find", self.work("out", "charts", "shop", "blobs"), "-type", "f"))

    def test_repositories(self):
        """repo copy carries them as it does images."""
        for repository in ("team/bundle", "charts/shop"):
            self.regctl("repo", "copy", "%s/%s" % (self.near.host, repository), "%s/%s" % (self.far.host, repository))
        check_all(self.far.client, self.tagged)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What regctl's file says of a registry is kept to: mirrors, prefixes, logins, limits. Each test fails where its setting is passed over."""
import base64
import json
import re
import urllib.parse

from common import Case, images, main
from scripted_registry import load_profile

IMAGE = images.image([images.random_layer("settings-%d" % i, 30_000) for i in range(6)])
OTHER = images.image([images.random_layer("other", 1_000)])
LOGIN = {"user": "carrier", "pass": "canary-secret-1"}


def slow(ms, path="/blobs/sha"):
    """Answers to GETs come late."""
    return {"rules": [{"match": {"method": "GET", "path": path, "count": 0}, "action": {"type": "delay", "ms": ms}}]}


def failing(*statuses):
    return {"rules": [{"match": {"method": ["GET", "HEAD"], "path": "^/v2/.+", "nth": i + 1}, "action": {"type": "status", "status": s}}
                      for i, s in enumerate(statuses)]}


class Settings(Case):
    def setUp(self):
        super().setUp()
        self.hosts = {}

    def place(self, name, profile=None, triples=(("team/app", "v1", IMAGE),), **settings):
        registry = self.scripted(name, profile, self.seed(list(triples), name + "-seed") if triples else None)
        self.hosts[registry.host] = {"tls": "disabled", "hostname": registry.host, **settings}
        return registry

    def regctl(self, *args, **how):
        with open(self.work("config.json"), "w", encoding="utf-8") as f:
            json.dump({"hosts": self.hosts}, f)
        return self.program("regctl", *args, env={**self.env, "REGCTL_CONFIG": self.work("config.json")}, **how)

    def asked(self, *registries):
        """Numbers of requests since the last look."""
        found = [len(r.requests()) for r in registries]
        for registry in registries:
            registry.clear_log()
        return found

    # --- mirrors ---

    def mirrored(self, upstream=5, low=1, high=9, low_profile=None, where=("upstream", "low", "high")):
        content = lambda name: [("team/app", "v1", IMAGE)] if name in where else [("some/other", "v1", OTHER)]  # noqa: E731
        self.low = self.place("low", low_profile, content("low"), priority=low)
        self.high = self.place("high", None, content("high"), priority=high)
        self.up = self.place("upstream", None, content("upstream"), priority=upstream, mirrors=[self.high.host, self.low.host])
        self.ref = self.up.host + "/team/app:v1"

    def digest_by(self, *wanted):
        self.assertEqual(self.regctl("image", "digest", self.ref).out.strip(), IMAGE.digest)
        self.assertEqual(self.asked(self.low, self.up, self.high), list(wanted))

    def test_the_lowest_number_is_asked_first(self):
        self.mirrored()
        self.digest_by(1, 0, 0)

    def test_upstream_may_come_between(self):
        self.mirrored(where=("upstream", "high"))
        self.digest_by(1, 1, 0)

    def test_the_last_one_has_it(self):
        self.mirrored(where=("high",))
        self.digest_by(1, 1, 1)

    def test_upstream_is_last_of_equals(self):
        self.mirrored(upstream=0, low=0, high=0)
        self.regctl("image", "digest", self.ref)
        self.assertEqual(self.asked(self.up), [0])

    def test_a_mirror_that_fails(self):
        for status in (401, 403, 404, 429, 500, 503):
            with self.subTest(status):
                self.mirrored(low_profile=failing(*[status] * 50))
                self.assertEqual(self.regctl("image", "digest", self.ref).out.strip(), IMAGE.digest)
                self.assertEqual(self.asked(self.up, self.high), [1, 0])

    def test_a_whole_image_through_mirrors(self):
        """The one that has the manifest lacks a blob: that is had elsewhere."""
        half = {"rules": [{"match": {"path": "/blobs/", "count": 0}, "action": {"type": "status", "status": 404}}]}
        self.mirrored(low_profile=half)
        self.regctl("image", "copy", self.ref, "ocidir://" + self.work("copy"))
        low, up, high = self.asked(self.low, self.up, self.high)
        self.assertEqual((low, up, high), (8, 7, 0))

    def test_what_changes_something_passes_mirrors_by(self):
        """Nothing is deleted, written or looked up for that at a mirror, whatever it holds."""
        self.mirrored()
        images.write_layout(self.work.folder("src"), [("v1", OTHER)])
        layout, up, none = "ocidir://" + self.work("src"), self.up.host, "sha256:" + "0" * 64
        app = up + "/team/app"
        for step in (["index", "create", app + ":i", "--digest", IMAGE.digest], ["index", "add", app + ":i", "--digest", IMAGE.digest],
                     ["index", "delete", app + ":i", "--digest", IMAGE.digest], ["image", "create", app + ":empty"], ["image", "copy", layout + ":v1", up + "/team/new:v1"],
                     ["repo", "copy", "--new-tags", layout, up + "/team/new2"], ["repo", "ls", up], ["tag", "delete", "--ignore-missing", app + ":none"],
                     ["manifest", "delete", "--ignore-missing", app + "@" + none], ["image", "delete", "--force-tag-dereference", app + ":empty"],
                     ["tag", "delete", self.ref], ["manifest", "delete", "--referrers", app + "@" + IMAGE.digest]):
            with self.subTest(" ".join(step)):
                self.regctl(*step)
                low, direct, high = self.asked(self.low, self.up, self.high)
                self.assertEqual((low, high), (0, 0))
                self.assertGreater(direct, 0)
        # Gone upstream means gone there, and only there.
        self.assertEqual(set(self.up.state()["tags"]["team/app"]), {"i"})
        self.assertEqual(self.low.state()["tags"]["team/app"]["v1"], IMAGE.digest)

    # --- addresses and logins ---

    def test_path_prefix(self):
        registry = self.place("registry", None, [("cache/hub/team/app", "v1", IMAGE), ("team/app", "v1", OTHER)], pathPrefix="cache/hub")
        self.assertEqual(self.regctl("image", "digest", registry.host + "/team/app:v1").out.strip(), IMAGE.digest)
        self.assertEqual(self.regctl("tag", "ls", registry.host + "/team/app").out, "v1\n")
        self.regctl("image", "copy", registry.host + "/team/app:v1", registry.host + "/team/more:v2")
        self.regctl("tag", "delete", registry.host + "/team/app:v1")
        paths = [l["path"] for l in registry.requests() if l["path"] != "/v2/"]
        self.assertEqual([p for p in paths if not p.startswith("/v2/cache/hub/")], [])
        self.assertEqual([f for p in paths for f in re.findall(r"from=([^&]*)", urllib.parse.unquote(p)) if f != "cache/hub/team/app"], [])
        tags = registry.state()["tags"]
        self.assertEqual(tags["cache/hub/team/more"], {"v2": IMAGE.digest})
        self.assertEqual(tags["team/app"], {"v1": OTHER.digest})
        registry.clear_log()
        self.assertIn("cache/hub/team/more", self.regctl("repo", "ls", registry.host).out.split())
        self.assertRegex(registry.requests()[0]["path"], "^/v2/_catalog")

    def test_hub_by_its_names(self):
        """Docker's hub, wherever it is: the name's aliases, the missing library/, and the login that Docker files under an address."""
        hub = self.place("hub", "basic", [("library/alpine", "3", IMAGE)])
        options = load_profile("basic")["options"]["auth"]
        self.hosts = {"docker.io": {"tls": "disabled", "hostname": hub.host}}
        folder = self.work.folder("docker")
        auth = base64.b64encode(("%s:%s" % (options["user"], options["pass"])).encode()).decode()
        with open(self.work("docker", "config.json"), "w", encoding="utf-8") as f:
            json.dump({"auths": {"https://index.docker.io/v1/": {"auth": auth}}}, f)
        self.env["DOCKER_CONFIG"] = folder
        for name in ("alpine:3", "docker.io/alpine:3", "index.docker.io/library/alpine:3", "registry-1.docker.io/library/alpine:3"):
            with self.subTest(name):
                self.assertEqual(self.regctl("image", "digest", name).out.strip(), IMAGE.digest)
        self.assertEqual({l["path"] for l in hub.requests(path="/manifests/")}, {"/v2/library/alpine/manifests/3"})

    def test_one_login_per_repository(self):
        """With repoAuth each repository is asked what it wants first, and gets a token of its own."""
        triples = [("a/one", "v1", IMAGE), ("b/two", "v1", OTHER)]
        seen = {}
        for apart in (False, True):
            registry = self.place("registry-%d" % apart, "bearer", triples, repoAuth=apart, **LOGIN)
            # Two repositories in one run: an index in the first, of an image of the second.
            self.regctl("index", "create", registry.host + "/a/one:i", "--ref", registry.host + "/b/two:v1", "--digest", IMAGE.digest)
            refused = [l["path"] for l in registry.requests() if l["status"] == 401]
            seen[apart] = {r for r in ("/a/one/", "/b/two/") if any(r in p for p in refused)}
            self.assertEqual(registry.state()["tags"]["a/one"].keys(), {"v1", "i"})
        self.assertEqual(seen[True], {"/a/one/", "/b/two/"})
        self.assertEqual(len(seen[False]), 1)

    # --- limits ---

    def copied(self, name, profile=None, **settings):
        """The registry from which an image was copied, with eight requests, and how long that took."""
        registry = self.place(name, profile, **settings)
        done = self.regctl("image", "copy", registry.host + "/team/app:v1", "ocidir://" + self.work(name + "-copy"))
        self.assertEqual(len(registry.requests()), 8)
        return registry, done.seconds

    def test_requests_at_once(self):
        self.assertEqual(self.copied("one", slow(60), reqConcurrent=1)[0].most_at_once(), 1)
        many = self.copied("many", slow(200), reqConcurrent=6)[0].most_at_once()
        self.assertTrue(1 < many <= 6, many)

    def test_requests_per_second(self):
        """Seven of the eight wait for their turn; without the setting none does, and one of some copies shows it, however slow this machine is."""
        self.assertGreaterEqual(self.copied("rate", reqPerSec=4, reqConcurrent=6)[1], 1.7)
        self.assertTrue(any(self.copied("free-%d" % i, reqConcurrent=6)[1] < 1.7 for i in range(5)))

    def push(self, name, profile=None, **settings):
        """(PATCH, PUT of uploads) with the bytes of each, for a layer of 200,000 bytes and small things."""
        registry = self.place(name, profile, (), **settings)
        big = images.image([images.random_layer("big", 200_000)])
        images.write_layout(self.work.folder("big"), [("v1", big)])
        self.regctl("image", "copy", "ocidir://" + self.work("big") + ":v1", registry.host + "/x:v1")
        self.assertEqual(registry.state()["tags"]["x"]["v1"], big.digest)
        size = len(big.blobs[-1].data)
        return [l["received"] for l in registry.requests("PATCH")], [l["received"] for l in registry.requests("PUT", "/uploads/")], size

    def test_blob_max_and_chunk(self):
        patches, puts, size = self.push("default")
        self.assertEqual(patches, [])
        self.assertIn(size, puts)
        patches, puts, size = self.push("chunks", blobMax=100_000, blobChunk=65_536)
        self.assertEqual(patches, [65_536] * (size // 65_536) + [size % 65_536])
        self.assertEqual([n for n in puts if n > 100_000], [])
        self.assertEqual(len(self.push("one-chunk", blobMax=100_000)[0]), 1, "chunks are of 1 MiB unless said")
        self.assertEqual(self.push("no-limit", blobMax=-1, blobChunk=1000)[0], [])

    def test_least_chunk_of_the_registry(self):
        """OCI-Chunk-Min-Length goes before blobChunk."""
        patches, _, size = self.push("least", {"options": {"chunk_min": 150_000}}, blobMax=100_000, blobChunk=10_000)
        self.assertEqual(patches, [150_000, size - 150_000])

    def test_no_head(self):
        seen = {}
        for disabled in (False, True):
            registry = self.place("registry-%d" % disabled, None, apiOpts={"disableHead": "true"} if disabled else {})
            ref = registry.host + "/team/app:v1"
            self.assertEqual(self.regctl("image", "digest", ref).out.strip(), IMAGE.digest)
            for _ in range(2):
                self.regctl("image", "copy", ref, "ocidir://" + self.work("copy-%d" % disabled))
                self.regctl("image", "copy", ref, registry.host + "/team/app:v2")
            self.regctl("manifest", "head", ref)
            self.regctl("tag", "delete", ref)
            seen[disabled] = len(registry.requests("HEAD", "/manifests/"))
        self.assertEqual(seen[True], 0)
        self.assertGreater(seen[False], 3)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The test tools prove themselves: every profile loads and does what it says, images are the same bytes every time."""
import http.client
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import make_images as images  # noqa: E402
from make_images import RegistryClient, RegistryError  # noqa: E402
from scripted_registry import PROFILES, ScriptedRegistry, load_profile  # noqa: E402


def with_sample(profile, user=None, password=None):
    registry = ScriptedRegistry(profile).start()
    sample = images.sample_set(1)
    for repository, tag, node in sample:
        for digest, blob in node.all_blobs().items():
            registry.store.put_blob(repository, blob.data, digest)
        for child in node.walk():
            registry.store.put_manifest(repository, child.data, child.media_type, child.digest)
        if tag:
            registry.store.tags.setdefault(repository, {})[tag] = node.digest
    return registry, RegistryClient("http://" + registry.host, user, password), sample


class Profiles(unittest.TestCase):
    def test_every_profile_loads(self):
        names = [n for n in os.listdir(PROFILES) if n.endswith(".json")]
        self.assertGreater(len(names), 30)
        for name in names:
            with self.subTest(name):
                self.assertTrue(load_profile(name[:-5])["about"])
                registry = ScriptedRegistry(name[:-5])
                registry.stop()
                for rule in registry.rules:
                    self.assertTrue(hasattr(registry, "_fault_" + rule.action["type"]), rule.action)

    def test_round_trip(self):
        with ScriptedRegistry("plain") as registry:
            client = RegistryClient("http://" + registry.host)
            sample = images.sample_set(1)
            images.push_all(client, sample)
            harness.check_all(client, sample)
            _, _, body = client.call("GET", "/v2/sample/multi/referrers/" + sample[3][2].digest)
            self.assertEqual([m["digest"] for m in json.loads(body)["manifests"]], [sample[6][2].digest])

    def test_range_and_pages(self):
        registry, client, sample = with_sample("paged-2")
        with registry:
            layer = sample[1][2].blobs[-1]
            status, headers, data = client.call("GET", "/v2/sample/app/blobs/" + layer.digest, headers={"Range": "bytes=10-19"})
            self.assertEqual((status, data), (206, layer.data[10:20]))
            self.assertEqual(headers["Content-Range"], "bytes 10-19/%d" % len(layer.data))
            status, _, _ = client.call("GET", "/v2/sample/app/blobs/" + layer.digest, headers={"Range": "bytes=999999999-"}, want=None)
            self.assertEqual(status, 416)
            _, headers, body = client.call("GET", "/v2/sample/app/tags/list")
            self.assertEqual(len(json.loads(body)["tags"]), 2)
            self.assertIn('rel="next"', headers["Link"])

    def test_faults(self):
        layer = images.sample_set(1)[1][2].blobs[-1]
        path = "/v2/sample/app/blobs/" + layer.digest
        for profile, check in (
                ("lie-blob-bytes", lambda d: len(d) == len(layer.data) and d != layer.data),
                ("lie-blob-short", lambda d: d == layer.data[:-1]),
                ("lie-blob-long", lambda d: d == layer.data + b"\0")):
            registry, client, _ = with_sample(profile)
            with registry, self.subTest(profile):
                self.assertTrue(check(client.call("GET", path)[2]))
        for profile, error in (("reset-mid-blob", ConnectionResetError), ("truncated-blob", http.client.IncompleteRead)):
            registry, client, _ = with_sample(profile)
            with registry, self.subTest(profile):
                connection = http.client.HTTPConnection("127.0.0.1", registry.port)
                connection.request("GET", path)
                with self.assertRaises(error):
                    connection.getresponse().read()
                self.assertEqual(client.blob("sample/app", layer.digest), layer.data)
        registry, client, _ = with_sample("redirect-blobs")
        with registry:
            status, headers, _ = client.call("GET", path, want=None)
            self.assertEqual(status, 307)
            other = RegistryClient("http://127.0.0.1:%d" % registry.other.port)
            self.assertEqual(other.call("GET", headers["Location"])[2], layer.data)
            self.assertEqual([l["origin"] for l in registry.requests()], ["main", "other"])

    def test_logins(self):
        for profile in ("basic", "bearer", "bearer-access-token"):
            registry, client, sample = with_sample(profile, "carrier", "canary-secret-1")
            with registry, self.subTest(profile):
                harness.check_all(client, sample)
                stranger = RegistryClient("http://" + registry.host, "carrier", "wrong")
                with self.assertRaises((RegistryError, KeyError, TypeError)):
                    harness.check_all(stranger, sample)

    def test_pretend_and_sparse(self):
        with ScriptedRegistry("manifest-201-not-stored") as registry:
            client = RegistryClient("http://" + registry.host)
            node = images.image([images.random_layer("x", 100)])
            images.push(client, "a/b", "1", node)
            self.assertIsNone(client.manifest("a/b", "1"))
        with ScriptedRegistry("sparse-refused") as registry:
            client = RegistryClient("http://" + registry.host)
            multi = images.sample_set(1)[3][2]
            with self.assertRaises(RegistryError):
                client.put_manifest("a/b", "1", multi.data, multi.media_type)


class Images(unittest.TestCase):
    def test_same_bytes_every_time(self):
        first = [(r, t, n.digest) for r, t, n in images.sample_set(1) + list(images.small_images(5))]
        again = [(r, t, n.digest) for r, t, n in images.sample_set(1) + list(images.small_images(5))]
        self.assertEqual(first, again)
        self.assertNotEqual(images.sample_set(2)[1][2].digest, images.sample_set(1)[1][2].digest)

    def test_versions_share_their_base(self):
        one, two = images.sample_set(1)[1][2], images.sample_set(2)[1][2]
        self.assertEqual(one.blobs[1].digest, two.blobs[1].digest)


if __name__ == "__main__":
    unittest.main(warnings="ignore")

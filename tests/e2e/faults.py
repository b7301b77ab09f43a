#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Registries that fail, slow down, cut connections and lie, on both sides. What can be mended is, and nobody notices in the bytes; what
cannot is named, and leaves nothing wrong behind."""
import os
import re

from common import Case, DONE, FAILED, PARTIAL, Bundle, check_all, harness, images, main, references, tagged
from scripted_registry import load_profile

LOGIN = {"user": "carrier", "pass": "canary-secret-1"}


def sample():
    return images.sample_set(1)


class ExportMends(Case):
    """Faults that pass: the bundle has the same bytes as one from a registry without them."""

    PROFILES = ["429-then-fine", "503-twice-each", "500-502-504", "reset-mid-blob", "reset-mid-blob-ignore-range", "wrong-content-range",
                "truncated-blob", "drop-connections", "redirect-blobs", "redirect-manifests", "head-refused", "paged-2", "slow-drip", "lie-size-head"]

    def test_all(self):
        seed = self.seed(sample())
        wanted = self.from_profile("plain", seed)
        for profile in self.PROFILES:
            with self.subTest(profile):
                self.assertEqual(self.from_profile(profile, seed), wanted)

    def from_profile(self, profile, seed):
        source = self.scripted(profile, profile, seed=seed)
        # Far-side paths are given, so that the source's port is the only thing that differs; it stands in `source` fields.
        refs = ["%s/%s:%s" % (source.host, r, t) for r, t, _ in tagged(sample())]
        bundle = self.new_bundle("--host", source.host_flag(), *refs, state=profile + "-state", out=profile + "-out")
        return bundle.carried, [(i["repository"], i["tag"], i["digest"]) for i in bundle.images()]

    def test_resume_by_range(self):
        source = self.scripted("resume", "reset-mid-blob", seed=self.seed(sample()))
        self.new_bundle("--host", source.host_flag(), *references(source, sample()))
        ranged = [l for l in source.requests("GET", "/blobs/") if l["range"]]
        self.assertTrue(ranged and all(re.match(r"bytes=[1-9]\d*-", l["range"]) for l in ranged), "what came is not asked for again")

    def test_retry_after_is_waited_for(self):
        source = self.scripted("slow", {"rules": [{"match": {"method": ["GET", "HEAD"], "path": "/manifests/"},
                                                   "action": {"type": "status", "status": 429, "headers": {"Retry-After": "2"}}}]}, seed=self.seed(sample()))
        self.new_bundle("--host", source.host_flag(), source.host + "/sample/app:v1")
        times = [(l["time"], l["status"]) for l in source.requests(path="/manifests/")]
        limited = next(t for t, s in times if s == 429)
        later = [t for t, s in times if t > limited]
        self.assertGreaterEqual(min(later) - limited, 1.9, times)


class ExportRefuses(Case):
    """Faults that stay: named with the object, not retried without end, and never in a bundle."""

    PROFILES = ["429-forever", "lie-blob-bytes", "lie-blob-short", "lie-blob-long", "lie-manifest-bytes", "lie-manifest-other", "lie-media-type",
                "lie-html", "redirect-loop", "header-flood", "endless-manifest", "endless-error", "blob-missing", "error-with-escapes"]

    def test_all(self):
        seed = self.seed(sample())
        for profile in self.PROFILES:
            with self.subTest(profile):
                source = self.scripted(profile, profile, seed=seed)
                out = profile + "-out"
                result = self.export("--host", source.host_flag(), *references(source, sample()), state=profile + "-state", out=out,
                                     status=(FAILED, PARTIAL), timeout=90)
                for path in self.bundles(out):
                    self.assertEqual(Bundle(path).names("new"), [], "nothing of it is carried")
                self.assertTrue(re.search(r"sha256:[0-9a-f]{64}|127\.0\.0\.1:\d+/[a-z/]+", result.err), result.text())
                self.assertNotRegex(result.err, r"[\x00-\x08\x0b-\x1f\x7f\u202e]", "control characters reach the terminal")
                self.assertLess(result.peak_rss, (300 if "asan" in harness.BIN or harness.SLOW > 1 else 64) << 20)
                self.assertLess(len(source.requests()), 400, "no storm of retries")


class ImportMends(Case):
    PROFILES = ["plain", "minimal", "503-on-writes", "500-502-504", "429-then-fine", "drop-connections", "drop-uploads", "mount-refused",
                "anonymous-mount", "no-referrers-api", "head-refused", "chunk-min-256k", "chunk-takes-part", "lie-size-head"]

    def test_all(self):
        seed = self.seed(sample())
        source = self.scripted("source", seed=seed)
        bundle = self.new_bundle("--host", source.host_flag(), *references(source, sample()))
        for profile in self.PROFILES:
            with self.subTest(profile):
                far = self.scripted("far-" + profile, profile)
                self.apply(bundle, "--host", far.host_flag(), "--to", far.host, state=profile + "-state", timeout=90)
                state = far.state()
                for repository, tag, node in tagged(sample()):
                    self.assertEqual(state["tags"][repository][tag], node.digest)
                    self.assertLessEqual({n.digest for n in node.walk()}, set(state["manifests"][repository]))
                    self.assertLessEqual(set(node.all_blobs()), set(state["blobs"][repository]))

    def test_login_renewed_within_an_upload(self):
        big = [("big/image", "1", images.image([images.random_layer("renew", 3 << 20)]))]
        source = self.scripted("source", seed=self.seed(big))
        bundle = self.new_bundle("--host", source.host_flag(), source.host + "/big/image:1")
        for profile in ("bearer-short-tokens", "bearer-revoked-mid-upload", "bearer-get-only", "bearer-access-token"):
            with self.subTest(profile):
                far = self.scripted("far-" + profile, profile)
                self.apply(bundle, "--host", far.host_flag(**LOGIN), "--to", far.host, state=profile + "-state", timeout=90)
                self.assertEqual(far.state()["tags"]["big/image"]["1"], big[0][2].digest)


class ImportRefuses(Case):
    """A registry that says yes and does not keep what it was given: found by reading back, and no tag pretends otherwise."""

    def bundle(self):
        source = self.scripted("source", seed=self.seed(sample()))
        return self.new_bundle("--host", source.host_flag(), *references(source, sample()))

    def test_not_stored(self):
        bundle = self.bundle()
        for profile in ("blob-201-not-stored", "manifest-201-not-stored", "manifest-reserialised", "pull-only"):
            with self.subTest(profile):
                login = LOGIN if "auth" in load_profile(profile).get("options", {}) else {}
                far = self.scripted("far-" + profile, profile)
                result = self.apply(bundle, "--host", far.host_flag(**login), "--to", far.host, state=profile + "-state", status=(FAILED, PARTIAL), timeout=90)
                self.assertIn(far.host, result.err)
                if profile == "pull-only":
                    self.assertEqual(far.write_requests(), [], "write permission is asked for before the first write")

    def test_state_does_not_claim_success(self):
        """After a failed apply the same command against a good registry does everything."""
        bundle = self.bundle()
        bad = self.scripted("bad", "manifest-201-not-stored")
        self.apply(bundle, "--host", bad.host_flag(), "--to", bad.host, status=(FAILED, PARTIAL))
        good = self.scripted("good")
        self.apply(bundle, "--host", good.host_flag(), "--to", good.host)
        check_all(good.client, tagged(sample()))


class Credentials(Case):
    """No credential crosses to another origin, whatever a registry answers."""

    def export_from(self, profile, **how):
        authority = None
        source = self.scripted(profile, profile, seed=self.seed(sample(), profile + "-seed"), canaries=[LOGIN["pass"]], tls=authority)
        result = self.export("--host", source.host_flag(**LOGIN), *references(source, sample()), state=profile + "-state", out=profile + "-out", **how)
        return source, result

    def test_redirects(self):
        for profile in ("redirect-blobs-basic", "redirect-login"):
            with self.subTest(profile):
                source, _ = self.export_from(profile, status=(DONE, FAILED, PARTIAL))
                elsewhere = source.requests(origin="other")
                self.assertTrue(elsewhere, "the redirect was followed")
                for line in elsewhere:
                    self.assertFalse(line["has_authorization"] or line["canary"], line)
                    self.assertFalse([h for h in line["headers"] if h.startswith(("cookie", "proxy-", "x-"))], line)
                self.assertTrue(any(l["has_authorization"] for l in source.requests(origin="main")), "the login was used at home")

    def test_realm_elsewhere(self):
        """A challenge that names another host gets no password."""
        source, result = self.export_from("realm-elsewhere", status=(FAILED, PARTIAL))
        self.assertIn("localhost", result.err, "the error names the host that wanted the password")
        for line in source.requests(origin="other"):
            self.assertFalse(line["has_authorization"] or line["canary"], line)

    def test_upload_location_elsewhere(self):
        source = self.scripted("source", seed=self.seed(sample()))
        bundle = self.new_bundle("--host", source.host_flag(), *references(source, sample()))
        profile = dict(load_profile("upload-location-elsewhere"))
        profile["options"] = dict(profile["options"], auth={"type": "basic", **LOGIN})
        far = self.scripted("far", profile, canaries=[LOGIN["pass"]])
        self.apply(bundle, "--host", far.host_flag(**LOGIN), "--to", far.host, status=range(0, 9))
        for line in far.requests(origin="other"):
            self.assertFalse(line["has_authorization"] or line["canary"], line)

    def test_hostile_netrc(self):
        for name in (".netrc", "_netrc"):
            path = os.path.join(self.env["HOME"], name)
            with open(path, "w", encoding="utf-8") as f:
                f.write("machine 127.0.0.1 login carrier password canary-secret-1\ndefault login x password canary-secret-1\n")
            os.chmod(path, 0o600)
        source = self.scripted("source", "redirect-blobs", seed=self.seed(sample()), canaries=[LOGIN["pass"]])
        self.export("--host", source.host_flag(), *references(source, sample()))
        for line in source.requests():
            self.assertFalse(line["has_authorization"] or line["canary"], line)

    def test_no_fall_back_to_plain_http(self):
        source = self.scripted("source", seed=self.seed(sample()))
        result = self.export("--host", "reg=%s" % source.host, source.host + "/sample/app:v1", status=(FAILED, PARTIAL))
        # The bytes of a TLS greeting may by chance look like a request line.
        plain = [r for r in source.requests() if r["method"].isalpha()]
        self.assertEqual(plain, [], "no plain request went out")
        self.assertIn("tls", result.err.lower(), "the error says which setting to use")


if __name__ == "__main__":
    main()

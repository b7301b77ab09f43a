#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What registries are known to do differently, and what regctl's commands make of it: one profile or rule each, named after what it does."""
import json
import urllib.parse

from common import Case, images, main
from scripted_registry import load_profile

LOGIN = {"user": "carrier", "pass": "canary-secret-1"}
ONE = images.image([images.random_layer("one", 5_000), images.random_layer("two", 3_000)])
TWO = images.image([images.random_layer("three", 4_000)])
BOTH = images.index([images.image([images.random_layer(p, 2_000)], platform=p) for p in ("linux/amd64", "linux/arm64")])
TAG, SIGNED = images.cosign_signature(ONE)
SEED = [("team/app", "v1", ONE), ("team/app", "v2", TWO), ("team/app", "both", BOTH), ("team/app", TAG, SIGNED), ("team/app", None, images.sbom(ONE))]


def rule(match, **action):
    return {"match": {"count": 0, **match}, "action": action}


def refuse(match, status, code=None, message="", **more):
    body = json.dumps({"errors": [{"code": code, "message": message}]}) if code else message
    return rule(match, type="status", status=status, body=body, **more)


class Quirks(Case):
    def setUp(self):
        super().setUp()
        self.hosts = {}
        self.n = 0

    def place(self, profile=None, seed=SEED, **settings):
        self.n += 1
        if isinstance(profile, list):
            profile = {"rules": profile}
        registry = self.scripted("registry-%d" % self.n, profile, self.seed(seed, "seed-%d" % self.n) if seed else None)
        self.hosts[registry.host] = {"tls": "disabled", "hostname": registry.host, **settings}
        return registry

    def regctl(self, *args, **how):
        with open(self.work("config.json"), "w", encoding="utf-8") as f:
            json.dump({"hosts": self.hosts}, f)
        return self.program("regctl", *args, env={**self.env, "REGCTL_CONFIG": self.work("config.json")}, **how)

    def layout(self, node=ONE, name="src"):
        images.write_layout(self.work.folder(name), [("v1", node)])
        return "ocidir://%s:v1" % self.work(name)

    def pushed(self, profile, node=ONE, **settings):
        registry = self.place(profile, (), **settings)
        self.regctl("image", "copy", self.layout(node), registry.host + "/team/new:v1")
        self.assertEqual(registry.state()["tags"]["team/new"]["v1"], node.digest)
        return registry

    def check_reads(self, registry):
        """Every command that reads, and a copy of everything."""
        ref = registry.host + "/team/app"
        self.assertEqual(self.regctl("manifest", "get", ref + ":v1", "--format", "{{.GetDescriptor.Digest}}").out.strip(), ONE.digest)
        self.assertIn("v1\nv2\n", self.regctl("tag", "ls", ref).out)
        self.assertEqual(self.regctl("image", "inspect", ref + ":v1", "--format", "raw-body").out.encode(), ONE.blobs[0].data)
        self.assertEqual(self.regctl("image", "digest", "-p", "linux/arm64", ref + ":both").out.strip(), BOTH.children[1].digest)
        target = self.place(None, ())
        for tag in ("v1", "both"):
            self.regctl("image", "copy", "--referrers", "--digest-tags", "%s:%s" % (ref, tag), "%s/copy:%s" % (target.host, tag))
        tags = target.state()["tags"]["copy"]
        self.assertEqual(tags, {"v1": ONE.digest, "both": BOTH.digest, TAG: SIGNED.digest})

    # --- reading ---

    def test_limited_without_saying_until_when(self):
        """Docker's hub: 429 as JSON, and as bare text."""
        self.check_reads(self.place("429-in-two-kinds"))

    def test_looking_counts_no_pull(self):
        """An image that is there already costs no GET of a manifest."""
        registry = self.place()
        for _ in range(2):
            registry.clear_log()
            self.regctl("image", "copy", registry.host + "/team/app:v1", "ocidir://%s" % self.work("copy"))
        self.assertEqual([l["method"] for l in registry.requests()], ["HEAD"])

    def test_head_is_not_believed(self):
        """Old Nexus: HEAD answers 404 for what GET has."""
        registry = self.place("head-refused")
        self.regctl("image", "copy", "--digest-tags", registry.host + "/team/app:v1", "ocidir://%s:v1" % self.work("copy"))
        self.assertIn(TAG, self.regctl("tag", "ls", "ocidir://%s" % self.work("copy")).out.split())
        self.regctl("image", "copy", registry.host + "/team/app:both", "ocidir://%s:both" % self.work("copy"))
        self.assertEqual(self.regctl("manifest", "get", registry.host + "/team/app:v1", "--format", "{{.GetDescriptor.Digest}}").out.strip(), ONE.digest)

    def test_head_tells_another_size(self):
        """Harbor behind a proxy that compresses."""
        registry = self.place("head-other-size")
        self.check_reads(registry)
        self.regctl("index", "create", registry.host + "/team/app:about", "--subject", "v1", "--digest", ONE.digest)
        made = json.loads(self.regctl("manifest", "get", registry.host + "/team/app:about", "--format", "raw-body").out)
        self.assertEqual((made["subject"]["size"], made["manifests"][0]["size"]), (len(ONE.data), len(ONE.data)))
        self.assertNotIn("accept-encoding", {h for l in registry.requests() for h in l["headers"]})

    def test_no_media_types(self):
        """Plain file servers."""
        for name in ("no-media-type", "plain-text"):
            with self.subTest(name):
                self.check_reads(self.place(name))

    def test_odd_lists_of_tags(self):
        """null, digests, nothing at all; and no manifest in Accept, which Artifactory answers with 406."""
        for body, out in (('{"name":"team/app","tags":null}', ""), ('{"name":"team/app","tags":["v1",null,"v2"]}', "v1\nv2\n"),
                          ('{"name":"team/app"}', ""), ('{"tags":["v1","%s","sha256:x"]}' % ONE.digest, "v1\n")):
            with self.subTest(body):
                registry = self.place([refuse({"path": "/tags/list", "header": {"accept": "manifest"}}, 406), rule({"path": "/tags/list"}, type="body", body=body)])
                result = self.regctl("tag", "ls", registry.host + "/team/app")
                self.assertEqual(result.out, out)
                self.assertEqual(result.err.count("level=WARN"), 1 if ONE.digest in body else 0, result.err)

    def test_pages(self):
        """ACR gives 100 whatever is asked for, ECR refuses more than 1,000, others less: Link is followed."""
        tags = [("team/app", "t%02d" % i, TWO) for i in range(7)]
        wanted = "".join("t%02d\n" % i for i in range(7))
        for profile in ("paged-2", "list-n-1000", "list-n-100"):
            with self.subTest(profile):
                registry = self.place(profile, tags)
                self.assertEqual(self.regctl("tag", "ls", registry.host + "/team/app").out, wanted)

    def test_404_by_other_words(self):
        """The status decides, not code and text."""
        registry = self.place([refuse({"path": "/manifests/gone"}, 404, "UNKNOWN", "artifact team/app:gone not found")])
        gone = registry.host + "/team/app:gone"
        self.assertIn("not found [http 404]", self.regctl("image", "digest", gone, status=1).err)
        self.regctl("tag", "delete", "--ignore-missing", gone)
        self.regctl("manifest", "delete", "--ignore-missing", "--force-tag-dereference", gone)

    def test_redirects(self):
        for profile in ("redirect-blobs", "redirect-manifests"):
            with self.subTest(profile):
                self.check_reads(self.place(profile))

    # --- logins ---

    def test_token_services(self):
        """No POST, access_token, no expires_in, two seconds of life, a challenge only at /v2/, and tokens that read one scope."""
        for profile in ("bearer", "bearer-get-only", "bearer-access-token", "bearer-short-tokens", "bearer-challenge-at-root", "bearer-anonymous-pull"):
            with self.subTest(profile):
                self.check_reads(self.place(profile, **LOGIN))

    def test_no_token_for_deletes(self):
        """Quay's service gives nothing when delete is asked for."""
        registry = self.place("bearer-no-delete", **LOGIN)
        self.regctl("manifest", "delete", "%s/team/app@%s" % (registry.host, TWO.digest))
        self.regctl("tag", "delete", registry.host + "/team/app:v1")
        self.assertNotIn("v1", registry.state()["tags"]["team/app"])
        scopes = [urllib.parse.unquote(l["path"]) for l in registry.requests(path="^/token")]
        self.assertTrue(any("delete" in s for s in scopes) and any("delete" not in s for s in scopes), scopes)

    # --- writing ---

    def test_mounts_that_fail(self):
        """401, 403, 404 or a session nobody asked for: the bytes move, and no mount without a source is tried."""
        for name, profile in (("401", [refuse({"method": "POST", "path": "mount="}, 401, "UNAUTHORIZED")]), ("404", [refuse({"method": "POST", "path": "mount="}, 404)]),
                              ("refused", "mount-refused"), ("ignored", {"options": {"mount": "ignore"}})):
            with self.subTest(name):
                registry = self.place(profile)
                self.regctl("image", "copy", registry.host + "/team/app:v1", registry.host + "/team/new:v1")
                state = registry.state()
                self.assertEqual(state["tags"]["team/new"]["v1"], ONE.digest)
                self.assertEqual(state["uploads"], 0)
                self.assertEqual([l["path"] for l in registry.requests("POST", "mount=") if "from=" not in l["path"]], [])
        with self.subTest("another registry"):
            a, b = self.place(), self.place(None, ())
            self.regctl("image", "copy", a.host + "/team/app:v1", b.host + "/team/app:v1")
            self.assertEqual(b.requests("POST", "mount="), [])

    def test_sizes_of_uploads(self):
        big = images.image([images.random_layer("big", 9 << 20)])
        size = len(big.blobs[-1].data)
        with self.subTest("at most 4 MiB in one body"):
            registry = self.pushed("body-max-4m", big)
            sent = [l["received"] for l in registry.requests("PATCH") if l["status"] == 202]
            self.assertLessEqual(max(sent), 4 << 20)
            self.assertEqual(sum(sent), size)
        with self.subTest("no chunks at all"):
            self.assertEqual(self.pushed("no-chunks", big).requests("PATCH"), [])
        with self.subTest("chunks too small, said only by refusing"):
            small = {"method": "PATCH", "header": {"content-range": r"^0-(\d{1,6}|[1-4]\d{6})$"}}
            registry = self.pushed([refuse(small, 400, "BLOB_UPLOAD_INVALID", "LayerPartTooSmall")], big, blobMax=1 << 20)
            self.assertGreaterEqual(max(l["received"] for l in registry.requests("PATCH")), 5 << 20)
        with self.subTest("201 to a chunk, and a closing PUT that is refused since all is there"):
            self.pushed("chunk-201", big, blobMax=1 << 20)
        with self.subTest("no upload in one POST"):
            self.pushed({"options": {"single_post": False}})

    def test_the_last_put_is_refused_since_it_is_there(self):
        """The blob came in: what HEAD says goes before the answer."""
        for status in (400, 409, 412, 500):
            with self.subTest(status):
                registry = self.pushed([rule({"method": "PUT", "path": "/blobs/uploads/"}, type="headers", status=status)])
                self.assertEqual(len(registry.requests("POST", "/blobs/uploads/")), 3, "nothing is sent twice")

    def test_other_words_for_created(self):
        for status in (200, 202, 204):
            with self.subTest(status):
                registry = self.pushed([rule({"method": "PUT", "path": "/manifests/"}, type="headers", status=status)])
                # Not the answer that the specification asks for: looked at again.
                self.assertTrue(registry.requests("GET", "/manifests/"))
        with self.subTest("and nothing kept"):
            registry = self.place([rule({"method": "PUT", "path": "/manifests/"}, type="status", status=200)], ())
            self.regctl("image", "copy", self.layout(), registry.host + "/team/new:v1", status=1)

    def test_the_repository_has_to_be_made_first(self):
        registry = self.place([refuse({"method": "POST"}, 404, "NAME_UNKNOWN", "The repository with name 'team/new' does not exist")], ())
        result = self.regctl("image", "copy", self.layout(), registry.host + "/team/new:v1", status=1)
        self.assertRegex(result.err, "does not exist.*created first")

    def test_tags_that_are_held(self):
        """A second PUT of the same digest is refused by ECR, Harbor, Artifactory, Quay, Nexus, each in its way."""
        for status in (400, 403, 409, 412):
            with self.subTest(status):
                registry = self.place([refuse({"method": "PUT", "path": "/manifests/v"}, status, "TAG_INVALID", "tag is immutable")])
                ref = registry.host + "/team/app:v1"
                self.regctl("image", "copy", self.layout(), ref)
                self.assertEqual(registry.requests("PUT"), [])
                self.regctl("image", "copy", "--force-recursive", self.layout(), ref)
                self.regctl("manifest", "put", ref, stdin=ONE.data)
                result = self.regctl("image", "copy", self.layout(TWO, "other"), ref, status=1)
                self.assertIn("tag is immutable", result.err)
                self.assertEqual(len(registry.requests("PUT", "/manifests/v")), 3, "a refusal is not repeated")
                self.assertEqual(registry.state()["tags"]["team/app"]["v1"], ONE.digest)

    def test_missing_is_forbidden(self):
        """Artifactory: 403 or 401 for a tag that is not there."""
        for status in (401, 403):
            with self.subTest(status):
                self.pushed([refuse({"method": "HEAD", "path": "/manifests/"}, status, "DENIED")])

    def test_no_media_type_within(self):
        """A manifest that does not say what it is keeps its bytes, also where the registry wants them otherwise."""
        bare = images.Node({k: v for k, v in ONE.document.items() if k != "mediaType"}, ONE.media_type, ONE.blobs)
        self.pushed("plain", bare)
        registry = self.place([refuse({"method": "PUT", "path": "/manifests/"}, 405, "UNSUPPORTED", "Invalid parameter: Invalid JSON syntax")], ())
        result = self.regctl("image", "copy", self.layout(bare), registry.host + "/team/new:v1", status=1)
        self.assertIn("Invalid JSON syntax", result.err)
        self.assertEqual(len(registry.requests("PUT", "/manifests/")), 1)

    def test_where_uploads_go_on(self):
        """Location may be relative, a path, or whole with a query of its own."""
        for location in ("{upload}", "/v2/{name}/blobs/uploads/{upload}", "{self}/v2/{name}/blobs/uploads/{upload}?digest-state=a%2Fb&x=1"):
            with self.subTest(location):
                self.pushed({"options": {"upload_location": location}})

    def test_quota(self):
        """Not repeated, and the registry's own text is shown."""
        for status in (403, 412, 413):
            with self.subTest(status):
                registry = self.place([refuse({"method": "PUT", "path": "/manifests/"}, status, "DENIED", "adding 9 MiB would exceed the quota")], ())
                result = self.regctl("image", "copy", self.layout(), registry.host + "/team/new:v1", status=1)
                self.assertIn("would exceed the quota", result.err)
                self.assertEqual(len(registry.requests("PUT", "/manifests/")), 1)

    def test_blobs_go_before_the_manifest_comes(self):
        """Quay's garbage collection: they are moved again."""
        self.pushed([rule({"method": "PUT", "path": "/blobs/uploads/", "count": 2}, type="pretend")])

    def test_no_referrers_api_and_no_deletes(self):
        registry = self.place("minimal", ())
        self.regctl("image", "copy", "--referrers", self.layout(BOTH), registry.host + "/team/new:v1")
        result = self.regctl("tag", "delete", registry.host + "/team/new:v1", status=1)
        self.assertIn("[http 405]", result.err)
        self.assertEqual(registry.state()["tags"]["team/new"]["v1"], BOTH.digest)

    def test_a_sha512_is_not_made_a_sha256(self):
        """docker-registry 2.8.2 stores it under another name: found, not passed over."""
        odd = images.Node(ONE.document, ONE.media_type, ONE.blobs, algorithm="sha512")
        images.write_layout(self.work.folder("odd"), [("v1", odd)])
        real = self.docker_registry("real")
        self.hosts[real.host] = {"tls": "disabled", "hostname": real.host}
        result = self.regctl("image", "copy", "ocidir://%s:v1" % self.work("odd"), real.host + "/team/new:v1", status=1)
        self.assertIn(odd.digest, result.err)
        self.assertEqual(real.client.tags("team/new"), [], "no tag points to anything else")


if __name__ == "__main__":
    main()

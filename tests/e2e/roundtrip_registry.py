#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Registry to bundle to registry, twice, with each kind of login: everything arrives, the second bundle carries only what is new."""
import os
import shutil

from common import Case, images, check_all, main, references, tagged, harness


class RoundTrip:
    source_kind, far_kind = {}, {}

    def registries(self):
        return self.docker_registry("source", **self.source_kind), self.docker_registry("far", **self.far_kind)

    def test_two_bundles(self):
        source, far = self.registries()
        first, second = images.sample_set(1), images.sample_set(2)
        images.push_all(source.client, first)
        hosts = ["--host", source.host_flag()]
        full = self.new_bundle(*hosts, *references(source, first))
        wanted = {}
        for _, _, node in tagged(first):
            wanted.update(node.content())
        self.assertEqual(set(full.carried), set(wanted))
        self.assertEqual(full.assumed, [])

        self.importer("verify", full.path)
        to = ["--host", far.host_flag(), "--to", far.host]
        self.importer("plan", *to, full.path)
        self.assertEqual(far.write_requests(), [], "a plan writes nothing")
        self.apply(full, *to)
        check_all(far.client, tagged(first))

        # Version two: new tags beside the old, `latest` moved.
        images.push_all(source.client, second)
        both = {(r, t): n for r, t, n in tagged(first) + tagged(second)}
        all_now = [(r, t, n) for (r, t), n in both.items()]
        more = self.new_bundle(*hosts, *references(source, all_now))
        new_content = {}
        for _, _, node in tagged(second):
            new_content.update(node.content())
        self.assertEqual(set(more.carried), set(new_content) - set(wanted), "an incremental bundle carries exactly the new blobs")
        self.assertTrue(set(more.assumed), "the shared base is assumed")
        self.assertLessEqual(set(more.assumed), set(wanted))
        self.assertEqual(more.doc["parent"], "sha256:" + full.id)
        self.assertEqual(more.doc["bases"], [full.doc["snapshot"]])
        self.assertLess(more.size, full.size)

        self.apply(more, *to)
        check_all(far.client, all_now)
        for repository, tag, node in all_now:
            seen = harness.skopeo_digest(*self.skopeo_flags(far), "docker://%s/%s:%s" % (far.host, repository, tag))
            self.assertEqual(seen, node.digest, "%s:%s as skopeo sees it" % (repository, tag))

        # The same again: nothing to do, and it says so by doing nothing.
        far.mark()
        self.apply(more, *to)
        self.assertEqual(far.write_requests(), [], "a second apply writes nothing")

    def trust(self, authority):
        """A folder with nothing but the authority's certificate, as skopeo wants it."""
        path = self.work("trust", "ca.crt")
        shutil.copy(authority.cert, path)
        return os.path.dirname(path)

    def skopeo_flags(self, registry):
        flags = ["--cert-dir", self.trust(registry.tls)] if registry.tls else ["--tls-verify=false"]
        login = registry.htpasswd or (registry.token and (registry.token.user, registry.token.password))
        return flags + (["--creds", "%s:%s" % login] if login else [])


class Anonymous(RoundTrip, Case):
    pass


class PasswordOverTls(RoundTrip, Case):
    def registries(self):
        authority = harness.Authority(self.work.folder("ca"))
        kind = {"tls": authority, "htpasswd": ("carrier", "canary-secret-1")}
        return self.docker_registry("source", **kind), self.docker_registry("far", **kind)


class Tokens(RoundTrip, Case):
    def registries(self):
        authority = harness.Authority(self.work.folder("ca"))
        service = self.enter(harness.TokenService(self.work.folder("tokens"), tls=authority))
        kind = {"tls": authority, "token": service}
        return self.docker_registry("source", **kind), self.docker_registry("far", **kind)


class DockerTypes(Case):
    def test_docker_schema_2_travels_unchanged(self):
        source, far = self.docker_registry("source"), self.docker_registry("far")
        sample = [t for t in images.sample_set(1, images.DOCKER) if t[0] in ("sample/base", "sample/app", "sample/multi")]
        images.push_all(source.client, sample)
        bundle = self.new_bundle("--host", source.host_flag(), *references(source, sample))
        self.apply(bundle, "--host", far.host_flag(), "--to", far.host + "/mirror")
        check_all(far.client, [("mirror/" + r, t, n) for r, t, n in tagged(sample)])


class Paths(Case):
    def test_source_equals_path(self):
        """SOURCE=PATH[:TAG] names the far side's path; --to takes a prefix."""
        source, far = self.docker_registry("source"), self.docker_registry("far")
        sample = images.sample_set(1)
        images.push_all(source.client, sample)
        app, multi = sample[1][2], sample[3][2]
        bundle = self.new_bundle("--host", source.host_flag(), source.host + "/sample/app:v1=tools/app:stable",
                                 source.host + "/sample/multi:v1=tools/multi",
                                 source.host + "/sample/base@" + sample[0][2].digest)
        self.assertEqual(bundle.names("new"), sorted(["tools/app:stable", "tools/multi:v1", "sample/base@" + sample[0][2].digest]))
        self.apply(bundle, "--host", far.host_flag(), "--to", far.host + "/a/b")
        check_all(far.client, [("a/b/tools/app", "stable", app), ("a/b/tools/multi", "v1", multi), ("a/b/sample/base", None, sample[0][2])])

    def test_two_sources_for_one_target_are_refused(self):
        source = self.docker_registry("source")
        sample = images.sample_set(1)
        images.push_all(source.client, sample)
        one, two = source.host + "/sample/app:v1", source.host + "/sample/base:1"
        result = self.export("--host", source.host_flag(), one + "=x:1", two + "=x:1", status=(1, 2))
        for name in (one, two, "x:1"):
            self.assertIn(name, result.err)
        self.assertEqual(self.bundles(), [])


class Yaml(Case):
    def test_sync_steps_of_types_image_and_repository(self):
        source, far = self.docker_registry("source"), self.docker_registry("far")
        sample = images.sample_set(1) + images.sample_set(2)
        images.push_all(source.client, sample)
        config = self.work("export.yml")
        with open(config, "w", encoding="utf-8") as f:
            f.write("""version: 1
creds:
  - registry: {host}
    tls: disabled
x-anything: [1, 2]
sync:
  - source: {host}/sample/app
    target: elsewhere.example/apps/app
    type: repository
    tags:
      allow: ["v.*"]
      deny: ["v1"]
  - source: {host}/sample/multi:v1
    target: elsewhere.example/multi:one
    type: image
""".format(host=source.host))
        bundle = self.new_bundle("-c", config)
        self.assertEqual(bundle.names("new"), ["apps/app:v2", "multi:one"])
        self.apply(bundle, "--host", far.host_flag(), "--to", far.host)
        apps = {(r, t): n for r, t, n in sample}
        check_all(far.client, [("apps/app", "v2", apps["sample/app", "v2"]), ("multi", "one", apps["sample/multi", "v1"])])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images out of and into tars: both forms, round trips with skopeo, old and new docker save, several images, pipes, memory."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import unittest

from common import Case, harness, images, main
from harness import program, skopeo_digest, tool

ROOT = harness.ROOT


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def members(path):
    """name -> (TarInfo, bytes or None), by Python's own reader."""
    found = {}
    with tarfile.open(path) as tar:
        for info in tar:
            found[info.name] = (info, tar.extractfile(info).read() if info.isreg() else None)
    return found


def layout_blobs(folder):
    """digest -> bytes of everything in a layout folder."""
    found = {}
    for name in os.listdir(os.path.join(folder, "blobs", "sha256")):
        with open(os.path.join(folder, "blobs", "sha256", name), "rb") as f:
            found["sha256:" + name] = f.read()
    return found


class Tars(Case):
    def setUp(self):
        super().setUp()
        self.sample = {r + ":" + t: n for r, t, n in images.sample_set(1) if t and not t.startswith("sha256-")}
        self.tree = self.work.folder("tree")
        images.write_tree(self.tree, images.sample_set(1))

    def ref(self, name):
        return "ocidir://%s/%s" % (self.tree, name)

    def regctl(self, *args, **how):
        return self.program("regctl", "image", *args, **how)

    def new_export(self, ref, name, out="t.tar", compress=False):
        path = self.work(out)
        self.regctl("export", *(["--compress"] if compress else []), "--name", name, ref, path)
        return path

    def import_to(self, path, folder, *name):
        """Imports under the tag "in" and gives (digest, blobs of the layout)."""
        target = "ocidir://%s:in" % self.work(folder)
        self.assertEqual(self.regctl("import", *(["--name", *name] if name else []), target, path).out, "")
        return self.regctl("digest", target).out.strip(), layout_blobs(self.work(folder))

    def check_whole(self, node, blobs):
        for d, data in node.content().items():
            self.assertEqual(blobs.get(d), data)

    # --- what we write ---

    def test_the_golden_file_is_what_it_should_be(self):
        found = members(os.path.join(ROOT, "tests", "data", "tars", "one-image.tar"))
        config, layers = b'{"os":"linux"}', [b"layer one", b"layer two"]
        types = images.OCI
        blob = lambda kind, data: {"mediaType": types[kind], "digest": digest(data), "size": len(data)}  # noqa: E731
        path = lambda data: "blobs/sha256/" + digest(data)[7:]  # noqa: E731
        manifest = images.to_json({"schemaVersion": 2, "mediaType": types["manifest"], "config": blob("config", config),
                                   "layers": [blob("layer", l) for l in layers]})
        name = "registry.example/team/app:1.0"
        index = images.to_json({"schemaVersion": 2, "manifests": [{
            "mediaType": types["manifest"], "digest": digest(manifest), "size": len(manifest),
            "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "1.0"}}]})
        docker = images.to_json([{"Config": path(config), "RepoTags": [name], "Layers": [path(l) for l in layers],
                                  "LayerSources": {d["digest"]: d for d in sorted((blob("layer", l) for l in layers), key=lambda d: d["digest"])}}])
        wanted = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", index), ("manifest.json", docker), ("blobs", None),
                  ("blobs/sha256", None), (path(manifest), manifest), (path(config), config)] + [(path(l), l) for l in layers]
        self.assertEqual([(n, data) for n, (_, data) in found.items()], wanted)
        for info, data in found.values():
            self.assertEqual((info.uid, info.gid, info.uname, info.gname, info.mtime), (0, 0, "", "", 0))
            self.assertEqual(info.mode, 0o644 if data is not None else 0o755)

    def test_skopeo_reads_an_image(self):
        node = self.sample["sample/app:v1"]
        path = self.new_export(self.ref("sample/app:v1"), "x.example/sample/app:v1")
        self.assertEqual(skopeo_digest("oci-archive:%s:v1" % path), node.digest)
        self.assertEqual(skopeo_digest("oci-archive:" + path), node.digest)
        tool("skopeo", "copy", "docker-archive:%s:x.example/sample/app:v1" % path, "dir:" + self.work.folder("dir"))
        config = json.loads(node.blobs[0].data)
        with open(self.work("dir", node.blobs[0].digest[7:]), "rb") as f:
            self.assertEqual(json.load(f)["rootfs"], config["rootfs"])

    def test_skopeo_reads_an_index(self):
        node = self.sample["sample/multi:v1"]
        path = self.new_export(self.ref("sample/multi:v1"), "x.example/sample/multi:v1")
        self.assertEqual(skopeo_digest("oci-archive:%s:v1" % path), node.digest)
        tool("skopeo", "copy", "--all", "--preserve-digests", "oci-archive:" + path, "oci:%s:v1" % self.work("oci"))
        self.check_whole(node, layout_blobs(self.work("oci")))
        self.assertNotIn("manifest.json", members(path))

    def test_several_images(self):
        """Out of a registry, whose name they bear in the tar; the first under a name of its own."""
        near = self.scripted("near", seed=self.tree)
        hosts = ["--host", near.host_flag()]
        refs = ["%s/%s" % (near.host, n) for n in ("sample/app:v1", "sample/multi:v1", "sample/base:1", "charts/shop:0.1.0")]
        path = self.work("all.tar")
        self.regctl("export", *hosts, "--name", "x.example/first:7", refs[0], path, *(w for r in refs[1:] for w in ("--with", r)))
        nodes = [self.sample[r.split("/", 1)[1]] for r in refs]
        names = ["x.example/first:7"] + refs[1:]
        index = json.loads(members(path)["index.json"][1])
        self.assertEqual(len(index["manifests"]), len(names))
        for name, node, entry in zip(names, nodes, index["manifests"]):
            self.assertEqual(entry["annotations"]["io.containerd.image.name"], name)
            self.assertEqual(skopeo_digest("oci-archive:%s:%s" % (path, entry["annotations"]["org.opencontainers.image.ref.name"])), node.digest)
            got, blobs = self.import_to(path, "dst-" + name.replace("/", "-").replace(":", "-"), name)
            self.assertEqual(got, node.digest)
            self.check_whole(node, blobs)
        for name in (names[0], names[2]):
            tool("skopeo", "inspect", "docker-archive:%s:%s" % (path, name))

    def test_compressed_and_piped(self):
        node = self.sample["sample/app:v1"]
        plain = self.new_export(self.ref("sample/app:v1"), "x.example/a:1")
        packed = self.new_export(self.ref("sample/app:v1"), "x.example/a:1", out="t.tgz", compress=True)
        with open(plain, "rb") as a, gzip.open(packed) as b:
            self.assertEqual(a.read(), b.read())
        self.assertEqual(skopeo_digest("oci-archive:" + packed), node.digest)
        got, blobs = self.import_to(packed, "dst")
        self.assertEqual(got, node.digest)
        self.check_whole(node, blobs)
        with open(self.work("piped.tar"), "wb") as out:
            subprocess.run([program("regctl"), "image", "export", "--name", "x.example/a:1", self.ref("sample/app:v1")], stdout=out, env=self.env,
                           check=True, timeout=60 * harness.SLOW)
        with open(plain, "rb") as a, open(self.work("piped.tar"), "rb") as b:
            self.assertEqual(a.read(), b.read())

    # --- what others write ---

    def test_skopeos_layout_tar_is_imported(self):
        for name in ("sample/app:v1", "sample/multi:v1"):
            path = self.work("sk-%s.tar" % name[7:10])
            tool("skopeo", "copy", "--all", "--preserve-digests", "oci:%s/%s" % (self.tree, name), "oci-archive:%s:x" % path)
            got, blobs = self.import_to(path, "dst-" + name[7:10])
            self.assertEqual(got, self.sample[name].digest)
            self.check_whole(self.sample[name], blobs)

    def check_docker_image(self, node, got, blobs):
        """The same config and layers' contents, as a Docker manifest."""
        manifest = json.loads(blobs[got])
        self.assertEqual(manifest["mediaType"], images.DOCKER["manifest"])
        self.assertEqual(manifest["config"]["mediaType"], images.DOCKER["config"])
        self.assertEqual(json.loads(blobs[manifest["config"]["digest"]])["rootfs"], json.loads(node.blobs[0].data)["rootfs"])
        self.assertEqual([l["mediaType"] for l in manifest["layers"]], [images.DOCKER["layer"]] * len(manifest["layers"]))
        diff_ids = json.loads(node.blobs[0].data)["rootfs"]["diff_ids"]
        self.assertEqual([digest(gzip.decompress(blobs[l["digest"]])) for l in manifest["layers"]], diff_ids)
        for layer in manifest["layers"]:
            self.assertEqual(blobs[layer["digest"]][:10], b"\x1f\x8b\x08\0\0\0\0\0\0\xff")

    def test_skopeos_docker_tar_is_imported(self):
        """docker save's form of old engines, with links for the layers."""
        node, path = self.sample["sample/app:v1"], self.work("docker.tar")
        tool("skopeo", "copy", "oci:%s/sample/app:v1" % self.tree, "docker-archive:%s:x.example/y:1" % path)
        self.assertTrue([i for i, _ in members(path).values() if i.issym()])
        got, blobs = self.import_to(path, "dst")
        self.check_docker_image(node, got, blobs)
        self.assertEqual(self.import_to(path, "dst2", "x.example/y:1")[0], got)
        with open(path, "rb") as a, gzip.open(self.work("docker.tgz"), "wb") as b:
            b.write(a.read())
        self.assertEqual(self.import_to(self.work("docker.tgz"), "dst3")[0], got)
        refused = self.regctl("import", "--name", "nope:1", "ocidir://%s:in" % self.work("dst4"), path, status=1)
        self.assert_one_line(refused, "could not find requested name", "x.example/y:1")
        self.assertFalse(os.path.exists(self.work("dst4", "index.json")))

    def old_docker_save(self, node, link):
        """The tar of an old engine: a folder for each layer; equal layers stored once, the others links to it."""
        out, seen = io.BytesIO(), {}
        config, layers = node.blobs[0].data, [gzip.decompress(b.data) for b in node.blobs[1:]]
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            def add(name, data=None, **more):
                info = tarfile.TarInfo(name)
                info.mtime, info.uid, info.uname = 1700000000, 1000, "builder"
                for k, v in more.items():
                    setattr(info, k, v)
                info.size = len(data or b"")
                tar.addfile(info, io.BytesIO(data or b""))
            names = []
            for i, layer in enumerate(layers + layers[:1]):
                folder = hashlib.sha256(b"%d" % i).hexdigest()
                add(folder, type=tarfile.DIRTYPE, mode=0o755)
                add(folder + "/VERSION", b"1.0")
                add(folder + "/json", b"{}")
                if layer in seen:
                    target = seen[layer] if link == tarfile.LNKTYPE else "../" + seen[layer]
                    add(folder + "/layer.tar", type=link, linkname=target)
                else:
                    add(folder + "/layer.tar", layer)
                    seen[layer] = folder + "/layer.tar"
                names.append(folder + "/layer.tar")
            document = json.loads(config)
            document["rootfs"]["diff_ids"].append(document["rootfs"]["diff_ids"][0])
            config = images.to_json(document)
            add(digest(config)[7:] + ".json", config)
            add("manifest.json", images.to_json([{"Config": digest(config)[7:] + ".json", "RepoTags": ["old:1"], "Layers": names}]))
            add("repositories", b'{"old":{"1":"x"}}')
        return out.getvalue(), document

    def test_old_docker_save(self):
        node = self.sample["sample/app:v1"]
        digests = set()
        for link in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            data, config = self.old_docker_save(node, link)
            path, folder = self.work("old-%s.tar" % link.decode()), "dst-" + link.decode()
            with open(path, "wb") as f:
                f.write(data)
            got, blobs = self.import_to(path, folder)
            manifest = json.loads(blobs[got])
            self.assertEqual(json.loads(blobs[manifest["config"]["digest"]]), config)
            self.assertEqual([digest(gzip.decompress(blobs[l["digest"]])) for l in manifest["layers"]], config["rootfs"]["diff_ids"])
            digests.add(got)
        self.assertEqual(len(digests), 1)

    def test_new_docker_save(self):
        """An image layout with uncompressed layers, and manifest.json beside it: the layout decides."""
        node = self.sample["sample/app:v1"]
        layers = [gzip.decompress(b.data) for b in node.blobs[1:]]
        config = node.blobs[0].data
        blob = lambda t, d: {"mediaType": t, "digest": digest(d), "size": len(d)}  # noqa: E731
        manifest = images.to_json({"schemaVersion": 2, "mediaType": images.OCI["manifest"], "config": blob(images.OCI["config"], config),
                                   "layers": [blob("application/vnd.oci.image.layer.v1.tar", l) for l in layers]})
        path = lambda d: "blobs/sha256/" + digest(d)[7:]  # noqa: E731
        index = {"schemaVersion": 2, "mediaType": images.OCI["index"], "manifests": [{**blob(images.OCI["manifest"], manifest), "annotations": {
            "io.containerd.image.name": "docker.io/library/new:1", "org.opencontainers.image.ref.name": "1"}}]}
        docker = [{"Config": path(config), "RepoTags": ["new:1"], "Layers": [path(l) for l in layers]}]
        with tarfile.open(self.work("new.tar"), "w", format=tarfile.PAX_FORMAT) as tar:
            for name, data in sorted([(path(d), d) for d in [config, manifest] + layers] + [("index.json", images.to_json(index)),
                                     ("manifest.json", images.to_json(docker)), ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]):
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(data), 1700000000.25
                tar.addfile(info, io.BytesIO(data))
        got, blobs = self.import_to(self.work("new.tar"), "dst")
        self.assertEqual(got, digest(manifest))
        for data in [config, manifest] + layers:
            self.assertIn(digest(data), blobs)

    def test_there_and_back(self):
        """Our docker form, read by skopeo, written by skopeo, imported again: the same config and layers."""
        node = self.sample["sample/app:v1"]
        path = self.new_export(self.ref("sample/app:v1"), "x.example/y:1")
        tool("skopeo", "copy", "docker-archive:%s:x.example/y:1" % path, "docker-archive:%s:x.example/z:2" % self.work("again.tar"))
        got, blobs = self.import_to(self.work("again.tar"), "dst")
        self.check_docker_image(node, got, blobs)

    def test_layer_sources_give_the_image_back(self):
        """Our own export without its layout: LayerSources gives the layers the descriptors that they had."""
        node = self.sample["sample/app:v1"]
        path = self.new_export(self.ref("sample/app:v1"), "x.example/y:1")
        with tarfile.open(self.work("stripped.tar"), "w") as tar:
            for name, (info, data) in members(path).items():
                if name not in ("oci-layout", "index.json"):
                    tar.addfile(info, io.BytesIO(data) if data is not None else None)
        got, blobs = self.import_to(self.work("stripped.tar"), "dst")
        manifest = json.loads(blobs[got])
        self.assertEqual([l["digest"] for l in manifest["layers"]], [b.digest for b in node.blobs[1:]])
        self.assertEqual(manifest["config"]["digest"], node.blobs[0].digest)
        self.assertEqual(manifest["mediaType"], images.OCI["manifest"])


class Registries(Case):
    """The same from and into a registry."""

    def test_round_trip(self):
        near, far = self.docker_registry("near"), self.docker_registry("far")
        sample = [t for t in images.sample_set(1) if t[1] and not t[1].startswith("sha256-")]
        images.push_all(near.client, images.sample_set(1))
        hosts = ["--host", near.host_flag(), "--host", far.host_flag()]
        refs = ["%s/%s:%s" % (near.host, r, t) for r, t, _ in sample]
        path = self.work("all.tar")
        self.program("regctl", *hosts, "image", "export", refs[0], path, *(w for r in refs[1:] for w in ("--with", r)))
        for ref, (repository, tag, node) in zip(refs, sample):
            target = "%s/%s:%s" % (far.host, repository, tag)
            self.program("regctl", *hosts, "image", "import", "--name", ref, target, path)
            self.assertEqual(self.program("regctl", *hosts, "image", "digest", target).out.strip(), node.digest)
        harness.check_all(far.client, sample)

    def test_docker_form_into_a_registry(self):
        far = self.docker_registry("far")
        images.write_tree(self.work.folder("tree"), images.sample_set(1))
        path = self.work("docker.tar")
        tool("skopeo", "copy", "oci:%s/sample/app:v1" % self.work("tree"), "docker-archive:%s:x.example/y:1" % path)
        for name in ("a", "b"):  # the second time everything is there
            target = "%s/team/app:%s" % (far.host, name)
            self.program("regctl", "--host", far.host_flag(), "image", "import", target, path)
            got = self.program("regctl", "--host", far.host_flag(), "image", "digest", target)
            self.assertEqual(skopeo_digest("--tls-verify=false", "docker://" + target), got.out.strip())
        tool("skopeo", "copy", "--src-tls-verify=false", "docker://%s/team/app:a" % far.host, "dir:" + self.work.folder("dir"))


class Memory(Case):
    """A large layer passes through in bounded memory, compressed or not."""

    def peak(self, *args):
        """Memory at most, in bytes: by time(1), since a child of ours is counted with what we had when it was forked."""
        tool("env", "HOME=" + self.work.path, "time", "-f", "%M", "-o", self.work("peak"), program("regctl"), "image", *args)
        with open(self.work("peak"), encoding="utf-8") as f:
            return int(f.read().split()[-1]) << 10

    @unittest.skipIf(harness.SLOW != 1 or "asan" in harness.BIN, "sanitizers need memory of their own")
    def test_large_layers(self):
        images.write_tree(self.work.folder("tree"), [("big", "1", images.big_image(size=96 << 20, layers=2))])
        ref, path, packed = "ocidir://%s/big:1" % self.work("tree"), self.work("big.tar"), self.work("big.tgz")
        docker = self.work("docker.tar")
        tool("skopeo", "copy", "oci:%s/big:1" % self.work("tree"), "docker-archive:%s:x:1" % docker)
        for args in (["export", ref, path], ["export", "--compress", ref, packed],
                     ["import", "ocidir://%s:1" % self.work("a"), path], ["import", "ocidir://%s:1" % self.work("b"), packed],
                     ["import", "ocidir://%s:1" % self.work("c"), docker]):
            self.assertLess(self.peak(*args), 16 << 20, args)
        self.assertEqual(sorted(os.listdir(self.work("a", "blobs", "sha256"))), sorted(os.listdir(self.work("b", "blobs", "sha256"))))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Layout folder to bundle to a tree of layout folders, and layouts that are not to be trusted."""
import json
import os

from common import Case, check_layout, images, main, tagged, FAILED, PARTIAL
from harness import tool, tree_of


def layout_references(root, triples):
    return ["ocidir://%s:%s=%s:%s" % (os.path.join(root, r), t, r, t) for r, t, _ in tagged(triples)]


class Layouts(Case):
    def test_two_bundles(self):
        first, second = images.sample_set(1), images.sample_set(2)
        root = self.seed(first)
        full = self.new_bundle(*layout_references(root, first))
        far = self.work("far")
        self.apply(full, "--to", "ocidir://" + far)
        for repository, tag, node in tagged(first):
            check_layout(os.path.join(far, repository), tag, node)

        images.write_tree(root, second)
        more = self.new_bundle(*layout_references(root, first + second))
        self.assertTrue(more.assumed)
        self.apply(more, "--to", "ocidir://" + far)
        final = {(r, t): n for r, t, n in tagged(first) + tagged(second)}
        for (repository, tag), node in final.items():
            check_layout(os.path.join(far, repository), tag, node)
            tool("skopeo", "copy", "--all", "oci:%s:%s" % (os.path.join(far, repository), tag), "dir:" + self.work.folder("skopeo", repository, tag))
        # only what a layout has: no temporary file is left anywhere
        for name in tree_of(far):
            self.assertRegex(name, r"(^|/)(index\.json|oci-layout|\.lock|blobs/sha(256|512)/[0-9a-f]+)$")

    def test_name_is_the_folder(self):
        sample = images.sample_set(1)
        root = self.seed(sample)
        bundle = self.new_bundle("ocidir://%s:v1" % os.path.join(root, "sample/app"))
        self.assertEqual(bundle.names("new"), ["app:v1"])

    def test_mount_is_a_hard_link(self):
        """A blob that two repositories share stands once on the far side's disk."""
        sample = images.sample_set(1)
        root = self.seed(sample)
        far = self.work("far")
        self.apply(self.new_bundle(*layout_references(root, sample)), "--to", "ocidir://" + far)
        shared = sample[0][2].blobs[1].digest.replace(":", "/")
        stats = [os.stat(os.path.join(far, r, "blobs", shared)) for r in ("sample/base", "sample/app")]
        self.assertEqual(stats[0].st_ino, stats[1].st_ino)

    def test_layout_to_registry(self):
        sample = images.sample_set(1)
        root = self.seed(sample)
        registry = self.docker_registry("far")
        self.apply(self.new_bundle(*layout_references(root, sample)), "--host", registry.host_flag(), "--to", registry.host)
        from common import check_all
        check_all(registry.client, tagged(sample))


class DamagedLayouts(Case):
    def damaged(self, change):
        sample = images.sample_set(1)
        root = self.seed(sample)
        node = sample[1][2]
        folder = os.path.join(root, "sample/app")
        change(folder, node)
        good = "ocidir://%s:1=good:1" % os.path.join(root, "sample/base")
        return self.export("ocidir://%s:v1=bad:1" % folder, good, status=(FAILED, PARTIAL)), node

    def blob(self, folder, digest):
        return os.path.join(folder, "blobs", digest.replace(":", "/"))

    def check_hole(self, result, digest):
        self.assertIn(digest, result.err + result.out)
        if result.status == PARTIAL:
            from bundle import Bundle
            bundle = Bundle(self.bundles()[-1])
            self.assertEqual(bundle.names("new"), ["good:1"])
            self.assertEqual([h["repository"] for h in bundle.doc["holes"]], ["bad"])

    def test_wrong_bytes(self):
        def change(folder, node):
            path = self.blob(folder, node.blobs[-1].digest)
            with open(path, "r+b") as f:
                f.seek(100)
                byte = f.read(1)[0]
                f.seek(100)
                f.write(bytes([byte ^ 1]))
        result, node = self.damaged(change)
        self.check_hole(result, node.blobs[-1].digest)

    def test_short_file(self):
        result, node = self.damaged(lambda folder, node: os.truncate(self.blob(folder, node.blobs[-1].digest), 50))
        self.check_hole(result, node.blobs[-1].digest)

    def test_missing_blob(self):
        result, node = self.damaged(lambda folder, node: os.unlink(self.blob(folder, node.blobs[-1].digest)))
        self.check_hole(result, node.blobs[-1].digest)

    def test_link_is_not_followed(self):
        def change(folder, node):
            path = self.blob(folder, node.blobs[-1].digest)
            moved = self.work("outside")
            os.rename(path, moved)
            os.symlink(moved, path)
        result, node = self.damaged(change)
        self.check_hole(result, node.blobs[-1].digest)

    def test_index_with_a_path_for_a_digest(self):
        sample = images.sample_set(1)
        root = self.seed(sample)
        path = os.path.join(root, "sample/app/index.json")
        with open(path, encoding="utf-8") as f:
            index = json.load(f)
        for entry in index["manifests"]:
            entry["digest"] = "sha256:../../../../etc/passwd"
        with open(path, "w", encoding="utf-8") as f:
            json.dump(index, f)
        self.export("ocidir://%s:v1" % os.path.dirname(path), status=(FAILED, PARTIAL))


if __name__ == "__main__":
    main()

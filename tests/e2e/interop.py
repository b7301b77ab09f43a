#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other tools read a full bundle: skopeo straight from the file, and plain tar followed by skopeo."""
import json
import os
import tarfile

from common import Case, check_all, images, main, references, tagged
from harness import skopeo_digest, tool


class FullBundle(Case):
    def setUp(self):
        super().setUp()
        self.source = self.docker_registry("source")
        self.sample = images.sample_set(1)
        images.push_all(self.source.client, self.sample)
        self.bundle = self.new_bundle("--host", self.source.host_flag(), *references(self.source, self.sample))

    def test_skopeo_reads_the_file(self):
        far = self.docker_registry("far")
        for repository, tag, node in tagged(self.sample):
            place = "oci-archive:%s:%s:%s" % (self.bundle.path, repository, tag)
            self.assertEqual(skopeo_digest(place), node.digest)
            tool("skopeo", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", place, "docker://%s/%s:%s" % (far.host, repository, tag))
        check_all(far.client, tagged(self.sample))

    def test_tar_and_skopeo(self):
        folder = self.work.folder("unpacked")
        tool("tar", "-x", "-f", self.bundle.path, "-C", folder)
        for repository, tag, node in tagged(self.sample):
            place = "oci:%s:%s:%s" % (folder, repository, tag)
            self.assertEqual(skopeo_digest(place), node.digest)
            tool("skopeo", "copy", "--all", "--preserve-digests", place, "dir:" + self.work.folder("dir", repository, tag))

    def test_other_tar_readers(self):
        """GNU tar and Python's reader see the same members, with neutral owners, times and modes."""
        names = tool("tar", "-t", "-f", self.bundle.path).split()
        self.assertEqual(names, [m.name for m in self.bundle.members])
        with tarfile.open(self.bundle.path) as tar:
            for info in tar:
                self.assertTrue(info.isreg(), info.name)
                self.assertEqual((info.mtime, info.uid, info.gid, info.uname, info.gname), (0, 0, 0, "", ""))

    def test_nothing_of_this_machine_is_inside(self):
        with open(self.bundle.path, "rb") as f:
            head = f.read(self.bundle.members[4].header_at)
        for secret in (os.uname().nodename, self.work.path, os.environ.get("USER", "root") + "@"):
            if len(secret) > 3:
                self.assertNotIn(secret.encode(), head)
        json.loads(self.bundle.read(self.bundle.members[1]))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Runs the README's five-minute tour and prints every command with what it says: where that page's output comes from. Status 1 when one fails.
With --made the images are not of Debian's packages but made up, of the same build: nothing is downloaded.
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "tests", "support"), HERE]
import harness  # noqa: E402
import make_images as images  # noqa: E402

WANTED = "near.example/debian/app:latest near.example/debian/busybox:v1=tools/busybox:stable"
ONE = ["regexport create %s -o medium" % WANTED, "regimport verify --allow-unsigned medium/*.tar",
       "regimport apply --allow-unsigned --to far.example medium/site-000001-*.tar"]
TWO = ["regexport plan " + WANTED, "regexport create --stats %s -o medium" % WANTED,
       "regimport plan --allow-unsigned --to far.example medium/site-000002-*.tar",
       "regimport apply --allow-unsigned --to far.example medium/site-000002-*.tar",
       "regimport apply --allow-unsigned --state other --to far.example/empty medium/site-000002-*.tar; echo status $?",
       "skopeo inspect --raw oci-archive:$(ls medium/site-000001-*.tar):debian/app:latest | sha256sum",
       "echo '{version: 1, retain: {graceTime: 0s, rules: [{repositories: [tools/.*], keepNone: true}]}}' > retain.yml",
       "regexport create -c retain.yml near.example/debian/app:latest -o medium",
       "regimport apply --allow-unsigned --to far.example medium/site-000003-*.tar",
       "regimport prune --plan --to far.example", "regimport prune --confirm-delete 1 --to far.example", "regexport history"]


class Made:
    """Images as samples/demo/demo.py builds them of packages: of the application two layers change, one stays."""

    def make(self, number):
        shell, data, libraries, zones = (images.random_layer("%s %d" % (n, v), 40000)
                                         for n, v in (("shell", 1), ("data", number), ("libraries", number), ("zones", number)))
        app = images.image([shell, data, libraries])
        small = [images.image([images.random_layer("busybox " + a, 30000), zones], platform="linux/" + a) for a in ("amd64", "arm64")]
        return [("debian/app", "v%d" % number, app), ("debian/app", "latest", app), ("debian/busybox", "v%d" % number, images.index(small))]


def of_packages(work):
    from debian_packages import Packages  # noqa: E402
    from demo import ROOT, Images  # noqa: E402
    packages = Packages(os.path.join(ROOT, "build", "demo", "apt"))
    packages.update()
    return Images(packages, work.folder("layers"))


def push(registry, triples):
    for triple in triples:  # two tags of one image are not to be sent at the same time
        images.push_all(registry.client, [triple])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--made", action="store_true", help="made up images instead of Debian's packages")
    args = parser.parse_args()
    failed = []
    with harness.Workspace("tour") as work:
        made = Made() if args.made else of_packages(work)
        with harness.DockerRegistry(work.folder("near")) as near, harness.DockerRegistry(work.folder("far")) as far:
            with open(work("home", ".regctl", "config.json"), "w", encoding="utf-8") as f:
                json.dump({"hosts": {"near.example": {"hostname": near.host, "tls": "disabled"},
                                     "far.example": {"hostname": far.host, "tls": "disabled"}}}, f)
            env = harness.clean_env(work("home"))
            env["PATH"] = harness.BIN + ":" + env["PATH"]
            for version, commands in ((1, ONE), (2, TWO)):
                push(near, made.make(version))
                for command in commands:
                    print("\n$ " + command, flush=True)
                    if subprocess.run(["bash", "-c", command], env=env, cwd=work.folder("tour"), stderr=subprocess.STDOUT, timeout=120, check=False).returncode != 0:
                        failed.append(command)
    for command in failed:
        print("failed: " + command, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

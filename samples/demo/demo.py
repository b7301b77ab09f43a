#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The whole job on real input: Debian's own packages as images, in two versions (a release and its security updates), two real
registries on loopback, a full and an incremental bundle between them, and every digest compared at the end. `./dev demo` runs it.
"""
import argparse
import glob
import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "support"), HERE]
import harness  # noqa: E402
import make_images as images  # noqa: E402
from bundle import Bundle  # noqa: E402
from debian_packages import ARCHITECTURES, Packages  # noqa: E402

NATIVE, OTHER = ARCHITECTURES
# name -> whether its oldest version makes version one and its newest version two
PACKAGES = ["base-files", "busybox-static", "tzdata", "ca-certificates", "libc6", "libssl3", "openssl", "dash"]


def title(text):
    print("\n\033[1m%s\033[0m" % text if sys.stdout.isatty() else "\n" + text, flush=True)


def human(size):
    for unit in ("B", "KiB", "MiB"):
        if size < 1024 or unit == "MiB":
            return "%.1f %s" % (size, unit) if unit != "B" else "%d B" % size
        size /= 1024


class Images:
    """The images of one version, from packages unpacked into layer folders."""

    def __init__(self, packages, folder):
        self.packages, self.folder = packages, folder
        self.layers = {}
        self.versions = {name: packages.versions(name, NATIVE) for name in PACKAGES}

    def version_of(self, name, number):
        found = self.versions[name]
        return found[0] if number == 1 else found[-1]

    def layer(self, number, *names, architecture=NATIVE):
        key = (architecture,) + tuple((n, self.version_of(n, number)) for n in names)
        if key not in self.layers:
            folder = os.path.join(self.folder, "layer-%d" % len(self.layers))
            for name in names:
                self.packages.unpack(name, self.version_of(name, number), architecture, folder)
            self.layers[key] = images.layer_of_folder(folder)
        return self.layers[key]

    def changed(self):
        return [n for n in PACKAGES if len(self.versions[n]) > 1]

    def make(self, number):
        """(repository, tag, node) of a version; a referrer has no tag."""
        shell = self.layer(number, "base-files", "busybox-static")
        data = self.layer(number, "tzdata", "ca-certificates")
        # Where Debian offers no update at the moment, the application gains a package instead.
        app_packages = ["libc6", "libssl3", "openssl"] + (["dash"] if number > 1 and not self.changed() else [])
        base = images.image([shell, data], labels={"version": str(number)})
        app = images.image([shell, data, self.layer(number, *app_packages)], labels={"version": str(number)})
        small = [images.image([self.layer(number, "busybox-static"), self.layer(number, "tzdata")], platform="linux/" + NATIVE)]
        small.append(images.image([self.layer(number, "busybox-static", architecture=OTHER), self.layer(number, "tzdata")],
                                  platform="linux/" + OTHER))
        chart = images.helm_chart("app", "0.%d.0" % number, {"values.yaml": b"image: debian/app:v%d\n" % number})
        return [("debian/base", "v%d" % number, base), ("debian/app", "v%d" % number, app), ("debian/app", "latest", app),
                ("debian/busybox", "v%d" % number, images.index(small)), ("charts/app", "0.%d.0" % number, chart),
                ("charts/app", None, images.signature(chart))]


class Demo:
    def __init__(self, work, verbose):
        self.work, self.verbose = work, verbose
        self.rows = []
        self.env = harness.clean_env(work.folder("home"))

    def program(self, name, *args, status=0):
        shown = [a.replace(self.work.path, "$WORK") for a in args]
        print("\n$ %s %s" % (name, " ".join(shown)), flush=True)
        result = harness.run([harness.program(name), *args], env=self.env, timeout=120)
        if result.status != status:
            sys.exit("demo: %s failed\n%s" % (name, result.text()))
        for line in (result.out + result.err).replace(self.work.path, "$WORK").splitlines():
            print("  " + line)
        return result

    def export(self, what):
        self.source.mark()
        before = set(glob.glob(self.work("medium", "*.tar")))
        result = self.program("regexport", "create", "-c", os.path.join(HERE, "carry.yml"), "--state", self.work("export-state"),
                              "-o", self.work.folder("medium"))
        bundle = Bundle((set(glob.glob(self.work("medium", "*.tar"))) - before).pop())
        self.rows.append((what + ": export", len(bundle.images("new", "changed")), len(bundle.carried), bundle.carried_bytes(),
                          len(self.source.requests()), result.seconds))
        return bundle

    def apply(self, what, bundle):
        side = ["--state", self.work("import-state"), "--allow-unsigned", "--host", self.far.host_flag(), "--to", self.far.host]
        self.program("regimport", "verify", *side[:3], bundle.path)
        self.far.mark()
        result = self.program("regimport", "apply", *side, bundle.path)
        self.rows.append((what + ": import", len(bundle.images("new", "changed")), len(bundle.carried), bundle.carried_bytes(),
                          len(self.far.requests()), result.seconds))

    def plan(self):
        self.program("regexport", "plan", "-c", os.path.join(HERE, "carry.yml"), "--state", self.work("export-state"))

    def compare(self, triples):
        """Every image comes back from the far registry by skopeo, and every digest is compared with what was made."""
        count = 0
        for repository, tag, node in triples:
            reference = "%s/%s%s" % (self.far.host, repository, ":" + tag if tag else "@" + node.digest)
            seen = harness.skopeo_digest("--tls-verify=false", "docker://" + reference)
            if seen != node.digest:
                sys.exit("demo: %s is %s, wanted %s" % (reference, seen, node.digest))
            harness.check_image(self.far.client, repository, tag or node.digest, node)
            if tag and not repository.startswith("charts/"):
                folder = self.work("pulled", repository.replace("/", "-") + "-" + tag)
                harness.tool("skopeo", "copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false",
                             "docker://" + reference, "oci:%s:%s" % (folder, tag))
                harness.check_layout(folder, tag, node)
            count += len(node.content())
        print("%d images pulled back, %d digests compared, all equal" % (len(triples), count))

    def table(self):
        head = ("", "images", "blobs", "bytes carried", "requests", "seconds")
        rows = [head] + [(w, str(i), str(b), human(s), str(r), "%.2f" % t) for w, i, b, s, r, t in self.rows]
        widths = [max(len(r[c]) for r in rows) for c in range(len(head))]
        for row in rows:
            print("  ".join(cell.ljust(w) if c == 0 else cell.rjust(w) for c, (cell, w) in enumerate(zip(row, widths))))

    def run(self, cache):
        started = time.monotonic()
        title("Images from Debian packages")
        packages = Packages(os.path.join(cache, "apt"))
        packages.update()
        made = Images(packages, self.work.folder("layers"))
        first, second = made.make(1), made.make(2)
        for name in PACKAGES:
            old, new = made.version_of(name, 1), made.version_of(name, 2)
            print("  %-16s %s" % (name, old if old == new else "%s -> %s" % (old, new)))
        print("  %d images and artifacts in each version, for %s and %s (%.1f s)" % (
            len(first), NATIVE, OTHER, time.monotonic() - started))

        with harness.DockerRegistry(self.work.folder("source")) as self.source, harness.DockerRegistry(self.work.folder("far")) as self.far:
            self.env["DEMO_SOURCE"] = self.source.host
            images.push_all(self.source.client, first)
            print("  connected side: docker-registry at %s; disconnected side: docker-registry at %s" % (self.source.host, self.far.host))

            title("Version one goes over in full")
            full = self.export("full")
            self.apply("full", full)

            title("Version two appears on the connected side; only the difference goes over")
            images.push_all(self.source.client, second)
            self.plan()
            more = self.export("incremental")
            self.apply("incremental", more)

            title("Is it all there?")
            final = {(r, t or n.digest): (r, t, n) for r, t, n in first + second}
            self.compare(list(final.values()))

        title("Result")
        self.table()
        print("\nThe incremental bundle carries %.1f %% of the bytes that a full one of the same state would." % (
            100.0 * more.carried_bytes() / sum(len(d) for d in {k: v for _, _, n in first + second for k, v in n.content().items()}.values())))
        print("All in %.1f s." % (time.monotonic() - started))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", default=os.path.join(ROOT, "build", "demo"), help="where downloaded packages are kept")
    parser.add_argument("--images", metavar="FOLDER", help="only make the images, as a tree of layouts in FOLDER")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    os.makedirs(args.cache, exist_ok=True)
    for name in ("docker-registry", "skopeo", "dpkg-deb", "apt-get"):
        if not shutil.which(name):
            sys.exit("demo: %s is missing; run ./dev setup" % name)
    with harness.Workspace("demo") as work:
        if args.images:
            packages = Packages(os.path.join(args.cache, "apt"))
            packages.update()
            made = Images(packages, work.folder("layers"))
            images.write_tree(args.images, made.make(1) + made.make(2))
        else:
            Demo(work, args.verbose).run(args.cache)
    return 0


if __name__ == "__main__":
    sys.exit(main())

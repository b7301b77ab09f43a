#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Export, import and copy against skopeo (and crane where installed), in the same run, on the same registries: wall time, CPU time, peak
memory, bytes, requests; and how fast a program starts, against curl. `./dev bench` runs it; `./dev bench
--only big,small,nothing,copy,sync,startup,lua,memory,wrongbase` takes parts; --quick is a short run.
"""
import argparse
import collections
import glob
import json
import os
import shlex
import shutil
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import harness  # noqa: E402
import make_images as images  # noqa: E402
from bundle import Bundle  # noqa: E402

MIB = 1 << 20


class Line:
    """One measured run."""

    def __init__(self, who, result, requests, size):
        self.who, self.wall, self.cpu, self.rss = who, result.seconds, result.cpu, result.peak_rss
        self.requests, self.size = requests, size

    def record(self):
        return {"who": self.who, "wall_s": round(self.wall, 3), "cpu_s": round(self.cpu, 3), "peak_mib": round(self.rss / MIB, 1),
                "requests": self.requests, "bytes": self.size}


class Bench:
    def __init__(self, work, args):
        self.work, self.args = work, args
        self.env = harness.clean_env(work.folder("home"))
        self.report = {}

    def run(self, argv, timeout=1800, status=0, **how):
        # through time(1): a child of this large process would be charged with its memory
        peak = self.work("peak")
        result = harness.run(["/usr/bin/time", "-o", peak, "-f", "%M", *argv], env=self.env, timeout=timeout, **how)
        if result.status != status:
            sys.exit("bench: wanted status %d\n%s" % (status, result.text()))
        with open(peak, encoding="ascii") as f:
            result.peak_rss = int(f.read().split()[-1]) << 10
        return result

    def measured(self, who, argv, registry, size_of, before=None, times=1):
        """The fastest of `times` runs. before() puts things back to the start; size_of() gives the bytes that came of it."""
        best = None
        for _ in range(times):
            if before:
                before()
            if registry:
                registry.mark()
            result = self.run(argv)
            line = Line(who, result, len(registry.requests()) if registry else None, size_of() if size_of else None)
            if best is None or line.wall < best.wall:
                best = line
        return best

    def show(self, title, lines, targets=None):
        ours, peers = lines[0], [l for l in lines[1:] if l]
        print("\n" + title)
        print("  %-34s %9s %9s %10s %9s %14s" % ("", "wall s", "CPU s", "peak MiB", "requests", "bytes"))
        for line in [ours] + peers:
            print("  %-34s %9.2f %9.2f %10.1f %9s %14s" % (line.who, line.wall, line.cpu, line.rss / MIB, line.requests, line.size))
        if peers:
            wall, cpu, rss = (min(getattr(p, k) for p in peers) for k in ("wall", "cpu", "rss"))
            print("  %-34s %9.2f %9.2f %10.2f   %s" % ("ratio to the best of the others", ours.wall / wall, ours.cpu / cpu, ours.rss / rss, targets or ""))
        elif targets:
            print("  " + targets)
        self.report[title] = [l.record() for l in [ours] + peers]

    # --- places ---

    def fresh(self, *names):
        for name in names:
            shutil.rmtree(self.work(name), ignore_errors=True)

    def export_command(self, source, references, *more, state="export-state", out="out"):
        return [harness.program("regexport"), "create", "--state", self.work(state), "-o", self.work(out), "--host", source.host_flag(),
                *more, *references]

    def apply_command(self, far, bundle):
        return [harness.program("regimport"), "apply", "--state", self.work("import-state"), "--allow-unsigned", "--host", far.host_flag(),
                "--to", far.host, bundle]

    def only_bundle(self, out="out"):
        return glob.glob(os.path.join(self.work(out), "*.tar"))[0]

    def script(self, name, lines):
        """One shell that runs all the lines, so that its CPU time is the sum."""
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("set -e\n" + "".join(" ".join(shlex.quote(str(w)) for w in line) + " >/dev/null\n" for line in lines))
        return ["/bin/sh", path]

    def empty_registry(self, name):
        """Stops the far registry, empties its storage and starts it again on its port."""
        far = self.far
        far.stop()
        shutil.rmtree(os.path.join(far.folder, "storage"))
        far.start()

    def tree_size(self, folder):
        return sum(size for size, _ in ((os.path.getsize(os.path.join(b, n)), n) for b, _, f in os.walk(folder) for n in f))

    # --- the parts ---

    def big(self):
        size = (30 if self.args.quick else 150) * 1000 * 1000
        node = images.big_image(size)
        images.push(self.source.client, "big/image", "v1", node)
        name, times = "big/image:v1", 1 if self.args.quick else 3
        archive = self.work("skopeo.tar")
        lines = [
            self.measured("regexport create", self.export_command(self.source, [self.source.host + "/" + name]), self.source,
                          lambda: os.path.getsize(self.only_bundle()), lambda: self.fresh("export-state", "out"), times),
            self.measured("skopeo copy oci-archive:", ["skopeo", "copy", "--src-tls-verify=false", "docker://%s/%s" % (self.source.host, name),
                                                       "oci-archive:%s:%s" % (archive, name)], self.source, lambda: os.path.getsize(archive),
                          lambda: os.path.exists(archive) and os.unlink(archive), times)]
        if shutil.which("crane"):
            crane = self.work("crane")
            lines.append(self.measured("crane pull --format=oci", ["crane", "pull", "--insecure", "--format=oci", "%s/%s" % (self.source.host, name), crane],
                                       self.source, lambda: self.tree_size(crane), lambda: self.fresh("crane"), times))
        self.show("Export of one image of %d MB" % (size // 1000000), lines, "wanted: wall and CPU <= 1, under 16 MiB")
        bundle = self.only_bundle()

        def empty():
            self.empty_registry("far")
            self.fresh("import-state")

        lines = [
            self.measured("regimport apply", self.apply_command(self.far, bundle), self.far, None, empty, times),
            self.measured("skopeo copy oci-archive: docker:", ["skopeo", "copy", "--dest-tls-verify=false", "oci-archive:%s:%s" % (archive, name),
                                                               "docker://%s/%s" % (self.far.host, name)], self.far, None, empty, times)]
        self.show("Import of one image of %d MB" % (size // 1000000), lines, "wanted: under 16 MiB")
        harness_check(self.far, "big/image", "v1", node)

    def small(self):
        count = 100 if self.args.quick else 1000
        triples = list(images.small_images(count, 66_000_000 * count // 1000))
        images.push_all(self.source.client, triples)
        names = ["%s:%s" % (r, t) for r, t, _ in triples]
        references = [self.source.host + "/" + n for n in names]
        layout = self.work.folder("skopeo-layout")
        loop = self.script("skopeo-out.sh", [["skopeo", "copy", "--src-tls-verify=false", "docker://" + r, "oci:%s:%s" % (layout, n)]
                                             for r, n in zip(references, names)])
        lines = [
            self.measured("regexport create", self.export_command(self.source, references, state="small-state", out="small-out"), self.source,
                          lambda: os.path.getsize(self.only_bundle("small-out")), lambda: self.fresh("small-state", "small-out"), 1 if self.args.quick else 3),
            self.measured("skopeo copy into one layout, %d x" % count, loop, self.source, lambda: self.tree_size(layout))]
        if shutil.which("crane"):
            crane = self.work("crane-small")
            lines.append(self.measured("crane pull --format=oci", ["crane", "pull", "--insecure", "--format=oci", *references, crane],
                                       self.source, lambda: self.tree_size(crane), lambda: self.fresh("crane-small")))
        self.show("Export of %d small images (%d MB unique)" % (count, 66 * count // 1000), lines, "wanted: wall and CPU <= 0.5")

        def empty():
            self.empty_registry("far")
            self.fresh("import-state")

        back = self.script("skopeo-in.sh", [["skopeo", "copy", "--dest-tls-verify=false", "oci:%s:%s" % (layout, n), "docker://%s/%s" % (self.far.host, n)]
                                            for n in names])
        skopeo = self.measured("skopeo copy from one layout, %d x" % count, back, self.far, None, empty)
        ours = self.measured("regimport apply", self.apply_command(self.far, self.only_bundle("small-out")), self.far, None, empty, 1 if self.args.quick else 3)
        self.show("Import of %d small images" % count, [ours, skopeo])
        for repository, tag, node in triples[:: max(1, count // 20)]:
            harness_check(self.far, repository, tag, node)
        self.small_references = references

    def nothing(self):
        if not hasattr(self, "small_references"):
            sys.exit("bench: `nothing` needs `small` before it")
        self.source.mark()
        before = set(glob.glob(os.path.join(self.work("small-out"), "*.tar")))
        result = self.run(self.export_command(self.source, self.small_references, state="small-state", out="small-out"))
        bundle = Bundle((set(glob.glob(os.path.join(self.work("small-out"), "*.tar"))) - before).pop())
        requests = self.source.requests()
        line = Line("regexport create", result, len(requests), bundle.size)
        count = len(self.small_references)
        heads = sum(1 for m, _, _ in requests if m == "HEAD")
        self.show("Nothing changed, %d images" % count, [line], "wanted: %d HEADs (found %d, %d other), at most 64 KiB + one line per image (found %d bytes, lines of about %d)" % (
            count, heads, len(requests) - heads, bundle.size, sum(len(json.dumps(i)) for i in bundle.doc["images"]) // count))
        self.far.mark()
        result = self.run(self.apply_command(self.far, bundle.path))
        self.show("Nothing changed, import", [Line("regimport apply", result, len(self.far.requests()), 0)])

    def copy(self):
        """One image from registry to registry; the target is emptied before each run."""
        size = (30 if self.args.quick else 150) * 1000 * 1000
        node = images.big_image(size)
        images.push(self.source.client, "big/image", "v1", node)
        near, far = ("%s/big/image:v1" % r.host for r in (self.source, self.far))
        times = 1 if self.args.quick else 5

        def empty():
            self.empty_registry("far")

        ours = self.measured("regctl image copy", [harness.program("regctl"), "image", "copy", "--host", self.source.host_flag(),
                                                   "--host", self.far.host_flag(), near, far], self.far, None, empty, times)
        harness_check(self.far, "big/image", "v1", node)
        lines = [ours, self.measured("skopeo copy docker:// docker://", ["skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false",
                                                                         "docker://" + near, "docker://" + far], self.far, None, empty, times)]
        if shutil.which("crane"):
            lines.append(self.measured("crane copy", ["crane", "copy", "--insecure", near, far], self.far, None, empty, times))
        self.show("Copy of one image of %d MB between registries" % (size // 1000000), lines, "wanted: wall <= 1, CPU < 1, under 16 MiB")

    def sync(self):
        """A whole registry of images kept the same: first all of them, then nothing has changed."""
        repositories, tags = (20, 5) if self.args.quick else (100, 10)
        count = repositories * tags
        triples = [("sync/" + r.split("/", 1)[1], t, n) for r, t, n in images.small_images(count, 4_000_000 + 22_000 * count, repositories, "sync")]
        images.push_all(self.source.client, triples)
        config, theirs = self.work("regsync.yml"), self.work("skopeo-sync.yml")
        with open(config, "w", encoding="utf-8") as f:
            f.write("sync:\n- {source: '%s', target: '%s', type: registry, repos: {allow: [sync/.*]}}\n" % (
                self.source.host, self.far.host))
        with open(theirs, "w", encoding="utf-8") as f:
            lists = {}
            for repository, tag, _ in triples:
                lists.setdefault(repository, []).append(tag)
            f.write("'%s':\n  tls-verify: false\n  images:\n%s" % (
                self.source.host, "".join("    %s: [%s]\n" % (r, ", ".join(t)) for r, t in lists.items())))
        hosts = ["--host", self.source.host_flag(), "--host", self.far.host_flag()]
        ours = [harness.program("regsync"), "once", "-c", config, "-v", "warn", *hosts]
        skopeo = ["skopeo", "sync", "--src", "yaml", "--dest", "docker", "--dest-tls-verify=false", theirs, self.far.host]

        def empty():
            self.empty_registry("far")

        peer = self.measured("skopeo sync", skopeo, self.far, None, empty)
        again_peer = self.measured("skopeo sync", skopeo, self.far, None)
        first = self.measured("regsync once", ours, self.far, None, empty)
        self.show("First sync of %d images in %d repositories" % (count, repositories), [first, peer], "wanted: wall and CPU <= 1")
        for repository, tag, node in triples[:: max(1, count // 20)]:
            harness_check(self.far, repository, tag, node)
        again = self.measured("regsync once", ours, self.far, None, None, 1 if self.args.quick else 3)
        heads = collections.Counter(m for m, _, _ in self.far.requests())
        self.show("The same, nothing changed", [again, again_peer], "wanted: at most 1 s, %d HEADs at the target (found %s)" % (count, dict(heads)))
        self.floor(ours, 1)
        # Most of what a HEAD costs these registries is their collection of garbage; with less of it one sees what is ours.
        for registry in (self.source, self.far):
            registry.restart(GOGC="400")
        self.floor(ours, 1 if self.args.quick else 5)
        for registry in (self.source, self.far):
            registry.restart()

    def floor(self, argv, times):
        """How much of a run is spent by the registries themselves: with N cores no client is faster than their time divided by N."""
        best = None
        for _ in range(times):
            before = sum(r.cpu_seconds() for r in (self.source, self.far))
            result = self.run(argv)
            used = sum(r.cpu_seconds() for r in (self.source, self.far)) - before
            if best is None or result.seconds < best[0].seconds:
                best = result, used
        cores = os.cpu_count()
        garbage = self.source.environment.get("GOGC", "100")
        print("  registries with GOGC=%s: wall %.2f s; they use %.2f s CPU, on %d cores a floor of %.2f s for any client; our own CPU %.2f s" % (
            garbage, best[0].seconds, best[1], cores, best[1] / cores, best[0].cpu))
        self.report["The same, nothing changed, GOGC=" + garbage] = {
            "wall_s": round(best[0].seconds, 2), "registries_cpu_s": round(best[1], 2), "own_cpu_s": round(best[0].cpu, 2)}

    def startup(self):
        """The medians of many starts, taken in turns so that whatever else the machine does meets both."""
        commands = [[harness.program("regctl"), "version"], [shutil.which("curl"), "--version"]]
        if not commands[1][0]:
            print("\nStart-up: there is no curl to compare with")
            return
        seen = [[], []]
        for _ in range(40 if self.args.quick else 400):
            for times, argv in zip(seen, commands):
                begun = time.perf_counter()
                pid = os.posix_spawn(argv[0], argv, self.env, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
                if os.waitpid(pid, 0)[1] != 0:
                    sys.exit("bench: %s fails" % " ".join(argv))
                times.append(time.perf_counter() - begun)
        ours, peer = (statistics.median(times) * 1000 for times in seen)
        print("\nStart-up, median of %d starts\n  regctl version %.2f ms, curl --version %.2f ms: ratio %.2f   wanted: <= 0.8" % (
            len(seen[0]), ours, peer, ours / peer))
        self.report["Start-up"] = {"regctl version_ms": round(ours, 2), "curl --version_ms": round(peer, 2), "ratio": round(ours / peer, 2)}

    def lua_file(self, text):
        path = self.work("calls.lua")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def lua(self):
        """Calls of a script, each through its process and back, against the same requests by curl over one connection; and what a script costs to start."""
        count = 1000 if self.args.quick else 10000
        node = images.image([images.random_layer("lua", 3000)])
        for k in range(20):
            images.push(self.source.client, "lua/app", "v%d" % k, node)
        ref, url = self.source.host + "/lua/app", "http://%s/v2/lua/app" % self.source.host
        accept = ["-H", "Accept: application/vnd.oci.image.manifest.v1+json"]
        cases = [("manifest.head", "manifest.head('%s:v1')" % ref, ["-I", *accept, url + "/manifests/v1?n=[1-%d]" % count]),
                 ("tag.ls", "tag.ls('%s')" % ref, [url + "/tags/list?k=[1-%d]" % count]),
                 ("manifest.get, one field", "assert(manifest.get('%s:v1').layers[1].size > 0)" % ref, [*accept, url + "/manifests/v1?n=[1-%d]" % count])]
        regbot = [harness.program("regbot"), "run", "-v", "warn", "--host", self.source.host_flag()]
        for name, call, request in cases:
            path = self.lua_file("for i = 1, %d do %s end" % (count, call))
            lines = [self.measured("regbot run", [*regbot, path], self.source, None),
                     self.measured("curl", ["curl", "-s", "-o", os.devnull, *request], self.source, None)]
            self.show("%d calls of %s" % (count, name), lines)
        # Without a request: what the way to the other process and back costs.
        path = self.lua_file("local m = manifest.get('%s:v1') for i = 1, %d do m:export() end" % (ref, count))
        self.show("%d calls that ask nobody (m:export())" % count, [self.measured("regbot run", [*regbot, path], self.source, None)])
        seen, empty = [[], []], self.lua_file("")
        for _ in range(20 if self.args.quick else 200):
            for took, argv in zip(seen, ([regbot[0], "run", empty], [harness.program("regctl"), "version"])):
                begun = time.perf_counter()
                if os.waitpid(os.posix_spawn(argv[0], argv, self.env, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]), 0)[1] != 0:
                    sys.exit("bench: %s fails" % " ".join(argv))
                took.append(time.perf_counter() - begun)
        script, nothing = (statistics.median(took) * 1000 for took in seen)
        print("\nA script that does nothing, median of %d: %.2f ms; regctl version: %.2f ms" % (len(seen[0]), script, nothing))
        self.report["Lua start-up"] = {"regbot run_ms": round(script, 2), "regctl version_ms": round(nothing, 2)}

    def synthetic(self, *options):
        process = harness.start_process([sys.executable, os.path.join(HERE, "synthetic_registry.py"), *options], stdout=-1)
        port = int(process.stdout.readline())
        process.host = "127.0.0.1:%d" % port
        process.host_flag = lambda: "reg=%s,tls=disabled" % process.host
        return process

    def memory(self):
        count, layers = (10, 100) if self.args.quick else (100, 1000)
        source = self.synthetic("--images", str(count), "--layers", str(layers))
        far = self.synthetic("--empty")
        references = ["%s/synthetic/img%d:v1" % (source.host, k) for k in range(count)]
        ours = self.measured("regexport create", self.export_command(source, references, state="syn-state", out="syn-out"), None,
                             lambda: os.path.getsize(self.only_bundle("syn-out")))
        self.show("Export of %d blobs" % (count * layers), [ours], "wanted: under 64 MiB")
        ours = self.measured("regimport apply", self.apply_command(far, self.only_bundle("syn-out")), None, None, lambda: self.fresh("import-state"))
        self.show("Import of %d blobs" % (count * layers), [ours], "wanted: under 64 MiB")
        for process in (source, far):
            harness.stop_process(process)

    def wrongbase(self):
        """An incremental bundle on 10,000 blobs that the far side does not have, at 1 ms a request."""
        source = self.synthetic("--images", "10", "--layers", "1000")
        far = self.synthetic("--empty", "--delay-ms", "1")
        references = ["%s/synthetic/img%d:v1" % (source.host, k) for k in range(10)]
        self.run(self.export_command(source, references, state="wrong-state", out="wrong-out"))
        self.fresh("wrong-out")
        # The same layers under other names: new images whose every blob is assumed.
        renamed = ["%s=elsewhere/img%d:v2" % (r, k) for k, r in enumerate(references)]
        self.run(self.export_command(source, references + renamed, state="wrong-state", out="wrong-out"))
        result = self.run(self.apply_command(far, self.only_bundle("wrong-out")), timeout=300, status=5)
        self.show("Wrong base, 10,000 blobs at 1 ms", [Line("regimport apply", result, None, None)], "wanted: refused in under 10 s")
        for process in (source, far):
            harness.stop_process(process)

    def all(self):
        with harness.DockerRegistry(self.work.folder("source")) as self.source, harness.DockerRegistry(self.work.folder("far")) as self.far:
            for part in self.args.only.split(","):
                getattr(self, part)()
        os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
        with open(os.path.join(ROOT, "build", "bench.json"), "w", encoding="utf-8") as f:
            json.dump(self.report, f, indent=1)
        print("\nThe figures are in build/bench.json as well.")


def harness_check(registry, repository, tag, node):
    harness.check_image(registry.client, repository, tag, node)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="big,small,nothing,copy,sync,startup,lua,memory,wrongbase")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    with harness.Workspace("bench") as work:
        Bench(work, args).all()
    return 0


if __name__ == "__main__":
    sys.exit(main())

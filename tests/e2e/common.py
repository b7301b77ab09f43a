# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test needs: a work folder, the programs, both sides' state folders, and clear failures."""
import glob
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness  # noqa: E402
import make_images as images  # noqa: E402
from bundle import Bundle  # noqa: E402
from harness import DockerRegistry, ScriptedRegistry, Workspace, check_all, check_image, check_layout, program, run  # noqa: E402,F401

DONE, FAILED, USAGE, PARTIAL, DAMAGED, GROUND, REFUSED, NO_SPACE, BUSY = range(9)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.work = Workspace(type(self).__name__.lower())
        self.addCleanup(self.work.close)
        self.env = harness.clean_env(self.work.folder("home"))

    # --- places ---

    def enter(self, context):
        """Starts a registry or service and stops it at the end of the test."""
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def docker_registry(self, name, **how):
        return self.enter(DockerRegistry(self.work.folder(name), **how))

    def scripted(self, name, profile=None, seed=None, **how):
        return self.enter(ScriptedRegistry(self.work.folder(name), profile, seed, **how))

    def seed(self, triples, name="seed"):
        """A tree of layouts that a scripted registry starts from."""
        root = self.work.folder(name)
        images.write_tree(root, triples)
        return root

    # --- programs ---

    def expect(self, result, status, note=""):
        wanted = (status,) if isinstance(status, int) else tuple(status)
        if result.status not in wanted:
            self.fail("%swanted status %s\n%s" % (note and note + ": ", wanted, result.text()))
        return result

    def program(self, name, *args, status=DONE, **how):
        how.setdefault("env", self.env)
        return self.expect(run([program(name), *args], **how), status)

    def export(self, *args, state="export-state", out="out", status=DONE, action="create", **how):
        folder = out if out in ("-", None) else self.work(out)
        where = ["-o", folder] if folder and action == "create" else []
        return self.program("regexport", action, "--state", self.work(state), *where, *args, status=status, **how)

    def importer(self, action, *args, state="import-state", status=DONE, **how):
        return self.program("regimport", action, "--state", self.work(state), "--allow-unsigned", *args, status=status, **how)

    def apply(self, bundle, *args, **how):
        path = bundle.path if isinstance(bundle, Bundle) else bundle
        return self.importer("apply", *args, path, **how)

    def bundles(self, out="out"):
        return sorted(glob.glob(os.path.join(self.work(out), "*.tar")), key=lambda p: (os.path.getmtime(p), p))

    def new_bundle(self, *args, out="out", **how):
        """Exports and gives the one bundle that came of it, checked by the second reader."""
        before = set(self.bundles(out))
        result = self.export(*args, out=out, **how)
        fresh = [p for p in self.bundles(out) if p not in before]
        if len(fresh) != 1:
            self.fail("wanted one new bundle, found %s\n%s" % (fresh, result.text()))
        leftovers = [n for n in os.listdir(self.work(out)) if not n.endswith(".tar")]
        self.assertEqual(leftovers, [], "something is left beside the bundle")
        bundle = Bundle(fresh[0])
        bundle.result = result
        return bundle

    # --- messages ---

    def assert_one_line(self, result, *parts):
        """The error is one line on stderr that names each part; nothing of it is on stdout."""
        lines = [l for l in result.err.splitlines() if l.strip()]
        errors = [l for l in lines if re.match(r"^(reg\w+|error|ERROR)\b", l)] or lines
        if len(errors) != 1:
            self.fail("wanted one line of error\n" + result.text())
        for part in parts:
            if not re.search(part, errors[0]):
                self.fail("the error does not name %r\n%s" % (part, result.text()))


def references(registry, triples, tagged=True):
    """The command-line references of a set of images in a registry."""
    found = []
    for repository, tag, node in triples:
        if tag and not tag.startswith("sha256-"):
            found.append("%s/%s:%s" % (registry.host, repository, tag))
        elif not tag and not tagged:
            found.append("%s/%s@%s" % (registry.host, repository, node.digest))
    return found


def tagged(triples):
    """Only what has an ordinary tag: without referrers and digest tags."""
    return [t for t in triples if t[1] and not t[1].startswith("sha256-")]


def closure_ok(client, repository, reference):
    """Everything below a reference is there with the right bytes."""
    return harness.closure(client, repository, reference)


def main():
    unittest.main(verbosity=2, warnings="ignore")

# SPDX-License-Identifier: Apache-2.0
"""Four bundles of one site, each building on the one before, from layouts into layouts: the scene of the tests of repairs, orders and what comes back."""
import json
import os

from common import Case, DONE, check_layout, images

SITE = "site"


def layer(name, size=3000):
    return images.random_layer(name, size)


def lineage():
    """Four states of a site, each with all images of the one before: what each bundle brings."""
    base, app = layer("base", 20000), {n: layer("app%d" % n, 4000 + n) for n in range(1, 5)}
    brought = [
        [("app", "1", images.image([base, app[1]])), ("lib", "1", images.image([base, layer("lib")]))],
        [("app", "2", images.image([base, app[1], app[2]]))],
        [("app", "3", images.image([base, app[2], app[3]])),
         ("tool", "1", images.index([images.image([base, layer("tool-" + a)], platform="linux/" + a) for a in ("amd64", "arm64")]))],
        [("app", "4", images.image([base, app[3], app[4]]))],
    ]
    return brought


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def nodes_of(node):
    return set(node.content())


class Lineage(Case):
    def setUp(self):
        super().setUp()
        self.brought = lineage()
        self.everything = [t for more in self.brought for t in more]
        self.root = self.seed(self.everything)
        self.far = self.work("far")

    # --- both sides ---

    def reference(self, triple):
        return "ocidir://%s:%s=%s:%s" % (os.path.join(self.root, triple[0]), triple[1], triple[0], triple[1])

    def state_bundle(self, n, *args, **how):
        """A bundle for the first n states."""
        return self.new_bundle(*args, *[self.reference(t) for more in self.brought[:n] for t in more], **how)

    def four(self):
        return [self.state_bundle(n) for n in range(1, 5)]

    def to(self, far=None):
        return ["--to", "ocidir://" + (far or self.far)]

    def ask(self, bundle, *args, name="request.json", status=DONE, **how):
        path = self.work(name)
        result = self.importer("request", *(args or self.to()), "-o", path, bundle.path, status=status, **how)
        return path, result

    def answer(self, path, *args, out="out", **how):
        return self.new_bundle("--request", path, *args, out=out, **how)

    def inventory(self, *args, state="import-state", status=DONE):
        return self.program("regimport", "inventory", "--state", self.work(state), *args, status=status)

    def check_far(self, triples, far=None):
        for repository, tag, node in triples:
            check_layout(os.path.join(far or self.far, repository), tag, node)

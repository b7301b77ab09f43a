#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Missing ground: an incremental bundle whose base is not whole at the destination is refused before anything is written."""
import http.server
import os
import re
import threading

from common import Case, DONE, FAILED, GROUND, check_all, images, main, references, tagged


class NoRegistry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class MissingGround(Case):
    def two_bundles(self):
        first, second = images.sample_set(1), images.sample_set(2)
        source = self.scripted("source", seed=self.seed(first + second))
        hosts = ["--host", source.host_flag()]
        full = self.new_bundle(*hosts, *references(source, first))
        more = self.new_bundle(*hosts, *references(source, first + second))
        return full, more, first, second

    def test_empty_registry(self):
        _, more, first, second = self.two_bundles()
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        result = self.apply(more, *to, status=GROUND)
        self.assertEqual(far.write_requests(), [], "nothing is written when ground is missing")
        text = result.err + result.out
        for digest in more.assumed:
            self.assertIn(digest, text, "every missing digest is named in full")
        self.assertIn("sample/app:v2", text, "ground is listed by image")

    def test_plan_says_the_same(self):
        _, more, _, _ = self.two_bundles()
        far = self.scripted("far")
        self.importer("plan", "--host", far.host_flag(), "--to", far.host, more.path, status=GROUND)
        self.assertEqual(far.write_requests(), [])

    def test_one_blob_gone(self):
        full, more, first, second = self.two_bundles()
        far = self.scripted("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        self.apply(full, *to)
        victim = first[1][2].blobs[1].digest  # the base layer that both versions of sample/app have
        self.assertIn(victim, more.assumed)
        for repository in ("sample/app", "sample/base", "sample/multi", "sample/cnab"):
            far.client.call("DELETE", "/v2/%s/blobs/%s" % (repository, victim), want=(202,))
        before = far.state()["tags"]
        far.clear_log()
        result = self.apply(more, *to, status=GROUND)
        self.assertIn(victim, result.err + result.out)
        self.assertEqual(far.write_requests(), [])
        self.assertEqual(far.state()["tags"], before)

        # Another repository of the bundle still has it: it is mounted or moved from there, not missed.
        far.client.put_blob("sample/base", first[1][2].blobs[1].data)
        result = self.apply(more, *to, status=(DONE, GROUND))
        if result.status == DONE:
            check_all(far.client, tagged(first + second)[-1:])

    def test_registry_that_lies_about_head(self):
        """HEAD finds the blobs, GET does not: after a garbage collection some registries do this."""
        full, more, first, second = self.two_bundles()
        far = self.scripted("far", {"rules": [{"match": {"method": "GET", "path": "/blobs/sha", "count": 0},
                                                "action": {"type": "status", "status": 404}}]},
                            seed=self.seed(first, "far-seed"))
        result = self.apply(more, "--host", far.host_flag(), "--to", far.host, status=GROUND)
        self.assertEqual(far.write_requests(), [])
        self.assertTrue(re.search("sha256:[0-9a-f]{64}", result.err + result.out))

    def test_layout_tree(self):
        _, more, _, _ = self.two_bundles()
        far = self.work("far-tree")
        self.apply(more, "--to", "ocidir://" + far, status=GROUND)
        self.assertFalse(os.path.exists(far) and os.listdir(far), "nothing was made at the destination")

    def test_could_not_tell_is_not_yes(self):
        """Ground that cannot be asked for is a failure, neither there nor missing."""
        _, more, first, _ = self.two_bundles()
        far = self.scripted("far", {"rules": [{"match": {"method": ["GET", "HEAD"], "path": "/blobs/sha", "count": 0},
                                                "action": {"type": "status", "status": 403}}]}, seed=self.seed(first, "far-seed"))
        result = self.apply(more, "--host", far.host_flag(), "--to", far.host, status=range(1, 9))
        self.assertNotEqual(result.status, GROUND)
        self.assertEqual(far.write_requests(), [])

    def test_a_server_that_is_no_registry(self):
        """A proxy whose registry is down answers 404 to everything: that is neither an empty destination nor one from which a bundle was taken back."""
        full, more, _, _ = self.two_bundles()
        far = self.docker_registry("far")
        to = ["--host", far.host_flag(), "--to", far.host]
        self.apply(full, *to)
        far.stop()
        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", far.port), NoRegistry)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        written = self.work("request.json")
        for args in (["plan", more.path], ["apply", more.path], ["request", "-o", written, more.path]):
            result = self.importer(*args, *to, status=FAILED)
            self.assertIn("does not answer as a registry", result.err)
        for args in (["inventory", "-o", written], ["rollback", "--plan"], ["rollback"]):
            result = self.program("regimport", args[0], "--state", self.work("import-state"), *args[1:], *to, status=FAILED)
            self.assertIn("does not answer as a registry", result.err)
        self.assertFalse(os.path.exists(written))
        with open(self.work("import-state", "applied.json"), encoding="utf-8") as f:
            self.assertNotRegex(f.read(), r'"takenBack":"')

    def test_a_login_is_wanted(self):
        """The message says how to give one."""
        _, more, _, _ = self.two_bundles()
        far = self.docker_registry("far", htpasswd=("user", "pass"))
        result = self.apply(more, "--host", far.host_flag(login=False), "--to", far.host, status=FAILED)
        self.assertIn("give a login with", result.err)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A secret given in any way is in no output, no bundle, no state, and not in the arguments that other users can see."""
import base64
import json
import os

from common import Case, DONE, FAILED, PARTIAL, images, main, references
from harness import program, start_process, stop_process, wait_for

CANARY = "canary-Secret-7f3a9"


class Secrets(Case):
    def setUp(self):
        super().setUp()
        self.sample = images.sample_set(1)
        self.profile = {"options": {"auth": {"type": "bearer", "user": "carrier", "pass": CANARY, "refresh_token": "refresh-" + CANARY}}}

    def no_canary(self, *results):
        forms = [CANARY, base64.b64encode(("carrier:" + CANARY).encode()).decode()]
        for result in results:
            for text in (result.out, result.err):
                for form in forms:
                    self.assertNotIn(form, text, result.argv[:3])
        for base, folders, files in os.walk(self.work.path):
            if base == self.work.path:  # where the test itself puts the secret
                folders[:] = [f for f in folders if not f.startswith(("source", "far", "login"))]
            for name in files:
                with open(os.path.join(base, name), "rb") as f:
                    data = f.read()
                for form in forms:
                    self.assertNotIn(form.encode(), data, os.path.join(base, name))

    def ways(self, host):
        login = self.work("login", "pass")
        with open(login, "w", encoding="utf-8") as f:
            f.write(CANARY + "\n")
        docker = self.work("login", "docker", "config.json")
        with open(docker, "w", encoding="utf-8") as f:
            json.dump({"auths": {host: {"auth": base64.b64encode(("carrier:" + CANARY).encode()).decode()}}}, f)
        regctl = self.work("login", "regctl.json")
        with open(regctl, "w", encoding="utf-8") as f:
            json.dump({"hosts": {host: {"tls": "disabled", "user": "carrier", "pass": CANARY}}}, f)
        yaml = self.work("login", "config.yml")
        with open(yaml, "w", encoding="utf-8") as f:
            f.write('creds:\n  - registry: %s\n    tls: disabled\n    user: carrier\n    pass: \'{{env "RF_CANARY"}}\'\n' % host)
        base = "reg=%s,tls=disabled" % host
        yield "pass=", ["--host", base + ",user=carrier,pass=" + CANARY], {}
        yield "pass-file=", ["--host", base + ",user=carrier,pass-file=" + login], {}
        yield "pass-env=", ["--host", base + ",user=carrier,pass-env=RF_CANARY"], {"RF_CANARY": CANARY}
        yield "docker", ["--host", base], {"DOCKER_CONFIG": os.path.dirname(docker)}
        yield "regctl", [], {"REGCTL_CONFIG": regctl}
        yield "yaml", ["-c", yaml], {"RF_CANARY": CANARY}

    def test_every_way_in(self):
        source = self.scripted("source", self.profile, seed=self.seed(self.sample))
        for i, (name, args, env) in enumerate(self.ways(source.host)):
            with self.subTest(name):
                how = {"env": dict(self.env, **env), "state": "state-%d" % i, "out": "out-%d" % i}
                bundle = self.new_bundle(*args, "--stats", *references(source, self.sample), **how)
                self.no_canary(bundle.result)

    def test_import_and_failures(self):
        source = self.scripted("source", self.profile, seed=self.seed(self.sample))
        host = ["--host", "reg=%s,tls=disabled,user=carrier,pass=%s" % (source.host, CANARY)]
        bundle = self.new_bundle(*host, *references(source, self.sample))
        far = self.scripted("far", self.profile)
        to = ["--host", "reg=%s,tls=disabled,user=carrier,pass=%s" % (far.host, CANARY), "--to", far.host]
        applied = self.apply(bundle, *to, "--stats")
        bad = self.scripted("far-bad", {"options": self.profile["options"], "rules": [
            {"match": {"path": "/blobs/", "count": 0}, "action": {"type": "status", "status": 500, "body": "you sent " + CANARY[:4]}}]})
        failed = self.apply(bundle, "--host", "reg=%s,tls=disabled,user=carrier,pass=%s" % (bad.host, CANARY), "--to", bad.host, state="s2",
                            status=(FAILED, PARTIAL))
        usage = self.export("--host", "reg=%s,user=carrier,pass=%s,nonsense=1" % (source.host, CANARY), source.host + "/x/y:1", status=2)
        self.no_canary(bundle.result, applied, failed, usage)

    def test_arguments_of_the_process(self):
        """pass= is overwritten in argv at start: `ps` shows stars."""
        source = self.scripted("source", {"options": self.profile["options"], "rules": [
            {"match": {"method": "GET", "path": "/blobs/", "count": 0}, "action": {"type": "drip", "bytes": 1000, "ms": 20}}]}, seed=self.seed(self.sample))
        process = start_process([program("regexport"), "create", "--state", self.work("state"), "-o", self.work("out"), "--host",
                                 "reg=%s,tls=disabled,user=carrier,pass=%s" % (source.host, CANARY), *references(source, self.sample)], env=self.env)
        try:
            wait_for("the first request", lambda: source.begun("HEAD", "/v2/"), 10)
            with open("/proc/%d/cmdline" % process.pid, "rb") as f:
                self.assertNotIn(CANARY.encode(), f.read())
        finally:
            stop_process(process)

    def test_helper_gets_no_secret_in_its_arguments(self):
        helper = self.work("login", "bin", "docker-credential-test")
        seen = self.work("login", "seen")
        with open(helper, "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\necho "$@" >>%s\nread host\nprintf \'{"ServerURL":"%%s","Username":"carrier","Secret":"%s"}\' "$host"\n' % (seen, CANARY))
        os.chmod(helper, 0o755)
        source = self.scripted("source", self.profile, seed=self.seed(self.sample))
        env = dict(self.env, PATH=os.path.dirname(helper) + ":" + self.env["PATH"])
        bundle = self.new_bundle("--host", "reg=%s,tls=disabled,cred-helper=docker-credential-test" % source.host,
                                 source.host + "/sample/app:v1", env=env)
        with open(seen, encoding="utf-8") as f:
            calls = f.read().split("\n")[:-1]
        self.assertEqual(set(calls), {"get"})
        self.assertEqual(len(calls), 1, "the helper's answer is kept")
        self.no_canary(bundle.result)

    TRACED = {"GET", "HEAD", "POST", "PUT", "PATCH"}

    def requests_in(self, result):
        """The records of requests in a log of JSON lines."""
        lines = [json.loads(line) for line in result.err.split("\n") if line.startswith("{")]
        return [line for line in lines if line["msg"] == "reg http request"]

    def check_trace(self, result, methods):
        self.no_canary(result)
        records = self.requests_in(result)
        seen = {r["req-method"] for r in records}
        self.assertLessEqual(seen, self.TRACED)
        self.assertLessEqual(set(methods), seen)
        for r in records:
            self.assertEqual(r["level"], "DEBUG-4")
            self.assertRegex(r["req-url"], "^http://127[.]0[.]0[.]1:")
            self.assertIn(r["resp-status"][:1], "234")
            self.assertIn("User-Agent", r["req-headers"])
            self.assertEqual(r["req-headers"].get("Authorization", ["[censored]"]), ["[censored]"])
        self.assertTrue(any("Authorization" in r["req-headers"] for r in records))
        self.assertTrue(any("Www-Authenticate" in r["resp-headers"] for r in records))
        for values in [v for r in records for v in r["resp-headers"].values()]:
            self.assertNotIn("sig-", " ".join(values))

    def test_trace(self):
        """What -v trace shows of logins, tokens, cookies, signed URLs and states of uploads: nothing that lets anybody in."""
        signed = {"location": "{other}/elsewhere{path}?X-Amz-Signature=sig-%s&X-Amz-Expires=3" % CANARY}
        profile = {"options": self.profile["options"], "rules": [
            {"match": {"method": "GET", "path": "/blobs/", "count": 0}, "action": dict(signed, type="redirect")},
            {"match": {"method": "HEAD", "path": "/manifests/", "count": 0}, "action": {"type": "headers", "set": {
                "Set-Cookie": "session=" + CANARY, "X-Auth-Token": CANARY, "Warning": "299 - \"\u009b31m\""}}}]}
        source = self.scripted("source", profile, seed=self.seed(self.sample))
        far = self.scripted("far", self.profile)
        host = "reg=%s,tls=disabled,user=carrier,pass=" + CANARY
        loud = ["-v", "trace", "--logopt", "json"]
        bundle = self.new_bundle(*loud, "--host", host % source.host, *references(source, self.sample))
        self.check_trace(bundle.result, ["GET"])
        urls = [r["req-url"] for r in self.requests_in(bundle.result)]
        self.assertTrue(any("X-Amz-Signature=*" in u for u in urls), urls)
        applied = self.apply(bundle, *loud, "--host", host % far.host, "--to", far.host)
        self.check_trace(applied, ["HEAD", "POST", "PUT"])
        text = self.program("regctl", "-v", "trace", "--host", host % source.host, "image", "copy", "%s/sample/app:v1" % source.host,
                            "ocidir://" + self.work("copy") + ":v1")
        self.no_canary(text)
        self.assertIn('level=DEBUG-4 msg="reg http request" req-method=', text.err)
        for c in text.err:
            self.assertFalse(c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160), repr(c))
        quiet = self.program("regctl", "-v", "debug", "--host", host % source.host, "tag", "ls", source.host + "/sample/app")
        self.assertNotIn("reg http request", quiet.err)

    def test_trace_of_runners(self):
        """regsync and regbot: the same, and the path of a webhook, which is all that its receiver asks for."""
        source = self.scripted("source", self.profile, seed=self.seed(self.sample))
        hook = self.scripted("far-hook")
        config = self.work("login", "run.yml")
        with open(config, "w", encoding="utf-8") as f:
            f.write("version: 1\ncreds:\n  - {registry: '%s', tls: disabled, user: carrier, pass: %s}\n" % (source.host, CANARY))
            f.write("sync:\n  - {source: '%s/sample/app:v1', target: 'ocidir://%s:v1', type: image, hooks: " % (source.host, self.work("copy")))
            f.write("{post: {type: webhook, params: ['http://%s/%s']}}}\n" % (hook.host, CANARY))
        synced = self.program("regsync", "once", "--hooks", "-c", config, "-v", "trace", "--logopt", "json", status=(DONE, FAILED))
        self.no_canary(synced)
        self.assertIn('"msg":"Configuring parallel settings","concurrent":1}', synced.err)
        self.assertTrue([r for r in self.requests_in(synced) if r["req-url"] == "http://%s/..." % hook.host], synced.err)
        with open(config, "w", encoding="utf-8") as f:
            f.write("version: 1\ncreds:\n  - {registry: '%s', tls: disabled, user: carrier, pass: %s}\n" % (source.host, CANARY))
            f.write("scripts:\n  - name: look\n    script: |\n      tag.ls('%s/sample/app')\n" % source.host)
        ran = self.program("regbot", "once", "-c", config, "-v", "trace", "--logopt", "json")
        self.check_trace(ran, ["GET"])

    def test_state_is_private(self):
        source = self.scripted("source", self.profile, seed=self.seed(self.sample))
        self.new_bundle("--host", "reg=%s,tls=disabled,user=carrier,pass=%s" % (source.host, CANARY), *references(source, self.sample))
        state = self.work("export-state")
        for path in [state] + [os.path.join(state, n) for n in os.listdir(state) if n != "lock"]:  # the lock is empty
            self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""regsync once, check and config against real and scripted registries and layouts: what is copied, what is asked for, what is told."""
import collections
import json
import os
import re
import signal

from common import Case, harness, images, main

OK, FAILED, NEEDED = 0, 1, 2
SAMPLES = os.path.join(harness.ROOT, "samples", "regsync")


def lines_of(text):
    """The log lines as dictionaries; what is no log line is under None."""
    found = []
    for line in text.splitlines():
        if not line.startswith("time="):
            found.append({None: line})
            continue
        pairs = re.findall(r'([\w-]+)=("(?:[^"\\]|\\.)*"|\S*)', line)
        found.append({k: json.loads(v) if v.startswith('"') else v for k, v in pairs})
    return found


def small(seed, platform="linux/amd64", **how):
    return images.image([images.random_layer("%s-layer" % seed, 3000)], platform=platform, labels={"seed": seed}, **how)


class Sync(Case):
    def config(self, steps, registries=(), defaults=None, name="regsync.yml"):
        """Steps are dictionaries; JSON is YAML, too."""
        creds = [{"registry": r.host, "tls": "disabled"} for r in registries]
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"version": 1, "creds": creds, "defaults": defaults or {}, "sync": steps}, f)
        return path

    def sync(self, config, *args, command="once", status=OK, **how):
        result = self.program("regsync", command, "-c", config, *args, status=status, timeout=60, **how)
        result.log = lines_of(result.err)
        return result

    def messages(self, result, level=None):
        return [l["msg"] for l in result.log if None not in l and (level is None or l["level"] == level)]

    def line(self, result, message):
        found = [l for l in result.log if l.get("msg") == message]
        self.assertTrue(found, "no line %r\n%s" % (message, result.text()))
        return found[0]

    def two(self, first=None, second=None, seed=()):
        a, b = self.scripted("a", first, self.seed(seed) if seed else None), self.scripted("b", second)
        return a, b

    def counts(self, registry):
        return collections.Counter(l["method"] for l in registry.requests())


class Copies(Sync):
    def test_registry_unchanged_is_one_head_at_each_side(self):
        a, b = self.docker_registry("a"), self.docker_registry("b")
        triples = [("team%d/app" % (i % 10), "v%d" % (i // 10), small("i%d" % (i % 60))) for i in range(60)]
        images.push_all(a.client, triples)
        config = self.config([{"source": a.host, "target": b.host, "type": "registry"}], (a, b))
        first = self.sync(config)
        self.assertEqual(self.messages(first).count("Image sync needed"), 60)
        self.assertIn("Copy layer", self.messages(first))
        self.assertIn("Copy config", self.messages(first))
        harness.check_all(b.client, triples)
        a.mark(), b.mark()
        again = self.sync(config, "--stats")
        self.assertEqual(self.messages(again), [])
        self.assertEqual(collections.Counter(r[0] for r in b.requests()), {"HEAD": 60})
        asked = collections.Counter((r[0], "_catalog" in r[1] or "tags/list" in r[1]) for r in a.requests())
        self.assertEqual(asked, {("HEAD", False): 60, ("GET", True): 10 + 2})
        self.assertIn("requests: 132", again.err)

    def test_order_of_lines_is_the_sources(self):
        triples = [("app", "t%03d" % i, small("o%d" % i)) for i in range(80)]
        a, b = self.two("one-ms-away", None, triples)
        config = self.config([{"source": a.host + "/app", "target": b.host + "/app", "type": "repository"}], (a, b))
        done = self.sync(config, command="check")
        told = [l["source"] for l in done.log if l.get("msg") == "Image sync needed"]
        self.assertEqual(told, ["%s/app:t%03d" % (a.host, i) for i in range(80)])
        self.assertEqual(self.counts(b), {"HEAD": 80})

    def test_changed_missing_and_backup(self):
        old, new = small("old"), small("new")
        a, b = self.two(seed=[("app", "1", old), ("app", "2", old), ("other", "x", new)])
        step = {"source": a.host + "/app", "target": b.host + "/mirror/app", "type": "repository", "backup": "  bkup-{{.Ref.Tag}} "}
        config = self.config([step], (a, b))
        self.sync(config)
        images.push(a.client, "app", "1", new)
        images.push(a.client, "app", "3", new)
        missing = self.sync(config, "--missing")
        self.assertEqual([l["source"] for l in missing.log if l.get("msg") == "Image sync needed"], [a.host + "/app:3"])
        self.assertEqual(b.state()["tags"]["mirror/app"], {"1": old.digest, "2": old.digest, "3": new.digest})
        done = self.sync(config)
        saved = self.line(done, "Saving backup")
        self.assertEqual((saved["original"], saved["backup"]), (b.host + "/mirror/app:1", b.host + "/mirror/app:bkup-1"))
        self.assertEqual(b.state()["tags"]["mirror/app"], {"1": new.digest, "2": old.digest, "3": new.digest, "bkup-1": old.digest})
        # A whole reference, and one that cannot be written to: only a warning.
        step["backup"] = "%s/saved:{{.Ref.Tag}}-{{.Step.Type}}" % b.host
        config = self.config([step], (a, b))
        images.push(a.client, "app", "1", small("newer"))
        self.sync(config)
        self.assertEqual(b.state()["tags"]["saved"], {"1-repository": new.digest})
        closed = self.scripted("closed", "pull-only")
        step["backup"] = closed.host + "/saved:1"
        config = self.config([step], (a, b, closed))
        images.push(a.client, "app", "1", new)
        done = self.sync(config)
        self.assertEqual(self.line(done, "Failed to backup existing image")["level"], "WARN")
        self.assertEqual(b.state()["tags"]["mirror/app"]["1"], new.digest)
        # No name at all: the image is left as it is.
        step["backup"] = "Upper:{{.Ref.Tag}}"
        config = self.config([step], (a, b))
        images.push(a.client, "app", "1", old)
        self.sync(config, status=FAILED)
        self.assertEqual(b.state()["tags"]["mirror/app"]["1"], new.digest)

    def test_check_writes_nothing(self):
        a, b = self.two(seed=[("app", "1", small("x"))])
        config = self.config([{"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image"}], (a, b))
        done = self.sync(config, command="check")
        needed = self.line(done, "Image sync needed")
        self.assertEqual((needed["level"], needed["source"], needed["target"]), ("INFO", a.host + "/app:1", b.host + "/app:1"))
        self.sync(config, "--exit-code", command="check", status=NEEDED)
        told = self.sync(config, "--output", "json", "--exit-code", command="check", status=NEEDED).json()
        self.assertEqual([i["outcome"] for i in told["steps"][0]["images"]], ["needed"])
        self.assertEqual((told["needed"], told["failed"]), (1, 0))
        self.assertEqual(b.write_requests(), [])
        self.sync(config)
        told = self.sync(config, "--output", "json", "--exit-code", command="check").json()
        self.assertEqual([i["outcome"] for i in told["steps"][0]["images"]], ["unchanged"])

    def test_platforms(self):
        amd, arm = small("amd"), small("arm", "linux/arm64")
        multi = images.index([amd, arm])
        a, b = self.two(seed=[("app", "1", multi)])
        one = {"source": a.host + "/app:1", "target": b.host + "/one:1", "type": "image", "platform": "linux/arm64"}
        some = {"source": a.host + "/app:1", "target": b.host + "/some:1", "type": "image", "platforms": ["linux/amd64"]}
        config = self.config([one, some], (a, b))
        self.sync(config)
        state = b.state()
        self.assertEqual(state["tags"]["one"], {"1": arm.digest})
        self.assertEqual(state["tags"]["some"], {"1": multi.digest})
        self.assertNotIn(arm.digest, state["manifests"]["some"])
        b.clear_log()
        again = self.sync(config, "-v", "debug")
        self.assertIn("Image matches for platform", self.messages(again))
        self.assertIn("Image matches", self.messages(again))
        self.assertEqual(self.counts(b), {"HEAD": 2})
        one["platform"] = "linux/s390x"
        done = self.sync(self.config([one], (a, b)), status=FAILED)
        self.assertEqual(self.line(done, "Platform could not be found in source manifest list")["level"], "WARN")

    def test_referrers_and_digest_tags(self):
        app = small("app")
        sign, bill = images.signature(app), images.sbom(app)
        tag, old_sign = images.cosign_signature(app)
        a, b = self.two(seed=[("app", "1", app), ("app", None, sign), ("app", None, bill), ("app", tag, old_sign)])
        step = {"source": a.host + "/app:1", "target": b.host + "/plain:1", "type": "image"}
        wanted = dict(step, target=b.host + "/chosen:1", referrers=True, digestTags=True,
                      referrerFilters=[{"artifactType": "application/spdx+json"}, {"annotations": {"no.such": ""}}])
        aside = dict(step, target=b.host + "/aside:1", referrers=True, referrerTarget=b.host + "/aside-referrers")
        config = self.config([step, wanted, aside], (a, b))
        self.sync(config)
        state = b.state()
        self.assertEqual(set(state["manifests"]["plain"]), {app.digest})
        self.assertEqual(set(state["manifests"]["chosen"]), {app.digest, bill.digest, old_sign.digest})
        self.assertEqual(state["tags"]["chosen"], {"1": app.digest, tag: old_sign.digest})
        self.assertEqual(set(state["manifests"]["aside"]), {app.digest})
        self.assertEqual(set(state["manifests"]["aside-referrers"]), {sign.digest, bill.digest})
        again = self.sync(config)
        told = self.line(again, "Image refreshing")
        self.assertEqual((told["forced"], told["digestTags"], told["referrers"]), ("false", "true", "true"))
        # The same digest is enough.
        for s in (wanted, aside):
            s["fastCheck"] = True
        self.assertEqual(self.messages(self.sync(self.config([step, wanted, aside], (a, b)))), [])
        # A registry that lists no referrers: they are found by looking into every tag, where that is asked for.
        blind = {"about": "no list", "options": {"referrers_api": False}}
        c = self.scripted("c", blind, self.seed([("app", "1", app), ("app", "bill", bill)], "blind"))
        lost = {"source": c.host + "/app:1", "target": b.host + "/lost:1", "type": "image", "referrers": True}
        found = dict(lost, target=b.host + "/found:1", referrerSlow=True)
        self.sync(self.config([lost, found], (b, c)))
        self.assertEqual(set(b.state()["manifests"]["lost"]), {app.digest})
        self.assertEqual(set(b.state()["manifests"]["found"]), {app.digest, bill.digest})
        step["forceRecursive"] = True
        told = self.line(self.sync(self.config([step], (a, b))), "Image refreshing")
        self.assertEqual(told["forced"], "true")

    def test_layouts_on_both_sides(self):
        multi = images.index([small("l1"), small("l2", "linux/arm64")])
        images.write_tree(self.work.folder("from"), [("team/app", "1", multi), ("team/app", "2", small("l3"))])
        b = self.scripted("b")
        steps = [{"source": "ocidir://%s/team/app" % self.work("from"), "target": "ocidir://%s/out/app" % self.work("."), "type": "repository"},
                 {"source": "ocidir://%s/out/app:1" % self.work("."), "target": b.host + "/app:1", "type": "image"},
                 {"source": b.host, "target": "ocidir://%s/all" % self.work("."), "type": "registry"}]
        config = self.config(steps, (b,))
        self.assertIn("target=ocidir://%s/out/app layer=" % self.work("."), self.sync(config).err)
        harness.check_layout(self.work("out/app"), "1", multi)
        harness.check_layout(self.work("all/app"), "1", multi)
        before = harness.tree_of(self.work("out")), harness.tree_of(self.work("all"))
        self.assertEqual(self.messages(self.sync(config)), [])
        self.assertEqual((harness.tree_of(self.work("out")), harness.tree_of(self.work("all"))), before)
        # What is replaced goes when nothing refers to it any more.
        images.write_layout(self.work("from/team/app"), [("1", small("l4")), ("2", small("l3"))])
        self.sync(self.config(steps[:1]))
        left = [d for d in os.listdir(self.work("out/app/blobs/sha256"))]
        self.assertEqual(len(left), 2 * 3)

    def test_what_repositories_share_is_moved_once(self):
        base = images.random_layer("shared base", 200000)
        triples = [("team/r%d" % i, "1", images.image([base, images.random_layer("own%d" % i, 2000)])) for i in range(5)]
        a, b = self.two(seed=triples)
        self.sync(self.config([{"source": a.host, "target": b.host, "type": "registry"}], (a, b)))
        harness.check_all(b.client, triples)
        moved = [r for r in b.requests("PUT") if base.digest.split(":")[1] in r["path"] and "/blobs/" in r["path"]]
        mounted = [r for r in b.requests("POST") if "mount=" in r["path"] and "from=" in r["path"]]
        self.assertEqual((len(moved), len(mounted)), (1, 4))
        # Each image is asked for once at the target, before all else.
        self.assertEqual(len(b.requests("HEAD", "/manifests/1$")), 5)

    def test_parallel_steps(self):
        triples = [("r%d" % i, "1", small("p%d" % i)) for i in range(12)]
        a, b = self.two("one-ms-away", None, triples)
        steps = [{"source": "%s/r%d" % (a.host, i), "target": "%s/r%d" % (b.host, i), "type": "repository"} for i in range(12)]
        done = self.sync(self.config(steps, (a, b), {"parallel": 4}), "-v", "debug")
        self.assertEqual(self.line(done, "Configuring parallel settings")["concurrent"], "4")
        harness.check_all(b.client, triples)


class Refusals(Sync):
    def test_failures_are_told_and_the_rest_is_done(self):
        good = small("good")
        a, b = self.two(seed=[("app", "1", good)])
        steps = [{"source": a.host + "/none", "target": b.host + "/none", "type": "repository"},
                 {"source": a.host + "/none:1", "target": b.host + "/none:1", "type": "image"},
                 {"source": a.host + "/app:1", "target": b.host + "/Upper:1", "type": "image"},
                 {"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "images"},
                 {"source": a.host + "/app:1", "target": b.host + "/app", "type": "repository"},
                 {"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image"}]
        config = self.config(steps, (a, b))
        done = self.sync(config, status=FAILED)
        for message in ("Failed getting source tags", "Failed to lookup source manifest", "Failed to sync", "Failed parsing target",
                        "Type not recognized, must be one of: registry, repository, or image"):
            self.assertEqual(self.line(done, message)["level"], "ERROR")
        self.assertEqual(len([l for l in done.log if None in l]), 5, done.text())
        text = done.text()
        # Each failure is one line that says where the step stands.
        for i, said in enumerate((r"%s/none: " % a.host, r"%s/none:1: " % a.host)):
            self.assertRegex(text, r"(?m)^%s:1:[0-9]+: sync\[%d\]: .*%s" % (config, i, said))
        self.assertRegex(text, r"(?m)^%s:1:[0-9]+: sync\[2\].target: invalid reference" % config)
        self.assertRegex(text, r"(?m)^%s:1:[0-9]+: sync\[3\].type: \"images\" is not one of" % config)
        self.assertRegex(text, r"(?m)^%s:1:[0-9]+: sync\[4\].source: a tag or digest has no place" % config)
        self.assertEqual(b.state()["tags"], {"app": {"1": good.digest}})
        lost = self.sync(config, "--abort-on-error", status=FAILED)
        self.assertEqual(len([l for l in lost.log if None in l]), 1, lost.text())
        self.assertNotIn("Failed parsing target", self.messages(lost))

    def write(self, text, name="regsync.yml"):
        path = self.work(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def test_each_mistake_is_one_line_and_the_other_steps_go_on(self):
        """Every key is in tests/data/policy/wrong_keys.table; here, what the program makes of it."""
        good = small("mistakes")
        a, b = self.two(seed=[("app", "1", good)])
        closed = self.scripted("closed", "basic")
        gone = "127.0.0.1:1"
        before = "creds: [%s]\nsync:\n" % ", ".join("{registry: '%s', tls: disabled}" % h for h in (a.host, b.host, closed.host, gone))
        step = "- {source: '%s/app:1', type: image, target: '%s/%s:1'%s}\n"
        cases = ((", tags: 5", r":3:[0-9]+: sync\[0\]\.tags: a map is wanted"), (", platform: 'linux//x'", r":3:[0-9]+: sync\[0\]\.platform: "),
                 (", interval: 5", r":3:[0-9]+: sync\[0\]\.interval: "), (", referrerSource: '{{'", r":3:[0-9]+: sync\[0\]\.referrerSource: template"))
        for i, (more, said) in enumerate(cases):
            config = self.write(before + step % (a.host, b.host, "bad%d" % i, more) + step % (a.host, b.host, "good%d" % i, ""))
            done = self.sync(config, status=FAILED)
            told = [l[None] for l in done.log if None in l]
            self.assertEqual(len(told), 1, done.text())
            self.assertRegex(told[0], "^" + re.escape(config) + said)
            self.assertEqual(set(b.state()["tags"]), {"good%d" % k for k in range(i + 1)})
            self.assertIn("sync[0]", self.sync(config, "--strict", command="check", status=FAILED).err)
            self.assertRegex(self.program("regsync", "config", "-c", config, status=FAILED).err, said)
        # What is wrong elsewhere than in the file.
        before = before.replace("sync:", "defaults: {parallel: 4}\nsync:")  # who is not there is asked more than once
        config = self.write(before + step % (closed.host, b.host, "x", "") + step % (gone, b.host, "x", "") + step % (a.host, gone, "x", "")
                            + step % (a.host, b.host, "last", ""))
        done = self.sync(config, status=FAILED)
        told = [l[None] for l in done.log if None in l]
        self.assertEqual(len(told), 3, done.text())
        for i, line in enumerate(told):
            self.assertRegex(line, r"^%s:%d:3: sync\[%d\]: .*%s" % (re.escape(config), i + 4, i, (closed.host, gone, gone)[i]))
        self.assertIn("last", b.state()["tags"])

    def test_what_will_be_missed_later_is_told_at_once(self):
        a, b = self.two(seed=[("app", "1", small("later"))])
        steps = [{"source": a.host + "/app:1", "target": b.host + "/one:1", "type": "image", "schedule": "daily"},
                 {"source": a.host + "/app:1", "target": b.host + "/two:1", "type": "image", "backup": "old-{{ .Ref.Tag"}]
        config = self.config(steps, (a, b))
        for command in ("check", "once", "config"):
            done = self.program("regsync", command, "-c", config)
            warned = [l["error"] for l in lines_of(done.err) if l.get("level") == "WARN"]
            self.assertEqual(len(warned), 2, done.text())
            self.assertRegex(warned[0], r"^%s:1:[0-9]+: sync\[0\]\.schedule: .*5 fields" % re.escape(config))
            self.assertRegex(warned[1], r"^%s:1:[0-9]+: sync\[1\]\.backup: template: .*unclosed action" % re.escape(config))
            self.assertIn(".schedule: ", self.program("regsync", command, "--strict", "-c", config, status=FAILED).err)
        self.assertEqual(set(b.state()["tags"]), {"one", "two"})
        # In the defaults, once for all who take them; and with a backup that cannot be read nothing is overwritten.
        config = self.config([dict(s, schedule="", backup="") for s in steps], (a, b), {"schedule": "daily", "backup": "{{"})
        images.push(a.client, "app", "1", small("later still"))
        before = b.state()["tags"]
        done = self.sync(config, status=FAILED)
        self.assertEqual(len(self.messages(done, "WARN")), 2)
        self.assertEqual(len([l for l in done.log if None in l]), 2)
        self.assertEqual(b.state()["tags"], before)

    def test_media_types_and_filters(self):
        chart = images.helm_chart("shop", "1.0.0")
        triples = [("app", t, small(t)) for t in ("1.0.0", "1.1.0", "1.2.0-rc1", "2.0.0", "edge")] + [("chart", "1", chart)]
        a, b = self.two(seed=triples)
        step = {"source": a.host + "/app", "target": b.host + "/app", "type": "repository", "tags": {"semverRange": [">=1.1.0 <2.0.0"]},
                "tagSets": [{"allow": ["ed.*"]}]}
        odd = {"source": a.host + "/chart:1", "target": b.host + "/chart:1", "type": "image",
               "mediaTypes": ["application/vnd.docker.distribution.manifest.v2+json"]}
        done = self.sync(self.config([step, odd], (a, b)))
        self.assertEqual(self.line(done, "Skipping unsupported media type")["ref"], a.host + "/chart:1")
        self.assertEqual(set(b.state()["tags"]["app"]), {"1.1.0", "1.2.0-rc1", "edge"})
        self.assertNotIn("chart", b.state()["tags"])
        step["tags"], step["tagSets"] = {"allow": ["nothing-.*"]}, []
        told = self.line(self.sync(self.config([step], (a, b))), "No matching tags found")
        self.assertEqual((told["level"], told["source"], told["available"]), ("WARN", a.host + "/app", "5"))

    def test_registry_pages_and_repos(self):
        triples = [("x%d/app" % i, "1", small("pg%d" % i)) for i in range(7)]
        a, b = self.two("paged-2", None, triples)
        step = {"source": a.host, "target": b.host + "/all", "type": "registry", "repos": {"allow": ["x[0-5]/.*"], "deny": ["x3/app"]}}
        self.assertNotIn("WARN", self.sync(self.config([step], (a, b))).err)
        self.assertEqual(set(b.state()["tags"]), {"all/x%d/app" % i for i in (0, 1, 2, 4, 5)})
        step["repos"] = {"allow": ["x1"], "deny": ["y"]}  # whole names
        told = self.line(self.sync(self.config([step], (a, b))), "No matching repositories found")
        self.assertEqual((told["level"], told["source"], told["repos"], told["available"]), ("WARN", a.host, "{allow:[x1] deny:[y]}", "7"))

    def test_rate_limit_is_waited_for(self):
        rule = {"about": "few pulls", "rules": [{"match": {"path": "/manifests/", "count": 0}, "action": {
            "type": "headers", "set": {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "20;w=21600"}}}]}
        a, b = self.two(rule, None, [("app", "1", small("rate"))])
        step = {"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image", "ratelimit": {"min": 21, "retry": "15m"}}
        config = self.config([step], (a, b))
        seen, process = [], harness.start_process(
            [harness.program("regsync"), "once", "-c", config], env=self.env, stderr=open(self.work("log"), "wb"))
        harness.wait_for("the delay", lambda: "Delaying" in open(self.work("log"), encoding="utf-8").read())
        process.send_signal(signal.SIGTERM)
        self.assertNotEqual(process.wait(15 * harness.SLOW), 0)  # it would wait for minutes
        seen = lines_of(open(self.work("log"), encoding="utf-8").read())
        told = [l for l in seen if l.get("msg") == "Delaying for rate limit"][0]
        self.assertEqual({k: told[k] for k in ("source-remain", "source-limit", "step-min", "sleep")},
                         {"source-remain": "20", "source-limit": "100", "step-min": "21", "sleep": "15m0s"})
        self.assertEqual(a.requests("GET"), [])
        step["ratelimit"] = {"min": 19}
        done = self.sync(self.config([step], (a, b)), "-v", "debug")
        self.assertEqual(self.line(done, "Rate limit passed")["source-remain"], "20")

    def test_command_line_and_file(self):
        self.assertIn('required flag(s) "config" not set', self.program("regsync", "once", status=FAILED).err)
        bad = self.work("bad.yml")
        with open(bad, "w", encoding="utf-8") as f:
            f.write("version: 2\n")
        self.assertIn("unsupported config version", self.sync(bad, status=FAILED).err)
        with open(bad, "w", encoding="utf-8") as f:
            f.write("sync:\n- source: a\n  target: b\n  type: image\n  tagz: {}\n")
        self.assertIn("tagz", self.sync(bad, "--strict", command="check", status=FAILED).err)
        printed = self.program("regsync", "config", "-c", bad).out
        self.assertIn("type: image\n", printed)
        self.assertIn("retry: 5m0s\n", printed)
        self.assertIn("VCSTag:", self.program("regsync", "version").out)
        for shard in ("0/2", "3/2", "1", "a/b"):
            self.assertIn("--shard", self.sync(bad, "--shard", shard, status=FAILED).err)

    def test_json_lines(self):
        a, b = self.two(seed=[("app", "1", small("json"))])
        config = self.config([{"source": a.host + "/app:1", "target": b.host + "/app:1", "type": "image"}], (a, b))
        lines = [json.loads(l) for l in self.sync(config, "--logopt", "json").err.splitlines()]
        self.assertEqual(lines[0]["msg"], "Image sync needed")
        self.assertEqual(lines[0]["level"], "INFO")


class Samples(Sync):
    def test_talk(self):
        triples = [("library/alpine", t, small("alpine" + t)) for t in ("3", "3.19", "3.20", "3.20.1", "edge", "13")]
        a, b = self.two(seed=triples)
        hosts = ["--host", "reg=docker.io,hostname=%s,tls=disabled" % a.host, "--host", "reg=registry:5000,hostname=%s,tls=disabled" % b.host]
        talk = os.path.join(SAMPLES, "talk.yml")
        self.sync(talk, *hosts)
        self.assertEqual(set(b.state()["tags"]["library/alpine"]), {"3", "3.19", "3.20"})
        images.push(a.client, "library/alpine", "3", small("fresh"))
        self.sync(talk, *hosts)
        self.assertEqual(b.state()["tags"]["library/alpine"]["bkup-3"], dict((t, n) for _, t, n in triples)["3"].digest)

    def documents(self, name):
        """The YAML documents of a sample, each read by the one reader of YAML that is here."""
        with open(os.path.join(SAMPLES, name), encoding="utf-8") as f:
            texts = re.split(r"(?m)^---\n", f.read())
        for i, text in enumerate(texts):
            path = self.work("%s-%d.yml" % (name, i))
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            self.program("regsync", "config", "-c", path)
        return texts

    def test_kubernetes(self):
        for name, kinds in (("kubernetes-cronjob.yml", ["CronJob"]), ("kubernetes-deployment.yml", ["Deployment"] * 2)):
            first, *rest = self.documents(name)
            inner = re.sub("(?m)^    ", "", first.split("  regsync.yml: |\n", 1)[1])
            path = self.work("inner.yml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(inner)
            self.program("regsync", "config", "--strict", "-c", path)
            self.assertEqual([re.search(r"(?m)^kind: (\w+)$", t).group(1) for t in rest], kinds)
            shares = []
            for text in rest:
                words = json.loads(re.search(r"args: (\[.*\])", text).group(1))
                self.assertIn("readOnlyRootFilesystem: true", text)
                words[words.index("-c") + 1] = path
                # The command line is right as far as the file that cannot be there: one more word is told of.
                self.assertIn("accepts 0 arg(s)", self.program("regsync", *words, "unexpected", status=FAILED).err)
                shares += [words[words.index("--shard") + 1]] if "--shard" in words else []
            self.assertEqual(shares, ["%d/%d" % (i + 1, len(shares)) for i in range(len(shares))])

    def test_systemd_unit(self):
        with open(os.path.join(SAMPLES, "regsync.service"), encoding="utf-8") as f:
            lines = [l.strip() for l in f if l.strip() and not l.startswith("#")]
        self.assertEqual([l for l in lines if l.startswith("[")], ["[Unit]", "[Service]", "[Install]"])
        self.assertTrue(all(l.startswith("[") or "=" in l for l in lines))
        words = dict(l.split("=", 1) for l in lines if "=" in l)["ExecStart"].split()[1:]
        words[words.index("-c") + 1] = os.path.join(SAMPLES, "talk.yml")
        self.assertIn("accepts 0 arg(s)", self.program("regsync", *words, "unexpected", status=FAILED).err)


if __name__ == "__main__":
    main()

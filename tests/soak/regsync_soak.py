#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A long run of `regsync server`: a registry that changes, reloads, also in the middle of copies that take longer than the time between two of them, broken
files, watchers. Memory and descriptors must stay flat.

    RF_BIN=build/release tests/soak/regsync_soak.py [MINUTES [STEPS]]     (default 30 and 4; e2e.regsync_server and regsync_reload have short forms)

Each step is run every second: 18 minutes with 10 steps are more than 10,000 runs.
"""
import json
import os
import random
import re
import signal
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import harness  # noqa: E402
import make_images as images  # noqa: E402

# A copy takes twelve seconds.
SLOW = {"about": "large layers trickle", "rules": [{"match": {"method": "GET", "path": "/v2/slow/blobs/", "count": 0},
                                                    "action": {"type": "drip", "bytes": 20_000, "ms": 200}}]}
TAGS, GROWTH_KIB, GROWTH_FDS = 200, 4096, 12  # of all steps together


def small(seed):
    return images.image([images.random_layer("soak-%s" % seed, 4000)], labels={"seed": str(seed)})


def large(seed):
    return images.image([images.random_layer("soak-large-%s" % seed, 1_200_000)], labels={"seed": str(seed)})


def write_config(path, a, b, slow, n_steps, broken=False):
    steps = [{"source": "%s/r%d" % (a.host, i), "target": "%s/r%d" % (b.host, i), "type": "repository", "interval": "1s",
              "backup": "old-{{.Ref.Tag}}"} for i in range(n_steps)]
    steps.append({"source": a.host + "/none", "target": b.host + "/none", "type": "repository", "interval": "2s"})
    steps.append({"source": slow.host + "/slow", "target": b.host + "/slow", "type": "repository", "interval": "1s"})
    with open(path, "w", encoding="utf-8") as f:
        f.write("sync: [" if broken else json.dumps({"creds": [{"registry": r.host, "tls": "disabled"} for r in (a, b, slow)], "sync": steps}))


def usage(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        memory = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
    return memory, len(os.listdir("/proc/%d/fd" % pid)), len(os.listdir("/proc/%d/task" % pid))


def runs(log):
    """Of all steps since the start, as the server tells."""
    with open(log, encoding="utf-8") as f:
        address = re.search(r"msg=Listening.* address=(\S+)", f.read()).group(1)
    with urllib.request.urlopen("http://%s/status" % address, timeout=10) as answer:
        return sum(step["runs"] for step in json.load(answer)["steps"])


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30
    n_steps = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    tags = TAGS // n_steps
    chance = random.Random(1)
    with harness.Workspace("soak") as work, harness.ScriptedRegistry(work.folder("a")) as a, harness.ScriptedRegistry(work.folder("b")) as b, \
            harness.ScriptedRegistry(work.folder("slow"), SLOW) as slow:
        for i in range(n_steps):
            for t in range(tags):
                images.push(a.client, "r%d" % i, "v%d" % t, small("%d-%d" % (i, t)))
        images.push(slow.client, "slow", "0", large(0))
        config, log = work("regsync.yml"), open(work("log"), "wb")
        write_config(config, a, b, slow, n_steps)
        server = harness.start_process([harness.program("regsync"), "server", "-c", config, "--listen", ":0"],
                                       env=harness.clean_env(work.folder("home")), stderr=log)
        end, first, round_, seen = time.monotonic() + 60 * minutes, None, 0, []
        while time.monotonic() < end and server.poll() is None:
            time.sleep(1)
            round_ += 1
            images.push(a.client, "r%d" % chance.randrange(n_steps), "v%d" % chance.randrange(tags), small("round-%d" % round_))
            if round_ % 20 == 0:
                images.push(slow.client, "slow", "%d" % (round_ // 20 % 4), large(round_))
            if round_ % 5 == 0:
                write_config(config, a, b, slow, n_steps, broken=round_ % 15 == 0)
                server.send_signal(signal.SIGHUP)
            seen.append(usage(server.pid))
            if round_ % 30 == 0:
                now = tuple(max(s[k] for s in seen) for k in range(3))  # beside a long copy there are two files' worth
                seen.clear()
                print("%6.1f min: %d KiB, %d descriptors, %d threads" % (round_ / 60, *now), flush=True)
                a.clear_log(), b.clear_log(), slow.clear_log()
                if round_ <= 90:
                    first = now if first is None else tuple(map(max, first, now))
                elif now[0] > first[0] + GROWTH_KIB or now[1] > first[1] + GROWTH_FDS:
                    sys.exit("soak: it grows: %s, then %s" % (first, now))
        if server.poll() is not None:
            sys.exit("soak: the server has ended with status %d" % server.returncode)
        print("%d runs of steps" % runs(work("log")))
        began = time.monotonic()
        server.terminate()
        server.wait(20)
        seconds = time.monotonic() - began
        print("stopped after %.1f s" % seconds)
        return 0 if seconds < 5 else 1


if __name__ == "__main__":
    sys.exit(main())

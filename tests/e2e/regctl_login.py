#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logging in with regctl: at a terminal, with credential helpers, and what other users see of it."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
import unittest

from common import Case, harness, main, program

USER, PASSWORD = "carrier", "s3cret of mine"

# Keeps one login for each server in a file, as Docker's helpers do in a key ring.
HELPER = r"""#!/bin/sh
store="$HELPER_STORE"
echo "$1" >> "$store/calls"
case "$1" in
store) cat > "$store/login"; cat "$store/login" >> "$store/stored" ;;
get) read -r server || true
     [ -n "$HELPER_BROKEN" ] && { echo "the key ring is locked" >&2; echo "the key ring is locked"; exit 1; }
     [ -f "$store/login" ] || { echo "credentials not found in native keychain"; exit 1; }
     cat "$store/login" ;;
erase) rm -f "$store/login" ;;
esac
"""


class Terminal:
    """regctl on a terminal of its own."""

    def __init__(self, argv, env, cwd):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.shown = ""
        self.process = harness.start_process(["setsid", "--ctty", *argv], env=env, cwd=cwd, stdin=self.slave, stdout=self.slave,
                                             stderr=self.slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        harness.stop_process(self.process)
        os.close(self.master)
        os.close(self.slave)

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def expect(self, text, seconds=10):
        end = time.monotonic() + seconds * harness.SLOW
        while text not in self.shown:
            ready, _, _ = select.select([self.master], [], [], 0.1)
            if ready:
                self.shown += os.read(self.master, 4096).decode()
            elif time.monotonic() > end:
                raise AssertionError("waited in vain for %r; shown: %r" % (text, self.shown))
        self.shown = self.shown[self.shown.index(text) + len(text):]

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self, seconds=20):
        """The exit status; what is still shown is in `shown`."""
        status = self.process.wait(seconds * harness.SLOW)
        while select.select([self.master], [], [], 0.05)[0]:
            self.shown += os.read(self.master, 4096).decode()
        return status


class RegctlLogin(Case):
    def regctl(self, *args, status=0, **how):
        return self.program("regctl", *args, status=status, **how)

    def registry(self):
        return self.docker_registry("registry", htpasswd=(USER, PASSWORD))

    def config(self):
        path = self.work("home", ".regctl", "config.json")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, encoding="utf-8") as f:
            return json.load(f)

    def terminal(self, *args):
        terminal = Terminal([program("regctl"), *args], self.env, self.work.path)
        self.addCleanup(terminal.__exit__)
        return terminal

    # --- at a terminal ---

    def test_asked_at_a_terminal(self):
        registry = self.registry()
        self.regctl("registry", "set", registry.host, "--tls", "disabled", "--skip-check")
        terminal = self.terminal("registry", "login", registry.host, "-v", "info")
        terminal.expect("Enter Username: ")
        self.assertTrue(terminal.echoes())
        terminal.type(USER + "\n")
        terminal.expect("Enter Password: ")
        self.assertFalse(terminal.echoes(), "the password would be shown")
        terminal.type(PASSWORD + "\n")
        self.assertEqual(terminal.wait(), 0, terminal.shown)
        self.assertNotIn(PASSWORD, terminal.shown)
        self.assertTrue(terminal.shown.startswith("\r\n"), terminal.shown)
        self.assertIn('msg="Credentials set"', terminal.shown)
        self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before)
        self.assertEqual(self.config()["hosts"][registry.host]["pass"], PASSWORD)
        self.assertEqual(self.regctl("registry", "whoami", registry.host).out, USER + "\n")
        self.regctl("repo", "ls", registry.host)
        # The one who is logged in is the answer to an empty line; a wrong password is told.
        terminal = self.terminal("registry", "login", registry.host)
        terminal.expect("Enter Username [%s]: " % USER)
        terminal.type("\n")
        terminal.expect("Enter Password: ")
        terminal.type("wrong\n")
        self.assertEqual(terminal.wait(), 1, terminal.shown)
        self.assertIn("Failed to ping registry, credentials were still stored", terminal.shown)
        self.assertIn("unauthorized", terminal.shown)
        self.assertEqual(self.config()["hosts"][registry.host]["user"], USER)
        self.assertEqual(self.config()["hosts"][registry.host]["pass"], "wrong")

    def test_interrupted_at_the_password(self):
        for how in ("typed", signal.SIGTERM):
            terminal = self.terminal("registry", "login", "reg.example", "-u", "me", "--skip-check")
            terminal.expect("Enter Password: ")
            self.assertFalse(terminal.echoes())
            if how == "typed":
                terminal.type("half of it\x03")
            else:
                terminal.process.send_signal(how)
            self.assertNotEqual(terminal.wait(), 0)
            self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before, "the terminal was left without echo")
            self.assertNotIn("half", terminal.shown)
            self.assertFalse(os.path.exists(self.work("home", ".regctl", "config.json")))

    def test_no_password_typed(self):
        terminal = self.terminal("registry", "login", "reg.example", "-u", "me", "--skip-check")
        terminal.expect("Enter Password: ")
        terminal.type("\n")
        self.assertEqual(terminal.wait(), 1)
        self.assertIn("Password is required", terminal.shown)

    # --- credential helpers ---

    def helper(self, name="docker-credential-test", **env):
        path = self.work("bin", name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(HELPER)
        os.chmod(path, 0o755)
        self.env.update(PATH=self.work("bin") + ":" + self.env["PATH"], HELPER_STORE=self.work.folder("store"), **env)

    def store(self, user, secret, server):
        with open(self.work("store", "login"), "w", encoding="utf-8") as f:
            json.dump({"ServerURL": server, "Username": user, "Secret": secret}, f)

    def calls(self):
        path = self.work("store", "calls")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            found = f.read().split()
        os.remove(path)
        return found

    def test_a_helper_keeps_the_login(self):
        registry = self.registry()
        self.helper()
        self.regctl("registry", "set", registry.host, "--tls", "disabled", "--cred-helper", "docker-credential-test", "--skip-check")
        self.assertIn("no login found for " + registry.host, self.regctl("registry", "whoami", registry.host, status=1).err)
        self.regctl("registry", "login", registry.host, "-u", USER, "--pass-stdin", stdin=(PASSWORD + "\n").encode())
        entry = self.config()["hosts"][registry.host]
        self.assertEqual(entry, {"tls": "disabled", "hostname": registry.host, "credHelper": "docker-credential-test", "reqConcurrent": 3})
        with open(self.work("store", "stored"), encoding="utf-8") as f:
            self.assertEqual(json.load(f), {"ServerURL": registry.host, "Username": USER, "Secret": PASSWORD})
        self.assertEqual(self.regctl("registry", "whoami", registry.host).out, USER + "\n")
        shown = self.regctl("registry", "config", registry.host)
        self.assertEqual(shown.json(), {**entry, "user": USER})
        self.assertNotIn(PASSWORD, shown.out)
        self.assertNotIn("user", self.config()["hosts"][registry.host], "showing is not storing")
        self.regctl("repo", "ls", registry.host)
        self.calls()
        self.regctl("registry", "logout", registry.host)
        self.assertEqual(self.calls(), ["erase"])
        self.regctl("registry", "whoami", registry.host, status=1)

    def test_what_a_helper_answers(self):
        self.helper()
        self.regctl("registry", "set", "reg.example", "--cred-helper", "docker-credential-test", "--skip-check")
        self.store("<token>", "identity", "reg.example")
        self.assertEqual(self.regctl("registry", "whoami", "reg.example").out, "<token>\n")
        shown = self.regctl("registry", "config", "reg.example").out
        self.assertNotIn("identity", shown)
        self.assertNotIn('"user"', shown)
        self.env["HELPER_BROKEN"] = "1"
        failed = self.regctl("registry", "whoami", "reg.example", status=1)
        self.assert_one_line(failed, "docker-credential-test", "reg.example", "key ring is locked")
        shown = self.regctl("registry", "config", "reg.example")
        self.assertIn('msg="Credential helper failed"', shown.err)
        self.assertEqual(shown.json()["credHelper"], "docker-credential-test")

    def test_a_helper_that_is_not_there(self):
        self.regctl("registry", "set", "reg.example", "--cred-helper", "docker-credential-nosuch", "--skip-check")
        failed = self.regctl("registry", "login", "reg.example", "-u", "me", "--pass-stdin", stdin=b"x\n", status=1)
        self.assert_one_line(failed, "docker-credential-nosuch", "install it in PATH")

    def test_the_helper_of_all_registries(self):
        self.helper("docker-credential-all")
        self.regctl("config", "set", "--default-cred-helper", "docker-credential-all")
        self.store("everywhere", "x", "reg.example")
        self.assertEqual(self.regctl("registry", "whoami", "reg.example").out, "everywhere\n")

    # --- what others see ---

    def test_the_command_line_is_overwritten(self):
        slow = self.enter(harness.ScriptedRegistry(self.work.folder("slow"), {"rules": [{"match": {"path": "^/v2/$", "count": 0},
                          "action": {"type": "delay", "ms": 20000}}]}))
        for words in (["--pass", "canary-secret-1"], ["-pcanary-secret-1"]):
            slow.clear_log()
            process = harness.start_process([program("regctl"), "--host", "reg=%s,tls=disabled" % slow.host, "registry", "login", slow.host,
                                             "-u", "me", *words], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE)
            harness.wait_for("the ping", lambda: slow.begun("GET", "^/v2/$"))
            with open("/proc/%d/cmdline" % process.pid, "rb") as f:
                words_seen = f.read().decode().split("\0")
            harness.stop_process(process)
            self.assertIn("login", words_seen)
            self.assertFalse([w for w in words_seen if "canary" in w], words_seen)
            self.assertTrue([w for w in words_seen if re.search(r"\*{15}$", w)], words_seen)
            self.assertEqual(self.config()["hosts"][slow.host]["pass"], "canary-secret-1")

    # --- large input ---

    @unittest.skipIf(harness.SLOW != 1 or "asan" in harness.BIN, "sanitizers need memory of their own")
    def test_the_digest_of_much(self):
        path = self.work("much")
        with open(path, "wb") as f:
            f.truncate(300 << 20)
        with open(path, "rb") as f:
            process = subprocess.Popen([program("regctl"), "digest"], env=self.env, stdin=f, stdout=subprocess.PIPE)
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            process.stdout.close()
        self.assertEqual(status, 0)
        self.assertEqual(out.decode(), "sha256:" + harness.tool("sha256sum", path).split()[0])
        self.assertLess(usage.ru_maxrss, 48 << 10)  # the test's own share, from before exec, is in it


if __name__ == "__main__":
    main()

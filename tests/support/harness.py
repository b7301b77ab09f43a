# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests, the demo and the benchmark stand on: real registries started and stopped by pid, bounded waits,
programs run with their time and memory measured, and comparison of places.

Every process that is started here is started in its own session, remembered, and ended when the test ends.
"""
import atexit
import glob
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import make_images  # noqa: E402
from make_images import RegistryClient  # noqa: E402

SLOW = float(os.environ.get("RF_SLOW", "1"))  # sanitizer builds are slower: waits are stretched by this
BIN = os.environ.get("RF_BIN", os.path.join(ROOT, "build", "dev"))

_processes = []


def _end_all():
    for process in list(_processes):
        stop_process(process)


def _end_on_signal(number, _frame):
    _end_all()
    os._exit(128 + number)


atexit.register(_end_all)
if threading.current_thread() is threading.main_thread():
    for _number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(_number, _end_on_signal)


def start_process(argv, **options):
    process = subprocess.Popen(argv, **options)
    _processes.append(process)
    return process


def stop_process(process, wait=5):
    """Ends a process that start_process started: TERM, then KILL after `wait` seconds."""
    if process in _processes:
        _processes.remove(process)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    for stream in (process.stdout, process.stderr, process.stdin):
        if stream:
            stream.close()


def wait_for(what, check, seconds=10, pause=0.01):
    """Calls check() until it gives something true; fails with `what` after `seconds` (stretched on slow builds)."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s in vain for %s" % (seconds * SLOW, what))
        time.sleep(pause)


# --- running programs ---

class Result:
    def __init__(self, argv, status, out, err, seconds, usage):
        self.argv, self.status, self.out, self.err, self.seconds = argv, status, out, err, seconds
        self.cpu = usage.ru_utime + usage.ru_stime if usage else 0.0
        self.peak_rss = usage.ru_maxrss * 1024 if usage else 0

    def text(self):
        return "%s\n-> status %s after %.2f s\n--- stdout\n%s\n--- stderr\n%s" % (
            " ".join(map(str, self.argv)), self.status, self.seconds, _cut(self.out), _cut(self.err))

    def json(self):
        return json.loads(self.out)


def _cut(text, limit=6000):
    return text if len(text) <= limit else text[: limit // 2] + "\n[...]\n" + text[-limit // 2:]


def program(name):
    """The program of the build under test."""
    path = os.path.join(BIN, name)
    if not os.access(path, os.X_OK):
        raise AssertionError("%s is not built (RF_BIN=%s)" % (name, BIN))
    return path


def clean_env(home, **extra):
    """An environment with a home folder of its own and no settings of the person who runs the tests."""
    keep = ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env.update({"HOME": str(home), "LC_ALL": "C.UTF-8", **{k: str(v) for k, v in extra.items()}})
    return env


def _kill(pid):
    """Not process.kill(), which reaps a process that has just ended, behind the back of wait4."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(argv, env=None, timeout=60, stdin=b"", stdout=None, cwd=None, kill_after=None, on_start=None):
    """
    Runs a program to its end and measures it. kill_after: seconds after which it gets KILL (no failure). A program that is
    still there after `timeout` (stretched on slow builds) is killed and fails the test.
    """
    argv = [str(a) for a in argv]
    started = time.monotonic()
    out_file = stdout or tempfile.TemporaryFile()
    err_file = tempfile.TemporaryFile()
    in_file = tempfile.TemporaryFile()
    in_file.write(stdin)
    in_file.seek(0)
    process = subprocess.Popen(argv, env=env, stdin=in_file, stdout=out_file, stderr=err_file, cwd=cwd)
    _processes.append(process)
    if on_start:
        on_start(process)
    limit = kill_after if kill_after is not None else timeout * SLOW
    timer = threading.Timer(limit, _kill, [process.pid])
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    _processes.remove(process)
    err_file.seek(0)
    err = err_file.read().decode("utf-8", "replace")
    out = ""
    if not stdout:
        out_file.seek(0)
        out = out_file.read().decode("utf-8", "replace")
    result = Result(argv, process.returncode, out, err, seconds, usage)
    if kill_after is None and seconds >= limit:
        raise AssertionError("took longer than %g s\n%s" % (limit, result.text()))
    return result


def tool(*argv, timeout=120):
    """Runs a helper of the machine (openssl, htpasswd, skopeo …) that has to succeed; gives its stdout."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout * SLOW, check=False)
    if done.returncode != 0:
        raise AssertionError("%s: status %d\n%s" % (" ".join(map(str, argv)), done.returncode, done.stderr.decode("utf-8", "replace")))
    return done.stdout.decode("utf-8", "replace")


# --- certificates ---

class Authority:
    """A certificate authority of the test's own, made by openssl."""

    def __init__(self, folder, name="regferry test authority"):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.key, self.cert = self._path("ca.key"), self._path("ca.pem")
        tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", "/CN=" + name, "-keyout", self.key, "-out", self.cert)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name="127.0.0.1", names="IP:127.0.0.1,DNS:localhost", usage="serverAuth"):
        """(certificate file, key file) for these names."""
        stem = self._path(re.sub(r"[^A-Za-z0-9]", "-", name) + "-" + usage)
        key, request, cert, ext = stem + ".key", stem + ".csr", stem + ".pem", stem + ".ext"
        tool("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name,
             "-keyout", key, "-out", request)
        with open(ext, "w", encoding="utf-8") as f:
            f.write("subjectAltName=%s\nextendedKeyUsage=%s\nbasicConstraints=CA:FALSE\n" % (names, usage))
        tool("openssl", "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", "30",
             "-extfile", ext, "-out", cert)
        return cert, key


# --- registries ---

class DockerRegistry:
    """
    Debian's docker-registry on a port of its own choice.

        with DockerRegistry(folder, htpasswd=("user", "pass"), tls=authority) as registry: registry.host, registry.client
    """

    def __init__(self, folder, htpasswd=None, tls=None, token=None, delete=True, port=0, cache=False):
        self.folder = os.path.abspath(str(folder))
        self.htpasswd, self.tls, self.token, self.delete, self.cache = htpasswd, tls, token, delete, cache
        self.port, self.process, self.environment = port, None, {}
        self.log_path = os.path.join(self.folder, "registry.log")
        self.access_path = os.path.join(self.folder, "access.log")
        self._mark = 0

    def _config(self):
        lines = ["version: 0.1", "log: {level: info, fields: {service: registry}}", "storage:", "  delete: {enabled: %s}" % str(self.delete).lower(),
                 "  filesystem: {rootdirectory: %s}" % json.dumps(os.path.join(self.folder, "storage")),
                 "  maintenance: {uploadpurging: {enabled: false}}", *(["  cache: {blobdescriptor: inmemory}"] if self.cache else []),
                 "http:", "  addr: 127.0.0.1:%d" % self.port, "  secret: a-fixed-secret-of-the-tests"]
        if self.tls:
            cert, key = self.tls.issue()
            lines += ["  tls: {certificate: %s, key: %s}" % (json.dumps(cert), json.dumps(key))]
        if self.htpasswd:
            path = os.path.join(self.folder, "htpasswd")
            with open(path, "w", encoding="utf-8") as f:
                f.write(tool("htpasswd", "-Bbn", "-C", "4", *self.htpasswd))
            lines += ["auth: {htpasswd: {realm: test, path: %s}}" % json.dumps(path)]
        if self.token:
            lines += ["auth:", "  token: {realm: %s, service: %s, issuer: %s, rootcertbundle: %s}" % tuple(
                json.dumps(v) for v in (self.token.realm, self.token.service, self.token.issuer, self.token.cert))]
        return "\n".join(lines) + "\n"

    def start(self):
        """On its old port again, if it had one; who took that meanwhile is waited for."""
        end = time.monotonic() + 60 * SLOW
        while True:
            try:
                return self._start()
            except AssertionError as e:
                self.stop()
                if "address already in use" not in str(e) or time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def _start(self):
        os.makedirs(os.path.join(self.folder, "storage"), exist_ok=True)
        config = os.path.join(self.folder, "config.yml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(self._config())
        log = open(self.log_path, "ab")
        start_at = log.tell()
        access = open(self.access_path, "ab")
        self.process = start_process(["docker-registry", "serve", config], stdin=subprocess.DEVNULL, stdout=access, stderr=log,
                                     env={"PATH": os.environ["PATH"], "HOME": self.folder, "OTEL_TRACES_EXPORTER": "none", **self.environment})
        log.close()
        access.close()

        def listening():
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                f.seek(start_at)
                text = f.read()
            if self.process.poll() is not None:
                raise AssertionError("docker-registry ended at once:\n" + text[-3000:])
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", text)
            return found and int(found.group(1))

        self.port = wait_for("docker-registry to listen", listening, 60)
        return self

    def stop(self):
        if self.process:
            stop_process(self.process)
            self.process = None

    def collect_garbage(self, untagged=False):
        """What no manifest (untagged: no tagged one) needs goes from the disk, behind the back of the registry."""
        return tool("docker-registry", "garbage-collect", *(["--delete-untagged"] if untagged else []), os.path.join(self.folder, "config.yml"))

    def blob_file(self, digest):
        algorithm, hexits = digest.split(":")
        return os.path.join(self.folder, "storage", "docker/registry/v2/blobs", algorithm, hexits[:2], hexits, "data")

    def restart(self, **environment):
        """Stops and starts again on the same port (forgets what it cached), with these variables set beside the usual ones."""
        self.stop()
        self.environment = environment
        return self.start()

    def cpu_seconds(self):
        """What the process has used since it started."""
        with open("/proc/%d/stat" % self.process.pid, encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def host(self):
        return "127.0.0.1:%d" % self.port

    @property
    def url(self):
        return "%s://%s" % ("https" if self.tls else "http", self.host)

    @property
    def client(self):
        user, password = self.htpasswd or (self.token and (self.token.user, self.token.password)) or (None, None)
        return RegistryClient(self.url, user, password, self.tls.cert if self.tls else None)

    def host_flag(self, login=True):
        """The argument of --host for this registry."""
        parts = ["reg=" + self.host]
        if not self.tls:
            parts.append("tls=disabled")
        else:
            parts.append("ca-file=" + self.tls.cert)
        if login and (self.htpasswd or self.token):
            user, password = self.htpasswd or (self.token.user, self.token.password)
            path = os.path.join(self.folder, "password")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
                f.write(password)
            parts += ["user=" + user, "pass-file=" + path]
        return ",".join(parts)

    # The access log is a line per request in Apache's combined format.
    def requests(self):
        """(method, path, status) of the requests since mark(), in order."""
        self._settle()
        with open(self.access_path, encoding="utf-8", errors="replace") as f:
            f.seek(self._mark)
            lines = re.findall(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" (\d{3})', f.read())
        return [(method, path, int(status)) for method, path, status in lines]

    def _settle(self):
        """The line of a request may come just after its answer: waits until the file no longer grows and the process has nothing to do."""
        size, end = -1, time.monotonic() + 20
        while (size != os.path.getsize(self.access_path) or self._at_work()) and time.monotonic() < end:
            size = os.path.getsize(self.access_path)
            time.sleep(0.03)

    def _at_work(self):
        """Whether one of its threads runs, or would if there were a processor for it."""
        if not self.process or self.process.poll() is not None:
            return False
        for path in glob.glob("/proc/%d/task/*/stat" % self.process.pid):
            try:
                with open(path, encoding="utf-8") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] in "RD":
                        return True
            except OSError:
                pass  # it has ended
        return False

    def mark(self):
        self._settle()
        self._mark = os.path.getsize(self.access_path)

    def write_requests(self):
        return [r for r in self.requests() if r[0] in ("POST", "PUT", "PATCH", "DELETE")]


class ScriptedRegistry:
    """tests/support/scripted_registry.py as a process: for tests that kill, measure or log it from outside."""

    def __init__(self, folder, profile=None, seed=None, tls=None, canaries=()):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.log_path = os.path.join(self.folder, "requests.jsonl")
        argv = [sys.executable, os.path.join(HERE, "scripted_registry.py"), "--log", self.log_path]
        if profile is not None:
            path = os.path.join(self.folder, "profile.json")
            if isinstance(profile, dict):
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(profile, f)
                profile = path
            argv += ["--profile", profile]
        if seed:
            argv += ["--seed", str(seed)]
        if tls:
            argv += ["--tls", *tls.issue()]
        for canary in canaries:
            argv += ["--canary", canary]
        self.argv, self.tls, self.process = argv, tls, None

    def __enter__(self):
        self.process = start_process(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().split()
        if len(line) != 2:
            raise AssertionError("the scripted registry did not start")
        self.port, self.other_port = int(line[0]), int(line[1])
        self.host = "127.0.0.1:%d" % self.port
        self.other_host = "127.0.0.1:%d" % self.other_port
        return self

    def __exit__(self, *_):
        stop_process(self.process)

    @property
    def url(self):
        return "%s://%s" % ("https" if self.tls else "http", self.host)

    @property
    def client(self):
        return RegistryClient(self.url, ca=self.tls.cert if self.tls else None)

    def host_flag(self, **extra):
        parts = ["reg=" + self.host, "ca-file=" + self.tls.cert if self.tls else "tls=disabled"]
        return ",".join(parts + ["%s=%s" % (k.replace("_", "-"), v) for k, v in extra.items()])

    def begun(self, method, path):
        """How many such requests came since the log was cleared, answered or not yet."""
        lines = json.loads(self.client.call("GET", "/_/begun")[2])
        return sum(1 for m, target in lines if m == method and re.search(path, target))

    def most_at_once(self):
        """The most requests that were in hand at the same time since the log was cleared."""
        return json.loads(self.client.call("GET", "/_/most")[2])

    def release(self):
        """One request that a rule holds, or that comes to be held, goes on."""
        self.client.call("POST", "/_/release", b"")

    def settle(self):
        if self.process.poll() is None:
            self.client.call("GET", "/_/settle")

    def requests(self, method=None, path=None, origin=None):
        self.settle()
        with open(self.log_path, encoding="utf-8") as f:
            lines = sorted((json.loads(line) for line in f if line.endswith("\n")), key=lambda l: l["time"])
        return [l for l in lines if (method is None or l["method"] == method)
                and (path is None or re.search(path, l["path"])) and (origin is None or l["origin"] == origin)]

    def write_requests(self):
        return [l for l in self.requests() if l["method"] in ("POST", "PUT", "PATCH", "DELETE") and "/token" not in l["path"]]

    def clear_log(self):
        self.client.call("POST", "/_/clear", b"")
        open(self.log_path, "w", encoding="utf-8").close()

    def state(self):
        return json.loads(self.client.call("GET", "/_/state")[2])


class TokenService:
    """tests/support/token_service.py: signs tokens that docker-registry accepts, for one user."""

    def __init__(self, folder, user="carrier", password="token-secret", expires_in=300, tls=None, service="registry.test", anonymous_pull=False):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.user, self.password, self.expires_in, self.tls = user, password, expires_in, tls
        self.service, self.issuer, self.anonymous_pull = service, "regferry test issuer", anonymous_pull
        self.key, self.cert = os.path.join(self.folder, "token.key"), os.path.join(self.folder, "token.pem")
        self.log_path = os.path.join(self.folder, "token.jsonl")

    def __enter__(self):
        tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=token",
             "-keyout", self.key, "-out", self.cert)
        argv = [sys.executable, os.path.join(HERE, "token_service.py"), "--key", self.key, "--cert", self.cert, "--user", self.user,
                "--password", self.password, "--service", self.service, "--issuer", self.issuer,
                "--expires-in", str(self.expires_in), "--log", self.log_path]
        if self.anonymous_pull:
            argv.append("--anonymous-pull")
        if self.tls:
            argv += ["--tls", *self.tls.issue()]
        self.process = start_process(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.realm = "%s://127.0.0.1:%d/token" % ("https" if self.tls else "http", self.port)
        return self

    def __exit__(self, *_):
        stop_process(self.process)

    def requests(self):
        with open(self.log_path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]


# --- comparing places ---

def closure(client, repository, reference):
    """digest -> sha256 of the bytes, of everything an image needs, read back from a registry; raises when a part is missing."""
    found, todo = {}, [reference]
    while todo:
        got = client.manifest(repository, todo.pop())
        if got is None:
            raise AssertionError("%s %s: a manifest is missing" % (client.name, repository))
        digest, _, data = got
        if digest in found:
            continue
        found[digest] = digest
        document = json.loads(data)
        todo += [m["digest"] for m in document.get("manifests") or []]
        for part in [document.get("config")] + (document.get("layers") or []):
            if part and part["digest"] not in found:
                blob = client.blob(repository, part["digest"])
                if blob is None or len(blob) != part["size"] or make_images.digest_of(blob, part["digest"].split(":")[0]) != part["digest"]:
                    raise AssertionError("%s %s: blob %s is missing or wrong" % (client.name, repository, part["digest"]))
                found[part["digest"]] = part["digest"]
    return found


def check_image(client, repository, reference, node):
    """The image stands there, whole, byte for byte."""
    got = client.manifest(repository, reference)
    if got is None:
        raise AssertionError("%s/%s:%s is not there" % (client.name, repository, reference))
    if got[0] != node.digest or got[2] != node.data:
        raise AssertionError("%s/%s:%s is %s, wanted %s" % (client.name, repository, reference, got[0], node.digest))
    have = closure(client, repository, reference)
    missing = set(node.content()) - set(have)
    if missing:
        raise AssertionError("%s/%s:%s lacks %s" % (client.name, repository, reference, sorted(missing)))


def check_all(client, triples):
    for repository, tag, node in triples:
        check_image(client, repository, tag or node.digest, node)


def check_layout(folder, tag, node):
    """The image stands in a layout folder, whole, byte for byte."""
    with open(os.path.join(folder, "index.json"), encoding="utf-8") as f:
        entries = json.load(f)["manifests"]
    found = [e["digest"] for e in entries
             if (e.get("annotations", {}).get(make_images.REF_NAME) == tag if tag else e["digest"] == node.digest)]
    if found != [node.digest] and not (tag is None and node.digest in found):
        raise AssertionError("%s:%s is %s, wanted %s" % (folder, tag, found, node.digest))
    for digest, data in node.content().items():
        path = os.path.join(folder, "blobs", *digest.split(":"))
        if not os.path.exists(path):
            raise AssertionError("%s lacks %s" % (folder, digest))
        with open(path, "rb") as f:
            if f.read() != data:
                raise AssertionError("%s: %s has other bytes" % (folder, digest))


def skopeo_digest(*argv):
    """The digest of the raw manifest that skopeo sees at a place."""
    raw = subprocess.run(["skopeo", "inspect", "--raw", *map(str, argv)], capture_output=True, timeout=120 * SLOW, check=False)
    if raw.returncode != 0:
        raise AssertionError("skopeo inspect %s: %s" % (" ".join(map(str, argv)), raw.stderr.decode()))
    return make_images.digest_of(raw.stdout)


def file_digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while piece := f.read(1 << 20):
            h.update(piece)
    return h.hexdigest()


def tree_of(folder):
    """path -> (size, digest) of every file under a folder: to show that nothing was written."""
    found = {}
    for base, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(base, name)
            found[os.path.relpath(path, folder)] = (os.path.getsize(path), file_digest(path))
    return found


class Workspace:
    """A folder of a test's own, removed at its end (kept with RF_KEEP=1)."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix="rf-%s-" % name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if os.environ.get("RF_KEEP"):
            print("kept: " + self.path, file=sys.stderr)
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def __call__(self, *parts):
        path = os.path.join(self.path, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def folder(self, *parts):
        path = os.path.join(self.path, *parts)
        os.makedirs(path, exist_ok=True)
        return path


def memory_limit_kib():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

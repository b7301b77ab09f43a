# SPDX-License-Identifier: Apache-2.0
"""A lean threaded HTTP/1.1 server for tests: keep-alive, TCP_NODELAY, optional TLS, and answers that can go wrong on purpose.

    server = Server(app)            app(Request) -> Response
    server.start(); server.port; server.stop()

An answer may be cut (`cut_after` bytes of its body, by reset or by an orderly close), dripped, or never sent (`Hangup`).
"""
import http.client
import socket
import ssl
import struct
import threading
import time
from urllib.parse import parse_qsl, urlsplit

HEADER_LINE_MAX = 64 * 1024
REASONS = http.client.responses


class Hangup(Exception):
    """Raised by an app: end the connection without an answer; `reset` sends RST in place of FIN."""

    def __init__(self, reset=False):
        super().__init__()
        self.reset = reset


class Request:
    """One request. The body is read on demand, so that an app can hang up in the middle of it."""

    def __init__(self, method, target, headers, stream, server, client):
        self.method = method
        self.target = target
        parts = urlsplit(target)
        self.path = parts.path
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = headers  # name in lower case -> value
        self.server = server
        self.client = client
        self._stream = stream
        self._body = None
        self._started = False
        self.answered = None  # when the answer was ready, before any of it was sent

    def header(self, name, default=None):
        return self.headers.get(name.lower(), default)

    def _begin(self):
        if not self._started:
            self._started = True
            if self.header("expect", "").lower() == "100-continue":
                self._stream.continue_()

    def read_some(self, limit):
        """Up to `limit` bytes of the body, for apps that give up in the middle; the rest stays unread."""
        self._begin()
        length = int(self.header("content-length") or 0)
        return self._stream.read_exact(min(limit, length))

    @property
    def body(self):
        if self._body is None:
            self._begin()
            if self.header("transfer-encoding", "").lower() == "chunked":
                self._body = self._stream.read_chunked()
            else:
                self._body = self._stream.read_exact(int(self.header("content-length") or 0))
        return self._body


class Response:
    """`body`: bytes, or an iterable of bytes together with `length` (None = chunked)."""

    def __init__(self, status=200, body=b"", headers=None, length=None):
        self.status = status
        self.headers = dict(headers or {})
        self.body = body
        self.length = len(body) if isinstance(body, bytes) else length
        self.cut_after = None
        self.cut_reset = True
        self.drip = None  # (bytes, seconds) between pieces
        self.raw_headers = []  # lines sent as they are
        self.close = False
        self.sent = 0


class _Stream:
    """The reading side of a connection."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb", 256 * 1024)

    def continue_(self):
        self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def read_exact(self, count):
        data = self.file.read(count) if count else b""
        if len(data) != count:
            raise ConnectionError("the client left in the middle of a body")
        return data

    def read_chunked(self):
        out = []
        while True:
            size = int(self.file.readline(HEADER_LINE_MAX).split(b";")[0], 16)
            if size == 0:
                while self.file.readline(HEADER_LINE_MAX) not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(out)
            out.append(self.read_exact(size))
            self.file.readline(HEADER_LINE_MAX)

    def read_head(self):
        line = self.file.readline(HEADER_LINE_MAX)
        if not line:
            return None
        method, target, _version = line.decode("latin-1").split(" ", 2)
        headers = {}
        while True:
            line = self.file.readline(HEADER_LINE_MAX)
            if line in (b"\r\n", b"\n", b""):
                return method, target, headers
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()


class Server:
    def __init__(self, app, host="127.0.0.1", port=0, tls=None, after=None):
        """tls: (certificate file, key file[, CA of client certificates, which are asked for then and not demanded]). after(Request, Response, error): called when an answer is out."""
        self.app = app
        self.after = after
        self.host = host
        self._listener = socket.create_server((host, port), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.tls = None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls[:2])
            if len(tls) > 2:
                self.tls.load_verify_locations(tls[2])
                self.tls.verify_mode = ssl.CERT_OPTIONAL
        self._stopping = False
        self._thread = None
        self._connections = set()
        self._lock = threading.Lock()
        self._active = 0  # requests that are not logged yet; those of the tests themselves (/_/) do not count

    @property
    def origin(self):
        return "%s://%s:%d" % ("https" if self.tls else "http", self.host, self.port)

    def start(self):
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        self._stopping = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            open_now = list(self._connections)
        for sock in open_now:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self._thread:
            self._thread.join(5)

    def settle(self, seconds=20):
        """Waits until every request that came is answered and logged, but for those held up on purpose: the log is complete for what a client has seen."""
        end = time.monotonic() + seconds
        while self._active and time.monotonic() < end:
            time.sleep(0.002)

    def held_up(self, request, wait):
        self._count(request, -1)
        wait()
        self._count(request, 1)

    def _count(self, request, by):
        if not request.path.startswith("/_/"):
            with self._lock:
                self._active += by

    def _accept(self):
        while not self._stopping:
            try:
                sock, address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock, address), daemon=True).start()

    def _serve(self, sock, address):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock.settimeout(20)
                sock = self.tls.wrap_socket(sock, server_side=True)
                sock.settimeout(None)
        except OSError:
            sock.close()
            return
        with self._lock:
            self._connections.add(sock)
        try:
            if not self.tls and not sock.recv(1, socket.MSG_PEEK).isalpha():
                return  # no request line begins like this: somebody speaks TLS to a plain port
            stream = _Stream(sock)
            while not self._stopping and self._one(sock, stream, address):
                pass
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._connections.discard(sock)
            try:
                sock.close()
            except OSError:
                pass

    def _one(self, sock, stream, address):
        head = stream.read_head()
        if head is None:
            return False
        method, target, headers = head
        request = Request(method, target, headers, stream, self, address)
        request.client_cert = bool(self.tls and sock.getpeercert())
        response, error = Response(0), None
        self._count(request, 1)
        try:
            response = self.app(request)
            request.answered = time.monotonic()
            if request._body is None and (request.header("content-length") or request.header("transfer-encoding")):
                request.body  # what the app did not look at must not be taken for the next request
            return self._send(sock, request, response)
        except Hangup as end:
            error = "reset" if end.reset else "hangup"
            _end(sock, end.reset)
            return False
        except (OSError, ValueError) as failure:
            error = type(failure).__name__
            raise
        finally:
            if self.after:
                self.after(request, response, error)
            self._count(request, -1)

    def _send(self, sock, request, response):
        lines = ["HTTP/1.1 %d %s" % (response.status, REASONS.get(response.status, "Answer"))]
        names = {name.lower() for name in response.headers}
        chunked = response.length is None
        if "content-length" not in names and response.status not in (204, 304):
            lines.append("Transfer-Encoding: chunked" if chunked else "Content-Length: %d" % response.length)
        lines += ["%s: %s" % item for item in response.headers.items()]
        lines += response.raw_headers
        if response.close:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if request.method == "HEAD" or response.status in (204, 304):
            sock.sendall(head)
            return not response.close
        pieces = [response.body] if isinstance(response.body, bytes) else response.body
        if isinstance(response.body, bytes) and response.cut_after is None and not response.drip and not chunked:
            sock.sendall(head + response.body if len(response.body) < 65536 else head)
            if len(response.body) >= 65536:
                sock.sendall(response.body)
            response.sent = len(response.body)
            return not response.close
        sock.sendall(head)
        for piece in _pieces(pieces, response):
            if response.cut_after is not None and response.sent + len(piece) >= response.cut_after:
                piece = piece[: response.cut_after - response.sent]
                sock.sendall(piece)
                response.sent += len(piece)
                time.sleep(0.02)  # lets the client see these bytes before the end
                _end(sock, response.cut_reset)
                return False
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            response.sent += len(piece)
        if chunked:
            sock.sendall(b"0\r\n\r\n")
        return not response.close and response.cut_after is None


def _pieces(pieces, response):
    size, pause = response.drip or (0, 0)
    for piece in pieces:
        if not size:
            if piece:
                yield piece
            continue
        for start in range(0, len(piece), size):
            yield piece[start:start + size]
            time.sleep(pause)


def _end(sock, reset):
    try:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    sock.close()

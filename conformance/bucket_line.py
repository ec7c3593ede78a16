"""The line to an object store: HTTP, request by request, that is slow, away, or breaks at the request that a test names.

Nothing of what crosses it is changed, so that signatures hold.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from middleman import bound, shut
from subjects.base import free_port

ANSWER_SECONDS_MAX = 60
CHUNK_BYTES = 64 << 10
SLOW_DOWN = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>'
FAILED = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>Please try again.</Message></Error>'
#: Headers of a connection, which are each side's own.
HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection"}


class Deed(Enum):
    """What happens to a request in place of its way there and back."""

    #: Answered 500, and the store never hears of it.
    FAILS = "500"
    #: Answered 503 SlowDown, likewise.
    SLOW_DOWN = "503"
    #: The connection ends, and the store never hears of it.
    CUT_BEFORE = "cut before"
    #: Half of what is sent reaches the store, then both connections end.
    CUT_WITHIN = "cut within"
    #: The store does it, and the connection ends in place of the answer.
    CUT_AFTER = "cut after"
    #: Half of the answer comes.
    CUT_ANSWER = "cut answer"


@dataclass(frozen=True)
class Asked:
    """A request, as far as tests tell them apart."""

    method: str
    path: str

    @property
    def writes(self) -> bool:
        """Whether it changes what the store has."""
        return self.method in ("PUT", "POST")

    @property
    def begins(self) -> bool:
        """Whether it begins an upload in parts. Whoever does not hear the answer can neither go on nor give it up."""
        return self.method == "POST" and "uploads" in self.path.partition("?")[2]


@dataclass
class BucketLine:
    """A port that leads to `target`, a port of this machine. What is public may be changed at any time."""

    target: int
    #: Each request waits so long on its way there.
    delay_seconds: float = 0
    #: Which requests are counted, and what is done with the n-th of them, from 1.
    about: Callable[[Asked], bool] = lambda asked: asked.writes
    deed: Callable[[int], Deed | None] = lambda number: None
    #: Counted requests so far, and those that were met by a deed.
    count: int = 0
    met: list[Asked] = field(default_factory=list)

    def __enter__(self) -> BucketLine:
        self.port = free_port()
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        """Where the store seems to be."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listens, on the same port as before."""
        handler = type("Handler", (_Request,), {"line": self})
        server = bound(lambda: _Listener(("127.0.0.1", self.port), handler))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self._server = server

    def down(self) -> None:
        """The store is away: connections are refused, and what stood is cut."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            shut(end)

    def count_anew(self) -> None:
        """The next request that is counted is the first."""
        with self._lock:
            self.count, self.met = 0, []

    def decide(self, asked: Asked) -> Deed | None:
        """What is done with a request."""
        if not self.about(asked):
            return None
        with self._lock:
            self.count += 1
            deed = self.deed(self.count)
            if deed is not None:
                self.met.append(asked)
            return deed

    @contextlib.contextmanager
    def known(self, end: socket.socket):  # type: ignore[no-untyped-def]
        """An end that is cut when the store goes away."""
        with self._lock:
            self._ends.add(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends.discard(end)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    # Many connections come at once.
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """A connection that breaks is what this is about."""


class _Request(BaseHTTPRequestHandler):
    """One connection from the node, with one to the store behind it."""

    line: BucketLine
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with self.line.known(self.connection):
            self._far = http.client.HTTPConnection("127.0.0.1", self.line.target, timeout=ANSWER_SECONDS_MAX)
            try:
                super().handle()
            finally:
                self._far.close()

    def log_message(self, *_: object) -> None:
        """The server tells of it."""

    def _pass(self) -> None:
        body = self._body()
        time.sleep(self.line.delay_seconds)
        deed = self.line.decide(Asked(self.command, self.path))
        if deed in (Deed.FAILS, Deed.SLOW_DOWN):
            self._refuse(500 if deed is Deed.FAILS else 503, FAILED if deed is Deed.FAILS else SLOW_DOWN)
            return
        if deed is Deed.CUT_BEFORE:
            self._cut()
            return
        self._ask(body[: len(body) // 2] if deed is Deed.CUT_WITHIN else body, len(body))
        if deed is Deed.CUT_WITHIN:
            self._far.close()
            self._cut()
            return
        answer = self._far.getresponse()
        if deed is Deed.CUT_AFTER:
            answer.read()
            self._cut()
            return
        self._give(answer, is_cut=deed is Deed.CUT_ANSWER)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _ask(self, body: bytes, length: int) -> None:
        if self._far.sock is None:
            self._far.connect()
            self._far.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._far.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP | {"content-length", "expect"}:
                self._far.putheader(name, value)
        if length or self.command in ("PUT", "POST"):
            self._far.putheader("Content-Length", str(length))
        self._far.endheaders(body)

    def _give(self, answer: http.client.HTTPResponse, is_cut: bool) -> None:
        self.send_response_only(answer.status, answer.reason)
        length = answer.getheader("Content-Length")
        is_chunked = length is None and self.command != "HEAD" and answer.status not in (204, 304)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left = int(length or 0) // 2
        while chunk := answer.read(min(CHUNK_BYTES, max(left, 1)) if is_cut else CHUNK_BYTES):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
            left -= len(chunk)
            if is_cut and left <= 0:
                break
        if is_cut:
            self._cut()
        elif is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
        shut(self.connection)

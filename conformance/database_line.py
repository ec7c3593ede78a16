"""The line to PostgreSQL: the frontend/backend protocol, message by message, that is away, or is cut at the commit that a
test names, before the server hears of it or before its answer comes back."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from middleman import bound, shut
from subjects.base import free_port

#: Of the first message, which has no letter: SSLRequest and GSSENCRequest are answered by one letter, and asked again.
ASKS_FIRST = {80877103, 80877104}
CHUNK_BYTES = 64 << 10


class Cut(Enum):
    """When a line is cut, seen from a commit."""

    BEFORE = "before"
    AFTER = "after"


@dataclass
class DatabaseLine:
    """A port that leads to `target`, a port of this machine. `cut` is asked of the n-th commit, from 1."""

    target: int
    cut: Callable[[int], Cut | None] = lambda number: None
    #: Commits so far, and those at which the line was cut.
    count: int = 0
    met: int = 0

    def __enter__(self) -> DatabaseLine:
        self.port = free_port()
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Listens, on the same port as before."""
        self._listener = bound(lambda: socket.create_server(("127.0.0.1", self.port), backlog=128))
        threading.Thread(target=self._listen, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """The server is away: connections are refused, and what stood is cut."""
        if self._listener is not None:
            shut(self._listener)
            self._listener.close()
            self._listener = None
        self.cut_all()

    def cut_all(self) -> None:
        """Ends every connection; new ones come through."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            shut(end)

    def count_anew(self) -> None:
        """The next commit is the first."""
        with self._lock:
            self.count = self.met = 0

    def _decide(self) -> Cut | None:
        with self._lock:
            self.count += 1
            cut = self.cut(self.count)
            self.met += cut is not None
            return cut

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near, socket.create_connection(("127.0.0.1", self.target)) as far:
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._ends |= {near, far}
            try:
                _Connection(near, far, self._decide).serve()
            finally:
                with self._lock:
                    self._ends -= {near, far}


class _Connection:
    """One connection of the node, and the one to the server behind it."""

    def __init__(self, near: socket.socket, far: socket.socket, decide: Callable[[], Cut | None]):
        self._near, self._far, self._decide = near, far, decide
        self._ends_with_answer = False

    def serve(self) -> None:
        back = threading.Thread(target=self._back, daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            self._forth()
        shut(self._far)
        back.join(10)
        shut(self._near)

    def _forth(self) -> None:
        stream = self._near.makefile("rb")
        while (first := stream.read(8)) and len(first) == 8:
            length, code = struct.unpack("!II", first)
            self._far.sendall(first + stream.read(length - 8))
            if code not in ASKS_FIRST:
                break
        while (head := stream.read(5)) and len(head) == 5:
            body = stream.read(struct.unpack("!I", head[1:])[0] - 4)
            cut = self._decide() if is_commit(head[:1], body) else None
            if cut is Cut.BEFORE:
                return
            self._ends_with_answer = cut is Cut.AFTER
            self._far.sendall(head + body)

    def _back(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := self._far.recv(CHUNK_BYTES):
                if self._ends_with_answer:
                    # It is done, and nobody hears of it.
                    break
                self._near.sendall(chunk)
        shut(self._near)


def is_commit(kind: bytes, body: bytes) -> bool:
    """Whether a message ends a transaction for good: a simple query (Q), or one that is parsed (P) to be run at once."""
    words = body if kind == b"Q" else body.partition(b"\0")[2] if kind == b"P" else b""
    return words.strip(b" \0;").upper().startswith(b"COMMIT")

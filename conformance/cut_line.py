"""A line that is slow, far and breaks: a TCP proxy with a bandwidth, a delay, and an end to each connection."""

from __future__ import annotations

import collections
import queue
import socket
import struct
import threading
import time

PIECE_BYTES = 16 * 1024
#: What waits at the line's near end, beyond what is on its way.
QUEUE_SECONDS = 0.05
FORWARD, BACK = "forward", "back"


class CutLine:
    """Hands every connection on to `port`.

    `seconds`: how long a byte takes in either direction; `bits`: how many a second, in either direction, for all
    connections together; `break_every`: seconds after which every connection is reset.
    """

    def __init__(
        self, port: int, seconds: float = 0.0, bits: float | None = None, break_every: float | None = None,
    ):
        self._target, self._seconds, self._bits = port, seconds, bits
        self._break_every = break_every
        self._free: dict[str, float] = collections.defaultdict(float)
        self._lock = threading.Lock()
        #: Bytes that came out at the far end, by direction.
        self.carried: dict[str, int] = collections.defaultdict(int)
        #: When so many bytes came out in a direction, every connection is reset; each count is good once.
        self.cut_after: dict[str, list[int]] = {FORWARD: [], BACK: []}
        self.connections = 0
        self.breaks = 0
        #: When the first byte went in forward, and when the last one came out anywhere.
        self.first: float | None = None
        self.last: float | None = None
        self._open: list[tuple[socket.socket, socket.socket]] = []
        self._ended = threading.Event()

    def __enter__(self) -> CutLine:
        self._listener = socket.socket()
        # What the machine takes in before the line does is kept small, as it is no part of the line.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        if self._break_every:
            threading.Thread(target=self._break_now_and_then, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Resets every connection."""
        with self._lock:
            ends, self._open = self._open, []
        for pair in ends:
            self._reset(pair)

    def _reset(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._open = [other for other in self._open if other is not pair]
        self.breaks += 1
        for end in pair:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _break_now_and_then(self) -> None:
        while not self._ended.wait(self._break_every):
            self.cut()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            try:
                called = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                caller.close()
                continue
            self.connections += 1
            for end in (caller, called):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (caller, called)
            with self._lock:
                self._open.append(pair)
            self._carry(caller, called, FORWARD)
            self._carry(called, caller, BACK)

    def _due(self, way: str, length: int) -> float:
        """When so many bytes come out that go in now; waits until the line takes them."""
        while True:
            with self._lock:
                now = time.monotonic()
                begin = max(now, self._free[way])
                if begin - now <= QUEUE_SECONDS:
                    end = begin + (length * 8 / self._bits if self._bits else 0.0)
                    self._free[way] = end
                    return end + self._seconds
            time.sleep(begin - now - QUEUE_SECONDS / 2)

    def _carry(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        pieces: queue.Queue[tuple[float, bytes]] = queue.Queue(maxsize=4096)

        def read() -> None:
            content = b"?"
            while content:
                try:
                    content = source.recv(PIECE_BYTES)
                except OSError:
                    content = b""
                if way == FORWARD and self.first is None:
                    self.first = time.monotonic()
                pieces.put((self._due(way, len(content)), content))

        def write() -> None:
            while True:
                due, content = pieces.get()
                time.sleep(max(0.0, due - time.monotonic()))
                try:
                    if not content:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    sink.sendall(content)
                except OSError:
                    return
                with self._lock:
                    self.carried[way] += len(content)
                    self.last = time.monotonic()
                    counts = self.cut_after[way]
                    is_over = bool(counts) and self.carried[way] >= counts[0]
                    if is_over:
                        counts.pop(0)
                if is_over:
                    self.cut()
                    return

        for work in (read, write):
            threading.Thread(target=work, daemon=True).start()

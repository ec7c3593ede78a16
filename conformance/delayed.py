"""A line over which everything takes its time: a TCP proxy that holds each direction back."""

from __future__ import annotations

import queue
import socket
import threading
import time

PIECE_BYTES = 256 * 1024


class DelayedLine:
    """Hands every connection on to `port`; what comes in goes out `seconds` later, in either direction."""

    def __init__(self, port: int, seconds: float):
        self._target, self._seconds = port, seconds
        #: When the first and the last byte came in, in seconds of a clock that only goes forward.
        self.first: float | None = None
        self.last: float | None = None

    def __enter__(self) -> DelayedLine:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
                called = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            for end in (caller, called):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._carry(caller, called)
            self._carry(called, caller)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        """One direction: read at once, written when its time has come."""
        pieces: queue.Queue[tuple[float, bytes]] = queue.Queue(maxsize=4096)

        def read() -> None:
            content = b"?"
            while content:
                try:
                    content = source.recv(PIECE_BYTES)
                except OSError:
                    content = b""
                now = time.monotonic()
                self.first, self.last = self.first or now, now
                pieces.put((now + self._seconds, content))

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

        for work in (read, write):
            threading.Thread(target=work, daemon=True).start()

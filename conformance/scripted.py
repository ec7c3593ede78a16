"""An SCP by hand, for what no SCP at hand does: it says how many stores it takes at once, gathers them, and answers in
an order of its own."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field

import negotiated
import wire

DATA_SET_ABSENT = 0x0101


@dataclass
class Store:
    """A C-STORE-RQ as it came."""

    context: int
    message: int
    sop_class: str
    sop_instance: str
    data_set: bytes


def elements(command: bytes) -> dict[int, bytes]:
    """A command set's values by element number."""
    found, at = {}, 0
    while at < len(command):
        _, element, length = struct.unpack_from("<HHI", command, at)
        found[element] = command[at + 8:at + 8 + length]
        at += 8 + length
    return found


def store_rsp(store: Store, status: int = 0) -> bytes:
    """A C-STORE-RSP command set."""
    def padded(uid: str) -> bytes:
        return uid.encode() + b"\0" * (len(uid) % 2)

    return wire.command(
        e0002=padded(store.sop_class), e0100=struct.pack("<H", 0x8001), e0120=struct.pack("<H", store.message),
        e0800=struct.pack("<H", DATA_SET_ABSENT), e0900=struct.pack("<H", status), e1000=padded(store.sop_instance),
    )


@dataclass
class Gatherer:
    """Takes `together` associations at once, further ones after these. On each it grants `window` stores at once, none
    when it is None, waits until `gathers` of them have come, or until nothing comes for `patience` seconds, and answers
    these, the last first. Stores of the instances in `refused` fail."""

    window: int | None
    gathers: int
    patience: float = 1.0
    refused: set[str] = field(default_factory=set)
    together: int = 1
    #: Largest number of associations that were open at once.
    most_open: int = 0
    #: Largest number of stores that were unanswered at once.
    most: int = 0
    #: What was asked for the window, on each association.
    proposed: list[tuple[int, int] | None] = field(default_factory=list)
    #: SOP Instance UIDs in the order in which they were answered with success.
    kept: list[str] = field(default_factory=list)
    #: Identities that were shown.
    identities: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Gatherer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open, self._lock = 0, threading.Lock()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(self.together)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A blocked accept does not notice that its socket is closed; a shut down one does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _count(self, more: int) -> None:
        with self._lock:
            self._open += more
            self.most_open = max(self.most_open, self._open)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._count(1)
                try:
                    Line(connection, self).serve()
                except (ConnectionError, TimeoutError):
                    pass
                finally:
                    self._count(-1)


class Line:
    """One association."""

    def __init__(self, connection: socket.socket, owner: Gatherer):
        self._socket, self._owner = connection, owner
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def serve(self) -> None:
        """From its request to its release."""
        self._socket.settimeout(30)
        kind, body = self._pdu()
        assert kind == wire.ASSOCIATE_RQ
        self._socket.sendall(self._accepted(body))
        waiting: list[Store] = []
        while True:
            self._socket.settimeout(self._owner.patience if waiting else 30)
            try:
                store = self._message()
            except TimeoutError:
                if not waiting:
                    raise
                self._answer(waiting)
                continue
            if store is None:
                self._socket.sendall(wire.pdu(wire.RELEASE_RP, bytes(4)))
                return
            waiting.append(store)
            self._owner.most = max(self._owner.most, len(waiting))
            if len(waiting) == self._owner.gathers:
                self._answer(waiting)

    def _answer(self, waiting: list[Store]) -> None:
        while waiting:
            store = waiting.pop()
            status = 0xA900 if store.sop_instance in self._owner.refused else 0
            self._socket.sendall(wire.p_data(store.context, 0x03, store_rsp(store, status)))
            if status == 0:
                self._owner.kept.append(store.sop_instance)

    def _accepted(self, request: bytes) -> bytes:
        contexts, asked = b"", None
        for kind, content in negotiated.items(request[68:]):
            if kind == 0x20:
                syntax = next(value for inner, value in negotiated.items(content[4:]) if inner == 0x40)
                contexts += wire.item(0x21, bytes([content[0], 0, 0, 0]) + wire.item(0x40, syntax))
            elif kind == 0x50:
                for inner, value in negotiated.items(content):
                    if inner == negotiated.WINDOW:
                        asked = struct.unpack(">HH", value)
                    elif inner == negotiated.IDENTITY:
                        self._owner.identities.append(value)
        self._owner.proposed.append(asked)
        granted = [] if self._owner.window is None else [negotiated.window(self._owner.window)]
        body = request[:68] + wire.item(0x10, wire.APPLICATION_CONTEXT.encode()) + contexts
        return wire.pdu(wire.ASSOCIATE_AC, body + wire.item(0x50, negotiated.user(*granted)))

    def _message(self) -> Store | None:
        """The next store with its data set; none when the peer asks for the release."""
        command, data_set, has_data_set = b"", b"", None
        while True:
            kind, body = self._pdu()
            if kind == wire.RELEASE_RQ:
                return None
            assert kind == wire.P_DATA, f"PDU type {kind}"
            at = 0
            while at < len(body):
                length, context, control = struct.unpack_from(">IBB", body, at)
                fragment = body[at + 6:at + 4 + length]
                at += 4 + length
                if control & 1:
                    command += fragment
                else:
                    data_set += fragment
                if control == 0x03:
                    has_data_set = struct.unpack("<H", elements(command)[0x0800])[0] != DATA_SET_ABSENT
                if control & 2 and (not control & 1 or has_data_set is False):
                    found = elements(command)
                    assert struct.unpack("<H", found[0x0100])[0] == 0x0001, "something other than a C-STORE-RQ"
                    return Store(
                        context, struct.unpack("<H", found[0x0110])[0], found[0x0002].rstrip(b"\0").decode(),
                        found[0x1000].rstrip(b"\0").decode(), data_set,
                    )
            # Once a message has begun its rest is waited for.
            self._socket.settimeout(30)

    def _pdu(self) -> tuple[int, bytes]:
        kind, _, length = struct.unpack(">BBI", self._exactly(6))
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            piece = self._socket.recv(count - len(content))
            if not piece:
                raise ConnectionError("closed")
            content += piece
        return content

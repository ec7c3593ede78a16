"""A line between a node and a real Storage SCP (PS3.8 §9.3, PS3.7 §9.3.1) that notes each store and each answer, and can
do what lines and far sides do on a bad day: refuse, abort, cut, be silent, answer late, answer something else."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import wire
from acceptor import items, number, proposed, values
from acceptor import checked as checked_command
from ledger import ANSWERED, BROKEN, HAS, SENT, Ledger
from subjects.base import free_port

C_STORE_RQ, C_STORE_RSP = 0x0001, 0x8001
DRAIN_SECONDS_MAX = 10


@dataclass(frozen=True)
class Deed:
    """What is done with a store. By itself it is handed on, and so is its answer."""

    #: The store does not reach the destination.
    is_kept: bool = False
    #: This answer is given: in place of the destination's, or without it where the store is kept.
    status: int | None = None
    #: Error Comment (0000,0902) of that answer.
    comment: str = ""
    #: The answer comes so many seconds later.
    late_seconds: float = 0
    #: No answer comes.
    is_silent: bool = False
    #: The association ends by A-ABORT in place of the answer, or, where the store is kept, before its data set. Where several
    #: stores are on their way and none was answered, one of them is first.
    aborts: bool = False
    #: The connection ends without a word after the first PDU of the data set.
    cuts: bool = False
    #: The association ends by A-ABORT once it has been idle for so many seconds after this answer.
    aborts_idle_seconds: float | None = None
    #: Elements of the answer, by number, that are not what they should be.
    forged: tuple[tuple[int, bytes], ...] = ()


PASS = Deed()


@dataclass(frozen=True)
class Door:
    """What is done with an association that is asked for."""

    #: Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 table 9-21).
    rejection: tuple[int, int, int] | None = None
    #: It is not answered.
    is_silent: bool = False
    #: The connection is closed at once.
    closes: bool = False


OPEN = Door()


@dataclass
class Middleman:
    """A port that leads to `target`. `door` decides over the n-th association (from 1), `deed` over the n-th store (from
    1) by its SOP Instance UID, `takes` over each presentation context that the destination takes, by its abstract and
    transfer syntax. They may be changed at any time."""

    target: int
    door: Callable[[int], Door] = lambda _: OPEN
    deed: Callable[[int, str], Deed] = lambda _, __: PASS
    takes: Callable[[str, str], bool] = lambda _, __: True
    #: Statuses by SOP Instance UID in place of the destination's own, told before `deed` is asked. An instance that is
    #: refused so does not reach the destination.
    verdicts: dict[str, int] = field(default_factory=dict)
    #: What the node sends is taken no faster than this.
    bytes_per_second: float | None = None
    #: Called with the count and the UID as soon as an answer was given to the node.
    after_answer: Callable[[int, str], None] = lambda _, __: None
    ledger: Ledger = field(default_factory=Ledger)
    #: All that there were, and those that are open.
    associations: int = 0
    open: int = 0
    rejected: int = 0
    aborted: int = 0

    def __enter__(self) -> Middleman:
        self._listener, self.port = None, free_port()
        self._lock, self._ends = threading.Lock(), []
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Listens, on the same port as before."""
        # The port may be in TIME_WAIT: create_server sets SO_REUSEADDR.
        self._listener = bound(lambda: socket.create_server(("127.0.0.1", self.port)))
        threading.Thread(target=self._listen, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Nobody listens any more, and what stood is cut."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            ends, self._ends = self._ends, []
        for end in ends:
            shut(end)

    def wait_for_abort(self) -> None:
        """Waits until an association was aborted."""
        _wait(lambda: self.aborted, "nothing was aborted")

    def wait_until_closed(self) -> None:
        """Waits until the node keeps no association open."""
        _wait(lambda: not self.open, "an association is still open")

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._ends.append(stream)
                self.associations += 1
                line = self.associations
            threading.Thread(target=self._serve, args=(stream, line), daemon=True).start()

    def _serve(self, stream: socket.socket, line: int) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, AssertionError, struct.error), stream:
            first = wire.Wire.of(stream).receive()
            if first is None:
                return
            door = self.door(line)
            if door.rejection is not None:
                self.rejected += 1
                stream.sendall(wire.pdu(wire.ASSOCIATE_RJ, bytes([0, *door.rejection])))
            if door.is_silent or door.rejection is not None:
                # Until the node is tired of it, or closes as PS3.8 table 9-10 has it.
                stream.recv(1)
                return
            if not door.closes:
                self._connect(stream, line, first[1])

    def _connect(self, stream: socket.socket, line: int, request: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.target)) as far:
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._ends.append(far)
            far.sendall(wire.pdu(wire.ASSOCIATE_RQ, request))
            association = _Association(self, line, stream, far, request)
            back = threading.Thread(target=association.back, daemon=True)
            back.start()
            self._count(1)
            association.forth()
            back.join(60)
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._lock:
            self.open += more


@dataclass
class _Message:
    """A message on its way from the node; one that is no store has no instance, and is handed on."""

    command: dict[int, bytes]
    context: int
    instance: str = ""
    deed: Deed = PASS

    @property
    def number(self) -> int:
        """Message ID (0000,0110)."""
        return number(self.command[0x0110])


class _Association:
    """One association; each direction is a thread."""

    def __init__(self, owner: Middleman, line: int, near: socket.socket, far: socket.socket, request: bytes):
        self._owner, self._line, self._near, self._far = owner, line, near, far
        self._abstract = {context.number: context.abstract for context in proposed(request)}
        #: Messages handed on and not answered, by message ID.
        self._open: dict[int, _Message] = {}
        #: Whether an answer went to the node, and whether the association is to be aborted in place of one.
        self._has_given = self._aborts = False

    def forth(self) -> None:
        """From the node to the destination."""
        with contextlib.suppress(OSError):
            self._forth(wire.Wire.of(self._near))
        shut(self._far)

    def _forth(self, near: wire.Wire) -> None:
        held, command, message = b"", b"", None
        while (received := near.receive()) is not None:
            kind, body = received
            if self._owner.bytes_per_second:
                time.sleep(len(body) / self._owner.bytes_per_second)
            held += wire.pdu(kind, body)
            has_data, has_ended = False, False
            for context, control, fragment in values(body) if kind == wire.P_DATA else []:
                if control & 1:
                    command += fragment
                    if control & 2:
                        message, command = self._met(context, command), b""
                        has_ended = number(message.command[0x0800]) == 0x0101
                else:
                    has_data, has_ended = True, bool(control & 2)
            if command:
                continue
            if message is None:
                self._far.sendall(held)
            elif not self._went(message, held, has_data, has_ended):
                return
            held = b""
            if has_ended:
                message = None

    def _met(self, context: int, command: bytes) -> _Message:
        message = _Message(checked_command(command), context)
        if number(message.command[0x0100]) == C_STORE_RQ:
            message.instance = message.command[0x1000].rstrip(b"\0").decode()
            count = self._owner.ledger.note(SENT, message.instance, self._line)
            verdict = self._owner.verdicts.get(message.instance)
            message.deed = (
                self._owner.deed(count, message.instance) if verdict is None
                else Deed(is_kept=verdict not in HAS, status=verdict)
            )
        return message

    def _went(self, message: _Message, content: bytes, has_data: bool, has_ended: bool) -> bool:
        """Does with a piece of a message what is to be done; says whether the line still stands."""
        deed = message.deed
        if deed.cuts and has_data:
            self._far.sendall(content[:len(content) // 2])
            self._owner.ledger.note(BROKEN, "", self._line)
            shut(self._near)
            return False
        if deed.is_kept and deed.aborts:
            self._abort()
            self._drain()
            return False
        if has_ended and not deed.is_kept:
            self._open[message.number] = message
        if not deed.is_kept:
            self._far.sendall(content)
        elif has_ended and not deed.is_silent:
            self._give(message, {
                "e0002": message.command[0x0002], "e0100": struct.pack("<H", C_STORE_RSP),
                "e0120": message.command[0x0110], "e0800": struct.pack("<H", 0x0101), "e0900": bytes(2),
                "e1000": message.command[0x1000],
            })
        return True

    def _abort(self) -> None:
        """A-ABORT (PS3.8 §9.3.8). The node is left to close, so that it reads what it was told before."""
        self._owner.aborted += 1
        with contextlib.suppress(OSError):
            self._near.sendall(wire.pdu(wire.ABORT, bytes(4)))
            self._near.shutdown(socket.SHUT_WR)

    def _drain(self) -> None:
        """What the node still sends is read and dropped."""
        with contextlib.suppress(OSError):
            self._near.settimeout(DRAIN_SECONDS_MAX)
            while self._near.recv(65536):
                pass

    def _give(self, message: _Message, elements: dict[str, bytes]) -> None:
        """Gives the node an answer, as its deed has it."""
        deed = message.deed
        time.sleep(deed.late_seconds)
        status = number(elements["e0900"]) if deed.status is None else deed.status
        elements |= {"e0900": struct.pack("<H", status)}
        if deed.comment:
            elements |= {"e0902": deed.comment.encode() + b" " * (len(deed.comment) % 2)}
        elements |= {f"e{element:04x}": content for element, content in deed.forged}
        self._near.sendall(wire.p_data(message.context, 0x03, wire.command(**elements)))
        if deed.aborts_idle_seconds is not None:
            threading.Timer(deed.aborts_idle_seconds, self._abort).start()
        count = self._owner.ledger.note(ANSWERED, message.instance, self._line, status)
        self._owner.after_answer(count, message.instance)

    def back(self) -> None:
        """From the destination to the node."""
        with contextlib.suppress(OSError):
            if self._back(wire.Wire.of(self._far)):
                return
        self._owner.ledger.note(BROKEN, "", self._line)
        shut(self._near)

    def _back(self, far: wire.Wire) -> bool:
        """Until the far side ends; says whether it did so in order."""
        command, is_over = b"", False
        while (received := far.receive()) is not None:
            kind, body = received
            if kind == wire.ASSOCIATE_AC:
                body = self._accept(body)
            if kind != wire.P_DATA:
                is_over |= kind in (wire.RELEASE_RP, wire.ABORT)
                self._near.sendall(wire.pdu(kind, body))
                continue
            for context, control, fragment in values(body):
                command += fragment
                if control & 2:
                    if not self._passed_back(context, command):
                        return True
                    command = b""
        return is_over

    def _passed_back(self, context: int, command: bytes) -> bool:
        """Does with an answer what is to be done; says whether the association goes on."""
        found = checked_command(command)
        message = self._open.pop(number(found[0x0120]), None)
        if message is None or not message.instance:
            self._near.sendall(wire.p_data(context, 0x03, command))
        elif message.deed.aborts:
            self._aborts = True
        elif not message.deed.is_silent:
            self._give(message, {f"e{element:04x}": value for element, value in found.items() if element})
            self._has_given = True
        # Where a window was granted the answer may come before those to what went earlier: one of them is given first.
        if self._aborts and (self._has_given or not self._open):
            self._abort()
            return False
        return True

    def _accept(self, body: bytes) -> bytes:
        """The destination's acceptance, without what is not to be taken."""
        changed = b""
        for kind, content in items(body[68:]):
            if kind == 0x21 and content[2] == 0:
                syntax = next(value.decode() for sub, value in items(content[4:]) if sub == 0x40)
                if not self._owner.takes(self._abstract[content[0]], syntax):
                    content = bytes([content[0], 0, 4, 0]) + content[4:]
            changed += wire.item(kind, content)
        return body[:68] + changed


def _wait(holds: Callable[[], object], words: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, words
        time.sleep(0.02)


def bound(bind: Callable[[], Any]) -> Any:
    """What listens on a port that is free, or is about to be: a process that is being started beside holds copies of the
    suite's sockets for a moment."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return bind()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def shut(end: socket.socket) -> None:
    """Ends a connection for both threads that use it."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)

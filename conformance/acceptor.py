"""A Storage SCP by hand (PS3.8 §9.2, PS3.7 §9.3.1): it keeps every byte that it is sent, and answers what a test says,
right or wrong. For what no library would show or do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import wire
from wire import ASSOCIATE_RQ, P_DATA, RELEASE_RQ

SECONDS_MAX = 30


def elements(command_or_identifier: bytes) -> list[tuple[int, int, bytes]]:
    """The elements of implicit VR little endian bytes without sequences, in the order they came."""
    found, at = [], 0
    while at < len(command_or_identifier):
        group, element, length = struct.unpack_from("<HHI", command_or_identifier, at)
        at += 8
        value = command_or_identifier[at:at + length]
        assert len(value) == length, f"({group:04X},{element:04X}) is cut short"
        found.append((group, element, value))
        at += length
    return found


def number(value: bytes) -> int:
    """The value of a US or UL."""
    return int.from_bytes(value, "little")


def checked(command: bytes) -> dict[int, bytes]:
    """A command set's values by element, after what holds for every command set (PS3.7 §6.3.1)."""
    found = elements(command)
    assert found and found[0][:2] == (0, 0), "no group length in front"
    assert number(found[0][2]) == len(command) - 12, "the group length does not count what follows it"
    assert {group for group, _, _ in found} == {0}, "an element of another group"
    numbers = [element for _, element, _ in found]
    assert numbers == sorted(set(numbers)), "elements out of order, or twice"
    assert all(len(value) % 2 == 0 for _, _, value in found), "a value of odd length"
    return {element: value for _, element, value in found}


@dataclass
class Received:
    """A message."""

    context: int
    abstract: str
    syntax: str
    command: bytes
    body: bytes = b""

    def uid(self) -> str:
        """Affected SOP Instance UID."""
        return checked(self.command)[0x1000].rstrip(b"\0").decode()


@dataclass
class Proposed:
    """A presentation context of an A-ASSOCIATE-RQ."""

    number: int
    abstract: str
    syntaxes: list[str]


def items(content: bytes) -> list[tuple[int, bytes]]:
    """The items or sub-items of a PDU."""
    found, at = [], 0
    while at < len(content):
        kind, _, length = struct.unpack_from(">BBH", content, at)
        found.append((kind, content[at + 4:at + 4 + length]))
        at += 4 + length
    return found


def proposed(request: bytes) -> list[Proposed]:
    """The presentation contexts of an A-ASSOCIATE-RQ's body."""
    found = []
    for kind, content in items(request[68:]):
        if kind == 0x20:
            inner = items(content[4:])
            abstract = next(value.decode() for sub, value in inner if sub == 0x30)
            found.append(Proposed(content[0], abstract, [value.decode() for sub, value in inner if sub == 0x40]))
    return found


def anything(context: Proposed) -> str | None:
    """Takes each context in the first transfer syntax offered."""
    return context.syntaxes[0]


@dataclass
class Acceptor:
    """A Storage SCP on a port of its own. `choose` gives the transfer syntax for a context, or nothing; `status` the
    status for an instance."""

    ae_title: str
    max_pdu: int = 16384
    choose: Callable[[Proposed], str | None] = anything
    status: Callable[[str], int] = lambda _: 0x0000
    requests: list[bytes] = field(default_factory=list)
    messages: list[Received] = field(default_factory=list)
    #: Lengths of the P-DATA-TF that came, without their headers.
    lengths: list[int] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Acceptor:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # A thread that waits in `accept` is woken by a shutdown, not by a close.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(SECONDS_MAX)
        if kind is None and self.failures:
            raise self.failures[0]

    def _listen(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(stream,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, stream: socket.socket) -> None:
        stream.settimeout(SECONDS_MAX)
        try:
            with stream:
                self._converse(stream)
        except BaseException as failure:  # noqa: BLE001, told to the test when it leaves
            self.failures.append(failure)

    def _converse(self, stream: socket.socket) -> None:
        peer = wire.Wire.of(stream)
        received = peer.receive()
        if received is None:
            return
        kind, request = received
        assert kind == ASSOCIATE_RQ, f"PDU type {kind} in place of an A-ASSOCIATE-RQ"
        self.requests.append(request)
        accepted: dict[int, tuple[str, str]] = {}
        answers = b""
        for context in proposed(request):
            syntax = self.choose(context)
            if syntax is not None:
                accepted[context.number] = (context.abstract, syntax)
            result = 0 if syntax is not None else 4
            answers += wire.item(0x21, bytes([context.number, 0, result, 0]) + wire.item(0x40, (syntax or "").encode()))
        user = wire.item(0x51, struct.pack(">I", self.max_pdu)) + wire.item(0x52, b"1.2.826.0.1.3680043.8.498.2")
        body = request[:68] + wire.item(0x10, wire.APPLICATION_CONTEXT.encode()) + answers + wire.item(0x50, user)
        peer.send(wire.pdu(wire.ASSOCIATE_AC, body))
        parts: dict[bool, bytes] = {True: b"", False: b""}
        while (received := peer.receive()) is not None:
            kind, content = received
            if kind == RELEASE_RQ:
                peer.send(wire.pdu(wire.RELEASE_RP, bytes(4)))
                return
            assert kind == P_DATA, f"PDU type {kind} on an association"
            self.lengths.append(len(content))
            for number_, control, fragment in values(content):
                is_command = bool(control & 1)
                parts[is_command] += fragment
                if control & 2 and (not is_command or number(checked(parts[True])[0x0800]) == 0x0101):
                    message = Received(number_, *accepted[number_], parts[True], parts[False])
                    parts = {True: b"", False: b""}
                    self.messages.append(message)
                    peer.send(wire.p_data(number_, 3, self._answer(message)))

    def _answer(self, message: Received) -> bytes:
        request = checked(message.command)
        field_ = number(request[0x0100])
        assert field_ in (0x0001, 0x0030), f"a command {field_:04X}"
        answer = {
            "e0002": request[0x0002], "e0100": struct.pack("<H", field_ | 0x8000), "e0120": request[0x0110],
            "e0800": struct.pack("<H", 0x0101), "e0900": struct.pack("<H", 0),
        }
        if field_ == 0x0001:
            answer |= {"e0900": struct.pack("<H", self.status(message.uid())), "e1000": request[0x1000]}
        return wire.command(**answer)

    def uids(self) -> set[str]:
        """The instances that came."""
        return {message.uid() for message in self.messages}


def values(content: bytes) -> list[tuple[int, int, bytes]]:
    """The presentation data values of a P-DATA-TF's body: context, control header, fragment."""
    found, at = [], 0
    while at < len(content):
        length, context, control = struct.unpack_from(">IBB", content, at)
        assert at + 4 + length <= len(content), "a value longer than its PDU"
        found.append((context, control, content[at + 6:at + 4 + length]))
        at += 4 + length
    return found

"""PDUs written by hand (PS3.8 §9.3), for what no well-behaved client would send."""

from __future__ import annotations

import socket
import struct
import time

from subjects import Subject

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)


def item(kind: int, body: bytes) -> bytes:
    """An item or sub-item of a PDU."""
    return struct.pack(">BBH", kind, 0, len(body)) + body


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """A PDU, its length field as told."""
    return struct.pack(">BBI", kind, 0, len(body) if length is None else length) + body


def context(number: int, abstract: str = VERIFICATION, syntaxes: tuple[str, ...] = (IMPLICIT,)) -> bytes:
    """A presentation context item of an A-ASSOCIATE-RQ."""
    body = struct.pack(">BBBB", number, 0, 0, 0) + item(0x30, abstract.encode())
    return item(0x20, body + b"".join(item(0x40, syntax.encode()) for syntax in syntaxes))


def associate_rq(
    called: str,
    calling: str = "CONFORMANCE",
    contexts: bytes | None = None,
    protocol: int = 1,
    application: str = APPLICATION_CONTEXT,
    user: bytes | None = None,
    more: bytes = b"",
) -> bytes:
    """An A-ASSOCIATE-RQ PDU (PS3.8 §9.3.2)."""
    if user is None:
        user = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.826.0.1.3680043.8.498.1")
    body = struct.pack(">HH", protocol, 0) + called.encode().ljust(16) + calling.encode().ljust(16) + bytes(32)
    body += item(0x10, application.encode()) + (context(1) if contexts is None else contexts)
    return pdu(ASSOCIATE_RQ, body + item(0x50, user) + more)


def p_data(number: int, control: int, fragment: bytes) -> bytes:
    """A P-DATA-TF PDU with one presentation data value."""
    return pdu(P_DATA, struct.pack(">IBB", len(fragment) + 2, number, control) + fragment)


def command(**elements: bytes) -> bytes:
    """A command set: values by element number written as `e0100`, the group length in front (PS3.7 §6.3.1)."""
    body = b"".join(
        struct.pack("<HHI", 0, int(name[1:], 16), len(content)) + content for name, content in sorted(elements.items())
    )
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def echo_rq(message: int = 1) -> bytes:
    """A C-ECHO-RQ command set."""
    return command(
        e0002=VERIFICATION.encode() + b"\0", e0100=struct.pack("<H", 0x0030), e0110=struct.pack("<H", message),
        e0800=struct.pack("<H", 0x0101),
    )


def store_rq(sop_class: str, sop_instance: str, message: int = 1) -> bytes:
    """A C-STORE-RQ command set."""
    def padded(uid: str) -> bytes:
        return uid.encode() + b"\0" * (len(uid) % 2)

    return command(
        e0002=padded(sop_class), e0100=struct.pack("<H", 0x0001), e0110=struct.pack("<H", message),
        e0700=struct.pack("<H", 0), e0800=struct.pack("<H", 0x0000), e1000=padded(sop_instance),
    )


def message(number: int, command_set: bytes, data_set: bytes | None = None) -> bytes:
    """A message: its command and its data set in a PDU each."""
    content = p_data(number, 0x03, command_set)
    return content if data_set is None else content + p_data(number, 0x02, data_set)


class Wire:
    """A TCP connection, mostly to a server's DIMSE port."""

    def __init__(self, subject: Subject, seconds: float = 15):
        self._socket = socket.create_connection((subject.host, subject.dimse_port), timeout=seconds)

    @classmethod
    def of(cls, stream: socket.socket) -> Wire:
        """The same on a connection that stands."""
        wire = cls.__new__(cls)
        wire._socket = stream
        return wire

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        """Sends; that the server has closed by now is no error, what it then says is."""
        try:
            self._socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def finish(self) -> None:
        """Says that nothing more will be sent."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def receive(self) -> tuple[int, bytes] | None:
        """The next PDU's type and body; nothing when the connection was closed."""
        head = self._exactly(6)
        if head is None:
            return None
        kind, _, length = struct.unpack(">BBI", head)
        assert length < 1 << 24, f"a PDU of {length} bytes from the server"
        body = self._exactly(length)
        return None if body is None else (kind, body)

    def _exactly(self, count: int) -> bytes | None:
        content = b""
        while len(content) < count:
            try:
                piece = self._socket.recv(count - len(content))
            except ConnectionResetError:
                return None
            if not piece:
                return None
            content += piece
        return content

    def kinds_until_closed(self, seconds: float = 15) -> list[int]:
        """The types of all PDUs until the server closes. Fails when it does not, within the time."""
        kinds = []
        deadline = time.monotonic() + seconds
        while True:
            self._socket.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                received = self.receive()
            except TimeoutError:
                raise AssertionError(f"still open after {seconds} s; received PDU types {kinds}") from None
            if received is None:
                return kinds
            kinds.append(received[0])

    def reset(self) -> None:
        """Leaves by a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def answers(self) -> list[tuple[bytes, bytes]]:
        """The messages up to and with the next final one: command set and data set of each."""
        found: list[tuple[bytes, bytes]] = []
        parts = {True: b"", False: b""}
        while True:
            received = self.receive()
            assert received is not None and received[0] == P_DATA, f"no answer but {received}"
            at, content = 0, received[1]
            while at < len(content):
                length, _, control = struct.unpack_from(">IBB", content, at)
                parts[bool(control & 1)] += content[at + 6:at + 4 + length]
                at += 4 + length
                whole = control & 2 and (not control & 1 or _ends(parts[True]))
                if whole:
                    found.append((parts[True], parts[False]))
                    if not _is_pending(parts[True]):
                        return found
                    parts = {True: b"", False: b""}

    def established(self, request: bytes) -> bytes:
        """Sends an A-ASSOCIATE-RQ and insists on an A-ASSOCIATE-AC, whose body is returned."""
        self.send(request)
        received = self.receive()
        assert received is not None, "closed instead of answered"
        assert received[0] == ASSOCIATE_AC, f"PDU type {received[0]} in place of an A-ASSOCIATE-AC"
        return received[1]


def _us(command_set: bytes, element: int) -> int:
    """A US of a command set, found by its header."""
    header = struct.pack("<HHI", 0, element, 2)
    at = command_set.index(header) + len(header)
    return struct.unpack_from("<H", command_set, at)[0]


def _ends(command_set: bytes) -> bool:
    """Whether no data set follows the command."""
    return _us(command_set, 0x0800) == 0x0101


def _is_pending(command_set: bytes) -> bool:
    return _us(command_set, 0x0900) in (0xFF00, 0xFF01)


def results(accepted: bytes) -> dict[int, int]:
    """The result of each presentation context of an A-ASSOCIATE-AC (PS3.8 table 9-18)."""
    found, at = {}, 68
    while at + 4 <= len(accepted):
        kind, length = accepted[at], struct.unpack_from(">H", accepted, at + 2)[0]
        if kind == 0x21:
            found[accepted[at + 4]] = accepted[at + 6]
        at += 4 + length
    return found

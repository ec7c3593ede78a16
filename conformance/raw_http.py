"""HTTP/1.1 by hand: what is sent goes out byte for byte, and what comes back is read by its framing alone."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from subjects import Subject

#: No single answer may keep us waiting longer; a bound for hanging, not a measure of speed.
SECONDS_MAX = 30
HEAD_BYTES_MAX = 1 << 20


@dataclass
class Answer:
    """One answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    #: Whether its end was where its framing says.
    whole: bool = True

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


class Broken(Exception):
    """What came is no HTTP."""


class Line:
    """One connection."""

    def __init__(self, subject: Subject, seconds: float = SECONDS_MAX):
        self._socket = socket.create_connection((subject.host, subject.web_port), timeout=seconds)
        self._held = b""

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, sent: bytes) -> bool:
        """Sends the bytes; false when the server no longer takes them, which is its right."""
        try:
            self._socket.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def finish(self) -> None:
        """Says that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def answer(self, method: str = "GET") -> Answer | None:
        """The next answer; nothing when the connection was closed instead. `TimeoutError` when it hangs."""
        while True:
            while b"\r\n\r\n" not in self._held:
                if not self._more():
                    if self._held:
                        raise Broken(f"closed within a head: {self._held[:200]!r}")
                    return None
                if len(self._held) > HEAD_BYTES_MAX:
                    raise Broken("the head of the answer has no end")
            head, self._held = self._held.split(b"\r\n\r\n", 1)
            first, *lines = head.split(b"\r\n")
            version, status, *_ = first.split(b" ", 2)
            if version not in (b"HTTP/1.1", b"HTTP/1.0") or not status.isdigit():
                raise Broken(f"no status line: {first[:200]!r}")
            headers = []
            for line in lines:
                name, colon, value = line.partition(b":")
                if not colon or not name or name.strip() != name or any(byte < 0x20 and byte != 9 for byte in value):
                    raise Broken(f"no header: {line[:200]!r}")
                headers.append((name.decode("ascii").lower(), value.strip().decode("latin-1")))
            if status[:1] != b"1":
                answer = Answer(int(status), headers, b"")
                self._body(answer, method)
                return answer

    def closed(self) -> bool:
        """Whether nothing more comes and the connection ends."""
        return not self._held and not self._more()

    def _more(self) -> bool:
        try:
            piece = self._socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self._held += piece
        return bool(piece)

    def _body(self, answer: Answer, method: str) -> None:
        if method == "HEAD" or answer.status in (204, 304):
            return
        if (answer.header("transfer-encoding") or "").lower() == "chunked":
            answer.body, answer.whole = self._chunks()
            return
        length = answer.header("content-length")
        if length is None:
            if (answer.header("connection") or "").lower() != "close":
                raise Broken(f"a body without an end: {answer.status} {answer.headers}")
            answer.body, _ = self._exactly(sys.maxsize)
            return
        answer.body, answer.whole = self._exactly(int(length))

    def _chunks(self) -> tuple[bytes, bool]:
        pieces = []
        while True:
            size = self._line()
            if size is None:
                return b"".join(pieces), False
            count = int(size.split(b";")[0], 16)
            if count == 0:
                while line := self._line():
                    pass
                return b"".join(pieces), line is not None
            piece, is_whole = self._exactly(count + 2)
            pieces.append(piece[:count])
            if not is_whole:
                return b"".join(pieces), False

    def _exactly(self, count: int) -> tuple[bytes, bool]:
        """So many bytes, or fewer and false where the connection ends before."""
        pieces, self._held = [self._held], b""
        have = len(pieces[0])
        while have < count and self._more():
            pieces.append(self._held)
            have += len(self._held)
            self._held = b""
        read = b"".join(pieces)
        self._held = read[count:]
        return read[:count], have >= count

    def _line(self) -> bytes | None:
        while b"\r\n" not in self._held:
            if not self._more():
                return None
        line, self._held = self._held.split(b"\r\n", 1)
        return line


def request(method: str, target: bytes | str, headers: Iterable[tuple[str, bytes | str]] = (), body: bytes | None = None) -> bytes:
    """The bytes of a request. A Host is added where there is none, and the length of a body that is given."""
    raw = lambda text: text.encode("latin-1") if isinstance(text, str) else text  # noqa: E731
    given = list(headers)
    if not any(name.lower() == "host" for name, _ in given):
        given.insert(0, ("Host", "localhost"))
    if body is not None:
        given.append(("Content-Length", str(len(body))))
    lines = [raw(method) + b" " + raw(target) + b" HTTP/1.1", *(raw(name) + b": " + raw(value) for name, value in given)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def ask(subject: Subject, method: str, target: bytes | str, headers: Iterable[tuple[str, bytes | str]] = (), body: bytes | None = None) -> Answer | None:
    """One request on a connection of its own."""
    with Line(subject) as line:
        line.send(request(method, target, headers, body))
        return line.answer(method)


# What a server says can be asked of it.

@dataclass(frozen=True)
class Method:
    """A method of a resource, from the capabilities description (PS3.18 §8.9)."""

    name: str
    path: str
    takes: tuple[str, ...]
    #: Query parameters with the values that are named for them.
    query: tuple[tuple[str, tuple[str, ...]], ...]
    #: Media types that it answers in.
    offers: tuple[str, ...]

    def variables(self) -> list[str]:
        """The names in the path that stand for something."""
        return [piece[1:-1] for piece in self.path.split("/") if piece.startswith("{")]

    def target(self, values: dict[str, str]) -> str:
        """The path below the root with these values."""
        path = self.path
        for name, value in values.items():
            path = path.replace("{" + name + "}", value)
        return path


def methods(subject: Subject) -> list[Method]:
    """Every method of every resource, as the server itself describes them."""
    answer = ask(subject, "OPTIONS", subject.dicomweb_root, [("Accept", "application/json")])
    assert answer is not None and answer.status == 200
    found = list(_walk(answer.json()["application"]["resources"]["resource"], ""))
    assert len(found) > 10, found
    return found


def _walk(resources: list[dict[str, Any]], above: str) -> Iterator[Method]:
    for resource in resources:
        path = f"{above}/{resource['@path']}"
        for method in resource.get("method", []):
            asked = method.get("request", {})
            params = [(one["@style"], one["@name"], tuple(option["@value"] for option in one.get("option", []))) for one in asked.get("param", [])]
            yield Method(
                method["@name"], path,
                tuple(one["@mediaType"] for one in asked.get("representation", [])),
                tuple((name, options) for style, name, options in params if style == "query"),
                tuple(value for style, name, options in params if style == "header" and name == "Accept" for value in options),
            )
        yield from _walk(resource.get("resource", []), path)


def naming(item: Any) -> dict[str, str]:
    """Values of the variables in paths that name this instance."""
    return {
        "study": str(item.StudyInstanceUID), "series": str(item.SeriesInstanceUID), "instance": str(item.SOPInstanceUID),
        "frames": "1", "attribute": "7FE00010", "transaction": str(item.get("TransactionUID", "1.2.3")),
    }


def assert_sound(answer: Answer | None, method: str, told: object = "") -> Answer:
    """No failure of the server's own, and an error that says what was wrong (RFC 9457)."""
    assert answer is not None, f"closed without an answer: {told}"
    assert answer.whole, f"broken off: {told}"
    if answer.status >= 500:
        assert answer.status == 503 and answer.header("retry-after"), f"{answer.status} {answer.body[:300]!r}: {told}"
    if 400 <= answer.status and method != "HEAD" and answer.header("content-type") is not None:
        kind = answer.header("content-type") or ""
        is_report = method == "POST" and ("dicom" in kind or kind == "application/json")
        if not is_report:  # on what was not stored
            assert kind == "application/problem+json", f"{answer.status} {kind}: {told}"
            problem = answer.json()
            assert problem["status"] == answer.status and problem["detail"], f"{problem}: {told}"
    return answer

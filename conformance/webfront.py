"""A reverse proxy between a node and a real STOW-RS server (PS3.18 §10.5) that notes each instance of a request and what
the node was told of it, and can do what proxies and far sides do on a bad day."""

from __future__ import annotations

import contextlib
import email.message
import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pydicom
import requests

import wire
from clients import FAILED_SOP_SEQUENCE, REFERENCED_SOP_SEQUENCE, multipart, value
from ledger import ANSWERED, BROKEN, HAS, SENT, Ledger
from middleman import bound, shut
from subjects.base import free_port

DICOM_JSON = "application/dicom+json"
FORWARD_SECONDS_MAX = 60


@dataclass
class Reply:
    """An answer to the node."""

    status: int
    body: bytes = b""
    media: str = DICOM_JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Deed:
    """What is done with a request. By itself it is handed on, and so is its answer."""

    #: This is answered, and the request does not reach the destination.
    reply: Reply | None = None
    #: The destination's answer becomes this one.
    change: Callable[[Reply], Reply] | None = None
    #: The answer comes so many seconds later.
    late_seconds: float = 0
    #: The request reaches the destination and no answer comes.
    is_silent: bool = False
    #: The request reaches the destination, and the connection ends in place of an answer.
    hangs_up: bool = False
    #: The connection ends after so many bytes of the body; nothing reaches the destination.
    cut_after_bytes: int | None = None


PASS = Deed()


@dataclass
class Front:
    """A port that leads to the DICOMweb services at `root`. `deed` decides over the n-th request (from 1)."""

    root: str
    deed: Callable[[int], Deed] = lambda _: PASS
    #: Called with the count and the UID as soon as the node was told of an instance.
    after_answer: Callable[[int, str], None] = lambda _, __: None
    #: Statuses by SOP Instance UID in place of the destination's own, as Warning or Failure Reason. An instance that is
    #: refused so does not reach the destination.
    verdicts: dict[str, int] = field(default_factory=dict)
    #: Answers to each request that holds one of these instances; it does not reach the destination.
    spoils: dict[str, Reply] = field(default_factory=dict)
    #: A longer body is answered with 413 as soon as it is too long, and the connection is closed without reading on.
    body_bytes_max: int | None = None
    #: Bodies are taken no faster than this.
    bytes_per_second: float | None = None
    #: Parts go on as `application/dicom` without parameters.
    has_plain_parts: bool = False
    #: One answer tells of all the instances of a request.
    ledger: Ledger = field(default_factory=lambda: Ledger(under_way=1000))
    #: Requests whose head came.
    requests: int = 0
    #: When each came, in seconds of a clock that only goes forward.
    times: list[float] = field(default_factory=list)

    def __enter__(self) -> Front:
        self._server, self.port = None, free_port()
        self._lock, self._ends = threading.Lock(), set()
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def dicomweb(self) -> str:
        """The root as the node is to call it."""
        return f"http://127.0.0.1:{self.port}/front"

    def up(self) -> None:
        """Listens, on the same port as before."""
        front = self

        class Handler(_Handler):
            owner = front

        self._server = bound(lambda: _Server(("127.0.0.1", self.port), Handler))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
        """Nobody listens any more, and what stood is cut."""
        self.ledger.note(BROKEN, "", self.requests)
        if self._server is not None:
            self._server.shutdown()
            # A process that is being started beside holds a copy of the socket for a moment: closed alone it still listens.
            shut(self._server.socket)
            self._server.server_close()
            self._server = None
        self.close_idle()

    def close_idle(self) -> None:
        """Closes the connections that stand."""
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            shut(end)

    def met(self, end: Any) -> int:
        """A request begins on a connection; says which it is."""
        with self._lock:
            self._ends.add(end)
            self.requests += 1
            self.times.append(time.monotonic())
            return self.requests


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A node that hangs up is part of it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Front

    def log_message(self, *_: object) -> None:
        """Not on the suite's output."""

    def do_POST(self) -> None:
        """A store request."""
        line = self.owner.met(self.connection)
        deed = self.owner.deed(line)
        with contextlib.suppress(OSError):
            limit = self.owner.body_bytes_max
            body = self._body(deed.cut_after_bytes if limit is None else limit + 1)
            if limit is not None and len(body) > limit:
                self._give(Reply(413, b"too long", "text/plain"), [], line)
                return self._hang_up()
            if deed.cut_after_bytes is not None:
                return self._hang_up()
            found = files(body, self.headers["Content-Type"])
            instances = [instance for instance, _ in found]
            for instance in instances:
                self.owner.ledger.note(SENT, instance, line)
            reply = deed.reply or self._judged(found, body)
            if deed.is_silent:
                # Until the node is tired of it.
                self.connection.recv(1)
            if deed.is_silent or deed.hangs_up:
                return self._hang_up()
            if deed.change is not None:
                reply = deed.change(reply)
            time.sleep(deed.late_seconds)
            self._give(reply, instances, line)

    def _give(self, reply: Reply, instances: list[str], line: int) -> None:
        self.send_response(reply.status)
        for name, content in {
            "Content-Type": reply.media, "Content-Length": str(len(reply.body)), **reply.headers,
        }.items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()
        told = answers(reply)
        counts = [
            (self.owner.ledger.note(ANSWERED, instance, line, told.get(instance, reply.status)), instance)
            for instance in instances
        ]
        for count, instance in counts:
            self.owner.after_answer(count, instance)

    def _hang_up(self) -> None:
        self.close_connection = True
        shut(self.connection)

    def _judged(self, found: list[tuple[str, bytes]], body: bytes) -> Reply:
        """The destination's answer with the verdicts in it."""
        if spoiled := [self.owner.spoils[uid] for uid, _ in found if uid in self.owner.spoils]:
            return spoiled[0]
        verdicts = {uid: self.owner.verdicts[uid] for uid, _ in found if uid in self.owner.verdicts}
        passed = [file for uid, file in found if verdicts.get(uid, 0) in HAS]
        if len(passed) == len(found) and not self.owner.has_plain_parts:
            reply = self._handed_on(body, self.headers["Content-Type"])
        elif passed:
            reply = self._handed_on(*multipart(passed))
        else:
            reply = Reply(409, b"{}")
        return judged(reply, verdicts) if verdicts else reply

    def _handed_on(self, body: bytes, content_type: str) -> Reply:
        answer = requests.post(
            self.owner.root + self.path.removeprefix("/front"), data=body, timeout=FORWARD_SECONDS_MAX,
            headers={"Content-Type": content_type, "Accept": self.headers.get("Accept", "*/*")},
        )
        return Reply(answer.status_code, answer.content, answer.headers.get("Content-Type", ""))

    def _body(self, limit: int | None) -> bytes:
        """The request's body, or its beginning (RFC 9112 §7.1)."""
        if length := self.headers.get("Content-Length"):
            return self.rfile.read(int(length) if limit is None else min(int(length), limit))
        content = b""
        while limit is None or len(content) < limit:
            size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
            content += self.rfile.read(size)
            self.rfile.readline()
            if self.owner.bytes_per_second:
                time.sleep(size / self.owner.bytes_per_second)
            if size == 0:
                break
        return content


def files(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    """The files of a multipart body, in order, with their SOP Instance UIDs."""
    message = email.message.Message()
    message["Content-Type"] = content_type
    boundary = str(message.get_param("boundary")).encode()
    found = []
    for chunk in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        file = chunk.partition(b"\r\n\r\n")[2]
        item = pydicom.dcmread(io.BytesIO(file), specific_tags=["SOPInstanceUID"])
        found.append((str(item.SOPInstanceUID), file))
    return found


def judged(reply: Reply, verdicts: dict[str, int]) -> Reply:
    """An answer in which these instances have these statuses (PS3.18 §I.2.2)."""
    told = json.loads(reply.body)
    for sequence in (REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE):
        items = told.get(sequence, {}).get("Value", [])
        told[sequence] = {"vr": "SQ", "Value": [item for item in items if value(item, "00081155") not in verdicts]}
    for uid, status in verdicts.items():
        has = status in HAS
        reason = {"00081196" if has else "00081197": {"vr": "US", "Value": [status]}} if status else {}
        told[REFERENCED_SOP_SEQUENCE if has else FAILED_SOP_SEQUENCE]["Value"].append(
            {"00081155": {"vr": "UI", "Value": [uid]}, "00081150": {"vr": "UI", "Value": [wire.CT_IMAGE]}, **reason},
        )
    some, none = (told[sequence]["Value"] for sequence in (REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE))
    status = 409 if not some else 202 if none or any("00081196" in item for item in some) else 200
    return Reply(status, json.dumps(told).encode())


def answers(reply: Reply) -> dict[str, int]:
    """What a store's answer says of each instance that it names: status, Warning Reason or Failure Reason."""
    try:
        told = json.loads(reply.body)
    except ValueError:
        return {}
    found = {}
    for sequence, reason, without in (
        (REFERENCED_SOP_SEQUENCE, "00081196", 0x0000), (FAILED_SOP_SEQUENCE, "00081197", 0x0110),
    ):
        for item in told.get(sequence, {}).get("Value", []):
            code = value(item, reason)
            found[value(item, "00081155")] = without if code is None else int(code)
    return found

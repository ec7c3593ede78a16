"""A Query/Retrieve SCP of pynetdicom that answers as it is told: what our node meets as the one who asks."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification

from clients import FIND, GET, MOVE, PLAIN
from subjects import Subject
from subjects.base import free_port
from subjects.causeway import binary

Answers = Iterator[tuple[int | Dataset, Dataset | None]]


@dataclass
class Archivist:
    """Answers C-FIND by `find`, C-GET and C-MOVE with `held`; keeps what it was asked."""

    ae_title: str = field(default_factory=lambda: f"ARCH{free_port()}")
    port: int = 0
    #: The answers to a C-FIND; none: it is not served.
    find: Callable[[evt.Event], Answers] | None = None
    #: What it has; a C-GET or a C-MOVE gives it all.
    held: list[Dataset] = field(default_factory=list)
    #: The status of the final response of a C-GET or a C-MOVE instead of the sub-operations; pynetdicom yields it.
    refusal: int | Dataset | None = None
    #: The same, of a C-GET alone.
    get_refusal: int | None = None
    gets: bool = True
    moves: bool = True
    #: Whether it takes the part of the one who gives (role selection).
    takes_role: bool = True
    #: Move destinations it knows, by AE title.
    destinations: dict[str, int] = field(default_factory=dict)
    syntaxes: list[str] = field(default_factory=lambda: list(PLAIN))
    tls: ssl.SSLContext | None = None
    #: Set when a C-CANCEL came.
    cancelled: threading.Event = field(default_factory=threading.Event)
    #: Set as soon as something was asked.
    asked: threading.Event = field(default_factory=threading.Event)
    #: Waited for before each instance of a retrieval but the first.
    hold: threading.Event | None = None
    identifiers: list[Dataset] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    #: Transfer syntaxes proposed for a query or a retrieval.
    proposed: list[list[str]] = field(default_factory=list)
    #: Extended negotiation that was offered, by SOP class, and what is answered to it.
    offered: dict[str, bytes] = field(default_factory=dict)
    grants: bytes | None = None
    users: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Archivist:
        entity = AE(ae_title=self.ae_title)
        entity.add_supported_context(Verification)
        for context in AllStoragePresentationContexts:
            role = {"scu_role": True, "scp_role": True} if self.takes_role else {}
            entity.add_supported_context(context.abstract_syntax, AllTransferSyntaxes, **role)
            entity.add_requested_context(context.abstract_syntax, PLAIN) if len(entity.requested_contexts) < 128 else None
        for served, classes in ((self.find, FIND), (self.gets, GET), (self.moves, MOVE)):
            for sop_class in classes.values() if served else ():
                entity.add_supported_context(sop_class, self.syntaxes)
        self._server = entity.start_server(
            ("127.0.0.1", self.port), block=False, ssl_context=self.tls, evt_handlers=[
                (evt.EVT_C_FIND, self._on_find), (evt.EVT_C_GET, self._on_get), (evt.EVT_C_MOVE, self._on_move),
                (evt.EVT_SOP_EXTENDED, self._on_extended), (evt.EVT_USER_ID, self._on_user),
                (evt.EVT_ACCEPTED, self._on_accepted),
            ],
        )
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _on_accepted(self, event: evt.Event) -> None:
        for context in event.assoc.requestor.requested_contexts:
            if str(context.abstract_syntax).startswith("1.2.840.10008.5.1.4.1.2."):
                self.proposed.append([str(syntax) for syntax in context.transfer_syntax])

    def _on_extended(self, event: evt.Event) -> dict[str, bytes]:
        self.offered.update({str(uid): content for uid, content in event.app_info.items()})
        return {} if self.grants is None else dict.fromkeys(event.app_info, self.grants)

    def _on_user(self, event: evt.Event) -> tuple[bool, bytes | None]:
        self.users.append(event.primary_field)
        return True, None

    def _on_find(self, event: evt.Event) -> Answers:
        self._note(event)
        assert self.find is not None
        for answer in self.find(event):
            if event.is_cancelled:
                self.cancelled.set()
                yield 0xFE00, None
                return
            yield answer

    def _note(self, event: evt.Event) -> None:
        self.identifiers.append(event.identifier)
        self.models.append(str(event.request.AffectedSOPClassUID))
        self.asked.set()

    def _given(self, event: evt.Event) -> Iterator[Any]:
        if self.refusal is not None:
            yield 1
            yield self.refusal, None
            return
        yield len(self.held)
        for index, item in enumerate(self.held):
            if index and self.hold is not None:
                self.hold.wait(20)
            if event.is_cancelled:
                self.cancelled.set()
                yield 0xFE00, None
                return
            yield 0xFF00, item

    def _on_get(self, event: evt.Event) -> Iterator[Any]:
        self._note(event)
        if self.get_refusal is not None:
            yield 1
            yield self.get_refusal, None
            return
        yield from self._given(event)

    def _on_move(self, event: evt.Event) -> Iterator[Any]:
        self._note(event)
        port = self.destinations.get(event.move_destination)
        yield (None, None) if port is None else ("127.0.0.1", port)
        yield from self._given(event)

    def is_remote_of(self, node: Subject, *more: str, name: str | None = None) -> str:
        """Tells the node of it; gives the name."""
        name = name or self.ae_title.lower()
        node.run(
            "remote", "add", name, "--ae-title", self.ae_title, "--host", "127.0.0.1", "--port", str(self.port),
            "--allow", "store,query,retrieve", *more,
        )
        return name


def listing(items: list[Dataset]) -> Callable[[evt.Event], Answers]:
    """A C-FIND that knows `items`, level by level, by its unique keys."""
    keys = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}

    def answers(event: evt.Event) -> Answers:
        query, seen = event.identifier, set()
        for item in items:
            fits = all(not query.get(key) or query.get(key) == item.get(key) for key in keys.values())
            own = item.get(keys[query.QueryRetrieveLevel])
            if fits and own not in seen:
                seen.add(own)
                match = Dataset()
                match.QueryRetrieveLevel = query.QueryRetrieveLevel
                for element in query:
                    if element.keyword in item and element.VR != "SQ":
                        setattr(match, element.keyword, item.get(element.keyword))
                yield 0xFF00, match

    return answers


@dataclass
class Said:
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it wrote as one JSON document."""
        return json.loads(self.out)


def command(node: Subject, *arguments: str, seconds: float = 60, **environment: str) -> Said:
    """Runs a command of ours against the node, however it ends."""
    done = subprocess.run(
        [str(binary()), *arguments, "--url", node.url], capture_output=True, text=True, timeout=seconds,
        cwd=node.folder, env={"PATH": "/usr/bin:/bin", "HOME": str(node.folder), **environment},
    )
    return Said(done.returncode, done.stdout, done.stderr)


def begun(node: Subject, *arguments: str) -> subprocess.Popen[str]:
    """Begins a command of ours."""
    return subprocess.Popen(
        [str(binary()), *arguments, "--url", node.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(node.folder), env={"PATH": "/usr/bin:/bin", "HOME": str(node.folder)},
    )

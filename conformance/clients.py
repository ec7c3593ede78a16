"""The clients the suite speaks with: pynetdicom, requests and DCMTK, each with little around it.

What arrives is handed on as it came; what is right about it is for the tests to say.
"""

from __future__ import annotations

import contextlib
import email.message
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.uid import AllTransferSyntaxes, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, Association, build_context, build_role, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
    register_uid,
    uid_to_service_class,
)

import data
import pausing  # noqa: F401
import samples
from subjects import Subject

CALLING = "CONFORMANCE"
PLAIN = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
FIND = {"PATIENT": PatientRootQueryRetrieveInformationModelFind, "STUDY": StudyRootQueryRetrieveInformationModelFind}
MOVE = {"PATIENT": PatientRootQueryRetrieveInformationModelMove, "STUDY": StudyRootQueryRetrieveInformationModelMove}
GET = {"PATIENT": PatientRootQueryRetrieveInformationModelGet, "STUDY": StudyRootQueryRetrieveInformationModelGet}

ACCEPT_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
ACCEPT_EXPLICIT = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1'
JSON = "application/dicom+json"

REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE = "00081199", "00081198"


# DIMSE.

@contextlib.contextmanager
def associate(
    subject: Subject, contexts: Iterable[Any], calling: str = CALLING, called: str | None = None,
    seconds: float = 30, **arguments: Any,
) -> Iterator[Association]:
    """An established association; `contexts` are SOP classes, or pairs of a SOP class and transfer syntaxes."""
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = seconds
    for context in contexts:
        abstract, syntaxes = context if isinstance(context, tuple) else (context, PLAIN)
        entity.add_requested_context(abstract, syntaxes)
    association = entity.associate(
        subject.host, subject.dimse_port, ae_title=called or subject.ae_title, **arguments,
    )
    assert association.is_established, f"no association: {association.acceptor.primitive}"
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        else:
            association.abort()
        entity.shutdown()


def rejection(subject: Subject, calling: str, called: str | None = None, **arguments: Any) -> tuple[int, int, int] | None:
    """Result, source and reason of the A-ASSOCIATE-RJ that answers `calling`; none when it was let in.

    They are read from the PDU: a rejection that comes and closes before pynetdicom has looked after its own connection
    is an abort to it.
    """
    entity, seen = AE(ae_title=calling), []
    entity.add_requested_context(Verification)

    def note(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            seen.append((event.pdu.result, event.pdu.source, event.pdu.reason_diagnostic))

    association = entity.associate(
        subject.host, subject.dimse_port, ae_title=called or subject.ae_title,
        evt_handlers=[(evt.EVT_PDU_RECV, note)], **arguments,
    )
    if association.is_established:
        association.release()
        return None
    assert len(seen) == 1, f"neither let in nor rejected: {seen}"
    return seen[0]


def echo(subject: Subject, **arguments: Any) -> int:
    """The status of a C-ECHO on an association of its own."""
    with associate(subject, [Verification], **arguments) as association:
        return association.send_c_echo().Status


def contexts_of(datasets: Iterable[Dataset]) -> list[tuple[str, list[str]]]:
    """One presentation context for each SOP class and transfer syntax, so that nothing is transcoded on the way."""
    pairs = {(str(item.SOPClassUID), str(item.file_meta.TransferSyntaxUID)) for item in datasets}
    return [(abstract, [syntax]) for abstract, syntax in sorted(pairs)]


def store(subject: Subject, *datasets: Dataset, calling: str = CALLING) -> list[int]:
    """Sends each over one association; the statuses in order."""
    with associate(subject, contexts_of(datasets), calling) as association:
        return [association.send_c_store(item).Status for item in datasets]


def stored(subject: Subject, *datasets: Dataset, calling: str = CALLING) -> list[Dataset]:
    """Sends each, and insists that each is taken."""
    assert store(subject, *datasets, calling=calling) == [0x0000] * len(datasets)
    return list(datasets)


def identifier(level: str, **keys: Any) -> Dataset:
    """A query's identifier; `keys` by keyword."""
    query = Dataset()
    query.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    return query


def find(
    subject: Subject, query: Dataset, root: str = "STUDY", calling: str = CALLING,
) -> tuple[int, list[Dataset]]:
    """The final status and the matches."""
    matches = []
    final = None
    with associate(subject, [FIND[root]], calling) as association:
        for status, match in association.send_c_find(query, FIND[root]):
            final = status.get("Status")
            if final in (0xFF00, 0xFF01):
                assert match is not None, "a pending response without an identifier"
                matches.append(match)
    assert final is not None, "no final response"
    return final, matches


def matches(subject: Subject, query: Dataset, root: str = "STUDY") -> list[Dataset]:
    """The matches of a query that must succeed."""
    status, found = find(subject, query, root)
    assert status == 0x0000, f"C-FIND ended with {status:04X}"
    return found


def move(
    subject: Subject, query: Dataset, destination: str, root: str = "STUDY", calling: str = CALLING,
) -> tuple[Dataset, Dataset | None, list[Dataset]]:
    """The final status, its identifier, and the pending statuses."""
    pending, last = [], None
    with associate(subject, [MOVE[root]], calling) as association:
        for status, answer in association.send_c_move(query, destination, MOVE[root]):
            if status.get("Status") == 0xFF00:
                pending.append(status)
            else:
                last = (status, answer)
    assert last is not None, "no final response"
    return last[0], last[1], pending


@dataclass
class Given:
    """One instance that a C-GET brought."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    body: bytes


@dataclass
class Got:
    """What came of a C-GET."""

    status: Dataset
    identifier: Dataset | None
    pending: list[Dataset]
    given: list[Given]

    def uids(self) -> set[str]:
        """The SOP Instance UIDs of what came."""
        return {item.sop_instance for item in self.given}

    def failed(self) -> set[str]:
        """The Failed SOP Instance UID List; empty where there is none."""
        return failed_uids(self.identifier)


def failed_uids(identifier: Dataset | None) -> set[str]:
    """The Failed SOP Instance UID List of a final response; empty where there is none."""
    if identifier is None or not identifier.get("FailedSOPInstanceUIDList"):
        return set()
    listed = identifier.FailedSOPInstanceUIDList
    return {str(listed)} if isinstance(listed, str) else {str(uid) for uid in listed}


def get(
    subject: Subject, query: Dataset, contexts: Iterable[Any], root: str = "STUDY", calling: str = CALLING,
    roles: Iterable[str] | None = None, answer: Callable[[str], int] = lambda uid: 0x0000,
    cancel_after: int | None = None,
) -> Got:
    """C-GET. `contexts` are SOP classes, or pairs with transfer syntaxes; the SCP role is offered for `roles`, by default
    for all of them; `answer` gives the status of each instance; after `cancel_after` of them comes a C-CANCEL."""
    given: list[Given] = []
    contexts = list(contexts)
    message_id = 17

    def on_store(event: evt.Event) -> int:
        request = event.request
        given.append(Given(
            str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID),
            str(event.context.transfer_syntax), request.DataSet.getvalue(),
        ))
        if len(given) == cancel_after:
            event.assoc.send_c_cancel(message_id, query_model=GET[root])
        return answer(given[-1].sop_instance)

    classes = [context[0] if isinstance(context, tuple) else context for context in contexts]
    offered = [build_role(sop_class, scp_role=True) for sop_class in sorted(set(classes if roles is None else roles))]
    pending: list[Dataset] = []
    last: tuple[Dataset, Dataset | None] | None = None
    with associate(
        subject, [GET[root], *contexts], calling=calling, ext_neg=offered,
        evt_handlers=[(evt.EVT_C_STORE, on_store)],
    ) as association:
        for status, identifier in association.send_c_get(query, GET[root], msg_id=message_id):
            if status.get("Status") == 0xFF00:
                pending.append(status)
            else:
                last = (status, identifier)
    assert last is not None, "no final response"
    return Got(last[0], last[1], pending, given)


@dataclass
class Arrival:
    """One instance a Storage SCP was sent."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    body: bytes
    originator: str | None
    originator_message: int | None
    association: int


@dataclass
class Receiver:
    """A Storage SCP of pynetdicom that keeps what it is sent, and answers each with `status`."""

    ae_title: str
    port: int = 0
    status: int = 0x0000
    syntaxes: list[str] = field(default_factory=lambda: list(AllTransferSyntaxes))
    #: SOP classes that it takes beside those of today.
    classes: list[str] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    wait: threading.Event | None = None
    tls: ssl.SSLContext | None = None
    #: Seconds before each answer.
    pause: float = 0
    #: Associations that it takes at the same time.
    most: int = 50
    #: Rejects whoever calls it by another title.
    insists_on_its_title: bool = False
    #: Longest P-DATA-TF that it announces; 0: any.
    max_pdu: int = 16382
    #: Called with the event and the number of instances so far; its answer, when it gives one, is the status.
    act: Callable[[evt.Event, int], int | None] | None = None
    #: Length of each P-DATA-TF received.
    pdu_lengths: list[int] = field(default_factory=list)
    #: Maximum length that each requestor announced.
    announced: list[int] = field(default_factory=list)

    def __enter__(self) -> Receiver:
        entity = AE(ae_title=self.ae_title)
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax, self.syntaxes)
        for sop_class in self.classes:
            if uid_to_service_class(sop_class) is not StorageServiceClass:
                register_uid(sop_class, f"Storage{sop_class.replace('.', '_')}", StorageServiceClass)
            entity.add_supported_context(sop_class, self.syntaxes)
        entity.add_supported_context(Verification)
        entity.maximum_associations = self.most
        entity.maximum_pdu_size = self.max_pdu
        entity.require_called_aet = self.insists_on_its_title
        self._lock = threading.Lock()
        self._server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[
                (evt.EVT_C_STORE, self._on_store), (evt.EVT_PDU_RECV, self._on_pdu), (evt.EVT_ACCEPTED, self._on_accepted),
            ], ssl_context=self.tls,
        )
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _on_store(self, event: evt.Event) -> int:
        if self.wait is not None:
            self.wait.wait(10)
        time.sleep(self.pause)
        request = event.request
        with self._lock:
            self.arrivals.append(Arrival(
                str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID),
                str(event.context.transfer_syntax), request.DataSet.getvalue(),
                request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID, id(event.assoc),
            ))
            count = len(self.arrivals)
        status = self.act(event, count) if self.act is not None else None
        return self.status if status is None else status

    def _on_pdu(self, event: evt.Event) -> None:
        if event.pdu.pdu_type == 0x04:
            self.pdu_lengths.append(event.pdu.pdu_length)

    def _on_accepted(self, event: evt.Event) -> None:
        self.announced.append(event.assoc.requestor.maximum_length)

    def uids(self) -> set[str]:
        """The SOP Instance UIDs of what arrived."""
        return {arrival.sop_instance for arrival in self.arrivals}


# DCMTK.

def dcmtk(program: str, *arguments: str, cwd: Path | None = None, timeout: int = 60) -> subprocess.CompletedProcess[str]:
    """Runs one of DCMTK's programs. Skips the test where DCMTK is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} of DCMTK is not installed")
    return subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, errors="replace", timeout=timeout,
        env={**os.environ, "TCP_NODELAY": "1"},
    )


# DICOMweb.

@dataclass
class Part:
    """One part of a multipart answer."""

    headers: dict[str, str]
    body: bytes


def parts(answer: requests.Response) -> list[Part]:
    """The parts of a multipart/related answer, split by boundary alone (RFC 2046 §5.1)."""
    message = email.message.Message()
    message["Content-Type"] = answer.headers["Content-Type"]
    assert message.get_content_type() == "multipart/related", answer.headers["Content-Type"]
    boundary = message.get_param("boundary")
    assert isinstance(boundary, str) and 0 < len(boundary) <= 70
    chunks = (b"\r\n" + answer.content).split(b"\r\n--" + boundary.encode())
    assert chunks[-1].startswith(b"--"), "no closing boundary"
    found = []
    for chunk in chunks[1:-1]:
        head, _, body = chunk.partition(b"\r\n\r\n")
        lines = [line.decode("latin-1").partition(":") for line in head.split(b"\r\n") if line]
        found.append(Part({name.strip().lower(): value.strip() for name, _, value in lines}, body))
    return found


def multipart(
    bodies: Iterable[bytes], media: str = "application/dicom", boundary: str = "conformance-boundary",
) -> tuple[bytes, str]:
    """A multipart/related body, and its Content-Type."""
    pieces = [
        f"--{boundary}\r\nContent-Type: {media}\r\n\r\n".encode() + body + b"\r\n" for body in bodies
    ]
    body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
    return body, f'multipart/related; type="{media}"; boundary="{boundary}"'


class Web:
    """DICOMweb of one server, as plain requests."""

    def __init__(self, root: str):
        self.root = root
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str, accept: str | None = JSON, **parameters: Any) -> requests.Response:
        """GET of a path below the root. What RFC 3986 §3.4 lets stand in a query stands; a space is `%20`.

        A parameter given as a list is repeated.
        """
        pairs = [
            f"{quote(name, safe='')}={quote(one, safe='*?,/:')}"
            for name, given in parameters.items() for one in (given if isinstance(given, list) else [given])
        ]
        url = self.root + path
        if pairs:
            url += ("&" if "?" in path else "?") + "&".join(pairs)
        return self._session.get(url, headers={"Accept": accept}, timeout=60)

    def query(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """The results of a search that must succeed."""
        answer = self.get(path, **parameters)
        if answer.status_code == 204:
            assert answer.content == b"", "204 with a body"
            return []
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
        return answer.json()

    def post(self, path: str, body: bytes, content_type: str, accept: str = JSON) -> requests.Response:
        """POST of a body."""
        return self._session.post(
            self.root + path, data=body, headers={"Content-Type": content_type, "Accept": accept}, timeout=60,
        )

    def stow(self, *files: bytes, study: str | None = None) -> requests.Response:
        """STOW-RS of files."""
        body, content_type = multipart(files)
        return self.post(f"/studies/{study}" if study else "/studies", body, content_type)

    def instance(self, study: str, series: str, sop_instance: str, accept: str = ACCEPT_STORED) -> bytes:
        """One instance's file, as it is stored."""
        answer = self.get(f"/studies/{study}/series/{series}/instances/{sop_instance}", accept)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
        (part,) = parts(answer)
        return part.body

    def file(self, dataset: Dataset, accept: str = ACCEPT_STORED) -> bytes:
        """The file of an instance that a test made."""
        return self.instance(dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID, accept)

    def has(self, dataset: Dataset) -> bool:
        """Whether the instance can be read."""
        path = f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        return self.get(f"{path}/instances/{dataset.SOPInstanceUID}", ACCEPT_STORED).status_code == 200


def path_of(item: Dataset | samples.Sample, level: str = "instance") -> str:
    """The resource of an instance, of a sample or of a data set that a test made; or of its series or study."""
    study, series, instance = (
        (item.study, item.series, item.sop_instance) if isinstance(item, samples.Sample)
        else (item.StudyInstanceUID, item.SeriesInstanceUID, item.SOPInstanceUID)
    )
    path = f"/studies/{study}"
    if level != "study":
        path += f"/series/{series}"
    if level == "instance":
        path += f"/instances/{instance}"
    return path


def value(result: dict[str, Any], tag: str) -> Any:
    """The first value of an attribute in DICOM JSON; nothing when it has none."""
    values = result.get(tag, {}).get("Value", [None])
    return values[0]


def values(result: dict[str, Any], tag: str) -> list[Any]:
    """All the values of an attribute in DICOM JSON."""
    return result.get(tag, {}).get("Value", [])


def assert_kept(web: Web, dataset: Dataset) -> None:
    """The instance can be read, and its data set is the very bytes that were sent."""
    assert data.split(web.file(dataset))[1] == data.encoded(dataset)


@contextlib.contextmanager
def dcmtk_server(program: str, *arguments: str, port: int) -> Iterator[None]:
    """One of DCMTK's servers, while a test needs it. Skips the test where DCMTK is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    running = subprocess.Popen(
        [program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "TCP_NODELAY": "1"},
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield
    finally:
        running.terminate()
        running.wait(10)

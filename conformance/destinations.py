"""Where a node delivers to: Orthanc, a second Causeway, DCMTK's storescp and pynetdicom, each behind the same face, with
a line in front that notes what crosses it and that a test may spoil."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.uid import AllTransferSyntaxes

from clients import ACCEPT_STORED, Receiver, Web, value
from middleman import Middleman
from subjects import SUBJECTS, Subject
from subjects.base import free_port
from webfront import Front

START_SECONDS_MAX = 30


class Destination:
    """What takes instances, and lists what it holds."""

    kind = ""

    def __init__(self, ae_title: str, port: int, dicomweb: str = ""):
        self.ae_title, self.port, self.dicomweb = ae_title, port, dicomweb

    def held(self, study: str) -> dict[str, list[Dataset]]:
        """What it holds of a study, by SOP Instance UID, by its own listing; each as often as it lists it."""
        raise NotImplementedError

    def kill(self) -> None:
        """It goes away without a word; what it holds stays."""
        raise NotImplementedError

    def start(self) -> None:
        """It comes back."""
        raise NotImplementedError

    def close(self) -> None:
        """It ends for good."""
        raise NotImplementedError


class Server(Destination):
    """Orthanc or a second Causeway."""

    def __init__(self, subject: Subject):
        super().__init__(subject.ae_title, subject.dimse_port, subject.dicomweb)
        self.kind, self.subject = subject.name, subject
        self.kill, self.start, self.close = subject.kill, subject.start, subject.remove  # type: ignore[method-assign]

    def held(self, study: str) -> dict[str, list[Dataset]]:
        return self._orthanc(study) if self.kind == "orthanc" else self._causeway(study)

    def _orthanc(self, study: str) -> dict[str, list[Dataset]]:
        asked = {"Level": "Instance", "Query": {"StudyInstanceUID": study}, "Expand": True}
        answer = requests.post(f"{self.subject.url}/tools/find", json=asked, timeout=30)
        answer.raise_for_status()
        return listed(
            parsed(requests.get(f"{self.subject.url}/instances/{found['ID']}/file", timeout=30).content)
            for found in answer.json()
        )

    def _causeway(self, study: str) -> dict[str, list[Dataset]]:
        web = Web(self.dicomweb)
        return listed(
            parsed(web.instance(study, value(found, "0020000E"), value(found, "00080018"), ACCEPT_STORED))
            for found in web.query(f"/studies/{study}/instances", limit="5000")
        )


class StoreScp(Destination):
    """DCMTK's storescp; `options` are its own."""

    kind = "storescp"

    def __init__(self, *options: str, ae_title: str = "STORESCP"):
        super().__init__(ae_title, free_port())
        if shutil.which("storescp") is None:
            pytest.skip("storescp of DCMTK is not installed")
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="conformance-storescp-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["storescp", "-aet", self.ae_title, "-od", str(self.folder), *self.options, str(self.port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TCP_NODELAY": "1"},
        )
        await_port(self.port)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def held(self, study: str) -> dict[str, list[Dataset]]:
        files = (parsed(path.read_bytes()) for path in self.folder.iterdir())
        return listed(item for item in files if item.StudyInstanceUID == study)


class PyNetDicom(Destination):
    """pynetdicom; it holds what it answered with success or a warning. `act` is asked for the status of each store."""

    kind = "pynetdicom"

    def __init__(
        self, ae_title: str = "PYNETDICOM", syntaxes: list[str] | None = None,
        act: Callable[[str], int] = lambda _: 0x0000, insists_on_its_title: bool = False,
    ):
        super().__init__(ae_title, free_port())
        self.syntaxes, self.act = syntaxes or list(AllTransferSyntaxes), act
        self.insists_on_its_title = insists_on_its_title
        self._kept: list[tuple[str, Dataset]] = []
        self._receiver: Receiver | None = None
        self.start()

    def start(self) -> None:
        self._receiver = Receiver(
            self.ae_title, port=self.port, syntaxes=self.syntaxes, act=self._store,
            insists_on_its_title=self.insists_on_its_title,
        )
        self._receiver.__enter__()

    def kill(self) -> None:
        if self._receiver is not None:
            self._receiver.__exit__()
            self._receiver = None

    def close(self) -> None:
        self.kill()

    def _store(self, event: object, _: int) -> int:
        request, context = event.request, event.context  # type: ignore[attr-defined]
        status = self.act(str(request.AffectedSOPInstanceUID))
        if status == 0x0000 or 0xB000 <= status < 0xC000:
            item = event.dataset  # type: ignore[attr-defined]
            item.file_meta = pydicom.dataset.FileMetaDataset()
            item.file_meta.TransferSyntaxUID = context.transfer_syntax
            self._kept.append((str(request.AffectedSOPInstanceUID), item))
        return status

    def held(self, study: str) -> dict[str, list[Dataset]]:
        return listed({uid: item for uid, item in list(self._kept) if item.StudyInstanceUID == study}.values())


def server(kind: str, ae_title: str, settings: dict[str, Any] | None = None) -> Server:
    """Orthanc or a Causeway, started."""
    subject = SUBJECTS[kind](ae_title=ae_title, settings=settings)
    subject.start()
    return Server(subject)


def made(kind: str) -> Destination:
    """A destination of a make, as it is by itself."""
    if kind == "storescp":
        return StoreScp()
    if kind == "pynetdicom":
        return PyNetDicom()
    # Each answers to whatever title it is called by.
    return server(kind, f"FAR{kind.upper()}", {"CAUSEWAY_DIMSE__CHECK_CALLED_AE_TITLE": "false"} if kind == "causeway" else {})


class Way:
    """A destination with the line that leads to it: over DIMSE, or over STOW-RS."""

    def __init__(self, destination: Destination, transport: str):
        self.destination, self.transport = destination, transport
        # Orthanc drops a part whose media type has parameters.
        self.line = (
            Front(destination.dicomweb, has_plain_parts=destination.kind == "orthanc") if transport == "stow"
            else Middleman(destination.port)
        ).__enter__()

    @property
    def ledger(self):  # type: ignore[no-untyped-def]
        """What crossed the line."""
        return self.line.ledger

    def close(self) -> None:
        """Ends the line; the destination stays."""
        self.line.__exit__()


def parsed(file: bytes) -> Dataset:
    """A file's data set, read to its end."""
    return pydicom.dcmread(io.BytesIO(file), force=True)


def listed(items) -> dict[str, list[Dataset]]:  # type: ignore[no-untyped-def]
    """Data sets by SOP Instance UID."""
    found: dict[str, list[Dataset]] = {}
    for item in items:
        found.setdefault(str(item.SOPInstanceUID), []).append(item)
    return found


def await_port(port: int) -> None:
    """Waits until someone listens."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.05)


def in_background(work: Callable[[], object]) -> threading.Thread:
    """Runs something beside the test."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread

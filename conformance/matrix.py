"""The resources of the Studies Service with the media types that each has, and two plain clients to ask them with.

The table is written down here, and not taken from the server's own description: a test holds the one against the other.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import BytesParser
from xml.etree import ElementTree

from pydicom.dataset import Dataset

DICOM_JSON, JSON, XML = "application/dicom+json", "application/json", "application/dicom+xml"
DICOM, OCTETS, ZIP = "application/dicom", "application/octet-stream", "application/zip"
PICTURES = ("image/jpeg", "image/png", "image/gif")
MAGIC = {"image/jpeg": b"\xff\xd8", "image/png": b"\x89PNG", "image/gif": b"GIF8", ZIP: b"PK"}


def parts(media: str) -> str:
    """Many of `media` in one answer."""
    return f'multipart/related; type="{media}"'


OF_DATA_SETS = (DICOM_JSON, JSON, parts(XML))
OF_PICTURES = tuple(parts(media) for media in PICTURES)

#: Each resource that can be got, below the root of the service, with its media types, the default first.
RESOURCES: dict[str, tuple[str, ...]] = {
    "/studies": OF_DATA_SETS,
    "/series": OF_DATA_SETS,
    "/instances": OF_DATA_SETS,
    "/studies/{study}/series": OF_DATA_SETS,
    "/studies/{study}/instances": OF_DATA_SETS,
    "/studies/{study}/series/{series}/instances": OF_DATA_SETS,
    "/studies/{study}": (parts(DICOM), ZIP, parts(OCTETS)),
    "/studies/{study}/series/{series}": (parts(DICOM), ZIP, parts(OCTETS)),
    "/studies/{study}/series/{series}/instances/{instance}": (parts(DICOM), DICOM, ZIP, parts(OCTETS)),
    "/studies/{study}/metadata": OF_DATA_SETS,
    "/studies/{study}/series/{series}/metadata": OF_DATA_SETS,
    "/studies/{study}/series/{series}/instances/{instance}/metadata": OF_DATA_SETS,
    "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}": (parts(OCTETS), OCTETS),
    "/studies/{study}/series/{series}/instances/{instance}/bulkdata/{attribute}": (parts(OCTETS), OCTETS),
    "/studies/{study}/series/{series}/instances/{instance}/pixeldata": (parts(OCTETS), OCTETS),
    "/studies/{study}/bulkdata": (parts(OCTETS),),
    "/studies/{study}/series/{series}/bulkdata": (parts(OCTETS),),
    "/studies/{study}/series/{series}/instances/{instance}/bulkdata": (parts(OCTETS),),
    "/studies/{study}/pixeldata": (parts(OCTETS),),
    "/studies/{study}/series/{series}/pixeldata": (parts(OCTETS),),
    "/studies/{study}/rendered": OF_PICTURES,
    "/studies/{study}/series/{series}/rendered": OF_PICTURES,
    "/studies/{study}/series/{series}/instances/{instance}/rendered": PICTURES + OF_PICTURES,
    "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/rendered": PICTURES + OF_PICTURES,
    "/studies/{study}/thumbnail": PICTURES,
    "/studies/{study}/series/{series}/thumbnail": PICTURES,
    "/studies/{study}/series/{series}/instances/{instance}/thumbnail": PICTURES,
    "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/thumbnail": PICTURES,
}
#: Requests for storage commitment, which are there once they were asked.
COMMITMENTS: dict[str, tuple[str, ...]] = {
    "/commitment-requests/{transaction}": (DICOM_JSON, JSON, XML, parts(XML), parts(DICOM_JSON)),
}
#: Methods of a resource beside those that come with GET.
MORE_METHODS = {
    "/commitment-requests/{transaction}": {"POST"},
    "/studies": {"POST"},
    "/studies/{study}": {"POST", "DELETE"},
    "/studies/{study}/series/{series}": {"DELETE"},
    "/studies/{study}/series/{series}/instances/{instance}": {"DELETE"},
}
SEARCHES = [path for path in RESOURCES if path.rsplit("/", 1)[-1] in ("studies", "series", "instances")]
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


def methods(path: str) -> set[str]:
    """What a resource answers."""
    return {"GET", "HEAD", "OPTIONS"} | MORE_METHODS.get(path, set())


def levels(path: str) -> list[str]:
    """The variables of a path that are UIDs."""
    return [name for name in ("study", "series", "instance") if f"{{{name}}}" in path]


def filled(path: str, item: Dataset, **other: str) -> str:
    """The path to an instance, or to the request for its commitment, or with something `other` in its place."""
    names = {
        "study": item.StudyInstanceUID, "series": item.SeriesInstanceUID, "instance": item.SOPInstanceUID,
        "frames": "1", "attribute": "7FE00010", "transaction": item.get("TransactionUID", "1.2.3"), **other,
    }
    for name, text in names.items():
        path = path.replace(f"{{{name}}}", str(text))
    return path


@dataclass
class Answer:
    """An answer as it came."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def media(self) -> str:
        """The media type, of the parts where there are parts."""
        message = BytesParser().parsebytes(f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode())
        return parts(str(message.get_param("type"))) if message.is_multipart() or \
            message.get_content_type() == "multipart/related" else message.get_content_type()

    def bodies(self) -> list[bytes]:
        """What it holds, part by part."""
        kind = self.headers["Content-Type"]
        if not kind.startswith("multipart/"):
            return [self.body]
        message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + self.body)
        return [part.get_payload(decode=True) for part in message.get_payload()]


#: Asks for a method of a URL, with these header fields and this body.
Client = Callable[[str, str, dict[str, str], bytes], Answer]


class _Held(io.BytesIO):
    """What http.client takes for a socket."""

    def makefile(self, *_: object) -> _Held:
        return self


def _read(raw: bytes, method: str) -> Answer:
    response = http.client.HTTPResponse(_Held(raw), method=method)  # type: ignore[arg-type]
    response.begin()
    return Answer(response.status, response.headers, response.read())


def by_socket(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """The request written out by hand, on a connection of its own."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    fields = {"Host": host, "Connection": "close", **headers}
    if body or method in ("POST", "PUT", "PATCH"):
        fields["Content-Length"] = str(len(body))
    head = f"{method} /{path} HTTP/1.1\r\n" + "".join(f"{key}: {text}\r\n" for key, text in fields.items())
    with socket.create_connection((name, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + b"\r\n" + body)
        pieces = []
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    return _read(b"".join(pieces), method)


def by_curl(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """curl, HTTP/1.1."""
    command = ["curl", "--silent", "--show-error", "--include", "--max-time", "30", "--path-as-is", "--globoff"]
    command += ["--head"] if method == "HEAD" else ["--request", method]
    for key, text in headers.items():
        command += ["--header", f"{key}: {text}" if text else f"{key};"]
    if body or method in ("POST", "PUT", "PATCH"):
        command += ["--data-binary", "@-", "--header", "Expect:"]
        if "Content-Type" not in headers:
            command += ["--header", "Content-Type:"]
    done = subprocess.run([*command, url], input=body, capture_output=True, check=True, timeout=40)
    # What curl gives is decoded already.
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, rest = rest.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"transfer-encoding:")]
    answer = _read(b"\r\n".join(lines) + b"\r\n\r\n", "HEAD")
    return Answer(answer.status, answer.headers, b"" if method == "HEAD" else rest)


CLIENTS: dict[str, Client] = {"socket": by_socket, "curl": by_curl}


def assert_is(answer: Answer, media: str, form: type = list) -> None:
    """The answer is what its media type says; `form`: of JSON, an array of data sets or one by itself."""
    assert answer.media() == media, answer.headers["Content-Type"]
    bodies = answer.bodies()
    assert bodies
    inner = media.partition('type="')[2].rstrip('"') or media
    for body in bodies:
        if inner in (DICOM_JSON, JSON):
            assert isinstance(json.loads(body), form)
        elif inner == XML:
            assert ElementTree.fromstring(body).tag.endswith("NativeDicomModel")
        elif inner == DICOM:
            assert body[128:132] == b"DICM"
        elif inner in MAGIC:
            assert body.startswith(MAGIC[inner])
        else:
            assert body

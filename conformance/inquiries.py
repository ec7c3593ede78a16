"""Storage commitment over the web (PS3.18 §13): requests in each form that they may have, and results read back."""

from __future__ import annotations

import email
import json
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

import requests
from pydicom.dataset import Dataset

import native
from clients import parts as parts_of
from commitment import reference

JSON, XML = "application/dicom+json", "application/dicom+xml"
BOUNDARY = "inquiry-boundary"


# Requests.

def flat(*items: Dataset) -> Dataset:
    """The Storage Commitment Request Module that names each instance by itself (PS3.18 Table J.1-1)."""
    module = Dataset()
    module.ReferencedSOPSequence = [reference(item.SOPClassUID, item.SOPInstanceUID) for item in items]
    return module


def nested(*items: Dataset) -> Dataset:
    """The one that names each below its study, series and SOP class."""
    module = Dataset()
    module.ReferencedStudySequence = []
    for item in items:
        study = _below(module.ReferencedStudySequence, "StudyInstanceUID", item.StudyInstanceUID, "ReferencedSeriesSequence")
        series = _below(study, "SeriesInstanceUID", item.SeriesInstanceUID, "ReferencedInstancesBySOPClassSequence")
        instances = _below(series, "ReferencedSOPClassUID", item.SOPClassUID, "ReferencedInstanceSequence")
        one = Dataset()
        one.ReferencedSOPInstanceUID = item.SOPInstanceUID
        instances.append(one)
    return module


def _below(items: Any, name: str, uid: str, sequence: str) -> Any:
    """The sequence in the item that has this UID, which is added where there is none."""
    for item in items:
        if item[name].value == uid:
            return item[sequence].value
    item = Dataset()
    setattr(item, name, uid)
    setattr(item, sequence, [])
    items.append(item)
    return items[-1][sequence].value


def as_json(module: Dataset) -> bytes:
    """The module as DICOM JSON, by pydicom."""
    return module.to_json().encode()


def as_xml(module: Dataset, tag: str = "tag", vr: str = "vr") -> bytes:
    """The module as the Native DICOM Model; `tag` and `vr`: what the XML attributes are called."""
    def written(data_set: Dataset) -> str:
        out = []
        for element in data_set:
            number, kind = f"{element.tag.group:04X}{element.tag.element:04X}", element.VR
            if kind == "SQ":
                items = enumerate(element.value, 1)
                inner = "".join(f'<Item number="{place}">{written(item)}</Item>' for place, item in items)
            else:
                inner = f'<Value number="1">{escape(str(element.value))}</Value>'
            out.append(f'<DicomAttribute {tag}="{number}" {vr}="{kind}" keyword="{element.keyword}">{inner}</DicomAttribute>')
        return "".join(out)

    return f'<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel>{written(module)}</NativeDicomModel>'.encode()


def in_parts(media: str, bodies: Iterable[bytes]) -> tuple[bytes, str]:
    """The bodies as parts of one request, and its Content-Type."""
    head = f"--{BOUNDARY}\r\nContent-Type: {media}\r\n\r\n".encode()
    body = b"".join(head + one + b"\r\n" for one in bodies) + f"--{BOUNDARY}--\r\n".encode()
    return body, f'multipart/related; type="{media}"; boundary={BOUNDARY}'


def ask(root: str, transaction: str, body: bytes | Dataset, kind: str = JSON, accept: str = JSON, **headers: str) -> requests.Response:
    """POSTs a request; a module goes as DICOM JSON."""
    body = as_json(body) if isinstance(body, Dataset) else body
    fields = {"Content-Type": kind, "Accept": accept, **headers}
    return requests.post(f"{root}/commitment-requests/{transaction}", data=body, headers=fields, timeout=60)


def check(root: str, transaction: str, accept: str = JSON, method: str = "GET", **headers: str) -> requests.Response:
    """Asks for its result."""
    fields = {"Accept": accept, **headers}
    return requests.request(method, f"{root}/commitment-requests/{transaction}", headers=fields, timeout=60)


# Results.

def told(answer: requests.Response) -> dict[str, Any]:
    """The data set of an answer, as DICOM JSON, whatever it came as."""
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:300]}"
    return read(answer.headers["Content-Type"], answer.content, answer)


def read(kind: str, body: bytes, answer: requests.Response | None = None) -> dict[str, Any]:
    """The data set of a body."""
    message = email.message_from_string(f"Content-Type: {kind}\r\n\r\n")
    if message.get_content_type() == "multipart/related":
        assert answer is not None
        (part,) = parts_of(answer)
        return read(part.headers["content-type"], part.body)
    if message.get_content_type() == XML:
        return native.document(body)
    found = json.loads(body)
    assert isinstance(found, dict), "one data set, not an array (PS3.18 §B.27)"
    return found


def _value(item: dict[str, Any], tag: str) -> Any:
    (value,) = item[tag]["Value"]
    return value


def _items(item: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    if tag not in item:
        return []
    assert item[tag]["vr"] == "SQ" and item[tag]["Value"], f"{tag} without items is left out"
    return item[tag]["Value"]


def committed(result: dict[str, Any]) -> set[tuple[str, ...]]:
    """What is committed: class and instance of each, behind study and series where it was asked so."""
    alone = {(_value(item, "00081150"), _value(item, "00081155")) for item in _items(result, "00081199")}
    return alone | {where for where, _ in _nested(result, "00081110")}


def failed(result: dict[str, Any]) -> dict[tuple[str, ...], int]:
    """What is not, with the Failure Reason."""
    alone = {
        (_value(item, "00081150"), _value(item, "00081155")): int(_value(item, "00081197"))
        for item in _items(result, "00081198")
    }
    return alone | {where: int(_value(item, "00081197")) for where, item in _nested(result, "0008119B")}


def _nested(result: dict[str, Any], tag: str) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    return [
        ((_value(study, "0020000D"), _value(series, "0020000E"), _value(kind, "00081150"), _value(item, "00081155")), item)
        for study in _items(result, tag) for series in _items(study, "00081115")
        for kind in _items(series, "00081112") for item in _items(kind, "0008114A")
    ]


def names(*items: Dataset) -> set[tuple[str, ...]]:
    """Instances as `committed` has them that were named by themselves."""
    return {(str(item.SOPClassUID), str(item.SOPInstanceUID)) for item in items}


def places(*items: Dataset) -> set[tuple[str, ...]]:
    """Instances as `committed` has them that were named below their studies."""
    return {
        (str(item.StudyInstanceUID), str(item.SeriesInstanceUID), str(item.SOPClassUID), str(item.SOPInstanceUID))
        for item in items
    }

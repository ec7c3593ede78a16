"""Store requests of metadata with bulk data (PS3.18 §8.6.1.2, §10.5.1.4), made by pydicom and DCMTK.

The writers are foreign to the server: pydicom makes the DICOM JSON, `dcm2xml` the Native DICOM Model.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

import native

BOUNDARY = "described-boundary"
JSON, XML = "application/dicom+json", "application/dicom+xml"
OCTETS = "application/octet-stream"

#: PS3.18 Table 8.7.3-5.
MEDIA_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg", "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg", "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls", "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2", "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx", "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.110": "image/jxl", "1.2.840.10008.1.2.4.112": "image/jxl",
    "1.2.840.10008.1.2.4.201": "image/jphc", "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}


@dataclass
class Part:
    """One part: what its header fields say, and its body."""

    media: str | None
    body: bytes
    location: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        """The part as it travels, without its delimiter."""
        fields = {"Content-Type": self.media, "Content-Location": self.location, **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        return head.encode() + b"\r\n" + self.body


def multipart(root: str, parts: Iterable[Part], boundary: str = BOUNDARY) -> tuple[bytes, str]:
    """A body of `parts`, and its Content-Type."""
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part.bytes()) for part in parts)
    return body + b"--%s--\r\n" % boundary.encode(), f'multipart/related; type="{root}"; boundary={boundary}'


def store(web: Any, root: str, parts: Iterable[Part], study: str | None = None) -> Any:
    """Sends `parts`; the answer."""
    body, content_type = multipart(root, parts)
    return web.post(f"/studies/{study}" if study else "/studies", body, content_type)


def frames_of(dataset: Dataset) -> list[bytes]:
    """The compressed frames of encapsulated pixel data."""
    return list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1)))


def json_of(dataset: Dataset, prefix: str, more_than: int = 64) -> tuple[dict[str, Any], list[Part]]:
    """DICOM JSON by pydicom, and the bulk data beside it: what is longer than `more_than`, under names below `prefix`."""
    parts: list[Part] = []
    syntax = str(dataset.file_meta.TransferSyntaxUID)

    def put(element: DataElement) -> str:
        location = f"{prefix}/{len(parts)}"
        if element.tag == 0x7FE00010 and syntax in MEDIA_TYPES and element is dataset.get(element.tag):
            media = f"{MEDIA_TYPES[syntax]}; transfer-syntax={syntax}"
            parts.extend(Part(media, frame, location) for frame in frames_of(dataset))
        else:
            value = element.value if isinstance(element.value, bytes) else bytes(str(element.value), "utf-8")
            parts.append(Part(OCTETS, value, location))
        return location

    return dataset.to_json_dict(bulk_data_threshold=more_than, bulk_data_element_handler=put), parts


def json_part(*metadata: dict[str, Any]) -> Part:
    """The metadata of instances as the first part."""
    return Part(JSON, json.dumps(list(metadata)).encode())


def xml_of(file: bytes, *options: str) -> bytes:
    """The Native DICOM Model by DCMTK; bytes in base64 and text in UTF-8 unless `options` say otherwise.

    Skips the test where DCMTK is not installed.
    """
    if shutil.which("dcm2xml") is None:
        pytest.skip("dcm2xml is not installed")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.dcm", Path(folder) / "out.xml"
        source.write_bytes(file)
        subprocess.run(
            ["dcm2xml", "-q", "-nat", *(options or ("+U8", "+Eb")), source, target], check=True, timeout=60,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        return _words_turned(target.read_bytes())


def _words_turned(xml: bytes) -> bytes:
    """The document with words little endian, as PS3.19 §A.1.5 has them: DCMTK writes them big endian in base64."""
    widths = {b"OW": 2, b"OF": 4, b"OL": 4, b"OD": 8, b"OV": 8}

    def turned(found: re.Match[bytes]) -> bytes:
        value, width = base64.b64decode(found[3]), widths[found[2]]
        words = [value[at:at + width][::-1] for at in range(0, len(value), width)]
        return found[1] + base64.b64encode(b"".join(words)) + found[4]

    words = re.compile(
        rb'(<DicomAttribute tag="[0-9A-F]{8}" vr="(O[DFLVW])"[^>]*>\s*<InlineBinary>)([^<]*)(</InlineBinary>)',
    )
    return words.sub(turned, xml)


def with_bulk_pixels(xml: bytes, location: str) -> bytes:
    """The document, its pixel data named by `location` in place of what DCMTK makes of them."""
    pixels = re.compile(rb'(<DicomAttribute tag="7FE00010"[^>]*>).*?(</DicomAttribute>\s*</NativeDicomModel>)', re.DOTALL)
    return pixels.sub(lambda found: found[1] + f'<BulkData uri="{location}"/>'.encode() + found[2], xml)


def told(dataset: Dataset) -> dict[str, Any]:
    """A data set as it compares, its pixel data and its character set aside."""
    some = Dataset()
    some.update({tag: dataset[tag] for tag in dataset.keys() if tag not in (0x7FE00010, 0x00080005)})
    return comparable(some.to_json_dict())


def comparable(metadata: dict[str, Any]) -> dict[str, Any]:
    """DICOM JSON as it compares, without group lengths, which no one tells (PS3.18 §F.2.2).

    FD in as many digits as DCMTK writes without losing the last bit.
    """
    return _plain(native.comparable(metadata))


def _plain(metadata: dict[str, Any]) -> dict[str, Any]:
    kept = {tag: attribute for tag, attribute in metadata.items() if not tag.endswith("0000")}
    for attribute in kept.values():
        values = attribute.get("Value", [])
        if attribute["vr"] == "SQ":
            values[:] = [_plain(item) for item in values]
        elif attribute["vr"] == "FD":
            values[:] = [one if isinstance(one, str) else float(f"{one:.14e}") for one in values]
    return kept

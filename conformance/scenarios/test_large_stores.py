"""Store requests of many instances and of large ones, in bounded memory; and those that are cut off in the middle.

By default they are of moderate size. `CAUSEWAY_LARGE_INSTANCES` says how many instances one request holds,
`CAUSEWAY_LARGE_MEBIBYTES` how large one instance is; 10000 and 10240 is what the node is made for. What is put aside
on the way takes as much room again.
"""

import hashlib
import io
import json
import os
import socket
import struct
import time
import zipfile
from pathlib import Path

import pytest
import requests

import data
import described
from clients import ACCEPT_STORED, Web
from clients import REFERENCED_SOP_SEQUENCE as REFERENCED
from described import JSON, OCTETS, XML, Part
from subjects import SUBJECTS

INSTANCES = int(os.environ.get("CAUSEWAY_LARGE_INSTANCES", "300"))
LARGE_MEBIBYTES = int(os.environ.get("CAUSEWAY_LARGE_MEBIBYTES", "256"))
MEBIBYTE = 1 << 20
#: More than the node may take beyond what it has when it is idle, whatever is sent: the metadata of a request and the
#: data sets made of them are 64 MiB each, and what is in flight and in buffers comes on top.
GROWTH_MEBIBYTES_MAX = 320

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(3600)]


@pytest.fixture
def node():
    """A node of its own."""
    node = SUBJECTS["causeway"]()
    node.start()
    yield node
    node.stop()
    node.remove()


def memory(node, field):
    """A figure of the process, in MiB."""
    for line in Path(f"/proc/{node.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


class Watched:
    """How far the node's memory grows while something is sent."""

    def __init__(self, node):
        self._node = node

    def __enter__(self):
        Path(f"/proc/{self._node.pid}/clear_refs").write_text("5")
        self._before = memory(self._node, "VmRSS")
        return self

    def __exit__(self, kind, *_):
        grown = memory(self._node, "VmHWM") - self._before
        print(f"{self._before:.0f} MiB before, grown by {grown:.0f} MiB at most")
        if kind is None:
            assert grown < GROWTH_MEBIBYTES_MAX


def post(node, content_type, pieces, study=None):
    """Sends a body as it is made; the answer."""
    path = f"/studies/{study}" if study else "/studies"
    return requests.post(
        node.dicomweb + path, data=pieces, headers={"Content-Type": content_type, "Accept": JSON}, timeout=3000,
    )


def many(count):
    """Instances of one series that differ in what they must, made without a library's care, which takes its time."""
    first = data.instance()
    file, known = data.file_of(first), first.SOPInstanceUID
    for number in range(count):
        uid = f"{known[:-9]}{number:09d}"
        yield uid, file.replace(known.encode(), uid.encode())


def as_files(count):
    """The request as files."""
    for _, file in many(count):
        yield b"--b\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n"
    yield b"--b--"


def as_json(count):
    """The request as metadata, and bulk data for each."""
    item = data.instance()
    metadata, (pixels,) = described.json_of(item, "bulk")
    known = item.SOPInstanceUID
    text = json.dumps(metadata)
    yield b"--b\r\nContent-Type: application/dicom+json\r\n\r\n["
    for number in range(count):
        one = text.replace(known, f"{known[:-9]}{number:09d}").replace('"bulk/0"', f'"bulk/{number}"')
        yield (one if number == 0 else "," + one).encode()
    yield b"]\r\n"
    for number in range(count):
        yield b"--b\r\n" + Part(OCTETS, pixels.body, f"bulk/{number}").bytes() + b"\r\n"
    yield b"--b--"


def as_xml(count):
    """The request as a document for each, its bulk data right behind it."""
    item = data.instance()
    document = described.with_bulk_pixels(described.xml_of(data.file_of(item)), "bulk-0")
    known = item.SOPInstanceUID
    for number in range(count):
        one = document.replace(known.encode(), f"{known[:-9]}{number:09d}".encode())
        one = one.replace(b'"bulk-0"', f'"bulk-{number}"'.encode())
        yield b"--b\r\n" + Part(XML, one).bytes() + b"\r\n"
        yield b"--b\r\n" + Part(OCTETS, item.PixelData, f"bulk-{number}").bytes() + b"\r\n"
    yield b"--b--"


def as_archive(count):
    """The request as an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for uid, file in many(count):
            made.writestr(uid, file)
    yield out.getvalue()


REQUESTS = {
    "files": ('multipart/related; type="application/dicom"; boundary=b', as_files),
    "json": ('multipart/related; type="application/dicom+json"; boundary=b', as_json),
    "xml": ('multipart/related; type="application/dicom+xml"; boundary=b', as_xml),
    "archive": ("application/zip", as_archive),
}
EACH = pytest.mark.parametrize("kind", REQUESTS)


@EACH
def test_many_instances_in_one_request(node, kind):
    """PS3.18 §10.5.3: each is stored and named in the answer."""
    content_type, pieces = REQUESTS[kind]
    with Watched(node):
        answer = post(node, content_type, pieces(INSTANCES))
    assert answer.status_code == 200, answer.text[:500]
    assert len(answer.json()[REFERENCED]["Value"]) == INSTANCES
    found = requests.get(
        node.dicomweb + "/studies", params={"includefield": "00201208"}, headers={"Accept": JSON}, timeout=60,
    ).json()
    assert [one["00201208"]["Value"] for one in found] == [[INSTANCES]]


# One large instance: frames of a compressed image, which is what a data set can hold more than 4 GiB of.

FRAME_BYTES = 16 * MEBIBYTE
FRAMES = max(1, LARGE_MEBIBYTES * MEBIBYTE // FRAME_BYTES)
FRAME = bytes(range(256)) * (FRAME_BYTES // 256)
PIXELS = 0x7FE00010
JPEG_2000 = "1.2.840.10008.1.2.4.90"


def frame(number):
    """A frame, which differs from the others at its beginning."""
    return struct.pack("<Q", number) + FRAME[8:]


def large():
    """The instance but for its pixel data."""
    item = data.instance(NumberOfFrames=FRAMES, PixelData=None)
    item.file_meta.TransferSyntaxUID = JPEG_2000
    return item


def encapsulated():
    """The pixel data as they lie in a file."""
    yield b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\0\0\0\0"
    for number in range(FRAMES):
        yield b"\xfe\xff\x00\xe0" + struct.pack("<I", FRAME_BYTES)
        yield frame(number)
    yield b"\xfe\xff\xdd\xe0\0\0\0\0"


def file_of(item):
    """The instance as a file."""
    yield data.header(item.SOPClassUID, item.SOPInstanceUID, JPEG_2000)
    yield data.explicit_little_endian(item)
    yield from encapsulated()


def assert_whole(node, item):
    """The data set that is stored ends with the pixel data that were sent, to the last byte."""
    path = f"/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}/instances/{item.SOPInstanceUID}"
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    expected, length = hashlib.sha256(), 0
    for piece in encapsulated():
        expected.update(piece)
        length += len(piece)
    with requests.get(node.dicomweb + path, headers=accept, stream=True, timeout=600) as answer:
        assert answer.status_code == 200
        left = int(answer.headers["Content-Length"]) - length
        assert 0 < left < MEBIBYTE
        found = hashlib.sha256()
        for piece in answer.iter_content(MEBIBYTE):
            before = min(left, len(piece))
            left -= before
            found.update(memoryview(piece)[before:])
    assert found.hexdigest() == expected.hexdigest()


@pytest.mark.parametrize("kind", ["alone", "files", "json", "archive"])
def test_one_large_instance(node, kind):
    """PS3.18 §10.5: the body streams through, whatever its length."""
    item = large()

    def in_parts():
        yield b"--b\r\nContent-Type: application/dicom\r\n\r\n"
        yield from file_of(item)
        yield b"\r\n--b--"

    def in_json():
        metadata = item.to_json_dict() | {"7FE00010": {"vr": "OB", "BulkDataURI": "frames"}}
        yield b"--b\r\n" + described.json_part(metadata).bytes()
        for number in range(FRAMES):
            media = f"image/jp2; transfer-syntax={JPEG_2000}"
            yield b"\r\n--b\r\n" + Part(media, b"", "frames").bytes()
            yield frame(number)
        yield b"\r\n--b--"

    def in_an_archive():
        class Pipe(io.RawIOBase):
            def __init__(self):
                self.pieces = []

            def writable(self):
                return True

            def write(self, piece):
                self.pieces.append(bytes(piece))
                return len(piece)

        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as made:
            with made.open("large", "w", force_zip64=True) as member:
                for piece in file_of(item):
                    member.write(piece)
                    yield from pipe.pieces
                    pipe.pieces.clear()
        yield from pipe.pieces

    content_type, pieces = {
        "alone": ("application/dicom", file_of(item)), "files": (REQUESTS["files"][0], in_parts()),
        "json": (REQUESTS["json"][0], in_json()), "archive": ("application/zip", in_an_archive()),
    }[kind]
    with Watched(node):
        answer = post(node, content_type, pieces)
        assert answer.status_code == 200, answer.text[:500]
        assert_whole(node, item)


# What is cut off.

def left_over(node):
    """Files of the node that are no whole instances."""
    return [path for path in (node.folder / "data").rglob("*.part")]


def instances(node):
    """How many instances are found."""
    answer = requests.get(node.dicomweb + "/instances", headers={"Accept": JSON}, params={"limit": 1000}, timeout=60)
    return {one["00080018"]["Value"][0] for one in answer.json()} if answer.status_code == 200 else set()


def settled(condition):
    """Waits until `condition` holds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not condition():
        time.sleep(0.05)
    return condition()


def cut(node, content_type, body, at):
    """Sends a request of which the last bytes never come, and closes the connection."""
    head = (
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: {node.host}\r\nContent-Type: {content_type}\r\n"
        f"Accept: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection((node.host, node.web_port)) as line:
        line.sendall(head + body[:at])
        # The node has what was sent before it hears that no more comes.
        time.sleep(0.2)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@EACH
def test_a_request_that_is_cut_off_leaves_nothing_half(node, kind):
    """Whatever came whole before the cut may be there and is whole; nothing else is, and no file is left."""
    content_type, pieces = REQUESTS[kind]
    for place in (0.0, 0.1, 0.4, 0.7, 0.97, 1.0):
        body = b"".join(pieces(3))
        at = min(int(len(body) * place), len(body) - 1)
        before = instances(node)
        cut(node, content_type, body, at)
        assert settled(lambda: not left_over(node)), f"{kind} cut at {at}"
        # What came of the cut before may have been recorded late.
        came = {uid for uid in instances(node) - before if kind == "archive" or uid.encode() in body}
        if kind == "archive" or place < 0.1:
            assert came == set(), f"{kind} cut at {at}"
        assert len(came) < 3 or place > 0.7
        for uid in came:
            study = requests.get(
                node.dicomweb + "/instances", headers={"Accept": JSON}, params={"SOPInstanceUID": uid}, timeout=60,
            ).json()[0]["0020000D"]["Value"][0]
            whole = requests.get(f"{node.dicomweb}/studies/{study}", headers={"Accept": ACCEPT_STORED}, timeout=60)
            assert whole.status_code == 200
    # The node takes what is sent whole.
    assert post(node, content_type, pieces(3)).status_code == 200


@pytest.mark.parametrize("kind", ["alone", "json", "archive"])
def test_a_large_instance_that_is_cut_off(node, kind):
    """What was on disk already goes."""
    item = data.instance(Rows=2048, Columns=3072)
    item.PixelData = bytes(item.Rows * item.Columns * 2)
    file = data.file_of(item)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("1", file)
    metadata, bulk = described.json_of(item, "bulk")
    body, content_type = {
        "alone": (file, "application/dicom"), "archive": (made.getvalue(), "application/zip"),
        "json": described.multipart(JSON, [described.json_part(metadata), *bulk]),
    }[kind]
    assert len(body) > 8 * MEBIBYTE
    cut(node, content_type, body, len(body) - 100)
    assert settled(lambda: not left_over(node))
    assert instances(node) == set()
    assert Web(node.dicomweb).post("/studies", body, content_type).status_code == 200
    assert len(instances(node)) == 1


@pytest.mark.parametrize("content_type", [content_type for content_type, _ in REQUESTS.values()], ids=REQUESTS)
@pytest.mark.parametrize("body", [
    b"", b"--", b"--b", b"--b\r\n", b"--b\r\n\r\n", b"--b\r\n\r\nx", b"--b\r\n\r\n\r\n--b", b"--b\r\nA: b",
    b"--b--", b"\r\n--b--\r\n", b"--b\r\nContent-Type: \r\n\r\n\r\n--b--", b"--b\r\n" + b"A: b\r\n" * 100 + b"\r\nx\r\n--b--",
    b"--b\r\nContent-Location: " + b"x" * 20_000 + b"\r\n\r\nx\r\n--b--", b"x" * 100_000, b"--bb\r\n\r\nx\r\n--bb--",
    b"--b\r\nContent-Location: \0\xff\r\n\r\nx\r\n--b--",
], ids=range(16))
def test_bodies_that_are_no_multipart(subject, content_type, body):
    """RFC 2046 §5.1.1: a body without its end, its parts or its boundary is 4xx, and the node goes on."""
    answer = Web(subject.dicomweb).post("/studies", body, content_type)
    assert 400 <= answer.status_code < 500, answer.text
    assert requests.get(subject.url + subject.ready_path(), timeout=10).status_code == 200

"""What is in a bucket and what a node reads of it, held against what senders were told: to the byte, nothing missing, nothing
beside it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable

from pydicom.dataset import Dataset

import data
from buckets import Bucket
from clients import Web, path_of
from subjects.causeway import Causeway

SETTLED_SECONDS_MAX = 120


def await_objects(bucket: Bucket, count: int, where: str, seconds: float = SETTLED_SECONDS_MAX) -> None:
    """Waits until so many objects are there."""
    deadline = time.monotonic() + seconds
    while (there := len(bucket.keys())) != count:
        assert time.monotonic() < deadline, f"{where}: {there} objects are in the bucket, not {count}"
        time.sleep(0.1)


def assert_settled(bucket: Bucket, items: Iterable[Dataset], where: str, unfinished_max: int = 0) -> None:
    """Waits until each instance is in the bucket, its data set to the byte, and nothing else is; no upload is left open."""
    sent = {str(item.SOPInstanceUID): _digest(data.encoded(item)) for item in items}
    await_objects(bucket, len(sent), where)
    there = {}
    for key in bucket.keys():
        header, body = data.split(bucket.read(key))
        there[header[0x0003].rstrip(b"\0 ").decode()] = _digest(body)
    wrong = {uid for uid, digest in sent.items() if there.get(uid) != digest}
    assert not wrong, f"{where}: {len(wrong)} are not in the bucket as they were sent: {sorted(wrong)[:5]}"
    assert set(there) == set(sent), f"{where}: what nobody sent is in the bucket"
    # One whose end was not heard is begun anew, though the object is there.
    deadline = time.monotonic() + SETTLED_SECONDS_MAX
    while len(bucket.unfinished()) > unfinished_max:
        assert time.monotonic() < deadline, f"{where}: uploads are left unfinished: {bucket.unfinished()}"
        time.sleep(0.1)


def assert_read(node: Causeway, items: list[Dataset]) -> None:
    """Whole, and the only frame of each."""
    web = Web(node.dicomweb)
    for one in items:
        assert data.split(web.file(one))[1] == data.encoded(one)
        frame = web.get(path_of(one) + "/frames/1", 'multipart/related; type="application/octet-stream"')
        assert frame.status_code == 200, frame.text
        assert one.PixelData in frame.content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

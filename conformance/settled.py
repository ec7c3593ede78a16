"""What is in a bucket, held against what senders were told: to the byte, nothing missing, nothing beside it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable

from pydicom.dataset import Dataset

from buckets import Bucket
from clients import Web
from subjects import Subject

SETTLED_SECONDS_MAX = 120


def await_objects(bucket: Bucket, count: int, where: str, seconds: float = SETTLED_SECONDS_MAX) -> None:
    """Waits until so many objects are there."""
    deadline = time.monotonic() + seconds
    while (there := len(bucket.keys())) != count:
        assert time.monotonic() < deadline, f"{where}: {there} objects are in the bucket, not {count}"
        time.sleep(0.1)


def assert_settled(
    node: Subject, bucket: Bucket, items: Iterable[Dataset], where: str, unfinished_max: int = 0,
) -> None:
    """Waits until each instance is in the bucket, as the node reads it, and nothing else is; no upload is left open."""
    items = list(items)
    await_objects(bucket, len(items), where)
    web = Web(node.dicomweb)
    read = {str(item.SOPInstanceUID): hashlib.sha256(web.file(item)).hexdigest() for item in items}
    digests = sorted(bucket.digests().values())
    assert sorted(read.values()) == digests, f"{where}: what is read is not what is in the bucket"
    assert len(bucket.unfinished()) <= unfinished_max, f"{where}: uploads are left unfinished"

"""Uploads that fail: the Nth request of the node to its object store is refused, cut before, within or after it was done,
once or for longer than it is tried again at once. The instance is whole in the bucket all the same, and nothing is left of
what was begun, but for an upload of whose beginning the node never heard.

`--every` tries each N until a run passes without the fault; without, a few.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest
import requests
from pydicom.dataset import Dataset

import data
import told as accounts_of
from bucket_line import BucketLine, Deed
from buckets import Bucket
from clients import ACCEPT_STORED, Web, parts, path_of, store
from settled import assert_settled, await_objects
from subjects.causeway import Causeway
from told import Told

#: Uploaded in several parts: parts are at least 5 MiB wherever S3 is spoken.
LARGE_MEBIBYTES = 40
FEW = (1, 2)
#: A client gives up after four.
LONG = 6
#: No run has more requests.
MOST = 60
WRITES = [Deed.FAILS, Deed.SLOW_DOWN, Deed.CUT_BEFORE, Deed.CUT_WITHIN, Deed.CUT_AFTER]

pytestmark = pytest.mark.only("causeway")


def large(mebibytes: int = LARGE_MEBIBYTES) -> Dataset:
    """An instance of about that size, whose parts differ."""
    item = data.instance(PixelData=None)
    item.Rows, item.Columns = mebibytes * 128, 4096
    row = bytes(range(256)) * 32
    item.PixelData = b"".join(number.to_bytes(4, "big") + row[4:] for number in range(item.Rows))
    item["PixelData"].VR = "OW"
    return item


def numbers(every: bool) -> Iterator[int]:
    """The requests to try."""
    yield from range(1, MOST) if every else FEW


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("times", [1, LONG], ids=["once", "for long"])
@pytest.mark.parametrize("deed", WRITES, ids=lambda deed: deed.value)
def test_an_upload_that_fails_is_done_again(
    deed: Deed, times: int, node: Causeway, bucket: Bucket, line: BucketLine, every: bool,
) -> None:
    """Three small instances, each one request; and one of several parts, which is more of them."""
    kept: list[Dataset] = []
    lost = 0
    for number in numbers(every):
        where = f"{deed.value} at request {number}, {times} times"
        line.count_anew()
        line.deed = lambda at, first=number: deed if first <= at < first + times else None
        items = [data.instance() for _ in range(3)] + ([large()] if every else [])
        assert store(node, *items) == [0x0000] * len(items), where
        kept += items
        await_objects(bucket, len(kept), where)
        met = line.met
        line.deed = lambda at: None
        lost += sum(asked.begins for asked in met) if deed in (Deed.CUT_WITHIN, Deed.CUT_AFTER) else 0
        assert_settled(bucket, kept, where, unfinished_max=lost)
        assert met or every, f"{where}: the fault was not met"
        if every:
            # What was large has been read, and makes room.
            kept = forgotten(node, bucket, kept)
        if not met:
            break
    else:
        assert not every, f"no run of {MOST} requests passed without the fault"


def forgotten(node: Causeway, bucket: Bucket, items: list[Dataset]) -> list[Dataset]:
    """Deletes the large ones; those that stay."""
    stay = [item for item in items if len(item.PixelData) < 1 << 20]
    for item in items:
        if item not in stay:
            study = f"{node.dicomweb}/studies/{item.StudyInstanceUID}"
            assert requests.delete(study, timeout=30).status_code == 204
    await_objects(bucket, len(stay), "after a delete")
    return stay


@pytest.mark.timeout(600)
def test_what_is_uploaded_in_parts_is_whole(node: Causeway, bucket: Bucket, line: BucketLine) -> None:
    items = [large(), large(17)]
    assert store(node, items[0]) == [0x0000]
    assert Web(node.dicomweb).stow(data.file_of(items[1])).status_code == 200
    assert_settled(bucket, items, "uploaded")
    web = Web(node.dicomweb)
    assert all(data.split(web.file(item))[1] == data.encoded(item) for item in items)
    assert line.count > 2, "nothing was uploaded in parts"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("deed", WRITES, ids=lambda deed: deed.value)
def test_a_part_that_fails_leaves_nothing_behind(
    deed: Deed, node: Causeway, bucket: Bucket, line: BucketLine,
) -> None:
    """Longer than it is tried again at once, in the middle: the upload is begun anew, and the first one given up."""
    line.deed = lambda at: deed if 3 <= at < 3 + LONG else None
    item = large()
    assert store(node, item) == [0x0000]
    await_objects(bucket, 1, deed.value)
    assert line.met, "the fault was not met"
    line.deed = lambda at: None
    assert_settled(bucket, [item], deed.value)


@pytest.mark.timeout(600)
def test_a_node_that_is_killed_within_an_upload_begins_it_anew(
    node: Causeway, bucket: Bucket, line: BucketLine,
) -> None:
    """SIGKILL between two parts; started again it uploads it whole. The parts of before are left to a rule of the bucket."""
    line.delay_seconds = 0.3
    item, told = large(), Told()
    assert store(node, item) == [0x0000]
    told.took(item)
    deadline = time.monotonic() + 60
    while line.count < 3:
        assert time.monotonic() < deadline, "nothing is uploaded"
        time.sleep(0.01)
    node.kill()
    line.delay_seconds = 0
    node.start()
    accounts_of.assert_kept(node, told, "killed within an upload")
    assert_settled(bucket, [item], "killed within an upload", unfinished_max=1)


def test_an_answer_that_breaks_off_is_not_taken_for_the_whole(node: Causeway, bucket: Bucket, line: BucketLine) -> None:
    """A read whose line is cut within the object is asked again, or ends with an error: never a short instance."""
    item = large(17)
    assert store(node, item) == [0x0000]
    await_objects(bucket, 1, "before")
    web = Web(node.dicomweb)
    line.about = lambda asked: asked.method == "GET"
    deadline = time.monotonic() + 30
    while not line.count:
        assert web.file(item)
        assert time.monotonic() < deadline, "it is never read from the bucket"
    line.count_anew()
    line.deed = lambda at: Deed.CUT_ANSWER if at == 1 else None
    # An answer that was begun can only be broken off; one that was not is asked for later.
    with contextlib.suppress(requests.RequestException):
        answer = web.get(path_of(item), ACCEPT_STORED)
        assert answer.status_code in (200, 503), answer.text[:300]
        assert answer.status_code == 503 or data.split(parts(answer)[0].body)[1] == data.encoded(item)
    assert len(line.met) == 1
    line.deed = lambda at: None
    assert data.split(web.file(item))[1] == data.encoded(item)

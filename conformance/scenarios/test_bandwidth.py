"""A remote's bandwidth holds for all that goes out to it, whichever way: deliveries, the sub-operations of a C-MOVE
(PS3.4 §C.4.2.2.1), files that an administrator sends; and for all of them together.

Said of time is only how long it takes at least: a slow machine makes it longer."""

from __future__ import annotations

import threading
import time

import pytest

import data
from clients import Receiver, identifier, move, stored

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(240)]

#: 8 Mbit/s.
BYTES_PER_SECOND = 1_000_000
#: What may go at once, as a part of a second: a bucket that was full at the beginning.
HELD_SECONDS = 0.05
#: An instance of half a megabyte.
SIDE = 512


def pictures(count):
    """Instances of one study."""
    items = data.study(1, count)
    for item in items:
        item.Rows, item.Columns, item.PixelData = SIDE, SIDE, bytes(SIDE * SIDE * 2)
    return items


@pytest.fixture
def far():
    """A receiver that takes as many associations as there are."""
    with Receiver(ae_title="FAR") as receiver:
        yield receiver


def bounded(make_subject, far, *options):
    """A node of its own, which is to send no faster to it."""
    node = make_subject()
    node.run(
        "remote", "add", "far", "--ae-title", far.ae_title, "--host", "127.0.0.1", "--port", str(far.port),
        "--allow", "store,query,retrieve", *options,
    )
    return node


def by_move(node, far, items, _folder):
    status, _, _ = move(node, identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID), far.ae_title)
    assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, len(items))


def by_send(node, _far, items, folder):
    for number, item in enumerate(items):
        (folder / f"{number}.dcm").write_bytes(data.file_of(item))
    node.run("remote", "send", "far", str(folder))


WAYS = {"C-MOVE": by_move, "remote send": by_send}


def least(far) -> float:
    """Seconds that what came takes at least at that rate."""
    return sum(len(arrival.body) for arrival in far.arrivals) / BYTES_PER_SECOND - HELD_SECONDS


@pytest.mark.parametrize("way", WAYS)
def test_a_limit_holds_for_what_someone_waits_for(make_subject, far, tmp_path, way):
    """Whole, and no faster."""
    node, items = bounded(make_subject, far, "--bandwidth", "8Mbit/s"), pictures(4)
    stored(node, *items)
    begun = time.monotonic()
    WAYS[way](node, far, items, tmp_path)
    took = time.monotonic() - begun
    assert {arrival.sop_instance for arrival in far.arrivals} == {item.SOPInstanceUID for item in items}
    assert took >= least(far) > 1.5


def test_a_delivery_and_what_someone_waits_for_share_a_limit(make_subject, far, tmp_path):
    """Together they take as long as all their bytes do; what someone waits for is through while the other is under way."""
    node = bounded(make_subject, far, "--bandwidth", "8Mbit/s")
    delivered, moved = pictures(12), pictures(2)
    stored(node, *moved)
    node.run("route", "add", "to-far", "--when", f"PatientID == '{delivered[0].PatientID}'", "--to", "far", "--trigger", "instance")
    begun = time.monotonic()
    stored(node, *delivered)
    under_way = threading.Event()
    far.act = lambda *_: under_way.set()
    assert under_way.wait(60)
    by_move(node, far, moved, tmp_path)
    came = [arrival.sop_instance for arrival in far.arrivals]
    node.decided(len(delivered), 120)
    took = time.monotonic() - begun
    assert set(node.decided(len(delivered)).values()) == {"delivered"}
    assert set(came) < {item.SOPInstanceUID for item in delivered + moved}
    assert took >= least(far) > 6

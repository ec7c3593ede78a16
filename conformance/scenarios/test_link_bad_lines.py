"""The link over lines that are far, narrow and break: what goes over them is what has to, once.

`-s` shows for each how long it took over the time that the bytes themselves take on that line.
"""

from __future__ import annotations

import random
import time

import pytest
import requests

import data
from bad_line import BadLine
from clients import Web, associate, contexts_of
from paired import join, secured

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(900)]

MEGABITS = 50
QUIET_SECONDS = 3
ARRIVE_SECONDS_MAX = 300


def pictures(count, side):
    """Instances of one series of `count`, square, of 16 bits, that do not get smaller when packed."""
    first = data.instance(rows=16)
    items = []
    for number in range(count):
        item = data.instance(rows=16)
        item.StudyInstanceUID, item.SeriesInstanceUID = first.StudyInstanceUID, first.SeriesInstanceUID
        item.PatientID, item.InstanceNumber = first.PatientID, number + 1
        item.Rows = item.Columns = side
        item.PixelData = random.randbytes(side * side * 2)
        item["PixelData"].VR = "OW"
        items.append(item)
    return items


def until_delivered(node, count):
    """Waits until so many are called delivered."""
    deadline = time.monotonic() + ARRIVE_SECONDS_MAX
    while True:
        queue = requests.get(f"{node.url}/api/v1/queue", timeout=20).json()
        if sum(remote["delivered"] for remote in queue) >= count:
            return
        assert time.monotonic() < deadline, queue
        time.sleep(0.2)


def over(make_subject, items, folder=None, **line_settings):
    """Delivers the items over such a line; gives how often it broke, the bytes of the items and those that went there.

    `folder`: where the reader keeps its certificate, when TLS is spoken.
    """
    hospital = make_subject("causeway", ae_title="HOSPITAL")
    reader = secured(make_subject, folder) if folder else make_subject("causeway", ae_title="READER")
    with BadLine(reader.web_port, megabits=MEGABITS, **line_settings) as line:
        join(hospital, reader, line.port)
        hospital.run(
            "route", "add", "to-reader", "--when", "true", "--to", "reader", "--trigger", "study",
            "--quiet", str(QUIET_SECONDS),
        )
        with associate(hospital, contexts_of(items)) as association:
            for item in items:
                assert association.send_c_store(item).Status == 0x0000
        line.count_anew()
        until_delivered(hospital, len(items))
        passed = line.count()
        took = passed["busy_ms"] / 1000
        own = sum(len(data.encoded(item)) for item in items)
        carried = passed["there"]
        print(
            f"\n{len(items)} instances, {own / 1e6:.1f} MB, {line_settings}{' with TLS' if folder else ''}: {took:.2f} s, "
            f"{took / (own * 8 / (MEGABITS * 1e6)):.2f} of the bytes' own time; {carried / own:.3f} of the bytes went over the "
            f"line, {passed['back'] / 1e3:.0f} kB came back, {passed['breaks']} breaks, {passed['connections']} connections"
        )
        if not folder:
            web = Web(reader.dicomweb)
            for item in random.sample(items, min(10, len(items))):
                assert data.split(web.file(item))[1] == data.encoded(item)
        return passed["breaks"], own, carried


@pytest.mark.parametrize("count, side", [(1000, 128), (100, 512)], ids=["1000 MR", "100 CT"])
@pytest.mark.parametrize("round_trip_ms", [100, 300])
def test_a_far_line_carries_each_byte_once(make_subject, count, side, round_trip_ms):
    _, own, carried = over(make_subject, pictures(count, side), round_trip_ms=round_trip_ms)
    assert carried < own * 1.03 + 100_000


def test_after_breaks_nothing_goes_again_but_what_was_in_flight(make_subject):
    """300 ms there and back, every connection cut each 20 seconds: 300 CT take longer than that."""
    breaks, own, carried = over(make_subject, pictures(300, 512), round_trip_ms=300, breaks_every_ms=20_000)
    assert breaks >= 1
    in_flight = MEGABITS * 1e6 / 8 * 0.3 + 2_000_000
    assert carried < own * 1.03 + breaks * in_flight


def test_a_far_line_with_tls_carries_each_byte_once(make_subject, folder):
    _, own, carried = over(make_subject, pictures(100, 512), folder, round_trip_ms=300)
    assert carried < own * 1.03 + 100_000

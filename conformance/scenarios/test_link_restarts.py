"""A large instance that is half there when the node that receives it ends: it goes on where it was when that node is
back, in either direction of the link."""

from __future__ import annotations

import time

import pytest

from bad_line import BadLine
from paired import MEBIBYTE, assert_there, join, large, send

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(600)]

SIZE = 100 * MEBIBYTE
HALF = 45 * MEBIBYTE
#: What the receiver had in memory, and what was on the line.
LOST = 12 * MEBIBYTE
SHORT = {"CAUSEWAY_FORWARD__LEASE_SECONDS": "5"}


@pytest.fixture
def nodes(make_subject):
    return (make_subject("causeway", ae_title="HOSPITAL", settings=SHORT),
            make_subject("causeway", ae_title="READER", settings=SHORT))


@pytest.mark.parametrize("end", ["kill", "stop"])
@pytest.mark.parametrize("way", ["there", "back"])
def test_an_instance_goes_on_after_its_receiver_was_started_anew(nodes, end, way):
    hospital, reader = nodes
    giver, taker = (hospital, reader) if way == "there" else (reader, hospital)
    with BadLine(reader.web_port, megabits=200) as line:
        join(hospital, reader, line.port)
        giver.add_route("over", "true", "reader" if way == "there" else "hospital")
        item = large(100)
        send(giver, [item])
        deadline = time.monotonic() + 60
        while line.count()[way] < HALF:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if end == "stop":
            taker.ask_to_stop()
            line.cut()
            taker.wait_until_ended()
        else:
            taker.kill()
        taker.start()
        assert set(giver.decided(1, 200).values()) == {"delivered"}
        again = line.count()[way] - SIZE
        assert again < LOST, f"{again} bytes were sent again"
    assert_there(taker, [item])


def test_it_is_killed_again_and_again(nodes):
    """Each start goes on where the last one ended, though the bytes of the first are read back each time."""
    hospital, reader = nodes
    with BadLine(reader.web_port, megabits=200) as line:
        join(hospital, reader, line.port)
        hospital.add_route("over", "true", "reader")
        item = large(100)
        send(hospital, [item])
        for part in (25, 50, 75):
            deadline = time.monotonic() + 60
            while line.count()["there"] < part * MEBIBYTE:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            reader.kill()
            reader.start()
        assert set(hospital.decided(1, 200).values()) == {"delivered"}
        again = line.count()["there"] - SIZE
        assert again < 3 * LOST, f"{again} bytes were sent again"
    assert_there(reader, [item])

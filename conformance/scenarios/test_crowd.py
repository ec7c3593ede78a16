"""Two hundred associations at once, thirty of them stalled in the middle of a PDU: the healthy ones are served, the
stalled ones ended by their timers, and nothing is left of them afterwards."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
import requests

import crowd
import data
from clients import Web, echo, stored
from subjects import SUBJECTS
from subjects.base import free_port

SECONDS = float(os.environ.get("CAUSEWAY_CROWD_SECONDS", "15"))
ASSOCIATIONS = int(os.environ.get("CAUSEWAY_CROWD_ASSOCIATIONS", "200"))
#: Of ASSOCIATIONS, those that stall.
STALLED = ASSOCIATIONS * 15 // 100
#: Seconds that a healthy client rests between two operations: the load stays below what two cores can do.
PAUSE = float(os.environ.get("CAUSEWAY_CROWD_PAUSE", "1"))
STUDIES, INSTANCES = 20, 2
ARTIM, READ = 2, 3
GROWTH_BYTES_MAX = 300 << 20
#: In the second half no more than in the first, but for what the allocator keeps.
LATER_GROWTH_BYTES_MAX = 64 << 20
#: An idle connection to an object store is kept for 90 s, and looked at as often.
SETTLE_SECONDS_MAX = 200

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(SECONDS + 300)]


@pytest.fixture
def node():
    """A node with room for the crowd, and short timers."""
    settings = {"ASSOCIATIONS": ASSOCIATIONS + 50, "ARTIM_SECONDS": ARTIM, "READ_SECONDS": READ, "IDLE_SECONDS": 60}
    node = SUBJECTS["causeway"](settings={f"CAUSEWAY_DIMSE__{name}": str(value) for name, value in settings.items()})
    node.start()
    yield node
    node.remove()


def counted(node) -> dict[str, int]:
    """What must not add up: open files, threads, associations, tasks."""
    process = Path(f"/proc/{node.pid}")
    threads = next(line for line in (process / "status").read_text().splitlines() if line.startswith("Threads:"))
    metrics = dict(
        line.rsplit(" ", 1) for line in requests.get(f"{node.url}/metrics", timeout=30).text.splitlines()
        if line and not line.startswith("#")
    )
    return {
        "files": len(list((process / "fd").iterdir())), "threads": int(threads.split()[1]),
        "associations": int(metrics["causeway_associations"]), "tasks": int(metrics["causeway_tasks"]),
    }


async def play(node, studies, destination, port) -> tuple[crowd.Tally, int]:
    """The crowd, for its time; and the peak of memory at half of it."""
    gathering = crowd.Crowd(node.host, node.dimse_port, node.ae_title, studies, destination)
    server = await asyncio.start_server(
        lambda reader, writer: crowd.receive(reader, writer, gathering.tally), "127.0.0.1", port,
    )
    healthy = ASSOCIATIONS - STALLED
    moving = healthy // 6
    finding = healthy // 3
    shares = {"store": healthy - finding - moving, "find": finding, "move": moving}
    running = asyncio.create_task(gathering.run(shares, STALLED, SECONDS, PAUSE))
    await asyncio.sleep(SECONDS / 2)
    half = node.peak_bytes()
    tally = await running
    server.close()
    await server.wait_closed()
    return tally, half


def test_a_crowd_is_served_and_leaves_nothing_behind(node):
    """PS3.8 §9.1.5 and §7.1: associations are independent of one another, and each ends."""
    items = [data.study(series=1, instances=INSTANCES) for _ in range(STUDIES)]
    stored(node, *[item for study in items for item in study])
    studies = [(study[0].StudyInstanceUID, study[0].PatientID, INSTANCES) for study in items]
    port = free_port()
    node.add_remote("crowd", "CROWD", port)
    # Threads and files that the first of each operation brings stay.
    asyncio.run(warm_up(node, studies, port))
    before = settled(node, None)
    node.forget_peak()
    resident = node.resident_bytes()

    tally, half = asyncio.run(play(node, studies, "CROWD", port))

    assert tally.failures == [], f"{len(tally.failures)} of {sum(tally.done.values())}"
    assert tally.open_most >= ASSOCIATIONS
    assert all(tally.done[verb] > 0 for verb in ("store", "find", "move")), tally.done
    # A request that stalls is closed by ARTIM without a word; what stalls on an association is aborted.
    assert set(tally.ended) == {"closed", "7"}, tally.ended
    assert sum(tally.ended.values()) >= STALLED
    peak = node.peak_bytes()
    print(f"{dict(tally.done)} done, {dict(tally.ended)} ended, peak {peak >> 20} MiB of {resident >> 20} before")
    assert peak - resident < GROWTH_BYTES_MAX, f"grew by {(peak - resident) >> 20} MiB"
    assert peak - half < LATER_GROWTH_BYTES_MAX, f"grew by {(peak - half) >> 20} MiB in the second half"

    after = settled(node, before)
    assert {name: count for name, count in after.items() if count > before[name]} == {}, f"{after}, before {before}"
    assert echo(node) == 0x0000
    kept(node, tally)


async def warm_up(node, studies, port):
    """Each operation once."""
    gathering = crowd.Crowd(node.host, node.dimse_port, node.ae_title, studies, "CROWD")
    server = await asyncio.start_server(
        lambda reader, writer: crowd.receive(reader, writer, gathering.tally), "127.0.0.1", port,
    )
    await gathering.run({"store": 8, "find": 8, "move": 4}, 0, 1, 0.1)
    server.close()
    await server.wait_closed()
    assert gathering.tally.failures == []


def settled(node, wanted: dict[str, int] | None) -> dict[str, int]:
    """The counts, once they are no more than wanted; or, with nothing wanted, once they rest."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    last = counted(node)
    while time.monotonic() < deadline:
        time.sleep(1)
        current = counted(node)
        if all(current[name] <= (wanted or last)[name] for name in current):
            return current
        last = current
    return last


def kept(node, tally):
    """Everything that was answered with Success is there."""
    web = Web(node.dicomweb)
    found = set()
    for offset in range(0, len(tally.stored) + 1000, 1000):
        page = web.query("/instances", limit="1000", offset=str(offset), SeriesDescription="Axial")
        found |= {result["00080018"]["Value"][0] for result in page}
        if len(page) < 1000:
            break
    missing = set(tally.stored) - found
    assert missing == set(), f"{len(missing)} of {len(tally.stored)} are not there"

"""A disk that is full, or about to be: a failure that says so and can be repeated later, never an abort, never a Success
for what is lost; what the node keeps for itself stays free. Needs leave to mount a small file system; skipped without."""

import concurrent.futures
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import requests

import data
import told as accounts_of
from clients import Receiver, Web, associate, contexts_of, echo
from feeding import Feed
from subjects import SUBJECTS

MEBIBYTE = 1 << 20
DISK_MEBIBYTES = 48
#: Of a disk with watermarks: all there is, the first mark, and the second.
WATCHED_MEBIBYTES, WARN_MEBIBYTES, STOP_MEBIBYTES = 160, 64, 32
SENDERS, ITEMS_OF_EACH = 8, 60
#: The same eight, over both doors.
C_STORE_SENDERS, STOW_SENDERS = 5, 3
#: How soon a node must have seen that a disk has room, or has none.
SEEN_SECONDS_MAX = 10
DELIVERED_SECONDS_MAX = 120

pytestmark = [pytest.mark.only("causeway"), pytest.mark.kept(objects=("file",))]


@pytest.fixture
def disk(tmp_path, request):
    """A file system of its own, of a few mebibytes."""
    size = getattr(request, "param", DISK_MEBIBYTES)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(tmp_path)], capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("no leave to mount a file system")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def node_on(disk, monkeypatch, settings=None):
    """A node whose data are on that disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    node = SUBJECTS["causeway"](settings=settings)
    monkeypatch.setattr(tempfile, "tempdir", None)
    return node


@pytest.fixture
def node(disk, monkeypatch):
    node = node_on(disk, monkeypatch)
    node.start()
    yield node
    node.remove()


@pytest.fixture
def watched(disk, monkeypatch):
    """A node with watermarks on a disk that eight senders fill."""
    node = node_on(disk, monkeypatch, {
        "CAUSEWAY_INGEST__WARN_FREE": f"{WARN_MEBIBYTES} MiB", "CAUSEWAY_INGEST__STOP_FREE": f"{STOP_MEBIBYTES} MiB",
        "CAUSEWAY_STORE__WARN_FREE": f"{WARN_MEBIBYTES} MiB", "CAUSEWAY_STORE__STOP_FREE": f"{STOP_MEBIBYTES} MiB",
        "CAUSEWAY_KEEP__GRACE": "0",
    })
    node.start()
    yield node
    node.remove()


def free_mebibytes(disk) -> float:
    about = os.statvfs(disk)
    return about.f_bavail * about.f_frsize / MEBIBYTE


def large(mebibytes: float):
    """An instance of about that size."""
    item = data.instance()
    item.Rows, item.Columns = int(mebibytes * 128), 4096
    item.PixelData = bytes(item.Rows * item.Columns * 2)
    item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID
    return item


def delivered(node) -> set[str]:
    """The instances that it says it has delivered."""
    jobs = requests.get(f"{node.url}/api/v1/queue/jobs", params={"limit": 1000, "state": "delivered"}, timeout=30)
    return {job["instance"] for job in jobs.json()}


def until(told, wanted, seconds=SEEN_SECONDS_MAX) -> None:
    """Waits until the node says so."""
    deadline = time.monotonic() + seconds
    while (said := told()) != wanted:
        assert time.monotonic() < deadline, f"{said}, not {wanted}"
        time.sleep(0.1)


def room(node) -> str:
    """What it says to anyone of its disks."""
    answer = requests.get(node.url + node.ready_path(), timeout=10)
    assert answer.status_code == 200, "a node without room is ready all the same: it is read from"
    assert [disk["disk"] for disk in answer.json()["disks"]] == ["spool"], "one disk, told of once"
    return answer.json()["room"]


def push(node, items) -> tuple[list, list]:
    """Sends over one association: what was taken, and what was refused for want of room."""
    taken, refused = [], []
    with associate(node, contexts_of(items)) as association:
        for item in items:
            status = association.send_c_store(item)
            assert "Status" in status, f"no answer after {len(taken)} taken and {len(refused)} refused"
            if status.Status == 0x0000:
                taken.append(item)
            else:
                assert status.Status == 0xA700, f"{status.Status:04X}"
                assert "no room" in status.ErrorComment
                refused.append(item)
    return taken, refused


def test_a_full_disk_is_told_of_and_got_over(disk, node):
    """PS3.4 table B.2-1: A7xx, out of resources: a sender may try again. What was answered with Success is there."""
    filler = Path(disk) / "filler"
    filler.write_bytes(bytes((DISK_MEBIBYTES - 24) * MEBIBYTE))
    # Half a mebibyte each: more than there is room for, wherever the catalog is.
    items = [data.instance(rows=MEBIBYTE // 32 // 2) for _ in range(60)]
    for item in items:
        item.PixelData = bytes(item.Rows * item.Columns * 2)
    taken, refused = [], []
    with associate(node, contexts_of(items)) as association:
        for item in items:
            status = association.send_c_store(item)
            assert "Status" in status, f"no answer after {len(taken)} taken and {len(refused)} refused"
            if status.Status == 0x0000:
                taken.append(item)
            else:
                assert 0xA700 <= status.Status <= 0xA7FF, f"{status.Status:04X}"
                assert status.get("ErrorComment"), "no word of what is wrong"
                refused.append(item)
        assert taken and refused
        # The same association is served as before once there is room.
        filler.unlink()
        until(lambda: association.send_c_store(refused[0]).Status, 0x0000)
        taken.append(refused.pop(0))
    assert echo(node) == 0x0000
    node.restart()
    web = Web(node.dicomweb)
    assert [item.SOPInstanceUID for item in taken if not web.has(item)] == []
    assert [item.SOPInstanceUID for item in refused if web.has(item)] == []


def test_what_eight_senders_were_told_is_there_after_the_disk_was_full(disk, node):
    """Over both doors, into a disk that fills up under them and has room again while they go on. The log lies on that disk,
    too: a line that cannot be written ends nothing."""
    filler = Path(disk) / "filler"
    filler.write_bytes(bytes((DISK_MEBIBYTES - 16) * MEBIBYTE))
    with Feed(node, C_STORE_SENDERS, STOW_SENDERS, delete=False, rest_seconds=0.05) as feed:
        until(lambda: bool(feed.told.refused), True, DELIVERED_SECONDS_MAX)
        time.sleep(1)
        taken = len(feed.told.taken)
        filler.unlink()
        until(lambda: len(feed.told.taken) > taken + SENDERS, True, 2 * SEEN_SECONDS_MAX)
    told = feed.told
    accounts_of.assert_all_sent(told, SENDERS)
    assert told.unanswered == [], "a full disk is a reason that is told, and none to hang up"
    accounts_of.assert_kept(node, told, "the disk has room again")
    assert requests.get(node.url + node.ready_path(), timeout=10).status_code == 200
    node.restart()
    accounts_of.assert_kept(node, told, "after a restart")
    print(f"{len(told.taken)} taken, {len(told.refused)} refused, {len(told.unanswered)} unanswered")


@pytest.mark.parametrize("disk", [WATCHED_MEBIBYTES], indirect=True)
def test_senders_are_refused_while_there_is_room_for_the_node_itself_and_served_again_by_itself(disk, watched):
    """PS3.4 table B.2-1, PS3.18 table 10.5.3-1: out of resources, before the disk is. Eight senders fill the disk; what is
    kept free is what catalog and deliveries go on with."""
    assert room(watched) == "ample"
    with Receiver("READER") as reader:
        watched.add_remote("reader", "READER", reader.port)
        watched.add_route("all", "true", "reader")
        loads = [[large(0.25 + 0.05 * number) for _ in range(ITEMS_OF_EACH)] for number in range(SENDERS)]
        with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
            fates = list(pool.map(lambda items: push(watched, items), loads))
        taken = [item for of_one, _ in fates for item in of_one]
        refused = [item for _, of_one in fates for item in of_one]
        assert taken and refused
        # Less than the second mark by what the catalog wrote meanwhile, and by no instance.
        assert free_mebibytes(disk) > STOP_MEBIBYTES / 2
        # The node's own work goes on.
        until(lambda: delivered(watched), {str(item.SOPInstanceUID) for item in taken}, DELIVERED_SECONDS_MAX)
        assert reader.uids() == {item.SOPInstanceUID for item in taken}
    watched.add_remote("another", "ANOTHER", 104)
    # Of what is left above the mark, its log takes the rest.
    while room(watched) != "full":
        push(watched, [large(0.03)])
    web = Web(watched.dicomweb)
    assert [item for item in taken if not web.has(item)] == []
    assert [item for item in refused if web.has(item)] == []
    # The web is told when to come again, before it has sent all of it.
    answer = web.stow(data.file_of(refused[0]))
    assert (answer.status_code, answer.headers.get("Retry-After", "").isdigit()) == (503, True), answer.text
    assert "no room" in answer.text
    metrics = requests.get(f"{watched.url}/metrics", timeout=10).text
    assert 'causeway_disk_level{disk="spool"} 2' in metrics
    (finding,) = [it for it in requests.get(f"{watched.url}/api/v1/doctor", timeout=30).json() if it["subject"] == "disk"]
    assert finding["verdict"] == "failure" and "A700" in finding["remedy"]
    # Room is made: deleted is what was delivered.
    for item in taken[: len(taken) // 2]:
        assert requests.delete(f"{watched.dicomweb}/studies/{item.StudyInstanceUID}", timeout=30).status_code == 204
    until(lambda: room(watched) == "full", False)
    assert push(watched, refused[:3]) == (refused[:3], [])
    assert web.stow(data.file_of(refused[3])).status_code == 200
    log = watched.log.read_text()
    # Once for each time, and not for each instance: the catalog's log gives room back when it is moved into its file.
    assert 1 <= log.count("the disk is full but for what the node keeps") <= 4
    assert "the disk has little room left" in log


@pytest.mark.parametrize("disk", [WATCHED_MEBIBYTES], indirect=True)
def test_an_instance_that_does_not_fit_is_refused_and_smaller_ones_are_taken(disk, watched):
    too_large, small = large(WATCHED_MEBIBYTES - STOP_MEBIBYTES), large(1)
    assert push(watched, [too_large]) == ([], [too_large])
    until(lambda: push(watched, [small]), ([small], []))
    assert free_mebibytes(disk) > STOP_MEBIBYTES
    until(lambda: room(watched), "ample")

"""`causeway verify`: what is lost, damaged or without a row is found, told, and mended from where it came; nothing is ever
removed, and nothing is found that is as it should be."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests

import data
from clients import Web, stored
from subjects import SUBJECTS, Subject
from subjects.causeway import binary

SECONDS_MAX = 60

pytestmark = [pytest.mark.only("causeway"), pytest.mark.kept(objects=("file",))]


@pytest.fixture
def nodes():
    """Makes nodes that are removed in the end."""
    made = []

    def make(**arguments):
        node = SUBJECTS["causeway"](**arguments)
        made.append(node)
        node.start()
        return node

    yield make
    for node in made:
        node.remove()


def verify(node: Subject, *arguments: str) -> tuple[int, dict]:
    """What the command ends with, and what it tells."""
    command = [str(binary()), "verify", *arguments, "--json", "--url", node.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def objects(node: Subject) -> dict[str, Path]:
    """The files of a node's objects by name, once all have settled."""
    deadline = time.monotonic() + SECONDS_MAX
    while any(len(path.name) == 32 for path in (node.folder / "data/spool").iterdir()):
        assert time.monotonic() < deadline, "the spool does not settle"
        time.sleep(0.1)
    return {path.name: path for path in (node.folder / "data/objects").rglob("*") if path.is_file()}


def file_of(node: Subject, item) -> Path:
    """The file of an object, found by what is in it."""
    found = [path for path in objects(node).values() if str(item.SOPInstanceUID).encode() in path.read_bytes()]
    assert len(found) == 1
    return found[0]


def told(said: dict) -> dict[str, tuple[str, str]]:
    """Kind and fate of each finding, by instance, or by object where it has none."""
    return {it.get("instance", it["object"]): (it["kind"], it["fate"]) for it in said["findings"]}


def damage(path: Path) -> bytes:
    """One bit of the pixels is another; gives what was there."""
    before = path.read_bytes()
    path.write_bytes(before[:-100] + bytes([before[-100] ^ 1]) + before[-99:])
    return before


def test_a_store_that_is_as_it_should_be_has_no_findings(nodes):
    node = nodes()
    items = stored(node, *data.study(series=2, instances=10))
    objects(node)
    code, said = verify(node)
    assert (code, said["findings"]) == (0, [])
    about = said["verification"]
    assert (about["state"], about["objects"], about["all_objects"]) == ("done", len(items), len(items))
    assert about["bytes"] == about["all_bytes"] == sum(path.stat().st_size for path in objects(node).values())


def test_what_is_lost_damaged_or_without_a_row_is_told_and_left_as_it_is(nodes):
    node, other = nodes(), nodes()
    lost, damaged, short, whole = stored(node, *data.study(series=1, instances=4))
    (stray,) = stored(other, data.instance())
    orphan = file_of(other, stray)
    place = node.folder / "data/objects" / orphan.relative_to(other.folder / "data/objects")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(orphan, place)
    gone, changed, cut = file_of(node, lost), file_of(node, damaged), file_of(node, short)
    gone.unlink()
    damage(changed)
    cut.write_bytes(cut.read_bytes()[:-1])
    before = {name: path.read_bytes() for name, path in objects(node).items()}
    code, said = verify(node)
    assert code == 1
    assert told(said) == {
        lost.SOPInstanceUID: ("lost", "open"), damaged.SOPInstanceUID: ("damaged", "open"),
        short.SOPInstanceUID: ("damaged", "open"), orphan.name: ("orphan", "open"),
    }
    assert not any(str(it.get("words")).find("Test^Patient") >= 0 for it in said["findings"])
    assert {name: path.read_bytes() for name, path in objects(node).items()} == before
    assert Web(node.dicomweb).has(whole)
    # Told again by itself, and without beginning another.
    assert verify(node, "--show") == (code, said)


def test_what_is_found_is_mended_from_where_it_came_and_the_damaged_file_is_kept(nodes):
    """By C-GET from the remote that sent it; an orphan is taken in by what its file says."""
    node, source, other = nodes(), nodes(ae_title="SOURCE"), nodes()
    node.add_remote("source", "SOURCE", source.dimse_port)
    lost, damaged, nowhere = items = data.study(series=1, instances=3)
    for item in (lost, damaged):
        stored(source, item)
        stored(node, item, calling="SOURCE")
    stored(node, nowhere)
    web = Web(node.dicomweb)
    files = {item.SOPInstanceUID: web.file(item) for item in items}
    (stray,) = stored(other, data.instance())
    orphan = file_of(other, stray)
    place = node.folder / "data/objects" / orphan.relative_to(other.folder / "data/objects")
    changed = file_of(node, damaged)
    file_of(node, lost).unlink()
    file_of(node, nowhere).unlink()
    damage(changed)
    bad = changed.read_bytes()
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(orphan, place)
    code, said = verify(node, "--repair")
    assert told(said) == {
        lost.SOPInstanceUID: ("lost", "mended"), damaged.SOPInstanceUID: ("damaged", "mended"),
        nowhere.SOPInstanceUID: ("lost", "left"), orphan.name: ("orphan", "mended"),
    }
    assert code == 1, "one is not mended"
    (left,) = [it for it in said["findings"] if it["fate"] == "left"]
    assert "send it again" in left["words"]
    for item in (lost, damaged):
        assert data_set(web.file(item)) == data_set(files[item.SOPInstanceUID])
    assert data_set(web.file(stray)) == data_set(Web(other.dicomweb).file(stray))
    (aside,) = (node.folder / "data/spool/aside").iterdir()
    assert (aside.name, aside.read_bytes()) == (changed.name, bad)
    # Sent again from where it came, what could not be mended is.
    stored(node, nowhere)
    assert data_set(web.file(nowhere)) == data_set(files[nowhere.SOPInstanceUID])
    node.restart()
    code, said = verify(node)
    assert (code, said["findings"]) == (0, [])


def data_set(file: bytes) -> bytes:
    """A file after its File Meta Information, whose length stands in its first element (PS3.10 §7.1)."""
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length:]


def test_it_goes_on_where_it_was_after_the_node_was_killed_and_one_is_under_way_at_a_time(nodes):
    node = nodes()
    count = 300
    stored(node, *data.study(series=1, instances=count))
    objects(node)
    url = f"{node.url}/api/v1/verification"
    code, begun = verify(node, "--background", "--bytes-per-second", "65536")
    assert (code, begun["state"], begun["objects"]) == (0, "under-way", 0)
    assert requests.post(url, json={}, timeout=10).status_code == 409

    def now() -> dict:
        return requests.get(url, timeout=10).json()

    deadline = time.monotonic() + SECONDS_MAX
    while not 0 < (seen := now())["objects"] < count:
        assert time.monotonic() < deadline and seen["state"] == "under-way", seen
        time.sleep(0.05)
    node.kill()
    node.start()
    assert now()["objects"] >= seen["objects"], "what was read is not read again"
    while (seen := now())["state"] == "under-way":
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    assert (seen["id"], seen["state"], seen["objects"], seen["found"]) == (begun["id"], "done", count, [])


def test_it_is_stopped_when_that_is_wanted(nodes):
    node = nodes()
    stored(node, *data.study(series=1, instances=100))
    verify(node, "--background", "--bytes-per-second", "65536")
    node.run("verify", "--stop")
    code, said = verify(node, "--show")
    assert (code, said["verification"]["state"]) == (1, "stopped")
    assert requests.delete(f"{node.url}/api/v1/verification", timeout=10).status_code == 404


def test_what_comes_and_goes_meanwhile_is_no_finding(nodes):
    """Instances that are stored and deleted while all is read."""
    node = nodes()
    items = stored(node, *data.study(series=1, instances=150))
    verify(node, "--background", "--bytes-per-second", "65536")
    deadline = time.monotonic() + SECONDS_MAX
    while requests.get(f"{node.url}/api/v1/verification", timeout=10).json()["state"] == "under-way":
        assert time.monotonic() < deadline
        stored(node, data.instance())
        gone = items.pop()
        path = f"/studies/{gone.StudyInstanceUID}/series/{gone.SeriesInstanceUID}/instances/{gone.SOPInstanceUID}"
        assert requests.delete(node.dicomweb + path, timeout=10).status_code == 204
    assert verify(node, "--show")[1]["findings"] == []

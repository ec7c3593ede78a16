"""`causeway store move`: objects go from one store to another while the node serves, over its sudden end too; then they are in
the new one to the byte, and with `--remove` in the old one no more."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from pydicom.dataset import Dataset

import data
import places
import told as accounts_of
from buckets import Bucket
from clients import Web, store
from feeding import Feed
from settled import assert_settled, await_objects
from subjects.causeway import Causeway, binary

MOVED_SECONDS_MAX = 240
#: What is there before the move begins.
BEFORE = 300

pytestmark = [pytest.mark.only("causeway"), pytest.mark.kept(objects=("file",)), pytest.mark.timeout(600)]


@pytest.fixture
def buckets() -> Iterator[Callable[[str], Bucket]]:
    """Buckets of the test's own."""
    made: list[Bucket] = []

    def make(kind: str) -> Bucket:
        made.append(places.server(kind).make(f"move{os.getpid()}x{len(made)}x{time.monotonic_ns() % 10**6}"))
        return made[-1]

    yield make
    for bucket in made:
        bucket.remove()


def beside(variables: dict[str, str]) -> dict[str, str]:
    """The same store as the one that is moved from."""
    return {name.replace("CAUSEWAY_STORE__", "CAUSEWAY_STORE__ALSO__"): value for name, value in variables.items()}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def move_of(node: Causeway) -> dict:
    return requests.get(f"{node.url}/api/v1/store/move", timeout=20).json()


def await_move(node: Causeway, truth: Callable[[dict], bool]) -> dict:
    """Waits until something is true of the move."""
    deadline = time.monotonic() + MOVED_SECONDS_MAX
    while not truth(now := move_of(node)):
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    return now


def moved(node: Causeway, *arguments: str) -> dict:
    """Runs the command to its end."""
    return json.loads(node.run("store", "move", "--json", *arguments))


def test_files_go_to_a_bucket_while_senders_push_and_the_node_ends_suddenly(
    buckets: Callable[[str], Bucket], make_node: Callable[..., Causeway], tmp_path: Path,
) -> None:
    old = tmp_path / "old"
    node = make_node({"CAUSEWAY_STORE__URL": f"file://{old}"})
    node.start()
    before = [data.instance() for _ in range(BEFORE)]
    assert set(store(node, *before)) == {0x0000}
    deadline = time.monotonic() + MOVED_SECONDS_MAX
    while len(files(old)) < BEFORE:
        assert time.monotonic() < deadline, "not settled"
        time.sleep(0.1)
    node.stop()
    bucket = buckets("s3")
    node.settings.update({**bucket.variables(), "CAUSEWAY_STORE__ALSO__URL": f"file://{old}"})
    node.start()
    web = Web(node.dicomweb)
    gone, *kept = before
    with Feed(node, 5, 3, delete=True) as feed:
        begun = json.loads(node.run("store", "move", "--remove", "--background", "--json"))
        assert (begun["state"], begun["to"]) == ("under-way", f"s3://{bucket.name}")
        await_move(node, lambda now: now["copied"] > 20 or now["state"] != "under-way")
        assert requests.delete(f"{node.dicomweb}/studies/{gone.StudyInstanceUID}", timeout=30).status_code in (200, 204)
        assert data.split(web.file(kept[0]))[1] == data.encoded(kept[0])
        node.kill()
    node.start()
    accounts_of.assert_kept(node, feed.told, "after the sudden end")
    end = await_move(node, lambda now: now["state"] == "done")
    assert end["damaged"] == 0 and end["unknown"] <= 1 and end["removed"] >= 20, end
    assert moved(node, "--show")["id"] == end["id"]
    left = [item for item in kept if web.has(item)]
    assert len(left) == len(kept) and not web.has(gone)
    # What another run finds is what lay between the end of an upload and its note.
    again = moved(node, "--remove")
    assert again["state"] == "done" and again["copied"] == 0, again
    assert not [path for path in files(old) if not path.name.startswith(".")], "objects are in the old place still"
    node.stop()
    del node.settings["CAUSEWAY_STORE__ALSO__URL"]
    node.start()
    for item in kept:
        assert data.split(web.file(item))[1] == data.encoded(item)
    accounts_of.assert_kept(node, feed.told, "in the new one alone")
    node.run("verify")


def sealed(tmp_path: Path, name: str) -> dict[str, str]:
    """Settings of a store that seals with a key of its own."""
    file = tmp_path / f"{name}.keys"
    subprocess.run([str(binary()), "store", "keys", "new", "--id", name, "--file", str(file)], check=True, capture_output=True)
    return {"CAUSEWAY_STORE__ENCRYPTION__KEYS": str(file)}


def large() -> Dataset:
    """Of several requests in either store."""
    item = data.instance(PixelData=None)
    item.Rows, item.Columns = 20 * 128, 4096
    item.PixelData = b"".join(number.to_bytes(4, "big") * 2048 for number in range(20 * 128))
    item["PixelData"].VR = "OW"
    return item


def test_sealed_objects_go_to_a_bucket_that_seals_with_another_key(
    buckets: Callable[[str], Bucket], make_node: Callable[..., Causeway], tmp_path: Path,
) -> None:
    """And what stays in the old one without `--remove` goes with a later run."""
    old, new = buckets("moto"), buckets("s3")
    of_old, of_new = {**old.variables(), **sealed(tmp_path, "old")}, {**new.variables(), **sealed(tmp_path, "new")}
    node = make_node(of_old)
    node.start()
    items = [large(), *(data.instance() for _ in range(10))]
    assert set(store(node, *items)) == {0x0000}
    await_objects(old, len(items), "in the old one")
    node.stop()
    node.settings.update({**of_new, **beside(of_old)})
    node.start()
    end = moved(node)
    assert (end["state"], end["copied"], end["removed"]) == ("done", len(items), 0), end
    assert (len(new.keys()), len(old.keys())) == (len(items), len(items))
    heads = {new.read(key)[8:24].rstrip(b"\0") for key in new.keys()}
    assert heads == {b"new"}
    # What is copied rots: the old one is not removed on the word of an earlier move.
    rotten = sorted(new.keys())[3]
    raw = bytearray(new.read(rotten))
    raw[-1] ^= 1
    new.put(rotten, bytes(raw))
    end = moved(node, "--remove")
    assert (end["copied"], end["removed"], end["damaged"]) == (len(items), len(items), 0), end
    assert old.keys() == []
    node.stop()
    for name in beside(of_old):
        del node.settings[name]
    node.start()
    web = Web(node.dicomweb)
    for item in items:
        assert data.split(web.file(item))[1] == data.encoded(item)


def test_a_bucket_goes_to_files_and_what_is_damaged_stays(
    buckets: Callable[[str], Bucket], make_node: Callable[..., Causeway], tmp_path: Path,
) -> None:
    old = buckets("s3")
    node = make_node(old.variables())
    node.start()
    items = [data.instance() for _ in range(6)]
    assert set(store(node, *items)) == {0x0000}
    assert_settled(old, items, "in the old one")
    damaged = sorted(old.keys())[2]
    raw = bytearray(old.read(damaged))
    raw[-1] ^= 1
    old.put(damaged, bytes(raw))
    old.put("ab/cd/abcd0000000000000000000000000000", b"of nobody")
    node.stop()
    for name in old.variables():
        del node.settings[name]
    node.settings.update({"CAUSEWAY_STORE__URL": f"file://{tmp_path / 'new'}", **beside(old.variables())})
    node.start()
    with pytest.raises(AssertionError) as failed:
        node.run("store", "move", "--remove")
    said = str(failed.value)
    assert "1 not what was stored" in said and Path(damaged).name in said, said
    assert damaged in old.keys()
    assert len(files(tmp_path / "new")) == len(items) - 1


@pytest.mark.parametrize("settings, words", [
    ({}, "[store.also]"),
    ({"CAUSEWAY_STORE__ALSO__URL": "the same"}, "one and the same place"),
], ids=["no other", "the same"])
def test_what_cannot_be_moved_is_said(
    settings: dict[str, str], words: str, buckets: Callable[[str], Bucket], make_node: Callable[..., Causeway],
) -> None:
    bucket = buckets("s3")
    if settings:
        # The same bucket, named in another way.
        settings = beside({**bucket.variables(), "CAUSEWAY_STORE__URL": f"s3://{bucket.name}/"})
    node = make_node({**bucket.variables(), **settings})
    node.start()
    with pytest.raises(AssertionError) as failed:
        node.run("store", "move")
    assert words in str(failed.value), failed.value

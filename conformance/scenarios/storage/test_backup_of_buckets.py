"""Backups of nodes whose objects are in a bucket: sealed ones stay sealed, what only another node has is read from it or named,
what is deleted meanwhile is no fault, what was removed can be brought back of it; never over something. And the catalog made anew
on a server from sealed objects in a bucket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from pydicom.dataset import Dataset

import data
from backups import assert_same, back_up, command, files, listed, put_back, shared
from bucket_line import BucketLine
from clients import Web, store, stored
from places import Keeping
from settled import SETTLED_SECONDS_MAX, await_objects
from subjects import SUBJECTS
from subjects.causeway import Causeway

BOTH = Keeping("s3", "postgres")
#: What each request of a backup waits, so that much happens while it is taken.
SLOW_SECONDS = 0.1

pytestmark = [
    pytest.mark.only("causeway"), pytest.mark.timeout(900), pytest.mark.kept(objects=("file",), catalog=("sqlite",)),
]


@pytest.fixture
def nodes() -> Iterator[Callable[..., Causeway]]:
    """Makes nodes, not started, which are removed in the end."""
    if lacking := BOTH.lacks():
        pytest.skip(f"this node does not know {lacking}")
    made: list[Causeway] = []

    def make(keeping: Keeping = BOTH, shares: Causeway | None = None, **settings: str) -> Causeway:
        made.append(SUBJECTS["causeway"](settings=settings, keeping=keeping, shares=shares))
        return made[-1]

    yield make
    for node in reversed(made):
        node.remove()


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[str], str]:
    """Makes files with a key of this name."""

    def make(name: str) -> str:
        file = tmp_path / f"{name}.keys"
        done = command("store", "keys", "new", "--id", name, "--file", file)
        assert done.returncode == 0, done.stderr
        return str(file)

    return make


def large() -> Dataset:
    """An instance that goes to a bucket in parts."""
    made = data.instance()
    made.Rows, made.Columns = 20 * 128, 4096
    made.PixelData = b"".join(number.to_bytes(8, "big") for number in range(made.Rows * made.Columns // 4))
    return made


def through(line: BucketLine, node: Causeway) -> None:
    """Has a node reach its bucket by the line."""
    node.settings |= node.place.bucket.variables(line.url) | node.place.database.variables()


def contents(backup: Path) -> list[bytes]:
    """All objects of a backup, as they lie there."""
    return [path.read_bytes() for path in files(backup).values()]


def test_what_is_sealed_is_sealed_in_the_backup_too_that_of_the_spool_with_it(nodes, keys) -> None:
    first, second = keys("first"), keys("second")
    node = nodes(CAUSEWAY_STORE__ENCRYPTION__KEYS=first)
    direct = node.place.bucket.variables()
    with BucketLine(node.place.bucket.server.port) as line:
        through(line, node)
        node.start()
        items = stored(node, *data.study(series=1, instances=6), large())
        await_objects(node.place.bucket, len(items), "sealed")
        line.down()
        items += stored(node, *data.study(series=1, instances=4), large())
        backup = node.folder / "backup"
        manifest = back_up(node, backup, **direct)
        line.up()
        assert manifest["is_sealed"] and manifest["objects"] == len(items)
        assert len(contents(backup)) == len(items)
        for content in contents(backup):
            assert content.startswith(b"\x9cCWSEAL\x01") and b"DICM" not in content
            assert content[8:24].rstrip(b"\0") == b"first"
        of_files, of_bucket = nodes(Keeping()), nodes(CAUSEWAY_STORE__ENCRYPTION__KEYS=second)
        done = command("restore", "--from", backup, node=of_files)
        assert done.returncode == 1 and "--keys" in done.stderr
        assert not (of_files.folder / "data" / "catalog.db").exists()
        for again in (of_files, of_bucket):
            assert put_back(backup, again, "--keys", first)["objects"] == len(items)
            again.start()
            assert_same(node, again, items)
        bucket = of_bucket.place.bucket
        assert {bucket.read(key)[8:24].rstrip(b"\0") for key in bucket.keys()} == {b"second"}


def test_what_is_sealed_in_an_earlier_backup_is_linked_if_it_is_to_be_sealed(nodes, keys) -> None:
    ring = keys("first")
    node = nodes(CAUSEWAY_STORE__ENCRYPTION__KEYS=ring)
    node.start()
    items = stored(node, *data.study(series=1, instances=6))
    monday, tuesday, open_one = (node.folder / name for name in ("monday", "tuesday", "open"))
    back_up(node, monday)
    node.stop()
    assert command("store", "keys", "new", "--id", "second", "--file", ring).returncode == 0
    node.start()
    items += stored(node, *data.study(series=1, instances=3))
    assert back_up(node, tuesday, "copy", "--since", monday, "--reread")["linked"] == 6
    assert shared(monday, tuesday) == files(monday).keys()
    again = nodes(Keeping())
    assert put_back(tuesday, again, "--keys", ring)["objects"] == 9
    again.start()
    assert_same(node, again, items)
    # Neither goes on from the other kind.
    back_up(again, open_one)
    for of, since, words in ((node, open_one, "are not sealed"), (again, monday, "are sealed")):
        done = command("backup", "--to", node.folder / "later", "--since", since, node=of)
        assert done.returncode == 1 and words in done.stderr


def test_what_only_another_node_has_is_read_from_it_or_named(nodes) -> None:
    here = nodes()
    there = nodes(shares=here)
    with BucketLine(here.place.bucket.server.port) as line:
        through(line, there)
        for node in (here, there):
            node.settings["CAUSEWAY_NODE__ADDRESS"] = node.url
            node.start()
        line.down()
        items = stored(here, *data.study(series=1, instances=3))
        far = stored(there, *data.study(series=1, instances=4))
        (gone,) = stored(there, data.instance())
        remove(there, gone)
        manifest = back_up(here, here.folder / "backup")
        assert manifest["objects"] == len(items) + len(far) + 1
        again = nodes(Keeping())
        put_back(here.folder / "backup", again)
        again.start()
        assert_same(here, again, items + far)
        again.run("removed", "restore", str(gone.StudyInstanceUID))
        assert_read(again, [gone])
        there.kill()
        done = command("backup", "--to", here.folder / "second", "--json", node=here)
        assert done.returncode == 1 and "spools of other nodes" in done.stderr
        manifest = json.loads(done.stdout)
        assert (manifest["elsewhere"]["count"], manifest["objects"]) == (len(far) + 1, len(items))
        assert all(key in done.stderr for key in manifest["elsewhere"]["first"])
        # It is back, and so is what it has.
        line.up()
        there.start()
        deadline = time.monotonic() + SETTLED_SECONDS_MAX
        # The mark of what was removed comes beside them, sooner or later.
        while sum(not key.startswith("removed/") for key in here.place.bucket.keys()) != len(items) + len(far):
            assert time.monotonic() < deadline, "not settled"
            time.sleep(0.1)
        assert back_up(here, here.folder / "third")["objects"] == len(items) + len(far) + 1


def test_what_is_deleted_for_good_meanwhile_is_no_fault_and_not_in_it(nodes) -> None:
    node = nodes(CAUSEWAY_KEEP__GRACE="0")
    node.start()
    studies = [stored(node, *data.study(series=1, instances=8)) for _ in range(20)]
    items = [item for study in studies for item in study]
    await_objects(node.place.bucket, len(items), "settled")
    backup, told = node.folder / "backup", []
    with BucketLine(node.place.bucket.server.port, delay_seconds=SLOW_SECONDS) as line:
        taking = Thread(target=lambda: told.append(back_up(node, backup, **node.place.bucket.variables(line.url))))
        taking.start()
        # Then the catalog is copied.
        while taking.is_alive() and not (backup / "objects").exists():
            time.sleep(0.01)
        web = Web(node.dicomweb)
        for study in studies[10:]:
            gone = web._session.delete(f"{node.dicomweb}/studies/{study[0].StudyInstanceUID}", timeout=10)
            assert gone.status_code == 204
        taking.join()
    (manifest,) = told
    assert manifest["deleted"]["count"] > 0, "nothing was deleted while it was taken"
    assert manifest["objects"] == manifest["counts"]["instance"] == len(items) - manifest["deleted"]["count"]
    again = nodes(Keeping())
    put_back(backup, again)
    again.start()
    assert len(listed(again)) == manifest["counts"]["instance"]
    assert_same(node, again, [item for study in studies[:10] for item in study])
    assert command("verify", "--url", again.url).returncode == 0


def test_what_was_removed_is_brought_back_of_it(nodes) -> None:
    node = nodes()
    node.start()
    items = stored(node, *data.study(series=1, instances=3))
    files = [Web(node.dicomweb).file(item) for item in items]
    study = items[0].StudyInstanceUID
    assert Web(node.dicomweb)._session.delete(f"{node.dicomweb}/studies/{study}", timeout=10).status_code == 204
    manifest = back_up(node, node.folder / "backup")
    assert (manifest["objects"], manifest["counts"]["removed"], manifest["counts"]["instance"]) == (3, 3, 0)
    for keeping in (Keeping(), BOTH):
        again = nodes(keeping)
        put_back(node.folder / "backup", again)
        again.start()
        assert listed(again) == []
        again.run("removed", "restore", str(study))
        assert [Web(again.dicomweb).file(item) for item in items] == files


def test_what_is_lost_or_damaged_in_the_bucket_is_named_and_a_bucket_that_is_away_is_no_backup(nodes) -> None:
    node = nodes()
    node.start()
    items = stored(node, *data.study(series=1, instances=5))
    bucket = node.place.bucket
    await_objects(bucket, len(items), "settled")
    lost, changed, cut = sorted(bucket.keys())[:3]
    client = bucket.server.client
    for key, content in ((changed, bucket.read(changed)[:-1] + b"?"), (cut, bucket.read(cut)[:-2])):
        client.put_object(Bucket=bucket.name, Key=key, Body=content)
    client.delete_object(Bucket=bucket.name, Key=lost)
    done = command("backup", "--to", node.folder / "backup", "--json", node=node)
    assert done.returncode == 1, done.stderr
    manifest = json.loads(done.stdout)
    names = {what: manifest[what]["first"] for what in ("missing", "damaged")}
    assert names == {"missing": [lost[-32:]], "damaged": [changed[-32:], cut[-32:]]}
    assert all(key[-32:] in done.stderr for key in (lost, changed, cut))
    # The backup tells of them itself.
    again = nodes(Keeping())
    assert put_back(node.folder / "backup", again)["wrong"]["count"] == 0
    again.start()
    assert len(listed(again)) == len(items)
    with BucketLine(bucket.server.port) as line:
        variables = bucket.variables(line.url)
        line.down()
        done = command("backup", "--to", node.folder / "away", node=node, **variables)
    assert done.returncode == 1 and "object store" in done.stderr
    assert not (node.folder / "away" / "manifest.json").exists()
    done = command("restore", "--from", node.folder / "away", node=nodes(Keeping()))
    assert done.returncode == 1 and "this is no backup" in done.stderr


def test_a_list_goes_with_the_bucket_that_it_is_of(nodes) -> None:
    node = nodes()
    node.start()
    items = stored(node, *data.study(series=1, instances=4))
    bucket = node.place.bucket
    await_objects(bucket, len(items), "settled")
    backup = node.folder / "backup"
    assert back_up(node, backup, "list")["objects"] == len(items)
    paths = [line.split()[3] for line in (backup / "objects.txt").read_text().splitlines()]
    assert sorted(path.removeprefix("objects/") for path in paths) == sorted(bucket.keys())
    assert contents(backup) == []
    node.stop()
    again = nodes(Keeping(catalog="postgres"), **bucket.variables())
    put_back(backup, again)
    again.start()
    assert_read(again, items)


def test_a_backup_is_put_back_over_nothing_that_is_there(nodes) -> None:
    node, other, third = nodes(), nodes(), nodes()
    node.start()
    items = stored(node, *data.study(series=1, instances=2))
    backup = node.folder / "backup"
    back_up(node, backup)
    bucket = other.place.bucket
    bucket.put("somebody/elses", b"bytes")
    done = command("restore", "--from", backup, node=other)
    assert done.returncode == 1 and "not empty" in done.stderr and bucket.name in done.stderr
    assert bucket.keys() == ["somebody/elses"]
    # A database that is of another node.
    third.start()
    third.stop()
    taken = command("restore", "--from", backup, "--data", third.folder / "elsewhere", **third.environment())
    assert taken.returncode == 1 and "there is a catalog" in taken.stderr
    assert third.place.bucket.keys() == []
    # Taken away, what was in the way is in it no more.
    bucket.delete("somebody/elses")
    put_back(backup, other)
    other.start()
    assert_same(node, other, items)
    done = command("backup", "--to", node.folder / "links", "--objects", "link", node=node)
    assert done.returncode == 1 and "--objects copy" in done.stderr


def test_a_catalog_on_a_server_is_made_anew_of_sealed_objects_in_a_bucket(nodes, keys) -> None:
    node = nodes(CAUSEWAY_STORE__ENCRYPTION__KEYS=keys("first"))
    with BucketLine(node.place.bucket.server.port) as line:
        through(line, node)
        node.start()
        items = stored(node, *data.study(series=2, instances=10))
        await_objects(node.place.bucket, len(items), "sealed")
        line.down()
        # These are in the spool alone.
        items += stored(node, *data.study(series=1, instances=4))
        removed = [items.pop(0), items.pop()]
        for gone in removed:
            remove(node, gone)
        line.up()
        await_marks(node, len(removed))
        line.down()
        items += stored(node, *data.study(series=1, instances=2))
        told = listed(node)
        node.kill()
        line.up()
        done = command("catalog", "rebuild", node=node)
        assert done.returncode == 1 and "there is a catalog" in done.stderr
        database = node.place.database
        database.remove()
        database.server.make(database.name)
        done = command("catalog", "rebuild", node=node)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{len(items)} instances recorded" in done.stdout
        node.start()
        assert listed(node) == told
        assert_read(node, items)
        assert not any(Web(node.dicomweb).has(gone) for gone in removed)
        assert command("verify", "--url", node.url).returncode == 0


def remove(node: Causeway, item: Dataset) -> None:
    """Removes an instance, which can be brought back."""
    path = f"/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}/instances/{item.SOPInstanceUID}"
    assert Web(node.dicomweb)._session.delete(node.dicomweb + path, timeout=10).status_code == 204


def await_marks(node: Causeway, count: int) -> None:
    """Waits until marks say in the bucket of so many objects that they were removed."""
    deadline = time.monotonic() + SETTLED_SECONDS_MAX
    while len(marks := [key for key in node.place.bucket.keys() if key.startswith("removed/")]) != count:
        assert time.monotonic() < deadline, marks
        time.sleep(0.1)


def assert_read(node: Causeway, items: list[Dataset]) -> None:
    """Each is what was sent."""
    for item in items:
        assert data.split(Web(node.dicomweb).file(item))[1] == data.encoded(item)
    assert store(node, items[0]) == [0x0000], "the same bytes again"

"""`causeway backup`, `causeway restore` and `causeway catalog rebuild`: what was acknowledged before a backup is in it, byte for
byte, also when it is taken under load, wherever objects and catalog are, and put back to a node of any kind; what is not whole is
not put back; a store alone gives back what it holds."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest

import data
from backups import assert_same, back_up, command, files, listed, put_back, replace, shared
from clients import Web, store, stored
from places import Keeping
from subjects import SUBJECTS

SENDERS = 4

pytestmark = [pytest.mark.only("causeway"), pytest.mark.kept(objects=("file",), catalog=("sqlite",))]


@pytest.fixture
def nodes():
    """Makes nodes, which are removed in the end."""
    made = []

    def make(is_started=True, keeping=None):
        if keeping is not None and (lacking := keeping.lacks()):
            pytest.skip(f"this node does not know: {lacking}")
        made.append(SUBJECTS["causeway"](keeping=keeping))
        if is_started:
            made[-1].start()
        return made[-1]

    yield make
    for node in made:
        node.remove()


FILES, BUCKET, SERVER, BOTH = Keeping(), Keeping("s3"), Keeping(catalog="postgres"), Keeping("s3", "postgres")


@pytest.mark.parametrize(
    ("objects", "of", "to"),
    [
        pytest.param(objects, of, to, id=f"{of} to {to} by {objects}")
        for objects, of, to in [
            ("copy", FILES, FILES), ("link", FILES, FILES), ("copy", BOTH, BOTH), ("copy", BOTH, FILES),
            ("copy", FILES, BOTH), ("copy", BUCKET, SERVER), ("link", SERVER, BUCKET),
        ]
    ],
)
def test_what_was_acknowledged_before_a_backup_is_in_it_though_more_comes_meanwhile(nodes, objects, of, to):
    node, again = nodes(keeping=of), nodes(is_started=False, keeping=to)
    before = [item for _ in range(10) for item in stored(node, *data.study(series=2, instances=10))]
    stop, sent = threading.Event(), []

    def send():
        while not stop.is_set():
            sent.extend(stored(node, *data.study(series=1, instances=5)))

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        manifest = back_up(node, node.folder / "backup", objects)
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    assert sent, "no load"
    assert manifest["objects"] == manifest["counts"]["instance"] >= len(before)
    assert [manifest[what]["count"] for what in ("missing", "damaged", "deleted", "elsewhere")] == [0] * 4
    restored = put_back(node.folder / "backup", again)
    assert restored["objects"] == manifest["objects"]
    again.start()
    assert_same(node, again, before)
    # What came meanwhile is there whole or not at all.
    web = Web(again.dicomweb)
    told = {one["00080018"]["Value"][0] for one in listed(again)}
    assert len(told) == manifest["counts"]["instance"]
    late = [item for item in sent if str(item.SOPInstanceUID) in told]
    assert_same(node, again, late)
    assert [item for item in sent if item not in late and web.has(item)] == []
    assert command("verify", "--url", again.url).returncode == 0
    # It is a node as any other.
    assert store(again, data.instance()) == [0x0000]


@pytest.mark.parametrize("of", [FILES, BOTH], ids=str)
def test_a_backup_since_an_earlier_one_has_what_is_new_and_links_the_rest(nodes, of):
    node, again = nodes(keeping=of), nodes(is_started=False)
    monday, tuesday = node.folder / "monday", node.folder / "tuesday"
    items = stored(node, *data.study(series=2, instances=10))
    assert back_up(node, monday)["linked"] == 0
    items += stored(node, *data.study(series=1, instances=5))
    manifest = back_up(node, tuesday, "copy", "--since", monday)
    assert (manifest["objects"], manifest["linked"]) == (25, 20)
    assert shared(monday, tuesday) == files(monday).keys() and len(files(tuesday)) == 25
    # It is whole without the other.
    shutil.rmtree(monday)
    assert put_back(tuesday, again)["objects"] == 25
    again.start()
    assert_same(node, again, items)


def test_what_an_earlier_backup_has_not_as_it_was_is_copied_anew(nodes):
    node = nodes()
    stored(node, *data.study(series=1, instances=6))
    monday = node.folder / "monday"
    back_up(node, monday)
    gone, short, other, *rest = sorted(files(monday))
    files(monday)[gone].unlink()
    replace(files(monday)[short], files(monday)[short].read_bytes()[:-2])
    content = files(monday)[other].read_bytes()
    replace(files(monday)[other], content[:-1] + bytes([content[-1] ^ 1]))
    for name, linked, arguments in (("tuesday", {other, *rest}, ()), ("wednesday", set(rest), ("--reread",))):
        later = node.folder / name
        assert back_up(node, later, "copy", "--since", monday, *arguments)["linked"] == len(linked)
        assert shared(monday, later) == linked and len(files(later)) == 6
    # By its length alone it is not told; whoever puts it back is.
    done = command("restore", "--from", node.folder / "tuesday", "--data", node.folder / "one")
    assert done.returncode == 1 and other in done.stderr and gone not in done.stderr and short not in done.stderr
    done = command("restore", "--from", node.folder / "wednesday", "--data", node.folder / "two")
    assert done.returncode == 0, done.stderr


def test_no_backup_goes_on_from_what_is_none(nodes, tmp_path):
    node = nodes()
    stored(node, *data.study(series=1, instances=2))
    whole, listing, later = (node.folder / name for name in ("whole", "listing", "later"))
    back_up(node, whole)
    back_up(node, listing, "list")
    for arguments, words in (
        (("--since", tmp_path), "no backup"),
        (("--since", listing), "only listed"),
        (("--since", whole, "--objects", "link"), "--objects copy"),
        (("--reread",), "--since"),
    ):
        done = command("backup", "--to", later, *arguments, node=node)
        assert done.returncode != 0 and words in done.stderr, arguments
        assert not later.exists()


def test_no_backup_goes_on_from_another_file_system(nodes):
    node = nodes()
    stored(node, data.instance())
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if os.stat(elsewhere).st_dev == node.folder.stat().st_dev:
            pytest.skip("there is one file system alone")
        back_up(node, Path(elsewhere) / "monday")
        done = command("backup", "--to", node.folder / "later", "--since", Path(elsewhere) / "monday", node=node)
    assert done.returncode == 1 and "another file system" in done.stderr
    assert not (node.folder / "later" / "manifest.json").exists()


def test_what_is_deleted_after_a_backup_by_links_is_in_it(nodes):
    node, again = nodes(), nodes(is_started=False)
    (item,) = stored(node, data.instance())
    kept = Web(node.dicomweb).file(item)
    back_up(node, node.folder / "backup", "link")
    study = f"{node.dicomweb}/studies/{item.StudyInstanceUID}"
    assert Web(node.dicomweb)._session.delete(study, timeout=10).status_code == 204
    assert command("restore", "--from", node.folder / "backup", "--data", again.folder / "data").returncode == 0
    again.start()
    assert Web(again.dicomweb).file(item) == kept


def test_remotes_and_routes_come_back_with_it(nodes):
    node, again = nodes(), nodes(is_started=False)
    node.add_remote("reader", "READER", 104)
    node.add_route("all", "true", "reader", trigger="study")
    back_up(node, node.folder / "backup")
    command("restore", "--from", node.folder / "backup", "--data", again.folder / "data")
    again.start()
    for verb in ("remote", "route"):
        assert json.loads(again.run(verb, "list", "--json")) == json.loads(node.run(verb, "list", "--json"))


def test_a_backup_that_is_not_whole_is_not_put_back_unseen(nodes):
    node = nodes()
    first, second = stored(node, *data.study(series=1, instances=2))
    backup = node.folder / "backup"
    back_up(node, backup)
    uid = str(first.SOPInstanceUID).encode()
    of_first = next(path for path in files(backup).values() if uid in path.read_bytes())
    # An object that is gone is told by its name, and the rest is put back.
    held = of_first.read_bytes()
    of_first.unlink()
    done = command("restore", "--from", backup, "--data", node.folder / "one")
    assert done.returncode == 1 and of_first.name in done.stderr
    # One that is another is, too.
    of_first.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    done = command("restore", "--from", backup, "--data", node.folder / "two")
    assert done.returncode == 1 and of_first.name in done.stderr
    of_first.write_bytes(held)
    # Never over something.
    done = command("restore", "--from", backup, "--data", node.folder / "two")
    assert done.returncode == 1 and "where there is nothing" in done.stderr
    # A catalog that is another is not put back at all.
    catalog = backup / "catalog.db"
    catalog.write_bytes(catalog.read_bytes()[:-1] + b"\xff")
    done = command("restore", "--from", backup, "--data", node.folder / "three")
    assert done.returncode == 1 and "digest" in done.stderr
    assert not (node.folder / "three/catalog.db").exists()
    # Nor is what was broken off.
    (backup / "manifest.json").unlink()
    done = command("restore", "--from", backup, "--data", node.folder / "four")
    assert done.returncode == 1 and "no backup" in done.stderr
    assert command("backup", "--data", node.folder / "data", "--to", backup).returncode == 1, "there is something"


def test_a_backup_in_the_form_of_older_versions_is_put_back(nodes):
    node, again = nodes(), nodes(is_started=False)
    items = stored(node, *data.study(series=1, instances=3))
    gone = items.pop()
    path = f"/studies/{gone.StudyInstanceUID}/series/{gone.SeriesInstanceUID}/instances/{gone.SOPInstanceUID}"
    assert Web(node.dicomweb)._session.delete(node.dicomweb + path, timeout=10).status_code == 204
    backup = node.folder / "backup"
    manifest = back_up(node, backup)
    for later in ("is_sealed", "deleted", "elsewhere"):
        del manifest[later]
    del manifest["counts"]["removed"]
    (backup / "manifest.json").write_text(json.dumps({**manifest, "form": 1}))
    # They did not carry what was removed.
    listed_there = (backup / "objects.txt").read_text().splitlines()
    (removed,) = [line.split()[3] for line in listed_there if line.split()[2] == "-"]
    (backup / removed).unlink()
    assert put_back(backup, again)["objects"] == len(items)
    again.start()
    assert_same(node, again, items)
    (backup / "manifest.json").write_text(json.dumps({**manifest, "form": 3}))
    done = command("restore", "--from", backup, node=nodes(is_started=False))
    assert done.returncode == 1 and "newer program" in done.stderr


def test_a_list_alone_says_where_each_object_is(nodes):
    node = nodes()
    items = stored(node, *data.study(series=1, instances=3))
    backup = node.folder / "backup"
    assert back_up(node, backup, "list")["objects"] == len(items)
    lines = [line.split() for line in (backup / "objects.txt").read_text().splitlines()]
    node.stop()
    shutil.copytree(node.folder / "data", node.folder / "settled")
    found = {path.name: path.stat().st_size for path in (node.folder / "settled").rglob("*") if len(path.name) == 32}
    assert {key: int(size) for key, size, _, _ in lines} == found
    assert not any((backup / "objects").iterdir())


def test_the_catalog_is_made_anew_from_the_store_alone(nodes):
    node = nodes()
    items = stored(node, *data.study(series=2, instances=20))
    items += [item for _ in range(5) for item in stored(node, *data.study(series=1, instances=2))]
    gone = items.pop()
    path = f"/studies/{gone.StudyInstanceUID}/series/{gone.SeriesInstanceUID}/instances/{gone.SOPInstanceUID}"
    assert Web(node.dicomweb)._session.delete(node.dicomweb + path, timeout=10).status_code == 204
    told = listed(node)
    files = {item.SOPInstanceUID: Web(node.dicomweb).file(item) for item in items}
    folder = node.folder / "data"
    done = command("catalog", "rebuild", "--data", folder)
    assert done.returncode == 1 and "there is a catalog" in done.stderr
    node.kill()
    for name in folder.glob("catalog.db*"):
        name.unlink()
    done = command("catalog", "rebuild", "--data", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(items)} instances recorded" in done.stdout
    assert "not rebuilt" in done.stdout and "routes" in done.stdout
    node.start()
    assert listed(node) == told
    for item in items:
        assert Web(node.dicomweb).file(item) == files[item.SOPInstanceUID]
    assert not Web(node.dicomweb).has(gone)
    assert command("verify", "--url", node.url).returncode == 0
    assert store(node, items[0]) == [0x0000], "the same bytes again"

"""Keeping and cleaning: what is removed comes back within its grace and goes after it, also when the node is killed in
between; holds, retention rules and quotas, over the wire and by the command line."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

import data
from clients import CALLING, Receiver, Web, associate, contexts_of, path_of, store, stored
from subjects import SUBJECTS, Subject
from subjects.base import free_port
from subjects.causeway import binary

SECONDS_MAX = 60

pytestmark = pytest.mark.only("causeway")


@pytest.fixture
def nodes():
    """Makes nodes that are removed in the end."""
    made = []

    def make(**keep):
        settings = {f"CAUSEWAY_KEEP__{key.upper()}": value for key, value in {"round": "1s", **keep}.items()}
        node = SUBJECTS["causeway"](settings=settings)
        made.append(node)
        node.start()
        return node

    yield make
    for node in made:
        node.remove()


def files(node: Subject) -> list[Path]:
    """The files of all objects, spooled and settled."""
    return [path for path in (node.folder / "data").rglob("*") if path.is_file() and len(path.name) == 32]


def study_url(node: Subject, item) -> str:
    return f"{node.dicomweb}/studies/{item.StudyInstanceUID}"


def delete(node: Subject, item) -> requests.Response:
    return requests.delete(study_url(node, item), timeout=30)


def api(node: Subject, method: str, path: str, **arguments) -> requests.Response:
    return requests.request(method, f"{node.url}/api/v1/{path}", timeout=30, **arguments)


def told(node: Subject, *arguments: str) -> list | dict:
    return json.loads(node.run(*arguments, "--json"))


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_what_was_deleted_comes_back_as_it_was_and_is_not_delivered_again(nodes):
    node = nodes()
    with Receiver("READER") as reader:
        node.add_remote("reader", reader.ae_title, reader.port)
        node.add_route("all", "true", "reader")
        items = stored(node, *data.study(series=2, instances=3))
        node.decided(len(items))
        arrived = len(reader.arrivals)
        web = Web(node.dicomweb)
        before = {item.SOPInstanceUID: web.file(item) for item in items}
        answers = web.query("/studies", StudyInstanceUID=items[0].StudyInstanceUID)
        assert delete(node, items[0]).status_code == 204
        assert requests.get(study_url(node, items[0]), timeout=30).status_code == 410
        assert web.query("/studies", StudyInstanceUID=items[0].StudyInstanceUID) == []
        (removed,) = told(node, "removed", "list")
        assert (removed["study"], removed["instances"], removed["reason"]) == (
            items[0].StudyInstanceUID, len(items), "asked",
        )
        said = told(node, "removed", "restore", items[0].StudyInstanceUID)
        assert said == {"restored": len(items), "refused": []}
        assert {item.SOPInstanceUID: web.file(item) for item in items} == before
        assert web.query("/studies", StudyInstanceUID=items[0].StudyInstanceUID) == answers
        assert told(node, "removed", "list") == []
        assert api(node, "POST", f"removed/{items[0].StudyInstanceUID}/restore").status_code == 404
        # One more instance goes out, and with it would go whatever else were due.
        stored(node, more := data.instance())
        eventually(lambda: str(more.SOPInstanceUID) in reader.uids(), "the next instance is not delivered")
        assert len(reader.arrivals) == arrived + 1
        assert set(node.decided(len(items) + 1).values()) == {"delivered"}
    events = requests.get(f"{node.url}/api/v1/events", params={"limit": 1000}, timeout=30).json()["events"]
    kinds = [event["kind"] for event in events]
    assert kinds.count("instance.deleted") == kinds.count("instance.restored") == len(items)


@pytest.mark.kept(objects=("file",))
def test_when_the_grace_is_over_the_bytes_go_for_good(nodes):
    node = nodes(grace="2s")
    kept, gone = data.study(series=1, instances=2), data.study(series=1, instances=3)
    stored(node, *kept, *gone)
    assert delete(node, gone[0]).status_code == 204
    eventually(lambda: len(files(node)) == len(kept), "the bytes stay")
    eventually(lambda: not told(node, "removed", "list"), "it is told of still")
    assert api(node, "POST", f"removed/{gone[0].StudyInstanceUID}/restore").status_code == 404
    assert not list((node.folder / "data/objects").rglob("*.json")), "the marks went with the bytes"
    assert all(Web(node.dicomweb).has(item) for item in kept)


def test_without_grace_they_go_at_once_and_a_grace_can_be_ended(nodes):
    for node, ends in ((nodes(grace="0"), False), (nodes(grace="1h"), True)):
        items = stored(node, *data.study(series=1, instances=2))
        assert delete(node, items[0]).status_code == 204
        if ends:
            assert len(files(node)) == len(items)
            node.run("removed", "purge", items[0].StudyInstanceUID)
            eventually(lambda: not files(node), "the bytes stay")
        assert files(node) == []


@pytest.mark.kept(objects=("file",))
def test_a_node_that_is_killed_between_row_and_bytes_forgets_neither(nodes):
    node = nodes(grace="3s")
    items = stored(node, *data.study(series=1, instances=20))
    other = stored(node, *data.study(series=1, instances=2))
    assert delete(node, items[0]).status_code == 204
    node.kill()
    assert len(files(node)) == len(items) + len(other)
    node.start()
    assert requests.get(study_url(node, items[0]), timeout=30).status_code == 410
    eventually(lambda: len(files(node)) == len(other), "the bytes stay")
    code = subprocess.run([str(binary()), "verify", "--url", node.url], capture_output=True, timeout=120).returncode
    assert code == 0, "something is not as it should be"


@pytest.mark.kept(objects=("file",))
def test_a_catalog_made_anew_does_not_bring_back_what_was_removed(nodes):
    node = nodes(grace="1h")
    removed, kept = data.study(series=1, instances=3), data.study(series=1, instances=2)
    stored(node, *removed, *kept)
    assert delete(node, removed[0]).status_code == 204
    eventually(lambda: len(list((node.folder / "data/objects/removed").glob("*.json"))) == len(removed), "no marks")
    node.stop()
    for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm"):
        (node.folder / "data" / name).unlink(missing_ok=True)
    rebuilt = subprocess.run(
        [str(binary()), "catalog", "rebuild", "--data", str(node.folder / "data")], capture_output=True, text=True, timeout=120,
    )
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    node.start()
    web = Web(node.dicomweb)
    assert all(web.has(item) for item in kept) and not any(web.has(item) for item in removed)
    assert requests.get(f"{node.dicomweb}{path_of(removed[0])}", timeout=30).status_code == 410
    assert told(node, "removed", "restore", removed[0].StudyInstanceUID)["restored"] == len(removed)
    assert all(web.has(item) for item in removed)


def test_what_came_again_meanwhile_stays_and_the_old_one_is_refused(nodes):
    node = nodes()
    first, second = stored(node, *data.study(series=1, instances=2))
    assert delete(node, first).status_code == 204
    stored(node, first)
    command = [str(binary()), "removed", "restore", first.StudyInstanceUID, "--json", "--url", node.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = json.loads(done.stdout)
    assert (done.returncode, said["restored"]) == (1, 1)
    (refused,) = said["refused"]
    assert refused["instance"] == first.SOPInstanceUID and "came since it was removed" in refused["why"]
    assert Web(node.dicomweb).has(first) and Web(node.dicomweb).has(second)


@pytest.mark.kept(objects=("file",))
def test_nothing_of_a_study_on_hold_goes_and_the_reason_is_told_to_those_who_may_know(nodes):
    node = nodes(grace="1s")
    items = stored(node, *data.study(series=1, instances=2))
    study = items[0].StudyInstanceUID
    node.run("hold", "add", study, "--reason", "case 12")
    answer = delete(node, items[0])
    assert answer.status_code == 409 and "case 12" in answer.text
    assert requests.delete(f"{node.dicomweb}{path_of(items[0])}", timeout=30).status_code == 409
    (held,) = told(node, "hold", "list")
    assert (held["study"], held["reason"], held["instances"], held["removed"]) == (study, "case 12", 2, 0)
    assert api(node, "PUT", f"holds/{study}", json={"reason": " "}).status_code == 422
    assert api(node, "PUT", "holds/no-uid", json={"reason": "x"}).status_code == 400
    node.restart()
    assert delete(node, items[0]).status_code == 409
    node.run("hold", "remove", study)
    assert delete(node, items[0]).status_code == 204
    # A hold stops the purge of what was removed before.
    node.run("hold", "add", study, "--reason", "case 13")
    time.sleep(3)
    assert len(files(node)) == len(items)
    assert api(node, "DELETE", f"removed/{study}").status_code == 409
    assert told(node, "removed", "restore", study)["restored"] == len(items)
    assert all(Web(node.dicomweb).has(item) for item in items)


def test_old_studies_go_by_a_rule_once_it_is_enabled_and_what_is_to_be_sent_stays(nodes):
    node = nodes()
    with Receiver("READER") as reader:
        node.add_remote("reader", reader.ae_title, reader.port)
        node.add_route("some", "true", "reader")
        sent = stored(node, *data.study(series=1, instances=2))
        node.decided(len(sent))
    node.remove_route("some")
    # Nobody listens there.
    node.add_remote("gone", "GONE", free_port())
    node.add_route("later", "true", "gone")
    waiting = stored(node, *data.study(series=1, instances=1))
    node.remove_route("later")
    unsent = stored(node, *data.study(series=1, instances=1))
    web = Web(node.dicomweb)
    node.run("retention", "add", "delivered", "--older-than", "1s", "--delivered", "--to", "reader")
    time.sleep(3)
    assert all(web.has(item) for item in [*sent, *waiting, *unsent]), "it is not enabled"
    preview = {it["study"]: it for it in told(node, "retention", "preview", "delivered")}
    assert preview[sent[0].StudyInstanceUID]["goes"]
    assert "open" in preview[waiting[0].StudyInstanceUID]["kept_by"]
    assert preview[unsent[0].StudyInstanceUID]["kept_by"] == "1 instances are not delivered"
    node.run("retention", "enable", "delivered")
    eventually(lambda: not web.has(sent[0]), "the old study stays")
    assert all(web.has(item) for item in [*waiting, *unsent])
    (removed,) = told(node, "removed", "list")
    assert (removed["study"], removed["reason"]) == (sent[0].StudyInstanceUID, "retention delivered")
    node.run("removed", "restore", sent[0].StudyInstanceUID)
    node.run("retention", "disable", "delivered")
    (rule,) = told(node, "retention", "list")
    assert (rule["name"], rule["standing"], rule["older_than"], rule["sent"]) == (
        "delivered", "disabled", "1s", {"proof": "delivered", "to": "reader"},
    )
    node.run("retention", "remove", "delivered")
    assert told(node, "retention", "list") == []
    assert api(node, "PUT", "retention/all", json={"rule": {"older_than": "0"}}).status_code == 422


def test_a_full_quota_is_a700_in_words_and_what_is_here_may_come_again(nodes):
    node = nodes()
    node.add_remote("ct1", CALLING, 11112)
    first, second = data.study(series=1, instances=2)
    stored(node, first)
    (size,) = [path.stat().st_size for path in files(node)]
    node.run("quota", "set", "ct1", str(size + size // 2))
    with associate(node, contexts_of([second])) as association:
        answer = association.send_c_store(second)
        assert answer.Status == 0xA700 and answer.ErrorComment.startswith("the quota of remote ct1 is full"), answer
        assert association.send_c_store(first).Status == 0, "it is here already"
    (quota,) = told(node, "quota", "list")
    assert (quota["remote"], quota["used"], quota["instances"], quota["fill"]) == ("ct1", size, 1, "ample")
    assert [len(files(node)), Web(node.dicomweb).has(second)] == [1, False]
    node.run("quota", "set", "ct1", str(size * 3))
    stored(node, second)
    node.run("quota", "set", "ct1", str(size))
    assert told(node, "quota", "list")[0]["fill"] == "full"
    # What goes makes room; what is in its grace does not count.
    assert delete(node, first).status_code == 204
    assert told(node, "quota", "list")[0]["used"] == 0
    stored(node, first)
    node.run("quota", "remove", "ct1")
    assert told(node, "quota", "list") == []


def test_a_quota_that_makes_room_lets_the_oldest_study_go_that_is_not_on_hold(nodes):
    node = nodes()
    node.add_remote("ct1", CALLING, 11112)
    studies = [data.study(series=1, instances=2) for _ in range(4)]
    for item in (item for study in studies[:2] for item in study):
        stored(node, item)
    size = max(path.stat().st_size for path in files(node))
    # UIDs are of any length, so that instances differ by some bytes.
    node.run("hold", "add", studies[0][0].StudyInstanceUID, "--reason", "case 12")
    node.run("quota", "set", "ct1", str(size * 4 + 256), "--when-full", "remove-oldest")
    stored(node, *studies[2])
    web = Web(node.dicomweb)
    assert [web.has(study[0]) for study in studies] == [True, False, True, False]
    (removed,) = told(node, "removed", "list")
    assert (removed["study"], removed["reason"]) == (studies[1][0].StudyInstanceUID, "quota ct1")
    node.run("hold", "add", studies[2][0].StudyInstanceUID, "--reason", "case 12")
    assert store(node, studies[3][0]) == [0xA700], "nothing may go"

"""What was stored over the web is counted by QIDO-RS (PS3.18 §10.6): there is no storage commitment there. A study is
committed when the destination lists each instance of it, and whatever else comes of it is said as it is."""

from __future__ import annotations

import json
import time

import pytest
import requests

import data
from accounts import stories
from archivist import command
from clients import store
from destinations import made
from far_web import FarWeb

pytestmark = pytest.mark.only("causeway")

SECONDS_MAX = 60
LOOKS = 3
SETTINGS = {
    "CAUSEWAY_FORWARD__RETRY_CEILING_SECONDS": "1",
    "CAUSEWAY_FORWARD__ERRANDS__GATHER_SECONDS": "1",
    "CAUSEWAY_FORWARD__ERRANDS__COUNT_PAUSE_SECONDS": "1",
    "CAUSEWAY_FORWARD__ERRANDS__COUNT_LOOKS": str(LOOKS),
}


@pytest.fixture(scope="module")
def node(make_own_subject):
    """A node that counts soon and often."""
    return make_own_subject("causeway", ae_title="HOSPITAL", settings=SETTINGS)


@pytest.fixture
def to(node):
    """Sends a study to a DICOMweb address and gives the remote's name."""
    names: list[str] = []

    def send(url, items, *options):
        name = f"counted-{data.uid().rsplit('.', 1)[-1][-12:]}"
        names.append(name)
        node.run("remote", "add", name, "--dicomweb", url, *options)
        node.add_route(name, f'StudyInstanceUID == "{items[0].StudyInstanceUID}"', name, "study", 1)
        assert store(node, *items) == [0] * len(items)
        return name

    yield send
    for name in names:
        node.remove_route(name)
        node.run("remote", "remove", name)


def jobs(node, name):
    return [job for job in node.queue() if job["remote"] == name]


def until(wanted, seconds=SECONDS_MAX):
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.2)
    return found


def all_are(node, name, items, *commitments):
    """The jobs, once there are as many and the far side's listing of each is judged so."""
    found = jobs(node, name)
    states = {job["commitment"] for job in found}
    return found if len(found) == len(items) and states and states <= set(commitments) else None


def counts(node, name):
    rows = json.loads(node.run("queue", "commitments", "--json"))
    return [row for row in rows if row["kind"] == "count" and row["remote"] == name]


def delivery(node, study, name):
    [found] = stories(node, study, name)
    return found


def doctor(node):
    return command(node, "doctor", "--json").json()["findings"]


@pytest.mark.parametrize("kind", ["orthanc", "causeway"])
def test_what_real_servers_list_is_committed(node, to, kind):
    """The evidence is told wherever the delivery is: how many of how many, by whom, when."""
    items = data.study(2, 6)
    destination = made(kind)
    try:
        name = to(destination.dicomweb, items)
        found = until(lambda: all_are(node, name, items, "committed"))
        assert set(destination.held(items[0].StudyInstanceUID)) == {item.SOPInstanceUID for item in items}
    finally:
        destination.close()
    words = f"12 of 12 listed by {name} at 20"
    assert all(words in job["last"]["words"] for job in found), found[0]
    assert delivery(node, items[0].StudyInstanceUID, name)["state"] == "committed"
    [row] = counts(node, name)
    assert (row["state"], row["instances"], row["failed"]) == ("done", 12, 0) and row["words"].startswith(words)
    assert row["uid"] == items[0].StudyInstanceUID
    assert "12 of 12 listed" in node.run("queue", "show", items[0].StudyInstanceUID)


@pytest.mark.parametrize("behaviour", [{"most": 3}, {"most": 3, "passes_over_offset": True}, {}])
def test_pages_of_any_length(node, to, behaviour):
    """PS3.18 §8.3.4.4: a server may tell less than it was asked for, and some pass over `offset`: those are asked by name."""
    items = data.study(1, 10)
    with FarWeb(**behaviour) as far:
        name = to(far.url, items)
        until(lambda: all_are(node, name, items, "committed"))
    assert far.came == list(dict.fromkeys(far.came)), "nothing is sent again"


def test_one_that_lists_late_is_asked_again_until_all_is_listed(node, to):
    """Servers index what they took when they find time."""
    items = data.study(1, 4)
    with FarWeb() as far:
        far.hidden.add(items[2].SOPInstanceUID)
        name = to(far.url, items)
        until(lambda: any(row["failed"] == 1 for row in counts(node, name)))
        assert {job["commitment"] for job in jobs(node, name)} == {"asked"}, "nothing is claimed before all is there"
        [row] = counts(node, name)
        assert row["state"] == "due" and items[2].SOPInstanceUID in row["words"] and "3 of 4" in row["words"]
        far.hidden.clear()
        until(lambda: all_are(node, name, items, "committed"))
        assert sorted(far.came) == sorted(item.SOPInstanceUID for item in items)


def test_what_is_never_listed_is_told_as_such_and_may_be_sent_again(node, to):
    """By name, in the queue, to an administrator and in the feed of events; the far side is asked so often and no more."""
    items = data.study(1, 4)
    lacking = items[1].SOPInstanceUID
    with FarWeb() as far:
        far.hidden.add(lacking)
        name = to(far.url, items)
        found = until(lambda: all_are(node, name, items, "committed", "not-committed"))
        told = {job["instance"]: job["commitment"] for job in found}
        assert told == {item.SOPInstanceUID: "not-committed" if item.SOPInstanceUID == lacking else "committed" for item in items}
        assert {job["state"] for job in found} == {"delivered"}
        [row] = counts(node, name)
        assert (row["state"], row["failed"], row["attempts"]) == ("given-up", 1, LOOKS)
        assert [failure["instance"] for failure in row["failures"]] == [lacking]
        assert lacking in row["words"] and "3 of 4" in row["words"]
        assert delivery(node, items[0].StudyInstanceUID, name)["state"] == "confirmed"
        finding = next(it for it in doctor(node) if it["subject"] == f"what {name} lists")
        assert lacking in finding["words"] and "retry" in finding["remedy"]
        asked = len(far.questions)
        time.sleep(2)
        assert len(far.questions) == asked, "it is asked no more"

        far.hidden.clear()
        [job] = [job for job in found if job["instance"] == lacking]
        node.run("queue", "retry", str(job["id"]))
        until(lambda: all_are(node, name, items, "committed"))
        assert far.came.count(lacking) == 2
    assert not any(it["subject"] == f"what {name} lists" for it in doctor(node)), "it is made good"
    assert delivery(node, items[0].StudyInstanceUID, name)["state"] == "committed"


@pytest.mark.parametrize("status", [404, 405, 501])
def test_one_that_serves_no_qido_cannot_be_asked(node, to, status):
    """It is said so; nothing is wrong with the delivery."""
    items = data.study(1, 3)
    with FarWeb() as far:
        far.instead = (status, b"no", {})
        name = to(far.url, items)
        found = until(lambda: all_are(node, name, items, "cannot-be-asked"))
        assert all("cannot be asked" in job["last"]["words"] and str(status) in job["last"]["words"] for job in found)
    assert delivery(node, items[0].StudyInstanceUID, name)["state"] == "confirmed"
    assert not any(it["subject"] == f"what {name} lists" for it in doctor(node))
    assert "cannot be asked" in node.run("queue", "list", "--remote", name)


def test_404_of_a_study_is_not_404_of_the_service(node, to):
    """The instances are lacking, which is another thing than not to be asked."""
    items = data.study(1, 2)
    with FarWeb() as far:
        far.knows_studies = True
        name = to(far.url, items)
        until(lambda: len(far.came) == 2)
        far.has.clear()
        found = until(lambda: all_are(node, name, items, "not-committed"))
    assert all("0 of 2 listed" in job["last"]["words"] for job in found)


@pytest.mark.parametrize("instead", [
    (500, b"no", {}), (503, b"busy", {}), (200, b"<html>hello</html>", {}), (200, b"[" * 100_000, {}),
    (200, b"[" + b"1," * 300_000 + b"1]", {}),
], ids=["500", "503", "html", "deep", "many"])
def test_one_that_answers_badly_is_asked_again(node, to, instead):
    """Nothing is concluded from no answer: neither that it has the instances nor that it lacks them."""
    items = data.study(1, 2)
    with FarWeb() as far:
        far.instead = instead
        name = to(far.url, items)
        until(lambda: counts(node, name) and counts(node, name)[0]["attempts"] > 1)
        assert {job["commitment"] for job in jobs(node, name)} == {"asked"}
        assert any(it["subject"] == f"what {name} lists" for it in doctor(node)), "someone is told"
        far.instead = None
        until(lambda: all_are(node, name, items, "committed"))


def test_what_was_sent_under_other_names_is_looked_for_under_these(node, to):
    """A study that was de-identified has other UIDs there."""
    items = data.study(1, 3)
    project = f"project-{items[0].StudyInstanceUID[-8:]}"
    document = {"name": project, "deidentify": {"options": []}}
    requests.put(f"{node.url}/api/v1/transforms/{project}", json=document, timeout=30).raise_for_status()
    with FarWeb() as far:
        name = to(far.url, items, "--allow", "store", "--transform", project)
        until(lambda: all_are(node, name, items, "committed"))
        sent = {str(it.StudyInstanceUID) for it in far.has.values()}
        assert items[0].StudyInstanceUID not in sent and not set(far.came) & {it.SOPInstanceUID for it in items}
        assert {path for path, _ in far.questions if "studies/" in path} == {f"/studies/{study}/instances" for study in sent}


def test_it_is_not_asked_where_that_is_set(node, to):
    """`--no-count`."""
    items = data.study(1, 2)
    with FarWeb() as far:
        name = to(far.url, items, "--no-count")
        until(lambda: len(jobs(node, name)) == 2 and {job["state"] for job in jobs(node, name)} == {"delivered"})
        time.sleep(3)
        assert counts(node, name) == [] and {job["commitment"] for job in jobs(node, name)} == {None}
        assert len(far.questions) <= 1, "but for what it had before it was sent anything"
    assert json.loads(node.run("remote", "show", name))["follow"]["no_count"] is True

"""A store request that is not answered (PS3.18 §10.5): the far side is asked what it has of it (§10.6), and only what it
did not list before counts as having come by it."""

from __future__ import annotations

import pytest

import data
from clients import store
from far_web import FarWeb

pytestmark = pytest.mark.only("causeway")

SETTINGS = {
    "CAUSEWAY_FORWARD__RETRY_CEILING_SECONDS": "1",
    "CAUSEWAY_FORWARD__RESPONSE_SECONDS": "2",
    "CAUSEWAY_FORWARD__ERRANDS__GATHER_SECONDS": "3600",
}


@pytest.fixture(scope="module")
def node(make_own_subject):
    """A node that soon tries again."""
    return make_own_subject("causeway", ae_title="HOSPITAL", settings=SETTINGS)


def sent(node, far, items):
    """Sends a study there and waits until all of it is decided."""
    name = f"far-{far.port}"
    node.run("remote", "add", name, "--dicomweb", far.url)
    node.add_route(name, f'StudyInstanceUID == "{items[0].StudyInstanceUID}"', name, "study", 1)
    try:
        assert store(node, *items) == [0] * len(items)
        before = len([job for job in node.queue() if job["remote"] != name])
        states = node.decided(before + len(items), 60)
        assert {states[item.SOPInstanceUID] for item in items} == {"delivered"}
    finally:
        node.remove_route(name)
        node.run("remote", "remove", name)


def named(far):
    """The UIDs that it was asked after by name."""
    return {uid for _, query in far.questions for key, text in query if key == "SOPInstanceUID" for uid in text.split(",")}


def test_what_came_by_a_request_that_was_not_answered_is_not_sent_again(node):
    items = data.study(1, 5)
    with FarWeb() as far:
        far.deeds = ["lose"]
        sent(node, far, items)
    assert sorted(far.came) == sorted(item.SOPInstanceUID for item in items)
    assert named(far) == set(far.came)


@pytest.mark.parametrize("kind", ["some", "all"])
def test_what_was_listed_before_is_sent_again(node, kind):
    """The far side has other bytes under the same UIDs: that it lists them says nothing of those that were sent."""
    items = data.study(1, 5)
    other = items[:2] if kind == "some" else items
    with FarWeb() as far:
        far.has |= {item.SOPInstanceUID: item for item in other}
        far.deeds = ["drop"]
        sent(node, far, items)
    assert sorted(far.came) == sorted(item.SOPInstanceUID for item in items), "all of it came in the end, each once"


def test_what_was_listed_before_and_came_goes_once_more(node):
    """One time too often does no harm, one time too few would."""
    items = data.study(1, 4)
    with FarWeb() as far:
        far.has |= {items[0].SOPInstanceUID: items[0]}
        far.deeds = ["lose"]
        sent(node, far, items)
    counts = {item.SOPInstanceUID: far.came.count(item.SOPInstanceUID) for item in items}
    assert counts == {item.SOPInstanceUID: 2 if item is items[0] else 1 for item in items}


def test_one_that_does_not_tell_what_it_had_is_sent_it_again(node):
    """Nothing is known, so nothing is taken for granted."""
    items = data.study(1, 4)
    with FarWeb(answers_questions=False) as far:
        far.deeds = ["lose"]
        sent(node, far, items)
    assert {far.came.count(item.SOPInstanceUID) for item in items} == {2}


@pytest.mark.parametrize("deeds", [["mute"], ["lose", "lose"]])
def test_what_was_in_doubt_is_asked_after_when_the_destination_is_tried_again(node, deeds):
    """It was left alone for a while, which is no reason to forget what it was sent."""
    items = data.study(1, 1 if deeds == ["mute"] else 6)
    with FarWeb() as far:
        far.deeds = list(deeds)
        sent(node, far, items)
    assert sorted(far.came) == sorted(item.SOPInstanceUID for item in items), "each once"

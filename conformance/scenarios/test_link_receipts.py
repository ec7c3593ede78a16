"""Receipts over a link, as both ends know them: who received promises, who sent acknowledges that, and each can show it."""

from __future__ import annotations

import base64
import json
import time

import pytest
import requests

import data
from paired import invite, join, send

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

ARRIVE_SECONDS_MAX = 60
SHORT = {"CAUSEWAY_FORWARD__LEASE_SECONDS": "5"}


@pytest.fixture
def nodes(make_subject):
    """A hospital and a reader that are paired and send each other what is for the other."""
    hospital = make_subject("causeway", ae_title="HOSPITAL", settings=SHORT)
    reader = make_subject("causeway", ae_title="READER", settings=SHORT)
    join(hospital, reader)
    hospital.add_route("there", 'PatientID.startsWith("THERE")', "reader")
    reader.add_route("back", 'PatientID.startsWith("BACK")', "hospital")
    return hospital, reader


def shown(node, name):
    return json.loads(node.run("link", "show", name, "--json"))


def until_acknowledged(node, name, side, count):
    deadline = time.monotonic() + ARRIVE_SECONDS_MAX
    while (known := shown(node, name)[side])["acknowledged"] < count:
        assert time.monotonic() < deadline, known
        time.sleep(0.2)
    assert known["acknowledged"] == known["receipts"] == count
    return known


def story(node, item):
    return json.loads(node.run("queue", "show", item.StudyInstanceUID, "--json"))


@pytest.mark.parametrize("direction", ["THERE", "BACK"])
def test_both_ends_know_of_each_receipt(nodes, direction):
    hospital, reader = nodes
    giver, taker, names = (hospital, reader, ("reader", "hospital")) if direction == "THERE" else (
        reader, hospital, ("hospital", "reader"))
    items = data.study(1, 12, PatientID=f"{direction}-{data.patient_id()}"[:60])
    send(giver, items)
    assert set(giver.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {"delivered"}
    until_acknowledged(giver, names[0], "sent", len(items))
    until_acknowledged(taker, names[1], "received", len(items))
    assert shown(giver, names[0])["received"]["receipts"] == shown(taker, names[1])["sent"]["receipts"] == 0
    (sent,) = story(giver, items[0])["deliveries"]
    (received,) = story(taker, items[0])["sources"]
    assert sent["acknowledged"] == received["acknowledged"] == len(items)
    assert (received["remote"], received["door"]) == (names[1], "link")
    assert sent["last_acknowledged_at"] and received["last_acknowledged_at"]
    for node in (giver, taker):
        words = node.run("queue", "show", items[0].StudyInstanceUID)
        assert f"receipts of {len(items)} acknowledged, the last at " in words
    words = taker.run("link", "show", names[1])
    assert f"received from it: {len(items)} receipts, {len(items)} of them acknowledged" in words


def test_whether_the_far_side_is_there_is_shown(nodes):
    hospital, reader = nodes
    told = shown(reader, "hospital")
    known = json.loads(reader.run("remote", "show", "hospital", "--json"))
    assert (told["url"], told["node"]) == (None, known["link"]["node"])
    deadline = time.monotonic() + ARRIVE_SECONDS_MAX
    while not shown(reader, "hospital")["collects"]["is_there"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    told = shown(hospital, "reader")
    assert told["collects"] is None and told["url"].startswith("http")
    hospital.kill()
    while shown(reader, "hospital")["collects"]["is_there"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "was last seen at" in reader.run("link", "show", "hospital")
    assert requests.get(f"{reader.url}/api/v1/link/nobody", timeout=20).status_code == 404


@pytest.mark.parametrize("direction", ["THERE", "BACK"])
def test_a_receipt_is_acknowledged_though_who_sent_was_killed_and_sends_no_more(nodes, direction):
    hospital, reader = nodes
    giver, taker, names = (hospital, reader, ("reader", "hospital")) if direction == "THERE" else (
        reader, hospital, ("hospital", "reader"))
    items = data.study(1, 3, PatientID=f"{direction}-{data.patient_id()}"[:60])
    send(giver, items)
    giver.kill()
    giver.start()
    assert set(giver.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {"delivered"}
    giver.kill()
    giver.start()
    until_acknowledged(giver, names[0], "sent", len(items))
    until_acknowledged(taker, names[1], "received", len(items))


def test_receipts_that_this_node_never_gave_are_not_believed(nodes):
    """Of another node, for what is not here, for other bytes, and too many of them."""
    _, reader = nodes
    key = "1" * 64
    raw = invite(reader, "rogue").split(".", 1)[1]
    secret = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))[1:17].hex()
    pair = {"secret": secret, "node": "f" * 16, "token": key}
    answer = requests.post(f"{reader.url}/link/v1/pair", json=pair, timeout=20)
    own = answer.json()["node"]
    items = data.study(1, 1)
    send(reader, items)
    there = items[0].SOPInstanceUID
    receipts = [
        {"instance": uid, "digest": "0" * 64, "at": "2026-01-01T00:00:00Z", "node": node}
        for uid, node in [(there, own), ("1.2.3", own), (there, "0" * 16)]
    ]

    def offer(acknowledged):
        body = {"instances": [], "acknowledged": acknowledged}
        headers = {"Authorization": f"Bearer {key}"}
        return requests.post(f"{reader.url}/link/v1/offer", json=body, headers=headers, timeout=20)

    assert offer(receipts).json() == {"standings": []}
    assert shown(reader, "rogue")["received"]["receipts"] == 0
    assert offer(receipts[:1] * 1001).status_code == 413

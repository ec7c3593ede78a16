"""The other direction of a link: what the node that is called has for the one that calls, which nobody can call.

The hospital accepted the reader's invitation. It asks, waits, and takes what there is.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time

import pytest
import requests

import data
import pki
from bad_line import BadLine
from clients import Web
from paired import MEBIBYTE, assert_there, invite, join, large, secured, send, words_of
from proxy import Nginx

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(600)]

ARRIVE_SECONDS_MAX = 90
DELIVERED = "delivered"
#: A node that was killed takes its jobs up again when its leases have lapsed.
SHORT = {"CAUSEWAY_FORWARD__LEASE_SECONDS": "5"}


@pytest.fixture
def nodes(make_subject):
    """A node that calls and one that is called, not paired yet."""
    return make_subject("causeway", ae_title="HOSPITAL"), make_subject("causeway", ae_title="READER", settings=SHORT)


def joined(hospital, reader, port=None):
    """Pairs the two, and has the reader give the hospital everything."""
    join(hospital, reader, port)
    reader.add_route("back", "true", "hospital")


@pytest.fixture
def linked(nodes):
    """The two, paired over a line of the test's own that counts and can be cut."""
    hospital, reader = nodes
    with BadLine(reader.web_port) as line:
        joined(hospital, reader, line.port)
        yield hospital, reader, line


def story(node, item):
    """The only delivery of the item's study."""
    (delivery,) = json.loads(node.run("queue", "show", item.StudyInstanceUID, "--json"))["deliveries"]
    return delivery


def until(is_so, *said):
    """Waits until it is so, and gives what it found."""
    deadline = time.monotonic() + ARRIVE_SECONDS_MAX
    while not (found := is_so()):
        assert time.monotonic() < deadline, [tell() for tell in said]
        time.sleep(0.2)
    return found


def states(node):
    return {job["instance"]: str(job["state"]).lower() for job in node.queue()}


def test_what_the_reader_has_for_the_hospital_is_collected_and_comes_back_as_a_receipt(linked):
    hospital, reader, _ = linked
    assert "url" not in json.loads(reader.run("remote", "show", "hospital", "--json"))["link"]
    items = data.study(2, 20)
    send(reader, items)
    assert set(reader.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert_there(hospital, items)
    node = json.loads(reader.run("remote", "show", "hospital", "--json"))["link"]["node"]
    for words in words_of(reader).values():
        assert node in words and re.search(r"sha256 [0-9a-f]{64}", words), words
    assert story(reader, items[0])["state"] == "committed"


def test_more_than_one_offer_holds(linked):
    hospital, reader, _ = linked
    items = data.study(1, 1010)
    send(reader, items)
    until(lambda: requests.get(f"{reader.url}/api/v1/queue", timeout=20).json()[0]["delivered"] == len(items))
    assert_there(hospital, items[::50])


def test_both_directions_at_once_and_nothing_goes_round(linked):
    """Each gives the other everything that it gets: what came from there is there, and rests."""
    hospital, reader, _ = linked
    hospital.add_route("to-reader", "true", "reader")
    here, there = data.study(2, 10), data.study(2, 10)
    sender = threading.Thread(target=send, args=(hospital, here))
    sender.start()
    send(reader, there)
    sender.join()
    for node, own in ((hospital, here), (reader, there)):
        states = node.decided(len(own), ARRIVE_SECONDS_MAX)
        assert states == {item.SOPInstanceUID: DELIVERED for item in own}
        assert_there(node, [*here, *there])


def test_what_the_hospital_has_is_not_sent(linked):
    hospital, reader, line = linked
    item = large(8)
    send(hospital, [item])
    before = line.count()["back"]
    send(reader, [item])
    assert set(reader.decided(1, ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert line.count()["back"] - before < 100_000


def test_another_with_the_same_uid_is_refused_with_words_and_the_first_stays(linked):
    hospital, reader, line = linked
    first, second = large(4), large(4)
    for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID"):
        setattr(second, name, getattr(first, name))
    second.file_meta = first.file_meta
    send(hospital, [first])
    before = line.count()["back"]
    send(reader, [second])
    assert set(reader.decided(1, ARRIVE_SECONDS_MAX).values()) == {"parked"}
    assert "other content" in next(iter(words_of(reader).values()))
    assert line.count()["back"] - before < 100_000, "it was sent though it could not be taken"
    assert_there(hospital, [first])


def test_a_large_instance_goes_on_where_the_line_broke(nodes):
    """100 MiB, cut three times: what went over the line is the instance and what was in flight."""
    hospital, reader = nodes
    cuts = [10 * MEBIBYTE, 45 * MEBIBYTE, 85 * MEBIBYTE]
    with BadLine(reader.web_port, megabits=400) as line:
        joined(hospital, reader, line.port)
        item = large(100)
        send(reader, [item])
        for cut in cuts:
            until(lambda cut=cut: line.count()["back"] >= cut)
            line.cut()
        assert set(reader.decided(1, 200).values()) == {DELIVERED}
        assert line.count()["breaks"] >= len(cuts)
        again = line.count()["back"] - 100 * MEBIBYTE
        assert again < len(cuts) * 6 * MEBIBYTE, f"{again} bytes were sent again"
    assert_there(hospital, [item])


def test_a_line_that_breaks_again_and_again(nodes):
    """Every three seconds, at 30 Mbit/s."""
    hospital, reader = nodes
    with BadLine(reader.web_port, round_trip_ms=60, megabits=30, breaks_every_ms=3000) as line:
        joined(hospital, reader, reader.web_port)
        hospital.run("remote", "remove", "reader")
        join(hospital, reader, line.port)
        items = [*data.study(2, 30), large(16), large(4)]
        send(reader, items)
        assert set(reader.decided(len(items), 200).values()) == {DELIVERED}
        assert line.count()["breaks"] > 1
    assert_there(hospital, items)


def test_what_can_be_packed_is_and_arrives_as_it_was(nodes):
    hospital, reader = nodes
    with BadLine(reader.web_port, megabits=50) as line:
        joined(hospital, reader, line.port)
        item = large(16, incompressible=False)
        send(reader, [item])
        assert set(reader.decided(1, ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
        # Pieces go out as they are while the line takes more than the node has packed: on a busy machine that is some.
        assert line.count()["back"] < 12 * MEBIBYTE
    assert_there(hospital, [item])


def test_a_hospital_that_does_not_come_is_said_to_be_waited_for(linked):
    """No attempt is made and none is counted; when it comes, it gets all."""
    hospital, reader, _ = linked
    send(reader, data.study(1, 1))
    reader.decided(1, ARRIVE_SECONDS_MAX)
    hospital.kill()
    items = data.study(1, 3)
    send(reader, items)
    words = until(lambda: (why := story(reader, items[0])["why"]).startswith("waits for hospital") and why)
    assert re.fullmatch(r"waits for hospital to collect; last seen at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", words), words
    (report,) = requests.get(f"{reader.url}/api/v1/queue", timeout=20).json()
    assert report["because"] == words
    mine = [job for job in reader.queue() if job["study"] == items[0].StudyInstanceUID]
    assert [(job["state"].lower(), job["attempts"]) for job in mine] == [("waiting", 0)] * 3
    reader.restart()
    assert "not seen since this node was started" in story(reader, items[0])["why"]
    hospital.start()
    assert set(reader.decided(len(items) + 1, ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert_there(hospital, items)


def test_what_is_held_up_waits_and_what_is_cancelled_never_goes(linked):
    hospital, reader, _ = linked
    reader.run("queue", "pause", "--remote", "hospital")
    kept, dropped = data.study(1, 2), data.study(1, 2)
    send(reader, [*kept, *dropped])
    reader.run("queue", "cancel", "--study", dropped[0].StudyInstanceUID)
    time.sleep(2)
    assert not any(Web(hospital.dicomweb).has(item) for item in [*kept, *dropped])
    reader.run("queue", "resume", "--remote", "hospital")
    decided = reader.decided(4, ARRIVE_SECONDS_MAX)
    assert {decided[item.SOPInstanceUID] for item in kept} == {DELIVERED}
    assert {decided[item.SOPInstanceUID] for item in dropped} == {"cancelled"}
    assert_there(hospital, kept)
    assert not any(Web(hospital.dicomweb).has(item) for item in dropped)


def test_a_remote_that_may_not_store_is_not_collected_from(linked):
    """Its permission was taken back: the hospital asks no more, and asks again when it is given."""
    hospital, reader, _ = linked
    hospital.run("remote", "add", "reader", "--allow", "query")
    time.sleep(2)
    items = data.study(1, 1)
    send(reader, items)
    time.sleep(3)
    assert DELIVERED not in states(reader).values()
    hospital.run("remote", "add", "reader", "--allow", "store")
    assert set(reader.decided(1, ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert_there(hospital, items)


@pytest.mark.parametrize("killed", ["hospital", "reader"])
@pytest.mark.parametrize("after", [0.1, 0.7, 2.0])
def test_a_node_that_is_killed_in_the_middle(nodes, killed, after):
    """At whatever stage: all arrives, and what is called delivered is there."""
    hospital, reader = nodes
    with BadLine(reader.web_port, megabits=60) as line:
        joined(hospital, reader, line.port)
        items = [*data.study(2, 20), large(8), large(4)]
        send(reader, items)
        time.sleep(after)
        victim = hospital if killed == "hospital" else reader
        victim.kill()
        said = [] if killed == "reader" else [uid for uid, state in states(reader).items() if state == DELIVERED]
        victim.start()
        web = Web(hospital.dicomweb)
        by_uid = {item.SOPInstanceUID: item for item in items}
        assert [uid for uid in said if not web.has(by_uid[uid])] == [], "called delivered, and not there"
        assert set(reader.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert_there(hospital, items)


def test_what_was_collected_goes_the_hospital_s_own_ways(linked, make_subject):
    """Its routes see where it came from."""
    hospital, reader, _ = linked
    pacs = make_subject("causeway", ae_title="PACS")
    hospital.add_remote("pacs", pacs.ae_title, pacs.dimse_port)
    hospital.add_route("on", 'remote == "reader"', "pacs")
    items = data.study(1, 3)
    send(reader, items)
    assert set(hospital.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert_there(pacs, items)


def test_through_a_proxy_that_keeps_requests_until_they_are_whole(nodes, make_subject, folder):
    """nginx as it comes."""
    _, reader = nodes
    authority = pki.Authority(folder)
    hospital = make_subject("causeway", ae_title="HOSPITAL2", settings={"SSL_CERT_FILE": str(authority.certificate)})
    with Nginx(folder, authority, f"http://127.0.0.1:{reader.web_port}") as nginx:
        code = reader.run("link", "invite", "hospital", "--public-url", f"https://127.0.0.1:{nginx.port}").strip()
        hospital.run("link", "accept", code, "--name", "reader")
        reader.add_route("back", "true", "hospital")
        items = [*data.study(2, 20), large(16), large(8, incompressible=False)]
        send(reader, items)
        assert set(reader.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
        assert_there(hospital, items)


def test_over_tls_with_a_certificate_that_the_code_names(nodes, make_subject, folder):
    hospital, _ = nodes
    reader = secured(make_subject, folder)
    joined(hospital, reader)
    items = data.study(1, 3)
    send(reader, items)
    assert set(reader.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert_there(hospital, items)


def test_whoever_was_not_paired_collects_nothing_and_what_is_no_answer_gives_nothing(nodes):
    """A collector that lies about what it has, says too much, or answers what nobody asked."""
    _, reader = nodes
    key = "1" * 64
    raw = invite(reader, "rogue").split(".", 1)[1]
    secret = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))[1:17].hex()
    pair = {"secret": secret, "node": "f" * 16, "token": key}
    assert requests.post(f"{reader.url}/link/v1/pair", json=pair, timeout=20).status_code == 200

    def post(path, body, shown=key):
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        return requests.post(f"{reader.url}/link/v1/{path}", json=body, headers=headers, timeout=60)

    assert post("collect", {"seconds": 0}, None).status_code in (401, 403)
    assert post("collect", {"seconds": 0}, "2" * 64).status_code in (401, 403)
    assert post("collect", {"seconds": 0}).json() is None
    assert post("collect", {"seconds": -1}).status_code == 400
    assert post("collect/1", {"standings": []}).status_code == 410
    assert post("collect/1/said", {"said": [], "done": True}).status_code == 410
    assert post("collect/x", {"standings": []}).status_code == 400
    items = data.study(1, 1)
    reader.add_route("out", "true", "rogue")
    send(reader, items)
    uid, digest = items[0].SOPInstanceUID, "0" * 64

    def asked():
        return until(lambda: post("collect", {"seconds": 5}).json())

    found = asked()
    assert [one["instance"] for one in found["offer"]["instances"]] == [uid]
    assert post(f"collect/{found['ticket']}", {"standings": []}).status_code in (204, 410)
    found = asked()
    forged = {"have": {"instance": uid, "digest": digest, "at": "2026-01-01T00:00:00Z", "node": "f" * 16}}
    assert post(f"collect/{found['ticket']}", {"standings": [forged]}).status_code in (204, 410)
    found = asked()
    assert post(f"collect/{found['ticket']}", {"standings": [{"send": 0}]}).content.startswith(b"\x01")
    said = [{"index": 7, "fate": "again"}]
    assert post(f"collect/{found['ticket']}/said", {"said": said, "done": False}).status_code in (200, 410)
    assert DELIVERED not in states(reader).values()

"""The link between two nodes: pairing, delivery with receipts, and whatever happens on the way.

The node that accepts an invitation calls the one that invited; nothing ever calls back.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
import threading
import time

import pytest
import requests

import data
from bad_line import BadLine
from clients import Web
from paired import MEBIBYTE, assert_there, invite, join, large, secured, send, words_of
from subjects import SUBJECTS
from subjects.causeway import binary

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(600)]

ARRIVE_SECONDS_MAX = 90
DELIVERED = "delivered"
#: A node that was killed takes its jobs up again when its leases have lapsed.
SHORT = {"CAUSEWAY_FORWARD__LEASE_SECONDS": "5"}


def refused(node, *arguments):
    """What is said of a command that is not carried out."""
    done = subprocess.run(
        [str(binary()), *arguments, "--url", node.url], capture_output=True, text=True, timeout=60, cwd=node.folder,
    )
    assert done.returncode != 0, f"{arguments} was carried out: {done.stdout}"
    return done.stderr


def joined(hospital, reader, port=None):
    """Pairs the two, and has the hospital send everything."""
    join(hospital, reader, port)
    hospital.add_route("to-reader", "true", "reader")


@pytest.fixture
def nodes(make_subject):
    """A node that sends and one that takes, not paired yet."""
    return make_subject("causeway", ae_title="HOSPITAL", settings=SHORT), make_subject("causeway", ae_title="READER")


@pytest.fixture
def linked(nodes):
    """The two, paired over a line of the test's own that counts and can be cut."""
    hospital, reader = nodes
    with BadLine(reader.web_port) as line:
        joined(hospital, reader, line.port)
        yield hospital, reader, line


def test_what_comes_in_goes_on_and_comes_back_as_a_receipt(linked):
    hospital, reader, _ = linked
    items = data.study(2, 20)
    send(hospital, items)
    states = hospital.decided(len(items), ARRIVE_SECONDS_MAX)
    assert set(states.values()) == {DELIVERED}
    assert_there(reader, items)
    node = json.loads(hospital.run("remote", "show", "reader", "--json"))["link"]["node"]
    for words in words_of(hospital).values():
        assert node in words and re.search(r"sha256 [0-9a-f]{64}", words), words


def test_nobody_calls_the_node_that_accepted(nodes):
    """The hospital listens to nobody but itself; the link is made and used all the same."""
    hospital, reader = nodes
    joined(hospital, reader)
    remote = json.loads(reader.run("remote", "show", "hospital", "--json"))
    assert "url" not in remote["link"]
    remote = json.loads(hospital.run("remote", "show", "reader", "--json"))
    assert "token" not in json.dumps(remote), "what is shown to the other is shown to nobody else"


def test_a_code_is_good_once(nodes):
    hospital, reader = nodes
    code = invite(reader)
    hospital.run("link", "accept", code, "--name", "reader")
    assert "good once" in refused(hospital, "link", "accept", code, "--name", "again")
    used_by = json.loads(reader.run("link", "invites", "--json"))[0]["used_by"]
    assert used_by == json.loads(reader.run("remote", "show", "hospital", "--json"))["link"]["node"]


def test_a_code_that_was_revoked_or_ran_out_pairs_nobody(nodes):
    hospital, reader = nodes
    code = invite(reader)
    reader.run("link", "revoke", "hospital")
    assert "no such invitation" in refused(hospital, "link", "accept", code, "--name", "reader")
    code = invite(reader, "hospital", None, "--expires", "1s")
    time.sleep(1.5)
    assert "run out" in refused(hospital, "link", "accept", code, "--name", "reader")
    code = invite(reader)
    newer = invite(reader)
    assert "no such invitation" in refused(hospital, "link", "accept", code, "--name", "reader")
    hospital.run("link", "accept", newer, "--name", "reader")


def test_a_slip_of_the_hand_is_told_before_anyone_is_called(nodes):
    hospital, reader = nodes
    code = invite(reader)
    slipped = code[:40] + ("A" if code[40] != "A" else "B") + code[41:]
    assert "typing error" in refused(hospital, "link", "accept", slipped, "--name", "reader")
    assert "typing error" in refused(hospital, "link", "accept", code[:-3], "--name", "reader")
    assert "begins with" in refused(hospital, "link", "accept", "hello", "--name", "reader")
    assert json.loads(reader.run("link", "invites", "--json"))[0]["used_by"] is None


def test_a_node_does_not_pair_with_itself_nor_without_tls(nodes):
    hospital, reader = nodes
    assert "own" in refused(reader, "link", "accept", invite(reader), "--name", "me")
    assert "https" in refused(reader, "link", "invite", "hospital", "--public-url", "http://reader.example")
    assert "--public-url" in refused(reader, "link", "invite", "hospital")


def test_guesses_are_counted_and_a_key_that_is_none_opens_nothing(nodes):
    _, reader = nodes
    pair = {"secret": "0" * 32, "node": "0" * 16, "token": "0" * 64}
    statuses = {requests.post(f"{reader.url}/link/v1/pair", json=pair, timeout=20).status_code for _ in range(300)}
    assert statuses == {403, 429}
    for path in ("offer", "upload"):
        url = f"{reader.url}/link/v1/{path}"
        assert requests.post(url, json={"instances": []}, timeout=20).status_code == 403
    answer = requests.post(f"{reader.url}/link/v1/pair", data=b"x" * 5000, timeout=20)
    assert answer.status_code in (413, 429)


def test_who_was_removed_is_not_let_in_any_more(linked):
    hospital, reader, _ = linked
    reader.run("remote", "remove", "hospital")
    items = data.study(1, 1)
    send(hospital, items)
    time.sleep(2)
    states = {job["instance"]: str(job["state"]).lower() for job in hospital.queue()}
    assert DELIVERED not in states.values()
    assert not Web(reader.dicomweb).has(items[0])


def test_a_self_signed_certificate_is_known_by_the_code(nodes, make_subject, folder):
    hospital, _ = nodes
    reader = secured(make_subject, folder)
    joined(hospital, reader)
    items = data.study(1, 3)
    send(hospital, items)
    assert set(hospital.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {DELIVERED}


def test_what_the_far_side_has_is_not_sent(linked):
    """It came there by another way; the receipt comes without a byte of it."""
    hospital, reader, line = linked
    item = large(8)
    send(reader, [item])
    before = line.count()["there"]
    send(hospital, [item])
    assert set(hospital.decided(1, ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert line.count()["there"] - before < 100_000


def test_another_with_the_same_uid_is_refused_with_words_and_the_first_stays(linked):
    hospital, reader, line = linked
    first, second = large(4), large(4)
    for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID"):
        setattr(second, name, getattr(first, name))
    second.file_meta = first.file_meta
    send(reader, [first])
    before = line.count()["there"]
    send(hospital, [second])
    assert set(hospital.decided(1, ARRIVE_SECONDS_MAX).values()) == {"parked"}
    assert "other content" in next(iter(words_of(hospital).values()))
    assert line.count()["there"] - before < 100_000, "it was sent though it could not be taken"
    assert_there(reader, [first])


def test_a_large_instance_goes_on_where_the_line_broke(nodes):
    """100 MiB, cut three times: what went over the line is the instance and what was in flight."""
    hospital, reader = nodes
    cuts = [10 * MEBIBYTE, 35 * MEBIBYTE, 40 * MEBIBYTE]
    with BadLine(reader.web_port, megabits=400) as line:
        joined(hospital, reader, line.port)
        # Nothing is collected: a question that waits would take one of the breaks.
        hospital.run("remote", "add", "reader", "--allow", "query")
        time.sleep(2)
        line.cut_after(*cuts)
        item = large(100)
        send(hospital, [item])
        assert set(hospital.decided(1, 200).values()) == {DELIVERED}
        assert line.count()["breaks"] >= len(cuts)
        again = line.count()["there"] - 100 * MEBIBYTE
        assert again < len(cuts) * 6 * MEBIBYTE, f"{again} bytes were sent again"
    assert_there(reader, [item])


def test_what_can_be_packed_is_and_arrives_as_it_was(nodes):
    hospital, reader = nodes
    with BadLine(reader.web_port, megabits=50) as line:
        joined(hospital, reader, line.port)
        item = large(16, incompressible=False)
        send(hospital, [item])
        assert set(hospital.decided(1, ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
        # Pieces go out as they are while the line takes more than the node has packed: on a busy machine that is some.
        assert line.count()["there"] < 12 * MEBIBYTE
    assert_there(reader, [item])


def test_a_reader_that_is_down_for_a_while(linked):
    hospital, reader, _ = linked
    items = data.study(2, 20)
    reader.kill()
    send(hospital, items)
    time.sleep(8)
    assert DELIVERED not in {str(job["state"]).lower() for job in hospital.queue()}
    reader.start()
    assert set(hospital.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert_there(reader, items)


@pytest.mark.parametrize("killed", ["hospital", "reader"])
@pytest.mark.parametrize("after", [0.1, 0.5, 1.0, 2.0])
def test_a_node_that_is_killed_in_the_middle(nodes, killed, after):
    """At whatever stage: all arrives, and what is called delivered is there."""
    hospital, reader = nodes
    with BadLine(reader.web_port, megabits=60) as line:
        joined(hospital, reader, line.port)
        items = [*data.study(2, 20), large(8), large(4)]
        sender = threading.Thread(target=send, args=(hospital, items))
        sender.start()
        sender.join() if killed == "hospital" else None
        time.sleep(after)
        victim = hospital if killed == "hospital" else reader
        victim.kill()
        sender.join()
        if killed == "hospital":
            said = []
        else:
            said = [job["instance"] for job in hospital.queue() if str(job["state"]).lower() == DELIVERED]
        victim.start()
        web = Web(reader.dicomweb)
        by_uid = {item.SOPInstanceUID: item for item in items}
        assert [uid for uid in said if not web.has(by_uid[uid])] == [], "called delivered, and not there"
        assert set(hospital.decided(len(items), ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    assert_there(reader, items)


def test_a_full_disk_there_is_told_of_and_got_over(make_subject, monkeypatch, tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)], capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("no leave to mount a file system")
    try:
        hospital = make_subject("causeway", ae_title="HOSPITAL")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        reader = SUBJECTS["causeway"](ae_title="READER")
        monkeypatch.setattr(tempfile, "tempdir", None)
        reader.start()
        try:
            joined(hospital, reader)
            filler = tmp_path / "filler"
            filler.write_bytes(bytes(40 * MEBIBYTE))
            items = [large(4) for _ in range(8)]
            send(hospital, items)
            deadline = time.monotonic() + ARRIVE_SECONDS_MAX
            while not any("room" in words or "resources" in words for words in words_of(hospital).values()):
                assert time.monotonic() < deadline, words_of(hospital)
                time.sleep(0.3)
            said = [job["instance"] for job in hospital.queue() if str(job["state"]).lower() == DELIVERED]
            web = Web(reader.dicomweb)
            assert all(web.has(item) for item in items if item.SOPInstanceUID in said)
            filler.unlink()
            assert set(hospital.decided(len(items), 200).values()) == {DELIVERED}
            assert_there(reader, items)
        finally:
            reader.remove()
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_what_comes_back_is_kept_and_goes_no_further(nodes, make_subject):
    """Three send each other everything in a ring; what went round once is kept, told of, and rests."""
    hospital, reader = nodes
    third = make_subject("causeway", ae_title="THIRD")
    hospital.run("link", "accept", invite(reader), "--name", "reader")
    reader.run("link", "accept", invite(third, "reader"), "--name", "third")
    third.run("link", "accept", invite(hospital, "third"), "--name", "hospital")
    hospital.add_route("to-reader", "true", "reader")
    reader.add_route("to-third", "true", "third")
    third.run("route", "add", "back", "--when", "true", "--to", "hospital", "--trigger", "study", "--quiet", "4")
    items = data.study(1, 2)
    send(hospital, items)
    assert set(hospital.decided(2, ARRIVE_SECONDS_MAX).values()) == {DELIVERED}
    study = items[0].StudyInstanceUID
    assert requests.delete(f"{hospital.dicomweb}/studies/{study}", timeout=20).status_code in (200, 204)
    deadline = time.monotonic() + ARRIVE_SECONDS_MAX
    while not all(Web(hospital.dicomweb).has(item) for item in items):
        assert time.monotonic() < deadline, third.queue()
        time.sleep(0.3)
    assert_there(hospital, items)
    kinds = {incident["kind"] for incident in requests.get(f"{hospital.url}/api/v1/incidents", timeout=20).json()}
    assert "circle" in kinds
    time.sleep(2)
    assert len([job for job in hospital.queue() if job["instance"] in {i.SOPInstanceUID for i in items}]) <= 2


def test_hostile_uploads_of_a_paired_node_are_refused_and_leave_nothing(linked, nodes):
    """Frames that are none, lengths that lie, packed bytes that burst: the node says no and goes on."""
    hospital, reader, _ = linked
    key = "1" * 64
    code = invite(reader, "rogue")
    raw = code.split(".", 1)[1]
    secret = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))[1:17].hex()
    pair = {"secret": secret, "node": "f" * 16, "token": key}
    assert requests.post(f"{reader.url}/link/v1/pair", json=pair, timeout=20).status_code == 200
    assert requests.post(f"{reader.url}/link/v1/pair", json=pair, timeout=20).status_code == 200, "the same again"
    headers = {"Authorization": f"Bearer {key}"}
    begin = json.dumps({
        "instance": "1.2.3", "sop_class": "1.2.840.10008.5.1.4.1.1.2", "transfer_syntax": "1.2.840.10008.1.2.1",
        "digest": "0" * 64, "bytes": 4, "from": 0,
    }).encode()
    head = b"\x01" + len(begin).to_bytes(4, "big") + begin
    for body in (
        b"\x09\0\0\0\0", b"\x01\xff\xff\xff\xff", head, head + b"\x02\0\0\0\x09123456789\x04\0\0\0\0",
        head + b"\x03\0\0\0\x04abcd", head + b"\x02\0\0\0\x041234\x04\0\0\0\0", head * 3, b"\x04\0\0\0\0",
    ):
        try:
            answer = requests.post(f"{reader.url}/link/v1/upload", data=body, headers=headers, timeout=20)
            assert "receipt" not in answer.text
        except requests.RequestException:
            pass
    assert requests.post(f"{reader.url}/link/v1/offer", data=b"{" * 100, headers=headers, timeout=20).status_code == 400
    offered = {"instance": "1.2.3", "digest": "0" * 64, "bytes": 1}
    many = {"instances": [offered] * 1001}
    assert requests.post(f"{reader.url}/link/v1/offer", json=many, headers=headers, timeout=20).status_code == 413
    items = data.study(1, 2)
    send(hospital, items)
    assert set(hospital.decided(2, ARRIVE_SECONDS_MAX).values()) == {DELIVERED}


def test_what_comes_back_by_stow_is_told_by_its_header(nodes):
    """A part that says by which nodes it came: what was here before is kept and goes no further."""
    hospital, reader = nodes
    joined(hospital, reader)
    own = json.loads(reader.run("remote", "show", "hospital", "--json"))["link"]["node"]
    stranger = "0123456789abcdef"
    items = data.study(1, 3)
    paths = (f"{stranger},{own}", stranger, "no path at all")
    for item, path in zip(items, paths, strict=True):
        body = (
            f"\r\n--b\r\nContent-Type: application/dicom\r\nCauseway-Via: {path}\r\n\r\n".encode()
            + data.file_of(item) + b"\r\n--b--\r\n"
        )
        kind = 'multipart/related; type="application/dicom"; boundary=b'
        answer = requests.post(
            f"{hospital.dicomweb}/studies", data=body, headers={"Content-Type": kind}, timeout=30,
        )
        assert answer.status_code == 200, answer.text
    states = hospital.decided(2, ARRIVE_SECONDS_MAX)
    assert states == {item.SOPInstanceUID: DELIVERED for item in items[1:]}
    assert_there(hospital, items)

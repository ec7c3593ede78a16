"""PS3.7 annex D.3.3.3: several operations at once, where both sides agreed upon it."""

import struct
import time

import pytest

import data
import negotiated
import scripted
import wire
from bad_line import BadLine
from clients import FIND, Web, identifier, matches, move, store
from scripted import Gatherer
from wire import Wire

pytestmark = pytest.mark.timeout(180)

CT = wire.CT_IMAGE


def asking(subject, *items, contexts=None):
    """An A-ASSOCIATE-RQ for CT images and echoes, with further user information."""
    contexts = contexts or wire.context(1) + wire.context(3, CT, (wire.EXPLICIT,))
    return wire.associate_rq(subject.ae_title, contexts=contexts, user=negotiated.user(*items))


def granted(subject, *items):
    """The window that is answered."""
    with Wire(subject) as peer:
        found = negotiated.answers(peer.established(asking(subject, *items))).get(negotiated.WINDOW)
    return None if found is None else struct.unpack(">HH", found[0])


@pytest.mark.orthanc_fails(reason="has no operations window")
@pytest.mark.parametrize(("asked", "expected"), [
    ((1, 1), (1, 1)), ((2, 1), (2, 1)), ((16, 16), (16, 1)), ((17, 1), (16, 1)), ((0, 0), (16, 1)), ((65535, 0), (16, 1)),
])
def test_a_window_is_granted_up_to_the_nodes_own(subject, asked, expected):
    """PS3.7 §D.3.3.3: equal to or less than what was offered; 0 is any number."""
    assert granted(subject, negotiated.window(*asked)) == expected


def test_no_window_is_answered_where_none_was_asked_for(subject):
    """PS3.7 §D.3.3.3: not in the indication, not in the response."""
    assert granted(subject) is None


@pytest.mark.only("causeway")
def test_the_window_is_a_setting(make_subject):
    """`[dimse] operations`."""
    node = make_subject(settings={"CAUSEWAY_DIMSE__OPERATIONS": "3"})
    assert granted(node, negotiated.window(8)) == (3, 1)


def requests(items, first=1):
    """C-STORE requests with their data sets, numbered from `first`."""
    pdus = []
    for number, item in enumerate(items, first):
        content = data.encoded(item)
        pieces = [content[at:at + 16000] for at in range(0, len(content), 16000)]
        pdus.append(wire.p_data(3, 0x03, wire.store_rq(CT, item.SOPInstanceUID, number)) + b"".join(
            wire.p_data(3, 0x02 if at == len(pieces) - 1 else 0x00, piece) for at, piece in enumerate(pieces)
        ))
    return pdus


def answers(peer, count):
    """Message ID and status of the next `count` answers."""
    found = []
    for _ in range(count):
        kind, body = peer.receive()
        assert kind == wire.P_DATA, f"PDU type {kind} after {len(found)} answers"
        elements = scripted.elements(body[6:])
        found.append((struct.unpack("<H", elements[0x0120])[0], struct.unpack("<H", elements[0x0900])[0]))
    return found


def test_requests_one_after_another_are_each_answered(subject):
    """PS3.7 §D.3.3.3: every request has its answer, by its Message ID, in whatever order; and is kept."""
    items = data.study(1, 16)
    with Wire(subject, seconds=60) as peer:
        peer.established(asking(subject, negotiated.window(16)))
        peer.send(b"".join(requests(items)))
        found = answers(peer, len(items))
        assert sorted(found) == [(number, 0) for number in range(1, 17)]
        peer.send(b"".join(requests(items, first=101)))
        assert sorted(answers(peer, len(items))) == [(number, 0) for number in range(101, 117)]
        peer.send(wire.pdu(wire.RELEASE_RQ, bytes(4)))
        assert peer.receive() == (wire.RELEASE_RP, bytes(4))
    assert len(matches(subject, identifier("IMAGE", StudyInstanceUID=items[0].StudyInstanceUID,
                                           SeriesInstanceUID=items[0].SeriesInstanceUID, SOPInstanceUID=""))) == 16


def test_large_and_small_ones_together(subject):
    """Answers that become due while a large instance is still coming do not disturb it."""
    items = [data.instance(rows=rows) for rows in (16, 16, 60000, 16, 16, 60000, 16)]
    with Wire(subject, seconds=60) as peer:
        peer.established(asking(subject, negotiated.window(8)))
        peer.send(b"".join(requests(items)))
        assert sorted(answers(peer, len(items))) == [(number, 0) for number in range(1, 8)]
    web = Web(subject.dicomweb)
    for item in items:
        assert data.split(web.file(item))[1] == data.encoded(item)


@pytest.mark.orthanc_fails(reason="has no operations window, and other statuses")
def test_a_failure_is_that_of_its_own_request(subject):
    """PS3.7 §9.1.1: the status is that of the request whose Message ID the answer has."""
    items = data.study(1, 6)
    pdus = requests(items)
    other = wire.p_data(3, 0x03, wire.store_rq(CT, data.uid(), 4))
    pdus[3] = other + pdus[3][len(wire.p_data(3, 0x03, wire.store_rq(CT, items[3].SOPInstanceUID, 4))):]
    with Wire(subject, seconds=60) as peer:
        peer.established(asking(subject, negotiated.window(8)))
        peer.send(b"".join(pdus))
        found = dict(answers(peer, 6))
    assert found.pop(4) & 0xFF00 == 0xA900
    assert found == {1: 0, 2: 0, 3: 0, 5: 0, 6: 0}


@pytest.mark.orthanc_fails(reason="sends further responses where the search is over")
def test_another_operation_waits_for_the_stores_before_it(subject):
    """An echo or a query behind stores is answered when these are, so that a query finds what they brought."""
    items = data.study(1, 5)
    query = data.explicit_little_endian(identifier(
        "IMAGE", StudyInstanceUID=items[0].StudyInstanceUID, SeriesInstanceUID=items[0].SeriesInstanceUID,
        SOPInstanceUID="",
    ))
    find = str(FIND["STUDY"])
    contexts = wire.context(1) + wire.context(3, CT, (wire.EXPLICIT,)) + wire.context(5, find, (wire.EXPLICIT,))
    command = wire.command(
        e0002=find.encode() + b"\0" * (len(find) % 2), e0100=struct.pack("<H", 0x0020), e0110=struct.pack("<H", 77),
        e0700=struct.pack("<H", 0), e0800=struct.pack("<H", 0),
    )
    with Wire(subject, seconds=60) as peer:
        peer.established(asking(subject, negotiated.window(8), contexts=contexts))
        peer.send(b"".join(requests(items)) + wire.p_data(5, 0x03, command) + wire.p_data(5, 0x02, query)
                  + wire.p_data(1, 0x03, wire.echo_rq(88)))
        stores = sorted(answers(peer, 5))
        assert stores == [(number, 0) for number in range(1, 6)]
        found = 0
        while True:
            kind, body = peer.receive()
            assert kind == wire.P_DATA
            if not body[5] & 1:
                continue
            elements = scripted.elements(body[6:])
            message, status = (struct.unpack("<H", elements[name])[0] for name in (0x0120, 0x0900))
            if message == 88:
                assert status == 0
                break
            assert message == 77
            found += status in (0xFF00, 0xFF01)
    assert found == 5


@pytest.mark.only("causeway")
def test_what_was_sent_to_its_end_is_kept_when_the_line_breaks(subject):
    """An instance that was read whole is kept, though there is no one left to be told."""
    items = data.study(1, 8)
    with Wire(subject, seconds=60) as peer:
        peer.established(asking(subject, negotiated.window(8)))
        peer.send(b"".join(requests(items)))
        answers(peer, 1)
    web = Web(subject.dicomweb)
    deadline = time.monotonic() + 20
    while not all(web.has(item) for item in items):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def sending(make_subject, port, *trigger, operations=8, associations=1):
    """A node that sends on all it gets."""
    node = make_subject(settings={
        "CAUSEWAY_FORWARD__OPERATIONS": str(operations),
        "CAUSEWAY_FORWARD__ASSOCIATIONS_PER_DESTINATION": str(associations),
    })
    node.run("remote", "add", "far", "--ae-title", "FAR", "--host", "127.0.0.1", "--port", str(port))
    node.run("route", "add", "to-far", "--when", "true", "--to", "far", *(trigger or ("--trigger", "instance")))
    return node


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("window", "most"), [(None, 1), (1, 1), (4, 4), (0, 8), (100, 8)])
def test_as_many_are_sent_at_once_as_both_sides_said(make_subject, window, most):
    """PS3.7 §D.3.3.3: as requestor, never more than granted and never more than offered; answers in reverse order."""
    items = data.study(1, 24)
    with Gatherer(window=window, gathers=most) as far:
        node = sending(make_subject, far.port)
        assert store(node, *items) == [0] * len(items)
        states = node.decided(len(items))
    assert set(states.values()) == {"delivered"}
    assert set(far.proposed) == {(8, 1)}
    assert sorted(far.kept) == sorted(item.SOPInstanceUID for item in items)
    assert far.most == most


@pytest.mark.only("causeway")
def test_a_node_that_is_told_to_sends_one_after_another(make_subject):
    """`[forward] operations = 1`: no window is proposed."""
    items = data.study(1, 4)
    with Gatherer(window=8, gathers=1) as far:
        node = sending(make_subject, far.port, operations=1)
        assert store(node, *items) == [0] * 4
        assert set(node.decided(4).values()) == {"delivered"}
    assert set(far.proposed) == {None}


@pytest.mark.only("causeway")
def test_the_right_ones_fail(make_subject):
    """PS3.7 §9.1.1: an answer is for the request that it names, whatever the order."""
    items = data.study(1, 16)
    refused = {item.SOPInstanceUID for item in items[2::5]}
    with Gatherer(window=8, gathers=4, refused=refused) as far:
        node = sending(make_subject, far.port)
        assert store(node, *items) == [0] * len(items)
        states = node.decided(len(items))
    assert {uid for uid, state in states.items() if state == "delivered"} == {
        item.SOPInstanceUID for item in items} - refused
    assert {uid for uid, state in states.items() if state == "parked"} == refused
    assert refused.isdisjoint(far.kept)


@pytest.mark.only("causeway")
@pytest.mark.parametrize("window", [4, 1, None])
def test_the_sub_operations_of_a_move_overlap_as_well(make_subject, window):
    """PS3.7 §D.3.3.3 and PS3.4 §C.4.2: as many as the destination grants; the counts are right all the same."""
    items = data.study(1, 12)
    node = make_subject(settings={"CAUSEWAY_DIMSE__MOVE_ASSOCIATIONS": "1"})
    assert store(node, *items) == [0] * len(items)
    refused = {items[5].SOPInstanceUID}
    with Gatherer(window=window, gathers=window or 1, refused=refused) as far:
        node.add_remote("far", "FAR", far.port)
        query = identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID)
        final, failed, _ = move(node, query, "FAR")
    assert final.Status == 0xB000
    assert (final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations) == (11, 1)
    assert failed is not None and failed.FailedSOPInstanceUIDList == refused.pop()
    assert far.most == (window or 1)
    assert set(far.proposed) == {(16, 1)}
    assert len(far.kept) == 11


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("associations", "operations"), [(1, 1), (1, 8), (4, 1), (4, 8)])
def test_from_node_to_node_over_a_long_line(make_subject, record_property, associations, operations):
    """Both sides of our own, 25 ms apart; how long it takes is recorded, not judged."""
    items = data.study(1, 96)
    far = make_subject(ae_title="FAR")
    with BadLine(far.dimse_port, round_trip_ms=50) as line:
        # All become due at once, when the study has been quiet for a moment.
        node = sending(
            make_subject, line.port, "--trigger", "study", "--quiet", "2", operations=operations,
            associations=associations,
        )
        assert store(node, *items) == [0] * len(items)
        states = node.decided(len(items))
        passed = line.count()
    assert set(states.values()) == {"delivered"}
    web = Web(far.dicomweb)
    assert all(web.has(item) for item in items)
    seconds = passed["busy_ms"] / 1000
    record_property("seconds", seconds)
    how = f"{associations} associations, {operations} at once on each, 25 ms each way"
    print(f"{len(items)} instances, {how}: {seconds} s")

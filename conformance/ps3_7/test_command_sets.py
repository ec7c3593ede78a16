"""PS3.7 §6.3.1 and annex E: command sets, byte by byte: those the server answers with, and those it sends itself."""

import struct
import time

import pytest
from pydicom.dataset import Dataset

import data
import wire
from acceptor import Acceptor, checked, number
from clients import associate, identifier, move, stored
from subjects.base import free_port
from wire import CT_IMAGE, EXPLICIT, IMPLICIT, Wire

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
NO_DATA_SET = 0x0101


def query(keys, syntax=IMPLICIT):
    """An identifier's bytes; `keys` are tags and values, in order."""
    vrs = {0x0052: b"CS", 0x000D: b"UI", 0x0020: b"LO", 0x0010: b"PN"}
    content = b""
    for (group, element), value in keys:
        value += b" " * (len(value) % 2)
        if syntax == IMPLICIT:
            content += struct.pack("<HHI", group, element, len(value)) + value
        else:
            content += struct.pack("<HH2sH", group, element, vrs[element], len(value)) + value
    return content


def request(field, sop_class, message=7, **more):
    """A request with a data set behind it."""
    return wire.command(
        e0002=sop_class.encode() + b"\0" * (len(sop_class) % 2), e0100=struct.pack("<H", field),
        e0110=struct.pack("<H", message), e0700=struct.pack("<H", 0), e0800=struct.pack("<H", 1), **more,
    )


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT], ids=["implicit", "explicit"])
def test_the_answer_to_an_echo(subject, syntax):
    """PS3.7 §9.3.5.2: in implicit VR little endian on any context; what it answers; that no data set follows."""
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title, contexts=wire.context(1, syntaxes=(syntax,))))
        peer.send(wire.p_data(1, 0x03, wire.echo_rq(513)))
        ((command, body),) = peer.answers()
    answer = checked(command)
    assert (number(answer[0x0100]), number(answer[0x0120])) == (0x8030, 513)
    assert (number(answer[0x0800]), number(answer[0x0900]), body) == (NO_DATA_SET, 0, b"")


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT], ids=["implicit", "explicit"])
def test_the_answers_to_a_search(subject, syntax):
    """PS3.7 §9.3.2.2: a pending response says that an identifier follows, the final one that none does."""
    items = stored(subject, *data.study(series=1, instances=1))
    keys = [((0x0008, 0x0052), b"STUDY"), ((0x0020, 0x000D), items[0].StudyInstanceUID.encode())]
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title, contexts=wire.context(1, FIND, (syntax,))))
        peer.send(wire.message(1, request(0x0020, FIND), query(keys, syntax)))
        (pending, found), (final, nothing) = peer.answers()
    assert number(checked(pending)[0x0800]) != NO_DATA_SET and found
    assert number(checked(pending)[0x0900]) in (0xFF00, 0xFF01)
    assert number(checked(final)[0x0800]) == NO_DATA_SET and nothing == b""
    assert {number(checked(command)[0x0120]) for command in (pending, final)} == {7}


def test_the_answers_to_a_move_that_fails(subject):
    """PS3.7 §9.3.4.2: a refusal is a command set like any other."""
    keys = [((0x0008, 0x0052), b"STUDY"), ((0x0020, 0x000D), data.uid().encode())]
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title, contexts=wire.context(1, MOVE)))
        peer.send(wire.message(1, request(0x0021, MOVE, e0600=b"NOBODYATALL "), query(keys)))
        *_, (final, _) = peer.answers()
    answer = checked(final)
    assert number(answer[0x0100]) == 0x8021
    assert number(answer[0x0900]) != 0


@pytest.mark.only("causeway")
@pytest.mark.parametrize("field", [0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150])
def test_a_service_that_is_not_served(subject, field):
    """PS3.7 §9.3.1.2 and annex C.5: 0211, unrecognized operation, or another failure; the association goes on."""
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title))
        asked = wire.command(
            e0003=wire.VERIFICATION.encode() + b"\0", e0100=struct.pack("<H", field), e0110=struct.pack("<H", 3),
            e0800=struct.pack("<H", NO_DATA_SET), e1001=b"1.2.3\0",
        )
        peer.send(wire.p_data(1, 0x03, asked))
        ((command, _),) = peer.answers()
        answer = checked(command)
        assert number(answer[0x0100]) == field | 0x8000
        assert number(answer[0x0120]) == 3
        assert number(answer[0x0900]) not in (0x0000, 0xFF00)
        peer.send(wire.p_data(1, 0x03, wire.echo_rq()))
        ((command, _),) = peer.answers()
        assert number(checked(command)[0x0900]) == 0


def test_the_requests_of_a_move(subject):
    """PS3.7 §9.3.1.1: the C-STORE requests that the server sends; each with a Message ID of its own on its
    association, a priority that there is, and who asked."""
    items = stored(subject, *data.study(series=1, instances=5))
    with Acceptor(f"RAW{free_port()}") as other:
        subject.add_remote(other.ae_title.lower(), other.ae_title, other.port)
        status, _, _ = move(subject, identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID), other.ae_title)
    assert status.Status == 0x0000
    assert other.uids() == {item.SOPInstanceUID for item in items}
    for message in other.messages:
        asked = checked(message.command)
        assert number(asked[0x0100]) == 0x0001
        assert asked[0x0002].rstrip(b"\0").decode() == message.abstract == CT_IMAGE
        assert number(asked[0x0700]) in (0, 1, 2)
        assert number(asked[0x0800]) != NO_DATA_SET
        assert asked[0x1030].strip() == b"CONFORMANCE" and number(asked[0x1031]) == 1
    if len(other.requests) == 1:
        numbers = [number(checked(message.command)[0x0110]) for message in other.messages]
        assert len(set(numbers)) == len(numbers)


def halves(content):
    """Two parts of even length."""
    half = len(content) // 4 * 2
    return content[:half], content[half:]


CUTS = {
    "in one PDU": lambda command, body: wire.pdu(wire.P_DATA, value(3, command) + value(2, body)),
    "four values in one PDU": lambda command, body: wire.pdu(
        wire.P_DATA, value(1, halves(command)[0]) + value(3, halves(command)[1]) + value(0, halves(body)[0])
        + value(2, halves(body)[1]),
    ),
    "the end of the command with the start of the data set": lambda command, body: (
        wire.p_data(1, 1, halves(command)[0])
        + wire.pdu(wire.P_DATA, value(3, halves(command)[1]) + value(0, halves(body)[0]))
        + wire.p_data(1, 2, halves(body)[1])
    ),
    "an empty last fragment": lambda command, body: (
        wire.p_data(1, 1, command) + wire.p_data(1, 3, b"") + wire.p_data(1, 0, body) + wire.p_data(1, 2, b"")
    ),
    "values of two bytes": lambda command, body: b"".join(
        [wire.p_data(1, 1, command[at:at + 2]) for at in range(0, len(command) - 2, 2)]
        + [wire.p_data(1, 3, command[-2:])]
        + [wire.p_data(1, 0, body[at:at + 2]) for at in range(0, len(body) - 2, 2)] + [wire.p_data(1, 2, body[-2:])]
    ),
}


def value(control, fragment):
    """A presentation data value on context 1."""
    return struct.pack(">IBB", len(fragment) + 2, 1, control) + fragment


# Orthanc goes down over four values in one PDU.
@pytest.mark.parametrize("cut", [
    pytest.param(cut, id=name, marks=[pytest.mark.only("causeway")] if name.startswith("four") else [])
    for name, cut in CUTS.items()
])
@pytest.mark.parametrize("segment", [1 << 20, 7], ids=["at once", "in segments"])
def test_a_message_cut_anywhere(subject, web, cut, segment):
    """PS3.8 §9.3.5.1 and annex E.2: values may be cut and gathered at will, a PDU comes in any number of TCP segments;
    the message control header alone says what a fragment belongs to, and whether it is the last."""
    item = data.instance(rows=2)
    sent = cut(wire.store_rq(CT_IMAGE, item.SOPInstanceUID), data.encoded(item))
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title, contexts=wire.context(1, CT_IMAGE, (EXPLICIT,))))
        for at in range(0, len(sent), segment):
            peer.send(sent[at:at + segment])
        ((command, _),) = peer.answers()
    answer = checked(command)
    assert number(answer[0x0900]) == 0
    assert answer[0x1000].rstrip(b"\0").decode() == item.SOPInstanceUID
    assert web.has(item)


MPPS = "1.2.840.10008.3.1.2.3.3"


def report():
    """An N-CREATE-RQ of a performed procedure step that says that its attribute list is there (0000,0800)."""
    return wire.command(
        e0002=MPPS.encode() + b"\0" * (len(MPPS) % 2), e0100=struct.pack("<H", 0x0140), e0110=struct.pack("<H", 7),
        e0800=struct.pack("<H", 1), e1000=data.uid().encode().ljust(64, b"\0"),
    )


@pytest.mark.only("causeway")
def test_an_empty_data_set_is_a_fragment_of_no_bytes(subject):
    """PS3.7 Table 10.3-9 and PS3.8 annex E: announced, and there; what it lacks is answered."""
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title, contexts=wire.context(1, MPPS)))
        peer.send(wire.message(1, report(), b""))
        ((command, _),) = peer.answers()
    assert number(checked(command)[0x0900]) == 0x0120


@pytest.mark.only("causeway")
@pytest.mark.parametrize("place", ["command", "release"])
def test_a_data_set_that_is_announced_and_does_not_come(own_subject, place):
    """PS3.7 Table 10.3-9: what comes in its place belongs to nothing; an A-ABORT, and the log says what was missed."""
    missed = "a release" if place == "release" else "a fragment of another message"
    with Wire(own_subject) as peer:
        peer.established(wire.associate_rq(own_subject.ae_title, contexts=wire.context(1, MPPS) + wire.context(3)))
        peer.send(wire.p_data(1, 0x03, report()))
        peer.send(wire.pdu(wire.RELEASE_RQ, bytes(4)) if place == "release" else wire.p_data(3, 0x03, wire.echo_rq()))
        kind, _ = peer.receive()
        assert kind == wire.ABORT
    until_said(own_subject, f"a command announced a data set by (0000,0800), and {missed} came in its place")


@pytest.mark.only("causeway")
def test_a_peer_that_announces_an_empty_data_set_and_waits_in_vain(own_subject):
    """pynetdicom says that an empty data set follows and sends none, so that both sides wait; the log says for what."""
    with associate(own_subject, [MPPS], seconds=2) as association:
        status, _ = association.send_n_create(Dataset(), MPPS, data.uid())
    assert "Status" not in status
    until_said(own_subject, "the peer left before the data set came that its command announced")


def until_said(subject, words):
    """Waits until the log has these words."""
    deadline = time.monotonic() + 20
    while words not in subject.log.read_text(errors="replace"):
        assert time.monotonic() < deadline, subject.tail()
        time.sleep(0.1)

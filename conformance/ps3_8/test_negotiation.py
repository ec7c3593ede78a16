"""PS3.8 §7.1 and §9.3: association establishment, by hand-written PDUs."""

import struct

import pytest

import wire
from wire import ABORT, ASSOCIATE_AC, ASSOCIATE_RJ, EXPLICIT, IMPLICIT, RELEASE_RP, Wire


def test_echo_and_release_by_hand(subject):
    """PS3.8 §7.2 and §9.3.7: an association, an echo, an orderly release, and the transport closed."""
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title))
        peer.send(wire.p_data(1, 0x03, wire.echo_rq()))
        kind, _ = peer.receive()
        assert kind == wire.P_DATA
        peer.send(wire.pdu(wire.RELEASE_RQ, bytes(4)))
        assert peer.receive() == (RELEASE_RP, bytes(4))


def test_the_titles_come_back_as_they_were_sent(subject):
    """PS3.8 table 9-17: the AC carries the RQ's called and calling title fields."""
    with Wire(subject) as peer:
        request = wire.associate_rq(subject.ae_title, calling="  SPACED")
        accepted = peer.established(request)
        assert accepted[4:36] == request[10:42]


@pytest.mark.orthanc_fails(reason="is configured to take SOP classes that it does not know")
def test_each_context_has_its_own_result(subject):
    """PS3.8 table 9-18: 0 accepted, 3 abstract syntax, 4 transfer syntaxes; each proposed one is answered."""
    contexts = (
        wire.context(1) + wire.context(3, "1.2.3.4.5.6.7") + wire.context(5, wire.CT_IMAGE, ("1.2.3.4.5.6.8",))
        + wire.context(255, wire.CT_IMAGE, (EXPLICIT,))
    )
    with Wire(subject) as peer:
        found = wire.results(peer.established(wire.associate_rq(subject.ae_title, contexts=contexts)))
    assert found == {1: 0, 3: 3, 5: 4, 255: 0}


@pytest.mark.orthanc_fails(reason="is configured to take SOP classes that it does not know")
def test_no_acceptable_context_is_still_an_association(subject):
    """PS3.8 §9.3.3.2: all contexts refused is no reason to reject the association."""
    with Wire(subject) as peer:
        accepted = peer.established(wire.associate_rq(subject.ae_title, contexts=wire.context(1, "1.2.3.4.5.6.7")))
        assert wire.results(accepted) == {1: 3}


def test_the_same_class_in_two_contexts(subject):
    """PS3.8 §9.3.2.2: an abstract syntax may be proposed more than once; each context has one transfer syntax."""
    contexts = wire.context(1, wire.CT_IMAGE, (IMPLICIT,)) + wire.context(3, wire.CT_IMAGE, (EXPLICIT,))
    with Wire(subject) as peer:
        accepted = peer.established(wire.associate_rq(subject.ae_title, contexts=contexts))
    assert wire.results(accepted) == {1: 0, 3: 0}
    assert accepted.count(item_of(IMPLICIT)) == 1 and accepted.count(item_of(EXPLICIT)) == 1


def item_of(syntax):
    """The transfer syntax sub-item of an AC."""
    return wire.item(0x40, syntax.encode())


def test_unknown_items_are_ignored(subject):
    """PS3.8 §9.3.1: items and sub-items that are not recognized are ignored and skipped."""
    user = wire.item(0x51, struct.pack(">I", 16384)) + wire.item(0x52, b"1.2.3") + wire.item(0x7E, b"unknown")
    with Wire(subject) as peer:
        accepted = peer.established(wire.associate_rq(subject.ae_title, user=user, more=wire.item(0x7F, b"unknown")))
    assert wire.results(accepted) == {1: 0}


def test_the_protocol_version_is_a_bit_field(subject):
    """PS3.8 table 9-11: bit 0 is version 1; the other bits are not tested."""
    with Wire(subject) as peer:
        accepted = peer.established(wire.associate_rq(subject.ae_title, protocol=0x8003))
    assert wire.results(accepted) == {1: 0}


def test_another_protocol_version_is_rejected(subject):
    """PS3.8 table 9-21: result 1, source 2 (ACSE), reason 2: protocol version not supported."""
    assert rejection(subject, wire.associate_rq(subject.ae_title, protocol=0x0002)) == (1, 2, 2)


def test_another_application_context_is_rejected(subject):
    """PS3.8 table 9-21: result 1, source 1, reason 2: application context name not supported."""
    assert rejection(subject, wire.associate_rq(subject.ae_title, application="1.2.3.4")) == (1, 1, 2)


@pytest.mark.only("causeway")
@pytest.mark.parametrize("called", ["NOT-ME", "causeway"])
def test_another_called_title_is_rejected(subject, called):
    """PS3.8 table 9-21: result 1, source 1, reason 7: called AE title not recognized. Titles are case-sensitive."""
    assert rejection(subject, wire.associate_rq(called)) == (1, 1, 7)


def rejection(subject, request):
    """Result, source and reason of the A-ASSOCIATE-RJ that answers."""
    with Wire(subject) as peer:
        peer.send(request)
        received = peer.receive()
        assert received is not None, "closed instead of rejected"
        kind, body = received
        assert kind == ASSOCIATE_RJ, f"PDU type {kind} in place of an A-ASSOCIATE-RJ"
        return tuple(body[1:4])


def test_titles_are_compared_without_padding(subject):
    """PS3.8 table 9-11: leading and trailing spaces of a title are not significant."""
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(f" {subject.ae_title}"))


@pytest.mark.only("causeway")
def test_spaces_are_no_calling_title(subject):
    """PS3.8 table 9-11 and PS3.5 §6.2: a title of spaces only is not a title: rejected (reason 3) or aborted."""
    with Wire(subject) as peer:
        peer.send(wire.associate_rq(subject.ae_title, calling=""))
        kind, body = peer.receive()
        assert (kind, body[3]) == (ASSOCIATE_RJ, 3) or kind == ABORT


def test_the_limit_of_the_requestor_binds_the_server(subject):
    """PS3.8 annex D.1: no P-DATA of the server exceeds the Maximum Length that the requestor gave."""
    user = wire.item(0x51, struct.pack(">I", 128)) + wire.item(0x52, b"1.2.3")
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title, user=user))
        for message in range(1, 6):
            peer.send(wire.p_data(1, 0x03, wire.echo_rq(message)))
            last = False
            while not last:
                kind, body = peer.receive()
                assert kind == wire.P_DATA
                assert len(body) <= 128
                last = bool(body[5] & 0x02)


def test_no_limit_is_zero(subject):
    """PS3.8 annex D.1: Maximum Length 0 is no limit, not a limit of nothing."""
    user = wire.item(0x51, struct.pack(">I", 0)) + wire.item(0x52, b"1.2.3")
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title, user=user))
        peer.send(wire.p_data(1, 0x03, wire.echo_rq()))
        assert peer.receive()[0] == wire.P_DATA


def test_a_command_in_pieces_of_one_byte(subject):
    """PS3.8 §9.3.5 and annex E: a command may come in many values, a PDU in many TCP segments."""
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title))
        content = wire.echo_rq()
        pieces = [content[at:at + 2] for at in range(0, len(content), 2)]
        for piece in pieces[:-1]:
            peer.send(wire.p_data(1, 0x01, piece))
        for byte in wire.p_data(1, 0x03, pieces[-1]):
            peer.send(bytes([byte]))
        assert peer.receive()[0] == wire.P_DATA


def test_several_values_in_one_pdu(subject):
    """PS3.8 §9.3.5: a P-DATA-TF may carry several presentation data values."""
    content = wire.echo_rq()
    half = len(content) // 4 * 2
    values = struct.pack(">IBB", half + 2, 1, 0x01) + content[:half]
    values += struct.pack(">IBB", len(content) - half + 2, 1, 0x03) + content[half:]
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title))
        peer.send(wire.pdu(wire.P_DATA, values))
        assert peer.receive()[0] == wire.P_DATA


def test_a_request_behind_the_request(subject):
    """PS3.8 §9.2: what comes with the same TCP segment as the A-ASSOCIATE-RQ, before the AC, breaks the protocol;
    an abort or an answer, and no hang."""
    with Wire(subject) as peer:
        peer.send(wire.associate_rq(subject.ae_title) + wire.p_data(1, 0x03, wire.echo_rq()))
        kind, _ = peer.receive()
        assert kind in (ASSOCIATE_AC, ABORT)

"""PS3.8 §7.1 and §9.3: association establishment, by hand-written PDUs."""

import struct
import time

import pytest

import negotiated
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


#: Every transfer syntax that the standard has had, by the end of its UID; few servers have seen more in one context.
SYNTAXES = tuple(
    f"1.2.840.10008.1.2{end}" for end in
    ["", ".1", ".1.98", ".1.99", ".2"]
    + [f".4.{number}" for number in [*range(50, 67), 70, *range(80, 82), *range(90, 96), *range(100, 113), *range(201, 206)]]
    + [".5", ".6.1", ".6.2", ".7.1", ".7.2", ".7.3", ".8.1"]
)


def long_request(subject, count, syntaxes, calling="CONFORMANCE"):
    """A request for `count` storage classes, each in all `syntaxes`, with a role and extended negotiation for each."""
    contexts, user = b"", []
    for number in range(count):
        # Classes that there are, over and over: the same one may be proposed in many contexts.
        sop_class = f"1.2.840.10008.5.1.4.1.1.{[1, 2, 4, 20, 7, 128][number % 6]}"
        contexts += wire.context(2 * number + 1, sop_class, syntaxes)
        user += [negotiated.role(sop_class, 1, 1), negotiated.extended(sop_class, b"\3\0\0\0\2\0")]
    return wire.associate_rq(subject.ae_title, calling=calling, contexts=contexts, user=negotiated.user(*user))


@pytest.mark.orthanc_fails(reason="does not answer a request of this length")
def test_as_many_contexts_as_there_are_ids_with_all_syntaxes(subject):
    """PS3.8 §9.3.2.2: ids are odd, 1 to 255, so that 128 contexts fit; the request may be longer than any P-DATA."""
    request = long_request(subject, 128, SYNTAXES)
    assert len(request) > 100_000
    with Wire(subject, seconds=60) as peer:
        accepted = peer.established(request)
        assert wire.results(accepted) == {number: 0 for number in range(1, 256, 2)}
        peer.send(wire.pdu(wire.RELEASE_RQ, bytes(4)))
        assert peer.receive() == (RELEASE_RP, bytes(4))


@pytest.mark.orthanc_fails(reason="does not answer a request of this length")
def test_a_long_request_in_small_and_odd_pieces(subject):
    """PS3.8 §9.1.4: TCP knows no messages; a request comes in whatever pieces it comes in."""
    request = long_request(subject, 128, SYNTAXES)
    with Wire(subject, seconds=60) as peer:
        at, size = 0, 1
        while at < len(request):
            peer.send(request[at:at + size])
            at, size = at + size, size * 3 % 7919 + 1
        assert wire.results(peer.receive()[1]) == {number: 0 for number in range(1, 256, 2)}


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 127, 128])
def test_each_number_of_contexts(subject, count):
    """PS3.8 §9.3.2.2: one answer for each, whatever their number."""
    with Wire(subject, seconds=60) as peer:
        accepted = peer.established(long_request(subject, count, (IMPLICIT, EXPLICIT)))
    assert wire.results(accepted) == {2 * number + 1: 0 for number in range(count)}


@pytest.mark.orthanc_fails(reason="does not answer a request of this length")
def test_a_context_with_very_many_syntaxes(subject):
    """PS3.8 §9.3.2.2: any number of transfer syntaxes that its item can hold, the known one last but few."""
    syntaxes = tuple(f"1.2.826.0.1.3680043.8.498.9.{number}" for number in range(250)) + (IMPLICIT,)
    with Wire(subject, seconds=60) as peer:
        assert wire.results(peer.established(
            wire.associate_rq(subject.ae_title, contexts=wire.context(1, syntaxes=syntaxes)))) == {1: 0}


def test_user_information_up_to_its_last_byte(subject):
    """PS3.7 annex D.3.3: user information is as long as its 16-bit length says, 65535 bytes at most."""
    there = len(negotiated.user())
    for total in (65535, 65534, 40001):
        filling, space = [], total - there
        while space > 0:
            size = min(space, 9000) if space < 9000 or space - 9000 >= 4 else space - 4
            filling.append(wire.item(0x7E, bytes(size - 4)))
            space -= size
        user = negotiated.user(*filling)
        assert len(user) == total
        with Wire(subject, seconds=60) as peer:
            accepted = peer.established(wire.associate_rq(subject.ae_title, user=user))
            assert wire.results(accepted) == {1: 0}


@pytest.mark.only("causeway")
def test_a_remote_has_as_many_associations_as_it_may(make_subject):
    """PS3.8 table 9-21: result 2 (transient), source 3, reason 2: local limit exceeded; others are not held to it."""
    node = make_subject()
    node.run("remote", "add", "few", "--ae-title", "FEW", "--associations", "2")
    request = wire.associate_rq(node.ae_title, calling="FEW")
    with Wire(node) as one, Wire(node) as two:
        one.established(request)
        two.established(request)
        assert rejection(node, request) == (2, 3, 2)
        assert "causeway remote add few … --associations" in node.tail()
        with Wire(node) as other:
            other.established(wire.associate_rq(node.ae_title, calling="OTHER"))
        two.send(wire.pdu(wire.RELEASE_RQ, bytes(4)))
        assert two.receive() == (RELEASE_RP, bytes(4))
        assert two.kinds_until_closed() == []
        established_soon(node, request)
    # Both are gone without a word: their places are free as well, once that is noticed.
    established_soon(node, request)


def established_soon(node, request, tries=50):
    """An association, when a place has become free."""
    for _ in range(tries):
        with Wire(node) as trial:
            trial.send(request)
            received = trial.receive()
            if received is not None and received[0] == ASSOCIATE_AC:
                return
        time.sleep(0.1)
    raise AssertionError("no place became free")


@pytest.mark.only("causeway")
def test_a_remote_may_call_from_its_networks(make_subject):
    """A network in place of an address; one that does not hold the caller keeps it out, unless it is this machine."""
    node = make_subject()
    node.run("remote", "add", "near", "--ae-title", "NEAR", "--address", "127.0.0.0/8", "--user", "someone")
    node.run("remote", "add", "away", "--ae-title", "AWAY", "--address", "10.0.0.0/8,192.168.7.9", "--user", "someone")
    # Whoever is taken for the remote must show who it is; a stranger on this very machine need not.
    assert rejection(node, wire.associate_rq(node.ae_title, calling="NEAR")) == (1, 2, 1)
    with Wire(node) as peer:
        peer.established(wire.associate_rq(node.ae_title, calling="AWAY"))


@pytest.mark.only("causeway")
def test_a_remote_that_cannot_bear_large_pdus(make_subject):
    """PS3.8 annex D.1: the quirk `small-pdus` announces 16 KiB to that remote alone."""
    node = make_subject()
    node.run("remote", "add", "small", "--ae-title", "SMALL", "--quirk", "small-pdus")
    for calling, expected in [("SMALL", 16 * 1024), ("OTHER", 256 * 1024)]:
        with Wire(node) as peer:
            accepted = peer.established(wire.associate_rq(node.ae_title, calling=calling))
        assert negotiated.answers(accepted)[negotiated.MAXIMUM_LENGTH] == [struct.pack(">I", expected)]

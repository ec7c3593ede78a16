"""PS3.8 §9.2: what breaks the protocol ends its own association and nothing else."""

import struct
import time

import pytest
from pynetdicom.sop_class import Verification

import wire
from clients import associate, echo
from wire import ABORT, Wire


@pytest.fixture(autouse=True)
def still_answers(subject):
    """Whatever came, another peer is served."""
    yield
    assert echo(subject) == 0x0000


FIRST = {
    "an unknown PDU type": wire.pdu(0x99, b"what is this"),
    "PDU type zero": wire.pdu(0x00, b""),
    "a request of 4 GB": wire.pdu(wire.ASSOCIATE_RQ, b"\0\1" + bytes(100), length=0xFFFFFFFF),
    "a request of 2 GB": wire.pdu(wire.ASSOCIATE_RQ, b"\0\1" + bytes(100), length=0x7FFFFFFF),
    "an empty request": wire.pdu(wire.ASSOCIATE_RQ, b""),
    "a request that ends in its titles": wire.pdu(wire.ASSOCIATE_RQ, b"\0\1\0\0" + b"A" * 20),
    "an item longer than the request": wire.pdu(
        wire.ASSOCIATE_RQ, b"\0\1\0\0" + b"A" * 32 + bytes(32) + b"\x10\0\xff\xff" + b"1.2",
    ),
    "data before an association": wire.p_data(1, 0x03, wire.echo_rq()),
    "a release before an association": wire.pdu(wire.RELEASE_RQ, bytes(4)),
    "an accept before an association": wire.pdu(wire.ASSOCIATE_AC, bytes(68)),
    "HTTP": b"GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: lost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "0xFF": b"\xff" * 4096,
}


@pytest.mark.parametrize("content", FIRST.values(), ids=FIRST.keys())
def test_as_the_first_bytes(subject, content):
    """PS3.8 table 9-10, Sta2: the transport is closed, perhaps after an abort or a rejection."""
    with Wire(subject) as peer:
        peer.send(content)
        peer.finish()
        assert set(peer.kinds_until_closed()) <= {ABORT, wire.ASSOCIATE_RJ}


@pytest.mark.parametrize("size", [1, 5, 6, 74])
def test_half_a_request_then_nothing(subject, size):
    """PS3.8 §9.1.4: a peer that goes away in the middle leaves nothing behind."""
    with Wire(subject) as peer:
        peer.send(wire.associate_rq(subject.ae_title)[:size])
        peer.finish()
        assert set(peer.kinds_until_closed()) <= {ABORT}


SECOND = {
    "a second request": lambda title: wire.associate_rq(title),
    "an accept": lambda title: wire.pdu(wire.ASSOCIATE_AC, bytes(68)),
    "an unknown PDU type": lambda title: wire.pdu(0x99, b"what is this"),
    "a value longer than its PDU": lambda title: wire.pdu(wire.P_DATA, struct.pack(">IBB", 0xFFFF, 1, 3) + b"short"),
    "a value of 4 GB": lambda title: wire.pdu(wire.P_DATA, struct.pack(">IBB", 0xFFFFFFFF, 1, 3) + bytes(64)),
    "a value without a header": lambda title: wire.pdu(wire.P_DATA, struct.pack(">I", 0)),
    "a PDU of 4 GB": lambda title: wire.pdu(wire.P_DATA, struct.pack(">IBB", 50, 1, 3) + bytes(48), length=0xFFFFFFFF),
    "a context that was not proposed": lambda title: wire.p_data(77, 0x03, wire.echo_rq()),
    "a command that is none": lambda title: wire.p_data(1, 0x03, b"\xde\xad\xbe\xef" * 20),
    "a command whose element claims 4 GB": lambda title: wire.p_data(
        1, 0x03, struct.pack("<HHI", 0, 0x0100, 0xFFFFFFFE) + b"\0\0",
    ),
    "a data set before its command": lambda title: wire.p_data(1, 0x02, bytes(64)),
}


@pytest.mark.parametrize("content", SECOND.values(), ids=SECOND.keys())
def test_within_an_association(subject, content):
    """PS3.8 table 9-10, Sta6: A-ABORT (action AA-8) or closed."""
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title))
        peer.send(content(subject.ae_title))
        peer.finish()
        assert set(peer.kinds_until_closed()) <= {ABORT, wire.P_DATA}


@pytest.mark.only("causeway")
def test_an_unexpected_pdu_is_aborted_with_its_reason(subject):
    """PS3.8 table 9-26: source 2 (provider), reason 2 (unexpected PDU); 1 for an unrecognized one."""
    for content, reasons in ((wire.associate_rq(subject.ae_title), {2}), (wire.pdu(0x99, b"what"), {1})):
        with Wire(subject) as peer:
            peer.established(wire.associate_rq(subject.ae_title))
            peer.send(content)
            kind, body = peer.receive()
            assert kind == ABORT
            assert body[2] == 2 and body[3] in reasons


def test_an_endless_command_is_cut_off(subject):
    """A command set has a bound: one that never ends is not gathered for ever."""
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title))
        before = subject.resident_bytes()
        piece = wire.p_data(1, 0x01, bytes(16000))
        for _ in range(2000):  # 32 MB
            peer.send(piece)
        peer.finish()
        assert subject.resident_bytes() - before < 128 << 20
        peer.kinds_until_closed()


@pytest.mark.orthanc_fails(reason="takes one handshake at a time")
def test_a_peer_that_says_nothing_holds_nobody_up(subject):
    """PS3.8 §9.1.5: connections that wait on their ARTIM timer do not keep others out."""
    silent = [Wire(subject) for _ in range(8)]
    try:
        assert echo(subject, seconds=5) == 0x0000
    finally:
        for peer in silent:
            peer.__exit__()


@pytest.mark.only("causeway")
def test_a_peer_that_says_nothing_is_closed(subject):
    """PS3.8 §9.1.5: the ARTIM timer ends a connection on which no A-ASSOCIATE-RQ comes."""
    with Wire(subject) as peer:
        start = time.monotonic()
        peer.kinds_until_closed(seconds=60)
        assert time.monotonic() - start > 1, "closed before a slow peer could speak"


def test_an_abort_ends_its_own_association_only(subject):
    """PS3.8 §7.3: A-ABORT is destructive to the association it comes on."""
    with associate(subject, [Verification]) as other:
        with Wire(subject) as peer:
            peer.established(wire.associate_rq(subject.ae_title))
            peer.send(wire.pdu(ABORT, bytes(4)))
            assert peer.kinds_until_closed() == []
        assert other.send_c_echo().Status == 0x0000


def test_many_connections_come_and_go(subject):
    """No connection leaves something behind that adds up."""
    for _ in range(200):
        with Wire(subject) as peer:
            peer.send(wire.associate_rq(subject.ae_title)[:40])

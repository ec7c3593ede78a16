"""PS3.4 §C.4.3 and PS3.8 §9.2: a requestor of C-GET that breaks off, or breaks the protocol, while it is given instances
on its own association. It ends its own association and nothing else."""

import struct

import pytest

import data
import wire
from acceptor import checked, number, values
from clients import echo, stored
from subjects import SUBJECTS
from wire import ABORT, CT_IMAGE, EXPLICIT, IMPLICIT, P_DATA, Wire

GET = "1.2.840.10008.5.1.4.1.2.2.3"
IDLE = 4
STORE_RQ, STORE_RSP, GET_RSP, ECHO_RSP = 0x0001, 0x8001, 0x8010, 0x8030


@pytest.fixture(scope="module")
def held(subject):
    """One study of three instances."""
    return stored(subject, *data.study(series=1, instances=3))


@pytest.fixture(autouse=True)
def still_answers(subject):
    """Whatever came, another peer is served."""
    yield
    assert echo(subject) == 0x0000


def even(text):
    """A UID, padded."""
    return str(text).encode() + b"\0" * (len(text) % 2)


class Requestor:
    """A requestor by hand, in both roles for CT images."""

    def __init__(self, peer, subject, items):
        self.peer = peer
        contexts = wire.context(1, GET, (IMPLICIT,)) + wire.context(3, CT_IMAGE, (EXPLICIT,)) + wire.context(5)
        role = struct.pack(">H", len(CT_IMAGE)) + CT_IMAGE.encode() + b"\1\1"
        user = wire.item(0x51, struct.pack(">I", 16384)) + wire.item(0x52, b"1.2.3.4") + wire.item(0x54, role)
        accepted = peer.established(wire.associate_rq(subject.ae_title, contexts=contexts, user=user))
        assert wire.results(accepted) == {1: 0, 3: 0, 5: 0}
        asked = wire.command(
            e0002=even(GET), e0100=struct.pack("<H", 0x0010), e0110=struct.pack("<H", 1), e0700=b"\0\0", e0800=b"\1\0",
        )
        study = even(items[0].StudyInstanceUID)
        query = struct.pack("<HHI", 0x0008, 0x0052, 6) + b"STUDY " + struct.pack("<HHI", 0x0020, 0x000D, len(study)) + study
        peer.send(wire.message(1, asked, query))

    def message(self):
        """The next message's command set, its data set passed over; the PDU type when it is no data."""
        parts = {True: b"", False: b""}
        while True:
            received = self.peer.receive()
            if received is None or received[0] != P_DATA:
                return received and received[0]
            for _, control, fragment in values(received[1]):
                parts[bool(control & 1)] += fragment
                if control & 2 and (not control & 1 or number(checked(parts[True])[0x0800]) == 0x0101):
                    return checked(parts[True])

    def given(self):
        """The next sub-operation's request; pending responses are passed over."""
        while True:
            command = self.message()
            assert isinstance(command, dict), f"PDU type {command}"
            if number(command[0x0100]) == STORE_RQ:
                return command
            assert number(command[0x0100]) == GET_RSP and number(command[0x0900]) == 0xFF00

    def answer(self, command, message=None, field=STORE_RSP, status=0x0000):
        """Answers a sub-operation."""
        self.peer.send(wire.p_data(3, 3, wire.command(
            e0002=command[0x0002], e0100=struct.pack("<H", field), e0120=command[0x0110] if message is None else message,
            e0800=struct.pack("<H", 0x0101), e0900=struct.pack("<H", status), e1000=command[0x1000],
        )))


@pytest.mark.parametrize("leave", ["abort", "close", "reset"])
@pytest.mark.parametrize("after", [0, 1])
def test_who_leaves_in_the_middle(subject, held, leave, after):
    """PS3.8 §7.3: the operation ends with its association."""
    with Wire(subject) as peer:
        requestor = Requestor(peer, subject, held)
        for _ in range(after):
            requestor.answer(requestor.given())
        requestor.given()
        if leave == "abort":
            peer.send(wire.pdu(ABORT, bytes(4)))
            assert set(peer.kinds_until_closed()) <= {P_DATA}
        elif leave == "reset":
            peer.reset()


LIES = {
    "an answer to another message": lambda requestor, command: requestor.answer(command, struct.pack("<H", 999)),
    "an answer of another kind": lambda requestor, command: requestor.answer(command, field=0x8020),
    "a command that is none": lambda requestor, _: requestor.peer.send(wire.p_data(3, 3, b"\xde\xad\xbe\xef" * 9)),
    "a data set without a command": lambda requestor, _: requestor.peer.send(wire.p_data(3, 2, bytes(8))),
    "a second request for an association": lambda requestor, _: requestor.peer.send(wire.associate_rq("X")),
    "an answer to a release": lambda requestor, _: requestor.peer.send(wire.pdu(wire.RELEASE_RP, bytes(4))),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_who_breaks_the_protocol_in_the_middle(subject, held, lie):
    """PS3.8 table 9-10 and PS3.7 §9.1.1: A-ABORT, or the end of the connection."""
    with Wire(subject) as peer:
        requestor = Requestor(peer, subject, held)
        lie(requestor, requestor.given())
        peer.finish()
        assert set(peer.kinds_until_closed()) <= {ABORT, P_DATA}


@pytest.mark.orthanc_fails(reason="goes on giving, and closes")
def test_a_release_in_the_middle(subject, held):
    """PS3.8 §7.2: a release while an operation runs is answered, or the association is aborted; no hang."""
    with Wire(subject) as peer:
        requestor = Requestor(peer, subject, held)
        requestor.given()
        peer.send(wire.pdu(wire.RELEASE_RQ, bytes(4)))
        peer.finish()
        kinds = peer.kinds_until_closed()
        assert kinds[-1] in (wire.RELEASE_RP, ABORT)


@pytest.mark.orthanc_fails(reason="answers with a group length that does not count right")
def test_a_request_in_the_middle(subject, held):
    """PS3.7 §9.1: a request of the requestor's own while it is given instances is answered, whichever way, and the
    instances go on."""
    with Wire(subject) as peer:
        requestor = Requestor(peer, subject, held)
        command = requestor.given()
        peer.send(wire.p_data(5, 3, wire.echo_rq(77)))
        requestor.answer(command)
        fields, completed = [], None
        while completed is None:
            command = requestor.message()
            assert isinstance(command, dict), f"PDU type {command}"
            fields.append(number(command[0x0100]))
            if fields[-1] == STORE_RQ:
                requestor.answer(command)
            elif fields[-1] == GET_RSP and number(command[0x0900]) != 0xFF00:
                completed = number(command[0x1021])
        assert completed == len(held)
        assert fields.count(ECHO_RSP) == 1 or requestor.message()[0x0100] == struct.pack("<H", ECHO_RSP)


@pytest.mark.only("causeway")
def test_who_never_answers():
    """A sub-operation that is not answered ends with the timer, and its association with it."""
    node = SUBJECTS["causeway"](settings={"CAUSEWAY_DIMSE__IDLE_SECONDS": str(IDLE), "CAUSEWAY_DIMSE__ARTIM_SECONDS": "2"})
    node.start()
    try:
        items = stored(node, *data.study(series=1, instances=2))
        with Wire(node) as peer:
            Requestor(peer, node, items).given()
            assert peer.kinds_until_closed(seconds=60)[-1:] == [ABORT]
        assert echo(node) == 0x0000
    finally:
        node.remove()

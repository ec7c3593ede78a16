"""PS3.8 §9.1.4 and §9.1.5: how long the server waits for what, by timers of a second or two."""

import time

import pytest
from pynetdicom.sop_class import Verification

import data
import wire
from clients import MOVE, Receiver, Web, associate, contexts_of, echo, identifier, stored
from subjects.base import free_port
from wire import ABORT, CT_IMAGE, EXPLICIT, P_DATA, RELEASE_RP, Wire

pytestmark = pytest.mark.only("causeway")

ARTIM, READ, IDLE = 2, 1, 4


@pytest.fixture(scope="module")
def impatient(request):
    """A node with short timers."""
    from subjects import SUBJECTS
    settings = {"ARTIM_SECONDS": ARTIM, "READ_SECONDS": READ, "IDLE_SECONDS": IDLE}
    node = SUBJECTS["causeway"](settings={f"CAUSEWAY_DIMSE__{name}": str(value) for name, value in settings.items()})
    node.start()
    yield node
    node.remove()


def test_silence_in_place_of_a_request(impatient):
    """PS3.8 table 9-10, Sta2: ARTIM runs out, the connection is closed without a word (AA-2)."""
    with Wire(impatient) as peer:
        start = time.monotonic()
        assert peer.kinds_until_closed() == []
        assert time.monotonic() - start >= ARTIM - 0.5


def test_a_request_that_trickles(impatient):
    """PS3.8 §9.1.5: ARTIM counts to the end of the request, not from byte to byte."""
    with Wire(impatient) as peer:
        for byte in wire.associate_rq(impatient.ae_title)[:60]:
            peer.send(bytes([byte]))
            time.sleep(0.1)
        assert peer.kinds_until_closed() == []


def test_a_peer_that_does_not_close(impatient):
    """PS3.8 table 9-10, Sta13: after a release, and after an abort, ARTIM ends the wait for the close (AA-2)."""
    for content, kind in ((wire.pdu(wire.RELEASE_RQ, bytes(4)), RELEASE_RP), (wire.pdu(0x99, b""), ABORT)):
        with Wire(impatient) as peer:
            peer.established(wire.associate_rq(impatient.ae_title))
            peer.send(content)
            assert peer.kinds_until_closed() == [kind]


def test_half_a_pdu(impatient):
    """A PDU that does not go on is aborted by the server after its own, short wait."""
    with Wire(impatient) as peer:
        peer.established(wire.associate_rq(impatient.ae_title))
        start = time.monotonic()
        peer.send(wire.p_data(1, 0x03, wire.echo_rq())[:20])
        assert peer.kinds_until_closed() == [ABORT]
        assert time.monotonic() - start < IDLE


def test_a_pause_between_messages_is_none_within_a_pdu(impatient):
    """An association may rest for longer than a PDU may pause; and not for ever."""
    with Wire(impatient) as peer:
        peer.established(wire.associate_rq(impatient.ae_title))
        time.sleep(READ * 2)
        peer.send(wire.p_data(1, 0x03, wire.echo_rq()))
        assert peer.receive()[0] == P_DATA
        assert peer.kinds_until_closed() == [ABORT]


def test_a_stalled_transfer_leaves_nothing_and_what_came_before_stays(impatient):
    """PS3.4 §B.4.1: the partial instance is discarded, those before it are kept."""
    whole, part = data.study(series=1, instances=2, rows=512)
    body = data.encoded(part)
    with Wire(impatient) as peer:
        peer.established(wire.associate_rq(impatient.ae_title, contexts=wire.context(1, CT_IMAGE, (EXPLICIT,))))
        first = data.encoded(whole)
        peer.send(wire.p_data(1, 3, wire.store_rq(CT_IMAGE, whole.SOPInstanceUID)))
        for at in range(0, len(first), 8192):
            peer.send(wire.p_data(1, 0, first[at:at + 8192]))
        peer.send(wire.p_data(1, 2, b""))
        peer.answers()
        peer.send(wire.p_data(1, 3, wire.store_rq(CT_IMAGE, part.SOPInstanceUID, 2)) + wire.p_data(1, 0, body[:8192]))
        # In the middle of a PDU, then between two PDUs of one data set.
        peer.send(wire.p_data(1, 0, body[8192:16384])[:100])
        assert peer.kinds_until_closed() == [ABORT]
    web = Web(impatient.dicomweb)
    assert web.has(whole)
    assert not web.has(part)
    with Wire(impatient) as peer:
        peer.established(wire.associate_rq(impatient.ae_title, contexts=wire.context(1, CT_IMAGE, (EXPLICIT,))))
        peer.send(wire.p_data(1, 3, wire.store_rq(CT_IMAGE, part.SOPInstanceUID)) + wire.p_data(1, 0, body[:8192]))
        assert peer.kinds_until_closed() == [ABORT]
    assert not web.has(part)
    with associate(impatient, contexts_of([part])) as association:
        assert association.send_c_store(part).Status == 0x0000
    assert web.has(part)


def test_an_operation_that_takes_long_is_not_idle(impatient):
    """The idle timer is for a peer that has nothing to ask, not for one that waits for its answer."""
    items = stored(impatient, *data.study(series=1, instances=4))
    with Receiver(f"SLOW{free_port()}") as slow:
        slow.pause = 1.5
        impatient.add_remote(slow.ae_title.lower(), slow.ae_title, slow.port)
        with associate(impatient, [MOVE["STUDY"], Verification]) as association:
            query = identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID)
            start = time.monotonic()
            *_, (status, _) = association.send_c_move(query, slow.ae_title, MOVE["STUDY"])
            assert time.monotonic() - start > IDLE
            assert status.Status == 0x0000
            assert association.send_c_echo().Status == 0x0000
    assert echo(impatient) == 0x0000

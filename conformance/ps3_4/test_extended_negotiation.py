"""PS3.4 §C.5.1.1, §C.5.2.1, §C.5.3.1 and §B.3.1: SOP class extended negotiation, and what it changes."""

import pytest
from pynetdicom.pdu_primitives import SOPClassCommonExtendedNegotiation, SOPClassExtendedNegotiation
from pynetdicom.sop_class import Verification

import data
import negotiated
import wire
from clients import FIND, GET, MOVE, Receiver, associate, identifier, stored
from subjects.base import free_port
from wire import Wire

STUDY_FIND, PATIENT_FIND = str(FIND["STUDY"]), str(FIND["PATIENT"])
STUDY_MOVE, STUDY_GET, CT = str(MOVE["STUDY"]), str(GET), wire.CT_IMAGE
PENDING = (0xFF00, 0xFF01)


def answered(subject, *items, contexts=(STUDY_FIND, STUDY_MOVE, STUDY_GET, CT)):
    """The answers to extended negotiation, by SOP class."""
    proposed = b"".join(wire.context(2 * at + 1, uid, (wire.EXPLICIT,)) for at, uid in enumerate(contexts))
    request = wire.associate_rq(subject.ae_title, contexts=proposed, user=negotiated.user(*items))
    with Wire(subject) as peer:
        return negotiated.extended_answers(peer.established(request))


@pytest.mark.orthanc_fails(reason="has no extended negotiation")
def test_relational_queries_and_retrievals_are_granted(subject):
    """PS3.4 tables C.5-2 and C.5-4: a sub-field of 1 is answered with 1 where it is done."""
    found = answered(subject, negotiated.extended(STUDY_FIND, b"\1"), negotiated.extended(STUDY_MOVE, b"\1"))
    assert found == {STUDY_FIND: b"\1", STUDY_MOVE: b"\1"}


@pytest.mark.orthanc_fails(reason="has no extended negotiation")
def test_what_is_not_asked_for_is_not_granted(subject):
    """PS3.4 §C.5.1.1: 0, or a value that there is not, is answered with 0."""
    found = answered(subject, negotiated.extended(STUDY_FIND, b"\0\2\xff\0"), negotiated.extended(STUDY_MOVE, b"\0"))
    assert found == {STUDY_FIND: bytes(4), STUDY_MOVE: b"\0"}


@pytest.mark.orthanc_fails(reason="has no extended negotiation")
def test_a_single_byte_is_answered_with_a_single_byte(subject):
    """PS3.4 §C.5.1.1: and several bytes with no more than were sent."""
    for count in range(1, 9):
        found = answered(subject, negotiated.extended(STUDY_FIND, b"\1" * count))
        assert 1 <= len(found[STUDY_FIND]) <= count
        assert set(found[STUDY_FIND]) <= {0, 1}


@pytest.mark.orthanc_fails(reason="has no extended negotiation")
def test_no_conversion_of_frames(subject):
    """PS3.4 tables C.5-2 and C.5-4: Enhanced Multi-Frame Image Conversion is not done, and not granted."""
    found = answered(subject, negotiated.extended(STUDY_FIND, b"\1" * 5), negotiated.extended(STUDY_MOVE, b"\1\1"))
    assert found[STUDY_FIND][4] == 0
    assert found[STUDY_MOVE] == b"\1\0"


@pytest.mark.orthanc_fails(reason="has no extended negotiation")
def test_storage_says_what_it_keeps(subject):
    """PS3.4 table B.3-2: level 2 (full), signature level 3 (bit-preserving), nothing coerced."""
    assert answered(subject, negotiated.extended(CT, b"\3\0\0\0\2\0")) == {CT: b"\2\0\3\0\0\0"}


@pytest.mark.orthanc_fails(reason="hangs up on a sub-item that is cut short")
def test_nothing_is_answered_to_what_was_not_asked(subject):
    """PS3.4 §C.5.1.1: not in the indication, not in the response; nor for a context that was refused, nor for a class
    that has no extended negotiation."""
    assert answered(subject) == {}
    odd = [
        negotiated.extended("1.2.840.10008.1.1", b"\1"), negotiated.extended("1.2.3.4", b"\1"),
        negotiated.extended(PATIENT_FIND, b"\1"), wire.item(negotiated.EXTENDED, b""),
        wire.item(negotiated.EXTENDED, b"\xff\xff1.2"),
    ]
    assert answered(subject, *odd, contexts=(STUDY_FIND, "1.2.840.10008.1.1")) == {}


@pytest.mark.orthanc_fails(reason="has no extended negotiation")
def test_a_class_asked_for_twice_is_answered_once(subject):
    """PS3.7 §D.3.3.5: one item for each SOP class."""
    items = [negotiated.extended(STUDY_FIND, b"\1"), negotiated.extended(STUDY_FIND, b"\0")]
    request = wire.associate_rq(
        subject.ae_title, contexts=wire.context(1, STUDY_FIND), user=negotiated.user(*items),
    )
    with Wire(subject) as peer:
        assert len(negotiated.answers(peer.established(request))[negotiated.EXTENDED]) == 1


def test_common_extended_negotiation_is_ignored(subject):
    """PS3.7 §D.3.3.6: a class may say which service and which general classes it belongs to; nothing is answered."""
    item = negotiated.common_extended("1.2.3.4.5", "1.2.840.10008.4.2", (CT,))
    contexts = wire.context(1) + wire.context(3, CT, (wire.EXPLICIT,))
    for user in (negotiated.user(item), negotiated.user(item, wire.item(negotiated.COMMON_EXTENDED, b"\xff"))):
        with Wire(subject) as peer:
            accepted = peer.established(wire.associate_rq(subject.ae_title, contexts=contexts, user=user))
            assert wire.results(accepted) == {1: 0, 3: 0}
            assert negotiated.COMMON_EXTENDED not in negotiated.answers(accepted)
            peer.send(wire.p_data(1, 0x03, wire.echo_rq()))
            assert peer.receive()[0] == wire.P_DATA


def negotiating(sop_class, information):
    """The item as pynetdicom has it."""
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid, item.service_class_application_information = sop_class, information
    return item


def series_of(subject, study, items):
    """Final status and number of matches of a query at SERIES level that names no study."""
    count, final = 0, None
    query = identifier("SERIES", PatientID=study.PatientID, SeriesInstanceUID=study.SeriesInstanceUID)
    with associate(subject, [FIND["STUDY"]], ext_neg=items) as association:
        for status, _ in association.send_c_find(query, FIND["STUDY"]):
            final = status.Status
            count += final in PENDING
    return final, count


@pytest.mark.orthanc_fails(reason="has no extended negotiation, and takes relational queries from everyone")
def test_a_relational_query_may_leave_out_the_levels_above(subject):
    """PS3.4 §C.4.1.2.2.1 and §C.4.1.3.2.1: granted, a series is found without its study; not granted, it is A900."""
    item, *_ = stored(subject, data.instance())
    assert series_of(subject, item, [negotiating(STUDY_FIND, b"\1")]) == (0x0000, 1)
    for items in ([], [negotiating(STUDY_FIND, b"\0")]):
        status, count = series_of(subject, item, items)
        assert (status & 0xFF00, count) == (0xA900, 0)


@pytest.mark.orthanc_fails(reason="has no extended negotiation, and takes relational retrievals from everyone")
def test_a_relational_retrieval_may_leave_out_the_levels_above(subject):
    """PS3.4 §C.4.2.2.2.1: an instance is moved without its series and study being named."""
    items = stored(subject, *data.study(1, 2))
    query = identifier("IMAGE", SOPInstanceUID=items[1].SOPInstanceUID)
    with Receiver(f"REL{free_port()}") as receiver:
        subject.add_remote(receiver.ae_title.lower(), receiver.ae_title, receiver.port)
        for negotiation, moved in ([negotiating(STUDY_MOVE, b"\1")], 1), ([], 0):
            receiver.arrivals.clear()
            with associate(subject, [MOVE["STUDY"]], ext_neg=negotiation) as association:
                final = [status.Status for status, _ in association.send_c_move(
                    query, receiver.ae_title, MOVE["STUDY"])][-1]
            assert len(receiver.arrivals) == moved
            assert (final == 0) == bool(moved)


def test_a_requestor_of_another_make_reads_the_answer(subject):
    """PS3.7 §D.3.3.5 and §D.3.3.6: pynetdicom proposes both kinds, and goes on as usual."""
    common = SOPClassCommonExtendedNegotiation()
    common.sop_class_uid, common.service_class_uid = CT, "1.2.840.10008.4.2"
    common.related_general_sop_class_identification = []
    items = [negotiating(STUDY_FIND, b"\1\1\1\1\1"), common]
    with associate(subject, [FIND["STUDY"], Verification], ext_neg=items) as association:
        assert association.send_c_echo().Status == 0x0000

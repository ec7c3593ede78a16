"""PS3.4 §C.4.2.1 and §C.4.2.3.1, PS3.7 annex C: what a destination answers, what the server makes of it, and what it
tells the one who asked."""

import struct
import threading

import pytest

import data
import wire
from acceptor import Acceptor, checked, elements, number
from clients import MOVE, associate, identifier, move, stored
from subjects.base import free_port
from wire import IMPLICIT, Wire

COMPLETED, FAILED, WARNING = "completed", "failed", "warning"
REMAINING = 0x1020


@pytest.fixture(scope="module")
def held(subject):
    """A study of four instances."""
    return stored(subject, *data.study(series=1, instances=4))


def uids(items):
    """The SOP Instance UIDs."""
    return [str(item.SOPInstanceUID) for item in items]


def moved(subject, items, statuses=None, **arguments):
    """Moves the study to an acceptor by hand that answers each instance as told, 0000 otherwise."""
    statuses = statuses or {}
    with Acceptor(f"RAW{free_port()}", status=lambda uid: statuses.get(uid, 0x0000), **arguments) as other:
        subject.add_remote(other.ae_title.lower(), other.ae_title, other.port)
        query = identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID)
        return move(subject, query, other.ae_title)


def counts(status):
    """Completed, failed and warning of a status."""
    return (
        status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations, status.NumberOfWarningSuboperations,
    )


def failed_list(answer):
    """The Failed SOP Instance UID List of an identifier."""
    value = answer.FailedSOPInstanceUIDList
    return {value} if isinstance(value, str) else set(map(str, value))


@pytest.mark.orthanc_fails(reason="counts a warning as a success, and ends a failure with C000")
@pytest.mark.parametrize(("answered", "kind"), [
    (0x0000, COMPLETED), (0x0001, WARNING), (0xB000, WARNING), (0xB006, WARNING), (0xB007, WARNING), (0xBFFF, WARNING),
    (0x0107, WARNING), (0x0116, WARNING), (0x0110, FAILED), (0x0111, FAILED), (0x0117, FAILED), (0x0122, FAILED),
    (0x0124, FAILED), (0x0210, FAILED), (0x0211, FAILED), (0xA700, FAILED), (0xA7FF, FAILED), (0xA900, FAILED),
    (0xC000, FAILED), (0xCFFF, FAILED), (0xFE00, FAILED), (0xFF00, FAILED),
], ids=lambda given: f"{given:04X}" if isinstance(given, int) else given)
def test_a_status_is_taken_for_what_it_is(subject, held, answered, kind):
    """PS3.7 annex C: 0000 is success; 0001, 0107, 0116 and Bxxx are warnings; all else is a failure, and FE00 or FF00
    have no meaning for C-STORE."""
    status, answer, _ = moved(subject, held, dict.fromkeys(uids(held), answered))
    expected = {
        COMPLETED: (0x0000, (4, 0, 0)), WARNING: (0xB000, (0, 0, 4)), FAILED: (0xA702, (0, 4, 0)),
    }[kind]
    assert (status.Status, counts(status)) == expected
    if kind == FAILED:
        assert failed_list(answer) == set(uids(held))
    else:
        assert not answer, "no data set when nothing failed"


@pytest.mark.orthanc_fails(reason="stops at the first failure with C000")
@pytest.mark.parametrize(("answers", "final", "counted"), [
    ((0x0000, 0xA700, 0x0000, 0x0000), 0xB000, (3, 1, 0)),
    ((0xA700, 0xA700, 0xC000, 0x0000), 0xB000, (1, 3, 0)),
    ((0x0000, 0xB000, 0x0000, 0x0000), 0xB000, (3, 0, 1)),
    ((0xB000, 0xA900, 0xB000, 0xB000), 0xB000, (0, 1, 3)),
    ((0xC000, 0xA900, 0xA700, 0x0122), 0xA702, (0, 4, 0)),
], ids=str)
def test_a_mixture(subject, held, answers, final, counted):
    """PS3.4 §C.4.2.3.1: Warning when some went well and some did not, or some were warned of; Failure when none went
    well; the list names those that failed, and those only (§C.4.2.1.4.2)."""
    given = dict(zip(uids(held), answers, strict=True))
    status, answer, _ = moved(subject, held, given)
    assert (status.Status, counts(status)) == (final, counted)
    failed = {uid for uid, code in given.items() if code != 0 and code != 0xB000}
    if failed:
        assert failed_list(answer) == failed
        assert "SpecificCharacterSet" not in answer
        assert len(answer) == 1, "the list, and nothing else"
    else:
        assert not answer


@pytest.mark.orthanc_fails(reason="ends with C000")
def test_no_context_for_some(subject):
    """PS3.4 §C.4.2.3.1: an instance for which no context was accepted is a failed sub-operation like any other."""
    items = data.study(series=1, instances=3)
    items[1].SOPClassUID = items[1].file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    stored(subject, *items)
    status, answer, _ = moved(
        subject, items, choose=lambda context: context.syntaxes[0] if context.abstract == wire.CT_IMAGE else None,
    )
    assert (status.Status, counts(status)) == (0xB000, (2, 1, 0))
    assert failed_list(answer) == {items[1].SOPInstanceUID}


@pytest.mark.orthanc_fails(reason="ends with C000")
def test_no_context_for_any(subject, held):
    """PS3.4 §C.4.2.3.1: A702 and the list of all."""
    status, answer, _ = moved(subject, held, choose=lambda _: None)
    assert (status.Status, counts(status)) == (0xA702, (0, 4, 0))
    assert failed_list(answer) == set(uids(held))


def by_hand(subject, items, destination, message=1):
    """The responses to a C-MOVE: each command set, and its identifier."""
    query = b"".join(
        struct.pack("<HHI", *tag, len(value)) + value for tag, value in (
            ((0x0008, 0x0052), b"STUDY "), ((0x0020, 0x000D), even(items[0].StudyInstanceUID)),
        )
    )
    asked = wire.command(
        e0002=even("1.2.840.10008.5.1.4.1.2.2.2"), e0100=struct.pack("<H", 0x0021), e0110=struct.pack("<H", message),
        e0600=destination.encode() + b" " * (len(destination) % 2), e0700=struct.pack("<H", 0),
        e0800=struct.pack("<H", 1),
    )
    contexts = wire.context(1, "1.2.840.10008.5.1.4.1.2.2.2", (IMPLICIT,))
    with Wire(subject, seconds=30) as peer:
        peer.established(wire.associate_rq(subject.ae_title, contexts=contexts))
        peer.send(wire.message(1, asked, query))
        return [(checked(command), body) for command, body in peer.answers()]


def even(text):
    """A UID, padded."""
    return str(text).encode() + b"\0" * (len(text) % 2)


@pytest.mark.parametrize("answered", [
    0x0000,
    pytest.param(0xA700, marks=pytest.mark.orthanc_fails(reason="ends with C000")),
    pytest.param(0xB000, marks=pytest.mark.orthanc_fails(reason="answers 0000")),
], ids=lambda code: f"{code:04X}")
def test_what_stands_in_which_response(subject, held, answered):
    """PS3.4 §C.4.2.1.4.2 and §C.4.2.1.6: a pending response has all four counters and no identifier; the final one has
    no Remaining, and an identifier only when something failed."""
    with Acceptor(f"RAW{free_port()}", status=lambda _: answered) as other:
        subject.add_remote(other.ae_title.lower(), other.ae_title, other.port)
        *pending, (final, body) = by_hand(subject, held, other.ae_title)
    for response, nothing in pending:
        assert {REMAINING, 0x1021, 0x1022, 0x1023} <= set(response)
        assert nothing == b"" and number(response[0x0800]) == 0x0101
    assert REMAINING not in final
    if answered == 0xA700:
        ((group, element, value),) = elements(body)
        assert (group, element) == (0x0008, 0x0058)
        assert {uid.rstrip(b"\0 ").decode() for uid in value.split(b"\\")} == set(uids(held))
    else:
        assert body == b"" and number(final[0x0800]) == 0x0101


@pytest.mark.orthanc_fails(reason="does not answer any more")
def test_a_cancel_of_another_message_changes_nothing(subject, held, receiver):
    """PS3.7 §9.3.4.3: a cancel that names no running operation is ignored, also while another one runs."""
    with associate(subject, [MOVE["STUDY"]]) as association:
        query = identifier("STUDY", StudyInstanceUID=held[0].StudyInstanceUID)
        statuses = []
        for status, _ in association.send_c_move(query, receiver.ae_title, MOVE["STUDY"], msg_id=21):
            if not statuses:
                association.send_c_cancel(22, query_model=MOVE["STUDY"])
            statuses.append(status)
        assert statuses[-1].Status == 0x0000
    assert receiver.uids() == set(uids(held))


@pytest.mark.orthanc_fails(reason="goes on to the end")
def test_a_cancel_after_failures_lists_them(subject):
    """PS3.4 §C.4.2.1.4.2 and §C.4.2.2.1: a cancelled operation names what failed before, and Remaining, when it is
    there, counts what was never begun."""
    items = stored(subject, *data.study(series=1, instances=30))
    begun, go_on = threading.Event(), threading.Event()

    def status(_):
        begun.set()
        go_on.wait(10)
        return 0xA700

    with Acceptor(f"RAW{free_port()}", status=status) as other:
        subject.add_remote(other.ae_title.lower(), other.ae_title, other.port)
        with associate(subject, [MOVE["STUDY"]]) as association:
            def cancel():
                begun.wait(10)
                association.send_c_cancel(31, query_model=MOVE["STUDY"])
                threading.Timer(0.5, go_on.set).start()

            threading.Thread(target=cancel).start()
            query = identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID)
            *_, (final, answer) = association.send_c_move(query, other.ae_title, MOVE["STUDY"], msg_id=31)
    assert final.Status == 0xFE00
    completed, failed, warned = counts(final)
    assert (completed, warned) == (0, 0) and 0 < failed < len(items)
    assert len(failed_list(answer)) == failed
    assert final.get("NumberOfRemainingSuboperations", len(items) - failed) == len(items) - failed

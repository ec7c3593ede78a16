"""PS3.4 annex C.4.2: C-MOVE."""

import threading

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

import data
from clients import MOVE, Receiver, associate, dcmtk, failed_uids, identifier, move, stored
from subjects.base import free_port


@pytest.fixture(scope="module")
def held(subject):
    """One study of two series and six instances."""
    return stored(subject, *data.study(series=2, instances=3))


def study_of(items):
    """The identifier that retrieves the study."""
    return identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID)


def test_a_study_is_moved_whole(subject, held, receiver):
    """PS3.4 §C.4.2.1: every instance arrives as it was stored, and the counters of the end are right."""
    status, _, _ = move(subject, study_of(held), receiver.ae_title)
    assert status.Status == 0x0000
    assert (status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations) == (6, 0)
    assert status.NumberOfWarningSuboperations == 0
    bodies = {arrival.sop_instance: arrival.body for arrival in receiver.arrivals}
    assert bodies == {item.SOPInstanceUID: data.encoded(item) for item in held}


@pytest.mark.parametrize("root", ["STUDY", "PATIENT"])
@pytest.mark.parametrize("level", ["SERIES", "IMAGE"])
def test_a_series_and_an_instance_are_moved(subject, held, receiver, root, level):
    """PS3.4 §C.4.2.2: unique keys of the levels above, and the level's own."""
    keys = {"StudyInstanceUID": held[0].StudyInstanceUID, "SeriesInstanceUID": held[0].SeriesInstanceUID}
    expected = {item.SOPInstanceUID for item in held[:3]}
    if root == "PATIENT":
        keys["PatientID"] = held[0].PatientID
    if level == "IMAGE":
        keys["SOPInstanceUID"] = [held[0].SOPInstanceUID, held[2].SOPInstanceUID]
        expected = set(keys["SOPInstanceUID"])
    status, _, _ = move(subject, identifier(level, **keys), receiver.ae_title, root)
    assert status.Status == 0x0000
    assert receiver.uids() == expected
    assert len(receiver.arrivals) == len(expected)


def test_a_patient_is_moved(subject, held, receiver):
    """PS3.4 §C.6.1: the patient level of the patient root."""
    status, _, _ = move(subject, identifier("PATIENT", PatientID=held[0].PatientID), receiver.ae_title, "PATIENT")
    assert status.Status == 0x0000
    assert receiver.uids() == {item.SOPInstanceUID for item in held}


def test_pending_responses_count_down(subject, held, receiver):
    """PS3.4 §C.4.2.3.1: Remaining, Completed, Failed and Warning add up in each pending response."""
    status, _, pending = move(subject, study_of(held), receiver.ae_title)
    assert status.Status == 0x0000
    for step in pending:
        assert sum((
            step.NumberOfRemainingSuboperations, step.NumberOfCompletedSuboperations,
            step.NumberOfFailedSuboperations, step.NumberOfWarningSuboperations,
        )) == len(held)
    remaining = [step.NumberOfRemainingSuboperations for step in pending]
    assert remaining == sorted(remaining, reverse=True)


def test_the_originator_is_named(subject, held, receiver):
    """PS3.7 §9.1.1.1: Move Originator AE Title and Message ID in each sub-operation."""
    with associate(subject, [MOVE["STUDY"]], calling="ASKER") as association:
        for _ in association.send_c_move(study_of(held), receiver.ae_title, MOVE["STUDY"], msg_id=321):
            pass
    assert {(arrival.originator, arrival.originator_message) for arrival in receiver.arrivals} == {("ASKER", 321)}


@pytest.mark.orthanc_fails(reason="answers C000")
def test_an_unknown_destination(subject, held):
    """PS3.4 table C.4-2: A801, Move Destination unknown."""
    status, _, _ = move(subject, study_of(held), "NOBODY")
    assert status.Status == 0xA801


def test_a_destination_that_is_down(subject, held):
    """PS3.4 table C.4-2: a failure that counts every sub-operation as failed, not a hang and not Success."""
    name = f"DOWN{free_port()}"
    subject.add_remote(name.lower(), name, free_port())
    status, _, _ = move(subject, study_of(held), name)
    assert status.Status != 0x0000
    if status.Status in (0xA702, 0xB000):
        assert status.NumberOfFailedSuboperations == len(held)


@pytest.mark.orthanc_fails(reason="ends with C000 and without the list of what failed")
def test_a_destination_that_refuses_each_instance(subject, held, receiver):
    """PS3.4 §C.4.2.3.1: A702 when all failed, with Failed SOP Instance UID List (§C.4.2.1.4.2)."""
    receiver.status = 0xA700
    status, answer, _ = move(subject, study_of(held), receiver.ae_title)
    assert status.Status == 0xA702
    assert status.NumberOfFailedSuboperations == len(held)
    assert set(answer.FailedSOPInstanceUIDList) == {item.SOPInstanceUID for item in held}


@pytest.mark.orthanc_fails(reason="counts a warning as a success and answers 0000")
def test_a_destination_that_warns(subject, held, receiver):
    """PS3.4 §C.4.2.3.1: B000 when sub-operations ended with a warning."""
    receiver.status = 0xB000
    status, _, _ = move(subject, study_of(held), receiver.ae_title)
    assert status.Status == 0xB000
    assert status.NumberOfWarningSuboperations == len(held)


@pytest.mark.orthanc_fails(reason="answers C000")
def test_no_match_is_success_with_zeros(subject, receiver):
    """PS3.4 §C.4.2.1.5: nothing matched, nothing failed."""
    status, _, _ = move(subject, identifier("STUDY", StudyInstanceUID=data.uid()), receiver.ae_title)
    assert status.Status == 0x0000
    assert status.get("NumberOfCompletedSuboperations", 0) == 0
    assert receiver.arrivals == []


def test_a_cancelled_move_stops(subject, receiver):
    """PS3.4 §C.4.2.3.1: FE00, and fewer than all arrive; or it had ended already."""
    many = stored(subject, *data.study(series=1, instances=40))
    receiver.wait = threading.Event()  # each instance waits until the cancel is on its way
    statuses = []
    with associate(subject, [MOVE["STUDY"]]) as association:
        threading.Timer(0.5, lambda: association.send_c_cancel(11, query_model=MOVE["STUDY"])).start()
        threading.Timer(1.0, receiver.wait.set).start()
        for status, _ in association.send_c_move(study_of(many), receiver.ae_title, MOVE["STUDY"], msg_id=11):
            statuses.append(status)
    assert statuses[-1].Status in (0xFE00, 0x0000)
    if statuses[-1].Status == 0xFE00:
        assert len(receiver.arrivals) < len(many)


@pytest.mark.only("causeway")
def test_a_cancel_is_obeyed(subject, receiver):
    """PS3.4 §C.4.2.3.1: with a slow destination a cancel leaves most of the study unsent."""
    many = stored(subject, *data.study(series=1, instances=40))
    receiver.wait = threading.Event()
    with associate(subject, [MOVE["STUDY"]]) as association:
        threading.Timer(0.5, lambda: association.send_c_cancel(11, query_model=MOVE["STUDY"])).start()
        threading.Timer(1.0, receiver.wait.set).start()
        *_, (status, _) = association.send_c_move(study_of(many), receiver.ae_title, MOVE["STUDY"], msg_id=11)
    assert status.Status == 0xFE00
    assert len(receiver.arrivals) < len(many)
    assert status.NumberOfCompletedSuboperations == len(receiver.arrivals)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ids=["implicit", "explicit"])
def test_a_destination_with_one_transfer_syntax(subject, held, syntax):
    """PS3.5 §10.1: uncompressed data sets are sent in what the destination takes; implicit VR is what all take."""
    with Receiver(f"ONE{free_port()}", syntaxes=[syntax]) as one:
        subject.add_remote(one.ae_title.lower(), one.ae_title, one.port)
        status, _, _ = move(subject, study_of(held), one.ae_title)
        assert status.Status == 0x0000
        assert {arrival.transfer_syntax for arrival in one.arrivals} == {syntax}
        assert one.uids() == {item.SOPInstanceUID for item in held}


def test_move_to_storescp_of_dcmtk(subject, held, folder):
    """PS3.4 §C.4.2: between a client and a receiver of another make."""
    import shutil
    import subprocess
    import time
    if shutil.which("storescp") is None:
        pytest.skip("storescp of DCMTK is not installed")
    port = free_port()
    name = f"DCMTK{port}"
    subject.add_remote(name.lower(), name, port)
    receiving = subprocess.Popen(["storescp", "-aet", name, "-od", str(folder), "+xa", str(port)])
    try:
        time.sleep(0.5)
        done = dcmtk(
            "movescu", "-v", "-S", "-aec", subject.ae_title, "-aem", name, "-k", "QueryRetrieveLevel=STUDY",
            "-k", f"StudyInstanceUID={held[0].StudyInstanceUID}", subject.host, str(subject.dimse_port),
        )
    finally:
        receiving.terminate()
        receiving.wait()
    assert done.returncode == 0, done.stderr
    assert len(list(folder.iterdir())) == len(held)


# Several associations to one destination.

def outcome(final, answer, total):
    """The counts of the end, which must add up, and the set of what failed."""
    counts = (
        final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations, final.NumberOfWarningSuboperations,
    )
    assert sum(counts) == total
    failed = failed_uids(answer)
    assert len(failed) == counts[1]
    return counts, failed


@pytest.fixture(scope="module")
def many(subject):
    """One study of forty instances."""
    return stored(subject, *data.study(series=1, instances=40))


@pytest.fixture
def known(subject):
    """Starts a receiver with these properties, known to the server."""
    started = []

    def start(**properties):
        one = Receiver(f"DEST{free_port()}", **properties).__enter__()
        started.append(one)
        subject.add_remote(one.ae_title.lower(), one.ae_title, one.port)
        return one

    yield start
    for one in started:
        one.__exit__()


@pytest.mark.only("causeway")
def test_many_instances_go_over_several_associations(subject, many, known):
    """PS3.4 §C.4.2.3.1: on other associations than the request's; each instance once, the counts count all of them."""
    together = threading.Barrier(2)

    def act(event, count):
        # Only with another instance at the same time does this one get its answer.
        if count in (2, 3):
            together.wait(20)

    several = known(act=act)
    status, _, pending = move(subject, study_of(many), several.ae_title)
    assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, len(many))
    assert sorted(arrival.sop_instance for arrival in several.arrivals) == sorted(x.SOPInstanceUID for x in many)
    assert len({arrival.association for arrival in several.arrivals}) > 1
    remaining = [step.NumberOfRemainingSuboperations for step in pending]
    assert remaining == sorted(remaining, reverse=True) and len(remaining) == len(many) - 1


def test_a_destination_that_takes_one_association(subject, many, known):
    """PS3.8 §9.3.4: a further association is rejected as beyond the local limit; nothing fails by that."""
    single = known(most=1)
    status, answer, _ = move(subject, study_of(many), single.ae_title)
    assert status.Status == 0x0000
    assert outcome(status, answer, len(many))[0] == (len(many), 0, 0)
    assert len(single.arrivals) == len(many)
    assert len({arrival.association for arrival in single.arrivals}) == 1


@pytest.mark.orthanc_fails(reason="gives up at the first failure")
def test_a_destination_that_aborts_once(subject, many, known):
    """PS3.4 §C.4.2.3.1: the instance that was on its way is failed, the others arrive, none twice."""
    lost = []

    def act(event, count):
        if count == 10:
            lost.append(str(event.request.AffectedSOPInstanceUID))
            event.assoc.abort()

    aborting = known(act=act)
    status, answer, _ = move(subject, study_of(many), aborting.ae_title)
    assert status.Status == 0xB000
    counts, failed = outcome(status, answer, len(many))
    assert lost[0] in failed
    # An abort may cost what went over the same association only.
    assert counts[1] == 1
    assert sorted(arrival.sop_instance for arrival in aborting.arrivals) == sorted(x.SOPInstanceUID for x in many)


@pytest.mark.orthanc_fails(reason="gives up at the first failure")
def test_a_destination_that_dies_in_the_middle(subject, many, known):
    """PS3.4 §C.4.2.3.1: what did not arrive is failed, by name; what arrived is not; nothing arrives twice."""
    dying = known()

    def act(event, count):
        if count == 12:
            # Nobody takes a connection from here on, and those that are open break.
            dying._server.server_close()
            for association in dying._server.active_associations:
                association.abort()

    dying.act = act
    status, answer, _ = move(subject, study_of(many), dying.ae_title)
    assert status.Status == 0xB000
    counts, failed = outcome(status, answer, len(many))
    arrived = [arrival.sop_instance for arrival in dying.arrivals]
    assert len(arrived) == len(set(arrived))
    assert {item.SOPInstanceUID for item in many} - set(arrived) <= failed
    assert counts[0] <= len(arrived)


@pytest.mark.parametrize("code", [0xA700, 0xA900, 0xC000, 0x0110, 0xB000, 0xB007, 0x0107])
@pytest.mark.orthanc_fails(reason="gives up at the first failure, and counts warnings as successes")
def test_a_destination_that_answers_one_otherwise(subject, many, known, code):
    """PS3.4 §C.4.2.3.1, table B.2-1: warnings are warnings, failures failures, the others go on."""
    def act(event, count):
        return code if event.request.AffectedSOPInstanceUID == many[7].SOPInstanceUID else None

    particular = known(act=act)
    status, answer, _ = move(subject, study_of(many), particular.ae_title)
    assert status.Status == 0xB000
    counts, failed = outcome(status, answer, len(many))
    is_warning = code in (0xB000, 0xB007, 0x0107)
    assert counts == (39, 0 if is_warning else 1, 1 if is_warning else 0)
    assert failed == (set() if is_warning else {many[7].SOPInstanceUID})
    assert len(particular.arrivals) == len(many)


def test_a_receiver_of_dcmtk_that_serves_one_association_at_a_time(subject, many, folder):
    """PS3.4 §C.4.2: `storescp` without a fork leaves further association requests without an answer."""
    import shutil
    import subprocess
    import time
    if shutil.which("storescp") is None:
        pytest.skip("storescp of DCMTK is not installed")
    port = free_port()
    name = f"SINGLE{port}"
    subject.add_remote(name.lower(), name, port)
    receiving = subprocess.Popen(["storescp", "-aet", name, "-od", str(folder), "+xa", str(port)])
    try:
        time.sleep(0.5)
        status, _, _ = move(subject, study_of(many), name)
    finally:
        receiving.terminate()
        receiving.wait()
    assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, len(many))
    assert len(list(folder.iterdir())) == len(many)


# What a remote may, and what it cannot bear.

@pytest.mark.only("causeway")
def test_a_caller_moves_to_the_destinations_it_is_given_and_to_no_other(subject, held, receiver):
    """PS3.4 table C.4-2: A801, with words that name both and those allowed."""
    for name, allowed in (("movesnot", "elsewhere"), ("moves", receiver.ae_title.lower())):
        subject.run(
            "remote", "add", name, "--ae-title", name.upper(), "--allow", "retrieve", "--destination", allowed,
        )
    statuses = {}
    for caller in ("MOVESNOT", "MOVES"):
        with associate(subject, [MOVE["STUDY"]], calling=caller) as association:
            for status, _ in association.send_c_move(study_of(held), receiver.ae_title, MOVE["STUDY"]):
                statuses[caller] = status
        if caller == "MOVESNOT":
            assert receiver.arrivals == []
    assert statuses["MOVESNOT"].Status == 0xA801
    assert "may not move to" in statuses["MOVESNOT"].ErrorComment
    assert statuses["MOVES"].Status == 0x0000
    assert receiver.uids() == {item.SOPInstanceUID for item in held}


def add_with_quirk(subject, receiver, quirk):
    """Registers the receiver anew, with a quirk."""
    subject.run(
        "remote", "add", receiver.ae_title.lower(), "--ae-title", receiver.ae_title, "--host", "127.0.0.1",
        "--port", str(receiver.port), "--quirk", quirk,
    )


@pytest.mark.only("causeway")
def test_a_destination_that_bears_implicit_vr_alone(subject, held, receiver):
    """PS3.5 §10.1: nothing else is proposed to it, whatever it would take."""
    add_with_quirk(subject, receiver, "implicit-only")
    status, _, _ = move(subject, study_of(held), receiver.ae_title)
    assert status.Status == 0x0000
    assert {arrival.transfer_syntax for arrival in receiver.arrivals} == {ImplicitVRLittleEndian}


@pytest.mark.only("causeway")
def test_a_destination_that_bears_small_pdus_alone(subject, known):
    """PS3.8 §D.1: 16 KiB are announced, and no more is sent, though the destination takes any."""
    large = stored(subject, data.instance(rows=4096))
    any_length = known(max_pdu=0)
    status, _, _ = move(subject, study_of(large), any_length.ae_title)
    assert status.Status == 0x0000
    assert any_length.announced[-1] > 16384 and max(any_length.pdu_lengths) > 16384
    any_length.pdu_lengths.clear()
    add_with_quirk(subject, any_length, "small-pdus")
    status, _, _ = move(subject, study_of(large), any_length.ae_title)
    assert status.Status == 0x0000
    assert any_length.announced[-1] == 16384
    assert 8000 < max(any_length.pdu_lengths) <= 16384

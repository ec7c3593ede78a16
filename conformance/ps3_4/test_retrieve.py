"""PS3.4 annexes C.4.2 and C.4.3: C-MOVE and C-GET."""

import threading

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import data
from clients import MOVE, Receiver, associate, dcmtk, get, identifier, move, stored
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


@pytest.mark.causeway_lacks(reason="C-GET is not served yet")
def test_get_brings_it_on_the_same_association(subject, held):
    """PS3.4 §C.4.3: C-GET, the requestor as SCP by role selection (PS3.7 §D.3.3.4)."""
    status, received = get(subject, study_of(held), [CTImageStorage])
    assert status.Status == 0x0000
    assert {item.SOPInstanceUID for item in received} == {item.SOPInstanceUID for item in held}
    assert status.NumberOfCompletedSuboperations == len(held)


@pytest.mark.causeway_lacks(reason="C-GET is not served yet")
def test_getscu_of_dcmtk(subject, held, folder):
    """PS3.4 §C.4.3: a client of another make."""
    done = dcmtk(
        "getscu", "-v", "-S", "-aec", subject.ae_title, "-od", str(folder), "-k", "QueryRetrieveLevel=STUDY",
        "-k", f"StudyInstanceUID={held[0].StudyInstanceUID}", subject.host, str(subject.dimse_port),
    )
    assert done.returncode == 0, done.stderr
    assert len(list(folder.iterdir())) == len(held)

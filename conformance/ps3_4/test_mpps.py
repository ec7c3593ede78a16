"""PS3.4 annex F.7 and F.8: performed procedure steps told by N-CREATE and N-SET, kept, shown, and retrieved by N-GET."""

import json
from io import BytesIO

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.dsutils import decode
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
    ModalityWorklistInformationFind,
)

import data
from clients import associate

MPPS, RETRIEVE = ModalityPerformedProcedureStep, ModalityPerformedProcedureStepRetrieve

pytestmark = pytest.mark.only("causeway")


def scheduled(**attributes):
    """What a step says of the scheduled one it is for."""
    item = Dataset()
    item.StudyInstanceUID = data.uid()
    item.ReferencedStudySequence = []
    item.AccessionNumber = "A1"
    item.RequestedProcedureID = "R1"
    item.RequestedProcedureDescription = "CT head"
    item.ScheduledProcedureStepID = "S1"
    item.ScheduledProcedureStepDescription = "CT head"
    item.ScheduledProtocolCodeSequence = []
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def begun(*items, **attributes):
    """A step that has begun, as PS3.4 Table F.7.2-1 has it."""
    step = Dataset()
    step.ScheduledStepAttributesSequence = list(items) or [scheduled()]
    step.PatientName = "Doe^Jane"
    step.PatientID = data.patient_id()
    step.PatientBirthDate = "19701231"
    step.PatientSex = "F"
    step.ReferencedPatientSequence = []
    step.PerformedProcedureStepID = "PPS1"
    step.PerformedStationAETitle = "CT1"
    step.PerformedStationName = ""
    step.PerformedLocation = ""
    step.PerformedProcedureStepStartDate = "20250131"
    step.PerformedProcedureStepStartTime = "083500"
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.PerformedProcedureStepDescription = ""
    step.PerformedProcedureTypeDescription = ""
    step.ProcedureCodeSequence = []
    step.PerformedProcedureStepEndDate = ""
    step.PerformedProcedureStepEndTime = ""
    step.Modality = "CT"
    step.StudyID = ""
    step.PerformedProtocolCodeSequence = []
    step.PerformedSeriesSequence = []
    for keyword, value in attributes.items():
        if value is None:
            delattr(step, keyword)
        else:
            setattr(step, keyword, value)
    return step


def ended(status="COMPLETED", images=3, **attributes):
    """What a modality sets in the end."""
    series = Dataset()
    series.PerformingPhysicianName = ""
    series.ProtocolName = "Head"
    series.OperatorsName = "Tech^Tom"
    series.SeriesInstanceUID = data.uid()
    series.SeriesDescription = "Axial"
    series.RetrieveAETitle = ""
    series.ReferencedImageSequence = []
    for _ in range(images):
        image = Dataset()
        image.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        image.ReferencedSOPInstanceUID = data.uid()
        series.ReferencedImageSequence.append(image)
    series.ReferencedNonImageCompositeSOPInstanceSequence = []
    change = Dataset()
    change.PerformedProcedureStepStatus = status
    change.PerformedProcedureStepEndDate = "20250131"
    change.PerformedProcedureStepEndTime = "090000"
    change.PerformedSeriesSequence = [series]
    for keyword, value in attributes.items():
        if value is None:
            delattr(change, keyword)
        else:
            setattr(change, keyword, value)
    return change


def create(subject, step, uid=None):
    """The command set of the response to N-CREATE as it came, and its data set: pynetdicom hands on less."""
    came = []

    def note(event):
        body = event.message.data_set
        came.append((event.message.command_set, body.getvalue() if body else b""))

    with associate(subject, [(MPPS, [ImplicitVRLittleEndian])], evt_handlers=[(evt.EVT_DIMSE_RECV, note)]) as association:
        status, _ = association.send_n_create(step, MPPS, uid)
    assert "Status" in status, "no response"
    command, body = came[-1]
    attributes = decode(BytesIO(body), True, True) if body else None
    return command, attributes


def change(subject, uid, attributes):
    """The response to N-SET."""
    with associate(subject, [MPPS]) as association:
        return association.send_n_set(attributes, MPPS, uid)[0]


def created(subject, *items, **attributes):
    """The UID of a step that must be taken."""
    uid = data.uid()
    status, _ = create(subject, begun(*items, **attributes), uid)
    assert (status.Status, status.AffectedSOPInstanceUID) == (0x0000, uid)
    return uid


def shown(subject, uid):
    """What the REST interface tells of a step."""
    answer = requests.get(f"{subject.url}/api/v1/procedure-steps/{uid}", timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ordered(subject, **attributes):
    """An order on the worklist, as the node tells it."""
    document = {
        "patient": {"id": data.patient_id(), "name": "Doe^Jane"},
        "accession_number": data.uid()[-12:],
        "step": {
            "id": "S1", "station_ae": "CT1", "modality": "CT", "start": "2025-01-31T08:30", "description": "CT head",
        },
        **attributes,
    }
    answer = requests.post(f"{subject.url}/api/v1/worklist", json=document, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()


def status_of(subject, order):
    """How far an order is."""
    return requests.get(f"{subject.url}/api/v1/worklist/{order['id']}", timeout=30).json()["status"]


def waiting(subject, order):
    """How many steps of the order's patient the worklist tells a modality."""
    query = Dataset()
    query.PatientID = order["patient"]["id"]
    query.ScheduledProcedureStepSequence = [Dataset()]
    query.ScheduledProcedureStepSequence[0].Modality = ""
    with associate(subject, [ModalityWorklistInformationFind]) as association:
        answers = list(association.send_c_find(query, ModalityWorklistInformationFind))
    assert answers[-1][0].Status == 0x0000
    return len(answers) - 1


def for_order(order, **attributes):
    """The item that names the order."""
    return scheduled(**{
        "StudyInstanceUID": order["study_instance_uid"], "AccessionNumber": order["accession_number"],
        "ScheduledProcedureStepID": order["step"]["id"], **attributes,
    })


def test_a_step_from_its_beginning_to_its_end(subject):
    """PS3.4 §F.7.2.1, §F.7.2.2: created in progress, set, completed; the order follows; all is shown."""
    order = ordered(subject)
    assert (status_of(subject, order), waiting(subject, order)) == ("SCHEDULED", 1)
    uid = created(subject, for_order(order), PatientID=order["patient"]["id"])
    assert (status_of(subject, order), waiting(subject, order)) == ("STARTED", 0)
    step = shown(subject, uid)
    assert (step["status"], step["station_ae"], step["ended"]) == ("IN PROGRESS", "CT1", None)
    assert step["worklist"] == [order["id"]]

    partly = Dataset()
    partly.PerformedProcedureStepDescription = "CT head without contrast"
    assert change(subject, uid, partly).Status == 0x0000
    assert shown(subject, uid)["description"] == "CT head without contrast"

    end = ended(images=3)
    assert change(subject, uid, end).Status == 0x0000
    step = shown(subject, uid)
    assert (step["status"], step["started"], step["ended"]) == (
        "COMPLETED", "2025-01-31T08:35:00", "2025-01-31T09:00:00",
    )
    (series,) = step["series"]
    assert series["series_instance_uid"] == end.PerformedSeriesSequence[0].SeriesInstanceUID
    assert (series["protocol"], series["images"], series["others"]) == ("Head", 3, 0)
    assert status_of(subject, order) == "COMPLETED"

    listed = json.loads(subject.run("worklist", "steps", "--study", order["study_instance_uid"], "--json"))
    assert [one["uid"] for one in listed] == [uid]
    assert uid in subject.run("worklist", "steps", "--status", "completed")
    whole = json.loads(subject.run("worklist", "steps", uid))
    kept = Dataset.from_json(json.dumps(whole["dicom"]))
    assert kept.PerformedSeriesSequence == end.PerformedSeriesSequence
    assert kept.PatientID == order["patient"]["id"]


def test_a_step_that_is_given_up(subject):
    """PS3.4 §F.7.2.2.2: DISCONTINUED is an end too."""
    order = ordered(subject)
    uid = created(subject, for_order(order))
    assert change(subject, uid, ended("DISCONTINUED")).Status == 0x0000
    assert (shown(subject, uid)["status"], status_of(subject, order)) == ("DISCONTINUED", "DISCONTINUED")


def test_a_step_for_the_wrong_order_gives_it_back(subject):
    """PS3.16 context group 9300, code 110514: the order was chosen by mistake, and waits again."""
    order = ordered(subject)
    uid = created(subject, for_order(order), PerformedProcedureStepDiscontinuationReasonCodeSequence=[])
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "110514", "DCM"
    code.CodeMeaning = "Incorrect worklist entry selected"
    end = ended("DISCONTINUED", PerformedProcedureStepDiscontinuationReasonCodeSequence=[code])
    assert change(subject, uid, end).Status == 0x0000
    assert (status_of(subject, order), waiting(subject, order)) == ("SCHEDULED", 1)
    assert shown(subject, uid)["discontinuation_reason"] == "Incorrect worklist entry selected"


def test_one_step_for_several_orders_and_several_for_one(subject):
    """PS3.4 §F.7.2.1.2: orders grouped into a study of the modality's own, named by Referenced Study Sequence."""
    first, second = ordered(subject), ordered(subject)
    group = data.uid()
    items = []
    for order in (first, second):
        study = Dataset()
        study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
        study.ReferencedSOPInstanceUID = order["study_instance_uid"]
        items.append(for_order(order, StudyInstanceUID=group, AccessionNumber="", ReferencedStudySequence=[study]))
    uid = created(subject, *items)
    assert shown(subject, uid)["worklist"] == sorted([first["id"], second["id"]])
    again = created(subject, for_order(first))
    assert change(subject, uid, ended()).Status == 0x0000
    assert (status_of(subject, first), status_of(subject, second)) == ("STARTED", "COMPLETED")
    assert change(subject, again, ended("DISCONTINUED")).Status == 0x0000
    assert status_of(subject, first) == "COMPLETED"


def test_a_step_that_nobody_ordered_is_kept(subject):
    """PS3.4 §F.7.2.1.2 note 3: unscheduled, with a study of the modality's own."""
    uid = created(subject, scheduled(ScheduledProcedureStepID="", AccessionNumber=""))
    assert shown(subject, uid)["worklist"] == []


def test_the_instance_uid_is_chosen_where_none_is_given(subject):
    """PS3.7 §10.1.5.1.4: the performer assigns it, and says which."""
    answer, _ = create(subject, begun())
    assert answer.Status == 0x0000
    assert answer.AffectedSOPInstanceUID.startswith("2.25.")
    assert shown(subject, answer.AffectedSOPInstanceUID)["status"] == "IN PROGRESS"


def test_a_uid_that_is_taken(subject):
    """PS3.7 §10.1.5.1.6: 0111H, and the first stays as it is."""
    uid = created(subject)
    status, _ = create(subject, begun(PerformedProcedureStepID="OTHER"), uid)
    assert status.Status == 0x0111
    assert shown(subject, uid)["id"] == "PPS1"


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED", "STARTED"])
def test_a_step_begins_in_progress(subject, status):
    """PS3.4 §F.7.2.1.3: 0106H with an Attribute List."""
    uid = data.uid()
    answer, attributes = create(subject, begun(PerformedProcedureStepStatus=status), uid)
    assert answer.Status == 0x0106 and answer.ErrorComment
    assert [(element.keyword, element.value) for element in attributes] == [("PerformedProcedureStepStatus", status)]
    assert "AffectedSOPInstanceUID" not in answer, "only a success names what was created (PS3.7 §10.1.5.1.4)"
    assert requests.get(f"{subject.url}/api/v1/procedure-steps/{uid}", timeout=30).status_code == 404


@pytest.mark.parametrize(("keyword", "tag"), [
    ("ScheduledStepAttributesSequence", 0x00400270),
    ("PerformedProcedureStepID", 0x00400253),
    ("PerformedStationAETitle", 0x00400241),
    ("PerformedProcedureStepStartDate", 0x00400244),
    ("PerformedProcedureStepStartTime", 0x00400245),
    ("PerformedProcedureStepStatus", 0x00400252),
    ("Modality", 0x00080060),
])
def test_what_a_step_needs(subject, keyword, tag):
    """PS3.4 Table F.7.2-1, type 1 of N-CREATE: 0120H where it is missing, 0121H where it is empty."""
    status, _ = create(subject, begun(**{keyword: None}), data.uid())
    assert (status.Status, status.AttributeIdentifierList) == (0x0120, tag)
    assert keyword in status.ErrorComment
    empty = [] if keyword.endswith("Sequence") else ""
    status, _ = create(subject, begun(**{keyword: empty}), data.uid())
    assert (status.Status, status.AttributeIdentifierList) == (0x0121, tag)


def test_an_empty_report(subject):
    """N-CREATE without an attribute list lacks everything."""
    status, _ = create(subject, None, data.uid())
    assert status.Status == 0x0120 and len(status.AttributeIdentifierList) == 7


@pytest.mark.parametrize("end", ["COMPLETED", "DISCONTINUED"])
@pytest.mark.parametrize(("keyword", "tag", "status"), [
    # Created empty, so that they are there and have no value.
    ("PerformedProcedureStepEndDate", 0x00400250, 0x0121),
    ("PerformedProcedureStepEndTime", 0x00400251, 0x0121),
    ("PerformedSeriesSequence", 0x00400340, 0x0121),
])
def test_what_an_end_needs(subject, end, keyword, tag, status):
    """PS3.4 Table F.7.2-1, final state: what lacks is named, and the step stays in progress and can still end."""
    uid = created(subject)
    answer = change(subject, uid, ended(end, **{keyword: None}))
    assert (answer.Status, answer.AttributeIdentifierList) == (status, tag)
    assert shown(subject, uid)["status"] == "IN PROGRESS"
    assert change(subject, uid, ended(end)).Status == 0x0000


def test_what_each_series_of_an_end_needs(subject):
    """PS3.4 Table F.7.2-1: Protocol Name and Series Instance UID of each performed series."""
    uid = created(subject)
    end = ended()
    del end.PerformedSeriesSequence[0].ProtocolName
    answer = change(subject, uid, end)
    assert (answer.Status, answer.AttributeIdentifierList) == (0x0120, 0x00181030)


def test_a_step_that_has_ended_stays_as_it_is(subject):
    """PS3.4 §F.7.2.2.3, Table F.7.2-2: 0110H with its Error Comment and Error ID."""
    for end in ("COMPLETED", "DISCONTINUED"):
        uid = created(subject)
        assert change(subject, uid, ended(end)).Status == 0x0000
        before = shown(subject, uid)
        for late in (ended("COMPLETED"), ended("IN PROGRESS"), Dataset()):
            late.PerformedProcedureStepDescription = "later"
            answer = change(subject, uid, late)
            assert answer.Status == 0x0110
            assert answer.ErrorComment == "Performed Procedure Step Object may no longer be updated"
            assert answer.ErrorID == 0xA710
        assert shown(subject, uid) == before


def test_a_step_that_is_not_there(subject):
    """PS3.7 §10.1.3.1.9: 0112H."""
    assert change(subject, data.uid(), ended()).Status == 0x0112


def test_what_may_not_change_after_the_beginning(subject):
    """PS3.4 Table F.7.2-1, "not allowed" of N-SET: 0107H names what was left, the rest is set."""
    uid = created(subject)
    answer = change(subject, uid, ended("IN PROGRESS", PatientID="ANOTHER", PerformedProcedureStepDescription="told"))
    assert (answer.Status, answer.AttributeIdentifierList) == (0x0107, 0x00100020)
    step = shown(subject, uid)
    assert step["patient"]["id"] != "ANOTHER" and step["description"] == "told"
    same = ended("IN PROGRESS", PatientID=step["patient"]["id"])
    assert change(subject, uid, same).Status == 0x0000, "what changes nothing is no matter"


@pytest.mark.parametrize(("keyword", "value", "tag"), [
    ("PerformedProcedureStepStatus", "FINISHED", 0x00400252),
    ("PerformedProcedureStepEndTime", "9 o'clock", 0x00400251),
])
def test_values_that_cannot_be(subject, keyword, value, tag):
    """PS3.7 §10.1.3.1.9: 0106H, and nothing is set."""
    uid = created(subject)
    answer = change(subject, uid, ended("COMPLETED", **{keyword: value}))
    assert answer.Status == 0x0106 and keyword in answer.ErrorComment
    assert shown(subject, uid)["status"] == "IN PROGRESS"


def test_retrieval(subject):
    """PS3.4 §F.8: N-GET gives what is asked for, all where nothing is; 0001H where something is not kept."""
    uid = created(subject, PatientName="Müller^Börge", SpecificCharacterSet="ISO_IR 100")
    with associate(subject, [RETRIEVE]) as association:
        tags = [0x00080005, 0x00100010, 0x00400252]
        status, attributes = association.send_n_get(tags, RETRIEVE, uid)
        assert status.Status == 0x0000
        assert (attributes.PatientName, attributes.PerformedProcedureStepStatus) == ("Müller^Börge", "IN PROGRESS")
        assert {element.keyword for element in attributes} == {
            "SpecificCharacterSet", "PatientName", "PerformedProcedureStepStatus",
        }
        status, attributes = association.send_n_get([0x00100010, 0x00400280], RETRIEVE, uid)
        assert (status.Status, attributes.PatientName) == (0x0001, "Müller^Börge")
        status, attributes = association.send_n_get([], RETRIEVE, uid)
        assert status.Status == 0x0000
        assert (attributes.SOPInstanceUID, attributes.PerformedStationAETitle) == (uid, "CT1")
        assert attributes.ScheduledStepAttributesSequence[0].ScheduledProcedureStepID == "S1"
        status, _ = association.send_n_get([0x00100010, 0x00100020], RETRIEVE, data.uid())
        assert status.Status == 0x0112


def test_operations_that_were_not_agreed_upon(subject):
    """PS3.7 §10.1: what is no service of the SOP class is refused with 0211H, another class with 0118H."""
    uid = created(subject)
    with associate(subject, [MPPS, RETRIEVE]) as association:
        assert association.send_n_delete(MPPS, uid).Status == 0x0211
        status, _ = association.send_n_action(ended(), 1, MPPS, uid)
        assert status.Status == 0x0211
        status, _ = association.send_n_get([0x00100010, 0x00100020], MPPS, uid)
        assert status.Status == 0x0211
        status, _ = association.send_n_set(ended(), RETRIEVE, uid)
        assert status.Status == 0x0211
        status, _ = association.send_n_set(ended(), MPPS, uid, meta_uid=RETRIEVE)
        assert status.Status == 0x0118
        # The association is in order afterwards.
        assert association.send_n_set(ended(), MPPS, uid)[0].Status == 0x0000


def test_what_was_acknowledged_survives_a_kill(make_subject):
    """Success means that it is on disk: SIGKILL right after it, and all is there."""
    subject = make_subject()
    order = ordered(subject)
    uid = None
    for _ in range(3):
        with associate(subject, [MPPS]) as association:
            uid = data.uid()
            assert association.send_n_create(begun(for_order(order)), MPPS, uid)[0].Status == 0x0000
            subject.kill()
        subject.start()
        assert shown(subject, uid)["status"] == "IN PROGRESS"
        assert status_of(subject, order) == "STARTED"
        with associate(subject, [MPPS]) as association:
            assert association.send_n_set(ended(), MPPS, uid)[0].Status == 0x0000
            subject.kill()
        subject.start()
        assert shown(subject, uid)["status"] == "COMPLETED"
        assert status_of(subject, order) == "COMPLETED"

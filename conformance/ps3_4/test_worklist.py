"""PS3.4 annex K: the modality worklist, its matching keys and return keys, and how an order comes onto it."""

import json
import subprocess

import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import ModalityWorklistInformationFind

import data
from clients import PLAIN, associate, dcmtk, stored
from subjects.causeway import binary

IN_STEP = {
    "ScheduledStationAETitle", "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime", "Modality",
    "ScheduledPerformingPhysicianName", "ScheduledProcedureStepDescription", "ScheduledProcedureStepID",
    "ScheduledProcedureStepStatus", "ScheduledProtocolCodeSequence", "ScheduledProcedureStepLocation",
}


def entry(**attributes):
    """A data set of the worklist's shape; what belongs to the step goes into its sequence."""
    item, step = Dataset(), Dataset()
    for keyword, value in attributes.items():
        setattr(step if keyword in IN_STEP else item, keyword, value)
    item.ScheduledProcedureStepSequence = [step]
    return item


def order(**attributes):
    """An order with everything it needs."""
    return entry(**{
        "PatientName": "Doe^Jane", "PatientID": data.patient_id(), "PatientBirthDate": "19701231", "PatientSex": "F",
        "StudyInstanceUID": data.uid(), "AccessionNumber": "A1", "RequestedProcedureID": "R1",
        "RequestedProcedureDescription": "CT head", "ScheduledStationAETitle": "CT1",
        "ScheduledProcedureStepStartDate": "20250131", "ScheduledProcedureStepStartTime": "083000", "Modality": "CT",
        "ScheduledProcedureStepID": "S1", "ScheduledProcedureStepDescription": "CT head", **attributes,
    })


def ask(subject, query, syntaxes=PLAIN, **arguments):
    """The statuses of all responses, and the identifiers of the pending ones."""
    statuses, found = [], []
    with associate(subject, [(ModalityWorklistInformationFind, syntaxes)], **arguments) as association:
        for status, match in association.send_c_find(query, ModalityWorklistInformationFind):
            statuses.append(status)
            if status.Status in (0xFF00, 0xFF01):
                assert match is not None, "a pending response without an identifier"
                found.append(match)
    return statuses, found


def found(subject, query, **arguments):
    """The matches of a query that must succeed."""
    statuses, matches = ask(subject, query, **arguments)
    assert statuses[-1].Status == 0x0000, statuses[-1]
    return matches


class Orders:
    """Five steps of three patients."""

    def __init__(self, subject):
        self.subject = subject
        self.tag = data.patient_id()
        self.study = data.uid()
        # Station names are this list's own, so that queries by station meet no other test's orders.
        self.ct, self.mr = f"C{self.tag[-9:]}", f"M{self.tag[-9:]}"
        ann = {"PatientID": f"{self.tag}A", "PatientName": "Adams^Ann", "PatientSex": "F"}
        bob = {"PatientID": f"{self.tag}B", "PatientName": "Müller^Börge==", "SpecificCharacterSet": "ISO_IR 192"}
        eve = {"PatientID": f"{self.tag}C", "PatientName": "Adler^Eve"}
        physician = {"ScheduledPerformingPhysicianName": "House^Gregory"}
        self.items = [
            order(**ann, **physician, StudyInstanceUID=self.study, ScheduledStationAETitle=self.ct,
                  ScheduledProcedureStepID="S1", ScheduledProcedureStepStartTime="083000", AccessionNumber="AN1"),
            order(**ann, StudyInstanceUID=self.study, ScheduledStationAETitle=self.ct, ScheduledProcedureStepID="S2",
                  ScheduledProcedureStepStartTime="093000", AccessionNumber="AN1"),
            order(**bob, **physician, ScheduledStationAETitle=self.mr, Modality="MR", ScheduledProcedureStepID="S3",
                  ScheduledProcedureStepStartDate="20250201", ScheduledProcedureStepStartTime="100000",
                  AccessionNumber="AN2"),
            order(**eve, ScheduledStationAETitle=[self.ct, self.mr], ScheduledProcedureStepID="S4",
                  ScheduledProcedureStepStartDate="20250202", ScheduledProcedureStepStartTime="070000",
                  RequestedProcedureID="R4"),
            order(**eve, ScheduledStationAETitle=self.mr, Modality="MR", ScheduledProcedureStepID="S5",
                  ScheduledProcedureStepStartDate="20250203", ScheduledProcedureStepStartTime="180000"),
        ]
        for item in self.items:
            subject.add_order(item)

    def steps(self, **keys):
        """The IDs of the steps that match; queries stay among this list's patients."""
        query = entry(**{
            "PatientID": "", "PatientName": "", "ScheduledProcedureStepID": "", "ScheduledStationAETitle": "", **keys,
        })
        steps = []
        for match in found(self.subject, query):
            assert len(match.ScheduledProcedureStepSequence) == 1, "each answer is one step (PS3.4 §K.6.1.2.1)"
            if match.PatientID.startswith(self.tag):
                steps.append(match.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID)
        assert len(steps) == len(set(steps)), "a step was told twice"
        return sorted(steps)


@pytest.fixture(scope="module")
def orders(subject):
    return Orders(subject)


@pytest.mark.parametrize(("keys", "expected"), [
    ({}, ["S1", "S2", "S3", "S4", "S5"]),
    ({"Modality": "MR"}, ["S3", "S5"]),
    ({"ScheduledProcedureStepStartDate": "20250131"}, ["S1", "S2"]),
    ({"ScheduledProcedureStepStartDate": "20250201-20250202"}, ["S3", "S4"]),
    ({"ScheduledProcedureStepStartDate": "20250202-"}, ["S4", "S5"]),
    ({"ScheduledProcedureStepStartDate": "-20250131"}, ["S1", "S2"]),
    ({"ScheduledProcedureStepStartDate": "20250131", "ScheduledProcedureStepStartTime": "0900-1000"}, ["S2"]),
    ({"ScheduledPerformingPhysicianName": "House*"}, ["S1", "S3"]),
    ({"ScheduledPerformingPhysicianName": "House^Gregory"}, ["S1", "S3"]),
    ({"PatientName": "Ad*"}, ["S1", "S2", "S4", "S5"]),
    ({"PatientName": "Ad?m*"}, ["S1", "S2"]),
    ({"PatientName": "Adams^Ann"}, ["S1", "S2"]),
    ({"AccessionNumber": "AN1"}, ["S1", "S2"]),
    ({"AccessionNumber": "AN*"}, ["S1", "S2", "S3"]),
    ({"RequestedProcedureID": "R4"}, ["S4"]),
    ({"ScheduledProcedureStepID": "S5"}, ["S5"]),
    ({"Modality": "MR", "PatientName": "Adler*"}, ["S5"]),
    ({"Modality": "US"}, []),
])
def test_matching_keys(orders, keys, expected):
    """PS3.4 Table K.6-1: required keys and optional ones, by value, wildcard and range."""
    assert orders.steps(**keys) == expected


def test_the_key_of_one_patient(orders):
    """PS3.4 Table K.6-1: Patient ID by single value."""
    assert orders.steps(PatientID=f"{orders.tag}A") == ["S1", "S2"]


def test_the_station_that_asks_finds_its_own(orders):
    """PS3.4 Table K.6-1: Scheduled Station AE Title by single value."""
    assert orders.steps(ScheduledStationAETitle=orders.mr, ScheduledProcedureStepStartDate="20250203") == ["S5"]
    assert orders.steps(ScheduledStationAETitle=orders.ct, ScheduledProcedureStepStartDate="20250203") == []


@pytest.mark.orthanc_fails(reason="does not match each of several values")
def test_a_step_for_several_stations_is_found_by_each(orders):
    """PS3.4 §K.2.2.3: any value of an attribute of several matches."""
    assert orders.steps(ScheduledStationAETitle=orders.ct) == ["S1", "S2", "S4"]
    assert orders.steps(ScheduledStationAETitle=orders.mr) == ["S3", "S4", "S5"]


def test_the_study_by_its_uid(orders):
    """PS3.4 Table K.6-1: Study Instance UID, which both steps of the procedure have."""
    assert orders.steps(StudyInstanceUID=orders.study) == ["S1", "S2"]


@pytest.mark.orthanc_fails(reason="matches date and time each on its own")
def test_ranges_of_date_and_time_are_one_range(orders):
    """PS3.4 Table K.6-1, remark on Scheduled Procedure Step Start Time: from a moment until a moment."""
    assert orders.steps(
        ScheduledProcedureStepStartDate="20250131-20250202", ScheduledProcedureStepStartTime="090000-080000",
    ) == ["S2", "S3", "S4"]
    assert orders.steps(
        ScheduledProcedureStepStartDate="20250202-20250203", ScheduledProcedureStepStartTime="080000-180000",
    ) == ["S5"]


def test_names_match_whatever_their_case_and_script(orders):
    """PS3.4 §C.2.2.2.1: a query in Latin-1 finds what is kept in UTF-8."""
    assert orders.steps(PatientName="MÜLLER^*", SpecificCharacterSet="ISO_IR 100") == ["S3"]


@pytest.mark.orthanc_fails(reason="leaves out keys that it has no value for")
def test_an_answer_holds_what_was_asked_for_and_nothing_else(subject, orders):
    """PS3.4 §K.4.1.1.3.2: the keys of the request; a type 2 key without a value is there and empty."""
    (answer,) = found(subject, entry(
        PatientID=f"{orders.tag}B", PatientName="", PatientWeight=None, ReferringPhysicianName="",
        Modality="", ScheduledPerformingPhysicianName="", ScheduledProtocolCodeSequence=[],
    ))
    allowed = {
        "PatientID", "PatientName", "PatientWeight", "ReferringPhysicianName", "ScheduledProcedureStepSequence",
        "SpecificCharacterSet",
    }
    assert {element.keyword for element in answer} - {"SpecificCharacterSet"} == allowed - {"SpecificCharacterSet"}
    assert answer.PatientName == "Müller^Börge"
    assert not answer.PatientWeight and not answer.ReferringPhysicianName
    (step,) = answer.ScheduledProcedureStepSequence
    assert {element.keyword for element in step} == {
        "Modality", "ScheduledPerformingPhysicianName", "ScheduledProtocolCodeSequence",
    }
    assert (step.Modality, step.ScheduledPerformingPhysicianName) == ("MR", "House^Gregory")
    assert not step.ScheduledProtocolCodeSequence


def test_a_sequence_without_keys_comes_whole(subject, orders):
    """PS3.4 §C.2.2.2.6: a zero-length sequence is matched by all and returned with what it has."""
    query = Dataset()
    query.PatientID = f"{orders.tag}B"
    query.ScheduledProcedureStepSequence = []
    (answer,) = found(subject, query)
    (step,) = answer.ScheduledProcedureStepSequence
    assert (step.ScheduledProcedureStepID, step.ScheduledProcedureStepStartTime) == ("S3", "100000")


@pytest.mark.only("causeway")
def test_type_1_keys_have_values(subject, orders):
    """PS3.4 Table K.6-1: what every answer must have, an order gets where nobody gave it."""
    document = {
        "patient": {"id": f"{data.patient_id()}", "name": "Roe^Rita"},
        "step": {"station_ae": "US1", "modality": "US", "start": "2025-03-01T09:00", "description": "US abdomen"},
    }
    kept = requests.post(f"{subject.url}/api/v1/worklist", json=document, timeout=30).json()
    (answer,) = found(subject, entry(
        PatientID=document["patient"]["id"], PatientName="", StudyInstanceUID="", RequestedProcedureID="",
        RequestedProcedureDescription="", ScheduledStationAETitle="", ScheduledProcedureStepStartDate="",
        ScheduledProcedureStepStartTime="", Modality="", ScheduledProcedureStepID="",
        ScheduledProcedureStepDescription="",
    ))
    (step,) = answer.ScheduledProcedureStepSequence
    assert answer.StudyInstanceUID == kept["study_instance_uid"] and answer.StudyInstanceUID.startswith("2.25.")
    assert answer.RequestedProcedureID == kept["requested_procedure"]["id"] != ""
    assert answer.RequestedProcedureDescription == "US abdomen" == step.ScheduledProcedureStepDescription
    assert step.ScheduledProcedureStepID == kept["step"]["id"] and len(step.ScheduledProcedureStepID) <= 16
    assert (step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime) == ("20250301", "090000")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_plain_transfer_syntaxes(subject, orders, syntax):
    """PS3.4 §K.5: the same answers in each."""
    query = entry(PatientID=f"{orders.tag}A", PatientName="", ScheduledProcedureStepID="")
    matches = found(subject, query, syntaxes=[syntax])
    assert sorted(match.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID for match in matches) == ["S1", "S2"]


@pytest.mark.orthanc_fails(reason="says nothing of keys it does not know")
def test_unsupported_keys_are_said_to_be(subject, orders):
    """PS3.4 Table K.4-1: FF01 where an optional key is not supported; it restricts nothing."""
    query = entry(PatientID=f"{orders.tag}A", PatientName="")
    query.add_new(0x00090010, "LO", "CONFORMANCE")
    query.add_new(0x00091001, "LO", "something")
    statuses, matches = ask(subject, query)
    assert [status.Status for status in statuses] == [0xFF01, 0xFF01, 0x0000]
    assert all(0x00091001 not in match for match in matches)
    statuses, _ = ask(subject, entry(PatientID=f"{orders.tag}A", PatientName=""))
    assert [status.Status for status in statuses] == [0xFF00, 0xFF00, 0x0000]


@pytest.mark.orthanc_fails(reason="takes a malformed range for a value")
def test_keys_that_cannot_be_are_refused_with_a_reason(subject):
    """PS3.4 Table K.4-1: A900 with Offending Element and Error Comment."""
    (status,), _ = ask(subject, entry(ScheduledProcedureStepStartDate="20250131-x", PatientID=""))
    assert status.Status == 0xA900 and status.ErrorComment
    assert status.OffendingElement == 0x00400002
    query = entry(PatientID="")
    query.ScheduledProcedureStepSequence = [Dataset(), Dataset()]
    (status,), _ = ask(subject, query)
    assert (status.Status, status.OffendingElement) == (0xA900, 0x00400100)


def test_no_match_is_a_success_without_identifiers(subject):
    """PS3.4 §K.4.1.3: nothing pending, one final response."""
    statuses, matches = ask(subject, entry(PatientID="NOBODY AT ALL"))
    assert [status.Status for status in statuses] == [0x0000] and not matches


def test_cancel(make_subject):
    """PS3.4 §K.4.1.3: a query that is cancelled ends with FE00, before all was told."""
    subject = make_subject()
    for number in range(300):
        subject.add_order(order(ScheduledProcedureStepID=f"S{number}"))
    with associate(subject, [ModalityWorklistInformationFind]) as association:
        told, final = 0, None
        query = entry(PatientID="", PatientName="", ScheduledProcedureStepID="")
        for status, _ in association.send_c_find(query, ModalityWorklistInformationFind, msg_id=7):
            if status.Status != 0xFF00:
                final = status.Status
                break
            told += 1
            if told == 1:
                association.send_c_cancel(7, query_model=ModalityWorklistInformationFind)
        assert final in (0xFE00, 0x0000)
        assert final == 0xFE00 or told == 300
        # The association is in order afterwards.
        statuses = [
            status.Status for status, _ in association.send_c_find(
                entry(PatientID="NOBODY AT ALL"), ModalityWorklistInformationFind,
            )
        ]
        assert statuses == [0x0000]


QUERY = """
(0008,0050) SH []
(0010,0010) PN [Adams*]
(0010,0020) LO [{patient}]
(0040,0100) SQ
(fffe,e000) na
(0008,0060) CS [CT]
(0040,0001) AE [{station}]
(0040,0002) DA [20250131]
(0040,0009) SH []
(fffe,e00d) na
(fffe,e0dd) na
"""


def test_dcmtk(subject, orders, folder):
    """findscu -W with a query that dump2dcm made."""
    (folder / "query.dump").write_text(QUERY.format(patient=f"{orders.tag}A", station=orders.ct))
    made = dcmtk("dump2dcm", "+E", "query.dump", "query.wl", cwd=folder)
    assert made.returncode == 0, made.stderr
    asked = dcmtk(
        "findscu", "-W", "-aec", subject.ae_title, "-X", subject.host, str(subject.dimse_port), "query.wl", cwd=folder,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    answers = [dcmread(path, force=True) for path in sorted(folder.glob("rsp*.dcm"))]
    assert sorted(answer.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID for answer in answers) == ["S1", "S2"]
    assert {answer.AccessionNumber for answer in answers} == {"AN1"}
    assert {answer.ScheduledProcedureStepSequence[0].ScheduledStationAETitle for answer in answers} == {orders.ct}


# How an order comes onto the list, and who may see it.

@pytest.mark.only("causeway")
def test_who_has_no_leave_gets_no_context(subject):
    """PS3.8 §9.3.3.2: user rejection of the context for a caller that is known and may not."""
    subject.run("remote", "add", "plain", "--ae-title", "PLAIN", "--allow", "store")
    subject.run("remote", "add", "ct1", "--ae-title", "CT1WL", "--allow", "worklist")
    for title, result in (("PLAIN", 0x01), ("CT1WL", 0x00)):
        entity = AE(ae_title=title)
        entity.add_requested_context(ModalityWorklistInformationFind)
        entity.add_requested_context("1.2.840.10008.3.1.2.3.3")
        association = entity.associate(subject.host, subject.dimse_port, ae_title=subject.ae_title)
        contexts = [*association.accepted_contexts, *association.rejected_contexts]
        assert [context.result for context in contexts] == [result, result]
        association.abort()
        entity.shutdown()


@pytest.mark.only("causeway")
def test_rest(subject):
    """An order is added, listed, changed, shown as DICOM JSON, removed; what is wrong is named by its field."""
    root = f"{subject.url}/api/v1/worklist"
    patient = data.patient_id()
    document = {
        "patient": {"id": patient, "issuer": "CLINIC", "name": "Doe^Jane", "birth_date": "1970-12-31", "sex": "F"},
        "accession_number": "REST1",
        "requested_procedure": {"code": {"value": "CTH", "scheme": "99L", "meaning": "CT head"}},
        "step": {
            "station_ae": ["CT1", "CT2"], "modality": "CT", "start": "2025-01-31T08:30", "description": "CT head",
            "protocol_codes": [{"value": "P1", "scheme": "99L", "meaning": "Head"}],
        },
    }
    added = requests.post(root, json=document, timeout=30)
    assert added.status_code == 201, added.text
    kept = added.json()
    assert added.headers["Location"] == f"/api/v1/worklist/{kept['id']}"
    assert kept["status"] == "SCHEDULED" and kept["step"]["start"] == "2025-01-31T08:30:00"
    one = f"{root}/{kept['id']}"
    assert requests.get(one, timeout=30).json() == kept
    listed = requests.get(root, params={"patient_id": patient, "modality": "CT", "from": "2025-01-31"}, timeout=30)
    assert listed.json() == [kept]
    assert requests.get(root, params={"patient_id": patient, "modality": "MR"}, timeout=30).json() == []

    again = requests.post(root, json={**kept, "accession_number": "REST2"}, timeout=30)
    assert again.status_code == 409 and str(kept["id"]) in again.json()["detail"]

    changed = requests.put(one, json={**document, "status": "STARTED", "accession_number": "REST3"}, timeout=30)
    assert changed.status_code == 200, changed.text
    assert changed.json()["study_instance_uid"] == kept["study_instance_uid"]
    assert changed.json()["step"]["id"] == kept["step"]["id"]
    assert requests.get(root, params={"patient_id": patient}, timeout=30).json() == [], "it waits no more"
    (shown,) = requests.get(root, params={"patient_id": patient, "status": "any"}, timeout=30).json()
    assert shown == changed.json()
    query = entry(PatientID=patient, AccessionNumber="")
    assert found(subject, query) == []
    (started,) = found(subject, entry(PatientID=patient, AccessionNumber="", ScheduledProcedureStepStatus="STARTED"))
    assert started.AccessionNumber == "REST3"

    dicom = requests.get(one, headers={"Accept": "application/dicom+json"}, timeout=30)
    assert dicom.headers["Content-Type"] == "application/dicom+json"
    item = Dataset.from_json(dicom.text)
    assert item.PatientID == patient
    assert item.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == ["CT1", "CT2"]
    assert item.RequestedProcedureCodeSequence[0].CodeMeaning == "CT head"

    assert requests.delete(one, timeout=30).status_code == 204
    assert requests.get(one, timeout=30).status_code == 404
    assert requests.delete(one, timeout=30).status_code == 404
    assert requests.put(one, json=document, timeout=30).status_code == 404


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("path", "value", "field"), [
    (("patient", "id"), None, "patient.id"),
    (("patient", "birth_date"), "31.12.1970", "patient.birth_date"),
    (("patient", "sex"), "female", "patient.sex"),
    (("patient", "shoe_size"), "44", "patient.shoe_size"),
    (("step", "start"), None, "step.start"),
    (("step", "start"), "2025-02-30T10:00", "step.start"),
    (("step", "modality"), None, "step.modality"),
    (("step", "station_ae"), "AN AE TITLE THAT IS TOO LONG", "step.station_ae"),
    (("step", "station_ae"), None, "step.station_ae"),
    (("accession_number",), "12345678901234567", "accession_number"),
    (("study_instance_uid",), "1.2.x", "study_instance_uid"),
    (("status",), "LATER", "status"),
])
def test_rest_names_the_field_at_fault(subject, path, value, field):
    """RFC 9457: a problem, with the field."""
    document = {
        "patient": {"id": data.patient_id(), "name": "Doe^Jane"},
        "step": {"station_ae": "CT1", "modality": "CT", "start": "2025-01-31T08:30", "description": "CT head"},
    }
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    answer = requests.post(f"{subject.url}/api/v1/worklist", json=document, timeout=30)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert field in answer.json()["detail"]


@pytest.mark.only("causeway")
def test_dicom_json_names_the_tag_at_fault(subject):
    """The same of an order in DICOM JSON, by its tags."""
    wrong = order(Modality="ct")
    answer = requests.post(
        f"{subject.url}/api/v1/worklist", data=wrong.to_json(), headers={"Content-Type": "application/dicom+json"},
        timeout=30,
    )
    assert answer.status_code == 422
    assert answer.json()["field"] == "00400100.00080060"
    assert "ScheduledProcedureStepSequence.Modality" in answer.json()["detail"]


@pytest.mark.only("causeway")
def test_command_line(subject, folder):
    """causeway worklist add, list, show, import, match, remove."""
    patient = data.patient_id()
    number = subject.run(
        "worklist", "add", "--patient-id", patient, "--patient-name", "Doe^Jane", "--birth-date", "1970-12-31",
        "--accession", "CLI1", "--modality", "CT", "--station", "CT1", "--station", "CT2",
        "--start", "2025-01-31 08:30", "--description", "CT head",
    ).strip()
    listed = subject.run("worklist", "list", "--patient-id", patient)
    assert f"{number} " in listed and "CT1,CT2" in listed and "CLI1" in listed
    shown = json.loads(subject.run("worklist", "show", number))
    assert shown["patient"]["id"] == patient

    second, third = dict(shown), order(PatientID=patient).to_json_dict()
    second.pop("study_instance_uid")
    (folder / "orders.json").write_text(json.dumps([second, third]))
    told = json.loads(subject.run("worklist", "import", str(folder / "orders.json"), "--json"))
    assert len(told["added"]) == 2 and told["refused"] == []
    assert len(json.loads(subject.run("worklist", "list", "--patient-id", patient, "--json"))) == 3
    dicom = json.loads(subject.run("worklist", "show", str(told["added"][1]), "--dicom"))
    assert dicom["00100020"]["Value"] == [patient]

    (folder / "wrong.json").write_text(json.dumps([{"patient": {}}]))
    refused = subprocess.run(
        [str(binary()), "worklist", "import", str(folder / "wrong.json"), "--url", subject.url],
        capture_output=True, text=True, timeout=60,
    )
    assert refused.returncode == 1 and "entry 0: " in refused.stdout and "patient.name" in refused.stdout

    for one in (number, *map(str, told["added"])):
        subject.run("worklist", "remove", one)
    assert json.loads(subject.run("worklist", "list", "--patient-id", patient, "--json")) == []


@pytest.mark.only("causeway")
def test_a_foreign_study_is_matched_to_an_order(subject):
    """The likeliest order stands first, with the words why; nothing is changed."""
    patient, accession = data.patient_id(), data.uid()[-12:]
    study = data.study(
        1, 1, PatientID=patient, PatientName="Doe^Jane", PatientBirthDate="19701231", AccessionNumber=accession,
        StudyDate="20250131",
    )
    stored(subject, *study)
    subject.add_order(order(PatientID=data.patient_id(), AccessionNumber=accession, Modality="MR"))
    subject.add_order(order(PatientID=patient, AccessionNumber=accession, PatientName="Doe^Jane"))
    subject.add_order(order(PatientID=data.patient_id(), AccessionNumber="OTHER", PatientName="Roe^Rita"))
    before = requests.get(f"{subject.url}/api/v1/worklist", params={"status": "any", "limit": 1000}, timeout=30).json()
    uid = study[0].StudyInstanceUID
    matches = json.loads(subject.run("worklist", "match", uid, "--json"))
    mine = [match for match in matches if match["entry"]["accession_number"] == accession]
    assert [match["entry"]["patient"]["id"] for match in mine][0] == patient
    assert mine[0]["score"] > mine[1]["score"]
    assert matches == sorted(matches, key=lambda match: -match["score"])
    words = {reason["words"] for reason in mine[0]["reasons"]}
    assert {"the same accession number", "the same name and birth date", "the same modality"} <= words
    assert all(match["entry"]["accession_number"] != "OTHER" for match in matches)
    assert "the same accession number" in subject.run("worklist", "match", uid)
    after = requests.get(f"{subject.url}/api/v1/worklist", params={"status": "any", "limit": 1000}, timeout=30).json()
    assert after == before
    unknown = requests.get(f"{subject.url}/api/v1/worklist/matches", params={"study": data.uid()}, timeout=30)
    assert unknown.status_code == 404


@pytest.mark.only("causeway")
def test_tokens(make_subject):
    """The worklist's token keeps it; a viewer's does not see it."""
    subject = make_subject()
    tokens = {
        name: subject.run("token", "add", name, "--allow", allow).strip()
        for name, allow in (("ris", "worklist"), ("viewer", "query,retrieve"))
    }
    document = {
        "patient": {"id": "P1", "name": "Doe^Jane"},
        "step": {"station_ae": "CT1", "modality": "CT", "start": "2025-01-31T08:30", "description": "CT head"},
    }
    root = f"{subject.url}/api/v1"
    for name, status in (("ris", 201), ("viewer", 403)):
        headers = {"Authorization": f"Bearer {tokens[name]}"}
        assert requests.post(f"{root}/worklist", json=document, headers=headers, timeout=30).status_code == status
        seen = {201: 200, 403: 403}[status]
        for path in ("worklist", "worklist/1", "procedure-steps"):
            assert requests.get(f"{root}/{path}", headers=headers, timeout=30).status_code == seen, path

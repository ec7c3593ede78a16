"""PS3.4 §C.4.2.2.1 and §C.6: which keys say what is to be moved, and what is refused."""

import pytest

import data
from clients import identifier, move, stored


@pytest.fixture(scope="module")
def held(subject):
    """Two studies of one patient, of two series each."""
    patient = data.patient_id()
    return stored(subject, *[
        item for _ in range(2) for item in data.study(series=2, instances=2, PatientID=patient)
    ])


def moved(subject, receiver, level, root="STUDY", **keys):
    """The final status of a C-MOVE by these keys."""
    status, _, _ = move(subject, identifier(level, **keys), receiver.ae_title, root)
    return status.Status


def test_a_list_of_studies(subject, held, receiver):
    """PS3.4 §C.4.2.2.1: a list of UIDs at the level of the retrieval."""
    studies = [held[0].StudyInstanceUID, held[4].StudyInstanceUID, data.uid()]
    assert moved(subject, receiver, "STUDY", StudyInstanceUID=studies) == 0x0000
    assert receiver.uids() == {item.SOPInstanceUID for item in held}


def test_a_list_of_series(subject, held, receiver):
    """PS3.4 §C.4.2.2.1: at the series level as well, below one study."""
    series = [held[0].SeriesInstanceUID, held[2].SeriesInstanceUID]
    keys = {"StudyInstanceUID": held[0].StudyInstanceUID, "SeriesInstanceUID": series}
    assert moved(subject, receiver, "SERIES", **keys) == 0x0000
    assert receiver.uids() == {item.SOPInstanceUID for item in held[:4]}


@pytest.mark.orthanc_fails(reason="moves what the key matches")
def test_a_series_of_another_study(subject, held, receiver):
    """PS3.4 §C.4.2.2.1: the keys of the levels above count: nothing matches, nothing is sent."""
    keys = {"StudyInstanceUID": held[4].StudyInstanceUID, "SeriesInstanceUID": held[0].SeriesInstanceUID}
    assert moved(subject, receiver, "SERIES", **keys) == 0x0000
    assert receiver.arrivals == []


def refusals(held):
    """Keys that do not say what is to be moved."""
    study, series = held[0].StudyInstanceUID, held[0].SeriesInstanceUID
    instance, patient = held[0].SOPInstanceUID, held[0].PatientID
    return {
        "no key of the level": ("STUDY", "STUDY", {"PatientID": patient}),
        "a series without its study": ("SERIES", "STUDY", {"SeriesInstanceUID": series}),
        "an instance without its series": ("IMAGE", "STUDY", {"StudyInstanceUID": study, "SOPInstanceUID": instance}),
        "a list above the level": (
            "SERIES", "STUDY", {"StudyInstanceUID": [study, held[4].StudyInstanceUID], "SeriesInstanceUID": series},
        ),
        "two patients": ("PATIENT", "PATIENT", {"PatientID": [patient, "other"]}),
        "a patient below the study root": ("PATIENT", "STUDY", {"PatientID": patient}),
        "a study of no patient": ("STUDY", "PATIENT", {"StudyInstanceUID": study}),
        "a level that is none": ("SLICE", "STUDY", {"StudyInstanceUID": study}),
        "an empty key": ("STUDY", "STUDY", {"StudyInstanceUID": ""}),
        "a wildcard": ("STUDY", "STUDY", {"StudyInstanceUID": "*"}),
    }


@pytest.mark.only("causeway")
@pytest.mark.parametrize("case", [
    "no key of the level", "a series without its study", "an instance without its series", "a list above the level",
    "two patients", "a patient below the study root", "a study of no patient", "a level that is none", "an empty key",
    "a wildcard",
])
def test_keys_that_do_not_fit(subject, held, receiver, case):
    """PS3.4 table C.4-2: A900, the identifier does not match the SOP class; and nothing is sent."""
    level, root, keys = refusals(held)[case]
    assert moved(subject, receiver, level, root, **keys) == 0xA900
    assert receiver.arrivals == []


@pytest.mark.orthanc_fails(reason="moves every patient")
def test_a_wildcard_for_a_patient(subject, held, receiver):
    """PS3.4 §C.4.2.2.1: above the study level a single value, for which nothing is a wildcard: nobody is moved."""
    moved(subject, receiver, "PATIENT", "PATIENT", PatientID=f"{held[0].PatientID[:-1]}*")
    assert receiver.arrivals == []


@pytest.mark.only("causeway")
def test_a_key_below_the_level(subject, held, receiver):
    """PS3.4 §C.4.2.1.4.1: keys below the level have no place in the request: refused, or without effect."""
    keys = {"StudyInstanceUID": held[0].StudyInstanceUID, "SeriesInstanceUID": held[0].SeriesInstanceUID}
    status = moved(subject, receiver, "STUDY", **keys)
    assert status == 0xA900 or (
        status == 0x0000 and receiver.uids() == {item.SOPInstanceUID for item in held[:4]}
    )

"""PS3.4 annex C.4.1: C-FIND, both information models, and the matching of C.2.2.2."""

import pytest

import data
from clients import FIND, associate, dcmtk, find, identifier, matches, stored


@pytest.fixture(scope="module")
def archive(subject):
    """Three studies of two patients, under Patient IDs of their own."""
    tag = data.patient_id()
    ann, bob = f"{tag}A", f"{tag}B"
    first = data.study(
        2, 2, PatientID=ann, PatientName="Adams^Ann^^Dr", StudyDate="20240110", StudyTime="081500",
        AccessionNumber=f"{tag[-8:]}1", StudyDescription="Knee left", StudyID="K1",
    )
    for item in first[2:]:
        item.Modality = "SR"
    second = data.study(
        1, 3, PatientID=ann, PatientName="Adams^Ann^^Dr", StudyDate="20240220", StudyTime="173000",
        AccessionNumber=f"{tag[-8:]}2", StudyDescription="Head", StudyID="K2", Modality="MR",
    )
    third = data.study(
        1, 1, PatientID=bob, PatientName="Müller^Börge", SpecificCharacterSet="ISO_IR 192", StudyDate="20230301",
        StudyTime="120000", AccessionNumber=f"{tag[-8:]}3", StudyDescription="Knie", PatientSex="M",
    )
    stored(subject, *first, *second, *third)
    archive.ann, archive.bob, archive.tag = ann, bob, tag
    archive.first, archive.second, archive.third = first, second, third
    archive.known = {item.StudyInstanceUID for item in (*first, *second, *third)}
    return archive


def studies(subject, archive, **keys):
    """The studies of the archive that match, as 1, 2 and 3."""
    keys.setdefault("PatientID", f"{archive.tag}*")
    found = matches(subject, identifier("STUDY", **{"StudyInstanceUID": "", **keys}))
    names = {
        archive.first[0].StudyInstanceUID: 1, archive.second[0].StudyInstanceUID: 2,
        archive.third[0].StudyInstanceUID: 3,
    }
    assert len(found) == len({match.StudyInstanceUID for match in found}), "a study was told twice"
    return sorted(names[match.StudyInstanceUID] for match in found)


def test_patient_level(subject, archive):
    """PS3.4 §C.6.1.1.2: a patient is told once, however many studies there are."""
    found = matches(
        subject, identifier("PATIENT", PatientID=f"{archive.tag}*", PatientName="", PatientSex=""), "PATIENT",
    )
    assert sorted(match.PatientID for match in found) == [archive.ann, archive.bob]


@pytest.mark.parametrize("root", ["STUDY", "PATIENT"])
def test_study_series_and_image_level(subject, archive, root):
    """PS3.4 §C.4.1.2.1: the hierarchical search, with the unique keys of the levels above."""
    above = {"PatientID": archive.ann} if root == "PATIENT" else {}
    study_uid = archive.first[0].StudyInstanceUID
    found = matches(subject, identifier("STUDY", StudyInstanceUID=study_uid, **above), root)
    assert [match.StudyInstanceUID for match in found] == [study_uid]
    series = matches(
        subject, identifier("SERIES", StudyInstanceUID=study_uid, SeriesInstanceUID="", Modality="", **above), root,
    )
    assert {(match.SeriesInstanceUID, match.Modality) for match in series} == {
        (item.SeriesInstanceUID, item.Modality) for item in archive.first
    }
    series_uid = archive.first[0].SeriesInstanceUID
    images = matches(subject, identifier(
        "IMAGE", StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid, SOPInstanceUID="", InstanceNumber="",
        **above,
    ), root)
    assert {match.SOPInstanceUID for match in images} == {item.SOPInstanceUID for item in archive.first[:2]}
    assert {int(match.InstanceNumber) for match in images} == {1, 2}


@pytest.mark.parametrize(("keys", "expected"), [
    ({}, [1, 2, 3]),
    ({"StudyDescription": "Knee left"}, [1]),
    ({"StudyDescription": "Kn*"}, [1, 3]),
    ({"StudyDescription": "Kn??"}, [3]),
    ({"StudyDescription": "*e*"}, [1, 2, 3]),
    ({"StudyDate": "20240110"}, [1]),
    ({"StudyDate": "20240101-20240201"}, [1]),
    ({"StudyDate": "20240111-"}, [2]),
    ({"StudyDate": "-20240110"}, [1, 3]),
    ({"StudyDate": "20240110-20240110"}, [1]),
    ({"StudyDate": "20220101-20221231"}, []),
    ({"StudyTime": "080000-090000"}, [1]),
    ({"StudyTime": "120000-"}, [2, 3]),
    ({"StudyID": "K?"}, [1, 2]),
    ({"PatientName": "Adams^Ann^^Dr"}, [1, 2]),
    ({"PatientName": "adams^ann*"}, [1, 2]),
    ({"PatientName": "ADAMS*"}, [1, 2]),
    ({"PatientName": "A?ams*"}, [1, 2]),
    ({"PatientName": "Bdams*"}, []),
    ({"PatientSex": "M"}, [3]),
    ({"ReferringPhysicianName": "referrer^*"}, [1, 2, 3]),
    ({"ModalitiesInStudy": "SR"}, [1]),
    ({"ModalitiesInStudy": "CT"}, [1, 3]),
    ({"ModalitiesInStudy": "MR"}, [2]),
    ({"ModalitiesInStudy": "US"}, []),
], ids=str)
def test_matching(subject, archive, keys, expected):
    """PS3.4 §C.2.2.2: single value, wildcard, range and universal matching."""
    assert studies(subject, archive, **keys) == expected


def test_accession_number(subject, archive):
    """PS3.4 §C.2.2.2.1: single value matching."""
    assert studies(subject, archive, AccessionNumber=f"{archive.tag[-8:]}2") == [2]


@pytest.mark.parametrize(("keys", "expected"), [
    ({"StudyDescription": "knee left"}, []),
    ({"StudyID": "k1"}, []),
])
def test_case_matters_except_in_names(subject, archive, keys, expected):
    """PS3.4 §C.2.2.2.1: single value matching is case-sensitive but for PN."""
    assert studies(subject, archive, **keys) == expected


def test_list_of_uids(subject, archive):
    """PS3.4 §C.2.2.2.2: a list of UIDs matches any of them."""
    wanted = [archive.first[0].StudyInstanceUID, archive.third[0].StudyInstanceUID, data.uid()]
    assert studies(subject, archive, StudyInstanceUID=wanted) == [1, 3]


def test_list_of_uids_of_instances(subject, archive):
    """PS3.4 §C.2.2.2.2: at the image level as well."""
    wanted = [archive.first[0].SOPInstanceUID, archive.first[1].SOPInstanceUID]
    found = matches(subject, identifier(
        "IMAGE", StudyInstanceUID=archive.first[0].StudyInstanceUID,
        SeriesInstanceUID=archive.first[0].SeriesInstanceUID, SOPInstanceUID=wanted,
    ))
    assert sorted(match.SOPInstanceUID for match in found) == sorted(wanted)


def test_a_uid_takes_no_wildcard(subject, archive):
    """PS3.4 §C.2.2.2.4: `*` in a UID is no wildcard; but for the key `*` alone, nothing may match."""
    prefix = archive.first[0].StudyInstanceUID[:-4] + "*"
    status, found = find(subject, identifier("STUDY", StudyInstanceUID=prefix))
    assert found == [] or status != 0x0000


def test_a_name_with_an_umlaut(subject, archive):
    """PS3.4 §C.2.2.2.1: a key is compared in its character set, the response names its own (PS3.3 §C.12.1.1.2)."""
    for charset in ("ISO_IR 192", "ISO_IR 100"):
        query = identifier(
            "STUDY", StudyInstanceUID="", PatientID=archive.bob, PatientName="Müller*", SpecificCharacterSet=charset,
        )
        (match,) = matches(subject, query)
        assert str(match.PatientName) == "Müller^Börge"


def test_the_counts(subject, archive):
    """PS3.4 tables C.6-2 and C.6-3: Number of Study Related Series and Instances, and Modalities in Study."""
    (match,) = matches(subject, identifier(
        "STUDY", StudyInstanceUID=archive.first[0].StudyInstanceUID, NumberOfStudyRelatedSeries="",
        NumberOfStudyRelatedInstances="", ModalitiesInStudy="",
    ))
    assert (int(match.NumberOfStudyRelatedSeries), int(match.NumberOfStudyRelatedInstances)) == (2, 4)
    assert sorted(match.ModalitiesInStudy) == ["CT", "SR"]
    (series,) = matches(subject, identifier(
        "SERIES", StudyInstanceUID=archive.second[0].StudyInstanceUID, SeriesInstanceUID="",
        NumberOfSeriesRelatedInstances="",
    ))
    assert int(series.NumberOfSeriesRelatedInstances) == 3


def test_the_counts_of_a_patient(subject, archive):
    """PS3.4 table C.6-1: Number of Patient Related Studies, Series and Instances."""
    (match,) = matches(subject, identifier(
        "PATIENT", PatientID=archive.ann, NumberOfPatientRelatedStudies="", NumberOfPatientRelatedSeries="",
        NumberOfPatientRelatedInstances="",
    ), "PATIENT")
    counts = (
        match.NumberOfPatientRelatedStudies, match.NumberOfPatientRelatedSeries,
        match.NumberOfPatientRelatedInstances,
    )
    assert tuple(map(int, counts)) == (2, 3, 7)


def test_what_is_asked_is_returned_and_the_level_with_it(subject, archive):
    """PS3.4 §C.4.1.1.3.2: the keys of the request and the level; not what was not asked."""
    (match,) = matches(subject, identifier(
        "STUDY", StudyInstanceUID=archive.second[0].StudyInstanceUID, StudyDate="", StudyDescription="",
    ))
    assert match.QueryRetrieveLevel == "STUDY"
    assert (match.StudyDate, match.StudyDescription) == ("20240220", "Head")
    assert "PatientName" not in match and "AccessionNumber" not in match


@pytest.mark.orthanc_fails(reason="does not fill Retrieve AE Title when it is asked for")
def test_where_it_can_be_retrieved(subject, archive):
    """PS3.4 §C.4.1.1.3.2: Retrieve AE Title names the AE that the matches can be moved from."""
    (match,) = matches(subject, identifier(
        "STUDY", StudyInstanceUID=archive.second[0].StudyInstanceUID, RetrieveAETitle="",
    ))
    assert match.RetrieveAETitle == subject.ae_title


@pytest.mark.parametrize("level", [
    None, "", "NONSENSE",
    pytest.param("PATIENT", marks=pytest.mark.orthanc_fails(reason="searches patients under the study root as well")),
])
def test_a_wrong_level_is_refused(subject, archive, level):
    """PS3.4 §C.4.1.1.4: A900, the identifier does not match the SOP class."""
    query = identifier("STUDY", StudyInstanceUID="")
    if level is None:
        del query.QueryRetrieveLevel
    else:
        query.QueryRetrieveLevel = level
    status, found = find(subject, query, "STUDY")
    assert found == []
    assert status == 0xA900 or 0xC000 <= status <= 0xCFFF, f"{status:04X}"


@pytest.mark.orthanc_fails(reason="searches every study")
def test_a_series_search_without_its_study_is_refused(subject, archive):
    """PS3.4 §C.4.1.2.1: without relational queries, the unique keys above the level are required."""
    status, found = find(subject, identifier("SERIES", SeriesInstanceUID="", Modality="SR"))
    assert found == []
    assert status == 0xA900 or 0xC000 <= status <= 0xCFFF, f"{status:04X}"


def test_no_match_is_success_without_a_pending(subject, archive):
    """PS3.4 §C.4.1.1.4: Success, and no identifier."""
    assert find(subject, identifier("STUDY", StudyInstanceUID=data.uid())) == (0x0000, [])


def test_an_unsupported_optional_key_is_no_error(subject, archive):
    """PS3.4 table C.4-1: FF01 or FF00; the key is ignored, or returned empty."""
    (match,) = matches(subject, identifier(
        "STUDY", StudyInstanceUID=archive.first[0].StudyInstanceUID, PatientComments="", EthnicGroup="",
    ))
    assert match.StudyInstanceUID == archive.first[0].StudyInstanceUID


def test_a_cancelled_search_ends(subject, archive):
    """PS3.4 §C.4.1.2.1: C-CANCEL ends it with FE00, unless it had ended by itself; the association goes on."""
    with associate(subject, [FIND["STUDY"]]) as association:
        statuses = []
        for status, _ in association.send_c_find(
            identifier("STUDY", StudyInstanceUID="", PatientID=f"{archive.tag}*"), FIND["STUDY"], msg_id=5,
        ):
            if not statuses:
                association.send_c_cancel(5, query_model=FIND["STUDY"])
            statuses.append(status.Status)
        assert statuses[-1] in (0xFE00, 0x0000)
        again = [status.Status for status, _ in association.send_c_find(
            identifier("STUDY", StudyInstanceUID=archive.first[0].StudyInstanceUID), FIND["STUDY"], msg_id=6,
        )]
        assert again == [0xFF00, 0x0000]


def test_a_cancel_of_nothing_is_ignored(subject):
    """PS3.7 §9.3.2.3: a cancel of a message that is not outstanding has no effect."""
    with associate(subject, [FIND["STUDY"]]) as association:
        association.send_c_cancel(99, query_model=FIND["STUDY"])
        statuses = [status.Status for status, _ in association.send_c_find(
            identifier("STUDY", StudyInstanceUID=data.uid()), FIND["STUDY"],
        )]
        assert statuses == [0x0000]


def test_findscu_of_dcmtk(subject, archive):
    """PS3.4 §C.4.1: a client of another make."""
    done = dcmtk(
        "findscu", "-S", "-aec", subject.ae_title, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID",
        "-k", f"PatientID={archive.ann}", "-k", "ModalitiesInStudy", subject.host, str(subject.dimse_port),
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout + done.stderr
    assert archive.first[0].StudyInstanceUID in text and archive.second[0].StudyInstanceUID in text
    assert archive.third[0].StudyInstanceUID not in text

"""PS3.4 §C.2.2.2: sequences, character sets, moments, and what is negotiated about them (§C.5.1.1)."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

import data
from clients import FIND, associate, dcmtk, find, identifier, matches, stored, value

#: Relational queries, combined date-time matching, fuzzy names, timezone adjustment.
RELATIONAL, DATE_TIME, FUZZY, TIMEZONE = range(4)

#: A name in each character set that is used with DICOM, and how its group of the script is asked for.
NAMES = [
    ("ISO_IR 100", "Müller^Jörg", "Müll*"),
    ("ISO_IR 101", "Dvořák^Zdeněk", "Dvořá*"),
    ("ISO_IR 144", "Люксембург^Роза", "Люксем*"),
    ("ISO_IR 126", "Διονυσιος^Νικος", "Διον*"),
    ("ISO_IR 127", "قباني^لنزار", "قبا*"),
    ("ISO_IR 138", "שרון^דבורה", "שר*"),
    ("ISO_IR 166", "นามสกุล^ชื่อ", "นามสก*"),
    ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ", "ﾔﾏﾀﾞ*"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", "*=山田*"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", "*=洪*"),
    ("GB18030", "Wang^XiaoDong=王^小东", "*=王*"),
    ("ISO_IR 192", "Wang^XiaoDong=王^小東", "*=王*"),
]


NO_SEQUENCES = pytest.mark.orthanc_fails(reason="matches no sequences")
AS_TEXT = pytest.mark.orthanc_fails(reason="compares date-times as text")


def item(**keys: Any) -> Dataset:
    """A sequence's item."""
    made = Dataset()
    for keyword, text in keys.items():
        setattr(made, keyword, text)
    return made


def named(argument: Any) -> str:
    """How a parameter is called in the test's id."""
    return "+".join(filter(None, argument)) if isinstance(argument, list) else argument


# Sequences.

@pytest.fixture(scope="module")
def ordered(subject):
    """A series that two requests led to, one procedure code in its study; and a series without either."""
    tag = data.patient_id()
    (image,) = data.study(1, 1, PatientID=tag)
    image.RequestAttributesSequence = Sequence([
        item(ScheduledProcedureStepID="S1", RequestedProcedureID="R1", RequestedProcedureDescription="Thorax"),
        item(ScheduledProcedureStepID="S2", RequestedProcedureID="R2", RequestedProcedureDescription="Abdomen"),
    ])
    image.ProcedureCodeSequence = Sequence([
        item(CodeValue="CT-THX", CodingSchemeDesignator="99LOC", CodeMeaning="CT Thorax"),
    ])
    (other,) = data.study(1, 1, PatientID=tag)
    stored(subject, image, other)
    ordered.tag, ordered.image, ordered.other = tag, image, other
    return ordered


def series(subject, ordered, **keys):
    """The series of the study that match, by their Request Attributes."""
    query = identifier("SERIES", StudyInstanceUID=ordered.image.StudyInstanceUID, SeriesInstanceUID="")
    query.RequestAttributesSequence = Sequence([item(**keys)])
    return matches(subject, query)


@pytest.mark.parametrize(("keys", "count"), [
    ({"ScheduledProcedureStepID": "S1"}, 1),
    ({"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R1"}, 1),
    pytest.param({"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R2"}, 0, marks=NO_SEQUENCES),
    ({"ScheduledProcedureStepID": "S?", "RequestedProcedureDescription": "Abd*"}, 1),
    pytest.param({"ScheduledProcedureStepID": "S3"}, 0, marks=NO_SEQUENCES),
    ({"ScheduledProcedureStepID": ""}, 1),
], ids=str)
def test_one_item_of_a_sequence_holds_all_keys(subject, ordered, keys, count):
    """PS3.4 §C.2.2.2.6: all keys of the item match one and the same item."""
    assert len(series(subject, ordered, **keys)) == count


@NO_SEQUENCES
def test_the_items_that_match_are_told_and_of_these_what_was_asked(subject, ordered):
    """PS3.4 §C.2.2.2.6: a sequence of matching items with only the requested attributes."""
    (match,) = series(subject, ordered, ScheduledProcedureStepID="S2", RequestedProcedureDescription="")
    (told,) = match.RequestAttributesSequence
    assert (told.ScheduledProcedureStepID, told.RequestedProcedureDescription) == ("S2", "Abdomen")
    assert "RequestedProcedureID" not in told
    query = identifier("SERIES", StudyInstanceUID=ordered.image.StudyInstanceUID, SeriesInstanceUID="")
    query.RequestAttributesSequence = Sequence([Dataset()])
    (whole,) = matches(subject, query)
    assert [one.RequestedProcedureID for one in whole.RequestAttributesSequence] == ["R1", "R2"]


@pytest.mark.parametrize(("keys", "count"), [
    pytest.param({"CodeValue": "CT-THX", "CodingSchemeDesignator": "99LOC"}, 1, marks=NO_SEQUENCES),
    pytest.param({"CodeValue": "CT-THX", "CodingSchemeDesignator": "99OTHER"}, 0, marks=NO_SEQUENCES),
    pytest.param({"CodeMeaning": "CT*"}, 1, marks=NO_SEQUENCES),
    ({"CodeValue": ""}, 2),
], ids=str)
def test_procedure_code(subject, ordered, keys, count):
    """PS3.4 table C.6-2: Procedure Code Sequence; an item that asks for nothing matches a study without one too."""
    query = identifier("STUDY", PatientID=ordered.tag, StudyInstanceUID="")
    query.ProcedureCodeSequence = Sequence([item(**keys)])
    assert len(matches(subject, query)) == count


@pytest.mark.only("causeway")
def test_a_sequence_key_of_two_items_is_refused(subject, ordered):
    """PS3.4 §C.2.2.2.6: a single item; two would have to be guessed about."""
    query = identifier("STUDY", PatientID=ordered.tag, StudyInstanceUID="")
    query.ProcedureCodeSequence = Sequence([item(CodeValue="A"), item(CodeValue="B")])
    assert find(subject, query) == (0xA900, [])


# Character sets.

@pytest.fixture(scope="module")
def written(subject):
    """An instance for each character set, its name in it."""
    tag = data.patient_id()
    made = []
    for number, (charset, name, _) in enumerate(NAMES):
        (image,) = data.study(1, 1, PatientID=f"{tag}C{number:02}", SpecificCharacterSet=charset, PatientName=name)
        made.append(image)
    stored(subject, *made)
    written.tag, written.made = tag, made
    return written


@pytest.mark.orthanc_fails(reason="knows no ISO 2022 in queries, and answers in one set for all")
@pytest.mark.parametrize("number", range(len(NAMES)), ids=[named(charset) for charset, *_ in NAMES])
@pytest.mark.parametrize("declared", ["the key's own", "ISO_IR 192"])
def test_a_name_is_found_in_its_own_character_set_and_in_utf8(subject, written, number, declared):
    """PS3.4 §C.2.2.2, PS3.3 §C.12.1.1.2: the request says how its keys are written, the answer how it is."""
    charset, name, pattern = NAMES[number]
    query = identifier(
        "STUDY", StudyInstanceUID="", PatientID=f"{written.tag}C{number:02}", PatientName=pattern,
        SpecificCharacterSet=declared if declared.startswith("ISO") else charset,
    )
    (match,) = matches(subject, query)
    assert match.StudyInstanceUID == written.made[number].StudyInstanceUID
    assert str(match.PatientName) == name
    assert match.get("SpecificCharacterSet"), "an answer beyond ASCII says its character set"


def test_what_is_ascii_declares_no_character_set_and_never_an_empty_one(subject, written):
    """PS3.4 §C.4.1.1.3.2: Specific Character Set is there where it is needed, and never empty."""
    query = identifier("STUDY", StudyInstanceUID="", PatientID=f"{written.tag}C00", SpecificCharacterSet="ISO_IR 100")
    (match,) = matches(subject, query)
    assert match.get("SpecificCharacterSet", "ISO_IR 100")


# Moments.

@pytest.fixture(scope="module")
def timed(subject):
    """Three studies: in the evening of one day, in the night after, and at noon of the next, told in two zones."""
    tag = data.patient_id()
    made = []
    for number, (day, time, zone, moment) in enumerate([
        ("20240110", "200000", None, "20240110200000"),
        ("20240111", "020000", "+0100", "20240111020000+0100"),
        ("20240111", "120000", "-0500", "20240111120000-0500"),
    ]):
        (image,) = data.study(
            1, 1, PatientID=tag, StudyDate=day, StudyTime=time, StudyID=str(number), AcquisitionDateTime=moment,
        )
        if zone:
            image.TimezoneOffsetFromUTC = zone
        made.append(image)
    stored(subject, *made)
    timed.tag, timed.made = tag, made
    return timed


def numbers(found):
    """Which of the studies these are."""
    return sorted(int(match.StudyID) for match in found)


def test_a_date_and_a_time_are_matched_each_on_its_own(subject, timed):
    """PS3.4 §C.2.2.2.5: without combined matching, these hours of each of these days."""
    query = identifier("STUDY", PatientID=timed.tag, StudyID="", StudyDate="20240110-20240111", StudyTime="1000-2100")
    assert numbers(matches(subject, query)) == [0, 2]


@pytest.mark.parametrize(("key", "expected"), [
    pytest.param("20240111010000+0000", [1], marks=AS_TEXT),
    pytest.param("20240111170000+0000", [2], marks=AS_TEXT),
    ("20240111000000+0000-20240111060000+0000", [1]),
    pytest.param("20240110", [0], marks=AS_TEXT),
    ("20240111-", [1, 2]),
    ("-20240110235959", [0]),
], ids=str)
def test_a_date_time_is_matched_with_its_offset(subject, timed, key, expected):
    """PS3.4 §C.2.2.2.5.3 d): an offset in the key and in the value is taken into account."""
    found = []
    for number, image in enumerate(timed.made):
        query = identifier(
            "IMAGE", StudyInstanceUID=image.StudyInstanceUID, SeriesInstanceUID=image.SeriesInstanceUID,
            SOPInstanceUID="", AcquisitionDateTime=key,
        )
        found.extend([number] * len(matches(subject, query)))
    assert found == expected


# What is not negotiated, and what is.

@pytest.mark.only("causeway")
@pytest.mark.parametrize("view", ["CLASSIC", "ENHANCED"])
def test_a_view_that_was_not_negotiated_is_refused(subject, timed, view):
    """PS3.4 §C.4.1.1.3.1: Query/Retrieve View is sent by who has negotiated it."""
    query = identifier("STUDY", PatientID=timed.tag, StudyInstanceUID="", QueryRetrieveView=view)
    with associate(subject, [FIND["STUDY"]]) as association:
        ((status, answer),) = association.send_c_find(query, FIND["STUDY"])
    assert (status.Status, answer) == (0xA900, None)
    assert status.OffendingElement == 0x00080053
    assert "View" in status.ErrorComment


@pytest.mark.only("causeway")
def test_relational_queries_where_the_administrator_allows_them(make_subject):
    """PS3.4 §C.4.1.3.2.1: any combination of keys at any level, the unique keys above left out."""
    subject = make_subject(settings={"CAUSEWAY_DIMSE__RELATIONAL_QUERIES": "true"})
    items = data.study(2, 1, PatientName="Relation^Rita")
    items[1].Modality = "SR"
    stored(subject, *items)
    (match,) = matches(subject, identifier("SERIES", SeriesInstanceUID="", Modality="SR", PatientName="relation*"))
    assert match.SeriesInstanceUID == items[1].SeriesInstanceUID
    found = matches(subject, identifier("IMAGE", SOPInstanceUID="", PatientName="relation*"), "PATIENT")
    assert {match.SOPInstanceUID for match in found} == {item.SOPInstanceUID for item in items}


def negotiated(subject, query, *wanted, root="STUDY"):
    """The matches of a query on an association that agreed upon these options; skips where it did not."""
    offer = SOPClassExtendedNegotiation()
    offer.sop_class_uid = FIND[root]
    offer.service_class_application_information = bytes(int(number in wanted) for number in range(5))
    with associate(subject, [FIND[root]], ext_neg=[offer]) as association:
        agreed = association.acceptor.sop_class_extended.get(FIND[root], b"")
        if not all(number < len(agreed) and agreed[number] for number in wanted):
            pytest.skip("not agreed upon")
        answers = [(status.Status, match) for status, match in association.send_c_find(query, FIND[root])]
    assert answers[-1][0] == 0x0000, f"{answers[-1][0]:04X}"
    return [match for _, match in answers[:-1]]


def test_combined_date_time_matching(subject, timed):
    """PS3.4 §C.2.2.2.5.4: ranges of a date and of its time are one range of moments."""
    query = identifier("STUDY", PatientID=timed.tag, StudyID="", StudyDate="20240110-20240111", StudyTime="1000-1130")
    assert numbers(negotiated(subject, query, DATE_TIME)) == [0, 1]


@pytest.mark.parametrize(("name", "expected"), [
    ("jorg mul", [0]), ("MÜLLER, Jörg", [0]), ("zdenek dvorak", [1]), ("роза", [2]), ("νικοσ", [3]),
    ("やまた", [7, 8]), ("太 山", [8]), ("ler", []),
], ids=str)
def test_fuzzy_matching(subject, written, name, expected):
    """PS3.4 §C.2.2.2.1.1: beginnings of words, in any order, without regard to case and accents."""
    query = identifier(
        "STUDY", StudyInstanceUID="", PatientID=f"{written.tag}*", PatientName=name, SpecificCharacterSet="ISO_IR 192",
    )
    found = {match.StudyInstanceUID for match in negotiated(subject, query, FUZZY)}
    assert [number for number, image in enumerate(written.made) if image.StudyInstanceUID in found] == expected


@pytest.mark.parametrize(("zone", "day", "expected"), [
    ("+0100", "20240111", {1: ("20240111", "020000"), 2: ("20240111", "180000")}),
    ("-0500", "20240110", {1: ("20240110", "200000")}),
    ("+0900", "20240112", {2: ("20240112", "020000")}),
], ids=str)
def test_timezone_adjustment(subject, timed, zone, day, expected):
    """PS3.4 §C.2.2.2.1.3, §C.4.1.1.3.2: days are those of the zone asked in, and the answer is told in it."""
    query = identifier(
        "STUDY", PatientID=timed.tag, StudyID="", StudyDate=day, StudyTime="", TimezoneOffsetFromUTC=zone,
    )
    found = {int(match.StudyID): match for match in negotiated(subject, query, TIMEZONE)}
    # The study that says no zone is of the node's own, whichever that is.
    found.pop(0, None)
    assert {number: (match.StudyDate, match.StudyTime) for number, match in found.items()} == expected
    assert all(match.TimezoneOffsetFromUTC == zone for match in found.values())


# Bounds and order.

@pytest.mark.only("causeway")
def test_more_matches_than_are_given(make_subject):
    """PS3.4 table C.4-1: A700 with a comment, after as many answers as the node gives."""
    subject = make_subject(settings={"CAUSEWAY_DIMSE__RESULTS": "3"})
    tag = data.patient_id()
    for count in (3, 4):
        stored(subject, *(data.study(1, 1, PatientID=f"{tag}{count}")[0] for _ in range(count)))
    with associate(subject, [FIND["STUDY"]]) as association:
        for count, last in ((3, 0x0000), (4, 0xA700)):
            query = identifier("STUDY", PatientID=f"{tag}{count}", StudyInstanceUID="")
            answers = [status for status, _ in association.send_c_find(query, FIND["STUDY"])]
            assert [status.Status for status in answers] == [0xFF00] * 3 + [last]
        assert "more than 3 matches" in answers[-1].ErrorComment
        assert len(answers[-1].ErrorComment) <= 64


@pytest.mark.parametrize("level", ["STUDY", "SERIES", "IMAGE"])
def test_the_order_is_the_same_each_time(subject, level):
    """Two queries alike are answered alike, so that pages and lists do not jump."""
    items = data.study(3, 3)
    tag = items[0].PatientID
    others = [data.study(1, 1, PatientID=tag)[0] for _ in range(5)]
    stored(subject, *items, *others)
    above = {} if level == "STUDY" else {"StudyInstanceUID": items[0].StudyInstanceUID}
    if level == "IMAGE":
        above["SeriesInstanceUID"] = items[0].SeriesInstanceUID
    unique = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}[level]
    orders = [
        [match[unique].value for match in matches(subject, identifier(level, PatientID=tag, **{unique: "", **above}))]
        for _ in range(3)
    ]
    assert orders[0] == orders[1] == orders[2]
    assert len(orders[0]) == {"STUDY": 6, "SERIES": 3, "IMAGE": 3}[level]


def test_findscu_asks_by_a_sequence(subject, ordered):
    """PS3.4 §C.2.2.2.6: a client of another make."""
    done = dcmtk(
        "findscu", "-S", "-aec", subject.ae_title, "-k", "QueryRetrieveLevel=SERIES",
        "-k", f"StudyInstanceUID={ordered.image.StudyInstanceUID}", "-k", "SeriesInstanceUID",
        "-k", "RequestAttributesSequence[0].ScheduledProcedureStepID=S1",
        "-k", "RequestAttributesSequence[0].RequestedProcedureID", subject.host, str(subject.dimse_port),
    )
    assert done.returncode == 0, done.stderr
    assert ordered.image.SeriesInstanceUID in done.stdout + done.stderr


def test_both_doors_find_the_same(subject, web, timed):
    """PS3.18 §8.3.4.1.1: QIDO-RS matches as C-FIND does, dates and times together."""
    found = web.query("/studies", PatientID=timed.tag, StudyDate="20240110-20240111")
    assert sorted(int(value(result, "00200010")) for result in found) == [0, 1, 2]

"""PS3.4 §C.2.2.2 and §C.4.1: what a match contains, byte by byte, and how keys of each VR match."""

import struct

import pytest

import data
import wire
from acceptor import checked, elements, number
from clients import find, identifier, matches, stored
from wire import IMPLICIT, Wire

FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture(scope="module")
def held(subject):
    """One study, with some values of odd length."""
    return stored(subject, *data.study(
        series=1, instances=12, PatientName="Odd^Name^^^Jr", StudyDescription="Knee ", StudyID="K1", AccessionNumber="ACC",
        StudyDate="20240131", StudyTime="235959", PatientBirthDate="19800229", SeriesDescription="a*b?c",
    ))


def by_hand(subject, keys, syntax=IMPLICIT):
    """The responses to a C-FIND by an identifier of these tags and bytes: command set and identifier of each."""
    content = b""
    for (group, element), value in sorted(keys.items()):
        value += b" " * (len(value) % 2)
        content += struct.pack("<HHI", group, element, len(value)) + value
    asked = wire.command(
        e0002=FIND.encode() + b"\0" * (len(FIND) % 2), e0100=struct.pack("<H", 0x0020), e0110=struct.pack("<H", 1),
        e0700=struct.pack("<H", 0), e0800=struct.pack("<H", 1),
    )
    with Wire(subject) as peer:
        peer.established(wire.associate_rq(subject.ae_title, contexts=wire.context(1, FIND, (syntax,))))
        peer.send(wire.message(1, asked, content))
        return [(checked(command), body) for command, body in peer.answers()]


LEVEL, STUDY, SERIES, INSTANCE = (0x0008, 0x0052), (0x0020, 0x000D), (0x0020, 0x000E), (0x0008, 0x0018)
NAME, DATE, DESCRIPTION, STUDY_ID = (0x0010, 0x0010), (0x0008, 0x0020), (0x0008, 0x1030), (0x0020, 0x0010)
CHARSET, AVAILABILITY, RETRIEVE, FILE_SET, FILE_SET_UID = (
    (0x0008, 0x0005), (0x0008, 0x0056), (0x0008, 0x0054), (0x0088, 0x0130), (0x0088, 0x0140),
)


def study_of(items):
    """The key that finds it."""
    return {LEVEL: b"STUDY", STUDY: str(items[0].StudyInstanceUID).encode()}


@pytest.mark.orthanc_fails(reason="names a character set whatever there is")
def test_a_match_holds_what_was_asked_for_and_no_more(subject, held):
    """PS3.4 §C.4.1.1.3.2: the keys of the request, the level, and of what was not asked for only where it can be
    retrieved; elements in order, of even length."""
    asked = {**study_of(held), NAME: b"", DATE: b"", DESCRIPTION: b"", STUDY_ID: b"", (0x0020, 0x1208): b""}
    *pending, (_, nothing) = by_hand(subject, asked)
    assert nothing == b""
    ((_, body),) = pending
    found = elements(body)
    tags = [tag for *tag, _ in found]
    assert tags == sorted(tags)
    assert all(len(value) % 2 == 0 for _, _, value in found)
    given = {(group, element): value for group, element, value in found}
    extra = {CHARSET, AVAILABILITY, RETRIEVE, FILE_SET, FILE_SET_UID}
    assert set(asked) <= set(given) <= set(asked) | extra
    assert given[NAME] == b"Odd^Name^^^Jr " and given[STUDY_ID] == b"K1"
    assert given[STUDY].rstrip(b"\0").decode() == held[0].StudyInstanceUID
    assert given[(0x0020, 0x1208)].strip() == b"12"
    assert CHARSET not in given, "no character set when there is nothing but ASCII"


def test_pending_responses_and_the_final_one(subject, held):
    """PS3.4 §C.4.1.1.3 and table C.4-1: an identifier in each pending response, none in the final one; FF01 or FF00,
    the same throughout."""
    keys = {
        LEVEL: b"IMAGE", STUDY: str(held[0].StudyInstanceUID).encode(),
        SERIES: str(held[0].SeriesInstanceUID).encode(), INSTANCE: b"",
    }
    *pending, (final, nothing) = by_hand(subject, keys)
    assert len(pending) == len(held)
    assert len({number(response[0x0900]) for response, _ in pending}) == 1
    assert all(body and number(response[0x0800]) != 0x0101 for response, body in pending)
    assert nothing == b"" and number(final[0x0800]) == 0x0101 and number(final[0x0900]) == 0


@pytest.mark.orthanc_fails(reason="gives back what it does not know, without a value")
def test_an_optional_key_that_is_not_supported_is_left_out(subject, held):
    """PS3.4 §C.2.2.1.3: it is not in the answer, and FF01 says that there was one."""
    *pending, _ = by_hand(subject, {**study_of(held), (0x0018, 0x9004): b"", (0x0018, 0x9005): b""})
    ((response, body),) = pending
    assert number(response[0x0900]) == 0xFF01
    tags = {(group, element) for group, element, _ in elements(body)}
    assert not tags & {(0x0018, 0x9004), (0x0018, 0x9005)}


@pytest.mark.orthanc_fails(reason="answers C000")
@pytest.mark.parametrize("level", [b"PATIENT", b"SLICE", b""])
def test_a_level_that_is_refused_is_named(subject, level):
    """PS3.4 table C.4-1: A900 with the offending element, (0008,0052)."""
    ((response, nothing),) = by_hand(subject, {LEVEL: level, STUDY: b""})
    assert number(response[0x0900]) == 0xA900 and nothing == b""
    assert response[0x0901] == struct.pack("<HH", *LEVEL)
    assert 1 <= len(response[0x0902]) <= 64


@pytest.mark.parametrize("padding", [b"", b"\0", b" "], ids=["none", "NUL", "space"])
def test_a_uid_padded_either_way(subject, held, padding):
    """PS3.5 §6.2: a UID is padded by a NUL; many senders use a space, and mean the same."""
    uid = str(held[0].StudyInstanceUID).encode()
    if len(uid) % 2 == 0 and padding:
        padding *= 2
    *pending, _ = by_hand(subject, {LEVEL: b"STUDY", STUDY: uid + padding})
    assert len(pending) == 1


def studies(subject, held, **keys):
    """Whether the study matches."""
    query = identifier("STUDY", StudyInstanceUID=held[0].StudyInstanceUID, **keys)
    status, found = find(subject, query)
    return len(found) if status == 0x0000 else f"{status:04X}"


@pytest.mark.parametrize(("keys", "expected"), [
    # Spaces around a value are padding (PS3.5 §6.2).
    ({"StudyDescription": "Knee"}, 1), ({"StudyDescription": "Knee  "}, 1), ({"StudyID": "K1 "}, 1),
    ({"PatientName": "Odd^Name^^^Jr "}, 1),
    pytest.param(
        {"AccessionNumber": " ACC"}, 1, marks=pytest.mark.orthanc_fails(reason="takes spaces in front for letters"),
    ),
    # Wildcards: SH, LO, PN, CS.
    ({"StudyID": "?1"}, 1), ({"StudyID": "K?"}, 1), ({"StudyID": "K1?"}, 0), ({"StudyID": "*K*1*"}, 1),
    ({"AccessionNumber": "A??"}, 1), ({"AccessionNumber": "a??"}, 0), ({"PatientName": "*NAME*"}, 1),
    ({"PatientName": "odd^name^^^jr"}, 1), ({"PatientName": "Odd^Name"}, 0), ({"PatientName": "Odd^Name*"}, 1),
    ({"ModalitiesInStudy": "C*"}, 1), ({"ModalitiesInStudy": "M?"}, 0),
    # Dates and times: a value, a range, both ends.
    ({"StudyDate": "20240131"}, 1), ({"StudyDate": "20240131-20240131"}, 1), ({"StudyDate": "20240201-"}, 0),
    ({"StudyDate": "-20240130"}, 0), ({"StudyTime": "2359-"}, 1), ({"StudyTime": "235959-235959"}, 1),
    ({"StudyTime": "-235958"}, 0), ({"PatientBirthDate": "19800229"}, 1), ({"PatientBirthDate": "19800301-"}, 0),
    # Without combined matching date and time count each by itself: both ranges hold.
    ({"StudyDate": "20240101-20240201", "StudyTime": "230000-240000"}, 1),
    ({"StudyDate": "20240130-20240201", "StudyTime": "000000-120000"}, 0),
    # An empty value is universal matching.
    ({"PatientName": "", "StudyDate": "", "StudyTime": "", "AccessionNumber": ""}, 1),
], ids=str)
def test_matching_by_vr(subject, held, keys, expected):
    """PS3.4 §C.2.2.2.1 to §C.2.2.2.5."""
    assert studies(subject, held, **keys) == expected


@pytest.mark.only("causeway")
@pytest.mark.parametrize("keys", [
    {"StudyDate": "2024*"}, {"StudyDate": "????????"}, {"StudyTime": "23*"}, {"StudyInstanceUID": "1.2.*"},
    {"PatientBirthDate": "19800230"},
], ids=str)
def test_a_wildcard_where_there_is_none(subject, keys):
    """PS3.4 §C.2.2.2.4: DA, TM and UI have no wildcards: nothing matches, or the key is refused."""
    status, found = find(subject, identifier("STUDY", **{"StudyInstanceUID": "", **keys}))
    assert found == [] or status != 0x0000


def test_a_wildcard_in_what_is_stored_is_a_letter(subject, held):
    """PS3.4 §C.2.2.2.4: the key has wildcards, the value has letters."""
    keys = {"StudyInstanceUID": held[0].StudyInstanceUID, "SeriesInstanceUID": ""}
    for key, expected in (("a*b?c", 1), ("a?b?c", 1), ("aXb?c", 0), ("a*", 1)):
        found = matches(subject, identifier("SERIES", SeriesDescription=key, **keys))
        assert len(found) == expected, key


@pytest.mark.orthanc_fails(reason="matches a name as one string")
def test_groups_of_a_name_match_each_by_itself(subject):
    """PS3.4 §C.2.2.2.1 and PS3.5 §6.2.1.2: a name is found by its alphabetic, its ideographic and its phonetic group."""
    (item,) = stored(subject, data.instance(
        SpecificCharacterSet="ISO_IR 192", PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
    ))
    for key in ("Yamada^Tarou", "yamada*", "=山田^太郎", "=山田*", "==やまだ*", "Yamada*=山田*"):
        query = identifier(
            "STUDY", StudyInstanceUID=item.StudyInstanceUID, PatientName=key, SpecificCharacterSet="ISO_IR 192",
        )
        (match,) = matches(subject, query)
        assert str(match.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"
        assert match.SpecificCharacterSet != "ISO_IR 6"
    for key in ("=Yamada*", "Yamada*=川*", "==山田*"):
        query = identifier(
            "STUDY", StudyInstanceUID=item.StudyInstanceUID, PatientName=key, SpecificCharacterSet="ISO_IR 192",
        )
        assert matches(subject, query) == [], key

"""Thirty questions, three answers: C-FIND, QIDO-RS, and what a few lines of Python find in the same data sets.

One matching table (PS3.4 §C.2.2.2), through both doors (PS3.4 §C.4.1, PS3.18 §10.6).
"""

import re

import pytest

import data
from clients import Web, identifier, matches, stored, value

UNIQUE = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
UNIQUE_TAG = {"STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}
PEOPLE = [
    ("Archer^Amy", "F", "19500304"), ("Archer^Anton", "M", "19610817"), ("Baker^Bo^Lee", "O", "19991231"),
    ("BAKER^Carla", "F", "20010101"), ("de Witt^Dirk", "M", ""),
]
MODALITIES = ["CT", "MR", "US", "CR"]


@pytest.fixture(scope="module")
def archive(subject):
    """Twelve studies of five people, forty-eight instances."""
    tag = data.patient_id()
    made = []
    for number in range(12):
        name, sex, birth = PEOPLE[number % 5]
        group = data.study(
            2, 2, PatientName=name, PatientSex=sex, PatientBirthDate=birth, PatientID=f"{tag}{number % 5}",
            StudyDate=f"2024{number + 1:02}{number * 2 + 3:02}", StudyTime=f"{number + 7:02}3015.5",
            AccessionNumber=f"{tag[-7:]}{number:02}", StudyID=f"ID{number % 3}",
            StudyDescription=["Brain w/o contrast", "Chest PA", "Abdomen", "brain follow-up"][number % 4],
            ReferringPhysicianName=["House^Gregory", "Quinn^Michaela"][number % 2],
            Modality=MODALITIES[number % 4],
        )
        for item in group[2:]:
            item.Modality = MODALITIES[number % 3]
            item.SeriesDescription = "Second"
        made.extend(group)
    stored(subject, *made)
    archive.tag, archive.made = tag, made
    return archive


def wanted(pattern, vr, text):
    """PS3.4 §C.2.2.2 for one key and one value."""
    if pattern == "":
        return True
    if isinstance(pattern, list):
        return text in pattern
    if vr in ("DA", "TM") and "-" in pattern:
        low, high = pattern.split("-")
        shown = text.split(".")[0]
        return bool(text) and (not low or shown >= low) and (not high or shown <= high)
    if vr in ("DA", "TM", "UI", "IS"):
        return text == pattern
    expression = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, text, re.DOTALL | (re.IGNORECASE if vr == "PN" else 0)) is not None


def computed(made, level, keys):
    """The unique keys of the level whose data match."""
    found = set()
    for item in made:
        for keyword, pattern in keys.items():
            if keyword == "ModalitiesInStudy":
                within = [other for other in made if other.StudyInstanceUID == item.StudyInstanceUID]
                if not any(wanted(pattern, "CS", other.Modality) for other in within):
                    break
            elif not wanted(pattern, item[keyword].VR, str(item[keyword].value)):
                break
        else:
            found.add(str(item[UNIQUE[level]].value))
    return found


def of(index, keyword):
    """A value of the archive, known only once it has been made."""
    return lambda archive: str(archive.made[index][keyword].value)


def list_of(keyword, *indices):
    """Values of the archive as a list of UIDs."""
    return lambda archive: [str(archive.made[index][keyword].value) for index in indices]


STUDY_1 = {"StudyInstanceUID": of(4, "StudyInstanceUID")}
SERIES_1 = {**STUDY_1, "SeriesInstanceUID": of(4, "SeriesInstanceUID")}

QUERIES = [
    ("STUDY", {}),
    ("STUDY", {"PatientName": "Archer*"}),
    ("STUDY", {"PatientName": "archer*"}),
    ("STUDY", {"PatientName": "baker*"}),
    ("STUDY", {"PatientName": "*Carla"}),
    ("STUDY", {"PatientName": "?rcher*"}),
    ("STUDY", {"PatientName": "de?Witt*"}),
    ("STUDY", {"PatientName": "Nobody"}),
    ("STUDY", {"StudyDate": "20240103"}),
    ("STUDY", {"StudyDate": "20240201-20240531"}),
    ("STUDY", {"StudyDate": "20240901-"}),
    ("STUDY", {"StudyDate": "-20240229"}),
    ("STUDY", {"StudyTime": "090000-115959"}),
    ("STUDY", {"StudyID": "ID1"}),
    ("STUDY", {"StudyID": "ID?"}),
    ("STUDY", {"StudyID": "id1"}),
    ("STUDY", {"StudyDescription": "*rain*"}),
    ("STUDY", {"StudyDescription": "Abdomen"}),
    ("STUDY", {"PatientSex": "F"}),
    ("STUDY", {"PatientSex": "F", "StudyDate": "20240601-"}),
    ("STUDY", {"ReferringPhysicianName": "house*"}),
    ("STUDY", {"ModalitiesInStudy": "US"}),
    ("STUDY", {"ModalitiesInStudy": "CR", "PatientSex": "M"}),
    ("STUDY", {"AccessionNumber": of(8, "AccessionNumber")}),
    ("STUDY", {"StudyInstanceUID": list_of("StudyInstanceUID", 0, 20, 40)}),
    ("STUDY", {"PatientBirthDate": "19610817"}),
    ("SERIES", STUDY_1),
    ("SERIES", {**STUDY_1, "Modality": "MR"}),
    ("SERIES", {**STUDY_1, "SeriesNumber": "2"}),
    ("SERIES", {**STUDY_1, "SeriesInstanceUID": list_of("SeriesInstanceUID", 4, 6, 8)}),
    ("IMAGE", SERIES_1),
    ("IMAGE", {**SERIES_1, "InstanceNumber": "2"}),
    ("IMAGE", {**SERIES_1, "SOPInstanceUID": list_of("SOPInstanceUID", 4, 6)}),
]


@pytest.mark.parametrize(("level", "keys"), QUERIES, ids=[
    f"{level} {' '.join(f'{k}={v}' if isinstance(v, str) else k for k, v in keys.items())}" for level, keys in QUERIES
])
def test_both_doors_answer_the_same(subject, archive, level, keys, request):
    """C-FIND, QIDO-RS and the data themselves agree."""
    if subject.name == "orthanc" and keys.get("StudyID") == "id1":
        request.applymarker(pytest.mark.xfail(reason="folds the case of every attribute in QIDO"))
    keys = {keyword: given(archive) if callable(given) else given for keyword, given in keys.items()}
    if level == "STUDY":
        keys = {"PatientID": f"{archive.tag}*", **keys}
    expected = computed(archive.made, level, keys)
    found = matches(subject, identifier(level, **{UNIQUE[level]: "", **keys}))
    by_find = [str(match[UNIQUE[level]].value) for match in found]
    assert len(by_find) == len(set(by_find)), "C-FIND told one twice"
    assert set(by_find) == expected, "C-FIND differs"
    by_qido = [value(result, UNIQUE_TAG[level]) for result in asked(Web(subject.dicomweb), level, keys)]
    assert len(by_qido) == len(set(by_qido)), "QIDO told one twice"
    assert set(by_qido) == expected, "QIDO differs"


def asked(web, level, keys):
    """The same question over QIDO-RS."""
    keys = {keyword: ",".join(given) if isinstance(given, list) else given for keyword, given in keys.items()}
    path = "/studies"
    if level != "STUDY":
        path += f"/{keys.pop('StudyInstanceUID')}/series"
    if level == "IMAGE":
        path += f"/{keys.pop('SeriesInstanceUID')}/instances"
    return web.query(path, **keys)


def test_there_are_thirty(archive):
    """And some of them find nothing, one everything, and most of them a part."""
    assert len(QUERIES) >= 30
    sizes = [
        len(computed(archive.made, level, {name: given(archive) if callable(given) else given for name, given in keys.items()}))
        for level, keys in QUERIES
    ]
    assert 0 in sizes and 12 in sizes
    assert sum(0 < size < 12 for size in sizes) > 20

"""PS3.18 §10.6: the search transaction."""

import pytest

import data
from clients import Web, stored, value, values


@pytest.fixture(scope="module")
def archive(subject):
    """Five studies; the first with two series, the last of another patient and in another character set."""
    patient = data.patient_id()
    items = []
    for number in range(1, 6):
        items.append(data.study(
            2 if number == 1 else 1, 2, PatientID=patient, PatientName="Quist^Ida", StudyDate=f"2024010{number}",
            StudyTime=f"1{number}0000", AccessionNumber=f"{patient[-9:]}{number}", StudyID=f"S{number}",
            StudyDescription=f"Study {number}, with comma & more", Modality="CT" if number < 4 else "MR",
        ))
    items[4][0].SpecificCharacterSet = items[4][1].SpecificCharacterSet = "ISO_IR 100"
    for item in items[4]:
        item.PatientName = "Quist^Bjørn"
        item.PatientID = f"{patient}B"  # another person, found by the same wildcard
    stored(subject, *(item for group in items for item in group))
    archive.items, archive.patient, archive.everyone = items, patient, f"{patient}*"
    return archive


def studies(web, archive, path="/studies", **parameters):
    """The numbers of the studies found, in the order of the answer."""
    numbers = {group[0].StudyInstanceUID: index for index, group in enumerate(archive.items, start=1)}
    found = web.query(path, **{"PatientID": archive.everyone, **parameters})
    return [numbers[value(result, "0020000D")] for result in found]


def test_search_for_studies(web, archive):
    """PS3.18 table 10.6.1-5 and §10.6.3: each study once, with the attributes of table 10.6.3-3."""
    found = web.query("/studies", PatientID=archive.everyone)
    assert len(found) == 5
    first = next(result for result in found if value(result, "0020000D") == archive.items[0][0].StudyInstanceUID)
    assert value(first, "00080020") == "20240101"
    assert value(first, "00080050") == archive.items[0][0].AccessionNumber
    assert value(first, "00100010") == {"Alphabetic": "Quist^Ida"}
    assert value(first, "00100020") == archive.patient
    assert values(first, "00080061") == ["CT"]
    assert int(value(first, "00201206")) == 2
    assert int(value(first, "00201208")) == 4


def test_the_answer_is_dicom_json(web, archive):
    """PS3.18 §F.2.2: attributes by eight upper-case hexadecimal digits, in order, each with its vr."""
    answer = web.get("/studies", PatientID=archive.everyone)
    assert answer.headers["Content-Type"].split(";")[0].strip() == "application/dicom+json"
    for result in answer.json():
        assert list(result) == sorted(result)
        for tag, attribute in result.items():
            assert len(tag) == 8 and tag == tag.upper() and int(tag, 16) >= 0x00080000
            assert not tag.endswith("0000")
            assert "vr" in attribute
            assert attribute.get("Value") != []


@pytest.mark.parametrize("path", ["/studies/{study}/series", "/series?StudyInstanceUID={study}"])
def test_search_for_series(web, archive, path):
    """PS3.18 table 10.6.1-1: below a study, and across studies."""
    study = archive.items[0][0].StudyInstanceUID
    found = web.query(path.format(study=study))
    expected = {item.SeriesInstanceUID for item in archive.items[0]}
    assert {value(result, "0020000E") for result in found} == expected
    assert {value(result, "00080060") for result in found} == {"CT"}
    assert [int(value(result, "00201209")) for result in found] == [2, 2]


@pytest.mark.parametrize("path", [
    "/studies/{study}/series/{series}/instances",
    "/studies/{study}/instances?SeriesInstanceUID={series}",
    "/instances?StudyInstanceUID={study}&SeriesInstanceUID={series}",
])
def test_search_for_instances(web, archive, path):
    """PS3.18 table 10.6.1-1: below a series, below a study, and across studies."""
    first = archive.items[0][0]
    found = web.query(path.format(study=first.StudyInstanceUID, series=first.SeriesInstanceUID))
    assert {value(result, "00080018") for result in found} == {
        item.SOPInstanceUID for item in archive.items[0] if item.SeriesInstanceUID == first.SeriesInstanceUID
    }
    assert {value(result, "00080016") for result in found} == {first.SOPClassUID}
    assert {int(value(result, "00200013")) for result in found} == {1, 2}
    assert {int(value(result, "00280010")) for result in found} == {16}


# What needs percent-encoding in a URL.
encoded = pytest.mark.orthanc_fails(reason="does not decode the values of a query")


@pytest.mark.parametrize(("parameters", "expected"), [
    ({"StudyDate": "20240102"}, [2]),
    ({"StudyDate": "20240102-20240103"}, [2, 3]),
    ({"StudyDate": "20240104-"}, [4, 5]),
    ({"StudyDate": "-20240101"}, [1]),
    ({"00080020": "20240102"}, [2]),
    ({"StudyTime": "115959-125959"}, [2]),
    ({"ModalitiesInStudy": "MR"}, [4, 5]),
    ({"ModalitiesInStudy": "US"}, []),
    ({"StudyID": "S3"}, [3]),
    ({"StudyID": "S?"}, [1, 2, 3, 4, 5]),
    ({"PatientName": "quist*"}, [1, 2, 3, 4, 5]),
    pytest.param({"PatientName": "quist^i*"}, [1, 2, 3, 4], marks=encoded),
    pytest.param({"PatientName": "Quist^Bjørn"}, [5], marks=encoded),
    ({"PatientName": "Nobody"}, []),
    ({"ReferringPhysicianName": "Referrer*"}, [1, 2, 3, 4, 5]),
    ({"StudyDescription": "Study?2*"}, [2]),
    pytest.param({"StudyDescription": "Study 2*"}, [2], marks=encoded),
    pytest.param({"StudyDescription": "*& more", "StudyID": "S4"}, [4], marks=encoded),
], ids=str)
def test_matching(web, archive, parameters, expected):
    """PS3.18 table 10.6.1-5: the required keys, with the matching of PS3.4 §C.2.2.2."""
    assert sorted(studies(web, archive, **parameters)) == expected


@pytest.mark.orthanc_fails(reason="does not decode the values of a query")
def test_every_letter_may_be_encoded(web, archive):
    """RFC 3986 §2.3: a letter and its percent-encoding mean the same."""
    text = "".join(f"%{ord(letter):02X}" for letter in "Quist^I*")
    found = web.query(f"/studies?PatientName={text}&PatientID={archive.everyone}")
    assert len(found) == 4


@pytest.mark.only("causeway")
def test_a_plus_is_a_plus(web, archive):
    """RFC 3986 has no rule that makes `+` a space: that is one of HTML forms."""
    assert web.query(f"/studies?StudyDescription=Study+2*&PatientID={archive.everyone}") == []


def test_accession_number(web, archive):
    """PS3.18 table 10.6.1-5: Accession Number."""
    assert studies(web, archive, AccessionNumber=archive.items[2][0].AccessionNumber) == [3]


@pytest.mark.parametrize("comma", [",", "%2C", "%2c"])
def test_lists_of_uids(web, archive, comma):
    """PS3.18 §8.3.4.1: UIDs separated by commas match any of them. Many HTTP clients encode the comma, which no UID has."""
    wanted = [archive.items[0][0].StudyInstanceUID, archive.items[3][0].StudyInstanceUID, data.uid()]
    assert sorted(studies(web, archive, f"/studies?StudyInstanceUID={comma.join(wanted)}")) == [1, 4]


@pytest.mark.parametrize("key", ["Modality", "SeriesNumber", "SeriesInstanceUID"])
def test_matching_of_series(web, archive, key):
    """PS3.18 table 10.6.1-5: the required keys of the series level."""
    wanted = archive.items[0][3]
    found = web.query(f"/studies/{wanted.StudyInstanceUID}/series", **{key: str(wanted[key].value)})
    expected = {item.SeriesInstanceUID for item in archive.items[0] if item[key].value == wanted[key].value}
    assert {value(result, "0020000E") for result in found} == expected


@pytest.mark.parametrize("key", ["SOPClassUID", "SOPInstanceUID", "InstanceNumber"])
def test_matching_of_instances(web, archive, key):
    """PS3.18 table 10.6.1-5: the required keys of the instance level."""
    wanted = archive.items[0][1]
    found = web.query(f"/studies/{wanted.StudyInstanceUID}/instances", **{key: str(wanted[key].value)})
    expected = {item.SOPInstanceUID for item in archive.items[0] if item[key].value == wanted[key].value}
    assert {value(result, "00080018") for result in found} == expected


def test_nothing_found(web, archive):
    """PS3.18 §10.6.3.1: 204 without a body, or 200 with an empty list."""
    answer = web.get("/studies", StudyInstanceUID=data.uid())
    assert (answer.status_code, answer.content) == (204, b"") or (answer.status_code == 200 and answer.json() == [])


@pytest.mark.only("causeway")
def test_nothing_found_is_204(web, archive):
    """PS3.18 §8.3.4.4.1: no results are 204, also beyond the last of them."""
    assert web.get("/studies", StudyInstanceUID=data.uid()).status_code == 204
    assert web.get("/studies", PatientID=archive.everyone, offset="5").status_code == 204


def test_limit_and_offset(web, archive):
    """PS3.18 §8.3.4.4: pages that follow one another hold each result once."""
    pages = [studies(web, archive, limit="2", offset=str(offset)) for offset in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert sorted(sum(pages, [])) == [1, 2, 3, 4, 5]
    assert studies(web, archive, limit="2", offset="0") == pages[0]


@pytest.mark.only("causeway")
def test_what_remains_is_told(web, archive):
    """PS3.18 §8.3.4.4.1: a Warning 299 when there are more results than were asked for."""
    answer = web.get("/studies", PatientID=archive.everyone, limit="2")
    words = "There are 3 additional results that can be requested"
    assert answer.headers["Warning"] == f"299 {web.root}: {words}"
    assert "Warning" not in web.get("/studies", PatientID=archive.everyone, limit="5").headers


@pytest.fixture(scope="module")
def few_at_once(make_own_subject):
    """A server that gives three results at once, and keeps seven studies of one series of two instances."""
    subject = make_own_subject(settings={"CAUSEWAY_WEB__LIMITS__RESULTS": "3"})
    for _ in range(7):
        stored(subject, *data.study(1, 2))
    return subject


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("path", "matches"), [("/studies", 7), ("/series", 7), ("/instances", 14)])
def test_no_search_is_too_broad(few_at_once, path, matches):
    """PS3.18 §8.3.4.4.1 leaves nothing to refuse with 413 (table 10.6.3-1): as many as the server gives at once, and how many remain."""
    web, found = Web(few_at_once.dicomweb), []
    while len(found) < matches:
        answer = web.get(path, offset=str(len(found)), limit="1000000")
        assert answer.status_code == 200, "whatever is asked for has an answer within its bound"
        results = answer.json()
        found += results
        remaining = matches - len(found)
        assert len(results) == min(3, remaining + len(results))
        words = f"299 {web.root}: There are {remaining} additional results that can be requested"
        assert answer.headers.get("Warning") == (words if remaining else None)
    level = {"/studies": "0020000D", "/series": "0020000E", "/instances": "00080018"}[path]
    assert len({value(result, level) for result in found}) == matches, "each is given once"
    assert web.get(path, offset=str(matches)).status_code == 204


def test_includefield(web, archive):
    """PS3.18 §8.3.4.3: by keyword and by tag, as a list and repeated."""
    study = archive.items[0][0].StudyInstanceUID
    plain = web.query("/studies", StudyInstanceUID=study)[0]
    assert "00081030" in web.query("/studies", StudyInstanceUID=study, includefield="StudyDescription")[0]
    both = web.query("/studies", StudyInstanceUID=study, includefield="00081030,PatientSex")[0]
    assert value(both, "00081030") == "Study 1, with comma & more"
    assert value(both, "00100040") == "O"
    again = web.query("/studies", StudyInstanceUID=study, includefield=["StudyDescription", "PatientSex"])[0]
    assert value(again, "00081030") == value(both, "00081030")
    assert set(plain) <= set(both)


def test_includefield_all(web, archive):
    """PS3.18 §8.3.4.3: `all` is every attribute the server has for the level."""
    study = archive.items[0][0].StudyInstanceUID
    found = web.query("/studies", StudyInstanceUID=study, includefield="all")[0]
    assert {"0020000D", "00080020", "00100020"} <= set(found)


ignored = pytest.mark.orthanc_fails(reason="ignores it")


@pytest.mark.parametrize("parameters", [
    {"limit": "many"}, {"offset": "x"},
    pytest.param({"limit": "-1"}, marks=pytest.mark.orthanc_fails(reason="answers 500")),
    pytest.param({"NoSuchKeyword": "1"}, marks=ignored),
    pytest.param({"StudyDate": "yesterday"}, marks=ignored),
    pytest.param({"0020000G": "1"}, marks=ignored),
], ids=str)
def test_what_cannot_be_read_is_400(web, archive, parameters):
    """PS3.18 §10.6.3.1: 400, and why."""
    assert web.get("/studies", **parameters).status_code == 400


def test_hostile_values_are_only_values(web, archive):
    """A value is compared, and never becomes part of a statement or a path."""
    for text in ("' OR '1'='1", "x'; DROP TABLE studies; --", "%", "_", "\\", "*" * 60, "[a-z]", "\u0000", "../../etc"):
        answer = web.get("/studies", PatientID=text)
        assert answer.status_code in (200, 204, 400), (text, answer.status_code)
        if text not in ("*" * 60,) and answer.status_code == 200:
            assert archive.patient not in answer.text, text
    assert len(studies(web, archive)) == 5


@pytest.mark.orthanc_fails(reason="answers JSON whatever is accepted")
def test_an_answer_that_is_not_accepted(web, archive):
    """PS3.18 §8.7.8.1: 406."""
    assert web.get("/studies", "image/png", PatientID=archive.everyone).status_code == 406


@pytest.mark.parametrize("accept", [
    "application/dicom+json", "application/json", "*/*", "application/dicom+json;q=0.9, */*;q=0.1",
    "multipart/related; type=\"application/octet-stream\", application/dicom+json",
])
def test_what_clients_accept(web, archive, accept):
    """PS3.18 §8.7.8: the best of what is accepted, and of what viewers send."""
    answer = web.get("/studies", accept, PatientID=archive.everyone)
    assert answer.status_code == 200
    assert len(answer.json()) == 5


def test_dicomweb_client(subject, archive):
    """PS3.18 §10.6: a client of another make, at each level."""
    from dicomweb_client.api import DICOMwebClient
    client = DICOMwebClient(subject.dicomweb)
    assert len(client.search_for_studies(search_filters={"PatientID": archive.patient})) == 4
    study = archive.items[0][0].StudyInstanceUID
    assert len(client.search_for_series(study)) == 2
    assert len(client.search_for_instances(study)) == 4
    assert len(client.search_for_studies(search_filters={"PatientID": archive.patient}, limit=2, offset=1)) == 2


@pytest.mark.only("causeway")
def test_fuzzy_matching_is_done_or_warned_of(web, archive):
    """PS3.18 §8.3.4.2: a part of a name finds it, or a warning says that matching was literal."""
    answer = web.get("/studies", PatientID=archive.patient, PatientName="ida", fuzzymatching="true")
    if "299" not in answer.headers.get("Warning", ""):
        assert answer.status_code == 200
        assert len(answer.json()) == 4


@pytest.mark.orthanc_fails(reason="matches names literally, and says so")
@pytest.mark.parametrize(("name", "expected"), [
    ("ida qui", [4, 3, 2, 1]), ("bjorn", [5]), ("Quist, B", [5]), ("ui", []), ("BJØ*", [5]),
])
def test_fuzzy_matching(web, archive, name, expected):
    """PS3.18 §8.3.4.2, PS3.4 §C.2.2.2.1.1: beginnings of words in any order, accents and case aside."""
    assert sorted(studies(web, archive, PatientName=name, fuzzymatching="true")) == sorted(expected)


@pytest.mark.orthanc_fails(reason="takes a list for one text")
def test_several_values_are_all_wanted(subject, web):
    """PS3.18 §8.3.4.6, PS3.4 §C.2.2.2.8: each value of the key is among those of the attribute."""
    tag = data.patient_id()
    both = data.study(2, 1, PatientID=tag)
    both[1].Modality = "PT"
    stored(subject, *both, *data.study(1, 1, PatientID=tag))
    found = web.query("/studies", PatientID=tag, ModalitiesInStudy="CT,PT", multiplevaluematching="true")
    assert [value(result, "0020000D") for result in found] == [both[0].StudyInstanceUID]


@pytest.mark.orthanc_fails(reason="takes no account of time zones")
def test_dates_and_times_of_a_time_zone(subject, web):
    """PS3.18 §8.3.4.1.1, PS3.4 §C.4.1.1.3.2: dates and times of request and answer are in the zone that is named."""
    tag = data.patient_id()
    (image,) = data.study(
        1, 1, PatientID=tag, StudyDate="20240110", StudyTime="233000", TimezoneOffsetFromUTC="-0500",
    )
    stored(subject, image)
    for zone, day, time in (("+0100", "20240111", "053000"), ("-0500", "20240110", "233000"), ("-0600", "20240110", "223000")):
        (found,) = web.query("/studies", PatientID=tag, StudyDate=day, TimezoneOffsetFromUTC=zone)
        told = [value(found, element) for element in ("00080020", "00080030", "00080201")]
        assert told == [day, time, zone]
    assert web.query("/studies", PatientID=tag, StudyDate="20240110", TimezoneOffsetFromUTC="+0100") == []
    night = {"StudyDate": "20240111-20240111", "StudyTime": "0500-0600", "TimezoneOffsetFromUTC": "+0100"}
    assert len(web.query("/studies", PatientID=tag, **night)) == 1


def test_the_warning_is_absent_without_fuzzymatching(web, archive):
    """PS3.18 §8.3.4.2: only who asks is warned."""
    assert "fuzzy" not in web.get("/studies", PatientID=archive.everyone).headers.get("Warning", "").lower()


def test_an_unknown_resource_is_404(subject):
    """PS3.18 §8.5: 404."""
    assert Web(subject.dicomweb).get("/nonsense").status_code == 404


def test_retrieve_url_leads_to_the_study(web, archive):
    """PS3.18 table 10.6.3-3: Retrieve URL (0008,1190) can be followed."""
    import requests
    from urllib.parse import urljoin
    study = archive.items[0][0].StudyInstanceUID
    url = urljoin(web.root + "/", value(web.query("/studies", StudyInstanceUID=study)[0], "00081190"))
    answer = requests.get(url + "/metadata", headers={"Accept": "application/dicom+json"}, timeout=20)
    assert answer.status_code == 200
    assert len(answer.json()) == 4


@pytest.mark.only("causeway")
@pytest.mark.parametrize("accept", ["application/dicom+json", 'multipart/related; type="application/dicom+xml"'])
def test_a_known_answer_is_not_sent_again(subject, web, accept):
    """RFC 9110 §8.8.3, §13.1.2: an entity tag that holds as long as the answer does; 304 to who has it."""
    import requests
    patient = data.patient_id()
    stored(subject, *data.study(1, 1, PatientID=patient))
    url = f"{web.root}/studies?PatientID={patient}"
    first = requests.get(url, headers={"Accept": accept}, timeout=20)
    again = requests.get(url, headers={"Accept": accept, "If-None-Match": first.headers["ETag"]}, timeout=20)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    stored(subject, *data.study(1, 1, PatientID=patient))
    later = requests.get(url, headers={"Accept": accept, "If-None-Match": first.headers["ETag"]}, timeout=20)
    assert later.status_code == 200
    assert later.headers["ETag"] != first.headers["ETag"]


@pytest.mark.only("causeway")
@pytest.mark.parametrize("charset", ["UTF-8", "utf-8;q=0.5,latin1", "ISO_IR%20100", "%zz", ""])
def test_the_charset_parameter(web, archive, charset):
    """PS3.18 §8.3.3.2, §8.8.5: what is not supported is ignored, and UTF-8 remains."""
    answer = web.get(f"/studies?PatientID={archive.patient}B&charset={charset}")
    assert answer.status_code == 200
    assert "Quist^Bjørn" in answer.content.decode("utf-8")


@pytest.mark.only("causeway")
def test_accept_charset(web, archive):
    """PS3.18 §8.8.4, §8.8.5: the same by header."""
    import requests
    answer = requests.get(
        f"{web.root}/studies?PatientID={archive.patient}B",
        headers={"Accept": "application/dicom+json", "Accept-Charset": "iso-8859-1, *;q=0"}, timeout=20,
    )
    assert answer.status_code == 200
    assert "Quist^Bjørn" in answer.content.decode("utf-8")


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("accept", "expected"), [
    ("application/json", "application/json"), ("foo/bar", "application/dicom+json"),
    ("application/json;q=0.5,application/dicom%2Bjson;q=0.4", "application/json"),
    ("image/png,application/dicom%2Bjson", None),
])
def test_the_accept_parameter(web, archive, accept, expected):
    """PS3.18 §8.3.3.1: before the header; unsupported: the default; DICOM and rendered types together: 400."""
    answer = web.get(f"/studies?PatientID={archive.everyone}&accept={accept}", "*/*")
    if expected is None:
        assert answer.status_code == 400
    else:
        assert answer.headers["Content-Type"] == expected


@pytest.mark.only("causeway")
def test_what_is_ignored_is_told(web, archive):
    """PS3.18 §8.3.4: a key that is not kept, and a field that does not exist, each in a Warning; the rest is done."""
    answer = web.get("/studies", PatientID=archive.everyone, PatientAddress="x", includefield="NoSuchField")
    assert len(answer.json()) == 5
    told = answer.headers["Warning"]
    assert f"299 {web.root}: The PatientAddress parameter is not supported. It has been ignored." in told
    assert f"299 {web.root}: The includefield NoSuchField is not supported. It has been ignored." in told

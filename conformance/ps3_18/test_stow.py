"""PS3.18 §10.5: the store transaction, and annex I: its response."""

import copy

import pytest

import data
from clients import FAILED_SOP_SEQUENCE as FAILED
from clients import REFERENCED_SOP_SEQUENCE as REFERENCED
from clients import assert_kept, multipart, value, values



def items_of(answer, tag):
    """The items of a sequence of the response."""
    return answer.json().get(tag, {}).get("Value", [])


def test_a_study_is_stored(web):
    """PS3.18 §10.5.3.1 and annex I.2: 200, and a Referenced SOP Sequence item for each instance."""
    items = data.study(2, 2)
    answer = web.stow(*map(data.file_of, items))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].split(";")[0].strip() == "application/dicom+json"
    referenced = {value(item, "00081155"): value(item, "00081150") for item in items_of(answer, REFERENCED)}
    assert referenced == {item.SOPInstanceUID: item.SOPClassUID for item in items}
    assert items_of(answer, FAILED) == []
    for item in items:
        assert_kept(web, item)


def test_each_stored_instance_has_its_url(web):
    """PS3.18 table I.2-1: Retrieve URL of what was stored, which leads to it."""
    from urllib.parse import urljoin

    import requests
    answer = web.stow(data.file_of(data.instance()))
    (item,) = items_of(answer, REFERENCED)
    url = urljoin(web.root + "/", value(item, "00081190"))
    read = requests.get(url, headers={"Accept": 'multipart/related; type="application/dicom"'}, timeout=20)
    assert read.status_code == 200


def test_the_same_again(web):
    """PS3.18 §10.5.2: what is stored already is stored: no failure."""
    file = data.file_of(data.instance())
    assert web.stow(file).status_code == 200
    answer = web.stow(file)
    assert answer.status_code in (200, 202)
    assert len(items_of(answer, REFERENCED)) == 1


@pytest.mark.orthanc_fails(reason="answers 200 and drops the second one")
def test_other_bytes_under_the_same_uid(web):
    """PS3.18 §10.5.3.1: 409 when nothing was stored, with a Failure Reason; the first one stays."""
    first = data.instance()
    second = copy.deepcopy(first)
    second.PatientName = "Other^Person"
    assert web.stow(data.file_of(first)).status_code == 200
    answer = web.stow(data.file_of(second))
    assert answer.status_code == 409
    (failed,) = items_of(answer, FAILED)
    assert value(failed, "00081155") == first.SOPInstanceUID
    reason = int(value(failed, "00081197"))
    assert reason == 0x0111 or 0xC000 <= reason <= 0xCFFF
    assert_kept(web, first)


def test_into_its_own_study(web):
    """PS3.18 §10.5.1: the study of the URL and of the instance are the same."""
    item = data.instance()
    assert web.stow(data.file_of(item), study=item.StudyInstanceUID).status_code == 200
    assert_kept(web, item)


def test_into_another_study(web):
    """PS3.18 §10.5.2: an instance of another study is not stored; 409, and the reason."""
    item = data.instance()
    answer = web.stow(data.file_of(item), study=data.uid())
    assert answer.status_code == 409, answer.text
    (failed,) = items_of(answer, FAILED)
    assert value(failed, "00081155") == item.SOPInstanceUID
    assert int(value(failed, "00081197")) >= 0x0100
    assert not web.has(item)


@pytest.mark.orthanc_fails(reason="answers 409 on any failure")
def test_some_stored_and_some_not(web):
    """PS3.18 table 10.5.3-1: 202; each instance is in the one sequence or the other."""
    good, stray = data.instance(), data.instance()
    answer = web.stow(data.file_of(good), data.file_of(stray), study=good.StudyInstanceUID)
    assert answer.status_code == 202, answer.text
    assert [value(item, "00081155") for item in items_of(answer, REFERENCED)] == [good.SOPInstanceUID]
    assert [value(item, "00081155") for item in items_of(answer, FAILED)] == [stray.SOPInstanceUID]


@pytest.mark.parametrize("body", [b"not a DICOM file", b"", bytes(200), bytes(128) + b"DICM"], ids=[
    "words", "nothing", "zeros", "a preamble",
])
def test_what_is_no_instance(web, body):
    """PS3.18 table 10.5.3-1: nothing stored is 409, or 400 for what cannot be read at all."""
    assert web.stow(body).status_code in (400, 409)


def test_a_good_one_beside_a_broken_one(web):
    """PS3.18 §10.5.3.1: the good one is stored all the same, and the answer is not plain success."""
    item = data.instance()
    answer = web.stow(data.file_of(item), b"not a DICOM file")
    assert 200 <= answer.status_code < 500
    if answer.status_code == 202:
        assert [value(one, "00081155") for one in items_of(answer, REFERENCED)] == [item.SOPInstanceUID]
        assert_kept(web, item)


@pytest.mark.only("causeway")
def test_a_good_one_beside_a_broken_one_is_202(web):
    """PS3.18 table 10.5.3-1: 202."""
    assert web.stow(data.file_of(data.instance()), b"not a DICOM file").status_code == 202


@pytest.mark.parametrize("content_type", [
    "text/plain", "application/pdf",
    pytest.param("multipart/form-data; boundary=x", marks=pytest.mark.orthanc_fails(reason="answers 200")),
])
def test_another_media_type_is_415(web, content_type):
    """PS3.18 table 10.5.3-1: 415."""
    assert web.post("/studies", b"--x\r\n\r\nhello\r\n--x--\r\n", content_type).status_code == 415


@pytest.mark.parametrize("content_type", [
    'multipart/related; type="application/dicom"',
    'multipart/related; type="application/dicom"; boundary=',
    pytest.param(
        'multipart/related; type="application/dicom"; boundary="' + "x" * 200 + '"',
        marks=pytest.mark.orthanc_fails(reason="answers 200 and stores nothing"),
    ),
], ids=["none", "empty", "200 letters"])
def test_a_body_without_its_boundary(web, content_type):
    """RFC 2046 §5.1.1: the boundary is required, and 70 letters at most: 4xx."""
    body, _ = multipart([data.file_of(data.instance())])
    assert 400 <= web.post("/studies", body, content_type).status_code < 500


@pytest.mark.only("causeway")
@pytest.mark.parametrize("cut", [1, 10, 300])
def test_a_body_that_ends_too_early(web, cut):
    """RFC 2046 §5.1.1: without the closing boundary the last part is not known to be whole: no plain success."""
    item = data.instance()
    body, content_type = multipart([data.file_of(item)])
    answer = web.post("/studies", body[:-40 - cut], content_type)
    assert answer.status_code in (202, 400, 409)
    assert not web.has(item)


odd = pytest.mark.orthanc_fails(reason="answers 415")


@pytest.mark.parametrize(("boundary", "written"), [
    ("simple", "simple"),
    ("simple", '"simple"'),
    ("x" * 70, "x" * 70),
    pytest.param("a'b(c)d+e_f,g-h.i/j:k=l?m", '"a\'b(c)d+e_f,g-h.i/j:k=l?m"', marks=odd),
    ("with inner space", '"with inner space"'),
])
def test_boundaries_that_others_write(web, boundary, written):
    """RFC 2046 §5.1.1: a boundary as a token or quoted, with every letter it may have."""
    item = data.instance()
    body, _ = multipart([data.file_of(item)], boundary=boundary)
    answer = web.post("/studies", body, f'multipart/related; type="application/dicom"; boundary={written}')
    assert answer.status_code == 200, answer.text
    assert_kept(web, item)


@pytest.mark.only("causeway")
def test_a_preamble_and_an_epilogue(web):
    """RFC 2046 §5.1.1: what stands before the first boundary and behind the last one is ignored."""
    item = data.instance()
    body, content_type = multipart([data.file_of(item)])
    assert web.post("/studies", b"preamble\r\n" + body + b"epilogue", content_type).status_code == 200
    assert_kept(web, item)


def test_a_data_set_that_holds_a_boundary(web):
    """RFC 2046 §5.1.1: only a whole delimiter line ends a part."""
    item = data.instance()
    text = b"\r\n--conformance-boundar\r\n-conformance-boundary\r\n--"
    item.PixelData = (text * 20)[:512]
    assert web.stow(data.file_of(item)).status_code == 200
    assert_kept(web, item)


def test_a_request_in_chunks(web):
    """RFC 9112 §7.1: a body of unknown length."""
    import requests
    item = data.instance(rows=2000)
    item.PixelData = bytes(2000 * 32)
    body, content_type = multipart([data.file_of(item)])
    answer = requests.post(
        web.root + "/studies", data=(body[at:at + 1000] for at in range(0, len(body), 1000)),
        headers={"Content-Type": content_type, "Accept": "application/dicom+json"}, timeout=60,
    )
    assert answer.status_code == 200
    assert_kept(web, item)


@pytest.mark.orthanc_fails(reason="keeps what it is given")
@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("bad", ["../../../../tmp/conformance-escape", "/etc/passwd", "1.2.\u00e9", ""])
def test_what_is_no_uid(web, keyword, bad):
    """PS3.5 §9.1: a UID is digits and dots. What is not is refused, and never names a file."""
    item = data.instance(**{keyword: bad})
    answer = web.stow(_unchecked(item))
    assert answer.status_code in (400, 409), answer.text


def _unchecked(item):
    """The file, written without a look at its UIDs."""
    from pydicom import config
    mode, config.settings.writing_validation_mode = config.settings.writing_validation_mode, config.IGNORE
    try:
        body = data.explicit_little_endian(item)
    finally:
        config.settings.writing_validation_mode = mode
    return data.header(str(item.SOPClassUID), str(item.SOPInstanceUID), "1.2.840.10008.1.2.1") + body


def test_the_header_and_the_data_set_must_agree(web):
    """PS3.10 §7.1: the File Meta Information names the instance that follows; what is kept is known by one UID."""
    item = data.instance()
    file = data.header(item.SOPClassUID, data.uid(), "1.2.840.10008.1.2.1") + data.encoded(item)
    answer = web.stow(file)
    assert answer.status_code in (200, 202, 400, 409)
    if answer.status_code < 300:
        assert [value(one, "00081155") for one in items_of(answer, REFERENCED)] == [item.SOPInstanceUID]


def test_dicomweb_client(subject, web):
    """PS3.18 §10.5: a client of another make."""
    from dicomweb_client.api import DICOMwebClient
    items = data.study(1, 3)
    answer = DICOMwebClient(subject.dicomweb).store_instances(items)
    assert len(answer.ReferencedSOPSequence) == 3
    for item in items:
        assert web.has(item)


def test_what_is_stored_is_found_at_once(web):
    """PS3.18 §10.5: the store is done when it is answered."""
    item = data.instance()
    assert web.stow(data.file_of(item)).status_code == 200
    found = web.query("/studies", StudyInstanceUID=item.StudyInstanceUID)
    assert [values(one, "0020000D") for one in found] == [[item.StudyInstanceUID]]

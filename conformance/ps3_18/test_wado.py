"""PS3.18 §10.4: the retrieve transaction."""

import io

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import data
from clients import ACCEPT_EXPLICIT, ACCEPT_STORED, JSON, parts, path_of, stored


@pytest.fixture(scope="module")
def held(subject):
    """One study of two series and four instances, with names in two character sets."""
    items = data.study(2, 2, PatientName="Ōsaka^Jirō=大阪^次郎=おおさか^じろう", SpecificCharacterSet="ISO_IR 192")
    for item in items:
        item.OtherPatientIDs = ["A", "", "B"]
        item.PatientComments = ""
        item.private_block(0x0029, "CONFORMANCE TEST", create=True).add_new(0x01, "DS", ["1.5", "-2"])
    return stored(subject, *items)


def within(items, level):
    """Those instances that the first one's study, series or itself holds."""
    return items[:{"study": 4, "series": 2, "instance": 1}[level]]


LEVELS = ["study", "series", "instance"]


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_stored_comes_back_to_the_byte(web, held, level):
    """PS3.18 §10.4.3.3.1: one part for each instance, each a DICOM file, its data set as it was sent."""
    answer = web.get(path_of(held[0], level), ACCEPT_STORED)
    assert answer.status_code == 200
    found = {}
    for part in parts(answer):
        assert part.headers["content-type"].split(";")[0].strip() == "application/dicom"
        meta, body = data.split(part.body)
        found[meta[0x0003].rstrip(b"\0").decode()] = body
    assert found == {item.SOPInstanceUID: data.encoded(item) for item in within(held, level)}


@pytest.mark.parametrize("level", LEVELS)
def test_the_type_of_the_parts_is_named(web, held, level):
    """PS3.18 §8.7.1: `type` is a parameter of multipart/related, quoted since it holds a slash."""
    content_type = web.get(path_of(held[0], level), ACCEPT_STORED).headers["Content-Type"]
    assert 'type="application/dicom"' in content_type


@pytest.mark.parametrize("level", LEVELS)
def test_metadata_is_what_pydicom_makes_of_it(web, held, level):
    """PS3.18 §10.4.1.1.2 and annex F: every attribute with its VR and values; bulk data by reference."""
    answer = web.get(path_of(held[0], level) + "/metadata", JSON)
    assert answer.status_code == 200
    found = {result["00080018"]["Value"][0]: result for result in answer.json()}
    assert set(found) == {item.SOPInstanceUID for item in within(held, level)}
    for item in within(held, level):
        assert_same_metadata(found[item.SOPInstanceUID], item.to_json_dict())


def assert_same_metadata(found, expected):
    """Compares two data sets in DICOM JSON, but for how bulk data is given and how numbers are written."""
    # Group length and File Meta are not part of the data set's metadata, but for these two (PS3.18 §F.2.2).
    extra = {"00083002", "00020010", "00081190", "00080005"}
    assert set(found) - extra == set(expected) - extra
    for tag, wanted in expected.items():
        if tag in extra:
            continue
        got = found[tag]
        bulk = {"BulkDataURI", "InlineBinary"}
        if bulk & set(got) or bulk & set(wanted):
            assert len(({"Value"} | bulk) & set(got)) <= 1, tag
            continue
        assert got["vr"] == wanted["vr"], tag
        if wanted["vr"] == "SQ":
            items, wanted_items = got.get("Value", []), wanted.get("Value", [])
            assert len(items) == len(wanted_items), tag
            for one, other in zip(items, wanted_items):
                assert_same_metadata(one, other)
        else:
            assert normal(got) == normal(wanted), tag


def normal(attribute):
    """Values as they compare: numbers as numbers, empty ones as nothing."""
    result = []
    for one in attribute.get("Value", []):
        if attribute["vr"] in ("DS", "IS", "SV", "UV", "FL", "FD") and one not in (None, ""):
            result.append(pytest.approx(float(one), rel=1e-6))
        elif isinstance(one, dict):
            result.append({group: text.rstrip("^ ") for group, text in one.items()})
        else:
            result.append((one or "").strip() if isinstance(one, str) or one is None else one)
    return result if any(one not in ("", None) for one in result) else []


def test_bulk_data_can_be_read(web, held):
    """PS3.18 §10.4.1.1.5: the BulkDataURI of the metadata leads to the value."""
    from urllib.parse import urljoin

    import requests
    item = held[0]
    (metadata,) = web.get(path_of(item, "instance") + "/metadata", JSON).json()
    pixels = metadata["7FE00010"]
    if "InlineBinary" in pixels:
        pytest.skip("pixel data is inline")
    url = urljoin(f"{web.root}{path_of(item, 'instance')}/", pixels["BulkDataURI"])
    accept = 'multipart/related; type="application/octet-stream"'
    answer = requests.get(url, headers={"Accept": accept}, timeout=20)
    assert answer.status_code == 200
    assert b"".join(part.body for part in parts(answer)) == item.PixelData


def test_a_frame(web, held):
    """PS3.18 §10.4.1.1.6: the pixels of frame 1, uncompressed, little endian."""
    answer = web.get(path_of(held[0], "instance") + "/frames/1", 'multipart/related; type="application/octet-stream"')
    assert answer.status_code == 200
    (part,) = parts(answer)
    assert part.body == held[0].PixelData


@pytest.mark.parametrize(("frames", "expected"), [
    ("0", {400, 404}),
    ("x", {400}),
    pytest.param("2", {404}, marks=pytest.mark.orthanc_fails(reason="answers 400")),
    pytest.param("1,99", {404}, marks=pytest.mark.orthanc_fails(reason="answers 400")),
])
def test_a_frame_that_is_not(web, held, frames, expected):
    """PS3.18 §10.4.3.1: 404 for a frame that is not there, 400 for what is no list of frames."""
    answer = web.get(
        path_of(held[0], "instance") + f"/frames/{frames}", 'multipart/related; type="application/octet-stream"',
    )
    assert answer.status_code in expected


@pytest.mark.parametrize("path", ["", "/metadata"])
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_not_there_is_404(web, held, level, path):
    """PS3.18 §10.4.3.1: 404, whichever UID of the path is unknown."""
    item = data.instance(StudyInstanceUID=held[0].StudyInstanceUID if level != "study" else data.uid())
    accept = JSON if path else ACCEPT_STORED
    answer = web.get(path_of(item, level) + path, accept)
    assert answer.status_code == 404, answer.text


def test_an_instance_of_another_study_is_404(web, held, subject):
    """PS3.18 §10.4.1.1.1: the resource is the instance within its series and study."""
    (other,) = stored(subject, data.instance())
    path = f"/studies/{held[0].StudyInstanceUID}/series/{held[0].SeriesInstanceUID}/instances/{other.SOPInstanceUID}"
    assert web.get(path, ACCEPT_STORED).status_code == 404


@pytest.mark.parametrize("study", [
    "..", "../../etc/passwd", "..%2f..%2fetc", "1.2/../..", "1" * 65, "abc", "1..2", "1.2%0a",
    pytest.param("%00", marks=pytest.mark.orthanc_fails(reason="answers with every study it has")),
])
def test_what_is_no_uid_is_refused(web, study):
    """PS3.18 §10.4.3.1: 400 or 404; and it never names a file."""
    import socket
    from urllib.parse import urlsplit
    # By hand: a client would tidy the path up.
    where = urlsplit(web.root)
    with socket.create_connection((where.hostname, where.port), timeout=20) as peer:
        peer.sendall((
            f"GET {where.path}/studies/{study}/metadata HTTP/1.1\r\nHost: {where.netloc}\r\n"
            "Accept: application/dicom+json\r\nConnection: close\r\n\r\n"
        ).encode())
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
    assert int(answer.split(b" ")[1]) in (400, 404), answer[:300]
    assert b"root:" not in answer


@pytest.mark.parametrize("accept", ["image/png", "text/csv", 'multipart/related; type="video/mp4"'])
@pytest.mark.orthanc_fails(reason="answers 400")
def test_what_is_not_accepted_is_406(web, held, accept):
    """PS3.18 §8.7.8.1: 406."""
    assert web.get(path_of(held[0], "instance"), accept).status_code == 406


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian], ids=["implicit", "big endian"])
@pytest.mark.parametrize("accept", [ACCEPT_STORED, ACCEPT_EXPLICIT], ids=["as stored", "explicit"])
def test_some_transfer_syntaxes_are_not_for_the_web(web, subject, syntax, accept, request):
    """PS3.18 §8.7.3: implicit VR and big endian are never used; the values are the same in explicit VR."""
    if subject.name == "orthanc" and accept == ACCEPT_STORED:
        request.applymarker(pytest.mark.xfail(reason="sends what it has stored"))
    (item,) = stored(subject, data.instance(transfer_syntax=syntax, PatientName="Web^Way"))
    file = web.file(item, accept)
    assert data.transfer_syntax(file) == ExplicitVRLittleEndian
    sent = dcmread(io.BytesIO(data.file_of(item)))
    assert dcmread(io.BytesIO(file)).to_json_dict() == sent.to_json_dict() or syntax == ExplicitVRBigEndian
    if syntax == ExplicitVRBigEndian:
        read = dcmread(io.BytesIO(file))
        for element in sent:
            if element.keyword != "PixelData":
                assert read[element.tag].value == element.value
        big = sent.PixelData
        swapped = b"".join(big[at + 1:at + 2] + big[at:at + 1] for at in range(0, len(big), 2))
        assert read.PixelData == swapped


def test_dicomweb_client(subject, held):
    """PS3.18 §10.4: a client of another make."""
    from dicomweb_client.api import DICOMwebClient
    client = DICOMwebClient(subject.dicomweb)
    study = client.retrieve_study(held[0].StudyInstanceUID)
    assert {item.SOPInstanceUID for item in study} == {item.SOPInstanceUID for item in held}
    one = client.retrieve_instance(held[0].StudyInstanceUID, held[0].SeriesInstanceUID, held[0].SOPInstanceUID)
    assert str(one.PatientName) == str(held[0].PatientName)
    assert len(client.retrieve_study_metadata(held[0].StudyInstanceUID)) == 4


@pytest.mark.orthanc_fails(reason="does not take what this client accepts")
def test_frames_of_dicomweb_client(subject, held):
    """PS3.18 §10.4.1.1.6: without a media type of its own, the client asks for any."""
    from dicomweb_client.api import DICOMwebClient
    (frame,) = DICOMwebClient(subject.dicomweb).retrieve_instance_frames(
        held[0].StudyInstanceUID, held[0].SeriesInstanceUID, held[0].SOPInstanceUID, [1],
    )
    assert frame == held[0].PixelData


@pytest.mark.only("causeway")
def test_a_method_that_is_not_allowed(web, held):
    """PS3.18 §8.5: 405, with Allow."""
    import requests
    answer = requests.put(web.root + path_of(held[0], "study") + "/metadata", timeout=20)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]

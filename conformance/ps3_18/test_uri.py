"""PS3.18 §9: the URI service, for DICOM objects."""

import io

import pytest
import requests
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless

import data
from clients import stored
from linked import get

pytestmark = pytest.mark.only("causeway")

FILE = {"contentType": "application/dicom"}


@pytest.fixture(scope="module")
def held(subject):
    """One instance."""
    (item,) = stored(subject, *data.study(1, 1))
    return item


def test_an_instance_as_a_file(subject, held):
    """PS3.18 §9.4.2: the instance, in Explicit VR Little Endian where nothing else is asked for."""
    answer = get(subject, held, **FILE)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == "application/dicom"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.headers["Content-Location"].endswith(held.SOPInstanceUID)
    found = dcmread(io.BytesIO(answer.content))
    assert found.SOPInstanceUID == held.SOPInstanceUID
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert data.split(answer.content)[1] == data.encoded(held)


def test_the_transfer_syntax_parameter(subject, held):
    """PS3.18 §9.4.2.4: the one that is asked for, or 406."""
    assert get(subject, held, transferSyntax=ExplicitVRLittleEndian, **FILE).status_code == 200
    assert get(subject, held, transferSyntax=JPEG2000Lossless, **FILE).status_code == 406
    assert get(subject, held, transferSyntax=ImplicitVRLittleEndian, **FILE).status_code == 406
    assert get(subject, held, transferSyntax="x", **FILE).status_code == 400


@pytest.mark.parametrize("missing", ["requestType", "studyUID", "seriesUID", "objectUID"])
def test_what_is_mandatory_is_400_without(subject, held, missing):
    """PS3.18 §9.4.2.1, §9.4.2.2."""
    assert get(subject, held, **{missing: None}, **FILE).status_code == 400


@pytest.mark.parametrize(("parameters", "expected"), [
    ({"requestType": "wado"}, 400), ({"studyUID": "../../etc"}, 400), ({"objectUID": ["1.2", "1.3"]}, 400),
    ({"contentType": "application/dicom;transfer-syntax=1.2.840.10008.1.2.1"}, 400),
    ({"contentType": "application/dicom,image/jpeg"}, 400),
    ({"contentType": "audio/basic", "accept": "audio/*"}, 406), ({"windowCenter": "1", "windowWidth": "2"}, 400),
    ({"anonymize": "yes"}, 400), ({"studyUID": "1.2.3.4"}, 404), ({"objectUID": "1.2.3.4"}, 404),
], ids=str)
def test_what_cannot_be_given(subject, held, parameters, expected):
    """PS3.18 §9.4.2, table 9.4.3-1."""
    assert get(subject, held, **{**FILE, **parameters}).status_code == expected


def test_a_file_by_the_accept_header_alone(subject, held):
    """PS3.18 §9.3: the media types say which of the two transactions it is."""
    answer = get(subject, held, accept="application/dicom")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == "application/dicom"


def test_what_was_deleted_is_410(subject):
    """PS3.18 table 9.4.3-1: 410."""
    (item,) = stored(subject, *data.study(1, 1))
    assert requests.delete(f"{subject.dicomweb}/studies/{item.StudyInstanceUID}", timeout=20).status_code == 204
    assert get(subject, item, **FILE).status_code == 410


def test_another_method_is_405(subject):
    """PS3.18 §8.5."""
    root = subject.dicomweb.removesuffix("/dicom-web")
    answer = requests.post(f"{root}/wado", timeout=20)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD"}

"""Content codings (RFC 9110 §8.4, §12.5.3): text in gzip for those who ask for it, everything else as it is."""

from __future__ import annotations

import gzip
import zlib

import pytest

import data
from clients import ACCEPT_STORED, Web, stored
from raw_http import Line, ask, assert_sound, request

pytestmark = pytest.mark.only("causeway")


@pytest.fixture(scope="module")
def study(subject):
    """A study whose metadata are worth packing."""
    return stored(subject, *data.study(2, 20))


def paths(study):
    """Resources in text, with the media types they come in."""
    root = f"/dicom-web/studies/{study[0].StudyInstanceUID}"
    one = f"{root}/series/{study[0].SeriesInstanceUID}/instances/{study[0].SOPInstanceUID}"
    return [
        (f"{root}/metadata", "application/dicom+json"), (f"{root}/instances?includefield=all", "application/dicom+json"),
        (f"{root}/metadata", 'multipart/related; type="application/dicom+xml"'), (f"{root}/series", "application/json"),
        (f"{one}/metadata", "application/dicom+json"),
    ]


def get(subject, path, accept, coding=None, **headers):
    given = [("Accept", accept)] + ([("Accept-Encoding", coding)] if coding is not None else [])
    return assert_sound(ask(subject, "GET", path, given + [(name.replace("_", "-"), value) for name, value in headers.items()]), "GET", path)


def is_packed(answer):
    return answer.header("content-encoding") == "gzip"


def test_text_comes_in_gzip_where_it_is_asked_for_and_says_the_same(subject, study):
    large = 0
    for path, accept in paths(study):
        plain, packed = get(subject, path, accept), get(subject, path, accept, "gzip, deflate, br")
        assert plain.status == packed.status == 200 and not is_packed(plain)
        for answer in (plain, packed):
            assert "accept-encoding" in answer.header("vary").lower()
        if len(plain.body) < 1400:
            assert not is_packed(packed)
            continue
        large += 1
        assert is_packed(packed) and packed.header("content-type") == plain.header("content-type")
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body) / 2
    assert large >= 3


@pytest.mark.parametrize(
    ("coding", "wanted"),
    [
        (None, False), ("", False), ("identity", False), ("br", False), ("gzip;q=0", False), ("*;q=0", False), ("gzip;q=x", False), ("gzip;q=0.5, identity", False),
        ("gzip", True), ("x-gzip", True), ("*", True), ("br;q=1, gzip;q=0.1", True), ("identity;q=0.5, gzip;q=0.5", True), ("identity;q=0, gzip", True),
    ],
)
def test_the_weights_decide(subject, study, coding, wanted):
    path, accept = paths(study)[0]
    assert is_packed(get(subject, path, accept, coding)) == wanted


def test_dicom_pixels_errors_and_reports_are_never_packed(subject, study):
    root = f"/dicom-web/studies/{study[0].StudyInstanceUID}"
    one = f"{root}/series/{study[0].SeriesInstanceUID}/instances/{study[0].SOPInstanceUID}"
    for path, accept, status in [
        (root, ACCEPT_STORED, 200), (one, "application/dicom; transfer-syntax=*", 200), (f"{one}/frames/1", "application/octet-stream", 200),
        (f"{one}/rendered", "image/png", 200), (f"{root}/series?limit=x" + "&PatientName=a" * 500, "application/dicom+json", 400),
    ]:
        answer = get(subject, path, accept, "gzip")
        assert answer.status == status and answer.header("content-encoding") is None, path


def test_packed_bytes_have_a_weak_tag_that_saves_the_next_answer(subject, study):
    """RFC 9110 §8.8.1, §13.1.2: If-None-Match compares weakly, for either form."""
    path, accept = paths(study)[0]
    plain, packed = get(subject, path, accept), get(subject, path, accept, "gzip")
    assert not plain.header("etag").startswith("W/") and packed.header("etag") == f"W/{plain.header('etag')}"
    for tag in (plain.header("etag"), packed.header("etag")):
        for coding in (None, "gzip"):
            again = get(subject, path, accept, coding, If_None_Match=tag)
            assert again.status == 304 and again.body == b""


def test_head_tells_the_same_kind_and_sends_no_body(subject, study):
    path, accept = paths(study)[0]
    with Line(subject) as line:
        for coding in ("identity", "gzip"):
            line.send(request("HEAD", path, [("Accept", accept), ("Accept-Encoding", coding)]))
            answer = line.answer("HEAD")
            assert answer.status == 200 and answer.header("content-type") == accept
            assert "accept-encoding" in answer.header("vary")
        line.send(request("GET", path, [("Accept", accept)]))
        assert line.answer().status == 200, "nothing but heads came before"


def test_many_answers_are_streamed_in_gzip(subject, study):
    """Chunked, and unpacked as it comes."""
    many = stored(subject, *data.study(4, 100))
    path = f"/dicom-web/studies/{many[0].StudyInstanceUID}/instances?includefield=all"
    packed, plain = get(subject, path, "application/dicom+json", "gzip"), get(subject, path, "application/dicom+json")
    assert packed.header("content-length") is None and packed.header("transfer-encoding") == "chunked"
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(packed.body) + unpacker.flush() == plain.body and unpacker.eof
    assert len(Web(subject.dicomweb).query(path.removeprefix("/dicom-web"))) == 400

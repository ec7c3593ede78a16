"""PS3.18 §8.7.4 and §10.4.1.1.3: rendered resources of what is no picture: documents, structured reports, videos."""

import html.parser
import subprocess
import xml.etree.ElementTree

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import (
    MPEG2MPML,
    MPEG4HP41,
    HEVCMP51,
    BasicTextSRStorage,
    EncapsulatedCDAStorage,
    EncapsulatedOBJStorage,
    EncapsulatedPDFStorage,
    EncapsulatedSTLStorage,
    VideoEndoscopicImageStorage,
)

import data
import samples
from clients import parts, store, stored

PDF, HTML, PLAIN, XML, MP4 = "application/pdf", "text/html", "text/plain", "text/xml", "video/mp4"
PARTS = 'multipart/related; type="{}"'.format
NO_PIXELS = dict.fromkeys([
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelData",
])
DOCUMENTS = {
    EncapsulatedPDFStorage: (PDF, b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\ntrailer\n<< >>\n%%EOF\n"),
    EncapsulatedCDAStorage: (XML, b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'),
    EncapsulatedSTLStorage: ("model/stl", bytes(80) + (0).to_bytes(4, "little")),
    EncapsulatedOBJStorage: ("model/obj", b"v 0 0 0\nv 0 1 0\nv 1 0 0\nf 1 2 3\n"),
}


def path_of(item, resource="rendered"):
    """A resource of an instance."""
    return f"/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}/instances/{item.SOPInstanceUID}/{resource}"


def document(sop_class, body, **attributes):
    """An object with a document in it."""
    attributes = {
        "EncapsulatedDocument": body + bytes(len(body) % 2), "EncapsulatedDocumentLength": len(body),
        "MIMETypeOfEncapsulatedDocument": DOCUMENTS[sop_class][0], "Modality": "DOC", **attributes,
    }
    return data.instance(SOPClassUID=sop_class, **NO_PIXELS, **attributes)


def video(stream, syntax, fragments=1):
    """An object with a video in it."""
    size = -(-len(stream) // fragments)
    size += size % 2
    pieces = [stream[at:at + size] for at in range(0, len(stream), size)]
    value = encapsulate([b"".join(pieces)], has_bot=False) if fragments == 1 else in_items(pieces)
    item = data.instance(
        SOPClassUID=VideoEndoscopicImageStorage, transfer_syntax=syntax, NumberOfFrames=25, SamplesPerPixel=3,
        PhotometricInterpretation="YBR_PARTIAL_420", BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=value,
        PlanarConfiguration=0, FrameTime="40",
    )
    item["PixelData"].VR = "OB"
    item["PixelData"].is_undefined_length = True
    return item


def in_items(pieces):
    """Fragments, before them an empty offset table."""
    items = [b"", *pieces]
    return b"".join(b"\xfe\xff\x00\xe0" + len(piece).to_bytes(4, "little") + piece for piece in items)


# Documents.

@pytest.mark.orthanc_fails(reason="gives pictures only")
@pytest.mark.parametrize("sop_class", DOCUMENTS)
def test_a_document_is_given_as_it_is(web, subject, sop_class):
    """PS3.18 Table 8.7.4-1, PS3.3 §C.24.2: the document's bytes, without the one that fills them up."""
    media, body = DOCUMENTS[sop_class]
    for body in (body, body + b"\n"):
        (item,) = stored(subject, document(sop_class, body))
        for accept in (media, "*/*"):
            answer = web.get(path_of(item), accept)
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"] == media
            assert answer.content == body


@pytest.mark.orthanc_fails(reason="gives the byte that fills up")
def test_a_length_that_makes_no_sense_takes_nothing_off(web, subject):
    """PS3.3 §C.24.2: the length of a document is that of its value, or one less."""
    _, body = DOCUMENTS[EncapsulatedPDFStorage]
    for length in (0, 3, len(body) + 100):
        (item,) = stored(subject, document(EncapsulatedPDFStorage, body, EncapsulatedDocumentLength=length))
        assert web.get(path_of(item), PDF).content == body + bytes(len(body) % 2)


@pytest.mark.orthanc_fails(reason="gives no parts, no tags and no ranges")
def test_a_document_in_parts_unchanged_or_a_range_of_it(web, subject):
    """PS3.18 §8.7.3.5.1, RFC 9110 §13 and §14."""
    media, body = DOCUMENTS[EncapsulatedPDFStorage]
    (item,) = stored(subject, document(EncapsulatedPDFStorage, body))
    (part,) = parts(web.get(path_of(item), PARTS(PDF)))
    assert (part.headers["content-type"], part.body) == (media, body)
    whole = web.get(path_of(item), PDF)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert int(whole.headers["Content-Length"]) == len(body)
    for name, status, found in [
        ("bytes=0-3", 206, body[:4]), ("bytes=-6", 206, body[-6:]), ("bytes=4-", 206, body[4:]), ("bytes=9999-", 416, None),
    ]:
        answer = requests.get(web.root + path_of(item), headers={"Accept": PDF, "Range": name}, timeout=20)
        assert answer.status_code == status, name
        if found is not None:
            assert answer.content == found
            first = body.index(found) if name != "bytes=-6" else len(body) - 6
            assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(found) - 1}/{len(body)}"
    again = requests.get(
        web.root + path_of(item), headers={"Accept": PDF, "If-None-Match": whole.headers["ETag"]}, timeout=20,
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.orthanc_fails(reason="gives pictures only")
def test_a_long_document_comes_whole(web, subject):
    """PS3.18 §10.4.4: what is longer than any piece that is read at once."""
    body = b"%PDF-1.4\n" + bytes(range(256)) * 20_000 + b"%%EOF"
    (item,) = stored(subject, document(EncapsulatedPDFStorage, body))
    assert web.get(path_of(item), PDF).content.rstrip(b"\0") == body


@pytest.mark.orthanc_fails(reason="answers 200 or 400")
def test_no_picture_is_made_of_a_document(web, subject):
    """PS3.18 §8.7.8.1: 406, in words."""
    _, body = DOCUMENTS[EncapsulatedPDFStorage]
    (item,) = stored(subject, document(EncapsulatedPDFStorage, body))
    for path, accept in [
        (path_of(item), "image/jpeg"), (path_of(item), HTML), (path_of(item, "thumbnail"), "image/jpeg"),
        (path_of(item, "frames/1/rendered"), "image/png"),
    ]:
        answer = web.get(path, accept)
        assert answer.status_code == 406, path
        assert answer.json()["detail"]
    assert "application/pdf" in web.get(path_of(item), "image/jpeg").text


@pytest.mark.only("causeway")
def test_a_page_in_a_document_is_a_page_of_nobody(web, subject):
    """PS3.18 §8.1.1: the SOP class says what it is, whatever the object says of itself; and a page runs nothing."""
    page = b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"
    (item,) = stored(subject, document(EncapsulatedPDFStorage, page, MIMETypeOfEncapsulatedDocument="text/html"))
    answer = web.get(path_of(item), "*/*")
    assert answer.headers["Content-Type"] == PDF
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (item,) = stored(subject, document(EncapsulatedCDAStorage, page))
    assert "sandbox" in web.get(path_of(item), "*/*").headers["Content-Security-Policy"]


CLINICAL = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Discharge</title><component><structuredBody><component><section>
<title>Findings &amp; plan</title><text><paragraph>Größe &lt;script&gt;</paragraph><list><item>one</item></list>
<table><tbody><tr><td>K</td><td>4.1</td></tr></tbody></table></text>
</section></component></structuredBody></component></ClinicalDocument>
""".encode()


@pytest.mark.orthanc_fails(reason="gives pictures only")
def test_a_clinical_document_as_text(web, subject):
    """PS3.18 Table 8.7.4-1: a page by default, plain text, and the document as it is; nothing of it is markup."""
    (item,) = stored(subject, document(EncapsulatedCDAStorage, CLINICAL))
    for accept in ("*/*", HTML, "text/*"):
        page = web.get(path_of(item), accept)
        assert page.status_code == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "Größe &lt;script&gt;" in page.text and "<script" not in page.text
    plain = web.get(path_of(item), PLAIN)
    assert plain.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert plain.content.decode().split() == (
        "Discharge ========= Findings & plan --------------- Größe <script> - one K | 4.1"
    ).split()
    assert web.get(path_of(item), XML).content.rstrip(b"\0") == CLINICAL
    (part,) = parts(web.get(path_of(item), PARTS(PLAIN)))
    assert part.body == plain.content


@pytest.mark.only("causeway")
@pytest.mark.parametrize("body", [
    b"<ClinicalDocument/>", b"no XML", b"<!DOCTYPE x [<!ENTITY e 'e'>]>" + CLINICAL.partition(b"?>")[2], CLINICAL[:200],
    b"<ClinicalDocument>" + b"<a>" * 200 + b"</a>" * 200 + b"</ClinicalDocument>",
], ids=["empty", "no XML", "entities", "cut", "deep"])
def test_a_document_that_no_text_can_be_made_of(web, subject, body):
    """PS3.18 §8.7.8.1: as it is, or 406 to who takes only text."""
    (item,) = stored(subject, document(EncapsulatedCDAStorage, body))
    assert web.get(path_of(item), PLAIN).status_code == 406
    answer = web.get(path_of(item), "*/*")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, XML)


# Reports.

def coded(code):
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def content(kind, code, relation="CONTAINS", **attributes):
    """A content item."""
    item = Dataset()
    item.ValueType, item.RelationshipType = kind, relation
    item.ConceptNameCodeSequence = [coded(code)]
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def report(*children, **attributes):
    """A report with these content items."""
    return data.instance(
        SOPClassUID=BasicTextSRStorage, **NO_PIXELS, Modality="SR", ValueType="CONTAINER", ContinuityOfContent="SEPARATE",
        ConceptNameCodeSequence=[coded(codes.DCM.ImagingMeasurementReport)], ContentSequence=Sequence(children),
        ContentDate="20240116", ContentTime="111500", CompletionFlag="COMPLETE", VerificationFlag="UNVERIFIED",
        **attributes,
    )


class Words(html.parser.HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags = "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "style")]

    def handle_data(self, data):
        self.text += data


def told(web, item, media):
    """A report as text."""
    answer = web.get(path_of(item), media)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["Content-Type"].lower().replace(" ", "") == f"{media};charset=utf-8"
    return answer.content.decode()


def expected(dataset):
    """Every word that the content items of a data set say."""
    for item in dataset.get("ContentSequence") or []:
        for code in ("ConceptNameCodeSequence", "ConceptCodeSequence"):
            if item.get(code):
                yield item[code][0].CodeMeaning
        for keyword in ("TextValue", "UID"):
            if item.get(keyword):
                yield str(item[keyword].value)
        for measured in item.get("MeasuredValueSequence") or []:
            yield str(measured.NumericValue)
        for reference in item.get("ReferencedSOPSequence") or []:
            yield reference.ReferencedSOPInstanceUID
        yield from expected(item)


REPORTS = [sample for sample in samples.good() if sample.sop_class.startswith("1.2.840.10008.5.1.4.1.1.88.")]


@pytest.mark.orthanc_fails(reason="renders no reports")
@pytest.mark.parametrize("sample", REPORTS, ids=lambda sample: sample.name)
def test_each_report_is_told_whole(web, sample):
    """PS3.18 Table 8.7.4-1: each sample, as HTML and as plain text: every name, value and reference, in its order."""
    assert web.stow(sample.bytes()).status_code in (200, 202)
    dataset = sample.dataset()
    page, plain = Words(told(web, dataset, HTML)).text, told(web, dataset, PLAIN)
    for text in (" ".join(page.split()), " ".join(plain.split())):
        for words in [*expected(dataset), *meanings(sample)]:
            assert " ".join(words.split()) in text, words


def meanings(sample):
    """The meaning of every code that DCMTK finds in the content items of a report; none where it reads it not at all."""
    found = subprocess.run(["dsr2xml", "-Ee", "-Er", "-Ec", "+Xu", str(sample.path)], capture_output=True, timeout=60)
    if found.returncode != 0:
        found = subprocess.run(["dsr2xml", str(sample.path)], capture_output=True, timeout=60)
    if found.returncode != 0:
        return []
    tree = xml.etree.ElementTree.fromstring(found.stdout)
    content = [part for part in tree.iter() if part.tag.endswith("content")]
    return [part.text for top in content[:1] for part in top.iter() if part.tag.endswith("meaning") and part.text]


@pytest.mark.orthanc_fails(reason="renders no reports")
def test_names_values_units_relations_and_nesting(web, subject):
    """PS3.3 §C.17.3: HTML by default, and plain text."""
    units = content("NUM", codes.SCT.Length, "HAS PROPERTIES")
    measured = Dataset()
    measured.NumericValue = "12.5"
    measured.MeasurementUnitsCodeSequence = [coded(codes.UCUM.Millimeter)]
    units.MeasuredValueSequence = [measured]
    finding = content("TEXT", codes.DCM.Finding, TextValue="Knötchen <b>links</b> & rechts")
    finding.ContentSequence = [units]
    person = content("PNAME", codes.DCM.PersonObserverName, "HAS OBS CONTEXT", PersonName="Ärztin^Änne")
    (item,) = stored(subject, report(person, finding, SpecificCharacterSet="ISO_IR 100"))
    for accept in (HTML, "*/*", "text/*"):
        page = Words(web.get(path_of(item), accept).content.decode())
        assert "Knötchen <b>links</b> & rechts" in page.text and "Ärztin Änne" in page.text
        assert "12.5 millimeter" in page.text.replace("mm", "millimeter")
        assert page.tags.count("ul") == 2 and "b" not in page.tags
    lines = told(web, item, PLAIN).splitlines()
    (outer,) = [line for line in lines if "Knötchen <b>links</b> & rechts" in line]
    (inner,) = [line for line in lines if "12.5" in line]
    assert inner.startswith("  ") and not outer.startswith(" ")
    assert "has properties" in inner and lines.index(inner) == lines.index(outer) + 1


@pytest.mark.orthanc_fails(reason="renders no reports")
def test_a_report_as_xml(web, subject):
    """PS3.18 Table 8.7.4-1: text/xml is required of a server: the Native DICOM Model (PS3.19 §A.1)."""
    (item,) = stored(subject, report(content("TEXT", codes.DCM.Finding, TextValue="<&>")))
    answer = web.get(path_of(item), XML)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, XML)
    tree = xml.etree.ElementTree.fromstring(answer.content)
    found = [value.text for value in tree.iter("Value")] or [value.text for value in tree.iter() if value.tag.endswith("Value")]
    assert "<&>" in found


@pytest.mark.only("causeway")
def test_hostile_reports(web, subject, still_there):
    """PS3.18 §8.5: markup is text; what nests deeper than anything is 406, or not kept at all."""
    script = "<script>alert(1)</script>"
    (item,) = stored(subject, report(content("TEXT", codes.DCM.Finding, TextValue=script), PatientComments=script))
    answer = web.get(path_of(item), HTML)
    assert "script" not in Words(answer.content.decode()).tags
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    for depth in (30, 60, 200):
        inner = content("TEXT", codes.DCM.Finding, TextValue="innermost")
        for _ in range(depth):
            outer = content("CONTAINER", codes.DCM.Finding)
            outer.ContentSequence = [inner]
            inner = outer
        item = report(inner)
        if store(subject, item) == [0x0000]:
            answer = web.get(path_of(item), PLAIN)
            assert answer.status_code in (200, 406)
            assert answer.status_code == 406 or "innermost" in answer.text
            assert depth > 60 or answer.status_code == 200


@pytest.mark.orthanc_fails(reason="renders no reports")
def test_a_report_in_parts_and_no_picture_of_one(web, subject):
    """PS3.18 §8.7.3.5.1, §8.7.8.1."""
    (item,) = stored(subject, report(content("TEXT", codes.DCM.Finding, TextValue="word")))
    (part,) = parts(web.get(path_of(item), PARTS(PLAIN)))
    assert part.headers["content-type"].startswith(PLAIN) and b"word" in part.body
    for path, accept in [(path_of(item), "image/jpeg"), (path_of(item, "thumbnail"), "*/*")]:
        assert web.get(path, accept).status_code == 406


# Videos.

STREAM = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 6000


@pytest.mark.orthanc_fails(reason="renders no videos")
@pytest.mark.parametrize("fragments", [1, 7])
@pytest.mark.parametrize(("syntax", "start", "accepts", "media"), [
    (MPEG4HP41, STREAM[:12], [MP4, "video/*", "*/*"], MP4),
    (HEVCMP51, STREAM[:12], [MP4, "*/*"], MP4),
    (HEVCMP51, bytes(12), ["video/H265", "*/*"], "video/h265"),
    (MPEG2MPML, b"\0\0\x01\xba" + bytes(8), ["video/mpeg", "*/*"], "video/mpeg"),
    (MPEG4HP41, b"\x47" + bytes(11), ["video/mp2t", "*/*"], "video/mp2t"),
])
def test_a_video_is_given_as_it_is(web, subject, syntax, start, accepts, media, fragments):
    """PS3.18 Table 8.7.4-1: the stream, put together from its fragments."""
    stream = start + STREAM[12:]
    item = video(stream, syntax, fragments)
    assert web.stow(data.file_of(item)).status_code == 200
    for accept in accepts:
        answer = web.get(path_of(item), accept)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, media), accept
        assert answer.content == stream


@pytest.mark.orthanc_fails(reason="renders no videos")
@pytest.mark.parametrize("fragments", [1, 7])
def test_ranges_of_a_video(web, fragments):
    """RFC 9110 §14: what a player asks for to jump: within a fragment, over the edges of several, up to the end."""
    item = video(STREAM, MPEG4HP41, fragments)
    assert web.stow(data.file_of(item)).status_code == 200
    tag = web.get(path_of(item), MP4).headers["ETag"]
    whole = len(STREAM)
    for first, last in [(0, 0), (0, 1), (100, 4096), (whole // 7 - 3, whole // 7 * 3 + 5), (whole - 1, whole - 1), (0, whole - 1)]:
        headers = {"Accept": MP4, "Range": f"bytes={first}-{last}", "If-Range": tag}
        answer = requests.get(web.root + path_of(item), headers=headers, timeout=20)
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{whole}"
        assert answer.content == STREAM[first:last + 1]
    answer = requests.get(web.root + path_of(item), headers={"Accept": MP4, "Range": f"bytes={whole}-"}, timeout=20)
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{whole}")


@pytest.mark.orthanc_fails(reason="answers 400")
def test_no_picture_is_made_of_a_video(web):
    """PS3.18 §8.7.8.1: 406, in words."""
    item = video(STREAM, MPEG4HP41)
    assert web.stow(data.file_of(item)).status_code == 200
    for path, accept in [
        (path_of(item), "image/jpeg"), (path_of(item), "image/gif"), (path_of(item, "thumbnail"), "*/*"),
        (path_of(item, "frames/1/rendered"), "image/png"),
    ]:
        answer = web.get(path, accept)
        assert answer.status_code == 406, path
        assert answer.json()["detail"]

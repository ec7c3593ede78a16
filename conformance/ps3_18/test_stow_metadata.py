"""PS3.18 §10.5.1.4 and §8.6.1.2: instances stored as metadata with bulk data, in JSON and in XML."""

import base64
import copy
import json
import re
import subprocess
import uuid
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

import data
import described
import native
import samples
from clients import ACCEPT_STORED, parts, value
from clients import FAILED_SOP_SEQUENCE as FAILED
from clients import REFERENCED_SOP_SEQUENCE as REFERENCED
from described import JSON, OCTETS, XML, Part, frames_of, json_of, json_part, store, told

OTHER_FAILURES = "0008119A"

pytestmark = pytest.mark.orthanc_fails(reason="takes files only")


def items_of(answer, tag):
    """The items of a sequence of the response."""
    return answer.json().get(tag, {}).get("Value", [])


def reasons(answer, tag=FAILED):
    """The Failure Reasons of a sequence of the response."""
    return [int(value(item, "00081197")) for item in items_of(answer, tag)]


def words(answer):
    """What the Warning headers say."""
    return answer.headers.get("Warning", "")


def kept(web, item):
    """The file that is stored of an instance, as pydicom reads it."""
    from io import BytesIO
    return dcmread(BytesIO(web.file(item)), force=False)


def assert_same(web, item):
    """What is stored is what was told: each value, and the pixel data."""
    found = kept(web, item)
    assert told(found) == told(item)
    syntax = item.file_meta.TransferSyntaxUID
    if syntax in described.MEDIA_TYPES and "PixelData" in item:
        assert found.file_meta.TransferSyntaxUID == syntax
        assert [frame.rstrip(b"\0") for frame in frames_of(found)] == [frame.rstrip(b"\0") for frame in frames_of(item)]
    else:
        assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert found.get("PixelData", b"") == item.get("PixelData", b"")


def xml_parts(item, location="bulk/1"):
    """An instance as DCMTK tells it, its pixel data beside it."""
    document = described.with_bulk_pixels(described.xml_of(data.file_of(item)), location)
    return [Part(XML, document), Part(OCTETS, item.PixelData, location)]


def json_parts(item, prefix="bulk"):
    """An instance as pydicom tells it, with its bulk data."""
    metadata, bulk = json_of(item, prefix)
    return [json_part(metadata), *bulk]


FORMS = pytest.mark.parametrize(("form", "made"), [(JSON, json_parts), (XML, xml_parts)], ids=["json", "xml"])


@FORMS
def test_an_instance_is_stored(web, form, made):
    """PS3.18 §10.5.3.1: 200, and the instance has every value that was told."""
    item = data.instance()
    answer = store(web, form, made(item))
    assert answer.status_code == 200, answer.text
    assert [value(one, "00081155") for one in items_of(answer, REFERENCED)] == [item.SOPInstanceUID]
    assert_same(web, item)


@FORMS
def test_names_text_and_private_attributes(web, form, made):
    """PS3.18 §F.2, PS3.19 §A.1: names in three scripts, empty values, line ends, private blocks, nested items."""
    item = data.instance(PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", SpecificCharacterSet="ISO_IR 192")
    item.OtherPatientIDs = ["A", "", "B"]
    item.PatientComments = "two\nlines, <b> & \"c\""
    item.PatientBirthName = "Ō^J^^Dr"
    block = item.private_block(0x0029, "ACME Co", create=True)
    block.add_new(0x01, "DS", ["1.5", "-2"])
    block.add_new(0x10, "LO", "sixteen")
    block.add_new(0x02, "OB", b"\1\2")
    item.private_block(0x0029, "OTHER", create=True).add_new(0x01, "UT", "é")
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "1.2.3"
    inner.private_block(0x0029, "INNER", create=True).add_new(0x01, "US", 7)
    outer = Dataset()
    outer.ReferencedImageSequence = [inner, Dataset()]
    item.ReferencedSeriesSequence = [outer]
    item.SliceThickness = "0.12345678901234"
    item.FrameIncrementPointer = 0x00181063
    item.RealWorldValueSlope = 0.1
    assert store(web, form, made(item)).status_code == 200
    assert_same(web, item)


#: The samples are parted so that each test ends in time on a busy machine.
PARTS = 6


def small(door):
    """Every sample that pydicom and DCMTK tell in a moment."""
    return [sample for sample in samples.good(door) if sample.path.stat().st_size < 600_000]


def differing(expected, found):
    """The attributes that are not the same in both."""
    return sorted(tag for tag in expected.keys() | found.keys() if expected.get(tag) != found.get(tag))


@pytest.mark.only("causeway")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_sample_as_json_by_pydicom(web, part):
    """PS3.18 Annex F: what pydicom tells of each sample, its values beside it, is stored as the sample was."""
    failures, done = {}, 0
    for sample in small("stow-json")[part::PARTS]:
        item = sample.dataset()
        try:
            metadata, bulk = json_of(item, f"bulk/{sample.sop_instance}")
            expected = told(item)
        except Exception:  # noqa: BLE001 - pydicom has no JSON of it
            continue
        answer = store(web, JSON, [json_part(metadata), *bulk])
        if answer.status_code != 200:
            failures[sample.name] = f"{answer.status_code} {words(answer)}"
            continue
        found = kept(web, item)
        if wrong := differing(expected, told(found)) or wrong_pixels(found, item):
            failures[sample.name] = wrong
        done += 1
    assert not failures
    assert done > 200 / PARTS / 2


def codestream(frame):
    """A frame without the file that one of the samples has around it (PS3.5 §A.4.4)."""
    return frame[frame.index(b"\xff\x4f\xff\x51"):] if frame.startswith(b"\0\0\0\x0cjP  ") else frame


def wrong_pixels(found, item):
    """What is wrong with the pixel data; nothing when they are the same, in the form that they came in."""
    if "PixelData" not in item:
        return None
    syntax = item.file_meta.TransferSyntaxUID
    if syntax in described.MEDIA_TYPES:
        if found.file_meta.TransferSyntaxUID != syntax:
            return f"{found.file_meta.TransferSyntaxUID} for {syntax}"
        came, kept_frames = [codestream(frame) for frame in frames_of(item)], frames_of(found)
        is_same = [frame.rstrip(b"\0") for frame in kept_frames] == [frame.rstrip(b"\0") for frame in came]
        return None if is_same else "the frames differ"
    if syntax.is_encapsulated:
        return None
    return None if found.PixelData == item.PixelData + b"\0" * (len(item.PixelData) % 2) else "the pixel data differ"


@pytest.mark.only("causeway")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_sample_as_xml_by_dcmtk(web, part):
    """PS3.19 §A.1: what DCMTK tells of each sample, its pixel data beside it, is stored as the sample was."""
    failures, done = {}, 0
    for sample in small("stow-xml")[part::PARTS]:
        item, location = sample.dataset(), f"bulk/{sample.sop_instance}"
        try:
            document = described.with_bulk_pixels(described.xml_of(sample.bytes()), location)
            expected = described.comparable(native.document(document))
        except (subprocess.SubprocessError, UnicodeDecodeError, SyntaxError, AssertionError, KeyError):
            continue  # DCMTK has no XML of it, or none that is well-formed
        syntax = item.file_meta.TransferSyntaxUID
        bulk = []
        if syntax in described.MEDIA_TYPES and "PixelData" in item:
            media = f"{described.MEDIA_TYPES[syntax]}; transfer-syntax={syntax}"
            bulk = [Part(media, frame, location) for frame in frames_of(item)]
        elif "PixelData" in item:
            if syntax.is_encapsulated or syntax == "1.2.840.10008.1.2.2":
                continue
            bulk = [Part(OCTETS, item.PixelData, location)]
        answer = store(web, XML, [Part(XML, document), *bulk])
        if answer.status_code != 200:
            failures[sample.name] = f"{answer.status_code} {words(answer)}"
            continue
        found = kept(web, item)
        # What is stored, told by DCMTK again, is the same document but for what names the pixel data.
        again = described.comparable(native.document(described.xml_of(web.file(item))))
        aside = ("7FE00010", "00080005")
        if wrong := [tag for tag in differing(expected, again) if tag not in aside] or wrong_pixels(found, item):
            failures[sample.name] = wrong
        done += 1
    assert not failures
    assert done > 200 / PARTS / 2


def test_xml_in_latin_1_with_bulk_data_by_uuid(web):
    """PS3.19 §A.1.5: DCMTK's own form: the encoding that the declaration names, bulk data by UUID."""
    item = data.instance(PatientName="Ö^Ä", SpecificCharacterSet="ISO_IR 100")
    document = described.xml_of(data.file_of(item), "+Eu")
    assert b'encoding="ISO-8859-1"' in document
    name = re.search(rb'BulkData uuid="([^"]+)"', document)[1].decode()
    assert store(web, XML, [Part(XML, document), Part(OCTETS, item.PixelData, name)]).status_code == 200
    assert_same(web, item)


def test_what_is_retrieved_is_stored_again(web):
    """PS3.18 §10.4, §10.5: metadata and pixel data of this server's own answers make the instance again."""
    item = data.instance()
    item.private_block(0x0029, "ACME", create=True).add_new(1, "LO", "x")
    assert web.stow(data.file_of(item)).status_code == 200
    path = f"/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}/instances/{item.SOPInstanceUID}/metadata"
    old, new = item.SOPInstanceUID, data.uid()
    (metadata,) = web.get(path).json()
    metadata["00080018"]["Value"] = [new]
    location = metadata["7FE00010"]["BulkDataURI"]
    assert store(web, JSON, [json_part(metadata), Part(OCTETS, item.PixelData, location)]).status_code == 200
    copied = copy.deepcopy(item)
    copied.SOPInstanceUID = new
    assert_same(web, copied)
    (part,) = parts(web.get(path, 'multipart/related; type="application/dicom+xml"'))
    copied.SOPInstanceUID = data.uid()
    document = part.body.replace(old.encode(), copied.SOPInstanceUID.encode())
    location = re.search(rb'tag="7FE00010".*?BulkData uri="([^"]+)"', document)[1].decode()
    assert store(web, XML, [Part(XML, document), Part(OCTETS, item.PixelData, location)]).status_code == 200
    assert_same(web, copied)


@pytest.mark.only("causeway")
def test_json_by_dcmjs(web):
    """PS3.18 Annex F: DICOM JSON of another make, which tells every value in its own way."""
    script = """
        const dcmjs = require("dcmjs"), fs = require("fs");
        dcmjs.log.setLevel("silent");
        const file = fs.readFileSync(process.argv[1]);
        const read = dcmjs.data.DicomMessage.readFile(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
        const pixels = read.dict["7FE00010"];
        delete read.dict["7FE00010"];
        for (const tag in read.dict) delete read.dict[tag]._rawValue;
        read.dict["7FE00010"] = { vr: "OW", BulkDataURI: "bulk/1" };
        process.stdout.write(JSON.stringify([read.dict]));
    """
    modules = Path(__file__).resolve().parents[2] / "target" / "dcmjs"
    if not (modules / "node_modules" / "dcmjs").is_dir():
        pytest.skip("dcmjs is not installed")
    item = data.instance(SliceThickness="1.50")
    item.ReferencedImageSequence = [Dataset()]
    item.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"
    path = modules / f"{uuid.uuid4()}.dcm"
    path.write_bytes(data.file_of(item))
    try:
        made = subprocess.run(["node", "-e", script, str(path)], cwd=modules, capture_output=True, timeout=60, check=True)
    finally:
        path.unlink()
    answer = store(web, JSON, [Part(JSON, made.stdout), Part(OCTETS, item.PixelData, "bulk/1")])
    assert answer.status_code == 200, words(answer)
    assert_same(web, item)


@pytest.mark.parametrize("order", ["as told", "turned round"])
def test_several_instances_and_their_bulk_data_in_any_order(web, order):
    """PS3.18 §8.6.1.2: bulk data follow the metadata that name them; among themselves they have no order."""
    items = data.study(2, 3)
    told_of = [json_of(item, f"bulk/{number}") for number, item in enumerate(items)]
    bulk = [part for _, of_one in told_of for part in of_one]
    if order == "turned round":
        bulk.reverse()
    answer = store(web, JSON, [json_part(*(metadata for metadata, _ in told_of)), *bulk])
    assert answer.status_code == 200, answer.text
    for item in items:
        assert_same(web, item)


def test_several_documents(web):
    """PS3.18 §10.5.1.4: XML has a part for each instance."""
    items = data.study(1, 3)
    pairs = [xml_parts(item, f"bulk/{number}") for number, item in enumerate(items)]
    answer = store(web, XML, [*(pair[0] for pair in pairs), *(pair[1] for pair in pairs)])
    assert answer.status_code == 200, answer.text
    for item in items:
        assert_same(web, item)


@pytest.mark.parametrize("located", ["relative", "absolute", "a path", "a urn"])
def test_bulk_data_are_named_relative_or_absolute(web, located):
    """PS3.18 §8.6.1.2: the Content-Location of bulk data is their BulkDataURI, the same place however it is written."""
    item, name = data.instance(), data.uid()
    path = web.root[web.root.index("/", 8):]
    there = {
        "relative": f"bulk/{name}", "absolute": f"{web.root}/bulk/{name}", "a path": f"{path}/bulk/{name}",
        "a urn": f"urn:oid:{name}",
    }[located]
    here = there if located == "a urn" else f"bulk/{name}"
    metadata, (part,) = json_of(item, "x")
    metadata["7FE00010"]["BulkDataURI"] = here
    part.location = there
    assert store(web, JSON, [json_part(metadata), part]).status_code == 200
    assert_same(web, item)


def jpeg_2000(frames=1):
    """An instance of compressed frames: what they hold is of no interest to the store."""
    from pydicom.encaps import encapsulate
    item = data.instance(transfer_syntax=JPEG2000Lossless)
    coded = [b"\xff\x4f\xff\x52" + bytes(range(10)) + bytes([1, number]) * 20 for number in range(frames)]
    item.PixelData = encapsulate(coded)
    item["PixelData"].VR = "OB"
    item["PixelData"].is_undefined_length = True
    if frames > 1:
        item.NumberOfFrames = frames
    return item


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("media", [
    "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90", "image/jp2",
    "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.90",
])
def test_compressed_frames_are_encapsulated(web, frames, media):
    """PS3.18 §10.5.1.4, §10.5.2: a part for each frame becomes a fragment, in the transfer syntax of the media type."""
    item = jpeg_2000(frames)
    metadata, bulk = json_of(item, "bulk")
    for part in bulk:
        part.media = media
    if media == "image/jp2":
        metadata["00083002"] = {"vr": "UI", "Value": [JPEG2000Lossless]}
    answer = store(web, JSON, [json_part(metadata), *bulk])
    assert answer.status_code == 200, words(answer)
    assert_same(web, item)
    assert kept(web, item).get("AvailableTransferSyntaxUID") is None


def test_a_jpeg_says_itself_what_it_is(web):
    """PS3.18 §10.5.2: without a transfer syntax the stream shows which one it is in."""
    (sample, *_) = [one for one in samples.good("stow-jpeg") if one.transfer_syntax == "1.2.840.10008.1.2.4.50"]
    item = sample.dataset()
    metadata, bulk = json_of(item, "bulk", more_than=1 << 20)
    metadata["7FE00010"] = {"vr": "OB", "BulkDataURI": "pixels"}
    bulk = [Part("image/jpeg", frame, "pixels") for frame in frames_of(item)]
    assert store(web, JSON, [json_part(metadata), *bulk]).status_code == 200
    assert kept(web, item).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"


def test_a_video_is_one_part(web):
    """PS3.18 §10.5.1.4: a video is one part, whatever the number of its frames."""
    item = data.instance(NumberOfFrames=50)
    metadata, (part,) = json_of(item, "bulk")
    metadata["7FE00010"]["vr"] = "OB"
    part.media, part.body = "video/mp4", b"\0\0\0\x18ftypmp42" * 101
    assert store(web, JSON, [json_part(metadata), part]).status_code == 200
    found = kept(web, item)
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.102"
    from pydicom.encaps import generate_fragments
    assert b"".join(list(generate_fragments(found.PixelData))[1:]) == part.body


def test_an_encapsulated_document(web):
    """PS3.18 §10.5.1.4: a document comes as the media type that it has."""
    item = data.instance(PixelData=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")
    item.MIMETypeOfEncapsulatedDocument = "application/pdf"
    item.EncapsulatedDocument = b"%PDF-1.4 " * 99
    metadata, bulk = json_of(item, "bulk")
    (document,) = [part for part in bulk if part.body.startswith(b"%PDF")]
    document.media = "application/pdf"
    assert store(web, JSON, [json_part(metadata), *bulk]).status_code == 200
    assert kept(web, item).EncapsulatedDocument[:len(document.body)] == document.body


def test_bytes_within_the_metadata(web):
    """PS3.18 §F.2.7: InlineBinary is the whole value field, also of numbers."""
    item = data.instance()
    metadata = item.to_json_dict()
    assert base64.b64decode(metadata["7FE00010"]["InlineBinary"]) == item.PixelData
    metadata["00280010"] = {"vr": "US", "InlineBinary": base64.b64encode(b"\x10\0").decode()}
    assert store(web, JSON, [json_part(metadata)]).status_code == 200
    assert_same(web, item)


# What is refused, and how.

@FORMS
def test_a_bulk_data_part_that_is_missing(web, form, made):
    """PS3.18 table 10.5.3-1 and I.2-2: 409, Cannot understand; the words name what is missing."""
    item = data.instance()
    answer = store(web, form, made(item)[:1])
    assert answer.status_code == 409
    (failed,) = items_of(answer, FAILED)
    assert value(failed, "00081155") == item.SOPInstanceUID
    assert value(failed, "00081150") == item.SOPClassUID
    assert reasons(answer) == [0xC000]
    assert "bulk" in words(answer)
    assert not web.has(item)


def test_one_instance_lacks_its_bulk_data(web):
    """PS3.18 table 10.5.3-1: 202; the other one is stored."""
    good, bad = data.study(1, 2)
    told_of = [json_of(item, item.SOPInstanceUID) for item in (good, bad)]
    answer = store(web, JSON, [json_part(*(one[0] for one in told_of)), *told_of[0][1]])
    assert answer.status_code == 202
    assert [value(one, "00081155") for one in items_of(answer, REFERENCED)] == [good.SOPInstanceUID]
    assert [value(one, "00081155") for one in items_of(answer, FAILED)] == [bad.SOPInstanceUID]
    assert_same(web, good)


def test_too_few_frames(web):
    """PS3.18 §10.5.1.4: compressed frames are as many as Number of Frames says."""
    item = jpeg_2000(3)
    metadata, bulk = json_of(item, "bulk")
    answer = store(web, JSON, [json_part(metadata), *bulk[:2]])
    assert answer.status_code == 409 and reasons(answer) == [0xC000]
    assert not web.has(item)


def test_a_part_that_no_metadata_name(web):
    """PS3.18 §8.6.1.2: bulk data that come before their metadata, or without any, are told as a failure."""
    item = data.instance()
    answer = store(web, JSON, [*json_parts(item), Part(OCTETS, b"xx", "nowhere")])
    assert answer.status_code == 202
    assert reasons(answer, OTHER_FAILURES) == [0xC000]
    assert_same(web, item)
    early = data.instance()
    metadata, bulk = json_of(early, "bulk")
    answer = store(web, JSON, [json_part(), *bulk, json_part(metadata)])
    assert answer.status_code == 409
    assert not web.has(early)


@FORMS
@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
def test_identifiers_that_are_missing(web, form, made, missing):
    """PS3.18 table I.2-2: without its identifiers it is no instance: A900."""
    item = data.instance()
    parts_of = made(item)
    if form == JSON:
        metadata = json.loads(parts_of[0].body)
        del metadata[0][f"{item[missing].tag:08X}"]
        parts_of[0] = json_part(*metadata)
    else:
        tag = f"{item[missing].tag:08X}".encode()
        parts_of[0].body = re.sub(rb'<DicomAttribute tag="' + tag + rb'".*?</DicomAttribute>', b"", parts_of[0].body, flags=re.S)
    answer = store(web, form, parts_of)
    assert answer.status_code == 409, answer.text
    assert reasons(answer) + reasons(answer, OTHER_FAILURES) == [0xA900]
    assert f"{item[missing].tag.group:04X},{item[missing].tag.element:04X}" in words(answer)


@FORMS
def test_into_another_study(web, form, made):
    """PS3.18 §10.5.1: the study of the URL and of the metadata are the same."""
    item = data.instance()
    answer = store(web, form, made(item), study=data.uid())
    assert answer.status_code == 409 and reasons(answer) == [0xA900]
    assert not web.has(item)
    assert store(web, form, made(item), study=item.StudyInstanceUID).status_code == 200


@FORMS
def test_the_same_again_and_other_values_under_the_same_uid(web, form, made):
    """PS3.18 table 10.5.3-1: the same is stored already; other content is a conflict, and the first one stays."""
    item = data.instance()
    assert store(web, form, made(item)).status_code == 200
    assert store(web, form, made(item)).status_code == 200
    other = copy.deepcopy(item)
    other.PatientName = "Other^Person"
    answer = store(web, form, made(other))
    assert answer.status_code == 409 and reasons(answer) == [0x0111]
    assert_same(web, item)


BAD_ATTRIBUTES = {
    "out of range": {"00280010": {"vr": "US", "Value": [65536]}},
    "negative": {"00280010": {"vr": "US", "Value": [-1]}},
    "no number": {"00280010": {"vr": "US", "Value": ["x"]}},
    "no vr": {"00280010": {"vr": "ZZ", "Value": [1]}},
    "private without a vr": {"00291001": {"Value": [1]}},
    "no base64": {"00420011": {"vr": "OB", "InlineBinary": "!!!"}},
    "two values": {"00420011": {"vr": "OB", "InlineBinary": "AAA=", "BulkDataURI": "x"}},
    "a backslash": {"00100020": {"vr": "LO", "Value": ["a\\b"]}},
    "items that are none": {"00081140": {"vr": "SQ", "Value": [7]}},
    "a name that is a number": {"00100010": {"vr": "PN", "Value": [{"Alphabetic": 7}]}},
    "no tag": {"PatientID": {"vr": "LO", "Value": ["x"]}},
    "a delimiter": {"FFFEE00D": {"vr": "UN"}},
    "an integer too large": {"00200013": {"vr": "IS", "Value": [2147483648]}},
    "a float too large": {"00189087": {"vr": "FD", "Value": ["1e999"]}},
}


@pytest.mark.parametrize("bad", BAD_ATTRIBUTES.values(), ids=BAD_ATTRIBUTES)
def test_values_that_are_none(web, bad):
    """PS3.18 table I.2-2: an instance that cannot be understood fails by itself; the one beside it is stored."""
    good, broken = data.study(1, 2)
    (of_good, bulk), of_broken = json_of(good, "bulk"), broken.to_json_dict()
    answer = store(web, JSON, [json_part({**of_broken, **bad}, of_good), *bulk])
    assert answer.status_code == 202, answer.text
    assert [value(one, "00081155") for one in items_of(answer, REFERENCED)] == [good.SOPInstanceUID]
    assert reasons(answer) + reasons(answer, OTHER_FAILURES) == [0xC000]
    assert not web.has(broken)


def test_attributes_in_any_order_but_once(web):
    """PS3.18 §F.2.2: JSON has no order; the data set that is stored has (PS3.5 §7.1)."""
    item = data.instance()
    metadata, bulk = json_of(item, "bulk")
    turned = {tag: dict(reversed(metadata[tag].items())) for tag in reversed(metadata)}
    assert store(web, JSON, [json_part(turned), *bulk]).status_code == 200
    assert_same(web, item)
    tags = [element.tag for element in kept(web, item)]
    assert tags == sorted(tags)
    twice = b"[" + json.dumps(metadata).encode()[:-1] + b',"00100020":{"vr":"LO"}}]'
    answer = store(web, JSON, [Part(JSON, twice), *bulk])
    assert answer.status_code == 409 and 0xC000 in reasons(answer)


def test_the_header_of_a_file_is_no_part_of_the_metadata(web):
    """PS3.18 §10.5.1.4: group 0002 is the server's to write."""
    item = data.instance()
    metadata, bulk = json_of(item, "bulk")
    metadata["00020010"] = {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.50"]}
    metadata["00020003"] = {"vr": "UI", "Value": ["1.2.3"]}
    assert store(web, JSON, [json_part(metadata), *bulk]).status_code == 200
    found = kept(web, item)
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert found.file_meta.MediaStorageSOPInstanceUID == item.SOPInstanceUID


@pytest.mark.parametrize(("media", "said"), [
    ("image/webp", "image/webp"), ("text/plain", "text/plain"),
    ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.90"),
    ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.2", "1.2.840.10008.1.2.2"),
])
def test_pixel_data_of_a_form_that_is_not_taken(web, media, said):
    """PS3.18 table I.2-2: C122, Referenced Transfer Syntax not supported."""
    item = data.instance()
    metadata, (part,) = json_of(item, "bulk")
    part.media = media
    answer = store(web, JSON, [json_part(metadata), part])
    assert answer.status_code == 409 and reasons(answer) == [0xC122]
    assert said in words(answer)


def test_parts_that_are_neither_metadata_nor_named(web):
    """PS3.18 §8.6.1.2: a part says what it is by its Content-Location."""
    item = data.instance()
    answer = store(web, JSON, [*json_parts(item), Part("application/dicom", data.file_of(item))])
    assert answer.status_code == 202 and reasons(answer, OTHER_FAILURES) == [0xC000]
    item = data.instance()
    metadata, (part,) = json_of(item, "bulk")
    part.headers["Content-Transfer-Encoding"] = "base64"
    assert store(web, JSON, [json_part(metadata), part]).status_code == 409


@pytest.mark.parametrize(("form", "body"), [
    (JSON, b""), (JSON, b"[{"), (JSON, b"nonsense"), (JSON, b"[{\"00100020\":{\"vr\":\"LO\"},}]"), (JSON, b"\xff\xfe"),
    (JSON, b"7"), (JSON, b"[" * 1_000_000),
    (XML, b""), (XML, b"<NativeDicomModel>"), (XML, b"nonsense"), (XML, b"<NativeDicomModel></x>"),
], ids=range(11))
def test_metadata_that_are_not_in_their_grammar(web, form, body):
    """PS3.18 table 10.5.3-1: 400, bad syntax."""
    answer = store(web, form, [Part(form, body)])
    assert answer.status_code == 400, answer.text


def test_no_metadata_at_all(web):
    """PS3.18 §10.5.1.4: the payload holds one representation or more."""
    assert store(web, JSON, [json_part()]).status_code == 400
    assert store(web, JSON, []).status_code == 400
    assert store(web, JSON, [Part(OCTETS, b"x", "bulk")]).status_code in (400, 409)


def test_statuses_of_the_request_itself(web):
    """PS3.18 §8.5, table 10.5.3-1: 406 for an answer that is not to be had, 400 without a boundary, 415."""
    body, content_type = described.multipart(JSON, json_parts(data.instance()))
    assert web.post("/studies", body, content_type, accept="image/jpeg").status_code == 406
    assert web.post("/studies", body, f'multipart/related; type="{JSON}"').status_code == 400
    assert web.post("/studies", body, content_type.replace("related", "mixed")).status_code == 415
    assert web.post("/studies", body, JSON).status_code == 415


def test_the_answer_in_xml(web):
    """PS3.18 §10.5.4: the answer is in the form that was asked for, whatever came."""
    body, content_type = described.multipart(JSON, json_parts(data.instance()))
    answer = web.post("/studies", body, content_type, accept='multipart/related; type="application/dicom+xml"')
    assert answer.status_code == 200
    (part,) = parts(answer)
    assert native.document(part.body)[REFERENCED]["Value"]


# Hostile metadata.

BOMBS = {
    "billion laughs": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in range(ord("b"), ord("k")))
    + b']><NativeDicomModel><DicomAttribute tag="00100020" vr="LO"><Value number="1">&j;</Value></DicomAttribute>'
    b"</NativeDicomModel>",
    "a file": b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><NativeDicomModel><DicomAttribute tag="00100020"'
    b' vr="LO"><Value number="1">&f;</Value></DicomAttribute></NativeDicomModel>',
    "another host": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><NativeDicomModel/>',
    "an entity of nobody": b'<NativeDicomModel><DicomAttribute tag="00100020" vr="LO"><Value number="1">&f;</Value>'
    b"</DicomAttribute></NativeDicomModel>",
    "parameter entities": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><NativeDicomModel/>',
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_entities_are_not_unfolded(web, bomb):
    """XML 1.0 §4.4: no entity beyond the five is read, none is fetched."""
    answer = store(web, XML, [Part(XML, bomb)])
    assert answer.status_code == 400
    assert "root:" not in answer.text + words(answer)


def test_sequences_without_end(web):
    """PS3.5 §7.5: nesting is held to a bound, in either form."""
    item = data.instance()
    metadata, bulk = json_of(item, "bulk")
    deep = b'"00081140":{"vr":"SQ","Value":[{' * 10_000 + b"}]}" * 10_000
    body = b"[" + json.dumps(metadata).encode()[:-1] + b"," + deep + b"}]"
    answer = store(web, JSON, [Part(JSON, body), *bulk])
    assert answer.status_code == 409 and 0xC000 in reasons(answer)
    document, pixels = xml_parts(item)
    nest = b'<DicomAttribute tag="00081140" vr="SQ"><Item number="1">' * 10_000
    end = b"</Item></DicomAttribute>" * 10_000
    document.body = document.body.replace(b"</NativeDicomModel>", nest + end + b"</NativeDicomModel>")
    answer = store(web, XML, [document, pixels])
    assert answer.status_code == 409 and 0xC000 in reasons(answer)
    assert not web.has(item)


@pytest.mark.only("causeway")
@FORMS
def test_metadata_without_end_are_413(web, form, made):
    """PS3.18 §8.5: 413 above 64 MiB."""
    item = data.instance()
    parts_of = made(item)
    parts_of[0].body += b" " * (64 * 1024 * 1024 + 1 - len(parts_of[0].body))
    assert store(web, form, parts_of).status_code == 413
    assert not web.has(item)
    parts_of[0].body = parts_of[0].body[:-1]
    assert store(web, form, parts_of).status_code == 200
    assert_same(web, item)


@pytest.mark.only("causeway")
def test_more_instances_than_are_taken_are_413(web):
    """PS3.18 §8.5: 413 above 100,000 instances, told before any is read."""
    body = b"[" + b",".join([b"{}"] * 100_001) + b"]"
    assert store(web, JSON, [Part(JSON, body)]).status_code == 413


def test_capabilities_tell_what_is_taken(web):
    """PS3.18 §8.9: the media types of the store transaction."""
    answer = web._session.options(web.root + "/", headers={"Accept": "application/vnd.sun.wadl+xml"}, timeout=20)
    for media in ("application/dicom+json", "application/dicom+xml", "application/zip"):
        assert media in answer.text

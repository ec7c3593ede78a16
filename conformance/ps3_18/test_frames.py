"""PS3.18 §10.4.1.1.6, §8.7.3.3: frames by themselves: coded as they are stored, or as samples."""

import io
import re
from pathlib import Path

import numpy
import pytest
import requests
from pydicom import dcmread
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import (
    UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian,
    JPEG2000Lossless, JPEGBaseline8Bit, MPEG4HP41F, RLELossless,
)

import data
import samples
from clients import ACCEPT_EXPLICIT, parts, path_of, stored
from pixels import assert_same, decoded, has_pixels, same_image

OCTETS = 'multipart/related; type="application/octet-stream"'
STORED = f"{OCTETS}; transfer-syntax=*"

#: PS3.18 Table 8.7.3-5.
MEDIA_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg", "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg", "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.80": "image/jls", "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2", "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx", "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.201": "image/jphc", "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.4.110": "image/jxl", "1.2.840.10008.1.2.4.111": "image/jxl",
    "1.2.840.10008.1.2.4.112": "image/jxl",
}

# More say nothing that these do not.
FRAMES_MAX = 60

# Files whose frames have no decoder here, nor in pydicom.
NOT_DECODED = {
    "CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm",
    "CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
}


# Native ones that Orthanc answers 400 for: chrominance is halved, or frames begin within an octet.
ORTHANC_REFUSES = {
    "SC_ybr_full_422_uncompressed.dcm", "US-YBR_FULL_422-EVRLE.dcm", "2-label.seg", "seg_image_sm_control.dcm",
    "seg_image_sm_dots.dcm", "seg_image_sm_dots_tiled_full.dcm", "seg_image_sm_numbers.dcm",
}


def images(is_wanted):
    """The samples with pixels, of the transfer syntaxes that are wanted."""
    refused = [pytest.mark.orthanc_fails(reason="answers 400: bad file format")]
    for sample in samples.good("FRAMES"):
        if is_wanted(UID(sample.transfer_syntax)) and has_pixels(sample):
            marks = refused if Path(sample.name).name in ORTHANC_REFUSES else []
            yield pytest.param(sample, id=sample.name, marks=marks)


def coded(syntax):
    """Whether pixels in it are in fragments."""
    return syntax.is_encapsulated


def numbers_of(dataset):
    """All frames of an image, or some of many."""
    count = int(dataset.get("NumberOfFrames") or 1)
    if count <= FRAMES_MAX:
        return list(range(1, count + 1))
    return sorted({1, 2, count // 2, count - 1, count})


def listed(numbers):
    """Numbers as a path has them."""
    return ",".join(map(str, numbers))


@pytest.mark.only("causeway")
@pytest.mark.parametrize("sample", images(coded))
def test_coded_frames_are_those_of_pydicom(kept, sample):
    """PS3.18 §8.7.3.3.2, PS3.5 §A.4: the octets of each frame without what delimits fragments."""
    dataset = sample.dataset()
    numbers = numbers_of(dataset)
    table = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    expected = list(generate_frames(
        dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1),
        extended_offsets=table if all(table) else None,
    ))
    media = MEDIA_TYPES.get(sample.transfer_syntax)
    accepts = [STORED, f"{OCTETS}; transfer-syntax={sample.transfer_syntax}"]
    if media:
        accepts += [f'multipart/related; type="{media}"; transfer-syntax={wish}' for wish in ("*", sample.transfer_syntax)]
    for accept in accepts:
        answer = kept.web.get(f"{kept(sample)}/frames/{listed(numbers)}", accept)
        assert answer.status_code == 200, answer.text[:300]
        found = parts(answer)
        assert [part.body for part in found] == [expected[number - 1] for number in numbers]
        for number, part in zip(numbers, found, strict=True):
            kind, _, parameter = part.headers["content-type"].partition(";")
            assert kind in ("application/octet-stream", media)
            assert parameter.strip() == f"transfer-syntax={sample.transfer_syntax}"
            assert part.headers["content-location"].endswith(f"{path_of(sample)}/frames/{number}")
            assert int(part.headers["content-length"]) == len(part.body)


@pytest.mark.orthanc_fails(reason="answers 400")
@pytest.mark.parametrize("sample", images(lambda syntax: syntax in MEDIA_TYPES))
def test_one_coded_frame_by_itself(kept, sample):
    """PS3.18 Table 10.4.4-1, note 3: the media type of Table 8.7.3-5 alone."""
    media = MEDIA_TYPES[sample.transfer_syntax]
    answer = kept.web.get(f"{kept(sample)}/frames/1", f"{media}; transfer-syntax=*")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{media}; transfer-syntax={sample.transfer_syntax}"
    dataset = sample.dataset()
    expected = next(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1)))
    assert answer.content == expected
    assert int(answer.headers["Content-Length"]) == len(expected)


@pytest.mark.parametrize("sample", images(lambda syntax: not coded(syntax)))
def test_native_frames_are_cut_from_the_pixel_data(kept, sample):
    """PS3.18 §8.7.3.3.1: little endian; frames of single bits begin with the first bit of the first octet."""
    dataset = sample.dataset()
    numbers = numbers_of(dataset)
    answer = kept.web.get(f"{kept(sample)}/frames/{listed(numbers)}", OCTETS)
    assert answer.status_code == 200, answer.text[:300]
    found = [part.body for part in parts(answer)]
    if "Content-Encoding" not in answer.headers:
        assert int(answer.headers.get("Content-Length", len(answer.content))) == len(answer.content)
    if dataset.BitsAllocated == 1:
        pixels = dataset.pixel_array.reshape(-1, dataset.Rows * dataset.Columns)
        for number, frame in zip(numbers, found, strict=True):
            bits = numpy.unpackbits(numpy.frombuffer(frame, "u1"), bitorder="little")
            assert numpy.array_equal(bits[:pixels.shape[1]], pixels[number - 1])
            assert not bits[pixels.shape[1]:].any()
        return
    value = dataset.PixelData
    if sample.transfer_syntax == ExplicitVRBigEndian and dataset["PixelData"].VR == "OW":
        value = numpy.frombuffer(value, ">u2").astype("<u2").tobytes()
    samples_of_it = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
    each = samples_of_it * dataset.BitsAllocated // 8
    if dataset.PhotometricInterpretation.endswith("_422") and len(value) < each * int(dataset.get("NumberOfFrames") or 1):
        each = each // 3 * 2
    assert found == [value[(number - 1) * each:number * each] for number in numbers]


@pytest.mark.only("causeway")
@pytest.mark.parametrize("sample", images(coded))
def test_samples_are_those_of_pydicom(kept, sample):
    """PS3.18 §8.7.3.3.1: decoded, the same samples as others decode, within what the codec leaves to a decoder."""
    if Path(sample.name).name in NOT_DECODED:
        answer = kept.web.get(f"{kept(sample)}/frames/1", OCTETS)
        assert answer.status_code == 406
        return
    original = same_image(sample, sample.dataset())
    numbers = numbers_of(sample.dataset())
    answer = kept.web.get(f"{kept(sample)}/frames/{listed(numbers)}", OCTETS)
    assert answer.status_code == 200, answer.text[:300]
    found = parts(answer)
    assert {part.headers["content-type"] for part in found} == {
        f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
    }
    # How the samples stand to one another is said by the instance in the same transfer syntax.
    file = kept.web.instance(sample.study, sample.series, sample.sop_instance, ACCEPT_EXPLICIT)
    if data.transfer_syntax(file) != ExplicitVRLittleEndian:
        pytest.fail("the instance is not given decoded")
    described = dcmread(io.BytesIO(file))
    joined = b"".join(part.body for part in found)
    described.PixelData = joined + b"\0" * (len(joined) % 2)
    if "NumberOfFrames" in described:
        described.NumberOfFrames = len(numbers)
    expected = decoded(original)
    if len(numbers) < int(sample.dataset().get("NumberOfFrames") or 1):
        expected = expected[[number - 1 for number in numbers]]
    assert_same(decoded(described), expected, sample.transfer_syntax)


# What no sample has.

CODED = Path(__file__).resolve().parents[2] / "testdata" / "codecs"
FRAME = (CODED / "j2k-lossless-8x3.bin").read_bytes() if (CODED / "j2k-lossless-8x3.bin").exists() else b""


def coded_image(value, frames, syntax=JPEG2000Lossless, **attributes):
    """An instance with these fragments."""
    item = data.instance(
        transfer_syntax=syntax, Rows=17, Columns=24, BitsAllocated=8, BitsStored=8, HighBit=7, SamplesPerPixel=3,
        PhotometricInterpretation="YBR_RCT", PlanarConfiguration=0, NumberOfFrames=frames, PixelData=value, **attributes,
    )
    item["PixelData"].VR = "OB"
    item["PixelData"].is_undefined_length = True
    return item


def three_frames():
    """Coded frames of different lengths: what is behind the end of a codestream is of no meaning."""
    return [FRAME, FRAME + b"\0\0", FRAME + b"\0\0\0\0"]


TABLES = {
    "basic table, one fragment each": lambda: coded_image(encapsulate(three_frames()), 3),
    "basic table, four fragments each": lambda: coded_image(encapsulate(three_frames(), fragments_per_frame=4), 3),
    "empty table, one fragment each": lambda: coded_image(encapsulate(three_frames(), has_bot=False), 3),
    "empty table, 4 fragments each": lambda: coded_image(
        encapsulate(three_frames(), fragments_per_frame=4, has_bot=False), 3,
    ),
    "empty table, one frame in four": lambda: coded_image(
        encapsulate([FRAME], fragments_per_frame=4, has_bot=False), 1,
    ),
}


@pytest.mark.parametrize("made", [
    pytest.param(made, id=name, marks=[pytest.mark.orthanc_fails(reason="cannot")] if "empty table, 4" in name else [])
    for name, made in TABLES.items()
])
def test_frames_are_told_apart(subject, web, made):
    """PS3.5 §A.4: by the offset table, and without one by the fragments themselves."""
    item = made()
    stored(subject, item)
    count = item.NumberOfFrames
    answer = web.get(f"{path_of(item)}/frames/{listed(range(1, count + 1))}", STORED)
    assert answer.status_code == 200, answer.text[:300]
    padded = [frame + b"\0" * (len(frame) % 2) for frame in three_frames()]
    assert [part.body for part in parts(answer)] == padded[:count]


def test_frames_are_told_apart_by_an_extended_offset_table(subject, web):
    """PS3.3 §C.7.6.3.1.8."""
    value, offsets, lengths = encapsulate_extended(three_frames())
    item = coded_image(value, 3, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths)
    stored(subject, item)
    answer = web.get(f"{path_of(item)}/frames/3,1", STORED)
    padded = [frame + b"\0" * (len(frame) % 2) for frame in three_frames()]
    assert [part.body for part in parts(answer)] == [padded[2], padded[0]]


@pytest.fixture(scope="module")
def held(subject):
    """Four native frames of two rows of sixteen."""
    item = data.instance(rows=8)
    item.Rows, item.NumberOfFrames = 2, 4
    (item,) = stored(subject, item)
    return item


def frame_of(item, number):
    """A frame of `held`."""
    return item.PixelData[(number - 1) * 64:number * 64]


@pytest.mark.orthanc_fails(reason="names the transfer syntax within the type of the parts")
@pytest.mark.parametrize("numbers", [[1], [4], [3, 1, 2], [2, 2], [1, 2, 3, 4]])
def test_the_order_of_the_request_is_kept(web, held, numbers):
    """PS3.18 §10.4.1.1.6: one part for each frame of the list, in its order."""
    answer = web.get(f"{path_of(held)}/frames/{listed(numbers)}", OCTETS)
    assert answer.status_code == 200
    assert [part.body for part in parts(answer)] == [frame_of(held, number) for number in numbers]
    assert 'type="application/octet-stream"' in answer.headers["Content-Type"]


def test_a_comma_may_be_escaped(web, held):
    """RFC 3986 §2.2: in a path segment the escaped comma is the same."""
    answer = web.get(f"{path_of(held)}/frames/2%2C1", OCTETS)
    assert [part.body for part in parts(answer)] == [frame_of(held, 2), frame_of(held, 1)]


@pytest.mark.parametrize("frames", [
    pytest.param("", marks=pytest.mark.orthanc_fails(reason="answers 200")),
    pytest.param("+1", marks=pytest.mark.orthanc_fails(reason="takes it for 1")), "x", "1,", ",1", "1,,2", "-1", "1-3", "1.5", "99999999999", "1;2",
])
def test_what_is_no_list_is_refused(web, held, frames):
    """PS3.18 §10.4.3.1: 400; a list of nothing is no resource."""
    status = web.get(f"{path_of(held)}/frames/{frames}", OCTETS).status_code
    assert status in ((400, 404) if frames == "" else (400,))


@pytest.mark.parametrize("frames", ["5", "1,5", "4294967295"])
@pytest.mark.orthanc_fails(reason="answers 400")
def test_a_frame_beyond_the_last_is_not_found(web, held, frames):
    """PS3.18 §10.4.3.1: 404."""
    assert web.get(f"{path_of(held)}/frames/{frames}", OCTETS).status_code == 404


@pytest.mark.orthanc_fails(reason="answers 400")
def test_an_instance_without_pixels_has_no_frames(subject, web):
    """PS3.18 §10.4.3.1: 404."""
    item = data.instance(PixelData=None)
    stored(subject, item)
    assert web.get(f"{path_of(item)}/frames/1", OCTETS).status_code == 404


def test_an_instance_that_is_not_there_has_no_frames(web, held):
    """PS3.18 §10.4.3.1: 404, and 410 once it is deleted where that is known."""
    other = data.instance(StudyInstanceUID=held.StudyInstanceUID, SeriesInstanceUID=held.SeriesInstanceUID)
    assert web.get(f"{path_of(other)}/frames/1", OCTETS).status_code == 404


@pytest.mark.only("causeway")
def test_a_deleted_instance_is_gone(subject, web):
    """PS3.18 §8.5: 410."""
    (item,) = stored(subject, data.instance())
    assert requests.delete(web.root + path_of(item), timeout=20).status_code in (200, 204)
    assert web.get(f"{path_of(item)}/frames/1", OCTETS).status_code == 410


@pytest.mark.orthanc_fails(reason="answers 400")
def test_one_frame_by_itself(web, held):
    """PS3.18 Table 10.4.4-1, note 3."""
    answer = web.get(f"{path_of(held)}/frames/2", "application/octet-stream")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == "application/octet-stream"
    assert answer.content == frame_of(held, 2)
    assert int(answer.headers["Content-Length"]) == 64


@pytest.mark.only("causeway")
def test_one_frame_says_where_it_is(web, held):
    """PS3.18 §8.6.1."""
    answer = web.get(f"{path_of(held)}/frames/2", "application/octet-stream")
    assert answer.headers["Content-Location"] == f"{web.root}{path_of(held)}/frames/2"


@pytest.mark.parametrize("accept", [
    "image/jls", 'multipart/related; type="image/jpeg"', "text/csv", 'multipart/related; type="application/dicom"',
    f"{OCTETS}; transfer-syntax={JPEGBaseline8Bit}", f"{OCTETS}; transfer-syntax={ImplicitVRLittleEndian}",
])
@pytest.mark.only("causeway")
def test_what_native_frames_are_not_given_in(web, held, accept):
    """PS3.18 §8.7.8.1: 406; nothing is coded anew, and implicit VR is not for the web (§8.7.3)."""
    assert web.get(f"{path_of(held)}/frames/1", accept).status_code == 406


@pytest.mark.only("causeway")
def test_many_frames_are_not_given_by_themselves(web, held):
    """PS3.18 §8.6.1.1: one representation is one part."""
    assert web.get(f"{path_of(held)}/frames/1,2", "application/octet-stream").status_code == 406


@pytest.mark.parametrize("accept", ["*/*", "multipart/related", None])
def test_samples_are_the_default(web, held, accept):
    """PS3.18 Table 8.7.3-4."""
    answer = web.get(f"{path_of(held)}/frames/3", accept)
    assert [part.body for part in parts(answer)] == [frame_of(held, 3)]
    (part,) = parts(answer)
    assert part.headers["content-type"] == f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"


@pytest.mark.parametrize("syntax", [
    ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
], ids=["implicit", "big endian", "deflated"])
@pytest.mark.parametrize("wish", ["", "; transfer-syntax=*", f"; transfer-syntax={ExplicitVRLittleEndian}"])
@pytest.mark.only("causeway")
def test_native_frames_are_little_endian_whatever_is_stored(subject, web, syntax, wish):
    """PS3.18 §8.7.3: of the native transfer syntaxes the web carries one."""
    item = data.instance(transfer_syntax=syntax, rows=8)
    item.Rows, item.NumberOfFrames = 2, 4
    stored(subject, item)
    value = dcmread(io.BytesIO(data.file_of(item))).PixelData
    if syntax == ExplicitVRBigEndian:
        value = numpy.frombuffer(value, ">u2").astype("<u2").tobytes()
    answer = web.get(f"{path_of(item)}/frames/4,2", OCTETS + wish)
    assert [part.body for part in parts(answer)] == [value[192:256], value[64:128]]
    assert f"transfer-syntax={ExplicitVRLittleEndian}" in parts(answer)[0].headers["content-type"]


@pytest.mark.only("causeway")
def test_an_answer_that_is_known_is_not_sent_again(web, held):
    """RFC 9110 §13.1.2: ETag, If-None-Match."""
    url = f"{web.root}{path_of(held)}/frames/1,2"
    first = requests.get(url, headers={"Accept": OCTETS}, timeout=20)
    tag = first.headers["ETag"]
    again = requests.get(url, headers={"Accept": OCTETS, "If-None-Match": tag}, timeout=20)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    other = requests.get(f"{url},3", headers={"Accept": OCTETS, "If-None-Match": tag}, timeout=20)
    assert other.status_code == 200
    assert requests.get(url, headers={"Accept": OCTETS}, timeout=20).content == first.content


@pytest.mark.only("causeway")
def test_head_says_what_get_would(web, held):
    """RFC 9110 §9.3.2."""
    url = f"{web.root}{path_of(held)}/frames/1"
    for accept in (OCTETS, "application/octet-stream"):
        got, head = (getattr(requests, verb)(url, headers={"Accept": accept}, timeout=20) for verb in ("get", "head"))
        assert head.status_code == 200 and head.content == b""
        for name in ("Content-Type", "Content-Length", "ETag"):
            assert head.headers[name] == got.headers[name]


@pytest.mark.only("causeway")
def test_a_method_that_is_not_allowed(web, held):
    """PS3.18 §8.5: 405, with Allow."""
    answer = requests.post(f"{web.root}{path_of(held)}/frames/1", timeout=20)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.only("causeway")
def test_coded_frames_under_the_name_of_another_codec_are_not_given(subject, web):
    """PS3.18 Table 8.7.3-5: media type and transfer syntax agree."""
    item = coded_image(encapsulate([FRAME]), 1)
    stored(subject, item)
    for accept in ("image/jpeg", "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91", f"{OCTETS}; transfer-syntax=1.2.3"):
        assert web.get(f"{path_of(item)}/frames/1", accept).status_code == 406
    assert web.get(f"{path_of(item)}/frames/1", "image/jp2").content == FRAME + b"\0" * (len(FRAME) % 2)


@pytest.mark.only("causeway")
def test_a_video_is_one_stream(subject, web):
    """PS3.18 §8.7.3.3: one representation of all frames, as it is stored; nothing is decoded of it."""
    stream = bytes(range(256)) * 3
    item = coded_image(encapsulate([stream], fragments_per_frame=3, has_bot=False), 25, syntax=MPEG4HP41F)
    stored(subject, item)
    for resource in ("frames/1", "pixeldata", "bulkdata/7FE00010"):
        for accept in ("*/*", 'multipart/related; type="video/mp4"', STORED):
            (part,) = parts(web.get(f"{path_of(item)}/{resource}", accept))
            assert part.body == stream
        alone = web.get(f"{path_of(item)}/{resource}", "video/mp4")
        assert (alone.headers["Content-Type"], alone.content) == (f"video/mp4; transfer-syntax={MPEG4HP41F}", stream)
        assert web.get(f"{path_of(item)}/{resource}", "application/octet-stream").status_code == 406
    assert web.get(f"{path_of(item)}/frames/2", STORED).status_code == 404


@pytest.mark.only("causeway")
def test_fewer_frames_than_said(subject, web):
    """PS3.5 §A.4: what is there is given where it can be told; nothing is made up."""
    item = data.instance(rows=8)
    item.Rows, item.NumberOfFrames = 2, 6
    broken = coded_image(encapsulate([FRAME], has_bot=False), 5, syntax=RLELossless)
    stored(subject, item, broken)
    assert web.get(f"{path_of(item)}/frames/4", "application/octet-stream").content == frame_of(item, 4)
    for path in (f"{path_of(item)}/frames/5", f"{path_of(broken)}/frames/1"):
        answer = web.get(path, STORED)
        assert answer.status_code == 406
        assert re.search(r"hold \d+ frames", answer.json()["detail"])


@pytest.mark.orthanc_fails(reason="does not take what this client accepts")
def test_dicomweb_client(subject, held):
    """PS3.18 §10.4.1.1.6: a client of another make."""
    from dicomweb_client.api import DICOMwebClient
    client = DICOMwebClient(subject.dicomweb)
    where = held.StudyInstanceUID, held.SeriesInstanceUID, held.SOPInstanceUID
    assert client.retrieve_instance_frames(*where, [2, 4]) == [frame_of(held, 2), frame_of(held, 4)]
    octets = (("application/octet-stream", ExplicitVRLittleEndian),)
    assert client.retrieve_instance_frames(*where, [1], media_types=octets) == [frame_of(held, 1)]

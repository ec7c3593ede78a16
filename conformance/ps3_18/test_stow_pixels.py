"""PS3.18 §10.5.2, Table 10.5.2-1: pixel data as the web has them, stored with metadata; what a server makes of them.

The pictures are made by Pillow, the samples are those of pydicom.
"""

import copy
import io
import struct
import zipfile

import numpy
import pytest
import requests
from PIL import Image
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

import data
import samples
from clients import FAILED_SOP_SEQUENCE as FAILED
from clients import REFERENCED_SOP_SEQUENCE as REFERENCED
from clients import Web, path_of, value
from described import JSON, MEDIA_TYPES, OCTETS, XML, Part, frames_of, json_of, json_part, multipart, store, xml_of

pytestmark = pytest.mark.orthanc_fails(reason="takes files only")

#: The Image Pixel Description Macro (PS3.3 Table C.7-11c).
MACRO = ("00280002", "00280004", "00280006", "00280010", "00280011", "00280100", "00280101", "00280102", "00280103")
JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
RLE = "image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5"
ANY = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
#: The media types from which a server derives the macro.
DERIVED = {"image/jpeg", "image/jp2", "image/jpx", "image/jph", "image/jxl"}


def items_of(answer, tag):
    """The items of a sequence of the response."""
    return answer.json().get(tag, {}).get("Value", [])


def kept(web, item):
    """The file that is stored of an instance, as pydicom reads it."""
    return dcmread(io.BytesIO(web.file(item)))


def metadata_of(item, uri="pixels", without=()):
    """Its metadata, the pixel data elsewhere, and these attributes left out."""
    some = copy.deepcopy(item)
    del some.PixelData
    metadata = some.to_json_dict()
    for tag in without:
        metadata.pop(tag, None)
    metadata["7FE00010"] = {"vr": "OW", "BulkDataURI": uri}
    return metadata


def send(web, metadata, media, *bodies, root=JSON, uri="pixels"):
    """Stores the metadata with these parts behind them."""
    return store(web, root, [json_part(metadata), *(Part(media, body, uri) for body in bodies)])


def picture(pixels, kind, **options):
    """The pixels as a file of this kind."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


# The media type of the whole.

@pytest.mark.parametrize("root", [OCTETS, "image/jpeg", "image/png", "video/mp4"])
@pytest.mark.parametrize("form", ["json", "xml", "files"])
def test_a_body_that_is_called_by_its_bulk_data(web, root, form):
    """PS3.18 Table 10.5.4-1: a bulk data media type is taken as the type of the whole; the parts say what they are."""
    item = data.instance()
    if form == "json":
        metadata, bulk = json_of(item, "bulk")
        parts = [json_part(metadata), *bulk]
    elif form == "xml":
        parts = [Part(XML, xml_of(data.file_of(item)))]
    else:
        parts = [Part("application/dicom", data.file_of(item))]
    answer = store(web, root, parts)
    assert answer.status_code == 200, answer.text
    assert kept(web, item).PixelData == item.PixelData


def test_bulk_data_before_their_metadata(web):
    """PS3.18 §8.6.1.2.2: metadata precede what they reference."""
    metadata, bulk = json_of(data.instance(), "bulk")
    assert store(web, OCTETS, [*bulk, json_part(metadata)]).status_code == 409
    assert store(web, OCTETS, bulk).status_code == 409
    assert store(web, OCTETS, []).status_code == 400


@pytest.mark.parametrize("root", ["text/plain", "application/pdf", "multipart/mixed"])
def test_a_body_that_is_called_something_else(web, root):
    """PS3.18 Table 10.5.3-1: 415."""
    assert store(web, root, [json_part({})]).status_code == 415


# Pictures.

GREY8 = numpy.arange(12, dtype="u1").reshape(3, 4)
GREY16 = (numpy.arange(12, dtype="u2") * 5000).reshape(3, 4)
RGB = numpy.arange(36, dtype="u1").reshape(3, 4, 3)
OPAQUE = numpy.dstack([RGB, numpy.arange(12, dtype="u1").reshape(3, 4)])
PICTURES = {
    "grey": (picture(GREY8, "PNG"), "image/png", GREY8), "grey of 16 bits": (picture(GREY16, "PNG"), "image/png", GREY16),
    "colour": (picture(RGB, "PNG"), "image/png", RGB), "with alpha": (picture(OPAQUE, "PNG"), "image/png", RGB),
    "grey gif": (picture(GREY8, "GIF"), "image/gif", GREY8),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("said", ["all", "nothing"])
def test_a_picture_becomes_samples(web, name, said):
    """PS3.18 Table 10.5.2-1: no transfer syntax is like it, so that it is transformed; alpha is discarded."""
    file, media, pixels = PICTURES[name]
    item = data.instance()
    item.Rows, item.Columns = pixels.shape[:2]
    item.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    item.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        item.PlanarConfiguration = 0
    item.BitsAllocated = item.BitsStored = pixels.itemsize * 8
    item.HighBit = item.BitsStored - 1
    answer = send(web, metadata_of(item, without=MACRO if said == "nothing" else ()), media, file)
    assert answer.status_code == 200, (answer.text, answer.headers)
    found = kept(web, item)
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    for tag in MACRO:
        assert found.get(tag) == item.get(tag), tag
    assert (found.pixel_array == pixels).all()


def test_frames_of_pictures(web):
    """PS3.18 §10.5.1.4: a part for each frame."""
    frames = [GREY8, GREY8 + 100, GREY8 + 50]
    item = data.instance(NumberOfFrames=3)
    answer = send(web, metadata_of(item, without=MACRO), "image/png", *(picture(frame, "PNG") for frame in frames))
    assert answer.status_code == 200, answer.text
    assert (kept(web, item).pixel_array == numpy.stack(frames)).all()


def test_a_gif_that_moves(web):
    """PS3.18 Table 10.5.2-1, note: its changes become whole frames."""
    frames = [Image.fromarray(frame) for frame in (GREY8, GREY8 + 100, GREY8)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100)
    expected = [numpy.array(Image.open(io.BytesIO(out.getvalue())).convert("RGB"))]
    moving = Image.open(io.BytesIO(out.getvalue()))
    expected = []
    for index in range(3):
        moving.seek(index)
        expected.append(numpy.array(moving.convert("RGB")))
    item = data.instance()
    metadata = metadata_of(item, without=MACRO)
    metadata["00280002"] = {"vr": "US", "Value": [3]}
    answer = send(web, metadata, "image/gif", out.getvalue())
    assert answer.status_code == 200, answer.text
    found = kept(web, item)
    assert found.NumberOfFrames == 3
    assert (found.pixel_array == numpy.stack(expected)).all()


def test_a_picture_other_than_its_metadata_say(web):
    """PS3.18 §10.5.2: what is stored conforms; Cannot understand."""
    for tag, said, pixels in [("00280010", 5, GREY8), ("00280002", 1, RGB), ("00280100", 16, GREY8)]:
        metadata = metadata_of(data.instance(), without=MACRO)
        metadata[tag] = {"vr": "US", "Value": [said]}
        answer = send(web, metadata, "image/png", picture(pixels, "PNG"))
        assert answer.status_code == 409, tag
        assert [int(value(one, "00081197")) for one in items_of(answer, FAILED)] == [0xC000]
    frames = [picture(GREY8, "PNG"), picture(GREY16, "PNG")]
    item = data.instance(NumberOfFrames=2)
    assert send(web, metadata_of(item, without=MACRO), "image/png", *frames).status_code == 409


@pytest.mark.parametrize("media", ["image/png", "image/gif"])
@pytest.mark.parametrize("cut", ["nothing", "half", "other"])
def test_what_is_no_picture(web, media, cut):
    """What cannot be read is refused, and nothing of it stored."""
    whole = picture(GREY8, media[6:].upper())
    body = {"nothing": b"", "half": whole[:len(whole) // 2], "other": b"no picture" * 100}[cut]
    item = data.instance()
    assert send(web, metadata_of(item, without=MACRO), media, body).status_code == 409
    assert not web.has(item)


def test_a_picture_that_says_it_is_huge(web):
    """What a header claims is not believed beyond what a frame may be."""
    whole = bytearray(picture(GREY8, "PNG"))
    whole[16:24] = struct.pack(">II", 65535, 65535)
    import zlib
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    assert send(web, metadata_of(data.instance(), without=MACRO), "image/png", bytes(whole)).status_code == 409


# Streams.

def boxed(kind, inside):
    """A box of a file of JPEG 2000."""
    return struct.pack(">I", len(inside) + 8) + kind + inside


def jp2(codestream, rows, columns, components):
    """A file around a codestream."""
    header = boxed(b"ihdr", struct.pack(">IIHBBBB", rows, columns, components, 7, 7, 0, 0)) + boxed(b"colr", b"\1\0\0\0\0\0\x11")
    return (
        boxed(b"jP  ", b"\r\n\x87\n") + boxed(b"ftyp", b"jp2 \0\0\0\0jp2 ") + boxed(b"jp2h", header) + boxed(b"jp2c", codestream)
        + boxed(b"xml ", b"<nothing/>")
    )


def codestream(frame):
    """A frame without the file that one of the samples has around it."""
    return frame[frame.index(b"\xff\x4f\xff\x51"):] if frame.startswith(b"\0\0\0\x0cjP  ") else frame


def compressed():
    """Samples of compressed images from which the macro is derived."""
    for sample in samples.good("STOW PIXELS"):
        media = MEDIA_TYPES.get(sample.transfer_syntax, "").replace("jphc", "jph")
        # One has something else where its size should be.
        if media in DERIVED and "embedded-sequence-delimiter" not in sample.name:
            yield pytest.param(sample, media, id=sample.name)


def is_readable(item):
    """Whether it has frames that pydicom tells apart."""
    try:
        return "PixelData" in item and bool(frames_of(item))
    except ValueError:
        return False


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("sample", "media"), compressed())
def test_the_macro_is_derived(web, sample, media):
    """PS3.18 §10.5.2: metadata may omit what describes the pixels, and the server reads it from the stream."""
    item = sample.dataset()
    if not is_readable(item):
        pytest.skip("no frames")
    named = f"{media}; transfer-syntax={sample.transfer_syntax}"
    answer = send(web, metadata_of(item, without=MACRO), named, *frames_of(item))
    assert answer.status_code in (200, 202), (answer.text, answer.headers)
    found = kept(web, item)
    assert [frame.rstrip(b"\0") for frame in frames_of(found)] == [codestream(frame).rstrip(b"\0") for frame in frames_of(item)]
    for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"):
        assert found[name].value == item[name].value, name
    # A stream may be coded in fewer bits than it has, or signed, and a data set may not say so.
    assert found.HighBit == found.BitsStored - 1 and found.BitsStored <= found.BitsAllocated
    if item.SamplesPerPixel == 1:
        assert found.PhotometricInterpretation == "MONOCHROME2"
    else:
        assert found.PhotometricInterpretation.startswith(("YBR", "RGB", "XYB")) and found.PlanarConfiguration == 0


@pytest.mark.only("causeway")
def test_the_macro_of_a_stream_that_is_decoded_alike(web):
    """The attributes that were derived make the same picture as those that were told."""
    done = 0
    for sample in samples.good("STOW DECODED"):
        media = MEDIA_TYPES.get(sample.transfer_syntax)
        if media not in ("image/jpeg", "image/jp2") or sample.path.stat().st_size > 1 << 20:
            continue
        item = sample.dataset()
        try:
            expected = item.pixel_array
        except Exception:  # pydicom has no decoder, or the sample is broken
            continue
        named = f"{media}; transfer-syntax={sample.transfer_syntax}"
        answer = send(web, metadata_of(item, without=MACRO), named, *frames_of(item))
        assert answer.status_code in (200, 202), (sample.name, answer.text, answer.headers)
        found = kept(web, item)
        # Neither a sign nor colours without a transform are in the headers of every stream.
        is_alike = found.PhotometricInterpretation[:3] == item.PhotometricInterpretation[:3]
        if is_alike and found.PixelRepresentation == item.PixelRepresentation:
            assert (found.pixel_array == expected).all(), sample.name
            done += 1
    assert done > 3


@pytest.mark.only("causeway")
@pytest.mark.parametrize("said", ["all", "nothing"])
def test_the_codestream_is_taken_out_of_its_file(web, said):
    """PS3.5 §A.4.4: what a file has around the codestream is no part of pixel data."""
    found = [one for one in samples.good(f"STOW JP2 {said}") if one.transfer_syntax in JPEG_2000]
    if not found:
        pytest.skip("no sample of JPEG 2000")
    sample = found[0]
    item = sample.dataset()
    files = [jp2(codestream(frame), item.Rows, item.Columns, item.SamplesPerPixel) for frame in frames_of(item)]
    answer = send(web, metadata_of(item, without=MACRO if said == "nothing" else ()), "image/jp2", *files)
    assert answer.status_code in (200, 202), (answer.text, answer.headers)
    there = kept(web, item)
    assert there.file_meta.TransferSyntaxUID in JPEG_2000
    assert [frame.rstrip(b"\0") for frame in frames_of(there)] == [codestream(frame).rstrip(b"\0") for frame in frames_of(item)]


def test_a_file_without_a_codestream(web):
    """It holds no pixels."""
    item = data.instance()
    body = boxed(b"jP  ", b"\r\n\x87\n") + boxed(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    answer = send(web, metadata_of(item), "image/jp2", body)
    assert answer.status_code == 409
    assert "codestream" in answer.headers["Warning"]


@pytest.mark.parametrize("media", ["image/jpeg", "image/jp2", "image/jxl", "video/mp4"])
def test_what_cannot_be_derived_is_refused(web, media):
    """PS3.18 §10.5.2: what is stored conforms; an image without its size does not."""
    item = data.instance()
    answer = send(web, metadata_of(item, without=MACRO), media, b"nothing that tells anything")
    assert answer.status_code == 409
    assert "0028,0002" in answer.headers["Warning"]


# What was changed.

def test_a_number_that_is_rounded_is_told(web):
    """PS3.18 Table I.2-1: B000, Coercion of Data Elements; Table 10.5.3-1: 202 where there are warnings."""
    item, other = data.instance(), data.instance()
    metadata, bulk = json_of(item, "one")
    metadata["00181160"] = {"vr": "DS", "Value": [1.0, 0.12345678901234567]}
    plain, more = json_of(other, "two")
    plain["00181160"] = {"vr": "DS", "Value": [1.0, 0.25]}
    answer = store(web, JSON, [json_part(metadata, plain), *bulk, *more])
    assert answer.status_code == 202
    assert answer.headers["Warning"].startswith("B000 ")
    reasons = {value(one, "00081155"): one.get("00081196", {}).get("Value") for one in items_of(answer, REFERENCED)}
    assert reasons == {item.SOPInstanceUID: [0xB000], other.SOPInstanceUID: None}
    assert float(kept(web, item)[0x00181160].value[1]) == pytest.approx(0.12345678901234567, abs=1e-14)
    assert FAILED not in answer.json()


def test_dicomweb_client_takes_the_warning(subject):
    """A client of another make reads the answer."""
    from dicomweb_client.api import DICOMwebClient
    item = data.instance()
    response = DICOMwebClient(subject.dicomweb).store_instances([item])
    assert not response.get("FailedSOPSequence")


# Size.

FRAME_BYTES, FRAMES = 2 << 20, 128
MEMORY_BYTES_MAX = 64 << 20


def long_one():
    """An instance, the metadata of as many frames as make 256 MiB, and such a frame."""
    item = data.instance(NumberOfFrames=FRAMES)
    return item, metadata_of(item), bytes(range(256)) * (FRAME_BYTES // 256)


def in_parts(web, folder):
    """Frames in parts of their own, told by their metadata."""
    item, metadata, frame = long_one()
    body, content_type = multipart(JSON, [json_part(metadata), Part(RLE, frame, "pixels")])
    (part,) = body.split(json_part(metadata).bytes())[1:]
    part = part[:part.rindex(b"\r\n--")]
    with (folder / "body").open("wb") as out:
        out.write(body[:body.index(json_part(metadata).bytes())] + json_part(metadata).bytes())
        for _ in range(FRAMES):
            out.write(part)
        out.write(b"\r\n--described-boundary--\r\n")
    return item, content_type


def in_one_part(_, folder):
    """One value in a part of its own."""
    item, metadata, frame = long_one()
    body, content_type = multipart(JSON, [json_part(metadata), Part(OCTETS, b"<here>", "pixels")])
    before, after = body.split(b"<here>")
    with (folder / "body").open("wb") as out:
        out.write(before)
        for _ in range(FRAMES):
            out.write(frame)
        out.write(after)
    return item, content_type


def in_an_archive(_, folder):
    """A file in a zip archive, packed and not."""
    item, _, frame = long_one()
    item.PixelData = b""
    head = data.file_of(item)[:-12]
    with zipfile.ZipFile(folder / "body", "w") as archive, archive.open("one.dcm", "w", force_zip64=True) as out:
        out.write(head + struct.pack("<HH2s2xI", 0x7FE0, 0x0010, b"OW", FRAME_BYTES * FRAMES))
        for _ in range(FRAMES):
            out.write(frame)
    return item, "application/zip"


@pytest.mark.only("causeway")
@pytest.mark.parametrize("form", [in_parts, in_one_part, in_an_archive])
def test_a_long_instance_takes_little_memory(own_subject, folder, form):
    """Whatever its form, an instance goes through: none of it is gathered."""
    web = Web(own_subject.dicomweb)
    item, content_type = form(web, folder)
    own_subject.forget_peak()
    before = own_subject.resident_bytes()
    with (folder / "body").open("rb") as body:
        answer = requests.post(
            f"{own_subject.dicomweb}/studies", data=body, timeout=120,
            headers={"Content-Type": content_type, "Accept": "application/dicom+json"},
        )
    assert answer.status_code == 200, answer.text
    assert own_subject.peak_bytes() - before < MEMORY_BYTES_MAX
    url = f"{own_subject.dicomweb}{path_of(item)}/pixeldata"
    came = 0
    with requests.get(url, headers={"Accept": ANY}, stream=True, timeout=120) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_content(1 << 20):
            came += len(piece)
    assert FRAME_BYTES * FRAMES <= came < FRAME_BYTES * FRAMES + FRAMES * 1000
    assert own_subject.peak_bytes() - before < MEMORY_BYTES_MAX

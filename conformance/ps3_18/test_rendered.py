"""PS3.18 §10.4.1.1.3 and §10.4.1.1.4: rendered resources and thumbnails.

What the pictures show is held against pydicom's pipeline: modality, VOI, palettes, colour spaces.
"""

import functools
import io
from pathlib import Path

import numpy
import pydicom.data
import pytest
from PIL import Image, ImageCms
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

import data
import samples
from clients import REFERENCED_SOP_SEQUENCE as REFERENCED
from clients import parts, stored, value

JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
PARTS = 'multipart/related; type="{}"'.format

# Samples of which no picture is made, and what is in the way.
NOT_RENDERED = {
    "CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm":
        "progressive JPEG of 12 bits (retired) has no decoder here, nor in pydicom",
    "CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm":
        "spectral selection of 12 bits (retired) has no decoder here, nor in pydicom",
    "JPEG2000-embedded-sequence-delimiter.dcm":
        "its codestream was broken to hold the bytes of a delimiter; pydicom's decoders refuse it too",
}
LOSSLESS = {
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202",
}


def path_of(item, resource="rendered", level="instance", frames=None):
    """The resource of an instance, of its frames, its series or its study."""
    path = f"/studies/{item.StudyInstanceUID}"
    if level != "study":
        path += f"/series/{item.SeriesInstanceUID}"
    if level in ("instance", "frames"):
        path += f"/instances/{item.SOPInstanceUID}"
    if level == "frames":
        path += f"/frames/{frames}"
    return f"{path}/{resource}"


def picture(answer, media=PNG):
    """The picture of an answer that must be one, as numbers."""
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["Content-Type"] == media
    return pixels(answer.content, media)


def pixels(content, media=PNG):
    """A coded picture as numbers."""
    image = Image.open(io.BytesIO(content))
    assert Image.MIME[image.format] == media
    return numpy.asarray(image.convert("RGB") if image.mode == "P" else image).astype(float)


# What pydicom makes of it.

def group(dataset, frame, name):
    """The item of a functional group that holds for a frame."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for item in [*per_frame[frame:frame + 1], *(dataset.get("SharedFunctionalGroupsSequence") or [])]:
        if item.get(name):
            return item[name][0]
    return Dataset()


def described(dataset, frame):
    """The attributes that pydicom's pipeline asks for, from wherever they stand."""
    flat = Dataset()
    names = [
        "PixelRepresentation", "BitsStored", "BitsAllocated", "PhotometricInterpretation", "ModalityLUTSequence",
        "RescaleSlope", "RescaleIntercept", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    ]
    groups = [group(dataset, frame, name) for name in ("FrameVOILUTSequence", "PixelValueTransformationSequence")]
    for source in [dataset, *groups]:
        for name in names:
            if name in source and not (name.startswith("Window") and source[name].VM == 0):
                flat[name] = source[name]
    return flat


def windowed_range(flat):
    """The least and greatest that pydicom's windowing gives."""
    bits = flat.BitsStored
    if flat.get("ModalityLUTSequence"):
        return 0, 2 ** flat.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    low, high = (0, 2 ** bits - 1) if flat.PixelRepresentation == 0 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    slope, intercept = float(flat.get("RescaleSlope", 1)), float(flat.get("RescaleIntercept", 0))
    return low * slope + intercept, high * slope + intercept


def padded(dataset, stored_values):
    """Which pixels are no part of the image."""
    one = dataset.get("PixelPaddingValue")
    if one is None:
        return numpy.zeros(stored_values.shape, bool)
    other = dataset.get("PixelPaddingRangeLimit", one)
    # In implicit VR the sign of a number is the dataset's to say.
    low, high = sorted((int(one), int(other)))
    return (stored_values >= low) & (stored_values <= high)


def little_endian(dataset):
    """The data set with palettes as pydicom takes them: it turns round the bytes of segmented ones only."""
    if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
        names = [f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")]
        for element in [dataset[name] for name in names if name in dataset]:
            element.value = numpy.frombuffer(element.value, ">u2").astype("<u2").tobytes()
    return dataset


def expected(dataset, frame=0):
    """A frame in shades from 0 to 255, and which of its pixels are padding."""
    values = pixel_array(dataset, index=frame)
    flat = described(dataset, frame)
    none = numpy.zeros(values.shape[:2], bool)
    if flat.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(values, little_endian(dataset))
        return colours / (65535 if colours.dtype.itemsize == 2 else 255) * 255, none
    if dataset.SamplesPerPixel > 1:
        return values / (2 ** flat.BitsStored - 1) * 255, none
    padding = padded(dataset, values)
    rescaled = apply_modality_lut(values, flat)
    if flat.get("VOILUTSequence"):
        shades = apply_voi_lut(rescaled, flat) / (2 ** flat.VOILUTSequence[0].LUTDescriptor[2] - 1)
    elif "WindowCenter" in flat and "WindowWidth" in flat:
        low, high = windowed_range(flat)
        shades = (apply_voi_lut(rescaled, flat) - low) / (high - low)
    elif "FloatPixelData" not in dataset and flat.BitsStored <= 8:
        low, high = (
            apply_modality_lut(numpy.asarray(end, values.dtype), flat)
            for end in ([0, 2 ** flat.BitsStored - 1] if flat.PixelRepresentation == 0 else [-128, 127])
        )
        shades = (rescaled - low) / (high - low)
    else:
        shown = rescaled[~padding] if (~padding).any() else numpy.asarray([0])
        low, high = float(shown.min()), float(shown.max())
        shades = (rescaled - low) / (high - low) if high > low else numpy.zeros(rescaled.shape)
    shades = numpy.clip(shades, 0, 1) * 255
    return (255 - shades if flat.PhotometricInterpretation == "MONOCHROME1" else shades), padding


@functools.cache
def with_pixels():
    """The samples that have pixels."""
    return [
        sample for sample in samples.good("RENDERED") if "PixelData" in dcmread(sample.path, defer_size=1024)
    ]


def cases():
    """Each sample."""
    for sample in with_pixels():
        reason = NOT_RENDERED.get(Path(sample.name).name)
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        yield pytest.param(sample, id=sample.name, marks=marks)


@pytest.mark.only("causeway")
@pytest.mark.parametrize("sample", cases())
def test_samples_look_as_pydicom_makes_them_look(web, sample):
    """PS3.18 §10.4.3.3.3: every photometric interpretation, VOI, transfer syntax: a PNG within one shade."""
    assert web.stow(sample.bytes()).status_code in (200, 202)
    dataset = sample.dataset()
    frame = int(dataset.get("NumberOfFrames") or 1)
    found = picture(web.get(path_of(dataset, level="frames", frames=frame), PNG))
    try:
        wanted, padding = expected(dataset, frame - 1)
    except (RuntimeError, NotImplementedError, AttributeError, ValueError) as error:
        pytest.skip(f"pydicom makes nothing of it: {error}")
    assert found.shape == wanted.shape
    difference = numpy.abs(found - wanted)[~padding]
    if difference.size == 0:
        return
    if sample.transfer_syntax in LOSSLESS:
        assert difference.max() <= 1.0
    else:
        # What a codec leaves to its decoder, made larger by the window.
        assert difference.mean() <= 1.5 and difference.max() <= 64


@pytest.mark.only("causeway")
def test_hostile_files_are_shown_or_refused(web, still_there):
    """PS3.18 §8.5: what is broken in its pixels is no fault of the server: a picture, or 406; 404 where none is kept."""
    asked = 0
    for name, file in samples.hostile():
        answer = web.stow(file)
        if answer.status_code not in (200, 202):
            continue
        for item in answer.json().get(REFERENCED, {}).get("Value", []):
            path = value(item, "00081190").partition("/studies/")[2]
            for resource, accept in (("rendered", "*/*"), ("rendered", PARTS(PNG)), ("thumbnail", "*/*")):
                status = web.get(f"/studies/{path}/{resource}", accept).status_code
                assert status in (200, 406), f"{name}: {resource} {status}"
                asked += 1
    assert asked > 0


# One image whose every value is known.

@pytest.fixture(scope="module")
def ramp(subject):
    """A grey image of 32 columns and 8 rows, its values rising by one from row to row and left to right."""
    values = numpy.arange(256, dtype="<u2").reshape(8, 32)
    item = data.instance(
        Rows=8, Columns=32, BitsStored=12, HighBit=11, PixelData=values.tobytes(),
        RescaleSlope="2", RescaleIntercept="-100", WindowCenter=["100", "0"], WindowWidth=["200", "1"],
    )
    return stored(subject, item)[0]


def rescaled():
    """What its stored values mean."""
    return numpy.arange(256).reshape(8, 32) * 2.0 - 100


@pytest.fixture(scope="module")
def film(subject):
    """Three frames of 8 bits, of shade 10, 20 and 30."""
    return stored(subject, data.film())[0]


@pytest.mark.orthanc_fails(reason="looks at no stored window")
def test_the_stored_window_is_used(web, ramp):
    """PS3.3 §C.11.2.1.2: the first pair of centre and width."""
    wanted = numpy.clip((rescaled() - 99.5) / 199 + 0.5, 0, 1) * 255
    assert numpy.abs(picture(web.get(path_of(ramp), PNG)) - wanted).max() <= 1


@pytest.mark.parametrize(("window", "formula"), [
    ("100,200,linear", lambda x: (x - 99.5) / 199 + 0.5),
    ("-20.5,1,linear", lambda x: (x > -21) * 1.0),
    pytest.param(
        "100,200,linear-exact", lambda x: (x - 100) / 200 + 0.5,
        marks=pytest.mark.orthanc_fails(reason="takes it for linear"),
    ),
    ("100,200,sigmoid", lambda x: 1 / (1 + numpy.exp(-4 * (x - 100) / 200))),
])
def test_a_window_that_is_asked_for(web, ramp, window, formula):
    """PS3.18 §8.3.5.1.4: centre, width and function, on what stored values mean."""
    found = picture(web.get(path_of(ramp), PNG, window=window))
    assert numpy.abs(found - numpy.clip(formula(rescaled()), 0, 1) * 255).max() <= 1


@pytest.mark.parametrize("query", [
    "window=100,200", "window=100", "window=", "window=,,", "window=100,200,cubic", "window=100,200,LINEAR",
    "window=a,200,linear", "viewport=", "viewport=10", "viewport=10,-1", "viewport=1.5,10", "viewport=a,b",
    "viewport=10,10,a", "viewport=10,10,0,0,8,8,8", "viewport=10,10,32,0", "quality=0", "quality=101", "quality=high",
    "quality=", "quality=5.5",
    *(pytest.param(query, marks=pytest.mark.orthanc_fails(reason="takes it all the same")) for query in [
        "window=100,0,linear", "window=100,-1,sigmoid", "window=nan,1,linear", "viewport=0,10",
        "viewport=10,10,0,0,0,8", "viewport=99999,10", "annotation=", "annotation=nonsense", "iccprofile=nonsense",
        "quality=50&quality=60",
    ]),
])
def test_a_parameter_that_makes_no_sense(web, ramp, query):
    """PS3.18 §8.3.5.1: 400, and what was wrong."""
    answer = web.get(f"{path_of(ramp)}?{query}", JPEG)
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text


@pytest.mark.parametrize(("viewport", "width", "height", "region", "turn"), [
    ("64,64", 64, 16, (0, 0, 32, 8), (1, 1)),
    ("64,8", 32, 8, (0, 0, 32, 8), (1, 1)),
    ("16,16", 16, 4, (0, 0, 32, 8), (1, 1)),
    ("8,8,4,0,8,8", 8, 8, (4, 0, 8, 8), (1, 1)),
    ("8,8,,,8,8", 8, 8, (0, 0, 8, 8), (1, 1)),
    ("100,4,16,4", 16, 4, (16, 4, 16, 4), (1, 1)),
    ("8,8,4,0,-8,8", 8, 8, (4, 0, 8, 8), (1, -1)),
    ("8,8,4,0,8,-8", 8, 8, (4, 0, 8, 8), (-1, 1)),
    ("8,8,24,0,999", 8, 8, (24, 0, 8, 8), (1, 1)),
])
@pytest.mark.orthanc_fails(reason="enlarges nothing, and places what it cuts out otherwise")
def test_a_viewport(web, ramp, viewport, width, height, region, turn):
    """PS3.18 §8.3.5.1.3: cut out, scaled without distortion to fit, turned where a side is negative."""
    whole = picture(web.get(path_of(ramp), PNG))
    found = picture(web.get(path_of(ramp), PNG, viewport=viewport))
    assert found.shape == (height, width)
    x, y, columns, rows = region
    part = whole[y:y + rows, x:x + columns][::turn[0], ::turn[1]]
    if part.shape == found.shape:
        assert numpy.array_equal(found, part)
    else:
        scaled = Image.fromarray(part.astype("uint8")).resize((width, height), Image.Resampling.BILINEAR)
        assert numpy.abs(found - numpy.asarray(scaled)).max() <= 2


@pytest.mark.only("causeway")
def test_of_several_images_those_without_the_region_of_a_viewport_are_passed_over(web, subject):
    """PS3.18 §8.3.5.1.3: an answer is never broken off for it; 400 where no image has it."""
    of_study = {"StudyInstanceUID": data.uid(), "PatientID": data.patient_id()}
    items = stored(subject, *(data.instance(rows=rows, **of_study) for rows in (32, 8, 32, 8)))
    path = path_of(items[0], level="study")
    there = [item.SOPInstanceUID for item in items if item.Rows == 32]
    answer = web.get(path, PARTS(PNG), viewport="8,8,0,16")
    assert answer.status_code == 200
    located = [part.headers["content-location"] for part in parts(answer)]
    assert [next(uid for uid in there if uid in location) for location in located] == there
    assert len(located) == 2
    none = web.get(path, PARTS(PNG), viewport="8,8,0,32")
    assert none.status_code == 400 and "outside" in none.text


@pytest.mark.orthanc_fails(reason="does not look at the size of pixels")
def test_pixels_that_are_no_squares(web, subject):
    """PS3.18 §8.3.5.1.3: without distortion: pixels three times as high as wide."""
    (item,) = stored(subject, data.instance(PixelSpacing=["3", "1"]))
    assert picture(web.get(path_of(item), PNG)).shape == (16, 16)
    assert picture(web.get(path_of(item), PNG, viewport="90,90")).shape == (90, 30)


def test_quality(web, ramp):
    """PS3.18 §8.3.5.1.2: a better JPEG is larger and nearer to the picture; baseline coding at each."""
    truth = picture(web.get(path_of(ramp), PNG))
    found = {quality: web.get(path_of(ramp), JPEG, quality=quality) for quality in ("1", "50", "100")}
    lengths = [len(answer.content) for answer in found.values()]
    misses = [numpy.abs(picture(answer, JPEG) - truth).mean() for answer in found.values()]
    assert lengths == sorted(lengths) and misses == sorted(misses, reverse=True)
    assert misses[-1] <= 1
    for answer in found.values():
        # SOF0, and tables of 8 bits (§8.7.4).
        assert b"\xff\xc0\x00" in answer.content and b"\xff\xc2" not in answer.content
        assert answer.content[answer.content.index(b"\xff\xdb") + 4] >> 4 == 0


@pytest.mark.orthanc_fails(reason="draws nothing")
def test_annotations_are_burnt_in_on_request_only(web, subject):
    """PS3.18 §8.3.5.1.1: white letters with a black edge, above who it is of, below how it was made."""
    item = data.instance(
        rows=256, Columns=256, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=bytes([90]) * 65536,
        SpecificCharacterSet="ISO_IR 192", PatientName="山田^太郎=Müller^Änne",
    )
    item["PixelData"].VR = "OB"
    (item,) = stored(subject, item)
    plain = picture(web.get(path_of(item), PNG))
    assert (plain == 90).all()
    for asked, above, below in (("patient", True, False), ("technique", False, True), ("patient,technique", True, True)):
        found = picture(web.get(path_of(item), PNG, annotation=asked))
        assert set(numpy.unique(found)) == {0.0, 90.0, 255.0}
        drawn = (found != plain).any(axis=1)
        assert (drawn[:64].any(), drawn[192:].any()) == (above, below), asked
        assert not drawn[96:160].any()


@pytest.mark.orthanc_fails(reason="embeds no profile")
@pytest.mark.parametrize("media", [JPEG, PNG])
def test_colour_profiles(web, subject, media):
    """PS3.18 §8.3.5.1.5: none, sRGB, or the object's own; a GIF has no place for one."""
    crayons = Path(pydicom.data.get_testdata_file("crayons.icc")).read_bytes()
    of = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    grey, colour, own = (
        data.instance(),
        data.instance(PixelData=bytes(range(256)) * 3, **of),
        data.instance(PixelData=bytes(range(256)) * 3, ICCProfile=crayons, **of),
    )
    for item in (colour, own):
        item["PixelData"].VR = "OB"
    grey, colour, own = stored(subject, grey, colour, own)

    def profile(item, asked):
        answer = web.get(path_of(item), media, **({"iccprofile": asked} if asked else {}))
        assert answer.status_code == 200, answer.text
        return Image.open(io.BytesIO(answer.content)).info.get("icc_profile")

    for item in (grey, colour):
        assert profile(item, None) is None and profile(item, "no") is None
        for asked in ("yes", "srgb"):
            found = ImageCms.ImageCmsProfile(io.BytesIO(profile(item, asked)))
            assert "sRGB" in ImageCms.getProfileDescription(found)
            # What a colour management module makes of sRGB by this profile is sRGB.
            ramp = Image.fromarray(numpy.arange(768, dtype="uint8").reshape(16, 16, 3), "RGB")
            turned = ImageCms.profileToProfile(ramp, found, ImageCms.createProfile("sRGB"))
            assert numpy.abs(numpy.asarray(turned).astype(int) - numpy.asarray(ramp)).max() <= 1
    assert profile(own, "yes") == crayons
    for asked in ("srgb", "adobergb", "rommrgb", "yes"):
        assert web.get(path_of(colour), GIF, iccprofile=asked).status_code == 400
    assert web.get(path_of(colour), GIF, iccprofile="no").status_code == 200


@pytest.mark.orthanc_fails(reason="converts nothing")
@pytest.mark.parametrize("space", ["srgb", "adobergb", "rommrgb"])
@pytest.mark.parametrize("has_own", [True, False], ids=["from a profile of its own", "from sRGB"])
def test_colours_are_converted(web, subject, space, has_own):
    """PS3.18 §8.3.5.1.5: to the space that is named, whose profile is in the picture, as Little CMS converts them."""
    steps = numpy.linspace(0, 255, 16).astype("uint8")
    samples_of = numpy.stack(numpy.meshgrid(steps, steps, steps[::5]), axis=-1).reshape(16, 64, 3)
    # A space with other primaries and another curve than any of those that can be asked for.
    own = web.get(path_of(stored(subject, data.instance())[0]), PNG, iccprofile="adobergb" if space == "rommrgb" else "rommrgb")
    own = Image.open(io.BytesIO(own.content)).info["icc_profile"]
    item = data.instance(
        Columns=64, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8, BitsStored=8,
        HighBit=7, PixelData=samples_of.tobytes(), **({"ICCProfile": own} if has_own else {}),
    )
    item["PixelData"].VR = "OB"
    stored(subject, item)
    answer = web.get(path_of(item), PNG, iccprofile=space)
    found = picture(answer)
    target = ImageCms.ImageCmsProfile(io.BytesIO(Image.open(io.BytesIO(answer.content)).info["icc_profile"]))
    source = ImageCms.ImageCmsProfile(io.BytesIO(own)) if has_own else ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    wanted = ImageCms.profileToProfile(Image.fromarray(samples_of, "RGB"), source, target, renderingIntent=intent)
    difference = numpy.abs(found - numpy.asarray(wanted).astype(float))
    assert difference.max() <= 3 and difference.mean() <= 0.5, (difference.max(), difference.mean())
    if space == "srgb" and not has_own:
        assert numpy.array_equal(found, samples_of)


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("space", "name", "red"), [
    ("adobergb", "Adobe RGB", (219, 0, 0)), ("rommrgb", "ROMM", (179, 70, 26)),
])
def test_the_spaces_are_those_of_their_name(web, subject, space, name, red):
    """PS3.18 §8.3.5.1.5: the red of sRGB in Adobe RGB (1998) and in ROMM RGB (ISO 22028-2)."""
    item = data.instance(
        rows=1, Columns=2, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8,
        BitsStored=8, HighBit=7, PixelData=bytes([255, 0, 0, 255, 255, 255]),
    )
    item["PixelData"].VR = "OB"
    stored(subject, item)
    answer = web.get(path_of(item), PNG, iccprofile=space)
    found = picture(answer)
    assert numpy.abs(found[0, 0] - red).max() <= 2 and (found[0, 1] >= 254).all()
    profile = ImageCms.ImageCmsProfile(io.BytesIO(Image.open(io.BytesIO(answer.content)).info["icc_profile"]))
    assert name in ImageCms.getProfileDescription(profile)


@pytest.mark.only("causeway")
def test_a_profile_that_cannot_be_used(web, subject):
    """PS3.18 §8.5: 406 where colours cannot be converted by it; as it is it can still be given."""
    broken = bytearray(Path(pydicom.data.get_testdata_file("crayons.icc")).read_bytes())
    broken[128:132] = (2**31).to_bytes(4, "big")
    item = data.instance(
        SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8, BitsStored=8, HighBit=7,
        PixelData=bytes(768), ICCProfile=bytes(broken),
    )
    item["PixelData"].VR = "OB"
    stored(subject, item)
    assert web.get(path_of(item), PNG, iccprofile="adobergb").status_code == 406
    assert web.get(path_of(item), PNG, iccprofile="yes").status_code == 200


# Media types.

@pytest.mark.parametrize(("accept", "media"), [
    (JPEG, JPEG), (PNG, PNG), ("*/*", JPEG),
    pytest.param(GIF, GIF, marks=pytest.mark.orthanc_fails(reason="has no GIF")),
    *(pytest.param(accept, media, marks=pytest.mark.orthanc_fails(reason="reads one media type")) for accept, media in [
        ("image/*", JPEG), ("image/png, image/jpeg;q=0.5", PNG), ("image/jpeg;q=0.5, image/*;q=0.1", JPEG),
        ("text/html, image/png;q=0.9", PNG),
    ]),
])
def test_the_media_type_is_chosen(web, ramp, accept, media):
    """PS3.18 §8.7.4 and §8.7.8.1: JPEG by default, PNG and GIF required."""
    assert picture(web.get(path_of(ramp), accept), media).shape[:2] == (8, 32)


@pytest.mark.parametrize("accept", ["application/dicom+json", "video/mp4", "text/plain", "application/dicom"])
@pytest.mark.orthanc_fails(reason="answers 400")
def test_a_media_type_that_there_is_not(web, ramp, accept):
    """PS3.18 §8.7.8.1: 406."""
    assert web.get(path_of(ramp), accept).status_code == 406


def test_dicom_and_rendered_types_together(web, ramp):
    """PS3.18 §8.7.5: 400."""
    assert web.get(path_of(ramp), "image/png, application/dicom").status_code == 400


@pytest.mark.orthanc_fails(reason="does not look at it")
def test_the_accept_parameter_decides(web, ramp):
    """PS3.18 §8.3.3.1: the query parameter before the header."""
    assert picture(web.get(f"{path_of(ramp)}?accept=image/png", "*/*")).shape == (8, 32)


@pytest.mark.orthanc_fails(reason="has no GIF")
def test_gif_has_the_same_shades(web, ramp):
    """PS3.18 §8.7.4: 256 shades are enough for grey."""
    grey = picture(web.get(path_of(ramp), GIF), GIF)
    assert numpy.array_equal(grey, picture(web.get(path_of(ramp), PNG)))


# Films.

def reel(answer):
    """Shade and time, in milliseconds, of each frame of a film."""
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["Content-Type"] == GIF
    image = Image.open(io.BytesIO(answer.content))
    found = []
    for index in range(image.n_frames):
        image.seek(index)
        found.append((numpy.asarray(image.convert("L")).mean(), image.info["duration"]))
    assert image.n_frames == 1 or image.info["loop"] == 0
    return found


@pytest.mark.orthanc_fails(reason="has no GIF")
@pytest.mark.parametrize(("timing", "durations"), [
    ({}, [100, 100, 100]), ({"FrameTime": "40"}, [40, 40, 40]), ({"CineRate": "5"}, [200, 200, 200]),
    ({"FrameTime": "40", "RecommendedDisplayFrameRate": "10"}, [100, 100, 100]),
    ({"FrameTimeVector": ["0", "50", "150"], "FrameIncrementPointer": 0x00181065}, [50, 150, 150]),
    ({"FrameTime": "0.001"}, [20, 20, 20]),
])
def test_a_film(web, subject, timing, durations):
    """PS3.18 Table 8.7.4-1, PS3.3 §C.7.6.5: several frames as one GIF that moves as fast as the instance says."""
    frames = b"".join(bytes([shade]) * 24 for shade in (10, 20, 30))
    item = data.instance(
        rows=4, Columns=6, NumberOfFrames=3, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=frames,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7.2", **timing,
    )
    item["PixelData"].VR = "OB"
    (item,) = stored(subject, item)
    assert reel(web.get(path_of(item), GIF)) == list(zip((10, 20, 30), durations))
    chosen = reel(web.get(path_of(item, level="frames", frames="3,1"), GIF))
    assert [shade for shade, _ in chosen] == [30, 10]
    small = web.get(path_of(item), GIF, viewport="3,2")
    assert Image.open(io.BytesIO(small.content)).size == (3, 2)
    assert web.get(path_of(item, level="frames", frames="3,4"), GIF).status_code == 404


@pytest.mark.only("causeway")
def test_a_film_is_bounded(web, subject):
    """At, below and above 2,000 frames; 406, and what to do."""
    for count, status in ((1999, 200), (2000, 200), (2001, 406)):
        item = data.instance(
            rows=2, Columns=2, NumberOfFrames=count, BitsAllocated=8, BitsStored=8, HighBit=7,
            PixelData=bytes(4 * count), SOPClassUID="1.2.840.10008.5.1.4.1.1.7.2",
        )
        item["PixelData"].VR = "OB"
        (item,) = stored(subject, item)
        answer = web.get(path_of(item), GIF)
        assert answer.status_code == status
        assert status == 200 or "multipart/related" in answer.text
    # Of so many frames, each this large, there would be too many pixels.
    assert web.get(path_of(item, level="frames", frames=",".join(["1"] * 1999)), GIF, viewport="8000,8000").status_code == 406


# Frames, series and studies.

@pytest.mark.orthanc_fails(reason="looks at no stored window")
def test_one_frame(web, film):
    """PS3.18 §10.4.1.1.3: one frame is one picture by itself."""
    for frame, shade in ((1, 10), (2, 20), (3, 30)):
        found = picture(web.get(path_of(film, level="frames", frames=frame), PNG))
        assert found.shape == (4, 6) and (found == shade).all()


@pytest.mark.orthanc_fails(reason="gives one frame at a time")
@pytest.mark.parametrize("media", [JPEG, PNG, GIF])
def test_several_frames(web, film, media):
    """PS3.18 §8.6.1.2: one part for each, in the order asked for."""
    answer = web.get(path_of(film, level="frames", frames="3,1,1"), PARTS(media))
    assert answer.status_code == 200
    found = parts(answer)
    assert [part.headers["content-type"] for part in found] == [media] * 3
    assert [round(pixels(part.body, media).mean()) for part in found] == [30, 10, 10]
    for part, frame in zip(found, (3, 1, 1)):
        assert part.headers["content-location"].endswith(path_of(film, level="frames", frames=frame))
        assert int(part.headers["content-length"]) == len(part.body)


@pytest.mark.orthanc_fails(reason="gives the first frame")
def test_all_frames_of_an_instance(web, film):
    """PS3.18 §10.4.4, note 3: several pictures never come as a single one."""
    answer = web.get(path_of(film), PARTS(PNG))
    assert [pixels(part.body).mean() for part in parts(answer)] == [10, 20, 30]
    assert web.get(path_of(film), PNG).status_code == 406
    assert web.get(path_of(film, level="frames", frames="1,2"), PNG).status_code == 406


@pytest.mark.parametrize(("frames", "status"), [
    ("0", 400), ("x", 400), ("1,", 400), ("-1", 400), ("99999999999", 400),
    *(pytest.param(frame, 404, marks=pytest.mark.orthanc_fails(reason="answers 400")) for frame in ["4", "4294967295"]),
])
def test_frames_that_there_are_not(web, film, frames, status):
    """PS3.18 §10.4.1.1.3 and §8.5: 400 for no list, 404 for what is beyond."""
    assert web.get(path_of(film, level="frames", frames=frames), PNG).status_code == status
    assert web.get(path_of(film, level="frames", frames=frames), PARTS(PNG)).status_code == status


@pytest.mark.orthanc_fails(reason="has no rendered series and studies")
def test_series_and_studies(web, subject):
    """PS3.18 §10.4.1.1.3: a part for each image, and none for what is none."""
    items = data.study(2, 2)
    report = data.instance(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", StudyInstanceUID=items[0].StudyInstanceUID,
        PatientID=items[0].PatientID, PixelData=None, Rows=None, Columns=None,
    )
    stored(subject, *items, report)
    for level, count in (("study", 4), ("series", 2)):
        answer = web.get(path_of(items[0], level=level), PARTS(PNG))
        assert answer.status_code == 200
        found = {part.headers["content-location"].rpartition("/studies/")[2] for part in parts(answer)}
        wanted = {path_of(item, level="frames", frames=1).rpartition("/studies/")[2] for item in items[:count]}
        assert found == wanted


# What has no picture.

@pytest.fixture(scope="module")
def report(subject):
    """An instance without pixels."""
    return stored(subject, data.instance(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.66", PixelData=None, Rows=None, Columns=None,
    ))[0]


@pytest.mark.orthanc_fails(reason="answers 415 or 500")
@pytest.mark.parametrize(("resource", "level"), [
    ("rendered", "instance"), ("rendered", "series"), ("thumbnail", "instance"), ("thumbnail", "study"),
])
def test_an_instance_without_pixels(web, report, resource, level):
    """PS3.18 §8.7.8.1: there is no representation that could be accepted: 406."""
    accept = "*/*" if level == "instance" or resource == "thumbnail" else PARTS(JPEG)
    answer = web.get(path_of(report, resource, level), accept)
    assert answer.status_code == 406
    assert "pixels" in answer.text


@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
@pytest.mark.parametrize("level", ["study", "series", "instance", "frames"])
def test_what_is_not_there(web, resource, level):
    """PS3.18 §8.5: 404."""
    accept = "*/*"
    assert web.get(path_of(data.instance(), resource, level, 1), accept).status_code == 404


# Thumbnails.

@pytest.mark.orthanc_fails(reason="has no thumbnails of studies, series and instances")
@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_a_thumbnail_is_one_small_picture(web, film, level):
    """PS3.18 §10.4.1.1.4, §10.4.3.3.4: of a frame in the middle."""
    found = picture(web.get(path_of(film, "thumbnail", level), PNG))
    assert max(found.shape) == 128 and found.shape[1] * 4 == pytest.approx(found.shape[0] * 6, abs=6)
    assert (found == 20).all()
    assert picture(web.get(path_of(film, "thumbnail", level), "*/*"), JPEG).shape == found.shape


@pytest.mark.orthanc_fails(reason="has no thumbnails of frames")
def test_a_thumbnail_of_a_frame_fits_its_viewport(web, film):
    """PS3.18 §8.3.5.2: width and height alone."""
    path = path_of(film, "thumbnail", "frames", 3)
    found = picture(web.get(path, PNG, viewport="30,30"))
    assert found.shape == (20, 30) and (found == 30).all()
    assert web.get(path, PNG, viewport="30,30,0,0").status_code == 400
    assert web.get(path_of(film, "thumbnail", "frames", 4), PNG).status_code == 404


@pytest.mark.orthanc_fails(reason="has no thumbnails of studies")
def test_the_thumbnail_of_a_study_is_of_an_image(web, subject):
    """PS3.18 §10.4.3.3.4: meaningful: an image, though most instances are none."""
    common = {"StudyInstanceUID": data.uid(), "PatientID": data.patient_id()}
    reports = [
        data.instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", PixelData=None, Rows=None, Columns=None, **common)
        for _ in range(4)
    ]
    image = data.instance(**common)
    stored(subject, *reports, image)
    assert picture(web.get(path_of(image, "thumbnail", "study"), PNG)).shape == (128, 128)


# Headers and methods.

@pytest.mark.orthanc_fails(reason="has no entity tags")
@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
def test_an_answer_that_is_known_is_not_sent_again(web, ramp, resource):
    """RFC 9110 §13.1.2: 304 for the same picture, and another tag for another one."""
    import requests
    url = web.root + path_of(ramp, resource)

    def ask(accept=PNG, **headers):
        return requests.get(url + "?viewport=20,20", headers={"Accept": accept, **headers}, timeout=20)

    tag = ask().headers["ETag"]
    again = ask(**{"If-None-Match": tag})
    assert again.status_code == 304 and again.content == b"" and again.headers["ETag"] == tag
    assert ask(JPEG).headers["ETag"] != tag
    assert requests.get(url, headers={"Accept": PNG}, timeout=20).headers["ETag"] != tag
    assert "private" in ask().headers["Cache-Control"]


@pytest.mark.orthanc_fails(reason="answers HEAD with 404")
@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
def test_head_and_other_methods(web, ramp, resource):
    """RFC 9110 §9.3.2 and PS3.18 §8.5: HEAD is GET without the picture; what is not supported is 405 with Allow."""
    import requests
    url = web.root + path_of(ramp, resource)
    head = requests.head(url, headers={"Accept": PNG}, timeout=20)
    assert head.status_code == 200 and head.content == b""
    assert head.headers["Content-Type"] == PNG
    refused = requests.post(url, data=b"x", timeout=20)
    assert refused.status_code == 405 and "GET" in refused.headers["Allow"]


@pytest.mark.orthanc_fails(reason="looks at no stored window")
@pytest.mark.parametrize("syntax", [
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless,
])
def test_every_frame_in_every_layout(web, syntax):
    """PS3.5 annex A: the same pictures, whatever the data set is laid out in."""
    values = numpy.arange(4 * 64, dtype="<u2").reshape(4, 8, 8) * 16
    item = data.instance(
        Rows=8, Columns=8, NumberOfFrames=4, PixelData=values.tobytes(), WindowCenter="2048", WindowWidth="4096",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7.3",
    )
    if syntax == RLELossless:
        item.compress(RLELossless)
    elif syntax == ExplicitVRBigEndian:
        item.PixelData = values.astype(">u2").tobytes()
    item.file_meta.TransferSyntaxUID = syntax
    assert web.stow(data.file_of(item)).status_code == 200
    wanted = [numpy.clip(frame / 4095, 0, 1) * 255 for frame in values]
    for frame in (4, 1):
        found = picture(web.get(path_of(item, level="frames", frames=frame), PNG))
        assert numpy.abs(found - wanted[frame - 1]).max() <= 1
    answer = web.get(path_of(item, level="frames", frames="2,4,1"), PARTS(PNG))
    for part, frame in zip(parts(answer), (2, 4, 1), strict=True):
        assert numpy.abs(pixels(part.body) - wanted[frame - 1]).max() <= 1

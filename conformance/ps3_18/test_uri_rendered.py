"""PS3.18 §9.5: the URI service, for rendered instances."""

import io

import numpy
import pytest
from PIL import Image

import data
import states
from clients import stored
from linked import get

JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"


def picture(answer, media=PNG):
    """The picture of an answer that must be one, as numbers."""
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["Content-Type"] == media
    image = Image.open(io.BytesIO(answer.content))
    assert Image.MIME[image.format] == media
    return numpy.asarray(image.convert("L") if image.mode == "P" else image).astype(int)


@pytest.fixture(scope="module")
def ramp(subject):
    """A grey image of 32 columns and 8 rows, its values rising by one."""
    values = numpy.arange(256, dtype="<u2").reshape(8, 32)
    item = data.instance(
        rows=8, Columns=32, PixelData=values.tobytes(), RescaleSlope="2", RescaleIntercept="-100", WindowCenter="100",
        WindowWidth="200",
    )
    return stored(subject, item)[0]


@pytest.fixture(scope="module")
def film(subject):
    """Three frames of shade 10, 20 and 30."""
    return stored(subject, data.film())[0]


def shades(window=(100, 200)):
    """The ramp in a window."""
    center, width = window
    values = numpy.arange(256).reshape(8, 32) * 2.0 - 100
    return numpy.clip((values - center + 0.5) / (width - 1) + 0.5, 0, 1) * 255


@pytest.mark.orthanc_fails(reason="gives PNG")
def test_a_jpeg_where_nothing_is_said(subject, ramp):
    """PS3.18 §9.3: without contentType, and with any media type accepted, image/jpeg."""
    found = picture(get(subject, ramp), JPEG)
    assert found.shape == (8, 32)


@pytest.mark.parametrize("media", [
    pytest.param(JPEG, marks=pytest.mark.orthanc_fails(reason="gives PNG to whoever accepts all")), PNG,
    pytest.param(GIF, marks=pytest.mark.orthanc_fails(reason="has no GIF")),
])
def test_the_media_type_by_parameter(subject, ramp, media):
    """PS3.18 §9.1.2.2.1: contentType names it."""
    assert picture(get(subject, ramp, contentType=media), media).shape == (8, 32)


@pytest.mark.parametrize(("accept", "content_type", "media"), [
    (PNG, None, PNG),
    (f"{JPEG};q=0.5, {PNG}", None, PNG),
    pytest.param(
        "text/html,application/xhtml+xml,*/*;q=0.8", None, JPEG, marks=pytest.mark.orthanc_fails(reason="gives PNG"),
    ),
    pytest.param("*/*", f"{PNG},{JPEG}", JPEG, marks=pytest.mark.orthanc_fails(reason="reads one media type")),
    pytest.param("*/*", "audio/basic", JPEG, marks=pytest.mark.orthanc_fails(reason="refuses it")),
], ids=str)
def test_the_selected_media_type(subject, ramp, accept, content_type, media):
    """PS3.18 §8.7.8.1: the parameter before the header, the default for what takes in all."""
    answer = get(subject, ramp, accept=accept, contentType=content_type)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == media


@pytest.mark.orthanc_fails(reason="asks for no header")
@pytest.mark.parametrize("accept", ["audio/basic", "application/pdf", "text/html"])
def test_what_there_is_no_form_of(subject, ramp, accept):
    """PS3.18 §8.7.8.1: 406."""
    assert get(subject, ramp, accept=accept).status_code == 406


@pytest.mark.only("causeway")
def test_a_window(subject, ramp):
    """PS3.18 §9.5.1.2.6: a linear one, in place of the stored one."""
    assert numpy.abs(picture(get(subject, ramp, contentType=PNG)) - shades()).max() <= 1
    found = picture(get(subject, ramp, contentType=PNG, windowCenter="200", windowWidth="300.5"))
    assert numpy.abs(found - shades((200, 300.5))).max() <= 1


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("sides", "shape"), [
    ({"rows": 16, "columns": 128}, (16, 64)), ({"rows": 100, "columns": 64}, (16, 64)), ({"rows": 4}, (4, 16)),
    ({"columns": 16}, (4, 16)), ({}, (8, 32)),
], ids=str)
def test_sides(subject, ramp, sides, shape):
    """PS3.18 §9.5.2.5: maxima, the proportions kept; a side that is not said follows from the other."""
    assert picture(get(subject, ramp, contentType=PNG, **sides)).shape == shape


@pytest.mark.only("causeway")
def test_a_region(subject, ramp):
    """PS3.18 §9.5.1.2.5: parts of the whole, as large as they are, or scaled to the sides."""
    whole = picture(get(subject, ramp, contentType=PNG))
    found = picture(get(subject, ramp, contentType=PNG, region="0.25,0,0.75,0.5"))
    assert numpy.array_equal(found, whole[0:4, 8:24])
    assert picture(get(subject, ramp, contentType=PNG, region="0.25,0,0.75,0.5", rows=8)).shape == (8, 32)


@pytest.mark.orthanc_fails(reason="has one quality")
def test_quality(subject, ramp):
    """PS3.18 §9.5.1.2.3: a better picture is longer."""
    poor, good = (len(get(subject, ramp, contentType=JPEG, imageQuality=quality).content) for quality in (5, 100))
    assert poor < good


@pytest.mark.only("causeway")
@pytest.mark.parametrize("name", ["annotation", "imageAnnotation"])
def test_annotations(subject, name):
    """PS3.18 §9.5.1.2.2: burnt in."""
    (item,) = stored(subject, data.instance(rows=200, Columns=200, PixelData=bytes(80_000)))
    plain, named = (picture(get(subject, item, contentType=PNG, **more)) for more in ({}, {name: "patient"}))
    assert (plain != named).any()


@pytest.mark.only("causeway")
def test_frames(subject, film):
    """PS3.18 §9.5.1.2.1: one frame; the first where none is named, which is said; all as a picture that moves."""
    for frame in (1, 2, 3):
        assert picture(get(subject, film, contentType=PNG, frameNumber=frame))[0, 0] == frame * 10
    first = get(subject, film, contentType=PNG)
    assert picture(first)[0, 0] == 10
    assert "2 more frames" in first.headers["Warning"]
    assert "Warning" not in get(subject, film, contentType=PNG, frameNumber=1).headers
    moving = get(subject, film, contentType=GIF)
    assert Image.open(io.BytesIO(moving.content)).n_frames == 3


@pytest.mark.only("causeway")
@pytest.mark.parametrize("parameters", [
    {"frameNumber": "0"}, {"frameNumber": "x"}, {"frameNumber": "1,2"}, {"frameNumber": "1"}, {"rows": "0"},
    {"columns": "-1"}, {"region": "0,0,1"}, {"region": "0,0,2,1"}, {"region": "0.5,0,0.5,1"}, {"windowCenter": "1"},
    {"windowWidth": "1"}, {"windowCenter": "a", "windowWidth": "1"}, {"windowCenter": "1", "windowWidth": "0"},
    {"imageQuality": "0"}, {"annotation": "name"}, {"presentationUID": "1.2"}, {"presentationSeriesUID": "1.2"},
    {"presentationSeriesUID": "1.2", "presentationUID": "1.3"}, {"anonymize": "yes"},
], ids=str)
def test_a_parameter_that_makes_no_sense(subject, ramp, parameters):
    """PS3.18 §9.5.1.2, §9.5.2: 400."""
    assert get(subject, ramp, contentType=JPEG, **parameters).status_code == 400


@pytest.mark.only("causeway")
def test_a_frame_beyond_the_last(subject, film):
    """PS3.18 §9.5.2.1: 400."""
    assert get(subject, film, contentType=JPEG, frameNumber=4).status_code == 400


@pytest.mark.only("causeway")
def test_a_presentation_state(subject, ramp):
    """PS3.18 §9.5.1.2.7: the image as the state says; the region is one of what the state shows."""
    state = states.state(ramp, PresentationLUTShape="INVERSE", ImageRotation=90, DisplayedAreaSelectionSequence=None)
    stored(subject, state)
    named = {"presentationSeriesUID": state.SeriesInstanceUID, "presentationUID": state.SOPInstanceUID}
    found = picture(get(subject, ramp, contentType=PNG, **named))
    wanted = 255 - numpy.arange(256).reshape(8, 32) * 255 / 4095
    assert numpy.abs(found - numpy.rot90(wanted, -1)).max() <= 1
    part = picture(get(subject, ramp, contentType=PNG, region="0,0,0.5,0.5", **named))
    assert numpy.array_equal(part, found[0:16, 0:4])
    assert picture(get(subject, ramp, contentType=PNG, rows=64, columns=64, **named)).shape == (64, 16)
    assert picture(get(subject, ramp, contentType=JPEG, imageQuality=50, annotation="patient", **named), JPEG).any()


@pytest.mark.only("causeway")
def test_what_does_not_go_with_a_presentation_state(subject, ramp, film):
    """PS3.18 §8.3.5.1.6, §9.5.1.2.7: 400: a window, a frame, a state of other images, what is no state or not there."""
    state = states.state(ramp)
    stored(subject, state)
    named = {"presentationSeriesUID": state.SeriesInstanceUID, "presentationUID": state.SOPInstanceUID}
    for more in ({"windowCenter": "1", "windowWidth": "2"}, {"frameNumber": "1"}):
        assert get(subject, ramp, contentType=PNG, **named, **more).status_code == 400
    other = data.instance(StudyInstanceUID=ramp.StudyInstanceUID)
    stored(subject, other)
    assert get(subject, other, contentType=PNG, **named).status_code == 400
    for series, uid in (
        (other.SeriesInstanceUID, other.SOPInstanceUID), (state.SeriesInstanceUID, "1.2.3"), ("1.2.3", state.SOPInstanceUID),
    ):
        answer = get(subject, ramp, contentType=PNG, presentationSeriesUID=series, presentationUID=uid)
        assert answer.status_code == 400


@pytest.mark.only("causeway")
def test_a_state_by_itself(subject):
    """PS3.18 §9.5.2: the picture of the one image that it refers to; several have no form here."""
    study = data.uid()
    one, other = (data.instance(StudyInstanceUID=study, InstanceNumber=number) for number in (1, 2))
    single, both = states.state(one), states.state(one, other)
    stored(subject, one, other, single, both)
    assert picture(get(subject, single, contentType=PNG)).shape == (16, 16)
    assert get(subject, both, contentType=PNG).status_code == 406


@pytest.mark.only("causeway")
def test_documents(subject):
    """PS3.18 Table 8.7.4-1: the document in an instance, whatever contentType is left to the node."""
    pdf = data.instance(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC", PixelData=None, MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=b"%PDF-1.4 x\n", DocumentTitle="T", BurnedInAnnotation="NO", Rows=None, Columns=None,
    )
    stored(subject, pdf)
    for content_type in (None, "application/pdf"):
        answer = get(subject, pdf, contentType=content_type)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-1.4")
    assert get(subject, pdf, accept=JPEG, contentType=JPEG).status_code == 406


@pytest.mark.only("causeway")
def test_what_is_not_there(subject, ramp):
    """PS3.18 Table 9.4.3-1: 404."""
    assert get(subject, ramp, contentType=JPEG, objectUID="1.2.3").status_code == 404


@pytest.mark.only("causeway")
def test_a_tag_and_304(subject, ramp):
    """RFC 9110 §13.1.2: a picture that the caller has is not made again; a region has a tag of its own."""
    tags = {get(subject, ramp, contentType=PNG, **more).headers["ETag"] for more in ({}, {"rows": 4}, {"region": "0,0,1,0.5"})}
    assert len(tags) == 3

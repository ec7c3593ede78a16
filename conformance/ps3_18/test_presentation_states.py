"""PS3.18 §8.3.5.1.6: presentation states rendered, the images that they refer to shown as they say (PS3.4 §N.2).

Grey, its tables, turning and bitmap shutters are held pixel by pixel against DCMTK's `dcmp2pgm`. It draws no other shutter,
no displayed area, no overlay and no graphic; those are held against what PS3.3 says of them.
"""

import copy
import functools
import io
from pathlib import Path

import numpy
import pytest
from PIL import Image, ImageCms
from pydicom import dcmread

import data
import samples
import states
from clients import dcmtk, parts, stored
from states import area, graphic, item, layer, reference, table, window

pytestmark = pytest.mark.only("causeway")

PNG, JPEG, GIF = "image/png", "image/jpeg", "image/gif"
PARTS = 'multipart/related; type="{}"'.format
VALUES = (numpy.arange(20 * 24).reshape(20, 24) * 8).astype(int)


def path_of(found, resource="rendered"):
    """The rendered resource of an instance."""
    return (
        f"/studies/{found.StudyInstanceUID}/series/{found.SeriesInstanceUID}/instances/{found.SOPInstanceUID}/{resource}"
    )


def pixels(content):
    """A coded picture as numbers."""
    return numpy.asarray(Image.open(io.BytesIO(content))).astype(int)


def picture(web, state, **query):
    """The one picture that a state makes."""
    answer = web.get(path_of(state), PNG, **query)
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
    return pixels(answer.content)


def grey(values=VALUES, **attributes):
    """A grey image of 12 bits."""
    rows, columns = values.shape
    given = {"Rows": rows, "Columns": columns, "RescaleSlope": "1", "RescaleIntercept": "-1000", **attributes}
    return data.instance(PixelData=values.astype("<i2").tobytes(), **given)


def by_dcmtk(folder: Path, image, state):
    """What `dcmp2pgm` makes of the two."""
    (folder / "image.dcm").write_bytes(data.file_of(image))
    (folder / "state.dcm").write_bytes(data.file_of(state))
    run = dcmtk("dcmp2pgm", "-p", "state.dcm", "image.dcm", "out.pgm", cwd=folder)
    assert (folder / "out.pgm").exists(), run.stderr
    return pixels((folder / "out.pgm").read_bytes())


HOUNSFIELD = {"RescaleSlope": "1", "RescaleIntercept": "-1000", "RescaleType": "HU"}
ROOT = table([int(65535 * (at / 4095) ** 0.5) for at in range(4096)])
SQUARE = table([at * at for at in range(256)])

#: What a state says of grey, of turning and of what is covered.
STATES = {
    "nothing": {},
    "window": {**HOUNSFIELD, "SoftcopyVOILUTSequence": [window(500, 1000)]},
    "narrow window": {**HOUNSFIELD, "SoftcopyVOILUTSequence": [window(-300, 1)]},
    "inverse": {**HOUNSFIELD, "SoftcopyVOILUTSequence": [window(900, 2000)], "PresentationLUTShape": "INVERSE"},
    "rescaled by half": {"RescaleSlope": "0.5", "RescaleIntercept": "7", "RescaleType": "US"},
    "a table of VOI": {
        "SoftcopyVOILUTSequence": [
            item(VOILUTSequence=[table([min(4095, 2 * at) for at in range(2000)], first=300, bits=12)]),
        ],
    },
    "a table of VOI that falls": {
        "SoftcopyVOILUTSequence": [item(VOILUTSequence=[table([4095 - at for at in range(4096)], bits=12)])],
    },
    "a table of modality": {
        "ModalityLUTSequence": [table([30 * at for at in range(2000)], ModalityLUTType="US")],
    },
    "a table of presentation": {"PresentationLUTShape": None, "PresentationLUTSequence": [SQUARE]},
    "window and a table of presentation": {
        "SoftcopyVOILUTSequence": [window(2000, 3000)], "PresentationLUTShape": None, "PresentationLUTSequence": [ROOT],
    },
    "all three": {
        "ModalityLUTSequence": [table([15 * at for at in range(4096)], ModalityLUTType="US")],
        "SoftcopyVOILUTSequence": [window(20000, 40000)],
        "PresentationLUTShape": None, "PresentationLUTSequence": [ROOT],
    },
    **{
        f"turned by {degrees} and {'' if flip == 'Y' else 'not '}over": {
            "ImageRotation": degrees, "ImageHorizontalFlip": flip,
        }
        for degrees in (0, 90, 180, 270) for flip in "NY"
    },
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_grey_is_that_of_dcmtk(web, subject, tmp_path, name, photometric):
    """PS3.4 §N.2.1, §N.2.3.3: each step of the pipeline, whatever the image says itself, within one shade."""
    image = grey(PhotometricInterpretation=photometric, WindowCenter="40", WindowWidth="4")
    state = states.state(image, **STATES[name])
    stored(subject, image, state)
    found, wanted = picture(web, state), by_dcmtk(tmp_path, image, state)
    assert found.shape == wanted.shape
    # A steep table makes much of how a window was rounded before it.
    most = 2 if "and a table" in name or name == "all three" else 1
    assert numpy.abs(found - wanted).max() <= most


def test_values_with_a_sign(web, subject, tmp_path):
    """PS3.3 §C.11.2.1.1: windows and tables over values below zero."""
    image = grey(VALUES - 2000, PixelRepresentation=1, RescaleIntercept="0")
    voi = item(VOILUTSequence=[table(list(range(0, 4000, 2)), first=-1500, bits=12)])
    for sequence in ([window(-300, 900)], [voi], None):
        more = {"SoftcopyVOILUTSequence": sequence} if sequence else {}
        state = states.state(image, **more)
        stored(subject, image, state)
        assert numpy.abs(picture(web, state) - by_dcmtk(tmp_path, image, state)).max() <= 1


def test_a_bitmap_shutter(web, subject, tmp_path):
    """PS3.3 §C.7.6.15: what the overlay plane has bits for is covered."""
    image = grey()
    state = states.state(image, ShutterShape="BITMAP", ShutterOverlayGroup=0x6000, ShutterPresentationValue=0x8000)
    bits = numpy.zeros((20, 24), int)
    bits[3:6, 5:9] = 1
    states.overlay(state, 0x6000, bits)
    stored(subject, image, state)
    found = picture(web, state)
    assert numpy.abs(found - by_dcmtk(tmp_path, image, state)).max() <= 1
    assert (numpy.abs(found[3:6, 5:9] - 128) <= 1).all()


def made_by_dcmtk():
    """Samples of grey that `dcmpsmk` makes states for."""
    for sample in samples.good("PRESENTED"):
        dataset = dcmread(sample.path, defer_size=1024)
        is_plain = not dataset.file_meta.TransferSyntaxUID.is_compressed
        if "PixelData" in dataset and dataset.SamplesPerPixel == 1 and is_plain and dataset.BitsAllocated in (8, 16):
            if dataset.PhotometricInterpretation.startswith("MONOCHROME") and "PixelPaddingValue" not in dataset:
                yield pytest.param(sample, id=sample.name)


@pytest.mark.parametrize("sample", made_by_dcmtk())
def test_states_that_dcmtk_made_of_samples(web, tmp_path, sample):
    """PS3.4 §N.2: the state of `dcmpsmk` for an image of others, as `dcmp2pgm` shows it."""
    (tmp_path / "image.dcm").write_bytes(sample.bytes())
    # It would activate overlays, which dcmp2pgm does not draw.
    dcmtk("dcmpsmk", "--overlay-ignore", "image.dcm", "state.dcm", cwd=tmp_path)
    if not (tmp_path / "state.dcm").exists():
        pytest.skip("dcmpsmk makes no state of it")
    dcmtk("dcmp2pgm", "-p", "state.dcm", "image.dcm", "out.pgm", cwd=tmp_path)
    if not (tmp_path / "out.pgm").exists():
        pytest.skip("dcmp2pgm makes nothing of it")
    assert web.stow(sample.bytes()).status_code in (200, 202)
    assert web.stow((tmp_path / "state.dcm").read_bytes()).status_code in (200, 202)
    state = dcmread(tmp_path / "state.dcm")
    answer = web.get(path_of(state), PARTS(PNG))
    assert answer.status_code == 200, answer.text[:500]
    found, wanted = pixels(parts(answer)[0].body), pixels((tmp_path / "out.pgm").read_bytes())
    assert found.shape == wanted.shape
    assert numpy.abs(found - wanted).max() <= 1


# What DCMTK does not draw.

def shades(values=VALUES):
    """Values of 12 bits as shades of 8, as they are without a window."""
    return numpy.rint(values * 255 / 4095).astype(int)


ROWS, COLUMNS = numpy.mgrid[1:21, 1:25]


@pytest.mark.parametrize(("attributes", "opening"), [
    (
        {
            "ShutterShape": "RECTANGULAR", "ShutterLeftVerticalEdge": "5", "ShutterRightVerticalEdge": "10",
            "ShutterUpperHorizontalEdge": "4", "ShutterLowerHorizontalEdge": "9",
        },
        (COLUMNS >= 5) & (COLUMNS <= 10) & (ROWS >= 4) & (ROWS <= 9),
    ),
    (
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": ["10", "12"], "RadiusOfCircularShutter": "6"},
        (ROWS - 10) ** 2 + (COLUMNS - 12) ** 2 <= 36,
    ),
    (
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": ["3", "3", "3", "20", "12", "20", "12", "3"]},
        (ROWS >= 3) & (ROWS <= 12) & (COLUMNS >= 3) & (COLUMNS <= 20),
    ),
    (
        {
            "ShutterShape": ["RECTANGULAR", "CIRCULAR"], "ShutterLeftVerticalEdge": "8",
            "ShutterRightVerticalEdge": "24", "ShutterUpperHorizontalEdge": "1", "ShutterLowerHorizontalEdge": "20",
            "CenterOfCircularShutter": ["10", "8"], "RadiusOfCircularShutter": "5",
        },
        (COLUMNS >= 8) & ((ROWS - 10) ** 2 + (COLUMNS - 8) ** 2 <= 25),
    ),
], ids=["rectangle", "circle", "polygon", "two"])
def test_shutters(web, subject, attributes, opening):
    """PS3.3 §C.7.6.11: what lies outside of all openings is covered, before the image is turned."""
    image = grey()
    state = states.state(image, ShutterPresentationValue=0xFFFF, ImageRotation=90, **attributes)
    stored(subject, image, state)
    wanted = numpy.rot90(numpy.where(opening, shades(), 255), -1)
    assert numpy.abs(picture(web, state) - wanted).max() <= 1


@pytest.mark.parametrize("is_own", [True, False], ids=["of the state", "of the image"])
def test_overlays(web, subject, is_own):
    """PS3.3 §C.11.7: a plane that is activated is drawn in its layer's shade, where its origin says; others are not."""
    bits = numpy.zeros((6, 10), int)
    bits[1:4, 2:5] = 1
    image = grey()
    if not is_own:
        states.overlay(image, 0x6002, bits, origin=(3, 5))
        states.overlay(image, 0x6004, numpy.ones((20, 24), int))
    state = states.state(image, GraphicLayerSequence=[layer("BITS", 1, 0xC000)], ImageHorizontalFlip="Y")
    if is_own:
        states.overlay(state, 0x6002, bits, origin=(3, 5))
    state.add_new((0x6002, 0x1001), "CS", "BITS")
    stored(subject, image, state)
    wanted = shades()
    wanted[3:6, 6:9] = 191
    assert numpy.abs(picture(web, state) - wanted[:, ::-1]).max() <= 1


def test_the_displayed_area(web, subject):
    """PS3.3 §C.10.4: a part of the image, in the image's own columns and rows, and what lies outside of it black."""
    image = grey()
    cut = states.state(image, DisplayedAreaSelectionSequence=[area(3, 2, 10, 12)])
    around = states.state(image, DisplayedAreaSelectionSequence=[area(-1, 0, 26, 21)])
    turned = states.state(image, DisplayedAreaSelectionSequence=[area(10, 12, 3, 2)], ImageRotation=180)
    stored(subject, image, cut, around, turned)
    assert numpy.array_equal(picture(web, cut), shades()[1:12, 2:10])
    assert numpy.array_equal(picture(web, turned), shades()[1:12, 2:10][::-1, ::-1])
    found = picture(web, around)
    assert found.shape == (22, 28) and numpy.array_equal(found[1:21, 2:26], shades())
    assert found[0].max() == 0 and found[:, :2].max() == 0


def test_sizes(web, subject):
    """PS3.18 §8.3.5.1.6: scaled to the viewport, or magnified as the state says and cut to it."""
    image = grey()
    fits = states.state(image, DisplayedAreaSelectionSequence=[area(1, 1, 24, 20)])
    true = states.state(image, DisplayedAreaSelectionSequence=[
        area(1, 1, 24, 20, "TRUE SIZE", PresentationPixelSpacing=["2", "1"], PresentationPixelAspectRatio=None),
    ])
    large = states.state(image, DisplayedAreaSelectionSequence=[
        area(1, 1, 12, 10, "MAGNIFY", PresentationPixelMagnificationRatio=3.0),
    ])
    stored(subject, image, fits, true, large)
    assert picture(web, fits).shape == (20, 24)
    assert picture(web, fits, viewport="48,100").shape == (40, 48)
    assert picture(web, true, viewport="100,100").shape == (100, 60)
    assert picture(web, large).shape == (30, 36)
    assert picture(web, large, viewport="20,100").shape == (30, 20)


def drawn(*objects, shade=0xFFFF, texts=()):
    """Attributes of a state that draws in one layer."""
    annotation = item(GraphicLayer="MARKS")
    if objects:
        annotation.GraphicObjectSequence = list(objects)
    if texts:
        annotation.TextObjectSequence = list(texts)
    return {"GraphicLayerSequence": [layer("MARKS", 1, shade)], "GraphicAnnotationSequence": [annotation]}


@pytest.mark.parametrize(("drawing", "marked", "left"), [
    (graphic("POLYLINE", [2.5, 3.5, 20.5, 3.5]), [(3, 2), (3, 10), (3, 20)], [(2, 10), (4, 10), (3, 22)]),
    (graphic("POLYLINE", [0.0, 0.5, 1.0, 0.5], "DISPLAY"), [(10, 0), (10, 23)], [(8, 5), (12, 5)]),
    (graphic("CIRCLE", [12.5, 10.5, 18.5, 10.5]), [(10, 18), (10, 6), (4, 12), (16, 12)], [(10, 12)]),
    (graphic("CIRCLE", [12.5, 10.5, 18.5, 10.5], filled="Y"), [(10, 18), (10, 12), (13, 14)], [(1, 1)]),
    (
        graphic("ELLIPSE", [4.5, 10.5, 20.5, 10.5, 12.5, 7.5, 12.5, 13.5]),
        [(10, 4), (10, 20), (7, 12), (13, 12)], [(10, 12)],
    ),
    (graphic("POINT", [5.5, 6.5]), [(6, 5)], [(6, 9)]),
    (graphic("INTERPOLATED", [2.5, 2.5, 12.5, 8.5, 22.5, 2.5]), [(2, 2), (8, 12), (2, 22)], [(2, 12)]),
    (
        graphic("POLYLINE", [2.5, 2.5, 10.5, 2.5, 10.5, 9.5, 2.5, 2.5], filled="Y"), [(2, 5), (4, 8), (8, 10)],
        [(8, 3)],
    ),
], ids=lambda value: getattr(value, "GraphicType", None))
def test_graphics(web, subject, drawing, marked, left):
    """PS3.3 §C.10.5.2: lines go through their points, in pixels of the image or parts of the displayed area."""
    image = grey()
    state = states.state(image, **drawn(drawing))
    stored(subject, image, state)
    found = picture(web, state)
    assert [found[place] for place in marked] == [255] * len(marked)
    assert [found[place] for place in left] == [shades()[place] for place in left]


def test_layers_lie_above_each_other(web, subject):
    """PS3.3 §C.10.7: the layer of the higher order is drawn last."""
    image = grey()
    line = graphic("POLYLINE", [2.5, 3.5, 20.5, 3.5])
    for orders, shade in (((1, 2), 128), ((2, 1), 64)):
        state = states.state(
            image,
            GraphicLayerSequence=[layer("A", orders[0], 0x4040), layer("B", orders[1], 0x8080)],
            GraphicAnnotationSequence=[
                item(GraphicLayer=name, GraphicObjectSequence=[line]) for name in ("A", "B")
            ],
        )
        stored(subject, image, state)
        assert picture(web, state)[3, 10] == shade


def test_texts_are_written_in_their_box(web, subject):
    """PS3.3 §C.10.5.1: letters within the box, a line to a visible anchor point."""
    image = grey(numpy.zeros((64, 128), int))
    text = item(
        BoundingBoxAnnotationUnits="PIXEL", AnchorPointAnnotationUnits="PIXEL", UnformattedTextValue="AB",
        BoundingBoxTopLeftHandCorner=[40.0, 20.0], BoundingBoxBottomRightHandCorner=[72.0, 40.0],
        BoundingBoxTextHorizontalJustification="LEFT", AnchorPoint=[110.5, 60.5], AnchorPointVisibility="Y",
    )
    state = states.state(image, **drawn(texts=[text]))
    alone = copy.deepcopy(text)
    alone.AnchorPointVisibility = "N"
    hidden = states.state(image, **drawn(texts=[alone]))
    stored(subject, image, state, hidden)
    found, quiet = picture(web, state), picture(web, hidden)
    assert found[60, 110] == 255 and quiet[60, 110] == 0
    rows, columns = numpy.nonzero(quiet)
    assert 20 <= rows.min() and rows.max() <= 40 and 40 <= columns.min() and columns.max() <= 72
    assert len(rows) > 40


def test_annotations_are_for_the_images_that_they_name(web, subject):
    """PS3.3 §C.10.5, §C.11.8: windows and annotations with references are for these images alone."""
    study = data.uid()
    one, other = (grey(StudyInstanceUID=study, InstanceNumber=number) for number in (1, 2))
    state = states.state(
        one, other, SoftcopyVOILUTSequence=[window(1000, 500, one), window(2000, 3000, other)],
        **drawn(graphic("POLYLINE", [2.5, 3.5, 20.5, 3.5])),
    )
    state.GraphicAnnotationSequence[0].ReferencedImageSequence = [reference(other)]
    stored(subject, one, other, state)
    answer = web.get(path_of(state), PARTS(PNG))
    assert answer.status_code == 200
    first, second = (pixels(part.body) for part in parts(answer))
    def windowed(center, width):
        return numpy.clip((VALUES - center + 0.5) / (width - 1) + 0.5, 0, 1) * 255
    assert numpy.abs(first - windowed(1000, 500)).max() <= 1
    wanted = windowed(2000, 3000)
    wanted[3, 2:21] = 255
    assert numpy.abs(second - wanted).max() <= 1


# Which images, and what is refused.

def test_images_come_in_the_order_of_the_state(web, subject):
    """PS3.18 §8.3.5.1.6: all images of all series that it refers to, in its order; no place of their own."""
    study = data.uid()
    images = [
        grey(numpy.full((4, 4), shade * 16), StudyInstanceUID=study, InstanceNumber=number)
        for number, shade in enumerate((30, 10, 20), 1)
    ]
    state = states.state(*images)
    stored(subject, *images, state)
    answer = web.get(path_of(state), PARTS(PNG))
    assert answer.status_code == 200
    found = parts(answer)
    assert [pixels(part.body)[0, 0] for part in found] == [30, 10, 20]
    assert all("content-location" not in part.headers for part in found)


def test_frames_that_are_named(web, subject):
    """PS3.18 §8.3.5.1.6: of an image of several frames those that the state names, or all."""
    frames = numpy.concatenate([numpy.full((4, 6), shade * 16) for shade in (10, 20, 30)])
    film = grey(frames, Rows=4, Columns=6, NumberOfFrames=3, SOPClassUID="1.2.840.10008.5.1.4.1.1.7.3")
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    whole, part = states.state(film), states.state(film)
    for state in (whole, part):
        state.DisplayedAreaSelectionSequence = [area(1, 1, 6, 4)]
    part.ReferencedSeriesSequence[0].ReferencedImageSequence = [reference(film, 3, 1)]
    stored(subject, film, whole, part)
    shades_of = lambda state: [pixels(part.body)[0, 0] for part in parts(web.get(path_of(state), PARTS(PNG)))]
    assert shades_of(whole) == [10, 20, 30]
    assert shades_of(part) == [30, 10]
    moving = Image.open(io.BytesIO(web.get(path_of(whole), GIF).content))
    assert moving.n_frames == 3


def test_images_that_are_not_there(web, subject):
    """PS3.18 §8.5: 206 and which are missing, 404 where all are."""
    study = data.uid()
    kept, missing = (grey(StudyInstanceUID=study, InstanceNumber=number) for number in (1, 2))
    elsewhere = grey()
    some, none = states.state(kept, missing, elsewhere), states.state(missing)
    stored(subject, kept, elsewhere, some, none)
    answer = web.get(path_of(some), PNG)
    assert answer.status_code == 206
    assert "2 images" in answer.headers["Warning"]
    assert web.get(path_of(none), PNG).status_code == 404


@pytest.mark.parametrize("query", ["window=1,2,linear", "viewport=10,10,0,0,5,5"])
def test_what_a_state_decides_itself(web, subject, query):
    """PS3.18 §8.3.5.1.3, §8.3.5.1.4, §8.3.5.1.6: 400."""
    image = grey()
    state = states.state(image)
    stored(subject, image, state)
    assert web.get(f"{path_of(state)}?{query}", PNG).status_code == 400
    assert web.get(path_of(state, "frames/1/rendered"), PNG).status_code == 400


def test_states_that_are_not_applied(web, subject):
    """PS3.18 §8.7.8.1: 406 and why, rather than half of a state."""
    image = grey()
    refused = {
        "blending": states.state(image, sop_class=states.BLENDING),
        "mask": states.state(image, MaskSubtractionSequence=[item(MaskOperation="AVG_SUB")]),
        "colour": states.state(image, sop_class=states.COLOR),
        "rotation": states.state(image, ImageRotation=45),
        "graphic": states.state(image, **drawn(graphic("CIRCLE", [1.0, 1.0]))),
    }
    stored(subject, image)
    for name, state in refused.items():
        assert web.stow(data.file_of(state)).status_code == 200
        answer = web.get(path_of(state), PNG)
        assert answer.status_code == 406, f"{name}: {answer.status_code}"


def test_annotation_and_quality_go_with_a_state(web, subject):
    """PS3.18 §8.3.5.1.1, §8.3.5.1.2."""
    image = grey(numpy.full((200, 400), 1000))
    state = states.state(image, ImageRotation=90)
    stored(subject, image, state)
    plain, named = picture(web, state), picture(web, state, annotation="patient")
    assert plain.shape == named.shape == (400, 200) and (plain != named).any()
    small, large = (
        len(web.get(path_of(state), JPEG, quality=quality, annotation="patient").content)
        for quality in ("5", "95")
    )
    assert small < large


def test_an_answer_changes_with_its_state(web, subject):
    """RFC 9110 §8.8.3: a tag of its own for each state; the same for the same."""
    image = grey()
    one, other = states.state(image), states.state(image, ImageRotation=90)
    stored(subject, image, one, other)
    tags = [web.get(path_of(state), PNG).headers["ETag"] for state in (one, one, other)]
    assert tags[0] == tags[1] != tags[2]


# Colour.

@functools.cache
def profile():
    """A profile of sRGB, made by Little CMS."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_a_color_state(web, subject):
    """PS3.3 §A.33.2: colours as they are, turned, with the profile of the state in the picture."""
    values = numpy.arange(4 * 6 * 3, dtype="u1").reshape(4, 6, 3) * 3
    image = data.instance(
        rows=4, Columns=6, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8,
        BitsStored=8, HighBit=7, PixelData=values.tobytes(), SOPClassUID="1.2.840.10008.5.1.4.1.1.7",
    )
    image["PixelData"].VR = "OB"
    layers = [item(GraphicLayer="A", GraphicLayerOrder="1", GraphicLayerRecommendedDisplayCIELabValue=[35579, 53664, 50858])]
    state = states.state(
        image, sop_class=states.COLOR, ImageRotation=90, ICCProfile=profile(), GraphicLayerSequence=layers,
        GraphicAnnotationSequence=[
            item(GraphicLayer="A", GraphicObjectSequence=[graphic("POLYLINE", [0.5, 0.5, 0.5, 0.5])]),
        ],
    )
    stored(subject, image, state)
    answer = web.get(path_of(state), PNG)
    assert answer.status_code == 200
    wanted = numpy.rot90(values, -1).astype(int)
    wanted[0, 3] = (255, 0, 0)
    assert numpy.abs(pixels(answer.content) - wanted).max() <= 3
    assert Image.open(io.BytesIO(answer.content)).info["icc_profile"] == profile()
    assert "icc_profile" not in Image.open(io.BytesIO(web.get(path_of(state), PNG, iccprofile="no").content)).info


def test_a_pseudo_color_state(web, subject):
    """PS3.3 §A.33.3: grey through the state's palette."""
    image = grey()
    state = states.state(
        image, sop_class=states.PSEUDO_COLOR, ICCProfile=profile(), SoftcopyVOILUTSequence=[window(2000, 3000)],
    )
    ramps = {"Red": range(256), "Green": range(255, -1, -1), "Blue": [7] * 256}
    for colour, entries in ramps.items():
        descriptor = f"{colour}PaletteColorLookupTable"
        state.add_new(f"{descriptor}Descriptor", "US", [256, 0, 16])
        setattr(state, f"{descriptor}Data", b"".join((entry * 257).to_bytes(2, "little") for entry in entries))
    stored(subject, image, state)
    shade = numpy.clip((VALUES - 1999.5) / 2999 + 0.5, 0, 1) * 255
    wanted = numpy.stack([shade, 255 - shade, numpy.full(shade.shape, 7)], axis=-1)
    assert numpy.abs(picture(web, state) - wanted).max() <= 1.01

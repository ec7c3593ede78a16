"""PS3.18 §10.4.1.1.5, §10.4.1.1.6: all bulk data and all pixel data of a study, a series, an instance."""

import numpy
import pytest
import requests
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    MPEG4HP41, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless,
    SecondaryCaptureImageStorage,
)

import data
import samples
from bulk import bodies, references
from clients import JSON, Web, parts, path_of, stored

OCTETS = 'multipart/related; type="application/octet-stream"'
ANY = f"{OCTETS}; transfer-syntax=*"
RLE = 'multipart/related; type="image/dicom-rle"'


def located(answer):
    """The parts by where they are, in their order; a location is told once."""
    assert answer.status_code in (200, 206), answer.text[:300]
    found = {}
    for part in parts(answer):
        assert part.headers["content-location"] not in found
        found[part.headers["content-location"]] = part.body
    return found


def expected(web, item, metadata, dataset, syntax):
    """Where the values of an instance are and what they hold, as stored; nothing for those that pydicom does not keep."""
    root, found = web.root, {}
    for path, url in references(metadata):
        url = url if url.startswith("http") else f"{root}{path_of(item)}/{url}"
        values = bodies(dataset, path, syntax)
        if values is None or len(values) == 1:
            found[url] = values and values[0]
        else:
            where = f"{root}{path_of(item)}/frames"
            found |= {f"{where}/{number}": value for number, value in enumerate(values, 1)}
    return found


def same(found, wanted):
    """Whether all is there, in its order, and nothing else."""
    assert list(found) == list(wanted)
    for url, value in wanted.items():
        assert value is None or found[url] == value, url


@pytest.mark.only("causeway")
@pytest.mark.parametrize("sample", [pytest.param(one, id=one.name) for one in samples.good("ALL BULK")])
def test_all_long_values_of_an_instance(kept, sample):
    """PS3.18 §10.4.3.3.5: what the metadata name by a URI, and nothing else, is in the answer, as pydicom has it."""
    (metadata,) = kept.web.get(f"{kept(sample)}/metadata", JSON).json()
    wanted = expected(kept.web, sample, metadata, sample.dataset(), sample.transfer_syntax)
    answer = kept.web.get(f"{kept(sample)}/bulkdata", ANY)
    if not wanted:
        assert answer.status_code == 404
        return
    same(located(answer), wanted)
    assert answer.status_code == 200


def rle(item, frames):
    """The image with those frames, coded."""
    item.NumberOfFrames, item.Rows, item.Columns = len(frames), *frames[0].shape
    item.BitsAllocated, item.BitsStored, item.HighBit = 8, 8, 7
    options = {
        "rows": item.Rows, "columns": item.Columns, "samples_per_pixel": 1, "bits_allocated": 8, "bits_stored": 8,
        "pixel_representation": 0, "photometric_interpretation": "MONOCHROME2", "number_of_frames": 1, "index": 0,
    }
    item.PixelData = encapsulate([RLELosslessEncoder.encode(frame.tobytes(), **options) for frame in frames])
    item["PixelData"].VR, item["PixelData"].is_undefined_length = "OB", True
    return item


FRAMES = [numpy.arange(64, dtype="u1").reshape(8, 8), numpy.full((8, 8), 9, "u1")]


class Held:
    """A study of two series: values in items, a report without any, coded frames, other layouts."""

    def __init__(self, subject):
        about = {"StudyInstanceUID": data.uid(), "PatientID": data.patient_id()}
        first = {**about, "SeriesInstanceUID": data.uid(), "SeriesNumber": 1}
        plain = data.instance(rows=64, InstanceNumber=1, **first)
        block = plain.private_block(0x0029, "CONFORMANCE TEST", create=True)
        block.add_new(0x01, "OB", bytes(range(256)) * 17)
        inner = data.Dataset()
        inner.private_block(0x0029, "CONFORMANCE TEST", create=True).add_new(0x01, "OB", bytes(range(256)) * 9)
        block.add_new(0x02, "SQ", [data.Dataset(), inner])
        report = data.instance(InstanceNumber=2, PixelData=None, **first)
        coded = rle(data.instance(InstanceNumber=3, transfer_syntax=RLELossless, **first), FRAMES)
        second = {**about, "SeriesInstanceUID": data.uid(), "SeriesNumber": 2}
        others = [
            data.instance(InstanceNumber=number, transfer_syntax=syntax, **second)
            for number, syntax in
            enumerate((ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian), 1)
        ]
        self.items = [plain, report, coded, *others]
        self.series = [self.items[:3], others]
        self.report = report
        for item in self.items:
            stored(subject, item)
        self.web = Web(subject.dicomweb)

    def wanted(self, items):
        """Where the values are and what they hold."""
        found = {}
        for item in items:
            (metadata,) = self.web.get(f"{path_of(item)}/metadata", JSON).json()
            found |= expected(self.web, item, metadata, item, item.file_meta.TransferSyntaxUID)
        return found

    def places(self):
        """Each path with the instances that are below it."""
        yield path_of(self.items[0], "study"), self.items
        for items in self.series:
            yield path_of(items[0], "series"), items
        for item in self.items:
            if item is not self.report:
                yield path_of(item), [item]


@pytest.fixture(scope="module")
def held(subject):
    """A study with long values of many kinds."""
    return Held(subject)


@pytest.mark.only("causeway")
def test_all_long_values_below_each_level(held):
    """PS3.18 Table 10.4.1.5-1, Table 10.4.1.6-1: instance after instance, as they are stored."""
    for path, items in held.places():
        wanted = held.wanted(items)
        same(located(held.web.get(f"{path}/bulkdata", ANY)), wanted)
        # The same, as callers of old ask for it (PS3.18 §10.4.4, note 2).
        same(located(held.web.get(path, ANY)), wanted)
        if len(items) > 1:
            pixels = {url: body for url, body in wanted.items() if url.endswith("/bulkdata/7FE00010") or "/frames/" in url}
            same(located(held.web.get(f"{path}/pixeldata", ANY)), pixels)


@pytest.mark.only("causeway")
def test_coded_frames_as_samples(held):
    """PS3.18 §8.7.3.3: where octets are asked for and no more is said, all frames are one representation."""
    path = path_of(held.items[0], "series")
    found = located(held.web.get(f"{path}/pixeldata", OCTETS))
    assert list(found.values()) == [held.items[0].PixelData, b"".join(frame.tobytes() for frame in FRAMES)]
    assert list(found) == [f"{held.web.root}{path_of(item)}/bulkdata/7FE00010" for item in (held.items[0], held.items[2])]


@pytest.mark.only("causeway")
def test_what_has_no_form_is_left_out_and_the_answer_says_so(held):
    """PS3.18 §8.5: 206 where a part could not be given."""
    for resource in ("bulkdata", "pixeldata"):
        answer = held.web.get(f"{path_of(held.items[0], 'study')}/{resource}", RLE)
        assert answer.status_code == 206
        assert answer.headers["Warning"].startswith("299 ")
        assert list(located(answer)) == [f"{held.web.root}{path_of(held.items[2])}/frames/{number}" for number in (1, 2)]
        assert {part.headers["content-type"].split(";")[0] for part in parts(answer)} == {"image/dicom-rle"}
        assert "image/dicom-rle" in answer.headers["Content-Type"]
    both = held.web.get(f"{path_of(held.items[0], 'series')}/pixeldata", f"{RLE}, {OCTETS};q=0.5")
    assert both.status_code == 200
    kinds = [part.headers["content-type"].split(";")[0] for part in parts(both)]
    assert kinds == ["application/octet-stream", "image/dicom-rle", "image/dicom-rle"]


@pytest.mark.only("causeway")
def test_what_cannot_be_decoded_is_left_out(subject, web):
    """PS3.18 §8.7.3.3: a film is given as it is, and not as samples."""
    plain = data.instance()
    film = data.instance(
        transfer_syntax=MPEG4HP41, StudyInstanceUID=plain.StudyInstanceUID, PatientID=plain.PatientID, NumberOfFrames=2,
        InstanceNumber=2, SeriesInstanceUID=plain.SeriesInstanceUID, SOPClassUID=SecondaryCaptureImageStorage,
        PixelData=encapsulate([bytes(64)]),
    )
    film["PixelData"].VR, film["PixelData"].is_undefined_length = "OB", True
    stored(subject, plain, film)
    path = path_of(plain, "study")
    answer = web.get(f"{path}/pixeldata", OCTETS)
    assert (answer.status_code, list(located(answer).values())) == (206, [plain.PixelData])
    assert web.get(f"{path_of(film)}/bulkdata", OCTETS).status_code == 406
    assert web.get(f"{path}/pixeldata", ANY).status_code == 200


@pytest.mark.only("causeway")
def test_what_is_given_in_nothing_that_was_asked_for(held):
    """PS3.18 §8.7.8.1, §10.4.4 note 3: 406, and 406 too for single parts, which are for single items."""
    for path, _ in held.places():
        for accept in ("application/octet-stream", "image/dicom-rle", 'multipart/related; type="image/jls"', "text/csv"):
            assert held.web.get(f"{path}/bulkdata", accept).status_code == 406, accept
    plain = path_of(held.series[1][0], "series")
    assert held.web.get(f"{plain}/pixeldata", RLE).status_code == 406


@pytest.mark.only("causeway")
def test_where_there_are_no_long_values(held, web):
    """PS3.18 §10.4.3.1: 404."""
    for resource in ("bulkdata", "pixeldata"):
        assert web.get(f"{path_of(held.report)}/{resource}", ANY).status_code == 404
        for level in ("study", "series"):
            assert web.get(f"{path_of(data.instance(), level)}/{resource}", ANY).status_code == 404


@pytest.mark.only("causeway")
def test_a_broken_image_is_no_success(subject, web):
    """PS3.18 §8.5: what fails at once is told in a status."""
    broken = data.instance(transfer_syntax=JPEGBaseline8Bit, PixelData=encapsulate([b"\xff\xd8 is no image"]))
    broken["PixelData"].VR, broken["PixelData"].is_undefined_length = "OB", True
    stored(subject, broken)
    assert web.get(f"{path_of(broken, 'study')}/pixeldata", OCTETS).status_code == 406
    assert web.get(f"{path_of(broken, 'study')}/pixeldata", ANY).status_code == 200


@pytest.mark.only("causeway")
def test_pixels_of_icons_are_long_values_and_no_pixel_data(subject, web):
    """PS3.18 §10.4.3.3.6."""
    icon = data.Dataset()
    icon.SamplesPerPixel, icon.PhotometricInterpretation, icon.Rows, icon.Columns = 1, "MONOCHROME2", 8, 8
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 8, 8, 7, 0
    icon.PixelData = bytes(64)
    icon["PixelData"].VR = "OW"
    (item,) = stored(subject, data.instance(IconImageSequence=[icon]))
    bulk, pixels = (located(web.get(f"{path_of(item, 'study')}/{kind}", OCTETS)) for kind in ("bulkdata", "pixeldata"))
    assert [url.partition("/bulkdata/")[2] for url in bulk] == ["00880200/1/7FE00010", "7FE00010"]
    assert [url.partition("/bulkdata/")[2] for url in pixels] == ["7FE00010"]


@pytest.mark.only("causeway")
def test_the_same_answer_is_not_sent_again(held):
    """RFC 9110 §13.1.2; what was asked for in another form is another answer."""
    path = f"{held.web.root}{path_of(held.items[0], 'study')}/bulkdata"
    tags = set()
    for accept in (ANY, OCTETS, RLE):
        tag = requests.get(path, headers={"Accept": accept}, timeout=20).headers["ETag"]
        again = requests.get(path, headers={"Accept": accept, "If-None-Match": tag}, timeout=20)
        assert (again.status_code, again.content) == (304, b"")
        tags.add(tag)
    assert len(tags) == 3


@pytest.mark.only("causeway")
def test_a_study_of_many_instances_takes_little_memory(own_subject):
    """Values go through; nothing is gathered."""
    images = data.study(1, 100, rows=32768)
    web = Web(own_subject.dicomweb)
    for image in images:
        assert web.stow(data.file_of(image)).status_code == 200
    own_subject.forget_peak()
    before = own_subject.resident_bytes()
    url = f"{web.root}{path_of(images[0], 'study')}/pixeldata"
    came = 0
    with requests.get(url, headers={"Accept": OCTETS}, stream=True, timeout=60) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_content(1 << 20):
            came += len(piece)
    size = len(images[0].PixelData)
    assert came > size * len(images)
    # What is prepared behind the stores meanwhile takes its place as well.
    assert own_subject.peak_bytes() - before < size * len(images) // 3

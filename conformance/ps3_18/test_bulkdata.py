"""PS3.18 §10.4.1.1.5, §10.4.1.1.6: what the BulkDataURIs of the metadata lead to, and pixel data."""

import io
from urllib.parse import urljoin

import numpy
import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless,
)

import data
import samples
from bulk import bodies, element, little_endian, references
from clients import JSON, Web, parts, path_of, stored

OCTETS = 'multipart/related; type="application/octet-stream"'
ALONE = "application/octet-stream"


@pytest.mark.only("causeway")
@pytest.mark.parametrize("sample", [pytest.param(one, id=one.name) for one in samples.good("BULK")])
def test_every_reference_leads_to_its_value(kept, sample):
    """PS3.18 §10.4.3.3.5: the octets of the element that the metadata name."""
    (metadata,) = kept.web.get(f"{kept(sample)}/metadata", JSON).json()
    dataset = sample.dataset()
    for path, url in references(metadata):
        url = urljoin(f"{kept.web.root}{kept(sample)}/", url)
        found = element(dataset, path)
        if found.tag == 0x7FE00010 and UID(sample.transfer_syntax).is_encapsulated:
            answer = requests.get(url, headers={"Accept": f"{OCTETS}; transfer-syntax=*"}, timeout=60)
            assert answer.status_code == 200, answer.text[:300]
            assert [part.body for part in parts(answer)] == bodies(dataset, path, sample.transfer_syntax)
            continue
        answer = requests.get(url, headers={"Accept": ALONE}, timeout=60)
        assert answer.status_code == 200, answer.text[:300]
        assert int(answer.headers["Content-Length"]) == len(answer.content)
        if isinstance(found.value, bytes):
            assert answer.content == little_endian(found.value, found.VR, sample.transfer_syntax)


@pytest.fixture(scope="module")
def held(subject):
    """An instance with long values, outside and inside of items."""
    item = data.instance(rows=64)
    block = item.private_block(0x0029, "CONFORMANCE TEST", create=True)
    block.add_new(0x01, "OB", bytes(range(256)) * 17)
    inner = Dataset()
    inner.private_block(0x0029, "CONFORMANCE TEST", create=True).add_new(0x01, "OB", bytes(reversed(range(256))) * 9)
    block.add_new(0x02, "SQ", [Dataset(), inner])
    (item,) = stored(subject, item)
    return item


@pytest.fixture(scope="module")
def uris(subject, held):
    """The URLs of its long values."""
    (metadata,) = Web(subject.dicomweb).get(f"{path_of(held)}/metadata", JSON).json()
    base = f"{subject.dicomweb}{path_of(held)}/"
    return {path: urljoin(base, url) for path, url in references(metadata)}


def fetch(url, accept=ALONE, **headers):
    """GET with these headers; an underscore stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(url, headers={"Accept": accept, **named}, timeout=20)


@pytest.mark.only("causeway")
def test_values_within_items_are_reached(held, uris):
    """PS3.18 §F.2.2: wherever the attribute stands."""
    values = {path: fetch(url).content for path, url in uris.items()}
    assert values == {
        ("00291001",): bytes(range(256)) * 17,
        ("00291002", 1, "00291001"): bytes(reversed(range(256))) * 9,
        ("7FE00010",): held.PixelData,
    }


def test_a_value_as_a_part(held, uris):
    """PS3.18 §10.4.3.3.5: the Content-Location is the URI of the metadata."""
    answer = fetch(uris[("7FE00010",)], OCTETS)
    assert answer.status_code == 200
    (part,) = parts(answer)
    assert part.body == held.PixelData
    assert part.headers["content-type"].split(";")[0] == ALONE


@pytest.mark.only("causeway")
def test_a_part_says_where_it_is(uris):
    """PS3.18 §8.6.1.2.2."""
    for url in uris.values():
        (part,) = parts(fetch(url, OCTETS))
        assert part.headers["content-location"] == url
        assert fetch(url).headers["Content-Location"] == url


RANGES = [("bytes=0-0", 0, 1), ("bytes=10-99", 10, 100), ("bytes=2000-", 2000, 2048), ("bytes=-5", 2043, 2048),
          ("bytes=2040-9999", 2040, 2048)]


@pytest.mark.parametrize(("asked", "first", "end"), RANGES, ids=[asked for asked, _, _ in RANGES])
@pytest.mark.only("causeway")
def test_a_range_of_a_value(held, uris, asked, first, end):
    """RFC 9110 §14: 206, with the range that is given."""
    answer = fetch(uris[("7FE00010",)], Range=asked)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/2048"
    assert answer.content == held.PixelData[first:end]


@pytest.mark.only("causeway")
def test_a_range_that_is_not_there(uris):
    """RFC 9110 §15.5.17: 416, with the length there is."""
    answer = fetch(uris[("7FE00010",)], Range="bytes=2048-")
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */2048")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-2", "pages=1-2", "bytes=x-"])
@pytest.mark.only("causeway")
def test_what_is_no_single_range_gets_all(held, uris, asked):
    """RFC 9110 §14.2: a server may pass it over."""
    answer = fetch(uris[("7FE00010",)], Range=asked)
    assert (answer.status_code, answer.content) == (200, held.PixelData)


@pytest.mark.only("causeway")
def test_a_range_of_the_version_that_is_known(held, uris):
    """RFC 9110 §13.1.5: If-Range."""
    url = uris[("7FE00010",)]
    tag = fetch(url).headers["ETag"]
    assert fetch(url, Range="bytes=0-1", If_Range=tag).status_code == 206
    assert fetch(url, Range="bytes=0-1", If_Range='"other"').status_code == 200


@pytest.mark.only("causeway")
def test_a_value_that_is_known_is_not_sent_again(uris):
    """RFC 9110 §13.1.2."""
    for url in uris.values():
        answer = fetch(url)
        again = fetch(url, If_None_Match=answer.headers["ETag"])
        assert (again.status_code, again.content) == (304, b"")
        head = requests.head(url, headers={"Accept": ALONE}, timeout=20)
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]


@pytest.mark.parametrize("attribute", ["00291003", "00291002/1/00291001", "00291002/3/00291001", "7FE00009"])
@pytest.mark.only("causeway")
def test_an_attribute_that_is_not_there(web, held, attribute):
    """PS3.18 §10.4.3.1: 404."""
    assert web.get(f"{path_of(held)}/bulkdata/{attribute}", ALONE).status_code == 404


@pytest.mark.parametrize("attribute", ["x", "7FE0001", "00291002/0/00291001", "00291002/1", "00291002/1/", "..%2f7FE00010"])
@pytest.mark.only("causeway")
def test_what_names_no_attribute(web, held, attribute):
    """PS3.18 §10.4.3.1: 400."""
    assert web.get(f"{path_of(held)}/bulkdata/{attribute}", ALONE).status_code == 400


@pytest.mark.only("causeway")
def test_what_a_value_is_not_given_in(uris):
    """PS3.18 §8.7.8.1: 406."""
    for accept in ("image/jpeg", "text/csv", f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.4.50"):
        assert fetch(uris[("7FE00010",)], accept).status_code == 406


@pytest.mark.parametrize("syntax", [
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
], ids=["explicit", "implicit", "big endian", "deflated"])
@pytest.mark.only("causeway")
def test_values_are_little_endian_whatever_is_stored(subject, web, syntax):
    """PS3.18 §8.7.3.3.1."""
    (item,) = stored(subject, data.instance(transfer_syntax=syntax, rows=64))
    value = dcmread(io.BytesIO(data.file_of(item))).PixelData
    expected = little_endian(value, "OW", syntax)
    for resource in ("bulkdata/7FE00010", "pixeldata"):
        assert web.get(f"{path_of(item)}/{resource}", ALONE).content == expected


@pytest.mark.only("causeway")
def test_pixel_data_of_an_instance(web, held):
    """PS3.18 §10.4.3.3.6: under the URI of the metadata."""
    (part,) = parts(web.get(f"{path_of(held)}/pixeldata", OCTETS))
    assert part.body == held.PixelData
    assert part.headers["content-location"] == f"{web.root}{path_of(held)}/bulkdata/7FE00010"


@pytest.mark.only("causeway")
def test_an_instance_without_pixel_data(subject, web):
    """PS3.18 §10.4.3.1: 404."""
    (item,) = stored(subject, data.instance(PixelData=None))
    for resource in ("bulkdata/7FE00010", "pixeldata"):
        assert web.get(f"{path_of(item)}/{resource}", ALONE).status_code == 404


@pytest.mark.only("causeway")
def test_coded_pixel_data_as_samples(kept):
    """PS3.18 §8.7.3.3: one representation of all frames, or one for each."""
    found = [one for one in samples.good("BULK") if one.name.endswith("emri_small_RLE.dcm")]
    if not found:
        pytest.skip("the sample is absent")
    (sample,) = found[:1]
    dataset = sample.dataset()
    expected = dataset.pixel_array.tobytes()
    answer = kept.web.get(f"{kept(sample)}/pixeldata", ALONE)
    assert (answer.status_code, answer.content) == (200, expected)
    assert int(answer.headers["Content-Length"]) == len(expected)
    whole = kept.web.get(f"{kept(sample)}/pixeldata", OCTETS)
    (part,) = parts(whole)
    assert (part.body, int(whole.headers["Content-Length"])) == (expected, len(whole.content))
    each = kept.web.get(f"{kept(sample)}/pixeldata", 'multipart/related; type="image/dicom-rle"')
    assert len(parts(each)) == dataset.NumberOfFrames
    assert kept.web.get(f"{kept(sample)}/pixeldata", "image/dicom-rle").status_code == 406


@pytest.mark.only("causeway")
def test_a_coded_icon(subject, web):
    """PS3.3 §C.7.6.1.1.6: an image of its own, coded as its item says, and given as samples as any other."""
    plain = numpy.arange(64, dtype="u1").reshape(8, 8)
    item = data.instance(transfer_syntax=RLELossless, Rows=4, PixelData=None)
    icon = Dataset()
    icon.SamplesPerPixel, icon.PhotometricInterpretation, icon.Rows, icon.Columns = 1, "MONOCHROME2", 8, 8
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 8, 8, 7, 0
    coded = RLELosslessEncoder.encode(
        plain.tobytes(), rows=8, columns=8, samples_per_pixel=1, bits_allocated=8, bits_stored=8, number_of_frames=1,
        pixel_representation=0, photometric_interpretation="MONOCHROME2", index=0,
    )
    icon.PixelData = encapsulate([coded])
    icon["PixelData"].VR, icon["PixelData"].is_undefined_length = "OB", True
    item.IconImageSequence = [icon]
    stored(subject, item)
    (metadata,) = web.get(f"{path_of(item)}/metadata", JSON).json()
    ((path, url),) = references(metadata)
    assert path == ("00880200", 0, "7FE00010")
    url = urljoin(f"{subject.dicomweb}{path_of(item)}/", url)
    assert fetch(url).content == plain.tobytes()
    (part,) = parts(fetch(url, 'multipart/related; type="image/dicom-rle"'))
    assert part.body == coded + b"\0" * (len(coded) % 2)
    assert part.headers["content-location"] == url
    assert fetch(url, "image/dicom-rle").content == part.body


@pytest.mark.only("causeway")
def test_dicomweb_client(subject, held, uris):
    """PS3.18 §10.4.1.1.5: a client of another make."""
    from dicomweb_client.api import DICOMwebClient
    assert DICOMwebClient(subject.dicomweb).retrieve_bulkdata(uris[("7FE00010",)]) == [held.PixelData]

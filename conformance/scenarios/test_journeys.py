"""Files of many makes go in by each door, and come back over WADO-RS as they were.

PS3.4 §B.4.1 (level 2: everything is kept), PS3.18 §8.7.3 (implicit VR and big endian are not used on the web).
"""

import io

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import data
import samples
from clients import REFERENCED_SOP_SEQUENCE, Web, associate, value

DOORS = ["C-STORE", "STOW"]
CONTEXTS_MAX = 100
NOT_FOR_THE_WEB = {ImplicitVRLittleEndian, ExplicitVRBigEndian}
# Files that Orthanc refuses, or changes on the way.
ORTHANC_FAILS = {
    "693_J2KI.dcm", "SC_rgb_rle_16bit_2frame.dcm", "rtdose_rle.dcm", "rtdose_rle_1frame.dcm",
    "emri_small_jpeg_ls_lossless.dcm", "explicit_VR-UN.dcm", "dx_image.dcm",
    "2-CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
    "CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
    "CTImage.dcm_JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91.dcm",
    "CTImage.dcm_JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81.dcm",
}
CASES = [(door, index) for door in DOORS for index in range(len(samples.good()))]


@pytest.fixture(scope="module")
def sent(own_subject, tmp_path_factory):
    """Sends every sample by each door once: what was answered, by door and name."""
    answers = {}
    for sample in samples.good("STOW"):
        answers["STOW", sample.name] = stow(Web(own_subject.dicomweb), sample)
    path = tmp_path_factory.mktemp("samples") / "sample.dcm"
    left = sorted(samples.good("C-STORE"), key=lambda sample: (sample.sop_class, sample.transfer_syntax))
    while left:
        # An association that a sample breaks takes no further ones: the next sample begins another.
        contexts = list(dict.fromkeys((sample.sop_class, sample.transfer_syntax) for sample in left))[:CONTEXTS_MAX]
        with associate(
            own_subject, [(sop_class, [syntax]) for sop_class, syntax in contexts], seconds=5,
        ) as association:
            while left and (left[0].sop_class, left[0].transfer_syntax) in contexts and association.is_established:
                sample = left.pop(0)
                path.write_bytes(sample.bytes())
                answers["C-STORE", sample.name] = c_store(association, path)
    return answers


def c_store(association, path):
    """The status of a C-STORE in words."""
    try:
        answer = association.send_c_store(path)
    except (RuntimeError, ValueError) as reason:
        return str(reason)
    return f"{answer.Status:04X}" if "Status" in answer else "no answer"


def stow(web, sample):
    """The same for STOW-RS."""
    answer = web.stow(sample.bytes())
    if answer.status_code == 200:
        items = answer.json()[REFERENCED_SOP_SEQUENCE]["Value"]
        if [value(item, "00081155") for item in items] == [sample.sop_instance]:
            return "0000"
    return f"{answer.status_code} {answer.text[:300]}"


def test_there_is_something_to_send():
    """pydicom brings its files with it."""
    assert len(samples.good()) > 150


@pytest.mark.parametrize(("door", "index"), CASES, ids=lambda case: case if isinstance(case, str) else samples.good()[case].name)
def test_a_journey(own_subject, sent, door, index, request):
    """Accepted, and what comes back is the data set to the byte; or, where the web forbids its transfer syntax,
    the same values in explicit VR little endian."""
    sample = samples.good(door)[index]
    if own_subject.name == "orthanc" and sample.transfer_syntax in NOT_FOR_THE_WEB:
        request.applymarker(pytest.mark.xfail(reason="sends implicit VR and big endian as it has stored them"))
    if own_subject.name == "orthanc" and sample.path.name in ORTHANC_FAILS:
        request.applymarker(pytest.mark.xfail(reason="refuses it, or changes it on the way", strict=False))
    assert sent[door, sample.name] == "0000"
    file = Web(own_subject.dicomweb).instance(sample.study, sample.series, sample.sop_instance)
    if sample.transfer_syntax not in NOT_FOR_THE_WEB:
        assert data.transfer_syntax(file) == sample.transfer_syntax
        same = data.split(file)[1] == data.split(sample.bytes())[1]
        if not same and own_subject.name == "orthanc" and door == "C-STORE":
            assert_same_values(dcmread(io.BytesIO(file)), sample.dataset(), False)
            pytest.xfail("writes data sets that come over C-STORE anew: the values are the same")
        assert same, "not the bytes that were sent"
        return
    assert data.transfer_syntax(file) == ExplicitVRLittleEndian
    big = sample.transfer_syntax == ExplicitVRBigEndian
    assert_same_values(dcmread(io.BytesIO(file)), sample.dataset(), big)


def assert_same_values(got, sent, big_endian):
    """The same elements with the same values; group lengths say something of the encoding and may go."""
    def tags(dataset):
        return [tag for tag in sorted(dataset.keys()) if tag.element != 0]

    assert tags(got) == tags(sent)
    for tag in tags(sent):
        one, other = got.get_item(tag), sent.get_item(tag)
        if one.VR == other.VR == "UN":  # before pydicom looks for a VR of its own: bytes of no known order
            assert one.value == other.value, tag
            continue
        one, other = got[tag], sent[tag]
        if "SQ" in (one.VR, other.VR) and one.VR == other.VR:
            assert len(one.value) == len(other.value), tag
            for item, sent_item in zip(one.value, other.value):
                assert_same_values(item, sent_item, big_endian)
        elif "UN" not in (one.VR, other.VR):
            assert plain(one, False) == plain(other, big_endian), tag


WIDTHS = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}


def plain(element, big_endian):
    """A value as it compares: bulk in little endian, text without padding."""
    given = element.value
    if isinstance(given, bytes):
        width = WIDTHS.get(element.VR, 1)
        if big_endian and width > 1:
            given = b"".join(given[at:at + width][::-1] for at in range(0, len(given), width))
        return given.rstrip(b"\0") if width == 1 else given
    return str(given).strip("\0 ") if given is not None else ""

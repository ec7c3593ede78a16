"""PS3.4 §C.4.2, PS3.5 §8.2 and §10.1: a peer that takes only a plain transfer syntax is given the pixels decoded.

Files of many makes go in as they are and are moved to a receiver that takes nothing but implicit, or nothing but
explicit, VR little endian. What arrives has the pixels that pydicom, with decoders of others, makes of the original.
"""

import functools
import io
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import data
import samples
from clients import MOVE, Receiver, Web, associate, identifier, move, parts
from pixels import (
    DEFLATED_FRAME, ENCAPSULATED, HTJ2K, HTJ2K_LOSSLESS, HTJ2K_RPCL, JPEG_2000_LOSSLESS, JPEG_LS_LOSSY, JPEG_XL,
    JPEG_XL_LOSSLESS, RLE, assert_same, decoded, has_pixels, same_image,
)
from subjects.base import free_port

pytestmark = pytest.mark.only("causeway")

SYNTAXES = {"implicit": ImplicitVRLittleEndian, "explicit": ExplicitVRLittleEndian}
CONTEXTS_MAX = 100
CODED = Path(__file__).resolve().parents[2] / "testdata" / "codecs"

# Files that do not arrive, with what is in the way.
NOT_ARRIVING = {
    "color-pl.dcm": "pynetdicom, the receiver, has no service for the retired SOP class of ultrasound",
    "color-px.dcm": "pynetdicom, the receiver, has no service for the retired SOP class of ultrasound",
    "CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm":
        "progressive JPEG of 12 bits (retired) has no decoder here, nor in pydicom",
    "CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm":
        "spectral selection of 12 bits (retired) has no decoder here, nor in pydicom",
    "JPEG2000-embedded-sequence-delimiter.dcm":
        "its codestream was broken to hold the bytes of a delimiter; pydicom's decoders refuse it too",
}
@functools.cache
def with_pixels():
    """The samples that have pixels."""
    return [sample for sample in samples.good("TRANSCODING") if has_pixels(sample)]


def cases():
    """Each sample with each syntax."""
    for sample in with_pixels():
        reason = NOT_ARRIVING.get(Path(sample.name).name)
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        for syntax in SYNTAXES:
            yield pytest.param(sample, syntax, marks=marks, id=f"{sample.name}-{syntax}")


class Moved:
    """What was moved to a receiver that takes one transfer syntax."""

    def __init__(self, subject, syntax, folder):
        self.syntax = SYNTAXES[syntax]
        self.folder = folder
        self.receiver = Receiver(f"PLAIN{free_port()}", syntaxes=[self.syntax])
        self.receiver.__enter__()
        self.subject = subject
        subject.add_remote(self.receiver.ae_title.lower(), self.receiver.ae_title, self.receiver.port)

    def kept(self, sample):
        """The file of a sample, moved when it is first asked for."""
        path = self.folder / f"{sample.sop_instance}-{self.syntax}.dcm"
        if not path.exists():
            path.write_bytes(self.file(sample.study, sample.series, sample.sop_instance))
            self.receiver.arrivals.clear()
        return path

    def file(self, study, series, instance):
        """The instance as it arrives; fails when it does not."""
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": instance}
        before = len(self.receiver.arrivals)
        status, _, _ = move(self.subject, identifier("IMAGE", **keys), self.receiver.ae_title)
        arrivals = self.receiver.arrivals[before:]
        assert status.Status == 0x0000, (status.Status, status.get("ErrorComment"))
        (arrival,) = arrivals
        assert (arrival.sop_instance, arrival.transfer_syntax) == (instance, self.syntax)
        return data.header(arrival.sop_class, arrival.sop_instance, arrival.transfer_syntax) + arrival.body


@pytest.fixture(scope="module")
def receivers(own_subject, tmp_path_factory):
    """A receiver for each syntax."""
    folder = tmp_path_factory.mktemp("moved")
    made = {syntax: Moved(own_subject, syntax, folder) for syntax in SYNTAXES}
    yield made
    for moved in made.values():
        moved.receiver.__exit__()


@pytest.fixture(scope="module")
def sent(own_subject, tmp_path_factory):
    """Every sample, stored as it is."""
    path = tmp_path_factory.mktemp("samples") / "sample.dcm"
    left = sorted(with_pixels(), key=lambda sample: (sample.sop_class, sample.transfer_syntax))
    for _ in range(len(left)):
        if not left:
            break
        contexts = list(dict.fromkeys((sample.sop_class, sample.transfer_syntax) for sample in left))[:CONTEXTS_MAX]
        with associate(own_subject, [(sop_class, [syntax]) for sop_class, syntax in contexts]) as association:
            while left and (left[0].sop_class, left[0].transfer_syntax) in contexts:
                path.write_bytes(left[0].bytes())
                answer = association.send_c_store(path)
                if "Status" not in answer:
                    # The client mislays an answer now and then when the machine is busy: once more, then.
                    break
                assert answer.Status == 0x0000, left[0].name
                left.pop(0)
    assert not left


@pytest.mark.parametrize(("sample", "syntax"), cases())
def test_a_sample_arrives_plain(own_subject, sent, receivers, sample, syntax):
    """PS3.5 §8.2: the same pixels; every other attribute as it was, but for those that say how pixels are laid out."""
    original = sample.dataset()
    arrived = dcmread(receivers[syntax].kept(sample))
    assert_attributes(arrived, original)
    assert_same(decoded(arrived), decoded(same_image(sample, original)), sample.transfer_syntax)


LAYOUT = {"PhotometricInterpretation", "PlanarConfiguration", "PixelData", "ExtendedOffsetTable",
          "ExtendedOffsetTableLengths"}


def assert_attributes(arrived, original):
    """Nothing but what describes the layout of pixels has changed."""
    for item in (arrived, original):
        for element in [one for one in item if one.tag.element == 0]:
            del item[element.tag]
    kept = [element.tag for element in original if element.keyword not in LAYOUT and not element.tag.is_private]
    changed = [element.tag for element in arrived if element.keyword not in LAYOUT and not element.tag.is_private]
    assert changed == kept
    if original.file_meta.TransferSyntaxUID.is_encapsulated:
        assert not {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"} & {one.keyword for one in arrived}
    if original.file_meta.TransferSyntaxUID == arrived.file_meta.TransferSyntaxUID:
        assert arrived.PixelData == original.PixelData
    else:
        assert len(arrived.PixelData) % 2 == 0


@pytest.mark.parametrize(("sample", "syntax"), cases())
def test_dciodvfy_finds_no_new_error(own_subject, sent, receivers, sample, syntax, tmp_path):
    """PS3.3: decoded, the instance meets its IOD as well as it did before."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy of dicom3tools is not installed")
    before = tmp_path / "before.dcm"
    file = sample.bytes()
    if sample.transfer_syntax == DeflatedExplicitVRLittleEndian:
        # It does not look into those.
        file = data.header(sample.sop_class, sample.sop_instance, ExplicitVRLittleEndian) + data.inflated(file)
    before.write_bytes(file)
    assert errors(receivers[syntax].kept(sample)) - errors(before) == set()


def errors(path):
    """What dciodvfy calls an error, without where in the file it stands."""
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, errors="replace", timeout=60)
    lines = (done.stdout + done.stderr).splitlines()
    return {re.sub(r"0x[0-9a-f]+", "0x", line).strip() for line in lines if line.startswith("Error")}


# What no sample has: made here of frames that other coders made.

def image(name, syntax, fragments=None, frames=1, photometric=None, extended=False):
    """An instance of the coded frame of `testdata/codecs` with that name, and its samples."""
    depth, count = name.rsplit("-", 1)[1].split("x")
    bits, signed, colour = int(depth.rstrip("s")), depth.endswith("s"), count == "3"
    coded = (CODED / f"{name}.bin").read_bytes()
    item = data.instance(
        Rows=17, Columns=24, BitsAllocated=8 if bits <= 8 else 16, BitsStored=bits, HighBit=bits - 1,
        PixelRepresentation=int(signed), SamplesPerPixel=int(count), transfer_syntax=UID(syntax),
        PhotometricInterpretation=photometric or ("RGB" if colour else "MONOCHROME2"),
    )
    if colour:
        item.PlanarConfiguration = 0
    if frames > 1:
        item.NumberOfFrames = frames
    wrapped(item, [coded] * frames, fragments or 1, extended)
    kind = ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    shape = (17, 24, 3) if colour else (17, 24)
    one = numpy.frombuffer((CODED / f"samples-{depth}x{count}.raw").read_bytes(), f"<{kind}").reshape(shape)
    return item, numpy.stack([one] * frames) if frames > 1 else one


def wrapped(item, coded, fragments, extended):
    """Puts coded frames into the item."""
    if extended:
        item.PixelData, item.ExtendedOffsetTable, item.ExtendedOffsetTableLengths = encapsulate_extended(coded)
    else:
        item.PixelData = encapsulate(coded, fragments_per_frame=fragments)
    item["PixelData"].VR = "OB"
    item["PixelData"].is_undefined_length = True


def stored_file(subject, item):
    """Stores the instance, its bytes as pydicom writes them."""
    answer = Web(subject.dicomweb).stow(data.file_of(item))
    assert answer.status_code == 200, answer.text


def arrived(receivers, syntax, item):
    """The instance as a receiver gets it."""
    file = receivers[syntax].file(item.StudyInstanceUID, item.SeriesInstanceUID, item.SOPInstanceUID)
    return dcmread(io.BytesIO(file))


MADE = [
    *((f"htj2k-lossless-{kind}", syntax, 0)
      for kind in ("8x1", "8x3", "12x1", "16sx1") for syntax in (HTJ2K_LOSSLESS, HTJ2K_RPCL)),
    ("htj2k-lossy-8x1", HTJ2K, 2),
    *((f"j2k-lossless-{kind}", JPEG_2000_LOSSLESS, 0) for kind in ("12sx1", "16sx1")),
    *((f"jxl-lossless-{kind}", JPEG_XL_LOSSLESS, 0) for kind in ("8x1", "8x3", "16x1")),
    ("jxl-lossy-8x3", JPEG_XL, 64),
    *((f"jls-mode{mode}-near3-8x3", JPEG_LS_LOSSY, 3) for mode in (1, 2)),
]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("name", "stored_as", "most"), MADE)
def test_frames_of_codecs_without_a_sample(own_subject, receivers, name, stored_as, most, syntax):
    """PS3.5 §8.2: High-Throughput JPEG 2000, JPEG XL, and signed or interleaved kinds of the others."""
    photometric = "YBR_RCT" if name == "htj2k-lossless-8x3" else None
    item, samples_of_it = image(name, stored_as, photometric=photometric)
    stored_file(own_subject, item)
    got = arrived(receivers, syntax, item)
    assert got.PhotometricInterpretation == ("RGB" if item.SamplesPerPixel == 3 else "MONOCHROME2")
    difference = numpy.abs(got.pixel_array.astype(int) - samples_of_it.astype(int))
    assert difference.max() <= most


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("fragments", "extended"), [(1, False), (3, False), (1, True)])
def test_frames_are_told_apart(own_subject, receivers, fragments, extended, syntax):
    """PS3.5 §A.4: by fragment, by offset table, by extended offset table; which do not outlive it."""
    item, samples_of_it = image("j2k-lossless-8x3", JPEG_2000_LOSSLESS, fragments, 7, "YBR_RCT", extended)
    stored_file(own_subject, item)
    got = arrived(receivers, syntax, item)
    assert numpy.array_equal(got.pixel_array, samples_of_it)
    assert "ExtendedOffsetTable" not in got and got.PhotometricInterpretation == "RGB"


@pytest.mark.parametrize("stored_as", [DEFLATED_FRAME, ENCAPSULATED])
def test_frames_that_are_only_wrapped(own_subject, receivers, stored_as):
    """PS3.5 §A.4: each frame deflated by itself, or as it is; an odd length of all is padded once."""
    frames = [bytes((index * step) % 256 for index in range(15)) for step in (3, 5, 7)]
    item = data.instance(Rows=3, Columns=5, BitsAllocated=8, BitsStored=8, HighBit=7, NumberOfFrames=3,
                         transfer_syntax=UID(stored_as))
    deflate = lambda frame: (packer := zlib.compressobj(wbits=-15)).compress(frame) + packer.flush()  # noqa: E731
    wrapped(item, [deflate(frame) if stored_as == DEFLATED_FRAME else frame for frame in frames], 1, False)
    stored_file(own_subject, item)
    for syntax in SYNTAXES:
        assert arrived(receivers, syntax, item).PixelData == b"".join(frames) + b"\0"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_coded_icon_is_decoded(own_subject, receivers, syntax):
    """PS3.5 §A.4: pixel data inside an item may be encapsulated too."""
    item, samples_of_it = image("j2k-lossless-8x3", JPEG_2000_LOSSLESS, photometric="YBR_RCT")
    icon = Dataset()
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
                    "SamplesPerPixel", "PlanarConfiguration", "PhotometricInterpretation"):
        setattr(icon, keyword, getattr(item, keyword))
    wrapped(icon, [(CODED / "j2k-lossless-8x3.bin").read_bytes()], 1, False)
    item.IconImageSequence = [icon]
    stored_file(own_subject, item)
    got = arrived(receivers, syntax, item)
    (icon,) = got.IconImageSequence
    assert icon.PhotometricInterpretation == "RGB"
    assert icon.PixelData == samples_of_it.tobytes() and got.PixelData == icon.PixelData


def test_what_cannot_be_decoded_fails_in_words_and_nothing_else_does(own_subject, receivers):
    """PS3.4 §C.4.2.1.5: the sub-operation fails, with its UID, and the others go on on the same association."""
    good, _ = image("j2k-lossless-12x1", JPEG_2000_LOSSLESS)
    bad, _ = image("j2k-lossless-12x1", JPEG_2000_LOSSLESS)
    liar, _ = image("j2k-lossless-12x1", JPEG_2000_LOSSLESS)
    wrapped(bad, [(CODED / "j2k-lossless-12x1.bin").read_bytes()[:200]], 1, False)
    liar.Rows, liar.Columns = 60000, 60000
    for number, item in enumerate((bad, liar, good), 1):
        item.StudyInstanceUID, item.InstanceNumber, item.PatientID = good.StudyInstanceUID, number, good.PatientID
        stored_file(own_subject, item)
    before = len(receivers["implicit"].receiver.arrivals)
    status, answer, _ = move(own_subject, identifier("STUDY", StudyInstanceUID=good.StudyInstanceUID),
                             receivers["implicit"].receiver.ae_title)
    assert status.Status == 0xB000
    assert (status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations) == (1, 2)
    assert set(answer.FailedSOPInstanceUIDList) == {bad.SOPInstanceUID, liar.SOPInstanceUID}
    (arrival,) = receivers["implicit"].receiver.arrivals[before:]
    assert arrival.sop_instance == good.SOPInstanceUID


@pytest.mark.parametrize("name", ["j2k-lossless-12x1", "jls-near5-12x1"])
def test_the_web_gives_explicit_little_endian_to_who_names_it(own_subject, name):
    """PS3.18 §8.7.3: decoded where it is named; what may be lossy is not inflated for who names nothing."""
    syntax = JPEG_2000_LOSSLESS if name.startswith("j2k") else JPEG_LS_LOSSY
    item, samples_of_it = image(name, syntax)
    stored_file(own_subject, item)
    path = (f"/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}"
            f"/instances/{item.SOPInstanceUID}")
    web = Web(own_subject.dicomweb)

    def given(parameter):
        (part,) = parts(web.get(path, f'multipart/related; type="application/dicom"{parameter}'))
        return dcmread(io.BytesIO(part.body))

    named = given(f"; transfer-syntax={ExplicitVRLittleEndian}")
    assert named.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    most = 5 if syntax == JPEG_LS_LOSSY else 0
    assert numpy.abs(named.pixel_array.astype(int) - samples_of_it.astype(int)).max() <= most
    unsaid = given("").file_meta.TransferSyntaxUID
    assert unsaid == (JPEG_LS_LOSSY if syntax == JPEG_LS_LOSSY else ExplicitVRLittleEndian)
    assert given("; transfer-syntax=*").file_meta.TransferSyntaxUID == syntax


def test_a_receiver_that_takes_the_stored_syntax_gets_it(own_subject):
    """PS3.7 §D.3.3.4: what is stored goes out to the byte where the peer takes it, whatever else it takes."""
    item, _ = image("j2k-lossless-12x1", JPEG_2000_LOSSLESS)
    stored_file(own_subject, item)
    with Receiver(f"ALL{free_port()}") as receiver:
        own_subject.add_remote(receiver.ae_title.lower(), receiver.ae_title, receiver.port)
        status, _, _ = move(own_subject, identifier("STUDY", StudyInstanceUID=item.StudyInstanceUID), receiver.ae_title)
        assert status.Status == 0x0000
        (arrival,) = receiver.arrivals
    assert (arrival.transfer_syntax, arrival.body) == (JPEG_2000_LOSSLESS, data.encoded(item))


FRAMES, SIDE = 1100, 512
DECODED_BYTES = FRAMES * SIDE * SIDE * 2
MEMORY_BYTES_MAX = 96 * 1024 * 1024


def test_half_a_gigabyte_is_decoded_frame_by_frame(own_subject, folder):
    """PS3.5 §A.4: what the node holds meanwhile does not grow with the number of frames."""
    if shutil.which("storescp") is None:
        pytest.skip("storescp of DCMTK is not installed")
    plane = (numpy.add.outer(numpy.arange(SIDE), numpy.arange(SIDE)) * 3 % 4096).astype("<u2")
    coded = RLELosslessEncoder.encode(
        plane.tobytes(), rows=SIDE, columns=SIDE, samples_per_pixel=1, bits_allocated=16, bits_stored=12,
        pixel_representation=0, photometric_interpretation="MONOCHROME2", number_of_frames=1,
        encoding_plugin="pydicom",
    )
    item = data.instance(Rows=SIDE, Columns=SIDE, NumberOfFrames=FRAMES, transfer_syntax=UID(RLE))
    wrapped(item, [coded] * FRAMES, 1, False)
    stored_file(own_subject, item)
    name, port = f"STORE{free_port()}", free_port()
    own_subject.add_remote(name.lower(), name, port)
    receiving = subprocess.Popen(["storescp", "-aet", name, "-od", str(folder), "+xi", str(port)])
    try:
        own_subject.forget_peak()
        before = own_subject.resident_bytes()
        query = identifier("STUDY", StudyInstanceUID=item.StudyInstanceUID)
        # One sub-operation, and no word before it is done.
        with associate(own_subject, [MOVE["STUDY"]], seconds=300) as association:
            *_, (status, _) = association.send_c_move(query, name, MOVE["STUDY"])
        assert status.Status == 0x0000
        grown = own_subject.peak_bytes() - before
    finally:
        receiving.terminate()
        receiving.wait()
    print(f"decoded {DECODED_BYTES >> 20} MiB, the node grew by {grown >> 20} MiB")
    assert grown < MEMORY_BYTES_MAX, grown
    (file,) = [path for path in folder.iterdir() if path.stat().st_size > DECODED_BYTES]
    got = dcmread(file)
    assert got.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert len(got.PixelData) == DECODED_BYTES and got.PixelData == plane.tobytes() * FRAMES

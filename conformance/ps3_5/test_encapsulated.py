"""PS3.5 §A.4: encapsulated pixel data: kept and handed on fragment by fragment; what cannot be decoded is not."""

import struct

import pytest

import data
import wire
from acceptor import Acceptor
from clients import ACCEPT_EXPLICIT, assert_kept, associate, contexts_of, identifier, move, stored
from subjects.base import free_port

JPEG, RLE, MPEG2, H264 = (
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102",
)
#: Video, as one fragment or in many (PS3.5 §8.2.5 to §8.2.8): each has a twin whose UID ends in `.1`.
VIDEO = [f"1.2.840.10008.1.2.4.{number}" for number in (100, 101, 102, 103, 104, 105, 106, 107, 108)]
FRAGMENTABLE = [
    pytest.param(f"{syntax}.1", marks=pytest.mark.orthanc_fails(reason="does not know it")) for syntax in VIDEO[:-2]
]
VIDEO_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.4.1"


def item(content):
    """An item of an encapsulated value."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def encapsulated(syntax, fragments, table=b"", extended=None, sop_class=wire.CT_IMAGE, frames=1):
    """An instance whose pixel data are these fragments behind this offset table."""
    made = data.instance(
        transfer_syntax=syntax, SOPClassUID=sop_class, BitsAllocated=8, BitsStored=8, HighBit=7, NumberOfFrames=frames,
        PixelData=None,
    )
    if extended is not None:
        made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = extended
    from pydicom.dataelem import DataElement
    # The delimiter is pydicom's to write.
    made["PixelData"] = DataElement(0x7FE00010, "OB", item(table) + b"".join(map(item, fragments)), is_undefined_length=True)
    return made


SOI, EOI = b"\xff\xd8\xff\xe0", b"\xff\xd9"
LAYOUTS = {
    "an empty table, one fragment": lambda: encapsulated(JPEG, [SOI + bytes(90) + EOI]),
    "an empty table, three fragments": lambda: encapsulated(JPEG, [SOI + bytes(20), bytes(30), bytes(38) + EOI]),
    "a fragment of nothing": lambda: encapsulated(JPEG, [SOI + bytes(20), b"", bytes(38) + EOI]),
    "a table of two frames": lambda: encapsulated(
        JPEG, [SOI + bytes(10) + EOI, SOI + bytes(20) + EOI], struct.pack("<II", 0, 24), frames=2,
    ),
    "an extended table of two frames": lambda: encapsulated(
        JPEG, [SOI + bytes(10) + EOI, SOI + bytes(20) + EOI], b"",
        (struct.pack("<QQ", 0, 24), struct.pack("<QQ", 16, 26)), frames=2,
    ),
    "RLE": lambda: encapsulated(RLE, [struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\0" * 2]),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_fragments_are_kept_as_they_are(subject, web, layout):
    """PS3.5 §A.4: the basic offset table may be empty, a frame may be cut into fragments; none of it is changed."""
    made = layout()
    stored(subject, made)
    assert_kept(web, made)
    with Acceptor(f"RAW{free_port()}") as other:
        subject.add_remote(other.ae_title.lower(), other.ae_title, other.port)
        status, _, _ = move(subject, identifier("STUDY", StudyInstanceUID=made.StudyInstanceUID), other.ae_title)
    assert status.Status == 0x0000
    ((message,)) = other.messages
    assert message.syntax == made.file_meta.TransferSyntaxUID
    assert message.body == data.encoded(made)


@pytest.mark.parametrize("syntax", VIDEO + FRAGMENTABLE)
def test_video_is_taken_and_handed_on_as_it_is(subject, web, syntax):
    """PS3.5 §8.2.5 to §8.2.8: each video transfer syntax, and its fragmentable twin."""
    fragments = [b"\0\0\1\xb3" + bytes(500)] * (3 if syntax.endswith(".1") else 1)
    made = encapsulated(syntax, fragments, sop_class=VIDEO_CLASS, frames=25)
    with associate(subject, contexts_of([made])) as association:
        assert association.send_c_store(made).Status == 0x0000
    assert_kept(web, made)


@pytest.mark.orthanc_fails(reason="ends with C000")
def test_video_is_not_decoded_for_who_does_not_take_it(subject, web):
    """PS3.4 §C.4.2.3.1: the sub-operation fails, and is told of; nothing else is sent in its place. On the web there is
    no explicit VR little endian of it either (PS3.18 §8.7.3)."""
    made = encapsulated(H264, [bytes(600)], sop_class=VIDEO_CLASS, frames=25)
    stored(subject, made)
    plain = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}
    choose = lambda context: next((syntax for syntax in context.syntaxes if syntax in plain), None)  # noqa: E731
    with Acceptor(f"RAW{free_port()}", choose=choose) as other:
        subject.add_remote(other.ae_title.lower(), other.ae_title, other.port)
        status, answer, _ = move(subject, identifier("STUDY", StudyInstanceUID=made.StudyInstanceUID), other.ae_title)
    assert (status.Status, status.NumberOfFailedSuboperations) == (0xA702, 1)
    assert answer.FailedSOPInstanceUIDList == made.SOPInstanceUID
    assert other.messages == []
    path = f"/studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}/instances/{made.SOPInstanceUID}"
    assert web.get(path, ACCEPT_EXPLICIT).status_code == 406

"""Data sets and files that tests make for themselves. Every call makes new UIDs unless they are given."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from typing import Any

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

UID_PREFIX = "1.2.826.0.1.3680043.8.498."
_numbers = itertools.count(1)


def uid() -> str:
    """A UID that no other test has."""
    return str(generate_uid(prefix=UID_PREFIX))


def patient_id() -> str:
    """A Patient ID that no other test has."""
    return f"T{uid()[-10:]}N{next(_numbers)}"


def instance(rows: int = 16, **attributes: Any) -> Dataset:
    """A small CT image in explicit VR little endian; `attributes` by keyword replace what it has by itself.

    An attribute given as `None` is left out.
    """
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = uid()
    dataset.StudyInstanceUID = uid()
    dataset.SeriesInstanceUID = uid()
    dataset.StudyDate = "20240115"
    dataset.StudyTime = "101500"
    dataset.AccessionNumber = "A1"
    dataset.Modality = "CT"
    dataset.ReferringPhysicianName = "Referrer^Rita"
    dataset.StudyDescription = "Chest"
    dataset.SeriesDescription = "Axial"
    dataset.PatientName = "Test^Patient"
    dataset.PatientID = patient_id()
    dataset.PatientBirthDate = "19700101"
    dataset.PatientSex = "O"
    dataset.StudyID = "S1"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = rows
    dataset.Columns = 16
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = bytes(index * 7 % 256 for index in range(rows * 16)) * 2
    dataset["PixelData"].VR = "OW"
    syntax = attributes.pop("transfer_syntax", ExplicitVRLittleEndian)
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CTImageStorage)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def study(series: int = 2, instances: int = 2, **attributes: Any) -> list[Dataset]:
    """The instances of one study, of one patient, in order."""
    common = {"StudyInstanceUID": uid(), "PatientID": patient_id(), **attributes}
    made = []
    for series_number in range(1, series + 1):
        series_uid = uid()
        for number in range(1, instances + 1):
            made.append(instance(**{
                "SeriesInstanceUID": series_uid, "SeriesNumber": series_number, "InstanceNumber": number, **common,
            }))
    return made


def file_of(dataset: Dataset) -> bytes:
    """The data set as a DICOM file."""
    buffer = io.BytesIO()
    syntax = dataset.file_meta.TransferSyntaxUID
    dcmwrite(
        buffer, dataset, enforce_file_format=True,
        little_endian=syntax != ExplicitVRBigEndian, implicit_vr=syntax == ImplicitVRLittleEndian,
    )
    return buffer.getvalue()


def encoded(dataset: Dataset) -> bytes:
    """The data set alone, in the transfer syntax of its File Meta Information."""
    return split(file_of(dataset))[1]


def explicit_little_endian(dataset: Dataset) -> bytes:
    """The data set alone, in explicit VR little endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def split(file: bytes) -> tuple[dict[int, bytes], bytes]:
    """The File Meta Information's values by element, and the data set's bytes behind it (PS3.10 §7.1)."""
    assert file[128:132] == b"DICM", "no DICM prefix at 128"
    at, elements = 132, {}
    while file[at:at + 2] == b"\x02\x00":
        element, vr = struct.unpack_from("<H2s", file, at + 2)
        if vr in (b"OB", b"UN", b"OW", b"SQ", b"UT"):
            length, start = struct.unpack_from("<I", file, at + 8)[0], at + 12
        else:
            length, start = struct.unpack_from("<H", file, at + 6)[0], at + 8
        elements[element] = file[start:start + length]
        at = start + length
    return elements, file[at:]


def transfer_syntax(file: bytes) -> str:
    """The transfer syntax that a file's header names."""
    return split(file)[0][0x0010].rstrip(b"\0 ").decode()


def header(sop_class: str, sop_instance: str, syntax: str) -> bytes:
    """The preamble and File Meta Information of a file, written by hand so that nothing is checked."""
    def element(number: int, vr: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        if vr == b"OB":
            return struct.pack("<HH2sHI", 2, number, vr, 0, len(value)) + value
        return struct.pack("<HH2sH", 2, number, vr, len(value)) + value

    body = (
        element(0x0001, b"OB", b"\0\1")
        + element(0x0002, b"UI", sop_class.encode())
        + element(0x0003, b"UI", sop_instance.encode())
        + element(0x0010, b"UI", syntax.encode())
        + element(0x0012, b"UI", (UID_PREFIX + "1").encode())
    )
    return b"\0" * 128 + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(body)) + body


def inflated(file: bytes) -> bytes:
    """The data set's bytes with deflate undone, whatever its transfer syntax."""
    _, body = split(file)
    if transfer_syntax(file) == DeflatedExplicitVRLittleEndian:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body)
    return body


def film() -> Dataset:
    """Three frames of 8 bits, 6 columns and 4 rows, of shade 10, 20 and 30."""
    frames = b"".join(bytes([shade]) * 24 for shade in (10, 20, 30))
    item = instance(
        rows=4, Columns=6, NumberOfFrames=3, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=frames,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7.2",
    )
    item["PixelData"].VR = "OB"
    return item

"""Studies to look at: what viewers open, one patient each, so that searches tell them apart."""

from __future__ import annotations

from pathlib import Path

import numpy
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

import data
import samples

#: Slices of the computed tomography.
SLICES = 20
#: Rows and columns of each.
SIDE = 128
#: Larger than what is given along with metadata.
PDF_BYTES = 100_000


def ct() -> list[Dataset]:
    """A series of slices, no two of which look the same: a bright disc wanders over a slope of grey."""
    common = {
        "StudyInstanceUID": data.uid(), "SeriesInstanceUID": data.uid(), "FrameOfReferenceUID": data.uid(),
        "PatientName": "Wander^Disc", "PatientID": "VIEW-CT-1", "AccessionNumber": "ACC-4711", "StudyDate": "20240229",
        "StudyDescription": "Thorax native", "SeriesDescription": "Axial 5 mm", "BodyPartExamined": "CHEST",
    }
    y, x = numpy.mgrid[0:SIDE, 0:SIDE]
    made = []
    for number in range(SLICES):
        centre = SIDE * (number + 2) / (SLICES + 4)
        disc = (x - centre) ** 2 + (y - SIDE / 2) ** 2 < (SIDE / 8) ** 2
        pixels = numpy.where(disc, 1400, 700 + x * 2 + y * 2).astype("<u2")
        made.append(data.instance(
            **common, InstanceNumber=number + 1, Rows=SIDE, Columns=SIDE, PixelData=pixels.tobytes(),
            PixelSpacing=[2.0, 2.0], SliceThickness="5.0", SpacingBetweenSlices="5.0",
            ImagePositionPatient=[-SIDE, -SIDE, 5.0 * number], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU", WindowCenter="40", WindowWidth="800",
            ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
        ))
    return made


def pdf() -> list[Dataset]:
    """A document of one page (PS3.3 A.45.1)."""
    dataset = data.instance(
        SOPClassUID=EncapsulatedPDFStorage, Modality="DOC", PatientName="Paper^Piet", PatientID="VIEW-PDF-1",
        AccessionNumber="ACC-PDF", StudyDescription="Letter", SeriesDescription="Discharge letter", StudyDate="20240301",
    )
    for keyword in (
        "PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
        "SamplesPerPixel", "PhotometricInterpretation",
    ):
        delattr(dataset, keyword)
    page = _page("Causeway keeps this letter.", PDF_BYTES)
    dataset.DocumentTitle = "Discharge letter"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(page)
    dataset.EncapsulatedDocument = page + b"\0" * (len(page) % 2)
    dataset.BurnedInAnnotation = "NO"
    dataset.ConversionType = "WSD"
    return [dataset]


def _page(text: str, least_bytes: int) -> bytes:
    content = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode().ljust(least_bytes)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def from_samples(patient: str, *names: str) -> list[Dataset]:
    """Instances of the samples as one study under the name of `patient`; none where the samples are absent."""
    folder = samples.folder()
    made: list[Dataset] = []
    if folder is None:
        return made
    for name in names:
        dataset = dcmread(Path(folder) / name)
        dataset.PatientName = patient
        dataset.PatientID = f"VIEW-{patient.split('^')[0].upper()}"
        made.append(dataset)
    return made

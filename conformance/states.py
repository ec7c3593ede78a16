"""Softcopy presentation states (PS3.3 §A.33), made by pydicom."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

import data

GRAYSCALE, COLOR, PSEUDO_COLOR, BLENDING = (f"1.2.840.10008.5.1.4.1.1.11.{number}" for number in (1, 2, 3, 4))


def item(**attributes: Any) -> Dataset:
    """A data set of these attributes."""
    dataset = Dataset()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def reference(image: Dataset, *frames: int) -> Dataset:
    """A reference to an image, or to some of its frames."""
    found = item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)
    if frames:
        found.ReferencedFrameNumber = list(frames)
    return found


def references(*images: Dataset) -> list[Dataset]:
    """Items of Referenced Series Sequence, one for each series."""
    series: dict[str, list[Dataset]] = {}
    for image in images:
        series.setdefault(image.SeriesInstanceUID, []).append(reference(image))
    return [
        item(SeriesInstanceUID=uid, ReferencedImageSequence=found) for uid, found in series.items()
    ]


def window(center: float, width: float, *images: Dataset, **attributes: Any) -> Dataset:
    """An item of Softcopy VOI LUT Sequence, for some images or for all."""
    found = item(WindowCenter=str(center), WindowWidth=str(width), **attributes)
    if images:
        found.ReferencedImageSequence = [reference(image) for image in images]
    return found


def area(left: int, top: int, right: int, bottom: int, mode: str = "SCALE TO FIT", **attributes: Any) -> Dataset:
    """An item of Displayed Area Selection Sequence."""
    found = item(
        DisplayedAreaTopLeftHandCorner=[left, top], DisplayedAreaBottomRightHandCorner=[right, bottom],
        PresentationSizeMode=mode, PresentationPixelAspectRatio=["1", "1"],
    )
    for name, value in attributes.items():
        setattr(found, name, value)
    return found


def table(entries: list[int], first: int = 0, bits: int = 16, **attributes: Any) -> Dataset:
    """An item with a look-up table."""
    found = item(**attributes)
    found.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries) % 65536, first, bits])
    found.add_new("LUTData", "OW", b"".join(entry.to_bytes(2, "little") for entry in entries))
    return found


def layer(name: str, order: int, shade: int = 0xFFFF) -> Dataset:
    """An item of Graphic Layer Sequence."""
    return item(
        GraphicLayer=name, GraphicLayerOrder=str(order), GraphicLayerRecommendedDisplayGrayscaleValue=shade,
    )


def graphic(kind: str, points: list[float], units: str = "PIXEL", filled: str = "N") -> Dataset:
    """An item of Graphic Object Sequence."""
    return item(
        GraphicAnnotationUnits=units, GraphicDimensions=2, NumberOfGraphicPoints=len(points) // 2,
        GraphicData=points, GraphicType=kind, GraphicFilled=filled,
    )


def overlay(state: Dataset, group: int, bits: Any, layer_name: str | None = None, origin: tuple[int, int] = (1, 1)) -> None:
    """Puts an overlay plane, rows of zeros and ones, into a state or an image."""
    rows, columns = len(bits), len(bits[0])
    flat = [int(bit) for row in bits for bit in row]
    flat += [0] * (-len(flat) % 16)
    packed = bytes(sum(bit << place for place, bit in enumerate(flat[at:at + 8])) for at in range(0, len(flat), 8))
    state.add_new((group, 0x0010), "US", rows)
    state.add_new((group, 0x0011), "US", columns)
    state.add_new((group, 0x0040), "CS", "G")
    state.add_new((group, 0x0050), "SS", list(origin))
    state.add_new((group, 0x0100), "US", 1)
    state.add_new((group, 0x0102), "US", 0)
    state.add_new((group, 0x3000), "OW", packed)
    if layer_name:
        state.add_new((group, 0x1001), "CS", layer_name)


def state(*images: Dataset, sop_class: str = GRAYSCALE, **attributes: Any) -> Dataset:
    """A state of these images, which shows all of each as it is stored; attributes by keyword are put beside."""
    first = images[0]
    made = data.instance(SOPClassUID=sop_class, Modality="PR", StudyInstanceUID=first.StudyInstanceUID)
    for name in (
        "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
        "PhotometricInterpretation", "PixelData", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth",
        "PixelSpacing", "ImageType", "RescaleType",
    ):
        if name in made:
            del made[name]
    for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime"):
        setattr(made, name, first.get(name, ""))
    made.SeriesInstanceUID, made.SOPInstanceUID = data.uid(), data.uid()
    made.file_meta.MediaStorageSOPClassUID = sop_class
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.PresentationCreationDate, made.PresentationCreationTime = "20240102", "101500"
    made.ContentLabel, made.ContentDescription, made.ContentCreatorName = "STATE", "", ""
    made.InstanceNumber, made.Manufacturer = "1", "suite"
    made.ReferencedSeriesSequence = references(*images)
    made.DisplayedAreaSelectionSequence = [area(1, 1, first.Columns, first.Rows)]
    if sop_class == GRAYSCALE:
        made.PresentationLUTShape = "IDENTITY"
    for name, value in attributes.items():
        if value is None:
            del made[name]
        else:
            setattr(made, name, value)
    return made

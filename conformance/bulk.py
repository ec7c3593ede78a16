"""Long values: what metadata say of them, and what they are by pydicom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID, ExplicitVRBigEndian


def references(metadata: dict[str, Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Every BulkDataURI with the path of its attribute."""
    for tag, attribute in metadata.items():
        if "BulkDataURI" in attribute:
            yield (*path, tag), attribute["BulkDataURI"]
        if attribute["vr"] == "SQ":
            for index, item in enumerate(attribute.get("Value", [])):
                yield from references(item, (*path, tag, index))


def element(dataset: Dataset, path: tuple[Any, ...]) -> DataElement:
    """The element at a path of tags and indices."""
    *around, tag = path
    for sequence, index in zip(around[::2], around[1::2], strict=True):
        dataset = dataset[int(sequence, 16)].value[index]
    return dataset[int(tag, 16)]


def little_endian(value: bytes, vr: str, syntax: str) -> bytes:
    """The octets of a value as the web carries them."""
    width = {"OW": 2, "US": 2, "SS": 2, "OF": 4, "OL": 4, "FL": 4, "UL": 4, "SL": 4, "OD": 8, "FD": 8, "OV": 8}.get(vr)
    if syntax != ExplicitVRBigEndian or width is None:
        return value
    return numpy.frombuffer(value, f">u{width}").astype(f"<u{width}").tobytes()


def bodies(dataset: Dataset, path: tuple[Any, ...], syntax: str) -> list[bytes] | None:
    """The parts of a value as it is stored: octets, or coded frames; nothing where pydicom keeps no octets of it."""
    found = element(dataset, path)
    if found.tag == 0x7FE00010 and UID(syntax).is_encapsulated:
        table = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
        # An icon is one image.
        is_own = len(path) == 1
        return list(generate_frames(
            found.value, number_of_frames=int(dataset.get("NumberOfFrames") or 1) if is_own else 1,
            extended_offsets=table if is_own and all(table) else None,
        ))
    return [little_endian(found.value, found.VR, syntax)] if isinstance(found.value, bytes) else None

"""Samples with pixels, and what pydicom makes of them with decoders of others."""

from __future__ import annotations

from pathlib import Path

import numpy
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from samples import Sample

RLE, DEFLATED_FRAME, ENCAPSULATED = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"
JPEG, JPEG_EXTENDED, JPEG_LS_LOSSY = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81))
JPEG_2000_LOSSLESS, JPEG_2000 = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS, HTJ2K_RPCL, HTJ2K = (f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
JPEG_XL_LOSSLESS, JPEG_XL = "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.112"

# Most that a sample may differ from another decoder's, and the mean of all: what a codec leaves to its decoder is the
# rounding of its transform, how chrominance is interpolated, and how luminance and chrominance become RGB.
TOLERANCES = {
    JPEG: (16, 0.7),
    JPEG_EXTENDED: (2, 0.2),
    JPEG_2000: (1, 0.1),
    HTJ2K: (1, 0.1),
}

# Files that pydicom's decoders refuse, with the file of the same image that they take.
SAME_IMAGE = {"JPEG-lossy.dcm": "JPGExtended.dcm"}


def has_pixels(sample: Sample) -> bool:
    """Whether the file has pixel data of its own."""
    return "PixelData" in dcmread(sample.path, defer_size=1024)


def decoded(item: Dataset) -> numpy.ndarray:
    """The pixels as pydicom gives them, colour as RGB."""
    syntax = item.file_meta.TransferSyntaxUID
    item.pixel_array_options(**({"decoding_plugin": "pylibjpeg"} if prefers_pylibjpeg(syntax) else {}))
    return item.pixel_array


def prefers_pylibjpeg(syntax: UID) -> bool:
    """The plugin that pydicom would not take by itself, where there is one: the others cannot do all of them."""
    return syntax.is_encapsulated and "pylibjpeg" in get_decoder(syntax).available_plugins


def assert_same(found: numpy.ndarray, expected: numpy.ndarray, syntax: str) -> None:
    """The same samples, or as near as the codec allows."""
    assert found.shape == expected.shape
    most, mean = TOLERANCES.get(syntax, (0, 0))
    difference = numpy.abs(found.astype(numpy.int64) - expected.astype(numpy.int64))
    assert difference.max() <= most and difference.mean() <= mean, (difference.max(), difference.mean())


def same_image(sample: Sample, original: Dataset) -> Dataset:
    """What pydicom can decode of the sample's image."""
    other = SAME_IMAGE.get(Path(sample.name).name)
    return dcmread(sample.path.with_name(other)) if other else original

"""Makes the coded frames of this folder, and the samples that they were made of.

Run with imagecodecs 2026.3.6 and pyjpegls 1.5.1; what they write is committed, so that tests need neither. The name
of a file says codec, kind, bits of a sample with `s` for signed, samples of a pixel; the samples of a frame are in
the file `samples` with the same end of its name. Frames are 24 columns by 17 rows.
"""

from pathlib import Path

import imagecodecs
import jpeg_ls
import numpy

FOLDER = Path(__file__).parent
ROWS, COLUMNS = 17, 24


def image(bits, samples=1, signed=False):
    """A slope with waves and noise on it, and a flat part for runs."""
    noise = numpy.random.default_rng(7).normal(0, 2 ** bits / 60, (ROWS, COLUMNS))
    down, across = numpy.mgrid[0:ROWS, 0:COLUMNS]
    plane = (numpy.sin(across / 5) + numpy.cos(down / 4) + 2) / 4 * (2 ** bits - 1) + noise
    plane[5:12, 4:14] = 2 ** bits // 3
    plane = numpy.clip(numpy.rint(plane), 0, 2 ** bits - 1).astype(numpy.int64)
    plane[0, :3], plane[16, :3] = 0, 2 ** bits - 1
    if samples == 3:
        plane = numpy.stack([plane, numpy.roll(plane, 3, 0), numpy.roll(plane, 4, 1)], -1)
    if signed:
        plane -= 2 ** (bits - 1)
    kind = ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    return numpy.ascontiguousarray(plane.astype(f"<{kind}"))


def keep(name, coded, samples):
    """Writes a coded frame and its samples."""
    (FOLDER / f"{name}.bin").write_bytes(coded)
    (FOLDER / f"samples-{name.rsplit('-', 1)[1]}.raw").write_bytes(samples.tobytes())


def main():
    """All of them."""
    for bits, samples, signed in [(8, 1, False), (8, 3, False), (12, 1, False), (12, 1, True), (16, 1, True)]:
        pixels = image(bits, samples, signed)
        label = f"{bits}{'s' if signed else ''}x{samples}"
        depth = None if bits in (8, 16) else bits
        keep(f"j2k-lossless-{label}", imagecodecs.jpeg2k_encode(
            pixels, codecformat="j2k", reversible=True, level=0, bitspersample=depth), pixels)
        if bits != 12 or not signed:
            keep(f"htj2k-lossless-{label}", imagecodecs.htj2k_encode(pixels, reversible=True), pixels)
    for bits, samples in [(8, 1), (8, 3), (16, 1)]:
        pixels = image(bits, samples)
        keep(f"jxl-lossless-{bits}x{samples}", imagecodecs.jpegxl_encode(pixels, lossless=True), pixels)
    for bits, samples, near in [(8, 1, 0), (12, 1, 0), (16, 1, 0), (8, 1, 2), (12, 1, 5)]:
        pixels = image(bits, samples)
        keep(f"jls-near{near}-{bits}x{samples}", bytes(jpeg_ls.encode_array(pixels, lossy_error=near)), pixels)
    for mode, near in [(0, 0), (1, 0), (2, 0), (1, 3), (2, 3)]:
        pixels = image(8, 3)
        source = pixels.transpose(2, 0, 1).copy() if mode == 0 else pixels
        coded = jpeg_ls.encode_array(source, lossy_error=near, interleave_mode=mode)
        keep(f"jls-mode{mode}-near{near}-8x3", bytes(coded), pixels)
    for predictor in range(1, 8):
        for bits in (8, 12, 16):
            pixels = image(bits)
            coded = imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=bits)
            keep(f"jpeg-lossless{predictor}-{bits}x1", coded, pixels)
    colour = image(8, 3)
    keep("jpeg-lossless1-8x3", imagecodecs.jpeg8_encode(
        colour, lossless=True, predictor=1, colorspace="RGB", outcolorspace="RGB"), colour)
    keep("jpeg-baseline-8x1", imagecodecs.jpeg8_encode(image(8), level=95), image(8))
    keep("jpeg-baseline-8x3", imagecodecs.jpeg8_encode(
        colour, level=95, subsampling="444", colorspace="RGB", outcolorspace="YCbCr"), colour)
    keep("jpeg-extended-12x1", imagecodecs.jpeg8_encode(image(12), level=95, bitspersample=12), image(12))
    keep("j2k-lossy-8x3", imagecodecs.jpeg2k_encode(colour, codecformat="j2k", level=45), colour)
    keep("htj2k-lossy-8x1", imagecodecs.htj2k_encode(image(8), reversible=False, level=0.005), image(8))
    keep("jxl-lossy-8x3", imagecodecs.jpegxl_encode(colour, distance=0.5), colour)


if __name__ == "__main__":
    main()

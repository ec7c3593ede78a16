"""Files that others made: pydicom's own test files, and a folder of samples where there is one.

The folder is the one that `CAUSEWAY_SAMPLES` names, or `shared/samples` beside the checkout.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pydicom.data
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage

import data

# Larger ones say nothing that a smaller one of the kind does not, and take their time.
FILE_BYTES_MAX = 12 * 1024 * 1024

# End in the middle of an element, or of an item: no one need take them.
BROKEN = {"MR_truncated.dcm", "SC_rgb_jpeg.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm"}


def folder() -> Path | None:
    """Where the samples are; nothing when they are absent."""
    named = os.environ.get("CAUSEWAY_SAMPLES")
    path = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "samples"
    return path if path.is_dir() else None


@dataclass(frozen=True)
class Sample:
    """A file, its UIDs made its own so that no two samples are the same instance."""

    name: str
    path: Path
    original: str
    sop_class: str
    sop_instance: str
    series: str
    study: str
    transfer_syntax: str

    def bytes(self) -> bytes:
        """The file, with its own SOP Instance UID in place of the one it came with."""
        return _patched(self.path.read_bytes(), self.original, self.sop_instance)

    def dataset(self) -> Dataset:
        """What pydicom reads from it."""
        return dcmread(io.BytesIO(self.bytes()))


def _head(path: Path) -> Dataset:
    return dcmread(path, stop_before_pixels=True, specific_tags=[
        "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
    ])


def _own_uid(name: str, original: str) -> str:
    """A UID as long as the one it replaces, so that no length in the file changes."""
    room = len(original) - len("2.25.")
    if room < 4:
        return original
    number = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    digits = str(number)[:room]
    return "2.25." + ("1" + digits[1:]).ljust(room, "7")


def _patched(file: bytes, original: str, replacement: str) -> bytes:
    if data.transfer_syntax(file) != DeflatedExplicitVRLittleEndian:
        return file.replace(original.encode(), replacement.encode())
    _, body = data.split(file)
    meta = file[:len(file) - len(body)].replace(original.encode(), replacement.encode())
    plain = data.inflated(file).replace(original.encode(), replacement.encode())
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(plain) + packer.flush()
    return meta + body + b"\0" * (len(body) % 2)


def _found() -> list[tuple[str, Path]]:
    roots = [("pydicom", Path(pydicom.data.__file__).parent)]
    try:
        import data_store
        roots.append(("pydicom-data", Path(next(iter(data_store.__path__)))))
    except ImportError:
        pass
    if shared := folder():
        roots.append(("samples", shared))
    files = []
    for label, root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.name not in BROKEN and path.stat().st_size <= FILE_BYTES_MAX:
                files.append((f"{label}/{path.relative_to(root)}", path))
    return files


def _sample(name: str, path: Path, door: str) -> Sample | None:
    """The file as a sample; nothing when it is no instance of composite storage that its standard calls whole."""
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
    try:
        head = _head(path)
        dcmread(path, stop_before_pixels=False)
        original = str(head.SOPInstanceUID)
        uids = [str(head.SOPClassUID), original, str(head.SeriesInstanceUID), str(head.StudyInstanceUID)]
        syntax = str(head.file_meta.TransferSyntaxUID)
    except Exception:  # whatever pydicom cannot read is no sample of a good file
        return None
    if not all(UID(value).is_valid for value in uids) or uids[0] == MediaStorageDirectoryStorage:
        return None
    if not UID(syntax).is_transfer_syntax or str(head.file_meta.get("MediaStorageSOPInstanceUID", "")) != original:
        return None
    sop_class, original, series, study = uids
    own = _own_uid(f"{door} {name}", original)
    # A UID that begins with the replaced one is replaced in that part as well.
    series, study = series.replace(original, own), study.replace(original, own)
    return Sample(name, path, original, sop_class, own, series, study, syntax)


@functools.cache
def good(door: str = "") -> list[Sample]:
    """Every file that is a whole instance, in order of name. For each door the instances are others."""
    return [sample for name, path in _found() if (sample := _sample(name, path, door))]


@functools.cache
def hostile() -> list[tuple[str, bytes]]:
    """The malformed files by name. Skips the test that asks where the samples are absent."""
    shared = folder()
    if shared is None or not (shared / "malformed.tar.xz").exists():
        pytest.skip("the samples are absent: CAUSEWAY_SAMPLES names the folder with malformed.tar.xz")
    files = []
    with tarfile.open(shared / "malformed.tar.xz") as archive:
        for member in archive:
            if member.isfile() and (file := archive.extractfile(member)):
                content = file.read()
                if not member.name.endswith((".md", ".txt", ".json", ".csv", ".py")):
                    files.append((member.name, content))
    return sorted(files)

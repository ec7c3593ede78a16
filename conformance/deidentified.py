"""What is left of an instance whose identity was taken away, held to the table of PS3.15 2024e (Table E.1-1).

`confidentiality.json` has that table's facts: the action of the profile for each attribute, and those of its options.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

#: CID 7050.
CODES = {
    "": "113100", "clean-graphics": "113103", "clean-structured-content": "113104", "clean-descriptors": "113105",
    "retain-full-dates": "113106", "retain-modified-dates": "113107", "retain-patient-characteristics": "113108",
    "retain-device": "113109", "retain-uids": "113110", "retain-institution": "113112",
}
DATES = {"retain-full-dates": "UNMODIFIED", "retain-modified-dates": "MODIFIED"}
OF_THE_STANDARD = "1.2.840.10008."
#: What says that it was done, and how.
SAYS = {0x00120062, 0x00120063, 0x00120064, 0x00280303}


@cache
def table() -> dict[int, dict[str, str]]:
    """Actions by tag."""
    rows = json.loads((Path(__file__).parent / "confidentiality.json").read_text())
    return {int(tag, 16): row for tag, row in rows.items()}


@dataclass
class Profile:
    """A profile with options, and what was seen of its mappings over all instances that it was applied to."""

    options: list[str]
    uids: dict[str, str] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)

    def actions(self, tag: int) -> tuple[str, set[str]]:
        """The profile's own action, and those of the options that are taken."""
        row = table().get(tag)
        if row is None:
            return "K", set()
        taken = {(option, row[option]) for option in self.options if option in row}
        if ("retain-modified-dates", "C") in taken:
            return row["basic"], {"shift"}
        return row["basic"], {"K"} if any(action == "K" for _, action in taken) else {action for _, action in taken}

    def check(self, original: Dataset, arrived: Dataset) -> None:
        """Fails, naming the attribute, when one is left that must not be."""
        self._is_turned = original.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
        said = {item.CodeValue for item in arrived.DeidentificationMethodCodeSequence}
        assert said == {CODES[option] for option in ["", *self.options]}
        assert arrived.PatientIdentityRemoved == "YES"
        dates = next((DATES[option] for option in self.options if option in DATES), "REMOVED")
        assert arrived.LongitudinalTemporalInformationModified == dates
        self._patient = f"{original.get('IssuerOfPatientID', '')}|{original.get('PatientID', '')}"
        self._level(original, arrived, "")

    def _level(self, original: Dataset, arrived: Dataset, path: str) -> None:
        for element in arrived:
            if element.tag in SAYS and not path:
                continue
            name = f"{path}{element.keyword or element.tag}"
            assert not element.tag.is_private, f"{name} is private"
            assert element.tag.group & 0xFF01 not in (0x5000, 0x6000), f"{name} is drawn over the image"
            before = original.get(element.tag)
            if before is None:
                raise AssertionError(f"{name} was not there before")
            self._element(before, element, name)
        for element in original if not path else ():
            if self.actions(element.tag)[0] != "K" or not element.keyword or element.tag.is_private:
                continue
            drawn = element.tag.group & 0xFF01 in (0x5000, 0x6000) or element.tag == 0xFFFCFFFC
            if not drawn and element.tag.element and element.VR not in ("UN", "OB or OW"):
                assert element.tag in arrived, f"{element.keyword} is gone"

    def _element(self, before: DataElement, after: DataElement, name: str) -> None:
        basic, options = self.actions(after.tag)
        if after.VR == "SQ":
            return self._sequence(before, after, name)
        if "shift" in options and after.VR in ("DA", "DT", "TM"):
            return self._shifted(before, after, name)
        if "K" in options or basic == "K":
            if after.VR == "UI" and basic == "K":
                # References that the table does not name stay.
                return None
            if not self._within(name):
                assert same(before, after, self._is_turned), f"{name} was kept otherwise"
            return None
        if is_empty(before):
            return assert_empty(after, name)
        if basic == "U" or (basic == "D" and after.VR == "UI"):
            return self._uid(before, after, name)
        if "C" in options and basic in ("X", "X/D", "D", "Z", "Z/D"):
            words = set(re.findall(r"[^\W_]+", str(before.value)))
            left = set(re.findall(r"[^\W_]+", str(after.value)))
            assert left <= words or after.value in DUMMIES or is_empty(after), f"{name}: {after.value!r}"
            return None
        assert basic != "X", f"{name} is to be removed"
        if basic in ("D", "Z/D", "X/D", "X/Z/D"):
            assert not is_empty(after), f"{name} is empty"
        if basic in ("Z", "X/Z"):
            assert is_empty(after) or after.value != before.value, f"{name} is what it was"
        elif str(before.value) not in DUMMIES:
            assert after.value != before.value or zeros(after), f"{name} is what it was: {after.value!r}"
        return None

    def _within(self, name: str) -> bool:
        """Whether it stands in a sequence that is made of dummies, or cleaned."""
        return "." in name

    def _sequence(self, before: DataElement, after: DataElement, name: str) -> None:
        basic, options = self.actions(after.tag)
        if not options and basic == "X":
            assert len(after.value) == 0, f"{name} is to be removed"
        if not options and basic in ("Z", "X/Z"):
            assert len(after.value) == 0, f"{name} is to be empty"
        if before.VR != "SQ" or len(after.value) == 0:
            return
        assert len(after.value) == len(before.value), name
        for index, (one, other) in enumerate(zip(before.value, after.value, strict=True)):
            self._level(one, other, f"{name}[{index}].")

    def _uid(self, before: DataElement, after: DataElement, name: str) -> None:
        many = before.VM > 1
        pairs = zip(before.value, after.value, strict=True) if many else [(before.value, after.value)]
        for old, new in pairs:
            if str(old).startswith(OF_THE_STANDARD):
                assert old == new, f"{name}: {old} is of the standard"
                continue
            assert str(new).startswith("2.25.") and len(new) <= 64 and new != old, f"{name}: {new}"
            assert self.uids.setdefault(str(old), str(new)) == str(new), f"{name}: {old} became another before"

    def _shifted(self, before: DataElement, after: DataElement, name: str) -> None:
        if after.VR == "TM":
            assert str(after.value) == str(before.value) or str(after.value) in DUMMIES, name
            return
        pairs = zip(before.value, after.value, strict=True) if before.VM > 1 else [(before.value, after.value)]
        for old, new in pairs:
            old, new = day(old), day(new)
            if old is None or new is None or str(after.value) in DUMMIES:
                continue
            shift = (old - new).days
            assert shift > 0, f"{name}: {old} became {new}"
            assert self.days.setdefault(self._patient, shift) == shift, f"{name}: shifted by other days"


DUMMIES = {"Anonymized", "Anonymous", "ANON", "99ANON", "000Y", "0", "19000101", "19000101000000", "000000", "0.0",
           "urn:uuid:00000000-0000-0000-0000-000000000000"}


def day(text: object) -> datetime.date | None:
    """The date that a value of DA or DT begins with."""
    digits = re.match(r"(\d{4})\.?(\d\d)\.?(\d\d)", str(text))
    try:
        return datetime.date(*map(int, digits.groups())) if digits else None
    except ValueError:
        return None


def same(before: DataElement, after: DataElement, is_turned: bool) -> bool:
    """Whether both have one value. Words of 16 bits that were big endian are turned; an odd length is made even."""
    one, other = before.value, after.value
    if isinstance(one, bytes) and isinstance(other, bytes):
        if is_turned and before.VR == "OW":
            one = b"".join(one[at:at + 2][::-1] for at in range(0, len(one), 2))
        return other == one + b"\0" * (len(one) % 2)
    return one == other


def is_empty(element: DataElement) -> bool:
    return element.is_empty or str(element.value).strip("\0 ") == ""


def zeros(element: DataElement) -> bool:
    value = element.value
    if isinstance(value, bytes):
        return not value.strip(b"\0")
    return all(one == 0 for one in value) if isinstance(value, (list, tuple)) else value in (0, "0")


def assert_empty(element: DataElement, name: str) -> None:
    assert is_empty(element) or str(element.value) in DUMMIES, f"{name} was empty and is {element.value!r}"


def errors(path: Path) -> set[str]:
    """What dciodvfy calls an error, without where in the file it stands and which value it is."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy of dicom3tools is not installed")
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, errors="replace", timeout=60)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
    return {re.sub(r"<[^>]*>(?= (for|is)|$)|0x[0-9a-f]+|\[\d+\]", "", line).strip() for line in lines}

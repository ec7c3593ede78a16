"""The Native DICOM Model (PS3.19 §A.1), read into DICOM JSON by the rules of PS3.18 §F.3.1, so that the two compare."""

from __future__ import annotations

import re
import struct
from typing import Any
from xml.etree import ElementTree

GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
NUMBERS = {"FL", "FD", "SL", "SS", "UL", "US", "SV", "UV", "DS", "IS"}


#: Some declare it; the examples of PS3.18 do not.
NAMESPACE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def root(xml: bytes) -> ElementTree.Element:
    """The root of a document, its elements without their namespace."""
    found = ElementTree.fromstring(xml)
    for element in found.iter():
        element.tag = element.tag.removeprefix(NAMESPACE)
    assert found.tag == "NativeDicomModel", found.tag
    return found


def document(xml: bytes) -> dict[str, Any]:
    """The data set of a document."""
    return _data_set(root(xml))


def _data_set(element: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    blocks: dict[tuple[str, str], str] = {}
    for attribute in element:
        assert attribute.tag == "DicomAttribute", attribute.tag
        tag, told = attribute.get("tag", ""), _attribute(attribute)
        assert len(tag) == 8 and tag == tag.upper(), tag
        if creator := attribute.get("privateCreator"):
            assert tag[4:6] == "00", f"{tag} names its creator and its block"
            tag = tag[:4] + blocks[tag[:4], creator.strip()] + tag[6:]
        elif int(tag[:4], 16) % 2 and tag[4:6] == "00" and told.get("Value"):
            blocks[tag[:4], told["Value"][0].strip()] = tag[6:]
        assert tag not in found, f"{tag} twice"
        found[tag] = told
    return found


def _attribute(attribute: ElementTree.Element) -> dict[str, Any]:
    vr = attribute.get("vr")
    told: dict[str, Any] = {"vr": vr}
    values = []
    for child in attribute:
        if child.tag == "BulkData":
            told["BulkDataURI"] = child.get("uri")
        elif child.tag == "InlineBinary":
            told["InlineBinary"] = child.text or ""
        else:
            number = int(child.get("number", ""))
            assert number > len(values), attribute.get("tag")
            # Some leave empty values out, and let the numbers tell.
            values += [None] * (number - 1 - len(values))
            values.append(_value(child, vr))
    if values:
        told["Value"] = values
    return told


def _value(child: ElementTree.Element, vr: str | None) -> Any:
    if child.tag == "Item":
        return _data_set(child)
    if child.tag == "PersonName":
        groups = {group.tag: _name(group) for group in child}
        assert set(groups) <= set(GROUPS), groups
        return groups or None
    assert child.tag == "Value", child.tag
    return child.text


def _name(group: ElementTree.Element) -> str:
    components = {component.tag: component.text or "" for component in group}
    assert set(components) <= set(COMPONENTS), components
    return "^".join(components.get(component, "") for component in COMPONENTS).rstrip("^")


def comparable(data_set: dict[str, Any]) -> dict[str, Any]:
    """DICOM JSON of either source, as it compares.

    Numbers as numbers, those of FL in the digits that they have; names without empty components at their ends; U+FFFD
    for control characters, which XML 1.0 §2.2 does not have.
    """
    return {tag: _comparable(attribute) for tag, attribute in data_set.items()}


def _comparable(attribute: dict[str, Any]) -> dict[str, Any]:
    if "Value" not in attribute:
        return attribute
    vr = attribute["vr"]
    return {"vr": vr, "Value": [_one(value, vr) for value in attribute["Value"]]}


def _one(value: Any, vr: str) -> Any:
    if vr == "SQ":
        return comparable(value)
    if value in (None, ""):
        return None
    if vr == "PN":
        return {group: _plain(text).rstrip("^") for group, text in value.items()}
    if vr in NUMBERS:
        words = {"INF": "inf", "-INF": "-inf", "Infinity": "inf", "-Infinity": "-inf", "NaN": "NaN"}
        try:
            number = float(words.get(value, value))
        except ValueError:
            return _plain(value)
        if vr == "FL":
            (number,) = struct.unpack("<f", struct.pack("<f", number))
        return "NaN" if number != number else number
    return _plain(value)


def _plain(text: str) -> str:
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)

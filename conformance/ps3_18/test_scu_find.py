"""PS3.18 §10.6: the node as the one who asks: `causeway remote find` of a remote with a DICOMweb URL alone."""

from __future__ import annotations

import json

import pytest
import requests

import data
from archivist import command
from clients import store
from destinations import made
from far_web import FarWeb

pytestmark = pytest.mark.only("causeway")

NAME, PATIENT, STUDY, SERIES, INSTANCE = "00100010", "00100020", "0020000D", "0020000E", "00080018"


def remote(subject, url, *options):
    """A remote of its own for a DICOMweb server."""
    name = f"web-{data.uid().rsplit('.', 1)[-1][-12:]}"
    subject.run("remote", "add", name, "--dicomweb", url, *options)
    return name


def found(said):
    assert said.code == 0, said.out + said.err
    return said.json()


def given(far, *items):
    """The far side has these."""
    far.has |= {item.SOPInstanceUID: item for item in items}


@pytest.mark.parametrize("kind", ["orthanc", "causeway"])
def test_the_same_is_found_over_the_web_as_over_dimse(subject, kind):
    """The same keys, the same attributes, the same table."""
    destination = made(kind)
    try:
        items = data.study(2, 2, PatientName="Web^Find")
        assert store(destination.subject, *items) == [0] * 4
        by_web = remote(subject, destination.dicomweb)
        by_dimse = f"dimse-{by_web}"
        subject.run("remote", "add", by_dimse, "--ae-title", destination.ae_title, "--host", "127.0.0.1",
                    "--port", str(destination.port))
        study, series = items[0].StudyInstanceUID, items[0].SeriesInstanceUID
        for level, keys, count in [
            ("study", [f"PatientID={items[0].PatientID}"], 1), ("study", [f"StudyInstanceUID={study}", "StudyDate"], 1),
            ("series", [f"StudyInstanceUID={study}", "Modality"], 2),
            ("image", [f"StudyInstanceUID={study}", f"SeriesInstanceUID={series}"], 2),
            ("study", ["PatientID=nobody-at-all"], 0),
        ]:
            asked = ["--level", level, *keys]
            web, dimse = (found(command(subject, "remote", "find", name, *asked, "--json")) for name in (by_web, by_dimse))
            assert len(web) == count
            unique = {"study": STUDY, "series": SERIES, "image": INSTANCE}[level]
            for one in (STUDY, unique, *([PATIENT] if level == "study" else [])):
                values = [sorted(match[one]["Value"][0] for match in matches if one in match) for matches in (web, dimse)]
                assert values[0] == values[1], (level, one)
            asked_for = {tag for match in dimse for tag in match} | {"00080052", "00080005", "00080054", "00080056"}
            assert {tag for match in web for tag in match} <= asked_for, "no more than is asked for"
            heads = [command(subject, "remote", "find", name, *asked).out.splitlines()[:1] for name in (by_web, by_dimse)]
            assert heads[0] == heads[1]
    finally:
        destination.close()


@pytest.mark.parametrize("behaviour", [{"most": 3}, {}])
def test_pages_and_limits(subject, behaviour):
    """PS3.18 §8.3.4.4: it is asked page by page, and no further than is wanted."""
    items = [data.instance() for _ in range(10)]
    with FarWeb(**behaviour) as far:
        given(far, *items)
        name = remote(subject, far.url)
        everything = found(command(subject, "remote", "find", name, "--json"))
        assert sorted(match[STUDY]["Value"][0] for match in everything) == sorted(it.StudyInstanceUID for it in items)
        for limit, more in [(9, True), (10, False), (11, False)]:
            said = command(subject, "remote", "find", name, "--limit", str(limit), "--json")
            assert len(found(said)) == min(limit, 10)
            answer = requests.post(f"{subject.url}/api/v1/remotes/{name}/find", json={"limit": limit}, timeout=30)
            end = json.loads(answer.text.splitlines()[-1])
            end = end.get("end", end)
            assert (end["has_more"], end["matches"], end["is_well"]) == (more, min(limit, 10), True), end
        far.passes_over_offset = True
        assert len(found(command(subject, "remote", "find", name, "--json"))) == min(10, far.most)


def test_what_is_asked_is_what_was_said(subject):
    """PS3.18 §8.3.4.1, §8.3.4.2: values, UIDs as a list, sequences by their path, fields to be told, fuzzy names."""
    with FarWeb() as far:
        name = remote(subject, far.url)
        keys = ["PatientName=Müller*", "StudyInstanceUID=1.2\\1.3", "RequestAttributesSequence.AccessionNumber=A 1&b=c", "Rows"]
        assert found(command(subject, "remote", "find", name, "--fuzzy", *keys, "--json")) == []
        path, query = far.questions[-1]
    assert path == "/studies"
    assert {("00100010", "Müller*"), ("0020000D", "1.2,1.3"), ("00400275.00080050", "A 1&b=c"),
            ("includefield", "00280010"), ("includefield", "00080061"), ("fuzzymatching", "true")} <= set(query)


@pytest.mark.parametrize("status, words", [
    (400, "ask about less"), (401, "token file"), (403, "token file"), (404, "check the URL"), (405, "check the URL"),
    (413, "ask for less"), (500, "it failed"), (501, "check the URL"), (503, "later"), (302, "check the URL"),
])
def test_a_refusal_is_told_with_what_to_do(subject, status, words):
    with FarWeb() as far:
        far.instead = (status, b"", {"Location": "http://127.0.0.1:1/"} if status == 302 else {})
        name = remote(subject, far.url)
        said = command(subject, "remote", "find", name)
    assert said.code == 1 and f"HTTP {status}" in said.err and words in said.err, said.err


def test_404_of_a_study_that_is_not_there_is_no_match(subject):
    with FarWeb() as far:
        far.knows_studies = True
        given(far, data.instance())
        name = remote(subject, far.url)
        for level in ("series", "image"):
            assert found(command(subject, "remote", "find", name, "--level", level, "StudyInstanceUID=1.2.3", "--json")) == []


@pytest.mark.parametrize("body, words", [
    (b"<html>please sign in</html>", "no DICOM JSON"), (b"", "no DICOM JSON"), (b'{"error": 1}', "no DICOM JSON"),
    (b"[" * 200_000, "no DICOM JSON"), (b"[" + b"1," * 300_000 + b"1]", "more matches"),
    (b"[" + b" " * (33 * 1024 * 1024) + b"]", "too long"), (b'[7, {"00100010": 3}]', "2 of its matches could not be read"),
], ids=["html", "empty", "object", "deep", "many", "long", "unreadable"])
def test_an_answer_that_is_none_is_told_as_such_and_bounded(subject, body, words):
    with FarWeb() as far:
        far.instead = (200, body, {})
        name = remote(subject, far.url)
        said = command(subject, "remote", "find", name)
    assert said.code == 1 and words in said.err, said.err


def test_a_warning_is_told(subject):
    """PS3.18 §8.3.4.2, §8.3.4.5: names that were not matched fuzzily, more results than are told."""
    with FarWeb() as far:
        far.instead = (200, b"[{}]", {"Warning": '299 pacs "The fuzzymatching parameter is not supported."'})
        name = remote(subject, far.url)
        said = command(subject, "remote", "find", name, "--fuzzy")
    assert said.code == 0 and "fuzzymatching parameter is not supported" in said.err + said.out


def test_patients_and_what_is_no_uid(subject):
    """QIDO-RS has no patients; and nothing but a UID becomes part of a path."""
    with FarWeb() as far:
        name = remote(subject, far.url)
        said = command(subject, "remote", "find", name, "--level", "patient", "--root", "patient")
        assert said.code == 1 and "ask for studies" in said.err and far.questions == []
        command(subject, "remote", "find", name, "--level", "series", "StudyInstanceUID=1.2/../../admin")
        assert far.questions[-1][0] == "/series"


def test_a_remote_without_an_address_is_not_asked(subject):
    """It is said what it lacks."""
    name = f"mute-{data.uid()[-8:].strip('.')}"
    subject.run("remote", "add", name, "--ae-title", "MUTE")
    said = command(subject, "remote", "find", name)
    assert said.code == 1 and "--dicomweb" in said.err and "--port" in said.err

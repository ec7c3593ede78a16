"""PS3.4 §C.4.1.2: the node as the one who asks: `causeway remote find`."""

from __future__ import annotations

import json
import signal
import threading
import time

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

import data
from archivist import Archivist, begun, command, listing
from clients import stored

pytestmark = pytest.mark.only("causeway")

NAME, UID, LEVEL = "00100010", "0020000D", "00080052"
WAIT_SECONDS_MAX = 30


def found(said):
    """The matches that a command with `--json` told."""
    assert said.code == 0, said.out + said.err
    return said.json()


def study(**keys):
    """A match at the study level."""
    match = Dataset()
    match.QueryRetrieveLevel, match.StudyInstanceUID = "STUDY", data.uid()
    for keyword, value in keys.items():
        setattr(match, keyword, value)
    return match


def test_what_is_asked_is_what_was_said_and_what_is_told_is_what_was_answered(subject):
    """Keys by keyword, with values or without; the usual keys besides; a table for people and DICOM JSON for others."""
    item = data.instance(PatientName="Find^Me")
    with Archivist(find=listing([item])) as archivist:
        name = archivist.is_remote_of(subject)
        keys = ["PatientName=FIND*", "StudyDate=20240101-20241231", "ModalitiesInStudy=CT\\MR", "InstitutionName"]
        matches = found(command(subject, "remote", "find", name, *keys, "--json"))
        asked = archivist.identifiers[-1]
        table = command(subject, "remote", "find", name, *keys)
    assert asked.QueryRetrieveLevel == "STUDY"
    assert (asked.PatientName, asked.StudyDate) == ("FIND*", "20240101-20241231")
    assert list(asked.ModalitiesInStudy) == ["CT", "MR"]
    for keyword in ("InstitutionName", "StudyInstanceUID", "PatientID", "NumberOfStudyRelatedInstances"):
        assert keyword in asked and not asked.get(keyword), keyword
    assert [match[UID]["Value"] for match in matches] == [[item.StudyInstanceUID]]
    assert matches[0][NAME] == {"vr": "PN", "Value": [{"Alphabetic": "Find^Me"}]}
    head, row = table.out.splitlines()
    assert table.code == 0 and "INSTITUTIONNAME" in head.upper()
    assert "Find^Me" in row and item.StudyInstanceUID in row and "\x1b" not in table.out


@pytest.mark.parametrize("root", ["patient", "study"])
def test_every_level_of_both_roots(subject, root):
    """PS3.4 §C.6.1, §C.6.2: the level, the model, the unique keys."""
    item = data.instance()
    above = {"PatientID": item.PatientID} if root == "patient" else {}
    levels = {
        "patient": {}, "study": above, "series": above | {"StudyInstanceUID": item.StudyInstanceUID},
        "image": above | {"StudyInstanceUID": item.StudyInstanceUID, "SeriesInstanceUID": item.SeriesInstanceUID},
    }
    if root == "study":
        del levels["patient"]
    answer = Dataset()
    answer.PatientID = item.PatientID
    with Archivist(find=lambda _: iter([(0xFF00, answer)])) as archivist:
        name = archivist.is_remote_of(subject)
        for level, keys in levels.items():
            given = [f"{keyword}={value}" for keyword, value in keys.items()]
            found(command(subject, "remote", "find", name, "--level", level, "--root", root, *given, "--json"))
            asked = archivist.identifiers[-1]
            assert asked.QueryRetrieveLevel == level.upper()
            assert {keyword: asked.get(keyword) for keyword in keys} == keys
            assert archivist.models[-1] == f"1.2.840.10008.5.1.4.1.2.{1 if root == 'patient' else 2}.1"
    assert archivist.offered == {}, "nothing is negotiated that is not needed"


@pytest.mark.parametrize("charset, name", [
    ("ISO_IR 100", "Buc^Jérôme"), ("ISO_IR 144", "Люкceмбypг"), ("ISO_IR 192", "王^小東"), ("GB18030", "王^小东"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
])
def test_answers_are_read_in_their_own_character_set(subject, charset, name):
    """PS3.3 §C.12.1.1.2: each answer says how it is written."""
    match = study(SpecificCharacterSet=charset, PatientName=name)
    with Archivist(find=lambda _: iter([(0xFF00, match)])) as archivist:
        matches = found(command(subject, "remote", "find", archivist.is_remote_of(subject), "--json"))
    groups = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("=")))
    assert matches[0][NAME]["Value"] == [groups]


def test_a_key_beyond_ascii_is_asked_for_in_utf_8(subject):
    """PS3.5 §6.1.2: the identifier says so."""
    with Archivist(find=lambda _: iter([])) as archivist:
        found(command(subject, "remote", "find", archivist.is_remote_of(subject), "PatientName=Müller*", "--json"))
    asked = archivist.identifiers[-1]
    assert (asked.SpecificCharacterSet, asked.PatientName) == ("ISO_IR 192", "Müller*")


@pytest.mark.parametrize("status, words", [
    (0xA700, "out of resources"), (0xA900, "information model"), (0xC001, "unable to process"), (0x0122, "SOP class"),
    (0xFE00, "stopped"),
])
def test_a_failure_is_told_in_words_with_those_of_the_remote(subject, status, words):
    """PS3.4 Table C.4-1, PS3.7 Annex C: what it means, its number, Error Comment and Offending Element."""
    answer = Dataset()
    answer.Status, answer.ErrorComment, answer.OffendingElement = status, "not today", [0x00080020]
    match = study(PatientName="Half^Way")
    with Archivist(find=lambda _: iter([(0xFF00, match), (answer, None)])) as archivist:
        name = archivist.is_remote_of(subject)
        said = command(subject, "remote", "find", name)
        as_json = command(subject, "remote", "find", name, "--json")
    assert said.code == as_json.code == 1
    assert "Half^Way" in said.out, "what came before is told"
    assert words in said.err and f"{status:04X}H" in said.err
    assert "not today" in said.err and "StudyDate" in said.err
    assert len(as_json.json()) == 1


def test_a_remote_that_does_not_serve_queries_is_told_of(subject):
    """No context is accepted."""
    with Archivist() as archivist:
        said = command(subject, "remote", "find", archivist.is_remote_of(subject))
    assert said.code == 1 and "does not serve" in said.err


def test_above_the_limit_the_remote_is_asked_to_stop(subject):
    """PS3.4 §C.4.1.2.3: C-CANCEL; what was wanted is told, and that there is more."""
    def endless(event):
        while True:
            yield 0xFF00, study()
            # pynetdicom reads nothing, the C-CANCEL neither, as long as there is something to send.
            while not event.assoc.dul.to_provider_queue.empty():
                time.sleep(0.001)
            time.sleep(0.005)

    with Archivist(find=endless) as archivist:
        said = command(subject, "remote", "find", archivist.is_remote_of(subject), "--limit", "7", "--json")
        assert archivist.cancelled.wait(WAIT_SECONDS_MAX)
    assert len(found(said)) == 7
    assert "more than 7" in said.err


def test_exactly_as_many_as_wanted_are_no_more_than_that(subject):
    """The bound itself."""
    matches = [study() for _ in range(7)]
    with Archivist(find=lambda _: iter([(0xFF00, match) for match in matches])) as archivist:
        said = command(subject, "remote", "find", archivist.is_remote_of(subject), "--limit", "7", "--json")
    assert len(found(said)) == 7 and not said.err


@pytest.mark.parametrize("silent", [False, True], ids=["answering", "silent"])
def test_who_breaks_off_has_the_remote_stop(subject, silent):
    """PS3.7 §9.3.2.3: the command is interrupted; the remote is sent a C-CANCEL and the association is released."""
    def answers(event):
        for _ in range(400):
            if silent and event.is_cancelled:
                archivist.cancelled.set()
                yield 0xFE00, None
                return
            if not silent:
                yield 0xFF00, study()
            time.sleep(0.05)
        yield 0xFF00, study()

    with Archivist(find=answers) as archivist:
        running = begun(subject, "remote", "find", archivist.is_remote_of(subject), "--json")
        assert archivist.asked.wait(WAIT_SECONDS_MAX)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=WAIT_SECONDS_MAX)
        assert archivist.cancelled.wait(WAIT_SECONDS_MAX), "no C-CANCEL came"


def test_a_node_that_stops_has_the_remote_stop(make_subject):
    """Nobody waits for the answers any more: C-CANCEL, and the node ends."""
    node = make_subject()

    def silent(event):
        while not event.is_cancelled:
            time.sleep(0.05)
        archivist.cancelled.set()
        yield 0xFE00, None

    with Archivist(find=silent) as archivist:
        running = begun(node, "remote", "find", archivist.is_remote_of(node), "--json")
        assert archivist.asked.wait(WAIT_SECONDS_MAX)
        node.stop()
        assert archivist.cancelled.is_set(), "the node ended without a C-CANCEL"
        _, words = running.communicate(timeout=WAIT_SECONDS_MAX)
    assert running.returncode == 1 and "broke off" in words


def test_relational_and_fuzzy_queries_are_negotiated_where_they_are_needed(subject):
    """PS3.4 §C.5.1.1: offered when the question needs it; what was not agreed to is told."""
    model = StudyRootQueryRetrieveInformationModelFind
    with Archivist(find=lambda _: iter([])) as archivist:
        name = archivist.is_remote_of(subject)
        refused = requests.post(
            f"{subject.url}/api/v1/remotes/{name}/find", json={"level": "series", "fuzzy": True}, timeout=30,
        )
        assert archivist.offered[model] == b"\x01\x00\x01\x00"
        archivist.grants = b"\x01\x00\x01\x00"
        granted = requests.post(
            f"{subject.url}/api/v1/remotes/{name}/find", json={"level": "series", "fuzzy": True}, timeout=30,
        )
    [end] = [json.loads(line)["end"] for line in refused.text.splitlines()]
    assert "did not agree to relational" in end["words"] and "fuzzily" in end["words"]
    [end] = [json.loads(line)["end"] for line in granted.text.splitlines()]
    assert end["is_well"] and "agree" not in end["words"]
    assert granted.headers["Content-Type"] == "application/x-ndjson"


@pytest.mark.parametrize("keys, code", [
    (["PatientIdentity=1"], 1), (["QueryRetrieveLevel=SERIES"], 1), (["PatientID.StudyID=1"], 1), (["--level", "patient", "--root", "study"], 1),
])
def test_a_question_that_cannot_be_is_refused_before_the_remote_is_called(subject, keys, code):
    """In words, with what to give instead."""
    with Archivist(find=lambda _: iter([])) as archivist:
        said = command(subject, "remote", "find", archivist.is_remote_of(subject), *keys)
        assert not archivist.asked.is_set()
    assert said.code == code and "HTTP 400" in said.err


def test_a_remote_that_bears_only_implicit_vr_is_proposed_nothing_else(subject):
    """The quirk `implicit-only` holds for queries, too."""
    match = study(PatientName="Plain^Jane")
    with Archivist(find=lambda _: iter([(0xFF00, match)]), syntaxes=[ImplicitVRLittleEndian]) as archivist:
        name = archivist.is_remote_of(subject, "--quirk", "implicit-only,small-pdus")
        matches = found(command(subject, "remote", "find", name, "--json"))
    assert archivist.proposed == [[ImplicitVRLittleEndian]]
    assert matches[0][NAME]["Value"] == [{"Alphabetic": "Plain^Jane"}]


def test_a_remote_that_does_not_bear_a_star_alone_is_sent_an_empty_key(subject):
    """The quirk `no-universal-wildcard`; other wildcards stay."""
    keys = ["PatientName=*", "StudyDate=2024*", "PatientID=P*", "--json"]
    with Archivist(find=lambda _: iter([])) as archivist:
        found(command(subject, "remote", "find", archivist.is_remote_of(subject), *keys))
        found(command(
            subject, "remote", "find", archivist.is_remote_of(subject, "--quirk", "no-universal-wildcard"), *keys,
        ))
    usual, tamed = archivist.identifiers
    assert usual.PatientName == "*" and usual.PatientID == "P*"
    assert (tamed.PatientName, tamed.get("StudyDate"), tamed.PatientID) == ("", "", "P*")


def test_we_say_who_we_are_where_the_remote_is_to_know(subject):
    """PS3.7 §D.3.3.7: the credentials of the remote go with a query."""
    with Archivist(find=lambda _: iter([])) as archivist:
        found(command(subject, "remote", "find", archivist.is_remote_of(subject, "--our-user", "reader"), "--json"))
    assert archivist.users == [b"reader"]


def test_sequences_are_asked_about_and_told(subject):
    """PS3.4 §C.2.2.2.6: attributes of one sequence in one item."""
    match, item = study(), Dataset()
    item.RequestedProcedureID, item.AccessionNumber = "R1", "A7"
    match.RequestAttributesSequence = [item]
    with Archivist(find=lambda _: iter([(0xFF00, match)])) as archivist:
        keys = ["RequestAttributesSequence.AccessionNumber=A7", "RequestAttributesSequence.RequestedProcedureID"]
        matches = found(command(subject, "remote", "find", archivist.is_remote_of(subject), *keys, "--json"))
    [asked] = archivist.identifiers[-1].RequestAttributesSequence
    assert (asked.AccessionNumber, asked.RequestedProcedureID) == ("A7", "")
    assert matches[0]["00400275"]["Value"][0]["00401001"]["Value"] == ["R1"]


def test_only_an_administrator_may_have_it_asked(subject):
    """An unknown remote, and a token that may do everything else."""
    assert "no remote" in command(subject, "remote", "find", "nobody").err
    assert requests.post(f"{subject.url}/api/v1/remotes/nobody/find", json={}, timeout=30).status_code == 404


@pytest.mark.parametrize("kind", ["orthanc", "causeway"])
def test_servers_that_others_run_are_searched(subject, make_subject, kind):
    """Orthanc, and another node of ours: every level down to an instance."""
    other = make_subject(kind, ae_title="OTHER")
    items = stored(other, *data.study(series=2, instances=3, PatientName="Ärger^Jürgen", SpecificCharacterSet="ISO_IR 192"))
    other.add_remote("asking", subject.ae_title, subject.dimse_port)
    subject.add_remote("other", "OTHER", other.dimse_port)
    first = items[0]
    study_key = f"StudyInstanceUID={first.StudyInstanceUID}"
    series_key = f"SeriesInstanceUID={first.SeriesInstanceUID}"
    [whole] = found(command(subject, "remote", "find", "other", f"PatientID={first.PatientID}", "--json"))
    assert whole[UID]["Value"] == [first.StudyInstanceUID]
    assert whole[NAME]["Value"] == [{"Alphabetic": "Ärger^Jürgen"}]
    assert int(whole["00201208"]["Value"][0]) == 6
    series = found(command(subject, "remote", "find", "other", "--level", "series", study_key, "--json"))
    assert {one["0020000E"]["Value"][0] for one in series} == {item.SeriesInstanceUID for item in items}
    images = found(command(subject, "remote", "find", "other", "--level", "image", study_key, series_key, "--json"))
    assert {one["00080018"]["Value"][0] for one in images} == {item.SOPInstanceUID for item in items[:3]}


@pytest.mark.alone
def test_more_visits_than_there_is_room_for_wait_outside(subject):
    """Eight at once; the ninth is told so."""
    let_go = threading.Event()

    def waiting(_):
        let_go.wait(WAIT_SECONDS_MAX)
        yield 0xFF00, study()

    with Archivist(find=waiting) as archivist:
        name = archivist.is_remote_of(subject)
        running = [begun(subject, "remote", "find", name, "--json") for _ in range(8)]
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while len(archivist.identifiers) < 8 and time.monotonic() < deadline:
            time.sleep(0.05)
        ninth = command(subject, "remote", "find", name)
        let_go.set()
        codes = [one.wait(WAIT_SECONDS_MAX) for one in running]
        for one in running:
            one.communicate()
        after = command(subject, "remote", "find", name)
    assert ninth.code == 1 and "8 visits are under way" in ninth.err
    assert codes == [0] * 8 and after.code == 0

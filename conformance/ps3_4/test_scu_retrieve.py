"""PS3.4 §C.4.2.2, §C.4.3.2: the node as the one who retrieves: `causeway remote retrieve`, by C-GET and by C-MOVE."""

from __future__ import annotations

import io
import json
import signal
import threading

import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, MRImageStorage

import data
import samples
from archivist import Archivist, begun, command, listing
from clients import assert_kept, dcmtk_server, stored
from subjects.base import free_port

pytestmark = pytest.mark.only("causeway")

WAIT_SECONDS_MAX = 30


def ours(subject):
    """Where a C-MOVE to us goes."""
    return {subject.ae_title: subject.dimse_port}


def archivist_of(subject, items, **more):
    """A remote that lists `items`, gives them and may move them to us."""
    return Archivist(find=listing(items), held=items, destinations=ours(subject), **more)


def same_values(one, other):
    """Whether two data sets say the same, however they are laid out."""
    def pixels(dataset):
        if dataset.file_meta.TransferSyntaxUID.is_encapsulated or "PixelData" not in dataset:
            return dataset.get("PixelData")
        return dataset.pixel_array.tolist()

    def plain(dataset):
        return {
            element.tag: element.value for element in dataset
            if element.tag.element and not element.tag.is_private and element.VR not in ("SQ", "OB", "OW", "UN")
        } | {"pixels": pixels(dataset)}

    return plain(one) == plain(other)


def retrieve(subject, name, *arguments):
    """What the command tells as JSON, and its code."""
    said = command(subject, "remote", "retrieve", name, *arguments, "--json")
    return said.code, said.json(), said.err


@pytest.mark.parametrize("with_", ["get", "move"])
def test_a_study_comes_whole_and_is_here(subject, web, with_):
    """Every instance, byte for byte; the counts are the remote's, what is here is ours."""
    items = data.study(series=2, instances=3)
    with archivist_of(subject, items) as archivist:
        name = archivist.is_remote_of(subject)
        code, end, _ = retrieve(subject, name, items[0].StudyInstanceUID, "--with", with_)
        asked = archivist.identifiers[-1]
        table = command(subject, "remote", "retrieve", name, items[0].StudyInstanceUID, "--with", with_)
    assert (code, end["is_well"], end["way"], end["status"]) == (0, True, with_, "0000"), end
    assert (end["counts"]["listed"], end["counts"]["completed"], end["here"]) == (6, 6, 6)
    assert end["missing"] == end["failed"] == []
    assert {element.keyword for element in asked} == {"QueryRetrieveLevel", "StudyInstanceUID"}, "unique keys only"
    for item in items:
        assert_kept(web, item)
    assert table.code == 0 and "6 of 6 instances are here" in table.out, "a second time is as well"


@pytest.mark.parametrize("with_", ["get", "move"])
def test_a_series_and_an_instance_are_asked_for_below_their_study(subject, with_):
    """PS3.4 §C.4.2.1.4.1: the unique keys above the level."""
    item = data.instance()
    with archivist_of(subject, [item]) as archivist:
        name = archivist.is_remote_of(subject)
        keys = [item.StudyInstanceUID, item.SeriesInstanceUID, item.SOPInstanceUID]
        for level, count in (("SERIES", 2), ("IMAGE", 3)):
            code, end, _ = retrieve(subject, name, *keys[:count], "--with", with_)
            asked = archivist.identifiers[-1]
            assert (code, end["here"], asked.QueryRetrieveLevel) == (0, 1, level)
            given = [asked.get(key) for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
            assert given == [*keys[:count], *[None] * (3 - count)]


def test_classes_and_encodings_are_made_room_for(subject, web):
    """PS3.4 §C.5.3: every class that is listed, in the encoding that the remote has it in."""
    ct = data.study(series=1, instances=2)
    common = {"StudyInstanceUID": ct[0].StudyInstanceUID, "PatientID": ct[0].PatientID}
    mr = data.study(series=1, instances=2, SOPClassUID=MRImageStorage, Modality="MR", **common)
    with archivist_of(subject, ct + mr) as archivist:
        code, end, _ = retrieve(subject, archivist.is_remote_of(subject), ct[0].StudyInstanceUID, "--with", "get")
    assert (code, end["here"]) == (0, 4), end
    for item in ct + mr:
        assert_kept(web, item)


@pytest.mark.parametrize(
    "more", [{"gets": False}, {"takes_role": False}, {"get_refusal": 0x0122}], ids=["no C-GET", "no role", "not after all"],
)
def test_who_does_not_give_by_get_is_asked_to_move(subject, more):
    """The default: C-GET where it is served and the role is taken, else C-MOVE."""
    items = data.study(series=1, instances=2)
    with archivist_of(subject, items, **more) as archivist:
        name = archivist.is_remote_of(subject)
        code, end, notes = retrieve(subject, name, items[0].StudyInstanceUID)
        forced, refused, _ = retrieve(subject, name, items[0].StudyInstanceUID, "--with", "get")
    assert (code, end["way"], end["here"]) == (0, "move", 2), end
    assert "asked to move" in notes
    assert forced == 1 and not refused["is_well"]
    assert "C-GET" in refused["words"] or refused["status"] == "0122"


def test_get_is_the_default_where_it_is_served(subject):
    """Without `--with`."""
    items = data.study(series=1, instances=2)
    with archivist_of(subject, items) as archivist:
        code, end, _ = retrieve(subject, archivist.is_remote_of(subject), items[0].StudyInstanceUID)
    assert (code, end["way"]) == (0, "get")


def test_a_remote_with_the_quirk_is_not_offered_roles_and_moves(subject):
    """The quirk `no-role-selection` leaves C-MOVE."""
    items = data.study(series=1, instances=1)
    with archivist_of(subject, items) as archivist:
        name = archivist.is_remote_of(subject, "--quirk", "no-role-selection,implicit-only")
        code, end, _ = retrieve(subject, name, items[0].StudyInstanceUID)
    assert (code, end["way"]) == (0, "move"), end
    assert all(syntaxes == [ImplicitVRLittleEndian] for syntaxes in archivist.proposed)


@pytest.mark.alone
def test_a_destination_that_is_not_known_is_told_with_what_to_do(subject):
    """A801: our AE title, and the port to register."""
    items = data.study(series=1, instances=1)
    with Archivist(find=listing(items), held=items) as archivist:
        said = command(subject, "remote", "retrieve", archivist.is_remote_of(subject), items[0].StudyInstanceUID, "--with", "move")
    assert said.code == 1
    assert "A801H" in said.out and f"register {subject.ae_title} there" in said.out
    assert str(subject.dimse_port) in said.out
    assert items[0].SOPInstanceUID in said.out, "what is not here is named"


@pytest.mark.parametrize("with_", ["get", "move"])
@pytest.mark.parametrize("status, words", [(0xA701, "count"), (0xA900, "information model"), (0xC002, "unable")])
def test_a_failure_is_told_in_words(subject, with_, status, words):
    """PS3.4 Tables C.4-2, C.4-3, with Error Comment."""
    items = data.study(series=1, instances=1)
    answer = Dataset()
    answer.Status, answer.ErrorComment = status, "closed on Sundays"
    with archivist_of(subject, items, refusal=answer) as archivist:
        code, end, _ = retrieve(subject, archivist.is_remote_of(subject), items[0].StudyInstanceUID, "--with", with_)
    assert code == 1 and end["status"] == f"{status:04X}"
    assert words in end["words"] and "closed on Sundays" in end["words"], end
    assert end["missing"] == [items[0].SOPInstanceUID]


@pytest.mark.parametrize("with_", ["get", "move"])
def test_what_is_not_taken_here_fails_there_and_is_named(subject, with_):
    """An instance whose UID is kept here with other bytes: Failed SOP Instance UID List says which."""
    items = data.study(series=1, instances=3)
    keys = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID")
    stored(subject, data.instance(PatientName="Other^One", **{key: items[1].get(key) for key in keys}))
    with archivist_of(subject, items) as archivist:
        code, end, _ = retrieve(subject, archivist.is_remote_of(subject), items[0].StudyInstanceUID, "--with", with_)
    assert code == 1 and not end["is_well"]
    assert end["failed"] == [items[1].SOPInstanceUID], end
    assert (end["status"], end["counts"]["failed"], end["counts"]["completed"]) == ("B000", 1, 2)


def test_a_remote_that_counts_what_never_came_is_found_out(subject):
    """Success for two instances, of which it lists three: the archive is what is believed."""
    items = data.study(series=1, instances=3)
    with Archivist(find=listing(items), held=items[:2], destinations=ours(subject)) as archivist:
        code, end, _ = retrieve(subject, archivist.is_remote_of(subject), items[0].StudyInstanceUID, "--with", "move")
    assert code == 1 and end["status"] == "0000"
    assert end["missing"] == [items[2].SOPInstanceUID] and "1 of 3 instances are not here" in end["words"]


@pytest.mark.parametrize("with_", ["get", "move"])
def test_a_remote_that_lists_nothing_is_held_against_its_own_counts(subject, with_):
    """No C-FIND: the usual classes are made room for; a study that it has not brings nothing."""
    items = data.study(series=1, instances=2)
    with Archivist(held=items, destinations=ours(subject)) as archivist:
        name = archivist.is_remote_of(subject)
        code, end, notes = retrieve(subject, name, items[0].StudyInstanceUID, "--with", with_)
        archivist.held = []
        nothing, empty, _ = retrieve(subject, name, data.uid(), "--with", with_)
    assert (code, end["here"], end["counts"]["listed"]) == (0, 2, None), end
    assert "not listed" in notes
    assert nothing == 1 and "nothing came" in empty["words"]


@pytest.mark.parametrize("with_", ["get", "move"])
def test_who_breaks_off_has_the_remote_stop(subject, web, with_):
    """PS3.7 §9.3.2.3: C-CANCEL; what came by then stays."""
    items = data.study(series=1, instances=4)
    hold = threading.Event()
    with archivist_of(subject, items, hold=hold) as archivist:
        running = begun(
            subject, "remote", "retrieve", archivist.is_remote_of(subject), items[0].StudyInstanceUID, "--with", with_,
        )
        for _ in range(600):
            if web.has(items[0]):
                break
            threading.Event().wait(0.05)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=WAIT_SECONDS_MAX)
        threading.Event().wait(0.5)
        hold.set()
        assert archivist.cancelled.wait(WAIT_SECONDS_MAX), "no C-CANCEL came"
    assert web.has(items[0]) and not web.has(items[3])


def test_who_breaks_off_while_it_is_listed_has_nothing_asked_for(subject):
    """The query is cancelled, and no retrieval follows."""
    items = data.study(series=1, instances=2)

    def slow(event):
        while not event.is_cancelled:
            threading.Event().wait(0.05)
        archivist.cancelled.set()
        yield 0xFE00, None

    with Archivist(find=slow, held=items, destinations=ours(subject)) as archivist:
        running = begun(subject, "remote", "retrieve", archivist.is_remote_of(subject), items[0].StudyInstanceUID)
        assert archivist.asked.wait(WAIT_SECONDS_MAX)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=WAIT_SECONDS_MAX)
        assert archivist.cancelled.wait(WAIT_SECONDS_MAX), "no C-CANCEL came"
        threading.Event().wait(0.5)
    assert all("2.2.1" in model for model in archivist.models), archivist.models


def test_how_far_it_is_is_told_line_by_line(subject):
    """The REST interface: counts while it runs, the end at last."""
    items = data.study(series=1, instances=5)
    with archivist_of(subject, items) as archivist:
        answer = requests.post(
            f"{subject.url}/api/v1/remotes/{archivist.is_remote_of(subject)}/retrieve",
            json={"study": items[0].StudyInstanceUID, "with": "move"}, timeout=30,
        )
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert list(lines[-1]) == ["end"] and lines[-1]["end"]["is_well"]
    progress = [line["progress"] for line in lines[:-1]]
    assert {"listed": 5, "completed": 3, "remaining": 2}.items() <= progress[-2].items() or len(progress) >= 3, progress


def test_a_question_that_is_none_is_refused(subject):
    """A UID that is none, a remote that is none, one that is not called."""
    assert command(subject, "remote", "retrieve", "nobody", "study").code == 2
    assert "no remote" in command(subject, "remote", "retrieve", "nobody", "1.2.3").err
    subject.run("remote", "add", "unplaced", "--ae-title", "UNPLACED")
    without = requests.post(
        f"{subject.url}/api/v1/remotes/unplaced/retrieve", json={"study": "1.2.3", "instance": "1.2.3.4"}, timeout=30,
    )
    assert without.status_code == 400 and "with its series" in without.text
    said = command(subject, "remote", "retrieve", "unplaced", "1.2.3")
    assert said.code == 1 and "no host and port" in said.out


@pytest.mark.parametrize("with_", ["get", "move"])
@pytest.mark.parametrize("kind", ["orthanc", "causeway"])
def test_servers_that_others_run_give_what_they_have(subject, web, make_subject, kind, with_):
    """Orthanc, and another node of ours: a study of several series, compressed instances as they are kept."""
    other = make_subject(kind, ae_title="GIVER")
    items = stored(other, *data.study(series=3, instances=4))
    other.add_remote("asking", subject.ae_title, subject.dimse_port)
    subject.add_remote("giver", "GIVER", other.dimse_port)
    code, end, _ = retrieve(subject, "giver", items[0].StudyInstanceUID, "--with", with_)
    assert (code, end["here"], end["counts"]["listed"], end["counts"]["completed"]) == (0, 12, 12, 12), end
    for item in items:
        assert_kept(web, item)


@pytest.mark.parametrize("with_", ["get", "move"])
def test_samples_of_many_encodings_come_from_orthanc_as_it_has_them(subject, web, make_subject, with_):
    """Every sample that Orthanc takes, study by study, in the transfer syntax that it is kept in."""
    other = make_subject("orthanc", ae_title="GIVER")
    other.add_remote("asking", subject.ae_title, subject.dimse_port)
    subject.add_remote("giver", "GIVER", other.dimse_port)
    chosen = {}
    for sample in samples.good(f"scu-{with_}"):
        dataset = sample.dataset()
        if "StudyInstanceUID" in dataset and "SeriesInstanceUID" in dataset:
            chosen.setdefault((str(dataset.SOPClassUID), str(dataset.file_meta.TransferSyntaxUID)), (sample, dataset))
    if not chosen:
        pytest.skip("there are no samples")
    for sample, dataset in list(chosen.values())[:25]:
        answer = requests.post(f"{other.url}/instances", data=sample.bytes(), timeout=60)
        if answer.status_code != 200:
            continue
        code, end, notes = retrieve(subject, "giver", dataset.StudyInstanceUID, "--with", with_)
        assert (code, end["is_well"]) == (0, True), (sample, end, notes)
        kept = dcmread(io.BytesIO(web.file(dataset)))
        if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            assert kept.file_meta.TransferSyntaxUID == dataset.file_meta.TransferSyntaxUID, sample
        assert same_values(kept, dataset), sample


@pytest.mark.parametrize("with_", ["get", "move"])
def test_dcmqrscp_of_dcmtk_is_searched_and_gives(subject, web, folder, with_):
    """DCMTK's archive: filled by `remote send`, searched, and its study fetched into the node."""
    port, database = free_port(), folder / "database"
    database.mkdir()
    (folder / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nus = ({subject.ae_title}, 127.0.0.1, {subject.dimse_port})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {database} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with dcmtk_server("dcmqrscp", "--config", str(folder / "dcmqrscp.cfg"), port=port):
        subject.run(
            "remote", "add", "qrscp", "--ae-title", "QRSCP", "--host", "127.0.0.1", "--port", str(port),
            "--allow", "store,query,retrieve",
        )
        items = data.study(series=2, instances=4)
        for index, item in enumerate(items):
            (folder / f"{index}.dcm").write_bytes(data.file_of(item))
        sent = command(subject, "remote", "send", "qrscp", *(str(folder / f"{index}.dcm") for index in range(8)), "--json")
        key = f"PatientID={items[0].PatientID}"
        found = command(subject, "remote", "find", "qrscp", key, "--json")
        code, end, notes = retrieve(subject, "qrscp", items[0].StudyInstanceUID, "--with", with_)
    assert sent.code == 0 and sent.json()["taken"] == 8, sent.out + sent.err
    assert [match["0020000D"]["Value"] for match in found.json()] == [[items[0].StudyInstanceUID]]
    assert (code, end["here"], end["counts"]["listed"]) == (0, 8, 8), (end, notes)
    for item in items:
        assert_kept(web, item)

"""PS3.4 annex B: the node as the one who stores what it does not keep: `causeway remote send`."""

from __future__ import annotations

import io
import json
import signal
import time
import zipfile

import pytest
import requests
from pydicom import dcmread
from pydicom.uid import (
    CTImageStorage,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    RLELossless,
)
from pynetdicom import AE, evt

import data
import samples
from archivist import begun, command
from clients import Receiver, Web, dcmtk_server
from subjects.base import free_port

pytestmark = pytest.mark.only("causeway")

WAIT_SECONDS_MAX = 30


@pytest.fixture
def remote(subject):
    """A Storage SCP of pynetdicom that the node knows."""
    with Receiver(f"SEND{free_port()}") as running:
        known(subject, running)
        yield running


def known(subject, receiver, *more):
    """Tells the node of a receiver; gives the name."""
    subject.run(
        "remote", "add", receiver.ae_title.lower(), "--ae-title", receiver.ae_title, "--host", "127.0.0.1",
        "--port", str(receiver.port), *more,
    )
    return receiver.ae_title.lower()


def written(folder, items):
    """The items as files in the folder, in order."""
    folder.mkdir(exist_ok=True)
    for index, item in enumerate(items):
        (folder / f"{index:03}.dcm").write_bytes(data.file_of(item))
    return folder


def send(subject, receiver, *arguments, code=0):
    """The report of a command that ends so."""
    said = command(subject, "remote", "send", receiver.ae_title.lower(), *map(str, arguments), "--json", seconds=120)
    assert said.code == code, said.out + said.err
    return said.json()


def test_files_folders_and_zips_arrive_as_they_are_and_nothing_is_kept(subject, web, remote, folder):
    """Byte for byte; what is no DICOM is left aside and named; the node keeps none of it."""
    items = data.study(series=2, instances=3)
    tree = written(folder / "tree", items[:3])
    (tree / "notes.txt").write_text("no pictures here")
    (tree / "DICOMDIR").write_bytes(data.file_of(items[0]))
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for index, item in enumerate(items[3:5]):
            archive.writestr(f"inside/{index}", data.file_of(item))
    (folder / "last").write_bytes(data.file_of(items[5]))
    report = send(subject, remote, tree, folder / "more.zip", folder / "last")
    assert (report["taken"], report["skipped"], report["not_taken"]) == (6, 0, [])
    assert {line["file"].rsplit("/", 1)[1] for line in report["left"]} == {"notes.txt", "DICOMDIR"}
    assert {it.sop_instance: it.body for it in remote.arrivals} == {
        item.SOPInstanceUID: data.encoded(item) for item in items
    }
    assert len({it.association for it in remote.arrivals}) == 1, "one association for all"
    assert not any(web.has(item) for item in items)
    people = command(subject, "remote", "send", remote.ae_title.lower(), str(tree))
    assert people.code == 0 and people.out.startswith(f"3 instances taken by {remote.ae_title.lower()}\n")
    assert "\x1b" not in people.out


def test_each_answer_is_told_with_its_file(subject, remote, folder):
    """A failure is not taken, a warning is; the others go on."""
    items = data.study(series=1, instances=4)
    statuses = {2: 0xA900, 3: 0xB000}
    remote.act = lambda event, count: statuses.get(count)
    report = send(subject, remote, written(folder / "in", items), code=1)
    assert report["taken"] == 3 and report["interrupted"] is None
    [refused] = report["not_taken"]
    assert refused["file"].endswith("001.dcm") and "A900H" in refused["because"]
    [remark] = report["remarks"]
    assert remark["file"].endswith("002.dcm") and "B000H" in remark["because"]


def test_files_that_cannot_be_sent_are_named_and_harm_no_other(subject, remote, folder):
    """Cut short, without UIDs, no data set at all: the scanner finds out; the line is not lost for small ones."""
    items = data.study(series=1, instances=2)
    tree = written(folder / "in", items)
    whole = data.file_of(data.instance())
    (tree / "000a.dcm").write_bytes(whole[:-40])
    (tree / "000b.dcm").write_bytes(data.file_of(data.instance(SOPInstanceUID=None)))
    (tree / "000c.dcm").write_bytes(whole[:132] + b"\xff" * 500)
    long = data.instance(rows=60_000)
    (tree / "000d.dcm").write_bytes(data.file_of(long)[:-1000])
    report = send(subject, remote, tree, code=1)
    assert report["taken"] == 2 and report["interrupted"] is None
    assert sorted(line["file"][-8:] for line in report["not_taken"]) == ["000a.dcm", "000b.dcm", "000c.dcm", "000d.dcm"]
    assert {it.sop_instance for it in remote.arrivals} == {str(item.SOPInstanceUID) for item in items}
    for name, content in samples.hostile()[:60]:
        (folder / "one.dcm").write_bytes(content)
        said = command(subject, "remote", "send", remote.ae_title.lower(), str(folder / "one.dcm"), "--json")
        assert said.code in (0, 1) and "interrupted" in said.json(), name


def test_an_instance_that_the_remote_takes_in_no_form_is_refused_by_its_class(subject, folder):
    """No context for it; the next file opens another association."""
    ct, mr = data.instance(), data.instance(SOPClassUID=MRImageStorage, Modality="MR")
    entity = AE(ae_title="ONLYCT")
    entity.add_supported_context(CTImageStorage)
    seen = []
    server = entity.start_server(
        ("127.0.0.1", 0), block=False,
        evt_handlers=[(evt.EVT_C_STORE, lambda event: seen.append(event.request.AffectedSOPInstanceUID) or 0)],
    )
    subject.run(
        "remote", "add", "onlyct", "--ae-title", "ONLYCT", "--host", "127.0.0.1", "--port",
        str(server.socket.getsockname()[1]),
    )
    said = command(subject, "remote", "send", "onlyct", str(written(folder / "in", [mr, ct])), "--json")
    server.shutdown()
    report = said.json()
    assert said.code == 1 and seen == [ct.SOPInstanceUID]
    assert report["taken"] == 1 and MRImageStorage in report["not_taken"][0]["because"]


@pytest.mark.parametrize("quirks", [[], ["--quirk", "implicit-only,small-pdus"]], ids=["refusing", "quirk"])
def test_what_the_remote_does_not_take_as_it_is_is_laid_out_or_decompressed(subject, folder, quirks):
    """Explicit VR, RLE and JPEG 2000 to a remote that takes implicit VR alone: the pixels are what they were."""
    plain = data.instance()
    rle = data.instance()
    rle.compress(RLELossless, generate_instance_uid=False)
    items, originals = [plain, rle], [plain.pixel_array, rle.pixel_array]
    for sample in samples.good("scu-send"):
        if sample.transfer_syntax == JPEG2000Lossless and (it := sample.dataset()).get("NumberOfFrames", 1) == 1:
            items.append(it)
            originals.append(it.pixel_array)
            break
    tree = folder / "in"
    tree.mkdir()
    for index, item in enumerate(items):
        item.save_as(tree / f"{index}.dcm", enforce_file_format=True)
    with Receiver(f"IMPL{free_port()}", syntaxes=[ImplicitVRLittleEndian]) as receiver:
        known(subject, receiver, *quirks)
        report = send(subject, receiver, tree)
    assert report["taken"] == len(items)
    for item, original, arrival in zip(items, originals, receiver.arrivals):
        assert arrival.transfer_syntax == ImplicitVRLittleEndian
        kept = dcmread(io.BytesIO(arrival.body), force=True)
        kept.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        assert (kept.pixel_array == original).all(), item.SOPClassUID
    if quirks:
        assert max(receiver.pdu_lengths) <= 16384


def test_after_a_broken_line_the_same_command_goes_on(subject, remote, folder):
    """The remote aborts in the middle: what it took is not sent again, what it did not take is."""
    items = data.study(series=1, instances=8)
    tree = written(folder / "in", items)

    def abort_from_the_fourth(event, count):
        if count >= 4:
            event.assoc.abort()
        return None

    def records():
        return list((subject.folder / ".local/state/causeway/sent").glob(f"{remote.ae_title.lower()}-*"))

    remote.act = abort_from_the_fourth
    broken = send(subject, remote, tree, code=1)
    assert (broken["taken"], broken["skipped"]) == (3, 0)
    assert "abort" in broken["interrupted"]
    [record] = records()
    assert len(record.read_text().split()) == 3
    remote.act, remote.arrivals = None, []
    again = send(subject, remote, tree)
    assert (again["taken"], again["skipped"], again["interrupted"]) == (5, 3, None)
    assert [it.sop_instance for it in remote.arrivals] == [item.SOPInstanceUID for item in items[3:]]
    assert not records(), "all is sent: nothing to go on with"
    remote.arrivals = []
    assert send(subject, remote, tree)["taken"] == 8, "sent once more when it is wanted once more"


def test_a_file_that_breaks_the_line_is_named_and_the_others_go_on(subject, remote, folder):
    """An abort at one of them: the next opens another association."""
    items = data.study(series=1, instances=5)

    def abort_at_the_third(event, count):
        if event.request.AffectedSOPInstanceUID == items[2].SOPInstanceUID:
            event.assoc.abort()
        return None

    remote.act = abort_at_the_third
    report = send(subject, remote, written(folder / "in", items), code=1)
    assert (report["taken"], report["interrupted"]) == (4, None)
    [line] = report["not_taken"]
    assert line["file"].endswith("002.dcm") and "the line broke" in line["because"]


def test_a_command_that_is_killed_goes_on_and_afresh_it_begins_anew(subject, remote, folder):
    """SIGKILL in the middle of a batch; other paths and another remote know nothing of it."""
    items = data.study(series=1, instances=30)
    tree = written(folder / "in", items)
    remote.pause = 0.1
    running = begun(subject, "remote", "send", remote.ae_title.lower(), str(tree))
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while len(remote.arrivals) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=WAIT_SECONDS_MAX)
    time.sleep(0.5)
    early = len(remote.arrivals)
    assert early < 30, "the node stops when nobody listens"
    remote.pause, remote.arrivals = 0, []
    assert send(subject, remote, tree / "000.dcm")["taken"] == 1, "another command"
    remote.arrivals = []
    again = send(subject, remote, tree)
    assert again["skipped"] >= 4 and again["taken"] + again["skipped"] == 30
    assert len(remote.arrivals) == again["taken"]
    remote.act = lambda event, count: 0xA700 if count > 3 else None
    remote.arrivals = []
    full = send(subject, remote, tree, code=1)
    assert full["taken"] == 3 and "A700H" in full["interrupted"]
    remote.act = None
    assert send(subject, remote, tree, "--afresh")["taken"] == 30


def test_a_remote_that_is_not_there_is_told_and_a_path_that_is_not_there_too(subject, folder):
    """Nothing is sent, and it is said why."""
    subject.run("remote", "add", "away", "--ae-title", "AWAY", "--host", "127.0.0.1", "--port", str(free_port()))
    tree = written(folder / "in", [data.instance()])
    said = command(subject, "remote", "send", "away", str(tree))
    assert said.code == 1 and "interrupted: connecting to 127.0.0.1" in said.out
    assert "there is no" in command(subject, "remote", "send", "away", str(folder / "nothing")).err
    assert "no remote" in command(subject, "remote", "send", "nobody", str(tree)).err


def test_more_files_than_one_batch_holds(subject, remote, folder):
    """Two hundred and thirty: three requests, all answered."""
    items = data.study(series=1, instances=230)
    report = send(subject, remote, written(folder / "in", items))
    assert report["taken"] == 230 and len(remote.uids()) == 230


def test_a_form_of_curl_is_taken_and_each_file_answered_as_it_goes(subject, remote):
    """The REST interface: multipart/form-data, or one file as the body; a media type of another kind is refused."""
    items = data.study(series=1, instances=3)
    url = f"{subject.url}/api/v1/remotes/{remote.ae_title.lower()}/send"
    form = requests.post(url, files=[("file", data.file_of(item)) for item in items], timeout=30)
    lines = [json.loads(line) for line in form.text.splitlines()]
    assert [line["file"]["sop_instance"] for line in lines[:3]] == [item.SOPInstanceUID for item in items]
    assert all(line["file"]["is_taken"] and line["file"]["status"] == "0000" for line in lines[:3])
    assert lines[3] == {"end": {"is_well": True, "words": "", "taken": 3, "refused": 0}}
    alone = requests.post(url, data=data.file_of(items[0]), headers={"Content-Type": "application/dicom"}, timeout=30)
    assert alone.text.count("\n") == 2
    assert requests.post(url, json={}, timeout=30).status_code == 415


@pytest.mark.parametrize("kind", ["orthanc", "causeway"])
def test_servers_that_others_run_have_what_was_sent(subject, make_subject, folder, kind):
    """Samples of every class and encoding to Orthanc and to another node of ours: values and pixels are what they were."""
    other = make_subject(kind, ae_title="TAKER")
    other.add_remote("sender", subject.ae_title, subject.dimse_port)
    subject.add_remote("taker", "TAKER", other.dimse_port)
    chosen = {}
    for sample in samples.good(f"scu-send-{kind}"):
        chosen.setdefault((sample.sop_class, sample.transfer_syntax), sample)
    if not chosen:
        pytest.skip("there are no samples")
    tree = folder / "in"
    tree.mkdir()
    for index, sample in enumerate(chosen.values()):
        (tree / f"{index:03}.dcm").write_bytes(sample.bytes())
    said = command(subject, "remote", "send", "taker", str(tree), "--json", seconds=180)
    report = said.json()
    refused = {line["file"].rsplit("/", 1)[1]: line["because"] for line in report["not_taken"]}
    assert report["interrupted"] is None and report["taken"] + len(refused) == len(chosen)
    assert report["taken"] >= len(chosen) * 0.8, refused
    web = Web(other.dicomweb)
    for index, sample in enumerate(chosen.values()):
        if f"{index:03}.dcm" in refused:
            continue
        if kind == "orthanc":
            [found] = requests.post(
                f"{other.url}/tools/lookup", data=sample.sop_instance, timeout=30,
            ).json()[:1] or [None]
            assert found is not None, sample
            kept = requests.get(f"{other.url}/instances/{found['ID']}/file", timeout=60).content
        else:
            kept = web.instance(sample.study, sample.series, sample.sop_instance)
            if data.transfer_syntax(kept) == sample.transfer_syntax:
                assert data.split(kept)[1] == data.split(sample.bytes())[1], sample
        assert dcmread(io.BytesIO(kept)).SOPInstanceUID == sample.sop_instance
        if data.transfer_syntax(kept) == sample.transfer_syntax and "PixelData" in (original := sample.dataset()):
            assert dcmread(io.BytesIO(kept)).PixelData == original.PixelData, sample


def test_dcmtk_takes_what_is_sent(subject, folder):
    """storescp: files on its disk, byte for byte."""
    port, out = free_port(), folder / "out"
    out.mkdir()
    subject.run("remote", "add", "dcmtk", "--ae-title", "DCMTK", "--host", "127.0.0.1", "--port", str(port))
    items = data.study(series=2, instances=4)
    tree = written(folder / "in", items)
    arguments = ["--aetitle", "DCMTK", "--output-directory", str(out), "--bit-preserving", str(port)]
    with dcmtk_server("storescp", *arguments, port=port):
        said = command(subject, "remote", "send", "dcmtk", str(tree), "--json")
    assert said.code == 0 and said.json()["taken"] == 8, said.out
    kept = {}
    for path in out.iterdir():
        item = dcmread(path)
        kept[item.SOPInstanceUID] = data.split(path.read_bytes())[1]
    assert kept == {item.SOPInstanceUID: data.encoded(item) for item in items}

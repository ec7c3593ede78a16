"""A study goes when it is quiet and complete: held against what its sender lists, or a manifest; else quiet alone, and
said to be. What comes late goes after it, and nothing twice."""

from __future__ import annotations

import json
import time

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import data
from clients import Receiver, Web, store, stored

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

PATIENCE_SECONDS = 60
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"


def story(node, study):
    """The node's story of a study."""
    return json.loads(node.run("queue", "show", study, "--json"))


def until(node, study, is_so, seconds=PATIENCE_SECONDS):
    """The only delivery of a study, once it is so."""
    deadline = time.monotonic() + seconds
    while True:
        (delivery,) = story(node, study)["deliveries"]
        if is_so(delivery):
            return delivery
        assert time.monotonic() < deadline, delivery
        time.sleep(0.2)


def is_confirmed(delivery):
    return delivery["state"] == "confirmed"


def route(node, port, *terms):
    """A node that sends studies on to FAR once they are quiet for a second."""
    node.run("remote", "add", "far", "--ae-title", "FAR", "--host", "127.0.0.1", "--port", str(port))
    node.run("route", "add", "to-far", "--when", "true", "--to", "far", "--quiet", "1", *terms)


@pytest.fixture(params=["dimse", "dicomweb"])
def pacs(request, make_subject):
    """An Orthanc that a node knows as the sender of what comes from `PACS`, and can ask by C-FIND or by QIDO-RS."""
    sender = make_subject("orthanc", ae_title="PACS")
    node = make_subject(ae_title="HOSPITAL")
    if request.param == "dimse":
        node.run(
            "remote", "add", "pacs", "--ae-title", "PACS", "--host", "127.0.0.1", "--port", str(sender.dimse_port),
            "--allow", "store",
        )
    else:
        node.run("remote", "add", "pacs", "--ae-title", "PACS", "--dicomweb", sender.dicomweb, "--allow", "store")
    return sender, node


def test_a_study_waits_for_what_its_sender_lists_and_goes_when_all_is_here(pacs):
    sender, node = pacs
    items = stored(sender, *data.study(2, 4))
    study = items[0].StudyInstanceUID
    with Receiver("FAR") as far:
        route(node, far.port)
        stored(node, *items[:5], calling="PACS")
        waiting = until(node, study, lambda it: it["evidence"] is not None)
        assert (waiting["state"], waiting["released"]) == ("gathering", 0)
        assert waiting["evidence"]["words"] == "5 of 8 known at pacs"
        assert set(waiting["evidence"]["missing"]) == {item.SOPInstanceUID for item in items[5:]}
        assert "5 of 8 known at pacs" in waiting["why"]
        assert far.arrivals == []
        stored(node, *items[5:], calling="PACS")
        gone = until(node, study, is_confirmed)
        assert gone["evidence"]["words"] == "all 8 known at pacs are here"
        assert gone["revision"] == 1
        assert sorted(arrival.sop_instance for arrival in far.arrivals) == sorted(item.SOPInstanceUID for item in items)
    assert "all 8 known at pacs are here" in node.run("queue", "show", study)


def test_what_never_comes_is_not_waited_for_beyond_its_time_and_goes_as_a_delta_when_it_does(pacs):
    sender, node = pacs
    items = stored(sender, *data.study(1, 4))
    study = items[0].StudyInstanceUID
    with Receiver("FAR") as far:
        route(node, far.port, "--wait", "3")
        stored(node, *items[:3], calling="PACS")
        gone = until(node, study, is_confirmed)
        assert gone["evidence"]["words"].startswith("3 of 4 known at pacs; the others did not come within ")
        assert gone["evidence"]["missing"] == [items[3].SOPInstanceUID]
        stored(node, items[3], calling="PACS")
        gone = until(node, study, lambda it: is_confirmed(it) and it["released"] == 2)
        assert (gone["revision"], gone["instances"], gone["delivered"]) == (2, 4, 4)
        assert [arrival.sop_instance for arrival in far.arrivals][3:] == [items[3].SOPInstanceUID], "nothing goes twice"


def test_a_sender_that_cannot_be_asked_holds_nothing_up_and_is_said_to_be(make_subject):
    node = make_subject()
    items = data.study(1, 2)
    node.run("remote", "add", "pacs", "--ae-title", "PACS", "--host", "127.0.0.1", "--port", "1", "--allow", "store")
    with Receiver("FAR") as far:
        route(node, far.port)
        stored(node, *items, calling="PACS")
        gone = until(node, items[0].StudyInstanceUID, is_confirmed)
        assert gone["evidence"]["words"].startswith("it has been quiet; pacs could not be asked: ")
        assert gone["evidence"]["basis"] == "quiet"
        strange = stored(node, *data.study(1, 1))
        gone = until(node, strange[0].StudyInstanceUID, is_confirmed)
        assert gone["evidence"]["words"] == "it has been quiet; it came from no registered remote that could be asked"


def test_a_route_may_ask_another_than_the_sender_or_nobody(make_subject):
    archive = make_subject("orthanc", ae_title="ARCHIVE")
    node = make_subject()
    node.add_remote("archive", "ARCHIVE", archive.dimse_port)
    items = stored(archive, *data.study(1, 3))
    with Receiver("FAR") as far:
        route(node, far.port, "--ask", "archive")
        stored(node, *items[:2])
        waiting = until(node, items[0].StudyInstanceUID, lambda it: it["evidence"] is not None)
        assert waiting["evidence"]["words"] == "2 of 3 known at archive"
        node.run("route", "add", "to-far", "--when", "true", "--to", "far", "--quiet", "1", "--ask", "nobody")
        gone = until(node, items[0].StudyInstanceUID, is_confirmed)
        assert gone["evidence"]["words"] == "it has been quiet; its route asks nobody"
        assert len(far.arrivals) == 2


def manifest(items, title="113030"):
    """A Key Object Selection Document that names `items` (PS3.3 §A.35.4)."""
    document = _bare(items)
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = title, "DCM", "Manifest"
    document.ConceptNameCodeSequence = Sequence([code])
    series = {}
    for item in items:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = item.SOPClassUID, item.SOPInstanceUID
        series.setdefault(item.SeriesInstanceUID, []).append(reference)
    study = Dataset()
    study.StudyInstanceUID = items[0].StudyInstanceUID
    study.ReferencedSeriesSequence = Sequence()
    for uid, references in series.items():
        one = Dataset()
        one.SeriesInstanceUID, one.ReferencedSOPSequence = uid, Sequence(references)
        study.ReferencedSeriesSequence.append(one)
    document.CurrentRequestedProcedureEvidenceSequence = Sequence([study])
    return document


def _bare(items):
    """A document of the study without pixels."""
    document = data.instance(StudyInstanceUID=items[0].StudyInstanceUID, PatientID=items[0].PatientID)
    for keyword in (
        "PixelData", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
        "HighBit", "PixelRepresentation",
    ):
        delattr(document, keyword)
    document.SOPClassUID = document.file_meta.MediaStorageSOPClassUID = KEY_OBJECT_SELECTION
    document.Modality, document.ContentDate, document.ContentTime = "KO", "20240115", "101500"
    document.ValueType = "CONTAINER"
    return document


def test_a_manifest_that_came_with_a_study_says_what_is_missing(make_subject):
    node = make_subject()
    items = data.study(2, 3)
    study = items[0].StudyInstanceUID
    with Receiver("FAR") as far:
        route(node, far.port)
        stored(node, manifest(items), *items[:4])
        waiting = until(node, study, lambda it: it["evidence"] is not None)
        assert waiting["evidence"]["words"] == "4 of 6 of the manifest"
        assert waiting["evidence"]["basis"] == "manifest"
        stored(node, *items[4:])
        gone = until(node, study, is_confirmed)
        assert gone["evidence"]["words"] == "all 6 of the manifest are here"
        assert len(far.arrivals) == 7
        # Key images are marked for another purpose: nothing is missing.
        marked = data.study(1, 3)
        stored(node, manifest(marked, "113000"), *marked[:2])
        gone = until(node, marked[0].StudyInstanceUID, is_confirmed)
        assert gone["evidence"]["basis"] == "quiet"


def test_a_series_is_complete_by_itself(make_subject):
    sender = make_subject("orthanc", ae_title="PACS")
    node = make_subject()
    node.add_remote("pacs", "PACS", sender.dimse_port)
    items = stored(sender, *data.study(2, 2))
    with Receiver("FAR") as far:
        route(node, far.port, "--trigger", "series")
        stored(node, *items[:2], items[2], calling="PACS")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(far.arrivals) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        told = {it["series"]: it for it in story(node, items[0].StudyInstanceUID)["deliveries"]}
        whole, part = told[items[0].SeriesInstanceUID], told[items[2].SeriesInstanceUID]
        assert whole["evidence"]["words"] == "all 2 known at pacs are here"
        assert part["state"] == "gathering"
        assert far.uids() == {item.SOPInstanceUID for item in items[:2]}


@pytest.mark.parametrize(("late", "sent"), [("delta", [1, 1, 1]), ("whole", [2, 2, 1]), ("leave", [1, 1])])
def test_what_comes_late_is_treated_as_the_route_says(make_subject, late, sent):
    node = make_subject()
    items = data.study(1, 3)
    study = items[0].StudyInstanceUID
    with Receiver("FAR") as far:
        route(node, far.port, "--late", late)
        stored(node, *items[:2])
        until(node, study, is_confirmed)
        stored(node, items[2])
        if late == "leave":
            gone = until(node, study, lambda it: it["cancelled"] == 1)
            assert "it came late" in json.dumps(gone["answers"])
        else:
            until(node, study, lambda it: is_confirmed(it) and it["released"] == 2)
        arrived = [arrival.sop_instance for arrival in far.arrivals]
        assert [arrived.count(item.SOPInstanceUID) for item in items][: len(sent)] == sent


def test_what_goes_round_between_gateways_ends(make_subject):
    """Three nodes in a ring, each of which sends on all it is sent: each instance passes each node once."""
    nodes = [make_subject(ae_title=f"RING{at}") for at in range(3)]
    for at, node in enumerate(nodes):
        ahead, behind = nodes[(at + 1) % 3], nodes[at - 1]
        node.add_remote("ahead", ahead.ae_title, ahead.dimse_port)
        node.add_remote("behind", behind.ae_title, behind.dimse_port)
        node.add_route("on", "true", "ahead")
    items = stored(nodes[0], *data.study(1, 3))
    for node in nodes:
        assert set(node.decided(3).values()) == {"delivered"}
        assert len(node.queue()) == 3
        assert all(Web(node.dicomweb).has(item) for item in items)


def test_what_was_deleted_after_it_went_and_comes_round_is_not_sent_again(make_subject):
    node = make_subject()
    node.run("remote", "add", "pacs", "--ae-title", "PACS", "--allow", "store")
    node.run("remote", "add", "other", "--ae-title", "OTHER", "--allow", "store")
    items = data.study(1, 2)
    study = items[0].StudyInstanceUID
    with Receiver("FAR") as far:
        route(node, far.port, "--trigger", "instance")
        stored(node, *items, calling="PACS")
        until(node, study, is_confirmed)
        assert requests.delete(f"{node.dicomweb}/studies/{study}", timeout=20).status_code == 204
        assert store(node, *items, calling="OTHER") == [0, 0]
        until(node, study, lambda it: it["cancelled"] == 2)
        assert "a loop ends here" in node.run("queue", "show", study)
        assert len(far.arrivals) == 2

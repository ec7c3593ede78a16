"""Earlier studies of a patient go along with one, as the route's rule says: fetched from the sender where they are not
here, each once, and without bringing earlier studies of their own."""

from __future__ import annotations

import json
import time

import pytest

import data
from clients import Receiver, Web, stored

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

PATIENCE_SECONDS = 90


def study(patient, date, **attributes):
    """Two instances of one study of the patient."""
    return data.study(1, 2, PatientID=patient, StudyDate=date, **attributes)


def told(node, item):
    """The delivery of the instance's study, once its earlier studies were looked for and all of it went."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        (delivery,) = json.loads(node.run("queue", "show", item.StudyInstanceUID, "--json"))["deliveries"]
        if delivery["state"] == "confirmed" and delivery["priors"] not in (None, "looked for"):
            return delivery
        assert time.monotonic() < deadline, delivery
        time.sleep(0.2)


def arrived(far, items):
    """Waits until all of these arrived; what arrived in all, by study."""
    wanted = {item.SOPInstanceUID for item in items}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not wanted <= far.uids():
        assert time.monotonic() < deadline, (wanted, far.uids())
        time.sleep(0.2)
    return far.uids()


@pytest.fixture(params=["dimse", "dicomweb"])
def pacs(request, make_subject):
    """An Orthanc that a node knows as the sender of what comes from `PACS`, and can ask either way."""
    sender = make_subject("orthanc", ae_title="PACS")
    node = make_subject(ae_title="HOSPITAL")
    if request.param == "dimse":
        node.add_remote("pacs", "PACS", sender.dimse_port)
    else:
        node.run("remote", "add", "pacs", "--ae-title", "PACS", "--dicomweb", sender.dicomweb, "--allow", "store")
    return sender, node


def route(node, far, *terms):
    node.run("remote", "add", "far", "--ae-title", "FAR", "--host", "127.0.0.1", "--port", str(far.port))
    node.run("route", "add", "to-far", "--when", "true", "--to", "far", "--quiet", "1", *terms)


def test_the_latest_earlier_studies_of_the_same_kind_are_fetched_and_go_along(pacs):
    sender, node = pacs
    patient = data.patient_id()
    new = study(patient, "20240115", Modality="CT")
    earlier = [study(patient, date, Modality="CT") for date in ("20230101", "20220101", "20210101")]
    other_kind = study(patient, "20231231", Modality="MR")
    later = study(patient, "20250101", Modality="CT")
    other = study(data.patient_id(), "20230601", Modality="CT")
    for items in (new, *earlier, other_kind, later, other):
        stored(sender, *items)
    with Receiver("FAR") as far:
        route(node, far, "--priors", "2", "--priors-same", "modality")
        stored(node, *new, calling="PACS")
        wanted = [*new, *earlier[0], *earlier[1]]
        assert arrived(far, wanted) == {item.SOPInstanceUID for item in wanted}
        assert told(node, new[0])["priors"] == "2 sent along"
        # What was fetched is here, has a delivery of its own, and brought nothing along.
        assert all(Web(node.dicomweb).has(item) for item in earlier[0] + earlier[1])
        (prior,) = json.loads(node.run("queue", "show", earlier[0][0].StudyInstanceUID, "--json"))["deliveries"]
        assert (prior["route"], prior["delivered"], prior["priors"]) == ("to-far", 2, None)
        assert "later study of the patient" in prior["evidence"]["words"]
        time.sleep(3)
        assert len(far.arrivals) == len(wanted), "each once"
    assert "earlier studies: 2 sent along" in node.run("queue", "show", new[0].StudyInstanceUID)


def test_a_second_study_sends_only_what_did_not_go_before(pacs):
    sender, node = pacs
    patient = data.patient_id()
    first, second, earlier = (study(patient, date) for date in ("20240115", "20240116", "20200101"))
    for items in (first, second, earlier):
        stored(sender, *items)
    with Receiver("FAR") as far:
        route(node, far, "--priors", "5", "--priors-years", "5")
        stored(node, *first, calling="PACS")
        arrived(far, [*first, *earlier])
        told(node, first[0])
        stored(node, *second, calling="PACS")
        arrived(far, second)
        told(node, second[0])
        time.sleep(2)
        assert len(far.arrivals) == 6


def test_body_parts_are_compared_and_years_counted(pacs):
    sender, node = pacs
    patient = data.patient_id()
    new = study(patient, "20240115", BodyPartExamined="CHEST")
    chest, head, old = (
        study(patient, date, BodyPartExamined=part)
        for date, part in (("20220101", "CHEST"), ("20230101", "HEAD"), ("20100101", "CHEST"))
    )
    for items in (new, chest, head, old):
        stored(sender, *items)
    with Receiver("FAR") as far:
        route(node, far, "--priors", "5", "--priors-years", "10", "--priors-same", "body-part")
        stored(node, *new, calling="PACS")
        assert arrived(far, [*new, *chest]) == {item.SOPInstanceUID for item in [*new, *chest]}


def test_what_is_here_goes_along_where_nobody_can_be_asked(make_subject):
    node = make_subject()
    patient = data.patient_id()
    earlier, new = study(patient, "20200101"), study(patient, "20240115")
    stored(node, *earlier)
    with Receiver("FAR") as far:
        route(node, far, "--priors", "3")
        stored(node, *new)
        arrived(far, [*new, *earlier])
        assert told(node, new[0])["priors"] == "1 sent along"


def test_a_study_is_fetched_from_a_server_of_the_web(make_subject):
    """PS3.18 §10.4: `retrieve` from a remote that has no DIMSE side; what is not there is said not to be."""
    sender = make_subject("orthanc", ae_title="PACS")
    node = make_subject()
    node.add_web_remote("pacs", sender.dicomweb)
    items = stored(sender, *data.study(2, 2))
    end = json.loads(node.run("retrieve", "pacs", items[0].StudyInstanceUID, "--json").splitlines()[-1])
    assert (end["is_well"], end["way"], end["here"], end["missing"]) == (True, "web", 4, [])
    for item in items:
        assert data.split(Web(node.dicomweb).file(item))[1] == data.encoded(item)
    node.run("retrieve", "pacs", items[0].StudyInstanceUID)

"""Routes: several destinations, order, stop, fallback, priority, windows, delay; they explain themselves, can be tried on
what came, and are checked when they are saved. Queues: paused, resumed, rerouted, changed many at a time."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import datetime, timedelta, timezone

import pytest
import requests

import data
from clients import Receiver, stored
from subjects.causeway import binary

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

PATIENCE_SECONDS = 60
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def add(node, name, to, *terms, when="true"):
    """A route that sends each instance at once."""
    remotes = [part for remote in to for part in ("--to", remote)]
    node.run("route", "add", name, "--when", when, *remotes, "--trigger", "instance", *terms)


def know(node, name, port):
    node.run("remote", "add", name, "--ae-title", name.upper(), "--host", "127.0.0.1", "--port", str(port))


def refused(node, *arguments):
    """What a command says that fails."""
    command = [str(binary()), *arguments, "--url", node.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0, done.stdout
    return done.stderr


def explained(node, item):
    """What each route does with a study of one instance: where it sends it, and why."""
    told = json.loads(node.run("route", "explain", item.StudyInstanceUID, "--json"))
    return {it["route"]: (it["answers"][0]["sends_to"], it["answers"][0]["because"]) for it in told}


def delivery(node, item, remote, is_so, seconds=PATIENCE_SECONDS):
    """A delivery of the instance's study to a remote, once it is so."""
    deadline = time.monotonic() + seconds
    while True:
        told = json.loads(node.run("queue", "show", item.StudyInstanceUID, "--json"))["deliveries"]
        found = [it for it in told if it["remote"] == remote]
        if found and is_so(found[0]):
            return found[0]
        assert time.monotonic() < deadline, told
        time.sleep(0.2)


@pytest.fixture
def reach(make_subject):
    """A node, and two destinations that it knows."""
    node = make_subject()
    with Receiver("ONE") as one, Receiver("TWO") as two:
        know(node, "one", one.port)
        know(node, "two", two.port)
        yield node, one, two


def test_a_route_has_several_destinations_and_each_is_sent_everything(reach):
    node, one, two = reach
    add(node, "both", ["one", "two"])
    items = stored(node, *data.study(1, 3))
    assert set(node.decided(3).values()) == {"delivered"}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not one.uids() == two.uids() == {item.SOPInstanceUID for item in items}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "one, two" in node.run("route", "list")


def test_order_stop_and_fallback(reach):
    node, one, two = reach
    add(node, "rest", ["two"], "--fallback")
    add(node, "ct", ["one"], "--stop", when='Modality == "CT"')
    add(node, "all", ["two"], when='Modality != "US"')
    ct, mr, us = (data.instance(Modality=modality) for modality in ("CT", "MR", "US"))
    stored(node, ct, mr, us)
    assert explained(node, ct) == {
        "ct": (["one"], "the condition holds"), "all": ([], "route 'ct' takes it and stops"),
        "rest": ([], "route 'ct' takes it and stops"),
    }
    assert explained(node, mr)["all"] == (["two"], "the condition holds")
    assert explained(node, mr)["rest"] == ([], "it is a fallback, and route 'all' takes it")
    assert explained(node, us)["rest"] == (["two"], "the condition holds")
    assert set(node.decided(3).values()) == {"delivered"}
    assert one.uids() == {ct.SOPInstanceUID}
    assert two.uids() == {mr.SOPInstanceUID, us.SOPInstanceUID}
    # Moved before the one that stops, `all` is asked first.
    node.run("route", "move", "all", "--before", "ct")
    assert [route["name"] for route in json.loads(node.run("route", "list", "--json"))] == ["all", "ct", "rest"]
    assert explained(node, ct)["all"] == (["two"], "the condition holds")
    assert "there is no route 'none'" in refused(node, "route", "move", "none", "--first")


@pytest.mark.parametrize(("terms", "said"), [
    (["--when", 'Modalty == "CT"', "--to", "one"], "Modalty"),
    (["--when", "Modality == 1", "--to", "one"], "Modality"),
    (["--when", "Rows", "--to", "one"], "true or false"),
    (["--when", "true", "--to", "none"], "no remote 'none'"),
    (["--when", "true", "--to", "one", "--to", "one"], "each once"),
    (["--when", "true", "--to", "one", "--during", "Someday 20:00-06:00"], "Someday"),
    (["--when", "true", "--to", "one", "--during", "daily 20:00-06:00", "--zone", "Mars/Base"], "Mars/Base"),
    (["--when", "true", "--to", "one", "--ask", "none"], "no remote 'none'"),
    (["--when", "true", "--to", "one", "--quiet", "100000"], "100000"),
    (["--when", "true", "--to", "one", "--delay", "99999999"], "99999999"),
])
def test_a_route_that_is_not_sound_is_refused_by_name(reach, terms, said):
    node, *_ = reach
    assert said in refused(node, "route", "add", "bad", *terms)
    assert json.loads(node.run("route", "list", "--json")) == []


def test_a_draft_is_tried_on_what_came_and_changes_nothing(reach):
    node, one, two = reach
    add(node, "all", ["one"])
    ct, mr = data.study(1, 3, Modality="CT"), data.study(1, 2, Modality="MR")
    stored(node, *ct, *mr)
    assert set(node.decided(5).values()) == {"delivered"}
    draft = ["route", "test", "neuro", "--when", 'Modality == "MR"', "--to", "two", "--since", "24h"]
    told = json.loads(node.run(*draft, "--json"))
    assert told["instances"] == 5
    assert told["sends"] == [
        {"route": "all", "remote": "one", "before": 5, "after": 5},
        {"route": "neuro", "remote": "two", "before": 0, "after": 2},
    ]
    assert told["studies"] == [{"study": mr[0].StudyInstanceUID, "instances": 2, "to": ["two"]}]
    # In the place of the route of its name, stopping nothing any more.
    instead = json.loads(node.run("route", "test", "all", "--when", "false", "--to", "one", "--json"))
    assert instead["sends"] == [{"route": "all", "remote": "one", "before": 5, "after": 0}]
    assert "WITH THE DRAFT" in node.run(*draft)
    assert "Modalty" in refused(node, "route", "test", "x", "--when", "Modalty == 'CT'", "--to", "one")
    assert [route["name"] for route in json.loads(node.run("route", "list", "--json"))] == ["all"]
    assert two.arrivals == []
    assert json.loads(node.run(*draft[:-2], "--since", "0m", "--json"))["instances"] == 0


def test_a_route_sends_only_in_its_windows_and_says_when_it_does_next(reach):
    node, one, _ = reach
    today = datetime.now(timezone.utc)
    other = DAYS[(today + timedelta(days=3)).weekday()]
    add(node, "night", ["one"], "--during", f"{other} 01:00-02:00", "--zone", "UTC")
    item = stored(node, data.instance())[0]
    closed = delivery(node, item, "one", lambda it: it["state"] == "closed")
    assert f"{(today + timedelta(days=3)).date()}T01:00:00Z" in closed["why"]
    assert one.arrivals == []
    # Opened by hand: what waits goes.
    add(node, "night", ["one"], "--during", "daily 00:00-24:00", "--zone", "UTC")
    node.run("queue", "retry", "--route", "night")
    delivery(node, item, "one", lambda it: it["state"] == "confirmed")


def test_what_is_urgent_does_not_wait_behind_bulk(make_subject):
    """The destination takes its time; what is urgent comes in while bulk is under way, and goes before the rest of it."""
    node = make_subject(settings={"CAUSEWAY_FORWARD__ASSOCIATIONS_PER_DESTINATION": "1"})
    with Receiver("ONE", pause=0.05) as one:
        know(node, "one", one.port)
        node.run(
            "route", "add", "bulk", "--when", 'Modality == "CT"', "--to", "one", "--quiet", "1", "--priority", "bulk",
        )
        add(node, "stat", ["one"], "--priority", "stat", when='Modality == "MR"')
        bulk = stored(node, *data.study(1, 80, Modality="CT"))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(one.arrivals) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        urgent = stored(node, data.instance(Modality="MR"))[0]
        assert set(node.decided(81, 120).values()) == {"delivered"}
        order = [arrival.sop_instance for arrival in one.arrivals]
        assert order.index(urgent.SOPInstanceUID) < len(bulk) - 20, "the last of bulk came before"


def test_what_is_paused_waits_and_what_is_resumed_goes(reach):
    node, one, two = reach
    add(node, "both", ["one", "two"])
    node.run("queue", "pause", "--remote", "one")
    first = stored(node, data.instance())[0]
    delivery(node, first, "two", lambda it: it["state"] == "confirmed")
    paused = delivery(node, first, "one", lambda it: it["state"] == "paused")
    assert "queue resume --remote one" in paused["why"]
    assert "paused by" in node.run("queue")
    node.run("queue", "resume", "--remote", "one")
    delivery(node, first, "one", lambda it: it["state"] == "confirmed")
    # One study alone; what is added to it waits with it.
    item = data.instance()
    two.pause = 0
    node.run("queue", "pause", "--remote", "two")
    stored(node, item)
    node.run("queue", "pause", "--study", item.StudyInstanceUID)
    node.run("queue", "resume", "--remote", "two")
    other = stored(node, data.instance())[0]
    delivery(node, other, "two", lambda it: it["state"] == "confirmed")
    assert delivery(node, item, "two", lambda _: True)["state"] == "paused"
    node.run("queue", "resume", "--study", item.StudyInstanceUID)
    delivery(node, item, "two", lambda it: it["state"] == "confirmed")


def test_what_was_not_delivered_can_go_elsewhere(make_subject):
    node = make_subject()
    with Receiver("TWO") as two:
        know(node, "one", 1)
        know(node, "two", two.port)
        add(node, "to-one", ["one"])
        items = stored(node, *data.study(1, 5))
        held = delivery(node, items[0], "one", lambda it: it["state"] == "held")
        assert "one is tried again in" in held["why"]
        node.run("queue", "reroute", "--remote", "one", "--to", "two")
        moved = delivery(node, items[0], "two", lambda it: it["state"] == "confirmed")
        assert moved["delivered"] == 5
        assert two.uids() == {item.SOPInstanceUID for item in items}
        (row,) = [row for row in json.loads(node.run("queue", "--json")) if row["remote"] == "two"]
        assert (row["delivered"], row["waiting"]) == (5, 0)
        assert "no remote 'three'" in refused(node, "queue", "reroute", "--remote", "one", "--to", "three")


def test_many_jobs_are_parked_retried_and_cancelled_by_what_they_have_in_common(make_subject):
    node = make_subject()
    know(node, "one", 1)
    add(node, "to-one", ["one"])
    first, second = (stored(node, *data.study(1, 3)) for _ in range(2))
    assert node.run("queue", "park", "--study", first[0].StudyInstanceUID).strip() == "3 jobs"
    states = {job["instance"]: job["state"] for job in node.queue()}
    assert {states[item.SOPInstanceUID] for item in first} == {"parked"}
    assert "parked by hand" in node.run("queue", "show", first[0].StudyInstanceUID)
    assert node.run("queue", "retry", "--remote", "one").strip() == "6 jobs"
    assert node.run("queue", "cancel", "--route", "to-one").strip() == "6 jobs"
    assert set(node.decided(6).values()) == {"cancelled"}
    assert "name a remote, a study or a route" in requests.post(f"{node.url}/api/v1/queue/cancel", json={}, timeout=10).text
    assert len(second) == 3


def test_the_story_of_a_study_is_told_to_its_end_and_can_be_kept(reach):
    node, *_ = reach
    node.run("remote", "add", "pacs", "--ae-title", "PACS", "--allow", "store")
    add(node, "both", ["one", "two"])
    items = stored(node, *data.study(2, 2), calling="PACS")
    for remote in ("one", "two"):
        delivery(node, items[0], remote, lambda it: it["state"] == "confirmed")
    study = items[0].StudyInstanceUID
    told = json.loads(node.run("queue", "show", study, "--instances", "--json"))
    assert (told["instances"], told["series"]) == (4, 2)
    (source,) = told["sources"]
    assert (source["remote"], source["calling_ae"], source["door"], source["instances"]) == ("pacs", "PACS", "dimse", 4)
    assert {it["remote"]: it["delivered"] for it in told["deliveries"]} == {"one": 4, "two": 4}
    (answer,) = told["deliveries"][0]["answers"]
    assert (answer["state"], answer["status"], answer["instances"], answer["attempts"]) == ("delivered", 0, 4, 1)
    receipts = {(job["remote"], job["instance"]) for job in told["jobs"]}
    assert receipts == {(remote, item.SOPInstanceUID) for remote in ("one", "two") for item in items}
    said = node.run("queue", "show", study)
    assert "4 from remote pacs, AE title PACS (dimse)" in said
    assert "both -> one, routine: confirmed: 4 delivered" in said
    # What was deleted here is still accounted for.
    assert requests.delete(f"{node.dicomweb}/studies/{study}", timeout=20).status_code == 204
    after = json.loads(node.run("queue", "show", study, "--instances", "--json"))
    assert after["instances"] == 0
    assert {(job["remote"], job["instance"]) for job in after["jobs"]} == receipts
    assert "nothing is known" in refused(node, "queue", "show", "1.2.3")


def test_the_name_of_what_goes_back_is_taken(hospital):
    """A route may not be called as what returns to where a study came from."""
    know(hospital, "back", 104)
    said = refused(hospital, "route", "add", "way-back", "--when", "true", "--to", "back", "--trigger", "instance")
    assert "call the route otherwise" in said, said


def test_copies_that_are_due_of_what_came_back_are_listed_and_named(hospital):
    """None is due: the list is empty, and nothing is done to one that is not there."""
    base = f"{hospital.url}/api/v1/way-back"
    assert requests.get(base, timeout=30).json() == []
    assert requests.post(f"{base}/1.2.3/retry", timeout=30).status_code == 404
    assert requests.delete(f"{base}/1.2.3", timeout=30).status_code == 404
    assert requests.delete(f"{base}/no-uid", timeout=30).status_code == 400
    assert json.loads(hospital.run("queue", "way-back", "--json")) == []

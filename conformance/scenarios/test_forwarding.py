"""What a route sends on arrives, whatever happens on the way; and "delivered" is said of nothing else.

The outage lasts `CAUSEWAY_OUTAGE_SECONDS` (default 10; 120 is a night's restart of a PACS).
"""

import os
import threading
import time

import pytest

import data
from clients import ACCEPT_STORED, Web, associate, contexts_of, parts

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(600)]

OUTAGE_SECONDS = float(os.environ.get("CAUSEWAY_OUTAGE_SECONDS", "10"))
ARRIVE_SECONDS_MAX = 90
DELIVERED = "delivered"


@pytest.fixture(params=["causeway", "orthanc"])
def pair(request, make_subject):
    """A node, the destination its route names, and both sides' DICOMweb."""
    destination = make_subject(request.param, ae_title="READER")
    node = make_subject("causeway", ae_title="HOSPITAL")
    node.add_remote("reader", destination.ae_title, destination.dimse_port)
    node.add_route("to-reader", "true", "reader")
    return node, destination


def send(node, items):
    """Sends items one by one and returns those that were taken; stops when the node is gone."""
    taken = []
    try:
        with associate(node, contexts_of(items), seconds=10) as association:
            for item in items:
                if association.send_c_store(item).get("Status") != 0x0000:
                    break
                taken.append(item)
    except (AssertionError, RuntimeError, ValueError, OSError):
        pass
    return taken


def missing(destination, items):
    """Which of the items the destination does not have."""
    web = Web(destination.dicomweb)
    return [item.SOPInstanceUID for item in items if not web.has(item)]


def wait_for(destination, items, seconds=ARRIVE_SECONDS_MAX):
    """Waits until all have arrived."""
    deadline = time.monotonic() + seconds
    while left := missing(destination, items):
        assert time.monotonic() < deadline, f"{len(left)} of {len(items)} have not arrived: {left[:3]}"
        time.sleep(0.25)


def delivered(node):
    """The instances the node says it has delivered."""
    return {job["instance"] for job in node.queue() if str(job["state"]).lower() == DELIVERED}


def states(node):
    """How many jobs there are in each state."""
    found = {}
    for job in node.queue():
        found[str(job["state"]).lower()] = found.get(str(job["state"]).lower(), 0) + 1
    return found


def assert_honest(node, destination, items):
    """What is called delivered is there; and once all is there, the node comes to say so."""
    by_uid = {item.SOPInstanceUID: item for item in items}
    said = [by_uid[name] for name in delivered(node) if name in by_uid]
    assert missing(destination, said) == [], "called delivered, and not there"


def test_what_comes_in_goes_on(pair):
    """Each instance arrives once, as it was sent, and its job ends as delivered."""
    node, destination = pair
    items = data.study(2, 5)
    assert send(node, items) == items
    wait_for(destination, items)
    if destination.name == "causeway":
        for item in items:
            assert data.split(Web(destination.dicomweb).file(item))[1] == data.encoded(item)
    deadline = time.monotonic() + 20
    while states(node) != {DELIVERED: len(items)}:
        assert time.monotonic() < deadline, states(node)
        time.sleep(0.2)
    assert_honest(node, destination, items)


def test_a_destination_that_is_down_for_a_while(pair):
    """Nothing is lost, nothing is called delivered that is not there, and nobody has to press a button."""
    node, destination = pair
    items = data.study(4, 10)
    sender = threading.Thread(target=send, args=(node, items[:20]))
    sender.start()
    time.sleep(0.3)
    destination.kill()
    sender.join()
    start = time.monotonic()
    assert send(node, items[20:]) == items[20:], "a destination that is down must not hold up those who send"
    time.sleep(2)  # answers that were on their way when the destination went have been written down
    said = delivered(node)
    assert len(said) < len(items), "called delivered while nobody was there"
    time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - start)))
    assert delivered(node) == said, "called delivered during the outage"
    destination.start()
    assert missing(destination, [item for item in items if item.SOPInstanceUID in said]) == []
    wait_for(destination, items, ARRIVE_SECONDS_MAX + OUTAGE_SECONDS)
    assert_honest(node, destination, items)


def test_a_node_that_is_killed_in_the_middle(pair):
    """After SIGKILL and a restart the queue goes on where it was."""
    node, destination = pair
    items = data.study(4, 15)
    taken = []
    sender = threading.Thread(target=lambda: taken.extend(send(node, items)))
    sender.start()
    time.sleep(0.6)
    node.kill()
    sender.join()
    assert taken, "nothing had been taken when the node was killed"
    node.start()
    rest = [item for item in items if item not in taken]
    assert send(node, rest) == rest
    wait_for(destination, items)
    assert_honest(node, destination, items)


def test_both_at_once(pair):
    """The destination goes away, the node is killed while it tries, both come back: all arrives."""
    node, destination = pair
    items = data.study(2, 10)
    destination.kill()
    assert send(node, items) == items
    time.sleep(1)
    node.kill()
    node.start()
    assert delivered(node) == set()
    destination.start()
    wait_for(destination, items)
    assert_honest(node, destination, items)


def test_over_dicomweb(make_subject):
    """A route to a DICOMweb remote: STOW-RS, with the same promise."""
    destination = make_subject("causeway", ae_title="READER")
    node = make_subject("causeway", ae_title="HOSPITAL")
    node.add_web_remote("reader", destination.dicomweb)
    node.add_route("to-reader", "true", "reader")
    items = data.study(2, 5)
    destination.kill()
    assert send(node, items) == items
    time.sleep(1)
    destination.start()
    wait_for(destination, items)
    assert_honest(node, destination, items)


def test_only_what_the_condition_names(make_subject):
    """A route's condition chooses; what it does not choose stays."""
    destination = make_subject("causeway", ae_title="READER")
    node = make_subject("causeway", ae_title="HOSPITAL")
    node.add_remote("reader", destination.ae_title, destination.dimse_port)
    node.add_route("only-mr", 'Modality == "MR"', "reader")
    chosen, other = data.study(1, 3, Modality="MR"), data.study(1, 3, Modality="CT")
    assert send(node, [*chosen, *other]) == [*chosen, *other]
    wait_for(destination, chosen)
    assert len(missing(destination, other)) == len(other)
    answer = Web(node.dicomweb).get(f"/studies/{other[0].StudyInstanceUID}", ACCEPT_STORED)
    assert len(parts(answer)) == 3

"""Instances that are easily taken for others: a patient's number that two institutions gave, a study that goes on late, a
UID that comes twice, an instance that the far side has already."""

import time

import pytest

import accounts
import data
from accounts import Because
from clients import store
from deliveries import ALL, study
from middleman import Deed as Store
from together import at_once, to_each
from webfront import Deed as Request

pytestmark = pytest.mark.only("causeway")

everywhere = to_each(ALL)

#: What the node answers to a C-STORE of other bytes under a UID that it keeps.
CONFLICT = 0xC111


@everywhere
def test_two_patients_with_one_number_from_two_institutions(delivery):
    """The Patient ID is the same, the issuer, the name and the date of birth are not: each study arrives as it was sent,
    under its own patient."""
    number = data.patient_id()
    here = study(1, 3, PatientID=number, IssuerOfPatientID="NORTH", PatientName="Adams^Anna", PatientBirthDate="19500101")
    there = study(1, 3, PatientID=number, IssuerOfPatientID="SOUTH", PatientName="Zorn^Zeno", PatientBirthDate="19990909")
    delivery.send(*(item for pair in zip(here, there) for item in pair), trigger="study")
    delivery.assert_accounts()
    held = accounts.all_held(delivery.way.destination, [*here, *there])
    for items, issuer, name in ((here, "NORTH", "Adams^Anna"), (there, "SOUTH", "Zorn^Zeno")):
        for item in items:
            (copy,) = held[item.SOPInstanceUID]
            assert (copy.PatientID, copy.IssuerOfPatientID, copy.PatientName) == (number, issuer, name)


@everywhere
def test_a_series_that_comes_late_goes_alone(delivery):
    """The study has gone when another series of it comes: that goes as well, and nothing else again."""
    first, late = _two_series()
    delivery.send(*first, trigger="study")
    delivery.assert_accounts()
    delivery.give(*late)
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}


@everywhere
def test_a_series_that_comes_while_its_study_goes_out(delivery):
    """The first series is on its way; each instance of both arrives once."""
    first, late = _two_series()
    if delivery.way.transport == "dimse":
        delivery.line.deed = lambda count, _: Store(late_seconds=0.3 if count < 4 else 0)
    else:
        delivery.line.deed = lambda line: Request(late_seconds=1 if line == 1 else 0)
    delivery.send(*first, trigger="study")
    delivery.ledger.wait("sent")
    delivery.give(*late)
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}


def _two_series():
    items = study(2, 4)
    return items[:4], items[4:]


@everywhere
def test_what_is_there_already_is_delivered(delivery):
    """The far side has it, byte for byte, from someone else: it says yes, and there is one."""
    items = study(1, 4)
    _bring(delivery, *items[:2])
    delivery.send(*items, trigger="study")
    delivery.assert_accounts()


@to_each([("causeway", "dimse"), ("causeway", "stow")])
def test_what_is_there_with_other_bytes_is_parked(delivery):
    """The far side keeps what it has and says so, by a number of its own over C-STORE, by 0111 over STOW-RS: nothing is
    called delivered, and the words say why."""
    items = study(1, 3)
    taken = items[1].SOPInstanceUID
    _bring(delivery, _other(items[1]))
    refused = (
        Because("peer", CONFLICT, "will not keep the instance") if delivery.way.transport == "dimse"
        else Because("peer", 0x0111, "another instance with this UID")
    )
    delivery.send(*items, trigger="study")
    delivery.assert_accounts(
        undelivered={taken: refused}, lies=[taken],
    )
    assert set(delivery.ledger.times_sent().values()) == {1}


def _bring(delivery, *items):
    """Someone else stores them at the destination."""
    class There:
        host, dimse_port, ae_title = "127.0.0.1", delivery.way.destination.port, delivery.way.destination.ae_title

    assert store(There, *items) == [0x0000] * len(items)


def _other(item):
    """The same UIDs with other pixels."""
    other = data.instance(**{
        name: item[name].value for name in (
            "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "InstanceNumber", "SOPClassUID",
        )
    })
    other.PixelData = bytes(len(item.PixelData))
    return other


@everywhere
def test_a_uid_that_comes_again_with_other_bytes(delivery):
    """The node refuses the second; what was sent on is the first, once, and stays so."""
    items = study(1, 3)
    delivery.send(*items, trigger="study")
    assert store(delivery.node, _other(items[1]), items[2]) == [CONFLICT, 0x0000]
    delivery.assert_accounts()
    assert store(delivery.node, _other(items[0])) == [CONFLICT]
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}


def test_a_uid_that_comes_again_and_replaces(deliver, destinations, make_node):
    """With `[ingest] duplicate = "replace"` the second is what the node holds: it goes out in place of the first where
    that has not gone yet, and after it where it has."""
    node = make_node(CAUSEWAY_INGEST__DUPLICATE="replace")
    pairs = [("storescp", "dimse"), ("pynetdicom", "dimse")]
    known = {kind: destinations(kind) for kind, _ in pairs}
    at_once({kind: lambda kind=kind: _replaced_before(deliver(known[kind], "dimse", node)) for kind, _ in pairs})


def _replaced_before(delivery):
    items = study(1, 3)
    other = _other(items[1])
    delivery.send(*items, trigger="study")
    assert store(delivery.node, other) == [0x0000]
    _assert_holds_the_second(delivery, other)


def test_a_uid_that_comes_again_and_replaces_what_has_gone(deliver, destinations, make_node):
    """The far side is given what the node now holds."""
    node = make_node(CAUSEWAY_INGEST__DUPLICATE="replace")
    delivery = deliver(destinations("pynetdicom"), "dimse", node)
    items = study(1, 3)
    delivery.send(*items, trigger="study")
    delivery.assert_accounts()
    other = _other(items[1])
    assert store(node, other) == [0x0000]
    delivery.ledger.until(
        lambda seen: sum(entry.what == "sent" and entry.instance == other.SOPInstanceUID for entry in seen) == 2,
        "the second sent", 10,
    )
    _assert_holds_the_second(delivery, other)


def _assert_holds_the_second(delivery, other):
    """There is one account of each instance that goes, and the far side holds what the node holds."""
    deadline = time.monotonic() + 30
    while accounts.OPEN_STATES & {job["state"] for job in accounts.jobs(delivery.node, delivery.remote)}:
        assert time.monotonic() < deadline, accounts.jobs(delivery.node, delivery.remote)
        time.sleep(0.1)
    found = [job for job in accounts.jobs(delivery.node, delivery.remote) if job["instance"] == other.SOPInstanceUID]
    assert found[-1]["state"] == "delivered", found
    assert all(job["last"] and job["last"]["words"] for job in found), found
    (copy,) = accounts.all_held(delivery.way.destination, [other])[other.SOPInstanceUID]
    accounts.assert_same(copy, other)

"""A destination that does not agree to an association, or to its presentation contexts (PS3.8 §9.3.3, §9.3.4)."""

import contextlib

import pytest
from pydicom.uid import ImplicitVRLittleEndian, RLELossless, SecondaryCaptureImageStorage

import accounts
import data
from accounts import Because, assert_waits_with_words
from deliveries import DIMSE, study
from destinations import PyNetDicom, StoreScp, server
from ledger import SENT
from middleman import Door
from together import at_once, to_each

pytestmark = pytest.mark.only("causeway")

everywhere = to_each(DIMSE)

#: Result, source, reason (PS3.8 table 9-21); the class under which the node keeps it, and its words.
REJECTIONS = [
    ((1, 1, 1), "peer", "no reason"),
    ((1, 1, 2), "peer", "application context"),
    ((1, 1, 3), "peer", "calling AE title"),
    ((1, 1, 7), "peer", "called AE title"),
    ((1, 2, 1), "peer", "no reason|identity"),
    ((1, 2, 2), "peer", "protocol version"),
    ((2, 1, 1), "transient", "no reason"),
    ((2, 3, 1), "transient", "congestion"),
    ((2, 3, 2), "transient", "limit"),
]


@to_each([("pynetdicom", "dimse")], REJECTIONS)
def test_a_rejection_is_no_fault_of_an_instance(delivery, rejection, class_, words):
    """Nothing is parked or lost; the node says who rejects it and why, and sends when it is let in."""
    delivery.line.door = lambda _: Door(rejection=rejection)
    delivery.send(*study(1, 3))
    jobs = delivery.wait_for(lambda found: any(job["last"] for job in found.values()), "words")
    said = [job["last"] for job in jobs.values() if job["last"]]
    assert {last["class"] for last in said} == {class_}, said
    assert_waits_with_words(delivery.node, delivery.remote, 3, words)
    assert delivery.ledger.entries() == []
    delivery.line.door = lambda _: Door()
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}


def test_a_wrong_title_is_put_right(deliver):
    """Each make rejects it in its own way; when an administrator has put it right, all of it goes without more ado."""
    at_once({kind: lambda kind=kind: _put_right(deliver, kind) for kind in ("orthanc", "pynetdicom", "causeway")})


def _put_right(deliver, kind):
    settings = {"DicomCheckCalledAet": True} if kind == "orthanc" else {}
    right = f"{kind[:6].upper()}RIGHT"
    with contextlib.closing(
        PyNetDicom(ae_title=right, insists_on_its_title=True) if kind == "pynetdicom"
        else server(kind, ae_title=right, settings=settings)
    ) as destination:
        delivery = deliver(destination)
        delivery.send(*study(1, 3))
        delivery.wait_for(lambda found: any(job["last"] for job in found.values()), "words")
        assert_waits_with_words(delivery.node, delivery.remote, 3, "called AE title|no reason")
        delivery.node.add_remote(delivery.remote, right, delivery.line.port)
        delivery.assert_accounts()


def test_dcmtk_that_refuses_all(deliver):
    """`storescp --refuse`, then one that does not."""
    with contextlib.closing(StoreScp("--refuse")) as destination:
        delivery = deliver(destination)
        delivery.send(*study(1, 3))
        delivery.wait_for(lambda found: any(job["last"] for job in found.values()), "words")
        assert_waits_with_words(delivery.node, delivery.remote, 3, "no reason|refused|rejected")
        destination.kill()
        destination.options = ()
        destination.start()
        delivery.assert_accounts()


@everywhere
def test_a_class_that_is_not_taken_is_parked_and_the_others_go(delivery):
    """A study of CT images and one secondary capture, which the far side has no context for."""
    items = study(1, 4)
    capture = data.instance(
        SOPClassUID=SecondaryCaptureImageStorage, StudyInstanceUID=items[0].StudyInstanceUID, PatientID=items[0].PatientID,
    )
    delivery.line.takes = lambda abstract, _: abstract != SecondaryCaptureImageStorage
    delivery.send(*items, capture, trigger="study")
    refused = {capture.SOPInstanceUID: Because("peer", None, f"no presentation context.*{SecondaryCaptureImageStorage}")}
    delivery.assert_accounts(undelivered=refused)
    assert capture.SOPInstanceUID not in delivery.ledger.times_sent()
    delivery.line.takes = lambda *_: True
    delivery.line.wait_until_closed()
    delivery.retry()
    delivery.assert_accounts()


@everywhere
def test_a_far_side_that_takes_no_context_at_all(delivery):
    """It agrees to an association on which nothing can be sent: no instance is sent, each says why."""
    items = study(1, 4)
    delivery.line.takes = lambda *_: False
    delivery.send(*items, trigger="study")
    delivery.wait_for(
        lambda found: any(job["last"] for job in found.values()), "words",
    )
    jobs = delivery.jobs()
    assert {job["state"] for job in jobs.values()} <= {"parked", "waiting", "leased"}
    assert any("presentation context" in job["last"]["words"] for job in jobs.values() if job["last"]), jobs
    assert delivery.ledger.entries(SENT) == []
    delivery.line.takes = lambda *_: True
    delivery.line.wait_until_closed()
    delivery.retry()
    delivery.assert_accounts()


@pytest.mark.parametrize("which", ["all", "one", "study"])
def test_a_retry_by_hand_asks_the_far_side_anew(deliver, destinations, which):
    """It was put right: what is told to go again goes, whatever association is still open; all of it, one by its
    number, or a study."""
    delivery = deliver(destinations("pynetdicom"))
    delivery.line.takes = lambda *_: False
    delivery.send(*study(1, 1 if which == "one" else 4), trigger="study")
    (job, *_) = delivery.settled().values()
    delivery.line.takes = lambda *_: True
    if which == "one":
        delivery.node.run("queue", "retry", str(job["id"]))
    elif which == "study":
        delivery.node.run("queue", "retry", "--study", str(delivery.items[0].StudyInstanceUID))
    else:
        delivery.retry()
    delivery.assert_accounts()


def test_a_far_side_that_takes_only_what_is_compressed(deliver):
    """What is stored uncompressed cannot be had so: it is not sent, and says why; what is compressed as the far side
    wants it goes."""
    at_once({
        "pynetdicom": lambda: _only_compressed(deliver, PyNetDicom(syntaxes=[RLELossless])),
        "orthanc": lambda: _only_compressed(
            deliver, server("orthanc", ae_title="COMPRESSED", settings={"AcceptedTransferSyntaxes": [RLELossless]}),
        ),
    })


def _only_compressed(deliver, destination):
    with contextlib.closing(destination):
        delivery = deliver(destination)
        items = study(1, 3)
        squeezed = compressed(items[0].StudyInstanceUID)
        delivery.send(*items, squeezed, trigger="study")
        delivery.assert_accounts(undelivered={
            item.SOPInstanceUID: Because("peer", None, "no presentation context") for item in items
        })


def test_a_far_side_that_takes_nothing_compressed(deliver):
    """What is stored compressed is decompressed for it, and its pixels are the same."""
    at_once({
        "storescp": lambda: _nothing_compressed(deliver, StoreScp("+xi")),
        "pynetdicom": lambda: _nothing_compressed(deliver, PyNetDicom(syntaxes=[ImplicitVRLittleEndian])),
    })


def _nothing_compressed(deliver, destination):
    with contextlib.closing(destination):
        delivery = deliver(destination)
        items = study(1, 2)
        squeezed = compressed(items[0].StudyInstanceUID)
        delivery.send(*items, squeezed, trigger="study")
        delivery.assert_accounts(is_same=False)
        held = accounts.all_held(destination, items)
        for item in [*items, squeezed]:
            (copy,) = held[item.SOPInstanceUID]
            assert not copy.file_meta.TransferSyntaxUID.is_compressed
            assert (copy.pixel_array == item.pixel_array).all()


def compressed(study_uid):
    """An instance in RLE."""
    item = data.instance(StudyInstanceUID=study_uid)
    item.compress(RLELossless, generate_instance_uid=False)
    return item

"""Lines that break while a study goes out: aborted after some, cut in the middle of a body, gone in place of an answer."""

import contextlib

import pytest

from deliveries import ALL, study
from destinations import StoreScp
from ledger import SENT
from middleman import Deed as Store
from together import at_once, to_each
from webfront import Deed as Request

pytestmark = pytest.mark.only("causeway")

everywhere = to_each(ALL)


@everywhere
def test_aborted_after_some(delivery):
    """The third has arrived when the association is aborted, or the connection closed, in place of an answer: only what
    was not answered goes again."""
    if delivery.way.transport == "dimse":
        delivery.line.deed = lambda count, _: Store(aborts=count == 3)
    else:
        delivery.line.deed = lambda line: Request(hangs_up=line == 1)
    delivery.send(*study(1, 8), trigger="study")
    delivery.assert_accounts()
    times = sorted(delivery.ledger.times_sent().values())
    if delivery.way.destination.kind == "causeway" and delivery.way.transport == "dimse":
        # It grants a window (PS3.7 §D.3.3.3): several were on their way.
        assert set(times) == {1, 2}
    else:
        twice = 1 if delivery.way.transport == "dimse" else 8
        assert times == [1] * (8 - twice) + [2] * twice


@everywhere
def test_cut_in_the_middle_of_a_body(delivery):
    """The far side has seen half an instance, and keeps nothing of it."""
    if delivery.way.transport == "dimse":
        delivery.line.deed = lambda count, _: Store(cuts=count in (2, 5))
    else:
        delivery.line.deed = lambda line: Request(cut_after_bytes=3000 if line == 1 else None)
    delivery.send(*study(1, 8), trigger="study")
    delivery.assert_accounts()
    assert max(delivery.ledger.times_sent().values()) <= 3


def test_dcmtk_that_aborts(deliver):
    """storescp aborts each association at its first instance; nothing is called delivered before it is mended."""
    at_once({option: lambda option=option: _aborting(deliver, option) for option in ("--abort-after", "--abort-during")})


def _aborting(deliver, option):
    with contextlib.closing(StoreScp(option)) as destination:
        delivery = deliver(destination)
        delivery.send(*study(1, 4), trigger="study")
        delivery.ledger.wait(SENT, 2)
        jobs = delivery.wait_for(lambda found: any(job["last"] for job in found.values()), "words")
        assert {job["state"] for job in jobs.values()} <= {"waiting", "leased"}
        said = [job["last"] for job in jobs.values() if job["last"]]
        assert {last["class"] for last in said} == {"transient"}
        assert all("abort" in last["words"] for last in said), said
        destination.kill()
        destination.options = ()
        destination.start()
        delivery.assert_accounts()


@to_each([("storescp", "dimse"), ("causeway", "dimse")])
def test_an_instance_that_breaks_each_line_holds_up_no_other(delivery):
    """Whatever the far side does with it: the others arrive, and this one waits with words."""
    items = study(1, 6)
    bad = items[1].SOPInstanceUID
    delivery.line.deed = lambda _, uid: Store(is_kept=uid == bad, aborts=uid == bad)
    delivery.send(*items, trigger="study")
    jobs = delivery.wait_for(
        lambda found: {uid for uid, job in found.items() if job["state"] == "delivered"} == set(delivery.uids()) - {bad},
        "all but one delivered",
    )
    assert jobs[bad]["state"] in ("waiting", "leased", "parked")
    assert "abort" in jobs[bad]["last"]["words"]
    delivery.line.deed = lambda *_: Store()
    delivery.assert_accounts()

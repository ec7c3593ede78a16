"""A destination that is not there, does not answer, or takes its time: nothing is lost, nothing is called delivered that
is not there, and all of it arrives when the destination is back.

`CAUSEWAY_OUTAGE_SECONDS` and `CAUSEWAY_MINUTE_SECONDS` make an outage, and "a minute", as long as they are in life.
"""

import contextlib
import os
import time

import pytest

from accounts import assert_waits_with_words
from deliveries import ALL, MINUTE_SECONDS, RESPONSE_SECONDS, RETRY_CEILING_SECONDS, study
from destinations import StoreScp, in_background, made
from ledger import ANSWERED, SENT
from middleman import Door
from middleman import Deed as Store
from together import at_once, to_each
from webfront import Deed as Request

OUTAGE_SECONDS = float(os.environ.get("CAUSEWAY_OUTAGE_SECONDS", "3"))

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

everywhere = to_each(ALL)


def to_own(deliver, pairs, story):
    """Tells a story of a destination of its own for each pair, all at once."""
    def tell(kind, transport):
        with contextlib.closing(made(kind)) as own:
            story(deliver(own, transport), own)

    at_once({f"{kind}-{transport}": lambda pair=(kind, transport): tell(*pair) for kind, transport in pairs})


def test_down_for_long(deliver):
    """It goes in the middle of a study, stays away while more comes, and is back on the same data."""
    to_own(deliver, ALL, _down_for_long)


def _down_for_long(delivery, own):
    first, more = study(1, 5), study(1, 5)
    delivery.route(*first, *more)
    delivery.give(*first[:2])
    delivery.wait_for(lambda found: [job["state"] for job in found.values()] == ["delivered"] * 2, "two delivered")
    own.kill()
    delivery.line.down()
    delivery.give(*first[2:], *more)
    time.sleep(OUTAGE_SECONDS)
    jobs = delivery.jobs()
    assert {uid for uid, job in jobs.items() if job["state"] == "delivered"} == {item.SOPInstanceUID for item in first[:2]}
    delivery.wait_for(lambda found: any(job["last"] for job in found.values() if job["state"] == "waiting"), "words")
    own.start()
    delivery.line.up()
    delivery.assert_accounts()


@to_each([("pynetdicom", "dimse")])
def test_it_is_not_hammered_while_it_hangs_up(delivery):
    """Whoever closes each connection is asked now and then, not all the time."""
    delivery.line.door = lambda _: Door(closes=True)
    begun = time.monotonic()
    delivery.send(*study(1, 10))
    time.sleep(OUTAGE_SECONDS)
    tries, seconds = delivery.line.associations, time.monotonic() - begun
    assert 1 <= tries <= seconds / (RETRY_CEILING_SECONDS / 2) + 1
    assert_waits_with_words(delivery.node, delivery.remote, 10, "closed|aborted|ended")
    delivery.line.door = lambda _: Door()
    delivery.assert_accounts()


@to_each([("orthanc", "dimse")])
def test_an_association_that_is_never_answered(delivery):
    """It takes up the connection and says nothing."""
    delivery.line.door = lambda line: Door(is_silent=True)
    delivery.send(*study(1, 5))
    delivery.wait_for(lambda found: any(job["last"] for job in found.values()), "words")
    assert_waits_with_words(delivery.node, delivery.remote, 5, "tim(ed|e) ?out|waited|within|no answer")
    delivery.line.door = lambda _: Door()
    delivery.assert_accounts()


@everywhere
def test_an_answer_that_never_comes(delivery):
    """The far side has the instance, and the node does not hear of it: it is sent once more, and is there once."""
    silent = Store(is_silent=True) if delivery.way.transport == "dimse" else Request(is_silent=True)
    is_silent = (lambda count, _: silent if count == 2 else Store()) if delivery.way.transport == "dimse" else (
        lambda line: silent if line == 1 else Request())
    delivery.line.deed = is_silent
    delivery.send(*study(1, 5), trigger="study")
    delivery.ledger.wait(SENT, 2)
    assert delivery.ledger.entries(ANSWERED) == [] or len(delivery.ledger.entries(ANSWERED)) < 5
    delivery.assert_accounts()
    times = delivery.ledger.times_sent()
    unanswered = 1 if delivery.way.transport == "dimse" else 5
    assert sorted(times.values()) == [1] * (5 - unanswered) + [2] * unanswered


@everywhere
def test_an_answer_that_takes_a_minute(delivery):
    """Slow is not dead: one answer takes a minute, and nothing is sent twice."""
    if delivery.way.transport == "dimse":
        delivery.line.deed = lambda count, _: Store(late_seconds=MINUTE_SECONDS if count == 2 else 0)
    else:
        delivery.line.deed = lambda line: Request(late_seconds=MINUTE_SECONDS if line == 1 else 0)
    delivery.send(*study(1, 4), trigger="study")
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}


@to_each([("storescp", "dimse"), ("causeway", "stow")])
def test_one_instance_that_takes_longer_than_the_patience(delivery):
    """A slow line takes longer over an instance than the node waits for an answer; but it does take it, and is not
    dead."""
    (item,) = items = study(1, 1)
    item.Rows, item.Columns, item.PixelData = 4096, 2048, bytes(4096 * 2048 * 2)
    delivery.line.bytes_per_second = len(item.PixelData) / (RESPONSE_SECONDS * 2)
    delivery.send(*items, trigger="study")
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}


def test_dcmtk_that_takes_a_minute_for_each(deliver):
    """`storescp --sleep-after`: an association at a time, and each answer late."""
    with contextlib.closing(StoreScp("--sleep-after", str(int(MINUTE_SECONDS)))) as slow:
        delivery = deliver(slow)
        delivery.send(*study(1, 2), trigger="study")
        delivery.assert_accounts()
        assert set(delivery.ledger.times_sent().values()) == {1}


def test_a_destination_that_is_killed_in_the_middle(deliver):
    """It dies while a study goes out, and comes back with what it had written."""
    to_own(deliver, [("orthanc", "dimse"), ("storescp", "dimse"), ("causeway", "stow")], _killed_in_the_middle)


def _killed_in_the_middle(delivery, own):
    if delivery.way.transport == "stow":
        delivery.line.deed = lambda line: (own.kill(), Request())[1] if line == 1 else Request()
    else:
        delivery.line.after_answer = lambda count, _: in_background(own.kill) if count == 4 else None
    delivery.send(*study(1, 12), trigger="study")
    delivery.wait_for(
        lambda found: any(job["last"] for job in found.values() if job["state"] == "waiting"), "words of the outage",
    )
    own.start()
    delivery.assert_accounts()

"""Far sides with bad manners, and what has nothing to do with each other: idle associations that are ended, answers to
something else, a destination that is down beside one that is up."""

import struct

import pytest

from deliveries import DIMSE, STOW, study
from ledger import SENT
from middleman import Deed as Store
from together import to_each

pytestmark = pytest.mark.only("causeway")


@to_each(DIMSE)
def test_an_idle_association_that_the_far_side_ends(delivery):
    """Many a server ends what has been idle for a while. That is no failure: what comes next goes at once, in one
    attempt, over a new association."""
    delivery.line.deed = lambda count, _: Store(aborts_idle_seconds=0.3 if count == 3 else None)
    first, next_ = study(1, 3), study(1, 3)
    delivery.route(*first, *next_)
    delivery.give(*first)
    delivery.settled()
    delivery.line.wait_for_abort()
    delivery.give(*next_)
    delivery.assert_accounts()
    assert {job["attempts"] for job in delivery.jobs().values()} == {1}
    assert set(delivery.ledger.times_sent().values()) == {1}


@to_each(STOW)
def test_an_idle_connection_that_the_far_side_closes(delivery):
    """The same over HTTP/1.1 (RFC 9112 §9.3)."""
    first, next_ = study(1, 3), study(1, 3)
    delivery.route(*first, *next_)
    delivery.give(*first)
    delivery.settled()
    delivery.line.close_idle()
    delivery.give(*next_)
    delivery.assert_accounts()
    assert {job["attempts"] for job in delivery.jobs().values()} == {1}
    assert set(delivery.ledger.times_sent().values()) == {1}


@to_each([("storescp", "dimse")], [
    ("message", 0x0120, struct.pack("<H", 0x7777)), ("command", 0x0100, struct.pack("<H", 0x8030)),
])
def test_an_answer_to_something_else(delivery, _, element, content):
    """Success, but of another message, or of another kind: it is no yes for this instance, and it goes again."""
    forged = Store(forged=((element, content),))
    delivery.line.deed = lambda count, _: forged if count == 2 else Store()
    delivery.send(*study(1, 4), trigger="study")
    delivery.ledger.wait(SENT, 5)
    delivery.assert_accounts(crashes=1)
    assert sorted(delivery.ledger.times_sent().values()) == [1, 1, 1, 2]


@to_each([("storescp", "dimse")])
def test_success_for_another_instance(delivery):
    """The response names an instance that was not sent in this request (PS3.7 §9.3.1.2): it is no yes for this one."""
    other = b"1.2.3.4.5\0"
    delivery.line.deed = lambda count, _: Store(forged=((0x1000, other),)) if count == 2 else Store()
    delivery.send(*study(1, 4), trigger="study")
    delivery.settled()
    assert len(delivery.ledger.entries(SENT)) == 5
    delivery.assert_accounts(crashes=1)


def test_a_destination_that_is_down_beside_one_that_is_up(deliver, destinations):
    """One study, two routes: what one of them waits for, the other does not; each has its own account."""
    up, down = deliver(destinations("storescp")), deliver(destinations("causeway"), "stow")
    down.line.down()
    items = study(1, 10)
    up.route(*items)
    down.send(*items)
    up.items += items
    up.assert_accounts()
    down.wait_for(lambda found: any(job["last"] for job in found.values()), "words")
    assert {job["state"] for job in down.jobs().values()} <= {"waiting", "leased"}
    down.line.up()
    down.assert_accounts()
    up.assert_accounts()

"""A delivery on a good day, over each transport to each make; and that the accounts tell a lie from the truth."""

import json

import pytest

import accounts
from clients import FAILED_SOP_SEQUENCE, REFERENCED_SOP_SEQUENCE
from deliveries import ALL, study
from ledger import SENT
from middleman import Deed as Store
from together import to_each
from webfront import Deed as Request
from webfront import Reply

pytestmark = pytest.mark.only("causeway")


@to_each([pair for pair in ALL if pair != ("orthanc", "stow")])
def test_what_is_sent_is_there_once_and_said_to_be(delivery):
    """Two series of a study, sent when it is quiet."""
    good_day(delivery)


@to_each([("orthanc", "stow")])
def test_a_server_that_takes_parts_without_parameters_only(delivery):
    """Orthanc's plugin of Debian 12."""
    good_day(delivery)


def good_day(delivery):
    """All is sent once, and there."""
    delivery.line.has_plain_parts = False
    delivery.send(*study(2, 5), trigger="study")
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}


@to_each([("storescp", "dimse"), ("orthanc", "dimse")])
def test_a_yes_for_what_was_thrown_away_is_found_out(delivery):
    """Success for an instance that the far side does not have."""
    delivery.line.deed = lambda count, _: Store(is_kept=True, status=0x0000) if count == 2 else Store()
    delivery.send(*study(1, 3), trigger="study")
    with pytest.raises(AssertionError, match="the queue and the destination's own list differ"):
        delivery.assert_accounts()


@to_each([("orthanc", "stow"), ("causeway", "stow")])
def test_a_yes_for_what_was_thrown_away_is_found_out_over_the_web(delivery):
    """200 for a request that went nowhere."""
    items = study(1, 3)
    named = [{"00081155": {"vr": "UI", "Value": [item.SOPInstanceUID]}} for item in items]
    told = {REFERENCED_SOP_SEQUENCE: {"vr": "SQ", "Value": named}, FAILED_SOP_SEQUENCE: {"vr": "SQ"}}
    delivery.line.deed = lambda _: Request(reply=Reply(200, json.dumps(told).encode()))
    delivery.send(*items, trigger="study")
    with pytest.raises(AssertionError, match="the queue and the destination's own list differ"):
        delivery.assert_accounts()


@to_each([("pynetdicom", "dimse")])
def test_a_no_for_what_was_kept_is_found_out(delivery):
    """C000 for an instance that the far side has."""
    items = study(1, 3)
    bad = items[1].SOPInstanceUID
    delivery.line.deed = lambda _, uid: Store(status=0xC000) if uid == bad else Store()
    delivery.send(*items, trigger="study")
    with pytest.raises(AssertionError, match="the queue and the destination's own list differ"):
        delivery.assert_accounts(undelivered={bad: accounts.Because("peer", 0xC000, "C000H")})


@to_each([("causeway", "dimse")])
def test_what_is_told_wrongly_of_a_good_day_is_found_out(delivery):
    """One sent again, one that was changed, one more, one less, one that is called parked."""
    items = study(1, 3)
    delivery.send(*items, trigger="study")
    delivery.assert_accounts()
    uid = items[0].SOPInstanceUID
    with pytest.raises(AssertionError, match="lost ones"):
        accounts.assert_accounts(delivery.node, delivery.way, items[1:], delivery.remote)
    with pytest.raises(AssertionError, match="lost ones"):
        accounts.assert_accounts(delivery.node, delivery.way, [*items, *study(1, 1)], delivery.remote)
    with pytest.raises(AssertionError, match="delivered"):
        delivery.assert_accounts(undelivered={uid: accounts.Because("peer", 0xC000, "")})
    items[0].PatientName = "Another^One"
    with pytest.raises(AssertionError, match=uid):
        delivery.assert_accounts()
    items[0].PatientName = "Test^Patient"
    delivery.ledger.note(SENT, uid, 99)
    with pytest.raises(AssertionError, match="sent again although it was there"):
        delivery.assert_accounts()
    delivery.assert_accounts(crashes=1)

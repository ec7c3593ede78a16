"""What a far side answers for single instances: success, warnings, refusals for now and for good (PS3.4 §B.2.3, PS3.18
§I.2.2). The statuses of both transports share their numbers."""

import pytest

from accounts import Because
from deliveries import ALL, UNCLEAR_ATTEMPTS, study
from together import to_each

pytestmark = pytest.mark.only("causeway")

everywhere = to_each(ALL)
over_each = to_each([("pynetdicom", "dimse"), ("causeway", "stow")])


@everywhere
def test_no_room_in_mid_study_is_got_over(delivery):
    """A700 for the fourth of six: what was there stays, the rest comes when there is room, and nothing goes twice."""
    items = study(1, 6)
    fourth = items[3].SOPInstanceUID
    delivery.line.verdicts[fourth] = 0xA700
    delivery.send(*items, trigger="study")
    delivery.ledger.until(lambda seen: any(entry.status == 0xA700 for entry in seen), "A700")
    jobs = delivery.wait_for(lambda found: found[fourth]["last"], "the refusal is told")
    Because("exhausted", 0xA700, "out of resources").assert_told(jobs[fourth])
    delivery.line.verdicts.clear()
    delivery.assert_accounts()
    times = delivery.ledger.times_sent()
    assert times.pop(fourth) >= 2
    assert set(times.values()) == {1}


@everywhere
def test_one_that_is_refused_for_good_is_parked_and_the_others_go(delivery):
    """C000 for one instance: it is sent once, says why it is parked, and goes when it is told to."""
    items = study(1, 6)
    bad = items[2].SOPInstanceUID
    delivery.line.verdicts[bad] = 0xC000
    delivery.send(*items, trigger="study")
    delivery.assert_accounts(undelivered={bad: Because("peer", 0xC000, "C000H: .*cannot understand")})
    assert set(delivery.ledger.times_sent().values()) == {1}
    delivery.line.verdicts.clear()
    delivery.retry()
    delivery.assert_accounts()


REFUSALS = {
    0xA900: "does not match", 0xC123: "cannot understand", 0x0122: "not supported", 0x0124: "not authorized",
    0x0111: "another instance", 0x0117: "not valid",
}


@over_each
def test_each_refusal_for_good_is_told_by_its_name(delivery):
    """One of each in a study, and one instance that is taken."""
    items = study(1, len(REFUSALS) + 1)
    refused = {item.SOPInstanceUID: status for item, status in zip(items, REFUSALS)}
    delivery.line.verdicts.update(refused)
    delivery.send(*items, trigger="study")
    delivery.assert_accounts(undelivered={
        uid: Because("peer", status, f"{status:04X}H: .*{REFUSALS[status]}") for uid, status in refused.items()
    })
    assert set(delivery.ledger.times_sent().values()) == {1}


@over_each
def test_what_is_neither_yes_nor_no_is_tried_a_few_times(delivery):
    """Processing failure, and numbers that no store answer has: as often as is set, then it is parked."""
    items = study(1, 4)
    unclear = {item.SOPInstanceUID: status for item, status in zip(items, [0x0110, 0xFE01, 0x1234])}
    delivery.line.verdicts.update(unclear)
    delivery.send(*items, trigger="study")
    delivery.assert_accounts(undelivered={
        uid: Because("transient", status, f"{status:04X}H") for uid, status in unclear.items()
    })
    assert delivery.ledger.times_sent() == {uid: UNCLEAR_ATTEMPTS if uid in unclear else 1 for uid in delivery.uids()}


@everywhere
def test_a_warning_is_a_delivery_and_is_kept(delivery):
    """B000, B006, B007 and the warnings of PS3.7 annex C: the far side has the instance."""
    warnings = [0xB000, 0xB006, 0xB007, 0x0107, 0x0116]
    items = study(1, len(warnings) + 1)
    said = {item.SOPInstanceUID: status for item, status in zip(items, warnings)}
    delivery.line.verdicts.update(said)
    delivery.send(*items, trigger="study")
    delivery.assert_accounts()
    jobs = delivery.jobs()
    for uid, status in said.items():
        assert jobs[uid]["last"]["status"] == status
        assert f"warning {status:04X}H" in jobs[uid]["last"]["words"]
    assert jobs[items[-1].SOPInstanceUID]["last"]["words"] == "delivered"
    assert set(delivery.ledger.times_sent().values()) == {1}

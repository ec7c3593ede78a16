"""What servers of DICOMweb, and the proxies in front of them, answer to a store request besides the truth (PS3.18 §10.5,
RFC 9110)."""

import datetime
import email.utils
import json

import pytest

from accounts import Because, assert_waits_with_words
from clients import FAILED_SOP_SEQUENCE, REFERENCED_SOP_SEQUENCE, value
from deliveries import STOW, UNCLEAR_ATTEMPTS, study
from together import to_each
from webfront import Deed, Reply

pytestmark = pytest.mark.only("causeway")

everywhere = to_each(STOW)
ONCE = STOW[-1:]

HTML = Reply(200, b"<html><body>Welcome. Please sign in.</body></html>", "text/html")


def first(delivery, count=1, **deed):
    """Does so with the first requests."""
    delivery.line.deed = lambda line: Deed(**deed) if line <= count else Deed()


@to_each(STOW, [
    (502, "transient", "HTTP 502"), (429, "exhausted", "HTTP 429: .*busy"), (503, "exhausted", "HTTP 503: .*busy"),
])
def test_a_proxy_that_says_later(delivery, status, class_, words):
    """It is told with its number, nothing is parked, and all goes when it is over."""
    first(delivery, 2, reply=Reply(status, b"<html>later</html>", "text/html"))
    delivery.send(*study(1, 5), trigger="study")
    jobs = delivery.wait_for(lambda found: any(job["last"] for job in found.values()), "words")
    said = {(job["last"]["class"], job["last"]["status"]) for job in jobs.values() if job["last"]}
    assert said <= {(class_, status), (None, 0)} and (class_, status) in said
    assert_waits_or_is_there(delivery, words)
    delivery.assert_accounts()


def assert_waits_or_is_there(delivery, words):
    """It may have got over it meanwhile."""
    if any(job["state"] in ("waiting", "leased") for job in delivery.jobs().values()):
        assert_waits_with_words(delivery.node, delivery.remote, len(delivery.items), words)


@everywhere
def test_502_after_the_far_side_took_it(delivery):
    """The proxy lost the answer: it goes again, and the far side has each once."""
    first(delivery, change=lambda _: Reply(502, b"bad gateway", "text/plain"))
    delivery.send(*study(1, 5), trigger="study")
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {2}


def _date(seconds):
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return email.utils.format_datetime(later, usegmt=True)


def left_alone(delivery, status, wish):
    """The next request comes no sooner than is wished. A date has whole seconds, so that a second less is asked of it."""
    delivery.line.deed = lambda line: (
        Deed(reply=Reply(status, headers={"Retry-After": wish()})) if line == 1 else Deed()
    )
    delivery.send(*study(1, 3), trigger="study")
    delivery.assert_accounts()
    begun, again = delivery.line.times[:2]
    assert again - begun >= 2.9


@to_each(ONCE, [429, 503])
def test_the_wish_to_be_left_alone_is_heard(delivery, status):
    """Retry-After in seconds (RFC 9110 §10.2.3)."""
    left_alone(delivery, status, lambda: "3")


@to_each(ONCE, [429, 503])
def test_the_wish_to_be_left_alone_until_a_date_is_heard(delivery, status):
    """Retry-After as a date (RFC 9110 §5.6.7)."""
    left_alone(delivery, status, lambda: _date(4))


@everywhere
def test_an_instance_that_the_answer_does_not_name(delivery):
    """200, and silence about one: that is no yes. It goes again, and the other four do not."""
    items = study(1, 5)
    unnamed = items[3].SOPInstanceUID
    first(delivery, change=lambda reply: without(reply, unnamed))
    delivery.send(*items, trigger="study")
    delivery.assert_accounts()
    assert delivery.ledger.times_sent() == {uid: 2 if uid == unnamed else 1 for uid in delivery.uids()}


@to_each(ONCE)
def test_an_instance_that_no_answer_names(delivery):
    """It is tried as often as is set, then parked; that the far side has it is not to be known from its answers."""
    items = study(1, 4)
    unnamed = items[0].SOPInstanceUID
    delivery.line.deed = lambda _: Deed(change=lambda reply: without(reply, unnamed))
    delivery.send(*items, trigger="study")
    delivery.assert_accounts(
        undelivered={unnamed: Because("transient", None, "does not name the instance")}, lies=[unnamed],
    )
    assert delivery.ledger.times_sent()[unnamed] == UNCLEAR_ATTEMPTS


def without(reply, instance):
    """The answer, as if it had never heard of an instance."""
    told = json.loads(reply.body)
    for sequence in (REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE):
        items = told.get(sequence, {}).get("Value", [])
        told[sequence] = {"vr": "SQ", "Value": [item for item in items if value(item, "00081155") != instance]}
    return Reply(200, json.dumps(told).encode())


@everywhere
def test_some_are_refused(delivery):
    """202: two of five are listed as failed, each with its reason."""
    items = study(1, 5)
    refused = {items[1].SOPInstanceUID: 0x0122, items[4].SOPInstanceUID: 0xC000}
    delivery.line.verdicts.update(refused)
    delivery.send(*items, trigger="study")
    delivery.assert_accounts(undelivered={
        uid: Because("peer", reason, f"{reason:04X}H") for uid, reason in refused.items()
    })
    assert set(delivery.ledger.times_sent().values()) == {1}


@everywhere
def test_all_are_refused(delivery):
    """409: each is listed as failed, and parked; none is sent again by itself."""
    items = study(1, 4)
    delivery.line.verdicts.update({item.SOPInstanceUID: 0xA900 for item in items})
    delivery.send(*items, trigger="study")
    delivery.assert_accounts(undelivered={uid: Because("peer", 0xA900, "A900H") for uid in delivery.uids()})
    assert set(delivery.ledger.times_sent().values()) == {1}
    delivery.line.verdicts.clear()
    delivery.retry()
    delivery.assert_accounts()


@everywhere
def test_a_page_in_place_of_an_answer(delivery):
    """200 and a page in HTML, from a portal that stands between: nothing is called delivered for it."""
    delivery.line.deed = lambda _: Deed(reply=HTML)
    delivery.send(*study(1, 3), trigger="study")
    delivery.assert_accounts(undelivered={
        uid: Because("transient", 200, "HTTP 200: .*no DICOM JSON") for uid in delivery.uids()
    })
    delivery.line.deed = lambda _: Deed()
    delivery.retry()
    delivery.assert_accounts()


@to_each(ONCE, [
    (400, Because("transient", 400, "HTTP 400: ")), (413, Because("peer", 413, "HTTP 413: .*too large")),
    (415, Because("transient", 415, "HTTP 415: ")),
])
def test_one_instance_that_spoils_the_request(delivery, status, because):
    """The whole request is refused for one of its instances: which one is found out, and the others go."""
    items = study(1, 5)
    bad = items[2].SOPInstanceUID
    delivery.line.spoils = {bad: Reply(status, b"no", "text/plain")}
    delivery.send(*items, trigger="study")
    delivery.assert_accounts(undelivered={bad: because})


@everywhere
def test_a_server_that_closes_on_a_long_body(delivery):
    """413 while the body is still coming, and the connection closed at once, so that the answer may be lost: what is too
    long together still arrives."""
    items = study(1, 8)
    for item in items:
        item.Rows, item.Columns, item.PixelData = 512, 512, bytes(512 * 512 * 2)
    delivery.line.body_bytes_max = 1 << 20
    delivery.send(*items, trigger="study")
    delivery.assert_accounts()


@to_each(ONCE, [
    (401, "not let in"), (403, "not let in"), (404, "no STOW-RS there"), (405, "no STOW-RS there"), (302, "points elsewhere"),
])
def test_what_an_administrator_has_to_put_right(delivery, status, words):
    """Nothing is parked, nothing is lost; the words say what to look at; when it is put right all of it goes."""
    delivery.line.deed = lambda _: Deed(reply=Reply(status, headers={"Location": "http://127.0.0.1:9/"}))
    delivery.send(*study(1, 3), trigger="study")
    jobs = delivery.wait_for(lambda found: any(job["last"] for job in found.values()), "words")
    assert {job["last"]["status"] for job in jobs.values() if job["last"]} == {status}
    assert_waits_with_words(delivery.node, delivery.remote, 3, f"HTTP {status}: .*{words}")
    delivery.line.deed = lambda _: Deed()
    delivery.assert_accounts()

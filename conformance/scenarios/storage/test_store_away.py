"""An object store that goes away and comes back: senders go on as long as the spool has room, what is only in the store is
answered "later", and afterwards everything is there."""

from __future__ import annotations

import time

import pytest
import requests
from pydicom.dataset import Dataset

import data
import told as accounts_of
from bucket_line import BucketLine, Deed
from buckets import Bucket
from clients import Web, get, identifier, path_of, store
from feeding import Feed
from settled import assert_settled, await_objects
from subjects.causeway import Causeway

AWAY_SECONDS, EVERY_AWAY_SECONDS = 2, 300
C_STORE_SENDERS, STOW_SENDERS = 5, 3
#: What each sender rests after an instance, so that all of them can be read again in time.
REST_SECONDS, EVERY_REST_SECONDS = 0.2, 0.5
#: Requests after which a client has given up, how long those take, and a moment of the pause behind them.
GIVEN_UP, GIVEN_UP_SECONDS_MAX, MOMENT_SECONDS = 4, 60, 2

pytestmark = pytest.mark.only("causeway")


@pytest.mark.timeout(3600)
def test_what_senders_were_told_is_in_the_bucket_after_the_store_was_away(
    node: Causeway, bucket: Bucket, line: BucketLine, every: bool,
) -> None:
    """Nobody is refused; those who sent meanwhile find their instances at once, and all of it is uploaded by itself."""
    away = EVERY_AWAY_SECONDS if every else AWAY_SECONDS
    rest = EVERY_REST_SECONDS if every else REST_SECONDS
    with Feed(node, C_STORE_SENDERS, STOW_SENDERS, delete=False, rest_seconds=rest) as feed:
        time.sleep(1.5)
        line.down()
        before = len(feed.told.taken)
        time.sleep(away)
        meanwhile = len(feed.told.taken) - before
        assert requests.get(node.url + node.ready_path(), timeout=10).status_code == 200, "it takes, so it is ready"
        line.up()
        time.sleep(1)
    told = feed.told
    assert before and meanwhile, "hardly anything was sent: this proves nothing"
    accounts_of.assert_all_sent(told, C_STORE_SENDERS + STOW_SENDERS)
    assert (told.refused, told.unanswered) == ([], []), "senders were refused although the spool had room"
    accounts_of.assert_kept(node, told, "the store is back")
    assert_settled(bucket, told.taken, "the store is back")
    node.restart()
    accounts_of.assert_kept(node, told, "after a restart")
    print(f"{len(told.taken)} instances were taken, {meanwhile} of them while the store was away")


@pytest.mark.timeout(300)
def test_a_node_that_ends_while_the_store_is_away_loses_nothing(node: Causeway, bucket: Bucket, line: BucketLine) -> None:
    """Killed, started without its store, and then with it."""
    line.down()
    told = Feed(node, 2, 1, delete=False, rounds=4).run()
    assert told.taken and not told.refused
    node.kill()
    node.start()
    accounts_of.assert_kept(node, told, "started while the store is away")
    line.up()
    assert_settled(bucket, told.taken, "the store is back")


def resources(item: Dataset) -> list[tuple[str, str]]:
    """All that is read of an instance's object, and how it is asked for."""
    instance, stored = path_of(item), 'multipart/related; type="application/dicom"; transfer-syntax=*'
    return [
        (instance, stored), (path_of(item, "series"), stored), (path_of(item, "study"), stored),
        (f"{instance}/frames/1", 'multipart/related; type="application/octet-stream"'),
        (f"{instance}/rendered", "image/jpeg"), (f"{instance}/thumbnail", "image/jpeg"),
    ]


def test_what_is_only_in_a_store_that_is_away_is_answered_later_and_the_rest_at_once(
    node: Causeway, bucket: Bucket, line: BucketLine,
) -> None:
    """RFC 9110 §15.6.4: 503 with Retry-After. Not found would have a client forget it, an internal error would be a lie."""
    web = Web(node.dicomweb)
    settled, spooled = data.instance(), data.instance()
    assert store(node, settled) == [0x0000]
    await_objects(bucket, 1, "before the store goes away")
    # Read once it has left the spool, and so from the bucket.
    line.about = lambda asked: asked.method == "GET"
    deadline = time.monotonic() + 30
    while not line.count:
        assert web.has(settled)
        assert time.monotonic() < deadline, "it is never read from the bucket"
    line.down()
    assert store(node, spooled) == [0x0000]
    for path, accept in resources(spooled):
        assert web.get(path, accept).status_code == 200, f"{path}: it is on the node's own disk"
    for path, accept in resources(settled):
        answer = web.get(path, accept)
        assert answer.status_code == 503, f"{path}: {answer.status_code} {answer.text[:200]}"
        assert answer.headers.get("Retry-After", "").isdigit(), f"{path}: nobody is told when to come again"
    for path in (path_of(settled), path_of(settled, "study")):
        assert web.get(f"{path}/metadata").status_code in (200, 503), path
    assert len(web.query("/instances", SOPInstanceUID=settled.SOPInstanceUID)) == 1, "it is known all the same"
    wanted = identifier("STUDY", StudyInstanceUID=settled.StudyInstanceUID)
    got = get(node, wanted, [settled.SOPClassUID])
    assert not got.given and got.status.Status not in (0x0000, 0xFF00), f"{got.status.Status:04X}"
    line.up()
    deadline = time.monotonic() + 30
    while not web.has(settled):
        assert time.monotonic() < deadline, "the store is back and it is not read"
        time.sleep(0.2)
    assert get(node, wanted, [settled.SOPClassUID]).uids() == {settled.SOPInstanceUID}


def test_what_is_deleted_leaves_the_bucket(node: Causeway, bucket: Bucket) -> None:
    gone, stays = data.study(1, 3), data.study(1, 2)
    assert store(node, *gone, *stays) == [0x0000] * 5
    await_objects(bucket, 5, "before")
    web = Web(node.dicomweb)
    assert requests.delete(f"{node.dicomweb}/studies/{gone[0].StudyInstanceUID}", timeout=30).status_code == 204
    await_objects(bucket, 2, "after")
    assert not any(map(web.has, gone))
    assert_settled(bucket, stays, "after")


def test_what_is_deleted_while_the_store_is_away_leaves_the_bucket_when_it_is_back(
    node: Causeway, bucket: Bucket, line: BucketLine,
) -> None:
    gone, stays = data.study(1, 2), data.study(1, 1)
    assert store(node, *gone, *stays) == [0x0000] * 3
    await_objects(bucket, 3, "before")
    line.down()
    assert requests.delete(f"{node.dicomweb}/studies/{gone[0].StudyInstanceUID}", timeout=30).status_code == 204
    assert not any(map(Web(node.dicomweb).has, gone))
    line.up()
    await_objects(bucket, 1, "the store is back")
    assert_settled(bucket, stays, "the store is back")


def test_what_is_deleted_after_its_upload_was_not_answered_leaves_the_bucket(
    node: Causeway, bucket: Bucket, line: BucketLine,
) -> None:
    """It is there, and its node cannot know: nothing else comes that would be uploaded."""
    line.deed = lambda at: Deed.CUT_AFTER
    gone = data.instance()
    assert store(node, gone) == [0x0000]
    await_objects(bucket, 1, "its answer is lost")
    deadline = time.monotonic() + GIVEN_UP_SECONDS_MAX
    while len(line.met) < GIVEN_UP:
        assert time.monotonic() < deadline, f"only {len(line.met)} uploads"
        time.sleep(0.1)
    time.sleep(MOMENT_SECONDS)
    assert requests.delete(f"{node.dicomweb}/studies/{gone.StudyInstanceUID}", timeout=30).status_code == 204
    line.deed = lambda at: None
    await_objects(bucket, 0, "it is deleted")

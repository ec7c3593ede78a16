"""One of two nodes on one bucket and one database is killed while eight senders push to both: what each was told is what is
there. The other node serves all the time.

`acknowledge = "store"`: read from the other node while the killed one is down. `"spool"`: what lies in the spool of the
killed one is answered "later" until it is back, and never "not found".
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

import data
import deliveries
import told as accounts_of
from bucket_line import BucketLine
from clients import ACCEPT_STORED, Receiver, Web, parts, path_of
from feeding import Feed
from places import Keeping
from subjects import SUBJECTS
from subjects.causeway import Causeway
from told import REMOTE, Told

KEPT = Keeping("s3", "postgres")
#: To each of the two nodes: eight senders in all.
C_STORE_SENDERS, STOW_SENDERS = 3, 1
#: How often a node is killed; one and the other in turn.
KILLS, EVERY_KILLS = 2, 20
#: Each request to the bucket waits so long where senders do not wait for it, so that a node has a spool to lose.
BUCKET_SECONDS = 0.15
#: A node that ended without a word is waited for until its lease lapses, 20 s after it was last held.
TAKEN_OVER_SECONDS_MAX = 60

pytestmark = [pytest.mark.only("causeway"), pytest.mark.kept(objects=("file",), catalog=("sqlite",))]


@dataclass
class Pair:
    """Two nodes on one bucket and one database."""

    nodes: tuple[Causeway, Causeway]
    acknowledge: str


@pytest.fixture
def reader() -> Iterator[Receiver]:
    """Where both nodes send everything. It stays up."""
    with Receiver("READER") as running:
        yield running


@pytest.fixture(params=["spool", "store"])
def pair(request: pytest.FixtureRequest, reader: Receiver) -> Iterator[Pair]:
    """Both run, reach each other, and send on what they take."""
    if lacking := KEPT.lacks():
        pytest.skip(f"this node does not know {lacking}")
    settings = {**deliveries.SETTINGS, "CAUSEWAY_INGEST__ACKNOWLEDGE": request.param}
    with contextlib.ExitStack() as stack:
        first = SUBJECTS["causeway"](settings=dict(settings), keeping=KEPT)
        stack.callback(first.remove)
        second = SUBJECTS["causeway"](settings=dict(settings), shares=first)
        stack.callback(second.remove)
        line = stack.enter_context(BucketLine(first.place.bucket.server.port))
        line.delay_seconds = BUCKET_SECONDS if request.param == "spool" else 0
        for node in (first, second):
            node.settings |= first.place.bucket.variables(line.url) | first.place.database.variables()
            node.settings["CAUSEWAY_NODE__ADDRESS"] = node.url
            node.start()
        first.add_remote(REMOTE, reader.ae_title, reader.port)
        first.add_route("all", "true", REMOTE)
        # What one node was told is in force on the other within a second.
        time.sleep(1.5)
        yield Pair((first, second), request.param)


@pytest.mark.timeout(1800)
def test_what_each_was_told_is_there_when_one_of_two_nodes_is_killed(
    pair: Pair, reader: Receiver, request: pytest.FixtureRequest,
) -> None:
    """SIGKILL at a random moment; looked at from the other node while it is down, and from both when it is back."""
    seed = int(os.environ.get("CAUSEWAY_SEED", random.randrange(1 << 32)))
    moments, history, later = random.Random(seed), [], 0
    for number in range(EVERY_KILLS if request.config.getoption("--every") else KILLS):
        where = f"acknowledge = {pair.acknowledge}, kill {number} of seed {seed}"
        ends, stays = pair.nodes if number % 2 == 0 else pair.nodes[::-1]
        lost, served = fed(ends, stays, moments, where)
        history += [lost, served]
        later += looked_at_from_the_other(stays, lost, pair.acknowledge, where)
        accounts_of.assert_kept(stays, served, f"{where}: of the node that goes on")
        if pair.acknowledge == "store":
            taken_over(reader, served, where)
        ends.start()
        for node in pair.nodes:
            for told in (lost, served):
                accounts_of.assert_kept(node, told, f"{where}: it is back")
        takes_again(ends, where)
    for told in history:
        accounts_of.assert_delivered(stays, REMOTE, told, reader, f"at the end, seed {seed}")
    assert later or pair.acknowledge == "store", "the killed node had nothing in its spool: this proves nothing"
    print(f"{pair.acknowledge}: {sum(len(told.taken) for told in history)} taken, {later} answered later; seed {seed}")


def fed(ends: Causeway, stays: Causeway, moments: random.Random, where: str) -> tuple[Told, Told]:
    """Eight senders to two nodes, of which one is killed: what was heard of each."""
    # The associations of some are begun before those of others.
    with Feed(stays, C_STORE_SENDERS, STOW_SENDERS, delete=False, rest_seconds=0.1) as of_the_other:
        with Feed(ends, C_STORE_SENDERS, STOW_SENDERS, delete=False, rest_seconds=0.02) as of_one:
            deadline = time.monotonic() + 20
            while len(of_one.told.taken_by) < C_STORE_SENDERS + STOW_SENDERS:
                assert time.monotonic() < deadline, f"{where}: not all send"
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 1))
            ends.kill()
        before = len(of_the_other.told.taken)
        time.sleep(1.5)
    served = of_the_other.told
    accounts_of.assert_all_sent(served, C_STORE_SENDERS + STOW_SENDERS)
    assert (served.refused, served.unanswered) == ([], []), f"{where}: the other node failed its senders"
    assert len(served.taken) > before, f"{where}: the other node took nothing while one was down"
    ready = requests.get(stays.url + stays.ready_path(), timeout=10)
    assert ready.status_code == 200, f"{where}: the other node is not ready: {ready.text[:300]}"
    return of_one.told, served


def looked_at_from_the_other(node: Causeway, lost: Told, acknowledge: str, where: str) -> int:
    """What the killed node was given, asked of the other one; how much of it is answered "later"."""
    web, later = Web(node.dicomweb), 0
    owed = {str(item.SOPInstanceUID) for item in lost.owed()}
    for item in lost.everything():
        uid = str(item.SOPInstanceUID)
        found = len(web.query("/instances", SOPInstanceUID=uid))
        assert found == 1 or (found == 0 and uid not in owed), f"{where}: {uid} is found {found} times"
        answer = web.get(path_of(item), ACCEPT_STORED)
        if not found:
            assert answer.status_code == 404, f"{where}: {uid} is not found and answered {answer.status_code}"
        elif answer.status_code == 503:
            assert uid not in owed or acknowledge == "spool", f"{where}: {uid} was acknowledged as stored and is not there"
            assert answer.headers.get("Retry-After", "").isdigit(), f"{where}: nobody is told when to come again"
            later += 1
        else:
            assert answer.status_code == 200, f"{where}: {uid} is found and answered {answer.status_code}"
            (part,) = parts(answer)
            assert data.split(part.body)[1] == data.encoded(item), f"{where}: {uid} is not what was sent"
    return later


def taken_over(reader: Receiver, served: Told, where: str) -> None:
    """What only one node does at a time the other one does: all that it took itself is delivered."""
    owed = {str(item.SOPInstanceUID) for item in served.owed()}
    deadline = time.monotonic() + TAKEN_OVER_SECONDS_MAX
    while not owed <= reader.uids():
        assert time.monotonic() < deadline, f"{where}: {len(owed - reader.uids())} are not delivered: nobody took over"
        time.sleep(0.2)


def takes_again(node: Causeway, where: str) -> None:
    """A node that was killed is itself again without help."""
    ready = requests.get(node.url + node.ready_path(), timeout=10)
    assert ready.status_code == 200, f"{where}: {ready.text[:300]}"
    answer = Web(node.dicomweb).stow(data.file_of(data.instance()))
    assert answer.status_code == 200, f"{where}: {answer.text[:300]}"

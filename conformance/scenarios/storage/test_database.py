"""PostgreSQL that is restarted as after a crash, goes away, or whose line is cut at the Nth commit: what the senders were told
is what is there, and the node is itself again without help.

`--every` tries one commit after another until a run passes without the cut; without, a few.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests

import data
import told as accounts_of
from clients import Web, store
from database_line import Cut, DatabaseLine
from databases import Database
from feeding import Feed
from subjects.causeway import Causeway

C_STORE_SENDERS, STOW_SENDERS = 5, 3
AWAY_SECONDS = 2
RESTARTS, EVERY_RESTARTS = 2, 20
FEW, MOST = (1, 2, 3), 200
HEALTHY_SECONDS_MAX = 60

pytestmark = pytest.mark.only("causeway")


def takes_again(node: Causeway, where: str) -> None:
    """The node serves by itself: ready, and it takes an instance over each door."""
    deadline = time.monotonic() + HEALTHY_SECONDS_MAX
    while True:
        try:
            ready = requests.get(node.url + node.ready_path(), timeout=10).status_code
            if ready == 200 and Web(node.dicomweb).stow(data.file_of(data.instance())).status_code == 200:
                assert store(node, data.instance()) == [0x0000]
                return
        except requests.RequestException:
            pass
        assert node.alive(), f"{where}: the node went down"
        assert time.monotonic() < deadline, f"{where}: the node does not recover"
        time.sleep(0.2)


@pytest.mark.timeout(3600)
def test_what_senders_were_told_is_there_after_restarts_of_the_database(
    on_postgres: Causeway, database: Database, every: bool,
) -> None:
    """`pg_ctl restart -m immediate` under eight senders and deletes."""
    node = on_postgres
    for number in range(EVERY_RESTARTS if every else RESTARTS):
        where = f"restart {number}"
        with Feed(node, C_STORE_SENDERS, STOW_SENDERS, delete=True, rest_seconds=0.01) as feed:
            time.sleep(1)
            database.server.restart()
            time.sleep(1)
        takes_again(node, where)
        accounts_of.assert_all_sent(feed.told, C_STORE_SENDERS + STOW_SENDERS)
        accounts_of.assert_kept(node, feed.told, where)
        print(f"{where}: {len(feed.told.taken)} taken, {len(feed.told.refused)} refused, {len(feed.told.unanswered)} unanswered")
    node.restart()
    accounts_of.assert_kept(node, feed.told, "after a restart of the node")


@pytest.mark.timeout(300)
def test_a_node_whose_database_is_away_says_so_and_goes_on_when_it_is_back(
    on_postgres: Causeway, wire: DatabaseLine,
) -> None:
    """Neither Success nor Not Found: the sender, and who searches, is to come again."""
    node, web = on_postgres, Web(on_postgres.dicomweb)
    before, meanwhile = data.instance(), data.instance()
    assert store(node, before) == [0x0000]
    wire.down()
    answer = web.stow(data.file_of(meanwhile))
    assert answer.status_code == 503 or answer.status_code >= 500, f"{answer.status_code}: {answer.text[:300]}"
    (status,) = store(node, meanwhile)
    assert status & 0xF000 in (0xA000, 0xC000) or status == 0x0110, f"{status:04X}"
    for path in ("/studies", f"/studies/{before.StudyInstanceUID}/metadata"):
        answer = web.get(path)
        assert answer.status_code == 503, f"{path}: {answer.status_code}: {answer.text[:300]}"
    assert requests.get(f"{node.url}/health/live", timeout=10).status_code == 200, "to start it again would not help"
    time.sleep(AWAY_SECONDS)
    wire.up()
    takes_again(node, "the database is back")
    assert web.has(before)
    assert store(node, meanwhile) == [0x0000]
    assert web.has(meanwhile)


def numbers(every: bool) -> Iterator[int]:
    """The commits to try."""
    yield from range(1, MOST) if every else FEW


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("cut", Cut, ids=lambda cut: cut.value)
def test_what_was_told_is_there_after_a_commit_that_was_cut(
    cut: Cut, on_postgres: Causeway, wire: DatabaseLine, every: bool,
) -> None:
    """Before the server hears of it, or before its answer comes: then nobody knows whether it is done, and the node must not
    guess."""
    node, met, number = on_postgres, 0, 0
    for number in numbers(every):
        where = f"cut {cut.value} commit {number}"
        wire.count_anew()
        wire.cut = lambda at, wanted=number: cut if at == wanted else None
        told = Feed(node, 2, 1, delete=True, rounds=3).run()
        wire.cut = lambda at: None
        is_met, met = wire.met, met + wire.met
        takes_again(node, where)
        accounts_of.assert_kept(node, told, where)
        if not is_met:
            break
    assert met, "no commit was cut: this proves nothing"
    print(f"cut {cut.value}: {number} commits tried")
    node.restart()
    takes_again(node, "after a restart of the node")

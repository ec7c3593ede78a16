"""A node that is killed at random moments while eight senders push, a route delivers and studies are deleted: what the
senders were told is what is there.

20 kills, or 500 with `--every`, spread over the settings of the run; `CAUSEWAY_KILLS` says how many otherwise,
`CAUSEWAY_SEED` makes the moments those of an earlier run.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest

import told as accounts_of
from clients import Receiver
from told import REMOTE
from feeding import Feed
from places import Keeping, settings_of
from traced import Traced

KILLS, EVERY_KILLS = 20, 500
#: A node begins anew after so many, so that what it holds does not grow without end.
KILLS_OF_A_NODE = 20
#: A kill comes early: what it meets is what is under way, and all that was taken before is looked at again.
MOMENT_SECONDS = (0.05, 0.8)
C_STORE_SENDERS, STOW_SENDERS = 5, 3

pytestmark = pytest.mark.only("causeway")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The kills, spread over the settings of the run."""
    every = bool(metafunc.config.getoption("--every"))
    kills = int(os.environ.get("CAUSEWAY_KILLS", EVERY_KILLS if every else KILLS))
    settings = settings_of(metafunc.config)
    shares = [(keeping, len(range(at, kills, len(settings)))) for at, keeping in enumerate(settings[:kills])]
    metafunc.parametrize(("keeping", "kills"), shares, ids=str, indirect=["keeping"], scope="session")


@pytest.mark.timeout(3 * 3600)
def test_what_was_told_is_there_after_a_sudden_end(
    keeping: Keeping, kills: int, make_node: Callable[[], Traced], reader: Receiver, capfd: pytest.CaptureFixture[str],
) -> None:
    """0 acknowledged instances lost, 0 in part, 0 false receipts."""
    seed = int(os.environ.get("CAUSEWAY_SEED", random.randrange(1 << 32)))
    moments, begun = random.Random(seed), time.monotonic()
    taken = number = 0
    while number < kills:
        node = make_node()
        node.start()
        history = []
        for number in range(number + 1, min(number + KILLS_OF_A_NODE, kills) + 1):
            where = f"{keeping}, kill {number} of seed {seed}"
            with Feed(node, C_STORE_SENDERS, STOW_SENDERS, delete=True) as feed:
                time.sleep(moments.uniform(*MOMENT_SECONDS))
                node.kill()
            node.start()
            accounts_of.assert_kept(node, feed.told, where)
            accounts_of.assert_awaited(node, REMOTE, feed.told, reader, where)
            history.append(feed.told)
            taken += len(feed.told.taken)
        for told in history:
            accounts_of.assert_delivered(node, REMOTE, told, reader, f"{keeping}, at the end, seed {seed}")
        node.remove()
        # Hours pass in a long run: whoever waits sees how far it is.
        with capfd.disabled():
            seconds = time.monotonic() - begun
            print(f"{keeping}: {number} of {kills} kills, seed {seed}, {taken} instances, {seconds:.0f} s", flush=True)
    assert taken > kills, "hardly anything was acknowledged: the kills prove nothing"

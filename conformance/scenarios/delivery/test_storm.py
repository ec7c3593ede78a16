"""Everything at once: lines that abort, cut, fall silent, reject and refuse at random, a destination that goes and comes,
a node that is killed now and then. Afterwards there is calm, and the accounts agree.

`CAUSEWAY_STORM_SECONDS` says how long (default 8), `CAUSEWAY_SEED` makes the weather that of an earlier run.
"""

import os
import random
import threading
import time

import pytest

from clients import associate, contexts_of
from deliveries import study
from middleman import OPEN, Door
from middleman import Deed as Store
from together import at_once
from webfront import Deed as Request
from webfront import Reply

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(600)]

SECONDS = float(os.environ.get("CAUSEWAY_STORM_SECONDS", "8"))
PAIRS = [("storescp", "dimse"), ("orthanc", "dimse"), ("causeway", "dimse"), ("orthanc", "stow"), ("causeway", "stow")]
#: How often something goes wrong.
SHARE = 0.15


def _store(chance):
    """What is done with a C-STORE."""
    if chance.random() > SHARE:
        return Store()
    return chance.choice([
        Store(aborts=True), Store(aborts=True, is_kept=True), Store(cuts=True), Store(is_kept=True, status=0xA700),
        Store(status=0xB000), Store(late_seconds=0.5), Store(is_silent=True),
    ])


def _door(chance):
    if chance.random() > SHARE:
        return OPEN
    return chance.choice([Door(rejection=(2, 3, 1)), Door(rejection=(2, 3, 2)), Door(closes=True)])


def _request(chance):
    """What is done with a store request."""
    if chance.random() > 3 * SHARE:
        return Request()
    return chance.choice([
        Request(hangs_up=True), Request(cut_after_bytes=2000), Request(late_seconds=0.5),
        Request(reply=Reply(502, b"no", "text/plain")), Request(reply=Reply(429, headers={"Retry-After": "1"})),
        Request(change=lambda _: Reply(500, b"lost", "text/plain")),
    ])


def _blow(delivery, chance, is_over):
    """The line goes up and down."""
    while not is_over.wait(chance.uniform(0.5, 2.5)):
        delivery.line.down()
        is_over.wait(chance.uniform(0.1, 0.6))
        delivery.line.up()


def _ingest(node, items, is_over):
    """Gives the node what is to be sent, as long as it takes, whatever becomes of the node meanwhile."""
    left = list(items)
    deadline = time.monotonic() + 10 * SECONDS
    while left:
        assert time.monotonic() < deadline, f"{len(left)} could not be given to the node"
        try:
            with associate(node, contexts_of(left), seconds=10) as association:
                while left and association.send_c_store(left[0]).get("Status") == 0x0000:
                    left.pop(0)
                    is_over.wait(SECONDS / len(items) / 2)
        except (AssertionError, RuntimeError, ValueError, OSError):
            time.sleep(0.2)


def test_after_the_storm_the_accounts_agree(deliver, destinations, make_node):
    """Five destinations of one node; three kills."""
    seed = int(os.environ.get("CAUSEWAY_SEED", random.randrange(1 << 32)))
    print(f"CAUSEWAY_SEED={seed}")
    chance, is_over, kills = random.Random(seed), threading.Event(), 3
    # No instance is given up for what was the weather.
    node = make_node(CAUSEWAY_FORWARD__UNCLEAR_ATTEMPTS="1000")
    ways = {f"{kind}-{transport}": deliver(destinations(kind), transport, node) for kind, transport in PAIRS}
    for name, delivery in ways.items():
        delivery.items = study(3, 20)
        delivery.route(*delivery.items, trigger=chance.choice(["instance", "instance", "series"]))
        of_line = random.Random(f"{seed}{name}")
        if delivery.way.transport == "dimse":
            delivery.line.deed = lambda *_, of_line=of_line: _store(of_line)
            delivery.line.door = lambda *_, of_line=of_line: _door(of_line)
        else:
            delivery.line.deed = lambda *_, of_line=of_line: _request(of_line)
    items = [item for delivery in ways.values() for item in delivery.items]
    chance.shuffle(items)
    winds = [
        threading.Thread(target=_blow, args=(delivery, random.Random(f"{seed}{name} wind"), is_over), daemon=True)
        for name, delivery in ways.items()
    ]
    sender = threading.Thread(target=_ingest, args=(node, items, is_over), daemon=True)
    for thread in [*winds, sender]:
        thread.start()
    for _ in range(kills):
        time.sleep(SECONDS / (kills + 1) * chance.uniform(0.7, 1.3))
        node.kill()
        node.start()
    time.sleep(SECONDS / (kills + 1))
    is_over.set()
    for thread in [*winds, sender]:
        thread.join(10 * SECONDS)
        assert not thread.is_alive()
    for name, delivery in ways.items():
        print(f"{name}: {len(delivery.ledger.entries())} entries for {len(delivery.items)} instances")
        delivery.line.deed = (lambda *_: Store()) if delivery.way.transport == "dimse" else (lambda _: Request())
        if delivery.way.transport == "dimse":
            delivery.line.door = lambda _: OPEN
    at_once({name: lambda delivery=delivery: delivery.assert_accounts(crashes=kills) for name, delivery in ways.items()})

"""A delivery of a node to a destination, as the tests of `scenarios/delivery` make it: its settings, its remote and route,
what is sent, and what the node says of it.

The node's pauses and waits are short, so that what takes an hour in a hospital takes seconds here.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset

import accounts
import data
from clients import store
from destinations import Way
from subjects import Subject

#: "Answers after a minute" in seconds; the node waits for an answer for a little longer than that.
MINUTE_SECONDS = float(os.environ.get("CAUSEWAY_MINUTE_SECONDS", "2"))
RESPONSE_SECONDS = int(MINUTE_SECONDS) + 2

#: Longest pause between two attempts.
RETRY_CEILING_SECONDS = 1
#: Attempts after an answer that is neither yes nor no.
UNCLEAR_ATTEMPTS = 3

SETTINGS = {
    "CAUSEWAY_FORWARD__RETRY_CEILING_SECONDS": str(RETRY_CEILING_SECONDS),
    "CAUSEWAY_FORWARD__LEASE_SECONDS": "3",
    "CAUSEWAY_FORWARD__CONNECT_SECONDS": "3",
    "CAUSEWAY_FORWARD__RESPONSE_SECONDS": str(RESPONSE_SECONDS),
    "CAUSEWAY_FORWARD__LINGER_SECONDS": "1",
    "CAUSEWAY_FORWARD__UNCLEAR_ATTEMPTS": str(UNCLEAR_ATTEMPTS),
}

DIMSE = [("orthanc", "dimse"), ("storescp", "dimse"), ("pynetdicom", "dimse"), ("causeway", "dimse")]
STOW = [("orthanc", "stow"), ("causeway", "stow")]
ALL = DIMSE + STOW

_numbers = itertools.count(1)


@dataclass
class Delivery:
    """A remote of a node, the line to it, and what a test sends over it."""

    node: Subject
    way: Way
    remote: str
    items: list[Dataset] = field(default_factory=list)

    @property
    def line(self):  # type: ignore[no-untyped-def]
        """The line, which a test may spoil."""
        return self.way.line

    @property
    def ledger(self):  # type: ignore[no-untyped-def]
        """What crossed it."""
        return self.way.ledger

    def uids(self) -> list[str]:
        """Of the items, in order."""
        return [str(item.SOPInstanceUID) for item in self.items]

    def route(self, *items: Dataset, trigger: str = "instance", quiet: int = 1) -> None:
        """A route for the studies of these instances, and no other."""
        studies = sorted({str(item.StudyInstanceUID) for item in items})
        when = " || ".join(f'StudyInstanceUID == "{study}"' for study in studies)
        self.node.add_route(self.remote, when, self.remote, trigger, quiet)  # type: ignore[attr-defined]

    def send(self, *items: Dataset, **route: Any) -> list[Dataset]:
        """Routes the studies of these and gives them to the node, which takes each."""
        self.route(*items, **route)
        return self.give(*items)

    def give(self, *items: Dataset) -> list[Dataset]:
        """Gives them to the node, which takes each."""
        assert store(self.node, *items) == [0x0000] * len(items)
        self.items += [item for item in items if item.SOPInstanceUID not in self.uids()]
        return list(items)

    def jobs(self) -> dict[str, dict[str, Any]]:
        """What the node says, by instance."""
        return accounts.by_instance(self.node, self.remote)

    def settled(self, seconds: float = accounts.SETTLE_SECONDS_MAX) -> dict[str, dict[str, Any]]:
        """Waits until all are decided."""
        return accounts.settled(self.node, self.remote, len(self.items), seconds)

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], words: str, seconds: float = 60) -> dict[str, Any]:
        """Waits until the node says what is wanted."""
        return accounts.wait_for(self.node, self.remote, wanted, words, seconds)

    def assert_accounts(self, **expected: Any) -> None:
        """All are decided, and the accounts agree."""
        self.settled()
        accounts.assert_accounts(self.node, self.way, self.items, self.remote, **expected)

    def retry(self) -> None:
        """By hand: all that is parked goes again."""
        accounts.retry_parked(self.node, self.remote)


def delivery_of(node: Subject, way: Way) -> Delivery:
    """Tells the node of a remote of its own at the end of the way."""
    number = next(_numbers)
    delivery = Delivery(node, way, f"far{number}")
    if way.transport == "stow":
        node.add_web_remote(delivery.remote, way.line.dicomweb)  # type: ignore[attr-defined]
    else:
        # The node tells its remotes apart by their titles; the destinations answer to any.
        node.add_remote(delivery.remote, f"FAR{number}", way.line.port)
    return delivery


def study(series: int = 1, instances: int = 6, **attributes: Any) -> list[Dataset]:
    """A small study."""
    return data.study(series, instances, **attributes)

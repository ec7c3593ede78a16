"""What senders were told of their instances, held against what a node has once it was ended and started again.

An instance that was answered with Success is found once and read back to the byte, and its delivery has arrived or
waits; one that was refused, or of which nothing was heard, is whole or not there at all. What was deleted stays away.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests
from pydicom.dataset import Dataset

import accounts
import data
from clients import ACCEPT_STORED, Receiver, Web, parts, path_of
from subjects import Subject

#: What a node's destination is called by.
REMOTE = "reader"
DELIVERED_SECONDS_MAX = 60
#: A store or a database that was away is back before.
LATER_SECONDS_MAX = 20


@dataclass
class Told:
    """What was heard, by many senders at once."""

    taken: list[Dataset] = field(default_factory=list)
    refused: list[Dataset] = field(default_factory=list)
    unanswered: list[Dataset] = field(default_factory=list)
    #: Studies of which the node said that they are gone, and those of which it was asked and did not say.
    gone: set[str] = field(default_factory=set)
    perhaps_gone: set[str] = field(default_factory=set)
    #: How many each sender, a thread, was told Success for.
    taken_by: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, *items: Dataset) -> None:
        """Success."""
        with self._lock:
            self.taken += items
            self.taken_by[threading.current_thread().name] += len(items)

    def refuses(self, *items: Dataset) -> None:
        """An answer that is none of success."""
        with self._lock:
            self.refused += items

    def says_nothing(self, *items: Dataset) -> None:
        """No answer."""
        with self._lock:
            self.unanswered += items

    def deletes(self, study: str) -> None:
        """A study is about to be deleted."""
        with self._lock:
            self.perhaps_gone.add(study)

    def deleted(self, study: str) -> None:
        """And was."""
        with self._lock:
            self.gone.add(study)

    def owed(self) -> list[Dataset]:
        """What the node must have."""
        doubtful = self.gone | self.perhaps_gone
        return [item for item in self.taken if item.StudyInstanceUID not in doubtful]

    def everything(self) -> list[Dataset]:
        """All that was sent."""
        return [*self.taken, *self.refused, *self.unanswered]


class Patient(Web):
    """A client that comes again when it is told to (RFC 9110 §15.6.4), for a while."""

    def get(self, *arguments: Any, **named: Any) -> requests.Response:
        deadline = time.monotonic() + LATER_SECONDS_MAX
        while True:
            answer = super().get(*arguments, **named)
            if answer.status_code != 503 or time.monotonic() > deadline:
                return answer
            assert answer.headers.get("Retry-After", "").isdigit(), "nobody is told when to come again"
            time.sleep(0.1)


def assert_all_sent(told: Told, senders: int) -> None:
    """Each of the senders had something to lose: fewer prove less than a test says."""
    busy = len(told.taken_by)
    assert busy == senders, f"{busy} of {senders} senders were told Success for anything: {dict(told.taken_by)}"


def assert_kept(node: Subject, told: Told, where: str) -> None:
    """What the node has is what the senders were told."""
    web = Patient(node.dicomweb)
    owed = {str(item.SOPInstanceUID) for item in told.owed()}
    for item in told.everything():
        uid, study = str(item.SOPInstanceUID), str(item.StudyInstanceUID)
        found = len(web.query("/instances", SOPInstanceUID=uid))
        file = _read(web, item)
        assert found == (file is not None), f"{where}: {uid} is found {found} times and read {file is not None}"
        assert file is None or data.split(file)[1] == data.encoded(item), f"{where}: {uid} is not what was sent"
        assert file is not None or uid not in owed, f"{where}: {uid} was acknowledged and is lost"
        assert file is None or study not in told.gone, f"{where}: {uid} was deleted and is there again"


def _read(web: Web, item: Dataset) -> bytes | None:
    answer = web.get(path_of(item), ACCEPT_STORED)
    if answer.status_code in (404, 410):
        return None
    assert answer.status_code == 200, f"{item.SOPInstanceUID}: {answer.status_code}: {answer.text[:300]}"
    (part,) = parts(answer)
    return part.body


def assert_awaited(node: Subject, remote: str, told: Told, receiver: Receiver, where: str) -> None:
    """What the node must have is on its way or has arrived, and what it calls delivered has."""
    jobs = accounts.by_instance(node, remote)
    lacking = [item.SOPInstanceUID for item in told.owed() if str(item.SOPInstanceUID) not in jobs]
    assert not lacking, f"{where}: taken, and nobody will send {lacking}"
    # The receiver is asked last: what comes meanwhile is no false receipt.
    delivered = {uid for uid, job in jobs.items() if job["state"] == accounts.DELIVERED}
    assert delivered <= receiver.uids(), f"{where}: called delivered and not there: {delivered - receiver.uids()}"


def assert_delivered(node: Subject, remote: str, told: Told, receiver: Receiver, where: str) -> None:
    """All that the node must have arrives, and its receipts are what the destination holds."""
    assert_awaited(node, remote, told, receiver, where)
    jobs = accounts.settled(node, remote, 0, DELIVERED_SECONDS_MAX)
    delivered = {uid for uid, job in jobs.items() if job["state"] == accounts.DELIVERED}
    owed = {str(item.SOPInstanceUID) for item in told.owed()}
    assert owed <= delivered, f"{where}: {accounts.told({uid: jobs[uid] for uid in owed - delivered})}"
    assert delivered <= receiver.uids(), f"{where}: called delivered and not there"
    open_or_parked = {uid for uid, job in jobs.items() if job["state"] == accounts.PARKED}
    assert not open_or_parked & receiver.uids(), f"{where}: called parked and there"

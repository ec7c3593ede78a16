"""What a node says of its deliveries, held against what the destination lists and what crossed the line between them.

All that the tests of deliveries know of the node's commands and resources is here and in `subjects.causeway`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import requests
from pydicom.dataset import Dataset

import data
from destinations import Destination, Way
from ledger import ANSWERED, HAS, Ledger
from subjects import Subject

PAGE = 10_000
SETTLE_SECONDS_MAX = 60
WAITING, SENDING, DELIVERED, PARKED, CANCELLED = "waiting", "leased", "delivered", "parked", "cancelled"
OPEN_STATES = {WAITING, SENDING}


def _api(node: Subject, path: str, **parameters: Any) -> Any:
    answer = requests.get(f"{node.url}/api/v1{path}", params=parameters, timeout=30)
    assert answer.status_code == 200, f"{path}: {answer.status_code}: {answer.text[:300]}"
    return answer.json()


def jobs(node: Subject, remote: str) -> list[dict[str, Any]]:
    """All jobs to a remote."""
    found: list[dict[str, Any]] = []
    while True:
        page = _api(node, "/queue/jobs", remote=remote, limit=PAGE, after=found[-1]["id"] if found else 0)
        found += page
        if len(page) < PAGE:
            return found


def by_instance(node: Subject, remote: str) -> dict[str, dict[str, Any]]:
    """The jobs by instance; there is one for each."""
    found = jobs(node, remote)
    named = {job["instance"]: job for job in found}
    assert len(named) == len(found), "two jobs for one instance"
    return named


def report(node: Subject, remote: str) -> dict[str, Any]:
    """What the node says of a destination as a whole; nothing when it never had a job."""
    return next((row for row in _api(node, "/queue") if row["remote"] == remote), {})


def stories(node: Subject, study: str, remote: str) -> list[dict[str, Any]]:
    """What the node tells of a study's deliveries to a remote."""
    return [row for row in _api(node, f"/studies/{study}/story")["deliveries"] if row["remote"] == remote]


def states(node: Subject, remote: str) -> dict[str, str]:
    """State by instance."""
    return {uid: job["state"] for uid, job in by_instance(node, remote).items()}


def wait_for(node: Subject, remote: str, wanted: Any, words: str, seconds: float = SETTLE_SECONDS_MAX) -> dict[str, Any]:
    """Waits until the jobs by instance are as wanted, and returns them."""
    deadline = time.monotonic() + seconds
    while not wanted(found := by_instance(node, remote)):
        assert time.monotonic() < deadline, f"not so: {words}\n{told(found)}\n{report(node, remote)}"
        time.sleep(0.1)
    return found


def settled(node: Subject, remote: str, count: int, seconds: float = SETTLE_SECONDS_MAX) -> dict[str, Any]:
    """Waits until there are so many jobs and each is decided."""
    return wait_for(
        node, remote, lambda found: len(found) >= count and not OPEN_STATES & {job["state"] for job in found.values()},
        f"{count} jobs, all decided", seconds,
    )


def told(found: dict[str, dict[str, Any]]) -> str:
    """The jobs in few words, for a failure."""
    lines: dict[str, int] = {}
    for job in found.values():
        line = f"{job['state']}, {job['attempts']} attempts, {job['last']}"
        lines[line] = lines.get(line, 0) + 1
    return "\n".join(f"{count} × {line}" for line, count in lines.items())


def retry_parked(node: Subject, remote: str) -> None:
    """By hand: all that is parked is sent again."""
    node.run("queue", "retry", "--remote", remote)


@dataclass(frozen=True)
class Because:
    """Why an instance is not delivered, as the node is to tell it."""

    class_: str
    status: int | None
    words: str

    def assert_told(self, job: dict[str, Any]) -> None:
        """The job says so."""
        last = job["last"]
        assert last is not None, f"no word of why it is {job['state']}"
        assert (last["class"], last["status"]) == (self.class_, self.status), last
        assert re.search(self.words, last["words"]), last


def assert_accounts(
    node: Subject, way: Way, items: Iterable[Dataset], remote: str, undelivered: dict[str, Because] | None = None,
    crashes: int = 0, is_same: bool = True, lies: Iterable[str] = (),
) -> None:
    """What the destination holds is what the node says that it delivered, instance by instance; what it did not
    deliver it says why; and nothing was sent although it was known to be there.

    `undelivered`: parked ones. `crashes`: how often the node was killed; each explains one more sending of an
    instance. `is_same`: the destination holds the data sets that were sent. `lies`: instances of which the far side
    did not tell the truth, so that it may hold them or not.
    """
    expected = {str(item.SOPInstanceUID): item for item in items}
    undelivered, lies = undelivered or {}, set(lies)
    told_of = by_instance(node, remote)
    assert set(told_of) == set(expected), "jobs that nobody asked for, or lost ones"
    for uid, job in told_of.items():
        assert job["state"] == (PARKED if uid in undelivered else DELIVERED), f"{uid}: {job}"
        assert job["last"] and job["last"]["words"], f"{uid}: no words"
    for uid, because in undelivered.items():
        because.assert_told(told_of[uid])
    held = all_held(way.destination, expected.values())
    delivered = {uid for uid, job in told_of.items() if job["state"] == DELIVERED}
    assert set(held) - lies == delivered - lies, "the queue and the destination's own list differ"
    for uid, copies in held.items():
        assert len(copies) == 1, f"{uid} is there {len(copies)} times"
        if is_same and uid in delivered - lies:
            assert_same(copies[0], expected[uid])
    _assert_counts(node, remote, expected.values(), told_of)
    _assert_line(way.ledger, delivered, set(undelivered), crashes)


def _assert_counts(node: Subject, remote: str, items: Iterable[Dataset], told_of: dict[str, dict[str, Any]]) -> None:
    """The sums over the destination, and over each study, are those of the jobs."""
    counted = report(node, remote)
    for name, state in {"waiting": WAITING, "sending": SENDING, DELIVERED: DELIVERED, PARKED: PARKED}.items():
        assert counted[name] == sum(job["state"] == state for job in told_of.values()), (name, counted)
    for study in {str(item.StudyInstanceUID) for item in items}:
        rows = stories(node, study, remote)
        mine = [job for job in told_of.values() if job["study"] == study]
        assert sum(row["instances"] for row in rows) == len(mine)
        for state in (DELIVERED, PARKED):
            assert sum(row[state] for row in rows) == sum(job["state"] == state for job in mine), (state, rows)
        for row in rows:
            assert row["why"], "no words of where the delivery stands"
            # A destination that lists what it was sent over the web has committed to it.
            assert row["state"] in (("parked",) if row["parked"] else ("confirmed", "committed")), row


def _assert_line(ledger: Ledger, delivered: set[str], undelivered: set[str], crashes: int) -> None:
    """Each that is called delivered had an answer that says so, and was sent no more after it."""
    answers = {entry.instance for entry in ledger.entries(ANSWERED) if entry.status in HAS}
    assert delivered <= answers, "called delivered without the far side's word"
    assert not undelivered & answers, "the far side said that it has it, and it is called parked"
    too_often = {uid: times for uid, times in ledger.needless().items() if times > crashes}
    assert not too_often, f"sent again although it was there: {too_often}"


def all_held(destination: Destination, items: Iterable[Dataset]) -> dict[str, list[Dataset]]:
    """What the destination holds of the studies of these, by its own listing."""
    held: dict[str, list[Dataset]] = {}
    for study in {str(item.StudyInstanceUID) for item in items}:
        held |= destination.held(study)
    return held


def assert_same(held: Dataset, sent: Dataset) -> None:
    """The data sets are the same, whatever the transfer syntax among those that compress nothing."""
    assert data.explicit_little_endian(held) == data.explicit_little_endian(sent), sent.SOPInstanceUID


def assert_waits_with_words(node: Subject, remote: str, count: int, words: str) -> None:
    """So many are waiting, none is called delivered, and the node says what it waits for and until when."""
    found = by_instance(node, remote)
    assert len(found) == count
    assert {job["state"] for job in found.values()} <= OPEN_STATES, told(found)
    row = report(node, remote)
    said = [row.get("because") or "", *(job["last"]["words"] for job in found.values() if job["last"])]
    assert any(re.search(words, text) for text in said), said
    for study in {job["study"] for job in found.values()}:
        for told_of in stories(node, study, remote):
            assert told_of["state"] in ("held", "waiting", "sending"), told_of
            assert told_of["why"], told_of
            assert told_of["state"] != "held" or re.search(words, told_of["why"]), told_of

"""The Nth write, sync, rename of a node fails, or is its last: what the senders were told is what is there afterwards.

Each kind of fault is met by a node that is fed over C-STORE and STOW-RS, delivers what it is given and deletes some of
it; then the node is started again without, and held against what was said. `--every` tries one call after another
until a run passes without the fault, in each setting; without, a few of each kind are tried on files and SQLite, and of
some kinds one in the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

import told as accounts_of
from clients import Receiver, associate, contexts_of, echo
from told import REMOTE
from feeding import Feed, image
from places import Keeping, settings_of
from subjects.base import CannotStart
from told import Told
from traced import Fault, Traced, trusted_after_a_failed_sync, why_not

#: Calls that are tried of a kind, at most.
MOST = 60
#: Those that are tried without `--every`; of ends, which take longer, one.
FEW, FEW_ENDS = (1, 3), (2,)
#: From here on, calls are passed over in ever larger steps.
EACH_UNTIL = 16
#: Settling and delivery begin half a second after the last instance.
QUIET_SECONDS = 1.3
#: Each thread may meet the fault once, and a sender tries again.
TRIES_MAX = 40
HEALTHY_SECONDS_MAX = 30

SYNCS = ("fsync", "fdatasync")
LOG, CATALOG = ("catalog.db-wal",), ("catalog.db-wal", "catalog.db")


#: What only the embedded catalog does to its disk.
OF_SQLITE = [
    Fault(SYNCS, "error=EIO", CATALOG),
    Fault(("pwrite64",), "error=EIO"),
    Fault(("pwrite64",), "error=ENOSPC", LOG),
    Fault(("ftruncate",), "error=EIO"),
    Fault(("pwrite64",), "signal=KILL"),
]
#: What is done to any disk.
OF_ALL = [
    Fault(("writev",), "error=EIO"),
    Fault(("writev",), "error=ENOSPC"),
    Fault(SYNCS, "error=EIO"),
    Fault(SYNCS, "error=EIO", ("spool",)),
    Fault(("rename",), "error=EIO"),
    Fault(("unlink",), "error=EIO"),
    Fault(("mkdir",), "error=ENOSPC"),
    Fault(("openat",), "error=EIO"),
    Fault(("writev",), "signal=KILL"),
    Fault(SYNCS, "signal=KILL"),
    Fault(("rename",), "signal=KILL"),
    Fault(("unlink",), "signal=KILL"),
    Fault(("mkdir", "openat"), "signal=KILL"),
]
#: What a bucket is spoken to with; so are senders and the destination.
OF_LINES = [Fault(("sendto",), "error=ECONNRESET"), Fault(("recvfrom",), "error=ECONNRESET")]
#: And a database. A node waits for that at its start, each time with a new thread, of which each meets a fault: only an end is
#: one that passes. scenarios/storage cuts the lines to both at the Nth request and commit.
ENDS_OF_LINES = [Fault(("sendto",), "signal=KILL"), Fault(("recvfrom",), "signal=KILL")]
#: What is tried without `--every` where not all is in files.
FEW_ELSEWHERE = [Fault(SYNCS, "error=EIO", ("spool",)), Fault(("rename",), "signal=KILL"), Fault(("sendto",), "signal=KILL")]


def faults_of(keeping: Keeping, every: bool) -> list[Fault]:
    """What can befall a node that keeps things so, as far as it is tried."""
    if keeping.is_of_files:
        return OF_ALL + OF_SQLITE
    if not every:
        return FEW_ELSEWHERE
    return OF_ALL + ENDS_OF_LINES + (OF_SQLITE + OF_LINES if keeping.catalog == "sqlite" else [])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each fault in each setting of the run, setting by setting."""
    every = bool(metafunc.config.getoption("--every"))
    pairs = [(keeping, fault) for keeping in settings_of(metafunc.config) for fault in faults_of(keeping, every)]
    metafunc.parametrize(("keeping", "fault"), pairs, ids=str, indirect=["keeping"], scope="session")


pytestmark = [
    pytest.mark.only("causeway"), pytest.mark.skipif(why_not() is not None, reason=f"cannot trace: {why_not()}"),
]


@pytest.mark.timeout(3600)
def test_what_was_told_is_there_after_a_fault(
    keeping: Keeping, fault: Fault, make_node: Callable[[], Traced], reader: Receiver, every: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """Each acknowledged instance is found, whole and delivered or due; nothing else is there in part; the node goes on
    or ends with a word and a code."""
    tried = 0
    for when in numbers(fault, keeping, every):
        tried += 1
        if not met(make_node(), fault, when, reader):
            break
    print(f"{keeping}, {fault}: {tried} calls tried, the last {when}")
    record_property("tried", tried)


def numbers(fault: Fault, keeping: Keeping, every: bool) -> Iterator[int]:
    """The calls to try."""
    if not every:
        yield from FEW_ENDS if fault.is_end or not keeping.is_of_files else FEW
        return
    when = 1
    for _ in range(MOST):
        yield when
        when += 1 if when < EACH_UNTIL else when // 8


def met(node: Traced, fault: Fault, when: int, reader: Receiver) -> bool:
    """One run; whether the fault was met in it."""
    where = f"{fault}, call {when}"
    node.meet(fault, when)
    told = fed(node, where)
    is_met = node.is_met()
    trusted = trusted_after_a_failed_sync(node.calls())
    assert not trusted, f"{where}: trusted after a failed sync: {trusted}"
    ended = node.exit_code()
    if ended is not None:
        assert ended != 0, f"{where}: the node ended as if all were well"
        assert fault.is_end or node.logged().strip(), f"{where}: the node ended with {ended} and without a word"
    node.kill()
    node.spare()
    node.start()
    accounts_of.assert_kept(node, told, where)
    accounts_of.assert_delivered(node, REMOTE, told, reader, where)
    node.remove()
    return is_met


def fed(node: Traced, where: str) -> Told:
    """What senders were told by a node that meets a fault."""
    try:
        node.start()
    except CannotStart:
        assert node.exit_code() is not None, f"{where}: the node neither serves nor ends"
        return Told()
    told = Feed(node, c_store=2, stow=1, delete=True, rounds=3).run()
    deadline = time.monotonic() + QUIET_SECONDS
    while node.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    if node.alive():
        goes_on(node, told, where)
    return told


def goes_on(node: Traced, told: Told, where: str) -> None:
    """The node answers, and takes an instance again as soon as the fault is over."""
    deadline = time.monotonic() + HEALTHY_SECONDS_MAX
    for _ in range(TRIES_MAX):
        item = image()
        try:
            assert echo(node) == 0x0000
            with associate(node, contexts_of([item])) as association:
                status = association.send_c_store(item).get("Status")
        except (AssertionError, AttributeError, RuntimeError, ValueError, OSError):
            status = None
        if status == 0x0000:
            told.took(item)
            return
        (told.says_nothing if status is None else told.refuses)(item)
        if not node.alive():
            return
        assert time.monotonic() < deadline, f"{where}: the node does not recover"
        time.sleep(0.1)
    raise AssertionError(f"{where}: the node refused {TRIES_MAX} instances")

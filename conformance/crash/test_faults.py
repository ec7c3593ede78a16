"""The Nth write, sync, rename of a node fails, or is its last: what the senders were told is what is there afterwards.

Each kind of fault is met by a node that is fed over C-STORE and STOW-RS, delivers what it is given and deletes some of
it; then the node is started again without, and held against what was said. `--every` tries one call after another
until a run passes without the fault; without, a few of each kind are tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

import told as accounts_of
from clients import Receiver, associate, contexts_of, echo
from told import REMOTE
from feeding import Feed, image
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


def of_sqlite(fault: Fault):  # type: ignore[no-untyped-def]
    """A fault that only the embedded catalog can meet."""
    return pytest.param(fault, marks=pytest.mark.kept(catalog=("sqlite",)))


FAULTS = [
    Fault(("writev",), "error=EIO"),
    Fault(("writev",), "error=ENOSPC"),
    Fault(SYNCS, "error=EIO"),
    of_sqlite(Fault(SYNCS, "error=EIO", CATALOG)),
    Fault(SYNCS, "error=EIO", ("spool",)),
    Fault(("rename",), "error=EIO"),
    Fault(("unlink",), "error=EIO"),
    Fault(("mkdir",), "error=ENOSPC"),
    Fault(("openat",), "error=EIO"),
    of_sqlite(Fault(("pwrite64",), "error=EIO")),
    of_sqlite(Fault(("pwrite64",), "error=ENOSPC", LOG)),
    of_sqlite(Fault(("ftruncate",), "error=EIO")),
    Fault(("writev",), "signal=KILL"),
    Fault(SYNCS, "signal=KILL"),
    Fault(("rename",), "signal=KILL"),
    Fault(("unlink",), "signal=KILL"),
    of_sqlite(Fault(("pwrite64",), "signal=KILL")),
    Fault(("mkdir", "openat"), "signal=KILL"),
]

pytestmark = [
    pytest.mark.only("causeway"), pytest.mark.skipif(why_not() is not None, reason=f"cannot trace: {why_not()}"),
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_what_was_told_is_there_after_a_fault(
    fault: Fault, make_node: Callable[[], Traced], reader: Receiver, every: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """Each acknowledged instance is found, whole and delivered or due; nothing else is there in part; the node goes on
    or ends with a word and a code."""
    tried = 0
    for when in numbers(fault, every):
        tried += 1
        if not met(make_node(), fault, when, reader):
            break
    print(f"{fault}: {tried} calls tried, the last {when}")
    record_property("tried", tried)


def numbers(fault: Fault, every: bool) -> Iterator[int]:
    """The calls to try."""
    if not every:
        yield from FEW_ENDS if fault.is_end else FEW
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

"""What crossed a line between a node and a destination, instance by instance, in order: what the two sides' own words
are held against."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

SENT, ANSWERED, BROKEN = "sent", "answered", "broken"

#: Statuses of a store after which the far side has the instance (PS3.4 §B.2.3, PS3.7 annex C).
HAS = frozenset({0x0000, 0x0001, 0x0107, 0x0116, *range(0xB000, 0xC000)})


@dataclass(frozen=True)
class Entry:
    """An instance that began to be sent, an answer that was given to the node, or a connection that was cut."""

    what: str
    instance: str
    #: Which association or request, from 1.
    line: int
    status: int | None = None


class Ledger:
    """The entries, written by who stands in the middle and read by tests. A connection that is cut may have swallowed
    as many answers as `under_way` at once."""

    def __init__(self, under_way: int = 8) -> None:
        self._under_way = under_way
        self._entries: list[Entry] = []
        self._changed = threading.Condition()

    def note(self, what: str, instance: str, line: int, status: int | None = None) -> int:
        """Writes an entry; says how many of its kind there are."""
        with self._changed:
            self._entries.append(Entry(what, instance, line, status))
            self._changed.notify_all()
            return sum(entry.what == what for entry in self._entries)

    def entries(self, what: str | None = None) -> list[Entry]:
        """All, or those of a kind."""
        with self._changed:
            return [entry for entry in self._entries if what in (None, entry.what)]

    def wait(self, what: str, count: int = 1, seconds: float = 60) -> None:
        """Waits until there are so many of a kind."""
        self.until(lambda entries: sum(entry.what == what for entry in entries) >= count, f"{count} {what}", seconds)

    def until(self, holds: Callable[[list[Entry]], bool], words: str, seconds: float = 60) -> None:
        """Waits until the entries are as wanted."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not holds(self._entries):
                left = deadline - time.monotonic()
                assert left > 0, f"not seen on the line: {words}; {len(self._entries)} entries, last {self._entries[-5:]}"
                self._changed.wait(left)

    def times_sent(self) -> dict[str, int]:
        """How often each instance was sent."""
        times: dict[str, int] = {}
        for entry in self.entries(SENT):
            times[entry.instance] = times.get(entry.instance, 0) + 1
        return times

    def last_answers(self) -> dict[str, int | None]:
        """The last answer for each instance that had one."""
        return {entry.instance: entry.status for entry in self.entries(ANSWERED)}

    def needless(self) -> dict[str, int]:
        """How often each instance was sent although the far side had said that it has it.

        An answer that was written just before its connection was cut may never have been read: TCP drops what waits when
        the other end sends on. Such answers count as not given.
        """
        swallowed = self._swallowed()
        has: set[str] = set()
        needless: dict[str, int] = {}
        for at, entry in enumerate(self.entries()):
            if entry.what == ANSWERED and entry.status in HAS and at not in swallowed:
                has.add(entry.instance)
            elif entry.what == SENT and entry.instance in has:
                needless[entry.instance] = needless.get(entry.instance, 0) + 1
        return needless

    def _swallowed(self) -> set[int]:
        """The places of answers that may not have been read."""
        entries = self.entries()
        broken = {entry.line for entry in entries if entry.what == BROKEN}
        found: set[int] = set()
        for line in broken:
            answers = [at for at, entry in enumerate(entries) if entry.line == line and entry.what == ANSWERED]
            found |= set(answers[-self._under_way:])
        return found

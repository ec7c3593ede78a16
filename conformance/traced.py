"""A node of ours under strace, which lets system calls fail or ends the node at one of them, as a disk or a loss of
power would.

strace counts for each thread by itself: `when` names the call of a kind at which each thread meets the fault.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from subjects.causeway import Causeway

#: What the rules on what a node does after a failed sync are read from.
WATCHED = ("fsync", "fdatasync", "rename", "pwrite64")


@dataclass(frozen=True)
class Fault:
    """What happens to which system calls."""

    calls: tuple[str, ...]
    #: `error=EIO`, `signal=KILL`.
    what: str
    #: Only on these files and folders below the node's data, where there are any.
    paths: tuple[str, ...] = ()

    @property
    def is_end(self) -> bool:
        """The node ends there."""
        return self.what.startswith("signal=KILL")

    def __str__(self) -> str:
        on = f" on {', '.join(self.paths)}" if self.paths else ""
        return f"{'/'.join(self.calls)} {self.what}{on}"


@dataclass(frozen=True)
class Call:
    """A system call that was watched."""

    name: str
    #: The files that it is about.
    files: tuple[str, ...]
    failed: bool
    injected: bool


@functools.cache
def why_not() -> str | None:
    """Why nothing can be traced here, if so."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "true"], capture_output=True, text=True)
    return None if tried.returncode == 0 else f"no leave to trace: {tried.stderr.strip()[:200]}"


class Traced(Causeway):
    """A node that meets a fault in its next start, and none in those after it."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self._fault: Fault | None = None
        self._when = 0
        self.trace = self.folder / "trace"

    def meet(self, fault: Fault, when: int) -> None:
        """Has the next start be one in which the fault is met."""
        self._fault, self._when = fault, when

    def spare(self) -> None:
        """Has the next start be an ordinary one."""
        self._fault = None

    def command(self) -> list[str]:
        plain = super().command()
        if self._fault is None:
            return plain
        calls = ",".join(self._fault.calls)
        paths = [argument for path in self._fault.paths for argument in ("-P", str(self.folder / "data" / path))]
        # Where the kernel chooses the calls, strace is faster by far, and its signals are lost.
        filtered, watched = ([], ()) if self._fault.is_end else (["--seccomp-bpf"], WATCHED)
        # -D: the node is our child, and strace a stranger, so that the node's end and its code are seen as they are.
        return [
            "strace", "-D", "-f", *filtered, "-qq", "-y", "-s", "0", "-o", str(self.trace),
            "-e", f"trace={','.join(sorted({*self._fault.calls, *watched}))}", "-e", "signal=none", *paths,
            "-e", f"inject={calls}:{self._fault.what}:when={self._when}", *plain,
        ]

    def exit_code(self) -> int | None:
        """Of the process of the last start, once it has ended by itself."""
        return None if self._process is None else self._process.poll()

    def calls(self) -> list[Call]:
        """What was watched of the last start that met a fault, in order of their ends."""
        text = self.trace.read_text(errors="replace") if self.trace.exists() else ""
        begun: dict[str, str] = {}
        calls = []
        for line in text.splitlines():
            thread, _, words = line.partition(" ")
            words = words.strip()
            if words.endswith(_UNFINISHED):
                begun[thread] = words.removesuffix(_UNFINISHED)
                continue
            if resumed := _RESUMED.match(words):
                words = begun.pop(thread, "") + words[resumed.end():]
            if call := _call(words):
                calls.append(call)
        return calls

    def is_met(self) -> bool:
        """Whether the fault was met."""
        assert self._fault is not None
        if self._fault.is_end:
            return self.exit_code() == -9
        return any(call.injected for call in self.calls())


_UNFINISHED = "<unfinished ...>"
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?)(.*)$")
_FILE = re.compile(r'<(/[^>]*)>|"(/[^"]*)"')


def _call(line: str) -> Call | None:
    matched = _CALL.match(line)
    if matched is None:
        return None
    name, arguments, result, rest = matched.groups()
    files = tuple(one or other for one, other in _FILE.findall(arguments))
    return Call(name, files, result == "-1", "(INJECTED)" in rest)


def trusted_after_a_failed_sync(calls: list[Call]) -> list[str]:
    """Files that were kept, or synced again, although a sync of theirs had failed: the kernel may have dropped what it
    could not write, and says so once."""
    return _spooled_and_trusted(calls) + _log_trusted(calls)


def _log_trusted(calls: list[Call]) -> list[str]:
    """The catalog's log, if it was written on after a failed sync before all of it was in the catalog's file."""
    is_doubtful = False
    for call in calls:
        on_log = any(file.endswith("catalog.db-wal") for file in call.files)
        on_catalog = any(file.endswith("catalog.db") for file in call.files)
        if call.name in ("fsync", "fdatasync"):
            is_doubtful = call.failed if on_log and call.failed else is_doubtful and not (on_catalog and not call.failed)
        elif call.name == "pwrite64" and on_log and is_doubtful:
            return ["the catalog's log"]
    return []


def _spooled_and_trusted(calls: list[Call]) -> list[str]:
    failed: set[str] = set()
    trusted: list[str] = []
    for call in calls:
        files = [file for file in call.files if file.endswith(".part")]
        if call.name in ("fsync", "fdatasync") and call.failed:
            failed.update(files)
        elif call.name in ("rename", "fsync", "fdatasync"):
            trusted += [Path(file).name for file in files if file in failed]
    return trusted

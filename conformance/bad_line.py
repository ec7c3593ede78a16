"""A line that is far, narrow and breaks, in front of a destination: `bad_line` of crates/testkit, the one way in which the
tests say delay, bandwidth and breaks."""

from __future__ import annotations

import json
import subprocess

from testkit import program


class BadLine:
    """The line to a port of this machine; `port` is where it is entered. 0 stands for no delay, no limit and no breaks."""

    def __init__(self, to: int, round_trip_ms: int = 0, megabits: int = 0, breaks_every_ms: int = 0):
        terms = [str(round_trip_ms), str(megabits), str(breaks_every_ms)]
        self._process = subprocess.Popen(
            [str(program("bad_line")), f"127.0.0.1:{to}", *terms], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> BadLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(10)

    def _say(self, *words: object) -> dict[str, int]:
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def count(self) -> dict[str, int]:
        """Bytes that went `there` and came `back`, `connections` and `breaks`, and `busy_ms` from the first byte that went
        in to the last that came out; so far, or since they were counted anew."""
        return self._say("count")

    def count_anew(self) -> None:
        """Counts all but breaks from here on."""
        self._say("anew")

    def cut(self) -> None:
        """Ends all connections; what is on the line is lost."""
        self._say("cut")

    def cut_after(self, *counts: int) -> None:
        """Ends the connections to come, one for each number, when so many bytes of them have gone there."""
        self._say("cut-after", *counts)

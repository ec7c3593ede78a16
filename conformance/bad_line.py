"""A line that is far, narrow and breaks, in front of a destination: `bad_line` of crates/testkit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from subjects.causeway import REPOSITORY, binary


def program() -> Path:
    """The newest one that was built; else it is built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    places = [binary().parent, target / "release", target / "debug"]
    built = [path for place in places if (path := place / "examples" / "bad_line").is_file()]
    if not built:
        build = ["cargo", "build", "--package", "causeway-testkit", "--example", "bad_line"]
        subprocess.run(build, cwd=REPOSITORY, check=True)
        return target / "debug" / "examples" / "bad_line"
    return max(built, key=lambda path: path.stat().st_mtime)


class BadLine:
    """The line to a port of this machine; `port` is where it is entered."""

    def __init__(self, to: int, round_trip_ms: int, megabits: int, breaks_every_ms: int = 0):
        terms = [str(round_trip_ms), str(megabits), str(breaks_every_ms)]
        self._process = subprocess.Popen(
            [str(program()), f"127.0.0.1:{to}", *terms], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> BadLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(10)

    def _say(self, word: str) -> dict[str, int]:
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def count(self) -> dict[str, int]:
        """Bytes that went there and came back, connections and breaks so far."""
        return self._say("count")

    def cut(self) -> None:
        """Ends all connections; what is on the line is lost."""
        self._say("cut")

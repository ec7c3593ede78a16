"""A browser without a window for tests of viewers: `viewers/browser.js` run by node, and the viewers that it opens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from subjects.causeway import REPOSITORY

SCRIPT = Path(__file__).resolve().parent / "viewers" / "browser.js"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
#: Where `cargo xtask conformance` has put the viewers, a folder each.
PACKAGES = Path(os.environ.get("CAUSEWAY_VIEWERS", TARGET / "viewers"))
#: Where pictures of what was seen are kept.
ARTIFACTS = TARGET / "artifacts" / "viewers"
WAIT_SECONDS = 60


def package(name: str) -> Path:
    """The folder of a package. Skips the test where it, node or a browser is not installed."""
    if not (PACKAGES / name).is_dir() or shutil.which("node") is None or shutil.which("chromium") is None:
        pytest.skip(f"{name}, node or chromium is not installed: cargo xtask conformance does it")
    return PACKAGES / name


@dataclass
class Heard:
    """What happened in a page: answers to its requests, requests that failed, errors that it told of."""

    answers: list[tuple[str, str, int]] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def of(self, part: str) -> list[str]:
        """The URLs of answers that hold a text."""
        return [url for _, url, _ in self.answers if part in url]


class Browser:
    """A page in a browser of its own."""

    def __enter__(self) -> Browser:
        package("playwright-core")
        self._process = subprocess.Popen(
            ["node", str(SCRIPT), str(shutil.which("chromium"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "NODE_PATH": str(PACKAGES)},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _do(self, verb: str, **task: Any) -> Any:
        self._process.stdin.write(json.dumps({"do": verb, **task}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser is gone"
        answer = json.loads(line)
        assert "error" not in answer, f"{verb} {task}: {answer['error']}"
        return answer.get("value")

    def open(self, url: str) -> None:
        """Goes to a page, and waits until its document is there."""
        self._do("open", url=url)

    def size(self, width: int, height: int) -> None:
        self._do("size", width=width, height=height)

    def click(self, at: str) -> None:
        self._do("click", at=at)

    def double_click(self, at: str) -> None:
        self._do("dblclick", at=at)

    def fill(self, at: str, text: str) -> None:
        self._do("fill", at=at, text=text)

    def press(self, key: str) -> None:
        self._do("press", key=key)

    def wheel(self, at: str, by: int) -> None:
        self._do("wheel", at=at, by=by)

    def drag(self, at: str, by: tuple[int, int]) -> None:
        self._do("drag", at=at, by=by)

    def wait(self, until: str, seconds: float = WAIT_SECONDS) -> Any:
        """Until an expression of the page is true; its value."""
        return self._do("wait", until=until, seconds=seconds)

    def answered(self, part: str) -> None:
        """Until a URL with this part was answered, since `heard` was last asked."""
        self._do("answered", part=part)

    def ask(self, what: str) -> Any:
        """The value of an expression of the page."""
        return self._do("ask", what=what)

    def picture(self, name: str) -> Path:
        """Keeps what is seen."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        self._do("picture", path=str(path))
        return path

    def heard(self) -> Heard:
        """What happened since this was last asked."""
        told = self._do("heard")
        return Heard([tuple(answer) for answer in told["answers"]], told["failures"], told["errors"])

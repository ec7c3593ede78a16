"""Object stores that no one here wrote, as processes, with one face for all kinds: `buckets_s3`, `buckets_azure`. What is in a
bucket is looked at through the client that its makers give."""

from __future__ import annotations

import abc
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import requests

from subjects.base import end_with_the_suite, free_port

START_SECONDS_MAX = 60


class Buckets(abc.ABC):
    """A server of object stores on this machine."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="conformance-buckets-"))
        self._log = (self.folder / "server.log").open("wb")
        self._process = subprocess.Popen(
            self.command(), stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            preexec_fn=end_with_the_suite,
        )
        self._wait()

    @abc.abstractmethod
    def command(self) -> list[str]:
        """The command line that starts it."""

    @abc.abstractmethod
    def make(self, name: str) -> Bucket:
        """A bucket that is not there yet."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                requests.get(self.url, timeout=2)
                return
            except requests.RequestException:
                assert self._process.poll() is None, (self.folder / "server.log").read_text()
                assert time.monotonic() < deadline, "the server of object stores does not answer"
                time.sleep(0.05)

    def end(self) -> None:
        """Ends the server, and its buckets."""
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Bucket(abc.ABC):
    """One bucket, seen from the outside."""

    def __init__(self, server: Buckets, name: str):
        self.server, self.name = server, name

    @abc.abstractmethod
    def variables(self, endpoint: str | None = None) -> dict[str, str]:
        """The settings of a node that keeps its objects there; `endpoint`: by another way."""

    @abc.abstractmethod
    def keys(self) -> list[str]:
        """The names of all objects."""

    @abc.abstractmethod
    def read(self, key: str) -> bytes:
        """One object."""

    @abc.abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Puts an object there, in place of whatever has the name."""

    @abc.abstractmethod
    def delete(self, key: str) -> None:
        """Takes an object away."""

    @abc.abstractmethod
    def unfinished(self) -> list[str]:
        """Uploads in parts that were begun and neither completed nor given up."""

    @abc.abstractmethod
    def remove(self) -> None:
        """Takes the bucket away with all that is in it."""

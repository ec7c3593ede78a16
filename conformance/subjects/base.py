"""What a subject is: a server that can be started, stopped, killed and started again on the same data.

Nothing here or in a subject looks inside the server: it is reached by its command line and its ports.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from pydicom.dataset import Dataset

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20
LOGGED_SECONDS_MAX = 20

_libc = ctypes.CDLL(None)


class CannotStart(Exception):
    """The server's program is absent, or it did not come up."""


def end_with_the_suite() -> None:
    """In the child: a suite that is killed leaves no server behind (prctl PR_SET_PDEATHSIG, SIGKILL)."""
    _libc.prctl(1, signal.SIGKILL)


#: Below those that the system gives to calls that go out: none of them can take a port between its choice and its use.
PORTS = range(10_000, 32_000)
#: So many at a time belong to one run of the suite: another beside it takes none of them, not even while a server is down.
PORTS_OF_A_RUN = 2_000


@functools.cache
def _ports() -> Iterator[int]:
    """This run's ports, over and over."""
    folder = Path(tempfile.gettempdir()) / "conformance-ports"
    folder.mkdir(exist_ok=True)
    for first in PORTS[::PORTS_OF_A_RUN]:
        # The lock ends with the process that opened the file, which is why it is not closed.
        claim = os.open(folder / str(first), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            continue
        ports = list(range(first, first + PORTS_OF_A_RUN))
        random.shuffle(ports)
        return itertools.cycle(ports)
    raise RuntimeError(f"{len(PORTS) // PORTS_OF_A_RUN} runs of the suite have all ports")


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    for port in itertools.islice(_ports(), 100):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


class Subject:
    """One server with its own data folder, AE title and ports, which survive a restart."""

    name = "subject"
    default_ae_title = "SUBJECT"
    dicomweb_root = "/dicom-web"

    def __init__(self, ae_title: str | None = None, settings: dict[str, Any] | None = None):
        self.ae_title = ae_title or self.default_ae_title
        self.settings = settings or {}
        self.host = "127.0.0.1"
        self.dimse_port = free_port()
        self.web_port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"conformance-{self.name}-"))
        self.log = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    # What a subject says of itself.

    def command(self) -> list[str]:
        """The command line that starts it."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Variables on top of the inherited ones."""
        return {}

    def ready_path(self) -> str:
        """A resource that answers 200 once the server serves."""
        raise NotImplementedError

    def add_remote(self, name: str, ae_title: str, port: int, host: str = "127.0.0.1") -> None:
        """Tells the server of an AE that it may move to."""
        raise NotImplementedError

    def add_order(self, order: Dataset) -> None:
        """Puts a scheduled procedure step on the server's worklist, once it serves."""
        raise NotImplementedError

    def web_tls(self) -> dict[str, object]:
        """How a client of `requests` calls the HTTP server, where that speaks TLS."""
        return {}

    # The same for all.

    @property
    def url(self) -> str:
        """The HTTP server's root."""
        scheme = "https" if self.web_tls() else "http"
        return f"{scheme}://{self.host}:{self.web_port}"

    @property
    def dicomweb(self) -> str:
        """The root of the DICOMweb services."""
        return self.url + self.dicomweb_root

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Starts the server and waits until it serves."""
        environment = {**os.environ, "TCP_NODELAY": "1", **self.environment()}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=end_with_the_suite,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise CannotStart(f"{self.name} ended at once with {self._process.returncode}:\n{self.tail()}")
            if self._answers():
                return
            time.sleep(0.05)
        self.kill()
        raise CannotStart(f"{self.name} did not serve within {START_SECONDS_MAX} s:\n{self.tail()}")

    def _answers(self) -> bool:
        try:
            if requests.get(self.url + self.ready_path(), timeout=2, **self.web_tls()).status_code != 200:
                return False
            with socket.create_connection((self.host, self.dimse_port), timeout=2):
                return True
        except (requests.RequestException, OSError):
            return False

    def alive(self) -> bool:
        """Whether the process of the last start still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Asks the server to end, and waits for it."""
        self.ask_to_stop()
        self.wait_until_ended()

    def ask_to_stop(self) -> None:
        """SIGTERM, and no more."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait_until_ended(self) -> None:
        """Waits for a server that was asked to end."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Ends the server as a loss of power would: SIGKILL, nothing said."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stops and starts again on the same data."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stops the server and deletes its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def logged(self) -> str:
        """All that the server has logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def says(self, *words: str) -> str:
        """Waits until one line of the log holds all the words, and returns it."""
        deadline = time.monotonic() + LOGGED_SECONDS_MAX
        while True:
            for line in self.logged().splitlines():
                if all(word in line for word in words):
                    return line
            assert time.monotonic() < deadline, f"not logged: {words}\n{self.tail()}"
            time.sleep(0.1)

    def tail(self, lines: int = 60) -> str:
        """The end of what the server has logged."""
        if not self.log.exists():
            return "(nothing logged)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def resident_bytes(self) -> int:
        """How much memory the process holds now, from /proc."""
        return self._status("VmRSS")

    def peak_bytes(self) -> int:
        """The most memory the process has held since `forget_peak`, or since its start."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Begins a new peak at what the process holds now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")

"""HAProxy before two nodes, with the configuration that deploy/ hands to administrators: only addresses are changed."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from destinations import await_port
from subjects import Subject
from subjects.base import end_with_the_suite, free_port
from subjects.causeway import REPOSITORY

SEEN_SECONDS_MAX = 30


class Balanced:
    """In front of nodes, named node1 and on. It looks like a node to clients: `host`, `dimse_port`, `ae_title`, `dicomweb`."""

    def __init__(self, folder: Path, nodes: list[Subject]):
        self._program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        if not Path(self._program).exists():
            pytest.skip("HAProxy is not installed")
        self.nodes = nodes
        self.host, self.ae_title = "127.0.0.1", nodes[0].ae_title
        self.dimse_port, self.web_port = free_port(), free_port()
        self._socket = folder / "admin.sock"
        self._log = folder / "haproxy.log"
        self._file = folder / "haproxy.cfg"
        self._file.write_text(self._configuration())

    def _configuration(self) -> str:
        text = (REPOSITORY / "deploy" / "haproxy.cfg").read_text()
        text = re.sub(r"(?m)^    server node.*\n", "", text)
        for door, own in (("web", self.web_port), ("dimse", self.dimse_port)):
            text = re.sub(rf"(frontend {door}\n(?:.*\n)*?    bind )\S+", rf"\g<1>127.0.0.1:{own}", text)
            servers = "".join(
                f"    server node{number} 127.0.0.1:{getattr(node, f'{door}_port')} port {node.web_port}\n"
                for number, node in enumerate(self.nodes, 1)
            )
            text = text.replace(f"\nbackend {door}\n", f"\nbackend {door}\n{servers}")
        return text.replace("/run/haproxy/admin.sock", str(self._socket))

    def __enter__(self) -> Balanced:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, "-db", "-f", str(self._file)], stdout=log, stderr=subprocess.STDOUT,
                preexec_fn=end_with_the_suite,
            )
        await_port(self.web_port)
        # Its runtime interface comes last.
        deadline = time.monotonic() + SEEN_SECONDS_MAX
        while not self._socket.exists():
            assert time.monotonic() < deadline, self.logged()
            time.sleep(0.05)
        for number in range(1, len(self.nodes) + 1):
            self.await_state(number, "UP")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    @property
    def dicomweb(self) -> str:
        """DICOMweb of whichever node."""
        return f"http://127.0.0.1:{self.web_port}/dicom-web"

    def logged(self) -> str:
        """What it says of requests and checks."""
        return self._log.read_text(errors="replace")

    def say(self, command: str) -> str:
        """A command of its runtime interface, and the answer."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(str(self._socket))
            line.sendall(command.encode() + b"\n")
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        return answer.decode()

    def drain(self, number: int) -> None:
        """Has nobody sent to a node any more, and waits until nobody is there: what deploy/haproxy.cfg says to do."""
        self.say(f"set server web/node{number} state drain; set server dimse/node{number} state drain")
        deadline = time.monotonic() + SEEN_SECONDS_MAX
        while self._connections(number):
            assert time.monotonic() < deadline, f"node{number} is not left alone: {self._rows(number)}"
            time.sleep(0.05)

    def have_back(self, number: int) -> None:
        """Sends to a node again, once it is ready."""
        self.say(f"set server web/node{number} state ready; set server dimse/node{number} state ready")
        self.await_state(number, "UP")

    def _rows(self, number: int) -> list[list[str]]:
        """What it counts of both doors of a node."""
        rows = [line.split(",") for line in self.say("show stat").splitlines()]
        return [row for row in rows if len(row) > 17 and row[1] == f"node{number}"]

    def _connections(self, number: int) -> int:
        return sum(int(row[4]) for row in self._rows(number))

    def await_state(self, number: int, state: str) -> None:
        """Waits until both doors of a node are seen so: UP, DOWN."""
        deadline = time.monotonic() + SEEN_SECONDS_MAX
        while True:
            seen = [row[17] for row in self._rows(number)]
            if len(seen) == 2 and all(it.startswith(state) for it in seen):
                return
            assert time.monotonic() < deadline, f"node{number} is {seen}, not {state}"
            time.sleep(0.05)

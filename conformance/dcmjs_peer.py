"""dcmjs-dimse, a DIMSE implementation in JavaScript, as a client and as a Storage SCP: `dcmjs/peer.js` run by node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from subjects import Subject
from subjects.base import free_port
from subjects.causeway import REPOSITORY

SCRIPT = Path(__file__).resolve().parent / "dcmjs" / "peer.js"
#: Where `cargo xtask conformance` has put the packages.
PACKAGES = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "dcmjs" / "node_modules"
START_SECONDS_MAX = 30


def _command(verb: str, task: dict[str, Any]) -> list[str]:
    """The command line. Skips the test where node or the packages are not there."""
    if shutil.which("node") is None or not (_packages() / "dcmjs-dimse").is_dir():
        pytest.skip("dcmjs-dimse is not installed: cargo xtask conformance does it")
    return ["node", str(SCRIPT), verb, json.dumps(task)]


def _packages() -> Path:
    return Path(os.environ.get("CAUSEWAY_DCMJS", PACKAGES))


def _environment() -> dict[str, str]:
    return {**os.environ, "NODE_PATH": str(_packages())}


def ask(subject: Subject, verb: str, calling: str = "DCMJS", **task: Any) -> dict[str, Any]:
    """Does one thing on an association of its own, and tells what came of it."""
    called = {"host": subject.host, "port": subject.dimse_port, "calling": calling, "called": subject.ae_title}
    done = subprocess.run(
        _command(verb, {**called, **task}), capture_output=True, text=True, timeout=60, env=_environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def javascript(script: str, *arguments: str) -> dict[str, Any]:
    """What a script of `dcmjs/` tells in its last line."""
    if shutil.which("node") is None or not (_packages() / "dicomweb-client").is_dir():
        pytest.skip("dicomweb-client is not installed: cargo xtask conformance does it")
    command = ["node", str(SCRIPT.with_name(script)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@dataclass
class DcmjsReceiver:
    """A Storage SCP that tells of each instance it is sent, and answers it with `status`."""

    ae_title: str
    status: int = 0x0000
    syntaxes: list[str] | None = None
    classes: list[str] | None = None
    port: int = field(default_factory=free_port)
    arrivals: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> DcmjsReceiver:
        task = {"port": self.port, "status": self.status, "syntaxes": self.syntaxes, "classes": self.classes}
        self._process = subprocess.Popen(
            _command("receive", task), stdout=subprocess.PIPE, text=True, env=_environment(),
        )
        listening = threading.Event()
        self._arrived = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(listening,), daemon=True)
        self._reader.start()
        assert listening.wait(START_SECONDS_MAX), "dcmjs-dimse does not listen"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self, listening: threading.Event) -> None:
        for line in self._process.stdout:
            told = json.loads(line)
            with self._arrived:
                if "sopInstance" in told:
                    self.arrivals.append(told)
                self._arrived.notify_all()
            if "listening" in told:
                listening.set()

    def wait_for(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """The instances, once there are `count` of them: they are told of a little after they are answered."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.arrivals) >= count, seconds)
            return list(self.arrivals)

"""Causeway itself, by its command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from pydicom.dataset import Dataset

from .base import CannotStart, Subject

if TYPE_CHECKING:
    from places import Keeping, Place

REPOSITORY = Path(__file__).resolve().parents[2]


def binary() -> Path:
    """`CAUSEWAY_BIN`, or the newer of the release and the debug build."""
    if named := os.environ.get("CAUSEWAY_BIN"):
        return Path(named).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    built = [path for kind in ("release", "debug") if (path := target / kind / "causeway").is_file()]
    if not built:
        raise CannotStart("no causeway in target/release or target/debug: build it, or name one by CAUSEWAY_BIN")
    return max(built, key=lambda path: path.stat().st_mtime)


class Causeway(Subject):
    """A node of ours."""

    name = "causeway"
    default_ae_title = "CAUSEWAY"
    #: Where the DIMSE door listens, when not where everything does.
    dimse_host: str | None = None
    #: Where the web doors listen, when not where everything does.
    web_host: str | None = None
    #: Where it keeps objects and catalog, when not in its folder: the run's, unless a node is given its own.
    keeping: Keeping | None = None

    def __init__(
        self, ae_title: str | None = None, settings: dict[str, Any] | None = None, keeping: Keeping | None = None,
        shares: Causeway | None = None,
    ):
        super().__init__(ae_title, settings)
        self.keeping = keeping or self.keeping
        #: The node whose bucket and database are this one's, too.
        self._shares = shares
        self._place: Place | None = None

    @property
    def place(self) -> Place | None:
        """Its bucket and database, where it has such."""
        if self._shares is not None:
            return self._shares.place
        if self._place is None and self.keeping is not None:
            self._place = self.keeping.place()
        return self._place

    def begin_as(self, other: Causeway) -> None:
        """Has the first start be one with what another node has, which does not run and has no objects."""
        shutil.copytree(other.folder / "data", self.folder / "data")
        if self.keeping is not None:
            self._place = self.keeping.place(like=other.place)

    def remove(self) -> None:
        super().remove()
        if self._place is not None:
            self._place.remove()
            self._place = None

    def command(self) -> list[str]:
        return [
            str(binary()), "serve",
            "--data", str(self.folder / "data"),
            "--ae-title", self.ae_title,
            "--dimse-listen", f"{self.dimse_host or self.host}:{self.dimse_port}",
            "--web-listen", f"{self.web_host or self.host}:{self.web_port}",
        ]

    def environment(self) -> dict[str, str]:
        # The suite holds the node to its AE title; by default it answers to any.
        kept = self.place.variables() if self.place is not None else {}
        # A store or a catalog of the test's own is not mixed with the run's.
        own = {name.split("__")[0] for name in self.settings if name.endswith("__URL")}
        kept = {name: value for name, value in kept.items() if name.split("__")[0] not in own}
        return {"CAUSEWAY_DIMSE__CHECK_CALLED_AE_TITLE": "true", **kept, **self.settings}

    #: What its HTTP clients trust where `[web.tls]` is set, and what they present.
    web_trusted: Path | None = None
    web_presented: tuple[str, str] | None = None

    def web_tls(self) -> dict[str, object]:
        if "CAUSEWAY_WEB__TLS__CERTIFICATE" not in self.settings:
            return {}
        return {"verify": str(self.web_trusted) if self.web_trusted else False, "cert": self.web_presented}

    def ready_path(self) -> str:
        return "/health/ready"

    def run(self, *arguments: str) -> str:
        """Runs a command against this node and returns what it writes."""
        if self.web_trusted:
            arguments = (*arguments, "--ca", str(self.web_trusted))
        command = [str(binary()), *arguments, "--url", self.url]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def run_alone(self, *arguments: str) -> str:
        """Runs a command on what this node keeps, while it does not run, and returns what it writes."""
        command = [str(binary()), *arguments, "--data", str(self.folder / "data")]
        done = subprocess.run(
            command, env={**os.environ, **self.environment()}, cwd=self.folder, capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def add_remote(self, name: str, ae_title: str, port: int, host: str = "127.0.0.1") -> None:
        self.run(
            "remote", "add", name, "--ae-title", ae_title, "--host", host, "--port", str(port),
            "--allow", "store,query,retrieve",
        )

    def add_order(self, order: Dataset) -> None:
        answer = requests.post(
            f"{self.url}/api/v1/worklist", data=order.to_json(), headers={"Content-Type": "application/dicom+json"},
            timeout=30,
        )
        assert answer.status_code == 201, f"{answer.status_code}: {answer.text}"

    def add_web_remote(self, name: str, dicomweb: str) -> None:
        """Tells the node of a DICOMweb server that it may send to."""
        self.run("remote", "add", name, "--dicomweb", dicomweb, "--allow", "store,query,retrieve")

    def add_route(self, name: str, when: str, remote: str, trigger: str = "instance", quiet: int = 1) -> None:
        """Sends on each instance for which the condition holds; by study or series once that is quiet for so many
        seconds."""
        quietness = [] if trigger == "instance" else ["--quiet", str(quiet)]
        self.run("route", "add", name, "--when", when, "--to", remote, "--trigger", trigger, *quietness)

    def remove_route(self, name: str) -> None:
        """Takes a route back, where there is one."""
        answer = requests.delete(f"{self.url}/api/v1/routes/{name}", timeout=30)
        assert answer.status_code in (200, 204, 404), f"{answer.status_code}: {answer.text}"

    def queue(self) -> list[dict[str, Any]]:
        """Every job the node tells of."""
        answer = json.loads(self.run("queue", "list", "--json"))
        if isinstance(answer, dict):
            answer = next((value for value in answer.values() if isinstance(value, list)), [])
        return answer

    def decided(self, count: int, seconds: float = 60) -> dict[str, str]:
        """States of the jobs by instance, once there are as many and none is under way."""
        deadline = time.monotonic() + seconds
        while True:
            jobs = {job["instance"]: str(job["state"]).lower() for job in self.queue()}
            if len(jobs) >= count and not set(jobs.values()) & {"waiting", "leased"}:
                return jobs
            assert time.monotonic() < deadline, jobs
            time.sleep(0.1)

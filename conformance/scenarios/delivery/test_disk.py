"""A destination whose disk is full: Orthanc, and a second Causeway, on a small file system of their own. Needs leave to
mount one; skipped without."""

import contextlib
import subprocess
import tempfile
from pathlib import Path

import pytest

from deliveries import study
from destinations import Server
from subjects import SUBJECTS
from together import at_once

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

MEBIBYTE = 1 << 20
DISK_MEBIBYTES = 48
#: How much of it is free when the first instance comes.
FREE_MEBIBYTES = {"orthanc": 12, "causeway": 24}


@contextlib.contextmanager
def on_a_small_disk(kind):
    """A destination with its data on a file system of its own, and that file system."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEBIBYTES}m", "tmpfs", folder], capture_output=True,
        )
        if mounted.returncode != 0:
            pytest.skip("no leave to mount a file system")
        try:
            settings = {"CAUSEWAY_DIMSE__CHECK_CALLED_AE_TITLE": "false"} if kind == "causeway" else {}
            subject = SUBJECTS[kind](ae_title="SMALL", settings=settings)
            subject.folder.rmdir()
            subject.folder = Path(folder) / "data"
            subject.folder.mkdir()
            subject.log = subject.folder.parent / "server.log"
            subject.start()
            yield Server(subject), Path(folder)
            subject.remove()
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def full(deliver, kind, transport):
    """It takes some, says no to the rest, gets room, and in the end has all. Who is told that it is for good, as by
    Orthanc, has to be told to try again; who is told that there is no room tries by itself."""
    with on_a_small_disk(kind) as (destination, disk):
        filler = disk / "filler"
        used = sum(path.stat().st_size for path in disk.rglob("*") if path.is_file()) // MEBIBYTE
        filler.write_bytes(bytes((DISK_MEBIBYTES - FREE_MEBIBYTES[kind] - used) * MEBIBYTE))
        delivery = deliver(destination, transport)
        items = study(1, 24)
        for item in items:
            item.Rows, item.Columns, item.PixelData = 512, 1024, bytes(MEBIBYTE)
        delivery.send(*items, trigger="study")
        jobs = delivery.wait_for(
            lambda found: any(job["last"] and job["last"]["class"] for job in found.values()), "a refusal",
        )
        held = set(destination.held(items[0].StudyInstanceUID))
        said = {uid for uid, job in jobs.items() if job["state"] == "delivered"}
        assert said <= held, "called delivered, and not there"
        assert len(said) < len(items)
        filler.unlink()
        delivery.wait_for(lambda found: not {"waiting", "leased"} & {job["state"] for job in found.values()}, "decided")
        if kind == "orthanc":
            delivery.retry()
        delivery.assert_accounts()


@pytest.mark.kept(objects=("file",))
def test_a_full_disk_there(deliver):
    """Over each transport. A destination of ours that keeps objects elsewhere has room again before it refuses anything."""
    at_once({
        f"{kind}-{transport}": lambda kind=kind, transport=transport: full(deliver, kind, transport)
        for kind in ("causeway", "orthanc") for transport in ("dimse", "stow")
    })

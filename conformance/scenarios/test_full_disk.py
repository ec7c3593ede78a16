"""A disk that is full: a failure that says so and can be repeated later, never an abort, never a Success for what is
lost. Needs leave to mount a small file system; skipped without."""

import subprocess
import tempfile
from pathlib import Path

import pytest

import data
from clients import Web, associate, contexts_of, echo
from subjects import SUBJECTS

MEBIBYTE = 1 << 20
DISK_MEBIBYTES = 48

pytestmark = pytest.mark.only("causeway")


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, of a few mebibytes."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEBIBYTES}m", "tmpfs", str(tmp_path)], capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("no leave to mount a file system")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.fixture
def node(disk, monkeypatch):
    """A node whose data are on that disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    node = SUBJECTS["causeway"]()
    monkeypatch.setattr(tempfile, "tempdir", None)
    node.start()
    yield node
    node.remove()


def test_a_full_disk_is_told_of_and_got_over(disk, node):
    """PS3.4 table B.2-1: A7xx, out of resources: a sender may try again. What was answered with Success is there."""
    filler = Path(disk) / "filler"
    filler.write_bytes(bytes((DISK_MEBIBYTES - 24) * MEBIBYTE))
    items = [data.instance(rows=MEBIBYTE // 32 // 2) for _ in range(40)]
    for item in items:
        item.PixelData = bytes(item.Rows * item.Columns * 2)
    taken, refused = [], []
    with associate(node, contexts_of(items)) as association:
        for item in items:
            status = association.send_c_store(item)
            assert "Status" in status, f"no answer after {len(taken)} taken and {len(refused)} refused"
            if status.Status == 0x0000:
                taken.append(item)
            else:
                assert 0xA700 <= status.Status <= 0xA7FF, f"{status.Status:04X}"
                assert status.get("ErrorComment"), "no word of what is wrong"
                refused.append(item)
        assert taken and refused
        # The same association is served as before once there is room.
        filler.unlink()
        assert association.send_c_store(refused[0]).Status == 0x0000
        taken.append(refused.pop(0))
    assert echo(node) == 0x0000
    node.restart()
    web = Web(node.dicomweb)
    assert [item.SOPInstanceUID for item in taken if not web.has(item)] == []
    assert [item.SOPInstanceUID for item in refused if web.has(item)] == []

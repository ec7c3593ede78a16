"""Backups taken and put back by the command line, and nodes held against each other."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from clients import Web
from subjects.causeway import Causeway, binary

COMMAND_SECONDS_MAX = 120


def command(
    *arguments: object, node: Causeway | None = None, **variables: str,
) -> subprocess.CompletedProcess[str]:
    """A command that works on a node's files, or on what `node` is set to keep, with settings of its own."""
    own = ("--data", str(node.folder / "data")) if node is not None else ()
    return subprocess.run(
        [str(binary()), *map(str, arguments), *own],
        env={**os.environ, **(node.environment() if node is not None else {}), **variables},
        capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX,
    )


def back_up(node: Causeway, to: Path, objects: str = "copy", *arguments: object, **variables: str) -> dict:
    """Takes a backup that must be without a fault; gives its manifest."""
    done = command("backup", "--to", to, "--objects", objects, "--json", *arguments, node=node, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def put_back(backup: Path, node: Causeway, *arguments: object) -> dict:
    """Puts it back without a fault; gives what the command says of it."""
    done = command("restore", "--from", backup, "--json", *arguments, node=node)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def files(backup: Path) -> dict[str, Path]:
    """The objects of a backup, by their keys."""
    return {path.name: path for path in (backup / "objects").rglob("*") if path.is_file()}


def shared(backup: Path, other: Path) -> set[str]:
    """The keys of the objects that two backups have in one file."""
    here, there = files(backup), files(other)
    return {key for key in here.keys() & there.keys() if here[key].samefile(there[key])}


def replace(path: Path, content: bytes) -> None:
    """Another file under this name: what is linked to it stays as it was."""
    path.unlink()
    path.write_bytes(content)


def listed(node: Causeway) -> list[dict]:
    """All instances that a node tells of, with all that it tells."""
    found = Web(node.dicomweb).query("/instances", includefield="all", limit="5000")
    for one in found:
        # The node's own address.
        one.pop("00081190", None)
    return sorted(found, key=lambda one: one["00080018"]["Value"][0])


def assert_same(node: Causeway, other: Causeway, items: Iterable[Dataset]) -> None:
    """The files are the same to the last byte, and what pydicom reads of them is what was sent."""
    here, there = Web(node.dicomweb), Web(other.dicomweb)
    for item in items:
        file = there.file(item)
        assert file == here.file(item)
        assert pydicom.dcmread(io.BytesIO(file)).to_json() == item.to_json()

"""What the tests of crashes share: the setting that a node is in, its destination, and nodes that begin alike."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import deliveries
from clients import Receiver
from told import REMOTE
from subjects import SUBJECTS
from traced import Traced



@dataclass(frozen=True)
class Setting:
    """Where a node keeps its files and its catalog: variables on top of the others."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)


SETTINGS = [Setting("files-sqlite")]


@pytest.fixture(scope="session", params=SETTINGS, ids=lambda setting: setting.name)
def setting(request: pytest.FixtureRequest) -> Setting:
    """Each setting that there is."""
    return request.param


@pytest.fixture(scope="session")
def every(request: pytest.FixtureRequest) -> bool:
    """Whether everything is tried, however long it takes."""
    return bool(request.config.getoption("--every"))


@pytest.fixture(scope="session")
def reader() -> Iterator[Receiver]:
    """The destination of all nodes. It stays up."""
    with Receiver("READER") as running:
        yield running


@pytest.fixture(scope="session")
def beginning(setting: Setting, reader: Receiver) -> Iterator[Path]:
    """The data of a node that knows the destination and sends it everything, and has nothing yet."""
    node = SUBJECTS["causeway"](settings=variables(setting))
    node.start()
    node.add_remote(REMOTE, reader.ae_title, reader.port)
    node.add_route("all", "true", REMOTE)
    node.stop()
    yield node.folder / "data"
    node.remove()


@pytest.fixture
def make_node(setting: Setting, beginning: Path) -> Iterator[Callable[[], Traced]]:
    """Nodes that begin so, not started."""
    made: list[Traced] = []

    def make() -> Traced:
        node = Traced(settings=variables(setting))
        made.append(node)
        shutil.copytree(beginning, node.folder / "data")
        return node

    yield make
    for node in made:
        node.remove()


def variables(setting: Setting) -> dict[str, str]:
    """Short pauses before a delivery is tried again, and the setting's own."""
    return {**deliveries.SETTINGS, **setting.variables}

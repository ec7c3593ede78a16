"""What the tests of crashes share: the destination of all nodes, and nodes that begin alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import deliveries
from clients import Receiver
from places import Keeping
from subjects import SUBJECTS
from subjects.causeway import Causeway
from told import REMOTE
from traced import Traced


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
def keeping(request: pytest.FixtureRequest) -> Keeping:
    """Where the nodes of a test keep objects and catalog."""
    if lacking := request.param.lacks():
        pytest.skip(f"this node does not know {lacking}")
    return request.param


@pytest.fixture(scope="session")
def beginning(reader: Receiver, keeping: Keeping) -> Iterator[Causeway]:
    """A node that knows the destination and sends it everything, and has nothing yet; it does not run."""
    node = SUBJECTS["causeway"](settings=deliveries.SETTINGS, keeping=keeping)
    node.start()
    node.add_remote(REMOTE, reader.ae_title, reader.port)
    node.add_route("all", "true", REMOTE)
    node.stop()
    yield node
    node.remove()


@pytest.fixture
def make_node(beginning: Causeway, keeping: Keeping) -> Iterator[Callable[[], Traced]]:
    """Nodes that begin so, not started."""
    made: list[Traced] = []

    def make() -> Traced:
        node = Traced(settings=deliveries.SETTINGS, keeping=keeping)
        made.append(node)
        node.begin_as(beginning)
        return node

    yield make
    for node in made:
        node.remove()

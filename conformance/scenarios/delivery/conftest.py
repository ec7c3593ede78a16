"""What the tests of deliveries share: one node, destinations of each make, and lines between them. Each test has a
remote, a route and a study of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from deliveries import SETTINGS, Delivery, delivery_of
from destinations import Destination, Way, made
from subjects import SUBJECTS, Subject


@pytest.fixture(scope="session")
def hospital() -> Iterator[Subject]:
    """The node that delivers, for tests that do not end it."""
    node = SUBJECTS["causeway"](ae_title="HOSPITAL", settings=SETTINGS)
    node.start()
    yield node
    node.remove()


@pytest.fixture(scope="session")
def destinations() -> Iterator[Callable[[str], Destination]]:
    """One destination of each make, which tests tell their studies apart on."""
    known: dict[str, Destination] = {}
    with contextlib.ExitStack() as stack:
        def get(kind: str) -> Destination:
            if kind not in known:
                known[kind] = made(kind)
                stack.callback(known[kind].close)
            return known[kind]

        yield get


@pytest.fixture
def deliver(hospital: Subject) -> Iterator[Callable[..., Delivery]]:
    """Makes a delivery from the shared node, or from one of the test's own, to a destination."""
    with contextlib.ExitStack() as stack:
        def make(destination: Destination, transport: str = "dimse", node: Subject | None = None) -> Delivery:
            way = Way(destination, transport)
            stack.callback(way.close)
            delivery = delivery_of(node or hospital, way)
            if node is None:
                stack.callback(hospital.run, "remote", "remove", delivery.remote)
                stack.callback(hospital.remove_route, delivery.remote)  # type: ignore[attr-defined]
            return delivery

        yield make


@pytest.fixture
def make_node() -> Iterator[Callable[..., Subject]]:
    """A node of the test's own, with the same short waits."""
    with contextlib.ExitStack() as stack:
        def make(**settings: str) -> Subject:
            node = SUBJECTS["causeway"](ae_title="HOSPITAL", settings=SETTINGS | settings)
            node.start()
            stack.callback(node.remove)
            return node

        yield make

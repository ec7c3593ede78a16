"""Nodes whose object store or database is behind a line that tests spoil."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator

import pytest

import places
from bucket_line import BucketLine
from buckets import Bucket
from database_line import DatabaseLine
from databases import Database
from places import Keeping
from subjects import SUBJECTS
from subjects.base import CannotStart
from subjects.causeway import Causeway

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def every(request: pytest.FixtureRequest) -> bool:
    """Whether everything is tried, however long it takes."""
    return bool(request.config.getoption("--every"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On each S3 server, or on what the run names, where that is another."""
    if "bucket" in metafunc.fixturenames:
        named = metafunc.config.getoption("--objects")
        kinds = places.KINDS_OF_S3 if named in ["file", *places.KINDS_OF_S3] else [named]
        metafunc.parametrize("bucket", kinds, indirect=True)


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A bucket of the test's own."""
    scheme = "s3" if request.param in places.KINDS_OF_S3 else request.param
    if not places.knows(scheme):
        pytest.skip(f"this node does not know {scheme}://")
    made = places.server(request.param).make(f"storage{os.getpid()}x{next(_numbers)}")
    yield made
    made.remove()


@pytest.fixture
def line(bucket: Bucket) -> Iterator[BucketLine]:
    """The line to its server."""
    with BucketLine(bucket.server.port) as line:
        yield line


@pytest.fixture
def make_node(request: pytest.FixtureRequest) -> Iterator[Callable[..., Causeway]]:
    """Nodes that keep in `settings` what they say, and the rest as all nodes of the run do; not started."""
    made: list[Causeway] = []

    def make(settings: dict[str, str]) -> Causeway:
        kept = Keeping(request.config.getoption("--objects"), request.config.getoption("--catalog"))
        if "CAUSEWAY_STORE__URL" in settings:
            kept = dataclasses.replace(kept, objects="file")
        if "CAUSEWAY_CATALOG__URL" in settings:
            kept = dataclasses.replace(kept, catalog="sqlite")
        # What is deleted goes at once.
        grace = {"CAUSEWAY_KEEP__GRACE": "0"}
        settings = {**settings, **(grace if places.takes(**grace) else {})}
        made.append(SUBJECTS["causeway"](settings=settings, keeping=kept))
        return made[-1]

    yield make
    for node in made:
        node.remove()


def _started(node: Causeway) -> Causeway:
    try:
        node.start()
    except CannotStart as reason:
        pytest.fail(str(reason), pytrace=False)
    return node


@pytest.fixture
def node(bucket: Bucket, line: BucketLine, make_node: Callable[..., Causeway]) -> Causeway:
    """A node that runs, with the line between it and its bucket."""
    node = _started(make_node(bucket.variables(line.url)))
    # It looks whether it may write there.
    line.count_anew()
    return node


@pytest.fixture
def database() -> Iterator[Database]:
    """A database of the test's own."""
    if not places.knows("postgres"):
        pytest.skip("this node does not know postgres://")
    made = places.cluster().make(f"storage{os.getpid()}x{next(_numbers)}")
    yield made
    made.remove()


@pytest.fixture
def wire(database: Database) -> Iterator[DatabaseLine]:
    """The line to its server."""
    with DatabaseLine(database.server.port) as wire:
        yield wire


@pytest.fixture
def on_postgres(database: Database, wire: DatabaseLine, make_node: Callable[..., Causeway]) -> Causeway:
    """A node that runs, with the line between it and its database."""
    return _started(make_node(database.variables(wire.port)))

"""Where nodes of ours keep their objects and their catalog: files or an object store, SQLite or PostgreSQL. `--objects` and
`--catalog` say it for every node of a run; a test may say otherwise."""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
import tempfile
from dataclasses import dataclass

import pytest

from buckets import Bucket, Buckets
from buckets_azure import Azurite
from buckets_google import Google
from buckets_s3 import Moto, S3sFs
from databases import Database, Databases
from subjects.causeway import binary

#: How a node is asked whether it knows a kind at all.
PROBES = {
    "s3": {
        "CAUSEWAY_STORE__URL": "s3://probe", "CAUSEWAY_STORE__ENDPOINT": "http://127.0.0.1:1",
        "CAUSEWAY_STORE__ACCESS_KEY_ID": "probe", "CAUSEWAY_STORE__SECRET_ACCESS_KEY": "probe",
    },
    "gs": {"CAUSEWAY_STORE__URL": "gs://probe"},
    "az": {"CAUSEWAY_STORE__URL": "az://probe", "CAUSEWAY_STORE__ACCOUNT": "probe"},
    "postgres": {"CAUSEWAY_CATALOG__URL": "postgres://probe@127.0.0.1:1/probe"},
}

#: Servers of object stores that are not files, by what `--objects` calls them.
KINDS: dict[str, type[Buckets]] = {"az": Azurite, "gs": Google, "moto": Moto, "s3": S3sFs}
KINDS_OF_OBJECTS = sorted(KINDS)
#: Of those, the ones that speak S3.
KINDS_OF_S3 = ["moto", "s3"]

_numbers = itertools.count(1)


@functools.cache
def knows(scheme: str) -> bool:
    """Whether the node that is tested can keep things there, by its own word on such settings."""
    return scheme in ("file", "sqlite") or (scheme in PROBES and takes(**PROBES[scheme]))


@functools.cache
def takes(**variables: str) -> bool:
    """Whether it takes these settings."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(binary()), "serve", "--check", "--data", folder], env={**os.environ, **variables},
            capture_output=True, text=True, timeout=60,
        )
    return done.returncode == 0


#: What was started so far; it serves the whole run.
_servers: dict[str, Buckets] = {}
_clusters: list[Databases] = []


def server(kind: str) -> Buckets:
    """The server of a kind."""
    if kind not in _servers:
        _servers[kind] = KINDS[kind]()
    return _servers[kind]


def cluster() -> Databases:
    """PostgreSQL."""
    if not _clusters:
        _clusters.append(Databases())
    return _clusters[0]


def end() -> None:
    """Ends whatever was started."""
    for one in [*_servers.values(), *_clusters]:
        one.end()
    _servers.clear()
    _clusters.clear()


@dataclass(frozen=True)
class Keeping:
    """A kind of object store, and a kind of catalog."""

    objects: str = "file"
    catalog: str = "sqlite"

    def __str__(self) -> str:
        return f"{self.objects}-{self.catalog}"

    @property
    def is_of_files(self) -> bool:
        """Whether all of it is in the node's own folder."""
        return self == Keeping()

    def lacks(self) -> str | None:
        """What of it the node does not know, if so."""
        kinds = {"s3" if self.objects == "moto" else self.objects, self.catalog}
        return ", ".join(sorted(kind for kind in kinds if not knows(kind))) or None

    def place(self, like: Place | None = None) -> Place:
        """A bucket and a database of one node's own, where it is to keep things in such; with the catalog of another node,
        which does not run and has no objects."""
        name = f"node{os.getpid()}x{next(_numbers)}"
        bucket = None if self.objects == "file" else server(self.objects).make(name)
        template = like.database.name if like is not None and like.database is not None else "template0"
        database = None if self.catalog == "sqlite" else cluster().make(name, template)
        return Place(bucket, database)


#: The settings that crashes are tried in, where a run does not name one.
SETTINGS = [Keeping(), Keeping("s3"), Keeping(catalog="postgres"), Keeping("s3", "postgres")]


def settings_of(config: pytest.Config) -> list[Keeping]:
    """The settings that a run is about: the one that it names, or all."""
    named = Keeping(config.getoption("--objects"), config.getoption("--catalog"))
    return SETTINGS if named.is_of_files else [named]


@dataclass(frozen=True)
class Place:
    """Where one node keeps what it does not keep in its folder."""

    bucket: Bucket | None = None
    database: Database | None = None

    def variables(self) -> dict[str, str]:
        """The node's settings for it."""
        return {
            **(self.bucket.variables() if self.bucket else {}), **(self.database.variables() if self.database else {}),
        }

    def remove(self) -> None:
        """Takes both away."""
        if self.bucket is not None:
            self.bucket.remove()
        if self.database is not None:
            self.database.remove()

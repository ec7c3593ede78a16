"""Nodes that speak TLS, certificates for them and for their peers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pki import Authority
from subjects.base import free_port
from subjects.causeway import Causeway

LOGGED_SECONDS_MAX = 20


class Node:
    """A node with a port for TLS."""

    def __init__(self, node: Causeway, tls_port: int):
        self.node = node
        #: The node as the clients of the suite see it, at its port for TLS.
        self.secure = SimpleNamespace(host=node.host, dimse_port=tls_port, ae_title=node.ae_title)

    def log(self) -> str:
        """All that it has logged."""
        return self.node.log.read_text(errors="replace")

    def says(self, *words: str) -> str:
        """Waits until one line of the log holds all the words, and returns it."""
        deadline = time.monotonic() + LOGGED_SECONDS_MAX
        while True:
            for line in self.log().splitlines():
                if all(word in line for word in words):
                    return line
            assert time.monotonic() < deadline, f"not logged: {words}\n{self.node.tail()}"
            time.sleep(0.1)


@pytest.fixture
def authority(folder: Path) -> Authority:
    """Whom node and peers trust."""
    return Authority(folder, "Hospital CA")


@pytest.fixture
def strange(folder: Path) -> Authority:
    """Whom they do not trust."""
    return Authority(folder, "Strange CA")


@pytest.fixture
def make_node(make_subject: Callable[..., Causeway]) -> Callable[..., Node]:
    """Starts a node with these settings of `[dimse.tls]`, and a listener for TLS."""

    def make(ae_title: str | None = None, **settings: object) -> Node:
        port = free_port()
        given = {"listen": f"127.0.0.1:{port}", **settings}
        environment = {f"CAUSEWAY_DIMSE__TLS__{key.upper()}": str(value) for key, value in given.items()}
        return Node(make_subject("causeway", ae_title=ae_title, settings=environment), port)

    return make


@pytest.fixture
def node(make_node: Callable[..., Node], authority: Authority) -> Node:
    """A node that insists on certificates of its CA, and trusts no other when it calls."""
    own = authority.issue("node")
    return make_node(
        certificate=own.certificate, key=own.key, client_ca=authority.certificate, ca=authority.certificate,
    )

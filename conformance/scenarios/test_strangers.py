"""Callers from another address: closed by default, open to whom an administrator knows."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator

import pytest

import wire
from subjects.causeway import Causeway
from wire import Wire

pytestmark = pytest.mark.only("causeway")


def other_address() -> str | None:
    """An address of this machine that is not the loopback one: whoever calls it from here calls from it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


@pytest.fixture
def node() -> Iterator[Causeway]:
    """A node whose DIMSE door others can reach."""
    node = Causeway()
    node.dimse_host = "0.0.0.0"
    node.start()
    yield node
    node.remove()


def called_from_elsewhere(node: Causeway, calling: str) -> tuple[int, ...] | None:
    """The numbers of the rejection; none when the caller was let in."""
    address = other_address()
    if address is None:
        pytest.skip("this machine has the loopback address only")
    node.host, kept = address, node.host
    try:
        with Wire(node) as peer:
            peer.send(wire.associate_rq(node.ae_title, calling=calling))
            kind, body = peer.receive() or (0, b"")
    finally:
        node.host = kept
    assert kind in (wire.ASSOCIATE_AC, wire.ASSOCIATE_RJ), f"PDU type {kind}"
    return tuple(body[1:4]) if kind == wire.ASSOCIATE_RJ else None


def test_an_unknown_caller_is_rejected_and_the_log_says_what_would_let_it_in(node):
    """PS3.8 table 9-21: result 1, source 1, reason 3: calling AE title not recognized."""
    assert called_from_elsewhere(node, "STRANGER") == (1, 1, 3)
    assert "STRANGER" in node.tail() and "causeway remote add" in node.tail()


def test_a_registered_caller_is_let_in_at_once(node):
    """A remote is in force as soon as it is added; one that may call from elsewhere only stays out."""
    node.run("remote", "add", "known", "--ae-title", "KNOWN", "--allow", "store")
    assert called_from_elsewhere(node, "KNOWN") is None
    node.run("remote", "add", "distant", "--ae-title", "DISTANT", "--address", "203.0.113.9", "--allow", "store")
    assert called_from_elsewhere(node, "DISTANT") == (1, 1, 3)


def test_the_web_door_does_not_open_to_others_without_a_token(node):
    """The node refuses to start so, and says what to set."""
    node.stop()
    node.host, kept = "0.0.0.0", node.host
    command = node.command()
    node.host = kept
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    assert "causeway token add" in ended.stderr

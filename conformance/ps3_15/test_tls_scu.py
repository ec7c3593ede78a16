"""PS3.15 §B.12: what a remote is asked and given over mutual TLS: find, retrieve, send."""

from __future__ import annotations

import pytest

import data
from archivist import Archivist, command, listing
from clients import Receiver, Web, assert_kept
from pki import answering
from subjects.base import free_port

pytestmark = pytest.mark.only("causeway")


@pytest.fixture
def context(authority):
    """Of a peer that insists on mutual TLS."""
    return answering(authority.issue("peer"), trusted=authority.certificate)


def test_a_remote_is_searched_and_gives_over_tls(node, context):
    """C-FIND and C-GET on secured associations; without TLS the same remote is not reached."""
    items = data.study(series=1, instances=3)
    with Archivist(find=listing(items), held=items, tls=context) as archivist:
        name = archivist.is_remote_of(node.node, "--tls")
        found = command(node.node, "remote", "find", name, "--json")
        code = command(node.node, "remote", "retrieve", name, items[0].StudyInstanceUID, "--with", "get")
        plain = archivist.is_remote_of(node.node)
        unsecured = command(node.node, "remote", "find", plain)
    assert [match["0020000D"]["Value"] for match in found.json()] == [[items[0].StudyInstanceUID]]
    assert code.code == 0, code.out + code.err
    for item in items:
        assert_kept(Web(node.node.dicomweb), item)
    assert unsecured.code == 1


def test_a_remote_is_sent_files_over_tls(node, context, folder):
    """C-STORE on a secured association; the key of our certificate stays with the node."""
    items = data.study(series=1, instances=3)
    for index, item in enumerate(items):
        (folder / f"{index}.dcm").write_bytes(data.file_of(item))
    with Receiver(f"SAFE{free_port()}", tls=context) as receiver:
        node.node.run(
            "remote", "add", "safe", "--ae-title", receiver.ae_title, "--host", "127.0.0.1", "--port",
            str(receiver.port), "--tls",
        )
        paths = [str(folder / f"{index}.dcm") for index in range(3)]
        said = command(node.node, "remote", "send", "safe", *paths, "--json")
    assert said.code == 0 and said.json()["taken"] == 3, said.out + said.err
    assert {it.sop_instance: it.body for it in receiver.arrivals} == {
        item.SOPInstanceUID: data.encoded(item) for item in items
    }

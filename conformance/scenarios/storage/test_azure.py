"""A node that keeps its objects in Azure's blobs, with Azurite: what was told is there, in blobs of one request and of many, whole
and by ranges, sealed or not; deleted, it is gone. `--objects az` runs everything else there."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
import requests
from pydicom.dataset import Dataset

import data
import places
from buckets import Bucket
from clients import Web, path_of, store
from settled import assert_settled, await_objects
from subjects.base import CannotStart
from subjects.causeway import Causeway, binary

#: More than goes in one request.
LARGE_ROWS = 20 * 128

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]


@pytest.fixture
def container() -> Iterator[Bucket]:
    """A container of the test's own."""
    if not places.knows("az"):
        pytest.skip("this node does not know az://")
    made = places.server("az").make(f"azure{os.getpid()}")
    yield made
    made.remove()


def large() -> Dataset:
    item = data.instance(PixelData=None)
    item.Rows, item.Columns = LARGE_ROWS, 4096
    item.PixelData = b"".join(number.to_bytes(4, "big") * 2048 for number in range(LARGE_ROWS))
    item["PixelData"].VR = "OW"
    return item


def assert_read(node: Causeway, items: list[Dataset]) -> None:
    """Whole, and the only frame of each."""
    web = Web(node.dicomweb)
    for one in items:
        assert data.split(web.file(one))[1] == data.encoded(one)
        frame = web.get(path_of(one) + "/frames/1", 'multipart/related; type="application/octet-stream"')
        assert frame.status_code == 200 and one.PixelData in frame.content


def test_what_was_told_is_in_the_container_and_is_read_from_it(
    container: Bucket, make_node: Callable[..., Causeway],
) -> None:
    node = make_node(container.variables())
    node.start()
    items = [data.instance(), data.instance(), large()]
    assert store(node, *items) == [0x0000] * 3
    assert_settled(container, items, "stored")
    assert_read(node, items)
    node.restart()
    assert_read(node, items)
    node.run("verify")
    gone, *left = items
    assert requests.delete(f"{node.dicomweb}/studies/{gone.StudyInstanceUID}", timeout=30).status_code in (200, 204)
    await_objects(container, 2, "one is deleted")
    assert_settled(container, left, "one is deleted")


def test_sealed_objects_are_read_from_it(
    container: Bucket, tmp_path, make_node: Callable[..., Causeway],
) -> None:
    file = tmp_path / "store.keys"
    subprocess.run([str(binary()), "store", "keys", "new", "--file", str(file)], check=True, capture_output=True)
    node = make_node({**container.variables(), "CAUSEWAY_STORE__ENCRYPTION__KEYS": str(file)})
    node.start()
    items = [data.instance(), large()]
    assert store(node, *items) == [0x0000] * 2
    await_objects(container, 2, "sealed")
    assert all(container.read(key).startswith(b"\x9cCWSEAL") for key in container.keys())
    assert_read(node, items)


@pytest.mark.parametrize("change, words", [
    ({"CAUSEWAY_STORE__URL": "az://there-is-none"}, "az://there-is-none"),
    ({"CAUSEWAY_STORE__ACCOUNT_KEY": base64.b64encode(b"another key" * 4).decode()}, "keys of [store]"),
], ids=["container", "key"])
def test_what_does_not_fit_is_said_at_the_start(
    change: dict[str, str], words: str, container: Bucket, make_node: Callable[..., Causeway],
) -> None:
    node = make_node({**container.variables(), **change})
    with pytest.raises(CannotStart):
        node.start()
    said = node.logged()
    assert "[store]" in said and words in said, said
    assert change.get("CAUSEWAY_STORE__ACCOUNT_KEY", "-no key-") not in said

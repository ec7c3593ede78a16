"""A node that keeps its objects in Azure's blobs, with Azurite, or in a bucket of Google's, as far as its door goes: what was told
is there, sent in one request and in many, whole and by ranges, sealed or not; deleted, it is gone. `--objects az` and
`--objects gs` run everything else there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
import requests
from pydicom.dataset import Dataset

import data
import places
from buckets import Bucket
from buckets_google import Google
from clients import store
from settled import assert_read, assert_settled, await_objects
from subjects.base import CannotStart
from subjects.causeway import Causeway, binary

#: More than goes in one request.
LARGE_ROWS = 20 * 128

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]


@pytest.fixture(params=["az", "gs"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A bucket of the test's own."""
    kind = request.param
    if not places.knows(kind):
        pytest.skip(f"this node does not know {kind}://")
    made = places.server(kind).make(f"cloud{os.getpid()}")
    yield made
    made.remove()


def large() -> Dataset:
    item = data.instance(PixelData=None)
    item.Rows, item.Columns = LARGE_ROWS, 4096
    item.PixelData = b"".join(number.to_bytes(4, "big") * 2048 for number in range(LARGE_ROWS))
    item["PixelData"].VR = "OW"
    return item


def test_what_was_told_is_in_the_bucket_and_is_read_from_it(cloud: Bucket, make_node: Callable[..., Causeway]) -> None:
    node = make_node(cloud.variables())
    node.start()
    items = [data.instance(), data.instance(), large()]
    assert store(node, *items) == [0x0000] * 3
    assert_settled(cloud, items, "stored")
    assert_read(node, items)
    node.restart()
    assert_read(node, items)
    node.run("verify")
    gone, *left = items
    assert requests.delete(f"{node.dicomweb}/studies/{gone.StudyInstanceUID}", timeout=30).status_code in (200, 204)
    await_objects(cloud, 2, "one is deleted")
    assert_settled(cloud, left, "one is deleted")


def test_sealed_objects_are_read_from_it(cloud: Bucket, tmp_path, make_node: Callable[..., Causeway]) -> None:
    file = tmp_path / "store.keys"
    subprocess.run([str(binary()), "store", "keys", "new", "--file", str(file)], check=True, capture_output=True)
    node = make_node({**cloud.variables(), "CAUSEWAY_STORE__ENCRYPTION__KEYS": str(file)})
    node.start()
    items = [data.instance(), large()]
    assert store(node, *items) == [0x0000] * 2
    await_objects(cloud, 2, "sealed")
    assert all(cloud.read(key).startswith(b"\x9cCWSEAL") for key in cloud.keys())
    assert_read(node, items)


def refused(node: Causeway) -> str:
    """Why it does not start, in its own words."""
    with pytest.raises(CannotStart):
        node.start()
    said = node.logged()
    assert "[store]" in said, said
    return said


def test_a_bucket_that_there_is_not_is_said_at_the_start(cloud: Bucket, make_node: Callable[..., Causeway]) -> None:
    scheme = cloud.variables()["CAUSEWAY_STORE__URL"].partition("://")[0]
    url = f"{scheme}://there-is-none"
    assert url in refused(make_node({**cloud.variables(), "CAUSEWAY_STORE__URL": url}))


def test_a_key_of_somebody_else_is_said_at_the_start(cloud: Bucket, make_node: Callable[..., Causeway]) -> None:
    if isinstance(cloud.server, Google):
        cloud.server.account("stranger")
        change = {"CAUSEWAY_STORE__SERVICE_ACCOUNT": str(cloud.server.file("stranger"))}
        secret = json.loads(cloud.server.file("stranger").read_text())["private_key"].splitlines()[1]
    else:
        secret = base64.b64encode(b"another key" * 4).decode()
        change = {"CAUSEWAY_STORE__ACCOUNT_KEY": secret}
    said = refused(make_node({**cloud.variables(), **change}))
    assert "keys of [store]" in said and secret not in said, said

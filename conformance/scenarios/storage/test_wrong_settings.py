"""A store or a database that will not have the node: said at the start, in words that name the key to change, and without the
secret."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import places
from buckets import Bucket
from databases import Database
from subjects.base import CannotStart, free_port
from subjects.causeway import Causeway

SECRET = "a-secret-that-nobody-is-told"

pytestmark = pytest.mark.only("causeway")


def refusal(node: Causeway) -> str:
    """What a node says that does not start."""
    with pytest.raises(CannotStart):
        node.start()
    said = node.logged()
    assert SECRET not in said
    return said


def test_a_bucket_that_is_not_there(bucket: Bucket, make_node: Callable[..., Causeway]) -> None:
    url = bucket.variables()["CAUSEWAY_STORE__URL"].replace(bucket.name, "there-is-none")
    said = refusal(make_node({**bucket.variables(), "CAUSEWAY_STORE__URL": url}))
    assert "[store] url" in said and url in said and "no bucket" in said, said


@pytest.mark.parametrize("key", ["SECRET_ACCESS_KEY", "ACCESS_KEY_ID"])
def test_a_key_that_is_wrong(key: str, bucket: Bucket, make_node: Callable[..., Causeway]) -> None:
    if bucket.server is not places.server("s3"):
        pytest.skip("moto takes any key, and what is not S3 has others")
    said = refusal(make_node({**bucket.variables(), f"CAUSEWAY_STORE__{key}": SECRET}))
    # Servers say more or less of what is wrong with a key.
    assert f"[store] {key.lower()}" in said or "keys of [store]" in said, said


def test_a_store_that_is_away_is_waited_for(bucket: Bucket, make_node: Callable[..., Causeway]) -> None:
    """That is none of the settings' fault."""
    node = make_node(bucket.variables(f"http://127.0.0.1:{free_port()}"))
    node.start()
    assert "away" in node.logged()


@pytest.mark.parametrize("change, word", [
    (lambda url: url.replace("//causeway:", "//nobody:"), "nobody"),
    (lambda url: url.rsplit("/", 1)[0] + "/there-is-none", "there-is-none"),
], ids=["user", "database"])
def test_a_database_that_will_not_have_us(
    change: Callable[[str], str], word: str, database: Database, make_node: Callable[..., Causeway],
) -> None:
    said = refusal(make_node({"CAUSEWAY_CATALOG__URL": change(database.variables()["CAUSEWAY_CATALOG__URL"])}))
    assert "[catalog] url" in said or "catalog" in said, said
    assert word in said, said


def test_a_password_that_is_wrong(database: Database, make_node: Callable[..., Causeway]) -> None:
    url = database.variables()["CAUSEWAY_CATALOG__URL"]
    head, _, rest = url.partition("@")
    said = refusal(make_node({"CAUSEWAY_CATALOG__URL": f"{head.rsplit(':', 1)[0]}:{SECRET}@{rest}"}))
    assert "password" in said, said

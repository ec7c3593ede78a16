"""Objects that are sealed before they leave the node (`[store.encryption]`): nothing of them is in the bucket in the clear, they
are read back whole and by frames, keys are changed while the node runs, and what does not fit is said at the start."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

import data
from buckets import Bucket
from clients import ACCEPT_STORED, Web, path_of, store
from settled import assert_read, await_objects
from subjects.base import CannotStart
from subjects.causeway import Causeway, binary

#: What all pixels are made of.
MARKER = b"NOBODY READS THIS IN THE BUCKET "
#: A node looks at its key file every other second.
KEYS_SECONDS_MAX = 30

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(600)]


def keys(*arguments: str) -> str:
    """Runs `causeway store keys`; what it writes."""
    done = subprocess.run([str(binary()), "store", "keys", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with one key."""
    file = tmp_path / "store.keys"
    assert keys("new", "--id", "first", "--file", str(file)) == "first"
    assert file.stat().st_mode & 0o777 == 0o600
    return file


def item(mebibytes: int = 0) -> Dataset:
    """An instance whose pixels and whose patient are known again."""
    made = data.instance(PatientName="SEALED^PATIENT")
    if mebibytes:
        made.Rows, made.Columns = mebibytes * 128, 4096
        made.PixelData = b"".join(
            (number.to_bytes(4, "big") + MARKER * 256)[:8192] for number in range(made.Rows)
        )
    else:
        made.PixelData = (MARKER * (len(made.PixelData) // len(MARKER) + 1))[:len(made.PixelData)]
    return made


def variables(bucket: Bucket, file: Path, **more: str) -> dict[str, str]:
    return {**bucket.variables(), "CAUSEWAY_STORE__ENCRYPTION__KEYS": str(file), **more}


@pytest.fixture
def sealing(bucket: Bucket, key_file: Path, make_node: Callable[..., Causeway]) -> Causeway:
    """A node that runs and seals."""
    node = make_node(variables(bucket, key_file))
    node.start()
    return node


def sealed_with(bucket: Bucket) -> dict[str, str]:
    """The id of the key of each object in the bucket, as it stands in it."""
    return {key: bucket.read(key)[8:24].rstrip(b"\0").decode() for key in bucket.keys()}


def test_nothing_is_in_the_bucket_in_the_clear_and_all_is_read_back(
    bucket: Bucket, sealing: Causeway,
) -> None:
    items = [item(), item(), item(20)]
    assert store(sealing, *items) == [0x0000] * 3
    await_objects(bucket, 3, "sealed")
    for key in bucket.keys():
        raw = bucket.read(key)
        assert raw.startswith(b"\x9cCWSEAL\x01")
        for clear in (MARKER.strip(), b"SEALED", b"PATIENT", b"DICM", str(items[0].StudyInstanceUID).encode()):
            assert clear not in raw, f"{clear!r} is in {key}"
    assert_read(sealing, items)
    sealing.stop()
    sealing.start()
    assert_read(sealing, items)


def test_keys_are_changed_while_the_node_runs(
    bucket: Bucket, key_file: Path, sealing: Causeway,
) -> None:
    before = item()
    assert store(sealing, before) == [0x0000]
    await_objects(bucket, 1, "under the first key")
    assert keys("new", "--id", "second", "--last", "--file", str(key_file)) == "second"
    assert keys("list", "--file", str(key_file)).split() == ["first", "seals", "second", "opens"]
    keys("use", "second", "--file", str(key_file))
    after: list[Dataset] = []
    # It looks at the file now and then.
    while "second" not in sealed_with(bucket).values():
        after.append(item())
        assert len(after) < 200, "the node seals with the first key still"
        assert store(sealing, after[-1]) == [0x0000]
        await_objects(bucket, 1 + len(after), "under the second key")
    assert_read(sealing, [before, *after])


def refusal(node: Causeway) -> str:
    with pytest.raises(CannotStart):
        node.start()
    return node.logged()


def test_what_does_not_fit_is_said_at_the_start(
    bucket: Bucket, key_file: Path, tmp_path: Path, sealing: Causeway, make_node: Callable[..., Causeway],
) -> None:
    assert store(sealing, item()) == [0x0000]
    await_objects(bucket, 1, "sealed")
    sealing.stop()
    other = tmp_path / "other.keys"
    keys("new", "--id", "other", "--file", str(other))
    key = re.search(r"^other (\S+)$", other.read_text(), re.M)
    assert key is not None
    said = refusal(make_node(variables(bucket, other)))
    assert "put the line of first back" in said and key[1] not in said, said
    assert "no keys are given" in refusal(make_node(bucket.variables()))
    assert "causeway store keys new" in refusal(make_node(variables(bucket, tmp_path / "none")))
    other.chmod(0o644)
    assert "chmod it to 0600" in refusal(make_node(variables(bucket, other)))
    other.chmod(0o600)
    other.write_text(other.read_text() + "other lost\n")
    said = refusal(make_node(variables(bucket, other)))
    assert "stands there twice" in said and key[1] not in said, said


def test_a_store_that_was_used_before_is_read_when_that_is_asked_for(
    bucket: Bucket, key_file: Path, make_node: Callable[..., Causeway],
) -> None:
    node = make_node(bucket.variables())
    node.start()
    items = [item(), item(9)]
    assert store(node, *items) == [0x0000] * 2
    await_objects(bucket, 2, "as they are")
    node.stop()
    node.settings.update(variables(bucket, key_file))
    assert 'plain = "read"' in refusal(node)
    node.settings["CAUSEWAY_STORE__ENCRYPTION__PLAIN"] = "read"
    node.start()
    items.append(item())
    assert store(node, items[-1]) == [0x0000]
    await_objects(bucket, 3, "one sealed beside those that are not")
    assert sum(bucket.read(key).startswith(b"\x9cCWSEAL") for key in bucket.keys()) == 1
    assert_read(node, items)


def test_what_was_changed_or_put_in_anothers_place_is_not_read_and_is_found(
    bucket: Bucket, sealing: Causeway,
) -> None:
    items = [item(), item(), item()]
    assert store(sealing, *items) == [0x0000] * 3
    await_objects(bucket, 3, "sealed")
    first, second, third = sorted(bucket.keys())
    bucket.put(first, bucket.read(third))
    raw = bytearray(bucket.read(second))
    raw[-20] ^= 1
    bucket.put(second, bytes(raw))
    web = Web(sealing.dicomweb)
    for one in items[:2]:
        found = web.get(path_of(one), ACCEPT_STORED)
        assert found.status_code >= 500, found.status_code
    assert data.split(web.file(items[2]))[1] == data.encoded(items[2])
    with pytest.raises(AssertionError) as failed:
        sealing.run("verify")
    # That in another's place may be of another length, which is seen first.
    said = str(failed.value)
    assert said.count("damaged") == 2 and "does not open with key first" in said, said


def status(node: Causeway, one: Dataset) -> int:
    return Web(node.dicomweb).get(path_of(one), ACCEPT_STORED).status_code


def await_status(node: Causeway, one: Dataset, wanted: int) -> None:
    """Waits until a read is answered so."""
    deadline = time.monotonic() + KEYS_SECONDS_MAX
    while (found := status(node, one)) != wanted:
        assert time.monotonic() < deadline, f"a read is answered {found}, not {wanted}"
        time.sleep(0.2)


def test_what_lacks_its_key_is_not_taken_for_damaged_and_is_read_when_the_key_is_back(
    bucket: Bucket, key_file: Path, sealing: Causeway,
) -> None:
    before = item()
    assert store(sealing, before) == [0x0000]
    await_objects(bucket, 1, "under the first key")
    keys("new", "--id", "second", "--file", str(key_file))
    keys("use", "second", "--file", str(key_file))
    whole = key_file.read_text()
    key_file.write_text(re.sub(r"^first .*\n", "", whole, flags=re.M))
    # It looks at the file now and then.
    await_status(sealing, before, 503)
    after = item()
    assert store(sealing, after) == [0x0000]
    await_objects(bucket, 2, "under the second key")
    there = {key: bucket.read(key) for key in bucket.keys()}
    with pytest.raises(AssertionError) as failed:
        sealing.run("verify", "--repair")
    said = str(failed.value)
    assert "unopened" in said and "put the line of first back" in said, said
    assert "damaged" not in said, said
    assert status(sealing, before) == 503
    assert_read(sealing, [after])
    assert {key: bucket.read(key) for key in bucket.keys()} == there
    key_file.write_text(whole)
    await_status(sealing, before, 200)
    assert_read(sealing, [before, after])
    sealing.run("verify")

"""A zip archive as a store request: no part of PS3.18 §10.5, taken by servers and sent by clients all the same."""

import io
import struct
import zipfile

import pytest

import data
from clients import FAILED_SOP_SEQUENCE as FAILED
from clients import REFERENCED_SOP_SEQUENCE as REFERENCED
from clients import assert_kept, value

OTHER_FAILURES = "0008119A"
DEFLATED, STORED = zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED

pytestmark = pytest.mark.orthanc_fails(reason="takes archives at its own REST interface only")


def archive(members, method=DEFLATED, out=None):
    """An archive of `members`, by name."""
    out = io.BytesIO() if out is None else out
    with zipfile.ZipFile(out, "w", method) as made:
        for name, body in members.items():
            made.writestr(name, body)
    return out.getvalue()


def store(web, body, study=None):
    """Sends an archive; the answer."""
    return web.post(f"/studies/{study}" if study else "/studies", body, "application/zip")


def items_of(answer, tag):
    """The items of a sequence of the response."""
    return answer.json().get(tag, {}).get("Value", [])


def uids(answer, tag=REFERENCED):
    """The instances of a sequence of the response."""
    return [value(item, "00081155") for item in items_of(answer, tag)]


@pytest.mark.parametrize("method", [DEFLATED, STORED], ids=["deflated", "stored"])
def test_each_file_becomes_an_instance(web, method):
    """Files in folders, whatever their names: 200, and each is kept as it was sent."""
    items = data.study(2, 3)
    answer = store(web, archive({f"a/{n % 2}/IM{n}": data.file_of(item) for n, item in enumerate(items)}, method))
    assert answer.status_code == 200, answer.text
    assert sorted(uids(answer)) == sorted(item.SOPInstanceUID for item in items)
    for item in items:
        assert_kept(web, item)


class Unseekable(io.BytesIO):
    """What a writer cannot go back in: lengths stand behind the members."""

    def seekable(self):
        return False

    def seek(self, *_):
        raise io.UnsupportedOperation

    def tell(self):
        raise io.UnsupportedOperation


@pytest.mark.parametrize("method", [DEFLATED, STORED], ids=["deflated", "stored"])
def test_an_archive_made_on_the_fly(web, method):
    """APPNOTE.TXT §4.3.9: lengths in data descriptors, as writers to a pipe have them."""
    item = data.instance()
    body = archive({"1.dcm": data.file_of(item)}, method, Unseekable())
    assert body[6] & 8, "no data descriptor"
    assert store(web, body).status_code == 200
    assert_kept(web, item)


def test_what_is_no_instance_is_passed_over_and_told(web):
    """A DICOMDIR, notes and an archive within the archive are no failures; they are named in words."""
    item, hidden = data.instance(), data.instance()
    answer = store(web, archive({
        "DICOMDIR": bytes(128) + b"DICM", "README.TXT": b"hello", "empty": b"", "1.dcm": data.file_of(item),
        "more.zip": archive({"2.dcm": data.file_of(hidden)}),
    }))
    assert answer.status_code == 200, answer.text
    assert uids(answer) == [item.SOPInstanceUID]
    told = answer.headers["Warning"]
    assert told.startswith("299 ")
    assert "1 DICOMDIR" in told and "2 members that are no DICOM" in told and "1 archives" in told
    assert not web.has(hidden)


def test_a_broken_file_beside_a_good_one(web):
    """PS3.18 table 10.5.3-1: 202; the good one is stored."""
    item, bad = data.instance(), data.instance()
    answer = store(web, archive({"1.dcm": data.file_of(item), "2.dcm": data.file_of(bad)[:-100]}))
    assert answer.status_code == 202
    assert uids(answer) == [item.SOPInstanceUID]
    assert len(items_of(answer, FAILED)) == 1
    assert_kept(web, item)
    assert not web.has(bad)


def test_a_member_that_was_damaged(web):
    """APPNOTE.TXT §4.4.7: a member whose checksum is another is not stored."""
    item, good = data.instance(), data.instance()
    file = data.file_of(item)
    body = archive({"1.dcm": file, "2.dcm": data.file_of(good)}, STORED)
    at = body.index(file) + len(file) - 10
    answer = store(web, body[:at] + bytes([body[at] ^ 1]) + body[at + 1:])
    assert answer.status_code == 202
    assert uids(answer) == [good.SOPInstanceUID]
    assert len(items_of(answer, FAILED) + items_of(answer, OTHER_FAILURES)) == 1
    assert not web.has(item)


def test_a_member_that_is_encrypted(web):
    """What cannot be unpacked is a failure of its own."""
    item = data.instance()
    body = bytearray(archive({"1.dcm": data.file_of(data.instance()), "2.dcm": data.file_of(item)}))
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    answer = store(web, bytes(body))
    assert answer.status_code == 202
    assert uids(answer) == [item.SOPInstanceUID]
    assert len(items_of(answer, OTHER_FAILURES)) == 1


def test_into_its_own_study_and_another(web):
    """PS3.18 §10.5.1: the study of the URL and of each instance are the same."""
    item = data.instance()
    body = archive({"1.dcm": data.file_of(item)})
    answer = store(web, body, study=data.uid())
    assert answer.status_code == 409
    assert uids(answer, FAILED) == [item.SOPInstanceUID]
    assert not web.has(item)
    assert store(web, body, study=item.StudyInstanceUID).status_code == 200


@pytest.mark.parametrize("body", [
    b"PK\x03\x04 and no more", b"nonsense", archive({}), archive({"README": b"hello"}),
    archive({"1.dcm": bytes(200)})[:-30],
], ids=["a beginning", "nonsense", "empty", "no instance", "cut"])
def test_what_holds_no_instance_is_400(web, body):
    """PS3.18 table 10.5.3-1: 400, and the words say why."""
    answer = store(web, body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_statuses_of_the_request_itself(web):
    """PS3.18 §8.5: 406 for an answer that is not to be had, 400 without a body."""
    body = archive({"1.dcm": data.file_of(data.instance())})
    assert web.post("/studies", body, "application/zip", accept="image/jpeg").status_code == 406
    assert web.post("/studies", b"", "application/zip").status_code == 400


# Bombs.

def test_an_archive_that_unpacks_to_too_much(web):
    """A small archive of an endless file is broken off, and what came before is kept."""
    item = data.instance()
    file = data.header("1.2.840.10008.5.1.4.1.1.2", data.uid(), "1.2.840.10008.1.2.1") + data.encoded(data.instance())
    endless = file + b"\xfc\xff\xfc\xffOB\0\0" + struct.pack("<I", 400 << 20) + bytes(400 << 20)
    body = archive({"1.dcm": data.file_of(item), "2.dcm": endless})
    assert len(body) < 1 << 20
    answer = store(web, body)
    assert answer.status_code == 202
    assert uids(answer) == [item.SOPInstanceUID]
    assert "at most" in answer.headers["Warning"] or "more than it may" in answer.headers["Warning"]
    assert store(web, archive({"2.dcm": endless})).status_code == 413


def test_members_that_lie_over_one_another(web):
    """Many entries of the table of contents for the same bytes: the ratio is that of the whole archive."""
    file = data.header("1.2.840.10008.5.1.4.1.1.2", data.uid(), "1.2.840.10008.1.2.1") + bytes(10 << 20)
    made = archive({"1.dcm": file})
    start = made.index(b"PK\x01\x02")
    end = made.index(b"PK\x05\x06")
    entry = made[start:end]
    count = 3000
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(entry) * count, start, 0)
    answer = store(web, made[:start] + entry * count + tail)
    assert answer.status_code in (400, 409, 413)
    assert items_of(answer, REFERENCED) == []


@pytest.mark.parametrize("count", [0xFFFF, 10_000_000])
def test_a_table_of_contents_that_claims_too_much(web, count):
    """What claims more members than are taken is refused before the table is read; what lies is no archive."""
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, 46 * count, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 100, 1)
    answer = store(web, bytes(100) + wide + locator + end)
    assert answer.status_code == (413 if count > 200_000 else 400)


def test_names_lead_nowhere(web):
    """A member's name is not used: neither as a path nor in an answer."""
    item = data.instance()
    answer = store(web, archive({"../../../../tmp/conformance-escape\r\nX-Header: 1": data.file_of(item)}))
    assert answer.status_code == 200
    assert "X-Header" not in answer.headers
    assert_kept(web, item)

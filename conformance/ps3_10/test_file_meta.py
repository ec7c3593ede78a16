"""PS3.10 §7.1: the File Meta Information of what the server hands out."""

import struct

import pytest

import data
from clients import associate, contexts_of, stored
from wire import CT_IMAGE


def parsed(file):
    """The File Meta Information's values, after what holds for every file."""
    meta, _ = data.split(file)
    (length,) = struct.unpack("<I", meta[0x0000])
    at = 132 + 12 + length
    assert file[132:136] == b"\x02\0\0\0", "the group length is not in front"
    assert file[at - 2:at + 2] != b"\x02\0" and file[at:at + 2] != b"\x02\0", "the group length counts wrong"
    assert data.split(file[:132] + file[132:at])[1] == b""
    assert meta[0x0001] == b"\0\1"
    assert all(len(value) % 2 == 0 for value in meta.values())
    return {element: value.rstrip(b"\0 ").decode("latin-1") for element, value in meta.items() if element > 1}


def test_the_header_of_what_came_by_c_store(subject, web):
    """PS3.10 table 7.1-1: who and what, of the data set; the transfer syntax, of the context; who sent it, who wrote it."""
    item = data.instance()
    with associate(subject, contexts_of([item]), calling="THE-SENDER") as association:
        assert association.send_c_store(item).Status == 0x0000
    file = web.file(item)
    meta = parsed(file)
    assert meta[0x0002] == CT_IMAGE
    assert meta[0x0003] == item.SOPInstanceUID
    assert meta[0x0010] == item.file_meta.TransferSyntaxUID
    assert set(meta[0x0012]) <= set("0123456789.")
    assert file[:128] == bytes(128)


@pytest.mark.only("causeway")
def test_the_header_names_the_writer(subject, web):
    """PS3.10 table 7.1-1: Implementation Class UID is that of the one who wrote the file, which is the server; AE titles
    of sender and receiver are optional, and right where they are there."""
    item = data.instance()
    with associate(subject, contexts_of([item]), calling="THE-SENDER") as association:
        assert association.send_c_store(item).Status == 0x0000
        told = association.acceptor.implementation_class_uid
    meta = parsed(web.file(item))
    assert meta[0x0012] == told
    assert meta.get(0x0016, subject.ae_title) in (subject.ae_title, "THE-SENDER")
    assert meta.get(0x0017, "THE-SENDER") == "THE-SENDER"
    assert meta.get(0x0018, subject.ae_title) == subject.ae_title


@pytest.mark.orthanc_fails(reason="hands out the preamble as it came")
@pytest.mark.parametrize("preamble", [b"II*\0\x08\0\0\0" + bytes(120), b"MZ" + b"\x90" * 126], ids=["TIFF", "program"])
def test_a_preamble_is_not_handed_on(subject, web, preamble):
    """PS3.10 §7.1: a file that is also a program or a picture is not that any more; its data set is untouched."""
    item = data.instance()
    file = data.file_of(item)
    assert web.stow(preamble + file[128:]).status_code == 200
    kept = web.file(item)
    assert kept[:128] == bytes(128)
    assert data.split(kept)[1] == data.split(file)[1]
    parsed(kept)


def test_the_header_tells_what_the_data_set_is_and_not_what_was_claimed(subject, web):
    """PS3.10 §7.1: private information of another writer's header does not come along."""
    item = data.instance()
    stored(subject, item)
    meta, _ = data.split(web.file(item))
    assert 0x0100 not in meta and 0x0102 not in meta

"""Two nodes that are paired over a link, or are about to be, and what goes between them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset

import data
from clients import Web, associate, contexts_of
from pki import Authority
from subjects import SUBJECTS, Subject
from subjects.causeway import Causeway

MEBIBYTE = 1 << 20


def invite(reader: Causeway, name: str = "hospital", port: int | None = None, *more: str) -> str:
    """The code of an invitation, by which the reader is found at `port`."""
    scheme = reader.url.split(":", 1)[0]
    url = f"{scheme}://127.0.0.1:{port or reader.web_port}"
    return reader.run("link", "invite", name, "--public-url", url, *more).strip()


def join(hospital: Causeway, reader: Causeway, port: int | None = None) -> None:
    """Pairs the two: the hospital calls the reader."""
    hospital.run("link", "accept", invite(reader, port=port), "--name", "reader")


def secured(make_subject: Callable[..., Subject], folder: Path) -> Causeway:
    """A reader whose web listener speaks TLS, with a certificate that nobody vouches for but itself."""
    own = Authority(folder).issue("reader", alone=True)

    class Secured(Causeway):
        """Known to the suite by what it presents."""

        web_trusted = own.certificate

    settings = {"CAUSEWAY_WEB__TLS__CERTIFICATE": str(own.certificate), "CAUSEWAY_WEB__TLS__KEY": str(own.key)}
    SUBJECTS["secured"] = Secured
    try:
        return make_subject("secured", ae_title="READER", settings=settings)
    finally:
        del SUBJECTS["secured"]


def send(node: Causeway, items: list[Dataset]) -> None:
    """Stores them there, one by one."""
    with associate(node, contexts_of(items)) as association:
        for item in items:
            assert association.send_c_store(item).Status == 0x0000


def large(mebibytes: int, incompressible: bool = True) -> Dataset:
    """An instance of so many mebibytes of pixels."""
    item = data.instance(rows=16)
    item.Rows, item.Columns = 1024 * mebibytes // 2, 1024
    content = random.randbytes(mebibytes * MEBIBYTE) if incompressible else bytes(mebibytes * MEBIBYTE)
    item.PixelData = content
    item["PixelData"].VR = "OW"
    return item


def assert_there(reader: Causeway, items: list[Dataset]) -> None:
    """Each is there as it was sent, byte for byte."""
    web = Web(reader.dicomweb)
    for item in items:
        assert data.split(web.file(item))[1] == data.encoded(item)


def words_of(node: Causeway) -> dict[str, str]:
    """What was last said of each instance."""
    return {job["instance"]: (job.get("last") or {}).get("words", "") for job in node.queue()}

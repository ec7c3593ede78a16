"""Two nodes that are paired over a link, or are about to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pki import Authority
from subjects import SUBJECTS, Subject
from subjects.causeway import Causeway


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

"""Certificates for tests, made when they are wanted: authorities, what they issue, and what is its own issuer."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

HERE = ("127.0.0.1", "localhost")


@dataclass
class Identity:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path
    fingerprint: str

    def der(self) -> bytes:
        """The certificate as it is presented."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())

    def take_the_place_of(self, other: Identity) -> None:
        """Puts this one's files where the other's are, as an administrator does: each whole or not at all."""
        for mine, theirs in ((self.key, other.key), (self.certificate, other.certificate)):
            fresh = theirs.with_suffix(".fresh")
            fresh.write_bytes(mine.read_bytes())
            fresh.chmod(0o600)
            fresh.rename(theirs)


class Authority:
    """A certificate authority with a folder of its own."""

    def __init__(self, folder: Path, name: str = "Test CA"):
        self.folder = folder / name.replace(" ", "-").lower()
        self.folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._certificate = _signed(
            self._name, self._name, self._key.public_key(), self._key, days=(-400, 400), hosts=(), ca=True,
        )
        self.certificate = self.folder / "ca.pem"
        self.certificate.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, hosts: tuple[str, ...] = HERE, days: tuple[float, float] = (-1, 200), kind: str = "ecdsa",
        alone: bool = False,
    ) -> Identity:
        """A certificate for `name`, valid from and until so many days from now; `alone`: signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)
        issuer, signer = (_named(name), key) if alone else (self._name, self._key)
        certificate = _signed(_named(name), issuer, key.public_key(), signer, days=days, hosts=hosts, ca=False)
        identity = Identity(
            self.folder / f"{name}.pem", self.folder / f"{name}.key",
            "SHA256:" + ":".join(f"{byte:02X}" for byte in certificate.fingerprint(hashes.SHA256())),
        )
        identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        identity.key.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption(),
        ))
        identity.key.chmod(0o600)
        return identity


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _signed(subject, issuer, public, signer, days, hosts, ca):  # type: ignore[no-untyped-def]
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def calling(trusted: Path | None, identity: Identity | None = None) -> ssl.SSLContext:
    """How a client of Python's shakes hands: whom it trusts, and what it presents."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if trusted is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(trusted)
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key)
    return context


def answering(identity: Identity, trusted: Path | None = None) -> ssl.SSLContext:
    """How a server of Python's shakes hands; with `trusted` it insists on a certificate of theirs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    if trusted is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(trusted)
    return context

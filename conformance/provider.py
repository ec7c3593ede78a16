"""An identity provider as an OpenID Connect client sees it: discovery, keys, and tokens of any kind, forged ones too.

Signing is PyJWT's and cryptography's; what PyJWT refuses to make is put together by hand.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"
AUDIENCE = "urn:example:images"

_MAKERS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class Key:
    """A key pair of the provider's, for one algorithm."""

    def __init__(self, name: Any, algorithm: str = "RS256"):
        self.name, self.algorithm = name, algorithm
        self.private = _MAKERS[algorithm]()

    @property
    def public(self) -> dict[str, Any]:
        """The JSON Web Key that is published."""
        public = self.private.public_key()
        if self.algorithm[:2] in ("RS", "PS"):
            made = RSAAlgorithm.to_jwk(public, as_dict=True)
        elif self.algorithm[:2] == "ES":
            made = ECAlgorithm.to_jwk(public, as_dict=True)
        else:
            made = OKPAlgorithm.to_jwk(public, as_dict=True)
        made.pop("key_ops", None)
        return {**made, "kid": self.name, "use": "sig", "alg": self.algorithm}

    @property
    def pem(self) -> bytes:
        """The public key as PEM: what a careless server takes for the secret of an HMAC."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo,
        )


class Provider:
    """A server on this machine with its own keys; it counts what it is asked."""

    def __init__(self, *keys: Key):
        self.keys = list(keys) or [Key("first")]
        self.asked: Counter[str] = Counter()
        #: What is published in place of the keys, where something is.
        self.instead: bytes | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.port = self._server.server_address[1]

    @property
    def issuer(self) -> str:
        """What its tokens have as `iss`."""
        return f"http://127.0.0.1:{self.port}/realms/hospital"

    def settings(self, **more: Any) -> dict[str, str]:
        """The node's settings for this provider, in its environment."""
        all_of_them = {"issuer": self.issuer, "audience": AUDIENCE, "retry_seconds": 1, **more}
        return {f"CAUSEWAY_AUTH__OIDC__{key.upper()}": str(value) for key, value in all_of_them.items()}

    def stop(self) -> None:
        """It answers nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; a change to `None` leaves one out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300,
            "scope": "openid query retrieve", **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: Key | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token, signed by the first key unless by another; good unless changed."""
        key = key or self.keys[0]
        fields = {"kid": key.name, **(header or {})}
        fields = {name: value for name, value in fields.items() if value is not None}
        if isinstance(fields.get("kid", ""), str):
            return jwt.encode(self.claims(**changes), key.private, key.algorithm, headers=fields)
        return self.by_hand({"alg": key.algorithm, "typ": "JWT", **fields}, key, **changes)

    def by_hand(self, header: dict[str, Any], key: Key | bytes | None, **changes: Any) -> str:
        """A token with any header: signed by a key, by an HMAC with a secret, or not at all."""
        signed = f"{_part(header)}.{_part(self.claims(**changes))}"
        if key is None:
            signature = b""
        elif isinstance(key, bytes):
            signature = hmac.digest(key, signed.encode(), hashlib.sha256)
        else:
            algorithm = jwt.get_algorithm_by_name(key.algorithm)
            signature = algorithm.sign(signed.encode(), key.private)
        return f"{signed}.{_encoded(signature)}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                path = self.path.removeprefix("/realms/hospital")
                provider.asked[path] += 1
                if path == DISCOVERY:
                    body = json.dumps({"issuer": provider.issuer, "jwks_uri": provider.issuer + KEYS}).encode()
                elif path == KEYS:
                    published = json.dumps({"keys": [key.public for key in provider.keys]}).encode()
                    body = published if provider.instead is None else provider.instead
                else:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

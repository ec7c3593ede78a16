"""The door of Google Cloud Storage, before moto: `python google_door.py PORT PUBLIC_KEY ISSUER`.

No one gives away a server that speaks Google's XML API. That API is S3's in other headers, so moto keeps and answers; what
Google adds is done here: a token signed with the key of a service account, for the scope that covers storage, in place of a
signature; a precondition on the generation of an object; the generation in each answer. Who comes with Amazon's signature is
the test, which looks into the buckets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jwt
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

SCOPES = {
    "https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/devstorage.full_control",
    "https://www.googleapis.com/auth/devstorage.read_write",
}
#: Google refuses tokens that hold longer.
SECONDS_MAX = 3600
#: How moto is told that somebody has come who may; it checks no signature.
OWN = "AWS4-HMAC-SHA256 Credential=door/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
REFUSED = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AuthenticationRequired</Code><Message>%b</Message></Error>"

Environment = dict[str, Any]
Start = Callable[..., Any]


class Door:
    """moto, for whoever shows a token of the account."""

    def __init__(self, inner: Callable[[Environment, Start], Iterable[bytes]], key: bytes, issuer: str):
        self.inner, self.key, self.issuer = inner, key, issuer

    def __call__(self, environment: Environment, start: Start) -> Iterable[bytes]:
        shown = environment.get("HTTP_AUTHORIZATION", "")
        if shown.startswith("AWS4-HMAC-SHA256 "):
            return self.inner(environment, start)
        if (why := self._refuses(shown)) is not None:
            answer = REFUSED % why.encode()
            # What came with the request is read, or the connection would break before the answer is heard.
            environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
            start("401 Unauthorized", [("Content-Type", "application/xml"), ("Content-Length", str(len(answer)))])
            return [answer]
        environment["HTTP_AUTHORIZATION"] = OWN
        if environment.get("HTTP_X_GOOG_IF_GENERATION_MATCH") == "0":
            environment["HTTP_IF_NONE_MATCH"] = "*"

        def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start(status, [*headers, ("x-goog-generation", "1"), ("x-goog-metageneration", "1")], *rest)

        return self.inner(environment, begin)

    def _refuses(self, shown: str) -> str | None:
        scheme, _, token = shown.partition(" ")
        if scheme != "Bearer":
            return "no token"
        try:
            said = jwt.decode(token, self.key, ["RS256"], issuer=self.issuer, options={"require": ["exp", "iat", "sub"]})
        except jwt.InvalidTokenError as error:
            return str(error)
        if said["exp"] - said["iat"] > SECONDS_MAX:
            return "it holds too long"
        return None if SCOPES & set(said.get("scope", "").split()) else "its scope does not cover storage"


class Quiet(WSGIRequestHandler):
    """Keeps connections, and tells nothing."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """The tests tell of it."""


def main() -> None:
    port, key, issuer = sys.argv[1:]
    door = Door(DomainDispatcherApplication(create_backend_app), Path(key).read_bytes(), issuer)
    run_simple("127.0.0.1", int(port), door, threaded=True, request_handler=Quiet)


if __name__ == "__main__":
    main()

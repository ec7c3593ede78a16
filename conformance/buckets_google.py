"""Google Cloud Storage as its client meets it: its XML API at `google_door`, with a service account of our own making; boto3
looks into it from behind."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from buckets_s3 import S3, S3Bucket

ACCOUNT = "node@conformance.iam.gserviceaccount.com"
KEY_BITS = 2048


class Google(S3):
    """The door and what is behind it."""

    def command(self) -> list[str]:
        public = self.folder / "public.pem"
        public.write_bytes(self.account("node").public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo,
        ))
        door = Path(__file__).with_name("google_door.py")
        return [sys.executable, "-B", str(door), str(self.port), str(public), ACCOUNT]

    def make(self, name: str) -> GoogleBucket:
        self.client.create_bucket(Bucket=name)
        return GoogleBucket(self, name)

    def account(self, name: str) -> rsa.RSAPrivateKey:
        """Makes the file of a service account, as Google's console gives it, with a key of its own."""
        key = rsa.generate_private_key(65537, KEY_BITS)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption(),
        )
        self.file(name).write_text(json.dumps({
            "type": "service_account", "project_id": "conformance", "private_key_id": name, "private_key": pem.decode(),
            "client_email": ACCOUNT, "client_id": "1", "token_uri": "https://oauth2.googleapis.com/token",
        }))
        return key

    def file(self, name: str) -> Path:
        """Where the file of that service account is."""
        return self.folder / f"{name}.json"


class GoogleBucket(S3Bucket):
    """A bucket of it."""

    server: Google

    def variables(self, endpoint: str | None = None) -> dict[str, str]:
        return {
            "CAUSEWAY_STORE__URL": f"gs://{self.name}",
            "CAUSEWAY_STORE__ENDPOINT": endpoint or self.server.url,
            "CAUSEWAY_STORE__SERVICE_ACCOUNT": str(self.server.file("node")),
        }

"""Azurite, Microsoft's own server of Azure's blobs for tests; its client for Python looks into it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

from buckets import Bucket, Buckets
from subjects.causeway import REPOSITORY

#: The account that Azurite has, and its key, which Microsoft publishes.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PACKAGES = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "azurite" / "node_modules"


class Azurite(Buckets):
    """azurite-blob."""

    def __init__(self) -> None:
        super().__init__()
        self.client = BlobServiceClient(f"{self.url}/{ACCOUNT}", credential={"account_name": ACCOUNT, "account_key": KEY})

    def command(self) -> list[str]:
        program = PACKAGES / ".bin" / "azurite-blob"
        if shutil.which("node") is None or not program.exists():
            pytest.skip("Azurite is not installed: cargo xtask conformance does it")
        return [
            str(program), "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", str(self.folder / "blobs"),
            "--silent", "--disableTelemetry", "--skipApiVersionCheck",
        ]

    def make(self, name: str) -> Container:
        self.client.create_container(name)
        return Container(self, name)


class Container(Bucket):
    """What Azure calls a bucket."""

    server: Azurite

    def variables(self, endpoint: str | None = None) -> dict[str, str]:
        return {
            "CAUSEWAY_STORE__URL": f"az://{self.name}",
            "CAUSEWAY_STORE__ENDPOINT": f"{endpoint or self.server.url}/{ACCOUNT}",
            "CAUSEWAY_STORE__ACCOUNT": ACCOUNT,
            "CAUSEWAY_STORE__ACCOUNT_KEY": KEY,
        }

    def keys(self) -> list[str]:
        return list(self._client.list_blob_names())

    def read(self, key: str) -> bytes:
        return self._client.download_blob(key).readall()

    def put(self, key: str, content: bytes) -> None:
        self._client.upload_blob(key, content, overwrite=True)

    def delete(self, key: str) -> None:
        self._client.delete_blob(key)

    def unfinished(self) -> list[str]:
        """Blobs of which there are blocks and nothing else."""
        begun = {blob.name for blob in self._client.list_blobs(include=["uncommittedblobs"])}
        return sorted(begun - set(self.keys()))

    def remove(self) -> None:
        try:
            self._client.delete_container()
        except AzureError:
            # It goes with its server.
            pass

    @property
    def _client(self):
        return self.server.client.get_container_client(self.name)

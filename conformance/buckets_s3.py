"""S3 servers: `s3s-fs` through crates/testkit, which checks signatures and keeps files, and moto, which is Amazon's behaviour in
memory; boto3 looks into both."""

from __future__ import annotations

import sys
from pathlib import Path

import boto3
import botocore.config
import botocore.exceptions

from buckets import Bucket, Buckets
from testkit import program

KEY_ID, KEY = "conformance", "conformance-secret"
REGION = "us-east-1"


class S3(Buckets):
    """A server of either."""

    def __init__(self) -> None:
        super().__init__()
        self.client = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=KEY_ID, aws_secret_access_key=KEY, region_name=REGION,
            config=botocore.config.Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 3}, max_pool_connections=32,
            ),
        )

    def make(self, name: str) -> S3Bucket:
        self.client.create_bucket(Bucket=name)
        return S3Bucket(self, name)

    def unfinished(self, name: str) -> list[str]:
        """Multipart uploads to a bucket that were begun and neither completed nor given up."""
        return [it["UploadId"] for it in self.client.list_multipart_uploads(Bucket=name).get("Uploads", [])]


class S3sFs(S3):
    """s3s-fs."""

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[str, set[str]] = {}

    def make(self, name: str) -> S3Bucket:
        self._before[name] = self._notes()
        return super().make(name)

    def command(self) -> list[str]:
        return [
            str(program("bucket_server")), "--listen", f"127.0.0.1:{self.port}", "--folder", str(self.folder / "buckets"),
            "--bucket", "first", "--access-key", KEY_ID, "--secret-key", KEY,
        ]

    def unfinished(self, name: str) -> list[str]:
        """It does not list them, but keeps a note of each, whichever bucket it is of: those since this one was made."""
        return sorted(self._notes() - self._before[name])

    def _notes(self) -> set[str]:
        return {path.name for path in (self.folder / "buckets").glob(".upload-*.json")}


class Moto(S3):
    """moto_server."""

    def command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", str(self.port)]


class S3Bucket(Bucket):
    """A bucket of S3."""

    server: S3

    def variables(self, endpoint: str | None = None) -> dict[str, str]:
        return {
            "CAUSEWAY_STORE__URL": f"s3://{self.name}",
            "CAUSEWAY_STORE__ENDPOINT": endpoint or self.server.url,
            "CAUSEWAY_STORE__ACCESS_KEY_ID": KEY_ID,
            "CAUSEWAY_STORE__SECRET_ACCESS_KEY": KEY,
        }

    def keys(self) -> list[str]:
        pages = self.server.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self.server.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def put(self, key: str, content: bytes) -> None:
        self.server.client.put_object(Bucket=self.name, Key=key, Body=content)

    def delete(self, key: str) -> None:
        self.server.client.delete_object(Bucket=self.name, Key=key)

    def unfinished(self) -> list[str]:
        return self.server.unfinished(self.name)

    def remove(self) -> None:
        try:
            for key in self.keys():
                self.delete(key)
            self.server.client.delete_bucket(Bucket=self.name)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            # It goes with its server.
            pass

"""S3 servers that no one here wrote, as processes: `s3s-fs` through crates/testkit, which checks signatures and keeps
files, and moto, which is Amazon's behaviour in memory. What is in a bucket is looked at through boto3."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import botocore.config
import botocore.exceptions
import requests

from subjects.base import end_with_the_suite, free_port
from testkit import program

KEY_ID, KEY = "conformance", "conformance-secret"
REGION = "us-east-1"
START_SECONDS_MAX = 60


class Buckets:
    """A server of object stores on this machine."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="conformance-buckets-"))
        self._log = (self.folder / "server.log").open("wb")
        self._process = subprocess.Popen(
            self._command(), stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            preexec_fn=end_with_the_suite,
        )
        self.client = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=KEY_ID, aws_secret_access_key=KEY, region_name=REGION,
            config=botocore.config.Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 3}, max_pool_connections=32,
            ),
        )
        self._wait()

    def _command(self) -> list[str]:
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                requests.get(self.url, timeout=2)
                return
            except requests.RequestException:
                assert self._process.poll() is None, (self.folder / "server.log").read_text()
                assert time.monotonic() < deadline, "the S3 server does not answer"
                time.sleep(0.05)

    def make(self, name: str) -> Bucket:
        """A bucket that is not there yet."""
        self.client.create_bucket(Bucket=name)
        return Bucket(self, name)

    def unfinished(self, name: str) -> list[str]:
        """Multipart uploads to a bucket that were begun and neither completed nor given up."""
        return [it["UploadId"] for it in self.client.list_multipart_uploads(Bucket=name).get("Uploads", [])]

    def end(self) -> None:
        """Ends the server, and its buckets."""
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class S3sFs(Buckets):
    """s3s-fs."""

    def _command(self) -> list[str]:
        return [
            str(program("bucket_server")), "--listen", f"127.0.0.1:{self.port}", "--folder", str(self.folder / "buckets"),
            "--bucket", "first", "--access-key", KEY_ID, "--secret-key", KEY,
        ]

    def unfinished(self, name: str) -> list[str]:
        """It does not list them, but keeps a note of each, whichever bucket it is of."""
        return [path.name for path in (self.folder / "buckets").glob(".upload-*.json")]


class Moto(Buckets):
    """moto_server."""

    def _command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", str(self.port)]


KINDS: dict[str, type[Buckets]] = {"s3": S3sFs, "moto": Moto}


class Bucket:
    """One bucket, seen from the outside."""

    def __init__(self, server: Buckets, name: str):
        self.server, self.name = server, name

    def variables(self, endpoint: str | None = None) -> dict[str, str]:
        """The settings of a node that keeps its objects there; `endpoint`: by another way."""
        return {
            "CAUSEWAY_STORE__URL": f"s3://{self.name}",
            "CAUSEWAY_STORE__ENDPOINT": endpoint or self.server.url,
            "CAUSEWAY_STORE__ACCESS_KEY_ID": KEY_ID,
            "CAUSEWAY_STORE__SECRET_ACCESS_KEY": KEY,
        }

    def keys(self) -> list[str]:
        """The names of all objects."""
        pages = self.server.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        """One object."""
        return self.server.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def unfinished(self) -> list[str]:
        """Multipart uploads that were begun and neither completed nor given up."""
        return self.server.unfinished(self.name)

    def remove(self) -> None:
        """Takes the bucket away with all that is in it."""
        try:
            for key in self.keys():
                self.server.client.delete_object(Bucket=self.name, Key=key)
            self.server.client.delete_bucket(Bucket=self.name)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            # It goes with its server.
            pass

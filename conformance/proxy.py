"""nginx as it stands in front of many a DICOMweb server: TLS, HTTP/2, a limit to bodies, and an end to each connection after
so many requests, which over HTTP/2 is a GOAWAY (RFC 9113 §6.8)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

import pki
from destinations import await_port
from subjects.base import free_port

CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    log_format told '$connection $connection_requests $server_protocol $request_method $status';
    access_log {folder}/access.log told;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    client_max_body_size {body_limit}; keepalive_requests {requests};
    server {{
        listen 127.0.0.1:{port} ssl {protocol};
        ssl_certificate {certificate}; ssl_certificate_key {key};
        location / {{ proxy_pass {target}; proxy_http_version 1.1; }}
    }}
}}
"""


class Served(NamedTuple):
    """A request that was answered."""

    connection: int
    protocol: str
    method: str
    status: int


class Nginx:
    """In front of `target`, a server's root; `requests` on each connection, bodies up to `body_limit` as nginx writes it.
    `protocol`: `http2`, or nothing for HTTP/1.1."""

    def __init__(
        self, folder: Path, authority: pki.Authority, target: str, protocol: str = "http2", requests: int = 1000,
        body_limit: str = "1g",
    ):
        self.program = shutil.which("nginx") or "/usr/sbin/nginx"
        if not Path(self.program).exists():
            pytest.skip("nginx is not installed")
        self.folder, self.port = folder, free_port()
        identity = authority.issue(f"proxy-{protocol or 'http1'}")
        self._configuration = folder / "nginx.conf"
        self._configuration.write_text(CONFIGURATION.format(
            folder=folder, port=self.port, certificate=identity.certificate, key=identity.key, target=target,
            requests=requests, protocol=protocol, body_limit=body_limit,
        ))

    def __enter__(self) -> Nginx:
        self._process = subprocess.Popen(
            [self.program, "-c", str(self._configuration), "-e", str(self.folder / "error.log")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        await_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def served(self) -> list[Served]:
        """Each request that was answered."""
        rows = (line.split() for line in (self.folder / "access.log").read_text().splitlines())
        return [Served(int(row[0]), row[2], row[3], int(row[4])) for row in rows]

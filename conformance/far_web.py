"""A far side that takes stores over the web (PS3.18 §10.5), remembers each that came whole, and says what it has
(PS3.18 §10.6)."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pydicom


class FarWeb:
    """`url` is its base; `came` holds the SOP Instance UIDs in the order in which they came, each time that they did;
    `asked` those that it was asked after."""

    def __init__(self, answers_questions: bool = True):
        self.came: list[str] = []
        self.asked: list[str] = []
        self.lock = threading.Lock()
        far = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self._body()
                boundary = self.headers["Content-Type"].split("boundary=")[1].strip('"').encode()
                uids = [far._take(part) for part in body.split(b"--" + boundary)[1:-1]]
                items = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in uids]
                self._answer(200, {"00081199": {"vr": "SQ", "Value": items}})

            def do_GET(self) -> None:
                if not answers_questions:
                    self._answer(501, {})
                    return
                asked = parse_qs(urlsplit(self.path).query)["SOPInstanceUID"][0].split(",")
                with far.lock:
                    far.asked += asked
                    has = [uid for uid in asked if uid in far.came]
                self._answer(200, [{"00080018": {"vr": "UI", "Value": [uid]}} for uid in has])

            def _body(self) -> bytes:
                if "Content-Length" in self.headers:
                    return self.rfile.read(int(self.headers["Content-Length"]))
                body = b""
                while length := int(self.rfile.readline() or b"0", 16):
                    body += self.rfile.read(length)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, status: int, answer: object) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/dicom+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:
                """A line that breaks is what is tried here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FarWeb:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, part: bytes) -> str:
        file = part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
        uid = str(pydicom.dcmread(BytesIO(file), specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        with self.lock:
            self.came.append(uid)
        return uid

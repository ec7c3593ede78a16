"""A far side that takes stores over the web (PS3.18 §10.5), remembers each that came whole, and says what it has
(PS3.18 §10.6)."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qsl, urlsplit

import pydicom
from pydicom.dataset import Dataset

from middleman import shut

STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"


class FarWeb:
    """`url` is its base; `came` holds the SOP Instance UIDs in the order in which they came, each time that they did;
    `asked` those that it was asked after; `questions` all questions, each its path and its query.

    `most`: matches that it tells at once. `passes_over_offset`: it tells the first ones however it is asked.
    """

    def __init__(self, answers_questions: bool = True, most: int = 1000, passes_over_offset: bool = False):
        self.came: list[str] = []
        self.asked: list[str] = []
        self.questions: list[tuple[str, list[tuple[str, str]]]] = []
        #: What it has, by SOP Instance UID.
        self.has: dict[str, Dataset] = {}
        #: What it has and does not list.
        self.hidden: set[str] = set()
        #: What it answers questions with, in place of the truth: a status, a body, header fields.
        self.instead: tuple[int, bytes, dict[str, str]] | None = None if answers_questions else (501, b"{}", {})
        #: What becomes of the next store requests, one after another: `drop`, nothing of it is taken and the line is cut;
        #: `lose`, it is taken and the line is cut; `mute`, it is taken and not answered.
        self.deeds: list[str] = []
        #: Of a study that it does not have it says 404.
        self.knows_studies = False
        #: Seconds that a question takes; what it has then is what it says.
        self.ponders = 0.0
        self.most, self.passes_over_offset = most, passes_over_offset
        self.lock = threading.Lock()
        far = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self._body()
                boundary = self.headers["Content-Type"].split("boundary=")[1].strip('"').encode()
                deed = far.deeds.pop(0) if far.deeds else ""
                if deed:
                    # What is asked beside the request is answered before it.
                    time.sleep(1)
                parts = body.split(b"--" + boundary)[1:-1]
                uids = [far._take(part) for part in parts if deed != "drop"]
                if deed == "mute":
                    # Until the node is tired of it.
                    self.connection.recv(1)
                if deed:
                    self.close_connection = True
                    return shut(self.connection)
                items = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in uids]
                self._answer(200, json.dumps({"00081199": {"vr": "SQ", "Value": items}}).encode(), {})

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                # Some servers part values at commas that are not encoded, and take a plus for a plus.
                assert not re.search(r"=[0-9.]+%2c|\+", url.query, re.IGNORECASE), url.query
                query = parse_qsl(url.query)
                time.sleep(far.ponders)
                with far.lock:
                    far.questions.append((url.path, query))
                    answer = far.instead or far._answer_to(url.path, query)
                self._answer(*answer)

            def _body(self) -> bytes:
                if "Content-Length" in self.headers:
                    return self.rfile.read(int(self.headers["Content-Length"]))
                body = b""
                while length := int(self.rfile.readline() or b"0", 16):
                    body += self.rfile.read(length)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/dicom+json")
                for name, text in headers.items():
                    self.send_header(name, text)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if status != 204:
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
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FarWeb:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, part: bytes) -> str:
        file = part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
        dataset = pydicom.dcmread(BytesIO(file), stop_before_pixels=True)
        uid = str(dataset.SOPInstanceUID)
        with self.lock:
            self.came.append(uid)
            self.has[uid] = dataset
        return uid

    def _answer_to(self, path: str, query: list[tuple[str, str]]) -> tuple[int, bytes, dict[str, str]]:
        """What it lists: studies, series or instances, of those that the path and the query name."""
        parts = path.strip("/").split("/")
        named = dict(zip(parts[0::2], parts[1::2]))
        level = parts[-1]
        wanted = {STUDY: named.get("studies"), SERIES: named.get("series")}
        names = {"SOPInstanceUID": INSTANCE, "StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES}
        for name, text in query:
            tag = names.get(name, name)
            if tag == INSTANCE:
                self.asked += text.split(",")
            if tag not in ("limit", "offset", "includefield", "fuzzymatching"):
                wanted[tag] = text
        study = named.get("studies")
        if self.knows_studies and study and all(it.StudyInstanceUID != study for it in self.has.values()):
            return 404, b"no such study", {}
        found: dict[str, dict] = {}
        for uid, dataset in self.has.items():
            told = {key: it for key, it in dataset.to_json_dict().items() if not key.startswith("0002")}
            fits = all(
                value is None or set(value.split(",")) & {str(it) for it in map(_plain, told.get(tag, {}).get("Value", []))}
                for tag, value in wanted.items()
            )
            if fits and uid not in self.hidden:
                found.setdefault(told[{"studies": STUDY, "series": SERIES, "instances": INSTANCE}[level]]["Value"][0], told)
        page = dict(query)
        begin = 0 if self.passes_over_offset else int(page.get("offset", 0))
        matches = list(found.values())[begin:][: min(self.most, int(page.get("limit", self.most)))]
        return (200, json.dumps(matches).encode(), {}) if matches else (204, b"", {})


def _plain(value: object) -> object:
    """A person's name as one text."""
    return value.get("Alphabetic") if isinstance(value, dict) else value

"""Requests drawn at random from what the server says can be asked, with good, nearly good and hostile values.

`CAUSEWAY_REQUESTS_SECONDS` says for how long, `CAUSEWAY_REQUESTS_SEED` with which seed; a failure names its seed and
the request. Whatever comes, there is an answer within a bound; it is no failure of the server's own; an error says
what was wrong; the connection serves on; and what was kept is kept.
"""

from __future__ import annotations

import collections
import os
import random
import threading
import time
from urllib.parse import quote, quote_from_bytes

import pytest

import data
import samples
from clients import Web, multipart, stored
from raw_http import Broken, Line, Method, assert_sound, methods, naming, request

SECONDS = float(os.environ.get("CAUSEWAY_REQUESTS_SECONDS", "15"))
SEED = int(os.environ.get("CAUSEWAY_REQUESTS_SEED", str(random.randrange(1 << 32))))
CALLERS = 4
#: Of one connection before a new one is made.
REQUESTS_MAX = 50
MEMORY_BYTES_MAX = 400 << 20
#: Of a request that found a fault.
TOLD_BYTES_MAX = 1500

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(SECONDS + 240)]

#: Largest sample that is stored: big ones only make the answers longer.
SAMPLE_BYTES_MAX = 600_000

#: Beside those that the server describes: the URI service and the administrator's reading.
FURTHER = [
    Method("GET", "/wado", (), tuple((name, ()) for name in (
        "requestType", "studyUID", "seriesUID", "objectUID", "contentType", "charset", "anonymize", "annotation", "rows", "columns",
        "region", "windowCenter", "windowWidth", "frameNumber", "imageQuality", "presentationUID", "presentationSeriesUID", "transferSyntax",
    )), ("application/dicom", "image/jpeg")),
    *(Method("GET", path, (), (("limit", ()), ("state", ()), ("remote", ()), ("study", ())), ()) for path in (
        "/", "/health/ready", "/metrics", "/api/v1/node", "/api/v1/remotes", "/api/v1/queue", "/api/v1/queue/jobs", "/api/v1/incidents",
        "/api/v1/tokens", "/api/v1/routes", "/api/v1/worklist", "/api/v1/procedure-steps", "/api/v1/commitments", "/api/v1/notices", "/api/v1/way-back",
        "/api/v1/studies/{study}/routes", "/api/v1/studies/{study}/story", "/api/v1/worklist/{instance}", "/api/v1/remotes/{frames}",
    )),
]

#: What breaks readers of text.
HOSTILE = [
    b"", b" ", b"*", b"?", b"%", b"\\", b"'", b'"', b"\x00", b"\r\n", b"\n", b"\x1b[31m", b"..", b"../../etc/passwd", b"\xff\xfe", b"\xc0\xae",
    b"\xed\xa0\x80", "İſß\u0301".encode(), "山田^太郎".encode(), b"' OR 1=1--", b'"; DROP TABLE instances;--', b"${jndi:ldap://x}", b"{{7*7}}", b"<x/>",
    b"-1", b"0", b"1", b"4294967296", b"9223372036854775808", b"1e309", b"NaN", b"0x10", b"+1", b"1.5", b",", b",,", b"1,2,3", b"-", b"--", b";", b"=",
    b"&", b"a" * 64, b"a" * 65, b"9" * 400, b"*" * 300, b"?*" * 200, b"[" * 500, b"%00" * 10, b"." * 70, b"1.2.840.10008.1.2.1", b"a,b;c=d",
]
DATES = ["20200101", "20200101-20211231", "-20200101", "20200101-", "2020", "20201301", "00000000", "20200101-20190101", "99991231-", "2020.01.01"]
TIMES = ["101112", "10", "1011-12", "-1011.123456", "252525", "101112.1234567", "10:11"]
WORDS = ["CT", "CT,MR", "*", "A*", "?", "^", "Doe^John", "doe", "true", "false", "all", "1", "10", "0", "PatientName", "00100010", "0040A730.00080100", "UTF-8", "iso-8859-1"]
MEDIA = [
    "*/*", "application/dicom+json", "application/json", "application/dicom", "application/dicom+xml", "application/zip", "text/html", "image/jpeg", "image/png", "image/gif",
    "video/mp4", "application/pdf", "application/octet-stream", "image/jp2", "image/jls", "image/dicom-rle", "image/*", "application/*",
    'multipart/related; type="application/dicom"', 'multipart/related; type="application/dicom"; transfer-syntax=*',
    'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1', 'multipart/related; type="application/dicom+xml"',
    'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50', "multipart/related", "multipart/mixed",
]
SYNTAXES = ["*", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.3", ""]
HEADERS = [
    "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Range", "If-None-Match", "If-Match", "If-Range", "If-Modified-Since", "If-Unmodified-Since",
    "Content-Type", "Content-Location", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "Host",
    "Authorization", "Origin", "Access-Control-Request-Method", "Cookie", "User-Agent", "Expect", "Connection", "TE", "Upgrade", "X-Request-Id", "Cache-Control",
]
HEADER_VALUES = {
    "Accept-Charset": ["utf-8", "iso-8859-1;q=0.5, utf-8;q=0", "*", "*;q=0", "klingon"],
    "Accept-Encoding": ["gzip", "gzip;q=0", "identity;q=0", "*;q=0", "br, gzip;q=0.5, *;q=0", "deflate", "gzip;q=2", "gzip;q=x"],
    "Range": ["bytes=0-0", "bytes=0-", "bytes=-1", "bytes=-0", "bytes=5-2", "bytes=0-1,2-3", "bytes=0-0," * 200, "bytes=18446744073709551615-", "bytes=0-18446744073709551616", "items=0-1", "bytes=a-b", "bytes"],
    "If-None-Match": ["*", '"x"', 'W/"x"', '"x", "y"', '"', "x", '"x"' * 100],
    "If-Match": ["*", '"x"'], "If-Range": ['"x"', "Thu, 26 Nov 2026 10:00:00 GMT"],
    "If-Modified-Since": ["Thu, 26 Nov 2026 10:00:00 GMT", "yesterday", "Thu, 32 Nov 99999 99:99:99 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"],
    "Content-Type": ["application/dicom", "application/json", "text/plain", 'multipart/related; type="application/dicom"; boundary=x', "multipart/related; boundary=", 'multipart/related; boundary="' + "x" * 300 + '"', "multipart/form-data; boundary=x", ";", "/"],
    "Forwarded": ["for=1.2.3.4;proto=https;host=pacs.example.org", "host=\"[::1]:80\"", "proto=gopher", ";;=", "host=", "for=\"_gazonk\"", "for=x" * 100],
    "X-Forwarded-For": ["1.2.3.4", "::1", "127.0.0.1, 10.0.0.1"], "X-Forwarded-Proto": ["https", "http", "ftp"], "X-Forwarded-Host": ["pacs.example.org", "a:b", "[::1"], "X-Forwarded-Port": ["443", "0", "65536"], "X-Forwarded-Prefix": ["/x/", "//x", "/../x"],
    "Host": ["localhost", "127.0.0.1:8080", "[::1]", "evil.example", "a b", ""],
    "Authorization": ["Bearer x", "Bearer", "Basic dXNlcjpwYXNz", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer " + "x" * 5000, "Digest username=x", "Negotiate"],
    "Origin": ["https://viewer.example.org", "null", "*"], "Access-Control-Request-Method": ["GET", "DELETE"], "Expect": ["100-continue", "x"],
    "Connection": ["keep-alive", "upgrade, http2-settings", "x"], "TE": ["trailers", "gzip"], "Upgrade": ["h2c", "websocket"],
}


class Hand:
    """Draws requests. All that it draws follows from its seed."""

    def __init__(self, seed: int, described: list[Method], held: list[dict[str, str]]):
        self.random = random.Random(seed)
        self.described = described
        self.held = held

    def text(self) -> bytes:
        """Something hostile, or something garbled."""
        drawn = self.random
        if drawn.random() < 0.7:
            return drawn.choice(HOSTILE)
        return bytes(drawn.randrange(256) for _ in range(drawn.randrange(40)))

    def garbled(self, good: str) -> bytes:
        """Nearly good: a character taken out, put in, doubled or changed."""
        raw = bytearray(good.encode())
        for _ in range(self.random.randint(1, 3)):
            place = self.random.randrange(len(raw) + 1)
            match self.random.randrange(4):
                case 0:
                    raw[place:place + 1] = b""
                case 1:
                    raw[place:place] = bytes([self.random.randrange(256)])
                case 2:
                    raw[place:place] = raw[:place][-8:]
                case _:
                    raw[place:place + 1] = self.random.choice([b",", b";", b"*", b"=", b'"', b"\\", b"-", b"."])
        return bytes(raw)

    def value(self, name: str, options: tuple[str, ...]) -> bytes:
        """A value of a query parameter."""
        drawn = self.random
        if drawn.random() < 0.25:
            return self.text()
        item = drawn.choice(self.held)
        pools = [WORDS, DATES if "Date" in name else WORDS, TIMES if "Time" in name else WORDS, list(options) or WORDS]
        if "UID" in name or drawn.random() < 0.1:
            pools.append([item["study"], item["series"], item["instance"], ",".join([item["study"]] * 3), "\\".join([item["study"]] * 2)])
        if name == "accept":
            pools.append(MEDIA)
        good = drawn.choice(drawn.choice(pools))
        return self.garbled(good) if drawn.random() < 0.2 else good.encode()

    def target(self, method: Method, root: str) -> bytes:
        """The path and the query."""
        drawn = self.random
        values = {}
        for name, good in drawn.choice(self.held).items():
            if name == "frames":
                good = drawn.choice(["1", "2", "1,2", "2,1", "1,1", "0", "99999", "1-3", ",".join(["1"] * 20)])
            if name == "attribute":
                good = drawn.choice(["7FE00010", "00420011", "00100010", "54000100/1/54001010", "x", "00081140/1/00081155", "FFFEE000"])
            odd = drawn.random()
            values[name] = quote(good, safe="/,") if odd > 0.12 else quote_from_bytes(self.garbled(good) if odd > 0.06 else self.text(), safe="")
        target = (root + method.target(values)).encode()
        if drawn.random() < 0.03:
            place = drawn.randrange(1, len(target) + 1)
            target = target[:place] + drawn.choice([b"/", b"//", b"%2f", b"%", b"..", b"?", b"#", b"%00", b";a=b"]) + target[place:]
        pairs = []
        for _ in range(drawn.choice([0, 0, 1, 1, 2, 3, 8])):
            name, options = drawn.choice(method.query or (("accept", ()), ("limit", ()))) if drawn.random() < 0.9 else (drawn.choice(WORDS), ())
            value = self.value(name, options)
            written = quote_from_bytes(value, safe=drawn.choice(["", "*,/;=\\"]))
            pairs.append(f"{quote(name)}={written}" if drawn.random() < 0.97 else drawn.choice([quote(name), f"={written}", "&", f"{name}=={written}", f"%zz={written}", f"{name}=%"]))
        return target + (b"?" + "&".join(pairs).encode() if pairs else b"")

    def media(self, method: Method) -> str:
        """A list of media types."""
        drawn = self.random
        ranges = []
        for _ in range(drawn.choice([1, 1, 1, 2, 3, 40])):
            one = drawn.choice(list(method.offers) or MEDIA) if drawn.random() < 0.6 else drawn.choice(MEDIA)
            if drawn.random() < 0.3:
                one += f"; transfer-syntax={drawn.choice(SYNTAXES)}"
            if drawn.random() < 0.3:
                one += drawn.choice([";q=0", ";q=1", ";q=0.5", ";q=0.0001", ";q=2", ";q=", ";q=x", "; charset=utf-8", ";;", "; x"])
            ranges.append(one)
        return ", ".join(ranges)

    def headers(self, method: Method) -> list[tuple[str, bytes]]:
        """Header fields: mostly an Accept that fits, some others, some of them hostile."""
        drawn = self.random
        headers = [("Accept", self.media(method).encode())] if drawn.random() < 0.8 else []
        for name in drawn.sample(HEADERS, drawn.choice([0, 0, 1, 2, 5])):
            if name == "Accept":
                value = self.media(method).encode()
            elif name in HEADER_VALUES and drawn.random() < 0.8:
                value = drawn.choice(HEADER_VALUES[name]).encode()
            else:
                value = self.text()
            if drawn.random() < 0.1:
                value = self.garbled(value.decode("latin-1"))
            headers.append((name, value if drawn.random() < 0.02 else bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F)))
        return headers

    def body(self, method: Method) -> tuple[bytes, str] | None:
        """A body for a store; what it holds may be kept."""
        drawn = self.random
        if method.name != "POST" and drawn.random() > 0.02:
            return None
        item = data.file_of(data.instance())
        if drawn.random() < 0.5:
            place = drawn.randrange(len(item))
            item = item[:place] + bytes(drawn.randrange(256) for _ in range(4)) + item[place + drawn.randrange(8):]
        body, kind = multipart([item] * drawn.choice([0, 1, 1, 3]))
        if drawn.random() < 0.3:
            place = drawn.randrange(len(body) + 1)
            body = body[:place] + self.text() + body[place + drawn.randrange(16):]
        return body, drawn.choice([kind, kind, kind, "application/dicom", *(method.takes or ("text/plain",))])

    def request(self, root: str) -> tuple[str, bytes]:
        """A method and the bytes of its request."""
        drawn = self.random
        further = drawn.random() < 0.1
        method = drawn.choice(FURTHER if further else [one for one in self.described if one.name != "DELETE" or drawn.random() < 0.1])
        name = method.name
        if drawn.random() < 0.1:
            name = drawn.choice(["HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "PROPFIND", "get"])
        elif name == "GET" and drawn.random() < 0.15:
            name = "HEAD"
        target = self.target(method, "" if further else root)
        if name == "DELETE":
            # Never of what the test holds on to.
            for item in self.held:
                for uid in item.values():
                    target = target.replace(uid.encode(), b"1.2.3") if len(uid) > 6 else target
        headers = self.headers(method)
        body = self.body(method)
        if body is not None:
            headers = [pair for pair in headers if pair[0] != "Content-Type" or drawn.random() < 0.1] + [("Content-Type", body[1].encode())]
        return name, request(name, target, headers, body[0] if body else None)


class Caller(threading.Thread):
    """Asks until the time is over or something is wrong."""

    def __init__(self, node, hand: Hand, until: float):
        super().__init__(daemon=True)
        self.node, self.hand, self.until = node, hand, until
        self.statuses: collections.Counter[int] = collections.Counter()
        self.closed = 0
        self.slowest = (0.0, b"")
        self.fault: str | None = None

    def run(self) -> None:
        while time.monotonic() < self.until and self.fault is None:
            with Line(self.node) as line:
                for _ in range(REQUESTS_MAX):
                    if time.monotonic() > self.until or not self.once(line):
                        break

    def once(self, line: Line) -> bool:
        """One request. Whether the connection serves on."""
        name, sent = self.hand.request(self.node.dicomweb_root)
        start = time.monotonic()
        try:
            line.send(sent)
            answer = line.answer(name)
            if answer is None:
                # A request that is none, by bytes that no head may hold, may be closed on; a sound one may not.
                self.closed += 1
                return False
            assert_sound(answer, name)
            self.statuses[answer.status] += 1
        except (AssertionError, Broken, TimeoutError, ValueError, OSError) as fault:
            self.fault = f"{type(fault).__name__}: {fault}\nasked: {sent[:TOLD_BYTES_MAX]!r}"
            return False
        self.slowest = max(self.slowest, (time.monotonic() - start, sent[:400]))
        return (answer.header("connection") or "").lower() != "close"


def kept(node):
    """One sample of each SOP class in each transfer syntax, as far as there are samples; plain ones besides."""
    items = stored(node, *data.study(2, 3))
    kinds = set()
    for sample in samples.good("any request"):
        kind = (sample.sop_class, sample.transfer_syntax)
        if kind in kinds or sample.path.stat().st_size > SAMPLE_BYTES_MAX:
            continue
        if Web(node.dicomweb).stow(sample.bytes()).status_code == 200:
            kinds.add(kind)
            items.append(sample)
    return items


def named(item):
    if isinstance(item, samples.Sample):
        return {"study": item.study, "series": item.series, "instance": item.sop_instance, "frames": "1", "attribute": "7FE00010"}
    return naming(item)


def test_any_request_is_answered(own_subject):
    node = own_subject
    held = [named(item) for item in kept(node)]
    described = methods(node)
    print(f"CAUSEWAY_REQUESTS_SEED={SEED}, {len(held)} instances, {len(described)} methods")
    before = node.resident_bytes()
    node.forget_peak()
    until = time.monotonic() + SECONDS
    callers = [Caller(node, Hand(SEED + number, described, held), until) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    statuses = sum((caller.statuses for caller in callers), collections.Counter())
    slowest = max(caller.slowest for caller in callers)
    print(f"{sum(statuses.values())} answers {dict(sorted(statuses.items()))}, closed {sum(caller.closed for caller in callers)}")
    print(f"slowest {slowest[0]:.2f} s: {slowest[1]!r}; peak {(node.peak_bytes() - before) >> 20} MiB above")
    faults = [caller.fault for caller in callers if caller.fault]
    assert not faults, f"CAUSEWAY_REQUESTS_SEED={SEED}\n" + "\n\n".join(faults)
    assert {200, 400, 404, 406} <= set(statuses), "too little was reached"
    assert node.peak_bytes() - before < MEMORY_BYTES_MAX
    for item in held:
        path = f"/studies/{item['study']}/series/{item['series']}/instances/{item['instance']}/metadata"
        assert Web(node.dicomweb).get(path).status_code == 200, "what was kept is gone"
    log = node.logged()
    assert "panicked" not in log and "\x1b" not in log, "the log holds what it must not"

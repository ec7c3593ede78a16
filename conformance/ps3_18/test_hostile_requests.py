"""Requests made to break in or to break things: paths, headers, framing, sizes, bodies without end.

The resources are those that the server describes itself, so that later ones are asked as well.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from urllib.parse import quote, unquote, urlsplit

import pytest
import requests

import data
from clients import Web, multipart, stored
from raw_http import Broken, Line, ask, assert_sound, methods, naming, request

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

#: In place of a UID, an attribute or a list of frames.
HOSTILE_SEGMENTS = [
    "..", "../..", "../../../../../../etc/passwd", "%2e%2e", "%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%2f..%2fcanary",
    "%2e%2e/%2e%2e/canary", "..%5c..%5ccanary", "..%255c", "%252e%252e%252fcanary", "....//....//canary",
    "%c0%ae%c0%ae%c0%afcanary", "%e0%80%ae%e0%80%ae%e0%80%afcanary", "%c1%9c..%c1%9c", "%ff%fe", "%00", "1.2.3%00", "1.2.3%00.dcm",
    "/etc/passwd", "%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd", "~root", "C:%5cwindows%5cwin.ini", "1.2.3%0d%0aX-Injected:%20yes",
    "%0a", "%1b%5b31m", "1.2.3;rm%20-rf", "1.2.3'%20OR%20'1'='1", "1.2.3%22--", "%24%7bjndi:ldap://x%7d", "*", "%2a", "%3f", "1.2.*", "%25",
    "%", "%zz", "1..2", "01.2.3", ".1", "1.", "-1", "0", "99999999999999999999", "1,1,1", "1-2", "9" * 65, "1." * 40, "1" * 5000, "%e2%80%ae",
]
#: Bytes that have no place in a request's target at all.
RAW_SEGMENTS = [b"..\\..\\canary", b"\xc0\xae\xc0\xae\xc0\xaf", b"1.2.3\x00", b"1.2\t3", b"\x7f", b"\xff"]
CRLF = "%0d%0aX-Injected:%20yes%0d%0a%0d%0a%3chtml%3e"
CANARY = "the canary is out"
FORGED = "2026-01-01T00:00:00.000000Z ERROR forged"


@pytest.fixture(scope="module")
def node(own_subject):
    """A node with a secret beside and above what it keeps."""
    for place in (own_subject.folder, own_subject.folder / "data", own_subject.folder / "data" / "objects"):
        place.mkdir(exist_ok=True)
        (place / "canary").write_text(CANARY)
    return own_subject


@pytest.fixture(scope="module")
def held(node):
    """One instance."""
    (item,) = stored(node, *data.study(1, 1))
    return item


@pytest.fixture(scope="module")
def described(node):
    return methods(node)


@pytest.fixture(autouse=True)
def nothing_got_out(node, held):
    """Whatever was asked, the instance is there still, and the log is one line an event, without control characters."""
    yield
    if node.alive():  # else it is told of by another fixture
        assert Web(node.dicomweb).has(held)
        log = node.logged()
        assert CANARY not in log
        for line in log.splitlines():
            assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z +[A-Z]+ ", line), line
            assert line.isprintable(), repr(line)


def refused(node, method, target, told, body=None):
    """The target is refused in words that give nothing away."""
    kind = [("Content-Type", multipart([b""])[1])] if body is not None else []
    answer = ask(node, method, target, kind, body)
    assert_sound(answer, method, told)
    assert 400 <= answer.status < 500, f"{answer.status}: {told}"
    assert answer.header("x-injected") is None
    given_away(node, answer, told)


def given_away(node, answer, told):
    text = answer.body.decode("utf-8", "replace") + str(answer.headers)
    for secret in (CANARY, "root:", str(node.folder), "catalog.db", "/objects", "spool", "SQL", ".rs:"):
        assert secret not in text, f"{secret} in the answer to {told}: {text[:500]}"


# Paths.

def test_no_path_leads_out_of_any_resource(node, held, described):
    """Each variable of each resource and method in turn, all others right."""
    asked = 0
    for method in described:
        for variable, hostile in itertools.product(method.variables(), HOSTILE_SEGMENTS):
            values = {**naming(held), variable: hostile}
            if variable == "frames" and hostile in ("1,1,1",):
                continue  # a list of frames
            target = node.dicomweb_root + method.target(values)
            if method.name == "GET":
                harmless(node, target, variable, hostile)
            else:
                body = multipart([data.file_of(data.instance())])[0] if method.name == "POST" else None
                refused(node, method.name, target, f"{method.name} {target}", body)
            asked += 1
    assert asked > 500


def harmless(node, target, variable, hostile):
    answer = assert_sound(ask(node, "GET", target), "GET", target)
    given_away(node, answer, target)
    # With slashes in it, the path may well be another resource's; digits and dots, padded or not, might be a UID, of nothing here.
    if "/" not in hostile:
        fine = (204,) if set(unquote(hostile).rstrip("\0")) <= set("0123456789.") else ()
        assert 400 <= answer.status < 500 or answer.status in fine, f"{answer.status}: {target}"




@pytest.mark.parametrize("raw", RAW_SEGMENTS, ids=[repr(raw) for raw in RAW_SEGMENTS])
def test_bytes_that_no_target_may_hold_are_refused(node, held, described, raw):
    for method in described:
        for variable in method.variables():
            marked = method.target({**naming(held), variable: "@@"}).encode()
            target = (node.dicomweb_root.encode() + marked).replace(b"@@", raw)
            answer = ask(node, method.name, target)
            assert answer is not None and 400 <= answer.status < 500, f"{answer}: {target!r}"
            given_away(node, answer, target)


@pytest.mark.parametrize("root", ["/dicom-web/", "/", "/api/v1/", "/health/", "/wado/", "//", "/dicom-web//"])
@pytest.mark.parametrize("hostile", ["../canary", "%2e%2e%2fcanary", "..%5ccanary", "%00", "%c0%ae%c0%ae/canary", "canary", ".git/config", "%0aX"])
def test_nothing_lies_beside_the_resources(node, root, hostile):
    answer = assert_sound(ask(node, "GET", root + hostile), "GET", root + hostile)
    assert answer.status in (400, 404, 405), answer
    given_away(node, answer, root + hostile)


# Headers that come back, and the log.

def test_no_query_parameter_gets_a_line_into_the_answer_s_head(node, held, described):
    """CR and LF in the value and in the name of each parameter of each method."""
    for method in described:
        target = node.dicomweb_root + method.target(naming(held))
        for name in [name for name, _ in method.query] + ["unknown", "X"]:
            if method.name == "DELETE":
                continue
            for query in (f"{quote(name)}=a{CRLF}", f"{quote(name)}{CRLF}=a"):
                with Line(node) as line:
                    body = b"" if method.name == "POST" else None
                    line.send(request(method.name, f"{target}?{query}", body=body))
                    answer = assert_sound(line.answer(method.name), method.name, query)
                    assert answer.header("x-injected") is None
                    assert not any("\n" in value or "\r" in value for _, value in answer.headers)
                    line.send(request("OPTIONS", node.dicomweb_root))
                    assert line.answer("OPTIONS").status == 200, "the connection is sound"


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Port", "Forwarded", "Origin", "X-Request-Id", "Accept", "If-None-Match", "Range"])
@pytest.mark.parametrize(
    "value",
    [
        b"evil.example/\"><script>alert(1)</script>", b"a\r\n X-Injected: yes", b"a\rX-Injected: yes", b"a\x00b", b"\x1b[31mred",
        b"user@evil.example", b"evil.example\\@good", b"\xff\xfe", b"a" * 5000, b"localhost:99999999", b"[::1", b"proto=https;host=\"a\\\"b\"", b",", b"",
    ],
    ids=lambda value: repr(value[:20]),
)
def test_no_header_breaks_out_of_the_links_that_it_shapes(node, held, name, value):
    """Links stay what they are: an http address of a host, and the path of the instance."""
    path = f"/studies/{held.StudyInstanceUID}/series"
    answer = ask(node, "GET", node.dicomweb_root + path, [(name, value), *([] if name == "Accept" else [("Accept", "application/dicom+json")])])
    assert_sound(answer, "GET", (name, value))
    assert answer.header("x-injected") is None
    if answer.status == 200 and "json" in (answer.header("content-type") or ""):
        for one in answer.json():
            link = urlsplit(one["00081190"]["Value"][0])
            assert link.scheme in ("http", "https") and re.fullmatch(r"[A-Za-z0-9.:_\[\]-]+", link.netloc), link
            assert link.path.endswith(f"/dicom-web{path}/{held.SeriesInstanceUID}") and not link.query, link


def test_the_log_holds_no_query_no_token_and_no_line_of_a_caller(node, held, described):
    """At info, whatever is asked for and however it ends."""
    secrets = {"query": "Zaphod-Beeblebrox", "token": "cwy-0123456789-secret", "agent": "evil-agent"}
    for method in described:
        target = node.dicomweb_root + method.target(naming(held) if method.name == "GET" else {**naming(held), "study": "1.2.3"})
        query = f"PatientName={secrets['query']}%0a{quote(FORGED)}%1b%5b31m&accept=x%0a{quote(FORGED)}"
        for token in (secrets["token"], secrets["token"] + "\n" + FORGED, secrets["token"] + "\x1b[31m"):
            for value in (token, token.replace("\n", "%0a"), token.encode("latin-1") + b"\xff"):
                headers = [("Authorization", b"Bearer " + (value if isinstance(value, bytes) else value.encode())), ("User-Agent", secrets["agent"])]
                body = f"--x\r\nContent-Type: application/dicom\r\nContent-Location: {FORGED}\r\n\r\nx\r\n--x--".encode()
                kind = [("Content-Type", 'multipart/related; type="application/dicom"; boundary=x')]
                ask(node, method.name, f"{target}?{query}", headers + (kind if method.name == "POST" else []), body if method.name == "POST" else None)
    for segment in (quote(FORGED + "\n"), "%0a" + quote(FORGED), "%1b%5b31m"):
        for name in ("GET", "POST", "DELETE", "PUT", "TRACE"):
            ask(node, name, f"{node.dicomweb_root}/studies/{segment}")
            ask(node, name, f"/{segment}")
    log = node.logged()
    for secret in (*secrets.values(), "forged", "\x1b"):
        assert secret not in log, secret


# Framing: one request must not be two.

FRAMINGS = {
    "two lengths that differ": b"Content-Length: 5\r\nContent-Length: 50\r\n",
    "a list of lengths": b"Content-Length: 5, 50\r\n",
    "a length with a sign": b"Content-Length: +5\r\n",
    "a negative length": b"Content-Length: -5\r\n",
    "a length in hexadecimal": b"Content-Length: 0x5\r\n",
    "a length beyond all numbers": b"Content-Length: 99999999999999999999999\r\n",
    "a length of letters": b"Content-Length: five\r\n",
    "a coding that is not the last": b"Transfer-Encoding: chunked, identity\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n",
    "a space before the colon": b"Content-Length : 5\r\n",
    "a line that is folded": b"X-Fold: a\r\n b\r\nContent-Length: 5\r\n",
    "no colon": b"Content-Length 5\r\n",
    "a control character in a name": b"X\x01Y: 1\r\n",
    "NUL in a value": b"X-Nul: a\x00b\r\n",
    "a bare CR": b"X-Cr: a\rContent-Length: 5\r\n",
}


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS.keys())
def test_framing_that_two_could_read_differently_is_refused(node, framing):
    """RFC 9112 §5, §6.3: 400, and the connection is given up, so that what follows is nobody's request."""
    with Line(node) as line:
        line.send(b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n0\r\n\r\n" + request("OPTIONS", "/dicom-web"))
        answer = line.answer("POST")
        assert answer is not None and answer.status in (400, 411, 501), answer
        assert line.answer("OPTIONS") is None, "what followed was answered"


def test_a_length_beside_chunks_ends_the_connection(node):
    """RFC 9112 §6.1: refused or read as chunks; either way nothing more is read."""
    with Line(node) as line:
        line.send(
            b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nG" + request("OPTIONS", "/dicom-web")
        )
        answer = line.answer("POST")
        assert answer is not None and 400 <= answer.status < 500
        assert line.answer("OPTIONS") is None, "what followed was answered"


def test_the_same_length_twice_is_one_length_or_refused(node):
    with Line(node) as line:
        line.send(b"GET /dicom-web/studies?limit=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n")
        assert line.answer().status in (200, 204, 400)


@pytest.mark.parametrize("body", [b"Z\r\nhello\r\n0\r\n\r\n", b"-1\r\nhello\r\n", b"FFFFFFFFFFFFFFFFF\r\nhello", b"5\nhello\n0\n\n", b"5;" + b"x" * 70_000 + b"\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n"])
def test_chunks_that_are_none_end_the_request(node, body):
    with Line(node) as line:
        line.send(
            b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/related; type=\"application/dicom\"; boundary=x\r\n\r\n" + body + request("OPTIONS", "/dicom-web")
        )
        answer = line.answer("POST")
        assert answer is None or 400 <= answer.status < 500, answer
        assert answer is None or line.answer("OPTIONS") is None


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (b"GET /dicom-web/studies HTTP/1.1\r\n\r\n", (400,)),
        (b"GET /dicom-web/studies HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400,)),
        (b"GET /dicom-web/studies HTTP/1.1\r\nHost: a b\r\n\r\n", (400,)),
        (b"GET /dicom-web/studies?limit=1 HTTP/1.0\r\n\r\n", (200, 204)),
        (b"GET http://localhost/dicom-web/studies?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", (200, 204, 400, 421)),
        (b"GET /dicom-web/studies HTTP/3.0\r\nHost: localhost\r\n\r\n", (400, 505)),
        (b"GET /dicom-web/studies\r\nHost: localhost\r\n\r\n", (400,)),
        (b"get /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
        (b"BREW /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
        (b"CONNECT evil.example:25 HTTP/1.1\r\nHost: localhost\r\n\r\n", (400, 404, 405, 421)),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", (200, 204, 400, 404)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
        (b"\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00ANY-SCP         ", (400,)),
        (b"\r\n\r\n\r\nGET /dicom-web/studies?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", (200, 204, 400)),
    ],
    ids=lambda value: repr(value[:50]) if isinstance(value, bytes) else "",
)
def test_requests_at_the_edge_of_http(node, head, statuses):
    """RFC 9112 §2.3, §3.2: a Host, and one only; versions; methods; other protocols at this port."""
    with Line(node) as line:
        line.send(head)
        answer = line.answer()
        assert answer is not None and answer.status in statuses, answer


# Sizes and time.

def test_a_head_beyond_its_bounds_is_refused(node):
    """Length of the target, length of the head, number of fields: at the bound served, above it refused."""
    for headers, statuses in [
        ([("X-%d" % number, "1") for number in range(120)], (200, 204)),
        ([("X-%d" % number, "1") for number in range(200)], (431,)),
        ([("X-Long", "a" * 200_000)], (200, 204)),
        ([("X-Long", "a" * 300_000)], (431,)),
    ]:
        answer = ask(node, "GET", "/dicom-web/studies?limit=1", headers)
        assert answer is not None and answer.status in statuses, (len(headers), answer and answer.status)
    assert ask(node, "GET", "/dicom-web/studies?limit=1&PatientID=" + "a" * 60_000).status in (200, 204, 400, 414)
    assert ask(node, "GET", "/dicom-web/studies?PatientID=" + "a" * 70_000).status in (400, 414, 431)


def test_a_head_without_end_takes_no_memory(node):
    before = node.resident_bytes()
    node.forget_peak()
    with Line(node) as line:
        line.send(b"GET /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(200):
            if not line.send(b"X-Long: " + b"a" * 65_000):
                break
        answer = line.answer()
        assert answer is None or answer.status in (400, 431)
    assert node.peak_bytes() - before < 32 << 20


@pytest.fixture(scope="module")
def impatient(request):
    """A node that waits two seconds for a head, for more of a body, and for a receiver."""
    from subjects import SUBJECTS

    limits = {f"CAUSEWAY_WEB__LIMITS__{name}_SECONDS": "2" for name in ("HEAD", "READ", "WRITE")}
    subject = SUBJECTS["causeway"](settings=limits | {"CAUSEWAY_WEB__LIMITS__STORES": "4"})
    subject.start()
    yield subject
    subject.remove()


@pytest.mark.parametrize("drip", [b"", b"a", b"X-Slow: a\r\n"], ids=["silence", "a byte at a time", "a header at a time"])
def test_a_slow_head_ends_by_its_timer(impatient, drip):
    lines = [Line(impatient) for _ in range(20)]
    try:
        for line in lines:
            line.send(b"GET /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        for _ in range(8):
            time.sleep(0.5)
            for line in lines:
                if drip:
                    line.send(drip)
        assert Web(impatient.dicomweb).get("/studies", limit="1").status_code in (200, 204)
        for line in lines:
            try:
                answer = line.answer()
            except Broken:
                answer = None
            assert answer is None or answer.status in (400, 408), answer
    finally:
        for line in lines:
            line.close()


STORE = (
    b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nAccept: application/dicom+json\r\n"
    b"Content-Type: multipart/related; type=\"application/dicom\"; boundary=x\r\n\r\n"
)
ENDLESS = {
    "a preamble": [b"preamble " * 4096],
    "headers of a part": [b"--x\r\n", b"X-Header: value\r\n" * 2048],
    "one header of a part": [b"--x\r\nX-Header: ", b"value" * 8192],
    "parts without a body": [b"--x\r\n\r\n\r\n" * 4096],
    "parts of nothing": [b"\r\n--x" * 8192],
    "what looks like the boundary": [b"--x\r\nContent-Type: application/dicom\r\n\r\n", b"\r\n--" * 8192],
    "one part's body": [b"--x\r\nContent-Type: application/dicom\r\n\r\n" + b"\0" * 128 + b"DICM", b"\0" * 32768],
}


def chunk(piece):
    return b"%x\r\n%b\r\n" % (len(piece), piece)


@pytest.mark.parametrize("pieces", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_multipart_body_without_end_takes_no_memory_and_ends(impatient, pieces):
    """As much as the server will take, then nothing: refused on the way, or 408 when it stays silent."""
    before = impatient.resident_bytes()
    impatient.forget_peak()
    with Line(impatient) as line:
        line.send(STORE)
        for piece in pieces[:-1]:
            line.send(chunk(piece))
        for _ in range(2000):
            if not line.send(chunk(pieces[-1])):
                break
        answer = line.answer("POST")
        assert answer is None or 400 <= answer.status < 500 or answer.status == 202, answer
    assert impatient.peak_bytes() - before < 96 << 20
    assert Web(impatient.dicomweb).get("/studies", limit="1").status_code in (200, 204)


def test_bodies_that_drip_do_not_keep_others_from_storing(impatient):
    """A byte a second is no progress: those who send so are ended, and their places are free again."""
    lines = [Line(impatient) for _ in range(8)]
    try:
        for line in lines:
            line.send(STORE + chunk(b"--x\r\nContent-Type: application/dicom\r\n\r\n"))
        answered = set()
        for _ in range(40):
            time.sleep(0.4)
            for number, line in enumerate(lines):
                if number not in answered and not line.send(chunk(b"a")):
                    answered.add(number)
            if len(answered) == len(lines):
                break
        assert len(answered) == len(lines), "they drip still"
        assert Web(impatient.dicomweb).stow(data.file_of(data.instance())).status_code == 200
    finally:
        for line in lines:
            line.close()


def test_a_receiver_that_takes_nothing_is_left(impatient):
    """The answer waits for two seconds, then the connection ends."""
    item = data.instance(rows=60000)
    stored(impatient, item)
    path = f"/dicom-web/studies/{item.StudyInstanceUID}"
    with Line(impatient) as line:
        line._socket.setsockopt(1, 8, 4096)
        for _ in range(40):
            line.send(request("GET", path, [("Accept", 'multipart/related; type="application/dicom"; transfer-syntax=*')]))
        time.sleep(6)
        with pytest.raises((Broken, AssertionError)):
            for _ in range(40):
                assert_sound(line.answer(), "GET")


def test_many_requests_on_one_connection_are_answered_in_order(node, held):
    """Pipelined (RFC 9112 §9.3.2), good and bad mixed."""
    good, bad = request("GET", "/dicom-web/studies?limit=1"), request("GET", "/dicom-web/studies?limit=x")
    with Line(node) as line:
        line.send((good + bad) * 200)
        for _ in range(200):
            assert line.answer().status == 200
            assert line.answer().status == 400


def test_problems_are_json_and_name_no_path(node, held):
    for target in ("/dicom-web/studies?limit=x", "/dicom-web/nothing", "/dicom-web/studies/1.2.3/metadata", "/nothing", "/api/v1/nothing"):
        answer = requests.get(node.url + target, timeout=30)
        assert 400 <= answer.status_code < 500
        assert answer.headers["Content-Type"] == "application/problem+json", target
        assert json.loads(answer.text)["detail"]

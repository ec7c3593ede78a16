"""HTTP over TLS (PS3.18 §8.1.3, PS3.15 §B.12): HTTP/1.1 and HTTP/2, wrong callers, new certificates, the end of old ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
import requests

import data
from clients import multipart
from pki import Authority, calling
from subjects.base import free_port
from subjects.causeway import Causeway, binary

pytestmark = pytest.mark.only("causeway")

SECONDS_MAX = 20
STALLED = 80


@pytest.fixture
def authority(folder):
    """Whom node and callers trust."""
    return Authority(folder, "Hospital CA")


@pytest.fixture
def make_node(make_subject, authority):
    """Starts a node whose web listener speaks TLS, with these settings of `[web.tls]`."""

    def make(own, caller=None, trusted=authority.certificate, **settings):
        given = {"certificate": own.certificate, "key": own.key, "handshake_seconds": 2, **settings}
        environment = {f"CAUSEWAY_WEB__TLS__{key.upper()}": str(value) for key, value in given.items()}

        class Secured(Causeway):
            """Known to the clients of the suite by what it presents."""

            web_trusted = trusted
            web_presented = (str(caller.certificate), str(caller.key)) if caller else None

        return make_subject_of(make_subject, Secured, environment)

    return make


def make_subject_of(make_subject, kind, environment):
    """As `make_subject`, for a class of this file."""
    from subjects import SUBJECTS

    SUBJECTS["secured"] = kind
    try:
        return make_subject("secured", settings=environment)
    finally:
        del SUBJECTS["secured"]


def curl(*arguments, code=0):
    """What curl writes."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(["curl", "-sS", *arguments], capture_output=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout


def presented(node, context):
    """The certificate that the node presents, as it is."""
    with connected(node, context) as stream:
        return stream.getpeercert(binary_form=True)


def connected(node, context):
    plain = socket.create_connection((node.host, node.web_port), timeout=SECONDS_MAX)
    return context.wrap_socket(plain, server_hostname="localhost")


def until_presented(node, authority, identity):
    """Waits until a new certificate is in force."""
    deadline = time.monotonic() + SECONDS_MAX
    while presented(node, calling(authority.certificate)) != identity.der():
        assert time.monotonic() < deadline, node.tail()
        time.sleep(0.2)


@pytest.mark.parametrize(("option", "version"), [("--http1.1", b"1.1"), ("--http2", b"2")])
def test_curl_stores_and_reads_over_tls(make_node, authority, folder, option, version):
    """By ALPN, with the node's certificate judged; what is stored comes back byte for byte."""
    node = make_node(authority.issue("node"))
    item = data.instance(rows=600)
    (folder / "body").write_bytes(multipart([data.file_of(item)])[0])
    base = [option, "--cacert", str(authority.certificate), "-w", "\n%{http_code} %{http_version}"]
    said = curl(
        *base, "-H", f"Content-Type: {multipart([b''])[1]}", "-H", "Accept: application/dicom+json",
        "--data-binary", f"@{folder / 'body'}", f"{node.dicomweb}/studies",
    )
    answer, _, end = said.rpartition(b"\n")
    assert end == b"200 " + version, said
    retrieve = json.loads(answer)["00081199"]["Value"][0]["00081190"]["Value"][0]
    assert retrieve.startswith(f"https://{node.host}:{node.web_port}/dicom-web/studies/")
    got = curl(*base, "-H", "Accept: application/dicom; transfer-syntax=*", retrieve)
    body, _, end = got.rpartition(b"\n")
    assert end == b"200 " + version
    assert data.split(body)[1] == data.encoded(item)


@pytest.mark.parametrize(("option", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_many_requests_at_once_are_all_answered(make_node, authority, option, version):
    """On one connection in HTTP/2, on many in HTTP/1.1."""
    node = make_node(authority.issue("node"))
    said = curl(
        "--cacert", str(authority.certificate), option, "--parallel", "--parallel-max", "200", "-o", "/dev/null",
        "-w", "%{http_code} %{http_version}\n", f"{node.dicomweb}/studies?limit=[1-200]",
    )
    assert said.decode().split("\n")[:-1] == [f"204 {version}"] * 200


def test_links_are_https(make_node, authority):
    node = make_node(authority.issue("node"))
    item = data.instance()
    session = requests.Session()
    session.trust_env, session.verify = False, str(authority.certificate)
    body, kind = multipart([data.file_of(item)])
    stored = session.post(f"{node.dicomweb}/studies", data=body, headers={"Content-Type": kind, "Accept": "application/dicom+json"})
    assert stored.status_code == 200
    found = session.get(f"{node.dicomweb}/studies", params={"StudyInstanceUID": item.StudyInstanceUID})
    assert found.json()[0]["00081190"]["Value"][0].startswith("https://")
    behind = session.get(f"{node.dicomweb}/studies", headers={"X-Forwarded-Proto": "http"})
    assert behind.json()[0]["00081190"]["Value"][0].startswith("http://"), "a proxy has the last word"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
def test_the_protocol_is_agreed_on_in_the_handshake(make_node, authority, version, offered, chosen):
    """RFC 7301: HTTP/2 where the caller has it."""
    node = make_node(authority.issue("node"))
    context = calling(authority.certificate)
    context.minimum_version = context.maximum_version = version
    context.check_hostname = True
    if offered:
        context.set_alpn_protocols(offered)
    with connected(node, context) as stream:
        assert stream.selected_alpn_protocol() == chosen


def test_a_protocol_that_is_not_spoken_is_refused_in_the_handshake(make_node, authority):
    """RFC 7301 §3.2: no_application_protocol."""
    node = make_node(authority.issue("node"))
    context = calling(authority.certificate)
    context.set_alpn_protocols(["dicom"])
    with pytest.raises(ssl.SSLError), connected(node, context) as stream:
        stream.recv(1)
    assert requests.get(node.url + "/health/live", timeout=SECONDS_MAX, **node.web_tls()).status_code == 200


def test_plain_http_is_told_what_to_call(make_node, authority):
    """In its own language, and nothing else is served so."""
    node = make_node(authority.issue("node"))
    answer = requests.get(f"http://{node.host}:{node.web_port}/dicom-web/studies", timeout=SECONDS_MAX)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "https://" in answer.json()["detail"]
    node.says("WARN", "web listener", "speaks HTTP without TLS")
    with socket.create_connection((node.host, node.web_port), timeout=SECONDS_MAX) as stream:
        stream.sendall(b"\x00\x01\x02 no language at all")
        assert b"HTTP" not in stream.recv(4096)


def test_the_command_line_says_so_too(make_node, authority):
    node = make_node(authority.issue("node"))
    said = command("queue", "list", "--url", f"http://{node.host}:{node.web_port}", fails=True)
    assert "begin the address with https://" in said
    said = command("queue", "list", "--url", node.url, fails=True)
    assert "--ca" in said
    command("queue", "list", "--url", node.url, "--ca", str(authority.certificate))


def test_the_command_line_works_over_tls(make_node, authority):
    """REST, streamed answers, and an import; the certificate that signs itself is its own CA."""
    node = make_node(authority.issue("node"))
    node.add_remote("there", "THERE", free_port())
    assert "THERE" in node.run("remote", "list")
    item = data.instance()
    (node.folder / "one.dcm").write_bytes(data.file_of(item))
    node.run("import", str(node.folder / "one.dcm"))
    found = requests.get(f"{node.dicomweb}/studies/{item.StudyInstanceUID}/series", timeout=SECONDS_MAX, **node.web_tls())
    assert found.status_code == 200


def test_a_certificate_that_the_node_made_itself_is_trusted_by_name(make_node, folder):
    """`causeway certificate new`, then `--ca` with that very file."""
    command("certificate", "new", "--name", "localhost", "--name", "127.0.0.1", "--out", str(folder / "own"))
    own = type("Own", (), {"certificate": folder / "own" / "node.pem", "key": folder / "own" / "node.key"})
    node = make_node(own, trusted=own.certificate)
    command("queue", "list", "--url", node.url, "--ca", str(own.certificate))
    assert curl("--cacert", str(own.certificate), f"{node.url}/health/live")


def command(*arguments, fails=False):
    """Runs a command of ours; what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAUSEWAY_")}
    done = subprocess.run([str(binary()), *arguments], capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_caller_must_present_a_certificate_where_a_ca_is_set(make_node, authority, folder):
    strange = Authority(folder, "Strange CA")
    viewer = authority.issue("viewer")
    node = make_node(authority.issue("node"), caller=viewer, client_ca=authority.certificate)
    assert requests.get(node.url + "/health/live", timeout=SECONDS_MAX, **node.web_tls()).status_code == 200
    for identity, words in [(None, "presented no certificate"), (strange.issue("x"), "was issued by CN=Strange CA")]:
        with pytest.raises((ssl.SSLError, ConnectionError)), connected(node, calling(authority.certificate, identity)) as stream:
            stream.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            if stream.recv(1) == b"":
                raise ConnectionError("closed")
        node.says("WARN", "web listener", words)
    both = folder / "both.pem"
    both.write_bytes(viewer.certificate.read_bytes() + viewer.key.read_bytes())
    trusted = ["--url", node.url, "--ca", str(authority.certificate)]
    command("queue", "list", *trusted, fails=True)
    command("queue", "list", *trusted, "--identity", str(both))


def test_stalled_handshakes_end_and_hold_nobody_up(make_node, authority):
    """Slow-loris before and within the handshake: each ends by its timer, and others are served meanwhile."""
    node = make_node(authority.issue("node"))
    stalled = []
    try:
        for number in range(STALLED):
            stream = socket.create_connection((node.host, node.web_port), timeout=SECONDS_MAX)
            stream.sendall(b"\x16\x03\x01"[: number % 4])
            stalled.append(stream)
        assert requests.get(node.url + "/health/live", timeout=SECONDS_MAX, **node.web_tls()).status_code == 200
        for stream in stalled:
            while stream.recv(4096):
                pass
    finally:
        for stream in stalled:
            stream.close()
    node.says("did not finish the TLS handshake within 2 s")


def test_after_the_handshake_the_timers_of_http_hold(make_node, authority):
    """A connection without a request ends; `head_seconds` counts from the handshake on."""
    node = make_node(authority.issue("node"))
    node.settings["CAUSEWAY_WEB__LIMITS__HEAD_SECONDS"] = "2"
    node.restart()
    with connected(node, calling(authority.certificate)) as stream:
        stream.sendall(b"GET /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        answered = b""
        while piece := stream.recv(4096):
            answered += piece
        assert answered == b"" or answered.startswith(b"HTTP/1.1 408"), answered


def test_a_node_stops_at_once_while_handshakes_are_stalled(make_node, authority):
    node = make_node(authority.issue("node"), handshake_seconds=60)
    with socket.create_connection((node.host, node.web_port), timeout=SECONDS_MAX) as stream:
        stream.sendall(b"\x16")
        time.sleep(0.3)
        process = node._process
        node.stop()
        assert process.returncode == 0, "it was killed"


def test_a_new_certificate_is_presented_without_a_restart(make_node, authority):
    """What is under way goes on over the old one."""
    own, new = authority.issue("node"), authority.issue("renewed")
    node = make_node(own)
    session = requests.Session()
    session.trust_env, session.verify = False, str(authority.certificate)
    assert session.get(node.url + "/health/live", timeout=SECONDS_MAX).status_code == 200
    assert presented(node, calling(authority.certificate)) == own.der()
    new.take_the_place_of(own)
    until_presented(node, authority, new)
    assert session.get(node.url + "/health/live", timeout=SECONDS_MAX).status_code == 200
    node.says("certificates were read again")


def test_a_broken_certificate_changes_nothing(make_node, authority):
    own = authority.issue("node")
    node = make_node(own)
    before = own.der()
    own.certificate.write_text("-----BEGIN CERTIFICATE-----\nbroken\n")
    os.kill(node.pid, signal.SIGHUP)
    node.says("ERROR", "cannot be used; the former stay", "[web.tls] certificate")
    assert presented(node, calling(authority.certificate)) == before


def test_the_end_of_a_certificate_is_warned_of(make_node, authority):
    """30 days ahead: in the log, among the metrics, by the doctor and by `--check`."""
    own = authority.issue("node", days=(-90, 10.5))
    node = make_node(own)
    node.says("WARN", "[web.tls] certificate", "CN=node", "expires in 10 days")
    metrics = requests.get(node.url + "/metrics", timeout=SECONDS_MAX, **node.web_tls()).text
    line = next(line for line in metrics.splitlines() if own.fingerprint in line)
    assert line.startswith("causeway_certificate_expiry_timestamp_seconds{") and 'table="web.tls"' in line
    said = node.run("doctor")
    assert "[web.tls] certificate" in said and "expires in 10 days" in said
    done = subprocess.run(
        [*node.command(), "--check"], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **node.environment()},
    )
    assert done.returncode == 0 and "[web.tls] certificate: CN=node" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"certificate": "absent.pem", "key": "absent.key"}, "[web.tls] certificate"),
        ({"certificate": "node.pem"}, "missing field `key`"),
        ({"certificate": "node.pem", "key": "node.key", "handshake_seconds": "0"}, "[web.tls] handshake_seconds"),
        ({"certificate": "node.pem", "key": "node.key", "listen": "127.0.0.1:1"}, "unknown field `listen`"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_words(folder, settings, words):
    environment = {f"CAUSEWAY_WEB__TLS__{key.upper()}": value for key, value in settings.items()}
    done = subprocess.run(
        [str(binary()), "serve", "--check", "--data", str(folder / "data")], capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, **environment},
    )
    assert done.returncode != 0 and words in done.stderr, done.stderr

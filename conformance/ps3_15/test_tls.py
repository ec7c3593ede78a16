"""PS3.15 §B.12: callers over TLS; who is let in, who is not, and what the log says of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import time

import pytest
import requests
from pynetdicom.sop_class import Verification

import data
import wire
from clients import Web, associate, dcmtk, echo, rejection, store
from pki import calling
from subjects.causeway import binary

pytestmark = pytest.mark.only("causeway")

SUITES_1_2 = [
    "ECDHE-{kind}-AES256-GCM-SHA384", "ECDHE-{kind}-AES128-GCM-SHA256", "ECDHE-{kind}-CHACHA20-POLY1305",
]
SUITES_1_3 = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]
#: What BCP 195 has done away with, or rustls does not have.
REFUSED_SUITES = ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES256-GCM-SHA384"]
STALLED = 100
#: Calling AE title not recognized (PS3.8 Table 9-21).
UNKNOWN_CALLER = (1, 1, 3)


def connect(node, context, host=None):
    """A TLS connection to the node, its handshake done on this side."""
    plain = socket.create_connection((node.secure.host, node.secure.dimse_port), timeout=20)
    return context.wrap_socket(plain, server_hostname=host or "localhost")


def refused(node, context):
    """Shakes hands in vain; in TLS 1.3 the caller learns of it with the first byte it waits for."""
    with pytest.raises((ssl.SSLError, ConnectionError)), connect(node, context) as stream:
        stream.sendall(wire.associate_rq(node.node.ae_title))
        answer = stream.recv(1)
        assert answer == b"", "the node answered"
        raise ConnectionError("closed")


# Let in.

@pytest.mark.parametrize("profile", ["--profile-bcp195", "--profile-bcp195-nd", "--profile-bcp195-ex"])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_dcmtk_echoes_and_stores_over_mutual_tls(node, authority, folder, profile, kind):
    """Both sides present certificates of one CA, each profile of DCMTK."""
    modality = authority.issue("modality", kind=kind)
    tls = ["+tls", str(modality.key), str(modality.certificate), "+cf", str(authority.certificate), profile]
    where = ["-aec", node.node.ae_title, node.secure.host, str(node.secure.dimse_port)]
    done = dcmtk("echoscu", *tls, *where)
    assert done.returncode == 0, done.stdout + done.stderr
    item = data.instance()
    path = folder / "ct.dcm"
    path.write_bytes(data.file_of(item))
    done = dcmtk("storescu", *tls, *where, str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert Web(node.node.dicomweb).has(item)
    node.says("association accepted", "CN=modality", "TLS_")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_pynetdicom_stores_over_mutual_tls(node, authority, version):
    """TLS 1.2 and 1.3; the node's certificate is judged by its CA and name."""
    context = calling(authority.certificate, authority.issue("modality"))
    context.minimum_version = context.maximum_version = version
    context.check_hostname = True
    items = data.study(1, 5)
    with associate(node.secure, data_contexts(items), tls_args=(context, "localhost")) as association:
        assert [association.send_c_store(item).Status for item in items] == [0x0000] * len(items)
    assert all(Web(node.node.dicomweb).has(item) for item in items)


def data_contexts(items):
    """One context for each SOP class and transfer syntax."""
    pairs = {(item.SOPClassUID, item.file_meta.TransferSyntaxUID) for item in items}
    return [(abstract, [syntax]) for abstract, syntax in pairs]


def test_large_objects_come_through_unchanged(node, authority):
    """Many records of TLS, and P-DATA across their bounds."""
    context = calling(authority.certificate, authority.issue("modality"))
    item = data.instance(rows=60000)
    with associate(node.secure, data_contexts([item]), tls_args=(context, None)) as association:
        assert association.send_c_store(item).Status == 0x0000
    assert data.split(Web(node.node.dicomweb).file(item))[1] == data.encoded(item)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_each_suite_that_is_offered_is_taken(make_node, authority, kind):
    """PS3.15 §B.12, RFC 9325 §4.2: ECDHE with AEAD in TLS 1.2, and TLS 1.3."""
    own = authority.issue("node", kind=kind)
    node = make_node(certificate=own.certificate, key=own.key)
    for suite in (suite.format(kind="RSA" if kind == "rsa" else "ECDSA") for suite in SUITES_1_2):
        context = calling(authority.certificate)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
        with connect(node, context) as stream:
            assert stream.cipher()[0] == suite
    with connect(node, calling(authority.certificate)) as stream:
        assert stream.cipher()[0] == SUITES_1_3[0], "the server's liking decides"


# Refused, with a reason.

def test_a_certificate_of_another_ca_is_refused(node, authority, strange):
    refused(node, calling(authority.certificate, strange.issue("modality")))
    node.says("WARN", "CN=modality", "was issued by CN=Strange CA, which is not trusted", "client_ca")


def test_a_certificate_out_of_its_time_is_refused(node, authority):
    refused(node, calling(authority.certificate, authority.issue("late", days=(-30, -3))))
    node.says("CN=late", "expired on 20")
    refused(node, calling(authority.certificate, authority.issue("early", days=(3, 30))))
    node.says("CN=early", "is not valid before 20", "clocks")


def test_a_self_signed_certificate_is_refused_where_a_ca_judges(node, authority):
    refused(node, calling(authority.certificate, authority.issue("loner", alone=True)))
    node.says("CN=loner", "is self-signed")


def test_a_caller_without_a_certificate_is_refused(node, authority):
    refused(node, calling(authority.certificate))
    node.says("presented no certificate", "client_certificates")
    done = dcmtk(
        "echoscu", "+tla", "+cf", str(authority.certificate), "-aec", node.node.ae_title,
        node.secure.host, str(node.secure.dimse_port),
    )
    assert done.returncode != 0


def test_a_caller_without_a_certificate_is_let_in_where_it_is_only_requested(make_node, authority):
    own = authority.issue("node")
    node = make_node(
        certificate=own.certificate, key=own.key, client_ca=authority.certificate, client_certificates="requested",
    )
    assert echo(node.secure, tls_args=(calling(authority.certificate), None)) == 0x0000
    modality = calling(authority.certificate, authority.issue("modality"))
    assert echo(node.secure, tls_args=(modality, None)) == 0x0000
    node.says("association accepted", "CN=modality")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(node, authority, version):
    """RFC 8996: TLS 1.0 and 1.1 are not spoken."""
    context = calling(authority.certificate, authority.issue("modality"))
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    refused(node, context)
    name = "TLS 1.0" if version == ssl.TLSVersion.TLSv1 else "TLS 1.1"
    node.says("no version of TLS in common", f"offers only {name}")


def test_suites_without_forward_secrecy_aead_or_ecdhe_are_refused(make_node, authority):
    own = authority.issue("node", kind="rsa")
    node = make_node(certificate=own.certificate, key=own.key)
    for suite in REFUSED_SUITES:
        context = calling(authority.certificate)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite + ":@SECLEVEL=0")
        refused(node, context)
    node.says("no cipher suite in common", "TLS_RSA_WITH_AES_128_CBC_SHA")


# Who is who.

def test_a_remote_with_certificates_is_known_by_them_alone(make_node, authority, strange):
    """Without a CA a self-signed certificate is as good as any: the fingerprint decides."""
    own = authority.issue("node")
    node = make_node(certificate=own.certificate, key=own.key)
    mine, other = strange.issue("ct1", alone=True), strange.issue("double", alone=True)
    node.node.run(
        "remote", "add", "ct1", "--ae-title", "CT1", "--allow", "store", "--certificate", str(mine.certificate),
    )
    assert mine.fingerprint in node.node.run("remote", "show", "ct1")
    proven = calling(authority.certificate, mine)
    assert echo(node.secure, calling="CT1", tls_args=(proven, None)) == 0x0000
    node.says("association accepted", "CT1", "CN=ct1")
    for context, words in [
        (calling(authority.certificate, other), ["presented another", other.fingerprint]),
        (calling(authority.certificate), ["presented none"]),
    ]:
        assert rejection(node.secure, "CT1", tls_args=(context, None)) == UNKNOWN_CALLER
        node.says("WARN", "CT1", *words)
    assert rejection(node.node, "CT1") == UNKNOWN_CALLER
    node.says("WARN", "CT1", "must call over TLS")
    # Others are as they were.
    assert echo(node.node) == 0x0000


def test_a_remote_may_have_two_certificates_while_one_takes_over(make_node, authority, strange):
    own = authority.issue("node")
    node = make_node(certificate=own.certificate, key=own.key)
    old, new = strange.issue("old", alone=True), strange.issue("new", alone=True)
    node.node.run(
        "remote", "add", "ct1", "--ae-title", "CT1", "--allow", "store",
        "--certificate", old.fingerprint, "--certificate", str(new.certificate),
    )
    for identity in (old, new):
        assert echo(node.secure, calling="CT1", tls_args=(calling(authority.certificate, identity), None)) == 0x0000


def test_a_pinned_certificate_out_of_its_time_is_refused(make_node, authority, strange):
    own = authority.issue("node")
    node = make_node(certificate=own.certificate, key=own.key)
    late = strange.issue("late", days=(-30, -3), alone=True)
    node.node.run(
        "remote", "add", "ct1", "--ae-title", "CT1", "--allow", "store", "--certificate", late.fingerprint,
    )
    refused(node, calling(authority.certificate, late))
    node.says("CN=late", "expired on")


# Who speaks something else.

def test_a_caller_without_tls_at_the_port_for_it_is_told_apart(node):
    with socket.create_connection((node.secure.host, node.secure.dimse_port), timeout=20) as stream:
        stream.sendall(wire.associate_rq(node.node.ae_title))
        with contextlib.suppress(ConnectionError):
            while stream.recv(4096):
                pass
    node.says("speaks DICOM without TLS", "[dimse] listen")
    done = dcmtk("echoscu", "-aec", node.node.ae_title, node.secure.host, str(node.secure.dimse_port))
    assert done.returncode != 0


def test_a_caller_with_tls_at_the_port_without_is_told_apart(node, authority):
    context = calling(authority.certificate)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(socket.create_connection((node.node.host, node.node.dimse_port), timeout=20))
    node.says("it began TLS")
    assert echo(node.node) == 0x0000


# Under load.

def test_stalled_handshakes_do_not_stop_others_and_end_by_their_timer(make_node, authority):
    """100 callers that say nothing, or half of a ClientHello, hold up nobody, and are closed."""
    own = authority.issue("node")
    node = make_node(certificate=own.certificate, key=own.key, handshake_seconds=3)
    address = (node.secure.host, node.secure.dimse_port)
    stalled = [socket.create_connection(address, timeout=30) for _ in range(STALLED)]
    for number, stream in enumerate(stalled):
        if number % 2:
            stream.sendall(b"\x16\x03\x01\x02\x00\x01")
    context = calling(authority.certificate)
    for _ in range(5):
        assert echo(node.secure, tls_args=(context, None)) == 0x0000
        assert echo(node.node) == 0x0000
    for stream in stalled:
        with stream, contextlib.suppress(ConnectionError):
            assert stream.recv(1) == b"", "the node answered"
    line = node.says("did not finish the TLS handshake within 3 s")
    assert node.log().count("did not finish the TLS handshake") == 1, f"told over and over: {line}"
    assert echo(node.secure, tls_args=(context, None)) == 0x0000


def test_more_associations_than_allowed_are_rejected_over_tls_too(make_subject, make_node, authority):
    """PS3.8 Table 9-21: local limit exceeded; the limit is one for both ports."""
    own = authority.issue("node")
    node = make_node(certificate=own.certificate, key=own.key)
    node.node.stop()
    node.node.settings["CAUSEWAY_DIMSE__ASSOCIATIONS"] = "2"
    node.node.start()
    context = calling(authority.certificate)
    with associate(node.node, [Verification]), associate(node.secure, [Verification], tls_args=(context, None)):
        for subject, arguments in ((node.node, {}), (node.secure, {"tls_args": (context, None)})):
            with pytest.raises(AssertionError, match="no association"):
                echo(subject, **arguments)


# The node's own certificate.

def presented(node, authority):
    """The certificate that the node presents."""
    with connect(node, calling(authority.certificate)) as stream:
        return stream.getpeercert(binary_form=True)


def until_presented(node, authority, identity):
    """Waits until the node presents this one."""
    deadline = time.monotonic() + 30
    while presented(node, authority) != identity.der():
        assert time.monotonic() < deadline, node.node.tail()
        time.sleep(0.2)


def test_a_new_certificate_is_presented_without_a_restart(make_node, authority):
    own, new = authority.issue("node"), authority.issue("renewed")
    node = make_node(certificate=own.certificate, key=own.key)
    assert presented(node, authority) == own.der()
    context = calling(authority.certificate)
    with associate(node.secure, [Verification], tls_args=(context, None)) as association:
        new.take_the_place_of(own)
        until_presented(node, authority, new)
        assert association.send_c_echo().Status == 0x0000, "what was under way goes on"
    node.says("certificates were read again")


def test_a_broken_certificate_changes_nothing(make_node, authority):
    """The former stays in force, and the log says why; the right one is then taken on SIGHUP."""
    own, new = authority.issue("node"), authority.issue("renewed")
    node = make_node(certificate=own.certificate, key=own.key)
    before = own.der()
    own.certificate.write_text("-----BEGIN CERTIFICATE-----\nbroken\n")
    os.kill(node.node.pid, signal.SIGHUP)
    node.says("ERROR", "cannot be used; the former stay", "[dimse.tls] certificate")
    assert presented(node, authority) == before
    own.certificate.write_bytes(new.certificate.read_bytes())
    os.kill(node.node.pid, signal.SIGHUP)
    node.says("ERROR", "is not the key of the first certificate")
    assert presented(node, authority) == before
    own.key.write_bytes(new.key.read_bytes())
    os.kill(node.node.pid, signal.SIGHUP)
    until_presented(node, authority, new)


def test_a_new_ca_for_callers_is_in_force_without_a_restart(node, authority, strange):
    stranger = calling(authority.certificate, strange.issue("modality"))
    refused(node, stranger)
    trusted = authority.certificate
    trusted.write_bytes(trusted.read_bytes() + strange.certificate.read_bytes())
    os.kill(node.node.pid, signal.SIGHUP)
    node.says("certificates were read again")
    assert echo(node.secure, tls_args=(stranger, None)) == 0x0000


def test_the_end_of_a_certificate_is_warned_of(make_node, authority):
    """30 days ahead, in the log and among the metrics; an expired one is no reason not to start."""
    own, late = authority.issue("node", days=(-90, 20.5)), authority.issue("late", days=(-90, -3))
    node = make_node(certificate=own.certificate, key=own.key)
    node.says("WARN", "CN=node", "expires in 20 days")
    metrics = requests.get(node.node.url + "/metrics", timeout=20).text
    line = next(line for line in metrics.splitlines() if own.fingerprint in line)
    assert line.startswith("causeway_certificate_expiry_timestamp_seconds{") and 'subject="CN=node"' in line
    left = float(line.rsplit(" ", 1)[1]) - time.time()
    assert 20 * 86400 < left < 21 * 86400
    late.take_the_place_of(own)
    os.kill(node.node.pid, signal.SIGHUP)
    node.says("WARN", "CN=late", "expired on")
    node.node.restart()
    assert presented_unjudged(node) == own.der()


def test_the_doctor_tells_of_the_end_of_a_certificate(make_node, authority):
    """Ten days ahead: in the log, among the metrics, and as a finding with its remedy; an end that is past is a failure."""
    own, late = authority.issue("node", days=(-90, 10.5)), authority.issue("late", days=(-90, -3))
    node = make_node(certificate=own.certificate, key=own.key)
    node.says("WARN", "[dimse.tls] certificate", "CN=node", "expires in 10 days")
    assert own.fingerprint in requests.get(node.node.url + "/metrics", timeout=20).text
    finding = about_certificate(node)
    assert finding["verdict"] == "warning"
    assert "CN=node expires in 10 days" in finding["words"]
    assert finding["remedy"] == "replace the file in time; no restart is needed"
    code, said = doctor(node)
    assert code == 0 and "CN=node expires in 10 days" in said
    late.take_the_place_of(own)
    os.kill(node.node.pid, signal.SIGHUP)
    node.says("certificates were read again")
    assert about_certificate(node)["verdict"] == "failure"
    code, said = doctor(node)
    assert code == 1 and "CN=late expired on" in said and "replace the file" in said


def about_certificate(node):
    """What the node itself finds of the certificate that it presents."""
    findings = requests.get(node.node.url + "/api/v1/doctor", timeout=60).json()
    return next(it for it in findings if it["subject"] == "[dimse.tls] certificate")


def doctor(node):
    """The exit code of the command, and what it says."""
    command = [str(binary()), "doctor", "--url", node.node.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def presented_unjudged(node):
    """What the node presents to a caller that does not care."""
    with connect(node, calling(None)) as stream:
        return stream.getpeercert(binary_form=True)


def test_a_peers_certificate_about_to_expire_is_warned_of(node, authority):
    soon = authority.issue("modality", days=(-90, 10.5))
    for _ in range(2):
        assert echo(node.secure, tls_args=(calling(authority.certificate, soon), None)) == 0x0000
    node.says("WARN", "CN=modality", "will expire soon", "days=10")
    assert node.log().count("will expire soon") == 1


def test_what_was_sent_over_tls_is_stored_like_any_other(node, authority):
    """The same instance again over TCP is the same."""
    context = calling(authority.certificate, authority.issue("modality"))
    item = data.instance()
    with associate(node.secure, data_contexts([item]), tls_args=(context, None)) as association:
        assert association.send_c_store(item).Status == 0x0000
    assert store(node.node, item) == [0x0000]

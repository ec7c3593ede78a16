"""PS3.15 §B.12: remotes that are called over TLS: C-ECHO, C-MOVE, forwarding; whom the node takes them for."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time

import pytest
from pynetdicom.sop_class import CTImageStorage

import data
from clients import Receiver, dcmtk, identifier, move, stored
from pki import answering
from subjects.base import free_port
from subjects.causeway import binary

pytestmark = pytest.mark.only("causeway")

ARRIVE_SECONDS_MAX = 30


def add(node, receiver, *more, host="127.0.0.1", name="safe", tls=True):
    """Tells the node of a receiver that is called over TLS."""
    node.node.run(
        "remote", "add", name, "--ae-title", receiver.ae_title, "--host", host, "--port", str(receiver.port),
        "--allow", "store", *(["--tls"] if tls else []), *more,
    )


def echo(node, name="safe"):
    """Whether `remote echo` went well, and its words."""
    done = subprocess.run(
        [str(binary()), "remote", "echo", name, "--url", node.node.url, "--json"],
        capture_output=True, text=True, timeout=60,
    )
    answer = json.loads(done.stdout)
    assert (done.returncode == 0) == answer["is_well"], done.stdout + done.stderr
    return answer["is_well"], answer["words"]


def until(condition, what):
    """Waits until the condition holds."""
    deadline = time.monotonic() + ARRIVE_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


@pytest.fixture
def receiver(authority):
    """A Storage SCP of pynetdicom that insists on mutual TLS."""
    context = answering(authority.issue("receiver"), trusted=authority.certificate)
    with Receiver(f"SAFE{free_port()}", tls=context) as running:
        yield running


def test_a_remote_is_echoed_moved_to_and_forwarded_to_over_mutual_tls(node, receiver):
    """pynetdicom asks for our certificate, and gets it; we judge its by CA and host."""
    add(node, receiver)
    assert echo(node) == (True, "it answered")
    assert "TLS" in node.node.run("remote", "list")
    items = stored(node.node, *data.study(1, 3))
    query = identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID)
    status, _, _ = move(node.node, query, receiver.ae_title)
    assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, 3)
    assert {arrival.sop_instance: arrival.body for arrival in receiver.arrivals} == {
        item.SOPInstanceUID: data.encoded(item) for item in items
    }
    node.node.add_route("all", "true", "safe")
    (item,) = stored(node.node, data.instance())
    until(lambda: item.SOPInstanceUID in receiver.uids(), lambda: node.node.queue())
    until(lambda: [job["state"].lower() for job in node.node.queue()] == ["delivered"], lambda: node.node.queue())


@pytest.mark.parametrize("profile", ["--profile-bcp195", "--profile-bcp195-nd", "--profile-bcp195-ex"])
def test_storescp_of_dcmtk_is_moved_to_over_mutual_tls(node, authority, folder, profile):
    """Each profile of DCMTK as a server."""
    own = authority.issue("storescp", kind="rsa")
    target, port = folder / "received", free_port()
    target.mkdir()
    with dcmtk_server(
        "storescp", "+tls", str(own.key), str(own.certificate), "+cf", str(authority.certificate), profile,
        "--output-directory", str(target), str(port),
    ):
        node.node.run(
            "remote", "add", "safe", "--ae-title", "STORESCP", "--host", "127.0.0.1", "--port", str(port), "--tls",
        )
        until(lambda: echo(node)[0], lambda: echo(node)[1])
        items = stored(node.node, *data.study(1, 3))
        query = identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID)
        status, _, _ = move(node.node, query, "STORESCP")
        assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, 3)
    assert len(list(target.iterdir())) == 3


@contextlib.contextmanager
def dcmtk_server(program, *arguments):
    """One of DCMTK's servers, while a test needs it."""
    assert dcmtk(program, "--version").returncode == 0
    running = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(10)


def test_a_pinned_remote_is_taken_for_its_certificate_alone(node, strange):
    """Self-signed, for no host at all: the fingerprint decides, and another is refused with its own."""
    own, other = strange.issue("one", hosts=(), alone=True), strange.issue("other", alone=True)
    with Receiver("SAFE", tls=answering(own)) as right, Receiver("SAFE2", tls=answering(other)) as wrong:
        add(node, right, "--certificate", str(own.certificate))
        assert echo(node) == (True, "it answered")
        add(node, wrong, "--certificate", own.fingerprint)
        is_well, words = echo(node)
        assert not is_well and "none of those the remote lists" in words and other.fingerprint in words


def test_a_remote_that_is_not_whom_we_called_is_refused_with_a_reason(node, authority, strange):
    """Wrong CA, wrong host, out of its time: each in words that say what to do."""
    for identity, host, expected in [
        (strange.issue("a"), "127.0.0.1", ["issued by CN=Strange CA", "[dimse.tls] ca", "--certificate"]),
        (strange.issue("b", alone=True), "127.0.0.1", ["self-signed", "--certificate", "SHA256:"]),
        (authority.issue("c", hosts=("pacs.example.org",)), "127.0.0.1", ["for pacs.example.org, not for 127.0.0.1"]),
        (authority.issue("d", hosts=("127.0.0.1",)), "localhost", ["for 127.0.0.1, not for localhost"]),
        (authority.issue("e", hosts=()), "127.0.0.1", ["no subject alternative name"]),
        (authority.issue("f", days=(-30, -3)), "127.0.0.1", ["expired on"]),
        (authority.issue("g", days=(3, 30)), "127.0.0.1", ["not valid before"]),
    ]:
        with Receiver("SAFE", tls=answering(identity)) as receiver:
            add(node, receiver, host=host)
            is_well, words = echo(node)
        assert not is_well and all(word in words for word in expected), words


def test_a_remote_that_does_not_trust_us_says_so_in_our_words(node, strange, authority):
    """In TLS 1.3 its refusal comes only after our handshake is done."""
    with Receiver("SAFE", tls=answering(authority.issue("r"), trusted=strange.certificate)) as receiver:
        add(node, receiver)
        is_well, words = echo(node)
    assert not is_well and "does not trust who issued our certificate" in words, words


def test_a_remote_that_wants_a_certificate_of_a_node_without_says_so(make_node, authority, make_subject):
    """The node has none to present."""
    bare = make_subject("causeway", settings={"CAUSEWAY_DIMSE__TLS__CA": str(authority.certificate)})
    context = answering(authority.issue("r"), trusted=authority.certificate)
    with Receiver("SAFE", tls=context) as receiver:
        bare.run(
            "remote", "add", "safe", "--ae-title", "SAFE", "--host", "127.0.0.1", "--port", str(receiver.port), "--tls",
        )
        done = subprocess.run(
            [str(binary()), "remote", "echo", "safe", "--url", bare.url], capture_output=True, text=True, timeout=60,
        )
    assert done.returncode != 0 and "[dimse.tls] certificate and key" in done.stdout, done.stdout


def test_tls_to_a_port_without_and_the_other_way_round(node, receiver):
    """Both mistakes are said, and nothing goes out in the clear that should not."""
    with Receiver("PLAIN") as plain:
        add(node, plain, name="plain")
        is_well, words = echo(node, "plain")
        assert not is_well and "TLS" in words, words
        add(node, plain, name="plain", tls=False)
        assert echo(node, "plain") == (True, "it answered")
    add(node, receiver, tls=False)
    assert not echo(node)[0]
    assert receiver.arrivals == []


def test_what_could_not_go_for_a_wrong_certificate_goes_when_it_is_put_right(node, authority, strange):
    """Nothing is lost meanwhile, and nobody has to press a button but the one that says: now."""
    port = free_port()
    with Receiver("SAFE", port=port, tls=answering(strange.issue("wrong"))) as wrong:
        add(node, wrong)
        node.node.add_route("all", "true", "safe")
        (item,) = stored(node.node, data.instance(SOPClassUID=CTImageStorage))
        node.says("the destination failed", "issued by CN=Strange CA")
        assert wrong.arrivals == []
    with Receiver("SAFE", port=port, tls=answering(authority.issue("right"))) as right:
        assert echo(node)[0]
        until(lambda: item.SOPInstanceUID in right.uids(), lambda: node.node.queue())


def test_two_nodes_of_ours_know_each_other_by_their_certificates(make_node, authority):
    """Each lists the other's, and neither needs a CA."""
    ours, theirs = authority.issue("ours", alone=True), authority.issue("theirs", alone=True)
    hospital = make_node(ae_title="HOSPITAL", certificate=ours.certificate, key=ours.key)
    reader = make_node(ae_title="READER", certificate=theirs.certificate, key=theirs.key)
    for node, other, identity in ((hospital, reader, theirs), (reader, hospital, ours)):
        node.node.run(
            "remote", "add", "other", "--ae-title", other.node.ae_title, "--host", "127.0.0.1",
            "--port", str(other.secure.dimse_port), "--tls", "--certificate", str(identity.certificate),
        )
    assert echo(hospital, "other") == (True, "it answered")
    assert echo(reader, "other") == (True, "it answered")
    reader.says("association accepted", 'who="other"', "CN=ours")


def check(folder, **settings):
    """`serve --check` with these settings of `[dimse.tls]`."""
    lines = ["[dimse.tls]", *(f'{key} = "{value}"' for key, value in settings.items())]
    path = folder / "causeway.toml"
    path.write_text("\n".join(lines))
    return subprocess.run(
        [str(binary()), "serve", "--config", str(path), "--check"], capture_output=True, text=True, timeout=60,
    )


def test_check_looks_at_the_files(authority, folder):
    """Files that cannot serve are refused by setting; what will soon trouble is told."""
    own, other = authority.issue("node", days=(-90, 20.5)), authority.issue("other")
    fine = check(folder, certificate=own.certificate, key=own.key)
    assert fine.returncode == 0 and "expires in 20 days" in fine.stdout, fine.stdout + fine.stderr
    own.key.chmod(0o644)
    assert "private key" in check(folder, certificate=own.certificate, key=own.key).stdout
    for settings, words in [
        ({"certificate": own.certificate, "key": other.key}, "is not the key of the first certificate"),
        ({"certificate": folder / "absent.pem", "key": own.key}, "absent.pem cannot be read"),
        ({"certificate": own.certificate}, "key is not"),
        ({"listen": "127.0.0.1:2762"}, "certificate is not"),
        ({"certificate": own.key, "key": own.key}, "holds no certificate in PEM"),
        ({"certficate": own.certificate}, "certficate"),
    ]:
        done = check(folder, **settings)
        assert done.returncode != 0 and words in done.stderr, done.stdout + done.stderr

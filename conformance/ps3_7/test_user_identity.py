"""PS3.7 annex D.3.3.7: who the user is, as it is asked for, shown and answered."""

import base64
import json
import subprocess
import threading
import time

import pytest
from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.sop_class import CTImageStorage, Verification

import data
import negotiated
import wire
from negotiated import KERBEROS, NAME, PASSCODE, SAML, TOKEN
from subjects.causeway import Causeway
from wire import Wire

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(120)]

NOT_AUTHENTICATED = (1, 2, 1)
SECRET = "correct horse battery staple"


@pytest.fixture
def node(tmp_path_factory):
    """A node that knows callers by name, by passcode, by token, and one of whom nothing is asked."""
    keys = tmp_path_factory.mktemp("keys")
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(keys / "private.pem")], check=True, capture_output=True,
    )
    public = subprocess.run(
        ["openssl", "pkey", "-in", str(keys / "private.pem"), "-pubout", "-outform", "DER"],
        check=True, capture_output=True,
    ).stdout[-32:]
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": url_safe(public), "kid": "one", "alg": "EdDSA", "use": "sig"}
    (keys / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    node = Causeway(settings={
        "CAUSEWAY_DIMSE__IDENTITY__ISSUER": "https://id.example.org",
        "CAUSEWAY_DIMSE__IDENTITY__AUDIENCE": "causeway",
        "CAUSEWAY_DIMSE__IDENTITY__JWKS_FILE": str(keys / "jwks.json"),
    })
    node.keys = keys
    (keys / "passcode").write_text(SECRET + "\n")
    node.start()
    node.run("remote", "add", "named", "--ae-title", "NAMED", "--user", "alice")
    node.run("remote", "add", "coded", "--ae-title", "CODED", "--user", "alice", "--passcode-file", str(keys / "passcode"))
    node.run("remote", "add", "token", "--ae-title", "TOKEN", "--user", "alice", "--user-token")
    node.run("remote", "add", "plain", "--ae-title", "PLAIN")
    yield node
    node.remove()


def url_safe(content):
    """Base64 as tokens and keys are written in."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def token(node, **claims):
    """A token that the node's issuer has signed."""
    whole = {"iss": "https://id.example.org", "aud": "causeway", "sub": "alice", "exp": int(time.time()) + 300, **claims}
    signed = url_safe(json.dumps({"alg": "EdDSA", "kid": "one"}).encode()) + "." + url_safe(json.dumps(whole).encode())
    (node.keys / "signed").write_text(signed)
    signature = subprocess.run(
        ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(node.keys / "private.pem"),
         "-in", str(node.keys / "signed")], check=True, capture_output=True,
    ).stdout
    return f"{signed}.{url_safe(signature)}".encode()


def called(node, calling, *items):
    """The numbers of the rejection, or the sub-items that the caller was answered with."""
    with Wire(node) as peer:
        peer.send(wire.associate_rq(node.ae_title, calling=calling, user=negotiated.user(*items)))
        kind, body = peer.receive()
    assert kind in (wire.ASSOCIATE_AC, wire.ASSOCIATE_RJ), f"PDU type {kind}"
    return tuple(body[1:4]) if kind == wire.ASSOCIATE_RJ else negotiated.answers(body)


def confirmed(answer):
    """Whether the identity was answered, and rightly: with an empty server response."""
    found = answer.get(negotiated.IDENTITY_ANSWER)
    assert found in (None, [b"\0\0"]), found
    return found is not None


def test_a_name_is_asked_for_shown_and_confirmed(node):
    """PS3.7 §D.3.3.7 and §D.3.3.7.3: type 1; another name, or none, is rejected for good by the ACSE."""
    assert confirmed(called(node, "NAMED", negotiated.identity(NAME, b"alice")))
    assert called(node, "NAMED", negotiated.identity(NAME, b"mallory")) == NOT_AUTHENTICATED
    assert called(node, "NAMED") == NOT_AUTHENTICATED


def test_an_answer_is_given_only_to_whom_it_was_promised(node):
    """PS3.7 §D.3.3.7: no response unless a positive response is requested and the authentication succeeded."""
    asked = negotiated.identity(NAME, b"alice", wants_answer=False)
    assert not confirmed(called(node, "NAMED", asked))


def test_a_passcode_is_held_against_its_hash(node):
    """PS3.7 §D.3.3.7: type 2; the name alone does not do."""
    assert confirmed(called(node, "CODED", negotiated.identity(PASSCODE, b"alice", SECRET.encode())))
    for kind, primary, secondary in [
        (PASSCODE, b"alice", SECRET.encode() + b"x"), (PASSCODE, b"alice", b""), (PASSCODE, b"bob", SECRET.encode()),
        (NAME, b"alice", b""), (TOKEN, SECRET.encode(), b""),
    ]:
        assert called(node, "CODED", negotiated.identity(kind, primary, secondary)) == NOT_AUTHENTICATED
    assert called(node, "CODED") == NOT_AUTHENTICATED


def test_a_passcode_that_nobody_looked_at_is_not_confirmed(node):
    """PS3.7 §D.3.3.7: a positive response says that the authentication succeeded."""
    answer = called(node, "NAMED", negotiated.identity(PASSCODE, b"alice", b"anything"))
    assert not confirmed(answer)


def test_an_identity_that_is_not_asked_for_changes_nothing(node):
    """PS3.7 §D.3.3.7: who does not support user identification accepts without a response."""
    for identity in [
        negotiated.identity(NAME, b"anyone"), negotiated.identity(PASSCODE, b"anyone", b"x"),
        negotiated.identity(KERBEROS, bytes(300)), negotiated.identity(SAML, b"<x/>"),
        negotiated.identity(TOKEN, b"a.b.c"), negotiated.identity(77, b"?"), wire.item(negotiated.IDENTITY, b"\1"),
    ]:
        for calling in ["PLAIN", "NOBODY"]:
            assert not confirmed(called(node, calling, identity))


def test_what_is_not_supported_does_not_pass_for_what_is_asked_for(node):
    """PS3.7 §D.3.3.7.3: Kerberos tickets and SAML assertions are not looked at, so that they show nothing."""
    for kind in [KERBEROS, SAML, 0, 6]:
        assert called(node, "CODED", negotiated.identity(kind, b"alice", b"x")) == NOT_AUTHENTICATED
    assert "Kerberos" in node.tail() and "SAML" in node.tail()


def test_a_token_is_believed_when_it_is_ours_to_believe(node):
    """PS3.7 §D.3.3.7: type 5, in the form of RFC 7519; issuer, audience, subject, times and signature hold."""
    good = token(node)
    assert confirmed(called(node, "TOKEN", negotiated.identity(TOKEN, good)))
    for claims in [
        {"sub": "mallory"}, {"iss": "https://elsewhere.example.org"}, {"aud": "another"},
        {"exp": int(time.time()) - 3600}, {"nbf": int(time.time()) + 3600},
    ]:
        assert called(node, "TOKEN", negotiated.identity(TOKEN, token(node, **claims))) == NOT_AUTHENTICATED, claims
    forged = good[:-4] + b"AAAA"
    assert called(node, "TOKEN", negotiated.identity(TOKEN, forged)) == NOT_AUTHENTICATED
    assert confirmed(called(node, "TOKEN", negotiated.identity(TOKEN, good)))


def test_the_log_says_what_lacks_and_no_secret(node):
    """A refusal names what is asked for, what was offered and what would change it."""
    called(node, "CODED", negotiated.identity(PASSCODE, b"alice", b"hunter2-hunter2"))
    log = node.log.read_text()
    assert "remote coded must show who it is by username and passcode" in log
    assert "causeway remote add coded" in log
    for secret in [SECRET, "hunter2", "mallory", token(node).decode()[:40]]:
        assert secret not in log
    assert SECRET not in node.run("remote", "show", "coded")


def test_guessing_is_slowed_down(make_subject, folder):
    """Whoever is wrong too often is sent away for a while, for the moment only (PS3.8 table 9-21: 2, 3, 1), and the
    right passcode is not looked at either. Whoever shows nothing has not guessed."""
    node = make_subject()
    (folder / "passcode").write_text(SECRET)
    node.run("remote", "add", "coded", "--ae-title", "CODED", "--user", "a", "--passcode-file", str(folder / "passcode"))
    right = negotiated.identity(PASSCODE, b"a", SECRET.encode())
    for _ in range(20):
        assert called(node, "CODED") == NOT_AUTHENTICATED
        assert confirmed(called(node, "CODED", right))
    for guess in range(10):
        wrong = negotiated.identity(PASSCODE, b"a", str(guess).encode())
        assert called(node, "CODED", wrong) == NOT_AUTHENTICATED
    assert called(node, "CODED", right) == (2, 3, 1)
    assert not confirmed(called(node, "PLAIN"))


def test_a_requestor_of_another_make_shows_its_passcode(node):
    """PS3.7 §D.3.3.7: pynetdicom as requestor, and what it understands of the answer."""
    for secret, established in [(SECRET, True), ("wrong", False)]:
        identity = UserIdentityNegotiation()
        identity.user_identity_type = PASSCODE
        identity.primary_field, identity.secondary_field = b"alice", secret.encode()
        identity.positive_response_requested = True
        entity = AE(ae_title="CODED")
        entity.add_requested_context(Verification)
        association = entity.associate(node.host, node.dimse_port, ae_title=node.ae_title, ext_neg=[identity])
        assert association.is_established == established
        if established:
            assert association.acceptor.user_identity is not None
            assert association.send_c_echo().Status == 0
            association.release()


@pytest.mark.parametrize("kind", ["name", "passcode", "token"])
def test_we_show_who_we_are_when_we_call(make_subject, folder, kind):
    """PS3.7 §D.3.3.7: as requestor, with what is set for the remote; the far side decides by it."""
    seen, stored = [], threading.Event()
    (folder / "secret").write_text(SECRET + "\n")
    expected, arguments = {
        "name": ((NAME, b"us", b""), ["--our-user", "us"]),
        "passcode": (
            (PASSCODE, b"us", SECRET.encode()), ["--our-user", "us", "--our-passcode-file", str(folder / "secret")],
        ),
        "token": ((TOKEN, SECRET.encode(), b""), ["--our-token-file", str(folder / "secret")]),
    }[kind]

    def on_user(event):
        seen.append((event.user_id_type, event.primary_field, event.secondary_field))
        return seen[-1] == expected, b"" if kind != "token" else None

    def on_store(_):
        stored.set()
        return 0

    entity = AE(ae_title="GUARDED")
    entity.add_supported_context(CTImageStorage)
    entity.add_supported_context(Verification)
    handlers = [(evt.EVT_USER_ID, on_user), (evt.EVT_C_STORE, on_store)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        node = make_subject()
        port = str(server.socket.getsockname()[1])
        node.run("remote", "add", "guarded", "--ae-title", "GUARDED", "--host", "127.0.0.1", "--port", port, *arguments)
        assert "it answered" in node.run("remote", "echo", "guarded")
        node.add_route("to-guarded", "true", "guarded")
        from clients import store
        assert store(node, data.instance()) == [0]
        assert stored.wait(20)
    finally:
        server.shutdown()
    assert set(seen) == {expected}
    assert SECRET not in node.log.read_text()

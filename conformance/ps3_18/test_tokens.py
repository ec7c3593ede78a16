"""PS3.18 §8.5, RFC 6750, RFC 9068: bearer tokens of an identity provider, good ones and every kind that is not."""

import base64
import json
import subprocess
import time

import pytest
import requests

import data
from clients import JSON, stored
from provider import AUDIENCE, DISCOVERY, KEYS, Key, Provider
from subjects.base import CannotStart
from subjects.causeway import binary

pytestmark = pytest.mark.only("causeway")

#: How long a token may be, in bytes.
MAX_TOKEN_BYTES = 16 * 1024


@pytest.fixture(scope="module")
def provider():
    """A provider with keys of every kind."""
    running = Provider(
        Key("first"), Key("pss", "PS256"), Key("curve", "ES256"), Key("curve-384", "ES384"), Key("edwards", "EdDSA"),
    )
    yield running
    running.stop()


@pytest.fixture
def make_node(make_subject):
    """Starts nodes that ask everyone for a token."""
    def make(**settings):
        return make_subject(settings={"CAUSEWAY_WEB__AUTHENTICATION": "required", **settings})
    return make


@pytest.fixture(scope="module")
def node(provider, make_own_subject):
    """A node that believes the provider and nobody else."""
    return make_own_subject(settings={"CAUSEWAY_WEB__AUTHENTICATION": "required", **provider.settings()})


def ask(subject, token, path="/studies", method="GET", **more):
    """A request with this token, or none."""
    headers = {"Accept": JSON, **({} if token is None else {"Authorization": f"Bearer {token}"})}
    return requests.request(method, subject.dicomweb + path, headers=headers, timeout=30, **more)


def assert_refused(answer):
    """RFC 6750 §3.1, RFC 9457: 401 that says so to programs and to people, and shows nothing of the node's insides."""
    assert answer.status_code == 401, answer.text
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ") and 'error="invalid_token"' in challenge
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.text + challenge
    assert not any(secret in told for secret in ("127.0.0.1", "realms", AUDIENCE, "jwks", "/")), told


@pytest.mark.parametrize("index", range(5))
def test_a_token_is_believed_whatever_kind_of_key_signed_it(provider, node, index):
    """RFC 7518 §3.1."""
    assert ask(node, provider.token(provider.keys[index])).status_code == 204


def test_what_is_not_in_the_scope_is_403_and_says_what_is_lacking(provider, node):
    """RFC 6750 §3.1."""
    reader = provider.token()
    body = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'}
    answer = requests.post(
        f"{node.dicomweb}/studies", data=b"--x--", headers={**body, "Authorization": f"Bearer {reader}"}, timeout=30,
    )
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert 'scope="store"' in answer.headers["WWW-Authenticate"]
    assert "the identity provider can give a token" in answer.json()["detail"]
    assert ask(node, reader, f"/studies/{data.uid()}", "DELETE").status_code == 403
    assert requests.get(
        f"{node.url}/api/v1/remotes", headers={"Authorization": f"Bearer {reader}"}, timeout=30,
    ).status_code == 403
    for scope in (None, "", "openid profile", "QUERY", 7, {"query": True}):
        assert ask(node, provider.token(scope=scope)).status_code == 403, scope


@pytest.mark.parametrize("changes", [{"scope": ["query"]}, {"scope": None, "scp": "x query"}, {"scope": None, "scp": ["query"]}])
def test_scopes_are_found_as_providers_write_them(provider, node, changes):
    """RFC 9068 §2.2.3, and `scp`."""
    assert ask(node, provider.token(**changes)).status_code == 204


@pytest.mark.parametrize("changes", [
    pytest.param({"aud": "another"}, id="another-audience"),
    pytest.param({"aud": ["another", "third"]}, id="other-audiences"),
    pytest.param({"aud": []}, id="empty-audience"),
    pytest.param({"aud": AUDIENCE + " "}, id="nearly-our-audience"),
    pytest.param({"aud": None}, id="no-audience"),
    pytest.param({"iss": "https://evil.example.org"}, id="another-issuer"),
    pytest.param({"iss": None}, id="no-issuer"),
    pytest.param({"exp": int(time.time()) - 3600}, id="expired"),
    pytest.param({"exp": None}, id="never-expires"),
    pytest.param({"exp": "9999999999"}, id="expiry-as-text"),
    pytest.param({"exp": -1}, id="negative-expiry"),
    pytest.param({"nbf": int(time.time()) + 3600}, id="not-yet-valid"),
    pytest.param({"sub": None}, id="no-subject"),
])
def test_a_signed_token_that_is_not_for_us_today_is_refused(provider, node, changes):
    """RFC 7519 §4.1, RFC 8725 §3.8 to §3.9."""
    assert_refused(ask(node, provider.token(**changes)))


def test_an_issuer_among_others_is_none(provider, node):
    """RFC 7519 §4.1.1: iss is one text."""
    forged = provider.by_hand({"alg": "RS256", "kid": "first"}, provider.keys[0], iss=[provider.issuer, "https://evil"])
    assert_refused(ask(node, forged))
    forged = provider.by_hand({"alg": "RS256", "kid": "first"}, provider.keys[0], iss=provider.issuer + "/")
    assert_refused(ask(node, forged))


def test_a_token_that_nobody_signed_is_refused(provider, node):
    """RFC 8725 §3.2: alg none, in every spelling."""
    for name in ("none", "None", "NONE", "nOnE", ""):
        for header in ({"alg": name}, {"alg": name, "kid": "first"}):
            assert_refused(ask(node, provider.by_hand(header, None)))
    assert_refused(ask(node, provider.by_hand({"kid": "first"}, None)))
    good = provider.token().rsplit(".", 1)[0]
    assert_refused(ask(node, good + "."))


def test_an_hmac_with_the_public_key_is_refused(provider, node):
    """RFC 8725 §2.1: what is public is no secret, in whatever form."""
    key = provider.keys[0]
    for secret in (key.pem, key.pem.strip(), json.dumps(key.public).encode(), key.public["n"].encode(), b""):
        for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "first"}):
            assert_refused(ask(node, provider.by_hand(header, secret)))


def test_a_key_that_the_token_brings_along_is_not_used(provider, node):
    """RFC 8725 §3.10: jwk, jku and x5u are the attacker's."""
    own = Key("own")
    thief = Provider(own)
    for fields in (
        {"jwk": own.public, "kid": None}, {"jwk": own.public, "kid": "first"},
        {"jku": thief.issuer + KEYS, "kid": "own"}, {"x5u": thief.issuer + KEYS, "kid": "own"},
        {"kid": "../../etc/passwd"}, {"kid": "' OR 1=1 --"},
    ):
        assert_refused(ask(node, provider.token(own, header=fields)))
    assert not thief.asked, "the node followed the token"
    thief.stop()


def test_a_signature_by_another_key_or_of_other_words_is_refused(provider, node):
    """RFC 7515 §5.2."""
    first, curve = provider.keys[0], provider.keys[2]
    assert_refused(ask(node, provider.token(Key("first"))))
    assert_refused(ask(node, provider.token(first, header={"kid": "pss"})))
    assert_refused(ask(node, provider.token(curve, header={"kid": "first"})))
    head, body, signature = provider.token().split(".")
    more = base64.urlsafe_b64encode(json.dumps(provider.claims(scope="admin")).encode()).rstrip(b"=").decode()
    assert_refused(ask(node, f"{head}.{more}.{signature}"))
    assert_refused(ask(node, f"{head}.{body}.{signature[:-8]}"))


def test_a_header_of_the_wrong_kind_is_refused(provider, node):
    """RFC 7515 §4.1."""
    for kid in (7, ["first"], {"x": 1}, True):
        assert_refused(ask(node, provider.token(header={"kid": kid})))
    for field in ({"typ": "logout+jwt"}, {"crit": ["exp"]}, {"crit": ["b64"], "b64": False}):
        key = provider.keys[0]
        assert_refused(ask(node, provider.by_hand({"alg": "RS256", "kid": "first", **field}, key)))
    assert ask(node, provider.token(header={"typ": "at+jwt"})).status_code == 204


@pytest.mark.parametrize("token", [
    "x", ".", "..", "...", "a.b.c", "e30.e30.", "=.=.=", "a" * MAX_TOKEN_BYTES, "." * 1000,
])
def test_what_is_no_token_is_refused(node, token):
    """RFC 6750 §3.1."""
    assert_refused(ask(node, token))


def test_a_token_is_looked_at_up_to_a_bound(provider, node):
    """Neither one above it, however good, nor one far above does harm."""
    base = len(provider.token(pad=""))
    fits = provider.token(pad="x" * ((MAX_TOKEN_BYTES - base) // 4 * 3 - 16))
    assert len(fits) <= MAX_TOKEN_BYTES
    assert ask(node, fits).status_code == 204
    beyond = provider.token(pad="x" * MAX_TOKEN_BYTES)
    assert_refused(ask(node, beyond))
    assert ask(node, "x" * 1_000_000).status_code == 431
    assert ask(node, provider.token()).status_code == 204


def test_other_credentials_are_no_token(provider, node):
    """RFC 9110 §11.4; a token is in the header, and nowhere else."""
    token = provider.token()
    for value in ("Basic YWxpY2U6c2VzYW1l", token, "Bearer", "Digest x", "Bearer ü.ü.ü".encode()):
        answer = requests.get(f"{node.dicomweb}/studies", headers={"Authorization": value}, timeout=30)
        assert answer.status_code == 401, value
    answer = requests.get(f"{node.dicomweb}/studies?access_token={token}", timeout=30)
    assert answer.status_code == 401
    assert "error=" not in answer.headers["WWW-Authenticate"], "no credentials came that could be wrong"


def test_a_new_key_is_found_and_an_old_one_is_not_believed_any_more(make_node):
    """OpenID Connect Core 1.0 §10.1.1."""
    old, new = Key("old"), Key("new")
    provider = Provider(old)
    node = make_node(**provider.settings())
    assert ask(node, provider.token(old)).status_code == 204
    provider.keys = [new, old]
    eventually(lambda: ask(node, provider.token(new)).status_code == 204)
    assert ask(node, provider.token(old)).status_code == 204, "both are published"
    provider.keys = [new]
    eventually(lambda: asked_again(node, provider))
    assert_refused(ask(node, provider.token(old)))
    assert ask(node, provider.token(new)).status_code == 204
    provider.stop()


def test_unknown_keys_do_not_make_the_node_ask_without_end(make_node):
    """A flood of tokens with made-up keys costs the provider one question in a while."""
    provider = Provider()
    node = make_node(**provider.settings(retry_seconds=3600))
    assert ask(node, provider.token()).status_code == 204
    stranger = Key("stranger")
    for number in range(50):
        assert_refused(ask(node, provider.token(stranger, header={"kid": f"key-{number}"})))
    assert provider.asked[KEYS] == 1
    assert provider.asked[DISCOVERY] == 1
    provider.stop()


@pytest.mark.parametrize("instead", [None, b"<html>", b"{}", b'{"keys":[]}', b'{"keys":[7]}', b"x" * (1024 * 1024 + 1)])
def test_keys_stay_in_force_while_the_provider_is_down_or_talks_nonsense(make_node, instead):
    """A provider that fails locks out nobody whose key was known."""
    provider = Provider()
    node = make_node(**provider.settings(refresh_seconds=1))
    good = provider.token()
    assert ask(node, good).status_code == 204
    if instead is None:
        provider.stop()
    else:
        provider.instead = instead
    eventually(lambda: "stay in force" in node.log.read_text())
    assert ask(node, good).status_code == 204
    assert_refused(ask(node, provider.token(Key("other"))))
    assert node.alive()


def test_a_provider_that_is_down_when_the_node_starts_is_said_to_be_down(make_node):
    """503 and not 401: the token may be good. The node serves all the same, and recovers by itself."""
    provider = Provider()
    provider.instead = b"{}"
    node = make_node(**provider.settings())
    answer = ask(node, provider.token())
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert ask(node, None).status_code == 401
    provider.instead = None
    eventually(lambda: ask(node, provider.token()).status_code == 204)
    provider.stop()


def test_keys_are_not_taken_from_a_discovery_document_of_another_issuer(make_node):
    """OpenID Connect Discovery 1.0 §4.3."""
    provider = Provider()
    node = make_node(**provider.settings(issuer=provider.issuer + "/"))
    assert ask(node, provider.token(iss=provider.issuer + "/")).status_code == 503
    assert provider.asked[KEYS] == 0
    provider.stop()


def test_keys_may_be_given_by_url_or_by_file(make_node, folder):
    """For a provider without discovery, and for a node that cannot reach it."""
    provider = Provider()
    node = make_node(**provider.settings(issuer="https://unreachable.invalid", jwks_url=provider.issuer + KEYS))
    assert ask(node, provider.token(iss="https://unreachable.invalid")).status_code == 204
    file = folder / "keys.json"
    file.write_text(json.dumps({"keys": [provider.keys[0].public]}))
    provider.stop()
    node = make_node(**provider.settings(jwks_file=file))
    assert ask(node, provider.token()).status_code == 204


def test_only_the_algorithms_that_are_set_are_believed(make_node):
    """RFC 8725 §3.1."""
    provider = Provider(Key("rsa"), Key("curve", "ES256"))
    node = make_node(**provider.settings(algorithms='["ES256"]'))
    assert ask(node, provider.token(provider.keys[1])).status_code == 204
    assert_refused(ask(node, provider.token(provider.keys[0])))
    provider.stop()


def test_roles_of_the_provider_allow_what_is_set(make_node):
    """A role inside other claims, as providers have them."""
    provider = Provider()
    node = make_node(**provider.settings(
        scope_claim="realm_access.roles", scopes='{ reader = ["query", "retrieve"], chief = ["delete"] }',
    ))
    roles = lambda *names: provider.token(scope="admin delete", realm_access={"roles": [*names]})  # noqa: E731
    assert ask(node, roles("reader")).status_code == 204
    assert ask(node, roles("chief")).status_code == 403
    path = f"/studies/{data.uid()}"
    assert ask(node, roles("reader"), path, "DELETE").status_code == 403
    assert ask(node, roles("chief"), path, "DELETE").status_code == 404
    assert ask(node, roles()).status_code == 403
    provider.stop()


def test_tokens_of_the_node_are_good_beside_those_of_a_provider(provider, node):
    """Both doors into the same house."""
    admin = provider.token(scope="admin")
    made = requests.put(
        f"{node.url}/api/v1/tokens/viewer", json={"allow": ["query"]}, headers={"Authorization": f"Bearer {admin}"},
        timeout=30,
    ).json()["token"]
    assert ask(node, made).status_code == 204
    assert_refused(ask(node, made[:-1]))
    assert_refused(ask(node, made + "0"))


def test_the_doctor_tells_how_it_stands_with_the_keys(make_node):
    """`causeway doctor`, before and after the provider goes."""
    provider = Provider()
    node = make_node(**provider.settings(refresh_seconds=1))
    admin = {"Authorization": f"Bearer {provider.token(scope='admin')}"}

    def finding():
        found = requests.get(f"{node.url}/api/v1/doctor", headers=admin, timeout=30).json()
        return next(it for it in found if it["subject"] == f"identity provider {provider.issuer}")

    assert finding()["verdict"] == "fine"
    provider.stop()
    eventually(lambda: finding()["verdict"] == "warning")
    assert finding()["remedy"]


def test_who_asked_is_in_the_log_and_the_token_is_not(make_node):
    """A name of many lines makes no line of its own."""
    provider = Provider()
    node = make_node(**provider.settings(), CAUSEWAY_LOG__LEVEL="debug")
    items = stored(node, *data.study(1, 1))
    token = provider.token(sub="eve\n2026-01-01 FORGED\x1b[31m", scope="delete")
    assert ask(node, token, f"/studies/{items[0].StudyInstanceUID}", "DELETE").status_code == 204
    refused = provider.token(aud="another")
    assert_refused(ask(node, refused))
    log = node.log.read_text()
    assert "oidc:eve" in log
    assert not any(line.startswith("2026-01-01 FORGED") for line in log.splitlines())
    assert token not in log and refused not in log and token.split(".")[2] not in log
    provider.stop()


def test_a_listener_that_others_reach_may_open_with_a_provider_alone(make_subject):
    """Closed by default, and a provider is proof enough."""
    provider = Provider()
    node = make_subject(settings=provider.settings())
    node.stop()
    node.web_host = "0.0.0.0"
    node.start()
    assert ask(node, None).status_code == 401
    assert ask(node, provider.token()).status_code == 204
    node.settings.clear()
    with pytest.raises(CannotStart, match="there is no token yet"):
        node.restart()
    provider.stop()


def test_an_insecure_provider_is_refused_at_the_start(make_subject):
    """Keys over plain http could be anyone's."""
    node = make_subject()
    node.settings.update(Provider().settings(issuer="http://id.example.org"))
    with pytest.raises(CannotStart, match="https"):
        node.restart()


def asked_again(node, provider):
    """Makes the node look for a key, and says whether it asked the provider."""
    before = provider.asked[KEYS]
    ask(node, provider.token(Key("nobody")))
    return provider.asked[KEYS] > before


def eventually(is_so, seconds=30):
    """Waits for what must come true; the bound is for what never does."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.2)


def test_a_token_of_ours_that_may_not_is_told_how_it_could(make_own_subject):
    """§8.5: 403, with a remedy for bearers of tokens and not for remotes."""
    node = make_own_subject()
    token = node.run("token", "add", "searcher", "--allow", "query").strip()
    answer = ask(node, token, f"/studies/{data.uid()}", "DELETE")
    assert answer.status_code == 403
    words = answer.json()["detail"]
    assert "searcher may not delete here" in words and "causeway token add" in words and "remote" not in words


def refused(node):
    """What the administrator is told of tokens that were not believed."""
    told = subprocess.run(
        [binary(), "doctor", "--json", "--url", node.url], capture_output=True, text=True, timeout=30,
    ).stdout
    return [it for it in json.loads(told)["incidents"] if it["kind"] == "token-refused"], told


@pytest.mark.kept(catalog=("sqlite",))
def test_tokens_that_are_not_believed_are_told_to_the_administrator_and_nothing_of_them(make_own_subject, provider):
    """One record for each reason and address, however often it happens; the token is in no record, file or log."""
    node = make_own_subject(settings=provider.settings())
    secret = f"cwy-{data.uid()}-secret"
    late = provider.token(exp=int(time.time()) - 3600)
    for token in [secret] * 20 + [late] * 3:
        assert ask(node, token).status_code in (401, 429)
    assert ask(node, None).status_code == 204, "no token is none that is refused"
    records, told = refused(node)
    assert sorted(record["count"] for record in records) == [3, 20]
    for record in records:
        assert record["peer"]["address"] == "127.0.0.1" and record["remedy"]
        assert "token" in record["words"]
    assert any("expired" in record["words"] for record in records)
    time.sleep(3)  # by then the records are written
    node.stop()
    files = [path for path in node.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("catalog.db") for path in files)
    for text in (secret, late, late.rsplit(".", 1)[-1]):
        assert text not in told
        for path in files:
            assert text.encode() not in path.read_bytes(), path
    node.start()
    assert refused(node)[0] == records

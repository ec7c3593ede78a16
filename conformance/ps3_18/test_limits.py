"""Limits of the web doors: 429 for those who ask too often (RFC 6585 §4), 503 for more than there is room for; each says
when to come back, and nobody else has to wait."""

from __future__ import annotations

import concurrent.futures
import json
import socket
import subprocess
import time

import pytest
import requests

import data
from clients import multipart, stored
from raw_http import Line, assert_sound, request
from subjects.causeway import binary

pytestmark = pytest.mark.only("causeway")

SECONDS_MAX = 30


def token(node, name):
    """Makes a token, and gives it. The node is not running yet, or needs none from this machine."""
    made = subprocess.run(
        [str(binary()), "token", "add", name, "--allow", "query,retrieve,store,admin", "--url", node.url, "--json"],
        capture_output=True, text=True, timeout=60, check=True,
    )
    return json.loads(made.stdout)["token"]


@pytest.fixture
def make_node(make_subject):
    """Starts a node with these limits, where everyone must show a token; gives it, and two tokens."""

    def make(**limits):
        node = make_subject("causeway")
        tokens = token(node, "one"), token(node, "other")
        node.stop()
        node.settings.update({f"CAUSEWAY_WEB__LIMITS__{name.upper()}": str(value) for name, value in limits.items()})
        node.settings["CAUSEWAY_WEB__AUTHENTICATION"] = "required"
        node.start()
        return node, *tokens

    return make


def ask(node, bearer=None, path="/studies?limit=1"):
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return requests.get(node.dicomweb + path, headers=headers, timeout=SECONDS_MAX)


def asked(node, count, bearer=None):
    """The answers to so many requests."""
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return [session.get(node.dicomweb + "/studies?limit=1", headers=headers, timeout=SECONDS_MAX) for _ in range(count)]


def assert_told_to_wait(answer):
    assert answer.status_code == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Retry-After" in answer.json()["detail"] and answer.json()["status"] == 429


def test_one_caller_is_told_to_wait_and_another_is_served(make_node):
    """A burst of ten seconds' worth is taken; after as long as Retry-After says it goes on."""
    node, one, other = make_node(requests_per_second=1)
    answers = asked(node, 40, one)
    served = [answer for answer in answers if answer.status_code in (200, 204)]
    assert 10 <= len(served) < 40, len(served)
    assert_told_to_wait(answers[-1])
    assert ask(node, other).status_code in (200, 204)
    time.sleep(int(answers[-1].headers["Retry-After"]) + 0.5)
    assert ask(node, one).status_code in (200, 204)
    line = node.says("WARN", "asks too often", "one", "requests_per_second")
    assert one not in line
    assert node.logged().count("asks too often") == 1, "once a minute, not each time"


def test_a_caller_of_the_administrators_door_is_counted_as_well(make_node):
    node, one, _ = make_node(requests_per_second=1)
    statuses = [
        requests.get(node.url + "/api/v1/node", headers={"Authorization": f"Bearer {one}"}, timeout=SECONDS_MAX).status_code
        for _ in range(40)
    ]
    assert {200, 429} == set(statuses)
    assert requests.get(node.url + "/health/ready", timeout=SECONDS_MAX).status_code == 200


def test_an_address_that_guesses_is_told_to_wait_and_good_tokens_from_there_are_served(make_node):
    node, one, _ = make_node(refusals_per_second=1)
    answers = [ask(node, f"guess-{number}") for number in range(20)] + [ask(node) for _ in range(20)]
    assert answers[0].status_code == 401 and "WWW-Authenticate" in answers[0].headers
    assert_told_to_wait(answers[-1])
    assert sum(answer.status_code == 401 for answer in answers) < 40
    assert ask(node, one).status_code in (200, 204)
    assert "guess-" not in node.logged()


def test_callers_without_a_token_from_this_machine_are_not_counted(make_subject):
    node = make_subject("causeway", settings={"CAUSEWAY_WEB__LIMITS__REQUESTS_PER_SECOND": "1"})
    assert {answer.status_code for answer in asked(node, 60)} <= {200, 204}


def test_more_requests_than_there_is_room_for_are_asked_to_come_back(make_subject):
    """Answers that nobody takes hold their places until they are ended; then there is room again."""
    limits = {"CAUSEWAY_WEB__LIMITS__REQUESTS": "4", "CAUSEWAY_WEB__LIMITS__WRITE_SECONDS": "10"}
    node = make_subject("causeway", settings=limits)
    item = data.instance(rows=60000)
    for _ in range(12):  # more than the buffers of both sides hold
        stored(node, data.instance(rows=60000, StudyInstanceUID=item.StudyInstanceUID))
    large = request(
        "GET", f"/dicom-web/studies/{item.StudyInstanceUID}",
        [("Accept", 'multipart/related; type="application/dicom"; transfer-syntax=*')],
    )
    lines = [Line(node) for _ in range(4)]
    try:
        for line in lines:
            line._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.send(large)
        # Each has its place before anyone else asks; else the last of them might be the one that is sent away.
        for line in lines:
            assert line._socket.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL) == b"HTTP/1.1 200"
        deadline = time.monotonic() + SECONDS_MAX
        while (answer := requests.get(node.dicomweb + "/studies?limit=1", timeout=SECONDS_MAX)).status_code == 200:
            assert time.monotonic() < deadline
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
        assert "under way" in answer.json()["detail"]
        while requests.get(node.dicomweb + "/studies?limit=1", timeout=SECONDS_MAX).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.5)
    finally:
        for line in lines:
            line.close()


def test_many_at_once_are_all_served_within_the_limits_that_are_set_by_default(subject):
    """As a viewer opens a study: some hundred requests at a time."""
    stored(subject, *data.study(1, 2))
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _: ask(subject).status_code, range(600)))
    assert set(statuses) == {200}


def test_more_stores_than_there_is_room_for_are_asked_to_come_back(make_subject):
    node = make_subject("causeway", settings={"CAUSEWAY_WEB__LIMITS__STORES": "1"})
    body, kind = multipart([data.file_of(data.instance())])
    with Line(node) as slow:
        slow.send(f"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        slow.send(body[:500])
        time.sleep(0.5)
        answer = requests.post(node.dicomweb + "/studies", data=body, headers={"Content-Type": kind}, timeout=SECONDS_MAX)
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
        slow.send(body[500:])
        assert assert_sound(slow.answer("POST"), "POST").status == 200
    assert requests.post(node.dicomweb + "/studies", data=body, headers={"Content-Type": kind}, timeout=SECONDS_MAX).status_code == 200


@pytest.mark.parametrize("name", ["requests", "requests_per_second", "refusals_per_second"])
def test_a_limit_of_zero_is_refused_in_words(folder, name):
    done = subprocess.run(
        [str(binary()), "serve", "--check", "--data", str(folder)], capture_output=True, text=True, timeout=60, check=False,
        env={f"CAUSEWAY_WEB__LIMITS__{name.upper()}": "0", "PATH": "/usr/bin"},
    )
    assert done.returncode != 0 and f"[web.limits] {name} must be at least 1" in done.stderr

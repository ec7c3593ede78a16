"""Other systems follow what arrives and what was delivered: a feed in order, as pages, as server-sent events, and told to
webhooks until they took it."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

import data
from clients import Receiver, stored
from subjects.causeway import binary

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

PATIENCE_SECONDS = 60


class Hook:
    """An HTTP server that keeps what it is told, and answers with the statuses it was given first."""

    def __init__(self, *statuses: int, port: int = 0):
        self.told: list[dict] = []
        self.signatures: list[tuple[str, bytes]] = []
        left, hook = list(statuses), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = left.pop(0) if left else 204
                hook.signatures.append((self.headers["Causeway-Signature"], body))
                if status < 300:
                    hook.told.extend(json.loads(body)["events"])
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/events"

    def __enter__(self) -> Hook:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def until(self, is_so, seconds=PATIENCE_SECONDS):
        deadline = time.monotonic() + seconds
        while not is_so(self.told):
            assert time.monotonic() < deadline, self.told
            time.sleep(0.1)


def feed(node, after=0, **asked):
    answer = requests.get(f"{node.url}/api/v1/events", params={"after": after, **asked}, timeout=90)
    answer.raise_for_status()
    return answer.json()


def kinds(events):
    return [event["kind"] for event in events]


@pytest.fixture
def reach(make_subject):
    """A node that sends on studies that were quiet for a second."""
    node = make_subject()
    with Receiver("FAR") as far:
        node.run("remote", "add", "far", "--ae-title", "FAR", "--host", "127.0.0.1", "--port", str(far.port))
        node.run("route", "add", "to-far", "--when", "true", "--to", "far", "--quiet", "1")
        yield node, far


def test_what_arrives_and_what_is_delivered_stand_in_one_order(reach):
    node, far = reach
    items = stored(node, *data.study(1, 3))
    study = items[0].StudyInstanceUID
    last, seen = 0, []
    while "delivery.confirmed" not in kinds(seen):
        page = feed(node, last, limit=2, wait=30)
        assert len(page["events"]) <= 2
        seen += page["events"]
        last = page["last"]
    assert kinds(seen) == ["instance.stored"] * 3 + ["delivery.released", "delivery.confirmed"]
    assert [event["id"] for event in seen] == sorted({event["id"] for event in seen})
    assert [event["instance"] for event in seen[:3]] == [item.SOPInstanceUID for item in items]
    assert {event["study"] for event in seen} == {study}
    assert (seen[-1]["route"], seen[-1]["remote"]) == ("to-far", "far")
    assert kinds(feed(node, kind="delivery.confirmed,delivery.parked")["events"]) == ["delivery.confirmed"]
    # What is deleted, and refused for its bytes.
    other = data.instance(SOPInstanceUID=items[0].SOPInstanceUID, StudyInstanceUID=study, PatientName="Other^One")
    from clients import store
    assert store(node, other) != [0]
    assert requests.delete(f"{node.dicomweb}/studies/{study}", timeout=20).status_code == 204
    rest = feed(node, last)["events"]
    assert kinds(rest) == ["instance.conflict"] + ["instance.deleted"] * 3
    assert "no kind of event" in requests.get(f"{node.url}/api/v1/events?kind=x", timeout=10).text
    shown = node.run("events", "--kind", "delivery.confirmed")
    assert "to-far -> far" in shown and study in shown


def test_a_question_waits_for_what_happens_next(reach):
    node, _ = reach
    last = feed(node)["last"]
    answers = []
    asking = threading.Thread(target=lambda: answers.append(feed(node, last, wait=60, kind="instance.stored")))
    asking.start()
    time.sleep(1)
    assert not answers
    item = stored(node, data.instance())[0]
    asking.join(20)
    assert [event["instance"] for event in answers[0]["events"]] == [item.SOPInstanceUID]
    assert feed(node, answers[0]["last"], wait=1, kind="instance.stored")["events"] == []


def test_events_are_sent_as_they_happen_and_go_on_where_one_left_off(reach):
    node, _ = reach
    first = stored(node, data.instance())[0]

    def followed(count, headers):
        got, fields = [], {}
        with requests.get(
            f"{node.url}/api/v1/events?kind=instance.stored", headers={"Accept": "text/event-stream", **headers},
            stream=True, timeout=30,
        ) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            for line in answer.iter_lines(decode_unicode=True):
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.strip()
                elif "data" in fields:
                    got.append(fields)
                    fields = {}
                    if len(got) == count:
                        return got
        raise AssertionError(got)

    (seen,) = followed(1, {})
    assert json.loads(seen["data"])["instance"] == first.SOPInstanceUID
    assert seen["event"] == "instance.stored"
    later = threading.Timer(1, lambda: stored(node, *data.study(1, 2)))
    later.start()
    assert len(followed(2, {"Last-Event-ID": seen["id"]})) == 2
    later.join()


def test_a_webhook_is_told_everything_once_it_takes_it_and_knows_who_says_so(reach):
    node, _ = reach
    with Hook(503, 500, 302) as hook:
        secret = node.run("webhook", "add", "ris", "--post-to", hook.url).strip()
        node_settings = json.loads(node.run("webhook", "list", "--json"))
        assert secret not in json.dumps(node_settings)
        items = stored(node, *data.study(1, 2))
        # The first answer says no; its pause is half a minute at most, and a change of the webhook ends it.
        deadline = time.monotonic() + PATIENCE_SECONDS
        refused = []
        while len(refused) < 3:
            assert time.monotonic() < deadline
            (told,) = json.loads(node.run("webhook", "list", "--json"))
            if told["failures"]:
                refused.append(told["words"])
                secret = node.run("webhook", "add", "ris", "--post-to", hook.url).strip()
            time.sleep(0.2)
        assert refused == ["HTTP 503", "HTTP 500", "HTTP 302"]
        hook.until(lambda told: "delivery.confirmed" in kinds(told))
        assert [event["instance"] for event in hook.told if "instance" in event] == [item.SOPInstanceUID for item in items]
        assert len({event["id"] for event in hook.told}) == len(hook.told)
        signature, body = hook.signatures[-1]
        at, code = (part.partition("=")[2] for part in signature.split(","))
        assert code == hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert abs(time.time() - int(at)) < PATIENCE_SECONDS
    node.run("webhook", "remove", "ris")
    assert json.loads(node.run("webhook", "list", "--json")) == []


def test_a_webhook_that_was_away_and_a_node_that_was_killed_lose_nothing(reach):
    node, _ = reach
    with Hook() as gone:
        port = gone.port
    node.run("webhook", "add", "ris", "--post-to", f"http://127.0.0.1:{port}/", "--kind", "instance.stored")
    items = stored(node, *data.study(1, 4))
    node.kill()
    node.start()
    with Hook(port=port) as hook:
        node.run("webhook", "add", "ris", "--post-to", hook.url, "--kind", "instance.stored")
        hook.until(lambda told: len(told) >= 4)
        assert {event["instance"] for event in hook.told} == {item.SOPInstanceUID for item in items}


def test_a_webhook_can_be_told_what_happened_before_it_was_added(reach):
    node, _ = reach
    items = stored(node, *data.study(1, 2))
    with Hook() as early, Hook() as late:
        node.run("webhook", "add", "all", "--post-to", early.url, "--kind", "instance.stored", "--from-beginning")
        node.run("webhook", "add", "new", "--post-to", late.url, "--kind", "instance.stored")
        early.until(lambda told: len(told) == 2)
        more = stored(node, data.instance())
        late.until(lambda told: len(told) == 1)
        assert late.told[0]["instance"] == more[0].SOPInstanceUID
        early.until(lambda told: len(told) == 3)
    assert len(items) == 2
    bad = [str(binary()), "webhook", "add", "x", "--post-to", "ftp://nowhere", "--url", node.url]
    assert "http://" in subprocess.run(bad, capture_output=True, text=True, timeout=30).stderr


def test_an_event_of_what_was_parked(make_subject):
    node = make_subject()
    with Receiver("FAR", status=0xC000) as far:
        node.run("remote", "add", "far", "--ae-title", "FAR", "--host", "127.0.0.1", "--port", str(far.port))
        node.run("route", "add", "to-far", "--when", "true", "--to", "far", "--trigger", "instance")
        stored(node, data.instance())
        page = feed(node, kind="delivery.parked", wait=30)
        assert kinds(page["events"]) == ["delivery.parked"]

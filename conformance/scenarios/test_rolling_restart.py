"""Nodes behind a load balancer, restarted one after the other while clients go on: not one request fails. HAProxy as
deploy/haproxy.cfg sets it up."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

import data
from balanced import Balanced
from clients import Web, associate, contexts_of
from subjects import Subject

ROUNDS, EVERY_ROUNDS = 1, 10
#: Each client's answers between two restarts, at least.
BETWEEN_SECONDS = 1.0
STORES_OF_AN_ASSOCIATION = 5

pytestmark = pytest.mark.only("causeway")


@dataclass
class Traffic:
    """Clients of both doors, and how each of their requests ended."""

    to: Balanced
    ended: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def __enter__(self) -> Traffic:
        self._end, self._lock = threading.Event(), threading.Lock()
        work = [self._search, self._search, self._stow, self._stow, self._send, self._send, self._send]
        self._threads = [threading.Thread(target=self._go_on, args=(one,), daemon=True) for one in work]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client still waits"

    def _go_on(self, work: Callable[[Web], None]) -> None:
        # Some clients keep their connection, and so does this session.
        web = Web(self.to.dicomweb)
        while not self._end.is_set():
            try:
                work(web)
            except (AssertionError, RuntimeError, ValueError, OSError, requests.RequestException) as error:
                with self._lock:
                    self.failed.append(f"{work.__name__}: {error}")
            time.sleep(0.005)

    def _note(self, kind: str) -> None:
        with self._lock:
            self.ended[kind] += 1

    def _search(self, web: Web) -> None:
        answer = web.get("/studies", limit="1")
        assert answer.status_code in (200, 204), f"{answer.status_code}: {answer.text[:200]}"
        self._note("search")

    def _stow(self, web: Web) -> None:
        answer = web.stow(*map(data.file_of, data.study(1, 2)))
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:200]}"
        self._note("stow")

    def _send(self, _: Web) -> None:
        items = data.study(1, STORES_OF_AN_ASSOCIATION)
        with associate(self.to, contexts_of(items)) as association:  # type: ignore[arg-type]
            for item in items:
                status = association.send_c_store(item)
                assert status.get("Status") == 0x0000, f"C-STORE: {status.get('Status')}"
                self._note("store")


@pytest.fixture
def balanced(make_subject: Callable[..., Subject], folder: Path):  # type: ignore[no-untyped-def]
    """Two nodes behind one address; on one store and one catalog where the run's nodes have such."""
    first = make_subject()
    second = make_subject(shares=first)
    with Balanced(folder, [first, second]) as balanced:
        yield balanced


@pytest.mark.timeout(900)
def test_a_rolling_restart_fails_no_request(balanced: Balanced, request: pytest.FixtureRequest) -> None:
    """Drained, restarted, had back: one node after the other."""
    rounds = EVERY_ROUNDS if request.config.getoption("--every") else ROUNDS
    with Traffic(balanced) as traffic:
        for _ in range(rounds):
            for number, node in enumerate(balanced.nodes, 1):
                time.sleep(BETWEEN_SECONDS)
                balanced.drain(number)
                before = traffic.ended.total()
                node.restart()
                assert traffic.ended.total() > before, "nobody was served meanwhile: this proves nothing"
                balanced.have_back(number)
        time.sleep(BETWEEN_SECONDS)
    assert traffic.failed == [], balanced.logged()[-2000:]
    assert {"search", "stow", "store"} <= set(traffic.ended)
    print(dict(traffic.ended))


@pytest.mark.timeout(300)
def test_a_node_that_is_killed_is_left_alone_at_once(balanced: Balanced) -> None:
    """What was under way there is lost to its sender, who sends it again; what comes later goes to the other node."""
    with Traffic(balanced) as traffic:
        time.sleep(BETWEEN_SECONDS)
        balanced.nodes[0].kill()
        balanced.await_state(1, "DOWN")
        broken, served = len(traffic.failed), traffic.ended.total()
        # One that was under way when the node was seen to be down may be told of a moment later.
        time.sleep(0.5)
        broken = len(traffic.failed)
        time.sleep(2 * BETWEEN_SECONDS)
        assert traffic.failed[broken:] == []
        assert traffic.ended.total() > served
        balanced.nodes[0].start()
        balanced.await_state(1, "UP")
        time.sleep(BETWEEN_SECONDS)
        assert traffic.failed[broken:] == []

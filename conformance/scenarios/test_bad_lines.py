"""Forwarding over a line that is far, narrow, and breaks while a study goes out: all of it arrives, and nothing is sent
again but what was on its way. What is said of time is in the benchmark."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import Counter

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage

import data
from bad_line import BadLine
from clients import store
from far_web import FarWeb
from subjects.base import free_port

pytestmark = pytest.mark.only("causeway")

DECIDED_SECONDS_MAX = 120
ROUND_TRIP_MS, MEGABITS = 50, 20
#: An instance of 130 KB: a twentieth of a second of the line.
ROWS = 4096


class FarStore:
    """A Storage SCP; `came` holds what it answered with success, each time that it did."""

    def __init__(self, together: int = 100):
        self.came: list[str] = []
        self.most, self._open, self.lock = 0, 0, threading.Lock()
        #: Set: all are answered. Until then one is, and the others wait.
        self.answers, self.held = threading.Event(), 0
        self.answers.set()
        entity = AE(ae_title="FAR")
        entity.maximum_associations = together
        entity.add_supported_context(CTImageStorage)
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_ACCEPTED, self._opened), (evt.EVT_CONN_CLOSE, self._closed)]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self._server.socket.getsockname()[1]

    def __enter__(self) -> FarStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _opened(self, _: evt.Event) -> None:
        with self.lock:
            self._open += 1
            self.most = max(self.most, self._open)

    def _closed(self, _: evt.Event) -> None:
        with self.lock:
            self._open -= 1

    def hold(self) -> None:
        """From here on one instance is answered, and others wait until `answers` is set."""
        self.answers.clear()

    def _store(self, event: evt.Event) -> int:
        with self.lock:
            waits = not self.answers.is_set() and bool(self.came)
            self.held += waits
        if waits:
            self.answers.wait(DECIDED_SECONDS_MAX)
        with self.lock:
            self.came.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000


def sending(make_subject, *address: str, settings: dict[str, str] | None = None):
    """A node that sends on each study when it has been quiet, so that all of it is due at once."""
    node = make_subject(settings=settings or {})
    node.run("remote", "add", "far", *address)
    node.run("route", "add", "to-far", "--when", "true", "--to", "far", "--trigger", "study", "--quiet", "1")
    return node


def by_dimse(port: int, *options: str) -> list[str]:
    return ["--ae-title", "FAR", "--host", "127.0.0.1", "--port", str(port), *options]


def by_web(port: int) -> list[str]:
    return ["--dicomweb", f"http://127.0.0.1:{port}"]


def cut_after(line: BadLine, came: list[str], *counts: int) -> None:
    """Cuts the line when so many have come."""
    for count in counts:
        deadline = time.monotonic() + DECIDED_SECONDS_MAX
        while len(came) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        line.cut()


def cut_after_bytes(line: BadLine, *counts: int) -> None:
    """Cuts the line when so many bytes have come out of it."""
    for count in counts:
        deadline = time.monotonic() + DECIDED_SECONDS_MAX
        while line.count()["there"] < count and time.monotonic() < deadline:
            time.sleep(0.01)
        line.cut()


def cut_when_held(line: BadLine, far: FarStore, count: int) -> None:
    """Cuts the line when so many wait for their answer, and lets the far side answer."""
    deadline = time.monotonic() + DECIDED_SECONDS_MAX
    while far.held < count and time.monotonic() < deadline:
        time.sleep(0.01)
    line.cut()
    far.answers.set()


def delivered(node, items) -> None:
    assert store(node, *items) == [0] * len(items)
    assert set(node.decided(len(items), DECIDED_SECONDS_MAX).values()) == {"delivered"}


def again(came: list[str]) -> int:
    """How many came more than once, all times counted."""
    return sum(count - 1 for count in Counter(came).values())


@pytest.mark.timeout(240)
def test_breaks_under_c_store(make_subject):
    """On each association one instance is on its way: no more than these go again."""
    items = data.study(1, 90, rows=ROWS)
    with FarStore() as far, BadLine(far.port, ROUND_TRIP_MS, MEGABITS) as line:
        node = sending(make_subject, *by_dimse(line.port, "--lines", "4"))
        cutting = threading.Thread(target=cut_after, args=(line, far.came, 20, 50))
        cutting.start()
        delivered(node, items)
        cutting.join()
        assert line.count()["breaks"] == 2
    assert set(far.came) == {item.SOPInstanceUID for item in items}
    assert again(far.came) <= 2 * 4


@pytest.mark.timeout(240)
def test_a_break_before_most_associations_were_answered(make_subject):
    """What was on its way on those is as little at fault as what was on the others: all of it goes again at once, over as
    many associations as before, and the destination is not left alone for a while."""
    items, lines = data.study(1, 90), 12
    with FarStore() as far, BadLine(far.port, ROUND_TRIP_MS, 0) as line:
        far.hold()
        node = sending(make_subject, *by_dimse(line.port, "--lines", str(lines)))
        cutting = threading.Thread(target=cut_when_held, args=(line, far, lines))
        cutting.start()
        delivered(node, items)
        cutting.join()
        passed = line.count()
        attempts = {job["attempts"] for job in node.queue()}
    assert set(far.came) == {item.SOPInstanceUID for item in items}
    assert passed["breaks"] == 1
    # None failed: each job was done with at its first attempt.
    assert attempts == {1}
    assert again(far.came) <= lines
    # As many as there may be, once before the break and once after it.
    assert lines < passed["connections"] <= 2 * lines and far.most <= 2 * lines


@pytest.mark.parametrize("ponders", [0, 1], ids=["soon", "late"])
@pytest.mark.timeout(240)
def test_breaks_under_stow(make_subject, ponders):
    """What had been sent to its end when the line broke is asked after: what came is not sent again, however long a
    question takes."""
    items = data.study(1, 100, rows=ROWS)
    with FarWeb() as far, BadLine(far.port, ROUND_TRIP_MS, MEGABITS) as line:
        far.ponders = ponders
        node = sending(make_subject, *by_web(line.port))
        cutting = threading.Thread(target=cut_after, args=(line, far.came, 20, 60))
        cutting.start()
        delivered(node, items)
        cutting.join()
        assert line.count()["breaks"] == 2
    assert set(far.came) == {item.SOPInstanceUID for item in items}
    assert again(far.came) == 0


@pytest.mark.timeout(240)
def test_breaks_under_stow_to_another_node(make_subject, make_own_subject):
    """It keeps what came of a request that broke off: no more goes again than was between the two."""
    items = data.study(1, 100, rows=ROWS)
    far = make_own_subject("causeway", ae_title="FAR")
    with BadLine(far.web_port, ROUND_TRIP_MS, MEGABITS) as line:
        node = sending(make_subject, "--dicomweb", f"http://127.0.0.1:{line.port}/dicom-web")
        cutting = threading.Thread(target=cut_after_bytes, args=(line, 4_000_000, 8_000_000))
        cutting.start()
        delivered(node, items)
        cutting.join()
        passed = line.count()
    assert passed["breaks"] == 2
    # A whole instance for each body that was under way at a break.
    assert passed["there"] - sum(len(data.file_of(item)) for item in items) < 2 * 8 * len(data.file_of(items[0]))


@pytest.mark.timeout(240)
def test_breaks_under_stow_to_one_that_answers_no_questions(make_subject):
    """Then what was on its way goes again, and nothing else does: of one body at a time no more than three requests."""
    items = data.study(1, 100, rows=ROWS)
    with FarWeb(answers_questions=False) as far, BadLine(far.port, ROUND_TRIP_MS, MEGABITS) as line:
        node = sending(make_subject, *by_web(line.port), "--lines", "1")
        cutting = threading.Thread(target=cut_after, args=(line, far.came, 20))
        cutting.start()
        delivered(node, items)
        cutting.join()
        on_the_way = 3 * 1024 * 1024
    assert set(far.came) == {item.SOPInstanceUID for item in items}
    assert again(far.came) * len(data.file_of(items[0])) <= on_the_way


@pytest.mark.timeout(240)
def test_a_line_that_breaks_again_and_again(make_subject):
    """Each time some get through."""
    items = data.study(1, 100, rows=ROWS)
    with FarStore() as far, BadLine(far.port, ROUND_TRIP_MS, MEGABITS, breaks_every_ms=1500) as line:
        node = sending(make_subject, *by_dimse(line.port))
        delivered(node, items)
        assert line.count()["breaks"] >= 2
    assert set(far.came) == {item.SOPInstanceUID for item in items}


@pytest.mark.timeout(240)
def test_the_farther_the_destination_the_more_associations(make_subject):
    """No setting says so: near by there are four."""
    most = []
    for round_trip in (0, 100):
        items = data.study(1, 100)
        with FarStore() as far, BadLine(far.port, round_trip, 0) as line:
            delivered(sending(make_subject, *by_dimse(line.port)), items)
            assert again(far.came) == 0
        most.append(far.most)
    assert most[0] <= 4 < most[1], most


@pytest.mark.timeout(240)
def test_a_far_destination_that_takes_one_association_at_a_time(make_subject, tmp_path):
    """`storescp` leaves further ones unanswered: that is no failure, and all of it arrives."""
    items = data.study(1, 80)
    port = free_port()
    serving = subprocess.Popen(
        ["storescp", "--aetitle", "FAR", "--output-directory", str(tmp_path), str(port)],
        env={**os.environ, "TCP_NODELAY": "1"},
    )
    try:
        with BadLine(port, 40, 0) as line:
            node = sending(make_subject, *by_dimse(line.port))
            delivered(node, items)
            attempts = {job["attempts"] for job in node.queue()}
    finally:
        serving.terminate()
        serving.wait(10)
    assert len(list(tmp_path.iterdir())) == len(items)
    assert attempts == {1}

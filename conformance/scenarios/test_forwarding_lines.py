"""Forwarding over several associations at once: as many as are allowed and the destination takes, and what becomes of
the instances when one of them breaks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, Verification

import data
from clients import store
from scripted import Gatherer

pytestmark = pytest.mark.only("causeway")

DECIDED_SECONDS_MAX = 90
TOGETHER_SECONDS_MAX = 20


@dataclass
class Destination:
    """A Storage SCP of pynetdicom. After its first answer it answers no other before `together` associations are open,
    or a while has passed; the stores whose places in the order of arrival are in `breaks` end their association
    unanswered."""

    together: int
    takes: int = 10
    breaks: frozenset[int] = frozenset()
    #: Most associations that were open at once, and how many there were in all.
    most: int = 0
    opened: int = 0
    refused: int = 0
    #: SOP Instance UIDs by association, in the order in which they were answered with success.
    kept: dict[int, list[str]] = field(default_factory=dict)

    def __enter__(self) -> Destination:
        self._arrived, self._open, self._lock = 0, set(), threading.Lock()
        self._all = threading.Event()
        entity = AE(ae_title="FAR")
        entity.maximum_associations = self.takes
        entity.add_supported_context(CTImageStorage)
        entity.add_supported_context(Verification)
        handlers = [
            (evt.EVT_ACCEPTED, self._accepted), (evt.EVT_REJECTED, self._rejected), (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_C_STORE, self._store),
        ]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def all_kept(self) -> list[str]:
        """What was answered with success over all associations."""
        return [uid for kept in self.kept.values() for uid in kept]

    def _accepted(self, event: evt.Event) -> None:
        with self._lock:
            self._open.add(id(event.assoc))
            self.opened += 1
            self.most = max(self.most, len(self._open))
            if len(self._open) >= self.together:
                self._all.set()

    def _rejected(self, _: evt.Event) -> None:
        self.refused += 1

    def _closed(self, event: evt.Event) -> None:
        with self._lock:
            self._open.discard(id(event.assoc))

    def _store(self, event: evt.Event) -> int:
        with self._lock:
            self._arrived += 1
            place = self._arrived
        if place > 1:
            self._all.wait(TOGETHER_SECONDS_MAX)
        if place in self.breaks:
            event.assoc.abort()
            return 0xC000
        with self._lock:
            self.kept.setdefault(id(event.assoc), []).append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000


def sending(make_subject, port, associations):
    """A node that sends on each study when it has been quiet, so that all of it is due at once."""
    node = make_subject(settings={"CAUSEWAY_FORWARD__ASSOCIATIONS_PER_DESTINATION": str(associations)})
    node.run("remote", "add", "far", "--ae-title", "FAR", "--host", "127.0.0.1", "--port", str(port))
    node.run("route", "add", "to-far", "--when", "true", "--to", "far", "--trigger", "study", "--quiet", "1")
    return node


def sent(make_subject, far, associations, count=48):
    """Has a study sent to `far`; all of it must be delivered, and be there."""
    items = data.study(1, count)
    node = sending(make_subject, far.port, associations)
    assert store(node, *items) == [0] * count
    assert set(node.decided(count, DECIDED_SECONDS_MAX).values()) == {"delivered"}
    assert set(far.all_kept()) == {item.SOPInstanceUID for item in items}


@pytest.mark.parametrize("associations", [1, 4])
def test_as_many_associations_are_held_as_are_allowed(make_subject, associations):
    """Each carries some, and nothing is sent twice."""
    with Destination(together=associations) as far:
        sent(make_subject, far, associations)
    assert (far.most, far.opened) == (associations, associations)
    assert len(far.kept) == associations
    assert len(far.all_kept()) == 48


def test_a_destination_that_takes_fewer_is_sent_all_over_those(make_subject):
    """The others are rejected as over its limit (PS3.8 §9.3.4), which is no failure of the destination."""
    with Destination(together=1, takes=2) as far:
        sent(make_subject, far, 4)
    assert far.most <= 2
    assert far.refused >= 1
    assert len(far.all_kept()) == 48


@pytest.mark.parametrize("breaks", [frozenset({7}), frozenset({3, 4, 5, 6})])
def test_what_was_not_answered_when_an_association_broke_goes_again(make_subject, breaks):
    """One of four associations breaks, then all of them: in the end all is there, each after an answer of its own."""
    with Destination(together=4, breaks=breaks) as far:
        sent(make_subject, far, 4)
    assert far.opened > 4
    assert len(far.all_kept()) == 48, "what was answered was sent again"


def test_a_few_instances_are_not_worth_a_second_association(make_subject):
    with Destination(together=1) as far:
        sent(make_subject, far, 4, count=4)
    assert far.opened == 1


@pytest.mark.parametrize("window", [4, 0])
def test_each_association_has_a_window_of_its_own(make_subject, window):
    """PS3.7 §D.3.3.3: three associations, four stores under way on each, answered the last first."""
    items = data.study(1, 48)
    with Gatherer(window=window, gathers=4, together=3) as far:
        node = sending(make_subject, far.port, 3)
        assert store(node, *items) == [0] * len(items)
        assert set(node.decided(len(items), DECIDED_SECONDS_MAX).values()) == {"delivered"}
    assert set(far.proposed) == {(8, 1)}
    assert far.most == (window or far.most)
    assert far.most >= 4
    assert far.most_open == 3
    assert sorted(far.kept) == sorted(item.SOPInstanceUID for item in items)

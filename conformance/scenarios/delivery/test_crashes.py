"""The node is killed, or told to stop, at each stage of a delivery: it goes on where it was. A kill explains one more
sending of an instance; an orderly stop explains none.

The line signals the stage, and the node is ended before it can go any further.
"""

import contextlib
import threading
import time

import pytest

from deliveries import ALL, study
from middleman import Deed as Store
from together import at_once
from webfront import Deed as Request

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

INSTANCES = 12


class Stage:
    """Reached once; who reaches it waits there until the node has been ended."""

    def __init__(self):
        self._reached, self._over = threading.Event(), threading.Event()

    def reach(self):
        """Says so, and waits, the first time."""
        if not self._reached.is_set():
            self._reached.set()
            self._over.wait(30)

    def __enter__(self):
        assert self._reached.wait(30), "the stage was not reached"
        return self

    def __exit__(self, *_):
        self._over.set()


def received(delivery, _):
    """The sender has its answers, and nothing else has happened."""
    delivery.line.down()
    delivery.send(*study(2, INSTANCES // 2))


def quiet(delivery, _):
    """The study is waited for to be quiet."""
    delivery.send(*study(2, INSTANCES // 2), trigger="study", quiet=3)
    delivery.wait_for(lambda found: len(found) == INSTANCES, "all planned")


def sending(delivery, stage):
    """An instance is on its way: its command has come, its data set has not been handed on."""
    if delivery.way.transport == "dimse":
        delivery.line.deed = lambda count, _: (stage.reach() if count == 3 else None, Store())[1]
    else:
        delivery.line.deed = lambda line: (stage.reach(), Request())[1]
    delivery.send(*study(2, INSTANCES // 2), trigger="study")


def answered(delivery, stage):
    """The far side has said yes, and it is not written down yet."""
    delivery.line.after_answer = lambda count, _: stage.reach() if count == 3 else None
    delivery.send(*study(2, INSTANCES // 2), trigger="study")


def between(delivery, stage):
    """Some are written down as delivered, the next has not begun."""
    first, rest = study(1, INSTANCES // 2), study(1, INSTANCES // 2)
    delivery.route(*first, *rest)
    delivery.give(*first)
    delivery.settled()
    delivery.line.deed = lambda *_: (stage.reach(), Store() if delivery.way.transport == "dimse" else Request())[1]
    delivery.give(*rest)


STAGES = [received, quiet, sending, answered, between]
WITH_SIGNAL = [sending, answered, between]


class Kill:
    """SIGKILL."""

    crashes = 1

    @staticmethod
    def begin(node):
        """It is gone."""
        node.kill()

    @staticmethod
    def finish(_):
        """Nothing is left to do."""


class Stop:
    """SIGTERM."""

    crashes = 0

    @staticmethod
    def begin(node):
        """It has heard that it is to end."""
        words = "stopping: no new callers"
        before, deadline = node.logged().count(words), time.monotonic() + 30
        node.ask_to_stop()
        while node.logged().count(words) == before:
            assert time.monotonic() < deadline, "it does not say that it stops"
            time.sleep(0.02)

    @staticmethod
    def finish(node):
        """It has ended."""
        node.wait_until_ended()


def tell(delivery, story, end):
    """One stage: it is reached, the node ends and starts again, and all arrives."""
    node, stage = delivery.node, Stage()
    story(delivery, stage)
    with stage if story in WITH_SIGNAL else contextlib.nullcontext():
        end.begin(node)
    end.finish(node)
    delivery.line.down()
    delivery.line.deed = (lambda *_: Store()) if delivery.way.transport == "dimse" else (lambda _: Request())
    delivery.line.after_answer = lambda *_: None
    delivery.line.up()
    node.start()
    delivery.assert_accounts(crashes=end.crashes)


def to_each_stage(deliver, destinations, make_node, pairs, end):
    """A node for each pair, which goes through the stages; all pairs at once."""
    known, nodes = {kind: destinations(kind) for kind, _ in pairs}, {pair: make_node() for pair in pairs}

    def through(pair):
        for story in STAGES:
            delivery = deliver(known[pair[0]], pair[1], nodes[pair])
            try:
                tell(delivery, story, end)
            except AssertionError as error:
                raise AssertionError(f"{story.__name__}: {error}") from error

    at_once({"-".join(pair): lambda pair=pair: through(pair) for pair in pairs})


def test_killed_at_each_stage(deliver, destinations, make_node):
    """SIGKILL, then a start on the same data."""
    to_each_stage(deliver, destinations, make_node, ALL, Kill)


def test_told_to_stop_at_each_stage(deliver, destinations, make_node):
    """SIGTERM: what is on the line is finished and written down, and nothing is sent twice."""
    to_each_stage(deliver, destinations, make_node, ALL[1::2], Stop)

"""Senders that give a node instances over C-STORE and STOW-RS and have it delete some, and write down what they are
told. They go on until the node is gone, or they have nothing more to send."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator

import requests
from pydicom.dataset import Dataset

import data
from clients import Web, associate, contexts_of
from subjects import Subject
from told import Told

ANSWER_SECONDS_MAX = 20
END_SECONDS_MAX = 60
#: Half a kilobyte to half a megabyte.
ROWS = (16, 16, 512, 4096)


class Feed:
    """So many senders of each kind; each sends `rounds` times, or until it is told to end, and rests between."""

    def __init__(
        self, node: Subject, c_store: int, stow: int, delete: bool, rounds: int | None = None, rest_seconds: float = 0,
    ):
        self.told = Told()
        self._node, self._rounds, self._rest_seconds = node, rounds, rest_seconds
        self._end = threading.Event()
        self._studies: list[str] = []
        work = [self._c_store] * c_store + [self._stow] * stow
        self._senders = [threading.Thread(target=one, daemon=True) for one in work]
        self._deleter = threading.Thread(target=self._delete, daemon=True) if delete else None
        # Associations are made before anything is sent, so that all send at once.
        self._ready = threading.Barrier(c_store + stow)

    def run(self) -> Told:
        """Sends all there is to send."""
        with self:
            pass
        return self.told

    def __enter__(self) -> Feed:
        for thread in self._threads():
            thread.start()
        if self._rounds is None:
            return self
        for thread in self._senders:
            thread.join(END_SECONDS_MAX)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads():
            thread.join(END_SECONDS_MAX)
            assert not thread.is_alive(), "a sender still waits for an answer"

    def _threads(self) -> list[threading.Thread]:
        return [*self._senders, *([self._deleter] if self._deleter else [])]

    def _turns(self) -> Iterator[int]:
        turn = 0
        while not self._end.is_set() and (self._rounds is None or turn < self._rounds):
            yield turn
            turn += 1
            self._end.wait(self._rest_seconds)

    def _wait_for_the_others(self) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._ready.wait(ANSWER_SECONDS_MAX)

    def _c_store(self) -> None:
        item = None
        try:
            with associate(self._node, contexts_of([data.instance()]), seconds=ANSWER_SECONDS_MAX) as association:
                self._wait_for_the_others()
                for _ in self._turns():
                    if not association.is_established:
                        return
                    item = image()
                    status = association.send_c_store(item).get("Status")
                    said = self.told.says_nothing if status is None else self.told.refuses
                    (self.told.took if status == 0x0000 else said)(item)
                    item = None
        except (AssertionError, RuntimeError, ValueError, OSError):
            self._ready.abort()
            if item is not None:
                self.told.says_nothing(item)

    def _stow(self) -> None:
        web = Web(self._node.dicomweb)
        self._wait_for_the_others()
        for _ in self._turns():
            items = data.study(1, 3)
            try:
                answer = web.stow(*map(data.file_of, items))
            except requests.RequestException:
                self.told.says_nothing(*items)
                if self._rounds is None:
                    return
                continue
            if answer.status_code == 200:
                self.told.took(*items)
                self._studies.append(str(items[0].StudyInstanceUID))
            elif answer.status_code == 202:
                # Some were taken, and the answer says which were not: PS3.18 table 10.5.3-1.
                failed = _failed(answer.json())
                for item in items:
                    (self.told.refuses if item.SOPInstanceUID in failed else self.told.took)(item)
            else:
                self.told.refuses(*items)

    def _delete(self) -> None:
        """Every second of the studies that were stored over the web, once."""
        at = 0
        while not self._end.wait(0.02) or (self._rounds is not None and at < len(self._studies)):
            if at >= len(self._studies):
                continue
            study, at = self._studies[at], at + 2
            self.told.deletes(study)
            try:
                answer = requests.delete(f"{self._node.dicomweb}/studies/{study}", timeout=ANSWER_SECONDS_MAX)
            except requests.RequestException:
                continue
            if answer.status_code == 204:
                self.told.deleted(study)


def image() -> Dataset:
    """An instance of some size."""
    item = data.instance(rows=random.choice(ROWS), PixelData=None)
    item.PixelData = random.randbytes(item.Rows * 32)
    item["PixelData"].VR = "OW"
    return item


def _failed(report: dict) -> set[str]:
    sequence = report.get("00081198", {}).get("Value", [])
    return {str(one["00081155"]["Value"][0]) for one in sequence if one.get("00081155", {}).get("Value")}

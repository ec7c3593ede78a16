"""A node that is killed in the middle loses nothing that it has acknowledged.

SIGKILL at random moments of a running ingest over C-STORE and STOW-RS. `CAUSEWAY_KILLS` says how often (default 10),
`CAUSEWAY_SEED` makes the moments those of an earlier run.
"""

import os
import random
import threading
import time

import pytest
import requests

import data
from clients import ACCEPT_STORED, Web, associate, contexts_of, parts

KILLS = int(os.environ.get("CAUSEWAY_KILLS", "10"))


class Ingest:
    """Senders that keep sending until the server is gone, and remember what was answered."""

    def __init__(self, subject):
        self._subject = subject
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.acknowledged = []
        self.unanswered = []
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._c_store, self._c_store, self._stow)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a sender still waits for a server that is gone"

    def _note(self, item, success):
        with self._lock:
            (self.acknowledged if success else self.unanswered).append(item)

    def _c_store(self):
        item = None
        try:
            with associate(self._subject, contexts_of([data.instance()]), seconds=10) as association:
                while not self._stop.is_set() and association.is_established:
                    item = data.instance(rows=random.choice([16, 512, 4096]), PixelData=None)
                    item.PixelData = random.randbytes(item.Rows * 32)
                    item["PixelData"].VR = "OW"
                    status = association.send_c_store(item).get("Status")
                    self._note(item, status == 0x0000)
                    item = None
        except (AssertionError, RuntimeError, ValueError, OSError):
            if item is not None:
                self._note(item, False)

    def _stow(self):
        web = Web(self._subject.dicomweb)
        while not self._stop.is_set():
            items = data.study(1, 3)
            try:
                success = web.stow(*map(data.file_of, items)).status_code == 200
            except requests.RequestException:
                success = False
            for item in items:
                self._note(item, success)
            if not success:
                return


def read(web, item):
    """The data set that is stored, or nothing."""
    path = f"/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}/instances/{item.SOPInstanceUID}"
    answer = web.get(path, ACCEPT_STORED)
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:300]}"
    (part,) = parts(answer)
    return part.body


@pytest.mark.timeout(60 + 30 * KILLS)
def test_what_was_acknowledged_is_whole_after_a_kill(own_subject):
    """Each instance that was answered with Success is read back to the byte, and found by a search; each one that
    was not answered is whole, or not there at all."""
    seed = int(os.environ.get("CAUSEWAY_SEED", random.randrange(1 << 32)))
    moments = random.Random(seed)
    web = Web(own_subject.dicomweb)
    everything = []
    kills = KILLS if own_subject.name == "causeway" else 3  # enough to prove the test
    for number in range(kills):
        with Ingest(own_subject) as ingest:
            time.sleep(moments.uniform(0.05, 1.5))
            own_subject.kill()
        own_subject.start()
        where = f"kill {number} of seed {seed}"
        for item in ingest.acknowledged:
            file = read(web, item)
            assert file is not None, f"{where}: {item.SOPInstanceUID} was acknowledged and is lost"
            assert data.split(file)[1] == data.encoded(item), f"{where}: {item.SOPInstanceUID} is not what was sent"
        for item in ingest.unanswered:
            file = read(web, item)
            assert file is None or data.split(file)[1] == data.encoded(item), f"{where}: {item.SOPInstanceUID} is in part"
        everything.extend(item.SOPInstanceUID for item in ingest.acknowledged)
        for item in ingest.acknowledged[-5:]:
            found = web.query("/instances", SOPInstanceUID=item.SOPInstanceUID)
            assert len(found) == 1, f"{where}: {item.SOPInstanceUID} is found {len(found)} times"
    assert len(everything) > kills, "hardly anything was acknowledged: the kills prove nothing"


@pytest.mark.only("causeway")
def test_a_repeat_after_a_kill_is_success(own_subject):
    """A sender that does not know whether its instance was taken sends it again: Success, and it is there once."""
    web = Web(own_subject.dicomweb)
    with Ingest(own_subject) as ingest:
        time.sleep(0.7)
        own_subject.kill()
    own_subject.start()
    again = [*ingest.unanswered, *ingest.acknowledged[-20:]]
    assert again
    for item in again:
        answer = web.stow(data.file_of(item))
        assert answer.status_code == 200, answer.text
        assert len(web.query("/instances", SOPInstanceUID=item.SOPInstanceUID)) == 1

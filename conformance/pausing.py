"""Makes the pause of pynetdicom's reactor sound.

An association of pynetdicom has a thread that takes whatever message comes, and is paused while a request waits for its
answer. As it is, the thread may be past its checkpoint when the request already takes it for paused; a quick answer is
then taken by the thread ("unexpected C-STORE service message"), and the request waits in vain. Here whoever passes the
checkpoint says so before anybody can close it again.
"""

from __future__ import annotations

import threading
from typing import Any

from pynetdicom import Association

_initialise = Association.__init__


class Checkpoint(threading.Event):
    """The event that an association's thread waits for in each of its rounds."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Returns when it is open at this very moment; that it was open is not enough."""
        with self._cond:
            is_open = self._cond.wait_for(self.is_set, timeout)
            if is_open:
                self._association._is_paused = False
            return is_open


def _initialised(self: Association, *arguments: Any, **named: Any) -> None:
    _initialise(self, *arguments, **named)
    self._reactor_checkpoint = Checkpoint(self)


Association.__init__ = _initialised

"""Two nodes of ours on one bucket and one database, behind HAProxy, with one face: whoever speaks to it does not know which of
them answers, and what one has told another must know. `--nodes 2` has the shared server of a run be such."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from balanced import Balanced
from subjects.causeway import Causeway

if TYPE_CHECKING:
    from places import Place

#: What one node is told is in force on the other within a second.
IN_FORCE_SECONDS = 1.0


class Several(Causeway):
    """Both, and what is before them. Its log is theirs, one after another."""

    def __init__(self, ae_title: str | None = None, settings: dict[str, Any] | None = None):
        super().__init__(ae_title, settings)
        first = Causeway(self.ae_title, dict(self.settings))
        self.nodes = [first, Causeway(self.ae_title, dict(self.settings), shares=first)]
        for node in self.nodes:
            # What is in the spool of one, the other asks it for.
            node.settings["CAUSEWAY_NODE__ADDRESS"] = node.url
        self._balanced = Balanced(self.folder, self.nodes)
        self.dimse_port, self.web_port = self._balanced.dimse_port, self._balanced.web_port
        self._is_balanced = False

    @property
    def place(self) -> Place | None:
        """The bucket and the database of both."""
        return self.nodes[0].place

    @property
    def pid(self) -> int:
        """The process of the first."""
        return self.nodes[0].pid

    def start(self) -> None:
        for node in self.nodes:
            if not node.alive():
                node.start()
        if not self._is_balanced:
            self._balanced.__enter__()
            self._is_balanced = True
        for number in range(1, len(self.nodes) + 1):
            self._balanced.await_state(number, "UP")

    def alive(self) -> bool:
        return all(node.alive() for node in self.nodes)

    def ask_to_stop(self) -> None:
        for node in self.nodes:
            node.ask_to_stop()

    def wait_until_ended(self) -> None:
        for node in self.nodes:
            node.wait_until_ended()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def remove(self) -> None:
        self.stop()
        if self._is_balanced:
            self._balanced.__exit__()
        # The second one's bucket is the first one's.
        for node in reversed(self.nodes):
            node.remove()
        super().remove()

    def logged(self) -> str:
        return "".join(node.logged() for node in self.nodes)

    def tail(self, lines: int = 60) -> str:
        return "\n".join(node.tail(lines) for node in self.nodes)

    def run(self, *arguments: str) -> str:
        """Runs a command against one of them, and waits until what it may have changed is in force on all."""
        written = super().run(*arguments)
        time.sleep(IN_FORCE_SECONDS)
        return written

    def remove_route(self, name: str) -> None:
        super().remove_route(name)
        time.sleep(IN_FORCE_SECONDS)

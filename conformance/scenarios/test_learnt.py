"""What a destination refused is not proposed to it again (PS3.8 §9.3.2.2), until it is changed; `causeway remote show` tells
what it was found to take."""

from __future__ import annotations

import json

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage

import data
from clients import store

pytestmark = pytest.mark.only("causeway")


class Proposed:
    """A Storage SCP that takes uncompressed images; `proposed` holds, for each association, the transfer syntaxes."""

    def __init__(self) -> None:
        self.proposed: list[set[str]] = []
        self.came = 0
        entity = AE(ae_title="FAR")
        entity.add_supported_context(CTImageStorage, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        handlers = [(evt.EVT_REQUESTED, self._requested), (evt.EVT_C_STORE, self._store)]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self._server.socket.getsockname()[1]

    def _requested(self, event: evt.Event) -> None:
        contexts = event.assoc.requestor.requested_contexts
        self.proposed.append({str(syntax) for context in contexts for syntax in context.transfer_syntax})

    def _store(self, event: evt.Event) -> int:
        self.came += 1
        return 0x0000

    def __enter__(self) -> Proposed:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()


def test_what_was_refused_is_not_proposed_again(make_subject):
    with Proposed() as far:
        # Each instance has an association of its own.
        node = make_subject(settings={"CAUSEWAY_FORWARD__LINGER_SECONDS": "0"})
        node.add_remote("far", "FAR", far.port)
        node.add_route("all", "true", "far")

        def send() -> None:
            item = data.instance()
            item.compress(RLELossless)
            before, associations = far.came, len(far.proposed)
            assert store(node, item) == [0]
            assert set(node.decided(before + 1).values()) == {"delivered"}
            assert (far.came, len(far.proposed)) == (before + 1, associations + 1)

        send()
        assert RLELossless in far.proposed[-1]
        shown = json.loads(node.run("remote", "show", "far"))["acceptances"]
        found = {found["transfer_syntax"]: found["taken"] for found in shown}
        assert found == {RLELossless: False, ExplicitVRLittleEndian: True, ImplicitVRLittleEndian: True}
        send()
        assert RLELossless not in far.proposed[-1]
        node.add_remote("far", "FAR", far.port)
        assert "acceptances" not in json.loads(node.run("remote", "show", "far"))
        send()
        assert RLELossless in far.proposed[-1]

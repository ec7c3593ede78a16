"""Peers for storage commitment, by pynetdicom: one that asks and hears results, one that keeps and tells them."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, build_role, evt
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import StorageCommitmentPushModel as COMMITMENT
from pynetdicom.sop_class import StorageCommitmentPushModelInstance as INSTANCE
from pynetdicom.sop_class import Verification

from subjects import Subject

PLAIN = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def reference(sop_class: str, sop_instance: str, reason: int | None = None) -> Dataset:
    """An item of a request or a result."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = sop_instance
    if reason is not None:
        item.FailureReason = reason
    return item


def request(transaction: str, instances: Iterable[Dataset]) -> Dataset:
    """The Action Information for these instances."""
    information = Dataset()
    information.TransactionUID = transaction
    information.ReferencedSOPSequence = [reference(item.SOPClassUID, item.SOPInstanceUID) for item in instances]
    return information


def ask(association: Any, information: Dataset, action: int = 1, instance: str = INSTANCE) -> int:
    """The status of the N-ACTION."""
    status, _ = association.send_n_action(information, action, COMMITMENT, instance)
    return status.Status


@dataclass
class Result:
    """One N-EVENT-REPORT."""

    kind: int
    information: Dataset
    association: Any
    instance: str

    @property
    def transaction(self) -> str:
        return str(self.information.TransactionUID)

    @property
    def committed(self) -> set[tuple[str, str]]:
        return {
            (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
            for item in self.information.get("ReferencedSOPSequence", [])
        }

    @property
    def failed(self) -> dict[str, int]:
        return {
            str(item.ReferencedSOPInstanceUID): item.FailureReason
            for item in self.information.get("FailedSOPSequence", [])
        }


def pairs(instances: Iterable[Dataset]) -> set[tuple[str, str]]:
    """The instances as `Result.committed` has them."""
    return {(str(item.SOPClassUID), str(item.SOPInstanceUID)) for item in instances}


@dataclass
class Ear:
    """Hears results, on an association of its own asking or at its door."""

    ae_title: str = "EAR"
    port: int = 0
    #: Statuses that it answers with, one after the other; then Success.
    statuses: list[int] = field(default_factory=list)
    #: Whether it answers the roles that are proposed to it.
    selects_roles: bool = True
    heard: queue.Queue[Result] = field(default_factory=queue.Queue)
    #: Results that are not answered yet: who is told of one may release the association at once.
    unanswered: queue.Queue[Result] = field(default_factory=queue.Queue)

    def on_report(self, event: evt.Event) -> tuple[int, None]:
        information = event.event_information
        self.unanswered.put(Result(
            event.request.EventTypeID, information, event.assoc, str(event.request.AffectedSOPInstanceUID),
        ))
        return (self.statuses.pop(0) if self.statuses else 0x0000), None

    def on_sent(self, event: evt.Event) -> None:
        if isinstance(event.pdu, P_DATA_TF):
            with contextlib.suppress(queue.Empty):
                self.heard.put(self.unanswered.get_nowait())

    @property
    def handlers(self) -> list[tuple[Any, Any]]:
        return [(evt.EVT_N_EVENT_REPORT, self.on_report), (evt.EVT_PDU_SENT, self.on_sent)]

    def __enter__(self) -> Ear:
        entity = AE(ae_title=self.ae_title)
        roles = {"scu_role": False, "scp_role": True} if self.selects_roles else {}
        entity.add_supported_context(COMMITMENT, PLAIN, **roles)
        entity.add_supported_context(Verification)
        self._server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=self.handlers)
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def result(self, seconds: float = 30) -> Result:
        """The next result."""
        return self.heard.get(timeout=seconds)

    def hears_nothing(self, seconds: float) -> bool:
        """Whether no result comes for so long."""
        try:
            self.heard.get(timeout=seconds)
        except queue.Empty:
            return True
        return False


@dataclass
class Keeper:
    """A Storage SCP that commits to what it was sent.

    `tells` says how: `same` association once the N-ACTION is answered, on a `new` one to the node, `early` on the same
    one before it answers, or `never`.
    """

    node: Subject
    ae_title: str = "KEEPER"
    tells: str = "same"
    port: int = 0
    #: Failure Reason by place in the request.
    reasons: dict[int, int] = field(default_factory=dict)
    #: Statuses of the N-ACTION, one after the other; then Success.
    statuses: list[int] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    requests: queue.Queue[Dataset] = field(default_factory=queue.Queue)
    #: Statuses that the node answered results with.
    answers: queue.Queue[int] = field(default_factory=queue.Queue)

    def __enter__(self) -> Keeper:
        entity = AE(ae_title=self.ae_title)
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax, PLAIN)
        entity.add_supported_context(COMMITMENT, PLAIN)
        entity.add_supported_context(Verification)
        self._server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=[
            (evt.EVT_C_STORE, self._on_store), (evt.EVT_N_ACTION, self._on_action),
        ])
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _on_store(self, event: evt.Event) -> int:
        self.stored.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    def _on_action(self, event: evt.Event) -> tuple[int, None]:
        information = event.action_information
        self.requests.put(information)
        if self.statuses:
            return self.statuses.pop(0), None
        kind, settled = self.settlement(information)
        if self.tells == "early":
            self._report(event.assoc, kind, settled)
        elif self.tells == "same":
            threading.Timer(0.3, self._report, (event.assoc, kind, settled)).start()
        elif self.tells == "new":
            threading.Timer(0.3, self.call, (kind, settled)).start()
        return 0x0000, None

    def settlement(self, information: Dataset) -> tuple[int, Dataset]:
        """The Event Type ID and the Event Information that answer a request."""
        settled = Dataset()
        settled.TransactionUID = information.TransactionUID
        committed, failed = [], []
        for place, item in enumerate(information.ReferencedSOPSequence):
            uids = (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID)
            if place in self.reasons:
                failed.append(reference(*uids, self.reasons[place]))
            else:
                committed.append(reference(*uids))
        if committed:
            settled.ReferencedSOPSequence = committed
        if failed:
            settled.FailedSOPSequence = failed
        return (2 if failed else 1), settled

    def call(self, kind: int, settled: Dataset) -> None:
        """Tells a result on an association of its own, as the provider."""
        entity = AE(ae_title=self.ae_title)
        entity.add_requested_context(COMMITMENT, PLAIN)
        association = entity.associate(
            self.node.host, self.node.dimse_port, ae_title=self.node.ae_title,
            ext_neg=[build_role(COMMITMENT, scp_role=True)],
        )
        if association.is_established:
            self._report(association, kind, settled)
            association.release()

    def _report(self, association: Any, kind: int, settled: Dataset) -> None:
        status, _ = association.send_n_event_report(settled, kind, COMMITMENT, INSTANCE)
        self.answers.put(status.get("Status"))

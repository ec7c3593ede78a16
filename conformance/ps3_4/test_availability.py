"""PS3.4 annex R: the node tells of what can be retrieved from it, study by study, once no more of it comes."""

import json
import queue
import time

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import InstanceAvailabilityNotification as NOTICE

import data
from clients import PLAIN, stored
from subjects import SUBJECTS
from subjects.base import free_port

pytestmark = pytest.mark.only("causeway")

QUIET_SECONDS = 3
#: How often a listener was tried before it refuses is a matter of luck; without this the pause after it may be minutes.
RETRY_SECONDS_MAX = 15


@pytest.fixture(scope="module")
def node():
    """A node of the module's own that tells soon."""
    node = SUBJECTS["causeway"](
        ae_title="TELLER",
        settings={
            "CAUSEWAY_FORWARD__ERRANDS__NOTICE_QUIET_SECONDS": str(QUIET_SECONDS),
            "CAUSEWAY_FORWARD__RETRY_CEILING_SECONDS": str(RETRY_SECONDS_MAX),
        },
    )
    node.start()
    yield node
    node.remove()


class Listener:
    """Takes notices (N-CREATE)."""

    def __init__(self, ae_title, port=0, statuses=()):
        self.ae_title, self.port, self.statuses = ae_title, port, list(statuses)
        self.told = queue.Queue()

    def __enter__(self):
        entity = AE(ae_title=self.ae_title)
        entity.add_supported_context(NOTICE, PLAIN)
        self._server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_N_CREATE, self._on_create)],
        )
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *_):
        self._server.shutdown()

    def _on_create(self, event):
        self.told.put((str(event.request.AffectedSOPInstanceUID), event.attribute_list, time.monotonic()))
        return (self.statuses.pop(0) if self.statuses else 0x0000), None

    def notice(self, seconds=40):
        return self.told.get(timeout=seconds)


def listens(node, name, listener):
    node.run(
        "remote", "add", name, "--ae-title", listener.ae_title, "--host", "127.0.0.1", "--port", str(listener.port),
        "--allow", "query", "--availability",
    )
    # From when on it is told the node notes within seconds: what comes before is not told of.
    time.sleep(3)


def named(notice):
    """Series and instance of each item of a notice."""
    return {
        (str(series.SeriesInstanceUID), str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
        for series in notice.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }


def triples(items):
    return {(str(it.SeriesInstanceUID), str(it.SOPClassUID), str(it.SOPInstanceUID)) for it in items}


def test_a_study_is_told_of_once_it_is_quiet(node):
    """R.3.2.1: every instance under its series, ONLINE, with the AE title to retrieve it from; nothing of the patient."""
    with Listener("LISTENER") as listener:
        listens(node, "listener", listener)
        items = data.study(2, 2)
        stored(node, *items[:2])
        stored(node, *items[2:])
        uid, notice, _ = listener.notice()
        assert uid
        assert {element.keyword for element in notice} == {
            "StudyInstanceUID", "ReferencedSeriesSequence", "ReferencedPerformedProcedureStepSequence",
        }
        assert notice.StudyInstanceUID == items[0].StudyInstanceUID
        assert named(notice) == triples(items)
        for series in notice.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                assert (item.InstanceAvailability, item.RetrieveAETitle) == ("ONLINE", node.ae_title)
        # More of it is told of again, in full and under a UID of its own.
        more = data.instance(StudyInstanceUID=items[0].StudyInstanceUID, PatientID=items[0].PatientID)
        stored(node, more)
        again, notice, _ = listener.notice()
        assert again != uid
        assert named(notice) == triples([*items, more])
        assert listener.told.empty()
    rows = json.loads(node.run("queue", "notices", "--json"))
    (row,) = [row for row in rows if row["uid"] == items[0].StudyInstanceUID]
    assert (row["kind"], row["remote"], row["state"]) == ("notice", "listener", "done")


def test_a_notice_is_tried_until_it_is_taken(node):
    """A listener that is away, then refuses, then takes it; and the node is killed in between."""
    listener = Listener("LISTENERAWAY", free_port(), statuses=[0x0110])
    listens(node, "listener-away", listener)
    items = stored(node, *data.study(1, 2))
    time.sleep(QUIET_SECONDS + 3)
    node.kill()
    node.start()
    with listener:
        for _ in range(2):
            _, notice, _ = listener.notice(90)
            assert named(notice) == triples(items)


def test_a_remote_without_the_flag_is_not_told(node):
    with Listener("LISTENERNOT") as listener, Listener("LISTENERYES") as other:
        node.run("remote", "add", "not", "--ae-title", "LISTENERNOT", "--host", "127.0.0.1", "--port", str(listener.port))
        listens(node, "yes", other)
        stored(node, data.instance())
        other.notice()
        assert listener.told.empty()

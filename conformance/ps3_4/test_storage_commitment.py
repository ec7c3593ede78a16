"""PS3.4 annex J: storage commitment, asked of the node and asked by it; with pynetdicom and with Orthanc."""

import json
import shutil
import time

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage
from pynetdicom import build_role
from pynetdicom.sop_class import StorageCommitmentPushModel as COMMITMENT
from pynetdicom.sop_class import Verification

import data
from clients import Receiver, associate, stored
from commitment import Ear, Keeper, ask, pairs, reference, request
from subjects.base import free_port

pytestmark = pytest.mark.only("causeway")

#: Shorter than those of a hospital, so that a test need not wait.
QUICK = {"CAUSEWAY_FORWARD__ERRANDS__GATHER_SECONDS": "1", "CAUSEWAY_FORWARD__ERRANDS__LINGER_SECONDS": "3"}


def add(node, name, ae_title, port=None, allow="store,commit", *flags):
    """Registers a remote, with an address where `port` is given."""
    address = ["--host", "127.0.0.1", "--port", str(port)] if port else []
    node.run("remote", "add", name, "--ae-title", ae_title, *address, "--allow", allow, *flags)


def commitments(node):
    return json.loads(node.run("queue", "commitments", "--json"))


def commitment(node, transaction):
    (found,) = [row for row in commitments(node) if row["uid"] == transaction]
    return found


def until(truth, seconds=40):
    """Waits until something is true; gives what it was last."""
    end = time.monotonic() + seconds
    while not (found := truth()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


# Asked of the node.

def test_what_was_stored_is_committed_on_the_same_association(subject):
    """J.3.3: Event Type 1 with every instance, under the Transaction UID of the request."""
    items = stored(subject, *data.study(2, 3))
    ear, transaction = Ear(), data.uid()
    with associate(subject, [COMMITMENT], evt_handlers=ear.handlers) as association:
        assert ask(association, request(transaction, items)) == 0x0000
        result = ear.result()
        assert result.association is association
    assert (result.kind, result.transaction, result.instance) == (1, transaction, "1.2.840.10008.1.20.1.1")
    assert result.committed == pairs(items)
    assert "FailedSOPSequence" not in result.information
    assert commitment(subject, transaction)["state"] == "done"
    assert ear.hears_nothing(1), "it is told once"


def test_what_is_not_kept_has_failed_with_a_reason_each(subject):
    """J.3.3, PS3.3 C.14: Event Type 2; 0112 unknown, 0119 another class, 0122 no class of storage."""
    (kept,) = stored(subject, data.instance())
    (other,) = stored(subject, data.instance())
    unknown, strange = data.uid(), data.uid()
    information = request(data.uid(), [kept])
    for sop_class, sop_instance in [
        (MRImageStorage, other.SOPInstanceUID), (CTImageStorage, unknown), (Verification, strange),
    ]:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
        information.ReferencedSOPSequence.append(item)
    ear = Ear()
    with associate(subject, [COMMITMENT], evt_handlers=ear.handlers) as association:
        assert ask(association, information) == 0x0000
        result = ear.result()
    assert result.kind == 2
    assert result.committed == pairs([kept])
    assert result.failed == {str(other.SOPInstanceUID): 0x0119, unknown: 0x0112, strange: 0x0122}
    told = commitment(subject, result.transaction)
    assert (told["instances"], told["failed"]) == (4, 3)
    assert {(row["instance"], row["reason"]) for row in told["failures"]} == set(result.failed.items())


def test_a_result_of_failures_alone_names_none_that_is_committed(subject):
    ear, unknown = Ear(), data.instance()
    with associate(subject, [COMMITMENT], evt_handlers=ear.handlers) as association:
        assert ask(association, request(data.uid(), [unknown])) == 0x0000
        result = ear.result()
    assert (result.kind, result.committed) == (2, set())
    assert result.failed == {str(unknown.SOPInstanceUID): 0x0112}


def test_one_that_left_is_called_by_the_node_as_the_provider(subject):
    """J.3.3.1.3: on a new association, for which the node proposes the SCP role."""
    with Ear(ae_title="EARNEW") as ear:
        add(subject, "ear-new", "EARNEW", ear.port)
        items = stored(subject, data.instance())
        transaction = data.uid()
        with associate(subject, [COMMITMENT], calling="EARNEW") as association:
            assert ask(association, request(transaction, items)) == 0x0000
        result = ear.result()
        assert (result.kind, result.transaction, result.committed) == (1, transaction, pairs(items))
        caller = result.association.requestor
        assert caller.ae_title == subject.ae_title
        role = caller.role_selection[COMMITMENT]
        assert (role.scu_role, role.scp_role) == (False, True)
    assert until(lambda: commitment(subject, transaction)["state"] == "done")


def test_one_that_is_away_is_told_when_it_is_back(subject):
    port, transaction = free_port(), data.uid()
    add(subject, "ear-away", "EARAWAY", port)
    items = stored(subject, data.instance())
    with associate(subject, [COMMITMENT], calling="EARAWAY") as association:
        assert ask(association, request(transaction, items)) == 0x0000
    told = until(lambda: (row := commitment(subject, transaction))["attempts"] and row)
    assert (told["state"], told["remote"]) == ("due", "ear-away")
    assert told["words"], "the failure is told"
    findings = requests.get(f"{subject.url}/api/v1/doctor", timeout=60).json()
    assert [it["verdict"] for it in findings if it["subject"] == "storage commitments asked-of-us, ear-away"] == ["failure"]
    with Ear(ae_title="EARAWAY", port=port) as ear:
        assert ear.result(60).committed == pairs(items)


def test_one_that_does_not_take_the_result_is_told_again(subject):
    """A report that is answered with a failure is not told."""
    with Ear(ae_title="EARNO", statuses=[0x0110]) as ear:
        add(subject, "ear-no", "EARNO", ear.port)
        items, transaction = stored(subject, data.instance()), data.uid()
        with associate(subject, [COMMITMENT], calling="EARNO") as association:
            assert ask(association, request(transaction, items)) == 0x0000
        assert ear.result().transaction == transaction
        assert ear.result(60).transaction == transaction
    assert until(lambda: commitment(subject, transaction)["state"] == "done")


def test_one_that_does_not_select_roles_is_told_when_it_is_known_to_be_so(subject):
    """J.2.1 makes role selection mandatory; a remote that cannot has the quirk, which the failure names."""
    with Ear(ae_title="EARROLE", selects_roles=False) as ear:
        add(subject, "ear-role", "EARROLE", ear.port)
        items, transaction = stored(subject, data.instance()), data.uid()
        with associate(subject, [COMMITMENT], calling="EARROLE") as association:
            assert ask(association, request(transaction, items)) == 0x0000
        told = until(lambda: (row := commitment(subject, transaction))["attempts"] and row)
        assert "no-role-selection" in told["words"]
        assert ear.heard.empty()
        add(subject, "ear-role", "EARROLE", ear.port, "commit", "--quirk", "no-role-selection")
        assert ear.result(90).committed == pairs(items)


def test_one_that_cannot_be_called_is_told_when_it_calls(subject):
    """A peer without an address: whatever it is owed is told on its next association."""
    add(subject, "ear-mute", "EARMUTE")
    items, transaction = stored(subject, data.instance()), data.uid()
    with associate(subject, [COMMITMENT], calling="EARMUTE") as association:
        assert ask(association, request(transaction, items)) == 0x0000
    ear = Ear()
    with associate(subject, [COMMITMENT], calling="EARMUTE", evt_handlers=ear.handlers):
        result = ear.result()
    assert (result.transaction, result.committed) == (transaction, pairs(items))


def test_instances_may_be_stored_and_committed_on_one_association(subject):
    """A modality that goes on sending while it is told of what it sent before."""
    first, second = data.instance(), data.instance()
    ear = Ear()
    contexts = [COMMITMENT, (CTImageStorage, [first.file_meta.TransferSyntaxUID])]
    with associate(subject, contexts, evt_handlers=ear.handlers) as association:
        for item in (first, second):
            assert association.send_c_store(item).Status == 0x0000
            assert ask(association, request(data.uid(), [item])) == 0x0000
            assert ear.result().committed == pairs([item])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_request_that_was_answered_outlives_a_kill(make_subject, moment):
    """SIGKILL between the response to the N-ACTION and the report; `before`: while the instance is not settled."""
    node = make_subject()
    port, transaction = free_port(), data.uid()
    add(node, "ear-kill", "EARKILL", port)
    items = data.study(2, 5)
    with associate(node, [COMMITMENT, (CTImageStorage, [items[0].file_meta.TransferSyntaxUID])], calling="EARKILL") as line:
        for item in items:
            assert line.send_c_store(item).Status == 0x0000
        if moment == "after":
            assert until(lambda: ask(line, request(data.uid(), items)) == 0x0000)
            assert until(lambda: commitments(node)[0]["state"] == "due")
        assert ask(line, request(transaction, items)) == 0x0000
        node.kill()
    node.start()
    with Ear(ae_title="EARKILL", port=port) as ear:
        while (result := ear.result(60)).transaction != transaction:
            pass
        assert (result.kind, result.committed) == (1, pairs(items))


def test_what_is_in_the_spool_only_is_not_committed(make_subject, tmp_path):
    """The disk of the objects is away: the instance is safe in the spool and not committed until it has settled."""
    objects = tmp_path / "objects"
    node = make_subject(settings={"CAUSEWAY_STORE__URL": objects.as_uri()})
    node.stop()
    shutil.rmtree(objects, ignore_errors=True)
    objects.mkdir()
    node.start()
    shutil.rmtree(objects)
    objects.write_text("no folder")
    items, transaction, ear = stored(node, data.instance()), data.uid(), Ear()
    with associate(node, [COMMITMENT], evt_handlers=ear.handlers) as association:
        assert ask(association, request(transaction, items)) == 0x0000
        assert ear.hears_nothing(4)
        assert commitment(node, transaction)["state"] == "open"
        objects.unlink()
        objects.mkdir()
        result = ear.result(60)
    assert (result.kind, result.committed) == (1, pairs(items))


def test_a_transaction_uid_names_one_request(subject):
    """The same request once more is the same; another one under its UID is refused with 0131."""
    port, transaction = free_port(), data.uid()
    add(subject, "ear-twice", "EARTWICE", port)
    one, other = stored(subject, *data.study(1, 2))
    with associate(subject, [COMMITMENT], calling="EARTWICE") as association:
        assert ask(association, request(transaction, [one])) == 0x0000
        assert ask(association, request(transaction, [one])) == 0x0000
        assert ask(association, request(transaction, [other])) == 0x0131
    assert [row["uid"] for row in commitments(subject)].count(transaction) == 1
    with Ear(ae_title="EARTWICE", port=port) as ear:
        assert ear.result(60).committed == pairs([one])
        assert until(lambda: commitment(subject, transaction)["state"] == "done")
        with associate(subject, [COMMITMENT], calling="EARTWICE") as association:
            assert ask(association, request(transaction, [one])) == 0x0131, "its result was told"
        assert ear.hears_nothing(2)


def test_a_request_may_name_twenty_thousand_instances_and_no_more(subject):
    information = Dataset()
    information.TransactionUID = data.uid()
    information.ReferencedSOPSequence = [
        reference(CTImageStorage, f"1.2.826.0.1.3680043.8.498.9.{number}") for number in range(20_001)
    ]
    ear = Ear()
    with associate(subject, [COMMITMENT], seconds=120, evt_handlers=ear.handlers) as association:
        assert ask(association, information) == 0x0213
        information.TransactionUID = data.uid()
        information.ReferencedSOPSequence.pop()
        assert ask(association, information) == 0x0000
        result = ear.result(120)
    assert (result.kind, result.committed, len(result.failed)) == (2, set(), 20_000)


def lacking(keyword):
    information = request(data.uid(), [data.instance()])
    delattr(information, keyword)
    return information


@pytest.mark.parametrize(
    ("information", "action", "instance", "status"),
    [
        (request(data.uid(), [data.instance()]), 2, None, 0x0123),
        (request(data.uid(), [data.instance()]), 1, "1.2.3", 0x0112),
        (lacking("TransactionUID"), 1, None, 0x0115),
        (lacking("ReferencedSOPSequence"), 1, None, 0x0115),
        (request(data.uid(), []), 1, None, 0x0115),
    ],
    ids=["another action", "another instance", "no transaction", "no references", "an empty sequence"],
)
def test_a_request_that_is_none_is_refused(subject, information, action, instance, status):
    arguments = {"instance": instance} if instance else {}
    with associate(subject, [COMMITMENT]) as association:
        assert ask(association, information, action, **arguments) == status
        assert ask(association, request(data.uid(), [data.instance()])) == 0x0000, "the association goes on"


def test_who_may_not_commit_is_not_served(subject):
    """The context is refused, and the refusal is in the book of incidents with what would change it."""
    add(subject, "ear-none", "EARNONE", allow="store,query")
    with associate(subject, [COMMITMENT, Verification], calling="EARNONE") as association:
        assert [item.abstract_syntax for item in association.rejected_contexts] == [COMMITMENT]
    # The node that answers may be another: what one notes it writes down every other second.
    (found,) = until(lambda: [
        row for row in requests.get(f"{subject.url}/api/v1/incidents", timeout=10).json()
        if row["peer"]["ae_title"] == "EARNONE"
    ])
    assert "Storage Commitment" in found["words"] and "--allow" in found["remedy"]


def test_who_is_not_asked_is_no_provider(subject):
    """PS3.7 D.3.3.4: the SCP role is for remotes that the node asks to commit."""
    roles = [build_role(COMMITMENT, scu_role=True, scp_role=True)]
    with associate(subject, [COMMITMENT], ext_neg=roles) as association:
        (context,) = association.accepted_contexts
        assert (context.as_scu, context.as_scp) == (True, False)


# Asked by the node.

@pytest.fixture(scope="module")
def sender():
    """A node of the module's own that asks soon after it has sent."""
    from subjects import SUBJECTS

    node = SUBJECTS["causeway"](ae_title="SENDER", settings=QUICK)
    node.start()
    yield node
    node.remove()


def send_on(node, keeper, name, *items):
    """Has the node send these to a keeper that commits."""
    add(node, name, keeper.ae_title, keeper.port, "store", "--commitment")
    node.add_route(name, f'StudyInstanceUID == "{items[0].StudyInstanceUID}"', name)
    return stored(node, *items)


def jobs(node, name, items):
    uids = {str(item.SOPInstanceUID) for item in items}
    return [job for job in node.queue() if job["remote"] == name and job["instance"] in uids]


def all_are(node, name, items, *states):
    found = jobs(node, name, items)
    return len(found) == len(items) and {job["commitment"] for job in found} <= set(states) and found


@pytest.mark.parametrize("tells", ["same", "new", "early"])
def test_what_was_forwarded_is_committed(sender, tells):
    """The result is told on the same association, on a new one, or before the request is even answered."""
    name = f"keeper-{tells}"
    with Keeper(sender, ae_title=name.upper(), tells=tells) as keeper:
        items = send_on(sender, keeper, name, *data.study(2, 2))
        information = keeper.requests.get(timeout=30)
        asked = {(str(it.ReferencedSOPClassUID), str(it.ReferencedSOPInstanceUID)) for it in information.ReferencedSOPSequence}
        assert asked == pairs(items), "one request names all that was sent of the study"
        assert keeper.answers.get(timeout=30) == 0x0000
        found = until(lambda: all_are(sender, name, items, "committed"))
    assert found and {job["state"] for job in found} == {"delivered"}
    assert "delivered, committed" in sender.run("queue", "list", "--remote", name)
    (row,) = [row for row in json.loads(sender.run("queue", "--json")) if row["remote"] == name]
    assert (row["delivered"], row["committed"]) == (len(items), len(items))
    study = requests.get(f"{sender.url}/api/v1/studies/{items[0].StudyInstanceUID}/story", timeout=10).json()["deliveries"]
    assert [(row["delivered"], row["committed"]) for row in study] == [(len(items), len(items))]
    metrics = requests.get(f"{sender.url}/metrics", timeout=10).text
    assert f'causeway_delivery_committed{{remote="{name}"}} {len(items)}' in metrics
    assert 'causeway_errands{kind="asked-by-us",state="done"}' in metrics
    told = commitment(sender, str(information.TransactionUID))
    assert (told["kind"], told["state"], told["remote"], told["failed"]) == ("asked-by-us", "done", name, 0)


def test_what_is_not_committed_is_parked_with_the_reason(sender):
    """A job whose instance the far side does not keep is not delivered, whatever it said to the C-STORE."""
    with Keeper(sender, ae_title="KEEPERPART", reasons={0: 0x0213}) as keeper:
        items = send_on(sender, keeper, "keeper-part", *data.study(1, 3))
        information = keeper.requests.get(timeout=30)
        found = until(lambda: all_are(sender, "keeper-part", items, "committed", "not-committed"))
    bad = str(information.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    states = {job["instance"]: (job["state"], job["commitment"]) for job in found}
    assert states.pop(bad) == ("parked", "not-committed")
    assert set(states.values()) == {("delivered", "committed")}
    (job,) = [job for job in found if job["instance"] == bad]
    assert "not committed" in job["last"]["words"] and "0213" in job["last"]["words"]
    assert "not committed" in sender.run("queue", "list", "--remote", "keeper-part")


def test_what_the_far_side_does_not_have_is_sent_once_more(sender):
    """0112: it said Success and has it not; it is sent again, once, and parked when that does not help."""
    with Keeper(sender, ae_title="KEEPERLOST", reasons={0: 0x0112}) as keeper:
        (item,) = send_on(sender, keeper, "keeper-lost", data.instance())
        keeper.requests.get(timeout=30)
        keeper.requests.get(timeout=30)
        found = until(lambda: all_are(sender, "keeper-lost", [item], "not-committed"))
    assert [job["state"] for job in found] == ["parked"]
    assert keeper.stored == [str(item.SOPInstanceUID)] * 2


def test_a_request_that_is_refused_is_made_again_under_another_uid(sender):
    with Keeper(sender, ae_title="KEEPERBUSY", statuses=[0x0213]) as keeper:
        items = send_on(sender, keeper, "keeper-busy", data.instance())
        first = keeper.requests.get(timeout=30)
        second = keeper.requests.get(timeout=90)
        assert first.TransactionUID != second.TransactionUID
        assert until(lambda: all_are(sender, "keeper-busy", items, "committed"))


def test_one_that_is_silent_is_waited_for(sender):
    """Without a result nothing is committed; it is told of as awaited. The result may come later, after a restart."""
    with Keeper(sender, ae_title="KEEPERMUTE", tells="never") as keeper:
        items = send_on(sender, keeper, "keeper-mute", data.instance())
        information = keeper.requests.get(timeout=30)
        transaction = str(information.TransactionUID)
        assert until(lambda: commitment(sender, transaction)["state"] == "awaited")
        assert all_are(sender, "keeper-mute", items, "asked")
        sender.kill()
        sender.start()
        assert all_are(sender, "keeper-mute", items, "asked")
        keeper.call(*keeper.settlement(information))
        assert keeper.answers.get(timeout=30) == 0x0000
        assert all_are(sender, "keeper-mute", items, "committed")
        keeper.call(*keeper.settlement(information))
        assert keeper.answers.get(timeout=30) == 0x0000, "the same result once more is no news"


def test_a_result_that_nobody_asked_for_is_refused_and_noted(sender):
    with Keeper(sender, ae_title="KEEPEROFF", tells="never") as keeper:
        add(sender, "keeper-off", "KEEPEROFF", keeper.port, "store", "--commitment")
        keeper.call(*keeper.settlement(request(data.uid(), [data.instance()])))
        assert keeper.answers.get(timeout=30) == 0x0110
    book = requests.get(f"{sender.url}/api/v1/incidents", timeout=10).json()
    (found,) = [row for row in book if row["peer"]["ae_title"] == "KEEPEROFF"]
    assert "Transaction UID" in found["words"]


def test_another_remote_cannot_answer_for_the_one_that_was_asked(sender):
    with (
        Keeper(sender, ae_title="KEEPERTRUE", tells="never") as keeper,
        Keeper(sender, ae_title="KEEPERFALSE", tells="never") as other,
    ):
        items = send_on(sender, keeper, "keeper-true", data.instance())
        add(sender, "keeper-false", "KEEPERFALSE", other.port, "store", "--commitment")
        information = keeper.requests.get(timeout=30)
        other.call(*other.settlement(information))
        assert other.answers.get(timeout=30) == 0x0110
        assert all_are(sender, "keeper-true", items, "wanted", "asked")


def test_a_remote_without_the_flag_is_not_asked(sender):
    with Receiver("PLAINKEEPER") as receiver:
        sender.add_remote("plain", "PLAINKEEPER", receiver.port)
        item = data.instance()
        sender.add_route("plain", f'StudyInstanceUID == "{item.StudyInstanceUID}"', "plain")
        stored(sender, item)
        found = until(lambda: [job for job in jobs(sender, "plain", [item]) if job["state"] == "delivered"])
    assert [job["commitment"] for job in found] == [None]


# With Orthanc.

@pytest.fixture
def orthanc(make_subject):
    return make_subject("orthanc")


def meet(orthanc, node, name, *flags):
    """Each knows the other, and Orthanc lets it ask for commitment."""
    add(node, name, orthanc.ae_title, orthanc.dimse_port, "store,query,retrieve,commit", *flags)
    answer = requests.put(
        f"{orthanc.url}/modalities/node", timeout=10, json={
            "AET": node.ae_title, "Host": node.host, "Port": node.dimse_port, "AllowStorageCommitment": True,
        },
    )
    answer.raise_for_status()


def test_orthanc_asks_and_is_told(make_subject, orthanc):
    """Orthanc as the user: its report says Success for what we keep, Failure with the reason for what we do not."""
    node = make_subject()
    meet(orthanc, node, "orthanc")
    kept, unknown = data.instance(), data.instance()
    stored(node, kept)
    for item in (kept, unknown):
        answer = requests.post(f"{orthanc.url}/instances", data=data.file_of(item), timeout=10)
        answer.raise_for_status()

    def report_of(*items):
        asked = requests.post(
            f"{orthanc.url}/modalities/node/storage-commitment", timeout=20,
            json={"DicomInstances": [[str(item.SOPClassUID), str(item.SOPInstanceUID)] for item in items]},
        )
        assert asked.status_code == 200, asked.text
        path = f"{orthanc.url}/storage-commitment/{asked.json()['ID']}"
        end = lambda: (report := requests.get(path, timeout=10).json())["Status"] != "Pending" and report
        return until(end, 60)

    report = report_of(kept)
    assert report["Status"] == "Success", report
    assert [row["SOPInstanceUID"] for row in report["Success"]] == [str(kept.SOPInstanceUID)]
    report = report_of(kept, unknown)
    assert report["Status"] == "Failure", report
    assert [row["SOPInstanceUID"] for row in report["Success"]] == [str(kept.SOPInstanceUID)]
    (failed,) = report["Failures"]
    assert failed["SOPInstanceUID"] == str(unknown.SOPInstanceUID)
    assert "was not available" in failed["Description"], "it is what PS3.3 C.14 says of 0112"


def test_orthanc_is_sent_to_and_commits(make_subject, orthanc):
    """Orthanc as the provider: what it was sent is committed; what it has lost meanwhile is sent to it again."""
    node = make_subject(settings=QUICK)
    meet(orthanc, node, "orthanc", "--commitment")
    items = data.study(2, 3)
    node.add_route("all", 'Modality == "CT"', "orthanc")
    stored(node, *items)
    assert until(lambda: all_are(node, "orthanc", items, "committed"), 60), node.queue()
    assert {row["state"] for row in commitments(node)} == {"done"}


def test_orthanc_has_lost_what_it_took(make_subject, orthanc):
    """What Orthanc says it has not is sent to it once more, and committed then."""
    node = make_subject(settings={**QUICK, "CAUSEWAY_FORWARD__ERRANDS__GATHER_SECONDS": "5"})
    meet(orthanc, node, "orthanc", "--commitment")
    node.add_route("all", 'Modality == "CT"', "orthanc")
    (item,) = stored(node, data.instance())
    assert until(lambda: [job for job in jobs(node, "orthanc", [item]) if job["state"] == "delivered"])
    (kept,) = requests.get(f"{orthanc.url}/instances", timeout=10).json()
    requests.delete(f"{orthanc.url}/instances/{kept}", timeout=10).raise_for_status()
    assert until(lambda: all_are(node, "orthanc", [item], "committed"), 60), node.queue()
    assert len(requests.get(f"{orthanc.url}/instances", timeout=10).json()) == 1
    assert sorted(row["failed"] for row in commitments(node)) == [0, 1]

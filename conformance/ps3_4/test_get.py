"""PS3.4 annex C.4.3: C-GET."""

import pytest
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    MRImageStorage,
)
from pynetdicom import build_role, evt
from pynetdicom.sop_class import Verification

import data
import samples
from clients import GET, PLAIN, associate, dcmtk, get, identifier, stored


@pytest.fixture(scope="module")
def held(subject):
    """One study of two series and six CT instances."""
    return stored(subject, *data.study(series=2, instances=3))


@pytest.fixture(scope="module")
def mixed(subject):
    """One study of three CT and two MR instances."""
    ct = data.study(series=1, instances=3)
    common = {"StudyInstanceUID": ct[0].StudyInstanceUID, "PatientID": ct[0].PatientID}
    mr = data.study(series=1, instances=2, SOPClassUID=MRImageStorage, Modality="MR", **common)
    return stored(subject, *ct), stored(subject, *mr)


def study_of(items):
    """The identifier that retrieves the study."""
    return identifier("STUDY", StudyInstanceUID=items[0].StudyInstanceUID)


def uids_of(items):
    """Their SOP Instance UIDs."""
    return {str(item.SOPInstanceUID) for item in items}


def counts_of(status):
    """Completed, failed and warning sub-operations."""
    return (
        status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations,
        status.NumberOfWarningSuboperations,
    )


def test_a_study_comes_whole_on_the_same_association(subject, held):
    """PS3.4 §C.4.3.3.1: every instance as it was stored, the counts of the end are right, nothing failed."""
    got = get(subject, study_of(held), [CTImageStorage])
    assert got.status.Status == 0x0000
    assert counts_of(got.status) == (6, 0, 0)
    assert "NumberOfRemainingSuboperations" not in got.status
    assert {item.sop_instance: item.body for item in got.given} == {
        item.SOPInstanceUID: data.encoded(item) for item in held
    }
    assert len(got.given) == 6
    assert got.identifier is None or len(got.identifier) == 0


@pytest.mark.parametrize("root", ["STUDY", "PATIENT"])
@pytest.mark.parametrize("level", ["STUDY", "SERIES", "IMAGE"])
def test_every_level_of_both_roots(subject, held, root, level):
    """PS3.4 §C.4.3.1.3.1: unique keys of the levels above, and the level's own."""
    keys, expected = {"StudyInstanceUID": held[0].StudyInstanceUID}, held
    if root == "PATIENT":
        keys["PatientID"] = held[0].PatientID
    if level in ("SERIES", "IMAGE"):
        keys["SeriesInstanceUID"], expected = held[0].SeriesInstanceUID, held[:3]
    if level == "IMAGE":
        expected = [held[0], held[2]]
        keys["SOPInstanceUID"] = [item.SOPInstanceUID for item in expected]
    got = get(subject, identifier(level, **keys), [CTImageStorage], root)
    assert got.status.Status == 0x0000
    assert got.uids() == uids_of(expected)
    assert len(got.given) == len(expected)


def test_a_patient_comes_whole(subject, held):
    """PS3.4 §C.6.1: the patient level of the patient root."""
    got = get(subject, identifier("PATIENT", PatientID=held[0].PatientID), [CTImageStorage], "PATIENT")
    assert got.status.Status == 0x0000
    assert got.uids() == uids_of(held)


def test_pending_responses_count_down(subject, held):
    """PS3.4 §C.4.3.3.1: Remaining, Completed, Failed and Warning add up in each pending response, which has no data set."""
    got = get(subject, study_of(held), [CTImageStorage])
    assert got.status.Status == 0x0000
    for step in got.pending:
        assert step.NumberOfRemainingSuboperations + sum(counts_of(step)) == len(held)
    remaining = [step.NumberOfRemainingSuboperations for step in got.pending]
    assert remaining == sorted(remaining, reverse=True)


@pytest.mark.orthanc_fails(reason="ends without the list of what failed")
def test_without_role_selection_nothing_can_be_given(subject, held):
    """PS3.7 §D.3.3.4: the default roles hold, so each sub-operation fails, by name; the association is as good as before."""
    given = []
    handlers = [(evt.EVT_C_STORE, lambda event: given.append(event) or 0x0000)]
    with associate(
        subject, [Verification, GET["STUDY"], CTImageStorage], evt_handlers=handlers,
    ) as association:
        *_, (status, answer) = association.send_c_get(study_of(held), GET["STUDY"])
        assert status.Status == 0xA702
        assert counts_of(status) == (0, 6, 0)
        assert set(answer.FailedSOPInstanceUIDList) == uids_of(held)
        assert given == []
        assert association.send_c_echo().Status == 0x0000


@pytest.mark.orthanc_fails(reason="gives up at the first failure")
def test_a_sop_class_without_a_context_fails_by_name(subject, mixed):
    """PS3.4 §C.4.3.3.1: no presentation context is a failed sub-operation; B000 when others were given."""
    ct, mr = mixed
    got = get(subject, study_of(ct), [CTImageStorage])
    assert got.status.Status == 0xB000
    assert counts_of(got.status) == (3, 2, 0)
    assert (got.uids(), got.failed()) == (uids_of(ct), uids_of(mr))


@pytest.mark.orthanc_fails(reason="ends without the list of what failed")
def test_a_role_is_taken_for_each_sop_class_by_itself(subject, mixed):
    """PS3.7 §D.3.3.4: contexts for both, the role for one."""
    ct, mr = mixed
    got = get(subject, study_of(ct), [CTImageStorage, MRImageStorage], roles=[MRImageStorage])
    assert got.status.Status == 0xB000
    assert (got.uids(), got.failed()) == (uids_of(mr), uids_of(ct))


def test_only_roles_that_were_offered_are_granted(subject):
    """PS3.7 §D.3.3.4: one answer for each SOP class, and no role that was not proposed."""
    roles = [build_role(CTImageStorage, scp_role=True), build_role(MRImageStorage, scp_role=True, scu_role=True)]
    with associate(subject, [GET["STUDY"], CTImageStorage, MRImageStorage], ext_neg=roles) as association:
        granted = association.acceptor.role_selection
        assert set(granted) == {CTImageStorage, MRImageStorage}
        assert granted[CTImageStorage].scp_role and not granted[CTImageStorage].scu_role
        assert granted[MRImageStorage].scp_role
    with associate(subject, [GET["STUDY"], CTImageStorage]) as association:
        assert association.acceptor.role_selection == {}


@pytest.mark.parametrize("code", [0xA700, 0xC000, 0x0110])
@pytest.mark.orthanc_fails(reason="ends without the list of what failed")
def test_a_requestor_that_cannot_keep_one(subject, held, code):
    """PS3.4 §C.4.3.3.1: B000, the others come, and the one is named."""
    got = get(
        subject, study_of(held), [CTImageStorage],
        answer=lambda uid: code if uid == held[2].SOPInstanceUID else 0x0000,
    )
    assert got.status.Status == 0xB000
    assert counts_of(got.status) == (5, 1, 0)
    assert got.failed() == {held[2].SOPInstanceUID}
    assert got.uids() == uids_of(held)


@pytest.mark.orthanc_fails(reason="ends without the list of what failed")
def test_a_requestor_that_can_keep_none(subject, held):
    """PS3.4 §C.4.3.3.1: A702 when all failed."""
    got = get(subject, study_of(held), [CTImageStorage], answer=lambda uid: 0xA700)
    assert got.status.Status == 0xA702
    assert counts_of(got.status) == (0, 6, 0)
    assert got.failed() == uids_of(held)


def test_a_requestor_that_warns(subject, held):
    """PS3.4 §C.4.3.3.1: B000 when all sub-operations ended with a warning; nothing failed."""
    got = get(subject, study_of(held), [CTImageStorage], answer=lambda uid: 0xB000)
    assert got.status.Status == 0xB000
    assert counts_of(got.status) == (0, 0, 6)
    assert got.failed() == set()


@pytest.mark.orthanc_fails(reason="does not count the instance that the cancel met")
@pytest.mark.parametrize("after", [1, 5])
def test_a_cancel_is_obeyed(subject, after):
    """PS3.4 §C.4.3.3.1: FE00; Remaining counts what was not begun, and nothing more comes."""
    many = stored(subject, *data.study(series=1, instances=30))
    got = get(subject, study_of(many), [CTImageStorage], cancel_after=after)
    assert got.status.Status == 0xFE00
    assert len(got.given) < len(many)
    assert got.status.NumberOfCompletedSuboperations == len(got.given)
    assert got.status.NumberOfRemainingSuboperations == len(many) - len(got.given)
    assert got.failed() == set()


@pytest.mark.orthanc_fails(reason="takes any cancel for its own")
def test_a_cancel_of_something_else_changes_nothing(subject, held):
    """PS3.7 §9.3.2.3: a C-CANCEL for a message id that is not under way is ignored."""
    def on_store(event):
        event.assoc.send_c_cancel(999, query_model=GET["STUDY"])
        return 0x0000

    roles = [build_role(CTImageStorage, scp_role=True)]
    with associate(
        subject, [GET["STUDY"], CTImageStorage], ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, on_store)],
    ) as association:
        *_, (status, _) = association.send_c_get(study_of(held), GET["STUDY"])
    assert status.Status == 0x0000
    assert status.NumberOfCompletedSuboperations == len(held)


@pytest.mark.orthanc_fails(reason="takes any cancel for its own")
def test_a_cancel_that_comes_too_late_does_not_end_what_follows(subject, held):
    """PS3.7 §9.3.2.3: it names a message id; the next request may have the same one."""
    given = []

    def on_store(event):
        given.append(event.request.AffectedSOPInstanceUID)
        if len(given) == len(held):
            event.assoc.send_c_cancel(5, query_model=GET["STUDY"])
        return 0x0000

    roles = [build_role(CTImageStorage, scp_role=True)]
    with associate(
        subject, [GET["STUDY"], CTImageStorage], ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, on_store)],
    ) as association:
        for _ in range(2):
            *_, (status, _) = association.send_c_get(study_of(held), GET["STUDY"], msg_id=5)
            assert status.NumberOfCompletedSuboperations == len(held)
            assert status.Status == 0x0000
    assert len(given) == 2 * len(held)


@pytest.mark.orthanc_fails(reason="answers C000")
def test_no_match_is_success_with_zeros(subject):
    """PS3.4 §C.4.3.3.1: nothing matched, nothing failed."""
    got = get(subject, identifier("STUDY", StudyInstanceUID=data.uid()), [CTImageStorage])
    assert got.status.Status == 0x0000
    assert got.status.get("NumberOfCompletedSuboperations", 0) == 0
    assert got.given == []


@pytest.mark.orthanc_fails(reason="answers C000")
@pytest.mark.parametrize("level, keys", [
    ("", {"StudyInstanceUID": "1.2.3"}),
    ("FOO", {"StudyInstanceUID": "1.2.3"}),
    ("PATIENT", {"PatientID": "P1"}),
    ("STUDY", {}),
    ("STUDY", {"StudyInstanceUID": "*"}),
    ("SERIES", {"SeriesInstanceUID": "1.2.3"}),
    ("STUDY", {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4"}),
], ids=["no-level", "unknown-level", "patient-of-study-root", "no-key", "wildcard", "no-study", "key-below"])
def test_an_identifier_that_does_not_fit(subject, level, keys):
    """PS3.4 table C.4-3: A900, and nothing is given."""
    got = get(subject, identifier(level, **keys), [CTImageStorage])
    assert got.status.Status == 0xA900
    assert got.given == []


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ids=["implicit", "explicit"])
def test_a_context_of_one_transfer_syntax(subject, held, syntax):
    """PS3.5 §10.1: uncompressed data sets are given in what was agreed."""
    got = get(subject, study_of(held), [(CTImageStorage, [syntax])])
    assert got.status.Status == 0x0000
    assert {item.transfer_syntax for item in got.given} == {syntax}
    assert got.uids() == uids_of(held)


def test_a_context_that_offers_compression_as_well(subject, held):
    """PS3.8 §9.3.3.2: of the syntaxes offered in one context, one is chosen in which what is here can be given."""
    offered = [JPEG2000Lossless, ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    got = get(subject, study_of(held), [(CTImageStorage, offered)])
    assert got.status.Status == 0x0000
    assert got.uids() == uids_of(held)


def test_each_instance_goes_on_the_context_of_its_transfer_syntax(subject, held):
    """PS3.8 §9.3.2.2: several contexts for one SOP class; what is kept in explicit VR goes as it is kept."""
    contexts = [(CTImageStorage, [syntax]) for syntax in (JPEG2000Lossless, *reversed(PLAIN))]
    got = get(subject, study_of(held), contexts)
    assert got.status.Status == 0x0000
    assert {item.sop_instance: item.body for item in got.given} == {
        item.SOPInstanceUID: data.encoded(item) for item in held
    }


def test_what_is_compressed_is_given_as_it_is_kept(subject):
    """PS3.4 §C.4.3.3.1: on a context of its own transfer syntax, byte for byte."""
    found = [sample for sample in samples.good("get") if sample.transfer_syntax == JPEGLosslessSV1]
    if not found:
        pytest.skip("no sample in JPEG lossless")
    sample = found[0]
    file = sample.dataset()
    stored(subject, file)
    keys = identifier(
        "IMAGE", StudyInstanceUID=sample.study, SeriesInstanceUID=sample.series, SOPInstanceUID=sample.sop_instance,
    )
    got = get(subject, keys, [(sample.sop_class, [JPEGLosslessSV1]), (sample.sop_class, PLAIN)])
    assert got.status.Status == 0x0000
    assert [(item.transfer_syntax, item.sop_instance) for item in got.given] == [(JPEGLosslessSV1, sample.sop_instance)]
    assert data.split(sample.bytes())[1] == got.given[0].body


def test_storing_and_getting_on_one_association(subject):
    """PS3.7 §D.3.3.4: a requestor in both roles."""
    item = data.instance()
    given = []

    def on_store(event):
        given.append(event.request.AffectedSOPInstanceUID)
        return 0x0000

    roles = [build_role(CTImageStorage, scu_role=True, scp_role=True)]
    contexts = [GET["STUDY"], (CTImageStorage, [ExplicitVRLittleEndian])]
    with associate(subject, contexts, ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, on_store)]) as association:
        assert association.send_c_store(item).Status == 0x0000
        *_, (status, _) = association.send_c_get(study_of([item]), GET["STUDY"])
    assert status.Status == 0x0000
    assert given == [item.SOPInstanceUID]


def test_getscu_of_dcmtk(subject, held, folder):
    """PS3.4 §C.4.3: a client of another make."""
    done = dcmtk(
        "getscu", "-v", "-S", "-aec", subject.ae_title, "-od", str(folder), "-k", "QueryRetrieveLevel=STUDY",
        "-k", f"StudyInstanceUID={held[0].StudyInstanceUID}", subject.host, str(subject.dimse_port),
    )
    assert done.returncode == 0, done.stderr
    assert len(list(folder.iterdir())) == len(held)


# What a caller may, and what it cannot bear.

@pytest.mark.only("causeway")
def test_who_may_retrieve_but_not_store_is_given_and_not_taken_from(subject, held):
    """PS3.7 §D.3.3.4: the SCP role is granted, the SCU role is not, and a C-STORE is refused with 0124."""
    subject.run("remote", "add", "getsonly", "--ae-title", "GETSONLY", "--allow", "retrieve")
    assert get(subject, study_of(held), [CTImageStorage], calling="GETSONLY").uids() == uids_of(held)
    roles = [build_role(CTImageStorage, scu_role=True, scp_role=True)]
    with associate(
        subject, [GET["STUDY"], (CTImageStorage, [ExplicitVRLittleEndian])], calling="GETSONLY", ext_neg=roles,
    ) as association:
        granted = association.acceptor.role_selection[CTImageStorage]
        assert granted.scp_role and not granted.scu_role
        context = next(it for it in association.accepted_contexts if it.abstract_syntax == CTImageStorage)
        context._as_scu = True  # it stores all the same
        assert association.send_c_store(data.instance()).Status == 0x0124


@pytest.mark.only("causeway")
def test_who_may_store_but_not_retrieve_is_given_nothing(subject, held):
    """PS3.8 §9.3.3.2: the contexts of C-GET, and of the role of an SCP, are rejected by the user."""
    subject.run("remote", "add", "storesonly", "--ae-title", "STORESONLY", "--allow", "store")
    roles = [build_role(MRImageStorage, scp_role=True), build_role(CTImageStorage, scp_role=True, scu_role=True)]
    with associate(
        subject, [GET["STUDY"], MRImageStorage, CTImageStorage], calling="STORESONLY", ext_neg=roles,
    ) as association:
        assert [context.abstract_syntax for context in association.accepted_contexts] == [CTImageStorage]
        assert {context.result for context in association.rejected_contexts} == {1}
        granted = association.acceptor.role_selection[CTImageStorage]
        assert granted.scu_role and not granted.scp_role


@pytest.mark.only("causeway")
def test_a_caller_that_does_not_bear_role_selection(subject, held):
    """PS3.7 §D.3.3.4: its roles are left without an answer, so nothing can be given to it."""
    subject.run("remote", "add", "noroles", "--ae-title", "NOROLES", "--quirk", "no-role-selection")
    got = get(subject, study_of(held), [CTImageStorage], calling="NOROLES")
    assert got.status.Status == 0xA702
    assert (got.given, got.failed()) == ([], uids_of(held))


@pytest.mark.only("causeway")
def test_a_caller_that_bears_implicit_vr_alone(subject, held):
    """PS3.5 §10.1: it is given implicit VR, whatever it offers."""
    subject.run("remote", "add", "implicits", "--ae-title", "IMPLICITS", "--quirk", "implicit-only")
    got = get(subject, study_of(held), [(CTImageStorage, PLAIN)], calling="IMPLICITS")
    assert got.status.Status == 0x0000
    assert {item.transfer_syntax for item in got.given} == {ImplicitVRLittleEndian}


@pytest.mark.only("causeway")
def test_a_caller_that_bears_small_pdus_alone(subject):
    """PS3.8 §D.1: it is sent no more than 16 KiB in a PDU, and told to send no more."""
    subject.run("remote", "add", "smallpdus", "--ae-title", "SMALLPDUS", "--quirk", "small-pdus")
    large = stored(subject, data.instance(rows=4096))
    lengths = []

    def on_pdu(event):
        if event.pdu.pdu_type == 0x04:
            lengths.append(event.pdu.pdu_length)

    handlers = [(evt.EVT_C_STORE, lambda event: 0x0000), (evt.EVT_PDU_RECV, on_pdu)]
    roles = [build_role(CTImageStorage, scp_role=True)]
    with associate(
        subject, [GET["STUDY"], CTImageStorage], calling="SMALLPDUS", ext_neg=roles, evt_handlers=handlers, max_pdu=0,
    ) as association:
        assert association.acceptor.maximum_length == 16384
        *_, (status, _) = association.send_c_get(study_of(large), GET["STUDY"])
    assert status.Status == 0x0000
    assert 8000 < max(lengths) <= 16384

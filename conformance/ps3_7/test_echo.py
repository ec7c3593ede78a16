"""PS3.7 §9.1.5 and §9.3.5: C-ECHO; PS3.4 annex A: the Verification service class."""

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from clients import associate, dcmtk, echo


def test_echo_is_answered_with_success(subject):
    """PS3.7 §9.1.5.1.4: status Success."""
    assert echo(subject) == 0x0000


def test_many_echoes_on_one_association(subject):
    """PS3.7 §9.3.5: each request has its own response, with its Message ID."""
    answered = []

    def on_message(event):
        answered.append(event.message.command_set.MessageIDBeingRespondedTo)

    with associate(subject, [Verification], evt_handlers=[(evt.EVT_DIMSE_RECV, on_message)]) as association:
        for message in (1, 7, 65535):
            assert association.send_c_echo(msg_id=message).Status == 0x0000
    assert answered == [1, 7, 65535]


def test_echo_of_dcmtk(subject):
    """PS3.4 §A.4: a peer of another make is answered as well."""
    done = dcmtk("echoscu", "-v", "-aec", subject.ae_title, subject.host, str(subject.dimse_port))
    assert done.returncode == 0, done.stderr
    assert "Success" in done.stdout + done.stderr


def test_echo_in_each_transfer_syntax_offered(subject):
    """PS3.7 §6.3.1: the command set is implicit VR little endian, whatever the context's transfer syntax."""
    for syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1"):
        with associate(subject, [(Verification, [syntax])]) as association:
            assert association.accepted_contexts[0].transfer_syntax == [syntax]
            assert association.send_c_echo().Status == 0x0000


@pytest.mark.parametrize("count", [20])
def test_associations_at_the_same_time(subject, count):
    """PS3.8 §7.1: associations are independent of one another."""
    entity = AE(ae_title="CONFORMANCE")
    entity.add_requested_context(Verification)
    held = [entity.associate(subject.host, subject.dimse_port, ae_title=subject.ae_title) for _ in range(count)]
    try:
        assert all(association.is_established for association in held)
        assert [association.send_c_echo().Status for association in reversed(held)] == [0x0000] * count
    finally:
        for association in held:
            association.release()

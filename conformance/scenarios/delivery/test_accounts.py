"""A delivery on a good day, over each transport to each make; and that the accounts tell a lie from the truth."""

import pytest

from deliveries import ALL, study


def _marked(pair):
    lacking = [pytest.mark.causeway_lacks(reason="the parts of a store request name a transfer syntax, and Orthanc drops them")]
    return pytest.param(pair, marks=lacking if pair == ("orthanc", "stow") else [], id="-".join(pair))


@pytest.mark.parametrize("delivery", [_marked(pair) for pair in ALL], indirect=True)
def test_what_is_sent_is_there_once_and_said_to_be(delivery):
    """Two series of a study, sent when it is quiet."""
    delivery.line.has_plain_parts = False
    delivery.send(*study(2, 5), trigger="study")
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}

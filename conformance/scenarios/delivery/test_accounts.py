"""A delivery on a good day, over each transport to each make; and that the accounts tell a lie from the truth."""

import pytest

from deliveries import ALL, study
from together import to_each

pytestmark = pytest.mark.only("causeway")


@to_each([pair for pair in ALL if pair != ("orthanc", "stow")])
def test_what_is_sent_is_there_once_and_said_to_be(delivery):
    """Two series of a study, sent when it is quiet."""
    good_day(delivery)


@pytest.mark.causeway_lacks(reason="the parts of a store request name a transfer syntax, and Orthanc drops them")
@to_each([("orthanc", "stow")])
def test_a_server_that_takes_parts_without_parameters_only(delivery):
    """Orthanc's plugin of Debian 12."""
    good_day(delivery)


def good_day(delivery):
    """All is sent once, and there."""
    delivery.line.has_plain_parts = False
    delivery.send(*study(2, 5), trigger="study")
    delivery.assert_accounts()
    assert set(delivery.ledger.times_sent().values()) == {1}

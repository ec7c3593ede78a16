"""A real proxy in front of the destination, which ends each connection after a hundred requests: over HTTP/2 by GOAWAY
(RFC 9113 §6.8), over HTTP/1.1 by closing it (RFC 9112 §9.6)."""

import collections

import pytest

import pki
from deliveries import study
from proxy import Nginx
from together import at_once

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

REQUESTS = 100
INSTANCES = 210
OVER = {"http2": "HTTP/2.0", "": "HTTP/1.1"}


def test_an_end_to_each_connection_after_a_hundred_requests(deliver, destinations, make_node, tmp_path):
    """Each instance is a request of its own; each arrives once, and none fails for it."""
    authority = pki.Authority(tmp_path)
    destination = destinations("causeway")

    def over(protocol, spoken):
        node = make_node(CAUSEWAY_FORWARD__REQUEST_BYTES="1", SSL_CERT_FILE=str(authority.certificate))
        delivery = deliver(destination, "stow", node)
        folder = tmp_path / spoken.replace("/", "-")
        folder.mkdir()
        with Nginx(folder, authority, f"http://127.0.0.1:{delivery.line.port}", REQUESTS, protocol) as nginx:
            node.add_web_remote(delivery.remote, f"https://127.0.0.1:{nginx.port}/front")
            delivery.send(*study(1, INSTANCES), trigger="study")
            delivery.assert_accounts()
            served = nginx.served()
        assert {spoke for _, spoke, _ in served} == {spoken}
        assert {status for _, _, status in served} == {200}
        assert len(served) == INSTANCES
        assert max(collections.Counter(connection for connection, _, _ in served).values()) == REQUESTS
        assert {job["attempts"] for job in delivery.jobs().values()} == {1}

    at_once({spoken: lambda pair=(protocol, spoken): over(*pair) for protocol, spoken in OVER.items()})

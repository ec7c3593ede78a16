"""A real proxy in front of the destination. It ends each connection after a hundred requests: over HTTP/2 by GOAWAY
(RFC 9113 §6.8), over HTTP/1.1 by closing it (RFC 9112 §9.6); and it takes no long bodies (RFC 9110 §15.5.14)."""

import collections
import contextlib

import pytest

import pki
from accounts import Because
from deliveries import study
from proxy import Nginx
from together import at_once

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

INSTANCES = 330
OVER = {"http2": "HTTP/2.0", "": "HTTP/1.1"}


@contextlib.contextmanager
def behind_nginx(deliver, make_node, destination, folder, protocol, settings, lines=None, **limits):
    """A delivery to the destination through nginx, from a node of its own; over so many lines at once, where that is
    said."""
    folder = folder / (protocol or "http1")
    folder.mkdir()
    authority = pki.Authority(folder)
    node = make_node(SSL_CERT_FILE=str(authority.certificate), **settings)
    delivery = deliver(destination, "stow", node)
    with Nginx(folder, authority, f"http://127.0.0.1:{delivery.line.port}", protocol, **limits) as nginx:
        address = f"https://127.0.0.1:{nginx.port}/front"
        options = ["--lines", str(lines)] if lines else []
        node.run("remote", "add", delivery.remote, "--dicomweb", address, "--allow", "store,query,retrieve", *options)
        yield delivery, nginx


@pytest.mark.parametrize(("lines", "requests"), [(1, 100), (None, 10)], ids=["one line", "as many as there are"])
def test_an_end_to_each_connection_after_so_many_requests(
    deliver, destinations, make_node, tmp_path, lines, requests,
):
    """Each instance is a request of its own; each arrives once, and none fails for it, however many are under way at
    once. Over one line one connection carries as many as it may; several take turns, and are ended sooner."""
    destination = destinations("causeway")

    def over(protocol, spoken):
        settings = {"CAUSEWAY_FORWARD__REQUEST_BYTES": "1"}
        with behind_nginx(
            deliver, make_node, destination, tmp_path, protocol, settings, lines, requests=requests,
        ) as (delivery, nginx):
            delivery.send(*study(1, INSTANCES), trigger="study")
            delivery.assert_accounts()
            served = nginx.served()
        assert {request.protocol for request in served} == {spoken}
        # The far side is asked what it lists, too.
        stores = [request for request in served if request.method == "POST"]
        assert {request.status for request in stores} == {200}
        assert len(stores) == INSTANCES
        carried = collections.Counter(request.connection for request in served)
        assert max(carried.values()) == requests and len(carried) >= INSTANCES // requests
        assert {job["attempts"] for job in delivery.jobs().values()} == {1}

    at_once({spoken: lambda pair=(protocol, spoken): over(*pair) for protocol, spoken in OVER.items()})


@pytest.mark.parametrize("protocol", OVER, ids=OVER.get)
def test_a_limit_to_bodies(deliver, destinations, make_node, tmp_path, protocol):
    """1 MiB, as nginx has it by itself: what is too long together goes one by one, and the one that is too long by itself
    is parked and says so."""
    items = study(1, 10)
    for item in items:
        item.Rows, item.Columns, item.PixelData = 512, 300, bytes(512 * 300 * 2)
    items[4].Rows, items[4].PixelData = 4096, bytes(4096 * 300 * 2)
    big = items[4].SOPInstanceUID
    with behind_nginx(
        deliver, make_node, destinations("causeway"), tmp_path, protocol, {}, body_limit="1m",
    ) as (delivery, _):
        delivery.send(*items, trigger="study")
        delivery.assert_accounts(undelivered={big: Because("peer", 413, "HTTP 413: .*too large")})
    assert set(delivery.ledger.times_sent()) == set(delivery.uids()) - {big}
